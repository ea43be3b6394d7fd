-- exceptions: one open row for a condition, whose it is, how severe, what becomes of it
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
BEGIN;
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';
-- without the row that failed: it has times
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE sql
RETURN regexp_replace(pg_temp.error_of(statement), 'DETAIL: Failing row contains .*', '');
GRANT USAGE ON SCHEMA merch TO PUBLIC;
INSERT INTO merch.item_group VALUES (1, NULL, 'drinks'), (2, 1, 'juice'), (3, NULL, 'food');
INSERT INTO merch.item (item_id, item_group_id, name, price, cost) VALUES (1, 2, 'orange', 3, 1), (2, 1, 'water', 1, 0.5), (3, 3, 'bread', 2, 1);
INSERT INTO merch.location_group VALUES (1, NULL, 'north');
INSERT INTO merch.location (location_id, location_group_id, kind, name) VALUES (10, 1, 'store', 'A'), (11, NULL, 'store', 'B');
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'week', current_date + 10, current_date + 17), (2, 'other', current_date + 10, current_date + 17);
CREATE VIEW pg_temp.seen AS
SELECT exception_id AS id, kind, condition, detail, role, severity, money_at_risk AS money, seen, state, outcome, deadline - first_seen AS time
FROM merch.exception ORDER BY exception_id;

\echo raised once, and again with other figures: one row; what is not said anew stays
SELECT merch.raise_exception('price mismatch', 'item 1 channel 2', 'shows 2.99', item_id => 1, money_at_risk => 400);
SELECT merch.raise_exception('price mismatch', 'item 1 channel 2', 'shows 2.79', money_at_risk => 450.005);
SELECT merch.raise_exception('price mismatch', 'item 1 channel 2', 'shows 2.69');
SELECT * FROM pg_temp.seen;
SELECT item_id FROM merch.exception;
\echo many at once: the same condition twice is one, the one with more money; what is raised by whom it concerns
SELECT merch.raise_exceptions('price mismatch', ARRAY[
    ROW('a', NULL, 1, NULL, NULL, NULL, NULL, 'small', NULL, 5, NULL, NULL, NULL, NULL),
    ROW('a', NULL, 1, NULL, NULL, NULL, NULL, 'large', NULL, 7, NULL, NULL, NULL, NULL),
    ROW('b', NULL, 2, NULL, NULL, NULL, NULL, 'other', NULL, NULL, NULL, NULL, NULL, NULL)]::merch.condition[]);
SELECT merch.raise_exceptions('price mismatch', '{}'), merch.raise_exceptions('price mismatch', NULL);
SELECT condition, detail, money FROM pg_temp.seen WHERE condition IN ('a', 'b');
\echo what cannot be raised
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY[
    $$SELECT merch.raise_exception('price missmatch', 'x', 'y')$$,
    $$SELECT merch.raise_exception(NULL, 'x', 'y')$$,
    $$SELECT merch.raise_exception('price mismatch', '', 'y')$$,
    $$SELECT merch.raise_exception('price mismatch', NULL, 'y')$$,
    $$SELECT merch.raise_exception('price mismatch', 'x', NULL)$$,
    $$SELECT merch.raise_exception('price mismatch', 'x', 'y', money_at_risk => -1)$$,
    $$SELECT merch.raise_exception('price mismatch', 'x', 'y', money_at_risk => 'NaN')$$,
    $$SELECT merch.raise_exception('price mismatch', 'x', 'y', promotion_id => 77)$$]) statement;
\echo nor written past the functions
SELECT pg_temp.refusal(statement) FROM unnest(ARRAY[
    $$INSERT INTO merch.exception (kind, condition, detail, role, deadline) VALUES ('price mismatch', 'a', 'again', 'merch_admin', now())$$,
    $$INSERT INTO merch.exception (kind, condition, detail, role, deadline, severity) VALUES ('price mismatch', 'x', 'y', 'merch_admin', now(), 5)$$,
    $$INSERT INTO merch.exception (kind, condition, detail, role, deadline, state) VALUES ('price mismatch', 'x', 'y', 'merch_admin', now(), 'resolved')$$,
    $$INSERT INTO merch.exception (kind, condition, detail, role, deadline, outcome) VALUES ('price mismatch', 'x', 'y', 'merch_admin', now(), 'well')$$,
    $$UPDATE merch.exception SET state = 'closed'$$,
    $$UPDATE merch.exception SET state = 'resolved' WHERE condition = 'a'$$,
    $$INSERT INTO merch.exception_route (role, within) VALUES ('nobody of that name', '1 day')$$,
    $$INSERT INTO merch.exception_route (role, within, escalate_to) VALUES ('merch_admin', '1 day', 'nobody of that name')$$,
    $$INSERT INTO merch.exception_route (kind, role, within) VALUES ('price mismatch', 'merch_admin', '1 day')$$,
    $$INSERT INTO merch.exception_route (promotion_id, role, within) VALUES (1, 'merch_admin', '0')$$,
    $$INSERT INTO merch.exception_severity (above, severity) VALUES (5, 6)$$,
    $$INSERT INTO merch.exception_kind (kind, description, remedy, probability, handling_minutes) VALUES ('x', 'y', 'z', 0, 1)$$,
    $$INSERT INTO merch.exception_kind (kind, description, remedy, probability, handling_minutes, detector) VALUES ('x', 'y', 'z', 1, 1, 'merch.nothing')$$,
    $$UPDATE merch.exception_kind SET detector = 'merch.open_promotions' WHERE kind = 'data quality'$$,
    $$UPDATE merch.exception_kind SET detector = 'drop table; merch.detect_stock_shortage' WHERE kind = 'data quality'$$,
    $$INSERT INTO merch.exception_order DEFAULT VALUES$$]) statement;

\echo whose it is: the kind before the promotion before the item group, the nearest one, before the location group, before the limit
DELETE FROM merch.exception;
INSERT INTO merch.exception_kind (kind, description, remedy, probability, handling_minutes, usual_money) VALUES ('odd', 'test', 'look at {promotion_id}, {item_id} and {location_id} of {exception_id}', 0.5, 10, 30);
SELECT merch.raise_exception('odd', 'nobody', 'x', 1, 1, 10);
INSERT INTO merch.exception_route (kind, promotion_id, item_group_id, location_group_id, above, role, within) VALUES
    (NULL, NULL, NULL, 1, NULL, 'merch_store', '1 hour'), (NULL, NULL, 1, NULL, NULL, 'merch_allocator', '2 hours'),
    (NULL, NULL, 2, NULL, NULL, 'merch_pricing', '3 hours'), (NULL, 1, NULL, NULL, NULL, 'merch_finance', '4 hours'),
    ('odd', NULL, 3, NULL, NULL, 'merch_integration', '5 hours'), ('odd', NULL, 3, NULL, 100, 'merch_merchandiser', '6 hours');
SELECT merch.raise_exception('odd', c.condition, 'x', c.promotion, c.item, c.location, money_at_risk => c.money)
FROM (VALUES ('location group', NULL, NULL, 10, NULL), ('no location group', NULL, NULL, 11, NULL), ('upper group', 2, 2, 10, NULL),
             ('nearest group', 2, 1, 10, NULL), ('promotion', 1, 1, 10, NULL), ('kind', 1, 3, 10, 100), ('limit', 1, 3, 10, 100.01))
     AS c (condition, promotion, item, location, money);
SELECT condition, role, time FROM pg_temp.seen;
\echo handed on when its money passes a limit, and back; not where the route is idle or its role is gone
SELECT merch.raise_exception('odd', 'kind', 'x', money_at_risk => 101) IS NOT NULL;
SELECT role, seen FROM pg_temp.seen WHERE condition = 'kind';
UPDATE merch.exception_route SET active = false WHERE above = 100;
SELECT merch.raise_exception('odd', 'kind', 'x') IS NOT NULL;
SELECT role, seen FROM pg_temp.seen WHERE condition = 'kind';
CREATE ROLE merch_test_gone;
UPDATE merch.exception_route SET role = 'merch_test_gone' WHERE kind = 'odd';
DROP ROLE merch_test_gone;
SELECT merch.raise_exception('odd', 'kind', 'x') IS NOT NULL;
SELECT role, seen FROM pg_temp.seen WHERE condition = 'kind';

\echo how severe: by money, and by the time that is left; the deadline is the earlier of that of the route and of what is due
DELETE FROM merch.exception;
SELECT merch.raise_exception('odd', money || coalesce(' ' || due, ''), 'x', money_at_risk => money, due => now() + due)
FROM (VALUES (1000, NULL::interval), (1001, NULL), (10001, NULL), (100001, NULL), (1, '2 hours'), (1001, '2 hours'), (10001, '2 hours'),
             (1, '-2 hours'), (1, '30 days')) c (money, due);
SELECT condition, severity, time FROM pg_temp.seen;

\echo the queue: what is likely to be saved in a minute of work, and how near it is; figures of the kind where nobody told any
DELETE FROM merch.exception;
SELECT merch.raise_exception('odd', c.condition, 'x', 1, 1, 10, money_at_risk => c.money, due => now() + c.due)
FROM (VALUES ('due', 1680, '0'::interval), ('later', 1680, '10 hours'), ('much, later', 168000, '10 hours'), ('unknown', NULL, '0')) c (condition, money, due);
UPDATE merch.exception SET handling_minutes = 5 WHERE condition = 'later';
SELECT place, condition, money_at_risk, probability, loss_per_hour, handling_minutes, hours_left, priority FROM merch.exception_queue;
SELECT remedy = format('look at 1, 1 and 10 of %s', exception_id) AS filled_in FROM merch.exception_queue LIMIT 1;
\echo by hand: ln(0.5 × 10 / 10), and with 600 − 5 minutes to go, 16 times the average of 10, 5, 10 and 10
SELECT round((ln(0.5 * 10 / 10) / ln(10))::numeric, 3), round(((ln(0.5 * 10 / 5) - 595 / (16 * 35 / 4.0)) / ln(10))::numeric, 3),
       round(((ln(0.5 * 1000 / 10) - 590 / (16 * 35 / 4.0)) / ln(10))::numeric, 3);
\echo no money at risk, due in years: last, and no error
SELECT merch.raise_exception('odd', 'nothing', 'x', 1, money_at_risk => 0, due => '2900-01-01') IS NOT NULL;
SELECT condition FROM merch.exception_queue OFFSET 4;
SELECT kind, detail, for_role FROM merch.next_exceptions('merch_finance', 1);
SELECT count(*) FROM merch.next_exceptions('merch_store');
SELECT pg_temp.error_of($$SELECT merch.next_exceptions('nobody of that name')$$), pg_temp.error_of($$SELECT merch.next_exceptions('merch_store', -1)$$);

\echo who may: members of its role
DELETE FROM merch.exception;
DELETE FROM merch.exception_route WHERE kind IS NULL OR kind = 'odd';
INSERT INTO merch.exception_route (kind, role, within, escalate_to) VALUES ('odd', 'merch_store', '1 day', 'merch_merchandiser');
GRANT SELECT ON ALL TABLES IN SCHEMA merch TO merch_viewer;
GRANT UPDATE (state, outcome, note) ON merch.exception TO merch_store, merch_finance;
CREATE ROLE merch_test_anna LOGIN;
CREATE ROLE merch_test_bert LOGIN;
GRANT merch_store, merch_viewer TO merch_test_anna;
GRANT merch_finance, merch_viewer TO merch_test_bert;
ALTER TABLE merch.exception ALTER exception_id RESTART WITH 100;
SELECT merch.raise_exception('odd', 'c' || i, 'x', money_at_risk => 10) FROM generate_series(0, 5) i;
SET ROLE merch_test_bert;
SELECT pg_temp.error_of('SELECT merch.acknowledge_exception(100)'), pg_temp.error_of($$SELECT merch.resolve_exception(100, 'fixed')$$);
SELECT count(*) FROM merch.next_exceptions();
SET ROLE merch_test_anna;
SELECT count(*) FROM merch.next_exceptions();
SELECT merch.acknowledge_exception(100, 'I call them');
SELECT merch.resolve_exception(100, 'fixed', 'they send more');
SELECT merch.resolve_exception(101, 'accepted');
SELECT merch.resolve_exception(102, 'false_alarm', 'counted wrongly');
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY[
    $$SELECT merch.acknowledge_exception(100)$$, $$SELECT merch.resolve_exception(100)$$, $$SELECT merch.acknowledge_exception(99)$$,
    $$SELECT merch.resolve_exception(NULL)$$, $$SELECT merch.resolve_exception(103, 'gone')$$, $$SELECT merch.resolve_exception(103, NULL)$$,
    $$UPDATE merch.exception SET role = 'merch_store'$$, $$DELETE FROM merch.exception$$]) statement;
RESET ROLE;
SELECT exception_id, state, outcome, note FROM merch.exception ORDER BY exception_id;
SELECT row_key, event, from_state, to_state, reason FROM merch.state_change WHERE subject = 'merch.exception'::regclass AND event IS NOT NULL
ORDER BY change_id;

\echo what is settled is not raised again: unless it was fixed and happens again, or is twice as much, or was gone in between
SELECT merch.raise_exception('odd', 'c' || i, 'x', money_at_risk => 10) IS NOT NULL AS raised FROM generate_series(0, 2) i;
SELECT merch.raise_exception('odd', 'c1', 'x', money_at_risk => 20) IS NOT NULL, merch.raise_exception('odd', 'c1', 'x', money_at_risk => 20.01) IS NOT NULL;
SELECT merch.resolve_exceptions('odd', ARRAY['c2', 'unheard of', NULL]);
SELECT merch.raise_exception('odd', 'c2', 'x') IS NOT NULL;
SELECT merch.resolve_exceptions('odd', ARRAY['c0', 'c1', 'c2'], 'over'), merch.resolve_exceptions('odd', ARRAY['c0']), merch.resolve_exceptions('odd', NULL);
SELECT condition, state, outcome FROM pg_temp.seen WHERE condition < 'c3' ORDER BY id;

\echo what people say of a kind outweighs what was thought of it: (0.5 × 20 + 2) of (20 + 3)
SELECT DISTINCT probability, round((0.5 * 20 + 2) / (20 + 3), 4) AS by_hand FROM merch.exception_queue WHERE kind = 'odd';

\echo a deadline that is missed: to whom it is escalated, once; then to the admin
UPDATE merch.exception SET deadline = now() - interval '1 minute' WHERE condition IN ('c3', 'c4');
UPDATE merch.exception SET severity = 4 WHERE condition = 'c4';
SELECT merch.acknowledge_exception(exception_id) FROM merch.exception WHERE condition = 'c4';
SELECT merch.escalate_exceptions(), merch.escalate_exceptions();
SELECT condition, role, severity, escalations, state, deadline - now() AS time FROM merch.exception WHERE condition >= 'c3' ORDER BY 1;
SELECT row_key = e.exception_id::text AS of_it, event, from_state, to_state, reason
FROM merch.state_change c JOIN merch.exception e ON e.exception_id::text = c.row_key AND condition IN ('c3', 'c4')
WHERE subject = 'merch.exception'::regclass AND event = 'escalate' ORDER BY condition;
\echo it stays with whom it was escalated to, and can be settled from there
SELECT merch.raise_exception('odd', 'c3', 'y', money_at_risk => 11) IS NOT NULL;
SELECT condition, detail, role, severity, state FROM pg_temp.seen WHERE condition = 'c3';
SELECT merch.acknowledge_exception(exception_id) FROM merch.exception WHERE condition = 'c3';
SELECT merch.raise_exception('odd', 'c3', 'z') IS NOT NULL;
SELECT condition, detail, role, severity, state FROM pg_temp.seen WHERE condition = 'c3';
UPDATE merch.exception SET deadline = now() - interval '1 minute' WHERE condition = 'c3';
SELECT merch.escalate_exceptions();
SELECT condition, role, severity, escalations, state FROM merch.exception WHERE condition = 'c3';
SELECT merch.resolve_exception(exception_id, 'fixed') FROM merch.exception WHERE condition = 'c3';

\echo what is old is forgotten, but for what would be raised again; what an exception is about may go
UPDATE merch.exception SET state_since = now() - interval '1000 days' WHERE state = 'resolved';
UPDATE merch.exception SET gone_at = NULL WHERE outcome = 'accepted';
SELECT merch.forget_exceptions(), (SELECT count(*) FROM merch.exception WHERE state = 'resolved' AND outcome = 'accepted');
UPDATE merch.exception SET promotion_id = 2 WHERE condition = 'c5';
DELETE FROM merch.promotion WHERE promotion_id = 2;
SELECT promotion_id, state FROM merch.exception WHERE condition = 'c5';
ROLLBACK;
