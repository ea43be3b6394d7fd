/*
 * prepack_plan.c
 *	  A plan of pre-packs: the gain of a change, and the greedy filling.
 */
#include "prepack_plan.h"

#include <string.h>

#include "heap.h"
#include "units.h"

bool
instance_cancelled(Instance *instance, size_t n)
{
	instance->steps += n;
	if (instance->steps < MERCH_POLL_STEPS)
		return false;
	instance->steps = 0;
	return instance->interrupt != NULL && instance->interrupt();
}

static int64_t
sum_of_first(const int64_t *sum, int64_t n)
{
	return n == 0 ? 0 : sum[n - 1];
}

int128_t
instance_worth(const Instance *instance, size_t cell, int64_t from, int64_t to)
{
	size_t		start = instance->in->worth_start[cell];
	int64_t		length = (int64_t) (instance->in->worth_start[cell + 1] - start);
	const int64_t *sum = instance->sum + start;
	int64_t		inside_from = lesser(from, length);
	int64_t		inside_to = lesser(to, length);

	return (int128_t) sum_of_first(sum, inside_to) - sum_of_first(sum, inside_from) -
		(int128_t) instance->in->overstock * ((to - inside_to) - (from - inside_from));
}

int64_t
instance_units_above(const Instance *instance, size_t cell, int64_t price)
{
	const int64_t *worth = instance->in->worth;
	size_t		low = instance->in->worth_start[cell];
	size_t		high = instance->in->worth_start[cell + 1];

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (worth[middle] > price)
			low = middle + 1;
		else
			high = middle;
	}
	return (int64_t) (low - instance->in->worth_start[cell]);
}

void
plan_clear(Plan *plan)
{
	const PrepackInput *in = plan->instance->in;

	memset(plan->quantity, 0, in->locations * in->prepacks * sizeof(int64_t));
	memset(plan->units, 0, in->locations * in->sizes * sizeof(int64_t));
	memcpy(plan->left, plan->instance->supply, in->prepacks * sizeof(int64_t));
	memcpy(plan->room, plan->instance->maximum, in->locations * sizeof(int64_t));
}

void
plan_copy(Plan *to, const Plan *from)
{
	const PrepackInput *in = from->instance->in;

	memcpy(to->quantity, from->quantity, in->locations * in->prepacks * sizeof(int64_t));
	memcpy(to->units, from->units, in->locations * in->sizes * sizeof(int64_t));
	memcpy(to->left, from->left, in->prepacks * sizeof(int64_t));
	memcpy(to->room, from->room, in->locations * sizeof(int64_t));
}

static int64_t
units_in(const Plan *plan, size_t pack)
{
	return pack == NO_PACK ? 0 : plan->instance->pack_units[pack - 1];
}

static int64_t
content_of(const Plan *plan, size_t pack, size_t size)
{
	const PrepackInput *in = plan->instance->in;

	return pack == NO_PACK ? 0 : in->content[(pack - 1) * in->sizes + size];
}

bool
plan_can_change(const Plan *plan, size_t location, size_t give, size_t take)
{
	size_t		row = location * plan->instance->in->prepacks;

	if (give != NO_PACK && plan->quantity[row + give - 1] == 0)
		return false;
	return units_in(plan, take) - units_in(plan, give) <= plan->room[location];
}

int64_t
plan_gain(const Plan *plan, size_t location, size_t give, size_t take)
{
	size_t		sizes = plan->instance->in->sizes;
	int128_t	gain = 0;

	for (size_t size = 0; size < sizes; size++)
	{
		size_t		cell = location * sizes + size;
		int64_t		change = content_of(plan, take, size) - content_of(plan, give, size);
		int64_t		units = plan->units[cell];

		if (change != 0)
			gain += instance_worth(plan->instance, cell, units, units + change);
	}
	return (int64_t) gain;		/* see PREPACK_MOST_UNITS */
}

void
plan_change(Plan *plan, size_t location, size_t give, size_t take)
{
	size_t		sizes = plan->instance->in->sizes;
	int64_t    *quantity = plan->quantity + location * plan->instance->in->prepacks;

	for (size_t size = 0; size < sizes; size++)
		plan->units[location * sizes + size] +=
			content_of(plan, take, size) - content_of(plan, give, size);
	plan->room[location] -= units_in(plan, take) - units_in(plan, give);
	if (give != NO_PACK)
	{
		quantity[give - 1]--;
		plan->left[give - 1]++;
	}
	if (take != NO_PACK)
	{
		quantity[take - 1]++;
		plan->left[take - 1]--;
	}
}

int128_t
plan_value(const Plan *plan)
{
	size_t		cells = plan->instance->in->locations * plan->instance->in->sizes;
	int128_t	value = 0;

	for (size_t cell = 0; cell < cells; cell++)
		value += instance_worth(plan->instance, cell, 0, plan->units[cell]);
	return value;
}

static bool
offer_before(const void *a, const void *b)
{
	const Offer *oa = a;
	const Offer *ob = b;

	return oa->gain != ob->gain ? oa->gain > ob->gain : oa->place < ob->place;
}

static MerchStatus
collect_offers(Plan *plan, Offers *offers, size_t *n)
{
	const PrepackInput *in = plan->instance->in;

	*n = 0;
	memset(offers->taken, 0, in->locations * sizeof(int64_t));
	for (size_t place = 0; place < in->locations * in->prepacks; place++)
	{
		size_t		location = place / in->prepacks;
		size_t		pack = place % in->prepacks + 1;
		Offer	   *offer = &offers->offers[*n];

		if (instance_cancelled(plan->instance, in->sizes))
			return MERCH_CANCELLED;
		if (plan->left[pack - 1] == 0 || !plan_can_change(plan, location, NO_PACK, pack))
			continue;
		*offer = (Offer) {.gain = plan_gain(plan, location, NO_PACK, pack),.place = place};
		if (offer->gain > 0)
			offers->heap[(*n)++] = offer;
	}
	return MERCH_OK;
}

MerchStatus
plan_fill(Plan *plan, Offers *offers)
{
	size_t		prepacks = plan->instance->in->prepacks;
	size_t		n;
	Heap		heap;
	MerchStatus status = collect_offers(plan, offers, &n);

	if (status != MERCH_OK)
		return status;
	if (!heap_build(&heap, offers->heap, n, offer_before, plan->instance->interrupt))
		return MERCH_CANCELLED;
	while (heap.n > 0)
	{
		Offer	   *offer = heap.items[0];
		size_t		location = offer->place / prepacks;
		size_t		pack = offer->place % prepacks + 1;

		if (instance_cancelled(plan->instance, plan->instance->in->sizes))
			return MERCH_CANCELLED;
		if (plan->left[pack - 1] == 0 || !plan_can_change(plan, location, NO_PACK, pack))
		{
			heap_pop(&heap);
			continue;
		}
		if (offer->taken == offers->taken[location])
		{
			plan_change(plan, location, NO_PACK, pack);
			offers->taken[location]++;
		}
		offer->gain = plan_gain(plan, location, NO_PACK, pack);
		offer->taken = offers->taken[location];
		if (offer->gain > 0)
			heap_sift_top(&heap);
		else
			heap_pop(&heap);
	}
	return MERCH_OK;
}
