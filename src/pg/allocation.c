/*
 * allocation.c
 *	  merch.allocate: the apportion kernel as a window function.
 *
 * The first row of a partition reads the whole partition and solves it; the
 * other rows return their part of the answer by position. Arguments that cannot
 * change within the query are read once. Every other argument costs one pass
 * over the partition's rows: the executor fetches a row anew for each argument
 * and would have to step back for a second one on the same row. The passes go to
 * and fro, so that a partition that was spilled to disk is never rewound.
 *
 * Memory is kept from partition to partition and is that of the largest one.
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "apportion.h"
#include "compat.h"
#include "error.h"

PG_FUNCTION_INFO_V1(merch_allocate);

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

#define ARGUMENTS (ARG_POSITION + 1)

static const char *const argument_name[ARGUMENTS] = {
	"supply", "need", "method", "minimum", "maximum", "pack", "tier", "weight", "on_position"
};

typedef struct AllocateState
{
	bool		prepared;
	bool		stable[ARGUMENTS];	/* one value for the whole query */
	bool		needed[ARGUMENTS];	/* has a column: not the kernel's default */
	bool		forward;		/* the direction of the next pass */
	ApportionMethod method;
	int64		supply;
	MemoryContext memory;		/* of the arrays below */
	int64		capacity;		/* rows that they have room for */
	int64	   *column[ARGUMENTS];
	int32	   *tier;
	double	   *weight;
	int64	   *quantity;
	void	   *scratch;
} AllocateState;

static AllocateState *
get_state(FunctionCallInfo fcinfo)
{
	AllocateState *state = fcinfo->flinfo->fn_extra;

	if (state == NULL)
	{
		state = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(AllocateState));
		state->memory = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "merch.allocate",
											  ALLOCSET_DEFAULT_SIZES);
		for (int arg = 0; arg < ARGUMENTS; arg++)
			state->stable[arg] = get_fn_expr_arg_stable(fcinfo->flinfo, arg);
		fcinfo->flinfo->fn_extra = state;
	}
	return state;
}

static char *
list_methods(void)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int method = 0; method < APPORTION_METHODS; method++)
		appendStringInfo(&list, "%s%s", method == 0 ? "" : ", ",
						 apportion_method_name((ApportionMethod) method));
	return list.data;
}

static ApportionMethod
parse_method(Datum value)
{
	text	   *name = DatumGetTextPP(value);

	for (int method = 0; method < APPORTION_METHODS; method++)
	{
		const char *candidate = apportion_method_name((ApportionMethod) method);

		if (strlen(candidate) == VARSIZE_ANY_EXHDR(name) &&
			memcmp(candidate, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0)
			return (ApportionMethod) method;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown allocation method: \"%s\"", text_to_cstring(name)),
			 errhint("Methods are: %s.", list_methods())));
}

static void
check_not_null(Argument arg, bool isnull)
{
	if (isnull && arg != ARG_MAXIMUM)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", argument_name[arg]),
				 errhint("Use coalesce where an outer join may find no row; only maximum may be null, for no limit.")));
}

static bool
is_default(Argument arg, Datum value, bool isnull)
{
	switch (arg)
	{
		case ARG_MINIMUM:
		case ARG_POSITION:
			return !isnull && DatumGetInt64(value) == 0;
		case ARG_MAXIMUM:
			return isnull;
		case ARG_PACK:
			return !isnull && DatumGetInt64(value) == 1;
		case ARG_TIER:
			return !isnull && DatumGetInt32(value) == 0;
		case ARG_WEIGHT:
			return !isnull && DatumGetFloat8(value) == 1;
		default:
			return false;
	}
}

/* Finds out, on the first row of all, which arguments need a column. */
static void
prepare(WindowObject winobj, AllocateState *state)
{
	for (int arg = 0; arg < ARGUMENTS; arg++)
	{
		bool		isnull;
		Datum		value;

		state->needed[arg] = arg != ARG_SUPPLY && arg != ARG_METHOD;
		if (!state->stable[arg])
			continue;
		value = WinGetFuncArgCurrent(winobj, arg, &isnull);
		if (is_default(arg, value, isnull))
			state->needed[arg] = false;
	}
	state->prepared = true;
}

/* Memory for a column, or NULL where the kernel's default holds in every row. */
static void *
column_memory(const AllocateState *state, Argument arg, Size width)
{
	if (!state->needed[arg])
		return NULL;
	return MemoryContextAllocHuge(state->memory, state->capacity * width);
}

static void
reserve_rows(AllocateState *state, int64 rows)
{
	int64		capacity = Max(state->capacity, 64);

	if (rows <= state->capacity)
		return;
	/* the executor counts the rows of a partition in an int */
	if (rows > INT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition of " INT64_FORMAT " rows is too large to allocate", rows),
				 errhint("PARTITION BY what has a supply of its own.")));
	while (capacity < rows)
		capacity *= 2;
	MemoryContextReset(state->memory);
	state->capacity = capacity;
	for (int arg = 0; arg < ARGUMENTS; arg++)
		state->column[arg] = column_memory(state, arg, sizeof(int64));
	state->tier = column_memory(state, ARG_TIER, sizeof(int32));
	state->weight = column_memory(state, ARG_WEIGHT, sizeof(double));
	state->quantity = MemoryContextAllocHuge(state->memory, capacity * sizeof(int64));
	state->scratch = MemoryContextAllocHuge(state->memory, apportion_scratch_size(capacity));
}

static int64
column_value(Argument arg, Datum value, bool isnull)
{
	check_not_null(arg, isnull);
	return isnull ? APPORTION_NO_MAXIMUM : DatumGetInt64(value);
}

static void
read_column(WindowObject winobj, AllocateState *state, Argument arg, int64 rows)
{
	for (int64 i = 0; i < rows; i++)
	{
		int64		row = state->forward ? i : rows - 1 - i;
		bool		isnull;
		bool		isout;
		Datum		value = WinGetFuncArgInPartition(winobj, arg, (int) row, WINDOW_SEEK_HEAD, false,
													 &isnull, &isout);

		CHECK_FOR_INTERRUPTS();
		state->column[arg][row] = column_value(arg, value, isnull);
	}
	state->forward = !state->forward;
}

static void
repeat_value(WindowObject winobj, AllocateState *state, Argument arg, int64 rows)
{
	bool		isnull;
	Datum		value = WinGetFuncArgCurrent(winobj, arg, &isnull);
	int64		repeated = column_value(arg, value, isnull);

	for (int64 row = 0; row < rows; row++)
		state->column[arg][row] = repeated;
}

/* Tiers and weights were read as the bits of their datums. */
static void
convert_columns(AllocateState *state, int64 rows)
{
	for (int64 row = 0; state->tier != NULL && row < rows; row++)
		state->tier[row] = DatumGetInt32(Int64GetDatum(state->column[ARG_TIER][row]));
	for (int64 row = 0; state->weight != NULL && row < rows; row++)
		state->weight[row] = DatumGetFloat8(Int64GetDatum(state->column[ARG_WEIGHT][row]));
}

static int64
current_supply(WindowObject winobj)
{
	bool		isnull;
	Datum		value = WinGetFuncArgCurrent(winobj, ARG_SUPPLY, &isnull);

	check_not_null(ARG_SUPPLY, isnull);
	return DatumGetInt64(value);
}

static ApportionMethod
current_method(WindowObject winobj)
{
	bool		isnull;
	Datum		value = WinGetFuncArgCurrent(winobj, ARG_METHOD, &isnull);

	check_not_null(ARG_METHOD, isnull);
	return parse_method(value);
}

static void
report_two_values(Argument arg, const char *first, const char *other)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be one value in a partition, but it is both %s and %s",
					argument_name[arg], first, other),
			 errhint("Add what tells them apart to PARTITION BY.")));
}

/*
 * A partition is solved with the supply and the method of its first row. That the
 * other rows agree is checked as they come by: reading them ahead would cost a
 * pass of its own.
 */
static void
check_current_row(WindowObject winobj, const AllocateState *state)
{
	if (!state->stable[ARG_SUPPLY])
	{
		int64		supply = current_supply(winobj);

		if (supply != state->supply)
			report_two_values(ARG_SUPPLY, psprintf(INT64_FORMAT, state->supply),
							  psprintf(INT64_FORMAT, supply));
	}
	if (!state->stable[ARG_METHOD])
	{
		ApportionMethod method = current_method(winobj);

		if (method != state->method)
			report_two_values(ARG_METHOD, apportion_method_name(state->method),
							  apportion_method_name(method));
	}
}

static void
solve_partition(WindowObject winobj, AllocateState *state)
{
	int64		rows = WinGetPartitionRowCount(winobj);
	ApportionInput input;
	MerchFault	fault;
	MerchStatus status;

	if (!state->prepared)
		prepare(winobj, state);
	state->supply = current_supply(winobj);
	state->method = current_method(winobj);
	reserve_rows(state, rows);
	state->forward = true;
	for (int arg = 0; arg < ARGUMENTS; arg++)
	{
		/* only cover looks at the position: the others are spared the pass */
		if (!state->needed[arg] || (arg == ARG_POSITION && state->method != APPORTION_COVER))
			continue;
		if (state->stable[arg])
			repeat_value(winobj, state, arg, rows);
		else
			read_column(winobj, state, arg, rows);
	}
	convert_columns(state, rows);

	input = (ApportionInput) {
		.supply = state->supply,
		.n = rows,
		.need = state->column[ARG_NEED],
		.minimum = state->column[ARG_MINIMUM],
		.maximum = state->column[ARG_MAXIMUM],
		.pack = state->column[ARG_PACK],
		.tier = state->tier,
		.weight = state->weight,
		.position = state->method == APPORTION_COVER ? state->column[ARG_POSITION] : NULL
	};
	while ((status = apportion(state->method, &input, state->quantity, state->scratch,
							   merch_interrupted, NULL, &fault)) == MERCH_CANCELLED)
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
	AllocateState *state = get_state(fcinfo);

	if (!*solved)
	{
		solve_partition(winobj, state);
		*solved = true;
	}
	else
		check_current_row(winobj, state);
	PG_RETURN_INT64(state->quantity[WinGetCurrentPosition(winobj)]);
}
