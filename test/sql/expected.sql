-- merch.allocate_expected and the certificates, over anybody's tables: no model is needed
CREATE TEMP TABLE demand (item int, store int, mean float8, dispersion float8, margin float8,
                          floor bigint, cap bigint, pack bigint, tier int, here bigint);
INSERT INTO demand VALUES
    (1, 1, 1, 1, 1, 0, NULL, 1, 0, 0),
    (1, 2, 2, 1, 1, 0, NULL, 1, 0, 0),
    (2, 1, 20, 2.5, 1, 0, NULL, 6, 0, 0),
    (2, 2, 20, 1, 2, 0, 12, 6, 1, 0),
    (2, 3, 8, 4, 3, 6, NULL, 6, 0, 5),
    (2, 4, 0, 1, 9, 0, NULL, 6, 0, 0);
CREATE TEMP TABLE source (item int, qty bigint);
INSERT INTO source VALUES (1, 4), (2, 40);

-- Poisson of mean 1: P(D >= k) = 0.632, 0.264; of mean 2: 0.865, 0.594, 0.323, 0.143
SELECT item, store, merch.allocate_expected(s.qty, d.mean) OVER (PARTITION BY item ORDER BY store)
FROM demand d JOIN source s USING (item) WHERE item = 1;

-- all arguments; no unit goes where none is asked for
SELECT store, merch.allocate_expected(40, mean, dispersion, margin, floor, cap, pack, tier, here) OVER (ORDER BY store)
FROM demand WHERE item = 2;

-- an abundant supply stays at the source where it is expected to earn nothing
SELECT merch.allocate_expected(1000000, 20) OVER (), merch.allocate_expected(1000000, 0) OVER (),
       merch.allocate_expected(1000000, 20, maximum => 30) OVER (), merch.allocate_expected(1000000, 0, minimum => 7) OVER ();

-- the answer earns at least what any other one does: every split of 8 units among three
WITH answer AS (
    SELECT array_agg(u ORDER BY n) AS u
    FROM (SELECT n, merch.allocate_expected(8, n * 1.5, 1 + n * 0.5, 4 - n) OVER (ORDER BY n) AS u
          FROM generate_series(1, 3) n) x
), split AS (
    SELECT ARRAY[a, b, 8 - a - b] AS u FROM generate_series(0, 8) a, generate_series(0, 8 - a) b
), earned AS (
    SELECT u, (SELECT sum((4 - n) * merch.expected_sales(n * 1.5, 1 + n * 0.5, u[n])) FROM generate_series(1, 3) n) AS e
    FROM split
)
SELECT answer.u, round(e::numeric, 6) AS earned, e = (SELECT max(e) FROM earned) AS is_best
FROM answer JOIN earned ON earned.u = answer.u::int[];

-- minima that exceed the supply are served by tier, then by the window's order
SELECT n, merch.allocate_expected(10, 9, minimum => 4, tier => n % 2) OVER (ORDER BY n) FROM generate_series(1, 4) n;

-- ties fall by the window's order, whatever the order of the rows
SELECT n, merch.allocate_expected(2, 5) OVER (ORDER BY n DESC) FROM generate_series(1, 3) n ORDER BY n;

-- the distributions differ
SELECT d, merch.allocate_expected(30, 10 * n, 1 + n, distribution => d) OVER (PARTITION BY d ORDER BY n) AS units
FROM unnest('{auto,negative_binomial,poisson,normal}'::text[]) d, generate_series(1, 3) n ORDER BY d, n;

-- in any row order the same
SELECT count(DISTINCT answer) = 1 AS same
FROM (SELECT round, string_agg(units::text, ',' ORDER BY n) AS answer
      FROM (SELECT round, n, merch.allocate_expected(1000, n % 17, 1 + n % 4, tier => n % 3, on_position => n % 5)
                       OVER (PARTITION BY round ORDER BY n) AS units
            FROM generate_series(1, 20) round, generate_series(1, 300) n
            ORDER BY md5(round || '/' || n)) x
      GROUP BY round) y;

-- partitions that grow and shrink reuse their memory; no row, no supply
SELECT part, count(*), sum(units)
FROM (SELECT part, merch.allocate_expected(part, 5) OVER (PARTITION BY part ORDER BY n) AS units
      FROM (VALUES (1), (1000), (3), (500)) p(part), generate_series(1, part) n) x
GROUP BY part ORDER BY part;
SELECT merch.allocate_expected(10, 3) OVER () FROM generate_series(1, 0);
SELECT merch.allocate_expected(0, 3) OVER ();

-- quantities near 2^63
SELECT merch.allocate_expected(9223372036854775807, 1e9, pack => 7) OVER (ORDER BY n) % 7 AS rest FROM generate_series(1, 2) n;
SELECT merch.allocate_expected(9223372036854775807, 5, minimum => 9223372036854775807, on_position => 9223372036854775807) OVER ();

-- single demands: a geometric one has P(D > k) = (2/3)^(k + 1)
SELECT k, round(merch.stockout_probability(2, 3, k)::numeric, 12) AS p, round(((2/3::float8)^(k + 1))::numeric, 12) AS same,
       round(merch.expected_sales(2, 3, k)::numeric, 12) AS sales, round((2 * (1 - (2/3::float8)^k))::numeric, 12) AS same
FROM generate_series(0, 4) k;
SELECT d, round(merch.stockout_probability(20, 1, 25, d)::numeric, 6) AS p, round(merch.expected_sales(20, 1, 25, d)::numeric, 6) AS sales,
       merch.demand_quantile(20, 1, 0.95, d) AS q
FROM unnest('{auto,negative_binomial,poisson,normal}'::text[]) d;
-- the quantile is the least that covers
SELECT bool_and(1 - merch.stockout_probability(m, d, q) >= p) AS covers,
       bool_and(q = 0 OR 1 - merch.stockout_probability(m, d, q - 1) < p) AS least
FROM unnest('{0.1,3,50,2000}'::float8[]) m, unnest('{0.5,1,1.5,8}'::float8[]) d, unnest('{0,0.3,0.9,0.999}'::float8[]) p,
     merch.demand_quantile(m, d, p) q;
SELECT merch.expected_sales(1e7, 1, 10000000) BETWEEN 9998000 AND 10000000 AS large,
       merch.expected_sales(5, 1, -3) AS none, merch.stockout_probability(5, 1, -1) AS certain,
       merch.stockout_probability(5, 1, 9223372036854775807) AS never, merch.expected_sales(NULL, 1, 3) IS NULL AS strict;

-- every answer passes its certificate
SELECT m, count(*), count(merch_check) AS faults
FROM (SELECT m, merch.check_allocation(u, s, need, m, floor, cap, pack, tier, weight, here) OVER w AS merch_check
      FROM (SELECT *, merch.allocate(s, need, m, floor, cap, pack, tier, weight, here) OVER w AS u
            FROM (SELECT m, part, n, (part * 37) % 900 AS s, (n * 7919) % 23 AS need, n % 3 AS floor, 5 + n % 29 AS cap,
                         1 + part % 4 AS pack, n % 3 AS tier, (1 + n % 5)::float8 AS weight, n % 4 AS here
                  FROM unnest('{proportional,webster,cover,even,priority}'::text[]) m, generate_series(1, 40) part,
                       generate_series(1, 50) n) r
            WINDOW w AS (PARTITION BY m, part ORDER BY n)) x
      WINDOW w AS (PARTITION BY m, part ORDER BY n)) y
GROUP BY m ORDER BY m;
SELECT count(*), count(merch_check) AS faults
FROM (SELECT merch.check_expected(u, s, mean, dispersion, value, floor, cap, pack, tier, here) OVER w AS merch_check
      FROM (SELECT *, merch.allocate_expected(s, mean, dispersion, value, floor, cap, pack, tier, here) OVER w AS u
            FROM (SELECT part, n, (part * 37) % 900 AS s, (n * 7919) % 23 AS mean, 0.5 + n % 3 AS dispersion, (1 + n % 7)::float8 AS value,
                         n % 3 AS floor, 5 + n % 29 AS cap, 1 + (part % 4 + CASE WHEN part > 30 THEN n % 3 ELSE 0 END) AS pack, n % 3 AS tier, n % 4 AS here
                  FROM generate_series(1, 40) part, generate_series(1, 50) n) r
            WINDOW w AS (PARTITION BY part ORDER BY n)) x
      WINDOW w AS (PARTITION BY part ORDER BY n)) y;

-- and what is wrong is said in the row that has it: a row of quantities for a case
PREPARE faults (bigint[], bigint, bigint, text, bigint, bigint, bigint) AS
    SELECT n, q, merch.check_allocation(q, $2, 20, $4, minimum => $5, maximum => $6, pack => $7) OVER (ORDER BY n) AS fault
    FROM unnest($1) WITH ORDINALITY u(q, n);
EXECUTE faults ('{12,12}', 20, 20, 'proportional', 0, NULL, 6);
EXECUTE faults ('{7,12}', 20, 20, 'proportional', 0, NULL, 6);
EXECUTE faults ('{12,-6}', 20, 20, 'proportional', 0, NULL, 6);
EXECUTE faults ('{0,18}', 20, 20, 'proportional', 0, 15, 6);
EXECUTE faults ('{18,0}', 20, 20, 'proportional', 6, NULL, 6);
EXECUTE faults ('{6,6}', 20, 20, 'proportional', 0, NULL, 6);
EXECUTE faults ('{6,12}', 20, 20, 'proportional', 0, NULL, 6);
EXECUTE faults ('{12,6}', 20, 20, 'proportional', 0, NULL, 6);
EXECUTE faults ('{9,11}', 20, 20, 'webster', 0, NULL, 1);
EXECUTE faults ('{9,11}', 20, 20, 'even', 0, NULL, 1);
EXECUTE faults ('{9,11}', 20, 20, 'cover', 0, NULL, 1);
EXECUTE faults ('{9,11}', 20, 20, 'priority', 0, NULL, 1);
EXECUTE faults ('{9223372036854775807,9223372036854775807}', 20, 20, 'even', 0, NULL, 1);
EXECUTE faults ('{5,15}', 20, 20, 'even', 15, NULL, 1);

PREPARE expected_faults (bigint[], bigint, bigint, bigint, bigint) AS
    SELECT n, q, merch.check_expected(q, $2, 5 * n, minimum => $3, maximum => $4, pack => $5) OVER (ORDER BY n) AS fault
    FROM unnest($1) WITH ORDINALITY u(q, n);
EXECUTE expected_faults ('{4,8}', 10, 0, NULL, 1);
EXECUTE expected_faults ('{3,7}', 10, 0, NULL, 2);
EXECUTE expected_faults ('{-2,8}', 10, 0, NULL, 2);
EXECUTE expected_faults ('{2,8}', 10, 0, 7, 1);
EXECUTE expected_faults ('{2,8}', 10, 3, NULL, 1);
EXECUTE expected_faults ('{2,7}', 10, 0, NULL, 1);
EXECUTE expected_faults ('{5,5}', 10, 0, NULL, 1);
EXECUTE expected_faults ('{2,8}', 10, 0, NULL, 1);
EXECUTE expected_faults ('{900,100}', 1000, 0, NULL, 1);
EXECUTE expected_faults ('{3,7}', 10, 7, NULL, 1);

-- a certificate may stand in a constraint-like query: rows at fault, none for a sound table
SELECT item, store, fault
FROM (SELECT d.item, d.store, merch.check_expected(9, s.qty, d.mean) OVER (PARTITION BY item ORDER BY store) AS fault
      FROM demand d JOIN source s USING (item)) x
WHERE fault IS NOT NULL;

-- bad input
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(NULL, 5) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, NULL) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, NULL) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, value => NULL) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, distribution => NULL) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(-5, 5) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, -0.5) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 'NaN') OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 1e16) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, 1 - n) OVER (ORDER BY n) FROM generate_series(0, 4) n$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, 'Infinity') OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, 0.5, distribution => 'negative_binomial') OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, value => -1) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, value => 'Infinity') OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, minimum => 4, maximum => 3) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, minimum => -1) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, pack => 0) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, distribution => 'gamma') OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5 + n, 5) OVER (ORDER BY n) FROM generate_series(1, 4) n$$);
SELECT pg_temp.error_of($$SELECT merch.allocate_expected(5, 5, distribution => CASE WHEN n < 3 THEN 'auto' ELSE 'normal' END) OVER (ORDER BY n) FROM generate_series(1, 4) n$$);
SELECT pg_temp.error_of($$SELECT merch.check_expected(NULL, 5, 5) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.check_expected(5, 5, -5) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.check_allocation(NULL, 5, 5) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.check_allocation(5, 5, 5, 'fair') OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.check_allocation(5, 5, 5, pack => -1) OVER ()$$);
SELECT pg_temp.error_of($$SELECT merch.expected_sales(-1, 1, 5)$$);
SELECT pg_temp.error_of($$SELECT merch.stockout_probability(1, 0, 5)$$);
SELECT pg_temp.error_of($$SELECT merch.demand_quantile(1, 1, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.demand_quantile(1, 1, 0.5, 'Poisson')$$);

-- a long run can be cancelled
SET statement_timeout = '300ms';
SELECT sum(units) FROM (SELECT merch.allocate_expected(9000000000000000000, 1e12, 1e4) OVER (ORDER BY n) AS units FROM generate_series(1, 300) n) x;
RESET statement_timeout;
