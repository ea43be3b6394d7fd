-- From approval to launch: the same week once more, as people and the worker bring it to the stores.

-- The data has no costs: three quarters of the regular price are made up.
UPDATE merch.item i
SET price = r.price, cost = round(0.75 * r.price, 2)
FROM (SELECT p.item_id, round(avg(p.price_cents) / 100, 2) AS price
      FROM demo.plan p
      JOIN demo.chosen c ON p.day >= c.starts_on - 7 * 13 AND p.day < c.starts_on
      WHERE p.deal = 0 AND p.feat = 0
      GROUP BY p.item_id) r
WHERE r.item_id = i.item_id;

-- what was planned gives way to what is carried out
SELECT merch.cancel_allocation(allocation_id) FROM merch.allocation WHERE state <> 'cancelled' \g /dev/null

CREATE ROLE mary LOGIN IN ROLE merch_merchandiser;
CREATE ROLE oscar LOGIN IN ROLE merch_merchandiser;
CREATE ROLE fiona LOGIN IN ROLE merch_finance;
CREATE ROLE wes LOGIN IN ROLE merch_allocator;
CREATE ROLE stella LOGIN IN ROLE merch_store;
CREATE ROLE erp LOGIN IN ROLE merch_integration;
GRANT USAGE ON SCHEMA demo TO PUBLIC;
GRANT SELECT ON demo.chosen TO mary;

CREATE FUNCTION demo.say(statement text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    answer text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement INTO answer;
    RETURN format(E'%s\n    %s', statement, coalesce(answer, ''));
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n    ', statement, SQLERRM, nullif(detail, ''), 'hint: ' || nullif(hint, ''));
END
$$;

-- waits for what the worker does; gives up after a minute
CREATE PROCEDURE demo.await(condition text)
LANGUAGE plpgsql
AS $$
DECLARE
    met boolean := false;
BEGIN
    FOR turn IN 1 .. 1200 LOOP
        EXECUTE 'SELECT ' || condition INTO met;
        EXIT WHEN met;
        COMMIT;
        PERFORM pg_sleep(0.05);
    END LOOP;
    IF NOT met THEN
        RAISE EXCEPTION 'waited in vain for: %', condition;
    END IF;
END
$$;

-- from here on the worker does what is to be done by the clock and when something has changed
ALTER SYSTEM SET merch.databases = 'postgres';
SELECT pg_reload_conf() \g /dev/null

\echo
\echo
\echo '8. FROM APPROVAL TO LAUNCH: mary plans the week, others decide, the database does the rest'
\echo
SET SESSION AUTHORIZATION mary;
INSERT INTO merch.campaign (campaign_id, name) VALUES (2, 'Juice on feature, carried out');
INSERT INTO merch.promotion (promotion_id, campaign_id, name, starts_on, ends_on)
SELECT 2, 2, 'Juice week', starts_on, starts_on + 7 FROM demo.chosen;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value, description)
SELECT 100 + offer_id, 2, reward, value, description FROM merch.offer WHERE promotion_id = 1;
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id)
SELECT item_id, 2, 100 + offer_id FROM merch.promotion_item WHERE promotion_id = 1;
INSERT INTO merch.promotion_location (promotion_id, location_id)
SELECT 2, location_id FROM merch.promotion_location WHERE promotion_id = 1;

\pset tuples_only on
\pset format unaligned
SELECT demo.say($$SELECT merch.submit_campaign(2, 'the leaflet of the week')$$);
\echo
\pset tuples_only off
\pset format aligned
\echo She can neither skip a step nor approve what she made:
\echo
\pset tuples_only on
\pset format unaligned
SELECT demo.say($$UPDATE merch.promotion SET state = 'live' WHERE promotion_id = 2$$);
SELECT demo.say($$SELECT merch.approve(min(approval_id), 'my own') FROM merch.approval WHERE state = 'open' AND role = 'merch_merchandiser'$$);
RESET SESSION AUTHORIZATION;
\pset tuples_only off
\pset format aligned
\echo Others do. The last approval starts the work, in the same transaction:
\echo
SELECT name, rule, role, measure, value::numeric(12, 0) AS value, above AS "limit", still_needed AS "votes needed"
FROM merch.approval_overview
ORDER BY approval_id;
SET SESSION AUTHORIZATION oscar;
SELECT merch.approve(approval_id, 'good prices') FROM merch.approval WHERE state = 'open' AND role = 'merch_merchandiser' \g /dev/null
SET SESSION AUTHORIZATION fiona;
SELECT merch.approve(approval_id, 'within the budget') FROM merch.approval WHERE state = 'open' AND role = 'merch_finance' \g /dev/null
SET SESSION AUTHORIZATION wes;
SELECT merch.approve(approval_id, 'we can pick that') FROM merch.approval WHERE state = 'open' AND role = 'merch_allocator' \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT state, steps_done AS "steps done", allocation, price_events AS "price events",
       (SELECT count(*) FROM merch.transfer WHERE state = 'planned') AS transfers,
       (SELECT count(*) FROM merch.wave WHERE state = 'planned') AS waves,
       (SELECT count(*) FROM merch.replenishment_parameter WHERE promotion_id = 2) AS "replenishment parameters",
       tasks_open AS "tasks"
FROM merch.promotion_overview
WHERE promotion_id = 2;

CALL demo.await($$(SELECT count(*) = 0 FROM merch.scenario_request)$$);
SELECT merch.detect_exceptions() \g /dev/null
CALL demo.await($$(SELECT count(*) = 0 FROM merch.dirty_promotion)$$);
\echo The worker has looked whether it can launch: these gates fail. There is too little at the distribution
\echo centre, an exception for the allocators, with the choices that they have:
\echo
SELECT title, figure, threshold, money_at_risk::numeric(12, 0) AS "at risk, $", detail
FROM merch.readiness(2)
WHERE verdict = 'failed';
SELECT exception_id, role, kind, severity, money_at_risk::numeric(12, 0) AS "at risk, $", detail
FROM merch.exception_queue
LIMIT 3;
SELECT s.scenario, s.units, s.lost_sales::numeric(12, 0) AS "lost sales", s.margin::numeric(12, 0) AS margin, s.locations_short AS "stores short"
FROM (SELECT exception_id FROM merch.exception_queue WHERE kind = 'stock shortage' LIMIT 1) e,
     merch.exception_scenarios(e.exception_id) s;

-- a delivery is booked; the warehouse ships, the stores receive and do their tasks; the last of them is late
SET SESSION AUTHORIZATION erp;
UPDATE merch.stock SET on_hand = on_hand * 3 / 2 WHERE location_id = 1000;
RESET SESSION AUTHORIZATION;
CALL demo.await($$(SELECT count(*) = 0 FROM merch.allocation_line l JOIN merch.allocation a USING (allocation_id)
                   WHERE a.promotion_id = 2 AND a.state = 'released' AND l.quantity < l.need)$$);
SET SESSION AUTHORIZATION wes;
SELECT merch.release_allocation(allocation_id) FROM merch.allocation WHERE promotion_id = 2 AND state = 'released' \g /dev/null
SELECT merch.start_wave(wave_id) FROM merch.wave WHERE state = 'planned' ORDER BY wave_id \g /dev/null
SELECT merch.complete_wave(wave_id) FROM merch.wave WHERE state = 'picking' ORDER BY wave_id \g /dev/null
SELECT merch.record_receipt(item_id, inbound_id, picked)
FROM merch.transfer_line
WHERE inbound_id IS NOT NULL AND received IS NULL
ORDER BY item_id, inbound_id \g /dev/null
SET SESSION AUTHORIZATION mary;
SELECT merch.complete_task(task_id, 'confirmed by mail') FROM merch.task WHERE promotion_id = 2 AND task = 'supplier confirmation' \g /dev/null
SET SESSION AUTHORIZATION stella;
SELECT merch.complete_task(task_id) FROM merch.task WHERE promotion_id = 2 AND task IN ('stock count', 'labels') ORDER BY task_id \g /dev/null
SELECT merch.complete_task(task_id) FROM merch.task WHERE promotion_id = 2 AND task = 'display' ORDER BY task_id \g /dev/null
SELECT merch.complete_task(task_id)
FROM merch.task
WHERE promotion_id = 2 AND task = 'confirm' AND location_id <> (SELECT max(location_id) FROM merch.task WHERE promotion_id = 2)
ORDER BY task_id \g /dev/null
RESET SESSION AUTHORIZATION;
CALL demo.await($$(SELECT count(*) = 0 FROM merch.dirty_promotion)$$);

\echo A delivery comes, and the worker allocates it. The warehouse ships, the stores receive,
\echo build displays and confirm, except one:
\echo
SELECT title, kind, verdict, figure, threshold, detail
FROM merch.readiness(2);
SELECT state, score, gates_failed AS "gates failed", probability AS "ready in time with probability"
FROM merch.launch_readiness
WHERE promotion_id = 2;
\echo A gate that fails stops the launch, whatever the score:
\echo
\pset tuples_only on
\pset format unaligned
SET SESSION AUTHORIZATION mary;
SELECT demo.say($$SELECT merch.fire('merch.promotion', '2', 'launch')$$);
RESET SESSION AUTHORIZATION;
\pset tuples_only off
\pset format aligned

\echo It waits for stella:
\echo
SET SESSION AUTHORIZATION stella;
SELECT kind, what, how FROM merch.my_work() LIMIT 5;
SELECT merch.complete_task(task_id, 'the display came late') FROM merch.task WHERE promotion_id = 2 AND state IN ('open', 'started') \g /dev/null
RESET SESSION AUTHORIZATION;
CALL demo.await($$(SELECT state = 'ready' FROM merch.promotion WHERE promotion_id = 2)$$);
\echo The store confirms, and the worker makes the promotion ready:
\echo
SELECT state, score, gates_failed AS "gates failed", probability AS "ready in time with probability"
FROM merch.launch_readiness
WHERE promotion_id = 2;

-- a demo can't wait for next week
\echo Mary brings the week forward, to a flash sale that starts in 3 seconds and lasts 2. That is a critical change:
\echo it is asked again.
\echo
INSERT INTO merch.forecast (item_id, location_id, day, mean, dispersion)
SELECT f.item_id, f.location_id, d.day, f.mean, f.dispersion
FROM merch.forecast f
JOIN demo.chosen c ON f.day = c.starts_on
CROSS JOIN (SELECT current_date UNION SELECT (now() + interval '1 minute')::date) d(day)
ON CONFLICT DO NOTHING;
SET SESSION AUTHORIZATION mary;
WITH moment AS (SELECT date_trunc('second', clock_timestamp()::timestamp) + interval '3 seconds' AS starts)
UPDATE merch.promotion
SET time_zone = current_setting('TimeZone'), starts_on = starts::date, opens_at = starts::time,
    ends_on = (starts + interval '2 seconds')::date + 1, closes_at = (starts + interval '2 seconds')::time
FROM moment
WHERE promotion_id = 2;
SELECT state, (SELECT c.reason FROM merch.state_change c
               WHERE c.subject = 'merch.promotion'::regclass AND c.row_key = '2' ORDER BY c.changed_at DESC, c.change_id DESC LIMIT 1) AS why
FROM merch.promotion
WHERE promotion_id = 2;
SET SESSION AUTHORIZATION oscar;
SELECT merch.approve(approval_id, 'sooner is better') FROM merch.approval WHERE state = 'open' AND role = 'merch_merchandiser' \g /dev/null
SET SESSION AUTHORIZATION fiona;
SELECT merch.approve(approval_id, 'still within the budget') FROM merch.approval WHERE state = 'open' AND role = 'merch_finance' \g /dev/null
SET SESSION AUTHORIZATION wes;
SELECT merch.approve(approval_id, 'all is there') FROM merch.approval WHERE state = 'open' AND role = 'merch_allocator' \g /dev/null
RESET SESSION AUTHORIZATION;
CALL demo.await($$(SELECT state = 'ended' FROM merch.promotion WHERE promotion_id = 2)$$);
SELECT merch.detect_exceptions() \g /dev/null
\echo The clock of the worker made it live, and ended it. All that became of it, and who did it:
\echo
SELECT c.from_state AS "from", c.to_state AS "to", c.event, c.actor, c.reason,
       CASE c.event WHEN 'launch' THEN round(1000 * extract(epoch FROM c.changed_at - p.starts_at))
                    WHEN 'end' THEN round(1000 * extract(epoch FROM c.changed_at - p.ends_at)) END AS "ms after its moment"
FROM merch.state_change c
JOIN merch.promotion p ON p.promotion_id = c.row_key::bigint
WHERE c.subject = 'merch.promotion'::regclass AND p.promotion_id = 2 AND c.from_state IS NOT NULL
ORDER BY c.changed_at, c.change_id;
SELECT (SELECT string_agg(DISTINCT state, ', ') FROM merch.price_event WHERE promotion_id = 2 AND state <> 'withdrawn') AS prices,
       (SELECT count(*) FROM merch.replenishment_parameter WHERE promotion_id = 2 AND reset_at IS NULL) AS "parameters not reset",
       (SELECT count(*) FROM merch.exception WHERE promotion_id = 2 AND state <> 'resolved') AS "exceptions open",
       (SELECT count(*) FROM merch.check_ledger()) AS "differences in the books";
\echo The page that a DBA reads first:
\echo
SELECT * FROM merch.status();
