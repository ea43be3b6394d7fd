/*
 * timeline_side.h
 *	  The periods that an aggregate collects of one price, and what holds of them.
 */
#ifndef MERCH_TIMELINE_SIDE_H
#define MERCH_TIMELINE_SIDE_H

#include "timeline.h"

/* A price has few periods: so many take no memory of their own. */
#define SIDE_OWN_ROOM 7

typedef struct TimelineSide
{
	size_t		n;
	size_t		room;
	TimelinePeriod *periods;
	TimelinePeriod own[SIDE_OWN_ROOM];
} TimelineSide;

/* Where an aggregate's arguments stand from valid_from on; the others follow. */
typedef enum SideArgument
{
	SIDE_FROM,
	SIDE_TO,
	SIDE_AMOUNT,
	SIDE_CURRENCY,
	SIDE_PRIORITY,
	SIDE_VERSION,
	SIDE_SEEN,
	SIDE_ARGUMENTS
} SideArgument;

/* The reference of a period that has none; it comes before all others. */
#define NO_REFERENCE PG_INT64_MIN

extern void side_init(TimelineSide *side);

/*
 * Adds the row whose arguments stand from first on. One without amount or time is left out:
 * false is returned.
 */
extern bool side_add(TimelineSide *side, FunctionCallInfo fcinfo, int first, MemoryContext context);

/* The spans of what was added, in memory of the current context. */
extern TimelineSpan *side_resolve(TimelineSide *side, size_t *n_spans);

extern Datum currency_to_text(int32 currency);

#endif
