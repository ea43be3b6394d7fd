/*
 * prepack_swap.c
 *	  Improves a plan of pre-packs by rings of changes.
 *
 * A change at one location gives up pack a and takes pack b, either of which may
 * be no pack. In a ring a -> b -> c -> a each change takes the pack that the next
 * one gives up. The pool of packs that are left is one more location: it takes any pack
 * for nothing and gives those that it has. Changes at different locations do not
 * affect each other's gain, so that the best ring is found from the few best
 * locations for every pair (a, b), without looking at pairs of locations.
 */
#include "prepack_plan.h"

typedef struct Ring
{
	int			n;
	int128_t	gain;
	size_t		pack[RING_SIZE];
	size_t		location[RING_SIZE];
} Ring;

/* NOTHING_ELSE: every location that can make the change is among the choices. */
#define NOTHING_ELSE INT64_MIN

static void
offer_choice(Choices *choices, int64_t gain, size_t location)
{
	int			i = choices->n;

	while (i > 0 && (choices->gain[i - 1] < gain ||
					 (choices->gain[i - 1] == gain && choices->location[i - 1] > location)))
		i--;
	if (i == choices->n && (gain < choices->rest || i == MOST_CHOICES))
	{
		if (gain > choices->rest)
			choices->rest = gain;
		return;
	}
	if (choices->n == MOST_CHOICES)
		choices->rest = choices->gain[--choices->n];
	for (int j = choices->n++; j > i; j--)
	{
		choices->gain[j] = choices->gain[j - 1];
		choices->location[j] = choices->location[j - 1];
	}
	choices->gain[i] = gain;
	choices->location[i] = location;
}

static void
offer_location(const Plan *plan, Choices *choices, size_t give, size_t take, size_t location)
{
	if (plan_can_change(plan, location, give, take))
		offer_choice(choices, plan_gain(plan, location, give, take), location);
}

/* What the pool does, for nothing: take any pack, and give one that it has. */
static bool
pool_can_change(const Plan *plan, size_t give, size_t take)
{
	return take == NO_PACK ? plan->left[give - 1] > 0 : give == NO_PACK;
}

static MerchStatus
find_choices(Plan *plan, Choices *choices, size_t give, size_t take)
{
	const PrepackInput *in = plan->instance->in;

	choices->n = 0;
	choices->rest = NOTHING_ELSE;
	for (size_t location = 0; location < in->locations; location++)
	{
		if (instance_cancelled(plan->instance, in->sizes))
			return MERCH_CANCELLED;
		offer_location(plan, choices, give, take, location);
	}
	return MERCH_OK;
}

static bool
ring_touches(const Ring *ring, size_t location)
{
	for (int i = 0; i < ring->n; i++)
		if (ring->location[i] == location)
			return true;
	return false;
}

/* After a ring: its locations are asked again; all are if too few choices are left. */
static MerchStatus
renew_choices(Plan *plan, Choices *choices, size_t give, size_t take, const Ring *ring)
{
	int			n = 0;

	for (int i = 0; i < choices->n; i++)
	{
		if (ring_touches(ring, choices->location[i]))
			continue;
		choices->gain[n] = choices->gain[i];
		choices->location[n++] = choices->location[i];
	}
	choices->n = n;
	for (int i = 0; i < ring->n; i++)
		if (ring->location[i] != plan->instance->in->locations)
			offer_location(plan, choices, give, take, ring->location[i]);
	if (choices->n < RING_SIZE && choices->rest != NOTHING_ELSE)
		return find_choices(plan, choices, give, take);
	return instance_cancelled(plan->instance, RING_SIZE * plan->instance->in->sizes) ?
		MERCH_CANCELLED : MERCH_OK;
}

/* The best location for change i of the ring and those behind it. */
static void
choose_locations(const Plan *plan, const Choices *choices, Ring *ring, int i, int128_t gain,
				 Ring *best)
{
	size_t		give = ring->pack[i % ring->n];
	size_t		take = ring->pack[(i + 1) % ring->n];
	const Choices *here = &choices[give * (plan->instance->in->prepacks + 1) + take];

	if (i == ring->n)
	{
		if (gain > best->gain)
		{
			*best = *ring;
			best->gain = gain;
		}
		return;
	}
	for (int choice = 0; choice < here->n && choice < RING_SIZE; choice++)
	{
		bool		free = true;

		for (int j = 0; j < i; j++)
			free = free && ring->location[j] != here->location[choice];
		if (!free)
			continue;
		ring->location[i] = here->location[choice];
		choose_locations(plan, choices, ring, i + 1, gain + here->gain[choice], best);
	}
	if (pool_can_change(plan, give, take))
	{
		ring->location[i] = plan->instance->in->locations;
		choose_locations(plan, choices, ring, i + 1, gain, best);
	}
}

static void
try_ring(const Plan *plan, const Choices *choices, Ring *ring, Ring *best)
{
	int128_t	most = 0;

	for (int i = 0; i < ring->n; i++)
	{
		size_t		give = ring->pack[i];
		size_t		take = ring->pack[(i + 1) % ring->n];
		const Choices *here = &choices[give * (plan->instance->in->prepacks + 1) + take];
		bool		pool = pool_can_change(plan, give, take);

		if (here->n == 0 && !pool)
			return;
		if (here->n > 0 && (here->gain[0] > 0 || !pool))
			most += here->gain[0];
	}
	if (most > best->gain)
		choose_locations(plan, choices, ring, 0, 0, best);
}

static MerchStatus
find_ring(Plan *plan, const Choices *choices, Ring *best)
{
	size_t		nodes = plan->instance->in->prepacks + 1;

	best->gain = 0;
	for (size_t a = 0; a < nodes; a++)
		for (size_t b = a + 1; b < nodes; b++)
		{
			Ring		ring = {.n = 2,.pack = {a, b}};

			try_ring(plan, choices, &ring, best);
			for (size_t c = a + 1; c < nodes; c++)
			{
				ring = (Ring) {.n = 3,.pack = {a, b, c}};
				if (c != b)
					try_ring(plan, choices, &ring, best);
			}
			if (instance_cancelled(plan->instance, nodes))
				return MERCH_CANCELLED;
		}
	return MERCH_OK;
}

static void
apply_ring(Plan *plan, const Ring *ring)
{
	for (int i = 0; i < ring->n; i++)
		if (ring->location[i] != plan->instance->in->locations)
			plan_change(plan, ring->location[i], ring->pack[i], ring->pack[(i + 1) % ring->n]);
}

MerchStatus
plan_exchange(Plan *plan, Choices *choices, size_t *rings)
{
	size_t		nodes = plan->instance->in->prepacks + 1;
	MerchStatus status = MERCH_OK;
	Ring		ring = {0};

	for (size_t pair = 0; pair < nodes * nodes && status == MERCH_OK; pair++)
		if (pair / nodes != pair % nodes)
			status = find_choices(plan, &choices[pair], pair / nodes, pair % nodes);
	for (; *rings > 0 && status == MERCH_OK; (*rings)--)
	{
		status = find_ring(plan, choices, &ring);
		if (status != MERCH_OK || ring.gain <= 0)
			break;
		apply_ring(plan, &ring);
		for (size_t pair = 0; pair < nodes * nodes && status == MERCH_OK; pair++)
			if (pair / nodes != pair % nodes)
				status = renew_choices(plan, &choices[pair], pair / nodes, pair % nodes, &ring);
	}
	return status;
}
