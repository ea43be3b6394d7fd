/*
 * changed_keys.c
 *	  Which keys a statement changed: read from the transition tables of its trigger.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "changed_keys.h"
#include "transition.h"

static int
compare_keys(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

void
merch_remove_duplicates(KeySet *set)
{
	int64		kept = 0;

	qsort(set->keys, set->count, sizeof(int64), compare_keys);
	for (int64 i = 0; i < set->count; i++)
		if (kept == 0 || set->keys[kept - 1] != set->keys[i])
			set->keys[kept++] = set->keys[i];
	set->count = kept;
}

void
merch_add_key(KeySet *set, int64 key)
{
	/* tables are keyed by it first: most duplicates come in a row */
	if (set->count > 0 && set->keys[set->count - 1] == key)
		return;
	if (set->count == set->capacity)
	{
		merch_remove_duplicates(set);
		if (set->count > set->capacity / 2)
		{
			set->capacity *= 2;
			set->keys = repalloc_huge(set->keys, set->capacity * sizeof(int64));
		}
	}
	set->keys[set->count++] = key;
}

static int
column_number(TupleDesc desc, const char *name)
{
	int			number = SPI_fnumber(desc, name);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist", name),
				 errhint("Changes are noticed by it: put the column back, or drop the trigger.")));
	return number;
}

/* The key of a row; false if it is null. */
static bool
key_of(TupleTableSlot *slot, int number, int64 *key)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, number, &isnull);

	if (isnull)
		return false;
	*key = TupleDescAttr(slot->tts_tupleDescriptor, number - 1)->atttypid == INT4OID ?
		DatumGetInt32(value) : DatumGetInt64(value);
	return true;
}

static void
add_row(KeySet *set, TupleTableSlot *slot, int number)
{
	int64		key;

	if (key_of(slot, number, &key))
		merch_add_key(set, key);
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

/* Whether a column that matters differs: one of those named, or any if none is. */
static bool
row_changed(const int *columns, int count, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	int			n = count > 0 ? count : old_row->tts_tupleDescriptor->natts;

	for (int i = 0; i < n; i++)
		if (differs(old_row, new_row, count > 0 ? columns[i] : i + 1))
			return true;
	return false;
}

/*
 * An UPDATE appends to both tables row by row: their rows are pairs. Should they ever
 * not be, all count as changed.
 */
static void
add_changed_rows(KeySet *set, TriggerData *data, int key_column, char **names, int count)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	int		   *columns = palloc(sizeof(int) * Max(count, 1));
	TransitionReader old_rows;
	TransitionReader new_rows;
	bool		has_old = true;
	bool		has_new = true;

	for (int i = 0; i < count; i++)
		columns[i] = column_number(desc, names[i]);
	merch_open_transition(&old_rows, data->tg_relation, data->tg_oldtable);
	merch_open_transition(&new_rows, data->tg_relation, data->tg_newtable);
	while (has_old || has_new)
	{
		has_old = has_old && merch_next_row(&old_rows);
		has_new = has_new && merch_next_row(&new_rows);
		if (has_old && has_new && !differs(old_rows.slot, new_rows.slot, key_column) &&
			!row_changed(columns, count, old_rows.slot, new_rows.slot))
			continue;
		if (has_old)
			add_row(set, old_rows.slot, key_column);
		if (has_new)
			add_row(set, new_rows.slot, key_column);
	}
	merch_close_transition(&old_rows);
	merch_close_transition(&new_rows);
}

static void
add_all_rows(KeySet *set, TriggerData *data, int key_column)
{
	TransitionReader rows;

	merch_open_transition(&rows, data->tg_relation,
						  data->tg_newtable ? data->tg_newtable : data->tg_oldtable);
	while (merch_next_row(&rows))
		add_row(set, rows.slot, key_column);
	merch_close_transition(&rows);
}

KeySet
merch_make_key_set(void)
{
	KeySet		set = {.capacity = 64};

	set.keys = palloc(set.capacity * sizeof(int64));
	return set;
}

static int
key_column_number(TupleDesc desc, const char *name)
{
	int			number = column_number(desc, name);
	Oid			type = TupleDescAttr(desc, number - 1)->atttypid;

	if (type != INT4OID && type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is a %s, neither integer nor bigint", name, format_type_be(type)),
				 errhint("Changes are noticed by it: give the column one of these types, or drop the trigger.")));
	return number;
}

KeySet
merch_changed_keys(FunctionCallInfo fcinfo, const char *function, const char *column, char **names, int count)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	KeySet		set = merch_make_key_set();
	int			number = key_column_number(RelationGetDescr(data->tg_relation), column);

	if (data->tg_oldtable == NULL && data->tg_newtable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s must be fired after each statement, with transition tables", function)));
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		add_changed_rows(&set, data, number, names, count);
	else
		add_all_rows(&set, data, number);
	merch_remove_duplicates(&set);
	return set;
}

ArrayType *
merch_key_set_array(const KeySet *set)
{
	Datum	   *values = palloc_extended(sizeof(Datum) * (set->count + 1), MCXT_ALLOC_HUGE);

	for (int64 i = 0; i < set->count; i++)
		values[i] = Int64GetDatum(set->keys[i]);
	return construct_array(values, (int) set->count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}
