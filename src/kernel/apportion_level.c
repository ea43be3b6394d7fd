/*
 * apportion_level.c
 *	  Finds the level of a split in exact rational arithmetic.
 */
#include "apportion_level.h"

static int64_t
greatest_common_divisor(int64_t a, int64_t b)
{
	while (b != 0)
	{
		int64_t		rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

void
apportion_collect(Job *job, size_t from, size_t to, int64_t left, Pool *pool)
{
	int64_t		divisor = 1;

	*pool = (Pool) {.rows = job->work};
	for (size_t i = from; i < to; i++)
	{
		Row		   *row = job->order[i];

		if (!can_take(row, left))
			continue;
		if (pool->n == 0)
			divisor = row->pack;
		else if (row->pack != divisor)
			divisor = greatest_common_divisor(row->pack, divisor);
		pool->rows[pool->n++] = row;
		pool->held += row->quantity;
		pool->room += row->ceiling - row->quantity;
	}
	pool->share = left - left % divisor;
}

int128_t
apportion_granted(const Pool *pool)
{
	int128_t	sum = -pool->held;

	for (size_t i = 0; i < pool->n; i++)
		sum += pool->rows[i]->quantity;
	return sum;
}

bool
apportion_fill(const Pool *pool, int64_t *left)
{
	if (pool->room > *left)
		return false;
	for (size_t i = 0; i < pool->n; i++)
		pool->rows[i]->quantity = pool->rows[i]->ceiling;
	*left -= (int64_t) pool->room;
	return true;
}

/*
 * One round of pegging: the shares at the level of the first n rows of the pool.
 * Returns whether any share is out of its bounds, and in *excess whether the
 * shares above their ceilings outweigh those below what the rows have already.
 * If so, the level can only rise: rows at their ceiling stay there.
 */
static MerchStatus
weigh_shares(Job *job, const Pool *pool, size_t n, const ApportionLevel *level,
			 bool *outside, bool *excess)
{
	int128_t	units = 0;
	uint128_t	fractions = 0;

	*outside = false;
	for (size_t i = 0; i < n; i++)
	{
		Row		   *row = pool->rows[i];
		uint128_t	fraction;
		int128_t	share = row_share(row, level, &fraction);
		int128_t	bound;

		if (cancelled(job))
			return MERCH_CANCELLED;
		if (share >= row->ceiling)
			bound = row->ceiling;
		else if (share < row->quantity)
			bound = row->quantity;
		else
		{
			row->spare = (int64_t) (share % row->pack);
			row->fraction = fraction;
			continue;
		}
		*outside = true;
		units += share - bound;
		fractions += fraction;
	}
	/* the sign of units + fractions / denominator */
	*excess = units >= 0 || fractions / level->denominator >= (uint128_t) -units;
	return MERCH_OK;
}

/*
 * Moves the rows that the round has settled behind the first *n, and takes what
 * they hold out of the supply.
 */
static void
peg_rows(Pool *pool, size_t *n, const ApportionLevel *level, bool excess, int128_t *supply)
{
	size_t		kept = 0;

	for (size_t i = 0; i < *n; i++)
	{
		Row		   *row = pool->rows[i];
		uint128_t	fraction;
		int128_t	share = row_share(row, level, &fraction);
		bool		settled = excess ? share >= row->ceiling : share < row->quantity;

		if (settled)
		{
			if (excess)
				row->quantity = row->ceiling;
			*supply -= row->quantity;
		}
		else
		{
			pool->rows[i] = pool->rows[kept];
			pool->rows[kept++] = row;
		}
	}
	*n = kept;
}

/* Gives every row its share, cut down to whole packs. */
static void
cut_shares(Row **rows, size_t n, const ApportionLevel *level)
{
	for (size_t i = 0; i < n; i++)
	{
		uint128_t	fraction;

		rows[i]->quantity = (int64_t) row_share(rows[i], level, &fraction) - rows[i]->spare;
	}
}

MerchStatus
apportion_find_level(Job *job, Pool *pool, size_t *n, ApportionLevel *level)
{
	int128_t	supply = pool->held + pool->share;

	*n = pool->n;
	while (*n > 0)
	{
		bool		outside;
		bool		excess;
		int128_t	raised = supply;
		MerchStatus status;

		level->denominator = 0;
		for (size_t i = 0; i < *n; i++)
		{
			raised += pool->rows[i]->offset;
			level->denominator += (uint128_t) pool->rows[i]->claim;
		}
		level->numerator = (uint128_t) raised;
		status = weigh_shares(job, pool, *n, level, &outside, &excess);
		if (status != MERCH_OK)
			return status;
		if (!outside)
		{
			cut_shares(pool->rows, *n, level);
			break;
		}
		peg_rows(pool, n, level, excess, &supply);
	}
	return MERCH_OK;
}
