-- launch: what is not ready stays where it is, and leave to go nonetheless stays on record
BEGIN;
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';
CREATE ROLE launch_boss LOGIN IN ROLE merch_admin;
CREATE ROLE launch_planner LOGIN IN ROLE merch_merchandiser;
CREATE ROLE launch_viewer LOGIN IN ROLE merch_viewer;
-- the tests' own functions are called under these roles, too
GRANT USAGE ON SCHEMA public TO launch_boss, launch_planner, launch_viewer;
INSERT INTO merch.item (item_id, name, price, cost) SELECT n, 'item ' || n, 10, 6 FROM generate_series(1, 3) n;
INSERT INTO merch.location (location_id, kind, name) VALUES (100, 'distribution_centre', 'centre'), (1, 'store', 'store');
INSERT INTO merch.lane (location_id, source_id) VALUES (1, 100);
INSERT INTO merch.ranging (item_id, location_id) SELECT n, 1 FROM generate_series(1, 3) n;
INSERT INTO merch.stock (item_id, location_id, on_hand) SELECT n, 100, 100 FROM generate_series(1, 3) n;
INSERT INTO merch.forecast (item_id, location_id, day, mean) SELECT n, 1, '2090-02-01', 9 FROM generate_series(1, 3) n;
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) SELECT n, 'promotion ' || n, '2090-02-01', '2090-02-08' FROM generate_series(1, 3) n;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) SELECT n, n, 'price', 8 FROM generate_series(1, 3) n;
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) SELECT n, n, n FROM generate_series(1, 3) n;
INSERT INTO merch.promotion_location SELECT n, 1 FROM generate_series(1, 3) n;
-- on the short way: approvals have tests of their own
SET LOCAL session_replication_role = replica;
UPDATE merch.promotion SET state = 'approved';
SET LOCAL session_replication_role = origin;
SELECT merch.prepare_promotions(ARRAY[1, 2, 3]);
SELECT merch.evaluate_readiness() > 0;
UPDATE merch.task SET state = 'done' WHERE task = 'supplier confirmation';
UPDATE merch.task SET state = 'done' WHERE task IN ('stock count', 'labels');
UPDATE merch.task SET state = 'done' WHERE task = 'display';
UPDATE merch.task SET state = 'done' WHERE task = 'confirm' AND promotion_id < 3;
SELECT merch.evaluate_dirty_readiness() > 0;
SELECT promotion_id, state, gates_failed, failed FROM merch.launch_readiness ORDER BY 1;

\echo the guard looks again, whatever is stored
UPDATE merch.item SET active = false WHERE item_id = 2;
SELECT promotion_id, state, gates_failed FROM merch.launch_readiness WHERE promotion_id = 2;
SELECT pg_temp.error_of($$SELECT merch.fire('merch.promotion', '2', 'launch')$$);
\echo of several at once none goes, by raw SQL neither
SELECT pg_temp.error_of($$UPDATE merch.promotion SET state = 'live' WHERE promotion_id IN (1, 2)$$);
SELECT pg_temp.error_of($$UPDATE merch.promotion SET state = 'live' WHERE promotion_id = 3$$);
SELECT merch.fire('merch.promotion', '1', 'launch');
\echo unready by itself
SELECT merch.evaluate_dirty_readiness() > 0;
SELECT promotion_id, state, gates_failed, failed FROM merch.launch_readiness ORDER BY 1;
SELECT event, from_state, to_state, reason FROM merch.state_change WHERE subject = 'merch.promotion'::regclass AND row_key = '2' ORDER BY change_id DESC LIMIT 2;
\echo the verdicts of one that is live stay as they were
UPDATE merch.item SET active = false WHERE item_id = 1;
SELECT merch.evaluate_dirty_readiness(), merch.evaluate_readiness();
SELECT passed FROM merch.readiness_result WHERE promotion_id = 1 AND readiness_check = 'items';

\echo leave to launch: asked for, not by whom it is granted
SET LOCAL ROLE launch_planner;
SELECT merch.request_override(2, 'items', 'sold out before it is delisted');
SELECT pg_temp.error_of($$SELECT merch.request_override(2, 'items', 'again')$$);
SELECT pg_temp.error_of($$SELECT merch.request_override(2, 'tasks', 'a warning')$$);
SELECT pg_temp.error_of($$SELECT merch.request_override(2, 'no such', 'what')$$);
SELECT pg_temp.error_of($$SELECT merch.request_override(99, 'items', 'what')$$);
SELECT pg_temp.error_of($$SELECT merch.request_override(1, 'items', 'it is live')$$);
SELECT split_part(pg_temp.error_of($$SELECT merch.request_override(2, 'offers', '  ')$$), E'\n', 1);
SELECT pg_temp.error_of($$SELECT merch.fire('merch.readiness_override', '1', 'grant')$$);
RESET ROLE;
SET LOCAL ROLE launch_viewer;
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.readiness_override (promotion_id, readiness_check, reason) VALUES (2, 'offers', 'me')$$), E'\n', 1);
SELECT verdict, detail FROM merch.readiness(2) WHERE readiness_check = 'items';
RESET ROLE;
SELECT override_id, promotion_id, readiness_check, reason, state, created_by, (SELECT p.revision = o.revision FROM merch.promotion p WHERE p.promotion_id = 2) AS of_this_revision
FROM merch.readiness_override o ORDER BY 1;
SELECT merch.evaluate_dirty_readiness();
SELECT promotion_id, state, gates_failed, gates_overridden FROM merch.launch_readiness ORDER BY 1;
SET LOCAL ROLE launch_boss;
SELECT merch.approve(approval_id, 'margin is good') IS NOT NULL FROM merch.approval WHERE subject = 'merch.readiness_override'::regclass AND state = 'open';
RESET ROLE;
SELECT override_id, state FROM merch.readiness_override;
SELECT merch.evaluate_dirty_readiness();
SELECT promotion_id, state, score, gates_failed, gates_overridden, failed FROM merch.launch_readiness ORDER BY 1;
SELECT readiness_check, verdict FROM merch.readiness(2) WHERE verdict = 'overridden';
\echo no other gate is passed over, and nothing on record changes
UPDATE merch.item SET cost = 9 WHERE item_id = 2;
SELECT pg_temp.error_of($$SELECT merch.fire('merch.promotion', '2', 'launch')$$);
UPDATE merch.item SET cost = 6 WHERE item_id = 2;
SELECT pg_temp.error_of('DELETE FROM merch.readiness_override');
SELECT pg_temp.error_of('TRUNCATE merch.readiness_override');
SELECT pg_temp.error_of($$UPDATE merch.readiness_override SET reason = 'because'$$);
SELECT pg_temp.error_of($$UPDATE merch.readiness_override SET readiness_check = 'margin'$$);
UPDATE merch.readiness_check SET readiness_check = 'assortment' WHERE readiness_check = 'items';
SELECT readiness_check, state FROM merch.readiness_override;
UPDATE merch.readiness_check SET readiness_check = 'items' WHERE readiness_check = 'assortment';
SELECT pg_temp.error_of('DELETE FROM merch.promotion WHERE promotion_id = 2');
\echo a change of the promotion ends it
SAVEPOINT a;
UPDATE merch.promotion SET revision = revision + 1 WHERE promotion_id = 2;
SELECT override_id, state FROM merch.readiness_override;
SELECT merch.evaluate_dirty_readiness();
SELECT promotion_id, state, gates_failed, gates_overridden, failed FROM merch.launch_readiness ORDER BY 1;
ROLLBACK TO a;
\echo with it the promotion goes live
SELECT merch.evaluate_dirty_readiness();
SELECT merch.fire('merch.promotion', '2', 'launch');
SELECT override_id, state FROM merch.readiness_override;

\echo transfers in the probability: in time, late by history, impossible
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (4, 'far', '2090-02-10', '2090-02-20');
INSERT INTO merch.allocation (allocation_id, promotion_id, method) VALUES (44, 4, 'even');
INSERT INTO merch.transfer (transfer_id, kind, allocation_id, source_id, location_id, ships_on, arrives_on)
VALUES (440, 'allocation', 44, 100, 1, '2090-02-05', '2090-02-10');
SET LOCAL session_replication_role = replica;
UPDATE merch.promotion SET state = 'preparing' WHERE promotion_id = 4;
SET LOCAL session_replication_role = origin;
SELECT round(probability::numeric, 2) FROM merch.transfer_probability(ARRAY[4]);
UPDATE merch.transfer SET arrives_on = '2090-02-09' WHERE transfer_id = 440;
SELECT round(probability::numeric, 2) FROM merch.transfer_probability(ARRAY[4]);
UPDATE merch.transfer SET arrives_on = '2090-02-11' WHERE transfer_id = 440;
SELECT probability FROM merch.transfer_probability(ARRAY[4]);
SELECT merch.evaluate_readiness() > 0;
SELECT promotion_id, probability, gates_failed FROM merch.launch_readiness WHERE promotion_id = 4;
SELECT figure, detail FROM merch.readiness(4) WHERE readiness_check = 'transfers';
SET LOCAL session_replication_role = replica;
INSERT INTO merch.transfer (kind, allocation_id, source_id, location_id, ships_on, arrives_on, state, shipped_at, received_at)
SELECT 'allocation', 44, 100, 1, current_date - 9, current_date - 5, 'received', now(), (current_date - 4)::timestamptz + n * interval '1 hour'
FROM generate_series(1, 40) n;
SET LOCAL session_replication_role = origin;
SELECT merch.learn_durations();
SELECT transfers, quantiles[1] AS least, quantiles[11] AS median, quantiles[21] AS most FROM merch.transfer_lateness;
UPDATE merch.transfer SET arrives_on = '2090-02-09' WHERE transfer_id = 440;
SELECT round(probability::numeric, 1) FROM merch.transfer_probability(ARRAY[4]);
ROLLBACK;
