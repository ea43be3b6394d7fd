-- price events: the prices of an approved promotion, made, moved and taken back with it

CREATE FUNCTION merch.currency()
RETURNS text
LANGUAGE sql STABLE
RETURN merch.setting('merch.currency');
COMMENT ON FUNCTION merch.currency() IS
'The currency of the regular prices of merch.item: the setting merch.currency.';

CREATE FUNCTION merch.round_price(amount numeric, currency text)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN round(amount, CASE WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI',
                                            'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 0
                          WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
                          ELSE 2 END);
COMMENT ON FUNCTION merch.round_price(numeric, text) IS
'A price in what its currency is counted in, by ISO 4217: two decimals, of some currencies none or three. Halves are rounded up.';

CREATE FUNCTION merch.guard_price_event()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        IF EXISTS (SELECT FROM merch.price_event e WHERE e.state IN ('approved', 'published', 'active')) THEN
            RAISE restrict_violation USING
                MESSAGE = 'cannot truncate "price_event": some of its prices are still to be paid',
                HINT = 'Withdraw them: SELECT merch.fire(''merch.price_event'', price_event_id, ''withdraw'').';
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE restrict_violation USING
            MESSAGE = format('cannot delete price event %s: it is %s', OLD.price_event_id, OLD.state),
            HINT = format('Withdraw it: SELECT merch.fire(''merch.price_event'', ''%s'', ''withdraw'').', OLD.price_event_id);
    END IF;
    IF (NEW.price_event_id, NEW.item_id, NEW.kind, NEW.promotion_id, NEW.location_id, NEW.channel_id, NEW.from_quantity,
        NEW.amount, NEW.currency, lower(NEW.effective))
       IS DISTINCT FROM
       (OLD.price_event_id, OLD.item_id, OLD.kind, OLD.promotion_id, OLD.location_id, OLD.channel_id, OLD.from_quantity,
        OLD.amount, OLD.currency, lower(OLD.effective))
       OR (NEW.effective <> OLD.effective AND OLD.state IN ('ended', 'withdrawn')) THEN
        RAISE restrict_violation USING
            MESSAGE = format('cannot change price event %s: it is %s', OLD.price_event_id, OLD.state),
            HINT = 'Make another, and withdraw this one. Until it has ended, its end can be moved.';
    END IF;
    IF NEW.effective <> OLD.effective AND upper(NEW.effective) < now() THEN
        RAISE check_violation USING
            MESSAGE = format('cannot end price event %s at %s: that is past', OLD.price_event_id, upper(NEW.effective)),
            HINT = 'Customers have paid it until now.';
    END IF;
    IF NEW.effective <> OLD.effective AND NEW.promotion_id IS NOT NULL AND upper(NEW.effective) IS DISTINCT FROM now()
       AND NOT EXISTS (SELECT FROM merch.promotion p
                       WHERE p.promotion_id = NEW.promotion_id AND p.ends_at = upper(NEW.effective)) THEN
        RAISE check_violation USING
            MESSAGE = format('cannot end price event %s at %s: its promotion %s does not end then',
                             OLD.price_event_id, coalesce(upper(NEW.effective)::text, 'no time'), NEW.promotion_id),
            HINT = 'Move the promotion: ends_on of merch.promotion. Its prices follow.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_price_event() IS
'Trigger of merch.price_event: what is approved is neither deleted nor changed; only its end can be moved, with its promotion and not into the past.';

CREATE FUNCTION merch.wanted_price_events(promotions bigint[])
RETURNS TABLE (
    promotion_id bigint,
    item_id bigint,
    offer_id bigint,
    from_quantity bigint,
    amount numeric,
    currency text,
    effective tstzrange
)
LANGUAGE sql STABLE ROWS 1000
AS $$
    SELECT p.promotion_id, i.item_id, o.offer_id, o.from_quantity,
           merch.round_price(merch.offer_price(i.price, o.reward, o.value), c.currency), c.currency,
           tstzrange(p.starts_at, p.ends_at)
    FROM merch.promotion p
    JOIN merch.promotion_item pi USING (promotion_id)
    JOIN merch.offer o USING (promotion_id, offer_id)
    JOIN merch.item i ON i.item_id = pi.item_id
    CROSS JOIN (SELECT merch.currency() AS currency) c
    WHERE p.promotion_id = ANY (promotions) AND p.state IN ('approved', 'preparing', 'ready', 'live') AND o.reward <> 'feature'
$$;
COMMENT ON FUNCTION merch.wanted_price_events(bigint[]) IS
'The prices that promotions should have by their items and offers; null where an item has no regular price to reduce. Used by merch.prepare_price_events().';

CREATE FUNCTION merch.fire_price_events(promotions bigint[], states text[], event text, reason text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.fire_as_system('merch.price_event', array_agg(e.price_event_id::text), event, reason)
    FROM merch.price_event e
    WHERE e.promotion_id = ANY (promotions) AND e.state NOT IN ('ended', 'withdrawn') AND e.state = ANY (states)
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION merch.fire_price_events(bigint[], text[], text, text) IS
'Makes the price events of promotions that are in one of the states change it by an event.';

CREATE FUNCTION merch.check_regular_prices(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unpriced record;
BEGIN
    SELECT w.promotion_id, min(w.item_id) AS item_id, count(*) AS items INTO unpriced
    FROM merch.wanted_price_events(promotions) w
    WHERE w.amount IS NULL
    GROUP BY w.promotion_id
    ORDER BY w.promotion_id LIMIT 1;
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('item %s of promotion %s has no regular price that could be reduced', unpriced.item_id, unpriced.promotion_id),
            DETAIL = CASE WHEN unpriced.items > 1 THEN format('Nor have %s others of its items.', unpriced.items - 1) ELSE '' END,
            HINT = 'Set price of merch.item, or give the item an offer with reward price.';
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_regular_prices(bigint[]) IS
'Raises an error if an offer of promotions is to reduce a regular price that is not known.';

-- What is approved never changes but for its end: it is withdrawn, and made anew.
CREATE FUNCTION merch.prepare_price_events(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stale text[];
BEGIN
    PERFORM merch.check_regular_prices(promotions);

    UPDATE merch.price_event e
    SET offer_id = w.offer_id, from_quantity = w.from_quantity, amount = w.amount, currency = w.currency, effective = w.effective
    FROM merch.wanted_price_events(promotions) w
    WHERE e.promotion_id = w.promotion_id AND e.item_id = w.item_id AND e.location_id IS NULL AND e.channel_id IS NULL
      AND (e.offer_id, e.from_quantity, e.amount, e.currency, e.effective)
          IS DISTINCT FROM (w.offer_id, w.from_quantity, w.amount, w.currency, w.effective)
      AND (e.state = 'proposed'
           OR (e.state IN ('approved', 'published', 'active')
               AND (e.from_quantity, e.amount, e.currency, lower(e.effective))
                   = (w.from_quantity, w.amount, w.currency, lower(w.effective))));

    SELECT array_agg(e.price_event_id::text) INTO stale
    FROM merch.price_event e
    JOIN merch.promotion p USING (promotion_id)
    WHERE e.promotion_id = ANY (promotions) AND e.state IN ('proposed', 'approved', 'published')
      AND p.state IN ('approved', 'preparing', 'ready', 'live')
      AND NOT EXISTS (SELECT FROM merch.wanted_price_events(promotions) w
                      WHERE w.promotion_id = e.promotion_id AND w.item_id = e.item_id AND e.location_id IS NULL
                        AND e.channel_id IS NULL
                        AND (w.from_quantity, w.amount, w.currency, w.effective)
                            = (e.from_quantity, e.amount, e.currency, e.effective));
    IF stale IS NOT NULL THEN
        PERFORM merch.fire_as_system('merch.price_event', stale, 'withdraw', 'the promotion was changed');
    END IF;

    INSERT INTO merch.price_event (item_id, kind, promotion_id, offer_id, from_quantity, amount, currency, effective)
    SELECT w.item_id, 'promotional', w.promotion_id, w.offer_id, w.from_quantity, w.amount, w.currency, w.effective
    FROM merch.wanted_price_events(promotions) w
    WHERE NOT EXISTS (SELECT FROM merch.price_event e
                      WHERE e.promotion_id = w.promotion_id AND e.item_id = w.item_id AND e.location_id IS NULL
                        AND e.channel_id IS NULL AND e.state NOT IN ('ended', 'withdrawn'))
    ORDER BY w.promotion_id, w.item_id;
    PERFORM merch.fire_price_events(promotions, '{proposed}', 'approve', 'the promotion is approved');
    PERFORM merch.activate_price_events(ARRAY(SELECT p.promotion_id FROM merch.promotion p
                                              WHERE p.promotion_id = ANY (promotions) AND p.state = 'live'));
END
$$;
COMMENT ON FUNCTION merch.prepare_price_events(bigint[]) IS
'Brings the price events of promotions in line with their items, offers and period: approved with the promotion, active if it is live. A step of preparation.';

CREATE FUNCTION merch.activate_price_events(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.fire_price_events(promotions, '{approved,published}', 'activate', 'the promotion is live')
$$;
COMMENT ON FUNCTION merch.activate_price_events(bigint[]) IS
'Makes the prices of promotions those that customers pay. Part of their launch.';

-- Until when a price was paid stays on record.
CREATE FUNCTION merch.cut_price_events(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE merch.price_event e
    SET effective = tstzrange(lower(e.effective), now())
    WHERE e.promotion_id = ANY (promotions) AND e.state = 'active' AND lower(e.effective) < now()
      AND coalesce(upper(e.effective), 'infinity') > now()
$$;
COMMENT ON FUNCTION merch.cut_price_events(bigint[]) IS
'Cuts the period of active prices of promotions to this moment.';

CREATE FUNCTION merch.end_price_events(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM merch.cut_price_events(promotions);
    PERFORM merch.fire_price_events(promotions, '{active}', 'end', 'the promotion has ended');
    PERFORM merch.fire_price_events(promotions, '{proposed,approved,published}', 'withdraw', 'the promotion has ended');
END
$$;
COMMENT ON FUNCTION merch.end_price_events(bigint[]) IS
'Ends the prices of promotions, at once if their period is not over. Part of their end.';

CREATE FUNCTION merch.withdraw_price_events(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM merch.cut_price_events(promotions);
    PERFORM merch.fire_price_events(promotions, '{proposed,approved,published,active}', 'withdraw', 'the promotion was cancelled');
END
$$;
COMMENT ON FUNCTION merch.withdraw_price_events(bigint[]) IS
'Withdraws the prices of promotions, at once if customers pay them already. Part of their cancellation.';
