-- tasks: made from templates, in order, with the time that each took

CREATE FUNCTION merch.stamp_states()
RETURNS trigger
AS 'MODULE_PATHNAME', 'merch_stamp_states'
LANGUAGE C;
COMMENT ON FUNCTION merch.stamp_states() IS
'Trigger, before each row of an UPDATE: notes when the row came into states. Arguments: the column of the state, then pairs of a state and "+column", set to now() as the row comes into the state, or "-column", set to null then. Else these columns keep their values, whatever a statement says.';

CREATE FUNCTION merch.check_task_templates()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
BEGIN
    SELECT t.task, d.name INTO wrong
    FROM merch.task_template t
    CROSS JOIN LATERAL unnest(t.depends_on) d(name)
    WHERE NOT EXISTS (SELECT FROM merch.task_template o WHERE o.task = d.name)
    ORDER BY 1, 2 LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('task "%s" depends on "%s", which is not a task', wrong.task, wrong.name),
            HINT = 'The tasks are the rows of merch.task_template. One that is not wanted any more: active = false.';
    END IF;

    WITH RECURSIVE walk AS (
        SELECT t.task AS start, d.name AS at, ARRAY[t.task, d.name] AS path
        FROM merch.task_template t
        CROSS JOIN LATERAL unnest(t.depends_on) d(name)
        UNION ALL
        SELECT w.start, d.name, w.path || d.name
        FROM walk w
        JOIN merch.task_template t ON t.task = w.at
        CROSS JOIN LATERAL unnest(t.depends_on) d(name)
        WHERE w.at <> w.start AND d.name <> ALL (w.path[2:])
    )
    SELECT w.path INTO wrong FROM walk w WHERE w.at = w.start ORDER BY cardinality(w.path), w.path LIMIT 1;
    IF FOUND THEN
        RAISE check_violation USING
            MESSAGE = format('tasks would wait for each other: %s', array_to_string(wrong.path, ' → ')),
            HINT = 'None of them could ever be started: take one of these out of depends_on of merch.task_template.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION merch.check_task_templates() IS
'Trigger of merch.task_template: refuses tasks that depend on tasks that do not exist, or on themselves.';

-- Who has less time than the template asks for is not late from the beginning.
CREATE FUNCTION merch.task_due(starts_at timestamptz, due_before interval, takes interval, created_at timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN greatest(starts_at - due_before, least(created_at + takes, starts_at));
COMMENT ON FUNCTION merch.task_due(timestamptz, interval, interval, timestamptz) IS
'When a task is due, from the promotion''s start, how long before, how long it takes, and when it was made.';

CREATE FUNCTION merch.wanted_tasks(promotions bigint[])
RETURNS TABLE (promotion_id bigint, task text, location_id int, role name, starts_at timestamptz, due_before interval, takes interval)
LANGUAGE sql STABLE ROWS 1000
AS $$
    SELECT p.promotion_id, m.task, l.location_id, m.role, p.starts_at, m.due_before, m.takes
    FROM merch.promotion p
    JOIN merch.task_template m ON m.active
    LEFT JOIN (merch.promotion_location pl JOIN merch.location l USING (location_id))
        ON m.scope = 'location' AND pl.promotion_id = p.promotion_id AND l.kind = ANY (m.location_kinds)
    WHERE p.promotion_id = ANY (promotions) AND p.state IN ('approved', 'preparing', 'ready')
      AND (m.scope = 'promotion' OR l.location_id IS NOT NULL)
$$;
COMMENT ON FUNCTION merch.wanted_tasks(bigint[]) IS
'The tasks that promotions should have by their templates and locations. Used by merch.prepare_tasks().';

-- A null location equals itself, and to be hashed it must be a value: hence the coalesce.
CREATE FUNCTION merch.prepare_tasks(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    unwanted text[];
BEGIN
    SELECT array_agg(t.task_id::text) INTO unwanted
    FROM merch.task t
    JOIN merch.promotion p USING (promotion_id)
    WHERE t.promotion_id = ANY (promotions) AND t.state IN ('open', 'started') AND p.state IN ('approved', 'preparing', 'ready')
      AND NOT EXISTS (SELECT FROM merch.wanted_tasks(promotions) w
                      WHERE w.promotion_id = t.promotion_id AND w.task = t.task
                        AND coalesce(w.location_id, 0) = coalesce(t.location_id, 0)
                        AND w.location_id IS NOT DISTINCT FROM t.location_id);
    IF unwanted IS NOT NULL THEN
        PERFORM merch.fire_as_system('merch.task', unwanted, 'cancel', 'the promotion does not need it any more');
    END IF;

    UPDATE merch.task t
    SET due_at = merch.task_due(w.starts_at, w.due_before, w.takes, t.created_at)
    FROM merch.wanted_tasks(promotions) w
    WHERE t.promotion_id = w.promotion_id AND t.task = w.task AND coalesce(t.location_id, 0) = coalesce(w.location_id, 0)
      AND t.location_id IS NOT DISTINCT FROM w.location_id AND t.state IN ('open', 'started')
      AND t.due_at <> merch.task_due(w.starts_at, w.due_before, w.takes, t.created_at);

    INSERT INTO merch.task (promotion_id, task, location_id, role, due_at)
    SELECT w.promotion_id, w.task, w.location_id, w.role, merch.task_due(w.starts_at, w.due_before, w.takes, now())
    FROM merch.wanted_tasks(promotions) w
    WHERE NOT EXISTS (SELECT FROM merch.task t
                      WHERE t.promotion_id = w.promotion_id AND t.task = w.task AND t.state <> 'cancelled'
                        AND coalesce(t.location_id, 0) = coalesce(w.location_id, 0)
                        AND t.location_id IS NOT DISTINCT FROM w.location_id)
    ORDER BY w.promotion_id, w.task, w.location_id;
END
$$;
COMMENT ON FUNCTION merch.prepare_tasks(bigint[]) IS
'Brings the tasks of promotions in line with the templates, their locations and their start: makes what is missing, moves what is due at another time, cancels what is not needed any more. Tasks of live promotions stay as they are. A step of preparation.';

CREATE FUNCTION merch.cancel_tasks(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.fire_as_system('merch.task', array_agg(t.task_id::text), 'cancel', 'the promotion is over')
    FROM merch.task t
    WHERE t.promotion_id = ANY (promotions) AND t.state IN ('open', 'started')
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION merch.cancel_tasks(bigint[]) IS
'Cancels the tasks of promotions that are not done. Part of their end and of their cancellation.';

-- Called once a statement, with all tasks that it would start or complete: what they depend on
-- is looked up promotion by promotion, not task by task.
CREATE FUNCTION merch.blocked_tasks(tasks bigint[])
RETURNS TABLE (row_key bigint, reason text)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT t.task_id, t.promotion_id, t.task, t.location_id
        FROM unnest(tasks) k(task_id)
        JOIN merch.task t USING (task_id)
        JOIN merch.task_template m USING (task)
        WHERE m.depends_on <> '{}'
    ), undone AS MATERIALIZED (
        SELECT d.promotion_id, d.task, d.location_id, d.state, m.task AS stopped
        FROM merch.task d
        JOIN merch.task_template m ON d.task = ANY (m.depends_on)
        WHERE d.promotion_id IN (SELECT a.promotion_id FROM asked a) AND d.state IN ('open', 'started')
          AND m.task IN (SELECT a.task FROM asked a)
    ), stopped AS (
        SELECT a.task_id, u.task, u.location_id, u.state
        FROM asked a
        JOIN undone u ON u.promotion_id = a.promotion_id AND u.stopped = a.task AND u.location_id = a.location_id
        UNION ALL
        SELECT a.task_id, u.task, u.location_id, u.state
        FROM asked a
        JOIN undone u ON u.promotion_id = a.promotion_id AND u.stopped = a.task
        WHERE u.location_id IS NULL OR a.location_id IS NULL
    )
    SELECT s.task_id,
           CASE WHEN count(*) > 1 THEN format('task "%s" is not done at %s locations', s.task, count(*))
                ELSE format('task "%s"%s is %s', s.task, ' at location ' || min(s.location_id), min(s.state)) END
    FROM stopped s
    GROUP BY s.task_id, s.task
    ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION merch.blocked_tasks(bigint[]) IS
'Tasks that can''t be started or done yet, and what must be done before. The guard of events start and complete.';

CREATE FUNCTION merch.fire_task(task_id bigint, event text, note text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := fire_task.task_id;
BEGIN
    PERFORM FROM merch.task t WHERE t.task_id = id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('task %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The tasks to do are the rows of merch.store_tasks.';
    END IF;
    IF fire_task.note IS NOT NULL THEN
        UPDATE merch.task t SET note = fire_task.note WHERE t.task_id = id AND t.note IS DISTINCT FROM fire_task.note;
    END IF;
    RETURN merch.fire('merch.task', id::text, event, fire_task.note);
END
$$;
COMMENT ON FUNCTION merch.fire_task(bigint, text, text) IS
'Makes a task change its state by an event, with a note. Used by merch.start_task(), merch.complete_task() and merch.reopen_task().';

CREATE FUNCTION merch.start_task(task_id bigint, note text DEFAULT NULL)
RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.fire_task(start_task.task_id, 'start', start_task.note)
$$;
COMMENT ON FUNCTION merch.start_task(bigint, text) IS
'Says that work on a task has begun, as a member of its role, with a note if there is one. Returns its state.';

CREATE FUNCTION merch.complete_task(task_id bigint, note text DEFAULT NULL)
RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.fire_task(complete_task.task_id, 'complete', complete_task.note)
$$;
COMMENT ON FUNCTION merch.complete_task(bigint, text) IS
'Says that a task is done, as a member of its role, with a note if there is one. Returns its state.';

CREATE FUNCTION merch.reopen_task(task_id bigint, note text DEFAULT NULL)
RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.fire_task(reopen_task.task_id, 'reopen', reopen_task.note)
$$;
COMMENT ON FUNCTION merch.reopen_task(bigint, text) IS
'Says that a task that was done must be done again, as a member of its role. Returns its state.';
