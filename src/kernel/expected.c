/*
 * expected.c
 *	  Splits a supply by marginal allocation: floors first, then the packs that are
 *	  worth most.
 */
#include "expected_row.h"
#include "heap.h"

#include <math.h>
#include <string.h>

typedef struct Solver
{
	ExpectedJob job;
	ExpectedRow *rows;
	Stair	   *saved;			/* where the rows of work stood */
	ExpectedRow **work;			/* the rows under consideration; a heap at times */
	size_t		n;				/* of them */
	int64_t		left;
} Solver;

/* The rows' doubles want more alignment than a caller may give. */
size_t
expected_scratch_size(size_t n)
{
	return _Alignof(ExpectedRow) + n * (sizeof(ExpectedRow) + sizeof(Stair) + sizeof(ExpectedRow *));
}

static void
divide_scratch(Solver *solver, void *scratch, size_t n)
{
	uintptr_t	address = (uintptr_t) scratch + _Alignof(ExpectedRow) - 1;

	solver->rows = (ExpectedRow *) (address - address % _Alignof(ExpectedRow));
	solver->saved = (Stair *) (solver->rows + n);
	solver->work = (ExpectedRow **) (solver->saved + n);
}

static bool
served_before(const void *a, const void *b)
{
	return expected_row_precedes(a, b);
}

static bool
next_pack_before(const void *a, const void *b)
{
	const ExpectedRow *ra = a;
	const ExpectedRow *rb = b;

	if (ra->stair.worth != rb->stair.worth)
		return ra->stair.worth > rb->stair.worth;
	return expected_row_precedes(ra, rb);
}

static MerchStatus
load_rows(Solver *solver, const ExpectedInput *input, int *shift, MerchFault *fault)
{
	MerchStatus status = expected_find_shift(input, shift, fault);

	for (size_t i = 0; i < input->n && status == MERCH_OK; i++)
	{
		if (expected_cancelled(&solver->job, 1))
			return MERCH_CANCELLED;
		status = expected_load_row(input, *shift, i, &solver->rows[i], fault);
	}
	return status;
}

/* Serves floors that exceed the supply, in order and in whole packs. */
static MerchStatus
ration_floors(Solver *solver, size_t n)
{
	Heap		heap;

	for (size_t i = 0; i < n; i++)
		solver->work[i] = &solver->rows[i];
	if (!heap_build(&heap, (void **) solver->work, n, served_before, solver->job.interrupt))
		return MERCH_CANCELLED;
	while (heap.n > 0)
	{
		ExpectedRow *row = heap_pop(&heap);

		if (expected_cancelled(&solver->job, 1))
			return MERCH_CANCELLED;
		row->stair.quantity = row->floor <= solver->left ? row->floor :
			solver->left - solver->left % row->pack;
		solver->left -= row->stair.quantity;
	}
	return MERCH_OK;
}

static MerchStatus
serve_floors(Solver *solver, size_t n)
{
	int64_t		rest = solver->left;

	for (size_t i = 0; i < n; i++)
	{
		if (solver->rows[i].floor > rest)
			return ration_floors(solver, n);
		solver->rows[i].stair.quantity = solver->rows[i].floor;
		rest -= solver->rows[i].floor;
	}
	solver->left = rest;
	return MERCH_OK;
}

static bool
can_take(const Solver *solver, const ExpectedRow *row)
{
	return row->stair.worth > 0 && row->pack <= solver->left;
}

/* Collects in work the rows that can still take something. */
static void
collect(Solver *solver, size_t n)
{
	solver->n = 0;
	for (size_t i = 0; i < n; i++)
		if (can_take(solver, &solver->rows[i]))
			solver->work[solver->n++] = &solver->rows[i];
}

/* Puts rows on their staircases, behind their floors. */
static MerchStatus
start_stairs(Solver *solver, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		MerchStatus status = stair_start(&solver->job, &solver->rows[i],
										 solver->rows[i].stair.quantity);

		if (status != MERCH_OK)
			return status;
	}
	collect(solver, n);
	return MERCH_OK;
}

/* Takes a row's packs that are worth more than the threshold; *left < 0 if too many are. */
static MerchStatus
advance_row(Solver *solver, ExpectedRow *row, int64_t threshold, int64_t *left)
{
	int64_t		fit = *left / row->pack;
	int64_t		packs;
	MerchStatus status = stair_take(&solver->job, row, threshold, fit, &packs);

	*left -= packs * row->pack;
	if (row->stair.worth > threshold)
		*left = -1;
	return status;
}

/*
 * Grants all packs that are worth more than the threshold, or, if they exceed what is
 * left, none of them.
 */
static MerchStatus
try_threshold(Solver *solver, int64_t threshold, bool *fits)
{
	int64_t		left = solver->left;
	size_t		i;

	for (i = 0; i < solver->n && left >= 0; i++)
	{
		ExpectedRow *row = solver->work[i];
		MerchStatus status;

		solver->saved[i] = row->stair;
		status = advance_row(solver, row, threshold, &left);
		if (status != MERCH_OK)
			return status;
	}
	*fits = left >= 0;
	if (*fits)
		solver->left = left;
	else
		while (i-- > 0)
			solver->work[i]->stair = solver->saved[i];
	return MERCH_OK;
}

static int64_t
smallest_pack(const Solver *solver)
{
	int64_t		least = INT64_MAX;

	for (size_t i = 0; i < solver->n; i++)
		if (solver->work[i]->pack < least)
			least = solver->work[i]->pack;
	return least;
}

static int64_t
greatest_worth(const Solver *solver)
{
	int64_t		most = 0;

	for (size_t i = 0; i < solver->n; i++)
		if (solver->work[i]->stair.worth > most)
			most = solver->work[i]->stair.worth;
	return most;
}

/*
 * Bisects for the least threshold whose packs fit, keeping all that fits on the way. What a
 * threshold takes too much is at most what is left, which is less and less.
 */
static MerchStatus
grant_by_threshold(Solver *solver, size_t n)
{
	int64_t		pack = smallest_pack(solver);
	int64_t		low = -1;		/* too much, or not to be asked */
	int64_t		high = greatest_worth(solver);

	/* with less than a pack for each row the heap is faster */
	while (high - low > 1 && solver->n > 0 && solver->left / pack >= (int64_t) solver->n)
	{
		int64_t		middle = low + (high - low) / 2;
		bool		fits;
		MerchStatus status = try_threshold(solver, middle, &fits);

		if (status != MERCH_OK)
			return status;
		if (fits)
		{
			high = middle;
			collect(solver, n);
		}
		else
			low = middle;
	}
	return MERCH_OK;
}

/* Grants the pack that is worth most and fits, until none does. */
static MerchStatus
grant_by_heap(Solver *solver)
{
	Heap		heap;

	if (!heap_build(&heap, (void **) solver->work, solver->n, next_pack_before,
					solver->job.interrupt))
		return MERCH_CANCELLED;
	while (heap.n > 0)
	{
		ExpectedRow *row = heap.items[0];
		int64_t		worth = row->stair.worth;

		if (expected_cancelled(&solver->job, 1))
			return MERCH_CANCELLED;
		if (row->pack <= solver->left)
		{
			int64_t		packs;
			MerchStatus status = stair_take(&solver->job, row, worth - 1,
											solver->left / row->pack, &packs);

			if (status != MERCH_OK)
				return status;
			solver->left -= packs * row->pack;
		}
		if (!can_take(solver, row))
			heap_pop(&heap);
		else if (row->stair.worth != worth)
			heap_sift_top(&heap);
	}
	return MERCH_OK;
}

static void
set_price(const Solver *solver, size_t n, int shift, ExpectedPrice *price)
{
	int64_t		granted = INT64_MAX;
	int64_t		refused = 0;

	for (size_t i = 0; i < n; i++)
	{
		const Stair *stair = &solver->rows[i].stair;

		if (stair->last > 0 && stair->last < granted)
			granted = stair->last;
		if (stair->worth > refused)
			refused = stair->worth;
	}
	price->granted = granted == INT64_MAX ? HUGE_VAL : ldexp((double) granted, -shift);
	price->refused = ldexp((double) refused, -shift);
	price->quantum = ldexp(1, -shift);
}

static MerchStatus
solve(Solver *solver, size_t n)
{
	MerchStatus status = serve_floors(solver, n);

	if (status == MERCH_OK)
		status = start_stairs(solver, n);
	if (status == MERCH_OK && solver->n > 0)
		status = grant_by_threshold(solver, n);
	if (status == MERCH_OK)
		status = grant_by_heap(solver);
	return status;
}

MerchStatus
expected(const ExpectedInput *input, int64_t *quantity, void *scratch,
		 MerchInterrupt interrupt, ExpectedPrice *price, MerchFault *fault)
{
	Solver		solver = {.job = {.interrupt = interrupt},.left = input->supply};
	int			shift;
	MerchStatus status;

	*fault = (MerchFault) {.value = input->supply};
	if (input->supply < 0)
		return MERCH_NEGATIVE_SUPPLY;
	divide_scratch(&solver, scratch, input->n);
	status = load_rows(&solver, input, &shift, fault);
	if (status == MERCH_OK)
		status = solve(&solver, input->n);
	if (status != MERCH_OK)
		return status;
	for (size_t i = 0; i < input->n; i++)
		quantity[i] = solver.rows[i].stair.quantity;
	if (price != NULL)
		set_price(&solver, input->n, shift, price);
	return MERCH_OK;
}
