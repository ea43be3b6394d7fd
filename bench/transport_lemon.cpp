/*
 * transport_lemon.cpp
 *	  Times the transport kernel and LEMON's network simplex on the same instances.
 *
 *	  transport_lemon CLASS SOURCES SINKS INSTANCES
 *
 * Prints a line an instance: seconds of the kernel, seconds of LEMON. Each is the least
 * of several runs that take turns, from plain arrays to a flow for each lane; LEMON's
 * include building its graph. Stops with status 1 where the objectives differ, or where
 * the kernel's answer does not pass its own check.
 *
 * LEMON gets 32-bit numbers, with which it is faster than with the kernel's 64 bits.
 */
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

extern "C"
{
#include "transport.h"
}

using Clock = std::chrono::steady_clock;
using Numbers = std::vector<int64_t>;
using Simplex = lemon::NetworkSimplex<lemon::SmartDigraph, int, int>;

const size_t PIECES = 5;

struct Instance
{
	size_t		sources;
	size_t		sinks;
	Numbers		supply;
	Numbers		need;
	Numbers		cost;
	std::vector<size_t> piece_start;
	Numbers		units;
	Numbers		value;			/* empty: all that can be placed is */
};

using Random = std::mt19937_64;

static int64_t
between(Random &random, int64_t from, int64_t to)
{
	return from + (int64_t) (random() % (uint64_t) (to - from + 1));
}

/* Supplies that add up to a share of the need. */
static void
make_supply(Instance &in, Random &random, double share)
{
	int64_t		total = 0;
	Numbers		weight;
	int64_t		weights = 0;
	int64_t		given = 0;

	for (int64_t need : in.need)
		total += need;
	total = (int64_t) std::llround(share * (double) total);
	for (size_t i = 0; i < in.sources; i++)
	{
		weight.push_back(between(random, 50, 150));
		weights += weight[i];
	}
	for (size_t i = 0; i < in.sources; i++)
	{
		in.supply.push_back(i + 1 < in.sources ? total * weight[i] / weights : total - given);
		given += in.supply[i];
	}
}

/* Five pieces a sink, each of a fifth of its need, worth less and less. */
static void
make_values(Instance &in, Random &random)
{
	for (size_t j = 0; j < in.sinks; j++)
	{
		int64_t		value = between(random, 800, 2000);

		in.piece_start.push_back(in.units.size());
		for (size_t p = 0; p < PIECES; p++)
		{
			in.units.push_back(in.need[j] / (int64_t) PIECES);
			in.value.push_back(value);
			value -= between(random, 0, 300);
			value = value < 0 ? 0 : value;
		}
	}
	in.piece_start.push_back(in.units.size());
}

static void
make_euclidean_costs(Instance &in, Random &random)
{
	std::vector<std::pair<double, double>> place;

	for (size_t k = 0; k < in.sources + in.sinks; k++)
	{
		double		x = (double) between(random, 0, 10000) / 10;

		place.emplace_back(x, (double) between(random, 0, 10000) / 10);
	}
	for (size_t i = 0; i < in.sources; i++)
		for (size_t j = 0; j < in.sinks; j++)
			in.cost.push_back(std::llround(std::hypot(
				place[i].first - place[in.sources + j].first,
				place[i].second - place[in.sources + j].second)));
}

static Instance
make(const char *kind, size_t sources, size_t sinks, uint64_t seed)
{
	Random		random(seed * 1000003 + sources * 10007 + sinks);
	Instance	in = {sources, sinks, {}, {}, {}, {}, {}, {}};
	bool		scarce = strcmp(kind, "scarce") == 0;
	bool		euclidean = strcmp(kind, "euclidean") == 0;

	if (!scarce && !euclidean && strcmp(kind, "slack") != 0)
	{
		fprintf(stderr, "unknown class: %s\n", kind);
		exit(1);
	}
	for (size_t j = 0; j < sinks; j++)
		in.need.push_back((int64_t) PIECES * between(random, 1, 20));
	make_supply(in, random, scarce ? 0.7 : euclidean ? 1 : 1.1);
	if (euclidean)
		make_euclidean_costs(in, random);
	else
		for (size_t k = 0; k < sources * sinks; k++)
			in.cost.push_back(between(random, 1, 1000));
	if (scarce)
		make_values(in, random);
	return in;
}

static double
seconds_since(Clock::time_point start)
{
	return std::chrono::duration<double>(Clock::now() - start).count();
}

/* Returns the cost of the flow, and of what is not served. */
static int64_t
solve_with_kernel(const Instance &in, double &seconds)
{
	Clock::time_point start = Clock::now();
	TransportInput input = {in.sources, in.sinks, in.supply.data(), in.need.data(),
		in.cost.data(), in.value.empty() ? NULL : in.piece_start.data(),
		in.value.empty() ? NULL : in.units.data(), in.value.empty() ? NULL : in.value.data()};
	int64_t    *flow = (int64_t *) malloc(in.sources * in.sinks * sizeof(int64_t));
	int64_t    *price = (int64_t *) malloc(in.sources * sizeof(int64_t));
	void	   *scratch = malloc(transport_scratch_size(&input));
	MerchFault	fault;
	MerchStatus status = transport(&input, flow, price, scratch, NULL, &fault);
	int64_t		total = 0;
	size_t		source;
	size_t		sink;
	TransportFlaw flaw;

	free(scratch);
	seconds = seconds_since(start);
	if (status != MERCH_OK)
	{
		fprintf(stderr, "the kernel returns status %d\n", (int) status);
		exit(1);
	}
	flaw = transport_check(&input, flow, price, &source, &sink);
	if (flaw != TRANSPORT_SOUND)
	{
		fprintf(stderr, "the kernel's check finds flaw %d at %zu, %zu\n", (int) flaw, source, sink);
		exit(1);
	}
	for (size_t j = 0; j < in.sinks; j++)
	{
		int64_t		got = 0;

		for (size_t i = 0; i < in.sources; i++)
		{
			got += flow[i * in.sinks + j];
			total += flow[i * in.sinks + j] * in.cost[i * in.sinks + j];
		}
		if (in.value.empty())
			continue;
		for (size_t p = in.piece_start[j]; p < in.piece_start[j + 1]; p++)
		{
			int64_t		served = std::min(got, in.units[p]);

			got -= served;
			total += (in.units[p] - served) * in.value[p];
		}
	}
	free(flow);
	free(price);
	return total;
}

/* At most the supply leaves a source, at least the need reaches a sink (SUPPLY LEQ). */
static int64_t
solve_with_lemon(const Instance &in, double &seconds)
{
	Clock::time_point start = Clock::now();
	lemon::SmartDigraph graph;
	bool		valued = !in.value.empty();
	size_t		lanes = in.sources * in.sinks;
	std::vector<int> flow(lanes);

	graph.reserveNode((int) (in.sources + in.sinks + 1));
	graph.reserveArc((int) (lanes + in.value.size()));
	for (size_t k = 0; k < in.sources + in.sinks + valued; k++)
		graph.addNode();
	for (size_t i = 0; i < in.sources; i++)
		for (size_t j = 0; j < in.sinks; j++)
			graph.addArc(graph.nodeFromId((int) i), graph.nodeFromId((int) (in.sources + j)));
	for (size_t j = 0; valued && j < in.sinks; j++)
		for (size_t p = in.piece_start[j]; p < in.piece_start[j + 1]; p++)
			graph.addArc(graph.nodeFromId((int) (in.sources + in.sinks)),
						 graph.nodeFromId((int) (in.sources + j)));

	lemon::SmartDigraph::ArcMap<int> cost(graph);
	lemon::SmartDigraph::ArcMap<int> upper(graph);
	lemon::SmartDigraph::NodeMap<int> supply(graph);
	int64_t		needed = 0;

	for (size_t k = 0; k < lanes + in.value.size(); k++)
	{
		lemon::SmartDigraph::Arc arc = graph.arcFromId((int) k);

		cost[arc] = (int) (k < lanes ? in.cost[k] : in.value[k - lanes]);
		upper[arc] = k < lanes ? std::numeric_limits<int>::max() : (int) in.units[k - lanes];
	}
	for (size_t i = 0; i < in.sources; i++)
		supply[graph.nodeFromId((int) i)] = (int) in.supply[i];
	for (size_t j = 0; j < in.sinks; j++)
	{
		supply[graph.nodeFromId((int) (in.sources + j))] = (int) -in.need[j];
		needed += in.need[j];
	}
	if (valued)
		supply[graph.nodeFromId((int) (in.sources + in.sinks))] = (int) needed;

	Simplex		simplex(graph);

	simplex.upperMap(upper).costMap(cost).supplyMap(supply).supplyType(Simplex::LEQ);
	if (simplex.run() != Simplex::OPTIMAL)
	{
		fprintf(stderr, "LEMON finds no optimum\n");
		exit(1);
	}
	for (size_t k = 0; k < lanes; k++)
		flow[k] = simplex.flow(graph.arcFromId((int) k));
	seconds = seconds_since(start);
	return simplex.totalCost<int64_t>();
}

static void
compare(const Instance &in)
{
	double		kernel = 1e9;
	double		lemon = 1e9;
	double		spent = 0;

	for (int round = 0; round < 10 || (round < 1000 && spent < 0.1); round++)
	{
		double		of_kernel;
		double		of_lemon;
		int64_t		by_kernel = solve_with_kernel(in, of_kernel);
		int64_t		by_lemon = solve_with_lemon(in, of_lemon);

		if (by_kernel != by_lemon)
		{
			fprintf(stderr, "objectives differ: %lld and %lld\n",
					(long long) by_kernel, (long long) by_lemon);
			exit(1);
		}
		kernel = std::min(kernel, of_kernel);
		lemon = std::min(lemon, of_lemon);
		spent += of_kernel + of_lemon;
	}
	printf("%.9f %.9f\n", kernel, lemon);
}

int
main(int argc, char **argv)
{
	if (argc != 5)
	{
		fprintf(stderr, "usage: %s scarce|slack|euclidean SOURCES SINKS INSTANCES\n", argv[0]);
		return 1;
	}
	for (int seed = 1; seed <= atoi(argv[4]); seed++)
		compare(make(argv[1], (size_t) atol(argv[2]), (size_t) atol(argv[3]), (uint64_t) seed));
	return 0;
}
