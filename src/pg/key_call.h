/*
 * key_call.h
 *	  Calls of the functions that workflows and reactions name: they take an array of keys.
 */
#ifndef MERCH_KEY_CALL_H
#define MERCH_KEY_CALL_H

#include "postgres.h"

#include "utils/rel.h"

typedef enum KeyCallKind
{
	CALL_GUARD,					/* returns (row_key, reason) of the keys that may not pass */
	CALL_ACTION,
	CALL_REACTION
} KeyCallKind;

typedef struct KeyCall
{
	KeyCallKind kind;
	const char *function;		/* qualified by its schema */
	const char *purpose;		/* what it is called for, in the error's context */
	Relation	table;			/* the call is made as its owner; all but guards in system context */
	Oid			array_type;
	Datum		keys;
	bool		keep_all;		/* of what a guard refuses, not just enough for an error */
	/* what a guard refuses, in the caller's memory */
	int			refused;
	char	  **refused_keys;
	char	  **reasons;
} KeyCall;

extern void merch_call_with_keys(KeyCall *call);

#endif
