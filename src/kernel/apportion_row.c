/*
 * apportion_row.c
 *	  Checks the rows of an apportionment and applies its rules to them.
 */
#include "apportion_row.h"

#include <float.h>
#include <math.h>

#include "units.h"

/* Claims made of real weights stay below 2^62. */
#define CLAIM_BITS 62

/* What a row's claim is made of, before its weight. */
static MerchStatus
claim_base(ApportionMethod method, const ApportionInput *input, size_t i,
		   int64_t *base, MerchFault *fault)
{
	int64_t		need = greater(input->need[i], 0);

	*base = need;
	if (method == APPORTION_EVEN)
		*base = need > 0;
	else if (method == APPORTION_COVER)
	{
		int64_t		position = greater(column(input->position, i, 0), 0);

		if (__builtin_add_overflow(need, position, base))
			return fail_row(fault, MERCH_OUT_OF_RANGE, i, need, position);
	}
	return MERCH_OK;
}

static MerchStatus
check_weight(const ApportionInput *input, size_t i, MerchFault *fault)
{
	double		weight = input->weight[i];

	if (!isfinite(weight))
		return fail_number(fault, MERCH_WEIGHT_NOT_FINITE, i, weight);
	if (weight < 0)
		return fail_number(fault, MERCH_WEIGHT_NEGATIVE, i, weight);
	return MERCH_OK;
}

/* 2^exponent, as far as a double reaches. */
static double
power_of_two(int exponent)
{
	return ldexp(1, exponent < DBL_MAX_EXP ? exponent : DBL_MAX_EXP - 1);
}

static double
magnitude_below(double value, int bits)
{
	int			exponent;

	(void) frexp(value, &exponent);
	return power_of_two(bits - exponent);
}

/* The largest claim there is when weights are multiplied by factor. */
static double
largest_claim(ApportionMethod method, const ApportionInput *input, double factor)
{
	double		largest = 0;

	for (size_t i = 0; i < input->n; i++)
	{
		MerchFault	fault;
		int64_t		base = 0;

		(void) claim_base(method, input, i, &base, &fault);
		largest = fmax(largest, (double) base * (input->weight[i] * factor));
	}
	return largest;
}

MerchStatus
apportion_scale(ApportionMethod method, const ApportionInput *input,
				ClaimScale *scale, MerchFault *fault)
{
	double		most = 0;
	bool		whole = true;

	*scale = (ClaimScale) {.first = 1,.second = 1};
	if (input->weight == NULL)
		return MERCH_OK;
	for (size_t i = 0; i < input->n; i++)
	{
		double		weight = input->weight[i];
		MerchStatus status = check_weight(input, i, fault);

		if (status != MERCH_OK)
			return status;
		most = fmax(most, weight);
		whole = whole && weight == floor(weight);
		scale->weighted = scale->weighted || weight != input->weight[0];
	}
	if (!scale->weighted ||
		(whole && largest_claim(method, input, 1) < ldexp(1, CLAIM_BITS)))
		return MERCH_OK;
	scale->first = magnitude_below(most, 0);
	scale->second = magnitude_below(largest_claim(method, input, scale->first), CLAIM_BITS);
	return MERCH_OK;
}

/* A claim that is not 0 stays so, however small beside the largest. */
static int64_t
scaled_claim(int64_t base, double weight, const ClaimScale *scale)
{
	int64_t		claim;

	if (base == 0 || weight == 0)
		return 0;
	if (!scale->weighted)
		return base;
	claim = (int64_t) ((double) base * (weight * scale->first) * scale->second);
	return claim > 0 ? claim : 1;
}

MerchStatus
apportion_load_row(ApportionMethod method, const ApportionInput *input,
				   const ClaimScale *scale, size_t i, Row *row, MerchFault *fault)
{
	double		weight = input->weight == NULL ? 1 : input->weight[i];
	int64_t		minimum = column(input->minimum, i, 0);
	int64_t		maximum = column(input->maximum, i, APPORTION_NO_MAXIMUM);
	int64_t		pack = column(input->pack, i, 1);
	int64_t		base;
	MerchStatus status = check_bounds(minimum, maximum, pack, i, fault);

	if (status == MERCH_OK)
		status = claim_base(method, input, i, &base, fault);
	if (status != MERCH_OK)
		return status;

	row->pack = pack;
	row->tier = input->tier == NULL ? 0 : input->tier[i];
	row->key = column(input->key, i, (int64_t) i);
	row->claim = scaled_claim(base, weight, scale);
	row->offset = 0;
	row->quantity = 0;

	/* cutting the ceiling at the supply changes no answer and keeps sums small */
	row->ceiling = lesser(round_up(greater(input->need[i], 0), pack),
						  round_down(lesser(maximum, input->supply), pack));
	row->floor = lesser(round_up(minimum, pack), row->ceiling);
	if (weight == 0)
		row->ceiling = row->floor;

	if (method == APPORTION_COVER)
	{
		row->offset = greater(column(input->position, i, 0), 0);
		if (row->ceiling > INT64_MAX - row->offset)
			return fail_row(fault, MERCH_OUT_OF_RANGE, i, row->ceiling, row->offset);
	}
	return MERCH_OK;
}

void
apportion_bounds(ApportionMethod method, const ApportionInput *input, size_t i,
				 int64_t *floor, int64_t *ceiling)
{
	ClaimScale	unscaled = {.first = 1,.second = 1};
	MerchFault	fault;
	Row			row = {0};

	(void) apportion_load_row(method, input, &unscaled, i, &row, &fault);
	*floor = row.floor;
	*ceiling = row.ceiling;
}
