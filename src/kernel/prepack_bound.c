/*
 * prepack_bound.c
 *	  Prices that bound the value of every plan of pre-packs.
 *
 * The linear relaxation is a saddle point over packs x >= 0, unit prices m, room
 * prices r >= 0 and pack prices p >= 0:
 *		max over x, min over m, r, p of
 *		sum(max(worth - m, 0)) + m * (units in x)
 *		+ p * (supply - x) + r * (maximum - units in x).
 * A round moves x along its gradient, and then the prices, for twice the new x less
 * the old one. The averages of the rounds converge, and the search restarts from
 * them when they have become good enough (Applegate and others, 2021). What is
 * found is never trusted: the bound is computed from rounded prices in integers.
 */
#include <math.h>
#include <string.h>

#include "prepack_plan.h"

/* Rounds between looks at the bound. */
#define LOOK 40

/* Close enough to the linear relaxation, as a share of the bound. */
#define TOLERANCE 1e-5

typedef struct Search
{
	Instance   *instance;
	Relaxation *relaxation;
	double		scale;			/* quanta in 1 */
	double		quantum;		/* 1 / scale */
	double		balance;		/* the steps of packs in those of prices */
	double		restart_gap;	/* between bound and packs at the last restart */
	size_t		rounds;			/* since then */
	double		best_value;		/* of the packs found, in 1 */
	int128_t	bound;
} Search;

size_t
point_size(const PrepackInput *in)
{
	return in->locations * (in->prepacks + in->sizes + 1) + in->prepacks;
}

static double
worth_at(const Search *search, size_t cell, size_t j)
{
	const PrepackInput *in = search->instance->in;
	size_t		place = in->worth_start[cell] + j;

	return (double) (place < in->worth_start[cell + 1] ? in->worth[place] : -in->overstock) *
		search->quantum;
}

/*
 * The price m that minimises sum(max(worth - m, 0)) + m * units + (m - old)^2 / (2 * step):
 * where the falling staircase of worths crosses the line old - step * (units - j).
 */
static double
move_unit_price(const Search *search, size_t cell, double old, double units, double step)
{
	const PrepackInput *in = search->instance->in;
	size_t		low = 0;
	size_t		high = in->worth_start[cell + 1] - in->worth_start[cell];

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (worth_at(search, cell, middle) > old - step * (units - (double) (middle + 1)))
			low = middle + 1;
		else
			high = middle;
	}
	return fmax(old - step * (units - (double) low), worth_at(search, cell, low));
}

/* What a pack of this kind is worth to the location at the prices of its units. */
static double
price_of_content(const Search *search, const Point *point, size_t location, size_t pack)
{
	const PrepackInput *in = search->instance->in;
	double		price = 0;

	for (size_t size = 0; size < in->sizes; size++)
		price += (double) in->content[pack * in->sizes + size] *
			(point->unit[location * in->sizes + size] - point->room[location]);
	return price;
}

static void
move_location(Search *search, size_t location)
{
	const PrepackInput *in = search->instance->in;
	Point	   *now = &search->relaxation->now;
	double	   *ahead = search->relaxation->ahead;
	bool		bounded = search->instance->bounded[location];
	double		units = 0;
	double		units_in_all = 0;

	for (size_t pack = 0; pack < in->prepacks; pack++)
	{
		double		in_pack = (double) search->instance->pack_units[pack];
		double	   *packs = &now->packs[location * in->prepacks + pack];
		double		gain = price_of_content(search, now, location, pack) - now->pack[pack];
		double		old = *packs;

		*packs = fmax(0, old + search->balance * gain / (in_pack * (bounded ? 3 : 2)));
		ahead[pack] = 2 * *packs - old;
		search->relaxation->load[pack] += ahead[pack];
		units += ahead[pack] * in_pack;
		units_in_all += in_pack;
	}
	for (size_t size = 0; size < in->sizes; size++)
	{
		size_t		cell = location * in->sizes + size;
		double		of_size = 0;
		double		in_all = 0;

		for (size_t pack = 0; pack < in->prepacks; pack++)
		{
			double		content = (double) in->content[pack * in->sizes + size];

			of_size += content * ahead[pack];
			in_all += content;
		}
		if (in_all > 0)
			now->unit[cell] = move_unit_price(search, cell, now->unit[cell], of_size,
											  1 / (search->balance * in_all));
	}
	if (bounded)
		now->room[location] = fmax(0, now->room[location] +
								   (units - (double) search->instance->maximum[location]) /
								   (search->balance * units_in_all));
}

static MerchStatus
move(Search *search)
{
	const PrepackInput *in = search->instance->in;
	Relaxation *relaxation = search->relaxation;

	memset(relaxation->load, 0, in->prepacks * sizeof(double));
	for (size_t location = 0; location < in->locations; location++)
	{
		if (instance_cancelled(search->instance, in->sizes * in->prepacks))
			return MERCH_CANCELLED;
		move_location(search, location);
	}
	for (size_t pack = 0; pack < in->prepacks; pack++)
	{
		double		over = relaxation->load[pack] - (double) search->instance->supply[pack];
		double		step = (double) search->instance->pack_units[pack] /
			((double) in->locations * search->balance);

		relaxation->now.pack[pack] = fmax(0, relaxation->now.pack[pack] + step * over);
	}
	for (size_t i = 0; i < point_size(in); i++)
		relaxation->sum.packs[i] += relaxation->now.packs[i];
	search->rounds++;
	return MERCH_OK;
}

/*
 * Rounds a location's prices, and lowers those of its units until no pack there is worth
 * more than its price.
 */
static void
round_prices(const Search *search, const Point *point, size_t location)
{
	const PrepackInput *in = search->instance->in;
	PrepackPrices *trial = &search->relaxation->trial;
	int64_t		lower = 0;

	trial->room[location] = llround(fmin(point->room[location] * search->scale,
										 (double) PREPACK_MOST_WORTH));
	for (size_t size = 0; size < in->sizes; size++)
	{
		size_t		cell = location * in->sizes + size;
		double		price = fmin(point->unit[cell], worth_at(search, cell, 0));

		trial->unit[cell] = llround(fmax(price * search->scale, (double) -in->overstock));
	}
	for (size_t pack = 0; pack < in->prepacks; pack++)
	{
		int64_t		units = search->instance->pack_units[pack];
		int64_t		over = -llround(fmin(point->pack[pack] * search->scale, 0x1p61));

		for (size_t size = 0; size < in->sizes; size++)
			over += in->content[pack * in->sizes + size] *
				(trial->unit[location * in->sizes + size] - trial->room[location]);
		if (over > 0 && (over + units - 1) / units > lower)
			lower = (over + units - 1) / units;
	}
	for (size_t size = 0; size < in->sizes; size++)
	{
		int64_t    *price = &trial->unit[location * in->sizes + size];

		*price = *price - lower < -in->overstock ? -in->overstock : *price - lower;
	}
}

/* The bound that the rounded prices prove. */
static int128_t
bound_of_prices(const Search *search, const PrepackPrices *prices)
{
	const Instance *instance = search->instance;
	const PrepackInput *in = instance->in;
	int128_t	bound = 0;

	for (size_t cell = 0; cell < in->locations * in->sizes; cell++)
	{
		int64_t		units = instance_units_above(instance, cell, prices->unit[cell]);

		bound += instance_worth(instance, cell, 0, units) - (int128_t) units * prices->unit[cell];
	}
	for (size_t location = 0; location < in->locations; location++)
		bound += (int128_t) instance->maximum[location] * prices->room[location];
	for (size_t pack = 0; pack < in->prepacks; pack++)
	{
		int64_t		most = 0;

		for (size_t location = 0; location < in->locations; location++)
		{
			int64_t		price = 0;

			for (size_t size = 0; size < in->sizes; size++)
				price += in->content[pack * in->sizes + size] *
					(prices->unit[location * in->sizes + size] - prices->room[location]);
			if (price > most)
				most = price;
		}
		bound += (int128_t) instance->supply[pack] * most;
	}
	return bound;
}

/* The worth of the first units of a cell, a number that need not be whole. */
static double
worth_of_units(const Search *search, size_t cell, double units)
{
	/* what diverged, if anything did, is no number of units */
	double		whole = units >= 0 && units < 0x1p62 ? floor(units) : 0;
	int128_t	inside = instance_worth(search->instance, cell, 0, (int64_t) whole);
	double		next = worth_at(search, cell, (size_t) whole);

	return (double) inside / search->scale + (units - whole) * next;
}

/* Cuts the packs of a point down to the supplies and the maxima. */
static void
make_feasible(const Search *search, double *packs)
{
	const PrepackInput *in = search->instance->in;

	for (size_t pack = 0; pack < in->prepacks; pack++)
	{
		double		load = 0;

		for (size_t location = 0; location < in->locations; location++)
			load += packs[location * in->prepacks + pack];
		if (load > (double) search->instance->supply[pack])
			for (size_t location = 0; location < in->locations; location++)
				packs[location * in->prepacks + pack] *=
					(double) search->instance->supply[pack] / load;
	}
	for (size_t location = 0; location < in->locations; location++)
	{
		double	   *here = packs + location * in->prepacks;
		double		units = 0;

		for (size_t pack = 0; pack < in->prepacks; pack++)
			units += here[pack] * (double) search->instance->pack_units[pack];
		if (units > (double) search->instance->maximum[location])
			for (size_t pack = 0; pack < in->prepacks; pack++)
				here[pack] *= (double) search->instance->maximum[location] / units;
	}
}

static double
value_of_packs(const Search *search, const double *packs)
{
	const PrepackInput *in = search->instance->in;
	double		value = 0;

	for (size_t cell = 0; cell < in->locations * in->sizes; cell++)
	{
		const double *here = packs + cell / in->sizes * in->prepacks;
		double		units = 0;

		for (size_t pack = 0; pack < in->prepacks; pack++)
			units += here[pack] * (double) in->content[pack * in->sizes + cell % in->sizes];
		value += worth_of_units(search, cell, units);
	}
	return value;
}

/* Keeps the point's prices and packs if they are the best; how far apart these are. */
static double
judge(Search *search, const Point *point, PrepackPrices *prices)
{
	const PrepackInput *in = search->instance->in;
	Relaxation *relaxation = search->relaxation;
	double	   *packs = relaxation->feasible;
	int128_t	bound;
	double		value;

	for (size_t location = 0; location < in->locations; location++)
		round_prices(search, point, location);
	bound = bound_of_prices(search, &relaxation->trial);
	if (bound < search->bound)
	{
		search->bound = bound;
		memcpy(prices->unit, relaxation->trial.unit, in->locations * in->sizes * sizeof(int64_t));
		memcpy(prices->room, relaxation->trial.room, in->locations * sizeof(int64_t));
	}
	memcpy(packs, point->packs, in->locations * in->prepacks * sizeof(double));
	make_feasible(search, packs);
	value = value_of_packs(search, packs);
	if (value > search->best_value)
	{
		search->best_value = value;
		memcpy(relaxation->best, packs, in->locations * in->prepacks * sizeof(double));
	}
	return (double) bound / search->scale - value;
}

static double
distance(const double *a, const double *b, size_t n)
{
	double		sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (a[i] - b[i]) * (a[i] - b[i]);
	return sqrt(sum);
}

/*
 * Begins anew from a point. Where the packs moved farther than the prices since the last
 * restart, they are to move in longer steps.
 */
static void
restart(Search *search, const Point *from, double gap)
{
	const PrepackInput *in = search->instance->in;
	Relaxation *relaxation = search->relaxation;
	size_t		n = in->locations * in->prepacks;
	size_t		rest = point_size(in) - n;
	double		packs = distance(from->packs, relaxation->start.packs, n);
	double		prices = distance(from->unit, relaxation->start.unit, rest);

	if (packs > 1e-10 && prices > 1e-10)
		search->balance = sqrt(search->balance * packs / prices);
	if (from->packs != relaxation->now.packs)
		memcpy(relaxation->now.packs, from->packs, point_size(in) * sizeof(double));
	memcpy(relaxation->start.packs, relaxation->now.packs, point_size(in) * sizeof(double));
	memset(relaxation->sum.packs, 0, point_size(in) * sizeof(double));
	search->rounds = 0;
	search->restart_gap = gap;
}

/* The plan's packs; its next units' worths as prices; a pack's price where it is worth most. */
static void
start_from_plan(Search *search, const Plan *plan)
{
	const PrepackInput *in = search->instance->in;
	Point	   *now = &search->relaxation->now;
	double		packs = 0;
	double		prices = 0;

	memset(now->packs, 0, point_size(in) * sizeof(double));
	for (size_t i = 0; i < in->locations * in->prepacks; i++)
	{
		now->packs[i] = (double) plan->quantity[i];
		packs += now->packs[i] * now->packs[i];
	}
	for (size_t cell = 0; cell < in->locations * in->sizes; cell++)
	{
		size_t		length = in->worth_start[cell + 1] - in->worth_start[cell];
		size_t		units = (size_t) plan->units[cell];

		now->unit[cell] = worth_at(search, cell, units < length ? units : length);
		prices += now->unit[cell] * now->unit[cell];
	}
	for (size_t pack = 0; pack < in->prepacks; pack++)
		for (size_t location = 0; location < in->locations; location++)
			now->pack[pack] = fmax(now->pack[pack], price_of_content(search, now, location, pack));
	memcpy(search->relaxation->best, now->packs, in->locations * in->prepacks * sizeof(double));
	memcpy(search->relaxation->start.packs, now->packs, point_size(in) * sizeof(double));
	memset(search->relaxation->sum.packs, 0, point_size(in) * sizeof(double));
	search->balance = packs > 0 && prices > 0 ? sqrt(packs / prices) : 1;
}

/* Looks at the current point and at the average; restarts from the better one at times. */
static void
look(Search *search, size_t round, PrepackPrices *prices)
{
	Relaxation *relaxation = search->relaxation;
	double		gap = judge(search, &relaxation->now, prices);
	double		gap_of_mean;
	const Point *better = &relaxation->now;

	for (size_t i = 0; i < point_size(search->instance->in); i++)
		relaxation->mean.packs[i] = relaxation->sum.packs[i] / (double) search->rounds;
	gap_of_mean = judge(search, &relaxation->mean, prices);
	if (gap_of_mean < gap)
	{
		gap = gap_of_mean;
		better = &relaxation->mean;
	}
	if (gap <= search->restart_gap / 2 || 3 * search->rounds >= round)
		restart(search, better, gap);
}

static double
greatest_worth(const PrepackInput *in)
{
	double		most = (double) in->overstock;

	for (size_t cell = 0; cell < in->locations * in->sizes; cell++)
		if (in->worth_start[cell] < in->worth_start[cell + 1])
			most = fmax(most, (double) in->worth[in->worth_start[cell]]);
	return fmax(most, 1);
}

MerchStatus
plan_bound(const Plan *plan, Relaxation *relaxation, PrepackPrices *prices, int128_t *bound)
{
	Instance   *instance = plan->instance;
	int128_t	value = plan_value(plan);
	Search		search = {.instance = instance,.relaxation = relaxation};

	search.scale = greatest_worth(instance->in);
	search.quantum = 1 / search.scale;
	search.best_value = (double) value / search.scale;
	search.bound = (int128_t) ((uint128_t) 1 << 126);
	start_from_plan(&search, plan);
	search.restart_gap = judge(&search, &relaxation->now, prices);
	for (size_t round = 1; round <= instance->in->round_limit && search.bound > value; round++)
	{
		if (move(&search) != MERCH_OK)
			return MERCH_CANCELLED;
		if (round % LOOK != 0)
			continue;
		look(&search, round, prices);
		if ((double) search.bound / search.scale - search.best_value <=
			TOLERANCE * search.best_value)
			break;
	}
	*bound = search.bound;
	return MERCH_OK;
}
