-- tasks: their order, who may do them, their times; templates
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SET client_min_messages = error;
BEGIN;
SELECT merch.create_model();
-- who has to approve, and what has to be ready, is not what is tested here
UPDATE merch.approval_rule SET active = false;
UPDATE merch.critical_change SET active = false;
UPDATE merch.readiness_check SET active = false;
INSERT INTO merch.location (location_id, kind, name) VALUES (1, 'store', 'A'), (2, 'store', 'B'), (3, 'online', 'web'), (4, 'distribution_centre', 'centre');
INSERT INTO merch.item (item_id, name, price) VALUES (1, 'juice', 2);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'first', '2090-03-01', '2090-03-08'), (2, 'second', '2090-03-01', '2090-03-08');
INSERT INTO merch.offer (offer_id, promotion_id, reward) VALUES (1, 1, 'feature'), (2, 2, 'feature');
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 1, 1), (1, 2, 2);
INSERT INTO merch.promotion_location SELECT p, l FROM generate_series(1, 2) p, generate_series(1, 4) l;
-- just the tasks: nothing is allocated
DELETE FROM merch.preparation_step WHERE step <> 'tasks';
UPDATE merch.promotion SET state = 'submitted';
SELECT merch.fire_as_system('merch.promotion', '{1,2}', 'approve', 'good');
CREATE FUNCTION pg_temp.id(promotion bigint, name text, location int DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
    SELECT task_id FROM merch.task WHERE promotion_id = promotion AND task = name AND location_id IS NOT DISTINCT FROM location AND state <> 'cancelled' $$;
CREATE FUNCTION pg_temp.do(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN regexp_replace(regexp_replace(pg_temp.error_of(what), 'task \d+', 'task N', 'g'), '(DETAIL: [^\n]*\n)(task.*\n)', '\1…' || E'\n');
END $$;

\echo stores, and only they, have what is done at stores
SELECT promotion_id, task, location_id, due_at, state FROM merch.task WHERE promotion_id = 1 ORDER BY due_at, location_id;
SELECT location, task, blocked_by, overdue FROM merch.store_tasks WHERE location_id = 2 AND promotion_id = 2 ORDER BY due_at;

\echo in order
SELECT pg_temp.do($$SELECT merch.start_task(pg_temp.id(1, 'display', 1))$$);
SELECT pg_temp.do($$SELECT merch.complete_task(pg_temp.id(1, 'confirm', 1))$$);
SELECT pg_temp.do($$UPDATE merch.task SET state = 'done' WHERE task_id = pg_temp.id(1, 'display', 1)$$);
SELECT merch.complete_task(pg_temp.id(1, 'supplier confirmation'), 'all of them'), merch.start_task(pg_temp.id(1, 'stock count', 1));
SELECT blocked_by FROM merch.store_tasks WHERE task_id = pg_temp.id(1, 'display', 1);
SELECT merch.complete_task(pg_temp.id(1, 'stock count', 1), '3 cartons more');
SELECT merch.complete_task(pg_temp.id(1, 'display', 1));
\echo of another promotion, of another location: not done by that
SELECT pg_temp.do($$SELECT merch.complete_task(pg_temp.id(2, 'display', 1))$$);
SELECT pg_temp.do($$SELECT merch.complete_task(pg_temp.id(1, 'display', 2))$$);
SELECT promotion_id, task, location_id, state, note, started_at IS NOT NULL AS started, done_at IS NOT NULL AS done
FROM merch.task WHERE state <> 'open' ORDER BY 1, 2, 3;
SELECT event, to_state, reason FROM merch.state_change
WHERE subject = 'merch.task'::regclass AND row_key = pg_temp.id(1, 'stock count', 1)::text ORDER BY change_id;
\echo in one statement with what it waits for; the order holds at its end
SAVEPOINT s;
UPDATE merch.task SET state = 'done' WHERE promotion_id = 2;
SELECT state, count(*) FROM merch.task GROUP BY 1 ORDER BY 1;
ROLLBACK TO s;
SELECT pg_temp.do($$UPDATE merch.task SET state = 'done' WHERE promotion_id = 2 AND task <> 'stock count' AND location_id IS NOT NULL$$);

\echo out of order by their states
SELECT pg_temp.do($$SELECT merch.start_task(pg_temp.id(1, 'display', 1))$$);
SELECT pg_temp.do($$UPDATE merch.task SET state = 'started' WHERE task_id = pg_temp.id(1, 'display', 1)$$);
SELECT pg_temp.do($$UPDATE merch.task SET state = 'forgotten' WHERE task_id = pg_temp.id(1, 'display', 1)$$);
SELECT pg_temp.do($$SELECT merch.complete_task(0)$$), pg_temp.do($$SELECT merch.start_task(NULL)$$);
\echo times are kept, whatever a statement says
UPDATE merch.task SET started_at = '2000-01-01', done_at = '2000-01-01' WHERE promotion_id = 1;
SELECT state, bool_or(started_at < now() OR done_at < now()) AS changed, count(started_at), count(done_at) FROM merch.task WHERE promotion_id = 1 GROUP BY 1 ORDER BY 1;
SELECT pg_temp.do($$INSERT INTO merch.task (promotion_id, task, location_id, role, due_at, state) VALUES (1, 'labels', 3, 'merch_store', now(), 'done')$$);
SELECT pg_temp.do($$INSERT INTO merch.task (promotion_id, task, location_id, role, due_at) VALUES (1, 'labels', 1, 'merch_store', now())$$);
\echo again
SELECT merch.reopen_task(pg_temp.id(1, 'stock count', 1), 'wrong shelf');
SELECT state, note, started_at, done_at FROM merch.task WHERE task_id = pg_temp.id(1, 'stock count', 1);
SELECT pg_temp.do($$SELECT merch.complete_task(pg_temp.id(1, 'confirm', 1))$$);

\echo who may: members of the role that the task names
CREATE ROLE merch_test_clerk IN ROLE merch_store;
GRANT USAGE ON SCHEMA merch TO merch_test_clerk;
GRANT SELECT ON ALL TABLES IN SCHEMA merch TO merch_test_clerk;
GRANT UPDATE (state, note) ON merch.task TO merch_test_clerk;
SET ROLE merch_test_clerk;
SELECT merch.complete_task(pg_temp.id(2, 'labels', 1), 'done');
SELECT pg_temp.do($$SELECT merch.complete_task(pg_temp.id(2, 'supplier confirmation'))$$);
SELECT pg_temp.do($$UPDATE merch.task SET state = 'cancelled' WHERE promotion_id = 2$$);
SELECT pg_temp.do($$UPDATE merch.task SET role = 'merch_store' WHERE promotion_id = 2$$);
RESET ROLE;

\echo due: worked back from the start, but nobody is late from the beginning
SELECT merch.task_due('2090-03-01', '10 days', '2 days', '2090-01-01') AS enough_time,
       merch.task_due('2090-03-01', '10 days', '2 days', '2090-02-25') AS little,
       merch.task_due('2090-03-01', '10 days', '2 days', '2090-02-28') AS less,
       merch.task_due('2090-03-01', '10 days', '2 days', '2090-04-01') AS none;
\echo moved: what is to be done moves, what is done does not
UPDATE merch.promotion SET starts_on = '2090-03-02', ends_on = '2090-03-09' WHERE promotion_id = 1;
SELECT task, location_id, due_at, state FROM merch.task WHERE promotion_id = 1 ORDER BY due_at, location_id;

\echo templates
SELECT pg_temp.do($$INSERT INTO merch.task_template (task, description, role, scope, due_before, takes, depends_on) VALUES ('a', 'b', 'merch_store', 'location', '1 day', '1 hour', '{nothing}')$$);
SELECT pg_temp.do($$UPDATE merch.task_template SET depends_on = '{confirm}' WHERE task = 'stock count'$$);
SELECT pg_temp.do($$UPDATE merch.task_template SET depends_on = '{labels}' WHERE task = 'labels'$$);
SELECT pg_temp.do($$DELETE FROM merch.task_template WHERE task = 'labels'$$);
SELECT split_part(pg_temp.do($$UPDATE merch.task_template SET scope = 'world'$$), E'\n', 1);
SELECT split_part(pg_temp.do($$UPDATE merch.task_template SET location_kinds = '{shop}'$$), E'\n', 1);
SELECT split_part(pg_temp.do($$UPDATE merch.task_template SET takes = '0'$$), E'\n', 1);
INSERT INTO merch.task_template (task, description, role, scope, due_before, takes, depends_on, location_kinds)
VALUES ('pick', 'Pick it.', 'merch_allocator', 'location', '2 days', '1 hour', '{}', '{distribution_centre,online}'),
       ('all ready', 'Tell everybody.', 'merch_merchandiser', 'promotion', '1 hour', '5 minutes', '{confirm,pick}', '{store}');
UPDATE merch.task_template SET depends_on = '{labels}' WHERE task = 'confirm';
UPDATE merch.task_template SET active = false WHERE task IN ('stock count', 'display');
SELECT merch.prepare_promotions('{1}');
SELECT task, location_id, role, state FROM merch.task WHERE promotion_id = 1 ORDER BY 1, 2;
\echo a task of the promotion waits for all locations
SELECT pg_temp.do($$SELECT merch.complete_task(pg_temp.id(1, 'all ready'))$$);
UPDATE merch.task SET state = 'done' WHERE promotion_id = 1 AND task IN ('labels', 'pick');
SELECT merch.complete_task(pg_temp.id(1, 'confirm', 1));
SELECT pg_temp.do($$SELECT merch.complete_task(pg_temp.id(1, 'all ready'))$$);
SELECT merch.complete_task(pg_temp.id(1, 'confirm', 2)), merch.complete_task(pg_temp.id(1, 'all ready'));

\echo the trigger that keeps times
CREATE TABLE pg_temp.thing (state text, at timestamptz, n int);
INSERT INTO pg_temp.thing VALUES ('a');
CREATE TRIGGER s BEFORE UPDATE ON pg_temp.thing FOR EACH ROW EXECUTE FUNCTION merch.stamp_states('state', 'b');
SELECT pg_temp.error_of($$UPDATE pg_temp.thing SET n = 1$$);
CREATE OR REPLACE TRIGGER s BEFORE UPDATE ON pg_temp.thing FOR EACH ROW EXECUTE FUNCTION merch.stamp_states('state', 'b', 'at');
SELECT pg_temp.error_of($$UPDATE pg_temp.thing SET n = 1$$);
CREATE OR REPLACE TRIGGER s BEFORE UPDATE ON pg_temp.thing FOR EACH ROW EXECUTE FUNCTION merch.stamp_states('state', 'b', '+then');
SELECT pg_temp.error_of($$UPDATE pg_temp.thing SET n = 1$$);
CREATE OR REPLACE TRIGGER s BEFORE UPDATE ON pg_temp.thing FOR EACH ROW EXECUTE FUNCTION merch.stamp_states('state', 'b', '+n');
SELECT pg_temp.error_of($$UPDATE pg_temp.thing SET n = 1$$);
CREATE OR REPLACE TRIGGER s BEFORE INSERT ON pg_temp.thing FOR EACH ROW EXECUTE FUNCTION merch.stamp_states('state', 'b', '+at');
SELECT pg_temp.error_of($$INSERT INTO pg_temp.thing VALUES ('b')$$);
CREATE OR REPLACE TRIGGER s AFTER UPDATE ON pg_temp.thing FOR EACH ROW EXECUTE FUNCTION merch.stamp_states('state', 'b', '+at');
SELECT pg_temp.error_of($$UPDATE pg_temp.thing SET n = 1$$);
SELECT pg_temp.error_of($$SELECT merch.stamp_states()$$);
CREATE OR REPLACE TRIGGER s BEFORE UPDATE ON pg_temp.thing FOR EACH ROW EXECUTE FUNCTION merch.stamp_states('state', 'b', '+at', 'c', '-at');
UPDATE pg_temp.thing SET state = NULL, at = now() RETURNING *;
UPDATE pg_temp.thing SET state = 'b' RETURNING state, at = now() AS now;
UPDATE pg_temp.thing SET state = 'b', at = NULL RETURNING state, at = now() AS now;
UPDATE pg_temp.thing SET state = 'c' RETURNING state, at;
ROLLBACK;
