-- the guard: triggers that hold the rows of attached tables to their workflow, and the events

CREATE FUNCTION merch.guard_workflow()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'merch_guard_workflow';
COMMENT ON FUNCTION merch.guard_workflow() IS
'Trigger before each row of an attached table: refuses states where a row cannot begin, and changes of state that its workflow does not have or that are not for who makes them. Arguments: workflow, state column.';

CREATE FUNCTION merch.record_changes()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'merch_record_changes';
COMMENT ON FUNCTION merch.record_changes() IS
'Trigger after each statement on an attached table: checks all changes of state again, asks guards and approvals, records them in merch.state_change and runs the actions. Arguments: workflow, state column.';

CREATE FUNCTION merch.react()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'merch_react';
COMMENT ON FUNCTION merch.react() IS
'Trigger after each statement: calls a function once with the keys (bigint[]) of what changed, as the owner of the table and in system context. Arguments: function, key column, and the columns that an UPDATE must change, all if none is named.';

CREATE TYPE merch.attached_table AS (
    subject regclass,
    workflow text,
    state_column name,
    key_column name,
    key_type text
);
COMMENT ON TYPE merch.attached_table IS 'A table that is attached to a workflow, with the type of its key.';

CREATE FUNCTION merch.check_attachable(subject regclass, workflow text, state_column name)
RETURNS name
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation pg_class;
    attached text;
    keys record;
    wrong record;
BEGIN
    SELECT c.* INTO relation FROM pg_class c WHERE c.oid = subject;
    IF NOT FOUND OR relation.relkind NOT IN ('r', 'p') OR relation.relispartition THEN
        RAISE wrong_object_type USING
            MESSAGE = format('"%s" cannot be attached to a workflow', subject),
            HINT = CASE WHEN relation.relispartition THEN 'Attach the table that it is a partition of.'
                        ELSE 'Tables can be, partitioned ones, too.' END;
    END IF;
    SELECT w.workflow INTO attached FROM merch.workflow_table w WHERE w.subject = check_attachable.subject;
    IF attached <> check_attachable.workflow THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('table "%s" is attached to workflow "%s"', subject, attached),
            HINT = format('First: SELECT merch.detach_workflow(%L).', subject);
    END IF;
    IF NOT EXISTS (SELECT FROM merch.workflow w WHERE w.workflow = check_attachable.workflow) THEN
        RAISE undefined_object USING
            MESSAGE = format('workflow "%s" does not exist', coalesce(check_attachable.workflow, 'NULL')),
            HINT = 'merch.define_workflow() defines one.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute a
                   WHERE a.attrelid = subject AND a.attname = state_column AND a.atttypid = 'text'::regtype AND NOT a.attisdropped) THEN
        RAISE undefined_column USING
            MESSAGE = format('table "%s" has no column "%s" of type text', subject, coalesce(state_column::text, 'NULL')),
            HINT = 'Name the column that holds the state.';
    END IF;
    SELECT count(*) AS columns, min(a.attname) AS name, min(a.atttypid::int)::oid AS type INTO keys
    FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = subject AND i.indisprimary;
    IF keys.columns <> 1 OR keys.type NOT IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'text'::regtype, 'uuid'::regtype) THEN
        RAISE invalid_table_definition USING
            MESSAGE = format('table "%s" has no primary key of one column of type integer or text', subject),
            HINT = 'Add one, GENERATED ALWAYS AS IDENTITY say, and make the present key UNIQUE.';
    END IF;
    SELECT t.event, v.column_name, v.kind INTO wrong
    FROM merch.workflow_transition t
    CROSS JOIN LATERAL (VALUES (t.due_column, 'timestamptz'), (t.role_column, 'name')) v(column_name, kind)
    WHERE t.workflow = check_attachable.workflow AND v.column_name IS NOT NULL
      AND t.version = (SELECT max(w.version) FROM merch.workflow w WHERE w.workflow = check_attachable.workflow)
      AND NOT EXISTS (SELECT FROM pg_attribute a
                      WHERE a.attrelid = subject AND a.attname = v.column_name AND NOT a.attisdropped
                        AND (a.atttypid = v.kind::regtype OR v.kind = 'name' AND a.atttypid = 'text'::regtype))
    ORDER BY 1, 2 LIMIT 1;
    IF FOUND THEN
        RAISE undefined_column USING
            MESSAGE = format('table "%s" has no column "%s" of type %s, which event "%s" of workflow "%s" needs',
                             subject, wrong.column_name, wrong.kind, wrong.event, check_attachable.workflow),
            HINT = 'Add it, or attach the table to a workflow that does without.';
    END IF;
    RETURN keys.name;
END
$$;
COMMENT ON FUNCTION merch.check_attachable(regclass, text, name) IS
'The primary key of a table. Raises an error if the table cannot be attached to the workflow. Part of merch.attach_workflow().';

CREATE FUNCTION merch.make_workflow_triggers(subject regclass, workflow text, state_column name)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part regclass;
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER guard_workflow BEFORE INSERT OR UPDATE ON %s
                    FOR EACH ROW EXECUTE FUNCTION merch.guard_workflow(%L, %L)', subject, workflow, state_column);
    -- a statement that names a partition fires the partition's
    FOR part IN SELECT subject UNION SELECT t.relid FROM pg_partition_tree(subject) t LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER record_changes_insert AFTER INSERT ON %s
                        REFERENCING NEW TABLE AS new_row
                        FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes(%L, %L)', part, workflow, state_column);
        EXECUTE format('CREATE OR REPLACE TRIGGER record_changes_update AFTER UPDATE ON %s
                        REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
                        FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes(%L, %L)', part, workflow, state_column);
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.make_workflow_triggers(regclass, text, name) IS
'Makes the triggers that hold a table to its workflow, also on its partitions. Part of merch.attach_workflow().';

CREATE FUNCTION merch.attach_workflow(subject regclass, workflow text, state_column name DEFAULT 'state')
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    key_column CONSTANT name := merch.check_attachable(subject, workflow, state_column);
    newest CONSTANT int := (SELECT max(w.version) FROM merch.workflow w WHERE w.workflow = attach_workflow.workflow);
    lost record;
BEGIN
    EXECUTE format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS workflow_version int NOT NULL DEFAULT %s,
                                   ADD COLUMN IF NOT EXISTS state_since timestamptz NOT NULL DEFAULT now()', subject, newest);
    EXECUTE format('SELECT t.%2$I::text AS key, t.%1$I AS state, t.workflow_version AS version FROM %3$s t
                    WHERE NOT EXISTS (SELECT FROM merch.workflow_state s
                                      WHERE s.workflow = $1 AND s.version = t.workflow_version AND s.state = t.%1$I)
                    ORDER BY t.%2$I LIMIT 1', state_column, key_column, subject)
    INTO lost USING workflow;
    IF lost.key IS NOT NULL THEN
        RAISE check_violation USING
            MESSAGE = format('row %s of "%s" is in state "%s", which version %s of workflow "%s" does not have',
                             lost.key, subject, coalesce(lost.state, 'NULL'), lost.version, workflow),
            HINT = 'Bring the rows to states of the workflow first, or define a version that has theirs.';
    END IF;
    PERFORM merch.make_workflow_triggers(subject, workflow, state_column);
    DELETE FROM merch.workflow_table w WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = w.subject);
    INSERT INTO merch.workflow_table AS w (subject, workflow, state_column, key_column)
    VALUES (subject, workflow, state_column, key_column)
    ON CONFLICT ON CONSTRAINT workflow_table_pkey DO UPDATE
    SET state_column = excluded.state_column, key_column = excluded.key_column;
END
$$;
COMMENT ON FUNCTION merch.attach_workflow(regclass, text, name) IS
'Holds the rows of a table to a workflow: adds the columns workflow_version and state_since where they are missing, and the triggers. The table needs a primary key of one column; rows that are there must be in states of the workflow. Call it again for partitions that are new.';

CREATE FUNCTION merch.detach_workflow(subject regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part regclass;
BEGIN
    DELETE FROM merch.workflow_table w WHERE w.subject = detach_workflow.subject;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('table "%s" is not attached to a workflow', subject),
            HINT = 'The attached tables are the rows of merch.workflow_table.';
    END IF;
    EXECUTE format('DROP TRIGGER IF EXISTS guard_workflow ON %s', subject);
    FOR part IN SELECT detach_workflow.subject UNION SELECT t.relid FROM pg_partition_tree(detach_workflow.subject) t LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS record_changes_insert ON %s', part);
        EXECUTE format('DROP TRIGGER IF EXISTS record_changes_update ON %s', part);
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.detach_workflow(regclass) IS
'Frees a table from its workflow: drops the triggers, keeps the columns and the history.';

CREATE FUNCTION merch.attached(subject regclass)
RETURNS merch.attached_table
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_table merch.attached_table;
BEGIN
    SELECT w.subject, w.workflow, w.state_column, w.key_column, format_type(a.atttypid, NULL)
    INTO found_table
    FROM merch.workflow_table w
    JOIN pg_attribute a ON a.attrelid = w.subject AND a.attname = w.key_column
    WHERE w.subject = attached.subject;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('table "%s" is not attached to a workflow', coalesce(subject::text, 'NULL')),
            HINT = 'merch.attach_workflow() attaches it.';
    END IF;
    RETURN found_table;
END
$$;
COMMENT ON FUNCTION merch.attached(regclass) IS
'How a table is attached to its workflow. Raises an error if it is not.';

CREATE FUNCTION merch.fire(subject regclass, row_key text, event text, reason text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    way CONSTANT merch.attached_table := merch.attached(subject);
    before CONSTANT text := merch.setting('merch.reason');
    found_row record;
    next_state text;
BEGIN
    EXECUTE format('SELECT t.%I AS state, t.workflow_version AS version FROM %s t WHERE t.%I = $1::%s FOR NO KEY UPDATE',
                   way.state_column, subject, way.key_column, way.key_type)
    INTO found_row USING row_key;
    IF found_row.state IS NULL THEN
        RAISE no_data_found USING
            MESSAGE = format('%s %s does not exist', (SELECT c.relname FROM pg_class c WHERE c.oid = subject), coalesce(row_key, 'NULL')),
            HINT = format('Its key is "%s" of table "%s".', way.key_column, subject);
    END IF;
    SELECT t.to_state INTO next_state FROM merch.workflow_transition t
    WHERE t.workflow = way.workflow AND t.version = found_row.version AND t.from_state = found_row.state AND t.event = fire.event;
    IF NOT FOUND THEN
        RAISE restrict_violation USING
            MESSAGE = format('%s %s is "%s", where there is no event "%s"',
                             (SELECT c.relname FROM pg_class c WHERE c.oid = subject), row_key, found_row.state, coalesce(event, 'NULL')),
            HINT = coalesce((SELECT 'There is: ' || string_agg(format('"%s" (to "%s", by %s)', m.event, m.to_state, m.made_by), ', '
                                                               ORDER BY m.event) || '.'
                             FROM merch.workflow_map m
                             WHERE m.workflow = way.workflow AND m.version = found_row.version AND m.from_state = found_row.state),
                            'Nothing more becomes of it.');
    END IF;
    PERFORM set_config('merch.reason', coalesce(reason, before), true);
    EXECUTE format('UPDATE %s t SET %I = $2 WHERE t.%I = $1::%s', subject, way.state_column, way.key_column, way.key_type)
    USING row_key, next_state;
    PERFORM set_config('merch.reason', before, true);
    -- what followed may have led on
    EXECUTE format('SELECT t.%I FROM %s t WHERE t.%I = $1::%s', way.state_column, subject, way.key_column, way.key_type)
    INTO next_state USING row_key;
    RETURN next_state;
END
$$;
COMMENT ON FUNCTION merch.fire(regclass, text, text, text) IS
'Makes a transition of a row by its event, as the caller, and returns the new state. Waits for others who are changing the row; raises an error if it has no such event in the state that it is in then.';

CREATE FUNCTION merch.fire_rows(subject regclass, keys text[], event text, reason text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    way CONSTANT merch.attached_table := merch.attached(subject);
    before CONSTANT text := merch.setting('merch.reason');
    changed bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM %s t WHERE t.%I = ANY ($1::%s[]) ORDER BY t.%I FOR NO KEY UPDATE) x',
                   subject, way.key_column, way.key_type, way.key_column)
    USING keys;
    PERFORM set_config('merch.reason', coalesce(reason, before), true);
    EXECUTE format('UPDATE %s t SET %I = w.to_state FROM merch.workflow_transition w
                    WHERE t.%I = ANY ($1::%s[]) AND w.workflow = $2 AND w.event = $3
                      AND w.version = t.workflow_version AND w.from_state = t.%I',
                   subject, way.state_column, way.key_column, way.key_type, way.state_column)
    USING keys, way.workflow, event;
    GET DIAGNOSTICS changed = ROW_COUNT;
    PERFORM set_config('merch.reason', before, true);
    RETURN changed;
END
$$;
COMMENT ON FUNCTION merch.fire_rows(regclass, text[], text, text) IS
'Makes a transition of all those rows that are in a state with that event, as the caller, and returns how many did it. Locks them in the order of their keys.';

CREATE FUNCTION merch.fire_as_system(subject regclass, keys text[], event text, reason text DEFAULT NULL)
RETURNS bigint
LANGUAGE c
AS 'MODULE_PATHNAME', 'merch_fire_as_system';
COMMENT ON FUNCTION merch.fire_as_system(regclass, text[], text, text) IS
'Makes a transition of all those rows that are in a state with that event, as the system: roles are not asked, guards and approvals are. For the table''s owner, members of merch_admin, actions and reactions. Returns how many rows did it.';

CREATE FUNCTION merch.keep_history()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.changed_at < now() - merch.setting('merch.history')::interval THEN
            RETURN OLD;
        END IF;
        RAISE restrict_violation USING
            MESSAGE = format('cannot delete change %s of %s %s: it is from %s', OLD.change_id, OLD.subject, OLD.row_key, OLD.changed_at),
            HINT = format('History is kept for merch.history, %s.', merch.setting('merch.history'));
    END IF;
    RAISE restrict_violation USING
        MESSAGE = format('cannot %s the history of changes', lower(TG_OP)),
        HINT = 'It is only added to. merch.forget_history() deletes what is old enough.';
END
$$;
COMMENT ON FUNCTION merch.keep_history() IS
'Trigger of merch.state_change: refuses to change it, and to delete what is younger than the setting merch.history.';

CREATE FUNCTION merch.forget_history()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    forgotten bigint;
BEGIN
    DELETE FROM merch.state_change c WHERE c.changed_at < now() - merch.setting('merch.history')::interval;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION merch.forget_history() IS
'Deletes changes of state that are older than the setting merch.history, and returns how many.';
