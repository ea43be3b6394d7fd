-- timelines of prices: what holds of periods that overlap, and where two systems differ
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SET client_min_messages = error;
BEGIN;
SELECT merch.create_model();

\echo what holds: priority, version, when it was seen, when it starts
CREATE TEMP TABLE period (name text, f timestamptz, t timestamptz, amount numeric, currency text, priority int, version bigint, seen timestamptz, reference bigint);
INSERT INTO period VALUES
    ('priority', '2090-01-01', '2090-01-10', 5, 'EUR', 0, 9, '2089-12-09', 1), ('priority', '2090-01-03', '2090-01-05', 4, 'EUR', 1, 0, '2089-12-01', 2),
    ('version', '2090-01-01', '2090-01-10', 5, 'EUR', 0, 2, '2089-12-01', 1), ('version', '2090-01-03', '2090-01-05', 4, 'EUR', 0, 1, '2089-12-09', 2),
    ('seen', '2090-01-01', '2090-01-10', 5, 'EUR', 0, 0, '2089-12-02', 1), ('seen', '2090-01-03', '2090-01-05', 4, 'EUR', 0, 0, '2089-12-01', 2),
    ('start', '2090-01-01', '2090-01-10', 5, 'EUR', 0, 0, '2089-12-01', 1), ('start', '2090-01-03', '2090-01-05', 4, 'EUR', 0, 0, '2089-12-01', 2),
    ('all the same', '2090-01-01', '2090-01-10', 5, 'EUR', 0, 0, '2089-12-01', 1), ('all the same', '2090-01-01', '2090-01-05', 4, 'EUR', 0, 0, '2089-12-01', 2),
    ('outranked and longer', '2090-01-01', '2090-01-05', 5, 'EUR', 1, 0, '2089-12-01', 1), ('outranked and longer', '2090-01-03', 'infinity', 4, 'EUR', 0, 0, '2089-12-01', 2),
    ('joined', '2090-01-01', '2090-01-05', 9.9, 'EUR', 0, 0, '2089-12-01', NULL), ('joined', '2090-01-05', '2090-01-10', 9.90, 'EUR', 1, 3, '2089-12-02', NULL),
    ('not of one reference', '2090-01-01', '2090-01-05', 9.9, 'EUR', 0, 0, '2089-12-01', 1), ('not of one reference', '2090-01-05', '2090-01-10', 9.90, 'EUR', 0, 0, '2089-12-01', 2),
    ('not of one currency', '2090-01-01', '2090-01-05', 9.9, 'EUR', 0, 0, '2089-12-01', NULL), ('not of one currency', '2090-01-05', '2090-01-10', 9.9, 'CHF', 0, 0, '2089-12-01', NULL),
    ('gap', '2090-01-01', '2090-01-05', 5, 'EUR', 0, 0, '2089-12-01', NULL), ('gap', '2090-01-06', '2090-01-10', 5, 'EUR', 0, 0, '2089-12-01', NULL),
    ('no bounds', NULL, NULL, 5, 'EUR', NULL, NULL, NULL, NULL), ('no bounds', '-infinity', '2090-01-05', 4, 'EUR', 0, 0, '-infinity', 1),
    ('taken back', '2090-01-01', '2090-01-10', 5, 'EUR', 0, 0, '2089-12-01', 1), ('taken back', '2090-01-03', '2090-01-05', NULL, 'EUR', 1, 0, '2089-12-01', 2),
    ('no time', '2090-01-05', '2090-01-05', 5, 'EUR', 0, 0, '2089-12-01', 1), ('no time', '2090-01-05', '2090-01-01', 5, 'EUR', 0, 0, '2089-12-01', 1),
    ('negative, large', '2090-01-01', '2090-01-05', -0.0001, 'EUR', 0, 0, '2089-12-01', 1), ('negative, large', '2090-01-05', '2090-01-06', 922337203685477.5807, 'JPY', 0, 0, '2089-12-01', 1);
SELECT name, x.*
FROM (SELECT name, merch.resolve_periods(f, t, amount, currency, priority, version, seen, reference ORDER BY reference) AS p FROM period GROUP BY name) g
LEFT JOIN LATERAL unnest(g.p) x ON true
ORDER BY name, valid_from;
\echo in whatever order they come
SELECT count(*) FILTER (WHERE a <> b) AS differing
FROM (SELECT merch.resolve_periods(f, t, amount, currency, priority, version, seen, reference ORDER BY amount, f, reference) AS a,
             merch.resolve_periods(f, t, amount, currency, priority, version, seen, reference ORDER BY f DESC, amount DESC, reference DESC) AS b
      FROM period GROUP BY name) g;
SELECT merch.resolve_periods(f, t, amount, currency, priority, version, seen, reference) IS NULL AS nothing FROM period WHERE false;
\echo many periods of one price: a week each, and every tenth outranks the ten that follow
SELECT count(*), count(DISTINCT x.amount), min(x.valid_from), max(x.valid_to)
FROM (SELECT merch.resolve_periods(timestamptz '2000-01-01' + i * interval '7 days', timestamptz '2000-01-01' + (i + CASE WHEN i % 10 = 0 THEN 10 ELSE 1 END) * interval '7 days',
                                   i, 'EUR', (i % 10 = 0)::int, 0, NULL, NULL) AS p FROM generate_series(0, 999) i) g, unnest(g.p) x;

\echo what can be no price
SELECT pg_temp.error_of($$SELECT merch.resolve_periods(NULL, NULL, 1.23456, 'EUR', 0, 0, NULL, NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.resolve_periods(NULL, NULL, 'NaN', 'EUR', 0, 0, NULL, NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.resolve_periods(NULL, NULL, 1, NULL, 0, 0, NULL, NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.resolve_periods(NULL, NULL, 1, 'Euro', 0, 0, NULL, NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.compare_timelines(NULL, NULL, NULL, 1, 'EUR', 0, 0, NULL, NULL, NULL, 0, NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.compare_timelines(true, NULL, NULL, 1, 'EUR', 0, 0, NULL, NULL, NULL, -1, NULL)$$);

\echo each kind of difference
INSERT INTO merch.system (system_id, name, reports) VALUES (1, 'erp', 'periods'), (2, 'pos', 'periods'), (3, 'till', 'current'), (4, 'web', 'periods');
CREATE TEMP TABLE example (item_id bigint PRIMARY KEY, what text);
INSERT INTO example VALUES
    (1, 'left alone'), (2, 'right alone'), (3, 'other amount'), (4, 'other currency'), (5, 'from a later day'), (6, 'from an earlier day'),
    (7, 'to an earlier day'), (8, 'to a later day'), (9, 'a gap'), (10, 'a change, late'), (11, 'a change, early'), (12, 'a change, not yet seen'),
    (13, 'a change, not made'), (14, 'a promotion, not made'), (15, 'a cent'), (16, 'in other pieces'), (17, '9.9 and 9.90'), (18, 'settled by priority'),
    (19, 'taken back'), (20, 'an hour late'), (21, 'swapped'), (22, 'for ever'), (23, 'a promotion, a day late and a day long'), (24, 'until a day, past');
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, valid_from, valid_to, amount, currency, priority, seen_at)
SELECT i, s, 1, 1, CASE WHEN f ~ '^\d$' THEN '2090-01-0' || f ELSE f END::timestamptz, CASE WHEN t ~ '^\d$' THEN '2090-01-0' || t ELSE t END::timestamptz, a, c, p, seen::timestamptz
FROM (VALUES
    (1, 1, '1', '9', 5, 'EUR', 0, '2089-12-01'),
    (2, 2, '1', '9', 5, 'EUR', 0, '2089-12-01'),
    (3, 1, '1', '9', 5, 'EUR', 0, '2089-12-01'), (3, 2, '1', '9', 6, 'EUR', 0, '2089-12-01'),
    (4, 1, '1', '9', 5, 'EUR', 0, '2089-12-01'), (4, 2, '1', '9', 5, 'CHF', 0, '2089-12-01'),
    (5, 1, '1', '9', 5, 'EUR', 0, '2089-12-01'), (5, 2, '3', '9', 5, 'EUR', 0, '2089-12-01'),
    (6, 1, '3', '9', 5, 'EUR', 0, '2089-12-01'), (6, 2, '1', '9', 5, 'EUR', 0, '2089-12-01'),
    (7, 1, '1', '9', 5, 'EUR', 0, '2089-12-01'), (7, 2, '1', '8', 5, 'EUR', 0, '2089-12-01'),
    (8, 1, '1', '8', 5, 'EUR', 0, '2089-12-01'), (8, 2, '1', '9', 5, 'EUR', 0, '2089-12-01'),
    (9, 1, '1', '9', 5, 'EUR', 0, '2089-12-01'), (9, 2, '1', '3', 5, 'EUR', 0, '2089-12-01'), (9, 2, '5', '9', 5, 'EUR', 0, '2089-12-01'),
    (10, 1, '1', '5', 5, 'EUR', 0, '2089-12-01'), (10, 1, '5', '9', 6, 'EUR', 0, '2089-12-01'), (10, 2, '1', '7', 5, 'EUR', 0, '2089-12-01'), (10, 2, '7', '9', 6, 'EUR', 0, '2089-12-01'),
    (11, 1, '1', '7', 5, 'EUR', 0, '2089-12-01'), (11, 1, '7', '9', 6, 'EUR', 0, '2089-12-01'), (11, 2, '1', '5', 5, 'EUR', 0, '2089-12-01'), (11, 2, '5', '9', 6, 'EUR', 0, '2089-12-01'),
    (12, 1, '-infinity', '5', 5, 'EUR', 0, '2089-12-01'), (12, 1, '5', 'infinity', 6, 'EUR', 0, '2089-12-01'), (12, 2, '-infinity', 'infinity', 5, 'EUR', 0, '2089-12-01'),
    (13, 1, '-infinity', '5', 5, 'EUR', 0, '2089-12-01'), (13, 1, '5', 'infinity', 6, 'EUR', 0, '2089-12-01'), (13, 2, '-infinity', 'infinity', 5, 'EUR', 0, '2090-01-06'),
    (14, 1, '-infinity', '5', 5, 'EUR', 0, '2089-12-01'), (14, 1, '5', '8', 4, 'EUR', 0, '2089-12-01'), (14, 1, '8', 'infinity', 5, 'EUR', 0, '2089-12-01'), (14, 2, '-infinity', 'infinity', 5, 'EUR', 0, '2089-12-01'),
    (15, 1, '1', '9', 5, 'EUR', 0, '2089-12-01'), (15, 2, '1', '9', 5.01, 'EUR', 0, '2089-12-01'),
    (16, 1, '1', '5', 5, 'EUR', 0, '2089-12-01'), (16, 1, '5', '9', 5, 'EUR', 0, '2089-12-01'), (16, 2, '1', '9', 5, 'EUR', 0, '2089-12-01'),
    (17, 1, '1', '9', 9.9, 'EUR', 0, '2089-12-01'), (17, 2, '1', '9', 9.90, 'EUR', 0, '2089-12-01'),
    (18, 1, '1', '9', 5, 'EUR', 0, '2089-12-01'), (18, 1, '3', '5', 4, 'EUR', 1, '2089-12-01'), (18, 2, '1', '3', 5, 'EUR', 0, '2089-12-01'), (18, 2, '3', '5', 4, 'EUR', 0, '2089-12-01'), (18, 2, '5', '9', 5, 'EUR', 0, '2089-12-01'),
    (19, 1, '1', '9', 5, 'EUR', 0, '2089-12-01'), (19, 2, '1', '9', NULL, 'EUR', 0, '2089-12-02'),
    (20, 1, '1', '9', 5, 'EUR', 0, '2089-12-01'), (20, 2, '2090-01-01 01:00', '9', 5, 'EUR', 0, '2089-12-01'),
    (21, 1, '1', '3', 5, 'EUR', 0, '2089-12-01'), (21, 1, '3', '9', 6, 'EUR', 0, '2089-12-01'), (21, 2, '1', '3', 6, 'EUR', 0, '2089-12-01'), (21, 2, '3', '9', 5, 'EUR', 0, '2089-12-01'),
    (22, 1, '-infinity', 'infinity', 5, 'EUR', 0, '2089-12-01'), (22, 2, '-infinity', 'infinity', 6, 'EUR', 0, '2089-12-01'),
    (23, 1, '-infinity', '3', 5, 'EUR', 0, '2089-12-01'), (23, 1, '3', '6', 4, 'EUR', 0, '2089-12-01'), (23, 1, '6', 'infinity', 5, 'EUR', 0, '2089-12-01'),
    (23, 2, '-infinity', '4', 5, 'EUR', 0, '2089-12-01'), (23, 2, '4', '7', 4, 'EUR', 0, '2089-12-01'), (23, 2, '7', 'infinity', 5, 'EUR', 0, '2089-12-01'),
    (24, 1, '-infinity', '2020-01-01', 5, 'EUR', 0, '2019-12-01')
) v(i, s, f, t, a, c, p, seen);
SELECT e.what, d.difference, d.differs_from, d.differs_to, d.left_amount AS "left", d.left_currency AS lc, d.right_amount AS "right", d.right_currency AS rc, d.money_at_risk
FROM example e LEFT JOIN merch.price_timeline_diff('erp', 'pos') d USING (item_id)
ORDER BY e.item_id, d.differs_from;
\echo with the periods in which both prices hold
SELECT e.what, d.left_from, d.left_to, d.right_from, d.right_to, d.right_seen_at
FROM example e JOIN merch.price_timeline_diff('erp', 'pos') d USING (item_id) WHERE e.item_id IN (1, 2, 9, 10, 12)
ORDER BY e.item_id, d.differs_from;
\echo sides exchanged
SELECT d.difference, r.difference AS exchanged, count(*), bool_and((d.differs_from, d.differs_to) = (r.differs_from, r.differs_to)) AS "same time"
FROM merch.price_timeline_diff('erp', 'pos') d JOIN merch.price_timeline_diff('pos', 'erp') r USING (item_id, differs_from)
GROUP BY 1, 2 ORDER BY 1, 2;
\echo a system with itself
SELECT count(*) FROM merch.price_timeline_diff('pos', 'pos');
\echo tolerance
SELECT e.what FROM example e WHERE e.item_id IN (SELECT item_id FROM merch.price_timeline_diff('erp', 'pos'))
EXCEPT SELECT e.what FROM example e WHERE e.item_id IN (SELECT item_id FROM merch.price_timeline_diff('erp', 'pos', tolerance => 0.01009)) ORDER BY 1;
SELECT e.what, d.difference FROM example e JOIN merch.price_timeline_diff('erp', 'pos', tolerance => 'Infinity') d USING (item_id) ORDER BY e.item_id, d.differs_from;
\echo a period cuts differences, and leaves their kinds
SELECT e.what, d.difference, d.differs_from, d.differs_to FROM example e JOIN merch.price_timeline_diff('erp', 'pos', '[2090-01-02,2090-01-06)') d USING (item_id)
WHERE item_id IN (5, 8, 9, 10, 12, 23) ORDER BY e.item_id, d.differs_from;
SELECT p, count(d.item_id)
FROM unnest('{empty,"[2090-01-04,2090-01-04]","(2090-01-04,2090-01-04 00:00:00.000001]","(2019-12-31,2020-01-01)","[2020-01-01,2020-01-02]","[infinity,)"}'::tstzrange[]) WITH ORDINALITY p(p, o)
LEFT JOIN LATERAL merch.price_timeline_diff('erp', 'pos', p) d ON true GROUP BY p, o ORDER BY o;
\echo when the right system last sent all of its prices
UPDATE merch.system SET snapshot_at = '2090-01-06' WHERE name = 'pos';
SELECT e.what, d.difference, d.right_seen_at FROM example e JOIN merch.price_timeline_diff('erp', 'pos') d USING (item_id) WHERE item_id IN (1, 2, 12, 13) ORDER BY e.item_id;
UPDATE merch.system SET snapshot_at = NULL WHERE name = 'pos';

\echo money at risk: what is expected to sell meanwhile, a unit a day where nobody says
INSERT INTO merch.item (item_id, name) SELECT i, 'item' FROM generate_series(1, 24) i;
INSERT INTO merch.location (location_id, kind, name) VALUES (1, 'store', 'A');
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT i, 1, d::date, 10 FROM unnest('{3,5,12,20}'::int[]) i, generate_series(timestamp '2090-01-02', '2090-02-28', '1 day') d WHERE i <> 3 OR d <> '2090-01-04';
INSERT INTO merch.forecast (item_id, location_id, day, mean) VALUES (24, 1, '2019-12-31', 10), (20, 1, '2090-01-01', 12), (22, 1, '2019-12-31', 1000);
-- 1 + 6 * 10 + 1 days of 1 each; 1 + 10 days of 5; 28 * 10 of 1; 12 / 24 of 5; 27 + 10 of 5; 28 of 1, now
SELECT e.what, d.money_at_risk FROM example e JOIN merch.price_timeline_diff('erp', 'pos') d USING (item_id) WHERE item_id IN (3, 5, 12, 20, 22, 24) ORDER BY e.item_id;
-- of the days asked for: 28 up to 2090-01-06, and all from then on
SELECT d.difference, d.differs_from, d.differs_to, d.money_at_risk
FROM unnest('{"[,2090-01-06)","[2090-01-06,)","[2090-01-05,2090-01-05 12:00)","[2090-01-05,2090-07-01)"}'::tstzrange[]) p, merch.price_timeline_diff('erp', 'pos', p) d WHERE item_id = 12 ORDER BY 2, 3;

\echo days of 23 and of 25 hours
SET LOCAL TimeZone = 'Europe/Berlin';
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, valid_from, valid_to, amount, currency)
VALUES (31, 1, 1, 1, '2020-03-29', '2020-03-30', 1, 'EUR'), (31, 2, 1, 1, '2020-03-29 12:00', '2020-03-30', 1, 'EUR'),
       (32, 1, 1, 1, '2020-10-25', '2020-10-26', 1, 'EUR'), (32, 2, 1, 1, '2020-10-25 02:30+01', '2020-10-26', 1, 'EUR'),
       (33, 1, 1, 1, '2020-10-25', '2020-10-26', 1, 'EUR'), (33, 2, 1, 1, '2020-10-25 02:30+02', '2020-10-26', 1, 'EUR');
INSERT INTO merch.item (item_id, name) SELECT i, 'item' FROM generate_series(31, 33) i;
INSERT INTO merch.forecast (item_id, location_id, day, mean) VALUES (31, 1, '2020-03-29', 23), (32, 1, '2020-10-25', 25), (33, 1, '2020-10-25', 25);
SELECT item_id, difference, differs_from, differs_to, differs_to - differs_from AS hours, money_at_risk FROM merch.price_timeline_diff('erp', 'pos') WHERE item_id > 30 ORDER BY 1;
SELECT merch.day_position('2000-01-01'), merch.day_position('2000-01-02 12:00'), merch.day_position('1999-12-31 18:00'), merch.day_position('294276-12-31 12:00');
SET LOCAL TimeZone = 'UTC';

\echo against what holds at each moment of many timelines, by the diff of moments
DELETE FROM merch.published_price;
-- numbers that look random and are not
CREATE FUNCTION pg_temp.pick(seed int, n int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT (('x' || substr(md5(seed::text), 1, 7))::bit(28)::int) % n $$;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, valid_from, valid_to, amount, currency, priority, source_version, seen_at)
SELECT i, s, 50 + l * 10, 1 + l % 2, f, t, nullif(pg_temp.pick(k + 1, 5), 4) * 0.5, CASE pg_temp.pick(k + 2, 8) WHEN 0 THEN 'CHF' ELSE 'EUR' END,
       pg_temp.pick(k + 3, 2), pg_temp.pick(k + 4, 2), timestamptz '2089-12-01' + pg_temp.pick(k + 5, 3) * interval '1 day'
FROM generate_series(1, 30) i, generate_series(1, 2) s, generate_series(0, 2) l, generate_series(1, 5) p
CROSS JOIN LATERAL (SELECT (((i * 4 + s) * 4 + l) * 8 + p) * 16 AS k) k
CROSS JOIN LATERAL (SELECT pg_temp.pick(k + 6, 11) AS a, pg_temp.pick(k + 7, 11) AS b) d
CROSS JOIN LATERAL (SELECT CASE least(a, b) WHEN 0 THEN '-infinity' ELSE timestamptz '2090-01-01' + least(a, b) * interval '1 day' END AS f,
                           CASE greatest(a, b) WHEN 10 THEN 'infinity' ELSE timestamptz '2090-01-01' + greatest(a, b) * interval '1 day' END AS t) r
WHERE a <> b
ON CONFLICT DO NOTHING;
-- and one more that is nearly the first
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, valid_from, valid_to, amount, currency, priority, source_version, seen_at)
SELECT item_id, 4, location_id, channel_id, valid_from, valid_to, amount + (item_id = 7 AND priority = 1)::int, currency, priority, source_version, seen_at
FROM merch.published_price WHERE system_id = 1 AND (item_id, location_id) <> (11, 60);
CREATE TEMP TABLE found AS
SELECT r.other, r.tolerance, d.* FROM (VALUES ('pos', 0), ('pos', 0.5), ('web', 0)) r(other, tolerance) CROSS JOIN LATERAL merch.price_timeline_diff('erp', r.other, tolerance => r.tolerance) d;
CREATE TEMP TABLE moment AS SELECT timestamptz '2089-12-31 12:00' + i * interval '12 hours' AS at FROM generate_series(0, 24) i;
CREATE TEMP TABLE expected AS
SELECT r.other, r.tolerance, m.at, d.item_id, d.location_id, d.channel_id, d.left_amount, d.left_currency, d.right_amount, d.right_currency
FROM moment m, (VALUES ('pos', 0), ('pos', 0.5), ('web', 0)) r(other, tolerance)
CROSS JOIN LATERAL merch.price_diff('erp', r.other, m.at, r.tolerance, verify => true) d;
CREATE TEMP TABLE told AS
SELECT f.other, f.tolerance, m.at, f.item_id, f.location_id, f.channel_id, f.left_amount, f.left_currency, f.right_amount, f.right_currency
FROM moment m JOIN found f ON m.at >= f.differs_from AND m.at < f.differs_to;
SELECT other, tolerance, count(*) FROM expected GROUP BY 1, 2 ORDER BY 1, 2;
SELECT (SELECT count(*) FROM (TABLE expected EXCEPT TABLE told) x) AS not_told, (SELECT count(*) FROM (TABLE told EXCEPT TABLE expected) x) AS not_expected;
\echo each is as long as can be, and within both of its prices
SELECT count(*) AS differences, count(DISTINCT difference) AS kinds,
       count(*) FILTER (WHERE differs_from >= differs_to) AS empty,
       count(*) FILTER (WHERE differs_from < left_from OR differs_from < right_from OR differs_to > left_to OR differs_to > right_to) AS outside,
       count(*) FILTER (WHERE EXISTS (SELECT FROM found n
                                      WHERE (n.other, n.tolerance, n.item_id, n.location_id, n.differs_from) = (f.other, f.tolerance, f.item_id, f.location_id, f.differs_to)
                                        AND (n.left_amount, n.left_currency, n.right_amount, n.right_currency)
                                            IS NOT DISTINCT FROM (f.left_amount, f.left_currency, f.right_amount, f.right_currency))) AS goes_on
FROM found f;
\echo leaf by leaf and all rows: the same
SELECT other, count(*) FILTER (WHERE tolerance = 0) AS found,
       (SELECT count(*) FROM merch.price_timeline_diff('erp', f.other, verify => true)) AS rows,
       (SELECT count(*) FROM (SELECT * FROM merch.price_timeline_diff('erp', f.other) EXCEPT SELECT * FROM merch.price_timeline_diff('erp', f.other, verify => true)) x) AS differing
FROM found f GROUP BY other ORDER BY other;
\echo a system of one channel
UPDATE merch.system SET channel_id = 2 WHERE name = 'web';
SELECT channel_id, count(*) FROM merch.price_timeline_diff('erp', 'web') GROUP BY 1 ORDER BY 1;
UPDATE merch.system SET channel_id = NULL WHERE name = 'web';

\echo what means nothing
SELECT pg_temp.error_of($$SELECT merch.price_timeline_diff('erp', 'shop')$$);
SELECT pg_temp.error_of($$SELECT merch.price_timeline_diff('erp', 'till')$$);
SELECT pg_temp.error_of($$SELECT merch.price_timeline_diff('approved now', 'pos')$$);
SELECT pg_temp.error_of($$SELECT merch.price_timeline_diff('erp', 'pos', NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.price_timeline_diff('erp', 'pos', tolerance => -0.01)$$);
SELECT pg_temp.error_of($$SELECT merch.price_timeline_diff('erp', 'pos', tolerance => NULL)$$);
SELECT count(*) FROM merch.price_timeline_diff('approved now', 'till');
\echo who may look
SET LOCAL ROLE merch_viewer;
SELECT count(*) FROM merch.price_timeline_diff('erp', 'pos');
SELECT count(*) FROM merch.price_timeline_diff('erp', 'pos', verify => true);
RESET ROLE;
ROLLBACK;
