-- stock: its counters, and the rows that are their ledger

CREATE FUNCTION merch.keep_ledger()
RETURNS trigger
AS 'MODULE_PATHNAME', 'merch_keep_ledger'
LANGUAGE C
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = on
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off;
COMMENT ON FUNCTION merch.keep_ledger() IS
'Trigger of merch.allocation_line, merch.transfer_line, merch.inbound and merch.ring_fence: adds what a statement changed to the counters of merch.stock, and what lines take to the ring-fences; checks that what lines point to exists.';

CREATE FUNCTION merch.guard_stock()
RETURNS trigger
AS 'MODULE_PATHNAME', 'merch_guard_stock'
LANGUAGE C;
COMMENT ON FUNCTION merch.guard_stock() IS
'Trigger of merch.stock: refuses to change reserved, incoming and fenced other than through the rows that they count, and promises beyond the supply.';

CREATE FUNCTION merch.guard_truncate()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    units numeric;
BEGIN
    FOR i IN 0 .. TG_NARGS - 1 LOOP
        EXECUTE format('SELECT sum(%I) FROM %I.%I', TG_ARGV[i], TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO units;
        IF units <> 0 THEN
            RAISE restrict_violation USING
                MESSAGE = format('cannot truncate "%s": the sum of its %s is %s', TG_TABLE_NAME, TG_ARGV[i], units),
                HINT = CASE WHEN TG_ARGV[i] IN ('reserved', 'from_fence')
                            THEN 'Give units back first: SELECT merch.cancel_allocation(allocation_id) FROM merch.allocation WHERE state <> ''cancelled''.'
                            ELSE 'Units leave the stock ledger by DELETE or UPDATE of merch.inbound and merch.ring_fence.' END;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.guard_truncate() IS
'Trigger of merch.stock and of the tables that it counts: refuses TRUNCATE while they hold units. Arguments: the columns that must sum to 0.';

CREATE FUNCTION merch.guard_line_parent()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text := to_jsonb(OLD) ->> TG_ARGV[0];
    used boolean;
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) ->> TG_ARGV[0] = key THEN
        RETURN NEW;
    END IF;
    FOR i IN 0 .. TG_NARGS - 1 LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM merch.allocation_line WHERE %I = %L)', TG_ARGV[i], key)
        INTO used;
        IF used THEN
            RAISE foreign_key_violation USING
                MESSAGE = format('%s %s is still used by allocation lines', TG_TABLE_NAME, key),
                HINT = 'Delete the lines of released allocations first, if they are no longer needed.';
        END IF;
    END LOOP;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION merch.guard_line_parent() IS
'Trigger of what allocation lines point to: refuses to remove it while they do. Arguments: the columns of the lines; the first is also its own key.';

CREATE FUNCTION merch.guard_channel()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM merch.allocation_line l WHERE l.location_id = OLD.location_id AND l.from_fence <> 0) THEN
        RAISE restrict_violation USING
            MESSAGE = format('cannot move location %s from channel %s to channel %s: its allocation lines take units from ring-fences of the old one',
                             OLD.location_id, OLD.channel_id, NEW.channel_id),
            HINT = 'Cancel the allocations first that took them: merch.cancel_allocation().';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_channel() IS
'Trigger of merch.location: refuses to change the channel of a location while its allocation lines hold units of that channel''s ring-fences.';

CREATE FUNCTION merch.check_ledger()
RETURNS TABLE (item_id bigint, location_id int, counter text, channel_id int, units bigint, by_rows bigint)
LANGUAGE sql STABLE ROWS 10
AS $$
    WITH counted AS (
        SELECT r.item_id, r.location_id, 'reserved' AS counter, sum(r.units)::bigint AS units
        FROM (SELECT l.item_id, l.source_id AS location_id, l.reserved AS units
              FROM merch.allocation_line l
              WHERE l.reserved <> 0
              UNION ALL
              SELECT l.item_id, l.held_at, l.held
              FROM merch.transfer_line l
              WHERE l.held > 0) r
        GROUP BY r.item_id, r.location_id
        UNION ALL
        SELECT i.item_id, i.location_id, 'incoming', sum(i.open_units)::bigint
        FROM merch.inbound i
        WHERE i.open_units > 0
        GROUP BY i.item_id, i.location_id
        UNION ALL
        SELECT f.item_id, f.location_id, 'fenced', sum(f.open_units)::bigint
        FROM merch.ring_fence f
        WHERE f.open_units <> 0
        GROUP BY f.item_id, f.location_id
    ), kept AS (
        SELECT s.item_id, s.location_id, c.counter, c.units
        FROM merch.stock s
        CROSS JOIN LATERAL (VALUES ('reserved', s.reserved), ('incoming', s.incoming), ('fenced', s.fenced)) c(counter, units)
        WHERE c.units <> 0
    ), taken AS (
        SELECT l.item_id, l.source_id AS location_id, p.channel_id, sum(l.from_fence)::bigint AS units
        FROM merch.allocation_line l
        JOIN merch.location p ON p.location_id = l.location_id
        WHERE l.from_fence <> 0
        GROUP BY l.item_id, l.source_id, p.channel_id
    )
    SELECT item_id, location_id, counter, NULL::int, coalesce(k.units, 0), coalesce(c.units, 0)
    FROM kept k
    FULL JOIN counted c USING (item_id, location_id, counter)
    WHERE coalesce(k.units, 0) <> coalesce(c.units, 0)
    UNION ALL
    SELECT t.item_id, t.location_id, 'consumed', t.channel_id, coalesce(f.consumed, 0), t.units
    FROM taken t
    LEFT JOIN merch.ring_fence f USING (item_id, location_id, channel_id)
    WHERE coalesce(f.consumed, 0) < t.units
$$;
COMMENT ON FUNCTION merch.check_ledger() IS
'Proves the stock ledger: every item, location and counter (reserved, incoming, fenced) that is not the sum over its rows, and every ring-fence of which less was consumed than allocation lines took from it. No row means that the books balance.';
