-- approved prices: what holds at a moment by precedence, over time, and as it is published
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SET client_min_messages = error;
BEGIN;
SELECT merch.create_model();
-- who may do what, and at what price, is not what is tested here
UPDATE merch.price_rule SET severity = 'warn';
UPDATE merch.approval_rule SET active = false;
UPDATE merch.critical_change SET active = false;
UPDATE merch.readiness_check SET active = false;
DELETE FROM merch.preparation_step WHERE step <> 'price_events';
INSERT INTO merch.item (item_id, name, price) VALUES (1, 'juice', 10), (2, 'milk', 20), (3, 'tea', NULL), (4, 'unranged', 5);
INSERT INTO merch.location (location_id, kind, name, channel_id)
VALUES (1, 'store', 'A', 1), (2, 'store', 'B', 1), (3, 'store', 'C', 1), (4, 'online', 'web', 2), (9, 'distribution_centre', 'D', 1);
INSERT INTO merch.location_channel (location_id, channel_id) VALUES (1, 2);
INSERT INTO merch.price_zone (price_zone_id, name) VALUES (1, 'north');
INSERT INTO merch.price_zone_location (location_id, price_zone_id) VALUES (1, 1), (2, 1);
INSERT INTO merch.ranging (item_id, location_id) VALUES (1, 1), (1, 2), (1, 3), (1, 4), (1, 9), (2, 1), (2, 4), (3, 1);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on, time_zone) VALUES (1, 'week', '2090-01-01', '2090-01-08', 'UTC');
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES (1, 1, 'price', 8), (2, 1, 'price', 15);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 1, 1), (2, 1, 2);
INSERT INTO merch.promotion_location VALUES (1, 1), (1, 2);
UPDATE merch.promotion SET state = 'submitted';
SELECT merch.fire_as_system('merch.promotion', '{1}', 'approve');

\echo precedence: kind, then the narrower place, the named channel, the later event; multi-buys are no shelf prices; what is not approved has no part
INSERT INTO merch.price_event (price_event_id, item_id, kind, location_id, price_zone_id, channel_id, from_quantity, amount, effective) VALUES
    (101, 1, 'regular', NULL, NULL, NULL, 1, 9.50, '[2089-12-01,)'),
    (102, 1, 'regular', NULL, 1, NULL, 1, 9.40, '[2089-12-02,)'),
    (103, 1, 'regular', 2, NULL, NULL, 1, 9.30, '[2089-12-03,2089-12-20)'),
    (104, 1, 'regular', 2, NULL, 1, 1, 9.20, '[2089-12-04,2089-12-10)'),
    (105, 1, 'promotional', NULL, NULL, NULL, 1, 8.50, '[2089-12-30,2090-02-01)'),
    (106, 1, 'promotional', NULL, 1, 2, 1, 8.25, '[2090-01-02,2090-01-03)'),
    (107, 1, 'clearance', 3, NULL, NULL, 1, 5.00, '[2090-01-05,)'),
    (108, 1, 'emergency', NULL, NULL, NULL, 1, 12.00, '[2090-01-06 09:00,2090-01-06 10:00)'),
    (109, 1, 'emergency', NULL, NULL, NULL, 2, 1.00, '[2089-12-01,)'),
    (110, 1, 'emergency', NULL, NULL, NULL, 1, 0.01, '[2089-01-01,)');
SELECT merch.fire_rows('merch.price_event', '{101,102,103,104,105,106,107,108,109}', 'approve', NULL);
CREATE FUNCTION pg_temp.price(item bigint, location int, channel int, at timestamptz) RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' ', p.amount::numeric(10, 2), p.currency, p.kind, p.price_event_id) FROM merch.price_at($1, $2, $3, $4) p $$;
SELECT at, pg_temp.price(1, 1, 1, at) AS at_1, pg_temp.price(1, 1, 2, at) AS at_1_online, pg_temp.price(1, 2, 1, at) AS at_2, pg_temp.price(1, 3, 1, at) AS at_3, pg_temp.price(1, 4, 2, at) AS web
FROM unnest(ARRAY['-infinity', '2089-06-01', '2089-12-01', '2089-12-02', '2089-12-03', '2089-12-04', '2089-12-10', '2089-12-20', '2089-12-29 23:59:59.999999',
                  '2089-12-30', '2090-01-01', '2090-01-02', '2090-01-03', '2090-01-05', '2090-01-06 09:00', '2090-01-06 10:00', '2090-01-08', '2090-02-01', 'infinity']::timestamptz[]) at;
SELECT pg_temp.price(3, 1, 1, now()) AS no_price, pg_temp.price(77, 1, 1, now()) AS no_item, pg_temp.price(4, 1, 1, now()) AS not_carried,
       pg_temp.price(1, 77, 77, now()) AS nowhere, pg_temp.price(1, NULL, NULL, now()) AS unasked, pg_temp.price(NULL, 1, 1, now()) AS nothing, pg_temp.price(1, 1, 1, NULL) AS never;
\echo a rank is a row
SAVEPOINT s;
UPDATE merch.price_kind SET rank = 5 WHERE kind = 'emergency';
SELECT pg_temp.price(1, 3, 1, '2090-01-06 09:30'), pg_temp.price(1, 4, 2, '2090-01-06 09:30');
ROLLBACK TO s;

\echo over time, at one place
SELECT valid_from, valid_to, amount::numeric(10, 2), currency, kind, price_event_id
FROM merch.approved_timeline('{1,2,3,4,NULL,1}') WHERE item_id = 1 AND location_id = 2 ORDER BY valid_from;
SELECT count(*), count(DISTINCT (item_id, location_id, channel_id)) AS keys FROM merch.approved_timeline('{1,2,3,4}');
SELECT count(*) FROM merch.approved_timeline(NULL);
\echo in every moment it is what price_at says
CREATE VIEW pg_temp.wrong AS
SELECT t.*, p.amount AS right_amount
FROM merch.approved_timeline(ARRAY(SELECT item_id FROM merch.item)) t
CROSS JOIN LATERAL unnest(ARRAY[t.valid_from, t.valid_to - interval '1 microsecond']) m(at)
CROSS JOIN LATERAL merch.price_at(t.item_id, t.location_id, t.channel_id, m.at) p
WHERE (p.amount, p.currency, p.kind, p.price_event_id) IS DISTINCT FROM (t.amount, t.currency, t.kind, t.price_event_id);
SELECT count(*) FROM pg_temp.wrong;

\echo what counts: a promotion that did not start when it should has no price, in the past and in time to come; what was taken back held until then
SAVEPOINT s;
UPDATE merch.promotion SET starts_on = current_date - 1, ends_on = current_date + 6;
SELECT state, lower(effective) < now() AS begun, pg_temp.price(2, 1, 1, now()), pg_temp.price(2, 1, 1, now() + interval '1 day') AS later,
       pg_temp.price(2, 1, 1, now() - interval '1 hour') AS before
FROM merch.price_event WHERE item_id = 2 AND state <> 'withdrawn';
SELECT merch.fire_as_system('merch.promotion', '{1}', 'ready'), merch.fire('merch.promotion', '1', 'launch');
SELECT state, pg_temp.price(2, 1, 1, now()) ~ '15.00' AS now, pg_temp.price(2, 1, 1, now() + interval '1 day') ~ '15.00' AS later,
       pg_temp.price(2, 1, 1, now() - interval '1 hour') ~ '15.00' AS before, pg_temp.price(2, 1, 1, now() + interval '7 days') ~ '15.00' AS afterwards
FROM merch.price_event WHERE item_id = 2 AND state <> 'withdrawn';
SELECT merch.fire('merch.promotion', '1', 'cancel', 'enough');
SELECT DISTINCT state, pg_temp.price(2, 1, 1, now()) ~ '15.00' AS now, pg_temp.price(2, 1, 1, now() + interval '1 day') ~ '15.00' AS later,
       pg_temp.price(2, 1, 1, now() - interval '1 hour') ~ '15.00' AS before
FROM merch.price_event WHERE item_id = 2;
SELECT count(*) FROM pg_temp.wrong;
ROLLBACK TO s;

\echo now: what is carried, place by place
SELECT item_id, location_id, channel_id, amount, currency, kind, price_event_id, valid_from, valid_to FROM merch.price_now ORDER BY 1, 2, 3;
INSERT INTO merch.price_event (price_event_id, item_id, kind, price_zone_id, amount, effective)
VALUES (120, 2, 'clearance', 1, 18, tstzrange(now() - interval '1 day', now() + interval '1 day')),
       (121, 2, 'emergency', NULL, 19, tstzrange(now() - interval '2 hours', now() - interval '1 hour'));
SELECT merch.fire_rows('merch.price_event', '{120}', 'approve', NULL);
SELECT item_id, location_id, channel_id, amount, kind, price_event_id, valid_from - now() AS from, valid_to - now() AS to FROM merch.price_now WHERE item_id = 2 AND location_id = 1 ORDER BY 2, 3;
UPDATE merch.price_event SET effective = tstzrange(lower(effective), now() + interval '1 hour') WHERE price_event_id = 121;
SELECT merch.fire_rows('merch.price_event', '{121}', 'approve', NULL), merch.make_due_transitions();
SELECT amount, kind, valid_from - now() AS from, valid_to - now() AS to FROM merch.price_now WHERE (item_id, location_id, channel_id) = (2, 1, 1);
\echo a look at one item reads no other
SET LOCAL enable_seqscan = off;
CREATE FUNCTION pg_temp.scans(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        IF line ~ 'Index Cond: \(+item_id = 2' THEN
            RETURN NEXT substring(line FROM 'item_id = [^) ]*');
        END IF;
    END LOOP;
END $$;
SELECT count(*) FROM pg_temp.scans('SELECT * FROM merch.price_now WHERE item_id = 2');
SET LOCAL enable_seqscan = on;

\echo published: by period, and what holds now
SELECT merch.next_price_renewal() <= clock_timestamp() AS due;
SELECT merch.renew_approved_prices();
SELECT merch.renew_approved_prices();
SELECT count(*) FROM merch.dirty_price;
SELECT merch.next_price_renewal() - now() AS due;
CREATE VIEW pg_temp.published AS
SELECT item_id AS item, system_id AS system, location_id AS location, channel_id AS channel, valid_from, valid_to, amount, currency
FROM merch.published_price ORDER BY 1, 2, 3, 4, 5;
SELECT valid_from, valid_to, amount FROM pg_temp.published WHERE (item, system, location) = (1, 0, 2);
SELECT item, location, channel, amount, valid_from, valid_to FROM pg_temp.published WHERE system = -1;
CREATE VIEW pg_temp.wrongly_published AS
SELECT w.*, f.amount AS published
FROM (SELECT n.item_id, -1 AS system_id, n.location_id, n.channel_id, '-infinity'::timestamptz AS at, n.amount, n.currency FROM merch.price_now n
      UNION ALL
      SELECT t.item_id, 0, t.location_id, t.channel_id, t.valid_from, t.amount, t.currency FROM merch.approved_timeline(ARRAY(SELECT item_id FROM merch.item)) t) w
FULL JOIN merch.published_price f ON (f.item_id, f.system_id, f.location_id, f.channel_id) = (w.item_id, w.system_id, w.location_id, w.channel_id)
                                 AND f.valid_from <= w.at AND f.valid_to > w.at
WHERE (w.amount, w.currency) IS DISTINCT FROM (f.amount, f.currency)
UNION ALL
SELECT f.item_id, f.system_id, f.location_id, f.channel_id, m.at, p.amount, p.currency, f.amount
FROM merch.published_price f
CROSS JOIN LATERAL unnest(ARRAY[f.valid_from, f.valid_to - interval '1 microsecond']) m(at)
CROSS JOIN LATERAL merch.price_at(f.item_id, f.location_id, f.channel_id, CASE f.system_id WHEN 0 THEN m.at ELSE now() END) p
WHERE (p.amount, p.currency) IS DISTINCT FROM (f.amount, f.currency);
SELECT count(*) FROM pg_temp.wrongly_published;
\echo neighbours of one price are one row
SELECT count(*) FROM pg_temp.published a JOIN pg_temp.published b USING (item, system, location, channel, amount, currency) WHERE a.valid_to = b.valid_from;
\echo rows that do not change are not written
CREATE FUNCTION pg_temp.rows() RETURNS text LANGUAGE sql AS
$$ SELECT md5(string_agg(concat(ctid, xmin, cmin, p), ',' ORDER BY ctid)) FROM merch.published_price p $$;
SELECT pg_temp.rows() AS before \gset
SELECT merch.mark_prices('{NULL}'), merch.renew_approved_prices(), pg_temp.rows() = :'before' AS unchanged;

\echo every change of what they are made of marks just its items
CREATE FUNCTION pg_temp.marked(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    marks text;
BEGIN
    DELETE FROM merch.dirty_price;
    EXECUTE statement;
    SELECT string_agg(DISTINCT coalesce(item_id::text, 'all'), ',') INTO marks FROM merch.dirty_price;
    PERFORM merch.renew_approved_prices();
    RETURN concat_ws(' ', coalesce(marks, 'none'), 'wrong: ' || nullif((SELECT count(*) FROM pg_temp.wrongly_published), 0));
END $$;
SELECT pg_temp.marked($$UPDATE merch.item SET name = 'apple juice' WHERE item_id = 1$$);
SELECT pg_temp.marked($$UPDATE merch.item SET price = 11 WHERE item_id = 1$$);
SELECT pg_temp.marked($$UPDATE merch.item SET price = 3 WHERE item_id = 3$$);
SELECT pg_temp.marked($$INSERT INTO merch.ranging (item_id, location_id) VALUES (3, 4)$$);
SELECT pg_temp.marked($$UPDATE merch.ranging SET pack = 6$$);
SELECT pg_temp.marked($$DELETE FROM merch.ranging WHERE (item_id, location_id) = (2, 4)$$);
SELECT pg_temp.marked($$UPDATE merch.location SET channel_id = 2 WHERE location_id = 2$$);
SELECT pg_temp.marked($$UPDATE merch.location SET kind = 'store' WHERE location_id = 9$$);
SELECT pg_temp.marked($$INSERT INTO merch.location_channel VALUES (3, 2)$$);
SELECT pg_temp.marked($$DELETE FROM merch.location_channel WHERE location_id = 1$$);
SELECT pg_temp.marked($$UPDATE merch.price_zone_location SET location_id = 3 WHERE location_id = 1$$);
SELECT pg_temp.marked($$DELETE FROM merch.promotion_location WHERE location_id = 2$$);
SELECT pg_temp.marked($$UPDATE merch.offer SET value = 7.5 WHERE offer_id = 1$$);
SELECT pg_temp.marked($$UPDATE merch.promotion SET ends_on = '2090-01-09'$$);
SELECT pg_temp.marked($$INSERT INTO merch.price_event (price_event_id, item_id, kind, amount, effective) VALUES (130, 3, 'regular', 4, '[2090-01-01,)')$$);
SELECT pg_temp.marked($$SELECT merch.fire('merch.price_event', '130', 'approve')$$);
SELECT pg_temp.marked($$UPDATE merch.price_event SET effective = '[2090-01-01,2091-01-01)' WHERE price_event_id = 130$$);
SELECT pg_temp.marked($$SELECT merch.fire('merch.price_event', '130', 'withdraw')$$);
SELECT pg_temp.marked($$DELETE FROM merch.price_event WHERE price_event_id = 130$$);
SELECT pg_temp.marked($$UPDATE merch.price_kind SET rank = 5 WHERE kind = 'emergency'$$);
SELECT pg_temp.marked($$SET LOCAL merch.currency = 'JPY'$$);
SELECT pg_temp.marked($$SELECT merch.mark_prices('{NULL}')$$);
SELECT pg_temp.marked($$SET LOCAL merch.currency = 'EUR'; SELECT merch.mark_prices('{1,2,3,NULL,1}')$$);
SELECT pg_temp.marked($$DELETE FROM merch.ranging WHERE item_id = 3$$);
SELECT pg_temp.marked($$DELETE FROM merch.promotion_location$$);

\echo what time brings: prices that began or ended since somebody looked
SELECT looked_at = now() AS now FROM merch.price_position;
CREATE FUNCTION pg_temp.looked(at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM merch.dirty_price;
    UPDATE merch.price_position SET looked_at = at;
    PERFORM merch.mark_prices_of_time();
    RETURN (SELECT concat_ws(' ', string_agg(coalesce(item_id::text, 'all'), ',' ORDER BY item_id), 'looked now: ' || (SELECT looked_at = now() FROM merch.price_position)) FROM merch.dirty_price);
END $$;
-- 120 and 121 began a day, and two hours ago
SELECT pg_temp.looked(now()), pg_temp.looked(now() - interval '1 hour'), pg_temp.looked(now() - interval '90 minutes'), pg_temp.looked(now() - interval '3 hours'), pg_temp.looked('-infinity');
\echo who began before the last that looked leaves it to the next; a clock that was set back is noticed
SELECT merch.mark_prices('{1}');
UPDATE merch.price_position SET looked_at = clock_timestamp();
SELECT merch.renew_approved_prices(), (SELECT count(*) FROM merch.dirty_price) > 0 AS waits;
SELECT pg_temp.looked(now() + interval '1 day');
SELECT pg_temp.error_of('SELECT merch.renew_approved_prices(0)');
SELECT pg_temp.error_of('SELECT merch.renew_approved_prices(NULL)');
\echo item by item, if need be; and what is gone is gone
SELECT merch.renew_approved_prices(1), merch.renew_approved_prices(2), merch.renew_approved_prices(1), merch.renew_approved_prices(1);
TRUNCATE merch.ranging CASCADE;
SELECT merch.renew_approved_prices();
SELECT count(*) FROM merch.published_price;

\echo incremental = full, after changes at random
INSERT INTO merch.item (item_id, name, price) SELECT n, 'item ' || n, 10 + n FROM generate_series(10, 19) n;
INSERT INTO merch.location (location_id, kind, name, channel_id) SELECT n, 'store', 'place ' || n, 1 + n % 2 FROM generate_series(10, 19) n;
INSERT INTO merch.price_zone (price_zone_id, name) VALUES (10, 'west'), (11, 'east');
INSERT INTO merch.ranging (item_id, location_id) SELECT i, l FROM generate_series(10, 19) i, generate_series(10, 19) l WHERE (i + l) % 3 > 0;
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT p, 'p ' || p, current_date - 6 + 3 * (p - 20), current_date + 6 FROM generate_series(20, 23) p;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) SELECT p, p, 'percent_off', p FROM generate_series(20, 23) p;
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) SELECT i, p, p FROM generate_series(20, 23) p, generate_series(10, 19) i WHERE i % 4 = p - 20;
INSERT INTO merch.promotion_location SELECT p, l FROM generate_series(20, 23) p, generate_series(10, 19) l WHERE (l + p) % 2 = 0;
UPDATE merch.promotion SET state = 'submitted' WHERE promotion_id IN (22, 23);
SELECT merch.fire_as_system('merch.promotion', '{22,23}', 'approve'), merch.fire('merch.promotion', '22', 'launch');
CREATE FUNCTION pg_temp.n(up_to int) RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT floor(random() * up_to)::int $$;
CREATE FUNCTION pg_temp.change() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place CONSTANT int := 10 + pg_temp.n(10);
    item CONSTANT int := 10 + pg_temp.n(10);
    event CONSTANT text := (SELECT price_event_id FROM merch.price_event WHERE item_id >= 10 ORDER BY random() LIMIT 1);
    promotion CONSTANT text := 20 + pg_temp.n(4);
BEGIN
    CASE pg_temp.n(12)
        WHEN 0, 1, 2 THEN
            INSERT INTO merch.price_event (item_id, kind, location_id, price_zone_id, channel_id, amount, effective)
            SELECT item, k.kind, CASE s WHEN 0 THEN place END, CASE s WHEN 1 THEN 10 + place % 2 END, CASE pg_temp.n(3) WHEN 0 THEN 1 END,
                   3 + pg_temp.n(7), tstzrange(now() + f * interval '1 day', CASE WHEN pg_temp.n(4) > 0 THEN now() + (f + 1 + pg_temp.n(5)) * interval '1 day' END)
            FROM (SELECT kind FROM merch.price_kind ORDER BY random() LIMIT 1) k, pg_temp.n(3) s, CAST(pg_temp.n(11) - 5 AS int) f;
        WHEN 3, 4, 5 THEN PERFORM merch.fire('merch.price_event', event, (ARRAY['approve', 'activate', 'publish', 'end', 'withdraw'])[1 + pg_temp.n(5)]);
        WHEN 6 THEN PERFORM merch.fire('merch.promotion', promotion, (ARRAY['submit', 'approve', 'launch', 'end', 'cancel'])[1 + pg_temp.n(5)]);
        WHEN 7 THEN UPDATE merch.price_event SET effective = tstzrange(lower(effective), now() + pg_temp.n(4) * interval '1 day') WHERE price_event_id = event::bigint;
        WHEN 8 THEN INSERT INTO merch.price_zone_location VALUES (place, 10 + pg_temp.n(2)) ON CONFLICT (location_id) DO UPDATE SET price_zone_id = excluded.price_zone_id;
        WHEN 9 THEN UPDATE merch.item SET price = nullif(8 + pg_temp.n(5), 8) WHERE item_id = item;
        WHEN 10 THEN
            IF pg_temp.n(2) = 0 THEN
                DELETE FROM merch.ranging WHERE (item_id, location_id) = (item, place);
            ELSE
                INSERT INTO merch.ranging (item_id, location_id) VALUES (item, place);
            END IF;
        ELSE
            IF pg_temp.n(2) = 0 THEN
                INSERT INTO merch.location_channel VALUES (place, 1 + pg_temp.n(2));
            ELSE
                DELETE FROM merch.location_channel WHERE location_id = place;
            END IF;
    END CASE;
EXCEPTION WHEN OTHERS THEN
    -- refused: nothing has changed
    NULL;
END $$;
CREATE FUNCTION pg_temp.renewed() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made bigint := 0;
    taken bigint;
BEGIN
    LOOP
        taken := merch.renew_approved_prices(1 + pg_temp.n(4));
        EXIT WHEN taken = 0;
        made := made + taken;
    END LOOP;
    RETURN made;
END $$;
CREATE FUNCTION pg_temp.compare(rounds int) RETURNS TABLE (items boolean, unchanged bigint, differ bigint, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
    before text;
BEGIN
    unchanged := 0;
    differ := 0;
    wrong := 0;
    items := false;
    FOR r IN 1 .. rounds LOOP
        PERFORM pg_temp.change() FROM generate_series(1, 8);
        items := pg_temp.renewed() > 0 OR items;
        wrong := wrong + (SELECT count(*) FROM pg_temp.wrongly_published) + (SELECT count(*) FROM pg_temp.wrong);
        before := pg_temp.rows();
        PERFORM merch.mark_prices('{NULL}'), pg_temp.renewed();
        IF pg_temp.rows() IS DISTINCT FROM before THEN
            differ := differ + 1;
        ELSE
            unchanged := unchanged + 1;
        END IF;
    END LOOP;
    RETURN NEXT;
END $$;
SELECT setseed(0.5);
SELECT * FROM pg_temp.compare(60);
SELECT count(DISTINCT state) > 4 AS all_states, count(*) > 50 AS many FROM merch.price_event WHERE item_id >= 10;
SELECT count(*) > 100 AS many_published FROM pg_temp.published WHERE item >= 10 AND system = 0;
SELECT bool_or(promotion_id IS NULL AND activated_at IS NOT NULL) AS some_active, bool_or(promotion_id IS NOT NULL AND activated_at IS NOT NULL) AS some_of_promotions,
       bool_or(state = 'withdrawn' AND activated_at IS NOT NULL) AS some_taken_back
FROM merch.price_event WHERE item_id >= 10;
\echo the digests have followed
SELECT count(*) FROM merch.verify_price_digest('approved');
ROLLBACK;
