/*
 * heap.h
 *	  A binary heap of pointers in memory that the caller owns.
 *
 * before(a, b) must be a strict total order; the item before all others is on
 * top. Building costs O(n), each addition, and each replacement or removal of the top O(log n).
 */
#ifndef MERCH_HEAP_H
#define MERCH_HEAP_H

#include "status.h"

typedef bool (*HeapBefore) (const void *a, const void *b);

typedef struct Heap
{
	void	  **items;
	size_t		n;
	HeapBefore	before;
} Heap;

/*
 * Makes a heap of the n pointers in items, in place. Returns false if interrupted:
 * the items are then a permutation of what they were, and no heap.
 */
extern bool heap_build(Heap *heap, void **items, size_t n, HeapBefore before,
					   MerchInterrupt interrupt);

/* Restores the order after the top's rank has got worse. */
extern void heap_sift_top(Heap *heap);

/* Adds an item behind the heap's others, where the array must have room. */
extern void heap_push(Heap *heap, void *item);

/*
 * Removes the top and leaves it just behind the heap, so that the array stays a
 * permutation of what it held. The heap must not be empty.
 */
extern void *heap_pop(Heap *heap);

#endif
