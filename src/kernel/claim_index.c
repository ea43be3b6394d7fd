/*
 * claim_index.c
 *	  Finds the runs, sources and fences among claims, and how much memory their
 *	  split takes.
 */
#include "claim_job.h"

#include <math.h>

#include "expected.h"
#include "transport.h"

/* A chance, to be asked for or not to be, that counts as none in a pool. */
#define POOL_TAIL 1e-6

/* The parts of the index's memory, in the order of their alignment. */
size_t
claim_index_size(size_t n)
{
	return _Alignof(ClaimIndex) + sizeof(ClaimIndex) +
		n * (sizeof(ClaimRun) + sizeof(ClaimSource) + sizeof(ClaimFence) +
			 sizeof(ClaimLevel) + sizeof(size_t));
}

static ClaimIndex *
divide_memory(void *memory, size_t n)
{
	uintptr_t	address = (uintptr_t) memory + _Alignof(ClaimIndex) - 1;
	ClaimIndex *index = (ClaimIndex *) (address - address % _Alignof(ClaimIndex));

	*index = (ClaimIndex) {.n = n};
	index->run = (ClaimRun *) (index + 1);
	index->source = (ClaimSource *) (index->run + n);
	index->fence = (ClaimFence *) (index->source + n);
	index->level = (ClaimLevel *) (index->fence + n);
	index->source_of = (size_t *) (index->level + n);
	return index;
}

static MerchStatus
check_claim(const Claim *claim, size_t row, MerchFault *fault)
{
	Distribution demand;
	MerchStatus status;

	if (claim->minimum < 0)
		return fail_row(fault, MERCH_NEGATIVE_MINIMUM, row, claim->minimum, 0);
	if (claim->maximum < 0)
		return fail_row(fault, MERCH_NEGATIVE_MAXIMUM, row, claim->maximum, 0);
	if (claim->pack <= 0)
		return fail_row(fault, MERCH_PACK_NOT_POSITIVE, row, claim->pack, 0);
	fault->row = row;
	fault->number = claim->cost;
	if (!(claim->cost >= 0 && claim->cost < HUGE_VAL))
		return MERCH_LANE_COST_OUT_OF_RANGE;
	fault->number = claim->value;
	if (claim->method == CLAIM_EXPECTED_SALES && !(claim->value >= 0 && claim->value < HUGE_VAL))
		return MERCH_VALUE_OUT_OF_RANGE;
	status = distribution_set((DistributionKind) claim->distribution, claim->mean, claim->dispersion,
							  &demand, fault);
	fault->row = row;
	return status;
}

/* Raises *most to units, and the total with it. */
static MerchStatus
raise(ClaimIndex *index, int64_t *most, int64_t units, size_t row, MerchFault *fault)
{
	int64_t		more = units - *most;

	if (more <= 0)
		return MERCH_OK;
	if (more > INT64_MAX - index->total)
	{
		*fault = (MerchFault) {.row = row, .value = index->total, .limit = more};
		return MERCH_OUT_OF_RANGE;
	}
	index->total += more;
	*most = units;
	return MERCH_OK;
}

/* Sources are few: the last one found is mostly the one. */
static size_t
find_source(ClaimIndex *index, int32_t id, size_t guess)
{
	if (guess < index->sources && index->source[guess].id == id)
		return guess;
	for (size_t i = 0; i < index->sources; i++)
		if (index->source[i].id == id)
			return i;
	index->source[index->sources] = (ClaimSource) {.id = id, .first = CLAIM_NO_SOURCE};
	return index->sources++;
}

static ClaimFence *
find_fence(ClaimIndex *index, size_t source, int32_t channel)
{
	for (size_t i = 0; i < index->fences; i++)
		if (index->fence[i].source == source && index->fence[i].channel == channel)
			return &index->fence[i];
	index->fence[index->fences] = (ClaimFence) {.source = source, .channel = channel};
	return &index->fence[index->fences++];
}

/* Whether a run's claims can't be split source by source. */
static bool
is_pooled(ClaimIndex *index, const Claim *claims, const ClaimRun *run)
{
	for (size_t i = run->from; i < run->to; i++)
	{
		ClaimSource *source;

		if (claims[i].fence > 0 ||
			(i > run->from && claim_same_location(&claims[i], &claims[i - 1])) ||
			(claims[i].method == CLAIM_EXPECTED_SALES && claims[i].cost > 0))
			return true;
		if (index->source_of[i] == CLAIM_NO_SOURCE)
			continue;
		source = &index->source[index->source_of[i]];
		if (source->first == CLAIM_NO_SOURCE || source->first < run->from)
			source->first = i;
		else if (claims[source->first].supply != claims[i].supply)
			return true;
	}
	return false;
}

void
claim_find_span(const Claim *claim, int64_t served, int64_t total, int64_t *head, int64_t *end)
{
	Distribution demand;
	MerchFault	fault;
	int64_t		position = greater(claim_add(claim->position, served), 0);

	*head = *end = 0;
	if (distribution_set((DistributionKind) claim->distribution, claim->mean, claim->dispersion,
						 &demand, &fault) != MERCH_OK)
		return;
	(void) distribution_quantile(&demand, POOL_TAIL, head, &fault);
	(void) distribution_quantile(&demand, 1 - POOL_TAIL, end, &fault);
	*head = lesser(greater(*head - position, 0), total) / claim->pack;
	*end = lesser(greater(*end - position, 0), total) / claim->pack + 1;
}

/*
 * Served units move both ends of the span alike, by parts of a pack at times. Pieces on top
 * are what comes before the span, which the floor may divide, and the floor behind it.
 */
static size_t
count_pieces(const Claim *claim, int64_t total)
{
	int64_t		head;
	int64_t		end;

	if (claim->method != CLAIM_EXPECTED_SALES)
		return 0;
	claim_find_span(claim, 0, INT64_MAX, &head, &end);
	return (size_t) lesser(end - head, total / claim->pack) + 5;
}

/* A pooled run has a node for each supply that a source's claims have, and each fence. */
static size_t
count_nodes(ClaimIndex *index, const Claim *claims, const ClaimRun *run)
{
	size_t		levels = 0;

	for (size_t i = run->from; i < run->to; i++)
	{
		size_t		k = 0;

		if (index->source_of[i] == CLAIM_NO_SOURCE)
			continue;
		while (k < levels && (index->level[k].source != index->source_of[i] ||
							  index->level[k].supply != claims[i].supply))
			k++;
		if (k == levels)
			index->level[levels++] = (ClaimLevel) {index->source_of[i], claims[i].supply};
	}
	return levels + index->fences;
}

static void
measure_run(ClaimIndex *index, const Claim *claims, const ClaimRun *run)
{
	size_t		nodes;
	size_t		sinks = 0;
	size_t		pieces = 0;

	if (run->to - run->from > index->most_claims)
		index->most_claims = run->to - run->from;
	if (!run->pooled)
		return;
	for (size_t i = run->from; i < run->to; i++)
	{
		if (i > run->from && claim_same_location(&claims[i], &claims[i - 1]))
			continue;
		sinks++;
		pieces += count_pieces(&claims[i], index->total);
	}
	nodes = count_nodes(index, claims, run);
	if (nodes > index->most_nodes)
		index->most_nodes = nodes;
	if (sinks > index->most_sinks)
		index->most_sinks = sinks;
	if (pieces > index->most_pieces)
		index->most_pieces = pieces;
}

/* Enters claim i into the index; a claim of another run than the last opens one. */
static MerchStatus
enter_claim(ClaimIndex *index, const Claim *claims, size_t i, MerchFault *fault)
{
	const Claim *claim = &claims[i];
	ClaimRun   *run;
	MerchStatus status = check_claim(claim, i, fault);

	if (status != MERCH_OK)
		return status;
	if (i == 0 || claim->run != claims[i - 1].run)
		index->run[index->runs++] = (ClaimRun) {.from = i};
	run = &index->run[index->runs - 1];
	run->to = i + 1;
	run->pushes = run->pushes || claim->push;
	run->renews = run->renews || claim->current != CLAIM_NEW;
	index->source_of[i] = CLAIM_NO_SOURCE;
	if (claim->supply != CLAIM_NO_SUPPLY || claim->fence > 0)
	{
		size_t		number = find_source(index, claim->source, i == 0 ? 0 : index->source_of[i - 1]);

		index->source_of[i] = number;
		status = raise(index, &index->source[number].most, claim->supply, i, fault);
		if (status == MERCH_OK && claim->fence > 0)
			status = raise(index, &find_fence(index, number, claim->channel)->most, claim->fence, i,
						   fault);
	}
	return status == MERCH_OK ? raise(index, &(int64_t) {0}, claim->fixed, i, fault) : status;
}

MerchStatus
claim_index(const Claim *claims, size_t n, void *memory, ClaimIndex **result, MerchFault *fault)
{
	ClaimIndex *index = divide_memory(memory, n);

	*result = index;
	for (size_t i = 0; i < n; i++)
	{
		MerchStatus status = enter_claim(index, claims, i, fault);

		if (status != MERCH_OK)
			return status;
	}
	for (size_t r = 0; r < index->runs; r++)
	{
		index->run[r].pooled = is_pooled(index, claims, &index->run[r]);
		measure_run(index, claims, &index->run[r]);
	}
	return MERCH_OK;
}

static size_t
solver_size(const ClaimIndex *index)
{
	TransportInput input = {.sources = index->most_nodes, .sinks = index->most_sinks};
	size_t		size = apportion_scratch_size(index->most_claims);

	if (expected_scratch_size(index->most_claims) > size)
		size = expected_scratch_size(index->most_claims);
	if (index->most_sinks > 0 && transport_scratch_size(&input) > size)
		size = transport_scratch_size(&input);
	return size;
}

/* Lays the job's arrays out from an address on; returns where they end. */
static uintptr_t
lay_out(ClaimJob *job, const ClaimIndex *index, uintptr_t address)
{
	size_t		rows = index->most_claims;
	size_t		lanes = index->most_nodes * index->most_sinks;
	ClaimColumns *columns = &job->columns;

	columns->claim = claim_take_part(&address, rows, sizeof(size_t));
	columns->need = claim_take_part(&address, rows, sizeof(int64_t));
	columns->minimum = claim_take_part(&address, rows, sizeof(int64_t));
	columns->maximum = claim_take_part(&address, rows, sizeof(int64_t));
	columns->pack = claim_take_part(&address, rows, sizeof(int64_t));
	columns->position = claim_take_part(&address, rows, sizeof(int64_t));
	columns->key = claim_take_part(&address, rows, sizeof(int64_t));
	columns->quantity = claim_take_part(&address, rows, sizeof(int64_t));
	columns->tier = claim_take_part(&address, rows, sizeof(int32_t));
	columns->mean = claim_take_part(&address, rows, sizeof(double));
	columns->dispersion = claim_take_part(&address, rows, sizeof(double));
	columns->value = claim_take_part(&address, rows, sizeof(double));
	job->pin = claim_take_part(&address, rows, sizeof(int64_t));
	job->node = claim_take_part(&address, index->most_nodes, sizeof(ClaimNode));
	job->node_units = claim_take_part(&address, index->most_nodes, sizeof(int64_t));
	job->price = claim_take_part(&address, index->most_nodes, sizeof(int64_t));
	job->cost = claim_take_part(&address, lanes, sizeof(int64_t));
	job->flow = claim_take_part(&address, lanes, sizeof(int64_t));
	job->sink = claim_take_part(&address, index->most_sinks, sizeof(ClaimSink));
	job->sink_need = claim_take_part(&address, index->most_sinks, sizeof(int64_t));
	job->piece_start = claim_take_part(&address, index->most_sinks + 1, sizeof(size_t));
	job->piece_units = claim_take_part(&address, index->most_pieces, sizeof(int64_t));
	job->piece_value = claim_take_part(&address, index->most_pieces, sizeof(int64_t));
	job->solver = (void *) address;
	return address + solver_size(index);
}

size_t
claim_scratch_size(const ClaimIndex *index)
{
	ClaimJob	job = {0};

	return CLAIM_ALIGNMENT - 1 + lay_out(&job, index, 0);
}

void
claim_divide_scratch(ClaimJob *job, ClaimIndex *index, void *scratch)
{
	(void) lay_out(job, index, claim_align(scratch));
}
