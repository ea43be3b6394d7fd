/*
 * flaw.c
 *	  Says in words what a certificate found.
 */
#include "postgres.h"

#include "flaw.h"
#include "wide.h"

/* What was granted may exceed 64 bits: a check is there for any numbers. */
static char *
granted_in_words(const FlawWords *words, int128_t *granted)
{
	char		digits[48];
	char	   *next = digits + sizeof(digits) - 1;
	uint128_t	rest;

	*granted = 0;
	for (int64 i = 0; i < words->rows; i++)
		*granted += words->quantities[i];
	rest = *granted < 0 ? -(uint128_t) *granted : (uint128_t) *granted;
	*next = '\0';
	do
		*--next = '0' + (char) (rest % 10);
	while ((rest /= 10) > 0);
	return psprintf("%s%s", *granted < 0 ? "-" : "", next);
}

char *
flaw_supply_exceeded(const FlawWords *words)
{
	int128_t	granted;
	char	   *sum = granted_in_words(words, &granted);

	return psprintf("supply exceeded: %s units are given of " INT64_FORMAT, sum, words->supply);
}

char *
flaw_not_whole_packs(const FlawWords *words)
{
	if (words->quantity < 0)
		return psprintf("gets " INT64_FORMAT ", which is negative", words->quantity);
	return psprintf("gets " INT64_FORMAT ", which is not a multiple of its pack " INT64_FORMAT,
					words->quantity, words->pack);
}

char *
flaw_above_ceiling(const FlawWords *words)
{
	return psprintf("gets " INT64_FORMAT ", above its ceiling " INT64_FORMAT,
					words->quantity, words->ceiling);
}

char *
flaw_below_floor(const FlawWords *words)
{
	return psprintf("gets " INT64_FORMAT ", below its floor " INT64_FORMAT
					", although all floors fit into the supply", words->quantity, words->floor);
}

char *
flaw_units_left(const FlawWords *words)
{
	int128_t	granted;

	(void) granted_in_words(words, &granted);
	return psprintf("units left: " INT64_FORMAT " stay at the source although a pack of "
					INT64_FORMAT " fits",
					(int64) (words->supply - granted), words->pack);
}
