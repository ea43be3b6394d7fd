/*
 * test_coupled.c
 *	  The coupled kernel against brute force, against greedy where that is exact, and
 *	  against its own certificate; the certificate against answers that were tampered
 *	  with.
 */
#include <stdio.h>

#include "coupled.h"
#include "unit.h"

#define MOST_PLACES 4000
#define MOST_LANES 8000
#define MOST_PACKS 40000
#define MOST_ROWS 300

/* A case: the columns, and the input and the answer that point to them. */
typedef struct Case
{
	CoupledInput in;
	CoupledAnswer out;
	size_t		item_source_start[MOST_ROWS];
	size_t		item_place_start[MOST_ROWS];
	int64_t		supply[MOST_ROWS];
	int64_t		pack[MOST_PLACES];
	int64_t		floor_packs[MOST_PLACES];
	size_t		place_worth_start[MOST_PLACES + 1];
	int64_t		worth[MOST_PACKS];
	size_t		place_lane_start[MOST_PLACES + 1];
	int32_t		lane_source[MOST_LANES];
	int64_t		lane_cost[MOST_LANES];
	int32_t		lane_resource[MOST_LANES * COUPLED_LANE_RESOURCES];
	int64_t		lane_usage[MOST_LANES * COUPLED_LANE_RESOURCES];
	int64_t		lane_key[MOST_LANES];
	int64_t		limit[MOST_ROWS];
	int64_t		packs[MOST_LANES];
	int64_t		resource_price[MOST_ROWS];
	int64_t		source_price[MOST_ROWS];
	MerchFault	fault;
	size_t		row;			/* what the check found */
} Case;

/* What a random case is like. */
typedef struct Shape
{
	size_t		items;
	size_t		places;			/* of an item */
	size_t		sources;		/* of an item, at most */
	size_t		lanes;			/* of a place, at most */
	size_t		resources;
	int64_t		packs;			/* of a place, at most */
	int64_t		pack;			/* units, at most */
	int64_t		worth;
	int64_t		supply;			/* in percent of what is wanted, at most */
	int64_t		tightness;		/* limits, in percent of what is wanted, at most */
	bool		flat;			/* all packs are worth the same */
} Shape;

static Case cases[2];
static void
begin(Case *c)
{
	memset(&c->in, 0, sizeof(c->in));
	c->in.item_source_start = c->item_source_start;
	c->in.item_place_start = c->item_place_start;
	c->in.supply = c->supply;
	c->in.pack = c->pack;
	c->in.floor_packs = c->floor_packs;
	c->in.place_worth_start = c->place_worth_start;
	c->in.worth = c->worth;
	c->in.place_lane_start = c->place_lane_start;
	c->in.lane_source = c->lane_source;
	c->in.lane_cost = c->lane_cost;
	c->in.lane_resource = c->lane_resource;
	c->in.lane_usage = c->lane_usage;
	c->in.lane_key = c->lane_key;
	c->in.limit = c->limit;
	c->in.rounds = 300;
	c->out.packs = c->packs;
	c->out.resource_price = c->resource_price;
	c->out.source_price = c->source_price;
	c->item_source_start[0] = 0;
	c->item_place_start[0] = 0;
	c->place_worth_start[0] = 0;
	c->place_lane_start[0] = 0;
}

static void
add_source(Case *c, int64_t supply)
{
	c->supply[c->in.sources++] = supply;
}

static void
add_pack(Case *c, int64_t worth)
{
	c->worth[c->in.packs++] = worth;
}

static void
add_lane(Case *c, int32_t source, int64_t cost)
{
	size_t		l = c->in.lanes++;

	c->lane_source[l] = source;
	c->lane_cost[l] = cost;
	c->lane_key[l] = (int64_t) l;
	for (size_t u = 0; u < COUPLED_LANE_RESOURCES; u++)
	{
		c->lane_resource[l * COUPLED_LANE_RESOURCES + u] = COUPLED_NO_RESOURCE;
		c->lane_usage[l * COUPLED_LANE_RESOURCES + u] = 0;
	}
}

/* By the lane added last. */
static void
use(Case *c, size_t slot, int32_t resource, int64_t usage)
{
	size_t		column = (c->in.lanes - 1) * COUPLED_LANE_RESOURCES + slot;

	c->lane_resource[column] = resource;
	c->lane_usage[column] = usage;
}

static void
end_place(Case *c, int64_t pack, int64_t floor_packs)
{
	c->pack[c->in.places] = pack;
	c->floor_packs[c->in.places++] = floor_packs;
	c->place_worth_start[c->in.places] = c->in.packs;
	c->place_lane_start[c->in.places] = c->in.lanes;
}

static void
end_item(Case *c)
{
	c->in.items++;
	c->item_source_start[c->in.items] = c->in.sources;
	c->item_place_start[c->in.items] = c->in.places;
}

static MerchStatus
solve_with(Case *c, MerchInterrupt interrupt)
{
	void	   *scratch = allocate_odd(coupled_scratch_size(&c->in));
	MerchStatus status = coupled(&c->in, &c->out, scratch, interrupt, &c->fault);

	free_odd(scratch);
	return status;
}

static CoupledFlaw
check(Case *c)
{
	void	   *scratch = allocate_odd(coupled_check_scratch_size(&c->in));
	CoupledFlaw flaw = coupled_check(&c->in, &c->out, scratch, &c->row);

	free_odd(scratch);
	return flaw;
}

static void
solve(Case *c)
{
	assert_int_equal(solve_with(c, NULL), MERCH_OK);
	assert_int_equal(check(c), COUPLED_SOUND);
	assert_true(c->out.value <= c->out.bound);
}

/* Limits are set when it is known what is wanted. */
static void
make_place(Case *c, const Shape *shape, size_t sources, int64_t pack, int64_t *wanted)
{
	int64_t		n = random_below(shape->packs + 1);
	int64_t		worth = shape->flat ? shape->worth : 1 + random_below(shape->worth);
	size_t		lanes = 1 + (size_t) random_below((int64_t) shape->lanes);

	for (int64_t k = 0; k < n; k++)
	{
		add_pack(c, worth);
		if (!shape->flat)
			worth -= random_below(worth / 3 + 1);
	}
	for (size_t l = 0; l < lanes; l++)
	{
		add_lane(c, (int32_t) random_below((int64_t) sources), random_below(shape->worth / 4 + 1));
		for (size_t u = 0; u < COUPLED_LANE_RESOURCES && shape->resources > 0; u++)
		{
			int32_t		resource = (int32_t) random_below((int64_t) shape->resources);
			int64_t		usage = random_below(4) == 0 ? 0 : 1 + random_below(5);

			if (random_below(4) == 0)
				continue;
			use(c, u, resource, usage);
			if (l == 0)
				c->limit[resource] += usage * n;
		}
	}
	*wanted += n * pack;
	end_place(c, pack, random_below(4) ? 0 : random_below(3));
}

static void
make_case(Case *c, const Shape *shape)
{
	begin(c);
	c->in.resources = shape->resources;
	memset(c->limit, 0, sizeof(c->limit));
	for (size_t i = 0; i < shape->items; i++)
	{
		size_t		sources = 1 + (size_t) random_below((int64_t) shape->sources);
		bool		one_pack = random_below(2) == 0;
		int64_t		common = 1 + random_below(shape->pack);
		int64_t		wanted = 0;

		for (size_t p = 0; p < shape->places; p++)
			make_place(c, shape, sources, one_pack ? common : 1 + random_below(shape->pack),
					   &wanted);
		for (size_t s = 0; s < sources; s++)
			add_source(c, wanted * (1 + random_below(shape->supply)) / 100 / (int64_t) sources);
		end_item(c);
	}
	for (size_t r = 0; r < shape->resources; r++)
		c->limit[r] = c->limit[r] * (1 + random_below(shape->tightness)) / 100;
	c->in.floor_premium = random_below(2) ? 0 : random_below(shape->worth);
}

/*
 * The oracle tries every number of packs on every lane.
 */
static bool
is_feasible(const Case *c, const int64_t *packs)
{
	int64_t		used[MOST_ROWS] = {0};
	int64_t		shipped[MOST_ROWS] = {0};

	for (size_t i = 0; i < c->in.items; i++)
		for (size_t p = c->item_place_start[i]; p < c->item_place_start[i + 1]; p++)
			for (size_t l = c->place_lane_start[p]; l < c->place_lane_start[p + 1]; l++)
			{
				size_t		source = c->item_source_start[i] + (size_t) c->lane_source[l];

				shipped[source] += packs[l] * c->pack[p];
				for (size_t u = 3 * l; u < 3 * l + 3; u++)
					if (c->lane_resource[u] >= 0)
						used[c->lane_resource[u]] += packs[l] * c->lane_usage[u];
			}
	for (size_t r = 0; r < c->in.resources; r++)
		if (used[r] > c->limit[r])
			return false;
	for (size_t s = 0; s < c->in.sources; s++)
		if (shipped[s] > c->supply[s])
			return false;
	return true;
}

static int64_t
worth_of(const Case *c, size_t place, int64_t k)
{
	return c->worth[c->place_worth_start[place] + (size_t) k] +
		(k < c->floor_packs[place] ? c->in.floor_premium : 0);
}

static void
try_all(const Case *c, size_t place, size_t lane, int64_t got, int64_t value, int64_t *packs,
		int64_t *best)
{
	int64_t		room;

	while (place < c->in.places && lane == c->place_lane_start[place + 1])
	{
		place++;
		got = 0;
	}
	if (place == c->in.places)
	{
		if (value > *best)
			*best = value;
		return;
	}
	room = (int64_t) (c->place_worth_start[place + 1] - c->place_worth_start[place]) - got;
	for (int64_t k = 0; k <= room; k++)
	{
		packs[lane] = k;
		if (k > 0)
			value += worth_of(c, place, got + k - 1) - c->lane_cost[lane];
		if (!is_feasible(c, packs))
			break;
		try_all(c, place, lane + 1, got + k, value, packs, best);
	}
	packs[lane] = 0;
}

static int64_t
brute_force(const Case *c)
{
	int64_t		packs[MOST_LANES] = {0};
	int64_t		best = 0;

	try_all(c, 0, 0, 0, 0, packs, &best);
	return best;
}

static void
test_brute_force(void **state)
{
	(void) state;
	Case	   *c = &cases[0];
	int			optimal = 0;
	int			proved = 0;
	double		short_of = 0;
	double		above = 0;
	int			n = 500;

	for (int round = 0; round < n; round++)
	{
		Shape		shape = {
			.items = 1 + (size_t) random_below(2), .places = 1 + (size_t) random_below(2),
			.sources = 2, .lanes = 2, .resources = (size_t) random_below(4), .packs = 3,
			.pack = 4, .worth = 1000, .supply = 150, .tightness = 150
		};
		int64_t		best;

		make_case(c, &shape);
		best = brute_force(c);
		solve(c);
		assert_true(c->out.value <= best);
		assert_true(c->out.bound >= best);
		optimal += c->out.value == best;
		proved += c->out.bound == c->out.value;
		if (best > 0)
		{
			short_of += (double) (best - (int64_t) c->out.value) / (double) best / n;
			above += (double) ((int64_t) c->out.bound - best) / (double) best / n;
		}
	}
	print_message("%d tiny cases: %d optimal, %d proved; plan %.2f %% below, bound %.2f %% above\n",
				  n, optimal, proved, 100 * short_of, 100 * above);
	assert_true(optimal > n * 9 / 10);
}

static int
descending(const void *a, const void *b)
{
	int64_t		x = *(const int64_t *) a;
	int64_t		y = *(const int64_t *) b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The best n gains of the places from first to end, with one lane each. */
static int64_t
merged_greedy(const Case *c, size_t first, size_t end, int64_t n)
{
	static int64_t gain[MOST_PACKS];
	size_t		gains = 0;
	int64_t		sum = 0;

	for (size_t p = first; p < end; p++)
		for (size_t k = c->place_worth_start[p]; k < c->place_worth_start[p + 1]; k++)
			gain[gains++] = worth_of(c, p, (int64_t) (k - c->place_worth_start[p])) -
				c->lane_cost[c->place_lane_start[p]];
	qsort(gain, gains, sizeof(gain[0]), descending);
	for (size_t k = 0; k < gains && (int64_t) k < n && gain[k] > 0; k++)
		sum += gain[k];
	return sum;
}

static void
test_items_apart(void **state)
{
	(void) state;
	Case	   *c = &cases[0];

	for (int round = 0; round < 60; round++)
	{
		Shape		shape = {
			.items = 12, .places = 1 + (size_t) random_below(30), .sources = 1, .lanes = 1,
			.resources = 5, .packs = 8, .pack = 1, .worth = 1 + random_below(100000),
			.supply = 120, .tightness = 100
		};
		int64_t		apart = 0;

		make_case(c, &shape);
		for (size_t r = 0; r < c->in.resources; r++)
			c->limit[r] = random_below(2) ? INT64_MAX : 1000000;
		c->in.gap_ppm = random_below(2) ? 0 : 10000;
		for (size_t i = 0; i < c->in.items; i++)
			apart += merged_greedy(c, c->item_place_start[i], c->item_place_start[i + 1],
								   c->supply[i]);
		solve(c);
		assert_int_equal(c->out.rounds, 1);
		assert_int_equal(c->out.value, apart);
		if (c->in.gap_ppm == 0)
			assert_int_equal(c->out.bound, apart);
	}
}

/* Items of several sources: bound and value meet, which the certificate proves. */
static void
test_transports_apart(void **state)
{
	Case	   *c = &cases[0];

	(void) state;
	for (int round = 0; round < 40; round++)
	{
		Shape		shape = {
			.items = 6, .places = 1 + (size_t) random_below(30), .sources = 4, .lanes = 5,
			.resources = 3, .packs = 8, .pack = 1, .worth = 1 + random_below(100000),
			.supply = 120, .tightness = 100
		};
		int64_t		pack = 1 + random_below(9);

		/* far more sources than places, too */
		if (round % 4 == 0)
		{
			shape.places = 1 + (size_t) random_below(2);
			shape.sources = 45;
			shape.lanes = 60;
		}
		make_case(c, &shape);
		for (size_t r = 0; r < c->in.resources; r++)
			c->limit[r] = INT64_MAX;
		for (size_t p = 0; p < c->in.places; p++)
			c->pack[p] = pack;
		for (size_t s = 0; s < c->in.sources; s++)
			c->supply[s] = c->supply[s] * pack + random_below(pack);
		solve(c);
		assert_int_equal(c->out.rounds, 1);
		assert_true(c->out.bound == c->out.value);
	}
}

/* All items share one resource, a unit a pack: one greedy over all of them is exact. */
static void
test_one_resource(void **state)
{
	(void) state;
	Case	   *c = &cases[0];

	for (int round = 0; round < 40; round++)
	{
		Shape		shape = {
			.items = 10, .places = 1 + (size_t) random_below(20), .sources = 1, .lanes = 1,
			.packs = 10, .pack = 3, .worth = 1 + random_below(100000), .supply = 1, .tightness = 1
		};
		int64_t		best;

		make_case(c, &shape);
		c->in.resources = 1;
		c->limit[0] = random_below((int64_t) c->in.packs + 1);
		for (size_t i = 0; i < c->in.sources; i++)
			c->supply[i] = 1000000;
		for (size_t l = 0; l < c->in.lanes; l++)
		{
			c->lane_resource[l * COUPLED_LANE_RESOURCES] = 0;
			c->lane_usage[l * COUPLED_LANE_RESOURCES] = 7;
		}
		best = merged_greedy(c, 0, c->in.places, c->limit[0]);
		/* what is left over of the limit serves nobody, and must not loosen the bound */
		c->limit[0] = c->limit[0] * 7 + random_below(7);
		solve(c);
		assert_int_equal(c->out.value, best);
		assert_true(c->out.bound - best <= best / 10000);
	}
}

static void
test_zero_capacity(void **state)
{
	(void) state;
	Case	   *c = &cases[0];
	Shape		shape = {
		.items = 5, .places = 8, .sources = 2, .lanes = 2, .resources = 4, .packs = 5, .pack = 3,
		.worth = 1000, .supply = 100, .tightness = 100
	};

	make_case(c, &shape);
	memset(c->limit, 0, sizeof(c->limit));
	for (size_t l = 0; l < c->in.lanes; l++)
	{
		c->lane_resource[l * COUPLED_LANE_RESOURCES] = 0;
		c->lane_usage[l * COUPLED_LANE_RESOURCES] = 1;
	}
	solve(c);
	assert_int_equal(c->out.value, 0);
	assert_int_equal(c->out.bound, 0);
	assert_int_equal(c->out.rounds, 1);
	make_case(c, &shape);
	memset(c->supply, 0, sizeof(c->supply));
	solve(c);
	assert_int_equal(c->out.value, 0);
	assert_int_equal(c->out.bound, 0);
}

static void
test_nothing(void **state)
{
	(void) state;
	Case	   *c = &cases[0];

	begin(c);
	solve(c);
	assert_int_equal(c->out.bound, 0);
	add_source(c, 10);
	end_place(c, 1, 0);
	add_pack(c, 5);
	end_place(c, 1, 0);			/* nobody ships there */
	end_item(c);
	end_item(c);				/* no source, no place */
	c->in.resources = 2;
	c->limit[0] = c->limit[1] = 7;
	solve(c);
	assert_int_equal(c->out.value, 0);
	assert_int_equal(c->out.bound, 0);
}

static void
test_floors(void **state)
{
	(void) state;
	Case	   *c = &cases[0];

	begin(c);
	for (int p = 0; p < 4; p++)
	{
		for (int k = 0; k < 3; k++)
			add_pack(c, p == 0 ? 1000 : 10);
		add_lane(c, 0, 20);
		use(c, 0, 0, 2);
		end_place(c, 2, p == 0 ? 0 : 1);
	}
	add_source(c, 100);
	end_item(c);
	c->in.resources = 1;
	c->limit[0] = 9;			/* four packs */
	solve(c);
	assert_int_equal(c->packs[0], 3);
	assert_int_equal(c->packs[1] + c->packs[2] + c->packs[3], 0);
	c->in.floor_premium = 5000;
	solve(c);
	for (int p = 0; p < 4; p++)
		assert_int_equal(c->packs[p], 1);
	assert_int_equal(c->out.premium, 15000);
	assert_int_equal(c->out.value, 15000 + 1000 + 3 * 10 - 4 * 20);
	assert_int_equal(c->out.bound, c->out.value);
	assert_true(coupled_gap(&c->out) == 0);
}

static const Shape medium = {
	.items = 40, .places = 40, .sources = 1, .lanes = 1, .resources = 60, .packs = 12, .pack = 8,
	.worth = 50000, .supply = 120, .tightness = 90
};

/* The worst gap, and the most rounds, of medium cases of a shape. */
static void
measure_gap(const char *name, const Shape *shape, double most)
{
	Case	   *c = &cases[0];
	double		worst = 0;
	size_t		rounds = 0;

	for (int round = 0; round < 5; round++)
	{
		make_case(c, shape);
		c->in.gap_ppm = 10000;
		solve(c);
		if (coupled_gap(&c->out) > worst)
			worst = coupled_gap(&c->out);
		if (c->out.rounds > rounds)
			rounds = c->out.rounds;
	}
	print_message("%s: gap up to %.2f %%, rounds up to %zu\n", name, 100 * worst, rounds);
	assert_true(worst <= most);
}

static void
test_gap(void **state)
{
	Shape		shape = medium;

	(void) state;
	measure_gap("one source", &shape, 0.01);
	shape.sources = 3;
	shape.lanes = 3;
	measure_gap("three sources", &shape, 0.01);
	shape.flat = true;
	measure_gap("three sources, flat worths", &shape, 0.02);
	shape.sources = 1;
	shape.lanes = 1;
	measure_gap("one source, flat worths", &shape, 0.02);
}

static void
copy_lane(Case *to, const Case *from, size_t l, const size_t *new_source,
		  const size_t *new_resource)
{
	add_lane(to, (int32_t) new_source[from->lane_source[l]], from->lane_cost[l]);
	to->lane_key[to->in.lanes - 1] = from->lane_key[l];
	for (size_t u = 0; u < COUPLED_LANE_RESOURCES; u++)
	{
		int32_t		resource = from->lane_resource[l * COUPLED_LANE_RESOURCES + u];

		use(to, COUPLED_LANE_RESOURCES - 1 - u,
			resource < 0 ? resource : (int32_t) new_resource[resource],
			from->lane_usage[l * COUPLED_LANE_RESOURCES + u]);
	}
}

static void
copy_place(Case *to, const Case *from, size_t p, const size_t *new_source,
		   const size_t *new_resource)
{
	size_t		order[MOST_ROWS];
	size_t		n = from->place_lane_start[p + 1] - from->place_lane_start[p];

	for (size_t k = from->place_worth_start[p]; k < from->place_worth_start[p + 1]; k++)
		add_pack(to, from->worth[k]);
	shuffle(order, n);
	for (size_t l = 0; l < n; l++)
		copy_lane(to, from, from->place_lane_start[p] + order[l], new_source, new_resource);
	end_place(to, from->pack[p], from->floor_packs[p]);
}

/* In any order: items, their sources and places, lanes of a place, and resources. */
static void
copy_shuffled(Case *to, const Case *from)
{
	size_t		items[MOST_ROWS];
	size_t		places[MOST_ROWS];
	size_t		new_source[MOST_ROWS];
	size_t		new_resource[MOST_ROWS];

	begin(to);
	to->in.resources = from->in.resources;
	to->in.floor_premium = from->in.floor_premium;
	to->in.gap_ppm = from->in.gap_ppm;
	to->in.rounds = from->in.rounds;
	shuffle(items, from->in.items);
	shuffle(new_resource, from->in.resources);
	for (size_t r = 0; r < from->in.resources; r++)
		to->limit[new_resource[r]] = from->limit[r];
	for (size_t i = 0; i < from->in.items; i++)
	{
		size_t		item = items[i];
		size_t		n = from->item_place_start[item + 1] - from->item_place_start[item];
		size_t		first = from->item_source_start[item];
		size_t		sources = from->item_source_start[item + 1] - first;

		shuffle(new_source, sources);
		for (size_t s = 0; s < sources; s++)
			to->supply[to->in.sources + new_source[s]] = from->supply[first + s];
		to->in.sources += sources;
		shuffle(places, n);
		for (size_t p = 0; p < n; p++)
			copy_place(to, from, from->item_place_start[item] + places[p], new_source,
					   new_resource);
		end_item(to);
	}
}

static void
test_any_order(void **state)
{
	(void) state;
	static int64_t by_key[2][MOST_LANES];

	for (int round = 0; round < 24; round++)
	{
		Shape		shape = {
			.items = 8, .places = 10, .sources = 3, .lanes = 3, .resources = 9, .packs = 6,
			.pack = 5, .worth = round < 12 ? 20 : 5000, .supply = 120, .tightness = 90
		};

		make_case(&cases[0], &shape);
		cases[0].in.rounds = 70;
		copy_shuffled(&cases[1], &cases[0]);
		for (int i = 0; i < 2; i++)
		{
			solve(&cases[i]);
			for (size_t l = 0; l < cases[i].in.lanes; l++)
				by_key[i][cases[i].lane_key[l]] = cases[i].packs[l];
		}
		assert_true(cases[0].out.value == cases[1].out.value);
		assert_true(cases[0].out.bound == cases[1].out.bound);
		assert_int_equal(cases[0].out.rounds, cases[1].out.rounds);
		assert_memory_equal(by_key[0], by_key[1], cases[0].in.lanes * sizeof(int64_t));
	}
}

/* Each way to falsify an answer, and what the check says. */
static void
test_check_finds(void **state)
{
	(void) state;
	Case	   *c = &cases[0];
	size_t		used = 0;
	size_t		priced = 0;
	size_t		busy;
	int64_t		limit;

	make_case(c, &medium);
	solve(c);
	while (c->packs[used] == 0 || c->lane_usage[used * COUPLED_LANE_RESOURCES] == 0)
		used++;
	while (c->resource_price[priced] == 0)
		priced++;
	busy = (size_t) c->lane_resource[used * COUPLED_LANE_RESOURCES];

	c->packs[used] = -1;
	assert_int_equal(check(c), COUPLED_NEGATIVE_PACKS);
	assert_int_equal(c->row, used);
	c->packs[used] = INT64_MAX;
	assert_int_equal(check(c), COUPLED_ABOVE_CEILING);
	solve(c);
	c->packs[used]--;
	assert_int_equal(check(c), COUPLED_VALUE_WRONG);
	solve(c);
	c->out.value++;
	assert_int_equal(check(c), COUPLED_VALUE_WRONG);
	c->out.value--;
	c->out.premium++;
	assert_int_equal(check(c), COUPLED_PREMIUM_WRONG);
	c->out.premium--;
	c->out.bound--;
	assert_int_equal(check(c), COUPLED_BOUND_TOO_LOW);
	c->out.bound++;
	assert_int_equal(check(c), COUPLED_SOUND);
	c->resource_price[priced] = 0;
	assert_int_equal(check(c), COUPLED_BOUND_TOO_LOW);
	c->resource_price[priced] = -1;
	assert_int_equal(check(c), COUPLED_NEGATIVE_PRICE);
	assert_int_equal(c->row, priced);
	solve(c);
	for (size_t s = 0; s < c->in.sources; s++)
		c->source_price[s] = INT64_MAX;
	assert_int_equal(check(c), COUPLED_BOUND_TOO_LOW);
	solve(c);
	memset(c->source_price, 0, sizeof(c->source_price));
	assert_int_equal(check(c), COUPLED_BOUND_TOO_LOW);
	solve(c);
	limit = c->limit[busy];
	c->limit[busy] = 0;
	assert_int_equal(check(c), COUPLED_LIMIT_EXCEEDED);
	assert_int_equal(c->row, busy);
	c->limit[busy] = limit;
	memset(c->supply, 0, sizeof(c->supply));
	assert_int_equal(check(c), COUPLED_SUPPLY_EXCEEDED);
}

static void
expect_fault(MerchStatus status, size_t row, int64_t value)
{
	Case	   *c = &cases[0];

	assert_int_equal(solve_with(c, NULL), status);
	assert_int_equal(c->fault.row, row);
	assert_int_equal(c->fault.value, value);
}

#define EXPECT_FAULT(place, bad, status, at_row) \
	do { \
		int64_t		kept = (int64_t) (place); \
		(place) = (bad); \
		expect_fault(status, at_row, (int64_t) (place)); \
		(place) = kept; \
	} while (0)

static void
test_bad_input(void **state)
{
	(void) state;
	Case	   *c = &cases[0];

	make_case(c, &medium);
	c->lane_resource[5 * COUPLED_LANE_RESOURCES + 1] = 3;
	EXPECT_FAULT(c->limit[2], -1, MERCH_NEGATIVE_LIMIT, 2);
	EXPECT_FAULT(c->supply[4], -7, MERCH_NEGATIVE_SUPPLY, 4);
	EXPECT_FAULT(c->pack[3], 0, MERCH_PACK_NOT_POSITIVE, 3);
	EXPECT_FAULT(c->floor_packs[3], -1, MERCH_NEGATIVE_MINIMUM, 3);
	EXPECT_FAULT(c->worth[9], -1, MERCH_NEGATIVE_WORTH, 9);
	EXPECT_FAULT(c->worth[0], COUPLED_MOST_MONEY + 1, MERCH_MONEY_TOO_LARGE, 0);
	EXPECT_FAULT(c->lane_cost[6], -1, MERCH_NEGATIVE_COST, 6);
	EXPECT_FAULT(c->lane_cost[6], INT64_MAX, MERCH_MONEY_TOO_LARGE, 6);
	EXPECT_FAULT(c->lane_source[6], -1, MERCH_SOURCE_UNKNOWN, 6);
	EXPECT_FAULT(c->lane_source[6], 1, MERCH_SOURCE_UNKNOWN, 6);
	EXPECT_FAULT(c->lane_resource[16], -2, MERCH_RESOURCE_UNKNOWN, 5);
	EXPECT_FAULT(c->lane_resource[16], 60, MERCH_RESOURCE_UNKNOWN, 5);
	EXPECT_FAULT(c->lane_usage[16], -1, MERCH_NEGATIVE_USAGE, 5);
	EXPECT_FAULT(c->in.floor_premium, -1, MERCH_NEGATIVE_WORTH, 0);
	EXPECT_FAULT(c->item_source_start[0], 1, MERCH_STARTS_INVALID, 0);
	EXPECT_FAULT(c->item_place_start[2], 0, MERCH_STARTS_INVALID, 2);
	EXPECT_FAULT(c->place_lane_start[c->in.places], c->in.lanes + 1, MERCH_STARTS_INVALID,
				 c->in.places);
	c->in.lanes--;
	expect_fault(MERCH_STARTS_INVALID, c->in.places, (int64_t) c->in.lanes + 1);
	c->in.lanes++;
	solve(c);

	begin(c);
	add_source(c, 10);
	add_pack(c, 5);
	add_pack(c, 6);
	add_lane(c, 0, 0);
	use(c, 0, 0, INT64_MAX);
	use(c, 1, 0, 1);
	end_place(c, 1, 0);
	end_item(c);
	c->in.resources = 1;
	c->limit[0] = 5;
	assert_int_equal(solve_with(c, NULL), MERCH_WORTH_INCREASING);
	c->worth[1] = 5;
	assert_int_equal(solve_with(c, NULL), MERCH_OUT_OF_RANGE);
}

/* The largest quantities, and prices as low and as high as they can get. */
static void
test_extremes(void **state)
{
	(void) state;
	Case	   *c = &cases[0];
	static const int64_t some[] = {0, 1, 2, INT64_MAX / 2, INT64_MAX - 1, INT64_MAX};

	for (int round = 0; round < 150; round++)
	{
		Shape		shape = {
			.items = 3, .places = 4, .sources = 2, .lanes = 2, .resources = 3, .packs = 3,
			.pack = 3, .worth = COUPLED_MOST_MONEY, .supply = 100, .tightness = 100
		};

		make_case(c, &shape);
		c->in.rounds = 60;
		c->in.floor_premium = random_below(2) ? COUPLED_MOST_MONEY : 1;
		for (size_t p = 0; p < c->in.places; p++)
			if (random_below(2))
				c->pack[p] = 1 + some[random_below(6)] / 2;
		for (size_t s = 0; s < c->in.sources; s++)
			c->supply[s] = some[random_below(6)];
		for (size_t r = 0; r < c->in.resources; r++)
			c->limit[r] = some[random_below(6)];
		for (size_t l = 0; l < c->in.lanes; l++)
			for (size_t u = 0; u < COUPLED_LANE_RESOURCES; u++)
			{
				c->lane_resource[l * COUPLED_LANE_RESOURCES + u] = (int32_t) u;
				c->lane_usage[l * COUPLED_LANE_RESOURCES + u] = some[random_below(6)];
			}
		solve(c);
	}
}

static void
test_interrupt(void **state)
{
	(void) state;
	Case	   *c = &cases[0];
	int			needed = 0;

	make_case(c, &medium);
	c->in.rounds = 8;
	allow_polls(needed);
	while (solve_with(c, interrupt_later) == MERCH_CANCELLED)
	{
		assert_int_equal(polls, needed + 1);
		allow_polls(++needed);
	}
	print_message("polled %d times\n", needed);
	assert_true(needed >= 10);
	assert_int_equal(check(c), COUPLED_SOUND);
}

static void
test_defaults(void **state)
{
	(void) state;
	Case	   *c = &cases[0];
	int128_t	value;

	begin(c);
	for (int p = 0; p < 5; p++)
	{
		add_pack(c, 100 - p);
		add_lane(c, 0, 0);
		end_place(c, 1, 0);
	}
	add_source(c, 3);
	end_item(c);
	solve(c);
	value = c->out.value;
	assert_int_equal(value, 100 + 99 + 98);
	c->in.pack = NULL;
	c->in.floor_packs = NULL;
	c->in.lane_source = NULL;
	c->in.lane_cost = NULL;
	c->in.lane_resource = NULL;
	c->in.lane_usage = NULL;
	c->in.lane_key = NULL;
	c->in.limit = NULL;
	c->in.rounds = 0;
	solve(c);
	assert_true(c->out.value == value);
	assert_int_equal(c->out.rounds, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brute_force),
		cmocka_unit_test(test_items_apart),
		cmocka_unit_test(test_transports_apart),
		cmocka_unit_test(test_one_resource),
		cmocka_unit_test(test_zero_capacity),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_floors),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_check_finds),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
