/*
 * timeline.c
 *	  merch.resolve_periods and merch.compare_timelines, the aggregates over the periods of
 *	  one price.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "compat.h"
#include "error.h"
#include "money.h"
#include "timeline_side.h"

PG_FUNCTION_INFO_V1(merch_resolve_accumulate);
PG_FUNCTION_INFO_V1(merch_resolve_result);
PG_FUNCTION_INFO_V1(merch_compare_accumulate);
PG_FUNCTION_INFO_V1(merch_compare_result);

/* Columns of merch.price_period. */
#define PERIOD_COLUMNS 5

/* Columns of merch.price_difference. */
#define DIFFERENCE_COLUMNS 12

typedef struct CompareState
{
	TimelineTerms terms;
	TimelineSide left;
	TimelineSide right;
} CompareState;

static const char *const kind_names[TIMELINE_KINDS] = {
	[TIMELINE_MISSING] = "missing",
	[TIMELINE_UNEXPECTED] = "unexpected",
	[TIMELINE_WRONG_AMOUNT] = "wrong amount",
	[TIMELINE_WRONG_CURRENCY] = "wrong currency",
	[TIMELINE_STARTS_EARLY] = "starts early",
	[TIMELINE_STARTS_LATE] = "starts late",
	[TIMELINE_ENDS_EARLY] = "ends early",
	[TIMELINE_ENDS_LATE] = "ends late",
	[TIMELINE_STALE] = "stale"
};

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo, const char *name)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "%s was not called by an aggregate", name);
	return context;
}

/* The rows' type, of a function that returns an array of them: looked up once a query. */
static TupleDesc
row_type(FunctionCallInfo fcinfo, Oid *row)
{
	*row = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	if (fcinfo->flinfo->fn_extra == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		fcinfo->flinfo->fn_extra = lookup_rowtype_tupdesc_copy(*row, -1);
		MemoryContextSwitchTo(before);
	}
	return fcinfo->flinfo->fn_extra;
}

static Datum
array_of_rows(Datum *rows, size_t n, Oid row)
{
	if (n > MaxAllocSize / sizeof(Datum))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many periods of one price: %zu", n),
				 errhint("GROUP BY item, location and channel.")));
	return PointerGetDatum(construct_array(rows, (int) n, row, -1, false, TYPALIGN_DOUBLE));
}

/* Arguments: state, those of a side, reference. */
Datum
merch_resolve_accumulate(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo, "merch.resolve_accumulate");
	TimelineSide *side = PG_ARGISNULL(0) ? NULL : (TimelineSide *) PG_GETARG_POINTER(0);
	int			reference = 1 + SIDE_ARGUMENTS;

	if (side == NULL)
	{
		side = MemoryContextAlloc(context, sizeof(TimelineSide));
		side_init(side);
	}
	if (side_add(side, fcinfo, 1, context) && !PG_ARGISNULL(reference))
		side->periods[side->n - 1].reference = PG_GETARG_INT64(reference);
	PG_RETURN_POINTER(side);
}

/* With four decimals, as the column's type gives them. */
static Datum
amount_to_numeric(int64 ten_thousandths)
{
	return NumericGetDatum(int64_div_fast_to_numeric(ten_thousandths, 4));
}

static Datum
period_row(TupleDesc type, const TimelineSpan *span)
{
	Datum		values[PERIOD_COLUMNS] = {
		TimestampTzGetDatum(span->from), TimestampTzGetDatum(span->to),
		amount_to_numeric(span->amount), currency_to_text(span->currency),
		Int64GetDatum(span->reference)
	};
	bool		nulls[PERIOD_COLUMNS] = {[PERIOD_COLUMNS - 1] = span->reference == NO_REFERENCE};

	return HeapTupleGetDatum(heap_form_tuple(type, values, nulls));
}

Datum
merch_resolve_result(PG_FUNCTION_ARGS)
{
	TimelineSide *side = PG_ARGISNULL(0) ? NULL : (TimelineSide *) PG_GETARG_POINTER(0);
	TimelineSpan *spans;
	size_t		n;
	TupleDesc	type;
	Oid			row;
	Datum	   *rows;

	if (side == NULL || side->n == 0)
		PG_RETURN_NULL();
	type = row_type(fcinfo, &row);
	spans = side_resolve(side, &n);
	rows = palloc_extended(n * sizeof(Datum), MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < n; i++)
		rows[i] = period_row(type, &spans[i]);
	PG_RETURN_DATUM(array_of_rows(rows, n, row));
}

static CompareState *
new_comparison(FunctionCallInfo fcinfo, MemoryContext context, int first)
{
	CompareState *state = MemoryContextAlloc(context, sizeof(CompareState));
	int64		tolerance = PG_ARGISNULL(first + 2) ? 0 : merch_ten_thousandths(PG_GETARG_DATUM(first + 2));

	if (tolerance < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tolerance must be an amount of at least 0: %s",
						DatumGetCString(DirectFunctionCall1(numeric_out, PG_GETARG_DATUM(first + 2)))),
				 errhint("Use 0 for none.")));
	state->terms = (TimelineTerms) {
		.from = PG_ARGISNULL(first) ? DT_NOBEGIN : PG_GETARG_INT64(first),
		.to = PG_ARGISNULL(first + 1) ? DT_NOEND : PG_GETARG_INT64(first + 1),
		.tolerance = (uint64) tolerance,
		.right_seen = PG_ARGISNULL(first + 3) ? DT_NOBEGIN : PG_GETARG_INT64(first + 3)
	};
	side_init(&state->left);
	side_init(&state->right);
	return state;
}

/* Arguments: state, is_right, those of a side, period_from, period_to, tolerance, right_seen. */
Datum
merch_compare_accumulate(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo, "merch.compare_accumulate");
	CompareState *state = PG_ARGISNULL(0) ? NULL : (CompareState *) PG_GETARG_POINTER(0);

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("is_right must not be null"),
				 errhint("It tells of which of both sides a row is.")));
	if (state == NULL)
		state = new_comparison(fcinfo, context, 2 + SIDE_ARGUMENTS);
	side_add(PG_GETARG_BOOL(1) ? &state->right : &state->left, fcinfo, 2, context);
	PG_RETURN_POINTER(state);
}

/* One side's columns: from, to, amount, currency. */
static void
fill_side(Datum *values, bool *nulls, const TimelineSpan *span)
{
	if (span == NULL)
	{
		memset(nulls, true, 4 * sizeof(bool));
		return;
	}
	values[0] = TimestampTzGetDatum(span->from);
	values[1] = TimestampTzGetDatum(span->to);
	values[2] = amount_to_numeric(span->amount);
	values[3] = currency_to_text(span->currency);
}

static Datum
difference_row(TupleDesc type, const TimelineDifference *difference, int64 right_seen)
{
	Datum		values[DIFFERENCE_COLUMNS] = {0};
	bool		nulls[DIFFERENCE_COLUMNS] = {0};

	values[0] = TimestampTzGetDatum(difference->from);
	values[1] = TimestampTzGetDatum(difference->to);
	values[2] = CStringGetTextDatum(kind_names[difference->kind]);
	fill_side(values + 3, nulls + 3, difference->left);
	fill_side(values + 7, nulls + 7, difference->right);
	nulls[11] = difference->right == NULL;
	if (difference->right != NULL)
		values[11] = TimestampTzGetDatum(Max(difference->right->seen, right_seen));
	return HeapTupleGetDatum(heap_form_tuple(type, values, nulls));
}

static TimelineDifference *
compare_sides(CompareState *state, size_t *n)
{
	size_t		n_left;
	size_t		n_right;
	TimelineSpan *left = side_resolve(&state->left, &n_left);
	TimelineSpan *right = side_resolve(&state->right, &n_right);
	size_t		room = TIMELINE_MAX_DIFFERENCES(n_left, n_right);
	TimelineDifference *differences = palloc_extended(room * sizeof(TimelineDifference) + 1, MCXT_ALLOC_HUGE);

	if (timeline_compare(left, n_left, right, n_right, &state->terms, differences, n,
						 merch_interrupted) == MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	return differences;
}

Datum
merch_compare_result(PG_FUNCTION_ARGS)
{
	CompareState *state = PG_ARGISNULL(0) ? NULL : (CompareState *) PG_GETARG_POINTER(0);
	TimelineDifference *differences;
	size_t		n;
	TupleDesc	type;
	Oid			row;
	Datum	   *rows;

	/* the usual case takes no memory */
	if (state == NULL ||
		timeline_same(state->left.periods, state->left.n, state->right.periods, state->right.n))
		PG_RETURN_NULL();
	differences = compare_sides(state, &n);
	if (n == 0)
		PG_RETURN_NULL();
	type = row_type(fcinfo, &row);
	rows = palloc_extended(n * sizeof(Datum), MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < n; i++)
		rows[i] = difference_row(type, &differences[i], state->terms.right_seen);
	PG_RETURN_DATUM(array_of_rows(rows, n, row));
}
