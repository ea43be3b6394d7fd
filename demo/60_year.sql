-- One week is one draw: the same splits for every feature of the 52 weeks before it, by
-- window functions over a table of this demo; each forecast and its spread from before its week.
CREATE TABLE demo.past AS
SELECT l.* FROM demo.line l JOIN demo.chosen ON day < starts_on;

CREATE TABLE demo.past_split AS
SELECT split, 'plain SQL' AS made_by, p.units AS sold, p.on_position + quantity AS available
FROM demo.plain_split p
JOIN demo.chosen ON day < starts_on
UNION ALL
SELECT method, 'pg_merch', units,
       on_position + merch.allocate(supply, need, method, minimum, NULL, pack, tier, 1, on_position)
                         OVER (PARTITION BY method, item_id, day ORDER BY location_id)
FROM demo.past
CROSS JOIN (VALUES ('proportional'), ('webster'), ('cover'), ('even'), ('priority')) m (method)
UNION ALL
SELECT 'expected_sales', 'pg_merch', units,
       on_position + merch.allocate_expected(supply, expected, dispersion, 1, minimum, NULL, pack, tier, on_position)
                         OVER (PARTITION BY item_id, day ORDER BY location_id)
FROM demo.past;

\echo
\echo
\echo '7. ONE WEEK IS ONE DRAW: the same for all features of the 52 weeks before, by window functions on a'
\echo '   table of this demo: merch.allocate(supply, need, method, ...) OVER (PARTITION BY ...), and for'
\echo '   expected sales merch.allocate_expected(supply, mean, dispersion, ...)'
\echo
SELECT count(*) AS features, sum(greatest(missing - supply, 0)) AS least
FROM (SELECT sum(greatest(units - on_position, 0)) AS missing, supply
      FROM demo.past
      GROUP BY item_id, day, supply) feature \gset
SELECT split, made_by AS "made by",
       sum(greatest(sold - available, 0)) AS short,
       sum(greatest(sold - available, 0)) - :least AS avoidable,
       sum(greatest(available - sold, 0)) AS "left over",
       round(100 * sum(least(sold, available)) / sum(sold), 1) AS "fill rate, %"
FROM demo.past_split
GROUP BY split, made_by
ORDER BY short, split;
\echo These are :features features, each with 70 % of its own forecast need. Some sold many times what was
\echo forecast: most of the shortage is due to that; only the avoidable part is due to the split.
\echo Expected sales does no better than fair shares here: all cartons are worth the same, and the forecasts
\echo of all stores are uncertain in the same proportion, so that fair shares are close to the best.
\echo The design of the forecast was chosen by its errors in these weeks: they compare the splits, and
\echo do not vouch for the forecast.
