-- rebalance: stock that is worth more elsewhere, as proposals

CREATE FUNCTION merch.rebalance(
    place int[],
    supply bigint[],
    on_position bigint[],
    room bigint[],
    mean float8[],
    dispersion float8[],
    value float8[],
    lane_source int[],
    lane_sink int[],
    lane_cost float8[],
    lane_stop int[] DEFAULT NULL,
    distribution text DEFAULT 'auto'
) RETURNS TABLE (lane int, quantity bigint, donor_loss float8, receiver_gain float8, cost float8, least_gain float8)
AS 'MODULE_PATHNAME', 'merch_rebalance'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION merch.rebalance(int[], bigint[], bigint[], bigint[], float8[], float8[], float8[], int[], int[], float8[], int[], text) IS
'Which units of one item to move between places, so that what is expected to be sold is worth the most, less what moving costs. Of each place: the units that it may give, the units it has or gets anyway (those included), the units it may receive, its demand, and what a sale earns. Of each lane: its places, and what a unit costs; lanes of one source and stop are one transfer. One row for each lane used, counted from 1: units, what they lose where they are, gain where they go, and cost; and what is gained if all other transfers are made, the least that they can gain.';

-- Stores give. What other sources have left over is there for the same needs, and cheaper than
-- a store's loss: their lanes compete, and are not proposed.
CREATE FUNCTION merch.rebalance_lanes(promotion_id bigint)
RETURNS TABLE (
    source_id int,
    location_id int,
    sink_id int,
    ships_on date,
    arrives_on date,
    unit_cost float8,
    shipment_cost float8,
    proposed boolean
)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT DISTINCT o.location_id, o.due_on FROM merch.open_lanes(ARRAY[rebalance_lanes.promotion_id]) o
    ), way AS (
        SELECT n.source_id, n.location_id, s.kind AS source_kind, n.lead_days, n.shipment_cost,
               n.unit_cost + s.handling_cost + l.handling_cost AS cost,
               current_date + coalesce(n.cut_off <= localtime, false)::int AS first_day
        FROM merch.lane n
        JOIN merch.location s ON s.location_id = n.source_id
        JOIN merch.location l ON l.location_id = n.location_id
    ), direct AS MATERIALIZED (
        SELECT w.source_id, w.location_id, w.source_kind = 'store' AS gives, d.due_on - w.lead_days AS ships_on, d.due_on,
               w.cost, w.shipment_cost
        FROM way w
        JOIN due d USING (location_id)
        WHERE d.due_on - w.lead_days >= w.first_day
    ), back AS (
        -- back to a centre, and from there to where it is needed; it must be there for the first lane that leaves
        SELECT w.source_id, w.location_id, o.location_id AS sink_id, w.lead_days,
               min(o.ships_on) OVER (PARTITION BY w.source_id, w.location_id) AS arrives_on,
               w.cost + o.cost AS cost, w.shipment_cost
        FROM way w
        JOIN direct o ON o.source_id = w.location_id AND NOT o.gives
        WHERE w.source_kind = 'store' AND o.location_id <> w.source_id AND w.first_day + w.lead_days <= o.ships_on
    )
    SELECT d.source_id, d.location_id, d.location_id, d.ships_on, d.due_on, d.cost::float8, d.shipment_cost::float8, d.gives
    FROM direct d
    UNION ALL
    SELECT b.source_id, b.location_id, b.sink_id, b.arrives_on - b.lead_days, b.arrives_on, b.cost::float8, b.shipment_cost::float8, true
    FROM back b
    ORDER BY 1, 3, 2;
END
$$;
COMMENT ON FUNCTION merch.rebalance_lanes(bigint) IS
'The ways by which goods can still reach the locations of a promotion in time: from stores, directly or over a centre (location_id is then the centre, sink_id where they go on to), and from all other sources, which are not proposed. unit_cost has the freight and the handling of all who handle the unit.';

CREATE FUNCTION merch.rebalance_stocks(promotion_id bigint, sources int[], items bigint[] DEFAULT NULL)
RETURNS TABLE (
    item_id bigint,
    location_id int,
    supply bigint,
    on_position bigint,
    room bigint,
    mean float8,
    dispersion float8,
    value float8,
    distribution text
)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    id CONSTANT bigint := rebalance_stocks.promotion_id;
BEGIN
    RETURN QUERY
    WITH setting AS MATERIALIZED (
        SELECT m.item_group_id, max(m.holdback) AS holdback, max(m.holdback_units) AS holdback_units,
               max(m.distribution) AS distribution, max(m.history_days) AS history_days,
               greatest(p.starts_on, current_date) AS from_day, p.ends_on + max(m.cover_days) AS to_day
        FROM merch.policy_map(ARRAY[id]) m
        JOIN merch.promotion p USING (promotion_id)
        GROUP BY m.item_group_id, p.starts_on, p.ends_on
    ), promoted AS MATERIALIZED (
        SELECT i.item_id, m.*, coalesce(merch.unit_margin(i.price, i.cost, NULL, NULL), 1)::float8 AS value
        FROM merch.promotion_item pi
        JOIN merch.item i USING (item_id)
        JOIN setting m ON m.item_group_id = coalesce(i.item_group_id, 0)
        WHERE pi.promotion_id = id AND (items IS NULL OR pi.item_id = ANY (items))
    ), line AS MATERIALIZED (
        SELECT * FROM merch.plan_lines(ARRAY[id], items)
    ), plan AS (
        -- what the promotion's allocation brings, or would bring now, counts as there
        SELECT l.item_id, l.location_id, max(l.on_hand + l.incoming - l.promised) + sum(l.quantity - l.gone)::bigint AS units,
               max(l.capacity) AS capacity, max(l.mean) AS mean, max(l.dispersion) AS dispersion, max(l.value) AS value
        FROM line l
        GROUP BY l.item_id, l.location_id
    ), sent AS (
        SELECT d.item_id, d.source_id AS location_id, sum(d.units)::bigint AS units
        FROM (SELECT l.item_id, l.source_id, l.quantity - l.gone AS units FROM line l
              UNION ALL
              SELECT l.item_id, l.source_id, -l.reserved
              FROM merch.allocation_line l
              JOIN merch.allocation a USING (allocation_id)
              WHERE a.promotion_id = id AND a.state <> 'cancelled') d
        GROUP BY d.item_id, d.source_id
    ), coming AS (
        SELECT l.item_id, t.location_id, sum(l.held)::bigint AS units
        FROM merch.transfer_line l
        JOIN merch.transfer t USING (transfer_id)
        WHERE l.held > 0
        GROUP BY l.item_id, t.location_id
    ), stocked AS (
        SELECT s.item_id, s.location_id, s.on_hand, s.on_hand - s.reserved - s.fenced AS free,
               CASE WHEN s.incoming > 0
                    THEN (SELECT coalesce(sum(b.open_units), 0)::bigint FROM merch.inbound b
                          WHERE b.item_id = s.item_id AND b.location_id = s.location_id
                            AND b.open_units > 0 AND b.expected_on < i.from_day)
                    ELSE 0 END AS incoming
        FROM promoted i
        JOIN merch.stock s USING (item_id)
        WHERE s.location_id = ANY (sources) AND (items IS NULL OR s.item_id = ANY (items))
    ), known AS (
        SELECT item_id, location_id, p.kind, s.on_hand, s.free,
               -- a plan counts what is coming, too
               coalesce(n.units, s.free + s.incoming + coalesce(c.units, 0)) AS units,
               coalesce(t.units, 0) AS sent,
               coalesce(r.presentation_minimum + r.safety_stock, 0) AS commitment,
               n.item_id IS NOT NULL AS receives, n.capacity, n.mean, n.dispersion, n.value
        FROM plan n
        FULL JOIN stocked s USING (item_id, location_id)
        JOIN merch.location p USING (location_id)
        LEFT JOIN merch.ranging r USING (item_id, location_id)
        LEFT JOIN coming c USING (item_id, location_id)
        LEFT JOIN sent t USING (item_id, location_id)
    ), place AS MATERIALIZED (
        SELECT k.item_id, k.location_id, k.receives, k.capacity, k.mean, k.dispersion, d.supply,
               greatest(k.units, d.supply) AS on_position, coalesce(k.value, i.value) AS value, i.distribution, i.history_days,
               CASE WHEN k.receives THEN i.from_day ELSE i.to_day END AS until
        FROM known k
        JOIN promoted i USING (item_id)
        CROSS JOIN LATERAL (
            SELECT CASE WHEN k.free IS NULL THEN 0
                        WHEN k.kind = 'store' THEN greatest(k.free - k.commitment, 0)
                        ELSE greatest(k.free - k.sent - k.commitment - ceil(k.on_hand * i.holdback)::bigint
                                      - i.holdback_units, 0) END AS supply
        ) d
        WHERE d.supply > 0 OR k.receives
    ), forecast AS (
        -- what a place sells outside of the promotion, from today on
        SELECT f.item_id, f.location_id, sum(round(f.mean * 1000)) / 1000 AS mean,
               sum(round(f.mean * f.dispersion * 1000)) / 1000 AS variance
        FROM place p
        JOIN merch.forecast f ON f.item_id = p.item_id AND f.location_id = p.location_id
                              AND f.day >= current_date AND f.day < p.until
        WHERE p.until > current_date AND (items IS NULL OR f.item_id = ANY (items))
        GROUP BY f.item_id, f.location_id
    ), past AS (
        SELECT p.item_id, p.location_id, p.until - current_date AS days,
               greatest(sum(s.units), 0) / p.history_days::float8 AS daily,
               sum(s.units * s.units) / p.history_days::float8 AS square
        FROM place p
        JOIN merch.sale s ON s.item_id = p.item_id AND s.location_id = p.location_id
                          AND s.day >= current_date - p.history_days AND s.day < current_date
        WHERE p.until > current_date AND (items IS NULL OR s.item_id = ANY (items))
          AND NOT EXISTS (SELECT FROM forecast f WHERE f.item_id = p.item_id AND f.location_id = p.location_id)
        GROUP BY p.item_id, p.location_id, p.until, p.history_days
    ), ordinary AS (
        SELECT f.item_id, f.location_id, f.mean, f.variance FROM forecast f
        UNION ALL
        SELECT p.item_id, p.location_id, p.daily * p.days, greatest(p.square - p.daily * p.daily, p.daily) * p.days FROM past p
    )
    SELECT p.item_id, p.location_id, p.supply, p.on_position,
           CASE WHEN NOT p.receives THEN 0
                WHEN p.capacity IS NULL THEN 9223372036854775807
                ELSE greatest(p.capacity - p.on_position, 0) END,
           d.mean,
           CASE WHEN p.distribution = 'negative_binomial' THEN greatest(d.dispersion, 1) ELSE d.dispersion END,
           p.value, p.distribution
    FROM place p
    LEFT JOIN ordinary o USING (item_id, location_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(p.mean, 0) + coalesce(o.mean, 0) AS mean,
               CASE WHEN coalesce(p.mean, 0) + coalesce(o.mean, 0) > 0
                    THEN (coalesce(p.mean * p.dispersion, 0) + coalesce(o.variance, 0)) / (coalesce(p.mean, 0) + coalesce(o.mean, 0))
                    ELSE 1 END AS dispersion
    ) d;
END
$$;
COMMENT ON FUNCTION merch.rebalance_stocks(bigint, int[], bigint[]) IS
'What merch.rebalance() has to know of the items of a promotion: at its locations, and where sources hold more than they have committed.';

CREATE FUNCTION merch.rebalance_flows(promotion_id bigint)
RETURNS TABLE (
    item_id bigint,
    source_id int,
    location_id int,
    ships_on date,
    arrives_on date,
    quantity bigint,
    donor_loss float8,
    receiver_gain float8,
    cost float8,
    least_gain float8,
    shipment_cost float8
)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    id CONSTANT bigint := rebalance_flows.promotion_id;
    -- the lanes that are open, and the moves over them, by column
    source int[];
    stop int[];
    sink int[];
    leaves date[];
    arrives date[];
    unit float8[];
    shipment float8[];
    proposed boolean[];
    moved_item bigint[] := '{}';
    moved_lane int[] := '{}';
    moved_units bigint[] := '{}';
    moved_loss float8[] := '{}';
    moved_gain float8[] := '{}';
    moved_cost float8[] := '{}';
    moved_least float8[] := '{}';
    due bigint[];
    shut_source int[];
    shut_stop int[];
BEGIN
    SELECT array_agg(l.source_id), array_agg(l.location_id), array_agg(l.sink_id), array_agg(l.ships_on),
           array_agg(l.arrives_on), array_agg(l.unit_cost), array_agg(l.shipment_cost), array_agg(l.proposed)
    INTO source, stop, sink, leaves, arrives, unit, shipment, proposed
    FROM merch.rebalance_lanes(id) l;
    IF true <> ALL (coalesce(proposed, '{}')) THEN
        RETURN;
    END IF;

    LOOP
        SELECT moved_item || coalesce(array_agg(i.item_id), '{}'), moved_lane || coalesce(array_agg(m.lane), '{}'),
               moved_units || coalesce(array_agg(m.quantity), '{}'), moved_loss || coalesce(array_agg(m.donor_loss), '{}'),
               moved_gain || coalesce(array_agg(m.receiver_gain), '{}'), moved_cost || coalesce(array_agg(m.cost), '{}'),
               moved_least || coalesce(array_agg(m.least_gain), '{}')
        INTO moved_item, moved_lane, moved_units, moved_loss, moved_gain, moved_cost, moved_least
        FROM (SELECT s.item_id, s.distribution,
                     array_agg(s.location_id ORDER BY s.location_id) AS place,
                     array_agg(s.supply ORDER BY s.location_id) AS supply,
                     array_agg(s.on_position ORDER BY s.location_id) AS on_position,
                     array_agg(s.room ORDER BY s.location_id) AS room,
                     array_agg(s.mean ORDER BY s.location_id) AS mean,
                     array_agg(s.dispersion ORDER BY s.location_id) AS dispersion,
                     array_agg(s.value ORDER BY s.location_id) AS value
              FROM merch.rebalance_stocks(id, source, due) s
              GROUP BY s.item_id, s.distribution) i
        CROSS JOIN LATERAL merch.rebalance(i.place, i.supply, i.on_position, i.room, i.mean, i.dispersion, i.value,
                                           source, sink, unit, stop, i.distribution) m
        WHERE proposed[m.lane];

        -- Transfers that do not pay for their shipment. Where their share of all gains does not, of those to
        -- one location all go but the best, for the others' goods to join it, unless it is alone. When there
        -- are none, those whose last units do not pay if all others are made: the worst at both its ends.
        WITH transfer AS (
            SELECT source[m.lane] AS source_id, stop[m.lane] AS location_id,
                   sum(m.gain - m.loss - m.cost) - max(shipment[m.lane]) AS share,
                   sum(m.least) - max(shipment[m.lane]) AS least
            FROM unnest(moved_lane, moved_loss, moved_gain, moved_cost, moved_least) AS m(lane, loss, gain, cost, least)
            GROUP BY 1, 2
        ), failing AS (
            SELECT t.*, bool_or(t.share <= 0) OVER () AS by_share,
                   row_number() OVER (PARTITION BY t.location_id, t.share <= 0 ORDER BY t.share DESC, t.source_id) AS rank,
                   count(*) OVER (PARTITION BY t.location_id, t.share <= 0) AS others,
                   row_number() OVER (PARTITION BY t.location_id ORDER BY t.least, t.source_id) AS rank_there,
                   row_number() OVER (PARTITION BY t.source_id ORDER BY t.least, t.location_id) AS rank_here
            FROM transfer t
            WHERE t.least <= 0
        )
        SELECT array_agg(f.source_id), array_agg(f.location_id) INTO shut_source, shut_stop
        FROM failing f
        WHERE CASE WHEN by_share THEN f.share <= 0 AND (f.rank > 1 OR f.others = 1)
                   ELSE f.rank_there = 1 AND f.rank_here = 1 END;
        EXIT WHEN shut_source IS NULL;

        -- what went by them goes by those that are left; no new ones open, so that it ends
        SELECT array_agg(DISTINCT m.item_id) INTO due
        FROM unnest(moved_item, moved_lane) AS m(item_id, lane)
        JOIN unnest(shut_source, shut_stop) AS s(source_id, location_id)
            ON s.source_id = source[m.lane] AND s.location_id = stop[m.lane];
        WITH used AS (
            SELECT DISTINCT source[u] AS source_id, stop[u] AS location_id FROM unnest(moved_lane) u
            EXCEPT
            SELECT * FROM unnest(shut_source, shut_stop)
        ), renumbered AS MATERIALIZED (
            SELECT n.number, row_number() OVER (ORDER BY n.number)::int AS new_number
            FROM generate_subscripts(source, 1) AS n(number)
            LEFT JOIN used u ON u.source_id = source[n.number] AND u.location_id = stop[n.number]
            WHERE NOT proposed[n.number] OR u.source_id IS NOT NULL
        ), kept AS (
            SELECT m.*, r.new_number
            FROM unnest(moved_item, moved_lane, moved_units, moved_loss, moved_gain, moved_cost, moved_least)
                AS m(item_id, lane, units, loss, gain, cost, least)
            JOIN renumbered r ON r.number = m.lane
            WHERE m.item_id <> ALL (due)
        )
        SELECT k.*, r.*
        INTO moved_item, moved_lane, moved_units, moved_loss, moved_gain, moved_cost, moved_least, source, stop, sink, leaves, arrives, unit, shipment, proposed
        FROM (SELECT coalesce(array_agg(item_id), '{}'), coalesce(array_agg(new_number), '{}'), coalesce(array_agg(k.units), '{}'),
                     coalesce(array_agg(k.loss), '{}'), coalesce(array_agg(k.gain), '{}'), coalesce(array_agg(k.cost), '{}'),
                     coalesce(array_agg(k.least), '{}')
              FROM kept k) k,
             (SELECT array_agg(source[number] ORDER BY number), array_agg(stop[number] ORDER BY number),
                     array_agg(sink[number] ORDER BY number), array_agg(leaves[number] ORDER BY number),
                     array_agg(arrives[number] ORDER BY number), array_agg(unit[number] ORDER BY number),
                     array_agg(shipment[number] ORDER BY number), array_agg(proposed[number] ORDER BY number)
              FROM renumbered) r;
        EXIT WHEN true <> ALL (coalesce(proposed, '{}'));
    END LOOP;

    RETURN QUERY
    SELECT m.item_id, source[m.lane], stop[m.lane], min(leaves[m.lane]), min(arrives[m.lane]), sum(m.units)::bigint,
           sum(m.loss), sum(m.gain), sum(m.cost), sum(m.least), max(shipment[m.lane])
    FROM unnest(moved_item, moved_lane, moved_units, moved_loss, moved_gain, moved_cost, moved_least)
                AS m(item_id, lane, units, loss, gain, cost, least)
    GROUP BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION merch.rebalance_flows(bigint) IS
'What to move before a promotion, item by item at the optimum, over transfers that pay for their shipment. Labour, docks and trucks are not looked at yet. Part of merch.plan_rebalance(): use that.';

-- Hours are used up by what arrives on the day anyway: transfers, and what the promotion's
-- allocation will release.
CREATE FUNCTION merch.hours_left(promotion_id bigint)
RETURNS TABLE (location_id int, day date, labour_minutes numeric, dock_minutes numeric)
LANGUAGE sql STABLE ROWS 100
AS $$
    WITH used AS (
        SELECT t.location_id, t.arrives_on AS day, l.item_id, coalesce(l.picked, l.units) AS units
        FROM merch.location_capacity c
        JOIN merch.transfer t ON t.location_id = c.location_id AND t.arrives_on = c.day
        JOIN merch.transfer_line l USING (transfer_id)
        WHERE t.state IN ('planned', 'picking', 'shipped')
        UNION ALL
        SELECT l.location_id, l.ships_on + n.lead_days, l.item_id, l.quantity - l.released
        FROM merch.allocation a
        JOIN merch.allocation_line l USING (allocation_id)
        JOIN merch.lane n ON n.location_id = l.location_id AND n.source_id = l.source_id
        WHERE a.promotion_id = hours_left.promotion_id AND a.state <> 'cancelled' AND l.quantity > l.released
    ), taken AS (
        SELECT u.location_id, u.day, sum(u.units * i.labour_minutes) AS labour, sum(u.units * i.dock_minutes) AS dock
        FROM used u
        JOIN merch.item i USING (item_id)
        GROUP BY u.location_id, u.day
    )
    SELECT c.location_id, c.day, CASE WHEN c.labour_hours IS NOT NULL THEN greatest(c.labour_hours * 60 - coalesce(t.labour, 0), 0) END,
           CASE WHEN c.dock_hours IS NOT NULL THEN greatest(c.dock_hours * 60 - coalesce(t.dock, 0), 0) END
    FROM merch.location_capacity c
    LEFT JOIN taken t USING (location_id, day)
    WHERE c.day >= current_date
$$;
COMMENT ON FUNCTION merch.hours_left(bigint) IS
'What is left of the labour and dock hours of locations, in minutes, from today on: after the transfers that arrive, and what the promotion''s allocation has not released yet. Null for no limit.';

CREATE FUNCTION merch.plan_rebalance(promotion_id bigint)
RETURNS TABLE (
    item_id bigint,
    source_id int,
    location_id int,
    ships_on date,
    arrives_on date,
    quantity bigint,
    donor_loss numeric,
    receiver_gain numeric,
    cost numeric,
    expected_gain numeric
)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    id CONSTANT bigint := plan_rebalance.promotion_id;
    promotion record;
BEGIN
    SELECT p.name, p.ends_on INTO promotion FROM merch.promotion p WHERE p.promotion_id = id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('promotion %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The promotions are the rows of merch.promotion.';
    ELSIF promotion.ends_on <= current_date THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('promotion %s has ended', id),
            DETAIL = format('"%s" ran until the end of %s.', promotion.name, promotion.ends_on - 1),
            HINT = 'Set ends_on of merch.promotion to a later day if it is to go on.';
    END IF;

    RETURN QUERY
    WITH flow AS (
        SELECT f.*, f.receiver_gain - f.donor_loss - f.cost AS net, i.labour_minutes, i.dock_minutes,
               h.labour_minutes AS labour_left, h.dock_minutes AS dock_left, n.units_per_day
        FROM merch.rebalance_flows(id) f
        JOIN merch.item i USING (item_id)
        JOIN merch.lane n ON n.location_id = f.location_id AND n.source_id = f.source_id
        LEFT JOIN merch.hours_left(id) h ON h.location_id = f.location_id AND h.day = f.arrives_on
    ), ranked AS (
        -- by gain for the scarcest of what a unit needs, as a share of what is left
        SELECT *, sum(quantity * labour_minutes) OVER w - quantity * labour_minutes AS labour_before,
               sum(quantity * dock_minutes) OVER w - quantity * dock_minutes AS dock_before,
               sum(quantity) OVER (PARTITION BY location_id, source_id ORDER BY net / quantity DESC, item_id
                                   ROWS UNBOUNDED PRECEDING) - quantity AS units_before
        FROM (SELECT *, coalesce(net / quantity / nullif(greatest(labour_minutes / nullif(labour_left, 0),
                                                                  dock_minutes / nullif(dock_left, 0)), 0)::float8,
                                 'Infinity') AS rate
              FROM flow) f
        WINDOW w AS (PARTITION BY location_id, arrives_on ORDER BY rate DESC, item_id, source_id ROWS UNBOUNDED PRECEDING)
    ), fitting AS (
        SELECT *, greatest(least(quantity,
                                 floor((labour_left - labour_before) / nullif(labour_minutes, 0)),
                                 floor((dock_left - dock_before) / nullif(dock_minutes, 0)),
                                 units_per_day - units_before), 0)::bigint AS units
        FROM ranked
    ), paying AS (
        SELECT *, sum(least_gain * units / quantity) OVER (PARTITION BY source_id, location_id) AS transfer_gain FROM fitting
    )
    SELECT item_id, source_id, location_id, ships_on, arrives_on, units,
           (donor_loss * units / quantity)::numeric(20, 4), (receiver_gain * units / quantity)::numeric(20, 4),
           (cost * units / quantity)::numeric(20, 4), (net * units / quantity)::numeric(20, 4)
    FROM paying
    WHERE units > 0 AND transfer_gain > shipment_cost
    ORDER BY source_id, location_id, item_id;
END
$$;
COMMENT ON FUNCTION merch.plan_rebalance(bigint) IS
'What moving stock from stores to the locations of a promotion, or back to a centre, would gain more than it costs: units by item, what they are expected to lose where they are and to gain where they go, freight and handling, and what is left. Each transfer also covers its shipment cost, whether the others are made or not. Writes nothing.';

CREATE FUNCTION merch.propose_transfers(promotion_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := propose_transfers.promotion_id;
    old bigint[];
    items bigint[];
    transfers bigint[];
    units bigint[];
BEGIN
    -- one at a time: two would both propose
    PERFORM FROM merch.promotion p WHERE p.promotion_id = id FOR NO KEY UPDATE;
    old := ARRAY(SELECT t.transfer_id FROM merch.transfer t
                 WHERE t.promotion_id = id AND t.state = 'proposed'
                 ORDER BY t.transfer_id FOR UPDATE);
    DELETE FROM merch.transfer_line l WHERE l.transfer_id = ANY (old);
    DELETE FROM merch.transfer t WHERE t.transfer_id = ANY (old);

    WITH plan AS MATERIALIZED (
        SELECT * FROM merch.plan_rebalance(id)
    ), proposal AS (
        INSERT INTO merch.transfer AS t (kind, promotion_id, source_id, location_id, ships_on, arrives_on, state, expected_gain, reason)
        SELECT 'rebalance', id, p.source_id, p.location_id, min(p.ships_on), min(p.arrives_on), 'proposed',
               sum(p.expected_gain) - n.shipment_cost,
               format('%s units lose %s where they are and gain %s where they go; freight, handling and shipment cost %s',
                      sum(p.quantity), sum(p.donor_loss)::numeric(20, 2), sum(p.receiver_gain)::numeric(20, 2),
                      (sum(p.cost) + n.shipment_cost)::numeric(20, 2))
        FROM plan p
        JOIN merch.lane n ON n.location_id = p.location_id AND n.source_id = p.source_id
        GROUP BY p.source_id, p.location_id, n.shipment_cost
        ORDER BY sum(p.expected_gain) - n.shipment_cost DESC, p.source_id, p.location_id
        RETURNING t.transfer_id, t.source_id, t.location_id
    )
    SELECT array_agg(p.item_id), array_agg(t.transfer_id), array_agg(p.quantity) INTO items, transfers, units
    FROM plan p
    JOIN proposal t USING (source_id, location_id);
    -- the trigger of the lines wants to see their transfers
    INSERT INTO merch.transfer_line (item_id, transfer_id, units)
    SELECT * FROM unnest(items, transfers, units);
    RETURN (SELECT count(DISTINCT t) FROM unnest(transfers) t);
END
$$;
COMMENT ON FUNCTION merch.propose_transfers(bigint) IS
'Writes merch.plan_rebalance() as transfers that are proposed, best first, in place of those of the promotion that are still proposed, and returns how many there are. Nothing moves and nothing is reserved: merch.accept_transfer() and merch.reject_transfer() decide.';

CREATE FUNCTION merch.hold_transfers()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    accepted bigint[];
    ended bigint[];
BEGIN
    SELECT array_agg(n.transfer_id) FILTER (WHERE o.state = 'proposed' AND n.state = 'planned'),
           array_agg(n.transfer_id) FILTER (WHERE n.state NOT IN ('planned', 'picking'))
    INTO accepted, ended
    FROM new_transfer n
    JOIN old_transfer o USING (transfer_id)
    WHERE n.kind = 'rebalance' AND n.state <> o.state;
    IF accepted IS NOT NULL THEN
        UPDATE merch.transfer_line l SET held = l.units, held_at = t.source_id
        FROM merch.transfer t
        WHERE t.transfer_id = ANY (accepted) AND l.transfer_id = t.transfer_id AND l.picked IS NULL;
    END IF;
    IF ended IS NOT NULL THEN
        UPDATE merch.transfer_line l SET held = 0 WHERE l.transfer_id = ANY (ended) AND l.held > 0;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.hold_transfers() IS
'Trigger of merch.transfer: reserves the units of a transfer between stores that is accepted, whoever accepts it, and lets go what a cancelled one still holds.';

CREATE FUNCTION merch.accept_transfer(transfer_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := accept_transfer.transfer_id;
    way record := merch.lock_transfer(id, ARRAY['proposed'], 'accepted');
    first_day date;
    items bigint[];
    short record;
    accepted bigint;
BEGIN
    SELECT current_date + coalesce(n.cut_off <= localtime, false)::int INTO first_day
    FROM merch.lane n WHERE n.location_id = way.location_id AND n.source_id = way.source_id;
    IF coalesce(first_day, current_date) > way.ships_on THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('transfer %s comes too late: it had to leave on %s', id, way.ships_on),
            HINT = 'merch.propose_transfers() proposes what can still be there in time.';
    END IF;

    SELECT coalesce(array_agg(l.item_id), '{}') INTO items FROM merch.transfer_line l WHERE l.transfer_id = id;
    PERFORM merch.lock_stock(items, array_fill(way.source_id, ARRAY[cardinality(items)]));
    SELECT l.item_id, l.units, greatest(s.on_hand - s.reserved - s.fenced, 0) AS free INTO short
    FROM merch.transfer_line l
    JOIN merch.stock s ON s.item_id = l.item_id AND s.location_id = way.source_id
    WHERE l.transfer_id = id AND l.units > s.on_hand - s.reserved - s.fenced
    ORDER BY l.item_id LIMIT 1;
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('transfer %s cannot be accepted: location %s has %s units of item %s free, not %s',
                             id, way.source_id, short.free, short.item_id, short.units),
            HINT = 'They were sold or promised meanwhile: merch.propose_transfers() proposes what is still worth moving.';
    END IF;

    -- hold_transfers reserves the units, check_transfers refuses a circle
    UPDATE merch.transfer t SET state = 'planned' WHERE t.transfer_id = id;
    SELECT coalesce(sum(l.held), 0) INTO accepted FROM merch.transfer_line l WHERE l.transfer_id = id;
    RETURN accepted;
END
$$;
COMMENT ON FUNCTION merch.accept_transfer(bigint) IS
'Accepts a proposed transfer: its units are reserved at the store that gives them, and it can be picked (merch.record_pick). Returns the units. Refuses what is not free any more, would come too late, or would go in a circle.';

CREATE FUNCTION merch.reject_transfer(transfer_id bigint, reason text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM merch.lock_transfer(reject_transfer.transfer_id, ARRAY['proposed'], 'rejected');
    UPDATE merch.transfer t SET state = 'cancelled', reason = coalesce(reject_transfer.reason, 'rejected')
    WHERE t.transfer_id = reject_transfer.transfer_id;
END
$$;
COMMENT ON FUNCTION merch.reject_transfer(bigint, text) IS
'Rejects a proposed transfer: it is cancelled, for the reason given. What is proposed later can be the same again.';
