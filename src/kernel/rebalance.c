/*
 * rebalance.c
 *	  Makes a transport problem of stocks that may move, solves it, and reads the moves.
 */
#include "rebalance.h"

#include "expected.h"

#include <math.h>
#include <string.h>

#define NO_NUMBER UINT32_MAX

struct RebalanceProblem
{
	const RebalanceInput *input;
	double		scale;			/* quanta that a unit of value is */
	size_t		sources;		/* places that give */
	size_t		sinks;			/* those, and the ones that receive */
	uint32_t   *source_of;		/* [n]: the place's number among sources, or NO_NUMBER */
	uint32_t   *sink_of;		/* [n]: likewise among sinks */
	uint32_t   *giver;			/* [sources]: its place */
	uint32_t   *taker;			/* [sinks] */
	uint32_t   *lane;			/* [sources * sinks]: the cheapest one */
	int64_t    *supply;			/* [sources] */
	int64_t    *need;			/* [sinks] */
	int64_t    *cost;			/* [sources * sinks], in quanta */
	int64_t    *flow;			/* [sources * sinks] */
	int64_t    *price;			/* [sources] */
	size_t	   *piece_start;	/* [sinks + 1]: its staircase */
	int64_t    *piece_units;
	int64_t    *worth;			/* of a unit, in quanta */
};

/* ----------------------------------------------------------------
 * Memory
 * ----------------------------------------------------------------
 */
typedef struct Sizes
{
	size_t		sources;		/* at most */
	size_t		stairs;			/* of all places together, at most */
	int64_t		total;			/* units that can move */
} Sizes;

static int64_t
add_saturated(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* Units that can end up at a place, beyond what it has to keep; 0 where that is invalid. */
static int64_t
most_units(const RebalanceInput *input, size_t place, int64_t total)
{
	int64_t		supply = input->supply[place] > 0 ? input->supply[place] : 0;
	int64_t		room = input->room[place] > 0 ? input->room[place] : 0;
	int64_t		units = add_saturated(supply, room);

	return units < total ? units : total;
}

static Sizes
count_sizes(const RebalanceInput *input)
{
	Sizes		sizes = {0};

	for (size_t i = 0; i < input->n; i++)
	{
		if (input->supply[i] <= 0)
			continue;
		sizes.sources++;
		sizes.total = add_saturated(sizes.total, input->supply[i]);
	}
	for (size_t i = 0; i < input->n; i++)
	{
		int64_t		units = most_units(input, i, sizes.total);

		sizes.stairs += units > REBALANCE_STAIRS ? REBALANCE_STAIRS : (size_t) units;
	}
	return sizes;
}

static bool
is_valid(const RebalanceInput *input, MerchStatus *status, MerchFault *fault)
{
	*status = MERCH_OK;
	*fault = (MerchFault) {0};
	for (fault->row = 0; fault->row < input->n; fault->row++)
	{
		size_t		i = fault->row;

		fault->value = input->supply[i] < 0 ? input->supply[i] : input->room[i];
		if (fault->value < 0)
			*status = input->supply[i] < 0 ? MERCH_REBALANCE_SUPPLY_NEGATIVE : MERCH_REBALANCE_ROOM_NEGATIVE;
		else if (input->position[i] < INT64_MIN + input->supply[i])
		{
			fault->value = input->position[i];
			fault->limit = input->supply[i];
			*status = MERCH_OUT_OF_RANGE;
		}
		fault->number = input->value[i];
		if (*status == MERCH_OK && !(fault->number >= 0 && fault->number < HUGE_VAL))
			*status = MERCH_VALUE_OUT_OF_RANGE;
		if (*status != MERCH_OK)
			return false;
	}
	for (fault->row = 0; fault->row < input->lanes; fault->row++)
	{
		fault->number = input->cost[fault->row];
		if (fault->number >= 0 && fault->number < HUGE_VAL)
			continue;
		*status = MERCH_REBALANCE_COST_INVALID;
		return false;
	}
	return true;
}

size_t
rebalance_problem_size(const RebalanceInput *input)
{
	Sizes		sizes = count_sizes(input);
	uint128_t	n = input->n;
	uint128_t	lanes = sizes.sources * n;
	uint128_t	bytes = sizeof(RebalanceProblem)
		+ lanes * (2 * sizeof(int64_t) + sizeof(uint32_t))
		+ sizes.stairs * (uint128_t) (2 * sizeof(int64_t))
		+ (n + 1) * sizeof(size_t)
		+ n * (sizeof(int64_t) + 3 * sizeof(uint32_t))
		+ sizes.sources * (uint128_t) (2 * sizeof(int64_t) + sizeof(uint32_t));

	return bytes > SIZE_MAX || n >= NO_NUMBER ? SIZE_MAX : (size_t) bytes;
}

/* The columns of eight bytes come first, so that all are aligned. */
static void
divide_memory(RebalanceProblem *problem, const Sizes *sizes)
{
	size_t		n = problem->input->n;
	size_t		m = sizes->sources;

	problem->cost = (int64_t *) (problem + 1);
	problem->flow = problem->cost + m * n;
	problem->supply = problem->flow + m * n;
	problem->price = problem->supply + m;
	problem->need = problem->price + m;
	problem->piece_units = problem->need + n;
	problem->worth = problem->piece_units + sizes->stairs;
	problem->piece_start = (size_t *) (problem->worth + sizes->stairs);
	problem->source_of = (uint32_t *) (problem->piece_start + n + 1);
	problem->sink_of = problem->source_of + n;
	problem->taker = problem->sink_of + n;
	problem->giver = problem->taker + n;
	problem->lane = problem->giver + m;
}

/* ----------------------------------------------------------------
 * Loading
 * ----------------------------------------------------------------
 */

/* A power of two: that of the greatest value. 0 if nothing is worth anything. */
static double
find_scale(const RebalanceInput *input)
{
	double		greatest = 0;
	int			exponent;

	for (size_t i = 0; i < input->n; i++)
		greatest = fmax(greatest, input->value[i]);
	if (greatest == 0)
		return 0;
	frexp(greatest, &exponent);
	return ldexp(1, 40 - (exponent < -900 ? -900 : exponent));
}

/* A lane over which a unit could gain: what it costs more than all value never does. */
static bool
is_usable(const RebalanceProblem *problem, size_t lane)
{
	const RebalanceInput *input = problem->input;
	uint32_t	source = input->source[lane];
	uint32_t	sink = input->sink[lane];

	return source != REBALANCE_NOWHERE && sink != REBALANCE_NOWHERE && source != sink &&
		input->supply[source] > 0 && input->room[sink] > 0 &&
		input->cost[lane] < input->value[sink];
}

static void
number_places(RebalanceProblem *problem)
{
	const RebalanceInput *input = problem->input;

	for (size_t i = 0; i < input->n; i++)
		problem->source_of[i] = problem->sink_of[i] = NO_NUMBER;
	for (size_t l = 0; l < input->lanes; l++)
		if (is_usable(problem, l))
		{
			problem->source_of[input->source[l]] = 0;
			problem->sink_of[input->source[l]] = problem->sink_of[input->sink[l]] = 0;
		}
	problem->sources = problem->sinks = 0;
	for (size_t i = 0; i < input->n; i++)
	{
		if (problem->source_of[i] != NO_NUMBER)
		{
			problem->source_of[i] = (uint32_t) problem->sources;
			problem->giver[problem->sources++] = (uint32_t) i;
		}
		if (problem->sink_of[i] != NO_NUMBER)
		{
			problem->sink_of[i] = (uint32_t) problem->sinks;
			problem->taker[problem->sinks++] = (uint32_t) i;
		}
	}
}

/* Rounded up, and one more: a move must gain something. */
static int64_t
quanta_of(const RebalanceProblem *problem, double cost)
{
	return (int64_t) ceil(cost * problem->scale) + 1;
}

static void
load_lanes(RebalanceProblem *problem)
{
	const RebalanceInput *input = problem->input;

	for (size_t k = 0; k < problem->sources * problem->sinks; k++)
		problem->cost[k] = TRANSPORT_NO_LANE;
	for (size_t i = 0; i < problem->sources; i++)
		problem->cost[i * problem->sinks + problem->sink_of[problem->giver[i]]] = 0;
	for (size_t l = 0; l < input->lanes; l++)
	{
		size_t		k;
		int64_t		cost;

		if (!is_usable(problem, l))
			continue;
		k = problem->source_of[input->source[l]] * problem->sinks + problem->sink_of[input->sink[l]];
		cost = quanta_of(problem, input->cost[l]);
		if (cost >= problem->cost[k])
			continue;
		problem->cost[k] = cost;
		problem->lane[k] = (uint32_t) l;
	}
}

/*
 * Writes a sink's staircase from piece on: units of one worth are one piece. What is worth
 * nothing has no piece.
 */
static MerchStatus
load_stairs(RebalanceProblem *problem, size_t sink, int64_t total,
			MerchInterrupt interrupt, MerchFault *fault)
{
	const RebalanceInput *input = problem->input;
	size_t		place = problem->taker[sink];
	bool		gives = problem->source_of[place] != NO_NUMBER;
	size_t		first = problem->piece_start[sink];
	int64_t		units = gives ? most_units(input, place, total) :
		input->room[place] < total ? input->room[place] : total;
	int64_t		lot = (units - 1) / REBALANCE_STAIRS + 1;
	int64_t		base = input->position[place] - (gives ? input->supply[place] : 0);
	ExpectedInput row = {
		.distribution = input->distribution, .supply = INT64_MAX, .n = 1, .mean = &input->mean[place],
		.dispersion = &input->dispersion[place], .value = &input->value[place],
		.pack = &lot, .position = &base
	};
	size_t		last = first;
	size_t		lots;
	MerchStatus status;

	problem->need[sink] = units;
	status = expected_marginals(&row, 0, problem->scale, 0, (size_t) ((units - 1) / lot + 1),
								problem->worth + first, &lots, interrupt, fault);
	fault->row = place;
	for (size_t p = first; p < first + lots; p++)
	{
		int64_t		worth = problem->worth[p] / lot;

		if (worth == 0)
			break;
		if (last > first && problem->worth[last - 1] == worth)
			problem->piece_units[last - 1] += lot;
		else
		{
			problem->worth[last] = worth;
			problem->piece_units[last++] = lot;
		}
	}
	problem->piece_start[sink + 1] = last;
	return status;
}

MerchStatus
rebalance_load(const RebalanceInput *input, void *memory, RebalanceProblem **result,
			   MerchInterrupt interrupt, MerchFault *fault)
{
	RebalanceProblem *problem = memory;
	Sizes		sizes;
	MerchStatus status;

	if (!is_valid(input, &status, fault))
		return status;
	sizes = count_sizes(input);
	problem->input = input;
	divide_memory(problem, &sizes);
	problem->scale = find_scale(input);
	number_places(problem);
	load_lanes(problem);
	for (size_t i = 0; i < problem->sources; i++)
		problem->supply[i] = input->supply[problem->giver[i]];
	problem->piece_start[0] = 0;
	for (size_t j = 0; j < problem->sinks && status == MERCH_OK; j++)
	{
		if (interrupt != NULL && interrupt())
			return MERCH_CANCELLED;
		status = load_stairs(problem, j, sizes.total, interrupt, fault);
	}
	*result = problem;
	return status;
}

/* ----------------------------------------------------------------
 * Solving
 * ----------------------------------------------------------------
 */
static TransportInput
transport_input(const RebalanceProblem *problem)
{
	return (TransportInput) {
		.sources = problem->sources, .sinks = problem->sinks, .supply = problem->supply,
		.need = problem->need, .cost = problem->cost, .piece_start = problem->piece_start,
		.piece_units = problem->piece_units, .value = problem->worth
	};
}

size_t
rebalance_scratch_size(const RebalanceProblem *problem)
{
	TransportInput input = transport_input(problem);

	return transport_scratch_size(&input);
}

size_t
rebalance_most_moves(const RebalanceProblem *problem)
{
	/* flow is on the arcs of a tree */
	return problem->sources + problem->sinks;
}

static int64_t
units_given(const RebalanceProblem *problem, size_t source)
{
	size_t		own = problem->sink_of[problem->giver[source]];
	int64_t		units = 0;

	for (size_t j = 0; j < problem->sinks; j++)
		if (j != own)
			units += problem->flow[source * problem->sinks + j];
	return units;
}

static int64_t
units_received(const RebalanceProblem *problem, size_t sink)
{
	size_t		own = problem->source_of[problem->taker[sink]];
	int64_t		units = 0;

	for (size_t i = 0; i < problem->sources; i++)
		if (i != own)
			units += problem->flow[i * problem->sinks + sink];
	return units;
}

/*
 * Closes the lanes by which places that both give and receive do what they do less of. Returns
 * whether there is such a place: each can be one only once.
 */
static bool
settle_places(RebalanceProblem *problem)
{
	bool		settled = false;

	for (size_t i = 0; i < problem->sources; i++)
	{
		size_t		own = problem->sink_of[problem->giver[i]];
		int64_t		given = units_given(problem, i);
		int64_t		received = given > 0 ? units_received(problem, own) : 0;

		if (received == 0)
			continue;
		settled = true;
		if (received >= given)
		{
			for (size_t j = 0; j < problem->sinks; j++)
				if (j != own)
					problem->cost[i * problem->sinks + j] = TRANSPORT_NO_LANE;
		}
		else
		{
			for (size_t k = 0; k < problem->sources; k++)
				if (k != i)
					problem->cost[k * problem->sinks + own] = TRANSPORT_NO_LANE;
		}
	}
	return settled;
}

/* What the units of a sink's staircase are worth, from one (counted from 0) to before another. */
static double
worth_of(const RebalanceProblem *problem, size_t sink, int64_t from, int64_t to)
{
	double		worth = 0;
	int64_t		first = 0;

	for (size_t p = problem->piece_start[sink]; p < problem->piece_start[sink + 1] && first < to; p++)
	{
		int64_t		end = first + problem->piece_units[p];
		int64_t		low = first > from ? first : from;
		int64_t		high = end < to ? end : to;

		if (high > low)
			worth += (double) (high - low) * (double) problem->worth[p];
		first = end;
	}
	return worth / problem->scale;
}

/* What moves of one source lose if all its other transfers are made: its costliest units. */
static void
subtract_losses(const RebalanceProblem *problem, size_t source, int64_t given,
				RebalanceMove *move, size_t moves)
{
	size_t		own = problem->sink_of[problem->giver[source]];
	int64_t		kept = problem->supply[source] - given;
	const int32_t *stop = problem->input->stop;

	for (size_t k = 0; k < moves; k++)
	{
		int64_t		units = 0;

		for (size_t o = 0; o < moves; o++)
			if (o == k || (stop != NULL && stop[move[o].lane] == stop[move[k].lane]))
				units += move[o].quantity;
		move[k].margin -= worth_of(problem, own, kept, kept + units) / (double) units *
			(double) move[k].quantity;
	}
}

static void
read_moves(const RebalanceProblem *problem, RebalanceMove *move, size_t *moves)
{
	for (size_t i = 0; i < problem->sources; i++)
	{
		size_t		own = problem->sink_of[problem->giver[i]];
		int64_t		given = units_given(problem, i);
		double		loss;
		size_t		first = *moves;

		if (given == 0)
			continue;
		loss = worth_of(problem, own, problem->supply[i] - given, problem->supply[i]);
		for (size_t j = 0; j < problem->sinks; j++)
		{
			int64_t		units = problem->flow[i * problem->sinks + j];
			size_t		itself = problem->source_of[problem->taker[j]];
			int64_t		has = itself == NO_NUMBER ? 0 : problem->supply[itself];
			int64_t		received;

			if (j == own || units == 0)
				continue;
			received = add_saturated(has, units_received(problem, j));
			move[(*moves)++] = (RebalanceMove) {
				.lane = problem->lane[i * problem->sinks + j], .quantity = units,
				.loss = loss / (double) given * (double) units,
				.gain = worth_of(problem, j, has, received) / (double) (received - has) * (double) units,
				.margin = worth_of(problem, j, received - units, received)
			};
		}
		subtract_losses(problem, i, given, move + first, *moves - first);
	}
}

MerchStatus
rebalance_solve(RebalanceProblem *problem, RebalanceMove *move, size_t *moves,
				void *scratch, MerchInterrupt interrupt, MerchFault *fault)
{
	*moves = 0;
	do
	{
		TransportInput input = transport_input(problem);
		MerchStatus status = transport(&input, problem->flow, problem->price, scratch,
									   interrupt, fault);

		if (status != MERCH_OK)
			return status;
	} while (settle_places(problem));
	read_moves(problem, move, moves);
	return MERCH_OK;
}

TransportFlaw
rebalance_check(const RebalanceProblem *problem)
{
	TransportInput input = transport_input(problem);
	size_t		source;
	size_t		sink;

	return transport_check(&input, problem->flow, problem->price, &source, &sink);
}
