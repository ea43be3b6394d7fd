/*
 * prepack_refit.c
 *	  Improves a plan of pre-packs a few locations at a time: takes some packs out and
 *	  fills up anew.
 *
 * That finds what rings of single packs can't, such as two small packs for a large
 * one; it matters most where a maximum cuts across the packs. Which packs are taken
 * out and how the gains are weighed on refilling is drawn by a generator that starts
 * the same way for every input; an attempt that does not raise the value is undone.
 */
#include "prepack_plan.h"

#define MOST_LOCATIONS 4
#define MOST_OUT 4				/* packs of a location */
#define MOST_CHANGES 64			/* of an attempt */

typedef struct Change
{
	size_t		location;
	size_t		give;
	size_t		take;
} Change;

typedef struct Refit
{
	Plan	   *plan;
	uint64_t	random;
	int			locations;
	size_t		location[MOST_LOCATIONS];
	bool		per_unit;		/* weigh the gain by the room that it takes */
	int			n;
	Change		change[MOST_CHANGES];
	int128_t	gain;
} Refit;

/* xorshift64 (Marsaglia, 2003) */
static size_t
draw(Refit *refit, size_t below)
{
	refit->random ^= refit->random << 13;
	refit->random ^= refit->random >> 7;
	refit->random ^= refit->random << 17;
	return (size_t) ((refit->random >> 11) % below);
}

static void
change(Refit *refit, size_t location, size_t give, size_t take)
{
	refit->gain += plan_gain(refit->plan, location, give, take);
	plan_change(refit->plan, location, give, take);
	refit->change[refit->n++] = (Change) {location, give, take};
}

static void
undo(Refit *refit)
{
	while (refit->n > 0)
	{
		const Change *last = &refit->change[--refit->n];

		plan_change(refit->plan, last->location, last->take, last->give);
	}
}

/* Takes out a pack of some kind, the next that there is from the one drawn on. */
static void
take_one_out(Refit *refit, size_t location)
{
	size_t		prepacks = refit->plan->instance->in->prepacks;
	size_t		drawn = draw(refit, prepacks);

	for (size_t i = 0; i < prepacks; i++)
	{
		size_t		pack = (drawn + i) % prepacks;

		if (refit->plan->quantity[location * prepacks + pack] == 0)
			continue;
		change(refit, location, pack + 1, NO_PACK);
		return;
	}
}

static void
take_out(Refit *refit)
{
	size_t		locations = refit->plan->instance->in->locations;

	refit->locations = 1 + (int) draw(refit, MOST_LOCATIONS);
	for (int i = 0; i < refit->locations; i++)
	{
		/* the same location twice does no harm */
		refit->location[i] = draw(refit, locations);
		for (size_t out = 1 + draw(refit, MOST_OUT); out > 0; out--)
			take_one_out(refit, refit->location[i]);
	}
}

/* Puts in the pack of the greatest gain, some of which is chance; false if there is none. */
static bool
put_in(Refit *refit)
{
	Plan	   *plan = refit->plan;
	int128_t	best_gain = 0;
	int64_t		best_units = 1;
	Change		best = {0};

	for (int i = 0; i < refit->locations; i++)
		for (size_t pack = 1; pack <= plan->instance->in->prepacks; pack++)
		{
			size_t		location = refit->location[i];
			int64_t		units = refit->per_unit ? plan->instance->pack_units[pack - 1] : 1;
			int128_t	gain;

			if (plan->left[pack - 1] == 0 || !plan_can_change(plan, location, NO_PACK, pack))
				continue;
			gain = (int128_t) plan_gain(plan, location, NO_PACK, pack) *
				(int64_t) (16 + draw(refit, 16));
			if (gain * best_units <= best_gain * units)
				continue;
			best_gain = gain;
			best_units = units;
			best = (Change) {location, NO_PACK, pack};
		}
	if (best.take == NO_PACK)
		return false;
	change(refit, best.location, best.give, best.take);
	return true;
}

MerchStatus
plan_refit(Plan *plan, size_t attempts)
{
	const PrepackInput *in = plan->instance->in;
	Refit		refit = {.plan = plan,.random = 88172645463325252};

	for (size_t i = 0; i < attempts && in->locations > 0 && in->prepacks > 0; i++)
	{
		refit.gain = 0;
		refit.n = 0;
		take_out(&refit);
		refit.per_unit = draw(&refit, 2);
		while (refit.n < MOST_CHANGES && put_in(&refit))
			if (instance_cancelled(plan->instance, in->prepacks * in->sizes * MOST_LOCATIONS))
				return MERCH_CANCELLED;
		if (refit.gain <= 0)
			undo(&refit);
	}
	return MERCH_OK;
}
