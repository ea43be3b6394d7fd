/*
 * siphash.c
 *	  SipHash-2-4 with 128 bits of output, of bytes in a row.
 */
#include "siphash.h"

static uint64_t
read_word(const unsigned char *bytes, size_t count)
{
	uint64_t	word = 0;

	for (size_t i = 0; i < count; i++)
		word |= (uint64_t) bytes[i] << (8 * i);
	return word;
}

SipHash
siphash(SipKey key, const void *data, size_t length)
{
	const unsigned char *bytes = data;
	size_t		whole = length - length % 8;
	SipState	state;

	sip_begin(&state, key);
	for (size_t i = 0; i < whole; i += 8)
		sip_mix(&state, read_word(bytes + i, 8));
	return sip_end(&state, read_word(bytes + whole, length - whole) | (uint64_t) length << 56);
}
