-- price launch: the readiness check, and what marks its promotions

-- No unique index, as on merch.dirty_promotion: a mark that is there already may be just being taken.
CREATE TABLE IF NOT EXISTS merch.dirty_publication (
    item_id bigint,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
COMMENT ON TABLE merch.dirty_publication IS 'Items with approved price events whose published prices have changed. Written by triggers, emptied by merch.publish_price_events().';
COMMENT ON COLUMN merch.dirty_publication.item_id IS 'The item; null for all.';
COMMENT ON COLUMN merch.dirty_publication.xid IS 'The transaction that changed it.';

INSERT INTO merch.readiness_check (readiness_check, title, function, neighbours, kind, weight, threshold, remedy)
VALUES ('prices published', 'Systems show its prices from the start on', 'merch.check_published_prices', NULL, 'gate', 10, NULL,
        'See merch.promotion_price_sync() for what is missing; send the prices again, or set gates_launch of merch.system to false.')
ON CONFLICT DO NOTHING;

CREATE OR REPLACE TRIGGER mark_published_insert AFTER INSERT ON merch.price_digest
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_published_items', 'item_id');
CREATE OR REPLACE TRIGGER mark_published_update AFTER UPDATE ON merch.price_digest
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_published_items', 'item_id', 'digest');
CREATE OR REPLACE TRIGGER mark_published_delete AFTER DELETE ON merch.price_digest
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_published_items', 'item_id');
CREATE OR REPLACE TRIGGER mark_published_truncate AFTER TRUNCATE ON merch.price_digest
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_published();
CREATE OR REPLACE TRIGGER mark_published_truncate AFTER TRUNCATE ON merch.published_price
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_published();
CREATE OR REPLACE TRIGGER mark_published AFTER INSERT OR DELETE OR TRUNCATE ON merch.system
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_published();
-- not when a snapshot of one is noted
CREATE OR REPLACE TRIGGER mark_published_update AFTER UPDATE OF system_id, name, channel_id, reports, gates_launch, active ON merch.system
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_published();
CREATE OR REPLACE TRIGGER mark_published_insert AFTER INSERT ON merch.price_event
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_published_items', 'item_id');
CREATE OR REPLACE TRIGGER mark_published_update AFTER UPDATE ON merch.price_event
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_published_items', 'item_id', 'state', 'effective', 'places');
CREATE OR REPLACE TRIGGER mark_published AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.price_kind
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_published();
-- a feed that was applied is looked at at once
CREATE INDEX IF NOT EXISTS price_feed_applied ON merch.price_feed (system_id, applied_at) WHERE applied_at IS NOT NULL;
CREATE OR REPLACE TRIGGER wake_price_check AFTER UPDATE OF state ON merch.price_feed
    FOR EACH STATEMENT EXECUTE FUNCTION merch.wake_worker_at_change();
