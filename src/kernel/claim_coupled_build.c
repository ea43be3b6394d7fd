/*
 * claim_coupled_build.c
 *	  States a run over many items as a problem for coupled().
 */
#include "claim_coupled_job.h"

#include <math.h>

#include "expected.h"

/* A floor's pack counts for 64 of the dearest packs. */
#define FLOOR_PREMIUM ((int64_t) 1 << 36)

/* What lanes may cost where cost only decides between lanes: a millionth of the dearest pack. */
#define MOST_EXCESS 1024

/* A pack with less than this chance to be asked for counts as worthless. */
#define WORTHY_TAIL 1e-6

/* Proved within a two-thousandth of the best, or as near as so many rounds come. */
#define GAP_PPM 500
#define ROUNDS 300

typedef struct Counts
{
	size_t		items;
	size_t		sources;
	size_t		places;
	size_t		packs;
	size_t		lanes;
} Counts;

/* Lays the problem's arrays out from an address on; returns where they end. */
static uintptr_t
lay_out(ClaimProblem *problem, const Counts *counts, size_t resources, uintptr_t address)
{
	size_t		uses = counts->lanes * COUPLED_LANE_RESOURCES;

	problem->item_source_start = claim_take_part(&address, counts->items + 1, sizeof(size_t));
	problem->item_place_start = claim_take_part(&address, counts->items + 1, sizeof(size_t));
	problem->place_worth_start = claim_take_part(&address, counts->places + 1, sizeof(size_t));
	problem->place_lane_start = claim_take_part(&address, counts->places + 1, sizeof(size_t));
	problem->place_claim = claim_take_part(&address, counts->places, sizeof(size_t));
	problem->lane_claim = claim_take_part(&address, counts->lanes, sizeof(size_t));
	problem->supply = claim_take_part(&address, counts->sources, sizeof(int64_t));
	problem->pack = claim_take_part(&address, counts->places, sizeof(int64_t));
	problem->floor_packs = claim_take_part(&address, counts->places, sizeof(int64_t));
	problem->worth = claim_take_part(&address, counts->packs, sizeof(int64_t));
	problem->lane_cost = claim_take_part(&address, counts->lanes, sizeof(int64_t));
	problem->lane_usage = claim_take_part(&address, uses, sizeof(int64_t));
	problem->lane_source = claim_take_part(&address, counts->lanes, sizeof(int32_t));
	problem->lane_resource = claim_take_part(&address, uses, sizeof(int32_t));
	problem->lane_fence = claim_take_part(&address, counts->lanes, sizeof(bool));
	problem->answer.packs = claim_take_part(&address, counts->lanes, sizeof(int64_t));
	problem->answer.resource_price = claim_take_part(&address, resources, sizeof(int64_t));
	problem->answer.source_price = claim_take_part(&address, counts->sources, sizeof(int64_t));
	return address;
}

/* The units that all nodes of an item have. */
static int64_t
count_units(const CoupledNode *node, size_t nodes)
{
	int64_t		units = 0;

	for (size_t k = 0; k < nodes; k++)
		units += node[k].left;
	return units;
}

/* How many packs could be worth anything; there are `units` in all. */
static int64_t
count_worthy(const Claim *claim, int64_t fixed, int64_t units)
{
	int64_t		position = greater(claim->position + fixed, 0);
	int64_t		most = 0;
	Distribution demand;
	MerchFault	fault;

	if (distribution_set((DistributionKind) claim->distribution, claim->mean, claim->dispersion,
						 &demand, &fault) == MERCH_OK)
		(void) distribution_quantile(&demand, 1 - WORTHY_TAIL, &most, &fault);
	most = greater(greater(most - position, 0), claim->minimum - fixed);
	return lesser(most, units) / claim->pack + 1;
}

/*
 * Packs that a location may be given at most, before what they are worth is known. What
 * its method gave it; by expected sales all that could be worth anything.
 */
static int64_t
most_packs(const ClaimCoupled *chain, size_t from, size_t to, int64_t units)
{
	const Claim *claim = &chain->input.claims[from];
	const ClaimAsk *ask = &chain->ask[from];
	int64_t		fixed = claim_location_fixed(chain, from, to);
	int64_t		asked = greater(ask->asked - fixed, 0) / claim->pack;
	int64_t		most;

	if (ask->pin != CLAIM_NEW)
		return greater(ask->pin - fixed, 0) / claim->pack;
	if (claim->method != CLAIM_EXPECTED_SALES)
		return asked;
	most = greater(count_worthy(claim, fixed, units), asked);
	return claim->maximum == CLAIM_NO_MAXIMUM ? most :
		lesser(most, greater(claim->maximum - fixed, 0) / claim->pack);
}

static void
count_item(ClaimCoupled *chain, const ClaimItem *item, const ClaimRun *run, Counts *counts)
{
	CoupledNode *node = chain->scratch;
	size_t		nodes = claim_find_nodes(chain, item, run, node);
	int64_t		units = count_units(node, nodes);
	size_t		end = item->from + run->to;
	size_t		to;

	counts->items++;
	counts->sources += nodes;
	for (size_t from = item->from + run->from; from < end; from = to)
	{
		to = claim_location_end(chain, from, end);
		counts->places++;
		counts->packs += (size_t) most_packs(chain, from, to, units);
	}
	for (size_t i = run->from; i < run->to; i++)
		for (size_t k = 0; k < nodes; k++)
			counts->lanes += claim_reaches_node(chain, item, i, &node[k]);
}

static Counts
count_run(ClaimCoupled *chain)
{
	Counts		counts = {0};

	for (size_t k = 0; k < chain->items && claim_needs_solver(chain); k++)
	{
		const ClaimRun *run = claim_run_of(chain, &chain->item[k]);

		if (run != NULL)
			count_item(chain, &chain->item[k], run, &counts);
	}
	return counts;
}

size_t
claim_coupled_build_size(ClaimCoupled *chain)
{
	Counts		counts = count_run(chain);
	ClaimProblem problem;

	return CLAIM_ALIGNMENT - 1 + lay_out(&problem, &counts, chain->input.resources, 0);
}

/* What a pack counts for at least, where its method or a push asks for it. */
static int64_t
least_worth(const ClaimCoupled *chain, size_t from, size_t to)
{
	double		most = 0;

	if (chain->input.claims[from].method != CLAIM_EXPECTED_SALES)
		return MOST_EXCESS + 2;
	for (size_t i = from; i < to; i++)
		most = fmax(most, chain->input.claims[i].cost);
	return llround(most * chain->scale * (double) chain->input.claims[from].pack) + 2;
}

/*
 * The staircase of a location and its floor, both in packs. Beyond what is worth something
 * it goes on as far as its method, its floor or a push asks for.
 */
static MerchStatus
add_staircase(ClaimCoupled *chain, size_t from, size_t to, int64_t limit,
			  MerchInterrupt interrupt, MerchFault *fault)
{
	const Claim *claim = &chain->input.claims[from];
	CoupledInput *input = &chain->problem.input;
	int64_t    *worth = chain->problem.worth + input->packs;
	int64_t		fixed = claim_location_fixed(chain, from, to);
	int64_t		asked = greater(chain->ask[from].asked - fixed, 0) / claim->pack;
	bool		pinned = chain->ask[from].pin != CLAIM_NEW;
	bool		ordered = pinned || claim->method != CLAIM_EXPECTED_SALES;
	int64_t		position = claim->position + fixed;
	int64_t		least = least_worth(chain, from, to);
	int64_t		floor = pinned ? limit :
		(greater(claim->minimum - fixed, 0) + claim->pack - 1) / claim->pack;
	int64_t		wanted = ordered ? limit : claim->push ? asked : 0;
	ExpectedInput demand = {
		.distribution = (DistributionKind) claim->distribution,
		.supply = INT64_MAX,
		.n = 1,
		.mean = &claim->mean,
		.dispersion = &claim->dispersion,
		.value = &claim->value,
		.pack = &claim->pack,
		.position = &position
	};
	size_t		packs;
	MerchStatus status;

	floor = lesser(floor, limit);
	wanted = lesser(greater(wanted, floor), limit);
	status = expected_marginals(&demand, 0, chain->scale, 0, (size_t) limit, worth, &packs,
								interrupt, fault);
	for (int64_t k = 0; k < wanted && status == MERCH_OK; k++)
		worth[k] = greater(k < (int64_t) packs ? worth[k] : 0,
								 ordered || claim->push ? least : 0);
	chain->problem.floor_packs[input->places] = floor;
	input->packs += (size_t) greater((int64_t) packs, wanted);
	fault->row = from;
	return status;
}

/* What a pack costs on a lane in quanta; fences go first where all else is equal. */
static int64_t
cost_of_lane(const ClaimCoupled *chain, size_t from, size_t to, size_t i, bool fence)
{
	const Claim *claim = &chain->input.claims[i];
	int64_t		later = claim->fence > 0 && !fence;
	double		least = claim->cost;

	if (claim->method == CLAIM_EXPECTED_SALES)
		return llround(claim->cost * chain->scale * (double) claim->pack) + later;
	if (chain->most_excess == 0)
		return later;
	for (size_t j = from; j < to; j++)
		least = fmin(least, chain->input.claims[j].cost);
	return llround((claim->cost - least) / chain->most_excess * MOST_EXCESS) + later;
}

/* What a pack uses; capacity that nothing is left of takes no pack, even of small usage. */
static MerchStatus
add_usages(ClaimCoupled *chain, size_t i, size_t lane, MerchFault *fault)
{
	const ClaimUse *use = &chain->input.uses[i];
	int64_t		pack = chain->input.claims[i].pack;

	for (size_t u = 0; u < CLAIM_RESOURCES; u++)
	{
		size_t		column = lane * COUPLED_LANE_RESOURCES + u;
		bool		used = use->resource[u] != CLAIM_NO_RESOURCE && use->usage[u] > 0;

		chain->problem.lane_resource[column] = used ? use->resource[u] : COUPLED_NO_RESOURCE;
		chain->problem.lane_usage[column] = 0;
		if (used && __builtin_mul_overflow(use->usage[u], pack, &chain->problem.lane_usage[column]))
		{
			*fault = (MerchFault) {.row = i, .value = use->usage[u], .limit = pack};
			return MERCH_OUT_OF_RANGE;
		}
	}
	return MERCH_OK;
}

static MerchStatus
add_lanes(ClaimCoupled *chain, const ClaimItem *item, size_t nodes, size_t from, size_t to,
		  MerchFault *fault)
{
	const CoupledNode *node = chain->scratch;
	ClaimProblem *problem = &chain->problem;
	MerchStatus status = MERCH_OK;

	for (size_t i = from; i < to && status == MERCH_OK; i++)
		for (size_t k = 0; k < nodes && status == MERCH_OK; k++)
		{
			size_t		lane = problem->input.lanes;

			if (!claim_reaches_node(chain, item, i - item->from, &node[k]))
				continue;
			problem->lane_claim[lane] = i;
			problem->lane_fence[lane] = node[k].fence;
			problem->lane_source[lane] = (int32_t) k;
			problem->lane_cost[lane] = cost_of_lane(chain, from, to, i, node[k].fence);
			status = add_usages(chain, i, lane, fault);
			problem->input.lanes++;
		}
	return status;
}

static MerchStatus
add_item(ClaimCoupled *chain, const ClaimItem *item, const ClaimRun *run,
		 MerchInterrupt interrupt, MerchFault *fault)
{
	ClaimProblem *problem = &chain->problem;
	CoupledInput *input = &problem->input;
	CoupledNode *node = chain->scratch;
	size_t		nodes = claim_find_nodes(chain, item, run, node);
	int64_t		units = count_units(node, nodes);
	size_t		end = item->from + run->to;
	MerchStatus status = MERCH_OK;
	size_t		to;

	for (size_t k = 0; k < nodes; k++)
		problem->supply[input->sources++] = node[k].left;
	for (size_t from = item->from + run->from; from < end && status == MERCH_OK; from = to)
	{
		to = claim_location_end(chain, from, end);
		problem->place_claim[input->places] = from;
		problem->pack[input->places] = chain->input.claims[from].pack;
		status = add_staircase(chain, from, to, most_packs(chain, from, to, units), interrupt, fault);
		if (status == MERCH_OK)
			status = add_lanes(chain, item, nodes, from, to, fault);
		input->places++;
		problem->place_worth_start[input->places] = input->packs;
		problem->place_lane_start[input->places] = input->lanes;
	}
	input->items++;
	problem->item_source_start[input->items] = input->sources;
	problem->item_place_start[input->items] = input->places;
	return status;
}

MerchStatus
claim_coupled_build(ClaimCoupled *chain, void *memory, MerchInterrupt interrupt,
					MerchFault *fault)
{
	ClaimProblem *problem = &chain->problem;
	Counts		counts = count_run(chain);
	MerchStatus status = MERCH_OK;

	*problem = (ClaimProblem) {0};
	(void) lay_out(problem, &counts, chain->input.resources, claim_align(memory));
	problem->item_source_start[0] = problem->item_place_start[0] = 0;
	problem->place_worth_start[0] = problem->place_lane_start[0] = 0;
	for (size_t k = 0; k < chain->items && claim_needs_solver(chain) && status == MERCH_OK; k++)
	{
		const ClaimRun *run = claim_run_of(chain, &chain->item[k]);

		if (run != NULL)
			status = add_item(chain, &chain->item[k], run, interrupt, fault);
	}
	problem->input.item_source_start = problem->item_source_start;
	problem->input.item_place_start = problem->item_place_start;
	problem->input.supply = problem->supply;
	problem->input.pack = problem->pack;
	problem->input.floor_packs = problem->floor_packs;
	problem->input.place_worth_start = problem->place_worth_start;
	problem->input.worth = problem->worth;
	problem->input.place_lane_start = problem->place_lane_start;
	problem->input.lane_source = problem->lane_source;
	problem->input.lane_cost = problem->lane_cost;
	problem->input.lane_resource = problem->lane_resource;
	problem->input.lane_usage = problem->lane_usage;
	problem->input.resources = chain->input.resources;
	problem->input.limit = chain->input.left;
	problem->input.floor_premium = FLOOR_PREMIUM;
	problem->input.gap_ppm = GAP_PPM;
	/* where all fits, only the bound is of interest: that of the items apart */
	problem->input.rounds = chain->fits ? 1 : ROUNDS;
	return status;
}
