-- price rules: what a price must keep to before it is approved, and what regular prices were

CREATE TABLE IF NOT EXISTS merch.price_rule (
    rule text PRIMARY KEY,
    title text NOT NULL,
    severity text NOT NULL,
    kinds text[] NOT NULL,
    threshold numeric,
    days int,
    progressive boolean,
    readiness_check text REFERENCES merch.readiness_check ON UPDATE CASCADE ON DELETE SET NULL,
    remedy text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    CONSTRAINT price_rule_known CHECK (rule IN ('below cost', 'above regular', 'zero price', 'step too large', 'overlapping promotions',
                                                'clearance under promotion', 'ends before it starts', 'lead time too short', 'prior price')),
    CONSTRAINT price_rule_severity_known CHECK (severity IN ('refuse', 'warn')),
    CONSTRAINT price_rule_kinds_named CHECK (array_position(kinds, NULL) IS NULL),
    CONSTRAINT price_rule_threshold_is_a_number CHECK (threshold <> 'NaN'),
    CONSTRAINT price_rule_threshold_where_there_is_one CHECK ((threshold IS NULL)
        = (rule NOT IN ('below cost', 'above regular', 'step too large', 'prior price'))),
    CONSTRAINT price_rule_step_not_negative CHECK (rule <> 'step too large' OR threshold >= 0),
    CONSTRAINT price_rule_days_of_the_prior_price CHECK ((days IS NULL) = (rule <> 'prior price') AND days >= 1 AND days <= 3650),
    CONSTRAINT price_rule_progressive_of_the_prior_price CHECK ((progressive IS NULL) = (rule <> 'prior price'))
);
COMMENT ON TABLE merch.price_rule IS 'What prices are held to before they are approved: whether a breach is refused or only told, of which kinds of prices, and the limits.';
COMMENT ON COLUMN merch.price_rule.rule IS 'The rule: one of those that merch.price_conflicts() knows. A rule without a row is not asked.';
COMMENT ON COLUMN merch.price_rule.title IS 'What people call a breach.';
COMMENT ON COLUMN merch.price_rule.severity IS 'refuse: such a price can''t be approved, and a promotion with one can''t go live, but by an override; warn: it is told.';
COMMENT ON COLUMN merch.price_rule.kinds IS 'The kinds of prices that are held to it: see merch.price_kind.';
COMMENT ON COLUMN merch.price_rule.threshold IS 'Share of 1. below cost: least margin, of the cost. above regular: how far above is let pass. step too large: largest step, of the price before. prior price: least reduction, of the prior price. Null for other rules.';
COMMENT ON COLUMN merch.price_rule.days IS 'Days before a reduction whose lowest price is the prior price; null for other rules.';
COMMENT ON COLUMN merch.price_rule.progressive IS 'Whether the prior price of a reduction that grows step by step is that before its first step; null for other rules.';
COMMENT ON COLUMN merch.price_rule.readiness_check IS 'The check of readiness that says the same of promotions: while it is active, check "price rules" leaves it to that. Null where there is none.';
COMMENT ON COLUMN merch.price_rule.remedy IS 'What helps, in words.';
COMMENT ON COLUMN merch.price_rule.active IS 'Whether it is asked.';

INSERT INTO merch.price_rule (rule, title, severity, kinds, threshold, days, progressive, readiness_check, remedy) VALUES
    ('below cost', 'Sold below cost', 'refuse', '{regular,promotional}', 0, NULL, NULL, 'margin', 'Raise the price, or make it a clearance price.'),
    ('above regular', 'Not below the regular price', 'refuse', '{promotional,clearance}', 0, NULL, NULL, 'offers', 'Lower it, or raise the regular price first.'),
    ('zero price', 'Given away', 'refuse', '{regular,promotional,clearance,emergency}', NULL, NULL, NULL, NULL, 'Give it a price.'),
    ('step too large', 'Too far from the price before', 'refuse', '{regular,promotional,clearance,emergency}', 0.7, NULL, NULL, NULL, 'Look for a slipped decimal point; go there in steps.'),
    ('overlapping promotions', 'Several promotions at once', 'warn', '{promotional}', NULL, NULL, NULL, 'conflicts', 'Move one of them, or take the item out of one.'),
    ('clearance under promotion', 'Clearance and promotion at once', 'warn', '{promotional,clearance}', NULL, NULL, NULL, NULL, 'Take the item out of the promotion, or clear it afterwards: customers pay the clearance price.'),
    ('ends before it starts', 'Over before it can hold', 'refuse', '{regular,promotional,clearance,emergency}', NULL, NULL, NULL, NULL, 'Look at the dates; mind what its channels need: price_lead_time of merch.channel.'),
    ('lead time too short', 'Too late for a channel', 'warn', '{regular,promotional,clearance}', NULL, NULL, NULL, NULL, 'Start it later, or make it an emergency change.'),
    ('prior price', 'No reduction of the prior price', 'warn', '{promotional,clearance}', 0, 30, false, NULL, 'Lower it, or don''t announce it as a reduction.')
ON CONFLICT DO NOTHING;

ALTER TABLE merch.channel ADD COLUMN IF NOT EXISTS price_lead_time interval NOT NULL DEFAULT '0';
ALTER TABLE merch.channel DROP CONSTRAINT IF EXISTS channel_price_lead_time_not_negative,
    ADD CONSTRAINT channel_price_lead_time_not_negative CHECK (price_lead_time >= '0');
COMMENT ON COLUMN merch.channel.price_lead_time IS 'How long before its start an approved price must be there, to be shown in time: labels are printed, marketplaces take their time.';

CREATE OR REPLACE TRIGGER guard_price_rule BEFORE INSERT OR UPDATE ON merch.price_rule
    FOR EACH ROW EXECUTE FUNCTION merch.guard_price_rule();

-- merch.item tells the regular price of now; a prior price is of what it was.
CREATE TABLE IF NOT EXISTS merch.item_price (
    item_id bigint REFERENCES merch.item ON DELETE CASCADE,
    valid_from timestamptz,
    price numeric(14, 4),
    PRIMARY KEY (item_id, valid_from)
);
COMMENT ON TABLE merch.item_price IS 'What price of merch.item was, and since when. Written by a reaction; the first row of an item is taken to have held always.';
COMMENT ON COLUMN merch.item_price.item_id IS 'The item.';
COMMENT ON COLUMN merch.item_price.valid_from IS 'Since when; -infinity where nobody saw another.';
COMMENT ON COLUMN merch.item_price.price IS 'The regular price until the next row''s; null while it was not known.';
CREATE OR REPLACE TRIGGER keep_item_prices_insert AFTER INSERT ON merch.item
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.keep_item_prices', 'item_id');
CREATE OR REPLACE TRIGGER keep_item_prices_update AFTER UPDATE ON merch.item
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.keep_item_prices', 'item_id', 'item_id', 'price');
-- items that are there already, and those whose price changed while the triggers were gone
SELECT merch.keep_item_prices(ARRAY(SELECT i.item_id FROM merch.item i));

INSERT INTO merch.readiness_check (readiness_check, title, function, neighbours, kind, weight, threshold, remedy)
VALUES ('price rules', 'Prices keep to the rules', 'merch.check_price_rules', 'merch.price_rule_neighbours', 'gate', 10, NULL,
        'SELECT * FROM merch.promotion_price_conflicts(ARRAY[promotion_id]); change the offer, or ask for leave: merch.request_override().')
ON CONFLICT DO NOTHING;
-- prices of no promotion change what those of promotions are compared with
CREATE OR REPLACE TRIGGER mark_readiness_items_insert AFTER INSERT ON merch.price_event
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_prices', 'price_event_id');
CREATE OR REPLACE TRIGGER mark_readiness_items_update AFTER UPDATE ON merch.price_event
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_prices', 'price_event_id', 'item_id', 'kind', 'places', 'channel_id', 'amount', 'currency', 'effective', 'state');
CREATE OR REPLACE TRIGGER mark_readiness AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.price_rule
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness AFTER UPDATE OF price_lead_time ON merch.channel
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
