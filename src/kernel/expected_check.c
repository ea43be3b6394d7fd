/*
 * expected_check.c
 *	  The certificate of a split by expected sales.
 */
#include "expected_row.h"
#include "wide.h"

#include <math.h>

/* A row's pack that is extreme in some order among those seen. */
typedef struct Extreme
{
	bool		seen;
	size_t		index;
	int64_t		worth;
	int32_t		tier;
	int64_t		key;
} Extreme;

typedef struct Check
{
	ExpectedJob job;
	const ExpectedInput *input;
	int			shift;
	int128_t	left;
	bool		one_pack;
	bool		short_of_floors;
	Extreme		least_granted;
	Extreme		most_refused;
	Extreme		last_served;	/* floors, in the order of (tier, key) */
	Extreme		first_short;
} Check;

/* Whether the pack ranks before the extreme one: worth more, or the tie goes to it. */
static bool
ranks_before(const ExpectedRow *row, int64_t worth, const Extreme *extreme)
{
	if (worth != extreme->worth)
		return worth > extreme->worth;
	if (row->tier != extreme->tier)
		return row->tier < extreme->tier;
	return row->key < extreme->key;
}

/* Keeps the pack if it is the first of all (or the last). */
static void
note(Extreme *extreme, const ExpectedRow *row, size_t index, int64_t worth, bool first)
{
	if (extreme->seen && ranks_before(row, worth, extreme) != first)
		return;
	*extreme = (Extreme) {
		.seen = true,.index = index,.worth = worth,.tier = row->tier,.key = row->key
	};
}

static ExpectedFlaw
check_feasible(const Check *check, const ExpectedRow *row, int64_t quantity)
{
	if (quantity < 0 || quantity % row->pack != 0)
		return EXPECTED_NOT_WHOLE_PACKS;
	if (quantity > row->ceiling)
		return EXPECTED_ABOVE_CEILING;
	if (!check->short_of_floors && quantity < row->floor)
		return EXPECTED_BELOW_FLOOR;
	return EXPECTED_SOUND;
}

/* With one pack size nobody gets more than a floor while another is short of his. */
static ExpectedFlaw
rank_floors(Check *check, const ExpectedRow *row, size_t index, int64_t quantity)
{
	if (quantity > row->floor)
		return EXPECTED_OUT_OF_TURN;
	if (quantity > 0)
		note(&check->last_served, row, index, 0, false);
	if (quantity < row->floor)
		note(&check->first_short, row, index, 0, true);
	return EXPECTED_SOUND;
}

/* Walks from the floor to what was granted, and looks at the packs on both sides. */
static MerchStatus
rank_packs(Check *check, ExpectedRow *row, size_t index, int64_t quantity, ExpectedFlaw *flaw)
{
	int64_t		packs;
	MerchStatus status = stair_start(&check->job, row, quantity < row->floor ? quantity : row->floor);

	if (status == MERCH_OK)
		status = stair_take(&check->job, row, 0, (quantity - row->stair.quantity) / row->pack, &packs);
	*flaw = row->stair.quantity < quantity ? EXPECTED_WORTHLESS : EXPECTED_SOUND;
	if (status != MERCH_OK || *flaw != EXPECTED_SOUND)
		return status;
	if (row->stair.last > 0)
		note(&check->least_granted, row, index, row->stair.last, false);
	if (row->stair.worth > 0)
		note(&check->most_refused, row, index, row->stair.worth, true);
	if (row->stair.worth > 0 && row->pack <= check->left)
		*flaw = EXPECTED_UNITS_LEFT;
	return status;
}

static MerchStatus
check_rank(Check *check, ExpectedRow *row, size_t index, int64_t quantity, ExpectedFlaw *flaw)
{
	if (quantity < row->floor && row->pack <= check->left)
		*flaw = EXPECTED_UNITS_LEFT;
	else if (check->short_of_floors && check->one_pack)
		*flaw = rank_floors(check, row, index, quantity);
	else
		return rank_packs(check, row, index, quantity, flaw);
	return MERCH_OK;
}

/* Looks for the first row with a flaw of its own, or for one in its rank. */
static MerchStatus
check_rows(Check *check, const int64_t *quantity, bool rank, ExpectedVerdict *verdict,
		   MerchFault *fault)
{
	for (size_t i = 0; i < check->input->n && verdict->flaw == EXPECTED_SOUND; i++)
	{
		ExpectedRow row;
		MerchStatus status = expected_load_row(check->input, check->shift, i, &row, fault);

		verdict->row = i;
		if (status == MERCH_OK && rank)
			status = check_rank(check, &row, i, quantity[i], &verdict->flaw);
		else if (status == MERCH_OK)
			verdict->flaw = check_feasible(check, &row, quantity[i]);
		if (status == MERCH_OK && expected_cancelled(&check->job, 1))
			status = MERCH_CANCELLED;
		if (status != MERCH_OK)
			return status;
	}
	return MERCH_OK;
}

/* Whether the extremes contradict the order of service. */
static void
compare_extremes(const Check *check, ExpectedVerdict *verdict)
{
	bool		floors = check->short_of_floors;
	const Extreme *refused = floors ? &check->first_short : &check->most_refused;
	const Extreme *granted = floors ? &check->last_served : &check->least_granted;
	ExpectedRow first = {.tier = refused->tier,.key = refused->key};

	/* a row may both hold a pack and be refused the next, which ranks lower */
	if (!refused->seen || !granted->seen || refused->index == granted->index ||
		!ranks_before(&first, refused->worth, granted))
		return;
	verdict->flaw = floors ? EXPECTED_OUT_OF_TURN : EXPECTED_NOT_BEST;
	verdict->row = refused->index;
	verdict->other = granted->index;
	verdict->worth = ldexp((double) refused->worth, -check->shift);
	verdict->other_worth = ldexp((double) granted->worth, -check->shift);
}

/* Sums that the verdict on a single row depends on. */
static void
sum_up(Check *check, const int64_t *quantity)
{
	const ExpectedInput *input = check->input;
	int128_t	floors = 0;

	check->left = input->supply;
	check->one_pack = true;
	for (size_t i = 0; i < input->n; i++)
	{
		int64_t		floor;
		int64_t		ceiling;

		expected_bounds(input, i, &floor, &ceiling);
		floors += floor;
		check->left -= quantity[i];
		if (input->pack != NULL && input->pack[i] != input->pack[0])
			check->one_pack = false;
	}
	check->short_of_floors = floors > input->supply;
}

/* The input itself, as expected() would refuse it. */
static MerchStatus
check_input(Check *check, MerchFault *fault)
{
	const ExpectedInput *input = check->input;
	MerchStatus status;

	*fault = (MerchFault) {.value = input->supply};
	if (input->supply < 0)
		return MERCH_NEGATIVE_SUPPLY;
	status = expected_find_shift(input, &check->shift, fault);
	for (size_t i = 0; i < input->n && status == MERCH_OK; i++)
	{
		ExpectedRow row;

		status = expected_load_row(input, check->shift, i, &row, fault);
	}
	return status;
}

MerchStatus
expected_check(const ExpectedInput *input, const int64_t *quantity, MerchInterrupt interrupt,
			   ExpectedVerdict *verdict, MerchFault *fault)
{
	Check		check = {.job = {.interrupt = interrupt},.input = input};
	MerchStatus status = check_input(&check, fault);

	*verdict = (ExpectedVerdict) {.flaw = EXPECTED_SOUND};
	if (status != MERCH_OK)
		return status;
	sum_up(&check, quantity);
	if (check.left < 0)
	{
		verdict->flaw = EXPECTED_SUPPLY_EXCEEDED;
		return MERCH_OK;
	}
	status = check_rows(&check, quantity, false, verdict, fault);
	if (status == MERCH_OK && verdict->flaw == EXPECTED_SOUND)
		status = check_rows(&check, quantity, true, verdict, fault);
	if (status == MERCH_OK && verdict->flaw == EXPECTED_SOUND && check.one_pack)
		compare_extremes(&check, verdict);
	return status;
}
