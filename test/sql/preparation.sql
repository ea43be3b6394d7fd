-- preparation: an approved promotion makes its prices, allocation, parameters, waves and tasks; they follow it, and go with it
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SET TimeZone = 'UTC';
SET DateStyle = ISO;
SET client_min_messages = error;
BEGIN;
-- not a superuser: everything works with the rights of the owner of the model
CREATE ROLE merch_test_owner IN ROLE merch_admin, merch_merchandiser, merch_pricing, merch_allocator, merch_store;
GRANT USAGE, CREATE ON SCHEMA merch TO merch_test_owner;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO merch_test_owner', current_database()); END $$;
SET LOCAL ROLE merch_test_owner;
SELECT merch.create_model();
-- who has to approve, and what has to be ready, is not what is tested here
UPDATE merch.approval_rule SET active = false;
UPDATE merch.critical_change SET active = false;
UPDATE merch.readiness_check SET active = false;
INSERT INTO merch.item (item_id, name, price) VALUES (1, 'juice', 1.99), (2, 'milk', 1.50), (3, 'tea', 4), (4, 'cake', NULL), (5, 'soap', 2);
INSERT INTO merch.location (location_id, kind, name) VALUES
    (100, 'distribution_centre', 'centre'), (1, 'store', 'A'), (2, 'store', 'B'), (3, 'online', 'web');
INSERT INTO merch.lane (location_id, source_id, lead_days) VALUES (1, 100, 1), (2, 100, 1), (3, 100, 1);
INSERT INTO merch.ranging (item_id, location_id, presentation_minimum, safety_stock, capacity)
VALUES (1, 1, 2, 1, NULL), (1, 2, 2, 1, 15), (1, 3, 0, 0, NULL), (2, 1, 0, 0, NULL), (2, 2, 90, 90, NULL), (3, 1, 0, 0, NULL), (4, 1, 0, 0, NULL);
INSERT INTO merch.stock (item_id, location_id, on_hand) SELECT i, 100, 1000 FROM generate_series(1, 5) i;
-- 12.5 on the best of seven days, 70 in all
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT r.item_id, r.location_id, d::date, CASE WHEN d = '2090-03-06' THEN 12.5 ELSE 57.5 / 6 END
FROM merch.ranging r, generate_series('2090-03-01'::timestamptz, '2090-03-07', '1 day') d WHERE r.item_id <> 3;
INSERT INTO merch.campaign (campaign_id, name) VALUES (1, 'week 9');
INSERT INTO merch.promotion (promotion_id, campaign_id, name, starts_on, ends_on, opens_at, time_zone)
VALUES (1, 1, 'drinks', '2090-03-01', '2090-03-08', '08:00', 'Europe/Berlin');
CREATE VIEW pg_temp.overview AS
SELECT promotion_id, state, steps_done, steps_failed, error, allocation, price_events, active_price_events, tasks_open, tasks_done, tasks_overdue
FROM merch.promotion_overview ORDER BY 1;
CREATE VIEW pg_temp.prices AS
SELECT price_event_id AS event, promotion_id AS promotion, item_id AS item, from_quantity AS from, amount, currency, effective, state
FROM merch.price_event ORDER BY 1;
CREATE VIEW pg_temp.tasks AS
SELECT promotion_id AS promotion, task, location_id AS location, role, due_at, state FROM merch.task ORDER BY 1, 2, 3, task_id;
CREATE VIEW pg_temp.parameters AS
SELECT promotion_id AS promotion, item_id AS item, location_id AS location, effective, presentation_minimum, safety_stock, reset_at IS NOT NULL AS reset
FROM merch.replenishment_parameter ORDER BY 1, 2, 3;
CREATE VIEW pg_temp.transfers AS
SELECT transfer_id AS transfer, allocation_id - (SELECT min(allocation_id) FROM merch.allocation) + 1 AS run, kind, location_id AS location,
       ships_on, t.state, sum(units) AS units, sum(picked) AS picked
FROM merch.transfer t LEFT JOIN merch.transfer_line USING (transfer_id) GROUP BY 1, 2 ORDER BY 1;
-- the proofs of the books, and what is promised in all
CREATE VIEW pg_temp.books AS
SELECT (SELECT count(*) FROM merch.check_ledger()) AS ledger, (SELECT count(*) FROM merch.check_transfers()) AS transfers,
       (SELECT sum(reserved) FROM merch.stock) AS reserved;
-- where every row is, so that one that is written again shows
CREATE FUNCTION pg_temp.written() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name text;
    part text;
    whole text := '';
BEGIN
    FOREACH name IN ARRAY '{promotion,preparation,price_event,task,replenishment_parameter,allocation,allocation_line,transfer,transfer_line,wave,stock,state_change,exception}'::text[] LOOP
        EXECUTE format('SELECT md5(string_agg(ctid::text || xmin || cmin, '','' ORDER BY ctid)) FROM merch.%I', name) INTO part;
        whole := whole || coalesce(part, '-');
    END LOOP;
    RETURN md5(whole);
END $$;

\echo incomplete promotions are not submitted, and all reasons are told
INSERT INTO merch.promotion (promotion_id, campaign_id, name, starts_on, ends_on) VALUES (9, 1, 'nothing', '2090-03-01', '2090-03-08');
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 1), (2, 1);
SELECT pg_temp.error_of($$SELECT merch.submit_campaign(1, 'week 9')$$);
SELECT pg_temp.error_of($$SELECT merch.submit_campaign(2)$$), pg_temp.error_of($$SELECT merch.submit_campaign(NULL)$$);
SAVEPOINT s;
UPDATE merch.promotion SET starts_on = '2020-01-01' WHERE promotion_id = 9;
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 9);
SELECT * FROM merch.incomplete_promotions('{1,9,77}');
ROLLBACK TO s;
DELETE FROM merch.promotion WHERE promotion_id = 9;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value, from_quantity) VALUES (1, 1, 'percent_off', 15, 1), (2, 1, 'price', 0.99, 3);
UPDATE merch.promotion_item SET offer_id = item_id;
INSERT INTO merch.promotion_location VALUES (1, 1), (1, 2), (1, 3);
SELECT * FROM merch.incomplete_promotions('{1}');
SELECT merch.submit_campaign(1, 'week 9');
SELECT merch.submit_campaign(1) AS again, current_setting('merch.reason') = '' AS reason_is_reset;

\echo approved: all of it in the same transaction, by who has no right to any of it
RESET ROLE;
CREATE ROLE merch_test_boss;
GRANT USAGE ON SCHEMA merch TO merch_test_boss;
GRANT SELECT ON ALL TABLES IN SCHEMA merch TO merch_test_boss;
GRANT UPDATE (state) ON merch.promotion TO merch_test_boss;
SAVEPOINT s;
SET LOCAL ROLE merch_test_boss;
UPDATE merch.promotion SET state = 'approved' WHERE promotion_id = 1;
SELECT pg_temp.error_of('UPDATE merch.task SET due_at = now()');
SET LOCAL ROLE merch_test_owner;
TABLE pg_temp.overview;
ROLLBACK TO s;
SET LOCAL ROLE merch_test_owner;
SELECT merch.fire_as_system('merch.promotion', '{1}', 'approve', 'good');
TABLE pg_temp.overview;
TABLE pg_temp.prices;
TABLE pg_temp.tasks;
TABLE pg_temp.parameters;
TABLE pg_temp.transfers;
TABLE pg_temp.books;
SELECT step, state, revision, period, attempts, error FROM merch.preparation ORDER BY step;
SELECT event, from_state, to_state, reason FROM merch.state_change WHERE subject = 'merch.promotion'::regclass AND row_key = '1' ORDER BY change_id;
\echo what holds on a day
SELECT * FROM merch.replenishment_on('2090-03-07') ORDER BY 1, 2;
SELECT count(*) FROM merch.replenishment_on('2090-03-08') WHERE promotions IS NOT NULL;
SELECT count(*) FROM merch.replenishment_today WHERE promotions IS NOT NULL;
\echo again: nothing is written
SELECT pg_temp.written() AS before \gset
SELECT merch.prepare_promotions('{1,77,NULL}');
SELECT merch.prepare_pending(), merch.release_due(), pg_temp.written() = :'before' AS unchanged;

\echo waves: when their time has come
SET LOCAL merch.release_days = 36500;
SELECT merch.release_due();
TABLE pg_temp.transfers;
SELECT merch.release_due(), merch.release_days();
TABLE pg_temp.books;

\echo moved: nothing is picked, so another run with the same settings; all the rest moves
UPDATE merch.allocation SET policy = '{"surplus": "keep"}';
UPDATE merch.promotion SET starts_on = '2090-02-28' WHERE promotion_id = 1;
TABLE pg_temp.overview;
TABLE pg_temp.prices;
TABLE pg_temp.tasks;
TABLE pg_temp.parameters;
TABLE pg_temp.transfers;
SELECT state, policy FROM merch.allocation ORDER BY allocation_id;
TABLE pg_temp.books;
SELECT pg_temp.written() AS before \gset
SELECT merch.prepare_promotions('{1}');
SELECT pg_temp.written() = :'before' AS unchanged;
SAVEPOINT moved;

\echo moved after something was picked: the run stays, and what is picked goes its way
SELECT merch.start_wave((SELECT max(wave_id) FROM merch.wave));
SELECT merch.record_pick((SELECT max(transfer_id) FROM merch.transfer WHERE location_id = 1), 1, 50, false);
UPDATE merch.promotion SET starts_on = '2090-03-02', ends_on = '2090-03-09' WHERE promotion_id = 1;
TABLE pg_temp.transfers;
SELECT state FROM merch.allocation ORDER BY allocation_id;
TABLE pg_temp.books;
ROLLBACK TO moved;

\echo an item and a location leave, another offer, another item
INSERT INTO merch.promotion_item VALUES (3, 1, 2);
INSERT INTO merch.forecast SELECT 3, 1, d::date, 5 FROM generate_series('2090-03-01'::timestamptz, '2090-03-07', '1 day') d;
DELETE FROM merch.promotion_item WHERE (item_id, promotion_id) = (1, 1);
DELETE FROM merch.promotion_location WHERE (promotion_id, location_id) = (1, 2);
UPDATE merch.offer SET value = 0.89 WHERE offer_id = 2;
SELECT * FROM pg_temp.prices WHERE state <> 'withdrawn';
SELECT * FROM pg_temp.tasks WHERE state <> 'open';
TABLE pg_temp.parameters;
SELECT * FROM pg_temp.transfers WHERE state <> 'cancelled';
TABLE pg_temp.books;
SELECT pg_temp.written() AS before \gset
SELECT merch.prepare_promotions('{1}');
SELECT pg_temp.written() = :'before' AS unchanged;
\echo the location comes back: its tasks are made anew
INSERT INTO merch.promotion_location VALUES (1, 2);
SELECT task, location, state FROM pg_temp.tasks WHERE location = 2 ORDER BY task, state;
ROLLBACK TO moved;

\echo somebody cancels the run on purpose: it is not made again before the promotion changes
SELECT merch.cancel_allocation(max(allocation_id)) FROM merch.allocation;
SELECT merch.prepare_promotions('{1}');
SELECT count(*) FROM merch.allocation WHERE state <> 'cancelled';
UPDATE merch.promotion SET ends_on = '2090-03-07' WHERE promotion_id = 1;
SELECT count(*) FROM merch.allocation WHERE state <> 'cancelled';
ROLLBACK TO moved;

\echo cancelled, with something picked: the rest is given back, and the task that is done stays
SELECT merch.start_wave((SELECT max(wave_id) FROM merch.wave));
SELECT merch.record_pick((SELECT max(transfer_id) FROM merch.transfer WHERE location_id = 1), 1, 50, false);
SELECT merch.complete_task(task_id) FROM merch.task WHERE task = 'supplier confirmation';
SELECT merch.fire('merch.promotion', '1', 'cancel', 'no more');
TABLE pg_temp.overview;
SELECT state, count(*) FROM merch.task GROUP BY 1 ORDER BY 1;
SELECT state, count(*) FROM merch.price_event GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE reset_at IS NULL) AS not_reset FROM merch.replenishment_parameter;
SELECT count(*) FROM merch.replenishment_on('2090-03-02') WHERE promotions IS NOT NULL;
SELECT * FROM pg_temp.transfers WHERE run = 2;
TABLE pg_temp.books;
SELECT step, state FROM merch.preparation ORDER BY 1;
SELECT merch.prepare_promotions('{1}');
TABLE pg_temp.books;
ROLLBACK TO moved;

\echo live, its end moved, ended early: prices are cut to the moment, what is held is given back
SELECT merch.fire_as_system('merch.promotion', '{1}', 'ready', 'for the test');
SELECT merch.fire('merch.promotion', '1', 'launch', 'now');
TABLE pg_temp.overview;
UPDATE merch.promotion SET ends_on = '2090-03-10' WHERE promotion_id = 1;
SELECT * FROM pg_temp.prices WHERE state = 'active';
SELECT DISTINCT effective FROM pg_temp.parameters;
SELECT pg_temp.written() AS before \gset
SELECT merch.prepare_promotions('{1}');
SELECT pg_temp.written() = :'before' AS unchanged;
SELECT merch.fire('merch.promotion', '1', 'end', 'sold out');
TABLE pg_temp.overview;
SELECT state, count(*) FROM merch.price_event GROUP BY 1 ORDER BY 1;
SELECT state, count(*) FROM merch.task GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE reset_at IS NULL) AS not_reset FROM merch.replenishment_parameter;
TABLE pg_temp.books;
SELECT pg_temp.error_of($$SELECT merch.fire('merch.promotion', '1', 'cancel')$$);
ROLLBACK TO moved;

\echo ended, or cancelled, while customers pay the price: until when they did stays on record
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT p, 'today ' || p, (now() AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date + 3 FROM generate_series(2, 3) p;
-- one price at a time for an item at a place, but another for two together
INSERT INTO merch.offer (offer_id, promotion_id, reward, value, from_quantity) SELECT p + 10, p, 'price', 1, p - 1 FROM generate_series(2, 3) p;
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) SELECT 3, p, p + 10 FROM generate_series(2, 3) p;
INSERT INTO merch.promotion_location SELECT p, 1 FROM generate_series(2, 3) p;
INSERT INTO merch.forecast (item_id, location_id, day, mean) SELECT 3, 1, (now() AT TIME ZONE 'UTC')::date + d, 5 FROM generate_series(0, 2) d;
UPDATE merch.lane SET lead_days = 0;
UPDATE merch.promotion SET state = 'submitted' WHERE promotion_id > 1;
SELECT merch.fire_as_system('merch.promotion', '{2,3,4,5}', 'approve', 'good');
SELECT merch.fire_as_system('merch.promotion', '{2,3}', 'ready'), merch.fire_as_system('merch.promotion', '{2,3}', 'launch');
SELECT item_id, location_id, presentation_minimum, safety_stock, promotions FROM merch.replenishment_today WHERE promotions IS NOT NULL;
SELECT merch.fire('merch.promotion', '2', 'end'), merch.fire('merch.promotion', '3', 'cancel');
SELECT promotion_id, amount, state, lower(effective) < now() AS began, upper(effective) = now() AS ended_now
FROM merch.price_event WHERE promotion_id > 1 ORDER BY 1;
SELECT count(*) FROM merch.replenishment_today WHERE promotions IS NOT NULL;
SELECT promotion_id, state FROM merch.allocation WHERE promotion_id > 1 ORDER BY 1;
ROLLBACK TO moved;

\echo rejected after a critical change: what was prepared is given back; approved anew it is made anew
SELECT merch.fire_as_system('merch.promotion', '{1}', 'change', 'for the test');
TABLE pg_temp.overview;
SELECT merch.fire('merch.promotion', '1', 'withdraw', 'to think');
TABLE pg_temp.overview;
TABLE pg_temp.books;
SELECT merch.fire('merch.promotion', '1', 'submit'), merch.fire_as_system('merch.promotion', '{1}', 'approve');
TABLE pg_temp.overview;
SELECT count(*) FILTER (WHERE NOT reset) AS parameters FROM pg_temp.parameters;
TABLE pg_temp.books;
ROLLBACK TO moved;

\echo steps that fail: for one promotion, not for the others; the other steps are done
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT p, 'n ' || p, '2090-03-01', '2090-03-08' FROM generate_series(2, 5) p;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value, from_quantity)
SELECT p + 10, p, CASE p WHEN 4 THEN 'feature' ELSE 'amount_off' END, CASE p WHEN 4 THEN NULL ELSE 0.5 END, CASE p WHEN 2 THEN 2 ELSE 1 END
FROM generate_series(2, 5) p;
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 2, 12), (4, 3, 13), (5, 3, 13), (5, 4, 14), (3, 5, 15);
INSERT INTO merch.promotion_location SELECT p, 1 FROM generate_series(2, 5) p;
UPDATE merch.promotion SET state = 'submitted' WHERE promotion_id > 1;
SET LOCAL client_min_messages = warning;
SELECT merch.fire_as_system('merch.promotion', '{2,3,4,5}', 'approve', 'good');
SET LOCAL client_min_messages = error;
TABLE pg_temp.overview;
SELECT promotion_id, step, attempts, error_code, error, next_attempt_at - now() AS again FROM merch.preparation WHERE state = 'failed' ORDER BY 1, 2;
SELECT * FROM pg_temp.prices WHERE promotion > 1;
SELECT kind, condition, promotion_id, state, seen FROM merch.exception WHERE kind = 'failed job' ORDER BY 2;
\echo tried again when it is time, with more and more patience
SELECT merch.prepare_pending();
UPDATE merch.preparation SET next_attempt_at = now() WHERE state = 'failed';
SELECT merch.prepare_pending();
SELECT DISTINCT attempts, next_attempt_at - now() AS again FROM merch.preparation WHERE state = 'failed';
SELECT DISTINCT seen FROM merch.exception WHERE kind = 'failed job';
UPDATE merch.preparation SET attempts = 20, next_attempt_at = now() WHERE state = 'failed';
SELECT merch.prepare_pending();
SELECT DISTINCT attempts, next_attempt_at - now() AS again FROM merch.preparation WHERE state = 'failed';
\echo when the cause is gone, it goes on, and the exceptions close
UPDATE merch.item SET price = 3 WHERE item_id = 4;
INSERT INTO merch.ranging (item_id, location_id) VALUES (5, 1);
INSERT INTO merch.forecast SELECT i, 1, '2090-03-01', 5 FROM unnest(ARRAY[3, 5]) i;
UPDATE merch.preparation SET next_attempt_at = now() WHERE state = 'failed';
SELECT merch.prepare_pending();
TABLE pg_temp.overview;
SELECT state, count(*) FROM merch.exception WHERE kind = 'failed job' GROUP BY 1;
SELECT * FROM pg_temp.prices WHERE promotion > 1;
TABLE pg_temp.books;
ROLLBACK TO moved;

\echo scenarios of what is short: asked for by preparation, stored by a job; one that fails stops no other
UPDATE merch.stock SET on_hand = 330 WHERE item_id = 2 AND location_id = 100;
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT p, 's ' || p, '2090-03-01', '2090-03-08' FROM generate_series(2, 6) p;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value, from_quantity)
SELECT p + 10, p, 'amount_off', 0.5, 10 * p FROM generate_series(2, 6) p;
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) SELECT CASE p WHEN 6 THEN 1 ELSE 2 END, p, p + 10 FROM generate_series(2, 6) p;
INSERT INTO merch.promotion_location SELECT p, l FROM generate_series(2, 6) p, generate_series(1, 2) l;
UPDATE merch.promotion SET state = 'submitted' WHERE promotion_id > 1;
SELECT merch.next_scenarios() IS NULL AS none_wait;
SELECT merch.fire_as_system('merch.promotion', '{2,3,4,5,6}', 'approve', 'good');
CREATE VIEW pg_temp.requests AS
SELECT a.promotion_id AS promotion, a.state, r.attempts, r.next_attempt_at - now() <= interval '0' AS due, r.error,
       (SELECT count(*) FROM merch.allocation_scenario s WHERE s.allocation_id = a.allocation_id) AS scenarios
FROM merch.allocation a LEFT JOIN merch.scenario_request r USING (allocation_id)
WHERE a.promotion_id > 1 ORDER BY a.allocation_id;
TABLE pg_temp.requests;
SELECT merch.next_scenarios() = now() AS due_now;
\echo asked for once; not again what somebody stored meanwhile, nor what is cancelled
SELECT merch.request_scenarios('{1,2,3,4,5,6,77,NULL}');
SELECT merch.store_scenarios(allocation_id) FROM merch.allocation WHERE promotion_id = 3;
SELECT merch.fire('merch.promotion', '4', 'cancel');
CREATE FUNCTION merch.test_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM merch.allocation a WHERE a.allocation_id = NEW.allocation_id AND a.promotion_id = 2) THEN
        RAISE 'poison' USING DETAIL = 'promotion 2', HINT = 'Drink something else.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER poison BEFORE INSERT ON merch.allocation_scenario FOR EACH ROW EXECUTE FUNCTION merch.test_poison();
SELECT merch.store_missing_scenarios(), merch.store_missing_scenarios() AS again;
TABLE pg_temp.requests;
SELECT merch.next_scenarios() - now() BETWEEN interval '1 minute' AND interval '2 minutes' AS later;
SELECT regexp_replace(condition, '\d+', 'N') AS condition, detail, remedy, promotion_id, allocation_id IS NOT NULL AS has_run, state
FROM merch.exception WHERE kind = 'failed job';
DROP TRIGGER poison ON merch.allocation_scenario;
UPDATE merch.scenario_request SET next_attempt_at = now();
SELECT merch.store_missing_scenarios();
TABLE pg_temp.requests;
SELECT state FROM merch.exception WHERE kind = 'failed job';
SELECT merch.next_scenarios() IS NULL AS none_wait;
\echo where items share capacity none are asked for
DELETE FROM merch.allocation_scenario;
UPDATE merch.lane SET units_per_day = 1000;
SELECT merch.request_scenarios('{2,3,5}');
UPDATE merch.lane SET units_per_day = NULL;
SELECT merch.request_scenarios('{2,3,5}');
ROLLBACK TO moved;

\echo a step of another room: called for its part, and undone in reverse order
CREATE TABLE pg_temp.called (call text, promotions bigint[]);
CREATE FUNCTION merch.test_fund(bigint[]) RETURNS void LANGUAGE sql AS $$ INSERT INTO pg_temp.called VALUES ('fund', $1) $$;
CREATE FUNCTION merch.test_live(bigint[]) RETURNS void LANGUAGE sql AS $$ INSERT INTO pg_temp.called VALUES ('live', $1) $$;
CREATE FUNCTION merch.test_undo(bigint[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_temp.called
    SELECT 'undo with ' || (SELECT count(*) FROM merch.price_event WHERE state = 'approved') || ' prices and '
           || (SELECT count(*) FROM merch.allocation WHERE state <> 'cancelled') || ' runs', $1 $$;
INSERT INTO merch.preparation_step (step, ordinal, function, at_launch, at_end, undo, description)
VALUES ('funding', 150, 'merch.test_fund', 'merch.test_live', 'merch.test_no_more', 'merch.test_undo', 'reserves funding');
SELECT merch.prepare_promotions('{1}');
SAVEPOINT s;
SELECT merch.fire_as_system('merch.promotion', '{1}', 'ready'), merch.fire('merch.promotion', '1', 'launch');
SELECT pg_temp.error_of($$SELECT merch.fire('merch.promotion', '1', 'end')$$);
SELECT state FROM merch.promotion WHERE promotion_id = 1;
TABLE pg_temp.called;
ROLLBACK TO s;
SELECT merch.fire('merch.promotion', '1', 'cancel');
TABLE pg_temp.called;
SELECT pg_temp.error_of($$INSERT INTO merch.preparation_step (step, ordinal, function, description) VALUES ('a', 150, 'f', 'd')$$);
ROLLBACK TO moved;
\echo a step that is not there fails like any other
UPDATE merch.preparation_step SET function = 'merch.gone' WHERE step = 'tasks';
SELECT merch.prepare_promotions('{1}');
SELECT step, error_code, error FROM merch.preparation WHERE state = 'failed';
ROLLBACK TO moved;

\echo a run that a bulk run still writes
ALTER TABLE merch.allocation DISABLE TRIGGER USER;
UPDATE merch.allocation SET state = 'running' WHERE state = 'released';
ALTER TABLE merch.allocation ENABLE TRIGGER USER;
UPDATE merch.promotion SET ends_on = '2090-03-09';
SELECT step, error_code, regexp_replace(error, '\d+ of', 'N of') FROM merch.preparation WHERE state = 'failed';
ROLLBACK TO moved;
ROLLBACK;
