/*
 * diff_query.h
 *	  The two queries of merch.diff: what columns they have, which of them are
 *	  compared as what, and their rows in the order of their keys.
 */
#ifndef MERCH_DIFF_QUERY_H
#define MERCH_DIFF_QUERY_H

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/portal.h"

/* A column that both queries have. */
typedef struct DiffColumn
{
	char	   *name;
	Oid			type;			/* that both are compared as */
	Oid			collation;		/* C, or none */
	FmgrInfo	compare;		/* of keys: their btree's; else equality */
} DiffColumn;

/* What is compared: the keys first, then the other columns that both queries have. */
typedef struct DiffPlan
{
	DiffColumn *columns;
	int			keys;
	int			n;
	List	   *only_left;		/* names of columns that one query lacks */
	List	   *only_right;
} DiffPlan;

/* The rows of a query, of which two are at hand. Values are those of the plan's columns first. */
typedef struct DiffSide
{
	const char *argument;		/* by which errors name it */
	char	   *text;			/* the query, as one SELECT */
	TupleDesc	columns;		/* of the query as it was given */
	Portal		portal;
	TupleDesc	desc;			/* of the rows read */
	SPITupleTable *table;
	SPITupleTable *older;		/* what the row in hand may lie in */
	uint64		used;			/* rows taken from table */
	HeapTuple	row;			/* NULL behind the last */
	Datum	   *values;
	bool	   *nulls;
	HeapTuple	next_row;
	Datum	   *next_values;
	bool	   *next_nulls;
	bool		repeats;		/* the next row has the key of this one */
} DiffSide;

extern void diff_read_query(DiffSide *side, const char *argument, text *query);
extern void diff_plan(DiffPlan *plan, const DiffSide *left, const DiffSide *right, ArrayType *key_columns);
extern void diff_open(DiffSide *side, const DiffPlan *plan, const DiffSide *other);
extern void diff_advance(DiffSide *side, const DiffPlan *plan);
extern int	diff_compare_keys(const DiffPlan *plan, const Datum *left, const bool *left_nulls,
							  const Datum *right, const bool *right_nulls);

#endif
