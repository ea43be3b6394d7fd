/*
 * transport_pivot.c
 *	  One pivot of the transport simplex.
 *
 * The entering arc closes a cycle. Flow is sent around it until an arc is empty or
 * full; that arc leaves the tree, and the part that it cut off hangs from the
 * entering arc instead.
 *
 * In the direction of the flow the cycle runs from its highest node down to the
 * tail of the entering arc, over the entering arc, and up again. Going up, flow
 * takes units back from sinks and adds to what leaves the sources; going down it
 * does the opposite. Of several arcs that could leave, the last one in this order
 * does: that keeps all trees strongly feasible (every node could send a unit more
 * to the root), so that the simplex can't cycle.
 */
#include "transport_tree.h"

/* The node whose parent arc leaves; neither: the entering arc is the first to fill. */
typedef struct Leaving
{
	int64_t		amount;
	int32_t		source;
	int32_t		sink;
	bool		above_head;		/* it lies between the head of the entering arc and the top */
} Leaving;

/* Marks the nodes from a source to the root. */
static void
mark_ancestors(Tree *tree, int32_t source)
{
	tree->mark++;
	while (source != ROOT)
	{
		int32_t		sink = tree->source[source].parent;

		tree->source[source].mark = tree->mark;
		if (sink == ROOT)
			break;
		tree->sink[sink].mark = tree->mark;
		source = tree->sink[sink].parent;
	}
}

/*
 * Looks for the least flow on the way from a sink up to a marked node or the root;
 * a source's arc can always take more. Returns the node where the way ends, as
 * *top_source or *top_sink; both NONE for the root.
 */
static void
limit_upward(const Tree *tree, int32_t sink, Leaving *leaving, int32_t *top_source,
			 int32_t *top_sink)
{
	*top_source = *top_sink = NONE;
	for (;;)
	{
		const Sink *s = &tree->sink[sink];

		if (s->mark == tree->mark)
		{
			*top_sink = sink;
			return;
		}
		if (s->flow <= leaving->amount)
			*leaving = (Leaving) {s->flow, NONE, sink, true};
		if (s->parent == ROOT)
			return;
		if (tree->source[s->parent].mark == tree->mark)
		{
			*top_source = s->parent;
			return;
		}
		sink = tree->source[s->parent].parent;
		if (sink == ROOT)
			return;
	}
}

/* The same against the direction of the flow, from a node up to the top. */
static void
limit_downward(const Tree *tree, int32_t source, int32_t sink, int32_t top_source,
			   int32_t top_sink, Leaving *leaving)
{
	for (;;)
	{
		if (source != NONE)
		{
			const Source *s = &tree->source[source];

			if (source == top_source)
				return;
			if (s->flow < leaving->amount)
				*leaving = (Leaving) {s->flow, source, NONE, false};
			sink = s->parent;
			if (sink == ROOT)
				return;
		}
		if (sink == top_sink)
			return;
		source = tree->sink[sink].parent;
		if (source == ROOT)
		{
			const Sink *s = &tree->sink[sink];
			int64_t		room = sink_piece_units(s, s->edge - 1) - s->flow;

			if (room < leaving->amount)
				*leaving = (Leaving) {room, NONE, sink, false};
			return;
		}
	}
}

/* Sends an amount upward from a node to the top; downward if it is negative. */
static void
send(Tree *tree, int32_t source, int32_t sink, int32_t top_source, int32_t top_sink,
	 int64_t amount)
{
	for (;;)
	{
		if (source != NONE)
		{
			if (source == top_source)
				return;
			tree->source[source].flow += amount;
			sink = tree->source[source].parent;
			if (sink == ROOT)
				return;
		}
		if (sink == top_sink)
			return;
		tree->sink[sink].flow -= amount;
		source = tree->sink[sink].parent;
		if (source == ROOT)
			return;
	}
}

/* Adds a sink that has children, and a parent, to the list of its parent. */
static void
link_inner(Tree *tree, int32_t sink)
{
	Sink	   *s = &tree->sink[sink];
	Source	   *parent = &tree->source[s->parent];

	s->previous_inner = NONE;
	s->next_inner = parent->inner;
	if (parent->inner != NONE)
		tree->sink[parent->inner].previous_inner = sink;
	parent->inner = sink;
}

static void
unlink_inner(Tree *tree, int32_t sink)
{
	Sink	   *s = &tree->sink[sink];

	if (s->next_inner != NONE)
		tree->sink[s->next_inner].previous_inner = s->previous_inner;
	if (s->previous_inner != NONE)
		tree->sink[s->previous_inner].next_inner = s->next_inner;
	else
		tree->source[s->parent].inner = s->next_inner;
}

void
transport_link_source(Tree *tree, int32_t source, int32_t sink)
{
	Source	   *s = &tree->source[source];
	int32_t		first;

	s->parent = sink;
	if (sink == ROOT)
		return;
	first = tree->sink[sink].child;
	s->previous = NONE;
	s->next = first;
	tree->sink[sink].child = source;
	if (first != NONE)
		tree->source[first].previous = source;
	else if (tree->sink[sink].parent != ROOT)
		link_inner(tree, sink);
}

static void
unlink_source(Tree *tree, int32_t source)
{
	Source	   *s = &tree->source[source];
	int32_t		sink = s->parent;

	if (sink == ROOT)
		return;
	if (s->next != NONE)
		tree->source[s->next].previous = s->previous;
	if (s->previous != NONE)
		tree->source[s->previous].next = s->next;
	else
		tree->sink[sink].child = s->next;
	if (tree->sink[sink].child == NONE && tree->sink[sink].parent != ROOT)
		unlink_inner(tree, sink);
}

static void
set_sink_parent(Tree *tree, int32_t sink, int32_t parent)
{
	Sink	   *s = &tree->sink[sink];

	if (s->child != NONE && s->parent != ROOT)
		unlink_inner(tree, sink);
	s->parent = parent;
	if (s->child != NONE && parent != ROOT)
		link_inner(tree, sink);
}

/*
 * Turns the arcs from a node (a source, or a sink where source is NONE) up to the
 * leaving one around and hangs the node from a new parent.
 */
static void
rehang(Tree *tree, int32_t source, int32_t sink, int32_t parent, int64_t flow,
	   const Leaving *leaving)
{
	for (;;)
	{
		int32_t		old_parent;
		int64_t		old_flow;

		if (source == NONE)
		{
			Sink	   *s = &tree->sink[sink];

			old_parent = s->parent;
			old_flow = s->flow;
			/* a piece that leaves is wholly served, or wholly unserved */
			if (old_parent == ROOT && old_flow > 0)
				sink_set_edge(s, s->edge - 1);
			set_sink_parent(tree, sink, parent);
			s->flow = flow;
			if (leaving->sink == sink)
				return;
			parent = sink;
			flow = old_flow;
			source = old_parent;
		}
		old_parent = tree->source[source].parent;
		old_flow = tree->source[source].flow;
		unlink_source(tree, source);
		transport_link_source(tree, source, parent);
		tree->source[source].flow = flow;
		if (leaving->source == source)
			return;
		parent = source;
		flow = old_flow;
		sink = old_parent;
		source = NONE;
	}
}

/*
 * The source after the given one in a walk through all that lies below a node (a
 * source, or a sink where top_source is NONE); NONE behind the last.
 */
static int32_t
next_below(const Tree *tree, int32_t source, int32_t top_source, int32_t top_sink)
{
	if (tree->source[source].inner != NONE)
		return tree->sink[tree->source[source].inner].child;
	while (source != top_source)
	{
		int32_t		sink = tree->source[source].parent;

		if (tree->source[source].next != NONE)
			return tree->source[source].next;
		if (sink == top_sink)
			return NONE;
		if (tree->sink[sink].next_inner != NONE)
			return tree->sink[tree->sink[sink].next_inner].child;
		source = tree->sink[sink].parent;
	}
	return NONE;
}

/* Changes the prices of a source, or of those below a sink, and of all below them. */
static void
shift_prices(Tree *tree, int32_t top_source, int32_t top_sink, int64_t by)
{
	int32_t		source = top_source != NONE ? top_source : tree->sink[top_sink].child;

	while (source != NONE)
	{
		tree->price[source] += by;
		source = next_below(tree, source, top_source, top_sink);
	}
}

/* The part below a sink has been cut off and hangs from a new parent of the sink. */
static void
move_sink(Tree *tree, int32_t sink, int32_t parent, int64_t flow, const Leaving *leaving)
{
	int64_t		price = sink_price(tree, sink);

	rehang(tree, NONE, sink, parent, flow, leaving);
	if (tree->sink[sink].child != NONE)
		shift_prices(tree, NONE, sink, sink_price(tree, sink) - price);
}

/* The same for a source; its new parent is a sink or the root. */
static void
move_source(Tree *tree, int32_t source, int32_t parent, int64_t flow, const Leaving *leaving)
{
	int64_t		price = 0;

	if (parent != ROOT)
		price = sink_price(tree, parent) - tree_costs(tree, parent)[source];
	rehang(tree, source, NONE, parent, flow, leaving);
	shift_prices(tree, source, NONE, price - tree->price[source]);
}

static void
enter_lane(Tree *tree, int32_t source, int32_t sink)
{
	Leaving		leaving = {INT64_MAX, NONE, NONE, false};
	Leaving		upward = {INT64_MAX, NONE, NONE, false};
	int32_t		top_source;
	int32_t		top_sink;

	mark_ancestors(tree, source);
	limit_upward(tree, sink, &upward, &top_source, &top_sink);
	limit_downward(tree, source, NONE, top_source, top_sink, &leaving);
	if (upward.above_head && upward.amount <= leaving.amount)
		leaving = upward;
	if (leaving.amount != 0)
	{
		send(tree, NONE, sink, top_source, top_sink, leaving.amount);
		send(tree, source, NONE, top_source, top_sink, -leaving.amount);
	}
	if (leaving.above_head)
		move_sink(tree, sink, source, leaving.amount, &leaving);
	else
		move_source(tree, source, sink, leaving.amount, &leaving);
}

/* Units of the next piece go unserved. */
static void
enter_unserved(Tree *tree, int32_t sink)
{
	Sink	   *s = &tree->sink[sink];
	Leaving		leaving = {sink_piece_units(s, s->edge - 1), NONE, NONE, false};
	int32_t		top_source;
	int32_t		top_sink;

	tree->mark++;
	limit_upward(tree, sink, &leaving, &top_source, &top_sink);
	send(tree, NONE, sink, NONE, NONE, leaving.amount);
	if (leaving.above_head)
		move_sink(tree, sink, ROOT, leaving.amount, &leaving);
	else
		sink_set_edge(s, s->edge - 1);
}

/* Units of the piece that went unserved last are served again. */
static void
enter_served(Tree *tree, int32_t sink)
{
	Sink	   *s = &tree->sink[sink];
	int64_t		units = sink_piece_units(s, s->edge);
	Leaving		leaving = {INT64_MAX, NONE, NONE, false};
	int64_t		price = sink_price(tree, sink);

	limit_downward(tree, NONE, sink, NONE, NONE, &leaving);
	if (units <= leaving.amount)
		leaving = (Leaving) {units, NONE, NONE, false};
	send(tree, NONE, sink, NONE, NONE, -leaving.amount);
	sink_set_edge(s, s->edge + 1);
	if (leaving.source == NONE && leaving.sink == NONE)
		return;
	rehang(tree, NONE, sink, ROOT, units - leaving.amount, &leaving);
	if (s->child != NONE)
		shift_prices(tree, NONE, sink, sink_price(tree, sink) - price);
}

/* The source keeps units that it shipped at a negative price. */
static void
enter_leftover(Tree *tree, int32_t source)
{
	Leaving		leaving = {INT64_MAX, NONE, NONE, false};

	limit_downward(tree, source, NONE, NONE, NONE, &leaving);
	send(tree, source, NONE, NONE, NONE, -leaving.amount);
	move_source(tree, source, ROOT, leaving.amount, &leaving);
}

void
transport_pivot(Tree *tree, const Entry *entry)
{
	switch (entry->kind)
	{
		case ENTER_LANE:
			enter_lane(tree, entry->source, entry->sink);
			break;
		case ENTER_UNSERVED:
			enter_unserved(tree, entry->sink);
			break;
		case ENTER_SERVED:
			enter_served(tree, entry->sink);
			break;
		case ENTER_LEFTOVER:
			enter_leftover(tree, entry->source);
			break;
		case ENTER_NOTHING:
			break;
	}
}
