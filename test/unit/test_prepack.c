/*
 * test_prepack.c
 *	  The pre-pack kernel against brute force, against exact special cases and
 *	  figures of GLPK, by its certificate on random cases, and at its limits.
 */
#include <math.h>
#include <stdio.h>

#include "prepack.h"
#include "unit.h"

#define MOST_LOCATIONS 60
#define MOST_SIZES 6
#define MOST_PREPACKS 6
#define MOST_UNITS 80

/* A case: the columns, and the input that points to them. */
typedef struct Case
{
	PrepackInput in;
	int64_t		supply[MOST_PREPACKS];
	int64_t		content[MOST_PREPACKS * MOST_SIZES];
	size_t		worth_start[MOST_LOCATIONS * MOST_SIZES + 1];
	int64_t		worth[MOST_LOCATIONS * MOST_SIZES * MOST_UNITS];
	int64_t		maximum[MOST_LOCATIONS];
	int64_t		quantity[MOST_LOCATIONS * MOST_PREPACKS];
	int64_t		unit[MOST_LOCATIONS * MOST_SIZES];
	int64_t		room[MOST_LOCATIONS];
	PrepackPrices prices;
	PrepackOutcome outcome;
	MerchFault	fault;
} Case;

static MerchStatus
solve_with(Case *c, MerchInterrupt interrupt)
{
	void	   *scratch = allocate_odd(prepack_scratch_size(&c->in));
	MerchStatus status = prepack(&c->in, c->quantity, &c->prices, &c->outcome, scratch,
								 interrupt, &c->fault);

	free_odd(scratch);
	return status;
}

static void
start_case(Case *c, size_t locations, size_t sizes, size_t prepacks)
{
	memset(c, 0, sizeof(*c));
	c->prices = (PrepackPrices) {.unit = c->unit,.room = c->room};
	c->in = (PrepackInput) {
		.locations = locations,.sizes = sizes,.prepacks = prepacks,.supply = c->supply,
		.content = c->content,.worth_start = c->worth_start,.worth = c->worth,
		.ring_limit = PREPACK_RING_LIMIT,.refit_limit = PREPACK_REFIT_LIMIT,
		.round_limit = PREPACK_ROUND_LIMIT
	};
}

/* Falling worths, up to n of them, none below -overstock. */
static void
add_worths(Case *c, size_t cell, int64_t n, int64_t most)
{
	size_t		end = c->worth_start[cell];

	for (int64_t i = 0; i < n; i++)
	{
		c->worth[end++] = most;
		most -= random_below(3) == 0 ? 0 : random_below(most > 8 ? most / 3 : 3);
		if (most < -c->in.overstock)
			break;
	}
	c->worth_start[cell + 1] = end;
}

static void
make_case(Case *c, size_t locations, size_t sizes, size_t prepacks, int64_t units)
{
	start_case(c, locations, sizes, prepacks);
	c->in.overstock = random_below(2) ? 0 : random_below(20);
	for (size_t cell = 0; cell < locations * sizes; cell++)
		add_worths(c, cell, random_below(units), 10 + random_below(90));
	for (size_t pack = 0; pack < prepacks; pack++)
	{
		c->supply[pack] = random_below(units);
		for (size_t size = 0; size < sizes; size++)
			c->content[pack * sizes + size] = random_below(4);
		c->content[pack * sizes + (size_t) random_below((int64_t) sizes)]++;
	}
	if (random_below(2))
		return;
	c->in.maximum = c->maximum;
	for (size_t location = 0; location < locations; location++)
		c->maximum[location] = random_below(3 * units);
}

static void
assert_sound(Case *c)
{
	PrepackOutcome outcome;

	assert_int_equal(solve_with(c, NULL), MERCH_OK);
	assert_int_equal(prepack_check(&c->in, c->quantity, &c->prices, &outcome), PREPACK_SOUND);
	assert_true(outcome.value == c->outcome.value);
	assert_true(outcome.bound == c->outcome.bound);
	assert_true(outcome.value <= outcome.bound);
}

/* The oracle: the value unit by unit, and every answer in turn. */
static int64_t
value_at(const Case *c, size_t location, const int64_t *packs)
{
	int64_t		value = 0;
	int64_t		all = 0;

	for (size_t size = 0; size < c->in.sizes; size++)
	{
		size_t		cell = location * c->in.sizes + size;
		int64_t		units = 0;

		for (size_t pack = 0; pack < c->in.prepacks; pack++)
			units += packs[pack] * c->content[pack * c->in.sizes + size];
		for (int64_t i = 0; i < units; i++)
			value += c->worth_start[cell] + (size_t) i < c->worth_start[cell + 1] ?
				c->worth[c->worth_start[cell] + (size_t) i] : -c->in.overstock;
		all += units;
	}
	return c->in.maximum != NULL && all > c->maximum[location] ? INT64_MIN : value;
}

static int64_t
best_from(const Case *c, size_t location, size_t pack, int64_t *packs, int64_t *left)
{
	int64_t		best;
	int64_t		here;

	if (location == c->in.locations)
		return 0;
	if (pack == c->in.prepacks)
	{
		int64_t		next[MOST_PREPACKS] = {0};

		here = value_at(c, location, packs);
		if (here == INT64_MIN)
			return INT64_MIN;
		best = best_from(c, location + 1, 0, next, left);
		return best == INT64_MIN ? best : best + here;
	}
	best = best_from(c, location, pack + 1, packs, left);
	if (left[pack] == 0)
		return best;
	packs[pack]++;
	left[pack]--;
	here = best_from(c, location, pack, packs, left);
	packs[pack]--;
	left[pack]++;
	return here > best ? here : best;
}

static void
test_brute_force(void **state)
{
	static Case c;
	const int	rounds = 2000;
	int			optimal = 0;

	(void) state;
	for (int round = 0; round < rounds; round++)
	{
		int64_t		packs[MOST_PREPACKS] = {0};
		int64_t		left[MOST_PREPACKS];
		int64_t		best;

		make_case(&c, 1 + (size_t) random_below(3), 1 + (size_t) random_below(3),
				  1 + (size_t) random_below(2), 7);
		memcpy(left, c.supply, sizeof(left));
		c.in.refit_limit = 20;
		best = best_from(&c, 0, 0, packs, left);
		assert_sound(&c);
		assert_true(c.outcome.value <= best);
		assert_true(c.outcome.bound >= best);
		optimal += c.outcome.value == best;
	}
	print_message("%d of %d answers are optimal\n", optimal, rounds);
	assert_true(optimal > rounds * 98 / 100);
}

static int
falling(const void *a, const void *b)
{
	int64_t		x = *(const int64_t *) a;
	int64_t		y = *(const int64_t *) b;

	return (x < y) - (x > y);
}

/* Packs of one unit: each size is a split of its own, where the best units win. */
static void
test_loose_units(void **state)
{
	static Case c;
	static int64_t worth[MOST_LOCATIONS * MOST_UNITS];

	(void) state;
	for (int round = 0; round < 100; round++)
	{
		size_t		sizes = 1 + (size_t) random_below(MOST_SIZES);
		int64_t		best = 0;

		make_case(&c, 1 + (size_t) random_below(20), sizes, sizes, 30);
		c.in.maximum = NULL;
		memset(c.content, 0, sizeof(c.content));
		for (size_t size = 0; size < sizes; size++)
		{
			size_t		n = 0;

			c.content[size * sizes + size] = 1;
			c.supply[size] = random_below(200);
			for (size_t cell = size; cell < c.in.locations * sizes; cell += sizes)
				for (size_t i = c.worth_start[cell]; i < c.worth_start[cell + 1]; i++)
					worth[n++] = c.worth[i];
			qsort(worth, n, sizeof(int64_t), falling);
			for (size_t i = 0; i < n && i < (size_t) c.supply[size] && worth[i] > 0; i++)
				best += worth[i];
		}
		assert_sound(&c);
		assert_true(c.outcome.value == best);
		assert_true(c.outcome.bound - best <= best / 10000 + 1);
	}
}

/* The gain of giving up a pack and taking another, either of which may be none (-1). */
static int64_t
gain_at(const Case *c, size_t location, int give, int take)
{
	int64_t		packs[MOST_PREPACKS];
	int64_t		before;
	int64_t		after;

	memcpy(packs, c->quantity + location * c->in.prepacks, c->in.prepacks * sizeof(int64_t));
	before = value_at(c, location, packs);
	if (give >= 0 && packs[give]-- == 0)
		return INT64_MIN / 2;
	if (take >= 0)
		packs[take]++;
	after = value_at(c, location, packs);
	return after == INT64_MIN ? INT64_MIN / 2 : after - before;
}

static void
assert_no_better_neighbour(const Case *c)
{
	int64_t		left[MOST_PREPACKS];

	memcpy(left, c->supply, sizeof(left));
	for (size_t place = 0; place < c->in.locations * c->in.prepacks; place++)
		left[place % c->in.prepacks] -= c->quantity[place];
	for (size_t l = 0; l < c->in.locations; l++)
		for (int give = -1; give < (int) c->in.prepacks; give++)
			for (int take = -1; take < (int) c->in.prepacks; take++)
			{
				int64_t		gain = give == take ? 0 : gain_at(c, l, give, take);

				if (take < 0 || left[take] > 0)
					assert_true(gain <= 0);
				for (size_t m = 0; m < c->in.locations && give != take; m++)
					if (m != l)
						assert_true(gain + gain_at(c, m, take, give) <= 0);
			}
}

static void
test_random_cases(void **state)
{
	static Case c;
	static int64_t again[MOST_LOCATIONS * MOST_PREPACKS];
	double		gaps = 0;
	const int	rounds = 30;

	(void) state;
	for (int round = 0; round < rounds; round++)
	{
		make_case(&c, 2 + (size_t) random_below(10), 1 + (size_t) random_below(MOST_SIZES),
				  1 + (size_t) random_below(MOST_PREPACKS), 30);
		assert_sound(&c);
		assert_no_better_neighbour(&c);
		if (c.outcome.bound > 0)
			gaps += (double) (c.outcome.bound - c.outcome.value) / (double) c.outcome.bound;
		memcpy(again, c.quantity, sizeof(again));
		assert_sound(&c);
		assert_memory_equal(again, c.quantity, sizeof(again));
	}
	print_message("mean gap to the bound: %.2f %%\n", 100 * gaps / rounds);
	assert_true(gaps / rounds < 0.05);
}

/* Without search for a bound or rings the certificate holds all the same. */
static void
test_limits(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 100; round++)
	{
		make_case(&c, 2 + (size_t) random_below(10), 4, 3, 30);
		c.in.ring_limit = (size_t) random_below(2);
		c.in.refit_limit = (size_t) random_below(2);
		c.in.round_limit = (size_t) random_below(2) * 41;
		assert_sound(&c);
	}
}

/*
 * Six locations, sizes S M L XL, three pre-packs. Optimum and linear relaxation of this
 * instance by GLPK 5.0 (glpsol: MIP, and simplex).
 */
static void
test_glpk(void **state)
{
	static Case c;
	const int64_t supply[3] = {5, 4, 9};
	const int64_t content[12] = {1, 2, 2, 1, 2, 3, 1, 0, 0, 0, 1, 1};

	(void) state;
	start_case(&c, 6, 4, 3);
	memcpy(c.supply, supply, sizeof(supply));
	memcpy(c.content, content, sizeof(content));
	for (size_t cell = 0; cell < 24; cell++)
	{
		size_t		n = 3 + (cell * 7) % 3;

		for (size_t i = 0; i < n; i++)
			c.worth[c.worth_start[cell] + i] =
				10000 * (1000 - 37 * (int64_t) (cell % 7) - 150 * (int64_t) i);
		c.worth_start[cell + 1] = c.worth_start[cell] + n;
	}
	assert_sound(&c);
	assert_int_equal((int64_t) c.outcome.value, 524440000);
	assert_true(c.outcome.bound >= 524615000 && c.outcome.bound <= 524625000);
}

static void
test_edges(void **state)
{
	static Case c;

	(void) state;
	start_case(&c, 0, 0, 0);
	assert_sound(&c);
	assert_true(c.outcome.value == 0 && c.outcome.bound == 0);
	/* worth nothing, or less: everything stays */
	start_case(&c, 2, 1, 1);
	c.in.overstock = 5;
	c.supply[0] = 3;
	c.content[0] = 2;
	assert_sound(&c);
	assert_true(c.outcome.value == 0 && c.outcome.bound == 0);
	/* the second unit of the pack is a loss, the pack a gain */
	c.worth[0] = 6;
	c.worth_start[1] = c.worth_start[2] = 1;
	assert_sound(&c);
	assert_int_equal(c.quantity[0], 1);
	assert_int_equal(c.quantity[1], 0);
	assert_true(c.outcome.value == 1);
	/* no room */
	c.in.maximum = c.maximum;
	assert_sound(&c);
	assert_true(c.outcome.value == 0);
	/* a tie falls to the lower location, and to the lower pre-pack */
	start_case(&c, 2, 1, 2);
	c.supply[0] = c.supply[1] = c.content[0] = c.content[1] = 1;
	c.worth[0] = c.worth[1] = 9;
	c.worth_start[1] = 1;
	c.worth_start[2] = 2;
	c.supply[1] = 0;
	assert_sound(&c);
	assert_int_equal(c.quantity[0], 1);
	c.supply[1] = 1;
	c.worth_start[2] = 1;
	assert_sound(&c);
	assert_int_equal(c.quantity[0], 1);
	assert_int_equal(c.quantity[1], 0);
}

static void
test_extreme_values(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 24; round++)
	{
		make_case(&c, 5, 3, 3, 12);
		c.in.maximum = round % 2 ? c.maximum : NULL;
		c.in.overstock = round % 3 ? PREPACK_MOST_WORTH : 0;
		for (size_t i = 0; i < c.worth_start[15]; i++)
			c.worth[i] = c.worth[i] < 0 ? 0 : c.worth[i];
		for (size_t i = 0; i < c.worth_start[15]; i++)
			c.worth[i] = c.worth[i] * (PREPACK_MOST_WORTH / 128);
		for (size_t pack = 0; pack < 3; pack++)
			c.supply[pack] = INT64_MAX;
		for (size_t location = 0; location < 5; location++)
			c.maximum[location] = location < 2 ? INT64_MAX : c.maximum[location];
		if (round % 4 == 3)
			c.content[0] = PREPACK_MOST_UNITS - c.content[1] - c.content[2];
		assert_sound(&c);
	}
}

static void
assert_fault(Case *c, MerchStatus status, size_t row, size_t column)
{
	assert_int_equal(solve_with(c, NULL), status);
	assert_int_equal(c->fault.row, row);
	assert_int_equal(c->fault.column, column);
}

static void
test_faults(void **state)
{
	static Case c;

	(void) state;
	start_case(&c, 2, 2, 2);
	for (size_t i = 0; i < 4; i++)
	{
		c.content[i] = 1;
		c.worth[2 * i] = 7;
		c.worth[2 * i + 1] = 5;
		c.worth_start[i + 1] = 2 * i + 2;
	}
	c.in.maximum = c.maximum;
	c.supply[1] = -1;
	assert_fault(&c, MERCH_PREPACK_SUPPLY_NEGATIVE, 1, 0);
	assert_int_equal(c.fault.value, -1);
	c.supply[1] = 1;
	c.content[3] = -2;
	assert_fault(&c, MERCH_PREPACK_CONTENT_NEGATIVE, 1, 1);
	assert_int_equal(c.fault.value, -2);
	c.content[3] = PREPACK_MOST_UNITS;
	assert_fault(&c, MERCH_PREPACK_TOO_LARGE, 1, 1);
	c.content[2] = c.content[3] = 0;
	assert_fault(&c, MERCH_PREPACK_EMPTY, 1, 1);
	c.content[3] = 1;
	c.maximum[1] = -3;
	assert_fault(&c, MERCH_PREPACK_MAXIMUM_NEGATIVE, 1, 0);
	c.maximum[1] = 3;
	c.worth[7] = 8;
	assert_fault(&c, MERCH_WORTH_RISES, 1, 1);
	c.worth[7] = -1;
	assert_fault(&c, MERCH_WORTH_OUT_OF_RANGE, 1, 1);
	c.worth[7] = 5;
	c.worth[4] = PREPACK_MOST_WORTH + 1;
	assert_fault(&c, MERCH_WORTH_OUT_OF_RANGE, 1, 0);
	c.worth[4] = 7;
	c.in.overstock = -1;
	assert_fault(&c, MERCH_WORTH_OUT_OF_RANGE, 0, 0);
	c.in.overstock = 0;
	assert_sound(&c);
}

/* The check sees what breaks a rule, and prices that prove nothing. */
static void
test_check(void **state)
{
	static Case c;
	PrepackOutcome outcome;

	(void) state;
	make_case(&c, 4, 3, 2, 20);
	c.in.maximum = NULL;
	c.supply[0] = c.supply[1] = 4;
	assert_sound(&c);
	c.quantity[0] += 5;
	assert_int_equal(prepack_check(&c.in, c.quantity, &c.prices, &outcome),
					 PREPACK_SUPPLY_EXCEEDED);
	c.in.maximum = c.maximum;
	memset(c.maximum, 0, sizeof(c.maximum));
	assert_int_equal(prepack_check(&c.in, c.quantity, &c.prices, &outcome),
					 PREPACK_MAXIMUM_EXCEEDED);
	c.in.maximum = NULL;
	memset(c.quantity, 0, sizeof(c.quantity));
	c.quantity[1] = -1;
	assert_int_equal(prepack_check(&c.in, c.quantity, &c.prices, &outcome),
					 PREPACK_NEGATIVE_QUANTITY);
	c.unit[2] = -c.in.overstock - 1;
	assert_int_equal(prepack_check(&c.in, c.quantity, &c.prices, &outcome),
					 PREPACK_PRICE_TOO_LOW);
	c.unit[2] = 0;
	c.room[1] = -1;
	assert_int_equal(prepack_check(&c.in, c.quantity, &c.prices, &outcome),
					 PREPACK_PRICE_TOO_LOW);
}

static void
test_interrupt(void **state)
{
	static Case c;
	int			calls = 0;

	(void) state;
	make_case(&c, MOST_LOCATIONS, MOST_SIZES, MOST_PREPACKS, MOST_UNITS);
	c.in.refit_limit = 20;
	c.in.round_limit = 400;
	for (;; calls += 1 + calls / 3)
	{
		MerchStatus status;

		allow_polls(calls);
		status = solve_with(&c, interrupt_later);
		if (status == MERCH_OK)
			break;
		assert_int_equal(status, MERCH_CANCELLED);
	}
	assert_true(calls > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brute_force),
		cmocka_unit_test(test_loose_units),
		cmocka_unit_test(test_random_cases),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_glpk),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_extreme_values),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_interrupt),
	};

	return cmocka_run_group_tests_name("prepack", tests, NULL, NULL);
}
