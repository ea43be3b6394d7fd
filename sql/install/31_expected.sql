-- expected: the split by expected sales, and what single demands are asked for

CREATE FUNCTION merch.allocate_expected(
    supply bigint,
    mean float8,
    dispersion float8 DEFAULT 1,
    value float8 DEFAULT 1,
    minimum bigint DEFAULT 0,
    maximum bigint DEFAULT NULL,
    pack bigint DEFAULT 1,
    tier int DEFAULT 0,
    on_position bigint DEFAULT 0,
    distribution text DEFAULT 'auto'
) RETURNS bigint
AS 'MODULE_PATHNAME', 'merch_allocate_expected'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION merch.allocate_expected(bigint, float8, float8, float8, bigint, bigint, bigint, int, bigint, text) IS
'Window function: splits the supply of a partition, in whole units, so that the value of what its rows are expected to sell is greatest. Demand has a mean and a dispersion (variance / mean). Distributions: auto, negative_binomial, poisson, normal. Ties fall by tier, then by the window''s order.';

CREATE FUNCTION merch.check_expected(
    quantity bigint,
    supply bigint,
    mean float8,
    dispersion float8 DEFAULT 1,
    value float8 DEFAULT 1,
    minimum bigint DEFAULT 0,
    maximum bigint DEFAULT NULL,
    pack bigint DEFAULT 1,
    tier int DEFAULT 0,
    on_position bigint DEFAULT 0,
    distribution text DEFAULT 'auto'
) RETURNS text
AS 'MODULE_PATHNAME', 'merch_check_expected'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION merch.check_expected(bigint, bigint, float8, float8, float8, bigint, bigint, bigint, int, bigint, text) IS
'Window function: whether the quantities of a partition are what merch.allocate_expected''s rules ask for, by their certificate. Null in every row if so; else the first fault in words, in the row that has it.';

CREATE FUNCTION merch.expected_sales(
    mean float8,
    dispersion float8,
    units bigint,
    distribution text DEFAULT 'auto'
) RETURNS float8
AS 'MODULE_PATHNAME', 'merch_expected_sales'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION merch.expected_sales(float8, float8, bigint, text) IS
'What a stock of so many units can be expected to sell of a demand with this mean and dispersion (variance / mean): the mean of the lesser of both.';

CREATE FUNCTION merch.stockout_probability(
    mean float8,
    dispersion float8,
    units bigint,
    distribution text DEFAULT 'auto'
) RETURNS float8
AS 'MODULE_PATHNAME', 'merch_stockout_probability'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION merch.stockout_probability(float8, float8, bigint, text) IS
'The probability that more is asked for than a stock of so many units, of a demand with this mean and dispersion (variance / mean).';

CREATE FUNCTION merch.demand_quantile(
    mean float8,
    dispersion float8,
    probability float8,
    distribution text DEFAULT 'auto'
) RETURNS bigint
AS 'MODULE_PATHNAME', 'merch_demand_quantile'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION merch.demand_quantile(float8, float8, float8, text) IS
'The least number of units that covers a demand with this mean and dispersion (variance / mean) with at least this probability, below 1.';
