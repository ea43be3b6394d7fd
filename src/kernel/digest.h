/*
 * digest.h
 *	  Digests of sets of prices: the sum of their hashes modulo 2^128.
 *
 * A price is hashed as 44 bytes, all numbers little-endian, by SipHash-2-4 with 128 bits
 * of output and the key 00 01 … 0f:
 *
 *	   0  item_id		 8 bytes, two's complement
 *	   8  location_id	 4
 *	  12  channel_id	 4
 *	  16  valid_from	 8	microseconds since 1970-01-01 UTC
 *	  24  valid_to		 8
 *	  32  amount		 8	ten-thousandths
 *	  40  currency		 3	ASCII
 *	  43  0				 1
 *
 * The sum depends on no order, and what leaves the set is subtracted: a change costs one
 * hash, whatever the size of the set. Unlike an exclusive or, it tells two equal
 * prices from none. The key is public: this finds accidents, not forgers.
 *
 * This is format 1. Others compute it, too: it does not change; see docs/price_digest.md.
 */
#ifndef MERCH_DIGEST_H
#define MERCH_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "siphash.h"

#define DIGEST_BYTES 16

/* Locations of a leaf: those whose numbers differ in the last 6 bits only. */
#define DIGEST_BLOCK_BITS 6

/* Times without end, as they are hashed. */
#define DIGEST_SINCE_EVER INT64_MIN
#define DIGEST_FOR_EVER INT64_MAX

typedef struct DigestPrice
{
	int64_t		item_id;
	int32_t		location_id;
	int32_t		channel_id;
	int64_t		valid_from;
	int64_t		valid_to;
	int64_t		amount;
	char		currency[3];
} DigestPrice;

typedef struct Digest
{
	uint64_t	low;
	uint64_t	high;
} Digest;

/* The block of a location: its number without the last bits, rounded down. */
static inline int32_t
digest_block(int32_t location_id)
{
	int32_t		size = 1 << DIGEST_BLOCK_BITS;

	return location_id >= 0 ? location_id / size : -1 - (-1 - location_id) / size;
}

static inline void
digest_add(Digest *sum, Digest term)
{
	sum->low += term.low;
	sum->high += term.high + (sum->low < term.low);
}

static inline void
digest_subtract(Digest *sum, Digest term)
{
	uint64_t	borrow = sum->low < term.low;

	sum->low -= term.low;
	sum->high -= term.high + borrow;
}

static inline bool
digest_is_zero(Digest digest)
{
	return (digest.low | digest.high) == 0;
}

extern Digest digest_of_price(const DigestPrice *price);

/* To and from the 16 bytes of the format, little-endian. */
extern void digest_write(Digest digest, unsigned char *bytes);
extern Digest digest_read(const unsigned char *bytes);

#endif
