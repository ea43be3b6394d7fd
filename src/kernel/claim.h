/*
 * claim.h
 *	  Splits the supplies of one item, at all its sources, among the locations that
 *	  claim it, for one run (promotion) after another.
 *
 * A claim is what a location asks of one source: a row for each lane. Claims of a
 * run stand together, and in a run those of a location. The runs come in their order:
 * what an earlier one takes the later ones don't have, except for units that these
 * have fixed already.
 *
 * Rules
 *	 - A location has one need, floor, ceiling and pack, the same on all its claims.
 *	 - A claim's supply is what its source has by the day on which the lane leaves.
 *	   Claims of one source may leave on different days: the earlier ones can't have
 *	   what comes in later. Its fence is what the source keeps for the location's
 *	   channel, on top of the supply.
 *	 - Where each location has one lane, and a source one supply, each source is
 *	   split apart, by apportion() or expected().
 *	 - Otherwise the supplies are pooled. For the methods of apportion() the pool is
 *	   split as if it were one supply, and transport() carries the shares over the
 *	   lanes at least cost. Where they can't all be carried, those who go short and those
 *	   who live on the same supplies are split apart from the others, and so on. With one
 *	   common pack nothing is left that a location could still take, and webster, cover
 *	   and even are exactly as fair as lanes allow: no flow of as many units is nearer to
 *	   proportion. For expected sales transport() finds the optimum, with lane costs
 *	   weighed against the worth of each pack, and as many units of floors as possible
 *	   before all else. There a pack that has less than one chance in a million to be
 *	   asked for counts as worthless, and one not to be, as certain.
 *	   With mixed packs, flows are cut down to whole packs, and what is cut off is split
 *	   again, at last pack by pack in the order of the rows: feasible, not optimal.
 *	 - Fences are used before supplies, and supplies of late departures before those of early
 *	   ones, so that the most is left. A pack comes from both where packs are mixed.
 *	 - A claim has its fixed units already; they are part of its quantity, and no part of
 *	   the supply. A location whose quantity would change by less than its threshold
 *	   keeps what it has, as far as supply and its ceiling allow.
 *	 - Units that nobody needs are pushed to claims that ask for it, over the preferred lane of
 *	   each, in proportion to mean demand and up to their ceilings. Fences are not.
 *	 - Ties fall to the lower (tier, location). What locations get does not depend on the order
 *	   of rows where sources are split apart; and neither in a pool with one common pack
 *	   by the methods of apportion(). Else it may where several answers are as good.
 *	 - All supplies (of a source, the largest), fences and fixed units together must fit
 *	   into 63 bits: then every sum does.
 *
 * Cost: that of the solvers, plus O(n) for n claims; in a pool O(nodes * locations) memory,
 * where nodes are the sources' departures and fences, and up to as many rounds as nodes.
 */
#ifndef MERCH_CLAIM_H
#define MERCH_CLAIM_H

#include "apportion.h"
#include "distribution.h"

#define CLAIM_NO_SUPPLY (-1)	/* no source, or one that does not stock the item */
#define CLAIM_NEW (-1)			/* has no quantity yet */
#define CLAIM_NO_MAXIMUM INT64_MAX

/* Methods are those of apportion(), and expected sales. */
#define CLAIM_EXPECTED_SALES APPORTION_METHODS

typedef struct Claim
{
	int64_t		run;			/* claims of one run stand together */
	int64_t		supply;			/* units at the source, or CLAIM_NO_SUPPLY */
	int64_t		fence;			/* >= 0 */
	int64_t		need;			/* >= 0 */
	int64_t		minimum;		/* >= 0; cut to the maximum */
	int64_t		maximum;		/* >= 0, or CLAIM_NO_MAXIMUM */
	int64_t		pack;			/* >= 1 */
	int64_t		position;
	int64_t		current;		/* >= 0, of this lane; or CLAIM_NEW */
	int64_t		fixed;			/* >= 0, of this lane: served already, never taken back */
	int64_t		threshold;		/* >= 0: smaller changes are not made */
	double		mean;
	double		dispersion;
	double		value;			/* of a unit sold, >= 0 */
	double		cost;			/* of a unit on the lane, >= 0 */
	int32_t		location;
	int32_t		source;
	int32_t		channel;
	int32_t		tier;
	int32_t		preference;		/* 1: the lane on which the location's need is booked */
	uint8_t		method;
	uint8_t		distribution;	/* a DistributionKind */
	bool		push;
} Claim;

typedef enum ShareReason
{
	SHARE_MET,
	SHARE_NO_SOURCE,
	SHARE_CAPACITY,				/* no further pack fits under the ceiling */
	SHARE_SUPPLY,
	SHARE_WORTH,				/* there is supply, but it is not worth to bring it */
	SHARE_SHARED_CAPACITY		/* items compete for it: see claim_coupled.h */
} ShareReason;

/* What a claim gets. */
typedef struct Share
{
	int64_t		quantity;
	int64_t		from_fence;		/* of it */
	int64_t		need;			/* the claim's part of the location's need */
	int64_t		total;			/* what the location gets from all its sources */
	ShareReason reason;			/* why need is not met */
} Share;

typedef struct ClaimIndex ClaimIndex;

/*
 * Groups n claims; memory of claim_index_size(n) bytes and any alignment holds the
 * index. claim_split() needs scratch memory by what was found.
 */
extern size_t claim_index_size(size_t n);
extern MerchStatus claim_index(const Claim *claims, size_t n, void *memory,
							   ClaimIndex **index, MerchFault *fault);
extern size_t claim_scratch_size(const ClaimIndex *index);

/* Writes a share for each claim. interrupt may be NULL. */
extern MerchStatus claim_split(ClaimIndex *index, const Claim *claims, Share *shares,
							   void *scratch, MerchInterrupt interrupt, MerchFault *fault);

/* The same run by run: begin, then each run by its number, on what the index says is taken. */
extern void claim_begin(ClaimIndex *index);
extern MerchStatus claim_split_run(ClaimIndex *index, size_t run, const Claim *claims,
								   Share *shares, void *scratch, MerchInterrupt interrupt,
								   MerchFault *fault);

/* Says what of a run's needs its quantities meet, once supplies are taken: the rest of a share. */
extern void claim_book_run(ClaimIndex *index, size_t run, const Claim *claims, Share *shares);

#endif
