-- allocation: the split itself, over anybody's tables

CREATE FUNCTION merch.allocate(
    supply bigint,
    need bigint,
    method text DEFAULT 'proportional',
    minimum bigint DEFAULT 0,
    maximum bigint DEFAULT NULL,
    pack bigint DEFAULT 1,
    tier int DEFAULT 0,
    weight float8 DEFAULT 1,
    on_position bigint DEFAULT 0
) RETURNS bigint
AS 'MODULE_PATHNAME', 'merch_allocate'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION merch.allocate(bigint, bigint, text, bigint, bigint, bigint, int, float8, bigint) IS
'Window function: splits the supply of a partition, in whole units, among its rows by their need. Methods: proportional, webster, cover, even, priority. Ties fall by tier, then by the window''s order.';

CREATE FUNCTION merch.check_allocation(
    quantity bigint,
    supply bigint,
    need bigint,
    method text DEFAULT 'proportional',
    minimum bigint DEFAULT 0,
    maximum bigint DEFAULT NULL,
    pack bigint DEFAULT 1,
    tier int DEFAULT 0,
    weight float8 DEFAULT 1,
    on_position bigint DEFAULT 0
) RETURNS text
AS 'MODULE_PATHNAME', 'merch_check_allocation'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION merch.check_allocation(bigint, bigint, bigint, text, bigint, bigint, bigint, int, float8, bigint) IS
'Window function: whether the quantities of a partition are what merch.allocate''s rules ask for, by their certificate. Null in every row if so; else the first fault in words, in the row that has it.';
