-- capacity: what items compete for on a day, how much of it is used

CREATE FUNCTION merch.claim_use(
    item_id bigint,
    gone bigint,
    lane int DEFAULT NULL,
    lane_left bigint DEFAULT NULL,
    lane_usage bigint DEFAULT NULL,
    dock int DEFAULT NULL,
    dock_left bigint DEFAULT NULL,
    dock_usage bigint DEFAULT NULL,
    labour int DEFAULT NULL,
    labour_left bigint DEFAULT NULL,
    labour_usage bigint DEFAULT NULL
) RETURNS bytea
AS 'MODULE_PATHNAME', 'merch_claim_use'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION merch.claim_use(bigint, bigint, int, bigint, bigint, int, bigint, bigint, int, bigint, bigint) IS
'What a claim uses of shared capacity, in one value for merch.split_claims(): its item; units that have left; and of up to three resources the number, what is left of it, and what a unit uses. A resource without a number has no limit.';

-- A promotion that no limit concerns is told so without a look at its lanes.
CREATE FUNCTION merch.coupled_promotions(promotions bigint[], override jsonb DEFAULT NULL)
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    limited CONSTANT bigint[] := ARRAY(
        SELECT DISTINCT p.promotion_id
        FROM merch.promotion_location p
        WHERE p.promotion_id = ANY (promotions)
          AND p.location_id IN (SELECT n.location_id FROM merch.lane n WHERE n.units_per_day IS NOT NULL
                                UNION ALL
                                SELECT c.location_id FROM merch.location_capacity c
                                WHERE c.day >= current_date
                                  AND (c.dock_hours IS NOT NULL OR c.labour_hours IS NOT NULL)));
BEGIN
    IF cardinality(limited) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT DISTINCT n.promotion_id
    FROM merch.open_lanes(limited, override) n
    JOIN merch.lane x USING (location_id, source_id)
    LEFT JOIN merch.location_capacity c ON c.location_id = n.location_id AND c.day = n.due_on
    WHERE x.units_per_day IS NOT NULL OR c.dock_hours IS NOT NULL OR c.labour_hours IS NOT NULL;
END
$$;
COMMENT ON FUNCTION merch.coupled_promotions(bigint[], jsonb) IS
'Those of the promotions whose items compete for capacity: a lane or location that they would use has a limit on that day.';

CREATE FUNCTION merch.is_coupled(promotions bigint[], override jsonb DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM merch.coupled_promotions(promotions, override));
END
$$;
COMMENT ON FUNCTION merch.is_coupled(bigint[], jsonb) IS
'Whether items of one of the promotions compete for capacity. All items of such promotions are solved in one statement.';

-- Coupled promotions hang together through an item or through capacity that both use. What
-- changes in one of them can change all.
CREATE FUNCTION merch.coupled_group(promotions bigint[])
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    open CONSTANT bigint[] := ARRAY(
        SELECT a.promotion_id
        FROM merch.allocation a
        JOIN merch.promotion p USING (promotion_id)
        WHERE a.state IN ('active', 'released') AND p.ends_on > current_date);
    coupled CONSTANT bigint[] := ARRAY(SELECT merch.coupled_promotions(promotions || open));
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE way AS (
            SELECT n.promotion_id, n.location_id, n.source_id, n.ships_on, n.due_on,
                   x.units_per_day IS NOT NULL AS lane_limited,
                   c.dock_hours IS NOT NULL OR c.labour_hours IS NOT NULL AS location_limited
            FROM merch.open_lanes(coupled) n
            JOIN merch.lane x USING (location_id, source_id)
            LEFT JOIN merch.location_capacity c ON c.location_id = n.location_id AND c.day = n.due_on
        ), link AS MATERIALIZED (
            SELECT promotion_id, 'lane' AS kind, location_id::bigint AS first, source_id AS second, ships_on AS day
            FROM way
            WHERE lane_limited
            UNION
            SELECT promotion_id, 'location', location_id, 0, due_on
            FROM way
            WHERE location_limited
            UNION
            SELECT i.promotion_id, 'item', i.item_id, 0, NULL
            FROM merch.promotion_item i
            WHERE i.promotion_id = ANY (coupled)
        ), member AS (
            SELECT unnest(coupled) AS promotion_id
            INTERSECT
            SELECT unnest(promotions)
        ), reached AS (
            SELECT promotion_id FROM member
            UNION
            SELECT b.promotion_id
            FROM reached r
            JOIN link a ON a.promotion_id = r.promotion_id
            JOIN link b ON b.kind = a.kind AND b.first = a.first AND b.second = a.second
                       AND b.day IS NOT DISTINCT FROM a.day
        )
        SELECT promotion_id FROM reached ORDER BY promotion_id);
END
$$;
COMMENT ON FUNCTION merch.coupled_group(bigint[]) IS
'The coupled ones of promotions, and all coupled promotions with open runs that hang together with them, through an item or through capacity.';

CREATE FUNCTION merch.capacity_use(
    promotions bigint[] DEFAULT NULL,
    items bigint[] DEFAULT NULL,
    override jsonb DEFAULT NULL,
    item_from bigint DEFAULT -9223372036854775808,
    item_to bigint DEFAULT 9223372036854775807
)
RETURNS TABLE (resource text, source_id int, location_id int, day date, available numeric, used numeric)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH own AS (
        SELECT n.promotion_id, n.location_id, n.source_id
        FROM merch.open_lanes(promotions, override) n
        WHERE n.source_id IS NOT NULL
    ), line AS (
        SELECT l.location_id, l.source_id, l.ships_on, l.ships_on + coalesce(x.lead_days, 0) AS due_on, x.units_per_day,
               sum(l.quantity) AS units, sum(l.quantity * i.dock_minutes) AS dock_minutes,
               sum(l.quantity * i.labour_minutes) AS labour_minutes
        FROM merch.allocation a
        JOIN merch.promotion p USING (promotion_id)
        JOIN merch.allocation_line l USING (allocation_id)
        JOIN merch.item i USING (item_id)
        LEFT JOIN merch.lane x ON x.location_id = l.location_id AND x.source_id = l.source_id
        LEFT JOIN own o ON o.promotion_id = a.promotion_id AND o.location_id = l.location_id AND o.source_id = l.source_id
        LEFT JOIN merch.promotion_item pi ON pi.promotion_id = o.promotion_id AND pi.item_id = l.item_id
        LEFT JOIN merch.ranging r ON r.item_id = pi.item_id AND r.location_id = l.location_id
        WHERE a.state <> 'cancelled' AND p.ends_on > current_date AND l.quantity > 0 AND l.ships_on IS NOT NULL
          AND (r.item_id IS NULL OR l.item_id < item_from OR l.item_id > item_to
               OR (items IS NOT NULL AND l.item_id <> ALL (items)))
        GROUP BY l.location_id, l.source_id, l.ships_on, x.lead_days, x.units_per_day
    ), arrival AS (
        SELECT l.location_id, l.due_on, sum(l.dock_minutes) / 60 AS dock, sum(l.labour_minutes) / 60 AS labour
        FROM line l
        GROUP BY l.location_id, l.due_on
    )
    SELECT 'lane', l.source_id, l.location_id, l.ships_on, l.units_per_day::numeric, l.units
    FROM line l
    WHERE l.units_per_day IS NOT NULL
    UNION ALL
    SELECT h.resource, NULL, a.location_id, a.due_on, h.available, h.used
    FROM arrival a
    JOIN merch.location_capacity c ON c.location_id = a.location_id AND c.day = a.due_on
    CROSS JOIN LATERAL (VALUES ('dock', c.dock_hours, a.dock), ('labour', c.labour_hours, a.labour))
        AS h (resource, available, used)
    WHERE h.available IS NOT NULL;
END
$$;
COMMENT ON FUNCTION merch.capacity_use(bigint[], bigint[], jsonb, bigint, bigint) IS
'What the lines of open runs use of limited capacity by day: units of a lane, hours of a dock or of labour. Without the lines that a plan for the given promotions and items replaces.';

CREATE FUNCTION merch.check_capacity()
RETURNS TABLE (resource text, source_id int, location_id int, day date, available numeric, used numeric)
LANGUAGE sql STABLE ROWS 10
AS $$
    SELECT u.resource, u.source_id, u.location_id, u.day, u.available, u.used
    FROM merch.capacity_use() u
    WHERE u.used > u.available
    ORDER BY u.day, u.location_id, u.resource, u.source_id
$$;
COMMENT ON FUNCTION merch.check_capacity() IS
'Capacity of which the lines of open runs use more on a day than there is: of a lane, in units, of a dock or of labour, in hours. No row: all limits hold. A run never exceeds one, but a limit may be lowered later, or a lane''s days change.';

CREATE FUNCTION merch.open_capacity(
    promotions bigint[],
    items bigint[],
    override jsonb,
    item_from bigint,
    item_to bigint,
    coupled boolean
)
RETURNS TABLE (
    promotion_id bigint,
    location_id int,
    preference int,
    lane int,
    lane_left bigint,
    dock int,
    dock_left bigint,
    labour int,
    labour_left bigint
)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF NOT coupled THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH use AS MATERIALIZED (
        SELECT * FROM merch.capacity_use(promotions, items, override, item_from, item_to)
    ), numbered AS (
        SELECT n.promotion_id, n.location_id, n.preference, x.units_per_day, c.dock_hours, c.labour_hours,
               n.source_id, n.ships_on, n.due_on,
               dense_rank() OVER (ORDER BY n.location_id, n.source_id, n.ships_on)::int AS lane,
               dense_rank() OVER (ORDER BY n.location_id, n.due_on)::int AS arrival
        FROM merch.open_lanes(promotions, override) n
        JOIN merch.lane x USING (location_id, source_id)
        LEFT JOIN merch.location_capacity c ON c.location_id = n.location_id AND c.day = n.due_on
    )
    SELECT n.promotion_id, n.location_id, n.preference,
           CASE WHEN n.units_per_day IS NOT NULL THEN 3 * n.lane END,
           greatest(n.units_per_day - coalesce(l.used, 0), 0)::bigint,
           CASE WHEN n.dock_hours IS NOT NULL THEN 3 * n.arrival + 1 END,
           floor(greatest(n.dock_hours - coalesce(d.used, 0), 0) * 600000)::bigint,
           CASE WHEN n.labour_hours IS NOT NULL THEN 3 * n.arrival + 2 END,
           floor(greatest(n.labour_hours - coalesce(w.used, 0), 0) * 600000)::bigint
    FROM numbered n
    LEFT JOIN use l ON l.resource = 'lane' AND l.location_id = n.location_id AND l.source_id = n.source_id
                   AND l.day = n.ships_on
    LEFT JOIN use d ON d.resource = 'dock' AND d.location_id = n.location_id AND d.day = n.due_on
    LEFT JOIN use w ON w.resource = 'labour' AND w.location_id = n.location_id AND w.day = n.due_on;
END
$$;
COMMENT ON FUNCTION merch.open_capacity(bigint[], bigint[], jsonb, bigint, bigint, boolean) IS
'For each open lane of promotions the numbers of what is limited on it, and what a plan for them has left: units of the lane, ten-thousandths of minutes of dock and labour. No rows if they are said not to be coupled.';

-- Two runs that share a truck but no stock must not both see it empty. Capacity is locked in
-- key order, before stock.
CREATE FUNCTION merch.lock_capacity(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM
    FROM merch.lane n
    WHERE n.units_per_day IS NOT NULL
      AND n.location_id IN (SELECT p.location_id FROM merch.promotion_location p WHERE p.promotion_id = ANY (promotions))
    ORDER BY n.location_id, n.source_id
    FOR NO KEY UPDATE;
    PERFORM
    FROM merch.location_capacity c
    WHERE c.day >= current_date
      AND c.location_id IN (SELECT p.location_id FROM merch.promotion_location p WHERE p.promotion_id = ANY (promotions))
    ORDER BY c.location_id, c.day
    FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION merch.lock_capacity(bigint[]) IS
'Locks, until the end of the transaction, the limits of lanes and locations that promotions use.';
