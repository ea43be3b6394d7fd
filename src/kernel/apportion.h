/*
 * apportion.h
 *	  Splits a supply of whole units among rows that need them.
 *
 * Rules that hold for every method
 *	 - A row's ceiling is its need rounded up to whole packs, or its maximum
 *	   rounded down to whole packs, whichever is less. It never gets more, and
 *	   what nobody needs stays at the source.
 *	 - A row's floor is its minimum rounded up to whole packs, at most its
 *	   ceiling. Floors are served first; where they exceed the supply they are
 *	   filled in the order of (tier, key).
 *	 - A negative need or position counts as 0. A row of weight 0 gets its floor.
 *	 - Every quantity is a multiple of its row's pack, and the sum is at most
 *	   the supply. When it stops, no pack that some row could still take fits
 *	   into what is left; with one common pack this means that the supply is
 *	   used up to less than a pack, or that all ceilings are reached.
 *	 - Ties fall to the lower (tier, key): the result does not depend on the
 *	   order of the rows.
 *
 * Methods
 *	 proportional	in proportion to need * weight, rounded by largest remainder:
 *					each row is within one pack of its exact share (Hamilton).
 *	 webster		in proportion to need * weight, rounded by the divisors
 *					k + 1/2: a row never loses units when the supply grows.
 *	 cover			lifts (position + quantity) / demand to one level, where
 *					demand = (need + position) * weight: the least covered first.
 *	 even			the same quantity for every row, times weight.
 *	 priority		tier by tier, proportional inside a tier.
 *
 * With one common pack webster, cover and even minimise
 * sum((quantity + offset)^2 / claim), and proportional minimises the squared
 * distance from the exact shares, over all feasible answers of the same sum.
 * Sources: Balinski and Young, Fair Representation (2nd ed., 2001), for both
 * roundings; Bitran and Hax, Management Science 27 (1981), for the pegging
 * that finds the level under bounds.
 *
 * Cost: O(n log n) time for n rows of one pack size. With mixed packs the
 * divisor methods take up to sum(pack) / (2 * smallest pack) heap steps.
 */
#ifndef MERCH_APPORTION_H
#define MERCH_APPORTION_H

#include "status.h"
#include "wide.h"

typedef enum ApportionMethod
{
	APPORTION_PROPORTIONAL,
	APPORTION_WEBSTER,
	APPORTION_COVER,
	APPORTION_EVEN,
	APPORTION_PRIORITY
} ApportionMethod;

#define APPORTION_METHODS 5

/* A maximum that does not bind. */
#define APPORTION_NO_MAXIMUM INT64_MAX

/*
 * The rows as columns of n entries; a NULL column means its default in every
 * row. Units are whole pieces.
 */
typedef struct ApportionInput
{
	int64_t		supply;			/* >= 0 */
	size_t		n;
	const int64_t *need;
	const int64_t *minimum;		/* >= 0; default 0 */
	const int64_t *maximum;		/* >= minimum; default APPORTION_NO_MAXIMUM */
	const int64_t *pack;		/* >= 1; default 1 */
	const int32_t *tier;		/* lower is served first; default 0 */
	const double *weight;		/* finite, >= 0; default 1 */
	const int64_t *position;	/* stock the row has already; default 0 */
	const int64_t *key;			/* unique; breaks ties; default the row's number */
} ApportionInput;

/*
 * The level that a proportional split was cut at: row i's exact share is
 * clamp(level * claim_i, floor_i, ceiling_i). Both 0 when no row had to be cut
 * (every ceiling reached, or only floors served).
 */
typedef struct ApportionLevel
{
	uint128_t	numerator;
	uint128_t	denominator;
	int32_t		tier;			/* priority: the tier that was cut */
} ApportionLevel;

/* What apportion_check found to be wrong. */
typedef enum ApportionFlaw
{
	APPORTION_SOUND,
	APPORTION_SUPPLY_EXCEEDED,
	APPORTION_NOT_WHOLE_PACKS,
	APPORTION_ABOVE_CEILING,
	APPORTION_BELOW_FLOOR,
	APPORTION_UNITS_LEFT,		/* a pack that a row could take stayed behind */
	APPORTION_NOT_FAIR,			/* a refused pack outranks a granted one */
	APPORTION_LEVEL_OFF			/* the exact shares at the level do not add up */
} ApportionFlaw;

/* The method's name in SQL. */
extern const char *apportion_method_name(ApportionMethod method);

/* Bytes of scratch memory that apportion() needs for n rows. */
extern size_t apportion_scratch_size(size_t n);

/*
 * Writes n quantities, with scratch memory of any alignment. On any status but
 * MERCH_OK, quantity is unspecified, and *fault says where (except when
 * cancelled). level may be NULL; interrupt may be NULL.
 */
extern MerchStatus apportion(ApportionMethod method, const ApportionInput *input,
							 int64_t *quantity, void *scratch,
							 MerchInterrupt interrupt,
							 ApportionLevel *level, MerchFault *fault);

/*
 * Verifies an answer in a few passes and without scratch, trusting nothing of
 * apportion(): that the exact shares at the level it reported, each within floor and
 * ceiling, add up to the supply is verified, too. With one common pack a sound
 * answer is optimal for its method: the least granted pack ranks at or above the
 * greatest refused one. With mixed packs it checks that the answer is feasible and that
 * no further pack fits. The input must be valid. *row is the row at fault,
 * where there is one.
 */
extern ApportionFlaw apportion_check(ApportionMethod method, const ApportionInput *input,
									 const int64_t *quantity, const ApportionLevel *level,
									 size_t *row);

/* The floor and the ceiling of row i of a valid input. */
extern void apportion_bounds(ApportionMethod method, const ApportionInput *input, size_t i,
							 int64_t *floor, int64_t *ceiling);

#endif
