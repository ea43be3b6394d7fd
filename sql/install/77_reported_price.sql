-- reported prices: what a feed changes of what was reported before, and of what is published

-- Two that were said at the same moment: the greater holds, so that their order doesn't matter.
CREATE FUNCTION merch.price_outranks(
    amount numeric, currency text, valid_to timestamptz, priority int,
    other_amount numeric, other_currency text, other_valid_to timestamptz, other_priority int
)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (coalesce(amount, -1), coalesce(currency, '') COLLATE "C", valid_to, priority)
       > (coalesce(other_amount, -1), coalesce(other_currency, '') COLLATE "C", other_valid_to, other_priority);
COMMENT ON FUNCTION merch.price_outranks(numeric, text, timestamptz, int, numeric, text, timestamptz, int) IS
'Which of two statements about a price that have the same version and time holds, whichever comes first: the higher amount (one that was taken back is the lowest), then the currency, the end, the priority.';

CREATE FUNCTION merch.changes_of_delta(price_feed_id bigint)
RETURNS TABLE (
    action text, item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz,
    amount numeric, currency text, priority int, source_version bigint, seen_at timestamptz
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    SELECT c.action, c.item_id, c.location_id, c.channel_id, c.valid_from, c.valid_to,
           c.amount, c.currency, c.priority, c.source_version, c.seen_at
    FROM (SELECT l.*,
                 CASE WHEN (l.source_version, l.seen_at) < (since.version, since.at)
                        OR (l.source_version, l.seen_at) < (k.source_version, k.seen_at) THEN 'late'
                      WHEN k.seen_at IS NULL
                        -- also where it says the same: what lies between is late from now on
                        OR ((l.source_version, l.seen_at) > (since.version, since.at)
                            AND (l.source_version, l.seen_at) > (k.source_version, k.seen_at))
                        OR merch.price_outranks(l.amount, l.currency, l.valid_to, l.priority,
                                                k.amount, k.currency, k.valid_to, k.priority) THEN 'put' END AS action
          FROM merch.price_feed f
          JOIN merch.system s USING (system_id)
          CROSS JOIN LATERAL (SELECT coalesce(s.snapshot_version, -9223372036854775808) AS version,
                                     coalesce(s.snapshot_at, '-infinity') AS at) since
          CROSS JOIN LATERAL merch.price_feed_lines(f.price_feed_id) l
          LEFT JOIN LATERAL (
              SELECT r.amount, r.currency, r.valid_to, r.priority, r.source_version, r.seen_at
              FROM merch.reported_price r
              WHERE r.item_id = l.item_id AND r.system_id = f.system_id AND r.location_id = l.location_id
                AND r.channel_id = l.channel_id AND r.valid_from = l.valid_from
              UNION ALL
              SELECT p.amount, p.currency, p.valid_to, p.priority, p.source_version, p.seen_at
              FROM merch.published_price p
              WHERE p.item_id = l.item_id AND p.system_id = f.system_id AND p.location_id = l.location_id
                AND p.channel_id = l.channel_id AND p.valid_from = l.valid_from
                AND NOT EXISTS (SELECT FROM merch.reported_price r
                                WHERE r.item_id = l.item_id AND r.system_id = f.system_id
                                  AND r.location_id = l.location_id AND r.channel_id = l.channel_id)) k ON true
          WHERE f.price_feed_id = $1) c
    WHERE c.action IS NOT NULL
$$;
COMMENT ON FUNCTION merch.changes_of_delta(bigint) IS
'What the lines of a delta change in what is known of their prices: put, or late where something later is known. Used by merch.apply_price_feed().';

CREATE FUNCTION merch.changes_of_snapshot(price_feed_id bigint)
RETURNS TABLE (
    action text, item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz,
    amount numeric, currency text, priority int, source_version bigint, seen_at timestamptz
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    WITH feed AS (
        SELECT f.system_id, f.source_version AS version, f.taken_at AS at,
               coalesce((s.snapshot_version, s.snapshot_at) = (f.source_version, f.taken_at), false) AS again
        FROM merch.price_feed f
        JOIN merch.system s USING (system_id)
        WHERE f.price_feed_id = $1
    ), known AS (
        SELECT p.item_id, p.location_id, p.channel_id, p.valid_from, p.valid_to, p.amount, p.currency, p.priority, p.source_version, p.seen_at
        FROM merch.published_price p
        LEFT JOIN (SELECT DISTINCT r.item_id, r.location_id, r.channel_id
                   FROM merch.reported_price r
                   WHERE r.system_id = (SELECT f.system_id FROM feed f)) r USING (item_id, location_id, channel_id)
        WHERE p.system_id = (SELECT f.system_id FROM feed f) AND r.item_id IS NULL
        UNION ALL
        SELECT r.item_id, r.location_id, r.channel_id, r.valid_from, r.valid_to, r.amount, r.currency, r.priority, r.source_version, r.seen_at
        FROM merch.reported_price r
        WHERE r.system_id = (SELECT f.system_id FROM feed f)
    ), judged AS (
        SELECT l.*, k.valid_to AS known_to, k.amount AS known_amount, k.currency AS known_currency, k.priority AS known_priority,
               coalesce(l.item_id, k.item_id) AS item, coalesce(l.location_id, k.location_id) AS location,
               coalesce(l.channel_id, k.channel_id) AS channel, coalesce(l.valid_from, k.valid_from) AS starts,
               k.seen_at IS NOT NULL AS is_known,
               (k.source_version, k.seen_at) > (f.version, f.at) AS later,
               f.again OR (k.source_version, k.seen_at) = (f.version, f.at) AS together
        FROM merch.price_feed_lines($1) l
        FULL JOIN known k ON k.item_id = l.item_id AND k.location_id = l.location_id AND k.channel_id = l.channel_id
                         AND k.valid_from = l.valid_from
        CROSS JOIN feed f
    )
    SELECT c.action, c.item, c.location, c.channel, c.starts, c.valid_to, c.amount, c.currency, c.priority, c.source_version, c.seen_at
    FROM (SELECT j.*,
                 CASE WHEN j.later THEN CASE WHEN j.item_id IS NOT NULL THEN 'late' END
                      WHEN j.item_id IS NULL THEN CASE WHEN NOT j.together THEN 'gone' END
                      WHEN NOT j.is_known THEN 'put'
                      WHEN j.together THEN
                          CASE WHEN merch.price_outranks(j.amount, j.currency, j.valid_to, j.priority,
                                                         j.known_amount, j.known_currency, j.known_to, j.known_priority) THEN 'put' END
                      WHEN (j.amount, j.currency, j.valid_to, j.priority)
                           IS DISTINCT FROM (j.known_amount, j.known_currency, j.known_to, j.known_priority) THEN 'put' END AS action
          FROM judged j) c
    WHERE c.action IS NOT NULL
$$;
COMMENT ON FUNCTION merch.changes_of_snapshot(bigint) IS
'What a snapshot changes in what is known of its system''s prices: put, gone (not in it), or late where something later is known. Equal ones are left alone. Used by merch.apply_price_feed().';

CREATE FUNCTION merch.changes_of_price_feed(price_feed_id bigint)
RETURNS TABLE (
    action text, item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz,
    amount numeric, currency text, priority int, source_version bigint, seen_at timestamptz
)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (SELECT f.kind FROM merch.price_feed f WHERE f.price_feed_id = changes_of_price_feed.price_feed_id) = 'snapshot' THEN
        RETURN QUERY SELECT * FROM merch.changes_of_snapshot(changes_of_price_feed.price_feed_id);
    ELSE
        RETURN QUERY SELECT * FROM merch.changes_of_delta(changes_of_price_feed.price_feed_id);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.changes_of_price_feed(bigint) IS
'What a feed changes in what is known of its system''s prices. Used by merch.apply_price_feed().';

-- A snapshot makes all that it confirms equally late: what overlaps is settled anew.
-- OFFSET 0: rows are looked up by their key, one price after the other. Whatever the
-- statistics say, the plan is never one that reads a whole system for each of them.
CREATE FUNCTION merch.reported_after_feed(price_feed_id bigint)
RETURNS TABLE (
    action text, item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz,
    amount numeric, currency text, priority int, source_version bigint, seen_at timestamptz
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    WITH feed AS (
        SELECT f.system_id, f.kind FROM merch.price_feed f WHERE f.price_feed_id = $1
    ), change AS MATERIALIZED (
        SELECT * FROM merch.changes_of_price_feed($1)
    ), touched AS MATERIALIZED (
        SELECT c.item_id, c.location_id, c.channel_id FROM change c WHERE c.action <> 'late'
        UNION
        SELECT r.item_id, r.location_id, r.channel_id
        FROM feed f
        JOIN merch.reported_price r USING (system_id)
        WHERE f.kind = 'snapshot'
    ), known AS (
        SELECT 0 AS origin, c.* FROM change c WHERE c.action <> 'late'
        UNION ALL
        SELECT 1, 'put', t.item_id, t.location_id, t.channel_id, r.valid_from, r.valid_to, r.amount, r.currency, r.priority, r.source_version, r.seen_at
        FROM feed f
        CROSS JOIN touched t
        CROSS JOIN LATERAL (SELECT * FROM merch.reported_price r
                            WHERE r.item_id = t.item_id AND r.system_id = f.system_id
                              AND r.location_id = t.location_id AND r.channel_id = t.channel_id OFFSET 0) r
        UNION ALL
        SELECT 2, 'put', t.item_id, t.location_id, t.channel_id, p.valid_from, p.valid_to, p.amount, p.currency, p.priority, p.source_version, p.seen_at
        FROM feed f
        CROSS JOIN touched t
        CROSS JOIN LATERAL (SELECT * FROM merch.published_price p
                            WHERE p.item_id = t.item_id AND p.system_id = f.system_id
                              AND p.location_id = t.location_id AND p.channel_id = t.channel_id OFFSET 0) p
    ), judged AS (
        SELECT k.*,
               bool_or(k.origin = 1) OVER (PARTITION BY k.item_id, k.location_id, k.channel_id) AS is_reported,
               row_number() OVER (PARTITION BY k.item_id, k.location_id, k.channel_id, k.valid_from ORDER BY k.origin) AS place
        FROM known k
    )
    SELECT j.action, j.item_id, j.location_id, j.channel_id, j.valid_from, j.valid_to, j.amount, j.currency, j.priority, j.source_version, j.seen_at
    FROM judged j
    -- where a price is kept as reported, what is published only follows from that
    WHERE j.place = 1 AND NOT (j.origin = 2 AND j.is_reported)
    UNION ALL
    SELECT c.* FROM change c WHERE c.action = 'late'
$$;
COMMENT ON FUNCTION merch.reported_after_feed(bigint) IS
'All that is known, after a feed, of the prices that it touches: put, or gone; and its late lines. Used by merch.apply_price_feed().';

CREATE FUNCTION merch.settled_after_feed(price_feed_id bigint)
RETURNS TABLE (
    part text, item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz,
    amount numeric, currency text, priority int, source_version bigint, seen_at timestamptz
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    WITH since AS (
        SELECT CASE f.kind WHEN 'snapshot' THEN f.source_version ELSE coalesce(s.snapshot_version, -9223372036854775808) END AS version,
               CASE f.kind WHEN 'snapshot' THEN f.taken_at ELSE coalesce(s.snapshot_at, '-infinity') END AS at
        FROM merch.price_feed f
        JOIN merch.system s USING (system_id)
        WHERE f.price_feed_id = $1
    ), reported AS (
        SELECT r.*, lead(r.valid_from) OVER ordered AS next_from, lead(r.amount) OVER ordered AS next_amount,
               lead(r.currency) OVER ordered AS next_currency
        FROM merch.reported_after_feed($1) r
        WINDOW ordered AS (PARTITION BY r.action, r.item_id, r.location_id, r.channel_id ORDER BY r.valid_from)
    ), judged AS MATERIALIZED (
        SELECT r.*, coalesce(bool_or(r.amount IS NULL OR r.valid_to > r.next_from
                                     OR (r.valid_to = r.next_from AND r.amount = r.next_amount AND r.currency = r.next_currency))
                             OVER (PARTITION BY r.action, r.item_id, r.location_id, r.channel_id), false) AS unsettled
        FROM reported r
    )
    SELECT CASE WHEN j.action <> 'put' THEN j.action WHEN j.unsettled THEN 'reported' ELSE 'published' END,
           j.item_id, j.location_id, j.channel_id, j.valid_from, j.valid_to, j.amount, j.currency, j.priority, j.source_version, j.seen_at
    FROM judged j
    UNION ALL
    SELECT 'settled', g.item_id, g.location_id, g.channel_id, p.valid_from, p.valid_to, p.amount, p.currency, 0, g.source_version, g.seen_at
    FROM (SELECT j.item_id, j.location_id, j.channel_id, max(j.source_version) AS source_version, max(j.seen_at) AS seen_at,
                 merch.resolve_periods(j.valid_from, j.valid_to, j.amount, j.currency, j.priority,
                                       CASE WHEN confirmed.later THEN since.version ELSE j.source_version END,
                                       CASE WHEN confirmed.later THEN since.at ELSE j.seen_at END, NULL) AS periods
          FROM judged j
          CROSS JOIN since
          CROSS JOIN LATERAL (SELECT (since.version, since.at) > (j.source_version, j.seen_at) AS later) confirmed
          WHERE j.action = 'put' AND j.unsettled
          GROUP BY j.item_id, j.location_id, j.channel_id) g
    CROSS JOIN LATERAL unnest(g.periods) p
$$;
COMMENT ON FUNCTION merch.settled_after_feed(bigint) IS
'What is to be known, after a feed, of the prices that it touches: published, where that is just what was reported; else reported, and settled, which holds when; gone, what is not reported any more; and its late lines. Used by merch.apply_price_feed().';

-- Both sides in one sort: no plan can go wrong by how many rows it expects.
CREATE FUNCTION merch.writes_of_price_feed(price_feed_id bigint)
RETURNS TABLE (
    target text, wanted boolean, price_differs boolean,
    item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz,
    amount numeric, currency text, priority int, source_version bigint, seen_at timestamptz
)
LANGUAGE sql STABLE ROWS 10000
AS $$
    WITH after AS MATERIALIZED (
        SELECT * FROM merch.settled_after_feed($1)
    ), touched AS MATERIALIZED (
        SELECT DISTINCT f.system_id, a.item_id, a.location_id, a.channel_id
        FROM after a
        JOIN merch.price_feed f ON f.price_feed_id = $1
        WHERE a.part <> 'late'
    ), side AS (
        SELECT CASE a.part WHEN 'settled' THEN 'published' ELSE a.part END AS target, true AS wanted, a.*
        FROM after a
        WHERE a.part IN ('published', 'reported', 'settled')
        UNION ALL
        SELECT 'published', false, NULL, p.item_id, p.location_id, p.channel_id, p.valid_from, p.valid_to, p.amount, p.currency,
               p.priority, p.source_version, p.seen_at
        FROM touched t
        CROSS JOIN LATERAL (SELECT * FROM merch.published_price p
                            WHERE p.item_id = t.item_id AND p.system_id = t.system_id
                              AND p.location_id = t.location_id AND p.channel_id = t.channel_id OFFSET 0) p
        UNION ALL
        SELECT 'reported', false, NULL, r.item_id, r.location_id, r.channel_id, r.valid_from, r.valid_to, r.amount, r.currency,
               r.priority, r.source_version, r.seen_at
        FROM touched t
        CROSS JOIN LATERAL (SELECT * FROM merch.reported_price r
                            WHERE r.item_id = t.item_id AND r.system_id = t.system_id
                              AND r.location_id = t.location_id AND r.channel_id = t.channel_id OFFSET 0) r
    ), pair AS (
        SELECT s.target, s.item_id, s.location_id, s.channel_id, s.valid_from, bool_or(s.wanted) AS wanted, bool_and(s.wanted) AS is_new,
               bool_or(s.part = 'settled') AS settled,
               max(s.valid_to) FILTER (WHERE s.wanted) AS valid_to, max(s.valid_to) FILTER (WHERE NOT s.wanted) AS old_to,
               max(s.amount) FILTER (WHERE s.wanted) AS amount, max(s.amount) FILTER (WHERE NOT s.wanted) AS old_amount,
               max(s.currency) FILTER (WHERE s.wanted) AS currency, max(s.currency) FILTER (WHERE NOT s.wanted) AS old_currency,
               max(s.priority) FILTER (WHERE s.wanted) AS priority, max(s.priority) FILTER (WHERE NOT s.wanted) AS old_priority,
               max(s.source_version) FILTER (WHERE s.wanted) AS source_version, max(s.source_version) FILTER (WHERE NOT s.wanted) AS old_version,
               max(s.seen_at) FILTER (WHERE s.wanted) AS seen_at, max(s.seen_at) FILTER (WHERE NOT s.wanted) AS old_seen
        FROM side s
        GROUP BY s.target, s.item_id, s.location_id, s.channel_id, s.valid_from
    )
    SELECT p.target, p.wanted, d.price_differs, p.item_id, p.location_id, p.channel_id, p.valid_from, p.valid_to,
           p.amount, p.currency, p.priority, p.source_version, p.seen_at
    FROM pair p
    CROSS JOIN LATERAL (SELECT NOT p.wanted OR p.is_new OR (p.valid_to, p.amount, p.currency)
                                                           IS DISTINCT FROM (p.old_to, p.old_amount, p.old_currency) AS price_differs) d
    WHERE d.price_differs
       OR (p.settled IS NOT TRUE AND (p.priority, p.source_version, p.seen_at) <> (p.old_priority, p.old_version, p.old_seen))
    UNION ALL
    SELECT a.part, false, false, a.item_id, a.location_id, a.channel_id, a.valid_from, a.valid_to, a.amount, a.currency,
           a.priority, a.source_version, a.seen_at
    FROM after a
    WHERE a.part = 'late'
$$;
COMMENT ON FUNCTION merch.writes_of_price_feed(bigint) IS
'The rows of merch.published_price and merch.reported_price that a feed makes, changes or (not wanted) removes; and its late lines. Used by merch.apply_price_feed().';

CREATE FUNCTION merch.write_price_feed(price_feed_id bigint, OUT changed bigint, OUT taken_back bigint, OUT late_lines bigint)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH feed AS (
        SELECT f.system_id FROM merch.price_feed f WHERE f.price_feed_id = $1
    ), write AS MATERIALIZED (
        SELECT f.system_id, w.* FROM feed f CROSS JOIN merch.writes_of_price_feed($1) w
    ), unpublished AS (
        DELETE FROM merch.published_price p
        USING write w
        WHERE w.target = 'published' AND NOT w.wanted AND p.item_id = w.item_id AND p.system_id = w.system_id
          AND p.location_id = w.location_id AND p.channel_id = w.channel_id AND p.valid_from = w.valid_from
    ), published AS (
        INSERT INTO merch.published_price AS p
            (item_id, system_id, location_id, channel_id, valid_from, valid_to, amount, currency, priority, source_version, seen_at)
        SELECT w.item_id, w.system_id, w.location_id, w.channel_id, w.valid_from, w.valid_to, w.amount, w.currency, w.priority, w.source_version, w.seen_at
        FROM write w
        WHERE w.target = 'published' AND w.wanted
        ON CONFLICT (item_id, system_id, location_id, channel_id, valid_from) DO UPDATE
            SET valid_to = EXCLUDED.valid_to, amount = EXCLUDED.amount, currency = EXCLUDED.currency, priority = EXCLUDED.priority,
                source_version = EXCLUDED.source_version, seen_at = EXCLUDED.seen_at
    ), unreported AS (
        DELETE FROM merch.reported_price p
        USING write w
        WHERE w.target = 'reported' AND NOT w.wanted AND p.item_id = w.item_id AND p.system_id = w.system_id
          AND p.location_id = w.location_id AND p.channel_id = w.channel_id AND p.valid_from = w.valid_from
    ), reported AS (
        INSERT INTO merch.reported_price AS p
            (item_id, system_id, location_id, channel_id, valid_from, valid_to, amount, currency, priority, source_version, seen_at)
        SELECT w.item_id, w.system_id, w.location_id, w.channel_id, w.valid_from, w.valid_to, w.amount, w.currency, w.priority, w.source_version, w.seen_at
        FROM write w
        WHERE w.target = 'reported' AND w.wanted
        ON CONFLICT (item_id, system_id, location_id, channel_id, valid_from) DO UPDATE
            SET valid_to = EXCLUDED.valid_to, amount = EXCLUDED.amount, currency = EXCLUDED.currency, priority = EXCLUDED.priority,
                source_version = EXCLUDED.source_version, seen_at = EXCLUDED.seen_at
    )
    SELECT count(*) FILTER (WHERE w.target = 'published' AND w.wanted AND w.price_differs),
           count(*) FILTER (WHERE w.target = 'published' AND NOT w.wanted),
           count(*) FILTER (WHERE w.target = 'late')
    FROM write w
$$;
COMMENT ON FUNCTION merch.write_price_feed(bigint, OUT bigint, OUT bigint, OUT bigint) IS
'Writes what a feed changes, in one statement. Used by merch.apply_price_feed().';
