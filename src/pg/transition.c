/*
 * transition.c
 *	  Reading the transition tables of a statement trigger, straight from their
 *	  tuplestores: faster than SQL over them, and possible on a Citus shard.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"

#include "transition.h"

void
merch_open_transition(TransitionReader *reader, Relation table, Tuplestorestate *store)
{
	reader->store = store;
	if (store == NULL)
		return;
	reader->pointer = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(store, reader->pointer);
	tuplestore_rescan(store);
	reader->slot = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsMinimalTuple);
}

bool
merch_next_row(TransitionReader *reader)
{
	if (reader->store == NULL)
		return false;
	CHECK_FOR_INTERRUPTS();
	return tuplestore_gettupleslot(reader->store, true, false, reader->slot);
}

void
merch_close_transition(TransitionReader *reader)
{
	if (reader->store == NULL)
		return;
	ExecDropSingleTupleTableSlot(reader->slot);
	tuplestore_select_read_pointer(reader->store, 0);
}
