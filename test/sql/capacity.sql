-- capacity that items share: units of a lane, hours of a dock and of labour, by day
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
\pset format aligned
\pset tuples_only off
BEGIN;
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name, price, cost, dock_minutes, labour_minutes) VALUES
    (1, 'juice', 9, 4, 3, 6), (2, 'milk', 4, 2, 3, 1), (3, 'tea', 7, 6, 3, 0);
INSERT INTO merch.location (location_id, kind, name) VALUES
    (100, 'distribution_centre', 'north'), (200, 'distribution_centre', 'south'), (1, 'store', 'A'), (2, 'store', 'B');
INSERT INTO merch.lane (location_id, source_id, lead_days) VALUES (1, 100, 1), (2, 100, 1);
INSERT INTO merch.ranging (item_id, location_id) SELECT i, l FROM generate_series(1, 3) i, generate_series(1, 2) l;
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 100), (2, 100, 100), (3, 100, 100);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES
    (1, 'one', current_date + 2, current_date + 9), (2, 'two', current_date + 2, current_date + 9);
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 1), (2, 1), (3, 1), (3, 2);
INSERT INTO merch.promotion_location VALUES (1, 1), (1, 2), (2, 1);
UPDATE merch.policy SET demand_source = 'fixed', fixed_quantity = 20;

CREATE VIEW pg_temp.plan AS
SELECT location_id AS store, item_id AS item, need, quantity, reason FROM merch.plan_allocation(1) ORDER BY 1, 2;
CREATE VIEW pg_temp.runs AS
SELECT promotion_id AS promotion, plan_value, bound_value, gap
FROM merch.allocation JOIN merch.allocation_summary USING (allocation_id, promotion_id) WHERE merch.allocation.state <> 'cancelled'
ORDER BY 1;
CREATE VIEW pg_temp.lines AS
SELECT promotion_id AS promotion, location_id AS store, item_id AS item, source_id AS source, need, quantity, released, reason
FROM merch.allocation_line JOIN merch.allocation USING (allocation_id) WHERE state <> 'cancelled' ORDER BY 1, 2, 3, 4;
CREATE VIEW pg_temp.use AS
SELECT resource, source_id AS source, location_id AS location, day - current_date AS in_days, available, round(used, 2) AS used
FROM merch.capacity_use() ORDER BY 1, 2, 3;

-- nothing has a limit: items are split apart, and no value is kept
SELECT merch.is_coupled(ARRAY[1]);
TABLE pg_temp.plan;
SELECT merch.allocate_promotion(1) AS run \gset
TABLE pg_temp.runs;
SELECT merch.cancel_allocation(:run);

-- the trucks to A take 30 units: juice earns 5, milk 2, tea 1
UPDATE merch.lane SET units_per_day = 30 WHERE location_id = 1;
SELECT merch.is_coupled(ARRAY[1]), merch.is_coupled(ARRAY[]::bigint[]) AS of_none;
TABLE pg_temp.plan;
SELECT merch.allocate_promotion(1) AS run \gset
TABLE pg_temp.runs;
TABLE pg_temp.use;
SELECT * FROM merch.check_capacity();
SELECT * FROM merch.explain_allocation(:run, 2, 1) e WHERE e NOT LIKE '%to leave by%';

-- the second promotion finds the truck full, on that day
SELECT merch.allocate_promotion(2) AS second \gset
TABLE pg_temp.lines;
-- once there is room, it gets it: both are split anew, whichever is asked for
UPDATE merch.lane SET units_per_day = 65 WHERE location_id = 1;
SELECT merch.coupled_group(ARRAY[2]);
SELECT merch.renew_lines(ARRAY[2], ARRAY[3]);
TABLE pg_temp.lines;
TABLE pg_temp.runs;
SELECT merch.renew_lines(ARRAY[1, 2]);
-- the limit is lowered later: the lines exceed it until they are renewed
UPDATE merch.lane SET units_per_day = 25 WHERE location_id = 1;
SELECT resource, source_id, location_id, day - current_date AS in_days, available, used FROM merch.check_capacity();
SELECT merch.renew_lines(ARRAY[1]);
SELECT count(*) FROM merch.check_capacity();
TABLE pg_temp.lines;
-- what is renewed is what would be planned afresh
CREATE TEMP TABLE before AS TABLE pg_temp.lines;
SELECT merch.cancel_allocation(:second);
SELECT merch.cancel_allocation(:run);
SELECT merch.allocate_promotion(1) AS run \gset
SELECT merch.allocate_promotion(2) AS second \gset
SELECT count(*) FROM (TABLE before EXCEPT TABLE pg_temp.lines) d;
-- released units use the truck, whatever else changes
UPDATE merch.allocation_line SET released = 5 WHERE allocation_id = :run AND location_id = 1 AND item_id = 2;
UPDATE merch.lane SET units_per_day = 12 WHERE location_id = 1;
SELECT merch.renew_lines(ARRAY[1]);
TABLE pg_temp.lines;
-- no truck at all
UPDATE merch.lane SET units_per_day = 0 WHERE location_id = 1;
SELECT merch.renew_lines(ARRAY[1]);
SELECT sum(quantity) FROM pg_temp.lines WHERE store = 1;
SELECT resource, available, used FROM merch.check_capacity();
-- and no limit any more: nothing is coupled, all is as at first
UPDATE merch.allocation_line SET released = 0 WHERE released > 0;
UPDATE merch.lane SET units_per_day = NULL;
SELECT merch.renew_lines(ARRAY[1, 2]);
TABLE pg_temp.lines;
TABLE pg_temp.runs;
SELECT merch.cancel_allocation(:second);
SELECT merch.cancel_allocation(:run);

-- labour at A, a day after the goods leave: 1.5 hours are 90 minutes; juice takes 6 of them, milk 1, tea none
INSERT INTO merch.location_capacity VALUES (1, current_date + 2, NULL, 1.5), (1, current_date + 1, 0, 0);
TABLE pg_temp.plan;
-- juice earns 5 in 6 minutes, milk 2 in one; with the dock, 2 hours of 3 minutes each, units count alike
UPDATE merch.location_capacity SET dock_hours = 2 WHERE day = current_date + 2;
TABLE pg_temp.plan;
SELECT merch.allocate_promotion(1) AS run \gset
TABLE pg_temp.use;
TABLE pg_temp.runs;
SELECT scenario, units, lost_sales, margin, locations_short FROM merch.compare_scenarios(1);
SELECT merch.cancel_allocation(:run);
UPDATE merch.location_capacity SET dock_hours = NULL, labour_hours = NULL;
SELECT merch.is_coupled(ARRAY[1]);

-- a second source: what the truck from the first can't bring comes from there, though it costs more
INSERT INTO merch.lane (location_id, source_id, lead_days, unit_cost) VALUES (1, 200, 1, 0.5);
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 200, 100), (3, 200, 4);
UPDATE merch.lane SET units_per_day = 30 WHERE (location_id, source_id) = (1, 100);
SELECT location_id AS store, item_id AS item, source_id AS source, need, quantity, reason
FROM merch.plan_allocation(1) WHERE location_id = 1 ORDER BY 2, 3;
SELECT location_id AS store, item_id AS item, source_id AS source, need, quantity, reason
FROM merch.plan_allocation(1, '{"method": "expected_sales"}') ORDER BY 1, 2, 3;
-- a floor comes before what earns more
UPDATE merch.stock SET on_hand = 0 WHERE location_id = 200;
UPDATE merch.ranging SET presentation_minimum = 8 WHERE (item_id, location_id) = (2, 1);
UPDATE merch.lane SET units_per_day = 10 WHERE (location_id, source_id) = (1, 100);
SELECT item_id AS item, source_id AS source, need, quantity, reason
FROM merch.plan_allocation(1) WHERE location_id = 1 ORDER BY 1, 2;
-- what A can't have, B is offered
UPDATE merch.stock SET on_hand = 24 WHERE (item_id, location_id) = (1, 100);
UPDATE merch.ranging SET presentation_minimum = 0;
SELECT location_id AS store, item_id AS item, source_id AS source, need, quantity, reason
FROM merch.plan_allocation(1) WHERE quantity > 0 OR need > 0 ORDER BY 1, 2, 3;

-- what the window function is not given
SELECT pg_temp.error_of(statement)
FROM unnest(ARRAY[
    'SELECT merch.claim_use(NULL, 0)',
    'SELECT merch.claim_use(1, 0, 3)',
    'SELECT merch.claim_use(1, 0, -3, 1, 1)',
    $$SELECT merch.split_claims('\x00', '\x00') OVER ()$$,
    $$SELECT merch.split_claims(c, u) OVER () FROM (
        SELECT merch.claim(1, l, 9, 1, 1, 'even', 'auto', false, 9, 0, 3, 1, 1, 1, 0, 0, 0, 0, 0, NULL, 0, NULL, 0, 1, 0, 1, 0, NULL, 0, 0) AS c,
               merch.claim_use(1, 0, 5, l, 1) AS u
        FROM generate_series(1, 2) l) x$$,
    $$SELECT merch.split_claims(c, u) OVER () FROM (
        SELECT merch.claim(1, l, 9, 1, 1, 'even', 'auto', false, 9, 0, 3, 1, 1, 1, 0, 0, 0, 0, 0, NULL, 0, NULL, 0, 1, 0, 1, 0, NULL, 0, 0) AS c,
               merch.claim_use(1, 0, 5, 7, -1) AS u
        FROM generate_series(1, 2) l) x$$
]) statement;
ROLLBACK;
