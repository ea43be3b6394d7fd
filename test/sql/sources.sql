-- sources: lanes that are in time, several sources, what they cost, and ring-fences
BEGIN;
SELECT merch.create_model();
-- price less cost is 1: a unit is worth the probability that it sells
INSERT INTO merch.item (item_id, name, price, cost) VALUES (1, 'juice', 2, 1);
INSERT INTO merch.location (location_id, kind, name, channel_id) VALUES
    (100, 'distribution_centre', 'north', 1), (200, 'distribution_centre', 'south', 1), (1, 'store', 'A', 1), (2, 'online', 'web', 2);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES
    (1, 'in 3 days', current_date + 3, current_date + 10), (2, 'running', current_date - 1, current_date + 6);
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 1), (1, 2);
INSERT INTO merch.promotion_location SELECT p, l FROM generate_series(1, 2) p, generate_series(1, 2) l;
INSERT INTO merch.ranging (item_id, location_id) VALUES (1, 1), (1, 2);
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT 1, l, current_date + d, 10 FROM generate_series(1, 2) l, generate_series(-5, 30) d;
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 1000), (1, 200, 1000);
CREATE FUNCTION pg_temp.plan(promotion bigint, policy jsonb DEFAULT NULL)
RETURNS TABLE (location int, source int, leaves_in int, need bigint, quantity bigint, reason text)
LANGUAGE sql AS $$
    SELECT location_id, source_id, ships_on - current_date, need, quantity, reason
    FROM merch.plan_allocation(promotion, policy) ORDER BY location_id, source_id $$;

\echo lanes: 3 days of lead time leave today, 4 are too long; without a source in time the location stands for it
INSERT INTO merch.lane (location_id, source_id, lead_days) VALUES (1, 100, 3), (2, 100, 4);
SELECT * FROM pg_temp.plan(1);
SELECT location_id, preference, source_id, ships_on - current_date AS leaves_in, due_on - current_date AS due_in, tier, channel_id
FROM merch.open_lanes('{1}') ORDER BY 1, 2;
\echo once the promotion runs, what comes by its last day, in 5 days, is in time
SELECT * FROM pg_temp.plan(2);
\echo a cut-off that has passed today costs a day
UPDATE merch.lane SET cut_off = '24:00' WHERE location_id = 1;
SELECT * FROM pg_temp.plan(1) WHERE location = 1;
UPDATE merch.lane SET cut_off = '00:00' WHERE location_id = 1;
SELECT * FROM pg_temp.plan(1) WHERE location = 1;
UPDATE merch.lane SET lead_days = 2 WHERE location_id = 1;
SELECT * FROM pg_temp.plan(1) WHERE location = 1;
\echo goods that must be there a day before: the lane of 2 days and a passed cut-off is closed, that of 1 day is not
SELECT * FROM pg_temp.plan(1, '{"days_before": 1}') WHERE location = 1;
UPDATE merch.lane SET lead_days = 1 WHERE location_id = 1;
SELECT * FROM pg_temp.plan(1, '{"days_before": 1}') WHERE location = 1;
\echo if that day has passed already, the first day of the promotion counts
SELECT * FROM pg_temp.plan(1, '{"days_before": 4}') WHERE location = 1;
\echo a centre that does not stock the item, and one that has run out of it
DELETE FROM merch.stock WHERE location_id = 100;
SELECT * FROM pg_temp.plan(1) WHERE location = 1;
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, -5);
SELECT * FROM pg_temp.plan(1) WHERE location = 1;

\echo two sources: A by the cheap north and the dear south, web by the south alone. All is met; the cheap one is used up
DELETE FROM merch.lane;
INSERT INTO merch.lane (location_id, source_id, unit_cost) VALUES (1, 100, 1), (1, 200, 2), (2, 200, 2);
UPDATE merch.stock SET on_hand = CASE location_id WHEN 100 THEN 60 ELSE 100 END;
SELECT * FROM pg_temp.plan(1);
\echo 90 for 140: 45 each, wherever they come from
UPDATE merch.stock SET on_hand = CASE location_id WHEN 100 THEN 30 ELSE 60 END;
SELECT * FROM pg_temp.plan(1);
\echo 90 in the north and 10 in the south: half is out of reach for web; what it does not get is for A
UPDATE merch.stock SET on_hand = CASE location_id WHEN 100 THEN 90 ELSE 10 END;
SELECT * FROM pg_temp.plan(1);
\echo packs of 6: 90 and 10 are 15 packs and 1
UPDATE merch.ranging SET pack = 6;
SELECT * FROM pg_temp.plan(1);
UPDATE merch.ranging SET pack = 1;
\echo the cheaper source first; at the same cost the shorter lane, then the lower number
UPDATE merch.lane SET unit_cost = 2 WHERE source_id = 100;
UPDATE merch.lane SET lead_days = 1 WHERE source_id = 100;
SELECT preference, source_id FROM merch.open_lanes('{1}') WHERE location_id = 1 ORDER BY 1;
UPDATE merch.lane SET lead_days = 0;
SELECT preference, source_id FROM merch.open_lanes('{1}') WHERE location_id = 1 ORDER BY 1;
\echo the second source would be late: the first alone
UPDATE merch.lane SET lead_days = 9 WHERE source_id = 200 AND location_id = 1;
SELECT * FROM pg_temp.plan(1);

\echo what leaves later can have what comes in later: A leaves in 1 day, web in 3; 40 are there, 60 come in 2 days
DELETE FROM merch.lane;
INSERT INTO merch.lane (location_id, source_id, lead_days) VALUES (1, 100, 2), (2, 100, 0);
UPDATE merch.stock SET on_hand = 40 WHERE location_id = 100;
INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units) VALUES (1, 100, 'purchase_order', current_date + 2, 60);
SELECT * FROM pg_temp.plan(1);
\echo if all come in 1 day, each has its half
UPDATE merch.inbound SET expected_on = current_date + 1;
SELECT * FROM pg_temp.plan(1);
\echo a promise of what is on its way is booked, and the order can not be closed under it
SELECT merch.allocate_promotion(1) AS run \gset
SELECT on_hand, incoming, reserved FROM merch.stock WHERE location_id = 100;
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
\pset format aligned
\pset tuples_only off
SELECT pg_temp.error_of('UPDATE merch.inbound SET closed = true');
SELECT merch.cancel_allocation(:run);
DELETE FROM merch.inbound;

\echo expected sales weigh what a lane costs. Mean 10, Poisson: P(D >= 10) = .5421, P(D >= 11) = .4170; P(D >= 8) = .7798, P(D >= 9) = .6672
UPDATE merch.forecast SET mean = CASE WHEN day = current_date + 3 THEN 10 ELSE 0 END;
UPDATE merch.stock SET on_hand = 1000 WHERE location_id = 100;
DELETE FROM merch.promotion_location WHERE location_id = 2;
UPDATE merch.lane SET unit_cost = 0.25;
SELECT need, quantity, reason FROM pg_temp.plan(1, '{"method": "expected_sales"}');
UPDATE merch.lane SET unit_cost = 0.5;
SELECT need, quantity, reason FROM pg_temp.plan(1, '{"method": "expected_sales"}');
UPDATE merch.lane SET unit_cost = 0.7;
SELECT need, quantity, reason FROM pg_temp.plan(1, '{"method": "expected_sales"}');
UPDATE merch.lane SET unit_cost = 1;
SELECT need, quantity, reason FROM pg_temp.plan(1, '{"method": "expected_sales"}');
\echo what the shelf must show comes before all else, whatever it costs
UPDATE merch.ranging SET presentation_minimum = 3;
SELECT need, quantity, reason FROM pg_temp.plan(1, '{"method": "expected_sales"}');
UPDATE merch.ranging SET presentation_minimum = 0;
\echo 12 units, A costs a quarter, web nothing: the eighth of web is worth .7798, the first four of A .75 to .7397, the ninth of web .6672
INSERT INTO merch.promotion_location VALUES (1, 2);
UPDATE merch.lane SET unit_cost = CASE location_id WHEN 1 THEN 0.25 ELSE 0 END;
UPDATE merch.stock SET on_hand = 12 WHERE location_id = 100;
SELECT location, quantity, reason FROM pg_temp.plan(1, '{"method": "expected_sales"}');
\echo of two sources the dear one serves only what is worth its cost: P(D >= 7) = .8699 and P(D >= 8) = .7798, at .8
DELETE FROM merch.lane WHERE location_id = 2;
DELETE FROM merch.promotion_location WHERE location_id = 2;
INSERT INTO merch.lane (location_id, source_id, unit_cost) VALUES (1, 200, 0.8);
UPDATE merch.stock SET on_hand = CASE location_id WHEN 100 THEN 5 ELSE 100 END;
SELECT * FROM pg_temp.plan(1, '{"method": "expected_sales"}');

\echo ring-fences: 30 of 50 are for web alone; 20 are left for all, and A has them
DELETE FROM merch.lane;
INSERT INTO merch.lane (location_id, source_id) VALUES (1, 100), (2, 100);
INSERT INTO merch.promotion_location VALUES (1, 2);
UPDATE merch.forecast SET mean = 10;
UPDATE merch.stock SET on_hand = 50 WHERE location_id = 100;
SELECT merch.allocate_fence(1, 100, 2, 30);
SELECT location_id, need, quantity, from_fence, reason FROM merch.plan_lines('{1}') ORDER BY 1;
\echo 30 of 100: halves; the ring-fence is used first
UPDATE merch.stock SET on_hand = 100 WHERE location_id = 100;
SELECT location_id, need, quantity, from_fence, reason FROM merch.plan_lines('{1}') ORDER BY 1;
\echo that of another channel helps nobody here: 70 for both
SELECT merch.reallocate_fence(1, 100, 2, 1, 30), merch.release_fence(1, 100, 1, 30);
INSERT INTO merch.channel (channel_id, name) VALUES (3, 'marketplace');
SELECT merch.allocate_fence(1, 100, 3, 30);
SELECT location_id, need, quantity, from_fence, reason FROM merch.plan_lines('{1}') ORDER BY 1;
SELECT merch.reallocate_fence(1, 100, 3, 2, 30);
\echo written, the units move from the ring-fence to the lines; renewed for a need of 20 they go back in part; cancelled, all do
SELECT merch.allocate_promotion(1) AS run \gset
CREATE VIEW pg_temp.books AS
SELECT s.on_hand, s.reserved, s.fenced, f.units, f.consumed, (SELECT count(*) FROM merch.check_ledger()) AS wrong
FROM merch.stock s
JOIN merch.ring_fence f ON (f.item_id, f.location_id, f.channel_id) = (s.item_id, s.location_id, 2)
WHERE s.location_id = 100;
TABLE pg_temp.books;
UPDATE merch.forecast SET mean = CASE WHEN day = current_date + 3 THEN 20 ELSE 0 END WHERE location_id = 2;
SELECT merch.renew_lines('{1}');
SELECT location_id, need, quantity, from_fence, reserved FROM merch.allocation_line WHERE allocation_id = :run ORDER BY 1;
TABLE pg_temp.books;
SELECT merch.cancel_allocation(:run);
TABLE pg_temp.books;
\echo holdback is of what is on hand, before the ring-fence: 100 less 30 less 20 are 50 for A; web has its 20 in the fence
SELECT location_id, need, quantity, from_fence, reason FROM merch.plan_lines('{1}', NULL, '{"holdback": 0.2}') ORDER BY 1;
ROLLBACK;
