/*
 * differing_leaves.c
 *	  differing_kept_leaves: the leaves in which the kept digests of two systems differ.
 *
 * The digests of both are read in the order of the primary key, and merged: it takes no
 * memory, and systems that aren't asked for cost nothing. What statements have changed
 * since the last fold is few rows beside them: they are read first, as the difference that
 * they make to each leaf. A leaf differs if left less right, of prices and of digests, is not 0.
 *
 * Joins and aggregates of the executor take twice the time, which is all there is to
 * pay where two systems are equal.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "leaf.h"
#include "leaf_table.h"
#include "owner.h"

PG_FUNCTION_INFO_V1(merch_differing_kept_leaves);

typedef enum LeafColumn
{
	LEAF_SYSTEM,
	LEAF_ITEM,
	LEAF_CHANNEL,
	LEAF_BLOCK,
	LEAF_PRICES,
	LEAF_DIGEST,
	LEAF_COLUMNS
} LeafColumn;

static const struct
{
	const char *name;
	Oid			type;
}			leaf_columns[LEAF_COLUMNS] = {
	{"system_id", INT4OID}, {"item_id", INT8OID}, {"channel_id", INT4OID}, {"block", INT4OID},
	{"prices", INT8OID}, {"digest", BYTEAOID}
};

/* A table of leaves, and where its columns are. */
typedef struct LeafTable
{
	Relation	table;
	int			place[LEAF_COLUMNS];	/* from 0 */
} LeafTable;

/* The digests of a system, in order. */
typedef struct Side
{
	IndexScanDesc scan;
	TupleTableSlot *slot;
	bool		has_leaf;
	LeafChange	leaf;
} Side;

typedef struct Comparison
{
	int32		left_id;
	int32		right_id;
	bool		of_one_channel;
	int32		channel_id;
	leaves_hash *deltas;
	ReturnSetInfo *result;
} Comparison;

static LeafTable
open_leaf_table(const char *name)
{
	LeafTable	leaves = {.table = table_open(merch_model_table(name), AccessShareLock)};
	TupleDesc	desc = RelationGetDescr(leaves.table);
	AclResult	right = pg_class_aclcheck(RelationGetRelid(leaves.table), GetUserId(), ACL_SELECT);

	if (right != ACLCHECK_OK)
		aclcheck_error(right, OBJECT_TABLE, name);
	for (int i = 0; i < LEAF_COLUMNS; i++)
	{
		int			number = SPI_fnumber(desc, leaf_columns[i].name);

		if (number <= 0 || TupleDescAttr(desc, number - 1)->atttypid != leaf_columns[i].type)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("table \"%s\" has no column \"%s\" of type %s", name, leaf_columns[i].name,
							format_type_be(leaf_columns[i].type)),
					 errhint("Put the columns of the model back.")));
		leaves.place[i] = number - 1;
	}
	return leaves;
}

/* The leaf in the slot. Its system is left out: leaves of both sides are the same. */
static LeafChange
leaf_of_row(const LeafTable *leaves, TupleTableSlot *slot)
{
	const Datum *values = slot->tts_values;
	const int  *place = leaves->place;
	LeafChange	leaf = {.status = 0};
	bytea	   *digest;

	slot_getallattrs(slot);
	digest = DatumGetByteaPP(values[place[LEAF_DIGEST]]);
	if (VARSIZE_ANY_EXHDR(digest) != DIGEST_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a digest in table \"%s\" has %d bytes, not %d", RelationGetRelationName(leaves->table),
						(int) VARSIZE_ANY_EXHDR(digest), DIGEST_BYTES),
				 errhint("Delete the row, and call merch.rebuild_price_digest().")));
	leaf.key.item_id = DatumGetInt64(values[place[LEAF_ITEM]]);
	leaf.key.channel_id = DatumGetInt32(values[place[LEAF_CHANNEL]]);
	leaf.key.block = DatumGetInt32(values[place[LEAF_BLOCK]]);
	leaf.prices = DatumGetInt64(values[place[LEAF_PRICES]]);
	leaf.digest = digest_read((const unsigned char *) VARDATA_ANY(digest));
	return leaf;
}

static void
add_leaf(LeafChange *sum, const LeafChange *term, bool subtract)
{
	if (subtract)
	{
		sum->prices -= term->prices;
		digest_subtract(&sum->digest, term->digest);
	}
	else
	{
		sum->prices += term->prices;
		digest_add(&sum->digest, term->digest);
	}
}

static void
put_if_differing(const Comparison *comparison, const LeafChange *difference)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	if (difference->prices == 0 && digest_is_zero(difference->digest))
		return;
	if (comparison->of_one_channel && difference->key.channel_id != comparison->channel_id)
		return;
	values[0] = Int64GetDatum(difference->key.item_id);
	values[1] = Int32GetDatum(difference->key.channel_id);
	values[2] = Int32GetDatum(difference->key.block);
	tuplestore_putvalues(comparison->result->setResult, comparison->result->setDesc, values, nulls);
}

/* ----------------------------------------------------------------
 * What has changed since the last fold
 * ----------------------------------------------------------------
 */
static void
read_deltas(Comparison *comparison)
{
	LeafTable	leaves = open_leaf_table("price_digest_delta");
	TupleTableSlot *slot = table_slot_create(leaves.table, NULL);
	TableScanDesc scan = table_beginscan(leaves.table, GetActiveSnapshot(), 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		int32		system = DatumGetInt32(slot_getattr(slot, leaves.place[LEAF_SYSTEM] + 1, &isnull));
		LeafChange	leaf;
		LeafChange *sum;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		if (system != comparison->left_id && system != comparison->right_id)
			continue;
		leaf = leaf_of_row(&leaves, slot);
		sum = leaves_insert(comparison->deltas, leaf.key, &found);
		if (!found)
		{
			sum->prices = 0;
			sum->digest = (Digest) {0, 0};
		}
		add_leaf(sum, &leaf, system == comparison->right_id);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(leaves.table, NoLock);
}

/* Adds what the deltas say of the leaf, which then is said. */
static void
settle_delta(const Comparison *comparison, LeafChange *difference)
{
	LeafChange *delta;

	if (comparison->deltas->members == 0)
		return;
	delta = leaves_lookup(comparison->deltas, difference->key);
	if (delta == NULL)
		return;
	add_leaf(difference, delta, false);
	delta->prices = 0;
	delta->digest = (Digest) {0, 0};
}

static void
put_new_leaves(const Comparison *comparison)
{
	leaves_iterator iterator;
	LeafChange *leaf;

	leaves_start_iterate(comparison->deltas, &iterator);
	while ((leaf = leaves_iterate(comparison->deltas, &iterator)) != NULL)
		put_if_differing(comparison, leaf);
}

/* ----------------------------------------------------------------
 * Both sides in the order of their leaves
 * ----------------------------------------------------------------
 */
static Relation
open_leaf_index(const LeafTable *leaves)
{
	static const LeafColumn key[] = {LEAF_SYSTEM, LEAF_ITEM, LEAF_CHANNEL, LEAF_BLOCK};
	List	   *indexes = RelationGetIndexList(leaves->table);
	Oid			primary = leaves->table->rd_pkindex;
	Relation	index = OidIsValid(primary) ? relation_open(primary, AccessShareLock) : NULL;
	bool		as_made = index != NULL && index->rd_index->indnkeyatts == lengthof(key);

	list_free(indexes);
	for (int i = 0; as_made && i < lengthof(key); i++)
		as_made = index->rd_index->indkey.values[i] == leaves->place[key[i]] + 1;
	if (!as_made)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no primary key of system, item, channel and block",
						RelationGetRelationName(leaves->table)),
				 errhint("Its rows are read in this order: put the key of the model back.")));
	return index;
}

static void
next_leaf(Side *side, const LeafTable *leaves)
{
	CHECK_FOR_INTERRUPTS();
	side->has_leaf = index_getnext_slot(side->scan, ForwardScanDirection, side->slot);
	if (side->has_leaf)
		side->leaf = leaf_of_row(leaves, side->slot);
}

static void
open_side(Side *side, const LeafTable *leaves, Relation index, int32 system_id)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(system_id));
	side->slot = table_slot_create(leaves->table, NULL);
	side->scan = merch_index_beginscan(leaves->table, index, GetActiveSnapshot(), 1);
	index_rescan(side->scan, &key, 1, NULL, 0);
	next_leaf(side, leaves);
}

static void
close_side(Side *side)
{
	index_endscan(side->scan);
	ExecDropSingleTupleTableSlot(side->slot);
}

static int
compare_leaves(const LeafKey *a, const LeafKey *b)
{
	if (a->item_id != b->item_id)
		return a->item_id < b->item_id ? -1 : 1;
	if (a->channel_id != b->channel_id)
		return a->channel_id < b->channel_id ? -1 : 1;
	return (a->block > b->block) - (a->block < b->block);
}

static void
merge_sides(const Comparison *comparison)
{
	LeafTable	leaves = open_leaf_table("price_digest");
	Relation	index = open_leaf_index(&leaves);
	Side		left;
	Side		right;

	open_side(&left, &leaves, index, comparison->left_id);
	open_side(&right, &leaves, index, comparison->right_id);
	while (left.has_leaf || right.has_leaf)
	{
		int			order = !left.has_leaf ? 1 : !right.has_leaf ? -1 : compare_leaves(&left.leaf.key, &right.leaf.key);
		LeafChange	difference = {.key = order <= 0 ? left.leaf.key : right.leaf.key};

		if (order <= 0)
		{
			add_leaf(&difference, &left.leaf, false);
			next_leaf(&left, &leaves);
		}
		if (order >= 0)
		{
			add_leaf(&difference, &right.leaf, true);
			next_leaf(&right, &leaves);
		}
		settle_delta(comparison, &difference);
		put_if_differing(comparison, &difference);
	}
	close_side(&left);
	close_side(&right);
	relation_close(index, NoLock);
	table_close(leaves.table, NoLock);
}

/* left_id int, right_id int, only_channel int */
Datum
merch_differing_kept_leaves(PG_FUNCTION_ARGS)
{
	Comparison	comparison = {.of_one_channel = !PG_ARGISNULL(2)};

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_GETARG_INT32(0) == PG_GETARG_INT32(1))
		return (Datum) 0;
	comparison.left_id = PG_GETARG_INT32(0);
	comparison.right_id = PG_GETARG_INT32(1);
	comparison.channel_id = comparison.of_one_channel ? PG_GETARG_INT32(2) : 0;
	comparison.result = (ReturnSetInfo *) fcinfo->resultinfo;
	comparison.deltas = leaves_create(CurrentMemoryContext, 64, NULL);
	read_deltas(&comparison);
	merge_sides(&comparison);
	put_new_leaves(&comparison);
	return (Datum) 0;
}
