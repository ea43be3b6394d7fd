/*
 * select.c
 *	  Quickselect (Hoare, Communications of the ACM 4, 1961).
 */
#include "select.h"

static void
swap(void **items, size_t i, size_t j)
{
	void	   *item = items[i];

	items[i] = items[j];
	items[j] = item;
}

/* Puts the median of the first, middle and last item last, where it is the pivot. */
static void
choose_pivot(void **items, size_t from, size_t to, HeapBefore before)
{
	size_t		middle = from + (to - from) / 2;
	size_t		last = to - 1;

	if (before(items[middle], items[from]))
		swap(items, from, middle);
	if (before(items[last], items[from]))
		swap(items, from, last);
	if (before(items[middle], items[last]))
		swap(items, middle, last);
}

/* Parts items[from, to) into those before the pivot and those behind; its place. */
static size_t
partition(void **items, size_t from, size_t to, HeapBefore before)
{
	size_t		place = from;

	choose_pivot(items, from, to, before);
	for (size_t i = from; i < to - 1; i++)
		if (before(items[i], items[to - 1]))
			swap(items, i, place++);
	swap(items, place, to - 1);
	return place;
}

bool
select_first(void **items, size_t n, size_t k, HeapBefore before, MerchInterrupt interrupt)
{
	size_t		from = 0;
	size_t		to = n;

	while (from < k && k < to)
	{
		size_t		place = partition(items, from, to, before);

		if (interrupt != NULL && to - from >= MERCH_POLL_STEPS && interrupt())
			return false;
		if (k <= place)
			to = place;
		else
			from = place + 1;
	}
	return true;
}
