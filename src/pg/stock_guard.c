/*
 * stock_guard.c
 *	  guard_stock: the row trigger of merch.stock that refuses every change of a
 *	  counter but the ledger's own, and promises beyond the supply.
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/rel.h"

#include "ledger.h"
#include "row_trigger.h"

PG_FUNCTION_INFO_V1(merch_guard_stock);

typedef struct Counter
{
	const char *column;
	const char *hint;
} Counter;

static const Counter counters[] = {
	{"reserved", "It is what the rows of merch.allocation_line reserve: merch.allocate_promotion() reserves units, merch.cancel_allocation() gives them back; and what merch.transfer_line holds: merch.accept_transfer(), merch.cancel_transfer()."},
	{"incoming", "It is what the rows of merch.inbound have open: change those."},
	{"fenced", "It is what the rows of merch.ring_fence have open: merch.allocate_fence() ring-fences units, merch.release_fence() gives them back."}
};

/* The CHECK would refuse it as well, but can't say what to do. */
static void
check_supply(Relation stock, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(stock);
	int64		on_hand = merch_tuple_value(tuple, desc, "on_hand");
	int64		incoming = merch_tuple_value(tuple, desc, "incoming");
	int64		reserved = merch_tuple_value(tuple, desc, "reserved");
	int64		fenced = merch_tuple_value(tuple, desc, "fenced");
	int64		supply;
	int64		promised;

	/* sums of more than 64 bits are the CHECK's to refuse */
	if (pg_add_s64_overflow(on_hand, incoming, &supply) ||
		pg_add_s64_overflow(reserved, fenced, &promised) ||
		promised == 0 || promised <= supply)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("item " INT64_FORMAT " at location " INT64_FORMAT " has " INT64_FORMAT
					" units on hand and " INT64_FORMAT " incoming, less than the " INT64_FORMAT
					" reserved and " INT64_FORMAT " ring-fenced",
					merch_tuple_value(tuple, desc, "item_id"),
					merch_tuple_value(tuple, desc, "location_id"),
					on_hand, incoming, reserved, fenced),
			 errhint("merch.allocation_line, merch.transfer_line and merch.ring_fence say who holds them; merch.cancel_allocation(), merch.cancel_transfer() and merch.release_fence() give units back."),
			 errtableconstraint(stock, "stock_promised_within_supply")));
}

/* Refuses to change a counter, and to delete or re-key a row that has one. */
static void
check_counters(const TriggerData *trigger)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	bool		update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	HeapTuple	old = TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ? NULL : trigger->tg_trigtuple;
	HeapTuple	new = update ? trigger->tg_newtuple : old == NULL ? trigger->tg_trigtuple : NULL;
	int64		item = merch_tuple_value(trigger->tg_trigtuple, desc, "item_id");
	int64		location = merch_tuple_value(trigger->tg_trigtuple, desc, "location_id");
	bool		moves = update && (item != merch_tuple_value(new, desc, "item_id") ||
								   location != merch_tuple_value(new, desc, "location_id"));

	for (int i = 0; i < lengthof(counters); i++)
	{
		const char *column = counters[i].column;
		int64		before = old == NULL ? 0 : merch_tuple_value(old, desc, column);
		int64		after = new == NULL ? 0 : merch_tuple_value(new, desc, column);

		if (before != 0 && (new == NULL || moves))
			ereport(ERROR,
					(errcode(ERRCODE_RESTRICT_VIOLATION),
					 errmsg("cannot %s the stock of item " INT64_FORMAT " at location " INT64_FORMAT
							": its %s is " INT64_FORMAT,
							moves ? "move" : "delete", item, location, column, before),
					 errhint("%s", counters[i].hint)));
		if (before != after)
			ereport(ERROR,
					(errcode(ERRCODE_RESTRICT_VIOLATION),
					 errmsg("cannot set %s of item " INT64_FORMAT " at location " INT64_FORMAT
							" from " INT64_FORMAT " to " INT64_FORMAT,
							column, item, location, before, after),
					 errhint("%s", counters[i].hint)));
	}
}

Datum
merch_guard_stock(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = merch_check_trigger(fcinfo, "merch.guard_stock", true);
	bool		update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);

	if (!merch_ledger_works())
		check_counters(trigger);
	if (update)
		check_supply(trigger->tg_relation, trigger->tg_newtuple);
	return PointerGetDatum(update ? trigger->tg_newtuple : trigger->tg_trigtuple);
}
