/*
 * test_apportion.c
 *	  The apportion kernel against brute force, against its own rules on random
 *	  cases, and at the limits of its types.
 */
#include <math.h>

#include "apportion.h"
#include "unit.h"

#define MOST_ROWS 4000

/* A random case: the columns, and the input that points to them. */
typedef struct Case
{
	ApportionMethod method;
	ApportionInput in;
	int64_t		need[MOST_ROWS];
	int64_t		minimum[MOST_ROWS];
	int64_t		maximum[MOST_ROWS];
	int64_t		pack[MOST_ROWS];
	int32_t		tier[MOST_ROWS];
	double		weight[MOST_ROWS];
	int64_t		position[MOST_ROWS];
	int64_t		key[MOST_ROWS];
	int64_t		quantity[MOST_ROWS];
	ApportionLevel level;
	MerchFault	fault;
} Case;

static MerchStatus
solve_with(Case *c, MerchInterrupt interrupt)
{
	void	   *scratch = allocate_odd(apportion_scratch_size(c->in.n));
	MerchStatus status = apportion(c->method, &c->in, c->quantity, scratch, interrupt,
								   &c->level, &c->fault);

	free_odd(scratch);
	return status;
}

static MerchStatus
solve(Case *c)
{
	return solve_with(c, NULL);
}

static void
point_columns(Case *c)
{
	c->in.need = c->need;
	c->in.minimum = c->minimum;
	c->in.maximum = c->maximum;
	c->in.pack = c->pack;
	c->in.tier = c->tier;
	c->in.weight = c->weight;
	c->in.position = c->position;
	c->in.key = c->key;
}

/* Small enough to enumerate; weights are halves, so that claims stay integers. */
static void
make_case(Case *c, size_t n, int64_t size, bool one_pack)
{
	int64_t		pack = 1 + random_below(3);

	c->method = (ApportionMethod) random_below(APPORTION_METHODS);
	point_columns(c);
	c->in.n = n;
	c->in.supply = random_below(size);
	for (size_t i = 0; i < n; i++)
	{
		c->need[i] = random_below(size) - 1;
		c->minimum[i] = random_below(3) ? 0 : random_below(4);
		c->maximum[i] = random_below(2) ? APPORTION_NO_MAXIMUM : c->minimum[i] + random_below(size);
		c->pack[i] = one_pack ? pack : 1 + random_below(4);
		c->tier[i] = (int32_t) random_below(3);
		c->weight[i] = random_below(2) ? 1 : (double) random_below(6) / 2;
		c->position[i] = random_below(size) - 2;
		c->key[i] = (int64_t) (n - i) * 7;
	}
	if (random_below(3) == 0)
		c->in.weight = NULL;
}

static void
assert_sound(Case *c)
{
	size_t		row;

	assert_int_equal(solve(c), MERCH_OK);
	assert_int_equal(apportion_check(c->method, &c->in, c->quantity, &c->level, &row),
					 APPORTION_SOUND);
}

/*
 * The oracle restates the rules on its own and tries every answer.
 */
typedef struct Oracle
{
	size_t		n;
	int64_t		pack;
	int64_t		floor[8];
	int64_t		ceiling[8];
	int64_t		offset[8];
	int64_t		claim[8];		/* twice the claim: weights are halves */
	long double share[8];
	bool		by_share;		/* the objective is the distance from share */
	int64_t		x[8];
	int64_t		best_sum;
	long double best;
} Oracle;

static int64_t
in_packs_up(int64_t units, int64_t pack)
{
	return (units + pack - 1) / pack * pack;
}

static void
oracle_load(Oracle *o, const Case *c)
{
	o->n = c->in.n;
	o->pack = c->pack[0];
	for (size_t i = 0; i < o->n; i++)
	{
		int64_t		need = c->need[i] < 0 ? 0 : c->need[i];
		int64_t		position = c->position[i] < 0 ? 0 : c->position[i];
		double		weight = c->in.weight == NULL ? 1 : c->weight[i];
		double		base = c->method == APPORTION_EVEN ? 1 : (double) need;

		if (c->method == APPORTION_COVER)
			base += (double) position;
		o->offset[i] = c->method == APPORTION_COVER ? position : 0;
		o->ceiling[i] = in_packs_up(need, o->pack);
		if (c->maximum[i] / o->pack * o->pack < o->ceiling[i])
			o->ceiling[i] = c->maximum[i] / o->pack * o->pack;
		o->floor[i] = in_packs_up(c->minimum[i], o->pack);
		if (o->floor[i] > o->ceiling[i])
			o->floor[i] = o->ceiling[i];
		if (weight == 0)
			o->ceiling[i] = o->floor[i];
		o->claim[i] = (int64_t) (2 * base * weight);
	}
}

static long double
objective(const Oracle *o, const int64_t *x)
{
	long double sum = 0;

	for (size_t i = 0; i < o->n; i++)
	{
		long double distance = o->by_share ? (long double) x[i] - o->share[i] :
			(long double) (x[i] + o->offset[i]);

		if (o->floor[i] < o->ceiling[i])
			sum += distance * distance / (o->by_share ? 1 : (long double) o->claim[i]);
	}
	return sum;
}

static void
try_all(Oracle *o, size_t i, int64_t sum, int64_t supply)
{
	if (sum > supply)
		return;
	if (i == o->n)
	{
		long double value = objective(o, o->x);

		if (sum > o->best_sum || (sum == o->best_sum && value < o->best))
		{
			o->best_sum = sum;
			o->best = value;
		}
		return;
	}
	for (o->x[i] = o->floor[i]; o->x[i] <= o->ceiling[i]; o->x[i] += o->pack)
		try_all(o, i + 1, sum + o->x[i], supply);
}

static long double
share_at(const Oracle *o, size_t i, long double level)
{
	return fminl(fmaxl(level * (long double) o->claim[i], (long double) o->floor[i]),
				 (long double) o->ceiling[i]);
}

/* Exact shares by bisection, of what can be given out in whole packs. */
static void
find_shares(Oracle *o, int64_t supply)
{
	long double low = 0;
	long double high = 1000;
	int64_t		floors = 0;
	int64_t		ceilings = 0;

	for (size_t i = 0; i < o->n; i++)
	{
		floors += o->floor[i];
		ceilings += o->ceiling[i];
	}
	supply -= (supply - floors) % o->pack;
	if (supply > ceilings)
		supply = ceilings;
	for (int step = 0; step < 120; step++)
	{
		long double level = (low + high) / 2;
		long double sum = 0;

		for (size_t i = 0; i < o->n; i++)
			sum += share_at(o, i, level);
		if (sum < (long double) supply)
			low = level;
		else
			high = level;
	}
	for (size_t i = 0; i < o->n; i++)
		o->share[i] = share_at(o, i, high);
	o->by_share = true;
}

static void
assert_best(Oracle *o, const int64_t *quantity, int64_t supply, bool by_share)
{
	int64_t		sum = 0;

	o->by_share = false;
	if (by_share)
		find_shares(o, supply);
	o->best_sum = -1;
	o->best = INFINITY;
	try_all(o, 0, 0, supply);
	for (size_t i = 0; i < o->n; i++)
		sum += quantity[i];
	assert_int_equal(sum, o->best_sum);
	assert_true(objective(o, quantity) <= o->best + 1e-9L);
}

/* Tier by tier: earlier tiers are fixed, later ones are kept at their floors. */
static void
assert_best_by_tier(Oracle *o, const Case *c)
{
	int64_t		ceiling[8];

	memcpy(ceiling, o->ceiling, sizeof(ceiling));
	for (int32_t tier = 0; tier < 3; tier++)
	{
		int64_t		quantity[8];

		for (size_t i = 0; i < o->n; i++)
		{
			if (c->tier[i] < tier)
				o->floor[i] = o->ceiling[i] = c->quantity[i];
			else
				o->ceiling[i] = c->tier[i] == tier ? ceiling[i] : o->floor[i];
			quantity[i] = c->tier[i] <= tier ? c->quantity[i] : o->floor[i];
		}
		assert_best(o, quantity, c->in.supply, true);
	}
}

static void
assert_floors_in_order(Oracle *o, const Case *c)
{
	int64_t		left = c->in.supply;
	bool		done[8] = {false};

	for (size_t served = 0; served < o->n; served++)
	{
		size_t		next = o->n;
		int64_t		expected;

		for (size_t i = 0; i < o->n; i++)
			if (!done[i] && (next == o->n || c->tier[i] < c->tier[next] ||
							 (c->tier[i] == c->tier[next] && c->key[i] < c->key[next])))
				next = i;
		done[next] = true;
		expected = o->floor[next] < left ? o->floor[next] : left / o->pack * o->pack;
		assert_int_equal(c->quantity[next], expected);
		left -= expected;
	}
}

static void
test_brute_force(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		Oracle		o;
		int64_t		floors = 0;

		make_case(&c, 1 + (size_t) random_below(6), 13, true);
		assert_sound(&c);
		oracle_load(&o, &c);
		for (size_t i = 0; i < o.n; i++)
			floors += o.floor[i];
		if (floors > c.in.supply)
			assert_floors_in_order(&o, &c);
		else if (c.method == APPORTION_PRIORITY)
			assert_best_by_tier(&o, &c);
		else
			assert_best(&o, c.quantity, c.in.supply, c.method == APPORTION_PROPORTIONAL);
	}
}

/* Sizes up to the given number of bits, all options at random. */
static void
make_wild_case(Case *c, size_t n, int bits, bool one_pack)
{
	int64_t		pack = 1 + random_below(24);
	int64_t		size = (int64_t) 1 << bits;

	make_case(c, n, size, true);
	for (size_t i = 0; i < n; i++)
	{
		c->need[i] = (int64_t) (random_bits() >> (63 - random_below(bits)));
		c->pack[i] = one_pack ? pack : 1 + random_below(random_below(3) ? 12 : 500);
		c->minimum[i] = random_below(4) ? 0 : random_below(size / (int64_t) n + 1);
		if (c->maximum[i] < c->minimum[i])
			c->maximum[i] = c->minimum[i];
		c->position[i] = random_below(size / (int64_t) n + 1);
		if (random_below(4) == 0)
			c->weight[i] = ldexp((double) random_below(1000), (int) random_below(200) - 100);
	}
}

static void
copy_shuffled(Case *to, const Case *from, size_t *places)
{
	size_t		n = from->in.n;

	*to = *from;
	point_columns(to);
	if (from->in.weight == NULL)
		to->in.weight = NULL;
	shuffle(places, n);
	for (size_t i = 0; i < n; i++)
	{
		to->need[i] = from->need[places[i]];
		to->minimum[i] = from->minimum[places[i]];
		to->maximum[i] = from->maximum[places[i]];
		to->pack[i] = from->pack[places[i]];
		to->tier[i] = from->tier[places[i]];
		to->weight[i] = from->weight[places[i]];
		to->position[i] = from->position[places[i]];
		to->key[i] = from->key[places[i]];
	}
}

/* Any other answer of the same sum ranks its packs wrongly: the check sees it. */
static void
assert_mutation_found(Case *c)
{
	size_t		from = (size_t) random_below((int64_t) c->in.n);
	size_t		to = (size_t) random_below((int64_t) c->in.n);
	size_t		row;

	if (from == to || c->quantity[from] == 0)
		return;
	c->quantity[from] -= c->pack[from];
	c->quantity[to] += c->pack[to];
	assert_int_not_equal(apportion_check(c->method, &c->in, c->quantity, &c->level, &row),
						 APPORTION_SOUND);
	c->quantity[from] += c->pack[from];
	c->quantity[to] -= c->pack[to];
}

static void
test_random_cases(void **state)
{
	static Case c;
	static Case shuffled;
	static size_t places[MOST_ROWS];

	(void) state;
	for (int round = 0; round < 10000; round++)
	{
		bool		one_pack = random_below(3) > 0;
		int			bits = 4 + (int) random_below(one_pack ? 57 : 20);

		make_wild_case(&c, 1 + (size_t) random_below(60), bits, one_pack);
		assert_sound(&c);
		copy_shuffled(&shuffled, &c, places);
		assert_sound(&shuffled);
		for (size_t i = 0; i < c.in.n; i++)
			assert_int_equal(shuffled.quantity[i], c.quantity[places[i]]);
		if (one_pack)
			for (int mutation = 0; mutation < 4; mutation++)
				assert_mutation_found(&c);
	}
}

static void
test_more_supply_takes_nothing_away(void **state)
{
	static Case c;
	static int64_t before[MOST_ROWS];
	const ApportionMethod monotone[] = {APPORTION_WEBSTER, APPORTION_COVER, APPORTION_EVEN};

	(void) state;
	for (int round = 0; round < 3000; round++)
	{
		make_wild_case(&c, 1 + (size_t) random_below(30), 10, true);
		c.method = monotone[random_below(3)];
		assert_sound(&c);
		memcpy(before, c.quantity, sizeof(before));
		c.in.supply += 1 + random_below(40);
		assert_sound(&c);
		for (size_t i = 0; i < c.in.n; i++)
			assert_true(c.quantity[i] >= before[i]);
	}
}

static void
test_proportional_keeps_quota(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 3000; round++)
	{
		int128_t	total = 0;

		make_wild_case(&c, 1 + (size_t) random_below(60), 50, true);
		c.in = (ApportionInput) {.need = c.need,.n = c.in.n};
		c.method = APPORTION_PROPORTIONAL;
		for (size_t i = 0; i < c.in.n; i++)
			total += c.need[i] > 0 ? c.need[i] : 0;
		if (total == 0)
			continue;
		c.in.supply = random_below((int64_t) total);
		assert_sound(&c);
		for (size_t i = 0; i < c.in.n; i++)
		{
			int128_t	need = c.need[i] > 0 ? c.need[i] : 0;
			int128_t	off = c.quantity[i] * total - c.in.supply * need;

			assert_true(off < total && -off < total);
		}
	}
}

/* The least rows for a test of one rule: needs, supply, all else as default. */
static void
simple(Case *c, ApportionMethod method, int64_t supply, size_t n, const int64_t *need)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < n; i++)
		c->need[i] = need[i];
	c->method = method;
	c->in = (ApportionInput) {.supply = supply,.n = n,.need = c->need};
	for (size_t i = 0; i < n; i++)
	{
		c->maximum[i] = APPORTION_NO_MAXIMUM;
		c->pack[i] = 1;
		c->weight[i] = 1;
	}
}

static void
assert_quantities(Case *c, const int64_t *expected)
{
	assert_sound(c);
	for (size_t i = 0; i < c->in.n; i++)
		assert_int_equal(c->quantity[i], expected[i]);
}

/*
 * The bill of 1792 for 120 seats in the US House, by Hamilton's method on the census
 * of 1790 (Balinski and Young, chapter 2). Webster's divisors give the same here.
 */
static void
test_published_table(void **state)
{
	static Case c;
	const int64_t people[15] = {
		630560, 475327, 432879, 353523, 331589, 278514, 236841, 206236,
		179570, 141822, 85533, 70835, 68705, 68446, 55540
	};
	const int64_t seats[15] = {21, 16, 14, 12, 11, 9, 8, 7, 6, 5, 3, 2, 2, 2, 2};

	(void) state;
	simple(&c, APPORTION_PROPORTIONAL, 120, 15, people);
	assert_quantities(&c, seats);
	simple(&c, APPORTION_WEBSTER, 120, 15, people);
	assert_quantities(&c, seats);
}

/* A level that is off by less than shows in any row is still not the level. */
static void
test_wrong_level(void **state)
{
	static Case c;
	size_t		row;
	const ApportionMethod methods[] = {APPORTION_PROPORTIONAL, APPORTION_PRIORITY};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		simple(&c, methods[i], 10, 3, (int64_t[]) {7, 5, 9});
		assert_quantities(&c, (int64_t[]) {3, 3, 4});
		c.level.numerator *= 1000;
		c.level.denominator *= 1000;
		assert_int_equal(apportion_check(c.method, &c.in, c.quantity, &c.level, &row), APPORTION_SOUND);
		c.level.numerator += 1;
		assert_int_equal(apportion_check(c.method, &c.in, c.quantity, &c.level, &row), APPORTION_LEVEL_OFF);
		c.level.numerator -= 2;
		assert_int_equal(apportion_check(c.method, &c.in, c.quantity, &c.level, &row), APPORTION_LEVEL_OFF);
	}
}

static void
test_ties(void **state)
{
	static Case c;

	(void) state;
	simple(&c, APPORTION_PROPORTIONAL, 2, 3, (int64_t[]) {5, 5, 5});
	assert_quantities(&c, (int64_t[]) {1, 1, 0});
	c.in.tier = c.tier;
	c.tier[0] = 1;
	assert_quantities(&c, (int64_t[]) {0, 1, 1});
	c.method = APPORTION_EVEN;
	assert_quantities(&c, (int64_t[]) {0, 1, 1});
	c.in.key = c.key;
	c.key[1] = 9;
	c.in.supply = 1;
	assert_quantities(&c, (int64_t[]) {0, 0, 1});
}

static void
test_edges(void **state)
{
	static Case c;

	(void) state;
	simple(&c, APPORTION_PROPORTIONAL, 10, 0, NULL);
	assert_quantities(&c, NULL);
	simple(&c, APPORTION_PROPORTIONAL, 10, 1, (int64_t[]) {7});
	assert_quantities(&c, (int64_t[]) {7});
	simple(&c, APPORTION_WEBSTER, 10, 3, (int64_t[]) {0, -4, 0});
	assert_quantities(&c, (int64_t[]) {0, 0, 0});
	/* no weight anywhere: the units stay, and are not split evenly in silence */
	simple(&c, APPORTION_PROPORTIONAL, 10, 2, (int64_t[]) {7, 7});
	c.in.weight = c.weight;
	c.weight[0] = c.weight[1] = 0;
	assert_quantities(&c, (int64_t[]) {0, 0});
	/* rounded up to packs: 7 needs 8 in packs of 4 */
	simple(&c, APPORTION_COVER, 100, 1, (int64_t[]) {7});
	c.in.pack = c.pack;
	c.pack[0] = 4;
	assert_quantities(&c, (int64_t[]) {8});
	/* and rounded down to the maximum */
	c.in.maximum = c.maximum;
	c.maximum[0] = 7;
	assert_quantities(&c, (int64_t[]) {4});
	/* a large pack that does not fit leaves its units to the small one */
	simple(&c, APPORTION_PROPORTIONAL, 9, 2, (int64_t[]) {100, 100});
	c.in.pack = c.pack;
	c.pack[0] = 10;
	c.pack[1] = 2;
	assert_quantities(&c, (int64_t[]) {0, 8});
}

static void
test_extreme_values(void **state)
{
	static Case c;
	const int64_t most = INT64_MAX;

	(void) state;
	for (int method = 0; method < APPORTION_METHODS; method++)
	{
		simple(&c, (ApportionMethod) method, most, 3, (int64_t[]) {most, most, most});
		assert_sound(&c);
		assert_true((int128_t) c.quantity[0] + c.quantity[1] + c.quantity[2] == most);
		c.in.pack = c.pack;
		c.pack[0] = c.pack[1] = c.pack[2] = most;
		assert_quantities(&c, (int64_t[]) {most, 0, 0});
		c.pack[0] = c.pack[1] = c.pack[2] = 6;
		c.in.weight = c.weight;
		c.weight[0] = 1e308;
		c.weight[1] = 1e-308;
		assert_sound(&c);
		c.in.supply = 0;
		assert_quantities(&c, (int64_t[]) {0, 0, 0});
	}
}

static void
assert_fault(Case *c, MerchStatus status, size_t row)
{
	assert_int_equal(solve(c), status);
	assert_int_equal(c->fault.row, row);
}

static void
test_faults(void **state)
{
	static Case c;
	const int64_t need[2] = {5, 5};

	(void) state;
	simple(&c, APPORTION_COVER, -1, 2, need);
	assert_fault(&c, MERCH_NEGATIVE_SUPPLY, 0);
	simple(&c, APPORTION_COVER, 9, 2, need);
	point_columns(&c);
	c.minimum[1] = -1;
	assert_fault(&c, MERCH_NEGATIVE_MINIMUM, 1);
	c.minimum[1] = 4;
	c.maximum[1] = -3;
	assert_fault(&c, MERCH_NEGATIVE_MAXIMUM, 1);
	c.maximum[1] = 3;
	assert_fault(&c, MERCH_MINIMUM_ABOVE_MAXIMUM, 1);
	assert_int_equal(c.fault.value, 4);
	assert_int_equal(c.fault.limit, 3);
	c.maximum[1] = 4;
	c.pack[1] = 0;
	assert_fault(&c, MERCH_PACK_NOT_POSITIVE, 1);
	c.pack[1] = 1;
	c.weight[1] = NAN;
	assert_fault(&c, MERCH_WEIGHT_NOT_FINITE, 1);
	c.weight[1] = INFINITY;
	assert_fault(&c, MERCH_WEIGHT_NOT_FINITE, 1);
	c.weight[1] = -0.5;
	assert_fault(&c, MERCH_WEIGHT_NEGATIVE, 1);
	c.weight[1] = 1;
	c.position[1] = INT64_MAX;
	assert_fault(&c, MERCH_OUT_OF_RANGE, 1);
	c.position[1] = INT64_MAX - 100;
	c.position[0] = 101;
	assert_fault(&c, MERCH_OUT_OF_RANGE, 1);
	c.position[0] = 1;
	assert_sound(&c);
}

static void
test_interrupt(void **state)
{
	static Case c;

	(void) state;
	make_wild_case(&c, MOST_ROWS, 30, true);
	for (int method = 0; method < APPORTION_METHODS; method++)
	{
		c.method = (ApportionMethod) method;
		c.in.supply = 1 << 29;
		assert_int_equal(solve_with(&c, interrupt_now), MERCH_CANCELLED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brute_force),
		cmocka_unit_test(test_random_cases),
		cmocka_unit_test(test_more_supply_takes_nothing_away),
		cmocka_unit_test(test_proportional_keeps_quota),
		cmocka_unit_test(test_published_table),
		cmocka_unit_test(test_wrong_level),
		cmocka_unit_test(test_ties),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_extreme_values),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_interrupt),
	};

	random_state = 20261123;
	return cmocka_run_group_tests_name("apportion", tests, NULL, NULL);
}
