-- ring-fences: units of a location's stock that one channel alone may have

-- Everything below locks the stock row first and then the ring-fences, in the order of
-- their channels: as allocations do, so that nobody deadlocks.

CREATE FUNCTION merch.lock_fence(item_id bigint, location_id int, channels int[], units bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item CONSTANT bigint := lock_fence.item_id;
    location CONSTANT int := lock_fence.location_id;
    stranger int;
BEGIN
    IF item IS NULL OR location IS NULL OR units IS NULL OR array_position(channels, NULL) IS NOT NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('item, location, channel and units must not be null: %s, %s, %s, %s',
                             coalesce(item::text, 'NULL'), coalesce(location::text, 'NULL'),
                             array_to_string(channels, ', ', 'NULL'), coalesce(units::text, 'NULL')),
            HINT = 'A ring-fence is of one item at one location for one channel.';
    END IF;
    IF units < 1 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('units must be at least 1: %s', units),
            HINT = 'merch.allocate_fence() ring-fences units, merch.release_fence() gives them back.';
    END IF;
    SELECT c INTO stranger
    FROM unnest(channels) c
    WHERE NOT EXISTS (SELECT FROM merch.channel h WHERE h.channel_id = c)
    LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('channel %s does not exist', stranger),
            HINT = 'The channels are the rows of merch.channel.';
    END IF;

    PERFORM FROM merch.stock s
    WHERE s.item_id = item AND s.location_id = location
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('item %s has no stock at location %s', item, location),
            HINT = 'Units can only be ring-fenced where merch.stock has a row.';
    END IF;
    PERFORM FROM merch.ring_fence f
    WHERE f.item_id = item AND f.location_id = location AND f.channel_id = ANY (channels)
    ORDER BY f.channel_id
    FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION merch.lock_fence(bigint, int, int[], bigint) IS
'Checks the arguments of the functions that change ring-fences, then locks the stock row and the ring-fences of the channels.';

CREATE FUNCTION merch.take_fence(item_id bigint, location_id int, channel_id int, units bigint, consume boolean)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    open bigint;
BEGIN
    SELECT f.open_units INTO open
    FROM merch.ring_fence f
    WHERE f.item_id = take_fence.item_id AND f.location_id = take_fence.location_id
      AND f.channel_id = take_fence.channel_id;
    IF coalesce(open, 0) < take_fence.units THEN
        RAISE check_violation USING
            MESSAGE = format('item %s at location %s has %s units left in the ring-fence of channel %s, not %s',
                             take_fence.item_id, take_fence.location_id, coalesce(open, 0),
                             take_fence.channel_id, take_fence.units),
            HINT = 'merch.fence_balance says what each ring-fence has left; merch.allocate_fence() ring-fences more.';
    END IF;
    UPDATE merch.ring_fence f
    SET units = f.units - CASE WHEN consume THEN 0 ELSE take_fence.units END,
        consumed = f.consumed + CASE WHEN consume THEN take_fence.units ELSE 0 END
    WHERE f.item_id = take_fence.item_id AND f.location_id = take_fence.location_id
      AND f.channel_id = take_fence.channel_id
    RETURNING f.open_units INTO open;
    RETURN open;
END
$$;
COMMENT ON FUNCTION merch.take_fence(bigint, int, int, bigint, boolean) IS
'Takes units out of a ring-fence that is locked, as consumed or as if they had never been in it. Returns what it has left.';

CREATE FUNCTION merch.allocate_fence(item_id bigint, location_id int, channel_id int, units bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    free bigint;
    open bigint;
BEGIN
    PERFORM merch.lock_fence(item_id, location_id, ARRAY[channel_id], units);
    SELECT s.on_hand + s.incoming - s.reserved - s.fenced INTO free
    FROM merch.stock s
    WHERE s.item_id = allocate_fence.item_id AND s.location_id = allocate_fence.location_id;
    IF units > free THEN
        RAISE check_violation USING
            MESSAGE = format('item %s at location %s has %s units free for all, not the %s to ring-fence',
                             item_id, location_id, greatest(free, 0), units),
            HINT = 'merch.reallocate_fence() moves units from another channel; merch.cancel_allocation() gives reserved ones back.';
    END IF;
    INSERT INTO merch.ring_fence AS f (item_id, location_id, channel_id, units)
    VALUES (allocate_fence.item_id, allocate_fence.location_id, allocate_fence.channel_id, allocate_fence.units)
    ON CONFLICT ON CONSTRAINT ring_fence_pkey DO UPDATE SET units = f.units + excluded.units
    RETURNING f.open_units INTO open;
    RETURN open;
END
$$;
COMMENT ON FUNCTION merch.allocate_fence(bigint, int, int, bigint) IS
'Ring-fences more units of an item at a location for a channel, out of what is free for all. Returns what the ring-fence now has.';

CREATE FUNCTION merch.reallocate_fence(item_id bigint, location_id int, from_channel int, to_channel int, units bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    open bigint;
BEGIN
    PERFORM merch.lock_fence(item_id, location_id, ARRAY[from_channel, to_channel], units);
    IF from_channel = to_channel THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('from_channel and to_channel are both %s', from_channel),
            HINT = 'Name two different channels.';
    END IF;
    PERFORM merch.take_fence(item_id, location_id, from_channel, units, false);
    INSERT INTO merch.ring_fence AS f (item_id, location_id, channel_id, units)
    VALUES (reallocate_fence.item_id, reallocate_fence.location_id, to_channel, reallocate_fence.units)
    ON CONFLICT ON CONSTRAINT ring_fence_pkey DO UPDATE SET units = f.units + excluded.units
    RETURNING f.open_units INTO open;
    RETURN open;
END
$$;
COMMENT ON FUNCTION merch.reallocate_fence(bigint, int, int, int, bigint) IS
'Moves units of an item at a location from the ring-fence of one channel to that of another. Returns what the second now has.';

CREATE FUNCTION merch.consume_fence(item_id bigint, location_id int, channel_id int, units bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    on_hand bigint;
    open bigint;
BEGIN
    PERFORM merch.lock_fence(item_id, location_id, ARRAY[channel_id], units);
    -- first out of the ring-fence: what is promised falls before the supply does
    open := merch.take_fence(item_id, location_id, channel_id, units, true);
    UPDATE merch.stock s SET on_hand = s.on_hand - consume_fence.units
    WHERE s.item_id = consume_fence.item_id AND s.location_id = consume_fence.location_id
    RETURNING s.on_hand INTO on_hand;
    IF on_hand < 0 THEN
        RAISE check_violation USING
            MESSAGE = format('item %s at location %s has %s units on hand, not the %s to consume',
                             item_id, location_id, greatest(on_hand + units, 0), units),
            HINT = 'The rest of the ring-fence is still on its way: book its receipt first.';
    END IF;
    RETURN open;
END
$$;
COMMENT ON FUNCTION merch.consume_fence(bigint, int, int, bigint) IS
'An order of the channel takes units out of its ring-fence: they leave the stock on hand as well. Returns what the ring-fence has left.';

CREATE FUNCTION merch.release_fence(item_id bigint, location_id int, channel_id int, units bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM merch.lock_fence(item_id, location_id, ARRAY[channel_id], units);
    RETURN merch.take_fence(item_id, location_id, channel_id, units, false);
END
$$;
COMMENT ON FUNCTION merch.release_fence(bigint, int, int, bigint) IS
'Gives units of a channel''s ring-fence back to all channels. Returns what the ring-fence has left.';
