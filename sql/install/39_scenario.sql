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
            FROM merch.plan_lines(ARRAY[id], NULL, policy, name = 'infinite supply', coupled => coupled) p
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
'The methods side by side for a promotion, and infinite supply: units placed, expected and lost sales with their margin, cost of the lanes, margin, locations short, confidence, and the least and greatest days of cover. Writes nothing.';

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
