-- prior price: the lowest of the days before a reduction (Directive 98/6/EC, article 6a)
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SET client_min_messages = error;
BEGIN;
SELECT merch.create_model();
UPDATE merch.price_rule SET active = false;
INSERT INTO merch.item (item_id, name, price) SELECT i, 'item ' || i, 10 FROM generate_series(1, 20) i;
INSERT INTO merch.item (item_id, name) VALUES (21, 'without a price');
INSERT INTO merch.location (location_id, kind, name) VALUES (1, 'store', 'A'), (2, 'store', 'B');
INSERT INTO merch.location_channel VALUES (1, 2);
-- what is approved for times to come counts as what customers will have paid by then
CREATE FUNCTION pg_temp.sell(item bigint, kind text, amount numeric, since text, until text, location int DEFAULT NULL, channel int DEFAULT NULL,
                             currency text DEFAULT 'EUR', from_quantity bigint DEFAULT 1)
RETURNS void LANGUAGE sql AS $$
    WITH made AS (
        INSERT INTO merch.price_event (item_id, kind, amount, effective, location_id, channel_id, currency, from_quantity)
        VALUES (item, kind, amount, tstzrange(since::timestamptz, until::timestamptz), location, channel, currency, from_quantity)
        RETURNING price_event_id
    )
    SELECT merch.fire('merch.price_event', max(price_event_id)::text, 'approve') FROM made
$$;
CREATE FUNCTION pg_temp.prior(item bigint, at text, location int DEFAULT 1, channel int DEFAULT 1, progressive boolean DEFAULT false, days int DEFAULT 30)
RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(concat_ws(' ', trim_scale(p.amount), p.currency, '[' || to_char(p.valid_from, 'MM-DD') || ',', to_char(p.valid_to, 'MM-DD') || ')'), 'unknown')
    FROM merch.prior_price(item, location, channel, at::timestamptz, days, progressive) p
$$;
CREATE FUNCTION pg_temp.approve_all() RETURNS void LANGUAGE sql AS $$
    SELECT merch.fire('merch.price_event', price_event_id::text, 'approve') FROM merch.price_event WHERE state = 'proposed' ORDER BY price_event_id
$$;

\echo 10, five days at 8, back to 10: for 30 days the prior price is 8
SELECT pg_temp.sell(1, 'promotional', 8, '2090-03-10', '2090-03-15');
SELECT pg_temp.prior(1, '2090-03-10') AS the_first_reduction, pg_temp.prior(1, '2090-03-15') AS the_next_one, pg_temp.prior(1, '2090-04-13') AS within_30_days;
\echo on the thirtieth day the last moment of the sale is just not in it any more; a second earlier it is
SELECT pg_temp.prior(1, '2090-04-14'), pg_temp.prior(1, '2090-04-13 23:59:59');
SELECT pg_temp.prior(1, '2090-05-01') AS thirty, pg_temp.prior(1, '2090-05-01', days => 60) AS sixty, pg_temp.prior(1, '2090-05-01', days => 1) AS one;
\echo the price that held when the 30 days began counts
SELECT pg_temp.prior(1, '2090-04-12');

\echo steps 10, 9, 8, then 7: the lowest of the 30 days is 8; where a member state allows it, that before the first step
SELECT pg_temp.sell(2, 'promotional', 9, '2090-03-01', '2090-03-11'), pg_temp.sell(2, 'promotional', 8, '2090-03-11', '2090-03-21');
SELECT pg_temp.prior(2, '2090-03-21') AS strict, pg_temp.prior(2, '2090-03-21', progressive => true) AS progressive;
\echo a reduction that lasts longer than 30 days: its price, or that before it began
SELECT pg_temp.sell(3, 'promotional', 8, '2090-03-01', '2090-06-01');
SELECT pg_temp.prior(3, '2090-06-01') AS strict, pg_temp.prior(3, '2090-06-01', progressive => true) AS progressive;
\echo it was interrupted: the step before is of another reduction
SELECT pg_temp.sell(4, 'promotional', 9, '2090-03-01', '2090-03-06'), pg_temp.sell(4, 'promotional', 8, '2090-03-11', '2090-03-21');
SELECT pg_temp.prior(4, '2090-03-21') AS strict, pg_temp.prior(4, '2090-03-21', progressive => true) AS progressive;
\echo the price went up meanwhile
SELECT pg_temp.sell(5, 'promotional', 8, '2090-03-01', '2090-03-11'), pg_temp.sell(5, 'promotional', 9, '2090-03-11', '2090-03-21');
SELECT pg_temp.prior(5, '2090-03-21') AS strict, pg_temp.prior(5, '2090-03-21', progressive => true) AS progressive;
\echo nothing but steps since ever
SELECT pg_temp.sell(6, 'clearance', 8, '-infinity', '2090-03-11');
SELECT pg_temp.prior(6, '2090-03-11', progressive => true), pg_temp.prior(6, '2090-03-12', progressive => true);

\echo by place and channel: what was not sold there at that price does not count
SELECT pg_temp.sell(7, 'promotional', 8, '2090-03-10', '2090-03-15', 2), pg_temp.sell(7, 'promotional', 7, '2090-03-10', '2090-03-15', 1, 2);
SELECT pg_temp.prior(7, '2090-03-20', 1, 1) AS store_a, pg_temp.prior(7, '2090-03-20', 2, 1) AS store_b, pg_temp.prior(7, '2090-03-20', 1, 2) AS online_of_a;
\echo clearance and emergency prices were paid, too; of several at once only the one that goes before
SELECT pg_temp.sell(8, 'emergency', 9.5, '2090-03-10', '2090-03-15'), pg_temp.sell(8, 'promotional', 8, '2090-03-10', '2090-03-14');
SELECT pg_temp.prior(8, '2090-03-20');
\echo three for the price of two is no price of one
SELECT pg_temp.sell(9, 'promotional', 5, '2090-03-10', '2090-03-15', from_quantity => 3);
SELECT pg_temp.prior(9, '2090-03-20');
\echo another currency can not be compared; only proposed, and withdrawn before its time: nobody paid it
SELECT pg_temp.sell(10, 'promotional', 5, '2090-03-10', '2090-03-15', currency => 'USD');
INSERT INTO merch.price_event (item_id, kind, amount, effective) VALUES (10, 'clearance', 3, '[2090-03-10,2090-03-15)');
SELECT pg_temp.sell(10, 'clearance', 2, '2090-03-16', '2090-03-18');
SELECT merch.fire('merch.price_event', max(price_event_id)::text, 'withdraw') FROM merch.price_event;
SELECT pg_temp.prior(10, '2090-03-20');
\echo regular price events: down and up again
SELECT pg_temp.sell(11, 'regular', 9, '2090-03-01', '2090-03-11'), pg_temp.sell(11, 'regular', 12, '2090-03-11', NULL);
SELECT pg_temp.prior(11, '2090-03-20'), pg_temp.prior(11, '2090-03-20', progressive => true) AS no_reduction, pg_temp.prior(11, '2090-04-20');

\echo days are those of the calendar where the session is, also when clocks change: the sale was over 30 days before
SELECT pg_temp.sell(12, 'promotional', 8, '2090-03-01 00:00 Europe/Berlin', '2090-03-05 00:00 Europe/Berlin');
SET TimeZone = 'Europe/Berlin';
SELECT pg_temp.prior(12, '2090-04-04'), pg_temp.prior(12, '2090-04-03 23:00');
SET TimeZone = 'UTC';

\echo what price of the item was is not forgotten when it is overwritten
SELECT item_id, valid_from, price FROM merch.item_price WHERE item_id = 13;
UPDATE merch.item SET price = 12 WHERE item_id IN (13, 14);
UPDATE merch.item SET name = 'the same price' WHERE item_id = 13;
UPDATE merch.item SET price = 12 WHERE item_id = 13;
SELECT price, valid_from > now() AS lately FROM merch.item_price WHERE item_id = 13 ORDER BY valid_from;
SELECT trim_scale(p.amount) AS it_was_10_until_now FROM merch.prior_price(13, 1, 1, clock_timestamp() + interval '1 hour') p;
-- as if 12 had come 40 days ago, and as if 10 had been 12 before
UPDATE merch.item_price SET valid_from = now() - interval '40 days' WHERE item_id = 13 AND price = 12;
SELECT trim_scale(p.amount) AS long_past FROM merch.prior_price(13, 1, 1, now()) p;
UPDATE merch.item_price SET price = 22 - price WHERE item_id = 14;
UPDATE merch.item SET price = 10 WHERE item_id = 14;
SELECT trim_scale(p.amount) AS lower_now FROM merch.prior_price(14, 1, 1, now() + interval '1 day') p;
UPDATE merch.item SET price = NULL WHERE item_id = 14;
UPDATE merch.item SET price = 11 WHERE item_id = 14;
SELECT price FROM merch.item_price WHERE item_id = 14 ORDER BY valid_from;
SELECT trim_scale(p.amount) AS unknown_for_a_while FROM merch.prior_price(14, 1, 1, now() + interval '1 day') p;
DELETE FROM merch.item WHERE item_id = 20;
SELECT count(*) FROM merch.item_price WHERE item_id = 20;
\echo what really was paid: ended in time, and withdrawn while it was active
INSERT INTO merch.price_event (item_id, kind, amount, effective)
VALUES (15, 'promotional', 8, tstzrange(now() - interval '10 days', now() - interval '5 days')),
       (16, 'promotional', 8, tstzrange(now() - interval '10 days', now() + interval '5 days')),
       (17, 'promotional', 8, tstzrange(now() - interval '10 days', now() + interval '5 days'));
SELECT merch.fire('merch.price_event', price_event_id::text, event)
FROM merch.price_event, (VALUES (1, 'approve'), (2, 'activate')) v(step, event) WHERE item_id IN (15, 16) ORDER BY step, price_event_id;
SELECT merch.fire('merch.price_event', price_event_id::text, CASE item_id WHEN 15 THEN 'end' ELSE 'withdraw' END)
FROM merch.price_event WHERE item_id IN (15, 16, 17) ORDER BY item_id;
SELECT i.item_id, trim_scale(p.amount) AS amount, p.valid_from = now() - interval '10 days' AS since, p.valid_to - now() AS until
FROM merch.item i CROSS JOIN LATERAL merch.prior_price(i.item_id, 1, 1, now() + interval '20 days') p
WHERE i.item_id IN (15, 16) ORDER BY 1;
SELECT trim_scale(p.amount) AS never_active FROM merch.prior_price(17, 1, 1, now()) p;
\echo a promotion that did not go live has sold nothing
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'late', current_date, current_date + 5);
INSERT INTO merch.promotion_location VALUES (1, 1);
INSERT INTO merch.price_event (item_id, kind, promotion_id, amount, effective)
VALUES (18, 'promotional', 1, 8, tstzrange(now() - interval '1 day', now() + interval '5 days'));
SELECT pg_temp.approve_all();
SELECT trim_scale(p.amount) FROM merch.prior_price(18, 1, 1, now() + interval '1 minute') p;

\echo nobody knows
SELECT pg_temp.prior(21, '2090-03-20') AS no_price, pg_temp.prior(99, '2090-03-20') AS no_item, pg_temp.prior(NULL, '2090-03-20') AS none, pg_temp.prior(1, NULL) AS never;
SELECT pg_temp.error_of('SELECT merch.prior_price(1, 1, 1, now(), 0)');
SELECT pg_temp.error_of('SELECT merch.prior_price(1, 1, 1, now(), NULL)');
SELECT pg_temp.error_of('SELECT merch.prior_price(1, 1, 1, now(), 4000)');
\echo many at once as one by one
CREATE TEMP TABLE asked AS
SELECT row_number() OVER (ORDER BY i, l, d) AS n, i AS item, l AS location, '2090-03-01'::timestamptz + make_interval(days => d) AS at
FROM generate_series(1::bigint, 12) i, generate_series(1, 2) l, generate_series(1, 60, 7) d;
SELECT count(*), count(*) FILTER (WHERE (s.amount, s.currency, s.valid_from, s.valid_to) IS DISTINCT FROM (o.amount, o.currency, o.valid_from, o.valid_to)) AS different
FROM (SELECT array_agg(item ORDER BY n) AS items, array_agg(location ORDER BY n) AS locations, array_agg(1) AS channels, array_agg(at ORDER BY n) AS moments
      FROM asked) m
CROSS JOIN (VALUES (false), (true)) v(progressive)
CROSS JOIN LATERAL merch.prior_prices(m.items, m.locations, m.channels, m.moments, 30, v.progressive) s
JOIN asked a USING (n)
CROSS JOIN LATERAL merch.prior_price(a.item, a.location, 1, a.at, 30, v.progressive) o;
ROLLBACK;
