/*
 * stock.c
 *	  The ledger behind merch.stock.reserved.
 *
 * What is reserved of a stock is the sum of reserved over the allocation lines
 * with its item and source. keep_ledger, a statement trigger on the lines, adds
 * what a statement changed; guard_reserved, a row trigger on the stock, refuses
 * every other change. Together with the CHECK that reserved is within what is on
 * hand, no statement of any session can promise a unit twice.
 *
 * The lines have no foreign keys (see the model); keep_ledger looks up what they
 * point to, locked as a foreign key would lock it, once a statement.
 *
 * Stock rows are locked in the order of (item, location), as in
 * merch.allocate_promotion(): sessions that touch the same stock in single
 * statements wait for each other and never deadlock.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/int.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(merch_keep_ledger);
PG_FUNCTION_INFO_V1(merch_guard_reserved);

/* What a statement's lines point to. */
typedef enum EntryKind
{
	ENTRY_ITEM,
	ENTRY_LOCATION,
	ENTRY_ALLOCATION,
	ENTRY_ACTIVE,				/* an allocation in which new lines reserve units */
	ENTRY_STOCK					/* an item at a source, with the units reserved */
} EntryKind;

/* Hashed bytewise: no padding, kind takes eight bytes for that. */
typedef struct EntryKey
{
	int64		kind;
	int64		id;
	int64		source;			/* of ENTRY_STOCK; else 0 */
} EntryKey;

typedef struct Entry
{
	EntryKey	key;
	int64		units;			/* of ENTRY_STOCK: change of what is reserved */
} Entry;

/* The columns of merch.allocation_line that matter, as numbers. */
typedef struct LineColumns
{
	int			item;
	int			allocation;
	int			location;
	int			source;
	int			reserved;
} LineColumns;

/*
 * A table that lines point to, by a key that is its name and "_id". Runs that
 * reserve are locked against merch.release_allocation(), which gives back what it
 * sees: no line may come after.
 */
typedef struct Parent
{
	EntryKind	kind;
	const char *table;
	const char *condition;
	const char *lock;
	const char *noun;
	const char *hint;
} Parent;

static const Parent parents[] = {
	{ENTRY_ITEM, "item", "true", "KEY SHARE", "item",
	"Allocation lines can only name rows of merch.item."},
	{ENTRY_LOCATION, "location", "true", "KEY SHARE", "location",
	"Allocation lines can only name rows of merch.location."},
	{ENTRY_ALLOCATION, "allocation", "true", "KEY SHARE", "allocation",
	"Allocation lines can only name rows of merch.allocation."},
	{ENTRY_ACTIVE, "allocation", "state = 'active'", "SHARE", "active allocation",
	"Lines reserve units only while their allocation is active."}
};

static const char *const lock_stock =
"SELECT FROM unnest($1, $2) AS d(item_id, location_id)"
" JOIN merch.stock s ON s.item_id = d.item_id AND s.location_id = d.location_id"
" ORDER BY s.item_id, s.location_id FOR NO KEY UPDATE OF s";

static const char *const missing_stock =
"SELECT d.item_id, d.location_id FROM unnest($1, $2) AS d(item_id, location_id)"
" WHERE NOT EXISTS (SELECT FROM merch.stock s"
"                   WHERE s.item_id = d.item_id AND s.location_id = d.location_id)"
" ORDER BY d.item_id, d.location_id LIMIT 1";

static const char *const change_stock =
"UPDATE merch.stock s SET reserved = s.reserved + d.units"
" FROM unnest($1, $2, $3) AS d(item_id, location_id, units)"
" WHERE s.item_id = d.item_id AND s.location_id = d.location_id";

/* Above 0 while keep_ledger itself changes what is reserved. */
static int	ledger_depth = 0;

static int
column_number(TupleDesc desc, const char *name)
{
	int			number = SPI_fnumber(desc, name);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist", name),
				 errhint("The stock ledger is kept from it: put the column back.")));
	return number;
}

static Entry *
find_entry(HTAB *entries, EntryKind kind, int64 id, int64 source)
{
	EntryKey	key = {.kind = kind,.id = id,.source = source};
	bool		found;
	Entry	   *entry = hash_search(entries, &key, HASH_ENTER, &found);

	if (!found)
		entry->units = 0;
	return entry;
}

/* The value of an integer column; 0 for null. */
static int64
integer_value(TupleDesc desc, int number, Datum value, bool isnull)
{
	if (isnull)
		return 0;
	return TupleDescAttr(desc, number - 1)->atttypid == INT4OID ?
		DatumGetInt32(value) : DatumGetInt64(value);
}

static int64
column_value(TupleTableSlot *slot, int number, bool *isnull)
{
	Datum		value = slot_getattr(slot, number, isnull);

	return integer_value(slot->tts_tupleDescriptor, number, value, *isnull);
}

/*
 * Notes what a line points to (a new one only: an old one may outlive it) and adds
 * sign times what it reserves.
 */
static void
add_line(HTAB *entries, const LineColumns *columns, TupleTableSlot *slot, int sign)
{
	bool		isnull;
	int64		item = column_value(slot, columns->item, &isnull);
	int64		reserved = column_value(slot, columns->reserved, &isnull);
	bool		no_source;
	int64		source = column_value(slot, columns->source, &no_source);

	if (sign > 0)
	{
		int64		allocation = column_value(slot, columns->allocation, &isnull);

		find_entry(entries, ENTRY_ITEM, item, 0);
		find_entry(entries, reserved != 0 ? ENTRY_ACTIVE : ENTRY_ALLOCATION, allocation, 0);
		find_entry(entries, ENTRY_LOCATION,
				   column_value(slot, columns->location, &isnull), 0);
		if (!no_source)
			find_entry(entries, ENTRY_LOCATION, source, 0);
	}
	if (reserved != 0)
	{
		Entry	   *entry = find_entry(entries, ENTRY_STOCK, item, source);

		if (pg_add_s64_overflow(entry->units, sign * reserved, &entry->units))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("units reserved of item " INT64_FORMAT " are out of range", item),
					 errhint("All that one statement reserves of an item must stay below 2^63.")));
	}
}

static void
read_lines(HTAB *entries, Relation lines, Tuplestorestate *store, int sign)
{
	TupleDesc	desc = RelationGetDescr(lines);
	LineColumns columns = {
		.item = column_number(desc, "item_id"),
		.allocation = column_number(desc, "allocation_id"),
		.location = column_number(desc, "location_id"),
		.source = column_number(desc, "source_id"),
		.reserved = column_number(desc, "reserved")
	};
	TupleTableSlot *slot;
	int			pointer;

	if (store == NULL)
		return;
	/* other triggers read the same store: leave their place in it alone */
	pointer = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(store, pointer);
	tuplestore_rescan(store);
	slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(store, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		add_line(entries, &columns, slot, sign);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_select_read_pointer(store, 0);
}

static HTAB *
make_entries(void)
{
	HASHCTL		control =
	{
		.keysize = sizeof(EntryKey),
		.entrysize = sizeof(Entry),
		.hcxt = CurrentMemoryContext
	};

	return hash_create("merch.keep_ledger", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The entries of a kind as arrays: ids, sources, units. Returns how many. */
static int
collect_entries(HTAB *entries, EntryKind kind, Datum arrays[3])
{
	int			limit = (int) hash_get_num_entries(entries);
	Datum	   *values[3];
	HASH_SEQ_STATUS scan;
	Entry	   *entry;
	int			n = 0;

	for (int i = 0; i < 3; i++)
		values[i] = palloc_extended(sizeof(Datum) * Max(limit, 1), MCXT_ALLOC_HUGE);
	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->key.kind != kind || (kind == ENTRY_STOCK && entry->units == 0))
			continue;
		values[0][n] = Int64GetDatum(entry->key.id);
		values[1][n] = Int64GetDatum(entry->key.source);
		values[2][n] = Int64GetDatum(entry->units);
		n++;
	}
	for (int i = 0; i < 3; i++)
		arrays[i] = PointerGetDatum(construct_array(values[i], n, INT8OID, sizeof(int64),
													FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	return n;
}

static uint64
execute(const char *statement, int nargs, Datum *arrays, int expected)
{
	Oid			types[3] = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID};
	int			result = SPI_execute_with_args(statement, nargs, types, arrays, NULL, false, 0);

	if (result != expected)
		elog(ERROR, "\"%s\" failed: %s", statement, SPI_result_code_string(result));
	return SPI_processed;
}

/* The given column of the first row that the last statement returned. */
static int64
result_value(int column)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull));
}

static void
check_parent(HTAB *entries, const Parent *parent)
{
	Datum		arrays[3];
	int			n = collect_entries(entries, parent->kind, arrays);
	const char *table = parent->table;

	if (n == 0 ||
		execute(psprintf("SELECT FROM merch.%s WHERE %s_id = ANY ($1) AND %s ORDER BY %s_id FOR %s",
						 table, table, parent->condition, table, parent->lock),
				1, arrays, SPI_OK_SELECT) == n)
		return;
	if (execute(psprintf("SELECT id FROM unnest($1) AS id WHERE NOT EXISTS"
						 " (SELECT FROM merch.%s WHERE %s_id = id AND %s) ORDER BY id LIMIT 1",
						 table, table, parent->condition), 1, arrays, SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("%s " INT64_FORMAT " does not exist", parent->noun, result_value(1)),
				 errhint("%s", parent->hint)));
}

/* Locks the stock rows in the order of their keys, then adds what has changed. */
static void
change_reserved(HTAB *entries)
{
	Datum		arrays[3];
	int			n = collect_entries(entries, ENTRY_STOCK, arrays);

	if (n == 0)
		return;
	if (execute(lock_stock, 2, arrays, SPI_OK_SELECT) < n &&
		execute(missing_stock, 2, arrays, SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("item " INT64_FORMAT " has no stock at location " INT64_FORMAT,
						result_value(1), result_value(2)),
				 errhint("Units can only be reserved where merch.stock has a row.")));
	ledger_depth++;
	PG_TRY();
	{
		execute(change_stock, 3, arrays, SPI_OK_UPDATE);
	}
	PG_FINALLY();
	{
		ledger_depth--;
	}
	PG_END_TRY();
}

static TriggerData *
check_trigger(FunctionCallInfo fcinfo, const char *name, bool row_level)
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

/* On any other table it would reserve units that no allocation line holds. */
static void
check_ledger(Relation lines)
{
	const char *schema = get_namespace_name(RelationGetNamespace(lines));

	if (schema == NULL || strcmp(schema, "merch") != 0 ||
		strcmp(RelationGetRelationName(lines), "allocation_line") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("merch.keep_ledger cannot be a trigger of \"%s.%s\"",
						schema == NULL ? "" : schema, RelationGetRelationName(lines)),
				 errhint("Units are reserved by the rows of merch.allocation_line alone.")));
}

Datum
merch_keep_ledger(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_trigger(fcinfo, "merch.keep_ledger", false);
	bool		old_lines = !TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
	bool		new_lines = !TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
	HTAB	   *entries;

	check_ledger(trigger->tg_relation);
	if ((old_lines && trigger->tg_oldtable == NULL) || (new_lines && trigger->tg_newtable == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("merch.keep_ledger needs the transition tables of its statement"),
				 errhint("Create the trigger with REFERENCING OLD TABLE and NEW TABLE.")));
	SPI_connect();
	entries = make_entries();
	read_lines(entries, trigger->tg_relation, trigger->tg_oldtable, -1);
	read_lines(entries, trigger->tg_relation, trigger->tg_newtable, 1);
	for (int i = 0; i < lengthof(parents); i++)
		check_parent(entries, &parents[i]);
	change_reserved(entries);
	SPI_finish();
	return PointerGetDatum(NULL);
}

static int64
tuple_value(HeapTuple tuple, TupleDesc desc, const char *column)
{
	int			number = column_number(desc, column);
	bool		isnull;
	Datum		value = heap_getattr(tuple, number, desc, &isnull);

	return integer_value(desc, number, value, isnull);
}

/* The CHECK would refuse it as well, but can't say what to do. */
static void
check_on_hand(Relation stock, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(stock);
	int64		on_hand = tuple_value(tuple, desc, "on_hand");
	int64		reserved = tuple_value(tuple, desc, "reserved");

	if (reserved != 0 && reserved > on_hand)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("item " INT64_FORMAT " at location " INT64_FORMAT " has " INT64_FORMAT
						" units on hand, not the " INT64_FORMAT " that are reserved",
						tuple_value(tuple, desc, "item_id"),
						tuple_value(tuple, desc, "location_id"), on_hand, reserved),
				 errhint("merch.release_allocation() gives units back; merch.allocation_line says who holds them."),
				 errtableconstraint(stock, "stock_reserved_within_on_hand")));
}

/* Whether the row trigger's event changes what is reserved, or where. */
static bool
reserved_moves(const TriggerData *trigger)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	const char *const columns[] = {"item_id", "location_id", "reserved"};

	if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		return true;
	for (int i = 0; i < lengthof(columns); i++)
		if (tuple_value(trigger->tg_trigtuple, desc, columns[i]) !=
			tuple_value(trigger->tg_newtuple, desc, columns[i]))
			return true;
	return false;
}

Datum
merch_guard_reserved(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_trigger(fcinfo, "merch.guard_reserved", true);
	bool		update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);

	if (ledger_depth == 0 && reserved_moves(trigger))
		ereport(ERROR,
				(errcode(ERRCODE_RESTRICT_VIOLATION),
				 errmsg("what is reserved of \"%s\" changes only with its allocation lines",
						RelationGetRelationName(trigger->tg_relation)),
				 errhint("merch.allocate_promotion() reserves units, merch.release_allocation() gives them back.")));
	if (update)
		check_on_hand(trigger->tg_relation, trigger->tg_newtuple);
	return PointerGetDatum(update ? trigger->tg_newtuple : trigger->tg_trigtuple);
}
