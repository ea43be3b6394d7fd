/*
 * timeline_compare.c
 *	  Where two timelines differ, and how: see timeline.h.
 */
#include "timeline.h"

/* One side of the merge: the span that holds from now on, if any, and its neighbours. */
typedef struct Side
{
	const TimelineSpan *spans;
	size_t		n;
	size_t		i;				/* the first that has not ended */
	const TimelineSpan *now;	/* or NULL */
} Side;

/* What one side has before, during and after a difference. */
typedef struct Neighbours
{
	const TimelineSpan *before;
	const TimelineSpan *now;
	const TimelineSpan *after;
} Neighbours;

typedef struct Comparison
{
	Side		left;
	Side		right;
	const TimelineTerms *terms;
	TimelineDifference *differences;
	size_t		n_differences;
} Comparison;

bool
timeline_same(const TimelinePeriod *left, size_t n_left, const TimelinePeriod *right, size_t n_right)
{
	if (n_left != n_right)
		return false;
	for (size_t i = 0; i < n_left; i++)
		if (left[i].from != right[i].from || left[i].to != right[i].to ||
			left[i].amount != right[i].amount || left[i].currency != right[i].currency ||
			left[i].from >= left[i].to || (i > 0 && left[i].from < left[i - 1].to))
			return false;
	return true;
}

/* The same price, where both are one. */
static bool
alike(const TimelineSpan *a, const TimelineSpan *b, const TimelineTerms *terms)
{
	uint64_t	apart;

	if (a == NULL || b == NULL || a->currency != b->currency)
		return false;
	apart = a->amount > b->amount ? (uint64_t) a->amount - (uint64_t) b->amount :
		(uint64_t) b->amount - (uint64_t) a->amount;
	return apart <= terms->tolerance;
}

static void
place(Side *side, int64_t now)
{
	side->now = side->i < side->n && side->spans[side->i].from <= now ? &side->spans[side->i] : NULL;
}

/* When the side changes next, after now. */
static int64_t
next_change(const Side *side)
{
	if (side->now != NULL)
		return side->now->to;
	return side->i < side->n ? side->spans[side->i].from : INT64_MAX;
}

/* What the side has just before from, and just after to: the same as now, if that goes on. */
static Neighbours
neighbours(const Side *side, int64_t from, int64_t to)
{
	const TimelineSpan *now = side->now;
	size_t		next = side->i + (now != NULL);
	Neighbours	result = {.now = now};

	if (now != NULL && now->from < from)
		result.before = now;
	else if (side->i > 0 && side->spans[side->i - 1].to == from)
		result.before = &side->spans[side->i - 1];
	if (now != NULL && now->to > to)
		result.after = now;
	else if (next < side->n && side->spans[next].from == to)
		result.after = &side->spans[next];
	return result;
}

/* The right's price is from before the left's, and nobody has looked since that began. */
static bool
is_stale(const TimelineSpan *left, const TimelineSpan *right, const TimelineTerms *terms)
{
	return right->from < left->from && right->seen < left->from && terms->right_seen < left->from;
}

static TimelineKind
kind_of_two(const Neighbours *left, const Neighbours *right, const TimelineTerms *terms)
{
	bool		late = right->before == right->now && alike(left->before, right->now, terms);
	bool		early = right->after == right->now && alike(left->after, right->now, terms);

	if (late && !early && alike(left->now, right->after, terms))
		return TIMELINE_STARTS_LATE;
	if (early && !late)
		return TIMELINE_STARTS_EARLY;
	if (is_stale(left->now, right->now, terms))
		return TIMELINE_STALE;
	return left->now->currency != right->now->currency ? TIMELINE_WRONG_CURRENCY : TIMELINE_WRONG_AMOUNT;
}

static TimelineKind
kind_of(const Neighbours *left, const Neighbours *right, const TimelineTerms *terms)
{
	bool		before;
	bool		after;

	if (left->now != NULL && right->now != NULL)
		return kind_of_two(left, right, terms);
	if (right->now == NULL)
	{
		before = alike(left->now, right->before, terms);
		after = alike(left->now, right->after, terms);
		return before == after ? TIMELINE_MISSING : after ? TIMELINE_STARTS_LATE : TIMELINE_ENDS_EARLY;
	}
	before = alike(right->now, left->before, terms);
	after = alike(right->now, left->after, terms);
	return before == after ? TIMELINE_UNEXPECTED : after ? TIMELINE_STARTS_EARLY : TIMELINE_ENDS_LATE;
}

static void
add_difference(Comparison *c, int64_t from, int64_t to)
{
	int64_t		cut_from = from > c->terms->from ? from : c->terms->from;
	int64_t		cut_to = to < c->terms->to ? to : c->terms->to;
	Neighbours	left;
	Neighbours	right;

	if (cut_from >= cut_to)
		return;
	left = neighbours(&c->left, from, to);
	right = neighbours(&c->right, from, to);
	c->differences[c->n_differences++] = (TimelineDifference) {
		.from = cut_from, .to = cut_to, .left = left.now, .right = right.now,
		.kind = kind_of(&left, &right, c->terms)
	};
}

/* Passes what has ended. */
static void
advance(Side *side, int64_t now)
{
	if (side->i < side->n && side->spans[side->i].to <= now)
		side->i++;
}

MerchStatus
timeline_compare(const TimelineSpan *left, size_t n_left, const TimelineSpan *right, size_t n_right,
				 const TimelineTerms *terms, TimelineDifference *differences, size_t *n_differences,
				 MerchInterrupt interrupt)
{
	Comparison	c = {
		.left = {.spans = left, .n = n_left}, .right = {.spans = right, .n = n_right},
		.terms = terms, .differences = differences
	};
	int64_t		now = INT64_MIN;

	*n_differences = 0;
	for (size_t step = 1; c.left.i < n_left || c.right.i < n_right; step++)
	{
		int64_t		change;
		int64_t		other;

		if (step % MERCH_POLL_STEPS == 0 && interrupt())
			return MERCH_CANCELLED;
		place(&c.left, now);
		place(&c.right, now);
		change = next_change(&c.left);
		other = next_change(&c.right);
		if (other < change)
			change = other;
		if ((c.left.now != NULL || c.right.now != NULL) && !alike(c.left.now, c.right.now, terms))
			add_difference(&c, now, change);
		now = change;
		advance(&c.left, now);
		advance(&c.right, now);
	}
	*n_differences = c.n_differences;
	return MERCH_OK;
}
