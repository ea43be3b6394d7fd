-- The data, what is to be predicted, and the model filled with what is known before it.
CREATE EXTENSION pg_merch;
SELECT merch.create_model() \g /dev/null
CREATE SCHEMA demo;

-- the shape of the file; its rows are only ever in a table that ends with its session
CREATE TABLE demo.juice (
    store int,
    item int,
    week int,
    units bigint,
    price_cents int,
    deal int,
    feat numeric
);
CREATE TEMPORARY TABLE juice (LIKE demo.juice);
\copy juice FROM pstdin (FORMAT csv, HEADER)

-- The week to predict is picked by its advertisements, never by its sales: of the weeks
-- with the most items advertised in every store, the latest. It is laid on next week,
-- as a promotion that is over can't be allocated.
CREATE TABLE demo.chosen AS
SELECT week, date_trunc('week', current_date)::date + 7 AS starts_on
FROM (SELECT week, item
      FROM juice
      WHERE feat = 1
      GROUP BY week, item
      HAVING count(*) = (SELECT count(DISTINCT store) FROM juice)) advertised
GROUP BY week
ORDER BY count(*) DESC, week DESC
LIMIT 1;

-- what is planned is known beforehand: prices and advertisements, also those of the chosen week
CREATE TABLE demo.plan AS
SELECT j.item AS item_id, j.store AS location_id, c.starts_on + 7 * (j.week - c.week) AS day,
       j.price_cents, j.deal, j.feat
FROM juice j
JOIN demo.chosen c ON j.week <= c.week;

INSERT INTO merch.item_group (item_group_id, name) VALUES (1, 'Refrigerated orange juice');
INSERT INTO merch.item (item_id, item_group_id, name) VALUES
    (1, 1, 'Tropicana Premium 64 oz'),
    (2, 1, 'Tropicana Premium 96 oz'),
    (3, 1, 'Florida''s Natural 64 oz'),
    (4, 1, 'Tropicana 64 oz'),
    (5, 1, 'Minute Maid 64 oz'),
    (6, 1, 'Minute Maid 96 oz'),
    (7, 1, 'Citrus Hill 64 oz'),
    (8, 1, 'Tree Fresh 64 oz'),
    (9, 1, 'Florida Gold 64 oz'),
    (10, 1, 'Dominick''s 64 oz'),
    (11, 1, 'Dominick''s 128 oz');

INSERT INTO merch.location (location_id, kind, name) VALUES
    (1000, 'distribution_centre', 'Distribution centre');
INSERT INTO merch.location (location_id, kind, name)
SELECT DISTINCT store, 'store', 'Store ' || store FROM juice;
INSERT INTO merch.lane (location_id, source_id, lead_days)
SELECT location_id, 1000, 1 FROM merch.location WHERE kind = 'store';

-- the data has no case sizes: these are common ones. A shelf shows a case at least.
INSERT INTO merch.ranging (item_id, location_id, presentation_minimum, pack)
SELECT i.item_id, l.location_id, c.pack, c.pack
FROM merch.item i
JOIN (VALUES ('% 64 oz', 8), ('% 96 oz', 6), ('% 128 oz', 4)) c (name, pack) ON i.name LIKE c.name
JOIN merch.location l ON l.kind = 'store';

-- The data has totals of weeks: they are booked on the first day. What was sold in the
-- chosen week stays out of the database until 50_score.sql.
INSERT INTO merch.sale (item_id, location_id, day, units, net_amount)
SELECT j.item, j.store, c.starts_on + 7 * (j.week - c.week), j.units, j.units * j.price_cents / 100.0
FROM juice j
JOIN demo.chosen c ON j.week < c.week;

-- what goes short first when a policy ranks the stores: the third that sells least
UPDATE merch.location l SET tier = t.tier
FROM (SELECT location_id, ntile(3) OVER (ORDER BY sum(net_amount) DESC) AS tier
      FROM merch.sale
      GROUP BY location_id) t
WHERE t.location_id = l.location_id;

INSERT INTO merch.campaign (campaign_id, name) VALUES (1, 'Juice on feature');
INSERT INTO merch.promotion (promotion_id, campaign_id, name, starts_on, ends_on)
SELECT 1, 1, 'Week ' || week, starts_on, starts_on + 7 FROM demo.chosen;
INSERT INTO merch.policy (promotion_id) VALUES (1);

INSERT INTO merch.offer (offer_id, promotion_id, reward, value, description)
SELECT item_id, 1, 'price', mode() WITHIN GROUP (ORDER BY price_cents) / 100.0, 'in the advertisement'
FROM demo.plan
WHERE day = (SELECT starts_on FROM demo.chosen)
GROUP BY item_id
HAVING sum(feat) = (SELECT count(*) FROM merch.location WHERE kind = 'store');
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id)
SELECT offer_id, promotion_id, offer_id FROM merch.offer;
INSERT INTO merch.promotion_location (promotion_id, location_id)
SELECT 1, location_id FROM merch.location WHERE kind = 'store';
ANALYZE;

\echo
\echo '1. THE DATA: Dominick''s Finer Foods, Chicago: refrigerated orange juice, sales by week'
\echo
SELECT count(DISTINCT store) AS stores, count(DISTINCT item) AS items,
       count(DISTINCT week) AS weeks, count(*) AS "rows", sum(units) AS "cartons sold",
       round(100 * avg((feat > 0)::int)) AS "% advertised"
FROM juice;

SELECT week, starts_on, starts_on + 6 AS last_day FROM demo.chosen \gset
\echo The promotion is that of week :week, the latest of the weeks with the most items advertised in
\echo every store. On our calendar it is next week, :starts_on to :last_day. The database knows
\echo its prices and advertisements, which are planned, but sales only of the weeks before it.
\echo
SELECT i.name AS item, o.value::numeric(6, 2) AS "offer, $",
       (avg(p.price_cents) / 100)::numeric(6, 2) AS "regular price, $"
FROM merch.offer o
JOIN merch.item i ON i.item_id = o.offer_id
JOIN demo.plan p USING (item_id)
WHERE p.deal = 0 AND p.feat = 0 AND p.day >= date :'starts_on' - 7 * 13
GROUP BY i.item_id, o.value
ORDER BY i.item_id;
