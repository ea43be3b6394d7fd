-- scenario: the choices where demand exceeds supply

CREATE TABLE IF NOT EXISTS merch.allocation_scenario (
    allocation_id bigint REFERENCES merch.allocation ON DELETE CASCADE,
    scenario text,
    policy jsonb,
    need bigint NOT NULL,
    units bigint NOT NULL,
    expected_sales numeric(20, 2) NOT NULL,
    lost_sales numeric(20, 2) NOT NULL,
    lost_margin numeric(20, 2) NOT NULL,
    lane_cost numeric(20, 2) NOT NULL,
    margin numeric(20, 2) NOT NULL,
    locations_short bigint NOT NULL,
    confidence numeric(6, 4) NOT NULL,
    least_cover numeric(10, 1),
    greatest_cover numeric(10, 1),
    PRIMARY KEY (allocation_id, scenario)
);
COMMENT ON TABLE merch.allocation_scenario IS 'What other methods would give where a run could not meet every need: for the people who must choose. merch.allocate_promotion(promotion, policy) makes a choice.';
COMMENT ON COLUMN merch.allocation_scenario.allocation_id IS 'The run.';
COMMENT ON COLUMN merch.allocation_scenario.scenario IS 'The method, or infinite supply: what would have to be bought.';
COMMENT ON COLUMN merch.allocation_scenario.policy IS 'The settings that make the choice, for merch.allocate_promotion(); null for infinite supply.';
COMMENT ON COLUMN merch.allocation_scenario.need IS 'Units needed, over all locations.';
COMMENT ON COLUMN merch.allocation_scenario.units IS 'Units allocated.';
COMMENT ON COLUMN merch.allocation_scenario.expected_sales IS 'Units expected to sell with them.';
COMMENT ON COLUMN merch.allocation_scenario.lost_sales IS 'Units expected to be asked for and not there.';
COMMENT ON COLUMN merch.allocation_scenario.lost_margin IS 'What those would have earned.';
COMMENT ON COLUMN merch.allocation_scenario.lane_cost IS 'What it costs to bring the units.';
COMMENT ON COLUMN merch.allocation_scenario.margin IS 'What the expected sales earn, less the cost of the lanes.';
COMMENT ON COLUMN merch.allocation_scenario.locations_short IS 'Items and locations that get less than they need.';
COMMENT ON COLUMN merch.allocation_scenario.confidence IS 'Probability that an item does not run out at a location, averaged over them.';
COMMENT ON COLUMN merch.allocation_scenario.least_cover IS 'Days of expected demand that the worst covered location has; null if none is expected.';
COMMENT ON COLUMN merch.allocation_scenario.greatest_cover IS 'And the best covered.';

CREATE TABLE IF NOT EXISTS merch.scenario_request (
    allocation_id bigint PRIMARY KEY REFERENCES merch.allocation ON DELETE CASCADE,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    attempts int NOT NULL DEFAULT 0,
    error text,
    CONSTRAINT scenario_request_failed_has_an_error CHECK ((attempts > 0) = (error IS NOT NULL))
);
COMMENT ON TABLE merch.scenario_request IS 'Runs that were prepared and are short, whose scenarios job scenarios is to store; a row goes when that is done.';
COMMENT ON COLUMN merch.scenario_request.allocation_id IS 'The run.';
COMMENT ON COLUMN merch.scenario_request.next_attempt_at IS 'From when on the job may do it.';
COMMENT ON COLUMN merch.scenario_request.attempts IS 'How often it has failed.';
COMMENT ON COLUMN merch.scenario_request.error IS 'Why it last failed: message, detail and hint; null if it has not.';

CREATE OR REPLACE TRIGGER wake_insert AFTER INSERT ON merch.scenario_request
    FOR EACH STATEMENT EXECUTE FUNCTION merch.wake_worker_at_change();
