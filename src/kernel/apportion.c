/*
 * apportion.c
 *	  Splits a supply among rows: floors first, then the method.
 *
 * Every method first finds the real-valued level at which the rows' exact shares
 * add up to the supply, in exact rational arithmetic, and then rounds the shares
 * to whole packs in its own way.
 */
#include "apportion.h"

#include "apportion_row.h"
#include "heap.h"

/* Steps between two questions whether to go on; well below a millisecond. */
#define POLL_STEPS 4096

typedef struct Job
{
	MerchInterrupt interrupt;
	uint32_t	steps;
	Row		   *rows;
	Row		  **order;			/* all rows, sorted where the method asks for it */
	Row		  **work;			/* the rows under consideration; a heap at times */
} Job;

/* The rows that can take at least a pack of what is left. */
typedef struct Pool
{
	Row		  **rows;
	size_t		n;
	int128_t	held;			/* what they have */
	int128_t	room;			/* what they could take beyond that */
	int64_t		share;			/* what is there to share out */
} Pool;

static const char *const method_names[APPORTION_METHODS] = {
	"proportional", "webster", "cover", "even", "priority"
};

const char *
apportion_method_name(ApportionMethod method)
{
	return method_names[method];
}

/* The rows' 128-bit members want more alignment than most allocators promise. */
size_t
apportion_scratch_size(size_t n)
{
	return _Alignof(Row) + n * (sizeof(Row) + 2 * sizeof(Row *));
}

static void
divide_scratch(Job *job, void *scratch, size_t n)
{
	uintptr_t	address = (uintptr_t) scratch + _Alignof(Row) - 1;

	job->rows = (Row *) (address - address % _Alignof(Row));
	job->order = (Row **) (job->rows + n);
	job->work = job->order + n;
}

static bool
cancelled(Job *job)
{
	return ++job->steps % POLL_STEPS == 0 && job->interrupt != NULL && job->interrupt();
}

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

static bool
can_take(const Row *row, int64_t left)
{
	return row->quantity < row->ceiling && row->pack <= left;
}

/*
 * Collects the rows of order[from, to) that can take a pack of what is left.
 * Only a multiple of the packs' common divisor can be given out; with one pack
 * size this leaves no part of a pack to disturb the exact shares.
 */
static void
collect_pool(Job *job, size_t from, size_t to, int64_t left, Pool *pool)
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

/* What the pool's rows have been given since it was collected. */
static int128_t
granted(const Pool *pool)
{
	int128_t	sum = -pool->held;

	for (size_t i = 0; i < pool->n; i++)
		sum += pool->rows[i]->quantity;
	return sum;
}

/* Enough for all: whatever the method, everyone gets what it may. */
static bool
fill_pool(const Pool *pool, int64_t *left)
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

/*
 * Finds the level at which the pool's exact shares, each within what the row has
 * and its ceiling, use up what is to be shared out, and gives the rows their
 * shares. The *n rows whose share is strictly inside are left at the front of the
 * pool, with what was cut off in spare and fraction. Each round settles all rows
 * on one side, so that few rounds are needed: either half of the rows are settled
 * or the distance of the level from its end at least halves.
 */
static MerchStatus
find_level(Job *job, Pool *pool, size_t *n, ApportionLevel *level)
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

static bool
remainder_before(const void *a, const void *b)
{
	int			order = row_compare_remainders(a, b);

	return order != 0 ? order < 0 : row_precedes(a, b);
}

/* The next pack of a ranks above the next pack of b. */
static bool
next_pack_before(const void *a, const void *b)
{
	const Row  *ra = a;
	const Row  *rb = b;
	int			order = row_compare_packs(ra, ra->quantity + ra->pack,
										  rb, rb->quantity + rb->pack);

	return order != 0 ? order < 0 : row_precedes(ra, rb);
}

/* The last pack of a ranks below the last pack of b. */
static bool
last_pack_after(const void *a, const void *b)
{
	const Row  *ra = a;
	const Row  *rb = b;
	int			order = row_compare_packs(ra, ra->quantity, rb, rb->quantity);

	return order != 0 ? order > 0 : row_precedes(rb, ra);
}

/* Gives one pack each while they fit, the largest cut first. */
static MerchStatus
give_remainders(Job *job, Row **rows, size_t n, int64_t *left)
{
	Heap		heap;

	heap_build(&heap, (void **) rows, n, remainder_before);
	while (heap.n > 0 && *left > 0)
	{
		Row		   *row = heap_pop(&heap);

		if (cancelled(job))
			return MERCH_CANCELLED;
		if (can_take(row, *left))
		{
			row->quantity += row->pack;
			*left -= row->pack;
		}
	}
	return MERCH_OK;
}

/*
 * Largest remainder: cut every share down to whole packs, then give one pack
 * each, the largest cut first. Where packs differ, some may not fit; what they
 * leave is split again among the rows whose packs do, so that every round rules
 * out at least one pack size.
 */
static MerchStatus
split_by_remainder(Job *job, size_t from, size_t to, int64_t *left, ApportionLevel *level)
{
	for (;;)
	{
		Pool		pool;
		size_t		inside;
		MerchStatus status;

		collect_pool(job, from, to, *left, &pool);
		if (pool.n == 0 || fill_pool(&pool, left))
			return MERCH_OK;
		level->tier = pool.rows[0]->tier;
		status = find_level(job, &pool, &inside, level);
		if (status != MERCH_OK)
			return status;
		*left -= (int64_t) granted(&pool);
		status = give_remainders(job, pool.rows, inside, left);
		if (status != MERCH_OK)
			return status;
	}
}

/* Takes back the lowest ranking packs until no more is granted than there is. */
static MerchStatus
take_back(Job *job, const Pool *pool, int128_t over)
{
	Heap		heap;
	size_t		n = 0;

	for (size_t i = 0; i < pool->n; i++)
	{
		Row		   *row = pool->rows[i];

		if (row->quantity == row->floor)
			continue;
		pool->rows[i] = pool->rows[n];
		pool->rows[n++] = row;
	}
	heap_build(&heap, (void **) pool->rows, n, last_pack_after);
	while (over > 0)
	{
		Row		   *row = heap.items[0];

		if (cancelled(job))
			return MERCH_CANCELLED;
		row->quantity -= row->pack;
		over -= row->pack;
		if (row->quantity == row->floor)
			heap_pop(&heap);
		else
			heap_sift_top(&heap);
	}
	return MERCH_OK;
}

/* Grants the highest ranking packs that fit until none does. */
static MerchStatus
hand_out(Job *job, const Pool *pool, int64_t *left)
{
	Heap		heap;
	size_t		n = 0;

	for (size_t i = 0; i < pool->n; i++)
	{
		Row		   *row = pool->rows[i];

		if (!can_take(row, *left))
			continue;
		pool->rows[i] = pool->rows[n];
		pool->rows[n++] = row;
	}
	heap_build(&heap, (void **) pool->rows, n, next_pack_before);
	while (heap.n > 0)
	{
		Row		   *row = heap.items[0];

		if (cancelled(job))
			return MERCH_CANCELLED;
		if (row->pack <= *left)
		{
			row->quantity += row->pack;
			*left -= row->pack;
		}
		if (can_take(row, *left))
			heap_sift_top(&heap);
		else
			heap_pop(&heap);
	}
	return MERCH_OK;
}

/* Whether cutting the share down to whole packs took half a pack or more. */
static bool
cut_at_least_half(const Row *row, const ApportionLevel *level)
{
	int64_t		half = row->pack / 2;

	if (row->spare != half || row->pack % 2 == 0)
		return row->spare >= half + row->pack % 2;
	return row->fraction >= level->denominator - row->fraction;
}

/*
 * Divisors k + 1/2: the packs are granted in the order of claim / divisor until
 * the supply is used up. Rounding the exact shares to the nearest pack grants a
 * prefix of that order; a few packs more or less complete it.
 */
static MerchStatus
split_by_divisor(Job *job, size_t n, int64_t *left, ApportionLevel *level)
{
	Pool		pool;
	size_t		inside;
	int128_t	over;
	MerchStatus status;

	collect_pool(job, 0, n, *left, &pool);
	if (pool.n == 0 || fill_pool(&pool, left))
		return MERCH_OK;
	status = find_level(job, &pool, &inside, level);
	if (status != MERCH_OK)
		return status;
	for (size_t i = 0; i < inside; i++)
		if (cut_at_least_half(pool.rows[i], level))
			pool.rows[i]->quantity += pool.rows[i]->pack;
	over = granted(&pool) - *left;
	if (over > 0)
	{
		status = take_back(job, &pool, over);
		if (status != MERCH_OK)
			return status;
	}
	*left -= (int64_t) granted(&pool);
	return hand_out(job, &pool, left);
}

static bool
row_before(const void *a, const void *b)
{
	return row_precedes(a, b);
}

/* Sorts the rows by (tier, key), in which they often come. */
static void
sort_rows(Job *job, size_t n)
{
	Heap		heap;
	size_t		i = 1;

	while (i < n && row_precedes(job->order[i - 1], job->order[i]))
		i++;
	if (i >= n)
		return;
	for (i = 0; i < n; i++)
		job->work[i] = job->order[i];
	heap_build(&heap, (void **) job->work, n, row_before);
	for (i = 0; i < n; i++)
		job->order[i] = heap_pop(&heap);
}

/* Serves the floors; where they exceed the supply, in order and in whole packs. */
static void
serve_floors(Job *job, size_t n, int64_t *left)
{
	int128_t	floors = 0;

	for (size_t i = 0; i < n; i++)
		floors += job->rows[i].floor;
	if (floors > *left)
		sort_rows(job, n);
	for (size_t i = 0; i < n; i++)
	{
		Row		   *row = job->order[i];

		row->quantity = row->floor <= *left ? row->floor : *left - *left % row->pack;
		*left -= row->quantity;
	}
}

static MerchStatus
split_by_tier(Job *job, size_t n, int64_t *left, ApportionLevel *level)
{
	size_t		from = 0;

	sort_rows(job, n);
	for (size_t to = 1; to <= n; to++)
	{
		MerchStatus status;

		if (to < n && job->order[to]->tier == job->order[from]->tier)
			continue;
		status = split_by_remainder(job, from, to, left, level);
		if (status != MERCH_OK)
			return status;
		from = to;
	}
	return MERCH_OK;
}

static MerchStatus
load_rows(Job *job, ApportionMethod method, const ApportionInput *input, MerchFault *fault)
{
	ClaimScale	scale;
	int64_t		offsets = 0;
	MerchStatus status = apportion_scale(method, input, &scale, fault);

	for (size_t i = 0; i < input->n && status == MERCH_OK; i++)
	{
		if (cancelled(job))
			return MERCH_CANCELLED;
		status = apportion_load_row(method, input, &scale, i, &job->rows[i], fault);
		if (status != MERCH_OK)
			break;
		if (job->rows[i].offset > INT64_MAX - offsets)
		{
			*fault = (MerchFault) {.row = i, .value = offsets, .limit = job->rows[i].offset};
			return MERCH_OUT_OF_RANGE;
		}
		offsets += job->rows[i].offset;
		job->order[i] = &job->rows[i];
	}
	return status;
}

MerchStatus
apportion(ApportionMethod method, const ApportionInput *input, int64_t *quantity,
		  void *scratch, MerchInterrupt interrupt, ApportionLevel *level, MerchFault *fault)
{
	size_t		n = input->n;
	int64_t		left = input->supply;
	ApportionLevel unreported;
	MerchStatus status;
	Job			job = {.interrupt = interrupt};

	if (level == NULL)
		level = &unreported;
	*level = (ApportionLevel) {0};
	*fault = (MerchFault) {.value = left};
	if (left < 0)
		return MERCH_NEGATIVE_SUPPLY;
	divide_scratch(&job, scratch, n);
	status = load_rows(&job, method, input, fault);
	if (status != MERCH_OK)
		return status;
	serve_floors(&job, n, &left);
	if (method == APPORTION_PROPORTIONAL)
		status = split_by_remainder(&job, 0, n, &left, level);
	else if (method == APPORTION_PRIORITY)
		status = split_by_tier(&job, n, &left, level);
	else
		status = split_by_divisor(&job, n, &left, level);

	for (size_t i = 0; i < n; i++)
		quantity[i] = job.rows[i].quantity;
	return status;
}
