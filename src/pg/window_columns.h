/*
 * window_columns.h
 *	  The arguments of a window function over a whole partition, as columns for a kernel.
 *
 * Arguments that cannot change within the query are read once. Every other argument costs one
 * pass over the partition's rows: the executor fetches a row anew for each argument and
 * would have to step back for a second one on the same row. The passes go to and fro, so
 * that a partition that was spilled to disk is never rewound.
 *
 * Memory is kept from partition to partition and is that of the largest one.
 */
#ifndef MERCH_WINDOW_COLUMNS_H
#define MERCH_WINDOW_COLUMNS_H

#include "fmgr.h"
#include "windowapi.h"

#include "compat.h"

typedef enum ArgumentKind
{
	ARGUMENT_SCALAR,			/* one value in a partition: has no column */
	ARGUMENT_INT64,
	ARGUMENT_INT32,
	ARGUMENT_FLOAT8
} ArgumentKind;

/* The value that a kernel takes where it is given no column. */
typedef enum ArgumentDefault
{
	DEFAULT_NONE,
	DEFAULT_ZERO,
	DEFAULT_ONE,
	DEFAULT_NULL				/* null is allowed, and is PG_INT64_MAX in a column */
} ArgumentDefault;

typedef struct WindowArgument
{
	const char *name;			/* in SQL */
	ArgumentKind kind;
	ArgumentDefault by_default;
} WindowArgument;

#define MOST_WINDOW_ARGUMENTS 12

typedef struct WindowColumns
{
	const WindowArgument *arguments;
	int			count;
	bool		prepared;
	bool		forward;		/* the direction of the next pass */
	bool		stable[MOST_WINDOW_ARGUMENTS];	/* one value for the whole query */
	bool		needed[MOST_WINDOW_ARGUMENTS];	/* has a column: not the default */
	MemoryContext memory;		/* of the columns, and of the caller's arrays */
	int64		capacity;		/* rows that they have room for */
	int64		rows;			/* of this partition */
	void	   *column[MOST_WINDOW_ARGUMENTS];	/* NULL where the default holds */
} WindowColumns;

/* Kept in fcinfo: size bytes, zero at first, that begin with a WindowColumns. */
extern void *window_columns_state(FunctionCallInfo fcinfo, Size size, const char *name,
								  const WindowArgument *arguments, int count);

/*
 * Counts the partition's rows and makes room for its columns. Returns whether the
 * memory is new: the caller then allocates what it needs for capacity rows.
 */
extern bool window_columns_begin(WindowObject winobj, WindowColumns *columns);

/* Fills the argument's column, if it needs one. */
extern void window_columns_read(WindowObject winobj, WindowColumns *columns, int arg);

/* The argument in the current row, which must not be null. */
extern Datum window_scalar(WindowObject winobj, const WindowColumns *columns, int arg);

pg_noreturn extern void window_report_two_values(const WindowColumns *columns, int arg,
												 const char *first, const char *other);

/* Whether supply, read with the first row, is what the current row says. */
extern void window_check_int64(WindowObject winobj, const WindowColumns *columns, int arg,
							   int64 first);

#endif
