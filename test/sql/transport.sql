-- merch.transport: no model is needed

-- two centres, four stores, no lane from the second centre to the last store
SELECT * FROM merch.transport('{60,40}', '{30,30,20,10}', '{{1,4,5,2},{3,2,1,NULL}}');
SELECT merch.transport_prices('{60,40}', '{30,30,20,10}', '{{1,4,5,2},{3,2,1,NULL}}');

-- more is needed than there is: as many units as possible, at the least cost
SELECT * FROM merch.transport('{30,20}', '{30,30,20,10}', '{{1,4,5,2},{3,2,1,NULL}}');

-- with values: the greatest value less cost; what is worth less than its cost stays
SELECT * FROM merch.transport('{30,40}', '{30,30,20,10}', '{{1,4,5,2},{3,2,1,NULL}}', '{9,3,1,1}');
SELECT merch.transport_prices('{30,40}', '{30,30,20,10}', '{{1,4,5,2},{3,2,1,NULL}}', '{9,3,1,1}');

-- a store's first units may be worth more: one sink for each step of the value
SELECT * FROM merch.transport('{15}', '{10,10,10,10}', '{{1,1,2,2}}', '{9,3,8,7}');

-- a negative cost pays for the trip
SELECT * FROM merch.transport('{5}', '{3,3}', '{{-1,2}}', '{0,1}');

-- nothing to ship
SELECT * FROM merch.transport('{}', '{}', '{}');
SELECT * FROM merch.transport('{5}', '{}', '{}');
SELECT * FROM merch.transport('{}', '{5}', '{}', '{1}');
SELECT * FROM merch.transport('{0,0}', '{5}', '{{1},{1}}');
SELECT * FROM merch.transport('{5}', '{5}', '{{NULL}}');
SELECT merch.transport_prices('{}', '{}', '{}'), merch.transport_prices('{5,0}', '{}', '{}');

-- places count from 1 whatever the arrays' bounds; parts of tables as arrays
SELECT * FROM merch.transport('[0:1]={3,4}', '[5:5]={6}', '[7:8][3:3]={{2},{1}}');
CREATE TEMP TABLE centre AS SELECT c AS centre_id, 100 * c AS units FROM generate_series(1::bigint, 3) c;
CREATE TEMP TABLE store AS SELECT s AS store_id, 5 + s % 7 AS units FROM generate_series(1::bigint, 60) s;
CREATE TEMP TABLE lane AS
SELECT centre_id, store_id, nullif(1 + (7 * centre_id + 5 * store_id * centre_id) % 23, 5) AS cost FROM centre, store;

-- the certificate: null says that the flow is optimal
CREATE FUNCTION pg_temp.proof(supply bigint[], need bigint[], cost bigint[], value bigint[])
RETURNS TABLE (shipped numeric, cost numeric, verdict text)
LANGUAGE sql AS $$
    SELECT sum(f.quantity), sum(f.quantity::numeric * $3[f.source][f.sink]),
           coalesce(merch.check_transport($1, $2, $3, array_agg(f.source), array_agg(f.sink), array_agg(f.quantity),
                                          merch.transport_prices($1, $2, $3, $4), $4), 'optimal')
    FROM merch.transport($1, $2, $3, $4) f
$$;
SELECT p.*
FROM (SELECT array_agg(units ORDER BY centre_id) AS supply FROM centre) c,
     (SELECT array_agg(units ORDER BY store_id) AS need, array_agg(40 - 3 * units ORDER BY store_id) AS value FROM store) s,
     (SELECT array_agg(costs ORDER BY centre_id) AS cost
      FROM (SELECT centre_id, array_agg(cost ORDER BY store_id) AS costs FROM lane GROUP BY centre_id) l) l,
     (VALUES (false), (true)) v(valued),
     pg_temp.proof(supply, need, cost, CASE WHEN valued THEN value END) p
ORDER BY valued;

-- the same in random sizes, with quantities near 2^63, and with nothing to ship
SELECT count(*) AS cases, count(DISTINCT shipped) > 100 AS vary, count(*) FILTER (WHERE verdict <> 'optimal') AS wrong
FROM generate_series(1, 300) n,
     LATERAL (SELECT array_agg(abs(hashint8(n * 7 + i)) % 60::bigint) AS supply FROM generate_series(1, 1 + n % 6) i) a,
     LATERAL (SELECT array_agg(abs(hashint8(n * 77 + j)) % 20::bigint) AS need,
                     CASE WHEN n % 2 = 1 THEN array_agg(abs(hashint8(n * 777 + j)) % 90::bigint) END AS value
              FROM generate_series(1, 1 + n % 17) j) b,
     LATERAL (SELECT array_agg(costs) AS cost
              FROM (SELECT array_agg(nullif(abs(hashint8(n * 7777 + i * 100 + j)) % 50::bigint, 3) ORDER BY j) AS costs
                    FROM generate_series(1, 1 + n % 6) i, generate_series(1, 1 + n % 17) j GROUP BY i) x) c,
     pg_temp.proof(supply, need, cost, value);
SELECT * FROM pg_temp.proof('{9223372036854775807,9223372036854775807}', '{9223372036854775807,9223372036854775806}',
                            '{{1,2},{2,5}}', NULL);
SELECT * FROM pg_temp.proof('{0}', '{5}', '{{1}}', NULL);

-- a worse flow, a flow that can't be, and prices that prove nothing
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
CREATE FUNCTION pg_temp.check(source int[], sink int[], quantity bigint[], price bigint[]) RETURNS text
LANGUAGE sql AS $$
    SELECT coalesce(merch.check_transport('{4,2}', '{3,3}', '{{1,NULL},{5,2}}', source, sink, quantity, price, '{10,10}'), 'optimal')
$$;
SELECT pg_temp.check('{1,2}', '{1,2}', '{3,2}', '{0,8}');
SELECT pg_temp.check('{2,1,1}', '{2,1,1}', '{2,1,2}', '{0,8}');
SELECT pg_temp.check('{1,2}', '{1,2}', '{3,-2}', '{0,8}');
SELECT pg_temp.check('{1,1}', '{1,2}', '{3,1}', '{0,8}');
SELECT pg_temp.check('{1,2}', '{1,2}', '{3,3}', '{0,8}');
SELECT pg_temp.check('{1,2}', '{1,2}', '{4,2}', '{0,8}');
SELECT pg_temp.check('{1,2}', '{1,2}', '{3,2}', '{0,-8}');
SELECT pg_temp.check('{1,2}', '{1,2}', '{3,2}', '{1,8}');
SELECT pg_temp.check('{1,2,2}', '{1,1,2}', '{2,1,1}', '{0,8}');
SELECT pg_temp.check('{1,2}', '{1,2}', '{3,2}', '{0,9}');
SELECT pg_temp.check('{1,2}', '{1,2}', '{3,2}', '{0,7}');
SELECT pg_temp.check('{1}', '{1}', '{3}', '{0,0}');
SELECT pg_temp.check(NULL, NULL, NULL, '{0,8}');
SELECT pg_temp.check('{3}', '{1}', '{3}', '{0,8}');
SELECT pg_temp.check('{1}', '{0}', '{3}', '{0,8}');
SELECT pg_temp.check('{1,1}', '{1,1}', '{9223372036854775807,1}', '{0,8}');

-- bad input
SELECT pg_temp.error_of($$SELECT merch.transport(NULL, '{1}', '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1}', NULL, '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1}', '{1}', NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1,NULL}', '{1}', '{{1},{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1}', '{NULL}', '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1}', '{1}', '{{1}}', '{NULL}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{{1}}', '{1}', '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1}', '{1}', '{1}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1}', '{1}', '{}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{}', '{1}', '{{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1,2}', '{1,1,1}', '{{1,2},{3,4},{5,6}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1}', '{1,1}', '{{1,2}}', '{5}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1,-2}', '{1}', '{{1},{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport_prices('{1}', '{1,-7}', '{{1,2}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1}', '{1,1}', '{{1,9223372036854775807}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1}', '{1,1}', '{{NULL,9223372036854775807}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1,1}', '{1,1}', '{{1,2},{-9223372036854775808,NULL}}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1}', '{1}', '{{1}}', '{9223372036854775807}')$$);
SELECT pg_temp.error_of($$SELECT merch.transport('{1,1,1,1}', '{1}', '{{1},{100000000000000000},{1},{1}}')$$);
SELECT pg_temp.error_of($$SELECT merch.check_transport('{1}', '{1}', '{{1}}', '{1}', '{1}', '{1,1}', '{0}')$$);
SELECT pg_temp.error_of($$SELECT merch.check_transport('{1}', '{1}', '{{1}}', '{1}', '{1}', NULL, '{0}')$$);
SELECT pg_temp.error_of($$SELECT merch.check_transport('{1}', '{1}', '{{1}}', '{1}', '{1}', '{NULL}', '{0}')$$);
SELECT pg_temp.error_of($$SELECT merch.check_transport('{1}', '{1}', '{{1}}', '{1}', '{1}', '{1}', NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.check_transport('{1}', '{1}', '{{1}}', '{1}', '{1}', '{1}', '{0,0}')$$);
SELECT pg_temp.error_of($$SELECT merch.check_transport('{1}', '{-1}', '{{1}}', '{1}', '{1}', '{1}', '{0}')$$);

-- a long run can be cancelled
CREATE TEMP TABLE large AS
SELECT supply, need, cost
FROM (SELECT array_agg(100 + i % 7) AS supply FROM generate_series(1::bigint, 200) i) a,
     (SELECT array_agg(100 + j % 5) AS need FROM generate_series(1::bigint, 300) j) b,
     (SELECT array_agg(costs) AS cost
      FROM (SELECT array_agg(abs(hashint8(1000 * i + j)) % 100000::bigint ORDER BY j) AS costs
            FROM generate_series(1, 200) i, generate_series(1, 300) j GROUP BY i) x) c;
SET statement_timeout = '200ms';
SELECT count(*) FROM large, generate_series(1::bigint, 10000) n, merch.transport(supply, need[:299] || n, cost);
RESET statement_timeout;
