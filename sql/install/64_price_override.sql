-- price overrides: leave to approve a price that a rule refuses

CREATE FUNCTION merch.price_in_question(price_event_id bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('item_id', e.item_id, 'kind', e.kind, 'location_id', e.location_id, 'price_zone_id', e.price_zone_id,
                              'channel_id', e.channel_id, 'from_quantity', e.from_quantity, 'amount', trim_scale(e.amount),
                              'currency', e.currency, 'from', extract(epoch FROM lower(e.effective)), 'to', extract(epoch FROM upper(e.effective)))
    FROM merch.price_event e
    WHERE e.price_event_id = price_in_question.price_event_id
$$;
COMMENT ON FUNCTION merch.price_in_question(bigint) IS
'All of a price event that a decision about it depends on: an override holds only while it is the same.';

CREATE FUNCTION merch.guard_price_override()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known record;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        RAISE restrict_violation USING
            MESSAGE = CASE TG_OP WHEN 'TRUNCATE' THEN 'cannot truncate the price overrides'
                                 ELSE format('cannot %s price override %s', CASE TG_OP WHEN 'DELETE' THEN 'delete' ELSE 'change' END,
                                             OLD.price_override_id) END,
            HINT = 'Overrides stay on record. One holds only for the price that it was asked for.';
    END IF;
    SELECT e.state, e.promotion_id INTO known FROM merch.price_event e WHERE e.price_event_id = NEW.price_event_id FOR SHARE;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('price event %s does not exist', coalesce(NEW.price_event_id::text, 'NULL')),
            HINT = 'The price events are the rows of merch.price_event.';
    END IF;
    IF known.state <> 'proposed' OR known.promotion_id IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = CASE WHEN known.promotion_id IS NULL THEN format('price event %s is %s: nothing can be overridden', NEW.price_event_id, known.state)
                           ELSE format('price event %s is of promotion %s', NEW.price_event_id, known.promotion_id) END,
            HINT = CASE WHEN known.promotion_id IS NULL THEN 'Overrides are for prices that are proposed.'
                        ELSE format('Ask for the promotion: SELECT merch.request_override(%s, ''price rules'', reason).', known.promotion_id) END;
    END IF;
    -- who asks can't say for which price, in whose name or when
    NEW.price := merch.price_in_question(NEW.price_event_id);
    NEW.created_by := merch.actor();
    NEW.created_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_price_override() IS
'Trigger of merch.price_override: fills in who asks and for which price; refuses to change or delete what is on record.';

CREATE FUNCTION merch.request_price_override(price_event_id bigint, rule text, reason text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM merch.price_event e WHERE e.price_event_id = request_price_override.price_event_id) THEN
        RAISE no_data_found USING
            MESSAGE = format('price event %s does not exist', coalesce(request_price_override.price_event_id::text, 'NULL')),
            HINT = 'The price events are the rows of merch.price_event.';
    END IF;
    IF NOT EXISTS (SELECT FROM merch.price_rule r WHERE r.rule = request_price_override.rule AND r.severity = 'refuse') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('"%s" is no rule that refuses a price', coalesce(request_price_override.rule, 'NULL')),
            HINT = 'The rules are rows of merch.price_rule; a warning stops nothing.';
    END IF;
    INSERT INTO merch.price_override (price_event_id, rule, reason)
    VALUES (request_price_override.price_event_id, request_price_override.rule, request_price_override.reason)
    RETURNING price_override_id INTO id;
    RETURN id;
END
$$;
COMMENT ON FUNCTION merch.request_price_override(bigint, text, text) IS
'Asks for leave to approve a proposed price event although a rule refuses it, with the reason; returns the override''s number. It holds once it is granted, for the price as it is now.';

CREATE FUNCTION merch.price_overrides(price_events bigint[])
RETURNS TABLE (price_event_id bigint, rule text)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.price_event_id, o.rule
    FROM merch.price_override o
    WHERE o.price_event_id = ANY (price_events) AND o.state = 'granted' AND o.price = merch.price_in_question(o.price_event_id)
$$;
COMMENT ON FUNCTION merch.price_overrides(bigint[]) IS
'The rules that price events may break as they are now: overrides that are granted.';
