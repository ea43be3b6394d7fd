/*
 * worker_stat.c
 *	  What the workers are doing, as SQL sees it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "worker_slot.h"

PG_FUNCTION_INFO_V1(merch_is_preloaded);
PG_FUNCTION_INFO_V1(merch_workers_sql);
PG_FUNCTION_INFO_V1(merch_reset_worker);

#define WORKER_COLUMNS 11

static const char *const state_names[] = {
	[WORKER_STOPPED] = "stopped",
	[WORKER_STARTING] = "starting",
	[WORKER_WITHOUT_MODEL] = "no model",
	[WORKER_WITHOUT_LOGIN] = "owner may not log in",
	[WORKER_IDLE] = "idle",
	[WORKER_RUNNING] = "running"
};

Datum
merch_is_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(merch_workers != NULL);
}

/* A moment that is 0 is none. */
static void
set_moment(Datum *values, bool *nulls, int column, TimestampTz moment)
{
	values[column] = TimestampTzGetDatum(moment);
	nulls[column] = moment == 0;
}

static void
fill_row(const WorkerSlot *slot, Datum *values, bool *nulls)
{
	memset(nulls, 0, sizeof(bool) * WORKER_COLUMNS);
	values[0] = ObjectIdGetDatum(slot->database);
	values[1] = Int32GetDatum(slot->pid);
	nulls[1] = slot->pid == 0;
	values[2] = CStringGetTextDatum(state_names[slot->state]);
	set_moment(values, nulls, 3, slot->pid == 0 ? 0 : slot->started_at);
	set_moment(values, nulls, 4, slot->last_round_at);
	set_moment(values, nulls, 5, slot->pid == 0 ? 0 : slot->next_round_at);
	values[6] = Int64GetDatum(slot->restarts);
	values[7] = Int64GetDatum(slot->rounds);
	values[8] = Int64GetDatum(slot->jobs_done);
	values[9] = Int64GetDatum(slot->jobs_failed);
	set_moment(values, nulls, 10, slot->reset_at);
}

Datum
merch_workers_sql(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	WorkerSlot *copies;
	int			n = 0;

	merch_require_workers();
	InitMaterializedSRF(fcinfo, 0);
	copies = palloc(sizeof(WorkerSlot) * Max(merch_workers->capacity, 1));
	LWLockAcquire(merch_workers->lock, LW_SHARED);
	for (int i = 0; i < merch_workers->capacity; i++)
		if (OidIsValid(merch_workers->slots[i].database))
			copies[n++] = merch_workers->slots[i];
	LWLockRelease(merch_workers->lock);
	for (int i = 0; i < n; i++)
	{
		Datum		values[WORKER_COLUMNS];
		bool		nulls[WORKER_COLUMNS];

		fill_row(&copies[i], values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* Sets the counters of this database's worker to 0. */
Datum
merch_reset_worker(PG_FUNCTION_ARGS)
{
	WorkerSlot *slot;

	if (merch_workers == NULL)
		PG_RETURN_VOID();
	LWLockAcquire(merch_workers->lock, LW_EXCLUSIVE);
	slot = merch_find_slot(MyDatabaseId);
	if (slot != NULL)
	{
		slot->restarts = 0;
		slot->rounds = 0;
		slot->jobs_done = 0;
		slot->jobs_failed = 0;
		slot->reset_at = GetCurrentTimestamp();
	}
	LWLockRelease(merch_workers->lock);
	PG_RETURN_VOID();
}
