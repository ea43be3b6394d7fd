/*
 * coupled_check.c
 *	  The certificate: that a plan is feasible, and that prices prove a bound.
 *
 * Weak duality: at any prices that are not negative, no plan is worth more than all
 * limits and supplies at their prices, plus, for each pack of each place, what it is
 * worth above its cheapest lane with the prices of what it uses. Shares no code with
 * the solver.
 */
#include "coupled.h"

typedef int128_t Wide;

#define WIDEST ((Wide) (~(uint128_t) 0 >> 1))
#define MOST_RESOURCES COUPLED_LANE_RESOURCES

/* A resource or the supply of a source. */
typedef struct Scarce
{
	Wide		used;
	int64_t		limit;
	int64_t		price;
	int64_t		unit;			/* all usages are multiples of it */
} Scarce;

typedef struct Check
{
	const CoupledInput *input;
	const CoupledAnswer *answer;
	Scarce	   *scarce;			/* resources, then sources */
	Wide		value;
	Wide		premium;
	Wide		bound;			/* times 2^COUPLED_PRICE_BITS */
} Check;

/* What a lane's pack uses: its resources, then its source. */
typedef struct Use
{
	size_t		n;
	Scarce	   *scarce[MOST_RESOURCES + 1];
	int64_t		usage[MOST_RESOURCES + 1];
} Use;

size_t
coupled_check_scratch_size(const CoupledInput *input)
{
	return _Alignof(Scarce) + (input->resources + input->sources) * sizeof(Scarce);
}

static void
set_up(Check *check, void *scratch)
{
	const CoupledInput *input = check->input;
	size_t		shift = (uintptr_t) scratch % _Alignof(Scarce);

	if (shift > 0)
		shift = _Alignof(Scarce) - shift;
	check->scarce = (Scarce *) ((char *) scratch + shift);
	for (size_t i = 0; i < input->resources; i++)
		check->scarce[i] = (Scarce) {
			.limit = input->limit[i], .price = check->answer->resource_price[i]
		};
	for (size_t i = 0; i < input->sources; i++)
		check->scarce[input->resources + i] = (Scarce) {
			.limit = input->supply[i], .price = check->answer->source_price[i]
		};
}

static int64_t
pack_units(const CoupledInput *input, size_t place)
{
	return input->pack == NULL ? 1 : input->pack[place];
}

static int64_t
lane_cost(const CoupledInput *input, size_t lane)
{
	return input->lane_cost == NULL ? 0 : input->lane_cost[lane];
}

/* What is named twice is used twice. */
static void
add_use(Use *use, Scarce *scarce, int64_t usage)
{
	for (size_t u = 0; u < use->n; u++)
		if (use->scarce[u] == scarce)
		{
			use->usage[u] += usage;
			return;
		}
	use->scarce[use->n] = scarce;
	use->usage[use->n++] = usage;
}

static Use
use_of_lane(const Check *check, size_t item, size_t place, size_t lane)
{
	const CoupledInput *input = check->input;
	size_t		source = input->lane_source == NULL ? 0 : (size_t) input->lane_source[lane];
	Use			use = {0};

	for (size_t u = lane * MOST_RESOURCES; u < (lane + 1) * MOST_RESOURCES; u++)
	{
		if (input->lane_resource == NULL || input->lane_resource[u] == COUPLED_NO_RESOURCE)
			continue;
		add_use(&use, &check->scarce[input->lane_resource[u]], input->lane_usage[u]);
	}
	source += input->resources + input->item_source_start[item];
	add_use(&use, &check->scarce[source], pack_units(input, place));
	return use;
}

/* No plan uses a lane one pack of which does not fit. */
static bool
can_be_used(const Use *use)
{
	for (size_t u = 0; u < use->n; u++)
		if (use->usage[u] > use->scarce[u]->limit)
			return false;
	return true;
}

static int64_t
divisor_of_both(int64_t a, int64_t b)
{
	return b == 0 ? a : divisor_of_both(b, a % b);
}

static Wide
add_capped(Wide a, Wide b)
{
	Wide		sum;

	return __builtin_add_overflow(a, b, &sum) ? WIDEST : sum;
}

static Wide
times_capped(Wide a, Wide b)
{
	Wide		product;

	return __builtin_mul_overflow(a, b, &product) ? WIDEST : product;
}

/* Adds what the lane's packs use and cost, and lowers the place's least cost. */
static CoupledFlaw
check_lane(Check *check, size_t lane, const Use *use, Wide *least_cost)
{
	int64_t		packs = check->answer->packs[lane];
	Wide		cost = (Wide) lane_cost(check->input, lane) << COUPLED_PRICE_BITS;

	if (packs < 0)
		return COUPLED_NEGATIVE_PACKS;
	check->value -= (Wide) lane_cost(check->input, lane) * packs;
	for (size_t u = 0; u < use->n; u++)
	{
		Scarce	   *scarce = use->scarce[u];

		scarce->used = add_capped(scarce->used, (Wide) use->usage[u] * packs);
		cost = add_capped(cost, (Wide) scarce->price * use->usage[u]);
	}
	if (!can_be_used(use))
		return COUPLED_SOUND;
	if (cost < *least_cost)
		*least_cost = cost;
	return COUPLED_SOUND;
}

/* The worth of the packs that a place got, and what the bound allows it. */
static void
weigh_place(Check *check, size_t place, Wide packs, Wide least_cost)
{
	const CoupledInput *input = check->input;
	size_t		first = input->place_worth_start[place];
	int64_t		floor_packs = input->floor_packs == NULL ? 0 : input->floor_packs[place];

	for (size_t k = first; k < input->place_worth_start[place + 1]; k++)
	{
		int64_t		premium = (int64_t) (k - first) < floor_packs ? input->floor_premium : 0;
		Wide		worth = (Wide) input->worth[k] + premium;
		Wide		gain = (worth << COUPLED_PRICE_BITS) - least_cost;

		if ((Wide) (k - first) < packs)
		{
			check->value += worth;
			check->premium += premium;
		}
		if (gain > 0)
			check->bound = add_capped(check->bound, gain);
	}
}

static CoupledFlaw
check_place(Check *check, size_t item, size_t place, size_t *row)
{
	const CoupledInput *input = check->input;
	Wide		least_cost = WIDEST / 2;
	Wide		packs = 0;

	for (size_t l = input->place_lane_start[place]; l < input->place_lane_start[place + 1]; l++)
	{
		Use			use = use_of_lane(check, item, place, l);
		CoupledFlaw flaw = check_lane(check, l, &use, &least_cost);

		*row = l;
		if (flaw != COUPLED_SOUND)
			return flaw;
		packs += check->answer->packs[l];
		if (packs > input->place_worth_start[place + 1] - input->place_worth_start[place])
			return COUPLED_ABOVE_CEILING;
	}
	weigh_place(check, place, packs, least_cost);
	return COUPLED_SOUND;
}

static CoupledFlaw
check_prices(const Check *check, size_t *row)
{
	size_t		resources = check->input->resources;

	for (size_t r = 0; r < resources + check->input->sources; r++)
		if (check->scarce[r].price < 0)
		{
			*row = r < resources ? r : r - resources;
			return COUPLED_NEGATIVE_PRICE;
		}
	return COUPLED_SOUND;
}

/* First pass: what all usages of each scarce thing are multiples of. */
static void
find_units(Check *check)
{
	const CoupledInput *input = check->input;

	for (size_t i = 0; i < input->items; i++)
		for (size_t p = input->item_place_start[i]; p < input->item_place_start[i + 1]; p++)
			for (size_t l = input->place_lane_start[p]; l < input->place_lane_start[p + 1]; l++)
			{
				Use			use = use_of_lane(check, i, p, l);

				if (!can_be_used(&use))
					continue;
				for (size_t u = 0; u < use.n; u++)
					use.scarce[u]->unit = divisor_of_both(use.usage[u], use.scarce[u]->unit);
			}
}

static CoupledFlaw
check_limits(Check *check, size_t *row)
{
	size_t		resources = check->input->resources;

	for (size_t r = 0; r < resources + check->input->sources; r++)
	{
		const Scarce *scarce = &check->scarce[r];
		int64_t		limit = scarce->limit;

		*row = r < resources ? r : r - resources;
		if (scarce->used > limit)
			return r < resources ? COUPLED_LIMIT_EXCEEDED : COUPLED_SUPPLY_EXCEEDED;
		if (scarce->unit > 0)
			limit -= limit % scarce->unit;
		check->bound = add_capped(check->bound, times_capped(scarce->price, limit));
	}
	return COUPLED_SOUND;
}

CoupledFlaw
coupled_check(const CoupledInput *input, const CoupledAnswer *answer, void *scratch, size_t *row)
{
	Check		check = {.input = input, .answer = answer};
	CoupledFlaw flaw;

	*row = 0;
	set_up(&check, scratch);
	flaw = check_prices(&check, row);
	if (flaw != COUPLED_SOUND)
		return flaw;
	find_units(&check);
	for (size_t i = 0; i < input->items; i++)
		for (size_t p = input->item_place_start[i]; p < input->item_place_start[i + 1]; p++)
		{
			flaw = check_place(&check, i, p, row);
			if (flaw != COUPLED_SOUND)
				return flaw;
		}
	flaw = check_limits(&check, row);
	if (flaw != COUPLED_SOUND)
		return flaw;
	*row = 0;
	if (check.value != answer->value)
		return COUPLED_VALUE_WRONG;
	if (check.premium != answer->premium)
		return COUPLED_PREMIUM_WRONG;
	/* values are whole quanta */
	if (answer->bound < check.bound >> COUPLED_PRICE_BITS)
		return COUPLED_BOUND_TOO_LOW;
	return COUPLED_SOUND;
}
