-- clock: what is due by time, what refuses or fails, and that it stops no other
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT merch.create_model();

-- lamps that go on at a time and off two hours later; a guard that refuses, an action that fails
CREATE FUNCTION broken_lamps(keys bigint[]) RETURNS TABLE (row_key bigint, reason text) LANGUAGE sql STABLE AS
$$ SELECT k, format('lamp %s is broken', k) FROM unnest(keys) k WHERE k % 10 = 3 $$;
CREATE TABLE lit (lamp bigint, at_once int);
CREATE FUNCTION light_lamps(keys bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF 7 = ANY (keys) THEN
        RAISE EXCEPTION 'lamp 7 explodes' USING HINT = 'Leave it off.';
    END IF;
    INSERT INTO public.lit SELECT k, cardinality(keys) FROM unnest(keys) k;
END $$;
SELECT merch.define_workflow('lamp', '{
    "states": [{"state": "dark", "initial": true}, {"state": "lit"}, {"state": "gone", "final": true}],
    "transitions": [
        {"event": "light", "from": "dark", "to": "lit", "due_column": "lights_at", "guard": "public.broken_lamps", "action": "public.light_lamps"},
        {"event": "expire", "from": "lit", "to": "gone", "after": "2 hours"}]}', 'lamps');
CREATE TABLE lamp (lamp bigint PRIMARY KEY, state text NOT NULL DEFAULT 'dark', lights_at timestamptz);
SELECT merch.attach_workflow('lamp', 'lamp');
INSERT INTO lamp (lamp, lights_at)
SELECT n, CASE WHEN n <= 20 THEN now() - interval '1 day' WHEN n <= 30 THEN timestamptz '2090-01-01 00:00+00' END FROM generate_series(1, 35) n;
SELECT merch.next_due_transition() < now() AS overdue;

-- one statement, then by halves around the one that fails; refused ones wait
SELECT merch.make_due_transitions();
SELECT state, count(*), min(lamp), max(lamp) FROM lamp GROUP BY state ORDER BY state;
SELECT row_key, event, refused, attempts, error, error_code, retry_at > now() AS later FROM merch.clock_failure ORDER BY row_key::int;
SELECT max(at_once) > 4 AS many_at_once FROM lit;
SELECT event, actor = current_user AS by_me, reason, count(*) FROM merch.state_change
WHERE subject = 'lamp'::regclass AND from_state IS NOT NULL GROUP BY 1, 2, 3;
SELECT merch.make_due_transitions();
SELECT min(attempts), max(attempts) FROM merch.clock_failure;

-- the next is what comes first: a retry, or a row
SELECT merch.next_due_transition() = (SELECT min(retry_at) FROM merch.clock_failure) AS retry;
UPDATE merch.clock_failure SET retry_at = now() - interval '1 second';
SELECT merch.make_due_transitions();
SELECT row_key, attempts, retry_at - last_at > interval '1.5 minutes' AS backs_off FROM merch.clock_failure ORDER BY row_key::int;

-- one that is moved is due at its new time, whatever failed before
UPDATE lamp SET lights_at = now() + interval '3 days' WHERE lamp = 7;
SELECT merch.next_due_transition() = (SELECT min(f.retry_at) FROM merch.clock_failure f WHERE f.row_key <> '7') AS retry_of_others;
UPDATE lamp SET lights_at = now() - interval '1 minute' WHERE lamp = 3;
CREATE OR REPLACE FUNCTION broken_lamps(keys bigint[]) RETURNS TABLE (row_key bigint, reason text) LANGUAGE sql STABLE AS
$$ SELECT NULL::bigint, NULL::text WHERE false $$;
SELECT merch.make_due_transitions();
SELECT state FROM lamp WHERE lamp = 3;
SELECT row_key FROM merch.clock_failure ORDER BY row_key::int;

-- time in a state
SELECT merch.make_due_transitions();
ALTER TABLE lamp DISABLE TRIGGER guard_workflow;
UPDATE lamp SET state_since = state_since - interval '2 hours' WHERE lamp <= 5;
ALTER TABLE lamp ENABLE TRIGGER guard_workflow;
SELECT merch.make_due_transitions();
SELECT state, count(*) FROM lamp GROUP BY state ORDER BY state;

-- a guard that is dropped, one that raises: the error is noted, nothing else stops
DELETE FROM merch.clock_failure;
UPDATE lamp SET lights_at = now() - interval '1 hour' WHERE lamp IN (31, 32);
DROP FUNCTION broken_lamps;
SELECT merch.make_due_transitions();
SELECT row_key, refused, error_code, split_part(error, E'\n', 1) FROM merch.clock_failure WHERE row_key IN ('31', '32') ORDER BY 1;
CREATE FUNCTION broken_lamps(keys bigint[]) RETURNS TABLE (row_key bigint, reason text) LANGUAGE plpgsql STABLE AS
$$ BEGIN IF 32 = ANY (keys) THEN RAISE division_by_zero; END IF; END $$;
UPDATE merch.clock_failure SET retry_at = now() - interval '1 second';
SELECT merch.make_due_transitions();
SELECT row_key, refused, error_code, error FROM merch.clock_failure WHERE row_key IN ('31', '32') ORDER BY 1;

-- a trigger that keeps a row from being updated does not make the clock spin
UPDATE lamp SET lights_at = now() - interval '1 hour' WHERE lamp = 33;
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON lamp FOR EACH ROW WHEN (OLD.lamp = 33) EXECUTE FUNCTION keep();
SELECT merch.make_due_transitions();
SELECT row_key, error_code, error FROM merch.clock_failure WHERE row_key = '33';
SELECT merch.next_due_transition() > now() AS no_spin;

-- rows of a table whose rights the owner of the jobs does not have
CREATE ROLE merch_test_lamplighter;
GRANT EXECUTE ON FUNCTION merch.ask_guard TO merch_test_lamplighter;
SET ROLE merch_test_lamplighter;
SELECT * FROM merch.ask_guard('lamp', 'public.broken_lamps', '{1}'::bigint[]);
RESET ROLE;
DROP OWNED BY merch_test_lamplighter;
DROP ROLE merch_test_lamplighter;

-- what failed is an exception, and what was mended is one no more
SELECT condition, state, detail FROM merch.exception WHERE kind = 'failed job' ORDER BY condition COLLATE "C";

DELETE FROM merch.clock_failure;
SELECT merch.detach_workflow('lamp');
DROP TABLE lamp, lit;
DROP FUNCTION broken_lamps, light_lamps, keep;

DROP EXTENSION pg_merch CASCADE;
DROP SCHEMA merch CASCADE;
CREATE EXTENSION pg_merch;
