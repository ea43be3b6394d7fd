-- What to compare with: an even split, as many cases for every store, and a split in
-- proportion to the average sales of the last 13 weeks. In plain SQL, by largest
-- remainder, with the same cases and the same supply: for the promotion, and for every
-- feature of the 52 weeks before it with 70 % of what its stores wanted.
CREATE TABLE demo.line AS
WITH wish AS (
    SELECT x.item_id, x.day, x.location_id, x.units, x.average, x.expected, 1 + s.spread * x.expected AS dispersion, r.pack, l.tier, d.on_hand AS supply,
           round(x.average / 7 * demo.days_left(x.item_id, x.location_id))::bigint AS on_position,
           (ceil(x.expected) + r.presentation_minimum)::bigint AS wanted
    FROM demo.expected x
    JOIN demo.chosen c ON x.day >= c.starts_on - 7 * 52
    JOIN merch.ranging r USING (item_id, location_id)
    JOIN merch.location l USING (location_id)
    JOIN merch.lane n USING (location_id)
    JOIN demo.spread s USING (day)
    LEFT JOIN merch.stock d ON (d.item_id, d.location_id, x.day) = (x.item_id, n.source_id, c.starts_on)
    WHERE x.expected IS NOT NULL AND x.average IS NOT NULL
), needed AS (
    SELECT *, greatest(wanted - on_position, 0) AS need, greatest(pack - on_position, 0) AS minimum
    FROM wish
)
SELECT item_id, day, location_id, units, average, expected, dispersion, pack, tier, on_position, need, minimum,
       coalesce(supply, floor(0.7 * sum(need) OVER (PARTITION BY item_id, day))::bigint) AS supply
FROM needed;

CREATE TABLE demo.plain_split AS
WITH weight AS (
    SELECT l.*, v.split, supply / pack AS cases,
           CASE v.split WHEN 'even split' THEN 1 ELSE average END AS weight
    FROM demo.line l
    CROSS JOIN (VALUES ('even split'), ('by average sales')) v (split)
), share AS (
    SELECT *, cases * weight / sum(weight) OVER feature AS share
    FROM weight
    WINDOW feature AS (PARTITION BY split, item_id, day)
), ranked AS (
    SELECT *, cases - sum(floor(share)) OVER (PARTITION BY split, item_id, day) AS remaining,
           row_number() OVER (PARTITION BY split, item_id, day
                              ORDER BY share - floor(share) DESC, location_id) AS place
    FROM share
)
SELECT split, item_id, day, location_id, units, on_position,
       pack * (floor(share) + (place <= remaining)::int) AS quantity
FROM ranked;
