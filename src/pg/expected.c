/*
 * expected.c
 *	  merch.allocate_expected: the split by expected sales as a window function, and
 *	  merch.check_expected, its certificate; and what single demands are asked for.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "choice.h"
#include "error.h"
#include "expected.h"
#include "flaw.h"
#include "window_columns.h"

PG_FUNCTION_INFO_V1(merch_allocate_expected);
PG_FUNCTION_INFO_V1(merch_check_expected);
PG_FUNCTION_INFO_V1(merch_expected_sales);
PG_FUNCTION_INFO_V1(merch_stockout_probability);
PG_FUNCTION_INFO_V1(merch_demand_quantile);

/* Places of arguments in allocate_expected; the check has the quantity before them. */
typedef enum Argument
{
	ARG_SUPPLY,
	ARG_MEAN,
	ARG_DISPERSION,
	ARG_VALUE,
	ARG_MINIMUM,
	ARG_MAXIMUM,
	ARG_PACK,
	ARG_TIER,
	ARG_POSITION,
	ARG_DISTRIBUTION
} Argument;

static const WindowArgument arguments[] = {
	{"quantity", ARGUMENT_INT64, DEFAULT_NONE},
	{"supply", ARGUMENT_SCALAR, DEFAULT_NONE},
	{"mean", ARGUMENT_FLOAT8, DEFAULT_NONE},
	{"dispersion", ARGUMENT_FLOAT8, DEFAULT_ONE},
	{"value", ARGUMENT_FLOAT8, DEFAULT_ONE},
	{"minimum", ARGUMENT_INT64, DEFAULT_ZERO},
	{"maximum", ARGUMENT_INT64, DEFAULT_NULL},
	{"pack", ARGUMENT_INT64, DEFAULT_ONE},
	{"tier", ARGUMENT_INT32, DEFAULT_ZERO},
	{"on_position", ARGUMENT_INT64, DEFAULT_ZERO},
	{"distribution", ARGUMENT_SCALAR, DEFAULT_NONE}
};

typedef struct ExpectedState
{
	WindowColumns columns;
	int			first;			/* where the arguments of the split begin: 0 or 1 */
	ExpectedInput input;
	int64	   *quantity;
	void	   *scratch;
	ExpectedVerdict verdict;
} ExpectedState;

static ExpectedState *
get_state(FunctionCallInfo fcinfo, const char *name, int first)
{
	ExpectedState *state = window_columns_state(fcinfo, sizeof(ExpectedState), name,
												arguments + 1 - first,
												lengthof(arguments) - 1 + first);

	state->first = first;
	return state;
}

static void
check_current_row(WindowObject winobj, const ExpectedState *state)
{
	const WindowColumns *columns = &state->columns;
	int			arg = state->first + ARG_DISTRIBUTION;

	window_check_int64(winobj, columns, state->first + ARG_SUPPLY, state->input.supply);
	if (!columns->stable[arg])
	{
		DistributionKind kind = parse_distribution(window_scalar(winobj, columns, arg));

		if (kind != state->input.distribution)
			window_report_two_values(columns, arg, distribution_name(state->input.distribution),
									 distribution_name(kind));
	}
}

static void
read_partition(WindowObject winobj, ExpectedState *state)
{
	WindowColumns *columns = &state->columns;
	void	  **column = columns->column + state->first;
	Datum		supply;
	Datum		distribution;

	if (window_columns_begin(winobj, columns))
	{
		/* the check has no need of them */
		state->quantity = NULL;
		state->scratch = NULL;
	}
	supply = window_scalar(winobj, columns, state->first + ARG_SUPPLY);
	distribution = window_scalar(winobj, columns, state->first + ARG_DISTRIBUTION);
	state->input.supply = DatumGetInt64(supply);
	state->input.distribution = parse_distribution(distribution);
	for (int arg = 0; arg < columns->count; arg++)
		window_columns_read(winobj, columns, arg);
	state->input = (ExpectedInput) {
		.distribution = state->input.distribution,
		.supply = state->input.supply,
		.n = columns->rows,
		.mean = column[ARG_MEAN],
		.dispersion = column[ARG_DISPERSION],
		.value = column[ARG_VALUE],
		.minimum = column[ARG_MINIMUM],
		.maximum = column[ARG_MAXIMUM],
		.pack = column[ARG_PACK],
		.tier = column[ARG_TIER],
		.position = column[ARG_POSITION]
	};
}

static void
solve_partition(WindowObject winobj, ExpectedState *state)
{
	MerchFault	fault;
	MerchStatus status;

	read_partition(winobj, state);
	if (state->quantity == NULL)
	{
		int64		rows = state->columns.capacity;

		state->quantity = MemoryContextAllocHuge(state->columns.memory, rows * sizeof(int64));
		state->scratch = MemoryContextAllocHuge(state->columns.memory, expected_scratch_size(rows));
	}
	while ((status = expected(&state->input, state->quantity, state->scratch, merch_interrupted,
							  NULL, &fault)) == MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != MERCH_OK)
		merch_report(status, &fault);
}

Datum
merch_allocate_expected(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	bool	   *solved = WinGetPartitionLocalMemory(winobj, sizeof(bool));
	ExpectedState *state = get_state(fcinfo, "merch.allocate_expected", 0);

	/* set last, so that an error leaves no half-solved partition behind */
	if (!*solved)
	{
		solve_partition(winobj, state);
		*solved = true;
	}
	else
		check_current_row(winobj, state);
	PG_RETURN_INT64(state->quantity[WinGetCurrentPosition(winobj)]);
}

static void
check_partition(WindowObject winobj, ExpectedState *state)
{
	MerchFault	fault;
	MerchStatus status;

	read_partition(winobj, state);
	while ((status = expected_check(&state->input, state->columns.column[0], merch_interrupted,
									&state->verdict, &fault)) == MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != MERCH_OK)
		merch_report(status, &fault);
}

static char *
describe_verdict(const ExpectedState *state)
{
	const ExpectedVerdict *verdict = &state->verdict;
	size_t		row = verdict->row;
	FlawWords	words = {
		.pack = state->input.pack == NULL ? 1 : state->input.pack[row],
		.supply = state->input.supply,
		.quantities = state->columns.column[0],
		.rows = state->columns.rows
	};

	words.quantity = words.quantities[row];
	expected_bounds(&state->input, row, &words.floor, &words.ceiling);
	switch (verdict->flaw)
	{
		case EXPECTED_SUPPLY_EXCEEDED:
			return flaw_supply_exceeded(&words);
		case EXPECTED_NOT_WHOLE_PACKS:
			return flaw_not_whole_packs(&words);
		case EXPECTED_ABOVE_CEILING:
			return flaw_above_ceiling(&words);
		case EXPECTED_BELOW_FLOOR:
			return flaw_below_floor(&words);
		case EXPECTED_UNITS_LEFT:
			return flaw_units_left(&words);
		case EXPECTED_WORTHLESS:
			return psprintf("gets " INT64_FORMAT ", of which the last pack of " INT64_FORMAT
							" is expected to earn nothing", words.quantity, words.pack);
		case EXPECTED_OUT_OF_TURN:
			return psprintf("out of turn: floors exceed the supply; gets " INT64_FORMAT
							" with a floor of " INT64_FORMAT, words.quantity, words.floor);
		case EXPECTED_NOT_BEST:
			return psprintf("not best: a further pack of " INT64_FORMAT " is worth %.6g a unit here, "
							"and row %zu of the partition got one that is worth %.6g",
							words.pack, verdict->worth, verdict->other + 1, verdict->other_worth);
		case EXPECTED_SOUND:
			break;
	}
	elog(ERROR, "unexpected flaw %d", (int) verdict->flaw);
}

Datum
merch_check_expected(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	bool	   *checked = WinGetPartitionLocalMemory(winobj, sizeof(bool));
	ExpectedState *state = get_state(fcinfo, "merch.check_expected", 1);

	if (!*checked)
	{
		check_partition(winobj, state);
		*checked = true;
	}
	else
		check_current_row(winobj, state);
	if (state->verdict.flaw == EXPECTED_SOUND ||
		WinGetCurrentPosition(winobj) != (int64) state->verdict.row)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(describe_verdict(state)));
}

/* The demand that the arguments mean, dispersion, …, distribution of a function describe. */
static Distribution
demand_of(FunctionCallInfo fcinfo)
{
	Distribution demand;
	MerchFault	fault = {.row = MERCH_NO_ROW};
	MerchStatus status = distribution_set(parse_distribution(PG_GETARG_DATUM(3)), PG_GETARG_FLOAT8(0),
										  PG_GETARG_FLOAT8(1), &demand, &fault);

	if (status != MERCH_OK)
		merch_report(status, &fault);
	return demand;
}

Datum
merch_expected_sales(PG_FUNCTION_ARGS)
{
	Distribution demand = demand_of(fcinfo);

	PG_RETURN_FLOAT8(distribution_expected_sales(&demand, PG_GETARG_INT64(2)));
}

Datum
merch_stockout_probability(PG_FUNCTION_ARGS)
{
	Distribution demand = demand_of(fcinfo);
	int64		units = PG_GETARG_INT64(2);

	/* no demand is above the largest number of units */
	PG_RETURN_FLOAT8(units == PG_INT64_MAX ? 0 : distribution_at_least(&demand, units + 1));
}

Datum
merch_demand_quantile(PG_FUNCTION_ARGS)
{
	Distribution demand = demand_of(fcinfo);
	MerchFault	fault = {.row = MERCH_NO_ROW};
	int64_t		quantile;
	MerchStatus status = distribution_quantile(&demand, PG_GETARG_FLOAT8(2), &quantile, &fault);

	if (status != MERCH_OK)
		merch_report(status, &fault);
	PG_RETURN_INT64(quantile);
}
