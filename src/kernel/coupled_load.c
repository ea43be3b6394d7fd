/*
 * coupled_load.c
 *	  Checks the input and lays it out for the solver.
 */
#include "coupled_job.h"
#include "units.h"

static MerchStatus
check_starts(const size_t *start, size_t owners, size_t total, MerchFault *fault)
{
	if (start[0] != 0)
		return fail_row(fault, MERCH_STARTS_INVALID, 0, (int64_t) start[0], 0);
	for (size_t i = 0; i < owners; i++)
		if (start[i + 1] < start[i])
			return fail_row(fault, MERCH_STARTS_INVALID, i + 1, (int64_t) start[i + 1],
						(int64_t) start[i]);
	if (start[owners] != total)
		return fail_row(fault, MERCH_STARTS_INVALID, owners, (int64_t) start[owners],
					(int64_t) total);
	return MERCH_OK;
}

static MerchStatus
check_counts(const CoupledInput *input, MerchFault *fault)
{
	MerchStatus status;

	if (input->resources > UINT32_MAX || input->sources > UINT32_MAX - input->resources)
		return fail_row(fault, MERCH_OUT_OF_RANGE, 0, (int64_t) input->sources,
					(int64_t) input->resources);
	status = check_starts(input->item_source_start, input->items, input->sources, fault);
	if (status == MERCH_OK)
		status = check_starts(input->item_place_start, input->items, input->places, fault);
	if (status == MERCH_OK)
		status = check_starts(input->place_worth_start, input->places, input->packs, fault);
	if (status == MERCH_OK)
		status = check_starts(input->place_lane_start, input->places, input->lanes, fault);
	return status;
}

static MerchStatus
check_money(int64_t money, MerchStatus negative, size_t row, MerchFault *fault)
{
	if (money < 0)
		return fail_row(fault, negative, row, money, 0);
	if (money > COUPLED_MOST_MONEY)
		return fail_row(fault, MERCH_MONEY_TOO_LARGE, row, money, COUPLED_MOST_MONEY);
	return MERCH_OK;
}

static MerchStatus
load_rows(Job *job, MerchFault *fault)
{
	const CoupledInput *input = job->input;

	for (size_t r = 0; r < job->n_rows; r++)
	{
		bool		resource = r < input->resources;
		size_t		i = resource ? r : r - input->resources;
		int64_t		limit = resource ? input->limit[i] : input->supply[i];

		if (limit < 0)
			return fail_row(fault, resource ? MERCH_NEGATIVE_LIMIT : MERCH_NEGATIVE_SUPPLY,
						i, limit, 0);
		job->rows[r] = (Row) {.limit = limit};
	}
	return MERCH_OK;
}

/* The staircase as sums, premiums of the floor included. */
static MerchStatus
load_worths(Job *job, size_t p, int64_t *sum, MerchFault *fault)
{
	const CoupledInput *input = job->input;
	size_t		first = input->place_worth_start[p];
	size_t		end = input->place_worth_start[p + 1];
	int64_t		floor_packs = input->floor_packs == NULL ? 0 : input->floor_packs[p];
	int64_t		before = COUPLED_MOST_MONEY;

	if (floor_packs < 0)
		return fail_row(fault, MERCH_NEGATIVE_MINIMUM, p, floor_packs, 0);
	sum[0] = 0;
	for (size_t k = first; k < end; k++)
	{
		int64_t		worth = input->worth[k];
		int64_t		premium = (int64_t) (k - first) < floor_packs ? input->floor_premium : 0;
		MerchStatus status = check_money(worth, MERCH_NEGATIVE_WORTH, k, fault);

		if (status != MERCH_OK)
			return status;
		if (worth > before)
			return fail_row(fault, MERCH_WORTH_INCREASING, k, worth, before);
		if (cancelled(job))
			return MERCH_CANCELLED;
		if (__builtin_add_overflow(sum[k - first], worth + premium, &sum[k - first + 1]))
			return fail_row(fault, MERCH_MONEY_TOO_LARGE, k, worth, COUPLED_MOST_MONEY);
		before = worth;
	}
	return MERCH_OK;
}

/* A resource that is named twice is used twice, as one usage. */
static MerchStatus
add_usage(Lane *lane, size_t l, size_t u, uint32_t row, int64_t usage, MerchFault *fault)
{
	size_t		slot = u;

	for (size_t v = 0; v < u; v++)
		if (lane->row[v] == row && lane->usage[v] > 0)
			slot = v;
	lane->row[slot] = row;
	if (__builtin_add_overflow(lane->usage[slot], usage, &lane->usage[slot]))
		return fail_row(fault, MERCH_OUT_OF_RANGE, l, usage, usage);
	return MERCH_OK;
}

static MerchStatus
load_usages(Job *job, size_t l, MerchFault *fault)
{
	const CoupledInput *input = job->input;
	MerchStatus status = MERCH_OK;

	for (size_t u = 0; u < COUPLED_LANE_RESOURCES && status == MERCH_OK; u++)
	{
		size_t		column = l * COUPLED_LANE_RESOURCES + u;
		int32_t		resource = input->lane_resource == NULL ? COUPLED_NO_RESOURCE :
			input->lane_resource[column];
		int64_t		usage;

		if (resource == COUPLED_NO_RESOURCE)
			continue;
		usage = input->lane_usage[column];
		if (resource < 0 || (size_t) resource >= input->resources)
			return fail_row(fault, MERCH_RESOURCE_UNKNOWN, l, resource, (int64_t) input->resources);
		if (usage < 0)
			return fail_row(fault, MERCH_NEGATIVE_USAGE, l, usage, 0);
		status = add_usage(&job->lanes[l], l, u, (uint32_t) resource, usage, fault);
	}
	return status;
}

static bool
pack_fits(const Job *job, const Lane *lane)
{
	for (size_t u = 0; u < LANE_ROWS; u++)
		if (lane->usage[u] > job->rows[lane->row[u]].limit)
			return false;
	return true;
}

static MerchStatus
load_lane(Job *job, size_t item, size_t p, size_t l, MerchFault *fault)
{
	const CoupledInput *input = job->input;
	int32_t		source = input->lane_source == NULL ? 0 : input->lane_source[l];
	size_t		first = input->item_source_start[item];
	size_t		end = input->item_source_start[item + 1];
	Lane	   *lane = &job->lanes[l];
	MerchStatus status;

	*lane = (Lane) {.place = p};
	if (source < 0 || (size_t) source >= end - first)
		return fail_row(fault, MERCH_SOURCE_UNKNOWN, l, source, (int64_t) (end - first));
	lane->cost = input->lane_cost == NULL ? 0 : input->lane_cost[l];
	lane->key = input->lane_key == NULL ? (int64_t) l : input->lane_key[l];
	lane->row[SOURCE_SLOT] = (uint32_t) (input->resources + first + (size_t) source);
	lane->usage[SOURCE_SLOT] = job->places[p].pack;
	status = check_money(lane->cost, MERCH_NEGATIVE_COST, l, fault);
	if (status == MERCH_OK)
		status = load_usages(job, l, fault);
	if (status != MERCH_OK)
		return status;
	lane->usable = pack_fits(job, lane);
	return cancelled(job) ? MERCH_CANCELLED : MERCH_OK;
}

/* At the row's highest price the first pack of no place is worth what it uses. */
static void
note_usages(Job *job, const Lane *lane)
{
	const Place *place = &job->places[lane->place];
	int64_t		gain = place->most > 0 ? next_worth(place, 0) - lane->cost : 0;

	if (!lane->usable)
		return;
	for (size_t u = 0; u < LANE_ROWS; u++)
	{
		Row		   *row = &job->rows[lane->row[u]];
		int64_t		price;

		if (lane->usage[u] == 0)
			continue;
		row->unit = common_divisor(lane->usage[u], row->unit);
		price = gain > 0 ? (gain << COUPLED_PRICE_BITS) / lane->usage[u] + 1 : 0;
		if (row->most_price < price)
			row->most_price = price < MOST_PRICE ? price : MOST_PRICE;
	}
}

static MerchStatus
load_place(Job *job, size_t item, size_t p, MerchFault *fault)
{
	const CoupledInput *input = job->input;
	int64_t    *sum = job->sums + input->place_worth_start[p] + p;
	Place	   *place = &job->places[p];
	MerchStatus status = load_worths(job, p, sum, fault);

	if (status != MERCH_OK)
		return status;
	*place = (Place) {
		.sum = sum,
		.most = (int64_t) (input->place_worth_start[p + 1] - input->place_worth_start[p]),
		.pack = input->pack == NULL ? 1 : input->pack[p],
		.first_lane = input->place_lane_start[p],
		.end_lane = input->place_lane_start[p + 1],
		.several_sources = input->item_source_start[item + 1] - input->item_source_start[item] > 1,
	};
	job->any_exact |= place->several_sources;
	if (place->pack < 1)
		return fail_row(fault, MERCH_PACK_NOT_POSITIVE, p, place->pack, 0);
	for (size_t l = place->first_lane; l < place->end_lane && status == MERCH_OK; l++)
	{
		status = load_lane(job, item, p, l, fault);
		if (status == MERCH_OK)
			note_usages(job, &job->lanes[l]);
	}
	return status;
}

/*
 * No plan can use more of a row than a multiple of what all usages are multiples
 * of: cutting the limit down to that tightens the bound.
 */
static void
cut_limits(Job *job)
{
	for (size_t r = 0; r < job->n_rows; r++)
	{
		Row		   *row = &job->rows[r];

		if (row->unit > 0)
			row->limit -= row->limit % row->unit;
		row->step = row->most_price / 16 + 1;
	}
}

MerchStatus
coupled_load(Job *job, MerchFault *fault)
{
	const CoupledInput *input = job->input;
	MerchStatus status = check_counts(input, fault);

	if (status == MERCH_OK)
		status = check_money(input->floor_premium, MERCH_NEGATIVE_WORTH, 0, fault);
	if (status == MERCH_OK)
		status = load_rows(job, fault);
	for (size_t i = 0; i < input->items && status == MERCH_OK; i++)
		for (size_t p = input->item_place_start[i];
			 p < input->item_place_start[i + 1] && status == MERCH_OK; p++)
			status = load_place(job, i, p, fault);
	if (status == MERCH_OK)
		cut_limits(job);
	return status;
}
