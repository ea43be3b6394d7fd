-- arrivals: receipts, delays, and the promises that fall with what does not come

CREATE FUNCTION merch.lock_promises(item_id bigint, location_id int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item CONSTANT bigint := lock_promises.item_id;
    place CONSTANT int := lock_promises.location_id;
    runs bigint[];
BEGIN
    LOOP
        SELECT array_agg(DISTINCT l.allocation_id) INTO runs
        FROM merch.allocation_line l WHERE l.item_id = item AND l.source_id = place AND l.reserved > 0;
        BEGIN
            PERFORM FROM merch.allocation a WHERE a.allocation_id = ANY (runs) ORDER BY a.allocation_id FOR SHARE;
            PERFORM merch.lock_stock(ARRAY[item], ARRAY[place]);
            IF NOT EXISTS (SELECT FROM merch.allocation_line l
                           WHERE l.item_id = item AND l.source_id = place AND l.reserved > 0
                             AND l.allocation_id <> ALL (coalesce(runs, '{}'))) THEN
                RETURN;
            END IF;
            -- a run came in between: let go and begin with it
            RAISE SQLSTATE 'MR001';
        EXCEPTION WHEN SQLSTATE 'MR001' THEN
            NULL;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.lock_promises(bigint, int) IS
'Locks the stock of an item at a location, and before it the runs that hold units of it, so that their lines can be cut.';

CREATE FUNCTION merch.cut_lines(item_id bigint, location_id int, units bigint, released boolean, ships_by date DEFAULT NULL)
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH piece AS (
        SELECT l.allocation_id, l.location_id, l.pack, a.units, sum(a.units) OVER w - a.units AS before
        FROM merch.allocation_line l
        CROSS JOIN LATERAL (SELECT CASE WHEN cut_lines.released THEN l.reserved - least(l.quantity - l.released, l.reserved)
                                        ELSE least(l.quantity - l.released, l.reserved) END) a(units)
        WHERE l.item_id = cut_lines.item_id AND l.source_id = cut_lines.location_id AND a.units > 0
          AND (ships_by IS NULL OR l.ships_on <= ships_by)
        WINDOW w AS (ORDER BY l.score, l.ships_on DESC, l.location_id DESC, l.allocation_id DESC ROWS UNBOUNDED PRECEDING)
    ), cut AS MATERIALIZED (
        -- whole packs, if there are
        SELECT p.allocation_id, p.location_id,
               least(p.units, (div(cut_lines.units - p.before - 1, p.pack) + 1) * p.pack)::bigint AS units
        FROM piece p
        WHERE p.before < cut_lines.units
    ), line AS (
        UPDATE merch.allocation_line l
        SET quantity = l.quantity - c.units,
            reserved = l.reserved - c.units,
            released = CASE WHEN cut_lines.released THEN l.released - c.units ELSE l.released END,
            from_fence = least(l.from_fence, l.quantity - c.units),
            reason = CASE WHEN l.quantity - c.units < l.need THEN coalesce(l.reason, 'supply') END
        FROM cut c
        WHERE l.item_id = cut_lines.item_id AND l.allocation_id = c.allocation_id
          AND l.location_id = c.location_id AND l.source_id = cut_lines.location_id
    ), planned AS (
        SELECT t.transfer_id, t.allocation_id, t.location_id, tl.units,
               sum(tl.units) OVER (PARTITION BY t.allocation_id, t.location_id ORDER BY t.transfer_id DESC
                                   ROWS UNBOUNDED PRECEDING) - tl.units AS before
        FROM cut c
        JOIN merch.transfer t ON t.allocation_id = c.allocation_id AND t.location_id = c.location_id
        JOIN merch.transfer_line tl ON tl.transfer_id = t.transfer_id
        WHERE cut_lines.released AND tl.item_id = cut_lines.item_id AND t.source_id = cut_lines.location_id
          AND t.state IN ('planned', 'picking') AND tl.picked IS NULL
    ), transfer_line AS (
        UPDATE merch.transfer_line tl
        SET units = tl.units - least(p.units, c.units - p.before)::bigint,
            picked = CASE WHEN tl.units <= c.units - p.before THEN 0 END
        FROM planned p
        JOIN cut c USING (allocation_id, location_id)
        WHERE tl.item_id = cut_lines.item_id AND tl.transfer_id = p.transfer_id AND p.before < c.units
    )
    SELECT coalesce(sum(c.units), 0)::bigint FROM cut c
$$;
COMMENT ON FUNCTION merch.cut_lines(bigint, int, bigint, boolean, date) IS
'Cuts what allocation lines hold of an item at a source, the least score first, in whole packs: what is not released, or what is released and not picked. Returns the units. The caller has called merch.lock_promises().';

CREATE FUNCTION merch.cut_fences(item_id bigint, location_id int, units bigint)
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH fence AS (
        SELECT f.channel_id, f.open_units,
               sum(f.open_units) OVER (ORDER BY c.tier DESC, c.channel_id DESC ROWS UNBOUNDED PRECEDING) - f.open_units AS before
        FROM merch.ring_fence f
        JOIN merch.channel c USING (channel_id)
        WHERE f.item_id = cut_fences.item_id AND f.location_id = cut_fences.location_id AND f.open_units > 0
    ), cut AS (
        UPDATE merch.ring_fence f SET units = f.units - least(d.open_units, cut_fences.units - d.before)::bigint
        FROM fence d
        WHERE f.item_id = cut_fences.item_id AND f.location_id = cut_fences.location_id
          AND f.channel_id = d.channel_id AND d.before < cut_fences.units
        RETURNING least(d.open_units, cut_fences.units - d.before) AS units
    )
    SELECT coalesce(sum(c.units), 0)::bigint FROM cut c
$$;
COMMENT ON FUNCTION merch.cut_fences(bigint, int, bigint) IS
'Takes units out of the ring-fences of an item at a location, the channel that is served last first. Returns the units. The caller has locked the stock.';

CREATE FUNCTION merch.cut_held(item_id bigint, location_id int, units bigint)
RETURNS bigint
LANGUAGE sql
AS $$
    WITH piece AS (
        SELECT l.transfer_id, l.held, sum(l.held) OVER (ORDER BY l.transfer_id DESC ROWS UNBOUNDED PRECEDING) - l.held AS before
        FROM merch.transfer_line l
        WHERE l.item_id = cut_held.item_id AND l.held_at = cut_held.location_id AND l.held > 0
    ), cut AS (
        UPDATE merch.transfer_line l
        SET units = l.units - d.units,
            held = l.held - d.units,
            picked = CASE WHEN l.units = d.units THEN 0 END
        FROM (SELECT p.transfer_id, least(p.held, cut_held.units - p.before)::bigint AS units
              FROM piece p WHERE p.before < cut_held.units) d
        WHERE l.item_id = cut_held.item_id AND l.transfer_id = d.transfer_id
        RETURNING d.units
    )
    SELECT coalesce(sum(c.units), 0)::bigint FROM cut c
$$;
COMMENT ON FUNCTION merch.cut_held(bigint, int, bigint) IS
'Takes units of an item out of accepted transfers between stores that have not picked them at a location, the latest transfer first. Returns the units. The caller has locked the stock.';

CREATE FUNCTION merch.cut_promises(item_id bigint, location_id int, units bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item CONSTANT bigint := cut_promises.item_id;
    place CONSTANT int := cut_promises.location_id;
    promised bigint;
    goal bigint;
    excess bigint;
BEGIN
    IF cut_promises.units IS NULL OR cut_promises.units < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('cannot cut %s units', coalesce(cut_promises.units::text, 'NULL')),
            HINT = 'Units to cut are 0 or more.';
    END IF;
    PERFORM merch.lock_promises(item, place);
    SELECT s.reserved + s.fenced, s.reserved + s.fenced - cut_promises.units INTO promised, goal
    FROM merch.stock s WHERE s.item_id = item AND s.location_id = place;
    excess := cut_promises.units;
    -- what a line gives back of a ring-fence is kept there: hence look again
    FOR step IN 0 .. 4 LOOP
        EXIT WHEN excess <= 0;
        CASE step WHEN 0 THEN PERFORM merch.cut_held(item, place, excess);
                  WHEN 1 THEN PERFORM merch.cut_lines(item, place, excess, false);
                  WHEN 3 THEN PERFORM merch.cut_lines(item, place, excess, true);
                  ELSE PERFORM merch.cut_fences(item, place, excess); END CASE;
        SELECT s.reserved + s.fenced - goal INTO excess
        FROM merch.stock s WHERE s.item_id = item AND s.location_id = place;
    END LOOP;
    RETURN promised - goal - excess;
END
$$;
COMMENT ON FUNCTION merch.cut_promises(bigint, int, bigint) IS
'Takes back promises of an item at a location that its stock cannot keep: first what accepted transfers between stores hold, then what allocation lines hold and is not released, the least score first, then ring-fences, then what is released and not picked. Returns the units, in whole packs of their lines.';

CREATE FUNCTION merch.cut_late(
    item_id bigint,
    location_id int,
    inbound_id bigint,
    from_day date,
    to_day date,
    units bigint
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item CONSTANT bigint := cut_late.item_id;
    place CONSTANT int := cut_late.location_id;
    day date;
    deficit bigint;
    released boolean;
    taken bigint;
    cut bigint := 0;
BEGIN
    -- day by day of departure: what is cut for one need not be cut for the next;
    -- ring-fences have no day, what comes later serves them as well
    FOR day IN
        SELECT DISTINCT l.ships_on FROM merch.allocation_line l
        WHERE l.item_id = item AND l.source_id = place AND l.reserved > 0
          AND l.ships_on >= from_day AND l.ships_on < to_day
        ORDER BY 1
    LOOP
        SELECT least(cut_late.units - cut,
                     (SELECT coalesce(sum(l.reserved), 0) FROM merch.allocation_line l
                      WHERE l.item_id = item AND l.source_id = place AND l.reserved > 0 AND l.ships_on <= day)
                     - s.on_hand
                     - (SELECT coalesce(sum(i.open_units), 0) FROM merch.inbound i
                        WHERE i.item_id = item AND i.location_id = place AND i.open_units > 0
                          AND i.expected_on <= day AND i.inbound_id <> cut_late.inbound_id))
        INTO deficit
        FROM merch.stock s WHERE s.item_id = item AND s.location_id = place;
        FOREACH released IN ARRAY ARRAY[false, true] LOOP
            EXIT WHEN deficit <= 0;
            taken := merch.cut_lines(item, place, deficit, released, day);
            deficit := deficit - taken;
            cut := cut + taken;
        END LOOP;
    END LOOP;
    RETURN cut;
END
$$;
COMMENT ON FUNCTION merch.cut_late(bigint, int, bigint, date, date, bigint) IS
'Cuts lines that leave on days when an inbound row is not there, from the first to before the last day given, and that nothing else covers: at most the given units, but whole packs. Returns the units. The caller has called merch.lock_promises().';

CREATE FUNCTION merch.record_receipt(item_id bigint, inbound_id bigint, units bigint, closed boolean DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item CONSTANT bigint := record_receipt.item_id;
    id CONSTANT bigint := record_receipt.inbound_id;
    arrived CONSTANT bigint := record_receipt.units;
    arrival record := merch.lock_inbound(item, id);
    ends boolean;
    settled bigint;
    deficit bigint;
    cut bigint := 0;
    way bigint;
BEGIN
    IF arrived IS NULL OR arrived < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('cannot receive %s units of item %s', coalesce(arrived::text, 'NULL'), item),
            HINT = 'A receipt is of 0 units or more; a stock count corrects what is on hand.';
    END IF;
    SELECT t.transfer_id INTO way
    FROM merch.transfer_line l JOIN merch.transfer t USING (transfer_id)
    WHERE l.item_id = item AND l.inbound_id = id AND t.state NOT IN ('shipped', 'received');
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('item %s of transfer %s cannot be received: it is not shipped', item, way),
            HINT = format('First: SELECT merch.ship_transfer(%s).', way);
    END IF;

    ends := arrival.closed OR coalesce(record_receipt.closed, arrival.received + arrived >= arrival.units);
    -- units that were to come, and will not be to come after this
    settled := arrival.open_units - CASE WHEN ends THEN 0 ELSE greatest(arrival.units - arrival.received - arrived, 0) END;
    IF settled > arrived THEN
        PERFORM merch.lock_promises(item, arrival.location_id);
    ELSE
        PERFORM merch.lock_stock(ARRAY[item], ARRAY[arrival.location_id]);
    END IF;
    UPDATE merch.stock s SET on_hand = s.on_hand + arrived
    WHERE s.item_id = item AND s.location_id = arrival.location_id AND arrived > 0;
    IF settled > arrived THEN
        cut := merch.cut_late(item, arrival.location_id, id, arrival.expected_on, 'infinity', settled - arrived);
        SELECT s.reserved + s.fenced - s.on_hand - s.incoming + settled INTO deficit
        FROM merch.stock s WHERE s.item_id = item AND s.location_id = arrival.location_id AND s.reserved + s.fenced > 0;
        IF deficit > 0 THEN
            cut := cut + merch.cut_promises(item, arrival.location_id, deficit);
        END IF;
    END IF;
    UPDATE merch.inbound i SET received = i.received + arrived, closed = ends
    WHERE i.item_id = item AND i.inbound_id = id;
    IF arrival.kind = 'transfer' THEN
        PERFORM merch.receive_transfer(item, id, arrived);
    END IF;
    RETURN cut;
END
$$;
COMMENT ON FUNCTION merch.record_receipt(bigint, bigint, bigint, boolean) IS
'Reports units that arrived of a row of merch.inbound: they are on hand. The row is closed once all is there, or when the last argument says that no more will come: promises that stood on what is missing are cut. More than announced is accepted, and visible in received. Returns the units cut.';

CREATE FUNCTION merch.lock_inbound(item_id bigint, inbound_id bigint)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    arrival record;
BEGIN
    SELECT i.* INTO arrival FROM merch.inbound i
    WHERE i.item_id = lock_inbound.item_id AND i.inbound_id = lock_inbound.inbound_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('nothing inbound of item %s has the number %s', coalesce(lock_inbound.item_id::text, 'NULL'),
                             coalesce(lock_inbound.inbound_id::text, 'NULL')),
            HINT = 'What is on its way are the rows of merch.inbound.';
    END IF;
    RETURN arrival;
END
$$;
COMMENT ON FUNCTION merch.lock_inbound(bigint, bigint) IS
'Locks a row of merch.inbound and returns it. Raises an error if it does not exist.';

CREATE FUNCTION merch.receive_transfer(item_id bigint, inbound_id bigint, units bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
BEGIN
    UPDATE merch.transfer_line l SET received = coalesce(l.received, 0) + receive_transfer.units
    WHERE l.item_id = receive_transfer.item_id AND l.inbound_id = receive_transfer.inbound_id
    RETURNING l.transfer_id INTO id;
    -- locked first, then looked at: of two that receive the last items one sees both
    PERFORM FROM merch.transfer t WHERE t.transfer_id = id FOR NO KEY UPDATE;
    UPDATE merch.transfer t SET state = 'received', received_at = now()
    WHERE t.transfer_id = id AND t.state = 'shipped'
      AND NOT EXISTS (SELECT FROM merch.transfer_line l
                      JOIN merch.inbound i ON i.item_id = l.item_id AND i.inbound_id = l.inbound_id
                      WHERE l.transfer_id = id AND i.open_units > 0);
END
$$;
COMMENT ON FUNCTION merch.receive_transfer(bigint, bigint, bigint) IS
'Adds what arrived of an inbound row to the line of its transfer, which is received with the last of them. Part of merch.record_receipt().';

CREATE FUNCTION merch.record_delay(item_id bigint, inbound_id bigint, expected_on date)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item CONSTANT bigint := record_delay.item_id;
    id CONSTANT bigint := record_delay.inbound_id;
    new_day CONSTANT date := record_delay.expected_on;
    arrival record := merch.lock_inbound(item, id);
BEGIN
    IF new_day IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'the day on which it is expected must not be null',
            HINT = 'If nothing more will come: SELECT merch.record_receipt(item_id, inbound_id, 0, true).';
    END IF;
    IF arrival.open_units > 0 AND new_day > arrival.expected_on THEN
        PERFORM merch.lock_promises(item, arrival.location_id);
    END IF;
    UPDATE merch.inbound i SET expected_on = new_day WHERE i.item_id = item AND i.inbound_id = id;
    IF arrival.open_units = 0 OR new_day <= arrival.expected_on THEN
        RETURN 0;
    END IF;

    RETURN merch.cut_late(item, arrival.location_id, id, arrival.expected_on, new_day, arrival.open_units);
END
$$;
COMMENT ON FUNCTION merch.record_delay(bigint, bigint, date) IS
'Reports that a row of merch.inbound is expected on another day. Lines that leave before it is there and stood on it are cut: the least score first, what is not released before what is. Returns the units cut.';
