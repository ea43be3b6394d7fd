/*
 * apportion_row.h
 *	  A row of the apportionment with its rules applied: shared by the solver and
 *	  by its check, and by nobody else.
 */
#ifndef MERCH_APPORTION_ROW_H
#define MERCH_APPORTION_ROW_H

#include "apportion.h"

typedef struct Row
{
	int64_t		floor;			/* the minimum, in whole packs */
	int64_t		ceiling;		/* the most it may get, in whole packs */
	int64_t		pack;
	int64_t		offset;			/* cover: what the row has already; else 0 */
	int64_t		claim;			/* what its share is in proportion to; < 2^63 */
	int64_t		quantity;		/* the answer so far */
	int64_t		key;
	int128_t	share;			/* whole units of its exact share at the last level */
	uint128_t	fraction;		/* and the rest of it, over the level's denominator */
	int64_t		spare;			/* whole units cut off the share, < pack */
	int32_t		tier;
} Row;

/*
 * How claims are made of real-valued weights. Weights that are all equal change
 * no share, and whole numbers are used as they are. Otherwise a claim is
 * base * weight * first * second, where the factors are powers of two that bring
 * the largest claim just below 2^62; two, because one alone could overflow.
 */
typedef struct ClaimScale
{
	bool		weighted;
	double		first;
	double		second;
} ClaimScale;

extern MerchStatus apportion_scale(ApportionMethod method, const ApportionInput *input,
								   ClaimScale *scale, MerchFault *fault);

extern MerchStatus apportion_load_row(ApportionMethod method, const ApportionInput *input,
									  const ClaimScale *scale, size_t i,
									  Row *row, MerchFault *fault);

/* Whether a is served before b when all else is equal. */
static inline bool
row_precedes(const Row *a, const Row *b)
{
	if (a->tier != b->tier)
		return a->tier < b->tier;
	return a->key < b->key;
}

/*
 * The divisor methods grant packs in the order of claim / divisor, where the
 * divisor belongs to the pack that ends at the given quantity. Claims are below
 * 2^63 and divisors below 2^64, so that the cross products fit.
 */
static inline uint128_t
row_divisor(const Row *row, int64_t quantity)
{
	return 2 * (uint128_t) (quantity - row->pack) + 2 * (uint128_t) row->offset
		+ (uint128_t) row->pack;
}

/* Whether a's pack that ends at qa ranks above b's that ends at qb: <0, 0, >0. */
static inline int
row_compare_packs(const Row *a, int64_t qa, const Row *b, int64_t qb)
{
	uint128_t	left = (uint128_t) a->claim * row_divisor(b, qb);
	uint128_t	right = (uint128_t) b->claim * row_divisor(a, qa);

	return left > right ? -1 : left < right ? 1 : 0;
}

/* What was cut off a's exact share against what was cut off b's: <0 if more. */
static inline int
row_compare_remainders(const Row *a, const Row *b)
{
	if (a->spare != b->spare)
		return a->spare > b->spare ? -1 : 1;
	return a->fraction > b->fraction ? -1 : a->fraction < b->fraction ? 1 : 0;
}

/*
 * The row's exact share at a level, before its bounds. Negative where the row
 * already has more than the level.
 */
static inline void
row_set_share(Row *row, const ApportionLevel *level)
{
	uint128_t	product = level->numerator * (uint128_t) row->claim;
	uint128_t	whole;

	/* the compiler does not see that quantities are mostly small */
	if ((product | level->denominator) >> 64 == 0)
		whole = (uint64_t) product / (uint64_t) level->denominator;
	else
		whole = product / level->denominator;
	row->fraction = product - whole * level->denominator;
	row->share = (int128_t) whole - row->offset;
}

#endif
