-- detector: what is wrong now, found by set-based functions that are registered by kind

CREATE FUNCTION merch.check_detector()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found regprocedure;
BEGIN
    BEGIN
        found := to_regprocedure(NEW.detector || '(bigint[])');
    EXCEPTION WHEN invalid_name THEN
        -- from 16 on it is null
        NULL;
    END;
    IF found IS NULL
       OR NOT (SELECT p.proretset AND p.prorettype = 'merch.condition'::regtype FROM pg_proc p WHERE p.oid = found) THEN
        RAISE undefined_function USING
            MESSAGE = format('the detector of exception kind "%s" is not a function f(bigint[]) RETURNS SETOF merch.condition: %s',
                             NEW.kind, NEW.detector),
            HINT = 'Give its name with its schema, such as merch.detect_stock_shortage; or null if there is none.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.check_detector() IS
'Trigger: refuses a kind of exceptions whose detector can''t be called.';

CREATE FUNCTION merch.call_detector(kind text, promotions bigint[])
RETURNS merch.condition[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    found regprocedure;
    conditions merch.condition[];
BEGIN
    SELECT k.detector INTO name FROM merch.exception_kind k WHERE k.kind = call_detector.kind;
    found := to_regprocedure(name || '(bigint[])');
    IF found IS NULL THEN
        RAISE undefined_function USING
            MESSAGE = format('the detector of exception kind "%s" does not exist: %s(bigint[])', kind, name),
            HINT = 'Make the function again, or name another in merch.exception_kind.';
    END IF;
    EXECUTE format('SELECT array_agg(u.told)
                    FROM (SELECT DISTINCT ON (d.condition) d AS told
                          FROM %s($1) d
                          WHERE $1 IS NULL OR d.promotion_id = ANY ($1)
                          ORDER BY d.condition, d.money_at_risk DESC NULLS LAST, d.detail) u', found::regproc)
    INTO conditions USING promotions;
    RETURN coalesce(conditions, '{}');
END
$$;
COMMENT ON FUNCTION merch.call_detector(text, bigint[]) IS
'What the detector of a kind finds, of promotions or (null) all there is; of a condition that it names twice, the one with most money.';

-- Of one cause only so many are open one by one: those that are open already, then those with
-- most money. What is beyond is one exception of its own.
CREATE FUNCTION merch.contain_storm(kind text, conditions merch.condition[], promotions bigint[])
RETURNS merch.condition[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    most CONSTANT int := (SELECT k.storm_limit FROM merch.exception_kind k WHERE k.kind = contain_storm.kind);
    storms CONSTANT text[] := ARRAY(SELECT coalesce(e.cause, '')
                                    FROM merch.exception e
                                    WHERE e.kind = contain_storm.kind AND e.state <> 'resolved'
                                      AND (e.condition = 'storm' OR e.condition LIKE 'storm: %'));
BEGIN
    IF cardinality(conditions) <= most AND promotions IS NULL THEN
        RETURN conditions;
    END IF;
    RETURN ARRAY(
        WITH elsewhere AS (
            SELECT coalesce(e.cause, '') AS cause, count(*) AS open
            FROM merch.exception e
            WHERE promotions IS NOT NULL AND e.kind = contain_storm.kind AND e.state <> 'resolved' AND e.detected
              -- a storm has no promotion
              AND e.promotion_id <> ALL (promotions)
            GROUP BY coalesce(e.cause, '')
        ), ranked AS (
            SELECT c.told, row_number() OVER (PARTITION BY coalesce((c.told).cause, '')
                                              ORDER BY e.exception_id IS NULL, (c.told).money_at_risk DESC NULLS LAST,
                                                       (c.told).condition) + coalesce(x.open, 0) AS place
            FROM (SELECT u AS told FROM unnest(conditions) u) c
            LEFT JOIN merch.exception e ON e.kind = contain_storm.kind AND e.condition = (c.told).condition
                                        AND e.state <> 'resolved'
            LEFT JOIN elsewhere x ON x.cause = coalesce((c.told).cause, '')
        )
        SELECT r.told FROM ranked r WHERE r.place <= most
        UNION ALL
        SELECT ROW('storm' || coalesce(': ' || (r.told).cause, ''), (r.told).cause, NULL, NULL, NULL, NULL, NULL,
                   format('%s more than the %s that are open one by one', count(*), most),
                   'Look for what they have in common before you deal with them one by one; they are raised as those are resolved.',
                   sum((r.told).money_at_risk), NULL, NULL, NULL, min((r.told).due))::merch.condition
        FROM ranked r
        WHERE r.place > most
        GROUP BY (r.told).cause
        -- a round over some promotions does not know the figures of the whole storm
        HAVING promotions IS NULL OR coalesce((r.told).cause, '') <> ALL (storms));
END
$$;
COMMENT ON FUNCTION merch.contain_storm(text, merch.condition[], bigint[]) IS
'Conditions of a kind, with those beyond its storm_limit summed up in one for each cause.';

-- What somebody has settled takes no place from what is open.
CREATE FUNCTION merch.unsettled_conditions(kind text, conditions merch.condition[])
RETURNS merch.condition[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT
                   FROM merch.exception e
                   WHERE e.kind = unsettled_conditions.kind AND e.state = 'resolved' AND e.outcome <> 'gone'
                     AND e.gone_at IS NULL) THEN
        RETURN conditions;
    END IF;
    RETURN ARRAY(
        SELECT r.told FROM merch.rate_conditions(unsettled_conditions.kind, conditions, true) r WHERE NOT r.settled);
END
$$;
COMMENT ON FUNCTION merch.unsettled_conditions(text, merch.condition[]) IS
'Conditions of a kind without those that somebody has settled.';

CREATE FUNCTION merch.changed_conditions(kind text, conditions merch.condition[])
RETURNS merch.condition[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN ARRAY(
        SELECT r.told
        FROM merch.rate_conditions(changed_conditions.kind, conditions, true) r
        LEFT JOIN merch.exception e ON e.kind = changed_conditions.kind AND e.condition = (r.told).condition
                                    AND e.state <> 'resolved'
        WHERE NOT r.settled
          AND (e.exception_id IS NULL
               OR NOT e.detected
               OR e.detail <> (r.told).detail
               OR e.money_at_risk IS DISTINCT FROM r.money_at_risk
               OR e.severity <> least(4, r.severity + e.escalations)
               OR e.route_id IS DISTINCT FROM r.route_id
               OR (e.escalations = 0 AND (e.role <> r.role OR e.deadline <> r.deadline))
               OR coalesce((r.told).due <> e.due, (r.told).due IS NOT NULL AND e.due IS NULL)
               OR ((r.told).allocation_id IS NOT NULL AND e.allocation_id IS DISTINCT FROM (r.told).allocation_id)
               OR ((r.told).remedy IS NOT NULL AND e.remedy IS DISTINCT FROM (r.told).remedy)));
END
$$;
COMMENT ON FUNCTION merch.changed_conditions(text, merch.condition[]) IS
'Those of conditions that are not open as they are: new ones, and ones with other figures, severity or role.';

-- A custom plan hashes the arrays of names, however many there are.
CREATE FUNCTION merch.detect_kind(kind text, promotions bigint[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    found CONSTANT merch.condition[] := merch.call_detector(kind, promotions);
    kept merch.condition[];
    changed merch.condition[];
    found_names text[];
    kept_names text[];
    gone bigint[];
    beyond bigint[];
    written bigint := 0;
BEGIN
    PERFORM merch.check_conditions(kind, found);
    kept := merch.contain_storm(kind, merch.unsettled_conditions(kind, found), promotions);
    changed := merch.changed_conditions(kind, kept);
    IF changed <> '{}' THEN
        written := merch.write_exceptions(kind, changed, true);
    END IF;

    found_names := ARRAY(SELECT u.condition FROM unnest(found) u);
    kept_names := ARRAY(SELECT u.condition FROM unnest(kept) u);
    SELECT array_agg(e.exception_id) FILTER (WHERE e.condition <> ALL (found_names)),
           array_agg(e.exception_id) FILTER (WHERE e.condition = ANY (found_names))
    INTO gone, beyond
    FROM merch.exception e
    WHERE e.kind = detect_kind.kind AND e.state <> 'resolved' AND e.detected
      AND (promotions IS NULL OR e.promotion_id = ANY (promotions))
      AND e.condition <> ALL (kept_names);
    IF gone IS NOT NULL THEN
        written := written + merch.close_exceptions(gone, 'the condition is gone');
    END IF;
    IF beyond IS NOT NULL THEN
        written := written + merch.close_exceptions(beyond, 'summed up in a storm');
    END IF;
    UPDATE merch.exception e
    SET gone_at = now()
    WHERE e.kind = detect_kind.kind AND e.detected AND e.state = 'resolved' AND e.outcome <> 'gone' AND e.gone_at IS NULL
      AND (promotions IS NULL OR e.promotion_id = ANY (promotions))
      AND e.condition <> ALL (found_names);
    RETURN written;
END
$$;
COMMENT ON FUNCTION merch.detect_kind(text, bigint[]) IS
'Runs the detector of one kind, writes what has changed and resolves what is gone. Used by merch.detect_exceptions().';

-- One round at a time: two would not know of each other what is new.
CREATE FUNCTION merch.detect_exceptions(promotions bigint[] DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    written bigint := 0;
    message text;
    detail text;
    hint text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('merch.detect_exceptions'));
    FOR name IN
        SELECT k.kind FROM merch.exception_kind k WHERE k.active AND k.detector IS NOT NULL ORDER BY k.kind
    LOOP
        BEGIN
            written := written + merch.detect_kind(name, promotions);
            written := written + merch.resolve_exceptions('failed job', ARRAY['detector of ' || name], 'it works again');
        EXCEPTION
            WHEN transaction_rollback OR lock_not_available THEN
                RAISE;
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
                written := written + (merch.raise_exception('failed job', 'detector of ' || name,
                                                            merch.error_text(message, detail, hint)) IS NOT NULL)::int;
                RAISE WARNING USING
                    MESSAGE = format('exceptions of kind "%s" could not be detected: %s', name, message),
                    HINT = 'What was open of it stays as it is. See merch.exception_queue.';
        END;
    END LOOP;
    RETURN written;
END
$$;
COMMENT ON FUNCTION merch.detect_exceptions(bigint[]) IS
'Runs the detectors of all active kinds, for promotions or (null) for all there is: raises what is new, updates what has changed, resolves what is gone. Returns how many exceptions were written; what is as it was is not. A detector that fails stops no other: it becomes an exception itself.';
