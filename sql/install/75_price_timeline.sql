-- timelines: what holds of periods of a price that overlap, and where two timelines differ

CREATE TYPE merch.price_period AS (
    valid_from timestamptz,
    valid_to timestamptz,
    amount numeric,
    currency text,
    reference bigint
);
COMMENT ON TYPE merch.price_period IS
'A period in which one price holds, from valid_from to before valid_to: what merch.resolve_periods() makes.';
COMMENT ON COLUMN merch.price_period.valid_from IS 'From when on it holds; -infinity for no beginning.';
COMMENT ON COLUMN merch.price_period.valid_to IS 'Until when, without that moment; infinity for no end.';
COMMENT ON COLUMN merch.price_period.amount IS 'The price of a unit.';
COMMENT ON COLUMN merch.price_period.currency IS 'Its currency.';
COMMENT ON COLUMN merch.price_period.reference IS 'The caller''s own number of the row that holds; null if it gave none.';

CREATE TYPE merch.price_difference AS (
    differs_from timestamptz,
    differs_to timestamptz,
    difference text,
    left_from timestamptz,
    left_to timestamptz,
    left_amount numeric,
    left_currency text,
    right_from timestamptz,
    right_to timestamptz,
    right_amount numeric,
    right_currency text,
    right_seen_at timestamptz
);
COMMENT ON TYPE merch.price_difference IS
'A period in which two timelines of one price differ: what merch.compare_timelines() makes.';
COMMENT ON COLUMN merch.price_difference.differs_from IS 'From when on they differ, within the period that was asked for.';
COMMENT ON COLUMN merch.price_difference.differs_to IS 'Until when, without that moment.';
COMMENT ON COLUMN merch.price_difference.difference IS 'How: missing, unexpected, wrong amount, wrong currency, starts early, starts late, ends early, ends late, stale.';
COMMENT ON COLUMN merch.price_difference.left_from IS 'From when on the left price holds; null if the left has none.';
COMMENT ON COLUMN merch.price_difference.left_to IS 'Until when.';
COMMENT ON COLUMN merch.price_difference.left_amount IS 'The left price.';
COMMENT ON COLUMN merch.price_difference.left_currency IS 'Its currency.';
COMMENT ON COLUMN merch.price_difference.right_from IS 'From when on the right price holds; null if the right has none.';
COMMENT ON COLUMN merch.price_difference.right_to IS 'Until when.';
COMMENT ON COLUMN merch.price_difference.right_amount IS 'The right price.';
COMMENT ON COLUMN merch.price_difference.right_currency IS 'Its currency.';
COMMENT ON COLUMN merch.price_difference.right_seen_at IS 'When the right price was last seen.';

CREATE FUNCTION merch.resolve_accumulate(
    state internal, valid_from timestamptz, valid_to timestamptz, amount numeric, currency text,
    priority int, version bigint, seen_at timestamptz, reference bigint)
RETURNS internal
AS 'MODULE_PATHNAME', 'merch_resolve_accumulate'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION merch.resolve_accumulate(internal, timestamptz, timestamptz, numeric, text, int, bigint, timestamptz, bigint) IS
'Collects the periods for merch.resolve_periods().';

CREATE FUNCTION merch.resolve_result(state internal)
RETURNS merch.price_period[]
AS 'MODULE_PATHNAME', 'merch_resolve_result'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION merch.resolve_result(internal) IS
'Finds what holds of the periods that were collected for merch.resolve_periods().';

CREATE AGGREGATE merch.resolve_periods(
    valid_from timestamptz, valid_to timestamptz, amount numeric, currency text,
    priority int, version bigint, seen_at timestamptz, reference bigint
) (
    SFUNC = merch.resolve_accumulate,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = merch.resolve_result,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE merch.resolve_periods(timestamptz, timestamptz, numeric, text, int, bigint, timestamptz, bigint) IS
'What holds of the periods of one price, in the order of time and without overlaps: the higher priority, then the later version, then what was seen later, then what starts later. Neighbours of the same amount, currency and reference are joined. The order of the rows does not count. Null if no price holds at any time.';

CREATE FUNCTION merch.compare_accumulate(
    state internal, is_right boolean, valid_from timestamptz, valid_to timestamptz, amount numeric, currency text,
    priority int, version bigint, seen_at timestamptz,
    period_from timestamptz, period_to timestamptz, tolerance numeric, right_seen_at timestamptz)
RETURNS internal
AS 'MODULE_PATHNAME', 'merch_compare_accumulate'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION merch.compare_accumulate(internal, boolean, timestamptz, timestamptz, numeric, text, int, bigint, timestamptz, timestamptz, timestamptz, numeric, timestamptz) IS
'Collects the periods for merch.compare_timelines().';

CREATE FUNCTION merch.compare_result(state internal)
RETURNS merch.price_difference[]
AS 'MODULE_PATHNAME', 'merch_compare_result'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION merch.compare_result(internal) IS
'Finds the differences of the periods that were collected for merch.compare_timelines().';

CREATE AGGREGATE merch.compare_timelines(
    is_right boolean, valid_from timestamptz, valid_to timestamptz, amount numeric, currency text,
    priority int, version bigint, seen_at timestamptz,
    period_from timestamptz, period_to timestamptz, tolerance numeric, right_seen_at timestamptz
) (
    SFUNC = merch.compare_accumulate,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = merch.compare_result,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE merch.compare_timelines(boolean, timestamptz, timestamptz, numeric, text, int, bigint, timestamptz, timestamptz, timestamptz, numeric, timestamptz) IS
'Where two timelines of one price differ between period_from and period_to, and how. Rows are periods of either side; of each what merch.resolve_periods() says holds. Amounts that are not further apart than the tolerance are the same. right_seen_at is when all of the right side was last seen, null if it never was. The last four are the same in all rows. Null if nothing differs.';
