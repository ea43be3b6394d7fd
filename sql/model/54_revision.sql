-- revision: what was approved, and what of it may not change without being asked again

CREATE TABLE IF NOT EXISTS merch.promotion_version (
    promotion_id bigint REFERENCES merch.promotion,
    revision int,
    content jsonb NOT NULL,
    approved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (promotion_id, revision)
);
COMMENT ON TABLE merch.promotion_version IS 'What promotions were when they were approved. Only added to.';
COMMENT ON COLUMN merch.promotion_version.promotion_id IS 'The promotion.';
COMMENT ON COLUMN merch.promotion_version.revision IS 'Which revision of it was approved.';
COMMENT ON COLUMN merch.promotion_version.content IS 'Its period, its items with their offers, and its locations, as merch.promotion_content() returns them.';
COMMENT ON COLUMN merch.promotion_version.approved_at IS 'When it was approved.';

CREATE TABLE IF NOT EXISTS merch.critical_change (
    measure text PRIMARY KEY,
    above numeric NOT NULL,
    description text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    CONSTRAINT critical_change_above_not_negative CHECK (above >= 0 AND above <> 'NaN')
);
COMMENT ON TABLE merch.critical_change IS 'How far an approved promotion may be changed before it has to be approved again.';
COMMENT ON COLUMN merch.critical_change.measure IS 'What is measured: a measure of workflow promotion in merch.approval_measure.';
COMMENT ON COLUMN merch.critical_change.above IS 'More than this is critical, in the measure''s unit.';
COMMENT ON COLUMN merch.critical_change.description IS 'The rule in words.';
COMMENT ON COLUMN merch.critical_change.active IS 'Whether the rule holds.';

INSERT INTO merch.approval_measure (workflow, measure, function, unit, description) VALUES
    ('promotion', 'days moved', 'merch.days_moved', 'days', 'by how much the start or end differs from what was approved'),
    ('promotion', 'price change', 'merch.price_change', '%', 'the largest change of an item''s price against what was approved'),
    ('promotion', 'scope change', 'merch.scope_change', '%', 'items at locations added or taken away since it was approved')
ON CONFLICT DO NOTHING;

INSERT INTO merch.critical_change (measure, above, description) VALUES
    ('days moved', 0, 'a promotion that is moved is approved again'),
    ('price change', 5, 'so is one of which a price changes by more than 5 %'),
    ('scope change', 10, 'and one of which more than 10 % of the items at locations change')
ON CONFLICT DO NOTHING;

CREATE OR REPLACE TRIGGER guard_version BEFORE UPDATE OR DELETE ON merch.promotion_version
    FOR EACH ROW EXECUTE FUNCTION merch.guard_version();
CREATE OR REPLACE TRIGGER guard_version_truncate BEFORE TRUNCATE ON merch.promotion_version
    FOR EACH STATEMENT EXECUTE FUNCTION merch.guard_version();

CREATE OR REPLACE TRIGGER guard_period BEFORE UPDATE ON merch.promotion
    FOR EACH ROW WHEN (NEW.starts_on <> OLD.starts_on OR NEW.ends_on <> OLD.ends_on OR NEW.opens_at <> OLD.opens_at
                       OR NEW.closes_at <> OLD.closes_at OR NEW.time_zone <> OLD.time_zone)
    EXECUTE FUNCTION merch.guard_period();
CREATE OR REPLACE TRIGGER guard_promotion_delete BEFORE DELETE ON merch.promotion
    FOR EACH ROW WHEN (OLD.state <> 'draft' AND OLD.state <> 'rejected')
    EXECUTE FUNCTION merch.guard_promotion();
CREATE OR REPLACE TRIGGER guard_promotion_truncate BEFORE TRUNCATE ON merch.promotion
    FOR EACH STATEMENT EXECUTE FUNCTION merch.guard_promotion();
CREATE OR REPLACE TRIGGER guard_promotion_truncate BEFORE TRUNCATE ON merch.offer
    FOR EACH STATEMENT EXECUTE FUNCTION merch.guard_promotion();
CREATE OR REPLACE TRIGGER guard_promotion_truncate BEFORE TRUNCATE ON merch.promotion_item
    FOR EACH STATEMENT EXECUTE FUNCTION merch.guard_promotion();
CREATE OR REPLACE TRIGGER guard_promotion_truncate BEFORE TRUNCATE ON merch.promotion_location
    FOR EACH STATEMENT EXECUTE FUNCTION merch.guard_promotion();

-- before record_changes, whose actions lead on to the next state: triggers fire by name
CREATE OR REPLACE TRIGGER approved_version AFTER UPDATE ON merch.promotion
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.keep_versions', 'promotion_id', 'state');
CREATE OR REPLACE TRIGGER note_edits_update AFTER UPDATE ON merch.promotion
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_edits', 'promotion_id',
                                                    'starts_on', 'ends_on', 'opens_at', 'closes_at', 'time_zone');

CREATE OR REPLACE TRIGGER note_edits_insert AFTER INSERT ON merch.offer
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_scope_edits', 'promotion_id');
CREATE OR REPLACE TRIGGER note_edits_update AFTER UPDATE ON merch.offer
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_scope_edits', 'promotion_id', 'promotion_id', 'reward', 'value', 'from_quantity');
CREATE OR REPLACE TRIGGER note_edits_delete AFTER DELETE ON merch.offer
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_scope_edits', 'promotion_id');
CREATE OR REPLACE TRIGGER note_edits_insert AFTER INSERT ON merch.promotion_item
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_scope_edits', 'promotion_id');
CREATE OR REPLACE TRIGGER note_edits_update AFTER UPDATE ON merch.promotion_item
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_scope_edits', 'promotion_id');
CREATE OR REPLACE TRIGGER note_edits_delete AFTER DELETE ON merch.promotion_item
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_scope_edits', 'promotion_id');
CREATE OR REPLACE TRIGGER note_edits_insert AFTER INSERT ON merch.promotion_location
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_scope_edits', 'promotion_id');
CREATE OR REPLACE TRIGGER note_edits_update AFTER UPDATE ON merch.promotion_location
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_scope_edits', 'promotion_id');
CREATE OR REPLACE TRIGGER note_edits_delete AFTER DELETE ON merch.promotion_location
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_scope_edits', 'promotion_id');
