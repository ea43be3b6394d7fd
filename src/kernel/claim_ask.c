/*
 * claim_ask.c
 *	  What the locations of a pooled run ask for, as an input of transport().
 */
#include "claim_job.h"

#include <math.h>

#include "expected.h"
#include "transport.h"

/* What is weighed is less than this in quanta. */
#define MOST_WORTH 1099511627776.0	/* 2^40 */

/* Money in quanta where only costs are weighed: numeric(14, 4) exactly. */
#define COST_QUANTA 10000.0

bool
claim_reaches(const ClaimJob *job, size_t i, const ClaimNode *node)
{
	const Claim *claim = &job->claims[i];

	if (job->index->source_of[i] != node->source)
		return false;
	if (job->pushing)
		return !node->fence && claim->push && claim->preference == 1 &&
			claim_available(job, i) >= node->reach;
	return node->fence ? claim->channel == node->channel && claim->fence > 0 :
		claim_available(job, i) >= node->reach;
}

/* Whether one of a sink's lanes can still bring it a pack. */
static bool
is_reachable(const ClaimJob *job, const ClaimSink *sink)
{
	for (size_t i = sink->from; i < sink->to; i++)
	{
		int64_t		left = 0;

		for (size_t k = 0; k < job->nodes; k++)
			if (job->node[k].group == sink->group && claim_reaches(job, i, &job->node[k]))
				left += job->node[k].left;
		if (left >= job->claims[i].pack)
			return true;
	}
	return false;
}

void
claim_collect_sinks(ClaimJob *job, size_t group)
{
	job->columns.n = 0;
	for (size_t j = 0; j < job->sinks; j++)
		if (job->sink[j].group == group && is_reachable(job, &job->sink[j]))
			claim_add_row(job, job->sink[j].from, job->sink[j].got);
}

/* Costs of a unit of flow from every node to every sink of its group. */
static void
make_costs(ClaimJob *job, double quanta)
{
	for (size_t k = 0; k < job->nodes; k++)
		for (size_t j = 0; j < job->sinks; j++)
		{
			const ClaimSink *sink = &job->sink[j];
			int64_t    *cost = &job->cost[k * job->sinks + j];

			*cost = TRANSPORT_NO_LANE;
			for (size_t i = sink->from; i < sink->to && sink->group == job->node[k].group; i++)
				if (claim_reaches(job, i, &job->node[k]))
					*cost = llround(job->claims[i].cost * quanta);
		}
}

/* Each sink's share of what its group has. */
static MerchStatus
ask_in_group(ClaimJob *job, size_t group)
{
	const ClaimColumns *columns = &job->columns;
	int64_t		pool = 0;
	size_t		row = 0;
	MerchStatus status = MERCH_OK;

	for (size_t k = 0; k < job->nodes; k++)
		if (job->node[k].group == group)
			pool += job->node[k].left;
	claim_collect_sinks(job, group);
	if (columns->n > 0)
		status = claim_solve(job, pool);
	for (size_t j = 0; j < job->sinks && row < columns->n && status == MERCH_OK; j++)
		if (columns->claim[row] == job->sink[j].from)
			job->sink_need[j] = columns->quantity[row++] / job->unit;
	return status;
}

MerchStatus
claim_ask_by_share(ClaimJob *job)
{
	double		most = 0;
	MerchStatus status = MERCH_OK;

	for (size_t j = 0; j < job->sinks; j++)
		job->sink_need[j] = 0;
	for (size_t group = 0; group < job->groups && status == MERCH_OK; group++)
		status = ask_in_group(job, group);
	for (size_t i = job->run->from; i < job->run->to; i++)
		most = fmax(most, job->claims[i].cost);
	make_costs(job, fmin(COST_QUANTA, MOST_WORTH / fmax(most, 1)));
	return status;
}

/* What a unit of a floor counts for on top of its worth; transport() takes twice that. */
static int64_t
floor_premium(const ClaimJob *job)
{
	return transport_largest_cost(job->nodes) / 2;
}

/* Adds a piece of some packs, if it is of any. */
static void
add_piece(ClaimJob *job, size_t *pieces, int64_t packs, int64_t units, int64_t value)
{
	if (packs <= 0)
		return;
	job->piece_units[*pieces] = packs * units;
	job->piece_value[(*pieces)++] = value;
}

/*
 * The pieces of a sink's row: its packs, best first, those of its floor before all
 * others even where they are worth nothing.
 */
static MerchStatus
make_pieces(ClaimJob *job, const ExpectedInput *input, size_t row, double scale, size_t *pieces)
{
	const Claim *claim = &job->claims[job->columns.claim[row]];
	int64_t		units = claim->pack / job->unit;
	int64_t    *worth;
	int64_t		floor;
	int64_t		ceiling;
	int64_t		head;
	int64_t		end;
	size_t		packs;
	int64_t		premium = floor_premium(job);
	int64_t		certain = (int64_t) (claim->value * scale * (double) claim->pack) / units;
	MerchStatus status;

	expected_bounds(input, row, &floor, &ceiling);
	claim_find_span(claim, input->position[row] - claim->position, job->index->total, &head, &end);
	floor /= claim->pack;
	head = lesser(head, certain > 0 ? ceiling / claim->pack : 0);
	add_piece(job, pieces, lesser(floor, head), units, certain + premium);
	add_piece(job, pieces, head - floor, units, certain);
	worth = job->piece_value + *pieces;
	status = expected_marginals(input, row, scale, head * claim->pack, (size_t) (end - head), worth,
								&packs, job->interrupt, job->fault);
	for (size_t p = 0; p < packs && status == MERCH_OK; p++)
		add_piece(job, pieces, 1, units,
				  worth[p] / units + (head + (int64_t) p < floor ? premium : 0));
	add_piece(job, pieces, floor - greater(head + (int64_t) packs, 0), units, premium);
	return status;
}

/*
 * Quanta of money. One more unit for a floor can take a unit from elsewhere and send others
 * another way at every node: all that must not outweigh the premium.
 */
static double
find_scale(const ClaimJob *job)
{
	double		most_worth = fmin(MOST_WORTH, (double) floor_premium(job) / (double) (2 * job->nodes + 2));
	double		most = 0;

	for (size_t i = job->run->from; i < job->run->to; i++)
		most = fmax(most, fmax(job->claims[i].value, job->claims[i].cost) * (double) job->claims[i].pack);
	return most > 0 ? most_worth / most : 1;
}

/* By expected sales transport() decides how much each gets. */
MerchStatus
claim_ask_by_worth(ClaimJob *job)
{
	const ClaimColumns *columns = &job->columns;
	double		scale = find_scale(job);
	ExpectedInput demand = {
		.distribution = (DistributionKind) job->claims[job->run->from].distribution,
		.supply = INT64_MAX,
		.mean = columns->mean,
		.dispersion = columns->dispersion,
		.value = columns->value,
		.minimum = columns->minimum,
		.maximum = columns->maximum,
		.pack = columns->pack,
		.position = columns->position
	};
	size_t		pieces = 0;
	size_t		row = 0;

	claim_collect_sinks(job, 0);
	demand.n = columns->n;
	for (size_t j = 0; j < job->sinks; j++)
	{
		job->piece_start[j] = pieces;
		job->sink_need[j] = 0;
		if (row < columns->n && columns->claim[row] == job->sink[j].from)
		{
			MerchStatus status = make_pieces(job, &demand, row++, scale, &pieces);

			if (status != MERCH_OK)
				return claim_report(job, status);
		}
		for (size_t p = job->piece_start[j]; p < pieces; p++)
			job->sink_need[j] += job->piece_units[p];
	}
	job->piece_start[job->sinks] = pieces;
	make_costs(job, scale * (double) job->unit);
	return MERCH_OK;
}
