-- stock: the reserved counter and the lines that are its ledger

CREATE FUNCTION merch.keep_ledger()
RETURNS trigger
AS 'MODULE_PATHNAME', 'merch_keep_ledger'
LANGUAGE C
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION merch.keep_ledger() IS
'Trigger of merch.allocation_line: adds what its rows reserve to merch.stock and checks that what they point to exists, once a statement.';

CREATE FUNCTION merch.guard_reserved()
RETURNS trigger
AS 'MODULE_PATHNAME', 'merch_guard_reserved'
LANGUAGE C;
COMMENT ON FUNCTION merch.guard_reserved() IS
'Trigger of merch.stock: refuses to change what is reserved other than through allocation lines, and beyond what is on hand.';

CREATE FUNCTION merch.guard_truncate()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reserved bigint;
BEGIN
    EXECUTE format('SELECT sum(reserved) FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO reserved;
    IF reserved <> 0 THEN
        RAISE restrict_violation USING
            MESSAGE = format('cannot truncate "%s": %s units are reserved', TG_TABLE_NAME, reserved),
            HINT = 'Give them back first: SELECT merch.release_allocation(allocation_id) FROM merch.allocation WHERE state = ''active''.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.guard_truncate() IS
'Trigger of merch.stock and merch.allocation_line: refuses TRUNCATE while units are reserved.';

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

CREATE FUNCTION merch.check_reserved()
RETURNS TABLE (item_id bigint, location_id int, reserved bigint, by_lines bigint)
LANGUAGE sql STABLE
AS $$
    SELECT item_id, location_id, coalesce(s.reserved, 0), coalesce(l.reserved, 0)
    FROM merch.stock s
    FULL JOIN (SELECT item_id, source_id AS location_id, sum(reserved)::bigint AS reserved
               FROM merch.allocation_line
               WHERE reserved <> 0
               GROUP BY item_id, source_id) l USING (item_id, location_id)
    WHERE coalesce(s.reserved, 0) <> coalesce(l.reserved, 0)
$$;
COMMENT ON FUNCTION merch.check_reserved() IS
'Proves the stock ledger: every item and location whose reserved units are not the sum over its allocation lines. No row means that the books balance.';
