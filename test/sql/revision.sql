-- revision: what is approved is kept; what changes afterwards is noted, asked again if critical, refused once it is live
BEGIN;
SELECT merch.create_model();
SET LOCAL TimeZone = 'UTC';
SET LOCAL client_min_messages = warning;
INSERT INTO merch.item_group (item_group_id, name) VALUES (1, 'drinks');
INSERT INTO merch.item (item_id, item_group_id, name, price, cost) VALUES
    (1, 1, 'juice', 4.00, 2.00), (2, 1, 'milk', 2.00, 1.00), (3, 1, 'tea', 5.00, 1.00), (4, 1, 'cocoa', 4.00, 2.00);
INSERT INTO merch.location (location_id, kind, name)
SELECT n, CASE n WHEN 100 THEN 'distribution_centre' ELSE 'store' END, 'place ' || n FROM unnest(ARRAY[100, 1, 2, 3]) n;
INSERT INTO merch.lane (location_id, source_id, lead_days) SELECT n, 100, 1 FROM generate_series(1, 3) n;
INSERT INTO merch.ranging (item_id, location_id) SELECT i, l FROM generate_series(1, 4) i, generate_series(1, 3) l;
INSERT INTO merch.stock (item_id, location_id, on_hand) SELECT i, 100, 1000 FROM generate_series(1, 4) i;
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT n, 'week ' || n, '2090-02-06', '2090-02-13' FROM generate_series(1, 3) n;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value)
VALUES (1, 1, 'price', 3.00), (2, 1, 'percent_off', 10), (3, 2, 'feature', NULL), (4, 3, 'price', 3.50);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3), (4, 3, 4);
INSERT INTO merch.promotion_location (promotion_id, location_id) SELECT p, l FROM generate_series(1, 3) p, generate_series(1, 3) l;
INSERT INTO merch.forecast (item_id, location_id, day, mean, dispersion)
SELECT i, l, d, 2, 1 FROM generate_series(1, 4) i, generate_series(1, 3) l, generate_series('2090-02-01'::date, '2090-02-20', '1 day') d;
-- what is asked for approval is another test's matter
UPDATE merch.approval_rule SET active = false;
CREATE VIEW pg_temp.promotions AS
SELECT promotion_id AS id, state, revision, starts_at, ends_at,
       (SELECT array_agg(v.revision ORDER BY v.revision) FROM merch.promotion_version v WHERE v.promotion_id = p.promotion_id) AS approved
FROM merch.promotion p ORDER BY 1;
CREATE VIEW pg_temp.changes AS
SELECT row_key AS id, event, from_state, to_state, reason FROM merch.state_change
WHERE subject = 'merch.promotion'::regclass AND from_state IS NOT NULL ORDER BY change_id;

\echo edits of drafts are counted and their editors noted, nothing else
TABLE pg_temp.promotions;
SELECT promotion_id, editor = merch.actor() AS me FROM merch.promotion_edit ORDER BY 1;
UPDATE merch.promotion SET name = name || '!';
UPDATE merch.offer SET description = 'in the leaflet';
UPDATE merch.promotion SET starts_on = starts_on;
TABLE pg_temp.promotions;

\echo what is approved is kept as it then was
SELECT id, merch.fire('merch.promotion', id::text, 'submit') AS submitted, merch.fire('merch.promotion', id::text, 'approve') AS approved
FROM generate_series(1, 3) id;
TABLE pg_temp.promotions;
SELECT promotion_id, revision, content FROM merch.promotion_version ORDER BY 1;
SELECT * FROM merch.changes_since_approval(1);
SELECT row_key, round(value, 2) AS value FROM merch.days_moved('{1,2,3}') ORDER BY 1;

\echo a change that is not critical: the work follows at once
UPDATE merch.offer SET value = 3.10 WHERE offer_id = 1;
SELECT row_key, round(value, 2) AS value FROM merch.price_change('{1,2,3}') ORDER BY 1;
TABLE pg_temp.promotions;
SELECT item_id, amount, state FROM merch.price_event WHERE promotion_id = 1 ORDER BY item_id, price_event_id;
SELECT * FROM merch.changes_since_approval(1);

\echo critical ones are asked again: price, scope, dates, each against what was approved and not against the last edit
UPDATE merch.offer SET value = 3.17 WHERE offer_id = 1;
TABLE pg_temp.promotions;
SELECT * FROM pg_temp.changes WHERE event = 'change';
SELECT merch.fire('merch.promotion', '1', 'approve');
DELETE FROM merch.promotion_location WHERE (promotion_id, location_id) = (2, 3);
SELECT row_key, round(value, 2) AS value FROM merch.scope_change('{1,2,3}') ORDER BY 1;
UPDATE merch.promotion SET starts_on = '2090-02-05' WHERE promotion_id = 3;
SELECT * FROM pg_temp.changes WHERE event = 'change';
TABLE pg_temp.promotions;
SELECT * FROM merch.changes_since_approval(2) UNION ALL SELECT * FROM merch.changes_since_approval(3);
\echo put back, nothing is left of it
INSERT INTO merch.promotion_location VALUES (2, 3);
SELECT row_key, round(value, 2) AS value FROM merch.scope_change('{2}');
SELECT * FROM merch.changes_since_approval(2);
SELECT merch.fire('merch.promotion', id::text, 'approve') FROM generate_series(2, 3) id;

\echo many at once, and a limit that is a row
UPDATE merch.critical_change SET above = 2 WHERE measure = 'days moved';
UPDATE merch.promotion SET ends_on = ends_on + 1;
SELECT id, state FROM pg_temp.promotions;
SELECT row_key, round(value, 2) AS value FROM merch.days_moved('{1,2,3}') ORDER BY 1;
SELECT item_id, effective FROM merch.price_event WHERE promotion_id = 1 AND state <> 'withdrawn' ORDER BY item_id;

\echo who is live keeps its start, its offers, its items, its locations
UPDATE merch.readiness_check SET active = false;
SELECT merch.fire_as_system('merch.promotion', '{1}', 'ready');
SELECT merch.fire('merch.promotion', '1', 'launch');
\set VERBOSITY terse
SAVEPOINT s;
UPDATE merch.promotion SET starts_on = '2090-02-03' WHERE promotion_id = 1;
ROLLBACK TO s;
UPDATE merch.promotion SET opens_at = '08:00' WHERE promotion_id = 1;
ROLLBACK TO s;
UPDATE merch.offer SET value = 1 WHERE offer_id = 2;
ROLLBACK TO s;
DELETE FROM merch.promotion_item WHERE promotion_id = 1;
ROLLBACK TO s;
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (3, 1);
ROLLBACK TO s;
UPDATE merch.promotion_item SET promotion_id = 1 WHERE promotion_id = 2;
ROLLBACK TO s;
TRUNCATE merch.promotion_location;
ROLLBACK TO s;
DELETE FROM merch.promotion WHERE promotion_id = 1;
ROLLBACK TO s;
DELETE FROM merch.promotion WHERE promotion_id = 2;
ROLLBACK TO s;
TRUNCATE merch.promotion CASCADE;
ROLLBACK TO s;
\echo its end can move
UPDATE merch.promotion SET ends_on = '2090-02-10', closes_at = '20:00' WHERE promotion_id = 1;
SELECT id, state, ends_at FROM pg_temp.promotions WHERE id = 1;
SELECT item_id, effective FROM merch.price_event WHERE promotion_id = 1 AND state = 'active' ORDER BY item_id;
SELECT merch.fire('merch.promotion', '1', 'end');
SAVEPOINT s;
UPDATE merch.promotion SET ends_on = '2090-02-20' WHERE promotion_id = 1;
ROLLBACK TO s;
UPDATE merch.offer SET value = 1 WHERE offer_id = 1;
ROLLBACK TO s;

\echo the record can not be changed
UPDATE merch.promotion_version SET content = '{}';
ROLLBACK TO s;
DELETE FROM merch.promotion_version;
ROLLBACK TO s;
TRUNCATE merch.promotion_version;
ROLLBACK TO s;
\echo a measure that is not there
INSERT INTO merch.approval_measure (workflow, measure, function, unit, description) VALUES ('promotion', 'odd', 'merch.odd', '%', 'none');
ROLLBACK TO s;
\echo opens before it closes
UPDATE merch.promotion SET ends_on = starts_on + 1, opens_at = '18:00', closes_at = '17:00' WHERE promotion_id = 2;
ROLLBACK TO s;
INSERT INTO merch.promotion (name, starts_on, ends_on, time_zone) VALUES ('nowhere', '2090-01-01', '2090-01-02', 'Mars/Base');
ROLLBACK;
