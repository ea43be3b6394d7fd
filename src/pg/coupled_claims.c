/*
 * coupled_claims.c
 *	  merch.claim_use, and the claims of many items that share capacity: what
 *	  merch.split_claims does where its rows say what they use.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "coupled_claims.h"
#include "error.h"

PG_FUNCTION_INFO_V1(merch_claim_use);

/* A row's use, by the resources' ids, and what there is of them. */
typedef struct PackedUse
{
	ClaimUse	use;
	int64		left[CLAIM_RESOURCES];
} PackedUse;

typedef struct Resource
{
	int32		id;
	int64		left;
} Resource;

Datum
merch_claim_use(PG_FUNCTION_ARGS)
{
	bytea	   *result = palloc(VARHDRSZ + sizeof(PackedUse));
	PackedUse	packed;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("item_id and gone of a claim's use must not be null")));
	memset(&packed, 0, sizeof(packed));
	packed.use.item = PG_GETARG_INT64(0);
	packed.use.gone = Max(PG_GETARG_INT64(1), 0);
	for (int u = 0; u < CLAIM_RESOURCES; u++)
	{
		int			arg = 2 + 3 * u;

		packed.use.resource[u] = CLAIM_NO_RESOURCE;
		if (PG_ARGISNULL(arg))
			continue;
		if (PG_ARGISNULL(arg + 1) || PG_ARGISNULL(arg + 2))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("resource %d of a claim's use has no limit or no usage", PG_GETARG_INT32(arg))));
		if (PG_GETARG_INT32(arg) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a resource's number must not be negative, but is %d", PG_GETARG_INT32(arg))));
		packed.use.resource[u] = PG_GETARG_INT32(arg);
		packed.left[u] = Max(PG_GETARG_INT64(arg + 1), 0);
		packed.use.usage[u] = PG_GETARG_INT64(arg + 2);
	}
	SET_VARSIZE(result, VARHDRSZ + sizeof(PackedUse));
	memcpy(VARDATA(result), &packed, sizeof(packed));
	PG_RETURN_BYTEA_P(result);
}

/* Backwards: the pass over the claims before has ended at the last row. */
static void
read_uses(WindowObject winobj, int64 rows, ClaimUse *uses, Resource *found, int64 *count)
{
	for (int64 row = rows - 1; row >= 0; row--)
	{
		bool		isnull;
		bool		isout;
		Datum		value = WinGetFuncArgInPartition(winobj, 1, (int) row, WINDOW_SEEK_HEAD, false,
													 &isnull, &isout);
		bytea	   *bytes = isnull ? NULL : DatumGetByteaPP(value);
		PackedUse	packed;

		CHECK_FOR_INTERRUPTS();
		if (isnull || VARSIZE_ANY_EXHDR(bytes) != sizeof(PackedUse))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("merch.split_claims needs what merch.claim_use returns, in all rows or in none")));
		memcpy(&packed, VARDATA_ANY(bytes), sizeof(packed));
		uses[row] = packed.use;
		for (int u = 0; u < CLAIM_RESOURCES; u++)
			if (packed.use.resource[u] != CLAIM_NO_RESOURCE)
				found[(*count)++] = (Resource) {packed.use.resource[u], packed.left[u]};
	}
}

static int
compare_resources(const void *a, const void *b)
{
	const Resource *first = a;
	const Resource *second = b;

	return first->id < second->id ? -1 : first->id > second->id;
}

/* Leaves one entry a resource. */
static int64
merge_resources(Resource *found, int64 count)
{
	int64		resources = 0;

	qsort(found, count, sizeof(Resource), compare_resources);
	for (int64 i = 0; i < count; i++)
	{
		if (resources == 0 || found[i].id != found[resources - 1].id)
			found[resources++] = found[i];
		else if (found[i].left != found[resources - 1].left)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("resource %d has two limits: " INT64_FORMAT " and " INT64_FORMAT,
							found[i].id, found[resources - 1].left, found[i].left)));
	}
	return resources;
}

/* From ids to places in the array of what is left. */
static void
number_resources(ClaimUse *uses, int64 rows, const Resource *resources, int64 count)
{
	for (int64 row = 0; row < rows; row++)
		for (int u = 0; u < CLAIM_RESOURCES; u++)
		{
			Resource	key = {uses[row].resource[u], 0};
			const Resource *place;

			if (key.id == CLAIM_NO_RESOURCE)
				continue;
			place = bsearch(&key, resources, count, sizeof(Resource), compare_resources);
			uses[row].resource[u] = (int32) (place - resources);
		}
}

static void
check(MerchStatus status, const MerchFault *fault)
{
	if (status != MERCH_OK)
		merch_report(status, fault);
}

/* Splits the run at hand; what its problem takes is freed with it. */
static ClaimValue
solve_run(ClaimCoupled *chain, MemoryContext context)
{
	ClaimValue	value;
	bool		again = true;
	MerchFault	fault;
	MerchStatus status;

	while (again)
	{
		void	   *problem;
		void	   *scratch;
		Size		size;

		while ((status = claim_coupled_ask(chain, merch_interrupted, &fault)) == MERCH_CANCELLED)
			CHECK_FOR_INTERRUPTS();
		check(status, &fault);
		problem = MemoryContextAllocHuge(context, claim_coupled_build_size(chain));
		while ((status = claim_coupled_build(chain, problem, merch_interrupted, &fault)) == MERCH_CANCELLED)
			CHECK_FOR_INTERRUPTS();
		check(status, &fault);
		size = claim_coupled_solve_size(chain);
		if (size == SIZE_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a run that shares capacity is too large"),
					 errhint("Split the promotion, or lift the limits of its lanes and locations.")));
		scratch = MemoryContextAllocHuge(context, size);
		while ((status = claim_coupled_solve(chain, scratch, &again, &value, merch_interrupted,
											 &fault)) == MERCH_CANCELLED)
			CHECK_FOR_INTERRUPTS();
		check(status, &fault);
		MemoryContextReset(context);
	}
	return value;
}

static void
solve_runs(ClaimCoupled *chain, MemoryContext memory, MemoryContext context, RunValues *values)
{
	int			capacity = 0;

	values->runs = 0;
	while (claim_coupled_next(chain))
	{
		if (values->runs == capacity)
		{
			Size		size = Max(capacity * 2, 16);

			values->value = capacity == 0 ? MemoryContextAlloc(memory, size * sizeof(ClaimValue)) :
				repalloc(values->value, size * sizeof(ClaimValue));
			capacity = size;
		}
		values->value[values->runs] = solve_run(chain, context);
		values->runs++;
	}
}

void
solve_coupled_claims(WindowObject winobj, int64 rows, Claim *claims, Share *shares,
					 MemoryContext memory, RunValues *values)
{
	MemoryContext lasting = AllocSetContextCreate(memory, "merch coupled claims", ALLOCSET_DEFAULT_SIZES);
	MemoryContext problem = AllocSetContextCreate(lasting, "merch coupled run", ALLOCSET_DEFAULT_SIZES);
	ClaimUse   *uses = MemoryContextAllocHuge(lasting, rows * sizeof(ClaimUse));
	Resource   *found = MemoryContextAllocHuge(lasting, rows * CLAIM_RESOURCES * sizeof(Resource));
	int64		count = 0;
	ClaimCoupledInput input = {.n = rows, .claims = claims, .uses = uses, .shares = shares};
	ClaimCoupled *chain;
	MerchFault	fault;

	read_uses(winobj, rows, uses, found, &count);
	count = merge_resources(found, count);
	number_resources(uses, rows, found, count);
	input.resources = count;
	input.left = MemoryContextAllocHuge(lasting, Max(count, 1) * sizeof(int64));
	for (int64 r = 0; r < count; r++)
		input.left[r] = found[r].left;
	pfree(found);
	check(claim_coupled_begin(&input, MemoryContextAllocHuge(lasting, claim_coupled_size(rows, count)),
							  &chain, &fault), &fault);
	claim_coupled_set_scratch(chain, MemoryContextAllocHuge(lasting, claim_coupled_scratch_size(chain)));
	solve_runs(chain, memory, problem, values);
	MemoryContextDelete(lasting);
}
