/*
 * prepack_check.c
 *	  The certificate of pre-packs: the value of an answer and the bound of all.
 *
 * For unit prices m >= -overstock, room prices r >= 0 and pack prices p >= 0 such that
 * no pack is worth more at any location than its price, every feasible answer is worth at most
 *		sum(supply * p) + sum(maximum * r) + sum(max(worth - m, 0)).
 * p is taken as low as these allow. A supply counts as no more packs than the
 * locations have worths for.
 */
#include "prepack.h"

/* Packs of which at least one unit may have a worth in the location's table. */
static int128_t
useful_packs(const PrepackInput *in, size_t location, const int64_t *content)
{
	int128_t	packs = 0;

	for (size_t size = 0; size < in->sizes; size++)
	{
		size_t		cell = location * in->sizes + size;
		int128_t	length = (int128_t) (in->worth_start[cell + 1] - in->worth_start[cell]);

		if (content[size] > 0 && (length + content[size] - 1) / content[size] > packs)
			packs = (length + content[size] - 1) / content[size];
	}
	return packs;
}

static int128_t
bound_of_supply(const PrepackInput *in, const PrepackPrices *prices, size_t pack)
{
	const int64_t *content = in->content + pack * in->sizes;
	int128_t	useful = 0;
	int128_t	most = 0;

	for (size_t location = 0; location < in->locations; location++)
	{
		int128_t	price = 0;

		for (size_t size = 0; size < in->sizes; size++)
			price += (int128_t) content[size] *
				(prices->unit[location * in->sizes + size] - prices->room[location]);
		if (price > most)
			most = price;
		useful += useful_packs(in, location, content);
	}
	return most * (in->supply[pack] < useful ? in->supply[pack] : useful);
}

static PrepackFlaw
check_location(const PrepackInput *in, const int64_t *quantity, const PrepackPrices *prices,
			   size_t location, PrepackOutcome *outcome)
{
	int128_t	all = 0;

	for (size_t size = 0; size < in->sizes; size++)
	{
		size_t		cell = location * in->sizes + size;
		int64_t		price = prices->unit[cell];
		int128_t	units = 0;
		int128_t	length = (int128_t) (in->worth_start[cell + 1] - in->worth_start[cell]);

		if (price < -in->overstock)
			return PREPACK_PRICE_TOO_LOW;
		for (size_t pack = 0; pack < in->prepacks; pack++)
			units += (int128_t) in->content[pack * in->sizes + size] *
				quantity[location * in->prepacks + pack];
		for (int128_t i = 0; i < length; i++)
		{
			int64_t		worth = in->worth[in->worth_start[cell] + (size_t) i];

			if (i < units)
				outcome->value += worth;
			if (worth > price)
				outcome->bound += (int128_t) worth - price;
		}
		if (units > length)
			outcome->value -= (units - length) * in->overstock;
		all += units;
	}
	if (prices->room[location] < 0 || (in->maximum == NULL && prices->room[location] > 0))
		return PREPACK_PRICE_TOO_LOW;
	if (in->maximum == NULL)
		return PREPACK_SOUND;
	outcome->bound += (int128_t) in->maximum[location] * prices->room[location];
	return all > in->maximum[location] ? PREPACK_MAXIMUM_EXCEEDED : PREPACK_SOUND;
}

PrepackFlaw
prepack_check(const PrepackInput *in, const int64_t *quantity, const PrepackPrices *prices,
			  PrepackOutcome *outcome)
{
	*outcome = (PrepackOutcome) {0};
	for (size_t location = 0; location < in->locations; location++)
	{
		PrepackFlaw flaw = check_location(in, quantity, prices, location, outcome);

		if (flaw != PREPACK_SOUND)
			return flaw;
	}
	for (size_t pack = 0; pack < in->prepacks; pack++)
	{
		int128_t	used = 0;

		for (size_t location = 0; location < in->locations; location++)
		{
			if (quantity[location * in->prepacks + pack] < 0)
				return PREPACK_NEGATIVE_QUANTITY;
			used += quantity[location * in->prepacks + pack];
		}
		if (used > in->supply[pack])
			return PREPACK_SUPPLY_EXCEEDED;
		outcome->bound += bound_of_supply(in, prices, pack);
	}
	return PREPACK_SOUND;
}
