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
	MERCH_OUT_OF_RANGE,			/* a sum of quantities exceeds 64 bits */
	MERCH_MEAN_OUT_OF_RANGE,	/* NaN, negative, or above 1e12 */
	MERCH_DISPERSION_OUT_OF_RANGE,	/* NaN, 0 and less, or above 1e9 */
	MERCH_DISPERSION_BELOW_ONE, /* of a negative binomial demand */
	MERCH_PROBABILITY_OUT_OF_RANGE, /* not from 0 to below 1 */
	MERCH_VALUE_OUT_OF_RANGE,	/* NaN, infinite or negative */
	MERCH_STARTS_INVALID,		/* groups that descend, or do not cover what they group */
	MERCH_SOURCE_UNKNOWN,
	MERCH_RESOURCE_UNKNOWN,
	MERCH_NEGATIVE_LIMIT,
	MERCH_NEGATIVE_USAGE,
	MERCH_NEGATIVE_COST,
	MERCH_NEGATIVE_WORTH,
	MERCH_WORTH_INCREASING,		/* a pack is worth more than the one before it */
	MERCH_MONEY_TOO_LARGE,
	MERCH_LANE_COST_OUT_OF_RANGE,	/* NaN, infinite or negative */
	MERCH_SOURCE_NEGATIVE,		/* a source's supply */
	MERCH_SINK_NEGATIVE,		/* a sink's need */
	MERCH_PIECE_NEGATIVE,		/* the units of a piece of value */
	MERCH_VALUE_RISES,			/* a sink's next units are worth more than those before */
	MERCH_COST_TOO_LARGE,		/* so large that sums of costs could exceed 64 bits */
	MERCH_COSTS_TOO_FAR_APART,	/* the same, of what a unit must be worth where it has no value */
	MERCH_VALUE_TOO_LARGE,
	MERCH_TOO_MANY,				/* more sources or sinks than 31 bits can count */
	MERCH_PREPACK_SUPPLY_NEGATIVE,	/* pre-packs: the row is the pre-pack */
	MERCH_PREPACK_CONTENT_NEGATIVE, /* and the column the size */
	MERCH_PREPACK_EMPTY,
	MERCH_PREPACK_TOO_LARGE,
	MERCH_PREPACK_MAXIMUM_NEGATIVE, /* the row is the location */
	MERCH_WORTH_RISES,			/* a unit is worth more than the one before it */
	MERCH_WORTH_OUT_OF_RANGE,
	MERCH_REBALANCE_SUPPLY_NEGATIVE,	/* rebalancing: the row is the place */
	MERCH_REBALANCE_ROOM_NEGATIVE,
	MERCH_REBALANCE_COST_INVALID,	/* NaN, infinite or negative; the row is the lane */
	MERCH_TASKS_TOO_MANY,		/* readiness: more than a network may have */
	MERCH_HORIZON_TOO_FAR,
	MERCH_DURATION_INVALID,		/* the row is the duration */
	MERCH_DURATION_UNKNOWN,		/* here and below, the row is the task */
	MERCH_AGE_INVALID,
	MERCH_NEED_UNKNOWN,
	MERCH_TASKS_IN_A_CIRCLE,
	MERCH_BEYOND_OUT_OF_RANGE,	/* not from 0 to below 1 */
	MERCH_ESTIMATE_OUT_OF_RANGE,	/* of PERT: not in order, or not in the range */
	MERCH_QUANTILE_OUT_OF_RANGE,
	MERCH_PERIODS_UNSORTED		/* timelines: the row starts before the one before it */
} MerchStatus;

/* The place of a fault that is in no row. */
#define MERCH_NO_ROW SIZE_MAX

/* Where and what: the first offending row in input order, and its values. */
typedef struct MerchFault
{
	size_t		row;
	size_t		column;			/* where there are columns, too */
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
