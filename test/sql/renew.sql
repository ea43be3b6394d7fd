-- renewed = made anew: after every change, lines that are renewed are those that a new run
-- would get, to the unit, and a second renewal finds nothing to change. Random chains of three
-- centres and eight stores with several lanes, ring-fences, mixed packs and three promotions that share
-- items; the seed is fixed, and so is what is printed: nothing is different.
BEGIN;
SELECT merch.create_model();
SELECT setseed(0.4);
INSERT INTO merch.item_group VALUES (1, NULL, 'a'), (2, NULL, 'b');
INSERT INTO merch.item (item_id, item_group_id, name, price, cost, case_pack)
SELECT i, 1 + i % 2, i, 3, 1, 6 FROM generate_series(1, 6) i;
INSERT INTO merch.location (location_id, kind, name, channel_id, tier)
SELECT l, 'store', l, 1 + l % 2, l % 3 FROM generate_series(1, 8) l;
INSERT INTO merch.location (location_id, kind, name)
SELECT l, 'distribution_centre', l FROM unnest(ARRAY[100, 200, 300]) l;
INSERT INTO merch.lane (location_id, source_id, lead_days, unit_cost)
SELECT l, s, floor(random() * 3)::int, round(random()::numeric / 2, 1)
FROM generate_series(1, 8) l, unnest(ARRAY[100, 200, 300]) s
WHERE random() < 0.9;
INSERT INTO merch.ranging (item_id, location_id, presentation_minimum, capacity, pack)
SELECT i, l, floor(random() * 4), CASE WHEN random() < 0.5 THEN 60 END, CASE WHEN i < 4 THEN 1 + i ELSE 1 + l % 3 END
FROM generate_series(1, 6) i, generate_series(1, 8) l;
INSERT INTO merch.stock (item_id, location_id, on_hand)
SELECT i, s, 40 + floor(random() * 120) FROM generate_series(1, 6) i, unnest(ARRAY[100, 200, 300]) s
UNION ALL
SELECT i, l, floor(random() * 8) FROM generate_series(1, 6) i, generate_series(1, 8) l;
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES
    (1, 'a', current_date + 2, current_date + 9), (2, 'b', current_date + 3, current_date + 9),
    (3, 'c', current_date + 2, current_date + 5);
INSERT INTO merch.promotion_item (item_id, promotion_id)
SELECT i, p FROM generate_series(1, 6) i, generate_series(1, 3) p WHERE (i + p) % 4 > 0;
INSERT INTO merch.promotion_location
SELECT p, l FROM generate_series(1, 3) p, generate_series(1, 8) l WHERE (l + p) % 5 > 0;
INSERT INTO merch.forecast (item_id, location_id, day, mean, dispersion)
SELECT i, l, current_date + d, random() * 6, 1 + random()
FROM generate_series(1, 6) i, generate_series(1, 8) l, generate_series(0, 10) d;
INSERT INTO merch.policy (promotion_id, method) VALUES (1, 'cover'), (2, 'webster'), (3, 'expected_sales');
INSERT INTO merch.policy (item_group_id, holdback, surplus) VALUES (2, 0.1, 'push');
INSERT INTO merch.ring_fence SELECT i, 100, 2, 10 FROM generate_series(1, 6) i;

-- a line that needs and gets nothing may be there or not
CREATE VIEW pg_temp.line AS
SELECT a.promotion_id, l.item_id, l.location_id, l.source_id, l.need, l.quantity, l.from_fence, l.reserved, l.reason, l.score
FROM merch.allocation_line l
JOIN merch.allocation a USING (allocation_id)
WHERE a.state <> 'cancelled' AND (l.need > 0 OR l.quantity > 0);

CREATE PROCEDURE pg_temp.make_runs() LANGUAGE sql AS $$
    SELECT merch.open_run(p, NULL, 'active') FROM generate_series(1, 3) p;
    SELECT merch.insert_lines('{1,2,3}');
$$;

-- what stock has promised already is refused, and is then no change
CREATE FUNCTION pg_temp.change_something(dice int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE dice
        WHEN 0 THEN
            UPDATE merch.forecast SET mean = random() * 6 WHERE item_id = 1 + floor(random() * 6)::int AND random() < 0.3;
        WHEN 1 THEN
            UPDATE merch.stock SET on_hand = greatest(on_hand + floor(random() * 40 - 20)::int, reserved + fenced)
            WHERE location_id >= 100 AND random() < 0.3;
        WHEN 2 THEN
            UPDATE merch.stock SET on_hand = floor(random() * 10) WHERE location_id < 100 AND random() < 0.3;
        WHEN 3 THEN
            DELETE FROM merch.lane WHERE random() < 0.1;
        WHEN 4 THEN
            INSERT INTO merch.lane (location_id, source_id, lead_days, unit_cost)
            VALUES (1 + floor(random() * 8)::int, 100 + 100 * floor(random() * 3)::int, floor(random() * 3)::int,
                    round(random()::numeric / 2, 1))
            ON CONFLICT DO NOTHING;
        WHEN 5 THEN
            INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units)
            VALUES (1 + floor(random() * 6)::int, (ARRAY[100, 200, 300, 1, 2])[1 + floor(random() * 5)::int], 'transfer',
                    current_date + floor(random() * 4)::int, 10);
        WHEN 6 THEN
            UPDATE merch.policy
            SET method = (ARRAY['proportional', 'webster', 'cover', 'even', 'priority', 'expected_sales'])[1 + floor(random() * 6)::int]
            WHERE promotion_id = 1 + floor(random() * 3)::int;
        ELSE
            UPDATE merch.policy
            SET cover_days = floor(random() * 3)::int, pack_level = CASE WHEN random() < 0.3 THEN 'case' END
            WHERE item_group_id = 2;
    END CASE;
EXCEPTION WHEN check_violation THEN
    NULL;
END
$$;

-- how many lines a new run would have otherwise, by another plan, which reads rows in another
-- order: tried, and undone
CREATE FUNCTION pg_temp.differences() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    renewed CONSTANT text[] := (SELECT array_agg(l::text) FROM pg_temp.line l);
    number bigint;
BEGIN
    PERFORM merch.cancel_allocation(allocation_id) FROM merch.allocation WHERE state <> 'cancelled';
    PERFORM set_config('enable_hashjoin', 'off', true);
    CALL pg_temp.make_runs();
    SELECT count(*) INTO number
    FROM (SELECT l::text AS line FROM pg_temp.line l) made
    FULL JOIN unnest(renewed) AS r (line) USING (line)
    WHERE made.line IS NULL OR r.line IS NULL;
    RAISE EXCEPTION USING errcode = 'MERCH', message = number;
EXCEPTION WHEN SQLSTATE 'MERCH' THEN
    RETURN sqlerrm;
END
$$;

CREATE TABLE pg_temp.step (number int, changed bigint, again bigint, different bigint, wrong bigint);
ANALYZE;
CALL pg_temp.make_runs();
DO $$
DECLARE
    changed bigint;
    again bigint;
BEGIN
    FOR number IN 1..20 LOOP
        PERFORM pg_temp.change_something(floor(random() * 8)::int);
        changed := merch.renew_lines('{1,2,3}');
        again := merch.renew_lines('{3,1,2}');
        INSERT INTO pg_temp.step VALUES (number, changed, again, pg_temp.differences(), (SELECT count(*) FROM merch.check_ledger()));
    END LOOP;
END
$$;
-- most changes change something, so that there is something to compare
SELECT count(*) AS steps, count(*) FILTER (WHERE changed > 0) > 10 AS much_changed, sum(again) AS changed_again,
       sum(different) AS different, sum(wrong) AS wrong
FROM pg_temp.step;
SELECT * FROM pg_temp.step WHERE again > 0 OR different > 0 OR wrong > 0 ORDER BY number LIMIT 5;
ROLLBACK;

\echo scenarios of what is released: as before, while nothing is picked; what has left is fixed; a plan leaves all of it
BEGIN;
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name, price, cost) VALUES (1, 'juice', 3, 1);
INSERT INTO merch.location (location_id, kind, name, tier) VALUES (100, 'distribution_centre', 'north', 0), (1, 'store', 'A', 1), (2, 'store', 'B', 2), (3, 'store', 'C', 3);
INSERT INTO merch.lane (location_id, source_id) SELECT l, 100 FROM generate_series(1, 3) l;
INSERT INTO merch.ranging (item_id, location_id) SELECT 1, l FROM generate_series(1, 3) l;
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 100);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'week', '2090-02-01', '2090-02-08');
INSERT INTO merch.promotion_item VALUES (1, 1);
INSERT INTO merch.promotion_location SELECT 1, l FROM generate_series(1, 3) l;
INSERT INTO merch.forecast (item_id, location_id, day, mean) SELECT 1, l, '2090-02-01', 20 * l FROM generate_series(1, 3) l;
SELECT merch.allocate_promotion(1) AS run \gset
CREATE VIEW pg_temp.choices AS SELECT scenario, units, lost_sales, locations_short FROM merch.compare_scenarios(1);
CREATE TEMP TABLE held AS TABLE pg_temp.choices;
TABLE held;
SELECT merch.release_allocation(:run);
SELECT count(*) AS differ FROM ((TABLE held EXCEPT TABLE pg_temp.choices) UNION ALL (TABLE pg_temp.choices EXCEPT TABLE held)) d;
SELECT location_id, quantity FROM merch.plan_lines('{1}', override => '{"method": "priority"}') ORDER BY location_id;
SELECT location_id, quantity FROM merch.plan_lines('{1}', override => '{"method": "priority"}', recall => true) ORDER BY location_id;
SELECT merch.start_wave(wave_id) FROM merch.wave;
SELECT merch.record_pick(transfer_id, 1, 10) FROM merch.transfer WHERE location_id = 1;
SELECT merch.ship_transfer(transfer_id) FROM merch.transfer WHERE location_id = 1;
SELECT location_id, quantity, gone FROM merch.plan_lines('{1}', override => '{"method": "priority"}', recall => true) ORDER BY location_id;
ROLLBACK;
