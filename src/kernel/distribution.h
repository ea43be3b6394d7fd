/*
 * distribution.h
 *	  Demand as a random number of whole units: its tails, its quantiles, and the
 *	  sales that a stock can expect.
 *
 * A demand is given by its mean and its dispersion, the ratio of variance to mean,
 * which stays what it is when independent days of one series are added up.
 *
 * Distributions
 *	 negative binomial	dispersion above 1: size mean / (dispersion - 1), probability
 *						1 / dispersion. At a dispersion of 1 it is Poisson, its limit.
 *	 Poisson			its dispersion is 1 whatever is given.
 *	 normal				rounded to whole units, and nothing below 0: P(D >= k) =
 *						1 - Phi((k - 1/2 - mean) / sd) for k >= 1. With a mean of few
 *						standard deviations its D has a mean above the one given.
 *	 auto				dispersion above 1: negative binomial; 1: Poisson; below: normal.
 * A mean of 0 is no demand at all, whatever the distribution.
 *
 * Methods. A single probability is evaluated in Loader's saddle-point form, where nothing
 * under- or overflows before the result does (C. Loader, Fast and Accurate
 * Computation of Binomial Probabilities, 2000). A tail is that probability times the
 * continued fraction of the incomplete beta function (A. R. DiDonato and A. H. Morris,
 * ACM TOMS 18, 1992), written in mean and dispersion so that the Poisson distribution's
 * incomplete gamma function is the same code at dispersion 1. Expected sales are two tails:
 * k P(D = k) is mean times the probability of k - 1 under the dispersion's next size.
 *
 * Cost: some 0.3 us a tail for means of some units, and O(standard deviations in units)
 * steps of a few ns near a large mean: the fraction needs as many terms as the
 * distribution is wide. A step from one unit to the next, with DemandWalk, takes a
 * few ns. Relative error: below 1e-12 up to a mean of 1e7, in the far tails, too.
 */
#ifndef MERCH_DISTRIBUTION_H
#define MERCH_DISTRIBUTION_H

#include "status.h"

typedef enum DistributionKind
{
	DISTRIBUTION_AUTO,
	DISTRIBUTION_NEGATIVE_BINOMIAL,
	DISTRIBUTION_POISSON,
	DISTRIBUTION_NORMAL
} DistributionKind;

#define DISTRIBUTIONS 4

/* Means and dispersions are at most these, so that no single tail takes over some ms. */
#define DISTRIBUTION_MEAN_LIMIT 1e12
#define DISTRIBUTION_DISPERSION_LIMIT 1e9

/* A demand; made by distribution_set alone. */
typedef struct Distribution
{
	DistributionKind kind;		/* never auto */
	double		mean;
	double		dispersion;		/* variance / mean */
	double		excess;			/* dispersion - 1; 0 for Poisson */
	double		size;			/* of the negative binomial; else infinite */
	double		slope;			/* P(D = k + 1) / P(D = k) = (start + k * slope) / (k + 1) */
	double		start;
	double		deviation;		/* standard deviation */
} Distribution;

/* The distribution's name in SQL. */
extern const char *distribution_name(DistributionKind kind);

/*
 * The status tells what is wrong with mean or dispersion; fault->number is the
 * value. fault->row is left alone.
 */
extern MerchStatus distribution_set(DistributionKind kind, double mean, double dispersion,
									Distribution *demand, MerchFault *fault);

/* P(D = k). */
extern double distribution_mass(const Distribution *demand, int64_t k);

/* P(D >= k). */
extern double distribution_at_least(const Distribution *demand, int64_t k);

/* P(D < k), with its own relative precision where it is small. */
extern double distribution_below(const Distribution *demand, int64_t k);

/* E[min(D, units)]: what a stock of that many units can expect to sell. */
extern double distribution_expected_sales(const Distribution *demand, int64_t units);

/*
 * The least q with P(D <= q) >= probability. Beyond 2^63 - 1 it is 2^63 - 1.
 */
extern MerchStatus distribution_quantile(const Distribution *demand, double probability,
										 int64_t *quantile, MerchFault *fault);

/*
 * Goes through P(D >= k) for one k after another. The course depends on the demand and
 * on where it starts, on nothing else, to the last bit. Below DEMAND_WALK_END a
 * probability counts as 0.
 */
typedef struct DemandWalk
{
	double		k;
	double		at_least;		/* P(D >= k) */
	double		mass;			/* P(D = k); not for the normal distribution */
	double		anchor;			/* at_least when it was last computed afresh */
	int32_t		steps;			/* since then */
	bool		flat;			/* normal: at_least is evaluated, not stepped */
} DemandWalk;

#define DEMAND_WALK_END 8.67e-19	/* 2^-60 */

/*
 * Starts at the first k >= from where P(D >= k) is not 1 to the last bit, or some way
 * before it: for all k from `from` up to walk->k it is 1.
 */
extern void demand_walk_start(DemandWalk *walk, const Distribution *demand, double from);

extern void demand_walk_anchor(DemandWalk *walk, const Distribution *demand);

/*
 * Subtracting masses loses precision as the tail gets small beside what it was: it is
 * computed afresh when it has fallen by 2^-20, and every 1,024 steps.
 */
static inline void
demand_walk_step(DemandWalk *walk, const Distribution *demand)
{
	if (!walk->flat)
	{
		walk->at_least -= walk->mass;
		walk->mass *= (demand->start + walk->k * demand->slope) / (walk->k + 1);
	}
	walk->k += 1;
	if (walk->flat || walk->at_least < walk->anchor * 0x1p-20 || ++walk->steps == 1024)
	{
		/* a copy, so that a walk that is a local variable stays in registers */
		DemandWalk	fresh = *walk;

		demand_walk_anchor(&fresh, demand);
		*walk = fresh;
	}
}

#endif
