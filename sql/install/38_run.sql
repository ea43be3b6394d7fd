-- run: promotions allocated, written, changed and given back

CREATE FUNCTION merch.check_allocatable(promotion_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := check_allocatable.promotion_id;
    promotion record;
    active bigint;
    missing text;
    remedy text;
BEGIN
    SELECT p.name, p.ends_on INTO promotion FROM merch.promotion p WHERE p.promotion_id = id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('promotion %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The promotions are the rows of merch.promotion.';
    END IF;
    IF promotion.ends_on <= current_date THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('promotion %s has ended', id),
            DETAIL = format('"%s" ran until the end of %s.', promotion.name, promotion.ends_on - 1),
            HINT = 'Set ends_on of merch.promotion to a later day if it is to go on.';
    END IF;

    IF (SELECT count(*) < 3
        FROM pg_trigger t
        WHERE t.tgrelid = 'merch.allocation_line'::regclass
          AND t.tgfoid = 'merch.keep_ledger()'::regprocedure
          AND t.tgenabled IN ('O', 'A')) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'the triggers that reserve stock are missing from merch.allocation_line, or disabled',
            HINT = 'merch.create_model() makes missing ones; ALTER TABLE merch.allocation_line ENABLE TRIGGER USER enables them.';
    END IF;

    SELECT a.allocation_id INTO active
    FROM merch.allocation a WHERE a.promotion_id = id AND a.state <> 'cancelled';
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('promotion %s is already allocated', id),
            DETAIL = format('Its allocation is %s.', active),
            HINT = format('To allocate it anew, first: SELECT merch.cancel_allocation(%s).', active);
    END IF;

    CASE
        WHEN NOT EXISTS (SELECT FROM merch.promotion_item i WHERE i.promotion_id = id) THEN
            missing := 'has no items';
            remedy := 'Add its items to merch.promotion_item.';
        WHEN NOT EXISTS (SELECT FROM merch.promotion_location l WHERE l.promotion_id = id) THEN
            missing := 'has no locations';
            remedy := 'Add its locations to merch.promotion_location.';
        WHEN NOT EXISTS (SELECT
                         FROM merch.promotion_item i
                         JOIN merch.promotion_location l USING (promotion_id)
                         JOIN merch.ranging r USING (item_id, location_id)
                         WHERE i.promotion_id = id) THEN
            missing := 'has no item that is ranged at one of its locations';
            remedy := 'Add what its locations carry to merch.ranging.';
        ELSE
            RETURN;
    END CASE;
    RAISE object_not_in_prerequisite_state USING
        MESSAGE = format('promotion %s %s', id, missing),
        HINT = remedy;
END
$$;
COMMENT ON FUNCTION merch.check_allocatable(bigint) IS
'Raises an error that says why, if merch.allocate_promotion() would refuse the promotion.';

CREATE FUNCTION merch.open_run(promotion_id bigint, policy jsonb, state text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run bigint;
BEGIN
    INSERT INTO merch.allocation (promotion_id, state, policy, method)
    SELECT open_run.promotion_id, open_run.state, merch.check_policy(open_run.policy),
           string_agg(DISTINCT m.method, ', ' ORDER BY m.method)
    FROM merch.policy_map(ARRAY[open_run.promotion_id], open_run.policy) m
    RETURNING allocation_id INTO run;
    RETURN run;
END
$$;
COMMENT ON FUNCTION merch.open_run(bigint, jsonb, text) IS
'Makes a run without lines for a promotion that has no open run. Used by merch.allocate_promotion() and bulk runs: call those.';

-- Locks what the sources of the promotions' locations have of the items, so that it does not
-- change before it is reserved: in key order, as everybody does, so that nobody deadlocks.
CREATE FUNCTION merch.lock_sources(
    promotions bigint[],
    items bigint[] DEFAULT NULL,
    item_from bigint DEFAULT -9223372036854775808,
    item_to bigint DEFAULT 9223372036854775807
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET enable_mergejoin = off
SET work_mem = '64MB'
SET jit = off
AS $$
BEGIN
    PERFORM
    FROM merch.stock s
    WHERE s.item_id BETWEEN item_from AND item_to AND (items IS NULL OR s.item_id = ANY (items))
      AND (items IS NOT NULL
           OR s.item_id IN (SELECT i.item_id FROM merch.promotion_item i WHERE i.promotion_id = ANY (promotions)))
      AND s.location_id = ANY (ARRAY(SELECT DISTINCT n.source_id
                                     FROM merch.promotion_location p
                                     JOIN merch.lane n USING (location_id)
                                     WHERE p.promotion_id = ANY (promotions)))
    ORDER BY s.item_id, s.location_id
    FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION merch.lock_sources(bigint[], bigint[], bigint, bigint) IS
'Locks, until the end of the transaction, the stock that promotions can be supplied from, of some or all of their items.';

-- The settings lead to the rows of a block in the order of their keys, whatever is known of
-- the tables.
CREATE FUNCTION merch.write_lines(
    promotions bigint[],
    item_from bigint DEFAULT -9223372036854775808,
    item_to bigint DEFAULT 9223372036854775807
)
RETURNS bigint
AS 'MODULE_PATHNAME', 'merch_write_lines'
LANGUAGE C STRICT
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off
SET enable_nestloop = on
SET jit = off;
COMMENT ON FUNCTION merch.write_lines(bigint[], bigint, bigint) IS
'Writes the lines that merch.plan_lines() would return, for a range of items that have no lines yet, and returns their number; much faster, but not for all: null, and nothing is written, where demand comes from elsewhere than forecasts, there are lines already, or merch.allocation_line has row triggers that fire before, partitions or row security. Used by merch.insert_lines().';

-- Keeps with the runs what their plans are worth, too.
CREATE FUNCTION merch.insert_coupled_lines(promotions bigint[], item_from bigint, item_to bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET jit = off
AS $$
DECLARE
    lines bigint;
BEGIN
    PERFORM merch.lock_capacity(promotions);
    PERFORM merch.lock_sources(promotions, NULL, item_from, item_to);
    WITH plan AS MATERIALIZED (
        SELECT p.* FROM merch.plan_lines(promotions, NULL, NULL, false, item_from, item_to, true) p
    ), valued AS (
        UPDATE merch.allocation a
        SET plan_value = v.plan_value, bound_value = v.bound_value
        FROM (SELECT DISTINCT p.allocation_id, p.plan_value, p.bound_value FROM plan p) v
        WHERE a.allocation_id = v.allocation_id
    ), made AS (
        INSERT INTO merch.allocation_line (
            item_id, allocation_id, location_id, source_id, ships_on, gross_need, safety_stock, presentation_minimum,
            on_hand, incoming, promised, capacity, pack, need, quantity, from_fence, reserved, reason,
            mean, dispersion, value, score, cover)
        SELECT p.item_id, p.allocation_id, p.location_id, p.source_id, p.ships_on, p.gross_need, p.safety_stock,
               p.presentation_minimum, p.on_hand, p.incoming, p.promised, p.capacity, p.pack, p.need, p.quantity,
               p.from_fence, p.quantity, p.reason, p.mean, p.dispersion, p.value, p.score, p.cover
        FROM plan p
        RETURNING 1
    )
    SELECT count(*) INTO lines FROM made;
    RETURN lines;
END
$$;
COMMENT ON FUNCTION merch.insert_coupled_lines(bigint[], bigint, bigint) IS
'merch.insert_lines() for promotions whose items share capacity: call that.';

-- The planner can't tell how many rows the functions in a plan return, and takes a nested
-- loop where it expects few: never right here. Custom plans know the items. Compiling a
-- statement that runs for milliseconds would take longer than the statement.
CREATE FUNCTION merch.insert_lines(
    promotions bigint[],
    item_from bigint DEFAULT -9223372036854775808,
    item_to bigint DEFAULT 9223372036854775807
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET enable_mergejoin = off
SET work_mem = '64MB'
SET jit = off
AS $$
DECLARE
    lines bigint;
BEGIN
    IF merch.is_coupled(promotions) THEN
        RETURN merch.insert_coupled_lines(promotions, item_from, item_to);
    END IF;
    PERFORM merch.lock_sources(promotions, NULL, item_from, item_to);
    lines := merch.write_lines(promotions, item_from, item_to);
    IF lines IS NOT NULL THEN
        RETURN lines;
    END IF;
    INSERT INTO merch.allocation_line (
        item_id, allocation_id, location_id, source_id, ships_on, gross_need, safety_stock, presentation_minimum,
        on_hand, incoming, promised, capacity, pack, need, quantity, from_fence, reserved, reason,
        mean, dispersion, value, score, cover)
    SELECT p.item_id, p.allocation_id, p.location_id, p.source_id, p.ships_on, p.gross_need, p.safety_stock,
           p.presentation_minimum, p.on_hand, p.incoming, p.promised, p.capacity, p.pack, p.need, p.quantity,
           p.from_fence, p.quantity, p.reason, p.mean, p.dispersion, p.value, p.score, p.cover
    FROM merch.plan_lines(promotions, NULL, NULL, false, item_from, item_to, false) p;
    GET DIAGNOSTICS lines = ROW_COUNT;
    RETURN lines;
END
$$;
COMMENT ON FUNCTION merch.insert_lines(bigint[], bigint, bigint) IS
'Writes the lines of promotions'' open runs for a range of items that they have no lines for yet, and reserves the units. Returns the number of lines.';

-- Where items share capacity, all those that hang together with the given ones are split anew,
-- so that the lines are those that a full run would write: every item of every coupled
-- promotion that can be reached, and for these items all promotions that share them.
CREATE FUNCTION merch.extend_renewal(promotions INOUT bigint[], items INOUT bigint[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    members CONSTANT bigint[] := merch.coupled_group(promotions);
BEGIN
    items := ARRAY(
        SELECT unnest(items)
        UNION
        SELECT i.item_id
        FROM merch.promotion_item i
        WHERE i.promotion_id = ANY (members) OR (items IS NULL AND i.promotion_id = ANY (promotions))
        ORDER BY 1);
    promotions := ARRAY(
        SELECT unnest(promotions || members)
        UNION
        SELECT i.promotion_id
        FROM merch.promotion_item i
        JOIN merch.allocation a USING (promotion_id)
        JOIN merch.promotion p USING (promotion_id)
        WHERE i.item_id = ANY (items) AND a.state IN ('active', 'released') AND p.ends_on > current_date
        ORDER BY 1);
END
$$;
COMMENT ON FUNCTION merch.extend_renewal(bigint[], bigint[]) IS
'Promotions and items that must be split anew together, where some of the promotions share capacity. Used by merch.renew_lines().';

-- Everything is one statement, so that units can move between lines. Its parts run in the order
-- in which the counts are asked for: first, lines that no plan has any more (their lane is
-- closed, the item is no longer ranged) give back what they merely hold, and go if nothing of
-- them was released; then lines change; and new lines come last, when what they reserve is free.
CREATE FUNCTION merch.renew_lines(promotions bigint[], items bigint[] DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET enable_mergejoin = off
SET work_mem = '64MB'
SET jit = off
AS $$
DECLARE
    is_coupled CONSTANT boolean := merch.is_coupled(promotions);
    lines bigint;
BEGIN
    IF is_coupled THEN
        SELECT e.promotions, e.items INTO promotions, items FROM merch.extend_renewal(promotions, items) e;
    END IF;
    -- no run of them can be made, released or cancelled meanwhile
    PERFORM FROM merch.promotion p WHERE p.promotion_id = ANY (promotions) ORDER BY p.promotion_id FOR NO KEY UPDATE;
    PERFORM
    FROM merch.allocation a
    WHERE a.promotion_id = ANY (promotions) AND a.state IN ('active', 'released')
    ORDER BY a.allocation_id
    FOR SHARE;
    IF is_coupled THEN
        PERFORM merch.lock_capacity(promotions);
    END IF;
    PERFORM merch.lock_sources(promotions, items);

    WITH plan AS MATERIALIZED (
        SELECT p.*
        FROM merch.plan_lines(promotions, items, coupled => is_coupled) p
        WHERE p.allocation_id IS NOT NULL
    ), valued AS (
        UPDATE merch.allocation a
        SET plan_value = v.plan_value, bound_value = v.bound_value
        FROM (SELECT DISTINCT p.allocation_id, p.plan_value, p.bound_value FROM plan p) v
        WHERE a.allocation_id = v.allocation_id
          AND (a.plan_value, a.bound_value) IS DISTINCT FROM (v.plan_value, v.bound_value)
    ), stale AS (
        SELECT o.*
        FROM merch.open_lines(promotions, items) o
        WHERE NOT EXISTS (SELECT
                          FROM plan p
                          WHERE (p.item_id, p.allocation_id, p.location_id, p.source_id)
                                = (o.item_id, o.allocation_id, o.location_id, o.source_id))
    ), dropped AS (
        DELETE FROM merch.allocation_line l
        USING stale o
        WHERE (l.item_id, l.allocation_id, l.location_id, l.source_id)
              = (o.item_id, o.allocation_id, o.location_id, o.source_id)
          AND (items IS NULL OR l.item_id = ANY (items))
          AND o.gone = 0 AND o.fixed = 0
        RETURNING l.item_id
    ), closed AS (
        UPDATE merch.allocation_line l
        SET quantity = l.quantity - o.held, reserved = l.reserved - o.held, from_fence = o.kept_from_fence,
            need = l.quantity - o.held, reason = NULL
        FROM stale o
        WHERE (l.item_id, l.allocation_id, l.location_id, l.source_id)
              = (o.item_id, o.allocation_id, o.location_id, o.source_id)
          AND (items IS NULL OR l.item_id = ANY (items))
          AND (o.gone <> 0 OR o.fixed <> 0) AND (o.held > 0 OR l.need <> l.quantity)
        RETURNING l.item_id
    ), changed AS (
        UPDATE merch.allocation_line l
        SET ships_on = p.ships_on, gross_need = p.gross_need, safety_stock = p.safety_stock,
            presentation_minimum = p.presentation_minimum, on_hand = p.on_hand, incoming = p.incoming,
            promised = p.promised, capacity = p.capacity, pack = p.pack, need = p.need, quantity = p.quantity,
            from_fence = p.from_fence, reserved = p.quantity - p.gone, reason = p.reason, mean = p.mean,
            dispersion = p.dispersion, value = p.value, score = p.score, cover = p.cover
        FROM plan p
        WHERE (l.item_id, l.allocation_id, l.location_id, l.source_id)
              = (p.item_id, p.allocation_id, p.location_id, p.source_id)
          AND (items IS NULL OR l.item_id = ANY (items))
          AND (l.ships_on, l.gross_need, l.safety_stock, l.presentation_minimum, l.on_hand, l.incoming, l.promised,
               l.capacity, l.pack, l.need, l.quantity, l.from_fence, l.reason, l.mean, l.dispersion, l.value, l.score, l.cover)
              IS DISTINCT FROM
              (p.ships_on, p.gross_need, p.safety_stock, p.presentation_minimum, p.on_hand, p.incoming, p.promised,
               p.capacity, p.pack, p.need, p.quantity, p.from_fence, p.reason, p.mean, p.dispersion, p.value, p.score, p.cover)
        RETURNING l.item_id
    ), made AS (
        INSERT INTO merch.allocation_line (
            item_id, allocation_id, location_id, source_id, ships_on, gross_need, safety_stock, presentation_minimum,
            on_hand, incoming, promised, capacity, pack, need, quantity, from_fence, reserved, reason,
            mean, dispersion, value, score, cover)
        SELECT p.item_id, p.allocation_id, p.location_id, p.source_id, p.ships_on, p.gross_need, p.safety_stock,
               p.presentation_minimum, p.on_hand, p.incoming, p.promised, p.capacity, p.pack, p.need, p.quantity,
               p.from_fence, p.quantity, p.reason, p.mean, p.dispersion, p.value, p.score, p.cover
        FROM plan p
        WHERE NOT EXISTS (SELECT
                          FROM merch.open_lines(promotions, items) o
                          WHERE (o.item_id, o.allocation_id, o.location_id, o.source_id)
                                = (p.item_id, p.allocation_id, p.location_id, p.source_id))
        RETURNING item_id
    )
    SELECT (SELECT count(*) FROM dropped) + (SELECT count(*) FROM closed) + (SELECT count(*) FROM changed)
           + (SELECT count(*) FROM made)
    INTO lines;
    RETURN lines;
END
$$;
COMMENT ON FUNCTION merch.renew_lines(bigint[], bigint[]) IS
'Splits items anew (null: all items) for the open runs of promotions that share them. Released units stay where they are, changes below the policy''s threshold are not made. Where items share capacity, all that hang together are split anew. Returns the number of lines that were changed, made or dropped.';

CREATE FUNCTION merch.make_run(promotion_id bigint, policy jsonb)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := make_run.promotion_id;
    run bigint;
BEGIN
    -- one run at a time for a promotion: the second waits here and then sees the first
    PERFORM FROM merch.promotion p WHERE p.promotion_id = id FOR NO KEY UPDATE;
    PERFORM merch.check_allocatable(id);
    run := merch.open_run(id, make_run.policy, 'active');
    PERFORM merch.insert_lines(ARRAY[id]);
    RETURN run;
END
$$;
COMMENT ON FUNCTION merch.make_run(bigint, jsonb) IS
'merch.allocate_promotion() but for the scenarios, which take longer than the run. Used by that and by preparation.';

CREATE FUNCTION merch.allocate_promotion(promotion_id bigint, policy jsonb DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := allocate_promotion.promotion_id;
    run CONSTANT bigint := merch.make_run(id, allocate_promotion.policy);
BEGIN
    -- where items share capacity, each scenario takes as long as the run: by hand, if wanted
    IF NOT merch.is_coupled(ARRAY[id])
       AND EXISTS (SELECT FROM merch.allocation_line l WHERE l.allocation_id = run AND l.reason = 'supply') THEN
        PERFORM merch.store_scenarios(run);
    END IF;
    RETURN run;
END
$$;
COMMENT ON FUNCTION merch.allocate_promotion(bigint, jsonb) IS
'Splits what the sources have among the locations of a promotion by its policies, before which the settings given here hold; writes the run and its lines, reserves the units, and stores the scenarios where there is too little. Returns the allocation''s id.';

CREATE FUNCTION merch.cancel_allocation(allocation_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := cancel_allocation.allocation_id;
    cancelled timestamptz;
BEGIN
    SELECT a.cancelled_at INTO cancelled
    FROM merch.allocation a WHERE a.allocation_id = id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('allocation %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The allocations are the rows of merch.allocation.';
    END IF;
    IF cancelled IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('allocation %s is already cancelled', id),
            DETAIL = format('It was cancelled at %s.', cancelled);
    END IF;

    PERFORM merch.cancel_transfers_of(id);
    UPDATE merch.allocation_line l
    SET reserved = 0, from_fence = least(l.from_fence, l.quantity - l.reserved)
    WHERE l.allocation_id = id AND l.reserved <> 0;
    UPDATE merch.allocation a SET state = 'cancelled', cancelled_at = now()
    WHERE a.allocation_id = id;
END
$$;
COMMENT ON FUNCTION merch.cancel_allocation(bigint) IS
'Undoes an allocation: gives the units that it still holds back to their sources and ring-fences, and cancels its transfers; what is picked goes its way. The run and its lines stay as a record.';
