-- transport: several sources, many sinks, lanes with costs

CREATE FUNCTION merch.transport(
    supply bigint[],
    need bigint[],
    cost bigint[],
    value bigint[] DEFAULT NULL
) RETURNS TABLE (source int, sink int, quantity bigint)
AS 'MODULE_PATHNAME', 'merch_transport'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000 ROWS 1000;
COMMENT ON FUNCTION merch.transport(bigint[], bigint[], bigint[], bigint[]) IS
'Ships from sources to sinks at the exact optimum. Cost has a row for each source and a column for each sink, null where there is no lane. With the value of a unit at each sink: the greatest value less cost; without: as many units as possible, at the least cost. One row for each lane that is used, sources and sinks counted from 1.';

CREATE FUNCTION merch.transport_prices(
    supply bigint[],
    need bigint[],
    cost bigint[],
    value bigint[] DEFAULT NULL
) RETURNS bigint[]
AS 'MODULE_PATHNAME', 'merch_transport_prices'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION merch.transport_prices(bigint[], bigint[], bigint[], bigint[]) IS
'The price of a unit at each source of merch.transport(): what one more would add, at most, and one less take away, at least; 0 where supply is left over. With these prices merch.check_transport() proves that the flow is optimal.';

CREATE FUNCTION merch.check_transport(
    supply bigint[],
    need bigint[],
    cost bigint[],
    source int[],
    sink int[],
    quantity bigint[],
    price bigint[],
    value bigint[] DEFAULT NULL
) RETURNS text
AS 'MODULE_PATHNAME', 'merch_check_transport'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION merch.check_transport(bigint[], bigint[], bigint[], int[], int[], bigint[], bigint[], bigint[]) IS
'Null if the flow, given as the columns of merch.transport(), is feasible and its prices prove that no other is better; else what is wrong, and where. Trusts no solver.';
