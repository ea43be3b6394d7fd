/*
 * units.h
 *	  What the kernels' rules are made of: units, whole packs, and the fault of a row.
 */
#ifndef MERCH_UNITS_H
#define MERCH_UNITS_H

#include "status.h"

static inline int64_t
lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t
greater(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static inline int64_t
round_down(int64_t units, int64_t pack)
{
	return units - units % pack;
}

/* To whole packs; where that would leave 64 bits, down: no supply is larger. */
static inline int64_t
round_up(int64_t units, int64_t pack)
{
	int64_t		down = round_down(units, pack);

	if (down == units || down > INT64_MAX - pack)
		return down;
	return down + pack;
}

/* Of numbers that are not negative; that of a and 0 is a. */
static inline int64_t
common_divisor(int64_t a, int64_t b)
{
	while (b != 0)
	{
		int64_t		rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* A column that a caller leaves out has one value in all rows. */
static inline int64_t
column(const int64_t *values, size_t i, int64_t absent)
{
	return values == NULL ? absent : values[i];
}

static inline MerchStatus
fail_row(MerchFault *fault, MerchStatus status, size_t row, int64_t value, int64_t limit)
{
	*fault = (MerchFault) {.row = row, .value = value, .limit = limit};
	return status;
}

static inline MerchStatus
fail_number(MerchFault *fault, MerchStatus status, size_t row, double number)
{
	*fault = (MerchFault) {.row = row, .number = number};
	return status;
}

/* What may be asked of a row: the rules that all splits have. */
static inline MerchStatus
check_bounds(int64_t minimum, int64_t maximum, int64_t pack, size_t row, MerchFault *fault)
{
	if (minimum < 0)
		return fail_row(fault, MERCH_NEGATIVE_MINIMUM, row, minimum, 0);
	if (maximum < 0)
		return fail_row(fault, MERCH_NEGATIVE_MAXIMUM, row, maximum, 0);
	if (minimum > maximum)
		return fail_row(fault, MERCH_MINIMUM_ABOVE_MAXIMUM, row, minimum, maximum);
	if (pack <= 0)
		return fail_row(fault, MERCH_PACK_NOT_POSITIVE, row, pack, 0);
	return MERCH_OK;
}

#endif
