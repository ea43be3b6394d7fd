/*
 * expected_row.c
 *	  Checks the rows of a split by expected sales and computes what their packs are worth.
 */
#include "expected_row.h"

#include <math.h>

#include "units.h"

/* The largest value is worth less than 2^44 quanta. */
#define QUANTA_BITS 44

MerchStatus
expected_find_shift(const ExpectedInput *input, int *shift, MerchFault *fault)
{
	double		most = input->value == NULL ? 1 : 0;
	int			exponent;

	for (size_t i = 0; input->value != NULL && i < input->n; i++)
	{
		double		value = input->value[i];

		if (!(value >= 0 && value < HUGE_VAL))
			return fail_number(fault, MERCH_VALUE_OUT_OF_RANGE, i, value);
		most = fmax(most, value);
	}
	(void) frexp(most, &exponent);
	*shift = QUANTA_BITS - exponent;
	return MERCH_OK;
}

void
expected_bounds(const ExpectedInput *input, size_t i, int64_t *floor, int64_t *ceiling)
{
	int64_t		pack = column(input->pack, i, 1);

	/* cutting the ceiling at the supply changes no answer and keeps sums small */
	*ceiling = round_down(lesser(column(input->maximum, i, EXPECTED_NO_MAXIMUM), input->supply), pack);
	*floor = lesser(round_up(column(input->minimum, i, 0), pack), *ceiling);
}

MerchStatus
expected_load_row(const ExpectedInput *input, int shift, size_t i, ExpectedRow *row,
				  MerchFault *fault)
{
	double		dispersion = input->dispersion == NULL ? 1 : input->dispersion[i];
	int64_t		position = column(input->position, i, 0);
	int64_t		pack = column(input->pack, i, 1);
	MerchStatus status = check_bounds(column(input->minimum, i, 0),
									  column(input->maximum, i, EXPECTED_NO_MAXIMUM), pack, i, fault);

	if (status != MERCH_OK)
		return status;
	status = distribution_set(input->distribution, input->mean[i], dispersion, &row->demand, fault);
	if (status != MERCH_OK)
		return fail_number(fault, status, i, fault->number);

	expected_bounds(input, i, &row->floor, &row->ceiling);
	row->pack = pack;
	row->tier = input->tier == NULL ? 0 : input->tier[i];
	row->key = column(input->key, i, (int64_t) i);
	row->position = position > 0 ? (double) position : 0;
	row->factor = ldexp(input->value == NULL ? 1 : input->value[i], shift);
	row->effort = 1 + row->demand.deviation / 1024;
	row->share = 1 / (double) row->pack;
	row->stair = (Stair) {0};
	return MERCH_OK;
}

/* What the units of the next pack add up to, in units expected to be sold. */
static MerchStatus
sum_pack(ExpectedJob *job, ExpectedRow *row, double *sum)
{
	Stair	   *stair = &row->stair;
	int64_t		units = row->pack;
	int64_t		certain = lesser(stair->certain, units);

	*sum = (double) certain;
	stair->certain -= certain;
	/* behind the end of the tail nothing is left to walk to */
	for (units -= certain; units > 0 && stair->walk.at_least > 0; units--)
	{
		if (expected_cancelled(job, row->effort))
			return MERCH_CANCELLED;
		*sum += stair->walk.at_least;
		demand_walk_step(&stair->walk, &row->demand);
	}
	return MERCH_OK;
}

/* The next pack after one of worth bound. */
static MerchStatus
price_next(ExpectedJob *job, ExpectedRow *row, int64_t bound)
{
	Stair	   *stair = &row->stair;
	double		sum;
	int64_t		worth;
	MerchStatus status;

	stair->worth = 0;
	if (bound == 0 || row->ceiling - stair->quantity < row->pack)
		return MERCH_OK;
	status = sum_pack(job, row, &sum);
	if (status != MERCH_OK)
		return status;
	worth = (int64_t) (row->factor * (sum * row->share));
	stair->worth = lesser(worth, bound);
	return MERCH_OK;
}

MerchStatus
stair_start(ExpectedJob *job, ExpectedRow *row, int64_t quantity)
{
	Stair	   *stair = &row->stair;
	double		first = row->position + (double) quantity + 1;

	*stair = (Stair) {.quantity = quantity};
	if (row->factor * ((double) row->pack * row->share) < 1 ||
		row->ceiling - quantity < row->pack)
		return MERCH_OK;
	if (expected_cancelled(job, 10 + row->demand.deviation))
		return MERCH_CANCELLED;
	demand_walk_start(&stair->walk, &row->demand, first);
	stair->certain = (int64_t) (stair->walk.k - first);
	return price_next(job, row, INT64_MAX);
}

/* Takes the next pack, and what follows it of units that are certain to be sold, too. */
static MerchStatus
take_pack(ExpectedJob *job, ExpectedRow *row, int64_t most, int64_t *taken)
{
	Stair	   *stair = &row->stair;
	int64_t		same = 0;

	/* whole packs of certain units behind a pack of certain units */
	if (stair->certain >= row->pack && most > 1)
	{
		same = lesser(stair->certain, row->ceiling - stair->quantity - row->pack) / row->pack;
		same = lesser(same, most - 1);
		stair->certain -= same * row->pack;
	}
	stair->quantity += (same + 1) * row->pack;
	stair->last = stair->worth;
	*taken += same + 1;
	return price_next(job, row, stair->worth);
}

#define MOST_UNITS 1024

/*
 * The same for single units of which none is certain, in registers: this is the loop that
 * most of a split's time is spent in.
 */
static MerchStatus
take_units(ExpectedJob *job, ExpectedRow *row, int64_t threshold, int64_t most, int64_t *taken)
{
	Stair	   *stair = &row->stair;
	DemandWalk	walk = stair->walk;
	int64_t		worth = stair->worth;
	int64_t		last = stair->last;
	int64_t		room = row->ceiling - stair->quantity;
	int64_t		n = 0;

	for (most = lesser(lesser(most, room), MOST_UNITS); n < most && worth > threshold; n++)
	{
		last = worth;
		worth = lesser(worth, (int64_t) (row->factor * (walk.at_least * row->share)));
		demand_walk_step(&walk, &row->demand);
	}
	stair->walk = walk;
	stair->worth = n < room ? worth : 0;
	stair->last = last;
	stair->quantity += n;
	*taken += n;
	return expected_cancelled(job, (double) n * row->effort) ? MERCH_CANCELLED : MERCH_OK;
}

MerchStatus
stair_take(ExpectedJob *job, ExpectedRow *row, int64_t threshold, int64_t most, int64_t *taken)
{
	MerchStatus status = MERCH_OK;

	*taken = 0;
	while (status == MERCH_OK && *taken < most && row->stair.worth > threshold)
	{
		if (row->pack == 1 && row->stair.certain == 0)
			status = take_units(job, row, threshold, most - *taken, taken);
		else
			status = take_pack(job, row, most - *taken, taken);
	}
	return status;
}

MerchStatus
expected_marginals(const ExpectedInput *input, size_t i, double scale, int64_t from,
				   size_t limit, int64_t *worth, size_t *packs, MerchInterrupt interrupt,
				   MerchFault *fault)
{
	ExpectedJob job = {.interrupt = interrupt};
	ExpectedRow row;
	MerchStatus status;

	*packs = 0;
	*fault = (MerchFault) {0};
	status = expected_load_row(input, 0, i, &row, fault);
	if (status != MERCH_OK)
		return status;
	if (!(row.factor >= 0 && row.factor < HUGE_VAL))
		return fail_number(fault, MERCH_VALUE_OUT_OF_RANGE, i, row.factor);
	row.factor *= scale;
	row.share = 1;
	if (row.factor * (double) row.pack >= 0x1p62)
		return fail_row(fault, MERCH_OUT_OF_RANGE, i, row.pack, 0);
	status = stair_start(&job, &row, from);
	while (status == MERCH_OK && *packs < limit && row.stair.worth > 0)
	{
		int64_t		taken;

		worth[(*packs)++] = row.stair.worth;
		status = stair_take(&job, &row, 0, 1, &taken);
	}
	return status;
}
