/*
 * claim_split.h
 *	  The claim kernel with memory of its own, for SQL's window function and for bulk
 *	  lines.
 */
#ifndef MERCH_CLAIM_SPLIT_H
#define MERCH_CLAIM_SPLIT_H

#include "claim.h"
#include "need.h"

/* A reason beside those of the kernel: the need is below its threshold. */
#define MERCH_SHARE_THRESHOLD ((ShareReason) (SHARE_SHARED_CAPACITY + 1))
#define MERCH_SHARE_REASONS (SHARE_SHARED_CAPACITY + 2)

/* Memory is kept from item to item and is that of the largest one. */
typedef struct ClaimSplitter
{
	MemoryContext memory;		/* of the arrays below */
	MemoryContext scratch_memory;
	int64		capacity;
	Claim	   *claims;
	Share	   *shares;
	void	   *index;
	void	   *scratch;
	Size		scratch_size;
} ClaimSplitter;

extern void merch_make_splitter(ClaimSplitter *splitter, MemoryContext parent);

/* Makes room for so many claims; those that are there may be lost. */
extern void merch_reserve_claims(ClaimSplitter *splitter, int64 rows);

/* Splits the first so many claims, into as many shares. */
extern void merch_split(ClaimSplitter *splitter, int64 rows);

/* Memory for another solver over the claims, until the next split. */
extern MemoryContext merch_clear_scratch(ClaimSplitter *splitter);

/* Why a share is below its need; SHARE_MET if it is not. */
extern ShareReason merch_share_reason(const Share *share, bool served);

/* Fills in what a claim needs; its distribution is set. An error if that leaves 64 bits. */
extern void merch_claim_need(Claim *claim, const NeedTerms *terms, Need *need);

extern uint8 merch_parse_method(Datum name);

#endif
