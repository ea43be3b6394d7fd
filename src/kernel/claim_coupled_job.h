/*
 * claim_coupled_job.h
 *	  What the files of the coupled claim splitter share; used by claim_coupled*.c alone.
 */
#ifndef MERCH_CLAIM_COUPLED_JOB_H
#define MERCH_CLAIM_COUPLED_JOB_H

#include "claim_coupled.h"
#include "claim_job.h"
#include "coupled.h"

/* An item's claims, and its next run. */
typedef struct ClaimItem
{
	ClaimIndex *index;
	size_t		from;
	size_t		run;
} ClaimItem;

/*
 * What a source has for those who leave late enough, on top of what it has for those who leave
 * earlier; or what it keeps for a channel.
 */
typedef struct CoupledNode
{
	size_t		source;
	int64_t		reach;			/* open to claims for which so much is there; not of a fence */
	int32_t		channel;		/* of a fence */
	bool		fence;
	int64_t		left;
} CoupledNode;

/* Of a location in a run; kept at the number of its first claim. */
typedef struct ClaimAsk
{
	int64_t		first;			/* what its method gave it at first, what is fixed included */
	int64_t		asked;			/* and now */
	int64_t		pin;			/* what it is to keep, or CLAIM_NEW */
	bool		capped;			/* its maximum was lowered to what capacity allows */
} ClaimAsk;

/* The problem of a run, in the memory of build. */
typedef struct ClaimProblem
{
	CoupledInput input;
	CoupledAnswer answer;
	size_t	   *item_source_start;
	size_t	   *item_place_start;
	size_t	   *place_worth_start;
	size_t	   *place_lane_start;
	size_t	   *place_claim;	/* the first claim of each place */
	size_t	   *lane_claim;
	int64_t    *supply;
	int64_t    *pack;
	int64_t    *floor_packs;
	int64_t    *worth;
	int64_t    *lane_cost;
	int64_t    *lane_usage;
	int32_t    *lane_source;
	int32_t    *lane_resource;
	bool	   *lane_fence;
} ClaimProblem;

struct ClaimCoupled
{
	ClaimCoupledInput input;
	size_t		items;
	ClaimItem  *item;
	ClaimAsk   *ask;
	int128_t   *load;			/* of each resource, by the run at hand */
	int64_t    *source_taken;	/* of an item's sources before the run, from its first claim on */
	int64_t    *fence_taken;
	int64_t		run;			/* the one at hand */
	int			rounds;			/* how often it was asked */
	bool		fits;			/* what was asked for fits the capacity */
	bool		weighs;			/* a claim goes by expected sales */
	double		bound;			/* in the unit of value: no first plan is worth more */
	double		scale;			/* quanta in a unit of value */
	double		most_excess;	/* of a lane's cost over that of its location's cheapest */
	void	   *scratch;		/* of the items' splits, and then of their nodes */
	ClaimProblem problem;
};

/* The run of an item, if it has the one at hand; else NULL. */
static inline const ClaimRun *
claim_run_of(const ClaimCoupled *chain, const ClaimItem *item)
{
	const ClaimRun *run;

	if (item->run >= item->index->runs)
		return NULL;
	run = &item->index->run[item->run];
	return chain->input.claims[item->from + run->from].run == chain->run ? run : NULL;
}

/* What a claim's source has left for it, by its number in the item; and its channel's fence there. */
extern int64_t claim_supply_left(const ClaimCoupled *chain, const ClaimItem *item, size_t i);
extern int64_t claim_fence_open(const ClaimCoupled *chain, const ClaimItem *item, size_t i);

/* The supplies that an item's claims in the run at hand can reach; returns their number. */
extern size_t claim_find_nodes(const ClaimCoupled *chain, const ClaimItem *item,
							   const ClaimRun *run, CoupledNode *node);

/* Whether a claim, by its number in the item, can be supplied from a node. */
extern bool claim_reaches_node(const ClaimCoupled *chain, const ClaimItem *item, size_t i,
							   const CoupledNode *node);

/* The claims of a location are those from `from` up to, without, the result. */
extern size_t claim_location_end(const ClaimCoupled *chain, size_t from, size_t end);

/* Adds up what the run's shares use of each resource, beyond what is fixed. */
extern void claim_add_loads(ClaimCoupled *chain);

/* Units of a location that are fixed at all its sources. */
extern int64_t claim_location_fixed(const ClaimCoupled *chain, size_t from, size_t to);

/* Whether there is a problem to solve at all. */
static inline bool
claim_needs_solver(const ClaimCoupled *chain)
{
	return !chain->fits || chain->weighs;
}

#endif
