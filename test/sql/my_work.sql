-- my_work: what waits for a person, what is best done first
\pset format unaligned
\pset tuples_only on
SET TimeZone = 'UTC';
BEGIN;
SELECT merch.create_model();
CREATE ROLE merch_test_mia LOGIN IN ROLE merch_merchandiser;
CREATE ROLE merch_test_max LOGIN IN ROLE merch_merchandiser;
CREATE ROLE merch_test_fay LOGIN IN ROLE merch_finance;
CREATE ROLE merch_test_pia LOGIN IN ROLE merch_pricing;
CREATE ROLE merch_test_sam LOGIN IN ROLE merch_store;
CREATE ROLE merch_test_vic LOGIN IN ROLE merch_viewer;
CREATE ROLE merch_test_ada LOGIN IN ROLE merch_admin;
INSERT INTO merch.item (item_id, name, price, cost) VALUES (1, 'juice', 10, 5), (2, 'milk', 1, 0.5);
INSERT INTO merch.location (location_id, kind, name) VALUES (100, 'distribution_centre', 'centre'), (1, 'store', 'A'), (2, 'store', 'B');
INSERT INTO merch.lane (location_id, source_id, lead_days) VALUES (1, 100, 1), (2, 100, 1);
INSERT INTO merch.ranging (item_id, location_id) SELECT i, l FROM generate_series(1, 2) i, generate_series(1, 2) l;
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 100000), (2, 100, 100000);
INSERT INTO merch.forecast (item_id, location_id, day, mean) SELECT i, l, '2090-03-01', CASE i WHEN 1 THEN 10000 ELSE 100 END
FROM generate_series(1, 2) i, generate_series(1, 2) l;

SET SESSION AUTHORIZATION merch_test_mia;
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on, time_zone) VALUES
    (1, 'much', '2090-03-01', '2090-03-08', 'UTC'), (2, 'little', '2090-03-01', '2090-03-08', 'UTC'), (3, 'soon', '2090-03-01', '2090-03-08', 'UTC');
INSERT INTO merch.offer (offer_id, promotion_id, reward, value, from_quantity) VALUES (1, 1, 'price', 8, 1), (2, 2, 'price', 0.8, 1), (3, 3, 'price', 0.5, 2);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 1, 1), (2, 2, 2), (2, 3, 3);
INSERT INTO merch.promotion_location (promotion_id, location_id) SELECT p, l FROM generate_series(1, 3) p, generate_series(1, 2) l;
UPDATE merch.promotion SET state = 'submitted';
\echo what one made oneself is not for oneself to approve
SELECT count(*) FROM merch.my_work();
\echo approvals for a role, much money first
SET SESSION AUTHORIZATION merch_test_max;
SELECT kind, what, promotion_id, role, money_at_risk, overdue FROM merch.my_work();
SET SESSION AUTHORIZATION merch_test_pia;
SELECT kind, what, promotion_id, money_at_risk FROM merch.my_work();
SET SESSION AUTHORIZATION merch_test_fay;
SELECT kind, what, promotion_id, money_at_risk FROM merch.my_work();
\echo also of who has delegated theirs; not before and after
SET SESSION AUTHORIZATION merch_test_fay;
INSERT INTO merch.delegation (delegate, role, effective, reason) VALUES
    ('merch_test_pia', 'merch_finance', '[2024-01-01,2089-01-01)', 'holiday'), ('merch_test_sam', 'merch_finance', '[2089-01-01,2090-01-01)', 'later');
SET SESSION AUTHORIZATION merch_test_pia;
SELECT kind, what, promotion_id, role FROM merch.my_work();
\echo how is a call that works
SELECT split_part(how, ' or ', 1) || ';' FROM merch.my_work() LIMIT 1 \gexec
SELECT kind, what, promotion_id, role FROM merch.my_work();
SET SESSION AUTHORIZATION merch_test_sam;
SELECT count(*) FROM merch.my_work();

\echo approved: tasks that can be started now
SET SESSION AUTHORIZATION merch_test_max;
SELECT split_part(how, ' or ', 1) || ';' FROM merch.my_work() ORDER BY id \gexec
SELECT promotion_id, state FROM merch.promotion ORDER BY 1;
SELECT kind, what, promotion_id, how ~ 'start_task' AS start FROM merch.my_work();
SET SESSION AUTHORIZATION merch_test_sam;
SELECT kind, what, promotion_id, money_at_risk, overdue, how ~ 'start_task' AS start FROM merch.my_work();
\echo the nearer its due time, the further up; what is begun can be completed, what depends on it comes up
RESET SESSION AUTHORIZATION;
UPDATE merch.task SET due_at = now() - interval '1 hour' WHERE promotion_id = 2 AND task = 'stock count' AND location_id = 2;
SET SESSION AUTHORIZATION merch_test_sam;
SELECT what, promotion_id, overdue FROM merch.my_work() LIMIT 1;
SELECT how || ';' FROM merch.my_work() LIMIT 1 \gexec
SELECT how ~ 'complete_task' AS complete FROM merch.my_work() LIMIT 1;
SELECT how || ';' FROM merch.my_work() LIMIT 1 \gexec
SELECT count(*), count(*) FILTER (WHERE what ~ '^display') AS displays FROM merch.my_work();
SET SESSION AUTHORIZATION merch_test_max;
SELECT how || ';' FROM merch.my_work() WHERE promotion_id = 2 \gexec
SELECT how || ';' FROM merch.my_work() WHERE promotion_id = 2 \gexec
SET SESSION AUTHORIZATION merch_test_sam;
SELECT what, promotion_id FROM merch.my_work() WHERE what ~ '^display';

\echo exceptions, and leave to pass a gate
RESET SESSION AUTHORIZATION;
SELECT merch.raise_exception('price mismatch', 'item 1', 'the shelf says 9.99', promotion_id => 1, item_id => 1, money_at_risk => 5000);
SET SESSION AUTHORIZATION merch_test_pia;
SELECT kind, what, promotion_id, role, money_at_risk, how ~ 'acknowledge' AS acknowledge FROM merch.my_work() WHERE kind = 'exception';
SELECT how || ';' FROM merch.my_work() WHERE kind = 'exception' \gexec
SELECT how ~ 'resolve' AS resolve FROM merch.my_work() WHERE kind = 'exception';
SELECT how || ';' FROM merch.my_work() WHERE kind = 'exception' \gexec
SELECT count(*) FROM merch.my_work() WHERE kind = 'exception';
SET SESSION AUTHORIZATION merch_test_mia;
SELECT merch.request_override(2, 'margin', 'the supplier pays') > 0;
SET SESSION AUTHORIZATION merch_test_ada;
SELECT kind, what, promotion_id, role FROM merch.my_work() WHERE role = 'merch_admin';
\echo who has no role of those has no work; a superuser sees all there is
SET SESSION AUTHORIZATION merch_test_vic;
SELECT count(*) FROM merch.my_work();
RESET SESSION AUTHORIZATION;
SELECT kind, count(*) FROM merch.my_work() GROUP BY 1 ORDER BY 1;
\echo each once
SELECT count(*) = count(DISTINCT (kind, id)) FROM merch.my_work();
ROLLBACK;
