-- pre-packs of a promotion: planned over the model, released, opened
BEGIN;
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';
INSERT INTO merch.item_group (item_group_id, parent_id, name) VALUES (1, NULL, 'clothes'), (2, 1, 'shirts');
INSERT INTO merch.item (item_id, name, price, cost) VALUES
    (1, 'shirt S', 10, 4), (2, 'shirt M', 10, 4), (3, 'shirt L', 12, 4), (4, 'shirt XL', 10, 4), (9, 'coat', 50, 20);
INSERT INTO merch.location_group (location_group_id, parent_id, name) VALUES (10, NULL, 'country'), (20, 10, 'north');
INSERT INTO merch.location (location_id, location_group_id, kind, name) VALUES
    (100, NULL, 'distribution_centre', 'near'), (200, NULL, 'distribution_centre', 'far'),
    (1, 10, 'store', 'A'), (2, 20, 'store', 'B'), (3, NULL, 'store', 'C'), (4, NULL, 'store', 'no lane');
-- C is nearer to 200, where there are no packs; A's lane from 200 is dear
INSERT INTO merch.lane (location_id, source_id, lead_days, unit_cost) VALUES
    (1, 100, 2, 0), (2, 100, 1, 0), (3, 100, 1, 2), (3, 200, 1, 1), (1, 200, 1, 5);
-- C takes 6 units of S and M, and does not carry L; nobody carries XL
INSERT INTO merch.ranging (item_id, location_id, capacity) VALUES
    (1, 1, NULL), (2, 1, NULL), (3, 1, NULL), (1, 2, 90), (2, 2, 90), (3, 2, 90), (1, 3, 2), (2, 3, 5), (1, 4, NULL);
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 1, 2), (2, 3, 1), (2, 100, 5);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES
    (1, 'shirts', '2090-02-01', '2090-02-08'), (2, 'coats', '2090-02-01', '2090-02-08'), (3, 'later', '2090-03-01', '2090-03-08');
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 1), (2, 1), (3, 1), (9, 2), (1, 3);
INSERT INTO merch.promotion_location SELECT p, l FROM generate_series(1, 3) p, generate_series(1, 4) l;
INSERT INTO merch.policy (promotion_id, demand_source) VALUES (1, 'plan'), (3, 'plan');
INSERT INTO merch.demand_plan (item_id, location_id, promotion_id, units) VALUES
    (1, 1, 1, 2), (2, 1, 1, 4), (3, 1, 1, 2), (1, 2, 1, 4), (2, 2, 1, 4), (1, 3, 1, 1), (2, 3, 1, 3), (1, 4, 1, 50);
INSERT INTO merch.style (style_id, item_group_id, name) VALUES (7, 2, 'shirt'), (8, NULL, 'coat');
INSERT INTO merch.style_item (item_id, style_id, size) VALUES (1, 7, 'S'), (2, 7, 'M'), (3, 7, 'L'), (4, 7, 'XL'), (9, 8, 'one');
INSERT INTO merch.prepack (prepack_id, style_id, name) VALUES (70, 7, 'assorted'), (71, 7, 'large'), (72, 7, 'none in stock'), (80, 8, 'coat');
INSERT INTO merch.prepack_content (item_id, prepack_id, style_id, units) VALUES
    (1, 70, 7, 1), (2, 70, 7, 2), (3, 70, 7, 1), (3, 71, 7, 2), (4, 71, 7, 1);
INSERT INTO merch.prepack_stock (prepack_id, location_id, packs) VALUES (70, 100, 4), (71, 100, 2), (70, 200, 0);

\echo without a profile: what each size sells
SELECT * FROM merch.plan_prepacks(1);
SELECT style_id, source_id, locations, supply, packs, gap BETWEEN 0 AND 0.05 AS close FROM merch.prepack_gaps(1);

-- the best of all splits, counted one by one over expected sales; the demand is written down, not read
CREATE FUNCTION pg_temp.best(means float8[], positions int[], maxima int[], overstock float8) RETURNS numeric
LANGUAGE sql AS $$
    WITH cell AS (
        SELECT l, p, q, CASE WHEN maxima[l] < 4 * p + 3 * q THEN NULL ELSE
               (SELECT sum((v + overstock) * (merch.expected_sales(means[l][s], 1, positions[l][s] + u)
                                              - merch.expected_sales(means[l][s], 1, positions[l][s])) - overstock * u)
                FROM (VALUES (1, p, 6), (2, 2 * p, 6), (3, p + 2 * q, 8), (4, q, 0)) d(s, u, v)) END AS value
        FROM generate_series(1, 3) l, generate_series(0, 4) p, generate_series(0, 2) q
    )
    SELECT round(max(a.value + b.value + c.value)::numeric, 6)
    FROM cell a, cell b, cell c
    WHERE a.l = 1 AND b.l = 2 AND c.l = 3 AND a.p + b.p + c.p <= 4 AND a.q + b.q + c.q <= 2
$$;
SELECT pg_temp.best('{{2,4,2,0},{4,4,0,0},{1,3,0,0}}', '{{2,0,0,0},{0,0,0,0},{0,1,0,0}}', '{99,99,6}', 0) AS best,
       round(expected_value::numeric, 6) AS planned FROM merch.prepack_gaps(1);
SELECT pg_temp.best('{{2,4,2,0},{4,4,0,0},{1,3,0,0}}', '{{2,0,0,0},{0,0,0,0},{0,1,0,0}}', '{99,99,6}', 3) AS best,
       round(expected_value::numeric, 6) AS planned FROM merch.prepack_gaps(1, 3);

\echo profiles: the most specific holds as a whole, shares need not add up to 1, nothing for what is not carried
INSERT INTO merch.size_profile (style_id, item_group_id, location_group_id, size, share) VALUES
    (NULL, NULL, NULL, 'S', 9), (NULL, 1, NULL, 'S', 1), (NULL, 1, NULL, 'M', 1), (NULL, 1, NULL, 'L', 7), (NULL, 2, 20, 'M', 5);
SELECT * FROM merch.size_share_map('{7,8}', '{0,10,20}') ORDER BY 1, 2, 3;
INSERT INTO merch.size_profile (style_id, location_group_id, size, share) VALUES
    (7, 10, 'S', 1), (7, 10, 'M', 1), (7, 10, 'L', 2), (8, NULL, 'S', 1);
SELECT * FROM merch.size_share_map('{7,8}', '{0,10,20}') ORDER BY 1, 2, 3;
-- 8 units at A and B are 2, 2 and 4; the 4 at C are 2 and 2
SELECT * FROM merch.plan_prepacks(1);
SELECT pg_temp.best('{{2,2,4,0},{2,2,4,0},{2,2,0,0}}', '{{2,0,0,0},{0,0,0,0},{0,1,0,0}}', '{99,99,6}', 0) AS best,
       round(expected_value::numeric, 6) AS planned FROM merch.prepack_gaps(1);
-- a profile that says nothing about what is carried leaves the sizes' own demand
DELETE FROM merch.size_profile;
INSERT INTO merch.size_profile (style_id, size, share) VALUES (7, 'XXL', 5), (7, 'M', 0);
SELECT pg_temp.best('{{2,4,2,0},{4,4,0,0},{1,3,0,0}}', '{{2,0,0,0},{0,0,0,0},{0,1,0,0}}', '{99,99,6}', 0) = round(expected_value::numeric, 6) AS same
FROM merch.prepack_gaps(1);
DELETE FROM merch.size_profile;

\echo nothing to plan: no packs that reach it, no demand
SELECT * FROM merch.plan_prepacks(2);
SELECT * FROM merch.prepack_gaps(3);

\echo what the run has allocated already counts: 5 M, of which A and B get 2 each and C 1
SELECT merch.allocate_promotion(1) AS run \gset
SELECT location_id, source_id, need, quantity FROM merch.allocation_line WHERE allocation_id = :run AND item_id = 2 ORDER BY 1, 2;
SELECT pg_temp.best('{{2,4,2,0},{4,4,0,0},{1,3,0,0}}', '{{2,2,0,0},{0,2,0,0},{0,2,0,0}}', '{99,99,5}', 0) AS best,
       round(expected_value::numeric, 6) AS planned FROM merch.prepack_gaps(1);

-- the books, and no unit lost or made: 8 loose ones, 4 packs of 4 and 2 of 3
CREATE VIEW pg_temp.wrong AS
SELECT (SELECT count(*) FROM merch.check_ledger()) AS ledger, (SELECT count(*) FROM merch.check_transfers()) AS transfers,
       (SELECT sum(on_hand + incoming) FROM merch.stock)
       + (SELECT sum(k.packs * c.units) FROM merch.prepack_stock k JOIN merch.prepack_content c USING (prepack_id)) - 30 AS units;
CREATE VIEW pg_temp.lines AS
SELECT item_id AS item, location_id AS location, source_id AS source, need, quantity, released, reserved, reason
FROM merch.allocation_line WHERE quantity > 0 ORDER BY 1, 2, 3;
CREATE VIEW pg_temp.loads AS
SELECT t.transfer_id - (SELECT min(transfer_id) FROM merch.transfer) AS transfer, kind, source_id AS source, location_id AS location, ships_on, arrives_on, state,
       (SELECT string_agg(packs || ' of ' || prepack_id, ', ' ORDER BY prepack_id) FROM merch.transfer_prepack p WHERE p.transfer_id = t.transfer_id) AS packs,
       (SELECT string_agg(units || ' of ' || item_id, ', ' ORDER BY item_id) FROM merch.transfer_line l WHERE l.transfer_id = t.transfer_id) AS units
FROM merch.transfer t ORDER BY t.transfer_id;
TABLE pg_temp.wrong;

\echo released: the packs become transfers, their units are reserved at the source
SELECT * FROM merch.plan_prepacks(1);
TABLE pg_temp.lines;
SELECT merch.release_prepacks(1);
TABLE pg_temp.loads;
TABLE pg_temp.lines;
SELECT * FROM merch.prepack_stock ORDER BY 1, 2;
SELECT item_id, on_hand, reserved FROM merch.stock WHERE location_id = 100 ORDER BY 1;
TABLE pg_temp.wrong;
SELECT merch.release_prepacks(1) AS again;

\echo a renewal leaves what is released and takes back what is no longer needed
SELECT merch.renew_lines('{1}') > 0 AS renewed;
TABLE pg_temp.lines;
TABLE pg_temp.wrong;

\echo what comes later is a correction; the loose units go with the next release
SELECT merch.release_allocation(:run);
INSERT INTO merch.prepack_stock VALUES (72, 100, 1);
INSERT INTO merch.prepack_content VALUES (1, 72, 7, 1);
UPDATE merch.demand_plan SET units = 30 WHERE (item_id, location_id, promotion_id) = (1, 2, 1);
SELECT merch.release_prepacks(1);
TABLE pg_temp.loads;
SELECT ledger, transfers, units - 1 AS units FROM pg_temp.wrong;

\echo picked and shipped like any other
SELECT location_id, merch.cancel_transfer(transfer_id) AS units FROM merch.transfer
WHERE location_id = 2 AND transfer_id IN (SELECT transfer_id FROM merch.transfer_prepack WHERE prepack_id = 72);
SELECT count(merch.start_wave(wave_id)) AS waves FROM merch.wave WHERE state = 'planned';
SELECT sum(merch.complete_wave(wave_id)) AS units FROM merch.wave WHERE state = 'picking';
SELECT ledger, transfers, units - 1 AS units FROM pg_temp.wrong;
SELECT item_id, location_id, on_hand, reserved, incoming FROM merch.stock ORDER BY 1, 2;
\echo a cancelled one leaves loose units with the run; with that cancelled they are free, and can be made into packs again
SELECT merch.close_prepacks(72, 100, 1) FROM merch.cancel_allocation(:run);
SELECT merch.open_prepacks(72, 100, 1) AS opened, merch.close_prepacks(72, 100, 1) AS closed;
SELECT * FROM merch.prepack_stock ORDER BY 1, 2;
SELECT ledger, transfers, units - 1 AS units FROM pg_temp.wrong;

\echo what is refused
SELECT pg_temp.error_of($$SELECT * FROM merch.plan_prepacks(99)$$);
SELECT pg_temp.error_of($$SELECT * FROM merch.prepack_gaps(NULL)$$);
SELECT pg_temp.error_of($$SELECT * FROM merch.plan_prepacks(1, 'NaN')$$);
SELECT pg_temp.error_of($$SELECT merch.release_prepacks(2)$$);
INSERT INTO merch.prepack_stock VALUES (80, 100, 1);
SELECT pg_temp.error_of($$SELECT * FROM merch.plan_prepacks(2)$$);
SELECT pg_temp.error_of($$SELECT merch.release_prepacks(2)$$);
SELECT pg_temp.error_of($$SELECT merch.release_prepacks(1)$$);
INSERT INTO merch.allocation (promotion_id, method, state) VALUES (1, 'even', 'running');
SELECT regexp_replace(pg_temp.error_of($$SELECT merch.release_prepacks(1)$$), 'allocation \d+', 'allocation N');
SELECT pg_temp.error_of($$SELECT merch.open_prepacks(99, 100, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.open_prepacks(NULL, 100, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.open_prepacks(70, 100, 0)$$);
SELECT pg_temp.error_of($$SELECT merch.open_prepacks(70, 100, NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.open_prepacks(80, 100, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.open_prepacks(72, 100, 2)$$);
SELECT pg_temp.error_of($$SELECT merch.open_prepacks(70, NULL, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.open_prepacks(70, 100, 9223372036854775807)$$);
SELECT pg_temp.error_of($$SELECT merch.close_prepacks(70, 100, 3)$$);
SELECT pg_temp.error_of($$SELECT merch.close_prepacks(70, 55, 3)$$);
SELECT pg_temp.error_of($$UPDATE merch.prepack_stock SET packs = -1$$);
SELECT pg_temp.error_of($$INSERT INTO merch.prepack_content VALUES (9, 70, 7, 1)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.prepack_content VALUES (9, 70, 8, 1)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.prepack_content VALUES (4, 70, 7, 0)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.style_item VALUES (1, 8, 'S')$$);
SELECT pg_temp.error_of($$UPDATE merch.style_item SET style_id = 7, size = 'S' WHERE item_id = 9$$);
SELECT pg_temp.error_of($$INSERT INTO merch.size_profile VALUES (7, NULL, NULL, 'S', -1)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.size_profile VALUES (7, NULL, NULL, 'S', 'NaN')$$);
SELECT pg_temp.error_of($$INSERT INTO merch.size_profile VALUES (7, NULL, NULL, 'S', 'Infinity')$$);
SELECT pg_temp.error_of($$INSERT INTO merch.size_profile VALUES (7, 2, NULL, 'S', 1)$$);
SELECT pg_temp.error_of($$INSERT INTO merch.size_profile VALUES (NULL, NULL, NULL, 'S', 1), (NULL, NULL, NULL, 'S', 2)$$);
ROLLBACK;
