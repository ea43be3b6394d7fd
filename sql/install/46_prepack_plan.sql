-- prepack plan: the packs of a promotion's styles split among its locations

CREATE FUNCTION merch.check_prepacks(promotion_id bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := check_prepacks.promotion_id;
    empty record;
BEGIN
    IF NOT EXISTS (SELECT FROM merch.promotion p WHERE p.promotion_id = id) THEN
        RAISE no_data_found USING
            MESSAGE = format('promotion %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The promotions are the rows of merch.promotion.';
    END IF;
    SELECT p.prepack_id, p.name INTO empty
    FROM merch.prepack p
    WHERE p.style_id IN (SELECT i.style_id FROM merch.promotion_item pi JOIN merch.style_item i USING (item_id)
                         WHERE pi.promotion_id = id)
      AND EXISTS (SELECT FROM merch.prepack_stock k WHERE k.prepack_id = p.prepack_id AND k.packs > 0)
      AND NOT EXISTS (SELECT FROM merch.prepack_content c WHERE c.prepack_id = p.prepack_id)
    ORDER BY p.prepack_id
    LIMIT 1;
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('pre-pack %s is in stock, but nothing is known to be in it', empty.prepack_id),
            DETAIL = format('It is called "%s".', empty.name),
            HINT = 'Add what it holds to merch.prepack_content.';
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_prepacks(bigint) IS
'Raises an error that says why, if the pre-packs of a promotion cannot be planned.';

CREATE FUNCTION merch.size_share_map(styles bigint[], location_groups int[])
RETURNS TABLE (style_id bigint, location_group_id int, size text, share numeric)
LANGUAGE sql STABLE ROWS 1000
AS $$
    WITH item_reach AS (
        SELECT s.style_id, p.ancestor_id, p.distance
        FROM merch.style s
        JOIN merch.item_group_path() p USING (item_group_id)
        WHERE s.style_id = ANY (styles)
    ), ranked AS (
        SELECT s.style_id, g.location_group_id, f.size, f.share,
               rank() OVER (PARTITION BY s.style_id, g.location_group_id
                            ORDER BY f.style_id IS NULL, i.distance NULLS LAST, l.distance NULLS LAST) AS place
        FROM (SELECT DISTINCT unnest(styles)) s(style_id)
        CROSS JOIN (SELECT DISTINCT unnest(location_groups)) g(location_group_id)
        JOIN merch.size_profile f ON f.style_id IS NULL OR f.style_id = s.style_id
        LEFT JOIN item_reach i ON i.style_id = s.style_id AND i.ancestor_id = f.item_group_id
        LEFT JOIN merch.location_group_path() l
            ON l.location_group_id = g.location_group_id AND l.ancestor_id = f.location_group_id
        WHERE (f.item_group_id IS NULL OR i.distance IS NOT NULL)
          AND (f.location_group_id IS NULL OR l.distance IS NOT NULL)
    )
    SELECT style_id, location_group_id, size, share FROM ranked WHERE place = 1
$$;
COMMENT ON FUNCTION merch.size_share_map(bigint[], int[]) IS
'The size profile that holds for each style at the locations of each group (0 for none): the most specific one.';

-- Arrays in the order of items, locations and pre-packs, which is how the kernel counts.
CREATE FUNCTION merch.solve_styles(promotion_id bigint, overstock float8)
RETURNS TABLE (
    style_id bigint,
    source_id int,
    locations int[],
    ships_on date[],
    prepacks bigint[],
    supply bigint[],
    units bigint[],
    quantity bigint[],
    expected_value float8,
    bound float8,
    gap float8
)
LANGUAGE sql STABLE ROWS 100
AS $$
    WITH style AS MATERIALIZED (
        SELECT DISTINCT i.style_id
        FROM merch.promotion_item p
        JOIN merch.style_item i USING (item_id)
        WHERE p.promotion_id = solve_styles.promotion_id
    ), pack AS MATERIALIZED (
        SELECT p.style_id, k.location_id AS source_id, k.prepack_id, k.packs
        FROM merch.prepack_stock k
        JOIN merch.prepack p USING (prepack_id)
        WHERE k.packs > 0 AND p.style_id IN (SELECT style_id FROM style)
    ), size AS MATERIALIZED (
        -- what is sold, and what comes with it
        SELECT i.style_id, i.item_id, i.size
        FROM merch.style_item i
        WHERE i.style_id IN (SELECT style_id FROM pack)
          AND (EXISTS (SELECT FROM merch.promotion_item p
                       WHERE p.promotion_id = solve_styles.promotion_id AND p.item_id = i.item_id)
               OR EXISTS (SELECT FROM merch.prepack_content c JOIN pack USING (prepack_id) WHERE c.item_id = i.item_id))
    ), route AS MATERIALIZED (
        -- the cheapest lane from where there are packs
        SELECT DISTINCT ON (k.style_id, n.location_id)
               k.style_id, n.location_id, n.source_id, n.ships_on, n.location_group_id
        FROM merch.open_lanes(ARRAY[solve_styles.promotion_id]) n
        JOIN (SELECT DISTINCT style_id, source_id FROM pack) k USING (source_id)
        ORDER BY k.style_id, n.location_id, n.preference
    ), held AS (
        SELECT l.item_id, l.location_id, sum(l.reserved)::bigint AS units
        FROM merch.allocation a
        JOIN merch.allocation_line l USING (allocation_id)
        WHERE a.promotion_id = solve_styles.promotion_id AND a.state <> 'cancelled'
          AND l.item_id = ANY (ARRAY(SELECT item_id FROM size))
        GROUP BY l.item_id, l.location_id
    ), cell AS MATERIALIZED (
        -- a location of several sources has a line for each, all with the same demand
        SELECT DISTINCT ON (p.item_id, p.location_id)
               p.item_id, p.location_id, p.mean, CASE p.distribution WHEN 'poisson' THEN 1 ELSE p.dispersion END AS dispersion,
               p.value, p.capacity, p.on_hand + p.incoming - p.promised + coalesce(h.units, 0) AS on_position
        FROM merch.plan_lines(ARRAY[solve_styles.promotion_id], ARRAY(SELECT item_id FROM size)) p
        LEFT JOIN held h USING (item_id, location_id)
        ORDER BY p.item_id, p.location_id
    ), shared AS MATERIALIZED (
        SELECT * FROM merch.size_share_map(ARRAY(SELECT DISTINCT style_id FROM route ORDER BY 1),
                                           ARRAY(SELECT DISTINCT location_group_id FROM route ORDER BY 1))
    ), shop AS (
        -- a size that the location does not carry sells nothing there
        SELECT r.style_id, r.source_id, r.location_id, r.ships_on,
               CASE WHEN sum(f.share) FILTER (WHERE c.item_id IS NOT NULL) > 0
                    THEN merch.size_shares(sum(c.mean ORDER BY s.item_id),
                                           array_agg(CASE WHEN c.item_id IS NULL THEN 0 ELSE coalesce(f.share, 0) END::float8
                                                     ORDER BY s.item_id))
                    ELSE array_agg(coalesce(c.mean, 0) ORDER BY s.item_id) END AS mean,
               array_agg(coalesce(c.on_position, 0) ORDER BY s.item_id) AS on_position,
               CASE WHEN bool_and(c.capacity IS NOT NULL) FILTER (WHERE c.item_id IS NOT NULL)
                    THEN sum(greatest(c.capacity - c.on_position, 0))::bigint END AS maximum,
               sum(c.mean * c.dispersion ORDER BY s.item_id) AS variance,
               sum(c.mean ORDER BY s.item_id) AS total
        FROM route r
        JOIN size s USING (style_id)
        LEFT JOIN cell c USING (item_id, location_id)
        LEFT JOIN shared f USING (style_id, location_group_id, size)
        GROUP BY r.style_id, r.source_id, r.location_id, r.ships_on
        HAVING count(c.item_id) > 0
    ), shops AS (
        SELECT style_id, source_id, array_agg(location_id ORDER BY location_id) AS locations,
               array_agg(ships_on ORDER BY location_id) AS ships_on, array_agg(mean ORDER BY location_id) AS mean,
               array_agg(on_position ORDER BY location_id) AS on_position,
               array_agg(maximum ORDER BY location_id) AS maximum,
               coalesce(sum(variance ORDER BY location_id) / nullif(sum(total ORDER BY location_id), 0), 1) AS dispersion
        FROM shop
        GROUP BY style_id, source_id
    ), packs AS (
        SELECT k.style_id, k.source_id, array_agg(k.prepack_id ORDER BY k.prepack_id) AS prepacks,
               array_agg(k.packs ORDER BY k.prepack_id) AS supply, array_agg(d.units ORDER BY k.prepack_id) AS units,
               array_agg(d.content ORDER BY k.prepack_id) AS content
        FROM pack k
        CROSS JOIN LATERAL (
            SELECT sum(c.units)::bigint AS units, array_agg(coalesce(c.units, 0) ORDER BY s.item_id) AS content
            FROM size s
            LEFT JOIN merch.prepack_content c ON c.item_id = s.item_id AND c.prepack_id = k.prepack_id
            WHERE s.style_id = k.style_id) d
        GROUP BY k.style_id, k.source_id
    ), worth AS (
        SELECT s.style_id, array_agg(coalesce(c.value, 0) ORDER BY s.item_id) AS value
        FROM size s
        LEFT JOIN (SELECT item_id, max(value) AS value FROM cell GROUP BY item_id) c USING (item_id)
        GROUP BY s.style_id
    )
    SELECT n.style_id, n.source_id, n.locations, n.ships_on, k.prepacks, k.supply, k.units,
           d.quantity, d.expected_value, d.bound, d.gap
    FROM shops n
    JOIN packs k USING (style_id, source_id)
    JOIN worth w USING (style_id)
    CROSS JOIN LATERAL merch.solve_prepacks(k.supply, k.content, n.mean, n.dispersion, w.value, n.on_position, n.maximum,
                                            solve_styles.overstock) d
$$;
COMMENT ON FUNCTION merch.solve_styles(bigint, float8) IS
'The split of the pre-packs of a promotion''s styles, one row a style and source, as merch.solve_prepacks() gives it. Read it through merch.plan_prepacks() and merch.prepack_gaps().';

-- The settings are those of merch.insert_lines(), for the same reasons.
CREATE FUNCTION merch.plan_prepacks(promotion_id bigint, overstock float8 DEFAULT 0)
RETURNS TABLE (
    style_id bigint,
    source_id int,
    location_id int,
    prepack_id bigint,
    ships_on date,
    packs bigint,
    units bigint
)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET enable_mergejoin = off
SET work_mem = '64MB'
SET jit = off
AS $$
BEGIN
    PERFORM merch.check_prepacks(plan_prepacks.promotion_id);
    RETURN QUERY
    SELECT s.style_id, s.source_id, s.locations[d.location], s.prepacks[d.prepack], s.ships_on[d.location], d.packs,
           d.packs * s.units[d.prepack]
    FROM merch.solve_styles(plan_prepacks.promotion_id, plan_prepacks.overstock) s
    CROSS JOIN LATERAL (
        SELECT (q.n - 1) / cardinality(s.prepacks) + 1, (q.n - 1) % cardinality(s.prepacks) + 1, q.packs
        FROM unnest(s.quantity) WITH ORDINALITY q(packs, n)
        WHERE q.packs > 0) d(location, prepack, packs)
    ORDER BY 1, 2, 3, 4;
END
$$;
COMMENT ON FUNCTION merch.plan_prepacks(bigint, float8) IS
'Which packs of a promotion''s styles each location should get now, so that they are expected to sell best: style, source, location, pre-pack, the last day to leave, packs and their units. overstock is what a unit that stays unsold costs. Writes nothing.';

CREATE FUNCTION merch.prepack_gaps(promotion_id bigint, overstock float8 DEFAULT 0)
RETURNS TABLE (
    style_id bigint,
    source_id int,
    locations int,
    supply numeric,
    packs numeric,
    expected_value float8,
    bound float8,
    gap float8
)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET enable_mergejoin = off
SET work_mem = '64MB'
SET jit = off
AS $$
BEGIN
    PERFORM merch.check_prepacks(prepack_gaps.promotion_id);
    RETURN QUERY
    SELECT s.style_id, s.source_id, cardinality(s.locations), (SELECT sum(n) FROM unnest(s.supply) n),
           (SELECT sum(n) FROM unnest(s.quantity) n), s.expected_value, s.bound, s.gap
    FROM merch.solve_styles(prepack_gaps.promotion_id, prepack_gaps.overstock) s
    ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION merch.prepack_gaps(bigint, float8) IS
'How good merch.plan_prepacks() is, by style and source: locations, packs in stock, packs that it sends, what their units are expected to bring, what no plan can exceed, and the gap between the two as a share.';
