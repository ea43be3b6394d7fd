/*
 * transport_tree.h
 *	  The spanning tree of the transport simplex: shared by its parts, and by
 *	  nobody else.
 *
 * The network has the sources, the sinks and a root. Units that a sink does not
 * get travel from the root to the sink, at the cost of their value; supply that is
 * left over travels from its source to the root, at no cost. The tree hangs from
 * the root, in which levels of sources and of sinks alternate: the parent of a
 * sink is a source or the root, the parent of a source is a sink or the root. Most
 * sinks are leaves.
 *
 * Every node knows its parent. A sink lists the sources that hang from it, a source
 * those of its sinks that are no leaves; only what is below the root is listed.
 *
 * Every node knows the flow on the arc to its parent. All other lanes are empty,
 * and all other pieces of value are wholly served or wholly unserved.
 */
#ifndef MERCH_TRANSPORT_TREE_H
#define MERCH_TRANSPORT_TREE_H

#include "transport.h"

#define ROOT (-1)
#define NONE (-1)

/* A cost that no price makes attractive; finite, so that sums stay in range. */
#define NO_LANE_COST (INT64_C(1) << 62)

/* Prices stay within this; see transport_largest_cost(). */
#define PRICE_LIMIT (INT64_C(1) << 60)

typedef struct Sink
{
	int64_t		flow;			/* from its parent */
	int64_t		next;			/* value of the piece that would go unserved next */
	int64_t		last;			/* value of the piece that went unserved last */
	int64_t		tail;			/* units of its last piece, cut to the need */
	const int64_t *value;		/* of its pieces */
	const int64_t *units;		/* of all pieces but the last */
	int32_t		pieces;
	int32_t		edge;			/* pieces [0, edge) are served, the others are not; if the root
								 * is the parent, piece edge - 1 is the one on that arc */
	int32_t		parent;
	int32_t		child;			/* the first of the sources that hang from it, or NONE */
	int32_t		next_inner;		/* if it has a child: its neighbours among the sinks … */
	int32_t		previous_inner; /* … with children that hang from its parent */
	uint64_t	mark;
	size_t		number;			/* its place in the input */
} Sink;

typedef struct Source
{
	int64_t		flow;			/* to its parent */
	int32_t		parent;
	int32_t		inner;			/* the first sink with children that hangs from it, or NONE */
	int32_t		next;			/* its neighbours among the sources that hang from its parent */
	int32_t		previous;
	uint64_t	mark;
} Source;

typedef struct Tree
{
	int32_t		m;
	int32_t		n;				/* sinks that take part so far */
	Source	   *source;
	Sink	   *sink;
	int64_t    *cost;			/* [sink][source] */
	int64_t    *price;
	int64_t    *hint;			/* prices that the start goes by */
	int64_t    *supply;
	const int64_t *need;		/* of a sink, by its number */
	bool		turned;			/* sources are the input's pieces of value, sinks its sources */
	int32_t    *owner;			/* turned: the input's sink whose piece a source is */
	int64_t    *worth;			/* turned: the value of the piece; else 0 */
	int64_t    *left;			/* supply that the start has not given away yet */
	int32_t    *order;			/* the sinks that can take anything, as they come */
	int32_t    *exhausted;		/* sources, in the order in which the start used them up … */
	int32_t		hung;			/* … and how many there are */
	int64_t		unit_value;		/* what the pieces of all sinks point to where they have no value */
	uint64_t	mark;
	size_t		steps;
	MerchInterrupt interrupt;
} Tree;

/* What enters the basis, and how much its violation gains a unit. */
typedef enum EntryKind
{
	ENTER_NOTHING,
	ENTER_LANE,					/* from source to sink */
	ENTER_UNSERVED,				/* from the root to the sink */
	ENTER_SERVED,				/* from the sink back to the root */
	ENTER_LEFTOVER				/* from the source to the root */
} EntryKind;

typedef struct Entry
{
	EntryKind	kind;
	int64_t		gain;
	int32_t		source;
	int32_t		sink;
} Entry;

static inline bool
tree_cancelled(Tree *tree, size_t steps)
{
	tree->steps += steps;
	if (tree->steps < MERCH_POLL_STEPS)
		return false;
	tree->steps = 0;
	return tree->interrupt != NULL && tree->interrupt();
}

static inline const int64_t *
tree_costs(const Tree *tree, int32_t sink)
{
	return tree->cost + (size_t) sink * (size_t) tree->m;
}

static inline int64_t
sink_piece_units(const Sink *sink, int32_t piece)
{
	return piece == sink->pieces - 1 ? sink->tail : sink->units[piece];
}

/* Moves the border between what is served and what is not. */
static inline void
sink_set_edge(Sink *sink, int32_t edge)
{
	sink->edge = edge;
	sink->next = edge > 0 ? sink->value[edge - 1] : INT64_MAX;
	sink->last = edge < sink->pieces ? sink->value[edge] : INT64_MIN;
}

/* What a unit costs at the sink: over the arc to its parent, prices included. */
static inline int64_t
sink_price(const Tree *tree, int32_t sink)
{
	int32_t		parent = tree->sink[sink].parent;

	if (parent == ROOT)
		return tree->sink[sink].next;
	return tree_costs(tree, sink)[parent] + tree->price[parent];
}

/* Hangs a source without parent from a sink, or from the root. */
extern void transport_link_source(Tree *tree, int32_t source, int32_t sink);

/* False if interrupted. */
extern bool transport_load(Tree *tree, const TransportInput *input, void *scratch);

extern void transport_pivot(Tree *tree, const Entry *entry);

/* A feasible tree of n sinks and of what is left, by the hinted prices. False if interrupted. */
extern bool transport_start(Tree *tree);

/* Pivots until no arc gains. False if interrupted. */
extern bool transport_improve(Tree *tree);

#endif
