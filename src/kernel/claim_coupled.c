/*
 * claim_coupled.c
 *	  Goes through the runs of many items, and splits the items of a run apart.
 */
#include "claim_coupled_job.h"

#include <math.h>

/* A run's dearest pack comes to so many quanta: floors must weigh more. */
#define MOST_WORTH 1073741824.0 /* 2^30 */

size_t
claim_coupled_size(size_t n, size_t resources)
{
	return CLAIM_ALIGNMENT + claim_part_size(resources, sizeof(int128_t)) +
		claim_part_size(1, sizeof(ClaimCoupled)) + claim_part_size(n, sizeof(ClaimItem)) +
		claim_part_size(n, sizeof(ClaimAsk)) + 2 * claim_part_size(n, sizeof(int64_t)) +
		n * claim_part_size(1, claim_index_size(1));
}

/* What is served already uses capacity before all else, and more than there is if it must. */
static MerchStatus
take_served(ClaimCoupledInput *input, size_t i, MerchFault *fault)
{
	const ClaimUse *use = &input->uses[i];
	int128_t	served = (int128_t) input->claims[i].fixed + use->gone;

	for (size_t u = 0; u < CLAIM_RESOURCES; u++)
	{
		int64_t    *left;

		if (use->resource[u] == CLAIM_NO_RESOURCE)
			continue;
		if (use->resource[u] < 0 || (size_t) use->resource[u] >= input->resources)
			return fail_row(fault, MERCH_RESOURCE_UNKNOWN, i, use->resource[u], (int64_t) input->resources);
		if (use->usage[u] < 0)
			return fail_row(fault, MERCH_NEGATIVE_USAGE, i, use->usage[u], 0);
		left = &input->left[use->resource[u]];
		*left = served * use->usage[u] >= *left ? 0 : *left - (int64_t) (served * use->usage[u]);
	}
	return MERCH_OK;
}

MerchStatus
claim_coupled_begin(const ClaimCoupledInput *input, void *memory, ClaimCoupled **result,
					MerchFault *fault)
{
	uintptr_t	address = claim_align(memory);
	ClaimCoupled *chain = claim_take_part(&address, 1, sizeof(ClaimCoupled));
	MerchStatus status = MERCH_OK;
	size_t		to;

	*result = chain;
	*chain = (ClaimCoupled) {.input = *input};
	chain->load = claim_take_part(&address, input->resources, sizeof(int128_t));
	chain->item = claim_take_part(&address, input->n, sizeof(ClaimItem));
	chain->ask = claim_take_part(&address, input->n, sizeof(ClaimAsk));
	chain->source_taken = claim_take_part(&address, input->n, sizeof(int64_t));
	chain->fence_taken = claim_take_part(&address, input->n, sizeof(int64_t));
	for (size_t from = 0; from < input->n && status == MERCH_OK; from = to)
	{
		ClaimItem  *item = &chain->item[chain->items++];

		to = from + 1;
		while (to < input->n && input->uses[to].item == input->uses[from].item)
			to++;
		*item = (ClaimItem) {.from = from};
		status = claim_index(input->claims + from, to - from,
							 claim_take_part(&address, 1, claim_index_size(to - from)),
							 &item->index, fault);
		fault->row += from;
		if (status == MERCH_OK)
			claim_begin(item->index);
		for (size_t i = from; i < to && status == MERCH_OK; i++)
			status = take_served(&chain->input, i, fault);
	}
	return status;
}

size_t
claim_coupled_scratch_size(const ClaimCoupled *chain)
{
	size_t		most = 0;

	for (size_t i = 0; i < chain->items; i++)
	{
		const ClaimIndex *index = chain->item[i].index;
		size_t		nodes = 2 * index->most_claims * sizeof(CoupledNode);

		if (claim_scratch_size(index) > most)
			most = claim_scratch_size(index);
		if (nodes > most)
			most = nodes;
	}
	return CLAIM_ALIGNMENT - 1 + most;
}

void
claim_coupled_set_scratch(ClaimCoupled *chain, void *scratch)
{
	chain->scratch = (void *) claim_align(scratch);
}

size_t
claim_location_end(const ClaimCoupled *chain, size_t from, size_t end)
{
	size_t		to = from + 1;

	while (to < end && claim_same_location(&chain->input.claims[to], &chain->input.claims[from]))
		to++;
	return to;
}

int64_t
claim_location_fixed(const ClaimCoupled *chain, size_t from, size_t to)
{
	int64_t		fixed = 0;

	for (size_t i = from; i < to; i++)
		fixed += chain->input.claims[i].fixed;
	return fixed;
}

/* The run's quanta, and what of the lanes' costs matters. */
static void
measure_run(ClaimCoupled *chain)
{
	double		most = 0;

	chain->weighs = false;
	chain->most_excess = 0;
	for (size_t k = 0; k < chain->items; k++)
	{
		const ClaimItem *item = &chain->item[k];
		const ClaimRun *run = claim_run_of(chain, item);
		size_t		end = run == NULL ? 0 : item->from + run->to;
		size_t		to;

		for (size_t from = run == NULL ? 0 : item->from + run->from; from < end; from = to)
		{
			double		least = HUGE_VAL;

			to = claim_location_end(chain, from, end);
			for (size_t i = from; i < to; i++)
				least = fmin(least, chain->input.claims[i].cost);
			for (size_t i = from; i < to; i++)
			{
				const Claim *claim = &chain->input.claims[i];

				chain->weighs |= claim->method == CLAIM_EXPECTED_SALES;
				most = fmax(most, fmax(claim->value, claim->cost) * (double) claim->pack);
				chain->most_excess = fmax(chain->most_excess, claim->cost - least);
			}
		}
	}
	chain->scale = most > 0 ? MOST_WORTH / most : 1;
}

static void
begin_item(ClaimCoupled *chain, const ClaimItem *item, const ClaimRun *run)
{
	for (size_t s = 0; s < item->index->sources; s++)
		chain->source_taken[item->from + s] = item->index->source[s].taken;
	for (size_t f = 0; f < item->index->fences; f++)
		chain->fence_taken[item->from + f] = item->index->fence[f].taken;
	for (size_t i = item->from + run->from; i < item->from + run->to; i++)
		chain->ask[i] = (ClaimAsk) {.pin = CLAIM_NEW};
}

bool
claim_coupled_next(ClaimCoupled *chain)
{
	bool		found = false;

	for (size_t k = 0; k < chain->items; k++)
	{
		const ClaimItem *item = &chain->item[k];
		const Claim *claims = chain->input.claims + item->from;

		if (item->run >= item->index->runs)
			continue;
		if (!found || claims[item->index->run[item->run].from].run < chain->run)
			chain->run = claims[item->index->run[item->run].from].run;
		found = true;
	}
	if (!found)
		return false;
	for (size_t k = 0; k < chain->items; k++)
	{
		const ClaimRun *run = claim_run_of(chain, &chain->item[k]);

		if (run != NULL)
			begin_item(chain, &chain->item[k], run);
	}
	chain->rounds = 0;
	measure_run(chain);
	return true;
}

/* As if the run at hand had not been split: it may be for the second time. */
static void
give_back(ClaimCoupled *chain, const ClaimItem *item)
{
	for (size_t s = 0; s < item->index->sources; s++)
	{
		item->index->source[s].taken = chain->source_taken[item->from + s];
		item->index->source[s].first = CLAIM_NO_SOURCE;
	}
	for (size_t f = 0; f < item->index->fences; f++)
		item->index->fence[f].taken = chain->fence_taken[item->from + f];
}

/* Notes what each location of an item was given. */
static void
note_asked(ClaimCoupled *chain, const ClaimItem *item, const ClaimRun *run)
{
	size_t		end = item->from + run->to;
	size_t		to;

	for (size_t from = item->from + run->from; from < end; from = to)
	{
		ClaimAsk   *ask = &chain->ask[from];

		to = claim_location_end(chain, from, end);
		ask->asked = 0;
		for (size_t i = from; i < to; i++)
			ask->asked += chain->input.shares[i].quantity;
		if (chain->rounds == 0)
			ask->first = ask->asked;
	}
}

void
claim_add_loads(ClaimCoupled *chain)
{
	const ClaimCoupledInput *input = &chain->input;

	for (size_t r = 0; r < input->resources; r++)
		chain->load[r] = 0;
	for (size_t k = 0; k < chain->items; k++)
	{
		const ClaimItem *item = &chain->item[k];
		const ClaimRun *run = claim_run_of(chain, item);

		for (size_t i = run == NULL ? 0 : item->from + run->from;
			 run != NULL && i < item->from + run->to; i++)
			for (size_t u = 0; u < CLAIM_RESOURCES; u++)
				if (input->uses[i].resource[u] != CLAIM_NO_RESOURCE)
					chain->load[input->uses[i].resource[u]] += (int128_t) input->uses[i].usage[u] *
						(input->shares[i].quantity - input->claims[i].fixed);
	}
}

MerchStatus
claim_coupled_ask(ClaimCoupled *chain, MerchInterrupt interrupt, MerchFault *fault)
{
	for (size_t k = 0; k < chain->items; k++)
	{
		const ClaimItem *item = &chain->item[k];
		const ClaimRun *run = claim_run_of(chain, item);
		MerchStatus status;

		if (run == NULL)
			continue;
		give_back(chain, item);
		status = claim_split_run(item->index, item->run, chain->input.claims + item->from,
								 chain->input.shares + item->from, chain->scratch, interrupt, fault);
		give_back(chain, item);
		if (status != MERCH_OK)
		{
			fault->row += item->from;
			return status;
		}
		note_asked(chain, item, run);
	}
	claim_add_loads(chain);
	chain->fits = true;
	for (size_t r = 0; r < chain->input.resources; r++)
		chain->fits &= chain->load[r] <= chain->input.left[r];
	return MERCH_OK;
}
