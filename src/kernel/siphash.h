/*
 * siphash.h
 *	  SipHash-2-4 with 128 bits of output.
 *
 * Aumasson, Bernstein: SipHash: a fast short-input PRF (2012); the 128-bit output is that
 * of the authors' reference implementation. Words are little-endian whatever the machine.
 *
 * To be used word by word, where the input's layout is known: begin, mix in every whole
 * word of 8 bytes, and end with the last, which holds the bytes that are left and, on
 * top, the input's length modulo 256. siphash() does so with bytes in a row.
 */
#ifndef MERCH_SIPHASH_H
#define MERCH_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct SipKey
{
	uint64_t	low;			/* bytes 0 to 7 */
	uint64_t	high;
} SipKey;

typedef struct SipHash
{
	uint64_t	low;			/* bytes 0 to 7 */
	uint64_t	high;
} SipHash;

typedef struct SipState
{
	uint64_t	v0;
	uint64_t	v1;
	uint64_t	v2;
	uint64_t	v3;
} SipState;

static inline uint64_t
sip_rotate(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static inline void
sip_round(SipState *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = sip_rotate(s->v1, 13) ^ s->v0;
	s->v3 = sip_rotate(s->v3, 16) ^ s->v2;
	s->v0 = sip_rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = sip_rotate(s->v1, 17) ^ s->v2;
	s->v3 = sip_rotate(s->v3, 21) ^ s->v0;
	s->v2 = sip_rotate(s->v2, 32);
}

static inline void
sip_begin(SipState *s, SipKey key)
{
	s->v0 = key.low ^ UINT64_C(0x736f6d6570736575);
	s->v1 = key.high ^ UINT64_C(0x646f72616e646f6d) ^ 0xee;
	s->v2 = key.low ^ UINT64_C(0x6c7967656e657261);
	s->v3 = key.high ^ UINT64_C(0x7465646279746573);
}

static inline void
sip_mix(SipState *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

static inline SipHash
sip_end(SipState *s, uint64_t last)
{
	SipHash		hash;

	sip_mix(s, last);
	s->v2 ^= 0xee;
	for (int i = 0; i < 4; i++)
		sip_round(s);
	hash.low = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
	s->v1 ^= 0xdd;
	for (int i = 0; i < 4; i++)
		sip_round(s);
	hash.high = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
	return hash;
}

extern SipHash siphash(SipKey key, const void *data, size_t length);

#endif
