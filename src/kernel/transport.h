/*
 * transport.h
 *	  Ships a good from several sources to many sinks over lanes with costs, at
 *	  the exact optimum.
 *
 * Rules
 *	 - A source ships at most its supply, a sink takes at most its need, and
 *	   nothing travels where there is no lane.
 *	 - With values: the sum of (value - cost) over all units is the greatest that
 *	   there is. A unit whose value is below its cost stays where it is. The units
 *	   of a sink may be worth less and less, piece by piece; units of its need
 *	   that no piece covers are not shipped.
 *	 - Without values: as many units as possible arrive, and no other way to bring
 *	   as many costs less.
 *	 - The same input gives the same flow. Where several flows are optimal, which
 *	   of them it is depends on the order of sources and sinks.
 *
 * Prices
 *	 One more unit at a source would add its price at most, one less would take
 *	 away its price at least. It is 0 where supply is left over. Without values
 *	 a unit is taken to be worth transport_unit_value(), which is more than any
 *	 rerouting can cost.
 *
 * Method: a primal network simplex that keeps the sources alone as its tree. A
 * sink that one source serves is a leaf, and its dual price follows from that of
 * its source, so that a pivot costs O(sources) and not O(sinks). Bases are
 * strongly feasible, hence no cycling. It starts from the prices of a sample of
 * the sinks, solved in the same way. Sources: Cunningham, Mathematical
 * Programming 11 (1976), for strongly feasible bases; Grigoriadis, Mathematical
 * Programming Study 26 (1986), for the block search.
 *
 * Where sources outnumber the pieces of value by far, the two sides change places.
 * Successive shortest paths between the sources, the usual choice for few of them,
 * took 4 and 15 times as long in a prototype, for 2000 sinks and 3 and 10 sources.
 *
 * Cost: no useful bound is known, as for every primal simplex. Measured, it is
 * about O(sources * sinks) with a small factor; memory is one copy of the costs.
 */
#ifndef MERCH_TRANSPORT_H
#define MERCH_TRANSPORT_H

#include "status.h"
#include "wide.h"

/* The cost where a source can't ship to a sink. */
#define TRANSPORT_NO_LANE INT64_MAX

typedef struct TransportInput
{
	size_t		sources;
	size_t		sinks;
	const int64_t *supply;		/* [sources], >= 0 */
	const int64_t *need;		/* [sinks], >= 0: the most that it takes */
	const int64_t *cost;		/* [sources * sinks], row by row; TRANSPORT_NO_LANE where there is
								 * none; may be negative */
	const size_t *piece_start;	/* [sinks + 1]: where the sink's pieces of value start; NULL: one
								 * piece a sink, of its need */
	const int64_t *piece_units; /* >= 0; those beyond the need are ignored */
	const int64_t *value;		/* worth of a unit of the piece, not increasing within a sink;
								 * NULL: as many units as possible, at least cost */
} TransportInput;

/* What transport_check found to be wrong. */
typedef enum TransportFlaw
{
	TRANSPORT_SOUND,
	TRANSPORT_NEGATIVE_FLOW,	/* from source to sink */
	TRANSPORT_FLOW_WITHOUT_LANE,
	TRANSPORT_SUPPLY_EXCEEDED,	/* of source */
	TRANSPORT_NEED_EXCEEDED,	/* of sink */
	TRANSPORT_NEGATIVE_PRICE,	/* of source */
	TRANSPORT_PRICE_OF_LEFTOVER,	/* source has a price and supply left over */
	TRANSPORT_NOT_CHEAPEST,		/* another source serves sink for less, prices included */
	TRANSPORT_SHIPPED_AT_LOSS,	/* a unit that sink gets is worth less than it costs */
	TRANSPORT_GAIN_MISSED		/* a unit that sink lacks is worth more than it costs from source */
} TransportFlaw;

/* Bytes of scratch memory that transport() needs; SIZE_MAX if no memory holds them. */
extern size_t transport_scratch_size(const TransportInput *input);

/*
 * Writes flow, sources * sinks quantities row by row, and price, one a source, with
 * scratch memory of any alignment. On any status but MERCH_OK both are unspecified,
 * and *fault says where (except when cancelled): row is the source or the sink, column
 * the sink of a cost. interrupt may be NULL.
 */
extern MerchStatus transport(const TransportInput *input, int64_t *flow, int64_t *price,
							 void *scratch, MerchInterrupt interrupt, MerchFault *fault);

/* What transport() would refuse: see there for *fault. */
extern MerchStatus transport_validate(const TransportInput *input, MerchInterrupt interrupt,
									  MerchFault *fault);

/* No cost or value may be further from 0. */
extern int64_t transport_largest_cost(size_t sources);

/* What a unit counts for where the input has no values. */
extern int128_t transport_unit_value(const TransportInput *input);

/*
 * Verifies an answer in one pass over the lanes and without scratch, trusting
 * nothing of transport(): a sound answer is feasible, and optimal, which its prices
 * prove by complementary slackness. Any flow and prices may be given; the input must
 * be valid. *source and *sink are set where the flaw's comment names them.
 */
extern TransportFlaw transport_check(const TransportInput *input, const int64_t *flow,
									 const int64_t *price, size_t *source, size_t *sink);

#endif
