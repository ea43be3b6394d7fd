-- replenishment: parameters raised for a promotion's period, and reset after it

-- Of several promotions the highest holds. Today's is also the view merch.replenishment_today.
CREATE FUNCTION merch.replenishment_on(day date)
RETURNS TABLE (
    item_id bigint,
    location_id int,
    presentation_minimum bigint,
    safety_stock bigint,
    promotions bigint[],
    until date
)
LANGUAGE sql STABLE ROWS 100000
AS $$
    SELECT r.item_id, r.location_id, greatest(r.presentation_minimum, p.presentation_minimum),
           greatest(r.safety_stock, p.safety_stock), p.promotions, p.until
    FROM merch.ranging r
    LEFT JOIN (SELECT p.item_id, p.location_id, max(p.presentation_minimum) AS presentation_minimum,
                      max(p.safety_stock) AS safety_stock, array_agg(p.promotion_id ORDER BY p.promotion_id) AS promotions,
                      min(upper(p.effective)) AS until
               FROM merch.replenishment_parameter p
               WHERE p.effective @> day AND (p.reset_at IS NULL OR p.reset_at::date > day)
               GROUP BY p.item_id, p.location_id) p USING (item_id, location_id)
$$;
COMMENT ON FUNCTION merch.replenishment_on(date) IS
'What is kept of each ranged item at each location on a day: as ranged, or raised by the promotions of that day, of several the highest. A day that is past: as it was.';

/*
 * The best day's expected sales on the shelf, and against what may come differently 1.645
 * standard deviations (95 of 100 times enough) of the demand of the lead time and a day:
 * with mean m a day, dispersion d and lead time t, sqrt(m * d * (t + 1)). Both at least as
 * ranged, and no more than the location can hold.
 */
CREATE FUNCTION merch.wanted_replenishment(promotions bigint[])
RETURNS TABLE (
    item_id bigint,
    location_id int,
    promotion_id bigint,
    effective daterange,
    presentation_minimum bigint,
    safety_stock bigint
)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    items CONSTANT bigint[] := ARRAY(SELECT DISTINCT i.item_id FROM merch.promotion_item i WHERE i.promotion_id = ANY (promotions));
    first_day date;
    last_day date;
BEGIN
    -- read by its key, of the items and days asked for: the forecast is large
    SELECT min(p.starts_on), max(p.ends_on) INTO first_day, last_day FROM merch.promotion p WHERE p.promotion_id = ANY (promotions);
    RETURN QUERY
    WITH scope AS (
        SELECT p.promotion_id, i.item_id, pl.location_id, p.starts_on, p.ends_on
        FROM merch.promotion p
        JOIN merch.promotion_location pl USING (promotion_id)
        JOIN merch.promotion_item i USING (promotion_id)
        WHERE p.promotion_id = ANY (promotions) AND p.state IN ('approved', 'preparing', 'ready', 'live')
    ), expected AS (
        SELECT s.item_id, s.location_id, s.promotion_id, s.starts_on, s.ends_on, max(f.mean) AS peak,
               sum(f.mean * f.dispersion) / (s.ends_on - s.starts_on) AS variance
        FROM scope s
        JOIN merch.forecast f ON f.item_id = s.item_id AND f.location_id = s.location_id
                              AND f.day >= s.starts_on AND f.day < s.ends_on
        WHERE f.item_id = ANY (items) AND f.day >= first_day AND f.day < last_day
        GROUP BY s.item_id, s.location_id, s.promotion_id, s.starts_on, s.ends_on
    ), lead AS (
        SELECT n.location_id, min(n.lead_days) AS days FROM merch.lane n GROUP BY n.location_id
    ), raised AS (
        SELECT e.item_id, e.location_id, e.promotion_id, daterange(e.starts_on, e.ends_on) AS effective, r.capacity,
               r.presentation_minimum AS ranged_minimum, r.safety_stock AS ranged_safety_stock,
               least(greatest(r.presentation_minimum, ceil(e.peak)::bigint), r.capacity) AS presentation_minimum,
               ceil(1.645 * sqrt(e.variance * (coalesce(n.days, 0) + 1)))::bigint AS safety_stock
        FROM expected e
        JOIN merch.ranging r USING (item_id, location_id)
        LEFT JOIN lead n USING (location_id)
        WHERE r.item_id = ANY (items)
    ), kept AS (
        SELECT r.*, greatest(r.ranged_safety_stock, least(r.safety_stock, r.capacity - r.presentation_minimum)) AS kept_safety_stock
        FROM raised r
    )
    SELECT k.item_id, k.location_id, k.promotion_id, k.effective, k.presentation_minimum, k.kept_safety_stock
    FROM kept k
    WHERE k.presentation_minimum > k.ranged_minimum OR k.kept_safety_stock > k.ranged_safety_stock;
END
$$;
COMMENT ON FUNCTION merch.wanted_replenishment(bigint[]) IS
'Presentation minimum and safety stock that promotions ask for, by item and location, from what is ranged and forecast; where that is more than what is ranged. Used by merch.prepare_replenishment().';

-- One statement: what is wanted is made once. What held while a promotion is live stays on record.
CREATE FUNCTION merch.prepare_replenishment(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
AS $$
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT * FROM merch.wanted_replenishment(promotions)
    ), unwanted AS MATERIALIZED (
        SELECT r.item_id, r.location_id, r.promotion_id, p.state, daterange(p.starts_on, p.ends_on) AS period
        FROM merch.replenishment_parameter r
        JOIN merch.promotion p USING (promotion_id)
        WHERE r.promotion_id = ANY (promotions) AND p.state IN ('approved', 'preparing', 'ready', 'live')
          AND NOT EXISTS (SELECT FROM wanted w
                          WHERE w.item_id = r.item_id AND w.location_id = r.location_id AND w.promotion_id = r.promotion_id)
    ), dropped AS (
        DELETE FROM merch.replenishment_parameter r
        USING unwanted u
        WHERE r.promotion_id = ANY (promotions) AND u.state <> 'live'
          AND (r.item_id, r.location_id, r.promotion_id) = (u.item_id, u.location_id, u.promotion_id)
    ), moved AS (
        UPDATE merch.replenishment_parameter r
        SET effective = u.period
        FROM unwanted u
        WHERE r.promotion_id = ANY (promotions) AND u.state = 'live' AND r.reset_at IS NULL AND r.effective <> u.period
          AND (r.item_id, r.location_id, r.promotion_id) = (u.item_id, u.location_id, u.promotion_id)
    )
    INSERT INTO merch.replenishment_parameter AS r (item_id, location_id, promotion_id, effective, presentation_minimum, safety_stock)
    SELECT w.* FROM wanted w
    ORDER BY w.item_id, w.location_id, w.promotion_id
    ON CONFLICT (item_id, location_id, promotion_id) DO UPDATE
    SET (effective, presentation_minimum, safety_stock, reset_at)
        = (excluded.effective, excluded.presentation_minimum, excluded.safety_stock, NULL)
    WHERE (r.effective, r.presentation_minimum, r.safety_stock, r.reset_at)
          IS DISTINCT FROM (excluded.effective, excluded.presentation_minimum, excluded.safety_stock, NULL);
END
$$;
COMMENT ON FUNCTION merch.prepare_replenishment(bigint[]) IS
'Brings the replenishment parameters of promotions in line with their items, locations and days and the forecast. A step of preparation.';

CREATE FUNCTION merch.reset_replenishment(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE merch.replenishment_parameter r SET reset_at = now()
    WHERE r.promotion_id = ANY (promotions) AND r.reset_at IS NULL
$$;
COMMENT ON FUNCTION merch.reset_replenishment(bigint[]) IS
'Resets the replenishment parameters of promotions to what is ranged. Part of their end and of their cancellation.';
