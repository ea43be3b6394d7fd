/*
 * allocation.c
 *	  merch.allocate: the apportion kernel as a window function, and
 *	  merch.check_allocation, its certificate.
 *
 * The first row of a partition reads the whole partition and solves it; the
 * other rows return their part of the answer by position.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "apportion.h"
#include "choice.h"
#include "error.h"
#include "flaw.h"
#include "window_columns.h"

PG_FUNCTION_INFO_V1(merch_allocate);
PG_FUNCTION_INFO_V1(merch_check_allocation);

/* Places of arguments in allocate; the check has the quantity before them. */
typedef enum Argument
{
	ARG_SUPPLY,
	ARG_NEED,
	ARG_METHOD,
	ARG_MINIMUM,
	ARG_MAXIMUM,
	ARG_PACK,
	ARG_TIER,
	ARG_WEIGHT,
	ARG_POSITION
} Argument;

static const WindowArgument arguments[] = {
	{"quantity", ARGUMENT_INT64, DEFAULT_NONE},
	{"supply", ARGUMENT_SCALAR, DEFAULT_NONE},
	{"need", ARGUMENT_INT64, DEFAULT_NONE},
	{"method", ARGUMENT_SCALAR, DEFAULT_NONE},
	{"minimum", ARGUMENT_INT64, DEFAULT_ZERO},
	{"maximum", ARGUMENT_INT64, DEFAULT_NULL},
	{"pack", ARGUMENT_INT64, DEFAULT_ONE},
	{"tier", ARGUMENT_INT32, DEFAULT_ZERO},
	{"weight", ARGUMENT_FLOAT8, DEFAULT_ONE},
	{"on_position", ARGUMENT_INT64, DEFAULT_ZERO}
};

typedef struct AllocateState
{
	WindowColumns columns;
	int			first;			/* where the arguments of allocate begin: 0 or 1 */
	ApportionMethod method;
	ApportionInput input;
	int64	   *quantity;
	void	   *scratch;
	ApportionFlaw flaw;			/* the check's verdict */
	size_t		flaw_row;
} AllocateState;

static AllocateState *
get_state(FunctionCallInfo fcinfo, const char *name, int first)
{
	AllocateState *state = window_columns_state(fcinfo, sizeof(AllocateState), name,
												arguments + 1 - first,
												lengthof(arguments) - 1 + first);

	state->first = first;
	return state;
}

static const char *
method_name(int method)
{
	return apportion_method_name((ApportionMethod) method);
}

static ApportionMethod
current_method(WindowObject winobj, const AllocateState *state)
{
	Datum		name = window_scalar(winobj, &state->columns, state->first + ARG_METHOD);

	return (ApportionMethod) parse_choice(name, method_name, APPORTION_METHODS,
										  "allocation method", "Methods");
}

static void
check_current_row(WindowObject winobj, const AllocateState *state)
{
	const WindowColumns *columns = &state->columns;
	int			arg = state->first + ARG_METHOD;

	window_check_int64(winobj, columns, state->first + ARG_SUPPLY, state->input.supply);
	if (!columns->stable[arg])
	{
		ApportionMethod method = current_method(winobj, state);

		if (method != state->method)
			window_report_two_values(columns, arg, method_name(state->method), method_name(method));
	}
}

static void
read_partition(WindowObject winobj, AllocateState *state)
{
	WindowColumns *columns = &state->columns;
	void	  **column = columns->column + state->first;
	bool		by_position;

	if (window_columns_begin(winobj, columns))
	{
		state->quantity = MemoryContextAllocHuge(columns->memory, columns->capacity * sizeof(int64));
		state->scratch = MemoryContextAllocHuge(columns->memory,
												apportion_scratch_size(columns->capacity));
	}
	state->input.supply = DatumGetInt64(window_scalar(winobj, columns, state->first + ARG_SUPPLY));
	state->method = current_method(winobj, state);
	by_position = state->method == APPORTION_COVER;
	/* only cover looks at the position, which is last: the others are spared the pass */
	for (int arg = 0; arg < columns->count - !by_position; arg++)
		window_columns_read(winobj, columns, arg);
	state->input = (ApportionInput) {
		.supply = state->input.supply,
		.n = columns->rows,
		.need = column[ARG_NEED],
		.minimum = column[ARG_MINIMUM],
		.maximum = column[ARG_MAXIMUM],
		.pack = column[ARG_PACK],
		.tier = column[ARG_TIER],
		.weight = column[ARG_WEIGHT],
		.position = by_position ? column[ARG_POSITION] : NULL
	};
}

/* The level's 128-bit members want more alignment than the state has: it is the caller's. */
static void
solve_partition(WindowObject winobj, AllocateState *state, ApportionLevel *level)
{
	MerchFault	fault;
	MerchStatus status;

	read_partition(winobj, state);
	while ((status = apportion(state->method, &state->input, state->quantity, state->scratch,
							   merch_interrupted, level, &fault)) == MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != MERCH_OK)
		merch_report(status, &fault);
}

/*
 * The flag in partition memory starts as false in every partition; it is set last,
 * so that an error leaves no half-solved partition behind.
 */
Datum
merch_allocate(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	bool	   *solved = WinGetPartitionLocalMemory(winobj, sizeof(bool));
	AllocateState *state = get_state(fcinfo, "merch.allocate", 0);

	if (!*solved)
	{
		solve_partition(winobj, state, NULL);
		*solved = true;
	}
	else
		check_current_row(winobj, state);
	PG_RETURN_INT64(state->quantity[WinGetCurrentPosition(winobj)]);
}

static char *
describe_flaw(const AllocateState *state)
{
	size_t		row = state->flaw_row;
	FlawWords	words = {
		.pack = state->input.pack == NULL ? 1 : state->input.pack[row],
		.supply = state->input.supply,
		.quantities = state->columns.column[0],
		.rows = state->columns.rows
	};

	words.quantity = words.quantities[row];
	apportion_bounds(state->method, &state->input, row, &words.floor, &words.ceiling);
	switch (state->flaw)
	{
		case APPORTION_SUPPLY_EXCEEDED:
			return flaw_supply_exceeded(&words);
		case APPORTION_NOT_WHOLE_PACKS:
			return flaw_not_whole_packs(&words);
		case APPORTION_ABOVE_CEILING:
			return flaw_above_ceiling(&words);
		case APPORTION_BELOW_FLOOR:
			return flaw_below_floor(&words);
		case APPORTION_UNITS_LEFT:
			return flaw_units_left(&words);
		case APPORTION_NOT_FAIR:
			return psprintf("not fair: gets " INT64_FORMAT ", where %s gives " INT64_FORMAT,
							words.quantity, method_name(state->method), state->quantity[row]);
		case APPORTION_LEVEL_OFF:
			return pstrdup("the exact shares that the quantities are held against do not add up to the supply");
		case APPORTION_SOUND:
			break;
	}
	elog(ERROR, "unexpected flaw %d", (int) state->flaw);
}

/*
 * The kernel solves the partition, too, for the level of a proportional split, which the
 * certificate verifies, and for what it says about a row at fault.
 */
Datum
merch_check_allocation(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	bool	   *checked = WinGetPartitionLocalMemory(winobj, sizeof(bool));
	AllocateState *state = get_state(fcinfo, "merch.check_allocation", 1);

	if (!*checked)
	{
		ApportionLevel level;

		solve_partition(winobj, state, &level);
		state->flaw = apportion_check(state->method, &state->input, state->columns.column[0],
									  &level, &state->flaw_row);
		*checked = true;
	}
	else
		check_current_row(winobj, state);
	if (state->flaw == APPORTION_SOUND || WinGetCurrentPosition(winobj) != (int64) state->flaw_row)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(describe_flaw(state)));
}
