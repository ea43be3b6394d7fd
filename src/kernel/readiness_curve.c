/*
 * readiness_curve.c
 *	  Distribution functions of durations: of a task as it is, of one after another, of
 *	  two side by side.
 *
 * Every curve rises, and every operation gives at each step a sum or a product of numbers
 * that only grow where those of its operands do: what is monotone by theory stays so after
 * rounding.
 */
#include <string.h>

#include "readiness_part.h"

/* Masses below this are left to the time beyond the horizon. */
#define NEGLIGIBLE 1e-12

void
curves_reset(ReadinessJob *job)
{
	job->n_curves = 0;
	job->n_free = 0;
	for (size_t i = 0; i <= job->kinds_mask; i++)
		job->kinds[i] = -1;
}

static int32_t
new_curve(ReadinessJob *job)
{
	int32_t		number = job->n_free > 0 ? job->free[--job->n_free] : (int32_t) job->n_curves++;
	ReadinessCurve *curve = &job->curves[number];

	curve->cdf = job->room + (size_t) number * (job->network->horizon + 1);
	curve->n = 0;
	curve->uses = 1;
	return number;
}

void
curve_use(ReadinessJob *job, int32_t curve)
{
	job->curves[curve].uses++;
}

void
curve_release(ReadinessJob *job, int32_t curve)
{
	if (--job->curves[curve].uses == 0)
		job->free[job->n_free++] = curve;
}

double
curve_at(const ReadinessCurve *curve, size_t steps)
{
	return curve->cdf[steps < curve->n ? steps : curve->n - 1];
}

static double
mass_from(const ReadinessDuration *duration, size_t first)
{
	double		sum = 0;

	for (size_t k = first; k < duration->n; k++)
		sum += duration->mass[k];
	return sum;
}

/*
 * What is left of a task that has been running for that many steps, or all of it. One
 * that is older than its duration can be is as good as done in a step.
 */
static void
fill_curve(ReadinessJob *job, ReadinessCurve *curve, const ReadinessDuration *duration, size_t age)
{
	size_t		horizon = job->network->horizon;
	double		later;
	double		all;
	double		sum = 0;
	double		tail;
	size_t		k = 0;

	if (duration->mass == NULL && duration->n > 0)
	{
		/* a fixed time */
		curve->n = (duration->n < horizon ? duration->n : horizon) + 1;
		memset(curve->cdf, 0, curve->n * sizeof(double));
		curve->cdf[curve->n - 1] = duration->n <= horizon;
		return;
	}
	later = 1 - mass_from(duration, 0);
	if (later < 0 || duration->n == 0 || later < NEGLIGIBLE)
		later = duration->n == 0 ? 1 : 0;
	all = mass_from(duration, age < duration->n ? age : duration->n) + later;
	if (all <= 0)
	{
		curve->cdf[0] = 0;
		if (horizon > 0)
			curve->cdf[1] = 1;
		curve->n = horizon > 0 ? 2 : 1;
		return;
	}
	for (; age + k < duration->n && k <= horizon; k++)
	{
		sum += duration->mass[age + k];
		curve->cdf[k] = sum < all ? sum / all : 1;
	}
	tail = age + k >= duration->n ? later * (1 - duration->decay) : 0;
	for (; k <= horizon && tail > NEGLIGIBLE * all; k++)
	{
		sum += tail;
		tail *= duration->decay;
		curve->cdf[k] = sum < all ? sum / all : 1;
	}
	if (k == 0)
		curve->cdf[k++] = 0;
	curve->n = k;
}

/* Tasks of the same duration and age share their curve. */
int32_t
curve_of_task(ReadinessJob *job, int32_t task)
{
	int32_t		duration = job->network->duration[task];
	int32_t		age = job->network->age[task];
	uint64_t	hash = ((uint64_t) (uint32_t) duration << 32 | (uint32_t) age) * UINT64_C(0x9E3779B97F4A7C15);
	size_t		place = (size_t) (hash >> 32) & job->kinds_mask;
	int32_t		number;

	while ((number = job->kinds[place]) >= 0)
	{
		ReadinessCurve *curve = &job->curves[number];

		if (curve->duration == duration && curve->age == age)
		{
			curve_use(job, number);
			return number;
		}
		place = (place + 1) & job->kinds_mask;
	}
	number = new_curve(job);
	job->kinds[place] = number;
	job->curves[number].duration = duration;
	job->curves[number].age = age;
	fill_curve(job, &job->curves[number], &job->network->durations[duration],
			   age > 0 ? (size_t) age : 0);
	return number;
}

/* The sum of both: P(first = j) * P(second <= k - j), summed over j. */
MerchStatus
curve_after(ReadinessJob *job, int32_t first, int32_t second, int32_t *both)
{
	size_t		limit = job->network->horizon + 1;
	const ReadinessCurve *a = &job->curves[first];
	const ReadinessCurve *b = &job->curves[second];
	ReadinessCurve *sum;
	double		below = 0;

	if (a->n > b->n)
	{
		const ReadinessCurve *kept = a;

		a = b;
		b = kept;
	}
	*both = new_curve(job);
	sum = &job->curves[*both];
	sum->n = a->n + b->n - 1 < limit ? a->n + b->n - 1 : limit;
	memset(sum->cdf, 0, sum->n * sizeof(double));
	job->convolutions++;
	for (size_t j = 0; j < a->n && j < sum->n; j++)
	{
		double		mass = a->cdf[j] - below;
		double	   *at = sum->cdf + j;
		size_t		n = b->n < sum->n - j ? b->n : sum->n - j;

		below = a->cdf[j];
		if (mass <= 0)
			continue;
		for (size_t k = 0; k < n; k++)
			at[k] += mass * b->cdf[k];
		for (size_t k = n; k < sum->n - j; k++)
			at[k] += mass * b->cdf[b->n - 1];
		if (readiness_stopped(job, sum->n))
			return MERCH_CANCELLED;
	}
	for (size_t k = 0; k < sum->n; k++)
		if (sum->cdf[k] > 1)
			sum->cdf[k] = 1;
	return MERCH_OK;
}

/* The later of both; takes over the use of the first and of the second. */
int32_t
curve_beside(ReadinessJob *job, int32_t first, int32_t second)
{
	const ReadinessCurve *a = &job->curves[first];
	const ReadinessCurve *b = &job->curves[second];
	int32_t		number = new_curve(job);
	ReadinessCurve *later = &job->curves[number];

	later->n = a->n > b->n ? a->n : b->n;
	for (size_t k = 0; k < later->n; k++)
		later->cdf[k] = curve_at(a, k) * curve_at(b, k);
	curve_release(job, first);
	curve_release(job, second);
	return number;
}
