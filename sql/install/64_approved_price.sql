-- approved prices: what customers should pay, at any moment, by rule of precedence

-- A price that is planned counts before its start. A promotion's counts after it only if that went
-- live: what did not start has no price.
CREATE FUNCTION merch.price_counts(state text, promotion_id bigint, effective tstzrange, activated_at timestamptz)
RETURNS boolean
LANGUAGE sql STABLE
RETURN CASE state WHEN 'active' THEN true
                  WHEN 'approved' THEN promotion_id IS NULL OR lower(effective) > now()
                  WHEN 'published' THEN promotion_id IS NULL OR lower(effective) > now()
                  WHEN 'proposed' THEN false
                  ELSE activated_at IS NOT NULL END;
COMMENT ON FUNCTION merch.price_counts(text, bigint, tstzrange, timestamptz) IS
'Whether a price event counts for its period: if it is active or was, or is planned; a promotion''s whose start has passed only if it was activated.';

CREATE FUNCTION merch.price_at(
    item_id bigint,
    location_id int,
    channel_id int,
    at timestamptz DEFAULT now(),
    OUT amount numeric,
    OUT currency text,
    OUT kind text,
    OUT price_event_id bigint
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT e.amount, e.currency, e.kind, e.price_event_id
    INTO price_at.amount, price_at.currency, price_at.kind, price_at.price_event_id
    FROM merch.price_event e
    JOIN merch.price_kind k ON k.kind = e.kind
    WHERE e.item_id = price_at.item_id AND e.effective @> price_at.at AND e.from_quantity = 1
      AND coalesce(upper(e.effective), 'infinity') >= price_at.at
      AND (e.channel_id IS NULL OR e.channel_id = price_at.channel_id)
      AND merch.price_counts(e.state, e.promotion_id, e.effective, e.activated_at)
      AND e.places @> price_at.location_id
    ORDER BY k.rank, e.scope DESC, e.channel_id NULLS LAST, e.price_event_id DESC
    LIMIT 1;
    IF NOT FOUND THEN
        SELECT i.price, merch.currency(), 'regular'
        INTO price_at.amount, price_at.currency, price_at.kind
        FROM merch.item i
        WHERE i.item_id = price_at.item_id AND i.price IS NOT NULL AND price_at.at IS NOT NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION merch.price_at(bigint, int, int, timestamptz) IS
'The price of an item at a location and in a channel at a moment, of the price events that count the first by precedence; where there is none, the regular price of merch.item. Nulls where nobody knows one.';

CREATE FUNCTION merch.approved_timeline(items bigint[])
RETURNS TABLE (
    item_id bigint,
    location_id int,
    channel_id int,
    valid_from timestamptz,
    valid_to timestamptz,
    amount numeric,
    currency text,
    kind text,
    price_event_id bigint
)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.item_id, c.location_id, c.channel_id, p.valid_from, p.valid_to, p.amount, p.currency,
           CASE WHEN p.reference IS NULL THEN 'regular' ELSE e.kind END, p.reference
    FROM (SELECT d.item_id, d.location_id, d.channel_id,
                 merch.resolve_periods(d.valid_from, d.valid_to, d.amount, d.currency, d.priority, d.price_event_id, NULL, d.price_event_id) AS periods
          FROM merch.price_candidate d
          WHERE d.item_id = ANY (items)
          GROUP BY d.item_id, d.location_id, d.channel_id) c
    CROSS JOIN LATERAL unnest(c.periods) p
    LEFT JOIN merch.price_event e ON e.price_event_id = p.reference;
END
$$;
COMMENT ON FUNCTION merch.approved_timeline(bigint[]) IS
'What customers should pay for items, have paid and will: for each location that carries one and each channel the periods of its prices, without overlaps, with the price event that each is of (null: price of merch.item).';

-- What is to be published anew. A mark that is there already may be just being taken: every
-- change leaves its own.

CREATE FUNCTION merch.mark_prices(items bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO merch.dirty_price (item_id) SELECT DISTINCT i FROM unnest(items) i
$$;
COMMENT ON FUNCTION merch.mark_prices(bigint[]) IS
'Marks items whose approved prices are to be published anew; a null among them stands for all. For changes that no trigger sees, such as another merch.currency.';

CREATE FUNCTION merch.mark_prices_of_events(price_events bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.mark_prices(array_agg(DISTINCT e.item_id))
    FROM merch.price_event e
    WHERE e.price_event_id = ANY (price_events) AND e.state <> 'proposed' AND e.from_quantity = 1
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION merch.mark_prices_of_events(bigint[]) IS
'Marks the items of price events that are more than proposed. What they say but for state, end and places never changes then.';

CREATE FUNCTION merch.mark_prices_by_location(locations bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.mark_prices(array_agg(DISTINCT r.item_id))
    FROM merch.ranging r
    WHERE r.location_id = ANY (locations)
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION merch.mark_prices_by_location(bigint[]) IS
'Marks all items that are carried at locations: they sell in other channels.';

CREATE FUNCTION merch.mark_all_prices()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO merch.dirty_price (item_id) VALUES (NULL);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.mark_all_prices() IS
'Trigger, after each statement, of what counts for all prices, and of tables that are emptied: marks all items.';

-- Only rows that differ are written: systems are compared with these, and each write counts
-- in their digests.
CREATE FUNCTION merch.write_approved_prices(items bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    WITH period AS MATERIALIZED (
        SELECT c.item_id, c.location_id, c.channel_id, p.valid_from, p.valid_to, p.amount, p.currency
        FROM (SELECT d.item_id, d.location_id, d.channel_id,
                     merch.resolve_periods(d.valid_from, d.valid_to, d.amount, d.currency, d.priority, d.price_event_id, NULL, NULL) AS periods
              FROM merch.price_candidate d
              WHERE d.item_id = ANY (items)
              GROUP BY d.item_id, d.location_id, d.channel_id) c
        CROSS JOIN LATERAL unnest(c.periods) p
    ), wanted AS MATERIALIZED (
        SELECT p.item_id, 0 AS system_id, p.location_id, p.channel_id, p.valid_from, p.valid_to, p.amount, p.currency
        FROM period p
        UNION ALL
        SELECT p.item_id, -1, p.location_id, p.channel_id, '-infinity', 'infinity', p.amount, p.currency
        FROM period p
        WHERE p.valid_from <= now() AND p.valid_to > now()
    ), gone AS (
        DELETE FROM merch.published_price o
        WHERE o.item_id = ANY (items) AND o.system_id IN (0, -1)
          AND NOT EXISTS (SELECT FROM wanted w
                          WHERE (w.item_id, w.system_id, w.location_id, w.channel_id, w.valid_from)
                                = (o.item_id, o.system_id, o.location_id, o.channel_id, o.valid_from))
    )
    INSERT INTO merch.published_price AS p (item_id, system_id, location_id, channel_id, valid_from, valid_to, amount, currency)
    SELECT w.item_id, w.system_id, w.location_id, w.channel_id, w.valid_from, w.valid_to, w.amount, w.currency
    FROM wanted w
    LEFT JOIN merch.published_price o
        ON (o.item_id, o.system_id, o.location_id, o.channel_id, o.valid_from)
           = (w.item_id, w.system_id, w.location_id, w.channel_id, w.valid_from)
    WHERE o.item_id IS NULL OR (o.valid_to, o.amount, o.currency) IS DISTINCT FROM (w.valid_to, w.amount, w.currency)
    ORDER BY w.item_id, w.system_id, w.location_id, w.channel_id, w.valid_from
    ON CONFLICT (item_id, system_id, location_id, channel_id, valid_from) DO UPDATE
    SET valid_to = excluded.valid_to, amount = excluded.amount, currency = excluded.currency, seen_at = excluded.seen_at
$$;
COMMENT ON FUNCTION merch.write_approved_prices(bigint[]) IS
'Brings the rows of systems approved and approved now in line with the approved prices of items. Part of merch.renew_approved_prices().';

-- A promotion that does not start when it should has no price from then on, and what begins or ends
-- changes what holds now. What commits later than the moment passed marks itself.
CREATE FUNCTION merch.mark_prices_of_time()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before timestamptz;
BEGIN
    SELECT p.looked_at INTO before FROM merch.price_position p;
    IF before > clock_timestamp() THEN
        -- the clock was set back
        INSERT INTO merch.dirty_price (item_id) VALUES (NULL);
        UPDATE merch.price_position SET looked_at = now();
    ELSIF before < now() THEN
        INSERT INTO merch.dirty_price (item_id)
        SELECT e.item_id FROM merch.price_event e
        WHERE e.state IN ('approved', 'published', 'active') AND lower(e.effective) > before AND lower(e.effective) <= now()
        UNION
        SELECT e.item_id FROM merch.price_event e
        WHERE e.state IN ('approved', 'published', 'active') AND upper(e.effective) > before AND upper(e.effective) <= now();
        UPDATE merch.price_position SET looked_at = now();
    END IF;
END
$$;
COMMENT ON FUNCTION merch.mark_prices_of_time() IS
'Marks items of which a price has begun or ended since the last call. Part of merch.renew_approved_prices().';

-- Marks are taken in one statement and prices read in a later one: who commits in between marks
-- in vain, who commits afterwards is seen by the next call.
CREATE FUNCTION merch.take_marked_prices(item_limit int)
RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    items bigint[];
BEGIN
    DELETE FROM merch.dirty_price d WHERE d.item_id IS NULL;
    IF FOUND THEN
        -- also of items that are gone; from one to the next in the index
        INSERT INTO merch.dirty_price (item_id)
        WITH RECURSIVE published AS (
            SELECT min(f.item_id) AS item_id FROM merch.published_price f
            UNION ALL
            SELECT (SELECT min(f.item_id) FROM merch.published_price f WHERE f.item_id > p.item_id)
            FROM published p WHERE p.item_id IS NOT NULL)
        SELECT i.item_id FROM merch.item i
        UNION
        SELECT p.item_id FROM published p WHERE p.item_id IS NOT NULL;
    END IF;
    WITH gone AS (
        DELETE FROM merch.dirty_price d
        WHERE d.item_id IN (SELECT DISTINCT f.item_id FROM merch.dirty_price f ORDER BY f.item_id LIMIT item_limit)
        RETURNING d.item_id)
    SELECT array_agg(DISTINCT g.item_id) INTO items FROM gone g;
    RETURN items;
END
$$;
COMMENT ON FUNCTION merch.take_marked_prices(int) IS
'Takes the marks of up to item_limit items; null if none is marked. Part of merch.renew_approved_prices().';

CREATE FUNCTION merch.renew_approved_prices(item_limit int DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    items bigint[];
BEGIN
    IF item_limit IS NULL OR item_limit < 1 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('item_limit must be at least 1, not %s', coalesce(item_limit::text, 'NULL')),
            HINT = 'It bounds how many items are done in one transaction.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('merch.renew_approved_prices'));
    -- began before the last who did it: would see prices of the past as planned
    IF now() < (SELECT p.looked_at FROM merch.price_position p WHERE p.looked_at <= clock_timestamp()) THEN
        RETURN 0;
    END IF;
    PERFORM merch.mark_prices_of_time();
    items := merch.take_marked_prices(item_limit);
    IF items IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM merch.write_approved_prices(items);
    RETURN cardinality(items);
END
$$;
COMMENT ON FUNCTION merch.renew_approved_prices(int) IS
'Publishes the approved prices of up to item_limit items that have changed, or of which a price has begun or ended, as those of systems approved (by period) and approved now; returns how many items it looked at, 0 if none is left. Writes only what differs. One at a time: a second call waits. Job approved prices.';

CREATE FUNCTION merch.next_price_renewal()
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least((SELECT clock_timestamp() FROM merch.dirty_price LIMIT 1),
                 (SELECT min(lower(e.effective)) FROM merch.price_event e
                  WHERE e.state IN ('approved', 'published', 'active')
                    AND lower(e.effective) > (SELECT p.looked_at FROM merch.price_position p)),
                 (SELECT nullif(min(upper(e.effective)), 'infinity') FROM merch.price_event e
                  WHERE e.state IN ('approved', 'published', 'active')
                    AND upper(e.effective) > (SELECT p.looked_at FROM merch.price_position p)))
$$;
COMMENT ON FUNCTION merch.next_price_renewal() IS
'Now if approved prices of items are to be published anew, else when the next price begins or ends; null if none does. Says when job approved prices is due.';
