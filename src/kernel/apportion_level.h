/*
 * apportion_level.h
 *	  The real-valued half of an apportionment: who takes part in a split, and the
 *	  level at which the exact shares add up. Used by apportion.c alone.
 */
#ifndef MERCH_APPORTION_LEVEL_H
#define MERCH_APPORTION_LEVEL_H

#include "apportion_row.h"

typedef struct Job
{
	MerchInterrupt interrupt;
	uint32_t	steps;
	Row		   *rows;
	Row		  **order;			/* all rows, sorted where the method asks for it */
	Row		  **work;			/* the rows under consideration; a heap at times */
} Job;

/* The rows that can take at least a pack of what is left. */
typedef struct Pool
{
	Row		  **rows;
	size_t		n;
	int128_t	held;			/* what they have */
	int128_t	room;			/* what they could take beyond that */
	int64_t		share;			/* what is there to share out */
	int64_t		pack;			/* the packs' common divisor */
	bool		one_pack;		/* which all of them are equal to */
} Pool;

static inline bool
cancelled(Job *job)
{
	return ++job->steps % MERCH_POLL_STEPS == 0 && job->interrupt != NULL && job->interrupt();
}

static inline bool
can_take(const Row *row, int64_t left)
{
	return row->quantity < row->ceiling && row->pack <= left;
}

/*
 * Collects the rows of order[from, to) that can take a pack of what is left.
 * Only a multiple of the packs' common divisor can be given out; with one pack
 * size this leaves no part of a pack to disturb the exact shares.
 */
extern void apportion_collect(Job *job, size_t from, size_t to, int64_t left, Pool *pool);

/* What the pool's rows have been given since it was collected. */
extern int128_t apportion_granted(const Pool *pool);

/* Enough for all: whatever the method, everyone gets what it may. */
extern bool apportion_fill(const Pool *pool, int64_t *left);

/*
 * Finds the level at which the pool's exact shares, each within what the row has
 * and its ceiling, use up what is to be shared out, and gives the rows their
 * shares. The *n rows whose share is strictly inside are left at the front of the
 * pool, with what was cut off in spare and fraction. Each round settles all rows
 * on one side, so that few rounds are needed: either half of the rows are settled
 * or the distance of the level from its end at least halves.
 */
extern MerchStatus apportion_find_level(Job *job, Pool *pool, size_t *n, ApportionLevel *level);

#endif
