/*
 * timeline.h
 *	  What holds of the periods of one price, which may overlap, and where two such
 *	  timelines differ.
 *
 * Times are int64, in any unit; INT64_MIN and INT64_MAX stand for no beginning and no end.
 * Periods are half-open: from is in it, to is not. A period that ends before or when it
 * starts has no time, and is passed over.
 *
 * What holds
 *	  Where periods overlap the one of the higher priority holds, then the later version,
 *	  then the one seen later, then the one that starts later, then the later row. Spans
 *	  that follow each other without a gap are one where amount, currency and reference are
 *	  the same.
 *
 * Differences
 *	  A difference is a longest time in which neither side changes and both differ: one has
 *	  no price, or currencies differ, or amounts by more than the tolerance. It has one kind,
 *	  by what either side has just before and just after it:
 *	  - only the left has a price: starts late, if the right begins with it when the
 *		difference ends; ends early, if the right had it until the difference began; missing,
 *		if both or neither is so;
 *	  - only the right has one: starts early, if the left begins with it when the difference
 *		ends; ends late, if the left had it until then; unexpected, if both or neither;
 *	  - both have one, and the right still shows what the left had just before: starts late.
 *		Stale instead, if the right was last seen before the difference began and its price
 *		goes on to the end that it was told then, with the left's not following;
 *	  - both have one, and the right shows already what the left has just after: starts early;
 *	  - else, and where both of these are so, wrong currency or wrong amount.
 *	  "With it" is within the tolerance, too.
 *
 * A sweep over the starts with a heap of the periods that hold or are outranked: O(n log n),
 * n if none overlap. The comparison is a merge of both sides: O(n).
 */
#ifndef MERCH_TIMELINE_H
#define MERCH_TIMELINE_H

#include "status.h"

typedef struct TimelinePeriod
{
	int64_t		from;
	int64_t		to;
	int64_t		priority;
	int64_t		version;
	int64_t		seen;
	int64_t		amount;
	int64_t		reference;
	int32_t		currency;
} TimelinePeriod;

/* A time in which one price holds. */
typedef struct TimelineSpan
{
	int64_t		from;
	int64_t		to;
	int64_t		amount;
	int64_t		reference;
	int64_t		seen;			/* the latest of the periods that it was made of */
	int32_t		currency;
} TimelineSpan;

typedef enum TimelineKind
{
	TIMELINE_MISSING,
	TIMELINE_UNEXPECTED,
	TIMELINE_WRONG_AMOUNT,
	TIMELINE_WRONG_CURRENCY,
	TIMELINE_STARTS_EARLY,
	TIMELINE_STARTS_LATE,
	TIMELINE_ENDS_EARLY,
	TIMELINE_ENDS_LATE,
	TIMELINE_STALE
} TimelineKind;

#define TIMELINE_KINDS 9

typedef struct TimelineDifference
{
	int64_t		from;			/* cut to the window */
	int64_t		to;
	const TimelineSpan *left;	/* or NULL */
	const TimelineSpan *right;
	TimelineKind kind;
} TimelineDifference;

typedef struct TimelineTerms
{
	int64_t		from;			/* the window: differences outside are left out */
	int64_t		to;
	uint64_t	tolerance;
	int64_t		right_seen;		/* when all of the right side was last seen, or INT64_MIN */
} TimelineTerms;

/* The most spans of n periods, and the most differences of so many spans on both sides. */
#define TIMELINE_MAX_SPANS(n) (2 * (n))
#define TIMELINE_MAX_DIFFERENCES(n_left, n_right) (2 * ((n_left) + (n_right)))

/*
 * Periods must ascend by from, or the status is MERCH_PERIODS_UNSORTED. spans has room for
 * TIMELINE_MAX_SPANS(n), scratch for n pointers.
 */
extern MerchStatus timeline_resolve(const TimelinePeriod *periods, size_t n,
									TimelineSpan *spans, size_t *n_spans, void **scratch,
									MerchInterrupt interrupt, MerchFault *fault);

/*
 * Whether both sides tell the same periods, none of which overlaps another: there is no
 * difference then. False says nothing.
 */
extern bool timeline_same(const TimelinePeriod *left, size_t n_left,
						  const TimelinePeriod *right, size_t n_right);

/*
 * The differences of two sides that were resolved, in the order of time; differences has
 * room for TIMELINE_MAX_DIFFERENCES(). Kinds don't depend on the window.
 */
extern MerchStatus timeline_compare(const TimelineSpan *left, size_t n_left,
									const TimelineSpan *right, size_t n_right,
									const TimelineTerms *terms,
									TimelineDifference *differences, size_t *n_differences,
									MerchInterrupt interrupt);

#endif
