-- readiness: whether tasks will be done in time, checks and their verdicts, what has to be evaluated anew

CREATE FUNCTION merch.pert_duration(optimistic float8, likely float8, pessimistic float8, beyond float8 DEFAULT 0)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'merch_pert_duration'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION merch.pert_duration(float8, float8, float8, float8) IS
'The duration of a task by PERT''s beta distribution, for merch.ready_probability(): from the shortest, the most likely and the longest number of steps. The share "beyond" takes still longer, however long it has taken.';

CREATE FUNCTION merch.quantile_duration(quantiles float8[], beyond float8 DEFAULT 0)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'merch_quantile_duration'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION merch.quantile_duration(float8[], float8) IS
'The duration of a task by what was measured, for merch.ready_probability(): its quantiles in steps, in even distances from the shortest to the longest. The share "beyond" takes still longer.';

CREATE FUNCTION merch.ready_accumulate(
    state internal, task bigint, needs bigint[], duration float8[], done boolean, age int, horizon int)
RETURNS internal
AS 'MODULE_PATHNAME', 'merch_ready_accumulate'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION merch.ready_accumulate(internal, bigint, bigint[], float8[], boolean, int, int) IS
'Collects the tasks for merch.ready_probability().';

CREATE FUNCTION merch.ready_result(state internal)
RETURNS float8
AS 'MODULE_PATHNAME', 'merch_ready_probability'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION merch.ready_result(internal) IS
'Computes merch.ready_probability() of the tasks that were collected.';

CREATE AGGREGATE merch.ready_probability(task bigint, needs bigint[], duration float8[], done boolean, age int, horizon int) (
    SFUNC = merch.ready_accumulate,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = merch.ready_result,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE merch.ready_probability(bigint, bigint[], float8[], boolean, int, int) IS
'The probability that all tasks are done within the horizon. A row is a task: its number; the tasks that must be done before it starts (those among no row hold nothing up); its duration from merch.pert_duration() or merch.quantile_duration(); whether it is done; the steps for which it has been running, null if it has not started. Null if there are no rows.';

CREATE FUNCTION merch.awaits_launch(state text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN state IN ('draft', 'submitted', 'approved', 'preparing', 'ready');
COMMENT ON FUNCTION merch.awaits_launch(text) IS
'Whether a promotion in this state can still go live: those are the promotions of which readiness is evaluated.';

-- What has changed. Marks of items and locations become promotions when they are taken: one
-- that gets an item in a transaction not yet seen marks itself.

CREATE FUNCTION merch.mark_promotions(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO merch.dirty_promotion (promotion_id) SELECT DISTINCT p FROM unnest(promotions) p WHERE p IS NOT NULL
$$;
COMMENT ON FUNCTION merch.mark_promotions(bigint[]) IS
'Marks promotions: their readiness is to be evaluated anew. For changes that no trigger sees, such as those of tables that your own checks read.';

CREATE FUNCTION merch.mark_items_of_promotions(items bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO merch.dirty_promotion (item_id) SELECT DISTINCT i FROM unnest(items) i WHERE i IS NOT NULL
$$;
COMMENT ON FUNCTION merch.mark_items_of_promotions(bigint[]) IS
'Marks items: the readiness of all promotions that have one is to be evaluated anew.';

CREATE FUNCTION merch.mark_promotions_by_location(locations bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO merch.dirty_promotion (location_id) SELECT DISTINCT l FROM unnest(locations) l WHERE l IS NOT NULL
$$;
COMMENT ON FUNCTION merch.mark_promotions_by_location(bigint[]) IS
'Marks locations: the readiness of all promotions that run at one is to be evaluated anew.';

CREATE FUNCTION merch.mark_limited_by_location(locations bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.mark_promotions_by_location(array_agg(l))
    FROM unnest(locations) l
    WHERE EXISTS (SELECT FROM merch.location_capacity c WHERE c.location_id = l AND c.labour_hours IS NOT NULL)
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION merch.mark_limited_by_location(bigint[]) IS
'Marks those locations whose labour is limited: what one promotion needs there others lack.';

CREATE FUNCTION merch.mark_promotions_of_runs(allocations bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.mark_promotions(array_agg(a.promotion_id))
    FROM merch.allocation a WHERE a.allocation_id = ANY (allocations)
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION merch.mark_promotions_of_runs(bigint[]) IS
'Marks the promotions of allocations.';

CREATE FUNCTION merch.mark_promotions_of_transfers(transfers bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.mark_promotions(array_agg(a.promotion_id))
    FROM merch.transfer t JOIN merch.allocation a USING (allocation_id) WHERE t.transfer_id = ANY (transfers)
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION merch.mark_promotions_of_transfers(bigint[]) IS
'Marks the promotions of transfers.';

CREATE FUNCTION merch.mark_all_promotions()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO merch.dirty_promotion DEFAULT VALUES;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.mark_all_promotions() IS
'Trigger, after each statement, of what is read for all promotions, and of tables that are emptied: marks them all.';

-- The marks that the DELETE sees are taken; what commits later stays for the next call. Who
-- evaluates looks with a later snapshot than that: nothing is missed, at most seen twice.
CREATE FUNCTION merch.take_dirty_promotions()
RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    promotions bigint[];
    items bigint[];
    locations int[];
    everything boolean;
BEGIN
    WITH gone AS (DELETE FROM merch.dirty_promotion RETURNING promotion_id, item_id, location_id)
    SELECT array_agg(DISTINCT g.promotion_id) FILTER (WHERE g.promotion_id IS NOT NULL),
           array_agg(DISTINCT g.item_id) FILTER (WHERE g.item_id IS NOT NULL),
           array_agg(DISTINCT g.location_id) FILTER (WHERE g.location_id IS NOT NULL),
           bool_or(num_nonnulls(g.promotion_id, g.item_id, g.location_id) = 0)
    INTO promotions, items, locations, everything
    FROM gone g;
    RETURN ARRAY(
        SELECT p.promotion_id FROM merch.promotion p
        WHERE merch.awaits_launch(p.state) AND everything
        UNION
        SELECT unnest(promotions)
        UNION
        SELECT i.promotion_id FROM merch.promotion_item i WHERE i.item_id = ANY (items)
        UNION
        SELECT l.promotion_id FROM merch.promotion_location l WHERE l.location_id = ANY (locations)
        UNION
        SELECT r.promotion_id
        FROM merch.promotion_readiness r
        JOIN merch.promotion p USING (promotion_id)
        WHERE r.next_evaluation_at <= now() AND merch.awaits_launch(p.state)
        ORDER BY 1);
END
$$;
COMMENT ON FUNCTION merch.take_dirty_promotions() IS
'Empties the queue of changes, and returns the promotions that they touch, with those that time has touched. Used by merch.evaluate_dirty_readiness().';

CREATE FUNCTION merch.lock_readiness()
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock(hashtext('merch.evaluate_readiness'))
$$;
COMMENT ON FUNCTION merch.lock_readiness() IS
'Waits until nobody else writes verdicts, and keeps others from it until the end of the transaction.';

-- A check must not stop the others, nor a promotion the others of its check.
CREATE FUNCTION merch.run_check(function text, threshold numeric, promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT regprocedure := to_regprocedure(function || '(bigint[])');
BEGIN
    IF known IS NULL THEN
        RAISE undefined_function USING
            MESSAGE = format('function %s(bigint[]) does not exist', function),
            HINT = 'It is named by a row of merch.readiness_check.';
    END IF;
    -- a check with several rows for a promotion means all of them
    RETURN QUERY EXECUTE format('
        SELECT p.id, coalesce(bool_and(coalesce(c.passed, c.figure >= $2, true)), true), min(c.figure), sum(c.money_at_risk),
               string_agg(c.detail, ''; '' ORDER BY c.detail)
        FROM unnest($1) p (id)
        LEFT JOIN %s($1) c ON c.promotion_id = p.id
        GROUP BY p.id', known::regproc)
    USING promotions, threshold;
END
$$;
COMMENT ON FUNCTION merch.run_check(text, numeric, bigint[]) IS
'Runs the function of a check on promotions: one row for each of them. Used by merch.readiness_verdicts().';

CREATE FUNCTION merch.run_check_safely(function text, threshold numeric, promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    found record;
    half CONSTANT int := cardinality(promotions) / 2;
    message text;
BEGIN
    IF promotions = '{}' THEN
        RETURN;
    END IF;
    BEGIN
        -- in arrays: rows that were returned before an error would stay
        SELECT array_agg(c.promotion_id) AS ids, array_agg(c.passed) AS passed, array_agg(c.figure) AS figures,
               array_agg(c.money_at_risk) AS money, array_agg(c.detail) AS details
        INTO found
        FROM merch.run_check(function, threshold, promotions) c;
    EXCEPTION
        WHEN transaction_rollback OR lock_not_available THEN
            RAISE;
        WHEN OTHERS THEN
            message := sqlerrm;
    END;
    IF message IS NULL THEN
        RETURN QUERY SELECT * FROM unnest(found.ids, found.passed, found.figures, found.money, found.details);
    ELSIF half = 0 OR to_regprocedure(function || '(bigint[])') IS NULL THEN
        RETURN QUERY SELECT p, false, NULL::numeric, NULL::numeric, 'failed to evaluate: ' || message FROM unnest(promotions) p;
    ELSE
        -- the promotions that it fails for are found by halves
        RETURN QUERY SELECT * FROM merch.run_check_safely(function, threshold, promotions[:half]);
        RETURN QUERY SELECT * FROM merch.run_check_safely(function, threshold, promotions[half + 1:]);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.run_check_safely(text, numeric, bigint[]) IS
'As merch.run_check(), but where the function raises an error, the promotions for which it does fail the check with the error as detail.';

CREATE FUNCTION merch.run_checks(promotions bigint[], checks text[])
RETURNS TABLE (
    promotion_id bigint,
    readiness_check text,
    passed boolean,
    figure numeric,
    money_at_risk numeric,
    detail text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    one record;
BEGIN
    FOR one IN SELECT c.readiness_check AS name, c.function, c.threshold
               FROM merch.readiness_check c
               WHERE c.active AND (checks IS NULL OR c.readiness_check = ANY (checks))
               ORDER BY c.readiness_check LOOP
        RETURN QUERY
        SELECT v.promotion_id, one.name, v.passed, v.figure, v.money_at_risk, v.detail
        FROM merch.run_check_safely(one.function, one.threshold, promotions) v;
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.run_checks(bigint[], text[]) IS
'What the active checks, or those of them that are named, say of promotions. Used by merch.readiness_verdicts().';

-- The greater the share that fails, the more of what the promotion is expected to earn.
CREATE FUNCTION merch.readiness_verdicts(promotions bigint[], checks text[] DEFAULT NULL)
RETURNS TABLE (
    promotion_id bigint,
    readiness_check text,
    passed boolean,
    figure numeric,
    money_at_risk numeric,
    detail text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    known CONSTANT bigint[] := ARRAY(SELECT p.promotion_id FROM merch.promotion p WHERE p.promotion_id = ANY (promotions) ORDER BY 1);
BEGIN
    RETURN QUERY
    WITH verdict AS MATERIALIZED (
        SELECT * FROM merch.run_checks(known, checks)
    ), stake AS MATERIALIZED (
        SELECT s.promotion_id, s.money
        FROM merch.promotion_stakes(ARRAY(SELECT DISTINCT v.promotion_id FROM verdict v
                                          WHERE NOT v.passed AND v.money_at_risk IS NULL ORDER BY 1)) s
    )
    SELECT v.promotion_id, v.readiness_check, v.passed, round(v.figure, 4),
           round(CASE WHEN v.passed THEN NULL
                      WHEN v.money_at_risk IS NOT NULL THEN v.money_at_risk
                      WHEN v.figure >= 0 AND v.figure <= 1 THEN s.money * (1 - v.figure)
                      ELSE s.money END, 2),
           CASE WHEN NOT v.passed THEN v.detail END
    FROM verdict v
    LEFT JOIN stake s USING (promotion_id);
END
$$;
COMMENT ON FUNCTION merch.readiness_verdicts(bigint[], text[]) IS
'The verdicts of the active checks, or of those named, on promotions, as things are now. Where a check that fails says nothing about money it is what its figure lacks of 1, as a share of the margin that is expected of the promotion. Writes nothing.';

CREATE FUNCTION merch.store_verdicts(promotions bigint[], checks text[] DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    gone bigint;
    changed bigint;
BEGIN
    DELETE FROM merch.readiness_result r
    USING merch.readiness_check c
    WHERE r.promotion_id = ANY (promotions) AND c.readiness_check = r.readiness_check AND NOT c.active;
    GET DIAGNOSTICS gone = ROW_COUNT;
    -- a row that would not change is not even locked
    INSERT INTO merch.readiness_result AS r (promotion_id, readiness_check, passed, figure, money_at_risk, detail)
    SELECT v.promotion_id, v.readiness_check, v.passed, v.figure, v.money_at_risk, v.detail
    FROM merch.readiness_verdicts(promotions, checks) v
    LEFT JOIN merch.readiness_result o ON o.promotion_id = v.promotion_id AND o.readiness_check = v.readiness_check
                                      AND o.promotion_id = ANY (promotions)
    WHERE o.promotion_id IS NULL
       OR (o.passed, o.figure, o.money_at_risk, o.detail) IS DISTINCT FROM (v.passed, v.figure, v.money_at_risk, v.detail)
    ON CONFLICT (promotion_id, readiness_check) DO UPDATE
    SET passed = excluded.passed, figure = excluded.figure, money_at_risk = excluded.money_at_risk, detail = excluded.detail,
        evaluated_at = excluded.evaluated_at;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN gone + changed;
END
$$;
COMMENT ON FUNCTION merch.store_verdicts(bigint[], text[]) IS
'Evaluates promotions and stores what has changed; returns the number of rows. Used by merch.evaluate_readiness().';

CREATE FUNCTION merch.store_neighbours(promotions bigint[])
RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    one record;
    near bigint[];
    touched bigint[] := '{}';
BEGIN
    FOR one IN SELECT c.readiness_check AS name, c.neighbours
               FROM merch.readiness_check c
               WHERE c.active AND c.neighbours IS NOT NULL
               ORDER BY c.readiness_check LOOP
        BEGIN
            EXECUTE format('SELECT array_agg(n) FROM %s($1) n', to_regprocedure(one.neighbours || '(bigint[])')::regproc)
            INTO near USING promotions;
        EXCEPTION
            WHEN transaction_rollback OR lock_not_available THEN
                RAISE;
            WHEN OTHERS THEN
                RAISE WARNING USING
                    MESSAGE = format('the neighbours of check %s were not evaluated: %s', one.name, sqlerrm),
                    HINT = format('See %s, which its row of merch.readiness_check names.', one.neighbours);
                CONTINUE;
        END;
        near := ARRAY(SELECT DISTINCT p.promotion_id
                      FROM merch.promotion p
                      WHERE p.promotion_id = ANY (near) AND p.promotion_id <> ALL (promotions) AND merch.awaits_launch(p.state)
                      ORDER BY 1);
        IF near <> '{}' THEN
            PERFORM merch.store_verdicts(near, ARRAY[one.name]);
            touched := touched || near;
        END IF;
    END LOOP;
    RETURN touched;
END
$$;
COMMENT ON FUNCTION merch.store_neighbours(bigint[]) IS
'Evaluates, for checks that look at several promotions, the neighbours of the given ones; returns them. Used by merch.evaluate_readiness().';

CREATE FUNCTION merch.fire_readiness(promotions bigint[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    ready text[];
    unready text[];
BEGIN
    SELECT array_agg(p.promotion_id::text) FILTER (WHERE p.state = 'preparing' AND f.gates IS NULL),
           array_agg(p.promotion_id::text) FILTER (WHERE p.state = 'ready' AND f.gates IS NOT NULL)
    INTO ready, unready
    FROM merch.promotion p
    LEFT JOIN (SELECT g.promotion_id, count(*) AS gates FROM merch.failed_gates(promotions) g GROUP BY g.promotion_id) f USING (promotion_id)
    WHERE p.promotion_id = ANY (promotions) AND p.state IN ('preparing', 'ready');
    RETURN CASE WHEN ready IS NULL THEN 0
                ELSE merch.fire_as_system('merch.promotion', ready, 'ready', 'all gates passed') END
         + CASE WHEN unready IS NULL THEN 0
                ELSE merch.fire_as_system('merch.promotion', unready, 'unready', 'a gate fails') END;
END
$$;
COMMENT ON FUNCTION merch.fire_readiness(bigint[]) IS
'Makes promotions ready whose gates all pass or are overridden, and unready those of which one fails; returns how many changed. Used by merch.evaluate_readiness().';

CREATE FUNCTION merch.evaluate_readiness(promotions bigint[] DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen bigint[];
    changed bigint;
    near bigint[] := '{}';
BEGIN
    PERFORM merch.lock_readiness();
    chosen := ARRAY(SELECT p.promotion_id FROM merch.promotion p
                    WHERE merch.awaits_launch(p.state) AND (promotions IS NULL OR p.promotion_id = ANY (promotions))
                    ORDER BY 1);
    changed := merch.store_verdicts(chosen) + merch.store_promotion_readiness(chosen);
    IF promotions IS NOT NULL THEN
        near := merch.store_neighbours(promotions);
    END IF;
    PERFORM merch.fire_readiness(chosen || near);
    RETURN changed;
END
$$;
COMMENT ON FUNCTION merch.evaluate_readiness(bigint[]) IS
'Evaluates the readiness of promotions that await their launch, of all by default, stores what has changed, and makes them ready or unready. Returns the number of rows that changed. One at a time: a second call waits for the first one''s transaction.';

CREATE FUNCTION merch.evaluate_dirty_readiness()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    promotions bigint[];
BEGIN
    PERFORM merch.lock_readiness();
    promotions := merch.take_dirty_promotions();
    IF promotions = '{}' THEN
        RETURN 0;
    END IF;
    RETURN merch.evaluate_readiness(promotions);
END
$$;
COMMENT ON FUNCTION merch.evaluate_dirty_readiness() IS
'Evaluates the readiness of those promotions that something has touched since they were last evaluated, with the same result as evaluating all. Returns the number of rows that changed.';
