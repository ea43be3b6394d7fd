-- transfers: what may become of them, no circles, and the proof that they agree with the allocations

CREATE FUNCTION merch.guard_transfer()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        IF NOT EXISTS (SELECT FROM merch.transfer WHERE state IN ('planned', 'picking', 'shipped')) THEN
            RETURN NULL;
        END IF;
        RAISE restrict_violation USING
            MESSAGE = format('cannot truncate "%s": some transfers are still open', TG_TABLE_NAME),
            HINT = 'Ship and receive them, or cancel them: merch.cancel_transfer().';
    END IF;
    IF TG_NAME = 'guard_line_units' THEN
        IF EXISTS (SELECT FROM merch.transfer t WHERE t.transfer_id = OLD.transfer_id AND t.state = 'proposed') THEN
            RETURN NEW;
        END IF;
        RAISE restrict_violation USING
            MESSAGE = CASE WHEN OLD.picked IS NULL
                           THEN format('cannot raise item %s of transfer %s from %s to %s units', OLD.item_id, OLD.transfer_id, OLD.units, NEW.units)
                           ELSE format('cannot change item %s of transfer %s: it is picked', OLD.item_id, OLD.transfer_id) END,
            HINT = CASE WHEN OLD.picked IS NULL THEN 'Nobody has promised it more: merch.release_allocation() makes a correction of what a line got since.'
                        ELSE 'merch.cancel_transfer() puts all back; a stock count corrects what is on hand.' END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE restrict_violation USING
            MESSAGE = format('cannot delete transfer %s: it is %s', OLD.transfer_id, OLD.state),
            HINT = 'Transfers that are received or cancelled can be deleted: merch.cancel_transfer().';
    END IF;
    RAISE restrict_violation USING
        MESSAGE = format('cannot change what transfer %s is for', OLD.transfer_id),
        HINT = 'Make another transfer, and cancel this one: merch.cancel_transfer().';
END
$$;
COMMENT ON FUNCTION merch.guard_transfer() IS
'Trigger of merch.transfer and merch.transfer_line: refuses to delete what is open, to move it to other places, to have it carry more, and to change what is picked.';

CREATE FUNCTION merch.lock_routes(back boolean)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Without a transfer to a centre, or from elsewhere, there is no circle: what makes
    -- one possible waits for all others, and they for it.
    IF back THEN
        PERFORM pg_advisory_xact_lock(hashtext('merch.lock_routes'));
    ELSE
        PERFORM pg_advisory_xact_lock_shared(hashtext('merch.lock_routes'));
    END IF;
END
$$;
COMMENT ON FUNCTION merch.lock_routes(boolean) IS
'Waits, before transfers are made, until those that could close a circle with them are there to see. The argument says whether one of them goes to a centre or leaves from elsewhere.';

CREATE FUNCTION merch.refuse_cycle(transfers bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cycle record;
BEGIN
    PERFORM merch.lock_routes(EXISTS (
        SELECT FROM merch.transfer t
        JOIN merch.location s ON s.location_id = t.source_id
        JOIN merch.location d ON d.location_id = t.location_id
        WHERE t.transfer_id = ANY (transfers) AND t.state IN ('planned', 'picking', 'shipped')
          AND (s.kind <> 'distribution_centre' OR d.kind = 'distribution_centre')));

    -- only where something also leaves the place that a new transfer goes to
    WITH RECURSIVE walk AS (
        SELECT l.item_id, t.source_id AS start, t.location_id AS at
        FROM merch.transfer t
        JOIN merch.transfer_line l USING (transfer_id)
        WHERE t.transfer_id = ANY (transfers) AND t.state IN ('planned', 'picking', 'shipped')
          AND coalesce(l.picked, l.units) > 0
          AND EXISTS (SELECT FROM merch.transfer o
                      WHERE o.source_id = t.location_id AND o.state IN ('planned', 'picking', 'shipped'))
        UNION
        SELECT w.item_id, w.start, o.location_id
        FROM walk w
        JOIN merch.transfer o ON o.source_id = w.at AND o.state IN ('planned', 'picking', 'shipped')
        JOIN merch.transfer_line l ON l.item_id = w.item_id AND l.transfer_id = o.transfer_id
        WHERE w.at <> w.start AND coalesce(l.picked, l.units) > 0
    )
    SELECT item_id, start INTO cycle FROM walk WHERE at = start ORDER BY item_id, start LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    WITH RECURSIVE walk AS (
        SELECT cycle.start AS at, ARRAY[cycle.start] AS places, ARRAY[]::bigint[] AS passed
        UNION ALL
        SELECT o.location_id, w.places || o.location_id, w.passed || o.transfer_id
        FROM walk w
        JOIN merch.transfer o ON o.source_id = w.at AND o.state IN ('planned', 'picking', 'shipped')
        JOIN merch.transfer_line l ON l.item_id = cycle.item_id AND l.transfer_id = o.transfer_id
        WHERE o.location_id <> ALL (w.places[2:]) AND coalesce(l.picked, l.units) > 0
          AND (w.at <> cycle.start OR w.passed = '{}')
    )
    SELECT cycle.item_id, places, passed INTO cycle
    FROM walk WHERE at = cycle.start AND passed <> '{}'
    ORDER BY cardinality(passed), passed LIMIT 1;
    RAISE check_violation USING
        MESSAGE = format('transfers of item %s would go in a circle: %s', cycle.item_id, array_to_string(cycle.places, ' → ')),
        DETAIL = format('The transfers are %s.', array_to_string(cycle.passed, ', ')),
        HINT = 'Goods that come back were better not sent: cancel one of them by merch.cancel_transfer(), or wait until it is received.';
END
$$;
COMMENT ON FUNCTION merch.refuse_cycle(bigint[]) IS
'Raises an error that names the circle, if the given transfers close one with other open transfers of an item.';

-- Lines that allow no more than their transfers are found first, by their keys: hardly any is
-- left, so that what the transfers carry is rarely asked. The fences (OFFSET 0), beyond which
-- only a nested loop leads, and the settings keep it so, whatever is known of the tables:
-- they are new where all was just released.
CREATE FUNCTION merch.refuse_stranded(transfers bigint[], items bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_nestloop = off
SET jit = off
AS $$
DECLARE
    runs bigint[];
    places int[];
    sources int[];
    ways bigint[];
    stranded record;
BEGIN
    SELECT array_agg(t.transfer_id), array_agg(t.allocation_id), array_agg(t.location_id), array_agg(t.source_id)
    INTO ways, runs, places, sources
    FROM (SELECT DISTINCT i.transfer_id FROM unnest(transfers) i(transfer_id) OFFSET 0) i
    CROSS JOIN LATERAL (SELECT t.* FROM merch.transfer t WHERE t.transfer_id = i.transfer_id OFFSET 0) t
    WHERE t.allocation_id IS NOT NULL;
    IF ways IS NULL THEN
        RETURN;
    END IF;

    -- More is right: what a transfer carries is taken from its line first, and put there last.
    WITH released AS MATERIALIZED (
        SELECT i.transfer_id, i.item_id, t.allocation_id, t.location_id, t.source_id, a.units
        FROM unnest(transfers, items) i(transfer_id, item_id)
        JOIN unnest(ways, runs, places, sources) t(transfer_id, allocation_id, location_id, source_id) USING (transfer_id)
        CROSS JOIN LATERAL (SELECT a.released - a.quantity + a.reserved AS units
                            FROM merch.allocation_line a
                            WHERE a.item_id = i.item_id AND a.allocation_id = t.allocation_id
                              AND a.location_id = t.location_id AND a.source_id = t.source_id
                            OFFSET 0) a
        WHERE a.units > 0
    )
    SELECT k.transfer_id, k.item_id, k.units - s.units AS units
    INTO stranded
    FROM (SELECT max(r.transfer_id) AS transfer_id, r.item_id, r.allocation_id, r.location_id, r.source_id, max(r.units) AS units
          FROM released r
          GROUP BY r.item_id, r.allocation_id, r.location_id, r.source_id) k
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(l.units), 0) AS units
        FROM (SELECT t.* FROM merch.transfer t
              WHERE t.allocation_id = k.allocation_id AND t.location_id = k.location_id OFFSET 0) t
        CROSS JOIN LATERAL (SELECT l.* FROM merch.transfer_line l
                            WHERE l.item_id = k.item_id AND l.transfer_id = t.transfer_id OFFSET 0) l
        WHERE t.source_id = k.source_id AND t.state IN ('planned', 'picking') AND l.picked IS NULL) s
    WHERE k.units > s.units
    ORDER BY 1, 2 LIMIT 1;
    IF FOUND THEN
        RAISE restrict_violation USING
            MESSAGE = format('transfer %s cannot leave %s units of item %s behind, which are released for it',
                             stranded.transfer_id, stranded.units, stranded.item_id),
            HINT = format('merch.cancel_transfer(%s) and merch.record_pick() give an allocation back what is not sent.', stranded.transfer_id);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.refuse_stranded(bigint[], bigint[]) IS
'Raises an error if an allocation has units released that no transfer carries any more. The arguments are pairs: what changed.';

CREATE FUNCTION merch.check_line_units()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    transfers bigint[];
    items bigint[];
BEGIN
    -- all that were touched: to find those that carry less, the old rows would have to be joined
    SELECT array_agg(n.transfer_id), array_agg(n.item_id) INTO transfers, items FROM new_line n;
    IF transfers IS NOT NULL THEN
        PERFORM merch.refuse_stranded(transfers, items);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.check_line_units() IS
'Trigger of merch.transfer_line: refuses to have a transfer carry less than what its allocation has released for it.';

CREATE FUNCTION merch.check_transfer_lines()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
    transfers bigint[];
BEGIN
    IF TG_OP = 'DELETE' THEN
        SELECT t.transfer_id, t.state INTO wrong
        FROM (SELECT DISTINCT transfer_id FROM old_line WHERE coalesce(picked, units) > 0) l
        JOIN merch.transfer t USING (transfer_id)
        WHERE t.state IN ('planned', 'picking', 'shipped') ORDER BY 1 LIMIT 1;
        IF FOUND THEN
            RAISE restrict_violation USING
                MESSAGE = format('cannot delete lines of transfer %s: it is %s', wrong.transfer_id, wrong.state),
                HINT = 'merch.cancel_transfer() cancels it.';
        END IF;
        RETURN NULL;
    END IF;

    SELECT array_agg(transfer_id ORDER BY transfer_id) INTO transfers
    FROM (SELECT DISTINCT transfer_id FROM new_line) l;
    -- locked: it must not be shipped or cancelled before this is there to see
    PERFORM FROM merch.transfer t WHERE t.transfer_id = ANY (transfers) ORDER BY t.transfer_id FOR SHARE;
    SELECT l.transfer_id, t.state INTO wrong
    FROM unnest(transfers) l(transfer_id)
    LEFT JOIN merch.transfer t USING (transfer_id)
    WHERE t.state IS NULL OR t.state NOT IN ('proposed', 'planned')
    ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = CASE WHEN wrong.state IS NULL THEN format('transfer %s does not exist', wrong.transfer_id)
                           ELSE format('cannot add lines to transfer %s: it is %s', wrong.transfer_id, wrong.state) END,
            HINT = 'Lines can only be added to transfers that are proposed or planned.';
    END IF;
    SELECT l.item_id INTO wrong
    FROM (SELECT DISTINCT item_id FROM new_line) l
    WHERE NOT EXISTS (SELECT FROM merch.item i WHERE i.item_id = l.item_id) ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('item %s does not exist', wrong.item_id),
            HINT = 'Transfer lines can only name rows of merch.item.';
    END IF;
    PERFORM merch.refuse_cycle(transfers);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.check_transfer_lines() IS
'Trigger of merch.transfer_line: checks, once a statement, that what new lines point to exists and that no item would go in a circle; refuses to delete lines of open transfers.';

CREATE FUNCTION merch.refuse_unpicked(transfers bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unpicked record;
BEGIN
    SELECT l.transfer_id, l.item_id INTO unpicked
    FROM merch.transfer_line l
    WHERE l.transfer_id = ANY (transfers) AND l.picked IS NULL AND l.units > 0
    ORDER BY 1, 2 LIMIT 1;
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('transfer %s cannot be shipped: item %s is not picked', unpicked.transfer_id, unpicked.item_id),
            HINT = format('SELECT merch.record_pick(%s, %s, units), with 0 units if there is none.',
                          unpicked.transfer_id, unpicked.item_id);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.refuse_unpicked(bigint[]) IS
'Raises an error if some of the transfers, which are to be shipped, have items that are not picked.';

CREATE FUNCTION merch.refuse_left(transfers bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ways bigint[];
    items bigint[];
    picked record;
BEGIN
    SELECT array_agg(l.transfer_id), array_agg(l.item_id) INTO ways, items
    FROM merch.transfer_line l
    WHERE l.transfer_id = ANY (transfers);
    IF ways IS NULL THEN
        RETURN;
    END IF;
    PERFORM merch.refuse_stranded(ways, items);
    SELECT l.transfer_id, l.item_id, l.picked INTO picked
    FROM merch.transfer_line l
    WHERE l.transfer_id = ANY (transfers) AND l.picked > 0
      AND EXISTS (SELECT FROM merch.inbound i
                  WHERE i.item_id = l.item_id AND i.inbound_id = l.inbound_id AND NOT i.closed OFFSET 0)
    ORDER BY 1, 2 LIMIT 1;
    IF FOUND THEN
        RAISE restrict_violation USING
            MESSAGE = format('transfer %s cannot leave %s units of item %s behind, which are picked for it',
                             picked.transfer_id, picked.picked, picked.item_id),
            HINT = format('merch.cancel_transfer(%s) puts them back.', picked.transfer_id);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.refuse_left(bigint[]) IS
'Raises an error if some of the transfers, which are to be cancelled, have units picked, or an allocation has units released for them.';

-- Old and new rows are put together by grouping: a join is planned for the first statement of a
-- session, and may be a nested loop over all that the next one changes.
CREATE FUNCTION merch.check_transfer_states()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    accepted bigint[];
    cancelled bigint[];
    shipped bigint[];
BEGIN
    SELECT array_agg(c.transfer_id) FILTER (WHERE c.was = 'proposed' AND c.state = 'planned'),
           array_agg(c.transfer_id) FILTER (WHERE c.was IN ('planned', 'picking') AND c.state = 'cancelled'),
           array_agg(c.transfer_id) FILTER (WHERE c.was = 'picking' AND c.state = 'shipped')
    INTO accepted, cancelled, shipped
    FROM (SELECT u.transfer_id, max(u.was) AS was, max(u.state) AS state
          FROM (SELECT n.transfer_id, NULL AS was, n.state FROM new_transfer n
                UNION ALL
                SELECT o.transfer_id, o.state, NULL FROM old_transfer o) u
          GROUP BY u.transfer_id) c;
    IF cancelled IS NOT NULL THEN
        PERFORM merch.refuse_left(cancelled);
    END IF;
    IF accepted IS NOT NULL THEN
        PERFORM merch.refuse_cycle(accepted);
    END IF;
    IF shipped IS NOT NULL THEN
        PERFORM merch.refuse_unpicked(shipped);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.check_transfer_states() IS
'Trigger of merch.transfer: refuses to accept proposals by which an item would go in a circle, to ship what is not picked, and to cancel what is still released or picked.';

CREATE FUNCTION merch.check_transfers()
RETURNS TABLE (item_id bigint, allocation_id bigint, location_id int, source_id int, by_lines bigint, by_transfers bigint)
LANGUAGE sql STABLE ROWS 10
AS $$
    WITH released AS (
        SELECT l.item_id, l.allocation_id, l.location_id, l.source_id, l.released - l.quantity + l.reserved AS units
        FROM merch.allocation_line l
        WHERE l.released > l.quantity - l.reserved
    ), sent AS (
        SELECT l.item_id, t.allocation_id, t.location_id, t.source_id, sum(l.units)::bigint AS units
        FROM merch.transfer t
        JOIN merch.transfer_line l USING (transfer_id)
        WHERE t.state IN ('planned', 'picking') AND t.allocation_id IS NOT NULL AND l.picked IS NULL AND l.units > 0
        GROUP BY l.item_id, t.allocation_id, t.location_id, t.source_id
    )
    SELECT item_id, allocation_id, location_id, source_id, coalesce(r.units, 0), coalesce(s.units, 0)
    FROM released r
    FULL JOIN sent s USING (item_id, allocation_id, location_id, source_id)
    WHERE coalesce(r.units, 0) <> coalesce(s.units, 0)
$$;
COMMENT ON FUNCTION merch.check_transfers() IS
'Proves the transfers: every allocation line of which not just as much is released and still at its source as open transfers are to pick. No row means that they agree.';
