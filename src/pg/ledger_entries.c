/*
 * ledger_entries.c
 *	  What the rows of one statement say: the things that they point to, and sums of
 *	  units by item, place and channel.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "ledger_entries.h"

Entries *
merch_make_entries(void)
{
	HASHCTL		control =
	{
		.keysize = sizeof(EntryKey),
		.entrysize = sizeof(Entry),
		.hcxt = CurrentMemoryContext
	};
	Entries    *entries = palloc0(sizeof(Entries));

	entries->table = hash_create("merch.keep_ledger", 256, &control,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return entries;
}

Entry *
merch_find_entry_slowly(Entries *entries, const EntryKey *key, Entry **recent)
{
	bool		found;
	Entry	   *entry = hash_search(entries->table, key, HASH_ENTER, &found);

	if (!found)
	{
		entry->units = 0;
		entries->count[key->kind]++;
	}
	*recent = entry;
	return entry;
}

void
merch_add_units(Entry *entry, int sign, int64 units)
{
	if (pg_add_s64_overflow(entry->units, sign * units, &entry->units))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("units of item " INT64_FORMAT " are out of range", entry->key.id),
				 errhint("All units of an item in one statement must stay below 2^63.")));
}

static bool
passes(const Entry *entry, EntryFilter filter)
{
	switch (filter)
	{
		case CHANGED_ENTRIES:
			return entry->units != 0;
		case GROWING_ENTRIES:
			return entry->units > 0;
		case FALLING_ENTRIES:
			return entry->units < 0;
		case EVERY_ENTRY:
			break;
	}
	return true;
}

static int
compare_entries(const void *a, const void *b)
{
	const EntryKey *x = &(*(Entry *const *) a)->key;
	const EntryKey *y = &(*(Entry *const *) b)->key;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->channel < y->channel ? -1 : x->channel > y->channel;
}

static Datum
make_array(Datum *values, int n)
{
	return PointerGetDatum(construct_array(values, n, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

int
merch_collect_entries(Entries *entries, EntryKind kind, EntryFilter filter, Datum arrays[ENTRY_ARRAYS])
{
	int			limit = entries->count[kind];
	Entry	  **found;
	Datum	   *values;
	HASH_SEQ_STATUS scan;
	Entry	   *entry;
	int			n = 0;

	if (limit == 0)
		return 0;
	found = palloc_extended(sizeof(Entry *) * limit, MCXT_ALLOC_HUGE);
	hash_seq_init(&scan, entries->table);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->key.kind == kind && passes(entry, filter))
			found[n++] = entry;
	qsort(found, n, sizeof(Entry *), compare_entries);

	values = palloc_extended(sizeof(Datum) * limit, MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(found[i]->key.id);
	arrays[ARRAY_ID] = make_array(values, n);
	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(found[i]->key.place);
	arrays[ARRAY_PLACE] = make_array(values, n);
	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(found[i]->key.channel);
	arrays[ARRAY_CHANNEL] = make_array(values, n);
	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(found[i]->units);
	arrays[ARRAY_UNITS] = make_array(values, n);
	pfree(values);
	pfree(found);
	return n;
}
