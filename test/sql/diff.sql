-- diff: what differs between the rows of any two queries
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
BEGIN;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = ISO;
SET LOCAL client_min_messages = warning;
CREATE TEMP TABLE l (id int, shop text, price numeric, note text);
CREATE TEMP TABLE r (LIKE l);
INSERT INTO l VALUES (1, 'A', 9.9, 'same'), (1, 'B', 5, 'price'), (2, 'A', 1, 'both'), (3, 'A', 1, 'left alone'), (4, 'A', NULL, 'both null'), (5, 'A', 1, NULL);
INSERT INTO r VALUES (1, 'A', 9.90, 'same'), (1, 'B', 5.01, 'price'), (2, 'A', 2, 'two'), (4, 'A', NULL, 'both null'), (5, 'A', NULL, 'not null'), (6, 'A', 1, 'right alone');

\echo each kind; 9.9 is 9.90, null is null
SELECT * FROM merch.diff('TABLE l', 'TABLE r', '{id,shop}');
SELECT count(*) FROM merch.diff('TABLE l', 'TABLE l', '{id,shop}');
SELECT count(*) FROM merch.diff('TABLE l', 'SELECT * FROM l ORDER BY random()', '{shop,id}');
\echo nothing to compare with
SELECT difference, count(*) FROM merch.diff('TABLE l', 'SELECT * FROM r WHERE false', '{id,shop}') GROUP BY 1;
SELECT difference, count(*) FROM merch.diff('SELECT * FROM l WHERE false', 'TABLE r', '{id,shop}') GROUP BY 1;
SELECT count(*) FROM merch.diff('SELECT * FROM l LIMIT 0', 'SELECT * FROM r LIMIT 0', '{id,shop}');

\echo all columns keys: rows are there or not
SELECT key, difference FROM merch.diff('SELECT id, price FROM l', 'SELECT id, price FROM r', '{id,price}');
\echo keys that are null are equal, and last
SELECT key, difference, columns FROM merch.diff('VALUES (1, NULL, 1), (NULL, NULL, 2), (NULL, 1, 3), (NULL, 2, 9)', 'VALUES (NULL, 1, 3), (1, NULL, 2), (NULL, NULL, 2), (NULL, 3, 9)', '{column1,column2}');
\echo duplicate keys: all of their rows, none compared
SELECT * FROM merch.diff('VALUES (1, 1), (1, 1), (2, 1), (3, 1), (NULL, 1)', 'VALUES (1, 1), (2, 1), (2, 2), (2, 3), (4, 1), (4, 1), (NULL, 2), (NULL, 1)', '{column1}') ORDER BY key, left_row, right_row;

\echo columns that one side lacks
SELECT * FROM merch.diff('SELECT 1 AS k, 2 AS a, 3 AS b, 4 AS d', 'SELECT 5 AS c, 1 AS k, 2 AS a, 5 AS d', '{k}');
SELECT * FROM merch.diff('SELECT 1 AS k, 2 AS a', 'SELECT 1 AS k', '{k}');

\echo other types of one value
SELECT key, columns FROM merch.diff('SELECT 1::int AS k, 2::smallint AS a, ''x''::varchar AS b, 0.5::float4 AS c, date ''2090-01-01'' AS d, ''x'' AS e, 1.50::numeric(4,2) AS f, true AS g',
    'SELECT 1::bigint AS k, 2.00 AS a, ''x''::text AS b, 0.5::float8 AS c, timestamptz ''2090-01-01Z'' AS d, ''x''::name AS e, 1.5::numeric(6,4) AS f, true AS g', '{k}');
SELECT key, columns FROM merch.diff('SELECT ''a  ''::char(3) AS k, 1 AS v', 'SELECT ''a''::char(1) AS k, 2 AS v', '{k}');
\echo types without equality: json as jsonb, others as written
SELECT key, columns FROM merch.diff($$SELECT 1 AS k, '{"a":1,"b":2.0}'::json AS a, '(1,2)'::point AS b, '<a/>'::xml AS c, '{"{\"a\":1}"}'::json[] AS d$$,
    $$SELECT 1 AS k, '{"b":2,"a":1}'::jsonb AS a, '(1,2)'::point AS b, '<b/>'::xml AS c, '{"{\"a\": 1}"}'::json[] AS d$$, '{k}');
SELECT * FROM merch.diff($$SELECT '{"a":1}'::json AS k, 1 AS v$$, $$SELECT '{"a": 1.0}'::json AS k, 2 AS v$$, '{k}');
\echo numbers that are none, moments that never come, bytes, arrays, ranges, rows
SELECT key, columns FROM merch.diff($$VALUES ('NaN'::float8, '-0'::float8, 'infinity'::timestamptz, '\x00'::bytea, '{1,NULL}'::int[], '[1,3)'::int4range, ROW(1, 'a'::text))$$,
    $$VALUES ('NaN'::float8, '0'::float8, 'infinity'::timestamptz, '\x01'::bytea, '{1,NULL}'::int[], '[1,2]'::int4range, ROW(1, 'b'::text))$$, '{column1,column3}');
SELECT count(*) FROM merch.diff('SELECT * FROM pg_stats', 'SELECT * FROM pg_stats', '{schemaname,tablename,attname,inherited}');
SELECT count(*) FROM merch.diff('SELECT * FROM pg_class', 'SELECT * FROM pg_class', '{oid}');
\echo texts by their bytes, in any collation
CREATE COLLATION pg_temp.by_letter (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT key, difference, columns FROM merch.diff('SELECT ''A'' COLLATE pg_temp.by_letter AS k, 1 AS v', 'SELECT ''a'' AS k, 1 AS v', '{k}');
SELECT key, difference, columns FROM merch.diff('SELECT 1 AS k, ''A'' COLLATE pg_temp.by_letter AS v', 'SELECT 1 AS k, ''a'' COLLATE pg_temp.by_letter AS v', '{k}');
\echo names that need quotes, domains, no name at all
CREATE DOMAIN pg_temp.sku AS text CHECK (VALUE <> '');
SELECT * FROM merch.diff('SELECT ''x''::pg_temp.sku AS "the ""Key""", 1, 2 AS "select"', 'SELECT ''x'' AS "the ""Key""", 3, 2 AS "select"', ARRAY['the "Key"']);

\echo a query as people write it
SELECT key, difference FROM merch.diff('  -- first
WITH a AS (SELECT 1 AS k UNION SELECT 2) SELECT * FROM a ORDER BY k DESC;  ', 'SELECT 1 AS k -- a comment at the end', '{k}');
SELECT key FROM merch.diff('/* one */ VALUES (1) ; /* done */ -- really', '(SELECT 2 AS column1 LIMIT 1)', '{column1}');
\echo it means what it means to the caller
CREATE SCHEMA merch_test_own;
CREATE TABLE merch_test_own.thing AS SELECT 1 AS id;
SET LOCAL search_path = merch_test_own;
SELECT count(*) FROM merch.diff('SELECT id FROM thing', 'SELECT 1 AS id', '{id}');
SET LOCAL search_path = public;
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT id FROM thing', 'SELECT 1 AS id', '{id}')$$);
\echo with the rights of the caller
CREATE ROLE merch_test_reader IN ROLE merch_viewer;
SET LOCAL ROLE merch_test_reader;
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT id FROM merch_test_own.thing', 'SELECT 1 AS id', '{id}')$$);
SELECT count(*) FROM merch.diff('SELECT 1 AS id', 'SELECT 1 AS id', '{id}');
RESET ROLE;

\echo as many rows as come: an oracle in plain SQL
CREATE TEMP TABLE big_l AS SELECT i AS id, i % 7 AS shop, (hashint4(i) % 1000)::numeric / 100 AS price, CASE WHEN hashint4(i + 1) % 3 = 0 THEN 'a' END AS note FROM generate_series(1, 5000) i;
CREATE TEMP TABLE big_r AS
SELECT id, shop, CASE WHEN hashint4(id * 3) % 5 = 0 THEN price + 1 ELSE price END AS price, CASE WHEN hashint4(id * 5) % 4 = 0 THEN NULL ELSE note END AS note
FROM big_l WHERE hashint4(id * 7) % 11 <> 0 UNION ALL SELECT i, 0, 1, 'new' FROM generate_series(6000, 6100) i;
CREATE TEMP TABLE expected AS
SELECT jsonb_build_object('id', id, 'shop', shop) AS key,
       CASE WHEN r.there IS NULL THEN 'missing' WHEN l.there IS NULL THEN 'unexpected' ELSE 'different' END AS difference,
       CASE WHEN l.there AND r.there THEN array_remove(ARRAY[CASE WHEN l.price IS DISTINCT FROM r.price THEN 'price' END, CASE WHEN l.note IS DISTINCT FROM r.note THEN 'note' END], NULL) END AS columns,
       l.told AS left_row, r.told AS right_row
FROM (SELECT *, true AS there, to_jsonb(b) AS told FROM big_l b) l FULL JOIN (SELECT *, true AS there, to_jsonb(b) AS told FROM big_r b) r USING (id, shop)
WHERE (l.price, l.note, l.there) IS DISTINCT FROM (r.price, r.note, r.there);
SELECT difference, count(*) FROM expected GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM (SELECT * FROM expected EXCEPT ALL SELECT * FROM merch.diff('TABLE big_l', 'SELECT * FROM big_r', '{id,shop}')) x;
SELECT count(*) FROM (SELECT * FROM merch.diff('TABLE big_l', 'SELECT * FROM big_r', '{id,shop}') EXCEPT ALL SELECT * FROM expected) x;
\echo mirrored
SELECT difference, count(*) FROM merch.diff('TABLE big_r', 'TABLE big_l', '{id,shop}') GROUP BY 1 ORDER BY 1;
\echo more rows of one key than are fetched at once
SELECT difference, count(*), count(DISTINCT left_row) FROM merch.diff('SELECT 1 AS k, id FROM big_l UNION ALL SELECT 2, 0', 'SELECT 2 AS k, 0 AS id', '{k}') GROUP BY 1;
\echo values that are stored apart
CREATE TEMP TABLE long AS SELECT 1 AS id, string_agg(md5(i::text), '') AS t FROM generate_series(1, 1000) i;
SELECT key, difference, columns, length(right_row->>'t') FROM merch.diff('TABLE long', 'SELECT id, t || 1 AS t FROM long', '{id}');
\echo two in one statement
SELECT a.key, b.difference FROM merch.diff('VALUES (1)', 'VALUES (2)', '{column1}') a JOIN merch.diff('VALUES (2)', 'VALUES (1)', '{column1}') b USING (key) ORDER BY 1;

\echo errors
SELECT pg_temp.error_of($$SELECT merch.diff(NULL, 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('TABLE l', NULL, '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('TABLE l', 'TABLE r', NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.diff('TABLE l', 'TABLE r', '{}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('TABLE l', 'TABLE r', '{NULL}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('TABLE l', 'TABLE r', '{id,shop,id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('TABLE l', 'TABLE r', '{id,branch}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('TABLE l', 'SELECT price FROM r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('TABLE l', 'SELECT FROM r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT id, price AS id FROM l', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('TABLE l', 'SELECT id, shop, note AS price FROM r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT point ''(1,2)'' AS k', 'SELECT point ''(1,2)'' AS k', '{k}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT 1 AS id; SELECT 2 AS id', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT 1 AS id) x; DELETE FROM l; SELECT * FROM (SELECT 1 AS id', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('DELETE FROM l RETURNING *', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('WITH gone AS (DELETE FROM l RETURNING *) TABLE gone', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT * FROM l FOR UPDATE', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT * INTO TEMP x FROM l', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('COPY l TO STDOUT', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('COMMIT', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('EXPLAIN TABLE l', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT $1 AS id', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT FROM WHERE', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('TABLE nowhere', 'TABLE r', '{id}')$$);
SELECT pg_temp.error_of($$SELECT merch.diff('SELECT id, 1 / (id - 3) AS price FROM l', 'TABLE r', '{id}')$$);
SELECT count(*) FROM l;
SELECT count(*) FROM pg_cursors WHERE name LIKE '<unnamed%';
ROLLBACK;
