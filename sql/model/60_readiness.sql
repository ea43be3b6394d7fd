-- readiness: the checks, their verdicts, and what has to be evaluated anew

CREATE TABLE IF NOT EXISTS merch.readiness_check (
    readiness_check text PRIMARY KEY,
    title text NOT NULL,
    function text NOT NULL,
    neighbours text,
    kind text NOT NULL,
    weight numeric(10, 2) NOT NULL DEFAULT 1,
    threshold numeric,
    remedy text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    CONSTRAINT readiness_check_kind_known CHECK (kind IN ('gate', 'warning')),
    CONSTRAINT readiness_check_weight_not_negative CHECK (weight >= 0 AND weight <> 'NaN'),
    CONSTRAINT readiness_check_threshold_is_a_number CHECK (threshold <> 'NaN')
);
COMMENT ON TABLE merch.readiness_check IS 'The checks that promotions must pass before they go live. A row more is a check more. What a row names runs with the rights of who evaluates, such as the worker''s: let nobody else write here.';
COMMENT ON COLUMN merch.readiness_check.readiness_check IS 'The check''s name.';
COMMENT ON COLUMN merch.readiness_check.title IS 'What people call the check.';
COMMENT ON COLUMN merch.readiness_check.function IS 'The function of bigint[], with its schema, that checks the given promotions: it returns rows of promotion_id, passed, figure, money_at_risk and detail. A promotion without a row passes; where passed is null the figure decides; where money_at_risk is null it is what the figure lacks of 1, as a share of the promotion''s expected margin.';
COMMENT ON COLUMN merch.readiness_check.neighbours IS 'The function of bigint[] that returns promotions whose verdict can change as the given ones do; null for a check that looks at nothing but the promotion itself.';
COMMENT ON COLUMN merch.readiness_check.kind IS 'gate: a promotion that fails is not ready and can''t go live; warning: it only lowers the score.';
COMMENT ON COLUMN merch.readiness_check.weight IS 'Its share in the score, relative to the weights of the others; at least 0.';
COMMENT ON COLUMN merch.readiness_check.threshold IS 'Where the function leaves it to the figure: the least figure that passes.';
COMMENT ON COLUMN merch.readiness_check.remedy IS 'What helps when it fails, in words.';
COMMENT ON COLUMN merch.readiness_check.active IS 'Whether it is evaluated and counts.';

CREATE TABLE IF NOT EXISTS merch.readiness_result (
    promotion_id bigint REFERENCES merch.promotion ON DELETE CASCADE,
    readiness_check text REFERENCES merch.readiness_check ON UPDATE CASCADE ON DELETE CASCADE,
    passed boolean NOT NULL,
    figure numeric,
    money_at_risk numeric(20, 2),
    detail text,
    evaluated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (promotion_id, readiness_check)
);
CREATE INDEX IF NOT EXISTS readiness_result_failed ON merch.readiness_result (readiness_check, promotion_id) WHERE NOT passed;
COMMENT ON TABLE merch.readiness_result IS 'The verdict of every check on every promotion before its launch, as it was when it last changed. Written by merch.evaluate_readiness().';
COMMENT ON COLUMN merch.readiness_result.promotion_id IS 'The promotion.';
COMMENT ON COLUMN merch.readiness_result.readiness_check IS 'The check.';
COMMENT ON COLUMN merch.readiness_result.passed IS 'Whether it passes.';
COMMENT ON COLUMN merch.readiness_result.figure IS 'The figure behind the verdict, as the check''s title says, mostly a share from 0 to 1; null if there is none.';
COMMENT ON COLUMN merch.readiness_result.money_at_risk IS 'Margin that is expected of what fails; null if it passes or nobody knows.';
COMMENT ON COLUMN merch.readiness_result.detail IS 'What fails, in words; null if it passes.';
COMMENT ON COLUMN merch.readiness_result.evaluated_at IS 'Since when this is the verdict: rows that would not change are not written.';

CREATE TABLE IF NOT EXISTS merch.promotion_readiness (
    promotion_id bigint PRIMARY KEY REFERENCES merch.promotion ON DELETE CASCADE,
    probability float8,
    next_evaluation_at timestamptz NOT NULL,
    CONSTRAINT promotion_readiness_probability_is_one CHECK (probability BETWEEN 0 AND 1)
);
CREATE INDEX IF NOT EXISTS promotion_readiness_next ON merch.promotion_readiness (next_evaluation_at);
COMMENT ON TABLE merch.promotion_readiness IS 'What else is known of promotions before their launch. Written by merch.evaluate_readiness().';
COMMENT ON COLUMN merch.promotion_readiness.promotion_id IS 'The promotion.';
COMMENT ON COLUMN merch.promotion_readiness.probability IS 'The probability, as of the full hour, that its tasks are done and its transfers received by its start; null before it is approved.';
COMMENT ON COLUMN merch.promotion_readiness.next_evaluation_at IS 'When the passing of time alone can change its verdicts: it is evaluated again then.';

-- No unique index, as on merch.dirty_item: a mark that is there already may be just being taken.
CREATE TABLE IF NOT EXISTS merch.dirty_promotion (
    promotion_id bigint,
    item_id bigint,
    location_id int,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT dirty_promotion_names_one_thing CHECK (num_nonnulls(promotion_id, item_id, location_id) <= 1)
);
COMMENT ON TABLE merch.dirty_promotion IS 'What has changed that verdicts of readiness depend on. Written by triggers, emptied by merch.evaluate_dirty_readiness().';
COMMENT ON COLUMN merch.dirty_promotion.promotion_id IS 'A promotion to evaluate anew.';
COMMENT ON COLUMN merch.dirty_promotion.item_id IS 'An item: all promotions that have it when the mark is taken.';
COMMENT ON COLUMN merch.dirty_promotion.location_id IS 'A location: all promotions that run there when the mark is taken. All three null: all promotions.';
COMMENT ON COLUMN merch.dirty_promotion.xid IS 'The transaction that changed it.';

CREATE TABLE IF NOT EXISTS merch.task_duration (
    task text PRIMARY KEY REFERENCES merch.task_template ON UPDATE CASCADE ON DELETE CASCADE,
    tasks bigint NOT NULL,
    quantiles float8[] NOT NULL,
    learned_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE merch.task_duration IS 'How long tasks took, as merch.learn_durations() last found. A task without a row goes by its template''s estimates.';
COMMENT ON COLUMN merch.task_duration.task IS 'The task: the template''s name.';
COMMENT ON COLUMN merch.task_duration.tasks IS 'Number of tasks that were measured.';
COMMENT ON COLUMN merch.task_duration.quantiles IS 'Hours from start to done: the quantiles 0, 0.05 and so on to 1.';
COMMENT ON COLUMN merch.task_duration.learned_at IS 'When that was found.';

CREATE TABLE IF NOT EXISTS merch.transfer_lateness (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    transfers bigint NOT NULL DEFAULT 0,
    quantiles float8[] NOT NULL DEFAULT '{0,0,24}',
    beyond float8 NOT NULL DEFAULT 0.02,
    learned_at timestamptz,
    CONSTRAINT transfer_lateness_beyond_is_a_share CHECK (beyond >= 0 AND beyond < 1)
);
INSERT INTO merch.transfer_lateness DEFAULT VALUES ON CONFLICT DO NOTHING;
COMMENT ON TABLE merch.transfer_lateness IS 'How late transfers are received. One row.';
COMMENT ON COLUMN merch.transfer_lateness.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN merch.transfer_lateness.transfers IS 'Number of transfers that were measured; 0 while the quantiles are an assumption: half arrive on their day, the others up to a day later.';
COMMENT ON COLUMN merch.transfer_lateness.quantiles IS 'Hours from the start of the expected day to receipt, less the hours of that day: quantiles in even distances, 0 for in time.';
COMMENT ON COLUMN merch.transfer_lateness.beyond IS 'Share that comes later still, however late it is already: a transfer can be lost.';
COMMENT ON COLUMN merch.transfer_lateness.learned_at IS 'When that was found; null while it is an assumption.';

ALTER TABLE merch.task_template
    ADD COLUMN IF NOT EXISTS optimistic numeric(6, 3) NOT NULL DEFAULT 0.5,
    ADD COLUMN IF NOT EXISTS pessimistic numeric(6, 3) NOT NULL DEFAULT 3,
    ADD COLUMN IF NOT EXISTS beyond numeric(4, 3) NOT NULL DEFAULT 0.02;
ALTER TABLE merch.task_template
    DROP CONSTRAINT IF EXISTS task_template_estimates_enclose_takes,
    ADD CONSTRAINT task_template_estimates_enclose_takes CHECK (optimistic >= 0 AND optimistic <= 1 AND pessimistic >= 1),
    DROP CONSTRAINT IF EXISTS task_template_beyond_is_a_share,
    ADD CONSTRAINT task_template_beyond_is_a_share CHECK (beyond >= 0 AND beyond < 1);
COMMENT ON COLUMN merch.task_template.optimistic IS 'The shortest time it can take, as a share of takes; used until there is history.';
COMMENT ON COLUMN merch.task_template.pessimistic IS 'The longest time it should take, as a multiple of takes; used until there is history.';
COMMENT ON COLUMN merch.task_template.beyond IS 'Share of tasks that take longer than all that, however long they have taken; used with history, too.';

-- What marks: every table that a check reads. Of the columns those that it reads.
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.promotion
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.promotion
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id', 'state', 'starts_on', 'ends_on',
                                                    'opens_at', 'closes_at', 'time_zone', 'revision');
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.promotion_item
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.promotion_item
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.promotion_item
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.promotion_item
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_own_insert AFTER INSERT ON merch.promotion_item
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_own_update AFTER UPDATE ON merch.promotion_item
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_own_delete AFTER DELETE ON merch.promotion_item
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.offer
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.offer
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id', 'promotion_id', 'reward', 'value', 'from_quantity');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.offer
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.promotion_location
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.promotion_location
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.promotion_location
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_places_update AFTER UPDATE ON merch.promotion_location
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_limited_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_readiness_places_delete AFTER DELETE ON merch.promotion_location
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_limited_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.item
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id', 'item_id', 'active', 'item_group_id', 'price', 'cost', 'labour_minutes');
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.ranging
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.ranging
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id', 'item_id', 'location_id');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.ranging
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.ranging
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.inbound
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.inbound
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id', 'item_id', 'location_id', 'kind', 'expected_on', 'open_units');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.inbound
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.inbound
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.forecast
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.forecast
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.forecast
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_items_of_promotions', 'item_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.forecast
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_places_update AFTER UPDATE ON merch.location
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_by_location', 'location_id', 'location_id', 'location_group_id', 'kind', 'channel_id');
CREATE OR REPLACE TRIGGER mark_readiness_places_insert AFTER INSERT ON merch.location_capacity
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_readiness_places_update AFTER UPDATE ON merch.location_capacity
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_by_location', 'location_id', 'location_id', 'day', 'labour_hours');
CREATE OR REPLACE TRIGGER mark_readiness_places_delete AFTER DELETE ON merch.location_capacity
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.location_capacity
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_places_insert AFTER INSERT ON merch.lane
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_limited_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_readiness_places_update AFTER UPDATE ON merch.lane
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_limited_by_location', 'location_id', 'location_id', 'source_id', 'lead_days');
CREATE OR REPLACE TRIGGER mark_readiness_places_delete AFTER DELETE ON merch.lane
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_limited_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.lane
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.allocation
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.allocation
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id', 'promotion_id', 'state');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.allocation
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.allocation_line
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_of_runs', 'allocation_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.allocation_line
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_of_runs', 'allocation_id');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.allocation_line
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_of_runs', 'allocation_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.allocation_line
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.transfer
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_of_runs', 'allocation_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.transfer
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_of_runs', 'allocation_id', 'state', 'arrives_on', 'ships_on');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.transfer
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_of_runs', 'allocation_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.transfer
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.transfer_line
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_of_transfers', 'transfer_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.transfer_line
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_of_transfers', 'transfer_id', 'units');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.transfer_line
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_of_transfers', 'transfer_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.transfer_line
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.preparation
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.preparation
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id', 'state', 'error');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.preparation
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.preparation
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.task
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.task
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id', 'promotion_id', 'task', 'location_id', 'due_at', 'state', 'started_at');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.task
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.task
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_insert AFTER INSERT ON merch.price_event
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_update AFTER UPDATE ON merch.price_event
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id', 'item_id', 'promotion_id', 'places', 'channel_id', 'amount', 'effective', 'state');
CREATE OR REPLACE TRIGGER mark_readiness_delete AFTER DELETE ON merch.price_event
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions', 'promotion_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.price_event
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_places_insert AFTER INSERT ON merch.location_channel
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_readiness_places_update AFTER UPDATE ON merch.location_channel
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_readiness_places_delete AFTER DELETE ON merch.location_channel
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.mark_promotions_by_location', 'location_id');
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.location_channel
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.item_group
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.location_group
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.task_template
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.task_duration
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.transfer_lateness
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON merch.readiness_check
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.offer
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();
CREATE OR REPLACE TRIGGER mark_readiness_truncate AFTER TRUNCATE ON merch.promotion_location
    FOR EACH STATEMENT EXECUTE FUNCTION merch.mark_all_promotions();

-- promotions that are there already, and whatever the checks of another version read
INSERT INTO merch.dirty_promotion (promotion_id)
SELECT NULL WHERE EXISTS (SELECT FROM merch.promotion) AND NOT EXISTS (
    SELECT FROM merch.dirty_promotion d WHERE num_nonnulls(d.promotion_id, d.item_id, d.location_id) = 0);
