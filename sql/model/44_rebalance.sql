-- rebalancing: proposed transfers, and what an accepted one holds

ALTER TABLE merch.transfer ADD COLUMN IF NOT EXISTS promotion_id bigint REFERENCES merch.promotion ON DELETE SET NULL;
COMMENT ON COLUMN merch.transfer.promotion_id IS 'The promotion before which a rebalance was proposed; null for others.';
CREATE INDEX IF NOT EXISTS transfer_promotion_id ON merch.transfer (promotion_id) WHERE promotion_id IS NOT NULL;

ALTER TABLE merch.transfer_line
    ADD COLUMN IF NOT EXISTS held bigint NOT NULL DEFAULT 0
        CONSTRAINT transfer_line_held_within_units CHECK (held BETWEEN 0 AND units)
        CONSTRAINT transfer_line_held_until_picked CHECK (held = 0 OR picked IS NULL),
    ADD COLUMN IF NOT EXISTS held_at int
        CONSTRAINT transfer_line_held_somewhere CHECK (held = 0 OR held_at IS NOT NULL);
COMMENT ON COLUMN merch.transfer_line.held IS 'Units that an accepted rebalance keeps reserved at its source until they are picked. Those of other transfers are reserved by allocation lines.';
COMMENT ON COLUMN merch.transfer_line.held_at IS 'The source at which they are held; null if none ever were.';
CREATE INDEX IF NOT EXISTS transfer_line_held ON merch.transfer_line (item_id, held_at) WHERE held > 0;

CREATE OR REPLACE TRIGGER keep_ledger_insert AFTER INSERT ON merch.transfer_line
    REFERENCING NEW TABLE AS new_line
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_ledger();
CREATE OR REPLACE TRIGGER keep_ledger_update AFTER UPDATE ON merch.transfer_line
    REFERENCING OLD TABLE AS old_line NEW TABLE AS new_line
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_ledger();
CREATE OR REPLACE TRIGGER keep_ledger_delete AFTER DELETE ON merch.transfer_line
    REFERENCING OLD TABLE AS old_line
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_ledger();
CREATE OR REPLACE TRIGGER keep_ledger_truncate BEFORE TRUNCATE ON merch.transfer_line
    FOR EACH STATEMENT EXECUTE FUNCTION merch.guard_truncate('held');
-- after check_transfers: what goes in a circle is not accepted
CREATE OR REPLACE TRIGGER hold_transfers AFTER UPDATE ON merch.transfer
    REFERENCING OLD TABLE AS old_transfer NEW TABLE AS new_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION merch.hold_transfers();
