/*
 * test_rebalance.c
 *	  The rebalancing kernel against every plan there is, on small problems.
 */
#include <math.h>

#include "rebalance.h"
#include "unit.h"

#define PLACES 8
#define LANES 16

typedef struct Case
{
	int64_t		supply[PLACES];
	int64_t		position[PLACES];
	int64_t		room[PLACES];
	double		mean[PLACES];
	double		dispersion[PLACES];
	double		value[PLACES];
	uint32_t	source[LANES];
	uint32_t	sink[LANES];
	double		cost[LANES];
	RebalanceInput input;
	RebalanceMove move[2 * PLACES];
	size_t		moves;
	MerchFault	fault;
} Case;

static void
connect(Case *c, size_t n, size_t lanes)
{
	c->input = (RebalanceInput) {
		.distribution = DISTRIBUTION_AUTO, .n = n, .supply = c->supply, .position = c->position,
		.room = c->room, .mean = c->mean, .dispersion = c->dispersion, .value = c->value,
		.lanes = lanes, .source = c->source, .sink = c->sink, .cost = c->cost
	};
}

/* With memory of just the size that was asked for, so that the sanitizers see every step beyond it. */
static MerchStatus
run(Case *c, MerchInterrupt interrupt)
{
	void	   *memory = malloc(rebalance_problem_size(&c->input));
	void	   *scratch = NULL;
	RebalanceProblem *problem;
	MerchStatus status = rebalance_load(&c->input, memory, &problem, interrupt, &c->fault);

	c->moves = 0;
	if (status == MERCH_OK)
	{
		assert_true(rebalance_most_moves(problem) <= 2 * PLACES);
		scratch = malloc(rebalance_scratch_size(problem));
		status = rebalance_solve(problem, c->move, &c->moves, scratch, interrupt, &c->fault);
	}
	if (status == MERCH_OK)
		assert_int_equal(rebalance_check(problem), TRANSPORT_SOUND);
	free(scratch);
	free(memory);
	return status;
}

/* What a place expects to earn with so many units more than it has. */
static double
earnings(const Case *c, size_t place, int64_t change)
{
	int64_t		units = c->position[place] + change;
	Distribution demand;
	MerchFault	fault;

	assert_int_equal(distribution_set(DISTRIBUTION_AUTO, c->mean[place], c->dispersion[place],
									  &demand, &fault), MERCH_OK);
	return c->value[place] * distribution_expected_sales(&demand, units > 0 ? units : 0);
}

/* What a plan earns less what it costs; -infinite if it breaks a rule. */
static double
gain_of(const Case *c, const int64_t *units)
{
	double		gain = 0;

	for (size_t i = 0; i < c->input.n; i++)
	{
		int64_t		out = 0;
		int64_t		in = 0;

		for (size_t l = 0; l < c->input.lanes; l++)
		{
			out += c->source[l] == i ? units[l] : 0;
			in += c->sink[l] == i ? units[l] : 0;
		}
		if (out > c->supply[i] || in > c->room[i] || (in > 0 && out > 0))
			return -HUGE_VAL;
		gain += earnings(c, i, in - out) - earnings(c, i, 0);
	}
	for (size_t l = 0; l < c->input.lanes; l++)
		gain -= c->cost[l] * (double) units[l];
	return gain;
}

static double
best_gain(const Case *c, int64_t *units, size_t lane)
{
	double		best;

	if (lane == c->input.lanes)
		return gain_of(c, units);
	best = -HUGE_VAL;
	for (units[lane] = 0; units[lane] <= c->supply[c->source[lane]]; units[lane]++)
		best = fmax(best, best_gain(c, units, lane + 1));
	return best;
}

/* The moves say what they gain; each is worth making by itself. */
static double
check_moves(const Case *c)
{
	int64_t		units[LANES] = {0};
	double		said = 0;
	double		gain;

	for (size_t k = 0; k < c->moves; k++)
	{
		const RebalanceMove *move = &c->move[k];
		double		net = move->gain - move->loss - c->cost[move->lane] * (double) move->quantity;
		int64_t		alone[LANES] = {0};

		assert_true(move->quantity > 0);
		assert_true(net > 0);
		assert_int_equal(units[move->lane], 0);
		units[move->lane] = alone[move->lane] = move->quantity;
		assert_true(gain_of(c, alone) >= net - 1e-9);
		said += net;
	}
	gain = gain_of(c, units);
	assert_true(fabs(gain - said) < 1e-8);
	for (size_t k = 0; k < c->moves; k++)
	{
		const RebalanceMove *move = &c->move[k];
		double		margin = move->margin - c->cost[move->lane] * (double) move->quantity;

		assert_true(margin > 0);
		units[move->lane] = 0;
		assert_true(fabs(gain - gain_of(c, units) - margin) < 1e-8);
		units[move->lane] = move->quantity;
	}
	return gain;
}

/* Places on a line: no detour is cheaper than the direct way. */
static void
make_case(Case *c, size_t n, bool detours)
{
	double		at[PLACES];
	size_t		lanes = 0;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < n; i++)
	{
		c->supply[i] = random_below(n == 3 ? 4 : 3);
		c->position[i] = c->supply[i] + random_below(3);
		c->room[i] = random_below(3) > 0 ? random_below(5) : REBALANCE_NO_LIMIT;
		c->mean[i] = random_below(5) == 0 ? 0 : random_below(60) / 10.0;
		c->dispersion[i] = 0.5 + random_below(40) / 10.0;
		c->value[i] = random_below(8) == 0 ? 0 : random_below(100) / 7.0;
		at[i] = random_below(50) / 10.0;
	}
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < n; j++)
		{
			if (i == j || (detours && random_below(3) == 0) || lanes == (n == 3 ? 6 : 7))
				continue;
			c->source[lanes] = i;
			c->sink[lanes] = j;
			c->cost[lanes++] = detours ? random_below(60) / 10.0 : fabs(at[i] - at[j]);
		}
	connect(c, n, lanes);
}

static void
test_best_of_all_plans(void **state)
{
	(void) state;
	for (int round = 0; round < 400; round++)
	{
		Case		c;
		int64_t		units[LANES];
		double		best;
		double		gain;

		make_case(&c, 3, false);
		assert_int_equal(run(&c, NULL), MERCH_OK);
		gain = check_moves(&c);
		best = best_gain(&c, units, 0);
		assert_true(fabs(gain - best) < 1e-8);
	}
}

/* Where a detour would be cheaper, the plan keeps the rules and is seldom not the best. */
static void
test_detours(void **state)
{
	int			worse = 0;

	(void) state;
	for (int round = 0; round < 400; round++)
	{
		Case		c;
		int64_t		units[LANES];
		double		best;
		double		gain;

		make_case(&c, 4, true);
		assert_int_equal(run(&c, NULL), MERCH_OK);
		gain = check_moves(&c);
		best = best_gain(&c, units, 0);
		assert_true(gain < best + 1e-8);
		worse += gain < best - 1e-8;
	}
	assert_true(worse <= 8);
}

/* Two stores that expect 2 units, Poisson: P(D >= 1) = .8647, P(D >= 2) = .5940, P(D >= 3) = .3233 */
static void
test_by_hand(void **state)
{
	Case		c = {
		.supply = {3, 0}, .position = {3, 0}, .room = {0, 9}, .mean = {2, 2}, .dispersion = {1, 1},
		.value = {10, 10}, .source = {0, 0, REBALANCE_NOWHERE}, .sink = {1, 1, 1}, .cost = {2, 1, 0}
	};

	(void) state;
	connect(&c, 2, 3);
	assert_int_equal(run(&c, NULL), MERCH_OK);
	/* the first moves: 8.647 - 3.233 - 1 > 0; the second would lose as much as it gains */
	assert_int_equal(c.moves, 1);
	assert_int_equal(c.move[0].lane, 1);
	assert_int_equal(c.move[0].quantity, 1);
	assert_true(fabs(c.move[0].loss - 3.2332358) < 1e-6);
	assert_true(fabs(c.move[0].gain - 8.6466472) < 1e-6);
}

/* What goes by one transfer to two places is weighed as one. */
static void
test_transfers(void **state)
{
	Case		c = {
		.supply = {3, 0, 0}, .position = {3, 0, 0}, .room = {0, 9, 9}, .mean = {2, 2, 2},
		.dispersion = {1, 1, 1}, .value = {10, 16, 16}, .source = {0, 0}, .sink = {1, 2}, .cost = {1, 1}
	};
	int32_t		stop[] = {7, 7};

	(void) state;
	connect(&c, 3, 2);
	assert_int_equal(run(&c, NULL), MERCH_OK);
	/* both give a unit; as transfers of their own each would have lost the second: 5.940 */
	assert_int_equal(c.moves, 2);
	assert_true(fabs(c.move[0].margin - (13.8346355 - 5.9399415)) < 1e-6);
	c.input.stop = stop;
	assert_int_equal(run(&c, NULL), MERCH_OK);
	assert_true(fabs(c.move[0].margin - (13.8346355 - (5.9399415 + 3.2332358) / 2)) < 1e-6);
	assert_true(fabs(c.move[1].margin - c.move[0].margin) < 1e-9);
}

/* Lots instead of single units where a million could move. */
static void
test_many_units(void **state)
{
	Case		c = {
		.supply = {4000000, 0}, .position = {4000000, 0}, .room = {0, REBALANCE_NO_LIMIT},
		.mean = {1000000, 2000000}, .dispersion = {1, 1}, .value = {1, 1},
		.source = {0}, .sink = {1}, .cost = {0.25}
	};

	(void) state;
	connect(&c, 2, 1);
	assert_int_equal(run(&c, NULL), MERCH_OK);
	assert_int_equal(c.moves, 1);
	assert_true(llabs((long long) c.move[0].quantity - 2000000) < 4000);
	assert_true(c.move[0].loss < 1);
}

static void
expect_fault(Case *c, MerchStatus status, size_t row)
{
	assert_int_equal(run(c, NULL), status);
	assert_int_equal(c->fault.row, row);
}

static void
test_faults(void **state)
{
	const Case	sound = {
		.supply = {3, 0}, .position = {3, 0}, .room = {0, 9}, .mean = {2, 2}, .dispersion = {1, 1},
		.value = {10, 10}, .source = {0}, .sink = {1}, .cost = {1}
	};
	Case		c;

	(void) state;
#define BREAK(what) (c = sound, connect(&c, 2, 1), what)
	BREAK(c.supply[1] = -1);
	expect_fault(&c, MERCH_REBALANCE_SUPPLY_NEGATIVE, 1);
	BREAK(c.room[0] = -2);
	expect_fault(&c, MERCH_REBALANCE_ROOM_NEGATIVE, 0);
	BREAK(c.value[1] = NAN);
	expect_fault(&c, MERCH_VALUE_OUT_OF_RANGE, 1);
	BREAK(c.value[1] = -1);
	expect_fault(&c, MERCH_VALUE_OUT_OF_RANGE, 1);
	BREAK(c.cost[0] = INFINITY);
	expect_fault(&c, MERCH_REBALANCE_COST_INVALID, 0);
	BREAK(c.cost[0] = -0.5);
	expect_fault(&c, MERCH_REBALANCE_COST_INVALID, 0);
	BREAK(c.mean[1] = -1);
	expect_fault(&c, MERCH_MEAN_OUT_OF_RANGE, 1);
	BREAK(c.dispersion[0] = 0);
	expect_fault(&c, MERCH_DISPERSION_OUT_OF_RANGE, 0);
	BREAK(c.position[0] = INT64_MIN + 1);
	expect_fault(&c, MERCH_OUT_OF_RANGE, 0);
	BREAK(c.position[1] = INT64_MIN);
	assert_int_equal(run(&c, NULL), MERCH_OK);
	BREAK(c.supply[0] = INT64_MAX);
	c.position[0] = INT64_MAX;
	c.room[1] = INT64_MAX;
	expect_fault(&c, MERCH_OUT_OF_RANGE, 0);
	BREAK(c.value[0] = c.value[1] = 1e-320);
	c.cost[0] = 0;
	assert_int_equal(run(&c, NULL), MERCH_OK);
	BREAK(c.value[0] = c.value[1] = 0);
	assert_int_equal(run(&c, NULL), MERCH_OK);
	assert_int_equal(c.moves, 0);
	connect(&c, 0, 0);
	assert_int_equal(run(&c, NULL), MERCH_OK);
	assert_int_equal(c.moves, 0);
	BREAK((void) 0);
	assert_int_equal(run(&c, interrupt_now), MERCH_CANCELLED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_best_of_all_plans),
		cmocka_unit_test(test_detours),
		cmocka_unit_test(test_transfers),
		cmocka_unit_test(test_many_units),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
