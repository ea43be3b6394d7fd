-- who may do what with the model's tables; what may be called is the extension's own
--
-- Numbers of new rows come from identity columns, for which no rights on sequences are
-- needed. Counters, histories, queues and results are written as the model's owner, by
-- triggers, actions, reactions and jobs: nobody is given rights on them.

-- merch_viewer, and with it every other role, reads all there is.
DO $viewer$
BEGIN
    EXECUTE (SELECT format('GRANT SELECT ON %s TO merch_viewer', string_agg(DISTINCT made.names[1], ', '))
             FROM regexp_matches(merch.model_sql(), '^CREATE (?:TABLE IF NOT EXISTS|OR REPLACE VIEW) (merch\.\w+)', 'gn') AS made(names)
             WHERE to_regclass(made.names[1]) IS NOT NULL);
END
$viewer$;

-- merch_merchandiser: promotions. Who made one, and when, is not theirs to say, nor which revision it is.
GRANT INSERT, UPDATE, DELETE ON merch.campaign, merch.offer, merch.promotion_item, merch.promotion_location, merch.demand_plan
    TO merch_merchandiser;
GRANT INSERT (promotion_id, campaign_id, name, starts_on, ends_on, opens_at, closes_at, time_zone, state),
      UPDATE (campaign_id, name, starts_on, ends_on, opens_at, closes_at, time_zone, state),
      DELETE
    ON merch.promotion TO merch_merchandiser;
GRANT INSERT, UPDATE, DELETE ON merch.ranging TO merch_merchandiser;

-- merch_pricing: price events. Those of promotions are made with these; what is approved cannot be
-- changed by anybody but for its end.
GRANT INSERT (item_id, kind, location_id, price_zone_id, channel_id, from_quantity, amount, currency, effective),
      UPDATE (item_id, kind, location_id, price_zone_id, channel_id, from_quantity, amount, currency, effective, state),
      DELETE
    ON merch.price_event TO merch_pricing;
GRANT INSERT, UPDATE, DELETE ON merch.price_zone, merch.price_zone_location, merch.location_channel TO merch_pricing, merch_integration;

-- merch_finance: settles promotions and closes them
GRANT UPDATE (state) ON merch.promotion TO merch_finance;

-- merch_allocator: runs, transfers and what they move. The right to update a generated
-- column changes nothing: it is the right to lock the row.
GRANT INSERT, UPDATE, DELETE ON merch.allocation, merch.allocation_line, merch.allocation_scenario,
    merch.batch, merch.batch_run, merch.batch_block, merch.batch_item,
    merch.wave, merch.transfer, merch.transfer_line, merch.transfer_prepack, merch.ring_fence,
    merch.dirty_item, merch.dirty_scope, merch.dirty_position, merch.dirty_failure
    TO merch_allocator;
GRANT INSERT, UPDATE ON merch.inbound TO merch_allocator;
GRANT INSERT (item_id, location_id), UPDATE (on_hand) ON merch.stock TO merch_allocator;
GRANT UPDATE (packs) ON merch.prepack_stock TO merch_allocator;
GRANT UPDATE (starts_at) ON merch.promotion TO merch_allocator;
GRANT UPDATE (units_per_day) ON merch.lane TO merch_allocator;
GRANT UPDATE (labour_hours, dock_hours) ON merch.location_capacity TO merch_allocator;

-- everybody with work: tasks and exceptions of their role, by their states
GRANT UPDATE (state, note) ON merch.task
    TO merch_merchandiser, merch_pricing, merch_allocator, merch_finance, merch_store;
GRANT UPDATE (state, outcome, note) ON merch.exception
    TO merch_merchandiser, merch_pricing, merch_allocator, merch_finance, merch_store;

-- columns cannot say of which rows; for the state its workflow does
CREATE OR REPLACE TRIGGER guard_note BEFORE UPDATE OF note ON merch.task
    FOR EACH ROW EXECUTE FUNCTION merch.guard_note();
CREATE OR REPLACE TRIGGER guard_note BEFORE UPDATE OF note, outcome ON merch.exception
    FOR EACH ROW EXECUTE FUNCTION merch.guard_note();

-- votes, each in one's own name, and standing in for one another
GRANT INSERT (approval_id, on_behalf_of, decision, reason) ON merch.approval_vote
    TO merch_merchandiser, merch_pricing, merch_allocator, merch_finance, merch_store;
GRANT INSERT (delegator, delegate, role, effective, reason), UPDATE (effective), DELETE ON merch.delegation
    TO merch_merchandiser, merch_pricing, merch_allocator, merch_finance, merch_store;
GRANT INSERT (promotion_id, readiness_check, reason) ON merch.readiness_override TO merch_merchandiser;
GRANT INSERT (price_event_id, rule, reason) ON merch.price_override TO merch_pricing;

-- whoever empties a table, or changes what is read for all promotions, has them all evaluated anew
GRANT INSERT (promotion_id) ON merch.dirty_promotion TO merch_merchandiser, merch_allocator, merch_integration, merch_pricing;
-- and all its prices published anew
GRANT INSERT (item_id) ON merch.dirty_price TO merch_merchandiser, merch_integration, merch_pricing;
-- or looked at whether their events are published
GRANT INSERT (item_id) ON merch.dirty_publication TO merch_integration;

-- merch_integration: what other systems own
GRANT INSERT, UPDATE, DELETE ON merch.item_group, merch.item, merch.location_group, merch.location, merch.channel,
    merch.lane, merch.location_capacity, merch.ranging, merch.stock, merch.inbound, merch.sale, merch.sale_default, merch.forecast,
    merch.demand_plan, merch.style, merch.style_item, merch.prepack, merch.prepack_content, merch.prepack_stock, merch.size_profile
    TO merch_integration;
GRANT TRUNCATE ON merch.forecast, merch.sale, merch.sale_default TO merch_integration;

-- prices that other systems show, by feeds. The right to update a column is also that to lock the row.
GRANT INSERT, UPDATE, DELETE ON merch.published_price, merch.reported_price, merch.price_feed_reject TO merch_integration;
GRANT INSERT, DELETE ON merch.price_feed_line TO merch_integration;
GRANT INSERT (system_id, kind, taken_at, source_version, expected_lines),
      UPDATE (state, source_version, applied_at, lines, changed, taken_back, late_lines, rejected, overlapping)
    ON merch.price_feed TO merch_integration;
GRANT UPDATE (snapshot_at, snapshot_version) ON merch.system TO merch_integration;
GRANT INSERT, UPDATE, DELETE ON merch.system TO merch_admin;

-- merch_admin: how the house works. Functions that rows name run as the model's owner, so
-- that only the owner names others; of jobs and workflows their own triggers see to that.
GRANT INSERT, UPDATE, DELETE ON merch.policy, merch.approval_measure, merch.approval_rule, merch.task_template, merch.critical_change,
    merch.exception_severity, merch.exception_route, merch.exception_order, merch.price_kind, merch.job
    TO merch_admin;
GRANT UPDATE (description, remedy, probability, judged_as, handling_minutes, loss_share, loss_hours, usual_money, settling, storm_limit, active)
    ON merch.exception_kind TO merch_admin;
GRANT UPDATE (title, kind, weight, threshold, remedy, active) ON merch.readiness_check TO merch_admin;
GRANT UPDATE (ordinal, description) ON merch.preparation_step TO merch_admin;
GRANT UPDATE (title, severity, kinds, threshold, days, progressive, readiness_check, remedy, active) ON merch.price_rule TO merch_admin;
GRANT UPDATE (description, threshold, least_prices, least_spread, active) ON merch.price_anomaly TO merch_admin;
GRANT INSERT (subject, row_key, reason) ON merch.approval_renewal TO merch_admin;
GRANT INSERT ON merch.workflow, merch.workflow_state, merch.workflow_transition TO merch_admin;
GRANT INSERT, UPDATE, DELETE ON merch.workflow_table TO merch_admin;
GRANT UPDATE (workflow_version) ON merch.promotion, merch.allocation, merch.transfer, merch.wave, merch.price_event,
    merch.task, merch.exception, merch.approval, merch.readiness_override, merch.price_override TO merch_admin;
