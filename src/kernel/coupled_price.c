/*
 * coupled_price.c
 *	  The items apart, at given prices: what places want, what that loads, and the
 *	  bound that the prices prove.
 */
#include "coupled_job.h"

/* The sources and the places of an item. */
typedef struct Item
{
	size_t		first_row;		/* of its sources */
	size_t		end_row;
	size_t		first;			/* of its places */
	size_t		end;
	int64_t		price;			/* of the only source, else 0 */
	int64_t		share;			/* of the tied packs that it can serve, in 2^-SHARE_BITS */
} Item;

/* Where the price of a source lies: at low its places want too much. */
typedef struct Bracket
{
	int64_t		low;
	int64_t		high;
	int128_t	wanted_low;
	int128_t	wanted_high;
} Bracket;

int64_t
coupled_lane_cost(const Job *job, const Lane *lane, size_t n_rows)
{
	int128_t	cost = (int128_t) lane->cost << COUPLED_PRICE_BITS;

	for (size_t u = 0; u < n_rows; u++)
		cost += (int128_t) job->rows[lane->row[u]].price * lane->usage[u];
	return cost < NEVER ? (int64_t) cost : NEVER;
}

/*
 * The best lane of each place. With one source its price adds the same to all
 * lanes of a place, and is found later.
 */
static MerchStatus
choose_lanes(Job *job, const Item *item)
{
	size_t		n_rows = item->end_row - item->first_row > 1 ? LANE_ROWS : SOURCE_SLOT;

	for (size_t p = item->first; p < item->end; p++)
	{
		Place	   *place = &job->places[p];

		place->adjusted = NEVER;
		place->lane = place->first_lane;
		for (size_t l = place->first_lane; l < place->end_lane; l++)
		{
			Lane	   *lane = &job->lanes[l];
			int64_t		cost = lane->usable ? coupled_lane_cost(job, lane, n_rows) : NEVER;

			if (cancelled(job))
				return MERCH_CANCELLED;
			lane->adjusted = cost;
			if (cost < place->adjusted ||
				(cost == place->adjusted && lane->key < job->lanes[place->lane].key))
			{
				place->adjusted = cost;
				place->lane = l;
			}
		}
	}
	return MERCH_OK;
}

/* How many packs are worth more than the cost; hint is a good guess. */
static int64_t
packs_above(const Place *place, int128_t cost, int64_t hint)
{
	/* whole quanta are above the cost exactly if they are above its whole part */
	int128_t	whole = cost >> COUPLED_PRICE_BITS;
	int64_t		low = 0;
	int64_t		high = place->most;
	int64_t		probe = hint < high ? hint : high - 1;

	if (cost >= NEVER)
		return 0;
	while (low < high)
	{
		if (next_worth(place, probe) > whole)
		{
			low = probe + 1;
			/* next, the neighbour of a right guess */
			probe = low == hint + 1 && low < high ? low : low + (high - low) / 2;
		}
		else
		{
			high = probe;
			probe = high == hint && high > low ? high - 1 : low + (high - low) / 2;
		}
	}
	return low;
}

static int128_t
cost_with_source(const Place *place, int64_t price)
{
	return place->adjusted + (int128_t) price * place->pack;
}

/*
 * How far from its worth the cost of a pack may be that is wanted in part. Where many
 * packs are worth the same, all of them would be wanted or none, at prices however
 * close; softened, what is wanted changes as evenly as if worths were spread out.
 */
static int64_t
softness(const Job *job, const Place *place)
{
	if (job->soft_bits == 0 || place->most == 0)
		return 0;
	return (next_worth(place, 0) << COUPLED_PRICE_BITS) >> job->soft_bits;
}

/*
 * Packs wanted at a cost, times 2^SHARE_BITS: a pack whose worth is from the cost
 * less the softness to the cost plus the softness, counts from nothing to whole.
 */
static int128_t
packs_wanted(const Job *job, Place *place, int128_t cost)
{
	int64_t		soft = softness(job, place);
	int64_t		whole = packs_above(place, cost + soft, place->hint);
	int64_t		part;
	int128_t	excess;

	place->hint = whole;
	if (soft == 0)
		return (int128_t) whole << SHARE_BITS;
	part = packs_above(place, cost - soft, whole);
	excess = ((int128_t) (place->sum[part] - place->sum[whole]) << COUPLED_PRICE_BITS) -
		(part - whole) * (cost - soft);
	return ((int128_t) whole << SHARE_BITS) + excess * (1 << SHARE_BITS) / (2 * (int128_t) soft);
}

/* Units that the places want at a price of their only source, times 2^SHARE_BITS. */
static int128_t
units_wanted(Job *job, const Item *item, int64_t price)
{
	int128_t	units = 0;

	for (size_t p = item->first; p < item->end; p++)
	{
		Place	   *place = &job->places[p];

		units += packs_wanted(job, place, cost_with_source(place, price)) * place->pack;
	}
	job->steps += item->end - item->first;
	return units;
}

/* Interpolated, unless that has not helped for two rounds; then halved. */
static int64_t
next_price(const Bracket *bracket, int128_t supply, int round)
{
	int64_t		width = bracket->high - bracket->low;
	int128_t	span = bracket->wanted_low - bracket->wanted_high;
	int128_t	excess = bracket->wanted_low - supply;
	int64_t		step;

	while (span >> 62 != 0)
	{
		span >>= 1;
		excess >>= 1;
	}
	step = round % 3 == 2 ? width / 2 : (int64_t) (excess * width / span);
	if (step < 1)
		step = 1;
	return bracket->low + (step < width ? step : width - 1);
}

static void
narrow(Job *job, const Item *item, Bracket *bracket, int128_t supply, int64_t price)
{
	int128_t	wanted = units_wanted(job, item, price);

	if (wanted > supply)
	{
		bracket->low = price;
		bracket->wanted_low = wanted;
	}
	else
	{
		bracket->high = price;
		bracket->wanted_high = wanted;
	}
}

/* Brackets the price from what it was in the round before, which is near. */
static void
bracket_from_last(Job *job, const Item *item, Bracket *bracket, int128_t supply, int64_t last)
{
	int64_t		reach = last / 256 + 1;

	if (last <= bracket->low || last >= bracket->high)
		return;
	narrow(job, item, bracket, supply, last);
	for (; bracket->high - bracket->low > 2 * reach; reach *= 8)
	{
		if (bracket->low == last)
			narrow(job, item, bracket, supply, last + reach);
		else if (bracket->high == last)
			narrow(job, item, bracket, supply, last > reach ? last - reach : 0);
		else
			break;
		if (reach > last)
			break;
	}
}

/*
 * Whether the high end of the bracket is good enough: by what it is off its item's
 * bound, at most, against the price of the supply, which is part of that bound.
 */
static bool
is_close(const Job *job, const Bracket *bracket, int64_t supply)
{
	int128_t	left = supply - (bracket->wanted_high >> SHARE_BITS);
	int128_t	slack = (bracket->high - bracket->low) * left;

	return left == 0 || slack / 1000000 <
		(int128_t) bracket->high * supply / 1000000 * job->slack_ppm / 1000000;
}

/*
 * The price of an item's only source: the least at which its places want no more
 * than there is, or above that by as little as the slack allows.
 */
static MerchStatus
find_source_price(Job *job, const Item *item, Row *row, Bracket *bracket)
{
	int128_t	supply = (int128_t) row->limit << SHARE_BITS;
	int128_t	wanted = units_wanted(job, item, 0);

	*bracket = (Bracket) {.wanted_low = wanted, .wanted_high = wanted};
	if (wanted <= supply)
		return MERCH_OK;
	/* softened, a pack is wanted in part at twice its worth at most */
	*bracket = (Bracket) {.high = 2 * row->most_price, .wanted_low = wanted};
	bracket_from_last(job, item, bracket, supply, row->price);
	for (int round = 0; bracket->high - bracket->low > 1; round++)
	{
		if (is_close(job, bracket, row->limit))
			break;
		if (cancelled(job))
			return MERCH_CANCELLED;
		narrow(job, item, bracket, supply, next_price(bracket, supply, round));
	}
	return MERCH_OK;
}

/* The share of the tied packs that the supply has room for. */
static int64_t
tied_share(const Bracket *bracket, int64_t supply)
{
	int128_t	room = ((int128_t) supply << SHARE_BITS) - bracket->wanted_high;
	int128_t	tied = bracket->wanted_low - bracket->wanted_high;

	while (tied >> 64 != 0)
	{
		tied >>= 1;
		room >>= 1;
	}
	return tied <= 0 ? 0 : (int64_t) ((room << SHARE_BITS) / tied);
}

static MerchStatus
solve_one_source(Job *job, Item *item)
{
	Row		   *row = &job->rows[item->first_row];
	Bracket		bracket;
	MerchStatus status = find_source_price(job, item, row, &bracket);

	if (status != MERCH_OK)
		return status;
	row->price = bracket.high;
	item->price = bracket.high;
	item->share = tied_share(&bracket, row->limit);
	for (size_t p = item->first; p < item->end; p++)
	{
		Place	   *place = &job->places[p];

		place->wanted = packs_wanted(job, place, cost_with_source(place, bracket.high));
		if (item->share > 0)
			place->tied = packs_wanted(job, place, cost_with_source(place, bracket.low)) -
				place->wanted;
		else
			place->tied = 0;
	}
	return MERCH_OK;
}

static void
solve_by_prices(Job *job, const Item *item)
{
	for (size_t p = item->first; p < item->end; p++)
	{
		Place	   *place = &job->places[p];

		place->wanted = packs_wanted(job, place, place->adjusted);
		place->tied = 0;
	}
}

static void
load_lane(Job *job, Lane *lane, int128_t wanted, int128_t tied, int64_t share)
{
	int128_t	packs = wanted + (tied >> SHARE_BITS) * share;

	lane->wanted = (int64_t) (wanted >> SHARE_BITS);
	for (size_t u = 0; u < LANE_ROWS; u++)
		job->rows[lane->row[u]].load += packs * lane->usage[u];
}

/* Softened, lanes that cost little more than the cheapest have a part in it. */
static int64_t
lane_weight(const Place *place, const Lane *lane, int64_t soft)
{
	int64_t		above = lane->adjusted - place->adjusted;

	if (lane->adjusted == NEVER || above >= soft)
		return 0;
	return soft - above;
}

static void
load_lanes(Job *job, const Item *item, const Place *place)
{
	int64_t		soft = softness(job, place);
	int128_t	weights = 0;

	for (size_t l = place->first_lane; l < place->end_lane; l++)
	{
		job->lanes[l].wanted = 0;
		weights += lane_weight(place, &job->lanes[l], soft);
	}
	if (place->wanted == 0 && place->tied == 0)
		return;
	if (weights == 0)
	{
		load_lane(job, &job->lanes[place->lane], place->wanted, place->tied, item->share);
		return;
	}
	for (size_t l = place->first_lane; l < place->end_lane; l++)
	{
		Lane	   *lane = &job->lanes[l];
		int128_t	part = ((int128_t) lane_weight(place, lane, soft) << SHARE_BITS) / weights;

		if (part > 0)
			load_lane(job, lane, place->wanted * part >> SHARE_BITS,
					  place->tied * part >> SHARE_BITS, item->share);
	}
}

static MerchStatus
add_loads(Job *job, const Item *item)
{
	for (size_t p = item->first; p < item->end; p++)
	{
		Place	   *place = &job->places[p];
		int128_t	cost = cost_with_source(place, item->price);
		int64_t		packs = packs_above(place, cost, place->hint);

		if (cancelled(job))
			return MERCH_CANCELLED;
		load_lanes(job, item, place);
		job->bound = add_wide(job->bound,
							  ((int128_t) place->sum[packs] << COUPLED_PRICE_BITS) - packs * cost);
	}
	return MERCH_OK;
}

MerchStatus
coupled_price(Job *job)
{
	const CoupledInput *input = job->input;

	job->bound = 0;
	for (size_t r = 0; r < job->n_rows; r++)
		job->rows[r].load = 0;
	for (size_t i = 0; i < input->items; i++)
	{
		Item		item = {
			.first_row = input->resources + input->item_source_start[i],
			.end_row = input->resources + input->item_source_start[i + 1],
			.first = input->item_place_start[i],
			.end = input->item_place_start[i + 1],
		};
		MerchStatus status = choose_lanes(job, &item);

		if (status == MERCH_OK && item.end_row - item.first_row == 1)
			status = solve_one_source(job, &item);
		else if (status == MERCH_OK)
			solve_by_prices(job, &item);
		if (status == MERCH_OK)
			status = add_loads(job, &item);
		if (status != MERCH_OK)
			return status;
	}
	for (size_t r = 0; r < job->n_rows; r++)
		job->bound = add_wide(job->bound, (int128_t) job->rows[r].price * job->rows[r].limit);
	return MERCH_OK;
}
