-- cron: the jobs by pg_cron, where no worker can be had

CREATE FUNCTION merch.check_cron()
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    home CONSTANT text := coalesce(nullif(current_setting('cron.database_name', true), ''), 'postgres');
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        RETURN;
    END IF;
    RAISE object_not_in_prerequisite_state USING
        MESSAGE = format('pg_cron is not installed in database "%s"', current_database()),
        HINT = CASE
            WHEN current_setting('cron.database_name', true) IS NULL
                THEN 'Install it, add pg_cron to shared_preload_libraries, set cron.database_name to this database, restart the server, and CREATE EXTENSION pg_cron.'
            WHEN home = current_database() THEN 'CREATE EXTENSION pg_cron.'
            ELSE format('It can only be in database "%s" (cron.database_name). There: SELECT cron.schedule_in_database(%L, %L, %L, %L).',
                        home, 'merch: run_due ' || current_database(), '* * * * *', 'CALL merch.run_due()', current_database()) END;
END
$$;
COMMENT ON FUNCTION merch.check_cron() IS
'Raises an error that says what to do if pg_cron is not in this database.';

CREATE FUNCTION merch.unschedule_jobs()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
BEGIN
    PERFORM merch.check_cron();
    EXECUTE $cron$
        SELECT count(cron.unschedule(j.jobid))
        FROM (SELECT c.jobid FROM cron.job c
              WHERE c.jobname LIKE 'merch: %' AND c.database = current_database() AND c.username = current_user
              ORDER BY c.jobid) j
    $cron$ INTO removed;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION merch.unschedule_jobs() IS
'Takes the entries that merch.schedule_jobs() made, of this role, out of pg_cron; returns how many.';

CREATE FUNCTION merch.schedule_jobs()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    scheduled bigint;
BEGIN
    PERFORM merch.check_cron();
    PERFORM merch.unschedule_jobs();
    EXECUTE $cron$
        SELECT count(cron.schedule('merch: ' || j.job, '* * * * *', format('CALL merch.run_due(%L)', j.job)))
        FROM (SELECT x.job FROM merch.job x
              WHERE x.enabled AND (x.every IS NOT NULL OR x.on_commit OR x.due_function IS NOT NULL)
              ORDER BY x.priority, x.job) j
    $cron$ INTO scheduled;
    RETURN scheduled;
END
$$;
COMMENT ON FUNCTION merch.schedule_jobs() IS
'Enters every enabled job into pg_cron, as ''merch: job'', to be run each minute if it is due, by this role; returns how many. Entries of an earlier call are replaced. Together with a worker nothing is done twice.';
