-- prepack release: planned packs become transfers; packs are opened, and closed again
--
-- Locks are taken in the order promotion, allocation, packs in stock, then as
-- 42_execution.sql says. Packs in stock are locked in the order of their keys.

CREATE FUNCTION merch.lock_prepack_run(promotion_id bigint, OUT allocation_id bigint, OUT state text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := lock_prepack_run.promotion_id;
BEGIN
    PERFORM merch.check_prepacks(id);
    PERFORM FROM merch.promotion p WHERE p.promotion_id = id FOR NO KEY UPDATE;
    SELECT a.allocation_id, a.state INTO allocation_id, state
    FROM merch.allocation a WHERE a.promotion_id = id AND a.state <> 'cancelled' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('promotion %s has no open allocation', id),
            HINT = format('First: SELECT merch.allocate_promotion(%s).', id);
    ELSIF state = 'running' THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('allocation %s cannot be released: it is running', allocation_id),
            HINT = 'Wait until its bulk run is done, or resume it: merch.run_allocations().';
    END IF;
    PERFORM
    FROM merch.prepack_stock k
    WHERE k.prepack_id IN (SELECT p.prepack_id
                           FROM merch.promotion_item pi
                           JOIN merch.style_item i USING (item_id)
                           JOIN merch.prepack p USING (style_id)
                           WHERE pi.promotion_id = id)
    ORDER BY k.prepack_id, k.location_id
    FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION merch.lock_prepack_run(bigint) IS
'Locks a promotion, its open run and the packs of its styles, and returns the run. Raises an error if there is none to release.';

CREATE FUNCTION merch.release_prepacks(promotion_id bigint, overstock float8 DEFAULT 0)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run CONSTANT record := merch.lock_prepack_run(release_prepacks.promotion_id);
    sources int[];
    places int[];
    days date[];
    kinds bigint[];
    packs bigint[];
    transfers bigint[];
BEGIN
    SELECT array_agg(p.source_id), array_agg(p.location_id), array_agg(p.ships_on), array_agg(p.prepack_id), array_agg(p.packs)
    INTO sources, places, days, kinds, packs
    FROM merch.plan_prepacks(release_prepacks.promotion_id, release_prepacks.overstock) p;
    IF sources IS NULL THEN
        RETURN 0;
    END IF;

    PERFORM merch.lock_routes(EXISTS (
        SELECT FROM unnest(sources, places) u(source_id, location_id)
        JOIN merch.location s ON s.location_id = u.source_id
        JOIN merch.location d ON d.location_id = u.location_id
        WHERE s.kind <> 'distribution_centre' OR d.kind = 'distribution_centre'));
    WITH made AS (
        SELECT * FROM merch.make_transfers(CASE run.state WHEN 'active' THEN 'allocation' ELSE 'correction' END,
                                           run.allocation_id, sources, places, days)
    ), loaded AS (
        INSERT INTO merch.transfer_prepack (transfer_id, prepack_id, packs)
        SELECT m.transfer_id, u.prepack_id, u.packs
        FROM made m
        JOIN unnest(sources, places, kinds, packs) u(source_id, location_id, prepack_id, packs) USING (source_id, location_id)
        RETURNING transfer_id
    )
    SELECT array_agg(DISTINCT l.transfer_id) INTO transfers FROM loaded l;
    UPDATE merch.prepack_stock k SET packs = k.packs - d.packs
    FROM (SELECT u.prepack_id, u.source_id, sum(u.packs)::bigint AS packs
          FROM unnest(kinds, sources, packs) u(prepack_id, source_id, packs)
          GROUP BY u.prepack_id, u.source_id) d
    WHERE k.prepack_id = d.prepack_id AND k.location_id = d.source_id;
    PERFORM merch.book_prepacks(transfers);
    RETURN cardinality(transfers);
END
$$;
COMMENT ON FUNCTION merch.release_prepacks(bigint, float8) IS
'Releases the packs of merch.plan_prepacks() to the warehouses as transfers of the promotion''s open run. The packs leave merch.prepack_stock; their units enter the stock of the source, reserved for the location until they are picked. Returns the number of transfers made.';

-- On hand first: what is promised must be covered at every moment.
CREATE FUNCTION merch.book_prepacks(transfers bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    items bigint[];
    loads bigint[];
    sources int[];
BEGIN
    SELECT array_agg(d.item_id), array_agg(d.transfer_id), array_agg(d.source_id) INTO items, loads, sources
    FROM (SELECT DISTINCT c.item_id, t.transfer_id, t.source_id
          FROM merch.transfer t
          JOIN merch.transfer_prepack p USING (transfer_id)
          JOIN merch.prepack_content c USING (prepack_id)
          WHERE t.transfer_id = ANY (transfers)) d;
    PERFORM merch.lock_stock(items, sources);
    UPDATE merch.stock s SET on_hand = s.on_hand + d.units
    FROM (SELECT c.item_id, t.source_id, sum(p.packs * c.units)::bigint AS units
          FROM merch.transfer t
          JOIN merch.transfer_prepack p USING (transfer_id)
          JOIN merch.prepack_content c USING (prepack_id)
          WHERE t.transfer_id = ANY (transfers)
          GROUP BY c.item_id, t.source_id) d
    WHERE s.item_id = d.item_id AND s.location_id = d.source_id;

    INSERT INTO merch.transfer_line (item_id, transfer_id, units)
    SELECT c.item_id, p.transfer_id, sum(p.packs * c.units)::bigint
    FROM merch.transfer_prepack p
    JOIN merch.prepack_content c USING (prepack_id)
    WHERE p.transfer_id = ANY (transfers)
    GROUP BY c.item_id, p.transfer_id;
    -- what the run has no line for (a size that is not carried or not promoted) needs just that
    INSERT INTO merch.allocation_line AS l (item_id, allocation_id, location_id, source_id, ships_on, need, quantity, reserved, released)
    SELECT d.item_id, t.allocation_id, t.location_id, t.source_id, t.ships_on, d.units, d.units, d.units, d.units
    FROM merch.transfer t
    JOIN merch.transfer_line d USING (transfer_id)
    WHERE t.transfer_id = ANY (transfers)
    ON CONFLICT (item_id, allocation_id, location_id, source_id) DO UPDATE
    SET quantity = l.quantity + excluded.quantity,
        reserved = l.reserved + excluded.reserved,
        released = l.released + excluded.released,
        reason = CASE WHEN l.quantity + excluded.quantity < l.need THEN l.reason END;
END
$$;
COMMENT ON FUNCTION merch.book_prepacks(bigint[]) IS
'Books the units of packs that new transfers carry: on hand at the source, and reserved and released by the lines of the transfers'' run. Part of merch.release_prepacks().';

CREATE FUNCTION merch.check_pack_count(prepack_id bigint, packs bigint)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM merch.prepack p WHERE p.prepack_id = check_pack_count.prepack_id) THEN
        RAISE no_data_found USING
            MESSAGE = format('pre-pack %s does not exist', coalesce(check_pack_count.prepack_id::text, 'NULL')),
            HINT = 'The pre-packs are the rows of merch.prepack.';
    ELSIF packs IS NULL OR packs < 1 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('packs must be at least 1: %s', coalesce(packs::text, 'NULL'));
    ELSIF NOT EXISTS (SELECT FROM merch.prepack_content c WHERE c.prepack_id = check_pack_count.prepack_id) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('nothing is known to be in pre-pack %s', check_pack_count.prepack_id),
            HINT = 'Add what it holds to merch.prepack_content.';
    END IF;
    RETURN packs * (SELECT sum(c.units)::bigint FROM merch.prepack_content c
                    WHERE c.prepack_id = check_pack_count.prepack_id);
END
$$;
COMMENT ON FUNCTION merch.check_pack_count(bigint, bigint) IS
'The units in a number of packs. Raises an error if there is no such pre-pack, nothing in it, or less than one.';

CREATE FUNCTION merch.open_prepacks(prepack_id bigint, location_id int, packs bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind CONSTANT bigint := open_prepacks.prepack_id;
    place CONSTANT int := open_prepacks.location_id;
    opened CONSTANT bigint := open_prepacks.packs;
    units CONSTANT bigint := merch.check_pack_count(kind, opened);
    held bigint;
    items bigint[];
BEGIN
    SELECT k.packs INTO held
    FROM merch.prepack_stock k WHERE k.prepack_id = kind AND k.location_id = place FOR NO KEY UPDATE;
    IF held IS NULL OR held < opened THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('%s packs of pre-pack %s cannot be opened at location %s', opened, kind, coalesce(place::text, 'NULL')),
            DETAIL = format('It has %s.', coalesce(held, 0)),
            HINT = 'Packs in stock are the rows of merch.prepack_stock.';
    END IF;
    UPDATE merch.prepack_stock k SET packs = k.packs - opened WHERE k.prepack_id = kind AND k.location_id = place;
    items := ARRAY(SELECT c.item_id FROM merch.prepack_content c WHERE c.prepack_id = kind);
    PERFORM merch.lock_stock(items, array_fill(place, ARRAY[cardinality(items)]));
    UPDATE merch.stock s SET on_hand = s.on_hand + opened * c.units
    FROM merch.prepack_content c
    WHERE c.prepack_id = kind AND s.item_id = c.item_id AND s.location_id = place;
    RETURN units;
END
$$;
COMMENT ON FUNCTION merch.open_prepacks(bigint, int, bigint) IS
'Opens packs: they leave merch.prepack_stock, and their units are loose stock of the location. Returns the units.';

CREATE FUNCTION merch.close_prepacks(prepack_id bigint, location_id int, packs bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind CONSTANT bigint := close_prepacks.prepack_id;
    place CONSTANT int := close_prepacks.location_id;
    closed CONSTANT bigint := close_prepacks.packs;
    units CONSTANT bigint := merch.check_pack_count(kind, closed);
    items bigint[];
    short record;
BEGIN
    INSERT INTO merch.prepack_stock AS k (prepack_id, location_id, packs) VALUES (kind, place, closed)
    ON CONFLICT ON CONSTRAINT prepack_stock_pkey DO UPDATE SET packs = k.packs + excluded.packs;
    items := ARRAY(SELECT c.item_id FROM merch.prepack_content c WHERE c.prepack_id = kind);
    PERFORM merch.lock_stock(items, array_fill(place, ARRAY[cardinality(items)]));
    SELECT c.item_id, closed * c.units AS units, s.on_hand - s.reserved - s.fenced AS free INTO short
    FROM merch.prepack_content c
    JOIN merch.stock s USING (item_id)
    WHERE c.prepack_id = kind AND s.location_id = place AND s.on_hand - s.reserved - s.fenced < closed * c.units
    ORDER BY c.item_id
    LIMIT 1;
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('%s packs of pre-pack %s cannot be made at location %s', closed, kind, place),
            DETAIL = format('They take %s units of item %s, of which %s are free.', short.units, short.item_id, greatest(short.free, 0)),
            HINT = 'Units that are reserved or ring-fenced stay loose.';
    END IF;
    UPDATE merch.stock s SET on_hand = s.on_hand - closed * c.units
    FROM merch.prepack_content c
    WHERE c.prepack_id = kind AND s.item_id = c.item_id AND s.location_id = place;
    RETURN units;
END
$$;
COMMENT ON FUNCTION merch.close_prepacks(bigint, int, bigint) IS
'Makes packs of loose units that nobody is promised, or puts packs back that were not opened after all: the reverse of merch.open_prepacks(). Returns the units.';
