/*
 * line_writer.c
 *	  Writes many rows of merch.allocation_line as COPY does.
 *
 * One row at a time, the executor takes twice as long for an INSERT as for all that is
 * computed of a line. Here rows go into the table by the thousand, with one change to
 * a page and one record in the log; checks, indexes, defaults and AFTER triggers are the
 * executor's own. What COPY, too, would do row by row, or by other rules, is left to INSERT:
 * see can_write.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "claim_split.h"
#include "compat.h"
#include "direct_insert.h"
#include "line_writer.h"

#define BATCH_ROWS 1000

/* The columns that a line fills. All others have their defaults. */
typedef enum LineColumn
{
	LINE_ITEM,
	LINE_ALLOCATION,
	LINE_LOCATION,
	LINE_SOURCE,
	LINE_SHIPS_ON,
	LINE_GROSS_NEED,
	LINE_SAFETY_STOCK,
	LINE_PRESENTATION_MINIMUM,
	LINE_ON_HAND,
	LINE_INCOMING,
	LINE_PROMISED,
	LINE_CAPACITY,
	LINE_PACK,
	LINE_NEED,
	LINE_QUANTITY,
	LINE_FROM_FENCE,
	LINE_RESERVED,
	LINE_REASON,
	LINE_MEAN,
	LINE_DISPERSION,
	LINE_VALUE,
	LINE_SCORE,
	LINE_COVER,
	LINE_COLUMNS
} LineColumn;

static const struct
{
	const char *name;
	Oid			type;
}			line_columns[LINE_COLUMNS] = {
	{"item_id", INT8OID}, {"allocation_id", INT8OID}, {"location_id", INT4OID},
	{"source_id", INT4OID}, {"ships_on", DATEOID}, {"gross_need", INT8OID}, {"safety_stock", INT8OID},
	{"presentation_minimum", INT8OID}, {"on_hand", INT8OID}, {"incoming", INT8OID},
	{"promised", INT8OID}, {"capacity", INT8OID}, {"pack", INT8OID}, {"need", INT8OID},
	{"quantity", INT8OID}, {"from_fence", INT8OID}, {"reserved", INT8OID}, {"reason", TEXTOID},
	{"mean", FLOAT8OID}, {"dispersion", FLOAT8OID}, {"value", FLOAT8OID}, {"score", FLOAT8OID},
	{"cover", FLOAT8OID}
};

/* By ShareReason, as plan_lines names them. */
static const char *const reasons[MERCH_SHARE_REASONS] = {
	NULL, "no source", "capacity", "supply", "worth", "shared capacity", "threshold"
};

typedef struct Default
{
	int			column;			/* from 0 */
	ExprState  *expression;
} Default;

struct LineWriter
{
	MemoryContext memory;
	Relation	table;
	EState	   *estate;
	ResultRelInfo *info;
	TransitionCaptureState *transition;
	int			column[LINE_COLUMNS];	/* from 0 */
	Datum		reason[MERCH_SHARE_REASONS];
	Default    *defaults;
	int			default_count;
	CommandId	command;
	int			rows;
	TupleTableSlot *slots[BATCH_ROWS];
};

/* ----------------------------------------------------------------
 * Which tables can be written to
 * ----------------------------------------------------------------
 */
static bool
find_columns(Relation table, int column[LINE_COLUMNS])
{
	TupleDesc	desc = RelationGetDescr(table);

	/* the executor computes these */
	for (int i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->attgenerated != '\0')
			return false;
	for (int i = 0; i < LINE_COLUMNS; i++)
	{
		AttrNumber	number = get_attnum(RelationGetRelid(table), line_columns[i].name);

		if (number <= 0 || TupleDescAttr(desc, number - 1)->atttypid != line_columns[i].type)
			return false;
		column[i] = number - 1;
	}
	return true;
}

/*
 * Neither: what goes through policies; and what this user may not write to, for whom INSERT
 * has the error.
 */
static bool
can_write(Relation table)
{
	return merch_takes_rows_directly(table) &&
		check_enable_rls(RelationGetRelid(table), InvalidOid, true) != RLS_ENABLED &&
		pg_class_aclcheck(RelationGetRelid(table), GetUserId(), ACL_INSERT) == ACLCHECK_OK &&
		get_extension_oid("citus", true) == InvalidOid;
}

static Relation
open_table(int column[LINE_COLUMNS])
{
	Oid			schema = get_namespace_oid("merch", false);
	Oid			oid = get_relname_relid("allocation_line", schema);
	Relation	table;

	if (!OidIsValid(oid))
		return NULL;
	table = table_open(oid, RowExclusiveLock);
	if (can_write(table) && find_columns(table, column))
		return table;
	table_close(table, NoLock);
	return NULL;
}

/* ----------------------------------------------------------------
 * Opening
 * ----------------------------------------------------------------
 */
static void
find_defaults(LineWriter *writer)
{
	TupleDesc	desc = RelationGetDescr(writer->table);

	writer->defaults = palloc(desc->natts * sizeof(Default));
	for (int attribute = 0; attribute < desc->natts; attribute++)
	{
		bool		filled = TupleDescAttr(desc, attribute)->attisdropped;
		Node	   *expression;

		for (int i = 0; i < LINE_COLUMNS; i++)
			filled = filled || writer->column[i] == attribute;
		expression = filled ? NULL : build_column_default(writer->table, attribute + 1);
		if (expression == NULL)
			continue;
		writer->defaults[writer->default_count].column = attribute;
		writer->defaults[writer->default_count++].expression =
			ExecInitExpr(expression_planner((Expr *) expression), NULL);
	}
}

static void
open_executor(LineWriter *writer)
{
	writer->estate = CreateExecutorState();
	writer->info = merch_open_result(writer->table, writer->estate);
	writer->command = writer->estate->es_output_cid;

	AfterTriggerBeginQuery();
	writer->transition = MakeTransitionCaptureState(writer->info->ri_TrigDesc, RelationGetRelid(writer->table),
													CMD_INSERT);
	ExecBSInsertTriggers(writer->estate, writer->info);
}

LineWriter *
merch_open_lines(void)
{
	int			column[LINE_COLUMNS];
	Relation	table = open_table(column);
	LineWriter *writer;

	if (table == NULL)
		return NULL;
	writer = palloc0(sizeof(LineWriter));
	writer->memory = CurrentMemoryContext;
	writer->table = table;
	memcpy(writer->column, column, sizeof(column));
	for (int i = 1; i < MERCH_SHARE_REASONS; i++)
		writer->reason[i] = CStringGetTextDatum(reasons[i]);
	open_executor(writer);
	find_defaults(writer);
	return writer;
}

/* ----------------------------------------------------------------
 * Writing
 * ----------------------------------------------------------------
 */
static void
write_batch(LineWriter *writer)
{
	EState	   *estate = writer->estate;
	MemoryContext old;

	if (writer->rows == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	/* the table's own copies of the rows go with this memory */
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	table_multi_insert(writer->table, writer->slots, writer->rows, writer->command, 0, NULL);
	MemoryContextSwitchTo(old);
	for (int row = 0; row < writer->rows; row++)
	{
		TupleTableSlot *slot = writer->slots[row];
		List	   *recheck = merch_insert_index_tuples(writer->info, slot, estate);

		ExecARInsertTriggers(estate, writer->info, slot, recheck, writer->transition);
		list_free(recheck);
		ExecClearTuple(slot);
	}
	writer->rows = 0;
	ResetPerTupleExprContext(estate);
}

static void
fill_slot(LineWriter *writer, TupleTableSlot *slot, const Line *line)
{
	const int  *column = writer->column;
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;

	memset(isnull, true, RelationGetDescr(writer->table)->natts * sizeof(bool));
#define FILL(number, datum, null) \
	(values[column[number]] = (datum), isnull[column[number]] = (null))
	FILL(LINE_ITEM, Int64GetDatum(line->item), false);
	FILL(LINE_ALLOCATION, Int64GetDatum(line->allocation), line->no_allocation);
	FILL(LINE_LOCATION, Int32GetDatum(line->location), false);
	FILL(LINE_SOURCE, Int32GetDatum(line->source), false);
	FILL(LINE_SHIPS_ON, Int32GetDatum(line->ships_on), line->no_ships_on);
	FILL(LINE_GROSS_NEED, Int64GetDatum(line->gross_need), line->no_gross_need);
	FILL(LINE_SAFETY_STOCK, Int64GetDatum(line->safety_stock), false);
	FILL(LINE_PRESENTATION_MINIMUM, Int64GetDatum(line->presentation_minimum), false);
	FILL(LINE_ON_HAND, Int64GetDatum(line->on_hand), false);
	FILL(LINE_INCOMING, Int64GetDatum(line->incoming), false);
	FILL(LINE_PROMISED, Int64GetDatum(line->promised), false);
	FILL(LINE_CAPACITY, Int64GetDatum(line->capacity), line->no_capacity);
	FILL(LINE_PACK, Int64GetDatum(line->pack), false);
	FILL(LINE_NEED, Int64GetDatum(line->need), false);
	FILL(LINE_QUANTITY, Int64GetDatum(line->quantity), false);
	FILL(LINE_FROM_FENCE, Int64GetDatum(line->from_fence), false);
	FILL(LINE_RESERVED, Int64GetDatum(line->quantity), false);
	FILL(LINE_REASON, writer->reason[line->reason], line->reason == SHARE_MET);
	FILL(LINE_MEAN, Float8GetDatum(line->mean), false);
	FILL(LINE_DISPERSION, Float8GetDatum(line->dispersion), false);
	FILL(LINE_VALUE, Float8GetDatum(line->value), false);
	FILL(LINE_SCORE, Float8GetDatum(line->score), false);
	FILL(LINE_COVER, Float8GetDatum(line->cover), line->no_cover);
#undef FILL
}

void
merch_put_line(LineWriter *writer, const Line *line)
{
	EState	   *estate = writer->estate;
	TupleTableSlot *slot = writer->slots[writer->rows];

	if (slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->memory);

		slot = writer->slots[writer->rows] = table_slot_create(writer->table, NULL);
		MemoryContextSwitchTo(old);
	}
	fill_slot(writer, slot, line);
	for (int i = 0; i < writer->default_count; i++)
	{
		const Default *given = &writer->defaults[i];

		slot->tts_values[given->column] =
			ExecEvalExprSwitchContext(given->expression, GetPerTupleExprContext(estate),
									  &slot->tts_isnull[given->column]);
	}
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(writer->table);
	ExecConstraints(writer->info, slot, estate);
	if (++writer->rows == BATCH_ROWS)
		write_batch(writer);
}

void
merch_close_lines(LineWriter *writer)
{
	EState	   *estate = writer->estate;

	write_batch(writer);
	ExecASInsertTriggers(estate, writer->info, writer->transition);
	AfterTriggerEndQuery(estate);
	for (int row = 0; row < BATCH_ROWS && writer->slots[row] != NULL; row++)
		ExecDropSingleTupleTableSlot(writer->slots[row]);
	table_finish_bulk_insert(writer->table, 0);
	ExecCloseResultRelations(estate);
	ExecResetTupleTable(estate->es_tupleTable, false);
	ExecCloseRangeTableRelations(estate);
	FreeExecutorState(estate);
	table_close(writer->table, NoLock);
}
