-- preparation: an approved promotion starts the work by itself, in steps that are rows
--
-- Promotions are locked first, in the order of their keys, then what the steps lock. Of two
-- that prepare the same promotion the second waits, and finds nothing left to do.

CREATE FUNCTION merch.promotion_scope(promotions bigint[])
RETURNS TABLE (promotion_id bigint, revision int, period daterange, scope text)
LANGUAGE sql STABLE ROWS 100
AS $$
    SELECT p.promotion_id, p.revision, daterange(p.starts_on, p.ends_on),
           md5(jsonb_build_array(c.content -> 'items', c.content -> 'locations')::text)
    FROM merch.promotion_content(promotions) c
    JOIN merch.promotion p USING (promotion_id)
$$;
COMMENT ON FUNCTION merch.promotion_scope(bigint[]) IS
'The revision and the days of promotions, and a digest of their items with their offers and of their locations: two of them differ if the work to be prepared may differ.';

CREATE FUNCTION merch.call_step(function text, promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT regprocedure := to_regprocedure(function || '(bigint[])');
BEGIN
    IF found IS NULL THEN
        RAISE undefined_function USING
            MESSAGE = format('function %s(bigint[]) does not exist', coalesce(function, 'NULL')),
            HINT = 'It is named in merch.preparation_step: make it, or correct the row.';
    END IF;
    EXECUTE format('SELECT %s($1)', found::oid::regproc) USING promotions;
END
$$;
COMMENT ON FUNCTION merch.call_step(text, bigint[]) IS
'Calls a function that merch.preparation_step names with promotions.';

-- What is as it was is not written again.
CREATE FUNCTION merch.note_preparation(
    step text,
    promotions bigint[],
    state text,
    error text DEFAULT NULL,
    error_code text DEFAULT NULL
)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO merch.preparation AS p (promotion_id, step, state, revision, period, scope, done_at, error, error_code,
                                        attempts, failed_at, next_attempt_at)
    SELECT s.promotion_id, note_preparation.step, note_preparation.state, s.revision, s.period, s.scope,
           CASE WHEN f.failed THEN b.done_at ELSE now() END, note_preparation.error, note_preparation.error_code,
           CASE WHEN f.failed THEN coalesce(b.attempts, 0) + 1 ELSE 0 END,
           CASE WHEN f.failed THEN now() END,
           CASE WHEN f.failed THEN now() + least(interval '1 minute' * 2 ^ least(coalesce(b.attempts, 0), 10), interval '1 hour') END
    FROM merch.promotion_scope(promotions) s
    CROSS JOIN (SELECT note_preparation.state = 'failed' AS failed) f
    LEFT JOIN merch.preparation b ON b.promotion_id = s.promotion_id AND b.step = note_preparation.step
    ON CONFLICT (promotion_id, step) DO UPDATE
    SET (state, revision, period, scope, done_at, error, error_code, attempts, failed_at, next_attempt_at)
        = (excluded.state, excluded.revision, excluded.period, excluded.scope, excluded.done_at, excluded.error,
           excluded.error_code, excluded.attempts, excluded.failed_at, excluded.next_attempt_at)
    WHERE excluded.state = 'failed'
       OR (p.state, p.revision, p.period, p.scope)
          IS DISTINCT FROM (excluded.state, excluded.revision, excluded.period, excluded.scope)
$$;
COMMENT ON FUNCTION merch.note_preparation(text, bigint[], text, text, text) IS
'Keeps in merch.preparation how a step went for promotions. What failed is tried again after a minute, then two, four and so on, at most an hour.';

CREATE FUNCTION merch.step_condition(promotion_id bigint, step text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN format('promotion %s, step "%s" of its preparation', promotion_id, step);
COMMENT ON FUNCTION merch.step_condition(bigint, text) IS
'What an exception of kind failed job is about, where a step of preparation failed.';

-- One promotion that fails must not stop the others. What may go well when the transaction is
-- tried again is not a failure of the promotion.
CREATE FUNCTION merch.prepare_step(step text, promotions bigint[])
RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    function CONSTANT text := (SELECT s.function FROM merch.preparation_step s WHERE s.step = prepare_step.step);
    promotion bigint;
    failed bigint[] := '{}';
    message text;
    detail text;
    hint text;
    code text;
BEGIN
    IF function IS NULL OR promotions = '{}' THEN
        RETURN failed;
    END IF;
    BEGIN
        PERFORM merch.call_step(function, promotions);
        PERFORM merch.resolve_exceptions('failed job', array_agg(merch.step_condition(r.promotion_id, r.step)))
        FROM merch.preparation r
        WHERE r.promotion_id = ANY (promotions) AND r.step = prepare_step.step AND r.state = 'failed'
        HAVING count(*) > 0;
        PERFORM merch.note_preparation(prepare_step.step, promotions, 'done');
        RETURN failed;
    EXCEPTION
        WHEN transaction_rollback OR lock_not_available THEN
            RAISE;
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                                    hint = PG_EXCEPTION_HINT, code = RETURNED_SQLSTATE;
    END;
    IF cardinality(promotions) > 1 THEN
        FOREACH promotion IN ARRAY promotions LOOP
            failed := failed || merch.prepare_step(prepare_step.step, ARRAY[promotion]);
        END LOOP;
        RETURN failed;
    END IF;
    PERFORM merch.note_preparation(prepare_step.step, promotions, 'failed', merch.error_text(message, detail, hint), code);
    PERFORM merch.raise_exception('failed job', merch.step_condition(promotions[1], prepare_step.step), message,
                                  promotion_id => promotions[1], remedy => nullif(hint, ''));
    RAISE WARNING USING
        MESSAGE = format('promotion %s: step "%s" of its preparation failed: %s', promotions[1], prepare_step.step, message),
        HINT = 'See merch.preparation. merch.prepare_pending() tries it again.';
    RETURN promotions;
END
$$;
COMMENT ON FUNCTION merch.prepare_step(text, bigint[]) IS
'Runs one step of preparation for promotions, which the caller has locked; for each by itself if it fails for all. Keeps the outcome in merch.preparation. Returns the promotions it failed for.';

CREATE FUNCTION merch.lock_promotions(promotions bigint[], states text[])
RETURNS bigint[]
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH locked AS MATERIALIZED (
        SELECT p.promotion_id, p.state
        FROM merch.promotion p WHERE p.promotion_id = ANY (promotions)
        ORDER BY p.promotion_id
        FOR NO KEY UPDATE
    )
    SELECT coalesce(array_agg(l.promotion_id ORDER BY l.promotion_id), '{}') FROM locked l WHERE l.state = ANY (states)
$$;
COMMENT ON FUNCTION merch.lock_promotions(bigint[], text[]) IS
'Locks promotions until the end of the transaction, and returns those of them that are in one of the states.';

CREATE FUNCTION merch.prepare_promotions(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen CONSTANT bigint[] := merch.lock_promotions(promotions, ARRAY['approved', 'preparing', 'ready', 'live']);
    step text;
BEGIN
    IF chosen = '{}' THEN
        RETURN;
    END IF;
    FOR step IN SELECT s.step FROM merch.preparation_step s ORDER BY s.ordinal LOOP
        PERFORM merch.prepare_step(step, chosen);
    END LOOP;
    PERFORM merch.fire_as_system('merch.promotion', array_agg(p.promotion_id::text), 'prepare', 'all steps of its preparation are done')
    FROM merch.promotion p
    WHERE p.promotion_id = ANY (chosen) AND p.state = 'approved'
      AND NOT EXISTS (SELECT FROM merch.preparation_step s
                      WHERE NOT EXISTS (SELECT FROM merch.preparation r
                                        WHERE r.promotion_id = p.promotion_id AND r.step = s.step AND r.state = 'done'))
    HAVING count(*) > 0;
END
$$;
COMMENT ON FUNCTION merch.prepare_promotions(bigint[]) IS
'Brings the work of approved promotions in line with what they are now, by the steps of merch.preparation_step; of promotions that are not approved, or over, nothing is done. A step that fails is kept in merch.preparation and stops neither the other steps nor the other promotions. When all steps of an approved promotion are done, it is preparing. The action of event approve.';

CREATE FUNCTION merch.prepare_pending()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pending bigint[];
BEGIN
    SELECT coalesce(array_agg(w.promotion_id), '{}') INTO pending
    FROM (SELECT p.promotion_id
          FROM merch.promotion p
          WHERE p.state IN ('approved', 'preparing', 'ready', 'live')
            AND (EXISTS (SELECT FROM merch.preparation r
                         WHERE r.promotion_id = p.promotion_id AND r.state = 'failed' AND r.next_attempt_at <= now())
                 OR (p.state = 'approved'
                     AND NOT EXISTS (SELECT FROM merch.preparation r
                                     WHERE r.promotion_id = p.promotion_id AND r.state = 'failed')))
          ORDER BY p.promotion_id
          FOR NO KEY UPDATE SKIP LOCKED) w;
    PERFORM merch.prepare_promotions(pending);
    RETURN cardinality(pending);
END
$$;
COMMENT ON FUNCTION merch.prepare_pending() IS
'Prepares promotions again of which a step has failed and is due to be tried again, and approved ones that no step has been tried for. A job. Returns their number; those that another session has locked are left for the next round.';

-- What fails here fails the transition: nobody could tell what is half ended from what is not.
CREATE FUNCTION merch.call_steps(moment text, promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    function text;
BEGIN
    FOR function IN
        SELECT f.function
        FROM merch.preparation_step s
        CROSS JOIN LATERAL (SELECT CASE moment WHEN 'launch' THEN s.at_launch WHEN 'end' THEN s.at_end ELSE s.undo END) f(function)
        WHERE f.function IS NOT NULL
        ORDER BY CASE WHEN moment = 'undo' THEN -s.ordinal ELSE s.ordinal END
    LOOP
        PERFORM merch.call_step(function, promotions);
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.call_steps(text, bigint[]) IS
'Calls for promotions what the steps of preparation have to do at a moment: launch, end or undo (in reverse order).';

CREATE FUNCTION merch.launch_promotions(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.call_steps('launch', promotions)
$$;
COMMENT ON FUNCTION merch.launch_promotions(bigint[]) IS
'What happens when promotions go live: their prices become active. The action of event launch.';

CREATE FUNCTION merch.end_promotions(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.call_steps('end', promotions)
$$;
COMMENT ON FUNCTION merch.end_promotions(bigint[]) IS
'What happens when promotions end: their prices end, replenishment parameters are reset, open tasks are cancelled, units that their allocations still hold are given back. The action of event end.';

CREATE FUNCTION merch.cancel_promotions(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM merch.call_steps('undo', promotions);
    PERFORM merch.resolve_exceptions('failed job', array_agg(merch.step_condition(r.promotion_id, r.step)), 'cancelled')
    FROM merch.preparation r
    WHERE r.promotion_id = ANY (promotions) AND r.state = 'failed'
    HAVING count(*) > 0;
    UPDATE merch.preparation r
    SET state = 'undone', done_at = now(), error = NULL, error_code = NULL, attempts = 0, failed_at = NULL, next_attempt_at = NULL
    WHERE r.promotion_id = ANY (promotions) AND r.state <> 'undone';
END
$$;
COMMENT ON FUNCTION merch.cancel_promotions(bigint[]) IS
'Takes back all that was prepared for promotions, the last step first: tasks are cancelled, replenishment parameters reset, allocations given back (what is picked goes its way), prices withdrawn. The action of event cancel.';

CREATE FUNCTION merch.incomplete_promotions(promotions bigint[])
RETURNS TABLE (row_key bigint, reason text)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.promotion_id, r.reason
    FROM merch.promotion p
    CROSS JOIN LATERAL (
        SELECT count(*) AS items, count(*) FILTER (WHERE i.offer_id IS NULL) AS open_items,
               min(i.item_id) FILTER (WHERE i.offer_id IS NULL) AS open_item
        FROM merch.promotion_item i WHERE i.promotion_id = p.promotion_id) i
    CROSS JOIN LATERAL (
        SELECT 1 AS place, 'it has no items' AS reason WHERE i.items = 0
        UNION ALL
        SELECT 2, 'it has no locations'
        WHERE NOT EXISTS (SELECT FROM merch.promotion_location l WHERE l.promotion_id = p.promotion_id)
        UNION ALL
        SELECT 3, CASE i.open_items WHEN 1 THEN format('item %s has no offer', i.open_item)
                                    ELSE format('%s items have no offer, such as item %s', i.open_items, i.open_item) END
        WHERE i.open_items > 0
        UNION ALL
        SELECT 4, format('its first day, %s, is past', to_char(p.starts_on, 'YYYY-MM-DD'))
        WHERE p.starts_on < (now() AT TIME ZONE p.time_zone)::date) r
    WHERE p.promotion_id = ANY (promotions)
    ORDER BY p.promotion_id, r.place
$$;
COMMENT ON FUNCTION merch.incomplete_promotions(bigint[]) IS
'Promotions that are not ready to be submitted, and why: no items, no locations, items without an offer, a first day that is past. The guard of event submit.';

CREATE FUNCTION merch.submit_campaign(campaign_id bigint, reason text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := submit_campaign.campaign_id;
    before CONSTANT text := merch.setting('merch.reason');
    submitted bigint;
BEGIN
    PERFORM FROM merch.campaign c WHERE c.campaign_id = id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('campaign %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The campaigns are the rows of merch.campaign.';
    END IF;
    PERFORM set_config('merch.reason', coalesce(reason, before), true);
    PERFORM FROM merch.promotion p WHERE p.campaign_id = id AND p.state = 'draft' ORDER BY p.promotion_id FOR NO KEY UPDATE;
    UPDATE merch.promotion p SET state = 'submitted' WHERE p.campaign_id = id AND p.state = 'draft';
    GET DIAGNOSTICS submitted = ROW_COUNT;
    PERFORM set_config('merch.reason', before, true);
    RETURN submitted;
END
$$;
COMMENT ON FUNCTION merch.submit_campaign(bigint, text) IS
'Submits all promotions of a campaign that are drafts; all or none: the error names what each of them lacks. Returns their number.';
