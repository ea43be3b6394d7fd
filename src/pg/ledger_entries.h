/*
 * ledger_entries.h
 *	  What the rows of one statement say: the things that they point to, and sums of
 *	  units by item, place and channel.
 *
 * Rows come sorted more often than not, and name a few thousand places at most: a
 * small direct-mapped cache in front of the hash table finds nearly every entry.
 */
#ifndef MERCH_LEDGER_ENTRIES_H
#define MERCH_LEDGER_ENTRIES_H

#include "utils/hsearch.h"

typedef enum EntryKind
{
	ENTRY_ITEM,
	ENTRY_LOCATION,
	ENTRY_ALLOCATION,
	ENTRY_RESERVING,			/* an allocation with lines that reserve units */
	ENTRY_TAKING,				/* an allocation, with the change of what it takes from ring-fences */
	ENTRY_TAKER,				/* a location whose lines take from ring-fences, with its channel */
	ENTRY_STOCK,				/* an item at a place, with the change of its counter */
	ENTRY_FENCE					/* an item at a place for a channel, with the change of consumed */
} EntryKind;

/* Hashed bytewise: no padding, kind takes eight bytes for that. */
typedef struct EntryKey
{
	int64		kind;
	int64		id;
	int64		place;
	int64		channel;
} EntryKey;

typedef struct Entry
{
	EntryKey	key;
	int64		units;
} Entry;

#define MERCH_RECENT_SHIFT 52
#define MERCH_RECENT_ENTRIES (1 << (64 - MERCH_RECENT_SHIFT))

typedef struct Entries
{
	HTAB	   *table;
	int			count[ENTRY_FENCE + 1];
	Entry	   *recent[MERCH_RECENT_ENTRIES];
} Entries;

typedef enum EntryFilter
{
	EVERY_ENTRY,
	CHANGED_ENTRIES,
	GROWING_ENTRIES,
	FALLING_ENTRIES
} EntryFilter;

/* The columns of entries, as arrays of bigint. */
enum
{
	ARRAY_ID,
	ARRAY_PLACE,
	ARRAY_CHANNEL,
	ARRAY_UNITS,
	ENTRY_ARRAYS
};

/* In the current memory context. */
extern Entries *merch_make_entries(void);

/* Finds or adds one. */
extern Entry *merch_find_entry_slowly(Entries *entries, const EntryKey *key, Entry **recent);

/* Adds sign times units to an entry; an error if that leaves 64 bits. */
extern void merch_add_units(Entry *entry, int sign, int64 units);

/*
 * The entries of a kind that pass, as arrays in the order of their keys: what is then
 * looked up lies together. Returns how many.
 */
extern int	merch_collect_entries(Entries *entries, EntryKind kind, EntryFilter filter,
								  Datum arrays[ENTRY_ARRAYS]);

static inline Entry *
merch_find_entry(Entries *entries, EntryKind kind, int64 id, int64 place, int64 channel)
{
	EntryKey	key = {.kind = kind,.id = id,.place = place,.channel = channel};
	/* Fibonacci hashing: ids in a row get places far from each other */
	uint64		mixed = (uint64) id + ((uint64) place << 24) + ((uint64) channel << 40) + ((uint64) kind << 56);
	Entry	  **recent = &entries->recent[(mixed * UINT64CONST(0x9E3779B97F4A7C15)) >> MERCH_RECENT_SHIFT];
	Entry	   *entry = *recent;

	if (entry != NULL && entry->key.id == id && entry->key.kind == kind &&
		entry->key.place == place && entry->key.channel == channel)
		return entry;
	return merch_find_entry_slowly(entries, &key, recent);
}

#endif
