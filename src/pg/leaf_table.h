/*
 * leaf_table.h
 *	  A hash table of changes by leaf: leaves_create, leaves_insert, leaves_lookup and the
 *	  other functions that lib/simplehash.h makes, static in each file that includes this.
 */
#ifndef MERCH_LEAF_TABLE_H
#define MERCH_LEAF_TABLE_H

#include "common/hashfn.h"

#include "leaf.h"

static inline uint32
hash_leaf(LeafKey key)
{
	uint32		hash = murmurhash32((uint32) key.item_id ^ (uint32) (key.item_id >> 32));

	hash = hash_combine(hash, murmurhash32((uint32) key.block));
	hash = hash_combine(hash, murmurhash32((uint32) key.channel_id));
	return hash_combine(hash, murmurhash32((uint32) key.system_id));
}

static inline bool
same_leaf(LeafKey a, LeafKey b)
{
	return a.item_id == b.item_id && a.block == b.block && a.channel_id == b.channel_id && a.system_id == b.system_id;
}

#define SH_PREFIX leaves
#define SH_ELEMENT_TYPE LeafChange
#define SH_KEY_TYPE LeafKey
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_leaf(key)
#define SH_EQUAL(table, a, b) same_leaf(a, b)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#endif
