/*
 * ledger.c
 *	  The ledger behind the counters of merch.stock.
 *
 * Each counter is a sum over the rows of its tables by item and place: see ledgers
 * below. keep_ledger, a statement trigger of these tables, adds what a statement
 * changed; guard_stock (stock_guard.c) refuses every other change. Together with
 * the CHECK that what is promised is within the supply, no statement of any session
 * can promise a unit twice.
 *
 * Lines also take units out of ring-fences: what from_fence of a statement's lines
 * changed by item, source and channel of the location is added to consumed of
 * merch.ring_fence, whose own ledger then lowers or raises fenced. First what grows
 * (fenced falls), then reserved, then what falls: so no row is in between promised
 * beyond its supply, unless it is in the end.
 *
 * The lines have no foreign keys (see the model); keep_ledger looks up what they
 * point to, locked as a foreign key would lock it, once a statement.
 *
 * Stock rows are locked in the order of (item, location), then ring-fences in the
 * order of their keys: sessions that touch the same stock in single statements wait
 * for each other and never deadlock. Only a statement that changes ring-fences
 * itself has to lock them first; the functions of 16_ring_fence.sql don't.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "ledger.h"
#include "ledger_entries.h"
#include "owner.h"
#include "row_trigger.h"

PG_FUNCTION_INFO_V1(merch_keep_ledger);

/* What is told of the rows of a table beside the sum that is their counter. */
typedef enum Subject
{
	SUBJECT_LINES,				/* they point to things, and take from ring-fences */
	SUBJECT_FENCES,				/* lines took of them what consumed says at least */
	SUBJECT_OTHER
} Subject;

typedef struct Ledger
{
	const char *table;
	const char *counter;		/* of merch.stock */
	const char *amount;
	const char *place;
	Subject		subject;
	bool		makes_stock;	/* where merch.stock has no row */
	const char *hint;			/* where it must have one */
} Ledger;

static const Ledger ledgers[] = {
	{"allocation_line", "reserved", "reserved", "source_id", SUBJECT_LINES, false,
	"Units can only be reserved where merch.stock has a row."},
	{"inbound", "incoming", "open_units", "location_id", SUBJECT_OTHER, true, NULL},
	{"ring_fence", "fenced", "open_units", "location_id", SUBJECT_FENCES, false,
	"Units can only be ring-fenced where merch.stock has a row."},
	{"transfer_line", "reserved", "held", "held_at", SUBJECT_OTHER, false,
	"Units can only be held for a transfer where merch.stock has a row."}
};

/* The columns that matter; those that a table doesn't have stay 0. */
typedef struct Columns
{
	IntegerColumn item;
	IntegerColumn place;
	IntegerColumn amount;
	IntegerColumn channel;		/* of fences */
	IntegerColumn consumed;		/* of fences; of lines: from_fence */
	IntegerColumn allocation;	/* of lines */
	IntegerColumn location;		/* of lines */
	int			last;			/* the last in a row */
} Columns;

/* A statement's changes. */
typedef struct Change
{
	const Ledger *ledger;
	Columns		columns;
	Entries    *entries;
} Change;

typedef void (*RowFunction) (Change *change, TupleTableSlot *slot, int sign);

/*
 * A table that lines point to, by a key that is its name and "_id". Runs that
 * reserve are locked against merch.cancel_allocation(), which gives back what it
 * sees: no line may come after.
 */
typedef struct Parent
{
	EntryKind	kind;
	EntryFilter filter;
	const char *table;
	const char *condition;
	const char *lock;
	const char *noun;
	const char *hint;
} Parent;

#define OPEN_RUN "state IN ('running', 'active', 'released')"

static const Parent parents[] = {
	{ENTRY_ITEM, EVERY_ENTRY, "item", "true", "KEY SHARE", "item",
	"Allocation lines can only name rows of merch.item."},
	{ENTRY_LOCATION, EVERY_ENTRY, "location", "true", "KEY SHARE", "location",
	"Allocation lines can only name rows of merch.location."},
	{ENTRY_ALLOCATION, EVERY_ENTRY, "allocation", "true", "KEY SHARE", "allocation",
	"Allocation lines can only name rows of merch.allocation."},
	{ENTRY_RESERVING, EVERY_ENTRY, "allocation", OPEN_RUN, "SHARE", "open allocation",
	"Lines reserve units only while their allocation is not cancelled."},
	{ENTRY_TAKING, GROWING_ENTRIES, "allocation", OPEN_RUN, "SHARE", "open allocation",
	"Lines take from ring-fences only while their allocation is not cancelled."}
};

/* $1 items, $2 places, $3 channels, $4 units */
static const char *const make_stock =
"INSERT INTO merch.stock (item_id, location_id)"
" SELECT d.item_id, d.location_id FROM unnest($1, $2) AS d(item_id, location_id)"
" WHERE NOT EXISTS (SELECT FROM merch.stock s"
"                   WHERE s.item_id = d.item_id AND s.location_id = d.location_id)"
" ORDER BY d.item_id, d.location_id ON CONFLICT DO NOTHING";

static const char *const lock_stock =
"SELECT FROM unnest($1, $2) AS d(item_id, location_id)"
" JOIN merch.stock s ON s.item_id = d.item_id AND s.location_id = d.location_id"
" ORDER BY s.item_id, s.location_id FOR NO KEY UPDATE OF s";

static const char *const missing_stock =
"SELECT d.item_id, d.location_id FROM unnest($1, $2) AS d(item_id, location_id)"
" WHERE NOT EXISTS (SELECT FROM merch.stock s"
"                   WHERE s.item_id = d.item_id AND s.location_id = d.location_id)"
" ORDER BY d.item_id, d.location_id LIMIT 1";

/* with the counter's name, twice */
static const char *const change_stock =
"UPDATE merch.stock s SET %s = s.%s + d.units"
" FROM unnest($1, $2, $4) AS d(item_id, location_id, units)"
" WHERE s.item_id = d.item_id AND s.location_id = d.location_id";

/* the channel must stay what it is until the transaction ends: guard_channel */
static const char *const find_channels =
"SELECT l.location_id::bigint, l.channel_id::bigint FROM merch.location l"
" WHERE l.location_id = ANY ($1) ORDER BY l.location_id FOR SHARE";

static const char *const lock_fences =
"SELECT FROM unnest($1, $2, $3) AS d(item_id, location_id, channel_id)"
" JOIN merch.ring_fence f ON f.item_id = d.item_id AND f.location_id = d.location_id"
"  AND f.channel_id = d.channel_id"
" ORDER BY f.item_id, f.location_id, f.channel_id FOR NO KEY UPDATE OF f";

static const char *const short_fence =
"SELECT d.item_id, d.location_id, d.channel_id, d.units, f.open_units"
" FROM unnest($1, $2, $3, $4) AS d(item_id, location_id, channel_id, units)"
" LEFT JOIN merch.ring_fence f ON f.item_id = d.item_id AND f.location_id = d.location_id"
"  AND f.channel_id = d.channel_id"
" WHERE f.open_units IS NULL OR f.open_units < d.units"
" ORDER BY d.item_id, d.location_id, d.channel_id LIMIT 1";

static const char *const change_fences =
"UPDATE merch.ring_fence f SET consumed = f.consumed + d.units"
" FROM unnest($1, $2, $3, $4) AS d(item_id, location_id, channel_id, units)"
" WHERE f.item_id = d.item_id AND f.location_id = d.location_id AND f.channel_id = d.channel_id";

static const char *const broken_fence =
"SELECT t.item_id, t.location_id, t.channel_id, t.units, coalesce(f.consumed, 0)"
" FROM (SELECT d.item_id, d.location_id, d.channel_id, sum(l.from_fence)::bigint AS units"
"       FROM unnest($1, $2, $3) AS d(item_id, location_id, channel_id)"
"       JOIN merch.allocation_line l ON l.item_id = d.item_id AND l.source_id = d.location_id"
"       JOIN merch.location p ON p.location_id = l.location_id AND p.channel_id = d.channel_id"
"       WHERE l.from_fence <> 0 GROUP BY d.item_id, d.location_id, d.channel_id) t"
" LEFT JOIN merch.ring_fence f ON f.item_id = t.item_id AND f.location_id = t.location_id"
"  AND f.channel_id = t.channel_id"
" WHERE coalesce(f.consumed, 0) < t.units"
" ORDER BY t.item_id, t.location_id, t.channel_id LIMIT 1";

/* Above 0 while keep_ledger itself changes counters and what was consumed. */
static int	ledger_depth = 0;

bool
merch_ledger_works(void)
{
	return ledger_depth > 0;
}

/* ----------------------------------------------------------------
 * Reading the rows
 * ----------------------------------------------------------------
 */
static Columns
find_columns(const Ledger *ledger, TupleDesc desc)
{
	Columns		columns = {
		.item = merch_integer_column(desc, "item_id"),
		.place = merch_integer_column(desc, ledger->place),
		.amount = merch_integer_column(desc, ledger->amount)
	};

	if (ledger->subject == SUBJECT_LINES)
	{
		columns.allocation = merch_integer_column(desc, "allocation_id");
		columns.location = merch_integer_column(desc, "location_id");
		columns.consumed = merch_integer_column(desc, "from_fence");
	}
	else if (ledger->subject == SUBJECT_FENCES)
	{
		columns.channel = merch_integer_column(desc, "channel_id");
		columns.consumed = merch_integer_column(desc, "consumed");
	}
	columns.last = Max(Max(columns.item.number, columns.place.number), columns.amount.number);
	columns.last = Max(Max(columns.last, columns.channel.number), columns.consumed.number);
	columns.last = Max(Max(columns.last, columns.allocation.number), columns.location.number);
	return columns;
}

/* Of a slot that is deformed up to there; 0 for null. */
static inline int64
slot_value(TupleTableSlot *slot, IntegerColumn column)
{
	return slot->tts_isnull[column.number - 1] ? 0 :
		merch_integer(column, slot->tts_values[column.number - 1]);
}

/* Notes what a line points to; a new one only, an old one may outlive it. */
static inline void
add_parents(Change *change, TupleTableSlot *slot, int64 item, int64 source, bool reserves)
{
	const Columns *columns = &change->columns;
	Entries    *entries = change->entries;
	int64		allocation = slot_value(slot, columns->allocation);

	merch_find_entry(entries, ENTRY_ITEM, item, 0, 0);
	merch_find_entry(entries, reserves ? ENTRY_RESERVING : ENTRY_ALLOCATION, allocation, 0, 0);
	merch_find_entry(entries, ENTRY_LOCATION, slot_value(slot, columns->location), 0, 0);
	if (!slot->tts_isnull[columns->place.number - 1])
		merch_find_entry(entries, ENTRY_LOCATION, source, 0, 0);
}

/* Adds sign times what a row counts. */
static void
add_row(Change *change, TupleTableSlot *slot, int sign)
{
	const Columns *columns = &change->columns;
	Entries    *entries = change->entries;
	int64		item = slot_value(slot, columns->item);
	int64		place = slot_value(slot, columns->place);
	int64		amount = slot_value(slot, columns->amount);
	int64		consumed = change->ledger->subject == SUBJECT_OTHER ? 0 : slot_value(slot, columns->consumed);

	if (change->ledger->subject == SUBJECT_LINES && sign > 0)
		add_parents(change, slot, item, place, amount != 0);
	/* also for the lock: what a line takes from a ring-fence changes the stock row, too */
	if (amount != 0 || consumed != 0)
		merch_add_units(merch_find_entry(entries, ENTRY_STOCK, item, place, 0), sign, amount);
	if (consumed == 0)
		return;
	if (change->ledger->subject == SUBJECT_FENCES)
		merch_add_units(merch_find_entry(entries, ENTRY_FENCE, item, place,
										 slot_value(slot, columns->channel)), sign, consumed);
	else
	{
		merch_find_entry(entries, ENTRY_TAKER, slot_value(slot, columns->location), 0, 0);
		merch_add_units(merch_find_entry(entries, ENTRY_TAKING,
										 slot_value(slot, columns->allocation), 0, 0), sign, consumed);
	}
}

/* Once the channels are known: adds sign times what a line takes from a ring-fence. */
static void
add_taken(Change *change, TupleTableSlot *slot, int sign)
{
	const Columns *columns = &change->columns;
	int64		taken = slot_value(slot, columns->consumed);
	int64		location = slot_value(slot, columns->location);
	int64		channel;

	if (taken == 0)
		return;
	channel = merch_find_entry(change->entries, ENTRY_TAKER, location, 0, 0)->units;
	merch_add_units(merch_find_entry(change->entries, ENTRY_FENCE, slot_value(slot, columns->item),
									 slot_value(slot, columns->place), channel), sign, taken);
}

static void
read_rows(Change *change, Relation relation, Tuplestorestate *store, RowFunction add, int sign)
{
	TupleTableSlot *slot;
	int			pointer;

	if (store == NULL)
		return;
	/* other triggers read the same store: leave their place in it alone */
	pointer = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(store, pointer);
	tuplestore_rescan(store);
	slot = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(store, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(slot, change->columns.last);
		add(change, slot, sign);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_select_read_pointer(store, 0);
}

/* ----------------------------------------------------------------
 * Statements over entries
 * ----------------------------------------------------------------
 */
/*
 * The plan of a statement, made once a session. keep_ledger's settings leave it no choice
 * but to go through the keys, which is right for any number of rows: so a plan from
 * when a table was empty does no harm when it is full.
 */
static SPIPlanPtr
find_plan(const char *statement)
{
	static struct
	{
		char	   *statement;
		SPIPlanPtr	plan;
	}			kept[32];
	Oid			types[ENTRY_ARRAYS] = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID};
	SPIPlanPtr	plan;
	int			i;

	for (i = 0; i < lengthof(kept) && kept[i].plan != NULL; i++)
		if (strcmp(kept[i].statement, statement) == 0)
			return kept[i].plan;
	plan = SPI_prepare_cursor(statement, ENTRY_ARRAYS, types, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "\"%s\" failed: %s", statement, SPI_result_code_string(SPI_result));
	if (i < lengthof(kept))
	{
		kept[i].statement = MemoryContextStrdup(TopMemoryContext, statement);
		SPI_keepplan(plan);
		kept[i].plan = plan;
	}
	return plan;
}

static uint64
execute(const char *statement, Datum *arrays, int expected)
{
	int			result = SPI_execute_plan(find_plan(statement), arrays, NULL, false, 0);

	if (result != expected)
		elog(ERROR, "\"%s\" failed: %s", statement, SPI_result_code_string(result));
	return SPI_processed;
}

/* Runs a statement that changes what the guards protect. */
static void
execute_guarded(const char *statement, Datum *arrays)
{
	ledger_depth++;
	PG_TRY();
	{
		execute(statement, arrays, SPI_OK_UPDATE);
	}
	PG_FINALLY();
	{
		ledger_depth--;
	}
	PG_END_TRY();
}

/* A value that the last statement returned; 0 for null. */
static int64
result_value(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static void
check_parent(Entries *entries, const Parent *parent)
{
	Datum		arrays[ENTRY_ARRAYS];
	int			n = merch_collect_entries(entries, parent->kind, parent->filter, arrays);
	const char *table = parent->table;

	if (n == 0 ||
		execute(psprintf("SELECT FROM merch.%s WHERE %s_id = ANY ($1) AND %s ORDER BY %s_id FOR %s",
						 table, table, parent->condition, table, parent->lock),
				arrays, SPI_OK_SELECT) == n)
		return;
	if (execute(psprintf("SELECT id FROM unnest($1) AS id WHERE NOT EXISTS"
						 " (SELECT FROM merch.%s WHERE %s_id = id AND %s) ORDER BY id LIMIT 1",
						 table, table, parent->condition), arrays, SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("%s " INT64_FORMAT " does not exist", parent->noun, result_value(0, 1)),
				 errhint("%s", parent->hint)));
}

/* Finds the channels of the locations whose lines take from ring-fences. */
static void
read_channels(Entries *entries)
{
	Datum		arrays[ENTRY_ARRAYS];
	int			n = merch_collect_entries(entries, ENTRY_TAKER, EVERY_ENTRY, arrays);

	if (execute(find_channels, arrays, SPI_OK_SELECT) < n)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("a line takes from a ring-fence for a location that does not exist"),
				 errhint("Allocation lines can only name rows of merch.location.")));
	for (uint64 i = 0; i < SPI_processed; i++)
		merch_find_entry(entries, ENTRY_TAKER, result_value(i, 1), 0, 0)->units = result_value(i, 2);
}

/* ----------------------------------------------------------------
 * Changing the counters
 * ----------------------------------------------------------------
 */

/* In the order of the keys: first what is missing, then what is there. */
static void
lock_stock_rows(const Change *change, EntryFilter filter)
{
	Datum		arrays[ENTRY_ARRAYS];
	int			n = merch_collect_entries(change->entries, ENTRY_STOCK, filter, arrays);

	if (n == 0)
		return;
	if (change->ledger->makes_stock)
		execute(make_stock, arrays, SPI_OK_INSERT);
	if (execute(lock_stock, arrays, SPI_OK_SELECT) < n &&
		execute(missing_stock, arrays, SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("item " INT64_FORMAT " has no stock at location " INT64_FORMAT,
						result_value(0, 1), result_value(0, 2)),
				 errhint("%s", change->ledger->hint)));
}

static void
change_counter(const Change *change)
{
	Datum		arrays[ENTRY_ARRAYS];
	const char *counter = change->ledger->counter;

	if (merch_collect_entries(change->entries, ENTRY_STOCK, CHANGED_ENTRIES, arrays) > 0)
		execute_guarded(psprintf(change_stock, counter, counter), arrays);
}

/* The CHECK would refuse it as well, but can't say what to do. */
static void
check_open(Datum *arrays)
{
	int64		open;

	if (execute(short_fence, arrays, SPI_OK_SELECT) == 0)
		return;
	open = result_value(0, 5);
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("item " INT64_FORMAT " at location " INT64_FORMAT " has " INT64_FORMAT
					" units left in the ring-fence of channel " INT64_FORMAT ", not the "
					INT64_FORMAT " that lines are to take",
					result_value(0, 1), result_value(0, 2), open,
					result_value(0, 3), result_value(0, 4)),
			 errhint("merch.allocate_fence() ring-fences more; from_fence of the lines says what they take.")));
}

static void
change_consumed(Entries *entries, EntryFilter filter)
{
	Datum		arrays[ENTRY_ARRAYS];

	if (merch_collect_entries(entries, ENTRY_FENCE, filter, arrays) == 0)
		return;
	if (filter == GROWING_ENTRIES)
		check_open(arrays);
	execute_guarded(change_fences, arrays);
}

static void
keep_lines(Change *change, const TriggerData *trigger)
{
	Entries    *entries = change->entries;
	Datum		arrays[ENTRY_ARRAYS];
	bool		taken;

	for (int i = 0; i < lengthof(parents); i++)
		check_parent(entries, &parents[i]);
	taken = entries->count[ENTRY_TAKER] > 0;
	if (taken)
	{
		read_channels(entries);
		read_rows(change, trigger->tg_relation, trigger->tg_oldtable, add_taken, -1);
		read_rows(change, trigger->tg_relation, trigger->tg_newtable, add_taken, 1);
	}
	lock_stock_rows(change, taken ? EVERY_ENTRY : CHANGED_ENTRIES);
	if (merch_collect_entries(entries, ENTRY_FENCE, CHANGED_ENTRIES, arrays) > 0)
		execute(lock_fences, arrays, SPI_OK_SELECT);
	change_consumed(entries, GROWING_ENTRIES);
	change_counter(change);
	change_consumed(entries, FALLING_ENTRIES);
}

/* Lines that took units keep them: consumed can't fall below that but with them. */
static void
check_consumed(Entries *entries)
{
	Datum		arrays[ENTRY_ARRAYS];

	if (ledger_depth > 0 ||
		merch_collect_entries(entries, ENTRY_FENCE, FALLING_ENTRIES, arrays) == 0 ||
		execute(broken_fence, arrays, SPI_OK_SELECT) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_RESTRICT_VIOLATION),
			 errmsg("allocation lines have taken " INT64_FORMAT " units of item " INT64_FORMAT
					" at location " INT64_FORMAT " ring-fenced for channel " INT64_FORMAT
					", more than the " INT64_FORMAT " consumed",
					result_value(0, 4), result_value(0, 1), result_value(0, 2),
					result_value(0, 3), result_value(0, 5)),
			 errhint("merch.cancel_allocation() gives units back; then the ring-fence can go.")));
}

static void
keep_others(Change *change)
{
	lock_stock_rows(change, CHANGED_ENTRIES);
	change_counter(change);
	if (change->ledger->subject == SUBJECT_FENCES)
		check_consumed(change->entries);
}

/* On any other table it would count rows that no counter is the sum of. */
static const Ledger *
find_ledger(Relation relation)
{
	const char *schema = get_namespace_name(RelationGetNamespace(relation));
	const char *table = RelationGetRelationName(relation);

	if (schema != NULL && strcmp(schema, "merch") == 0)
		for (int i = 0; i < lengthof(ledgers); i++)
			if (strcmp(table, ledgers[i].table) == 0)
				return &ledgers[i];
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("merch.keep_ledger cannot be a trigger of \"%s.%s\"",
					schema == NULL ? "" : schema, table),
			 errhint("Stock is counted by the rows of merch.allocation_line, merch.transfer_line, merch.inbound and merch.ring_fence alone.")));
}

Datum
merch_keep_ledger(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = merch_check_trigger(fcinfo, "merch.keep_ledger", false);
	bool		old_rows = !TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
	bool		new_rows = !TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
	Relation	relation = trigger->tg_relation;
	Change		change = {.ledger = find_ledger(relation)};
	OwnerSwitch before;

	if ((old_rows && trigger->tg_oldtable == NULL) || (new_rows && trigger->tg_newtable == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("merch.keep_ledger needs the transition tables of its statement"),
				 errhint("Create the trigger with REFERENCING OLD TABLE and NEW TABLE.")));
	/* what is counted is locked and written as foreign keys are checked: with no rights of who writes the rows */
	merch_become(relation->rd_rel->relowner, &before);
	SPI_connect();
	change.columns = find_columns(change.ledger, RelationGetDescr(relation));
	change.entries = merch_make_entries();
	read_rows(&change, relation, trigger->tg_oldtable, add_row, -1);
	read_rows(&change, relation, trigger->tg_newtable, add_row, 1);
	if (change.ledger->subject == SUBJECT_LINES)
		keep_lines(&change, trigger);
	else
		keep_others(&change);
	SPI_finish();
	merch_become_again(&before);
	return PointerGetDatum(NULL);
}
