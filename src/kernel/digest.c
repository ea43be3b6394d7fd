/*
 * digest.c
 *	  Digests of sets of prices: the sum of their hashes modulo 2^128.
 */
#include "digest.h"

static const SipKey format_key = {
	UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)
};

#define PRICE_BYTES 44

static inline uint64_t
pair(int32_t low, int32_t high)
{
	return (uint32_t) low | (uint64_t) (uint32_t) high << 32;
}

/* The 44 bytes are never laid out in memory: they are five words and a half. */
Digest
digest_of_price(const DigestPrice *price)
{
	const unsigned char *currency = (const unsigned char *) price->currency;
	uint64_t	last = currency[0] | (uint64_t) currency[1] << 8 | (uint64_t) currency[2] << 16;
	SipState	state;
	SipHash		hash;

	sip_begin(&state, format_key);
	sip_mix(&state, (uint64_t) price->item_id);
	sip_mix(&state, pair(price->location_id, price->channel_id));
	sip_mix(&state, (uint64_t) price->valid_from);
	sip_mix(&state, (uint64_t) price->valid_to);
	sip_mix(&state, (uint64_t) price->amount);
	hash = sip_end(&state, last | (uint64_t) PRICE_BYTES << 56);
	return (Digest) {.low = hash.low, .high = hash.high};
}

void
digest_write(Digest digest, unsigned char *bytes)
{
	for (int i = 0; i < 8; i++)
	{
		bytes[i] = (unsigned char) (digest.low >> (8 * i));
		bytes[8 + i] = (unsigned char) (digest.high >> (8 * i));
	}
}

Digest
digest_read(const unsigned char *bytes)
{
	Digest		digest = {0, 0};

	for (int i = 0; i < 8; i++)
	{
		digest.low |= (uint64_t) bytes[i] << (8 * i);
		digest.high |= (uint64_t) bytes[8 + i] << (8 * i);
	}
	return digest;
}
