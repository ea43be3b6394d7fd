/*
 * stamp.c
 *	  When rows came into states: columns that a trigger keeps, and nobody else.
 *
 * In C, as it runs for every row: 100,000 tasks may change their state in one statement.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "row_trigger.h"

PG_FUNCTION_INFO_V1(merch_stamp_states);

/* The number of a column of one type. */
static int
stamped_column(TupleDesc desc, const char *name, Oid type)
{
	int			number = SPI_fnumber(desc, name);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist", name),
				 errhint("It is an argument of trigger function merch.stamp_states: put the column back.")));
	if (TupleDescAttr(desc, number - 1)->atttypid != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" must be of type %s", name, format_type_be(type))));
	return number;
}

static bool
is_text(Datum value, bool isnull, const char *what)
{
	text	   *t;

	if (isnull)
		return false;
	t = DatumGetTextPP(value);
	return VARSIZE_ANY_EXHDR(t) == strlen(what) && memcmp(VARDATA_ANY(t), what, strlen(what)) == 0;
}

static void
check_arguments(TriggerData *trigger)
{
	Trigger    *def = trigger->tg_trigger;

	if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("merch.stamp_states must be fired by UPDATE")));
	if (def->tgnargs < 3 || def->tgnargs % 2 == 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" needs the column of the state and pairs of a state and a column", def->tgname)));
	for (int i = 2; i < def->tgnargs; i += 2)
		if (def->tgargs[i][0] != '+' && def->tgargs[i][0] != '-')
			ereport(ERROR,
					(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					 errmsg("argument \"%s\" of trigger \"%s\" must begin with + or -", def->tgargs[i], def->tgname)));
}

Datum
merch_stamp_states(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = merch_check_trigger(fcinfo, "merch.stamp_states", true);
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	char	  **args = trigger->tg_trigger->tgargs;
	int			nargs = trigger->tg_trigger->tgnargs;
	Datum		values[MaxHeapAttributeNumber];
	bool		nulls[MaxHeapAttributeNumber];
	bool		replaced[MaxHeapAttributeNumber];
	int			state;
	Datum		was,
				is;
	bool		was_null,
				is_null;

	check_arguments(trigger);
	state = stamped_column(desc, args[0], TEXTOID);
	was = heap_getattr(trigger->tg_trigtuple, state, desc, &was_null);
	is = heap_getattr(trigger->tg_newtuple, state, desc, &is_null);
	memset(replaced, 0, sizeof(bool) * desc->natts);
	for (int i = 1; i < nargs; i += 2)
	{
		int			column = stamped_column(desc, args[i + 1] + 1, TIMESTAMPTZOID) - 1;

		if (!replaced[column])
		{
			values[column] = heap_getattr(trigger->tg_trigtuple, column + 1, desc, &nulls[column]);
			replaced[column] = true;
		}
		if (is_text(is, is_null, args[i]) && !is_text(was, was_null, args[i]))
		{
			nulls[column] = args[i + 1][0] == '-';
			values[column] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
		}
	}
	return PointerGetDatum(heap_modify_tuple(trigger->tg_newtuple, desc, values, nulls, replaced));
}
