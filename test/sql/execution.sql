-- execution: release, waves, picks, shipments, receipts, delays, and every way around them
BEGIN;
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';
INSERT INTO merch.item (item_id, name) VALUES (1, 'juice'), (2, 'milk'), (3, 'tea');
INSERT INTO merch.location (location_id, kind, name, channel_id) VALUES
    (100, 'distribution_centre', 'north', 1), (200, 'distribution_centre', 'south', 1),
    (1, 'store', 'A', 1), (2, 'store', 'B', 1), (3, 'store', 'C', 1), (4, 'online', 'web', 2);
INSERT INTO merch.lane (location_id, source_id, lead_days, cut_off) VALUES
    (1, 100, 2, '14:00'), (2, 100, 1, '14:00'), (3, 100, 1, NULL), (4, 100, 0, '14:00'), (3, 200, 1, '10:00');
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 100), (1, 200, 50), (2, 100, 40), (1, 1, 3);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT n, 'week ' || n, '2090-02-01', '2090-02-08' FROM generate_series(1, 5) n;
INSERT INTO merch.allocation (allocation_id, promotion_id, method, state) VALUES
    (1, 1, 'even', 'active'), (2, 2, 'even', 'active'), (3, 3, 'even', 'running'), (4, 4, 'even', 'active'), (5, 5, 'even', 'active');
UPDATE merch.allocation SET state = 'cancelled', cancelled_at = now() WHERE allocation_id = 4;
INSERT INTO merch.allocation_line (allocation_id, item_id, location_id, source_id, ships_on, need, quantity, reserved, pack, score, reason)
VALUES (1, 1, 1, 100, '2090-01-30', 20, 20, 20, 5, 3, NULL), (1, 1, 2, 100, '2090-01-30', 20, 15, 15, 5, 1, 'supply'),
       (1, 1, 3, 200, '2090-01-31', 10, 10, 10, 1, 2, NULL), (1, 2, 1, 100, '2090-01-30', 10, 10, 10, 1, 1, NULL),
       (1, 2, 2, 100, '2090-01-30', 8, 8, 8, 1, 1, NULL), (1, 2, 3, 3, NULL, 5, 0, 0, 1, 1, 'no source'),
       (2, 1, 1, 100, '2090-01-30', 12, 12, 12, 6, 2, NULL), (2, 1, 3, 100, '2090-01-30', 5, 5, 5, 1, 2, NULL),
       (5, 2, 3, 100, '2090-01-31', 7, 7, 7, 1, 5, NULL);
CREATE VIEW pg_temp.lines AS
SELECT allocation_id AS run, item_id AS item, location_id AS location, source_id AS source, need, quantity, released, reserved, reason
FROM merch.allocation_line ORDER BY 1, 2, 3, 4;
CREATE VIEW pg_temp.stocks AS SELECT item_id, location_id, on_hand, reserved, incoming, fenced FROM merch.stock ORDER BY 1, 2;
CREATE VIEW pg_temp.transfers AS
SELECT transfer_id AS transfer, kind, allocation_id AS run, source_id AS source, location_id AS location, ships_on, arrives_on,
       wave_id AS wave, t.state, item_id AS item, units, picked, missing, received
FROM merch.transfer t LEFT JOIN merch.transfer_line USING (transfer_id) ORDER BY transfer_id, item_id;
-- the three proofs: the stock's counters, transfers against lines, and no unit lost or made
CREATE VIEW pg_temp.units AS
SELECT (SELECT sum(on_hand) FROM merch.stock)
       + (SELECT coalesce(sum(picked - coalesce(received, 0)), 0) FROM merch.transfer_line JOIN merch.transfer USING (transfer_id)
          WHERE state <> 'cancelled')
       + (SELECT coalesce(sum(missing), 0) FROM merch.transfer_line)
       - (SELECT coalesce(sum(received), 0) FROM merch.inbound WHERE kind <> 'transfer') AS units;
CREATE VIEW pg_temp.wrong AS
SELECT (SELECT count(*) FROM merch.check_ledger()) AS ledger, (SELECT count(*) FROM merch.check_transfers()) AS transfers,
       units - 193 AS units FROM pg_temp.units;
TABLE pg_temp.wrong;

\echo release: transfers, waves by source, day and cut-off
SELECT merch.release_allocation(1);
TABLE pg_temp.transfers;
SELECT wave_id, source_id, ships_on, cut_off, state FROM merch.wave ORDER BY 1;
TABLE pg_temp.lines;
SELECT state, released_at IS NOT NULL AS released FROM merch.allocation WHERE allocation_id = 1;
\echo another run joins a wave that is planned; released again there is nothing to do
SELECT merch.release_allocation(2), merch.release_allocation(1) AS again;
SELECT transfer_id, wave_id, location_id FROM merch.transfer WHERE allocation_id = 2 ORDER BY 1;
SELECT * FROM merch.wave_line ORDER BY 1, 2;
\echo what is added after the release goes as a correction
UPDATE merch.allocation_line SET quantity = 20, reserved = 20, reason = NULL WHERE (item_id, allocation_id, location_id) = (1, 1, 2);
SELECT merch.release_allocation(1);
SELECT transfer_id, kind, wave_id, units FROM merch.transfer JOIN merch.transfer_line USING (transfer_id) WHERE kind = 'correction';
TABLE pg_temp.wrong;

\echo picks: as planned, short, and not there at all
SELECT merch.start_wave(1);
SELECT merch.record_pick(1, 1, 20) AS all_found, merch.record_pick(2, 1, 12) AS three_missing,
       merch.record_pick(2, 2, 5, false) AS three_left, merch.record_pick(1, 2, 10) AS all_milk;
TABLE pg_temp.lines;
TABLE pg_temp.stocks;
SELECT * FROM pg_temp.transfers WHERE wave = 1;
SELECT * FROM merch.wave_line WHERE wave_id = 1 ORDER BY 2;
TABLE pg_temp.wrong;
\echo goods that the books have not received yet are not missing
SAVEPOINT s;
INSERT INTO merch.inbound (item_id, inbound_id, location_id, kind, expected_on, units) VALUES (1, 900, 200, 'purchase_order', '2090-01-01', 20);
UPDATE merch.stock SET on_hand = 2 WHERE (item_id, location_id) = (1, 200);
SELECT merch.start_wave(2), merch.record_pick((SELECT transfer_id FROM merch.transfer WHERE source_id = 200), 1, 1) AS short;
SELECT * FROM pg_temp.stocks WHERE location_id = 200;
ROLLBACK TO s;

\echo what is released after a wave was started makes another
UPDATE merch.allocation_line SET quantity = 24, reserved = reserved + 4 WHERE (item_id, allocation_id, location_id) = (1, 1, 1);
SELECT merch.release_allocation(1);
SELECT wave_id, source_id, ships_on, cut_off, state FROM merch.wave ORDER BY 1;

\echo shipping, and receiving: in two parts, too much, too little
SELECT merch.ship_transfer(1);
SELECT merch.ship_transfer(2);
SELECT item_id, location_id, kind, expected_on, units, received, closed, reference FROM merch.inbound ORDER BY inbound_id;
SELECT merch.record_receipt(1, (SELECT inbound_id FROM merch.transfer_line WHERE (item_id, transfer_id) = (1, 1)), 8);
SELECT merch.record_receipt(1, (SELECT inbound_id FROM merch.transfer_line WHERE (item_id, transfer_id) = (1, 1)), 12);
SELECT merch.record_receipt(2, (SELECT inbound_id FROM merch.transfer_line WHERE (item_id, transfer_id) = (2, 1)), 11);
SELECT merch.record_receipt(1, (SELECT inbound_id FROM merch.transfer_line WHERE (item_id, transfer_id) = (1, 2)), 12, false);
SELECT merch.record_receipt(2, (SELECT inbound_id FROM merch.transfer_line WHERE (item_id, transfer_id) = (2, 2)), 3, true);
SELECT transfer_id, state, shipped_at IS NOT NULL AS shipped, received_at IS NOT NULL AS received FROM merch.transfer WHERE transfer_id <= 2 ORDER BY 1;
SELECT item_id, location_id, units, received, closed, open_units FROM merch.inbound ORDER BY inbound_id;
TABLE pg_temp.stocks;
TABLE pg_temp.wrong;

\echo the rest of the wave as planned
SELECT merch.complete_wave(1);
SELECT wave_id, state, started_at IS NOT NULL AS started, ended_at IS NOT NULL AS ended FROM merch.wave ORDER BY 1;
SELECT * FROM pg_temp.transfers WHERE wave = 1;
TABLE pg_temp.stocks;
TABLE pg_temp.wrong;

\echo cancelling transfers: not picked, picked in part, of a whole run
SELECT merch.cancel_transfer((SELECT max(transfer_id) FROM merch.transfer));
SELECT * FROM pg_temp.lines WHERE run = 1 AND item = 1;
SELECT wave_id, state FROM merch.wave ORDER BY 1;
SELECT merch.release_allocation(1), merch.release_allocation(5);
SELECT merch.start_wave(wave_id) FROM merch.wave WHERE state = 'planned' ORDER BY wave_id;
SELECT merch.record_pick(transfer_id, 2, 5, false) FROM merch.transfer WHERE allocation_id = 5;
SELECT merch.cancel_transfer(transfer_id) FROM merch.transfer WHERE allocation_id = 5;
SELECT * FROM pg_temp.lines WHERE run = 5;
SELECT * FROM pg_temp.stocks WHERE item_id = 2;
TABLE pg_temp.wrong;
SELECT merch.cancel_allocation(1);
SELECT wave_id, state FROM merch.wave ORDER BY 1;
SELECT * FROM pg_temp.transfers WHERE run = 1;
TABLE pg_temp.wrong;
\echo of a transfer that is picked in part, that part goes its way
INSERT INTO merch.allocation_line (allocation_id, item_id, location_id, source_id, ships_on, need, quantity, reserved)
VALUES (5, 1, 3, 100, '2090-01-31', 4, 4, 4);
SELECT merch.release_allocation(5);
SELECT merch.start_wave(wave_id) FROM merch.wave WHERE state = 'planned';
SELECT merch.record_pick(max(transfer_id), 2, 5) FROM merch.transfer WHERE allocation_id = 5;
SELECT merch.cancel_allocation(5);
SELECT * FROM pg_temp.transfers WHERE run = 5;
SELECT merch.ship_transfer(max(transfer_id)) FROM merch.transfer WHERE allocation_id = 5;
SELECT wave_id, state FROM merch.wave ORDER BY 1;
SELECT * FROM pg_temp.lines WHERE run IN (1, 5);
TABLE pg_temp.wrong;
ROLLBACK;

\echo late and missing receipts: what stood on them is cut
BEGIN;
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name) VALUES (1, 'juice');
INSERT INTO merch.location (location_id, kind, name, channel_id) VALUES
    (100, 'distribution_centre', 'north', 1), (1, 'store', 'A', 1), (2, 'store', 'B', 1), (3, 'store', 'C', 1), (4, 'online', 'web', 2);
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 20);
INSERT INTO merch.inbound (item_id, inbound_id, location_id, kind, expected_on, units)
VALUES (1, 901, 100, 'purchase_order', '2090-01-10', 30), (1, 902, 100, 'purchase_order', '2090-01-25', 20);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT n, 'week ' || n, '2090-02-01', '2090-02-08' FROM generate_series(1, 2) n;
INSERT INTO merch.allocation (allocation_id, promotion_id, method) VALUES (1, 1, 'even'), (2, 2, 'even');
INSERT INTO merch.allocation_line (allocation_id, item_id, location_id, source_id, ships_on, need, quantity, reserved, pack, score)
VALUES (1, 1, 1, 100, '2090-01-15', 18, 18, 18, 6, 5), (1, 1, 2, 100, '2090-01-15', 8, 8, 8, 4, 1),
       (1, 1, 3, 100, '2090-01-20', 10, 10, 10, 1, 4), (2, 1, 2, 100, '2090-01-20', 12, 12, 12, 6, 3),
       (2, 1, 3, 100, '2090-01-30', 15, 15, 15, 1, 1);
CREATE VIEW pg_temp.lines AS
SELECT allocation_id AS run, location_id AS location, ships_on, score, pack, need, quantity, released, reserved, reason
FROM merch.allocation_line ORDER BY 1, 2;
CREATE VIEW pg_temp.stocks AS SELECT location_id, on_hand, reserved, incoming, fenced FROM merch.stock WHERE item_id = 1 ORDER BY 1;
SELECT merch.release_allocation(1);
\echo by the 15th 26 leave and 20 are there; by the 20th 12 more, by the 30th the rest of the orders has come
SELECT merch.record_delay(1, 901, '2090-01-12') AS still_in_time;
SELECT merch.record_delay(1, 901, '2090-01-28') AS cut;
TABLE pg_temp.lines;
SELECT location_id, units, picked FROM merch.transfer JOIN merch.transfer_line USING (transfer_id) ORDER BY 1;
SELECT * FROM merch.check_ledger();
SELECT * FROM merch.check_transfers();
SELECT merch.record_delay(1, 901, '2090-01-11') AS earlier_cuts_nothing;
\echo an order of which less comes than was promised: unreleased lines, ring-fences, released lines
SELECT merch.allocate_fence(1, 100, 2, 12);
TABLE pg_temp.stocks;
SAVEPOINT s;
SELECT merch.record_receipt(1, 901, 5, true) AS cut;
TABLE pg_temp.stocks;
TABLE pg_temp.lines;
ROLLBACK TO s;
SELECT merch.record_receipt(1, 901, 25, true) AS covered, merch.record_receipt(1, 902, 0, true) AS cut;
TABLE pg_temp.stocks;
TABLE pg_temp.lines;
SELECT * FROM merch.ring_fence;
SELECT merch.cut_promises(1, 100, 7) AS of_released, merch.cut_promises(1, 100, 0) AS nothing, merch.cut_promises(1, 1, 5) AS of_nothing;
TABLE pg_temp.lines;
SELECT location_id, units, picked FROM merch.transfer JOIN merch.transfer_line USING (transfer_id) ORDER BY 1;
SELECT merch.cut_promises(1, 100, 1000000) AS all_of_them;
TABLE pg_temp.stocks;
SELECT * FROM merch.check_ledger();
SELECT * FROM merch.check_transfers();
\echo a wave for which nothing is left to pick ends with it
SELECT merch.start_wave(wave_id) FROM merch.wave ORDER BY wave_id;
SELECT merch.complete_wave(wave_id) FROM merch.wave ORDER BY wave_id;
SELECT wave_id, state FROM merch.wave ORDER BY 1;
SELECT DISTINCT state, reason FROM merch.transfer;

\echo a short pick of units out of a ring-fence
SELECT merch.record_receipt(1, 902, 40) AS after_all;
SELECT merch.allocate_fence(1, 100, 2, 20);
INSERT INTO merch.allocation_line (allocation_id, item_id, location_id, source_id, ships_on, need, quantity, reserved, from_fence)
VALUES (2, 1, 4, 100, '2090-01-30', 12, 12, 12, 10);
UPDATE merch.stock SET on_hand = 22 WHERE location_id = 100;
TABLE pg_temp.stocks;
SELECT merch.release_allocation(2);
SELECT merch.start_wave(max(wave_id)) FROM merch.wave;
SELECT merch.record_pick(max(transfer_id), 1, 4) AS short FROM merch.transfer;
TABLE pg_temp.stocks;
SELECT channel_id, units, consumed, open_units FROM merch.ring_fence;
SELECT * FROM merch.check_ledger();
ROLLBACK;

\echo 300 items at random: as much is cut as the worst day lacks, and no more
BEGIN;
SELECT merch.create_model();
SELECT setseed(0.25);
INSERT INTO merch.item (item_id, name) SELECT i, 'item ' || i FROM generate_series(1, 300) i;
INSERT INTO merch.location (location_id, kind, name)
SELECT l, CASE WHEN l = 100 THEN 'distribution_centre' ELSE 'store' END, 'place ' || l FROM unnest('{100, 1, 2, 3, 4, 5, 6}'::int[]) l;
INSERT INTO merch.stock (item_id, location_id, on_hand) SELECT i, 100, 1000 FROM generate_series(1, 300) i;
INSERT INTO merch.inbound (item_id, inbound_id, location_id, kind, expected_on, units)
SELECT i, 9000 + n, 100, 'purchase_order', '2090-01-01'::date + floor(random() * 12)::int, 1 + floor(random() * 20)::int
FROM generate_series(1, 300) i, generate_series(1, 3) n;
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'first', '2090-02-01', '2090-02-08'), (2, 'second', '2090-02-01', '2090-02-08');
INSERT INTO merch.allocation (allocation_id, promotion_id, method) VALUES (1, 1, 'even'), (2, 2, 'even');
INSERT INTO merch.allocation_line (allocation_id, item_id, location_id, source_id, ships_on, need, quantity, reserved, score)
SELECT a, i, l, 100, '2090-01-01'::date + floor(random() * 15)::int, q, q, q, floor(random() * 4)
FROM generate_series(1, 300) i, generate_series(1, 6) l, generate_series(1, 2) a, LATERAL (SELECT floor(random() * 8 + 0 * (i + l + a))::int) u(q);
-- just as much as is promised
UPDATE merch.stock SET on_hand = reserved - incoming;
SELECT merch.release_allocation(1) > 0 AS released;
CREATE TEMP TABLE delay AS
SELECT i.item_id, i.inbound_id, i.expected_on + n.days AS new_day,
       (SELECT coalesce(least(i.units, greatest(0, max((SELECT sum(b.reserved) FROM merch.allocation_line b WHERE b.item_id = i.item_id AND b.ships_on <= l.ships_on)
                                                       - greatest(0, s.on_hand
                                                         + (SELECT coalesce(sum(o.units), 0) FROM merch.inbound o
                                                            WHERE o.item_id = i.item_id AND o.inbound_id <> i.inbound_id
                                                              AND o.expected_on <= l.ships_on))))), 0)
        FROM merch.allocation_line l
        WHERE l.item_id = i.item_id AND l.reserved > 0 AND l.ships_on >= i.expected_on AND l.ships_on < i.expected_on + n.days) AS lacking
FROM merch.inbound i
JOIN merch.stock s USING (item_id)
CROSS JOIN LATERAL (SELECT floor(random() * 10 + 0 * i.item_id)::int) n(days)
WHERE i.inbound_id = 9001 AND s.location_id = 100;
CREATE TEMP TABLE done AS SELECT item_id, lacking, merch.record_delay(item_id, inbound_id, new_day) AS cut FROM delay;
SELECT count(*) FILTER (WHERE cut <> lacking) AS wrong, count(*) FILTER (WHERE cut > 0) > 100 AS many, count(*) FILTER (WHERE cut = 0) > 50 AS some_not FROM done;
-- a released line is cut only where nothing unreleased of the same days is left, and none before a lower score
SELECT count(*) AS wrong
FROM merch.allocation_line c
JOIN merch.allocation_line k USING (item_id)
WHERE c.quantity < c.need AND k.reserved > 0 AND k.ships_on <= c.ships_on
  AND (k.released < k.quantity, -k.score) > (c.allocation_id = 2, -c.score);
SELECT * FROM merch.check_ledger();
SELECT * FROM merch.check_transfers();
ROLLBACK;

\echo rebalancing: proposals, and circles
BEGIN;
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name) VALUES (1, 'juice'), (2, 'milk');
INSERT INTO merch.location (location_id, kind, name) VALUES
    (100, 'distribution_centre', 'north'), (1, 'store', 'A'), (2, 'store', 'B'), (3, 'store', 'C');
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 20), (1, 1, 9), (1, 2, 9), (1, 3, 9), (2, 1, 5);
CREATE FUNCTION pg_temp.send(transfer bigint, source int, location int, item bigint, state text DEFAULT 'planned') RETURNS void
LANGUAGE sql AS $$
    INSERT INTO merch.transfer (transfer_id, kind, source_id, location_id, ships_on, arrives_on, state)
    VALUES (transfer, 'rebalance', source, location, '2090-01-01', '2090-01-02', state);
    INSERT INTO merch.transfer_line (item_id, transfer_id, units) VALUES (item, transfer, 4);
$$;
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SELECT pg_temp.send(901, 1, 2, 1), pg_temp.send(902, 2, 3, 1), pg_temp.send(903, 100, 1, 1), pg_temp.send(904, 3, 1, 2);
SELECT pg_temp.error_of('SELECT pg_temp.send(905, 3, 1, 1)');
SELECT pg_temp.error_of('SELECT pg_temp.send(905, 2, 1, 1)');
SELECT pg_temp.error_of('SELECT pg_temp.send(905, 1, 100, 1)');
-- a proposal may; it is refused when it is accepted
SELECT pg_temp.send(905, 3, 1, 1, 'proposed');
SELECT pg_temp.error_of($$UPDATE merch.transfer SET state = 'planned' WHERE transfer_id = 905$$);
SELECT merch.record_pick(902, 1, 0) AS short, merch.ship_transfer(902) AS units;
UPDATE merch.transfer SET state = 'planned' WHERE transfer_id = 905;
SELECT merch.record_pick(905, 1, 3, false), merch.ship_transfer(905);
SELECT transfer_id, state, units, picked, missing FROM merch.transfer JOIN merch.transfer_line USING (transfer_id) ORDER BY 1;
SELECT item_id, location_id, on_hand, incoming FROM merch.stock ORDER BY 1, 2;

\echo what is refused
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT n, 'week ' || n, '2090-02-01', '2090-02-08' FROM generate_series(1, 3) n;
INSERT INTO merch.allocation (allocation_id, promotion_id, method, state)
VALUES (1, 1, 'even', 'running'), (2, 2, 'even', 'active'), (3, 3, 'even', 'active');
UPDATE merch.allocation SET state = 'cancelled', cancelled_at = now() WHERE allocation_id = 2;
INSERT INTO merch.allocation_line (allocation_id, item_id, location_id, source_id, ships_on, need, quantity, reserved)
VALUES (3, 1, 2, 100, '2090-01-31', 4, 4, 4);
SELECT merch.release_allocation(3);
SELECT wave_id AS wave, transfer_id AS transfer FROM merch.transfer WHERE allocation_id = 3 \gset
SELECT pg_temp.error_of(format(statement, :transfer, :wave)) FROM unnest(ARRAY[
    'SELECT merch.release_allocation(NULL)',
    'SELECT merch.release_allocation(99)',
    'SELECT merch.release_allocation(1)',
    'SELECT merch.release_allocation(2)',
    'SELECT merch.start_wave(NULL)',
    'SELECT merch.complete_wave(%2$s)',
    'SELECT merch.record_pick(%s, 1, 4)',
    'SELECT merch.ship_transfer(%s)',
    'UPDATE merch.transfer SET state = ''cancelled'' WHERE transfer_id = %s',
    'UPDATE merch.transfer_line SET units = 3 WHERE transfer_id = %s',
    'UPDATE merch.transfer_line SET units = 5 WHERE transfer_id = %s',
    'UPDATE merch.transfer_line SET picked = 0 WHERE transfer_id = %s',
    'SELECT merch.start_wave(%2$s)',
    'SELECT merch.start_wave(%2$s)',
    'SELECT merch.record_pick(NULL, 1, 4)',
    'SELECT merch.record_pick(%s, 2, 4)',
    'SELECT merch.record_pick(%s, 1, NULL)',
    'SELECT merch.record_pick(%s, 1, -1)',
    'SELECT merch.record_pick(%s, 1, 5)',
    'SELECT merch.ship_transfer(%s)',
    'UPDATE merch.transfer SET state = ''shipped'' WHERE transfer_id = %s',
    'SELECT merch.record_pick(%s, 1, 4)',
    'SELECT merch.record_pick(%s, 1, 4)',
    'UPDATE merch.transfer SET state = ''cancelled'' WHERE transfer_id = %s',
    'UPDATE merch.transfer_line SET picked = 3 WHERE transfer_id = %s',
    'UPDATE merch.transfer_line SET units = 6 WHERE transfer_id = %s',
    'SELECT merch.record_receipt(1, inbound_id, 4) FROM merch.transfer_line WHERE transfer_id = %s',
    'SELECT merch.ship_transfer(%s)',
    'SELECT merch.cancel_transfer(%s)',
    'SELECT merch.cancel_transfer(-1)',
    'SELECT merch.record_receipt(1, inbound_id, -4) FROM merch.transfer_line WHERE transfer_id = %s',
    'SELECT merch.record_receipt(1, inbound_id, NULL) FROM merch.transfer_line WHERE transfer_id = %s',
    'SELECT merch.record_receipt(1, -7, 4)',
    'SELECT merch.record_delay(1, NULL, ''2090-01-01'')',
    'SELECT merch.record_delay(1, inbound_id, NULL) FROM merch.transfer_line WHERE transfer_id = %s',
    'SELECT merch.cut_promises(1, 100, -1)',
    'UPDATE merch.transfer SET state = ''planned'' WHERE transfer_id = %s',
    'UPDATE merch.wave SET state = ''planned'' WHERE wave_id = %2$s',
    'UPDATE merch.transfer SET source_id = 3 WHERE transfer_id = %s',
    'UPDATE merch.transfer_line SET item_id = 2 WHERE transfer_id = %s',
    'DELETE FROM merch.transfer WHERE transfer_id = %s',
    'DELETE FROM merch.transfer_line WHERE transfer_id = %s',
    'TRUNCATE merch.transfer, merch.transfer_prepack, merch.exception',
    'TRUNCATE merch.transfer_line',
    'INSERT INTO merch.transfer_line (item_id, transfer_id, units) VALUES (2, %s, 1)',
    'INSERT INTO merch.transfer_line (item_id, transfer_id, units) VALUES (2, -5, 1)',
    'INSERT INTO merch.transfer_line (item_id, transfer_id, units) VALUES (9, 903, 1)'
]) statement;
SELECT split_part(pg_temp.error_of(statement), E'\n', 1) FROM unnest(ARRAY[
    'UPDATE merch.transfer_line SET picked = units + 1',
    'UPDATE merch.transfer_line SET missing = 1 WHERE picked IS NULL',
    'INSERT INTO merch.transfer (kind, source_id, location_id, ships_on, arrives_on) VALUES (''allocation'', 1, 2, ''2090-01-01'', ''2090-01-01'')',
    'INSERT INTO merch.transfer (kind, source_id, location_id, ships_on, arrives_on) VALUES (''rebalance'', 1, 1, ''2090-01-01'', ''2090-01-01'')'
]) statement;

\echo what is late leaves today, or tomorrow if the cut-off has passed; what leaves late arrives late
INSERT INTO merch.lane (location_id, source_id, lead_days, cut_off) VALUES (2, 100, 1, '00:00'), (3, 100, 2, NULL);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (4, 'late', current_date, current_date + 7);
INSERT INTO merch.allocation (allocation_id, promotion_id, method) VALUES (4, 4, 'even');
INSERT INTO merch.allocation_line (allocation_id, item_id, location_id, source_id, ships_on, need, quantity, reserved)
VALUES (4, 1, 2, 100, current_date - 3, 4, 4, 4), (4, 1, 3, 100, current_date - 3, 4, 4, 4);
SELECT merch.release_allocation(4);
SELECT location_id, t.ships_on - current_date AS in_days, arrives_on - current_date AS there_in, cut_off::date - current_date AS cut_off_in
FROM merch.transfer t JOIN merch.wave USING (wave_id) WHERE allocation_id = 4 ORDER BY 1;
INSERT INTO merch.transfer (transfer_id, kind, source_id, location_id, ships_on, arrives_on)
VALUES (906, 'rebalance', 100, 3, current_date - 3, current_date - 1);
INSERT INTO merch.transfer_line (item_id, transfer_id, units) VALUES (1, 906, 2);
SELECT merch.record_pick(906, 1, 2), merch.ship_transfer(906);
SELECT t.arrives_on - current_date AS there_in, i.expected_on - current_date AS expected_in
FROM merch.transfer t JOIN merch.transfer_line l USING (transfer_id) JOIN merch.inbound i USING (item_id, inbound_id) WHERE transfer_id = 906;

INSERT INTO merch.transfer (transfer_id, kind, source_id, location_id, ships_on, arrives_on)
VALUES (908, 'rebalance', 100, 3, '2090-01-01', '2090-01-01');
SELECT merch.cancel_transfer(908) AS without_lines;

\echo promises that stand on what was picked for their source keep it from being cancelled
SELECT merch.cancel_transfer(904);
INSERT INTO merch.transfer (transfer_id, kind, source_id, location_id, ships_on, arrives_on)
VALUES (907, 'rebalance', 1, 3, '2090-01-01', '2090-01-02');
INSERT INTO merch.transfer_line (item_id, transfer_id, units) VALUES (2, 907, 4);
SELECT merch.record_pick(907, 2, 4);
INSERT INTO merch.allocation_line (allocation_id, item_id, location_id, source_id, ships_on, need, quantity, reserved)
VALUES (4, 2, 2, 3, current_date + 9, 3, 3, 3);
SELECT pg_temp.error_of('SELECT merch.cancel_transfer(907)');
SELECT merch.cut_promises(2, 3, 3), merch.cancel_transfer(907);
SELECT location_id, on_hand, reserved, incoming FROM merch.stock WHERE item_id = 2 ORDER BY 1;
SELECT * FROM merch.check_ledger();
SELECT * FROM merch.check_transfers();
ROLLBACK;
