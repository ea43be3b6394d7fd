/*
 * test_expected.c
 *	  The split by expected sales against all feasible answers, against a plain
 *	  greedy, and at the limits of its types.
 */
#include <math.h>

#include "expected_row.h"
#include "unit.h"

#define MOST_ROWS 4000

/* A random case: the columns, and the input that points to them. */
typedef struct Case
{
	ExpectedInput in;
	double		mean[MOST_ROWS];
	double		dispersion[MOST_ROWS];
	double		value[MOST_ROWS];
	int64_t		minimum[MOST_ROWS];
	int64_t		maximum[MOST_ROWS];
	int64_t		pack[MOST_ROWS];
	int32_t		tier[MOST_ROWS];
	int64_t		position[MOST_ROWS];
	int64_t		key[MOST_ROWS];
	int64_t		quantity[MOST_ROWS];
	ExpectedPrice price;
	MerchFault	fault;
} Case;

static double
random_share(void)
{
	return (double) (random_bits() >> 11) * 0x1p-53;
}

static MerchStatus
solve_with(Case *c, MerchInterrupt interrupt)
{
	void	   *scratch = allocate_odd(expected_scratch_size(c->in.n));
	MerchStatus status = expected(&c->in, c->quantity, scratch, interrupt, &c->price, &c->fault);

	free_odd(scratch);
	return status;
}

static ExpectedVerdict
verdict_of(const Case *c)
{
	ExpectedVerdict verdict;
	MerchFault	fault;

	assert_int_equal(expected_check(&c->in, c->quantity, NULL, &verdict, &fault), MERCH_OK);
	return verdict;
}

static void
assert_sound(Case *c)
{
	assert_int_equal(solve_with(c, NULL), MERCH_OK);
	assert_int_equal(verdict_of(c).flaw, EXPECTED_SOUND);
}

static void
point_columns(Case *c)
{
	c->in.mean = c->mean;
	c->in.dispersion = c->dispersion;
	c->in.value = c->value;
	c->in.minimum = c->minimum;
	c->in.maximum = c->maximum;
	c->in.pack = c->pack;
	c->in.tier = c->tier;
	c->in.position = c->position;
	c->in.key = c->key;
}

/* Demands around size units, of all distributions; equal rows are frequent. */
static void
make_case(Case *c, size_t n, int64_t size, bool one_pack)
{
	int64_t		pack = 1 + random_below(3);

	memset(&c->in, 0, sizeof(c->in));
	point_columns(c);
	c->in.n = n;
	c->in.supply = random_below(size * (1 + random_below((int64_t) n)));
	for (size_t i = 0; i < n; i++)
	{
		c->mean[i] = random_below(5) ? random_share() * (double) size / 2 : (double) random_below(4);
		c->dispersion[i] = random_below(4) ? 1 + random_share() * 3 : random_below(2) ? 1 : 0.3;
		c->value[i] = random_below(3) ? 1 : random_share() * 4;
		c->minimum[i] = random_below(3) ? 0 : random_below(4);
		c->maximum[i] = random_below(2) ? EXPECTED_NO_MAXIMUM : c->minimum[i] + random_below(size);
		c->pack[i] = one_pack ? pack : 1 + random_below(5);
		c->tier[i] = (int32_t) random_below(3);
		c->position[i] = random_below(2) ? 0 : random_below(size) - 2;
		c->key[i] = (int64_t) (n - i) * 7;
	}
	if (random_below(3) == 0)
		c->in.value = NULL;
}

/*
 * The oracle: what any answer is expected to sell, from the closed form and not from a
 * staircase, for every quantity of every row.
 */
typedef struct Oracle
{
	size_t		n;
	int64_t		pack;
	int64_t		floor[8];
	int64_t		ceiling[8];
	double		worth[8][16];
	int64_t		x[8];
	double		best;
} Oracle;

static void
oracle_load(Oracle *o, const Case *c)
{
	o->n = c->in.n;
	o->pack = c->pack[0];
	for (size_t i = 0; i < o->n; i++)
	{
		int64_t		position = c->position[i] < 0 ? 0 : c->position[i];
		int64_t		maximum = c->maximum[i] < c->in.supply ? c->maximum[i] : c->in.supply;
		double		value = c->in.value == NULL ? 1 : c->value[i];
		Distribution demand;
		MerchFault	fault;

		o->ceiling[i] = maximum / o->pack * o->pack;
		o->floor[i] = (c->minimum[i] + o->pack - 1) / o->pack * o->pack;
		if (o->floor[i] > o->ceiling[i])
			o->floor[i] = o->ceiling[i];
		assert_int_equal(distribution_set(c->in.distribution, c->mean[i], c->dispersion[i],
										  &demand, &fault), MERCH_OK);
		for (int64_t x = 0; x < 16; x++)
			o->worth[i][x] = value * (distribution_expected_sales(&demand, position + x)
									  - distribution_expected_sales(&demand, position));
	}
}

static double
objective(const Oracle *o, const int64_t *x)
{
	double		sum = 0;

	for (size_t i = 0; i < o->n; i++)
		sum += o->worth[i][x[i]];
	return sum;
}

static void
try_all(Oracle *o, size_t i, int64_t left, double worth)
{
	if (i == o->n)
	{
		o->best = fmax(o->best, worth);
		return;
	}
	for (int64_t x = o->floor[i]; x <= o->ceiling[i] && x <= left; x += o->pack)
		try_all(o, i + 1, left - x, worth + o->worth[i][x]);
}

static void
assert_floors_in_order(const Oracle *o, const Case *c)
{
	int64_t		left = c->in.supply;
	bool		done[8] = {false};

	for (size_t served = 0; served < o->n; served++)
	{
		size_t		next = o->n;
		int64_t		right;

		for (size_t i = 0; i < o->n; i++)
			if (!done[i] && (next == o->n || c->tier[i] < c->tier[next] ||
							 (c->tier[i] == c->tier[next] && c->key[i] < c->key[next])))
				next = i;
		done[next] = true;
		right = o->floor[next] < left ? o->floor[next] : left / o->pack * o->pack;
		assert_int_equal(c->quantity[next], right);
		left -= right;
	}
}

static void
test_brute_force(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 3000; round++)
	{
		Oracle		o;
		int64_t		floors = 0;

		make_case(&c, 1 + (size_t) random_below(6), 13, true);
		c.in.supply = random_below(13);
		assert_sound(&c);
		oracle_load(&o, &c);
		for (size_t i = 0; i < o.n; i++)
			floors += o.floor[i];
		if (floors > c.in.supply)
		{
			assert_floors_in_order(&o, &c);
			continue;
		}
		o.best = -1;
		try_all(&o, 0, c.in.supply, 0);
		assert_true(objective(&o, c.quantity) >= o.best - 1e-10 * (1 + o.best));
	}
}

/* The rules step by step: always the best pack that fits, found by looking at all. */
static void
greedy(const Case *c, int64_t *quantity)
{
	static ExpectedRow rows[MOST_ROWS];
	ExpectedJob job = {0};
	MerchFault	fault;
	int			shift;
	int64_t		left = c->in.supply;
	int64_t		taken;

	assert_int_equal(expected_find_shift(&c->in, &shift, &fault), MERCH_OK);
	for (size_t i = 0; i < c->in.n; i++)
	{
		assert_int_equal(expected_load_row(&c->in, shift, i, &rows[i], &fault), MERCH_OK);
		left -= rows[i].floor;
		assert_int_equal(stair_start(&job, &rows[i], rows[i].floor), MERCH_OK);
	}
	for (;;)
	{
		ExpectedRow *best = NULL;

		for (ExpectedRow *row = rows; row < rows + c->in.n; row++)
			if (row->pack <= left && row->stair.worth > 0 &&
				(best == NULL || row->stair.worth > best->stair.worth ||
				 (row->stair.worth == best->stair.worth && expected_row_precedes(row, best))))
				best = row;
		if (best == NULL)
			break;
		left -= best->pack;
		assert_int_equal(stair_take(&job, best, 0, 1, &taken), MERCH_OK);
		assert_int_equal(taken, 1);
	}
	for (size_t i = 0; i < c->in.n; i++)
		quantity[i] = rows[i].stair.quantity;
}

static bool
floors_fit(const Case *c)
{
	int64_t		left = c->in.supply;

	for (size_t i = 0; i < c->in.n; i++)
	{
		int64_t		floor;
		int64_t		ceiling;

		expected_bounds(&c->in, i, &floor, &ceiling);
		if (floor > left)
			return false;
		left -= floor;
	}
	return true;
}

static void
copy_shuffled(Case *to, const Case *from, size_t *places)
{
	size_t		n = from->in.n;

	to->in = from->in;
	point_columns(to);
	if (from->in.value == NULL)
		to->in.value = NULL;
	shuffle(places, n);
	for (size_t i = 0; i < n; i++)
	{
		to->mean[i] = from->mean[places[i]];
		to->dispersion[i] = from->dispersion[places[i]];
		to->value[i] = from->value[places[i]];
		to->minimum[i] = from->minimum[places[i]];
		to->maximum[i] = from->maximum[places[i]];
		to->pack[i] = from->pack[places[i]];
		to->tier[i] = from->tier[places[i]];
		to->position[i] = from->position[places[i]];
		to->key[i] = from->key[places[i]];
	}
}

/* Any other answer is refused: a pack moved, taken away or added. */
static void
assert_mutations_found(Case *c)
{
	size_t		from = (size_t) random_below((int64_t) c->in.n);
	size_t		to = (size_t) random_below((int64_t) c->in.n);

	c->quantity[to] += c->pack[to];
	assert_int_not_equal(verdict_of(c).flaw, EXPECTED_SOUND);
	if (from != to && c->quantity[from] > 0)
	{
		c->quantity[from] -= c->pack[from];
		assert_int_not_equal(verdict_of(c).flaw, EXPECTED_SOUND);
		c->quantity[from] += c->pack[from];
	}
	c->quantity[to] -= c->pack[to];
	if (c->quantity[from] > 0)
	{
		c->quantity[from] -= c->pack[from];
		assert_int_not_equal(verdict_of(c).flaw, EXPECTED_SOUND);
		c->quantity[from] += c->pack[from];
	}
	c->quantity[from] -= 1;
	assert_int_not_equal(verdict_of(c).flaw, EXPECTED_SOUND);
	c->quantity[from] += 1;
}

static void
test_random_cases(void **state)
{
	static Case c;
	static Case shuffled;
	static size_t places[MOST_ROWS];
	static int64_t quantity[MOST_ROWS];

	(void) state;
	for (int round = 0; round < 1500; round++)
	{
		bool		one_pack = random_below(3) > 0;

		make_case(&c, 1 + (size_t) random_below(40), 4 << random_below(7), one_pack);
		assert_sound(&c);
		if (floors_fit(&c))
		{
			greedy(&c, quantity);
			for (size_t i = 0; i < c.in.n; i++)
				assert_int_equal(c.quantity[i], quantity[i]);
		}
		assert_true(c.price.granted >= c.price.refused || !one_pack || !floors_fit(&c));
		copy_shuffled(&shuffled, &c, places);
		assert_sound(&shuffled);
		for (size_t i = 0; i < c.in.n; i++)
			assert_int_equal(shuffled.quantity[i], c.quantity[places[i]]);
		if (one_pack)
			assert_mutations_found(&c);
	}
}

static void
test_more_supply_takes_nothing_away(void **state)
{
	static Case c;
	static int64_t before[MOST_ROWS];

	(void) state;
	for (int round = 0; round < 500; round++)
	{
		make_case(&c, 1 + (size_t) random_below(30), 30, true);
		assert_sound(&c);
		memcpy(before, c.quantity, sizeof(before));
		c.in.supply += 1 + random_below(40);
		assert_sound(&c);
		for (size_t i = 0; i < c.in.n; i++)
			assert_true(c.quantity[i] >= before[i]);
	}
}

/* The least rows for a test of one rule: means, supply, all else as default. */
static void
simple(Case *c, int64_t supply, size_t n, const double *mean)
{
	memset(c, 0, sizeof(*c));
	c->in = (ExpectedInput) {.supply = supply,.n = n,.mean = c->mean};
	for (size_t i = 0; i < n; i++)
	{
		c->mean[i] = mean[i];
		c->maximum[i] = EXPECTED_NO_MAXIMUM;
		c->pack[i] = 1;
		c->value[i] = 1;
		c->dispersion[i] = 1;
		c->key[i] = (int64_t) i;
	}
}

static void
assert_quantities(Case *c, const int64_t *quantity)
{
	assert_sound(c);
	for (size_t i = 0; i < c->in.n; i++)
		assert_int_equal(c->quantity[i], quantity[i]);
}

/*
 * By hand: Poisson of mean 1 has P(D >= k) = 0.632, 0.264, 0.080; of mean 2 0.865,
 * 0.594, 0.323, 0.143.
 */
static void
test_by_hand(void **state)
{
	static Case c;

	(void) state;
	simple(&c, 4, 2, (double[]) {1, 2});
	assert_quantities(&c, (int64_t[]) {1, 3});
	assert_true(fabs(c.price.granted - 0.3233235838) < 1e-9);
	assert_true(fabs(c.price.refused - 0.2642411177) < 1e-9);
	/* a sale at the first is worth three times as much */
	c.in.value = c.value;
	c.value[0] = 3;
	assert_quantities(&c, (int64_t[]) {2, 2});
	/* it has a unit already */
	c.in.position = c.position;
	c.position[0] = 1;
	assert_quantities(&c, (int64_t[]) {1, 3});
	/* at most one for the second, and the rest where it may be sold */
	c.in.maximum = c.maximum;
	c.maximum[1] = 1;
	assert_quantities(&c, (int64_t[]) {3, 1});
	/* in packs of three, which the maximum of 1 does not hold */
	c.in.pack = c.pack;
	c.pack[0] = c.pack[1] = 3;
	assert_quantities(&c, (int64_t[]) {3, 0});
	/* a minimum without any demand */
	simple(&c, 10, 2, (double[]) {0, 0});
	assert_quantities(&c, (int64_t[]) {0, 0});
	c.in.minimum = c.minimum;
	c.minimum[1] = 2;
	assert_quantities(&c, (int64_t[]) {0, 2});
	assert_true(isinf(c.price.granted) && c.price.refused == 0);
	/* who has no value gets the minimum only */
	simple(&c, 10, 1, (double[]) {5});
	c.in.value = c.value;
	c.value[0] = 0;
	assert_quantities(&c, (int64_t[]) {0});
	simple(&c, 10, 0, NULL);
	assert_quantities(&c, NULL);
}

static void
test_ties(void **state)
{
	static Case c;

	(void) state;
	simple(&c, 2, 3, (double[]) {5, 5, 5});
	assert_quantities(&c, (int64_t[]) {1, 1, 0});
	c.in.tier = c.tier;
	c.tier[0] = 1;
	assert_quantities(&c, (int64_t[]) {0, 1, 1});
	c.in.key = c.key;
	c.key[1] = 9;
	c.in.supply = 1;
	assert_quantities(&c, (int64_t[]) {0, 0, 1});
	/* units that are all sold for certain go to the first, as many as there are */
	simple(&c, 500, 2, (double[]) {1000000, 1000000});
	assert_quantities(&c, (int64_t[]) {500, 0});
}

/* What is expected to sell nowhere stays at the source, however large the supply. */
static void
test_abundance(void **state)
{
	static Case c;

	(void) state;
	simple(&c, INT64_MAX, 4, (double[]) {3, 30, 1e6, 1e9});
	assert_sound(&c);
	for (size_t i = 0; i < 4; i++)
	{
		double		above = ((double) c.quantity[i] - c.mean[i]) / sqrt(c.mean[i]);

		/* P(D > quantity) is about 2^-43 */
		assert_true(above > 6 && above < 15);
	}
	assert_true(c.price.granted >= c.price.quantum && c.price.refused == 0);
}

static void
test_extreme_values(void **state)
{
	static Case c;
	const int64_t most = INT64_MAX;

	(void) state;
	simple(&c, most, 3, (double[]) {1e9, 1e8, 12});
	point_columns(&c);
	c.pack[0] = c.pack[1] = c.pack[2] = most;
	assert_quantities(&c, (int64_t[]) {most, 0, 0});
	c.position[0] = most;
	assert_quantities(&c, (int64_t[]) {0, most, 0});
	c.minimum[2] = most;
	assert_quantities(&c, (int64_t[]) {0, 0, most});
	c.minimum[0] = c.minimum[1] = 1;
	c.pack[0] = c.pack[1] = c.pack[2] = 6;
	assert_sound(&c);
	c.value[0] = 1e308;
	c.value[1] = 1e-308;
	c.dispersion[2] = 1e6;
	c.mean[2] = 1e-300;
	assert_sound(&c);
	c.value[0] = 5e-324;
	assert_sound(&c);
	c.dispersion[1] = 1e-9;
	assert_sound(&c);
	c.in.supply = 0;
	assert_quantities(&c, (int64_t[]) {0, 0, 0});
}

/* A staircase adds up to the closed form of expected sales, from wherever it starts. */
static void
test_marginals(void **state)
{
	static Case c;
	static int64_t worth[4000];

	(void) state;
	for (int round = 0; round < 300; round++)
	{
		int64_t		from = random_below(20);
		double		scale = ldexp(1, (int) random_below(30));
		double		value;
		size_t		packs;
		Distribution demand;
		MerchFault	fault;

		make_case(&c, 1, 60, false);
		c.in.supply = INT64_MAX;
		c.maximum[0] = EXPECTED_NO_MAXIMUM;
		from -= from % c.pack[0];
		value = c.in.value == NULL ? 1 : c.value[0];
		assert_int_equal(expected_marginals(&c.in, 0, scale, from, 4000, worth, &packs, NULL, &fault),
						 MERCH_OK);
		assert_int_equal(distribution_set(c.in.distribution, c.mean[0], c.dispersion[0], &demand,
										  &fault), MERCH_OK);
		for (size_t i = 0; i <= packs; i++)
		{
			int64_t		begin = (c.position[0] > 0 ? c.position[0] : 0) + from + (int64_t) i * c.pack[0];
			double		sales = distribution_expected_sales(&demand, begin + c.pack[0])
				- distribution_expected_sales(&demand, begin);

			if (i < packs)
				assert_true(fabs((double) worth[i] - value * scale * sales) <= 1.0 + 1e-9 * scale);
			else
				assert_true(value * scale * sales < 1.0 + 1e-9 * scale);
			assert_true(i == 0 || i == packs || worth[i] <= worth[i - 1]);
		}
		c.maximum[0] = 3 * c.pack[0] + 2;
		c.minimum[0] = 0;
		assert_int_equal(expected_marginals(&c.in, 0, scale, 0, 2, worth, &packs, NULL, &fault), MERCH_OK);
		assert_true(packs <= 2);
		assert_int_equal(expected_marginals(&c.in, 0, scale, 0, 4000, worth, &packs, NULL, &fault), MERCH_OK);
		assert_true(packs <= 5);
	}
	simple(&c, INT64_MAX, 1, (double[]) {3});
	c.in.pack = c.pack;
	c.pack[0] = INT64_MAX;
	assert_int_equal(expected_marginals(&c.in, 0, 1, 0, 1, worth, &(size_t) {0}, NULL, &c.fault),
					 MERCH_OUT_OF_RANGE);
}

static void
assert_fault(Case *c, MerchStatus status, size_t row)
{
	ExpectedVerdict verdict;
	MerchFault	fault;

	assert_int_equal(solve_with(c, NULL), status);
	assert_int_equal(c->fault.row, row);
	assert_int_equal(expected_check(&c->in, c->quantity, NULL, &verdict, &fault), status);
}

static void
test_faults(void **state)
{
	static Case c;

	(void) state;
	simple(&c, -1, 2, (double[]) {5, 5});
	assert_fault(&c, MERCH_NEGATIVE_SUPPLY, 0);
	c.in.supply = 9;
	point_columns(&c);
	c.minimum[1] = -1;
	assert_fault(&c, MERCH_NEGATIVE_MINIMUM, 1);
	c.minimum[1] = 4;
	c.maximum[1] = -3;
	assert_fault(&c, MERCH_NEGATIVE_MAXIMUM, 1);
	c.maximum[1] = 3;
	assert_fault(&c, MERCH_MINIMUM_ABOVE_MAXIMUM, 1);
	c.maximum[1] = 4;
	c.pack[1] = 0;
	assert_fault(&c, MERCH_PACK_NOT_POSITIVE, 1);
	c.pack[1] = 1;
	c.value[1] = NAN;
	assert_fault(&c, MERCH_VALUE_OUT_OF_RANGE, 1);
	c.value[1] = INFINITY;
	assert_fault(&c, MERCH_VALUE_OUT_OF_RANGE, 1);
	c.value[1] = -0.5;
	assert_fault(&c, MERCH_VALUE_OUT_OF_RANGE, 1);
	c.value[1] = 1;
	c.mean[1] = NAN;
	assert_fault(&c, MERCH_MEAN_OUT_OF_RANGE, 1);
	c.mean[1] = 1;
	c.dispersion[1] = 0;
	assert_fault(&c, MERCH_DISPERSION_OUT_OF_RANGE, 1);
	c.dispersion[1] = 0.5;
	c.in.distribution = DISTRIBUTION_NEGATIVE_BINOMIAL;
	assert_fault(&c, MERCH_DISPERSION_BELOW_ONE, 1);
	c.in.distribution = DISTRIBUTION_AUTO;
	assert_sound(&c);
}

/* Each flaw by its name, and where it is. */
static void
test_flaws(void **state)
{
	static Case c;
	ExpectedVerdict verdict;

	(void) state;
	simple(&c, 9, 3, (double[]) {5, 5, 5});
	point_columns(&c);
	assert_sound(&c);
	c.quantity[1] += 1;
	assert_int_equal(verdict_of(&c).flaw, EXPECTED_SUPPLY_EXCEEDED);
	c.quantity[1] -= 2;
	assert_int_equal(verdict_of(&c).flaw, EXPECTED_UNITS_LEFT);
	c.quantity[2] += 1;
	verdict = verdict_of(&c);
	assert_int_equal(verdict.flaw, EXPECTED_NOT_BEST);
	assert_int_equal(verdict.row, 1);
	assert_int_equal(verdict.other, 2);
	assert_true(verdict.worth > verdict.other_worth);
	c.maximum[2] = 3;
	verdict = verdict_of(&c);
	assert_int_equal(verdict.flaw, EXPECTED_ABOVE_CEILING);
	assert_int_equal(verdict.row, 2);
	c.maximum[2] = EXPECTED_NO_MAXIMUM;
	c.minimum[1] = 3;
	assert_int_equal(verdict_of(&c).flaw, EXPECTED_BELOW_FLOOR);
	c.minimum[1] = 0;
	c.quantity[0] = -1;
	assert_int_equal(verdict_of(&c).flaw, EXPECTED_NOT_WHOLE_PACKS);
	c.quantity[0] = c.quantity[1] = c.quantity[2] = 3;
	c.mean[2] = 0;
	assert_int_equal(verdict_of(&c).flaw, EXPECTED_WORTHLESS);
	c.mean[2] = 5;
	c.minimum[0] = c.minimum[1] = c.minimum[2] = 4;
	assert_int_equal(verdict_of(&c).flaw, EXPECTED_OUT_OF_TURN);
}

static void
test_interrupt(void **state)
{
	static Case c;
	ExpectedVerdict verdict;

	(void) state;
	make_case(&c, MOST_ROWS, 200, true);
	for (size_t i = 0; i < MOST_ROWS; i++)
		c.minimum[i] = 0;
	c.in.supply = 200000;
	assert_int_equal(solve_with(&c, interrupt_now), MERCH_CANCELLED);
	allow_polls(10);
	assert_int_equal(solve_with(&c, interrupt_later), MERCH_CANCELLED);
	assert_sound(&c);
	assert_int_equal(expected_check(&c.in, c.quantity, interrupt_now, &verdict, &c.fault),
					 MERCH_CANCELLED);
	/* floors in order, and a single pack as wide as the demand */
	for (size_t i = 0; i < MOST_ROWS; i++)
		c.minimum[i] = c.maximum[i] = 100;
	assert_int_equal(solve_with(&c, interrupt_now), MERCH_CANCELLED);
	simple(&c, INT64_MAX, 1, (double[]) {1e12});
	c.in.pack = c.pack;
	c.pack[0] = INT64_MAX;
	assert_int_equal(solve_with(&c, interrupt_now), MERCH_CANCELLED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brute_force),
		cmocka_unit_test(test_random_cases),
		cmocka_unit_test(test_more_supply_takes_nothing_away),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_ties),
		cmocka_unit_test(test_abundance),
		cmocka_unit_test(test_extreme_values),
		cmocka_unit_test(test_marginals),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_flaws),
		cmocka_unit_test(test_interrupt),
	};

	return cmocka_run_group_tests_name("expected", tests, NULL, NULL);
}
