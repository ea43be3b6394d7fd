/*
 * leaf_changes.c
 *	  What a statement changed in the digests of leaves.
 *
 * Rows of merch.price_digest_delta are only ever appended by writers, straight into the
 * heap: statements that change the same leaf lock nothing, and wait for nothing. They become
 * visible with the prices that they stand for, whatever becomes of a (sub)transaction:
 * so in every snapshot a leaf's digest plus its deltas is the digest of its rows. The
 * table has no index, which would cost more than the row; merch.fold_price_digests() keeps it short.
 *
 * Nobody needs a right on the table: to change prices is to change their digests.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "direct_insert.h"
#include "leaf_changes.h"
#include "leaf_table.h"
#include "owner.h"

#define BATCH_ROWS 500

struct LeafChanges
{
	leaves_hash *table;
	LeafChange *last;			/* rows of a leaf mostly come one after the other */
};

typedef enum DeltaColumn
{
	DELTA_SYSTEM,
	DELTA_ITEM,
	DELTA_CHANNEL,
	DELTA_BLOCK,
	DELTA_PRICES,
	DELTA_DIGEST,
	DELTA_COLUMNS
} DeltaColumn;

static const Oid delta_types[DELTA_COLUMNS] = {INT4OID, INT8OID, INT4OID, INT4OID, INT8OID, BYTEAOID};

typedef union DigestBytea
{
	struct varlena header;
	char		bytes[VARHDRSZ + DIGEST_BYTES];
} DigestBytea;

typedef struct DeltaWriter
{
	Relation	table;
	CommandId	command;
	MemoryContext batch;		/* what the access method allocates for it */
	int			rows;
	int			slot_count;
	TupleTableSlot *slots[BATCH_ROWS];
	DigestBytea digests[BATCH_ROWS];
} DeltaWriter;

LeafChanges *
merch_make_leaf_changes(void)
{
	LeafChanges *changes = palloc(sizeof(LeafChanges));

	/* most statements change one price */
	changes->table = leaves_create(CurrentMemoryContext, 4, NULL);
	changes->last = NULL;
	return changes;
}

static LeafChange *
find_leaf(LeafChanges *changes, const LeafKey *key)
{
	LeafChange *leaf;
	bool		found;

	if (changes->last != NULL && same_leaf(changes->last->key, *key))
		return changes->last;
	if ((changes->table->members + 1) * sizeof(LeafChange) > work_mem * (Size) 1024)
		merch_append_leaf_changes(changes);
	leaf = leaves_insert(changes->table, *key, &found);
	if (!found)
	{
		leaf->prices = 0;
		leaf->digest = (Digest) {0, 0};
	}
	changes->last = leaf;
	return leaf;
}

void
merch_change_leaf(LeafChanges *changes, const LeafKey *key, Digest hash, bool more)
{
	LeafChange *leaf = find_leaf(changes, key);

	leaf->prices += more ? 1 : -1;
	if (more)
		digest_add(&leaf->digest, hash);
	else
		digest_subtract(&leaf->digest, hash);
}

/* ----------------------------------------------------------------
 * Straight into the table
 * ----------------------------------------------------------------
 */
static bool
is_as_made(Relation table)
{
	TupleDesc	desc = RelationGetDescr(table);

	if (!merch_takes_rows_directly(table) || table->rd_rel->relhasindex || table->trigdesc != NULL ||
		desc->natts != DELTA_COLUMNS)
		return false;
	for (int i = 0; i < DELTA_COLUMNS; i++)
		if (TupleDescAttr(desc, i)->atttypid != delta_types[i])
			return false;
	return true;
}

static DeltaWriter *
open_writer(void)
{
	DeltaWriter *writer = palloc(sizeof(DeltaWriter));

	writer->table = table_open(merch_model_table("price_digest_delta"), RowExclusiveLock);
	if (!is_as_made(writer->table))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not as the model makes it", RelationGetRelationName(writer->table)),
				 errhint("Rows go straight into it: drop its triggers, rules, indexes, partitions and further columns.")));
	writer->command = GetCurrentCommandId(true);
	writer->batch = AllocSetContextCreate(CurrentMemoryContext, "price digest deltas", ALLOCSET_SMALL_SIZES);
	writer->rows = 0;
	writer->slot_count = 0;
	return writer;
}

static void
write_batch(DeltaWriter *writer)
{
	MemoryContext before = MemoryContextSwitchTo(writer->batch);

	CHECK_FOR_INTERRUPTS();
	if (writer->rows == 1)
		table_tuple_insert(writer->table, writer->slots[0], writer->command, 0, NULL);
	else if (writer->rows > 1)
		table_multi_insert(writer->table, writer->slots, writer->rows, writer->command, 0, NULL);
	MemoryContextSwitchTo(before);
	for (int row = 0; row < writer->rows; row++)
		ExecClearTuple(writer->slots[row]);
	writer->rows = 0;
	MemoryContextReset(writer->batch);
}

static void
put_change(DeltaWriter *writer, const LeafChange *leaf)
{
	DigestBytea *digest = &writer->digests[writer->rows];
	TupleTableSlot *slot;

	if (writer->rows == writer->slot_count)
		writer->slots[writer->slot_count++] = table_slot_create(writer->table, NULL);
	slot = writer->slots[writer->rows];
	SET_VARSIZE(&digest->header, sizeof(DigestBytea));
	digest_write(leaf->digest, (unsigned char *) VARDATA(&digest->header));
	slot->tts_values[DELTA_SYSTEM] = Int32GetDatum(leaf->key.system_id);
	slot->tts_values[DELTA_ITEM] = Int64GetDatum(leaf->key.item_id);
	slot->tts_values[DELTA_CHANNEL] = Int32GetDatum(leaf->key.channel_id);
	slot->tts_values[DELTA_BLOCK] = Int32GetDatum(leaf->key.block);
	slot->tts_values[DELTA_PRICES] = Int64GetDatum(leaf->prices);
	slot->tts_values[DELTA_DIGEST] = PointerGetDatum(digest);
	memset(slot->tts_isnull, false, DELTA_COLUMNS * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	if (++writer->rows == BATCH_ROWS)
		write_batch(writer);
}

static void
close_writer(DeltaWriter *writer)
{
	write_batch(writer);
	for (int i = 0; i < writer->slot_count; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	table_close(writer->table, NoLock);
	MemoryContextDelete(writer->batch);
	pfree(writer);
}

void
merch_append_leaf_changes(LeafChanges *changes)
{
	DeltaWriter *writer = NULL;
	leaves_iterator iterator;
	LeafChange *leaf;

	leaves_start_iterate(changes->table, &iterator);
	while ((leaf = leaves_iterate(changes->table, &iterator)) != NULL)
	{
		if (leaf->prices == 0 && digest_is_zero(leaf->digest))
			continue;
		if (writer == NULL)
			writer = open_writer();
		put_change(writer, leaf);
	}
	if (writer != NULL)
		close_writer(writer);
	leaves_reset(changes->table);
	changes->last = NULL;
}
