-- price feeds: what other systems report of their prices, taken so that neither the order
-- of deliveries nor their number makes a difference
--
-- What is known of a price (item, place, channel, start) is what was said of it last, by
-- (source version, time). A snapshot says something of every price of its system: of those
-- that it does not hold, that they are not. So a row that a later snapshot confirmed need
-- not be written: its stamp is the greater of its own and the system's last snapshot's.

CREATE FUNCTION merch.current_price_feed()
RETURNS bigint
LANGUAGE sql STABLE
RETURN nullif(merch.setting('merch.price_feed'), '')::bigint;
COMMENT ON FUNCTION merch.current_price_feed() IS
'The feed that this session has opened last, into which lines go by default: the setting merch.price_feed.';

CREATE FUNCTION merch.find_feeding_system(name text)
RETURNS int
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT int := merch.find_system(name);
BEGIN
    IF found <= 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('system "%s" takes no feeds: its prices are what was approved', name),
            HINT = 'They follow merch.price_event by themselves.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION merch.find_feeding_system(text) IS
'The number of a system that takes feeds, by its name; an error for pg_merch''s own.';

-- The time by default is that of the call: two feeds of one transaction have an order.
CREATE FUNCTION merch.open_price_feed(
    system text,
    kind text DEFAULT 'delta',
    taken_at timestamptz DEFAULT clock_timestamp(),
    source_version bigint DEFAULT 0,
    expected_lines bigint DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    system_id CONSTANT int := merch.find_feeding_system(system);
    opened bigint;
BEGIN
    IF kind IS NULL OR kind NOT IN ('snapshot', 'delta') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('unknown kind of a price feed: %s', coalesce('"' || kind || '"', 'NULL')),
            HINT = 'snapshot (all prices of the system) or delta (those that changed).';
    END IF;
    IF NOT coalesce(isfinite(taken_at) AND taken_at <= clock_timestamp() + interval '1 hour', false) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('a price feed cannot have been taken at %s', coalesce(taken_at::text, 'NULL')),
            DETAIL = 'Everything that is said before that time would count as late.',
            HINT = 'Give the time at which the system showed these prices; it may be up to an hour ahead.';
    END IF;
    IF source_version IS NULL OR expected_lines < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = CASE WHEN source_version IS NULL THEN 'source_version must not be null'
                           ELSE format('expected_lines must be at least 0: %s', expected_lines) END,
            HINT = 'source_version is 0 where the source has none, expected_lines null where it doesn''t count its lines.';
    END IF;
    INSERT INTO merch.price_feed AS f (system_id, kind, taken_at, source_version, expected_lines)
    VALUES (system_id, kind, taken_at, source_version, expected_lines)
    RETURNING f.price_feed_id INTO opened;
    -- a call of our library first, which defines the setting
    PERFORM merch.current_price_feed(), set_config('merch.price_feed', opened::text, false);
    RETURN opened;
END
$$;
COMMENT ON FUNCTION merch.open_price_feed(text, text, timestamptz, bigint, bigint) IS
'Opens a feed of a system''s prices and returns its number. Load its lines into merch.price_feed_line (COPY, INSERT … SELECT), then call merch.apply_price_feed().';

-- Also makes apply_price_feed() wait for those who are loading.
CREATE FUNCTION merch.admit_price_lines()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    feeds CONSTANT bigint[] := ARRAY(SELECT DISTINCT n.price_feed_id FROM new_row n ORDER BY 1);
    closed record;
BEGIN
    PERFORM FROM merch.price_feed f WHERE f.price_feed_id = ANY (feeds) ORDER BY f.price_feed_id FOR KEY SHARE;
    SELECT n.price_feed_id, f.state INTO closed
    FROM unnest(feeds) n(price_feed_id)
    LEFT JOIN merch.price_feed f USING (price_feed_id)
    WHERE f.state IS DISTINCT FROM 'open'
    LIMIT 1;
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('price feed %s %s', closed.price_feed_id,
                             coalesce('takes no more lines: it is ' || closed.state, 'does not exist')),
            HINT = 'Open one: SELECT merch.open_price_feed(system, kind).';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.admit_price_lines() IS
'Trigger of merch.price_feed_line: lines are loaded only into feeds that are open.';

-- What a feed says, with all that its lines leave to the feed and the system. In a snapshot
-- no line is later than the snapshot.
CREATE FUNCTION merch.price_feed_lines(price_feed_id bigint)
RETURNS TABLE (
    line_ctid tid, line bigint, system_channel int, kind text,
    item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz,
    amount numeric, currency text, priority int, source_version bigint, seen_at timestamptz
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    SELECT l.ctid, l.line, s.channel_id, f.kind,
           l.item_id, l.location_id, coalesce(l.channel_id, s.channel_id),
           CASE s.reports WHEN 'current' THEN '-infinity' ELSE coalesce(l.valid_from, '-infinity') END,
           CASE s.reports WHEN 'current' THEN 'infinity' ELSE coalesce(l.valid_to, 'infinity') END,
           l.amount, CASE WHEN l.amount IS NOT NULL THEN l.currency END, coalesce(l.priority, 0),
           CASE WHEN f.kind = 'snapshot' AND l.source_version > f.source_version THEN f.source_version
                ELSE coalesce(l.source_version, f.source_version) END,
           CASE WHEN f.kind = 'snapshot' AND l.seen_at > f.taken_at AND l.seen_at <= statement_timestamp() + interval '1 hour' THEN f.taken_at
                ELSE coalesce(l.seen_at, f.taken_at) END
    FROM merch.price_feed f
    JOIN merch.system s USING (system_id)
    JOIN merch.price_feed_line l USING (price_feed_id)
    WHERE f.price_feed_id = $1
$$;
COMMENT ON FUNCTION merch.price_feed_lines(bigint) IS
'The lines of a feed as they are understood: without a period always, without a channel the system''s own, without version and time the feed''s. Used by merch.apply_price_feed().';

-- The order of the reasons matters: what is unknown may be known later, and is judged again then.
CREATE FUNCTION merch.price_feed_faults(price_feed_id bigint)
RETURNS TABLE (line_ctid tid, reason text, source_version bigint, seen_at timestamptz)
LANGUAGE sql STABLE ROWS 1000
AS $$
    SELECT j.line_ctid, j.reason, j.source_version, j.seen_at
    FROM (SELECT l.line_ctid, l.source_version, l.seen_at,
                 CASE WHEN i.item_id IS NULL THEN 'unknown item'
                      WHEN o.location_id IS NULL THEN 'unknown location'
                      WHEN c.channel_id IS NULL THEN 'unknown channel'
                      WHEN l.channel_id <> l.system_channel THEN 'other channel'
                      WHEN l.valid_from >= l.valid_to THEN 'empty period'
                      WHEN l.seen_at > statement_timestamp() + interval '1 hour' THEN 'seen in the future'
                      WHEN l.amount IS NULL THEN CASE WHEN l.kind = 'snapshot' THEN 'no amount' END
                      WHEN l.amount < 0 THEN 'negative amount'
                      -- NaN is greater than any number
                      WHEN l.amount > 9999999999.9999 THEN 'absurd amount'
                      WHEN l.currency IS NULL THEN 'no currency'
                      WHEN l.currency !~ '^[A-Z]{3}$' THEN 'unknown currency'
                      WHEN merch.round_price(l.amount, l.currency) <> l.amount THEN 'too many decimals' END AS reason
          FROM merch.price_feed_lines($1) l
          LEFT JOIN merch.item i ON i.item_id = l.item_id
          LEFT JOIN merch.location o ON o.location_id = l.location_id
          LEFT JOIN merch.channel c ON c.channel_id = l.channel_id) j
    WHERE j.reason IS NOT NULL
$$;
COMMENT ON FUNCTION merch.price_feed_faults(bigint) IS
'The lines of a feed that can''t be prices, and why not. Used by merch.apply_price_feed().';

-- All lines are sorted once; what overlaps is looked at again, without the duplicates.
CREATE FUNCTION merch.price_feed_overlaps(price_feed_id bigint)
RETURNS TABLE (line_ctid tid, duplicate boolean, overlapping boolean, unsettled boolean, source_version bigint, seen_at timestamptz)
LANGUAGE sql STABLE ROWS 1000
AS $$
    SELECT o.line_ctid, o.duplicate,
           NOT o.duplicate AND coalesce(max(o.valid_to) FILTER (WHERE NOT o.duplicate) OVER (
               PARTITION BY o.item_id, o.location_id, o.channel_id
               ORDER BY o.valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > o.valid_from, false),
           NOT o.duplicate AND coalesce(max(o.valid_to) FILTER (WHERE NOT o.duplicate) OVER (
               PARTITION BY o.item_id, o.location_id, o.channel_id, o.priority, o.source_version, o.seen_at
               ORDER BY o.valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > o.valid_from, false),
           o.source_version, o.seen_at
    FROM (SELECT l.*,
                 coalesce(lead(l.valid_from) OVER ordered = l.valid_from, false) AS duplicate,
                 lead(l.valid_from) OVER ordered < l.valid_to AS reaches_next,
                 max(l.valid_to) OVER (ordered ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > l.valid_from AS is_reached
          FROM merch.price_feed_lines($1) l
          WINDOW ordered AS (PARTITION BY l.item_id, l.location_id, l.channel_id
                             ORDER BY l.valid_from, l.source_version, l.seen_at, l.line)) o
    WHERE o.reaches_next OR o.is_reached
$$;
COMMENT ON FUNCTION merch.price_feed_overlaps(bigint) IS
'Lines of a feed that overlap others of the same price: duplicates have a later one with the same start; unsettled are those of which nothing but their later start says that they hold. Used by merch.apply_price_feed().';

CREATE FUNCTION merch.sort_out_price_lines(price_feed_id bigint, OUT rejected bigint, OUT unreadable bigint, OUT overlapping bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    feed CONSTANT bigint := price_feed_id;
    duplicates bigint;
BEGIN
    WITH fault AS MATERIALIZED (
        SELECT * FROM merch.price_feed_faults(feed)
    ), gone AS (
        DELETE FROM merch.price_feed_line l USING fault f WHERE l.ctid = f.line_ctid
        RETURNING l.*, f.reason, f.source_version AS version, f.seen_at AS said_at
    ), kept_aside AS (
        INSERT INTO merch.price_feed_reject AS r (price_feed_id, system_id, line, reason, item_id, location_id, channel_id,
            valid_from, valid_to, amount, currency, priority, source_version, seen_at)
        SELECT g.price_feed_id, f.system_id, g.line, g.reason, g.item_id, g.location_id, g.channel_id,
               g.valid_from, g.valid_to, g.amount, g.currency, g.priority, g.version,
               -- a time that can't be would count for ever
               least(g.said_at, f.taken_at + interval '1 hour')
        FROM gone g
        JOIN merch.price_feed f USING (price_feed_id)
        RETURNING r.retryable
    )
    SELECT count(*), count(*) FILTER (WHERE NOT k.retryable) INTO rejected, unreadable FROM kept_aside k;

    WITH found AS MATERIALIZED (
        SELECT * FROM merch.price_feed_overlaps(feed)
    ), gone AS (
        DELETE FROM merch.price_feed_line l USING found o WHERE o.duplicate AND l.ctid = o.line_ctid
    ), reported AS (
        INSERT INTO merch.price_feed_reject (price_feed_id, system_id, line, reason, item_id, location_id, channel_id,
            valid_from, valid_to, amount, currency, priority, source_version, seen_at)
        SELECT l.price_feed_id, f.system_id, l.line, CASE WHEN o.duplicate THEN 'duplicate' ELSE 'overlap' END,
               l.item_id, l.location_id, l.channel_id, l.valid_from, l.valid_to, l.amount, l.currency, l.priority, o.source_version, o.seen_at
        FROM found o
        JOIN merch.price_feed_line l ON l.ctid = o.line_ctid
        JOIN merch.price_feed f USING (price_feed_id)
        WHERE o.duplicate OR o.unsettled
    )
    SELECT count(*) FILTER (WHERE o.duplicate), count(*) FILTER (WHERE o.overlapping) INTO duplicates, overlapping FROM found o;
    rejected := rejected + duplicates;
END
$$;
COMMENT ON FUNCTION merch.sort_out_price_lines(bigint, OUT bigint, OUT bigint, OUT bigint) IS
'Takes the lines that can''t be prices, and duplicates, out of a feed and keeps them in merch.price_feed_reject. Used by merch.apply_price_feed().';
