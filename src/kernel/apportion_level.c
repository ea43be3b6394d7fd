/*
 * apportion_level.c
 *	  Finds the level of a split in exact rational arithmetic.
 */
#include "apportion_level.h"
#include "units.h"

void
apportion_collect(Job *job, size_t from, size_t to, int64_t left, Pool *pool)
{
	*pool = (Pool) {.rows = job->work,.pack = 1,.one_pack = true};
	for (size_t i = from; i < to; i++)
	{
		Row		   *row = job->order[i];

		if (!can_take(row, left))
			continue;
		if (pool->n == 0)
			pool->pack = row->pack;
		else if (row->pack != pool->pack)
		{
			pool->pack = common_divisor(row->pack, pool->pack);
			pool->one_pack = false;
		}
		pool->rows[pool->n++] = row;
		pool->held += row->quantity;
		pool->room += row->ceiling - row->quantity;
	}
	pool->share = left - left % pool->pack;
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
		int128_t	bound;

		if (cancelled(job))
			return MERCH_CANCELLED;
		row_set_share(row, level);
		if (row->share >= row->ceiling)
			bound = row->ceiling;
		else if (row->share < row->quantity)
			bound = row->quantity;
		else
			continue;
		*outside = true;
		units += row->share - bound;
		fractions += row->fraction;
	}
	/* the sign of units + fractions / denominator */
	*excess = units >= 0 || fractions / level->denominator >= (uint128_t) -units;
	return MERCH_OK;
}

/*
 * Moves the rows that the round has settled behind the first *n, and takes what
 * they hold and claim out of the level.
 */
static void
peg_rows(Pool *pool, size_t *n, bool excess, ApportionLevel *level)
{
	size_t		kept = 0;

	for (size_t i = 0; i < *n; i++)
	{
		Row		   *row = pool->rows[i];

		if (excess ? row->share >= row->ceiling : row->share < row->quantity)
		{
			if (excess)
				row->quantity = row->ceiling;
			level->numerator -= (uint128_t) row->quantity + (uint128_t) row->offset;
			level->denominator -= (uint128_t) row->claim;
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
cut_shares(Row **rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		int64_t		share = (int64_t) rows[i]->share;

		rows[i]->spare = share % rows[i]->pack;
		rows[i]->quantity = share - rows[i]->spare;
	}
}

MerchStatus
apportion_find_level(Job *job, Pool *pool, size_t *n, ApportionLevel *level)
{
	ApportionLevel next = {
		.numerator = (uint128_t) pool->held + (uint128_t) pool->share,
		.tier = level->tier
	};

	*n = pool->n;
	for (size_t i = 0; i < pool->n; i++)
	{
		next.numerator += (uint128_t) pool->rows[i]->offset;
		next.denominator += (uint128_t) pool->rows[i]->claim;
	}
	while (*n > 0)
	{
		bool		outside;
		bool		excess;
		MerchStatus status;

		*level = next;
		status = weigh_shares(job, pool, *n, level, &outside, &excess);
		if (status != MERCH_OK)
			return status;
		if (!outside)
		{
			cut_shares(pool->rows, *n);
			break;
		}
		peg_rows(pool, n, excess, &next);
	}
	return MERCH_OK;
}
