-- readiness checks: what is built in of stock, transfers, work and suppliers

CREATE FUNCTION merch.check_preparation(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.promotion_id, false,
           count(*) FILTER (WHERE r.state = 'done')::numeric / count(*), NULL::numeric,
           string_agg(format('step %s failed: %s', r.step, split_part(r.error, E'\n', 1)), '; ' ORDER BY r.step)
               FILTER (WHERE r.state = 'failed')
    FROM merch.preparation r
    WHERE r.promotion_id = ANY (promotions)
    GROUP BY r.promotion_id
    HAVING count(*) FILTER (WHERE r.state = 'failed') > 0;
END
$$;
COMMENT ON FUNCTION merch.check_preparation(bigint[]) IS
'Readiness check: no step of the preparation has failed. Figure: the share of steps that are done.';

CREATE FUNCTION merch.check_allocated(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p, a.allocation_id IS NOT NULL, (a.allocation_id IS NOT NULL)::int::numeric, NULL::numeric,
           CASE WHEN a.allocation_id IS NULL THEN 'it has no allocation, or one that is still being written' END
    FROM unnest(promotions) p
    LEFT JOIN merch.allocation a ON a.promotion_id = p AND a.state IN ('active', 'released');
END
$$;
COMMENT ON FUNCTION merch.check_allocated(bigint[]) IS
'Readiness check: the promotion''s stock is allocated. Figure: 1 if it is.';

-- The demand of a place counts once, and supply from all its sources.
CREATE FUNCTION merch.expected_supply(promotions bigint[])
RETURNS TABLE (promotion_id bigint, item_id bigint, location_id int, mean float8, dispersion float8, value float8, available bigint)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT a.promotion_id, l.item_id, l.location_id, max(l.mean), max(l.dispersion), max(l.value),
           greatest(max(l.on_hand + l.incoming - l.promised) + sum(l.reserved)::bigint, 0)
    FROM merch.allocation a
    JOIN merch.promotion_item i USING (promotion_id)
    JOIN merch.allocation_line l USING (item_id, allocation_id)
    WHERE a.promotion_id = ANY (promotions) AND a.state IN ('active', 'released')
    GROUP BY a.promotion_id, l.item_id, l.location_id;
END
$$;
COMMENT ON FUNCTION merch.expected_supply(bigint[]) IS
'For each item and location of allocated promotions the demand that is expected, what a unit earns, and the units that will be there: on hand, incoming and still to come from the sources, as of the last time it was allocated.';

CREATE FUNCTION merch.check_coverage(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT a.promotion_id, NULL::boolean, coalesce(sum(least(l.need, l.quantity))::numeric / nullif(sum(l.need), 0), 1), NULL::numeric,
           format('%s of %s units that are needed are allocated', sum(least(l.need, l.quantity)), sum(l.need))
    FROM merch.allocation a
    JOIN merch.promotion_item i USING (promotion_id)
    JOIN merch.allocation_line l USING (item_id, allocation_id)
    WHERE a.promotion_id = ANY (promotions) AND a.state IN ('active', 'released')
    GROUP BY a.promotion_id;
END
$$;
COMMENT ON FUNCTION merch.check_coverage(bigint[]) IS
'Readiness check: the share of the units needed that are allocated.';

CREATE FUNCTION merch.check_confidence(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH place AS (
        SELECT s.promotion_id,
               sum(round((1 - merch.stockout_probability(s.mean, s.dispersion, s.available)) * 1000000)::bigint) AS confidence,
               count(*) AS places
        FROM merch.expected_supply(promotions) s
        GROUP BY s.promotion_id
    )
    SELECT p.promotion_id, NULL::boolean, p.confidence / p.places / 1000000, NULL::numeric,
           format('an item lasts at a location with a probability of %s on average', round(p.confidence / p.places / 1000000, 2))
    FROM place p;
END
$$;
COMMENT ON FUNCTION merch.check_confidence(bigint[]) IS
'Readiness check: the mean probability, over items and locations, that what is there and comes lasts for the whole promotion.';

CREATE FUNCTION merch.check_transfers_arrive(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH run AS MATERIALIZED (
        SELECT p.promotion_id, p.starts_on, (now() AT TIME ZONE p.time_zone)::date AS today, a.allocation_id
        FROM merch.promotion p
        JOIN merch.allocation a USING (promotion_id)
        WHERE p.promotion_id = ANY (promotions) AND a.state IN ('active', 'released')
    ), late AS (
        SELECT r.promotion_id, t.transfer_id, coalesce((SELECT sum(x.units) FROM merch.transfer_line x WHERE x.transfer_id = t.transfer_id), 0) AS units
        FROM run r
        JOIN merch.transfer t USING (allocation_id)
        WHERE t.state IN ('planned', 'picking', 'shipped')
          AND (t.arrives_on > r.starts_on OR t.arrives_on < r.today OR (t.state <> 'shipped' AND t.ships_on < r.today))
    ), waiting AS (
        SELECT r.promotion_id, sum(l.quantity - l.released) AS units
        FROM run r
        JOIN merch.promotion_item i USING (promotion_id)
        JOIN merch.allocation_line l USING (item_id, allocation_id)
        WHERE l.ships_on < r.today AND l.quantity > l.released AND l.reserved > 0
        GROUP BY r.promotion_id
    ), fault AS (
        SELECT promotion_id, sum(f.transfers)::bigint AS transfers, min(f.first) AS first, sum(f.late)::bigint AS late, sum(f.waiting)::bigint AS waiting
        FROM (SELECT t.promotion_id, count(*) AS transfers, min(t.transfer_id) AS first, sum(t.units) AS late, 0 AS waiting
              FROM late t GROUP BY t.promotion_id
              UNION ALL
              SELECT w.promotion_id, 0, NULL, 0, w.units FROM waiting w) f
        GROUP BY promotion_id
    )
    SELECT r.promotion_id, f.promotion_id IS NULL,
           CASE WHEN f.promotion_id IS NULL THEN 1
                ELSE greatest(1 - (f.late + f.waiting)
                              / nullif((SELECT sum(l.quantity)
                                        FROM merch.promotion_item i
                                        JOIN merch.allocation_line l USING (item_id)
                                        WHERE i.promotion_id = r.promotion_id AND l.allocation_id = r.allocation_id), 0), 0) END,
           NULL::numeric,
           concat_ws('; ', merch.counted(f.transfers, 'transfers are late or will be', 'transfer ' || f.first),
                     merch.counted(f.waiting, 'units that should have left and are not released'))
    FROM run r
    LEFT JOIN fault f USING (promotion_id);
END
$$;
COMMENT ON FUNCTION merch.check_transfers_arrive(bigint[]) IS
'Readiness check: no transfer is expected after the promotion''s first day, none is overdue, and nothing that should have left still waits to be released. Figure: the share of the allocated units for which that holds.';

CREATE FUNCTION merch.check_waves(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH run AS (
        SELECT a.promotion_id, a.state, count(t.transfer_id) AS transfers,
               count(t.transfer_id) FILTER (WHERE t.state IN ('planned', 'picking')) AS open,
               min(t.wave_id) FILTER (WHERE t.state IN ('planned', 'picking')) AS wave
        FROM merch.allocation a
        LEFT JOIN merch.transfer t ON t.allocation_id = a.allocation_id AND t.state <> 'cancelled'
        WHERE a.promotion_id = ANY (promotions) AND a.state IN ('active', 'released')
        GROUP BY a.allocation_id
    )
    SELECT r.promotion_id, r.state = 'released' AND r.open = 0,
           CASE WHEN r.state = 'active' AND r.transfers = 0 THEN 0 ELSE coalesce(1 - r.open::numeric / nullif(r.transfers, 0), 1) END,
           NULL::numeric,
           concat_ws('; ', CASE WHEN r.state = 'active' THEN 'its allocation is not released' END,
                     merch.counted(r.open, 'transfers are not picked', 'wave ' || r.wave))
    FROM run r;
END
$$;
COMMENT ON FUNCTION merch.check_waves(bigint[]) IS
'Readiness check: the allocation is released and its waves are done. Figure: the share of transfers that have left.';

-- Only where labour is limited; what has left the promotion's locations does not count.
CREATE FUNCTION merch.labour_use(locations int[])
RETURNS TABLE (promotion_id bigint, location_id int, day date, minutes numeric)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT a.promotion_id, l.location_id, l.ships_on + coalesce(x.lead_days, 0), sum(l.quantity * i.labour_minutes)
    FROM merch.promotion_location pl
    JOIN merch.promotion p USING (promotion_id)
    JOIN merch.allocation a ON a.promotion_id = p.promotion_id AND a.state <> 'cancelled'
    JOIN merch.promotion_item pi ON pi.promotion_id = p.promotion_id
    JOIN merch.allocation_line l ON l.item_id = pi.item_id AND l.allocation_id = a.allocation_id AND l.location_id = pl.location_id
    JOIN merch.item i ON i.item_id = l.item_id
    LEFT JOIN merch.lane x ON x.location_id = l.location_id AND x.source_id = l.source_id
    WHERE pl.location_id = ANY (locations) AND l.quantity > 0 AND l.ships_on IS NOT NULL
      AND p.state NOT IN ('ended', 'reconciled', 'closed', 'cancelled', 'rejected')
    GROUP BY a.promotion_id, l.location_id, l.ships_on + coalesce(x.lead_days, 0)
    UNION ALL
    SELECT t.promotion_id, t.location_id, (t.due_at AT TIME ZONE p.time_zone)::date, sum(extract(epoch FROM m.takes) / 60)
    FROM merch.task t
    JOIN merch.task_template m USING (task)
    JOIN merch.promotion p USING (promotion_id)
    WHERE t.location_id = ANY (locations) AND t.state IN ('open', 'started')
    GROUP BY t.promotion_id, t.location_id, (t.due_at AT TIME ZONE p.time_zone)::date;
END
$$;
COMMENT ON FUNCTION merch.labour_use(int[]) IS
'Minutes of labour that promotions need at locations by day: to put away what is allocated, on the day on which it arrives, and for tasks, on the day on which they are due.';

CREATE FUNCTION merch.limited_locations(promotions bigint[])
RETURNS int[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT DISTINCT c.location_id
                 FROM merch.location_capacity c
                 WHERE c.labour_hours IS NOT NULL
                   AND c.location_id IN (SELECT pl.location_id FROM merch.promotion_location pl WHERE pl.promotion_id = ANY (promotions))
                 ORDER BY 1)
$$;
COMMENT ON FUNCTION merch.limited_locations(bigint[]) IS
'The locations of promotions at which merch.location_capacity limits labour on some day.';

CREATE FUNCTION merch.check_labour(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH use AS MATERIALIZED (
        SELECT u.promotion_id, u.location_id, u.day, sum(u.minutes) AS minutes
        FROM merch.labour_use(merch.limited_locations(promotions)) u
        GROUP BY u.promotion_id, u.location_id, u.day
    ), short AS MATERIALIZED (
        SELECT u.location_id, u.day, sum(u.minutes) / 60 AS hours, c.labour_hours
        FROM use u
        JOIN merch.location_capacity c USING (location_id, day)
        GROUP BY u.location_id, u.day, c.labour_hours
        HAVING sum(u.minutes) / 60 > c.labour_hours
    ), need AS (
        SELECT u.promotion_id, sum(u.minutes) AS minutes, coalesce(sum(u.minutes) FILTER (WHERE s.day IS NOT NULL), 0) AS short_minutes,
               count(s.day) AS days,
               min(format('location %s on %s, %s of %s hours', s.location_id, to_char(s.day, 'YYYY-MM-DD'), round(s.hours, 1), s.labour_hours))
                   FILTER (WHERE s.day IS NOT NULL) AS first
        FROM use u
        LEFT JOIN short s ON s.location_id = u.location_id AND s.day = u.day
        WHERE u.promotion_id = ANY (promotions) AND u.minutes > 0
        GROUP BY u.promotion_id
    )
    SELECT n.promotion_id, n.days = 0, 1 - n.short_minutes / n.minutes, NULL::numeric,
           merch.counted(n.days, 'days at locations have more work than hours', n.first)
    FROM need n;
END
$$;
COMMENT ON FUNCTION merch.check_labour(bigint[]) IS
'Readiness check: where labour is limited, by merch.location_capacity, there are enough hours on every day for what all promotions need to put goods away and do their tasks. Figure: the share of the promotion''s own work that falls on days with enough.';

CREATE FUNCTION merch.labour_neighbours(promotions bigint[])
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    limited CONSTANT int[] := merch.limited_locations(promotions);
BEGIN
    IF limited <> '{}' THEN
        RETURN QUERY
        SELECT DISTINCT pl.promotion_id FROM merch.promotion_location pl WHERE pl.location_id = ANY (limited);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.labour_neighbours(bigint[]) IS
'The promotions whose verdict of merch.check_labour() can change as the given ones do: those with which they share a location that has limited labour.';

CREATE FUNCTION merch.check_confirmations(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT t.promotion_id, NULL::boolean, count(*) FILTER (WHERE t.state = 'done')::numeric / count(*), NULL::numeric,
           merch.counted(count(*) FILTER (WHERE t.state <> 'done'), 'locations have not confirmed',
                         'location ' || min(t.location_id) FILTER (WHERE t.state <> 'done'))
    FROM merch.task t
    WHERE t.promotion_id = ANY (promotions) AND t.task = 'confirm' AND t.state <> 'cancelled'
    GROUP BY t.promotion_id;
END
$$;
COMMENT ON FUNCTION merch.check_confirmations(bigint[]) IS
'Readiness check: the locations have confirmed that they are ready, by their task confirm. Figure: the share that has.';

CREATE FUNCTION merch.check_suppliers(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH task AS (
        SELECT t.promotion_id, count(*) AS tasks, count(*) FILTER (WHERE t.state <> 'done') AS open
        FROM merch.task t
        WHERE t.promotion_id = ANY (promotions) AND t.task = 'supplier confirmation' AND t.state <> 'cancelled'
        GROUP BY t.promotion_id
    ), ordered AS (
        SELECT p.promotion_id, count(*) AS orders,
               count(*) FILTER (WHERE b.expected_on < (now() AT TIME ZONE p.time_zone)::date) AS overdue,
               min(ARRAY[b.item_id, b.inbound_id]) FILTER (WHERE b.expected_on < (now() AT TIME ZONE p.time_zone)::date) AS first
        FROM merch.promotion p
        JOIN merch.promotion_item i USING (promotion_id)
        JOIN merch.inbound b USING (item_id)
        WHERE p.promotion_id = ANY (promotions) AND b.kind <> 'transfer' AND b.open_units > 0 AND b.expected_on < p.ends_on
        GROUP BY p.promotion_id
    )
    SELECT p, coalesce(t.open, 0) + coalesce(o.overdue, 0) = 0,
           1 - (coalesce(t.open, 0) + coalesce(o.overdue, 0))::numeric / (coalesce(t.tasks, 0) + coalesce(o.orders, 0)), NULL::numeric,
           concat_ws('; ', CASE WHEN t.open > 0 THEN 'the suppliers have not confirmed' END,
                     merch.counted(o.overdue, 'deliveries of suppliers are overdue', format('row %s of item %s of merch.inbound', o.first[2], o.first[1])))
    FROM unnest(promotions) p
    LEFT JOIN task t ON t.promotion_id = p
    LEFT JOIN ordered o ON o.promotion_id = p
    WHERE t.tasks > 0 OR o.orders > 0;
END
$$;
COMMENT ON FUNCTION merch.check_suppliers(bigint[]) IS
'Readiness check: the suppliers have confirmed, by the task supplier confirmation, and no delivery of an item that is expected before the promotion''s end is overdue. Figure: the share of these for which that holds.';

CREATE FUNCTION merch.check_tasks(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT t.promotion_id, count(*) FILTER (WHERE t.state <> 'done' AND t.due_at <= now()) = 0,
           1 - count(*) FILTER (WHERE t.state <> 'done' AND t.due_at <= now())::numeric / count(*), NULL::numeric,
           merch.counted(count(*) FILTER (WHERE t.state <> 'done' AND t.due_at <= now()), 'tasks are overdue',
                         'task ' || min(t.task_id) FILTER (WHERE t.state <> 'done' AND t.due_at <= now()))
    FROM merch.task t
    WHERE t.promotion_id = ANY (promotions) AND t.state <> 'cancelled'
    GROUP BY t.promotion_id;
END
$$;
COMMENT ON FUNCTION merch.check_tasks(bigint[]) IS
'Readiness check: no task is overdue. Figure: the share of tasks that are not.';
