/*
 * wake.c
 *	  Waking the worker of a database when work for it is committed.
 *
 * Within the transaction only a flag is set. The latch follows after the commit, when
 * others see what it wrote: a worker that woke before would find nothing. Many
 * commits wake a busy worker once: the first sets "woken", the worker clears it before
 * it looks for work.
 *
 * The worker does not wake itself: it asks again what is due after each job anyway, and
 * a job that follows commits must not follow its own.
 *
 * A prepared transaction wakes nobody: the session that commits it does not know what
 * it did. The worker then finds the work within merch.naptime.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"

#include "compat.h"
#include "wake.h"
#include "worker_slot.h"

PG_FUNCTION_INFO_V1(merch_wake_worker_sql);
PG_FUNCTION_INFO_V1(merch_wake_worker_trigger);

static bool wake_at_commit = false;
static bool callback_registered = false;

static void
wake_now(void)
{
	WorkerSlot *slot;

	LWLockAcquire(merch_workers->lock, LW_SHARED);
	slot = merch_find_slot(MyDatabaseId);
	if (slot != NULL && slot->pid != 0 && slot->pid != MyProcPid &&
		pg_atomic_exchange_u32(&slot->woken, 1) == 0)
		SetLatch(slot->latch);
	LWLockRelease(merch_workers->lock);
}

static void
at_transaction_end(XactEvent event, void *unused)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
			if (wake_at_commit)
				wake_now();
			wake_at_commit = false;
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:
			wake_at_commit = false;
			break;
		default:
			break;
	}
}

void
merch_wake_worker(void)
{
	if (wake_at_commit || merch_workers == NULL)
		return;
	if (!callback_registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		callback_registered = true;
	}
	wake_at_commit = true;
}

Datum
merch_wake_worker_sql(PG_FUNCTION_ARGS)
{
	merch_require_workers();
	merch_wake_worker();
	PG_RETURN_VOID();
}

/* After a statement that changes what the worker goes by; quiet where there is none. */
Datum
merch_wake_worker_trigger(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("merch.wake_worker_at_change can only be called as a trigger")));
	merch_wake_worker();
	return PointerGetDatum(NULL);
}
