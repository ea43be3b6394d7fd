-- price mismatches: one row from when it is seen to when it is gone, one correction for each
-- news, exceptions by item or, in a storm, by system, and the share that is right
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
BEGIN;
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = ISO;
UPDATE merch.exception_kind SET active = kind = 'price mismatch';
INSERT INTO merch.item (item_id, name) SELECT n, 'item ' || n FROM generate_series(1, 9) n;
INSERT INTO merch.location (location_id, kind, name) SELECT n, 'store', 'store ' || n FROM generate_series(1, 2) n;
INSERT INTO merch.forecast (item_id, location_id, day, mean) VALUES (1, 1, current_date, 12.5);
INSERT INTO merch.system (system_id, name, reports) VALUES (1, 'tills', 'current'), (2, 'erp', 'periods');
INSERT INTO merch.system (system_id, name, channel_id) VALUES (3, 'web', 2);

-- Prices are written as if the jobs had: 9 items at 2 places in store, of the first also online,
-- at 5.00 since the day before yesterday.
CREATE FUNCTION pg_temp.publish(system int, items int[], price numeric, places int[] DEFAULT '{1,2}', channel int DEFAULT 1, money text DEFAULT 'EUR',
                                since interval DEFAULT '2 days', seen interval DEFAULT '0') RETURNS void LANGUAGE sql AS $$
    INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency, valid_from, seen_at)
    SELECT i, s, l, channel, price, money, CASE WHEN s IN (0, 2) THEN now() - since ELSE '-infinity' END, now() - seen
    FROM unnest(items) i, unnest(places) l, unnest(CASE system WHEN 0 THEN '{0,-1}'::int[] ELSE ARRAY[system] END) s
    ON CONFLICT (item_id, system_id, location_id, channel_id, valid_from) DO UPDATE
    SET amount = excluded.amount, currency = excluded.currency, seen_at = excluded.seen_at
$$;
-- the approved price of an item from a moment on
CREATE FUNCTION pg_temp.approve(item int, price numeric, since interval DEFAULT '0') RETURNS void LANGUAGE sql AS $$
    UPDATE merch.published_price SET valid_to = now() - since WHERE system_id = 0 AND item_id = item AND channel_id = 1 AND valid_to = 'infinity' AND valid_from < now() - since;
    SELECT pg_temp.publish(0, ARRAY[item], price, since => approve.since);
$$;
DELETE FROM merch.dirty_price;
UPDATE merch.price_position SET looked_at = now();
SELECT pg_temp.publish(0, ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9], 5), pg_temp.publish(0, ARRAY[1], 5, channel => 2);
SELECT pg_temp.publish(1, ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9], 5), pg_temp.publish(1, ARRAY[1], 5, channel => 2);
SELECT pg_temp.publish(2, ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9], 5), pg_temp.publish(2, ARRAY[1], 5, channel => 2);
SELECT pg_temp.publish(3, ARRAY[1], 5, channel => 2);
CREATE VIEW pg_temp.mismatch AS
SELECT s.name AS system, m.item_id AS item, m.location_id AS place, m.channel_id AS channel, m.difference, merch.shown_price(m.approved_amount, m.approved_currency) AS approved,
       merch.shown_price(m.shown_amount, m.shown_currency) AS shown, m.money_at_risk AS money, m.cleared_at IS NOT NULL AS cleared
FROM merch.price_mismatch m JOIN merch.system s USING (system_id) ORDER BY m.price_mismatch_id;
CREATE VIEW pg_temp.correction AS
SELECT s.name AS system, c.item_id AS item, c.location_id AS place, c.channel_id AS channel, merch.shown_price(c.amount, c.currency) AS price,
       c.valid_from - now() AS from_now, c.valid_to AS until, c.reason
FROM merch.price_correction c JOIN merch.system s USING (system_id) ORDER BY c.price_correction_id;
CREATE VIEW pg_temp.raised AS
SELECT condition, cause, promotion_id AS promotion, item_id AS item, location_id AS place, role, detail, money_at_risk AS money, state || coalesce(' ' || outcome, '') AS state
FROM merch.exception ORDER BY exception_id;

INSERT INTO merch.system (system_id, name) VALUES (4, 'labels'), (5, 'app');
UPDATE merch.system SET active = false WHERE system_id = 5;
\echo all systems agree: nothing to write but the rate; one that has never reported is none of them
SELECT merch.check_prices();
SELECT s.name, r.prices, r.right_prices, r.mismatches, r.share FROM merch.price_sync_rate r JOIN merch.system s USING (system_id) ORDER BY 1;
SELECT count(*) FROM merch.price_mismatch;
SELECT merch.detect_exceptions();

\echo one difference of each kind; money: 0.20 times 12.5, and the price or the difference where nothing is forecast
SELECT pg_temp.publish(1, ARRAY[1], 5.2, '{1}'), pg_temp.publish(1, ARRAY[2], 5, '{1}', money => 'USD'), pg_temp.publish(1, ARRAY[3], 4.995, '{2}');
DELETE FROM merch.published_price WHERE system_id = 1 AND item_id = 4;
SELECT pg_temp.publish(1, ARRAY[99], 7, '{1}'), pg_temp.publish(2, ARRAY[5], 6), pg_temp.publish(3, ARRAY[2], 6, '{1}', 2);
SELECT merch.check_prices() AS written, merch.check_prices() AS again;
TABLE pg_temp.mismatch;
TABLE pg_temp.correction;
SELECT s.name, r.prices, r.right_prices, r.mismatches, r.money_at_risk, round(r.share, 4) AS share FROM merch.price_sync_rate r JOIN merch.system s USING (system_id) ORDER BY 1;
SELECT merch.detect_exceptions() AS written, merch.detect_exceptions() AS again;
TABLE pg_temp.raised;
SELECT remedy FROM merch.exception_queue WHERE condition = 'system tills item 1';
\echo for people
SELECT system, item_id, item, location, difference, approved_amount, shown_amount, last_seen = now() AS seen_now FROM merch.open_price_mismatch WHERE system = 'tills' ORDER BY 2, 4;

\echo a row that is as it was is not written
CREATE TEMP TABLE before AS SELECT price_mismatch_id, ctid AS place FROM merch.price_mismatch;
SELECT merch.check_prices(), merch.check_prices('tills');
SELECT count(*) AS unwritten FROM merch.price_mismatch m JOIN before b USING (price_mismatch_id) WHERE m.ctid = b.place;

\echo other figures of what is open: written, but told anew only if the right price is another
SELECT pg_temp.publish(1, ARRAY[1], 5.3, '{1}');
SELECT merch.check_prices();
SELECT count(*) FROM pg_temp.correction;
SELECT pg_temp.approve(1, 4.5), pg_temp.publish(1, ARRAY[1], 4.5, '{2}'), pg_temp.publish(2, ARRAY[1], 4.5, since => '0');
UPDATE merch.published_price SET valid_to = now() WHERE system_id = 2 AND item_id = 1 AND valid_from < now() AND channel_id = 1;
SELECT merch.check_prices();
SELECT * FROM pg_temp.mismatch WHERE item = 1;
SELECT * FROM pg_temp.correction OFFSET 8;
SELECT merch.check_prices();

\echo right by themselves, all are cleared, and with them the exceptions
SELECT pg_temp.publish(1, ARRAY[1], 4.5, '{1}'), pg_temp.publish(1, ARRAY[2, 3, 4], 5), pg_temp.publish(2, ARRAY[5], 5);
DELETE FROM merch.published_price WHERE item_id = 99 OR (system_id = 3 AND item_id = 2);
SELECT merch.check_prices() AS written, merch.check_prices() AS again;
SELECT cleared, count(*) FROM pg_temp.mismatch GROUP BY 1;
SELECT count(*) FROM merch.open_price_mismatch;
SELECT merch.detect_exceptions();
SELECT state, count(*) FROM pg_temp.raised GROUP BY 1;
\echo seen again it is another, and told again
SELECT pg_temp.publish(1, ARRAY[1], 5.2, '{1}');
SELECT merch.check_prices('tills');
SELECT * FROM pg_temp.mismatch OFFSET 8;
SELECT * FROM pg_temp.correction OFFSET 9;
SELECT pg_temp.publish(1, ARRAY[1], 4.5, '{1}');
SELECT merch.check_prices();

\echo silent since the price began: awaited as long as that is usual, a day; then stale
DELETE FROM merch.price_mismatch;
SELECT pg_temp.approve(2, 6, '1 hour'), pg_temp.publish(2, ARRAY[2], 6, since => '1 hour'), pg_temp.publish(1, ARRAY[2], 5, seen => '2 hours');
UPDATE merch.published_price SET valid_to = now() - interval '1 hour' WHERE system_id = 2 AND item_id = 2 AND channel_id = 1 AND valid_from < now() - interval '1 hour';
SELECT merch.check_prices();
SELECT difference FROM merch.price_diff('approved', 'tills');
SAVEPOINT silent;
UPDATE merch.system SET stale_after = '50 minutes' WHERE system_id = 1;
SELECT merch.check_prices();
TABLE pg_temp.mismatch;
ROLLBACK TO silent;
\echo heard of since, with a snapshot or with changes that leave it out, it is wrong
UPDATE merch.system SET snapshot_at = now() - interval '30 minutes' WHERE system_id = 1;
SELECT merch.check_prices();
TABLE pg_temp.mismatch;
ROLLBACK TO silent;
INSERT INTO merch.price_feed (system_id, taken_at, state, applied_at) VALUES (1, now() - interval '30 minutes', 'applied', now());
SELECT merch.check_prices();
TABLE pg_temp.mismatch;
\echo what is wrong already stays so when its price changes and news are awaited; the new price is told
UPDATE merch.price_feed SET taken_at = now() - interval '90 minutes';
SELECT pg_temp.approve(2, 7, '10 minutes');
SELECT merch.check_prices('tills');
SELECT * FROM pg_temp.mismatch;
SELECT * FROM pg_temp.correction WHERE item = 2 OFFSET 2;
ROLLBACK TO silent;
SELECT pg_temp.publish(1, ARRAY[2], 6);
SELECT merch.check_prices();

\echo of a promotion: the exception is, too, and is raised and closed in rounds over single ones
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'week', current_date, current_date + 7);
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES (1, 1, 'price', 3);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (3, 1, 1), (4, 1, 1);
INSERT INTO merch.promotion_location VALUES (1, 1), (1, 2);
SET LOCAL session_replication_role = replica;
UPDATE merch.promotion SET state = 'live';
INSERT INTO merch.price_event (item_id, kind, promotion_id, amount, effective, state, places, activated_at)
SELECT i, 'promotional', 1, 3, tstzrange(now() - interval '1 hour', now() + interval '1 hour'), 'active', '{[1,3)}', now() - interval '1 hour' FROM unnest('{3,4}'::int[]) i;
RESET session_replication_role;
DELETE FROM merch.dirty_price;
SELECT pg_temp.approve(3, 3, '1 hour'), pg_temp.approve(4, 3, '1 hour'), pg_temp.publish(1, ARRAY[3, 4], 5), pg_temp.publish(1, ARRAY[9], 4, '{1}');
SELECT merch.check_prices('tills');
SELECT item_id, location_id, promotion_id FROM merch.price_mismatch ORDER BY 1, 2;
SELECT merch.detect_exceptions('{1}'), merch.detect_exceptions('{2}');
SELECT * FROM pg_temp.raised WHERE state = 'open';
SELECT merch.detect_exceptions();
SELECT condition, detail, state FROM pg_temp.raised WHERE state = 'open';
SELECT pg_temp.publish(1, ARRAY[3], 3);
SELECT merch.check_prices('tills'), merch.detect_exceptions('{1}');
SELECT condition, detail, state FROM pg_temp.raised WHERE state = 'open';
SELECT pg_temp.publish(1, ARRAY[4], 3), pg_temp.publish(1, ARRAY[9], 5, '{1}');
SELECT merch.check_prices('tills'), merch.detect_exceptions();

\echo not compared any more: cleared; what is refused
SELECT pg_temp.publish(1, ARRAY[9], 4, '{1}');
SELECT merch.check_prices('tills');
UPDATE merch.system SET active = false WHERE system_id = 1;
SELECT merch.check_prices();
SELECT count(*) FROM merch.open_price_mismatch WHERE system = 'tills';
SELECT pg_temp.error_of($$SELECT merch.check_prices('tills')$$);
SELECT pg_temp.error_of($$SELECT merch.check_prices('approved')$$);
SELECT pg_temp.error_of($$SELECT merch.check_prices('scales')$$);
UPDATE merch.system SET active = true WHERE system_id = 1;
\echo items whose approved prices are to be renewed are neither opened nor cleared: marked, all of them, or with an event that begins or ends
SELECT pg_temp.publish(1, ARRAY[8, 9], 4, '{1}');
INSERT INTO merch.dirty_price VALUES (9);
SELECT merch.check_prices('tills');
SELECT item FROM pg_temp.mismatch WHERE NOT cleared AND system = 'tills';
SELECT pg_temp.publish(1, ARRAY[8, 9], 5);
UPDATE merch.dirty_price SET item_id = NULL;
SELECT merch.check_prices('tills');
DELETE FROM merch.dirty_price;
SET LOCAL session_replication_role = replica;
INSERT INTO merch.price_event (item_id, kind, amount, effective, state, places) VALUES (8, 'regular', 4, tstzrange(now(), NULL), 'approved', '{(,)}');
RESET session_replication_role;
UPDATE merch.price_position SET looked_at = now() - interval '1 second';
SELECT merch.check_prices('tills');
UPDATE merch.price_position SET looked_at = now();
SELECT merch.check_prices('tills');

\echo a row that says nonsense
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_mismatch (item_id, system_id, location_id, channel_id, difference, shown_amount) VALUES (1, 1, 1, 1, 'odd', 1)$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_mismatch (item_id, system_id, location_id, channel_id, difference, shown_amount) VALUES (1, 1, 1, 1, 'missing', 1)$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_mismatch (item_id, system_id, location_id, channel_id, difference, shown_amount) VALUES (1, 1, 1, 1, 'unexpected', 1), (1, 1, 1, 1, 'unexpected', 2)$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$UPDATE merch.system SET storm_share = 2$$), E'\n', 1), split_part(pg_temp.error_of($$UPDATE merch.system SET storm_least = 0$$), E'\n', 1);
ROLLBACK;

\echo a storm: 2,000 prices, of which 199 differ: one exception an item; 250: one in all
BEGIN;
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = ISO;
UPDATE merch.exception_kind SET active = kind = 'price mismatch';
INSERT INTO merch.system (system_id, name) VALUES (1, 'tills');
INSERT INTO merch.item (item_id, name) SELECT n, 'item ' || n FROM generate_series(1, 2000) n;
INSERT INTO merch.location (location_id, kind, name) VALUES (1, 'store', 'A');
DELETE FROM merch.dirty_price;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, valid_from, amount, currency, seen_at)
SELECT n, s, 1, 1, CASE s WHEN 0 THEN now() - interval '2 days' ELSE '-infinity' END, 2, 'EUR', now() - interval '1 day' FROM generate_series(1, 2000) n, generate_series(-1, 1) s;
UPDATE merch.published_price SET amount = 3 WHERE system_id = 1 AND item_id <= 199;
SELECT merch.check_prices(), merch.detect_exceptions();
SELECT state, count(*), sum(money_at_risk) AS money FROM merch.exception GROUP BY 1;
UPDATE merch.published_price SET amount = 3 WHERE system_id = 1 AND item_id <= 250;
SELECT merch.check_prices(), merch.detect_exceptions(), merch.detect_exceptions() AS again;
SELECT condition, cause, detail, remedy, money_at_risk, role FROM merch.exception WHERE state = 'open';
SELECT state, outcome, count(*) FROM merch.exception GROUP BY 1, 2 ORDER BY 1;
\echo a few of many are no storm; the limit is a setting
UPDATE merch.system SET storm_share = 0.2 WHERE system_id = 1;
SELECT merch.detect_exceptions();
SELECT count(*) FROM merch.exception WHERE state = 'open';
UPDATE merch.system SET storm_share = 0.1 WHERE system_id = 1;
UPDATE merch.published_price SET amount = 2 WHERE system_id = 1 AND item_id > 3;
SELECT merch.check_prices(), merch.detect_exceptions();
SELECT condition FROM merch.exception WHERE state = 'open' ORDER BY 1;
\echo late as a whole: not heard of for longer than is usual, it is one even if few differ
UPDATE merch.system SET snapshot_at = now() - interval '25 hours' WHERE system_id = 1;
SELECT merch.detect_exceptions();
SELECT condition, regexp_replace(detail, 'since [0-9: -]*', 'since … ') AS detail, money_at_risk FROM merch.exception WHERE state = 'open' ORDER BY 1;
\echo the feed comes, and the storm is over; of what is left each is its own
INSERT INTO merch.price_feed (system_id, taken_at, state, applied_at) VALUES (1, now(), 'applied', now() + interval '1 second');
SELECT merch.next_price_check() <= clock_timestamp() AS due;
UPDATE merch.published_price SET amount = 2 WHERE system_id = 1 AND item_id > 1;
SELECT merch.check_prices(), merch.detect_exceptions();
SELECT condition, detail FROM merch.exception WHERE state = 'open' ORDER BY 1;
UPDATE merch.published_price SET amount = 2 WHERE system_id = 1;
SELECT merch.check_prices(), merch.detect_exceptions();
SELECT state, count(*) FROM merch.exception GROUP BY 1;

\echo the rate by day: half of the checks of a day at 0.9 and one at 1; the day before none
DELETE FROM merch.price_sync_rate;
INSERT INTO merch.price_sync_rate (system_id, at, prices, right_prices, mismatches)
SELECT 1, '2090-03-01Z'::timestamptz + h * interval '1 hour', 1000, CASE WHEN h < 12 THEN 900 ELSE 1000 END, CASE WHEN h < 12 THEN 100 ELSE 0 END FROM generate_series(0, 23) h;
INSERT INTO merch.price_sync_rate (system_id, at, prices, right_prices, mismatches) VALUES (1, '2090-02-28Z', 0, 0, 0);
UPDATE merch.price_mismatch SET first_seen = '2090-03-01 00:00Z', cleared_at = '2090-03-01 12:00Z' WHERE item_id <= 100;
SELECT * FROM merch.price_sync_kpi ORDER BY day;
\echo and purged
SELECT merch.forget_price_checks();
UPDATE merch.price_mismatch SET cleared_at = now() - interval '401 days', first_seen = now() - interval '402 days' WHERE item_id = 1;
UPDATE merch.price_correction SET created_at = now() - interval '401 days' WHERE item_id = 1;
INSERT INTO merch.price_sync_rate (system_id, at, prices, right_prices, mismatches) VALUES (1, now() - interval '401 days', 0, 0, 0);
SELECT merch.forget_price_checks();
ROLLBACK;
