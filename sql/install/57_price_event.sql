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

CREATE FUNCTION merch.price_places(location_id int, price_zone_id int, promotion_id bigint)
RETURNS int4multirange
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN price_places.location_id IS NOT NULL
                THEN int4multirange(int4range(price_places.location_id, price_places.location_id, '[]'))
                WHEN price_places.price_zone_id IS NOT NULL
                THEN coalesce((SELECT range_agg(int4range(z.location_id, z.location_id, '[]'))
                               FROM merch.price_zone_location z
                               WHERE z.price_zone_id = price_places.price_zone_id), '{}')
                ELSE '{(,)}' END
           * CASE WHEN price_places.promotion_id IS NULL THEN '{(,)}'::int4multirange
                  ELSE coalesce((SELECT range_agg(int4range(l.location_id, l.location_id, '[]'))
                                 FROM merch.promotion_location l
                                 WHERE l.promotion_id = price_places.promotion_id), '{}') END
$$;
COMMENT ON FUNCTION merch.price_places(int, int, bigint) IS
'The locations where a price event holds: its own, its zone''s, or all, of those where its promotion runs, if it is of one.';

-- Who changes a zone or the locations of a promotion locks it against this: either sees what
-- the other did.
CREATE FUNCTION merch.set_price_places()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state IN ('ended', 'withdrawn') THEN
        NEW.places := OLD.places;
        RETURN NEW;
    END IF;
    IF NEW.promotion_id IS NOT NULL THEN
        PERFORM FROM merch.promotion p WHERE p.promotion_id = NEW.promotion_id FOR SHARE;
    END IF;
    IF NEW.price_zone_id IS NOT NULL THEN
        PERFORM FROM merch.price_zone z WHERE z.price_zone_id = NEW.price_zone_id FOR SHARE;
    END IF;
    NEW.places := merch.price_places(NEW.location_id, NEW.price_zone_id, NEW.promotion_id);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.set_price_places() IS
'Trigger of merch.price_event: its places are those that its location, zone and promotion say, whatever is written.';

CREATE FUNCTION merch.place_prices(price_events bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE merch.price_event e
    SET places = w.places
    FROM (SELECT x.*, merch.price_places(x.location_id, x.price_zone_id, x.promotion_id) AS places
          FROM (SELECT DISTINCT o.location_id, o.price_zone_id, o.promotion_id
                FROM merch.price_event o
                WHERE o.price_event_id = ANY (price_events) AND o.state NOT IN ('ended', 'withdrawn')) x) w
    WHERE e.price_event_id = ANY (price_events) AND e.state NOT IN ('ended', 'withdrawn')
      AND (e.location_id, e.price_zone_id, e.promotion_id) IS NOT DISTINCT FROM (w.location_id, w.price_zone_id, w.promotion_id)
      AND e.places <> w.places
$$;
COMMENT ON FUNCTION merch.place_prices(bigint[]) IS
'Brings the places of price events that have not ended in line with their zones and promotions, which the caller has locked.';

CREATE FUNCTION merch.place_prices_of_zones(zones bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM merch.price_zone z WHERE z.price_zone_id = ANY (zones) ORDER BY z.price_zone_id FOR NO KEY UPDATE;
    PERFORM merch.place_prices(ARRAY(SELECT e.price_event_id FROM merch.price_event e WHERE e.price_zone_id = ANY (zones)));
END
$$;
COMMENT ON FUNCTION merch.place_prices_of_zones(bigint[]) IS
'Brings the places of price events in line with their zones. Reaction to changes of merch.price_zone_location.';

CREATE FUNCTION merch.place_prices_of_promotions(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM merch.promotion p WHERE p.promotion_id = ANY (promotions) ORDER BY p.promotion_id FOR NO KEY UPDATE;
    PERFORM merch.place_prices(ARRAY(SELECT e.price_event_id FROM merch.price_event e WHERE e.promotion_id = ANY (promotions)));
END
$$;
COMMENT ON FUNCTION merch.place_prices_of_promotions(bigint[]) IS
'Brings the places of price events in line with their promotions. Reaction to changes of merch.promotion_location.';

CREATE FUNCTION merch.guard_price_places()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM merch.price_event e
               WHERE e.state NOT IN ('ended', 'withdrawn')
                 AND CASE TG_TABLE_NAME WHEN 'price_zone_location' THEN e.price_zone_id ELSE e.promotion_id END IS NOT NULL) THEN
        RAISE restrict_violation USING
            MESSAGE = format('cannot truncate "%s": prices hold at the locations in it', TG_TABLE_NAME),
            HINT = 'DELETE the rows: the places of prices follow.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.guard_price_places() IS
'Trigger of the tables with the locations of zones and promotions: they are not emptied past the prices that hold there.';

CREATE FUNCTION merch.check_price_end(before record, after record)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF after.effective = before.effective THEN
        RETURN;
    END IF;
    IF upper(after.effective) < now() THEN
        RAISE check_violation USING
            MESSAGE = format('cannot end price event %s at %s: that is past', before.price_event_id, upper(after.effective)),
            HINT = 'Customers have paid it until now.';
    END IF;
    IF after.promotion_id IS NOT NULL AND upper(after.effective) IS DISTINCT FROM now()
       AND NOT EXISTS (SELECT FROM merch.promotion p
                       WHERE p.promotion_id = after.promotion_id AND p.ends_at = upper(after.effective)) THEN
        RAISE check_violation USING
            MESSAGE = format('cannot end price event %s at %s: its promotion %s does not end then',
                             before.price_event_id, coalesce(upper(after.effective)::text, 'no time'), after.promotion_id),
            HINT = 'Move the promotion: ends_on of merch.promotion. Its prices follow.';
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_price_end(record, record) IS
'Raises an error if a price event is to end in the past, or otherwise than its promotion. Part of merch.guard_price_event().';

-- Until when a price was paid stays on record. One that is taken back before its period began was
-- never paid: it has no moment from which it was active.
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
    ELSIF TG_OP = 'DELETE' THEN
        RAISE restrict_violation USING
            MESSAGE = format('cannot delete price event %s: it is %s', OLD.price_event_id, OLD.state),
            HINT = format('Withdraw it: SELECT merch.fire(''merch.price_event'', ''%s'', ''withdraw'').', OLD.price_event_id);
    ELSIF TG_OP = 'INSERT' OR OLD.state = 'proposed' THEN
        NEW.activated_at := NULL;
        RETURN NEW;
    END IF;
    IF (NEW.price_event_id, NEW.item_id, NEW.kind, NEW.promotion_id, NEW.location_id, NEW.price_zone_id, NEW.channel_id,
        NEW.from_quantity, NEW.amount, NEW.currency, lower(NEW.effective))
       IS DISTINCT FROM
       (OLD.price_event_id, OLD.item_id, OLD.kind, OLD.promotion_id, OLD.location_id, OLD.price_zone_id, OLD.channel_id,
        OLD.from_quantity, OLD.amount, OLD.currency, lower(OLD.effective))
       OR (NEW.effective <> OLD.effective AND OLD.state IN ('ended', 'withdrawn')) THEN
        RAISE restrict_violation USING
            MESSAGE = format('cannot change price event %s: it is %s', OLD.price_event_id, OLD.state),
            HINT = 'Make another, and withdraw this one. Until it has ended, its end can be moved.';
    END IF;
    PERFORM merch.check_price_end(OLD, NEW);
    NEW.activated_at := CASE WHEN NEW.state = 'active' AND OLD.state <> 'active' THEN now() ELSE OLD.activated_at END;
    IF OLD.state = 'active' AND NEW.state IN ('ended', 'withdrawn') THEN
        IF lower(NEW.effective) >= now() THEN
            NEW.activated_at := NULL;
        ELSIF coalesce(upper(NEW.effective), 'infinity') > now() THEN
            NEW.effective := tstzrange(lower(NEW.effective), now());
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_price_event() IS
'Trigger of merch.price_event: what is approved is neither deleted nor changed; only its end can be moved, with its promotion and not into the past, and is cut when what is active is ended or withdrawn. Keeps since when it is active.';

CREATE FUNCTION merch.early_price_events(price_events bigint[])
RETURNS TABLE (row_key bigint, reason text)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT e.price_event_id,
           CASE WHEN e.promotion_id IS NULL
                THEN format('its period begins at %s. The clock activates it then', lower(e.effective))
                ELSE format('its promotion %s is %s. It becomes active with that', e.promotion_id, p.state) END
    FROM merch.price_event e
    LEFT JOIN merch.promotion p USING (promotion_id)
    WHERE e.price_event_id = ANY (price_events)
      AND CASE WHEN e.promotion_id IS NULL THEN lower(e.effective) > now() ELSE p.state <> 'live' END
    ORDER BY e.price_event_id;
END
$$;
COMMENT ON FUNCTION merch.early_price_events(bigint[]) IS
'The guard of activate: prices whose period has not begun, or whose promotion is not live, are not what customers pay.';

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

-- The constraint would refuse it, too, in words of an index.
CREATE FUNCTION merch.check_rival_prices(promotions bigint[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rival record;
BEGIN
    SELECT w.promotion_id, w.item_id, e.price_event_id, e.promotion_id AS rival_id, e.effective INTO rival
    FROM merch.wanted_price_events(promotions) w
    JOIN merch.price_event e ON e.item_id = w.item_id AND e.promotion_id <> w.promotion_id AND e.from_quantity = w.from_quantity
    WHERE e.state IN ('approved', 'published', 'active') AND e.scope = 1 AND e.channel_id IS NULL AND e.effective && w.effective
      AND EXISTS (SELECT FROM merch.promotion_location l WHERE l.promotion_id = w.promotion_id AND e.places @> l.location_id)
    ORDER BY w.promotion_id, w.item_id, e.price_event_id LIMIT 1;
    IF FOUND THEN
        RAISE exclusion_violation USING
            MESSAGE = format('item %s of promotion %s has a price of promotion %s at the same time and place',
                             rival.item_id, rival.promotion_id, rival.rival_id),
            DETAIL = format('Price event %s holds from %s to %s.', rival.price_event_id, lower(rival.effective), upper(rival.effective)),
            HINT = 'Move one of the promotions, or take the item or the location out of it.';
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_rival_prices(bigint[]) IS
'Raises an error if an item of promotions has an approved price of another promotion at the same time and place.';

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
    PERFORM merch.check_rival_prices(promotions);

    UPDATE merch.price_event e
    SET offer_id = w.offer_id, from_quantity = w.from_quantity, amount = w.amount, currency = w.currency, effective = w.effective
    FROM merch.wanted_price_events(promotions) w
    WHERE e.promotion_id = w.promotion_id AND e.item_id = w.item_id AND e.location_id IS NULL AND e.price_zone_id IS NULL
      AND e.channel_id IS NULL
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
                        AND e.price_zone_id IS NULL AND e.channel_id IS NULL
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
                        AND e.price_zone_id IS NULL AND e.channel_id IS NULL AND e.state NOT IN ('ended', 'withdrawn'))
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

CREATE FUNCTION merch.end_price_events(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM merch.fire_price_events(promotions, '{active}', 'end', 'the promotion has ended');
    PERFORM merch.fire_price_events(promotions, '{proposed,approved,published}', 'withdraw', 'the promotion has ended');
END
$$;
COMMENT ON FUNCTION merch.end_price_events(bigint[]) IS
'Ends the prices of promotions, at once if their period is not over. Part of their end.';

CREATE FUNCTION merch.withdraw_price_events(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.fire_price_events(promotions, '{proposed,approved,published,active}', 'withdraw', 'the promotion was cancelled')
$$;
COMMENT ON FUNCTION merch.withdraw_price_events(bigint[]) IS
'Withdraws the prices of promotions, at once if customers pay them already. Part of their cancellation.';
