-- digests of published prices: the format, kept by whatever is written, compared, verified, mended
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
\pset null -
SET TimeZone = 'UTC';
SET client_min_messages = error;
BEGIN;
SELECT merch.create_model();
SET client_min_messages = warning;
\set VERBOSITY terse

\echo the vectors of docs/price_digest.md
CREATE TEMP TABLE vector (n int, item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz, amount numeric, currency text, hash bytea);
INSERT INTO vector VALUES
    (1, 1, 1, 1, '-infinity', 'infinity', 1.99, 'EUR', '\x809b805db8313fd12835d4688092e969'),
    (2, 1, 1, 1, '2026-03-29 01:00Z', '2026-10-25 01:00Z', 1.99, 'EUR', '\xbb3cab0003de3650f1970d021a0ae833'),
    (3, 9223372036854775807, -1, 2147483647, '1969-12-31 23:59:59.999999Z', '1970-01-01 00:00Z', 0, 'JPY', '\x35b9f96a2e0994aa0781ebb5f1545920'),
    (4, -9223372036854775808, -2147483648, -1, '2000-01-01 00:00Z', 'infinity', 9999999999.9999, 'KWD', '\xe976531e04b6e011d632ec7a61bed2a7'),
    (5, 4711, 64, 2, '-infinity', '2026-12-24 18:30:00.000001Z', 1.2345, 'USD', '\xe661aacd6d598e3359c0726d0f143b7d');
SELECT n, merch.price_hash(item_id, location_id, channel_id, valid_from, valid_to, amount, currency) = hash AS right FROM vector ORDER BY n;
SELECT merch.price_digest(item_id, location_id, channel_id, valid_from, valid_to, amount, currency) FROM vector;
SELECT merch.price_digest(item_id, location_id, channel_id, valid_from, valid_to, amount, currency ORDER BY n DESC) FROM vector;
SELECT merch.sum_digest(hash), merch.sum_digest(hash) FILTER (WHERE n > 1) FROM vector;
SELECT merch.subtract_digest(merch.sum_digest(hash), (SELECT hash FROM vector WHERE n = 1)) FROM vector;
SELECT merch.add_digest(merch.add_digest(hash, hash), hash) FROM vector WHERE n = 1;
\echo what is equal has one hash, whatever the decimals, the time zone and how an amount came about
SELECT count(DISTINCT merch.price_hash(1, 1, 1, t, 'infinity', a, 'EUR'))
FROM unnest('{9.9,9.90,9.9000,9.90000000,9900e-3}'::numeric[] || ARRAY[99 / 10::numeric, 9.9::numeric(14, 4)]) a,
     unnest('{2026-03-29 01:30Z,2026-03-29 03:30+02,2026-03-28 20:30-05}'::timestamptz[]) t;
\echo and everything else another
SELECT count(*), count(DISTINCT merch.price_hash(i, l, c, f, u, a, y))
FROM unnest('{0,1,-1,4294967296}'::bigint[]) i, unnest('{0,1,-1}'::int[]) l, unnest('{0,1,-1}'::int[]) c,
     unnest('{-infinity,2000-01-01,1970-01-01}'::timestamptz[]) f, unnest('{infinity,2100-01-01}'::timestamptz[]) u,
     unnest('{0,1,-1,0.0001,0.0100,0.01,100,9999,10000,10000.0001,99999999.9999,100000000,1e12,922337203685477.5807,-922337203685477.5808}'::numeric[]) a,
     unnest('{EUR,USD}'::text[]) y
WHERE a <> 0.01 OR scale(a) = 2;
\echo no amount, no rows, nulls
SELECT merch.price_hash(1, 1, 1, '-infinity', 'infinity', NULL, 'EUR');
SELECT merch.price_digest(1, 1, 1, '-infinity', 'infinity', NULL, 'EUR');
SELECT merch.price_digest(1, 1, 1, '-infinity', 'infinity', 1, 'EUR') FROM vector WHERE false;
SELECT merch.sum_digest(NULL), merch.add_digest(NULL, hash) FROM vector WHERE n = 1 GROUP BY hash;
SELECT pg_temp.error_of($$SELECT merch.price_hash(NULL, 1, 1, '-infinity', 'infinity', 1, 'EUR')$$);
SELECT pg_temp.error_of($$SELECT merch.price_hash(1, 1, 1, '-infinity', NULL, NULL, 'EUR')$$);
SELECT pg_temp.error_of($$SELECT merch.price_digest(1, 1, 1, '-infinity', 'infinity', 1, NULL)$$);
SELECT pg_temp.error_of(format($$SELECT merch.price_hash(1, 1, 1, '-infinity', 'infinity', %L, 'EUR')$$, a))
FROM unnest('{1.00001,NaN,Infinity,-Infinity,922337203685477.5808,-922337203685477.5809,1e20,1e-5}'::numeric[]) WITH ORDINALITY a(a, n) ORDER BY n;
SELECT pg_temp.error_of(format($$SELECT merch.price_hash(1, 1, 1, '-infinity', 'infinity', 1, %L)$$, c)) FROM unnest('{eur,EURO,EU,"",€}'::text[]) WITH ORDINALITY c(c, n) ORDER BY n;
SELECT pg_temp.error_of($$SELECT merch.add_digest('\x00', '\x00000000000000000000000000000000')$$);
SELECT pg_temp.error_of($$SELECT merch.sum_digest('\x0000000000000000000000000000000000')$$);
\echo blocks of 64 locations
SELECT l, merch.price_block(l) FROM unnest('{-2147483648,-65,-64,-1,0,63,64,2147483647}'::int[]) l ORDER BY l;

\echo systems and their prices
INSERT INTO merch.system (system_id, name, channel_id) VALUES (1, 'till', NULL), (2, 'web', NULL), (3, 'app', 2), (4, 'kiosk', 1);
SELECT system_id, tables FROM merch.price_digest_base ORDER BY system_id;
SELECT merch.find_system('till'), merch.find_system('approved');
SELECT pg_temp.error_of($$SELECT * FROM merch.price_leaves('tills')$$);
SELECT pg_temp.error_of($$SELECT * FROM merch.differing_leaves('till', NULL)$$);
CREATE FUNCTION pg_temp.damaged() RETURNS bigint LANGUAGE sql AS
    $$SELECT count(*) FROM merch.system s CROSS JOIN LATERAL merch.verify_leaves(s.system_id)$$;
CREATE FUNCTION pg_temp.deltas() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM merch.price_digest_delta$$;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
SELECT i, s, l, c, i + l / 100.0, 'EUR'
FROM generate_series(1, 3) i, generate_series(1, 2) s, generate_series(60, 130) l, generate_series(1, 2) c;
\echo one delta for each leaf that a statement touched
SELECT system_id, item_id, channel_id, block, prices FROM merch.price_digest_delta WHERE item_id = 1 ORDER BY 1, 2, 3, 4;
SELECT count(*) FROM merch.price_digest;
SELECT pg_temp.damaged();
\echo leaves are what the aggregate says of the rows
SELECT count(*) FROM (
    SELECT * FROM merch.price_leaves('till')
    EXCEPT
    SELECT item_id, channel_id, location_id >> 6, count(*), merch.price_digest(item_id, location_id, channel_id, valid_from, valid_to, amount, currency)
    FROM merch.published_price WHERE system_id = 1 GROUP BY 1, 2, 3) differing;
\echo and of the parts that parallel workers make of them
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SELECT merch.price_digest(item_id, location_id, channel_id, valid_from, valid_to, amount, currency)
       = (SELECT merch.sum_digest(digest) FROM merch.price_leaves('till')) AS whole,
       max((SELECT count(*) FROM merch.price_leaves('till'))) AS leaves, count(*) AS prices
FROM merch.published_price WHERE system_id = 1;
RESET min_parallel_table_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
SELECT * FROM merch.differing_leaves('till', 'web');
SELECT merch.fold_price_digests();
SELECT pg_temp.deltas(), (SELECT count(*) FROM merch.price_digest);
SELECT merch.fold_price_digests(), pg_temp.damaged();
SELECT * FROM merch.differing_leaves('till', 'web');

\echo every way to change prices
UPDATE merch.published_price SET amount = 9.99 WHERE item_id = 1 AND system_id = 2 AND location_id = 64 AND channel_id = 2;
SELECT * FROM merch.differing_leaves('till', 'web');
SELECT prices, digest = (SELECT merch.subtract_digest(merch.price_hash(1, 64, 2, '-infinity', 'infinity', 9.99, 'EUR'),
                                                      merch.price_hash(1, 64, 2, '-infinity', 'infinity', 1.64, 'EUR'))) AS right
FROM merch.price_digest_delta;
UPDATE merch.published_price SET amount = 1.64 WHERE item_id = 1 AND system_id = 2 AND location_id = 64 AND channel_id = 2;
SELECT count(*) AS back FROM merch.differing_leaves('till', 'web');
SELECT merch.fold_price_digests();
\echo what is not hashed makes no delta
UPDATE merch.published_price SET seen_at = seen_at + interval '1 s', source_version = 5, priority = 3, amount = amount WHERE system_id = 2;
DELETE FROM merch.published_price WHERE false;
SELECT pg_temp.deltas();
\echo an amount taken back and given again
UPDATE merch.published_price SET amount = NULL WHERE item_id = 1 AND system_id = 2 AND location_id = 64;
SELECT d.*, l.prices FROM merch.differing_leaves('till', 'web') d JOIN merch.price_leaves('web') l USING (item_id, channel_id, block) ORDER BY 1, 2, 3;
SELECT pg_temp.damaged();
UPDATE merch.published_price SET currency = 'USD' WHERE amount IS NULL;
SELECT merch.fold_price_digests(), pg_temp.damaged();
UPDATE merch.published_price SET amount = 1.64, currency = 'EUR' WHERE item_id = 1 AND system_id = 2 AND location_id = 64;
SELECT count(*), pg_temp.damaged() FROM merch.differing_leaves('till', 'web');
\echo rows that move to another leaf, item and system, and swap places
UPDATE merch.published_price SET location_id = location_id + 1000 WHERE system_id = 2 AND item_id = 2 AND location_id > 120;
UPDATE merch.published_price SET system_id = 4 WHERE system_id = 2 AND item_id = 3;
UPDATE merch.published_price SET item_id = 7 - item_id, valid_to = '2090-01-01' WHERE system_id = 4;
SELECT pg_temp.damaged(), (SELECT count(*) FROM merch.differing_leaves('till', 'web')), (SELECT count(*) FROM merch.price_leaves('kiosk'));
\echo COPY, ON CONFLICT, MERGE
COPY merch.published_price (item_id, system_id, location_id, channel_id, amount, currency) FROM stdin;
9	2	-1	1	1.5	EUR
9	2	-64	1	1.5	EUR
9	2	-65	1	1.5	EUR
\.
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
VALUES (9, 2, -1, 1, 1.6, 'EUR'), (9, 2, -2, 1, 1.7, 'EUR'), (9, 2, -65, 1, 1.5, 'EUR')
ON CONFLICT (item_id, system_id, location_id, channel_id, valid_from) DO UPDATE SET amount = excluded.amount, seen_at = excluded.seen_at;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency) VALUES (9, 2, -1, 1, 1.8, 'EUR') ON CONFLICT DO NOTHING;
MERGE INTO merch.published_price p
USING (VALUES (-1, 2.1), (-2, NULL), (-3, 2.3), (-64, 0.0)) v(location_id, amount)
ON p.item_id = 9 AND p.system_id = 2 AND p.channel_id = 1 AND p.location_id = v.location_id
WHEN MATCHED AND v.amount = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET amount = v.amount
WHEN NOT MATCHED THEN INSERT (item_id, system_id, location_id, channel_id, amount, currency) VALUES (9, 2, v.location_id, 1, v.amount, 'EUR');
SELECT l.block, l.prices, l.digest = merch.add_digest(merch.price_hash(9, -1, 1, '-infinity', 'infinity', 2.1, 'EUR'), merch.price_hash(9, -3, 1, '-infinity', 'infinity', 2.3, 'EUR')) AS right
FROM merch.price_leaves('web') l WHERE l.item_id = 9 ORDER BY 1;
SELECT pg_temp.damaged();
\echo two statements in one, and what is rolled back
WITH gone AS (DELETE FROM merch.published_price WHERE item_id = 9 AND location_id = -3 RETURNING *)
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency) SELECT 10, system_id, location_id, channel_id, amount, currency FROM gone;
SELECT pg_temp.damaged();
SAVEPOINT s;
DELETE FROM merch.published_price WHERE system_id = 1;
SELECT pg_temp.damaged(), count(*) FROM merch.price_leaves('till');
ROLLBACK TO s;
SELECT pg_temp.damaged(), count(*) FROM merch.price_leaves('till');
\echo leaves that are empty go when deltas are folded
SELECT merch.fold_price_digests() > 0 AS folded, pg_temp.damaged();
DELETE FROM merch.published_price WHERE item_id > 3;
SELECT count(*) FROM merch.price_leaves('kiosk');
SELECT merch.fold_price_digests() > 0 AS folded;
SELECT count(*) FROM merch.price_digest WHERE item_id > 3;
\echo many leaves in little memory
SET LOCAL work_mem = '64kB';
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
SELECT 100 + i, 4, l, 1, l, 'EUR' FROM generate_series(1, 1000) i, unnest('{1,65,2}'::int[]) WITH ORDINALITY l(l, n) ORDER BY n, i;
SELECT pg_temp.deltas() > 2000 AS in_parts, pg_temp.damaged(), count(*) FROM merch.price_leaves('kiosk');
RESET work_mem;
SELECT merch.fold_price_digests();
DELETE FROM merch.published_price WHERE item_id > 100;
SELECT merch.fold_price_digests();
SELECT count(*) FROM merch.price_digest WHERE system_id = 4;

\echo compared: channels that one of them does not show are left out
DELETE FROM merch.published_price WHERE system_id > 1;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
SELECT item_id, s, location_id, channel_id, amount, currency FROM merch.published_price, generate_series(2, 4) s;
DELETE FROM merch.published_price WHERE (system_id, channel_id) IN ((3, 1), (4, 2));
SELECT r, count(d.item_id) FROM unnest('{web,app,kiosk,approved}'::text[]) r LEFT JOIN LATERAL merch.differing_leaves('till', r) d ON true GROUP BY r ORDER BY r;
UPDATE merch.published_price SET amount = 5 WHERE item_id = 2 AND location_id IN (63, 64, 100) AND system_id > 1;
SELECT r, d.* FROM unnest('{web,app,kiosk}'::text[]) r CROSS JOIN LATERAL merch.differing_leaves('till', r) d ORDER BY r, 2, 3, 4;
SELECT count(*) FROM merch.differing_leaves('app', 'kiosk');
SELECT count(*) FROM merch.differing_leaves('web', 'web');
\echo the same folded, partly folded, and counted from the rows
CREATE TEMP TABLE before AS SELECT r, d.* FROM unnest('{web,app,kiosk}'::text[]) r CROSS JOIN LATERAL merch.differing_leaves('till', r) d;
CREATE FUNCTION pg_temp.changed(verify boolean) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM (SELECT r, d.* FROM unnest('{web,app,kiosk}'::text[]) r CROSS JOIN LATERAL merch.differing_leaves('till', r, verify) d) d
    FULL JOIN before b USING (r, item_id, channel_id, block) WHERE d IS NULL OR b IS NULL $$;
SELECT merch.fold_price_digests() > 0 AS folded, pg_temp.changed(false), pg_temp.changed(true);
UPDATE merch.published_price SET amount = amount + 1 WHERE item_id = 1;
SELECT pg_temp.deltas(), pg_temp.changed(false), pg_temp.changed(true);
\echo changes all over, folded and not, by digests as by the rows
CREATE FUNCTION pg_temp.dice(p merch.published_price, throw int) RETURNS int LANGUAGE sql AS $$
    SELECT abs(hashint4(p.item_id::int * 100003 + p.system_id * 10007 + p.location_id * 101 + p.channel_id * 11 + throw) % 100) $$;
UPDATE merch.published_price p SET amount = pg_temp.dice(p, 1) / 10.0, valid_to = CASE WHEN pg_temp.dice(p, 2) < 10 THEN '2090-01-01' ELSE 'infinity' END::timestamptz
WHERE pg_temp.dice(p, 3) < 5;
DELETE FROM merch.published_price p WHERE pg_temp.dice(p, 4) < 2;
SELECT merch.fold_price_digests() > 0 AS folded;
UPDATE merch.published_price p SET amount = pg_temp.dice(p, 5) / 10.0 WHERE pg_temp.dice(p, 6) < 2;
SELECT count(*) FILTER (WHERE d IS NULL) AS unexpected, count(*) FILTER (WHERE o IS NULL) AS missing, count(*) > 10 AS many
FROM (SELECT DISTINCT item_id, channel_id, location_id >> 6 AS block
      FROM ((SELECT item_id, location_id, channel_id, valid_from, valid_to, amount, currency FROM merch.published_price WHERE system_id = 1
             EXCEPT SELECT item_id, location_id, channel_id, valid_from, valid_to, amount, currency FROM merch.published_price WHERE system_id = 2)
            UNION ALL
            (SELECT item_id, location_id, channel_id, valid_from, valid_to, amount, currency FROM merch.published_price WHERE system_id = 2
             EXCEPT SELECT item_id, location_id, channel_id, valid_from, valid_to, amount, currency FROM merch.published_price WHERE system_id = 1)) x) o
FULL JOIN merch.differing_leaves('till', 'web') d USING (item_id, channel_id, block);

\echo damage: found, warned of when asked to look, and mended
SELECT merch.fold_price_digests() >= 0 AS folded, pg_temp.damaged();
CREATE TEMP TABLE right_leaf AS SELECT * FROM merch.price_leaves('web');
UPDATE merch.price_digest SET digest = '\x01000000000000000000000000000000' WHERE system_id = 2 AND item_id = 1 AND channel_id = 1 AND block = 0;
UPDATE merch.price_digest SET prices = prices + 1 WHERE system_id = 2 AND item_id = 1 AND channel_id = 1 AND block = 1;
DELETE FROM merch.price_digest WHERE system_id = 2 AND item_id = 1 AND channel_id = 1 AND block = 2;
INSERT INTO merch.price_digest (system_id, item_id, channel_id, block, prices, digest) VALUES (2, 77, 1, 0, 0, '\x02000000000000000000000000000000');
INSERT INTO merch.price_digest_delta (system_id, item_id, channel_id, block, prices, digest) VALUES (2, 78, 1, 0, -1, '\x00000000000000000000000000000000');
SELECT v.item_id, v.channel_id, v.block, v.kept_prices - v.prices AS prices_more, v.kept_digest = r.digest AS digest_right,
       v.prices = r.prices AND v.digest = r.digest AS is_right
FROM merch.verify_price_digest('web') v LEFT JOIN right_leaf r USING (item_id, channel_id, block) ORDER BY 1, 2, 3;
\echo equal by damaged digests, but not when they are verified
UPDATE merch.price_digest w SET prices = t.prices, digest = t.digest FROM merch.price_digest t
WHERE w.system_id = 2 AND t.system_id = 1 AND (w.item_id, w.channel_id, w.block) = (t.item_id, t.channel_id, t.block) AND w.item_id = 2;
SELECT count(*) FROM merch.differing_leaves('till', 'web') WHERE item_id = 2;
SELECT count(*) > 0 AS differs FROM merch.differing_leaves('till', 'web', true) WHERE item_id = 2;
SELECT merch.rebuild_price_digest('web') >= 5 AS mended;
SELECT count(*) FROM merch.verify_price_digest('web');
SELECT count(*) FROM (SELECT * FROM merch.price_leaves('web') EXCEPT TABLE right_leaf) x;
SELECT count(*) > 0 AS differs FROM merch.differing_leaves('till', 'web') WHERE item_id = 2;
SELECT merch.rebuild_price_digest();
SELECT pg_temp.error_of($$UPDATE merch.price_digest SET digest = '\x00' WHERE system_id = 2$$);
\echo triggers that are off: leaves are counted
ALTER TABLE merch.published_price DISABLE TRIGGER keep_digest_update;
UPDATE merch.published_price SET amount = 7 WHERE system_id = 2 AND item_id = 1 AND location_id = 60;
SELECT merch.digests_are_kept(1), merch.tables_without_digests('{merch.published_price}');
SELECT count(*) FROM (SELECT * FROM merch.price_leaves('web') EXCEPT SELECT * FROM merch.counted_leaves(2)) x;
SELECT count(*) FROM merch.differing_leaves('till', 'web') WHERE item_id = 1 AND block = 0;
ALTER TABLE merch.published_price ENABLE TRIGGER keep_digest_update;
SELECT count(*) FROM merch.verify_price_digest('web');
SELECT merch.rebuild_price_digest('web');
SELECT pg_temp.damaged();
DROP TRIGGER keep_digest_delete ON merch.published_price;
DELETE FROM merch.published_price WHERE system_id = 1 AND item_id = 1;
SELECT merch.digests_are_kept(1);
SELECT merch.rebuild_price_digest('till');
SELECT merch.digests_are_kept(1), pg_temp.damaged();

\echo who writes prices needs no right on digests, and has none
CREATE ROLE merch_test_till;
GRANT USAGE ON SCHEMA merch TO merch_test_till;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON merch.published_price TO merch_test_till;
-- what else follows when prices are emptied
GRANT INSERT ON merch.dirty_promotion, merch.dirty_publication TO merch_test_till;
SET ROLE merch_test_till;
UPDATE merch.published_price SET amount = 8 WHERE system_id = 2 AND item_id = 1 AND location_id = 60;
SELECT pg_temp.error_of($$DELETE FROM merch.price_digest_delta$$);
SELECT pg_temp.error_of($$INSERT INTO merch.price_digest_delta VALUES (1, 1, 1, 1, 1, '\x00000000000000000000000000000000')$$);
SELECT pg_temp.error_of($$UPDATE merch.price_digest SET prices = 0$$);
SELECT split_part(pg_temp.error_of($$SELECT merch.differing_kept_leaves(1, 2, NULL)$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$SELECT merch.rebuild_price_digest()$$), E'\n', 1);
RESET ROLE;
GRANT EXECUTE ON FUNCTION merch.differing_kept_leaves TO merch_test_till;
SET ROLE merch_test_till;
SELECT pg_temp.error_of($$SELECT merch.differing_kept_leaves(1, 2, NULL)$$);
RESET ROLE;
GRANT merch_viewer TO merch_test_till;
SET ROLE merch_test_till;
SELECT count(*) > 0 AS reads FROM merch.differing_leaves('till', 'web');
\echo TRUNCATE leaves no digests
SAVEPOINT s;
TRUNCATE merch.published_price;
RESET ROLE;
SELECT (SELECT count(*) FROM merch.price_digest), pg_temp.deltas(), (SELECT count(*) FROM merch.differing_leaves('till', 'web')), merch.digests_are_kept(1);
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency) VALUES (1, 1, 1, 1, 1, 'EUR');
SELECT pg_temp.damaged(), (SELECT count(*) FROM merch.differing_leaves('till', 'web'));
ROLLBACK TO s;
RESET ROLE;
SELECT pg_temp.damaged(), (SELECT count(*) > 0 FROM merch.price_digest);

\echo systems that come and go
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency) VALUES (1, 50, 1, 1, 1, 'EUR');
INSERT INTO merch.system (system_id, name) VALUES (50, 'early'), (51, 'late');
SELECT merch.digests_are_kept(50), (SELECT prices FROM merch.price_leaves('early'));
DELETE FROM merch.price_digest_delta WHERE system_id = 50;
UPDATE merch.system SET system_id = 52 WHERE system_id = 51;
DELETE FROM merch.system WHERE system_id = 50;
SELECT system_id FROM merch.price_digest_base WHERE system_id >= 50;
INSERT INTO merch.system (system_id, name) VALUES (50, 'again');
SELECT merch.digests_are_kept(50), (SELECT prices FROM merch.price_leaves('again'));
SELECT merch.rebuild_price_digest('again');
SELECT merch.digests_are_kept(50), (SELECT prices FROM merch.price_leaves('again'));
DELETE FROM merch.published_price WHERE system_id = 50;
DELETE FROM merch.system WHERE system_id >= 50;

\echo what the trigger and the writer ask for
CREATE TEMP TABLE other (LIKE merch.published_price INCLUDING DEFAULTS);
CREATE TRIGGER each_row AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION merch.keep_price_digest();
SELECT pg_temp.error_of($$INSERT INTO other (item_id, system_id, location_id, channel_id, amount, currency) VALUES (1, 1, 1, 1, 1, 'EUR')$$);
DROP TRIGGER each_row ON other;
SELECT merch.keep_digests_of('other');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'other'::regclass ORDER BY 1;
SELECT pg_temp.error_of($$INSERT INTO other (item_id, system_id, location_id, channel_id, amount, currency) VALUES (1, 1, 1, 1, 1, 'EUR')$$);
SELECT pg_temp.error_of($$TRUNCATE other$$);
CREATE TRIGGER blind AFTER INSERT OR UPDATE ON merch.published_price FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_price_digest();
SELECT pg_temp.error_of($$INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency) VALUES (1, 1, 1, 1, 1, 'EUR')$$);
SELECT pg_temp.error_of($$UPDATE merch.published_price SET amount = 1 WHERE system_id = 1$$);
DROP TRIGGER blind ON merch.published_price;
SELECT pg_temp.error_of($$SELECT merch.keep_price_digest()$$);
ALTER TABLE merch.published_price RENAME currency TO code;
SELECT pg_temp.error_of($$INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, code) VALUES (1, 1, 1, 1, 1, 'EUR')$$);
ALTER TABLE merch.published_price RENAME code TO currency;
ALTER TABLE merch.price_digest DROP CONSTRAINT price_digest_pkey;
SELECT pg_temp.error_of($$SELECT merch.differing_leaves('till', 'web')$$);
CREATE INDEX delta_index ON merch.price_digest_delta (item_id);
SELECT pg_temp.error_of($$DELETE FROM merch.published_price WHERE system_id = 1 AND item_id = 2$$);
DROP INDEX merch.delta_index;
ROLLBACK;

\echo partitions: a table for each system, and another for the rest
BEGIN;
SET LOCAL client_min_messages = error;
SELECT merch.create_model();
SET LOCAL client_min_messages = warning;
CREATE FUNCTION pg_temp.damaged() RETURNS bigint LANGUAGE sql AS
    $$SELECT count(*) FROM merch.system s CROSS JOIN LATERAL merch.verify_leaves(s.system_id)$$;
CREATE FUNCTION pg_temp.deltas() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM merch.price_digest_delta$$;
INSERT INTO merch.system (system_id, name) VALUES (1, 'till'), (2, 'web'), (7, 'erp');
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
SELECT i, s, l, 1, i + l / 100.0, 'EUR' FROM generate_series(1, 4) i, unnest('{1,2,7}'::int[]) s, generate_series(1, 100) l;
ALTER TABLE merch.published_price RENAME TO old_price;
CREATE TABLE merch.published_price (LIKE merch.old_price INCLUDING ALL) PARTITION BY LIST (system_id);
CREATE TABLE merch.price_rest PARTITION OF merch.published_price DEFAULT;
CREATE TABLE merch.price_till PARTITION OF merch.published_price FOR VALUES IN (1);
CREATE TABLE merch.price_web PARTITION OF merch.published_price FOR VALUES IN (2) PARTITION BY RANGE (item_id);
CREATE TABLE merch.price_web_low PARTITION OF merch.price_web FOR VALUES FROM (MINVALUE) TO (3);
CREATE TABLE merch.price_web_high PARTITION OF merch.price_web FOR VALUES FROM (3) TO (MAXVALUE);
INSERT INTO merch.published_price SELECT * FROM merch.old_price;
DROP TABLE merch.old_price;
SELECT s.name, merch.price_tables(s.system_id), merch.digests_are_kept(s.system_id) FROM merch.system s ORDER BY s.system_id;
SELECT merch.rebuild_price_digest();
SELECT s.name, merch.digests_are_kept(s.system_id), pg_temp.damaged() FROM merch.system s ORDER BY s.system_id;
SELECT c.oid::regclass, count(*) FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid
WHERE t.tgfoid = 'merch.keep_price_digest'::regproc GROUP BY c.oid ORDER BY c.relname;
SELECT count(*) FROM merch.differing_leaves('till', 'web');
\echo writes by the table, by partitions, and from one to another
UPDATE merch.published_price SET amount = 9 WHERE item_id = 1 AND location_id = 5;
UPDATE merch.price_web SET amount = 8 WHERE item_id = 1 AND location_id = 6;
UPDATE merch.price_web_low SET amount = 7 WHERE item_id = 1 AND location_id = 7;
DELETE FROM merch.price_rest WHERE item_id = 1 AND location_id < 10;
UPDATE merch.published_price SET system_id = 1, item_id = item_id + 10 WHERE system_id = 7 AND item_id = 2;
UPDATE merch.price_web SET item_id = 9 WHERE item_id = 2 AND location_id = 1;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency) VALUES (5, 7, 1, 1, 1, 'EUR'), (5, 1, 1, 1, 1, 'EUR');
SELECT pg_temp.damaged(), (SELECT count(*) FROM merch.differing_leaves('till', 'web'));
COPY merch.price_till (item_id, system_id, location_id, channel_id, amount, currency) FROM stdin;
6	1	1	1	1	EUR
\.
SELECT pg_temp.damaged();
\echo a partition that is truncated: the system that has it all is empty, of the other the rest is counted
SELECT merch.fold_price_digests() > 0 AS folded;
TRUNCATE merch.price_till;
SELECT merch.digests_are_kept(1), (SELECT count(*) FROM merch.price_leaves('till')), pg_temp.damaged();
TRUNCATE merch.price_web_high;
SELECT merch.digests_are_kept(2), (SELECT sum(prices) FROM merch.price_leaves('web')), (SELECT count(*) FROM merch.published_price WHERE system_id = 2);
SELECT count(*) FROM merch.differing_leaves('till', 'web');
SELECT merch.rebuild_price_digest('web') > 0 AS mended;
SELECT merch.digests_are_kept(2), pg_temp.damaged();
\echo detached, attached, dropped: by the system that it concerns
ALTER TABLE merch.price_web DETACH PARTITION merch.price_web_low;
SELECT merch.digests_are_kept(1), merch.digests_are_kept(2), merch.digests_are_kept(7);
SELECT (SELECT count(*) FROM merch.price_leaves('web')), (SELECT count(*) FROM merch.verify_price_digest('web')) > 0 AS damaged;
-- what is written to it meanwhile would not be known later
SELECT pg_temp.error_of($$DELETE FROM merch.price_web_low$$);
ALTER TABLE merch.price_web ATTACH PARTITION merch.price_web_low FOR VALUES FROM (MINVALUE) TO (3);
SELECT merch.digests_are_kept(2), pg_temp.damaged();
DROP TABLE merch.price_web_low;
SELECT merch.digests_are_kept(2), (SELECT count(*) FROM merch.price_leaves('web'));
SELECT merch.rebuild_price_digest('web') > 0 AS mended;
SELECT (SELECT count(*) FROM merch.price_leaves('web')), merch.digests_are_kept(2);
CREATE TABLE merch.price_web_low (LIKE merch.published_price INCLUDING ALL);
INSERT INTO merch.price_web_low (item_id, system_id, location_id, channel_id, amount, currency) VALUES (1, 2, 1, 1, 1, 'EUR');
ALTER TABLE merch.price_web ATTACH PARTITION merch.price_web_low FOR VALUES FROM (MINVALUE) TO (3);
SELECT merch.digests_are_kept(2), (SELECT count(*) FROM merch.price_leaves('web'));
SELECT merch.rebuild_price_digest('web');
SELECT merch.digests_are_kept(2), merch.digests_are_kept(1), pg_temp.damaged();
\echo a partition for a system that comes: first its triggers, then the system
CREATE TABLE merch.price_app (LIKE merch.published_price INCLUDING ALL);
SELECT merch.keep_digests_of('merch.price_app');
ALTER TABLE merch.published_price ATTACH PARTITION merch.price_app FOR VALUES IN (3);
INSERT INTO merch.system (system_id, name) VALUES (3, 'app');
SELECT merch.digests_are_kept(3), merch.digests_are_kept(7);
INSERT INTO merch.price_app (item_id, system_id, location_id, channel_id, amount, currency) VALUES (1, 3, 1, 1, 1, 'EUR');
SELECT pg_temp.damaged();
\echo the whole is truncated
TRUNCATE merch.published_price;
SELECT (SELECT count(*) FROM merch.price_digest), pg_temp.deltas(), pg_temp.damaged();
SELECT s.name, merch.digests_are_kept(s.system_id) FROM merch.system s ORDER BY s.system_id;
\echo no partition takes a system
DROP TABLE merch.price_rest;
SELECT merch.price_tables(7), merch.digests_are_kept(7), (SELECT count(*) FROM merch.price_leaves('erp'));
SELECT merch.rebuild_price_digest('erp');
SELECT merch.digests_are_kept(7), pg_temp.damaged();
ROLLBACK;

BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL client_min_messages = error;
SELECT merch.create_model();
SELECT pg_temp.error_of('SELECT merch.rebuild_price_digest()');
ROLLBACK;
