/*
 * apportion_check.c
 *	  The certificate: verifies an apportionment.
 */
#include "apportion_row.h"

/* The row, among those seen, that is extreme in some order; row 0 has index. */
typedef struct Extreme
{
	Row			row;
	size_t		index;
	bool		seen;
} Extreme;

typedef struct Check
{
	ApportionMethod method;
	const ApportionLevel *level;
	int128_t	granted;
	int128_t	floors;
	int128_t	left;
	bool		one_pack;
	int128_t	shares;			/* the rows' exact shares, each within its bounds */
	uint128_t	fractions;		/* and the rest of them, over the level's denominator */
	Extreme		least_granted;	/* the lowest ranking pack that was given */
	Extreme		most_refused;	/* the highest ranking pack that was not */
	Extreme		last_served;	/* floors, in the order of (tier, key) */
	Extreme		first_short;
} Check;

static void
note(Extreme *extreme, const Row *row, size_t index)
{
	extreme->row = *row;
	extreme->index = index;
	extreme->seen = true;
}

static ApportionFlaw
check_feasible(Check *check, Row *row, size_t index)
{
	(void) index;
	if (row->quantity < 0 || row->quantity % row->pack != 0)
		return APPORTION_NOT_WHOLE_PACKS;
	if (row->quantity > row->ceiling)
		return APPORTION_ABOVE_CEILING;
	if (check->floors <= check->granted + check->left && row->quantity < row->floor)
		return APPORTION_BELOW_FLOOR;
	return APPORTION_SOUND;
}

/*
 * Floors above the supply: nobody gets more than its floor, and nobody is served
 * behind somebody who went short.
 */
static ApportionFlaw
rank_floors(Check *check, const Row *row, size_t index)
{
	if (row->quantity > row->floor)
		return APPORTION_NOT_FAIR;
	if (row->quantity > 0 &&
		(!check->last_served.seen || row_precedes(&check->last_served.row, row)))
		note(&check->last_served, row, index);
	if (row->quantity < row->floor &&
		(!check->first_short.seen || row_precedes(row, &check->first_short.row)))
		note(&check->first_short, row, index);
	return APPORTION_SOUND;
}

static void
rank_packs(Check *check, const Row *row, size_t index)
{
	const Row  *least = &check->least_granted.row;
	const Row  *most = &check->most_refused.row;

	if (row->quantity > row->floor)
	{
		int			order = !check->least_granted.seen ? 1 :
			row_compare_packs(row, row->quantity, least, least->quantity);

		if (order > 0 || (order == 0 && row_precedes(least, row)))
			note(&check->least_granted, row, index);
	}
	if (row->quantity < row->ceiling)
	{
		int			order = !check->most_refused.seen ? -1 :
			row_compare_packs(row, row->quantity + row->pack, most, most->quantity + most->pack);

		if (order < 0 || (order == 0 && row_precedes(row, most)))
			note(&check->most_refused, row, index);
	}
}

/*
 * No tier was cut: a row has its floor or its ceiling. Who has more than its
 * floor must not stand beside or behind, in tiers, one who went short.
 */
static ApportionFlaw
rank_uncut(Check *check, const Row *row, size_t index)
{
	if (row->quantity != row->floor && row->quantity != row->ceiling)
		return APPORTION_NOT_FAIR;
	if (row->quantity > row->floor &&
		(!check->last_served.seen || row->tier > check->last_served.row.tier))
		note(&check->last_served, row, index);
	if (row->quantity < row->ceiling &&
		(!check->first_short.seen || row->tier < check->first_short.row.tier))
		note(&check->first_short, row, index);
	return APPORTION_SOUND;
}

static bool
uncut_is_fair(const Check *check)
{
	return !check->last_served.seen || !check->first_short.seen ||
		(check->method == APPORTION_PRIORITY &&
		 check->last_served.row.tier < check->first_short.row.tier);
}

/* The least of the rows that got the extra pack, or the first that did not. */
static void
rank_cut(Check *check, const Row *row, size_t index, bool extra)
{
	Extreme    *extreme = extra ? &check->least_granted : &check->most_refused;
	int			order = !extreme->seen ? 0 : row_compare_remainders(row, &extreme->row);

	if (order == 0 && extreme->seen)
		order = row_precedes(row, &extreme->row) ? -1 : 1;
	if (!extreme->seen || (extra ? order > 0 : order < 0))
		note(extreme, row, index);
}

/*
 * A row of the tier that was cut has its exact share at the level, cut down to
 * whole packs, or one pack more. Tiers before it are served wholly, tiers behind
 * it have their floors.
 */
static ApportionFlaw
rank_remainder(Check *check, Row *row, size_t index)
{
	const ApportionLevel *level = check->level;
	int64_t		expected;

	if (check->method == APPORTION_PRIORITY && row->tier != level->tier)
		expected = row->tier < level->tier ? row->ceiling : row->floor;
	else
	{
		row_set_share(row, level);
		if (row->share < row->floor)
			expected = row->floor;
		else if (row->share >= row->ceiling)
			expected = row->ceiling;
		else
		{
			check->shares += row->share;
			check->fractions += row->fraction;
			row->spare = (int64_t) (row->share % row->pack);
			expected = (int64_t) row->share - row->spare;
			rank_cut(check, row, index, row->quantity > expected);
			if (row->quantity > expected)
				expected += row->pack;
			return row->quantity == expected ? APPORTION_SOUND : APPORTION_NOT_FAIR;
		}
	}
	check->shares += expected;
	return row->quantity == expected ? APPORTION_SOUND : APPORTION_NOT_FAIR;
}

static bool
by_remainder(ApportionMethod method)
{
	return method == APPORTION_PROPORTIONAL || method == APPORTION_PRIORITY;
}

/*
 * What can be given out in whole packs is the supply less a part of a pack: floors are
 * whole packs, too. Fractions are below the denominator, which is below 2^94.
 */
static bool
level_adds_up(const Check *check, const ApportionInput *input)
{
	int64_t		pack = input->pack == NULL ? 1 : input->pack[0];
	uint128_t	denominator = check->level->denominator;

	return check->fractions % denominator == 0 &&
		check->shares + (int128_t) (check->fractions / denominator) ==
		input->supply - input->supply % pack;
}

/* What is left for the row, and with one pack size its place in the order of service. */
static ApportionFlaw
check_rank(Check *check, Row *row, size_t index)
{
	if (row->quantity < row->ceiling && row->pack <= check->left)
		return APPORTION_UNITS_LEFT;
	if (!check->one_pack)
		return APPORTION_SOUND;
	if (check->floors > check->granted + check->left)
		return rank_floors(check, row, index);
	if (by_remainder(check->method))
		return check->level->denominator > 0 ? rank_remainder(check, row, index) :
			rank_uncut(check, row, index);
	rank_packs(check, row, index);
	return APPORTION_SOUND;
}

/* Whether the extremes found contradict the order of service. */
static ApportionFlaw
compare_extremes(const Check *check, const ApportionInput *input, size_t *row)
{
	const Extreme *least = &check->least_granted;
	const Extreme *most = &check->most_refused;
	int			order;

	*row = check->first_short.index;
	if (check->floors > check->granted + check->left)
		return check->last_served.seen && check->first_short.seen &&
			row_precedes(&check->first_short.row, &check->last_served.row) ?
			APPORTION_NOT_FAIR : APPORTION_SOUND;
	if (by_remainder(check->method) && check->level->denominator == 0)
		return uncut_is_fair(check) ? APPORTION_SOUND : APPORTION_NOT_FAIR;
	if (by_remainder(check->method) && !level_adds_up(check, input))
		return APPORTION_LEVEL_OFF;
	if (!least->seen || !most->seen)
		return APPORTION_SOUND;
	*row = most->index;
	order = by_remainder(check->method) ?
		row_compare_remainders(&least->row, &most->row) :
		row_compare_packs(&least->row, least->row.quantity,
						  &most->row, most->row.quantity + most->row.pack);
	/* a row may both hold a pack and be refused the next, which ranks lower */
	if (order > 0 || (order == 0 && row_precedes(&most->row, &least->row)))
		return APPORTION_NOT_FAIR;
	return APPORTION_SOUND;
}

/* Sums that the verdict on a single row depends on. */
static MerchStatus
sum_up(Check *check, const ApportionInput *input, const ClaimScale *scale,
	   const int64_t *quantity)
{
	check->left = input->supply;
	check->one_pack = true;
	for (size_t i = 0; i < input->n; i++)
	{
		Row			row;
		MerchFault	fault;
		MerchStatus status = apportion_load_row(check->method, input, scale, i, &row, &fault);

		if (status != MERCH_OK)
			return status;
		check->granted += quantity[i];
		check->floors += row.floor;
		if (input->pack != NULL && input->pack[i] != input->pack[0])
			check->one_pack = false;
	}
	check->left -= check->granted;
	return MERCH_OK;
}

/* The first row that is judged to have a flaw. */
static ApportionFlaw
check_rows(Check *check, const ApportionInput *input, const ClaimScale *scale,
		   const int64_t *quantity, size_t *row_at_fault,
		   ApportionFlaw (*judge) (Check *check, Row *row, size_t index))
{
	for (size_t i = 0; i < input->n; i++)
	{
		Row			row;
		MerchFault	fault;
		ApportionFlaw flaw;

		(void) apportion_load_row(check->method, input, scale, i, &row, &fault);
		row.quantity = quantity[i];
		*row_at_fault = i;
		flaw = judge(check, &row, i);
		if (flaw != APPORTION_SOUND)
			return flaw;
	}
	return APPORTION_SOUND;
}

ApportionFlaw
apportion_check(ApportionMethod method, const ApportionInput *input,
				const int64_t *quantity, const ApportionLevel *level, size_t *row_at_fault)
{
	ClaimScale	scale;
	MerchFault	fault;
	ApportionFlaw flaw;
	Check		check = {.method = method, .level = level};

	*row_at_fault = 0;
	if (apportion_scale(method, input, &scale, &fault) != MERCH_OK ||
		sum_up(&check, input, &scale, quantity) != MERCH_OK || check.left < 0)
		return APPORTION_SUPPLY_EXCEEDED;
	flaw = check_rows(&check, input, &scale, quantity, row_at_fault, check_feasible);
	if (flaw == APPORTION_SOUND)
		flaw = check_rows(&check, input, &scale, quantity, row_at_fault, check_rank);
	if (flaw == APPORTION_SOUND && check.one_pack)
		flaw = compare_extremes(&check, input, row_at_fault);
	return flaw;
}
