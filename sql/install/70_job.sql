-- job: choosing, marking and noting the runs of jobs; src/pg/job.c puts them together

CREATE FUNCTION merch.wake_worker()
RETURNS void
AS 'MODULE_PATHNAME', 'merch_wake_worker_sql'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION merch.wake_worker() IS
'Wakes this database''s worker when the transaction commits. Shipped triggers do it by themselves: for tables of your own.';

CREATE FUNCTION merch.wake_worker_at_change()
RETURNS trigger
AS 'MODULE_PATHNAME', 'merch_wake_worker_trigger'
LANGUAGE C;
COMMENT ON FUNCTION merch.wake_worker_at_change() IS
'Trigger, after each statement: wakes this database''s worker when the transaction commits. Does nothing where there is none.';

CREATE FUNCTION merch.job_is_running(job text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'merch_job_is_running'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION merch.job_is_running(text) IS
'Whether a process runs the job now. A job whose state is running and that nobody runs has died; the next round finds out.';

-- Who may write into merch.job must not get more rights by it than the owner has.
CREATE FUNCTION merch.job_function(name text, result regtype DEFAULT NULL)
RETURNS regproc
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner CONSTANT oid := (SELECT c.relowner FROM pg_class c WHERE c.oid = to_regclass('merch.job'));
    parts text[];
    found record;
BEGIN
    BEGIN
        parts := parse_ident(name);
    EXCEPTION WHEN invalid_parameter_value THEN
        parts := '{}';
    END;
    IF cardinality(parts) <> 2 OR parts[1] LIKE 'pg\_temp%' THEN
        RAISE invalid_name USING
            MESSAGE = format('the function of a job must be named with its schema: "%s"', name),
            HINT = 'Such as merch.reallocate_dirty, without parentheses.';
    END IF;
    SELECT count(*) AS candidates, min(p.oid::bigint)::oid AS oid, bool_or(p.prorettype = result) AS fits,
           bool_and(pg_has_role(p.proowner, owner, 'USAGE')) AS safe, min(p.proowner::regrole::text) AS owner
    INTO found
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = parts[1] AND p.proname = parts[2] AND p.prokind = 'f' AND p.pronargs = p.pronargdefaults;
    IF found.candidates <> 1 THEN
        RAISE undefined_function USING
            MESSAGE = format('%s function %I.%I can be called without arguments',
                             CASE found.candidates WHEN 0 THEN 'no' ELSE 'more than one' END, parts[1], parts[2]),
            HINT = 'A job is a function without arguments, or whose arguments all have defaults; procedures are none.';
    END IF;
    IF NOT found.safe THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('function %I.%I cannot be a job: it belongs to "%s"', parts[1], parts[2], found.owner),
            DETAIL = format('Jobs run with the rights of "%s", the owner of merch.job, whoever can change the function.', owner::regrole),
            HINT = format('ALTER FUNCTION %I.%I OWNER TO %s.', parts[1], parts[2], owner::regrole);
    END IF;
    IF result IS NOT NULL AND NOT found.fits THEN
        RAISE datatype_mismatch USING
            MESSAGE = format('function %I.%I must return %s', parts[1], parts[2], result);
    END IF;
    RETURN found.oid;
END
$$;
COMMENT ON FUNCTION merch.job_function(text, regtype) IS
'The function that a job names, which must return that type (null: any). An error if there is none that can be called without arguments, or if it belongs to a role that could not act as the owner of merch.job.';

CREATE FUNCTION merch.check_job()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[NEW.function, NEW.due_function] LOOP
        CONTINUE WHEN name IS NULL;
        IF NOT has_function_privilege(
                merch.job_function(name, CASE WHEN name = NEW.due_function THEN 'timestamptz'::regtype END)::oid, 'EXECUTE') THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('role "%s" may not execute %s', current_user, name),
                HINT = 'Only who may call a function can make it a job.';
        END IF;
    END LOOP;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.check_job() IS
'Trigger, before each row of merch.job: the functions must be there, be safe to run, and be allowed to who writes the row.';

CREATE FUNCTION merch.function_call(function regproc)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%I.%I', n.nspname, p.proname)
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid = function
$$;
COMMENT ON FUNCTION merch.function_call(regproc) IS
'A function''s name as it can be written into a query whatever the search_path.';

-- When the clock was set back, what was planned by the old time is due at once.
CREATE FUNCTION merch.job_due_at(job text, woken_at timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now CONSTANT timestamptz := clock_timestamp();
    j record;
    due timestamptz;
BEGIN
    SELECT * INTO j FROM merch.job x WHERE x.job = job_due_at.job;
    IF NOT FOUND OR NOT j.enabled OR j.state = 'dead' THEN
        RETURN NULL;
    ELSIF j.state = 'running' THEN
        -- died, if its lock can be had
        RETURN now;
    ELSIF j.attempts > 0 THEN
        RETURN CASE WHEN j.next_run_at <= now + interval '1 hour' THEN j.next_run_at ELSE now END;
    ELSIF j.on_commit AND (j.started_at < woken_at OR j.started_at > now OR woken_at IS NOT NULL AND j.started_at IS NULL) THEN
        RETURN now;
    END IF;
    IF j.every IS NOT NULL THEN
        due := CASE WHEN j.next_run_at <= now + j.every THEN j.next_run_at ELSE now END;
    END IF;
    IF j.due_function IS NOT NULL AND (due IS NULL OR due > now) THEN
        BEGIN
            EXECUTE format('SELECT least($1, %s())', merch.function_call(merch.job_function(j.due_function, 'timestamptz')))
            INTO due USING due;
        EXCEPTION WHEN OTHERS THEN
            RAISE LOG 'due_function "%" of job "%" failed: %', j.due_function, j.job, SQLERRM;
            due := least(due, j.started_at + interval '1 minute', now + interval '1 minute');
        END;
        -- one that is always due and never finds anything to do must not spin
        IF j.idle_runs >= 20 AND j.ended_at <= now THEN
            due := greatest(due, j.ended_at + interval '100 milliseconds');
        END IF;
    END IF;
    RETURN due;
END
$$;
COMMENT ON FUNCTION merch.job_due_at(text, timestamptz) IS
'When a job is due: a time not after now means at once; null: never, as things are. woken_at: jobs that follow commits are due unless they were started since; null: not due.';

CREATE FUNCTION merch.next_job(
    one text, forced boolean, woken_at timestamptz, since timestamptz, busy text[],
    OUT job text, OUT due_at timestamptz
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now CONSTANT timestamptz := clock_timestamp();
    candidate text;
    due timestamptz;
BEGIN
    IF one IS NOT NULL AND NOT EXISTS (SELECT FROM merch.job j WHERE j.job = one) THEN
        RAISE no_data_found USING
            MESSAGE = format('there is no job "%s"', one),
            HINT = 'Jobs are the rows of merch.job.';
    END IF;
    -- the first that is due is enough: asking all the others takes longer than most jobs
    FOR candidate IN
        SELECT j.job
        FROM merch.job j
        WHERE (one IS NULL OR j.job = one) AND j.job <> ALL (busy) AND (forced OR j.enabled AND j.state <> 'dead')
          -- a start that lies in the future is of a clock that was set back
          AND (since IS NULL OR j.state = 'running' OR j.started_at IS NULL OR j.started_at < since OR j.started_at > now)
        ORDER BY j.priority, j.started_at NULLS FIRST, j.job
    LOOP
        due := CASE WHEN forced THEN now ELSE merch.job_due_at(candidate, woken_at) END;
        IF due <= clock_timestamp() THEN
            job := candidate;
            due_at := due;
            RETURN;
        END IF;
        due_at := least(due_at, due);
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.next_job(text, boolean, timestamptz, timestamptz, text[]) IS
'The job to run next, of all or only one; none: when the first will be due. forced: due or not. since: not those that were started since then. busy: not these. Used by the worker, merch.run_due() and merch.run_job().';

CREATE FUNCTION merch.is_transient(error_code text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN error_code LIKE '40%' OR error_code = '55P03';
COMMENT ON FUNCTION merch.is_transient(text) IS
'Whether an error is one that other transactions caused and that may be gone at once: a deadlock, a serialization failure, a lock that is held.';

CREATE FUNCTION merch.note_run(job text, ms double precision, result text, error text, error_code text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now CONSTANT timestamptz := clock_timestamp();
    j record;
    merged boolean := false;
BEGIN
    SELECT * INTO j FROM merch.job x WHERE x.job = note_run.job;
    IF error IS NULL THEN
        UPDATE merch.job_run r
        SET runs = r.runs + 1, ended_at = now, ms = r.ms + note_run.ms, result = note_run.result, pid = j.pid
        WHERE r.run_id = (SELECT l.run_id FROM merch.job_run l
                          WHERE l.job = note_run.job ORDER BY l.started_at DESC, l.run_id DESC LIMIT 1)
          AND r.succeeded AND r.started_at > now - interval '1 minute' AND r.started_at <= now;
        merged := FOUND;
    END IF;
    IF NOT merged THEN
        INSERT INTO merch.job_run (job, started_at, ended_at, succeeded, attempt, ms, result, error, error_code, pid)
        VALUES (note_run.job, j.started_at, now, note_run.error IS NULL, j.attempts, note_run.ms, note_run.result,
                note_run.error, note_run.error_code, j.pid);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.note_run(text, double precision, text, text, text) IS
'Writes a run of a job into its history, merch.job_run. Used by merch.finish_job().';

-- Whatever is wrong with the exceptions, how the job ended must be noted.
CREATE FUNCTION merch.note_job_exception(job text, attempt int, error text, error_code text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF error IS NULL AND EXISTS (SELECT FROM merch.exception e
                                 WHERE e.kind = 'failed job' AND e.condition = 'job ' || job AND e.state <> 'resolved') THEN
        PERFORM merch.resolve_exceptions('failed job', ARRAY['job ' || job], 'it works again');
    ELSIF error IS NOT NULL AND NOT (attempt < 3 AND merch.is_transient(error_code)) THEN
        PERFORM merch.raise_exception('failed job', 'job ' || job, error);
    END IF;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'the exception of job "%" could not be written: %', job, SQLERRM;
END
$$;
COMMENT ON FUNCTION merch.note_job_exception(text, int, text, text) IS
'Raises exception ''failed job'' for a job that failed, or resolves it when the job goes well again. Used by merch.finish_job().';

CREATE FUNCTION merch.finish_job(job text, ms double precision, result text, error text, error_code text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now CONSTANT timestamptz := clock_timestamp();
    attempt int;
BEGIN
    SELECT j.attempts INTO attempt FROM merch.job j WHERE j.job = finish_job.job FOR NO KEY UPDATE;
    -- deleted while it ran
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM merch.note_run(finish_job.job, finish_job.ms, finish_job.result, finish_job.error, finish_job.error_code);
    IF error IS NULL THEN
        UPDATE merch.job j
        SET state = 'idle', attempts = 0, ended_at = now, result = finish_job.result,
            next_run_at = greatest(j.started_at + j.every, now),
            idle_runs = CASE WHEN coalesce(finish_job.result, '') IN ('', '0', 'f') THEN j.idle_runs + 1 ELSE 0 END,
            runs = j.runs + 1, total_ms = j.total_ms + ms, max_ms = greatest(j.max_ms, ms)
        WHERE j.job = finish_job.job;
    ELSE
        UPDATE merch.job j
        SET state = CASE WHEN j.attempts >= j.max_attempts THEN 'dead' ELSE 'idle' END, ended_at = now,
            -- what other transactions got in the way of is tried again soon
            next_run_at = now + CASE WHEN j.attempts < 3 AND merch.is_transient(finish_job.error_code)
                                     THEN interval '100 milliseconds'
                                     ELSE least(j.backoff * 2 ^ least(j.attempts - 1, 20), interval '1 hour') END,
            error = finish_job.error, error_code = finish_job.error_code, failed_at = now,
            runs = j.runs + 1, failures = j.failures + 1,
            total_ms = j.total_ms + coalesce(ms, 0), max_ms = greatest(j.max_ms, ms)
        WHERE j.job = finish_job.job;
    END IF;
    PERFORM merch.note_job_exception(finish_job.job, attempt, error, error_code);
END
$$;
COMMENT ON FUNCTION merch.finish_job(text, double precision, text, text, text) IS
'Notes how an attempt at a job ended, and when the next is due. Used by the worker, merch.run_due() and merch.run_job().';

CREATE FUNCTION merch.start_job(
    job text, forced boolean, woken_at timestamptz,
    OUT function text, OUT timeout_ms int
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    j record;
    message text;
    code text;
BEGIN
    SELECT * INTO j FROM merch.job x WHERE x.job = start_job.job FOR NO KEY UPDATE;
    IF j.state = 'running' THEN
        -- the caller has the job's lock: who was running it has gone
        PERFORM merch.finish_job(start_job.job, NULL, NULL, format('process %s ended while it ran the job', j.pid), '57P01');
    END IF;
    -- somebody else may have run it since it was chosen
    IF j IS NULL OR NOT forced AND merch.job_due_at(start_job.job, woken_at) > clock_timestamp() IS NOT FALSE THEN
        RETURN;
    END IF;
    UPDATE merch.job x
    SET state = 'running', attempts = x.attempts + 1, pid = pg_backend_pid(), started_at = clock_timestamp()
    WHERE x.job = start_job.job;
    BEGIN
        function := merch.function_call(merch.job_function(j.function));
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, code = RETURNED_SQLSTATE;
        PERFORM merch.finish_job(start_job.job, 0, NULL, message, code);
    END;
    timeout_ms := least(extract(epoch FROM j.timeout) * 1000, 2147483647);
END
$$;
COMMENT ON FUNCTION merch.start_job(text, boolean, timestamptz) IS
'Marks a job as running and counts the attempt; returns what is to be called, null if it is not to be run after all. An attempt whose process died is noted first. Used by the worker, merch.run_due() and merch.run_job().';

CREATE PROCEDURE merch.run_due(job text DEFAULT NULL)
AS 'MODULE_PATHNAME', 'merch_run_due'
LANGUAGE C;
COMMENT ON PROCEDURE merch.run_due(text) IS
'Does a round: runs every job that is due, or that one if it is, each in transactions of its own. What another session or the worker is running is left to it. Jobs run with the rights of the owner of merch.job.';

CREATE PROCEDURE merch.run_job(job text)
AS 'MODULE_PATHNAME', 'merch_run_job'
LANGUAGE C;
COMMENT ON PROCEDURE merch.run_job(text) IS
'Runs a job now, due or not, disabled or dead as it may be; one that goes well is no longer dead. An error if another session is running it. How it ended is in merch.stat_job.';

CREATE FUNCTION merch.revive_job(job text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    j record;
BEGIN
    SELECT * INTO j FROM merch.job x WHERE x.job = revive_job.job FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('there is no job "%s"', coalesce(job, 'NULL')),
            HINT = 'Jobs are the rows of merch.job.';
    ELSIF j.state <> 'dead' THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('job "%s" is not dead: it is %s', job, j.state),
            HINT = 'CALL merch.run_job() runs it now.';
    END IF;
    UPDATE merch.job x
    SET state = 'idle', attempts = 0, next_run_at = clock_timestamp()
    WHERE x.job = revive_job.job;
    IF merch.is_preloaded() THEN
        PERFORM merch.wake_worker();
    END IF;
END
$$;
COMMENT ON FUNCTION merch.revive_job(text) IS
'Brings a job back whose attempts have all failed: it is due at once, and has all its attempts again.';
