/*
 * claim_coupled.h
 *	  Splits the supplies of many items that share capacity: units in a lane's trucks on
 *	  a day, minutes of a dock, minutes of labour.
 *
 * Claims are those of claim.h; those of one item stand together. One run after another is
 * split over all its items, each on what earlier runs left of supplies and capacity:
 *
 *	 1. Every item is split by its method, as if it were alone.
 *	 2. If what that takes fits the capacity, it is the answer. If not, coupled() splits
 *		the items together. A pack is worth what it is expected to earn, whatever the
 *		method, and capacity goes to the packs that are worth most. By expected sales a
 *		location can get all that is worth its lane; by the other methods no more than
 *		its method gave it. Floors count for more than any 64 packs.
 *	 3. What a method gave to a location that can't have it is split among the others,
 *		and so on from 1, a few times.
 *
 * Units that are fixed, or have left, use capacity before all else. A location whose
 * quantity would change by less than its threshold keeps what it has, as far as
 * capacity allows.
 *
 * Lane costs weigh against worth for expected sales only; the other methods place what
 * they are asked for, and cost decides between a location's lanes. Units pushed
 * count for just more than their lane costs.
 *
 * The value of a run's plan is what the units split here are expected to earn, less
 * what their lanes cost. The bound is above it by what coupled() leaves unproved.
 */
#ifndef MERCH_CLAIM_COUPLED_H
#define MERCH_CLAIM_COUPLED_H

#include "claim.h"

#define CLAIM_RESOURCES 3
#define CLAIM_NO_RESOURCE (-1)

/* What a claim's units use. */
typedef struct ClaimUse
{
	int64_t		item;
	int64_t		gone;			/* units that have left the source, >= 0; no part of the claim */
	int64_t		usage[CLAIM_RESOURCES]; /* of a unit, >= 0 */
	int32_t		resource[CLAIM_RESOURCES];	/* an index of left, or CLAIM_NO_RESOURCE */
} ClaimUse;

typedef struct ClaimCoupledInput
{
	size_t		n;
	Claim	   *claims;			/* by item, run, location; maxima may be lowered */
	const ClaimUse *uses;
	size_t		resources;
	int64_t    *left;			/* of each resource; what is used is taken off */
	Share	   *shares;
} ClaimCoupledInput;

typedef struct ClaimValue
{
	int64_t		run;
	double		plan;			/* in the unit of the claims' values */
	double		bound;
} ClaimValue;

typedef struct ClaimCoupled ClaimCoupled;

/*
 * How to call, with memory of any alignment that the caller provides:
 *
 *	 begin, then as long as next() finds a run: ask, build, solve, and the three again
 *	 as long as solve says so.
 *
 * Each step may be repeated when it was cancelled. The memory of build must stay until
 * solve is done; scratch must stay until the end.
 */
extern size_t claim_coupled_size(size_t n, size_t resources);
extern MerchStatus claim_coupled_begin(const ClaimCoupledInput *input, void *memory,
									   ClaimCoupled **chain, MerchFault *fault);
extern size_t claim_coupled_scratch_size(const ClaimCoupled *chain);
extern void claim_coupled_set_scratch(ClaimCoupled *chain, void *scratch);

extern bool claim_coupled_next(ClaimCoupled *chain);
extern MerchStatus claim_coupled_ask(ClaimCoupled *chain, MerchInterrupt interrupt,
									 MerchFault *fault);
extern size_t claim_coupled_build_size(ClaimCoupled *chain);
extern MerchStatus claim_coupled_build(ClaimCoupled *chain, void *memory,
									   MerchInterrupt interrupt, MerchFault *fault);
extern size_t claim_coupled_solve_size(const ClaimCoupled *chain);
extern MerchStatus claim_coupled_solve(ClaimCoupled *chain, void *memory, bool *again,
									   ClaimValue *value, MerchInterrupt interrupt,
									   MerchFault *fault);

#endif
