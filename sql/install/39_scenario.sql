-- scenario: what other methods, or more supply, would give

CREATE FUNCTION merch.compare_scenarios(promotion_id bigint)
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
    confidence numeric,
    least_cover numeric,
    greatest_cover numeric
)
LANGUAGE plpgsql STABLE ROWS 7
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    id CONSTANT bigint := compare_scenarios.promotion_id;
    name text;
    coupled boolean;
BEGIN
    IF NOT EXISTS (SELECT FROM merch.promotion p WHERE p.promotion_id = id) THEN
        RAISE no_data_found USING
            MESSAGE = format('promotion %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The promotions are the rows of merch.promotion.';
    END IF;
    FOREACH name IN ARRAY ARRAY['proportional', 'webster', 'cover', 'even', 'priority', 'expected_sales', 'infinite supply'] LOOP
        scenario := name;
        policy := CASE WHEN name <> 'infinite supply' THEN jsonb_build_object('method', name) END;
        coupled := merch.is_coupled(ARRAY[id], policy);
        RETURN QUERY
        WITH location AS (
            SELECT p.item_id, p.location_id, sum(p.need) AS need, sum(p.quantity) AS quantity,
                   sum((p.quantity - p.gone) * coalesce(p.unit_cost, 0)) AS cost,
                   max(p.on_hand + p.incoming - p.promised) + sum(p.quantity - p.gone)::bigint AS available,
                   max(p.mean) AS mean, max(p.dispersion) AS dispersion, max(p.distribution) AS distribution,
                   max(p.value) AS value, max(p.cover) AS cover
            FROM merch.plan_lines(ARRAY[id], NULL, policy, name = 'infinite supply', coupled => coupled, recall => true) p
            GROUP BY p.item_id, p.location_id
        ), sale AS (
            SELECT *, merch.expected_sales(mean, dispersion, greatest(available, 0), distribution) AS expected
            FROM location
        )
        SELECT name, policy, sum(s.need)::bigint, sum(s.quantity)::bigint,
               sum(s.expected)::numeric(20, 2), sum(s.mean - s.expected)::numeric(20, 2),
               sum(s.value * (s.mean - s.expected))::numeric(20, 2), sum(s.cost)::numeric(20, 2),
               sum(s.value * s.expected - s.cost)::numeric(20, 2), count(*) FILTER (WHERE s.quantity < s.need),
               avg(1 - merch.stockout_probability(s.mean, s.dispersion, greatest(s.available, 0), s.distribution))::numeric(6, 4),
               min(s.cover)::numeric(10, 1), max(s.cover)::numeric(10, 1)
        FROM sale s;
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.compare_scenarios(bigint) IS
'The methods side by side for a promotion, and infinite supply: units placed, expected and lost sales with their margin, cost of the lanes, margin, locations short, confidence, and the least and greatest days of cover. What is released and not picked could still be split anew, and is here. Writes nothing.';

CREATE FUNCTION merch.store_scenarios(allocation_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := store_scenarios.allocation_id;
    stored bigint;
BEGIN
    DELETE FROM merch.allocation_scenario s WHERE s.allocation_id = id;
    INSERT INTO merch.allocation_scenario
    SELECT id, c.*
    FROM merch.allocation a
    CROSS JOIN LATERAL merch.compare_scenarios(a.promotion_id) c
    WHERE a.allocation_id = id AND a.state <> 'cancelled';
    GET DIAGNOSTICS stored = ROW_COUNT;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION merch.store_scenarios(bigint) IS
'Stores, for the people who must choose, what merch.compare_scenarios() says now with an allocation that is not cancelled. Returns the number of scenarios.';

-- What is known of the tables must not decide how lines are looked for: they may be new. The
-- fence keeps it to one run at a time, which ends at the first line that is short.
CREATE FUNCTION merch.request_scenarios(promotions bigint[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    coupled CONSTANT bigint[] := ARRAY(SELECT merch.coupled_promotions(promotions));
    requested bigint;
BEGIN
    INSERT INTO merch.scenario_request (allocation_id)
    SELECT a.allocation_id
    FROM merch.allocation a
    WHERE a.promotion_id = ANY (promotions) AND a.promotion_id <> ALL (coupled) AND a.state IN ('active', 'released')
      AND NOT EXISTS (SELECT FROM merch.allocation_scenario s WHERE s.allocation_id = a.allocation_id)
      AND EXISTS (SELECT
                  FROM merch.promotion_item i
                  JOIN merch.allocation_line l ON l.item_id = i.item_id AND l.allocation_id = a.allocation_id
                  WHERE i.promotion_id = a.promotion_id AND l.reason = 'supply'
                  OFFSET 0)
    ORDER BY a.allocation_id
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS requested = ROW_COUNT;
    RETURN requested;
END
$$;
COMMENT ON FUNCTION merch.request_scenarios(bigint[]) IS
'Has merch.store_missing_scenarios() store the scenarios of those open runs of promotions that are short by supply and have none; where items share capacity, each takes as long as the run, so that they are not asked for. Returns their number. Part of preparation.';

CREATE FUNCTION merch.scenario_condition(allocation_id bigint)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN format('scenarios of allocation %s', allocation_id);
COMMENT ON FUNCTION merch.scenario_condition(bigint) IS
'What an exception of kind failed job is about, where scenarios could not be stored.';

CREATE FUNCTION merch.fail_scenarios(allocation_id bigint, message text, detail text, hint text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := fail_scenarios.allocation_id;
BEGIN
    UPDATE merch.scenario_request r
    SET attempts = r.attempts + 1, error = merch.error_text(message, detail, hint),
        next_attempt_at = clock_timestamp() + least(interval '1 minute' * 2 ^ least(r.attempts, 10), interval '1 hour')
    WHERE r.allocation_id = id;
    PERFORM merch.raise_exception('failed job', merch.scenario_condition(id), message,
                                  promotion_id => a.promotion_id, allocation_id => id, remedy => nullif(hint, ''))
    FROM merch.allocation a
    WHERE a.allocation_id = id;
END
$$;
COMMENT ON FUNCTION merch.fail_scenarios(bigint, text, text, text) IS
'Keeps with a run''s request that its scenarios could not be stored, and why: they are tried again after a minute, then two, four and so on, at most an hour. Part of merch.store_missing_scenarios().';

-- Large ones take seconds each: they are committed one by one, and other jobs run in between.
CREATE FUNCTION merch.store_missing_scenarios()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until CONSTANT timestamptz := clock_timestamp() + interval '1 second';
    request record;
    stored bigint := 0;
    message text;
    detail text;
    hint text;
BEGIN
    FOR request IN
        SELECT r.allocation_id, r.attempts,
               a.state IN ('active', 'released') AND (merch.awaits_launch(p.state) OR p.state = 'live')
               AND NOT EXISTS (SELECT FROM merch.allocation_scenario s WHERE s.allocation_id = r.allocation_id) AS wanted
        FROM merch.scenario_request r
        JOIN merch.allocation a USING (allocation_id)
        JOIN merch.promotion p USING (promotion_id)
        WHERE r.next_attempt_at <= now()
        ORDER BY r.next_attempt_at, r.allocation_id
        LIMIT 20
        FOR UPDATE OF r SKIP LOCKED
    LOOP
        BEGIN
            IF request.wanted THEN
                PERFORM merch.store_scenarios(request.allocation_id);
            END IF;
            DELETE FROM merch.scenario_request r WHERE r.allocation_id = request.allocation_id;
            IF request.attempts > 0 THEN
                PERFORM merch.resolve_exceptions('failed job', ARRAY[merch.scenario_condition(request.allocation_id)]);
            END IF;
            stored := stored + request.wanted::int;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            PERFORM merch.fail_scenarios(request.allocation_id, message, detail, hint);
        END;
        EXIT WHEN clock_timestamp() >= until;
    END LOOP;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION merch.store_missing_scenarios() IS
'Stores the scenarios of runs that preparation found short, of as many as it can start within a second. One that fails stops no other and is tried again later: merch.scenario_request says why. Runs that are cancelled or over by then are forgotten. Job scenarios. Returns for how many runs.';
