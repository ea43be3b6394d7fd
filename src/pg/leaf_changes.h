/*
 * leaf_changes.h
 *	  What a statement changed in the digests of leaves: gathered in memory, and appended
 *	  to merch.price_digest_delta.
 */
#ifndef MERCH_LEAF_CHANGES_H
#define MERCH_LEAF_CHANGES_H

#include "postgres.h"

#include "leaf.h"

typedef struct LeafChanges LeafChanges;

extern LeafChanges *merch_make_leaf_changes(void);

/* Counts one price more, or one less, of the leaf. Appends what has been gathered when it exceeds work_mem. */
extern void merch_change_leaf(LeafChanges *changes, const LeafKey *key, Digest hash, bool more);

/* Appends what has been gathered. Leaves in which nothing changed are left out. */
extern void merch_append_leaf_changes(LeafChanges *changes);

#endif
