/*
 * claim_coupled_solve.c
 *	  Solves a run over many items, and books what it gives.
 */
#include "claim_coupled_job.h"

#include "distribution.h"

/* How often what some can't have is offered to others. */
#define MOST_ROUNDS 4

size_t
claim_coupled_solve_size(const ClaimCoupled *chain)
{
	return claim_needs_solver(chain) ? coupled_scratch_size(&chain->problem.input) : 1;
}

/* The objective of the shares as they are: with what the plan of coupled() is compared. */
static int128_t
weigh_shares(const ClaimCoupled *chain)
{
	const ClaimProblem *problem = &chain->problem;
	int128_t	value = 0;

	for (size_t p = 0; p < problem->input.places; p++)
	{
		size_t		first = problem->place_worth_start[p];
		size_t		end = problem->place_worth_start[p + 1];
		size_t		claim = SIZE_MAX;
		int64_t		packs = 0;

		for (size_t l = problem->place_lane_start[p]; l < problem->place_lane_start[p + 1]; l++)
		{
			size_t		i = problem->lane_claim[l];
			int64_t		units = chain->input.shares[i].quantity - chain->input.claims[i].fixed;

			if (i == claim)
				continue;
			claim = i;
			packs += units / problem->pack[p];
			value -= (int128_t) (units / problem->pack[p]) * problem->lane_cost[l];
		}
		for (size_t k = first; k < end && (int64_t) (k - first) < packs; k++)
			value += problem->worth[k] +
				((int64_t) (k - first) < problem->floor_packs[p] ? problem->input.floor_premium : 0);
	}
	return value;
}

static void
write_shares(ClaimCoupled *chain)
{
	const ClaimProblem *problem = &chain->problem;
	ClaimCoupledInput *input = &chain->input;

	for (size_t k = 0; k < chain->items; k++)
	{
		const ClaimItem *item = &chain->item[k];
		const ClaimRun *run = claim_run_of(chain, item);

		for (size_t i = run == NULL ? 0 : item->from + run->from;
			 run != NULL && i < item->from + run->to; i++)
			input->shares[i] = (Share) {.quantity = input->claims[i].fixed};
	}
	for (size_t p = 0; p < problem->input.places; p++)
		for (size_t l = problem->place_lane_start[p]; l < problem->place_lane_start[p + 1]; l++)
		{
			Share	   *share = &input->shares[problem->lane_claim[l]];
			int64_t		units = problem->answer.packs[l] * problem->pack[p];

			share->quantity += units;
			share->from_fence += problem->lane_fence[l] ? units : 0;
		}
}

/* Takes what the shares of an item have from its supplies. */
static void
take_from_item(ClaimCoupled *chain, const ClaimItem *item, const ClaimRun *run)
{
	for (size_t i = run->from; i < run->to; i++)
	{
		const Claim *claim = &chain->input.claims[item->from + i];
		const Share *share = &chain->input.shares[item->from + i];
		size_t		source = item->index->source_of[i];
		ClaimFence *fence = item->index->fence;

		if (source == CLAIM_NO_SOURCE)
			continue;
		item->index->source[source].taken += share->quantity - claim->fixed - share->from_fence;
		if (share->from_fence == 0)
			continue;
		while (fence->source != source || fence->channel != claim->channel)
			fence++;
		fence->taken += share->from_fence;
	}
}

static void
take_supplies(ClaimCoupled *chain)
{
	for (size_t k = 0; k < chain->items; k++)
	{
		const ClaimRun *run = claim_run_of(chain, &chain->item[k]);

		if (run != NULL)
			take_from_item(chain, &chain->item[k], run);
	}
}

/* What the shares of a location come to, and what it has now; CLAIM_NEW if it has no line. */
static int64_t
total_of(const ClaimCoupled *chain, size_t from, size_t to, int64_t *current)
{
	int64_t		total = 0;

	*current = CLAIM_NEW;
	for (size_t i = from; i < to; i++)
	{
		total += chain->input.shares[i].quantity;
		if (chain->input.claims[i].current != CLAIM_NEW)
			*current = greater(*current, 0) + chain->input.claims[i].current;
	}
	return total;
}

/* Whether capacity is too little for a pack on each lane whose source has one left. */
static bool
is_blocked(const ClaimCoupled *chain, const ClaimItem *item, size_t from, size_t to)
{
	const ClaimCoupledInput *input = &chain->input;
	bool		supplied = false;

	for (size_t i = from; i < to; i++)
	{
		const ClaimUse *use = &input->uses[i];
		int64_t		pack = input->claims[i].pack;
		bool		blocked = false;

		if (claim_supply_left(chain, item, i - item->from) < pack &&
			claim_fence_open(chain, item, i - item->from) < pack)
			continue;
		supplied = true;
		for (size_t u = 0; u < CLAIM_RESOURCES; u++)
			blocked |= use->resource[u] != CLAIM_NO_RESOURCE &&
				(int128_t) use->usage[u] * pack >
				input->left[use->resource[u]] - chain->load[use->resource[u]];
		if (!blocked)
			return false;
	}
	return supplied;
}

/*
 * Looks at the locations of an item: one whose change is too small is pinned to what it
 * has; one that can't have what its method gave it is capped, if another needs it.
 * Returns whether there is anything new.
 */
static bool
look_at_item(ClaimCoupled *chain, const ClaimItem *item, const ClaimRun *run)
{
	size_t		end = item->from + run->to;
	bool		pinned = false;
	bool		capped = false;
	bool		needed = false;
	size_t		to;

	for (size_t from = item->from + run->from; from < end; from = to)
	{
		Claim	   *claim = &chain->input.claims[from];
		ClaimAsk   *ask = &chain->ask[from];
		int64_t		current;
		int64_t		total;

		to = claim_location_end(chain, from, end);
		total = total_of(chain, from, to, &current);
		if (ask->pin != CLAIM_NEW)
			continue;
		if (current != CLAIM_NEW && current != total &&
			greater(current - total, total - current) < claim->threshold)
		{
			ask->pin = current;
			pinned = true;
		}
		else if (total < ask->asked && claim->method != CLAIM_EXPECTED_SALES &&
				 is_blocked(chain, item, from, to))
		{
			for (size_t i = from; i < to; i++)
				chain->input.claims[i].maximum = total;
			ask->capped = capped = true;
		}
		else
			needed |= total < claim->need && claim->method != CLAIM_EXPECTED_SALES;
	}
	return pinned || (capped && needed);
}

static bool
look_again(ClaimCoupled *chain)
{
	bool		again = false;

	if (chain->fits || ++chain->rounds >= MOST_ROUNDS)
		return false;
	for (size_t k = 0; k < chain->items; k++)
	{
		const ClaimRun *run = claim_run_of(chain, &chain->item[k]);

		if (run != NULL)
			again |= look_at_item(chain, &chain->item[k], run);
	}
	return again;
}

/* Whoever is short of what its method gave it, or was capped, is so for want of capacity. */
static void
give_reasons(ClaimCoupled *chain, const ClaimItem *item, size_t from, size_t to)
{
	const ClaimAsk *ask = &chain->ask[from];
	int64_t		current;
	int64_t		total = total_of(chain, from, to, &current);

	if (total >= ask->first || !(ask->capped || is_blocked(chain, item, from, to)))
		return;
	for (size_t i = from; i < to; i++)
		if (chain->input.shares[i].reason != SHARE_MET)
			chain->input.shares[i].reason = SHARE_SHARED_CAPACITY;
}

/* What so many units more than a location has, and is given, are expected to earn. */
static double
worth_of(const Claim *claim, int64_t given, int64_t units)
{
	int64_t		position = greater(claim->position + given, 0);
	Distribution demand;
	MerchFault	fault;

	if (units <= 0 || distribution_set((DistributionKind) claim->distribution, claim->mean,
									   claim->dispersion, &demand, &fault) != MERCH_OK)
		return 0;
	return claim->value * (distribution_expected_sales(&demand, position + units) -
						   distribution_expected_sales(&demand, position));
}

/* What the run's shares are worth, less the cost of lanes, without what is fixed. */
static double
value_plan(const ClaimCoupled *chain)
{
	const ClaimCoupledInput *input = &chain->input;
	double		value = 0;

	for (size_t k = 0; k < chain->items; k++)
	{
		const ClaimItem *item = &chain->item[k];
		const ClaimRun *run = claim_run_of(chain, item);
		size_t		end = run == NULL ? 0 : item->from + run->to;
		size_t		to;

		for (size_t from = run == NULL ? 0 : item->from + run->from; from < end; from = to)
		{
			int64_t		fixed;
			int64_t		current;

			to = claim_location_end(chain, from, end);
			fixed = claim_location_fixed(chain, from, to);
			value += worth_of(&input->claims[from], fixed, total_of(chain, from, to, &current) - fixed);
			for (size_t i = from; i < to; i++)
				value -= input->claims[i].cost *
					(double) (input->shares[i].quantity - input->claims[i].fixed);
		}
	}
	return value;
}

/*
 * Books an item's needs, met or not. Returns what the units are worth
 * that its method offered later than at first: the first bound does not know of them.
 */
static double
end_item(ClaimCoupled *chain, ClaimItem *item, const ClaimRun *run)
{
	size_t		end = item->from + run->to;
	double		later = 0;
	size_t		to;

	claim_book_run(item->index, item->run, chain->input.claims + item->from,
				   chain->input.shares + item->from);
	for (size_t from = item->from + run->from; from < end; from = to)
	{
		const Claim *claim = &chain->input.claims[from];
		const ClaimAsk *ask = &chain->ask[from];

		to = claim_location_end(chain, from, end);
		give_reasons(chain, item, from, to);
		if (claim->method != CLAIM_EXPECTED_SALES)
			later += worth_of(claim, ask->first, ask->asked - ask->first);
	}
	item->run++;
	return later;
}

static void
end_run(ClaimCoupled *chain, ClaimValue *value)
{
	*value = (ClaimValue) {.run = chain->run, .plan = value_plan(chain), .bound = chain->bound};
	for (size_t k = 0; k < chain->items; k++)
	{
		const ClaimRun *run = claim_run_of(chain, &chain->item[k]);

		if (run != NULL)
			value->bound += end_item(chain, &chain->item[k], run);
	}
	if (value->bound < value->plan)
		value->bound = value->plan;
	for (size_t r = 0; r < chain->input.resources; r++)
		chain->input.left[r] -= (int64_t) chain->load[r];
}

MerchStatus
claim_coupled_solve(ClaimCoupled *chain, void *memory, bool *again, ClaimValue *value,
					MerchInterrupt interrupt, MerchFault *fault)
{
	CoupledAnswer *answer = &chain->problem.answer;
	int128_t	gap = 0;

	if (claim_needs_solver(chain))
	{
		MerchStatus status = coupled(&chain->problem.input, answer, memory, interrupt, fault);

		if (status != MERCH_OK)
			return status;
		if (!chain->fits)
			write_shares(chain);
		gap = answer->bound - (chain->fits ? weigh_shares(chain) : answer->value);
	}
	take_supplies(chain);
	claim_add_loads(chain);
	/* pins and caps are no reasons why a plan could not be better */
	if (chain->rounds == 0)
		chain->bound = value_plan(chain) + (gap > 0 ? (double) gap / chain->scale : 0);
	*again = look_again(chain);
	if (!*again)
		end_run(chain, value);
	return MERCH_OK;
}
