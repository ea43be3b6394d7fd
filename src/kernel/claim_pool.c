/*
 * claim_pool.c
 *	  Splits a run whose claims reach several supplies.
 *
 * A source whose claims leave on different days is cut into levels: what is there by
 * the first departure is open to all, what comes in until the next one is open to
 * those who leave then or later. A level, like a fence, is a source of transport(): a
 * node, and a location is a sink.
 *
 * Shares of one pool can be more than lanes carry to some sinks. Those who go short, all
 * nodes that reach them, and all who live on these nodes then make a group of their own: its
 * nodes, which nobody else needs, are split among its sinks, the others among the others,
 * and so on until all shares are carried. With real-valued shares that is the
 * decomposition that finds the lexicographically optimal base of the polymatroid of what
 * the lanes can carry (S. Fujishige, Mathematics of Operations Research 5, 1980): whoever
 * gets less than another, for the weight of its claim, could not be given more at the
 * other's cost. A group splits into two that both have nodes: there are at
 * most as many rounds as nodes.
 */
#include "claim_job.h"

#include "transport.h"

/* By the source's name, not its number: the order of claims is not to matter. */
static bool
node_before(const ClaimJob *job, const ClaimNode *a, const ClaimNode *b)
{
	if (a->fence != b->fence)
		return a->fence;
	if (a->source != b->source)
		return job->index->source[a->source].id < job->index->source[b->source].id;
	return a->fence ? a->channel < b->channel : a->reach < b->reach;
}

static void
add_node(ClaimJob *job, ClaimNode node)
{
	size_t		place = job->nodes;

	while (place > 0 && node_before(job, &node, &job->node[place - 1]))
		place--;
	if (place > 0 && !node_before(job, &job->node[place - 1], &node))
		return;
	for (size_t i = job->nodes; i > place; i--)
		job->node[i] = job->node[i - 1];
	job->node[place] = node;
	job->nodes++;
}

/*
 * Fences come first, so that among equally cheap ways theirs is taken. A level holds
 * what it adds to the levels below it, in whole units of flow.
 */
static void
make_nodes(ClaimJob *job)
{
	job->nodes = 0;
	for (size_t i = job->run->from; i < job->run->to; i++)
	{
		size_t		source = job->index->source_of[i];
		int64_t		fenced = claim_fence_left(job, i);
		int64_t		available = claim_available(job, i);

		if (fenced > 0)
			add_node(job, (ClaimNode) {.source = source, .channel = job->claims[i].channel,
									   .fence = true, .size = fenced - fenced % job->unit});
		if (available > 0)
			add_node(job, (ClaimNode) {.source = source, .reach = available});
	}
	for (size_t k = 0; k < job->nodes; k++)
	{
		ClaimNode  *node = &job->node[k];
		bool		first = k == 0 || job->node[k - 1].fence || job->node[k - 1].source != node->source;
		int64_t		below = first ? 0 : job->node[k - 1].reach;

		if (!node->fence)
			node->size = (node->reach / job->unit - below / job->unit) * job->unit;
		node->left = node->size;
	}
}

static void
make_sinks(ClaimJob *job)
{
	const Claim *claims = job->claims;
	size_t		from = job->run->from;

	job->sinks = 0;
	job->unit = 0;
	job->one_pack = true;
	for (size_t i = from; i < job->run->to; i++)
	{
		if (i == from || !claim_same_location(&claims[i], &claims[i - 1]))
			job->sink[job->sinks++] = (ClaimSink) {.from = i};
		job->sink[job->sinks - 1].to = i + 1;
		job->unit = common_divisor(claims[i].pack, job->unit);
		job->one_pack = job->one_pack && claims[i].pack == claims[from].pack;
	}
}

/* Takes what is fixed for the start. */
static void
start_shares(ClaimJob *job)
{
	for (size_t j = 0; j < job->sinks; j++)
	{
		ClaimSink  *sink = &job->sink[j];

		sink->got = 0;
		for (size_t i = sink->from; i < sink->to; i++)
		{
			job->shares[i] = (Share) {.quantity = job->claims[i].fixed};
			sink->got += job->claims[i].fixed;
		}
	}
}

static bool
is_short(const ClaimJob *job, size_t sink)
{
	int64_t		carried = 0;

	for (size_t k = 0; k < job->nodes; k++)
		carried += job->flow[k * job->sinks + sink];
	return carried < job->sink_need[sink];
}

/* Marks the nodes that reach a marked sink, and the sinks that live on them, to the end. */
static void
spread_marks(ClaimJob *job)
{
	bool		more = true;

	while (more)
	{
		more = false;
		for (size_t k = 0; k < job->nodes; k++)
		{
			const int64_t *cost = job->cost + k * job->sinks;
			const int64_t *flow = job->flow + k * job->sinks;

			for (size_t j = 0; j < job->sinks && !job->node[k].marked; j++)
				if (job->sink[j].marked && cost[j] != TRANSPORT_NO_LANE)
					job->node[k].marked = more = true;
			for (size_t j = 0; j < job->sinks && job->node[k].marked; j++)
				if (!job->sink[j].marked && flow[j] > 0)
					job->sink[j].marked = more = true;
		}
	}
}

/* Makes the marked members of a group one of their own, if that leaves nodes on both sides. */
static bool
split_group(ClaimJob *job, size_t group)
{
	size_t		marked = 0;
	size_t		unmarked = 0;

	for (size_t k = 0; k < job->nodes; k++)
		if (job->node[k].group == group)
		{
			marked += job->node[k].marked;
			unmarked += !job->node[k].marked;
		}
	if (marked == 0 || unmarked == 0)
		return false;
	for (size_t k = 0; k < job->nodes; k++)
		if (job->node[k].group == group && job->node[k].marked)
			job->node[k].group = job->groups;
	for (size_t j = 0; j < job->sinks; j++)
		if (job->sink[j].group == group && job->sink[j].marked)
			job->sink[j].group = job->groups;
	job->groups++;
	return true;
}

/* Splits the groups whose shares could not be carried; whether there was one. */
static bool
split_groups(ClaimJob *job)
{
	size_t		groups = job->groups;
	bool		any = false;

	for (size_t k = 0; k < job->nodes; k++)
		job->node[k].marked = false;
	for (size_t j = 0; j < job->sinks; j++)
	{
		job->sink[j].marked = is_short(job, j);
		any = any || job->sink[j].marked;
	}
	if (!any)
		return false;
	spread_marks(job);
	for (size_t group = 0; group < groups; group++)
		(void) split_group(job, group);
	return job->groups > groups;
}

static MerchStatus
carry(ClaimJob *job)
{
	bool		by_worth = claim_is_expected(job) && !job->pushing;
	TransportInput input = {
		.sources = job->nodes,
		.sinks = job->sinks,
		.supply = job->node_units,
		.need = job->sink_need,
		.cost = job->cost,
		.piece_start = by_worth ? job->piece_start : NULL,
		.piece_units = job->piece_units,
		.value = by_worth ? job->piece_value : NULL
	};

	return transport(&input, job->flow, job->price, job->solver, job->interrupt, job->fault);
}

/* Asks until all that is asked for, or all that is worth it, can be carried. */
static MerchStatus
ask_and_carry(ClaimJob *job)
{
	bool		by_worth = claim_is_expected(job) && !job->pushing;
	MerchStatus status;

	job->groups = 1;
	for (size_t k = 0; k < job->nodes; k++)
	{
		job->node[k].group = 0;
		job->node_units[k] = job->node[k].left / job->unit;
	}
	for (size_t j = 0; j < job->sinks; j++)
		job->sink[j].group = 0;
	do
	{
		status = by_worth ? claim_ask_by_worth(job) : claim_ask_by_share(job);
		if (status == MERCH_OK)
			status = carry(job);
	}
	while (status == MERCH_OK && !by_worth && split_groups(job));
	return status;
}

/* What a claim has of its source's levels. */
static int64_t
from_levels(const ClaimJob *job, size_t i)
{
	return job->shares[i].quantity - job->claims[i].fixed - job->shares[i].from_fence;
}

/* What a fence has left; whoever has one of its channel's lanes there, takes from it first. */
static void
settle_fence(ClaimJob *job, ClaimNode *fence)
{
	const ClaimRun *run = job->run;

	fence->left = fence->size;
	for (size_t i = run->from; i < run->to; i++)
		if (claim_reaches(job, i, fence))
			fence->left -= job->shares[i].from_fence;
	for (size_t k = 0; k < job->nodes; k++)
		for (size_t i = run->from; i < run->to && fence->left > 0; i++)
		{
			int64_t		units;

			if (job->node[k].fence || job->node[k].source != fence->source ||
				claim_available(job, i) != job->node[k].reach || !claim_reaches(job, i, fence))
				continue;
			units = lesser(fence->left, from_levels(job, i));
			job->shares[i].from_fence += units;
			fence->left -= units;
		}
}

/*
 * Which of several ways units came over is open where they cost the same. They are taken
 * from a fence rather than from a level, and from the level that the fewest reach, so
 * that the most is left for others.
 */
static void
settle(ClaimJob *job)
{
	int64_t		taken = 0;

	for (size_t k = 0; k < job->nodes && !job->pushing; k++)
		if (job->node[k].fence)
			settle_fence(job, &job->node[k]);
	for (size_t k = job->nodes; k > 0 && !job->node[k - 1].fence; k--)
	{
		ClaimNode  *node = &job->node[k - 1];

		if (k < job->nodes && job->node[k].source != node->source)
			taken = 0;
		for (size_t i = job->run->from; i < job->run->to; i++)
			if (job->index->source_of[i] == node->source && claim_available(job, i) == node->reach)
				taken += from_levels(job, i);
		node->left = node->size - lesser(node->size, taken);
		taken -= node->size - node->left;
	}
}

/* Cuts what flows over a lane down to whole packs, and books it. Returns the units. */
static int64_t
book_lane(ClaimJob *job, size_t sink, size_t i)
{
	int64_t		units = 0;
	int64_t		fenced = 0;

	for (size_t k = 0; k < job->nodes; k++)
	{
		int64_t    *flow = &job->flow[k * job->sinks + sink];

		if (!claim_reaches(job, i, &job->node[k]))
			continue;
		units += *flow * job->unit;
		if (job->node[k].fence)
			fenced += *flow * job->unit;
		/* another claim on the same lane must not have it, too */
		*flow = 0;
	}
	units -= units % job->claims[i].pack;
	job->shares[i].quantity += units;
	job->shares[i].from_fence += lesser(fenced, units);
	return units;
}

/* Asks, ships and books once; *placed is how many units moved. */
static MerchStatus
ship(ClaimJob *job, int64_t *placed)
{
	MerchStatus status = ask_and_carry(job);

	*placed = 0;
	for (size_t j = 0; j < job->sinks && status == MERCH_OK; j++)
		for (size_t i = job->sink[j].from; i < job->sink[j].to; i++)
		{
			int64_t		units = book_lane(job, j, i);

			job->sink[j].got += units;
			*placed += units;
		}
	if (*placed > 0)
		settle(job);
	return status;
}

/* Brings a sink one pack over its first lane that can. Returns the units. */
static int64_t
bring_pack(ClaimJob *job, const ClaimSink *sink)
{
	int64_t		pack = job->claims[sink->from].pack;

	for (size_t i = sink->from; i < sink->to; i++)
	{
		int64_t		left = 0;
		int64_t		fenced = 0;

		for (size_t k = 0; k < job->nodes; k++)
			if (claim_reaches(job, i, &job->node[k]))
			{
				left += job->node[k].left;
				fenced += job->node[k].fence ? job->node[k].left : 0;
			}
		if (left < pack)
			continue;
		job->shares[i].quantity += pack;
		job->shares[i].from_fence += lesser(fenced, pack);
		settle(job);
		return pack;
	}
	return 0;
}

/*
 * Where packs differ, flows over several lanes may all be cut to nothing: then a pack for
 * each who can still take one, in the order of the rows.
 */
static void
hand_out(ClaimJob *job, int64_t *placed)
{
	ApportionInput input;
	size_t		row = 0;

	for (size_t j = 0; j < job->sinks; j++)
		job->sink[j].group = 0;
	for (size_t k = 0; k < job->nodes; k++)
		job->node[k].group = 0;
	claim_collect_sinks(job, 0);
	input = claim_apportion_input(job, INT64_MAX);
	for (size_t j = 0; j < job->sinks && row < input.n; j++)
	{
		int64_t		floor;
		int64_t		ceiling;
		int64_t		units;

		if (job->columns.claim[row] != job->sink[j].from)
			continue;
		apportion_bounds(claim_apportion_method(job), &input, row++, &floor, &ceiling);
		if (ceiling < job->claims[job->sink[j].from].pack)
			continue;
		units = bring_pack(job, &job->sink[j]);
		job->sink[j].got += units;
		*placed += units;
	}
}

/* Splits what the nodes have until nothing more moves. */
static MerchStatus
fill(ClaimJob *job)
{
	bool		by_worth = claim_is_expected(job) && !job->pushing;
	int64_t		placed;
	MerchStatus status;

	do
	{
		status = ship(job, &placed);
		if (status == MERCH_OK && placed == 0 && !job->one_pack && !by_worth)
			hand_out(job, &placed);
	}
	while (placed > 0 && !job->one_pack && status == MERCH_OK);
	return status;
}

/* A location whose change is too small to be made is to keep what it has. */
static bool
pin_small_changes(ClaimJob *job)
{
	bool		pinned = false;

	for (size_t j = 0; j < job->sinks; j++)
	{
		const ClaimSink *sink = &job->sink[j];
		int64_t		current = CLAIM_NEW;

		for (size_t i = sink->from; i < sink->to; i++)
			if (job->claims[i].current != CLAIM_NEW)
				current = claim_add(greater(current, 0), job->claims[i].current);
		if (claim_pin_small_change(job, sink->from, current, sink->got))
			pinned = true;
	}
	return pinned;
}

static void
note_taken(ClaimJob *job)
{
	for (size_t i = job->run->from; i < job->run->to; i++)
	{
		size_t		source = job->index->source_of[i];
		const Share *share = &job->shares[i];
		ClaimFence *fence = job->index->fence;

		if (source == CLAIM_NO_SOURCE)
			continue;
		job->index->source[source].taken += share->quantity - job->claims[i].fixed - share->from_fence;
		if (share->from_fence == 0)
			continue;
		while (fence->source != source || fence->channel != job->claims[i].channel)
			fence++;
		fence->taken += share->from_fence;
	}
}

MerchStatus
claim_split_pooled(ClaimJob *job)
{
	MerchStatus status;

	make_sinks(job);
	do
	{
		make_nodes(job);
		start_shares(job);
		status = fill(job);
		if (status == MERCH_OK && job->run->pushes)
		{
			job->pushing = true;
			status = fill(job);
			job->pushing = false;
		}
	}
	while (status == MERCH_OK && job->run->renews && pin_small_changes(job));
	if (status == MERCH_OK)
		note_taken(job);
	return status;
}
