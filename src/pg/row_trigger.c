/*
 * row_trigger.c
 *	  What the trigger functions share: how they were called, and what columns hold.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "row_trigger.h"

TriggerData *
merch_check_trigger(FunctionCallInfo fcinfo, const char *name, bool row_level)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s can only be called as a trigger", name)));
	if (row_level ?
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) :
		TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_AFTER(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s must be fired %s", name,
						row_level ? "before each row" : "after each statement")));
	return trigger;
}

IntegerColumn
merch_integer_column(TupleDesc desc, const char *name)
{
	IntegerColumn column = {.number = SPI_fnumber(desc, name)};

	if (column.number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist", name),
				 errhint("The stock ledger is kept from it: put the column back.")));
	column.narrow = TupleDescAttr(desc, column.number - 1)->atttypid == INT4OID;
	return column;
}

int64
merch_tuple_value(HeapTuple tuple, TupleDesc desc, const char *name)
{
	IntegerColumn column = merch_integer_column(desc, name);
	bool		isnull;
	Datum		value = heap_getattr(tuple, column.number, desc, &isnull);

	return isnull ? 0 : merch_integer(column, value);
}
