/*
 * claim_split.c
 *	  The claim kernel with memory of its own: see claim_split.h.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "claim_split.h"
#include "error.h"

void
merch_make_splitter(ClaimSplitter *splitter, MemoryContext parent)
{
	memset(splitter, 0, sizeof(*splitter));
	splitter->memory = AllocSetContextCreate(parent, "merch claims", ALLOCSET_DEFAULT_SIZES);
	splitter->scratch_memory = AllocSetContextCreate(parent, "merch claims scratch",
													 ALLOCSET_DEFAULT_SIZES);
}

void
merch_reserve_claims(ClaimSplitter *splitter, int64 rows)
{
	int64		capacity = Max(splitter->capacity, 64);

	if (rows <= splitter->capacity)
		return;
	while (capacity < rows)
		capacity *= 2;
	splitter->capacity = 0;		/* an error below leaves no arrays */
	MemoryContextReset(splitter->memory);
	splitter->claims = MemoryContextAllocHuge(splitter->memory, capacity * sizeof(Claim));
	splitter->shares = MemoryContextAllocHuge(splitter->memory, capacity * sizeof(Share));
	splitter->index = MemoryContextAllocHuge(splitter->memory, claim_index_size(capacity));
	splitter->capacity = capacity;
}

MemoryContext
merch_clear_scratch(ClaimSplitter *splitter)
{
	splitter->scratch_size = 0;
	MemoryContextReset(splitter->scratch_memory);
	return splitter->scratch_memory;
}

static void
reserve_scratch(ClaimSplitter *splitter, Size size)
{
	if (size <= splitter->scratch_size)
		return;
	splitter->scratch = MemoryContextAllocHuge(merch_clear_scratch(splitter), size);
	splitter->scratch_size = size;
}

void
merch_split(ClaimSplitter *splitter, int64 rows)
{
	ClaimIndex *index;
	MerchFault	fault;
	MerchStatus status;

	status = claim_index(splitter->claims, rows, splitter->index, &index, &fault);
	if (status != MERCH_OK)
		merch_report(status, &fault);
	reserve_scratch(splitter, claim_scratch_size(index));
	while ((status = claim_split(index, splitter->claims, splitter->shares, splitter->scratch,
								 merch_interrupted, &fault)) == MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != MERCH_OK)
		merch_report(status, &fault);
}
