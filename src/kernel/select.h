/*
 * select.h
 *	  Finds the first k of n pointers in an order, without sorting them.
 */
#ifndef MERCH_SELECT_H
#define MERCH_SELECT_H

#include "heap.h"

/*
 * Moves the k items before all others to the front, in no particular order.
 * before must be a strict total order. O(n) unless the items are laid out against
 * it. Returns false if interrupted: the items are then merely permuted.
 */
extern bool select_first(void **items, size_t n, size_t k, HeapBefore before,
						 MerchInterrupt interrupt);

#endif
