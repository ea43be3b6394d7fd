/*
 * window_columns.c
 *	  Reads the arguments of a window function over a whole partition.
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "window_columns.h"

void *
window_columns_state(FunctionCallInfo fcinfo, Size size, const char *name,
					 const WindowArgument *arguments, int count)
{
	WindowColumns *columns = fcinfo->flinfo->fn_extra;

	if (columns == NULL)
	{
		Assert(count <= MOST_WINDOW_ARGUMENTS);
		columns = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, size);
		columns->arguments = arguments;
		columns->count = count;
		columns->memory = AllocSetContextCreateInternal(fcinfo->flinfo->fn_mcxt, name,
														ALLOCSET_DEFAULT_SIZES);
		for (int arg = 0; arg < count; arg++)
			columns->stable[arg] = get_fn_expr_arg_stable(fcinfo->flinfo, arg);
		fcinfo->flinfo->fn_extra = columns;
	}
	return columns;
}

static void
check_not_null(const WindowArgument *argument, bool isnull)
{
	if (isnull && argument->by_default != DEFAULT_NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", argument->name),
				 errhint("Use coalesce where an outer join may find no row; only maximum may be null, for no limit.")));
}

static bool
is_default(const WindowArgument *argument, Datum value, bool isnull)
{
	int			number = argument->by_default == DEFAULT_ONE;

	if (argument->by_default == DEFAULT_NULL || argument->by_default == DEFAULT_NONE || isnull)
		return isnull && argument->by_default == DEFAULT_NULL;
	switch (argument->kind)
	{
		case ARGUMENT_INT64:
			return DatumGetInt64(value) == number;
		case ARGUMENT_INT32:
			return DatumGetInt32(value) == number;
		case ARGUMENT_FLOAT8:
			return DatumGetFloat8(value) == number;
		default:
			return false;
	}
}

/* Finds out, on the first row of all, which arguments need a column. */
static void
prepare(WindowObject winobj, WindowColumns *columns)
{
	for (int arg = 0; arg < columns->count; arg++)
	{
		const WindowArgument *argument = &columns->arguments[arg];
		bool		isnull;
		Datum		value;

		columns->needed[arg] = argument->kind != ARGUMENT_SCALAR;
		if (!columns->stable[arg])
			continue;
		value = WinGetFuncArgCurrent(winobj, arg, &isnull);
		if (is_default(argument, value, isnull))
			columns->needed[arg] = false;
	}
	columns->prepared = true;
}

static void
reserve_rows(WindowColumns *columns)
{
	int64		capacity = Max(columns->capacity, 64);

	/* the executor counts the rows of a partition in an int */
	if (columns->rows > INT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition of " INT64_FORMAT " rows is too large to allocate", columns->rows),
				 errhint("PARTITION BY what has a supply of its own.")));
	while (capacity < columns->rows)
		capacity *= 2;
	MemoryContextReset(columns->memory);
	columns->capacity = capacity;
	for (int arg = 0; arg < columns->count; arg++)
	{
		bool		narrow = columns->arguments[arg].kind == ARGUMENT_INT32;
		Size		width = narrow ? sizeof(int32) : sizeof(int64);

		columns->column[arg] = NULL;
		if (columns->needed[arg])
			columns->column[arg] = MemoryContextAllocHuge(columns->memory, capacity * width);
	}
}

bool
window_columns_begin(WindowObject winobj, WindowColumns *columns)
{
	bool		grows;

	if (!columns->prepared)
		prepare(winobj, columns);
	columns->forward = true;
	columns->rows = WinGetPartitionRowCount(winobj);
	grows = columns->rows > columns->capacity;
	if (grows)
		reserve_rows(columns);
	return grows;
}

static void
store_value(WindowColumns *columns, int arg, int64 row, Datum value, bool isnull)
{
	check_not_null(&columns->arguments[arg], isnull);
	switch (columns->arguments[arg].kind)
	{
		case ARGUMENT_INT32:
			((int32 *) columns->column[arg])[row] = DatumGetInt32(value);
			break;
		case ARGUMENT_FLOAT8:
			((double *) columns->column[arg])[row] = DatumGetFloat8(value);
			break;
		default:
			((int64 *) columns->column[arg])[row] = isnull ? PG_INT64_MAX : DatumGetInt64(value);
			break;
	}
}

void
window_columns_read(WindowObject winobj, WindowColumns *columns, int arg)
{
	Datum		value = 0;
	bool		isnull = false;
	bool		isout;

	if (!columns->needed[arg])
		return;
	if (columns->stable[arg])
		value = WinGetFuncArgCurrent(winobj, arg, &isnull);
	for (int64 i = 0; i < columns->rows; i++)
	{
		int64		row = columns->forward ? i : columns->rows - 1 - i;

		if (!columns->stable[arg])
		{
			value = WinGetFuncArgInPartition(winobj, arg, (int) row, WINDOW_SEEK_HEAD, false,
											 &isnull, &isout);
			CHECK_FOR_INTERRUPTS();
		}
		store_value(columns, arg, row, value, isnull);
	}
	if (!columns->stable[arg])
		columns->forward = !columns->forward;
}

Datum
window_scalar(WindowObject winobj, const WindowColumns *columns, int arg)
{
	bool		isnull;
	Datum		value = WinGetFuncArgCurrent(winobj, arg, &isnull);

	check_not_null(&columns->arguments[arg], isnull);
	return value;
}

void
window_report_two_values(const WindowColumns *columns, int arg, const char *first, const char *other)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be one value in a partition, but it is both %s and %s",
					columns->arguments[arg].name, first, other),
			 errhint("Add what tells them apart to PARTITION BY.")));
}

/*
 * A partition is solved with the scalars of its first row. That the other rows agree is
 * checked as they come by: reading them ahead would cost a pass of its own.
 */
void
window_check_int64(WindowObject winobj, const WindowColumns *columns, int arg, int64 first)
{
	int64		other;

	if (columns->stable[arg])
		return;
	other = DatumGetInt64(window_scalar(winobj, columns, arg));
	if (other != first)
		window_report_two_values(columns, arg, psprintf(INT64_FORMAT, first),
								 psprintf(INT64_FORMAT, other));
}
