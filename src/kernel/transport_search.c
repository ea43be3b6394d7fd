/*
 * transport_search.c
 *	  Which arc enters the basis of the transport simplex next.
 */
#include "transport_tree.h"

/* Lanes that are looked at before the best of them enters. */
#define BLOCK_LANES 128

/* The source that serves the sink for the least, prices included; ties to the lower. */
static int32_t
cheapest_source(const Tree *tree, int32_t sink, int64_t *least)
{
	const int64_t *cost = tree_costs(tree, sink);
	const int64_t *price = tree->price;
	int32_t		best = 0;

	*least = cost[0] + price[0];
	for (int32_t i = 1; i < tree->m; i++)
	{
		int64_t		c = cost[i] + price[i];

		if (c < *least)
		{
			*least = c;
			best = i;
		}
	}
	return best;
}

static void
search_sink(const Tree *tree, int32_t sink, Entry *entry)
{
	const Sink *s = &tree->sink[sink];
	int64_t		price = sink_price(tree, sink);
	int64_t		least;
	int32_t		source = cheapest_source(tree, sink, &least);

	if (price - least > entry->gain)
		*entry = (Entry) {ENTER_LANE, price - least, source, sink};
	if (s->parent == ROOT)
		return;
	if (s->edge > 0 && price - s->next > entry->gain)
		*entry = (Entry) {ENTER_UNSERVED, price - s->next, ROOT, sink};
	if (s->edge < s->pieces && s->last - price > entry->gain)
		*entry = (Entry) {ENTER_SERVED, s->last - price, ROOT, sink};
}

static void
search_leftover(const Tree *tree, Entry *entry)
{
	for (int32_t i = 0; i < tree->m; i++)
		if (-tree->price[i] > entry->gain)
			*entry = (Entry) {ENTER_LEFTOVER, -tree->price[i], i, ROOT};
}

bool
transport_improve(Tree *tree)
{
	int32_t		block = BLOCK_LANES / tree->m + 1;
	int32_t		at = 0;
	int32_t		idle = 0;		/* sinks without gain since the last pivot */

	if (block > tree->n / 4 + 1)
		block = tree->n / 4 + 1;
	while (idle <= tree->n)
	{
		Entry		entry = {.kind = ENTER_NOTHING};

		for (int32_t i = 0; i < block; i++)
		{
			if (at == tree->n)
			{
				search_leftover(tree, &entry);
				at = 0;
			}
			else
				search_sink(tree, at++, &entry);
		}
		idle += block;
		if (tree_cancelled(tree, (size_t) block * (size_t) tree->m))
			return false;
		if (entry.kind == ENTER_NOTHING)
			continue;
		transport_pivot(tree, &entry);
		idle = 0;
	}
	return true;
}
