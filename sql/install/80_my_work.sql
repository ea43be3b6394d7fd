-- my_work: what waits for a person

-- compiling its plan would take longer than running it
CREATE FUNCTION merch.my_work()
RETURNS TABLE (
    kind text,
    id bigint,
    what text,
    promotion_id bigint,
    role text,
    due_at timestamptz,
    money_at_risk numeric,
    overdue boolean,
    how text
)
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    WITH mine AS MATERIALIZED (
        SELECT r.rolname AS role FROM pg_roles r WHERE merch.actor_has_role(r.rolname)
    ), vote AS MATERIALIZED (
        SELECT 'approval' AS kind, a.approval_id AS id, a.due_at, a.role::text,
               CASE a.subject WHEN 'merch.promotion'::regclass THEN a.row_key::bigint ELSE o.promotion_id END AS promotion_id,
               concat_ws(', ', format('%s %s', a.event, merch.row_name(a.subject, a.row_key)),
                         o.readiness_check || ': ' || o.reason,
                         format('rule "%s"', r.name),
                         a.measure || ' ' || round(a.value, 2) || ', above ' || a.above,
                         format('%s of %s votes', a.votes, a.needed),
                         'for ' || v.on_behalf_of) AS what,
               format('SELECT merch.approve(%s, ''reason'') or merch.decline(%1$s, ''reason'')', a.approval_id) AS how,
               1 AS probability, 10.0 AS minutes
        FROM merch.my_votes() v
        JOIN merch.approval a USING (approval_id)
        JOIN merch.approval_rule r USING (rule_id)
        LEFT JOIN merch.readiness_override o
            ON o.override_id = CASE a.subject WHEN 'merch.readiness_override'::regclass THEN a.row_key::bigint END
    ), owned AS MATERIALIZED (
        SELECT t.*
        FROM merch.task t
        WHERE t.state IN ('open', 'started') AND t.role IN (SELECT m.role FROM mine m)
    ), task AS MATERIALIZED (
        SELECT 'task' AS kind, t.task_id AS id, t.due_at, t.role::text, t.promotion_id,
               format('%s%s: %s', t.task, ' at ' || l.name, m.description) AS what,
               format(CASE t.state WHEN 'open' THEN 'SELECT merch.start_task(%s)' ELSE 'SELECT merch.complete_task(%s)' END,
                      t.task_id) AS how,
               -- as of stores that are not ready: how likely it costs, and which part
               coalesce((SELECT k.probability * k.loss_share FROM merch.exception_kind k WHERE k.kind = 'store not ready'), 0.2)
                   / CASE WHEN t.location_id IS NULL THEN 1
                          ELSE greatest(count(*) OVER (PARTITION BY t.promotion_id, t.task, t.location_id IS NULL), 1) END AS probability,
               extract(epoch FROM m.takes) / 60 AS minutes
        FROM owned t
        JOIN merch.task_template m USING (task)
        LEFT JOIN merch.location l USING (location_id)
        WHERE t.task_id NOT IN (SELECT b.row_key FROM merch.blocked_tasks(ARRAY(SELECT o.task_id FROM owned o)) b)
    ), promoted AS (
        SELECT w.*, round(x.value, 2) AS money, extract(epoch FROM p.ends_at - p.starts_at) / 3600 AS hours
        FROM (TABLE vote UNION ALL TABLE task) w
        LEFT JOIN merch.promotion p USING (promotion_id)
        LEFT JOIN merch.money_at_risk(ARRAY(SELECT v.promotion_id FROM vote v UNION SELECT t.promotion_id FROM task t)) x
            ON x.row_key = w.promotion_id
    ), work AS (
        SELECT p.kind, p.id, p.what, p.promotion_id, p.role, p.due_at, p.due_at AS wanted_at, p.money, p.how, p.probability,
               p.minutes, p.hours
        FROM promoted p
        UNION ALL
        SELECT 'exception', q.exception_id, format('%s: %s %s', q.kind, q.detail, q.remedy), q.promotion_id, q.role,
               q.deadline, coalesce(q.due, q.deadline), q.money_at_risk,
               format(CASE q.state WHEN 'acknowledged' THEN 'SELECT merch.resolve_exception(%s)'
                                   ELSE 'SELECT merch.acknowledge_exception(%s)' END, q.exception_id),
               q.probability, q.handling_minutes, q.money_at_risk / nullif(q.loss_per_hour, 0)
        FROM merch.exception_queue q
        WHERE q.role IN (SELECT m.role FROM mine m)
    )
    SELECT w.kind, w.id, w.what, w.promotion_id, w.role, w.due_at, w.money, w.due_at < now(), w.how
    FROM work w
    CROSS JOIN merch.exception_order o
    ORDER BY merch.exception_priority(w.probability::float8, coalesce(w.money, 0)::float8, greatest(coalesce(w.hours, 24), 0.01)::float8,
                                      greatest(w.minutes, 1)::float8, extract(epoch FROM w.wanted_at - now())::float8 / 60,
                                      o.look_ahead::float8, avg(greatest(w.minutes, 1)::float8) OVER ()) DESC,
             w.due_at, w.kind, w.id
$$;
COMMENT ON FUNCTION merch.my_work() IS
'What waits for who asks, what is best done first: approvals on which they may vote (also for who has delegated it to them), tasks of their roles that can be started or completed, exceptions of their roles. how is the call to make.';
