-- price launch: whether the prices of a promotion are where they should be for the moment it
-- starts, and events that become published when they are

-- Where another event takes precedence at that moment, an event's price is not to be shown.
CREATE FUNCTION merch.contested_events(price_events bigint[])
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT e.price_event_id
    FROM merch.price_event e
    JOIN merch.price_kind k USING (kind)
    WHERE e.price_event_id = ANY (price_events)
      AND EXISTS (SELECT
                  FROM merch.price_event o
                  JOIN merch.price_kind ok ON ok.kind = o.kind
                  WHERE o.item_id = e.item_id AND o.price_event_id <> e.price_event_id AND o.from_quantity = 1
                    AND o.state IN ('approved', 'published', 'active') AND ok.rank <= k.rank
                    AND o.effective && e.effective AND o.places && e.places
                    AND coalesce(o.channel_id = e.channel_id, true));
END
$$;
COMMENT ON FUNCTION merch.contested_events(bigint[]) IS
'Those of price events that share an item, a place and a moment with another of the same or a higher rank. Used by merch.planned_prices().';

CREATE FUNCTION merch.planned_prices(price_events bigint[])
RETURNS TABLE (
    price_event_id bigint,
    promotion_id bigint,
    item_id bigint,
    location_id int,
    channel_id int,
    amount numeric,
    currency text,
    at timestamptz
)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    contested CONSTANT bigint[] := ARRAY(SELECT merch.contested_events(price_events));
BEGIN
    RETURN QUERY
    WITH event AS MATERIALIZED (
        SELECT e.*, CASE e.state WHEN 'active' THEN greatest(lower(e.effective), now()) ELSE lower(e.effective) END AS at
        FROM merch.price_event e
        WHERE e.price_event_id = ANY (price_events) AND e.from_quantity = 1 AND e.state IN ('approved', 'published', 'active')
          AND coalesce(upper(e.effective), 'infinity') > now()
    )
    SELECT e.price_event_id, e.promotion_id, e.item_id, r.location_id, s.channel_id, e.amount::numeric, e.currency, e.at
    FROM event e
    JOIN merch.ranging r ON r.item_id = e.item_id AND e.places @> r.location_id
    JOIN merch.sales_place s ON s.location_id = r.location_id AND coalesce(e.channel_id, s.channel_id) = s.channel_id
    WHERE e.price_event_id <> ALL (contested)
       OR (SELECT a.price_event_id = e.price_event_id FROM merch.price_at(e.item_id, r.location_id, s.channel_id, e.at) a);
END
$$;
COMMENT ON FUNCTION merch.planned_prices(bigint[]) IS
'The prices that price events give to places and channels at the moment they start, or now if they are active: without those where another event takes precedence, those that are not approved or over, and those for several units.';

CREATE FUNCTION merch.shown_prices(price_events bigint[], systems int[])
RETURNS TABLE (
    system_id int,
    price_event_id bigint,
    promotion_id bigint,
    item_id bigint,
    location_id int,
    channel_id int,
    amount numeric,
    currency text,
    shown_amount numeric,
    shown_currency text,
    seen_at timestamptz
)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.system_id, p.price_event_id, p.promotion_id, p.item_id, p.location_id, p.channel_id, p.amount, p.currency,
           f.amount::numeric, f.currency, f.seen_at
    FROM merch.planned_prices(price_events) p
    JOIN merch.system s ON s.system_id = ANY (systems) AND coalesce(s.channel_id, p.channel_id) = p.channel_id
    LEFT JOIN LATERAL (
        SELECT x.amount, x.currency, x.seen_at
        FROM merch.published_price x
        WHERE x.item_id = p.item_id AND x.system_id = s.system_id AND x.location_id = p.location_id
          AND x.channel_id = p.channel_id AND x.valid_from <= p.at AND x.valid_to > p.at AND x.amount IS NOT NULL
        ORDER BY x.priority DESC, x.source_version DESC, x.seen_at DESC, x.valid_from DESC
        LIMIT 1) f ON true;
END
$$;
COMMENT ON FUNCTION merch.shown_prices(bigint[], int[]) IS
'What systems show, or say that they will show, where merch.planned_prices() of price events are to hold; null where they show nothing.';

-- What a system shows only now says nothing about a promotion that has not started: until it
-- is live such a system is not judged.
CREATE FUNCTION merch.price_sync_of(promotions bigint[], systems int[])
RETURNS TABLE (
    promotion_id bigint,
    system_id int,
    channel_id int,
    prices bigint,
    right_prices bigint,
    share numeric,
    missing bigint,
    wrong bigint,
    in_sync_at timestamptz,
    detail text
)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    events CONSTANT bigint[] := ARRAY(SELECT e.price_event_id FROM merch.price_event e
                                      WHERE e.promotion_id = ANY (promotions) AND e.state IN ('approved', 'published', 'active')
                                      ORDER BY 1);
BEGIN
    RETURN QUERY
    WITH counted AS (
        SELECT p.promotion_id, p.system_id, p.channel_id, count(*) AS prices, max(p.seen_at) AS seen_at,
               count(*) FILTER (WHERE p.shown_amount = p.amount AND p.shown_currency = p.currency) AS good,
               count(*) FILTER (WHERE p.shown_amount IS NULL) AS missing,
               min(ARRAY[p.item_id, p.location_id]) FILTER (WHERE p.shown_amount IS NULL) AS first_missing,
               min(ARRAY[p.item_id, p.location_id])
                   FILTER (WHERE p.shown_amount <> p.amount OR p.shown_currency <> p.currency) AS first_wrong
        FROM merch.shown_prices(events, systems) p
        GROUP BY p.promotion_id, p.system_id, p.channel_id
    )
    SELECT c.promotion_id, c.system_id, c.channel_id, c.prices, c.good,
           CASE WHEN j.judged THEN c.good::numeric / c.prices END,
           CASE WHEN j.judged THEN c.missing END,
           CASE WHEN j.judged THEN c.prices - c.good - c.missing END,
           CASE WHEN c.good = c.prices THEN c.seen_at END,
           CASE WHEN NOT j.judged THEN 'shows only what holds now: judged once the promotion is live'
                ELSE concat_ws('; ', merch.counted(c.missing, 'prices are missing',
                                                   format('item %s at location %s', c.first_missing[1], c.first_missing[2])),
                               merch.counted(c.prices - c.good - c.missing, 'prices are wrong',
                                             format('item %s at location %s', c.first_wrong[1], c.first_wrong[2]))) END
    FROM counted c
    JOIN merch.system s USING (system_id)
    JOIN merch.promotion p USING (promotion_id)
    CROSS JOIN LATERAL (SELECT s.reports = 'periods' OR p.state = 'live' OR c.good = c.prices AS judged) j;
END
$$;
COMMENT ON FUNCTION merch.price_sync_of(bigint[], int[]) IS
'For promotions, by system and channel: how many of their prices the system shows for the moment they start, or now if they are live. See merch.promotion_price_sync().';

CREATE FUNCTION merch.promotion_price_sync(promotion_id bigint)
RETURNS TABLE (
    system text,
    channel text,
    prices bigint,
    right_prices bigint,
    share numeric,
    missing bigint,
    wrong bigint,
    in_sync_at timestamptz,
    detail text
)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    id CONSTANT bigint := promotion_price_sync.promotion_id;
BEGIN
    IF NOT EXISTS (SELECT FROM merch.promotion p WHERE p.promotion_id = id) THEN
        RAISE no_data_found USING
            MESSAGE = format('promotion %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The promotions are the rows of merch.promotion.';
    END IF;
    RETURN QUERY
    SELECT s.name, c.name, p.prices, p.right_prices, round(p.share, 4), p.missing, p.wrong, p.in_sync_at, nullif(p.detail, '')
    FROM merch.price_sync_of(ARRAY[id], ARRAY(SELECT y.system_id FROM merch.system y WHERE y.active AND y.system_id > 0)) p
    JOIN merch.system s USING (system_id)
    JOIN merch.channel c ON c.channel_id = p.channel_id
    ORDER BY s.name, c.name;
END
$$;
COMMENT ON FUNCTION merch.promotion_price_sync(bigint) IS
'For each system and channel: how many of a promotion''s approved prices the system already shows for the moment the promotion starts (now, if it is live), how many it lacks or shows wrong, and, once all agree, since when. share, missing and wrong are null where a system shows only what holds now and the promotion is not live.';

CREATE FUNCTION merch.gating_systems()
RETURNS int[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT s.system_id FROM merch.system s
                 WHERE s.system_id > 0 AND s.active AND s.gates_launch AND s.reports = 'periods' ORDER BY 1)
$$;
COMMENT ON FUNCTION merch.gating_systems() IS
'The systems that a promotion waits for: active ones with gates_launch that report prices which are to come.';

CREATE FUNCTION merch.check_published_prices(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    systems CONSTANT int[] := merch.gating_systems();
BEGIN
    IF systems = '{}' THEN
        RETURN QUERY SELECT p, true, NULL::numeric, NULL::numeric, 'no system reports prices that are to come' FROM unnest(promotions) p;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT y.promotion_id, bool_and(y.right_prices = y.prices), sum(y.right_prices) / sum(y.prices), NULL::numeric,
           string_agg(format('%s in channel %s: %s', s.name, y.channel_id, y.detail), '; ' ORDER BY s.name, y.channel_id)
               FILTER (WHERE y.right_prices < y.prices)
    FROM merch.price_sync_of(promotions, systems) y
    JOIN merch.system s USING (system_id)
    GROUP BY y.promotion_id;
END
$$;
COMMENT ON FUNCTION merch.check_published_prices(bigint[]) IS
'Readiness check: every system that gates launches already shows the approved prices for the moment the promotion starts. Figure: the share of the prices for which that holds; null where there is no such system, or no price.';

-- Marks come from the digests, when changes are folded into them: a load of millions of
-- prices marks its items once, and a change of one price costs nothing more than it did.
CREATE FUNCTION merch.mark_published_items(items bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    IF merch.gating_systems() = '{}' THEN
        RETURN;
    END IF;
    INSERT INTO merch.dirty_promotion (item_id)
    SELECT DISTINCT i.item_id
    FROM merch.promotion_item i
    JOIN merch.promotion p USING (promotion_id)
    WHERE i.item_id = ANY (items) AND merch.awaits_launch(p.state);
    INSERT INTO merch.dirty_publication (item_id)
    SELECT DISTINCT e.item_id
    FROM merch.price_event e
    WHERE e.item_id = ANY (items) AND e.state = 'approved';
END
$$;
COMMENT ON FUNCTION merch.mark_published_items(bigint[]) IS
'Marks items whose published prices have changed: those of promotions that await their launch for readiness, those with approved price events for merch.publish_price_events().';

CREATE FUNCTION merch.mark_all_published()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO merch.dirty_promotion DEFAULT VALUES;
    INSERT INTO merch.dirty_publication DEFAULT VALUES;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.mark_all_published() IS
'Trigger, after each statement, of merch.system, and where published prices are emptied: marks all promotions and all approved price events.';

CREATE FUNCTION merch.publishable_events(price_events bigint[])
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.price_event_id
    FROM merch.shown_prices(price_events, merch.gating_systems()) p
    GROUP BY p.price_event_id
    HAVING bool_and(coalesce(p.shown_amount = p.amount AND p.shown_currency = p.currency, false));
END
$$;
COMMENT ON FUNCTION merch.publishable_events(bigint[]) IS
'Those of price events that every system that gates launches shows at all their places, for the moment they start.';

-- The marks that the DELETE sees are taken; what commits later stays for the next call.
CREATE FUNCTION merch.publish_price_events()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    items bigint[];
    everything boolean;
    waiting bigint[];
    published text[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('merch.publish_price_events'));
    WITH gone AS (DELETE FROM merch.dirty_publication RETURNING item_id)
    SELECT array_agg(DISTINCT g.item_id) FILTER (WHERE g.item_id IS NOT NULL), bool_or(g.item_id IS NULL)
    INTO items, everything
    FROM gone g;
    IF items IS NULL AND everything IS NOT TRUE OR merch.gating_systems() = '{}' THEN
        RETURN 0;
    END IF;
    waiting := ARRAY(
        SELECT e.price_event_id
        FROM merch.price_event e
        LEFT JOIN merch.promotion p USING (promotion_id)
        WHERE e.state = 'approved' AND (everything OR e.item_id = ANY (items))
          AND (e.promotion_id IS NULL OR p.state IN ('approved', 'preparing', 'ready', 'live'))
        ORDER BY 1);
    published := ARRAY(SELECT merch.publishable_events(waiting) ORDER BY 1)::text[];
    IF published = '{}' THEN
        RETURN 0;
    END IF;
    RETURN merch.fire_as_system('merch.price_event', published, 'publish', 'every system shows it');
END
$$;
COMMENT ON FUNCTION merch.publish_price_events() IS
'Makes approved price events published, as the system, that every system which gates launches shows: those whose items are marked in merch.dirty_publication. Returns how many. Job publish prices.';

CREATE FUNCTION merch.next_publication()
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT clock_timestamp() FROM merch.dirty_publication LIMIT 1
$$;
COMMENT ON FUNCTION merch.next_publication() IS
'Now if published prices have changed of items with approved price events, else null. Says when job publish prices is due.';
