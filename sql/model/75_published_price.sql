-- published prices: what each system shows, as it reported it

CREATE TABLE IF NOT EXISTS merch.system (
    system_id int PRIMARY KEY,
    name text NOT NULL UNIQUE,
    description text,
    channel_id int REFERENCES merch.channel,
    reports text NOT NULL DEFAULT 'current',
    stale_after interval NOT NULL DEFAULT '1 day',
    gates_launch boolean NOT NULL DEFAULT true,
    active boolean NOT NULL DEFAULT true,
    snapshot_at timestamptz,
    snapshot_version bigint,
    CONSTRAINT system_reports_known CHECK (reports IN ('current', 'periods')),
    CONSTRAINT system_stale_after_positive CHECK (stale_after > '0')
);
COMMENT ON TABLE merch.system IS 'The systems that show prices: ERP, tills, web shop, marketplace, shelf labels, app. What was approved is a system like any other: approved (by period) and approved now (what holds at this moment) are kept by merch.renew_approved_prices().';
COMMENT ON COLUMN merch.system.system_id IS 'The system''s number. Those up to 0 are pg_merch''s own.';
COMMENT ON COLUMN merch.system.name IS 'The name by which functions are told the system.';
COMMENT ON COLUMN merch.system.description IS 'What it is, in words; null if nobody said.';
COMMENT ON COLUMN merch.system.channel_id IS 'The one channel whose prices it shows; null for all.';
COMMENT ON COLUMN merch.system.reports IS 'What it reports: current (the prices it shows, whose periods it does not tell) or periods (from when to when each holds, also those to come).';
COMMENT ON COLUMN merch.system.stale_after IS 'How long its silence is usual. After that its prices count as stale.';
COMMENT ON COLUMN merch.system.gates_launch IS 'Whether a promotion waits for it: check "prices published" of readiness.';
COMMENT ON COLUMN merch.system.active IS 'Whether it is compared with what was approved.';
COMMENT ON COLUMN merch.system.snapshot_at IS 'When the last full snapshot that was applied had been taken; null if there was none.';
COMMENT ON COLUMN merch.system.snapshot_version IS 'The source''s own version of that snapshot.';
INSERT INTO merch.system (system_id, name, description, reports, gates_launch)
VALUES (0, 'approved', 'what was approved, by period', 'periods', false),
       (-1, 'approved now', 'what was approved and holds at this moment', 'current', false)
ON CONFLICT DO NOTHING;

-- No foreign keys: they would make a load several times as slow, and a price of an item
-- that nobody knows is what a comparison is to find. Feeds keep such lines aside.
CREATE TABLE IF NOT EXISTS merch.published_price (
    item_id bigint NOT NULL,
    system_id int NOT NULL,
    location_id int NOT NULL,
    channel_id int NOT NULL,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to timestamptz NOT NULL DEFAULT 'infinity',
    amount numeric(14, 4),
    currency text NOT NULL,
    priority int NOT NULL DEFAULT 0,
    seen_at timestamptz NOT NULL DEFAULT now(),
    source_version bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (item_id, system_id, location_id, channel_id, valid_from),
    CONSTRAINT published_price_ends_after_it_starts CHECK (valid_from < valid_to),
    CONSTRAINT published_price_amount_not_negative CHECK (amount >= 0 AND amount <> 'NaN'),
    CONSTRAINT published_price_currency_is_a_code CHECK (currency ~ '^[A-Z]{3}$')
);
COMMENT ON TABLE merch.published_price IS 'The price of an item at a place and in a channel that a system shows, or will show, in a period.';
COMMENT ON COLUMN merch.published_price.item_id IS 'The item.';
COMMENT ON COLUMN merch.published_price.system_id IS 'The system.';
COMMENT ON COLUMN merch.published_price.location_id IS 'The place.';
COMMENT ON COLUMN merch.published_price.channel_id IS 'The channel.';
COMMENT ON COLUMN merch.published_price.valid_from IS 'From when on it holds; -infinity where the system does not say.';
COMMENT ON COLUMN merch.published_price.valid_to IS 'Until when, without that moment; infinity for no end.';
COMMENT ON COLUMN merch.published_price.amount IS 'The price of a unit; null where the system took it back: the row remembers since when, so that an older delivery doesn''t bring it again.';
COMMENT ON COLUMN merch.published_price.currency IS 'Its currency, as a code of ISO 4217.';
COMMENT ON COLUMN merch.published_price.priority IS 'Where periods of a price overlap the higher holds, then the later version, then the one seen later, then the one that starts later.';
COMMENT ON COLUMN merch.published_price.seen_at IS 'When the system was first seen to show just this.';
COMMENT ON COLUMN merch.published_price.source_version IS 'The version that the source gave it; 0 where it gives none.';
