-- Every split against what the stores really sold in the week: only now is that loaded.
CREATE TEMPORARY TABLE juice (LIKE demo.juice);
\copy juice FROM pstdin (FORMAT csv, HEADER)
CREATE TABLE demo.actual AS
SELECT j.item AS item_id, j.store AS location_id, j.units
FROM juice j
JOIN demo.chosen USING (week)
JOIN merch.promotion_item i ON i.item_id = j.item;

CREATE TABLE demo.split AS
SELECT split, 'plain SQL' AS made_by, item_id, location_id, quantity
FROM demo.plain_split
JOIN demo.chosen ON day = starts_on
UNION ALL
SELECT a.method, 'pg_merch', l.item_id, l.location_id, l.quantity
FROM merch.allocation a
JOIN merch.allocation_line l USING (allocation_id);

CREATE TABLE demo.score AS
SELECT s.split, s.made_by, s.item_id, s.location_id, a.units AS sold, h.on_hand + s.quantity AS available
FROM demo.split s
JOIN demo.actual a USING (item_id, location_id)
JOIN merch.stock h USING (item_id, location_id);

\echo
\echo '6. THE WEEK AS IT WAS: only now are its sales loaded'
\echo
SELECT coalesce(i.name, 'all three') AS item, sum(x.expected)::bigint AS forecast, sum(a.units) AS sold,
       round(100 * sum(abs(x.expected - a.units)) / sum(a.units)) AS "error, %",
       round(100 * sum(abs(x.average - a.units)) / sum(a.units)) AS "error of average sales, %"
FROM demo.actual a
JOIN merch.item i USING (item_id)
CROSS JOIN demo.chosen c
JOIN demo.expected x ON (x.item_id, x.location_id, x.day) = (a.item_id, a.location_id, c.starts_on)
GROUP BY ROLLUP ((i.item_id, i.name))
ORDER BY i.item_id;

\echo Every split against these sales, in cartons. Short: sold, but the store would not have had it.
\echo Avoidable: the part of it that the best split in hindsight would not have had.
\echo
WITH hindsight AS (
    SELECT sum(least) AS least
    FROM (SELECT greatest(sum(greatest(a.units - h.on_hand, 0)) - d.on_hand, 0) AS least
          FROM demo.actual a
          JOIN merch.stock h USING (item_id, location_id)
          JOIN merch.lane n USING (location_id)
          JOIN merch.stock d ON (d.item_id, d.location_id) = (a.item_id, n.source_id)
          GROUP BY a.item_id, d.on_hand) item
)
SELECT split, made_by AS "made by",
       sum(greatest(sold - available, 0)) AS short,
       sum(greatest(sold - available, 0)) - least AS avoidable,
       sum(greatest(available - sold, 0)) AS "left over",
       round(100 * sum(least(sold, available)) / sum(sold), 1) AS "fill rate, %",
       count(DISTINCT location_id) FILTER (WHERE available < sold) AS "stores short"
FROM demo.score
CROSS JOIN hindsight
GROUP BY split, made_by, least
ORDER BY short, split;
\echo The two plain splits do not look at what a store still has. And what a store sold is itself capped
\echo by what it had at the time: the real demand was at least this.
