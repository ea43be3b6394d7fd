/*
 * test_claim_coupled.c
 *	  Claims that share capacity: against brute force where that is possible, against
 *	  the splits of items apart where no limit binds, and against what must hold.
 */
#include <stdio.h>

#include "claim_coupled_job.h"
#include "unit.h"

#define MOST 400
#define MOST_RESOURCES 40

typedef struct Chain
{
	size_t		n;
	size_t		resources;
	Claim		claims[MOST];
	ClaimUse	uses[MOST];
	Share		shares[MOST];
	int64_t		limit[MOST_RESOURCES];
	int64_t		left[MOST_RESOURCES];
	ClaimValue	value[8];
	size_t		runs;
} Chain;

/* Adds a claim of one unit a pack, method expected sales; the caller changes it. */
static Claim *
add_claim(Chain *chain, int64_t item, int32_t location, int64_t supply, double mean, double value)
{
	Claim	   *claim = &chain->claims[chain->n];

	*claim = (Claim) {
		.run = 1, .supply = supply, .need = (int64_t) mean, .maximum = CLAIM_NO_MAXIMUM, .pack = 1,
		.current = CLAIM_NEW, .mean = mean, .dispersion = 1, .value = value, .location = location,
		.source = 100, .channel = 1, .preference = 1, .method = CLAIM_EXPECTED_SALES
	};
	chain->uses[chain->n++] = (ClaimUse) {.item = item, .resource = {-1, -1, -1}};
	return claim;
}

/* The last claim added uses so much of a resource. */
static void
use(Chain *chain, int slot, int32_t resource, int64_t usage)
{
	chain->uses[chain->n - 1].resource[slot] = resource;
	chain->uses[chain->n - 1].usage[slot] = usage;
}

/* The certificate of a plan, against the limits that the run found. */
static void
check_plan(ClaimCoupled *coupled, const CoupledInput *input)
{
	void	   *scratch = allocate_odd(coupled_check_scratch_size(input));
	size_t		row;

	assert_int_equal(coupled_check(input, &coupled->problem.answer, scratch, &row), COUPLED_SOUND);
	free_odd(scratch);
}

static void
solve_run(ClaimCoupled *coupled, Chain *chain)
{
	MerchFault	fault;
	bool		again = true;

	while (again)
	{
		int64_t		limit[MOST_RESOURCES];
		void	   *problem;
		void	   *scratch;

		assert_int_equal(claim_coupled_ask(coupled, NULL, &fault), MERCH_OK);
		problem = allocate_odd(claim_coupled_build_size(coupled));
		assert_int_equal(claim_coupled_build(coupled, problem, NULL, &fault), MERCH_OK);
		memcpy(limit, chain->left, sizeof(limit));
		scratch = allocate_odd(claim_coupled_solve_size(coupled));
		assert_int_equal(claim_coupled_solve(coupled, scratch, &again, &chain->value[chain->runs],
											 NULL, &fault), MERCH_OK);
		if (claim_needs_solver(coupled))
		{
			CoupledInput input = coupled->problem.input;

			input.limit = limit;
			check_plan(coupled, &input);
		}
		free_odd(scratch);
		free_odd(problem);
	}
	chain->runs++;
}

static void
solve(Chain *chain)
{
	ClaimCoupledInput input = {
		.n = chain->n, .claims = chain->claims, .uses = chain->uses, .resources = chain->resources,
		.left = chain->left, .shares = chain->shares
	};
	void	   *memory = allocate_odd(claim_coupled_size(chain->n, chain->resources));
	void	   *scratch;
	ClaimCoupled *coupled;
	MerchFault	fault;

	memcpy(chain->left, chain->limit, sizeof(chain->left));
	chain->runs = 0;
	assert_int_equal(claim_coupled_begin(&input, memory, &coupled, &fault), MERCH_OK);
	scratch = allocate_odd(claim_coupled_scratch_size(coupled));
	claim_coupled_set_scratch(coupled, scratch);
	while (claim_coupled_next(coupled))
		solve_run(coupled, chain);
	free_odd(scratch);
	free_odd(memory);
}

/* What must hold of any answer, from the claims alone. */
static void
check_feasible(const Chain *chain)
{
	for (size_t r = 0; r < chain->resources; r++)
	{
		int64_t		used = 0;
		int64_t		fixed = 0;

		for (size_t i = 0; i < chain->n; i++)
			for (int u = 0; u < CLAIM_RESOURCES; u++)
				if (chain->uses[i].resource[u] == (int32_t) r)
				{
					used += chain->shares[i].quantity * chain->uses[i].usage[u];
					fixed += chain->claims[i].fixed * chain->uses[i].usage[u];
				}
		assert_true(used <= (fixed > chain->limit[r] ? fixed : chain->limit[r]));
		if (used == fixed)
			continue;
		assert_int_equal(chain->left[r], chain->limit[r] - used);
	}
	for (size_t i = 0; i < chain->n; i++)
	{
		const Claim *claim = &chain->claims[i];
		int64_t		taken = 0;
		int64_t		total = 0;

		/* who leaves no later takes from what is there by then */
		for (size_t j = 0; j < chain->n; j++)
		{
			const Claim *other = &chain->claims[j];

			if (chain->uses[j].item != chain->uses[i].item)
				continue;
			if (other->source == claim->source && other->supply <= claim->supply)
				taken += chain->shares[j].quantity - other->fixed - chain->shares[j].from_fence;
			if (other->run == claim->run && other->location == claim->location)
				total += chain->shares[j].quantity;
		}
		assert_true(taken <= greater(claim->supply, 0));
		assert_int_equal(chain->shares[i].total, total);
		assert_true(chain->shares[i].quantity >= claim->fixed);
		assert_int_equal((chain->shares[i].quantity - claim->fixed) % claim->pack, 0);
		assert_true((chain->shares[i].quantity < chain->shares[i].need) == (chain->shares[i].reason != SHARE_MET));
	}
	for (size_t k = 0; k < chain->runs; k++)
		assert_true(chain->value[k].plan <= chain->value[k].bound);
}

/* The truck to A has room for 30: juice earns 5, milk 2, tea 1. */
static void
test_truck_takes_what_is_worth_most(void **state)
{
	static Chain chain;
	double		value[3] = {5, 2, 1};

	(void) state;
	memset(&chain, 0, sizeof(chain));
	chain.resources = 1;
	chain.limit[0] = 30;
	for (int item = 0; item < 3; item++)
		for (int location = 1; location <= 2; location++)
		{
			add_claim(&chain, item, location, 100, 20, value[item])->method = APPORTION_PROPORTIONAL;
			if (location == 1)
				use(&chain, 0, 0, 1);
		}
	solve(&chain);
	check_feasible(&chain);
	assert_int_equal(chain.shares[0].quantity, 20);
	assert_int_equal(chain.shares[2].quantity, 10);
	assert_int_equal(chain.shares[4].quantity, 0);
	assert_int_equal(chain.shares[2].reason, SHARE_SHARED_CAPACITY);
	assert_int_equal(chain.shares[4].reason, SHARE_SHARED_CAPACITY);
	for (int item = 0; item < 3; item++)
		assert_int_equal(chain.shares[2 * item + 1].quantity, 20);
}

/* What A can't have is offered to B, up to its need. */
static void
test_rest_goes_to_others(void **state)
{
	static Chain chain;

	(void) state;
	memset(&chain, 0, sizeof(chain));
	chain.resources = 1;
	chain.limit[0] = 4;
	for (int location = 1; location <= 2; location++)
	{
		add_claim(&chain, 0, location, 20, 16, 1)->method = APPORTION_PROPORTIONAL;
		if (location == 1)
			use(&chain, 0, 0, 1);
	}
	solve(&chain);
	check_feasible(&chain);
	assert_int_equal(chain.shares[0].quantity, 4);
	assert_int_equal(chain.shares[0].reason, SHARE_SHARED_CAPACITY);
	assert_int_equal(chain.shares[1].quantity, 16);
	assert_int_equal(chain.shares[1].reason, SHARE_MET);
}

/* An earlier run loads the truck first; what is fixed or gone, before that. */
static void
test_runs_share_what_is_left(void **state)
{
	static Chain chain;
	Claim	   *claim;

	(void) state;
	memset(&chain, 0, sizeof(chain));
	chain.resources = 1;
	chain.limit[0] = 25;
	for (int run = 1; run <= 2; run++)
	{
		claim = add_claim(&chain, 0, 1, 100, 10, run);
		claim->method = APPORTION_EVEN;
		claim->run = run;
		claim->fixed = run == 2 ? 3 : 0;
		use(&chain, 0, 0, 1);
	}
	chain.uses[1].gone = 6;
	solve(&chain);
	assert_int_equal(chain.shares[0].quantity, 10);
	assert_int_equal(chain.shares[1].quantity, 3 + 25 - 10 - 3 - 6);
	assert_int_equal(chain.left[0], 0);
	assert_int_equal(chain.shares[1].reason, SHARE_SHARED_CAPACITY);
}

/* A floor comes before what is worth more; a full truck takes nothing; a second lane helps. */
static void
test_floors_and_lanes(void **state)
{
	static Chain chain;
	Claim	   *claim;

	(void) state;
	memset(&chain, 0, sizeof(chain));
	chain.resources = 2;
	chain.limit[0] = 5;
	add_claim(&chain, 0, 1, 100, 20, 9);
	use(&chain, 0, 0, 1);
	add_claim(&chain, 1, 1, 100, 20, 1)->minimum = 2;
	use(&chain, 0, 0, 1);
	claim = add_claim(&chain, 2, 1, 100, 8, 1);
	claim->method = APPORTION_COVER;
	use(&chain, 0, 1, 1);
	claim = add_claim(&chain, 2, 1, 100, 8, 1);
	claim->method = APPORTION_COVER;
	claim->source = 200;
	claim->cost = 7;
	claim->preference = 2;
	solve(&chain);
	check_feasible(&chain);
	assert_int_equal(chain.shares[0].quantity, 3);
	assert_int_equal(chain.shares[1].quantity, 2);
	assert_int_equal(chain.shares[2].quantity, 0);
	assert_int_equal(chain.shares[3].quantity, 8);
}

static void
make_random(Chain *chain, bool expected, bool limited)
{
	int			items = 1 + (int) random_below(4);
	int			runs = 1 + (int) random_below(2);
	int			places = 1 + (int) random_below(4);

	memset(chain, 0, sizeof(*chain));
	chain->resources = 6;
	for (size_t r = 0; r < chain->resources; r++)
		chain->limit[r] = limited ? random_below(80) : INT64_MAX / 4;
	for (int item = 0; item < items; item++)
	{
		int64_t		supply[2] = {random_below(60), random_below(60)};
		int64_t		fence = random_below(3) == 0 ? random_below(20) : 0;
		int64_t		pack = 1 + random_below(3);

		for (int run = 1; run <= runs; run++)
			for (int place = 1; place <= places; place++)
			{
				double		mean = (double) random_below(30);
				int64_t		minimum = random_below(4);
				int			lanes = 1 + (int) random_below(2);

				for (int lane = 0; lane < lanes; lane++)
				{
					Claim	   *claim = add_claim(chain, item, place, supply[lane], mean, 1 + item);

					claim->run = run;
					claim->source = 100 + lane;
					claim->pack = pack;
					claim->preference = lane + 1;
					claim->cost = lane == 0 ? 0 : 0.25;
					claim->minimum = minimum;
					claim->fence = lane == 0 ? fence : 0;
					claim->method = expected ? CLAIM_EXPECTED_SALES :
						(uint8_t) random_below(APPORTION_METHODS);
					if (lane > 0 || place > 1)
						claim->method = chain->claims[chain->n - 2].method;
					if (item > 0 || run > 1)
						claim->method = chain->claims[0].method;
					use(chain, 0, place % 3, 1);
					use(chain, 1, 3 + place % 3, 1 + item);
				}
			}
	}
}

static void
test_random_is_feasible(void **state)
{
	static Chain chain;

	(void) state;
	for (int trial = 0; trial < 400; trial++)
	{
		make_random(&chain, trial % 2 == 0, true);
		solve(&chain);
		check_feasible(&chain);
	}
}

/* With limits that do not bind, each item gets what claim_split gives it. */
static void
test_unlimited_is_apart(void **state)
{
	static Chain chain;

	(void) state;
	for (int trial = 0; trial < 200; trial++)
	{
		size_t		to;

		make_random(&chain, trial % 2 == 0, false);
		solve(&chain);
		for (size_t from = 0; from < chain.n; from = to)
		{
			Share		shares[MOST];
			void	   *memory;
			void	   *scratch;
			ClaimIndex *index;
			MerchFault	fault;

			for (to = from; to < chain.n && chain.uses[to].item == chain.uses[from].item; to++)
				continue;
			memory = allocate_odd(claim_index_size(to - from));
			assert_int_equal(claim_index(chain.claims + from, to - from, memory, &index, &fault), MERCH_OK);
			scratch = allocate_odd(claim_scratch_size(index));
			assert_int_equal(claim_split(index, chain.claims + from, shares, scratch, NULL, &fault), MERCH_OK);
			for (size_t i = from; i < to; i++)
			{
				assert_int_equal(shares[i - from].quantity, chain.shares[i].quantity);
				assert_int_equal(shares[i - from].from_fence, chain.shares[i].from_fence);
				assert_int_equal(shares[i - from].reason, chain.shares[i].reason);
			}
			free_odd(scratch);
			free_odd(memory);
		}
	}
}

static double
worth(const Claim *claim, int64_t units)
{
	Distribution demand;
	MerchFault	fault;
	double		sum = 0;

	assert_int_equal(distribution_set(DISTRIBUTION_AUTO, claim->mean, 1, &demand, &fault), MERCH_OK);
	for (int64_t k = 1; k <= units; k++)
		sum += claim->value * distribution_at_least(&demand, k);
	return sum - claim->cost * (double) units;
}

/* Four claims, two items at two locations: the best of all plans. */
static double
find_best(const Chain *chain, const int64_t *supply)
{
	double		best = 0;
	int64_t		q[4];

	for (q[0] = 0; q[0] <= supply[0]; q[0]++)
		for (q[1] = 0; q[0] + q[1] <= supply[0]; q[1]++)
			for (q[2] = 0; q[2] <= supply[1]; q[2]++)
				for (q[3] = 0; q[2] + q[3] <= supply[1]; q[3]++)
				{
					bool		fits = true;
					double		sum = 0;

					for (size_t r = 0; r < chain->resources; r++)
					{
						int64_t		used = 0;

						for (int i = 0; i < 4; i++)
							for (int u = 0; u < 2; u++)
								if (chain->uses[i].resource[u] == (int32_t) r)
									used += q[i] * chain->uses[i].usage[u];
						fits = fits && used <= chain->limit[r];
					}
					for (int i = 0; i < 4; i++)
						sum += worth(&chain->claims[i], q[i]);
					if (fits && sum > best)
						best = sum;
				}
	return best;
}

static void
test_brute_force(void **state)
{
	static Chain chain;
	double		plans = 0;
	double		bests = 0;

	(void) state;
	for (int trial = 0; trial < 60; trial++)
	{
		int64_t		supply[2] = {2 + random_below(9), 2 + random_below(9)};
		double		best;

		memset(&chain, 0, sizeof(chain));
		chain.resources = 3;
		for (int r = 0; r < 3; r++)
			chain.limit[r] = 1 + random_below(12);
		for (int i = 0; i < 4; i++)
		{
			add_claim(&chain, i / 2, i % 2, supply[i / 2], (double) (1 + random_below(9)),
					  (double) (1 + random_below(5)))->cost = (double) random_below(3) / 2;
			use(&chain, 0, i % 2, 1);
			use(&chain, 1, 2, 1 + random_below(2));
		}
		best = find_best(&chain, supply);
		solve(&chain);
		check_feasible(&chain);
		assert_true(chain.value[0].plan <= best + 1e-6);
		assert_true(chain.value[0].bound >= best - 1e-6);
		plans += chain.value[0].plan;
		bests += best;
	}
	assert_true(plans >= bests * 0.99);
}

/* A change below the threshold is not made; capacity holds all the same. */
static void
test_small_changes_are_not_made(void **state)
{
	static Chain chain;

	(void) state;
	memset(&chain, 0, sizeof(chain));
	chain.resources = 1;
	chain.limit[0] = 30;
	for (int item = 0; item < 2; item++)
	{
		Claim	   *claim = add_claim(&chain, item, 1, 100, 20, 5 - 3 * item);

		claim->method = APPORTION_PROPORTIONAL;
		claim->current = item == 0 ? 18 : 12;
		claim->threshold = 4;
		use(&chain, 0, 0, 1);
	}
	solve(&chain);
	check_feasible(&chain);
	assert_int_equal(chain.shares[0].quantity, 18);
	assert_int_equal(chain.shares[1].quantity, 12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truck_takes_what_is_worth_most),
		cmocka_unit_test(test_rest_goes_to_others),
		cmocka_unit_test(test_runs_share_what_is_left),
		cmocka_unit_test(test_floors_and_lanes),
		cmocka_unit_test(test_small_changes_are_not_made),
		cmocka_unit_test(test_random_is_feasible),
		cmocka_unit_test(test_unlimited_is_apart),
		cmocka_unit_test(test_brute_force)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
