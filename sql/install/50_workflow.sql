-- workflows: defining them, and what makes a definition sound

CREATE FUNCTION merch.actor()
RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'merch_actor';
COMMENT ON FUNCTION merch.actor() IS
'Who is acting: the current role if it can log in, else the user who logged in. SECURITY DEFINER functions don''t change it.';

CREATE FUNCTION merch.setting(name text)
RETURNS text
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'merch_setting';
COMMENT ON FUNCTION merch.setting(text) IS
'Value of a setting of pg_merch, such as merch.history, also where nothing of the extension has been used in the session yet, and current_setting() would not know it.';

CREATE FUNCTION merch.in_system(subject regclass)
RETURNS boolean
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'merch_in_system';
COMMENT ON FUNCTION merch.in_system(regclass) IS
'Whether what runs now is the system''s doing, for a table: an action, a reaction or merch.fire_as_system(), with the rights of the table''s owner.';

CREATE FUNCTION merch.forget_workflows()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'merch_forget_workflows';
COMMENT ON FUNCTION merch.forget_workflows() IS
'Trigger of the tables that define workflows: has every session read them again.';

CREATE FUNCTION merch.guard_definition()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    since timestamptz;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF TG_TABLE_NAME = 'workflow' THEN
            NEW.created_at := now();
            NEW.created_by := merch.actor();
            RETURN NEW;
        END IF;
        SELECT w.created_at INTO since FROM merch.workflow w WHERE (w.workflow, w.version) = (NEW.workflow, NEW.version);
        -- without a row the foreign key has the error
        IF since IS NULL OR since = now() THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE restrict_violation USING
        MESSAGE = CASE WHEN TG_OP = 'TRUNCATE' THEN format('cannot truncate "%s": rows may be on its versions', TG_TABLE_NAME)
                       ELSE format('cannot change version %s of workflow "%s"',
                                   CASE TG_OP WHEN 'INSERT' THEN NEW.version ELSE OLD.version END,
                                   CASE TG_OP WHEN 'INSERT' THEN NEW.workflow ELSE OLD.workflow END) END,
        HINT = 'Define a new version: merch.define_workflow(). Rows stay on the version that they began with.';
END
$$;
COMMENT ON FUNCTION merch.guard_definition() IS
'Trigger of the tables that define workflows: refuses to edit a version once the transaction that defined it has ended.';

CREATE FUNCTION merch.refuse_definition(workflow text, version int, detail text, hint text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE check_violation USING
        MESSAGE = format('version %s of workflow "%s" is not sound: %s', version, workflow, detail),
        HINT = refuse_definition.hint;
END
$$;
COMMENT ON FUNCTION merch.refuse_definition(text, int, text, text) IS
'Raises the error of a definition that is not sound. Part of merch.check_workflow().';

CREATE FUNCTION merch.check_workflow(workflow text, version int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT text := check_workflow.workflow;
    number CONSTANT int := check_workflow.version;
    found_state text;
BEGIN
    IF NOT EXISTS (SELECT FROM merch.workflow_state s WHERE (s.workflow, s.version) = (flow, number) AND s.initial) THEN
        PERFORM merch.refuse_definition(flow, number, 'it has no initial state', 'Rows must begin somewhere: set initial on a state.');
    END IF;

    WITH RECURSIVE reached AS (
        SELECT s.state FROM merch.workflow_state s WHERE (s.workflow, s.version) = (flow, number) AND s.initial
        UNION
        SELECT t.to_state FROM reached r
        JOIN merch.workflow_transition t ON (t.workflow, t.version) = (flow, number) AND t.from_state = r.state
    )
    SELECT min(s.state) INTO found_state FROM merch.workflow_state s
    WHERE (s.workflow, s.version) = (flow, number) AND s.state NOT IN (SELECT r.state FROM reached r);
    IF found_state IS NOT NULL THEN
        PERFORM merch.refuse_definition(flow, number, format('state "%s" cannot be reached', found_state),
                                        'Add a transition that leads there, set initial on it, or leave it out.');
    END IF;

    WITH RECURSIVE ending AS (
        SELECT s.state FROM merch.workflow_state s WHERE (s.workflow, s.version) = (flow, number) AND s.final
        UNION
        SELECT t.from_state FROM ending e
        JOIN merch.workflow_transition t ON (t.workflow, t.version) = (flow, number) AND t.to_state = e.state
    )
    SELECT min(s.state) INTO found_state FROM merch.workflow_state s
    WHERE (s.workflow, s.version) = (flow, number) AND s.state NOT IN (SELECT e.state FROM ending e);
    IF found_state IS NOT NULL THEN
        PERFORM merch.refuse_definition(flow, number, format('from state "%s" no final state is reached', found_state),
                                        'Add a transition that leads on, or set final on a state.');
    END IF;

    WITH RECURSIVE tick AS (
        SELECT t.from_state, t.to_state FROM merch.workflow_transition t
        WHERE (t.workflow, t.version) = (flow, number) AND num_nonnulls(t.after, t.due_column) > 0
          AND coalesce(t.after, '0') <= '0'
    ), walk AS (
        SELECT t.from_state AS start, t.to_state AS at FROM tick t
        UNION
        SELECT w.start, t.to_state FROM walk w JOIN tick t ON t.from_state = w.at
    )
    SELECT min(w.start) INTO found_state FROM walk w WHERE w.start = w.at;
    IF found_state IS NOT NULL THEN
        PERFORM merch.refuse_definition(flow, number, format('the clock would go round from state "%s" without end, in no time', found_state),
                                        'Give one of these transitions an after above 0, or take it from the clock.');
    END IF;
    PERFORM merch.check_workflow_names(flow, number);
END
$$;
COMMENT ON FUNCTION merch.check_workflow(text, int) IS
'Raises an error if a version of a workflow is not sound: no initial state, states that cannot be reached or from which no final one is, clocks that go round in no time, unknown roles and functions.';

CREATE FUNCTION merch.check_workflow_names(workflow text, version int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
BEGIN
    SELECT t.event, t.role INTO wrong FROM merch.workflow_transition t
    WHERE (t.workflow, t.version) = (check_workflow_names.workflow, check_workflow_names.version)
      AND t.role IS NOT NULL AND to_regrole(quote_ident(t.role)) IS NULL
    ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        PERFORM merch.refuse_definition(workflow, version, format('role "%s" of event "%s" does not exist', wrong.role, wrong.event),
                                        format('CREATE ROLE %I makes it.', wrong.role));
    END IF;

    SELECT t.event, f.function INTO wrong
    FROM merch.workflow_transition t
    CROSS JOIN LATERAL (VALUES (t.guard), (t.action)) f(function)
    WHERE (t.workflow, t.version) = (check_workflow_names.workflow, check_workflow_names.version)
      AND f.function IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                      WHERE p.pronargs = 1 AND p.prokind = 'f'
                        AND parse_ident(f.function) = ARRAY[n.nspname::text, p.proname::text]
                        AND EXISTS (SELECT FROM pg_type k WHERE k.oid = p.proargtypes[0] AND k.typcategory = 'A'))
    ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        PERFORM merch.refuse_definition(workflow, version, format('function %s of event "%s" does not exist', wrong.function, wrong.event),
                                        'It is named with its schema and takes one array: the keys of rows.');
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_workflow_names(text, int) IS
'Raises an error if a role or function of a version of a workflow does not exist. Part of merch.check_workflow().';

CREATE FUNCTION merch.check_definition()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM merch.check_workflow(NEW.workflow, NEW.version);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.check_definition() IS
'Trigger of the tables that define workflows: refuses, at the end of the transaction, versions that are not sound.';

CREATE FUNCTION merch.read_definition(what text, entries jsonb, known text[])
RETURNS SETOF jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    IF entries IS NULL OR jsonb_typeof(entries) <> 'array' OR jsonb_array_length(entries) = 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('the definition has no array "%s"', what),
            HINT = 'It is {"states": [{"state": …}, …], "transitions": [{"event": …, "from": …, "to": …}, …]}.';
    END IF;
    SELECT k.key INTO wrong
    FROM jsonb_array_elements(entries) e
    CROSS JOIN LATERAL jsonb_object_keys(CASE jsonb_typeof(e) WHEN 'object' THEN e ELSE '{"?": 0}' END) k(key)
    WHERE k.key <> ALL (known) LIMIT 1;
    IF FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('"%s" is nothing that "%s" can have', wrong, what),
            HINT = format('They have: %s.', array_to_string(known, ', '));
    END IF;
    RETURN QUERY SELECT e FROM jsonb_array_elements(entries) e;
END
$$;
COMMENT ON FUNCTION merch.read_definition(text, jsonb, text[]) IS
'The elements of a part of a definition. Raises an error if it has keys that are not known. Part of merch.define_workflow().';

CREATE FUNCTION merch.define_workflow(workflow text, definition jsonb, description text DEFAULT NULL)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT text := define_workflow.workflow;
    number int;
BEGIN
    IF flow IS NULL OR flow = '' OR definition IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'a workflow needs a name and a definition',
            HINT = 'SELECT merch.define_workflow(''name'', ''{"states": […], "transitions": […]}'').';
    END IF;
    -- two that define it at once take turns
    PERFORM pg_advisory_xact_lock(hashtext('merch.define_workflow'));
    SELECT coalesce(max(w.version), 0) + 1 INTO number FROM merch.workflow w WHERE w.workflow = flow;
    INSERT INTO merch.workflow (workflow, version, description) VALUES (flow, number, define_workflow.description);
    INSERT INTO merch.workflow_state (workflow, version, state, initial, final, description)
    SELECT flow, number, s->>'state', coalesce((s->>'initial')::boolean, false), coalesce((s->>'final')::boolean, false),
           s->>'description'
    FROM merch.read_definition('states', definition->'states', '{state,initial,final,description}') s;
    INSERT INTO merch.workflow_transition (workflow, version, from_state, event, to_state, role, role_column, automatic,
                                           needs_approval, guard, action, after, due_column, description)
    SELECT flow, number, f.from_state, t->>'event', t->>'to', t->>'role', t->>'role_column',
           coalesce((t->>'automatic')::boolean, false), coalesce((t->>'needs_approval')::boolean, false), t->>'guard',
           t->>'action', (t->>'after')::interval, t->>'due_column', t->>'description'
    FROM merch.read_definition('transitions', definition->'transitions',
                               '{event,from,to,role,role_column,automatic,needs_approval,guard,action,after,due_column,description}') t
    CROSS JOIN LATERAL (
        SELECT t->>'from' WHERE jsonb_typeof(t->'from') IS DISTINCT FROM 'array'
        UNION ALL
        SELECT a FROM jsonb_array_elements_text(CASE jsonb_typeof(t->'from') WHEN 'array' THEN t->'from' END) a) f(from_state);
    PERFORM merch.check_workflow(flow, number);
    RETURN number;
END
$$;
COMMENT ON FUNCTION merch.define_workflow(text, jsonb, text) IS
'Defines a workflow, or a new version of it, from {"states": [...], "transitions": [...]}, and returns the version. New rows of its tables take it; rows that are there stay on theirs. Raises an error if the definition is not sound.';
