-- price events: what is approved stays as it is, by raw SQL, too
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SET client_min_messages = error;
BEGIN;
SELECT merch.create_model();
-- who has to approve, and what has to be ready, is not what is tested here
UPDATE merch.approval_rule SET active = false;
UPDATE merch.critical_change SET active = false;
UPDATE merch.readiness_check SET active = false;
INSERT INTO merch.item (item_id, name, price) VALUES (1, 'juice', 1.99), (2, 'milk', 100), (3, 'tea', 1);
INSERT INTO merch.location (location_id, kind, name) VALUES (1, 'store', 'A');
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'first', '2090-03-01', '2090-03-08'), (2, 'second', '2090-04-01', '2090-04-08');
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES (1, 1, 'percent_off', 33.33), (2, 1, 'amount_off', 5), (3, 1, 'feature', NULL);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 1, 1), (2, 1, 2), (3, 1, 3);
INSERT INTO merch.promotion_location VALUES (1, 1);
DELETE FROM merch.preparation_step WHERE step <> 'price_events';

\echo rounded to what the currency is counted in
SELECT c, merch.round_price(amount, c) FROM unnest('{EUR,JPY,KWD,XTS}'::text[]) c, unnest('{1.32673,0.5,2.005,NULL}'::numeric[]) amount ORDER BY 1, amount;
SELECT merch.offer_price(2, 'amount_off', 3) AS not_below_0, merch.offer_price(NULL, 'amount_off', 3) AS unknown, merch.offer_price(NULL, 'price', 3) AS known;
SELECT pg_temp.error_of($$SET merch.currency = 'euro'$$), merch.currency();
UPDATE merch.promotion SET state = 'submitted' WHERE promotion_id = 1;
SELECT merch.fire_as_system('merch.promotion', '{1}', 'approve', 'good');
SELECT price_event_id, item_id, kind, offer_id, amount, currency, effective, state FROM merch.price_event ORDER BY 1;
\echo another currency: another price
SAVEPOINT s;
SET LOCAL merch.currency = 'JPY';
SELECT merch.prepare_promotions('{1}');
SELECT price_event_id, item_id, amount, currency, state FROM merch.price_event ORDER BY 1;
ROLLBACK TO s;

\echo nothing of it can be changed, deleted or truncated
SELECT pg_temp.error_of($$UPDATE merch.price_event SET amount = 1 WHERE price_event_id = 1$$);
SELECT pg_temp.error_of($$UPDATE merch.price_event SET item_id = 3 WHERE price_event_id = 1$$);
SELECT pg_temp.error_of($$UPDATE merch.price_event SET currency = 'USD' WHERE price_event_id = 1$$);
SELECT pg_temp.error_of($$UPDATE merch.price_event SET location_id = 1 WHERE price_event_id = 1$$);
SELECT pg_temp.error_of($$UPDATE merch.price_event SET effective = '[2090-02-01,2090-03-08)' WHERE price_event_id = 1$$);
SELECT pg_temp.error_of($$UPDATE merch.price_event SET effective = '[2090-03-01,2090-03-09)' WHERE price_event_id = 1$$);
SELECT pg_temp.error_of($$UPDATE merch.price_event SET effective = '[2090-03-01,)' WHERE price_event_id = 1$$);
SELECT pg_temp.error_of($$DELETE FROM merch.price_event WHERE price_event_id = 1$$);
SELECT merch.fire('merch.price_event', '1', 'publish');
SELECT pg_temp.error_of($$DELETE FROM merch.price_event WHERE price_event_id = 1$$);
SELECT pg_temp.error_of($$UPDATE merch.price_event SET amount = 1$$);
SELECT pg_temp.error_of($$TRUNCATE merch.price_event$$);
SELECT pg_temp.error_of($$DELETE FROM merch.promotion WHERE promotion_id = 1$$);
SELECT pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, promotion_id, amount, effective) VALUES (1, 'promotional', 1, 1, '[2090-03-01,2090-03-08)')$$);
\echo other than through its states
SELECT pg_temp.error_of($$UPDATE merch.price_event SET state = 'ended' WHERE price_event_id = 1$$);
SELECT pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, amount, effective, state) VALUES (1, 'regular', 1, '[2090-03-01,)', 'active')$$);
\echo what is wrong in itself
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, amount, effective) VALUES (1, 'lucky', 1, '[2090-03-01,)')$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, amount, effective) VALUES (1, 'regular', -1, '[2090-03-01,)')$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, amount, effective) VALUES (1, 'regular', 'NaN', '[2090-03-01,)')$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, amount, effective) VALUES (1, 'regular', 1, 'empty')$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, amount, effective) VALUES (1, 'regular', 1, '(,2090-03-01)')$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, amount, effective) VALUES (1, 'regular', 1, '[2090-03-01,2090-03-02]')$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, amount, effective, currency) VALUES (1, 'regular', 1, '[2090-03-01,)', '€')$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, amount, effective, from_quantity) VALUES (1, 'regular', 1, '[2090-03-01,)', 0)$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, promotion_id, amount, effective) VALUES (1, 'regular', 1, 1, '[2090-03-01,)')$$), E'\n', 1);
\echo other kinds are free to be made, changed while proposed, and deleted
INSERT INTO merch.price_event (price_event_id, item_id, kind, amount, effective) VALUES (90, 1, 'regular', 2.49, '[2090-01-01,)');
UPDATE merch.price_event SET amount = 2.39 WHERE price_event_id = 90;
SELECT merch.fire('merch.price_event', '90', 'approve');
UPDATE merch.price_event SET effective = '[2090-01-01,2091-01-01)' WHERE price_event_id = 90 RETURNING effective;
SELECT merch.fire('merch.price_event', '90', 'withdraw');
SELECT pg_temp.error_of($$UPDATE merch.price_event SET effective = '[2090-01-01,2092-01-01)' WHERE price_event_id = 90$$);
DELETE FROM merch.price_event WHERE price_event_id = 90;
INSERT INTO merch.price_event (price_event_id, item_id, kind, amount, effective) VALUES (92, 1, 'clearance', 0.99, '[2020-01-01,)');
SELECT merch.fire('merch.price_event', '92', 'approve'), merch.fire('merch.price_event', '92', 'activate');
SELECT pg_temp.error_of($$UPDATE merch.price_event SET effective = '[2020-01-01,2021-01-01)' WHERE price_event_id = 92$$);
UPDATE merch.price_event SET effective = tstzrange('2020-01-01', now()) WHERE price_event_id = 92;
SELECT merch.fire('merch.price_event', '92', 'end');

\echo published, and the promotion is moved: withdrawn and made anew; its end alone is moved in place
UPDATE merch.promotion SET ends_on = '2090-03-10' WHERE promotion_id = 1;
SELECT price_event_id, item_id, amount, effective, state FROM merch.price_event WHERE promotion_id = 1 ORDER BY 1;
UPDATE merch.promotion SET starts_on = '2090-03-03' WHERE promotion_id = 1;
SELECT price_event_id, item_id, amount, effective, state FROM merch.price_event WHERE promotion_id = 1 ORDER BY 1;
\echo what was made by hand for the promotion and is not in its offers is withdrawn
INSERT INTO merch.price_event (price_event_id, item_id, kind, promotion_id, location_id, amount, effective)
VALUES (91, 1, 'promotional', 1, 1, 1.11, '[2090-03-03,2090-03-10)');
SELECT merch.prepare_promotions('{1}');
SELECT state FROM merch.price_event WHERE price_event_id = 91;
\echo nothing for promotions that are not approved
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES (4, 2, 'price', 1);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 2, 4);
SELECT merch.prepare_price_events('{2}'), merch.prepare_promotions('{2}');
SELECT count(*) FROM merch.price_event WHERE promotion_id = 2;
ROLLBACK;
