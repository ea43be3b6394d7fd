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

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"

#include "changed_keys.h"
#include "compat.h"
#include "owner.h"
#include "row_trigger.h"
#include "wake.h"

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

static void
write_queue(QueueStatement *statement, Datum value)
{
	OwnerSwitch before;
	int			result;

	merch_become(merch_table_owner(merch_model_table(statement->table)), &before);
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
	merch_become_again(&before);
	merch_wake_worker();
}

static void
mark_items(KeySet *set)
{
	merch_remove_duplicates(set);
	if (set->count == 1)
		write_queue(&mark_one, Int64GetDatum(set->keys[0]));
	else if (set->count > 1)
		write_queue(&mark_many, PointerGetDatum(merch_key_set_array(set)));
}

Datum
merch_mark_dirty_items(PG_FUNCTION_ARGS)
{
	const Trigger *trigger = merch_check_trigger(fcinfo, "merch.mark_dirty_items", false)->tg_trigger;
	KeySet		set = merch_changed_keys(fcinfo, "merch.mark_dirty_items", "item_id", trigger->tgargs,
										 trigger->tgnargs);

	mark_items(&set);
	return PointerGetDatum(NULL);
}

Datum
merch_mark_dirty(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	KeySet		set = merch_make_key_set();
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			merch_add_key(&set, DatumGetInt64(values[i]));
	mark_items(&set);
	PG_RETURN_VOID();
}

Datum
merch_mark_promotions_dirty(PG_FUNCTION_ARGS)
{
	write_queue(&mark_promotions, PG_GETARG_DATUM(0));
	PG_RETURN_VOID();
}
