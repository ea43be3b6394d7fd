-- price digest: what systems show, leaf by leaf, in 16 bytes each

CREATE FUNCTION merch.price_block(location_id int)
RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN location_id >> 6;
COMMENT ON FUNCTION merch.price_block(int) IS
'The block of a location: its number without the last six bits. Locations of a block, an item and a channel are a leaf.';

CREATE FUNCTION merch.price_hash(
    item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz, amount numeric, currency text
)
RETURNS bytea
AS 'MODULE_PATHNAME', 'merch_price_hash'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION merch.price_hash(bigint, int, int, timestamptz, timestamptz, numeric, text) IS
'The hash of a price, 16 bytes, in format 1; null where there is no amount.';

CREATE FUNCTION merch.add_digest(digest bytea, term bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'merch_add_digest'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION merch.add_digest(bytea, bytea) IS
'The digest of the rows of two digests together: their sum modulo 2^128.';

CREATE FUNCTION merch.subtract_digest(digest bytea, term bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'merch_subtract_digest'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION merch.subtract_digest(bytea, bytea) IS
'What a digest is without the rows of another.';

CREATE FUNCTION merch.price_digest_step(
    state internal,
    item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz, amount numeric, currency text
)
RETURNS internal
AS 'MODULE_PATHNAME', 'merch_price_digest_step'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION merch.price_digest_step(internal, bigint, int, int, timestamptz, timestamptz, numeric, text) IS
'A row of the aggregate merch.price_digest().';

CREATE FUNCTION merch.sum_digest_step(state internal, digest bytea)
RETURNS internal
AS 'MODULE_PATHNAME', 'merch_sum_digest_step'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION merch.sum_digest_step(internal, bytea) IS
'A row of the aggregate merch.sum_digest().';

CREATE FUNCTION merch.digest_combine(state internal, other internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'merch_digest_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION merch.digest_combine(internal, internal) IS
'Joins the parts of a digest that parallel workers made.';

CREATE FUNCTION merch.digest_serialize(state internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'merch_digest_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION merch.digest_serialize(internal) IS
'The part of a digest that a parallel worker made, as it is sent.';

CREATE FUNCTION merch.digest_deserialize(part bytea, unused internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'merch_digest_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION merch.digest_deserialize(bytea, internal) IS
'The part of a digest that a parallel worker made, as it arrives.';

CREATE FUNCTION merch.digest_final(state internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'merch_digest_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION merch.digest_final(internal) IS
'The 16 bytes of a digest.';

CREATE AGGREGATE merch.price_digest(
    item_id bigint, location_id int, channel_id int, valid_from timestamptz, valid_to timestamptz, amount numeric, currency text
) (
    SFUNC = merch.price_digest_step,
    STYPE = internal,
    FINALFUNC = merch.digest_final,
    COMBINEFUNC = merch.digest_combine,
    SERIALFUNC = merch.digest_serialize,
    DESERIALFUNC = merch.digest_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE merch.price_digest(bigint, int, int, timestamptz, timestamptz, numeric, text) IS
'The digest of prices, anybody''s rows, in format 1: 16 bytes, in which the order of rows makes no difference. Rows without amount do not count.';

CREATE AGGREGATE merch.sum_digest(digest bytea) (
    SFUNC = merch.sum_digest_step,
    STYPE = internal,
    FINALFUNC = merch.digest_final,
    COMBINEFUNC = merch.digest_combine,
    SERIALFUNC = merch.digest_serialize,
    DESERIALFUNC = merch.digest_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE merch.sum_digest(bytea) IS
'The digest of the rows of many digests together; nulls do not count.';

CREATE FUNCTION merch.keep_price_digest()
RETURNS trigger
AS 'MODULE_PATHNAME', 'merch_keep_price_digest'
LANGUAGE C;
COMMENT ON FUNCTION merch.keep_price_digest() IS
'Trigger, after each statement, of merch.published_price and its partitions: appends what the statement changed in the digests of leaves to merch.price_digest_delta.';

CREATE FUNCTION merch.price_tables(system_id int)
RETURNS regclass[]
AS 'MODULE_PATHNAME', 'merch_price_tables'
LANGUAGE C STABLE STRICT COST 100
SET enable_partition_pruning = on;
COMMENT ON FUNCTION merch.price_tables(int) IS
'The tables that may hold prices of a system: merch.published_price, or the partitions of it that the planner does not rule out.';
