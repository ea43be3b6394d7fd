-- lane: which sources can deliver in time

CREATE FUNCTION merch.open_lanes(promotions bigint[], override jsonb DEFAULT NULL)
RETURNS TABLE (
    promotion_id bigint,
    location_id int,
    preference int,
    source_id int,
    ships_on date,
    due_on date,
    unit_cost float8,
    location_group_id int,
    channel_id int,
    tier int
)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_nestloop = on
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH due AS (
        SELECT p.promotion_id, l.location_id, m.location_group_id, l.channel_id, l.tier + c.tier AS tier,
               -- once the promotion runs, what comes before it ends is still of use
               CASE WHEN p.starts_on - m.days_before >= current_date THEN p.starts_on - m.days_before
                    WHEN p.starts_on > current_date THEN p.starts_on
                    ELSE p.ends_on - 1 END AS due_on
        FROM merch.promotion p
        JOIN merch.promotion_location pl USING (promotion_id)
        JOIN merch.location l USING (location_id)
        JOIN merch.channel c USING (channel_id)
        JOIN (SELECT DISTINCT promotion_id, location_group_id, days_before
              FROM merch.policy_map(promotions, override)) m
            ON m.promotion_id = p.promotion_id AND m.location_group_id = coalesce(l.location_group_id, 0)
        WHERE p.promotion_id = ANY (promotions)
    )
    SELECT d.promotion_id, d.location_id,
           row_number() OVER (PARTITION BY d.promotion_id, d.location_id
                              ORDER BY n.unit_cost, n.lead_days, n.source_id)::int,
           n.source_id, d.due_on - n.lead_days, d.due_on, n.unit_cost::float8, d.location_group_id, d.channel_id, d.tier
    FROM due d
    -- what a store has is not an allocation's to take: see merch.plan_rebalance()
    LEFT JOIN (merch.lane n JOIN merch.location s ON s.location_id = n.source_id AND s.kind <> 'store')
        ON n.location_id = d.location_id
        AND d.due_on - n.lead_days >= current_date + coalesce(n.cut_off <= localtime, false)::int;
END
$$;
COMMENT ON FUNCTION merch.open_lanes(bigint[], jsonb) IS
'The lanes over which goods that leave today or later reach the locations of promotions in time, from all sources but stores, cheapest first, and the last day to leave. A location that none reaches has one row without a source.';
