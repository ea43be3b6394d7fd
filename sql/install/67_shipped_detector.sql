-- shipped detectors: shortage, delay, late transfer, store, launch, labour, data

CREATE FUNCTION merch.watched_runs(promotions bigint[])
RETURNS TABLE (allocation_id bigint, promotion_id bigint, starts_on date, ends_on date, starts_at timestamptz)
LANGUAGE sql STABLE ROWS 1000
AS $$
    SELECT a.allocation_id, a.promotion_id, p.starts_on, p.ends_on, p.starts_at
    FROM merch.allocation a
    JOIN merch.promotion p USING (promotion_id)
    WHERE a.state IN ('active', 'released') AND p.ends_at > now()
      AND p.state NOT IN ('rejected', 'cancelled', 'ended', 'reconciled', 'closed')
      AND (promotions IS NULL OR p.promotion_id = ANY (promotions))
$$;
COMMENT ON FUNCTION merch.watched_runs(bigint[]) IS
'The runs whose stock is still of use: of promotions, or (null) all, that have not ended.';

-- For few promotions the planner must see few runs, or it reads all lines.
CREATE FUNCTION merch.single_runs(promotions bigint[])
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF promotions IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(SELECT r.allocation_id FROM merch.watched_runs(promotions) r);
END
$$;
COMMENT ON FUNCTION merch.single_runs(bigint[]) IS
'The runs of merch.watched_runs() of promotions as an array; null for all.';

-- Units that stay missing where a location has a line short of supply, and what they would
-- have earned: what is there by the plan is gross need, safety stock and presentation less
-- what is missing, or less where the policy cut the need.
CREATE FUNCTION merch.short_locations(promotions bigint[])
RETURNS TABLE (
    allocation_id bigint,
    promotion_id bigint,
    item_id bigint,
    location_id int,
    need bigint,
    missing bigint,
    lost_margin numeric,
    ships_on date,
    due_on date,
    source_id int
)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    runs CONSTANT bigint[] := merch.single_runs(promotions);
BEGIN
    RETURN QUERY
    WITH short AS MATERIALIZED (
        SELECT l.item_id, l.allocation_id, l.location_id, r.promotion_id
        FROM merch.watched_runs(promotions) r
        JOIN merch.allocation_line l USING (allocation_id)
        WHERE l.reason IN ('supply', 'no source') AND (runs IS NULL OR l.allocation_id = ANY (runs))
    ), place AS (
        SELECT s.promotion_id, l.allocation_id, l.item_id, l.location_id, sum(l.need)::bigint AS need,
               sum(l.need - l.quantity)::bigint AS missing, min(l.ships_on) AS ships_on,
               max(l.ships_on + n.lead_days) AS due_on, min(l.source_id) FILTER (WHERE l.quantity < l.need) AS source_id,
               max(l.mean) AS mean, max(l.dispersion) AS dispersion, max(l.value) AS value,
               max(l.gross_need + l.safety_stock + l.presentation_minimum) AS target,
               max(l.on_hand + l.incoming - l.promised) + sum(l.quantity)::bigint AS position
        FROM (SELECT DISTINCT * FROM short) s
        JOIN merch.allocation_line l USING (item_id, allocation_id, location_id)
        LEFT JOIN merch.lane n ON n.location_id = l.location_id AND n.source_id = l.source_id
        GROUP BY s.promotion_id, l.allocation_id, l.item_id, l.location_id
        HAVING sum(l.need) > sum(l.quantity)
    )
    SELECT p.allocation_id, p.promotion_id, p.item_id, p.location_id, p.need, p.missing,
           (p.value * (merch.expected_sales(p.mean, p.dispersion, x.there + p.missing)
                       - merch.expected_sales(p.mean, p.dispersion, x.there)))::numeric,
           p.ships_on, p.due_on, p.source_id
    FROM place p
    CROSS JOIN LATERAL (SELECT greatest(least(p.target - p.missing, p.position), 0) AS there) x;
END
$$;
COMMENT ON FUNCTION merch.short_locations(bigint[]) IS
'Items and locations of open runs that get less than they need because supply does not suffice: units missing, what those would have earned, the last day on which more could leave, that by which it must be there (null where no source delivers in time), and the source that falls short (then the location itself).';

CREATE FUNCTION merch.detect_stock_shortage(promotions bigint[])
RETURNS SETOF merch.condition
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT format('promotion %s item %s', s.promotion_id, s.item_id), format('source %s', min(s.source_id)),
           s.promotion_id, s.item_id, NULL::int, s.allocation_id, NULL::bigint,
           format('%s of %s units missing at %s %s', sum(s.missing), sum(s.need), count(*),
                  CASE count(*) WHEN 1 THEN 'location' ELSE 'locations' END),
           NULL::text, sum(s.lost_margin), NULL::numeric, NULL::numeric, NULL::numeric,
           coalesce(min(s.ships_on)::timestamptz, min(p.starts_at))
    FROM merch.short_locations(promotions) s
    JOIN merch.promotion p USING (promotion_id)
    GROUP BY s.promotion_id, s.item_id, s.allocation_id;
END
$$;
COMMENT ON FUNCTION merch.detect_stock_shortage(bigint[]) IS
'Detector: items of promotions of which supply does not cover the need, with the margin that the missing units would have earned.';

-- Late is an order that comes after the last day on which goods can leave, while units are
-- missing.
CREATE FUNCTION merch.late_orders(promotions bigint[])
RETURNS TABLE (
    promotion_id bigint,
    allocation_id bigint,
    item_id bigint,
    inbound_id bigint,
    needed_on date,
    units bigint,
    money numeric,
    lost_margin numeric
)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH short AS MATERIALIZED (
        SELECT s.*, coalesce(s.due_on, CASE WHEN p.starts_on > current_date THEN p.starts_on ELSE p.ends_on - 1 END) AS day,
               sum(s.lost_margin) OVER (PARTITION BY s.allocation_id, s.item_id) AS whole
        FROM merch.short_locations(promotions) s
        JOIN merch.promotion p USING (promotion_id)
    ), place AS (
        -- where more units would help: at the location itself, and at every source of it
        SELECT s.promotion_id, s.allocation_id, s.item_id, w.location_id, sum(s.missing) AS missing,
               sum(s.lost_margin) AS money, max(s.whole) AS whole, max(w.needed_on) AS needed_on
        FROM short s
        CROSS JOIN LATERAL (SELECT s.location_id, s.day AS needed_on
                            UNION ALL
                            SELECT n.source_id, s.day - n.lead_days FROM merch.lane n WHERE n.location_id = s.location_id) w
        GROUP BY s.promotion_id, s.allocation_id, s.item_id, w.location_id
    )
    SELECT p.promotion_id, p.allocation_id, b.item_id, b.inbound_id, p.needed_on, least(b.open_units, p.missing)::bigint,
           (p.money * least(b.open_units, p.missing) / p.missing)::numeric, p.whole
    FROM place p
    JOIN merch.inbound b USING (item_id, location_id)
    WHERE b.open_units > 0 AND b.kind IN ('purchase_order', 'shipping_notice')
      AND b.expected_on >= current_date AND b.expected_on > p.needed_on;
END
$$;
COMMENT ON FUNCTION merch.late_orders(bigint[]) IS
'Orders that come too late for promotions with units missing: by when they were needed, how many of their units are missing, what those would earn, and what all missing units of the item would.';

-- One whose day has passed was counted on: what is promised beyond what is on hand, and beyond
-- what else comes in time, rests on it. The order that waits longest bears it first.
CREATE FUNCTION merch.overdue_orders(promotions bigint[])
RETURNS TABLE (promotion_id bigint, allocation_id bigint, item_id bigint, inbound_id bigint, needed_on date, units bigint, money numeric)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH promise AS (
        SELECT r.promotion_id, r.allocation_id, l.item_id, l.source_id, k.reserved + k.fenced - k.on_hand AS beyond,
               sum(l.reserved) AS reserved, avg(l.value)::numeric AS value, max(l.ships_on) AS needed_on
        FROM (SELECT DISTINCT b.item_id, b.location_id
              FROM merch.inbound b
              WHERE b.open_units > 0 AND b.kind IN ('purchase_order', 'shipping_notice') AND b.expected_on < current_date) o
        JOIN merch.stock k USING (item_id, location_id)
        JOIN merch.allocation_line l ON l.item_id = o.item_id AND l.source_id = o.location_id AND l.reserved > 0
        JOIN merch.watched_runs(promotions) r ON r.allocation_id = l.allocation_id
        WHERE k.reserved + k.fenced > k.on_hand
        GROUP BY r.promotion_id, r.allocation_id, l.item_id, l.source_id, k.reserved, k.fenced, k.on_hand
    ), resting AS (
        SELECT p.*, b.inbound_id,
               least(b.open_units,
                     least(p.reserved, p.beyond - coalesce(t.units, 0))
                     - coalesce(sum(b.open_units) OVER (PARTITION BY p.allocation_id, p.item_id, p.source_id
                                                        ORDER BY b.expected_on, b.inbound_id
                                                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::bigint AS units
        FROM promise p
        JOIN merch.inbound b ON b.item_id = p.item_id AND b.location_id = p.source_id
        CROSS JOIN LATERAL (SELECT sum(x.open_units) AS units
                            FROM merch.inbound x
                            WHERE x.item_id = p.item_id AND x.location_id = p.source_id AND x.open_units > 0
                              AND x.expected_on >= current_date AND x.expected_on <= p.needed_on) t
        WHERE b.open_units > 0 AND b.kind IN ('purchase_order', 'shipping_notice') AND b.expected_on < current_date
    )
    SELECT r.promotion_id, r.allocation_id, r.item_id, r.inbound_id, r.needed_on, r.units, r.units * r.value
    FROM resting r
    WHERE r.units > 0;
END
$$;
COMMENT ON FUNCTION merch.overdue_orders(bigint[]) IS
'Orders whose day has passed and on which promises to promotions rest: by when they are needed, how many units, and what those would earn.';

CREATE FUNCTION merch.detect_supplier_delay(promotions bigint[])
RETURNS SETOF merch.condition
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT format('promotion %s item %s', o.promotion_id, o.item_id), format('location %s', min(b.location_id)),
           o.promotion_id, o.item_id, NULL::int, o.allocation_id, NULL::bigint,
           string_agg(format('inbound %s%s: %s %s %s, needed by %s', o.inbound_id, ' (' || b.reference || ')', merch.units(o.units),
                             CASE WHEN o.overdue THEN 'overdue since' ELSE 'expected on' END,
                             to_char(b.expected_on, 'YYYY-MM-DD'), to_char(o.needed_on, 'YYYY-MM-DD')),
                      '; ' ORDER BY b.expected_on, o.inbound_id),
           format('Ask the supplier for a day and record it, the allocation follows: %s. If that is too late: SELECT * FROM merch.exception_scenarios({exception_id}).',
                  string_agg(format('SELECT merch.record_delay(%s, %s, new_day)', o.item_id, o.inbound_id),
                             '; ' ORDER BY b.expected_on, o.inbound_id)),
           -- two late orders can't bring more than what is missing
           coalesce(least(sum(o.money) FILTER (WHERE NOT o.overdue), max(o.lost_margin)), 0)
           + coalesce(sum(o.money) FILTER (WHERE o.overdue), 0),
           NULL::numeric, NULL::numeric, NULL::numeric,
           min(o.needed_on)::timestamptz
    FROM (SELECT l.*, false AS overdue FROM merch.late_orders(promotions) l
          UNION ALL
          SELECT u.*, NULL, true FROM merch.overdue_orders(promotions) u) o
    JOIN merch.inbound b USING (item_id, inbound_id)
    GROUP BY o.promotion_id, o.item_id, o.allocation_id;
END
$$;
COMMENT ON FUNCTION merch.detect_supplier_delay(bigint[]) IS
'Detector: items of promotions whose orders come after the last day on which they are of use, or are overdue.';

-- A transfer that is not on its way when it should be takes as long as it was to take from
-- today. Each day that it misses costs that day's share of what it carries.
CREATE FUNCTION merch.detect_late_transfer(promotions bigint[])
RETURNS SETOF merch.condition
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    RETURN QUERY
    WITH late AS MATERIALIZED (
        SELECT t.transfer_id, t.allocation_id, t.source_id, t.location_id, t.state, t.ships_on, t.arrives_on,
               p.promotion_id, p.starts_on, p.ends_on, p.starts_at, x.expected_on, x.overdue,
               greatest(p.starts_on, current_date) AS from_day
        FROM merch.transfer t
        LEFT JOIN merch.allocation a USING (allocation_id)
        LEFT JOIN merch.promotion p ON p.promotion_id = coalesce(a.promotion_id, t.promotion_id)
        CROSS JOIN LATERAL (
            SELECT CASE t.state WHEN 'shipped' THEN greatest(t.arrives_on, current_date)
                                ELSE greatest(t.ships_on, current_date) + (t.arrives_on - t.ships_on) END AS expected_on,
                   CASE t.state WHEN 'shipped' THEN t.arrives_on ELSE t.ships_on END < current_date AS overdue) x
        WHERE t.state IN ('planned', 'picking', 'shipped')
          AND (promotions IS NULL OR p.promotion_id = ANY (promotions))
          AND (p.ends_at > now() OR p.promotion_id IS NULL)
          AND (x.overdue OR (p.starts_on > current_date AND x.expected_on > p.starts_on))
    ), load AS (
        SELECT l.transfer_id, sum(coalesce(l.picked, l.units)) AS units,
               sum(coalesce(l.picked, l.units) * coalesce(w.value::numeric, greatest(i.price - i.cost, 0), 1)) AS margin
        FROM late
        JOIN merch.transfer_line l USING (transfer_id)
        JOIN merch.item i USING (item_id)
        LEFT JOIN merch.allocation_line w ON w.item_id = l.item_id AND w.allocation_id = late.allocation_id
                                          AND w.location_id = late.location_id AND w.source_id = late.source_id
        GROUP BY l.transfer_id
    )
    SELECT format('transfer %s', t.transfer_id), format('source %s', t.source_id), t.promotion_id, NULL::bigint,
           t.location_id, t.allocation_id, t.transfer_id,
           format('%s from %s to %s %s', merch.units(coalesce(o.units, 0)::bigint), t.source_id, t.location_id,
                  CASE WHEN NOT t.overdue THEN format('expected on %s, after the launch', to_char(t.expected_on, 'YYYY-MM-DD'))
                       WHEN t.state = 'shipped' THEN format('were to arrive on %s', to_char(t.arrives_on, 'YYYY-MM-DD'))
                       ELSE format('were to leave on %s', to_char(t.ships_on, 'YYYY-MM-DD')) END),
           NULL::text,
           coalesce(o.margin, 0) * CASE WHEN t.promotion_id IS NULL THEN 1
                                        ELSE least(1, greatest(1, t.expected_on - t.from_day)::numeric
                                                      / greatest(1, t.ends_on - t.from_day)) END,
           NULL::numeric, NULL::numeric, NULL::numeric, t.starts_at
    FROM late t
    LEFT JOIN load o USING (transfer_id);
END
$$;
COMMENT ON FUNCTION merch.detect_late_transfer(bigint[]) IS
'Detector: transfers that are expected after the launch of their promotion, or have not left or arrived when they should have, with the margin of what they carry for the days that are missed.';

CREATE FUNCTION merch.detect_store_not_ready(promotions bigint[])
RETURNS SETOF merch.condition
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
    runs CONSTANT bigint[] := merch.single_runs(promotions);
BEGIN
    RETURN QUERY
    WITH late AS MATERIALIZED (
        SELECT t.promotion_id, t.location_id, count(*) AS tasks, min(t.due_at) AS due_at,
               string_agg(DISTINCT t.task, ', ' ORDER BY t.task) AS names
        FROM merch.task t
        JOIN merch.promotion p USING (promotion_id)
        WHERE t.state IN ('open', 'started') AND t.due_at < now() AND t.location_id IS NOT NULL AND p.ends_at > now()
          AND (promotions IS NULL OR t.promotion_id = ANY (promotions))
        GROUP BY t.promotion_id, t.location_id
    ), margin AS (
        SELECT i.promotion_id, i.location_id, sum(i.margin) AS margin
        FROM (SELECT r.promotion_id, l.location_id, l.item_id, max(l.value * l.mean) AS margin
              FROM merch.watched_runs(ARRAY(SELECT DISTINCT x.promotion_id FROM late x)) r
              JOIN merch.allocation_line l USING (allocation_id)
              JOIN late x ON x.promotion_id = r.promotion_id AND x.location_id = l.location_id
              WHERE runs IS NULL OR l.allocation_id = ANY (runs)
              GROUP BY r.promotion_id, l.location_id, l.item_id) i
        GROUP BY i.promotion_id, i.location_id
    )
    SELECT format('promotion %s location %s', t.promotion_id, t.location_id), NULL,
           t.promotion_id, NULL::bigint, t.location_id, NULL::bigint, NULL::bigint,
           format('%s overdue since %s: %s', CASE t.tasks WHEN 1 THEN 'a task' ELSE t.tasks || ' tasks' END,
                  to_char(t.due_at, 'YYYY-MM-DD HH24:MI'), t.names),
           NULL::text, m.margin::numeric(20, 2), NULL::numeric, NULL::numeric, NULL::numeric, p.starts_at
    FROM late t
    JOIN merch.promotion p USING (promotion_id)
    LEFT JOIN margin m USING (promotion_id, location_id);
END
$$;
COMMENT ON FUNCTION merch.detect_store_not_ready(bigint[]) IS
'Detector: locations with overdue tasks for a promotion, with the margin that the promotion is expected to earn there.';

CREATE FUNCTION merch.detect_stopped_launch(promotions bigint[])
RETURNS SETOF merch.condition
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
    -- what is ready is made live by the clock within a minute
    stopped CONSTANT bigint[] := ARRAY(
        SELECT p.promotion_id
        FROM merch.promotion p
        WHERE p.state IN ('submitted', 'approved', 'preparing', 'ready') AND p.ends_at > now()
          AND p.starts_at < now() - CASE p.state WHEN 'ready' THEN interval '1 minute' ELSE interval '0' END
          AND (promotions IS NULL OR p.promotion_id = ANY (promotions)));
BEGIN
    RETURN QUERY
    SELECT format('promotion %s', r.promotion_id), NULL, r.promotion_id, NULL::bigint, NULL::int, NULL::bigint, NULL::bigint,
           format('should be live since %s and is %s', to_char(r.starts_at, 'YYYY-MM-DD HH24:MI'), r.state)
               || coalesce(': ' || r.failed, ''),
           NULL::text, m.money::numeric(20, 2), NULL::numeric, NULL::numeric, NULL::numeric, r.starts_at
    FROM merch.launch_readiness r
    LEFT JOIN merch.promotion_stakes(stopped) m USING (promotion_id)
    WHERE r.promotion_id = ANY (stopped);
END
$$;
COMMENT ON FUNCTION merch.detect_stopped_launch(bigint[]) IS
'Detector: promotions whose start has passed and that are not live, with the checks that fail and the margin that is expected of them.';

-- By location and day, whatever the promotions that meet there: so only in rounds over all.
CREATE FUNCTION merch.detect_labour_shortfall(promotions bigint[])
RETURNS SETOF merch.condition
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
BEGIN
    IF promotions IS NOT NULL
       OR NOT EXISTS (SELECT
                      FROM merch.location_capacity c
                      WHERE c.day >= current_date AND num_nonnulls(c.dock_hours, c.labour_hours) > 0) THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH line AS MATERIALIZED (
        SELECT l.location_id, l.ships_on + coalesce(n.lead_days, 0) AS day,
               sum(l.quantity * i.dock_minutes) / 60 AS dock,
               sum(l.quantity * l.value)::numeric AS margin,
               coalesce(sum((l.need - l.quantity) * i.dock_minutes) FILTER (WHERE l.reason = 'shared capacity'), 0) / 60 AS cut_dock,
               coalesce(sum((l.need - l.quantity) * i.labour_minutes) FILTER (WHERE l.reason = 'shared capacity'), 0) / 60 AS cut_labour,
               coalesce(sum((l.need - l.quantity) * l.score) FILTER (WHERE l.reason = 'shared capacity'), 0)::numeric AS cut_margin
        FROM merch.watched_runs(NULL) r
        JOIN merch.allocation_line l USING (allocation_id)
        JOIN merch.item i USING (item_id)
        LEFT JOIN merch.lane n ON n.location_id = l.location_id AND n.source_id = l.source_id
        WHERE l.location_id IN (SELECT c.location_id FROM merch.location_capacity c WHERE c.day >= current_date)
        GROUP BY l.location_id, l.ships_on + coalesce(n.lead_days, 0)
    ), work AS (
        -- as readiness has it: tasks are work, too
        SELECT u.location_id, u.day, sum(u.minutes) / 60 AS hours
        FROM merch.labour_use(ARRAY(SELECT DISTINCT c.location_id FROM merch.location_capacity c
                                    WHERE c.day >= current_date AND c.labour_hours IS NOT NULL)) u
        GROUP BY u.location_id, u.day
    ), lack AS (
        SELECT c.location_id, c.day, h.resource, h.hours, h.used,
               greatest(h.used - h.hours, 0) + h.cut AS lacking,
               l.cut_margin + l.margin * greatest(h.used - h.hours, 0) / nullif(h.used, 0) AS money
        FROM merch.location_capacity c
        LEFT JOIN line l USING (location_id, day)
        LEFT JOIN work w USING (location_id, day)
        CROSS JOIN LATERAL (VALUES ('dock', c.dock_hours, coalesce(l.dock, 0), coalesce(l.cut_dock, 0)),
                                   ('labour', c.labour_hours, coalesce(w.hours, 0), coalesce(l.cut_labour, 0)))
            AS h (resource, hours, used, cut)
        -- what was cut for the lane's sake is none of the location's fault
        WHERE c.day >= current_date AND h.hours IS NOT NULL AND h.used + h.cut > h.hours
    )
    SELECT format('location %s day %s', k.location_id, to_char(k.day, 'YYYY-MM-DD')), NULL,
           NULL::bigint, NULL::bigint, k.location_id, NULL::bigint, NULL::bigint,
           string_agg(format('%s: %s of %s hours lacking', k.resource, round(k.lacking, 1), round(k.used + k.lacking
                             - greatest(k.used - k.hours, 0), 1)), '; ' ORDER BY k.resource),
           NULL::text, max(k.money), NULL::numeric, NULL::numeric, NULL::numeric, k.day::timestamptz
    FROM lack k
    GROUP BY k.location_id, k.day;
END
$$;
COMMENT ON FUNCTION merch.detect_labour_shortfall(bigint[]) IS
'Detector: locations and days with fewer dock hours than what arrives needs, or labour hours than that and the tasks need, be it planned over the limit or cut for it. Finds nothing when asked for single promotions.';

-- What is wrong with an item is wrong for all its promotions: one exception, in rounds over all.
CREATE FUNCTION merch.item_faults(items bigint[])
RETURNS TABLE (item_id bigint, fault text, detail text)
LANGUAGE sql STABLE ROWS 100
AS $$
    SELECT i.item_id, 'master data',
           'lacks ' || concat_ws(', ', CASE WHEN i.price IS NULL THEN 'a price' END, CASE WHEN i.cost IS NULL THEN 'a cost' END,
                                 CASE WHEN i.item_group_id IS NULL THEN 'an item group' END)
    FROM merch.item i
    WHERE i.item_id = ANY (items) AND (i.price IS NULL OR i.cost IS NULL OR i.item_group_id IS NULL)
    UNION ALL
    SELECT s.item_id, 'stock',
           format('below zero at %s %s, least at %s: %s', count(*), CASE count(*) WHEN 1 THEN 'location' ELSE 'locations' END,
                  (array_agg(s.location_id ORDER BY s.on_hand, s.location_id))[1], min(s.on_hand))
    FROM merch.stock s
    WHERE s.item_id = ANY (items) AND s.on_hand < 0
    GROUP BY s.item_id
    UNION ALL
    SELECT f.item_id, 'allocation', 'could not be allocated anew: ' || f.error
    FROM merch.dirty_failure f
    WHERE f.item_id = ANY (items)
$$;
COMMENT ON FUNCTION merch.item_faults(bigint[]) IS
'Those of items with data that can''t be right: no price, cost or group, stock below zero, an allocation that failed.';

CREATE FUNCTION merch.detect_data_quality(promotions bigint[])
RETURNS SETOF merch.condition
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
    runs CONSTANT bigint[] := merch.single_runs(promotions);
BEGIN
    IF promotions IS NULL THEN
        RETURN QUERY
        WITH promoted AS MATERIALIZED (
            SELECT i.item_id, min(p.starts_at) AS starts_at, count(*) AS promotions
            FROM merch.promotion_item i
            JOIN merch.promotion p USING (promotion_id)
            WHERE p.ends_at > now() AND p.state NOT IN ('draft', 'rejected', 'cancelled', 'ended', 'reconciled', 'closed')
            GROUP BY i.item_id
        )
        SELECT format('item %s %s', f.item_id, f.fault), f.fault, NULL::bigint, f.item_id, NULL::int, NULL::bigint, NULL::bigint,
               format('item %s %s (in %s %s)', f.item_id, f.detail, p.promotions,
                      CASE p.promotions WHEN 1 THEN 'promotion' ELSE 'promotions' END),
               NULL::text, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, p.starts_at
        FROM merch.item_faults(ARRAY(SELECT x.item_id FROM promoted x)) f
        JOIN promoted p USING (item_id);
    END IF;
    RETURN QUERY
    SELECT format('promotion %s item %s demand', r.promotion_id, l.item_id), 'demand', r.promotion_id, l.item_id, NULL::int,
           r.allocation_id, NULL::bigint,
           format('no demand known at %s %s', count(DISTINCT l.location_id),
                  CASE count(DISTINCT l.location_id) WHEN 1 THEN 'location' ELSE 'locations' END),
           format('Load forecasts of item %s for the days of promotion %s, or plan its units (merch.demand_plan) and set demand_source of merch.policy.',
                  l.item_id, r.promotion_id),
           NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, min(r.starts_at)
    FROM merch.watched_runs(promotions) r
    JOIN merch.allocation_line l USING (allocation_id)
    WHERE l.gross_need IS NULL AND (runs IS NULL OR l.allocation_id = ANY (runs))
    GROUP BY r.promotion_id, l.item_id, r.allocation_id;
END
$$;
COMMENT ON FUNCTION merch.detect_data_quality(bigint[]) IS
'Detector: promoted items without price, cost or group, with stock below zero or an allocation that failed (in rounds over all promotions), and those of whose demand nothing is known at some locations.';
