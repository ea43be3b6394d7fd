-- what the shipped workflows ask and do, and bringing triggers back

CREATE FUNCTION merch.attach_again()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lost record;
BEGIN
    FOR lost IN
        SELECT w.*, pg_get_userbyid(c.relowner) AS owner
        FROM merch.workflow_table w
        JOIN pg_class c ON c.oid = w.subject
        WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = w.subject AND t.tgname = 'guard_workflow')
    LOOP
        IF pg_has_role(lost.owner, 'USAGE') THEN
            PERFORM merch.attach_workflow(lost.subject, lost.workflow, lost.state_column);
        ELSE
            RAISE WARNING USING
                MESSAGE = format('table "%s" is held to its workflow no more: its triggers are missing', lost.subject),
                HINT = format('As %I: SELECT merch.attach_workflow(%L, %L, %L).', lost.owner, lost.subject, lost.workflow, lost.state_column);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.attach_again() IS
'Puts triggers back on tables that are attached to a workflow and lost them with a dropped extension. Part of merch.create_model().';
