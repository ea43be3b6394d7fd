/*
 * row_trigger.h
 *	  What the trigger functions share: how they were called, and what columns hold.
 */
#ifndef MERCH_ROW_TRIGGER_H
#define MERCH_ROW_TRIGGER_H

#include "commands/trigger.h"

/* A bigint or int column. */
typedef struct IntegerColumn
{
	int			number;
	bool		narrow;			/* whether it is an int */
} IntegerColumn;

/* Raises an error unless called as a trigger of the level, before each row or after a statement. */
extern TriggerData *merch_check_trigger(FunctionCallInfo fcinfo, const char *name, bool row_level);

/* Raises an error if there is no such column. */
extern IntegerColumn merch_integer_column(TupleDesc desc, const char *name);

/* The value of a column of a row trigger's tuple; 0 for null. */
extern int64 merch_tuple_value(HeapTuple tuple, TupleDesc desc, const char *column);

static inline int64
merch_integer(IntegerColumn column, Datum value)
{
	return column.narrow ? DatumGetInt32(value) : DatumGetInt64(value);
}

#endif
