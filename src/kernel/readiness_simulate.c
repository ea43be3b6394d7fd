/*
 * readiness_simulate.c
 *	  A part of a task network that is not series-parallel, by simulation.
 *
 * The random number of a task in a run is a hash of both, so that all networks of the
 * same shape are simulated by the same numbers: a change for the better can't look like
 * one for the worse.
 */
#include "readiness_part.h"

#define SEED UINT64_C(0x6D657263685F3034)

/* The finaliser of splitmix64 (Steele, Lea and Flood, 2014), from 0 to below 1. */
static double
random_of(uint64_t run, uint64_t task)
{
	uint64_t	z = SEED + (run << 24 ^ task) * UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	z ^= z >> 31;
	return (double) (z >> 11) * 0x1p-53;
}

/* The first step by which the task is done with a probability above u; n if there is none. */
static size_t
steps_until(const ReadinessCurve *curve, double u)
{
	size_t		low = 0;
	size_t		high = curve->n;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (curve->cdf[middle] > u)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool
run_is_in_time(ReadinessJob *job, uint64_t run)
{
	size_t		horizon = job->network->horizon;

	for (size_t i = 0; i < job->n; i++)
	{
		const ReadinessCurve *curve;
		size_t		start = 0;
		size_t		steps;

		if (!job->present[i])
			continue;
		curve = &job->curves[job->curve_of[i]];
		for (size_t k = job->kept_start[i]; k < job->kept_start[i + 1]; k++)
			if ((size_t) job->finish[job->kept[k]] > start)
				start = (size_t) job->finish[job->kept[k]];
		steps = steps_until(curve, random_of(run, i));
		if (steps == curve->n || start + steps > horizon)
			return false;
		job->finish[i] = (int32_t) (start + steps);
	}
	return true;
}

MerchStatus
part_simulate(ReadinessJob *job, double *probability)
{
	size_t		in_time = 0;

	curves_reset(job);
	for (size_t i = 0; i < job->n; i++)
		if (job->present[i])
			job->curve_of[i] = curve_of_task(job, job->task[i]);
	for (uint64_t run = 0; run < READINESS_RUNS; run++)
	{
		in_time += run_is_in_time(job, run);
		if (readiness_stopped(job, job->n))
			return MERCH_CANCELLED;
	}
	*probability = (double) in_time / READINESS_RUNS;
	return MERCH_OK;
}
