-- approved prices: what customers should pay, place by place, and which items' prices are to be published anew

-- A lower rank goes first, then the narrower place, then the named channel; of equals the later
-- event. No event has the priority of the regular price of an item.
CREATE OR REPLACE VIEW merch.price_candidate WITH (security_invoker = true) AS
SELECT e.item_id, s.location_id, s.channel_id,
       lower(e.effective) AS valid_from, coalesce(upper(e.effective), 'infinity') AS valid_to,
       e.amount, e.currency,
       (1000 - k.rank) * 8 + e.scope * 2 + CASE WHEN e.channel_id IS NULL THEN 0 ELSE 1 END AS priority,
       e.kind, e.price_event_id
FROM merch.price_event e
JOIN merch.price_kind k USING (kind)
JOIN merch.ranging r ON r.item_id = e.item_id AND e.places @> r.location_id
JOIN merch.sales_place s ON s.location_id = r.location_id AND (e.channel_id IS NULL OR e.channel_id = s.channel_id)
WHERE e.from_quantity = 1 AND merch.price_counts(e.state, e.promotion_id, e.effective, e.activated_at)
UNION ALL
SELECT i.item_id, s.location_id, s.channel_id, '-infinity', 'infinity', i.price, merch.currency(), -1, 'regular', NULL
FROM merch.item i
JOIN merch.ranging r USING (item_id)
JOIN merch.sales_place s USING (location_id)
WHERE i.price IS NOT NULL;
COMMENT ON VIEW merch.price_candidate IS 'Every approved price at every location that carries its item, in every channel in which that sells, with its precedence: what the prices that customers pay are made of. Ask for items: WHERE item_id = …';
COMMENT ON COLUMN merch.price_candidate.item_id IS 'The item.';
COMMENT ON COLUMN merch.price_candidate.location_id IS 'The location.';
COMMENT ON COLUMN merch.price_candidate.channel_id IS 'The channel.';
COMMENT ON COLUMN merch.price_candidate.valid_from IS 'From when on it holds, if nothing goes before it.';
COMMENT ON COLUMN merch.price_candidate.valid_to IS 'Until when, without that moment; infinity for no end.';
COMMENT ON COLUMN merch.price_candidate.amount IS 'The price of a unit.';
COMMENT ON COLUMN merch.price_candidate.currency IS 'Its currency, as a code of ISO 4217.';
COMMENT ON COLUMN merch.price_candidate.priority IS 'Its precedence: the highest is what customers pay, of equals that of the later event. From the rank of its kind, how narrowly its place is named, and whether it is for one channel; -1 for price of merch.item.';
COMMENT ON COLUMN merch.price_candidate.kind IS 'Its kind.';
COMMENT ON COLUMN merch.price_candidate.price_event_id IS 'The price event; null for price of merch.item.';

CREATE OR REPLACE VIEW merch.price_now WITH (security_invoker = true) AS
SELECT c.item_id, c.location_id, c.channel_id, p.amount::numeric(14, 4) AS amount, p.currency,
       CASE WHEN p.reference IS NULL THEN 'regular' ELSE e.kind END AS kind, p.reference AS price_event_id,
       p.valid_from, p.valid_to
FROM (SELECT d.item_id, d.location_id, d.channel_id,
             merch.resolve_periods(d.valid_from, d.valid_to, d.amount, d.currency, d.priority, d.price_event_id, NULL, d.price_event_id) AS periods
      FROM merch.price_candidate d
      GROUP BY d.item_id, d.location_id, d.channel_id) c
CROSS JOIN LATERAL unnest(c.periods) p
LEFT JOIN merch.price_event e ON e.price_event_id = p.reference
WHERE p.valid_from <= now() AND p.valid_to > now();
COMMENT ON VIEW merch.price_now IS 'What customers should pay now, of each item at each location that carries it, in each channel. Ask for items: WHERE item_id = …; for all of them merch.published_price of system "approved now" has it ready.';
COMMENT ON COLUMN merch.price_now.item_id IS 'The item.';
COMMENT ON COLUMN merch.price_now.location_id IS 'The location.';
COMMENT ON COLUMN merch.price_now.channel_id IS 'The channel.';
COMMENT ON COLUMN merch.price_now.amount IS 'The price of a unit.';
COMMENT ON COLUMN merch.price_now.currency IS 'Its currency, as a code of ISO 4217.';
COMMENT ON COLUMN merch.price_now.kind IS 'Its kind: the first by precedence of what holds.';
COMMENT ON COLUMN merch.price_now.price_event_id IS 'The price event that it is of; null for price of merch.item.';
COMMENT ON COLUMN merch.price_now.valid_from IS 'Since when it has been the price; -infinity for no beginning.';
COMMENT ON COLUMN merch.price_now.valid_to IS 'Until when it will be, as far as is approved; infinity for no end.';

-- No unique index, as on merch.dirty_item: a mark that is there already may be just being taken.
CREATE TABLE IF NOT EXISTS merch.dirty_price (
    item_id bigint
);
CREATE INDEX IF NOT EXISTS dirty_price_item_id ON merch.dirty_price (item_id);
COMMENT ON TABLE merch.dirty_price IS 'Items whose approved prices are to be published anew, by merch.renew_approved_prices(). Written by triggers and merch.mark_prices().';
COMMENT ON COLUMN merch.dirty_price.item_id IS 'The item; null for all items.';

CREATE TABLE IF NOT EXISTS merch.price_position (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    looked_at timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON TABLE merch.price_position IS 'The one row that says up to which moment merch.renew_approved_prices() has followed prices that begin and end.';
COMMENT ON COLUMN merch.price_position.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN merch.price_position.looked_at IS 'That moment: what begins or ends later is still to come.';
INSERT INTO merch.price_position DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE OR REPLACE TRIGGER mark_prices_insert AFTER INSERT ON merch.price_event
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices_of_events', 'price_event_id');
CREATE OR REPLACE TRIGGER mark_prices_update AFTER UPDATE ON merch.price_event
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices_of_events', 'price_event_id',
                                                    'places', 'effective', 'state');
CREATE OR REPLACE TRIGGER mark_prices_delete AFTER DELETE ON merch.price_event
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices', 'item_id');
CREATE OR REPLACE TRIGGER mark_prices_truncate AFTER TRUNCATE ON merch.price_event
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_prices();
CREATE OR REPLACE TRIGGER mark_prices_update AFTER UPDATE ON merch.item
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices', 'item_id', 'item_id', 'price');
CREATE OR REPLACE TRIGGER mark_prices_insert AFTER INSERT ON merch.ranging
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices', 'item_id');
CREATE OR REPLACE TRIGGER mark_prices_update AFTER UPDATE ON merch.ranging
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices', 'item_id', 'item_id', 'location_id');
CREATE OR REPLACE TRIGGER mark_prices_delete AFTER DELETE ON merch.ranging
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices', 'item_id');
CREATE OR REPLACE TRIGGER mark_prices_truncate AFTER TRUNCATE ON merch.ranging
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_prices();
CREATE OR REPLACE TRIGGER mark_prices_update AFTER UPDATE ON merch.location
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices_by_location', 'location_id', 'location_id', 'channel_id', 'kind');
CREATE OR REPLACE TRIGGER mark_prices_insert AFTER INSERT ON merch.location_channel
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_prices_update AFTER UPDATE ON merch.location_channel
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_prices_delete AFTER DELETE ON merch.location_channel
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_prices_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_prices_truncate AFTER TRUNCATE ON merch.location_channel
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_prices();
CREATE OR REPLACE TRIGGER mark_prices AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.price_kind
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_prices();

-- items that are there already, and whatever another version published
INSERT INTO merch.dirty_price (item_id)
SELECT NULL WHERE EXISTS (SELECT FROM merch.ranging) AND NOT EXISTS (SELECT FROM merch.dirty_price d WHERE d.item_id IS NULL);
