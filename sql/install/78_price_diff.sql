-- price diff: where two systems show different prices at a moment

CREATE FUNCTION merch.has_price_periods(system_id int)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- ordered, so that the partial index is looked into whatever the statistics say
    SELECT EXISTS (SELECT
                   FROM (SELECT FROM merch.published_price p
                         WHERE p.system_id = has_price_periods.system_id AND p.valid_from > '-infinity'
                         ORDER BY p.valid_from LIMIT 1) first)
$$;
COMMENT ON FUNCTION merch.has_price_periods(int) IS
'Whether a system has a price that starts at some moment. If not, an item has one price of it at a place and in a channel, and none overlaps another.';

-- What two systems are compared by. What was approved stands in two systems: by period, and
-- what holds now. A system that tells no periods could never agree with the former.
CREATE FUNCTION merch.price_comparison(
    left_system text,
    right_system text,
    at timestamptz,
    OUT left_id int,
    OUT right_id int,
    OUT channel_id int,
    OUT snapshot_at timestamptz
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    left_side merch.system;
    right_side merch.system;
BEGIN
    SELECT * INTO STRICT left_side FROM merch.system s WHERE s.system_id = merch.find_system(left_system);
    SELECT * INTO STRICT right_side FROM merch.system s WHERE s.system_id = merch.find_system(right_system);
    IF left_side.channel_id <> right_side.channel_id THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('systems "%s" and "%s" have no price in common', left_system, right_system),
            DETAIL = format('One shows channel %s, the other channel %s.', left_side.channel_id, right_side.channel_id),
            HINT = 'Compare each with what was approved.';
    END IF;
    channel_id := coalesce(left_side.channel_id, right_side.channel_id);
    snapshot_at := right_side.snapshot_at;
    left_id := CASE WHEN left_side.system_id = 0 AND right_side.reports = 'current' AND at = now() THEN -1
                    ELSE left_side.system_id END;
    right_id := CASE WHEN right_side.system_id = 0 AND left_side.reports = 'current' AND at = now() THEN -1
                     ELSE right_side.system_id END;
END
$$;
COMMENT ON FUNCTION merch.price_comparison(text, text, timestamptz) IS
'The numbers of two systems to compare, the channel that they share (null for all), and when the right one last sent all of its prices. Used by merch.price_diff().';

CREATE FUNCTION merch.prices_in_force_sql(system_id int, channel_id int, by_leaf boolean, overlapping boolean)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(' ',
        CASE WHEN by_leaf THEN 'SELECT p.* FROM leaf CROSS JOIN LATERAL (' END,
        'SELECT', CASE WHEN overlapping THEN 'DISTINCT ON (p.item_id, p.location_id, p.channel_id)' END,
        'p.item_id, p.location_id, p.channel_id, p.amount, p.currency, p.valid_from, p.valid_to, p.seen_at FROM merch.published_price p',
        format('WHERE p.system_id = %s AND p.valid_from <= $1 AND p.valid_to > $1 AND p.amount IS NOT NULL', system_id),
        CASE WHEN by_leaf THEN
            'AND p.item_id = leaf.item_id AND p.channel_id = leaf.channel_id
             AND p.location_id >= leaf.block << 6 AND p.location_id <= (leaf.block << 6 | 63)'
        ELSE 'AND p.channel_id = ' || channel_id END,
        CASE WHEN overlapping THEN
            'ORDER BY p.item_id, p.location_id, p.channel_id, p.priority DESC, p.source_version DESC, p.seen_at DESC, p.valid_from DESC' END,
        -- kept apart, so that each leaf is looked up by the primary key, however many the planner expects
        CASE WHEN by_leaf THEN 'OFFSET 0) p' END)
$$;
COMMENT ON FUNCTION merch.prices_in_force_sql(int, int, boolean, boolean) IS
'The statement that reads the prices of a system that hold at $1, all or those of the leaves in leaf. Part of merch.price_diff().';

-- $1 the moment, $2 to $4 the leaves, $5 the tolerance, $6 when the right system last sent
-- all, $7 the day of the forecast. "approved now" has no periods: those of "approved" are told.
CREATE FUNCTION merch.price_diff_sql(left_id int, right_id int, channel_id int, by_leaf boolean)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(E'\n',
        CASE WHEN by_leaf THEN 'WITH leaf AS MATERIALIZED (SELECT * FROM unnest($2, $3, $4) AS l(item_id, channel_id, block))' END,
        'SELECT d.item_id, d.location_id, d.channel_id,
                CASE WHEN d.right_amount IS NULL THEN ''missing''
                     WHEN d.left_amount IS NULL THEN ''unexpected''
                     WHEN greatest(d.right_seen_at, d.right_from) < ' || left_period || '_from THEN ''stale''
                     WHEN d.left_currency <> d.right_currency THEN ''wrong currency''
                     ELSE ''wrong amount'' END,
                d.left_amount, d.left_currency, ' || left_period || '_from, ' || left_period || '_to,
                d.right_amount, d.right_currency, ' || right_period || '_from, ' || right_period || '_to, d.right_seen_at,
                round(CASE WHEN d.left_amount IS NULL THEN d.right_amount
                           WHEN d.right_amount IS NULL OR d.left_currency <> d.right_currency THEN d.left_amount
                           ELSE abs(d.left_amount - d.right_amount) END * coalesce(f.mean::numeric, 1), 4)
         FROM (SELECT item_id, location_id, channel_id,
                      l.amount AS left_amount, l.currency AS left_currency, l.valid_from AS left_from, l.valid_to AS left_to,
                      r.amount AS right_amount, r.currency AS right_currency, r.valid_from AS right_from, r.valid_to AS right_to,
                      CASE WHEN r.amount IS NOT NULL THEN greatest(r.seen_at, $6) END AS right_seen_at
               FROM (', merch.prices_in_force_sql(left_id, channel_id, by_leaf, merch.has_price_periods(left_id)), ') l
               FULL JOIN (', merch.prices_in_force_sql(right_id, channel_id, by_leaf, merch.has_price_periods(right_id)), ') r
               USING (item_id, location_id, channel_id)
               WHERE l.amount IS NULL OR r.amount IS NULL OR l.currency <> r.currency
                  OR (l.amount <> r.amount AND abs(l.amount - r.amount) > $5)) d',
        CASE WHEN -1 IN (left_id, right_id) THEN
        'LEFT JOIN LATERAL (SELECT p.valid_from AS approved_from, p.valid_to AS approved_to
                            FROM merch.published_price p
                            WHERE p.item_id = d.item_id AND p.system_id = 0 AND p.location_id = d.location_id
                              AND p.channel_id = d.channel_id AND p.valid_from <= $1 AND p.valid_to > $1 AND p.amount IS NOT NULL
                            ORDER BY p.priority DESC, p.source_version DESC, p.seen_at DESC, p.valid_from DESC
                            LIMIT 1) a ON ' || CASE left_id WHEN -1 THEN 'd.left_amount' ELSE 'd.right_amount' END || ' IS NOT NULL' END,
        'LEFT JOIN merch.forecast f ON f.item_id = d.item_id AND f.location_id = d.location_id AND f.day = $7')
    FROM (SELECT CASE left_id WHEN -1 THEN 'a.approved' ELSE 'd.left' END AS left_period,
                 CASE right_id WHEN -1 THEN 'a.approved' ELSE 'd.right' END AS right_period) p
$$;
COMMENT ON FUNCTION merch.price_diff_sql(int, int, int, boolean) IS
'The statement that finds what differs between two systems, by a join of all of their prices or of those of some leaves. Part of merch.price_diff().';

CREATE FUNCTION merch.check_price_diff(at timestamptz, tolerance numeric)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF at IS NULL OR NOT isfinite(at) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('at must be a moment: %s', coalesce(at::text, 'NULL')),
            HINT = 'Leave it out for now.';
    END IF;
    IF tolerance IS NULL OR tolerance = 'NaN' OR tolerance < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('tolerance must be an amount of at least 0: %s', coalesce(tolerance::text, 'NULL')),
            HINT = 'Use 0 for none.';
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_price_diff(timestamptz, numeric) IS
'Refuses arguments of merch.price_diff() that mean nothing.';

CREATE FUNCTION merch.price_diff(
    left_system text,
    right_system text,
    at timestamptz DEFAULT now(),
    tolerance numeric DEFAULT 0,
    verify boolean DEFAULT false
)
RETURNS TABLE (
    item_id bigint,
    location_id int,
    channel_id int,
    difference text,
    left_amount numeric,
    left_currency text,
    left_from timestamptz,
    left_to timestamptz,
    right_amount numeric,
    right_currency text,
    right_from timestamptz,
    right_to timestamptz,
    right_seen_at timestamptz,
    money_at_risk numeric
)
LANGUAGE plpgsql STABLE ROWS 1000 COST 100000
SET search_path = pg_catalog, pg_temp
-- compiling would take longer than reading some leaves
SET jit = off
AS $$
DECLARE
    pair record;
    items bigint[];
    channels int[];
    blocks int[];
    by_leaf boolean := NOT coalesce(verify, false);
BEGIN
    PERFORM merch.check_price_diff(at, tolerance);
    SELECT * INTO pair FROM merch.price_comparison(left_system, right_system, at);
    IF by_leaf THEN
        SELECT array_agg(d.item_id), array_agg(d.channel_id), array_agg(d.block) INTO items, channels, blocks
        FROM merch.differing_leaves_of(pair.left_id, pair.right_id) d;
        IF items IS NULL THEN
            RETURN;
        END IF;
        -- a join of everything is faster than leaf by leaf from about half of them on
        by_leaf := cardinality(items) < 1000
                   OR cardinality(items) < (SELECT count(*) / 2 FROM merch.price_digest g WHERE g.system_id = pair.left_id);
    ELSE
        -- warns of digests that are not those of the rows
        PERFORM FROM merch.differing_leaves_of(pair.left_id, pair.right_id, true);
    END IF;
    RETURN QUERY EXECUTE merch.price_diff_sql(pair.left_id, pair.right_id, pair.channel_id, by_leaf)
        USING at, items, channels, blocks, tolerance, pair.snapshot_at, at::date;
END
$$;
COMMENT ON FUNCTION merch.price_diff(text, text, timestamptz, numeric, boolean) IS
'Where two systems show different prices at a moment: missing, unexpected, wrong amount, wrong currency or stale, with both prices and the money at risk. Reads the rows of leaves whose digests differ alone; with verify all rows, trusting no digest.';
