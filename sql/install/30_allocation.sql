-- allocation: the split itself, and promotions allocated with it

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
