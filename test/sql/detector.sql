-- detectors: what is wrong is found, follows its figures, and goes with its cause
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
BEGIN;
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';
INSERT INTO merch.item_group VALUES (1, NULL, 'drinks');
INSERT INTO merch.item (item_id, item_group_id, name, price, cost, labour_minutes) VALUES (1, 1, 'juice', 15, 5, 6), (2, 1, 'milk', 3, 1, 6), (3, 1, 'water', 2, 1, 6);
INSERT INTO merch.location (location_id, kind, name) VALUES (100, 'distribution_centre', 'centre'), (1, 'store', 'A'), (2, 'store', 'B'), (3, 'store', 'C');
INSERT INTO merch.lane (location_id, source_id, lead_days) SELECT l, 100, 2 FROM generate_series(1, 3) l;
INSERT INTO merch.ranging (item_id, location_id) SELECT i, l FROM generate_series(1, 3) i, generate_series(1, 3) l;
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (1, 100, 18), (2, 100, 1000), (3, 100, 1000);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'week', current_date + 10, current_date + 17), (2, 'other', current_date + 20, current_date + 27);
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 1), (2, 1), (2, 2);
INSERT INTO merch.promotion_location SELECT p, l FROM generate_series(1, 2) p, generate_series(1, 3) l;
INSERT INTO merch.forecast (item_id, location_id, day, mean) SELECT i, l, current_date + d, 1 FROM generate_series(1, 3) i, generate_series(1, 3) l, generate_series(0, 30) d;
UPDATE merch.exception_kind SET loss_share = 1;
-- days from today, so that nothing of what is printed is a date
CREATE FUNCTION pg_temp.days(said text) RETURNS text LANGUAGE sql
RETURN regexp_replace((SELECT string_agg(CASE WHEN w ~ '^\d{4}-\d\d-\d\d' THEN 'day ' || left(w, 10)::date - current_date || substr(w, 11) ELSE w END, ' ' ORDER BY n)
        FROM regexp_split_to_table(said, ' ') WITH ORDINALITY t (w, n)), 'inbound \d+', 'inbound N', 'g');
CREATE VIEW pg_temp.seen AS
SELECT kind, pg_temp.days(condition) AS condition, pg_temp.days(detail) AS detail, money_at_risk AS money, round(extract(epoch FROM due - current_date) / 86400, 1) AS due,
       seen, state || coalesce(' ' || outcome, '') AS state
FROM merch.exception ORDER BY exception_id;

\echo nothing is wrong before anything is planned
SELECT merch.detect_exceptions();
SELECT * FROM pg_temp.seen;

\echo a shortage: 18 units for three times 7; money by hand: 10 each of what 7 would sell beyond 6, Poisson
SELECT merch.allocate_promotion(1) AS run \gset
SELECT merch.detect_exceptions();
SELECT * FROM pg_temp.seen;
SELECT round((3 * 10 * (merch.expected_sales(7, 1, 7) - merch.expected_sales(7, 1, 6)))::numeric, 2);
SELECT allocation_id = :run AS its_run, item_id, promotion_id, location_id, detected, role FROM merch.exception;
\echo nothing new, nothing is written
CREATE TEMP TABLE before AS SELECT exception_id, ctid AS place FROM merch.exception;
SELECT merch.detect_exceptions(), merch.detect_exceptions('{1}'), merch.detect_exceptions('{2}'), merch.detect_exceptions('{}');
SELECT count(*) FROM merch.exception e JOIN before b USING (exception_id) WHERE e.ctid = b.place;
\echo it has the scenarios of the run
SELECT scenario, need, units, locations_short FROM merch.exception_scenarios((SELECT min(exception_id) FROM merch.exception)) ORDER BY scenario LIMIT 3;
DELETE FROM merch.allocation_scenario;
SELECT scenario, need, units, locations_short FROM merch.exception_scenarios((SELECT min(exception_id) FROM merch.exception)) ORDER BY scenario LIMIT 3;
SELECT pg_temp.error_of('SELECT merch.exception_scenarios(-1)');
\echo other figures are a count, no row; another promotion has no say in it
UPDATE merch.stock SET on_hand = 20 WHERE item_id = 1 AND location_id = 100;
SELECT merch.reallocate_dirty() IS NOT NULL, merch.detect_exceptions('{2}'), merch.detect_exceptions('{1}');
SELECT * FROM pg_temp.seen;
\echo an order that comes a day too late is a delay; it brings no more than is missing
INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units, reference) VALUES (1, 100, 'purchase_order', current_date + 9, 50, 'PO-1'), (2, 100, 'purchase_order', current_date + 9, 50, 'PO-2');
SELECT merch.reallocate_dirty() IS NOT NULL, merch.detect_exceptions();
SELECT * FROM pg_temp.seen;
SELECT regexp_replace(regexp_replace(remedy, 'record_delay\(1, \d+', 'record_delay(1, N'), 'scenarios\(\d+', 'scenarios(N') FROM merch.exception_queue WHERE kind = 'supplier delay';
\echo in time, it is none, and neither is there a shortage
UPDATE merch.inbound SET expected_on = current_date + 8 WHERE reference = 'PO-1';
SELECT merch.reallocate_dirty() IS NOT NULL, merch.detect_exceptions();
SELECT * FROM pg_temp.seen;
\echo overdue, when promises rest on it: 21 promised, 20 there
UPDATE merch.inbound SET expected_on = current_date - 1;
SELECT merch.reallocate_dirty() IS NOT NULL, merch.detect_exceptions();
SELECT * FROM pg_temp.seen OFFSET 2;
\echo two overdue, of which the older bears it; none, if another comes in time
INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units, reference) VALUES (1, 100, 'purchase_order', current_date - 2, 5, 'PO-0');
SELECT merch.detect_exceptions();
SELECT * FROM pg_temp.seen OFFSET 2;
INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units, reference) VALUES (1, 100, 'purchase_order', current_date + 7, 1, 'PO-3');
SELECT merch.detect_exceptions();
SELECT kind, state FROM pg_temp.seen OFFSET 2;
UPDATE merch.inbound SET closed = true WHERE reference IN ('PO-0', 'PO-3');
SELECT merch.detect_exceptions();
SELECT merch.record_receipt(1, inbound_id, 50) IS NOT NULL FROM merch.inbound WHERE reference = 'PO-1';
SELECT merch.detect_exceptions();
SELECT kind, state FROM pg_temp.seen OFFSET 2;

\echo what was settled stays so while it lasts, and is raised again after
DELETE FROM merch.exception;
UPDATE merch.forecast SET mean = 4 WHERE item_id = 1;
SELECT merch.reallocate_dirty() IS NOT NULL, merch.detect_exceptions();
SELECT merch.resolve_exception(exception_id, 'accepted', 'we have no more') FROM merch.exception;
SELECT merch.detect_exceptions();
UPDATE merch.stock SET on_hand = 84 WHERE item_id = 1 AND location_id = 100;
SELECT merch.reallocate_dirty() IS NOT NULL, merch.detect_exceptions();
SELECT gone_at IS NOT NULL FROM merch.exception;
UPDATE merch.forecast SET mean = 5 WHERE item_id = 1;
SELECT merch.reallocate_dirty() IS NOT NULL, merch.detect_exceptions();
\echo fixed, it may be seen for a while, then it is not fixed
SELECT merch.resolve_exception(exception_id, 'fixed') FROM merch.exception WHERE state = 'open';
SELECT merch.detect_exceptions();
UPDATE merch.exception_kind SET settling = '0' WHERE kind = 'stock shortage';
SELECT merch.detect_exceptions();
SELECT kind, state, money FROM pg_temp.seen;
\echo cancelled, the run misses nothing
SELECT merch.cancel_allocation(:run);
SELECT merch.detect_exceptions();
SELECT count(*) FROM merch.exception WHERE state <> 'resolved';

\echo transfers that arrive after the launch, or are overdue
DELETE FROM merch.exception;
UPDATE merch.stock SET on_hand = 1000 WHERE item_id = 1 AND location_id = 100;
UPDATE merch.forecast SET mean = 1 WHERE item_id = 1;
SELECT merch.allocate_promotion(1) AS run \gset
SELECT merch.release_allocation(:run);
SELECT merch.detect_exceptions();
SELECT transfer_id AS t1 FROM merch.transfer WHERE location_id = 1 \gset
UPDATE merch.transfer SET arrives_on = current_date + 12 WHERE location_id = 1;
UPDATE merch.transfer SET ships_on = current_date - 1 WHERE location_id = 2;
SELECT merch.detect_exceptions();
SELECT kind, regexp_replace(condition, '\d+', 'N') AS condition, detail, money, due, state FROM pg_temp.seen;
\echo by hand: 7 units of each at 10 and 2, for 2 of 7 days; 7 of each for at least one of 7
SELECT round(7 * 12 * 2 / 7.0, 2), round(7 * 12 / 7.0, 2);
UPDATE merch.transfer SET arrives_on = current_date + 10 WHERE location_id = 1;
UPDATE merch.transfer SET ships_on = current_date + 8 WHERE location_id = 2;
SELECT merch.detect_exceptions();
SELECT kind, state FROM pg_temp.seen;

\echo a store with overdue tasks
DELETE FROM merch.exception;
INSERT INTO merch.task (promotion_id, task, location_id, role, due_at)
VALUES (1, 'display', 1, 'merch_store', now() - interval '1 day'), (1, 'labels', 1, 'merch_store', now() - interval '2 days'),
       (1, 'display', 2, 'merch_store', now() - interval '1 day'), (1, 'display', 3, 'merch_store', now() + interval '1 day'),
       (1, 'supplier confirmation', NULL, 'merch_merchandiser', now() - interval '1 day');
SELECT merch.detect_exceptions(), merch.detect_exceptions();
SELECT kind, condition, regexp_replace(detail, ' \d\d:\d\d', '') AS detail, money, due, state FROM pg_temp.seen ORDER BY condition;
\echo by hand: 7 units of each expected at 10 and 2
SELECT 7 * 10 + 7 * 2;
DELETE FROM merch.task WHERE location_id = 1;
SELECT merch.detect_exceptions('{1}');
SELECT condition, state FROM pg_temp.seen ORDER BY condition;

\echo labour: 14 units at 6 minutes are 1.4 hours; a limit that comes later is exceeded, one that is there cuts the plan
DELETE FROM merch.exception;
DELETE FROM merch.task;
INSERT INTO merch.location_capacity (location_id, day, labour_hours) VALUES (1, current_date + 10, 1), (2, current_date + 10, 1.4);
SELECT merch.detect_exceptions(), merch.detect_exceptions('{1}');
SELECT kind, condition, detail, money, due FROM pg_temp.seen;
\echo by hand: 0.4 of 1.4 hours of what earns 84
SELECT round(0.4 / 1.4 * 84, 2);
INSERT INTO merch.location_capacity (location_id, day, labour_hours) VALUES (3, current_date + 20, 0.5);
SELECT merch.allocate_promotion(2) IS NOT NULL;
SELECT merch.detect_exceptions();
SELECT kind, condition, detail, due FROM pg_temp.seen OFFSET 1;
DELETE FROM merch.location_capacity;
SELECT merch.detect_exceptions();
SELECT state FROM pg_temp.seen;
\echo tasks are work, too: 4 hours for a display on a day of 3, as readiness has it
DELETE FROM merch.exception;
INSERT INTO merch.task (promotion_id, task, location_id, role, due_at)
SELECT 1, 'display', 1, 'merch_store', (current_date + 9 + time '12:00') AT TIME ZONE p.time_zone FROM merch.promotion p WHERE promotion_id = 1;
INSERT INTO merch.location_capacity (location_id, day, labour_hours) VALUES (1, current_date + 9, 3);
SELECT merch.detect_exceptions();
SELECT kind, regexp_replace(condition, 'day .*', 'day …') AS condition, detail, money FROM pg_temp.seen;
SELECT passed, regexp_replace(detail, ' on [0-9-]*', ' on …') AS detail FROM merch.check_labour('{1}');
DELETE FROM merch.location_capacity;
DELETE FROM merch.task;

\echo data: of items in promotions that are under way, and demand that nobody knows
DELETE FROM merch.exception;
INSERT INTO merch.item (item_id, name) VALUES (4, 'new'), (5, 'unpromoted');
INSERT INTO merch.ranging (item_id, location_id) VALUES (4, 1), (4, 2);
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (3, 'third', current_date + 20, current_date + 27);
INSERT INTO merch.offer (promotion_id, reward, value) VALUES (3, 'price', 1);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) SELECT 4, 3, offer_id FROM merch.offer;
INSERT INTO merch.promotion_location VALUES (3, 1), (3, 2);
INSERT INTO merch.stock (item_id, location_id, on_hand) VALUES (4, 1, -3), (4, 2, -1), (4, 100, 5), (5, 1, -1);
INSERT INTO merch.dirty_failure (item_id, error, error_code) VALUES (4, 'out of range', '22003');
\echo a draft is not looked at yet, but its run is
SELECT merch.detect_exceptions();
SELECT merch.allocate_promotion(3) IS NOT NULL;
SELECT merch.detect_exceptions('{3}');
SELECT condition, detail, money FROM pg_temp.seen;
SELECT merch.fire('merch.promotion', '3', 'submit', 'please');
SELECT merch.detect_exceptions();
SELECT condition, detail, money, due FROM pg_temp.seen OFFSET 1;
UPDATE merch.item SET price = 2, cost = 1 WHERE item_id = 4;
UPDATE merch.stock SET on_hand = 0 WHERE item_id = 4 AND location_id = 1;
SELECT merch.detect_exceptions();
SELECT condition, detail, seen, state FROM pg_temp.seen OFFSET 1;

\echo a storm: the two with most money one by one, the rest in one; it goes when they do
DELETE FROM merch.exception;
CREATE TABLE public.weather (n int, promotion_id bigint, cause text, money numeric);
CREATE FUNCTION public.detect_weather(promotions bigint[]) RETURNS SETOF merch.condition LANGUAGE sql STABLE AS $$
    SELECT 'cloud ' || n, cause, promotion_id, NULL::bigint, NULL::int, NULL::bigint, NULL::bigint, 'it rains', NULL::text, money,
           NULL::numeric, NULL::numeric, NULL::numeric, NULL::timestamptz
    FROM public.weather WHERE promotions IS NULL OR promotion_id = ANY (promotions) $$;
UPDATE merch.exception_kind SET active = false;
INSERT INTO merch.exception_kind (kind, description, remedy, probability, handling_minutes, detector, storm_limit)
VALUES ('weather', 'test', 'wait', 0.5, 10, 'public.detect_weather', 2);
INSERT INTO public.weather SELECT n, 1, 'low', n FROM generate_series(1, 5) n;
INSERT INTO public.weather VALUES (6, 1, 'high', 1), (7, 1, NULL, 1);
SELECT merch.detect_exceptions(), merch.detect_exceptions();
SELECT condition, detail, money, state FROM pg_temp.seen ORDER BY condition;
\echo those that are open stay so though others have more by now; what is resolved is followed by the next
UPDATE public.weather SET money = 100 WHERE n = 1;
SELECT merch.detect_exceptions();
SELECT condition, money, state FROM pg_temp.seen WHERE condition IN ('cloud 4', 'cloud 5', 'storm: low') ORDER BY condition;
SELECT merch.resolve_exception(exception_id, 'accepted') FROM merch.exception WHERE condition = 'cloud 5';
SELECT merch.detect_exceptions();
SELECT condition, money, state FROM pg_temp.seen WHERE state = 'open' ORDER BY condition;
\echo single promotions share the limit with the others; they start a storm and do not change one
INSERT INTO public.weather SELECT n, 2, cause, n FROM generate_series(11, 13) n, unnest(ARRAY['low', 'odd']) cause;
UPDATE public.weather SET n = n + 10 WHERE cause = 'odd';
SELECT merch.detect_exceptions('{2}'), merch.detect_exceptions('{2}');
SELECT condition, money, state FROM pg_temp.seen WHERE state = 'open' ORDER BY condition;
SELECT merch.detect_exceptions();
SELECT condition, money, state FROM pg_temp.seen WHERE state = 'open' AND condition LIKE 'storm%' ORDER BY condition;
DELETE FROM public.weather WHERE promotion_id = 1 AND cause = 'low';
DELETE FROM public.weather WHERE n = 11;
SELECT merch.detect_exceptions();
SELECT condition, money, state FROM pg_temp.seen WHERE state = 'open' ORDER BY condition;
\echo a lower limit sums up what was open
UPDATE merch.exception_kind SET storm_limit = 1 WHERE kind = 'weather';
SELECT merch.detect_exceptions();
SELECT condition, money, state FROM pg_temp.seen WHERE state = 'open' ORDER BY condition;
SELECT reason, count(*) FROM merch.state_change WHERE subject = 'merch.exception'::regclass AND to_state = 'resolved'
AND row_key::bigint IN (SELECT exception_id FROM merch.exception WHERE kind = 'weather') GROUP BY reason ORDER BY reason;

\echo a detector that fails stops no other; what was open of its kind stays; it is over when it works again
UPDATE merch.exception_kind SET active = true WHERE kind = 'data quality';
ALTER TABLE public.weather RENAME TO climate;
SELECT merch.detect_exceptions();
SELECT kind, condition, detail FROM pg_temp.seen WHERE state = 'open' AND kind <> 'weather' ORDER BY condition;
SELECT count(*) FROM merch.exception WHERE state = 'open' AND kind = 'weather';
ALTER TABLE public.climate RENAME TO weather;
SELECT merch.detect_exceptions() IS NOT NULL;
SELECT kind, state FROM pg_temp.seen WHERE kind = 'failed job';
\echo so does one that says nonsense, and one that is dropped
INSERT INTO public.weather VALUES (50, 1, 'new', -1);
SELECT merch.detect_exceptions();
SELECT kind, condition, detail FROM pg_temp.seen WHERE state = 'open' AND kind = 'failed job';
DROP FUNCTION public.detect_weather;
SELECT merch.detect_exceptions();
SELECT kind, condition, detail, seen FROM pg_temp.seen WHERE state = 'open' AND kind = 'failed job';
ROLLBACK;

\echo a promotion that should be live and is not: one exception, with what fails; over when it is live, or its time is over
BEGIN;
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name, price, cost) VALUES (1, 'juice', 3, 1);
INSERT INTO merch.location (location_id, kind, name) VALUES (1, 'store', 'A');
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT n, 'week ' || n, current_date - 2, current_date + 5 FROM generate_series(1, 4) n;
INSERT INTO merch.promotion_item (item_id, promotion_id) SELECT 1, n FROM generate_series(1, 4) n;
INSERT INTO merch.promotion_location SELECT n, 1 FROM generate_series(1, 4) n;
INSERT INTO merch.forecast (item_id, location_id, day, mean) SELECT 1, 1, current_date + d, 10 FROM generate_series(0, 4) d;
-- as if they had been there before their start
SET LOCAL session_replication_role = replica;
UPDATE merch.promotion SET state = (ARRAY['draft', 'preparing', 'live', 'submitted'])[promotion_id];
RESET session_replication_role;
SELECT merch.evaluate_readiness() > 0 AS evaluated, merch.detect_exceptions() > 0 AS detected;
CREATE VIEW pg_temp.stopped AS
SELECT promotion_id, role, state, money_at_risk, seen, regexp_replace(detail, 'since .* and', 'since … and') AS detail
FROM merch.exception WHERE kind = 'stopped launch' ORDER BY exception_id;
TABLE pg_temp.stopped;
SELECT merch.detect_exceptions('{2,4}') AS nothing_new;
SELECT merch.fire('merch.promotion', '4', 'withdraw');
SET LOCAL session_replication_role = replica;
UPDATE merch.promotion SET state = 'live' WHERE promotion_id = 2;
RESET session_replication_role;
SELECT merch.detect_exceptions('{2,4}') > 0 AS gone;
TABLE pg_temp.stopped;
ROLLBACK;
