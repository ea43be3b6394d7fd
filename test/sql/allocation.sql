-- allocating a promotion: need, split, lines, and the stock that is reserved
BEGIN;
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name) VALUES (1, 'juice'), (2, 'milk'), (3, 'tea');
INSERT INTO merch.location (location_id, kind, name, tier) VALUES
    (100, 'distribution_centre', 'north', 0), (200, 'distribution_centre', 'south', 0),
    (1, 'store', 'A', 0), (2, 'store', 'B', 1), (3, 'store', 'C', 0), (4, 'store', 'D', 0);
INSERT INTO merch.lane (location_id, source_id) VALUES (1, 100), (2, 100), (3, 200);
INSERT INTO merch.ranging (item_id, location_id, presentation_minimum, capacity, pack) VALUES
    (1, 1, 2, 60, 6), (1, 2, 2, NULL, 6), (1, 3, 2, 20, 1), (1, 4, 0, NULL, 1), (2, 1, 0, NULL, 1), (2, 2, 0, NULL, 1);
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES
    (1, 100, 100), (1, 200, 500), (1, 1, 5), (1, 2, -3), (2, 100, 10);
INSERT INTO merch.campaign (name) VALUES ('spring');
INSERT INTO merch.promotion (promotion_id, campaign_id, name, starts_on, ends_on)
SELECT n, campaign_id, 'week ' || n, current_date + 1, current_date + 8 FROM merch.campaign, generate_series(1, 6) n;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES (1, 1, 'percent_off', 20), (2, 2, 'feature', NULL);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 1, 1), (2, 1, 1);
INSERT INTO merch.promotion_location SELECT 1, generate_series(1, 4);
-- days outside the promotion do not count; store 4 has no forecast
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT i, l, current_date + d, CASE WHEN d BETWEEN 1 AND 7 THEN 7.1 * i * l ELSE 1000 END
FROM generate_series(1, 2) i, generate_series(1, 3) l, generate_series(0, 8) d;

-- the plan shows what a run would do, and writes nothing
SELECT item_id, location_id, source_id, gross_need, on_hand + incoming - promised AS on_position, need, quantity, reason
FROM merch.plan_allocation(1) ORDER BY item_id, location_id;
SELECT count(*) FROM merch.allocation;
-- it is one query for the planner, not a black box
CREATE FUNCTION pg_temp.plan_of(statement text) RETURNS SETOF text LANGUAGE plpgsql
AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS off) ' || statement; END $$;
SELECT count(*) FILTER (WHERE line ~ 'WindowAgg') > 0 AS windows,
       count(*) FILTER (WHERE line ~ 'Function Scan on (plan_lines|plan_allocation|open_lines)') AS boxes,
       count(DISTINCT substring(line FROM ' on (ranging|stock|promotion_item|item|promotion)( |$)')) AS tables
FROM pg_temp.plan_of('SELECT sum(quantity) FROM merch.plan_allocation(1) WHERE item_id = 1') line;

SELECT merch.allocate_promotion(1) AS run \gset
SELECT item_id, location_id, source_id, gross_need, presentation_minimum, capacity,
       on_hand + incoming - promised AS on_position, pack, need, quantity, reserved, reason
FROM merch.allocation_line WHERE allocation_id = :run ORDER BY item_id, location_id;
SELECT promotion, state, method, lines, need, quantity, reserved, shortfall, lines_short, fill_rate FROM merch.allocation_summary;
SELECT * FROM merch.stock ORDER BY 1, 2;
SELECT * FROM merch.check_ledger();

-- the books can't be brought out of balance by raw SQL
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SELECT pg_temp.error_of($$UPDATE merch.stock SET reserved = 0$$);
SELECT pg_temp.error_of($$UPDATE merch.stock SET on_hand = reserved - 1 WHERE item_id = 1 AND location_id = 100$$);
SELECT pg_temp.error_of($$DELETE FROM merch.stock$$);
SELECT pg_temp.error_of($$UPDATE merch.stock SET location_id = 3 WHERE item_id = 2$$);
SELECT pg_temp.error_of($$TRUNCATE merch.stock$$);
SELECT pg_temp.error_of($$TRUNCATE merch.allocation_line$$);
SELECT pg_temp.error_of($$INSERT INTO merch.stock VALUES (3, 1, 10, 5)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
    VALUES (2, (SELECT max(allocation_id) FROM merch.allocation), 3, 100, 1, 1, 1)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
    VALUES (3, (SELECT max(allocation_id) FROM merch.allocation), 3, 100, 1, 1, 1)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
    VALUES (7, (SELECT max(allocation_id) FROM merch.allocation), 3, 100, 1, 1, 0)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
    VALUES (3, (SELECT max(allocation_id) FROM merch.allocation), 33, 100, 1, 1, 0)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
    VALUES (3, -5, 3, 100, 1, 1, 0)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
    VALUES (3, (SELECT max(allocation_id) FROM merch.allocation), 3, NULL, 1, 1, 1)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
    VALUES (3, (SELECT max(allocation_id) FROM merch.allocation), 3, 3, 1, 1, 1)$$);
SELECT pg_temp.error_of($$DELETE FROM merch.location WHERE location_id = 100$$);
SELECT pg_temp.error_of($$DELETE FROM merch.item WHERE item_id = 1$$);
SELECT pg_temp.error_of($$UPDATE merch.allocation SET allocation_id = 77$$);
SELECT pg_temp.error_of($$DELETE FROM merch.allocation$$);
\pset format aligned
\pset tuples_only off
-- what raw SQL may do keeps the ledger
UPDATE merch.allocation_line SET quantity = 0, reserved = 0, reason = 'supply' WHERE item_id = 2 AND location_id = 1;
DELETE FROM merch.allocation_line WHERE item_id = 1 AND location_id = 2;
UPDATE merch.allocation_line SET source_id = 200 WHERE item_id = 1 AND location_id = 1;
-- one statement that both inserts and updates
INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
SELECT 1, :run, l, 200, 1, 7, 7 FROM unnest(ARRAY[2, 3]) l
ON CONFLICT (item_id, allocation_id, location_id, source_id) DO UPDATE SET quantity = 9, reserved = 9, reason = 'capacity';
COPY merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved) FROM stdin;
1	1	200	100	1	3	3
\.
SELECT * FROM merch.stock ORDER BY 1, 2;
SELECT * FROM merch.check_ledger();

SELECT merch.cancel_allocation(:run);
SELECT state, reserved FROM merch.allocation_summary;
-- a cancelled run reserves nothing any more
INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
    VALUES (3, :run, 3, 100, 1, 1, 0);
SELECT pg_temp.error_of('UPDATE merch.allocation_line SET reserved = 1 WHERE item_id = 3');
SELECT sum(reserved) FROM merch.stock;

-- a policy of its own: holdback, method
INSERT INTO merch.policy (promotion_id, method, holdback) VALUES (1, 'priority', 0.155);
SELECT location_id, need, quantity, reason FROM merch.plan_allocation(1) WHERE item_id = 1 ORDER BY 1;

-- promotions that can't be allocated
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (3, 3), (3, 4);
INSERT INTO merch.promotion_location VALUES (4, 1);
UPDATE merch.promotion SET starts_on = current_date - 7, ends_on = current_date WHERE promotion_id = 5;
\pset format unaligned
\pset tuples_only on
SELECT pg_temp.error_of('SELECT merch.allocate_promotion(NULL)');
SELECT pg_temp.error_of('SELECT merch.allocate_promotion(99)');
SELECT pg_temp.error_of('SELECT merch.allocate_promotion(2)');
SELECT pg_temp.error_of('SELECT merch.allocate_promotion(3)');
SELECT pg_temp.error_of('SELECT merch.allocate_promotion(4)');
SELECT regexp_replace(pg_temp.error_of('SELECT merch.allocate_promotion(5)'), 'end of [^.]*', 'end of DAY');
SELECT pg_temp.error_of('SELECT merch.cancel_allocation(NULL)');
SELECT pg_temp.error_of('SELECT merch.cancel_allocation(-1)');
SELECT regexp_replace(pg_temp.error_of('SELECT merch.cancel_allocation(' || :run || ')'), ' at .*', ' at TIME');
SELECT merch.allocate_promotion(1) > :run AS again;
SELECT pg_temp.error_of('SELECT merch.allocate_promotion(1)');
DELETE FROM merch.policy WHERE promotion_id IS NULL;
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 6);
INSERT INTO merch.promotion_location VALUES (6, 1);
-- without any policy the defaults hold
SELECT pg_temp.error_of('SELECT merch.allocate_promotion(6)');
SELECT method, policy FROM merch.allocation WHERE promotion_id = 6;
ALTER TABLE merch.allocation_line DISABLE TRIGGER keep_ledger_insert;
SELECT pg_temp.error_of('SELECT merch.allocate_promotion(6)');
SELECT count(*) FROM merch.check_ledger();
-- without its triggers the stock still has its CHECK
ALTER TABLE merch.stock DISABLE TRIGGER USER;
SELECT pg_temp.error_of('UPDATE merch.stock SET on_hand = 7 WHERE (item_id, location_id) = (1, 200)');
ALTER TABLE merch.stock ENABLE TRIGGER USER;
ALTER TABLE merch.allocation_line ENABLE TRIGGER USER;
SELECT pg_temp.error_of($$INSERT INTO merch.allocation_line
    (item_id, allocation_id, location_id, source_id, need, quantity, reserved)
    SELECT 2, allocation_id, l, 100, 1, 9223372036854775807, 9223372036854775807
    FROM merch.allocation, unnest(ARRAY[3, 4]) l WHERE state = 'active'$$);

-- the ledger's trigger functions on a table and in a way that they are not made for
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.allocation_line (LIKE merch.allocation_line);
CREATE TRIGGER wrong AFTER INSERT ON elsewhere.allocation_line REFERENCING NEW TABLE AS n
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_ledger();
SELECT pg_temp.error_of('INSERT INTO elsewhere.allocation_line SELECT * FROM merch.allocation_line');
CREATE OR REPLACE TRIGGER wrong AFTER INSERT ON elsewhere.allocation_line
    FOR EACH STATEMENT EXECUTE FUNCTION merch.guard_stock();
SELECT pg_temp.error_of('INSERT INTO elsewhere.allocation_line SELECT * FROM merch.allocation_line');
CREATE TRIGGER wrong AFTER DELETE ON merch.allocation_line FOR EACH ROW EXECUTE FUNCTION merch.keep_ledger();
SELECT pg_temp.error_of('DELETE FROM merch.allocation_line');
CREATE OR REPLACE TRIGGER wrong AFTER DELETE ON merch.allocation_line FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_ledger();
SELECT pg_temp.error_of('DELETE FROM merch.allocation_line');
DROP TRIGGER wrong ON merch.allocation_line;
ALTER TABLE merch.allocation_line RENAME source_id TO origin;
SELECT pg_temp.error_of('DELETE FROM merch.allocation_line');
ALTER TABLE merch.allocation_line RENAME origin TO source_id;
SELECT pg_temp.error_of('SELECT merch.keep_ledger()');

-- the constraints of the model
SELECT split_part(pg_temp.error_of(statement), E'\n', 1)
FROM unnest(ARRAY[
    $$INSERT INTO merch.promotion (name, starts_on, ends_on) VALUES ('backwards', current_date, current_date)$$,
    $$INSERT INTO merch.promotion (name, starts_on, ends_on) VALUES ('for ever', '2030-01-01', 'infinity')$$,
    $$INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (3, 1, 2)$$,
    $$INSERT INTO merch.offer (promotion_id, reward, value) VALUES (1, 'percent_off', 120)$$,
    $$INSERT INTO merch.offer (promotion_id, reward, value) VALUES (1, 'feature', 1)$$,
    $$INSERT INTO merch.policy (promotion_id, method) VALUES (3, 'fair')$$,
    $$INSERT INTO merch.policy (promotion_id) VALUES (1)$$,
    $$INSERT INTO merch.forecast VALUES (1, 1, '2030-01-01', 'NaN')$$,
    $$INSERT INTO merch.ranging VALUES (3, 1, 5, 4, 1)$$,
    $$INSERT INTO merch.lane (location_id, source_id) VALUES (1, 1)$$
]) statement;
ROLLBACK;
