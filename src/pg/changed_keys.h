/*
 * changed_keys.h
 *	  Which keys a statement changed: read from the transition tables of its trigger.
 */
#ifndef MERCH_CHANGED_KEYS_H
#define MERCH_CHANGED_KEYS_H

#include "commands/trigger.h"
#include "utils/array.h"

/* Keys, sorted and without duplicates from time to time and at the end. */
typedef struct KeySet
{
	int64	   *keys;
	int64		count;
	int64		capacity;
} KeySet;

extern KeySet merch_make_key_set(void);
extern void merch_add_key(KeySet *set, int64 key);
extern void merch_remove_duplicates(KeySet *set);

/* The set as a bigint[]. */
extern ArrayType *merch_key_set_array(const KeySet *set);

/*
 * The values of an integer column in the rows that a statement inserted, deleted or
 * changed; of an UPDATE only those in which a named column changed, or any if none is
 * named. The function is the trigger's, for errors.
 */
extern KeySet merch_changed_keys(FunctionCallInfo fcinfo, const char *function, const char *column,
								 char **names, int count);

#endif
