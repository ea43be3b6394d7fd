/*
 * readiness.c
 *	  The probability that a network of tasks is done in time: the network's parts.
 */
#include <math.h>
#include <string.h>

#include "readiness_part.h"

/* Room for what becomes of a part when one of its tasks takes a fixed time. */
typedef struct ReadinessFixed
{
	size_t	   *need_start;
	ReadinessDuration *durations;
	uint64_t   *duration_hash;	/* of the network's durations, and of the fixed time */
	int32_t    *duration;
	int32_t    *age;
	int32_t    *need;
	char	   *scratch;
} ReadinessFixed;

bool
readiness_stopped(ReadinessJob *job, size_t work)
{
	job->work += work;
	if (job->work < MERCH_POLL_STEPS)
		return false;
	job->work = 0;
	return job->interrupt != NULL && job->interrupt();
}

static size_t
mask_for(size_t n)
{
	size_t		size = 16;

	while (size < 2 * n)
		size *= 2;
	return size - 1;
}

/* With base NULL it just counts. */
static void *
take(char *base, size_t *used, size_t n, size_t width)
{
	void	   *place = base == NULL ? NULL : base + *used;

	*used += (n * width + 7) / 8 * 8;
	return place;
}

static size_t
lay_out(size_t n, size_t needs, size_t horizon, char *base, ReadinessParts *parts, ReadinessJob *job)
{
	size_t		curves = READINESS_CURVES(n);
	size_t		used = 0;

	parts->mask = job->kinds_mask = mask_for(n);
	parts->start = take(base, &used, n + 1, sizeof(size_t));
	parts->next_start = take(base, &used, n + 2, sizeof(size_t));
	parts->hash = take(base, &used, n, sizeof(uint64_t));
	parts->check = take(base, &used, n, sizeof(uint64_t));
	parts->probability = take(base, &used, n, sizeof(double));
	parts->task = take(base, &used, n, sizeof(int32_t));
	parts->local = take(base, &used, n, sizeof(int32_t));
	parts->order = take(base, &used, n, sizeof(int32_t));
	parts->root = take(base, &used, n, sizeof(int32_t));
	parts->next = take(base, &used, needs, sizeof(int32_t));
	parts->waits = take(base, &used, n, sizeof(int32_t));
	parts->table = take(base, &used, parts->mask + 1, sizeof(int32_t));

	job->before = take(base, &used, n * ((n + 63) / 64), sizeof(uint64_t));
	job->kept_start = take(base, &used, n + 1, sizeof(size_t));
	job->curves = take(base, &used, curves, sizeof(ReadinessCurve));
	job->arcs = take(base, &used, n, sizeof(ReadinessArc));
	job->kept = take(base, &used, needs, sizeof(int32_t));
	job->task_from = take(base, &used, n, sizeof(int32_t));
	job->task_to = take(base, &used, n, sizeof(int32_t));
	job->event_needs = take(base, &used, n + 2, sizeof(int32_t));
	job->arrivals = take(base, &used, n + 2, sizeof(int32_t));
	job->departures = take(base, &used, n + 2, sizeof(int32_t));
	job->arriving = take(base, &used, n + 2, sizeof(int32_t));
	job->first_arc = take(base, &used, n + 2, sizeof(int32_t));
	job->merged = take(base, &used, n + 2, sizeof(int32_t));
	job->free = take(base, &used, curves, sizeof(int32_t));
	job->kinds = take(base, &used, job->kinds_mask + 1, sizeof(int32_t));
	job->finish = take(base, &used, n, sizeof(int32_t));
	job->curve_of = take(base, &used, n, sizeof(int32_t));
	job->present = take(base, &used, n, sizeof(bool));
	job->room = take(base, &used, curves * (horizon + 1), sizeof(double));
	return used;
}

/* The network in which one task of a part is a fixed time: a copy for each task that needs it. */
static size_t
lay_out_fixed(const ReadinessNetwork *network, char *base, ReadinessFixed *fixed)
{
	size_t		n = network->n_tasks;
	size_t		needs = network->need_start[n];
	size_t		used = 0;

	fixed->need_start = take(base, &used, 2 * n + 1, sizeof(size_t));
	fixed->durations = take(base, &used, network->n_durations + 1, sizeof(ReadinessDuration));
	fixed->duration_hash = take(base, &used, network->n_durations + 1, sizeof(uint64_t));
	fixed->duration = take(base, &used, 2 * n, sizeof(int32_t));
	fixed->age = take(base, &used, 2 * n, sizeof(int32_t));
	fixed->need = take(base, &used, needs, sizeof(int32_t));
	fixed->scratch = base == NULL ? NULL : base + used;
	return used + lay_out(2 * n, needs, network->horizon, NULL, &(ReadinessParts) {0}, &(ReadinessJob) {0});
}

size_t
readiness_scratch(const ReadinessNetwork *network)
{
	size_t		n = network->n_tasks;

	if (n > READINESS_TASKS_MAX || network->horizon > READINESS_HORIZON_MAX)
		return 0;
	return 8 + lay_out(n, network->need_start[n], network->horizon, NULL, &(ReadinessParts) {0}, &(ReadinessJob) {0}) +
		lay_out_fixed(network, NULL, &(ReadinessFixed) {0});
}

/* The place of the part in the memory, which may hold another one; NULL without memory. */
static ReadinessKnown *
remembered(const ReadinessNetwork *network, const ReadinessParts *parts, size_t p)
{
	const ReadinessMemory *memory = network->memory;

	return memory == NULL || memory->n == 0 ? NULL : &memory->known[(parts->hash[p] >> 20) & (memory->n - 1)];
}

/*
 * Computes a part that is series-parallel as it was given; says so if it is not. Where a
 * task runs before what it needs is done, it may be simulated nonetheless.
 */
static MerchStatus
solve_reducible(ReadinessJob *job, const ReadinessParts *parts, size_t p, bool *reducible,
				double *probability, size_t *simulated)
{
	ReadinessKnown *known = remembered(job->network, parts, p);
	bool		reduced;
	MerchStatus status;

	job->n = parts->start[p + 1] - parts->start[p];
	job->task = parts->task + parts->start[p];
	job->local = parts->local;
	if (known != NULL && known->check == parts->check[p] && known->hash == parts->hash[p])
	{
		*probability = known->probability;
		*reducible = true;
		return MERCH_OK;
	}
	part_graph(job, false);
	status = part_reduce(job, false, reducible, probability);
	if (status != MERCH_OK || !*reducible)
		return status;
	part_graph(job, true);
	status = part_reduce(job, true, &reduced, probability);
	if (status == MERCH_OK && reduced && known != NULL)
		*known = (ReadinessKnown) {.hash = parts->hash[p], .check = parts->check[p], .probability = *probability};
	if (status != MERCH_OK || reduced)
		return status;
	*simulated += job->n;
	return part_simulate(job, probability);
}

/* The product over all parts of a network; not reducible if one of them is not. */
static MerchStatus
solve_fixed(const ReadinessNetwork *network, const ReadinessFixed *fixed, MerchInterrupt interrupt, bool *reducible,
			ReadinessResult *result, double *probability, MerchFault *fault)
{
	ReadinessParts parts = {.duration_hash = fixed->duration_hash};
	ReadinessJob job = {.network = network, .interrupt = interrupt};
	MerchStatus status;

	lay_out(network->n_tasks, network->need_start[network->n_tasks], network->horizon, fixed->scratch, &parts, &job);
	network_turn(network, &parts);
	status = network_sort(network, &parts, fault);
	if (status != MERCH_OK)
		return status;
	network_split(network, &parts);
	for (size_t i = 0; i <= parts.mask; i++)
		parts.table[i] = -1;
	*probability = 1;
	*reducible = true;
	for (size_t p = 0; p < parts.n && *reducible; p++)
	{
		size_t		place;

		network_hash_part(network, &parts, p);
		place = network_find_part(network, &parts, p);
		if (parts.table[place] < 0)
		{
			status = solve_reducible(&job, &parts, p, reducible, &parts.probability[p], &result->simulated);
			if (status != MERCH_OK)
				return status;
			parts.table[place] = (int32_t) p;
		}
		*probability *= parts.probability[parts.table[place]];
	}
	result->convolutions += job.convolutions;
	return MERCH_OK;
}

/* The task of the part that most others wait for and that waits for none itself; -1 if none. */
static int32_t
find_hub(const ReadinessNetwork *network, const ReadinessParts *parts, size_t p)
{
	int32_t		hub = -1;
	size_t		most = 1;

	for (size_t i = parts->start[p]; i < parts->start[p + 1]; i++)
	{
		int32_t		task = parts->task[i];
		size_t		next = parts->next_start[task + 1] - parts->next_start[task];

		if (network->need_start[task + 1] == network->need_start[task] && next > most)
		{
			most = next;
			hub = task;
		}
	}
	return hub;
}

/* The part with copies of the hub, one for each need of it, that take a time to be set. */
static ReadinessNetwork
copy_hub(const ReadinessNetwork *network, const ReadinessParts *parts, size_t p, int32_t hub, const ReadinessFixed *fixed)
{
	size_t		n = parts->start[p + 1] - parts->start[p];
	size_t		tasks = n;
	size_t		needs = 0;
	size_t		hub_place = (size_t) parts->local[hub];
	bool		first = true;

	memcpy(fixed->durations, network->durations, network->n_durations * sizeof(ReadinessDuration));
	for (size_t i = 0; i < n; i++)
	{
		int32_t		task = parts->task[parts->start[p] + i];

		fixed->need_start[i] = needs;
		fixed->duration[i] = task == hub ? (int32_t) network->n_durations : network->duration[task];
		fixed->age[i] = task == hub ? READINESS_WAITING : network->age[task];
		for (size_t e = network->need_start[task]; e < network->need_start[task + 1]; e++)
		{
			int32_t		need = network->need[e];

			if (need != hub)
				fixed->need[needs++] = parts->local[need];
			else if (first)
				fixed->need[needs++] = (int32_t) hub_place;
			else
				fixed->need[needs++] = (int32_t) tasks++;
			first = first && need != hub;
		}
	}
	for (size_t i = n; i < tasks; i++)
	{
		fixed->need_start[i] = needs;
		fixed->duration[i] = (int32_t) network->n_durations;
		fixed->age[i] = READINESS_WAITING;
	}
	fixed->need_start[tasks] = needs;
	return (ReadinessNetwork) {
		.n_tasks = tasks, .duration = fixed->duration, .age = fixed->age, .need_start = fixed->need_start,
		.need = fixed->need, .n_durations = network->n_durations + 1, .durations = fixed->durations,
		.horizon = network->horizon, .memory = network->memory
	};
}

/* The next of the points that stand for the time of a hub, the same for every network. */
static size_t
next_point(size_t point)
{
	return point < 16 ? point + 1 : point + point / 12;
}

/*
 * A task that many wait for makes a part that is not series-parallel, such as one task
 * before those of all stores. Given its time, what waits for it is independent: the
 * probability is the sum over its times, each shared by the two points beside it. All of
 * this goes by the network as it was given, so that it stays monotone.
 */
static MerchStatus
solve_by_hub(ReadinessJob *job, const ReadinessParts *parts, size_t p, int32_t hub, const ReadinessFixed *fixed,
			 bool *reducible, ReadinessResult *result, double *probability, MerchFault *fault)
{
	ReadinessNetwork network = copy_hub(job->network, parts, p, hub, fixed);
	ReadinessDuration *time = &fixed->durations[job->network->n_durations];
	bool		done = job->network->age[hub] == READINESS_DONE;
	double		carried = 0;	/* of the weight of the point, from the times below it */
	const ReadinessCurve *curve;

	curves_reset(job);
	curve = &job->curves[curve_of_task(job, hub)];
	*reducible = true;
	*probability = 0;
	for (size_t point = 0, next; point <= network.horizon; point = next)
	{
		double		weight = carried;
		double		part;
		MerchStatus status;

		next = done ? network.horizon + 1 : next_point(point);
		carried = 0;
		for (size_t k = point; k < next && k <= network.horizon; k++)
		{
			double		mass = done ? k == 0 : curve_at(curve, k) - (k == 0 ? 0 : curve_at(curve, k - 1));
			double		above = mass * (double) (k - point) / (double) (next - point);

			weight += mass - above;
			carried += above;
		}
		if (weight <= 0 && point > 0)
			continue;
		*time = (ReadinessDuration) {.mass = NULL, .n = point};
		fixed->duration_hash[job->network->n_durations] = network_hash_duration(time);
		status = solve_fixed(&network, fixed, job->interrupt, reducible, result, &part, fault);
		if (status != MERCH_OK || !*reducible)
			return status;
		*probability += weight * part;
	}
	if (*probability > 1)
		*probability = 1;
	return MERCH_OK;
}

static MerchStatus
solve_part(ReadinessJob *job, const ReadinessParts *parts, size_t p, const ReadinessFixed *fixed,
		   ReadinessResult *result, double *probability, MerchFault *fault)
{
	bool		reducible;
	int32_t		hub;
	MerchStatus status = solve_reducible(job, parts, p, &reducible, probability, &result->simulated);

	if (status != MERCH_OK || reducible)
		return status;
	hub = find_hub(job->network, parts, p);
	if (hub >= 0)
	{
		status = solve_by_hub(job, parts, p, hub, fixed, &reducible, result, probability, fault);
		if (status != MERCH_OK || reducible)
			return status;
	}
	part_graph(job, true);
	result->simulated += job->n;
	return part_simulate(job, probability);
}

static bool
all_done(const ReadinessNetwork *network, const ReadinessParts *parts, size_t p)
{
	for (size_t i = parts->start[p]; i < parts->start[p + 1]; i++)
		if (network->age[parts->task[i]] != READINESS_DONE)
			return false;
	return true;
}

MerchStatus
readiness_probability(const ReadinessNetwork *network, void *scratch, MerchInterrupt interrupt,
					  ReadinessResult *result, MerchFault *fault)
{
	ReadinessParts parts;
	ReadinessFixed fixed;
	ReadinessJob job = {.network = network, .interrupt = interrupt};
	MerchStatus status = network_check(network, fault);
	char	   *base;

	if (status != MERCH_OK)
		return status;
	base = (char *) scratch + (8 - (uintptr_t) scratch % 8) % 8;
	base += lay_out(network->n_tasks, network->need_start[network->n_tasks], network->horizon, base, &parts, &job);
	lay_out_fixed(network, base, &fixed);
	for (size_t d = 0; d < network->n_durations; d++)
		fixed.duration_hash[d] = network_hash_duration(&network->durations[d]);
	parts.duration_hash = fixed.duration_hash;
	network_turn(network, &parts);
	status = network_sort(network, &parts, fault);
	if (status != MERCH_OK)
		return status;
	network_split(network, &parts);

	*result = (ReadinessResult) {.probability = 1};
	for (size_t i = 0; i <= parts.mask; i++)
		parts.table[i] = -1;
	for (size_t p = 0; p < parts.n; p++)
	{
		size_t		place;

		if (all_done(network, &parts, p))
			continue;
		network_hash_part(network, &parts, p);
		place = network_find_part(network, &parts, p);
		if (parts.table[place] < 0)
		{
			status = solve_part(&job, &parts, p, &fixed, result, &parts.probability[p], fault);
			if (status != MERCH_OK)
				return status;
			parts.table[place] = (int32_t) p;
		}
		result->probability *= parts.probability[parts.table[place]];
	}
	result->convolutions += job.convolutions;
	return MERCH_OK;
}
