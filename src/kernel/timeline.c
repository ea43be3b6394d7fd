/*
 * timeline.c
 *	  What holds of periods that overlap: see timeline.h. Comparing is timeline_compare.c's.
 */
#include "heap.h"
#include "timeline.h"

typedef struct Resolution
{
	Heap		heap;			/* of the periods that have started, the one that holds on top */
	const TimelinePeriod *next; /* the first that has not */
	const TimelinePeriod *end;
	TimelineSpan *spans;
	size_t		n_spans;
	size_t		steps;
	bool		cancelled;
	MerchInterrupt interrupt;
} Resolution;

/* Rows have an order: periods that are alike in all else don't tie. */
static bool
outranks(const void *a, const void *b)
{
	const TimelinePeriod *x = a;
	const TimelinePeriod *y = b;

	if (x->priority != y->priority)
		return x->priority > y->priority;
	if (x->version != y->version)
		return x->version > y->version;
	if (x->seen != y->seen)
		return x->seen > y->seen;
	/* they ascend by from */
	return x > y;
}

static MerchStatus
check_sorted(const TimelinePeriod *periods, size_t n, MerchFault *fault)
{
	for (size_t i = 1; i < n; i++)
		if (periods[i].from < periods[i - 1].from)
		{
			fault->row = i;
			fault->value = periods[i].from;
			fault->limit = periods[i - 1].from;
			return MERCH_PERIODS_UNSORTED;
		}
	return MERCH_OK;
}

static void
add_span(Resolution *r, int64_t from, int64_t to, const TimelinePeriod *period)
{
	TimelineSpan *last = r->n_spans > 0 ? &r->spans[r->n_spans - 1] : NULL;

	if (last != NULL && last->to == from && last->amount == period->amount &&
		last->currency == period->currency && last->reference == period->reference)
	{
		last->to = to;
		if (period->seen > last->seen)
			last->seen = period->seen;
		return;
	}
	r->spans[r->n_spans++] = (TimelineSpan) {
		.from = from, .to = to, .amount = period->amount, .reference = period->reference,
		.seen = period->seen, .currency = period->currency
	};
}

static void
count_step(Resolution *r)
{
	if (++r->steps % MERCH_POLL_STEPS == 0 && r->interrupt())
		r->cancelled = true;
}

/* Takes the next period into the heap. */
static void
start_next(Resolution *r)
{
	count_step(r);
	if (r->next->to > r->next->from)
		heap_push(&r->heap, (void *) r->next);
	r->next++;
}

/*
 * From now on the top holds: until it ends, or one starts that outranks it. Others start
 * meanwhile, and hold later if they last longer. Returns until when it holds: if what outranks
 * it has no time, it holds on from then, and both spans become one.
 */
static int64_t
hold(Resolution *r, int64_t now)
{
	const TimelinePeriod *top = r->heap.items[0];
	int64_t		until = top->to;

	for (; !r->cancelled && r->next < r->end && r->next->from < until; start_next(r))
		if (outranks(r->next, top))
			until = r->next->from;
	add_span(r, now, until, top);
	return until;
}

/*
 * Each round adds a span or takes a period off the heap, and a span ends with the end of a
 * period or with the start of another: there are at most four times as many rounds as periods.
 */
static MerchStatus
resolve(Resolution *r)
{
	int64_t		now = INT64_MIN;

	while (!r->cancelled && (r->heap.n > 0 || r->next < r->end))
	{
		count_step(r);
		if (r->heap.n == 0)
			now = r->next->from;
		while (!r->cancelled && r->next < r->end && r->next->from <= now)
			start_next(r);
		if (r->heap.n == 0)
			continue;
		if (((const TimelinePeriod *) r->heap.items[0])->to <= now)
			heap_pop(&r->heap);
		else
			now = hold(r, now);
	}
	return r->cancelled ? MERCH_CANCELLED : MERCH_OK;
}

MerchStatus
timeline_resolve(const TimelinePeriod *periods, size_t n, TimelineSpan *spans, size_t *n_spans,
				 void **scratch, MerchInterrupt interrupt, MerchFault *fault)
{
	Resolution	r = {
		.heap = {.items = scratch, .before = outranks},
		.next = periods, .end = periods + n, .spans = spans, .interrupt = interrupt
	};
	MerchStatus status = check_sorted(periods, n, fault);

	if (status == MERCH_OK)
		status = resolve(&r);
	*n_spans = r.n_spans;
	return status;
}
