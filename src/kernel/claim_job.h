/*
 * claim_job.h
 *	  What the files of the claim splitter share; used by claim*.c alone.
 */
#ifndef MERCH_CLAIM_JOB_H
#define MERCH_CLAIM_JOB_H

#include "claim.h"
#include "units.h"

/* A source, over all runs. */
typedef struct ClaimSource
{
	int32_t		id;
	int64_t		most;			/* the largest supply of its claims */
	int64_t		taken;			/* by runs so far, without what came from fences */
	size_t		first;			/* its first claim in the run at hand */
} ClaimSource;

/* The claims of a run. */
typedef struct ClaimRun
{
	size_t		from;
	size_t		to;
	bool		pooled;
	bool		pushes;			/* one of them takes surplus */
	bool		renews;			/* one of them has a quantity */
} ClaimRun;

/* A channel's fence at a source, over all runs. */
typedef struct ClaimFence
{
	size_t		source;
	int32_t		channel;
	int64_t		most;
	int64_t		taken;
} ClaimFence;

/* One of the supplies that a source's claims in a run have. */
typedef struct ClaimLevel
{
	size_t		source;
	int64_t		supply;
} ClaimLevel;

struct ClaimIndex
{
	size_t		n;
	size_t		runs;
	size_t		sources;
	size_t		fences;
	size_t		most_claims;	/* of a run */
	size_t		most_nodes;		/* of a pooled run */
	size_t		most_sinks;
	size_t		most_pieces;
	int64_t		total;			/* of all supplies, fences and fixed units: no sum exceeds it */
	ClaimRun   *run;
	ClaimSource *source;
	ClaimFence *fence;
	ClaimLevel *level;			/* of the run at hand */
	size_t	   *source_of;		/* of each claim; its number in source */
};

#define CLAIM_NO_SOURCE SIZE_MAX

/* The rows that are split together, as columns, with what is served taken out. */
typedef struct ClaimColumns
{
	size_t		n;
	size_t	   *claim;			/* the claim that a row stands for */
	int64_t    *need;
	int64_t    *minimum;
	int64_t    *maximum;
	int64_t    *pack;
	int64_t    *position;
	int64_t    *key;			/* the location: ties don't depend on the order of rows */
	int32_t    *tier;
	double	   *mean;
	double	   *dispersion;
	double	   *value;
	int64_t    *quantity;
} ClaimColumns;

/* A supply that some claims of a pooled run can reach. */
typedef struct ClaimNode
{
	size_t		source;
	int64_t		reach;			/* a source's claims with at least that supply; 0 for a fence */
	int32_t		channel;		/* of a fence */
	bool		fence;
	bool		marked;
	size_t		group;
	int64_t		size;			/* in units, whole units of flow */
	int64_t		left;			/* of it */
} ClaimNode;

/* A location of a pooled run. */
typedef struct ClaimSink
{
	size_t		from;			/* its claims */
	size_t		to;
	size_t		group;			/* shares are those of its group's supply */
	bool		marked;
	int64_t		got;			/* so far, what is fixed included */
} ClaimSink;

typedef struct ClaimJob
{
	ClaimIndex *index;
	const ClaimRun *run;
	const Claim *claims;
	Share	   *shares;
	ClaimColumns columns;
	bool		pushing;		/* what is left, to those who take it */
	int64_t    *pin;			/* what a location of the run is to keep, by its first claim; or CLAIM_NEW */
	void	   *solver;			/* scratch of apportion(), expected() and transport() */
	ClaimNode  *node;
	ClaimSink  *sink;
	size_t		nodes;
	size_t		sinks;
	size_t		groups;
	int64_t		unit;			/* of flows: the packs' common divisor */
	bool		one_pack;		/* which all of them are equal to */
	int64_t    *cost;
	int64_t    *flow;
	int64_t    *price;
	int64_t    *node_units;
	int64_t    *sink_need;
	size_t	   *piece_start;
	int64_t    *piece_units;
	int64_t    *piece_value;
	MerchInterrupt interrupt;
	MerchFault *fault;
} ClaimJob;

/* Parts of memory begin at multiples of this; 128-bit integers want no more. */
#define CLAIM_ALIGNMENT 16

static inline uintptr_t
claim_align(const void *memory)
{
	return ((uintptr_t) memory + CLAIM_ALIGNMENT - 1) / CLAIM_ALIGNMENT * CLAIM_ALIGNMENT;
}

/* Bytes that so many elements take, so that the next part is aligned. */
static inline size_t
claim_part_size(size_t elements, size_t width)
{
	return (elements * width + CLAIM_ALIGNMENT - 1) / CLAIM_ALIGNMENT * CLAIM_ALIGNMENT;
}

static inline void *
claim_take_part(uintptr_t *address, size_t elements, size_t width)
{
	void	   *part = (void *) *address;

	*address += claim_part_size(elements, width);
	return part;
}

/* The sum, at most 2^63 - 1; b is not negative. */
static inline int64_t
claim_add(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* What a claim's source has left for it, its fence apart. */
static inline int64_t
claim_available(const ClaimJob *job, size_t i)
{
	const ClaimSource *source;

	if (job->claims[i].supply <= 0 || job->index->source_of[i] == CLAIM_NO_SOURCE)
		return 0;
	source = &job->index->source[job->index->source_of[i]];
	return greater(job->claims[i].supply - source->taken, 0);
}

/* Whether two claims of a run are of one location. */
static inline bool
claim_same_location(const Claim *a, const Claim *b)
{
	return a->location == b->location && a->run == b->run;
}

static inline bool
claim_is_expected(const ClaimJob *job)
{
	return job->claims[job->run->from].method == CLAIM_EXPECTED_SALES;
}

static inline int64_t *
claim_pin(const ClaimJob *job, size_t i)
{
	return &job->pin[i - job->run->from];
}

/* Points the job's arrays into scratch memory. */
extern void claim_divide_scratch(ClaimJob *job, ClaimIndex *index, void *scratch);

/*
 * The packs of a location, one that has so many units already, that are more or less
 * likely to be asked for: those before *head are certain, those from *end on are not. All
 * there is, total, bounds them.
 */
extern void claim_find_span(const Claim *claim, int64_t served, int64_t total, int64_t *head,
							int64_t *end);

/* What a claim's channel has left in its fence at the source. */
extern int64_t claim_fence_left(const ClaimJob *job, size_t i);

/*
 * Adds a row for a claim of which so many units are served already; where what is left is
 * pushed, only if the claim takes it.
 */
extern void claim_add_row(ClaimJob *job, size_t i, int64_t served);

/* The rows as apportion() takes them. */
extern ApportionInput claim_apportion_input(const ClaimJob *job, int64_t supply);
extern ApportionMethod claim_apportion_method(const ClaimJob *job);

/* Splits supply among the rows, by the run's method or as surplus. */
extern MerchStatus claim_solve(ClaimJob *job, int64_t supply);

/* Pins the location of claim i if it has a quantity and the change is too small; whether it did. */
extern bool claim_pin_small_change(ClaimJob *job, size_t i, int64_t current, int64_t quantity);

/* Maps a solver's fault from the row to the claim that it stands for. */
extern MerchStatus claim_report(ClaimJob *job, MerchStatus status);

/* Fill in costs, sink_need and, for expected sales, pieces of value; node_units are given. */
extern MerchStatus claim_ask_by_share(ClaimJob *job);
extern MerchStatus claim_ask_by_worth(ClaimJob *job);

/* Puts the sinks of a group that one of their lanes can still bring a pack into the rows. */
extern void claim_collect_sinks(ClaimJob *job, size_t group);

extern bool claim_reaches(const ClaimJob *job, size_t i, const ClaimNode *node);

/* Splits a run whose supplies are pooled. */
extern MerchStatus claim_split_pooled(ClaimJob *job);

#endif
