/*
 * wide.h
 *	  128-bit integers: the product of two quantities never overflows.
 */
#ifndef MERCH_WIDE_H
#define MERCH_WIDE_H

#include <stdint.h>

#ifndef __SIZEOF_INT128__
#error "pg_merch needs a compiler and a target with 128-bit integers"
#endif

__extension__ typedef __int128 int128_t;
__extension__ typedef unsigned __int128 uint128_t;

#endif
