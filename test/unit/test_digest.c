/*
 * test_digest.c
 *	  Digests of prices: against vectors of another implementation, the format laid out byte
 *	  by byte, and sums by the compiler's integers of 128 bits.
 *
 * The vectors were computed by a program in Python, from the format's description and the
 * paper's, and each hash again by OpenSSL over the 44 bytes. docs/price_digest.md has them, too.
 */
#include <stdio.h>

#include "unit.h"

#include "digest.h"

__extension__ typedef unsigned __int128 uint128;

static const SipKey key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static const struct
{
	DigestPrice price;
	const char *hash;
}			vectors[] = {
	{{1, 1, 1, DIGEST_SINCE_EVER, DIGEST_FOR_EVER, 19900, "EUR"}, "809b805db8313fd12835d4688092e969"},
	/* 2026-03-29 01:00 to 2026-10-25 01:00 UTC */
	{{1, 1, 1, INT64_C(1774746000000000), INT64_C(1792890000000000), 19900, "EUR"}, "bb3cab0003de3650f1970d021a0ae833"},
	{{INT64_MAX, -1, INT32_MAX, -1, 0, 0, "JPY"}, "35b9f96a2e0994aa0781ebb5f1545920"},
	{{INT64_MIN, INT32_MIN, -1, INT64_C(946684800000000), DIGEST_FOR_EVER, INT64_C(99999999999999), "KWD"},
	"e976531e04b6e011d632ec7a61bed2a7"},
	{{4711, 64, 2, DIGEST_SINCE_EVER, INT64_C(1798137000000001), 12345, "USD"}, "e661aacd6d598e3359c0726d0f143b7d"},
};

#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static void
assert_digest(Digest digest, const char *expected)
{
	unsigned char bytes[DIGEST_BYTES];
	char		hex[2 * DIGEST_BYTES + 1];

	digest_write(digest, bytes);
	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	assert_string_equal(hex, expected);
}

static uint128
wide(Digest digest)
{
	return (uint128) digest.high << 64 | digest.low;
}

static DigestPrice
random_price(void)
{
	DigestPrice price = {
		(int64_t) random_bits(), (int32_t) random_bits(), (int32_t) random_bits(), (int64_t) random_bits(),
		(int64_t) random_bits(), (int64_t) random_bits(), {'A', 'A', 'A'}
	};

	for (int i = 0; i < 3; i++)
		price.currency[i] = (char) ('A' + random_below(26));
	return price;
}

static void
vectors_of_another_implementation(void **state)
{
	Digest		sum = {0, 0};
	Digest		three = {0, 0};

	(void) state;
	for (size_t i = 0; i < VECTORS; i++)
	{
		Digest		hash = digest_of_price(&vectors[i].price);

		assert_digest(hash, vectors[i].hash);
		digest_add(&sum, hash);
	}
	assert_digest(sum, "3f6a23b55b28791151412c09fdc338e3");
	digest_subtract(&sum, digest_of_price(&vectors[0].price));
	assert_digest(sum, "bfcea257a3f63940280c58a07c314f79");
	for (int i = 0; i < 3; i++)
		digest_add(&three, digest_of_price(&vectors[0].price));
	assert_digest(three, "80d281182995bd737a9f7c3a81b7bc3d");
}

static void
put(unsigned char *bytes, uint64_t value, int count)
{
	for (int i = 0; i < count; i++)
		bytes[i] = (unsigned char) (value >> (8 * i));
}

static void
the_44_bytes(void **state)
{
	(void) state;
	for (int round = 0; round < 5000; round++)
	{
		DigestPrice price = random_price();
		Digest		hash = digest_of_price(&price);
		unsigned char bytes[44];
		SipHash		expected;

		put(bytes, (uint64_t) price.item_id, 8);
		put(bytes + 8, (uint64_t) price.location_id, 4);
		put(bytes + 12, (uint64_t) price.channel_id, 4);
		put(bytes + 16, (uint64_t) price.valid_from, 8);
		put(bytes + 24, (uint64_t) price.valid_to, 8);
		put(bytes + 32, (uint64_t) price.amount, 8);
		memcpy(bytes + 40, price.currency, 3);
		bytes[43] = 0;
		expected = siphash(key, bytes, sizeof(bytes));
		assert_true(hash.low == expected.low && hash.high == expected.high);
	}
}

/* Any sum, taken apart in any order. */
static void
sums_modulo_2_to_128(void **state)
{
	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		Digest		a = {random_bits(), random_bits()};
		Digest		b = {random_bits(), random_bits()};
		Digest		sum = a;

		/* carries and borrows at the edges */
		if (round % 3 == 0)
			a.low = sum.low = UINT64_MAX - (uint64_t) random_below(3);
		if (round % 5 == 0)
			b.low = (uint64_t) random_below(3);
		if (round % 7 == 0)
			b.high = UINT64_MAX;
		digest_add(&sum, b);
		assert_true(wide(sum) == wide(a) + wide(b));
		digest_subtract(&sum, a);
		assert_true(wide(sum) == wide(b));
		digest_subtract(&sum, a);
		assert_true(wide(sum) == wide(b) - wide(a));
		digest_subtract(&sum, sum);
		assert_true(digest_is_zero(sum));
		assert_false(digest_is_zero((Digest) {1, 0}) || digest_is_zero((Digest) {0, 1}));
	}
}

static void
written_and_read(void **state)
{
	(void) state;
	for (int round = 0; round < 1000; round++)
	{
		Digest		digest = {random_bits(), random_bits()};
		unsigned char *bytes = allocate_odd(DIGEST_BYTES);

		digest_write(digest, bytes);
		assert_int_equal(bytes[0], digest.low & 0xff);
		assert_int_equal(bytes[15], digest.high >> 56);
		assert_true(wide(digest_read(bytes)) == wide(digest));
		free_odd(bytes);
	}
}

/* The block is the number divided by 64, rounded down: floor, by the definition. */
static void
blocks(void **state)
{
	static const int32_t edges[] = {INT32_MIN, INT32_MIN + 63, INT32_MIN + 64, -65, -64, -1, 0, 63, 64, INT32_MAX};
	size_t		count = sizeof(edges) / sizeof(edges[0]);

	(void) state;
	for (size_t i = 0; i < count + 1000; i++)
	{
		int32_t		location = i < count ? edges[i] : (int32_t) random_bits();
		int64_t		first = (int64_t) digest_block(location) * 64;

		assert_true(first <= location && location < first + 64);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_another_implementation),
		cmocka_unit_test(the_44_bytes),
		cmocka_unit_test(sums_modulo_2_to_128),
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
