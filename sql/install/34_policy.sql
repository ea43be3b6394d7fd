-- policy: which settings hold for which items and locations of a promotion

CREATE FUNCTION merch.check_policy(policy jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given CONSTANT jsonb := check_policy.policy;
    stranger text;
    rule record;
    holds boolean;
BEGIN
    IF given IS NULL THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(given) <> 'object' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('a policy must be a JSON object, not %s', jsonb_typeof(given)),
            HINT = 'For example: ''{"method": "cover", "holdback": 0.1}''.';
    END IF;
    SELECT k INTO stranger
    FROM jsonb_object_keys(given) k
    WHERE NOT EXISTS (SELECT FROM pg_attribute a
                      WHERE a.attrelid = 'merch.policy'::regclass AND a.attname = k AND a.attnum > 0 AND NOT a.attisdropped)
       OR k IN ('policy_id', 'promotion_id', 'item_group_id', 'location_group_id', 'effective')
    ORDER BY k
    LIMIT 1;
    IF FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('a policy has no setting "%s"', stranger),
            HINT = 'The settings are the columns of merch.policy that come after effective.';
    END IF;

    -- what a row of merch.policy may not say, this may not say either
    FOR rule IN
        SELECT c.conname, pg_get_expr(c.conbin, c.conrelid) AS condition
        FROM pg_constraint c
        WHERE c.conrelid = 'merch.policy'::regclass AND c.contype = 'c' AND c.conname <> 'policy_effective_not_empty'
        ORDER BY c.conname
    LOOP
        EXECUTE format('SELECT %s FROM jsonb_populate_record(NULL::merch.policy, $1)', rule.condition)
        INTO holds USING given;
        IF NOT holds THEN
            RAISE check_violation USING
                MESSAGE = format('the policy %s violates check constraint "%s"', given, rule.conname),
                HINT = 'It may say what a row of merch.policy may: see its columns'' comments.';
        END IF;
    END LOOP;
    RETURN given;
END
$$;
COMMENT ON FUNCTION merch.check_policy(jsonb) IS
'The policy that is given, if it says nothing that a row of merch.policy may not say; else raises an error that names what.';

-- A group that is its own ancestor ends the walk: CYCLE.
CREATE FUNCTION merch.item_group_path()
RETURNS TABLE (item_group_id int, ancestor_id int, distance int)
LANGUAGE sql STABLE ROWS 1000
AS $$
    WITH RECURSIVE path AS (
        SELECT g.item_group_id, g.item_group_id AS ancestor_id, 0 AS distance
        FROM merch.item_group g
        UNION ALL
        SELECT p.item_group_id, g.parent_id, p.distance + 1
        FROM path p
        JOIN merch.item_group g ON g.item_group_id = p.ancestor_id
        WHERE g.parent_id IS NOT NULL
    ) CYCLE ancestor_id SET again USING walked
    SELECT item_group_id, ancestor_id, distance FROM path WHERE NOT again
$$;
COMMENT ON FUNCTION merch.item_group_path() IS
'Every item group with itself and all groups above it, and how far above they are.';

CREATE FUNCTION merch.location_group_path()
RETURNS TABLE (location_group_id int, ancestor_id int, distance int)
LANGUAGE sql STABLE ROWS 1000
AS $$
    WITH RECURSIVE path AS (
        SELECT g.location_group_id, g.location_group_id AS ancestor_id, 0 AS distance
        FROM merch.location_group g
        UNION ALL
        SELECT p.location_group_id, g.parent_id, p.distance + 1
        FROM path p
        JOIN merch.location_group g ON g.location_group_id = p.ancestor_id
        WHERE g.parent_id IS NOT NULL
    ) CYCLE ancestor_id SET again USING walked
    SELECT location_group_id, ancestor_id, distance FROM path WHERE NOT again
$$;
COMMENT ON FUNCTION merch.location_group_path() IS
'Every location group with itself and all groups above it, and how far above they are.';

-- One row for each pair of groups that the promotions' items and locations are in. 0 stands
-- for no group, so that pairs are joined by equality. In PL/pgSQL, so that it is planned once a
-- session and not as a part of every statement that joins it. Few rows come from many small joins:
-- to compile them (jit) would take a second.
CREATE FUNCTION merch.policy_map(promotions bigint[], override jsonb DEFAULT NULL)
RETURNS TABLE (
    promotion_id bigint,
    item_group_id int,
    location_group_id int,
    method text,
    distribution text,
    holdback numeric,
    holdback_units bigint,
    surplus text,
    demand_source text,
    history_days int,
    fixed_quantity bigint,
    cover_days int,
    minimum_need bigint,
    maximum_need bigint,
    threshold bigint,
    maximum_weeks numeric,
    pack_level text,
    days_before int,
    change_threshold bigint
)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_nestloop = on
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH item_reach AS (
        SELECT g.promotion_id, g.item_group_id, x.ancestor_id, x.distance
        FROM (SELECT DISTINCT pi.promotion_id, i.item_group_id
              FROM merch.promotion_item pi
              JOIN merch.item i USING (item_id)
              WHERE pi.promotion_id = ANY (promotions)) g
        CROSS JOIN LATERAL (
            SELECT NULL::int AS ancestor_id, NULL::int AS distance
            UNION ALL
            SELECT p.ancestor_id, p.distance FROM merch.item_group_path() p WHERE p.item_group_id = g.item_group_id) x
    ), location_reach AS (
        SELECT g.promotion_id, g.location_group_id, x.ancestor_id, x.distance
        FROM (SELECT DISTINCT pl.promotion_id, l.location_group_id
              FROM merch.promotion_location pl
              JOIN merch.location l USING (location_id)
              WHERE pl.promotion_id = ANY (promotions)) g
        CROSS JOIN LATERAL (
            SELECT NULL::int AS ancestor_id, NULL::int AS distance
            UNION ALL
            SELECT p.ancestor_id, p.distance FROM merch.location_group_path() p WHERE p.location_group_id = g.location_group_id) x
    ), merged AS (
        SELECT p.promotion_id, ir.item_group_id, lr.location_group_id,
               '{"method": "proportional", "distribution": "auto", "holdback": 0, "holdback_units": 0, "surplus": "keep",
                 "demand_source": "forecast", "history_days": 28, "fixed_quantity": 0, "cover_days": 0, "minimum_need": 0,
                 "threshold": 0, "days_before": 0, "change_threshold": 0}'
               -- of what two policies say the later, more specific one stays
               || coalesce(jsonb_object_agg(said.key, said.value
                                            ORDER BY y.promotion_id DESC, ir.distance DESC, lr.distance DESC)
                           FILTER (WHERE said.key IS NOT NULL), '{}')
               || jsonb_strip_nulls(coalesce(override, a.policy, '{}')) AS setting
        FROM merch.promotion p
        JOIN item_reach ir USING (promotion_id)
        JOIN location_reach lr USING (promotion_id)
        LEFT JOIN merch.allocation a ON a.promotion_id = p.promotion_id AND a.state <> 'cancelled'
        LEFT JOIN merch.policy y
            ON (y.promotion_id = p.promotion_id OR y.promotion_id IS NULL)
            AND y.item_group_id IS NOT DISTINCT FROM ir.ancestor_id
            AND y.location_group_id IS NOT DISTINCT FROM lr.ancestor_id
            AND y.effective @> p.starts_on
        LEFT JOIN LATERAL jsonb_each(jsonb_strip_nulls(to_jsonb(y))) said ON true
        GROUP BY p.promotion_id, ir.item_group_id, lr.location_group_id, a.allocation_id
    )
    SELECT m.promotion_id, coalesce(m.item_group_id, 0), coalesce(m.location_group_id, 0), s.*
    FROM merged m
    CROSS JOIN LATERAL jsonb_to_record(m.setting) AS s (
        method text, distribution text, holdback numeric, holdback_units bigint, surplus text, demand_source text,
        history_days int, fixed_quantity bigint, cover_days int, minimum_need bigint, maximum_need bigint, threshold bigint,
        maximum_weeks numeric, pack_level text, days_before int, change_threshold bigint);
END
$$;
COMMENT ON FUNCTION merch.policy_map(bigint[], jsonb) IS
'The settings that hold for promotions, by the groups of their items and locations (0 for none): setting by setting the most specific policy that says something, before all of them the override, after all of them the defaults.';
