-- merch.allocate over anybody's tables: no model is needed
CREATE TEMP TABLE demand (item int, store int, need bigint, floor bigint, cap bigint,
                          pack bigint, tier int, weight float8, here bigint);
INSERT INTO demand VALUES
    (1, 1, 50, 0, NULL, 6, 0, 1, 0),
    (1, 2, 30, 6, NULL, 6, 1, 2, 10),
    (1, 3, 20, 0, 12, 6, 0, 1, 40),
    (2, 1, 5, 0, NULL, 1, 0, 1, 0),
    (2, 2, 5, 0, NULL, 1, 0, 1, 0);
CREATE TEMP TABLE source (item int, qty bigint);
INSERT INTO source VALUES (1, 60), (2, 100);

-- the shape of the README: what nobody needs stays at the source
SELECT item, store, need, merch.allocate(s.qty, d.need, pack => 6) OVER (PARTITION BY item ORDER BY store)
FROM demand d JOIN source s USING (item);

-- every method, with all arguments
SELECT store,
       merch.allocate(60, need, 'proportional', floor, cap, pack, tier, weight, here) OVER w AS proportional,
       merch.allocate(60, need, 'webster', floor, cap, pack, tier, weight, here) OVER w AS webster,
       merch.allocate(60, need, 'cover', floor, cap, pack, tier, weight, here) OVER w AS cover,
       merch.allocate(60, need, 'even', floor, cap, pack, tier, weight, here) OVER w AS even,
       merch.allocate(60, need, 'priority', floor, cap, pack, tier, weight, here) OVER w AS priority
FROM demand WHERE item = 1
WINDOW w AS (ORDER BY store);

-- a need of 7 in packs of 4 gets 8, but not beyond a maximum of 7
SELECT merch.allocate(100, 7, pack => 4) OVER (), merch.allocate(100, 7, pack => 4, maximum => 7) OVER ();

-- minima that exceed the supply are served by tier, then by the window's order
SELECT n, merch.allocate(10, 9, minimum => 4, tier => n % 2) OVER (ORDER BY n) FROM generate_series(1, 4) n;

-- ties fall by the window's order, whatever the order of the rows
SELECT n, merch.allocate(2, 5) OVER (ORDER BY n DESC) FROM generate_series(1, 3) n ORDER BY n;

-- negative need and position count as 0; without weight there is no share
SELECT n, merch.allocate(10, n, 'cover', on_position => -n) OVER (ORDER BY n) FROM generate_series(-1, 2) n;
SELECT merch.allocate(10, 5, weight => 0) OVER () FROM generate_series(1, 2);

-- one row, no row, no supply, no need
SELECT merch.allocate(10, 3) OVER ();
SELECT merch.allocate(10, 3) OVER () FROM generate_series(1, 0);
SELECT merch.allocate(0, 3) OVER (), merch.allocate(3, 0) OVER ();

-- a million rows in one partition, over what work_mem holds
SET work_mem = '1MB';
SELECT count(*), sum(units), min(units), max(units)
FROM (SELECT merch.allocate(2500000, 1 + n % 9, 'webster', weight => 1 + n % 2) OVER (ORDER BY n) AS units
      FROM generate_series(1, 1000000) n) x;
RESET work_mem;

-- method and supply may be columns and parameters
PREPARE split (text, bigint) AS
    SELECT store, merch.allocate($2, need, $1) OVER (ORDER BY store) FROM demand WHERE item = 1;
EXECUTE split ('even', 33);
EXECUTE split ('proportional', 33);
SELECT item, store, merch.allocate(10, need, CASE item WHEN 1 THEN 'even' ELSE 'priority' END)
           OVER (PARTITION BY item ORDER BY store)
FROM demand;

-- partitions that grow and shrink reuse their memory
SELECT part, count(*), sum(units)
FROM (SELECT part, merch.allocate(part, 1, pack => 1) OVER (PARTITION BY part ORDER BY n) AS units
      FROM (VALUES (1), (1000), (3), (500)) p(part), generate_series(1, part) n) x
GROUP BY part ORDER BY part;

-- the same in any row order: all that is unique in the window's order
SELECT count(DISTINCT answer) = 1 AS same
FROM (SELECT round, string_agg(units::text, ',' ORDER BY n) AS answer
      FROM (SELECT round, n, merch.allocate(1000, n % 17, 'cover', tier => n % 3, on_position => n % 5)
                       OVER (PARTITION BY round ORDER BY n) AS units
            FROM generate_series(1, 20) round, generate_series(1, 300) n
            ORDER BY md5(round || '/' || n)) x
      GROUP BY round) y;

-- quantities near 2^63
SELECT merch.allocate(9223372036854775807, 9223372036854775807, m, pack => 7) OVER (PARTITION BY m ORDER BY n)
FROM unnest('{proportional,webster,cover,even,priority}'::text[]) m, generate_series(1, 2) n
ORDER BY m, n;

-- bad input
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SELECT pg_temp.error_of($$SELECT merch.allocate(NULL, 5) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, NULL) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, NULL) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, minimum => NULL) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, pack => NULL) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, weight => NULL) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, nullif(n, 3)) OVER (ORDER BY n) FROM generate_series(1, 4) n$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(-5, 5) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, minimum => -1) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, maximum => 2 - n) OVER (ORDER BY n) FROM generate_series(1, 4) n$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, minimum => 4, maximum => 3) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, pack => 0) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, pack => -6) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, weight => 'NaN') OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, weight => '-Infinity') OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, weight => -0.5) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, 'fair') OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, 'Cover') OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5 + n, 5) OVER (ORDER BY n) FROM generate_series(1, 4) n$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, CASE WHEN n < 3 THEN 'even' ELSE 'cover' END) OVER (ORDER BY n) FROM generate_series(1, 4) n$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 9223372036854775807, 'cover', on_position => 1) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5, 'cover', on_position => 9223372036854775000) OVER () FROM generate_series(1, 2)$$);
SELECT pg_temp.error_of($$SELECT merch.allocate(5, 5)$$);

-- a long run can be cancelled
SET statement_timeout = '300ms';
SELECT sum(units) FROM (SELECT merch.allocate(2500000, n % 9) OVER (ORDER BY n) AS units FROM generate_series(1, 50000000) n) x;
RESET statement_timeout;
