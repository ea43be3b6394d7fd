/*
 * transport_check.c
 *	  The certificate: verifies flow and prices in one pass over the lanes.
 *
 * Complementary slackness: with u the least of cost + price at a sink, flow comes
 * over lanes that cost u alone, the units that the sink gets are worth u at least,
 * those that it lacks are worth u at most, and only exhausted sources have a price.
 * Then no feasible flow is better (linear programming duality).
 */
#include "transport.h"

static TransportFlaw
check_source(const TransportInput *input, const int64_t *flow, int64_t price, size_t source,
			 size_t *sink)
{
	const int64_t *row = flow + source * input->sinks;
	int128_t	shipped = 0;

	for (size_t j = 0; j < input->sinks; j++)
	{
		*sink = j;
		if (row[j] < 0)
			return TRANSPORT_NEGATIVE_FLOW;
		if (row[j] > 0 && input->cost[source * input->sinks + j] == TRANSPORT_NO_LANE)
			return TRANSPORT_FLOW_WITHOUT_LANE;
		shipped += row[j];
	}
	if (shipped > input->supply[source])
		return TRANSPORT_SUPPLY_EXCEEDED;
	if (price < 0)
		return TRANSPORT_NEGATIVE_PRICE;
	if (price > 0 && shipped < input->supply[source])
		return TRANSPORT_PRICE_OF_LEFTOVER;
	return TRANSPORT_SOUND;
}

/* A sink's pieces of value, cut to its need. */
typedef struct Pieces
{
	size_t		n;
	const int64_t *units;
	const int64_t *value;
	int64_t		need;
} Pieces;

static Pieces
pieces_of(const TransportInput *input, size_t sink)
{
	size_t		first = input->piece_start != NULL ? input->piece_start[sink] : sink;

	if (input->value == NULL)
		return (Pieces) {1, input->need + sink, NULL, input->need[sink]};
	if (input->piece_start == NULL)
		return (Pieces) {1, input->need + sink, input->value + sink, input->need[sink]};
	return (Pieces) {input->piece_start[sink + 1] - first, input->piece_units + first,
		input->value + first, input->need[sink]};
}

/* Holds what a sink gets, and what it lacks, against the price of a unit there. */
static TransportFlaw
check_value(const Pieces *pieces, int128_t unit_value, int128_t served, bool reachable,
			int128_t price)
{
	int128_t	got = served;
	int128_t	need = pieces->need;

	for (size_t p = 0; p < pieces->n && need > 0; p++)
	{
		int128_t	units = pieces->units[p] < need ? pieces->units[p] : need;
		int128_t	value = pieces->value != NULL ? pieces->value[p] : unit_value;

		need -= units;
		if (got > 0 && units > 0 && value < price)
			return TRANSPORT_SHIPPED_AT_LOSS;
		if (got < units && reachable && value > price)
			return TRANSPORT_GAIN_MISSED;
		got -= units < got ? units : got;
	}
	return got > 0 ? TRANSPORT_NEED_EXCEEDED : TRANSPORT_SOUND;
}

static TransportFlaw
check_sink(const TransportInput *input, const int64_t *flow, const int64_t *price,
		   int128_t unit_value, size_t sink, size_t *source)
{
	Pieces		pieces = pieces_of(input, sink);
	int128_t	served = 0;
	int128_t	least = 0;
	bool		reachable = false;
	size_t		cheapest = 0;

	for (size_t i = 0; i < input->sources; i++)
	{
		int64_t		lane = input->cost[i * input->sinks + sink];
		int128_t	cost = (int128_t) lane + price[i];

		served += flow[i * input->sinks + sink];
		if (lane == TRANSPORT_NO_LANE || (reachable && cost >= least))
			continue;
		least = cost;
		reachable = true;
		cheapest = i;
	}
	for (size_t i = 0; i < input->sources; i++)
	{
		*source = i;
		if (flow[i * input->sinks + sink] > 0 &&
			(int128_t) input->cost[i * input->sinks + sink] + price[i] > least)
			return TRANSPORT_NOT_CHEAPEST;
	}
	*source = cheapest;
	return check_value(&pieces, unit_value, served, reachable, least);
}

TransportFlaw
transport_check(const TransportInput *input, const int64_t *flow, const int64_t *price,
				size_t *source, size_t *sink)
{
	int128_t	unit_value = input->value == NULL ? transport_unit_value(input) : 0;
	TransportFlaw flaw;

	for (*source = 0; *source < input->sources; ++*source)
	{
		flaw = check_source(input, flow, price[*source], *source, sink);
		if (flaw != TRANSPORT_SOUND)
			return flaw;
	}
	for (*sink = 0; *sink < input->sinks; ++*sink)
	{
		flaw = check_sink(input, flow, price, unit_value, *sink, source);
		if (flaw != TRANSPORT_SOUND)
			return flaw;
	}
	return TRANSPORT_SOUND;
}
