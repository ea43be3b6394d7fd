-- price diff: exactly what a plain FULL JOIN of all prices finds
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
BEGIN;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = ISO;
SELECT merch.create_model();
INSERT INTO merch.system (system_id, name, reports) VALUES (1, 'erp', 'periods'), (2, 'shop', 'periods'), (3, 'till', 'current');
INSERT INTO merch.system (system_id, name, reports, channel_id) VALUES (4, 'web', 'current', 2), (5, 'labels', 'current', 1);
\set at '\'2090-06-01 12:00+00\''

\echo one difference of each kind; money by hand
INSERT INTO merch.item (item_id, name) SELECT i, 'item ' || i FROM generate_series(1, 9) i;
INSERT INTO merch.location (location_id, kind, name) SELECT l, 'store', 'store ' || l FROM generate_series(1, 200) l;
INSERT INTO merch.forecast (item_id, location_id, day, mean) VALUES (2, 1, '2090-06-01', 12.5), (2, 1, '2090-06-02', 1000), (4, 1, '2090-06-01', 3), (6, 1, '2090-06-01', 0);
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency, valid_from, valid_to, seen_at) VALUES
(1, 1, 1, 1, 9.9, 'EUR', '2090-01-01Z', 'infinity', '2090-01-01Z'), (1, 2, 1, 1, 9.9000, 'EUR', '2090-01-01Z', 'infinity', '2090-01-01Z'),
(2, 1, 1, 1, 5.00, 'EUR', '2090-01-01Z', 'infinity', '2090-01-01Z'), (2, 2, 1, 1, 4.96, 'EUR', '2090-01-01Z', 'infinity', '2090-01-02Z'),
(3, 1, 1, 1, 5.00, 'EUR', '2090-01-01Z', 'infinity', '2090-01-01Z'),
(4, 2, 1, 1, 7.25, 'EUR', '2090-06-01Z', '2090-06-02Z', '2090-01-01Z'),
(5, 1, 1, 1, 5.00, 'EUR', '2090-01-01Z', 'infinity', '2090-01-01Z'), (5, 2, 1, 1, 5.00, 'USD', '2090-01-01Z', 'infinity', '2090-01-02Z'),
(6, 1, 1, 1, 5.00, 'EUR', '2090-05-01Z', 'infinity', '2090-01-01Z'), (6, 2, 1, 1, 6.00, 'EUR', '2090-01-01Z', 'infinity', '2090-04-30 23:59:59.999999Z'),
-- equal at the moment, whatever is before and after
(7, 1, 1, 1, 5.00, 'EUR', '2090-05-01Z', 'infinity', '2090-01-01Z'), (7, 2, 1, 1, 5.00, 'EUR', '2090-06-01 12:00Z', '2090-06-01 12:00:00.000001Z', '2090-01-01Z'),
-- taken back
(8, 1, 1, 1, NULL, 'EUR', '2090-05-01Z', 'infinity', '2090-01-01Z'),
-- ends just then
(9, 1, 1, 1, 5.00, 'EUR', '2090-05-01Z', '2090-06-01 12:00Z', '2090-01-01Z');
SELECT item_id, difference, left_amount, left_currency, right_amount, right_currency, money_at_risk FROM merch.price_diff('erp', 'shop', :at) ORDER BY 1;
SELECT item_id, left_from, left_to, right_from, right_to, right_seen_at FROM merch.price_diff('erp', 'shop', :at) ORDER BY 1;
\echo the same the other way round
SELECT item_id, difference, left_amount, right_amount, money_at_risk FROM merch.price_diff('shop', 'erp', :at) ORDER BY 1;
\echo a tolerance is for amounts; a cent more is too much
SELECT item_id, difference FROM merch.price_diff('erp', 'shop', :at, 0.04) ORDER BY 1;
SELECT item_id, difference FROM merch.price_diff('erp', 'shop', :at, 0.0399) ORDER BY 1;
SELECT item_id, difference FROM merch.price_diff('erp', 'shop', :at, 1e9) ORDER BY 1;
\echo stale no more once the shop sent all of its prices after the change, even if it shows the old one
UPDATE merch.system SET snapshot_at = '2090-05-01Z' WHERE name = 'shop';
SELECT item_id, difference, right_seen_at FROM merch.price_diff('erp', 'shop', :at) WHERE item_id = 6;
UPDATE merch.system SET snapshot_at = NULL;
\echo what starts at the moment holds, what ends does not
SELECT item_id, difference FROM merch.price_diff('erp', 'shop', '2090-06-01 12:00:00.000001Z') ORDER BY 1;
SELECT item_id, difference FROM merch.price_diff('erp', 'shop', '2090-06-01 11:59:59.999999Z') ORDER BY 1;
\echo nothing but itself
SELECT count(*) FROM merch.price_diff('erp', 'erp', :at);
SELECT difference, count(*) FROM merch.price_diff('erp', 'till', :at) GROUP BY 1;

\echo overlapping periods: priority, then version, then seen, then the later start
DELETE FROM merch.published_price;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency, valid_from, valid_to, priority, source_version, seen_at) VALUES
(1, 1, 1, 1, 1, 'EUR', '2090-01-01Z', 'infinity', 1, 0, '2090-01-01Z'), (1, 1, 1, 1, 2, 'EUR', '2090-02-01Z', 'infinity', 0, 9, '2090-01-09Z'), (1, 2, 1, 1, 1, 'EUR', '-infinity', 'infinity', 0, 0, '2090-01-01Z'),
(2, 1, 1, 1, 1, 'EUR', '2090-01-01Z', 'infinity', 0, 2, '2090-01-01Z'), (2, 1, 1, 1, 2, 'EUR', '2090-02-01Z', 'infinity', 0, 1, '2090-01-09Z'), (2, 2, 1, 1, 1, 'EUR', '-infinity', 'infinity', 0, 0, '2090-01-01Z'),
(3, 1, 1, 1, 1, 'EUR', '2090-01-01Z', 'infinity', 0, 0, '2090-01-02Z'), (3, 1, 1, 1, 2, 'EUR', '2090-02-01Z', 'infinity', 0, 0, '2090-01-01Z'), (3, 2, 1, 1, 1, 'EUR', '-infinity', 'infinity', 0, 0, '2090-01-01Z'),
(4, 1, 1, 1, 1, 'EUR', '2090-01-01Z', 'infinity', 0, 0, '2090-01-01Z'), (4, 1, 1, 1, 2, 'EUR', '2090-02-01Z', 'infinity', 0, 0, '2090-01-01Z'), (4, 2, 1, 1, 2, 'EUR', '-infinity', 'infinity', 0, 0, '2090-01-01Z'),
-- what was taken back holds nothing, whatever its priority
(5, 1, 1, 1, 1, 'EUR', '2090-01-01Z', 'infinity', 0, 0, '2090-01-01Z'), (5, 1, 1, 1, NULL, 'EUR', '2090-02-01Z', 'infinity', 9, 9, '2090-01-09Z'), (5, 2, 1, 1, 1, 'EUR', '-infinity', 'infinity', 0, 0, '2090-01-01Z');
SELECT count(*) FROM merch.price_diff('erp', 'shop', :at);
SELECT count(*) FROM merch.price_diff('erp', 'shop', :at, verify := true);
\echo equal rows that the two rank differently: only verify reads equal leaves
UPDATE merch.published_price SET valid_from = '2090-01-01Z' WHERE system_id = 2;
DELETE FROM merch.published_price WHERE item_id > 1;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency, valid_from, priority) VALUES (1, 2, 1, 1, 2, 'EUR', '2090-02-01Z', 7);
SELECT item_id, difference, left_amount, right_amount FROM merch.price_diff('erp', 'shop', :at);
SELECT item_id, difference, left_amount, right_amount FROM merch.price_diff('erp', 'shop', :at, verify := true);

\echo channels: a system that shows one is compared by that one
DELETE FROM merch.published_price;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
SELECT 1, s, l, c, l, 'EUR' FROM generate_series(1, 5) s, generate_series(1, 3) l, generate_series(1, 2) c WHERE s < 4 OR c = CASE s WHEN 4 THEN 2 ELSE 1 END;
UPDATE merch.published_price SET amount = 9 WHERE system_id = 3 AND location_id = 2;
SELECT item_id, location_id, channel_id, difference FROM merch.price_diff('erp', 'web', :at) ORDER BY 1, 2, 3;
SELECT item_id, location_id, channel_id, difference FROM merch.price_diff('till', 'web', :at) ORDER BY 1, 2, 3;
SELECT item_id, location_id, channel_id, difference FROM merch.price_diff('labels', 'till', :at) ORDER BY 1, 2, 3;
SELECT item_id, location_id, channel_id, difference FROM merch.price_diff('labels', 'till', :at, verify := true) ORDER BY 1, 2, 3;
SELECT pg_temp.error_of($$SELECT merch.price_diff('web', 'labels')$$);

\echo what was approved: by period, or what holds now for a system that tells no periods
DELETE FROM merch.published_price;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency, valid_from, valid_to) VALUES
(1, 0, 1, 1, 5, 'EUR', '-infinity', now() - interval '2 days'), (1, 0, 1, 1, 4, 'EUR', now() - interval '2 days', now() + interval '3 days'), (1, 0, 1, 1, 5, 'EUR', now() + interval '3 days', 'infinity'),
(2, 0, 1, 1, 5, 'EUR', '-infinity', 'infinity');
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency, seen_at) VALUES
(1, -1, 1, 1, 4, 'EUR', now()), (2, -1, 1, 1, 5, 'EUR', now()),
(1, 3, 1, 1, 5, 'EUR', now() - interval '9 days'), (2, 3, 1, 1, 5, 'EUR', now() - interval '9 days'), (3, 3, 1, 1, 5, 'EUR', now() - interval '9 days');
SELECT item_id, difference, left_amount, left_from - now() AS "from", left_to - now() AS "to", right_amount, right_from, right_to FROM merch.price_diff('approved', 'till') ORDER BY 1;
SELECT item_id, difference, left_amount, left_from, left_to, right_amount, right_from - now() AS "from", right_to - now() AS "to" FROM merch.price_diff('till', 'approved') ORDER BY 1;
SELECT item_id, difference FROM merch.price_diff('approved', 'till', verify := true) ORDER BY 1;
\echo at another moment by period
SELECT item_id, difference, left_amount, right_amount FROM merch.price_diff('approved', 'till', now() - interval '3 days') ORDER BY 1;
SELECT item_id, difference, left_amount, right_amount FROM merch.price_diff('approved', 'till', now() + interval '1 second') ORDER BY 1;
SELECT item_id, difference, left_amount, right_amount FROM merch.price_diff('approved now', 'till', now() - interval '3 days') ORDER BY 1;
\echo all that was approved and is shown nowhere
SELECT item_id, difference FROM merch.price_diff('approved', 'labels') ORDER BY 1;

\echo an oracle: all prices in force, joined; overlaps, tolerances, several moments, prices taken back, places around 0
DELETE FROM merch.published_price;
CREATE FUNCTION pg_temp.dice(seed int, sides int) RETURNS int LANGUAGE sql IMMUTABLE RETURN (hashint4(seed) & 2147483647) % sides;
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT i, l, '2090-06-01', pg_temp.dice(i * 1000 + l, 80) / 8.0 FROM generate_series(1, 9) i, generate_series(1, 200) l WHERE pg_temp.dice(i + l, 2) = 0 ON CONFLICT DO NOTHING;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency, valid_from, valid_to, priority, source_version, seen_at)
SELECT i, 1, l, 1 + l % 2, CASE WHEN pg_temp.dice(n, 20) > 0 THEN 1 + pg_temp.dice(n + 1, 500) / 100.0 END, CASE pg_temp.dice(n + 2, 30) WHEN 0 THEN 'USD' ELSE 'EUR' END,
       f, f + (1 + pg_temp.dice(n + 3, 60)) * interval '1 day', pg_temp.dice(n + 4, 3), pg_temp.dice(n + 5, 3), timestamptz '2090-05-01Z' + pg_temp.dice(n + 6, 60) * interval '1 day'
FROM generate_series(1, 9) i, generate_series(-140, 200) l, generate_series(0, 2) k,
     LATERAL (SELECT (i * 1000 + l) * 10 + k AS n) x, LATERAL (SELECT timestamptz '2090-05-01Z' + (20 * k + pg_temp.dice(n + 7, 20)) * interval '1 day' AS f) y;
-- some blocks change in one row, some in many, most in none
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency, valid_from, valid_to, priority, source_version, seen_at)
SELECT item_id, 2, location_id, channel_id, amount + CASE WHEN changed AND pg_temp.dice(n, 3) = 0 THEN pg_temp.dice(n + 1, 5) / 100.0 ELSE 0 END,
       CASE WHEN changed AND pg_temp.dice(n + 2, 30) = 0 THEN 'GBP' ELSE currency END,
       valid_from, valid_to + CASE WHEN changed AND pg_temp.dice(n + 3, 3) = 0 THEN pg_temp.dice(n + 4, 9) ELSE 0 END * interval '1 day', priority, source_version, seen_at
FROM (SELECT *, (item_id * 1000 + location_id)::int * 7 + extract(doy FROM valid_from)::int AS n,
             CASE WHEN item_id < 3 THEN true WHEN item_id < 6 THEN pg_temp.dice((item_id * 1000 + location_id)::int, 40) = 0 ELSE false END AS changed
      FROM merch.published_price WHERE system_id = 1) p
WHERE NOT changed OR pg_temp.dice(n + 5, 10) > 0;
CREATE FUNCTION pg_temp.in_force(system int, at timestamptz)
RETURNS TABLE (item_id bigint, location_id int, channel_id int, amount numeric, currency text, valid_from timestamptz, valid_to timestamptz, seen_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT p.item_id, p.location_id, p.channel_id, p.amount, p.currency, p.valid_from, p.valid_to, p.seen_at
    FROM (SELECT *, rank() OVER (PARTITION BY q.item_id, q.location_id, q.channel_id ORDER BY q.priority DESC, q.source_version DESC, q.seen_at DESC, q.valid_from DESC) AS place
          FROM merch.published_price q
          WHERE q.system_id = system AND tstzrange(q.valid_from, q.valid_to) @> at AND q.amount IS NOT NULL) p
    WHERE p.place = 1
$$;
CREATE FUNCTION pg_temp.expected(l int, r int, at timestamptz, tolerance numeric) RETURNS TABLE (
    item_id bigint, location_id int, channel_id int, difference text, left_amount numeric, left_currency text, left_from timestamptz, left_to timestamptz,
    right_amount numeric, right_currency text, right_from timestamptz, right_to timestamptz, right_seen_at timestamptz, money_at_risk numeric)
LANGUAGE sql STABLE AS $$
    SELECT item_id, location_id, channel_id,
           CASE WHEN b.amount IS NULL THEN 'missing' WHEN a.amount IS NULL THEN 'unexpected' WHEN greatest(b.seen_at, b.valid_from) < a.valid_from THEN 'stale'
                WHEN a.currency <> b.currency THEN 'wrong currency' ELSE 'wrong amount' END,
           a.amount, a.currency, a.valid_from, a.valid_to, b.amount, b.currency, b.valid_from, b.valid_to, b.seen_at,
           round(coalesce((SELECT f.mean::numeric FROM merch.forecast f WHERE f.item_id = coalesce(a.item_id, b.item_id) AND f.location_id = coalesce(a.location_id, b.location_id) AND f.day = at::date), 1)
                 * CASE WHEN a.amount IS NULL THEN b.amount WHEN a.currency = b.currency THEN abs(a.amount - b.amount) ELSE a.amount END, 4)
    FROM pg_temp.in_force(l, at) a FULL JOIN pg_temp.in_force(r, at) b USING (item_id, location_id, channel_id)
    WHERE a.amount IS NULL OR b.amount IS NULL OR a.currency <> b.currency OR abs(a.amount - b.amount) > tolerance
$$;
CREATE FUNCTION pg_temp.compare(at timestamptz, tolerance numeric, verify boolean, OUT found bigint, OUT kinds bigint, OUT wrong bigint) LANGUAGE sql AS $$
    WITH d AS (SELECT * FROM merch.price_diff('erp', 'shop', at, tolerance, verify)), e AS (SELECT * FROM pg_temp.expected(1, 2, at, tolerance))
    SELECT (SELECT count(*) FROM d), (SELECT count(DISTINCT difference) FROM d),
           (SELECT count(*) FROM (TABLE d EXCEPT ALL TABLE e) x) + (SELECT count(*) FROM (TABLE e EXCEPT ALL TABLE d) x)
$$;
SELECT at::date, tolerance, verify, c.*
FROM unnest('{2090-04-30,2090-05-15,2090-06-01,2090-06-20,2090-07-31}'::timestamptz[]) at, unnest('{0,0.02}'::numeric[]) tolerance, unnest('{false,true}'::boolean[]) verify,
     pg_temp.compare(at, tolerance, verify) c
ORDER BY 1, 2, 3;
\echo where nearly all leaves differ they are not read one by one
DELETE FROM merch.published_price;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
SELECT i, s, l, 1, s + i % 2, 'EUR' FROM generate_series(1, 1500) i, generate_series(1, 2) s, generate_series(1, 2) l WHERE pg_temp.dice(i * s, 20) > 0;
SELECT * FROM pg_temp.compare(:at, 0, false);
SELECT * FROM pg_temp.compare(:at, 1, false);

\echo digests that somebody damaged: without verify a leaf may pass for equal, with it never
DELETE FROM merch.published_price;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
SELECT i, s, l, 1, CASE WHEN s = 2 AND i = 2 AND l = 70 THEN 9 ELSE 5 END, 'EUR' FROM generate_series(1, 3) i, generate_series(1, 2) s, generate_series(1, 130) l;
SELECT item_id, location_id, difference FROM merch.price_diff('erp', 'shop', :at);
SELECT merch.fold_price_digests() > 0;
UPDATE merch.price_digest r SET digest = l.digest FROM merch.price_digest l
WHERE l.system_id = 1 AND r.system_id = 2 AND (r.item_id, r.channel_id, r.block) = (l.item_id, l.channel_id, l.block);
SELECT item_id, location_id, difference FROM merch.price_diff('erp', 'shop', :at);
SELECT item_id, location_id, difference FROM merch.price_diff('erp', 'shop', :at, verify := true);
SELECT merch.rebuild_price_digest('shop') IS NOT NULL;
SELECT item_id, location_id, difference FROM merch.price_diff('erp', 'shop', :at);

\echo a system elsewhere ships its leaves, and then the prices of those that differ
CREATE TEMP TABLE remote AS SELECT * FROM merch.published_price WHERE system_id = 2;
UPDATE remote SET amount = 7 WHERE item_id = 3 AND location_id IN (1, 128);
DELETE FROM remote WHERE item_id = 1 AND location_id = 64;
CREATE TEMP TABLE remote_leaf AS
SELECT item_id, channel_id, merch.price_block(location_id) AS block, count(*) AS prices,
       merch.price_digest(item_id, location_id, channel_id, valid_from, valid_to, amount, currency) AS digest
FROM remote WHERE amount IS NOT NULL GROUP BY 1, 2, 3;
SELECT key, difference, columns FROM merch.diff($$SELECT * FROM merch.price_leaves('shop')$$, 'TABLE remote_leaf', '{item_id,channel_id,block}');
-- as a feed would
WITH leaf AS (SELECT (key->>'item_id')::bigint AS item_id, (key->>'channel_id')::int AS channel_id, (key->>'block')::int AS block
              FROM merch.diff($$SELECT * FROM merch.price_leaves('shop')$$, 'TABLE remote_leaf', '{item_id,channel_id,block}')),
     shipped AS (SELECT r.* FROM remote r JOIN leaf f ON f.item_id = r.item_id AND f.channel_id = r.channel_id AND f.block = merch.price_block(r.location_id)),
     gone AS (DELETE FROM merch.published_price p USING leaf f
              WHERE p.system_id = 2 AND p.item_id = f.item_id AND p.channel_id = f.channel_id AND merch.price_block(p.location_id) = f.block
                AND NOT EXISTS (SELECT FROM shipped s WHERE s.item_id = p.item_id AND s.location_id = p.location_id AND s.channel_id = p.channel_id) RETURNING 1)
INSERT INTO merch.published_price SELECT * FROM shipped ON CONFLICT (item_id, system_id, location_id, channel_id, valid_from) DO UPDATE SET amount = EXCLUDED.amount;
SELECT count(*) FROM merch.diff('SELECT * FROM merch.published_price WHERE system_id = 2', 'TABLE remote', '{item_id,location_id,channel_id,valid_from}');
SELECT item_id, location_id, difference FROM merch.price_diff('erp', 'shop', :at) ORDER BY 1, 2;

\echo errors
SELECT pg_temp.error_of($$SELECT merch.price_diff('erp', 'pos')$$);
SELECT pg_temp.error_of($$SELECT merch.price_diff(NULL, 'erp')$$);
SELECT pg_temp.error_of($$SELECT merch.price_diff('erp', 'shop', NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.price_diff('erp', 'shop', 'infinity')$$);
SELECT pg_temp.error_of($$SELECT merch.price_diff('erp', 'shop', now(), NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.price_diff('erp', 'shop', now(), -0.01)$$);
SELECT pg_temp.error_of($$SELECT merch.price_diff('erp', 'shop', now(), 'NaN')$$);
\echo who only looks may compare
SET LOCAL ROLE merch_viewer;
SELECT count(*) > 0 FROM merch.price_diff('erp', 'shop');
ROLLBACK;
