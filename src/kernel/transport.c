/*
 * transport.c
 *	  Solves samples of growing size of a transport problem, and writes the answer.
 *
 * The sinks were loaded in an order in which every beginning is a fair sample. Its
 * solution, with supplies in proportion, is cheap and has prices near those of the
 * whole: started from them, most sinks are at their best source from the outset.
 */
#include "transport_tree.h"

/* How much larger each sample is than the one before, and the least sinks a source. */
#define SAMPLE_GROWTH 4
#define SAMPLE_SINKS_A_SOURCE 2

/* What the first n sinks could take at most. */
static int128_t
total_need(const Tree *tree, int32_t n)
{
	int128_t	total = 0;

	for (int32_t j = 0; j < n; j++)
		total += tree->need[tree->sink[j].number];
	return total;
}

/* Solves for the first n of all sinks, from the hinted prices. */
static MerchStatus
solve_sample(Tree *tree, int32_t n, int32_t all)
{
	int128_t	whole = total_need(tree, all);
	int128_t	part = total_need(tree, n);

	/* the products are to stay in range; a sample's supply need not be exact */
	for (; whole > INT64_MAX; whole /= 2)
		part /= 2;
	for (int32_t i = 0; i < tree->m; i++)
		tree->left[i] = n == all ? tree->supply[i] :
			(int64_t) (tree->supply[i] * part / whole);
	tree->n = n;
	return transport_start(tree) && transport_improve(tree) ? MERCH_OK : MERCH_CANCELLED;
}

static MerchStatus
solve(Tree *tree)
{
	int32_t		all = tree->n;
	int32_t		share = 1;

	while (all / share / SAMPLE_GROWTH >= SAMPLE_SINKS_A_SOURCE * (int64_t) tree->m)
		share *= SAMPLE_GROWTH;
	for (int32_t i = 0; i < tree->m; i++)
		tree->hint[i] = 0;
	for (;; share /= SAMPLE_GROWTH)
	{
		MerchStatus status = solve_sample(tree, all / share, all);

		if (status != MERCH_OK || share == 1)
			return status;
		for (int32_t i = 0; i < tree->m; i++)
			tree->hint[i] = tree->price[i];
	}
}

/* Adds flow from a source to a sink of the tree to the lane of the input. */
static void
add_flow(const Tree *tree, const TransportInput *input, int32_t source, int32_t sink,
		 int64_t units, int64_t *flow)
{
	size_t		number = tree->sink[sink].number;

	if (tree->turned)
		flow[number * input->sinks + (size_t) tree->owner[source]] += units;
	else
		flow[(size_t) source * input->sinks + number] += units;
}

/* Flow is on the arcs of the tree alone. */
static MerchStatus
write_flow(Tree *tree, const TransportInput *input, int64_t *flow)
{
	for (size_t k = 0; k < input->sources * input->sinks; k++)
	{
		if (tree_cancelled(tree, 1))
			return MERCH_CANCELLED;
		flow[k] = 0;
	}
	for (int32_t i = 0; i < tree->m; i++)
		if (tree->source[i].parent != ROOT)
			add_flow(tree, input, i, tree->source[i].parent, tree->source[i].flow, flow);
	for (int32_t j = 0; j < tree->n; j++)
		if (tree->sink[j].parent != ROOT)
			add_flow(tree, input, tree->sink[j].parent, j, tree->sink[j].flow, flow);
	return MERCH_OK;
}

/*
 * A source that the tree holds as a sink is worth what its best lane leaves of the
 * value there, after the price of the piece.
 */
static int64_t
price_of_turned(const Tree *tree, const TransportInput *input, size_t source)
{
	int64_t		price = 0;

	for (int32_t p = 0; p < tree->m; p++)
	{
		int64_t		cost = input->cost[source * input->sinks + (size_t) tree->owner[p]];
		int64_t		gain = tree->worth[p] - tree->price[p];

		if (cost != TRANSPORT_NO_LANE && gain - cost > price)
			price = gain - cost;
	}
	return price;
}

static MerchStatus
write_prices(Tree *tree, const TransportInput *input, int64_t *price)
{
	for (size_t i = 0; i < input->sources; i++)
	{
		if (tree_cancelled(tree, tree->turned ? (size_t) tree->m : 1))
			return MERCH_CANCELLED;
		price[i] = tree->turned ? price_of_turned(tree, input, i) : tree->price[i];
	}
	return MERCH_OK;
}

MerchStatus
transport(const TransportInput *input, int64_t *flow, int64_t *price,
		  void *scratch, MerchInterrupt interrupt, MerchFault *fault)
{
	Tree		tree = {.interrupt = interrupt};
	MerchStatus status = transport_validate(input, interrupt, fault);

	if (status != MERCH_OK)
		return status;
	if (!transport_load(&tree, input, scratch))
		return MERCH_CANCELLED;
	for (int32_t i = 0; i < tree.m; i++)
	{
		tree.source[i] = (Source) {.parent = ROOT};
		tree.price[i] = 0;
	}
	if (tree.m > 0 && tree.n > 0)
		status = solve(&tree);
	if (status == MERCH_OK)
		status = write_flow(&tree, input, flow);
	if (status == MERCH_OK)
		status = write_prices(&tree, input, price);
	return status;
}
