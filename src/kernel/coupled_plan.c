/*
 * coupled_plan.c
 *	  From what places want to a plan: drops what does not fit, fills up what is
 *	  left, and keeps the best plan.
 *
 * Packs go and come in the order of what they earn for what they use of the scarce
 * rows, at the rows' prices. Both orders are global, so that no row comes first.
 */
#include "coupled_job.h"

/* What the pack after k packs earns on the lane, for each quantum it uses. */
static int64_t
rank_pack(const Job *job, const Lane *lane, int64_t k)
{
	int64_t		gain = next_worth(&job->places[lane->place], k) - lane->cost;
	int128_t	burden = 1;
	int128_t	rank;

	for (size_t u = 0; u < LANE_ROWS; u++)
		burden += (int128_t) job->rows[lane->row[u]].price * lane->usage[u];
	/* gains are below 2^42; the scale keeps apart what burdens of up to 2^80 divide */
	rank = gain * ((int128_t) 1 << 80) / burden;
	if (rank > INT64_MAX)
		return INT64_MAX;
	return rank < -INT64_MAX ? -INT64_MAX : (int64_t) rank;
}

static bool
candidate_above(const void *a, const void *b)
{
	const Candidate *ca = a;
	const Candidate *cb = b;

	return ca->rank != cb->rank ? ca->rank > cb->rank : ca->key < cb->key;
}

static bool
candidate_below(const void *a, const void *b)
{
	return candidate_above(b, a);
}

static void
use_packs(Job *job, const Lane *lane, int64_t packs)
{
	for (size_t u = 0; u < LANE_ROWS; u++)
		job->rows[lane->row[u]].used += (int128_t) lane->usage[u] * packs;
}

static void
add_packs(Job *job, Lane *lane, int64_t packs)
{
	lane->packs += packs;
	job->places[lane->place].count += packs;
	use_packs(job, lane, packs);
}

static MerchStatus
take_what_is_wanted(Job *job)
{
	for (size_t r = 0; r < job->n_rows; r++)
		job->rows[r].used = 0;
	for (size_t p = 0; p < job->input->places; p++)
	{
		Place	   *place = &job->places[p];
		bool		by_flow = place->several_sources && job->flows_hold;

		place->count = 0;
		for (size_t l = place->first_lane; l < place->end_lane; l++)
		{
			Lane	   *lane = &job->lanes[l];

			if (cancelled(job))
				return MERCH_CANCELLED;
			lane->packs = 0;
			add_packs(job, lane, by_flow ? lane->flow : lane->wanted);
		}
	}
	return MERCH_OK;
}

static bool
overloads(const Job *job, const Lane *lane)
{
	for (size_t u = 0; u < LANE_ROWS; u++)
	{
		const Row  *row = &job->rows[lane->row[u]];

		if (lane->usage[u] > 0 && row->used > row->limit)
			return true;
	}
	return false;
}

static bool
fits(const Job *job, const Lane *lane)
{
	for (size_t u = 0; u < LANE_ROWS; u++)
	{
		const Row  *row = &job->rows[lane->row[u]];

		if (lane->usage[u] > row->limit - row->used)
			return false;
	}
	return true;
}

static void
propose(Job *job, size_t *n, size_t l, int64_t k)
{
	Candidate  *candidate = &job->candidates[*n];

	*candidate = (Candidate) {
		.rank = rank_pack(job, &job->lanes[l], k), .key = job->lanes[l].key, .lane = l
	};
	job->heap[(*n)++] = candidate;
}

/*
 * Takes back the packs that earn least until nothing is overloaded. Another lane to
 * the same place may have changed what a pack earns: the rank is then renewed first.
 */
static MerchStatus
drop_packs(Job *job)
{
	Heap		heap;
	size_t		n = 0;

	for (size_t l = 0; l < job->input->lanes; l++)
	{
		if (cancelled(job))
			return MERCH_CANCELLED;
		if (job->lanes[l].packs > 0 && overloads(job, &job->lanes[l]))
			propose(job, &n, l, job->places[job->lanes[l].place].count - 1);
	}
	if (!heap_build(&heap, (void **) job->heap, n, candidate_below, job->interrupt))
		return MERCH_CANCELLED;
	while (heap.n > 0)
	{
		Candidate  *worst = heap.items[0];
		Lane	   *lane = &job->lanes[worst->lane];
		const Place *place = &job->places[lane->place];
		int64_t		rank;

		if (cancelled(job))
			return MERCH_CANCELLED;
		if (lane->packs == 0 || !overloads(job, lane))
		{
			heap_pop(&heap);
			continue;
		}
		rank = rank_pack(job, lane, place->count - 1);
		if (rank == worst->rank)
		{
			add_packs(job, lane, -1);
			if (lane->packs == 0)
				continue;
			rank = rank_pack(job, lane, place->count - 1);
		}
		worst->rank = rank;
		heap_sift_top(&heap);
	}
	return MERCH_OK;
}

static bool
can_gain(const Job *job, const Lane *lane)
{
	const Place *place = &job->places[lane->place];

	return lane->usable && place->count < place->most &&
		next_worth(place, place->count) > lane->cost && fits(job, lane);
}

/* Places the packs that earn most and fit until none does. */
static MerchStatus
fill_up(Job *job)
{
	Heap		heap;
	size_t		n = 0;

	for (size_t l = 0; l < job->input->lanes; l++)
	{
		if (cancelled(job))
			return MERCH_CANCELLED;
		if (can_gain(job, &job->lanes[l]))
			propose(job, &n, l, job->places[job->lanes[l].place].count);
	}
	if (!heap_build(&heap, (void **) job->heap, n, candidate_above, job->interrupt))
		return MERCH_CANCELLED;
	while (heap.n > 0)
	{
		Candidate  *best = heap.items[0];
		Lane	   *lane = &job->lanes[best->lane];
		const Place *place = &job->places[lane->place];
		int64_t		rank;

		if (cancelled(job))
			return MERCH_CANCELLED;
		if (!can_gain(job, lane))
		{
			heap_pop(&heap);
			continue;
		}
		rank = rank_pack(job, lane, place->count);
		if (rank == best->rank)
		{
			add_packs(job, lane, 1);
			if (place->count == place->most)
				continue;
			rank = rank_pack(job, lane, place->count);
		}
		best->rank = rank;
		heap_sift_top(&heap);
	}
	return MERCH_OK;
}

/* What the plan is worth, and what of that are premiums. */
static void
weigh_plan(const Job *job, int128_t *value, int128_t *premium)
{
	const CoupledInput *input = job->input;

	*value = 0;
	*premium = 0;
	for (size_t p = 0; p < input->places; p++)
	{
		const Place *place = &job->places[p];
		int64_t		served = input->floor_packs == NULL ? 0 : input->floor_packs[p];

		if (served > place->count)
			served = place->count;
		*value += place->sum[place->count];
		*premium += (int128_t) served * input->floor_premium;
	}
	for (size_t l = 0; l < input->lanes; l++)
		*value -= (int128_t) job->lanes[l].cost * job->lanes[l].packs;
}

MerchStatus
coupled_plan(Job *job)
{
	int128_t	value;
	int128_t	premium;
	MerchStatus status = take_what_is_wanted(job);

	if (status == MERCH_OK)
		status = drop_packs(job);
	if (status == MERCH_OK)
		status = fill_up(job);
	if (status != MERCH_OK)
		return status;
	weigh_plan(job, &value, &premium);
	if (job->planned && value <= job->value)
		return MERCH_OK;
	job->planned = true;
	job->value = value;
	job->premium = premium;
	for (size_t l = 0; l < job->input->lanes; l++)
		job->lanes[l].best_packs = job->lanes[l].packs;
	return MERCH_OK;
}
