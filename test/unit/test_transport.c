/*
 * test_transport.c
 *	  The transport kernel against brute force, against successive shortest paths on
 *	  the whole network, and its check against answers that were tampered with.
 */
#include "transport.h"
#include "unit.h"

#define MOST_SOURCES 60
#define MOST_SINKS 400
#define MOST_LANES 8000
#define MOST_PIECES 1200

typedef struct Case
{
	TransportInput in;
	int64_t		supply[MOST_SOURCES];
	int64_t		need[MOST_SINKS];
	int64_t		cost[MOST_LANES];
	size_t		piece_start[MOST_SINKS + 1];
	int64_t		units[MOST_PIECES];
	int64_t		value[MOST_PIECES];
	int64_t		flow[MOST_LANES];
	int64_t		price[MOST_SOURCES];
	MerchFault	fault;
	size_t		source;
	size_t		sink;
} Case;

/* More is better: units first, where there are no values. */
typedef struct Worth
{
	int128_t	units;
	int128_t	gain;
} Worth;

static MerchStatus
solve_with(Case *c, MerchInterrupt interrupt)
{
	void	   *scratch = allocate_odd(transport_scratch_size(&c->in));
	MerchStatus status = transport(&c->in, c->flow, c->price, scratch, interrupt, &c->fault);

	free_odd(scratch);
	return status;
}

static TransportFlaw
check(Case *c)
{
	return transport_check(&c->in, c->flow, c->price, &c->source, &c->sink);
}

static void
assert_sound(Case *c)
{
	assert_int_equal(solve_with(c, NULL), MERCH_OK);
	assert_int_equal(check(c), TRANSPORT_SOUND);
}

static void
point(Case *c, size_t sources, size_t sinks)
{
	assert_true(sources * sinks <= MOST_LANES && sources <= MOST_SOURCES && sinks <= MOST_SINKS);
	c->in = (TransportInput) {.sources = sources, .sinks = sinks, .supply = c->supply,
		.need = c->need, .cost = c->cost};
}

/* Pieces of random length; some are empty, and they may fall short of the need. */
static void
make_pieces(Case *c, int64_t size, int64_t cost_size)
{
	size_t		n = 0;

	for (size_t j = 0; j < c->in.sinks; j++)
	{
		int64_t		value = random_below(2 * cost_size);
		int64_t		pieces = random_below(4);

		c->piece_start[j] = n;
		for (int64_t p = 0; p < pieces; p++)
		{
			c->units[n] = random_below(size);
			c->value[n++] = value;
			value -= random_below(cost_size);
		}
	}
	c->piece_start[c->in.sinks] = n;
	c->in.piece_start = c->piece_start;
	c->in.piece_units = c->units;
	c->in.value = c->value;
}

static void
make_case(Case *c, size_t sources, size_t sinks, int64_t size, int64_t cost_size)
{
	int64_t		sparse = random_below(3);
	int64_t		valued = random_below(3);
	int64_t		offset = random_below(2) * cost_size / 3;
	int64_t		scarcity = 1 + random_below(4);

	point(c, sources, sinks);
	for (size_t i = 0; i < sources; i++)
		c->supply[i] = random_below(1 + size * scarcity / 2);
	for (size_t j = 0; j < sinks; j++)
		c->need[j] = random_below(size);
	for (size_t k = 0; k < sources * sinks; k++)
	{
		c->cost[k] = random_below(cost_size) - offset;
		if (sparse > 0 && random_below(2 + sparse) == 0)
			c->cost[k] = TRANSPORT_NO_LANE;
	}
	if (valued == 1)
	{
		for (size_t j = 0; j < sinks; j++)
			c->value[j] = random_below(2 * cost_size) - cost_size / 4;
		c->in.value = c->value;
	}
	else if (valued == 2)
		make_pieces(c, size, cost_size);
}

/* What the first units of a sink are worth, and how many of them count. */
static int128_t
value_of(const TransportInput *in, size_t sink, int64_t units, bool *fits)
{
	int64_t		need = in->need[sink];
	int64_t		left = units;
	int128_t	worth = 0;

	if (in->value == NULL || in->piece_start == NULL)
	{
		*fits = units <= need;
		return in->value == NULL ? 0 : (int128_t) units * in->value[sink];
	}
	for (size_t p = in->piece_start[sink]; p < in->piece_start[sink + 1]; p++)
	{
		int64_t		room = in->piece_units[p] < need ? in->piece_units[p] : need;
		int64_t		take = left < room ? left : room;

		worth += (int128_t) take * in->value[p];
		left -= take;
		need -= room;
	}
	*fits = left == 0;
	return worth;
}

/* False if the flow is not feasible. */
static bool
worth_of(const TransportInput *in, const int64_t *flow, Worth *worth)
{
	bool		feasible = true;

	*worth = (Worth) {0, 0};
	for (size_t i = 0; i < in->sources; i++)
	{
		int128_t	shipped = 0;

		for (size_t j = 0; j < in->sinks; j++)
		{
			int64_t		units = flow[i * in->sinks + j];
			int64_t		cost = in->cost[i * in->sinks + j];

			shipped += units;
			feasible = feasible && units >= 0 && (units == 0 || cost != TRANSPORT_NO_LANE);
			worth->gain -= cost == TRANSPORT_NO_LANE ? 0 : (int128_t) units * cost;
		}
		feasible = feasible && shipped <= in->supply[i];
	}
	for (size_t j = 0; j < in->sinks; j++)
	{
		int64_t		units = 0;
		bool		fits;

		for (size_t i = 0; i < in->sources; i++)
			units += flow[i * in->sinks + j];
		worth->units += in->value == NULL ? units : 0;
		worth->gain += value_of(in, j, units, &fits);
		feasible = feasible && fits;
	}
	return feasible;
}

static int
compare_worth(Worth a, Worth b)
{
	if (a.units != b.units)
		return a.units < b.units ? -1 : 1;
	return a.gain < b.gain ? -1 : a.gain > b.gain;
}

/* Tries every flow. */
static void
try_all(const TransportInput *in, int64_t *flow, size_t lane, Worth *best)
{
	Worth		worth;
	int64_t		most;

	if (lane == in->sources * in->sinks)
	{
		if (worth_of(in, flow, &worth) && compare_worth(worth, *best) > 0)
			*best = worth;
		return;
	}
	most = in->cost[lane] == TRANSPORT_NO_LANE ? 0 : in->need[lane % in->sinks];
	for (flow[lane] = 0; flow[lane] <= most; flow[lane]++)
		try_all(in, flow, lane + 1, best);
	flow[lane] = 0;
}

static void
test_brute_force(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 3000; round++)
	{
		int64_t		flow[9] = {0};
		Worth		best = {0, 0};
		Worth		ours;
		size_t		sources = 1 + (size_t) random_below(3);

		make_case(&c, sources, 1 + (size_t) random_below(sources == 3 ? 2 : 3), 4, 12);
		assert_sound(&c);
		try_all(&c.in, flow, 0, &best);
		assert_true(worth_of(&c.in, c.flow, &ours));
		assert_int_equal(compare_worth(ours, best), 0);
	}
}

/*
 * Another way to the optimum: the whole network with a first and a last node, and
 * the cheapest way through it, by Bellman and Ford, again and again.
 */
typedef struct Arc
{
	size_t		from;
	size_t		to;
	int64_t		room;
	int64_t		cost;
} Arc;

#define MOST_ARCS (2 * (MOST_SOURCES + MOST_LANES + MOST_PIECES))

typedef struct Network
{
	size_t		arcs;
	size_t		nodes;
	Arc			arc[MOST_ARCS];
	int64_t		distance[MOST_SOURCES + MOST_SINKS + 2];
	size_t		by[MOST_SOURCES + MOST_SINKS + 2];
} Network;

static void
add_arc(Network *net, size_t from, size_t to, int64_t room, int64_t cost)
{
	net->arc[net->arcs++] = (Arc) {from, to, room, cost};
	net->arc[net->arcs++] = (Arc) {to, from, 0, -cost};
}

static void
build_network(Network *net, const TransportInput *in)
{
	size_t		first = in->sources + in->sinks;

	*net = (Network) {.nodes = first + 2};
	for (size_t i = 0; i < in->sources; i++)
		add_arc(net, first, i, in->supply[i], 0);
	for (size_t k = 0; k < in->sources * in->sinks; k++)
		if (in->cost[k] != TRANSPORT_NO_LANE)
			add_arc(net, k / in->sinks, in->sources + k % in->sinks, INT64_MAX / 4, in->cost[k]);
	for (size_t j = 0; j < in->sinks; j++)
	{
		int64_t		need = in->need[j];

		if (in->piece_start == NULL || in->value == NULL)
		{
			add_arc(net, in->sources + j, first + 1, need, in->value == NULL ? 0 : -in->value[j]);
			continue;
		}
		for (size_t p = in->piece_start[j]; p < in->piece_start[j + 1]; p++)
		{
			int64_t		room = in->piece_units[p] < need ? in->piece_units[p] : need;

			add_arc(net, in->sources + j, first + 1, room, -in->value[p]);
			need -= room;
		}
	}
}

static bool
find_way(Network *net, size_t first)
{
	bool		better = true;

	for (size_t v = 0; v < net->nodes; v++)
		net->distance[v] = INT64_MAX;
	net->distance[first] = 0;
	while (better)
	{
		better = false;
		for (size_t a = 0; a < net->arcs; a++)
		{
			const Arc  *arc = &net->arc[a];

			if (arc->room == 0 || net->distance[arc->from] == INT64_MAX ||
				net->distance[arc->from] + arc->cost >= net->distance[arc->to])
				continue;
			net->distance[arc->to] = net->distance[arc->from] + arc->cost;
			net->by[arc->to] = a;
			better = true;
		}
	}
	return net->distance[first + 1] != INT64_MAX;
}

static Worth
by_shortest_ways(const TransportInput *in)
{
	static Network net;
	size_t		first = in->sources + in->sinks;
	Worth		worth = {0, 0};

	build_network(&net, in);
	while (find_way(&net, first) && (in->value == NULL || net.distance[first + 1] < 0))
	{
		int64_t		room = INT64_MAX;

		for (size_t v = first + 1; v != first; v = net.arc[net.by[v]].from)
			if (net.arc[net.by[v]].room < room)
				room = net.arc[net.by[v]].room;
		for (size_t v = first + 1; v != first; v = net.arc[net.by[v]].from)
		{
			net.arc[net.by[v]].room -= room;
			net.arc[net.by[v] ^ 1].room += room;
		}
		worth.units += in->value == NULL ? room : 0;
		worth.gain -= (int128_t) room * net.distance[first + 1];
	}
	return worth;
}

static void
assert_optimal(Case *c)
{
	Worth		ours;

	assert_sound(c);
	assert_true(worth_of(&c->in, c->flow, &ours));
	assert_int_equal(compare_worth(ours, by_shortest_ways(&c->in)), 0);
}

static void
test_shortest_ways(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 1200; round++)
	{
		make_case(&c, 1 + (size_t) random_below(6), 1 + (size_t) random_below(14),
				  round % 3 ? 20 : 3, round % 2 ? 50 : 4);
		assert_optimal(&c);
	}
	for (int round = 0; round < 12; round++)
	{
		make_case(&c, 1 + (size_t) random_below(5), 40 + (size_t) random_below(100), 20, 100);
		assert_optimal(&c);
	}
}

/* Many sources, so that the tree grows deep. */
static void
test_many_sources(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 12; round++)
	{
		make_case(&c, 20 + (size_t) random_below(20), 20 + (size_t) random_below(20),
				  round % 2 ? 10 : 3, 30);
		assert_optimal(&c);
	}
}

/* The kernel turns such problems around. */
static void
test_far_more_sources(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 60; round++)
	{
		make_case(&c, 10 + (size_t) random_below(50), 1 + (size_t) random_below(round % 3 ? 3 : 8),
				  round % 2 ? 40 : 400, 30);
		assert_optimal(&c);
	}
	/* no piece at all */
	c.in.value = c.value;
	c.in.piece_start = c.piece_start;
	memset(c.piece_start, 0, sizeof(c.piece_start));
	assert_optimal(&c);
}

/* One unit each and hardly any costs: every basis is degenerate. */
static void
test_ties(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 16; round++)
	{
		size_t		n = 20 + (size_t) random_below(20);
		int64_t		costs = 1 + round % 3;

		point(&c, n, n + (size_t) (round % 2));
		for (size_t i = 0; i < n; i++)
			c.supply[i] = 1;
		for (size_t j = 0; j < c.in.sinks; j++)
			c.need[j] = 1;
		for (size_t k = 0; k < n * c.in.sinks; k++)
			c.cost[k] = random_below(3) == 0 ? TRANSPORT_NO_LANE : random_below(costs);
		assert_optimal(&c);
	}
}

/* Large enough for several samples. */
static void
test_samples(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 40; round++)
	{
		Worth		ours;
		Worth		again;
		static int64_t flow[MOST_LANES];

		make_case(&c, 1 + (size_t) random_below(20), 100 + (size_t) random_below(300), 100, 1000);
		assert_sound(&c);
		assert_true(worth_of(&c.in, c.flow, &ours));
		memcpy(flow, c.flow, sizeof(flow));
		assert_sound(&c);
		assert_memory_equal(flow, c.flow, c.in.sources * c.in.sinks * sizeof(int64_t));
		assert_true(worth_of(&c.in, c.flow, &again));
		assert_int_equal(compare_worth(ours, again), 0);
	}
}

/* Turned around, sources and sinks keep what the answer is worth. */
static void
test_order(void **state)
{
	static Case c;
	static Case turned;

	(void) state;
	for (int round = 0; round < 300; round++)
	{
		size_t		sources = 1 + (size_t) random_below(8);
		size_t		sinks = 1 + (size_t) random_below(40);
		Worth		one;
		Worth		other;

		make_case(&c, sources, sinks, 20, 100);
		c.in.piece_start = NULL;
		if (c.in.value != NULL)
			for (size_t j = 0; j < sinks; j++)
				c.value[j] = random_below(200);
		point(&turned, sources, sinks);
		for (size_t i = 0; i < sources; i++)
			turned.supply[sources - 1 - i] = c.supply[i];
		for (size_t j = 0; j < sinks; j++)
		{
			turned.need[sinks - 1 - j] = c.need[j];
			turned.value[sinks - 1 - j] = c.value[j];
		}
		for (size_t k = 0; k < sources * sinks; k++)
			turned.cost[sources * sinks - 1 - k] = c.cost[k];
		turned.in.value = c.in.value != NULL ? turned.value : NULL;
		assert_sound(&c);
		assert_sound(&turned);
		assert_true(worth_of(&c.in, c.flow, &one));
		assert_true(worth_of(&turned.in, turned.flow, &other));
		assert_int_equal(compare_worth(one, other), 0);
	}
}

/* A unit that is added, taken away or moved is found, unless the answer stays optimal. */
static void
test_tampered_flow(void **state)
{
	static Case c;

	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		size_t		lanes;
		size_t		lane;
		Worth		best;
		Worth		now;
		bool		optimal;

		make_case(&c, 1 + (size_t) random_below(4), 1 + (size_t) random_below(5), 5, 6);
		assert_sound(&c);
		assert_true(worth_of(&c.in, c.flow, &best));
		lanes = c.in.sources * c.in.sinks;
		lane = (size_t) random_below((int64_t) lanes);
		c.flow[lane] += random_below(2) ? 1 : -1;
		if (round % 2)
			c.flow[(size_t) random_below((int64_t) lanes)] += random_below(3) - 1;
		if (round % 4 == 3)
			c.flow[(lane + c.in.sinks) % lanes] += random_below(3) - 1;
		optimal = worth_of(&c.in, c.flow, &now) && compare_worth(now, best) == 0;
		assert_int_equal(check(&c) == TRANSPORT_SOUND, optimal);
	}
}

/* What all units could add at most, by the prices. */
static int128_t
dual_worth(const Case *c)
{
	const TransportInput *in = &c->in;
	int128_t	total = 0;

	for (size_t i = 0; i < in->sources; i++)
		total += (int128_t) in->supply[i] * c->price[i];
	for (size_t j = 0; j < in->sinks; j++)
	{
		int128_t	least = INT64_MAX;
		int64_t		need = in->need[j];
		size_t		first = in->piece_start != NULL ? in->piece_start[j] : j;
		size_t		end = in->piece_start != NULL ? in->piece_start[j + 1] : j + 1;

		for (size_t i = 0; i < in->sources; i++)
		{
			int64_t		cost = in->cost[i * in->sinks + j];

			if (cost != TRANSPORT_NO_LANE && (int128_t) cost + c->price[i] < least)
				least = (int128_t) cost + c->price[i];
		}
		for (size_t p = first; p < end; p++)
		{
			int64_t		room = in->piece_start != NULL && in->piece_units[p] < need ?
				in->piece_units[p] : need;
			int128_t	value = in->value != NULL ? in->value[p] : transport_unit_value(in);

			need -= room;
			if (value > least)
				total += room * (value - least);
		}
	}
	return total;
}

static void
test_tampered_price(void **state)
{
	static Case c;
	int			proofs = 0;

	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		Worth		best;
		int128_t	worth;
		size_t		source;
		bool		proof;

		make_case(&c, 1 + (size_t) random_below(4), 1 + (size_t) random_below(5), 5, 6);
		assert_sound(&c);
		assert_true(worth_of(&c.in, c.flow, &best));
		worth = best.gain + best.units * (c.in.value == NULL ? transport_unit_value(&c.in) : 0);
		assert_true(dual_worth(&c) == worth);
		source = (size_t) random_below((int64_t) c.in.sources);
		c.price[source] += random_below(5) - 2;
		proof = c.price[source] >= 0 && dual_worth(&c) == worth;
		proofs += proof;
		assert_int_equal(check(&c) == TRANSPORT_SOUND, proof);
	}
	assert_true(proofs >= 1000 && proofs <= 19000);
}

/* Two sources and two sinks; the optimum ships 3 units over the lanes 1-1 and 2 over 2-2. */
static void
make_square(Case *c)
{
	point(c, 2, 2);
	memcpy(c->supply, (int64_t[]) {4, 2}, 2 * sizeof(int64_t));
	memcpy(c->need, (int64_t[]) {3, 3}, 2 * sizeof(int64_t));
	memcpy(c->cost, (int64_t[]) {1, TRANSPORT_NO_LANE, 5, 2}, 4 * sizeof(int64_t));
	memcpy(c->value, (int64_t[]) {10, 10}, 2 * sizeof(int64_t));
	c->in.value = c->value;
	assert_sound(c);
	assert_memory_equal(c->flow, ((int64_t[]) {3, 0, 0, 2}), 4 * sizeof(int64_t));
	assert_memory_equal(c->price, ((int64_t[]) {0, 8}), 2 * sizeof(int64_t));
}

static void
assert_flaw(TransportFlaw flaw, const int64_t *flow, const int64_t *price, int source, int sink)
{
	static Case c;

	make_square(&c);
	memcpy(c.flow, flow, 4 * sizeof(int64_t));
	memcpy(c.price, price, 2 * sizeof(int64_t));
	assert_int_equal(check(&c), flaw);
	if (source >= 0)
		assert_int_equal(c.source, source);
	if (sink >= 0)
		assert_int_equal(c.sink, sink);
}

static void
test_flaws(void **state)
{
	(void) state;
#define FLOW(a, b, c, d) ((int64_t[]) {a, b, c, d})
#define PRICE(a, b) ((int64_t[]) {a, b})
	assert_flaw(TRANSPORT_NEGATIVE_FLOW, FLOW(3, 0, -1, 2), PRICE(0, 8), 1, 0);
	assert_flaw(TRANSPORT_FLOW_WITHOUT_LANE, FLOW(3, 1, 0, 2), PRICE(0, 8), 0, 1);
	assert_flaw(TRANSPORT_SUPPLY_EXCEEDED, FLOW(3, 0, 0, 3), PRICE(0, 8), 1, -1);
	assert_flaw(TRANSPORT_SUPPLY_EXCEEDED, FLOW(3, 0, INT64_MAX, INT64_MAX), PRICE(0, 8), 1, -1);
	assert_flaw(TRANSPORT_NEED_EXCEEDED, FLOW(4, 0, 0, 2), PRICE(0, 8), -1, 0);
	assert_flaw(TRANSPORT_NEGATIVE_PRICE, FLOW(3, 0, 0, 2), PRICE(-1, 8), 0, -1);
	assert_flaw(TRANSPORT_PRICE_OF_LEFTOVER, FLOW(3, 0, 0, 2), PRICE(1, 8), 0, -1);
	assert_flaw(TRANSPORT_NOT_CHEAPEST, FLOW(2, 0, 1, 1), PRICE(0, 8), 1, 0);
	assert_flaw(TRANSPORT_SHIPPED_AT_LOSS, FLOW(3, 0, 0, 2), PRICE(0, 9), -1, 1);
	assert_flaw(TRANSPORT_SHIPPED_AT_LOSS, FLOW(3, 0, 0, 2), PRICE(0, INT64_MAX), -1, 1);
	assert_flaw(TRANSPORT_GAIN_MISSED, FLOW(3, 0, 0, 2), PRICE(0, 7), 1, 1);
	assert_flaw(TRANSPORT_GAIN_MISSED, FLOW(2, 0, 0, 2), PRICE(0, 8), 0, 0);
}

static void
test_nothing(void **state)
{
	static Case c;

	(void) state;
	point(&c, 0, 0);
	assert_sound(&c);
	point(&c, 3, 0);
	memcpy(c.supply, (int64_t[]) {4, 0, 2}, 3 * sizeof(int64_t));
	assert_sound(&c);
	assert_int_equal(c.price[0], 0);
	point(&c, 0, 2);
	memcpy(c.need, (int64_t[]) {4, 0}, 2 * sizeof(int64_t));
	assert_sound(&c);

	/* no lane, no supply, no need */
	point(&c, 1, 2);
	memcpy(c.cost, (int64_t[]) {TRANSPORT_NO_LANE, TRANSPORT_NO_LANE}, 2 * sizeof(int64_t));
	assert_sound(&c);
	assert_int_equal(c.flow[0], 0);
	memcpy(c.cost, (int64_t[]) {3, 3}, 2 * sizeof(int64_t));
	c.supply[0] = 0;
	assert_sound(&c);
	assert_int_equal(c.flow[0], 0);
	memcpy(c.need, (int64_t[]) {0, 0}, 2 * sizeof(int64_t));
	assert_sound(&c);

	/* a unit more would bring less than nothing */
	point(&c, 1, 1);
	c.supply[0] = c.need[0] = 5;
	c.value[0] = 2;
	c.in.value = c.value;
	assert_sound(&c);
	assert_int_equal(c.flow[0], 0);
	assert_int_equal(c.price[0], 0);
}

static void
test_extremes(void **state)
{
	static Case c;
	int64_t		limit;

	(void) state;
	/* quantities of 63 bits whose sums exceed them */
	for (int round = 0; round < 200; round++)
	{
		make_case(&c, 1 + (size_t) random_below(6), 1 + (size_t) random_below(30), 20, 100);
		for (size_t i = 0; i < c.in.sources; i++)
			c.supply[i] = INT64_MAX - random_below(3);
		for (size_t j = 0; j < c.in.sinks; j++)
			c.need[j] = INT64_MAX - random_below(3);
		for (size_t p = 0; c.in.piece_start != NULL && p < c.piece_start[c.in.sinks]; p++)
			c.units[p] = INT64_MAX / (1 + random_below(3));
		assert_sound(&c);
	}

	/* costs and values at the limit; six sources for three sinks are turned around */
	for (int round = 0; round < 2000; round++)
	{
		size_t		sources = round % 2 ? 3 : 6;
		size_t		sinks = round % 2 ? 5 : 3;

		limit = transport_largest_cost(sources);
		make_case(&c, sources, sinks, 9, 7);
		for (size_t k = 0; k < sources * sinks; k++)
			if (c.cost[k] != TRANSPORT_NO_LANE)
				c.cost[k] = random_below(3) * limit - limit;
		c.in.piece_start = NULL;
		c.in.value = c.value;
		for (size_t j = 0; j < sinks; j++)
			c.value[j] = (random_below(2) ? limit : -limit) + random_below(2);
		for (size_t j = 0; j < sinks; j++)
			if (c.value[j] > limit)
				c.value[j] = limit - random_below(limit);
		assert_sound(&c);
	}
}

static void
test_refused(void **state)
{
	static Case c;
	int64_t		limit = (INT64_C(1) << 60) / 6;

	(void) state;
	make_square(&c);
	c.supply[1] = -3;
	assert_int_equal(solve_with(&c, NULL), MERCH_SOURCE_NEGATIVE);
	assert_int_equal(c.fault.row, 1);
	assert_int_equal(c.fault.value, -3);

	make_square(&c);
	c.need[1] = INT64_MIN;
	assert_int_equal(solve_with(&c, NULL), MERCH_SINK_NEGATIVE);
	assert_int_equal(c.fault.row, 1);

	make_square(&c);
	c.cost[2] = limit;
	assert_sound(&c);
	c.cost[2] = -limit - 1;
	assert_int_equal(solve_with(&c, NULL), MERCH_COST_TOO_LARGE);
	assert_int_equal(c.fault.row, 1);
	assert_int_equal(c.fault.column, 0);
	assert_int_equal(c.fault.value, -limit - 1);
	assert_int_equal(c.fault.limit, limit);
	c.cost[2] = INT64_MIN;
	assert_int_equal(solve_with(&c, NULL), MERCH_COST_TOO_LARGE);

	make_square(&c);
	c.value[1] = limit + 1;
	assert_int_equal(solve_with(&c, NULL), MERCH_VALUE_TOO_LARGE);
	assert_int_equal(c.fault.row, 1);

	/* without values a unit counts for more than the costs can differ */
	make_square(&c);
	c.in.value = NULL;
	c.cost[2] = limit / 2;
	assert_sound(&c);
	c.cost[2] = limit;
	c.cost[0] = -limit;
	assert_int_equal(solve_with(&c, NULL), MERCH_COSTS_TOO_FAR_APART);
	assert_int_equal(c.fault.value, -limit);
	assert_int_equal(c.fault.limit, limit);

	make_square(&c);
	c.in.piece_start = c.piece_start;
	c.in.piece_units = c.units;
	memcpy(c.piece_start, (size_t[]) {0, 1, 3}, 3 * sizeof(size_t));
	memcpy(c.units, (int64_t[]) {3, 2, 1}, 3 * sizeof(int64_t));
	memcpy(c.value, (int64_t[]) {10, 8, 9}, 3 * sizeof(int64_t));
	assert_int_equal(solve_with(&c, NULL), MERCH_VALUE_RISES);
	assert_int_equal(c.fault.row, 1);
	assert_int_equal(c.fault.column, 1);
	assert_int_equal(c.fault.value, 9);
	assert_int_equal(c.fault.limit, 8);
	c.value[2] = 8;
	assert_sound(&c);
	c.units[2] = -1;
	assert_int_equal(solve_with(&c, NULL), MERCH_PIECE_NEGATIVE);
	assert_int_equal(c.fault.value, -1);

	c.in.sources = (size_t) INT32_MAX + 1;
	assert_true(transport_scratch_size(&c.in) == SIZE_MAX);
	assert_int_equal(transport(&c.in, NULL, NULL, NULL, NULL, &c.fault), MERCH_TOO_MANY);
}

/* Wherever it is stopped, it says so, and it polls again before long. */
static void
test_cancel(void **state)
{
	static Case c;
	int			needed;

	(void) state;
	make_case(&c, 20, 400, 100, 1000);
	allow_polls(INT32_MAX);
	assert_int_equal(solve_with(&c, interrupt_later), MERCH_OK);
	needed = polls;
	assert_true(needed > 10);
	for (int allowed = 0; allowed < needed; allowed++)
	{
		allow_polls(allowed);
		assert_int_equal(solve_with(&c, interrupt_later), MERCH_CANCELLED);
		assert_int_equal(polls, allowed + 1);
	}
	allow_polls(needed);
	assert_int_equal(solve_with(&c, interrupt_later), MERCH_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brute_force),
		cmocka_unit_test(test_shortest_ways),
		cmocka_unit_test(test_many_sources),
		cmocka_unit_test(test_far_more_sources),
		cmocka_unit_test(test_ties),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_tampered_flow),
		cmocka_unit_test(test_tampered_price),
		cmocka_unit_test(test_flaws),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
