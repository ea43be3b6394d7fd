/*
 * need.c
 *	  What a location needs of an item: see need.h.
 */
#include <math.h>

#include "need.h"
#include "wide.h"

static inline int64_t
greater(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static inline int64_t
lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Into 64 bits, if it fits; what is below 0 counts as 0. */
static inline bool
narrow(int128_t sum, int64_t *result)
{
	*result = sum > 0 ? (int64_t) sum : 0;
	return sum <= INT64_MAX;
}

static MerchStatus
gross_need(const NeedTerms *terms, int64_t *gross, MerchFault *fault)
{
	double		units;

	*gross = NEED_UNKNOWN;
	if (!terms->known)
		return MERCH_OK;
	units = ceil(terms->mean);
	/* no sales in infinitely many days are no limit: NaN is not below anything */
	if (terms->days != 0)
	{
		double		limit = ceil(terms->mean * terms->maximum_days / terms->days);

		if (limit < units)
			units = limit;
	}
	fault->number = terms->mean;
	if (!(units > -0x1p63 && units < 0x1p63))
		return MERCH_MEAN_OUT_OF_RANGE;
	*gross = (int64_t) units;
	return MERCH_OK;
}

MerchStatus
need_of(const NeedTerms *terms, Need *need, MerchFault *fault)
{
	MerchStatus status = gross_need(terms, &need->gross, fault);
	int128_t	position = (int128_t) terms->on_hand + terms->incoming - terms->promised;
	int128_t	wanted = (int128_t) terms->safety_stock + terms->presentation_minimum;
	int64_t		shelf;
	int64_t		room = NEED_NO_LIMIT;

	if (status != MERCH_OK)
		return status;
	if (terms->known)
		wanted += need->gross;
	if (position < INT64_MIN || position > INT64_MAX ||
		!narrow(wanted - position, &need->net) ||
		!narrow(terms->presentation_minimum - position, &shelf) ||
		(terms->capacity != NEED_NO_LIMIT && !narrow(terms->capacity - position, &room)))
		return MERCH_OUT_OF_RANGE;
	need->position = (int64_t) position;
	need->net = lesser(greater(need->net, terms->minimum_need), terms->maximum_need);
	need->served = need->net >= terms->threshold;
	need->minimum = need->served ? greater(shelf, terms->minimum_need) : 0;
	need->maximum = need->served ? lesser(room, terms->maximum_need) : 0;
	return MERCH_OK;
}
