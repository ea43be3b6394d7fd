-- clock: transitions that time makes
--
-- There are no timers to set, move or lose: what is due is read from the rows, by due_column
-- or by state_since + after. So a row that is moved is moved, and what a downtime missed is
-- due when it is over.

CREATE TYPE merch.timed_transition AS (
    subject regclass, workflow text, version int, event text, from_state text, guard text, needs_approval boolean,
    due text, key_column name, key_type text, state_column name
);
COMMENT ON TYPE merch.timed_transition IS
'A transition that time makes, of an attached table; due is the expression, of a row t, that says when.';

CREATE FUNCTION merch.timed_transitions()
RETURNS SETOF merch.timed_transition
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.subject, a.workflow, t.version, t.event, t.from_state, t.guard, t.needs_approval,
           CASE WHEN t.due_column IS NOT NULL THEN format('t.%I::timestamptz', t.due_column)
                ELSE format('(t.state_since + %L::interval)', t.after) END,
           a.key_column, format_type(k.atttypid, NULL), a.state_column
    FROM merch.workflow_table a
    JOIN pg_attribute k ON k.attrelid = a.subject AND k.attname = a.key_column
    JOIN merch.workflow_transition t USING (workflow)
    WHERE num_nonnulls(t.due_column, t.after) > 0
    ORDER BY a.subject::oid, t.version, t.from_state, t.event
$$;
COMMENT ON FUNCTION merch.timed_transitions() IS
'The transitions that time makes, of all attached tables.';

-- The state is written into the query as a constant, so that partial indexes serve.
CREATE FUNCTION merch.timed_rows(way merch.timed_transition)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('FROM %1$s t
                   LEFT JOIN merch.clock_failure f
                     ON f.subject = %1$L::regclass AND f.row_key = t.%2$I::text AND f.event = %3$L AND f.due_at = %4$s
                   WHERE t.%5$I = %6$L AND t.workflow_version = %7$s AND %4$s IS NOT NULL',
                  (way).subject, (way).key_column, (way).event, (way).due, (way).state_column, (way).from_state, (way).version)
$$;
COMMENT ON FUNCTION merch.timed_rows(merch.timed_transition) IS
'The part of a query, from FROM on, that finds the rows t that wait for a timed transition, and their failure f if it holds for that moment.';

CREATE FUNCTION merch.clock_condition(subject regclass, event text, row_key text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('%s of %s %s', event, subject, row_key) $$;
COMMENT ON FUNCTION merch.clock_condition(regclass, text, text) IS
'What an exception of kind failed job is about, where a timed transition failed.';

CREATE FUNCTION merch.next_due_transition()
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    way merch.timed_transition;
    due timestamptz;
    first timestamptz;
BEGIN
    FOR way IN SELECT * FROM merch.timed_transitions() LOOP
        EXECUTE format('SELECT least((SELECT min(%1$s) %2$s AND f.row_key IS NULL),
                                     (SELECT min(f.retry_at) %2$s AND f.row_key IS NOT NULL))', way.due, merch.timed_rows(way))
        INTO due;
        first := least(first, due);
    END LOOP;
    RETURN first;
END
$$;
COMMENT ON FUNCTION merch.next_due_transition() IS
'When the next transition is due that time makes; in the past if one is overdue, null if there is none. Says when job clock is due.';

CREATE FUNCTION merch.ask_guard(subject regclass, guard text, keys anyarray)
RETURNS TABLE (row_key text, reason text)
AS 'MODULE_PATHNAME', 'merch_ask_guard'
LANGUAGE C VOLATILE STRICT ROWS 10;
COMMENT ON FUNCTION merch.ask_guard(regclass, text, anyarray) IS
'What the guard of a transition refuses, and why: called with the rights of the table''s owner, which the caller must have.';

CREATE FUNCTION merch.refused_keys(way merch.timed_transition, keys text[])
RETURNS TABLE (row_key text, reason text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF way.guard IS NOT NULL THEN
        RETURN QUERY EXECUTE format('SELECT g.row_key, g.reason FROM merch.ask_guard($1, $2, $3::%s[]) g', way.key_type)
                     USING way.subject, way.guard, keys;
    END IF;
    IF way.needs_approval THEN
        RETURN QUERY EXECUTE 'SELECT m.row_key, m.reason FROM merch.missing_approvals($1, $2, $3, $4, $5) m'
                     USING way.subject, way.workflow, way.version, way.event, keys;
    END IF;
END
$$;
COMMENT ON FUNCTION merch.refused_keys(merch.timed_transition, text[]) IS
'The rows that the guard of a transition, or an approval that is missing, would refuse, and why.';

-- The pause doubles up to an hour for errors; who was refused is asked again within a minute;
-- a row that somebody holds is looked at every second.
CREATE FUNCTION merch.note_clock_failures(
    way merch.timed_transition, keys text[], due timestamptz[], reasons text[], code text, is_alone boolean DEFAULT false
)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO merch.clock_failure AS f (subject, row_key, event, due_at, refused, alone, attempts, error, error_code, retry_at)
    SELECT (way).subject, k.row_key, (way).event, k.due_at, code IS NULL, is_alone, 1, k.reason, code,
           clock_timestamp() + CASE WHEN is_alone THEN interval '0' WHEN merch.is_transient(code) THEN interval '1 second'
                                    WHEN code IS NULL THEN interval '5 seconds' ELSE interval '1 minute' END
    FROM unnest(keys, due, reasons) AS k(row_key, due_at, reason)
    ON CONFLICT ON CONSTRAINT clock_failure_pkey DO UPDATE
    SET due_at = excluded.due_at, refused = excluded.refused, error = excluded.error, error_code = excluded.error_code,
        alone = f.alone AND f.due_at = excluded.due_at OR is_alone,
        first_at = CASE WHEN f.due_at = excluded.due_at THEN f.first_at ELSE excluded.first_at END,
        last_at = excluded.last_at,
        attempts = CASE WHEN f.due_at = excluded.due_at THEN f.attempts ELSE 0 END + 1,
        retry_at = CASE WHEN f.due_at <> excluded.due_at OR is_alone OR merch.is_transient(code) THEN excluded.retry_at
                        WHEN code IS NULL THEN clock_timestamp() + least(interval '5 seconds' * (f.attempts + 1), interval '1 minute')
                        ELSE clock_timestamp() + least(interval '1 minute' * 2 ^ least(f.attempts, 20), interval '1 hour') END
$$;
COMMENT ON FUNCTION merch.note_clock_failures(merch.timed_transition, text[], timestamptz[], text[], text, boolean) IS
'Notes rows whose timed transition was refused (code null) or failed, to be tried again later; is_alone: at once, each in a transaction of its own. Used by merch.make_due_transitions().';

CREATE FUNCTION merch.fire_allowed(way merch.timed_transition, keys text[], due timestamptz[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refused record;
    allowed text[];
    fired bigint;
    mended text[];
BEGIN
    SELECT array_agg(r.row_key) AS keys, array_agg(k.due_at) AS due, array_agg(r.reason) AS reasons
    INTO refused
    FROM (SELECT x.row_key, string_agg(x.reason, ', ') AS reason FROM merch.refused_keys(way, keys) x GROUP BY x.row_key) r
    JOIN unnest(keys, due) k(row_key, due_at) USING (row_key);
    IF refused.keys IS NOT NULL THEN
        PERFORM merch.note_clock_failures(way, refused.keys, refused.due, refused.reasons, NULL);
    END IF;
    SELECT array_agg(k ORDER BY k) INTO allowed FROM unnest(keys) k WHERE k <> ALL (coalesce(refused.keys, '{}'));
    IF allowed IS NULL THEN
        RETURN 0;
    END IF;
    fired := merch.fire_as_system(way.subject, allowed, way.event, 'it is time');
    IF fired <> cardinality(allowed) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('%s of %s rows of "%s" did not make the transition "%s"',
                             cardinality(allowed) - fired, cardinality(allowed), way.subject, way.event),
            HINT = 'Does a trigger of the table keep them from being updated?';
    END IF;
    WITH gone AS (
        DELETE FROM merch.clock_failure f
        WHERE f.subject = way.subject AND f.event = way.event AND f.row_key = ANY (allowed)
        RETURNING merch.clock_condition(f.subject, f.event, f.row_key) AS condition)
    SELECT array_agg(g.condition) INTO mended FROM gone g;
    IF mended IS NOT NULL THEN
        PERFORM merch.resolve_exceptions('failed job', mended, 'it was made');
    END IF;
    RETURN fired;
END
$$;
COMMENT ON FUNCTION merch.fire_allowed(merch.timed_transition, text[], timestamptz[]) IS
'Makes a timed transition of those rows that nothing refuses, and notes the others. Used by merch.try_fire().';

CREATE FUNCTION merch.try_fire(
    way merch.timed_transition, keys text[], due timestamptz[], timeout_ms int,
    OUT fired bigint, OUT error text, OUT error_code text
)
AS 'MODULE_PATHNAME', 'merch_try_fire'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION merch.try_fire(merch.timed_transition, text[], timestamptz[], int) IS
'merch.fire_allowed() that gives an error back instead of raising it, also when it takes longer than timeout_ms. Used by merch.make_due_transitions().';

-- All at once; if that fails, by halves, until what fails is alone. What takes too long is
-- tried row by row in transactions of its own, so that the others need not wait for it.
CREATE FUNCTION merch.fire_due(way merch.timed_transition, keys text[], due timestamptz[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n CONSTANT int := cardinality(keys);
    outcome record;
BEGIN
    SELECT * INTO outcome FROM merch.try_fire(way, keys, due, 30000);
    IF outcome.error IS NULL THEN
        RETURN outcome.fired;
    ELSIF n = 1 OR outcome.error_code = '57014' THEN
        PERFORM merch.note_clock_failures(way, keys, due, array_fill(outcome.error, ARRAY[n]), outcome.error_code, n > 1);
        IF n = 1 AND NOT merch.is_transient(outcome.error_code) THEN
            PERFORM merch.raise_exception('failed job', merch.clock_condition(way.subject, way.event, keys[1]), outcome.error,
                                          promotion_id => CASE way.subject WHEN to_regclass('merch.promotion') THEN keys[1]::bigint END);
        END IF;
        RETURN 0;
    END IF;
    RETURN merch.fire_due(way, keys[:n / 2], due[:n / 2]) + merch.fire_due(way, keys[n / 2 + 1:], due[n / 2 + 1:]);
END
$$;
COMMENT ON FUNCTION merch.fire_due(merch.timed_transition, text[], timestamptz[]) IS
'Makes a timed transition of rows; those that fail are noted and stop no other. Used by merch.make_due_transitions().';

CREATE FUNCTION merch.make_due(way merch.timed_transition, only_alone boolean, row_limit int)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
    keys text[];
    due timestamptz[];
BEGIN
    EXECUTE format('SELECT array_agg(x.key), array_agg(x.due)
                    FROM (SELECT t.%1$I::text, %2$s %3$s AND %2$s <= $1
                            AND coalesce(f.retry_at <= $1, true) AND coalesce(f.alone, false) = $2
                          ORDER BY %2$s, t.%1$I LIMIT $3 FOR NO KEY UPDATE OF t SKIP LOCKED) x(key, due)',
                   way.key_column, way.due, merch.timed_rows(way))
    INTO keys, due USING moment, only_alone, row_limit;
    IF keys IS NOT NULL THEN
        RETURN merch.fire_due(way, keys, due);
    END IF;
    -- what is due and was not got is held by somebody
    EXECUTE format('SELECT array_agg(x.key), array_agg(x.due)
                    FROM (SELECT t.%1$I::text, %2$s %3$s AND %2$s <= $1
                            AND coalesce(f.retry_at <= $1, true) AND coalesce(f.alone, false) = $2
                          LIMIT $3) x(key, due)',
                   way.key_column, way.due, merch.timed_rows(way))
    INTO keys, due USING moment, only_alone, row_limit;
    IF keys IS NOT NULL THEN
        PERFORM merch.note_clock_failures(way, keys, due, array_fill('another session holds the row'::text, ARRAY[cardinality(keys)]), '55P03');
    END IF;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION merch.make_due(merch.timed_transition, boolean, int) IS
'Makes one timed transition of the rows for which it is due, up to row_limit of them; only_alone: of those that are to be tried alone. Used by merch.make_due_transitions().';

CREATE FUNCTION merch.make_due_transitions()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    way merch.timed_transition;
    fired bigint := 0;
BEGIN
    FOR way IN SELECT * FROM merch.timed_transitions() LOOP
        fired := fired + merch.make_due(way, false, 10000);
    END LOOP;
    IF fired = 0 AND EXISTS (SELECT FROM merch.clock_failure f WHERE f.alone AND f.retry_at <= clock_timestamp()) THEN
        FOR way IN SELECT * FROM merch.timed_transitions() LOOP
            fired := merch.make_due(way, true, 1);
            EXIT WHEN fired > 0;
        END LOOP;
    END IF;
    RETURN fired;
END
$$;
COMMENT ON FUNCTION merch.make_due_transitions() IS
'Makes every transition that is due by time, of all attached tables; returns how many rows made one. What is refused or fails is noted in merch.clock_failure and stops no other. Job clock; call it again until it returns 0.';
