-- pre-packs: packs that hold fixed units of several sizes, and size profiles

CREATE FUNCTION merch.solve_prepacks(
    supply bigint[],
    content bigint[],
    mean float8[],
    dispersion float8 DEFAULT 1,
    value float8[] DEFAULT NULL,
    on_position bigint[] DEFAULT NULL,
    maximum bigint[] DEFAULT NULL,
    overstock float8 DEFAULT 0,
    OUT quantity bigint[],
    OUT expected_value float8,
    OUT bound float8,
    OUT gap float8
)
AS 'MODULE_PATHNAME', 'merch_solve_prepacks'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION merch.solve_prepacks(bigint[], bigint[], float8[], float8, float8[], bigint[], bigint[], float8) IS
'Splits pre-packs of a style among locations so that the expected value of the sales is large. Arrays: supply by pre-pack, content by pre-pack and size, mean demand and stock on position by location and size, value of a sold unit by size, maximum units by location. One row: packs by location and pre-pack, what they are expected to be worth, what no plan can exceed, and the gap between the two as a share.';

CREATE FUNCTION merch.allocate_prepacks(
    supply bigint[],
    content bigint[],
    mean float8[],
    dispersion float8 DEFAULT 1,
    value float8[] DEFAULT NULL,
    on_position bigint[] DEFAULT NULL,
    maximum bigint[] DEFAULT NULL,
    overstock float8 DEFAULT 0
)
RETURNS TABLE (location int, prepack int, quantity bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 100000 ROWS 1000
AS $$
    SELECT ((q.n - 1) / array_length(s.quantity, 2))::int + 1,
           ((q.n - 1) % array_length(s.quantity, 2))::int + 1,
           q.packs
    FROM merch.solve_prepacks(supply, content, mean, dispersion, value, on_position, maximum,
                              overstock) s,
         unnest(s.quantity) WITH ORDINALITY q(packs, n)
    WHERE q.packs > 0
$$;
COMMENT ON FUNCTION merch.allocate_prepacks(bigint[], bigint[], float8[], float8, float8[], bigint[], bigint[], float8) IS
'The packs of merch.solve_prepacks() as rows: how many of which pre-pack each location gets, both counted from 1 in the order of the arrays; only where it gets any.';

CREATE FUNCTION merch.size_shares(mean float8, profile float8[])
RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    total float8;
    bad record;
BEGIN
    IF mean IS NULL OR profile IS NULL THEN
        RETURN NULL;
    END IF;
    IF NOT (mean >= 0 AND mean < 'Infinity') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('mean must be a finite number of at least 0: %s', mean),
            HINT = 'Use greatest(mean, 0) where a forecast may fall below 0.';
    END IF;
    IF array_ndims(profile) IS DISTINCT FROM 1 THEN
        RAISE array_subscript_error USING
            MESSAGE = format('profile must have 1 dimension, not %s', coalesce(array_ndims(profile), 0)),
            HINT = 'It has one share for each size.';
    END IF;

    SELECT p.share, p.size INTO bad
    FROM unnest(profile) WITH ORDINALITY p(share, size)
    WHERE (p.share >= 0 AND p.share < 'Infinity') IS NOT TRUE
    LIMIT 1;
    IF FOUND AND bad.share IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'profile must not hold nulls',
            DETAIL = format('Found at size %s.', bad.size),
            HINT = 'Use 0 for a size that does not sell.';
    ELSIF FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('share must be a finite number of at least 0: %s', bad.share),
            DETAIL = format('Found at size %s.', bad.size),
            HINT = 'Use 0 for a size that does not sell.';
    END IF;
    SELECT sum(share) INTO total FROM unnest(profile) share;
    IF total = 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'profile has no share above 0',
            HINT = 'Give the units that each size sold, or their shares.';
    END IF;
    RETURN (SELECT array_agg(mean * (p.share / total) ORDER BY p.size)
            FROM unnest(profile) WITH ORDINALITY p(share, size));
END
$$;
COMMENT ON FUNCTION merch.size_shares(float8, float8[]) IS
'Splits the mean demand of a style over its sizes, in proportion to a profile of shares or of units sold. NULL if either is.';
