-- launch: the probability of being ready, overrides, and the guard that stops what is not

CREATE FUNCTION merch.learn_durations()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twentieths CONSTANT float8[] := ARRAY(SELECT n / 20.0 FROM generate_series(0, 20) n);
    tasks bigint;
    transfers bigint;
BEGIN
    INSERT INTO merch.task_duration AS d (task, tasks, quantiles)
    SELECT t.task, count(*),
           percentile_cont(twentieths) WITHIN GROUP (ORDER BY least(extract(epoch FROM t.done_at - t.started_at) / 3600, 5000)::float8)
    FROM merch.task t
    WHERE t.state = 'done' AND t.started_at IS NOT NULL AND t.done_at > now() - interval '400 days'
    GROUP BY t.task
    HAVING count(*) >= 20
    ON CONFLICT (task) DO UPDATE
    SET tasks = excluded.tasks, quantiles = excluded.quantiles, learned_at = excluded.learned_at
    WHERE (d.tasks, d.quantiles) IS DISTINCT FROM (excluded.tasks, excluded.quantiles);
    GET DIAGNOSTICS tasks = ROW_COUNT;

    UPDATE merch.transfer_lateness l
    SET transfers = n.transfers, quantiles = n.quantiles, learned_at = now()
    FROM (SELECT count(*) AS transfers,
                 percentile_cont(twentieths) WITHIN GROUP (
                     ORDER BY least(greatest(extract(epoch FROM t.received_at - (t.arrives_on + 1)) / 3600, 0), 5000)::float8) AS quantiles
          FROM merch.transfer t
          WHERE t.state = 'received' AND t.received_at > now() - interval '400 days') n
    WHERE n.transfers >= 20 AND (l.transfers, l.quantiles) IS DISTINCT FROM (n.transfers, n.quantiles);
    GET DIAGNOSTICS transfers = ROW_COUNT;
    RETURN tasks + transfers;
END
$$;
COMMENT ON FUNCTION merch.learn_durations() IS
'Learns from the last 400 days how long tasks take and how late transfers are, of what there are 20 or more; returns how many figures changed. Call it once a day.';

-- A network's tasks are numbered by location and template; those of the promotion as a whole
-- have a place above all locations. A need that a promotion does not have holds nothing up.
CREATE FUNCTION merch.task_network(promotions bigint[])
RETURNS TABLE (task text, location_id int, number bigint, needs bigint[], duration float8[])
LANGUAGE plpgsql STABLE ROWS 500
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH template AS MATERIALIZED (
        SELECT m.task, m.depends_on, row_number() OVER (ORDER BY m.task) AS ordinal, count(*) OVER () AS templates,
               CASE WHEN d.task IS NOT NULL THEN merch.quantile_duration(d.quantiles, m.beyond::float8)
                    ELSE merch.pert_duration(h.hours * m.optimistic::float8, h.hours, least(h.hours * m.pessimistic::float8, 10000),
                                             m.beyond::float8) END AS duration
        FROM merch.task_template m
        LEFT JOIN merch.task_duration d USING (task)
        CROSS JOIN LATERAL (SELECT least(extract(epoch FROM m.takes) / 3600, 5000)::float8 AS hours) h
    ), place AS MATERIALIZED (
        SELECT DISTINCT t.location_id, coalesce(t.location_id::bigint, 2147483648) AS place
        FROM merch.task t
        WHERE t.promotion_id = ANY (promotions) AND t.state <> 'cancelled'
    )
    SELECT m.task, p.location_id, p.place * m.templates + m.ordinal,
           CASE WHEN m.depends_on = '{}' THEN '{}'
                WHEN p.location_id IS NULL
                THEN ARRAY(SELECT q.place * o.templates + o.ordinal FROM template o, place q WHERE o.task = ANY (m.depends_on) ORDER BY 1)
                ELSE ARRAY(SELECT q.place * o.templates + o.ordinal
                           FROM template o, (VALUES (p.place), (2147483648)) q (place) WHERE o.task = ANY (m.depends_on) ORDER BY 1) END,
           m.duration
    FROM template m
    CROSS JOIN place p;
END
$$;
COMMENT ON FUNCTION merch.task_network(bigint[]) IS
'The tasks of promotions as a network for merch.ready_probability(): for each template and location the task''s number, those that it needs, and its duration in hours.';

CREATE FUNCTION merch.task_probability(promotions bigint[])
RETURNS TABLE (promotion_id bigint, probability float8)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    hour CONSTANT timestamptz := date_trunc('hour', now(), 'UTC');
BEGIN
    RETURN QUERY
    WITH network AS MATERIALIZED (
        SELECT * FROM merch.task_network(promotions)
    )
    SELECT t.promotion_id,
           merch.ready_probability(n.number, n.needs, n.duration, t.state = 'done',
                                   CASE WHEN t.state = 'started' THEN least(greatest(extract(epoch FROM hour - t.started_at), 0) / 3600, 100000)::int END,
                                   least(floor(extract(epoch FROM p.starts_at - hour) / 3600), 2000)::int)
    FROM merch.promotion p
    JOIN merch.task t USING (promotion_id)
    JOIN network n ON n.task = t.task AND coalesce(n.location_id, -1) = coalesce(t.location_id, -1)
                  AND n.location_id IS NOT DISTINCT FROM t.location_id
    WHERE p.promotion_id = ANY (promotions) AND t.state <> 'cancelled' AND p.state IN ('approved', 'preparing', 'ready', 'live')
    GROUP BY t.promotion_id;
END
$$;
COMMENT ON FUNCTION merch.task_probability(bigint[]) IS
'The probability, as of the full hour, that all tasks of promotions are done by their start. No row for one without tasks.';

-- A transfer that arrives on its day is in time. What is late already is so for some reason:
-- its chances are those of transfers that were as late.
CREATE FUNCTION merch.transfer_probability(promotions bigint[])
RETURNS TABLE (promotion_id bigint, probability float8)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    hour CONSTANT timestamptz := date_trunc('hour', now(), 'UTC');
BEGIN
    RETURN QUERY
    WITH open AS MATERIALIZED (
        SELECT p.promotion_id, least(24 * (p.starts_on - t.arrives_on), 2000) AS slack,
               least(greatest(floor(extract(epoch FROM hour - ((t.arrives_on + 1)::timestamp AT TIME ZONE p.time_zone)) / 3600), 0), 100000)::int AS age,
               count(*) AS transfers
        FROM merch.promotion p
        JOIN merch.allocation a USING (promotion_id)
        JOIN merch.transfer t USING (allocation_id)
        WHERE p.promotion_id = ANY (promotions) AND t.state IN ('planned', 'picking', 'shipped')
          AND a.state <> 'cancelled' AND p.state IN ('approved', 'preparing', 'ready', 'live')
        GROUP BY 1, 2, 3
    ), chance AS MATERIALIZED (
        SELECT o.slack, o.age, merch.ready_probability(1, '{}', d.duration, false, nullif(o.age, 0), o.slack - o.age) AS probability
        FROM (SELECT DISTINCT x.slack, x.age FROM open x) o
        CROSS JOIN (SELECT merch.quantile_duration(l.quantiles, l.beyond) AS duration FROM merch.transfer_lateness l) d
        GROUP BY o.slack, o.age
    )
    SELECT o.promotion_id,
           CASE WHEN min(c.probability) > 0 THEN least(exp(sum(o.transfers * ln(nullif(c.probability, 0)) ORDER BY o.slack, o.age)), 1)
                ELSE 0 END
    FROM open o
    JOIN chance c USING (slack, age)
    GROUP BY o.promotion_id;
END
$$;
COMMENT ON FUNCTION merch.transfer_probability(bigint[]) IS
'The probability, as of the full hour, that all open transfers of promotions arrive by their first day. No row for one without open transfers.';

CREATE FUNCTION merch.store_promotion_readiness(promotions bigint[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
    changed bigint;
BEGIN
    WITH task AS (
        SELECT t.promotion_id, min(t.due_at) FILTER (WHERE t.due_at > now()) AS due_at
        FROM merch.task t
        WHERE t.promotion_id = ANY (promotions) AND t.state IN ('open', 'started')
        GROUP BY t.promotion_id
    ), now_known AS (
        SELECT p.promotion_id,
               CASE WHEN p.state IN ('approved', 'preparing', 'ready') THEN coalesce(t.probability, 1) * coalesce(r.probability, 1) END AS probability,
               least(((now() AT TIME ZONE p.time_zone)::date + 1)::timestamp AT TIME ZONE p.time_zone, k.due_at,
                     CASE WHEN k.promotion_id IS NOT NULL OR r.promotion_id IS NOT NULL
                          THEN date_trunc('hour', now(), 'UTC') + interval '1 hour' END) AS next_at
        FROM merch.promotion p
        LEFT JOIN merch.task_probability(promotions) t USING (promotion_id)
        LEFT JOIN merch.transfer_probability(promotions) r USING (promotion_id)
        LEFT JOIN task k USING (promotion_id)
        WHERE p.promotion_id = ANY (promotions)
    )
    INSERT INTO merch.promotion_readiness (promotion_id, probability, next_evaluation_at)
    SELECT n.promotion_id, n.probability, n.next_at
    FROM now_known n
    LEFT JOIN merch.promotion_readiness o USING (promotion_id)
    WHERE o.promotion_id IS NULL OR (o.probability, o.next_evaluation_at) IS DISTINCT FROM (n.probability, n.next_at)
    ON CONFLICT (promotion_id) DO UPDATE
    SET probability = excluded.probability, next_evaluation_at = excluded.next_evaluation_at;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION merch.store_promotion_readiness(bigint[]) IS
'Stores how likely promotions are to be ready by their start, and when they are to be looked at again, where that has changed; returns the number of rows. Used by merch.evaluate_readiness().';

CREATE FUNCTION merch.is_overridden(promotion_id bigint, readiness_check text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT
                   FROM merch.readiness_override o
                   JOIN merch.promotion p USING (promotion_id)
                   WHERE o.promotion_id = is_overridden.promotion_id AND o.readiness_check = is_overridden.readiness_check
                     AND o.state = 'granted' AND o.revision = p.revision)
$$;
COMMENT ON FUNCTION merch.is_overridden(bigint, text) IS
'Whether the failure of a check is passed over for a promotion as it is now.';

CREATE FUNCTION merch.failed_gates(promotions bigint[])
RETURNS TABLE (promotion_id bigint, readiness_check text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.promotion_id, r.readiness_check
    FROM merch.readiness_result r
    JOIN merch.readiness_check c USING (readiness_check)
    WHERE r.promotion_id = ANY (promotions) AND NOT r.passed AND c.active AND c.kind = 'gate'
      AND NOT merch.is_overridden(r.promotion_id, r.readiness_check);
END
$$;
COMMENT ON FUNCTION merch.failed_gates(bigint[]) IS
'The gates that promotions failed when they were last evaluated, and that are not overridden.';

CREATE FUNCTION merch.unready_promotions(promotions bigint[])
RETURNS TABLE (row_key bigint, reason text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT v.promotion_id,
           concat(c.title, ': ', coalesce(v.detail, 'no'),
                  ' (' || v.figure || coalesce(', at least ' || c.threshold, '') || ')', '. ', c.remedy)
    FROM merch.readiness_verdicts(promotions, ARRAY(SELECT g.readiness_check FROM merch.readiness_check g
                                                    WHERE g.active AND g.kind = 'gate' ORDER BY 1)) v
    JOIN merch.readiness_check c USING (readiness_check)
    WHERE NOT v.passed AND NOT merch.is_overridden(v.promotion_id, v.readiness_check)
    ORDER BY v.promotion_id, v.readiness_check;
END
$$;
COMMENT ON FUNCTION merch.unready_promotions(bigint[]) IS
'The guard of launch: evaluates the gates of promotions as things are now, and gives for each that fails and is not overridden the figure and what helps.';

CREATE FUNCTION merch.guard_override()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known record;
BEGIN
    -- a check that got another name takes its overrides along
    IF TG_OP = 'UPDATE' AND NEW.readiness_check <> OLD.readiness_check
       AND (NEW.override_id, NEW.promotion_id, NEW.reason, NEW.revision, NEW.created_by, NEW.created_at)
           = (OLD.override_id, OLD.promotion_id, OLD.reason, OLD.revision, OLD.created_by, OLD.created_at)
       AND NOT EXISTS (SELECT FROM merch.readiness_check c WHERE c.readiness_check = OLD.readiness_check) THEN
        RETURN NEW;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        RAISE restrict_violation USING
            MESSAGE = CASE TG_OP WHEN 'TRUNCATE' THEN 'cannot truncate the overrides'
                                 ELSE format('cannot %s override %s', CASE TG_OP WHEN 'DELETE' THEN 'delete' ELSE 'change' END, OLD.override_id) END,
            HINT = 'Overrides stay on record. One that is not wanted any more expires when the promotion is changed.';
    END IF;
    SELECT p.state, p.revision INTO known FROM merch.promotion p WHERE p.promotion_id = NEW.promotion_id FOR SHARE;
    IF NOT merch.awaits_launch(known.state) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('promotion %s is %s: nothing can be overridden', NEW.promotion_id, known.state),
            HINT = 'Overrides are for promotions that await their launch.';
    END IF;
    -- who asks can't say for which revision, in whose name or when
    NEW.revision := coalesce(known.revision, 0);
    NEW.created_by := merch.actor();
    NEW.created_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_override() IS
'Trigger of merch.readiness_override: fills in who asks and for which revision; refuses to change or delete what is on record.';

CREATE FUNCTION merch.expire_overrides(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.fire_as_system('merch.readiness_override', array_agg(o.override_id::text), 'expire', 'the promotion was changed')
    FROM merch.readiness_override o
    JOIN merch.promotion p USING (promotion_id)
    WHERE o.promotion_id = ANY (promotions) AND o.state IN ('requested', 'granted') AND o.revision <> p.revision
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION merch.expire_overrides(bigint[]) IS
'Ends the overrides of promotions that were asked for at another revision. Called when a revision changes.';

CREATE FUNCTION merch.request_override(promotion_id bigint, readiness_check text, reason text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM merch.promotion p WHERE p.promotion_id = request_override.promotion_id) THEN
        RAISE no_data_found USING
            MESSAGE = format('promotion %s does not exist', coalesce(request_override.promotion_id::text, 'NULL')),
            HINT = 'The promotions are the rows of merch.promotion.';
    END IF;
    IF NOT EXISTS (SELECT FROM merch.readiness_check c WHERE c.readiness_check = request_override.readiness_check AND c.kind = 'gate') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('"%s" is not a gate', coalesce(request_override.readiness_check, 'NULL')),
            HINT = 'The gates are rows of merch.readiness_check; a warning stops nothing.';
    END IF;
    INSERT INTO merch.readiness_override (promotion_id, readiness_check, reason)
    VALUES (request_override.promotion_id, request_override.readiness_check, request_override.reason)
    RETURNING override_id INTO id;
    RETURN id;
END
$$;
COMMENT ON FUNCTION merch.request_override(bigint, text, text) IS
'Asks for leave to launch a promotion although a gate fails, with the reason; returns the override''s number. It holds once it is granted, until the promotion is changed.';

CREATE FUNCTION merch.readiness(promotion_id bigint)
RETURNS TABLE (
    readiness_check text,
    title text,
    kind text,
    verdict text,
    figure numeric,
    threshold numeric,
    money_at_risk numeric,
    detail text,
    remedy text,
    weight numeric,
    since timestamptz
)
LANGUAGE plpgsql STABLE ROWS 16
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    id CONSTANT bigint := readiness.promotion_id;
BEGIN
    IF NOT EXISTS (SELECT FROM merch.promotion p WHERE p.promotion_id = id) THEN
        RAISE no_data_found USING
            MESSAGE = format('promotion %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The promotions are the rows of merch.promotion.';
    END IF;
    RETURN QUERY
    SELECT c.readiness_check, c.title, c.kind,
           CASE WHEN r.passed THEN 'passed'
                WHEN r.passed IS NULL THEN 'not evaluated'
                WHEN c.kind = 'warning' THEN 'warning'
                WHEN merch.is_overridden(id, c.readiness_check) THEN 'overridden'
                ELSE 'failed' END AS verdict,
           r.figure, c.threshold, r.money_at_risk, r.detail, CASE WHEN NOT r.passed THEN c.remedy END, c.weight, r.evaluated_at
    FROM merch.readiness_check c
    LEFT JOIN merch.readiness_result r ON r.readiness_check = c.readiness_check AND r.promotion_id = id
    WHERE c.active
    ORDER BY coalesce(r.passed, false), c.kind, r.money_at_risk DESC NULLS LAST, c.weight DESC, c.readiness_check;
END
$$;
COMMENT ON FUNCTION merch.readiness(bigint) IS
'The checks of a promotion, what fails first: verdict (failed, overridden, warning, not evaluated, passed), figure and the least that passes, margin at risk, what fails and what helps, and since when.';
