-- the stock ledger: three counters, ring-fences, and every way around them
BEGIN;
SELECT merch.create_model();
SELECT merch.model_lacks_triggers();
-- that looks at every trigger of the model
SELECT (SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
        WHERE relnamespace = 'merch'::regnamespace AND NOT tgisinternal)
     = (SELECT count(*) FROM regexp_matches(merch.model_sql(), 'CREATE (OR REPLACE|CONSTRAINT) TRIGGER', 'g')) AS all_there;
INSERT INTO merch.item (item_id, name) VALUES (1, 'juice'), (2, 'milk'), (3, 'tea');
INSERT INTO merch.channel (channel_id, name) VALUES (3, 'marketplace');
INSERT INTO merch.location (location_id, kind, name, channel_id) VALUES
    (100, 'distribution_centre', 'north', 1), (200, 'distribution_centre', 'south', 1),
    (1, 'store', 'A', 1), (2, 'store', 'B', 1), (3, 'online', 'web', 2), (4, 'online', 'shop', 2);
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 100), (1, 200, 50), (2, 100, 10);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT n, 'week ' || n, '2030-01-01', '2030-01-08' FROM generate_series(1, 4) n;
INSERT INTO merch.allocation (allocation_id, promotion_id, method, state) VALUES
    (1, 1, 'even', 'running'), (2, 2, 'even', 'active'), (3, 3, 'even', 'active'), (4, 4, 'even', 'active');
UPDATE merch.allocation SET state = 'released', released_at = now() WHERE allocation_id = 3;
UPDATE merch.allocation SET state = 'cancelled', cancelled_at = now() WHERE allocation_id = 4;
CREATE VIEW pg_temp.books AS SELECT * FROM merch.stock ORDER BY item_id, location_id;
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib

\echo incoming: rows of merch.inbound; a stock row that is missing is made
INSERT INTO merch.inbound (item_id, inbound_id, location_id, kind, expected_on, units, received)
VALUES (1, 1, 100, 'purchase_order', '2030-01-01', 30, 0), (1, 2, 100, 'transfer', '2030-01-02', 12, 5),
       (3, 3, 200, 'transfer', '2030-01-02', 8, 0), (3, 4, 1, 'transfer', '2030-01-02', 8, 9);
TABLE pg_temp.books;
UPDATE merch.inbound SET received = received + 2 WHERE item_id = 1;
UPDATE merch.inbound SET location_id = 2 WHERE inbound_id = 3;
UPDATE merch.inbound SET closed = true WHERE inbound_id = 2;
TABLE pg_temp.books;
COPY merch.inbound (item_id, inbound_id, location_id, kind, expected_on, units) FROM stdin;
2	5	100	transfer	2030-01-03	4
2	6	4	transfer	2030-01-03	6
\.
INSERT INTO merch.inbound (item_id, inbound_id, location_id, kind, expected_on, units)
VALUES (2, 6, 4, 'transfer', '2030-01-03', 0), (2, 7, 4, 'transfer', '2030-01-03', 1)
ON CONFLICT (item_id, inbound_id) DO UPDATE SET units = 10;
MERGE INTO merch.inbound i USING (VALUES (7::bigint, 3), (8, 5)) v(id, units) ON i.item_id = 2 AND i.inbound_id = v.id
WHEN MATCHED THEN UPDATE SET units = v.units
WHEN NOT MATCHED THEN INSERT (item_id, inbound_id, location_id, kind, expected_on, units)
                      VALUES (2, v.id, 1, 'transfer', '2030-01-03', v.units);
DELETE FROM merch.inbound WHERE inbound_id IN (1, 3);
TABLE pg_temp.books;
SELECT pg_temp.error_of('TRUNCATE merch.inbound');
SELECT pg_temp.error_of('TRUNCATE merch.stock');
SELECT pg_temp.error_of($$INSERT INTO merch.inbound (item_id, inbound_id, location_id, kind, expected_on, units)
    SELECT 1, n, 1, 'transfer', '2030-01-01', 9223372036854775807 FROM generate_series(50, 51) n$$);
SELECT count(*) FROM merch.check_ledger();

\echo fenced: rows of merch.ring_fence; stock must be there
INSERT INTO merch.ring_fence VALUES (1, 100, 1, 10), (1, 100, 2, 40), (1, 200, 2, 5);
UPDATE merch.ring_fence SET units = units + 5 WHERE channel_id = 2;
UPDATE merch.ring_fence SET consumed = 3 WHERE channel_id = 1;
UPDATE merch.ring_fence SET location_id = 200 WHERE channel_id = 1;
SELECT * FROM pg_temp.books WHERE item_id = 1;
SELECT pg_temp.error_of('INSERT INTO merch.ring_fence VALUES (3, 100, 1, 1)');
SELECT pg_temp.error_of('INSERT INTO merch.ring_fence VALUES (1, 100, 3, 56)');
SELECT pg_temp.error_of('UPDATE merch.ring_fence SET consumed = units + 1');
SELECT pg_temp.error_of('TRUNCATE merch.ring_fence');
DELETE FROM merch.ring_fence WHERE location_id = 200 AND channel_id = 1;
INSERT INTO merch.ring_fence VALUES (1, 200, 3, 40);
INSERT INTO merch.ring_fence VALUES (1, 200, 3, 1), (1, 200, 1, 2)
ON CONFLICT (item_id, location_id, channel_id) DO UPDATE SET units = 7;
COPY merch.ring_fence (item_id, location_id, channel_id, units) FROM stdin;
1	100	1	5
\.
SELECT * FROM pg_temp.books WHERE item_id = 1;
SELECT count(*) FROM merch.check_ledger();

\echo reserved: lines of every open run, also out of the ring-fence of their channel
CREATE FUNCTION pg_temp.line(item bigint, run bigint, location int, source int, quantity bigint, reserved bigint, from_fence bigint)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO merch.allocation_line (item_id, allocation_id, location_id, source_id, need, quantity, reserved, from_fence)
    VALUES (item, run, location, source, quantity, quantity, reserved, from_fence) $$;
SELECT pg_temp.line(1, 1, 1, 100, 20, 20, 0), pg_temp.line(1, 2, 1, 100, 30, 30, 0), pg_temp.line(1, 3, 3, 100, 15, 15, 15);
SELECT * FROM merch.ring_fence ORDER BY 1, 2, 3;
SELECT * FROM pg_temp.books WHERE item_id = 1;
SELECT * FROM merch.fence_balance ORDER BY 1, 2, 3;
-- all that is left: one unit more of anything is refused
SELECT pg_temp.line(1, 2, 4, 100, 30, 30, 30);
SELECT * FROM pg_temp.books WHERE item_id = 1 AND location_id = 100;
SELECT pg_temp.error_of('SELECT pg_temp.line(1, 2, 2, 100, 1, 1, 0)');
SELECT pg_temp.error_of('SELECT pg_temp.line(1, 1, 3, 100, 1, 1, 1)');
SELECT pg_temp.error_of('SELECT pg_temp.line(1, 1, 2, 100, 6, 6, 6)');
SELECT pg_temp.error_of('SELECT pg_temp.line(1, 1, 3, 3, 1, 0, 1)');
SELECT pg_temp.error_of('SELECT pg_temp.line(1, 1, 9, 100, 1, 0, 1)');
SELECT pg_temp.error_of('SELECT pg_temp.line(1, 9, 1, 100, 1, 0, 0)');
SELECT pg_temp.error_of('SELECT pg_temp.line(9, 1, 1, 100, 1, 0, 0)');
SELECT pg_temp.error_of('SELECT pg_temp.line(3, 1, 1, 100, 1, 1, 0)');
SELECT pg_temp.error_of('SELECT pg_temp.line(2, 4, 1, 100, 1, 1, 0)');
SELECT pg_temp.error_of('SELECT pg_temp.line(1, 4, 3, 200, 1, 0, 1)');
SELECT pg_temp.line(2, 4, 1, 100, 1, 0, 0);
-- all is promised, so the order counts: out of the ring-fence, then reserved, then back
UPDATE merch.allocation_line
SET quantity = reserved + d, need = reserved + d, reserved = reserved + d, from_fence = from_fence + d
FROM (VALUES (1, 1, 5), (2, 4, -5)) v(run, location, d)
WHERE allocation_id = run AND location_id = location;
SELECT * FROM pg_temp.books WHERE item_id = 1 AND location_id = 100;
SELECT * FROM merch.ring_fence WHERE location_id = 100 ORDER BY channel_id;
SELECT pg_temp.error_of('UPDATE merch.allocation_line SET from_fence = from_fence - 1 WHERE location_id = 3');
SELECT pg_temp.error_of('UPDATE merch.allocation_line SET allocation_id = 4 WHERE location_id = 3');
-- a line that moves to another channel, another source
SELECT pg_temp.error_of('UPDATE merch.allocation_line SET location_id = 2 WHERE location_id = 3');
UPDATE merch.allocation_line SET source_id = 200, location_id = 2 WHERE location_id = 1 AND allocation_id = 2;
SELECT pg_temp.error_of('UPDATE merch.allocation_line SET source_id = 200 WHERE location_id = 3');
SELECT pg_temp.error_of('UPDATE merch.allocation_line SET source_id = 200, from_fence = 10 WHERE location_id = 3');
UPDATE merch.allocation_line SET source_id = 200, from_fence = 10, need = 11, quantity = 11, reserved = 11 WHERE location_id = 3;
SELECT * FROM pg_temp.books WHERE item_id = 1;
SELECT * FROM merch.ring_fence ORDER BY 1, 2, 3;
SELECT count(*) FROM merch.check_ledger();
-- what was shipped stays consumed; what is cancelled goes back into its ring-fence
UPDATE merch.allocation_line SET reserved = 0, released = quantity WHERE location_id = 3;
UPDATE merch.allocation_line SET reserved = 0, from_fence = 0 WHERE location_id = 4;
SELECT * FROM pg_temp.books WHERE item_id = 1;
SELECT item_id, location_id, channel, fenced, consumed, open, free_for_all FROM merch.fence_balance ORDER BY 1, 2, channel_id;

\echo nothing else changes a counter, nor takes away what lines hold
SELECT pg_temp.error_of('UPDATE merch.stock SET reserved = reserved - 1 WHERE reserved > 0');
SELECT pg_temp.error_of('UPDATE merch.stock SET incoming = incoming + 1 WHERE item_id = 2');
SELECT pg_temp.error_of('UPDATE merch.stock SET fenced = 0 WHERE fenced > 0');
SELECT pg_temp.error_of('INSERT INTO merch.stock (item_id, location_id, on_hand, fenced) VALUES (3, 4, 10, 5)');
SELECT pg_temp.error_of('DELETE FROM merch.stock WHERE item_id = 1 AND location_id = 100');
SELECT pg_temp.error_of('UPDATE merch.stock SET location_id = 3 WHERE item_id = 2 AND location_id = 4');
SELECT pg_temp.error_of('UPDATE merch.stock SET on_hand = 5 WHERE item_id = 1');
SELECT pg_temp.error_of('DELETE FROM merch.ring_fence WHERE location_id = 200');
SELECT pg_temp.error_of('UPDATE merch.ring_fence SET consumed = 0 WHERE location_id = 200');
SELECT pg_temp.error_of('UPDATE merch.ring_fence SET channel_id = 3 WHERE location_id = 200 AND channel_id = 2');
SELECT pg_temp.error_of('UPDATE merch.location SET channel_id = 1 WHERE location_id = 3');
SELECT pg_temp.error_of('TRUNCATE merch.allocation_line');
UPDATE merch.location SET channel_id = 2 WHERE location_id = 2;
UPDATE merch.location SET channel_id = 1 WHERE location_id = 2;
-- sold before the receipt was booked: where nothing is promised
UPDATE merch.stock SET on_hand = -4 WHERE item_id = 2 AND location_id = 4;
DELETE FROM merch.stock WHERE item_id = 3 AND location_id = 1;
DELETE FROM merch.stock WHERE item_id = 3 AND location_id = 200;
TABLE pg_temp.books;

\echo the functions of ring-fences
SELECT merch.allocate_fence(2, 100, 1, 6), merch.allocate_fence(2, 100, 1, 2), merch.allocate_fence(2, 100, 2, 3);
SELECT pg_temp.error_of('SELECT merch.allocate_fence(2, 100, 2, 4)');
SELECT merch.reallocate_fence(2, 100, 1, 3, 5);
SELECT pg_temp.error_of('SELECT merch.reallocate_fence(2, 100, 1, 3, 4)');
SELECT merch.consume_fence(2, 100, 3, 4);
SELECT pg_temp.error_of('SELECT merch.consume_fence(2, 100, 3, 2)');
SELECT merch.release_fence(2, 100, 2, 3), merch.release_fence(2, 100, 1, 1);
SELECT pg_temp.error_of('SELECT merch.release_fence(2, 100, 1, 3)');
SELECT * FROM merch.fence_balance WHERE item_id = 2 ORDER BY 1, 2, 3;
SELECT * FROM pg_temp.books WHERE item_id = 2;
-- ring-fenced against what is on its way, which can't be consumed yet
SELECT merch.allocate_fence(2, 4, 2, 6);
SELECT pg_temp.error_of('SELECT merch.consume_fence(2, 4, 2, 1)');
SELECT pg_temp.error_of('UPDATE merch.inbound SET closed = true WHERE location_id = 4');
SELECT pg_temp.error_of('UPDATE merch.stock SET on_hand = -8 WHERE item_id = 2 AND location_id = 4');
SELECT pg_temp.error_of('SELECT merch.allocate_fence(2, 4, 2, 0)');
SELECT pg_temp.error_of('SELECT merch.allocate_fence(2, 4, NULL, 1)');
SELECT pg_temp.error_of('SELECT merch.allocate_fence(2, 4, 9, 1)');
SELECT pg_temp.error_of('SELECT merch.allocate_fence(2, 200, 2, 1)');
SELECT pg_temp.error_of('SELECT merch.reallocate_fence(2, 4, 2, 2, 1)');
SELECT pg_temp.error_of('SELECT merch.release_fence(2, 4, 3, 1)');
SELECT pg_temp.error_of('SELECT merch.release_fence(2, 4, 2, -1)');
SELECT count(*) FROM merch.check_ledger();

\echo what happens behind the back of the triggers is found
SET CONSTRAINTS ALL IMMEDIATE;
SET session_replication_role = replica;
UPDATE merch.stock SET reserved = reserved + 1 WHERE item_id = 1 AND location_id = 200;
UPDATE merch.ring_fence SET units = units + 2 WHERE item_id = 2 AND location_id = 4;
DELETE FROM merch.inbound WHERE inbound_id = 8;
DELETE FROM merch.ring_fence WHERE item_id = 1 AND location_id = 200 AND channel_id = 2;
INSERT INTO merch.ring_fence VALUES (3, 2, 2, 1);
RESET session_replication_role;
SELECT * FROM merch.check_ledger() ORDER BY 1, 2, 3, 4;

\echo the trigger functions on a table and in a way that they are not made for
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.inbound (LIKE merch.inbound);
CREATE TRIGGER wrong AFTER INSERT ON elsewhere.inbound REFERENCING NEW TABLE AS n
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_ledger();
SELECT pg_temp.error_of('INSERT INTO elsewhere.inbound SELECT * FROM merch.inbound');
CREATE TRIGGER wrong AFTER INSERT ON merch.demand_plan REFERENCING NEW TABLE AS n
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_ledger();
SELECT pg_temp.error_of('INSERT INTO merch.demand_plan VALUES (1, 1, 1, 1)');
CREATE TRIGGER a_wrong_one AFTER DELETE ON merch.inbound FOR EACH ROW EXECUTE FUNCTION merch.guard_stock();
SELECT pg_temp.error_of('DELETE FROM merch.inbound');
CREATE OR REPLACE TRIGGER a_wrong_one AFTER DELETE ON merch.inbound FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_ledger();
SELECT pg_temp.error_of('DELETE FROM merch.inbound');
DROP TRIGGER a_wrong_one ON merch.inbound;
ALTER TABLE merch.inbound RENAME location_id TO place;
SELECT pg_temp.error_of('DELETE FROM merch.inbound');
SELECT pg_temp.error_of('SELECT merch.guard_stock()');
-- a trigger of the model that is gone is missed
DROP TRIGGER keep_ledger_update ON merch.ring_fence;
SELECT merch.model_lacks_triggers();
ROLLBACK;
