-- the queue of what has changed, for allocation in near real time

-- No unique index: a mark that is there already may be just being taken, and a writer
-- would have to wait to know.
CREATE TABLE IF NOT EXISTS merch.dirty_item (
    item_id bigint NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX IF NOT EXISTS dirty_item_xid ON merch.dirty_item (xid, item_id);
COMMENT ON TABLE merch.dirty_item IS 'Items of which something changed that their allocation depends on. Written by triggers, emptied by merch.reallocate_dirty().';
COMMENT ON COLUMN merch.dirty_item.item_id IS 'The item.';
COMMENT ON COLUMN merch.dirty_item.xid IS 'The transaction that changed it.';

CREATE TABLE IF NOT EXISTS merch.dirty_scope (
    promotion_id bigint
);
COMMENT ON TABLE merch.dirty_scope IS 'Changes that touch all items of a promotion, or all of all. Turned into items when they are taken, so that no run is missed that was being made at the time.';
COMMENT ON COLUMN merch.dirty_scope.promotion_id IS 'The promotion; null for all that have an open run.';

-- Rows are added and the older ones deleted, so that the newest is always the first that
-- an index scan from the end meets, however many dead ones an old snapshot keeps.
CREATE TABLE IF NOT EXISTS merch.dirty_position (
    position_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system_identifier bigint NOT NULL,
    taken pg_snapshot NOT NULL,
    taking pg_snapshot,
    reached_xid xid8,
    reached_item bigint,
    CONSTRAINT dirty_position_reached_while_taking
        CHECK (num_nonnulls(taking, reached_xid, reached_item) IN (0, 3))
);
COMMENT ON TABLE merch.dirty_position IS 'How far merch.reallocate_dirty() has come in the queue. One row.';
COMMENT ON COLUMN merch.dirty_position.position_id IS 'Number of the position; the highest holds.';
COMMENT ON COLUMN merch.dirty_position.system_identifier IS 'The cluster whose transactions it speaks of: after a dump is restored elsewhere the queue is read from its start.';
COMMENT ON COLUMN merch.dirty_position.taken IS 'The marks of all transactions that this snapshot sees are taken.';
COMMENT ON COLUMN merch.dirty_position.taking IS 'Marks that this snapshot sees are being taken, a limited number at a time; null if the last call left none.';
COMMENT ON COLUMN merch.dirty_position.reached_xid IS 'Of these, those up to this transaction and item are taken.';
COMMENT ON COLUMN merch.dirty_position.reached_item IS 'See reached_xid.';

CREATE TABLE IF NOT EXISTS merch.dirty_failure (
    item_id bigint PRIMARY KEY,
    error text NOT NULL,
    error_code text NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE merch.dirty_failure IS 'Items that could not be allocated anew: their lines are as before. An item leaves when it changes again and succeeds.';
COMMENT ON COLUMN merch.dirty_failure.item_id IS 'The item.';
COMMENT ON COLUMN merch.dirty_failure.error IS 'What went wrong, with detail and hint.';
COMMENT ON COLUMN merch.dirty_failure.error_code IS 'The SQLSTATE of that error.';
COMMENT ON COLUMN merch.dirty_failure.failed_at IS 'When it went wrong last.';

-- Tables with item_id. The arguments are the columns that an UPDATE must change to mark;
-- without any every column counts. The ledger's own changes of stock mark nothing: the
-- rows that it counts do.
CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.stock
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items('location_id', 'on_hand');
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.stock
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items('location_id', 'on_hand');
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.stock
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items('location_id', 'on_hand');
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.stock
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.inbound
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items('location_id', 'expected_on', 'open_units');
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.inbound
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items('location_id', 'expected_on', 'open_units');
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.inbound
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items('location_id', 'expected_on', 'open_units');
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.inbound
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.ring_fence
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items('location_id', 'channel_id', 'open_units');
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.ring_fence
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items('location_id', 'channel_id', 'open_units');
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.ring_fence
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items('location_id', 'channel_id', 'open_units');
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.ring_fence
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.forecast
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.forecast
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.forecast
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.forecast
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.demand_plan
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.demand_plan
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.demand_plan
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.demand_plan
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.ranging
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.ranging
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.ranging
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.ranging
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.promotion_item
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.promotion_item
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.promotion_item
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_items();
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.promotion_item
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.item
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT
    EXECUTE FUNCTION merch.mark_dirty_items('item_group_id', 'price', 'cost', 'inner_pack', 'case_pack', 'pallet_pack',
                                            'dock_minutes', 'labour_minutes');

-- Small tables: a change marks all items of the promotions that it names, or of all. The
-- arguments are columns that do not count.

CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.policy
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.policy
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.policy
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.policy
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.promotion_location
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.promotion_location
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.promotion_location
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.promotion_location
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.lane
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.lane
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.lane
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.lane
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.location_capacity
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.location_capacity
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_delete AFTER DELETE ON merch.location_capacity
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();
CREATE OR REPLACE TRIGGER mark_dirty_truncate AFTER TRUNCATE ON merch.location_capacity
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope();

CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.promotion
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope('name', 'campaign_id', 'state', 'workflow_version', 'state_since', 'created_by',
                                                             'created_at', 'opens_at', 'closes_at', 'time_zone', 'starts_at', 'ends_at', 'revision');

CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.location
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope('name', 'kind');

CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.channel
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope('name');

CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.item_group
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope('name');

CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.location_group
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope('name');

CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.offer
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_scope('description', 'from_quantity');

-- A run that appears or goes changes what there is for the other runs of its items.
CREATE OR REPLACE TRIGGER mark_dirty_insert AFTER INSERT ON merch.allocation
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_runs();
CREATE OR REPLACE TRIGGER mark_dirty_update AFTER UPDATE ON merch.allocation
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_dirty_runs();
