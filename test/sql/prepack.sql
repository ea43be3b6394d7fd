-- merch.solve_prepacks and merch.allocate_prepacks over arrays: no model is needed
-- sizes S M L XL; a pre-pack of 1 2 2 1, one of 0 1 1 0, and single XL
CREATE TEMP TABLE style AS
SELECT '{4,3,2}'::bigint[] AS supply, '{{1,2,2,1},{0,1,1,0},{0,0,0,1}}'::bigint[] AS content,
       '{{1.5,3,3,1},{0.5,2,2.5,2},{2,2,1,0.5}}'::float8[] AS mean;

SELECT a.* FROM style, merch.allocate_prepacks(supply, content, mean, 1.5) a ORDER BY location, prepack;
SELECT quantity, round(expected_value::numeric, 6) AS expected_value, round(bound::numeric, 3) AS bound,
       gap >= 0 AND gap < 0.02 AS close
FROM style, merch.solve_prepacks(supply, content, mean, 1.5);

-- the expected value of a Poisson demand, and with stock there and overstock, in plain SQL
WITH answer AS (
    SELECT s.*, style.content, style.mean, p.position, h
    FROM style,
         (VALUES (0, '{{0,0,0,0},{0,0,0,0},{0,0,0,0}}'::bigint[]), (0.25, '{{1,0,2,0},{0,3,0,0},{1,1,1,-5}}')) p(h, position),
         merch.solve_prepacks(supply, content, mean, on_position => p.position, overstock => h) s
), cell AS (
    SELECT h, expected_value, mean[l][k] AS mean, greatest(position[l][k], 0) AS position,
           (SELECT sum(quantity[l][p] * content[p][k]) FROM generate_series(1, 3) p) AS units
    FROM answer, generate_series(1, 3) l, generate_series(1, 4) k
), unit AS (
    SELECT h, expected_value,
           1 - (SELECT sum(exp(-mean) * mean ^ j::float8 / factorial(j::bigint)::float8) FROM generate_series(0, position + u - 1) j) AS sells
    FROM cell, generate_series(1, units) u
)
SELECT h, count(*) AS units, abs(sum(sells - h * (1 - sells)) - expected_value) < 1e-9 AS same
FROM unit GROUP BY h, expected_value ORDER BY h;

-- a demand of nothing, a supply of nothing, and more than anybody needs
SELECT s.* FROM style, merch.solve_prepacks(supply, content, '{{0,0,0,0}}') s;
SELECT quantity, expected_value, bound, gap FROM style, merch.solve_prepacks('{0,0,0}', content, mean);
SELECT prepack, sum(quantity) FROM style, merch.allocate_prepacks('{9223372036854775807,0,0}', content, mean, 1, NULL, NULL, NULL, 1)
GROUP BY prepack ORDER BY prepack;
SELECT a.* FROM merch.allocate_prepacks('{9223372036854775807}', '{{1048576}}', '{{1000}}') a;

-- single units of two sizes: each is a split of its own
SELECT quantity, gap < 1e-4 AS optimal FROM merch.solve_prepacks('{6,2}', '{{1,0},{0,1}}', '{{4,1},{2,3}}');

-- a maximum of units, null where there is none; the value of a size; dispersion below 1 is a normal demand
SELECT a.* FROM style, merch.allocate_prepacks(supply, content, mean, 1.5, maximum => '{6,NULL,0}') a ORDER BY 1, 2;
SELECT a.* FROM style, merch.allocate_prepacks(supply, content, mean, value => '{0,0,0,10}') a ORDER BY 1, 2;
SELECT a.* FROM style, merch.allocate_prepacks(supply, content, mean, 0.5) a ORDER BY 1, 2;

-- a tie falls to the lower location and to the lower pre-pack
SELECT a.* FROM merch.allocate_prepacks('{1,1}', '{{1,1},{1,1}}', '{{3,3},{3,3},{3,3}}') a ORDER BY 1, 2;

-- many styles in one query, from rows: no more than there is, no more than fits, the same again
CREATE TEMP TABLE demand AS
SELECT style, store, size, (2 + abs(hashint4(style * 100 + store * 7 + size)) % 60 / 10.0)::float8 AS mean
FROM generate_series(1, 20) style, generate_series(1, 1 + style * 2) store, generate_series(1, 5) size;
CREATE TEMP TABLE answer AS
WITH input AS (
    SELECT style, array_agg(means ORDER BY store) AS mean, array_agg(8 + store * 3::bigint ORDER BY store) AS maximum
    FROM (SELECT style, store, array_agg(mean ORDER BY size) AS means FROM demand GROUP BY style, store) d
    GROUP BY style
)
SELECT style, maximum, s.*, s.quantity = again.quantity AS same
FROM input,
     merch.solve_prepacks(ARRAY[style * 3, style * 2], '{{1,2,3,2,1},{0,1,1,1,0}}', mean, 1.8, NULL, NULL, maximum, 0.2) s,
     merch.solve_prepacks(ARRAY[style * 3, style * 2], '{{1,2,3,2,1},{0,1,1,1,0}}', mean, 1.8, NULL, NULL, maximum, 0.2) again;
SELECT count(*) AS styles, bool_and(same) AS same, bool_and(gap >= 0 AND gap < 0.05) AS close, bool_and(expected_value <= bound) AS bounded,
       bool_and((SELECT sum(quantity[l][1]) <= style * 3 AND sum(quantity[l][2]) <= style * 2
                        AND bool_and(9 * quantity[l][1] + 3 * quantity[l][2] <= maximum[l])
                 FROM generate_subscripts(quantity, 1) l)) AS feasible
FROM answer;

-- a size profile, from shares or from units sold
SELECT merch.size_shares(24, '{0.25,0.5,0.25}'), merch.size_shares(8, '{10,20,50,0}'), merch.size_shares(0, '{1,1}'),
       merch.size_shares(NULL, '{1}'), merch.size_shares(1, NULL);

-- bad input
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks(NULL, '{{1}}', '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', NULL, '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1}}', NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1}}', '{{1}}', NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1}}', '{{1}}', overstock => NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{}', '{{1}}', '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{}', '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1}}', '{}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{{1}}', '{{1}}', '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{1}', '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1}}', '{{{1}}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1,2}', '{{1}}', '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2,1}}', '{{1,2}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', value => '{1,2,3}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', on_position => '{{1,2},{3,4}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', maximum => '{1,2}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1,NULL}', '{{1,2},{1,1}}', '{{1,2}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1,1}', '{{1,2},{1,NULL}}', '{{1,2}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2},{1,2},{NULL,2}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', value => '{1,NULL}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', on_position => '{{1,NULL}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1,-3}', '{{1,2},{1,1}}', '{{1,2}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1,3}', '{{1,2},{1,-1}}', '{{1,2}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1,3}', '{{1,2},{0,0}}', '{{1,2}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1,3}', '{{1,2},{1,1048576}}', '{{1,2}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2},{3,NaN}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2},{-0.5,1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,Infinity}}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', 0)$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', 'NaN')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', value => '{1,-1}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', value => '{NaN,1}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', overstock => -1)$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2}}', overstock => 'Infinity')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1}', '{{1,2}}', '{{1,2},{1,1}}', maximum => '{NULL,-4}')$$);
SELECT pg_temp.error_of($$SELECT merch.solve_prepacks('{1000000000000}', '{{1}}', '{{1e12}}')$$);
SELECT pg_temp.error_of($$SELECT merch.size_shares(-1, '{1}')$$);
SELECT pg_temp.error_of($$SELECT merch.size_shares('NaN', '{1}')$$);
SELECT pg_temp.error_of($$SELECT merch.size_shares(1, '{}')$$);
SELECT pg_temp.error_of($$SELECT merch.size_shares(1, '{{1,2}}')$$);
SELECT pg_temp.error_of($$SELECT merch.size_shares(1, '{1,NULL}')$$);
SELECT pg_temp.error_of($$SELECT merch.size_shares(1, '{1,2,-1}')$$);
SELECT pg_temp.error_of($$SELECT merch.size_shares(1, '{0,0}')$$);

-- a long run can be cancelled
CREATE TEMP TABLE large AS
SELECT array_agg(means ORDER BY store) AS mean
FROM (SELECT store, array_agg((1 + abs(hashint4(store * 10 + size)) % 200 / 10.0)::float8 ORDER BY size) AS means
      FROM generate_series(1, 20000) store, generate_series(1, 8) size GROUP BY store) d;
SET statement_timeout = '300ms';
SELECT gap FROM large, merch.solve_prepacks('{100000,100000,100000}', '{{1,1,2,2,2,2,1,1},{0,1,1,1,0,0,0,0},{0,0,0,0,1,1,1,0}}', mean);
RESET statement_timeout;
