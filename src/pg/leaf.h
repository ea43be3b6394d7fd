/*
 * leaf.h
 *	  Leaves of prices: what is compared of two systems before any price is.
 */
#ifndef MERCH_LEAF_H
#define MERCH_LEAF_H

#include "postgres.h"

#include "digest.h"

/* A leaf: the prices of an item that a system shows in a channel at the places of a block. */
typedef struct LeafKey
{
	int64		item_id;
	int32		system_id;
	int32		channel_id;
	int32		block;
} LeafKey;

typedef struct LeafChange
{
	LeafKey		key;
	char		status;			/* of the hash table */
	int64		prices;			/* how many more there are now */
	Digest		digest;			/* what is to be added */
} LeafChange;

#endif
