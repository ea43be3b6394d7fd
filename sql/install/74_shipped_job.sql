-- shipped jobs: what they are, and when they are due

CREATE FUNCTION merch.job_history()
RETURNS interval
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN merch.setting('merch.job_history')::interval;
COMMENT ON FUNCTION merch.job_history() IS
'How long the history of jobs is kept: the setting merch.job_history, a week by default.';

-- A failure that is not tried again is of a row that no longer waits for that moment.
CREATE FUNCTION merch.purge_history()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    purged bigint;
    settled text[];
BEGIN
    DELETE FROM merch.job_run r WHERE r.ended_at < now() - merch.job_history();
    GET DIAGNOSTICS purged = ROW_COUNT;
    WITH gone AS (
        DELETE FROM merch.clock_failure f WHERE f.retry_at < now() - interval '1 day'
        RETURNING merch.clock_condition(f.subject, f.event, f.row_key) AS condition)
    SELECT coalesce(array_agg(g.condition), '{}') INTO settled FROM gone g;
    PERFORM merch.resolve_exceptions('failed job', settled, 'the row does not wait for it any more');
    RETURN purged + cardinality(settled) + merch.forget_history() + merch.forget_approvals() + merch.forget_exceptions()
         + merch.forget_price_checks();
END
$$;
COMMENT ON FUNCTION merch.purge_history() IS
'Deletes runs of jobs that are older than the setting merch.job_history, changes of state, approvals, exceptions and price mismatches that ended longer ago than merch.history, and failures of the clock that count no more; returns how many rows. Job purge.';

-- Marks that were taken may still be in the index, dead: the position says from where on to look.
CREATE FUNCTION merch.next_reallocation()
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
-- what is off costs so much that it would be compiled
SET jit = off
AS $$
DECLARE
    place record;
BEGIN
    IF EXISTS (SELECT FROM merch.dirty_scope) THEN
        RETURN clock_timestamp();
    END IF;
    SELECT * INTO place FROM merch.dirty_position p ORDER BY p.position_id DESC LIMIT 1;
    IF place.system_identifier IS DISTINCT FROM (SELECT c.system_identifier FROM pg_control_system() c) THEN
        RETURN (SELECT clock_timestamp() FROM merch.dirty_item LIMIT 1);
    END IF;
    RETURN (SELECT clock_timestamp() FROM merch.dirty_item d WHERE d.xid >= pg_snapshot_xmin(place.taken) LIMIT 1);
END
$$;
COMMENT ON FUNCTION merch.next_reallocation() IS
'Now if items or promotions wait to be allocated anew, else null. Says when job reallocate is due.';

CREATE FUNCTION merch.next_readiness()
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least((SELECT clock_timestamp() FROM merch.dirty_promotion LIMIT 1),
                 (SELECT min(r.next_evaluation_at)
                  FROM merch.promotion_readiness r
                  JOIN merch.promotion p USING (promotion_id)
                  WHERE merch.awaits_launch(p.state)))
$$;
COMMENT ON FUNCTION merch.next_readiness() IS
'When the readiness of a promotion is to be evaluated again: now if something has touched one. Says when job readiness is due.';

CREATE FUNCTION merch.next_preparation()
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least((SELECT min(r.next_attempt_at)
                  FROM merch.preparation r
                  JOIN merch.promotion p USING (promotion_id)
                  WHERE r.state = 'failed' AND p.state IN ('approved', 'preparing', 'ready', 'live')),
                 (SELECT clock_timestamp()
                  FROM merch.promotion p
                  WHERE p.state = 'approved'
                    AND NOT EXISTS (SELECT FROM merch.preparation r
                                    WHERE r.promotion_id = p.promotion_id AND r.state = 'failed')
                  LIMIT 1))
$$;
COMMENT ON FUNCTION merch.next_preparation() IS
'When a step of preparation that failed is to be tried again. Says when job prepare is due.';

CREATE FUNCTION merch.next_escalation()
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT min(e.deadline) FROM merch.exception e WHERE e.state IN ('open', 'acknowledged')
$$;
COMMENT ON FUNCTION merch.next_escalation() IS
'When the next deadline of an exception passes that nobody has settled. Says when job escalate is due.';

CREATE FUNCTION merch.next_scenarios()
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT min(r.next_attempt_at) FROM merch.scenario_request r
$$;
COMMENT ON FUNCTION merch.next_scenarios() IS
'When scenarios of a prepared run that is short are to be stored, or tried again; null if none wait. Says when job scenarios is due.';
