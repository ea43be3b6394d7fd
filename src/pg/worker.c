/*
 * worker.c
 *	  Background workers that do the blocks of a batch.
 *
 * merch.run_workers starts them and waits. They need no preloaded library: each is a
 * dynamic background worker that connects to the caller's database, as its user and
 * with its settings, and calls merch.work_block(), one transaction a block, until no
 * block is left.
 *
 * All that a worker does is in its block's transaction. One that dies leaves its block
 * waiting: another takes it, or the caller when all have ended. When the caller
 * is cancelled or ends, its workers are told to end, in the middle of their blocks.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"

PG_FUNCTION_INFO_V1(merch_check_own_transaction);
PG_FUNCTION_INFO_V1(merch_run_workers);

PGDLLEXPORT void merch_worker_main(Datum segment_handle);

/* What a worker has to know, in a segment that it shares with the caller. */
typedef struct WorkerOrder
{
	Oid			database;
	Oid			session_user;
	Oid			user;			/* other than that after SET ROLE */
	int64		batch;
	char		settings[FLEXIBLE_ARRAY_MEMBER];
} WorkerOrder;

typedef struct WorkerCrew
{
	int			count;
	BackgroundWorkerHandle **workers;
} WorkerCrew;

Datum
merch_check_own_transaction(PG_FUNCTION_ARGS)
{
	if (IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block", text_to_cstring(PG_GETARG_TEXT_PP(0))),
				 errhint("It commits what it does bit by bit: CALL it outside BEGIN and COMMIT.")));
	PG_RETURN_VOID();
}

static dsm_segment *
write_order(int64 batch)
{
	Size		settings_size = EstimateGUCStateSpace();
	dsm_segment *segment = dsm_create(offsetof(WorkerOrder, settings) + settings_size, 0);
	WorkerOrder *order = dsm_segment_address(segment);

	order->database = MyDatabaseId;
	order->session_user = GetSessionUserId();
	order->user = GetUserId();
	order->batch = batch;
	SerializeGUCState(settings_size, order->settings);
	return segment;
}

static BackgroundWorkerHandle *
start_worker(dsm_segment *segment, int64 batch)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment)),
		.bgw_notify_pid = MyProcPid
	};
	BackgroundWorkerHandle *handle;

	snprintf(worker.bgw_name, BGW_MAXLEN, "pg_merch worker for batch " INT64_FORMAT, batch);
	snprintf(worker.bgw_type, BGW_MAXLEN, "pg_merch worker");
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "pg_merch");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name), "merch_worker_main");
	return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : NULL;
}

static void
dismiss_crew(int code, Datum crew_pointer)
{
	WorkerCrew *crew = (WorkerCrew *) DatumGetPointer(crew_pointer);

	for (int i = 0; i < crew->count; i++)
		TerminateBackgroundWorker(crew->workers[i]);
}

/* Starts as many as there is room for; those that could not be are reported. */
static void
hire_crew(WorkerCrew *crew, int wanted, dsm_segment *segment, int64 batch)
{
	while (crew->count < wanted)
	{
		BackgroundWorkerHandle *handle = start_worker(segment, batch);

		if (handle == NULL)
			break;
		crew->workers[crew->count++] = handle;
	}
	if (crew->count < wanted)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("only %d of %d background workers could be started", crew->count, wanted),
				 errdetail("What they leave is done by this session."),
				 errhint("Increase max_worker_processes, of which other background workers and parallel queries take their part.")));
}

/* Returns when none runs any more. */
static void
await_crew(const WorkerCrew *crew)
{
	for (int i = 0; i < crew->count; i++)
	{
		pid_t		pid;
		BgwHandleStatus status;

		while ((status = GetBackgroundWorkerPid(crew->workers[i], &pid)) == BGWH_STARTED ||
			   status == BGWH_NOT_YET_STARTED)
		{
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
	}
}

/*
 * Waits in a transaction that has no snapshot, so that the wait does not keep VACUUM
 * from removing what dies in the meantime.
 */
Datum
merch_run_workers(PG_FUNCTION_ARGS)
{
	int64		batch = PG_GETARG_INT64(0);
	int			wanted = PG_GETARG_INT32(1);
	WorkerCrew	crew = {.count = 0};
	dsm_segment *segment;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || wanted < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch_id and workers must not be null, and workers not negative"),
				 errhint("Use merch.resume_batch().")));
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("merch.run_workers cannot run inside a transaction block"),
				 errhint("It waits for the workers' commits: CALL it outside BEGIN and COMMIT.")));

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	crew.workers = palloc(sizeof(BackgroundWorkerHandle *) * Max(wanted, 1));
	segment = write_order(batch);
	PG_ENSURE_ERROR_CLEANUP(dismiss_crew, PointerGetDatum(&crew));
	{
		hire_crew(&crew, wanted, segment, batch);
		await_crew(&crew);
	}
	PG_END_ENSURE_ERROR_CLEANUP(dismiss_crew, PointerGetDatum(&crew));
	dsm_detach(segment);
	SPI_finish();
	PG_RETURN_NULL();
}

/* The caller's settings, then its role: which settings it may have, its login decides. */
static void
obey(const WorkerOrder *order)
{
	StartTransactionCommand();
	RestoreGUCState((void *) order->settings);
	if (order->user != order->session_user)
		SetConfigOption("role", GetUserNameFromId(order->user, false), PGC_USERSET, PGC_S_SESSION);
	CommitTransactionCommand();
}

static bool
work_block(int64 batch)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(batch);
	bool		isnull;
	bool		worked;

	StartTransactionCommand();
	/* each transaction of a block has to see what the others have done */
	XactIsoLevel = XACT_READ_COMMITTED;
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_with_args("SELECT merch.work_block($1)", 1, &type, &value, NULL, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "merch.work_block failed");
	worked = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return worked;
}

void
merch_worker_main(Datum segment_handle)
{
	dsm_segment *segment;
	const WorkerOrder *order;
	int64		batch;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	segment = dsm_attach(DatumGetUInt32(segment_handle));
	if (segment == NULL)
		proc_exit(0);			/* the caller has gone */
	order = dsm_segment_address(segment);
	batch = order->batch;
	BackgroundWorkerInitializeConnectionByOid(order->database, order->session_user, MERCH_WORKER_FLAGS);
	obey(order);
	dsm_detach(segment);

	pgstat_report_activity(STATE_RUNNING, "SELECT merch.work_block(batch_id)");
	while (work_block(batch))
		CHECK_FOR_INTERRUPTS();
	pgstat_report_activity(STATE_IDLE, NULL);
	proc_exit(0);
}
