-- price mismatches: found by the diff, cleared by it, raised as exceptions, told to the systems

-- A feed tells all that changed until it was taken: what it leaves out is as it was.
CREATE FUNCTION merch.system_heard_at(system_id int)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT greatest(s.snapshot_at, (SELECT max(f.taken_at) FROM merch.price_feed f
                                    WHERE f.system_id = s.system_id AND f.state = 'applied'))
    FROM merch.system s
    WHERE s.system_id = system_heard_at.system_id
$$;
COMMENT ON FUNCTION merch.system_heard_at(int) IS
'When the last feed of a system was taken that has been applied: what is known of its prices is as of then. Null if none was.';

-- Where a system has not been heard of since a price began, nobody knows what it shows. It
-- counts once the system has been silent for longer than is usual.
CREATE FUNCTION merch.differing_prices(system_id int)
RETURNS TABLE (
    item_id bigint,
    location_id int,
    channel_id int,
    promotion_id bigint,
    difference text,
    approved_amount numeric,
    approved_currency text,
    approved_from timestamptz,
    approved_to timestamptz,
    shown_amount numeric,
    shown_currency text,
    shown_seen_at timestamptz,
    money_at_risk numeric,
    awaited boolean
)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    system_name text;
    usual_silence interval;
    heard CONSTANT timestamptz := merch.system_heard_at(system_id);
BEGIN
    SELECT s.name, s.stale_after INTO STRICT system_name, usual_silence
    FROM merch.system s
    WHERE s.system_id = differing_prices.system_id;
    RETURN QUERY
    SELECT d.item_id, d.location_id, d.channel_id, e.promotion_id,
           CASE WHEN d.difference <> 'stale' OR heard >= d.left_from IS NOT TRUE THEN d.difference
                WHEN d.left_currency <> d.right_currency THEN 'wrong currency'
                ELSE 'wrong amount' END,
           d.left_amount, d.left_currency,
           d.left_from, d.left_to, d.right_amount, d.right_currency, d.right_seen_at, d.money_at_risk::numeric(20, 2),
           d.difference = 'stale' AND heard >= d.left_from IS NOT TRUE AND d.left_from > now() - usual_silence
    FROM merch.price_diff('approved', system_name) d
    LEFT JOIN LATERAL (
        SELECT x.promotion_id
        FROM merch.price_event x
        WHERE x.item_id = d.item_id AND x.amount = d.left_amount AND x.currency = d.left_currency AND x.from_quantity = 1
          AND x.promotion_id IS NOT NULL AND x.state IN ('approved', 'published', 'active') AND x.effective @> now()
          AND x.places @> d.location_id AND coalesce(x.channel_id, d.channel_id) = d.channel_id
        ORDER BY x.promotion_id
        LIMIT 1) e ON true;
END
$$;
COMMENT ON FUNCTION merch.differing_prices(int) IS
'What a system shows otherwise than it was approved, as far as is known now, the promotion whose price it should be, and whether news of the system is only awaited. Used by merch.check_prices().';

CREATE FUNCTION merch.items_in_renewal()
RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.item_id FROM merch.dirty_price d
    UNION
    SELECT e.item_id
    FROM merch.price_position p
    JOIN merch.price_event e ON lower(e.effective) > p.looked_at AND lower(e.effective) <= now()
    WHERE e.state IN ('approved', 'published', 'active')
    UNION
    SELECT e.item_id
    FROM merch.price_position p
    JOIN merch.price_event e ON upper(e.effective) > p.looked_at AND upper(e.effective) <= now()
    WHERE e.state IN ('approved', 'published', 'active')
$$;
COMMENT ON FUNCTION merch.items_in_renewal() IS
'Items whose approved prices are not yet what they should be: merch.renew_approved_prices() will see to them. Null among them stands for all.';

-- A row that would not change is not even locked: the cost follows what is new or gone. Items
-- whose approved prices are being renewed are judged when that is done. All of it is seen by
-- one snapshot.
CREATE FUNCTION merch.store_mismatches(system_id int, OUT changed bigint, OUT told bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    one CONSTANT int := system_id;
    seen_before CONSTANT timestamptz := (SELECT max(r.at) FROM merch.price_sync_rate r WHERE r.system_id = one);
BEGIN
    WITH renewed AS MATERIALIZED (
        SELECT q AS item_id FROM merch.items_in_renewal() q
    ), open AS MATERIALIZED (
        SELECT m.* FROM merch.price_mismatch m WHERE m.system_id = one AND m.cleared_at IS NULL
    ), paired AS MATERIALIZED (
        SELECT item_id, location_id, channel_id, o.price_mismatch_id, f.promotion_id, f.difference,
               f.approved_amount, f.approved_currency, f.approved_from, f.approved_to,
               f.shown_amount, f.shown_currency, f.shown_seen_at, f.money_at_risk,
               (o.approved_amount, o.approved_currency, o.approved_from, o.approved_to)
                   IS DISTINCT FROM (f.approved_amount, f.approved_currency, f.approved_from, f.approved_to) AS news,
               (o.difference, o.shown_amount, o.shown_currency, o.promotion_id, o.money_at_risk)
                   IS DISTINCT FROM (f.difference, f.shown_amount, f.shown_currency, f.promotion_id, f.money_at_risk) AS differs
        FROM merch.differing_prices(one) f
        FULL JOIN open o USING (item_id, location_id, channel_id)
        -- what is wrong already stays so until there is news of it
        WHERE (f.awaited IS NOT TRUE OR o.price_mismatch_id IS NOT NULL)
          AND NOT EXISTS (SELECT FROM renewed r WHERE r.item_id IS NULL)
          AND NOT EXISTS (SELECT FROM renewed r WHERE r.item_id = coalesce(f.item_id, o.item_id))
    ), gone AS (
        UPDATE merch.price_mismatch m
        SET cleared_at = now(), last_seen = greatest(m.last_seen, seen_before)
        FROM paired p
        WHERE p.difference IS NULL AND m.item_id = p.item_id AND m.price_mismatch_id = p.price_mismatch_id
        RETURNING m.price_mismatch_id
    ), altered AS (
        UPDATE merch.price_mismatch m
        SET difference = p.difference, promotion_id = p.promotion_id,
            approved_amount = p.approved_amount, approved_currency = p.approved_currency,
            approved_from = p.approved_from, approved_to = p.approved_to,
            shown_amount = p.shown_amount, shown_currency = p.shown_currency, shown_seen_at = p.shown_seen_at,
            money_at_risk = p.money_at_risk, last_seen = now()
        FROM paired p
        WHERE p.difference IS NOT NULL AND (p.differs OR p.news)
          AND m.item_id = p.item_id AND m.price_mismatch_id = p.price_mismatch_id
        RETURNING m.*, p.news
    ), made AS (
        INSERT INTO merch.price_mismatch (
            item_id, system_id, location_id, channel_id, promotion_id, difference, approved_amount, approved_currency,
            approved_from, approved_to, shown_amount, shown_currency, shown_seen_at, money_at_risk)
        SELECT p.item_id, one, p.location_id, p.channel_id, p.promotion_id, p.difference, p.approved_amount,
               p.approved_currency, p.approved_from, p.approved_to, p.shown_amount, p.shown_currency, p.shown_seen_at,
               p.money_at_risk
        FROM paired p
        WHERE p.price_mismatch_id IS NULL
        ORDER BY p.item_id, p.location_id, p.channel_id
        RETURNING *
    ), correction AS (
        INSERT INTO merch.price_correction (
            price_mismatch_id, system_id, item_id, location_id, channel_id, amount, currency, valid_from, valid_to, reason)
        SELECT n.price_mismatch_id, one, n.item_id, n.location_id, n.channel_id, n.approved_amount, n.approved_currency,
               n.approved_from, n.approved_to, n.difference
        FROM (SELECT m.*, true AS news FROM made m UNION ALL SELECT a.* FROM altered a) n
        WHERE n.news
        ORDER BY n.price_mismatch_id
        RETURNING price_correction_id
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM altered) + (SELECT count(*) FROM made),
           (SELECT count(*) FROM correction)
    INTO changed, told;
END
$$;
COMMENT ON FUNCTION merch.store_mismatches(int) IS
'Brings the mismatches of a system in line with what it shows, and writes the corrections: how many mismatches were written, and how many corrections. Used by merch.check_prices().';

CREATE FUNCTION merch.store_sync_rate(system_id int, channels int[], prices bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO merch.price_sync_rate (system_id, at, prices, right_prices, mismatches, money_at_risk)
    SELECT s.system_id, now(), a.prices, greatest(a.prices - m.lacking, 0), m.open, m.money
    FROM merch.system s
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(c.prices), 0)::bigint AS prices
        FROM unnest(channels, store_sync_rate.prices) c (channel_id, prices)
        WHERE coalesce(s.channel_id, c.channel_id) = c.channel_id) a
    CROSS JOIN LATERAL (
        SELECT count(*) AS open, count(*) FILTER (WHERE x.difference <> 'unexpected') AS lacking,
               coalesce(sum(x.money_at_risk), 0) AS money
        FROM merch.price_mismatch x
        WHERE x.system_id = s.system_id AND x.cleared_at IS NULL) m
    WHERE s.system_id = store_sync_rate.system_id
    ON CONFLICT (system_id, at) DO UPDATE
    SET prices = excluded.prices, right_prices = excluded.right_prices, mismatches = excluded.mismatches,
        money_at_risk = excluded.money_at_risk
$$;
COMMENT ON FUNCTION merch.store_sync_rate(int, int[], bigint[]) IS
'Notes how much of what was approved a system shows, given the number of approved prices by channel. Used by merch.check_prices().';

CREATE FUNCTION merch.system_to_check(name text)
RETURNS int
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one CONSTANT int := merch.find_system(name);
BEGIN
    IF one <= 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('system "%s" is what others are compared with', name),
            HINT = 'Name a system that reports its prices, or null for all that are active.';
    ELSIF NOT (SELECT s.active FROM merch.system s WHERE s.system_id = one) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('system "%s" is not active', name),
            HINT = 'Set active of merch.system to have it compared with what was approved.';
    END IF;
    RETURN one;
END
$$;
COMMENT ON FUNCTION merch.system_to_check(text) IS
'The number of a system that can be compared with what was approved; an error that says why if it can''t.';

-- A system that was made and has yet to send its first feed lacks every price.
CREATE FUNCTION merch.reporting_systems()
RETURNS int[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT s.system_id
        FROM merch.system s
        WHERE s.active AND s.system_id > 0
          AND (merch.system_heard_at(s.system_id) IS NOT NULL
               OR EXISTS (SELECT FROM merch.price_sync_rate r WHERE r.system_id = s.system_id)
               OR EXISTS (SELECT FROM merch.price_digest d WHERE d.system_id = s.system_id)
               OR EXISTS (SELECT FROM merch.price_digest_delta d WHERE d.system_id = s.system_id))
        ORDER BY s.system_id)
$$;
COMMENT ON FUNCTION merch.reporting_systems() IS
'The active systems that have ever shown a price, or been heard of: those that are compared with what was approved.';

-- One check at a time: two would not know of each other what is new.
CREATE FUNCTION merch.check_prices(system text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen CONSTANT int[] := CASE WHEN system IS NOT NULL THEN ARRAY[merch.system_to_check(system)]
                                  ELSE merch.reporting_systems() END;
    one int;
    channels int[];
    prices bigint[];
    written bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('merch.check_prices'));
    IF system IS NULL THEN
        UPDATE merch.price_mismatch m SET cleared_at = now()
        FROM merch.system s
        WHERE s.system_id = m.system_id AND NOT s.active AND m.cleared_at IS NULL;
        GET DIAGNOSTICS written = ROW_COUNT;
    END IF;
    IF chosen = '{}' THEN
        RETURN written;
    END IF;
    SELECT array_agg(c.channel_id), array_agg(c.prices) INTO channels, prices
    FROM (SELECT l.channel_id, sum(l.prices)::bigint AS prices FROM merch.leaves_of(-1) l GROUP BY l.channel_id) c;
    FOREACH one IN ARRAY chosen LOOP
        written := written + (SELECT m.changed FROM merch.store_mismatches(one) m);
        PERFORM merch.store_sync_rate(one, channels, prices);
    END LOOP;
    RETURN written;
END
$$;
COMMENT ON FUNCTION merch.check_prices(text) IS
'Compares what was approved with what a system, or (null) every active one that has ever reported, shows now: opens a mismatch for each difference that is new, with its correction, updates those with other figures, clears those that are gone, and notes the share that is right. Returns how many mismatches were written; what is as it was is not.';

CREATE FUNCTION merch.check_all_prices()
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.check_prices(NULL)
$$;
COMMENT ON FUNCTION merch.check_all_prices() IS
'merch.check_prices() of all active systems. Job price check.';

CREATE FUNCTION merch.next_price_check()
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT clock_timestamp()
    FROM merch.system s
    WHERE s.active AND s.system_id > 0
      AND (SELECT max(f.applied_at) FROM merch.price_feed f WHERE f.system_id = s.system_id AND f.applied_at IS NOT NULL)
          > coalesce((SELECT max(r.at) FROM merch.price_sync_rate r WHERE r.system_id = s.system_id), '-infinity')
    LIMIT 1
$$;
COMMENT ON FUNCTION merch.next_price_check() IS
'Now if a feed has been applied since its system was last checked, else null. Says when job price check is due before its time.';

-- One of a system whose feed is late, or broken, says what a thousand of its prices would.
CREATE FUNCTION merch.price_storms()
RETURNS TABLE (
    system_id int,
    system text,
    mismatches bigint,
    prices bigint,
    money_at_risk numeric,
    silent_since timestamptz,
    stale_after interval
)
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.system_id, s.name, r.mismatches, r.prices, r.money_at_risk,
           CASE WHEN h.heard_at < now() - s.stale_after THEN h.heard_at END, s.stale_after
    FROM merch.system s
    CROSS JOIN LATERAL (SELECT x.* FROM merch.price_sync_rate x WHERE x.system_id = s.system_id ORDER BY x.at DESC LIMIT 1) r
    CROSS JOIN LATERAL (SELECT merch.system_heard_at(s.system_id) AS heard_at) h
    WHERE s.active AND s.system_id > 0 AND r.mismatches > 0
      AND (h.heard_at < now() - s.stale_after
           OR (r.mismatches >= s.storm_least AND r.mismatches > s.storm_share * r.prices))
$$;
COMMENT ON FUNCTION merch.price_storms() IS
'The systems of which it is not single prices that are wrong: they have not been heard of for longer than is usual (silent_since, else null), or more than storm_share of their prices differ. As of their last check.';

CREATE FUNCTION merch.detect_price_mismatches(promotions bigint[])
RETURNS SETOF merch.condition
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH storm AS MATERIALIZED (
        SELECT * FROM merch.price_storms()
    ), wrong AS (
        SELECT m.system_id, m.item_id, m.promotion_id, count(*) AS prices, sum(m.money_at_risk) AS money,
               min(m.location_id) AS location_id,
               concat_ws(', ', merch.counted(count(*) FILTER (WHERE m.difference = 'wrong amount'), 'wrong amount'),
                         merch.counted(count(*) FILTER (WHERE m.difference = 'wrong currency'), 'wrong currency'),
                         merch.counted(count(*) FILTER (WHERE m.difference = 'missing'), 'missing'),
                         merch.counted(count(*) FILTER (WHERE m.difference = 'unexpected'), 'unexpected'),
                         merch.counted(count(*) FILTER (WHERE m.difference = 'stale'), 'stale')) AS differences,
               (array_agg(format('at location %s in channel %s approved %s, shown %s', m.location_id, m.channel_id,
                                 coalesce(merch.shown_price(m.approved_amount, m.approved_currency), 'none'),
                                 coalesce(merch.shown_price(m.shown_amount, m.shown_currency), 'none'))
                          ORDER BY m.money_at_risk DESC NULLS LAST, m.location_id, m.channel_id))[1] AS example
        FROM merch.price_mismatch m
        WHERE m.cleared_at IS NULL AND (promotions IS NULL OR m.promotion_id = ANY (promotions))
          AND m.system_id NOT IN (SELECT t.system_id FROM storm t)
        GROUP BY m.system_id, m.item_id, m.promotion_id
    )
    SELECT format('system %s', t.system), t.system, NULL::bigint, NULL::bigint, NULL::int, NULL::bigint, NULL::bigint,
           CASE WHEN t.silent_since IS NULL
                THEN format('%s of %s prices differ', t.mismatches, t.prices)
                ELSE format('not heard of since %s (usual: %s hours), %s of %s prices differ',
                            to_char(t.silent_since, 'YYYY-MM-DD HH24:MI'), trim_scale(round(extract(epoch FROM t.stale_after) / 3600, 2)),
                            t.mismatches, t.prices) END,
           format('Ask for a full snapshot of system %s before you deal with single prices. What differs: '
                  'SELECT * FROM merch.open_price_mismatch WHERE system = %L.', t.system, t.system),
           t.money_at_risk, NULL::numeric, NULL::numeric, NULL::numeric, NULL::timestamptz
    FROM storm t
    WHERE promotions IS NULL
    UNION ALL
    SELECT format('system %s item %s', s.name, w.item_id) || coalesce(' promotion ' || w.promotion_id, ''), s.name,
           w.promotion_id, i.item_id, CASE WHEN w.prices = 1 THEN l.location_id END, NULL::bigint, NULL::bigint,
           format('%s: %s %s (%s), such as %s', s.name, w.prices,
                  CASE w.prices WHEN 1 THEN 'price differs' ELSE 'prices differ' END, w.differences, w.example),
           format('Send the price of item %s to system %s again: the rows of merch.price_correction. What differs: '
                  'SELECT * FROM merch.open_price_mismatch WHERE system = %L AND item_id = %s.', w.item_id, s.name, s.name, w.item_id),
           w.money, NULL::numeric, NULL::numeric, NULL::numeric, NULL::timestamptz
    FROM wrong w
    JOIN merch.system s USING (system_id)
    LEFT JOIN merch.item i ON i.item_id = w.item_id
    LEFT JOIN merch.location l ON l.location_id = w.location_id;
END
$$;
COMMENT ON FUNCTION merch.detect_price_mismatches(bigint[]) IS
'Detector: items that a system shows at other prices than were approved, with the money at risk on a day; or the system as a whole, where it is late or too many differ.';

CREATE FUNCTION merch.forget_price_checks()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept_from CONSTANT timestamptz := now() - merch.setting('merch.history')::interval;
    rows bigint;
    forgotten bigint := 0;
BEGIN
    DELETE FROM merch.price_mismatch m WHERE m.cleared_at < kept_from;
    GET DIAGNOSTICS rows = ROW_COUNT;
    forgotten := forgotten + rows;
    DELETE FROM merch.price_correction c WHERE c.created_at < kept_from;
    GET DIAGNOSTICS rows = ROW_COUNT;
    forgotten := forgotten + rows;
    DELETE FROM merch.price_sync_rate r WHERE r.at < kept_from;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN forgotten + rows;
END
$$;
COMMENT ON FUNCTION merch.forget_price_checks() IS
'Deletes mismatches that were cleared, corrections that were written and shares that were noted longer ago than the setting merch.history; returns how many rows. Part of job purge.';
