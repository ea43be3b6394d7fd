/*
 * prepack.c
 *	  merch.solve_prepacks: the pre-pack kernel over arrays.
 *
 * The demand of every size at every location becomes the staircase of worths that
 * the kernel takes: unit k is worth value * P(D >= k) less overstock * P(D < k).
 * Worths are counted in quanta, of which the greatest worth has 2^36: that is finer
 * than what is known of any demand, and the sum of a whole table fits 64 bits.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "arrays.h"
#include "compat.h"
#include "distribution.h"
#include "error.h"
#include "prepack.h"

PG_FUNCTION_INFO_V1(merch_solve_prepacks);

typedef enum Argument
{
	ARG_SUPPLY,
	ARG_CONTENT,
	ARG_MEAN,
	ARG_DISPERSION,
	ARG_VALUE,
	ARG_POSITION,
	ARG_MAXIMUM,
	ARG_OVERSTOCK
} Argument;

#define ARGUMENTS (ARG_OVERSTOCK + 1)

typedef enum Axis
{
	AXIS_PREPACK,
	AXIS_SIZE,
	AXIS_LOCATION
} Axis;

#define AXES (AXIS_LOCATION + 1)

static const char *const axis_name[AXES] = {"pre-pack", "size", "location"};

typedef struct Parameter
{
	const char *name;
	bool		optional;
	bool		null_elements;
	int			dimensions;		/* 0: not an array */
	Axis		axis[2];
} Parameter;

static const Parameter parameters[ARGUMENTS] = {
	{"supply", false, false, 1, {AXIS_PREPACK}},
	{"content", false, false, 2, {AXIS_PREPACK, AXIS_SIZE}},
	{"mean", false, false, 2, {AXIS_LOCATION, AXIS_SIZE}},
	{"dispersion", false, false, 0, {0}},
	{"value", true, false, 1, {AXIS_SIZE}},
	{"on_position", true, false, 2, {AXIS_LOCATION, AXIS_SIZE}},
	{"maximum", true, true, 1, {AXIS_LOCATION}},
	{"overstock", false, false, 0, {0}}
};

#define QUANTA 0x1p36

/* Worths in all: 256 MB of them, and as much in the kernel's scratch memory. */
#define MOST_WORTHS ((size_t) 1 << 25)

typedef struct Question
{
	size_t		count[AXES];
	const char *counted_by[AXES];	/* the argument that said so; NULL: none yet */
	int64	   *supply;
	int64	   *content;
	double	   *mean;
	double	   *value;			/* may be NULL, and so may the next two */
	int64	   *position;
	int64	   *maximum;
	double		dispersion;
	double		overstock;
	double		scale;			/* quanta in a worth of 1 */
} Question;

/* Where element i of an array lies, in the user's words. */
static int
errdetail_place(const Parameter *parameter, const Question *question, size_t i)
{
	size_t		columns;

	if (parameter->dimensions == 1)
		return errdetail("Found at %s %zu.", axis_name[parameter->axis[0]], i + 1);
	columns = question->count[parameter->axis[1]];
	return errdetail("Found at %s %zu, %s %zu.", axis_name[parameter->axis[0]], i / columns + 1,
					 axis_name[parameter->axis[1]], i % columns + 1);
}

static void
check_shape(const Parameter *parameter, Question *question, ArrayType *array)
{
	if (ARR_NDIM(array) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must not be empty", parameter->name),
				 errhint("array_agg over no rows gives NULL or an empty array; select only styles that have locations and pre-packs.")));
	if (ARR_NDIM(array) != parameter->dimensions)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must have %s, not %d", parameter->name,
						parameter->dimensions == 1 ? "1 dimension" : "2 dimensions",
						ARR_NDIM(array)),
				 parameter->dimensions == 1 ?
				 errhint("It has one element for each %s.", axis_name[parameter->axis[0]]) :
				 errhint("It has a row for each %s and in it an element for each %s.",
						 axis_name[parameter->axis[0]], axis_name[parameter->axis[1]])));
	for (int i = 0; i < parameter->dimensions; i++)
	{
		Axis		axis = parameter->axis[i];
		size_t		count = (size_t) ARR_DIMS(array)[i];

		if (question->counted_by[axis] != NULL && question->count[axis] != count)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("%s and %s differ in the number of %ss: %zu and %zu",
							question->counted_by[axis], parameter->name, axis_name[axis],
							question->count[axis], count),
					 errhint("Aggregate both over the same rows, in the same order.")));
		question->count[axis] = count;
		question->counted_by[axis] = parameter->name;
	}
}

static void
check_no_null(const Parameter *parameter, const Question *question, ArrayType *array)
{
	size_t		n = (size_t) ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	bits8	   *present = ARR_NULLBITMAP(array);

	for (size_t i = 0; i < n; i++)
		if (!array_has(present, i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not hold nulls", parameter->name),
					 errdetail_place(parameter, question, i),
					 errhint("Use coalesce where an outer join may find no row; only maximum may hold nulls, for no limit.")));
}

/* A maximum that is null does not bind. */
static int64 *
fill_nulls(ArrayType *array)
{
	size_t		n = (size_t) ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int64	   *values = palloc(n * sizeof(int64));
	int64	   *next = (int64 *) ARR_DATA_PTR(array);
	bits8	   *present = ARR_NULLBITMAP(array);

	for (size_t i = 0; i < n; i++)
		values[i] = array_has(present, i) ? *next++ : PG_INT64_MAX;
	return values;
}

/* The elements of an array, which are eight bytes each; NULL for an argument left out. */
static void *
read_array(FunctionCallInfo fcinfo, Argument arg, Question *question)
{
	const Parameter *parameter = &parameters[arg];
	ArrayType  *array;

	if (PG_ARGISNULL(arg))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	check_shape(parameter, question, array);
	if (parameter->null_elements)
		return fill_nulls(array);
	check_no_null(parameter, question, array);
	return ARR_DATA_PTR(array);
}

static void
check_arguments_not_null(FunctionCallInfo fcinfo)
{
	for (int arg = 0; arg < ARGUMENTS; arg++)
		if (!parameters[arg].optional && PG_ARGISNULL(arg))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", parameters[arg].name),
					 errhint("Only value, on_position and maximum may be null.")));
}

static void
check_numbers(const Question *question)
{
	size_t		cells = question->count[AXIS_LOCATION] * question->count[AXIS_SIZE];

	for (size_t i = 0; i < cells; i++)
		if (!(question->mean[i] >= 0 && question->mean[i] <= DISTRIBUTION_MEAN_LIMIT))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("mean must be a number from 0 to 1e12: %g", question->mean[i]),
					 errdetail_place(&parameters[ARG_MEAN], question, i),
					 errhint("Use greatest(mean, 0) where a forecast may fall below 0.")));
	for (size_t i = 0; question->value != NULL && i < question->count[AXIS_SIZE]; i++)
		if (!(question->value[i] >= 0 && isfinite(question->value[i])))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value must be a finite number of at least 0: %g", question->value[i]),
					 errdetail_place(&parameters[ARG_VALUE], question, i),
					 errhint("It is what the sale of a unit is worth, such as its margin.")));
	if (!(question->overstock >= 0 && isfinite(question->overstock)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("overstock must be a finite number of at least 0: %g", question->overstock),
				 errhint("It is what a unit that is not sold costs, in the same money as value; 0 for nothing.")));
}

static void
set_scale(Question *question)
{
	double		most = question->value == NULL ? 1 : 0;

	for (size_t i = 0; question->value != NULL && i < question->count[AXIS_SIZE]; i++)
		most = Max(most, question->value[i]);
	most = Max(most, question->overstock);
	/* the quotient may overflow where the worths are below any money's */
	question->scale = most > 0 ? Min(QUANTA / most, DBL_MAX) : 1;
}

static void
read_question(FunctionCallInfo fcinfo, Question *question)
{
	Distribution any;
	MerchFault	fault = {.row = MERCH_NO_ROW};
	MerchStatus status;

	memset(question, 0, sizeof(*question));
	check_arguments_not_null(fcinfo);
	question->supply = read_array(fcinfo, ARG_SUPPLY, question);
	question->content = read_array(fcinfo, ARG_CONTENT, question);
	question->mean = read_array(fcinfo, ARG_MEAN, question);
	question->value = read_array(fcinfo, ARG_VALUE, question);
	question->position = read_array(fcinfo, ARG_POSITION, question);
	question->maximum = read_array(fcinfo, ARG_MAXIMUM, question);
	question->dispersion = PG_GETARG_FLOAT8(ARG_DISPERSION);
	question->overstock = PG_GETARG_FLOAT8(ARG_OVERSTOCK);
	check_numbers(question);
	status = distribution_set(DISTRIBUTION_AUTO, 1, question->dispersion, &any, &fault);
	if (status != MERCH_OK)
		merch_report(status, &fault);
	set_scale(question);
}

/* The units of a size that can reach a location: no more worths are needed. */
static int64
units_in_reach(const Question *question, size_t location, size_t size)
{
	uint128_t	units = 0;

	for (size_t pack = 0; pack < question->count[AXIS_PREPACK]; pack++)
	{
		/* the kernel refuses more */
		int64		content = Min(question->content[pack * question->count[AXIS_SIZE] + size],
								  PREPACK_MOST_UNITS);

		if (question->supply[pack] > 0 && content > 0)
			units += (uint128_t) question->supply[pack] * (uint128_t) content;
	}
	if (question->maximum != NULL && units > (uint128_t) Max(question->maximum[location], 0))
		return Max(question->maximum[location], 0);
	return (int64) Min(units, (uint128_t) PG_INT64_MAX);
}

typedef struct Worths
{
	int64	   *worth;
	size_t		n;
	size_t		room;
} Worths;

static void
add_worth(Worths *worths, int64 worth)
{
	if (worths->n == MOST_WORTHS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("demand and supply exceed %zu units in one call", MOST_WORTHS),
				 errhint("Count in cases instead of units, or call it for fewer locations.")));
	if (worths->n == worths->room)
	{
		worths->room *= 2;
		worths->worth = repalloc_huge(worths->worth, worths->room * sizeof(int64));
	}
	if (worths->n % MERCH_POLL_STEPS == 0)
		CHECK_FOR_INTERRUPTS();
	worths->worth[worths->n++] = worth;
}

static void
add_worths_of(const Question *question, size_t location, size_t size, Worths *worths)
{
	size_t		cell = location * question->count[AXIS_SIZE] + size;
	double		value = question->value == NULL ? 1 : question->value[size];
	int64		position = question->position == NULL ? 0 : Max(question->position[cell], 0);
	int64		units = units_in_reach(question, location, size);
	int64		beyond = -(int64) llround(question->overstock * question->scale);
	int64		last = PG_INT64_MAX;
	Distribution demand;
	DemandWalk	walk;
	MerchFault	fault;

	if (distribution_set(DISTRIBUTION_AUTO, question->mean[cell], question->dispersion,
						 &demand, &fault) != MERCH_OK)
		elog(ERROR, "mean and dispersion were checked");
	demand_walk_start(&walk, &demand, (double) position + 1);
	for (int64 i = 0; i < units; i++)
	{
		double		k = (double) position + 1 + (double) i;
		bool		certain = k < walk.k;
		double		sells = certain ? 1 : Min(Max(walk.at_least, 0), 1);
		double		gain = value * sells - question->overstock * (1 - sells);

		/* a sum of rounded probabilities must not make a later unit worth more */
		last = Min(last, (int64) llround(gain * question->scale));
		if (last <= beyond)
			break;
		add_worth(worths, last);
		if (!certain)
			demand_walk_step(&walk, &demand);
	}
}

static void
make_input(const Question *question, PrepackInput *input)
{
	size_t		cells = question->count[AXIS_LOCATION] * question->count[AXIS_SIZE];
	size_t	   *start = palloc_extended((cells + 1) * sizeof(size_t), MCXT_ALLOC_HUGE);
	Worths		worths = {.room = 1024};

	worths.worth = palloc(worths.room * sizeof(int64));
	start[0] = 0;
	for (size_t cell = 0; cell < cells; cell++)
	{
		add_worths_of(question, cell / question->count[AXIS_SIZE],
					  cell % question->count[AXIS_SIZE], &worths);
		start[cell + 1] = worths.n;
	}
	*input = (PrepackInput) {
		.locations = question->count[AXIS_LOCATION],
		.sizes = question->count[AXIS_SIZE],
		.prepacks = question->count[AXIS_PREPACK],
		.supply = question->supply,
		.content = question->content,
		.worth_start = start,
		.worth = worths.worth,
		.overstock = llround(question->overstock * question->scale),
		.maximum = question->maximum,
		.ring_limit = PREPACK_RING_LIMIT,
		.refit_limit = PREPACK_REFIT_LIMIT,
		.round_limit = PREPACK_ROUND_LIMIT
	};
}

static int64 *
solve(const PrepackInput *input, PrepackOutcome *outcome)
{
	size_t		places = input->locations * input->prepacks;
	size_t		size = prepack_scratch_size(input);
	int64	   *quantity;
	void	   *scratch;
	PrepackPrices prices;
	MerchFault	fault;
	MerchStatus status;

	if (places > MaxArraySize || size > MaxAllocHugeSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%zu locations times %zu pre-packs are too many for one call",
						input->locations, input->prepacks),
				 errhint("Call it for fewer locations, each group with its part of the supply.")));
	quantity = palloc(places * sizeof(int64));
	prices.unit = palloc_extended(input->locations * input->sizes * sizeof(int64), MCXT_ALLOC_HUGE);
	prices.room = palloc(input->locations * sizeof(int64));
	scratch = palloc_extended(size, MCXT_ALLOC_HUGE);
	while ((status = prepack(input, quantity, &prices, outcome, scratch, merch_interrupted,
							 &fault)) == MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != MERCH_OK)
		merch_report(status, &fault);
	pfree(scratch);
	return quantity;
}

static Datum
quantities_datum(const PrepackInput *input, const int64 *quantity)
{
	size_t		places = input->locations * input->prepacks;
	Datum	   *elements = palloc_extended(places * sizeof(Datum), MCXT_ALLOC_HUGE);
	int			dims[2] = {(int) input->locations, (int) input->prepacks};
	int			lbs[2] = {1, 1};

	for (size_t i = 0; i < places; i++)
		elements[i] = Int64GetDatum(quantity[i]);
	return PointerGetDatum(construct_md_array(elements, NULL, 2, dims, lbs, INT8OID, sizeof(int64),
											  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum
merch_solve_prepacks(PG_FUNCTION_ARGS)
{
	Question	question;
	PrepackInput input;
	PrepackOutcome outcome;
	int64	   *quantity;
	TupleDesc	descriptor;
	Datum		values[4];
	bool		nulls[4] = {false};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "merch.solve_prepacks must return a row");
	read_question(fcinfo, &question);
	make_input(&question, &input);
	quantity = solve(&input, &outcome);
	values[0] = quantities_datum(&input, quantity);
	values[1] = Float8GetDatum((double) outcome.value / question.scale);
	values[2] = Float8GetDatum((double) outcome.bound / question.scale);
	values[3] = Float8GetDatum(outcome.bound == 0 ? 0 :
							   (double) (outcome.bound - outcome.value) / (double) outcome.bound);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
