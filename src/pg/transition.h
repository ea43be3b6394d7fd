/*
 * transition.h
 *	  Reading the transition tables of a statement trigger, straight from their
 *	  tuplestores.
 */
#ifndef MERCH_TRANSITION_H
#define MERCH_TRANSITION_H

#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

typedef struct TransitionReader
{
	Tuplestorestate *store;		/* NULL: the statement has no such rows */
	int			pointer;		/* of our own: other triggers read the same store */
	TupleTableSlot *slot;		/* the row that was read last */
} TransitionReader;

extern void merch_open_transition(TransitionReader *reader, Relation table, Tuplestorestate *store);

/* Reads the next row into the slot; false after the last. */
extern bool merch_next_row(TransitionReader *reader);

extern void merch_close_transition(TransitionReader *reader);

#endif
