/*
 * change_writer.c
 *	  Writes rows of merch.state_change: what a statement did to the states of a table.
 *
 * The rows go into the table by the thousand, as COPY puts them there: through the
 * executor they would cost more than all else that a change of state does. A table that
 * somebody has put triggers or policies on, or has partitioned, gets an INSERT.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "change_writer.h"
#include "direct_insert.h"
#include "guc.h"
#include "owner.h"

#define BATCH_ROWS 1000

typedef enum ChangeColumn
{
	CHANGE_SUBJECT,
	CHANGE_ROW_KEY,
	CHANGE_VERSION,
	CHANGE_EVENT,
	CHANGE_FROM,
	CHANGE_TO,
	CHANGE_ACTOR,
	CHANGE_REASON,
	CHANGE_AT,
	CHANGE_COLUMNS
} ChangeColumn;

static const struct
{
	const char *name;
	Oid			type;
}			change_columns[CHANGE_COLUMNS] = {
	{"subject", REGCLASSOID}, {"row_key", TEXTOID}, {"workflow_version", INT4OID}, {"event", TEXTOID},
	{"from_state", TEXTOID}, {"to_state", TEXTOID}, {"actor", TEXTOID}, {"reason", TEXTOID},
	{"changed_at", TIMESTAMPTZOID}
};

typedef struct Writer
{
	Relation	table;
	EState	   *estate;
	ResultRelInfo *info;
	int			column[CHANGE_COLUMNS]; /* from 0 */
	Datum		values[CHANGE_COLUMNS]; /* of the group; the key is the row's */
	bool		nulls[CHANGE_COLUMNS];
	int			id_column;		/* from 0 */
	ExprState  *id;
	int			rows;
	int			slot_count;
	TupleTableSlot *slots[BATCH_ROWS];
} Writer;

static void
fill_statement(Writer *writer, const Attached *attached)
{
	Datum	   *values = writer->values;
	bool	   *nulls = writer->nulls;

	memset(nulls, false, sizeof(writer->nulls));
	values[CHANGE_SUBJECT] = ObjectIdGetDatum(attached->subject);
	values[CHANGE_ACTOR] = CStringGetTextDatum(merch_actor_name());
	nulls[CHANGE_REASON] = merch_reason == NULL || merch_reason[0] == '\0';
	values[CHANGE_REASON] = nulls[CHANGE_REASON] ? (Datum) 0 : CStringGetTextDatum(merch_reason);
	values[CHANGE_AT] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
}

static void
fill_group(Writer *writer, const ChangeGroup *group)
{
	Datum	   *values = writer->values;
	bool	   *nulls = writer->nulls;
	const WorkflowState *states = group->version->states;

	values[CHANGE_VERSION] = Int32GetDatum(group->version->version);
	nulls[CHANGE_EVENT] = group->step == NULL;
	values[CHANGE_EVENT] = group->step == NULL ? (Datum) 0 : CStringGetTextDatum(group->step->event);
	nulls[CHANGE_FROM] = group->from == NO_STATE;
	values[CHANGE_FROM] = group->from == NO_STATE ? (Datum) 0 : CStringGetTextDatum(states[group->from].name);
	values[CHANGE_TO] = CStringGetTextDatum(states[group->to].name);
}

/* ----------------------------------------------------------------
 * Straight into the table
 * ----------------------------------------------------------------
 */
static bool
can_write(Relation table)
{
	TriggerDesc *triggers = table->trigdesc;

	return merch_takes_rows_directly(table) &&
		!table->rd_rel->relrowsecurity &&
		(triggers == NULL ||
		 (!triggers->trig_insert_after_row && !triggers->trig_insert_before_statement &&
		  !triggers->trig_insert_after_statement));
}

/* Also false if the table has columns that this does not know how to fill. */
static bool
find_columns(Writer *writer)
{
	TupleDesc	desc = RelationGetDescr(writer->table);
	int			known = 0;

	writer->id_column = get_attnum(RelationGetRelid(writer->table), "change_id") - 1;
	if (writer->id_column < 0)
		return false;
	for (int i = 0; i < CHANGE_COLUMNS; i++)
	{
		AttrNumber	number = get_attnum(RelationGetRelid(writer->table), change_columns[i].name);

		if (number <= 0 || TupleDescAttr(desc, number - 1)->atttypid != change_columns[i].type)
			return false;
		writer->column[i] = number - 1;
	}
	for (int i = 0; i < desc->natts; i++)
		known += TupleDescAttr(desc, i)->attisdropped ? 0 : 1;
	return known == CHANGE_COLUMNS + 1;
}

static void
open_executor(Writer *writer)
{
	Node	   *id = build_column_default(writer->table, writer->id_column + 1);

	writer->estate = CreateExecutorState();
	writer->info = merch_open_result(writer->table, writer->estate);
	writer->id = ExecInitExpr(expression_planner((Expr *) id), NULL);
}

static void
write_batch(Writer *writer)
{
	EState	   *estate = writer->estate;
	MemoryContext before;

	CHECK_FOR_INTERRUPTS();
	before = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	if (writer->rows == 1)
		table_tuple_insert(writer->table, writer->slots[0], estate->es_output_cid, 0, NULL);
	else
		table_multi_insert(writer->table, writer->slots, writer->rows, estate->es_output_cid, 0, NULL);
	MemoryContextSwitchTo(before);
	for (int row = 0; row < writer->rows; row++)
	{
		list_free(merch_insert_index_tuples(writer->info, writer->slots[row], estate));
		ExecClearTuple(writer->slots[row]);
	}
	writer->rows = 0;
	ResetPerTupleExprContext(estate);
}

static void
put_row(Writer *writer, const char *key)
{
	EState	   *estate = writer->estate;
	TupleTableSlot *slot;
	MemoryContext before;

	if (writer->rows == writer->slot_count)
		writer->slots[writer->slot_count++] = table_slot_create(writer->table, NULL);
	slot = writer->slots[writer->rows];
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	before = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	writer->values[CHANGE_ROW_KEY] = PointerGetDatum(cstring_to_text(key));
	MemoryContextSwitchTo(before);
	for (int i = 0; i < CHANGE_COLUMNS; i++)
	{
		slot->tts_values[writer->column[i]] = writer->values[i];
		slot->tts_isnull[writer->column[i]] = writer->nulls[i];
	}
	slot->tts_values[writer->id_column] =
		ExecEvalExprSwitchContext(writer->id, GetPerTupleExprContext(estate), &slot->tts_isnull[writer->id_column]);
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(writer->table);
	ExecConstraints(writer->info, slot, estate);
	if (++writer->rows == BATCH_ROWS)
		write_batch(writer);
}

static void
put_group(Writer *writer, const Attached *attached, const ChangeGroup *group)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(attached->key_type, &output, &is_varlena);
	fill_group(writer, group);
	for (int i = 0; i < group->count; i++)
	{
		char	   *key = OidOutputFunctionCall(output, group->keys[i]);

		put_row(writer, key);
		pfree(key);
	}
	if (writer->rows > 0)
		write_batch(writer);
}

static void
write_directly(Writer *writer, const Attached *attached, const ChangeGroup *groups, int count)
{
	EState	   *estate;

	open_executor(writer);
	estate = writer->estate;
	for (int i = 0; i < count; i++)
		put_group(writer, attached, &groups[i]);
	for (int i = 0; i < writer->slot_count; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	table_finish_bulk_insert(writer->table, 0);
	ExecCloseResultRelations(estate);
	ExecResetTupleTable(estate->es_tupleTable, false);
	ExecCloseRangeTableRelations(estate);
	FreeExecutorState(estate);
}

/* ----------------------------------------------------------------
 * By an INSERT
 * ----------------------------------------------------------------
 */
static Datum
text_array(const Attached *attached, const ChangeGroup *group)
{
	Datum	   *texts = palloc(sizeof(Datum) * group->count);

	for (int i = 0; i < group->count; i++)
		texts[i] = CStringGetTextDatum(merch_key_text(attached, group->keys[i]));
	return PointerGetDatum(construct_array(texts, group->count, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
write_by_insert(Writer *writer, const Attached *attached, const ChangeGroup *groups, int count)
{
	Oid			types[CHANGE_COLUMNS];
	char		nulls[CHANGE_COLUMNS];

	for (int i = 0; i < CHANGE_COLUMNS; i++)
		types[i] = i == CHANGE_ROW_KEY ? TEXTARRAYOID : change_columns[i].type;
	SPI_connect();
	for (int i = 0; i < count; i++)
	{
		int			result;

		fill_group(writer, &groups[i]);
		writer->values[CHANGE_ROW_KEY] = text_array(attached, &groups[i]);
		for (int column = 0; column < CHANGE_COLUMNS; column++)
			nulls[column] = writer->nulls[column] ? 'n' : ' ';
		result = SPI_execute_with_args("INSERT INTO merch.state_change (subject, row_key, workflow_version, event,"
									   " from_state, to_state, actor, reason, changed_at)"
									   " SELECT $1, k, $3, $4, $5, $6, $7, $8, $9 FROM pg_catalog.unnest($2) AS k",
									   CHANGE_COLUMNS, types, writer->values, nulls, false, 0);
		if (result != SPI_OK_INSERT)
			elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
	}
	SPI_finish();
}

void
merch_write_changes(const Attached *attached, const ChangeGroup *groups, int count)
{
	Writer	   *writer;
	OwnerSwitch before;

	if (count == 0)
		return;
	writer = palloc0(sizeof(Writer));
	writer->table = table_open(merch_model_table("state_change"), RowExclusiveLock);
	fill_statement(writer, attached);
	merch_become(writer->table->rd_rel->relowner, &before);
	if (can_write(writer->table) && find_columns(writer))
		write_directly(writer, attached, groups, count);
	else
		write_by_insert(writer, attached, groups, count);
	merch_become_again(&before);
	table_close(writer->table, NoLock);
	pfree(writer);
}
