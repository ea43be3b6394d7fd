/*
 * transport_start.c
 *	  A first tree for the transport simplex: every sink in turn takes what is the
 *	  best for it, at prices that were guessed, while supply lasts.
 *
 * A source that runs out in the midst of a sink hangs from that sink, so that its
 * price follows; all others hang from the root, at price 0. A sink hangs from the
 * source that served it last, or from the root if a part of a piece stayed unserved:
 * there is flow on the arc to the parent of every sink, and the tree is strongly
 * feasible.
 */
#include "transport_tree.h"

#define REGRET_CLASSES 512

/* The source with supply that serves the sink for the least, at the hinted prices. */
static int32_t
cheapest_with_supply(const Tree *tree, int32_t sink, int64_t *least)
{
	const int64_t *cost = tree_costs(tree, sink);
	int32_t		best = ROOT;

	*least = PRICE_LIMIT;
	for (int32_t i = 0; i < tree->m; i++)
	{
		int64_t		c = cost[i] + tree->hint[i];

		if (c < *least && tree->left[i] > 0)
		{
			*least = c;
			best = i;
		}
	}
	return best;
}

/*
 * Gives the sink pieces of the source, from the rest of *piece on, while they are
 * worth the price and supply lasts. Returns the units.
 */
static int64_t
take_pieces(const Sink *sink, int64_t *left, int64_t price, int32_t *piece, int64_t *rest)
{
	int64_t		taken = 0;

	while (*piece < sink->pieces && sink->value[*piece] > price && *left > 0)
	{
		int64_t		units = *rest < *left ? *rest : *left;

		taken += units;
		*left -= units;
		*rest -= units;
		if (*rest > 0)
			break;
		if (++*piece < sink->pieces)
			*rest = sink_piece_units(sink, *piece);
	}
	return taken;
}

/* Pieces without units are passed over. */
static void
skip_empty_pieces(const Sink *sink, int32_t *piece, int64_t *rest)
{
	while (*rest == 0 && *piece < sink->pieces - 1)
		*rest = sink_piece_units(sink, ++*piece);
}

/* Serves the sink, and notes the sources that are to hang from it. False if interrupted. */
static bool
serve(Tree *tree, int32_t sink)
{
	Sink	   *s = &tree->sink[sink];
	int32_t		piece = 0;
	int64_t		rest = sink_piece_units(s, 0);

	s->child = NONE;
	skip_empty_pieces(s, &piece, &rest);
	for (;;)
	{
		int64_t		price;
		int32_t		source = cheapest_with_supply(tree, sink, &price);
		int64_t		taken;

		if (tree_cancelled(tree, (size_t) tree->m))
			return false;
		if (source == ROOT || s->value[piece] <= price)
			break;
		taken = take_pieces(s, &tree->left[source], price, &piece, &rest);
		skip_empty_pieces(s, &piece, &rest);
		if (piece == s->pieces || s->value[piece] <= price)
		{
			s->parent = source;
			s->flow = taken;
			sink_set_edge(s, piece);
			return true;
		}
		tree->source[source].parent = sink;
		tree->source[source].flow = taken;
		tree->exhausted[tree->hung++] = source;
	}
	s->parent = ROOT;
	s->flow = rest;
	sink_set_edge(s, piece + 1);
	return true;
}

/*
 * A source hangs from a sink, and that from a source which ran out later or not at
 * all: going back in time, every price follows from one that is known.
 */
static void
set_prices(Tree *tree)
{
	for (int32_t i = 0; i < tree->m; i++)
	{
		tree->source[i].inner = NONE;
		if (tree->source[i].parent != ROOT)
			continue;
		tree->source[i].flow = tree->left[i];
		tree->price[i] = 0;
	}
	for (int32_t k = tree->hung - 1; k >= 0; k--)
	{
		int32_t		source = tree->exhausted[k];
		int32_t		sink = tree->source[source].parent;

		transport_link_source(tree, source, sink);
		tree->price[source] = sink_price(tree, sink) - tree_costs(tree, sink)[source];
	}
}

/*
 * What a sink loses if its best source is gone, coarsely: eight classes for each
 * power of two, the greatest loss first.
 */
static int
regret_class(const Tree *tree, int32_t sink)
{
	const int64_t *cost = tree_costs(tree, sink);
	int64_t		best = PRICE_LIMIT;
	int64_t		second = PRICE_LIMIT;
	uint64_t	regret;
	int			bits = 0;

	for (int32_t i = 0; i < tree->m; i++)
	{
		int64_t		c = cost[i] + tree->hint[i];

		if (c < second)
		{
			second = c < best ? best : c;
			best = c < best ? c : best;
		}
	}
	regret = (uint64_t) (second - best);
	while (regret >> bits >= 16)
		bits++;
	return REGRET_CLASSES - 1 - (int) (bits * 8 + (int) (regret >> bits));
}

/* Orders the sinks by their regret; those with the least can give way at the least loss. */
static bool
order_by_regret(Tree *tree)
{
	int32_t		start[REGRET_CLASSES + 1] = {0};

	for (int32_t j = 0; tree->m == 1 && j < tree->n; j++)
		tree->order[j] = j;
	if (tree->m == 1)
		return true;
	for (int32_t j = 0; j < tree->n; j++)
	{
		if (tree_cancelled(tree, (size_t) tree->m))
			return false;
		/* the edge is not set yet, and has room for the class */
		tree->sink[j].edge = regret_class(tree, j);
		start[tree->sink[j].edge + 1]++;
	}
	for (int k = 0; k < REGRET_CLASSES; k++)
		start[k + 1] += start[k];
	for (int32_t j = 0; j < tree->n; j++)
		tree->order[start[tree->sink[j].edge]++] = j;
	return true;
}

bool
transport_start(Tree *tree)
{
	tree->hung = 0;
	for (int32_t i = 0; i < tree->m; i++)
		tree->source[i].parent = ROOT;
	if (!order_by_regret(tree))
		return false;
	for (int32_t k = 0; k < tree->n; k++)
		if (!serve(tree, tree->order[k]))
			return false;
	set_prices(tree);
	return true;
}
