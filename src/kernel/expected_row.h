/*
 * expected_row.h
 *	  A row of the split by expected sales with its rules applied, and the staircase of
 *	  what its packs are worth: shared by the solver, its check and expected_marginals.
 */
#ifndef MERCH_EXPECTED_ROW_H
#define MERCH_EXPECTED_ROW_H

#include "expected.h"

/* Where a row is on its staircase. */
typedef struct Stair
{
	DemandWalk	walk;			/* behind the next pack */
	int64_t		quantity;		/* what the row has */
	int64_t		worth;			/* of the next pack; 0 at the ceiling */
	int64_t		last;			/* of the last one taken */
	int64_t		certain;		/* units ahead of walk with P(D >= k) = 1 */
} Stair;

typedef struct ExpectedRow
{
	Distribution demand;
	double		position;
	double		factor;			/* quanta that a unit sold is worth */
	double		effort;			/* steps that a unit of its walk costs, tails included */
	double		share;			/* the sum over a pack counts by this much: 1 / pack or 1 */
	int64_t		floor;
	int64_t		ceiling;
	int64_t		pack;
	int64_t		key;
	int32_t		tier;
	Stair		stair;
} ExpectedRow;

typedef struct ExpectedJob
{
	MerchInterrupt interrupt;
	double		steps;			/* since it was asked */
} ExpectedJob;

/* So many steps later: whether to stop. */
static inline bool
expected_cancelled(ExpectedJob *job, double steps)
{
	job->steps += steps;
	if (job->steps < MERCH_POLL_STEPS)
		return false;
	job->steps = 0;
	return job->interrupt != NULL && job->interrupt();
}

/* value * 2^shift are its quanta. */
extern MerchStatus expected_find_shift(const ExpectedInput *input, int *shift, MerchFault *fault);

/* All of the row but its staircase. */
extern MerchStatus expected_load_row(const ExpectedInput *input, int shift, size_t i,
									 ExpectedRow *row, MerchFault *fault);

/* Puts the row on its staircase where it has that quantity. */
extern MerchStatus stair_start(ExpectedJob *job, ExpectedRow *row, int64_t quantity);

/*
 * Takes the packs that are worth more than the threshold, which is at least 0, but no more
 * than `most`; *taken says how many.
 */
extern MerchStatus stair_take(ExpectedJob *job, ExpectedRow *row, int64_t threshold, int64_t most,
							  int64_t *taken);

/* Whether a is served before b when all else is equal. */
static inline bool
expected_row_precedes(const ExpectedRow *a, const ExpectedRow *b)
{
	if (a->tier != b->tier)
		return a->tier < b->tier;
	return a->key < b->key;
}

#endif
