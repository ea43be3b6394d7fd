-- workflows: state machines as rows, the tables attached to them, and the record of every change

CREATE TABLE IF NOT EXISTS merch.workflow (
    workflow text,
    version int,
    description text,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT merch.actor(),
    PRIMARY KEY (workflow, version),
    CONSTRAINT workflow_named CHECK (workflow <> ''),
    CONSTRAINT workflow_version_positive CHECK (version > 0)
);
-- the default went with a dropped extension
ALTER TABLE merch.workflow ALTER COLUMN created_by SET DEFAULT merch.actor();
COMMENT ON TABLE merch.workflow IS 'Versions of workflows: the states that rows of a table go through. A version is never edited: new rows take the newest, rows that are there stay on theirs.';
COMMENT ON COLUMN merch.workflow.workflow IS 'The workflow''s name.';
COMMENT ON COLUMN merch.workflow.version IS 'Its version, from 1.';
COMMENT ON COLUMN merch.workflow.description IS 'What it is for, or what is new in this version.';
COMMENT ON COLUMN merch.workflow.created_at IS 'When the version was defined.';
COMMENT ON COLUMN merch.workflow.created_by IS 'Who defined it.';

CREATE TABLE IF NOT EXISTS merch.workflow_state (
    workflow text,
    version int,
    state text,
    initial boolean NOT NULL DEFAULT false,
    final boolean NOT NULL DEFAULT false,
    description text,
    PRIMARY KEY (workflow, version, state),
    FOREIGN KEY (workflow, version) REFERENCES merch.workflow,
    CONSTRAINT workflow_state_named CHECK (state <> '')
);
COMMENT ON TABLE merch.workflow_state IS 'The states of a version of a workflow.';
COMMENT ON COLUMN merch.workflow_state.workflow IS 'The workflow.';
COMMENT ON COLUMN merch.workflow_state.version IS 'Its version.';
COMMENT ON COLUMN merch.workflow_state.state IS 'The state''s name.';
COMMENT ON COLUMN merch.workflow_state.initial IS 'Whether a row may begin in it.';
COMMENT ON COLUMN merch.workflow_state.final IS 'Whether a row may stay in it for good.';
COMMENT ON COLUMN merch.workflow_state.description IS 'What it means.';

CREATE TABLE IF NOT EXISTS merch.workflow_transition (
    workflow text,
    version int,
    from_state text,
    event text,
    to_state text NOT NULL,
    role name,
    role_column name,
    automatic boolean NOT NULL DEFAULT false,
    needs_approval boolean NOT NULL DEFAULT false,
    guard text,
    action text,
    after interval,
    due_column name,
    description text,
    PRIMARY KEY (workflow, version, from_state, event),
    CONSTRAINT workflow_transition_one_event UNIQUE (workflow, version, from_state, to_state),
    FOREIGN KEY (workflow, version, from_state) REFERENCES merch.workflow_state,
    FOREIGN KEY (workflow, version, to_state) REFERENCES merch.workflow_state,
    CONSTRAINT workflow_transition_named CHECK (event <> ''),
    CONSTRAINT workflow_transition_leads_elsewhere CHECK (from_state <> to_state),
    CONSTRAINT workflow_transition_one_role CHECK (num_nonnulls(role, role_column) <= 1),
    CONSTRAINT workflow_transition_by_itself_or_by_role CHECK (NOT automatic OR num_nonnulls(role, role_column) = 0),
    CONSTRAINT workflow_transition_one_clock CHECK (num_nonnulls(after, due_column) <= 1),
    CONSTRAINT workflow_transition_after_not_negative CHECK (after >= '0')
);
COMMENT ON TABLE merch.workflow_transition IS 'What may become of a state: the transitions of a version of a workflow. All others are refused.';
COMMENT ON COLUMN merch.workflow_transition.workflow IS 'The workflow.';
COMMENT ON COLUMN merch.workflow_transition.version IS 'Its version.';
COMMENT ON COLUMN merch.workflow_transition.from_state IS 'The state that it leaves.';
COMMENT ON COLUMN merch.workflow_transition.event IS 'Its name: what merch.fire() is called with.';
COMMENT ON COLUMN merch.workflow_transition.to_state IS 'The state that it leads to.';
COMMENT ON COLUMN merch.workflow_transition.role IS 'Whose members may make it; null for everybody who may update the row.';
COMMENT ON COLUMN merch.workflow_transition.role_column IS 'The row''s column that names the role whose members may make it, where that differs from row to row.';
COMMENT ON COLUMN merch.workflow_transition.automatic IS 'Whether only the system makes it: the clock, an action, a reaction, or merch.fire_as_system().';
COMMENT ON COLUMN merch.workflow_transition.needs_approval IS 'Whether the approvals that the rules ask for must be granted.';
COMMENT ON COLUMN merch.workflow_transition.guard IS 'Function that gets the keys of the rows and returns (row_key, reason) of those that may not pass; null for none.';
COMMENT ON COLUMN merch.workflow_transition.action IS 'Function that gets the keys of the rows that have passed, once a statement; null for none.';
COMMENT ON COLUMN merch.workflow_transition.after IS 'Time in the state after which the clock makes it; null if it does not by that.';
COMMENT ON COLUMN merch.workflow_transition.due_column IS 'The row''s column (timestamptz) that says when the clock makes it; null if it does not by that.';
COMMENT ON COLUMN merch.workflow_transition.description IS 'What it means.';

CREATE TABLE IF NOT EXISTS merch.workflow_table (
    subject regclass PRIMARY KEY,
    workflow text NOT NULL,
    state_column name NOT NULL,
    key_column name NOT NULL
);
COMMENT ON TABLE merch.workflow_table IS 'The tables whose rows follow a workflow. Written by merch.attach_workflow().';
COMMENT ON COLUMN merch.workflow_table.subject IS 'The table.';
COMMENT ON COLUMN merch.workflow_table.workflow IS 'The workflow of its rows.';
COMMENT ON COLUMN merch.workflow_table.state_column IS 'The column that holds the state.';
COMMENT ON COLUMN merch.workflow_table.key_column IS 'Its primary key.';

-- Keys are compared byte by byte: the index is written with every change of state.
CREATE TABLE IF NOT EXISTS merch.state_change (
    change_id bigint GENERATED ALWAYS AS IDENTITY (CACHE 100),
    subject regclass,
    row_key text COLLATE "C",
    workflow_version int NOT NULL,
    event text,
    from_state text,
    to_state text NOT NULL,
    actor text NOT NULL,
    reason text,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, row_key, change_id),
    CONSTRAINT state_change_by_an_event CHECK ((event IS NULL) = (from_state IS NULL))
);
CREATE INDEX IF NOT EXISTS state_change_changed_at ON merch.state_change USING brin (changed_at)
    WITH (pages_per_range = 32, autosummarize = on);
COMMENT ON TABLE merch.state_change IS 'Every change of state of an attached row, once: who, when, from, to, why. Nobody can change it, or delete what is younger than the setting merch.history.';
COMMENT ON COLUMN merch.state_change.change_id IS 'Number of the change; later changes of a row have higher ones within a session.';
COMMENT ON COLUMN merch.state_change.subject IS 'The table.';
COMMENT ON COLUMN merch.state_change.row_key IS 'The row''s primary key, as text.';
COMMENT ON COLUMN merch.state_change.workflow_version IS 'The version of the workflow that the row is on.';
COMMENT ON COLUMN merch.state_change.event IS 'The transition''s name; null where the row was made.';
COMMENT ON COLUMN merch.state_change.from_state IS 'The state before; null where the row was made.';
COMMENT ON COLUMN merch.state_change.to_state IS 'The state after.';
COMMENT ON COLUMN merch.state_change.actor IS 'Who did it: see merch.actor().';
COMMENT ON COLUMN merch.state_change.reason IS 'Why, as given to merch.fire() or by the setting merch.reason.';
COMMENT ON COLUMN merch.state_change.changed_at IS 'When: the start of the transaction.';

CREATE OR REPLACE TRIGGER forget_workflows AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.workflow
    FOR EACH STATEMENT EXECUTE FUNCTION merch.forget_workflows();
CREATE OR REPLACE TRIGGER forget_workflows AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.workflow_state
    FOR EACH STATEMENT EXECUTE FUNCTION merch.forget_workflows();
CREATE OR REPLACE TRIGGER forget_workflows AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.workflow_transition
    FOR EACH STATEMENT EXECUTE FUNCTION merch.forget_workflows();

CREATE OR REPLACE TRIGGER guard_definition BEFORE INSERT OR UPDATE OR DELETE ON merch.workflow
    FOR EACH ROW EXECUTE FUNCTION merch.guard_definition();
CREATE OR REPLACE TRIGGER guard_definition BEFORE INSERT OR UPDATE OR DELETE ON merch.workflow_state
    FOR EACH ROW EXECUTE FUNCTION merch.guard_definition();
CREATE OR REPLACE TRIGGER guard_definition BEFORE INSERT OR UPDATE OR DELETE ON merch.workflow_transition
    FOR EACH ROW EXECUTE FUNCTION merch.guard_definition();
CREATE OR REPLACE TRIGGER guard_definition_truncate BEFORE TRUNCATE ON merch.workflow
    FOR EACH STATEMENT EXECUTE FUNCTION merch.guard_definition();
CREATE OR REPLACE TRIGGER guard_definition_truncate BEFORE TRUNCATE ON merch.workflow_state
    FOR EACH STATEMENT EXECUTE FUNCTION merch.guard_definition();
CREATE OR REPLACE TRIGGER guard_definition_truncate BEFORE TRUNCATE ON merch.workflow_transition
    FOR EACH STATEMENT EXECUTE FUNCTION merch.guard_definition();

-- CREATE OR REPLACE does not know constraint triggers
DROP TRIGGER IF EXISTS check_definition ON merch.workflow;
CREATE CONSTRAINT TRIGGER check_definition AFTER INSERT ON merch.workflow
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION merch.check_definition();
DROP TRIGGER IF EXISTS check_definition ON merch.workflow_state;
CREATE CONSTRAINT TRIGGER check_definition AFTER INSERT ON merch.workflow_state
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION merch.check_definition();
DROP TRIGGER IF EXISTS check_definition ON merch.workflow_transition;
CREATE CONSTRAINT TRIGGER check_definition AFTER INSERT ON merch.workflow_transition
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION merch.check_definition();

CREATE OR REPLACE TRIGGER keep_history BEFORE UPDATE OR DELETE ON merch.state_change
    FOR EACH ROW EXECUTE FUNCTION merch.keep_history();
CREATE OR REPLACE TRIGGER keep_history_truncate BEFORE TRUNCATE ON merch.state_change
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_history();

CREATE OR REPLACE VIEW merch.history WITH (security_invoker = true) AS
SELECT c.subject::text AS subject,
       c.row_key,
       coalesce(c.event, 'create') AS event,
       c.from_state,
       c.to_state,
       c.actor AS changed_by,
       c.reason,
       c.changed_at,
       c.changed_at - lag(c.changed_at) OVER row AS time_in_state,
       c.change_id
FROM merch.state_change c
WINDOW row AS (PARTITION BY c.subject, c.row_key ORDER BY c.changed_at, c.change_id);
COMMENT ON VIEW merch.history IS 'What happened to the rows of attached tables, in words: merch.state_change for people. Filter by subject and row_key.';
COMMENT ON COLUMN merch.history.subject IS 'The table.';
COMMENT ON COLUMN merch.history.row_key IS 'The row''s primary key, as text.';
COMMENT ON COLUMN merch.history.event IS 'What happened; create where the row was made.';
COMMENT ON COLUMN merch.history.from_state IS 'The state before; null where the row was made.';
COMMENT ON COLUMN merch.history.to_state IS 'The state after.';
COMMENT ON COLUMN merch.history.changed_by IS 'Who did it.';
COMMENT ON COLUMN merch.history.reason IS 'Why.';
COMMENT ON COLUMN merch.history.changed_at IS 'When.';
COMMENT ON COLUMN merch.history.time_in_state IS 'How long the row had been in the state before.';
COMMENT ON COLUMN merch.history.change_id IS 'Number of the change: the order of changes in one transaction.';

CREATE OR REPLACE VIEW merch.workflow_map WITH (security_invoker = true) AS
SELECT t.workflow,
       t.version,
       t.from_state,
       t.event,
       t.to_state,
       CASE WHEN t.automatic THEN 'the system'
            WHEN t.role_column IS NOT NULL THEN format('the role in column %I', t.role_column)
            ELSE coalesce(t.role::text, 'everybody') END AS made_by,
       t.needs_approval,
       CASE WHEN t.due_column IS NOT NULL THEN format('at %I', t.due_column)
            WHEN t.after IS NOT NULL THEN format('after %s', t.after) END AS by_the_clock,
       t.guard,
       t.action,
       t.description
FROM merch.workflow_transition t;
COMMENT ON VIEW merch.workflow_map IS 'The workflows as people read them: what leads from where to where, and who or what makes it.';
COMMENT ON COLUMN merch.workflow_map.workflow IS 'The workflow.';
COMMENT ON COLUMN merch.workflow_map.version IS 'Its version.';
COMMENT ON COLUMN merch.workflow_map.from_state IS 'The state before.';
COMMENT ON COLUMN merch.workflow_map.event IS 'The event.';
COMMENT ON COLUMN merch.workflow_map.to_state IS 'The state after.';
COMMENT ON COLUMN merch.workflow_map.made_by IS 'Who may make it.';
COMMENT ON COLUMN merch.workflow_map.needs_approval IS 'Whether it waits for approvals.';
COMMENT ON COLUMN merch.workflow_map.by_the_clock IS 'When it is made without anybody; null if it never is.';
COMMENT ON COLUMN merch.workflow_map.guard IS 'The function that may refuse it.';
COMMENT ON COLUMN merch.workflow_map.action IS 'The function that it starts.';
COMMENT ON COLUMN merch.workflow_map.description IS 'What it means.';
