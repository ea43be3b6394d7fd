/*
 * flaw.h
 *	  Says in words what a certificate found: the parts that all splits share.
 */
#ifndef MERCH_FLAW_H
#define MERCH_FLAW_H

/* What is to say about a row, or about a partition's sum. */
typedef struct FlawWords
{
	int64		quantity;		/* of the row */
	int64		floor;
	int64		ceiling;
	int64		pack;
	int64		supply;
	const int64 *quantities;	/* of the partition's rows */
	int64		rows;
} FlawWords;

extern char *flaw_supply_exceeded(const FlawWords *words);
extern char *flaw_not_whole_packs(const FlawWords *words);
extern char *flaw_above_ceiling(const FlawWords *words);
extern char *flaw_below_floor(const FlawWords *words);
extern char *flaw_units_left(const FlawWords *words);

#endif
