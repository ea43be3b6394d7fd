-- price anomalies: every kind, just so and just not, and how many of planted faults are found
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
INSERT INTO merch.location (location_id, kind, name) SELECT l, 'store', 'store ' || l FROM generate_series(1, 30) l;
INSERT INTO merch.system (system_id, name) VALUES (1, 'till'), (2, 'shop');
CREATE FUNCTION pg_temp.show(system int, item bigint, location bigint, amount numeric, currency text DEFAULT 'EUR') RETURNS int LANGUAGE sql AS $$
    INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
    VALUES (item, system, location, 1, amount, currency)
    ON CONFLICT (item_id, system_id, location_id, channel_id, valid_from) DO UPDATE SET amount = excluded.amount, currency = excluded.currency
    RETURNING 1
$$;
CREATE FUNCTION pg_temp.found(item bigint, system text DEFAULT 'till') RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' | ', a.location_id, a.anomaly, trim_scale(a.amount), trim_scale(a.expected), trim_scale(a.score), regexp_replace(a.detail, 'event \d+', 'event …')), E'\n' ORDER BY a.location_id), 'nothing')
    FROM merch.price_anomalies(system, items => ARRAY[item]) a
$$;
SELECT anomaly, threshold, least_prices, least_spread FROM merch.price_anomaly ORDER BY 1;

\echo by what was approved: 10 and 100 times, a tenth and a hundredth, not quite
SELECT count(pg_temp.show(s, 1, l, 10)) FROM generate_series(0, 1) s, generate_series(1, 10) l;
SELECT pg_temp.found(1);
SELECT count(pg_temp.show(1, 1, l, amount)) FROM unnest('{100,1,1000,0.1,109,111,95}'::numeric[]) WITH ORDINALITY v(amount, l);
SELECT pg_temp.found(1);
\echo small prices lose their decimals
SELECT count(pg_temp.show(s, 2, l, 0.99)) FROM generate_series(0, 1) s, generate_series(1, 10) l;
SELECT count(pg_temp.show(1, 2, l, amount)) FROM unnest('{0.10,0.09,0.01,0}'::numeric[]) WITH ORDINALITY v(amount, l);
SELECT pg_temp.found(2);
\echo by what the item costs elsewhere, where nothing was approved; of few prices nobody knows
SELECT count(pg_temp.show(1, 3, l, 10)) FROM generate_series(1, 10) l;
SELECT count(pg_temp.show(1, 3, l, amount)) FROM unnest('{100,1.02}'::numeric[]) WITH ORDINALITY v(amount, l);
SELECT pg_temp.found(3);
SELECT count(pg_temp.show(1, 16, l, CASE l WHEN 1 THEN 13 WHEN 2 THEN 12.99 WHEN 3 THEN 7 WHEN 4 THEN 7.01 ELSE 10 END)) FROM generate_series(1, 20) l;
SELECT pg_temp.found(16) AS far;
SELECT count(pg_temp.show(1, 4, l, CASE l WHEN 1 THEN 100 ELSE 10 END)) FROM generate_series(1, 4) l;
SELECT pg_temp.found(4) AS of_four;
SELECT pg_temp.show(1, 4, 5, 10);
SELECT pg_temp.found(4) AS of_five;
\echo far from others, but not from what was approved for it: a dear place
SELECT count(pg_temp.show(s, 5, l, CASE l WHEN 1 THEN 16 ELSE 10 END)) FROM generate_series(0, 1) s, generate_series(1, 10) l;
SELECT pg_temp.found(5) AS as_approved;
SELECT pg_temp.show(1, 5, 1, 17), pg_temp.show(1, 5, 2, 16);
SELECT pg_temp.found(5);
SELECT pg_temp.found(5, 'approved') AS among_the_approved;
\echo prices that spread: the same distance is nothing there
SELECT count(pg_temp.show(1, 6, l, 6 + l)) FROM generate_series(1, 9) l;
SELECT pg_temp.show(1, 6, 10, 25);
SELECT pg_temp.found(6) AS near;
SELECT pg_temp.show(1, 6, 10, 35);
SELECT pg_temp.found(6);

\echo cents for units: most prices of the item; of one alone nobody knows more than the factor
SELECT count(pg_temp.show(s, 7, l, CASE WHEN s = 1 AND l > 4 THEN 1990 WHEN l = 1 THEN 19 ELSE 19.90 END)) FROM generate_series(0, 1) s, generate_series(1, 8) l;
SELECT pg_temp.found(7);
SELECT pg_temp.show(1, 7, 5, 19.90);
SELECT pg_temp.found(7);
SELECT count(pg_temp.show(s, 8, l, CASE s WHEN 1 THEN 0.199 ELSE 19.90 END)) FROM generate_series(0, 1) s, generate_series(1, 8) l;
SELECT split_part(f, E'\n', 1) || ' …', cardinality(string_to_array(f, E'\n')) FROM pg_temp.found(8) f;
\echo currencies with three decimals and none
SELECT count(pg_temp.show(s, 9, l, CASE s WHEN 1 THEN 1995 ELSE 1.995 END, 'KWD')) FROM generate_series(0, 1) s, generate_series(1, 8) l;
SELECT split_part(f, E'\n', 1) || ' …', cardinality(string_to_array(f, E'\n')) FROM pg_temp.found(9) f;
SELECT count(pg_temp.show(s, 10, l, CASE s WHEN 1 THEN 19900 ELSE 199 END, 'JPY')) FROM generate_series(0, 1) s, generate_series(1, 8) l;
SELECT split_part(f, E'\n', 1) || ' …', cardinality(string_to_array(f, E'\n')) FROM pg_temp.found(10) f;

\echo a currency of few, unless it was approved
SELECT count(pg_temp.show(1, 11, l, 10, CASE WHEN l <= 2 THEN 'USD' ELSE 'EUR' END)) FROM generate_series(1, 10) l;
SELECT pg_temp.found(11);
SELECT pg_temp.show(0, 11, 1, 10, 'USD'), pg_temp.show(0, 11, 2, 10, 'EUR');
SELECT pg_temp.found(11);
SELECT pg_temp.show(1, 11, 3, 10, 'USD');
SELECT pg_temp.found(11) AS not_so_few;

\echo regular and promotional prices for one another
INSERT INTO merch.price_event (item_id, kind, location_id, amount, effective) VALUES
    (12, 'promotional', NULL, 7, tstzrange(now() - interval '5 days', now() + interval '5 days')),
    (12, 'regular', 3, 12, tstzrange(now() - interval '5 days', NULL)),
    (13, 'promotional', NULL, 7, tstzrange(now() + interval '30 days', now() + interval '40 days')),
    (13, 'clearance', 2, 6, tstzrange(now() - interval '50 days', now() - interval '30 days')),
    (13, 'promotional', 3, 8, tstzrange(now() - interval '50 days', now() - interval '31 days')),
    (14, 'promotional', NULL, 12, tstzrange(now() - interval '5 days', now() + interval '5 days'));
SELECT merch.fire('merch.price_event', price_event_id::text, 'approve') FROM merch.price_event ORDER BY price_event_id;
SELECT merch.fire('merch.price_event', price_event_id::text, 'activate') FROM merch.price_event WHERE lower(effective) < now() ORDER BY price_event_id;
SELECT count(pg_temp.show(s, i, l, trim_scale(p.amount)))
FROM generate_series(0, 1) s, generate_series(12, 14) i, generate_series(1, 10) l, merch.price_at(i, l, 1) p;
SELECT pg_temp.show(1, 12, 1, 10), pg_temp.show(1, 12, 3, 12), pg_temp.show(1, 12, 4, 12), pg_temp.show(1, 13, 1, 7), pg_temp.show(1, 13, 2, 6), pg_temp.show(1, 13, 3, 8);
SELECT pg_temp.found(12);
SELECT pg_temp.found(13);
SELECT pg_temp.found(14) AS as_approved;
SELECT split_part(pg_temp.found(14, 'approved'), E'\n', 1);
UPDATE merch.price_anomaly SET threshold = 35 WHERE anomaly = 'promotional for regular';
SELECT pg_temp.found(13);

\echo what overlaps: only what holds; what was taken back and what is over is not there
SELECT count(pg_temp.show(s, 15, l, 10)) FROM generate_series(0, 1) s, generate_series(1, 10) l;
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, valid_from, valid_to, amount, currency, priority) VALUES
    (15, 1, 1, 1, now() - interval '1 day', 'infinity', 100, 'EUR', -1), (15, 1, 2, 1, now() - interval '1 day', 'infinity', 100, 'EUR', 1),
    (15, 1, 3, 1, now() - interval '2 days', now(), 100, 'EUR', 1), (15, 1, 4, 1, now() + interval '1 hour', 'infinity', 100, 'EUR', 1),
    (15, 1, 5, 1, now() - interval '1 day', 'infinity', NULL, 'EUR', 1);
SELECT pg_temp.found(15);
SELECT location_id, anomaly FROM merch.price_anomalies('till', now() + interval '1 hour', '{15}');
\echo kinds are rows
UPDATE merch.price_anomaly SET active = false WHERE anomaly = 'off by 10';
SELECT pg_temp.found(15);
UPDATE merch.price_anomaly SET active = false;
SELECT count(*) FROM merch.price_anomalies('till');
DELETE FROM merch.price_anomaly;
SELECT count(*) FROM merch.price_anomalies('till');
SELECT pg_temp.error_of($$INSERT INTO merch.price_anomaly (anomaly, description) VALUES ('odd', 'odd')$$) LIKE '%price_anomaly_known%';
SELECT count(*) AS shows_nothing FROM merch.price_anomalies('shop');
SELECT pg_temp.error_of($$SELECT merch.price_anomalies('scales')$$);
SELECT pg_temp.error_of($$SELECT merch.price_anomalies(NULL)$$);
ROLLBACK;

\echo 12,000 prices, faults of each kind planted among them
BEGIN;
SELECT merch.create_model();
UPDATE merch.price_rule SET active = false;
SELECT setseed(0.42) IS NOT NULL;
CREATE TEMP TABLE price AS
SELECT i, (0.49 + floor(random() * 40) / 2 + CASE WHEN random() < 0.3 THEN floor(random() * 10) * 10 ELSE 0 END)::numeric AS price, random() AS chance
FROM generate_series(1, 400) i;
INSERT INTO merch.item (item_id, name, price) SELECT i, 'item ' || i, price FROM price;
INSERT INTO merch.location (location_id, kind, name) SELECT l, 'store', 'store ' || l FROM generate_series(1, 30) l;
INSERT INTO merch.price_zone VALUES (1, 'dear');
INSERT INTO merch.price_zone_location SELECT l, 1 FROM generate_series(21, 30) l;
INSERT INTO merch.system (system_id, name) VALUES (1, 'till');
-- a dear zone; a fifth of the items in promotion, a fifth about to be, a tenth cleared at a few places
INSERT INTO merch.price_event (item_id, kind, price_zone_id, location_id, amount, effective)
SELECT i, 'regular', 1, NULL::int, round(price * 1.1, 2), tstzrange(now() - interval '90 days', NULL) FROM price WHERE i % 2 = 0
UNION ALL
SELECT i, 'promotional', NULL::int, NULL, round(price * 0.75, 2), tstzrange(now() - interval '3 days', now() + interval '4 days') FROM price WHERE chance < 0.2
UNION ALL
SELECT i, 'promotional', NULL::int, NULL, round(price * 0.8, 2), tstzrange(now() + interval '2 days', now() + interval '9 days') FROM price WHERE chance BETWEEN 0.2 AND 0.4
UNION ALL
SELECT i, 'clearance', NULL, l, round(price * 0.5, 2), tstzrange(now() - interval '9 days', NULL) FROM price, generate_series(1, 28, 9) l WHERE chance > 0.9;
SELECT merch.fire_as_system('merch.price_event', array_agg(price_event_id::text), 'approve') > 0 FROM merch.price_event;
SELECT merch.fire_as_system('merch.price_event', array_agg(price_event_id::text), 'activate') > 0 FROM merch.price_event WHERE lower(effective) < now();
INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
SELECT i.item_id, s, l.location_id, 1, p.amount, p.currency
FROM merch.item i CROSS JOIN merch.location l CROSS JOIN LATERAL merch.price_at(i.item_id, l.location_id, 1) p CROSS JOIN generate_series(0, 1) s;
CREATE TEMP TABLE fault AS
SELECT p.item_id, p.location_id, p.amount, r.amount AS regular,
       (SELECT e.amount FROM merch.price_event e WHERE e.item_id = p.item_id AND lower(e.effective) > now()) AS to_come,
       random() AS chance, random() < 0.5 AS up, NULL::text AS fault
FROM merch.published_price p
CROSS JOIN LATERAL merch.regular_price_at(p.item_id, p.location_id, 1) r
WHERE p.system_id = 1
ORDER BY p.item_id, p.location_id;
-- whole items in cents, single prices otherwise; two cents are a difference, and nothing odd
UPDATE fault SET fault = CASE WHEN item_id IN (17, 118, 299) THEN 'cents for units'
                              WHEN chance < 0.005 THEN 'off by 10'
                              WHEN chance < 0.01 THEN 'off by 100'
                              WHEN chance < 0.015 THEN 'far from other locations'
                              WHEN chance < 0.02 THEN 'odd currency'
                              WHEN chance < 0.05 THEN 'two cents'
                              WHEN chance < 0.07 AND regular <> amount THEN 'regular for promotional'
                              WHEN chance < 0.07 AND to_come IS NOT NULL THEN 'promotional for regular' END;
UPDATE merch.published_price p
SET amount = CASE f.fault WHEN 'off by 10' THEN CASE WHEN f.up THEN p.amount * 10 ELSE round(p.amount / 10, 2) END
                          WHEN 'off by 100' THEN CASE WHEN f.up THEN p.amount * 100 ELSE greatest(round(p.amount / 100, 2), 0.01) END
                          WHEN 'cents for units' THEN p.amount * 100
                          WHEN 'far from other locations' THEN round(p.amount * CASE WHEN f.up THEN 1.9 ELSE 0.45 END, 2)
                          WHEN 'two cents' THEN p.amount + 0.02
                          WHEN 'regular for promotional' THEN f.regular
                          WHEN 'promotional for regular' THEN f.to_come
                          ELSE p.amount END,
    currency = CASE f.fault WHEN 'odd currency' THEN 'USD' ELSE p.currency END
FROM fault f
WHERE p.system_id = 1 AND f.item_id = p.item_id AND f.location_id = p.location_id AND f.fault IS NOT NULL;

CREATE TEMP VIEW judged AS
SELECT f.fault, a.anomaly, count(*) AS prices
FROM fault f
LEFT JOIN merch.price_anomalies('till') a USING (item_id, location_id)
GROUP BY f.fault, a.anomaly;
CREATE TEMP VIEW score AS
SELECT sum(prices) FILTER (WHERE anomaly IS NOT NULL) AS found,
       round(sum(prices) FILTER (WHERE anomaly IS NOT NULL AND fault <> 'two cents') / sum(prices) FILTER (WHERE anomaly IS NOT NULL), 3) AS precision,
       round(sum(prices) FILTER (WHERE anomaly IS NOT NULL AND fault <> 'two cents') / sum(prices) FILTER (WHERE fault <> 'two cents'), 3) AS recall,
       round(sum(prices) FILTER (WHERE anomaly = fault) / sum(prices) FILTER (WHERE fault <> 'two cents'), 3) AS recall_of_the_kind
FROM judged;
SELECT coalesce(fault, 'none') AS planted, coalesce(anomaly, 'nothing') AS found, prices FROM judged ORDER BY 1, 2;
SELECT * FROM score;
\echo the same without knowing what was approved
DELETE FROM merch.published_price WHERE system_id = 0;
SELECT coalesce(fault, 'none') AS planted, coalesce(anomaly, 'nothing') AS found, prices FROM judged ORDER BY 1, 2;
SELECT * FROM score;
\echo all items at once as one by one
SELECT count(*) FROM (
    (SELECT * FROM merch.price_anomalies('till') EXCEPT ALL
     SELECT a.* FROM merch.item i CROSS JOIN LATERAL merch.price_anomalies('till', now(), ARRAY[i.item_id]) a)) d;
ROLLBACK;
