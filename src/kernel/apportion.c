/*
 * apportion.c
 *	  Splits a supply among rows: floors first, then the method.
 *
 * Every method first finds the real-valued level at which the rows' exact shares
 * add up to the supply, in exact rational arithmetic, and then rounds the shares
 * to whole packs in its own way.
 */
#include "apportion_level.h"
#include "heap.h"
#include "select.h"

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
give_while_fits(Job *job, Row **rows, size_t n, int64_t *left)
{
	Heap		heap;

	if (!heap_build(&heap, (void **) rows, n, remainder_before, job->interrupt))
		return MERCH_CANCELLED;
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
 * The first n rows of the pool have cut shares. With one pack size it is known how
 * many get a pack, and their order among themselves does not matter.
 */
static MerchStatus
give_remainders(Job *job, const Pool *pool, size_t n, int64_t *left)
{
	size_t		packs = (size_t) (*left / pool->pack);

	if (!pool->one_pack)
		return give_while_fits(job, pool->rows, n, left);
	/* fewer than n parts of a pack were cut off; a wrong count must not write past them */
	if (packs > n)
		packs = n;
	if (!select_first((void **) pool->rows, n, packs, remainder_before, job->interrupt))
		return MERCH_CANCELLED;
	for (size_t i = 0; i < packs; i++)
		pool->rows[i]->quantity += pool->pack;
	*left -= (int64_t) packs * pool->pack;
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

		apportion_collect(job, from, to, *left, &pool);
		if (pool.n == 0 || apportion_fill(&pool, left))
			return MERCH_OK;
		level->tier = pool.rows[0]->tier;
		status = apportion_find_level(job, &pool, &inside, level);
		if (status != MERCH_OK)
			return status;
		*left -= (int64_t) apportion_granted(&pool);
		status = give_remainders(job, &pool, inside, left);
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
	if (!heap_build(&heap, (void **) pool->rows, n, last_pack_after, job->interrupt))
		return MERCH_CANCELLED;
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
	if (!heap_build(&heap, (void **) pool->rows, n, next_pack_before, job->interrupt))
		return MERCH_CANCELLED;
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

	apportion_collect(job, 0, n, *left, &pool);
	if (pool.n == 0 || apportion_fill(&pool, left))
		return MERCH_OK;
	status = apportion_find_level(job, &pool, &inside, level);
	if (status != MERCH_OK)
		return status;
	for (size_t i = 0; i < inside; i++)
		if (cut_at_least_half(pool.rows[i], level))
			pool.rows[i]->quantity += pool.rows[i]->pack;
	over = apportion_granted(&pool) - *left;
	if (over > 0)
	{
		status = take_back(job, &pool, over);
		if (status != MERCH_OK)
			return status;
	}
	*left -= (int64_t) apportion_granted(&pool);
	return hand_out(job, &pool, left);
}

/* Merges the sorted runs from[start, middle) and from[middle, end) into to. */
static MerchStatus
merge_runs(Job *job, Row **from, Row **to, size_t start, size_t middle, size_t end)
{
	size_t		left = start;
	size_t		right = middle;

	for (size_t i = start; i < end; i++)
	{
		bool		take_left = right == end ||
			(left < middle && !row_precedes(from[right], from[left]));

		if (cancelled(job))
			return MERCH_CANCELLED;
		to[i] = take_left ? from[left++] : from[right++];
	}
	return MERCH_OK;
}

/* Sorts the rows by (tier, key), in which they often come. */
static MerchStatus
sort_rows(Job *job, size_t n)
{
	size_t		sorted = 1;

	while (sorted < n && row_precedes(job->order[sorted - 1], job->order[sorted]))
		sorted++;
	if (sorted >= n)
		return MERCH_OK;
	for (size_t width = 1; width < n; width *= 2)
	{
		Row		  **from = job->order;

		for (size_t start = 0; start < n; start += 2 * width)
		{
			size_t		middle = start + width < n ? start + width : n;
			size_t		end = middle + width < n ? middle + width : n;
			MerchStatus status = merge_runs(job, from, job->work, start, middle, end);

			if (status != MERCH_OK)
				return status;
		}
		job->order = job->work;
		job->work = from;
	}
	return MERCH_OK;
}

/* Serves the floors; where they exceed the supply, in order and in whole packs. */
static MerchStatus
serve_floors(Job *job, size_t n, int64_t *left)
{
	int128_t	floors = 0;
	MerchStatus status = MERCH_OK;

	for (size_t i = 0; i < n; i++)
		floors += job->rows[i].floor;
	if (floors > *left)
		status = sort_rows(job, n);
	for (size_t i = 0; i < n && status == MERCH_OK; i++)
	{
		Row		   *row = job->order[i];

		row->quantity = row->floor <= *left ? row->floor : *left - *left % row->pack;
		*left -= row->quantity;
	}
	return status;
}

static MerchStatus
split_by_tier(Job *job, size_t n, int64_t *left, ApportionLevel *level)
{
	size_t		from = 0;
	MerchStatus status = sort_rows(job, n);

	for (size_t to = 1; to <= n && status == MERCH_OK; to++)
	{
		if (to < n && job->order[to]->tier == job->order[from]->tier)
			continue;
		status = split_by_remainder(job, from, to, left, level);
		from = to;
	}
	return status;
}

static MerchStatus
split(Job *job, ApportionMethod method, size_t n, int64_t *left, ApportionLevel *level)
{
	if (method == APPORTION_PROPORTIONAL)
		return split_by_remainder(job, 0, n, left, level);
	if (method == APPORTION_PRIORITY)
		return split_by_tier(job, n, left, level);
	return split_by_divisor(job, n, left, level);
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
	if (status == MERCH_OK)
		status = serve_floors(&job, n, &left);
	if (status == MERCH_OK)
		status = split(&job, method, n, &left, level);
	if (status != MERCH_OK)
		return status;
	for (size_t i = 0; i < n; i++)
		quantity[i] = job.rows[i].quantity;
	return MERCH_OK;
}
