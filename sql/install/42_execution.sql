-- execution: allocations released as transfers, waves, picks, shipments
--
-- Locks are taken in the order allocations, waves, transfers, inbound, stock, each by
-- its key (waves by what they are for). Lines of allocations and transfers change only
-- under the lock of their source's stock, or of the run as a whole.

CREATE FUNCTION merch.lock_release(allocation_id bigint)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := lock_release.allocation_id;
    run_state text;
BEGIN
    SELECT a.state INTO run_state FROM merch.allocation a WHERE a.allocation_id = id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('allocation %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The allocations are the rows of merch.allocation.';
    ELSIF run_state NOT IN ('active', 'released') THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('allocation %s cannot be released: it is %s', id, run_state),
            HINT = CASE run_state WHEN 'running' THEN 'Wait until its bulk run is done, or resume it: merch.run_allocations().'
                                  ELSE 'merch.allocate_promotion() makes another.' END;
    END IF;
    PERFORM merch.lock_routes(EXISTS (
        SELECT FROM (SELECT DISTINCT l.source_id, l.location_id FROM merch.allocation_line l
                     WHERE l.allocation_id = id AND l.quantity > l.released AND l.source_id <> l.location_id) l
        JOIN merch.location s ON s.location_id = l.source_id
        JOIN merch.location d ON d.location_id = l.location_id
        WHERE s.kind <> 'distribution_centre' OR d.kind = 'distribution_centre'));
    RETURN CASE run_state WHEN 'active' THEN 'allocation' ELSE 'correction' END;
END
$$;
COMMENT ON FUNCTION merch.lock_release(bigint) IS
'Locks a run to release it, and returns the kind of the transfers that this makes. Raises an error if it cannot be released.';

-- What is too late for its day leaves on the next that its cut-off allows.
CREATE FUNCTION merch.make_transfers(kind text, allocation_id bigint, sources int[], places int[], days date[])
RETURNS TABLE (transfer_id bigint, source_id int, location_id int, planned_on date)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH due AS MATERIALIZED (
        SELECT l.source_id, l.location_id, l.ships_on AS planned_on, d.ships_on,
               d.ships_on + coalesce(n.lead_days, 0) AS arrives_on, (d.ships_on + n.cut_off)::timestamptz AS cut_off
        FROM (SELECT DISTINCT u.source_id, u.location_id, u.ships_on
              FROM unnest(sources, places, days) u(source_id, location_id, ships_on)) l
        LEFT JOIN merch.lane n USING (location_id, source_id)
        CROSS JOIN LATERAL (SELECT greatest(l.ships_on, current_date + coalesce((n.cut_off <= localtime)::int, 0))) d(ships_on)
    ), joined AS (
        -- in the order of their keys, and locked: a wave that is started waits, or is joined no more
        INSERT INTO merch.wave AS w (source_id, ships_on, cut_off)
        SELECT DISTINCT d.source_id, d.ships_on, d.cut_off FROM due d ORDER BY 1, 2, 3
        ON CONFLICT (source_id, ships_on, cut_off) WHERE state = 'planned' DO UPDATE SET source_id = w.source_id
        RETURNING w.wave_id, w.source_id, w.ships_on, w.cut_off
    ), sent AS (
        INSERT INTO merch.transfer AS t (kind, allocation_id, source_id, location_id, ships_on, arrives_on, wave_id)
        SELECT DISTINCT make_transfers.kind, make_transfers.allocation_id, d.source_id, d.location_id, d.ships_on,
               d.arrives_on, w.wave_id
        FROM due d
        JOIN joined w ON w.source_id = d.source_id AND w.ships_on = d.ships_on AND w.cut_off IS NOT DISTINCT FROM d.cut_off
        ORDER BY d.source_id, d.location_id, d.ships_on
        RETURNING t.transfer_id, t.source_id, t.location_id, t.ships_on
    )
    SELECT t.transfer_id, d.source_id, d.location_id, d.planned_on
    FROM due d
    JOIN sent t USING (source_id, location_id, ships_on)
$$;
COMMENT ON FUNCTION merch.make_transfers(text, bigint, int[], int[], date[]) IS
'Makes the transfers of a run, without lines, that leave sources for places on days, and joins them to waves. Returns which is for what; days that are past can share one. Part of merch.release_allocation() and merch.release_prepacks().';

CREATE FUNCTION merch.release_allocation(allocation_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := release_allocation.allocation_id;
    transfer_kind CONSTANT text := merch.lock_release(id);
    made bigint := 0;
    transfers bigint[];
    sources int[];
    places int[];
    days date[];
BEGIN
    SELECT array_agg(l.source_id), array_agg(l.location_id), array_agg(l.ships_on) INTO sources, places, days
    FROM (SELECT DISTINCT l.source_id, l.location_id, l.ships_on
          FROM merch.allocation_line l
          WHERE l.allocation_id = id AND l.quantity > l.released AND l.source_id <> l.location_id) l;
    IF sources IS NOT NULL THEN
        SELECT count(DISTINCT t.transfer_id), array_agg(t.transfer_id), array_agg(t.source_id), array_agg(t.location_id),
               array_agg(t.planned_on)
        INTO made, transfers, sources, places, days
        FROM merch.make_transfers(transfer_kind, id, sources, places, days) t;
        -- arrays, not a CTE: the planner knows how many there are, and reads the lines once
        INSERT INTO merch.transfer_line (item_id, transfer_id, units)
        SELECT l.item_id, d.transfer_id, l.quantity - l.released
        FROM unnest(transfers, sources, places, days) AS d(transfer_id, source_id, location_id, planned_on)
        JOIN merch.allocation_line l
            ON l.source_id = d.source_id AND l.location_id = d.location_id AND l.ships_on IS NOT DISTINCT FROM d.planned_on
        WHERE l.allocation_id = id AND l.quantity > l.released;
    END IF;

    UPDATE merch.allocation_line l SET released = l.quantity
    WHERE l.allocation_id = id AND l.quantity > l.released AND l.source_id <> l.location_id;
    UPDATE merch.allocation a SET state = 'released', released_at = now()
    WHERE a.allocation_id = id AND a.state = 'active';
    RETURN made;
END
$$;
COMMENT ON FUNCTION merch.release_allocation(bigint) IS
'Releases an allocation to the warehouses: what its lines got becomes transfers, in waves by source, day and cut-off; what they got since the last release becomes corrections. Returns the number of transfers made. The units stay reserved until they are picked.';

CREATE FUNCTION merch.start_wave(wave_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := start_wave.wave_id;
    started bigint;
BEGIN
    PERFORM merch.lock_wave(id, 'planned', 'started');
    PERFORM FROM merch.transfer t WHERE t.wave_id = id AND t.state = 'planned' ORDER BY t.transfer_id FOR NO KEY UPDATE;
    UPDATE merch.wave w SET state = 'picking', started_at = now() WHERE w.wave_id = id;
    UPDATE merch.transfer t SET state = 'picking' WHERE t.wave_id = id AND t.state = 'planned';
    GET DIAGNOSTICS started = ROW_COUNT;
    RETURN started;
END
$$;
COMMENT ON FUNCTION merch.start_wave(bigint) IS
'Starts to pick a planned wave: nothing can join it any more. Returns the number of its transfers.';

CREATE FUNCTION merch.lock_wave(wave_id bigint, state text, verb text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := lock_wave.wave_id;
    found_state text;
BEGIN
    SELECT w.state INTO found_state FROM merch.wave w WHERE w.wave_id = id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('wave %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The waves are the rows of merch.wave; merch.release_allocation() makes them.';
    ELSIF found_state <> lock_wave.state THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('wave %s cannot be %s: it is %s', id, verb, found_state),
            HINT = CASE found_state WHEN 'planned' THEN format('First: SELECT merch.start_wave(%s).', id)
                                    ELSE 'What is released anew makes another wave.' END;
    END IF;
END
$$;
COMMENT ON FUNCTION merch.lock_wave(bigint, text, text) IS
'Locks a wave. Raises an error unless it is in the given state; verb says there what was tried.';

CREATE FUNCTION merch.lock_transfer(
    transfer_id bigint,
    states text[],
    verb text,
    share boolean DEFAULT false,
    OUT allocation_id bigint,
    OUT wave_id bigint,
    OUT source_id int,
    OUT location_id int,
    OUT ships_on date,
    OUT arrives_on date,
    OUT state text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := lock_transfer.transfer_id;
BEGIN
    SELECT t.allocation_id, t.wave_id, t.source_id, t.location_id, t.ships_on, t.arrives_on
    INTO allocation_id, wave_id, source_id, location_id, ships_on, arrives_on
    FROM merch.transfer t WHERE t.transfer_id = id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('transfer %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The transfers are the rows of merch.transfer.';
    END IF;
    PERFORM FROM merch.allocation a WHERE a.allocation_id = lock_transfer.allocation_id FOR SHARE;
    IF share THEN
        SELECT t.state INTO state FROM merch.transfer t WHERE t.transfer_id = id FOR SHARE;
    ELSE
        PERFORM FROM merch.wave w WHERE w.wave_id = lock_transfer.wave_id FOR NO KEY UPDATE;
        SELECT t.state INTO state FROM merch.transfer t WHERE t.transfer_id = id FOR NO KEY UPDATE;
    END IF;
    IF state IS NULL OR state <> ALL (states) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('transfer %s cannot be %s: it is %s', id, verb, coalesce(state, 'deleted')),
            HINT = CASE WHEN state = 'planned' AND wave_id IS NOT NULL THEN format('First: SELECT merch.start_wave(%s).', wave_id)
                        ELSE 'It must be ' || array_to_string(states, ' or ') || '.' END;
    END IF;
END
$$;
COMMENT ON FUNCTION merch.lock_transfer(bigint, text[], text, boolean) IS
'Locks a transfer, before it its run and its wave, and returns what it is. Raises an error unless it is in one of the given states; verb says there what was tried. With share, others may pick other items of it.';

CREATE FUNCTION merch.end_waves(waves bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE merch.wave w
    SET state = CASE WHEN EXISTS (SELECT FROM merch.transfer t
                                  WHERE t.wave_id = w.wave_id AND t.state IN ('shipped', 'received'))
                     THEN 'done' ELSE 'cancelled' END,
        ended_at = now()
    WHERE w.wave_id = ANY (waves) AND w.state IN ('planned', 'picking')
      AND NOT EXISTS (SELECT FROM merch.transfer t WHERE t.wave_id = w.wave_id AND t.state IN ('planned', 'picking'))
$$;
COMMENT ON FUNCTION merch.end_waves(bigint[]) IS
'Ends those of the waves, which the caller has locked, of which nothing is left to ship.';

CREATE FUNCTION merch.check_pick(transfer_id bigint, item_id bigint, units bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := check_pick.transfer_id;
    item CONSTANT bigint := check_pick.item_id;
    planned record;
BEGIN
    SELECT l.units, l.picked INTO planned FROM merch.transfer_line l WHERE l.item_id = item AND l.transfer_id = id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('transfer %s has no item %s', id, coalesce(item::text, 'NULL')),
            HINT = 'Its items are in merch.transfer_line.';
    ELSIF planned.picked IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('item %s of transfer %s is picked already: %s units', item, id, planned.picked),
            HINT = 'A stock count corrects what is on hand; merch.cancel_transfer() puts all back.';
    ELSIF check_pick.units IS NULL OR check_pick.units NOT BETWEEN 0 AND planned.units THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s units of item %s cannot be picked for transfer %s',
                             coalesce(check_pick.units::text, 'NULL'), item, id),
            DETAIL = format('It is to carry %s units.', planned.units),
            HINT = 'What else was taken belongs back on its shelf: promises to others stand on it.';
    END IF;
    RETURN planned.units;
END
$$;
COMMENT ON FUNCTION merch.check_pick(bigint, bigint, bigint) IS
'The units of an item that a transfer is to carry. Raises an error if the given ones cannot be picked for it.';

CREATE FUNCTION merch.record_pick(transfer_id bigint, item_id bigint, units bigint, missing boolean DEFAULT true)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := record_pick.transfer_id;
    item CONSTANT bigint := record_pick.item_id;
    found_units CONSTANT bigint := record_pick.units;
    way record;
    planned bigint;
    stock record;
    gone bigint;
    arrival bigint;
BEGIN
    -- without a wave nobody else starts it
    IF EXISTS (SELECT FROM merch.transfer t WHERE t.transfer_id = id AND t.wave_id IS NULL AND t.state = 'planned') THEN
        way := merch.lock_transfer(id, ARRAY['planned', 'picking'], 'picked');
        UPDATE merch.transfer t SET state = 'picking' WHERE t.transfer_id = id AND t.state = 'planned';
    ELSE
        way := merch.lock_transfer(id, ARRAY['picking'], 'picked', true);
    END IF;
    PERFORM merch.lock_stock(ARRAY[item, item], ARRAY[way.source_id, way.location_id]);
    planned := merch.check_pick(id, item, found_units);

    -- the promise first: what is on hand must cover it at every moment
    UPDATE merch.transfer_line l SET held = 0 WHERE l.item_id = item AND l.transfer_id = id AND l.held > 0;
    UPDATE merch.allocation_line l
    SET reserved = greatest(l.reserved - planned, 0),
        quantity = l.quantity - d.short,
        released = greatest(l.released - d.short, 0),
        from_fence = least(l.from_fence, l.quantity - d.short),
        reason = CASE WHEN l.quantity - d.short < l.need THEN coalesce(l.reason, 'supply') END
    FROM (SELECT planned - found_units) d(short)
    WHERE l.item_id = item AND l.allocation_id = way.allocation_id
      AND l.location_id = way.location_id AND l.source_id = way.source_id;

    -- what the books have on hand beyond what was picked is not there
    SELECT s.* INTO stock FROM merch.stock s WHERE s.item_id = item AND s.location_id = way.source_id;
    gone := CASE WHEN record_pick.missing
                 THEN least(planned - found_units, greatest(stock.on_hand - found_units, 0)) ELSE 0 END;
    -- a line that fell short gave units back to its ring-fence: they are not there, either
    IF gone > 0 THEN
        PERFORM merch.cut_fences(item, way.source_id, stock.reserved + stock.fenced - stock.on_hand - stock.incoming
                                                      + found_units + gone);
    END IF;
    UPDATE merch.stock s SET on_hand = s.on_hand - found_units - gone
    WHERE s.item_id = item AND s.location_id = way.source_id AND found_units + gone > 0;
    IF found_units > 0 THEN
        INSERT INTO merch.inbound AS i (item_id, location_id, kind, expected_on, units, reference)
        VALUES (item, way.location_id, 'transfer', way.arrives_on, found_units, 'transfer ' || id)
        RETURNING i.inbound_id INTO arrival;
    END IF;
    UPDATE merch.transfer_line l SET picked = found_units, missing = gone, inbound_id = arrival
    WHERE l.item_id = item AND l.transfer_id = id;
    RETURN planned - found_units;
END
$$;
COMMENT ON FUNCTION merch.record_pick(bigint, bigint, bigint, boolean) IS
'Reports what was picked of an item of a transfer, and returns how much is short. The units leave the stock of the source and are announced to the location. What is short is promised no more; if it is missing, it is also written off the source''s stock.';

CREATE FUNCTION merch.lock_stock(items bigint[], locations int[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO merch.stock (item_id, location_id)
    SELECT DISTINCT d.item_id, d.location_id
    FROM unnest(items, locations) AS d(item_id, location_id)
    WHERE EXISTS (SELECT FROM merch.item i WHERE i.item_id = d.item_id)
      AND NOT EXISTS (SELECT FROM merch.stock s WHERE s.item_id = d.item_id AND s.location_id = d.location_id)
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    PERFORM
    FROM (SELECT DISTINCT d.item_id, d.location_id FROM unnest(items, locations) AS d(item_id, location_id)) d
    JOIN merch.stock s ON s.item_id = d.item_id AND s.location_id = d.location_id
    ORDER BY s.item_id, s.location_id
    FOR NO KEY UPDATE OF s;
END
$$;
COMMENT ON FUNCTION merch.lock_stock(bigint[], int[]) IS
'Locks stock rows in the order of their keys, so that nobody deadlocks; makes those that are missing.';

CREATE FUNCTION merch.ship_transfer(transfer_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := ship_transfer.transfer_id;
    way record := merch.lock_transfer(id, ARRAY['picking'], 'shipped');
BEGIN
    RETURN merch.ship_picked(ARRAY[id]);
END
$$;
COMMENT ON FUNCTION merch.ship_transfer(bigint) IS
'Ships a transfer of which all is picked, and returns its units. One for which nothing was found is cancelled.';

CREATE FUNCTION merch.ship_picked(transfers bigint[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shipped bigint;
BEGIN
    UPDATE merch.transfer t
    SET state = CASE WHEN d.units > 0 THEN 'shipped' ELSE 'cancelled' END,
        shipped_at = CASE WHEN d.units > 0 THEN now() END,
        reason = CASE WHEN d.units > 0 THEN t.reason ELSE 'nothing was picked' END,
        arrives_on = t.arrives_on + greatest(current_date - t.ships_on, 0)
    FROM (SELECT i.transfer_id, coalesce(sum(coalesce(l.picked, l.units)), 0) AS units
          FROM unnest(transfers) AS i(transfer_id)
          LEFT JOIN merch.transfer_line l USING (transfer_id)
          GROUP BY i.transfer_id) d
    WHERE t.transfer_id = d.transfer_id;
    -- what leaves late arrives late
    UPDATE merch.inbound i SET expected_on = t.arrives_on
    FROM merch.transfer t
    JOIN merch.transfer_line l USING (transfer_id)
    WHERE t.transfer_id = ANY (transfers) AND t.ships_on < current_date
      AND i.item_id = l.item_id AND i.inbound_id = l.inbound_id AND i.expected_on < t.arrives_on;
    PERFORM merch.end_waves(ARRAY(SELECT DISTINCT t.wave_id FROM merch.transfer t
                                  WHERE t.transfer_id = ANY (transfers) AND t.wave_id IS NOT NULL));
    SELECT coalesce(sum(l.picked), 0) INTO shipped FROM merch.transfer_line l WHERE l.transfer_id = ANY (transfers);
    RETURN shipped;
END
$$;
COMMENT ON FUNCTION merch.ship_picked(bigint[]) IS
'Ships transfers that the caller has locked and found picked; their waves end with the last of them. Returns the units. Use merch.ship_transfer() or merch.complete_wave().';

CREATE FUNCTION merch.complete_wave(wave_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := complete_wave.wave_id;
    items bigint[];
    places int[];
    transfers bigint[];
BEGIN
    -- a wave that is picked is joined no more: its runs are known, and are locked before it
    IF EXISTS (SELECT FROM merch.wave w WHERE w.wave_id = id AND w.state = 'picking') THEN
        PERFORM FROM merch.allocation a
        WHERE a.allocation_id IN (SELECT t.allocation_id FROM merch.transfer t WHERE t.wave_id = id)
        ORDER BY a.allocation_id FOR SHARE;
    END IF;
    PERFORM merch.lock_wave(id, 'picking', 'completed');
    PERFORM FROM merch.transfer t WHERE t.wave_id = id AND t.state = 'picking' ORDER BY t.transfer_id FOR NO KEY UPDATE;
    SELECT array_agg(l.item_id), array_agg(d.location_id) INTO items, places
    FROM merch.transfer t
    JOIN merch.transfer_line l USING (transfer_id)
    CROSS JOIN LATERAL (VALUES (t.source_id), (t.location_id)) d(location_id)
    WHERE t.wave_id = id AND t.state = 'picking' AND l.picked IS NULL;
    PERFORM merch.lock_stock(items, places);

    UPDATE merch.transfer_line l SET held = 0
    FROM merch.transfer t
    WHERE t.wave_id = id AND t.state = 'picking' AND l.transfer_id = t.transfer_id AND l.held > 0;
    UPDATE merch.allocation_line l SET reserved = greatest(l.reserved - d.units, 0)
    FROM (SELECT l.item_id, t.allocation_id, t.location_id, t.source_id, sum(l.units)::bigint AS units
          FROM merch.transfer t
          JOIN merch.transfer_line l USING (transfer_id)
          WHERE t.wave_id = id AND t.state = 'picking' AND l.picked IS NULL
          GROUP BY l.item_id, t.allocation_id, t.location_id, t.source_id) d
    WHERE l.item_id = d.item_id AND l.allocation_id = d.allocation_id
      AND l.location_id = d.location_id AND l.source_id = d.source_id;
    UPDATE merch.stock s SET on_hand = s.on_hand - d.units
    FROM (SELECT l.item_id, t.source_id, sum(l.units)::bigint AS units
          FROM merch.transfer t
          JOIN merch.transfer_line l USING (transfer_id)
          WHERE t.wave_id = id AND t.state = 'picking' AND l.picked IS NULL
          GROUP BY l.item_id, t.source_id) d
    WHERE s.item_id = d.item_id AND s.location_id = d.source_id;
    WITH way AS (
        INSERT INTO merch.inbound AS i (item_id, location_id, kind, expected_on, units, reference)
        SELECT l.item_id, t.location_id, 'transfer', t.arrives_on, l.units, 'transfer ' || t.transfer_id
        FROM merch.transfer t
        JOIN merch.transfer_line l USING (transfer_id)
        WHERE t.wave_id = id AND t.state = 'picking' AND l.picked IS NULL AND l.units > 0
        ORDER BY l.item_id, t.location_id, t.transfer_id
        RETURNING i.item_id, i.inbound_id, i.reference
    )
    UPDATE merch.transfer_line l SET picked = l.units, inbound_id = w.inbound_id
    FROM way w
    WHERE l.item_id = w.item_id AND l.transfer_id = split_part(w.reference, ' ', 2)::bigint;

    SELECT array_agg(t.transfer_id) INTO transfers FROM merch.transfer t WHERE t.wave_id = id AND t.state = 'picking';
    RETURN merch.ship_picked(transfers);
END
$$;
COMMENT ON FUNCTION merch.complete_wave(bigint) IS
'Ships all of a wave that is being picked: what nobody reported counts as picked as planned. Returns the units that left.';

CREATE FUNCTION merch.cancel_transfer(transfer_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := cancel_transfer.transfer_id;
    way record := merch.lock_transfer(id, ARRAY['proposed', 'planned', 'picking'], 'cancelled');
    items bigint[];
    returned bigint := 0;
BEGIN
    IF way.state <> 'proposed' THEN
        PERFORM FROM merch.inbound i
        JOIN merch.transfer_line l ON l.item_id = i.item_id AND l.inbound_id = i.inbound_id
        WHERE l.transfer_id = id
        ORDER BY i.item_id, i.inbound_id FOR NO KEY UPDATE OF i;
        SELECT coalesce(array_agg(l.item_id), '{}') INTO items FROM merch.transfer_line l WHERE l.transfer_id = id;
        PERFORM merch.lock_stock(items || items, array_fill(way.source_id, ARRAY[cardinality(items)])
                                                 || array_fill(way.location_id, ARRAY[cardinality(items)]));
        SELECT coalesce(sum(coalesce(l.picked, l.units)), 0) INTO returned
        FROM merch.transfer_line l WHERE l.transfer_id = id;

        -- what was picked is put back: on hand first, then promised again
        UPDATE merch.stock s SET on_hand = s.on_hand + l.picked
        FROM merch.transfer_line l
        WHERE l.transfer_id = id AND l.picked > 0 AND s.item_id = l.item_id AND s.location_id = way.source_id;
        UPDATE merch.inbound i SET closed = true
        FROM merch.transfer_line l
        WHERE l.transfer_id = id AND i.item_id = l.item_id AND i.inbound_id = l.inbound_id;
        UPDATE merch.allocation_line l
        SET released = greatest(l.released - coalesce(t.picked, t.units), 0),
            reserved = CASE WHEN a.state = 'cancelled' THEN l.reserved
                            ELSE least(l.reserved + coalesce(t.picked, 0), l.quantity) END
        FROM merch.transfer_line t, merch.allocation a
        WHERE t.transfer_id = id AND a.allocation_id = way.allocation_id AND l.item_id = t.item_id
          AND l.allocation_id = way.allocation_id AND l.location_id = way.location_id AND l.source_id = way.source_id;
    END IF;
    UPDATE merch.transfer t SET state = 'cancelled' WHERE t.transfer_id = id;
    PERFORM merch.end_waves(ARRAY[way.wave_id]);
    RETURN returned;
END
$$;
COMMENT ON FUNCTION merch.cancel_transfer(bigint) IS
'Cancels a transfer that has not been shipped: what was picked is put back, and the units are the allocation''s again, reserved and not released. Returns the units.';

CREATE FUNCTION merch.cancel_transfers_of(allocation_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := cancel_transfers_of.allocation_id;
    waves bigint[];
    items bigint[];
    places int[];
    cancelled bigint;
BEGIN
    PERFORM FROM merch.allocation a WHERE a.allocation_id = id FOR NO KEY UPDATE;
    waves := ARRAY(SELECT DISTINCT t.wave_id FROM merch.transfer t
                   WHERE t.allocation_id = id AND t.state IN ('planned', 'picking') AND t.wave_id IS NOT NULL);
    PERFORM FROM merch.wave w WHERE w.wave_id = ANY (waves)
    ORDER BY w.source_id, w.ships_on, w.cut_off, w.wave_id FOR NO KEY UPDATE;
    PERFORM FROM merch.transfer t WHERE t.allocation_id = id AND t.state IN ('planned', 'picking')
    ORDER BY t.transfer_id FOR NO KEY UPDATE;
    -- all that the run holds, so that who cancels it needs no more locks after these
    SELECT array_agg(l.item_id), array_agg(l.source_id) INTO items, places
    FROM (SELECT DISTINCT l.item_id, l.source_id FROM merch.allocation_line l
          WHERE l.allocation_id = id AND l.reserved > 0) l;
    PERFORM merch.lock_stock(items, places);

    -- of a ring-fence the line keeps what has gone
    UPDATE merch.allocation_line l
    SET released = greatest(l.released - d.units, 0), reserved = 0,
        from_fence = least(l.from_fence, l.quantity - l.reserved)
    FROM (SELECT l.item_id, t.location_id, t.source_id, sum(l.units)::bigint AS units
          FROM merch.transfer t
          JOIN merch.transfer_line l USING (transfer_id)
          WHERE t.allocation_id = id AND t.state IN ('planned', 'picking') AND l.picked IS NULL
          GROUP BY l.item_id, t.location_id, t.source_id) d
    WHERE l.item_id = d.item_id AND l.allocation_id = id
      AND l.location_id = d.location_id AND l.source_id = d.source_id;
    UPDATE merch.transfer t SET state = 'cancelled', reason = 'its allocation was cancelled'
    WHERE t.allocation_id = id AND t.state IN ('planned', 'picking')
      AND t.transfer_id <> ALL (ARRAY(SELECT DISTINCT p.transfer_id
                                      FROM merch.transfer p
                                      JOIN merch.transfer_line l USING (transfer_id)
                                      WHERE p.allocation_id = id AND p.state = 'picking' AND l.picked > 0));
    GET DIAGNOSTICS cancelled = ROW_COUNT;
    -- of one that is picked in part, just that part goes
    UPDATE merch.transfer_line l SET units = 0, picked = 0
    FROM merch.transfer t
    WHERE t.allocation_id = id AND t.state = 'picking' AND l.transfer_id = t.transfer_id AND l.picked IS NULL;
    PERFORM merch.end_waves(waves);
    RETURN cancelled;
END
$$;
COMMENT ON FUNCTION merch.cancel_transfers_of(bigint) IS
'Takes back what was released of an allocation and is not picked yet; what is picked goes its way. The lines that were released reserve nothing any more. Returns the number of transfers cancelled. Part of merch.cancel_allocation(): use that.';
