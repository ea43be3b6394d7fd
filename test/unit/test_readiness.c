/*
 * test_readiness.c
 *	  The kernel of readiness against full enumeration, closed forms and a simulation of
 *	  its own, and what must never happen: that more time or a task done make it less.
 */
#include "unit.h"

#include <math.h>
#include <stdio.h>

#include "readiness.h"

#define TASKS_MAX 400
#define NEEDS_MAX 4000
#define DURATIONS_MAX 8

typedef struct Case
{
	ReadinessNetwork network;
	int32_t		duration[TASKS_MAX];
	int32_t		age[TASKS_MAX];
	size_t		need_start[TASKS_MAX + 1];
	int32_t		need[NEEDS_MAX];
	ReadinessDuration durations[DURATIONS_MAX];
	double		mass[DURATIONS_MAX][64];
} Case;

static void
begin(Case *c, size_t horizon)
{
	memset(c, 0, sizeof(*c));
	c->network = (ReadinessNetwork) {
		.duration = c->duration, .age = c->age, .need_start = c->need_start, .need = c->need,
		.durations = c->durations, .horizon = horizon
	};
}

static void
add_duration(Case *c, size_t n, const double *mass, double decay)
{
	size_t		d = c->network.n_durations++;

	memcpy(c->mass[d], mass, n * sizeof(double));
	c->durations[d] = (ReadinessDuration) {.mass = c->mass[d], .n = n, .decay = decay};
}

static void
add_task(Case *c, int32_t duration, int32_t age, size_t n, const int32_t *needs)
{
	size_t		i = c->network.n_tasks++;

	c->duration[i] = duration;
	c->age[i] = age;
	for (size_t k = 0; k < n; k++)
		c->need[c->need_start[i] + k] = needs[k];
	c->need_start[i + 1] = c->need_start[i] + n;
}

static ReadinessKnown known[4096];
static ReadinessMemory memory = {.known = known, .n = 4096};

static ReadinessResult
solve(Case *c)
{
	size_t		bytes = readiness_scratch(&c->network);
	void	   *scratch = allocate_odd(bytes);
	ReadinessResult result;
	MerchFault	fault;

	assert_int_equal(readiness_probability(&c->network, scratch, NULL, &result, &fault), MERCH_OK);
	/* what is remembered of all networks before, and of this one, gives the same */
	for (int i = 0; i < 2; i++)
	{
		ReadinessResult again;

		c->network.memory = &memory;
		assert_int_equal(readiness_probability(&c->network, scratch, NULL, &again, &fault), MERCH_OK);
		assert_true(again.probability == result.probability);
		c->network.memory = NULL;
	}
	free_odd(scratch);
	assert_true(result.probability >= 0 && result.probability <= 1);
	return result;
}

/* P(the rest takes k steps), from the definition. */
static double
rest_mass(const Case *c, size_t task, size_t k)
{
	const ReadinessDuration *d = &c->durations[c->duration[task]];
	double		all = 0;
	size_t		age = c->age[task] > 0 ? (size_t) c->age[task] : 0;

	if (c->age[task] == READINESS_DONE)
		return k == 0;
	for (size_t i = age; i < d->n; i++)
		all += d->mass[i];
	return age + k < d->n ? d->mass[age + k] / all : 0;
}

/* All outcomes of all tasks, one by one. Tasks need tasks with lower numbers. */
static double
enumerate(const Case *c, size_t task, int *finish)
{
	const ReadinessNetwork *net = &c->network;
	double		sum = 0;
	int			start = 0;

	if (task == net->n_tasks)
		return 1;
	if (c->age[task] == READINESS_WAITING)
		for (size_t e = c->need_start[task]; e < c->need_start[task + 1]; e++)
			start = finish[c->need[e]] > start ? finish[c->need[e]] : start;
	for (size_t k = 0; k < 4; k++)
	{
		double		p = rest_mass(c, task, k);

		if (p == 0 || start + (int) k > (int) net->horizon)
			continue;
		finish[task] = start + (int) k;
		sum += p * enumerate(c, task + 1, finish);
	}
	return sum;
}

/* Durations of up to 3 steps, tasks in any order of needs and in any state. */
static void
draw_small(Case *c, size_t n, bool in_order)
{
	begin(c, (size_t) random_below(9));
	for (int d = 0; d < 3; d++)
	{
		double		mass[4];
		double		sum = 0;

		for (int k = 0; k < 4; k++)
			sum += mass[k] = 0.05 + (double) random_below(100);
		for (int k = 0; k < 4; k++)
			mass[k] /= sum;
		add_duration(c, 4, mass, 0);
	}
	for (size_t i = 0; i < n; i++)
	{
		int32_t		needs[8];
		size_t		count = 0;
		bool		can_start = true;
		int32_t		age = READINESS_WAITING;

		for (size_t j = 0; j < i; j++)
			if (random_below(3) == 0)
			{
				needs[count++] = (int32_t) j;
				can_start = can_start && c->age[j] == READINESS_DONE;
			}
		if (!in_order || can_start)
			age = (int32_t) random_below(6) - 2;
		if (age > 3)
			age = READINESS_WAITING;
		add_task(c, (int32_t) random_below(3), age, count, needs);
	}
}

static void
small_networks_are_exact(void **state)
{
	(void) state;
	int			exact = 0;
	int			simulated = 0;

	for (int round = 0; round < 300; round++)
	{
		Case		c;
		int			finish[8];
		ReadinessResult result;
		double		truth;

		draw_small(&c, 1 + (size_t) random_below(7), round % 2 == 0);
		result = solve(&c);
		truth = enumerate(&c, 0, finish);
		if (result.simulated == 0)
		{
			exact++;
			assert_true(fabs(result.probability - truth) < 1e-12);
		}
		else
		{
			simulated++;
			assert_true(fabs(result.probability - truth) < 5 * sqrt(fabs(truth * (1 - truth)) / READINESS_RUNS) + 3.0 / READINESS_RUNS);
		}
	}
	assert_true(exact > 120 && simulated > 5);
	printf("%d exact, %d simulated\n", exact, simulated);
}

/* Networks built from series and parallel steps, so that none may be simulated. */
static void
compose(Case *c, size_t n, int32_t *starts, size_t *n_starts, int32_t *ends, size_t *n_ends,
		const int32_t *needs, size_t n_needs)
{
	if (n == 1)
	{
		add_task(c, (int32_t) random_below(3), READINESS_WAITING, n_needs, needs);
		starts[(*n_starts)++] = ends[(*n_ends)++] = (int32_t) c->network.n_tasks - 1;
	}
	else
	{
		size_t		first = 1 + (size_t) random_below((int64_t) n - 1);
		bool		series = random_below(2) == 0;
		int32_t		middle[TASKS_MAX];
		size_t		n_middle = 0;
		int32_t		ignored[TASKS_MAX];
		size_t		n_ignored = 0;

		if (series)
		{
			compose(c, first, starts, n_starts, middle, &n_middle, needs, n_needs);
			compose(c, n - first, ignored, &n_ignored, ends, n_ends, middle, n_middle);
		}
		else
		{
			compose(c, first, starts, n_starts, ends, n_ends, needs, n_needs);
			compose(c, n - first, starts, n_starts, ends, n_ends, needs, n_needs);
		}
	}
}

static void
draw_composed(Case *c, size_t n, size_t horizon)
{
	int32_t		starts[TASKS_MAX];
	int32_t		ends[TASKS_MAX];
	size_t		n_starts = 0;
	size_t		n_ends = 0;

	begin(c, horizon);
	for (int d = 0; d < 3; d++)
	{
		double		mass[4] = {0.1 * (d + 1), 0.2, 0.1, 0};

		mass[3] = 1 - mass[0] - mass[1] - mass[2];
		add_duration(c, 4, mass, 0);
	}
	compose(c, n, starts, &n_starts, ends, &n_ends, NULL, 0);
}

/* A simulation that shares nothing with the kernel's. */
static double
simulate(const Case *c, int runs)
{
	int			in_time = 0;

	for (int r = 0; r < runs; r++)
	{
		int			finish[TASKS_MAX];
		int			last = 0;

		for (size_t i = 0; i < c->network.n_tasks; i++)
		{
			double		u = (double) (random_bits() >> 11) * 0x1p-53;
			int			start = 0;
			int			k = 0;

			for (size_t e = c->need_start[i]; e < c->need_start[i + 1]; e++)
				start = finish[c->need[e]] > start ? finish[c->need[e]] : start;
			while (k < 3 && u >= c->mass[c->duration[i]][k])
				u -= c->mass[c->duration[i]][k++];
			finish[i] = start + k;
			last = finish[i] > last ? finish[i] : last;
		}
		in_time += last <= (int) c->network.horizon;
	}
	return (double) in_time / runs;
}

static void
composed_networks_are_reduced(void **state)
{
	(void) state;
	for (int round = 0; round < 60; round++)
	{
		Case		c;
		ReadinessResult result;
		int			finish[8];

		draw_composed(&c, 1 + (size_t) random_below(round % 2 == 0 ? 7 : 40), (size_t) random_below(round % 2 == 0 ? 10 : 40));
		result = solve(&c);
		assert_int_equal(result.simulated, 0);
		if (c.network.n_tasks <= 7)
			assert_true(fabs(result.probability - enumerate(&c, 0, finish)) < 1e-12);
		else
			assert_true(fabs(result.probability - simulate(&c, 20000)) <
						5 * sqrt((result.probability * (1 - result.probability) + 1e-4) / 20000));
	}
}

/* What is done stays done: each task in turn, in any order that the needs allow. */
static void
never_less(void **state)
{
	(void) state;
	for (int round = 0; round < 40; round++)
	{
		Case		c;
		double		before;
		bool		composed = round % 2 == 0;

		if (composed)
			draw_composed(&c, 1 + (size_t) random_below(25), 0);
		else
			draw_small(&c, 7, true);
		if (!composed)
			for (size_t i = 0; i < c.network.n_tasks; i++)
				c.age[i] = READINESS_WAITING;
		before = 0;
		for (c.network.horizon = 0; c.network.horizon < (composed ? 80 : 24); c.network.horizon++)
		{
			double		now = solve(&c).probability;

			assert_true(now >= before);
			before = now;
		}
		assert_true(before > 1 - 1e-12);
		c.network.horizon = (size_t) random_below(12);
		before = solve(&c).probability;
		for (size_t i = 0; i < c.network.n_tasks; i++)
		{
			double		now;

			c.age[i] = READINESS_DONE;
			now = solve(&c).probability;
			/* a sum in another order may differ in its last digit */
			assert_true(now >= before - 1e-14);
			before = now;
		}
		assert_true(before == 1);
	}
}

static void
set_quantiles(Case *c, double low, double high)
{
	double		values[2] = {low, high};
	MerchFault	fault;
	size_t		d = c->network.n_durations++;

	assert_int_equal(readiness_quantiles(values, 2, 0, c->mass[d], &c->durations[d], &fault), MERCH_OK);
}

/* Uniform durations: of two sums the triangle, of many side by side the power. */
static void
closed_forms(void **state)
{
	(void) state;
	for (size_t t = 0; t <= 48; t++)
	{
		Case		c;
		double		x = ((double) t + 0.5) / 48;
		double		one = x < 0.5 ? 2 * x : 1;
		double		two = x < 0.5 ? 2 * x * x : 1 - 2 * (1 - x) * (1 - x);

		begin(&c, t);
		set_quantiles(&c, 0, 24);
		add_task(&c, 0, READINESS_WAITING, 0, NULL);
		assert_true(fabs(solve(&c).probability - one) < 0.006);
		add_task(&c, 0, READINESS_WAITING, 1, (int32_t[]) {0});
		assert_true(fabs(solve(&c).probability - (t == 48 ? 1 : two)) < 0.004);

		begin(&c, t);
		set_quantiles(&c, 0, 24);
		for (int i = 0; i < 10; i++)
			add_task(&c, 0, READINESS_WAITING, 0, NULL);
		assert_true(fabs(solve(&c).probability - pow(one, 10)) < 0.06);
		assert_int_equal(solve(&c).convolutions, 0);
	}
}

static void
pert_has_its_mean(void **state)
{
	(void) state;
	for (int round = 0; round < 60; round++)
	{
		double		mass[1024];
		ReadinessDuration duration;
		MerchFault	fault;
		double		a = (double) random_below(1000) / 10;
		double		m = a + (double) random_below(1000) / 10;
		double		b = m + (double) random_below(1000) / 10;
		double		beyond = round % 2 == 0 ? 0 : 0.05;
		double		mean = 0;
		double		sum = 0;

		assert_true(readiness_duration_length(b) <= 1024);
		assert_int_equal(readiness_pert(a, m, b, beyond, mass, &duration, &fault), MERCH_OK);
		for (size_t k = 0; k < duration.n; k++)
		{
			sum += mass[k];
			mean += mass[k] * (double) k;
		}
		assert_true(fabs(sum - (1 - beyond)) < 1e-12);
		assert_true(fabs(mean / sum - (a + 4 * m + b) / 6) < 1e-3 * (b + 1));
		if (beyond > 0)
			assert_true(fabs(duration.decay / (1 - duration.decay) - mean / sum) < 1e-9 * (b + 1));
	}
}

/* A tail without memory: whatever the age beyond the longest, what is left is the same. */
static void
age_conditions(void **state)
{
	(void) state;
	Case		c;
	double		mass[3] = {0, 0.5, 0.25};

	begin(&c, 1);
	add_duration(&c, 3, mass, 0.5);
	add_task(&c, 0, 2, 0, NULL);
	/* older than 1: 0.25 now, 0.125 in each of the next steps and so on, of 0.5 */
	assert_true(fabs(solve(&c).probability - 0.75) < 1e-12);
	for (int age = 3; age < 100; age += 7)
	{
		c.age[0] = age;
		assert_true(fabs(solve(&c).probability - 0.75) < 1e-12);
	}
	/* never: the rest of the mass does not come */
	c.durations[0].decay = 1;
	c.network.horizon = 5000;
	c.age[0] = 0;
	assert_true(fabs(solve(&c).probability - 0.75) < 1e-12);
	c.age[0] = 50;
	assert_true(solve(&c).probability == 0);
	/* older than it can be */
	mass[0] = 0.25;
	begin(&c, 0);
	add_duration(&c, 3, mass, 0);
	add_task(&c, 0, 3, 0, NULL);
	assert_true(solve(&c).probability == 0);
	c.network.horizon = 1;
	assert_true(solve(&c).probability == 1);
}

/* 80 stores with the same four tasks behind one of the whole promotion. */
static void
like_parts_are_computed_once(void **state)
{
	(void) state;
	Case		c;
	double		one;
	double		all;
	ReadinessResult result;

	draw_composed(&c, 1, 9);
	for (int i = 1; i < 4; i++)
		add_task(&c, i % 3, READINESS_WAITING, 1, (int32_t[]) {i - 1});
	c.duration[0] = 0;
	one = solve(&c).probability;
	for (int s = 1; s < 80; s++)
		for (int i = 0; i < 4; i++)
			add_task(&c, i % 3, READINESS_WAITING, i > 0, (int32_t[]) {4 * s + i - 1});
	result = solve(&c);
	assert_true(fabs(result.probability - pow(one, 80)) < 1e-12);
	assert_true(result.convolutions <= 3);

	/* one task before all of them */
	add_task(&c, 1, READINESS_WAITING, 0, NULL);
	for (size_t i = 0; i < 320; i += 4)
	{
		memmove(c.need + c.need_start[i] + 1, c.need + c.need_start[i],
				(c.need_start[c.network.n_tasks] - c.need_start[i]) * sizeof(int32_t));
		c.need[c.need_start[i]] = 320;
		for (size_t j = i + 1; j <= c.network.n_tasks; j++)
			c.need_start[j]++;
	}
	c.network.horizon = 14;
	result = solve(&c);
	assert_int_equal(result.simulated, 0);
	assert_true(result.convolutions <= 8);
	all = 0;
	for (size_t k = 0; k < 4; k++)
	{
		Case		chain;

		draw_composed(&chain, 1, 14 - k);
		chain.duration[0] = 0;
		for (int i = 1; i < 4; i++)
			add_task(&chain, i % 3, READINESS_WAITING, 1, (int32_t[]) {i - 1});
		all += c.mass[1][k] * pow(solve(&chain).probability, 80);
	}
	assert_true(fabs(result.probability - all) < 1e-12);
}

/* One task before those of all stores, which wait for others of their own, too. */
static void
a_hub_is_taken_apart(void **state)
{
	(void) state;
	for (int round = 0; round < 12; round++)
	{
		Case		c;
		double		mass[32];
		double		truth = 0;
		double		got;
		ReadinessResult result;

		draw_composed(&c, 1, 10 + (size_t) random_below(25));
		for (int k = 0; k < 32; k++)
			mass[k] = k < 2 ? 0 : 1.0 / 30;
		add_duration(&c, 32, mass, 0);
		c.duration[0] = 3;
		for (int s = 0; s < 20; s++)
		{
			add_task(&c, s % 2, READINESS_WAITING, 0, NULL);
			add_task(&c, 1, READINESS_WAITING, 2, (int32_t[]) {0, 1 + 2 * s});
		}
		result = solve(&c);
		assert_int_equal(result.simulated, 0);
		/* by hand: given the time of the first, a store is two sums and a maximum */
		for (int t = 2; t < 32; t++)
		{
			double		stores = 1;

			for (int kind = 0; kind < 2; kind++)
			{
				double		store = 0;

				for (int a = 0; a < 4; a++)
					for (int b = 0; b < 4; b++)
						if ((a > t ? a : t) + b <= (int) c.network.horizon)
							store += c.mass[kind][a] * c.mass[1][b];
				stores *= pow(store, 10);
			}
			truth += stores / 30;
		}
		assert_true(fabs(result.probability - truth) < 0.04);
		got = result.probability;
		for (int i = 1; i < 41; i++)
		{
			double		now;

			c.age[i] = READINESS_DONE;
			now = solve(&c).probability;
			assert_true(now >= got - 1e-12);
			got = now;
		}
		c.age[0] = READINESS_DONE;
		assert_true(solve(&c).probability == 1);
	}
}

static void
order_does_not_matter(void **state)
{
	(void) state;
	for (int round = 0; round < 60; round++)
	{
		Case		c;
		Case		d;
		size_t		order[TASKS_MAX];
		size_t		place[TASKS_MAX];
		double		there;

		draw_composed(&c, 1 + (size_t) random_below(20), 12);
		begin(&d, c.network.horizon);
		for (size_t i = 0; i < c.network.n_durations; i++)
			add_duration(&d, 4, c.mass[i], 0);
		shuffle(order, c.network.n_tasks);
		for (size_t i = 0; i < c.network.n_tasks; i++)
			place[order[i]] = i;
		for (size_t i = 0; i < c.network.n_tasks; i++)
		{
			int32_t		needs[TASKS_MAX];
			size_t		n = 0;

			for (size_t e = c.need_start[order[i]]; e < c.need_start[order[i] + 1]; e++)
				needs[n++] = (int32_t) place[c.need[e]];
			add_task(&d, c.duration[order[i]], c.age[order[i]], n, needs);
		}
		there = solve(&c).probability;
		assert_true(fabs(solve(&d).probability - there) < 1e-13);
		assert_int_equal(solve(&d).simulated, 0);
	}
}

static MerchStatus
refuse(Case *c, MerchFault *fault)
{
	size_t		bytes = readiness_scratch(&c->network);
	void	   *scratch = allocate_odd(bytes);
	ReadinessResult result;
	MerchStatus status = readiness_probability(&c->network, scratch, NULL, &result, fault);

	free_odd(scratch);
	return status;
}

static void
bad_input(void **state)
{
	(void) state;
	Case		c;
	MerchFault	fault;
	double		mass[64];
	ReadinessDuration duration;

	draw_composed(&c, 1, 3);
	add_task(&c, 0, READINESS_WAITING, 1, (int32_t[]) {3});
	add_task(&c, 0, READINESS_WAITING, 1, (int32_t[]) {1});
	add_task(&c, 0, READINESS_WAITING, 1, (int32_t[]) {2});
	add_task(&c, 0, READINESS_WAITING, 1, (int32_t[]) {3});
	assert_int_equal(refuse(&c, &fault), MERCH_TASKS_IN_A_CIRCLE);
	assert_true(fault.row >= 1 && fault.row <= 3);
	c.need[0] = 1;
	assert_int_equal(refuse(&c, &fault), MERCH_TASKS_IN_A_CIRCLE);
	assert_int_equal(fault.row, 1);
	c.need[0] = 5;
	assert_int_equal(refuse(&c, &fault), MERCH_NEED_UNKNOWN);
	assert_int_equal(fault.row, 1);
	c.need[0] = 0;
	c.age[2] = -3;
	assert_int_equal(refuse(&c, &fault), MERCH_AGE_INVALID);
	c.age[2] = READINESS_WAITING;
	c.duration[2] = 3;
	assert_int_equal(refuse(&c, &fault), MERCH_DURATION_UNKNOWN);
	c.duration[2] = 0;
	c.mass[0][0] = NAN;
	assert_int_equal(refuse(&c, &fault), MERCH_DURATION_INVALID);
	c.mass[0][0] = 0.9;
	assert_int_equal(refuse(&c, &fault), MERCH_DURATION_INVALID);
	c.mass[0][0] = 0.1;
	c.durations[1].decay = 1.5;
	assert_int_equal(refuse(&c, &fault), MERCH_DURATION_INVALID);
	assert_int_equal(fault.row, 1);
	c.durations[1].decay = 0;
	c.network.horizon = READINESS_HORIZON_MAX + 1;
	assert_int_equal(readiness_scratch(&c.network), 0);

	assert_int_equal(readiness_pert(1, 0, 2, 0, mass, &duration, &fault), MERCH_ESTIMATE_OUT_OF_RANGE);
	assert_int_equal(readiness_pert(0, 1, NAN, 0, mass, &duration, &fault), MERCH_ESTIMATE_OUT_OF_RANGE);
	assert_int_equal(readiness_pert(-1, 1, 2, 0, mass, &duration, &fault), MERCH_ESTIMATE_OUT_OF_RANGE);
	assert_int_equal(readiness_pert(0, 1, 2, 1, mass, &duration, &fault), MERCH_BEYOND_OUT_OF_RANGE);
	assert_int_equal(readiness_quantiles((double[]) {2, 1}, 2, 0, mass, &duration, &fault), MERCH_QUANTILE_OUT_OF_RANGE);
	assert_int_equal(readiness_quantiles((double[]) {INFINITY}, 1, 0, mass, &duration, &fault), MERCH_QUANTILE_OUT_OF_RANGE);
	assert_int_equal(readiness_pert(2, 2, 2, 0, mass, &duration, &fault), MERCH_OK);
	assert_true(duration.n == 3 && mass[2] == 1);
}

static void
stops_when_asked(void **state)
{
	(void) state;
	Case		c;
	MerchFault	fault;
	ReadinessResult result;
	void	   *scratch;

	/* whichever task is fixed, the others still meet without being the same */
	draw_composed(&c, 1, 5);
	add_task(&c, 0, READINESS_WAITING, 0, NULL);
	add_task(&c, 0, READINESS_WAITING, 0, NULL);
	add_task(&c, 0, READINESS_WAITING, 2, (int32_t[]) {0, 1});
	add_task(&c, 0, READINESS_WAITING, 2, (int32_t[]) {1, 2});
	add_task(&c, 0, READINESS_WAITING, 2, (int32_t[]) {0, 2});
	assert_int_equal(solve(&c).simulated, 6);
	scratch = allocate_odd(readiness_scratch(&c.network));
	for (int n = 0; n < 4; n++)
	{
		allow_polls(n);
		assert_int_equal(readiness_probability(&c.network, scratch, interrupt_later, &result, &fault), MERCH_CANCELLED);
	}
	free_odd(scratch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_networks_are_exact),
		cmocka_unit_test(composed_networks_are_reduced),
		cmocka_unit_test(never_less),
		cmocka_unit_test(closed_forms),
		cmocka_unit_test(pert_has_its_mean),
		cmocka_unit_test(age_conditions),
		cmocka_unit_test(like_parts_are_computed_once),
		cmocka_unit_test(a_hub_is_taken_apart),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(stops_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
