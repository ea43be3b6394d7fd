/*
 * worker_slot.h
 *	  The workers of all databases, in shared memory.
 *
 * There is a slot for each database that has, or is to have, a worker. Protocol: "lock"
 * guards everything but "woken", which is atomic. The launcher gives and takes slots
 * away; the worker of a slot writes the rest. A slot with a pid belongs to that process
 * until it ends: what happens at its end clears the pid.
 */
#ifndef MERCH_WORKER_SLOT_H
#define MERCH_WORKER_SLOT_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

/* between two starts of a worker */
#define MERCH_FIRST_PAUSE_MS 1000
#define MERCH_LONGEST_PAUSE_MS 60000

typedef enum WorkerState
{
	WORKER_STOPPED,				/* not running; the launcher starts it at not_before */
	WORKER_STARTING,			/* asked for, not there yet */
	WORKER_WITHOUT_MODEL,		/* the database has no extension or no model */
	WORKER_WITHOUT_LOGIN,		/* the model's owner may not log in */
	WORKER_IDLE,
	WORKER_RUNNING
} WorkerState;

typedef struct WorkerSlot
{
	Oid			database;		/* InvalidOid: the slot is free */
	Oid			owner;			/* whom the worker connects as; InvalidOid: it is to find out */
	WorkerState state;
	pid_t		pid;			/* 0: no process */
	Latch	   *latch;
	pg_atomic_uint32 woken;		/* a commit since the worker last looked */
	bool		wanted;			/* the launcher wants it to run */
	bool		at_once;		/* it ended in order to be started again */
	int			failures;		/* ends in a row that were not planned */
	TimestampTz not_before;		/* of the next start */
	TimestampTz started_at;
	TimestampTz last_round_at;
	TimestampTz next_round_at;	/* 0: when it is woken */
	int64		restarts;		/* after ends that were not planned */
	int64		rounds;
	int64		jobs_done;
	int64		jobs_failed;
	TimestampTz reset_at;		/* since when the counters count */
} WorkerSlot;

typedef struct Workers
{
	LWLock	   *lock;
	pid_t		launcher;
	Latch	   *launcher_latch;
	int			capacity;
	WorkerSlot	slots[FLEXIBLE_ARRAY_MEMBER];
} Workers;

/* NULL unless the library was preloaded. */
extern Workers *merch_workers;

extern void merch_init_worker_slots(void);

/* Raises an error that says how to get workers, if there can be none. */
extern void merch_require_workers(void);

/* The slot of a database (InvalidOid: a free one), or NULL. The caller holds the lock. */
extern WorkerSlot *merch_find_slot(Oid database);

/* Makes a slot free. The caller holds the lock. */
extern void merch_clear_slot(WorkerSlot *slot);

/*
 * Notes that a slot's worker has ended, and when the next may start: at once if that was
 * planned, else after a pause that doubles. The caller holds the lock.
 */
extern void merch_stop_slot(WorkerSlot *slot);

#endif
