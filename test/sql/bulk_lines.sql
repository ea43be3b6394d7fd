-- merch.write_lines against merch.plan_lines, which it must equal to the last bit, over
-- promotions that share items, policies of groups, all methods, several lanes, what is on
-- its way, fences, packs, limits; and what it leaves to SQL.
\set VERBOSITY terse
BEGIN;
SELECT merch.create_model();

-- The same number for the same words, below a limit.
CREATE FUNCTION pick(below int, VARIADIC words bigint[]) RETURNS int
LANGUAGE sql IMMUTABLE
RETURN abs(hashtext(words::text) % below);

INSERT INTO merch.item_group (item_group_id, parent_id, name) VALUES (1, NULL, 'all'), (2, 1, 'food'), (3, 1, 'other');
INSERT INTO merch.item (item_id, item_group_id, name, price, cost, inner_pack, case_pack, pallet_pack)
SELECT i, nullif(pick(4, i, 1), 0), 'item ' || i, CASE WHEN i % 5 > 0 THEN 3 + i % 7 END, CASE WHEN i % 6 > 0 THEN 2 + i % 3 END,
       nullif(pick(4, i, 2), 0), nullif(pick(7, i, 3), 0), nullif(pick(20, i, 4), 0)
FROM generate_series(1, 60) i;
INSERT INTO merch.location_group (location_group_id, parent_id, name) VALUES (1, NULL, 'all'), (2, 1, 'north'), (3, 1, 'south');
INSERT INTO merch.location (location_id, kind, name) SELECT l, 'distribution_centre', 'centre ' || l FROM generate_series(1001, 1004) l;
INSERT INTO merch.location (location_id, location_group_id, kind, name, tier, channel_id)
SELECT l, nullif(pick(4, l, 5), 0), 'store', 'store ' || l, l % 3, 1 + (l % 7 = 0)::int FROM generate_series(1, 40) l;
-- one lane, several, and none; and some that leave too late
INSERT INTO merch.lane (location_id, source_id, lead_days, cut_off, unit_cost)
SELECT l, 1001 + s, pick(4, l, s, 6), (ARRAY['00:00', '24:00', NULL])[1 + pick(3, l, s, 7)]::time, pick(3, l, s, 8) / 10.0
FROM generate_series(1, 40) l, generate_series(0, 3) s
WHERE l % 11 > 0 AND (s = 0 OR (l % 4 = 0 AND pick(2, l, s, 9) = 0));
INSERT INTO merch.ranging (item_id, location_id, presentation_minimum, capacity, pack, safety_stock)
SELECT i, l, pick(3, i, l, 10), CASE WHEN pick(3, i, l, 11) > 0 THEN 3 + pick(60, i, l, 12) END, 1 + pick(5, i, l, 13), pick(3, i, l, 14)
FROM generate_series(1, 60) i, generate_series(1, 40) l
WHERE pick(8, i, l, 15) > 0;
INSERT INTO merch.stock (item_id, location_id, on_hand)
SELECT i, l, pick(25, i, l, 16) - 2 FROM generate_series(1, 60) i, generate_series(1, 40) l WHERE pick(5, i, l, 17) > 0
UNION ALL
SELECT i, l, pick(900, i, l, 18) - 20 FROM generate_series(1, 60) i, generate_series(1001, 1004) l WHERE pick(9, i, l, 19) > 0;
INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units)
SELECT i, l, 'transfer', current_date + pick(9, i, l, n, 20), 1 + pick(12, i, l, n, 21)
FROM generate_series(1, 60) i, generate_series(1, 40) l, generate_series(1, 2) n WHERE pick(6, i, l, n, 22) = 0
UNION ALL
SELECT i, l, 'purchase_order', current_date + pick(9, i, l, 23), 1 + pick(300, i, l, 24)
FROM generate_series(1, 60) i, generate_series(1001, 1004) l WHERE pick(3, i, l, 25) = 0;
INSERT INTO merch.ring_fence (item_id, location_id, channel_id, units)
SELECT s.item_id, s.location_id, 2, least(s.on_hand, 20) FROM merch.stock s
WHERE s.location_id > 1000 AND s.on_hand > 0 AND pick(3, s.item_id, s.location_id, 26) = 0;
-- accepted to be moved from one store to another
INSERT INTO merch.transfer (transfer_id, kind, source_id, location_id, ships_on, arrives_on, state)
VALUES (900, 'rebalance', 1, 2, current_date + 1, current_date + 2, 'proposed');
INSERT INTO merch.transfer_line (item_id, transfer_id, units) SELECT s.item_id, 900, 3 FROM merch.stock s WHERE s.location_id = 1 AND s.on_hand > 5;
SELECT merch.accept_transfer(900);
INSERT INTO merch.forecast (item_id, location_id, day, mean, dispersion)
SELECT i, l, current_date + d, pick(50, i, l, d, 27) / 7.0, 0.5 + pick(9, i, l, d, 28) / 3.0
FROM generate_series(1, 60) i, generate_series(1, 40) l, generate_series(0, 14) d
WHERE pick(9, i, l, 29) > 0 AND pick(6, i, l, d, 30) > 0
ORDER BY pick(1000, i, l, d, 31);

INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT p, 'promotion ' || p, current_date - 1 + (p * 5) % 7, current_date + 4 + (p * 5) % 7 FROM generate_series(1, 8) p;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value)
SELECT p, p, (ARRAY['price', 'amount_off', 'percent_off', 'feature'])[1 + p % 4], CASE WHEN p % 4 < 3 THEN 2 END FROM generate_series(1, 8) p;
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id)
SELECT i, p, CASE WHEN pick(3, i, p, 32) > 0 THEN p END FROM generate_series(1, 60) i, generate_series(1, 8) p WHERE pick(3, i, p, 33) = 0;
INSERT INTO merch.promotion_location
SELECT p, l FROM generate_series(1, 8) p, generate_series(1, 40) l
WHERE pick(3, p, l, 34) > 0;

INSERT INTO merch.policy (promotion_id, method, distribution, holdback, holdback_units, surplus, cover_days, threshold, pack_level, change_threshold)
SELECT p, (ARRAY['proportional', 'webster', 'cover', 'even', 'priority', 'expected_sales'])[1 + p % 6],
       (ARRAY['auto', 'negative_binomial', 'poisson', 'normal'])[1 + p % 4], nullif(p % 3, 0) / 7.0, nullif(p % 4, 0),
       (ARRAY['keep', 'push'])[1 + p % 2], p % 3, p % 4, (ARRAY['each', 'inner', 'case', 'pallet', NULL])[1 + p % 5], p % 2
FROM generate_series(1, 8) p;
INSERT INTO merch.policy (promotion_id, item_group_id, location_group_id, minimum_need, maximum_need, maximum_weeks, threshold, cover_days)
VALUES (1, 2, 2, 2, 20, NULL, 3, 1), (2, NULL, 3, NULL, 12, 0.5, NULL, 4), (NULL, 3, NULL, 1, NULL, 1, NULL, NULL), (NULL, NULL, 1, 0, 25, NULL, 2, 2);
INSERT INTO merch.policy (promotion_id, location_group_id, days_before) VALUES (5, 2, 2);
INSERT INTO merch.policy (promotion_id, item_group_id, method, holdback, pack_level) VALUES (3, 1, 'priority', 0.25, 'case'), (4, 2, 'expected_sales', 0.05, NULL);
SELECT count(*) AS runs FROM generate_series(1, 8) p, merch.open_run(p, CASE p WHEN 6 THEN '{"holdback": 0.123456}'::jsonb END, 'active');

ANALYZE;

-- as merch.insert_lines does
SET enable_nestloop = off;
SET enable_mergejoin = off;
CREATE TEMP TABLE planned AS
SELECT item_id, allocation_id, location_id, source_id, ships_on, gross_need, safety_stock, presentation_minimum, on_hand, incoming, promised,
       capacity, pack, need, quantity, from_fence, quantity AS reserved, 0::bigint AS released, reason, mean, dispersion, value, score, cover
FROM merch.plan_lines('{1,2,3,4,5,6,7,8}');
RESET enable_nestloop;
RESET enable_mergejoin;
CREATE TEMP VIEW difference AS
(TABLE planned EXCEPT ALL TABLE merch.allocation_line) UNION ALL (TABLE merch.allocation_line EXCEPT ALL TABLE planned);

-- the data are what they are said to be
SELECT count(DISTINCT allocation_id) AS runs, count(DISTINCT coalesce(reason, '')) AS reasons, count(DISTINCT ships_on) > 3 AS days,
       bool_or(source_id = location_id) AS without_source, bool_or(incoming > 0) AS incoming, count(*) FILTER (WHERE location_id = 2 AND incoming >= 3) > 20 AS moved,
       bool_or(from_fence > 0) AS from_fence,
       bool_or(capacity IS NULL) AS without_limit, bool_or(gross_need IS NULL) AS unknown, bool_or(quantity > need) AS whole_packs,
       count(*) > count(DISTINCT (item_id, allocation_id, location_id)) AS several_lanes
FROM planned;

-- Both ways give the same, in one call and in two ranges, and reserve what they wrote.
SAVEPOINT s;
SELECT merch.write_lines('{1,2,3,4,5,6,7,8}') = (SELECT count(*) FROM planned) AS all_lines;
SELECT count(*) AS differences FROM difference;
SELECT bool_and(s.reserved = coalesce(l.reserved, 0)) AS reserved
FROM merch.stock s
LEFT JOIN (SELECT item_id, source_id, sum(reserved) AS reserved FROM merch.allocation_line GROUP BY 1, 2) l
    ON l.item_id = s.item_id AND l.source_id = s.location_id;
ROLLBACK TO s;
SAVEPOINT s;
SELECT merch.write_lines('{8,7,6,5,4,3,2,1}', 31) + merch.write_lines('{1,2,3,4,5,6,7,8}', 1, 30) = (SELECT count(*) FROM planned) AS all_lines;
SELECT count(*) AS differences FROM difference;
ROLLBACK TO s;
-- What SQL inserts is the same.
SAVEPOINT s;
CREATE FUNCTION do_nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER before_line BEFORE INSERT ON merch.allocation_line FOR EACH ROW EXECUTE FUNCTION do_nothing();
SELECT merch.write_lines('{1,2,3,4,5,6,7,8}') IS NULL AS left_to_sql;
SELECT merch.insert_lines('{1,2,3,4,5,6,7,8}') = (SELECT count(*) FROM planned) AS all_lines;
SELECT count(*) AS differences FROM difference;
ROLLBACK TO s;

-- Columns, checks and triggers that were added hold.
SAVEPOINT s;
ALTER TABLE merch.allocation_line ADD COLUMN gone text, ADD COLUMN note text DEFAULT 'none', ADD COLUMN wave int;
ALTER TABLE merch.allocation_line DROP COLUMN gone;
CREATE TABLE seen (item_id bigint);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.seen VALUES (NEW.item_id); RETURN NULL; END';
CREATE TRIGGER after_line AFTER INSERT ON merch.allocation_line FOR EACH ROW EXECUTE FUNCTION see();
SELECT merch.insert_lines('{1,2}') > 0 AS written;
SELECT count(*) = (SELECT count(*) FROM seen) AS seen FROM merch.allocation_line;
SELECT count(*) FILTER (WHERE note = 'none' AND wave IS NULL) = count(*) AS filled FROM merch.allocation_line;
ROLLBACK TO s;
SAVEPOINT s;
ALTER TABLE merch.allocation_line ADD CONSTRAINT small CHECK (quantity < 3);
SELECT merch.write_lines('{1,2,3,4,5,6,7,8}');
ROLLBACK TO s;

-- What is left to SQL: lines that are there already, and other sources of demand.
SAVEPOINT s;
SELECT merch.insert_lines('{1}', 1, 30) > 0 AS written;
SELECT merch.write_lines('{1,2}') IS NULL AS left_to_sql, merch.write_lines('{1,2}', 31) > 0 AS written;
ROLLBACK TO s;
SAVEPOINT s;
UPDATE merch.policy SET demand_source = 'fixed', fixed_quantity = 3 WHERE promotion_id = 2 AND location_group_id = 3;
SELECT merch.write_lines('{1,2}') IS NULL AS left_to_sql, merch.write_lines('{1}') > 0 AS written;
ROLLBACK TO s;
-- nothing to write
SELECT merch.write_lines('{}'), merch.write_lines('{999}'), merch.write_lines('{1,2}', 1000, 2000);

-- No right, no lines: the error is that of INSERT.
CREATE ROLE merch_bulk_reader;
GRANT merch_viewer TO merch_bulk_reader;
GRANT EXECUTE ON FUNCTION merch.write_lines TO merch_bulk_reader;
SET ROLE merch_bulk_reader;
SELECT merch.write_lines('{1,2}') IS NULL AS left_to_sql;
ROLLBACK;
