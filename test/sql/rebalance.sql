-- rebalancing before a promotion: what is proposed, accepted, refused, and what it holds
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
\echo two places that expect 2 units, Poisson: the first gains 8.65 and loses 3.23, a second would gain 5.94 and lose as much
SELECT * FROM merch.rebalance('{7,8}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{7,7,9}', '{8,8,8}', '{2,1,0}');
\echo free of cost the second still stays: it would gain nothing
SELECT quantity FROM merch.rebalance('{7,8}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8}', '{0}');
\echo no room, no lane, no value, no place at all
SELECT count(*) FROM merch.rebalance('{7,8}', '{3,0}', '{3,0}', '{0,0}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8}', '{0}');
SELECT count(*) FROM merch.rebalance('{7,8}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{}', '{}', '{}');
SELECT count(*) FROM merch.rebalance('{7,8}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{0,0}', '{7}', '{8}', '{0}');
SELECT count(*) FROM merch.rebalance('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{7}', '{8}', '{0}');
SELECT pg_temp.error_of('SELECT merch.rebalance(' || arguments || ')') FROM unnest(ARRAY[
    $$NULL, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'$$,
    $$'{7,7}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8}', '{1}'$$,
    $$'{7,8}', '{3}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8}', '{1}'$$,
    $$'{7,8}', '{3,NULL}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8}', '{1}'$$,
    $$'{7,8}', '{3,-1}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8}', '{1}'$$,
    $$'{7,8}', '{3,0}', '{3,0}', '{0,-9}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8}', '{1}'$$,
    $$'{7,8}', '{3,0}', '{3,0}', '{0,9}', '{2,NaN}', '{1,1}', '{10,10}', '{7}', '{8}', '{1}'$$,
    $$'{7,8}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,0}', '{10,10}', '{7}', '{8}', '{1}'$$,
    $$'{7,8}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,Infinity}', '{7}', '{8}', '{1}'$$,
    $$'{7,8}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8}', '{-1}'$$,
    $$'{7,8}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8,8}', '{1}'$$,
    $$'{{7,8}}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8}', '{1}'$$,
    $$'{7,8}', '{3,0}', '{3,0}', '{0,9}', '{2,2}', '{1,1}', '{10,10}', '{7}', '{8}', '{1}', NULL, 'gauss'$$
]) arguments;

\echo a chain: A has stock to spare, B and C need it, Z is not in the promotion; the centre has a little
BEGIN;
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';
INSERT INTO merch.item (item_id, name, price, cost, labour_minutes, dock_minutes) VALUES (1, 'juice', 15, 5, 6, 1), (2, 'milk', 3, 1, 6, 1);
INSERT INTO merch.location (location_id, kind, name, handling_cost) VALUES
    (100, 'distribution_centre', 'centre', 0.25), (1, 'store', 'A', 0.5), (2, 'store', 'B', 0.5), (3, 'store', 'C', 0.5), (9, 'store', 'Z', 0.5);
INSERT INTO merch.lane (location_id, source_id, lead_days, unit_cost, shipment_cost)
SELECT l, 100, 1, 0.5, 0 FROM unnest(ARRAY[1, 2, 3]) l;
INSERT INTO merch.lane (location_id, source_id, lead_days, unit_cost, shipment_cost) VALUES
    (2, 1, 1, 1, 4), (3, 1, 1, 2, 4), (100, 1, 1, 0.5, 4), (3, 2, 1, 1, 4), (2, 9, 2, 1, 4), (100, 9, 1, 0.5, 2);
INSERT INTO merch.ranging (item_id, location_id, presentation_minimum, safety_stock, capacity) VALUES
    (1, 1, 2, 1, 40), (1, 2, 0, 0, 40), (1, 3, 0, 0, 4), (1, 9, 2, 0, 40), (2, 1, 0, 0, 40), (2, 2, 0, 0, 40);
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 6), (1, 1, 20), (1, 2, 1), (1, 9, 8), (2, 1, 30);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'week', current_date + 7, current_date + 14);
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 1), (2, 1);
INSERT INTO merch.promotion_location SELECT 1, l FROM unnest(ARRAY[1, 2, 3]) l;
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT f.item, f.location, current_date + d, f.daily
FROM (VALUES (1, 1, 0.5), (1, 2, 1.0), (1, 3, 0.5), (1, 9, 0.1), (2, 1, 1.0), (2, 2, 1.0)) f(item, location, daily), generate_series(0, 13) d;
INSERT INTO merch.policy (promotion_id, method) VALUES (1, 'proportional');
CREATE VIEW pg_temp.plan AS
SELECT item_id AS item, source_id AS source, location_id AS location, ships_on - current_date AS leaves, arrives_on - current_date AS there,
       quantity, donor_loss, receiver_gain, cost, expected_gain AS gain FROM merch.plan_rebalance(1);
\echo the ways: direct, and back to the centre for another; those of the centre compete
SELECT source_id, location_id, sink_id, ships_on - current_date AS leaves, arrives_on - current_date AS there, unit_cost, proposed
FROM merch.rebalance_lanes(1) ORDER BY 1, 3, 2;
\echo what is known: A may give 20 - 2 - 1, Z 8 - 2; demand from today on
SELECT item_id, location_id, supply, on_position, nullif(room, 9223372036854775807) AS room, mean, value
FROM merch.rebalance_stocks(1, '{100,1,2,9}') ORDER BY 1, 2;
SELECT * FROM pg_temp.plan;
\echo the same by hand: what each unit is worth at A and at B
SELECT k AS unit, round((10 * merch.stockout_probability(7, 1, 20 - k, 'poisson'))::numeric, 4) AS lost_at_a,
       round((10 * merch.stockout_probability(14, 1, 1 + 4 + k - 1, 'poisson'))::numeric, 4) AS gained_at_b
FROM generate_series(1, 12) k;
\echo no donor goes below its commitment
SELECT p.source, s.on_hand - sum(p.quantity) >= r.presentation_minimum + r.safety_stock AS kept
FROM pg_temp.plan p JOIN merch.stock s ON s.item_id = p.item AND s.location_id = p.source
JOIN merch.ranging r USING (item_id, location_id)
GROUP BY p.source, s.on_hand, r.presentation_minimum, r.safety_stock ORDER BY 1;
\echo a shipment that costs more than its goods gain is not made: what can goes another way
SAVEPOINT s;
UPDATE merch.lane SET shipment_cost = 20 WHERE (location_id, source_id) = (100, 1);
SELECT source, location, quantity, gain FROM pg_temp.plan;
UPDATE merch.lane SET shipment_cost = 20 WHERE (location_id, source_id) = (3, 1);
SELECT source, location, quantity, gain FROM pg_temp.plan;
UPDATE merch.lane SET shipment_cost = 1000;
SELECT count(*) FROM pg_temp.plan;
ROLLBACK TO s;
\echo labour of B on the day of arrival: an hour is ten units; then the dock: five minutes and a bit are five; then trucks
INSERT INTO merch.location_capacity (location_id, day, labour_hours) VALUES (2, current_date + 7, 1);
SELECT source, location, quantity, gain FROM pg_temp.plan;
UPDATE merch.location_capacity SET dock_hours = 0.09;
SELECT source, location, quantity, gain FROM pg_temp.plan;
UPDATE merch.location_capacity SET labour_hours = 0;
SELECT source, location, quantity, gain FROM pg_temp.plan;
ROLLBACK TO s;
UPDATE merch.lane SET units_per_day = 3;
SELECT source, location, quantity, gain FROM pg_temp.plan;
ROLLBACK TO s;
\echo an allocation, and what it has not released yet, uses hours and meets needs
INSERT INTO merch.location_capacity (location_id, day, labour_hours) VALUES (2, current_date + 7, 1);
SELECT merch.allocate_promotion(1) > 0 AS allocated;
SELECT location_id, quantity FROM merch.allocation_line WHERE item_id = 1 ORDER BY 1;
SELECT location_id, labour_minutes, dock_minutes FROM merch.hours_left(1);
SELECT source, location, quantity, gain FROM pg_temp.plan;
ROLLBACK TO s;
\echo a promise, a ring-fence, and what is sold without a forecast
INSERT INTO merch.ring_fence (item_id, location_id, channel_id, units) VALUES (1, 1, 1, 12);
DELETE FROM merch.forecast WHERE location_id = 9;
INSERT INTO merch.sale (item_id, location_id, day, units) SELECT 1, 9, current_date - d, 1 FROM generate_series(1, 14) d;
SELECT location_id, supply, mean, round(dispersion::numeric, 4) AS dispersion FROM merch.rebalance_stocks(1, '{1,9}', '{1}') WHERE location_id IN (1, 9) ORDER BY 1;
SELECT source, location, quantity, gain FROM pg_temp.plan;
ROLLBACK TO s;
\echo too late for any lane: no proposals
UPDATE merch.lane SET lead_days = 8;
SELECT count(*) FROM pg_temp.plan;
SELECT merch.propose_transfers(1);
ROLLBACK TO s;
\echo a unit does not move where its sale earns nothing
UPDATE merch.item SET cost = 20;
SELECT count(*) FROM pg_temp.plan;
ROLLBACK TO s;

\echo proposals: nothing moves, nothing is reserved
SELECT merch.propose_transfers(1);
CREATE VIEW pg_temp.transfers AS
SELECT source_id AS source, location_id AS location, t.ships_on - current_date AS leaves, arrives_on - current_date AS there, t.state,
       item_id AS item, units, held, held_at, picked, expected_gain AS gain, reason
FROM merch.transfer t LEFT JOIN merch.transfer_line l USING (transfer_id) ORDER BY transfer_id, item_id;
TABLE pg_temp.transfers;
CREATE VIEW pg_temp.stocks AS SELECT item_id, location_id, on_hand, reserved, incoming FROM merch.stock WHERE item_id = 1 ORDER BY 2;
TABLE pg_temp.stocks;
\echo a second call replaces what is still proposed
SELECT merch.reject_transfer(transfer_id, 'the van is broken') FROM merch.transfer WHERE source_id = 9;
UPDATE merch.stock SET on_hand = 12 WHERE (item_id, location_id) = (1, 1);
SELECT merch.propose_transfers(1);
SELECT source, location, state, units, gain, reason FROM pg_temp.transfers;
UPDATE merch.stock SET on_hand = 20 WHERE (item_id, location_id) = (1, 1);
SELECT merch.propose_transfers(1);

\echo accepted: reserved at the store that gives
SELECT transfer_id AS a_to_b FROM merch.transfer WHERE source_id = 1 AND location_id = 2 AND state = 'proposed' \gset
SELECT transfer_id AS a_back FROM merch.transfer WHERE source_id = 1 AND location_id = 100 AND state = 'proposed' \gset
SELECT transfer_id AS z_to_b FROM merch.transfer WHERE source_id = 9 AND state = 'proposed' \gset
SELECT merch.accept_transfer(:a_to_b);
TABLE pg_temp.stocks;
SELECT * FROM merch.check_ledger();
\echo what is accepted counts as there, for the allocation as well: what is best to move now
SELECT source, location, quantity, gain FROM pg_temp.plan;
\echo an approval rule: whatever gains more than 15
SELECT source_id, location_id, merch.accept_transfer(transfer_id) AS units FROM merch.transfer
WHERE state = 'proposed' AND expected_gain > 15;
SAVEPOINT accepted;
\echo sold meanwhile
UPDATE merch.stock SET on_hand = 8 WHERE (item_id, location_id) = (1, 1);
SELECT regexp_replace(pg_temp.error_of('SELECT merch.accept_transfer(' || :a_back || ')'), 'transfer \d+', 'transfer <id>');
ROLLBACK TO accepted;
\echo too late
UPDATE merch.transfer SET ships_on = current_date - 1 WHERE transfer_id = :a_back;
SELECT regexp_replace(regexp_replace(pg_temp.error_of('SELECT merch.accept_transfer(' || :a_back || ')'), '\d[-\d]{9}', '<day>'), 'transfer \d+', 'transfer <id>');
ROLLBACK TO accepted;
\echo a circle
INSERT INTO merch.transfer (transfer_id, kind, source_id, location_id, ships_on, arrives_on, state)
VALUES (900, 'rebalance', 2, 1, current_date + 1, current_date + 2, 'proposed');
INSERT INTO merch.transfer_line (item_id, transfer_id, units) VALUES (1, 900, 1);
SELECT split_part(pg_temp.error_of('SELECT merch.accept_transfer(900)'), E'\n', 1);
ROLLBACK TO accepted;
\echo picked, shipped, received; short; accepted by raw SQL, cancelled, cancelled by raw SQL
SELECT merch.record_pick(:a_to_b, 1, 7), merch.ship_transfer(:a_to_b);
TABLE pg_temp.stocks;
SELECT merch.record_receipt(1, inbound_id, 7) FROM merch.transfer_line WHERE transfer_id = :a_to_b;
SELECT merch.record_pick(:z_to_b, 1, 3, false), merch.ship_transfer(:z_to_b);
UPDATE merch.transfer SET state = 'planned' WHERE transfer_id = :a_back;
TABLE pg_temp.stocks;
SELECT source, location, state, units, held, picked FROM pg_temp.transfers WHERE state <> 'cancelled';
SELECT * FROM merch.check_ledger();
SAVEPOINT planned;
INSERT INTO merch.wave (wave_id, source_id, ships_on) VALUES (900, 1, current_date + 5);
UPDATE merch.transfer SET wave_id = 900 WHERE transfer_id = :a_back;
SELECT merch.start_wave(900), merch.complete_wave(900);
TABLE pg_temp.stocks;
SELECT * FROM merch.check_ledger();
ROLLBACK TO planned;
SELECT merch.cancel_transfer(:a_back);
SELECT reserved FROM merch.stock WHERE (item_id, location_id) = (1, 1);
ROLLBACK TO planned;
UPDATE merch.transfer SET state = 'cancelled' WHERE transfer_id = :a_back;
SELECT reserved FROM merch.stock WHERE (item_id, location_id) = (1, 1);
ROLLBACK TO planned;
\echo what is held is a promise like any other
SELECT regexp_replace(split_part(pg_temp.error_of(statement), E'\n', 1), 'transfer \d+', 'transfer <id>') FROM unnest(ARRAY[
    'UPDATE merch.stock SET on_hand = 1 WHERE (item_id, location_id) = (1, 1)',
    'UPDATE merch.transfer_line SET held = 3 WHERE held > 0',
    'UPDATE merch.transfer_line SET picked = 1 WHERE held > 0',
    'UPDATE merch.transfer_line SET held_at = NULL WHERE held > 0',
    'DELETE FROM merch.transfer_line WHERE held > 0',
    'DELETE FROM merch.transfer WHERE state = ''planned'''
]) statement;
SELECT merch.cut_promises(1, 1, 1) AS cut;
SELECT units, held, picked FROM merch.transfer_line WHERE transfer_id = :a_back;
SELECT merch.cut_promises(1, 1, 9) AS cut;
SELECT units, held, picked FROM merch.transfer_line WHERE transfer_id = :a_back;
SELECT * FROM merch.check_ledger();
ROLLBACK TO planned;
SELECT * FROM merch.check_ledger();
SELECT * FROM merch.check_transfers();

\echo a promotion that is deleted leaves its transfers
SELECT merch.reject_transfer(transfer_id) FROM merch.transfer WHERE state = 'proposed';
DELETE FROM merch.promotion;
SELECT DISTINCT promotion_id FROM merch.transfer;
\echo what is refused
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (2, 'last week', current_date - 7, current_date);
SELECT regexp_replace(pg_temp.error_of(statement), '\d[-\d]{9}', '<day>') FROM unnest(ARRAY[
    'SELECT merch.plan_rebalance(NULL)',
    'SELECT merch.plan_rebalance(77)',
    'SELECT merch.propose_transfers(77)',
    'SELECT merch.plan_rebalance(2)',
    'SELECT merch.accept_transfer(NULL)',
    'SELECT merch.reject_transfer(-1)'
]) statement;
SELECT regexp_replace(pg_temp.error_of(format('SELECT merch.%s_transfer(%s)', verb, :a_back)), 'transfer \d+', 'transfer <id>')
FROM unnest(ARRAY['accept', 'reject']) verb;
ROLLBACK;
