-- plan: need against supply, split, as one set-based statement

CREATE FUNCTION merch.claim(
    run bigint,
    location_id int,
    source_id int,
    channel_id int,
    preference int,
    method text,
    distribution text,
    push boolean,
    supply bigint,
    fence bigint,
    mean float8,
    dispersion float8,
    days int,
    maximum_days float8,
    safety_stock bigint,
    presentation_minimum bigint,
    on_hand bigint,
    incoming bigint,
    promised bigint,
    capacity bigint,
    minimum_need bigint,
    maximum_need bigint,
    threshold bigint,
    pack bigint,
    tier int,
    value float8,
    cost float8,
    current bigint,
    fixed bigint,
    change_threshold bigint
) RETURNS bytea
AS 'MODULE_PATHNAME', 'merch_claim'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION merch.claim(bigint, int, int, int, int, text, text, boolean, bigint, bigint, float8, float8, int, float8, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, int, float8, float8, bigint, bigint, bigint) IS
'What a location needs, and so asks of one source for one run, in one value: merch.split_claims() then reads each row once. A null mean: nothing is known of demand.';

CREATE FUNCTION merch.claim_dispersion(dispersion float8, distribution text)
RETURNS float8
AS 'MODULE_PATHNAME', 'merch_claim_dispersion'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION merch.claim_dispersion(float8, text) IS
'The dispersion that a claim counts with: a negative binomial demand never varies less than its limit, Poisson.';

CREATE FUNCTION merch.split_claims(claim bytea, use bytea DEFAULT NULL)
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'merch_split_claims'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION merch.split_claims(bytea, bytea) IS
'Window function: splits the supplies of one item among the claims of a partition, run by run in the window''s order. Returns, for each row: the units it gets; how many of them come from its channel''s ring-fence; its part of the location''s need; why that is not met (1 no source, 2 capacity, 3 supply, 4 worth, 5 shared capacity, 6 threshold; 0 if it is); the location''s position with what it gets from all sources; and its gross need. If merch.claim_use() says what the rows use of shared capacity, a partition has many items, one after another, and each row two numbers more: what its run''s plan is worth and what no plan can exceed, in ten-thousandths.';

CREATE FUNCTION merch.offer_price(price numeric, reward text, value numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE reward WHEN 'price' THEN value
                   WHEN 'amount_off' THEN greatest(price - value, price * 0)
                   WHEN 'percent_off' THEN price * (1 - value / 100)
                   ELSE price END;
COMMENT ON FUNCTION merch.offer_price(numeric, text, numeric) IS
'The price of a unit under an offer, from its regular price, the offer''s reward and value.';

-- Units leave the fence first, as a line is written: what is released is taken to be of it.
CREATE FUNCTION merch.open_lines(
    promotions bigint[],
    items bigint[] DEFAULT NULL,
    item_from bigint DEFAULT -9223372036854775808,
    item_to bigint DEFAULT 9223372036854775807,
    recall boolean DEFAULT false
)
RETURNS TABLE (
    item_id bigint,
    allocation_id bigint,
    location_id int,
    source_id int,
    quantity bigint,
    gone bigint,
    fixed bigint,
    held bigint,
    kept_from_fence bigint,
    free_from_fence bigint
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    SELECT l.item_id, l.allocation_id, l.location_id, l.source_id, l.quantity, l.quantity - l.reserved,
           greatest(r.released - l.quantity + l.reserved, 0), least(l.quantity - r.released, l.reserved),
           least(l.from_fence, r.released), greatest(l.from_fence - r.released, 0)
    FROM merch.allocation_line l
    JOIN merch.allocation a USING (allocation_id)
    CROSS JOIN LATERAL (SELECT CASE WHEN recall THEN least(l.released, l.quantity - l.reserved)
                                    ELSE l.released END) r(released)
    WHERE a.promotion_id = ANY (promotions) AND a.state <> 'cancelled' AND l.item_id BETWEEN item_from AND item_to AND (items IS NULL OR l.item_id = ANY (items))
$$;
COMMENT ON FUNCTION merch.open_lines(bigint[], bigint[], bigint, bigint, boolean) IS
'The lines of promotions'' open runs: units that have left the source (gone), that are released and still there (fixed), that are merely held (held), and what of a ring-fence is kept or could go back. recall: what is released and still there counts as held.';

CREATE FUNCTION merch.source_supply(
    promotions bigint[],
    items bigint[],
    item_from bigint,
    item_to bigint,
    sources int[],
    days date[],
    recall boolean DEFAULT false
)
RETURNS TABLE (item_id bigint, source_id int, ships_on date, on_hand bigint, units bigint)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH held AS (
        -- what these runs hold is theirs to split anew; what of it came
        -- from a ring-fence goes back there
        SELECT l.item_id, l.source_id, sum(l.held - l.free_from_fence)::bigint AS units
        FROM merch.open_lines(promotions, items, item_from, item_to, recall) l
        GROUP BY l.item_id, l.source_id
    )
    SELECT s.item_id, s.location_id, d.ships_on, s.on_hand,
           s.on_hand - s.reserved - s.fenced + coalesce(h.units, 0)
           + CASE WHEN s.incoming > 0
                  THEN (SELECT coalesce(sum(b.open_units), 0)::bigint
                        FROM merch.inbound b
                        WHERE b.item_id = s.item_id AND b.location_id = s.location_id
                          AND b.open_units > 0 AND b.expected_on <= d.ships_on)
                  ELSE 0 END
    FROM unnest(sources, days) d (source_id, ships_on)
    JOIN merch.stock s ON s.location_id = d.source_id
    LEFT JOIN held h ON h.item_id = s.item_id AND h.source_id = s.location_id
    WHERE s.item_id BETWEEN item_from AND item_to AND (items IS NULL OR s.item_id = ANY (items));
END
$$;
COMMENT ON FUNCTION merch.source_supply(bigint[], bigint[], bigint, bigint, int[], date[], boolean) IS
'What sources have for promotions by days of departure: on hand and what comes in by then, less what is reserved for others or ring-fenced. Before holdback; negative where more is promised than will be there by then. recall: as in merch.open_lines().';

-- Thousandths are whole numbers: their sum does not depend on the order of the days.
CREATE FUNCTION merch.forecast_demand(
    items bigint[],
    item_from bigint,
    item_to bigint,
    from_days date[],
    to_days date[]
)
RETURNS TABLE (item_id bigint, location_id int, from_day date, to_day date, mean float8, dispersion float8)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = on
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT f.item_id, f.location_id, s.from_day, s.to_day, sum(round(f.mean * 1000)) / 1000,
           coalesce(sum(round(f.mean * f.dispersion * 1000)) / nullif(sum(round(f.mean * 1000)), 0), 1)
    FROM unnest(from_days, to_days) s (from_day, to_day)
    JOIN merch.forecast f ON f.day >= s.from_day AND f.day < s.to_day
    WHERE f.item_id BETWEEN item_from AND item_to AND (items IS NULL OR f.item_id = ANY (items))
    GROUP BY f.item_id, f.location_id, s.from_day, s.to_day;
END
$$;
COMMENT ON FUNCTION merch.forecast_demand(bigint[], bigint, bigint, date[], date[]) IS
'What is forecast of items, by location, over spans of days (from the first array''s up to, without, the second''s): mean, and dispersion (variance over mean).';

CREATE FUNCTION merch.unit_margin(price numeric, cost numeric, reward text, value numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN merch.offer_price(price, reward, value) > cost THEN merch.offer_price(price, reward, value) - cost
            WHEN merch.offer_price(price, reward, value) <= cost THEN 0 END;
COMMENT ON FUNCTION merch.unit_margin(numeric, numeric, text, numeric) IS
'What the sale of a unit earns under an offer: its price less cost, at least 0; null if either is unknown.';

CREATE FUNCTION merch.free_supply(units bigint, on_hand bigint, holdback numeric, holdback_units bigint)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN units - ceil(greatest(on_hand, 0) * holdback)::bigint - holdback_units;
COMMENT ON FUNCTION merch.free_supply(bigint, bigint, numeric, bigint) IS
'What a source has to split of units that are not promised, less what its policy holds back.';

CREATE FUNCTION merch.run_settings(promotions bigint[], override jsonb DEFAULT NULL)
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
    minimum_need bigint,
    maximum_need bigint,
    threshold bigint,
    pack_level int,
    change_threshold bigint,
    maximum_days float8,
    from_day date,
    to_day date,
    all_days int
)
LANGUAGE sql STABLE ROWS 100
AS $$
    SELECT m.promotion_id, m.item_group_id, m.location_group_id, m.method, m.distribution, m.holdback, m.holdback_units,
           m.surplus, m.demand_source, m.history_days, m.fixed_quantity, m.minimum_need, m.maximum_need, m.threshold,
           array_position(ARRAY['each', 'inner', 'case', 'pallet'], m.pack_level), m.change_threshold,
           coalesce(m.maximum_weeks * 7, 'infinity')::float8,
           greatest(p.starts_on, current_date), greatest(p.ends_on + m.cover_days, current_date),
           p.ends_on + m.cover_days - p.starts_on
    FROM merch.policy_map(promotions, override) m
    JOIN merch.promotion p USING (promotion_id)
$$;
COMMENT ON FUNCTION merch.run_settings(bigint[], jsonb) IS
'The settings of merch.policy_map() as runs go by them: with the days that need is for (from the first up to, without, the second), how many these would be from the promotion''s first, and the pack level as a number (1 each to 4 pallet).';

CREATE FUNCTION merch.run_lanes(promotions bigint[], override jsonb DEFAULT NULL)
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
    tier int,
    allocation_id bigint,
    run bigint
)
LANGUAGE sql STABLE ROWS 1000
AS $$
    SELECT o.*, a.allocation_id, dense_rank() OVER (ORDER BY p.starts_on, p.promotion_id)
    FROM merch.open_lanes(promotions, override) o
    JOIN merch.promotion p USING (promotion_id)
    LEFT JOIN merch.allocation a ON a.promotion_id = p.promotion_id AND a.state <> 'cancelled'
$$;
COMMENT ON FUNCTION merch.run_lanes(bigint[], jsonb) IS
'The lanes of merch.open_lanes() with the open runs of the promotions, and the order in which these share an item''s supply: that in which they start.';

CREATE FUNCTION merch.promoted_items(promotions bigint[], items bigint[], item_from bigint, item_to bigint)
RETURNS TABLE (
    promotion_id bigint,
    item_id bigint,
    item_group_id int,
    packs bigint[],
    dock_use bigint,
    labour_use bigint,
    value float8
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    SELECT pi.promotion_id, i.item_id, coalesce(i.item_group_id, 0),
           ARRAY[1, i.inner_pack, i.case_pack, i.pallet_pack],
           (i.dock_minutes * 10000)::bigint, (i.labour_minutes * 10000)::bigint,
           coalesce(merch.unit_margin(i.price, i.cost, o.reward, o.value), 1)::float8
    FROM merch.promotion_item pi
    JOIN merch.item i USING (item_id)
    LEFT JOIN merch.offer o ON o.offer_id = pi.offer_id
    WHERE pi.promotion_id = ANY (promotions) AND pi.item_id BETWEEN item_from AND item_to AND (items IS NULL OR pi.item_id = ANY (items))
$$;
COMMENT ON FUNCTION merch.promoted_items(bigint[], bigint[], bigint, bigint) IS
'The items of promotions, with their packs (each, inner, case, pallet), what a unit takes of dock and labour (in ten-thousandths of a minute), and what the sale of a unit earns; 1 where that is unknown.';

-- In PL/pgSQL, and said to return many rows: the planner can't tell from the small tables
-- behind it how many there are, and would otherwise expect one, and loop over everything else.
CREATE FUNCTION merch.plan_targets(
    promotions bigint[],
    items bigint[],
    item_from bigint,
    item_to bigint,
    override jsonb,
    coupled boolean
)
RETURNS TABLE (
    promotion_id bigint,
    allocation_id bigint,
    run bigint,
    item_id bigint,
    location_id int,
    preference int,
    source_id int,
    ships_on date,
    due_on date,
    unit_cost float8,
    channel_id int,
    tier int,
    value float8,
    pack bigint,
    method text,
    distribution text,
    push boolean,
    holdback numeric,
    holdback_units bigint,
    demand_source text,
    history_days int,
    fixed_quantity bigint,
    minimum_need bigint,
    maximum_need bigint,
    threshold bigint,
    change_threshold bigint,
    maximum_days float8,
    from_day date,
    to_day date,
    all_days int,
    lane int,
    lane_left bigint,
    dock int,
    dock_left bigint,
    dock_use bigint,
    labour int,
    labour_left bigint,
    labour_use bigint
)
LANGUAGE plpgsql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH setting AS MATERIALIZED (
        SELECT * FROM merch.run_settings(promotions, override)
    ), lane AS MATERIALIZED (
        SELECT n.*, c.lane, c.lane_left, c.dock, c.dock_left, c.labour, c.labour_left
        FROM merch.run_lanes(promotions, override) n
        LEFT JOIN merch.open_capacity(promotions, items, override, item_from, item_to, coupled) c
            USING (promotion_id, location_id, preference)
    ), promoted AS MATERIALIZED (
        SELECT * FROM merch.promoted_items(promotions, items, item_from, item_to)
    )
    SELECT n.promotion_id, n.allocation_id, n.run, i.item_id, n.location_id, n.preference, n.source_id, n.ships_on,
           n.due_on, n.unit_cost, n.channel_id, n.tier,
           i.value,
           i.packs[m.pack_level],
           m.method, m.distribution, m.surplus = 'push', m.holdback, m.holdback_units, m.demand_source, m.history_days,
           m.fixed_quantity, m.minimum_need, m.maximum_need, m.threshold, m.change_threshold, m.maximum_days,
           m.from_day, m.to_day, m.all_days,
           n.lane, n.lane_left, n.dock, n.dock_left, i.dock_use,
           n.labour, n.labour_left, i.labour_use
    FROM promoted i
    JOIN lane n ON n.promotion_id = i.promotion_id
    JOIN setting m ON m.promotion_id = i.promotion_id AND m.item_group_id = i.item_group_id
                   AND m.location_group_id = n.location_group_id;
END
$$;
COMMENT ON FUNCTION merch.plan_targets(bigint[], bigint[], bigint, bigint, jsonb, boolean) IS
'Every item of promotions with every lane that reaches one of their locations in time, and the settings that hold for them. A location that no lane reaches has one row without a source.';

-- Several promotions share the supply of an item in the order in which they start.
CREATE FUNCTION merch.plan_lines(
    promotions bigint[],
    items bigint[] DEFAULT NULL,
    override jsonb DEFAULT NULL,
    infinite_supply boolean DEFAULT false,
    item_from bigint DEFAULT -9223372036854775808,
    item_to bigint DEFAULT 9223372036854775807,
    coupled boolean DEFAULT NULL,
    recall boolean DEFAULT false
)
RETURNS TABLE (
    promotion_id bigint,
    allocation_id bigint,
    item_id bigint,
    location_id int,
    source_id int,
    ships_on date,
    gross_need bigint,
    safety_stock bigint,
    presentation_minimum bigint,
    on_hand bigint,
    incoming bigint,
    promised bigint,
    capacity bigint,
    pack bigint,
    need bigint,
    quantity bigint,
    from_fence bigint,
    gone bigint,
    reason text,
    mean float8,
    dispersion float8,
    distribution text,
    value float8,
    unit_cost float8,
    days int,
    score float8,
    cover float8,
    plan_value numeric,
    bound_value numeric
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    WITH target AS MATERIALIZED (
        SELECT *
        FROM merch.plan_targets(promotions, items, item_from, item_to, override,
                                coalesce(coupled, merch.is_coupled(promotions, override)))
    ), own AS MATERIALIZED (
        SELECT * FROM merch.open_lines(promotions, items, item_from, item_to, recall)
    ), pending AS (
        -- released over lanes that have closed since: as good as on its way
        SELECT o.item_id, o.allocation_id, o.location_id, sum(o.fixed)::bigint AS units
        FROM own o
        WHERE o.fixed > 0
          AND NOT EXISTS (SELECT
                          FROM target t
                          WHERE t.allocation_id = o.allocation_id AND t.location_id = o.location_id
                            AND coalesce(t.source_id, t.location_id) = o.source_id)
        GROUP BY o.item_id, o.allocation_id, o.location_id
    ), accepted AS (
        -- so is what a rebalance brings
        SELECT l.item_id, t.location_id, t.arrives_on, l.held
        FROM merch.transfer_line l
        JOIN merch.transfer t USING (transfer_id)
        WHERE l.held > 0 AND l.item_id BETWEEN item_from AND item_to AND (items IS NULL OR l.item_id = ANY (items))
    ), span AS (
        SELECT DISTINCT from_day, to_day FROM target WHERE demand_source = 'forecast'
    ), past AS (
        SELECT t.promotion_id, t.item_id, t.location_id, t.to_day - t.from_day AS days,
               (sum(s.units) / t.history_days)::float8 AS daily,
               (sum(s.units * s.units) / t.history_days)::float8 AS square
        FROM target t
        JOIN merch.sale s ON s.item_id = t.item_id AND s.location_id = t.location_id
                          AND s.day >= current_date - t.history_days AND s.day < current_date
        WHERE t.demand_source = 'history' AND t.preference = 1 AND s.item_id BETWEEN item_from AND item_to AND (items IS NULL OR s.item_id = ANY (items))
        GROUP BY t.promotion_id, t.item_id, t.location_id, t.to_day - t.from_day, t.history_days
    ), other_demand AS (
        SELECT promotion_id, item_id, location_id, greatest(daily, 0) * days AS mean,
               CASE WHEN daily > 0 AND square > daily * daily THEN (square - daily * daily) / daily ELSE 1 END AS dispersion
        FROM past
        UNION ALL
        SELECT t.promotion_id, d.item_id, d.location_id, d.units * (t.to_day - t.from_day)::float8 / t.all_days, 1
        FROM target t
        JOIN merch.demand_plan d USING (promotion_id, item_id, location_id)
        WHERE t.demand_source = 'plan' AND t.preference = 1 AND d.item_id BETWEEN item_from AND item_to AND (items IS NULL OR d.item_id = ANY (items))
        UNION ALL
        SELECT promotion_id, item_id, location_id, fixed_quantity, 1
        FROM target
        WHERE demand_source = 'fixed' AND preference = 1
    ), departure AS (
        SELECT DISTINCT source_id, ships_on FROM target WHERE source_id IS NOT NULL
    ), shelf AS (
        SELECT r.item_id, r.location_id, r.safety_stock, r.presentation_minimum, r.capacity, r.pack,
               coalesce(h.on_hand, 0) AS on_hand, coalesce(h.incoming, 0) AS incoming,
               coalesce(h.reserved + h.fenced, 0) AS promised
        FROM merch.ranging r
        LEFT JOIN merch.stock h ON h.item_id = r.item_id AND h.location_id = r.location_id
                                AND (items IS NULL OR h.item_id = ANY (items))
                                AND h.item_id BETWEEN item_from AND item_to
        WHERE r.item_id BETWEEN item_from AND item_to AND (items IS NULL OR r.item_id = ANY (items))
        OFFSET 0    -- joined first: the two large tables are in the same order
    ), fence AS (
        SELECT f.item_id, f.location_id AS source_id, f.channel_id,
               f.open_units + coalesce((SELECT sum(o.free_from_fence)::bigint
                                        FROM own o
                                        JOIN merch.location l USING (location_id)
                                        WHERE o.item_id = f.item_id AND o.source_id = f.location_id
                                          AND l.channel_id = f.channel_id), 0) AS units
        FROM merch.ring_fence f
        WHERE f.item_id BETWEEN item_from AND item_to AND (items IS NULL OR f.item_id = ANY (items))
    ), term AS (
        SELECT t.promotion_id, t.allocation_id, r.item_id, r.location_id, t.source_id, t.ships_on, t.run, t.preference,
               t.channel_id, t.tier, t.unit_cost,
               t.method, t.push, t.minimum_need, t.maximum_need, t.threshold, t.change_threshold, t.distribution,
               coalesce(d.mean, e.mean) AS known_mean, coalesce(d.dispersion, e.dispersion, 1) AS known_dispersion,
               t.maximum_days,
               r.safety_stock, r.presentation_minimum, r.capacity, coalesce(t.pack, r.pack) AS pack, r.on_hand,
               CASE WHEN r.incoming > 0
                    THEN (SELECT coalesce(sum(b.open_units), 0)::bigint
                          FROM merch.inbound b
                          WHERE b.item_id = r.item_id AND b.location_id = r.location_id
                            AND b.open_units > 0 AND b.expected_on <= t.due_on)
                    ELSE 0 END
               + coalesce(w.units, 0)
               + CASE WHEN EXISTS (SELECT FROM accepted)
                      THEN (SELECT coalesce(sum(c.held), 0)::bigint
                            FROM accepted c
                            WHERE c.item_id = r.item_id AND c.location_id = r.location_id AND c.arrives_on <= t.due_on)
                      ELSE 0 END AS incoming,
               r.promised,
               CASE WHEN infinite_supply THEN 1000000000000
                    ELSE merch.free_supply(s.units, s.on_hand, t.holdback, t.holdback_units) END AS supply,
               coalesce(f.units, 0) AS fence,
               t.to_day - t.from_day AS days,
               t.value,
               -- what has left its source can't be split anew; what is released stays where it is to go
               o.fixed + o.held AS current, coalesce(o.gone, 0) AS gone, coalesce(o.fixed, 0) AS fixed,
               coalesce(o.kept_from_fence, 0) AS kept_from_fence,
               -- a promotion that shares no capacity pays nothing for those that do: if `coupled`
               -- is a constant, the planner sees to that
               CASE WHEN coalesce(coupled, (SELECT merch.is_coupled(promotions, override)))
                    THEN merch.claim_use(r.item_id, coalesce(o.gone, 0), t.lane, t.lane_left, 1, t.dock, t.dock_left,
                                         t.dock_use, t.labour, t.labour_left, t.labour_use) END AS use
        FROM shelf r
        JOIN target t ON t.item_id = r.item_id AND t.location_id = r.location_id
        LEFT JOIN merch.source_supply(promotions, items, item_from, item_to,
                                      ARRAY(SELECT source_id FROM departure ORDER BY source_id, ships_on),
                                      ARRAY(SELECT ships_on FROM departure ORDER BY source_id, ships_on), recall) s
            ON s.item_id = r.item_id AND s.source_id = t.source_id AND s.ships_on = t.ships_on
        LEFT JOIN fence f ON f.item_id = r.item_id AND f.source_id = t.source_id AND f.channel_id = t.channel_id
        LEFT JOIN merch.forecast_demand(items, item_from, item_to,
                                        ARRAY(SELECT from_day FROM span ORDER BY from_day, to_day),
                                        ARRAY(SELECT to_day FROM span ORDER BY from_day, to_day)) d
            ON d.item_id = r.item_id AND d.location_id = r.location_id
            AND d.from_day = t.from_day AND d.to_day = t.to_day AND t.demand_source = 'forecast'
        LEFT JOIN other_demand e ON e.promotion_id = t.promotion_id AND e.item_id = r.item_id AND e.location_id = r.location_id
        LEFT JOIN own o ON o.item_id = r.item_id AND o.allocation_id = t.allocation_id
                        AND o.location_id = r.location_id AND o.source_id = coalesce(t.source_id, r.location_id)
        LEFT JOIN pending w ON w.item_id = r.item_id AND w.allocation_id = t.allocation_id AND w.location_id = r.location_id
        OFFSET 0    -- a term is computed here, and not again wherever it is named
    ), split AS (
        SELECT *,
               coalesce(known_mean, 0) AS mean,
               merch.claim_dispersion(known_dispersion, distribution) AS dispersion,
               merch.split_claims(merch.claim(run, location_id, source_id, channel_id, preference, method, distribution,
                                              push, supply, fence, known_mean, known_dispersion, days,
                                              maximum_days, safety_stock, presentation_minimum, on_hand, incoming,
                                              promised, capacity, minimum_need, maximum_need, threshold, pack, tier,
                                              value, unit_cost, current, fixed, change_threshold), use)
                   OVER (PARTITION BY CASE WHEN coalesce(coupled, (SELECT merch.is_coupled(promotions, override))) THEN 0 ELSE item_id END
                         ORDER BY item_id, run, location_id, preference) AS share
        FROM term
    )
    SELECT promotion_id, allocation_id, item_id, location_id, coalesce(source_id, location_id), ships_on, share[6],
           safety_stock, presentation_minimum, on_hand, incoming, promised, capacity, pack,
           share[3] + gone, share[1] + gone, share[2] + kept_from_fence, gone,
           (ARRAY['no source', 'capacity', 'supply', 'worth', 'shared capacity', 'threshold'])[share[4]],
           mean, dispersion, distribution, value, unit_cost, days,
           value * merch.stockout_probability(mean, dispersion, share[5], distribution),
           share[5] * days / nullif(mean, 0),
           share[7] / 10000.0, share[8] / 10000.0
    FROM split
    WHERE preference = 1 OR share[1] > 0 OR current IS NOT NULL
$$;
COMMENT ON FUNCTION merch.plan_lines(bigint[], bigint[], jsonb, boolean, bigint, bigint, boolean, boolean) IS
'The lines that allocating promotions, for some or all of their items, would give now: need and its terms, source, quantity and why it is short, score and cover. Writes nothing. What the promotions'' open runs hold is split anew, except for units that are released; with recall only for those that have left. Whether items share capacity is found out where it is not said (merch.is_coupled); if they do, they are split together.';

CREATE FUNCTION merch.plan_allocation(
    promotion_id bigint,
    policy jsonb DEFAULT NULL,
    infinite_supply boolean DEFAULT false
)
RETURNS TABLE (
    item_id bigint,
    location_id int,
    source_id int,
    ships_on date,
    gross_need bigint,
    safety_stock bigint,
    presentation_minimum bigint,
    on_hand bigint,
    incoming bigint,
    promised bigint,
    capacity bigint,
    pack bigint,
    need bigint,
    quantity bigint,
    reason text,
    score float8,
    cover float8
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    SELECT item_id, location_id, source_id, ships_on, gross_need, safety_stock, presentation_minimum, on_hand, incoming,
           promised, capacity, pack, need, quantity, reason, score, cover
    FROM merch.plan_lines(ARRAY[plan_allocation.promotion_id], NULL, merch.check_policy(policy), infinite_supply)
$$;
COMMENT ON FUNCTION merch.plan_allocation(bigint, jsonb, boolean) IS
'What merch.allocate_promotion() would do for a promotion now, with the settings given here before those of its policies; with infinite supply, what would have to be bought. One row for each item, location and source. Writes nothing.';
