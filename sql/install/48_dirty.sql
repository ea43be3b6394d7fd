-- dirty: what has changed since it was allocated, and allocating just that anew

CREATE FUNCTION merch.mark_dirty_items()
RETURNS trigger
AS 'MODULE_PATHNAME', 'merch_mark_dirty_items'
LANGUAGE C;
COMMENT ON FUNCTION merch.mark_dirty_items() IS
'Trigger, after each statement, of tables with item_id: appends the items of the rows that changed to merch.dirty_item. Arguments: the columns that an UPDATE must change to count; none for any.';

CREATE FUNCTION merch.mark_dirty(items bigint[])
RETURNS void
AS 'MODULE_PATHNAME', 'merch_mark_dirty'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION merch.mark_dirty(bigint[]) IS
'Marks items to be allocated anew, for changes that no trigger sees, such as sales that policies with demand source history look at.';

CREATE FUNCTION merch.mark_promotions_dirty(promotions bigint[])
RETURNS void
AS 'MODULE_PATHNAME', 'merch_mark_promotions_dirty'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION merch.mark_promotions_dirty(bigint[]) IS
'Marks all items of promotions to be allocated anew; a null among them stands for all promotions with an open run.';

CREATE FUNCTION merch.mark_dirty_scope()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ignored CONSTANT text[] := coalesce(TG_ARGV[0 : TG_NARGS - 1], '{}');
    by_promotion CONSTANT boolean := EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = TG_RELID AND a.attname = 'promotion_id' AND NOT a.attisdropped);
    changed jsonb[];
BEGIN
    CASE TG_OP
        WHEN 'TRUNCATE' THEN
            PERFORM merch.mark_promotions_dirty('{NULL}');
            RETURN NULL;
        WHEN 'INSERT' THEN
            SELECT array_agg(to_jsonb(n)) INTO changed FROM new_row n;
        WHEN 'DELETE' THEN
            SELECT array_agg(to_jsonb(o)) INTO changed FROM old_row o;
        ELSE
            WITH before AS (SELECT to_jsonb(o) - ignored AS r FROM old_row o),
                 after AS (SELECT to_jsonb(n) - ignored AS r FROM new_row n)
            SELECT array_agg(c.r) INTO changed
            FROM ((TABLE before EXCEPT TABLE after) UNION ALL (TABLE after EXCEPT TABLE before)) c;
    END CASE;
    IF changed IS NOT NULL THEN
        PERFORM merch.mark_promotions_dirty(
            CASE WHEN by_promotion THEN (SELECT array_agg(DISTINCT (c ->> 'promotion_id')::bigint) FROM unnest(changed) c)
                 ELSE '{NULL}' END);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.mark_dirty_scope() IS
'Trigger, after each statement, of small tables: marks the promotions that the changed rows name, or all if the table or a row names none. Arguments: columns whose change does not count.';

CREATE FUNCTION merch.mark_dirty_runs()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    promotions bigint[];
    finished bigint[];
BEGIN
    -- what changes while a run is made is not noticed for it: it is looked at once more
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(n.promotion_id) INTO promotions
        FROM new_row n WHERE n.state IN ('active', 'released');
    ELSE
        SELECT array_agg(n.promotion_id) FILTER (WHERE n.state = 'cancelled' OR n.policy IS DISTINCT FROM o.policy),
               array_agg(n.promotion_id) FILTER (WHERE o.state = 'running' AND n.state = 'active')
        INTO promotions, finished
        FROM new_row n
        JOIN old_row o USING (allocation_id)
        WHERE (n.state, n.policy) IS DISTINCT FROM (o.state, o.policy);
    END IF;
    IF promotions IS NOT NULL THEN
        PERFORM merch.mark_promotions_dirty(promotions);
    END IF;
    -- bulk runs took what the other runs left: these may now have to give way
    IF finished IS NOT NULL THEN
        PERFORM merch.mark_dirty(array_agg(DISTINCT i.item_id))
        FROM merch.promotion_item i
        WHERE i.promotion_id = ANY (finished)
          AND EXISTS (SELECT
                      FROM merch.promotion_item other
                      JOIN merch.allocation a USING (promotion_id)
                      WHERE other.item_id = i.item_id AND a.state IN ('active', 'released')
                        AND other.promotion_id <> ALL (finished));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.mark_dirty_runs() IS
'Trigger, after each statement, of merch.allocation: marks the items of runs that appear, go or get another policy.';

-- A transaction does not count as seen by a snapshot of its own, whatever the snapshot says.
CREATE FUNCTION merch.settled_snapshot()
RETURNS pg_snapshot
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN own IS NULL OR own >= pg_snapshot_xmax(s) THEN s
                ELSE format('%s:%s:%s', least(pg_snapshot_xmin(s), own), pg_snapshot_xmax(s),
                            (SELECT string_agg(x::text, ',' ORDER BY x)
                             FROM (SELECT x FROM pg_snapshot_xip(s) x UNION SELECT own) u(x)))::pg_snapshot END
    FROM (SELECT pg_current_snapshot() AS s, pg_current_xact_id_if_assigned() AS own) now
$$;
COMMENT ON FUNCTION merch.settled_snapshot() IS
'A snapshot that sees exactly the other transactions that are decided now. Used by merch.take_dirty().';

CREATE FUNCTION merch.expand_dirty_scope()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    promotions bigint[];
BEGIN
    WITH gone AS (DELETE FROM merch.dirty_scope RETURNING promotion_id)
    SELECT array_agg(DISTINCT g.promotion_id) INTO promotions FROM gone g;
    IF promotions IS NOT NULL THEN
        PERFORM merch.mark_dirty(array_agg(DISTINCT i.item_id))
        FROM merch.promotion_item i
        WHERE i.promotion_id = ANY (promotions)
           OR (array_position(promotions, NULL) IS NOT NULL
               AND EXISTS (SELECT FROM merch.allocation a
                           WHERE a.promotion_id = i.promotion_id AND a.state <> 'cancelled'));
    END IF;
END
$$;
COMMENT ON FUNCTION merch.expand_dirty_scope() IS
'Replaces the marks of whole promotions by marks of their items. Used by merch.take_dirty().';

-- Takes marks of one kind in the order of (xid, item), and says where it stopped.
CREATE FUNCTION merch.take_marks(
    lower_xid xid8, lower_item bigint, upper_xid xid8, among xid8[], seen_by pg_snapshot, mark_limit bigint,
    OUT items bigint[], OUT marks bigint, OUT last_xid xid8, OUT last_item bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- the statistics of a queue say nothing: it is read by its index, in order
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
BEGIN
    IF among IS NULL THEN
        WITH gone AS (
            DELETE FROM merch.dirty_item d
            WHERE d.ctid = ANY (ARRAY(
                SELECT m.ctid
                FROM merch.dirty_item m
                WHERE (m.xid, m.item_id) > (lower_xid, lower_item) AND m.xid < upper_xid
                  AND pg_visible_in_snapshot(m.xid, seen_by)
                ORDER BY m.xid, m.item_id
                FETCH FIRST mark_limit ROWS WITH TIES))
            RETURNING d.xid, d.item_id)
        SELECT array_agg(DISTINCT g.item_id), count(*), max(g.xid), (array_agg(g.item_id ORDER BY g.xid DESC, g.item_id DESC))[1]
        INTO items, marks, last_xid, last_item
        FROM gone g;
    ELSE
        WITH gone AS (
            DELETE FROM merch.dirty_item d
            WHERE d.ctid = ANY (ARRAY(
                SELECT m.ctid
                FROM merch.dirty_item m
                WHERE m.xid = ANY (among) AND (m.xid, m.item_id) > (lower_xid, lower_item)
                  AND (seen_by IS NULL OR pg_visible_in_snapshot(m.xid, seen_by))
                ORDER BY m.xid, m.item_id
                FETCH FIRST mark_limit ROWS WITH TIES))
            RETURNING d.xid, d.item_id)
        SELECT array_agg(DISTINCT g.item_id), count(*), max(g.xid), (array_agg(g.item_id ORDER BY g.xid DESC, g.item_id DESC))[1]
        INTO items, marks, last_xid, last_item
        FROM gone g;
    END IF;
END
$$;
COMMENT ON FUNCTION merch.take_marks(xid8, bigint, xid8, xid8[], pg_snapshot, bigint) IS
'Deletes and returns marks of the queue above (lower_xid, lower_item) that a snapshot sees: those below upper_xid, or among given transactions. Used by merch.take_dirty().';

/*
 * Marks become visible in the order of commits, which is not that of their xids. So the
 * position is a snapshot, "taken": every mark that it sees is gone, every other one is
 * of a transaction that was going on then (its list xip) or came later (from its xmax on).
 * Just these two places of the index are looked at, and no dead row is met again,
 * though an old snapshot may keep all of them in the index.
 *
 * Where the limit leaves some, "taking" is the snapshot that the marks are taken from, and
 * reached_* how far; what becomes visible in the meantime, at whatever place, is left
 * for the next snapshot.
 */
CREATE FUNCTION merch.take_dirty(mark_limit bigint DEFAULT NULL)
RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cluster CONSTANT bigint := (SELECT c.system_identifier FROM pg_control_system() c);
    most CONSTANT bigint := coalesce(mark_limit, 9223372036854775807);
    place record;
    below xid8;
    found record;
    items bigint[] := '{}';
    marks bigint := 0;
    again boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('merch.reallocate_dirty'));
    IF EXISTS (SELECT FROM merch.dirty_scope) THEN
        PERFORM merch.expand_dirty_scope();
    END IF;

    SELECT * INTO place FROM merch.dirty_position p ORDER BY p.position_id DESC LIMIT 1;
    IF place.system_identifier IS DISTINCT FROM cluster THEN
        -- nothing taken yet, or restored from a dump whose transactions mean nothing here
        UPDATE merch.dirty_item SET xid = pg_current_xact_id();
        place.taken := merch.settled_snapshot();
        place.taking := NULL;
    END IF;
    -- what a limit left of an earlier snapshot, then what a snapshot of now sees
    LOOP
        again := place.taking IS NOT NULL;
        IF NOT again THEN
            place.taking := merch.settled_snapshot();
            place.reached_xid := '0';
            place.reached_item := 0;
        END IF;

        SELECT * INTO found
        FROM merch.take_marks(place.reached_xid, place.reached_item, NULL, ARRAY(SELECT pg_snapshot_xip(place.taken)),
                              place.taking, most - marks);
        items := items || coalesce(found.items, '{}');
        marks := marks + found.marks;
        IF marks < most THEN
            -- everything from the xmax of "taken" on, or from where the last call stopped
            below := (pg_snapshot_xmax(place.taken)::text::numeric - 1)::text::xid8;
            IF place.reached_xid <= below THEN
                place.reached_xid := below;
                place.reached_item := 9223372036854775807;
            END IF;
            SELECT * INTO found
            FROM merch.take_marks(place.reached_xid, place.reached_item, pg_snapshot_xmax(place.taking), NULL,
                                  place.taking, most - marks);
            items := items || coalesce(found.items, '{}');
            marks := marks + found.marks;
        END IF;

        IF marks >= most THEN
            place.reached_xid := found.last_xid;
            place.reached_item := found.last_item;
            EXIT;
        END IF;
        place.taken := place.taking;
        place.taking := NULL;
        place.reached_xid := NULL;
        place.reached_item := NULL;
        EXIT WHEN NOT again;
    END LOOP;
    IF marks < most AND pg_current_xact_id_if_assigned() IS NOT NULL THEN
        SELECT * INTO found
        FROM merch.take_marks('0', 0, NULL, ARRAY[pg_current_xact_id()], NULL, most - marks);
        items := items || coalesce(found.items, '{}');
        marks := marks + found.marks;
    END IF;
    IF marks > 0 OR place.system_identifier IS DISTINCT FROM cluster THEN
        INSERT INTO merch.dirty_position (system_identifier, taken, taking, reached_xid, reached_item)
        VALUES (cluster, place.taken, place.taking, place.reached_xid, place.reached_item)
        RETURNING position_id INTO place.position_id;
        DELETE FROM merch.dirty_position p WHERE p.position_id < place.position_id;
    END IF;
    RETURN ARRAY(SELECT DISTINCT i FROM unnest(items) i ORDER BY i);
END
$$;
COMMENT ON FUNCTION merch.take_dirty(bigint) IS
'Takes up to that many marks (null: all) out of the queue of changed items, and returns the items. One transaction at a time: others wait. Used by merch.reallocate_dirty(), which also allocates them anew.';

-- An item may have left the promotion while its run still has lines of it: those are found
-- by hopping from run to run through the key, from the oldest open one on.
CREATE FUNCTION merch.open_promotions(items bigint[])
RETURNS bigint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE open AS MATERIALIZED (
        SELECT a.allocation_id, a.promotion_id
        FROM merch.allocation a
        JOIN merch.promotion p USING (promotion_id)
        WHERE a.state IN ('active', 'released') AND p.ends_on > current_date
    ), line (item_id, allocation_id) AS (
        SELECT i, (SELECT l.allocation_id
                   FROM merch.allocation_line l
                   WHERE l.item_id = i AND l.allocation_id >= (SELECT min(o.allocation_id) FROM open o)
                   ORDER BY l.allocation_id LIMIT 1)
        FROM unnest(items) i
        UNION ALL
        SELECT b.item_id, (SELECT l.allocation_id
                           FROM merch.allocation_line l
                           WHERE l.item_id = b.item_id AND l.allocation_id > b.allocation_id
                           ORDER BY l.allocation_id LIMIT 1)
        FROM line b
        WHERE b.allocation_id IS NOT NULL
    )
    SELECT coalesce(array_agg(found.promotion_id ORDER BY found.promotion_id), '{}')
    FROM (SELECT o.promotion_id
          FROM merch.promotion_item i
          JOIN open o USING (promotion_id)
          WHERE i.item_id = ANY (items)
          UNION
          SELECT o.promotion_id FROM line JOIN open o USING (allocation_id)) found
$$;
COMMENT ON FUNCTION merch.open_promotions(bigint[]) IS
'The promotions that have not ended, whose run is active or released and that have one of the items, as an item or in a line.';

CREATE FUNCTION merch.renew_items(items bigint[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    promotions bigint[];
    held bigint;
BEGIN
    IF items = '{}' THEN
        RETURN 0;
    END IF;
    -- A run that is still being written may have read these items already: its batch owes
    -- them, and marks them when it is done. The lock makes it wait for this.
    PERFORM
    FROM merch.allocation a
    WHERE a.state = 'running'
      AND EXISTS (SELECT FROM merch.promotion_item i WHERE i.promotion_id = a.promotion_id AND i.item_id = ANY (items))
    ORDER BY a.allocation_id
    FOR SHARE;
    IF FOUND THEN
        INSERT INTO merch.batch_item (item_id, batch_id)
        SELECT DISTINCT i.item_id, r.batch_id
        FROM merch.allocation a
        JOIN merch.batch_run r USING (allocation_id)
        JOIN merch.promotion_item i ON i.promotion_id = a.promotion_id
        WHERE a.state = 'running' AND i.item_id = ANY (items)
        ON CONFLICT DO NOTHING;
    END IF;

    promotions := merch.open_promotions(items);
    IF promotions = '{}' THEN
        RETURN 0;
    END IF;
    RETURN merch.renew_lines(promotions, items);
END
$$;
COMMENT ON FUNCTION merch.renew_items(bigint[]) IS
'Allocates items anew in all open runs that have them; runs that a batch is still writing follow when it is done. Returns the number of lines that changed.';

CREATE FUNCTION merch.error_text(message text, detail text, hint text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN concat_ws(E'\n', message, 'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
COMMENT ON FUNCTION merch.error_text(text, text, text) IS
'An error in one text, as it is kept in merch.batch_block and merch.dirty_failure.';

-- One item that can't be allocated must not stop the others. What may go well when it is
-- tried again is not a failure of the item.
CREATE FUNCTION merch.renew_one_by_one(items bigint[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item bigint;
    lines bigint := 0;
    message text;
    detail text;
    hint text;
    code text;
BEGIN
    FOREACH item IN ARRAY items LOOP
        BEGIN
            lines := lines + merch.renew_items(ARRAY[item]);
            DELETE FROM merch.dirty_failure f WHERE f.item_id = item;
        EXCEPTION
            WHEN transaction_rollback OR lock_not_available THEN
                RAISE;
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                                        hint = PG_EXCEPTION_HINT, code = RETURNED_SQLSTATE;
                INSERT INTO merch.dirty_failure (item_id, error, error_code)
                VALUES (item, merch.error_text(message, detail, hint), code)
                ON CONFLICT (item_id) DO UPDATE
                SET error = excluded.error, error_code = excluded.error_code, failed_at = excluded.failed_at;
                RAISE WARNING USING
                    MESSAGE = format('item %s could not be allocated anew: %s', item, message),
                    HINT = 'See merch.dirty_failure. The item is tried again when it changes, or after merch.mark_dirty().';
        END;
    END LOOP;
    RETURN lines;
END
$$;
COMMENT ON FUNCTION merch.renew_one_by_one(bigint[]) IS
'As merch.renew_items(), but an item that fails is noted in merch.dirty_failure, with a warning, and does not stop the others.';

CREATE FUNCTION merch.reallocate_round(mark_limit bigint, OUT items bigint, OUT lines bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken bigint[];
BEGIN
    taken := merch.take_dirty(mark_limit);
    items := cardinality(taken);
    lines := 0;
    IF items > 0 THEN
        BEGIN
            lines := merch.renew_items(taken);
            IF EXISTS (SELECT FROM merch.dirty_failure) THEN
                DELETE FROM merch.dirty_failure f WHERE f.item_id = ANY (taken);
            END IF;
        EXCEPTION
            WHEN transaction_rollback OR lock_not_available THEN
                RAISE;
            WHEN OTHERS THEN
                lines := merch.renew_one_by_one(taken);
        END;
    END IF;
END
$$;
COMMENT ON FUNCTION merch.reallocate_round(bigint) IS
'Takes up to that many marks out of the queue and allocates their items anew: how many items there were, and how many lines changed.';

CREATE FUNCTION merch.reallocate_dirty(item_limit int DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF item_limit IS NULL OR item_limit < 1 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('item_limit must be at least 1: %s', coalesce(item_limit::text, 'NULL')),
            HINT = 'It bounds the work of one transaction; call again for the rest.';
    END IF;
    RETURN (SELECT r.lines FROM merch.reallocate_round(item_limit) r);
END
$$;
COMMENT ON FUNCTION merch.reallocate_dirty(int) IS
'Allocates items anew that have changed, up to item_limit marks of them, in all open runs; returns the number of lines that changed. What was committed before is seen. One at a time: a second call waits for the first.';

CREATE FUNCTION merch.keep_reallocating_once(pause interval, until timestamptz, item_limit int)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    round record;
BEGIN
    IF clock_timestamp() >= until THEN
        RETURN false;
    END IF;
    BEGIN
        SELECT * INTO round FROM merch.reallocate_round(item_limit);
    EXCEPTION WHEN transaction_rollback OR lock_not_available THEN
        -- a writer that locks in another order: the marks are still there
        RETURN true;
    END;
    IF round.items = 0 THEN
        PERFORM pg_sleep_for(pause);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION merch.keep_reallocating_once(interval, timestamptz, int) IS
'One round of merch.keep_reallocating(): false when its time is up.';

-- No settings of its own: a procedure that commits can have none. So it leaves every
-- operator to the functions, which have.
CREATE PROCEDURE merch.keep_reallocating(
    pause interval DEFAULT '10 milliseconds',
    until timestamptz DEFAULT NULL,
    item_limit int DEFAULT 1000
)
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM merch.check_own_transaction('merch.keep_reallocating');
    LOOP
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        EXIT WHEN NOT merch.keep_reallocating_once(pause, until, item_limit);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE merch.keep_reallocating(interval, timestamptz, int) IS
'Calls merch.reallocate_dirty() again and again, each time in a transaction of its own, with a pause whenever nothing has changed; until a time, or until it is cancelled.';
