/*
 * coupled.h
 *	  Splits the supplies of many items over locations that share capacity: room in
 *	  a truck or a lane, hours at a dock, hours of a location's staff.
 *
 * Terms
 *	 item		has sources with a supply each, and places that want it.
 *	 place		an item at a location. It takes whole packs; each further pack is
 *				worth no more than the one before it (a staircase).
 *	 lane		a way from one of the item's sources to a place, with a cost and up
 *				to three resources that a pack uses up.
 *	 resource	what items compete for, with a limit.
 *	 quantum	the unit of money of all worths and costs, chosen by the caller: a
 *				hundredth of a cent, say.
 *
 * Maximises the worth of the packs placed less the cost of their lanes. Hard
 * constraints: the supply of each source in units, the packs that a place can take
 * at most, whole packs, the limits of the resources. Where neither supply nor a
 * limit binds, a place takes each pack that is worth more than its lane costs.
 *
 * Floors: the first floor_packs of a place are worth floor_premium more each, in
 * the objective as well as in the bound. A premium above the sum of what the other
 * packs in the way are worth serves floors first, as far as they fit; a smaller one
 * says how much it is worth to serve them. The plan reports what premiums it earned.
 *
 * Method: Lagrangian relaxation. The limits get prices; at given prices the items
 * fall apart. An item of one source is solved by the price at which its places want
 * what there is. An item of several is a transport problem: it is solved exactly
 * at the start, where resources have no price, and at good prices; between, its
 * sources' prices move like those of resources. Prices move against the excess, at
 * first that of softened wants, so that many packs of one worth do not come and go
 * all at once; the bound is always that of the true ones. Any prices prove an upper
 * bound, and steer a repair that drops the packs which earn the least for what they
 * use of what is scarce, then fills up with those that earn the most. It stops when
 * bound and plan are within gap_ppm of each other, or after so many rounds. Where no
 * limit binds the first round is the last, and the plan is that of the items apart:
 * optimal, if the packs of an item are equal.
 *
 * Sources: Fisher, Management Science 27 (1981), for the relaxation; Riedmiller and
 * Braun, IEEE Conf. on Neural Networks (1993), for steps of each price's own that
 * grow while the sign of the excess stays and shrink when it turns; Nesterov,
 * Mathematical Programming 103 (2005), for softening; Polyak, USSR Comp. Math. 9
 * (1969), for the steps that polish; Pirkul, Naval Research Logistics 34 (1987), for
 * the order of the repair.
 *
 * Exactness: quantities, money and prices are integers (prices in 2^-20 quanta), sums
 * are 128 bits wide: the bound holds exactly, whatever the prices. With keys given the
 * answer does not depend on the order of items, sources, places, lanes or resources.
 *
 * Cost: a round takes O(lanes + places * log(packs of a place)) times about ten,
 * and each fourth one a repair, O(lanes * log lanes).
 */
#ifndef MERCH_COUPLED_H
#define MERCH_COUPLED_H

#include "status.h"
#include "wide.h"

#define COUPLED_LANE_RESOURCES 3
#define COUPLED_NO_RESOURCE (-1)

/* A price is so many times the quanta that a unit of the resource is worth. */
#define COUPLED_PRICE_BITS 20

/* No worth, premium or cost may be above that. */
#define COUPLED_MOST_MONEY ((int64_t) 1 << 40)

/*
 * Columns, grouped: the sources and the places of item i are those from
 * item_source_start[i] up to, without, item_source_start[i + 1], and so on. Every
 * start array begins with 0, does not descend, has one entry more than its owners
 * and ends with the number of what it groups. A NULL column means its default.
 */
typedef struct CoupledInput
{
	size_t		items;
	size_t		sources;		/* of all items together */
	size_t		places;
	size_t		packs;			/* entries of worth */
	size_t		lanes;
	size_t		resources;
	const size_t *item_source_start;
	const size_t *item_place_start;
	const int64_t *supply;		/* a source's units, >= 0 */
	const int64_t *pack;		/* a place's, in units, >= 1; default 1 */
	const int64_t *floor_packs; /* a place's, >= 0; default 0 */
	const size_t *place_worth_start;
	const int64_t *worth;		/* of each successive pack, >= 0, not increasing */
	const size_t *place_lane_start;
	const int32_t *lane_source; /* counted from 0 within the item; default 0 */
	const int64_t *lane_cost;	/* of a pack, >= 0; default 0 */
	const int32_t *lane_resource;	/* three a lane, or COUPLED_NO_RESOURCE */
	const int64_t *lane_usage;	/* three a lane: units of the resource a pack, >= 0 */
	const int64_t *lane_key;	/* unique; breaks ties; default the lane's number */
	const int64_t *limit;		/* a resource's, >= 0 */
	int64_t		floor_premium;	/* >= 0 */
	int64_t		gap_ppm;		/* stop at that gap, in millionths; 10000 is 1 % */
	size_t		rounds;			/* or after so many rounds; at least 1 is made */
} CoupledInput;

typedef struct CoupledAnswer
{
	int64_t    *packs;			/* of each lane */
	int64_t    *resource_price; /* in 2^-COUPLED_PRICE_BITS quanta a unit */
	int64_t    *source_price;	/* the same */
	int128_t	value;			/* the objective, in quanta, premiums included */
	int128_t	premium;		/* what of it are premiums of floors */
	int128_t	bound;			/* no plan has a value above that */
	size_t		rounds;
} CoupledAnswer;

/* What coupled_check found to be wrong. */
typedef enum CoupledFlaw
{
	COUPLED_SOUND,
	COUPLED_NEGATIVE_PACKS,
	COUPLED_ABOVE_CEILING,		/* more packs than the place can take */
	COUPLED_SUPPLY_EXCEEDED,
	COUPLED_LIMIT_EXCEEDED,
	COUPLED_NEGATIVE_PRICE,
	COUPLED_VALUE_WRONG,
	COUPLED_PREMIUM_WRONG,
	COUPLED_BOUND_TOO_LOW		/* the prices do not prove it */
} CoupledFlaw;

/*
 * Bytes of scratch memory that coupled() needs; reads the counts and starts of input,
 * which need not be valid. SIZE_MAX if no memory holds them.
 */
extern size_t coupled_scratch_size(const CoupledInput *input);

/*
 * Fills in the answer, whose three arrays the caller provides, with scratch memory of
 * any alignment. On any status but MERCH_OK the answer is unspecified, and *fault
 * says where (except when cancelled): the row is that of the column at fault.
 * interrupt may be NULL.
 */
extern MerchStatus coupled(const CoupledInput *input, CoupledAnswer *answer, void *scratch,
						   MerchInterrupt interrupt, MerchFault *fault);

/* Bound less value, over what the plan is worth without premiums; 0: proved optimal. */
extern double coupled_gap(const CoupledAnswer *answer);

/* Bytes of scratch memory that coupled_check() needs. */
extern size_t coupled_check_scratch_size(const CoupledInput *input);

/*
 * Verifies an answer in two passes, trusting nothing of coupled(): that the plan is
 * feasible and worth what it says, and, by weak duality, that the prices prove the
 * bound. The input must be valid. *row is the lane, source or resource at fault,
 * where there is one.
 */
extern CoupledFlaw coupled_check(const CoupledInput *input, const CoupledAnswer *answer,
								 void *scratch, size_t *row);

#endif
