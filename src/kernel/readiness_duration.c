/*
 * readiness_duration.c
 *	  Durations of tasks from what people estimate or what was measured.
 */
#include <math.h>

#include "readiness.h"

size_t
readiness_duration_length(double longest)
{
	return longest >= 0 && longest <= READINESS_HORIZON_MAX ? (size_t) longest + 2 : 2;
}

static MerchStatus
refuse(MerchStatus status, double number, MerchFault *fault)
{
	*fault = (MerchFault) {.row = MERCH_NO_ROW, .number = number};
	return status;
}

/* A point between two whole steps counts for both, for the nearer one more. */
static void
add_point(double *mass, double steps, double weight)
{
	double		whole = floor(steps);
	double		part = steps - whole;

	mass[(size_t) whole] += weight * (1 - part);
	mass[(size_t) whole + 1] += weight * part;
}

static MerchStatus
check_beyond(double beyond, MerchFault *fault)
{
	if (!(beyond >= 0 && beyond < 1))
		return refuse(MERCH_BEYOND_OUT_OF_RANGE, beyond, fault);
	return MERCH_OK;
}

/* Scales the masses to 1 - beyond and gives the rest its tail. */
static void
finish(double *mass, size_t n, double beyond, ReadinessDuration *duration)
{
	double		sum = 0;
	double		mean = 0;

	for (size_t k = 0; k < n; k++)
		sum += mass[k];
	for (size_t k = 0; k < n; k++)
	{
		mass[k] *= (1 - beyond) / sum;
		mean += (double) k * mass[k];
	}
	while (n > 1 && mass[n - 1] == 0)
		n--;
	if (beyond > 0)
		mean /= 1 - beyond;
	*duration = (ReadinessDuration) {.mass = mass, .n = n, .decay = beyond > 0 ? mean / (1 + mean) : 0};
}

MerchStatus
readiness_pert(double optimistic, double likely, double pessimistic, double beyond,
			   double *mass, ReadinessDuration *duration, MerchFault *fault)
{
	double		width = pessimistic - optimistic;
	MerchStatus status = check_beyond(beyond, fault);
	double		rise;
	double		fall;

	if (status != MERCH_OK)
		return status;
	if (!(optimistic >= 0 && optimistic <= READINESS_HORIZON_MAX))
		return refuse(MERCH_ESTIMATE_OUT_OF_RANGE, optimistic, fault);
	if (!(pessimistic >= optimistic && pessimistic <= READINESS_HORIZON_MAX))
		return refuse(MERCH_ESTIMATE_OUT_OF_RANGE, pessimistic, fault);
	if (!(likely >= optimistic && likely <= pessimistic))
		return refuse(MERCH_ESTIMATE_OUT_OF_RANGE, likely, fault);

	for (size_t k = 0; k < readiness_duration_length(pessimistic); k++)
		mass[k] = 0;
	if (width == 0)
		add_point(mass, likely, 1);
	else
	{
		/* the exponents of the density, whose parameters are by 1 more */
		rise = 4 * (likely - optimistic) / width;
		fall = 4 * (pessimistic - likely) / width;
		for (int i = 0; i < READINESS_POINTS; i++)
		{
			double		x = (i + 0.5) / READINESS_POINTS;

			add_point(mass, optimistic + width * x, pow(x, rise) * pow(1 - x, fall));
		}
	}
	finish(mass, readiness_duration_length(pessimistic), beyond, duration);
	return MERCH_OK;
}

MerchStatus
readiness_quantiles(const double *values, size_t n, double beyond,
					double *mass, ReadinessDuration *duration, MerchFault *fault)
{
	MerchStatus status = check_beyond(beyond, fault);

	if (status != MERCH_OK)
		return status;
	for (size_t i = 0; i < n; i++)
		if (!(values[i] >= (i > 0 ? values[i - 1] : 0) && values[i] <= READINESS_HORIZON_MAX))
			return refuse(MERCH_QUANTILE_OUT_OF_RANGE, values[i], fault);

	for (size_t k = 0; k < readiness_duration_length(values[n - 1]); k++)
		mass[k] = 0;
	for (int i = 0; i < READINESS_POINTS; i++)
	{
		double		place = (i + 0.5) / READINESS_POINTS * (double) (n - 1);
		size_t		below = (size_t) place;
		double		part = place - (double) below;

		add_point(mass, n == 1 ? values[0] : values[below] + part * (values[below + 1] - values[below]), 1);
	}
	finish(mass, readiness_duration_length(values[n - 1]), beyond, duration);
	return MERCH_OK;
}
