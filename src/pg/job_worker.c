/*
 * job_worker.c
 *	  The worker of a database: runs its jobs when they are due.
 *
 * A worker that does not know yet whose jobs they are connects with all rights, looks
 * into the catalog who owns merch.job, calls no function, and ends: the launcher starts it
 * anew, connected as that owner. So nothing that is named in a table, or that a trigger
 * does, is ever done by a process that could take more rights than the owner has.
 * Where there is no such table, it looks again after merch.naptime.
 *
 * It sleeps until the next job is due, until a commit wakes it, or for merch.naptime. An
 * error outside of a job ends it; the launcher starts it again after a pause.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
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
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "job.h"
#include "worker_slot.h"

PGDLLEXPORT void merch_job_worker_main(Datum slot_number);

/* memory of a round is given back at its end: it must have one, also where work never ends */
#define JOBS_A_ROUND 100

static WorkerSlot *slot;
static bool connected = false;
static uint32 wait_event;

static void
leave_slot(int code, Datum unused)
{
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	/* the owner may have been dropped, or may not log in: the next one looks */
	if (!connected)
		slot->owner = InvalidOid;
	merch_stop_slot(slot);
	if (merch_workers->launcher_latch)
		SetLatch(merch_workers->launcher_latch);
	LWLockRelease(merch_workers->lock);
}

static void
take_slot(int number)
{
	bool		expected;

	slot = &merch_workers->slots[number];
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	expected = slot->pid == 0 && OidIsValid(slot->database) && slot->wanted;
	if (expected)
	{
		slot->pid = MyProcPid;
		slot->latch = MyLatch;
		slot->started_at = GetCurrentTimestamp();
		pg_atomic_write_u32(&slot->woken, 1);
	}
	LWLockRelease(merch_workers->lock);
	if (!expected)
		proc_exit(0);
	before_shmem_exit(leave_slot, (Datum) 0);
}

static void
set_state(WorkerState state)
{
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	slot->state = state;
	LWLockRelease(merch_workers->lock);
}

/* Ends, to be started again at once as that owner; InvalidOid: to look who it is. */
static void
reconnect_as(Oid owner)
{
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	slot->owner = owner;
	slot->at_once = true;
	LWLockRelease(merch_workers->lock);
	proc_exit(0);
}

static void
nap(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, wait_event);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* Until 16 a worker's user must be allowed to log in. */
static bool
can_connect(Oid owner)
{
	HeapTuple	tuple;
	bool		can;

	if (MERCH_WORKER_FLAGS != 0)
		return true;
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(owner));
	can = HeapTupleIsValid(tuple) && ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return can;
}

/* Looks for the model's owner, for as long as there is none. */
static void
look_for_owner(void)
{
	for (;;)
	{
		Oid			owner;
		bool		can;

		StartTransactionCommand();
		owner = merch_job_owner();
		can = OidIsValid(owner) && can_connect(owner);
		CommitTransactionCommand();
		pgstat_report_stat(true);
		if (can)
			reconnect_as(owner);
		set_state(OidIsValid(owner) ? WORKER_WITHOUT_LOGIN : WORKER_WITHOUT_MODEL);
		pgstat_report_activity(STATE_IDLE, NULL);
		nap(merch_naptime);
	}
}

/* Settings of the database or the role that would change what jobs do, or stop them. */
static void
set_session(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"transaction_timeout", "0"},
		{"lock_timeout", "0"},
		{"application_name", "pg_merch worker"}
	};

	StartTransactionCommand();
	for (int i = 0; i < lengthof(settings); i++)
		if (GetConfigOption(settings[i][0], true, false) != NULL)
			SetConfigOption(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_OVERRIDE);
	CommitTransactionCommand();
}

static void
note_job(JobRound *round)
{
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	slot->jobs_done += round->done;
	slot->jobs_failed += round->failed;
	LWLockRelease(merch_workers->lock);
	round->done = 0;
	round->failed = 0;
}

/* When it was woken, if it was since it last asked; else 0. */
static TimestampTz
take_wake(void)
{
	return pg_atomic_exchange_u32(&slot->woken, 0) != 0 ? GetCurrentTimestamp() : 0;
}

/* Runs what is due. Returns when something will be, as far as is known. */
static TimestampTz
do_round(void)
{
	JobRound	round = {.woken_at = take_wake()};
	bool		more = true;

	StartTransactionCommand();
	if (merch_job_owner() != GetSessionUserId())
	{
		CommitTransactionCommand();
		reconnect_as(InvalidOid);
	}
	set_state(WORKER_RUNNING);
	round.context = AllocSetContextCreate(TopMemoryContext, "pg_merch round of jobs", ALLOCSET_DEFAULT_SIZES);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	for (int n = 0; more && n < JOBS_A_ROUND; n++)
	{
		more = merch_run_next_job(&round);
		note_job(&round);
		CHECK_FOR_INTERRUPTS();
		if (more)
			round.woken_at = Max(round.woken_at, take_wake());
	}
	SPI_finish();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	MemoryContextDelete(round.context);
	/* the next round owes what this one was woken for */
	if (more && round.woken_at != 0)
		pg_atomic_write_u32(&slot->woken, 1);
	return more ? GetCurrentTimestamp() : round.next_due;
}

static void
end_round(TimestampTz next)
{
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	slot->state = WORKER_IDLE;
	slot->failures = 0;
	slot->rounds++;
	slot->last_round_at = GetCurrentTimestamp();
	slot->next_round_at = TIMESTAMP_IS_NOEND(next) ? 0 : next;
	LWLockRelease(merch_workers->lock);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Milliseconds until then, rounded up: a round that comes too early finds nothing to do. */
static long
ms_until(TimestampTz moment)
{
	TimestampTz now = GetCurrentTimestamp();

	if (TIMESTAMP_IS_NOEND(moment))
		return merch_naptime;
	if (moment <= now)
		return 0;
	return Min(merch_naptime, TimestampDifferenceMilliseconds(now, moment) + 1);
}

void
merch_job_worker_main(Datum slot_number)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGINT, StatementCancelHandler);
	pqsignal(SIGTERM, die);
	take_slot(DatumGetInt32(slot_number));
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(slot->database, slot->owner,
											  OidIsValid(slot->owner) ? MERCH_WORKER_FLAGS : 0);
	connected = true;
	wait_event = merch_new_wait_event("MerchWorkerMain");
	set_session();
	if (!OidIsValid(slot->owner))
		look_for_owner();
	for (;;)
	{
		TimestampTz next = do_round();

		end_round(next);
		if (pg_atomic_read_u32(&slot->woken) == 0)
			nap(ms_until(next));
	}
}
