/*
 * money.c
 *	  Amounts of money as int64 in ten-thousandths.
 *
 * The server's own way from numeric to int64 is a multiplication and a cast, each of which
 * allocates: too much for every row of a large table. A numeric as it is stored is read
 * instead. Its form has been the same since 9.1 and is on everybody's disks: a header of
 * 16 bits, which says the form; in the long form the weight, in 16 bits more; then digits to
 * the base of 10,000, the first of which counts 10,000 to the power of the weight. With
 * four decimals the digit behind the point is the last.
 */
#include "postgres.h"

#include "fmgr.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "compat.h"
#include "money.h"

#define FORM_MASK 0xC000
#define FORM_LONG_NEGATIVE 0x4000
#define FORM_SHORT 0x8000
#define FORM_SPECIAL 0xC000		/* NaN and the infinities */
#define SHORT_NEGATIVE 0x2000
#define SHORT_WEIGHT_SIGN 0x0040
#define SHORT_WEIGHT_MASK 0x003F
#define DIGIT_BASE 10000
#define DIGIT_MOST_WEIGHT 4		/* of which int64 holds some, in ten-thousandths */

/* What was stored with a short header is not aligned. */
static inline uint16
word_at(const char *data, size_t i)
{
	uint16		word;

	memcpy(&word, data + i * sizeof(uint16), sizeof(uint16));
	return word;
}

/* The number of its digits, and where they begin. */
typedef struct Digits
{
	size_t		first;
	size_t		end;
	int			weight;
	bool		negative;
} Digits;

static bool
find_digits(const char *data, size_t size, Digits *digits)
{
	uint16		header = word_at(data, 0);

	digits->end = size / sizeof(uint16);
	switch (header & FORM_MASK)
	{
		case FORM_SPECIAL:
			return false;
		case FORM_SHORT:
			digits->first = 1;
			digits->negative = (header & SHORT_NEGATIVE) != 0;
			digits->weight = header & SHORT_WEIGHT_MASK;
			if (header & SHORT_WEIGHT_SIGN)
				digits->weight -= SHORT_WEIGHT_MASK + 1;
			return true;
		default:
			digits->first = 2;
			digits->negative = (header & FORM_MASK) == FORM_LONG_NEGATIVE;
			digits->weight = (int16) word_at(data, 1);
			return true;
	}
}

/* Below zero all along: there is one more negative int64 than there are positive ones. */
static bool
sum_digits(const char *data, Digits digits, int64 *amount)
{
	int64		sum = 0;

	if (digits.first == digits.end)
	{
		*amount = 0;
		return true;
	}
	if (digits.weight > DIGIT_MOST_WEIGHT)
		return false;
	for (int weight = digits.weight; weight >= -1; weight--)
	{
		int64		digit = digits.first < digits.end ? word_at(data, digits.first++) : 0;

		if (pg_mul_s64_overflow(sum, DIGIT_BASE, &sum) || pg_sub_s64_overflow(sum, digit, &sum))
			return false;
	}
	/* none of what is stored is a zero behind the last that counts */
	if (digits.first < digits.end || (!digits.negative && sum == PG_INT64_MIN))
		return false;
	*amount = digits.negative ? sum : -sum;
	return true;
}

int64
merch_ten_thousandths(Datum numeric)
{
	struct varlena *stored = PG_DETOAST_DATUM_PACKED(numeric);
	const char *data = VARDATA_ANY(stored);
	Digits		digits;
	int64		amount;

	if (!find_digits(data, VARSIZE_ANY_EXHDR(stored), &digits) || !sum_digits(data, digits, &amount))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount cannot be counted in ten-thousandths: %s",
						DatumGetCString(DirectFunctionCall1(numeric_out, numeric))),
				 errhint("It may have up to four decimals and be up to 922337203685477.")));
	return amount;
}
