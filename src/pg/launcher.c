/*
 * launcher.c
 *	  The process that keeps a worker running for each database of merch.databases.
 *
 * It sees no table of any database, only which databases there are. Every merch.naptime,
 * and whenever a worker ends or the settings are reloaded, it compares what runs with
 * what should. A worker that dies is started again after 1 second, then 2, 4 … up to a
 * minute.
 *
 * DROP DATABASE waits five seconds for others to leave the database and then gives up.
 * So where somebody who may drop it does, its worker is told to end, and is not
 * started again before the drop should be over.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "compat.h"
#include "guc.h"
#include "launcher.h"
#include "worker_slot.h"

#define LAUNCHER_RESTART_SECONDS 5
#define DROP_PAUSE_MS 10000
#define NO_ROOM_PAUSE_MS 10000

PGDLLEXPORT void merch_launcher_main(Datum unused);

static object_access_hook_type next_object_access_hook = NULL;

/* One a slot; those of an earlier launcher's workers are unknown. */
static BackgroundWorkerHandle **handles;

static void
fill_worker(BackgroundWorker *worker, const char *type, const char *function)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	strlcpy(worker->bgw_type, type, BGW_MAXLEN);
	strlcpy(worker->bgw_name, type, BGW_MAXLEN);
	strlcpy(worker->bgw_library_name, "pg_merch", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, sizeof(worker->bgw_function_name));
}

/* Before a database is dropped, once it is clear that the user may. */
static void
on_object_access(ObjectAccessType access, Oid class, Oid object, int subobject, void *arg)
{
	WorkerSlot *slot;

	if (next_object_access_hook)
		next_object_access_hook(access, class, object, subobject, arg);
	if (access != OAT_DROP || class != DatabaseRelationId || merch_workers == NULL)
		return;
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	slot = merch_find_slot(object);
	if (slot != NULL)
	{
		slot->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), DROP_PAUSE_MS);
		if (slot->pid != 0)
			kill(slot->pid, SIGTERM);
	}
	LWLockRelease(merch_workers->lock);
}

void
merch_init_launcher(void)
{
	BackgroundWorker worker;

	fill_worker(&worker, "pg_merch launcher", "merch_launcher_main");
	worker.bgw_restart_time = LAUNCHER_RESTART_SECONDS;
	RegisterBackgroundWorker(&worker);
	next_object_access_hook = object_access_hook;
	object_access_hook = on_object_access;
}

/* Takes up which databases are to have a worker. */
static void
set_wanted(List *databases)
{
	ListCell   *cell;

	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	for (int i = 0; i < merch_workers->capacity; i++)
		merch_workers->slots[i].wanted = list_member_oid(databases, merch_workers->slots[i].database);
	foreach(cell, databases)
	{
		WorkerSlot *slot;

		if (merch_find_slot(lfirst_oid(cell)) != NULL || (slot = merch_find_slot(InvalidOid)) == NULL)
			continue;
		merch_clear_slot(slot);
		slot->database = lfirst_oid(cell);
		slot->reset_at = GetCurrentTimestamp();
		slot->wanted = true;
	}
	LWLockRelease(merch_workers->lock);
}

static bool
is_named(const char *database, List *names)
{
	ListCell   *cell;

	foreach(cell, names)
		if (strcmp(lfirst(cell), database) == 0)
			return true;
	return false;
}

/*
 * Finds the databases that are to have a worker. Without a database of its own, a process can
 * read pg_database from one end to the other, but may not be able to use its indexes.
 */
static void
find_wanted(void)
{
	List	   *names;
	List	   *databases = NIL;
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	/* the check of the setting lets nothing else through */
	if (!SplitGUCList(pstrdup(merch_databases), ',', &names))
		names = NIL;
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (database->datallowconn && is_named(NameStr(database->datname), names))
			databases = lappend_oid(databases, database->oid);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	set_wanted(databases);
	CommitTransactionCommand();
}

/*
 * Whether a worker that was asked for will never come, as when the process could not be
 * forked. One that an earlier launcher asked for is there by now or will never be.
 */
static bool
start_failed(int number)
{
	pid_t		pid;

	if (handles[number] == NULL)
		return true;
	return GetBackgroundWorkerPid(handles[number], &pid) == BGWH_STOPPED;
}

static void
start_worker(int number)
{
	WorkerSlot *slot = &merch_workers->slots[number];
	BackgroundWorker worker;
	bool		registered;

	fill_worker(&worker, "pg_merch worker", "merch_job_worker_main");
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = Int32GetDatum(number);
	worker.bgw_notify_pid = MyProcPid;

	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	slot->state = WORKER_STARTING;
	LWLockRelease(merch_workers->lock);
	if (handles[number])
		pfree(handles[number]);
	handles[number] = NULL;
	registered = RegisterDynamicBackgroundWorker(&worker, &handles[number]);
	if (registered)
		return;
	ereport(LOG,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("the pg_merch worker of database %u could not be started", slot->database),
			 errhint("Increase max_worker_processes, of which other background workers and parallel queries take their part.")));
	handles[number] = NULL;
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	slot->state = WORKER_STOPPED;
	slot->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), NO_ROOM_PAUSE_MS);
	LWLockRelease(merch_workers->lock);
}

/* Brings one slot in line. Returns how many ms from now it is to be looked at again. */
static long
tend_slot(int number, TimestampTz now)
{
	WorkerSlot *slot = &merch_workers->slots[number];
	bool		start = false;
	long		wait = merch_naptime;

	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	if (OidIsValid(slot->database))
	{
		if (slot->state == WORKER_STARTING && slot->pid == 0 && start_failed(number))
			merch_stop_slot(slot);
		if (!slot->wanted)
		{
			if (slot->pid != 0)
				kill(slot->pid, SIGTERM);
			else if (slot->state == WORKER_STOPPED)
				merch_clear_slot(slot);
			else if (handles[number])
				TerminateBackgroundWorker(handles[number]);
		}
		else if (slot->state == WORKER_STOPPED)
		{
			/* a clock that was set back must not hold it up */
			slot->not_before = Min(slot->not_before,
								   TimestampTzPlusMilliseconds(now, MERCH_LONGEST_PAUSE_MS));
			start = slot->not_before <= now;
			if (!start)
				wait = TimestampDifferenceMilliseconds(now, slot->not_before) + 1;
		}
	}
	LWLockRelease(merch_workers->lock);
	if (start)
		start_worker(number);
	return wait;
}

static void
forget_launcher(int code, Datum unused)
{
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	merch_workers->launcher = 0;
	merch_workers->launcher_latch = NULL;
	LWLockRelease(merch_workers->lock);
}

void
merch_launcher_main(Datum unused)
{
	uint32		wait_event;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("pg_merch launcher");
	wait_event = merch_new_wait_event("MerchLauncherMain");
	handles = MemoryContextAllocZero(TopMemoryContext,
									 sizeof(BackgroundWorkerHandle *) * merch_workers->capacity);
	MemoryContextSwitchTo(TopMemoryContext);

	before_shmem_exit(forget_launcher, (Datum) 0);
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	merch_workers->launcher = MyProcPid;
	merch_workers->launcher_latch = MyLatch;
	LWLockRelease(merch_workers->lock);

	for (;;)
	{
		long		wait = merch_naptime;
		TimestampTz now;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		find_wanted();
		now = GetCurrentTimestamp();
		for (int i = 0; i < merch_workers->capacity; i++)
			wait = Min(wait, tend_slot(i, now));
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait, wait_event);
	}
}
