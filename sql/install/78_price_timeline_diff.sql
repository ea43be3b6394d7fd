-- price timeline diff: where two systems differ in the periods of their prices

CREATE FUNCTION merch.day_position(at timestamptz)
RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE
-- the day's own length, which is 23 or 25 hours where clocks change; the last years that
-- there are have no day after their last
RETURN (at::date - '2000-01-01'::date)
     + CASE WHEN at < '290000-01-01 UTC'
            THEN extract(epoch FROM at - at::date::timestamptz)::float8
                 / extract(epoch FROM (at::date + 1)::timestamptz - at::date::timestamptz)::float8
            ELSE 0 END;
COMMENT ON FUNCTION merch.day_position(timestamptz) IS
'A moment in days since the start of 2000 in the session''s time zone: a day is 1 also where clocks change in it.';

-- Days whose sales are at risk by a difference: all of its own. Of one that has no beginning or
-- no end 28 at most: the next, from its start if that is to come, or the last, if it is over.
CREATE FUNCTION merch.first_day_at_risk(differs_from timestamptz, differs_to timestamptz)
RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN isfinite(differs_from) AND isfinite(differs_to) THEN merch.day_position(differs_from)
            WHEN differs_to <= now() THEN merch.day_position(differs_to) - 28
            ELSE merch.day_position(greatest(differs_from, now())) END;
COMMENT ON FUNCTION merch.first_day_at_risk(timestamptz, timestamptz) IS
'From when on sales are at risk by a difference that holds in this period, as merch.day_position(): from its start; where it has no beginning or no end from now on, or its start if that is to come, or 28 days before its end if it is over.';

CREATE FUNCTION merch.last_day_at_risk(differs_from timestamptz, differs_to timestamptz)
RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN NOT isfinite(differs_to) THEN merch.first_day_at_risk(differs_from, differs_to) + 28
            WHEN isfinite(differs_from) THEN merch.day_position(differs_to)
            ELSE least(merch.day_position(differs_to), merch.first_day_at_risk(differs_from, differs_to) + 28) END;
COMMENT ON FUNCTION merch.last_day_at_risk(timestamptz, timestamptz) IS
'Until when sales are at risk by a difference that holds in this period, as merch.day_position(): to its end; where it has no beginning or no end for 28 days at most.';

-- $1 to $3 the leaves, $4 and $5 the period, $6 the tolerance, $7 when the right system last
-- sent all. Rows of leaves are found by the primary key; all rows in the order of the groups.
CREATE FUNCTION merch.timelines_sql(left_id int, right_id int, channel_id int, by_leaf boolean)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(E'\n',
        CASE WHEN by_leaf THEN 'WITH leaf AS MATERIALIZED (SELECT * FROM unnest($1, $2, $3) AS l(item_id, channel_id, block))' END,
        format('SELECT p.item_id, p.location_id, p.channel_id,
                       merch.compare_timelines(p.system_id = %s, p.valid_from, p.valid_to, p.amount, p.currency, p.priority,
                                               p.source_version, p.seen_at, $4, $5, $6, $7) AS differences', right_id),
        -- the planner overrates what it costs to look a leaf up, and would read everything instead
        CASE WHEN by_leaf THEN 'FROM leaf CROSS JOIN LATERAL (SELECT p.*' END,
        'FROM merch.published_price p',
        format('WHERE p.system_id IN (%s, %s) AND p.amount IS NOT NULL', left_id, right_id),
        'AND p.channel_id = ' || channel_id,
        CASE WHEN by_leaf THEN
            'AND p.item_id = leaf.item_id AND p.channel_id = leaf.channel_id
             AND p.location_id >= leaf.block << 6 AND p.location_id <= (leaf.block << 6 | 63) OFFSET 0) p' END,
        'GROUP BY p.item_id, p.location_id, p.channel_id')
$$;
COMMENT ON FUNCTION merch.timelines_sql(int, int, int, boolean) IS
'The statement that compares the timelines of two systems, price by price: of all or of those of the leaves in leaf. Part of merch.price_timeline_diff().';

CREATE FUNCTION merch.check_price_timeline_diff(left_system text, right_system text, period tstzrange)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    told CONSTANT text[] := ARRAY(SELECT s.name FROM merch.system s
                                  WHERE s.name IN (left_system, right_system) AND s.reports = 'current'
                                  ORDER BY s.name);
BEGIN
    IF period IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'period must not be null',
            HINT = 'Leave it out for all times.';
    END IF;
    IF cardinality(told) = 1 AND left_system <> right_system THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('system "%s" reports no periods', told[1]),
            DETAIL = 'What it shows now says nothing of what it showed or will show.',
            HINT = format('SELECT * FROM merch.price_diff(%L, %L) compares what holds now.', left_system, right_system);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_price_timeline_diff(text, text, tstzrange) IS
'Refuses arguments of merch.price_timeline_diff() that mean nothing.';

CREATE FUNCTION merch.price_timeline_diff(
    left_system text,
    right_system text,
    period tstzrange DEFAULT '(,)',
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
    money_at_risk numeric,
    differs_from timestamptz,
    differs_to timestamptz
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
    moment CONSTANT interval := '1 microsecond';
BEGIN
    PERFORM merch.check_price_diff(now(), tolerance);
    SELECT * INTO pair FROM merch.price_comparison(left_system, right_system, NULL);
    PERFORM merch.check_price_timeline_diff(left_system, right_system, period);
    IF isempty(period) THEN
        RETURN;
    END IF;
    IF by_leaf THEN
        SELECT array_agg(d.item_id), array_agg(d.channel_id), array_agg(d.block) INTO items, channels, blocks
        FROM merch.differing_leaves_of(pair.left_id, pair.right_id) d;
        IF items IS NULL THEN
            RETURN;
        END IF;
        -- reading everything in order is faster than leaf by leaf from about a third of them on
        by_leaf := cardinality(items) < 1000
                   OR cardinality(items) < (SELECT count(*) / 3 FROM merch.price_digest g WHERE g.system_id = pair.left_id);
    ELSE
        -- warns of digests that are not those of the rows
        PERFORM FROM merch.differing_leaves_of(pair.left_id, pair.right_id, true);
    END IF;
    RETURN QUERY EXECUTE
        'SELECT t.item_id, t.location_id, t.channel_id, d.difference,
                d.left_amount, d.left_currency, d.left_from, d.left_to,
                d.right_amount, d.right_currency, d.right_from, d.right_to, d.right_seen_at,
                round(CASE WHEN d.left_amount IS NULL THEN d.right_amount
                           WHEN d.right_amount IS NULL OR d.left_currency <> d.right_currency THEN d.left_amount
                           ELSE abs(d.left_amount - d.right_amount) END * u.units::numeric, 4),
                d.differs_from, d.differs_to
         FROM (' || merch.timelines_sql(pair.left_id, pair.right_id, pair.channel_id, by_leaf) || ') t
         CROSS JOIN LATERAL unnest(t.differences) d
         CROSS JOIN LATERAL (SELECT merch.first_day_at_risk(d.differs_from, d.differs_to) AS first_day,
                                    merch.last_day_at_risk(d.differs_from, d.differs_to) AS last_day OFFSET 0) r
         -- of a day that is at risk in part that part; a unit a day where there is no forecast
         CROSS JOIN LATERAL (SELECT coalesce(sum(f.mean * s.share), 0)
                                    + greatest(r.last_day - r.first_day - coalesce(sum(s.share), 0), 0) AS units
                             FROM merch.forecast f
                             CROSS JOIN LATERAL (SELECT f.day - date ''2000-01-01'') p(day)
                             CROSS JOIN LATERAL (SELECT least(r.last_day, p.day + 1) - greatest(r.first_day, p.day)) s(share)
                             WHERE f.item_id = t.item_id AND f.location_id = t.location_id
                               AND f.day >= date ''2000-01-01'' + floor(r.first_day)::int
                               AND f.day < date ''2000-01-01'' + ceil(r.last_day)::int) u
         WHERE t.differences IS NOT NULL'
        USING items, channels, blocks,
              lower(period) + CASE WHEN lower_inc(period) THEN '0' ELSE moment END,
              upper(period) + CASE WHEN upper_inc(period) THEN moment ELSE '0' END,
              -- amounts have four decimals: so have differences
              trunc(least(tolerance, 1e14), 4), pair.snapshot_at;
END
$$;
COMMENT ON FUNCTION merch.price_timeline_diff(text, text, tstzrange, numeric, boolean) IS
'Where two systems show different prices, or the same at different times: a row for each longest time within the period in which neither changes and both differ, with its kind, both prices and the money at risk. Reads the rows of leaves whose digests differ alone; with verify all rows, trusting no digest.';
