-- bulk runs and the queue of changed items: arguments, what is skipped, what is said
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
\set lib :abs_srcdir '/lib/fixture.sql'
\set items 6
\set stores 3
\set promotions 3
SET client_min_messages = warning;
\i :lib
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES
    (4, 'without items', current_date, current_date + 7),
    (5, 'ended', current_date - 7, current_date),
    (6, 'later', current_date + 30, current_date + 37);
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 6);
INSERT INTO merch.promotion_location VALUES (6, 1);

-- arguments
SELECT pg_temp.error_of('SELECT merch.check_bulk_arguments(NULL, NULL, false, 0, 0)');
SELECT pg_temp.error_of('SELECT merch.check_bulk_arguments(NULL, -1, false, 0, 1)');
SELECT pg_temp.error_of('SELECT merch.check_bulk_arguments(NULL, NULL, false, -1, 1)');
SELECT pg_temp.error_of('SELECT merch.check_bulk_arguments(NULL, NULL, NULL, 0, 1)');
SELECT pg_temp.error_of('SELECT merch.check_bulk_arguments(NULL, 3, true, 0, 1)');
SELECT pg_temp.error_of('SELECT merch.check_bulk_arguments(''{1,NULL}'', NULL, false, 0, 1)');
SELECT pg_temp.error_of('SELECT merch.reallocate_dirty(0)');
SELECT pg_temp.error_of('SELECT merch.reallocate_dirty(NULL)');
SELECT pg_temp.error_of('SELECT merch.cancel_batch(77)');
SELECT pg_temp.error_of('SELECT merch.mark_dirty_items()');
\set VERBOSITY terse
CALL merch.resume_batch(77);
CALL merch.resume_batch(NULL);
BEGIN;
CALL merch.run_allocations();
ROLLBACK;
BEGIN;
CALL merch.keep_reallocating();
ROLLBACK;
BEGIN;
CALL merch.run_workers(1, 1);
ROLLBACK;
CALL merch.run_allocations(slice_lines => 0);

-- what is due within a week, what is skipped and why
CALL merch.run_allocations(within_days => 7, slice_lines => 9);
SELECT batch_id, promotion_id, allocation_id, reason FROM merch.batch_run ORDER BY 1, 2;
SELECT block, item_from, item_to, expected_lines, state, attempts, lines, error FROM merch.batch_block ORDER BY 1;
SELECT state, dirty, blocks, blocks_done, done, total, share, workers, time_left, errors FROM merch.progress;
SELECT allocation_id, promotion_id, state, method FROM merch.allocation ORDER BY 1;
CALL merch.run_allocations(promotions => '{2,5,6,6,99}');
SELECT promotion_id, allocation_id IS NOT NULL AS made, reason FROM merch.batch_run WHERE batch_id = 2 ORDER BY 1;
SELECT pg_temp.error_of('SELECT merch.cancel_batch(2)') ~ 'batch 2 is already done' AS too_late;
SELECT count(*) FROM merch.check_ledger();

-- the queue: nothing changes when nothing has
SELECT merch.reallocate_dirty();
SELECT merch.reallocate_dirty();
SELECT count(*) FROM merch.dirty_item;
UPDATE merch.stock SET on_hand = on_hand - 2 WHERE item_id IN (2, 3) AND location_id = 1;
SELECT item_id FROM merch.dirty_item ORDER BY 1;
CALL merch.run_allocations(dirty => true, workers => 1);
SELECT state, dirty, blocks, done > 0 AS changed FROM merch.progress WHERE dirty;
SELECT count(*) FROM merch.dirty_item;
SELECT merch.renew_lines('{1,2,3,6}');
-- nothing to do is no batch
CALL merch.run_allocations(dirty => true);

-- a loop ends when its time is up
UPDATE merch.stock SET on_hand = on_hand + 1 WHERE item_id = 4 AND location_id = 2;
CALL merch.keep_reallocating(pause => '1 ms', until => clock_timestamp() + interval '0.2 s');
SELECT count(*) FROM merch.dirty_item;
SELECT merch.renew_lines('{1,2,3,6}');

-- who may change stock may do so without any right on the queue
CREATE ROLE merch_clerk;
GRANT USAGE ON SCHEMA merch TO merch_clerk;
GRANT SELECT, UPDATE ON merch.stock TO merch_clerk;
SET ROLE merch_clerk;
UPDATE merch.stock SET on_hand = on_hand + 1 WHERE item_id = 5 AND location_id = 2;
SELECT current_user;
SELECT count(*) FROM merch.dirty_item;
RESET ROLE;
SELECT item_id FROM merch.dirty_item;

-- MERGE and a primary key that changes
MERGE INTO merch.stock s USING (VALUES (1, 1, 3), (6, 3, 2)) v (item_id, location_id, more)
    ON (s.item_id, s.location_id) = (v.item_id, v.location_id)
    WHEN MATCHED THEN UPDATE SET on_hand = s.on_hand + v.more;
SELECT item_id FROM merch.dirty_item ORDER BY 1;
DELETE FROM merch.dirty_item;
DELETE FROM merch.stock WHERE item_id = 2 AND location_id = 2;
UPDATE merch.stock SET item_id = 2 WHERE item_id = 3 AND location_id = 2;
SELECT item_id FROM merch.dirty_item ORDER BY 1;

DROP OWNED BY merch_clerk;
DROP ROLE merch_clerk;
DROP EXTENSION pg_merch CASCADE;
DROP SCHEMA merch CASCADE;
CREATE EXTENSION pg_merch;
