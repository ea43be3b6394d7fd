/*
 * rebalance.h
 *	  Which units of one item are worth more at another place than where they are.
 *
 * The k-th unit at a place is worth value * P(D >= k): what the place loses by giving it
 * away, or gains by getting it. Losses rise and gains fall with every unit, so that the best
 * plan is a flow: every place is a source of the units that it may give, and a sink that
 * keeps or takes units down its staircase of worths, with a lane of cost 0 to itself. The
 * transport kernel finds the optimum.
 *
 * Rules
 *	 - A place gives at most its supply, and receives at most its room.
 *	 - A unit moves only if it gains more than it costs to move. Of several lanes between two
 *	   places the cheapest counts, in a tie the first.
 *	 - A place gives or receives, never both: a move must not lose by another one's being
 *	   refused. Without this rule a place would do both only where a detour over it is
 *	   cheaper than every direct lane; it then does what it would do more of, and the rest
 *	   is solved anew. Else the plan is the exact optimum.
 *	 - So every move gains by itself, and no less if others are not made: what is not
 *	   given to one place is there for the others. Its margin is what it gains at least,
 *	   to be held against what the transfer costs as a whole.
 *	 - Worths are counted in quanta, 2^-40 to 2^-39 of the greatest value; a move must gain
 *	   at least one. Where more than REBALANCE_STAIRS units can end up at a place, its units
 *	   are weighed in as many lots.
 *	 - The same input gives the same plan. Where several plans are equally good, which of
 *	   them it is depends on the order of places.
 *
 * Cost: one transport problem of (places that give) x (places); memory is two matrices of that
 * size, and what transport() needs.
 */
#ifndef MERCH_REBALANCE_H
#define MERCH_REBALANCE_H

#include "distribution.h"
#include "transport.h"

/* A lane's end that is not among the places: the lane is ignored. */
#define REBALANCE_NOWHERE UINT32_MAX

/* A room that does not bind. */
#define REBALANCE_NO_LIMIT INT64_MAX

/* Steps of a place's staircase at most. */
#define REBALANCE_STAIRS 4096

typedef struct RebalanceInput
{
	DistributionKind distribution;	/* of demand at every place */
	size_t		n;				/* places */
	const int64_t *supply;		/* units that it may give, >= 0 */
	const int64_t *position;	/* units that it has or gets anyway, its supply among them; where it
								 * is below the supply, that counts */
	const int64_t *room;		/* units that it may receive, >= 0 */
	const double *mean;			/* of the demand; see distribution.h */
	const double *dispersion;
	const double *value;		/* of a unit sold: finite, >= 0 */
	size_t		lanes;			/* below REBALANCE_NOWHERE */
	const uint32_t *source;		/* [lanes]: a place */
	const uint32_t *sink;		/* [lanes]: another place */
	const double *cost;			/* [lanes]: of a unit, finite, >= 0 */
	const int32_t *stop;		/* [lanes]: lanes of one source and stop are one transfer; NULL: each
								 * is one */
} RebalanceInput;

/* Units that go over a lane, what they lose where they leave and gain where they arrive. */
typedef struct RebalanceMove
{
	size_t		lane;
	int64_t		quantity;
	double		loss;			/* a place's whole loss, shared out over its moves by quantity */
	double		gain;			/* its whole gain, likewise */
	double		margin;			/* gain less loss if all other transfers are made: of the last units
								 * that are received, and the first that would have been kept */
} RebalanceMove;

typedef struct RebalanceProblem RebalanceProblem;

/*
 * Bytes of memory that rebalance_load() needs; SIZE_MAX if no memory holds them. It must be
 * aligned as malloc() aligns.
 */
extern size_t rebalance_problem_size(const RebalanceInput *input);

/*
 * Makes a problem in that memory. On any status but MERCH_OK *fault says where (except when
 * cancelled): row is the place or the lane. The input must stay.
 */
extern MerchStatus rebalance_load(const RebalanceInput *input, void *memory,
								  RebalanceProblem **problem, MerchInterrupt interrupt,
								  MerchFault *fault);

/* Bytes of scratch memory, of any alignment, that rebalance_solve() needs; SIZE_MAX: see above. */
extern size_t rebalance_scratch_size(const RebalanceProblem *problem);

/* Moves that it finds at most. */
extern size_t rebalance_most_moves(const RebalanceProblem *problem);

/* Writes the moves in the order of places, givers first; *moves says how many. */
extern MerchStatus rebalance_solve(RebalanceProblem *problem, RebalanceMove *move, size_t *moves,
								   void *scratch, MerchInterrupt interrupt, MerchFault *fault);

/*
 * Verifies what rebalance_solve() found last, with the prices that it left in the problem and
 * transport_check(), which trusts no solver: TRANSPORT_SOUND proves that no other plan
 * gains more in which those places do not give, or not receive, of which the solver
 * decided so.
 */
extern TransportFlaw rebalance_check(const RebalanceProblem *problem);

#endif
