-- price anomalies: prices that can hardly be meant, by what the item costs elsewhere and by what was approved

CREATE FUNCTION merch.minor_unit(currency text)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN merch.round_price(0.001, currency) > 0 THEN 0.001 WHEN merch.round_price(0.01, currency) > 0 THEN 0.01 ELSE 1 END;
COMMENT ON FUNCTION merch.minor_unit(text) IS
'The smallest amount of a currency, by ISO 4217: a cent of most.';

CREATE FUNCTION merch.off_by(amount numeric, expected numeric, factor numeric, tolerance numeric, unit numeric)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN amount > 0 AND expected > 0 AND tolerance IS NOT NULL
       AND ((amount * 2 >= expected * factor AND abs(amount - expected * factor) <= greatest(expected * factor * tolerance, unit / 2))
            OR (amount * factor <= expected * 2 AND abs(amount - expected / factor) <= greatest(expected / factor * tolerance, unit)));
COMMENT ON FUNCTION merch.off_by(numeric, numeric, numeric, numeric, numeric) IS
'Whether an amount is what was expected times a factor, or divided by it, but for a share and for what is lost by counting in the currency''s units.';

-- Median and median absolute deviation: half of the prices may be wrong and they still say
-- what is usual. Where most prices are the same the deviation is 0, and its floor counts.
CREATE FUNCTION merch.measured_prices(system_id int, at timestamptz, items bigint[])
RETURNS TABLE (
    item_id bigint,
    location_id int,
    channel_id int,
    amount numeric,
    currency text,
    prices bigint,
    alike bigint,
    usual_currency text,
    median numeric,
    deviation numeric,
    approved_amount numeric,
    approved_currency text
)
LANGUAGE plpgsql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    system CONSTANT int := measured_prices.system_id;
BEGIN
    RETURN QUERY
    WITH shown AS MATERIALIZED (
        SELECT DISTINCT ON (p.item_id, p.location_id, p.channel_id) p.item_id, p.location_id, p.channel_id, p.amount, p.currency
        FROM merch.published_price p
        WHERE p.system_id = system AND (items IS NULL OR p.item_id = ANY (items))
          AND p.valid_from <= at AND p.valid_to > at AND p.amount IS NOT NULL
        ORDER BY p.item_id, p.location_id, p.channel_id, p.priority DESC, p.source_version DESC, p.seen_at DESC, p.valid_from DESC
    ), middle AS (
        SELECT s.item_id, s.currency, count(*) AS alike, sum(count(*)) OVER item AS prices,
               row_number() OVER (item ORDER BY count(*) DESC, s.currency) AS place,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY s.amount::float8) AS median
        FROM shown s
        GROUP BY s.item_id, s.currency
        WINDOW item AS (PARTITION BY s.item_id)
    ), spread AS (
        SELECT s.item_id, s.currency, percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(s.amount::float8 - m.median)) AS deviation
        FROM shown s
        JOIN middle m USING (item_id, currency)
        GROUP BY s.item_id, s.currency
    )
    SELECT s.item_id, s.location_id, s.channel_id, s.amount, s.currency, m.prices::bigint, m.alike, u.currency,
           round(m.median::numeric, 4), round(d.deviation::numeric, 4), a.amount, a.currency
    FROM shown s
    JOIN middle m USING (item_id, currency)
    JOIN spread d USING (item_id, currency)
    JOIN middle u ON u.item_id = s.item_id AND u.place = 1
    LEFT JOIN merch.published_price a
        ON a.item_id = s.item_id AND a.system_id = 0 AND a.location_id = s.location_id AND a.channel_id = s.channel_id
       AND a.valid_from <= at AND a.valid_to > at AND a.amount IS NOT NULL AND system > 0;
END
$$;
COMMENT ON FUNCTION merch.measured_prices(int, timestamptz, bigint[]) IS
'The prices that a system shows at a moment, with what the item costs at its other locations in the same currency, how many prices are in that, and what was approved. Part of merch.price_anomalies().';

CREATE FUNCTION merch.promotional_price_near(item_id bigint, location_id int, channel_id int, amount numeric, currency text, period tstzrange)
RETURNS bigint
LANGUAGE sql STABLE COST 1000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.price_event_id
    FROM merch.price_event e
    WHERE e.item_id = promotional_price_near.item_id AND e.kind IN ('promotional', 'clearance') AND e.from_quantity = 1
      AND e.amount = promotional_price_near.amount AND e.currency = promotional_price_near.currency AND e.effective && period
      AND e.places @> promotional_price_near.location_id AND (e.channel_id IS NULL OR e.channel_id = promotional_price_near.channel_id)
      AND merch.price_counts(e.state, e.promotion_id, e.effective, e.activated_at)
    ORDER BY e.price_event_id DESC LIMIT 1
$$;
COMMENT ON FUNCTION merch.promotional_price_near(bigint, int, int, numeric, text, tstzrange) IS
'The last promotional or clearance price event with just this amount at a place and in a channel, in a period; null if there is none. Part of merch.price_anomalies().';

CREATE FUNCTION merch.classify_prices(system_id int, at timestamptz, items bigint[])
RETURNS TABLE (
    item_id bigint,
    location_id int,
    channel_id int,
    anomaly text,
    amount numeric,
    currency text,
    expected numeric,
    score numeric,
    reference text
)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    kinds CONSTANT jsonb := (SELECT coalesce(jsonb_object_agg(k.anomaly, coalesce(k.threshold, 0)), '{}') FROM merch.price_anomaly k WHERE k.active);
    ten CONSTANT numeric := (kinds->>'off by 10')::numeric;
    hundred CONSTANT numeric := (kinds->>'off by 100')::numeric;
    cents CONSTANT numeric := (kinds->>'cents for units')::numeric;
    spreads CONSTANT numeric := (kinds->>'far from other locations')::numeric;
    few CONSTANT numeric := (kinds->>'odd currency')::numeric;
    near CONSTANT tstzrange := tstzrange(at - make_interval(days => (kinds->>'promotional for regular')::int),
                                         at + make_interval(days => (kinds->>'promotional for regular')::int));
    far record;
BEGIN
    SELECT coalesce(min(k.least_prices), 5) AS prices, coalesce(min(k.least_spread), 0.05) AS spread INTO far
    FROM merch.price_anomaly k WHERE k.anomaly = 'far from other locations';
    RETURN QUERY
    WITH suspect AS (
        SELECT m.*, m.approved_currency IS NOT DISTINCT FROM m.currency AS comparable, merch.minor_unit(m.currency) AS unit,
               greatest(1.4826 * m.deviation, far.spread * m.median, merch.minor_unit(m.currency)) AS spread,
               CASE WHEN m.approved_currency = m.currency THEN m.approved_amount
                    WHEN m.alike >= far.prices AND m.currency = m.usual_currency THEN m.median END AS expected
        FROM merch.measured_prices(system_id, at, items) m
        WHERE (m.amount, m.currency) IS DISTINCT FROM (m.approved_amount, m.approved_currency)
    ), counted AS (
        SELECT s.*, s.comparable AND merch.off_by(s.amount, s.approved_amount, 1 / s.unit, 0, s.unit) AND s.unit < 1 AS in_cents,
               count(*) FILTER (WHERE s.comparable AND merch.off_by(s.amount, s.approved_amount, 1 / s.unit, 0, s.unit) AND s.unit < 1)
                   OVER (PARTITION BY s.item_id)::numeric / s.prices AS share_in_cents
        FROM suspect s
    ), classified AS (
        SELECT c.*, CASE
            WHEN c.currency <> c.usual_currency AND c.alike <= few * c.prices THEN 'odd currency'
            WHEN c.in_cents AND c.share_in_cents >= cents THEN 'cents for units'
            WHEN merch.off_by(c.amount, c.expected, 10, ten, c.unit) THEN 'off by 10'
            WHEN merch.off_by(c.amount, c.expected, 100, hundred, c.unit) THEN 'off by 100'
            WHEN c.comparable AND kinds ? 'regular for promotional'
                 AND (SELECT (g.amount, g.currency) = (c.amount, c.currency)
                      FROM merch.regular_price_at(c.item_id, c.location_id, c.channel_id, at) g) THEN 'regular for promotional'
            WHEN c.comparable AND kinds ? 'promotional for regular'
                 AND merch.promotional_price_near(c.item_id, c.location_id, c.channel_id, c.amount, c.currency, near) IS NOT NULL
                 THEN 'promotional for regular'
            WHEN c.alike >= far.prices AND c.currency = c.usual_currency AND abs(c.amount - c.median) >= spreads * c.spread
                 AND (NOT c.comparable OR abs(c.amount - c.approved_amount) >= spreads * c.spread) THEN 'far from other locations' END AS anomaly
        FROM counted c
    )
    SELECT c.item_id, c.location_id, c.channel_id, c.anomaly, c.amount, c.currency,
           CASE WHEN c.anomaly <> 'odd currency' THEN coalesce(c.expected, c.median) END,
           CASE WHEN c.anomaly <> 'odd currency' THEN round(abs(c.amount - coalesce(c.expected, c.median)) / c.spread, 1) END,
           CASE c.anomaly WHEN 'odd currency' THEN c.usual_currency
                          WHEN 'cents for units' THEN round(c.share_in_cents, 2)::text
                          ELSE CASE WHEN c.comparable THEN 'approved' ELSE 'median' END END
    FROM classified c
    WHERE c.anomaly IS NOT NULL;
END
$$;
COMMENT ON FUNCTION merch.classify_prices(int, timestamptz, bigint[]) IS
'The prices of a system that can hardly be meant, each as the first kind that it is of. Part of merch.price_anomalies().';

-- Among what was approved itself: that another was meant can't be seen by what was approved.
CREATE FUNCTION merch.swapped_prices(system_id int, at timestamptz, items bigint[])
RETURNS TABLE (item_id bigint, location_id int, channel_id int, amount numeric, currency text, regular numeric, price_event_id bigint)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    system CONSTANT int := swapped_prices.system_id;
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (p.item_id, p.location_id, p.channel_id)
           p.item_id, p.location_id, p.channel_id, p.amount, p.currency, g.amount, e.price_event_id
    FROM merch.price_event e
    JOIN merch.published_price p ON p.item_id = e.item_id AND p.system_id = system AND e.places @> p.location_id
                                AND (e.channel_id IS NULL OR e.channel_id = p.channel_id)
                                AND p.valid_from <= at AND p.valid_to > at AND p.amount = e.amount AND p.currency = e.currency
    CROSS JOIN LATERAL merch.regular_price_at(p.item_id, p.location_id, p.channel_id, at) g
    WHERE system <= 0 AND (items IS NULL OR e.item_id = ANY (items))
      AND e.kind IN ('promotional', 'clearance') AND e.from_quantity = 1 AND e.effective @> at
      AND merch.price_counts(e.state, e.promotion_id, e.effective, e.activated_at)
      AND g.currency = p.currency AND g.amount < p.amount
    ORDER BY p.item_id, p.location_id, p.channel_id, e.price_event_id DESC;
END
$$;
COMMENT ON FUNCTION merch.swapped_prices(int, timestamptz, bigint[]) IS
'The prices of the systems of what was approved that are promotional or clearance prices and above the regular one. Part of merch.price_anomalies().';

CREATE FUNCTION merch.price_anomalies(system text, at timestamptz DEFAULT now(), items bigint[] DEFAULT NULL)
RETURNS TABLE (
    item_id bigint,
    location_id int,
    channel_id int,
    anomaly text,
    amount numeric,
    currency text,
    expected numeric,
    score numeric,
    detail text
)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    id CONSTANT int := merch.find_system(system);
BEGIN
    RETURN QUERY
    WITH swapped AS MATERIALIZED (
        SELECT s.* FROM merch.swapped_prices(id, at, items) s
        WHERE EXISTS (SELECT FROM merch.price_anomaly k WHERE k.anomaly = 'promotional above regular' AND k.active)
    )
    SELECT s.item_id, s.location_id, s.channel_id, 'promotional above regular', s.amount, s.currency, s.regular, NULL::numeric,
           format('price event %s is above the regular price of %s', s.price_event_id, merch.shown_price(s.regular, s.currency))
    FROM swapped s
    UNION ALL
    SELECT c.item_id, c.location_id, c.channel_id, c.anomaly, c.amount, c.currency, c.expected, c.score,
           CASE c.anomaly
               WHEN 'odd currency' THEN format('most prices of the item are in %s', c.reference)
               WHEN 'cents for units' THEN format('so are %s of the item''s prices', c.reference)
               WHEN 'far from other locations' THEN format('%s spreads away', c.score)
               ELSE format('%s is %s', CASE c.reference WHEN 'approved' THEN 'the approved price' ELSE 'the median of the item''s prices' END,
                           merch.shown_price(c.expected, c.currency)) END
    FROM merch.classify_prices(id, at, items) c
    WHERE NOT EXISTS (SELECT FROM swapped s WHERE (s.item_id, s.location_id, s.channel_id) = (c.item_id, c.location_id, c.channel_id))
    ORDER BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION merch.price_anomalies(text, timestamptz, bigint[]) IS
'The prices that a system shows at a moment and that can hardly be meant, of all items or of some: off by 10 or 100, cents for units, far from other locations, regular and promotional price swapped, odd currency. Each once, as the first of these kinds that it is of; see merch.price_anomaly for the limits. expected: the approved price, or the median of the item''s prices where none is; score: how many spreads of the item''s prices it is away from that.';
