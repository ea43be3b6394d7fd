/*
 * digest_trigger.c
 *	  keep_price_digest: the statement trigger of merch.published_price that keeps the
 *	  digests of its leaves.
 *
 * It is on the path of every load and every single update of a price. Rows of an UPDATE
 * in which nothing that is hashed differs cost a comparison: feeds that are delivered again
 * only move seen_at.
 *
 * TRUNCATE has no transition tables. It leaves nothing, so that the digests go, too;
 * where only a partition of a system's prices is emptied, what is left would have to be counted,
 * which is rebuilding's: until then the system counts as not kept.
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "leaf_changes.h"
#include "owner.h"
#include "price_row.h"
#include "row_trigger.h"
#include "transition.h"

PG_FUNCTION_INFO_V1(merch_keep_price_digest);

#define SYSTEM_COLUMN PRICE_COLUMNS
#define READ_COLUMNS (PRICE_COLUMNS + 1)

static const struct
{
	const char *name;
	Oid			type;
}			read_columns[READ_COLUMNS] = {
	[PRICE_ITEM] = {"item_id", INT8OID},
	[PRICE_LOCATION] = {"location_id", INT4OID},
	[PRICE_CHANNEL] = {"channel_id", INT4OID},
	[PRICE_FROM] = {"valid_from", TIMESTAMPTZOID},
	[PRICE_TO] = {"valid_to", TIMESTAMPTZOID},
	[PRICE_AMOUNT] = {"amount", NUMERICOID},
	[PRICE_CURRENCY] = {"currency", TEXTOID},
	[SYSTEM_COLUMN] = {"system_id", INT4OID},
};

typedef struct Columns
{
	int			place[READ_COLUMNS];	/* in a row, from 0 */
	int			last;			/* how much of a row is read */
	Form_pg_attribute attribute[READ_COLUMNS];
} Columns;

static Columns
find_columns(Relation table)
{
	TupleDesc	desc = RelationGetDescr(table);
	Columns		columns = {.last = 0};

	for (int i = 0; i < READ_COLUMNS; i++)
	{
		int			number = SPI_fnumber(desc, read_columns[i].name);

		if (number <= 0 || TupleDescAttr(desc, number - 1)->atttypid != read_columns[i].type)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("table \"%s\" has no column \"%s\" of type %s", RelationGetRelationName(table),
							read_columns[i].name, format_type_be(read_columns[i].type)),
					 errhint("The digests of prices are made of it: put the column back, or drop the trigger.")));
		columns.place[i] = number - 1;
		columns.attribute[i] = TupleDescAttr(desc, number - 1);
		columns.last = Max(columns.last, number);
	}
	return columns;
}

static void
count_row(LeafChanges *changes, const Columns *columns, TupleTableSlot *slot, bool more)
{
	Datum		values[PRICE_COLUMNS];
	DigestPrice price;
	LeafKey		key;

	slot_getsomeattrs(slot, columns->last);
	if (slot->tts_isnull[columns->place[PRICE_AMOUNT]])
		return;
	for (int i = 0; i < PRICE_COLUMNS; i++)
		values[i] = slot->tts_values[columns->place[i]];
	merch_read_price(&price, values);
	key.item_id = price.item_id;
	key.system_id = DatumGetInt32(slot->tts_values[columns->place[SYSTEM_COLUMN]]);
	key.channel_id = price.channel_id;
	key.block = digest_block(price.location_id);
	merch_change_leaf(changes, &key, digest_of_price(&price), more);
}

/* Whether two rows have the same of all that is hashed, and are of one system. */
static bool
hashed_alike(const Columns *columns, TupleTableSlot *a, TupleTableSlot *b)
{
	slot_getsomeattrs(a, columns->last);
	slot_getsomeattrs(b, columns->last);
	for (int i = 0; i < READ_COLUMNS; i++)
	{
		int			place = columns->place[i];

		if (a->tts_isnull[place] != b->tts_isnull[place])
			return false;
		if (!a->tts_isnull[place] &&
			!datumIsEqual(a->tts_values[place], b->tts_values[place], columns->attribute[i]->attbyval,
						  columns->attribute[i]->attlen))
			return false;
	}
	return true;
}

/* Rows are read in pairs, though it makes no difference which old one meets which new one. */
static void
keep_digest(TriggerData *data)
{
	Columns		columns = find_columns(data->tg_relation);
	LeafChanges *changes = merch_make_leaf_changes();
	TransitionReader old_rows;
	TransitionReader new_rows;
	bool		has_old = true;
	bool		has_new = true;

	merch_open_transition(&old_rows, data->tg_relation, data->tg_oldtable);
	merch_open_transition(&new_rows, data->tg_relation, data->tg_newtable);
	while (has_old || has_new)
	{
		has_old = has_old && merch_next_row(&old_rows);
		has_new = has_new && merch_next_row(&new_rows);
		if (has_old && has_new && hashed_alike(&columns, old_rows.slot, new_rows.slot))
			continue;
		if (has_old)
			count_row(changes, &columns, old_rows.slot, false);
		if (has_new)
			count_row(changes, &columns, new_rows.slot, true);
	}
	merch_close_transition(&old_rows);
	merch_close_transition(&new_rows);
	merch_append_leaf_changes(changes);
}

/* ----------------------------------------------------------------
 * TRUNCATE
 * ----------------------------------------------------------------
 */

/*
 * By a snapshot of this moment: that of a repeatable read may be older than deltas which
 * were committed before TRUNCATE got its lock.
 */
static void
run_now(const char *text, int count, Oid *types, Datum *values, int expected)
{
	SPIPlanPtr	plan = SPI_prepare(text, count, types);
	int			result;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	result = SPI_execute_snapshot(plan, values, NULL, GetLatestSnapshot(), InvalidSnapshot, false, true, 0);
	if (result != expected)
		elog(ERROR, "\"%s\" failed: %s", text, SPI_result_code_string(result));
}

static void
forget_emptied(Relation table)
{
	Oid			subject_type = REGCLASSOID;
	Datum		subject = ObjectIdGetDatum(RelationGetRelid(table));
	Oid			types[1] = {INT4ARRAYOID};
	Datum		emptied;
	Datum		left;
	bool		isnull;
	OwnerSwitch before;

	merch_become(merch_table_owner(merch_model_table("price_digest")), &before);
	SPI_connect();
	run_now("SELECT merch.lock_price_digests()", 0, NULL, NULL, SPI_OK_SELECT);
	run_now("SELECT coalesce(pg_catalog.array_agg(s.system_id) FILTER (WHERE s.emptied), '{}'),"
			" coalesce(pg_catalog.array_agg(s.system_id) FILTER (WHERE NOT s.emptied), '{}')"
			" FROM merch.systems_of_table($1) s", 1, &subject_type, &subject, SPI_OK_SELECT);
	emptied = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	left = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	run_now("DELETE FROM merch.price_digest d WHERE d.system_id = ANY ($1)", 1, types, &emptied, SPI_OK_DELETE);
	run_now("DELETE FROM merch.price_digest_delta d WHERE d.system_id = ANY ($1)", 1, types, &emptied, SPI_OK_DELETE);
	run_now("DELETE FROM merch.price_digest_base b WHERE b.system_id = ANY ($1)", 1, types, &left, SPI_OK_DELETE);
	SPI_finish();
	merch_become_again(&before);
}

/*
 * A table that is no part of merch.published_price, or no longer, must not change its
 * digests. To go on in silence would not do: if it is attached again, nobody would know.
 */
static void
check_is_part(Relation table)
{
	Oid			root = merch_model_table("published_price");

	if (RelationGetRelid(table) == root ||
		(table->rd_rel->relispartition && list_member_oid(get_partition_ancestors(RelationGetRelid(table)), root)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" is not a partition of merch.published_price", RelationGetRelationName(table)),
			 errhint("Attach it, or drop its triggers keep_digest_*: the digests of prices are kept by them.")));
}

Datum
merch_keep_price_digest(PG_FUNCTION_ARGS)
{
	TriggerData *data = merch_check_trigger(fcinfo, "merch.keep_price_digest", false);

	check_is_part(data->tg_relation);
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
	{
		/* of a partitioned table, each partition has it fired, too */
		if (data->tg_relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
			forget_emptied(data->tg_relation);
		return PointerGetDatum(NULL);
	}
	if ((!TRIGGER_FIRED_BY_INSERT(data->tg_event) && data->tg_oldtable == NULL) ||
		(!TRIGGER_FIRED_BY_DELETE(data->tg_event) && data->tg_newtable == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("merch.keep_price_digest must be fired with transition tables"),
				 errhint("merch.keep_digests_of() makes the triggers of a table.")));
	keep_digest(data);
	return PointerGetDatum(NULL);
}
