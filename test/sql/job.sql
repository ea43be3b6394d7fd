-- jobs without a worker: rounds by hand, back-off, the dead, history, rights, what the status says
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT merch.create_model();
SELECT job, function, every, due_function, priority FROM merch.job ORDER BY priority, job;

-- the worker is asked for where there is none
SELECT merch.is_preloaded();
SELECT * FROM merch.stat_worker;
SELECT merch.wake_worker();

-- not inside a transaction block, nor in a function
BEGIN;
CALL merch.run_due();
ROLLBACK;
CREATE FUNCTION calls() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL merch.run_job('purge'); END $$;
SELECT calls();
DROP FUNCTION calls();
CALL merch.run_due('nobody');
CALL merch.run_job('nobody');
CALL merch.run_job(NULL);

-- a round does what is due, once
CREATE TABLE tally (job text, by text);
CREATE FUNCTION good() RETURNS int LANGUAGE sql AS $$ INSERT INTO public.tally VALUES ('good', current_user); SELECT 7 $$;
CREATE FUNCTION bad() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.tally VALUES ('bad', current_user);
    RAISE EXCEPTION 'it is bad' USING DETAIL = 'very', HINT = 'mend it';
END $$;
UPDATE merch.job SET enabled = false;
INSERT INTO merch.job (job, description, function, every, max_attempts, backoff) VALUES
    ('good', 'goes well', 'public.good', '1 hour', 3, '1 minute'),
    ('bad', 'fails', 'public.bad', '1 hour', 3, '1 minute');
CALL merch.run_due();
CALL merch.run_due();
SELECT * FROM tally;
SELECT job, state, attempts, runs, failures, result, error, error_code, next_run_at - ended_at > interval '50 seconds' AS later
FROM merch.job WHERE enabled ORDER BY job;
CALL merch.run_job('bad');
SELECT attempts, next_run_at - ended_at AS pause FROM merch.job WHERE job = 'bad';
CALL merch.run_job('bad');
SELECT state, attempts FROM merch.job WHERE job = 'bad';
UPDATE merch.job SET next_run_at = now() - interval '1 day' WHERE job = 'bad';
CALL merch.run_due('bad');
SELECT job, succeeded, runs, attempt, error_code FROM merch.job_run WHERE job <> 'purge' ORDER BY run_id;
SELECT topic, verdict, detail, hint FROM merch.status() WHERE topic = 'job bad';
SELECT condition, detail FROM merch.exception WHERE kind = 'failed job' AND condition LIKE 'job %' AND state <> 'resolved';

-- the dead and the living
SELECT merch.revive_job('good');
SELECT merch.revive_job('nobody');
CREATE OR REPLACE FUNCTION bad() RETURNS int LANGUAGE sql AS 'SELECT 0';
SELECT merch.revive_job('bad');
CALL merch.run_due();
SELECT state, attempts, failures, result FROM merch.job WHERE job = 'bad';
SELECT count(*) FROM merch.exception WHERE kind = 'failed job' AND condition = 'job bad' AND state <> 'resolved';

-- successes in a row are one row of the history
CALL merch.run_job('good');
CALL merch.run_job('good');
SELECT runs, result FROM merch.job_run WHERE job = 'good';
SELECT runs, failures, mean_ms <= max_ms AS plausible, last_result FROM merch.stat_job WHERE job = 'good';
SELECT merch.stat_reset();
SELECT runs, failures, total_ms, mean_ms FROM merch.stat_job WHERE job = 'good';
UPDATE merch.job_run SET started_at = started_at - interval '8 days', ended_at = ended_at - interval '8 days' WHERE job = 'bad';
SET merch.job_history = '30d';
SELECT merch.job_history(), merch.purge_history();
RESET merch.job_history;
SELECT merch.job_history(), merch.purge_history() > 0 AS purged;
SELECT job, count(*) FROM merch.job_run GROUP BY job ORDER BY job;

-- a clock that was set back: what was planned by it is due
UPDATE merch.job SET next_run_at = now() + interval '30 days', started_at = now() + interval '30 days' WHERE job = 'good';
CALL merch.run_due('good');
SELECT runs FROM merch.job WHERE job = 'good';

-- a due_function that is always due and a job that never finds anything to do must not spin
CREATE FUNCTION always() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()';
INSERT INTO merch.job (job, description, function, due_function) VALUES ('idle', 'does nothing', 'public.bad', 'public.always');
UPDATE merch.job SET idle_runs = 20, ended_at = clock_timestamp(), started_at = clock_timestamp() WHERE job = 'idle';
SELECT merch.job_due_at('idle', NULL) - ended_at FROM merch.job WHERE job = 'idle';

-- what is refused as a job
CREATE ROLE merch_test_clerk;
CREATE FUNCTION clerks() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION clerks() OWNER TO merch_test_clerk;
CREATE FUNCTION takes(x int) RETURNS int LANGUAGE sql AS 'SELECT 1';
INSERT INTO merch.job (job, description, function) VALUES ('x', '', 'public.clerks');
INSERT INTO merch.job (job, description, function) VALUES ('x', '', 'good');
INSERT INTO merch.job (job, description, function) VALUES ('x', '', 'public.missing');
INSERT INTO merch.job (job, description, function) VALUES ('x', '', 'public.takes');
INSERT INTO merch.job (job, description, function) VALUES ('x', '', 'merch.run_due');
INSERT INTO merch.job (job, description, function) VALUES ('x', '', 'public.good(); DROP TABLE tally; --');
INSERT INTO merch.job (job, description, function, due_function) VALUES ('x', '', 'public.good', 'public.good');
\set VERBOSITY terse
INSERT INTO merch.job (job, description, function, timeout) VALUES ('x', '', 'public.good', '0');
\set VERBOSITY default
-- it became another's after it was made a job
ALTER FUNCTION good() OWNER TO merch_test_clerk;
CALL merch.run_job('good');
SELECT error_code, split_part(error, E'\n', 1) AS error FROM merch.job WHERE job = 'good';
ALTER FUNCTION good() OWNER TO CURRENT_USER;

-- merch_admin runs jobs, with the owner's rights and no more; who may not call a function can't make it a job
GRANT merch_admin TO merch_test_clerk;
TRUNCATE tally;
REVOKE EXECUTE ON FUNCTION pg_reload_conf() FROM merch_test_clerk;
SET ROLE merch_test_clerk;
INSERT INTO merch.job (job, description, function) VALUES ('x', '', 'pg_catalog.pg_reload_conf');
CALL merch.run_job('good');
RESET ROLE;
SELECT job, by = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'merch.job'::regclass) AS by_owner FROM tally;

-- a person's page
SELECT topic, verdict FROM merch.status() WHERE topic NOT LIKE 'job %' ORDER BY topic COLLATE "C";
ALTER TABLE merch.promotion DISABLE TRIGGER guard_workflow;
SELECT verdict, detail FROM merch.status() WHERE topic = 'triggers';
ALTER TABLE merch.promotion ENABLE TRIGGER guard_workflow;

-- pg_cron is not here
\set VERBOSITY terse
SELECT merch.schedule_jobs();

REVOKE merch_admin FROM merch_test_clerk;
DROP OWNED BY merch_test_clerk;
DROP ROLE merch_test_clerk;
DELETE FROM merch.job WHERE job IN ('good', 'bad', 'idle');
UPDATE merch.job SET enabled = true;
DROP FUNCTION good, bad, always, takes;
DROP TABLE tally;

DROP EXTENSION pg_merch CASCADE;
DROP SCHEMA merch CASCADE;
CREATE EXTENSION pg_merch;
