/*
 * arrays.c
 *	  Arguments that are columns: arrays of one dimension without nulls.
 */
#include "postgres.h"

#include "utils/array.h"

#include "arrays.h"

void
array_report_null(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", name),
			 errhint("Use coalesce(array_agg(...), '{}') where there may be no row.")));
}

ArrayColumn
array_column(FunctionCallInfo fcinfo, int arg, const char *name, const ArrayHints *hints)
{
	ArrayType  *array;

	if (PG_ARGISNULL(arg))
		array_report_null(name);
	array = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must have one dimension, but it has %d", name, ARR_NDIM(array)),
				 errhint("%s", hints->dimensions)));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not contain nulls", name),
				 errhint("%s", hints->nulls)));
	return (ArrayColumn) {ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)), ARR_DATA_PTR(array)};
}

const void *
array_column_of(FunctionCallInfo fcinfo, int arg, const char *name, size_t n, const char *other,
				const ArrayHints *hints)
{
	ArrayColumn column = array_column(fcinfo, arg, name, hints);

	if (column.n != n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s has length %zu, but %s has length %zu", name, column.n, other, n),
				 errhint("Aggregate both over the same rows, in the same order.")));
	return column.data;
}
