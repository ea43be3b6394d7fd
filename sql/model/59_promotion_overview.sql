-- overview: how far every promotion is, in one line

CREATE OR REPLACE VIEW merch.promotion_overview WITH (security_invoker = true) AS
SELECT p.promotion_id,
       p.name,
       p.campaign_id,
       p.state,
       p.state_since,
       p.starts_at,
       p.ends_at,
       p.revision,
       s.done AS steps_done,
       s.failed AS steps_failed,
       s.error,
       a.allocation_id,
       a.state AS allocation,
       e.open AS price_events,
       e.active AS active_price_events,
       t.open AS tasks_open,
       t.done AS tasks_done,
       t.overdue AS tasks_overdue,
       t.next_due_at AS next_task_due_at
FROM merch.promotion p
LEFT JOIN merch.allocation a ON a.promotion_id = p.promotion_id AND a.state <> 'cancelled'
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE r.state = 'done') AS done,
           count(*) FILTER (WHERE r.state = 'failed') AS failed,
           (array_agg(split_part(r.error, E'\n', 1) ORDER BY m.ordinal) FILTER (WHERE r.state = 'failed'))[1] AS error
    FROM merch.preparation r
    JOIN merch.preparation_step m USING (step)
    WHERE r.promotion_id = p.promotion_id) s
CROSS JOIN LATERAL (
    SELECT count(*) AS open, count(*) FILTER (WHERE x.state = 'active') AS active
    FROM merch.price_event x
    WHERE x.promotion_id = p.promotion_id AND x.state NOT IN ('ended', 'withdrawn')) e
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE k.state IN ('open', 'started')) AS open,
           count(*) FILTER (WHERE k.state = 'done') AS done,
           count(*) FILTER (WHERE k.state IN ('open', 'started') AND k.due_at < now()) AS overdue,
           min(k.due_at) FILTER (WHERE k.state IN ('open', 'started')) AS next_due_at
    FROM merch.task k
    WHERE k.promotion_id = p.promotion_id AND k.state <> 'cancelled') t;
COMMENT ON VIEW merch.promotion_overview IS 'Every promotion in one line: its state, how far its preparation is, its allocation, prices and tasks.';
COMMENT ON COLUMN merch.promotion_overview.promotion_id IS 'The promotion.';
COMMENT ON COLUMN merch.promotion_overview.name IS 'Its name.';
COMMENT ON COLUMN merch.promotion_overview.campaign_id IS 'Its campaign; null if none.';
COMMENT ON COLUMN merch.promotion_overview.state IS 'Its state.';
COMMENT ON COLUMN merch.promotion_overview.state_since IS 'Since when it is in that state.';
COMMENT ON COLUMN merch.promotion_overview.starts_at IS 'When it starts.';
COMMENT ON COLUMN merch.promotion_overview.ends_at IS 'When it ends.';
COMMENT ON COLUMN merch.promotion_overview.revision IS 'How often it was changed.';
COMMENT ON COLUMN merch.promotion_overview.steps_done IS 'Steps of its preparation that are done.';
COMMENT ON COLUMN merch.promotion_overview.steps_failed IS 'Steps that have failed and are tried again.';
COMMENT ON COLUMN merch.promotion_overview.error IS 'Why the first of these failed; null if none has. In full: merch.preparation.';
COMMENT ON COLUMN merch.promotion_overview.allocation_id IS 'Its allocation that is not cancelled; null if it has none.';
COMMENT ON COLUMN merch.promotion_overview.allocation IS 'The state of that: running, active or released.';
COMMENT ON COLUMN merch.promotion_overview.price_events IS 'Its prices that have neither ended nor been withdrawn.';
COMMENT ON COLUMN merch.promotion_overview.active_price_events IS 'Those of them that customers pay now.';
COMMENT ON COLUMN merch.promotion_overview.tasks_open IS 'Its tasks that are open or started.';
COMMENT ON COLUMN merch.promotion_overview.tasks_done IS 'Its tasks that are done.';
COMMENT ON COLUMN merch.promotion_overview.tasks_overdue IS 'Its tasks that should have been done by now.';
COMMENT ON COLUMN merch.promotion_overview.next_task_due_at IS 'When the next of its open tasks is due; null if there is none.';
