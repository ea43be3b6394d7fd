/*
 * worker_slot.c
 *	  The workers of all databases, in shared memory.
 *
 * A worker is a background worker: there can't be more slots in use than
 * max_worker_processes.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "worker_slot.h"

Workers    *merch_workers = NULL;

static shmem_request_hook_type next_shmem_request_hook = NULL;
static shmem_startup_hook_type next_shmem_startup_hook = NULL;

static Size
workers_size(void)
{
	return add_size(offsetof(Workers, slots), mul_size(max_worker_processes, sizeof(WorkerSlot)));
}

static void
request_shared_memory(void)
{
	if (next_shmem_request_hook)
		next_shmem_request_hook();
	RequestAddinShmemSpace(workers_size());
	RequestNamedLWLockTranche("pg_merch", 1);
}

static void
start_shared_memory(void)
{
	bool		found;

	if (next_shmem_startup_hook)
		next_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	merch_workers = ShmemInitStruct("pg_merch workers", workers_size(), &found);
	if (!found)
	{
		memset(merch_workers, 0, workers_size());
		merch_workers->lock = &GetNamedLWLockTranche("pg_merch")->lock;
		merch_workers->capacity = max_worker_processes;
		for (int i = 0; i < max_worker_processes; i++)
			pg_atomic_init_u32(&merch_workers->slots[i].woken, 0);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
merch_init_worker_slots(void)
{
	next_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shared_memory;
	next_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_shared_memory;
}

void
merch_require_workers(void)
{
	if (merch_workers == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_merch is not preloaded: no worker can run"),
				 errhint("Add pg_merch to shared_preload_libraries, name this database in merch.databases, and restart the server. Without that, CALL merch.run_due() does the work.")));
}

WorkerSlot *
merch_find_slot(Oid database)
{
	for (int i = 0; i < merch_workers->capacity; i++)
		if (merch_workers->slots[i].database == database)
			return &merch_workers->slots[i];
	return NULL;
}

void
merch_clear_slot(WorkerSlot *slot)
{
	pg_atomic_uint32 woken = slot->woken;

	memset(slot, 0, sizeof(*slot));
	slot->woken = woken;
}

void
merch_stop_slot(WorkerSlot *slot)
{
	TimestampTz now = GetCurrentTimestamp();
	int			pause = 0;

	if (slot->at_once)
		slot->failures = 0;
	else
	{
		pause = Min(MERCH_FIRST_PAUSE_MS << Min(slot->failures, 6), MERCH_LONGEST_PAUSE_MS);
		slot->failures++;
		slot->restarts++;
	}
	slot->at_once = false;
	slot->pid = 0;
	slot->latch = NULL;
	slot->state = WORKER_STOPPED;
	/* who drops the database has set a later time */
	slot->not_before = Max(slot->not_before, TimestampTzPlusMilliseconds(now, pause));
}
