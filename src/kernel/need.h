/*
 * need.h
 *	  What a location needs of an item, from what it expects to sell, what it has, and
 *	  the limits of its policy.
 *
 * Rules
 *	 - Gross need is mean demand, rounded up; it is cut to what sells in maximum_days of
 *	   the days that mean is for.
 *	 - Position is what is there and comes in, less what is promised. Net need is gross
 *	   need, safety stock and presentation minimum less position, at least 0; raised to
 *	   minimum_need, then cut to maximum_need: where both contradict each other, the
 *	   maximum holds.
 *	 - A net need below the threshold is not served: floor and ceiling are 0.
 *	 - The floor is what the presentation minimum lacks, at least minimum_need; the ceiling
 *	   is the room that is left, at most maximum_need.
 *
 * Sums are made in 128 bits. Cost: some ns.
 */
#ifndef MERCH_NEED_H
#define MERCH_NEED_H

#include "distribution.h"

#define NEED_NO_LIMIT INT64_MAX
#define NEED_UNKNOWN INT64_MIN	/* a gross need of which nothing is known */

typedef struct NeedTerms
{
	bool		known;			/* whether there is a mean */
	DistributionKind distribution;
	int32_t		days;
	double		mean;
	double		dispersion;
	double		maximum_days;	/* or infinite */
	int64_t		safety_stock;
	int64_t		presentation_minimum;
	int64_t		on_hand;
	int64_t		incoming;
	int64_t		promised;
	int64_t		capacity;		/* or NEED_NO_LIMIT */
	int64_t		minimum_need;
	int64_t		maximum_need;	/* or NEED_NO_LIMIT */
	int64_t		threshold;
} NeedTerms;

typedef struct Need
{
	int64_t		gross;			/* or NEED_UNKNOWN */
	int64_t		position;
	int64_t		net;
	int64_t		minimum;
	int64_t		maximum;		/* or NEED_NO_LIMIT */
	bool		served;
} Need;

/* A negative binomial never varies less than its limit, Poisson. */
static inline double
need_dispersion(DistributionKind distribution, double dispersion)
{
	return distribution == DISTRIBUTION_NEGATIVE_BINOMIAL && dispersion < 1 ? 1 : dispersion;
}

/* The status is MERCH_OUT_OF_RANGE or MERCH_MEAN_OUT_OF_RANGE; fault->row is left alone. */
extern MerchStatus need_of(const NeedTerms *terms, Need *need, MerchFault *fault);

#endif
