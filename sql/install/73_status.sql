-- status: what runs, how it fares, and what a DBA should know

CREATE FUNCTION merch.is_preloaded()
RETURNS boolean
AS 'MODULE_PATHNAME', 'merch_is_preloaded'
LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION merch.is_preloaded() IS
'Whether pg_merch is in shared_preload_libraries: only then are there workers.';

CREATE FUNCTION merch.workers(
    OUT database oid, OUT pid int, OUT state text, OUT started_at timestamptz, OUT last_round_at timestamptz,
    OUT next_round_at timestamptz, OUT restarts bigint, OUT rounds bigint, OUT jobs_done bigint, OUT jobs_failed bigint,
    OUT counted_since timestamptz
)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'merch_workers_sql'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 4;
COMMENT ON FUNCTION merch.workers() IS
'The workers of all databases; an error if pg_merch is not preloaded. The view merch.stat_worker is made of it.';

CREATE FUNCTION merch.reset_worker()
RETURNS void
AS 'MODULE_PATHNAME', 'merch_reset_worker'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION merch.reset_worker() IS
'Sets the counters of this database''s worker to 0. Used by merch.stat_reset().';

CREATE VIEW merch.stat_worker AS
SELECT d.datname AS database,
       w.pid,
       w.state,
       w.started_at,
       w.last_round_at,
       w.next_round_at,
       w.rounds,
       w.jobs_done,
       w.jobs_failed,
       w.restarts,
       w.counted_since
FROM merch.workers() w
LEFT JOIN pg_catalog.pg_database d ON d.oid = w.database;
COMMENT ON VIEW merch.stat_worker IS 'The worker of every database that merch.databases names and that exists; an error if pg_merch is not preloaded.';
COMMENT ON COLUMN merch.stat_worker.database IS 'The database.';
COMMENT ON COLUMN merch.stat_worker.pid IS 'Its worker''s process; null while there is none.';
COMMENT ON COLUMN merch.stat_worker.state IS 'idle; running: a round of jobs; no model: there is no extension or no model, it looks again; owner may not log in: until PostgreSQL 16 the owner of merch.job must have LOGIN; starting; stopped: it is started again in at most a minute.';
COMMENT ON COLUMN merch.stat_worker.started_at IS 'When the process started.';
COMMENT ON COLUMN merch.stat_worker.last_round_at IS 'When it last had done all that was due.';
COMMENT ON COLUMN merch.stat_worker.next_round_at IS 'When something will be due, as far as it knows; null: when it is woken.';
COMMENT ON COLUMN merch.stat_worker.rounds IS 'Rounds since counted_since.';
COMMENT ON COLUMN merch.stat_worker.jobs_done IS 'Jobs that it ran well.';
COMMENT ON COLUMN merch.stat_worker.jobs_failed IS 'Attempts that failed.';
COMMENT ON COLUMN merch.stat_worker.restarts IS 'Times that it died and was started again.';
COMMENT ON COLUMN merch.stat_worker.counted_since IS 'Since when rounds, jobs and restarts are counted: start of the server or merch.stat_reset().';
GRANT SELECT ON merch.stat_worker TO PUBLIC;

CREATE FUNCTION merch.stat_reset()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE merch.job SET runs = 0, failures = 0, total_ms = 0, max_ms = 0, counted_since = clock_timestamp();
    PERFORM merch.reset_worker();
END
$$;
COMMENT ON FUNCTION merch.stat_reset() IS
'Sets the counters of merch.stat_job, and those of this database''s worker in merch.stat_worker, to 0.';

-- Each part of merch.status() is a function, so that one that can't be had doesn't hide the others.

CREATE FUNCTION merch.status_model(OUT topic text, OUT verdict text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    versions record;
BEGIN
    SELECT * INTO versions FROM merch.model_version();
    topic := 'version';
    verdict := CASE WHEN versions.model_version = versions.extension_version THEN 'ok' ELSE 'error' END;
    detail := format('extension %s, model %s', versions.extension_version, coalesce(versions.model_version, 'not there'));
    hint := CASE WHEN versions.model_version IS NULL THEN 'SELECT merch.create_model()'
                 WHEN verdict = 'error' THEN 'ALTER EXTENSION pg_merch UPDATE; SELECT merch.upgrade_model()' END;
    RETURN NEXT;
    IF versions.model_version IS NULL THEN
        RETURN;
    END IF;

    topic := 'triggers';
    SELECT count(*), string_agg(format('%s on %s', t.tgname, t.tgrelid::regclass), ', ' ORDER BY t.tgrelid::regclass::text, t.tgname)
    INTO verdict, detail
    FROM pg_trigger t
    JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgenabled IN ('D', 'R') AND NOT t.tgisinternal AND p.pronamespace = 'merch'::regnamespace;
    IF merch.model_lacks_triggers() THEN
        verdict := 'error';
        detail := 'triggers of the model are missing';
        hint := 'SELECT merch.create_model() puts them back.';
    ELSIF verdict <> '0' THEN
        detail := format('%s disabled: %s', verdict, left(detail, 500));
        verdict := 'error';
        hint := 'ALTER TABLE … ENABLE TRIGGER …; what happened meanwhile was neither checked nor noticed.';
    ELSE
        verdict := 'ok';
        detail := 'all are there and enabled';
        hint := NULL;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION merch.status_model() IS
'The part of merch.status() about versions and triggers.';

CREATE FUNCTION merch.status_worker(OUT topic text, OUT verdict text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    worker record;
    cron_jobs bigint := 0;
    last_start timestamptz := (SELECT max(j.started_at) FROM merch.job j);
BEGIN
    topic := 'worker';
    SELECT NULL AS database, NULL AS pid, NULL AS state, NULL AS last_round_at INTO worker;
    IF merch.is_preloaded() THEN
        SELECT w.database, w.pid, w.state, w.last_round_at INTO worker FROM merch.stat_worker w WHERE w.database = current_database();
    END IF;
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') AND has_table_privilege('cron.job', 'SELECT') THEN
        EXECUTE $cron$ SELECT count(*) FROM cron.job c
                       WHERE c.active AND c.command LIKE 'CALL merch.run_due(%' AND c.database = current_database() $cron$
        INTO cron_jobs;
    END IF;
    IF worker.pid IS NOT NULL AND worker.state IN ('idle', 'running') THEN
        verdict := 'ok';
        detail := format('%s, process %s, last round at %s', worker.state, worker.pid, coalesce(worker.last_round_at::text, 'none yet'));
    ELSIF (cron_jobs > 0 OR last_start > clock_timestamp() - interval '5 minutes')
        AND worker.state IS DISTINCT FROM 'owner may not log in' THEN
        verdict := 'ok';
        detail := format('no worker; %s entries in pg_cron; a job last started at %s', cron_jobs, coalesce(last_start::text, 'none yet'));
        hint := 'A worker makes transitions to the second; pg_cron to the minute.';
    ELSE
        verdict := 'warning';
        detail := CASE
            WHEN NOT merch.is_preloaded() THEN 'pg_merch is not preloaded, and nobody else runs the jobs'
            WHEN worker.database IS NULL THEN 'this database is not in merch.databases, and nobody else runs the jobs'
            ELSE format('the worker is not working: %s', worker.state) END;
        hint := CASE
            WHEN NOT merch.is_preloaded()
                THEN 'Add pg_merch to shared_preload_libraries and this database to merch.databases, and restart; or SELECT merch.schedule_jobs() (pg_cron); or CALL merch.run_due().'
            WHEN worker.database IS NULL THEN 'Add it to merch.databases and reload the configuration.'
            WHEN worker.state = 'owner may not log in' THEN 'ALTER ROLE … LOGIN for the owner of merch.job, or PostgreSQL 17.'
            ELSE 'The server''s log says why; it is started again in at most a minute.' END;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION merch.status_worker() IS
'The part of merch.status() about who runs the jobs.';

CREATE FUNCTION merch.status_jobs(OUT topic text, OUT verdict text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH looked AS MATERIALIZED (
        SELECT j.*, merch.job_due_at(j.job, NULL) AS due_at, j.state = 'running' AND NOT merch.job_is_running(j.job) AS died
        FROM merch.job j
    ), judged AS (
        SELECT l.*,
               CASE WHEN NOT l.enabled THEN 'ok'
                    WHEN l.state = 'dead' THEN 'error'
                    WHEN l.attempts > 0 AND l.state <> 'running' OR l.died OR l.due_at < clock_timestamp() - interval '5 minutes'
                        THEN 'warning'
                    ELSE 'ok' END AS verdict
        FROM looked l
    )
    SELECT 'job ' || l.job, l.verdict,
           CASE WHEN l.state = 'dead' THEN format('dead after %s attempts: %s', l.attempts, l.error)
                WHEN l.died THEN format('the process that ran it has died, at attempt %s', l.attempts)
                WHEN l.attempts > 0 THEN format('attempt %s failed at %s: %s', l.attempts, l.failed_at, l.error)
                ELSE format('due since %s', l.due_at) END,
           CASE WHEN l.state = 'dead' THEN format('Mend the cause, then SELECT merch.revive_job(%L).', l.job)
                WHEN l.attempts > 0 AND NOT l.died THEN format('It is tried again at %s.', l.next_run_at)
                ELSE 'Is there a worker, or pg_cron?' END
    FROM judged l
    WHERE l.verdict <> 'ok'
    UNION ALL
    SELECT 'jobs', 'ok', format('%s enabled, %s disabled, %s running', count(*) FILTER (WHERE l.enabled),
                                count(*) FILTER (WHERE NOT l.enabled), count(*) FILTER (WHERE l.state = 'running' AND NOT l.died)), NULL
    FROM judged l
$$;
COMMENT ON FUNCTION merch.status_jobs() IS
'The part of merch.status() about jobs that are dead, failing or late.';

-- Counts no further than to 100,000: a page is to be there at once.
CREATE FUNCTION merch.count_rows(table_name text, condition text DEFAULT 'true')
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rows bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM merch.%I WHERE %s LIMIT 100000) r', table_name, condition) INTO rows;
    RETURN rows;
END
$$;
COMMENT ON FUNCTION merch.count_rows(text, text) IS
'Number of rows of a table of schema merch, up to 100,000. Used by merch.status(): the condition is written into the query as it is.';

CREATE FUNCTION merch.status_queues(OUT topic text, OUT verdict text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'queue of ' || q.what, CASE WHEN q.waiting >= 100000 THEN 'warning' ELSE 'ok' END,
           CASE WHEN q.waiting >= 100000 THEN '100,000 or more marks' ELSE format('%s marks', q.waiting) END,
           CASE WHEN q.waiting >= 100000 THEN format('Job %s does not keep up: is it running?', q.job) END
    FROM (VALUES ('items to allocate anew', merch.count_rows('dirty_item') + merch.count_rows('dirty_scope'), 'reallocate'),
                 ('promotions to evaluate', merch.count_rows('dirty_promotion'), 'readiness'))
         AS q(what, waiting, job)
$$;
COMMENT ON FUNCTION merch.status_queues() IS
'The part of merch.status() about work that waits.';

CREATE FUNCTION merch.status_failures(OUT topic text, OUT verdict text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.topic, CASE f.found WHEN 0 THEN 'ok' ELSE 'warning' END, format(f.detail, f.found), CASE WHEN f.found > 0 THEN f.hint END
    FROM (VALUES ('failed items', merch.count_rows('dirty_failure'), '%s items could not be allocated anew',
                  'merch.dirty_failure says why; merch.mark_dirty() tries them again.'),
                 ('failed transitions', merch.count_rows('clock_failure', 'NOT refused AND retry_at > now() - interval ''1 day'''),
                  '%s transitions are due by time and fail', 'merch.clock_failure says why; they are tried again.'),
                 ('failed preparation', merch.count_rows('preparation', 'state = ''failed'''),
                  '%s steps of preparation have failed', 'merch.preparation says why; they are tried again.'),
                 ('failed scenarios', merch.count_rows('scenario_request', 'attempts > 0'),
                  'scenarios of %s runs could not be stored', 'merch.scenario_request says why; they are tried again.'))
         AS f(topic, found, detail, hint)
$$;
COMMENT ON FUNCTION merch.status_failures() IS
'The part of merch.status() about what could not be done.';

CREATE FUNCTION merch.status_exceptions(OUT topic text, OUT verdict text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'exceptions', CASE WHEN e.late > 0 THEN 'warning' ELSE 'ok' END,
           format('%s open, %s past their deadline', e.open, e.late), CASE WHEN e.late > 0 THEN 'merch.exception_queue has them in order.' END
    FROM (SELECT merch.count_rows('exception', 'state <> ''resolved''') AS open,
                 merch.count_rows('exception', 'state <> ''resolved'' AND deadline < now()') AS late) e
$$;
COMMENT ON FUNCTION merch.status_exceptions() IS
'The part of merch.status() about exceptions that are open.';

CREATE FUNCTION merch.status_history(OUT topic text, OUT verdict text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'history', CASE WHEN h.oldest < now() - merch.job_history() - interval '1 day' THEN 'warning' ELSE 'ok' END,
           format('%s of runs of jobs, back to %s; kept for %s', pg_size_pretty(pg_total_relation_size('merch.job_run')),
                  coalesce(h.oldest::text, 'nothing yet'), merch.job_history()),
           CASE WHEN h.oldest < now() - merch.job_history() - interval '1 day' THEN 'Job purge does not run.' END
    FROM (SELECT min(r.ended_at) AS oldest FROM merch.job_run r) h
$$;
COMMENT ON FUNCTION merch.status_history() IS
'The part of merch.status() about the history of jobs.';

CREATE FUNCTION merch.status(OUT topic text, OUT verdict text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
BEGIN
    RETURN QUERY SELECT * FROM merch.status_model();
    IF to_regclass('merch.model') IS NULL THEN
        RETURN;
    END IF;
    FOREACH part IN ARRAY ARRAY['worker', 'jobs', 'queues', 'failures', 'exceptions', 'history'] LOOP
        BEGIN
            RETURN QUERY EXECUTE format('SELECT s.* FROM merch.%I() s', 'status_' || part);
        EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege THEN
            topic := part;
            verdict := 'warning';
            detail := SQLERRM;
            hint := CASE WHEN SQLSTATE = '42501' THEN 'Members of merch_viewer may look.' ELSE 'SELECT merch.upgrade_model()' END;
            RETURN NEXT;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.status() IS
'The one page to read first: topic, verdict (ok, warning or error), detail, and what to do.';
