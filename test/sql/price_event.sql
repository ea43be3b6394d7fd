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

\echo zones: a location is in one; what holds there follows it, whatever is written
INSERT INTO merch.location (location_id, kind, name) VALUES (2, 'store', 'B'), (3, 'store', 'C'), (4, 'online', 'web'), (9, 'distribution_centre', 'D');
INSERT INTO merch.price_zone (price_zone_id, name) VALUES (1, 'north'), (2, 'south'), (3, 'empty');
INSERT INTO merch.price_zone_location (location_id, price_zone_id) VALUES (1, 1), (2, 1), (3, 2);
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_zone_location VALUES (1, 2)$$), E'\n', 1);
SELECT split_part(pg_temp.error_of($$DELETE FROM merch.price_zone WHERE price_zone_id = 1$$), E'\n', 1);
INSERT INTO merch.location_channel (location_id, channel_id) VALUES (1, 1), (1, 2), (9, 2);
TABLE merch.sales_place ORDER BY 1, 2;
CREATE VIEW pg_temp.places AS
SELECT price_event_id AS event, kind, scope, location_id AS location, price_zone_id AS zone, promotion_id AS promotion, channel_id AS channel, places, state
FROM merch.price_event WHERE price_event_id >= 100 ORDER BY 1;
INSERT INTO merch.price_event (price_event_id, item_id, kind, location_id, price_zone_id, amount, effective, places, activated_at) VALUES
    (100, 2, 'promotional', NULL, NULL, 95, '[2090-01-01,2090-02-01)', '{}', now()),
    (101, 2, 'promotional', NULL, 1, 94, '[2090-01-01,2090-02-01)', '{[7,8)}', NULL),
    (102, 2, 'promotional', NULL, 2, 93, '[2090-01-01,2090-02-01)', '{}', NULL),
    (103, 2, 'promotional', NULL, 3, 92, '[2090-01-01,2090-02-01)', '{}', NULL),
    (104, 2, 'promotional', 1, NULL, 91, '[2090-01-01,2090-02-01)', '{(,)}', NULL);
TABLE pg_temp.places;
SELECT count(activated_at) FROM merch.price_event WHERE price_event_id >= 100;
SELECT split_part(pg_temp.error_of($$UPDATE merch.price_event SET location_id = 1 WHERE price_event_id = 101$$), E'\n', 1);
SELECT merch.fire_rows('merch.price_event', '{100,101,102,103,104}', 'approve', 'good');
UPDATE merch.price_event SET places = '{[1,99)}', activated_at = now() WHERE price_event_id IN (101, 104);
TABLE pg_temp.places;
\echo a location that changes its zone takes the price of the other, in one statement
UPDATE merch.price_zone_location SET price_zone_id = 3 - price_zone_id;
UPDATE merch.price_zone_location SET price_zone_id = 2 WHERE location_id = 3;
DELETE FROM merch.price_zone_location WHERE location_id = 2;
TABLE pg_temp.places;
SELECT pg_temp.error_of($$TRUNCATE merch.price_zone_location$$);
\echo what is over keeps the places that it had
SELECT merch.fire('merch.price_event', '102', 'withdraw');
UPDATE merch.price_zone_location SET price_zone_id = 1;
UPDATE merch.price_event SET places = '{}' WHERE price_event_id = 102;
TABLE pg_temp.places;

\echo two of a kind for one item, place and channel are not approved for one moment
CREATE FUNCTION pg_temp.second(columns text, "values" text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    EXECUTE format('INSERT INTO merch.price_event (price_event_id, item_id, amount, kind, %s) VALUES (200, 2, 94.5, %s) RETURNING price_event_id', columns, "values") INTO made;
    RETURN split_part(pg_temp.error_of('UPDATE merch.price_event SET state = ''approved'' WHERE price_event_id = 200'), E'\n', 1);
END $$;
SAVEPOINT before;
SELECT pg_temp.second('effective', $$'promotional', '[2090-01-15,2090-03-01)'$$);
ROLLBACK TO before;
SELECT pg_temp.second('price_zone_id, effective', $$'promotional', 1, '[2089-12-01,2090-01-01 00:00:01)'$$);
ROLLBACK TO before;
\echo but where they touch; of another kind, scope, channel or number of units; at other places; while they are proposals
SELECT pg_temp.second('effective', $$'promotional', '[2090-02-01,2090-03-01)'$$);
ROLLBACK TO before;
SELECT pg_temp.second('effective', $$'clearance', '[2090-01-15,2090-03-01)'$$);
ROLLBACK TO before;
SELECT pg_temp.second('location_id, effective', $$'promotional', 2, '[2090-01-15,2090-03-01)'$$);
ROLLBACK TO before;
SELECT pg_temp.second('channel_id, effective', $$'promotional', 1, '[2090-01-15,2090-03-01)'$$);
ROLLBACK TO before;
SELECT pg_temp.second('from_quantity, effective', $$'promotional', 2, '[2090-01-15,2090-03-01)'$$);
ROLLBACK TO before;
\echo neither by moving an end
INSERT INTO merch.price_event (price_event_id, item_id, kind, amount, effective) VALUES (110, 2, 'promotional', 90, '[2089-12-01,2090-01-01)');
SELECT merch.fire('merch.price_event', '110', 'approve');
SELECT split_part(pg_temp.error_of($$UPDATE merch.price_event SET effective = '[2089-12-01,2090-01-02)' WHERE price_event_id = 110$$), E'\n', 1);
\echo a price and the one that follows it change places within a transaction
SET CONSTRAINTS merch.price_event_one_at_a_time DEFERRED;
UPDATE merch.price_event SET effective = '[2089-12-01,2090-01-15)' WHERE price_event_id = 110;
SELECT split_part(pg_temp.error_of('SET CONSTRAINTS ALL IMMEDIATE'), E'\n', 1);
SELECT merch.fire('merch.price_event', '100', 'withdraw');
SET CONSTRAINTS ALL IMMEDIATE;
\echo of two promotions the one that is prepared later says so; nor does one get a location where the other has its price
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (3, 'third', '2090-04-07', '2090-04-14'), (4, 'fourth', '2090-04-07', '2090-04-14');
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES (5, 3, 'price', 1.2), (6, 4, 'price', 1.3);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 3, 5), (1, 4, 6);
INSERT INTO merch.promotion_location VALUES (2, 1), (2, 2), (3, 2), (3, 3), (4, 1), (4, 4);
UPDATE merch.promotion SET state = 'submitted' WHERE promotion_id = 2;
SELECT merch.fire_as_system('merch.promotion', '{2}', 'approve');
UPDATE merch.promotion SET state = 'submitted' WHERE promotion_id IN (3, 4);
SELECT merch.fire_as_system('merch.promotion', '{3,4}', 'approve');
SELECT promotion_id, error_code, error FROM merch.preparation WHERE state = 'failed' ORDER BY 1;
DELETE FROM merch.promotion_location WHERE (promotion_id, location_id) IN ((3, 2), (4, 1));
SELECT promotion_id, places, state FROM merch.price_event WHERE promotion_id > 1 ORDER BY 1;
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.promotion_location VALUES (3, 4)$$), E'\n', 1);
SELECT pg_temp.error_of($$INSERT INTO merch.promotion_location VALUES (3, 1)$$) ~ 'no error', places FROM merch.price_event WHERE promotion_id = 3;
SELECT pg_temp.error_of('TRUNCATE merch.promotion_location');

\echo what is of no promotion is activated and ended by the clock, in time and not before
INSERT INTO merch.price_event (price_event_id, item_id, kind, amount, effective) VALUES
    (120, 3, 'promotional', 0.9, tstzrange(now() - interval '1 hour', now() + interval '1 hour')),
    (121, 3, 'emergency', 0.95, tstzrange(now() + interval '1 day', NULL)), (122, 3, 'clearance', 0.8, tstzrange(now(), 'infinity'));
SELECT merch.fire_rows('merch.price_event', '{120,121,122}', 'approve', NULL), merch.fire('merch.price_event', '122', 'publish');
SELECT price_event_id, activates_at - now() AS activates_in, ends_at - now() AS ends_in FROM merch.price_event
WHERE price_event_id >= 120 OR promotion_id = 2 ORDER BY 1;
SELECT regexp_replace(pg_temp.error_of($$SELECT merch.fire('merch.price_event', '121', 'activate')$$), '\d{4}-\S+ \S+\.', 'tomorrow.');
SELECT regexp_replace(pg_temp.error_of(format($$SELECT merch.fire('merch.price_event', '%s', 'activate')$$, price_event_id)), 'event \d+', 'event N', 'g')
FROM merch.price_event WHERE promotion_id = 2;
SELECT merch.make_due_transitions();
SELECT price_event_id, state, activated_at = now() AS now FROM merch.price_event WHERE price_event_id >= 120 ORDER BY 1;
UPDATE merch.price_event SET effective = tstzrange(lower(effective), now()) WHERE price_event_id = 120;
SELECT merch.make_due_transitions();
SELECT price_event_id, state, activated_at = now() AS now, upper(effective) = now() AS to_now FROM merch.price_event WHERE price_event_id >= 120 ORDER BY 1;
\echo ended or withdrawn early: cut to the moment, by raw SQL, too; and paid by nobody if it had not begun
INSERT INTO merch.price_event (price_event_id, item_id, kind, location_id, amount, effective)
SELECT 129 + n, 3, 'promotional', n, 0.9, tstzrange(now() - interval '1 hour', now() + interval '1 hour') FROM generate_series(1, 2) n;
SELECT merch.fire_rows('merch.price_event', '{130,131}', 'approve', NULL), merch.fire_rows('merch.price_event', '{130,131}', 'activate', NULL);
UPDATE merch.price_event SET state = CASE price_event_id WHEN 130 THEN 'ended' ELSE 'withdrawn' END, effective = tstzrange(lower(effective), NULL),
    activated_at = NULL
WHERE price_event_id IN (122, 130, 131);
SELECT price_event_id, state, activated_at = now() AS activated_now, lower(effective) - now() AS from, upper(effective) - now() AS to FROM merch.price_event
WHERE price_event_id IN (122, 130, 131) ORDER BY 1;
SELECT pg_temp.error_of($$UPDATE merch.price_event SET effective = tstzrange(lower(effective), NULL) WHERE price_event_id = 130$$);

\echo kinds and their order are rows
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_kind VALUES ('member', 0, 'for members')$$), E'\n', 1);
INSERT INTO merch.price_kind VALUES ('member', 3, 'for members');
SELECT split_part(pg_temp.error_of($$DELETE FROM merch.price_kind WHERE kind = 'clearance'$$), E'\n', 1);

\echo who has role merch_pricing makes prices, but none for a promotion, and changes none that is approved
CREATE ROLE merch_test_pia IN ROLE merch_pricing;
SET LOCAL ROLE merch_test_pia;
INSERT INTO merch.price_zone (price_zone_id, name) VALUES (4, 'east');
INSERT INTO merch.price_zone_location VALUES (4, 4);
INSERT INTO merch.price_event (item_id, kind, price_zone_id, amount, effective) VALUES (2, 'regular', 4, 99, '[2095-01-01,)');
UPDATE merch.price_event SET amount = 98 WHERE item_id = 2 AND kind = 'regular';
SELECT merch.fire('merch.price_event', price_event_id::text, 'approve') FROM merch.price_event WHERE item_id = 2 AND kind = 'regular';
SELECT split_part(pg_temp.error_of($$UPDATE merch.price_event SET amount = 97 WHERE item_id = 2 AND kind = 'regular'$$), ' ', 1);
UPDATE merch.price_event SET effective = '[2095-01-01,2096-01-01)' WHERE item_id = 2 AND kind = 'regular' RETURNING places, amount, state;
SELECT split_part(pg_temp.error_of($$INSERT INTO merch.price_event (item_id, kind, promotion_id, amount, effective) VALUES (2, 'promotional', 2, 1, '[2095-01-01,)')$$), ' ', 1);
RESET ROLE;
ROLLBACK;
