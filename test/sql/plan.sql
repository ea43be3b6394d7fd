-- plan and runs: the terms of need, the policies' limits, and lines that are renewed
BEGIN;
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name, price, cost, inner_pack, case_pack) VALUES (1, 'juice', 3, 1, 4, 12), (2, 'milk', NULL, 1, NULL, NULL);
INSERT INTO merch.channel (channel_id, name, tier) VALUES (3, 'web first', -1);
INSERT INTO merch.location (location_id, kind, name, channel_id) VALUES
    (100, 'distribution_centre', 'centre', 1), (1, 'store', 'A', 1), (2, 'store', 'B', 1), (3, 'online', 'web', 3);
INSERT INTO merch.lane (location_id, source_id) VALUES (1, 100), (2, 100), (3, 100);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES
    (1, 'next week', current_date + 7, current_date + 14), (2, 'running', current_date - 3, current_date + 4),
    (3, 'the week after', current_date + 14, current_date + 21), (4, 'over', current_date - 9, current_date - 2),
    (9, 'another', current_date + 7, current_date + 8);
INSERT INTO merch.promotion_item (item_id, promotion_id) SELECT 1, p FROM unnest(ARRAY[1, 2, 3, 4]) p;
INSERT INTO merch.promotion_location SELECT p, 1 FROM unnest(ARRAY[1, 2, 3, 4]) p;
INSERT INTO merch.ranging (item_id, location_id, presentation_minimum, safety_stock) VALUES (1, 1, 3, 5);
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT 1, 1, current_date + d, 10 FROM generate_series(-5, 30) d;
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 1000), (1, 1, 20);
CREATE FUNCTION pg_temp.plan(promotion bigint, policy jsonb DEFAULT NULL)
RETURNS TABLE (location int, gross bigint, safety bigint, shelf bigint, on_hand bigint, incoming bigint, promised bigint,
               need bigint, quantity bigint, pack bigint, reason text)
LANGUAGE sql AS $$
    SELECT location_id, gross_need, safety_stock, presentation_minimum, on_hand, incoming, promised, need, quantity, pack, reason
    FROM merch.plan_allocation(promotion, policy) ORDER BY item_id, location_id, source_id $$;

\echo need: 7 days of 10, 5 of safety, 3 on the shelf, less 20 on hand and 10 that come in time, plus 6 promised
-- 15 that come on the day after the first are too late
INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units) VALUES
    (1, 1, 'purchase_order', current_date + 7, 10), (1, 1, 'purchase_order', current_date + 8, 15);
INSERT INTO merch.allocation (allocation_id, promotion_id, method) VALUES (900, 9, 'even');
INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
VALUES (1, 900, 2, 1, 4, 4, 4);
INSERT INTO merch.ring_fence VALUES (1, 1, 2, 2);
SELECT * FROM pg_temp.plan(1);
\echo more on hand than needed is a need of 0; less than nothing on hand is made up for
SAVEPOINT stock;
UPDATE merch.stock SET on_hand = 200 WHERE location_id = 1;
SELECT need, quantity, reason FROM pg_temp.plan(1);
DELETE FROM merch.ring_fence;
DELETE FROM merch.allocation_line;
DELETE FROM merch.inbound;
UPDATE merch.stock SET on_hand = -4 WHERE location_id = 1;
SELECT on_hand, need FROM pg_temp.plan(1);
DELETE FROM merch.stock WHERE location_id = 1;
SELECT on_hand, need FROM pg_temp.plan(1);
ROLLBACK TO stock;
\echo a promotion that runs: today and 3 more days; what arrives by its last day is in time
SELECT gross, incoming, need FROM pg_temp.plan(2);
UPDATE merch.inbound SET expected_on = current_date + 3 WHERE units = 15;
SELECT gross, incoming, need FROM pg_temp.plan(2);
UPDATE merch.inbound SET expected_on = current_date + 8 WHERE units = 15;
\echo one that is over needs no sales, whatever was planned, and gets nothing
SELECT location, gross, need, quantity, reason FROM pg_temp.plan(4);
INSERT INTO merch.demand_plan VALUES (1, 1, 4, 90);
SELECT gross, quantity, reason FROM pg_temp.plan(4, '{"demand_source": "plan"}');

\echo demand sources. forecast: 3 days to cover after the end are 30 more
SELECT gross FROM pg_temp.plan(1, '{"cover_days": 3}');
\echo history: 3 units a day on 9 of the last 10 days, and 1 returned on the tenth, are 26/28 a day, 26/10, 3/1
INSERT INTO merch.sale (item_id, location_id, day, units)
SELECT 1, 1, current_date - d, CASE d WHEN 10 THEN -1 ELSE 3 END FROM generate_series(1, 10) d;
INSERT INTO merch.sale (item_id, location_id, day, units) VALUES (1, 1, current_date, 1000);
SELECT days, (SELECT gross FROM pg_temp.plan(1, jsonb_build_object('demand_source', 'history', 'history_days', days)))
FROM unnest(ARRAY[28, 10, 1]) days;
SELECT gross FROM pg_temp.plan(1, '{"demand_source": "history", "history_days": 10, "cover_days": 3}');
\echo plan: 90 for the whole promotion; for one that runs, what is left of its days: 4 of 7
INSERT INTO merch.demand_plan VALUES (1, 1, 1, 90), (1, 1, 2, 90);
SELECT (pg_temp.plan(p, '{"demand_source": "plan"}')).gross FROM generate_series(1, 2) p;
\echo fixed: the same for all; a source that knows nothing is null
SELECT (pg_temp.plan(p, '{"demand_source": "fixed", "fixed_quantity": 33}')).gross FROM generate_series(1, 2) p;
SELECT gross, need FROM pg_temp.plan(3, '{"demand_source": "plan"}');
DELETE FROM merch.sale;
SELECT gross, need FROM pg_temp.plan(1, '{"demand_source": "history"}');

\echo limits of the need, which is 54
SELECT policy, need, quantity, reason
FROM unnest(ARRAY['{"minimum_need": 60}', '{"minimum_need": 50}', '{"maximum_need": 40}', '{"maximum_need": 0}', '{"threshold": 54}',
                  '{"threshold": 55}', '{"threshold": 55, "minimum_need": 60}']::jsonb[]) policy,
     pg_temp.plan(1, policy);
\echo weeks of supply: half a week of 70 is 35, two are no limit
SELECT weeks, gross, need
FROM unnest(ARRAY[0, 0.5, 1, 2]) weeks, pg_temp.plan(1, jsonb_build_object('maximum_weeks', weeks));
\echo a minimum and a maximum of two policies that contradict each other: the maximum holds
SAVEPOINT contradiction;
INSERT INTO merch.policy (promotion_id, minimum_need) VALUES (1, 60);
SELECT need, quantity, reason FROM pg_temp.plan(1, '{"maximum_need": 40}');
ROLLBACK TO contradiction;
\echo capacity: 40 less the 24 that are there and not promised
UPDATE merch.ranging SET capacity = 40;
SELECT need, quantity, reason FROM pg_temp.plan(1);
SELECT need, quantity, reason FROM pg_temp.plan(1, '{"pack_level": "case"}');
UPDATE merch.ranging SET capacity = NULL, pack = 5;
\echo packs: ranging 5, inner 4, case 12, no pallet
SELECT policy, pack, need, quantity, reason
FROM unnest(ARRAY['{}', '{"pack_level": "each"}', '{"pack_level": "inner"}', '{"pack_level": "case"}', '{"pack_level": "pallet"}']::jsonb[]) policy,
     pg_temp.plan(1, policy);
UPDATE merch.ranging SET pack = 1;

\echo what a sale earns, and how much a further unit is missed
SELECT reward, value, merch.offer_price(3, reward, value), merch.unit_margin(3, 1, reward, value)
FROM (VALUES ('price', 2.5), ('amount_off', 0.5), ('amount_off', 9), ('percent_off', 20), ('feature', NULL)) o(reward, value);
SELECT merch.unit_margin(NULL, 1, 'feature', NULL), merch.unit_margin(3, NULL, 'feature', NULL), merch.unit_margin(NULL, 1, 'price', 2);
-- 54 on top of 24 that are free there are 78, 7.8 days of 10 a day
SELECT score = 2 * merch.stockout_probability(70, 1, 78), cover FROM merch.plan_allocation(1);
SELECT round(score::numeric, 6) AS score, cover FROM merch.plan_allocation(1, '{"maximum_need": 0}');
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES (1, 1, 'percent_off', 20);
UPDATE merch.promotion_item SET offer_id = 1 WHERE promotion_id = 1;
SELECT score = 1.4 * merch.stockout_probability(70, 1, 78) FROM merch.plan_allocation(1);

-- from here on store A has nothing, B needs as much, and the centre has 100
DELETE FROM merch.allocation_line;
DELETE FROM merch.ring_fence;
DELETE FROM merch.inbound;
DELETE FROM merch.stock WHERE location_id = 1;
UPDATE merch.stock SET on_hand = 100;
DELETE FROM merch.ranging;
INSERT INTO merch.ranging (item_id, location_id) SELECT 1, l FROM generate_series(1, 3) l;
INSERT INTO merch.forecast (item_id, location_id, day, mean) SELECT 1, l, current_date + d, 10 FROM generate_series(2, 3) l, generate_series(-5, 30) d;
INSERT INTO merch.promotion_location VALUES (1, 2);
\echo holdback: 10.5 % of 100, rounded up, and 20 units; 69 are left for 70 and 70
SELECT location, need, quantity FROM pg_temp.plan(1, '{"holdback": 0.105, "holdback_units": 20}');
SELECT location, quantity, reason FROM pg_temp.plan(1, '{"holdback": 1}');
SELECT location, quantity, reason FROM pg_temp.plan(1, '{"holdback_units": 9223372036854775807}');
\echo a channel that is served first: its tier is added to that of the location
INSERT INTO merch.promotion_location VALUES (1, 3);
SELECT location, quantity FROM pg_temp.plan(1, '{"method": "priority"}');
UPDATE merch.location SET tier = 2 WHERE location_id = 3;
SELECT location, quantity FROM pg_temp.plan(1, '{"method": "priority"}');
DELETE FROM merch.promotion_location WHERE location_id = 3;
\echo surplus: of 300, 140 are needed; 160 go where as many are expected to sell, B has room for 20 more
SAVEPOINT surplus;
UPDATE merch.stock SET on_hand = 300;
SELECT location, need, quantity FROM pg_temp.plan(1);
SELECT location, need, quantity FROM pg_temp.plan(1, '{"surplus": "push"}');
UPDATE merch.ranging SET capacity = 90 WHERE location_id = 2;
SELECT location, need, quantity, reason FROM pg_temp.plan(1, '{"surplus": "push"}');
UPDATE merch.forecast SET mean = 30 WHERE location_id = 1;
UPDATE merch.stock SET on_hand = 320;
UPDATE merch.ranging SET capacity = NULL;
-- 210 and 70 are needed; 40 are left for means of 210 and 70
SELECT location, need, quantity FROM pg_temp.plan(1, '{"surplus": "push"}');
ROLLBACK TO surplus;
\echo infinite supply: what would have to be bought, also where the source stocks nothing
SELECT location_id, need, quantity, reason FROM merch.plan_allocation(1, NULL, true) ORDER BY 1;
DELETE FROM merch.stock;
SELECT location_id, need, quantity, reason FROM merch.plan_allocation(1, '{"pack_level": "case"}', true) ORDER BY 1;
SELECT location_id, need, quantity, reason FROM merch.plan_allocation(1) ORDER BY 1;
ROLLBACK TO surplus;

\echo two promotions share a supply: the one that starts first has what it needs, in whatever order they are named
SELECT promotion_id, location_id, need, quantity FROM merch.plan_lines('{3, 1}') ORDER BY 1, 2;
UPDATE merch.stock SET on_hand = 180;
SELECT promotion_id, location_id, need, quantity FROM merch.plan_lines('{1, 3}') ORDER BY 1, 2;
SELECT promotion_id, location_id, need, quantity FROM merch.plan_lines('{3, 1}') ORDER BY 1, 2;
SELECT merch.open_run(3, NULL, 'active') AS second, merch.open_run(1, '{"method": "even"}', 'active') AS first \gset
SELECT promotion_id, state, method, policy FROM merch.allocation WHERE allocation_id IN (:first, :second) ORDER BY 1;
SELECT merch.insert_lines('{3, 1}');
CREATE VIEW pg_temp.lines AS
SELECT a.promotion_id AS promotion, l.location_id AS location, l.source_id AS source, l.need, l.quantity, l.reserved, l.released, l.reason
FROM merch.allocation_line l JOIN merch.allocation a USING (allocation_id) WHERE a.state <> 'cancelled'
ORDER BY 1, 2, 3;
TABLE pg_temp.lines;
SELECT on_hand, reserved FROM merch.stock WHERE location_id = 100;
\echo renewed: nothing changed; then 5 more for the first, which the second gives up
SELECT merch.renew_lines('{1, 3}');
UPDATE merch.forecast SET mean = 15 WHERE location_id = 1 AND day = current_date + 7;
SELECT merch.renew_lines('{1, 3}');
TABLE pg_temp.lines;
\echo one promotion alone does not touch what the other holds
UPDATE merch.forecast SET mean = 30 WHERE location_id = 1 AND day = current_date + 7;
SELECT merch.renew_lines('{1}');
TABLE pg_temp.lines;
SELECT merch.cancel_allocation(:second);
SELECT merch.renew_lines('{1}');
TABLE pg_temp.lines;
SELECT on_hand, reserved, (SELECT count(*) FROM merch.check_ledger()) AS wrong FROM merch.stock WHERE location_id = 100;

\echo released units stay where they are to go: A needs nothing any more and keeps 20; B, which needs twice as much, gets the rest
UPDATE merch.allocation_line SET released = 20 WHERE allocation_id = :first AND location_id = 1;
UPDATE merch.forecast SET mean = 0 WHERE location_id = 1;
UPDATE merch.forecast SET mean = 30 WHERE location_id = 2;
SELECT merch.renew_lines('{1}');
TABLE pg_temp.lines;
\echo what has left the source is no longer reserved, and stays part of the line
UPDATE merch.allocation_line SET reserved = reserved - 20 WHERE allocation_id = :first AND location_id = 1;
UPDATE merch.stock SET on_hand = on_hand - 20 WHERE location_id = 100;
INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units) VALUES (1, 1, 'transfer', current_date + 7, 20);
SELECT merch.renew_lines('{1}');
TABLE pg_temp.lines;
\echo 8 more at the centre: below the threshold of 10 nothing changes; 12 more are a change
UPDATE merch.allocation SET policy = '{"change_threshold": 10}' WHERE allocation_id = :first;
UPDATE merch.stock SET on_hand = on_hand + 8 WHERE location_id = 100;
SELECT merch.renew_lines('{1}');
UPDATE merch.stock SET on_hand = on_hand + 4 WHERE location_id = 100;
SELECT merch.renew_lines('{1}');
TABLE pg_temp.lines;
\echo a small change that supply enforces is made: of 172, 5 are held back now
UPDATE merch.allocation SET policy = '{"change_threshold": 10, "holdback_units": 5}' WHERE allocation_id = :first;
SELECT merch.renew_lines('{1}');
SELECT location, quantity, reserved FROM pg_temp.lines;
UPDATE merch.stock SET on_hand = on_hand + 8 WHERE location_id = 100;
UPDATE merch.allocation SET policy = NULL WHERE allocation_id = :first;
\echo B loses its lane: it gives back, and has no source; with the lane back it gets all 180. Each time a line is dropped and one is made
DELETE FROM merch.lane WHERE location_id = 2;
SELECT merch.renew_lines('{1}');
TABLE pg_temp.lines;
SELECT reserved FROM merch.stock WHERE location_id = 100;
INSERT INTO merch.lane (location_id, source_id) VALUES (2, 100);
SELECT merch.renew_lines('{1}', '{1}');
TABLE pg_temp.lines;
\echo items that are not asked for stay as they are
UPDATE merch.forecast SET mean = 1 WHERE location_id = 2;
SELECT merch.renew_lines('{1}', '{2}'), merch.renew_lines('{1}', '{}'), merch.renew_lines('{2}'), merch.renew_lines('{99}'), merch.renew_lines('{}');
SELECT merch.renew_lines(NULL);
SELECT count(*) FROM merch.check_ledger();

\echo what the tables refuse
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SELECT statement || E'\n    ' || split_part(pg_temp.error_of(statement), E'\n', 1)
FROM unnest(ARRAY[
    'UPDATE merch.forecast SET mean = ''NaN''',
    'UPDATE merch.forecast SET mean = ''Infinity''',
    'UPDATE merch.forecast SET mean = -0.1',
    'UPDATE merch.forecast SET mean = NULL',
    'UPDATE merch.forecast SET dispersion = 0',
    'UPDATE merch.forecast SET dispersion = ''NaN''',
    'UPDATE merch.forecast SET dispersion = ''Infinity''',
    'UPDATE merch.item SET price = ''NaN''',
    'UPDATE merch.item SET price = -1',
    'UPDATE merch.item SET cost = ''Infinity''',
    'UPDATE merch.item SET case_pack = 0',
    'UPDATE merch.item SET dock_minutes = -1',
    'UPDATE merch.lane SET lead_days = -1',
    'UPDATE merch.lane SET unit_cost = ''NaN''',
    'UPDATE merch.lane SET shipment_cost = -1',
    'UPDATE merch.lane SET units_per_day = -1',
    'UPDATE merch.lane SET source_id = location_id',
    'UPDATE merch.ranging SET pack = 0',
    'UPDATE merch.ranging SET safety_stock = -1',
    'UPDATE merch.ranging SET presentation_minimum = -1',
    'UPDATE merch.ranging SET capacity = -1',
    'UPDATE merch.inbound SET units = -1',
    'UPDATE merch.inbound SET received = -1',
    'UPDATE merch.inbound SET kind = ''gift''',
    'UPDATE merch.demand_plan SET units = -1',
    'UPDATE merch.location SET handling_cost = ''NaN''',
    'INSERT INTO merch.location_capacity VALUES (1, current_date, -1)',
    'INSERT INTO merch.location_capacity VALUES (1, current_date, NULL, ''NaN'')',
    'UPDATE merch.allocation_line SET quantity = -1',
    'UPDATE merch.allocation_line SET from_fence = quantity + 1',
    'UPDATE merch.allocation_line SET reserved = quantity + 1',
    'UPDATE merch.allocation_line SET quantity = need - 1, reserved = 0, from_fence = 0, reason = NULL WHERE need > 0',
    'UPDATE merch.allocation_line SET released = quantity + 1',
    'UPDATE merch.allocation_line SET reason = ''mood'' WHERE quantity < need',
    'UPDATE merch.allocation SET state = ''lost''',
    'UPDATE merch.allocation SET state = ''cancelled''',
    'UPDATE merch.allocation SET state = ''released''',
    'INSERT INTO merch.allocation (promotion_id, method) VALUES (1, ''even'')'
]) statement;
SELECT pg_temp.error_of('SELECT count(*) FROM merch.plan_allocation(NULL)');
SELECT pg_temp.error_of('SELECT merch.open_run(1, NULL, ''active'')');
SELECT split_part(pg_temp.error_of('SELECT merch.open_run(3, NULL, ''asleep'')'), E'\n', 1);
SELECT pg_temp.error_of('SELECT merch.open_run(3, ''{"holdback": 2}'', ''active'')');
SELECT pg_temp.error_of('SELECT merch.check_allocatable(1)');
-- packed claims are not for everyone
SELECT pg_temp.error_of('SELECT merch.split_claims(NULL) OVER ()');
SELECT pg_temp.error_of($$SELECT merch.split_claims('\x00') OVER ()$$);
SELECT pg_temp.error_of(format($$SELECT merch.claim(1, 1, 1, 1, 1, %s, 0, 1, 0, NULL, 0, 0)$$, terms))
FROM unnest(ARRAY[$$'fair', 'auto', false, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, NULL, 0, NULL, 0, 1$$,
                  $$'even', 'auto', false, 1, 0, 1, 1, 1, 1, 0, 0, NULL, 0, 0, NULL, 0, NULL, 0, 1$$,
                  $$'even', 'auto', false, 1, 0, 1, 1, 1, 1, 1, 9223372036854775807, 0, 0, 0, NULL, 0, NULL, 0, 1$$,
                  $$'even', 'auto', false, 1, 0, 'NaN', 1, 1, 1, 0, 0, 0, 0, 0, NULL, 0, NULL, 0, 1$$]) terms;
SELECT pg_temp.error_of(format($$SELECT merch.split_claims(merch.claim(1, 1, 1, 1, 1, 'even', 'auto', false, 1, 0, %s, NULL, 0, 0)) OVER ()$$, terms))
FROM unnest(ARRAY['1, 1, 1, 1, 0, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, 1, 0', '1, 1, 1, 1, 0, 0, 0, 0, 0, NULL, 0, -1, -1, 1, 0, 1, 0',
                  '1, 0, 1, 1, 0, 0, 0, 0, 0, NULL, 0, NULL, 0, 1, 0, 1, 0', '-1, 1, 1, 1, 0, 0, 0, 0, 0, NULL, 0, NULL, 0, 1, 0, 1, 0',
                  '1, 1, 1, 1, 0, 0, 0, 0, 0, NULL, 0, NULL, 0, 1, 0, 1, -1']) terms;
ROLLBACK;
