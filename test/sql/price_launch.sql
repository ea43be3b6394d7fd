-- price launch: a promotion's prices by system and channel, the readiness check (incremental =
-- full), and events that become published
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
BEGIN;
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = ISO;
-- approvals have tests of their own
UPDATE merch.approval_rule SET active = false;
UPDATE merch.critical_change SET active = false;
UPDATE merch.readiness_check SET active = readiness_check IN ('prices published', 'price events');
DELETE FROM merch.preparation_step WHERE step <> 'price_events';
INSERT INTO merch.item (item_id, name, price, cost) SELECT n, 'item ' || n, 10, 2 FROM generate_series(1, 5) n;
INSERT INTO merch.location (location_id, kind, name) VALUES (1, 'store', 'A'), (2, 'store', 'B'), (3, 'store', 'C'), (100, 'distribution_centre', 'centre');
INSERT INTO merch.ranging (item_id, location_id) SELECT i, l FROM generate_series(1, 5) i, unnest('{1,2,3,100}'::int[]) l;
INSERT INTO merch.location_channel VALUES (2, 2);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT n, 'promotion ' || n, '2090-02-01', '2090-02-08' FROM generate_series(1, 2) n;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) SELECT n, n, 'price', 8 FROM generate_series(1, 2) n;
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 1, 1), (2, 1, 1), (3, 2, 2);
INSERT INTO merch.promotion_location SELECT n, l FROM generate_series(1, 2) n, generate_series(1, 2) l;
INSERT INTO merch.forecast (item_id, location_id, day, mean) SELECT i, l, date '2090-02-01' + d, 1 FROM generate_series(1, 3) i, generate_series(1, 2) l, generate_series(0, 6) d;
SELECT merch.fire_as_system('merch.promotion', '{1,2}', 'submit', 'please');
SELECT merch.fire_as_system('merch.promotion', '{1,2}', 'approve', 'good');
SELECT promotion_id, item_id, amount, state, places FROM merch.price_event ORDER BY price_event_id;

\echo no system, nothing to wait for
SELECT * FROM merch.check_published_prices('{1,2}');
SELECT * FROM merch.promotion_price_sync(1);
SELECT pg_temp.error_of('SELECT merch.promotion_price_sync(77)'), pg_temp.error_of('SELECT merch.promotion_price_sync(NULL)');

-- whatever is changed: what was marked is evaluated, and then a full pass must find nothing
CREATE FUNCTION pg_temp.changed(statement text) RETURNS TABLE (promotion bigint, passed boolean, figure numeric, money numeric, detail text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    CREATE TEMP TABLE before ON COMMIT DROP AS TABLE merch.readiness_result;
    EXECUTE statement;
    PERFORM merch.fold_price_digests();
    PERFORM merch.evaluate_dirty_readiness();
    ASSERT merch.evaluate_readiness() = 0, 'a full pass changed rows';
    RETURN QUERY
    SELECT r.promotion_id, r.passed, r.figure, r.money_at_risk, r.detail
    FROM merch.readiness_result r
    LEFT JOIN before b ON b.promotion_id = r.promotion_id AND b.readiness_check = r.readiness_check
    WHERE r.readiness_check = 'prices published'
      AND (r.passed, r.figure, r.money_at_risk, r.detail) IS DISTINCT FROM (b.passed, b.figure, b.money_at_risk, b.detail)
    ORDER BY 1;
    DROP TABLE before;
END
$$;
CREATE FUNCTION pg_temp.publish(system int, items int[], price numeric, places int[] DEFAULT '{1,2}', channel int DEFAULT 1, since timestamptz DEFAULT '2090-02-01Z',
                                seen timestamptz DEFAULT '2090-01-10Z', money text DEFAULT 'EUR') RETURNS void LANGUAGE sql AS $$
    INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency, valid_from, valid_to, seen_at)
    SELECT i, system, l, channel, price, money, since, CASE WHEN since = '-infinity' THEN 'infinity' ELSE since + interval '7 days' END, seen FROM unnest(items) i, unnest(places) l
    ON CONFLICT (item_id, system_id, location_id, channel_id, valid_from) DO UPDATE
    SET amount = excluded.amount, currency = excluded.currency, seen_at = excluded.seen_at
$$;
SELECT * FROM pg_temp.changed('SELECT 1');
\echo what says only what holds now is not waited for; what says more is
SELECT * FROM pg_temp.changed($$INSERT INTO merch.system (system_id, name, reports) VALUES (2, 'tills', 'current')$$);
SELECT * FROM pg_temp.changed($$INSERT INTO merch.system (system_id, name, reports, channel_id, gates_launch) VALUES (3, 'web', 'periods', 2, false)$$);
SELECT * FROM pg_temp.changed($$INSERT INTO merch.system (system_id, name, reports) VALUES (1, 'erp', 'periods')$$);
SELECT * FROM merch.promotion_price_sync(1);
\echo 2 items at 2 places, one of which sells online, too: 4 and 2 prices. One right, one wrong, one of the wrong currency, one until just before, one from just after
SELECT * FROM pg_temp.changed($$
    SELECT pg_temp.publish(1, '{1}', 8, '{1}'), pg_temp.publish(1, '{1}', 9, '{2}'), pg_temp.publish(1, '{2}', 8, '{1}', money => 'USD'),
           pg_temp.publish(1, '{2}', 8, '{2}', since => '2090-01-25Z'), pg_temp.publish(1, '{1}', 8, '{2}', 2, since => '2090-02-01 00:00:01Z')$$);
SELECT * FROM merch.promotion_price_sync(1);
\echo what a system took back it does not show; a higher priority holds
SELECT * FROM pg_temp.changed($$UPDATE merch.published_price SET amount = NULL WHERE item_id = 1 AND location_id = 1$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.published_price SET amount = 8 WHERE item_id = 1 AND location_id = 1;
    INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency, valid_from, valid_to, priority) VALUES (1, 1, 1, 1, 1, 'EUR', '2089-01-01Z', 'infinity', 1)$$);
SELECT * FROM pg_temp.changed($$DELETE FROM merch.published_price WHERE priority = 1$$);
SELECT merch.publish_price_events();
SELECT row_key, reason FROM merch.unready_promotions('{1}');
\echo the rest, seen later: both check and events follow
SELECT * FROM pg_temp.changed($$SELECT pg_temp.publish(1, '{1,2}', 8, seen => '2090-01-11Z'), pg_temp.publish(1, '{1,2}', 8, '{2}', 2, seen => '2090-01-12Z')$$);
SELECT * FROM merch.promotion_price_sync(1);
SELECT max(in_sync_at) AS all_agree_since FROM merch.promotion_price_sync(1) WHERE system = 'erp' HAVING bool_and(in_sync_at IS NOT NULL);
SELECT merch.next_publication() <= clock_timestamp() AS due;
SELECT merch.publish_price_events(), merch.publish_price_events() AS again;
SELECT merch.next_publication() IS NULL AS nothing_to_do;
SELECT promotion_id, item_id, state FROM merch.price_event ORDER BY price_event_id;
SELECT * FROM merch.unready_promotions('{1}');
\echo a price that goes again, and one that a promotion gets
SELECT * FROM pg_temp.changed($$DELETE FROM merch.published_price WHERE item_id = 2 AND location_id = 2 AND channel_id = 1$$);
SELECT * FROM pg_temp.changed($$SELECT pg_temp.publish(1, '{2}', 8)$$);
SELECT * FROM pg_temp.changed($$INSERT INTO merch.location_channel VALUES (1, 2)$$);
SELECT * FROM pg_temp.changed($$DELETE FROM merch.location_channel WHERE location_id = 1$$);
SELECT * FROM pg_temp.changed($$INSERT INTO merch.promotion_location VALUES (1, 3); SELECT merch.prepare_promotions('{1}')$$);
SELECT * FROM pg_temp.changed($$DELETE FROM merch.promotion_location WHERE promotion_id = 1 AND location_id = 3; SELECT merch.prepare_promotions('{1}')$$);
\echo where another price takes precedence, the promotion has none to show; one that does not, such as a regular price, changes nothing
SELECT * FROM pg_temp.changed($$UPDATE merch.published_price SET amount = 4 WHERE item_id = 1 AND location_id = 1$$);
SELECT * FROM pg_temp.changed($$INSERT INTO merch.price_event (price_event_id, item_id, kind, amount, effective) VALUES (90, 1, 'regular', 9, '[2090-01-15,)');
    SELECT merch.fire_as_system('merch.price_event', '{90}', 'approve', 'test')$$);
SELECT * FROM pg_temp.changed($$INSERT INTO merch.price_event (price_event_id, item_id, kind, location_id, amount, effective) VALUES (91, 1, 'emergency', 1, 4, '[2090-01-31,2090-02-02)');
    SELECT merch.fire_as_system('merch.price_event', '{91}', 'approve', 'test')$$);
SELECT system, channel, prices, right_prices FROM merch.promotion_price_sync(1);
SELECT * FROM pg_temp.changed($$SELECT merch.fire_as_system('merch.price_event', '{91}', 'withdraw', 'test')$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.published_price SET amount = 8 WHERE item_id = 1 AND location_id = 1$$);
\echo a system that is waited for no more, or not compared, or says less
SELECT * FROM pg_temp.changed($$UPDATE merch.system SET gates_launch = false WHERE system_id = 1$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.system SET gates_launch = true WHERE system_id = 3$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.system SET gates_launch = true WHERE system_id = 1; UPDATE merch.system SET active = false WHERE system_id = 3$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.system SET channel_id = 2 WHERE system_id = 1$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.system SET channel_id = NULL, reports = 'current' WHERE system_id = 1$$);
SELECT * FROM pg_temp.changed($$UPDATE merch.system SET reports = 'periods' WHERE system_id = 1$$);
\echo a snapshot that is noted is no reason to look again; everything that is emptied is
SELECT merch.publish_price_events() IS NOT NULL AND merch.evaluate_dirty_readiness() IS NOT NULL AS taken;
UPDATE merch.system SET snapshot_at = now(), snapshot_version = 7;
SELECT (SELECT count(*) FROM merch.dirty_promotion) AS promotions, (SELECT count(*) FROM merch.dirty_publication) AS publications;
SELECT * FROM pg_temp.changed('TRUNCATE merch.published_price');
SELECT * FROM pg_temp.changed($$SELECT pg_temp.publish(1, '{1,2}', 8), pg_temp.publish(1, '{1,2}', 8, '{2}', 2)$$);
SELECT state, failed FROM merch.launch_readiness ORDER BY promotion_id;

\echo events of no promotion are published, too: at all places, in all channels of its system
INSERT INTO merch.price_event (price_event_id, item_id, kind, location_id, amount, effective) VALUES (92, 4, 'regular', 2, 7, '[2090-03-01,)'), (93, 5, 'clearance', NULL, 7, '[2090-03-01,2090-04-01)');
INSERT INTO merch.price_event (price_event_id, item_id, kind, channel_id, amount, effective, from_quantity) VALUES (94, 5, 'promotional', 1, 7, '[2090-05-01,2090-06-01)', 1), (95, 5, 'promotional', 1, 6, '[2090-05-01,2090-06-01)', 3);
SELECT merch.fire_as_system('merch.price_event', '{92,93,94,95}', 'approve', 'test');
CREATE FUNCTION pg_temp.published() RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM merch.fold_price_digests();
    PERFORM merch.publish_price_events();
    RETURN QUERY SELECT price_event_id FROM merch.price_event WHERE state = 'published' AND price_event_id >= 90 ORDER BY 1;
END
$$;
SELECT pg_temp.published();
SELECT pg_temp.publish(1, '{4}', 7, '{2}', since => '2090-03-01Z'), pg_temp.publish(1, '{5}', 7, '{1,2,3}', since => '2090-03-01Z');
SELECT pg_temp.published();
SELECT pg_temp.publish(1, '{4}', 7, '{2}', 2, since => '2090-03-01Z'), pg_temp.publish(1, '{5}', 7, '{2}', 2, since => '2090-02-28Z');
SELECT pg_temp.published();
\echo what is for several units is no shelf price
SELECT pg_temp.publish(1, '{5}', 7, '{1,2,3}', since => '2090-05-01Z');
SELECT pg_temp.published();
\echo by the system, on record; one that was shown before it was approved is published at once
SELECT DISTINCT reason FROM merch.state_change WHERE subject = 'merch.price_event'::regclass AND event = 'publish';
SELECT pg_temp.publish(1, '{4}', 6, '{1}', since => '2090-06-01Z');
INSERT INTO merch.price_event (price_event_id, item_id, kind, location_id, amount, effective) VALUES (96, 4, 'regular', 1, 6, '[2090-06-01,)');
SELECT merch.fire_as_system('merch.price_event', '{96}', 'approve', 'test');
SELECT pg_temp.published();
SELECT merch.fire_as_system('merch.price_event', '{96}', 'withdraw', 'test');

\echo live: what says only what holds now is judged, too, and all as of now
SET LOCAL session_replication_role = replica;
UPDATE merch.promotion SET state = 'live', starts_on = current_date, ends_on = current_date + 7 WHERE promotion_id = 1;
UPDATE merch.price_event SET state = 'active', activated_at = now(), effective = tstzrange(now() - interval '1 hour', now() + interval '1 hour') WHERE promotion_id = 1 AND state = 'published';
RESET session_replication_role;
SELECT pg_temp.publish(2, '{1,2}', 8, since => '-infinity'), pg_temp.publish(2, '{1,2}', 10, '{2}', 2, since => '-infinity');
SELECT system, channel, prices, right_prices, share, missing, wrong, in_sync_at, detail FROM merch.promotion_price_sync(1);
SELECT pg_temp.publish(1, '{1,2}', 8, since => '-infinity'), pg_temp.publish(1, '{1,2}', 8, '{2}', 2, since => '-infinity');
SELECT system, channel, prices, right_prices, share, missing, wrong, in_sync_at, detail FROM merch.promotion_price_sync(1) WHERE system = 'erp';
ROLLBACK;
