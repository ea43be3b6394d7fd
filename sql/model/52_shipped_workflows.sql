-- the workflows that come with the model, and the model's tables that follow them
--
-- Users' own versions come after: what is shipped is only defined where it is missing.

SELECT merch.define_workflow('promotion', '{
    "states": [
        {"state": "draft", "initial": true, "description": "being made"},
        {"state": "submitted", "description": "waits for approval"},
        {"state": "approved", "description": "approved; its preparation begins"},
        {"state": "preparing", "description": "being prepared"},
        {"state": "ready", "description": "all gates passed"},
        {"state": "live", "description": "running at its locations"},
        {"state": "ended", "description": "over"},
        {"state": "reconciled", "description": "sales and funding are settled"},
        {"state": "closed", "final": true, "description": "nothing more comes"},
        {"state": "rejected", "description": "declined; may be revised"},
        {"state": "cancelled", "final": true, "description": "called off"}],
    "transitions": [
        {"event": "submit", "from": "draft", "to": "submitted", "role": "merch_merchandiser", "guard": "merch.incomplete_promotions",
         "description": "asks for approval"},
        {"event": "withdraw", "from": "submitted", "to": "draft", "role": "merch_merchandiser", "action": "merch.cancel_promotions",
         "description": "what was prepared before a critical change is given back"},
        {"event": "approve", "from": "submitted", "to": "approved", "needs_approval": true, "action": "merch.prepare_promotions",
         "description": "made by the last approval that was missing"},
        {"event": "reject", "from": "submitted", "to": "rejected", "automatic": true, "action": "merch.cancel_promotions",
         "description": "made by an approval that is declined; what was prepared before a critical change is given back"},
        {"event": "revise", "from": "rejected", "to": "draft", "role": "merch_merchandiser"},
        {"event": "prepare", "from": "approved", "to": "preparing", "automatic": true, "description": "all steps of its preparation have begun"},
        {"event": "change", "from": ["approved", "preparing", "ready"], "to": "submitted", "automatic": true,
         "description": "a critical change asks for approval again"},
        {"event": "ready", "from": "preparing", "to": "ready", "automatic": true, "description": "the last gate passed"},
        {"event": "unready", "from": "ready", "to": "preparing", "automatic": true, "description": "a gate fails again"},
        {"event": "launch", "from": "preparing", "to": "live", "role": "merch_merchandiser",
         "guard": "merch.unready_promotions", "action": "merch.launch_promotions", "description": "by hand; what fails is said"},
        {"event": "launch", "from": "ready", "to": "live", "role": "merch_merchandiser", "due_column": "starts_at",
         "guard": "merch.unready_promotions", "action": "merch.launch_promotions"},
        {"event": "end", "from": "live", "to": "ended", "role": "merch_merchandiser", "due_column": "ends_at", "action": "merch.end_promotions"},
        {"event": "reconcile", "from": "ended", "to": "reconciled", "role": "merch_finance"},
        {"event": "close", "from": "reconciled", "to": "closed", "role": "merch_finance"},
        {"event": "cancel", "from": ["draft", "submitted", "rejected", "approved", "preparing", "ready", "live"], "to": "cancelled",
         "role": "merch_merchandiser", "action": "merch.cancel_promotions"}]}',
    'a promotion from its draft to its settlement')
WHERE NOT EXISTS (SELECT FROM merch.workflow WHERE workflow = 'promotion');

SELECT merch.define_workflow('allocation', '{
    "states": [
        {"state": "running", "initial": true, "description": "a bulk run is still writing its lines"},
        {"state": "active", "initial": true, "description": "its lines hold stock at their sources"},
        {"state": "released", "final": true, "description": "its lines have become transfers"},
        {"state": "cancelled", "final": true, "description": "given back"}],
    "transitions": [
        {"event": "finish", "from": "running", "to": "active", "role": "merch_allocator"},
        {"event": "release", "from": "active", "to": "released", "role": "merch_allocator"},
        {"event": "cancel", "from": ["running", "active", "released"], "to": "cancelled", "role": "merch_allocator"}]}',
    'a run that splits supply among locations')
WHERE NOT EXISTS (SELECT FROM merch.workflow WHERE workflow = 'allocation');

SELECT merch.define_workflow('wave', '{
    "states": [
        {"state": "planned", "initial": true, "description": "more may join"},
        {"state": "picking", "description": "being picked"},
        {"state": "done", "final": true, "description": "what was picked has left"},
        {"state": "cancelled", "final": true, "description": "nothing is left of it"}],
    "transitions": [
        {"event": "start", "from": "planned", "to": "picking", "role": "merch_allocator"},
        {"event": "complete", "from": "picking", "to": "done", "role": "merch_allocator"},
        {"event": "cancel", "from": ["planned", "picking"], "to": "cancelled", "role": "merch_allocator"}]}',
    'transfers of a source that are picked together')
WHERE NOT EXISTS (SELECT FROM merch.workflow WHERE workflow = 'wave');

SELECT merch.define_workflow('transfer', '{
    "states": [
        {"state": "proposed", "initial": true, "description": "awaits a decision"},
        {"state": "planned", "initial": true, "description": "to be picked"},
        {"state": "picking", "description": "its wave has started"},
        {"state": "shipped", "description": "under way"},
        {"state": "received", "final": true, "description": "nothing more will come"},
        {"state": "cancelled", "final": true}],
    "transitions": [
        {"event": "accept", "from": "proposed", "to": "planned", "role": "merch_allocator"},
        {"event": "start", "from": "planned", "to": "picking", "role": "merch_allocator"},
        {"event": "ship", "from": "picking", "to": "shipped", "role": "merch_allocator"},
        {"event": "receive", "from": "shipped", "to": "received"},
        {"event": "cancel", "from": ["proposed", "planned", "picking"], "to": "cancelled", "role": "merch_allocator"}]}',
    'goods from a source to a location')
WHERE NOT EXISTS (SELECT FROM merch.workflow WHERE workflow = 'transfer');

SELECT merch.define_workflow('price_event', '{
    "states": [
        {"state": "proposed", "initial": true, "description": "made, not yet decided"},
        {"state": "approved", "description": "decided, not yet sent"},
        {"state": "published", "description": "sent to the tills and shops"},
        {"state": "active", "description": "holds"},
        {"state": "ended", "final": true, "description": "held, and does no more"},
        {"state": "withdrawn", "final": true, "description": "will not hold"}],
    "transitions": [
        {"event": "approve", "from": "proposed", "to": "approved", "role": "merch_pricing", "guard": "merch.refused_price_events"},
        {"event": "publish", "from": "approved", "to": "published", "role": "merch_pricing"},
        {"event": "activate", "from": ["approved", "published"], "to": "active", "role": "merch_pricing", "due_column": "activates_at",
         "guard": "merch.early_price_events"},
        {"event": "end", "from": "active", "to": "ended", "role": "merch_pricing", "due_column": "ends_at"},
        {"event": "withdraw", "from": ["proposed", "approved", "published", "active"], "to": "withdrawn", "role": "merch_pricing"}]}',
    'a price that holds for a time')
WHERE NOT EXISTS (SELECT FROM merch.workflow WHERE workflow = 'price_event');

SELECT merch.define_workflow('task', '{
    "states": [
        {"state": "open", "initial": true, "description": "to be done"},
        {"state": "started", "description": "being done"},
        {"state": "done", "final": true},
        {"state": "cancelled", "final": true, "description": "needs not be done any more"}],
    "transitions": [
        {"event": "start", "from": "open", "to": "started", "role_column": "role", "guard": "merch.blocked_tasks"},
        {"event": "complete", "from": ["open", "started"], "to": "done", "role_column": "role", "guard": "merch.blocked_tasks"},
        {"event": "reopen", "from": "done", "to": "open", "role_column": "role"},
        {"event": "cancel", "from": ["open", "started", "done"], "to": "cancelled", "automatic": true},
        {"event": "renew", "from": "cancelled", "to": "open", "automatic": true}]}',
    'work that a role has to do for a promotion')
WHERE NOT EXISTS (SELECT FROM merch.workflow WHERE workflow = 'task');

SELECT merch.define_workflow('exception', '{
    "states": [
        {"state": "open", "initial": true, "description": "nobody has seen to it"},
        {"state": "acknowledged", "description": "somebody sees to it"},
        {"state": "escalated", "description": "its deadline was missed"},
        {"state": "resolved", "final": true, "description": "the condition is gone"}],
    "transitions": [
        {"event": "acknowledge", "from": ["open", "escalated"], "to": "acknowledged", "role_column": "role"},
        {"event": "escalate", "from": ["open", "acknowledged"], "to": "escalated", "automatic": true},
        {"event": "resolve", "from": ["open", "acknowledged", "escalated"], "to": "resolved", "role_column": "role"},
        {"event": "reopen", "from": "resolved", "to": "open", "automatic": true}]}',
    'something that is not as it should be')
WHERE NOT EXISTS (SELECT FROM merch.workflow WHERE workflow = 'exception');

SELECT merch.define_workflow('approval', '{
    "states": [
        {"state": "open", "initial": true, "description": "waits for votes"},
        {"state": "granted", "final": true},
        {"state": "declined", "final": true},
        {"state": "withdrawn", "final": true, "description": "what it was asked for has changed"}],
    "transitions": [
        {"event": "grant", "from": "open", "to": "granted", "automatic": true},
        {"event": "decline", "from": "open", "to": "declined", "automatic": true},
        {"event": "withdraw", "from": "open", "to": "withdrawn", "automatic": true}]}',
    'a decision that a role is asked for')
WHERE NOT EXISTS (SELECT FROM merch.workflow WHERE workflow = 'approval');

SELECT merch.define_workflow('override', '{
    "states": [
        {"state": "requested", "initial": true, "description": "waits for approval"},
        {"state": "granted", "description": "the gate counts as passed"},
        {"state": "declined", "final": true},
        {"state": "expired", "final": true, "description": "holds no more"}],
    "transitions": [
        {"event": "grant", "from": "requested", "to": "granted", "needs_approval": true},
        {"event": "reject", "from": "requested", "to": "declined", "automatic": true},
        {"event": "expire", "from": ["requested", "granted"], "to": "expired", "automatic": true}]}',
    'leave to pass a gate that failed')
WHERE NOT EXISTS (SELECT FROM merch.workflow WHERE workflow = 'override');

SELECT merch.define_workflow('claim', '{
    "states": [
        {"state": "draft", "initial": true},
        {"state": "submitted", "description": "sent to the supplier"},
        {"state": "approved", "description": "the supplier agrees"},
        {"state": "paid", "final": true},
        {"state": "disputed", "description": "the supplier does not agree"},
        {"state": "denied", "final": true},
        {"state": "written_off", "final": true}],
    "transitions": [
        {"event": "submit", "from": "draft", "to": "submitted", "role": "merch_finance"},
        {"event": "approve", "from": ["submitted", "disputed"], "to": "approved", "role": "merch_finance"},
        {"event": "dispute", "from": "submitted", "to": "disputed", "role": "merch_finance"},
        {"event": "deny", "from": ["submitted", "disputed"], "to": "denied", "role": "merch_finance"},
        {"event": "pay", "from": "approved", "to": "paid", "role": "merch_finance"},
        {"event": "write_off", "from": ["draft", "submitted", "approved", "disputed"], "to": "written_off", "role": "merch_finance"}]}',
    'what a supplier owes for a promotion')
WHERE NOT EXISTS (SELECT FROM merch.workflow WHERE workflow = 'claim');

CREATE OR REPLACE TRIGGER guard_workflow BEFORE INSERT OR UPDATE ON merch.promotion
    FOR EACH ROW EXECUTE FUNCTION merch.guard_workflow('promotion', 'state');
CREATE OR REPLACE TRIGGER record_changes_insert AFTER INSERT ON merch.promotion
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes('promotion', 'state');
CREATE OR REPLACE TRIGGER record_changes_update AFTER UPDATE ON merch.promotion
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes('promotion', 'state');

CREATE OR REPLACE TRIGGER guard_workflow BEFORE INSERT OR UPDATE ON merch.allocation
    FOR EACH ROW EXECUTE FUNCTION merch.guard_workflow('allocation', 'state');
CREATE OR REPLACE TRIGGER record_changes_insert AFTER INSERT ON merch.allocation
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes('allocation', 'state');
CREATE OR REPLACE TRIGGER record_changes_update AFTER UPDATE ON merch.allocation
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes('allocation', 'state');

CREATE OR REPLACE TRIGGER guard_workflow BEFORE INSERT OR UPDATE ON merch.wave
    FOR EACH ROW EXECUTE FUNCTION merch.guard_workflow('wave', 'state');
CREATE OR REPLACE TRIGGER record_changes_insert AFTER INSERT ON merch.wave
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes('wave', 'state');
CREATE OR REPLACE TRIGGER record_changes_update AFTER UPDATE ON merch.wave
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes('wave', 'state');

CREATE OR REPLACE TRIGGER guard_workflow BEFORE INSERT OR UPDATE ON merch.transfer
    FOR EACH ROW EXECUTE FUNCTION merch.guard_workflow('transfer', 'state');
CREATE OR REPLACE TRIGGER record_changes_insert AFTER INSERT ON merch.transfer
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes('transfer', 'state');
CREATE OR REPLACE TRIGGER record_changes_update AFTER UPDATE ON merch.transfer
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes('transfer', 'state');

INSERT INTO merch.workflow_table (subject, workflow, state_column, key_column) VALUES
    ('merch.promotion', 'promotion', 'state', 'promotion_id'),
    ('merch.allocation', 'allocation', 'state', 'allocation_id'),
    ('merch.wave', 'wave', 'state', 'wave_id'),
    ('merch.transfer', 'transfer', 'state', 'transfer_id')
ON CONFLICT DO NOTHING;

-- users' tables lost their triggers with a dropped extension
SELECT merch.attach_again();
