/*
 * prepack.c
 *	  Splits pre-packs among locations: two starts, improved, and a bound.
 */
#include "prepack.h"

#include <string.h>

#include "prepack_plan.h"

/* Cells, and units of worth in all: beyond any instance that fits into memory. */
#define MOST_CELLS ((size_t) 1 << 32)

/* A gap to the bound of this part of the value is not searched: the bound is no closer. */
#define CLOSE 50000

/* Adds the part's bytes to *size, aligned for the next part. */
static void
add_part(size_t *size, size_t n, size_t width)
{
	const size_t align = _Alignof(max_align_t);

	if (*size > SIZE_MAX / 2 || n > SIZE_MAX / 2 / width - align)
		*size = SIZE_MAX;
	else
		*size += (n * width + align - 1) / align * align;
}

static void *
take_part(char **at, size_t n, size_t width)
{
	size_t		size = 0;
	void	   *part = *at;

	add_part(&size, n, width);
	*at += size;
	return part;
}

/* a * b, or SIZE_MAX / 2, which add_part refuses, if that overflows. */
static size_t
times(size_t a, size_t b)
{
	return b != 0 && a > MOST_CELLS / b ? SIZE_MAX / 2 : a * b;
}

size_t
prepack_scratch_size(const PrepackInput *in)
{
	size_t		places = times(in->locations, in->prepacks);
	size_t		cells = times(in->locations, in->sizes);
	size_t		size = _Alignof(max_align_t);

	if (places == SIZE_MAX / 2 || cells == SIZE_MAX / 2 || in->prepacks > MOST_CELLS / 2)
		return SIZE_MAX;
	add_part(&size, in->worth_start[cells], sizeof(int64_t));
	add_part(&size, times(in->prepacks + 1, in->prepacks + 1), sizeof(Choices));
	/* the instance: two of packs, one of locations and which of them are bounded */
	add_part(&size, 2 * in->prepacks + in->locations, sizeof(int64_t));
	add_part(&size, in->locations, sizeof(bool));
	/* the second plan beside the caller's quantities, and the first */
	for (int plan = 0; plan < 2; plan++)
		add_part(&size, places + cells + in->prepacks + in->locations, sizeof(int64_t));
	add_part(&size, places, sizeof(Offer));
	add_part(&size, places, sizeof(void *));
	add_part(&size, in->locations, sizeof(int64_t));
	for (int point = 0; point < 4; point++)
		add_part(&size, point_size(in), sizeof(double));
	add_part(&size, 2 * places + 2 * in->prepacks, sizeof(double));
	add_part(&size, cells + in->locations, sizeof(int64_t));
	return size;
}

typedef struct Job
{
	Instance	instance;
	Plan		first;
	Plan		second;
	Offers		offers;
	Choices    *choices;
	Relaxation	relaxation;
} Job;

static void
take_plan(Plan *plan, Instance *instance, char **at)
{
	const PrepackInput *in = instance->in;
	size_t		places = in->locations * in->prepacks;
	size_t		cells = in->locations * in->sizes;

	plan->instance = instance;
	plan->quantity = take_part(at, places + cells + in->prepacks + in->locations, sizeof(int64_t));
	plan->units = plan->quantity + places;
	plan->left = plan->units + cells;
	plan->room = plan->left + in->prepacks;
}

static void
take_point(Point *point, const PrepackInput *in, char **at)
{
	point->packs = take_part(at, point_size(in), sizeof(double));
	point->unit = point->packs + in->locations * in->prepacks;
	point->room = point->unit + in->locations * in->sizes;
	point->pack = point->room + in->locations;
}

static void
divide_scratch(Job *job, const PrepackInput *in, void *scratch)
{
	const uintptr_t align = _Alignof(max_align_t);
	size_t		places = in->locations * in->prepacks;
	size_t		cells = in->locations * in->sizes;
	Instance   *instance = &job->instance;
	Relaxation *relaxation = &job->relaxation;
	char	   *at = (char *) scratch + (align - (uintptr_t) scratch % align) % align;

	instance->sum = take_part(&at, in->worth_start[cells], sizeof(int64_t));
	job->choices = take_part(&at, (in->prepacks + 1) * (in->prepacks + 1), sizeof(Choices));
	instance->pack_units = take_part(&at, 2 * in->prepacks + in->locations, sizeof(int64_t));
	instance->supply = instance->pack_units + in->prepacks;
	instance->maximum = instance->supply + in->prepacks;
	instance->bounded = take_part(&at, in->locations, sizeof(bool));
	take_plan(&job->first, instance, &at);
	take_plan(&job->second, instance, &at);
	job->offers.offers = take_part(&at, places, sizeof(Offer));
	job->offers.heap = take_part(&at, places, sizeof(void *));
	job->offers.taken = take_part(&at, in->locations, sizeof(int64_t));
	take_point(&relaxation->now, in, &at);
	take_point(&relaxation->sum, in, &at);
	take_point(&relaxation->mean, in, &at);
	take_point(&relaxation->start, in, &at);
	relaxation->best = take_part(&at, 2 * places + 2 * in->prepacks, sizeof(double));
	relaxation->feasible = relaxation->best + places;
	relaxation->load = relaxation->feasible + places;
	relaxation->ahead = relaxation->load + in->prepacks;
	relaxation->trial.unit = take_part(&at, cells + in->locations, sizeof(int64_t));
	relaxation->trial.room = relaxation->trial.unit + cells;
}

static MerchStatus
load_packs(Instance *instance, MerchFault *fault)
{
	const PrepackInput *in = instance->in;

	for (size_t pack = 0; pack < in->prepacks; pack++)
	{
		int64_t    *units = &instance->pack_units[pack];

		*fault = (MerchFault) {.row = pack,.value = in->supply[pack]};
		if (in->supply[pack] < 0)
			return MERCH_PREPACK_SUPPLY_NEGATIVE;
		*units = 0;
		for (size_t size = 0; size < in->sizes; size++)
		{
			int64_t		content = in->content[pack * in->sizes + size];

			*fault = (MerchFault) {.row = pack,.column = size,.value = content};
			if (content < 0)
				return MERCH_PREPACK_CONTENT_NEGATIVE;
			fault->limit = PREPACK_MOST_UNITS;
			if (content > PREPACK_MOST_UNITS - *units)
				return MERCH_PREPACK_TOO_LARGE;
			*units += content;
		}
		if (*units == 0)
			return MERCH_PREPACK_EMPTY;
	}
	return MERCH_OK;
}

static MerchStatus
load_worths(Instance *instance, MerchFault *fault)
{
	const PrepackInput *in = instance->in;

	*fault = (MerchFault) {.value = in->overstock};
	if (in->overstock < 0 || in->overstock > PREPACK_MOST_WORTH)
		return MERCH_WORTH_OUT_OF_RANGE;
	for (size_t cell = 0; cell < in->locations * in->sizes; cell++)
	{
		int64_t		sum = 0;

		*fault = (MerchFault) {.row = cell / in->sizes,.column = cell % in->sizes};
		for (size_t i = in->worth_start[cell]; i < in->worth_start[cell + 1]; i++)
		{
			if (instance_cancelled(instance, 1))
				return MERCH_CANCELLED;
			fault->value = in->worth[i];
			fault->limit = i == in->worth_start[cell] ? PREPACK_MOST_WORTH : in->worth[i - 1];
			if (in->worth[i] < -in->overstock || in->worth[i] > fault->limit)
				return fault->limit == PREPACK_MOST_WORTH || in->worth[i] < -in->overstock ?
					MERCH_WORTH_OUT_OF_RANGE : MERCH_WORTH_RISES;
			if (in->worth[i] > 0 && sum > INT64_MAX - in->worth[i])
				return MERCH_WORTH_OUT_OF_RANGE;
			if (in->worth[i] < 0 && sum < INT64_MIN / 2 - in->worth[i])
				return MERCH_WORTH_OUT_OF_RANGE;
			sum += in->worth[i];
			instance->sum[i] = sum;
		}
	}
	return MERCH_OK;
}

/*
 * No location has use for a pack all units of which lie beyond the worths. Supplies and
 * maxima that are greater are cut, so that sums and products stay in range.
 */
static void
cut_supplies(Instance *instance)
{
	const PrepackInput *in = instance->in;

	for (size_t pack = 0; pack < in->prepacks; pack++)
	{
		int64_t		useful = 0;

		for (size_t location = 0; location < in->locations; location++)
		{
			int64_t		here = 0;

			for (size_t size = 0; size < in->sizes; size++)
			{
				size_t		cell = location * in->sizes + size;
				int64_t		length = (int64_t) (in->worth_start[cell + 1] - in->worth_start[cell]);
				int64_t		content = in->content[pack * in->sizes + size];

				if (content > 0 && (length + content - 1) / content > here)
					here = (length + content - 1) / content;
			}
			useful += here;
		}
		instance->supply[pack] = in->supply[pack] < useful ? in->supply[pack] : useful;
	}
}

static MerchStatus
load_maxima(Instance *instance, MerchFault *fault)
{
	const PrepackInput *in = instance->in;
	int128_t	all = 0;

	for (size_t pack = 0; pack < in->prepacks; pack++)
		all += (int128_t) instance->supply[pack] * instance->pack_units[pack];
	if (all > INT64_MAX / 2)
		all = INT64_MAX / 2;
	for (size_t location = 0; location < in->locations; location++)
	{
		int64_t		maximum = in->maximum == NULL ? INT64_MAX : in->maximum[location];

		*fault = (MerchFault) {.row = location,.value = maximum};
		if (maximum < 0)
			return MERCH_PREPACK_MAXIMUM_NEGATIVE;
		instance->bounded[location] = maximum < all;
		instance->maximum[location] = maximum < all ? maximum : (int64_t) all;
	}
	return MERCH_OK;
}

static MerchStatus
load(Instance *instance, MerchFault *fault)
{
	MerchStatus status = load_packs(instance, fault);

	if (status == MERCH_OK)
		status = load_worths(instance, fault);
	if (status != MERCH_OK)
		return status;
	cut_supplies(instance);
	return load_maxima(instance, fault);
}

/* The packs of the linear relaxation, rounded down. */
static void
round_down(Plan *plan, const double *packs)
{
	const PrepackInput *in = plan->instance->in;

	plan_clear(plan);
	for (size_t place = 0; place < in->locations * in->prepacks; place++)
	{
		size_t		location = place / in->prepacks;
		size_t		pack = place % in->prepacks + 1;

		/* what is left and the room are whole, and so is what fits: rounding can't exceed them */
		for (int64_t n = (int64_t) (packs[place] + 1e-6); n > 0; n--)
			if (plan->left[pack - 1] > 0 && plan_can_change(plan, location, NO_PACK, pack) &&
				plan_gain(plan, location, NO_PACK, pack) > 0)
				plan_change(plan, location, NO_PACK, pack);
	}
}

/* Whether searching on could gain more than the bound itself is uncertain by. */
static bool
is_close(const PrepackOutcome *outcome)
{
	return outcome->bound - outcome->value <= outcome->value / CLOSE;
}

static MerchStatus
fill_and_exchange(Job *job, Plan *plan)
{
	size_t		rings = job->instance.in->ring_limit;
	MerchStatus status = plan_fill(plan, &job->offers);

	return status != MERCH_OK ? status : plan_exchange(plan, job->choices, &rings);
}

/* The second start; it replaces the first plan if it is better. */
static MerchStatus
start_from_relaxation(Job *job)
{
	MerchStatus status;

	round_down(&job->second, job->relaxation.best);
	status = fill_and_exchange(job, &job->second);
	if (status == MERCH_OK && plan_value(&job->second) > plan_value(&job->first))
		plan_copy(&job->first, &job->second);
	return status;
}

static MerchStatus
solve(Job *job, PrepackPrices *prices, PrepackOutcome *outcome)
{
	Plan	   *plan = &job->first;
	size_t		rings = job->instance.in->ring_limit;
	MerchStatus status;

	plan_clear(plan);
	status = fill_and_exchange(job, plan);
	if (status == MERCH_OK)
		status = plan_bound(plan, &job->relaxation, prices, &outcome->bound);
	if (status != MERCH_OK)
		return status;
	outcome->value = plan_value(plan);
	if (is_close(outcome))
		return MERCH_OK;
	status = start_from_relaxation(job);
	if (status == MERCH_OK)
		status = plan_refit(plan, job->instance.in->refit_limit * job->instance.in->locations);
	if (status == MERCH_OK)
		status = plan_exchange(plan, job->choices, &rings);
	outcome->value = plan_value(plan);
	return status;
}

MerchStatus
prepack(const PrepackInput *input, int64_t *quantity, PrepackPrices *prices,
		PrepackOutcome *outcome, void *scratch, MerchInterrupt interrupt, MerchFault *fault)
{
	Job			job = {.instance = {.in = input,.interrupt = interrupt}};
	MerchStatus status;

	*fault = (MerchFault) {0};
	divide_scratch(&job, input, scratch);
	status = load(&job.instance, fault);
	if (status == MERCH_OK)
		status = solve(&job, prices, outcome);
	if (status == MERCH_OK)
		memcpy(quantity, job.first.quantity,
			   input->locations * input->prepacks * sizeof(int64_t));
	return status;
}
