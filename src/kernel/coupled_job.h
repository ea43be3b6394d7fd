/*
 * coupled_job.h
 *	  The state of a run of coupled(): shared by its parts, and by nobody else.
 */
#ifndef MERCH_COUPLED_JOB_H
#define MERCH_COUPLED_JOB_H

#include "coupled.h"
#include "heap.h"
#include "transport.h"

/* The resources of a lane, and its source. */
#define LANE_ROWS (COUPLED_LANE_RESOURCES + 1)
#define SOURCE_SLOT COUPLED_LANE_RESOURCES

/* An adjusted cost above all worths: nothing is wanted at that. */
#define NEVER ((int64_t) 1 << 62)
#define MOST_PRICE ((int64_t) 1 << 61)

/* Fractions, and steps' memory of the sign of the excess, are kept at this scale. */
#define SHARE_BITS 20

#define MOST_WIDE ((int128_t) (~(uint128_t) 0 >> 1))

/* What is scarce: a resource, or the supply of a source. Resources come first. */
typedef struct Row
{
	int128_t	load;			/* at the prices, times 2^SHARE_BITS */
	int128_t	mean;			/* the same, averaged over rounds */
	int128_t	used;			/* by the plan */
	int64_t		limit;			/* cut down to a multiple of unit */
	int64_t		unit;			/* greatest common divisor of the usages */
	int64_t		price;
	int64_t		best_price;		/* at the best bound */
	int64_t		most_price;		/* nobody wants anything above it */
	int64_t		step;
	int			sign;			/* of the last excess */
} Row;

typedef struct Lane
{
	int64_t		usage[LANE_ROWS];
	uint32_t	row[LANE_ROWS]; /* where the usage is 0, any */
	int64_t		cost;
	int64_t		key;
	int64_t		adjusted;		/* cost of a pack at the prices, or NEVER */
	int64_t		wanted;			/* whole packs at the prices */
	int64_t		flow;			/* packs, if the item is solved as a transport problem */
	int64_t		packs;			/* in the plan */
	int64_t		best_packs;		/* in the best plan */
	size_t		place;
	bool		usable;			/* one pack, at least, fits into every limit */
} Lane;

typedef struct Place
{
	const int64_t *sum;			/* of the worths of the first k packs, sum[0 .. most] */
	int64_t		most;
	int64_t		pack;
	int64_t		adjusted;		/* least cost of a pack at the prices, or NEVER */
	size_t		lane;			/* that has it */
	size_t		first_lane;
	size_t		end_lane;
	int128_t	wanted;			/* packs at the prices, times 2^SHARE_BITS */
	int128_t	tied;			/* more packs, if its source were a little cheaper */
	int64_t		hint;			/* whole packs wanted when last asked */
	int64_t		count;			/* packs in the plan */
	bool		several_sources;	/* its item has */
} Place;

/* A lane that may lose or get a pack; the key is what the pack earns for its use. */
typedef struct Candidate
{
	int64_t		rank;
	int64_t		key;
	size_t		lane;
} Candidate;

/* An item as a transport problem; and where in the scratch memory that is kept. */
typedef struct Exact
{
	int64_t    *cost;			/* of each source to each place */
	int64_t    *flow;
	size_t	   *lane;			/* the cheapest one there */
	int64_t    *supply;
	int64_t    *price;
	int64_t    *need;
	size_t	   *source_at;		/* the source, within the item, that is i-th; */
	size_t	   *source_rank;	/* and the reverse */
	size_t	   *place_at;
	size_t	   *piece_start;
	int64_t    *piece_units;
	int64_t    *value;
	void	   *scratch;
} Exact;

typedef struct ExactLayout
{
	size_t		cost;
	size_t		flow;
	size_t		lane;
	size_t		supply;
	size_t		price;
	size_t		need;
	size_t		source_at;
	size_t		source_rank;
	size_t		place_at;
	size_t		piece_start;
	size_t		piece_units;
	size_t		value;
	size_t		scratch;
	size_t		scratch_bytes;
	size_t		bytes;
} ExactLayout;

typedef struct Job
{
	const CoupledInput *input;
	MerchInterrupt interrupt;
	size_t		steps;			/* since the last poll */
	size_t		n_rows;
	Row		   *rows;
	Lane	   *lanes;
	Place	   *places;
	int64_t    *sums;
	Candidate  *candidates;
	Candidate **heap;
	Exact		exact;
	bool		any_exact;		/* some item has several sources */
	bool		flows_hold;		/* they are those of the prices */
	int			soft_bits;		/* softness is so many bits below the worth; 0: none */
	int64_t		slack_ppm;		/* how far an item's bound may be from its best */
	int128_t	bound;			/* at the prices, times 2^COUPLED_PRICE_BITS */
	int128_t	best_bound;
	int128_t	value;
	int128_t	premium;
	bool		planned;		/* there is a plan */
} Job;

extern MerchStatus coupled_load(Job *job, MerchFault *fault);

/* Solves the items apart at the prices: sets bound, loads and what places want. */
extern MerchStatus coupled_price(Job *job);

/* What a pack costs on the lane with the prices of the first n_rows of its rows, or NEVER. */
extern int64_t coupled_lane_cost(const Job *job, const Lane *lane, size_t n_rows);

/* Solves the items with several sources exactly: sets flows, and prices of sources. */
extern MerchStatus coupled_exact(Job *job);
extern ExactLayout coupled_exact_layout(const CoupledInput *input);
extern void coupled_exact_divide(Exact *exact, const ExactLayout *at, char *base);

/* Makes a plan of what places want, and keeps it if it is the best so far. */
extern MerchStatus coupled_plan(Job *job);

static inline bool
cancelled(Job *job)
{
	if (++job->steps < MERCH_POLL_STEPS)
		return false;
	job->steps = 0;
	return job->interrupt != NULL && job->interrupt();
}

/* Worth of the pack after k packs. */
static inline int64_t
next_worth(const Place *place, int64_t k)
{
	return place->sum[k + 1] - place->sum[k];
}

static inline int128_t
add_wide(int128_t a, int128_t b)
{
	int128_t	sum;

	return __builtin_add_overflow(a, b, &sum) ? MOST_WIDE : sum;
}

#endif
