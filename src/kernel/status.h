/*
 * status.h
 *	  What every kernel returns, and how it is told to stop.
 *
 * A kernel reports what is wrong as a code and the place; it knows no message.
 * src/pg/error.c is the one place that turns a code into an SQLSTATE, a
 * message and a hint.
 */
#ifndef MERCH_STATUS_H
#define MERCH_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum MerchStatus
{
	MERCH_OK = 0,
	MERCH_CANCELLED,			/* the interrupt callback said so; nothing was decided */
	MERCH_NEGATIVE_SUPPLY,
	MERCH_NEGATIVE_MINIMUM,
	MERCH_NEGATIVE_MAXIMUM,
	MERCH_MINIMUM_ABOVE_MAXIMUM,
	MERCH_PACK_NOT_POSITIVE,
	MERCH_WEIGHT_NOT_FINITE,	/* NaN or infinite */
	MERCH_WEIGHT_NEGATIVE,
	MERCH_OUT_OF_RANGE			/* a sum of quantities exceeds 64 bits */
} MerchStatus;

/* Where and what: the first offending row in input order, and its values. */
typedef struct MerchFault
{
	size_t		row;
	int64_t		value;
	int64_t		limit;			/* the value it was held against, if any */
	double		number;			/* the value, where it is not an integer */
} MerchFault;

/*
 * Asked every MERCH_POLL_STEPS steps, which take well below a millisecond; true
 * makes the kernel return MERCH_CANCELLED. It must not jump out of the kernel.
 */
typedef bool (*MerchInterrupt) (void);

#define MERCH_POLL_STEPS 4096

#endif
