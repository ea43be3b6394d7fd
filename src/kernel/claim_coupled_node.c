/*
 * claim_coupled_node.c
 *	  The supplies that the claims of an item can reach in a run.
 */
#include "claim_coupled_job.h"

int64_t
claim_supply_left(const ClaimCoupled *chain, const ClaimItem *item, size_t i)
{
	const Claim *claim = &chain->input.claims[item->from + i];

	if (claim->supply <= 0 || item->index->source_of[i] == CLAIM_NO_SOURCE)
		return 0;
	return greater(claim->supply - item->index->source[item->index->source_of[i]].taken, 0);
}

int64_t
claim_fence_open(const ClaimCoupled *chain, const ClaimItem *item, size_t i)
{
	const Claim *claim = &chain->input.claims[item->from + i];
	const ClaimFence *fence = item->index->fence;

	if (claim->fence <= 0)
		return 0;
	while (fence->source != item->index->source_of[i] || fence->channel != claim->channel)
		fence++;
	return greater(claim->fence - fence->taken, 0);
}

/* Fences come first, then the levels of a source from the least on. */
static bool
node_before(const ClaimIndex *index, const CoupledNode *a, const CoupledNode *b)
{
	if (a->fence != b->fence)
		return a->fence;
	if (a->source != b->source)
		return index->source[a->source].id < index->source[b->source].id;
	return a->fence ? a->channel < b->channel : a->reach < b->reach;
}

static size_t
add_node(const ClaimIndex *index, CoupledNode *nodes, size_t n, CoupledNode node)
{
	size_t		place = n;

	while (place > 0 && node_before(index, &node, &nodes[place - 1]))
		place--;
	if (place > 0 && !node_before(index, &nodes[place - 1], &node))
		return n;
	for (size_t i = n; i > place; i--)
		nodes[i] = nodes[i - 1];
	nodes[place] = node;
	return n + 1;
}

/*
 * Levels are cut where whole units of what all packs are multiples of end, so that no pack
 * has to be put together from two of them.
 */
size_t
claim_find_nodes(const ClaimCoupled *chain, const ClaimItem *item, const ClaimRun *run,
				 CoupledNode *node)
{
	int64_t		unit = 0;
	size_t		nodes = 0;

	for (size_t i = run->from; i < run->to; i++)
	{
		const Claim *claim = &chain->input.claims[item->from + i];
		size_t		source = item->index->source_of[i];
		int64_t		fenced = claim_fence_open(chain, item, i);
		int64_t		available = claim_supply_left(chain, item, i);

		unit = common_divisor(claim->pack, unit);
		if (fenced > 0)
			nodes = add_node(item->index, node, nodes,
							 (CoupledNode) {.source = source, .channel = claim->channel,
											.fence = true, .left = fenced});
		if (available > 0)
			nodes = add_node(item->index, node, nodes,
							 (CoupledNode) {.source = source, .reach = available});
	}
	for (size_t k = 0; k < nodes; k++)
	{
		bool		first = k == 0 || node[k - 1].fence || node[k - 1].source != node[k].source;
		int64_t		below = first ? 0 : node[k - 1].reach;

		if (!node[k].fence)
			node[k].left = (node[k].reach / unit - below / unit) * unit;
	}
	return nodes;
}

bool
claim_reaches_node(const ClaimCoupled *chain, const ClaimItem *item, size_t i,
				   const CoupledNode *node)
{
	const Claim *claim = &chain->input.claims[item->from + i];

	if (item->index->source_of[i] != node->source)
		return false;
	return node->fence ? claim->channel == node->channel && claim->fence > 0 :
		claim_supply_left(chain, item, i) >= node->reach;
}
