-- price feeds: what is no price, what is late, and that neither order nor repetition counts
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SET client_min_messages = error;
BEGIN;
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name) SELECT i, 'item ' || i FROM generate_series(1, 5) i;
INSERT INTO merch.location (location_id, kind, name) SELECT l, 'store', 'store ' || l FROM generate_series(1, 3) l;
INSERT INTO merch.system (system_id, name, reports, channel_id) VALUES
    (1, 'erp', 'periods', NULL), (2, 'till', 'current', 1), (3, 'shop', 'current', NULL);

-- delivers lines (item, location, channel, from, to, amount, currency, priority, version, seen), and says what came of it
CREATE FUNCTION pg_temp.deliver(system text, kind text, taken timestamptz, lines text, version bigint DEFAULT 0, expected bigint DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    feed CONSTANT bigint := merch.open_price_feed(system, kind, taken, version, expected);
    done record;
BEGIN
    IF lines <> '' THEN
        EXECUTE 'INSERT INTO merch.price_feed_line (item_id, location_id, channel_id, valid_from, valid_to, amount, currency, priority, source_version, seen_at)'
            || ' SELECT v.i, v.l, v.c, v.f::timestamptz, v.t::timestamptz, v.a::numeric, v.u, v.p, v.v, v.s::timestamptz FROM (VALUES '
            || lines || ', (NULL::bigint, NULL::int, NULL::int, NULL::text, NULL::text, NULL::text, NULL::text, NULL::int, NULL::bigint, ''drop'')) v(i, l, c, f, t, a, u, p, v, s)'
            || ' WHERE v.s IS DISTINCT FROM ''drop''';
    END IF;
    SELECT * INTO done FROM merch.apply_price_feed(feed);
    RETURN format('%s: %s lines, %s changed, %s taken back, %s late, %s rejected, %s overlapping', done.state, done.lines, done.changed,
                  done.taken_back, done.late_lines, done.rejected, done.overlapping);
END
$$;
CREATE VIEW pg_temp.shown AS
SELECT s.name, p.item_id AS i, p.location_id AS l, p.channel_id AS c, p.valid_from, p.valid_to, p.amount, p.currency, p.seen_at
FROM merch.published_price p JOIN merch.system s USING (system_id);
CREATE FUNCTION pg_temp.rejects(of_system text) RETURNS TABLE (line bigint, reason text, retryable boolean, place text, period text, price text) LANGUAGE sql AS $$
    SELECT row_number() OVER (ORDER BY r.line), r.reason, r.retryable, concat_ws('/', coalesce(r.item_id::text, '-'), coalesce(r.location_id::text, '-'), coalesce(r.channel_id::text, '-')),
           concat_ws(' to ', r.valid_from::text, r.valid_to::text), concat_ws(' ', r.amount, r.currency)
    FROM merch.price_feed_reject r JOIN merch.system s USING (system_id)
    WHERE s.name = of_system ORDER BY r.line
$$;

\echo opening
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('nobody')$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed(NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('approved')$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('approved now')$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('erp', 'full')$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('erp', NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('erp', 'retry')$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('erp', taken_at => NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('erp', taken_at => '9999-01-01')$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('erp', taken_at => '-infinity')$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('erp', source_version => NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.open_price_feed('erp', expected_lines => -1)$$);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_feed (system_id, taken_at) VALUES (0, now())$$), E'\n', 1);
\echo loading
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_feed_line (item_id) VALUES (1)$$), E'\n', 1);
SELECT pg_temp.error_of($$INSERT INTO merch.price_feed_line (price_feed_id, item_id) VALUES (77, 1)$$);
SELECT split_part(pg_temp.error_of($$SET merch.price_feed = 'x'$$), E'\n', 1);
SELECT merch.open_price_feed('erp') AS feed \gset
SELECT merch.current_price_feed() = :feed AS by_default;
INSERT INTO merch.price_feed_line (item_id, location_id, channel_id, amount, currency) VALUES (1, 1, 1, 1, 'EUR');
SELECT merch.abandon_price_feed(:feed);
SELECT state, applied_at, (SELECT count(*) FROM merch.price_feed_line) AS lines_left FROM merch.price_feed WHERE price_feed_id = :feed;
SELECT regexp_replace(pg_temp.error_of(format($$INSERT INTO merch.price_feed_line (price_feed_id, item_id) VALUES (%s, 1)$$, :feed)), '\d{1,9} ', 'N ');
SELECT regexp_replace(pg_temp.error_of(format($$SELECT merch.apply_price_feed(%s)$$, :feed)), 'feed \d+', 'feed N');
SELECT regexp_replace(pg_temp.error_of(format($$SELECT merch.abandon_price_feed(%s)$$, :feed)), 'feed \d+', 'feed N');
SELECT pg_temp.error_of($$SELECT merch.apply_price_feed(NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.apply_price_feed(123456789)$$);
SELECT pg_temp.error_of($$SELECT merch.retry_price_rejects('nobody')$$);

\echo amounts and currencies
CREATE FUNCTION pg_temp.amounts() RETURNS text LANGUAGE sql AS $f$
SELECT pg_temp.deliver('shop', 'snapshot', '2024-01-01', $$
    (1, 1, 1, NULL, NULL, '9.90', 'EUR', NULL, NULL, NULL), (1, 1, 2, NULL, NULL, '9.9000', 'EUR', NULL, NULL, NULL),
    (1, 2, 1, NULL, NULL, '100', 'JPY', NULL, NULL, NULL), (1, 2, 2, NULL, NULL, '100.00', 'JPY', NULL, NULL, NULL),
    (1, 3, 1, NULL, NULL, '1.234', 'KWD', NULL, NULL, NULL), (1, 3, 2, NULL, NULL, '0', 'EUR', NULL, NULL, NULL),
    (2, 1, 1, NULL, NULL, '9999999999.99', 'EUR', NULL, NULL, NULL), (2, 1, 2, NULL, NULL, '9999999999.999', 'KWD', NULL, NULL, NULL),
    (3, 1, 1, NULL, NULL, '100.5', 'JPY', NULL, NULL, NULL), (3, 1, 2, NULL, NULL, '1.2345', 'KWD', NULL, NULL, NULL),
    (3, 2, 1, NULL, NULL, '1.234', 'EUR', NULL, NULL, NULL), (3, 2, 2, NULL, NULL, '-0.01', 'EUR', NULL, NULL, NULL),
    (3, 3, 1, NULL, NULL, '10000000000', 'EUR', NULL, NULL, NULL), (3, 3, 2, NULL, NULL, '1e20', 'EUR', NULL, NULL, NULL),
    (4, 1, 1, NULL, NULL, 'NaN', 'EUR', NULL, NULL, NULL), (4, 1, 2, NULL, NULL, 'Infinity', 'EUR', NULL, NULL, NULL),
    (4, 2, 1, NULL, NULL, '-Infinity', 'EUR', NULL, NULL, NULL), (4, 2, 2, NULL, NULL, '1', NULL, NULL, NULL, NULL),
    (4, 3, 1, NULL, NULL, '1', 'eur', NULL, NULL, NULL), (4, 3, 2, NULL, NULL, '1', '', NULL, NULL, NULL),
    (5, 1, 1, NULL, NULL, '1', 'EURO', NULL, NULL, NULL), (5, 1, 2, NULL, NULL, NULL, 'EUR', NULL, NULL, NULL)$$);
$f$;
\echo more than half of a snapshot is no price: none of it is taken
SELECT regexp_replace(regexp_replace(pg_temp.error_of('SELECT pg_temp.amounts()'), 'feed \d+', 'feed N'), 'line \d+', 'line N');
UPDATE merch.system SET loss_limit = 0.7 WHERE name = 'shop';
SELECT pg_temp.amounts();
SELECT i, l, c, valid_from, valid_to, amount, currency FROM pg_temp.shown WHERE name = 'shop' ORDER BY 1, 2, 3;
SELECT line, reason, retryable, place, price FROM pg_temp.rejects('shop');
\echo 9.9 is 9.90: nothing is written
CREATE TEMP TABLE before AS SELECT p.ctid AS at, p.* FROM merch.published_price p;
SELECT pg_temp.deliver('shop', 'snapshot', '2024-01-02', $$
    (1, 1, 1, NULL, NULL, '9.9', 'EUR', NULL, NULL, NULL), (1, 1, 2, NULL, NULL, '9.90', 'EUR', NULL, NULL, NULL),
    (1, 2, 1, NULL, NULL, '100.0', 'JPY', NULL, NULL, NULL), (1, 2, 2, NULL, NULL, '100', 'JPY', NULL, NULL, NULL),
    (1, 3, 1, NULL, NULL, '1.2340', 'KWD', NULL, NULL, NULL), (1, 3, 2, NULL, NULL, '0.000', 'EUR', NULL, NULL, NULL),
    (2, 1, 1, NULL, NULL, '9999999999.990', 'EUR', NULL, NULL, NULL), (2, 1, 2, NULL, NULL, '9999999999.999', 'KWD', NULL, NULL, NULL)$$);
SELECT count(*) AS rows, bool_and(p.ctid = b.at) AS untouched FROM before b LEFT JOIN merch.published_price p USING (item_id, system_id, location_id, channel_id, valid_from);
DROP TABLE before;

\echo items, places and channels that nobody knows; lines of another channel; times that cannot be
SELECT pg_temp.deliver('till', 'delta', '2024-01-01', $$
    (NULL, 1, 1, NULL, NULL, '1', 'EUR', NULL, NULL, NULL), (9, 1, 1, NULL, NULL, '2', 'EUR', NULL, NULL, NULL),
    (1, NULL, 1, NULL, NULL, '3', 'EUR', NULL, NULL, NULL), (1, 9, 1, NULL, NULL, '4', 'EUR', NULL, NULL, NULL),
    (1, 1, 9, NULL, NULL, '5', 'EUR', NULL, NULL, NULL), (1, 1, 2, NULL, NULL, '6', 'EUR', NULL, NULL, NULL),
    (9, 9, 9, NULL, NULL, '-7', 'EUR', NULL, NULL, NULL), (1, 2, 1, NULL, NULL, '8', 'EUR', NULL, NULL, '9999-01-01'),
    (1, 3, 1, NULL, NULL, '9', 'EUR', NULL, NULL, 'infinity'), (2, 1, NULL, NULL, NULL, '10', 'EUR', NULL, NULL, NULL)$$);
SELECT line, reason, retryable, place, price FROM pg_temp.rejects('till');
SELECT i, l, c, amount FROM pg_temp.shown WHERE name = 'till';
SELECT pg_temp.deliver('shop', 'delta', '2024-01-03', $$(2, 2, NULL, NULL, NULL, '1', 'EUR', NULL, NULL, NULL)$$);
SELECT reason, place FROM pg_temp.rejects('shop') WHERE retryable;
\echo loaded again when they are known, and judged again
SELECT merch.retry_price_rejects('till') AS still_unknown;
INSERT INTO merch.item (item_id, name) VALUES (9, 'item 9');
SELECT merch.retry_price_rejects('till');
SELECT merch.retry_price_rejects('till') AS once;
INSERT INTO merch.location (location_id, kind, name) VALUES (9, 'store', 'store 9');
INSERT INTO merch.channel (channel_id, name) VALUES (9, 'kiosk');
SELECT merch.retry_price_rejects('till');
UPDATE merch.system SET channel_id = NULL WHERE name = 'till';
SELECT merch.retry_price_rejects('till');
SELECT i, l, c, amount, seen_at FROM pg_temp.shown WHERE name = 'till' ORDER BY 1, 2, 3;
SELECT reason, place, price, retryable FROM pg_temp.rejects('till') WHERE reason = 'negative amount';
SELECT kind, taken_at, state, lines, changed, rejected FROM merch.price_feed JOIN merch.system USING (system_id) WHERE name = 'till' AND kind = 'retry' ORDER BY price_feed_id;
UPDATE merch.system SET channel_id = 1 WHERE name = 'till';
\echo what was said later holds over what was kept aside
SELECT pg_temp.deliver('till', 'delta', '2024-02-01', $$(10, 1, 1, NULL, NULL, '1', 'EUR', NULL, NULL, NULL), (11, 1, 1, NULL, NULL, '1', 'EUR', NULL, NULL, NULL)$$);
SELECT pg_temp.deliver('till', 'delta', '2024-02-02', $$(10, 1, 1, NULL, NULL, '2', 'EUR', NULL, NULL, NULL)$$);
INSERT INTO merch.item (item_id, name) VALUES (10, 'item 10');
SELECT merch.retry_price_rejects('till');
SELECT i, l, c, amount, seen_at FROM pg_temp.shown WHERE name = 'till' AND i = 10;
SELECT pg_temp.deliver('till', 'snapshot', '2024-02-03', $$(10, 1, 1, NULL, NULL, '2', 'EUR', NULL, NULL, NULL)$$, expected => 1);
INSERT INTO merch.item (item_id, name) VALUES (11, 'item 11');
SELECT merch.retry_price_rejects('till');
SELECT i, l, c, amount, seen_at FROM pg_temp.shown WHERE name = 'till';

\echo periods: empty, reversed, infinite
SELECT pg_temp.deliver('erp', 'delta', '2024-01-01', $$
    (1, 1, 1, '2024-01-01', '2024-01-01', '1', 'EUR', NULL, NULL, NULL), (1, 1, 1, '2024-01-02', '2024-01-01', '1', 'EUR', NULL, NULL, NULL),
    (1, 1, 1, 'infinity', NULL, '1', 'EUR', NULL, NULL, NULL), (1, 1, 1, NULL, '-infinity', '1', 'EUR', NULL, NULL, NULL),
    (1, 1, 1, 'infinity', '-infinity', '1', 'EUR', NULL, NULL, NULL),
    (2, 1, 1, NULL, NULL, '2', 'EUR', NULL, NULL, NULL), (2, 1, 2, '-infinity', 'infinity', '2', 'EUR', NULL, NULL, NULL),
    (2, 2, 1, NULL, '2024-01-01', '2', 'EUR', NULL, NULL, NULL), (2, 2, 2, '2024-01-01', NULL, '2', 'EUR', NULL, NULL, NULL),
    (2, 3, 1, '4713-01-01 BC', '294276-12-31', '2', 'EUR', NULL, NULL, NULL)$$);
SELECT line, reason, place, period FROM pg_temp.rejects('erp');
SELECT i, l, c, valid_from, valid_to, amount FROM pg_temp.shown WHERE name = 'erp' ORDER BY 1, 2, 3;
\echo a system that reports what it shows now has no periods, whatever it sends
SELECT pg_temp.deliver('till', 'delta', '2024-03-01', $$(1, 1, 1, '2024-01-02', '2024-01-01', '1', 'EUR', NULL, NULL, NULL)$$);
SELECT i, l, c, valid_from, valid_to, amount FROM pg_temp.shown WHERE name = 'till' ORDER BY 1;

\echo days of 23 and 25 hours; the hour that comes twice, and the one that does not
SET LOCAL TimeZone = 'Europe/Berlin';
SELECT pg_temp.deliver('erp', 'delta', '2024-01-02', $$
    (3, 1, 1, '2024-03-31 00:00', '2024-04-01 00:00', '1', 'EUR', NULL, NULL, NULL), (3, 1, 2, '2024-10-27 00:00', '2024-10-28 00:00', '1', 'EUR', NULL, NULL, NULL),
    (3, 2, 1, '2024-10-27 02:30+02', '2024-10-27 02:30+01', '1', 'EUR', NULL, NULL, NULL), (3, 2, 2, '2024-10-27 02:30', '2024-10-27 02:30', '1', 'EUR', NULL, NULL, NULL),
    (3, 3, 1, '2024-03-31 02:30', '2024-03-31 03:30', '1', 'EUR', NULL, NULL, NULL), (3, 3, 2, '2024-10-27 02:30+01', '2024-10-27 02:30+02', '1', 'EUR', NULL, NULL, NULL)$$);
SELECT i, l, c, valid_from, valid_to, valid_to - valid_from AS lasts FROM pg_temp.shown WHERE i = 3 AND name = 'erp' ORDER BY 2, 3;
SELECT line, reason, place, period FROM pg_temp.rejects('erp') OFFSET 5;
SET LOCAL TimeZone = 'UTC';

\echo overlaps: by priority, by version, by time, by start; one inside another; one that touches
SELECT pg_temp.deliver('erp', 'delta', '2024-01-03', $$
    (4, 1, 1, '2024-01-01', NULL, '10', 'EUR', 0, NULL, NULL), (4, 1, 1, '2024-02-01', '2024-03-01', '8', 'EUR', 1, NULL, NULL),
    (4, 1, 2, '2024-01-01', '2024-03-01', '10', 'EUR', NULL, 2, NULL), (4, 1, 2, '2024-02-01', '2024-04-01', '8', 'EUR', NULL, 1, NULL),
    (4, 2, 1, '2024-01-01', '2024-03-01', '10', 'EUR', NULL, NULL, '2024-01-02'), (4, 2, 1, '2024-02-01', '2024-04-01', '8', 'EUR', NULL, NULL, '2024-01-01'),
    (4, 2, 2, '2024-01-01', '2024-03-01', '10', 'EUR', NULL, NULL, NULL), (4, 2, 2, '2024-02-01', '2024-04-01', '8', 'EUR', NULL, NULL, NULL),
    (4, 3, 1, '2024-01-01', '2024-06-01', '10', 'EUR', NULL, NULL, NULL), (4, 3, 1, '2024-02-01', '2024-03-01', '8', 'EUR', NULL, NULL, NULL),
    (4, 3, 1, '2024-04-01', '2024-05-01', '10', 'EUR', NULL, NULL, NULL),
    (4, 3, 2, '2024-01-01', '2024-02-01', '9.9', 'EUR', NULL, NULL, NULL), (4, 3, 2, '2024-02-01', '2024-03-01', '9.90', 'EUR', NULL, NULL, NULL),
    (4, 3, 2, '2024-03-01', '2024-04-01', '9.90', 'USD', NULL, NULL, NULL)$$);
SELECT i, l, c, valid_from, valid_to, amount, currency FROM pg_temp.shown WHERE name = 'erp' AND i = 4 ORDER BY 1, 2, 3, 4;
\echo reported are those of which nothing but their start says that they hold
SELECT reason, place, period, price FROM pg_temp.rejects('erp') WHERE reason IN ('overlap', 'duplicate');
\echo what was said is kept: the regular price is back when the promotional one is taken back
SELECT pg_temp.deliver('erp', 'delta', '2024-01-04', $$(4, 1, 1, '2024-02-01', NULL, NULL, NULL, NULL, NULL, NULL)$$);
SELECT valid_from, valid_to, amount FROM pg_temp.shown WHERE name = 'erp' AND (i, l, c) = (4, 1, 1) ORDER BY 1;
SELECT valid_from, valid_to, amount, currency, priority, seen_at FROM merch.reported_price WHERE (item_id, location_id, channel_id) = (4, 1, 1) ORDER BY 1;
\echo an end that moves; a price that no longer overlaps is kept once
SELECT pg_temp.deliver('erp', 'delta', '2024-01-05', $$(4, 1, 2, '2024-01-01', '2024-02-01', '10', 'EUR', NULL, 3, NULL)$$);
SELECT valid_from, valid_to, amount FROM pg_temp.shown WHERE name = 'erp' AND (i, l, c) = (4, 1, 2) ORDER BY 1;
SELECT count(*) FROM merch.reported_price WHERE (item_id, location_id, channel_id) = (4, 1, 2);
\echo the same key twice: the later line holds, the other is reported; unless it is later by its own time
SELECT pg_temp.deliver('shop', 'delta', '2024-01-04', $$
    (5, 1, 1, NULL, NULL, '1', 'EUR', NULL, NULL, NULL), (5, 1, 1, NULL, NULL, '2', 'EUR', NULL, NULL, NULL), (5, 1, 1, NULL, NULL, '3', 'EUR', NULL, NULL, NULL),
    (5, 1, 2, NULL, NULL, '1', 'EUR', NULL, NULL, '2024-01-03'), (5, 1, 2, NULL, NULL, '2', 'EUR', NULL, NULL, '2024-01-02 12:00')$$);
SELECT i, l, c, amount FROM pg_temp.shown WHERE name = 'shop' AND i = 5 ORDER BY 1, 2, 3;
SELECT reason, place, price FROM pg_temp.rejects('shop') WHERE reason = 'duplicate';

\echo the same feed twice, as a feed and as a call
SELECT count(*) FROM merch.reported_price;
CREATE TEMP TABLE before AS
SELECT p.ctid AS at, p.* FROM merch.published_price p UNION ALL SELECT r.ctid, r.* FROM merch.reported_price r;
SELECT pg_temp.deliver('shop', 'delta', '2024-01-04', $$(5, 1, 1, NULL, NULL, '3.00', 'EUR', NULL, NULL, NULL)$$);
SELECT pg_temp.deliver('erp', 'delta', '2024-01-03', $$
    (4, 1, 1, '2024-01-01', NULL, '10', 'EUR', 0, NULL, NULL), (4, 1, 1, '2024-02-01', '2024-03-01', '8', 'EUR', 1, NULL, NULL),
    (4, 1, 2, '2024-01-01', '2024-03-01', '10', 'EUR', NULL, 2, NULL), (4, 3, 2, '2024-01-01', '2024-02-01', '9.9', 'EUR', NULL, NULL, NULL)$$);
SELECT count(*) FROM (SELECT p.ctid AS at, p.* FROM merch.published_price p UNION ALL SELECT r.ctid, r.* FROM merch.reported_price r
                      EXCEPT TABLE before) written;
SELECT (SELECT count(*) FROM before) = (SELECT count(*) FROM merch.published_price) + (SELECT count(*) FROM merch.reported_price) AS as_many;
SELECT a.state, a.changed, (SELECT count(*) FROM merch.price_feed) AS feeds
FROM merch.apply_price_feed((SELECT max(price_feed_id) FROM merch.price_feed)) a \gset
SELECT :'state' AS state, :changed AS changed;
DROP TABLE before;

\echo late: a snapshot as a whole, a delta line by line; a version goes before the time
SELECT pg_temp.deliver('shop', 'snapshot', '2024-01-01 12:00', $$(1, 1, 1, NULL, NULL, '5', 'EUR', NULL, NULL, NULL)$$);
SELECT pg_temp.deliver('shop', 'delta', '2024-01-01 12:00', $$(1, 1, 1, NULL, NULL, '5', 'EUR', NULL, NULL, NULL), (1, 1, 2, NULL, NULL, '5', 'EUR', NULL, NULL, '2024-01-05')$$);
SELECT i, l, c, amount, seen_at FROM pg_temp.shown WHERE name = 'shop' AND i = 1 AND l = 1 ORDER BY 3;
SELECT pg_temp.deliver('shop', 'delta', '2023-01-01', $$(1, 1, 1, NULL, NULL, '5', 'EUR', NULL, NULL, NULL)$$, version => 7);
SELECT pg_temp.deliver('shop', 'delta', '2024-01-06', $$(1, 1, 1, NULL, NULL, '6', 'EUR', NULL, NULL, NULL)$$, version => 6);
SELECT i, l, c, amount, seen_at FROM pg_temp.shown WHERE name = 'shop' AND i = 1 AND l = 1 ORDER BY 3;

\echo half of a feed: nothing of it, then all of it
SELECT merch.open_price_feed('shop', 'snapshot', '2024-02-01', 8, 3) AS feed \gset
INSERT INTO merch.price_feed_line (item_id, location_id, channel_id, amount, currency) VALUES (1, 1, 1, 7, 'EUR'), (1, 1, 2, 7, 'EUR');
SELECT regexp_replace(pg_temp.error_of(format('SELECT merch.apply_price_feed(%s)', :feed)), 'feed \d+', 'feed N');
SELECT state, lines FROM merch.price_feed WHERE price_feed_id = :feed;
SELECT count(*) FROM pg_temp.shown WHERE name = 'shop' AND amount = 7;
INSERT INTO merch.price_feed_line (price_feed_id, item_id, location_id, channel_id, amount, currency) VALUES (:feed, 2, 1, 1, 7, 'EUR');
SELECT state, lines, changed, taken_back FROM merch.apply_price_feed(:feed);
SELECT i, l, c, amount FROM pg_temp.shown WHERE name = 'shop' ORDER BY 1, 2, 3;
SELECT snapshot_at, snapshot_version FROM merch.system WHERE name = 'shop';
UPDATE merch.system SET loss_limit = DEFAULT;
\echo without a number of lines a snapshot may not take back more than half
SELECT regexp_replace(pg_temp.error_of($$SELECT pg_temp.deliver('shop', 'snapshot', '2024-02-02', '(1, 1, 1, NULL, NULL, ''7'', ''EUR'', NULL, NULL, NULL)', 9)$$), 'feed \d+', 'feed N');
SELECT regexp_replace(pg_temp.error_of($$SELECT pg_temp.deliver('shop', 'snapshot', '2024-02-02', '', 9)$$), 'feed \d+', 'feed N');
SELECT pg_temp.deliver('shop', 'snapshot', '2024-02-02', '(1, 1, 1, NULL, NULL, ''7'', ''EUR'', NULL, NULL, NULL)', 9, 1);
SELECT pg_temp.deliver('shop', 'snapshot', '2024-02-03', '', 10, 0);
SELECT count(*) FROM pg_temp.shown WHERE name = 'shop';

\echo in every order the same: five feeds with all that can happen, and random ones
-- lines of feeds, by number; a system for each order
CREATE TEMP TABLE delivery (example int, feed int, kind text, taken_at timestamptz, source_version bigint);
CREATE TEMP TABLE delivered (example int, feed int, item_id bigint, location_id int, from_day int, to_day int, amount numeric, currency text, priority int, source_version bigint, seen_at timestamptz);
-- example 1: a snapshot; a delta with a promotional price; one that takes it back and sends a
-- regular price again as it is; a snapshot with other periods; a delta of the same moment
INSERT INTO delivery VALUES (1, 1, 'snapshot', '2024-01-01', 0), (1, 2, 'delta', '2024-01-02', 0), (1, 3, 'delta', '2024-01-03', 0),
    (1, 4, 'snapshot', '2024-01-04', 0), (1, 5, 'delta', '2024-01-04', 0);
INSERT INTO delivered VALUES
    (1, 1, 1, 1, 0, 30, 10, 'EUR', 0), (1, 1, 1, 2, 0, 30, 10, 'EUR', 0), (1, 1, 2, 1, 0, 30, 20, 'EUR', 0), (1, 1, 2, 2, 0, 10, 20, 'EUR', 0), (1, 1, 99, 1, 0, 30, 1, 'EUR', 0),
    (1, 2, 1, 1, 10, 20, 8, 'EUR', 1), (1, 2, 1, 2, 10, 20, 8, 'EUR', 0), (1, 2, 2, 1, 0, 30, 21, 'EUR', 0), (1, 2, 2, 2, 5, 15, 19, 'EUR', 0),
    (1, 3, 1, 1, 10, 20, NULL, NULL, 0), (1, 3, 1, 2, 0, 30, 10, 'EUR', 0), (1, 3, 2, 2, 20, 30, 20, 'EUR', 0), (1, 3, 3, 1, 0, 30, 5, 'EUR', 0),
    (1, 4, 1, 1, 0, 30, 10, 'EUR', 0), (1, 4, 1, 2, 10, 20, 8, 'EUR', 0), (1, 4, 1, 2, 0, 30, 10, 'EUR', 0), (1, 4, 2, 2, 0, 10, 20, 'EUR', 0), (1, 4, 2, 2, 10, 30, 20, 'EUR', 0), (1, 4, 99, 1, 0, 30, 2, 'EUR', 0),
    (1, 5, 1, 1, 0, 30, 11, 'EUR', 0), (1, 5, 2, 1, 0, 30, NULL, NULL, 0), (1, 5, 1, 2, 10, 20, NULL, NULL, 0), (1, 5, 3, 2, 0, 30, 3, 'EUR', 0);
-- examples 2 to 9: four feeds of lines made by a hash, snapshots and deltas, also of the same moment
CREATE FUNCTION pg_temp.dice(VARIADIC bigint[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT abs(hashtextextended($1::text, 5) % 1000) $$;
INSERT INTO delivery
SELECT e, f, CASE WHEN pg_temp.dice(e, f, 1) < 400 THEN 'snapshot' ELSE 'delta' END,
       '2024-01-01'::timestamptz + pg_temp.dice(e, f, 2) % 4 * interval '1 day', CASE WHEN e > 5 THEN pg_temp.dice(e, f, 3) % 3 ELSE 0 END
FROM generate_series(2, 9) e, generate_series(1, 4) f;
INSERT INTO delivered
SELECT DISTINCT ON (e, f, item, location, from_day) e, f, item, location, from_day, from_day + 1 + pg_temp.dice(e, f, n, 4) % 8,
       CASE WHEN d.kind = 'snapshot' OR pg_temp.dice(e, f, n, 5) > 200 THEN 1 + pg_temp.dice(e, f, n, 6) % 4 END,
       CASE WHEN pg_temp.dice(e, f, n, 7) < 900 THEN 'EUR' ELSE 'USD' END, CASE WHEN pg_temp.dice(e, f, n, 8) < 200 THEN 1 ELSE 0 END,
       CASE WHEN d.kind = 'delta' AND e > 7 THEN pg_temp.dice(e, f, n, 9) % 3 END,
       CASE WHEN e IN (5, 9) THEN d.taken_at - pg_temp.dice(e, f, n, 10) % 3 * interval '1 day' END
FROM generate_series(2, 9) e CROSS JOIN generate_series(1, 4) f CROSS JOIN generate_series(1, 12) n
CROSS JOIN LATERAL (SELECT 1 + pg_temp.dice(e, f, n, 1) % 2, 1 + pg_temp.dice(e, f, n, 2) % 2, 3 * (pg_temp.dice(e, f, n, 3) % 5)) k(item, location, from_day)
JOIN delivery d ON d.example = e AND d.feed = f
ORDER BY e, f, item, location, from_day, n;

CREATE TEMP TABLE delivery_order AS
WITH RECURSIVE o AS (
    SELECT d.example, ARRAY[d.feed] AS feeds FROM delivery d
    UNION ALL
    SELECT o.example, o.feeds || d.feed FROM o JOIN delivery d ON d.example = o.example AND d.feed <> ALL (o.feeds)
)
SELECT 1000 + row_number() OVER (ORDER BY o.example, o.feeds)::int AS system_id, o.example, o.feeds
FROM o WHERE cardinality(o.feeds) = (SELECT count(*) FROM delivery d WHERE d.example = o.example);
INSERT INTO merch.system (system_id, name, reports) SELECT system_id, 'order ' || system_id, 'periods' FROM delivery_order;
SELECT example, count(*) AS orders, cardinality(min(feeds)) AS feeds FROM delivery_order GROUP BY example ORDER BY 1;
CREATE FUNCTION pg_temp.day(n int) RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2025-03-01'::timestamptz + n * interval '1 day' $$;
DO $$
DECLARE
    o record;
    f int;
    feed bigint;
BEGIN
    FOR o IN SELECT * FROM delivery_order ORDER BY system_id LOOP
        FOREACH f IN ARRAY o.feeds LOOP
            SELECT merch.open_price_feed('order ' || o.system_id, d.kind, d.taken_at, d.source_version,
                                         (SELECT count(*) FROM delivered l WHERE l.example = o.example AND l.feed = f))
            INTO feed FROM delivery d WHERE d.example = o.example AND d.feed = f;
            INSERT INTO merch.price_feed_line (item_id, location_id, channel_id, valid_from, valid_to, amount, currency, priority, source_version, seen_at)
            SELECT l.item_id, l.location_id, 1, pg_temp.day(l.from_day), pg_temp.day(l.to_day), l.amount, l.currency, l.priority, l.source_version, l.seen_at
            FROM delivered l WHERE l.example = o.example AND l.feed = f ORDER BY l.item_id, l.location_id, l.from_day;
            PERFORM merch.apply_price_feed(feed);
        END LOOP;
    END LOOP;
END
$$;
CREATE TEMP TABLE outcome AS
SELECT o.system_id, o.example, string_agg(format('%s/%s %s-%s %s %s', p.item_id, p.location_id, p.valid_from::date - '2025-03-01', p.valid_to::date - '2025-03-01', trim_scale(p.amount), p.currency),
                               ', ' ORDER BY p.item_id, p.location_id, p.valid_from) AS prices
FROM delivery_order o LEFT JOIN merch.published_price p USING (system_id) GROUP BY 1, 2;
SELECT example, count(*) AS orders, count(DISTINCT prices) AS outcomes, count(*) FILTER (WHERE prices IS NULL) AS empty FROM outcome GROUP BY 1 ORDER BY 1;
SELECT DISTINCT prices FROM outcome WHERE example = 1;
-- what should hold on each day, by the rules alone: of the statements since the last snapshot,
-- the last one about each start; of these, on each day, the one that ranks highest
CREATE TEMP VIEW expected AS
WITH said AS (
    SELECT d.example, d.kind, l.item_id, l.location_id, l.from_day, l.to_day, l.amount, CASE WHEN l.amount IS NOT NULL THEN l.currency END AS currency, l.priority,
           d.source_version AS feed_version, d.taken_at,
           CASE d.kind WHEN 'snapshot' THEN d.source_version ELSE coalesce(l.source_version, d.source_version) END AS version,
           CASE d.kind WHEN 'snapshot' THEN d.taken_at ELSE coalesce(l.seen_at, d.taken_at) END AS at
    FROM delivery d JOIN delivered l USING (example, feed) WHERE l.item_id <> 99
), since AS (
    SELECT DISTINCT ON (example) example, source_version AS version, taken_at AS at FROM delivery WHERE kind = 'snapshot' ORDER BY example, source_version DESC, taken_at DESC
), last AS (
    SELECT DISTINCT ON (s.example, s.item_id, s.location_id, s.from_day) s.*
    FROM said s LEFT JOIN since n USING (example)
    WHERE n.example IS NULL OR (s.version, s.at) >= (n.version, n.at)
    ORDER BY s.example, s.item_id, s.location_id, s.from_day, s.version DESC, s.at DESC, coalesce(s.amount, -1) DESC, s.currency COLLATE "C" DESC, s.to_day DESC, s.priority DESC
)
SELECT DISTINCT ON (l.example, l.item_id, l.location_id, day) l.example, l.item_id, l.location_id, day, l.amount, l.currency
FROM last l, generate_series(l.from_day, l.to_day - 1) day
WHERE l.amount IS NOT NULL
ORDER BY l.example, l.item_id, l.location_id, day, l.priority DESC, l.version DESC, l.at DESC, l.from_day DESC;
CREATE TEMP VIEW found AS
SELECT o.system_id, o.example, p.item_id, p.location_id, day, p.amount, p.currency
FROM delivery_order o JOIN merch.published_price p USING (system_id), generate_series(p.valid_from::date - '2025-03-01', p.valid_to::date - '2025-03-01' - 1) day;
SELECT (SELECT count(*) FROM expected) AS days_expected,
       (SELECT count(*) FROM ((SELECT o.system_id, e.* FROM delivery_order o JOIN expected e USING (example) EXCEPT ALL TABLE found)
                              UNION ALL (TABLE found EXCEPT ALL SELECT o.system_id, e.* FROM delivery_order o JOIN expected e USING (example))) d) AS days_that_differ;
-- published as few rows as can be: none overlaps the next, or touches it with the same price
SELECT count(*) FROM merch.published_price p JOIN merch.published_price q USING (item_id, system_id, location_id, channel_id)
WHERE p.valid_from < q.valid_from AND (p.valid_to > q.valid_from OR (p.valid_to = q.valid_from AND p.amount = q.amount AND p.currency = q.currency));
-- and the digests have followed
SELECT count(*) FROM merch.system s CROSS JOIN LATERAL merch.verify_price_digest(s.name) v;

\echo a feed that stops: given up, reported, and settled by the next
SELECT merch.open_price_feed('erp', 'snapshot', '2024-06-01') AS feed \gset
INSERT INTO merch.price_feed_line (item_id, location_id, channel_id, amount, currency) VALUES (1, 1, 1, 7, 'EUR');
UPDATE merch.price_feed SET opened_at = now() - interval '5 hours 59 minutes' WHERE price_feed_id = :feed;
SELECT merch.tend_price_feeds() AS not_yet;
UPDATE merch.price_feed SET opened_at = now() - interval '6 hours 1 minute' WHERE price_feed_id = :feed;
SELECT merch.tend_price_feeds() AS given_up, merch.tend_price_feeds() AS once;
SELECT state FROM merch.price_feed WHERE price_feed_id = :feed;
SELECT count(*) FROM merch.price_feed_line;
SELECT kind, condition, cause, regexp_replace(detail, 'feed \d+', 'feed N'), role, state FROM merch.exception;
SELECT pg_temp.deliver('erp', 'delta', '2024-06-02', '');
SELECT merch.tend_price_feeds() AS nothing_else;
SELECT kind, condition, state FROM merch.exception;
\echo the job loads again what was kept aside
INSERT INTO merch.item (item_id, name) VALUES (99, 'item 99');
SELECT merch.tend_price_feeds() >= 120 AS of_all;
SELECT amount, count(*) FROM merch.published_price WHERE item_id = 99 GROUP BY 1;
\echo what is old goes, with what was kept aside of it
SET LOCAL merch.history = 0;
UPDATE merch.price_feed SET opened_at = now() - interval '1 minute' WHERE state <> 'open';
SELECT merch.tend_price_feeds() > 1000 AS purged;
SELECT (SELECT count(*) FROM merch.price_feed) AS feeds, (SELECT count(*) FROM merch.price_feed_reject) AS rejects;

\echo who may: integration loads, others do not
SET LOCAL ROLE merch_integration;
SELECT merch.open_price_feed('till', 'snapshot', '2024-07-01', expected_lines => 2) AS feed \gset
INSERT INTO merch.price_feed_line (item_id, location_id, amount, currency) VALUES (1, 1, 1, 'EUR'), (88, 1, 1, 'EUR');
SELECT state, lines, changed, taken_back, rejected FROM merch.apply_price_feed(:feed);
SELECT merch.retry_price_rejects('till');
INSERT INTO merch.item (item_id, name) VALUES (88, 'item 88');
SELECT merch.retry_price_rejects('till');
SELECT split_part(pg_temp.error_of($$SELECT merch.tend_price_feeds()$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_feed (system_id, kind, taken_at, state) VALUES (1, 'delta', now(), 'applied')$$), E'\n', 1);
SET LOCAL ROLE merch_pricing;
SELECT split_part(pg_temp.error_of($$SELECT merch.open_price_feed('till')$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_feed_line (item_id) VALUES (1)$$), E'\n', 1);
SELECT count(*) FROM merch.price_feed;
RESET ROLE;
ROLLBACK;
