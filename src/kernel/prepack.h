/*
 * prepack.h
 *	  Splits pre-packs, which hold fixed units of several sizes, among locations.
 *
 * A location's value is the sum, over sizes, of the worth of the units of that
 * size that it gets; the worth of each further unit is at most that of the one
 * before. The answer says how many packs of each kind every location gets, so
 * that no kind exceeds its supply, no location exceeds its maximum of units,
 * and the value is large. Loose units are packs of one unit.
 *
 * Rules
 *	 - No pack is placed whose units, at the place where it lies, are together
 *	   worth less than nothing, and none is left behind that is worth more than
 *	   nothing somewhere and has room there.
 *	 - With one size and packs of one unit the answer is optimal. In general this
 *	   is a mixed-integer program, and the answer comes with an upper bound that
 *	   no answer can exceed; (bound - value) / bound says how far from the optimum
 *	   it is at most.
 *	 - Ties fall to the lower location, then to the lower pre-pack. The same
 *	   input gives the same answer.
 *
 * Method
 *	 Greedy: the pack whose units are worth most, where they are worth most. The worth
 *	 of a pack at a location only falls as the location fills, so that a heap of stale
 *	 gains suffices (Minoux, 1978). A second start is the linear relaxation, rounded
 *	 down and filled up greedily. Each is improved by rings: up to three locations, or
 *	 the pool of packs that are left, each give up one pack, or nothing, and take what
 *	 the next gives up (cyclic transfers: Thompson and Psaraftis, Operations Research 41,
 *	 1993). That holds adding, removing, replacing and moving a pack and the exchange
 *	 of packs between two or three locations. The better plan is improved by
 *	 refits: a few locations give up some packs and are filled up anew, and what does
 *	 not raise the value is undone (large neighbourhood search: Shaw, 1998); and by
 *	 rings again, so that no ring improves the answer.
 *
 *	 Bound: unit prices of every size at every location bound the value by linear
 *	 duality, whatever they are (prepack_check). The primal-dual hybrid gradient
 *	 method (Chambolle and Pock, 2011; diagonal steps: Pock and Chambolle, 2011; restarts:
 *	 Applegate and others, 2021) finds prices near those of the linear relaxation. It runs on
 *	 floating-point numbers; the bound is computed from the rounded prices in integers. It
 *	 is that of the relaxation to 1e-5, where quanta are fine enough: a rounded price costs
 *	 up to a quantum a unit.
 *
 * Quality, on 30 random instances of 10 to 30 locations, 5 sizes and 3 to 5 pre-packs,
 * half of them with maxima: on average 0.02 %, at most 0.11 %, below GLPK's optimum. The gap
 * to the bound was 1.8 % on average, nearly all of it between optimum and relaxation.
 *
 * Cost, with n = locations * prepacks: greedy O(placed * (sizes * prepacks + log n)); a ring
 * O(prepacks^3 + prepacks^2 * sizes), and now and then O(n * sizes); as many as improve, up to
 * ring_limit; a refit O(prepacks * sizes), refit_limit of them for each location; a round of
 * the bound O(n * sizes), up to round_limit. In all some 0.6 ms a location.
 */
#ifndef MERCH_PREPACK_H
#define MERCH_PREPACK_H

#include "status.h"
#include "wide.h"

/* Units of a pack, and quanta of worth of a unit: the gain of a pack fits 64 bits. */
#define PREPACK_MOST_UNITS ((int64_t) 1 << 20)
#define PREPACK_MOST_WORTH ((int64_t) 1 << 40)

/* Rings and rounds end by themselves but in unusual instances; refits go on up to the limit. */
#define PREPACK_RING_LIMIT 100000
#define PREPACK_REFIT_LIMIT 200
#define PREPACK_ROUND_LIMIT 5000

/*
 * The worth of unit j (from 0) of a size at a location is
 * worth[worth_start[location * sizes + size] + j]; a unit beyond the table costs
 * overstock. The worths of a cell must not rise, nor fall below -overstock.
 */
typedef struct PrepackInput
{
	size_t		locations;
	size_t		sizes;
	size_t		prepacks;
	const int64_t *supply;		/* [prepacks], packs, >= 0 */
	const int64_t *content;		/* [prepacks * sizes], units, >= 0; no pack is empty */
	const size_t *worth_start;	/* [locations * sizes + 1], from 0 */
	const int64_t *worth;		/* quanta, |worth| <= PREPACK_MOST_WORTH */
	int64_t		overstock;		/* quanta, 0 ... PREPACK_MOST_WORTH */
	const int64_t *maximum;		/* [locations], units of all sizes, >= 0; NULL: none */
	size_t		ring_limit;		/* rings at a time; 0: none */
	size_t		refit_limit;	/* refits for each location; 0: none */
	size_t		round_limit;	/* rounds of the bound; 0: from the greedy answer's prices alone */
} PrepackInput;

/*
 * Prices that prove the bound: of a unit of each size at each location, at least
 * -overstock, and of a unit's room at each location, at least 0.
 */
typedef struct PrepackPrices
{
	int64_t    *unit;			/* [locations * sizes] */
	int64_t    *room;			/* [locations] */
} PrepackPrices;

typedef struct PrepackOutcome
{
	int128_t	value;			/* of the answer, in quanta */
	int128_t	bound;			/* of every answer */
} PrepackOutcome;

/* What prepack_check found to be wrong. */
typedef enum PrepackFlaw
{
	PREPACK_SOUND,
	PREPACK_NEGATIVE_QUANTITY,
	PREPACK_SUPPLY_EXCEEDED,
	PREPACK_MAXIMUM_EXCEEDED,
	PREPACK_PRICE_TOO_LOW		/* these prices prove nothing */
} PrepackFlaw;

/* Bytes of scratch memory that prepack() needs; SIZE_MAX if that overflows. */
extern size_t prepack_scratch_size(const PrepackInput *input);

/*
 * Writes quantity[locations * prepacks], in packs, and the prices, with scratch
 * memory of any alignment. On any status but MERCH_OK what it writes is
 * unspecified, and *fault says where (except when cancelled). interrupt may be NULL.
 */
extern MerchStatus prepack(const PrepackInput *input, int64_t *quantity,
						   PrepackPrices *prices, PrepackOutcome *outcome, void *scratch,
						   MerchInterrupt interrupt, MerchFault *fault);

/*
 * Verifies an answer and computes its value and the bound that the prices prove,
 * without scratch and trusting nothing of prepack(). The input must be valid.
 */
extern PrepackFlaw prepack_check(const PrepackInput *input, const int64_t *quantity,
								 const PrepackPrices *prices, PrepackOutcome *outcome);

#endif
