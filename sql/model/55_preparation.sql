-- preparation: what an approved promotion starts by itself, step by step, and how far it is

CREATE TABLE IF NOT EXISTS merch.preparation_step (
    step text PRIMARY KEY,
    ordinal int NOT NULL UNIQUE,
    function text NOT NULL,
    at_launch text,
    at_end text,
    undo text,
    description text NOT NULL
);
COMMENT ON TABLE merch.preparation_step IS 'The steps that prepare an approved promotion: functions of many promotions at once. A row more is a step more. What a row names runs with the rights of the owner of merch.promotion: let nobody else write here.';
COMMENT ON COLUMN merch.preparation_step.step IS 'The step''s name.';
COMMENT ON COLUMN merch.preparation_step.ordinal IS 'Its place among the steps: they run in this order, and are undone in reverse.';
COMMENT ON COLUMN merch.preparation_step.function IS 'The function of bigint[], with its schema, that brings the step''s work in line with the given promotions as they are now; it writes nothing where all is in line.';
COMMENT ON COLUMN merch.preparation_step.at_launch IS 'The function of bigint[] that runs when promotions go live; null for none.';
COMMENT ON COLUMN merch.preparation_step.at_end IS 'The function of bigint[] that runs when promotions end; null for none.';
COMMENT ON COLUMN merch.preparation_step.undo IS 'The function of bigint[] that takes the work back when promotions are cancelled; null for none.';
COMMENT ON COLUMN merch.preparation_step.description IS 'What the step does, in words.';

INSERT INTO merch.preparation_step (step, ordinal, function, at_launch, at_end, undo, description) VALUES
    ('price_events', 100, 'merch.prepare_price_events', 'merch.activate_price_events', 'merch.end_price_events',
     'merch.withdraw_price_events', 'A price event for every item whose offer has a price.'),
    ('allocation', 200, 'merch.prepare_allocation', NULL, 'merch.end_allocations',
     'merch.cancel_allocations', 'The items split among the locations, and the units reserved.'),
    ('replenishment', 300, 'merch.prepare_replenishment', NULL, 'merch.reset_replenishment',
     'merch.reset_replenishment', 'Raised replenishment parameters of its locations for its period.'),
    ('waves', 400, 'merch.prepare_waves', NULL, NULL,
     NULL, 'The allocation released to the warehouses, merch.release_days before its first goods leave; until then by merch.release_due().'),
    ('tasks', 500, 'merch.prepare_tasks', NULL, 'merch.cancel_tasks',
     'merch.cancel_tasks', 'The tasks of merch.task_template, with owner role and due time.')
ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS merch.preparation (
    promotion_id bigint REFERENCES merch.promotion ON DELETE CASCADE,
    step text REFERENCES merch.preparation_step ON UPDATE CASCADE ON DELETE CASCADE,
    state text NOT NULL,
    revision int NOT NULL,
    period daterange NOT NULL,
    scope text NOT NULL,
    done_at timestamptz,
    error text,
    error_code text,
    attempts int NOT NULL DEFAULT 0,
    failed_at timestamptz,
    next_attempt_at timestamptz,
    PRIMARY KEY (promotion_id, step),
    CONSTRAINT preparation_state_known CHECK (state IN ('done', 'failed', 'undone')),
    CONSTRAINT preparation_failure_has_an_error CHECK ((state = 'failed') = (error IS NOT NULL)),
    CONSTRAINT preparation_failure_is_tried_again
        CHECK ((state = 'failed') = (attempts > 0) AND (state = 'failed') = (next_attempt_at IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS preparation_failed ON merch.preparation (next_attempt_at) WHERE state = 'failed';
COMMENT ON TABLE merch.preparation IS 'How far the preparation of promotions is: a row for each step that was tried.';
COMMENT ON COLUMN merch.preparation.promotion_id IS 'The promotion.';
COMMENT ON COLUMN merch.preparation.step IS 'The step.';
COMMENT ON COLUMN merch.preparation.state IS 'done: its work is in line with the promotion as of the revision; failed: see error, merch.prepare_pending() tries again; undone: taken back, as the promotion was cancelled.';
COMMENT ON COLUMN merch.preparation.revision IS 'The promotion''s revision when the step was last done or tried.';
COMMENT ON COLUMN merch.preparation.period IS 'The promotion''s days then.';
COMMENT ON COLUMN merch.preparation.scope IS 'A digest of its items, their offers'' rewards, and its locations then; see merch.promotion_scope().';
COMMENT ON COLUMN merch.preparation.done_at IS 'When it was last done or undone; null if never.';
COMMENT ON COLUMN merch.preparation.error IS 'Why it failed: message, detail and hint; null if it did not.';
COMMENT ON COLUMN merch.preparation.error_code IS 'The SQLSTATE of the error; null if it did not fail.';
COMMENT ON COLUMN merch.preparation.attempts IS 'How often it has failed since it was last done.';
COMMENT ON COLUMN merch.preparation.failed_at IS 'When it last failed; null if it is not failed.';
COMMENT ON COLUMN merch.preparation.next_attempt_at IS 'When merch.prepare_pending() tries it again; null if it is not failed.';
