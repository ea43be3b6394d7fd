-- readiness checks: what is built in
--
-- Sums are of whole numbers, so that they do not depend on the order in which rows are
-- read: evaluating some promotions gives the same figures as evaluating all.

CREATE FUNCTION merch.promotion_stakes(promotions bigint[])
RETURNS TABLE (promotion_id bigint, money numeric)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    allocated CONSTANT bigint[] := ARRAY(SELECT a.promotion_id FROM merch.allocation a
                                         WHERE a.promotion_id = ANY (promotions) AND a.state IN ('active', 'released') ORDER BY 1);
BEGIN
    IF promotions = '{}' OR promotions IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT m.promotion_id, sum(m.money)::numeric / 1000
    FROM (SELECT a.promotion_id, max(round(l.mean * l.value * 1000))::bigint AS money
          FROM merch.allocation a
          JOIN merch.promotion_item i USING (promotion_id)
          JOIN merch.allocation_line l USING (item_id, allocation_id)
          WHERE a.promotion_id = ANY (allocated) AND a.state <> 'cancelled'
          GROUP BY a.promotion_id, l.item_id, l.location_id) m
    GROUP BY m.promotion_id
    UNION ALL
    SELECT p.promotion_id, sum(round(f.mean * coalesce(merch.unit_margin(i.price, i.cost, o.reward, o.value), 1)::float8 * 1000)::bigint) / 1000
    FROM merch.promotion p
    JOIN merch.promotion_item pi USING (promotion_id)
    JOIN merch.item i USING (item_id)
    LEFT JOIN merch.offer o ON o.offer_id = pi.offer_id
    JOIN merch.promotion_location pl ON pl.promotion_id = p.promotion_id
    JOIN merch.forecast f ON f.item_id = pi.item_id AND f.location_id = pl.location_id AND f.day >= p.starts_on AND f.day < p.ends_on
    WHERE p.promotion_id = ANY (promotions) AND p.promotion_id <> ALL (allocated)
    GROUP BY p.promotion_id;
END
$$;
COMMENT ON FUNCTION merch.promotion_stakes(bigint[]) IS
'The margin that is expected of promotions: by the lines of their allocations, or before these by forecast and offer. A unit counts 1 where price or cost is unknown. No row where nothing is forecast.';

CREATE FUNCTION merch.counted(n bigint, what text, example text DEFAULT NULL)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN n > 0 THEN what || ': ' || n || coalesce(', such as ' || example, '') END;
COMMENT ON FUNCTION merch.counted(bigint, text, text) IS
'"what: n, such as example"; null for none. For the details of readiness checks.';

CREATE FUNCTION merch.check_items(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH pair AS (
        SELECT pi.promotion_id, count(*) AS pairs,
               count(*) FILTER (WHERE i.active AND r.item_id IS NOT NULL) AS good,
               count(DISTINCT i.item_id) FILTER (WHERE NOT i.active) AS inactive,
               min(i.item_id) FILTER (WHERE NOT i.active) AS inactive_item,
               count(*) FILTER (WHERE r.item_id IS NULL) AS unranged,
               min(ARRAY[i.item_id, pl.location_id]) FILTER (WHERE r.item_id IS NULL) AS first_pair
        FROM merch.promotion_item pi
        JOIN merch.item i USING (item_id)
        JOIN merch.promotion_location pl USING (promotion_id)
        LEFT JOIN merch.ranging r ON r.item_id = pi.item_id AND r.location_id = pl.location_id
        WHERE pi.promotion_id = ANY (promotions)
        GROUP BY pi.promotion_id
    )
    SELECT p, coalesce(b.good = b.pairs, false), coalesce(b.good::numeric / b.pairs, 0), NULL::numeric,
           CASE WHEN b.promotion_id IS NULL THEN 'it has no items or no locations'
                ELSE concat_ws('; ', merch.counted(b.inactive, 'items are not active', 'item ' || b.inactive_item),
                               merch.counted(b.unranged, 'items not ranged at a location',
                                             format('item %s at location %s', b.first_pair[1], b.first_pair[2]))) END
    FROM unnest(promotions) p
    LEFT JOIN pair b ON b.promotion_id = p;
END
$$;
COMMENT ON FUNCTION merch.check_items(bigint[]) IS
'Readiness check: the items are active, and ranged at the promotion''s locations. Figure: the share of items times locations for which that holds.';

CREATE FUNCTION merch.groups_in_circles()
RETURNS TABLE (kind text, group_id int)
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE node AS MATERIALIZED (
        SELECT 'item' AS kind, item_group_id AS id, parent_id FROM merch.item_group
        UNION ALL
        SELECT 'location', location_group_id, parent_id FROM merch.location_group
    ), rooted AS (
        SELECT n.kind, n.id FROM node n WHERE n.parent_id IS NULL
        UNION ALL
        SELECT n.kind, n.id FROM rooted r JOIN node n ON n.kind = r.kind AND n.parent_id = r.id
    )
    SELECT n.kind, n.id FROM node n
    EXCEPT
    SELECT r.kind, r.id FROM rooted r
$$;
COMMENT ON FUNCTION merch.groups_in_circles() IS
'The item and location groups above which there is no top: they are in a circle, or below one.';

CREATE FUNCTION merch.check_hierarchy(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH circle AS MATERIALIZED (
        SELECT g.kind, g.group_id FROM merch.groups_in_circles() g
    ), used AS (
        SELECT EXISTS (SELECT FROM merch.item_group) AS items, EXISTS (SELECT FROM merch.location_group) AS locations
    ), item AS (
        SELECT pi.promotion_id, count(*) AS members,
               count(*) FILTER (WHERE u.items AND i.item_group_id IS NULL) AS alone,
               min(i.item_id) FILTER (WHERE u.items AND i.item_group_id IS NULL) AS first,
               count(c.group_id) AS astray, min(c.group_id) AS astray_group
        FROM merch.promotion_item pi
        JOIN merch.item i USING (item_id)
        CROSS JOIN used u
        LEFT JOIN circle c ON c.kind = 'item' AND c.group_id = i.item_group_id
        WHERE pi.promotion_id = ANY (promotions)
        GROUP BY pi.promotion_id
    ), place AS (
        SELECT pl.promotion_id, count(*) AS members,
               count(*) FILTER (WHERE u.locations AND l.location_group_id IS NULL) AS alone,
               min(l.location_id) FILTER (WHERE u.locations AND l.location_group_id IS NULL) AS first,
               count(c.group_id) AS astray, min(c.group_id) AS astray_group
        FROM merch.promotion_location pl
        JOIN merch.location l USING (location_id)
        CROSS JOIN used u
        LEFT JOIN circle c ON c.kind = 'location' AND c.group_id = l.location_group_id
        WHERE pl.promotion_id = ANY (promotions)
        GROUP BY pl.promotion_id
    )
    SELECT p, coalesce(i.alone, 0) + coalesce(i.astray, 0) + coalesce(l.alone, 0) + coalesce(l.astray, 0) = 0,
           1 - coalesce((coalesce(i.alone, 0) + coalesce(i.astray, 0) + coalesce(l.alone, 0) + coalesce(l.astray, 0))::numeric
                        / nullif(coalesce(i.members, 0) + coalesce(l.members, 0), 0), 0),
           0::numeric,
           concat_ws('; ', merch.counted(i.alone, 'items are in no group', 'item ' || i.first),
                     merch.counted(i.astray, 'items are in groups that are above themselves', 'group ' || i.astray_group),
                     merch.counted(l.alone, 'locations are in no group', 'location ' || l.first),
                     merch.counted(l.astray, 'locations are in groups that are above themselves', 'group ' || l.astray_group))
    FROM unnest(promotions) p
    LEFT JOIN item i ON i.promotion_id = p
    LEFT JOIN place l ON l.promotion_id = p;
END
$$;
COMMENT ON FUNCTION merch.check_hierarchy(bigint[]) IS
'Readiness check: every item and location is in a group, where there are groups, and no group is above itself. Figure: the share of items and locations for which that holds.';

CREATE FUNCTION merch.check_offers(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH item AS (
        SELECT pi.promotion_id, count(*) AS items,
               count(*) FILTER (WHERE o.offer_id IS NULL) AS without,
               min(i.item_id) FILTER (WHERE o.offer_id IS NULL) AS without_item,
               count(*) FILTER (WHERE o.reward <> 'feature' AND i.price IS NULL) AS unknown,
               min(i.item_id) FILTER (WHERE o.reward <> 'feature' AND i.price IS NULL) AS unknown_item,
               count(*) FILTER (WHERE o.reward <> 'feature' AND merch.offer_price(i.price, o.reward, o.value) >= i.price) AS dear,
               min(i.item_id) FILTER (WHERE o.reward <> 'feature' AND merch.offer_price(i.price, o.reward, o.value) >= i.price) AS dear_item
        FROM merch.promotion_item pi
        JOIN merch.item i USING (item_id)
        LEFT JOIN merch.offer o USING (promotion_id, offer_id)
        WHERE pi.promotion_id = ANY (promotions)
        GROUP BY pi.promotion_id
    )
    SELECT b.promotion_id, b.without + b.unknown + b.dear = 0, 1 - (b.without + b.unknown + b.dear)::numeric / b.items, NULL::numeric,
           concat_ws('; ', merch.counted(b.without, 'items have no offer', 'item ' || b.without_item),
                     merch.counted(b.unknown, 'items have no regular price', 'item ' || b.unknown_item),
                     merch.counted(b.dear, 'items are not below their regular price', 'item ' || b.dear_item))
    FROM item b;
END
$$;
COMMENT ON FUNCTION merch.check_offers(bigint[]) IS
'Readiness check: every item has an offer, and those with a price are below the regular one. Figure: the share of items for which that holds.';

CREATE FUNCTION merch.check_margin(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH item AS (
        SELECT pi.promotion_id, count(*) AS items,
               count(*) FILTER (WHERE merch.offer_price(i.price, o.reward, o.value) < i.cost) AS below,
               min(i.item_id) FILTER (WHERE merch.offer_price(i.price, o.reward, o.value) < i.cost) AS first
        FROM merch.promotion_item pi
        JOIN merch.item i USING (item_id)
        JOIN merch.offer o USING (promotion_id, offer_id)
        WHERE pi.promotion_id = ANY (promotions)
        GROUP BY pi.promotion_id
    )
    SELECT b.promotion_id, b.below = 0, 1 - b.below::numeric / b.items, NULL::numeric,
           merch.counted(b.below, 'items are sold below cost', 'item ' || b.first)
    FROM item b;
END
$$;
COMMENT ON FUNCTION merch.check_margin(bigint[]) IS
'Readiness check: no item is sold below its cost. An approved override is the leave to do so. Figure: the share of items for which that holds.';

CREATE FUNCTION merch.rival_promotions(promotions bigint[])
RETURNS TABLE (promotion_id bigint, rival_id bigint, items bigint, item_id bigint)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH pair AS MATERIALIZED (
        SELECT p.promotion_id, r.promotion_id AS rival_id, count(*) AS items, min(a.item_id) AS item_id
        FROM merch.promotion p
        JOIN merch.promotion_item a USING (promotion_id)
        JOIN merch.promotion_item b USING (item_id)
        JOIN merch.promotion r ON r.promotion_id = b.promotion_id
        WHERE p.promotion_id = ANY (promotions) AND r.promotion_id <> p.promotion_id
          AND r.starts_at < p.ends_at AND r.ends_at > p.starts_at
          AND r.state IN ('approved', 'preparing', 'ready', 'live')
        GROUP BY p.promotion_id, r.promotion_id
    )
    SELECT * FROM pair x
    WHERE EXISTS (SELECT
                  FROM merch.promotion_location a
                  JOIN merch.promotion_location b USING (location_id)
                  WHERE a.promotion_id = x.promotion_id AND b.promotion_id = x.rival_id);
END
$$;
COMMENT ON FUNCTION merch.rival_promotions(bigint[]) IS
'For promotions those others, approved or later and not over, that have an item in common with them, at a common location and at the same time: how many items, and the first.';

CREATE FUNCTION merch.check_conflicts(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH rival AS (
        SELECT r.promotion_id, count(*) AS rivals, max(r.items) AS items, min(ARRAY[r.rival_id, r.item_id]) AS first
        FROM merch.rival_promotions(promotions) r
        GROUP BY r.promotion_id
    )
    SELECT p, r.promotion_id IS NULL,
           CASE WHEN r.promotion_id IS NULL THEN 1
                ELSE 1 - r.items::numeric / (SELECT count(*) FROM merch.promotion_item i WHERE i.promotion_id = r.promotion_id) END,
           NULL::numeric,
           merch.counted(r.rivals, 'other promotions have its items at its locations at the same time',
                         format('promotion %s with item %s', r.first[1], r.first[2]))
    FROM unnest(promotions) p
    LEFT JOIN rival r ON r.promotion_id = p;
END
$$;
COMMENT ON FUNCTION merch.check_conflicts(bigint[]) IS
'Readiness check: no other promotion, approved or live, has an item at the same location at the same time. Figure: the share of items that the worst of them leaves alone.';

-- Who can become a rival or cease to be one: those of now, and those that have one on record
-- and share an item. An item that a promotion loses marks all that have it.
CREATE FUNCTION merch.conflict_neighbours(promotions bigint[])
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT r.rival_id
    FROM merch.rival_promotions(promotions) r
    UNION
    SELECT f.promotion_id
    FROM merch.readiness_check c
    JOIN merch.readiness_result f USING (readiness_check)
    WHERE c.function = 'merch.check_conflicts' AND NOT f.passed
      AND EXISTS (SELECT
                  FROM merch.promotion_item a
                  JOIN merch.promotion_item b USING (item_id)
                  WHERE a.promotion_id = f.promotion_id AND b.promotion_id = ANY (promotions));
END
$$;
COMMENT ON FUNCTION merch.conflict_neighbours(bigint[]) IS
'The promotions whose verdict of merch.check_conflicts() can change as the given ones do.';

CREATE FUNCTION merch.check_price_events(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH wanted AS (
        SELECT w.promotion_id, w.item_id,
               EXISTS (SELECT
                       FROM merch.price_event e
                       WHERE e.promotion_id = w.promotion_id AND e.item_id = w.item_id AND e.amount = w.amount
                         AND e.from_quantity = w.from_quantity AND e.effective @> w.effective
                         AND e.state IN ('approved', 'published', 'active')
                         AND e.location_id IS NULL AND e.price_zone_id IS NULL AND e.channel_id IS NULL)
               OR NOT EXISTS (SELECT
                              FROM merch.promotion_location pl
                              JOIN merch.sales_place l USING (location_id)
                              WHERE pl.promotion_id = w.promotion_id
                                AND NOT EXISTS (SELECT
                                                FROM merch.price_event e
                                                WHERE e.promotion_id = w.promotion_id AND e.item_id = w.item_id
                                                  AND e.amount = w.amount AND e.from_quantity = w.from_quantity
                                                  AND e.effective @> w.effective
                                                  AND e.state IN ('approved', 'published', 'active')
                                                  AND e.places @> l.location_id
                                                  AND coalesce(e.channel_id, l.channel_id) = l.channel_id)) AS there
        FROM merch.wanted_price_events(promotions) w
    )
    SELECT w.promotion_id, bool_and(w.there), count(*) FILTER (WHERE w.there)::numeric / count(*), NULL::numeric,
           merch.counted(count(*) FILTER (WHERE NOT w.there), 'items have no approved price for all channels and days',
                         'item ' || min(w.item_id) FILTER (WHERE NOT w.there))
    FROM wanted w
    GROUP BY w.promotion_id;
END
$$;
COMMENT ON FUNCTION merch.check_price_events(bigint[]) IS
'Readiness check: for every item whose offer has a price there are approved price events with it, in every channel in which the promotion''s locations sell and over all its days. Figure: the share of items for which that holds.';
