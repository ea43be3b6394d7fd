-- exception: one open row for a condition, rated and routed by rows of the model

CREATE TYPE merch.condition AS (
    condition text,
    cause text,
    promotion_id bigint,
    item_id bigint,
    location_id int,
    allocation_id bigint,
    transfer_id bigint,
    detail text,
    remedy text,
    money_at_risk numeric,
    probability numeric,
    handling_minutes numeric,
    loss_hours numeric,
    due timestamptz
);
COMMENT ON TYPE merch.condition IS
'What a detector says is wrong now, or merch.raise_exceptions() is told. condition and detail must be given; see the columns of merch.exception.';

-- What is due already can't be met: then the route's time counts from when it was seen.
CREATE FUNCTION merch.exception_deadline(first_seen timestamptz, within interval, due timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN due > first_seen THEN least(due, first_seen + within) ELSE first_seen + within END;
COMMENT ON FUNCTION merch.exception_deadline(timestamptz, interval, timestamptz) IS
'By when an exception must be dealt with: within an interval of being seen, or before its remedy comes too late, if that is sooner.';

-- What is not told anew is as the open exception has it.
CREATE FUNCTION merch.known_conditions(kind text, conditions merch.condition[])
RETURNS TABLE (
    told merch.condition,
    ordinal bigint,
    promotion_id bigint,
    item_id bigint,
    location_id int,
    due timestamptz,
    money_at_risk numeric,
    weighed numeric,
    first_seen timestamptz
)
LANGUAGE sql STABLE ROWS 100
AS $$
    SELECT c.told, c.ordinal, coalesce((c.told).promotion_id, e.promotion_id), coalesce((c.told).item_id, e.item_id),
           coalesce((c.told).location_id, e.location_id), coalesce((c.told).due, e.due), m.money_at_risk,
           coalesce(m.money_at_risk, k.usual_money), coalesce(e.first_seen, now())
    FROM (SELECT u AS told, row_number() OVER () AS ordinal FROM unnest(conditions) u) c
    JOIN merch.exception_kind k ON k.kind = known_conditions.kind
    LEFT JOIN merch.exception e ON e.kind = k.kind AND e.condition = (c.told).condition AND e.state <> 'resolved'
    CROSS JOIN LATERAL (
        SELECT coalesce(((c.told).money_at_risk * k.loss_share)::numeric(20, 2), e.money_at_risk) AS money_at_risk) m
$$;
COMMENT ON FUNCTION merch.known_conditions(text, merch.condition[]) IS
'Conditions of a kind, numbered, with what is known of them: the money as its share is expected to be lost, and (weighed) that of the kind where nobody told it.';

CREATE FUNCTION merch.rate_conditions(kind text, conditions merch.condition[], detected boolean)
RETURNS TABLE (
    told merch.condition,
    money_at_risk numeric,
    route_id bigint,
    role name,
    deadline timestamptz,
    severity int,
    settled boolean
)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH known AS MATERIALIZED (
        SELECT * FROM merch.known_conditions(rate_conditions.kind, conditions)
    ), routed AS (
        SELECT DISTINCT ON (t.ordinal) t.ordinal, r.route_id, r.role, r.within
        FROM known t
        LEFT JOIN merch.item i ON i.item_id = t.item_id
        LEFT JOIN merch.location l ON l.location_id = t.location_id
        JOIN merch.exception_route r
            ON r.active
            AND (r.kind IS NULL OR r.kind = rate_conditions.kind)
            AND (r.promotion_id IS NULL OR r.promotion_id = t.promotion_id)
            AND (r.above IS NULL OR t.weighed > r.above)
        LEFT JOIN merch.item_group_path() ip
            ON ip.item_group_id = i.item_group_id AND ip.ancestor_id = r.item_group_id
        LEFT JOIN merch.location_group_path() lp
            ON lp.location_group_id = l.location_group_id AND lp.ancestor_id = r.location_group_id
        WHERE (r.item_group_id IS NULL OR ip.ancestor_id IS NOT NULL)
          AND (r.location_group_id IS NULL OR lp.ancestor_id IS NOT NULL)
          AND EXISTS (SELECT FROM pg_roles o WHERE o.rolname = r.role)
        ORDER BY t.ordinal, r.kind NULLS LAST, r.promotion_id NULLS LAST, ip.distance NULLS LAST, lp.distance NULLS LAST,
                 r.above DESC NULLS LAST, r.route_id
    ), timed AS (
        SELECT t.*, r.route_id, coalesce(r.role, 'merch_admin') AS role,
               merch.exception_deadline(t.first_seen, coalesce(r.within, '1 day'), t.due) AS deadline
        FROM known t
        LEFT JOIN routed r USING (ordinal)
    )
    SELECT t.told, t.money_at_risk, t.route_id, t.role, t.deadline,
           coalesce((SELECT max(s.severity)
                     FROM merch.exception_severity s
                     WHERE (s.kind IS NULL OR s.kind = rate_conditions.kind)
                       AND (s.above IS NULL OR t.weighed > s.above)
                       AND (s.within IS NULL OR t.deadline < now() + s.within)), 1),
           EXISTS (SELECT
                   FROM merch.exception m
                   JOIN merch.exception_kind k USING (kind)
                   WHERE m.kind = rate_conditions.kind AND m.condition = (t.told).condition
                     AND m.state = 'resolved' AND m.outcome <> 'gone' AND m.gone_at IS NULL
                     -- what was fixed and is raised again has happened again; a detector may just look too soon
                     AND (m.outcome <> 'fixed' OR (rate_conditions.detected AND m.state_since + k.settling > now()))
                     AND t.weighed <= 2 * coalesce(m.money_at_risk, t.weighed))
    FROM timed t;
END
$$;
COMMENT ON FUNCTION merch.rate_conditions(text, merch.condition[], boolean) IS
'Conditions of a kind with their money at risk, route, role, deadline and severity, and whether somebody has settled them: accepted, found false or just fixed, and not twice as much since.';

CREATE FUNCTION merch.check_conditions(kind text, conditions merch.condition[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
BEGIN
    IF NOT EXISTS (SELECT FROM merch.exception_kind k WHERE k.kind = check_conditions.kind) THEN
        RAISE undefined_object USING
            MESSAGE = format('there is no exception kind "%s"', coalesce(check_conditions.kind, 'NULL')),
            HINT = 'The kinds are the rows of merch.exception_kind; add yours there.';
    END IF;
    SELECT c.* INTO wrong
    FROM unnest(conditions) c
    WHERE coalesce(c.condition, '') = '' OR c.detail IS NULL OR c.money_at_risk < 0 OR c.money_at_risk = 'NaN'
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RAISE invalid_parameter_value USING
        MESSAGE = CASE
            WHEN coalesce(wrong.condition, '') = '' THEN format('an exception of kind "%s" has no condition', kind)
            WHEN wrong.detail IS NULL THEN format('exception "%s: %s" has no detail', kind, wrong.condition)
            ELSE format('money at risk of exception "%s: %s" must be at least 0: %s', kind, wrong.condition, wrong.money_at_risk) END,
        HINT = 'condition and detail must be given, money_at_risk may be null: nobody can tell.';
END
$$;
COMMENT ON FUNCTION merch.check_conditions(text, merch.condition[]) IS
'Raises an error that says why, if exceptions of that kind can''t be made of the conditions.';

-- The rows that are already open are counted, not made anew: the unique index decides, also
-- between sessions. Sorted, so that two sessions lock in the same order.
CREATE FUNCTION merch.write_exceptions(kind text, conditions merch.condition[], detected boolean)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    written bigint;
BEGIN
    INSERT INTO merch.exception AS e (
        kind, condition, cause, promotion_id, item_id, location_id, allocation_id, transfer_id, detail, remedy, route_id, role,
        severity, money_at_risk, probability, handling_minutes, loss_hours, due, deadline, detected)
    SELECT write_exceptions.kind, (r.told).condition, (r.told).cause, (r.told).promotion_id, (r.told).item_id,
           (r.told).location_id, (r.told).allocation_id, (r.told).transfer_id, (r.told).detail, (r.told).remedy, r.route_id,
           r.role, r.severity, r.money_at_risk, (r.told).probability, (r.told).handling_minutes, (r.told).loss_hours,
           (r.told).due, r.deadline, write_exceptions.detected
    FROM (SELECT DISTINCT ON ((x.told).condition) x.*
          FROM merch.rate_conditions(write_exceptions.kind, conditions, write_exceptions.detected) x
          WHERE NOT x.settled
          ORDER BY (x.told).condition, (x.told).money_at_risk DESC NULLS LAST) r
    ORDER BY (r.told).condition
    ON CONFLICT (kind, condition) WHERE state <> 'resolved' DO UPDATE
    -- what nobody says anew stays
    SET cause = coalesce(excluded.cause, e.cause), promotion_id = coalesce(excluded.promotion_id, e.promotion_id),
        item_id = coalesce(excluded.item_id, e.item_id), location_id = coalesce(excluded.location_id, e.location_id),
        allocation_id = coalesce(excluded.allocation_id, e.allocation_id),
        transfer_id = coalesce(excluded.transfer_id, e.transfer_id), detail = excluded.detail,
        remedy = coalesce(excluded.remedy, e.remedy), route_id = excluded.route_id,
        money_at_risk = coalesce(excluded.money_at_risk, e.money_at_risk),
        probability = coalesce(excluded.probability, e.probability),
        handling_minutes = coalesce(excluded.handling_minutes, e.handling_minutes),
        loss_hours = coalesce(excluded.loss_hours, e.loss_hours), due = coalesce(excluded.due, e.due),
        -- it stays with whom it was escalated to
        role = CASE WHEN e.escalations > 0 THEN e.role ELSE excluded.role END,
        deadline = CASE WHEN e.escalations > 0 THEN e.deadline ELSE excluded.deadline END,
        severity = least(4, excluded.severity + e.escalations),
        detected = e.detected OR excluded.detected,
        -- a detector's finding whose severity or role alone changed is not news
        seen = e.seen + (NOT excluded.detected OR e.detail <> excluded.detail
                         OR coalesce(e.money_at_risk <> excluded.money_at_risk, false))::int,
        last_seen = now();
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END
$$;
COMMENT ON FUNCTION merch.write_exceptions(text, merch.condition[], boolean) IS
'Makes or counts the exceptions of conditions, but for those that somebody has settled. Used by merch.raise_exceptions() and merch.detect_exceptions().';

CREATE FUNCTION merch.raise_exceptions(kind text, conditions merch.condition[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM merch.check_conditions(kind, conditions);
    RETURN merch.write_exceptions(kind, conditions, false);
END
$$;
COMMENT ON FUNCTION merch.raise_exceptions(text, merch.condition[]) IS
'Raises exceptions of one kind: a condition that is open already is counted again, with the new figures. Returns how many were made or counted; those that somebody has accepted, or called a false alarm, are not.';

CREATE FUNCTION merch.raise_exception(
    kind text,
    condition text,
    detail text,
    promotion_id bigint DEFAULT NULL,
    item_id bigint DEFAULT NULL,
    location_id int DEFAULT NULL,
    allocation_id bigint DEFAULT NULL,
    transfer_id bigint DEFAULT NULL,
    money_at_risk numeric DEFAULT NULL,
    remedy text DEFAULT NULL,
    due timestamptz DEFAULT NULL,
    cause text DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    told merch.condition;
BEGIN
    told.condition := condition;
    told.detail := detail;
    told.promotion_id := promotion_id;
    told.item_id := item_id;
    told.location_id := location_id;
    told.allocation_id := allocation_id;
    told.transfer_id := transfer_id;
    told.money_at_risk := money_at_risk;
    told.remedy := remedy;
    told.due := due;
    told.cause := cause;
    PERFORM merch.raise_exceptions(kind, ARRAY[told]);
    RETURN (SELECT e.exception_id
            FROM merch.exception e
            WHERE e.kind = raise_exception.kind AND e.condition = raise_exception.condition AND e.state <> 'resolved');
END
$$;
COMMENT ON FUNCTION merch.raise_exception(text, text, text, bigint, bigint, int, bigint, bigint, numeric, text, timestamptz, text) IS
'Raises an exception, or counts it again if its condition is open already. Returns its number; null if somebody has accepted the condition or called it a false alarm.';

CREATE FUNCTION merch.close_exceptions(exceptions bigint[], reason text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- in the order in which they are raised
    PERFORM FROM merch.exception e WHERE e.exception_id = ANY (exceptions) ORDER BY e.kind, e.condition FOR NO KEY UPDATE;
    UPDATE merch.exception e SET outcome = 'gone' WHERE e.exception_id = ANY (exceptions) AND e.state <> 'resolved';
    RETURN merch.fire_as_system('merch.exception', exceptions::text[], 'resolve', reason);
END
$$;
COMMENT ON FUNCTION merch.close_exceptions(bigint[], text) IS
'Resolves exceptions, as the system, because their conditions are true no longer.';

CREATE FUNCTION merch.resolve_exceptions(kind text, conditions text[], reason text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT bigint[] := ARRAY(
        SELECT e.exception_id
        FROM merch.exception e
        WHERE e.kind = resolve_exceptions.kind AND e.condition = ANY (conditions) AND e.state <> 'resolved'
        ORDER BY e.condition
        FOR NO KEY UPDATE);
BEGIN
    UPDATE merch.exception e
    SET gone_at = now()
    WHERE e.kind = resolve_exceptions.kind AND e.condition = ANY (conditions)
      AND e.state = 'resolved' AND e.outcome <> 'gone' AND e.gone_at IS NULL;
    IF found = '{}' THEN
        RETURN 0;
    END IF;
    RETURN merch.close_exceptions(found, coalesce(reason, 'the condition is gone'));
END
$$;
COMMENT ON FUNCTION merch.resolve_exceptions(text, text[], text) IS
'Resolves the open exceptions of a kind whose conditions are gone: for whoever raised them, such as a job that succeeds again. Returns how many; none is no error.';

CREATE FUNCTION merch.check_route_roles()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing name;
BEGIN
    SELECT r INTO missing
    FROM unnest(ARRAY[NEW.role, NEW.escalate_to]) r
    WHERE NOT EXISTS (SELECT FROM pg_roles o WHERE o.rolname = r) AND r IS NOT NULL;
    IF FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('role "%s" of an exception route does not exist', missing),
            HINT = 'Make it with CREATE ROLE, or name another.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.check_route_roles() IS
'Trigger: refuses a route to a role that does not exist. One that is dropped later makes its routes idle.';

CREATE FUNCTION merch.lock_exception(exception_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM merch.exception e WHERE e.exception_id = lock_exception.exception_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('exception %s does not exist', coalesce(exception_id::text, 'NULL')),
            HINT = 'Those that are open: SELECT * FROM merch.exception_queue.';
    END IF;
END
$$;
COMMENT ON FUNCTION merch.lock_exception(bigint) IS
'Locks an exception until the end of the transaction, or says that there is none.';

CREATE FUNCTION merch.acknowledge_exception(exception_id bigint, note text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := exception_id;
BEGIN
    PERFORM merch.lock_exception(id);
    IF acknowledge_exception.note IS NOT NULL THEN
        UPDATE merch.exception e SET note = acknowledge_exception.note WHERE e.exception_id = id;
    END IF;
    RETURN merch.fire('merch.exception', id::text, 'acknowledge', acknowledge_exception.note);
END
$$;
COMMENT ON FUNCTION merch.acknowledge_exception(bigint, text) IS
'Says that somebody is at an exception, for members of its role. Returns its new state. It stays in the queue, and its deadline holds.';

CREATE FUNCTION merch.resolve_exception(exception_id bigint, outcome text DEFAULT 'fixed', note text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := exception_id;
BEGIN
    IF outcome IS NULL OR outcome NOT IN ('fixed', 'accepted', 'false_alarm') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('unknown outcome of an exception: %s', coalesce('"' || outcome || '"', 'NULL')),
            HINT = 'fixed, accepted (it is true and stays so) or false_alarm.';
    END IF;
    PERFORM merch.lock_exception(id);
    UPDATE merch.exception e
    SET outcome = resolve_exception.outcome, note = coalesce(resolve_exception.note, e.note)
    WHERE e.exception_id = id AND e.state <> 'resolved';
    RETURN merch.fire('merch.exception', id::text, 'resolve', resolve_exception.note);
END
$$;
COMMENT ON FUNCTION merch.resolve_exception(bigint, text, text) IS
'Settles an exception, for members of its role: fixed, accepted (true, and stays so) or false_alarm. Returns its new state. An accepted condition or false alarm is not raised again while it lasts, unless more than twice the money comes to be at risk; a fixed one may still be seen for the settling time of its kind.';

CREATE FUNCTION merch.escalate_exceptions()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missed record;
    escalated bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('merch.detect_exceptions'));
    FOR missed IN
        WITH late AS MATERIALIZED (
            SELECT e.exception_id, e.role, e.route_id
            FROM merch.exception e
            WHERE e.state IN ('open', 'acknowledged') AND e.deadline < now()
            ORDER BY e.kind, e.condition
            FOR NO KEY UPDATE
        )
        SELECT l.role AS from_role, n.to_role, array_agg(l.exception_id ORDER BY l.exception_id) AS exceptions
        FROM late l
        LEFT JOIN merch.exception_route r USING (route_id)
        LEFT JOIN pg_roles o ON o.rolname = r.escalate_to
        -- missed by those it was escalated to before: one more step
        CROSS JOIN LATERAL (SELECT CASE WHEN o.rolname = l.role THEN 'merch_admin'
                                        ELSE coalesce(o.rolname, 'merch_admin') END AS to_role) n
        GROUP BY l.role, n.to_role
        ORDER BY l.role, n.to_role
    LOOP
        UPDATE merch.exception e
        SET role = missed.to_role, escalations = e.escalations + 1, severity = least(4, e.severity + 1),
            deadline = now() + coalesce((SELECT r.within FROM merch.exception_route r WHERE r.route_id = e.route_id), '1 day')
        WHERE e.exception_id = ANY (missed.exceptions);
        escalated := escalated
            + merch.fire_as_system('merch.exception', missed.exceptions::text[], 'escalate',
                                   format('deadline missed by %s, now for %s', missed.from_role, missed.to_role));
    END LOOP;
    RETURN escalated;
END
$$;
COMMENT ON FUNCTION merch.escalate_exceptions() IS
'Hands exceptions whose deadline was missed to the role that their routes escalate to, one step more severe and with a new deadline. Returns how many. Run again it does nothing more.';

CREATE FUNCTION merch.forget_exceptions()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    forgotten bigint;
BEGIN
    DELETE FROM merch.exception e
    WHERE e.state = 'resolved' AND e.state_since < now() - merch.setting('merch.history')::interval
      -- what somebody has accepted would be raised again
      AND (e.outcome IN ('gone', 'fixed') OR e.gone_at IS NOT NULL);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION merch.forget_exceptions() IS
'Deletes exceptions that were resolved longer ago than the setting merch.history, but for those that are accepted or false alarms and still seen. Returns how many.';

-- In logarithms: the factor of what is due in weeks is too small for a float.
CREATE FUNCTION merch.exception_priority(
    probability float8,
    money float8,
    loss_hours float8,
    handling_minutes float8,
    minutes_left float8,
    look_ahead float8,
    average_minutes float8
)
RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ln(greatest(probability * money / loss_hours / handling_minutes, 1e-300))
       - greatest(0, minutes_left - handling_minutes) / (look_ahead * average_minutes);
COMMENT ON FUNCTION merch.exception_priority(float8, float8, float8, float8, float8, float8, float8) IS
'What exceptions are ordered by: the logarithm of probability × loss rate / handling time × exp(−max(0, time left − handling time) / (look_ahead × average handling time)).';

CREATE FUNCTION merch.exception_remedy(
    remedy text,
    exception_id bigint,
    promotion_id bigint,
    item_id bigint,
    location_id int,
    allocation_id bigint,
    transfer_id bigint
)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN replace(replace(replace(replace(replace(replace(remedy,
           '{exception_id}', exception_id::text),
           '{promotion_id}', coalesce(promotion_id::text, 'NULL')),
           '{item_id}', coalesce(item_id::text, 'NULL')),
           '{location_id}', coalesce(location_id::text, 'NULL')),
           '{allocation_id}', coalesce(allocation_id::text, 'NULL')),
           '{transfer_id}', coalesce(transfer_id::text, 'NULL'));
COMMENT ON FUNCTION merch.exception_remedy(text, bigint, bigint, bigint, int, bigint, bigint) IS
'A remedy of merch.exception_kind with the numbers of an exception filled in.';

CREATE FUNCTION merch.next_exceptions(role name DEFAULT NULL, most int DEFAULT 10)
RETURNS TABLE (
    exception_id bigint,
    kind text,
    severity int,
    state text,
    detail text,
    remedy text,
    money_at_risk numeric,
    deadline timestamptz,
    for_role name
)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF most IS NULL OR most < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('most must be at least 0: %s', coalesce(most::text, 'NULL')),
            HINT = 'It is the number of exceptions to return.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles o WHERE o.rolname = next_exceptions.role) AND next_exceptions.role IS NOT NULL THEN
        RAISE undefined_object USING
            MESSAGE = format('role "%s" does not exist', next_exceptions.role),
            HINT = 'Null for all roles that you have.';
    END IF;
    RETURN QUERY
    SELECT q.exception_id, q.kind, q.severity, q.state, q.detail, q.remedy, q.money_at_risk, q.deadline, q.role
    FROM merch.exception_queue q
    JOIN pg_roles o ON o.rolname = q.role
    WHERE CASE WHEN next_exceptions.role IS NULL THEN pg_has_role(o.oid, 'USAGE') ELSE q.role = next_exceptions.role END
    ORDER BY q.priority DESC, q.deadline, q.exception_id
    LIMIT most;
END
$$;
COMMENT ON FUNCTION merch.next_exceptions(name, int) IS
'The exceptions that a role, or (null) any role of the caller, best deals with next.';

CREATE FUNCTION merch.exception_scenarios(exception_id bigint)
RETURNS TABLE (
    scenario text,
    policy jsonb,
    need bigint,
    units bigint,
    expected_sales numeric,
    lost_sales numeric,
    lost_margin numeric,
    lane_cost numeric,
    margin numeric,
    locations_short bigint,
    confidence numeric
)
LANGUAGE plpgsql STABLE ROWS 7
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    about record;
BEGIN
    SELECT e.allocation_id, a.promotion_id, a.state INTO about
    FROM merch.exception e
    LEFT JOIN merch.allocation a USING (allocation_id)
    WHERE e.exception_id = exception_scenarios.exception_id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('exception %s does not exist', coalesce(exception_id::text, 'NULL')),
            HINT = 'Those that are open: SELECT * FROM merch.exception_queue.';
    END IF;
    RETURN QUERY
    SELECT s.scenario, s.policy, s.need, s.units, s.expected_sales, s.lost_sales, s.lost_margin, s.lane_cost, s.margin,
           s.locations_short, s.confidence
    FROM merch.allocation_scenario s
    WHERE s.allocation_id = about.allocation_id
    ORDER BY s.margin DESC, s.scenario;
    IF NOT FOUND AND about.state <> 'cancelled' THEN
        RETURN QUERY
        SELECT s.scenario, s.policy, s.need, s.units, s.expected_sales, s.lost_sales, s.lost_margin, s.lane_cost, s.margin,
               s.locations_short, s.confidence
        FROM merch.compare_scenarios(about.promotion_id) s
        ORDER BY s.margin DESC, s.scenario;
    END IF;
END
$$;
COMMENT ON FUNCTION merch.exception_scenarios(bigint) IS
'What other ways to split would give where an exception is about a run: as stored with it in merch.allocation_scenario, else as they are now. The highest margin first; no rows if it is about none.';
