-- allocation: the split itself, and promotions allocated with it

CREATE FUNCTION merch.allocate(
    supply bigint,
    need bigint,
    method text DEFAULT 'proportional',
    minimum bigint DEFAULT 0,
    maximum bigint DEFAULT NULL,
    pack bigint DEFAULT 1,
    tier int DEFAULT 0,
    weight float8 DEFAULT 1,
    on_position bigint DEFAULT 0
) RETURNS bigint
AS 'MODULE_PATHNAME', 'merch_allocate'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION merch.allocate(bigint, bigint, text, bigint, bigint, bigint, int, float8, bigint) IS
'Window function: splits the supply of a partition, in whole units, among its rows by their need. Methods: proportional, webster, cover, even, priority. Ties fall by tier, then by the window''s order.';

CREATE FUNCTION merch.policy_of(promotion_id bigint)
RETURNS TABLE (policy_id bigint, method text, holdback numeric)
LANGUAGE sql STABLE ROWS 1
AS $$
    SELECT y.policy_id, y.method, y.holdback
    FROM merch.policy y
    WHERE y.promotion_id = policy_of.promotion_id OR y.promotion_id IS NULL
    ORDER BY y.promotion_id NULLS LAST
    LIMIT 1
$$;
COMMENT ON FUNCTION merch.policy_of(bigint) IS
'The policy that holds for a promotion: its own, or else the one for all; no row if there is neither.';

CREATE FUNCTION merch.plan_allocation(promotion_id bigint)
RETURNS TABLE (
    item_id bigint,
    location_id int,
    source_id int,
    gross_need bigint,
    presentation_minimum bigint,
    capacity bigint,
    on_position bigint,
    pack bigint,
    need bigint,
    quantity bigint,
    reason text
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    WITH demand AS (
        SELECT f.item_id, f.location_id, ceil(sum(f.mean))::bigint AS gross_need
        FROM merch.promotion p
        JOIN merch.promotion_item pi USING (promotion_id)
        JOIN merch.forecast f ON f.item_id = pi.item_id AND f.day >= p.starts_on AND f.day < p.ends_on
        WHERE p.promotion_id = plan_allocation.promotion_id
        GROUP BY f.item_id, f.location_id
    ), scope AS (
        SELECT r.item_id, r.location_id, l.source_id, l.tier, d.gross_need,
               r.presentation_minimum, r.capacity, r.pack,
               coalesce(h.on_hand - h.reserved, 0) AS on_position,
               s.on_hand - s.reserved AS at_source,
               ceil(s.on_hand * policy.holdback)::bigint AS holdback,
               policy.method
        FROM merch.promotion_item pi
        JOIN merch.promotion_location pl USING (promotion_id)
        JOIN merch.ranging r USING (item_id, location_id)
        JOIN merch.location l USING (location_id)
        LEFT JOIN demand d USING (item_id, location_id)
        LEFT JOIN merch.stock h USING (item_id, location_id)
        LEFT JOIN merch.stock s ON (s.item_id, s.location_id) = (r.item_id, l.source_id)
        CROSS JOIN merch.policy_of(plan_allocation.promotion_id) policy
        WHERE pi.promotion_id = plan_allocation.promotion_id
    ), bounded AS (
        SELECT *,
               greatest(coalesce(gross_need, 0) + presentation_minimum - on_position, 0) AS need,
               greatest(presentation_minimum - on_position, 0) AS minimum,
               CASE WHEN capacity IS NOT NULL THEN greatest(capacity - on_position, 0) END AS maximum,
               greatest(coalesce(at_source - holdback, 0), 0) AS supply
        FROM scope
    ), split AS (
        SELECT *,
               merch.allocate(supply, need, method, minimum, maximum, pack, tier, 1,
                              on_position)
                   OVER (PARTITION BY item_id, source_id ORDER BY location_id) AS quantity
        FROM bounded
    )
    SELECT item_id, location_id, source_id, gross_need, presentation_minimum, capacity,
           on_position, pack, need, quantity,
           CASE WHEN quantity >= need THEN NULL
                WHEN quantity + pack > maximum THEN 'capacity'
                WHEN at_source IS NULL THEN 'no source'
                ELSE 'supply' END
    FROM split
$$;
COMMENT ON FUNCTION merch.plan_allocation(bigint) IS
'What merch.allocate_promotion() would do for a promotion now: one row for each of its items and ranged locations. Writes nothing.';

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
    FROM merch.allocation a WHERE a.promotion_id = id AND a.state = 'active';
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('promotion %s is already allocated', id),
            DETAIL = format('Its active allocation is %s.', active),
            HINT = format('To allocate it anew, first: SELECT merch.release_allocation(%s).', active);
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
        WHEN NOT EXISTS (SELECT FROM merch.policy_of(id)) THEN
            missing := 'has no policy';
            remedy := 'Add a row to merch.policy, for it or, with a null promotion_id, for all.';
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

CREATE FUNCTION merch.allocate_promotion(promotion_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := allocate_promotion.promotion_id;
    run bigint;
BEGIN
    -- one run at a time for a promotion: the second waits here and then sees the first
    PERFORM FROM merch.promotion p WHERE p.promotion_id = id FOR NO KEY UPDATE;
    PERFORM merch.check_allocatable(id);

    -- what is available must not change before it is reserved; in key order, so that
    -- two runs that want the same stock wait for each other and never deadlock
    PERFORM
    FROM merch.stock s
    WHERE (s.item_id, s.location_id) IN (
        SELECT i.item_id, l.source_id
        FROM merch.promotion_item i
        JOIN merch.promotion_location USING (promotion_id)
        JOIN merch.location l USING (location_id)
        WHERE i.promotion_id = id)
    ORDER BY s.item_id, s.location_id
    FOR NO KEY UPDATE;

    INSERT INTO merch.allocation (promotion_id, method, holdback)
    SELECT id, y.method, y.holdback
    FROM merch.policy_of(id) y
    RETURNING allocation_id INTO run;

    INSERT INTO merch.allocation_line (
        item_id, allocation_id, location_id, source_id, gross_need, presentation_minimum,
        capacity, on_position, pack, need, quantity, reserved, reason)
    SELECT p.item_id, run, p.location_id, p.source_id, p.gross_need, p.presentation_minimum,
           p.capacity, p.on_position, p.pack, p.need, p.quantity, p.quantity, p.reason
    FROM merch.plan_allocation(id) p
    ORDER BY p.item_id, p.location_id;
    RETURN run;
END
$$;
COMMENT ON FUNCTION merch.allocate_promotion(bigint) IS
'Splits the sources'' available stock among the locations of a promotion by its policy, writes the run and its lines, and reserves the units. Returns the allocation''s id.';

CREATE FUNCTION merch.release_allocation(allocation_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := release_allocation.allocation_id;
    released timestamptz;
BEGIN
    SELECT a.released_at INTO released
    FROM merch.allocation a WHERE a.allocation_id = id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('allocation %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The allocations are the rows of merch.allocation.';
    END IF;
    IF released IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('allocation %s is already released', id),
            DETAIL = format('It was released at %s.', released);
    END IF;

    UPDATE merch.allocation_line l SET reserved = 0
    WHERE l.allocation_id = id AND l.reserved <> 0;
    UPDATE merch.allocation a SET state = 'released', released_at = now()
    WHERE a.allocation_id = id;
END
$$;
COMMENT ON FUNCTION merch.release_allocation(bigint) IS
'Undoes an allocation: gives the units that it still holds back to their sources. The run and its lines stay as a record.';
