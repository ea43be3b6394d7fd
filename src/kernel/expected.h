/*
 * expected.h
 *	  Splits a supply of whole units among rows so that the most is expected to be sold.
 *
 * The k-th unit that a row gets beyond its position is worth value * P(D >= position + k):
 * what it earns if it is asked for, times the probability that it is. That never
 * increases with k, so that giving each unit to the row where it is worth most is exactly
 * optimal (B. Fox, Discrete Optimization via Marginal Analysis, Management Science 13,
 * 1966).
 *
 * Rules
 *	 - A row's ceiling is its maximum rounded down to whole packs. It never gets more.
 *	 - A row's floor is its minimum rounded up to whole packs, at most its
 *	   ceiling. Floors are served first; where they exceed the supply they are
 *	   filled in the order of (tier, key).
 *	 - A pack is worth the sum of its units; what it is worth a unit decides. A negative
 *	   position counts as 0.
 *	 - Worth is counted in quanta: whole numbers of 2^-44 to 2^-43 of the largest value of
 *	   all rows, and no pack counts for more than the one before it, so that rounding
 *	   errors in tails break no order. A pack of less than a quantum a unit is not
 *	   shipped beyond the floor: what is expected to sell nowhere stays at the source.
 *	 - Every quantity is a multiple of its row's pack, and the sum is at most the supply.
 *	   When it stops, no pack that is worth anything and that some row could still take
 *	   fits into what is left.
 *	 - Ties fall to the lower (tier, key): the result does not depend on the
 *	   order of the rows.
 *
 * With one common pack the answer is optimal. With mixed packs it is greedy: the best pack
 * that fits comes next.
 *
 * Method: while the supply is large, thresholds by bisection, every row advanced to where
 * its next pack is worth no more than the threshold, and put back where that takes more
 * than there is; then a heap. A row's worths are always computed in the same
 * course from its floor on, so that they do not depend on which of the two asked.
 *
 * Cost: O(u + n log n) for n rows, where u is the units granted outside of where
 * P(D >= k) is 1: these are skipped, so that a row costs O(standard deviations in units)
 * however large its supply. A step takes some 3 ns, and 20 where the demand is normal.
 */
#ifndef MERCH_EXPECTED_H
#define MERCH_EXPECTED_H

#include "distribution.h"

/* A maximum that does not bind. */
#define EXPECTED_NO_MAXIMUM INT64_MAX

/*
 * The rows as columns of n entries; a NULL column means its default in every
 * row. Units are whole pieces.
 */
typedef struct ExpectedInput
{
	DistributionKind distribution;	/* of every row's demand */
	int64_t		supply;			/* >= 0 */
	size_t		n;
	const double *mean;			/* of the demand; see distribution.h; never NULL */
	const double *dispersion;	/* variance / mean; default 1 */
	const double *value;		/* of a unit sold: finite, >= 0; default 1 */
	const int64_t *minimum;		/* >= 0; default 0 */
	const int64_t *maximum;		/* >= minimum; default EXPECTED_NO_MAXIMUM */
	const int64_t *pack;		/* >= 1; default 1 */
	const int32_t *tier;		/* lower is served first; default 0 */
	const int64_t *position;	/* stock the row has already; default 0 */
	const int64_t *key;			/* unique; breaks ties; default the row's number */
} ExpectedInput;

/*
 * What a unit was worth at the margin, in the unit of value: at the least in the packs
 * granted beyond floors (infinite if there are none), and at most in those
 * refused for want of supply (0 if there are none). One more unit of supply is worth no
 * less than refused and no more than granted, if packs are single units.
 */
typedef struct ExpectedPrice
{
	double		granted;
	double		refused;
	double		quantum;		/* the least difference that counts */
} ExpectedPrice;

/* What expected_check found to be wrong. */
typedef enum ExpectedFlaw
{
	EXPECTED_SOUND,
	EXPECTED_SUPPLY_EXCEEDED,
	EXPECTED_NOT_WHOLE_PACKS,
	EXPECTED_ABOVE_CEILING,
	EXPECTED_BELOW_FLOOR,
	EXPECTED_WORTHLESS,			/* a pack beyond the floor is worth nothing */
	EXPECTED_UNITS_LEFT,		/* a pack that is worth something stayed behind */
	EXPECTED_OUT_OF_TURN,		/* floors exceed the supply and are not served in order */
	EXPECTED_NOT_BEST			/* a refused pack is worth more than a granted one */
} ExpectedFlaw;

/* The flaw, the row that has it, and where it is a comparison, the other row. */
typedef struct ExpectedVerdict
{
	ExpectedFlaw flaw;
	size_t		row;
	size_t		other;
	double		worth;			/* EXPECTED_NOT_BEST: of a unit of the pack refused to row */
	double		other_worth;	/* and of the one granted to other */
} ExpectedVerdict;

/* Bytes of scratch memory that expected() needs for n rows. */
extern size_t expected_scratch_size(size_t n);

/*
 * Writes n quantities, with scratch memory of any alignment. On any status but
 * MERCH_OK, quantity is unspecified, and *fault says where (except when
 * cancelled). interrupt and price may be NULL.
 */
extern MerchStatus expected(const ExpectedInput *input, int64_t *quantity, void *scratch,
							MerchInterrupt interrupt, ExpectedPrice *price, MerchFault *fault);

/*
 * Verifies an answer without scratch, trusting nothing of expected(); the worths are
 * computed anew. With one common pack a sound answer is optimal: no refused pack is
 * worth more than a granted one. With mixed packs it checks that the answer is
 * feasible and that no further pack that is worth anything fits. Costs a walk to
 * what each row was granted; interrupt may be NULL.
 */
extern MerchStatus expected_check(const ExpectedInput *input, const int64_t *quantity,
								  MerchInterrupt interrupt, ExpectedVerdict *verdict,
								  MerchFault *fault);

/* The floor and the ceiling of row i of a valid input. */
extern void expected_bounds(const ExpectedInput *input, size_t i, int64_t *floor, int64_t *ceiling);

/*
 * A row's staircase, for solvers that weigh it against other costs: the worth of its
 * successive packs, when it has `from` units already (a multiple of its pack) beyond its
 * position, in quanta of which `scale` make a unit of value. Unlike the worth by which
 * expected() ranks, this is that of the whole pack, rounded down. It is never
 * increasing. Stops at `limit` packs, at the ceiling, or before the first pack of worth 0;
 * *packs says how many were written. MERCH_OUT_OF_RANGE if a pack could be worth 2^62.
 */
extern MerchStatus expected_marginals(const ExpectedInput *input, size_t i, double scale,
									  int64_t from, size_t limit, int64_t *worth, size_t *packs,
									  MerchInterrupt interrupt, MerchFault *fault);

#endif
