-- prior prices: what was paid before a reduction, by Directive 98/6/EC, article 6a

-- The regular price of merch.item as it was, where an event does not say it.
CREATE FUNCTION merch.keep_item_prices(items bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    -- not now(): who waited for another's change comes after it
    INSERT INTO merch.item_price AS p (item_id, valid_from, price)
    SELECT i.item_id, CASE WHEN l.item_id IS NULL THEN '-infinity' ELSE clock_timestamp() END, i.price
    FROM merch.item i
    LEFT JOIN LATERAL (
        SELECT l.item_id, l.price FROM merch.item_price l WHERE l.item_id = i.item_id ORDER BY l.valid_from DESC LIMIT 1) l ON true
    WHERE i.item_id = ANY (items) AND (l.item_id IS NULL OR l.price IS DISTINCT FROM i.price)
    ON CONFLICT (item_id, valid_from) DO UPDATE SET price = excluded.price
$$;
COMMENT ON FUNCTION merch.keep_item_prices(bigint[]) IS
'Keeps on record what price of merch.item has become. Called when items are made or their price changes.';

CREATE FUNCTION merch.item_price_at(item_id bigint, at timestamptz)
RETURNS numeric
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN p.item_id IS NULL THEN i.price ELSE p.price END
    FROM merch.item i
    LEFT JOIN LATERAL (
        SELECT p.item_id, p.price
        FROM merch.item_price p
        WHERE p.item_id = i.item_id AND p.valid_from <= at
        ORDER BY p.valid_from DESC LIMIT 1) p ON true
    WHERE i.item_id = item_price_at.item_id
$$;
COMMENT ON FUNCTION merch.item_price_at(bigint, timestamptz) IS
'What price of merch.item was at a moment; of a moment to come what it is now.';

CREATE FUNCTION merch.paid_price_at(
    item_id bigint,
    location_id int,
    channel_id int,
    at timestamptz,
    OUT amount numeric,
    OUT currency text,
    OUT kind text
)
LANGUAGE sql STABLE COST 1000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN p.price_event_id IS NULL THEN merch.item_price_at(paid_price_at.item_id, at) ELSE p.amount END, p.currency, p.kind
    FROM merch.price_at(paid_price_at.item_id, paid_price_at.location_id, paid_price_at.channel_id, at) p
$$;
COMMENT ON FUNCTION merch.paid_price_at(bigint, int, int, timestamptz) IS
'As merch.price_at(), but below all price events holds what price of merch.item was at the moment, not what it is now.';

CREATE FUNCTION merch.regular_price_at(
    item_id bigint,
    location_id int,
    channel_id int,
    at timestamptz DEFAULT now(),
    OUT amount numeric,
    OUT currency text
)
LANGUAGE sql STABLE COST 1000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN e.price_event_id IS NULL THEN merch.item_price_at(regular_price_at.item_id, at) ELSE e.amount END,
           coalesce(e.currency, merch.currency())
    FROM (VALUES (1)) one
    LEFT JOIN LATERAL (
        SELECT e.price_event_id, e.amount, e.currency
        FROM merch.price_event e
        WHERE e.item_id = regular_price_at.item_id AND e.kind = 'regular' AND e.from_quantity = 1 AND e.effective @> at
          AND coalesce(upper(e.effective), 'infinity') > at AND e.places @> regular_price_at.location_id AND (e.channel_id IS NULL OR e.channel_id = regular_price_at.channel_id)
          AND merch.price_counts(e.state, e.promotion_id, e.effective, e.activated_at)
        ORDER BY e.scope DESC, e.channel_id IS NULL, e.price_event_id DESC
        LIMIT 1) e ON true
$$;
COMMENT ON FUNCTION merch.regular_price_at(bigint, int, int, timestamptz) IS
'The regular price of an item at a place, in a channel and at a moment, whatever other prices hold there; null if none is known.';

-- What was paid, in pieces: the price is looked up wherever it can have changed.
CREATE FUNCTION merch.paid_prices(
    items bigint[],
    locations int[],
    channels int[],
    froms timestamptz[],
    tos timestamptz[]
)
RETURNS TABLE (n bigint, valid_from timestamptz, valid_to timestamptz, amount numeric, currency text, kind text)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT u.* FROM unnest(items, locations, channels, froms, tos) WITH ORDINALITY u(item_id, location_id, channel_id, since, until, n)
        WHERE u.since < u.until
    ), moment AS (
        SELECT a.n, a.since AS at FROM asked a
        UNION
        SELECT a.n, b.at
        FROM asked a
        JOIN merch.price_event e ON e.item_id = a.item_id AND e.effective && tstzrange(a.since, a.until) AND e.from_quantity = 1
                                AND e.places @> a.location_id AND (e.channel_id IS NULL OR e.channel_id = a.channel_id)
                                AND merch.price_counts(e.state, e.promotion_id, e.effective, e.activated_at)
        CROSS JOIN LATERAL (VALUES (lower(e.effective)), (upper(e.effective))) b(at)
        WHERE b.at > a.since AND b.at < a.until
        UNION
        SELECT a.n, p.valid_from
        FROM asked a
        JOIN merch.item_price p ON p.item_id = a.item_id AND p.valid_from > a.since AND p.valid_from < a.until
    )
    SELECT m.n, m.at, coalesce(lead(m.at) OVER (PARTITION BY m.n ORDER BY m.at), a.until), p.amount, p.currency, p.kind
    FROM moment m
    JOIN asked a USING (n)
    CROSS JOIN LATERAL merch.paid_price_at(a.item_id, a.location_id, a.channel_id, m.at) p;
END
$$;
COMMENT ON FUNCTION merch.paid_prices(bigint[], int[], int[], timestamptz[], timestamptz[]) IS
'For each n-th item, location and channel what customers paid, or will by what is approved, from one moment to another, in consecutive periods. An amount is null where no price is known.';

-- A reduction that grows step by step has begun where, going back in time, the first price
-- comes that was not reduced, or below the one after it.
CREATE FUNCTION merch.first_reductions(items bigint[], locations int[], channels int[], moments timestamptz[])
RETURNS TABLE (n bigint, reduced_at timestamptz)
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
    WITH period AS (
        SELECT s.*, lead(s.amount) OVER later AS next_amount
        FROM merch.paid_prices(items, locations, channels, array_fill('-infinity'::timestamptz, ARRAY[cardinality(moments)]), moments) s
        WINDOW later AS (PARTITION BY s.n ORDER BY s.valid_from)
    ), begun AS (
        SELECT s.n, max(s.valid_to) AS at
        FROM period s
        WHERE s.kind = 'regular' OR s.amount IS NULL OR s.amount < s.next_amount
        GROUP BY s.n
    )
    SELECT m.n, coalesce(b.at, m.at)
    FROM unnest(moments) WITH ORDINALITY m(at, n)
    LEFT JOIN begun b USING (n)
$$;
COMMENT ON FUNCTION merch.first_reductions(bigint[], int[], int[], timestamptz[]) IS
'For reductions that begin at given moments when their first step began: each earlier one that led up to it without a break and without the price going up. The moment itself where it is the first.';

CREATE FUNCTION merch.prior_prices(
    items bigint[],
    locations int[],
    channels int[],
    moments timestamptz[],
    days int DEFAULT 30,
    progressive boolean DEFAULT false
)
RETURNS TABLE (n bigint, amount numeric, currency text, valid_from timestamptz, valid_to timestamptz)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    starts timestamptz[] := moments;
BEGIN
    IF days IS NULL OR days < 1 OR days > 3650 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('the days before a reduction are from 1 to 3650, not %s', coalesce(days::text, 'NULL')),
            HINT = 'Directive 98/6/EC asks for at least 30.';
    END IF;
    IF progressive THEN
        starts := ARRAY(SELECT f.reduced_at FROM merch.first_reductions(items, locations, channels, moments) f ORDER BY f.n);
    END IF;
    RETURN QUERY
    WITH paid AS MATERIALIZED (
        SELECT p.*, first_value(p.currency) OVER (PARTITION BY p.n ORDER BY p.valid_from DESC) AS last_currency
        FROM merch.paid_prices(items, locations, channels,
                               ARRAY(SELECT s.at - make_interval(days => days) FROM unnest(starts) WITH ORDINALITY s(at, n) ORDER BY s.n), starts) p
        WHERE p.amount IS NOT NULL
    )
    -- a lowest price that was interrupted: as it was last
    SELECT DISTINCT ON (p.n) p.n, p.amount, p.currency, p.valid_from, p.valid_to
    FROM paid p
    WHERE p.currency = p.last_currency
    ORDER BY p.n, p.amount, p.valid_from DESC;
END
$$;
COMMENT ON FUNCTION merch.prior_prices(bigint[], int[], int[], timestamptz[], int, boolean) IS
'For each n-th item, location, channel and moment of a reduction the prior price, as merch.prior_price(). No row where none is known.';

CREATE FUNCTION merch.prior_price(
    item_id bigint,
    location_id int,
    channel_id int,
    reduced_at timestamptz,
    days int DEFAULT 30,
    progressive boolean DEFAULT false,
    OUT amount numeric,
    OUT currency text,
    OUT valid_from timestamptz,
    OUT valid_to timestamptz
)
LANGUAGE sql STABLE COST 10000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.amount, p.currency, p.valid_from, p.valid_to
    FROM merch.prior_prices(ARRAY[item_id], ARRAY[location_id], ARRAY[channel_id], ARRAY[reduced_at], days, progressive) p
$$;
COMMENT ON FUNCTION merch.prior_price(bigint, int, int, timestamptz, int, boolean) IS
'The prior price of a reduction (Directive 98/6/EC, article 6a): the lowest that customers paid in the days before, and when within these; if progressive, before the first step of a reduction that grows without interruption. Null if no price is known.';
