-- taking feeds: applied as a whole, given up, tended by a job, and their rejects tried again

CREATE FUNCTION merch.count_price_lines(price_feed_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    feed record;
    loaded record;
BEGIN
    SELECT * INTO feed FROM merch.price_feed f WHERE f.price_feed_id = count_price_lines.price_feed_id;
    SELECT count(*) AS lines, max(l.source_version) AS version INTO loaded
    FROM merch.price_feed_line l WHERE l.price_feed_id = count_price_lines.price_feed_id;
    IF loaded.lines <> feed.expected_lines THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('price feed %s has %s lines instead of %s', feed.price_feed_id, loaded.lines, feed.expected_lines),
            DETAIL = 'Nothing of it was taken.',
            HINT = 'Load what is missing and apply it then, or give it up: SELECT merch.abandon_price_feed(price_feed_id).';
    END IF;
    UPDATE merch.price_feed f
    SET lines = loaded.lines,
        source_version = CASE f.kind WHEN 'snapshot' THEN greatest(f.source_version, loaded.version) ELSE f.source_version END
    WHERE f.price_feed_id = feed.price_feed_id;
    RETURN loaded.lines;
END
$$;
COMMENT ON FUNCTION merch.count_price_lines(bigint) IS
'Counts the lines of a feed, which must be as many as were told when it was opened. Used by merch.apply_price_feed().';

CREATE FUNCTION merch.lock_price_feed(price_feed_id bigint)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    was text;
BEGIN
    -- the system first: one feed of it at a time, and who comes second sees what the first did
    PERFORM FROM merch.system s
    WHERE s.system_id = (SELECT f.system_id FROM merch.price_feed f WHERE f.price_feed_id = lock_price_feed.price_feed_id)
    FOR NO KEY UPDATE;
    SELECT f.state INTO was FROM merch.price_feed f WHERE f.price_feed_id = lock_price_feed.price_feed_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('price feed %s does not exist', coalesce(lock_price_feed.price_feed_id::text, 'NULL')),
            HINT = 'Those there are: SELECT * FROM merch.price_feed.';
    END IF;
    RETURN was;
END
$$;
COMMENT ON FUNCTION merch.lock_price_feed(bigint) IS
'Locks a feed and its system until the end of the transaction, and waits for who is loading into it; returns its state. Used by merch.apply_price_feed().';

-- A feed that was cut off, or written by other rules, must not empty a system.
CREATE FUNCTION merch.check_feed_loss(price_feed_id bigint, unreadable bigint, taken_back bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    feed record;
    worst record;
BEGIN
    SELECT f.*, s.loss_limit INTO feed
    FROM merch.price_feed f
    JOIN merch.system s USING (system_id)
    WHERE f.price_feed_id = check_feed_loss.price_feed_id;
    IF feed.kind <> 'snapshot' THEN
        RETURN;
    END IF;
    IF unreadable > feed.loss_limit * feed.lines THEN
        SELECT r.reason, count(*) AS lines, min(r.line) AS line INTO worst
        FROM merch.price_feed_reject r
        WHERE r.price_feed_id = feed.price_feed_id AND NOT r.retryable AND r.reason NOT IN ('duplicate', 'overlap')
        GROUP BY r.reason ORDER BY count(*) DESC, r.reason LIMIT 1;
        RAISE data_exception USING
            MESSAGE = format('%s of %s lines of price feed %s cannot be read', unreadable, feed.lines, feed.price_feed_id),
            DETAIL = format('Most often (%s): %s. For example line %s. Nothing of it was taken.', worst.lines, worst.reason, worst.line),
            HINT = 'How many may be unreadable is loss_limit of merch.system.';
    END IF;
    IF feed.expected_lines IS NULL AND taken_back > feed.loss_limit * (taken_back + feed.lines) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('price feed %s, a snapshot of %s lines, would take back %s prices', feed.price_feed_id, feed.lines, taken_back),
            DETAIL = 'It may have been cut off. Nothing of it was taken.',
            HINT = 'If it is whole, say how many lines it has: expected_lines of merch.open_price_feed(). The limit is loss_limit of merch.system.';
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_feed_loss(bigint, bigint, bigint) IS
'Refuses a snapshot of which too much can''t be read, or that takes back too much without having told how many lines it has. Used by merch.apply_price_feed().';

CREATE FUNCTION merch.end_price_feed(price_feed_id bigint, state text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM merch.price_feed_line l WHERE l.price_feed_id = end_price_feed.price_feed_id;
    UPDATE merch.price_feed f SET state = end_price_feed.state, applied_at = CASE WHEN end_price_feed.state = 'applied' THEN clock_timestamp() END
    WHERE f.price_feed_id = end_price_feed.price_feed_id;
$$;
COMMENT ON FUNCTION merch.end_price_feed(bigint, text) IS
'Ends a feed: its lines go. Used by merch.apply_price_feed() and merch.abandon_price_feed().';

-- Freshly loaded lines have no statistics: how the plans join is said here, by their number.
CREATE FUNCTION merch.take_price_feed(price_feed_id bigint, lines bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = on
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    feed CONSTANT bigint := price_feed_id;
    sorted record;
    written record;
BEGIN
    PERFORM set_config('enable_nestloop', CASE WHEN lines > 10000 THEN 'off' ELSE 'on' END, true);
    SELECT * INTO sorted FROM merch.sort_out_price_lines(feed);
    PERFORM set_config('enable_nestloop', 'on', true);
    SELECT * INTO written FROM merch.write_price_feed(feed);
    PERFORM merch.check_feed_loss(feed, sorted.unreadable, written.taken_back);
    UPDATE merch.system s
    SET snapshot_at = f.taken_at, snapshot_version = f.source_version
    FROM merch.price_feed f
    WHERE f.price_feed_id = feed AND f.kind = 'snapshot' AND s.system_id = f.system_id;
    UPDATE merch.price_feed f
    SET changed = written.changed, taken_back = written.taken_back, late_lines = written.late_lines,
        rejected = sorted.rejected, overlapping = sorted.overlapping
    WHERE f.price_feed_id = feed;
END
$$;
COMMENT ON FUNCTION merch.take_price_feed(bigint, bigint) IS
'Takes the lines of a feed of that many into what is known of its system. Used by merch.apply_price_feed().';

CREATE FUNCTION merch.apply_price_feed(
    INOUT price_feed_id bigint,
    OUT state text,
    OUT lines bigint,
    OUT changed bigint,
    OUT taken_back bigint,
    OUT late_lines bigint,
    OUT rejected bigint,
    OUT overlapping bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    feed CONSTANT bigint := price_feed_id;
    was CONSTANT text := merch.lock_price_feed(feed);
    loaded bigint;
BEGIN
    IF was = 'abandoned' THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('price feed %s was abandoned, and its lines with it', feed),
            HINT = 'Open another: SELECT merch.open_price_feed(system, kind).';
    END IF;
    IF was = 'open' THEN
        loaded := merch.count_price_lines(feed);
        IF (SELECT f.kind = 'snapshot' AND (f.source_version, f.taken_at) < (s.snapshot_version, s.snapshot_at)
            FROM merch.price_feed f
            JOIN merch.system s USING (system_id)
            WHERE f.price_feed_id = feed) THEN
            UPDATE merch.price_feed f SET late_lines = loaded WHERE f.price_feed_id = feed;
            PERFORM merch.end_price_feed(feed, 'late');
        ELSE
            PERFORM merch.take_price_feed(feed, loaded);
            PERFORM merch.end_price_feed(feed, 'applied');
        END IF;
    END IF;
    SELECT f.price_feed_id, f.state, f.lines, f.changed, f.taken_back, f.late_lines, f.rejected, f.overlapping
    INTO price_feed_id, state, lines, changed, taken_back, late_lines, rejected, overlapping
    FROM merch.price_feed f
    WHERE f.price_feed_id = feed;
END
$$;
COMMENT ON FUNCTION merch.apply_price_feed(bigint) IS
'Takes what a feed says, in one transaction: changes only the published prices that differ, keeps lines aside that can''t be taken, ignores what is late. Returns what it did; called again for the same feed it does nothing and returns the same.';

CREATE FUNCTION merch.abandon_price_feed(price_feed_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was CONSTANT text := merch.lock_price_feed(price_feed_id);
BEGIN
    IF was <> 'open' THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('price feed %s cannot be abandoned: it is %s', price_feed_id, was),
            HINT = 'Only feeds that are open can.';
    END IF;
    PERFORM merch.end_price_feed(price_feed_id, 'abandoned');
END
$$;
COMMENT ON FUNCTION merch.abandon_price_feed(bigint) IS
'Gives up a feed that is open: its lines go, and nothing of it is taken.';

CREATE FUNCTION merch.known_rejects(system_id int)
RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 1000
AS $$
    SELECT r.price_feed_reject_id
    FROM merch.price_feed_reject r
    JOIN merch.system s USING (system_id)
    JOIN merch.item i ON i.item_id = r.item_id
    JOIN merch.location o ON o.location_id = r.location_id
    JOIN merch.channel c ON c.channel_id = coalesce(r.channel_id, s.channel_id)
    WHERE r.system_id = $1 AND r.retryable AND r.retried_by IS NULL
      AND (s.channel_id IS NULL OR s.channel_id = c.channel_id)
$$;
COMMENT ON FUNCTION merch.known_rejects(int) IS
'The lines of a system that were kept aside and could be taken now. Used by merch.retry_price_rejects().';

CREATE FUNCTION merch.retry_price_rejects(system text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    feeding CONSTANT int := merch.find_feeding_system(system);
    feed bigint;
    retried bigint;
BEGIN
    PERFORM FROM merch.system s WHERE s.system_id = feeding FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM merch.known_rejects(feeding)) THEN
        RETURN 0;
    END IF;
    INSERT INTO merch.price_feed AS f (system_id, kind, taken_at)
    SELECT feeding, 'retry', max(r.seen_at)
    FROM merch.price_feed_reject r
    WHERE r.price_feed_reject_id IN (SELECT k FROM merch.known_rejects(feeding) k)
    RETURNING f.price_feed_id INTO feed;
    WITH taken AS (
        UPDATE merch.price_feed_reject r SET retried_by = feed
        WHERE r.price_feed_reject_id IN (SELECT k FROM merch.known_rejects(feeding) k)
        RETURNING r.*
    )
    INSERT INTO merch.price_feed_line (price_feed_id, item_id, location_id, channel_id, valid_from, valid_to, amount, currency, priority, source_version, seen_at)
    SELECT feed, t.item_id, t.location_id, t.channel_id, t.valid_from, t.valid_to, t.amount, t.currency, t.priority, t.source_version, t.seen_at
    FROM taken t
    ORDER BY t.price_feed_reject_id;
    GET DIAGNOSTICS retried = ROW_COUNT;
    PERFORM merch.apply_price_feed(feed);
    RETURN retried;
END
$$;
COMMENT ON FUNCTION merch.retry_price_rejects(text) IS
'Loads the lines of a system again that were kept aside because of an item, place or channel that is known by now; returns how many. What was said later than they were still holds. Job price feeds does it, too.';

CREATE FUNCTION merch.abandon_stale_feeds()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stale CONSTANT bigint[] := ARRAY(
        SELECT f.price_feed_id
        FROM merch.price_feed f
        JOIN merch.system s USING (system_id)
        WHERE f.state = 'open' AND f.opened_at < now() - s.abandon_after
        ORDER BY f.price_feed_id
        -- one that is being applied, or loaded into, is left for the next time
        FOR UPDATE OF f SKIP LOCKED);
    conditions merch.condition[];
BEGIN
    SELECT array_agg(ROW('price feed of ' || b.name, b.name, NULL, NULL, NULL, NULL, NULL, b.detail, NULL, NULL, NULL, NULL, NULL, NULL)::merch.condition
                     ORDER BY b.name)
    INTO conditions
    FROM (SELECT s.name, format('Price feed %s of system "%s" was open for more than %s and was abandoned with %s lines%s: it was cut off, or nobody applied it.',
                                max(f.price_feed_id), s.name, s.abandon_after,
                                (SELECT count(*) FROM merch.price_feed_line l WHERE l.price_feed_id = max(f.price_feed_id)),
                                CASE WHEN count(*) > 1 THEN format(', and %s others', count(*) - 1) ELSE '' END) AS detail
          FROM merch.price_feed f
          JOIN merch.system s USING (system_id)
          WHERE f.price_feed_id = ANY (stale)
          GROUP BY s.name, s.abandon_after) b;
    IF conditions IS NOT NULL THEN
        PERFORM merch.raise_exceptions('data quality', conditions);
        PERFORM merch.end_price_feed(f, 'abandoned') FROM unnest(stale) f;
    END IF;
    RETURN cardinality(stale);
END
$$;
COMMENT ON FUNCTION merch.abandon_stale_feeds() IS
'Gives up feeds that have been open longer than abandon_after of their system, and raises an exception for each system. Returns how many. Part of merch.tend_price_feeds().';

CREATE FUNCTION merch.tend_price_feeds()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tended bigint := merch.abandon_stale_feeds();
    feeding record;
    purged bigint;
BEGIN
    FOR feeding IN
        SELECT s.name FROM merch.system s WHERE s.system_id > 0 AND EXISTS (SELECT FROM merch.known_rejects(s.system_id)) ORDER BY s.system_id
    LOOP
        tended := tended + merch.retry_price_rejects(feeding.name);
    END LOOP;
    PERFORM merch.resolve_exceptions('data quality', array_agg('price feed of ' || s.name), 'a later feed of it was applied')
    FROM merch.system s
    WHERE (SELECT f.state FROM merch.price_feed f
           WHERE f.system_id = s.system_id AND f.kind <> 'retry' AND f.state IN ('applied', 'abandoned')
           ORDER BY f.price_feed_id DESC LIMIT 1) = 'applied'
    HAVING count(*) > 0;
    DELETE FROM merch.price_feed f
    WHERE f.state <> 'open' AND f.opened_at < now() - merch.setting('merch.history')::interval;
    GET DIAGNOSTICS purged = ROW_COUNT;
    RETURN tended + purged;
END
$$;
COMMENT ON FUNCTION merch.tend_price_feeds() IS
'Gives up feeds that were never applied, loads lines again that were kept aside because of what is known by now, and deletes feeds, with what was kept aside of them, that are older than the setting merch.history. Returns how many things it did. Job price feeds.';
