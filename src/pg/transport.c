/*
 * transport.c
 *	  merch.transport and its certificate: the transport kernel over arrays.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "arrays.h"
#include "compat.h"
#include "error.h"
#include "transport.h"

PG_FUNCTION_INFO_V1(merch_transport);
PG_FUNCTION_INFO_V1(merch_transport_prices);
PG_FUNCTION_INFO_V1(merch_check_transport);

static const ArrayHints hints = {
	.dimensions = "Only cost has two: a row for each source, a column for each sink.",
	.nulls = "Use coalesce(..., 0); only cost may have nulls, where there is no lane."
};

/* An array without elements has no dimensions, whatever is meant. */
static void
check_cost_shape(const ArrayType *array, size_t sources, size_t sinks)
{
	if (ARR_NDIM(array) == 0 && (sources == 0 || sinks == 0))
		return;
	if (ARR_NDIM(array) != 2)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("cost must have two dimensions, but it has %d", ARR_NDIM(array)),
				 errhint("Give a row for each source with a column for each sink: '{{1,2},{3,4}}'.")));
	if (ARR_DIMS(array)[0] != sources || ARR_DIMS(array)[1] != sinks)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("cost must be %zu by %zu, as supply and need are long, but it is %d by %d",
						sources, sinks, ARR_DIMS(array)[0], ARR_DIMS(array)[1]),
				 errhint("Give a row for each source with a column for each sink, and NULL where there is no lane.")));
}

static void
check_cost(int64 cost, size_t lane, size_t sources, size_t sinks)
{
	/* the kernel would take it for a lane that is missing */
	if (cost == TRANSPORT_NO_LANE)
		merch_report(MERCH_COST_TOO_LARGE,
					 &(MerchFault) {.row = lane / sinks, .column = lane % sinks, .value = cost,
					 .limit = transport_largest_cost(sources)});
}

/* Costs row by row, with TRANSPORT_NO_LANE for nulls. */
static const int64_t *
read_costs(FunctionCallInfo fcinfo, int arg, size_t sources, size_t sinks)
{
	ArrayType  *array;
	const int64 *data;
	const bits8 *present;
	int64_t    *cost;

	if (PG_ARGISNULL(arg))
		array_report_null("cost");
	array = PG_GETARG_ARRAYTYPE_P(arg);
	check_cost_shape(array, sources, sinks);
	data = (const int64 *) ARR_DATA_PTR(array);
	present = ARR_NULLBITMAP(array);
	if (present == NULL)
	{
		for (size_t k = 0; k < sources * sinks; k++)
			check_cost(data[k], k, sources, sinks);
		return data;
	}
	cost = MemoryContextAllocHuge(CurrentMemoryContext, sources * sinks * sizeof(int64_t));
	for (size_t k = 0; k < sources * sinks; k++)
	{
		/* nulls take no room among the elements */
		if (!array_has(present, k))
		{
			cost[k] = TRANSPORT_NO_LANE;
			continue;
		}
		cost[k] = *data++;
		check_cost(cost[k], k, sources, sinks);
	}
	return cost;
}

static TransportInput
read_input(FunctionCallInfo fcinfo, int value_arg)
{
	ArrayColumn supply = array_column(fcinfo, 0, "supply", &hints);
	ArrayColumn need = array_column(fcinfo, 1, "need", &hints);
	TransportInput input = {.sources = supply.n, .sinks = need.n, .supply = supply.data,
		.need = need.data};

	input.cost = read_costs(fcinfo, 2, supply.n, need.n);
	if (!PG_ARGISNULL(value_arg))
		input.value = array_column_of(fcinfo, value_arg, "value", need.n, "need", &hints);
	return input;
}

static void
solve(const TransportInput *input, int64_t **flow, int64_t **price)
{
	size_t		size = transport_scratch_size(input);
	void	   *scratch;
	MerchFault	fault;
	MerchStatus status;

	if (size > MaxAllocHugeSize)
		merch_report(MERCH_TOO_MANY, &(MerchFault) {0});
	scratch = MemoryContextAllocHuge(CurrentMemoryContext, size);
	*flow = MemoryContextAllocHuge(CurrentMemoryContext,
								   input->sources * input->sinks * sizeof(int64_t));
	*price = palloc(input->sources * sizeof(int64_t));
	while ((status = transport(input, *flow, *price, scratch, merch_interrupted, &fault)) ==
		   MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != MERCH_OK)
		merch_report(status, &fault);
	pfree(scratch);
}

Datum
merch_transport(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TransportInput input = read_input(fcinfo, 3);
	int64_t    *flow;
	int64_t    *price;

	InitMaterializedSRF(fcinfo, 0);
	solve(&input, &flow, &price);
	for (size_t k = 0; k < input.sources * input.sinks; k++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		if (flow[k] == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		values[0] = Int32GetDatum((int32) (k / input.sinks + 1));
		values[1] = Int32GetDatum((int32) (k % input.sinks + 1));
		values[2] = Int64GetDatum(flow[k]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
merch_transport_prices(PG_FUNCTION_ARGS)
{
	TransportInput input = read_input(fcinfo, 3);
	int64_t    *flow;
	int64_t    *price;
	Datum	   *elements = palloc(input.sources * sizeof(Datum));

	solve(&input, &flow, &price);
	for (size_t i = 0; i < input.sources; i++)
		elements[i] = Int64GetDatum(price[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, (int) input.sources, INT8OID, sizeof(int64),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* array_agg over no rows is null: then nothing flows. */
static ArrayColumn
read_flow_column(FunctionCallInfo fcinfo, int arg, const char *name)
{
	return PG_ARGISNULL(arg) ? (ArrayColumn) {0, NULL} : array_column(fcinfo, arg, name, &hints);
}

/* Says what a flow's row names that is not there, or NULL. */
static char *
check_place(size_t row, const char *what, int32 place, size_t n)
{
	if (place >= 1 && place <= n)
		return NULL;
	return psprintf("row %zu of the flow names %s %d, and there are %zu %ss", row + 1, what, place,
					n, what);
}

/* Makes the flow's rows a matrix. Returns what is wrong, or NULL. */
static char *
read_flow(FunctionCallInfo fcinfo, const TransportInput *input, int64_t **flow)
{
	size_t		lanes = input->sources * input->sinks;
	ArrayColumn source = read_flow_column(fcinfo, 3, "source");
	ArrayColumn sink = read_flow_column(fcinfo, 4, "sink");
	ArrayColumn quantity = read_flow_column(fcinfo, 5, "quantity");

	if (source.n != sink.n || source.n != quantity.n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("source, sink and quantity differ in length: %zu, %zu and %zu",
						source.n, sink.n, quantity.n),
				 errhint("Aggregate all three over the rows of one flow.")));
	*flow = MemoryContextAllocExtended(CurrentMemoryContext, lanes * sizeof(int64_t),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (size_t k = 0; k < source.n; k++)
	{
		int32		i = ((const int32 *) source.data)[k];
		int32		j = ((const int32 *) sink.data)[k];
		char	   *wrong = check_place(k, "source", i, input->sources);
		int64_t    *lane;

		if (wrong == NULL)
			wrong = check_place(k, "sink", j, input->sinks);
		if (wrong != NULL)
			return wrong;
		lane = *flow + (size_t) (i - 1) * input->sinks + (j - 1);
		if (pg_add_s64_overflow(*lane, ((const int64 *) quantity.data)[k], (int64 *) lane))
			return psprintf("source %d ships more to sink %d than a bigint holds", i, j);
	}
	return NULL;
}

static char *
describe(TransportFlaw flaw, size_t source, size_t sink)
{
	switch (flaw)
	{
		case TRANSPORT_NEGATIVE_FLOW:
			return psprintf("source %zu ships less than nothing to sink %zu", source, sink);
		case TRANSPORT_FLOW_WITHOUT_LANE:
			return psprintf("source %zu ships to sink %zu, and there is no lane", source, sink);
		case TRANSPORT_SUPPLY_EXCEEDED:
			return psprintf("source %zu ships more than its supply", source);
		case TRANSPORT_NEED_EXCEEDED:
			return psprintf("sink %zu gets more than its need", sink);
		case TRANSPORT_NEGATIVE_PRICE:
			return psprintf("the price of source %zu is negative", source);
		case TRANSPORT_PRICE_OF_LEFTOVER:
			return psprintf("source %zu has a price, and supply left over", source);
		case TRANSPORT_NOT_CHEAPEST:
			return psprintf("source %zu ships to sink %zu, which another source serves for less, prices included",
							source, sink);
		case TRANSPORT_SHIPPED_AT_LOSS:
			return psprintf("sink %zu gets units that are worth less than they cost, prices included",
							sink);
		case TRANSPORT_GAIN_MISSED:
			return psprintf("sink %zu lacks units that are worth more than they cost from source %zu, price included",
							sink, source);
		case TRANSPORT_SOUND:
			break;
	}
	return NULL;
}

Datum
merch_check_transport(PG_FUNCTION_ARGS)
{
	TransportInput input = read_input(fcinfo, 7);
	const int64_t *price = array_column_of(fcinfo, 6, "price", input.sources, "supply", &hints);
	MerchFault	fault;
	MerchStatus status;
	int64_t    *flow;
	char	   *wrong;
	size_t		source;
	size_t		sink;

	while ((status = transport_validate(&input, merch_interrupted, &fault)) == MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != MERCH_OK)
		merch_report(status, &fault);
	wrong = read_flow(fcinfo, &input, &flow);
	if (wrong == NULL)
	{
		TransportFlaw flaw = transport_check(&input, flow, price, &source, &sink);

		wrong = describe(flaw, source + 1, sink + 1);
	}
	if (wrong == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(wrong));
}
