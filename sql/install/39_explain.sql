-- explain: why a location gets what it gets, and how good that was

CREATE FUNCTION merch.units(quantity bigint)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN quantity || CASE WHEN quantity = 1 THEN ' unit' ELSE ' units' END;
COMMENT ON FUNCTION merch.units(bigint) IS 'A number of units in words: 1 unit, 2 units.';

CREATE FUNCTION merch.explain_allocation(allocation_id bigint, item_id bigint, location_id int)
RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head record;
    line record;
BEGIN
    SELECT i.name AS item, o.name AS location, p.name AS promotion, a.state, sum(l.need)::bigint AS need,
           sum(l.quantity)::bigint AS quantity,
           max(l.gross_need) AS gross_need, max(l.safety_stock) AS safety_stock,
           max(l.presentation_minimum) AS presentation_minimum, max(l.on_hand) AS on_hand, max(l.incoming) AS incoming,
           max(l.promised) AS promised, max(l.capacity) AS capacity, max(l.cover) AS cover, max(l.score) AS score,
           max(l.value) AS value
    INTO head
    FROM merch.allocation_line l
    JOIN merch.allocation a USING (allocation_id)
    JOIN merch.promotion p USING (promotion_id)
    JOIN merch.item i USING (item_id)
    JOIN merch.location o USING (location_id)
    WHERE l.allocation_id = explain_allocation.allocation_id AND l.item_id = explain_allocation.item_id
      AND l.location_id = explain_allocation.location_id
    GROUP BY i.item_id, o.location_id, p.promotion_id, a.allocation_id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('allocation %s has no line for item %s at location %s', coalesce(allocation_id::text, 'NULL'),
                             coalesce(item_id::text, 'NULL'), coalesce(location_id::text, 'NULL')),
            HINT = 'The lines of an allocation are in merch.allocation_line.';
    END IF;

    RETURN NEXT format('"%s" at "%s", for "%s" (allocation %s, %s):', head.item, head.location, head.promotion,
                       allocation_id, head.state);
    RETURN NEXT CASE WHEN head.gross_need IS NULL THEN 'Its demand source says nothing, so no sales are expected.'
                     ELSE format('It is expected to sell %s.', merch.units(head.gross_need)) END;
    RETURN NEXT format('With %s of safety stock and %s to fill the shelf it should have %s.',
                       head.safety_stock, head.presentation_minimum,
                       merch.units(coalesce(head.gross_need, 0) + head.safety_stock + head.presentation_minimum));
    RETURN NEXT format('It has %s, %s more arrive in time%s: it needs %s%s.', merch.units(head.on_hand), head.incoming,
                       CASE WHEN head.promised > 0 THEN format(', and %s are promised to others', head.promised) ELSE '' END,
                       merch.units(head.need),
                       CASE WHEN head.need <> greatest(coalesce(head.gross_need, 0) + head.safety_stock
                                                       + head.presentation_minimum - head.on_hand - head.incoming
                                                       + head.promised, 0)
                            THEN ', within the limits of its policy and after what was shipped' ELSE '' END);
    IF head.capacity IS NOT NULL THEN
        RETURN NEXT format('It has room for %s in all.', merch.units(head.capacity));
    END IF;

    FOR line IN
        SELECT l.*, s.name AS source
        FROM merch.allocation_line l
        JOIN merch.location s ON s.location_id = l.source_id
        WHERE l.allocation_id = explain_allocation.allocation_id AND l.item_id = explain_allocation.item_id
          AND l.location_id = explain_allocation.location_id
        ORDER BY l.quantity DESC, l.source_id
    LOOP
        CONTINUE WHEN line.quantity = 0;
        RETURN NEXT format('It gets %s from "%s"%s%s, to leave by %s; %s still held there, %s released.',
                           merch.units(line.quantity), line.source,
                           CASE WHEN line.pack > 1 THEN format(', in packs of %s', line.pack) ELSE '' END,
                           CASE WHEN line.from_fence > 0
                                THEN format(', %s of them ring-fenced for its channel', line.from_fence) ELSE '' END,
                           line.ships_on, line.reserved, line.released);
    END LOOP;
    IF head.quantity = 0 THEN
        RETURN NEXT 'It gets nothing.';
    END IF;
    RETURN QUERY
    SELECT format('That is %s short: %s.', merch.units(head.need - head.quantity),
                  CASE l.reason WHEN 'capacity' THEN 'no further pack fits in'
                                WHEN 'no source' THEN 'no source that can deliver in time stocks the item'
                                WHEN 'shared capacity' THEN 'the lane, dock or labour of that day has no room left for it'
                                WHEN 'supply' THEN 'its sources have no pack left'
                                WHEN 'threshold' THEN 'the need is too small to be served, says its policy'
                                WHEN 'worth' THEN 'the next pack is not expected to earn what it costs to bring' END)
    FROM merch.allocation_line l
    WHERE l.allocation_id = explain_allocation.allocation_id AND l.item_id = explain_allocation.item_id
      AND l.location_id = explain_allocation.location_id AND l.reason IS NOT NULL;
    IF head.cover IS NOT NULL THEN
        RETURN NEXT format('With that it covers %s days; one unit more would be worth %s of the %s that a sale earns.',
                           round(head.cover::numeric, 1), round(head.score::numeric, 2), round(head.value::numeric, 2));
    END IF;
END
$$;
COMMENT ON FUNCTION merch.explain_allocation(bigint, bigint, int) IS
'Tells, in sentences, what an item''s location needed in an allocation, what it got from where, and why it was not more.';

-- Hindsight splits what each item's sources gave, by what was really sold: as much as was
-- sold beyond what the location had, within its capacity and in whole packs.
CREATE FUNCTION merch.hindsight(allocation_id bigint)
RETURNS TABLE (item_id bigint, location_id int, sold bigint, quantity bigint, hindsight bigint)
LANGUAGE sql STABLE ROWS 10000
AS $$
    WITH sold AS (
        SELECT s.item_id, s.location_id, greatest(sum(s.units), 0)::bigint AS units
        FROM merch.allocation a
        JOIN merch.promotion p USING (promotion_id)
        JOIN merch.promotion_item i USING (promotion_id)
        JOIN merch.sale s ON s.item_id = i.item_id AND s.day >= p.starts_on AND s.day < p.ends_on
        WHERE a.allocation_id = hindsight.allocation_id
        GROUP BY s.item_id, s.location_id
    ), line AS (
        SELECT l.item_id, l.location_id, max(l.on_hand + l.incoming - l.promised) AS on_position, max(l.pack) AS pack,
               max(l.capacity) AS capacity, sum(l.quantity)::bigint AS quantity
        FROM merch.allocation_line l
        WHERE l.allocation_id = hindsight.allocation_id
        GROUP BY l.item_id, l.location_id
    ), total AS (
        SELECT *, (sum(quantity) OVER (PARTITION BY item_id))::bigint AS supply
        FROM line
    )
    SELECT t.item_id, t.location_id, coalesce(s.units, 0), t.quantity,
           merch.allocate(t.supply, greatest(coalesce(s.units, 0) - t.on_position, 0), 'proportional', 0,
                          CASE WHEN t.capacity IS NOT NULL THEN greatest(t.capacity - t.on_position, 0) END, t.pack)
               OVER (PARTITION BY t.item_id ORDER BY t.location_id)
    FROM total t
    LEFT JOIN sold s USING (item_id, location_id)
$$;
COMMENT ON FUNCTION merch.hindsight(bigint) IS
'For each item and location of an allocation: units sold over the promotion''s days so far, units allocated, and the units that splitting the same supply by those sales would have given.';

CREATE FUNCTION merch.measure_allocation(allocation_id bigint)
RETURNS numeric
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := measure_allocation.allocation_id;
    result numeric;
BEGIN
    PERFORM FROM merch.allocation a WHERE a.allocation_id = id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('allocation %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The allocations are the rows of merch.allocation.';
    END IF;
    SELECT sum(abs(h.quantity - h.hindsight)) / nullif(sum(h.sold), 0) INTO result FROM merch.hindsight(id) h;
    UPDATE merch.allocation a SET variance = result WHERE a.allocation_id = id;
    RETURN result;
END
$$;
COMMENT ON FUNCTION merch.measure_allocation(bigint) IS
'The allocation variance, once sales are in: the sum over locations of |allocated − what hindsight would have allocated|, over the units sold. 0 is perfect; null if nothing was sold yet. Kept with the run.';
