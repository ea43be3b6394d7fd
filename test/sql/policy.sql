-- policies: which settings hold where, and what a policy may not say
BEGIN;
SELECT merch.create_model();
INSERT INTO merch.item_group (item_group_id, parent_id, name) VALUES
    (1, NULL, 'food'), (2, 1, 'drinks'), (3, 2, 'juice'), (9, NULL, 'household');
INSERT INTO merch.location_group (location_group_id, parent_id, name) VALUES
    (1, NULL, 'country'), (2, 1, 'north'), (3, 2, 'city');
INSERT INTO merch.item (item_id, item_group_id, name) VALUES
    (1, 3, 'orange juice'), (2, 2, 'water'), (3, 9, 'soap'), (4, NULL, 'gift');
INSERT INTO merch.location (location_id, location_group_id, kind, name) VALUES
    (1, 3, 'store', 'city'), (2, 2, 'store', 'north'), (3, NULL, 'store', 'elsewhere');
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES
    (1, 'soon', current_date + 10, current_date + 17), (2, 'later', current_date + 40, current_date + 47);
INSERT INTO merch.promotion_item (item_id, promotion_id) SELECT i, p FROM generate_series(1, 4) i, generate_series(1, 2) p;
INSERT INTO merch.promotion_location SELECT p, l FROM generate_series(1, 2) p, generate_series(1, 3) l;
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
\pset format aligned
\pset tuples_only off

-- the model comes with one policy, for all; what it leaves open are the defaults
SELECT num_nulls(promotion_id, item_group_id, location_group_id) AS for_all, method, holdback FROM merch.policy;
SELECT DISTINCT method, distribution, holdback, holdback_units, surplus, demand_source, history_days, fixed_quantity
FROM merch.policy_map('{1}');
SELECT DISTINCT cover_days, minimum_need, maximum_need, threshold, maximum_weeks, pack_level, days_before, change_threshold
FROM merch.policy_map('{1}');

-- The most specific one wins, setting by setting: promotion before item group before location
-- group, and the nearest group of a hierarchy. cover_days says which it was.
-- juice: 3, of its own group, which is nearer than 1 (2) and more than any location group;
-- water: 6 where the pair (2, 2) reaches, which is city and north, else 2 of the group above;
-- soap and gift: the nearest location group: 5 in the city, 4 in the north, 1 elsewhere.
-- The threshold of promotion 1 in the city, 7, is before that of the country, 5.
UPDATE merch.policy SET cover_days = 1, history_days = 14;
INSERT INTO merch.policy (promotion_id, item_group_id, location_group_id, effective, cover_days, threshold, fixed_quantity, method) VALUES
    (NULL, 1, NULL, '(,)', 2, NULL, NULL, 'even'),
    (NULL, 3, NULL, '(,)', 3, NULL, NULL, NULL),
    (NULL, NULL, 1, '(,)', 4, 5, NULL, NULL),
    (NULL, NULL, 3, '(,)', 5, NULL, NULL, NULL),
    (NULL, 2, 2, '(,)', 6, NULL, NULL, NULL),
    (1, NULL, NULL, '(,)', NULL, NULL, 11, NULL),
    (1, NULL, 3, '(,)', NULL, 7, NULL, NULL);
CREATE VIEW pg_temp.settings AS
SELECT m.promotion_id AS promotion, i.name AS item, l.name AS location, m.cover_days, m.threshold, m.fixed_quantity,
       m.history_days, m.method
FROM merch.policy_map('{1, 2}') m
JOIN merch.item i ON coalesce(i.item_group_id, 0) = m.item_group_id
JOIN merch.location l ON coalesce(l.location_group_id, 0) = m.location_group_id
ORDER BY m.promotion_id, i.item_id, l.location_id;
TABLE pg_temp.settings;

-- a policy of a period holds for promotions that begin in it
INSERT INTO merch.policy (item_group_id, effective, cover_days) VALUES
    (9, daterange(NULL, current_date + 20), 8), (9, daterange(current_date + 20, current_date + 40), 9),
    (9, daterange(current_date + 40, current_date + 41), 10);
SELECT promotion, cover_days FROM pg_temp.settings WHERE item = 'soap' AND location = 'elsewhere';

-- the override is before all of them; what it leaves open or null is theirs
SELECT DISTINCT cover_days, threshold, method, fixed_quantity, holdback
FROM merch.policy_map('{1}', '{"cover_days": 0, "holdback": 0.25, "fixed_quantity": null}') ORDER BY threshold, method;
-- without one, that of the promotion's open run
INSERT INTO merch.allocation (allocation_id, promotion_id, method, policy) VALUES (1, 2, 'even', '{"method": "cover"}');
SELECT promotion_id, string_agg(DISTINCT method, ', ') FROM merch.policy_map('{1, 2}') GROUP BY 1 ORDER BY 1;
UPDATE merch.allocation SET state = 'cancelled', cancelled_at = now();
SELECT promotion_id, string_agg(DISTINCT method, ', ') FROM merch.policy_map('{1, 2}') GROUP BY 1 ORDER BY 1;

-- groups that are their own ancestors end the walk; the nearest still wins
SAVEPOINT circle;
UPDATE merch.item_group SET parent_id = 3 WHERE item_group_id = 1;
SELECT * FROM merch.item_group_path() WHERE item_group_id = 3 ORDER BY distance;
SELECT item, location, cover_days FROM pg_temp.settings WHERE promotion = 1 AND item = 'orange juice';
ROLLBACK TO circle;
SELECT * FROM merch.location_group_path() ORDER BY 1, 3;
-- no policy at all: the defaults; no promotion: nothing
SAVEPOINT none;
DELETE FROM merch.policy;
SELECT DISTINCT method, cover_days FROM merch.policy_map('{1}');
ROLLBACK TO none;
SELECT count(*) FROM merch.policy_map('{}');
SELECT count(*) FROM merch.policy_map(NULL);
SELECT count(*) FROM merch.policy_map('{99}');

\pset format unaligned
\pset tuples_only on
-- two that would hold for the same, and what contradicts itself
SELECT statement || E'\n    ' || split_part(pg_temp.error_of('INSERT INTO merch.policy ' || statement), E'\n', 1)
FROM unnest(ARRAY[
    '(method) VALUES (''cover'')',
    '(promotion_id, cover_days) VALUES (1, 3)',
    '(item_group_id, cover_days) VALUES (3, 3)',
    '(item_group_id, location_group_id, cover_days) VALUES (2, 2, 3)',
    '(item_group_id, effective) VALUES (9, daterange(current_date + 15, current_date + 16))',
    '(item_group_id, effective) VALUES (2, ''empty'')',
    '(promotion_id, minimum_need, maximum_need) VALUES (2, 5, 4)',
    '(location_group_id, method) VALUES (2, ''cover'')',
    '(location_group_id, holdback) VALUES (2, 0.5)',
    '(location_group_id, holdback_units) VALUES (2, 5)',
    '(location_group_id, surplus) VALUES (2, ''push'')',
    '(location_group_id, distribution) VALUES (2, ''poisson'')',
    '(item_group_id, days_before) VALUES (2, 1)',
    '(promotion_id) VALUES (99)',
    '(promotion_id, method) VALUES (2, ''fair'')',
    '(promotion_id, distribution) VALUES (2, ''gamma'')',
    '(promotion_id, surplus) VALUES (2, ''burn'')',
    '(promotion_id, demand_source) VALUES (2, ''oracle'')',
    '(promotion_id, pack_level) VALUES (2, ''box'')',
    '(promotion_id, holdback) VALUES (2, 1.1)',
    '(promotion_id, holdback) VALUES (2, -0.1)',
    '(promotion_id, holdback) VALUES (2, ''NaN'')',
    '(promotion_id, holdback) VALUES (2, ''Infinity'')',
    '(promotion_id, maximum_weeks) VALUES (2, ''NaN'')',
    '(promotion_id, maximum_weeks) VALUES (2, -1)',
    '(promotion_id, history_days) VALUES (2, 0)',
    '(promotion_id, holdback_units) VALUES (2, -1)',
    '(promotion_id, fixed_quantity) VALUES (2, -1)',
    '(promotion_id, cover_days) VALUES (2, -1)',
    '(promotion_id, minimum_need) VALUES (2, -1)',
    '(promotion_id, maximum_need) VALUES (2, -1)',
    '(promotion_id, threshold) VALUES (2, -1)',
    '(promotion_id, days_before) VALUES (2, -1)',
    '(promotion_id, change_threshold) VALUES (2, -1)'
]) statement;
-- the same pair for another promotion, another period: no contradiction
SELECT pg_temp.error_of($$INSERT INTO merch.policy (promotion_id, item_group_id, location_group_id, cover_days) VALUES (1, 2, 2, 3)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.policy (item_group_id, effective) VALUES (9, daterange(current_date + 41, NULL))$$);

-- what may be given instead of a row
SELECT merch.check_policy('{"method": "cover", "holdback": 0.1, "cover_days": null}'), merch.check_policy(NULL) IS NULL;
SELECT policy || E'\n    ' || pg_temp.error_of(format('SELECT merch.check_policy(%L)', policy))
FROM unnest(ARRAY[
    '[1]', 'null', '"cover"', '{"methd": "cover"}', '{"promotion_id": 1}', '{"effective": "(,)"}', '{"policy_id": 1}',
    '{"method": "fair"}', '{"holdback": 1.5}', '{"holdback": "NaN"}', '{"maximum_weeks": "NaN"}', '{"cover_days": -1}',
    '{"cover_days": 1.5}', '{"history_days": "many"}', '{"fixed_quantity": 9223372036854775808}',
    '{"minimum_need": 5, "maximum_need": 4}', '{"method": "cover", "holdback_units": -1}'
]) policy;
SELECT pg_temp.error_of($$SELECT * FROM merch.plan_allocation(1, '{"methd": "cover"}')$$);
SELECT pg_temp.error_of($$SELECT * FROM merch.plan_allocation(1, '{"holdback": 2}')$$);
ROLLBACK;
