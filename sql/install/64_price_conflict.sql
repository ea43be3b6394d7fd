-- price conflicts: what speaks against prices, before they are approved

CREATE TYPE merch.judged_price AS (
    price_event_id bigint,
    promotion_id bigint,
    item_id bigint,
    kind text,
    places int4multirange,
    channel_id int,
    from_quantity bigint,
    amount numeric,
    currency text,
    effective tstzrange,
    decided_at timestamptz
);
COMMENT ON TYPE merch.judged_price IS 'A price that is judged: as merch.price_event, with the moment of its approval; null where that is past, and there is nothing more to say about time.';

CREATE TYPE merch.judged_place AS (
    n bigint,
    location_id int,
    channel_id int,
    locations bigint,
    price_lead_time interval
);
COMMENT ON TYPE merch.judged_place IS 'A location that stands for those of the n-th candidate at which the same other prices hold in a channel, with their number.';

CREATE FUNCTION merch.guard_price_rule()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    SELECT min(n.kind) INTO unknown FROM unnest(NEW.kinds) n(kind)
    WHERE NOT EXISTS (SELECT FROM merch.price_kind k WHERE k.kind = n.kind);
    IF unknown IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('rule "%s" is of prices of kind "%s", which does not exist', NEW.rule, unknown),
            HINT = 'The kinds are the rows of merch.price_kind.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_price_rule() IS
'Trigger of merch.price_rule: refuses kinds of prices that do not exist.';

-- Locations at which the same prices hold are judged once: one stands for all that are in the
-- same ones of the places of other prices. Other prices that hold wherever the candidate does
-- tell no locations apart; all that remain have a finite number of places. Where the item is
-- ranged nowhere, all locations count: it may be about to be.
CREATE FUNCTION merch.judged_places(candidates merch.judged_price[])
RETURNS SETOF merch.judged_place
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    -- as far back as a prior price is looked for
    before CONSTANT interval := make_interval(days => coalesce((SELECT max(r.days) FROM merch.price_rule r WHERE r.active), 1));
BEGIN
    RETURN QUERY
    WITH candidate AS MATERIALIZED (
        SELECT u.n, u.item_id, u.places, u.channel_id, u.effective
        FROM unnest(candidates) WITH ORDINALITY u(price_event_id, promotion_id, item_id, kind, places, channel_id, from_quantity, amount,
                                                  currency, effective, decided_at, n)
    ), other AS (
        SELECT o.n, o.places, row_number() OVER () AS number
        FROM (SELECT DISTINCT c.n, o.places * c.places AS places
              FROM candidate c
              JOIN merch.price_event o ON o.item_id = c.item_id AND o.from_quantity = 1
                                      AND o.effective && tstzrange(lower(c.effective) - before, upper(c.effective))
                                      AND NOT o.places @> c.places
                                      AND merch.price_counts(o.state, o.promotion_id, o.effective, o.activated_at)) o
    ), inside AS MATERIALIZED (
        SELECT o.n, l AS location_id, array_agg(o.number ORDER BY o.number) AS others
        FROM other o
        CROSS JOIN LATERAL unnest(o.places) r
        CROSS JOIN LATERAL generate_series(lower(r), upper(r) - 1) l
        GROUP BY o.n, l
    ), ranged AS MATERIALIZED (
        SELECT c.n, min(s.location_id) AS location_id, s.channel_id, count(*) AS locations
        FROM candidate c
        JOIN merch.ranging r ON r.item_id = c.item_id AND c.places @> r.location_id
        JOIN merch.sales_place s ON s.location_id = r.location_id
        LEFT JOIN inside i ON i.n = c.n AND i.location_id = r.location_id
        WHERE c.channel_id IS NULL OR s.channel_id = c.channel_id
        GROUP BY c.n, i.others, s.channel_id
    ), place AS (
        SELECT * FROM ranged
        UNION ALL
        SELECT c.n, min(s.location_id), s.channel_id, count(*)
        FROM candidate c
        JOIN merch.sales_place s ON c.places @> s.location_id
        LEFT JOIN inside i ON i.n = c.n AND i.location_id = s.location_id
        WHERE c.n NOT IN (SELECT r.n FROM ranged r) AND (c.channel_id IS NULL OR s.channel_id = c.channel_id)
        GROUP BY c.n, i.others, s.channel_id
    )
    SELECT p.n, p.location_id, p.channel_id, p.locations, h.price_lead_time
    FROM place p
    JOIN merch.channel h USING (channel_id);
END
$$;
COMMENT ON FUNCTION merch.judged_places(merch.judged_price[]) IS
'For each n-th candidate the locations and channels that have to be looked at: one for all at which the same other prices hold. None where nothing is sold at its places. Part of merch.judge_prices().';

CREATE FUNCTION merch.shown_price(amount numeric, currency text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN merch.round_price(amount, currency) = amount THEN merch.round_price(amount, currency) ELSE trim_scale(amount) END || ' ' || currency;
COMMENT ON FUNCTION merch.shown_price(numeric, text) IS
'A price in words, with its currency.';

CREATE FUNCTION merch.judge_amounts(candidates merch.judged_price[])
RETURNS TABLE (n bigint, rule text, figure numeric, unit_loss numeric, detail text)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.n, r.rule,
           CASE r.rule WHEN 'below cost' THEN i.cost END,
           CASE r.rule WHEN 'below cost' THEN i.cost * (1 + r.threshold) - c.amount ELSE i.price END,
           CASE r.rule WHEN 'below cost' THEN 'a unit costs ' || merch.shown_price(i.cost, c.currency) ELSE 'the price is 0' END
    FROM unnest(candidates) WITH ORDINALITY c(price_event_id, promotion_id, item_id, kind, places, channel_id, from_quantity, amount,
                                              currency, effective, decided_at, n)
    JOIN merch.item i USING (item_id)
    JOIN merch.price_rule r ON r.active AND c.kind = ANY (r.kinds)
    WHERE (r.rule = 'below cost' AND c.amount > 0 AND c.currency = merch.currency() AND c.amount < i.cost * (1 + r.threshold))
       OR (r.rule = 'zero price' AND c.amount = 0)
$$;
COMMENT ON FUNCTION merch.judge_amounts(merch.judged_price[]) IS
'Which candidates break the rules below cost and zero price. Part of merch.judge_prices().';

CREATE FUNCTION merch.judge_regular(candidates merch.judged_price[], pieces merch.judged_place[])
RETURNS TABLE (n bigint, rule text, figure numeric, unit_loss numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT p.n, p.location_id, p.channel_id, p.locations, c.item_id, c.amount, c.currency, c.effective, r.rule, r.threshold
        FROM merch.price_rule r
        JOIN unnest(candidates) WITH ORDINALITY c(price_event_id, promotion_id, item_id, kind, places, channel_id, from_quantity, amount,
                                                  currency, effective, decided_at, n) ON c.kind = ANY (r.kinds)
        JOIN unnest(pieces) p ON p.n = c.n
        WHERE r.rule = 'above regular' AND r.active
    ), moment AS (
        SELECT a.n, a.location_id, a.channel_id, lower(a.effective) AS at FROM asked a
        UNION
        SELECT a.n, a.location_id, a.channel_id, b.at
        FROM asked a
        JOIN merch.price_event o ON o.item_id = a.item_id AND o.effective && a.effective AND o.kind = 'regular' AND o.from_quantity = 1
                                AND o.places @> a.location_id AND (o.channel_id IS NULL OR o.channel_id = a.channel_id)
                                AND merch.price_counts(o.state, o.promotion_id, o.effective, o.activated_at)
        CROSS JOIN LATERAL (VALUES (lower(o.effective)), (upper(o.effective))) b(at)
        WHERE a.effective @> b.at
    ), lowest AS (
        SELECT a.n, a.rule, a.amount, a.currency, a.threshold, a.location_id, a.locations, min(g.amount) AS regular
        FROM moment m
        JOIN asked a USING (n, location_id, channel_id)
        CROSS JOIN LATERAL merch.regular_price_at(a.item_id, a.location_id, a.channel_id, m.at) g
        WHERE g.currency = a.currency
        GROUP BY a.n, a.rule, a.amount, a.currency, a.threshold, a.location_id, a.channel_id, a.locations
    )
    SELECT l.n, l.rule, min(l.regular), l.amount - min(l.regular),
           format('the regular price is %s at location %s', merch.shown_price(min(l.regular), l.currency),
                  (array_agg(l.location_id ORDER BY l.regular, l.location_id))[1])
    FROM lowest l
    WHERE l.amount > l.regular * (1 + l.threshold)
    GROUP BY l.n, l.rule, l.amount, l.currency;
END
$$;
COMMENT ON FUNCTION merch.judge_regular(merch.judged_price[], merch.judged_place[]) IS
'Which candidates break the rule above regular: at a place the regular price is lower, at some moment at which they hold. Part of merch.judge_prices().';

CREATE FUNCTION merch.judge_steps(candidates merch.judged_price[], pieces merch.judged_place[])
RETURNS TABLE (n bigint, rule text, figure numeric, unit_loss numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH step AS (
        SELECT p.n, p.location_id, c.amount, c.currency, r.rule, r.threshold, b.amount AS before, abs(c.amount - b.amount) / b.amount AS share
        FROM merch.price_rule r
        JOIN unnest(candidates) WITH ORDINALITY c(price_event_id, promotion_id, item_id, kind, places, channel_id, from_quantity, amount,
                                                  currency, effective, decided_at, n) ON c.kind = ANY (r.kinds)
        JOIN unnest(pieces) p ON p.n = c.n
        CROSS JOIN LATERAL merch.paid_price_at(c.item_id, p.location_id, p.channel_id, lower(c.effective) - interval '1 microsecond') b
        WHERE r.rule = 'step too large' AND r.active AND c.from_quantity = 1 AND c.amount > 0 AND b.amount > 0 AND b.currency = c.currency
    )
    SELECT s.n, s.rule, round(max(s.share), 4), max(abs(s.amount - s.before)),
           format('the price before is %s at location %s', merch.shown_price((array_agg(s.before ORDER BY s.share DESC, s.location_id))[1], s.currency),
                  (array_agg(s.location_id ORDER BY s.share DESC, s.location_id))[1])
    FROM step s
    WHERE s.share > s.threshold
    GROUP BY s.n, s.rule, s.currency;
END
$$;
COMMENT ON FUNCTION merch.judge_steps(merch.judged_price[], merch.judged_place[]) IS
'Which candidates break the rule step too large: at a place the price just before is further away. Part of merch.judge_prices().';

-- A step up, or to the same price after a break, is none of a reduction that grows.
CREATE FUNCTION merch.judge_reductions(candidates merch.judged_price[], pieces merch.judged_place[])
RETURNS TABLE (n bigint, rule text, figure numeric, unit_loss numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    asked record;
BEGIN
    SELECT array_agg(c.n) AS n, array_agg(c.item_id) AS items, array_agg(p.location_id) AS locations, array_agg(p.channel_id) AS channels,
           array_agg(lower(c.effective)) AS moments, array_agg(c.amount) AS amounts, array_agg(c.currency) AS currencies,
           min(r.rule) AS rule, min(r.threshold) AS threshold, min(r.days) AS days, bool_and(r.progressive) AS progressive
    INTO asked
    FROM merch.price_rule r
    JOIN unnest(candidates) WITH ORDINALITY c(price_event_id, promotion_id, item_id, kind, places, channel_id, from_quantity, amount,
                                              currency, effective, decided_at, n) ON c.kind = ANY (r.kinds)
    JOIN unnest(pieces) p ON p.n = c.n
    WHERE r.rule = 'prior price' AND r.active AND c.from_quantity = 1;
    IF asked.n IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH lowest AS (
        SELECT u.n, u.location_id, u.currency, u.amount,
               CASE WHEN u.amount <= b.amount AND asked.progressive THEN greatest(s.amount, f.amount) ELSE s.amount END AS prior
        FROM unnest(asked.n, asked.items, asked.locations, asked.channels, asked.moments, asked.amounts, asked.currencies) WITH ORDINALITY
             u(n, item_id, location_id, channel_id, at, amount, currency, place)
        JOIN merch.prior_prices(asked.items, asked.locations, asked.channels, asked.moments, asked.days) s
            ON s.n = u.place AND s.currency = u.currency
        LEFT JOIN merch.prior_prices(asked.items, asked.locations, asked.channels, asked.moments, asked.days, true) f
            ON f.n = u.place AND f.currency = u.currency AND asked.progressive
        CROSS JOIN LATERAL merch.paid_price_at(u.item_id, u.location_id, u.channel_id, u.at - interval '1 microsecond') b
    )
    SELECT l.n, asked.rule, min(l.prior), NULL::numeric,
           format('the lowest price of the %s days before is %s at location %s', asked.days, merch.shown_price(min(l.prior), l.currency),
                  (array_agg(l.location_id ORDER BY l.prior, l.location_id))[1])
    FROM lowest l
    WHERE CASE WHEN asked.threshold = 0 THEN l.amount >= l.prior ELSE l.amount > l.prior * (1 - asked.threshold) END
    GROUP BY l.n, l.currency;
END
$$;
COMMENT ON FUNCTION merch.judge_reductions(merch.judged_price[], merch.judged_place[]) IS
'Which candidates break the rule prior price: they are no reduction of it at a place. Part of merch.judge_prices().';

CREATE FUNCTION merch.judge_rivals(candidates merch.judged_price[])
RETURNS TABLE (n bigint, rule text, figure numeric, unit_loss numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH rival AS (
        SELECT c.n, r.rule, o.price_event_id, o.kind, o.promotion_id, o.amount, o.currency,
               CASE WHEN o.currency = c.currency THEN abs(o.amount - c.amount) END AS apart
        FROM unnest(candidates) WITH ORDINALITY c(price_event_id, promotion_id, item_id, kind, places, channel_id, from_quantity, amount,
                                                  currency, effective, decided_at, n)
        JOIN merch.price_rule r ON r.active AND c.kind = ANY (r.kinds)
        JOIN merch.price_event o ON o.item_id = c.item_id AND o.places && c.places AND o.effective && c.effective
                                AND (o.channel_id = c.channel_id OR num_nonnulls(o.channel_id, c.channel_id) < 2)
                                AND o.state IN ('approved', 'published', 'active')
        WHERE ((r.rule = 'overlapping promotions' AND c.kind = 'promotional' AND o.kind = 'promotional')
               OR (r.rule = 'clearance under promotion'
                   AND (c.kind, o.kind) IN (('clearance', 'promotional'), ('promotional', 'clearance'))))
          AND o.price_event_id IS DISTINCT FROM c.price_event_id
          AND (c.promotion_id IS NULL OR o.promotion_id IS DISTINCT FROM c.promotion_id)
    )
    SELECT v.n, v.rule, count(*)::numeric, max(v.apart),
           format(CASE count(*) WHEN 1 THEN '%2$s price event %3$s%4$s at %5$s holds at the same time'
                                ELSE '%1$s price events hold at the same time, such as %2$s price event %3$s%4$s at %5$s' END,
                  count(*), min(v.kind), min(v.price_event_id),
                  (array_agg(' of promotion ' || v.promotion_id ORDER BY v.price_event_id))[1],
                  (array_agg(merch.shown_price(v.amount, v.currency) ORDER BY v.price_event_id))[1])
    FROM rival v
    GROUP BY v.n, v.rule;
END
$$;
COMMENT ON FUNCTION merch.judge_rivals(merch.judged_price[]) IS
'Which candidates break the rules overlapping promotions and clearance under promotion. Part of merch.judge_prices().';

CREATE FUNCTION merch.judge_times(candidates merch.judged_price[], pieces merch.judged_place[])
RETURNS TABLE (n bigint, rule text, figure numeric, unit_loss numeric, detail text)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
    WITH slowest AS (
        SELECT DISTINCT ON (p.n) p.n, p.price_lead_time AS lead, h.name
        FROM unnest(pieces) p
        JOIN merch.channel h USING (channel_id)
        ORDER BY p.n, p.price_lead_time DESC, p.channel_id
    ), time AS (
        SELECT c.n, c.kind, c.effective, c.decided_at, coalesce(s.lead, '0') AS lead, s.name,
               upper(c.effective) <= c.decided_at + coalesce(s.lead, '0') AS over,
               lower(c.effective) < c.decided_at + s.lead AND s.lead > '0' AS late
        FROM unnest(candidates) WITH ORDINALITY c(price_event_id, promotion_id, item_id, kind, places, channel_id, from_quantity, amount,
                                                  currency, effective, decided_at, n)
        LEFT JOIN slowest s USING (n)
        WHERE c.decided_at IS NOT NULL
    )
    SELECT t.n, r.rule, round(extract(epoch FROM t.decided_at + t.lead - CASE WHEN t.over IS TRUE THEN upper(t.effective) ELSE lower(t.effective) END) / 3600, 1),
           NULL::numeric,
           CASE WHEN t.lead > '0' THEN format('channel %s needs %s', t.name, t.lead) ELSE 'its period is past' END
    FROM time t
    JOIN merch.price_rule r ON r.active AND t.kind = ANY (r.kinds)
    WHERE (r.rule = 'ends before it starts' AND t.over)
       OR (r.rule = 'lead time too short' AND t.late AND t.over IS NOT TRUE)
$$;
COMMENT ON FUNCTION merch.judge_times(merch.judged_price[], merch.judged_place[]) IS
'Which candidates break the rules ends before it starts and lead time too short. Part of merch.judge_prices().';

CREATE FUNCTION merch.price_units(item_id bigint, places int4multirange, effective tstzrange)
RETURNS numeric
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sum(f.mean)::numeric
    FROM merch.forecast f
    WHERE f.item_id = price_units.item_id AND places @> f.location_id
      AND f.day >= lower(effective)::date AND (upper(effective) IS NULL OR f.day < upper(effective))
$$;
COMMENT ON FUNCTION merch.price_units(bigint, int4multirange, tstzrange) IS
'Units of an item that are forecast at places for the days of a period; null where nothing is.';

CREATE FUNCTION merch.judge_prices(candidates merch.judged_price[])
RETURNS TABLE (n bigint, rule text, severity text, detail text, figure numeric, money_at_risk numeric)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    pieces CONSTANT merch.judged_place[] := ARRAY(SELECT p FROM merch.judged_places(candidates) p ORDER BY p.n, p.location_id, p.channel_id);
BEGIN
    RETURN QUERY
    WITH breach AS (
        SELECT * FROM merch.judge_amounts(candidates)
        UNION ALL
        SELECT * FROM merch.judge_regular(candidates, pieces)
        UNION ALL
        SELECT * FROM merch.judge_steps(candidates, pieces)
        UNION ALL
        SELECT * FROM merch.judge_reductions(candidates, pieces)
        UNION ALL
        SELECT * FROM merch.judge_rivals(candidates)
        UNION ALL
        SELECT * FROM merch.judge_times(candidates, pieces)
    )
    SELECT b.n, b.rule, r.severity, b.detail, b.figure,
           round(b.unit_loss * coalesce(merch.price_units(candidates[b.n].item_id, candidates[b.n].places, candidates[b.n].effective), 1), 2)
    FROM breach b
    JOIN merch.price_rule r USING (rule)
    ORDER BY b.n, r.severity, b.rule;
END
$$;
COMMENT ON FUNCTION merch.judge_prices(merch.judged_price[]) IS
'What speaks against each n-th price. Used by merch.price_conflicts() and merch.promotion_price_conflicts(), which say what the columns mean.';

CREATE FUNCTION merch.price_conflicts(price_events bigint[])
RETURNS TABLE (price_event_id bigint, rule text, severity text, detail text, figure numeric, money_at_risk numeric)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    candidates CONSTANT merch.judged_price[] := ARRAY(
        SELECT ROW(e.price_event_id, e.promotion_id, e.item_id, e.kind, e.places, e.channel_id, e.from_quantity, e.amount, e.currency, e.effective,
                   CASE e.state WHEN 'proposed' THEN now() WHEN 'approved' THEN e.state_since END)::merch.judged_price
        FROM merch.price_event e
        WHERE e.price_event_id = ANY (price_events) AND e.state NOT IN ('ended', 'withdrawn')
        ORDER BY e.price_event_id);
BEGIN
    RETURN QUERY
    SELECT candidates[j.n].price_event_id, j.rule, j.severity, j.detail, j.figure, j.money_at_risk
    FROM merch.judge_prices(candidates) j;
END
$$;
COMMENT ON FUNCTION merch.price_conflicts(bigint[]) IS
'What speaks against price events, by the rules of merch.price_rule: against those that are approved, active or were paid, never against those that are only proposed. figure: the cost, the regular price, the share of the step, the number of others, the hours that are missing, the prior price. money_at_risk: what a unit loses by it times the units that are forecast, one where nothing is.';

CREATE FUNCTION merch.refused_price_events(price_events bigint[])
RETURNS TABLE (row_key bigint, reason text)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    free CONSTANT bigint[] := ARRAY(SELECT e.price_event_id FROM merch.price_event e
                                    WHERE e.price_event_id = ANY (price_events) AND e.promotion_id IS NULL
                                    ORDER BY 1);
BEGIN
    IF free = '{}' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT c.price_event_id, format('%s: %s', c.rule, c.detail)
    FROM merch.price_conflicts(free) c
    LEFT JOIN merch.price_overrides(free) o USING (price_event_id, rule)
    WHERE c.severity = 'refuse' AND o.rule IS NULL
    ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION merch.refused_price_events(bigint[]) IS
'Price events that may not be approved, and why: those of no promotion that break a rule whose severity is refuse, without leave to. The guard of event approve. Promotions are held up by the check "price rules" of their readiness.';

CREATE FUNCTION merch.judged_promotion_prices(promotions bigint[])
RETURNS SETOF merch.judged_price
LANGUAGE sql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NULL::bigint, p.promotion_id, i.item_id, 'promotional', l.places, NULL::int, o.from_quantity,
           merch.round_price(merch.offer_price(i.price, o.reward, o.value), c.currency), c.currency, tstzrange(p.starts_at, p.ends_at),
           CASE WHEN e.created_at IS NULL THEN now() END
    FROM merch.promotion p
    CROSS JOIN LATERAL (
        SELECT coalesce(range_agg(int4range(l.location_id, l.location_id, '[]')), '{}') AS places
        FROM merch.promotion_location l
        WHERE l.promotion_id = p.promotion_id) l
    JOIN merch.promotion_item pi USING (promotion_id)
    JOIN merch.offer o USING (promotion_id, offer_id)
    JOIN merch.item i ON i.item_id = pi.item_id
    CROSS JOIN (SELECT merch.currency() AS currency) c
    LEFT JOIN LATERAL (
        SELECT e.created_at
        FROM merch.price_event e
        WHERE e.promotion_id = p.promotion_id AND e.item_id = i.item_id AND e.state IN ('approved', 'published', 'active')
          AND lower(e.effective) = p.starts_at
        LIMIT 1) e ON true
    WHERE p.promotion_id = ANY (promotions) AND o.reward <> 'feature' AND merch.offer_price(i.price, o.reward, o.value) IS NOT NULL
    ORDER BY p.promotion_id, i.item_id
$$;
COMMENT ON FUNCTION merch.judged_promotion_prices(bigint[]) IS
'The prices that promotions would have by their offers, approved or not, to be judged. None of an item without a regular price to reduce.';

CREATE FUNCTION merch.promotion_price_conflicts(promotions bigint[])
RETURNS TABLE (promotion_id bigint, item_id bigint, rule text, severity text, detail text, figure numeric, money_at_risk numeric)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    candidates CONSTANT merch.judged_price[] := ARRAY(SELECT c FROM merch.judged_promotion_prices(promotions) c);
BEGIN
    RETURN QUERY
    SELECT candidates[j.n].promotion_id, candidates[j.n].item_id, j.rule, j.severity, j.detail, j.figure, j.money_at_risk
    FROM merch.judge_prices(candidates) j;
END
$$;
COMMENT ON FUNCTION merch.promotion_price_conflicts(bigint[]) IS
'As merch.price_conflicts(), for the prices that promotions have or would have by their offers: for those who are to approve them.';

CREATE FUNCTION merch.check_price_rules(promotions bigint[])
RETURNS TABLE (promotion_id bigint, passed boolean, figure numeric, money_at_risk numeric, detail text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH breach AS MATERIALIZED (
        SELECT c.*
        FROM merch.promotion_price_conflicts(promotions) c
        JOIN merch.price_rule r USING (rule)
        WHERE c.severity = 'refuse'
          AND NOT EXISTS (SELECT FROM merch.readiness_check k WHERE k.readiness_check = r.readiness_check AND k.active)
    ), worst AS (
        SELECT b.promotion_id, b.rule, count(*) AS items, min(b.item_id) AS item_id,
               (array_agg(b.detail ORDER BY b.item_id))[1] AS example
        FROM breach b
        GROUP BY b.promotion_id, b.rule
    )
    SELECT w.promotion_id, false,
           1 - (SELECT count(DISTINCT b.item_id) FROM breach b WHERE b.promotion_id = w.promotion_id)::numeric
               / (SELECT count(*) FROM merch.promotion_item i WHERE i.promotion_id = w.promotion_id),
           (SELECT max(s.money) FROM (SELECT sum(b.money_at_risk) AS money FROM breach b WHERE b.promotion_id = w.promotion_id GROUP BY b.rule) s),
           string_agg(format('%s: %s items, such as item %s (%s)', w.rule, w.items, w.item_id, w.example), '; ' ORDER BY w.rule)
    FROM worst w
    GROUP BY w.promotion_id;
END
$$;
COMMENT ON FUNCTION merch.check_price_rules(bigint[]) IS
'Readiness check: no price breaks a rule of merch.price_rule whose severity is refuse and of which no other check speaks. Figure: the share of items for which that holds.';

CREATE FUNCTION merch.price_rule_neighbours(promotions bigint[])
RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT q.promotion_id
    FROM merch.promotion p
    JOIN merch.promotion_item a USING (promotion_id)
    JOIN merch.promotion_item b USING (item_id)
    JOIN merch.promotion q ON q.promotion_id = b.promotion_id
    CROSS JOIN (SELECT make_interval(days => coalesce(max(r.days), 1)) AS before FROM merch.price_rule r WHERE r.active) r
    WHERE p.promotion_id = ANY (promotions) AND q.promotion_id <> p.promotion_id AND merch.awaits_launch(q.state)
      AND q.starts_at >= p.starts_at AND q.starts_at <= p.ends_at + r.before
$$;
COMMENT ON FUNCTION merch.price_rule_neighbours(bigint[]) IS
'The promotions with a common item whose verdict of merch.check_price_rules() can change as the given ones do: those that start later, as long as prices are looked back at.';

CREATE FUNCTION merch.mark_items_of_prices(price_events bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.mark_items_of_promotions(array_agg(DISTINCT e.item_id))
    FROM merch.price_event e
    WHERE e.price_event_id = ANY (price_events) AND e.promotion_id IS NULL AND e.state <> 'proposed'
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION merch.mark_items_of_prices(bigint[]) IS
'Marks the items of price events of no promotion, as soon as they are more than proposed: what promotions of these are compared with has changed.';
