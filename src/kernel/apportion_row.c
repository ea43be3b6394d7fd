/*
 * apportion_row.c
 *	  Checks the rows of an apportionment and applies its rules to them.
 */
#include "apportion_row.h"

#include <float.h>
#include <math.h>

/* Claims made of real weights stay below 2^62. */
#define CLAIM_BITS 62

static MerchStatus
fail(MerchFault *fault, MerchStatus status, size_t row, int64_t value, int64_t limit)
{
	fault->row = row;
	fault->value = value;
	fault->limit = limit;
	return status;
}

static int64_t
column(const int64_t *values, size_t i, int64_t absent)
{
	return values == NULL ? absent : values[i];
}

static int64_t
not_negative(int64_t value)
{
	return value < 0 ? 0 : value;
}

static int64_t
round_down(int64_t units, int64_t pack)
{
	return units - units % pack;
}

/* To whole packs; where that would leave 64 bits, down: no supply is larger. */
static int64_t
round_up(int64_t units, int64_t pack)
{
	int64_t		down = round_down(units, pack);

	if (down == units || down > INT64_MAX - pack)
		return down;
	return down + pack;
}

/* What a row's claim is made of, before its weight. */
static MerchStatus
claim_base(ApportionMethod method, const ApportionInput *input, size_t i,
		   int64_t *base, MerchFault *fault)
{
	int64_t		need = not_negative(input->need[i]);

	*base = need;
	if (method == APPORTION_EVEN)
		*base = need > 0;
	else if (method == APPORTION_COVER)
	{
		int64_t		position = not_negative(column(input->position, i, 0));

		if (__builtin_add_overflow(need, position, base))
			return fail(fault, MERCH_OUT_OF_RANGE, i, need, position);
	}
	return MERCH_OK;
}

static MerchStatus
check_weight(const ApportionInput *input, size_t i, MerchFault *fault)
{
	double		weight = input->weight[i];

	fault->number = weight;
	if (!isfinite(weight))
		return fail(fault, MERCH_WEIGHT_NOT_FINITE, i, 0, 0);
	if (weight < 0)
		return fail(fault, MERCH_WEIGHT_NEGATIVE, i, 0, 0);
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

/* The bounds as given; *maximum is what no rule but the user's own forbids. */
static MerchStatus
check_bounds(const ApportionInput *input, size_t i, int64_t *minimum, int64_t *maximum,
			 int64_t *pack, MerchFault *fault)
{
	*minimum = column(input->minimum, i, 0);
	*maximum = column(input->maximum, i, APPORTION_NO_MAXIMUM);
	*pack = column(input->pack, i, 1);

	if (*minimum < 0)
		return fail(fault, MERCH_NEGATIVE_MINIMUM, i, *minimum, 0);
	if (*maximum < 0)
		return fail(fault, MERCH_NEGATIVE_MAXIMUM, i, *maximum, 0);
	if (*minimum > *maximum)
		return fail(fault, MERCH_MINIMUM_ABOVE_MAXIMUM, i, *minimum, *maximum);
	if (*pack <= 0)
		return fail(fault, MERCH_PACK_NOT_POSITIVE, i, *pack, 0);
	return MERCH_OK;
}

static int64_t
lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

MerchStatus
apportion_load_row(ApportionMethod method, const ApportionInput *input,
				   const ClaimScale *scale, size_t i, Row *row, MerchFault *fault)
{
	double		weight = input->weight == NULL ? 1 : input->weight[i];
	int64_t		minimum;
	int64_t		maximum;
	int64_t		base;
	MerchStatus status = check_bounds(input, i, &minimum, &maximum, &row->pack, fault);

	if (status == MERCH_OK)
		status = claim_base(method, input, i, &base, fault);
	if (status != MERCH_OK)
		return status;

	row->tier = input->tier == NULL ? 0 : input->tier[i];
	row->key = column(input->key, i, (int64_t) i);
	row->claim = scaled_claim(base, weight, scale);
	row->offset = 0;
	row->quantity = 0;

	/* cutting the ceiling at the supply changes no answer and keeps sums small */
	row->ceiling = lesser(round_up(not_negative(input->need[i]), row->pack),
						  round_down(lesser(maximum, input->supply), row->pack));
	row->floor = lesser(round_up(minimum, row->pack), row->ceiling);
	if (weight == 0)
		row->ceiling = row->floor;

	if (method == APPORTION_COVER)
	{
		row->offset = not_negative(column(input->position, i, 0));
		if (row->ceiling > INT64_MAX - row->offset)
			return fail(fault, MERCH_OUT_OF_RANGE, i, row->ceiling, row->offset);
	}
	return MERCH_OK;
}
