-- stock: what is there, and what of it is promised

CREATE TABLE IF NOT EXISTS merch.stock (
    item_id bigint REFERENCES merch.item,
    location_id int REFERENCES merch.location,
    on_hand bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (item_id, location_id),
    -- a count below zero happens (sold before the receipt was booked), a promise of it must not
    CONSTRAINT stock_reserved_within_on_hand CHECK (reserved = 0 OR reserved BETWEEN 0 AND on_hand)
);
COMMENT ON TABLE merch.stock IS 'Units of an item at a location. What is reserved changes only with the allocation lines that promise it.';
COMMENT ON COLUMN merch.stock.item_id IS 'The item in stock.';
COMMENT ON COLUMN merch.stock.location_id IS 'Where it is.';
COMMENT ON COLUMN merch.stock.on_hand IS 'Units on hand as last reported; below zero where sales were booked before receipts.';
COMMENT ON COLUMN merch.stock.reserved IS 'Units of it promised to other locations: the sum of reserved over the allocation lines with this item and source.';

CREATE OR REPLACE TRIGGER guard_reserved_insert BEFORE INSERT ON merch.stock
    FOR EACH ROW WHEN (NEW.reserved <> 0)
    EXECUTE FUNCTION merch.guard_reserved();
CREATE OR REPLACE TRIGGER guard_reserved_update BEFORE UPDATE ON merch.stock
    FOR EACH ROW WHEN (NEW.reserved <> OLD.reserved
                       OR (NEW.reserved <> 0 AND NEW.on_hand < NEW.reserved)
                       OR (OLD.reserved <> 0 AND (NEW.item_id, NEW.location_id) <> (OLD.item_id, OLD.location_id)))
    EXECUTE FUNCTION merch.guard_reserved();
CREATE OR REPLACE TRIGGER guard_reserved_delete BEFORE DELETE ON merch.stock
    FOR EACH ROW WHEN (OLD.reserved <> 0)
    EXECUTE FUNCTION merch.guard_reserved();
CREATE OR REPLACE TRIGGER guard_reserved_truncate BEFORE TRUNCATE ON merch.stock
    FOR EACH STATEMENT
    EXECUTE FUNCTION merch.guard_truncate();
