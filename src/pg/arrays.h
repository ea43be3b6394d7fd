/*
 * arrays.h
 *	  Arguments that are columns: arrays of one dimension without nulls.
 */
#ifndef MERCH_ARRAYS_H
#define MERCH_ARRAYS_H

#include "fmgr.h"

#include "compat.h"

/* The elements are as wide as they are in memory: the data is aligned. */
typedef struct ArrayColumn
{
	size_t		n;
	const void *data;
} ArrayColumn;

/* What to do about an array that is no column: it depends on what the function takes. */
typedef struct ArrayHints
{
	const char *dimensions;		/* it has more than one */
	const char *nulls;			/* it has some */
} ArrayHints;

pg_noreturn extern void array_report_null(const char *name);

/* The argument of that name in SQL, which must not be null. */
extern ArrayColumn array_column(FunctionCallInfo fcinfo, int arg, const char *name,
								const ArrayHints *hints);

/* The same for an array that must be as long as another argument: n elements. */
extern const void *array_column_of(FunctionCallInfo fcinfo, int arg, const char *name, size_t n,
								   const char *other, const ArrayHints *hints);

/* Whether element i is there, by the array's bitmap; an array without nulls may have none. */
static inline bool
array_has(const bits8 *bitmap, size_t i)
{
	return bitmap == NULL || (bitmap[i / 8] & (1 << (i % 8))) != 0;
}

#endif
