-- The data has no stock, so it is made up: a few days' sales left in the stores, and too
-- little at the distribution centre.

-- 1 to 5 days of the average, different from store to store
CREATE FUNCTION demo.days_left(item_id bigint, location_id int) RETURNS int
LANGUAGE sql IMMUTABLE
RETURN 1 + (7 * location_id + 3 * item_id) % 5;

INSERT INTO merch.stock (item_id, location_id, on_hand)
SELECT item_id, location_id, round(average / 7 * demo.days_left(item_id, location_id))
FROM demo.baseline
JOIN demo.chosen ON starts_on = day
WHERE average IS NOT NULL;

INSERT INTO merch.stock (item_id, location_id, on_hand)
SELECT item_id, source_id, floor(0.7 * sum(need))
FROM merch.plan_allocation(1)
GROUP BY item_id, source_id;
ANALYZE;

\echo
\echo
\echo '3. THE STOCK, made up, as the data has none: the stores have 1 to 5 days'' sales left, and the'
\echo '   distribution centre has 70 % of what they want. It ships whole cases; a shelf needs one.'
\echo
SELECT i.name AS item, sum(p.gross_need) AS forecast, sum(p.on_hand) AS "in stores",
       sum(p.need) AS "stores want", s.on_hand AS "distribution centre", p.pack AS "cartons a case"
FROM merch.plan_allocation(1) p
JOIN merch.item i USING (item_id)
JOIN merch.stock s ON (s.item_id, s.location_id) = (p.item_id, p.source_id)
GROUP BY i.item_id, p.pack, s.on_hand
ORDER BY i.item_id;
