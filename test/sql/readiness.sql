-- readiness: probabilities of task networks, every check, what marks, and incremental = full
BEGIN;
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';

\echo one task by its quantiles: half of its time is half of the chance; two in a row; two side by side
WITH d AS (SELECT merch.quantile_duration('{0,20}') AS even)
SELECT round(merch.ready_probability(1, '{}', even, false, NULL, 10)::numeric, 2) AS one,
       round((SELECT merch.ready_probability(n, CASE n WHEN 2 THEN '{1}' ELSE '{}' END::bigint[], even, false, NULL, 20)
              FROM generate_series(1, 2) n)::numeric, 2) AS in_a_row,
       round((SELECT merch.ready_probability(n, '{}', even, false, NULL, 10) FROM generate_series(1, 2) n)::numeric, 2) AS side_by_side
FROM d GROUP BY even;
\echo done, running since 10 of 20 steps, over time, nothing to do
WITH d AS (SELECT merch.quantile_duration('{20}') AS fixed, merch.quantile_duration('{0,20}') AS even)
SELECT merch.ready_probability(1, '{}', fixed, true, NULL, 0) AS done, merch.ready_probability(1, '{}', fixed, false, 10, 9) AS too_early,
       merch.ready_probability(1, '{}', fixed, false, 10, 10) AS just, round(merch.ready_probability(1, '{}', even, false, 10, 5)::numeric, 1) AS half,
       merch.ready_probability(1, '{}', fixed, false, NULL, -1) AS past, merch.ready_probability(1, '{}', fixed, true, NULL, -1) AS past_done,
       merch.ready_probability(1, '{}', fixed, true, NULL, 0) FILTER (WHERE false) AS nothing
FROM d GROUP BY fixed, even;
\echo the mean of PERT; the share beyond all estimates
SELECT round(sum(k * p)::numeric, 2) AS mean, round(sum(p)::numeric, 2) AS within
FROM unnest((merch.pert_duration(2, 4, 12, 0.1))[2:]) WITH ORDINALITY m (p, n), LATERAL (SELECT n - 1 AS k) x;
\echo the order of the rows does not count, nor needs that are among none
SELECT count(DISTINCT p) AS results FROM (
    SELECT merch.ready_probability(n, ARRAY[n - 1, n - 2, 99], merch.pert_duration(1, 2 + n % 2, 9), false, NULL, 14 ORDER BY n * s) AS p
    FROM generate_series(1, 6) n, (VALUES (1), (-1)) s (s) GROUP BY s) x;
\echo what is refused
SELECT pg_temp.error_of($$SELECT merch.ready_probability(n, ARRAY[3 - n], '{0,1}', false, NULL, 1) FROM generate_series(1, 2) n$$);
SELECT pg_temp.error_of($$SELECT merch.ready_probability(1, '{}', '{0,1}', false, NULL, 1) FROM generate_series(1, 2)$$);
SELECT pg_temp.error_of($$SELECT merch.ready_probability(n, '{}', '{0,1}', false, NULL, n) FROM generate_series(1, 2) n$$);
SELECT pg_temp.error_of($$SELECT merch.ready_probability(1, '{}', '{0,1}', false, -1, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.ready_probability(NULL, '{}', '{0,1}', false, NULL, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.ready_probability(1, '{}', '{}', false, NULL, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.ready_probability(1, '{}', '{0,0.6,0.6}', false, NULL, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.ready_probability(1, '{}', '{2,0.6}', false, NULL, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.ready_probability(1, '{}', '{0,1}', false, NULL, 10001)$$);
SELECT pg_temp.error_of($$SELECT merch.pert_duration(3, 2, 4)$$);
SELECT pg_temp.error_of($$SELECT merch.pert_duration(1, 2, 'NaN')$$);
SELECT pg_temp.error_of($$SELECT merch.pert_duration(1, 2, 4, 1)$$);
SELECT pg_temp.error_of($$SELECT merch.quantile_duration('{2,1}')$$);
SELECT pg_temp.error_of($$SELECT merch.quantile_duration('{}')$$);
SELECT pg_temp.error_of($$SELECT merch.quantile_duration('{1,NULL}')$$);

\echo four promotions of two items at two stores; the first is as it should be
INSERT INTO merch.item_group VALUES (1, NULL, 'drinks');
INSERT INTO merch.location_group VALUES (1, NULL, 'north');
INSERT INTO merch.item (item_id, item_group_id, name, price, cost, labour_minutes) SELECT n, 1, 'item ' || n, 10, 6, 1 FROM generate_series(1, 8) n;
INSERT INTO merch.location (location_id, location_group_id, kind, name)
SELECT n, 1, CASE n WHEN 100 THEN 'distribution_centre' ELSE 'store' END, 'location ' || n FROM unnest('{1,2,100}'::int[]) n;
INSERT INTO merch.lane (location_id, source_id) VALUES (1, 100), (2, 100);
INSERT INTO merch.ranging (item_id, location_id) SELECT i, l FROM generate_series(1, 8) i, generate_series(1, 2) l;
INSERT INTO merch.stock (item_id, location_id, on_hand) SELECT n, 100, 1000 FROM generate_series(1, 8) n;
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT i, l, date '2090-02-01' + d, 2 FROM generate_series(1, 8) i, generate_series(1, 2) l, generate_series(0, 6) d;
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT n, 'promotion ' || n, '2090-02-01', '2090-02-08' FROM generate_series(1, 4) n;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) SELECT n, n, 'price', 8 FROM generate_series(1, 4) n;
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) SELECT 2 * n - k, n, n FROM generate_series(1, 4) n, generate_series(0, 1) k;
INSERT INTO merch.promotion_location SELECT n, l FROM generate_series(1, 4) n, generate_series(1, 2) l;
-- on the short way: approvals have tests of their own
SET LOCAL session_replication_role = replica;
UPDATE merch.promotion SET state = 'approved';
SET LOCAL session_replication_role = origin;
SELECT merch.prepare_promotions(ARRAY[1, 2, 3, 4]);
SELECT promotion_id, state, revision >= 0 AS counted FROM merch.promotion ORDER BY 1;
SELECT merch.evaluate_readiness() > 0;
SELECT count(DISTINCT readiness_check) AS checks, count(*) AS verdicts FROM merch.readiness_result;
SELECT readiness_check, kind, verdict, figure, threshold, money_at_risk, detail FROM merch.readiness(1);
SELECT promotion_id, state, score, gates_failed, gates_overridden, warnings, money_at_risk, probability > 0.99 AS likely, failed FROM merch.launch_readiness ORDER BY 1;
\echo again there is nothing to do, in full or incrementally
SELECT merch.evaluate_dirty_readiness() AS first, merch.evaluate_dirty_readiness() AS second, merch.evaluate_readiness() AS all;

-- whatever is changed: what the triggers marked is evaluated, and then a full pass must find nothing
CREATE FUNCTION pg_temp.changed(statement text)
RETURNS TABLE (promotion bigint, readiness_check text, passed boolean, figure numeric, money numeric, detail text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    full_changes bigint;
BEGIN
    CREATE TEMP TABLE before ON COMMIT DROP AS TABLE merch.readiness_result;
    EXECUTE statement;
    PERFORM merch.evaluate_dirty_readiness();
    full_changes := merch.evaluate_readiness();
    IF full_changes <> 0 THEN
        RAISE EXCEPTION 'a full pass changed % rows', full_changes;
    END IF;
    RETURN QUERY
    SELECT r.promotion_id, r.readiness_check, r.passed, r.figure, r.money_at_risk, r.detail
    FROM merch.readiness_result r
    LEFT JOIN before b ON b.promotion_id = r.promotion_id AND b.readiness_check = r.readiness_check
    WHERE (r.passed, r.figure, r.money_at_risk, r.detail) IS DISTINCT FROM (b.passed, b.figure, b.money_at_risk, b.detail)
    ORDER BY 1, 2;
    DROP TABLE before;
END
$$;
\echo items
SELECT * FROM pg_temp.changed('UPDATE merch.item SET active = false WHERE item_id = 3');
SELECT * FROM pg_temp.changed('UPDATE merch.item SET active = true WHERE item_id = 3');
SELECT * FROM pg_temp.changed('DELETE FROM merch.ranging WHERE item_id = 4 AND location_id = 2');
SELECT * FROM pg_temp.changed('INSERT INTO merch.ranging (item_id, location_id) VALUES (4, 2)');
\echo hierarchy: in no group, and a circle
SELECT * FROM pg_temp.changed('UPDATE merch.item SET item_group_id = NULL WHERE item_id = 5');
SELECT * FROM pg_temp.changed($$INSERT INTO merch.location_group VALUES (2, 1, 'east'); UPDATE merch.location_group SET parent_id = 2 WHERE location_group_id = 1$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.location_group SET parent_id = NULL WHERE location_group_id = 1; UPDATE merch.item SET item_group_id = 1 WHERE item_id = 5$$);
\echo prices: at the regular one, unknown, below cost; the price event is of another price
SELECT * FROM pg_temp.changed('UPDATE merch.item SET price = 8 WHERE item_id = 7');
SELECT * FROM pg_temp.changed('UPDATE merch.item SET price = NULL WHERE item_id = 7');
SELECT * FROM pg_temp.changed('UPDATE merch.item SET price = 10, cost = 9 WHERE item_id = 7');
SELECT * FROM pg_temp.changed('UPDATE merch.item SET cost = 6 WHERE item_id = 7');
SELECT * FROM pg_temp.changed($$SELECT merch.fire_as_system('merch.price_event', array_agg(price_event_id::text), 'withdraw') FROM merch.price_event WHERE item_id = 7$$);
SELECT * FROM pg_temp.changed('SELECT merch.prepare_price_events(ARRAY[4])');
\echo conflicts: both sides notice, also that it is over
SELECT * FROM pg_temp.changed('SET LOCAL session_replication_role = replica; INSERT INTO merch.promotion_item VALUES (1, 2, 2);
                               SET LOCAL session_replication_role = origin; SELECT merch.mark_items_of_promotions(ARRAY[1]), merch.mark_promotions(ARRAY[2])');
SELECT * FROM pg_temp.changed('SET LOCAL session_replication_role = replica; DELETE FROM merch.promotion_item WHERE item_id = 1 AND promotion_id = 2;
                               SET LOCAL session_replication_role = origin; SELECT merch.mark_items_of_promotions(ARRAY[1]), merch.mark_promotions(ARRAY[2])');
\echo preparation
SELECT * FROM pg_temp.changed($$UPDATE merch.preparation SET state = 'failed', error = E'no luck\nHINT: try again', attempts = 1, next_attempt_at = now() + interval '1 day'
                                WHERE promotion_id = 3 AND step = 'waves'$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.preparation SET state = 'done', error = NULL, attempts = 0, next_attempt_at = NULL
                                WHERE promotion_id = 3 AND step = 'waves'$$);
\echo allocation: less than is needed, too little to last, none
SELECT * FROM pg_temp.changed($$UPDATE merch.allocation_line l SET quantity = 4, reserved = 4, reason = 'supply'
                                FROM merch.allocation a WHERE a.allocation_id = l.allocation_id AND a.promotion_id = 2 AND item_id = 3$$);
SELECT * FROM pg_temp.changed($$SELECT merch.cancel_allocation(allocation_id) FROM merch.allocation WHERE promotion_id = 2$$);
SELECT * FROM pg_temp.changed('SELECT merch.allocate_promotion(2)');
\echo transfers: released, and one that comes too late
SELECT * FROM pg_temp.changed('SELECT merch.release_allocation(allocation_id) FROM merch.allocation WHERE promotion_id = 2 AND state = ''active''');
SELECT * FROM pg_temp.changed($$UPDATE merch.transfer SET arrives_on = '2090-02-02' WHERE location_id = 1$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.transfer SET arrives_on = '2090-02-01' WHERE location_id = 1$$);
SELECT * FROM pg_temp.changed($$SELECT merch.start_wave(wave_id), merch.complete_wave(wave_id) FROM merch.wave; SELECT merch.reallocate_dirty()$$);
\echo labour: 14 units of each of two items take 28 minutes, and the other promotions as much
SELECT * FROM pg_temp.changed($$INSERT INTO merch.location_capacity (location_id, day, labour_hours) VALUES (1, '2090-02-01', 1.5)$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.item SET labour_minutes = 0 WHERE item_id IN (1, 2, 3, 4)$$);
SELECT * FROM pg_temp.changed('TRUNCATE merch.location_capacity');
\echo tasks
SELECT * FROM pg_temp.changed($$UPDATE merch.task SET state = 'done' WHERE task = 'supplier confirmation' AND promotion_id = 1$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.task SET state = 'done' WHERE task IN ('stock count', 'labels') AND promotion_id = 1$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.task SET state = 'done' WHERE task = 'display' AND promotion_id = 1$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.task SET state = 'done' WHERE task = 'confirm' AND promotion_id = 1$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.task SET due_at = now() - interval '1 hour' WHERE task = 'confirm' AND promotion_id = 3$$);
\echo suppliers
SELECT * FROM pg_temp.changed($$INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units) VALUES (1, 100, 'purchase_order', current_date - 1, 5)$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.inbound SET closed = true WHERE item_id = 1$$);
\echo the first is ready
SELECT promotion_id, state, score, gates_failed, failed FROM merch.launch_readiness ORDER BY 1;
\echo a threshold and a weight are data
SELECT * FROM pg_temp.changed($$UPDATE merch.readiness_check SET threshold = 0 WHERE readiness_check = 'store confirmations'$$);
SELECT promotion_id, state, score FROM merch.launch_readiness ORDER BY 1;
SELECT * FROM pg_temp.changed($$UPDATE merch.readiness_check SET active = false WHERE readiness_check = 'hierarchy'$$);
SELECT count(*) FROM merch.readiness_result WHERE readiness_check = 'hierarchy';

\echo an own check, one that fails for a promotion, one that is dropped
CREATE FUNCTION public.check_even(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE sql STABLE AS $$
    SELECT p, p % 2 = 0, 12 / (p - 3), 5, 'it is odd' FROM unnest(promotions) p
$$;
SELECT * FROM pg_temp.changed($$INSERT INTO merch.readiness_check (readiness_check, title, function, kind, remedy)
                                VALUES ('even', 'Even', 'public.check_even', 'gate', 'Take another number.')$$);
SELECT * FROM pg_temp.changed('DROP FUNCTION public.check_even(bigint[]); SELECT merch.mark_promotions(ARRAY[1, 2, 3, 4])');
SELECT promotion_id, state, gates_failed, failed FROM merch.launch_readiness ORDER BY 1;
SELECT * FROM merch.unready_promotions(ARRAY[2]);
DELETE FROM merch.readiness_check WHERE readiness_check = 'even';

\echo durations learnt from tasks
SELECT merch.learn_durations();
SET LOCAL session_replication_role = replica;
INSERT INTO merch.task (promotion_id, task, location_id, role, due_at, state, started_at, done_at)
SELECT 4, 'labels', 1000 + n, 'merch_store', now(), 'done', now() - n * interval '30 minutes', now() FROM generate_series(1, 21) n;
SET LOCAL session_replication_role = origin;
SELECT merch.learn_durations(), merch.learn_durations() AS again;
SELECT task, tasks, quantiles[1], quantiles[11], quantiles[21] FROM merch.task_duration;

\echo bad rows
SELECT pg_temp.error_of($$SELECT merch.readiness(99)$$);
SELECT pg_temp.error_of($$UPDATE merch.readiness_check SET kind = 'hint'$$);
SELECT pg_temp.error_of($$UPDATE merch.readiness_check SET weight = -1$$);
SELECT pg_temp.error_of($$UPDATE merch.task_template SET optimistic = 2$$);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.dirty_promotion (promotion_id, item_id) VALUES (1, 1)$$), E'\n', 1);
ROLLBACK;
