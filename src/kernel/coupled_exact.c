/*
 * coupled_exact.c
 *	  Items with several sources, solved exactly at the prices of the resources.
 *
 * Such an item is a transport problem; its optimum gives a flow, and prices of the
 * sources that prove it. Between these solves the prices of the sources move like
 * those of resources, which costs far less.
 *
 * Everything is counted in the greatest common divisor of the item's packs. Where
 * all packs are equal that is a pack, and the optimum one of whole packs. Where they
 * differ the flow may split packs: it is cut down to whole ones, and filled up later
 * like any plan. The prices, and thus the bound, hold in either case.
 *
 * Which of several optimal flows transport() finds depends on the order of sources
 * and sinks: they go in by the least key of their lanes. Those without lane stay out.
 */
#include "coupled_job.h"
#include "units.h"

typedef struct Item
{
	size_t		first_source;
	size_t		sources;
	size_t		first_place;
	size_t		places;
	size_t		ins;			/* sources, and places, that have a lane */
	size_t		outs;
	int64_t		unit;
	int			shift;			/* money is cut down by so many bits */
} Item;

/* No item at all if the starts are invalid; coupled_load() finds that. */
static Item
item_at(const CoupledInput *input, size_t i)
{
	size_t		source = input->item_source_start[i];
	size_t		place = input->item_place_start[i];
	size_t		end_source = input->item_source_start[i + 1];
	size_t		end_place = input->item_place_start[i + 1];

	if (source > end_source || end_source > input->sources ||
		place > end_place || end_place > input->places)
		return (Item) {0};
	return (Item) {
		.first_source = source, .sources = end_source - source,
		.first_place = place, .places = end_place - place
	};
}

/* The packs that the item's places could take. */
static size_t
item_packs(const CoupledInput *input, const Item *item)
{
	size_t		first = input->place_worth_start[item->first_place];
	size_t		end = input->place_worth_start[item->first_place + item->places];

	return first <= end && end <= input->packs ? end - first : 0;
}

static size_t
carve(size_t *at, size_t n, size_t width)
{
	size_t		start = *at;

	*at += n * width;
	return start;
}

/* Room for the largest item in each dimension. */
ExactLayout
coupled_exact_layout(const CoupledInput *input)
{
	ExactLayout layout = {0};
	size_t		sources = 0;
	size_t		places = 0;
	size_t		lanes = 0;
	size_t		packs = 0;
	size_t		at = 0;

	for (size_t i = 0; i < input->items; i++)
	{
		Item		item = item_at(input, i);
		/* transport() may turn the problem around: room for either way */
		TransportInput transport = {
			.sources = item.sources,
			.sinks = item.places > item.sources ? item.places : item.sources
		};
		size_t		bytes;

		if (item.sources < 2 || item.places == 0)
			continue;
		bytes = transport_scratch_size(&transport);
		sources = item.sources > sources ? item.sources : sources;
		places = item.places > places ? item.places : places;
		lanes = item.sources * item.places > lanes ? item.sources * item.places : lanes;
		packs = item_packs(input, &item) > packs ? item_packs(input, &item) : packs;
		layout.scratch_bytes = bytes > layout.scratch_bytes ? bytes : layout.scratch_bytes;
	}
	layout.cost = carve(&at, lanes, sizeof(int64_t));
	layout.flow = carve(&at, lanes, sizeof(int64_t));
	layout.lane = carve(&at, lanes, sizeof(size_t));
	layout.supply = carve(&at, sources, sizeof(int64_t));
	layout.price = carve(&at, sources, sizeof(int64_t));
	layout.need = carve(&at, places, sizeof(int64_t));
	layout.source_at = carve(&at, sources, sizeof(size_t));
	layout.source_rank = carve(&at, sources, sizeof(size_t));
	layout.place_at = carve(&at, places, sizeof(size_t));
	layout.piece_start = carve(&at, places + 1, sizeof(size_t));
	layout.piece_units = carve(&at, packs, sizeof(int64_t));
	layout.value = carve(&at, packs, sizeof(int64_t));
	layout.scratch = at;
	layout.bytes = at + layout.scratch_bytes;
	return layout;
}

void
coupled_exact_divide(Exact *exact, const ExactLayout *at, char *base)
{
	exact->cost = (int64_t *) (base + at->cost);
	exact->flow = (int64_t *) (base + at->flow);
	exact->lane = (size_t *) (base + at->lane);
	exact->supply = (int64_t *) (base + at->supply);
	exact->price = (int64_t *) (base + at->price);
	exact->need = (int64_t *) (base + at->need);
	exact->source_at = (size_t *) (base + at->source_at);
	exact->source_rank = (size_t *) (base + at->source_rank);
	exact->place_at = (size_t *) (base + at->place_at);
	exact->piece_start = (size_t *) (base + at->piece_start);
	exact->piece_units = (int64_t *) (base + at->piece_units);
	exact->value = (int64_t *) (base + at->value);
	exact->scratch = base + at->scratch;
}

static bool
key_first(const void *a, const void *b)
{
	return ((const Candidate *) a)->key < ((const Candidate *) b)->key;
}

/* Writes the numbers of the first n candidates in the order of their keys. */
static MerchStatus
sort_candidates(Job *job, size_t n, size_t *sorted)
{
	Heap		heap;

	for (size_t i = 0; i < n; i++)
		job->heap[i] = &job->candidates[i];
	if (!heap_build(&heap, (void **) job->heap, n, key_first, job->interrupt))
		return MERCH_CANCELLED;
	for (size_t i = 0; i < n; i++)
	{
		if (cancelled(job))
			return MERCH_CANCELLED;
		sorted[i] = ((Candidate *) heap_pop(&heap))->lane;
	}
	return MERCH_OK;
}

/* The source that a lane starts from, counted within the item. */
static size_t
source_of(const Job *job, const Item *item, const Lane *lane)
{
	return lane->row[SOURCE_SLOT] - job->input->resources - item->first_source;
}

/* The order of the places that have lanes; and the least key of each source's lanes. */
static MerchStatus
order_places(Job *job, Item *item, int64_t *least_key)
{
	item->outs = 0;
	for (size_t j = 0; j < item->places; j++)
	{
		const Place *place = &job->places[item->first_place + j];
		Candidate  *candidate = &job->candidates[item->outs];

		if (place->first_lane == place->end_lane)
			continue;
		*candidate = (Candidate) {.key = INT64_MAX, .lane = item->first_place + j};
		for (size_t l = place->first_lane; l < place->end_lane; l++)
		{
			const Lane *lane = &job->lanes[l];
			size_t		source = source_of(job, item, lane);

			if (cancelled(job))
				return MERCH_CANCELLED;
			if (lane->key < candidate->key)
				candidate->key = lane->key;
			if (lane->key < least_key[source])
				least_key[source] = lane->key;
			job->exact.source_rank[source] = 0;
		}
		item->outs++;
	}
	return sort_candidates(job, item->outs, job->exact.place_at);
}

static MerchStatus
put_in_order(Job *job, Item *item)
{
	Exact	   *exact = &job->exact;
	int64_t    *least_key = exact->price;
	MerchStatus status;

	for (size_t i = 0; i < item->sources; i++)
	{
		least_key[i] = INT64_MAX;
		exact->source_rank[i] = SIZE_MAX;
	}
	status = order_places(job, item, least_key);
	item->ins = 0;
	for (size_t i = 0; i < item->sources; i++)
		if (exact->source_rank[i] != SIZE_MAX)
			job->candidates[item->ins++] = (Candidate) {.key = least_key[i], .lane = i};
	if (status == MERCH_OK)
		status = sort_candidates(job, item->ins, exact->source_at);
	for (size_t i = 0; i < item->ins && status == MERCH_OK; i++)
		exact->source_rank[exact->source_at[i]] = i;
	return status;
}

/* The item's unit; and how far its worths, at scale, exceed what transport() takes. */
static MerchStatus
measure(Job *job, Item *item)
{
	int64_t		most = ((int64_t) 1 << 59) / (int64_t) (2 * item->sources + 2);
	int64_t		worth = 0;

	item->unit = 0;
	item->shift = 0;
	for (size_t j = 0; j < item->outs; j++)
	{
		const Place *place = &job->places[job->exact.place_at[j]];

		if (cancelled(job))
			return MERCH_CANCELLED;
		item->unit = common_divisor(place->pack, item->unit);
		if (place->most > 0 && next_worth(place, 0) > worth)
			worth = next_worth(place, 0);
	}
	while (((worth << COUPLED_PRICE_BITS) >> item->shift) > most)
		item->shift++;
	return MERCH_OK;
}

/* What each pack of the place is worth, for each unit of it. */
static MerchStatus
set_values(Job *job, const Item *item, size_t j)
{
	Exact	   *exact = &job->exact;
	const Place *place = &job->places[exact->place_at[j]];
	int64_t		units = place->pack / item->unit;
	size_t		piece = exact->piece_start[j];

	for (int64_t k = 0; k < place->most; k++)
	{
		if (cancelled(job))
			return MERCH_CANCELLED;
		exact->piece_units[piece] = units;
		exact->value[piece++] =
			((next_worth(place, k) << COUPLED_PRICE_BITS) >> item->shift) / units;
	}
	exact->piece_start[j + 1] = piece;
	if (__builtin_mul_overflow(place->most, units, &exact->need[j]))
		exact->need[j] = INT64_MAX;
	return MERCH_OK;
}

/* The cheapest lane from each source to the place at the prices of the resources. */
static MerchStatus
set_costs(Job *job, const Item *item, size_t j)
{
	Exact	   *exact = &job->exact;
	const Place *place = &job->places[exact->place_at[j]];
	int64_t		units = place->pack / item->unit;
	/* never worth it: beyond what transport() takes, too */
	int64_t		most = place->most > 0 ?
		(next_worth(place, 0) << COUPLED_PRICE_BITS) >> item->shift : 0;

	for (size_t i = 0; i < item->ins; i++)
		exact->cost[i * item->outs + j] = TRANSPORT_NO_LANE;
	for (size_t l = place->first_lane; l < place->end_lane; l++)
	{
		const Lane *lane = &job->lanes[l];
		size_t		cell = exact->source_rank[source_of(job, item, lane)] * item->outs + j;
		int64_t		cost;

		if (cancelled(job))
			return MERCH_CANCELLED;
		if (!lane->usable)
			continue;
		cost = coupled_lane_cost(job, lane, SOURCE_SLOT) >> item->shift;
		if (cost > most)
			continue;
		cost /= units;
		if (cost < exact->cost[cell] ||
			(cost == exact->cost[cell] && lane->key < job->lanes[exact->lane[cell]].key))
		{
			exact->cost[cell] = cost;
			exact->lane[cell] = l;
		}
	}
	return MERCH_OK;
}

static Row *
row_of_source(const Job *job, const Item *item, size_t i)
{
	return &job->rows[job->input->resources + item->first_source + job->exact.source_at[i]];
}

/* The flow in whole packs, and the prices for a single piece, at full scale. */
static void
take_over(Job *job, const Item *item)
{
	const Exact *exact = &job->exact;

	for (size_t i = 0; i < item->ins; i++)
	{
		Row		   *row = row_of_source(job, item, i);
		int128_t	price = ((int128_t) exact->price[i] << item->shift) / item->unit;

		row->price = price < row->most_price ? (int64_t) price : row->most_price;
		for (size_t j = 0; j < item->outs; j++)
		{
			size_t		cell = i * item->outs + j;
			int64_t		units = job->places[exact->place_at[j]].pack / item->unit;

			if (exact->flow[cell] > 0)
				job->lanes[exact->lane[cell]].flow = exact->flow[cell] / units;
		}
	}
}

static MerchStatus
pose(Job *job, Item *item)
{
	Exact	   *exact = &job->exact;
	MerchStatus status = put_in_order(job, item);

	if (status == MERCH_OK)
		status = measure(job, item);
	if (status != MERCH_OK || item->outs == 0)
		return status;
	for (size_t i = 0; i < item->ins; i++)
		exact->supply[i] = row_of_source(job, item, i)->limit / item->unit;
	exact->piece_start[0] = 0;
	for (size_t j = 0; j < item->outs && status == MERCH_OK; j++)
	{
		status = set_values(job, item, j);
		if (status == MERCH_OK)
			status = set_costs(job, item, j);
	}
	return status;
}

static MerchStatus
solve_item(Job *job, Item *item)
{
	Exact	   *exact = &job->exact;
	TransportInput input = {
		.supply = exact->supply, .need = exact->need, .cost = exact->cost,
		.piece_start = exact->piece_start, .piece_units = exact->piece_units,
		.value = exact->value
	};
	MerchFault	fault;
	MerchStatus status = pose(job, item);

	if (status != MERCH_OK || item->outs == 0)
		return status;
	input.sources = item->ins;
	input.sinks = item->outs;
	status = transport(&input, exact->flow, exact->price, exact->scratch, job->interrupt, &fault);
	if (status == MERCH_OK)
		take_over(job, item);
	return status;
}

MerchStatus
coupled_exact(Job *job)
{
	MerchStatus status = MERCH_OK;

	for (size_t l = 0; l < job->input->lanes; l++)
		job->lanes[l].flow = 0;
	for (size_t i = 0; i < job->input->items && status == MERCH_OK; i++)
	{
		Item		item = item_at(job->input, i);

		if (item.sources >= 2 && item.places > 0)
			status = solve_item(job, &item);
	}
	job->flows_hold = status == MERCH_OK;
	return status;
}
