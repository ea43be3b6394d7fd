/*
 * dirty.c
 *	  The writing side of the queue of changed items.
 *
 * mark_dirty_items, a statement trigger, appends the items of the rows that a
 * statement changed to merch.dirty_item: each once a statement. It is on the path
 * of every stock change, so that it does no more than that: what is marked twice,
 * or by a transaction that nobody allocates for, costs the consumer, not the
 * writer.
 *
 * The queue is written as its owner: who may change stock need not be allowed to
 * write the queue, and nobody else's rights are lent.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/int.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "transition.h"

PG_FUNCTION_INFO_V1(merch_mark_dirty_items);
PG_FUNCTION_INFO_V1(merch_mark_dirty);
PG_FUNCTION_INFO_V1(merch_mark_promotions_dirty);

/* A statement that writes the queue, and its plan for the life of the session. */
typedef struct QueueStatement
{
	const char *table;
	const char *text;
	Oid			type;			/* of its one parameter */
	SPIPlanPtr	plan;
} QueueStatement;

static QueueStatement mark_one = {
	"dirty_item", "INSERT INTO merch.dirty_item (item_id) VALUES ($1)", INT8OID, NULL
};
static QueueStatement mark_many = {
	"dirty_item", "INSERT INTO merch.dirty_item (item_id) SELECT m FROM pg_catalog.unnest($1) AS m",
	INT8ARRAYOID, NULL
};
static QueueStatement mark_promotions = {
	"dirty_scope", "INSERT INTO merch.dirty_scope (promotion_id) SELECT m FROM pg_catalog.unnest($1) AS m",
	INT8ARRAYOID, NULL
};

/* Items, sorted and without duplicates from time to time and at the end. */
typedef struct ItemSet
{
	int64	   *items;
	int64		count;
	int64		capacity;
} ItemSet;

static int
compare_items(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

static void
remove_duplicates(ItemSet *set)
{
	int64		kept = 0;

	qsort(set->items, set->count, sizeof(int64), compare_items);
	for (int64 i = 0; i < set->count; i++)
		if (kept == 0 || set->items[kept - 1] != set->items[i])
			set->items[kept++] = set->items[i];
	set->count = kept;
}

static void
add_item(ItemSet *set, int64 item)
{
	/* tables are keyed by item first: most duplicates come in a row */
	if (set->count > 0 && set->items[set->count - 1] == item)
		return;
	if (set->count == set->capacity)
	{
		remove_duplicates(set);
		if (set->count > set->capacity / 2)
		{
			set->capacity *= 2;
			set->items = repalloc_huge(set->items, set->capacity * sizeof(int64));
		}
	}
	set->items[set->count++] = item;
}

static int
column_number(TupleDesc desc, const char *name)
{
	int			number = SPI_fnumber(desc, name);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist", name),
				 errhint("Changes are noticed by it: put the column back, or drop the mark_dirty triggers of its table.")));
	return number;
}

/* The item of a row; false if it is null. */
static bool
item_of(TupleTableSlot *slot, int number, int64 *item)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, number, &isnull);

	if (isnull)
		return false;
	*item = TupleDescAttr(slot->tts_tupleDescriptor, number - 1)->atttypid == INT4OID ?
		DatumGetInt32(value) : DatumGetInt64(value);
	return true;
}

static void
add_row(ItemSet *set, TupleTableSlot *slot, int number)
{
	int64		item;

	if (item_of(slot, number, &item))
		add_item(set, item);
}

static bool
differs(TupleTableSlot *old_row, TupleTableSlot *new_row, int number)
{
	Form_pg_attribute attribute = TupleDescAttr(old_row->tts_tupleDescriptor, number - 1);
	bool		old_null;
	bool		new_null;
	Datum		old_value;
	Datum		new_value;

	if (attribute->attisdropped)
		return false;
	old_value = slot_getattr(old_row, number, &old_null);
	new_value = slot_getattr(new_row, number, &new_null);
	if (old_null || new_null)
		return old_null != new_null;
	return !datumIsEqual(old_value, new_value, attribute->attbyval, attribute->attlen);
}

/* Whether a column that matters differs; the trigger's arguments name them, none for all. */
static bool
row_changed(const Trigger *trigger, const int *columns, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	int			n = trigger->tgnargs > 0 ? trigger->tgnargs : old_row->tts_tupleDescriptor->natts;

	for (int i = 0; i < n; i++)
		if (differs(old_row, new_row, trigger->tgnargs > 0 ? columns[i] : i + 1))
			return true;
	return false;
}

/*
 * An UPDATE appends to both tables row by row: their rows are pairs. Should they ever
 * not be, all count as changed.
 */
static void
add_changed_rows(ItemSet *set, TriggerData *data, int item_column)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	const Trigger *trigger = data->tg_trigger;
	int		   *columns = palloc(sizeof(int) * Max(trigger->tgnargs, 1));
	TransitionReader old_rows;
	TransitionReader new_rows;
	bool		has_old = true;
	bool		has_new = true;

	for (int i = 0; i < trigger->tgnargs; i++)
		columns[i] = column_number(desc, trigger->tgargs[i]);
	merch_open_transition(&old_rows, data->tg_relation, data->tg_oldtable);
	merch_open_transition(&new_rows, data->tg_relation, data->tg_newtable);
	while (has_old || has_new)
	{
		has_old = has_old && merch_next_row(&old_rows);
		has_new = has_new && merch_next_row(&new_rows);
		if (has_old && has_new && !differs(old_rows.slot, new_rows.slot, item_column) &&
			!row_changed(trigger, columns, old_rows.slot, new_rows.slot))
			continue;
		if (has_old)
			add_row(set, old_rows.slot, item_column);
		if (has_new)
			add_row(set, new_rows.slot, item_column);
	}
	merch_close_transition(&old_rows);
	merch_close_transition(&new_rows);
}

static void
add_all_rows(ItemSet *set, TriggerData *data, int item_column)
{
	TransitionReader rows;

	merch_open_transition(&rows, data->tg_relation,
						  data->tg_newtable ? data->tg_newtable : data->tg_oldtable);
	while (merch_next_row(&rows))
		add_row(set, rows.slot, item_column);
	merch_close_transition(&rows);
}

static Oid
queue_owner(const char *table)
{
	Oid			schema = get_namespace_oid("merch", false);
	Oid			relation = get_relname_relid(table, schema);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no table merch.%s to note changes in", table),
				 errhint("merch.create_model() makes the model's tables.")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* An error leaves the user as it is: the end of the (sub)transaction sets it back. */
static void
write_queue(QueueStatement *statement, Datum value)
{
	Oid			user;
	int			context;
	int			result;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(queue_owner(statement->table),
						   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	SPI_connect();
	if (statement->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(statement->text, 1, &statement->type);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		statement->plan = plan;
	}
	result = SPI_execute_plan(statement->plan, &value, NULL, false, 0);
	if (result != SPI_OK_INSERT)
		elog(ERROR, "\"%s\" failed: %s", statement->text, SPI_result_code_string(result));
	SPI_finish();
	SetUserIdAndSecContext(user, context);
}

static void
mark_items(ItemSet *set)
{
	Datum	   *values;
	ArrayType  *array;

	remove_duplicates(set);
	if (set->count == 0)
		return;
	if (set->count == 1)
	{
		write_queue(&mark_one, Int64GetDatum(set->items[0]));
		return;
	}
	values = palloc_extended(sizeof(Datum) * set->count, MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < set->count; i++)
		values[i] = Int64GetDatum(set->items[i]);
	array = construct_array(values, (int) set->count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	write_queue(&mark_many, PointerGetDatum(array));
}

static ItemSet
make_item_set(void)
{
	ItemSet		set = {.capacity = 64};

	set.items = palloc(set.capacity * sizeof(int64));
	return set;
}

Datum
merch_mark_dirty_items(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	ItemSet		set;
	int			item_column;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("merch.mark_dirty_items can only be called as a trigger")));
	if (TRIGGER_FIRED_FOR_ROW(data->tg_event) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		(data->tg_oldtable == NULL && data->tg_newtable == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("merch.mark_dirty_items must be fired after each statement, with transition tables")));
	item_column = column_number(RelationGetDescr(data->tg_relation), "item_id");
	set = make_item_set();
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		add_changed_rows(&set, data, item_column);
	else
		add_all_rows(&set, data, item_column);
	mark_items(&set);
	return PointerGetDatum(NULL);
}

Datum
merch_mark_dirty(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	ItemSet		set = make_item_set();
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			add_item(&set, DatumGetInt64(values[i]));
	mark_items(&set);
	PG_RETURN_VOID();
}

Datum
merch_mark_promotions_dirty(PG_FUNCTION_ARGS)
{
	write_queue(&mark_promotions, PG_GETARG_DATUM(0));
	PG_RETURN_VOID();
}
