/*
 * unit.h
 *	  What the kernels' unit tests share: cmocka and its headers, a random generator,
 *	  memory at odd addresses and an interrupt callback.
 *
 * Each test is a program of its own, and so are its random numbers: they depend on the
 * seed and on what was drawn before, so that a test drawn from differently tests other
 * cases behind that.
 */
#ifndef MERCH_UNIT_H
#define MERCH_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* xorshift64: any seed but 0. */
static uint64_t random_state = 20261124;

static inline uint64_t
random_bits(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static inline int64_t
random_below(int64_t limit)
{
	return (int64_t) (random_bits() % (uint64_t) limit);
}

/* The numbers below n in any order. */
static inline void
shuffle(size_t *order, size_t n)
{
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n; i > 1; i--)
	{
		size_t		j = (size_t) random_below((int64_t) i);
		size_t		kept = order[i - 1];

		order[i - 1] = order[j];
		order[j] = kept;
	}
}

/*
 * Memory of just the size that a kernel asked for, so that the sanitizers see every step
 * beyond it, and at an odd address: the kernel is to find its own alignment.
 */
static inline void *
allocate_odd(size_t bytes)
{
	char	   *memory = malloc(bytes + 1);

	assert_non_null(memory);
	return memory + 1;
}

static inline void
free_odd(void *memory)
{
	free((char *) memory - 1);
}

static int	polls;
static int	polls_allowed;

/* From now on, interrupt_later() lets so many polls pass. */
static inline void
allow_polls(int n)
{
	polls = 0;
	polls_allowed = n;
}

static inline bool
interrupt_later(void)
{
	return ++polls > polls_allowed;
}

static inline bool
interrupt_now(void)
{
	return true;
}

#endif
