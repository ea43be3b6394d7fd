/*
 * rebalance.c
 *	  merch.rebalance: the rebalancing kernel over arrays.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "arrays.h"
#include "choice.h"
#include "compat.h"
#include "error.h"
#include "rebalance.h"

PG_FUNCTION_INFO_V1(merch_rebalance);

/* The arguments of merch.rebalance, in their order. */
typedef enum Argument
{
	ARG_PLACE,
	ARG_SUPPLY,
	ARG_POSITION,
	ARG_ROOM,
	ARG_MEAN,
	ARG_DISPERSION,
	ARG_VALUE,
	ARG_LANE_SOURCE,
	ARG_LANE_SINK,
	ARG_LANE_COST,
	ARG_LANE_STOP,
	ARG_DISTRIBUTION
} Argument;

static const char *const argument_name[] = {
	"place", "supply", "on_position", "room", "mean", "dispersion", "value",
	"lane_source", "lane_sink", "lane_cost", "lane_stop", "distribution"
};

static const ArrayHints place_hints = {
	.dimensions = "Give one element for each element of place.",
	.nulls = "Use coalesce(); a room without limit is 9223372036854775807."
};

static const ArrayHints lane_hints = {
	.dimensions = "Give one element for each element of lane_source.",
	.nulls = "Use coalesce(); a room without limit is 9223372036854775807."
};

/* The first array of a group, of place or of lane_source: it says how long the others are. */
static const void *
read_first(FunctionCallInfo fcinfo, Argument arg, size_t *n)
{
	ArrayColumn column = array_column(fcinfo, arg, argument_name[arg],
									  arg == ARG_PLACE ? &place_hints : &lane_hints);

	*n = column.n;
	return column.data;
}

/* An array that has one element for each of the first array of its group, which has n. */
static const void *
read_array(FunctionCallInfo fcinfo, Argument arg, size_t n)
{
	bool		of_lane = arg > ARG_LANE_SOURCE;

	return array_column_of(fcinfo, arg, argument_name[arg], n,
						   argument_name[of_lane ? ARG_LANE_SOURCE : ARG_PLACE],
						   of_lane ? &lane_hints : &place_hints);
}

/* A place and its number among the arrays' elements. */
typedef struct Place
{
	int32		id;
	uint32		number;
} Place;

static int
compare_places(const void *a, const void *b)
{
	int32		x = ((const Place *) a)->id;
	int32		y = ((const Place *) b)->id;

	return x < y ? -1 : x > y;
}

static Place *
sort_places(const int32 *id, size_t n)
{
	Place	   *places = palloc_extended(Max(n, 1) * sizeof(Place), MCXT_ALLOC_HUGE);

	for (size_t i = 0; i < n; i++)
		places[i] = (Place) {id[i], (uint32) i};
	qsort(places, n, sizeof(Place), compare_places);
	for (size_t i = 1; i < n; i++)
		if (places[i].id == places[i - 1].id)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("place %d appears twice", places[i].id),
					 errhint("Aggregate what is known of a place to one element.")));
	return places;
}

static uint32
find_place(const Place *places, size_t n, int32 id)
{
	const Place *place = bsearch(&(Place) {.id = id}, places, n, sizeof(Place), compare_places);

	return place == NULL ? REBALANCE_NOWHERE : place->number;
}

/* Lanes as numbers of places. Most come sorted by source, and from places that hold nothing. */
static void
number_lanes(FunctionCallInfo fcinfo, RebalanceInput *input, const int32 *place)
{
	Place	   *places = sort_places(place, input->n);
	const int32 *source = read_first(fcinfo, ARG_LANE_SOURCE, &input->lanes);
	const int32 *sink = read_array(fcinfo, ARG_LANE_SINK, input->lanes);
	size_t		bytes = Max(input->lanes, 1) * sizeof(uint32_t);
	uint32_t   *from = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	uint32_t   *to = MemoryContextAllocHuge(CurrentMemoryContext, bytes);

	for (size_t l = 0; l < input->lanes; l++)
	{
		bool		same = l > 0 && source[l] == source[l - 1];

		from[l] = same ? from[l - 1] : find_place(places, input->n, source[l]);
		if (from[l] != REBALANCE_NOWHERE && input->supply[from[l]] == 0)
			from[l] = REBALANCE_NOWHERE;
		to[l] = from[l] == REBALANCE_NOWHERE ? REBALANCE_NOWHERE : find_place(places, input->n, sink[l]);
	}
	input->source = from;
	input->sink = to;
}

static RebalanceInput
read_input(FunctionCallInfo fcinfo)
{
	RebalanceInput input = {0};
	const int32 *place;

	for (int arg = 0; arg < lengthof(argument_name); arg++)
		if (PG_ARGISNULL(arg) && arg != ARG_LANE_STOP)
			array_report_null(argument_name[arg]);
	place = read_first(fcinfo, ARG_PLACE, &input.n);
	input.supply = read_array(fcinfo, ARG_SUPPLY, input.n);
	input.position = read_array(fcinfo, ARG_POSITION, input.n);
	input.room = read_array(fcinfo, ARG_ROOM, input.n);
	input.mean = read_array(fcinfo, ARG_MEAN, input.n);
	input.dispersion = read_array(fcinfo, ARG_DISPERSION, input.n);
	input.value = read_array(fcinfo, ARG_VALUE, input.n);
	number_lanes(fcinfo, &input, place);
	input.cost = read_array(fcinfo, ARG_LANE_COST, input.lanes);
	if (!PG_ARGISNULL(ARG_LANE_STOP))
		input.stop = read_array(fcinfo, ARG_LANE_STOP, input.lanes);
	input.distribution = parse_distribution(PG_GETARG_DATUM(ARG_DISTRIBUTION));
	return input;
}

static void *
allocate(size_t bytes)
{
	if (bytes > MaxAllocHugeSize)
		merch_report(MERCH_TOO_MANY, &(MerchFault) {0});
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(bytes, 1));
}

static RebalanceMove *
solve(const RebalanceInput *input, size_t *moves)
{
	void	   *memory = allocate(rebalance_problem_size(input));
	RebalanceProblem *problem;
	RebalanceMove *move;
	void	   *scratch;
	MerchFault	fault;
	MerchStatus status;

	while ((status = rebalance_load(input, memory, &problem, merch_interrupted, &fault)) ==
		   MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != MERCH_OK)
		merch_report(status, &fault);
	move = allocate(rebalance_most_moves(problem) * sizeof(RebalanceMove));
	scratch = allocate(rebalance_scratch_size(problem));
	while ((status = rebalance_solve(problem, move, moves, scratch, merch_interrupted, &fault)) ==
		   MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != MERCH_OK)
		merch_report(status, &fault);
	if (rebalance_check(problem) != TRANSPORT_SOUND)
		elog(ERROR, "a rebalancing plan failed its proof: flaw %d", (int) rebalance_check(problem));
	pfree(scratch);
	pfree(memory);
	return move;
}

Datum
merch_rebalance(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RebalanceInput input = read_input(fcinfo);
	RebalanceMove *move;
	size_t		moves;

	InitMaterializedSRF(fcinfo, 0);
	move = solve(&input, &moves);
	for (size_t k = 0; k < moves; k++)
	{
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = Int32GetDatum((int32) move[k].lane + 1);
		values[1] = Int64GetDatum(move[k].quantity);
		values[2] = Float8GetDatum(move[k].loss);
		values[3] = Float8GetDatum(move[k].gain);
		values[4] = Float8GetDatum(input.cost[move[k].lane] * (double) move[k].quantity);
		values[5] = Float8GetDatum(move[k].margin - DatumGetFloat8(values[4]));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
