/*
 * readiness.c
 *	  merch.ready_probability, the aggregate over the tasks of a network, and the durations
 *	  that it takes.
 *
 * A duration is an array of float8: the decay of its tail, then the probability of 0, 1,
 * 2 and so on steps. Tasks of one kind share one; it is kept once.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "compat.h"
#include "error.h"
#include "readiness.h"

PG_FUNCTION_INFO_V1(merch_ready_accumulate);
PG_FUNCTION_INFO_V1(merch_ready_probability);
PG_FUNCTION_INFO_V1(merch_pert_duration);
PG_FUNCTION_INFO_V1(merch_quantile_duration);

typedef struct KnownDuration
{
	uint32		hash;
	int			n;				/* with the decay */
	double	   *values;
} KnownDuration;

typedef struct Task
{
	int64		key;
	int32		duration;
	int32		age;
	size_t		first_need;
	size_t		needs;
} Task;

typedef struct ReadyState
{
	MemoryContext context;
	Task	   *tasks;
	size_t		n_tasks;
	size_t		task_room;
	int64	   *needs;
	size_t		n_needs;
	size_t		need_room;
	KnownDuration *durations;
	size_t		n_durations;
	size_t		duration_room;
	int32		horizon;
} ReadyState;

static void *
grow(void *array, size_t *room, size_t needed, size_t width)
{
	if (needed <= *room)
		return array;
	*room = Max(*room * 2, needed);
	return repalloc_huge(array, *room * width);
}

static ReadyState *
new_state(FunctionCallInfo fcinfo)
{
	MemoryContext context;
	MemoryContext before;
	ReadyState *state;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "merch.ready_accumulate was not called by an aggregate");
	before = MemoryContextSwitchTo(context);
	state = palloc0(sizeof(ReadyState));
	state->context = context;
	state->task_room = state->need_room = 16;
	state->duration_room = 4;
	state->tasks = palloc(state->task_room * sizeof(Task));
	state->needs = palloc(state->need_room * sizeof(int64));
	state->durations = palloc(state->duration_room * sizeof(KnownDuration));
	MemoryContextSwitchTo(before);
	return state;
}

static pg_noreturn void
report_null(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", name),
			 errhint("Only the age can be: of a task that has not started.")));
	pg_unreachable();
}

static ArrayType *
plain_array(FunctionCallInfo fcinfo, int arg, const char *name)
{
	ArrayType  *array;

	if (PG_ARGISNULL(arg))
		report_null(name);
	array = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must be an array of one dimension without nulls", name),
				 errhint("Durations are made by merch.pert_duration() and merch.quantile_duration().")));
	return array;
}

static int32
number_duration(ReadyState *state, ArrayType *array)
{
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const double *values = (const double *) ARR_DATA_PTR(array);
	uint32		hash = hash_bytes((const unsigned char *) values, n * (int) sizeof(double));
	KnownDuration *known;

	if (n < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("duration must not be an empty array"),
				 errhint("Durations are made by merch.pert_duration() and merch.quantile_duration().")));
	/* tasks of one kind come together */
	for (size_t d = state->n_durations; d-- > 0;)
		if (state->durations[d].hash == hash && state->durations[d].n == n &&
			memcmp(state->durations[d].values, values, n * sizeof(double)) == 0)
			return (int32) d;
	state->durations = grow(state->durations, &state->duration_room, state->n_durations + 1, sizeof(KnownDuration));
	known = &state->durations[state->n_durations];
	*known = (KnownDuration) {.hash = hash, .n = n};
	known->values = MemoryContextAlloc(state->context, n * sizeof(double));
	memcpy(known->values, values, n * sizeof(double));
	return (int32) state->n_durations++;
}

/* Arguments: state, task, needs, duration, done, age, horizon. */
Datum
merch_ready_accumulate(PG_FUNCTION_ARGS)
{
	ReadyState *state = PG_ARGISNULL(0) ? new_state(fcinfo) : (ReadyState *) PG_GETARG_POINTER(0);
	ArrayType  *needs = plain_array(fcinfo, 2, "needs");
	ArrayType  *duration = plain_array(fcinfo, 3, "duration");
	int			n = ArrayGetNItems(ARR_NDIM(needs), ARR_DIMS(needs));
	int32		horizon;
	Task	   *task;

	if (PG_ARGISNULL(1))
		report_null("task");
	if (PG_ARGISNULL(4))
		report_null("done");
	if (PG_ARGISNULL(6))
		report_null("horizon");
	if (!PG_ARGISNULL(5) && PG_GETARG_INT32(5) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("age must not be negative: %d", PG_GETARG_INT32(5)),
				 errhint("Use NULL for a task that has not started.")));
	horizon = PG_GETARG_INT32(6);
	if (state->n_tasks > 0 && horizon != state->horizon)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("horizon must be the same for all tasks: %d and %d", state->horizon, horizon),
				 errhint("GROUP BY what has a horizon of its own.")));
	state->horizon = horizon;

	state->tasks = grow(state->tasks, &state->task_room, state->n_tasks + 1, sizeof(Task));
	state->needs = grow(state->needs, &state->need_room, state->n_needs + n, sizeof(int64));
	task = &state->tasks[state->n_tasks++];
	task->key = PG_GETARG_INT64(1);
	task->duration = number_duration(state, duration);
	task->age = PG_GETARG_BOOL(4) ? READINESS_DONE : PG_ARGISNULL(5) ? READINESS_WAITING : PG_GETARG_INT32(5);
	task->first_need = state->n_needs;
	task->needs = n;
	if (n > 0)
		memcpy(state->needs + state->n_needs, ARR_DATA_PTR(needs), n * sizeof(int64));
	state->n_needs += n;
	PG_RETURN_POINTER(state);
}

static int
compare_tasks(const void *a, const void *b)
{
	int64		x = ((const Task *) a)->key;
	int64		y = ((const Task *) b)->key;

	return (x > y) - (x < y);
}

#define MEMORY_SIZE 32768

/* What was computed for other groups of the same query: many have parts in common. */
static ReadinessMemory *
query_memory(FunctionCallInfo fcinfo)
{
	ReadinessMemory *memory = fcinfo->flinfo->fn_extra;

	if (memory == NULL)
	{
		memory = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(ReadinessMemory));
		memory->n = MEMORY_SIZE;
		memory->known = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, MEMORY_SIZE * sizeof(ReadinessKnown));
		fcinfo->flinfo->fn_extra = memory;
	}
	return memory;
}

/* The network, with its tasks in the order of their keys: that of the rows does not count. */
static ReadinessNetwork
make_network(const ReadyState *state, const Task *tasks)
{
	size_t		n = state->n_tasks;
	int32	   *duration = palloc_extended(n * sizeof(int32), MCXT_ALLOC_HUGE);
	int32	   *age = palloc_extended(n * sizeof(int32), MCXT_ALLOC_HUGE);
	size_t	   *need_start = palloc_extended((n + 1) * sizeof(size_t), MCXT_ALLOC_HUGE);
	int32	   *need = palloc_extended((state->n_needs + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	ReadinessDuration *durations = palloc(Max(state->n_durations, 1) * sizeof(ReadinessDuration));
	size_t		kept = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (i > 0 && tasks[i].key == tasks[i - 1].key)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("task " INT64_FORMAT " appears twice", tasks[i].key),
					 errhint("Every row must be a task of its own.")));
		duration[i] = tasks[i].duration;
		age[i] = tasks[i].age;
		need_start[i] = kept;
		for (size_t k = 0; k < tasks[i].needs; k++)
		{
			const Task *needed = bsearch(&(Task) {.key = state->needs[tasks[i].first_need + k]},
										 tasks, n, sizeof(Task), compare_tasks);

			if (needed != NULL)
				need[kept++] = (int32) (needed - tasks);
		}
	}
	need_start[n] = kept;
	for (size_t d = 0; d < state->n_durations; d++)
		durations[d] = (ReadinessDuration) {
			.mass = state->durations[d].values + 1, .n = state->durations[d].n - 1,
			.decay = state->durations[d].values[0]
		};
	return (ReadinessNetwork) {
		.n_tasks = n, .duration = duration, .age = age, .need_start = need_start, .need = need,
		.n_durations = state->n_durations, .durations = durations, .horizon = Max(state->horizon, 0)
	};
}

static void
report_circle(const Task *tasks, const MerchFault *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("task " INT64_FORMAT " needs itself, through others or at once", tasks[fault->row].key),
			 errhint("Take one of the needs out that lead back to it.")));
}

Datum
merch_ready_probability(PG_FUNCTION_ARGS)
{
	ReadyState *state;
	ReadinessNetwork network;
	ReadinessResult result;
	MerchFault	fault = {.row = MERCH_NO_ROW};
	MerchStatus status;
	MemoryContext context;
	MemoryContext before;
	Task	   *tasks;
	size_t		bytes;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (ReadyState *) PG_GETARG_POINTER(0);
	context = AllocSetContextCreate(CurrentMemoryContext, "merch.ready_probability", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(context);
	tasks = palloc_extended(state->n_tasks * sizeof(Task), MCXT_ALLOC_HUGE);
	memcpy(tasks, state->tasks, state->n_tasks * sizeof(Task));
	qsort(tasks, state->n_tasks, sizeof(Task), compare_tasks);
	network = make_network(state, tasks);
	network.memory = query_memory(fcinfo);
	bytes = readiness_scratch(&network);
	status = readiness_probability(&network, bytes == 0 ? NULL : palloc_extended(bytes, MCXT_ALLOC_HUGE),
								   merch_interrupted, &result, &fault);
	if (status == MERCH_CANCELLED)
	{
		CHECK_FOR_INTERRUPTS();
		elog(ERROR, "the kernel stopped without a reason");
	}
	if (status == MERCH_TASKS_IN_A_CIRCLE)
		report_circle(tasks, &fault);
	if (status != MERCH_OK)
		merch_report(status, &fault);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	/* nothing that is not done yet can be done in the past */
	if (state->horizon < 0)
		for (size_t i = 0; i < state->n_tasks; i++)
			if (state->tasks[i].age != READINESS_DONE)
				PG_RETURN_FLOAT8(0);
	PG_RETURN_FLOAT8(result.probability);
}

static ArrayType *
duration_array(const ReadinessDuration *duration)
{
	Datum	   *values = palloc((duration->n + 1) * sizeof(Datum));

	values[0] = Float8GetDatum(duration->decay);
	for (size_t k = 0; k < duration->n; k++)
		values[k + 1] = Float8GetDatum(duration->mass[k]);
	return construct_array(values, (int) duration->n + 1, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

Datum
merch_pert_duration(PG_FUNCTION_ARGS)
{
	float8		pessimistic = PG_GETARG_FLOAT8(2);
	double	   *mass = palloc(readiness_duration_length(pessimistic) * sizeof(double));
	ReadinessDuration duration;
	MerchFault	fault = {.row = MERCH_NO_ROW};
	MerchStatus status = readiness_pert(PG_GETARG_FLOAT8(0), PG_GETARG_FLOAT8(1), pessimistic,
										PG_GETARG_FLOAT8(3), mass, &duration, &fault);

	if (status != MERCH_OK)
		merch_report(status, &fault);
	PG_RETURN_ARRAYTYPE_P(duration_array(&duration));
}

Datum
merch_quantile_duration(PG_FUNCTION_ARGS)
{
	ArrayType  *array = plain_array(fcinfo, 0, "quantiles");
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const double *values = (const double *) ARR_DATA_PTR(array);
	double	   *mass;
	ReadinessDuration duration;
	MerchFault	fault = {.row = MERCH_NO_ROW};
	MerchStatus status;

	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("quantiles must not be an empty array"),
				 errhint("Give at least one number, such as the median.")));
	mass = palloc(readiness_duration_length(values[n - 1]) * sizeof(double));
	status = readiness_quantiles(values, n, PG_GETARG_FLOAT8(1), mass, &duration, &fault);
	if (status != MERCH_OK)
		merch_report(status, &fault);
	PG_RETURN_ARRAYTYPE_P(duration_array(&duration));
}
