/*
 * heap.c
 *	  A binary heap of pointers.
 */
#include "heap.h"

static void
sift_down(Heap *heap, size_t hole)
{
	void	   *item = heap->items[hole];

	for (;;)
	{
		size_t		child = 2 * hole + 1;

		if (child >= heap->n)
			break;
		if (child + 1 < heap->n && heap->before(heap->items[child + 1], heap->items[child]))
			child++;
		if (!heap->before(heap->items[child], item))
			break;
		heap->items[hole] = heap->items[child];
		hole = child;
	}
	heap->items[hole] = item;
}

bool
heap_build(Heap *heap, void **items, size_t n, HeapBefore before, MerchInterrupt interrupt)
{
	heap->items = items;
	heap->n = n;
	heap->before = before;
	for (size_t i = n / 2; i > 0; i--)
	{
		if (i % MERCH_POLL_STEPS == 0 && interrupt != NULL && interrupt())
			return false;
		sift_down(heap, i - 1);
	}
	return true;
}

void
heap_sift_top(Heap *heap)
{
	if (heap->n > 1)
		sift_down(heap, 0);
}

void *
heap_pop(Heap *heap)
{
	void	   *top = heap->items[0];

	heap->n--;
	heap->items[0] = heap->items[heap->n];
	heap->items[heap->n] = top;
	heap_sift_top(heap);
	return top;
}

void
heap_push(Heap *heap, void *item)
{
	size_t		hole = heap->n++;

	for (; hole > 0; hole = (hole - 1) / 2)
	{
		void	   *parent = heap->items[(hole - 1) / 2];

		if (!heap->before(item, parent))
			break;
		heap->items[hole] = parent;
	}
	heap->items[hole] = item;
}
