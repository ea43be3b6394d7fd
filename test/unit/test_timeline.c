/*
 * test_timeline.c
 *	  Timelines against a look at every cell of a grid of times, published cases, and
 *	  extreme values.
 */
#include "timeline.h"
#include "unit.h"

/* Times are 0 to CELLS - 1; the cells before and behind them reach to infinity. */
#define CELLS 12
#define GRID (CELLS + 1)
#define MOST 8
#define EUR 1
#define USD 2

/* What one side shows in each cell, found without the kernel. */
typedef struct Cell
{
	const TimelinePeriod *holds;	/* or NULL */
	int64_t		seen;			/* the latest of the cells around that show the same */
} Cell;

static int64_t
time_of(int edge)
{
	return edge <= 0 ? INT64_MIN : edge >= GRID ? INT64_MAX : edge - 1;
}

static int
edge_of(int64_t time)
{
	return time == INT64_MIN ? 0 : time == INT64_MAX ? GRID : (int) time + 1;
}

static int
by_from(const void *a, const void *b)
{
	int64_t		x = ((const TimelinePeriod *) a)->from;
	int64_t		y = ((const TimelinePeriod *) b)->from;

	return (x > y) - (x < y);
}

static size_t
random_periods(TimelinePeriod *periods, bool referenced)
{
	size_t		n = (size_t) random_below(MOST + 1);

	for (size_t i = 0; i < n; i++)
		periods[i] = (TimelinePeriod) {
			.from = time_of((int) random_below(GRID + 1)),
			.to = time_of((int) random_below(GRID + 1)),
			.priority = random_below(2), .version = random_below(2), .seen = random_below(CELLS),
			.amount = random_below(5), .currency = random_below(4) > 0 ? EUR : USD,
			.reference = referenced ? random_below(2) : 0
		};
	qsort(periods, n, sizeof(TimelinePeriod), by_from);
	return n;
}

static bool
wins(const TimelinePeriod *a, const TimelinePeriod *b)
{
	int64_t		x[] = {a->priority, a->version, a->seen, a->from};
	int64_t		y[] = {b->priority, b->version, b->seen, b->from};

	for (int i = 0; i < 4; i++)
		if (x[i] != y[i])
			return x[i] > y[i];
	return a > b;
}

static bool
shows(const Cell *cell, const Cell *other)
{
	const TimelinePeriod *a = cell->holds;
	const TimelinePeriod *b = other->holds;

	if (a == NULL || b == NULL)
		return a == b;
	return a->amount == b->amount && a->currency == b->currency && a->reference == b->reference;
}

static void
look(Cell *cells, const TimelinePeriod *periods, size_t n)
{
	for (int c = 0; c < GRID; c++)
	{
		cells[c].holds = NULL;
		for (size_t i = 0; i < n; i++)
			if (edge_of(periods[i].from) <= c && c < edge_of(periods[i].to) &&
				(cells[c].holds == NULL || wins(&periods[i], cells[c].holds)))
				cells[c].holds = &periods[i];
	}
	for (int c = 0; c < GRID; c++)
	{
		cells[c].seen = INT64_MIN;
		for (int from = c; from >= 0 && shows(&cells[from], &cells[c]); from--)
			if (cells[c].holds != NULL && cells[from].holds->seen > cells[c].seen)
				cells[c].seen = cells[from].holds->seen;
		for (int to = c; to < GRID && shows(&cells[to], &cells[c]); to++)
			if (cells[c].holds != NULL && cells[to].holds->seen > cells[c].seen)
				cells[c].seen = cells[to].holds->seen;
	}
}

static size_t
resolved(const TimelinePeriod *periods, size_t n, TimelineSpan *spans)
{
	void	  **scratch = malloc(n * sizeof(void *) + 1);
	size_t		n_spans;
	MerchFault	fault;

	assert_int_equal(timeline_resolve(periods, n, spans, &n_spans, scratch, interrupt_now, &fault), MERCH_OK);
	assert_true(n_spans <= TIMELINE_MAX_SPANS(n));
	free(scratch);
	return n_spans;
}

static void
what_holds_is_found(void **state)
{
	TimelinePeriod periods[MOST];
	TimelineSpan spans[TIMELINE_MAX_SPANS(MOST)];
	Cell		cells[GRID];

	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		size_t		n = random_periods(periods, true);
		size_t		n_spans = resolved(periods, n, spans);
		size_t		s = 0;

		look(cells, periods, n);
		for (int c = 0; c < GRID;)
		{
			int			end = c + 1;

			while (end < GRID && shows(&cells[end], &cells[c]))
				end++;
			if (cells[c].holds != NULL)
			{
				assert_true(s < n_spans);
				assert_true(spans[s].from == time_of(c) && spans[s].to == time_of(end));
				assert_true(spans[s].amount == cells[c].holds->amount);
				assert_true(spans[s].currency == cells[c].holds->currency);
				assert_true(spans[s].reference == cells[c].holds->reference);
				assert_true(spans[s].seen == cells[c].seen);
				s++;
			}
			c = end;
		}
		assert_int_equal(s, n_spans);
	}
}

/* Whether two cells show a price each, and the same but for the tolerance. */
static bool
near(const Cell *a, const Cell *b, const TimelineTerms *terms)
{
	return a != NULL && b != NULL && a->holds != NULL && b->holds != NULL &&
		a->holds->currency == b->holds->currency &&
		(uint64_t) llabs(a->holds->amount - b->holds->amount) <= terms->tolerance;
}

/* When what the cell shows began. */
static int64_t
begin_of(const Cell *cells, int at)
{
	while (at > 0 && shows(&cells[at - 1], &cells[at]))
		at--;
	return at > 0 ? time_of(at) : INT64_MIN;
}

/* The rules in their own words, for a difference over the cells from first to before end. */
static TimelineKind
kind_by_rules(const Cell *left, const Cell *right, int first, int end, const TimelineTerms *terms)
{
	const Cell *l = &left[first];
	const Cell *r = &right[first];
	const Cell *left_before = first > 0 ? &left[first - 1] : NULL;
	const Cell *left_after = end < GRID ? &left[end] : NULL;
	const Cell *right_before = first > 0 ? &right[first - 1] : NULL;
	const Cell *right_after = end < GRID ? &right[end] : NULL;
	bool		goes_on = right_after != NULL && shows(right_after, r);
	bool		went_before = right_before != NULL && shows(right_before, r);
	bool		late;
	bool		early;

	if (r->holds == NULL)
	{
		if (near(l, right_before, terms) && !near(l, right_after, terms))
			return TIMELINE_ENDS_EARLY;
		if (!near(l, right_before, terms) && near(l, right_after, terms))
			return TIMELINE_STARTS_LATE;
		return TIMELINE_MISSING;
	}
	if (l->holds == NULL)
	{
		if (near(r, left_before, terms) && !near(r, left_after, terms))
			return TIMELINE_ENDS_LATE;
		if (!near(r, left_before, terms) && near(r, left_after, terms))
			return TIMELINE_STARTS_EARLY;
		return TIMELINE_UNEXPECTED;
	}
	late = went_before && near(left_before, r, terms);
	early = goes_on && near(left_after, r, terms);
	if (late && !early && near(l, right_after, terms))
		return TIMELINE_STARTS_LATE;
	if (early && !late)
		return TIMELINE_STARTS_EARLY;
	if (begin_of(right, first) < begin_of(left, first) &&
		(r->seen > terms->right_seen ? r->seen : terms->right_seen) < begin_of(left, first))
		return TIMELINE_STALE;
	return l->holds->currency == r->holds->currency ? TIMELINE_WRONG_AMOUNT : TIMELINE_WRONG_CURRENCY;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Holds the differences against the cells; returns the kinds that were met, as bits. */
static unsigned
check_differences(const Cell *left, const Cell *right, const TimelineTerms *terms,
				  const TimelineDifference *differences, size_t n)
{
	size_t		d = 0;
	unsigned	kinds = 0;

	for (int c = 0, end; c < GRID; c = end)
	{
		const TimelineDifference *difference = &differences[d];

		for (end = c + 1; end < GRID && shows(&left[end], &left[c]) && shows(&right[end], &right[c]);)
			end++;
		if ((left[c].holds == NULL && right[c].holds == NULL) || near(&left[c], &right[c], terms) ||
			later(time_of(c), terms->from) >= earlier(time_of(end), terms->to))
			continue;
		assert_true(d < n);
		assert_true(difference->from == later(time_of(c), terms->from));
		assert_true(difference->to == earlier(time_of(end), terms->to));
		assert_true((difference->left == NULL) == (left[c].holds == NULL));
		assert_true((difference->right == NULL) == (right[c].holds == NULL));
		assert_true(difference->left == NULL || difference->left->amount == left[c].holds->amount);
		assert_true(difference->right == NULL || difference->right->amount == right[c].holds->amount);
		assert_int_equal(difference->kind, kind_by_rules(left, right, c, end, terms));
		kinds |= 1U << difference->kind;
		d++;
	}
	assert_int_equal(d, n);
	return kinds;
}

static size_t
compared(const TimelinePeriod *left, size_t n_left, const TimelinePeriod *right, size_t n_right,
		 const TimelineTerms *terms, TimelineSpan *spans, TimelineDifference *differences)
{
	size_t		left_spans = resolved(left, n_left, spans);
	size_t		right_spans = resolved(right, n_right, spans + left_spans);
	size_t		n;

	assert_int_equal(timeline_compare(spans, left_spans, spans + left_spans, right_spans, terms, differences, &n,
									  interrupt_now), MERCH_OK);
	assert_true(n <= TIMELINE_MAX_DIFFERENCES(left_spans, right_spans));
	return n;
}

static void
differences_are_found(void **state)
{
	TimelinePeriod left[MOST];
	TimelinePeriod right[MOST];
	TimelineSpan spans[2 * TIMELINE_MAX_SPANS(MOST)];
	TimelineDifference differences[4 * TIMELINE_MAX_SPANS(MOST)];
	Cell		left_cells[GRID];
	Cell		right_cells[GRID];
	unsigned	kinds = 0;

	(void) state;
	for (int round = 0; round < 40000; round++)
	{
		size_t		n_left = random_periods(left, false);
		size_t		n_right = random_periods(right, false);
		TimelineTerms terms = {
			.from = random_below(2) ? INT64_MIN : time_of((int) random_below(GRID)),
			.to = random_below(2) ? INT64_MAX : time_of((int) random_below(GRID)),
			.tolerance = (uint64_t) random_below(3),
			.right_seen = random_below(2) ? INT64_MIN : random_below(CELLS)
		};
		size_t		n;

		/* sides that have much in common */
		if (random_below(2) && n_left > 0)
		{
			memcpy(right, left, sizeof(left));
			n_right = n_left;
			right[random_below((int64_t) n_right)].amount++;
			right[random_below((int64_t) n_right)].to = time_of((int) random_below(GRID + 1));
		}
		n = compared(left, n_left, right, n_right, &terms, spans, differences);
		look(left_cells, left, n_left);
		look(right_cells, right, n_right);
		kinds |= check_differences(left_cells, right_cells, &terms, differences, n);
		if (timeline_same(left, n_left, right, n_right))
			assert_int_equal(n, 0);
	}
	/* each of them was met */
	assert_int_equal(kinds, (1U << TIMELINE_KINDS) - 1);
}

#define EVER INT64_MIN, INT64_MAX

static TimelinePeriod
price(int64_t from, int64_t to, int64_t amount)
{
	return (TimelinePeriod) {.from = from, .to = to, .amount = amount, .currency = EUR};
}

static void
published_cases(void **state)
{
	/* a promotion of a week that the right has a day late, and a lasting change it never had */
	TimelinePeriod left[] = {price(INT64_MIN, 10, 999), price(10, 17, 799), price(17, 30, 999), price(30, INT64_MAX, 1099)};
	TimelinePeriod right[] = {price(INT64_MIN, 11, 999), price(11, 17, 799), price(17, INT64_MAX, 999)};
	TimelineTerms terms = {EVER, .right_seen = 20};
	TimelineSpan spans[16];
	TimelineDifference differences[32];

	(void) state;
	assert_int_equal(compared(left, 4, right, 3, &terms, spans, differences), 2);
	assert_true(differences[0].from == 10 && differences[0].to == 11);
	assert_int_equal(differences[0].kind, TIMELINE_STARTS_LATE);
	assert_true(differences[1].from == 30 && differences[1].to == INT64_MAX);
	assert_int_equal(differences[1].kind, TIMELINE_STALE);
	/* seen since, it is no excuse */
	terms.right_seen = 31;
	assert_int_equal(compared(left, 4, right, 3, &terms, spans, differences), 2);
	assert_int_equal(differences[1].kind, TIMELINE_WRONG_AMOUNT);
	/* cents are let pass, an amount of 3.00 more is not */
	terms.tolerance = 299;
	assert_int_equal(compared(left, 4, right, 3, &terms, spans, differences), 0);
	/* the promotion not at all: the right has what is before and behind it */
	terms.tolerance = 0;
	right[0].to = INT64_MAX;
	assert_int_equal(compared(left, 3, right, 1, &terms, spans, differences), 2);
	assert_int_equal(differences[0].kind, TIMELINE_WRONG_AMOUNT);
	assert_int_equal(differences[1].kind, TIMELINE_ENDS_LATE);
	assert_true(differences[1].from == 30 && differences[1].right->from == INT64_MIN);
}

static void
same_sides(void **state)
{
	TimelinePeriod left[] = {price(0, 5, 1), price(5, 9, 2)};
	TimelinePeriod right[] = {price(0, 5, 1), price(5, 9, 2)};

	(void) state;
	assert_true(timeline_same(NULL, 0, NULL, 0));
	assert_true(timeline_same(left, 2, right, 2));
	assert_false(timeline_same(left, 2, right, 1));
	right[1].currency = USD;
	assert_false(timeline_same(left, 2, right, 2));
	right[1] = left[1];
	right[1].to = left[1].to = 5;
	assert_false(timeline_same(left, 2, right, 2));
	/* where they overlap, ranks decide that it does not look at */
	left[1] = right[1] = price(4, 9, 2);
	assert_false(timeline_same(left, 2, right, 2));
}

static void
extreme_values(void **state)
{
	TimelinePeriod left[] = {price(EVER, INT64_MAX)};
	TimelinePeriod right[] = {price(EVER, INT64_MIN)};
	TimelineTerms terms = {EVER, .tolerance = UINT64_MAX - 1, .right_seen = INT64_MIN};
	TimelineSpan spans[8];
	TimelineDifference differences[8];

	(void) state;
	assert_int_equal(resolved(NULL, 0, spans), 0);
	assert_int_equal(compared(left, 0, right, 0, &terms, spans, differences), 0);
	assert_int_equal(compared(left, 1, right, 1, &terms, spans, differences), 1);
	assert_true(differences[0].from == INT64_MIN && differences[0].to == INT64_MAX);
	terms.tolerance = UINT64_MAX;
	assert_int_equal(compared(left, 1, right, 1, &terms, spans, differences), 0);
	assert_int_equal(compared(left, 1, right, 0, &terms, spans, differences), 1);
	assert_int_equal(differences[0].kind, TIMELINE_MISSING);
	/* a window without time */
	terms.from = terms.to = 3;
	assert_int_equal(compared(left, 1, right, 0, &terms, spans, differences), 0);
	/* the last and the first moment that there are */
	left[0] = price(INT64_MAX - 1, INT64_MAX, 1);
	right[0] = price(INT64_MIN, INT64_MIN + 1, 1);
	terms = (TimelineTerms) {EVER, .right_seen = INT64_MIN};
	assert_int_equal(compared(left, 1, right, 1, &terms, spans, differences), 2);
	assert_int_equal(differences[0].kind, TIMELINE_UNEXPECTED);
	assert_int_equal(differences[1].kind, TIMELINE_MISSING);
	/* no time at all */
	left[0] = price(INT64_MAX, INT64_MIN, 1);
	assert_int_equal(resolved(left, 1, spans), 0);
}

/* Nested, the inner ones above the outer: as many spans as there can be. */
static void
many_periods(void **state)
{
	size_t		n = 20000;
	TimelinePeriod *periods = malloc(n * sizeof(TimelinePeriod));
	TimelineSpan *spans = malloc(TIMELINE_MAX_SPANS(n) * sizeof(TimelineSpan));
	TimelineDifference *differences = malloc(TIMELINE_MAX_DIFFERENCES(2 * n, 0) * sizeof(TimelineDifference));
	void	  **scratch = malloc(n * sizeof(void *));
	TimelineTerms terms = {EVER, .right_seen = INT64_MIN};
	MerchFault	fault;
	size_t		n_spans;
	size_t		n_differences;

	(void) state;
	for (size_t i = 0; i < n; i++)
	{
		periods[i] = price((int64_t) i, (int64_t) (2 * n - i), (int64_t) i);
		periods[i].priority = (int64_t) i;
	}
	allow_polls(1000);
	assert_int_equal(timeline_resolve(periods, n, spans, &n_spans, scratch, interrupt_later, &fault), MERCH_OK);
	assert_int_equal(n_spans, 2 * n - 1);
	assert_true(polls > 0);
	for (size_t i = 0; i < n_spans; i++)
		assert_true(spans[i].amount == (int64_t) (i < n ? i : 2 * n - 2 - i));
	assert_int_equal(timeline_compare(spans, n_spans, NULL, 0, &terms, differences, &n_differences, interrupt_later), MERCH_OK);
	assert_int_equal(n_differences, n_spans);

	assert_int_equal(timeline_resolve(periods, n, spans, &n_spans, scratch, interrupt_now, &fault), MERCH_CANCELLED);
	assert_int_equal(timeline_compare(spans, 2 * n - 1, NULL, 0, &terms, differences, &n_differences, interrupt_now), MERCH_CANCELLED);
	/* all of them start at once */
	for (size_t i = 0; i < n; i++)
		periods[i].from = 0;
	assert_int_equal(timeline_resolve(periods, n, spans, &n_spans, scratch, interrupt_now, &fault), MERCH_CANCELLED);

	periods[7].from = 9;
	assert_int_equal(timeline_resolve(periods, n, spans, &n_spans, scratch, interrupt_now, &fault), MERCH_PERIODS_UNSORTED);
	assert_int_equal(fault.row, 8);
	assert_true(fault.value == 0 && fault.limit == 9);
	free(periods);
	free(spans);
	free(differences);
	free(scratch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_holds_is_found),
		cmocka_unit_test(differences_are_found),
		cmocka_unit_test(published_cases),
		cmocka_unit_test(same_sides),
		cmocka_unit_test(extreme_values),
		cmocka_unit_test(many_periods)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
