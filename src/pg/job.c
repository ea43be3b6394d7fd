/*
 * job.c
 *	  Rounds of jobs: what a worker, merch.run_due() and merch.run_job() have in common.
 *
 * Who runs a job holds a session's advisory lock on it: nobody else runs it meanwhile, and
 * when the process dies the lock goes with it. A job that is marked as running and whose
 * lock is free has died. An attempt is
 *	 1. a transaction that marks the job as running and counts the attempt;
 *	 2. a transaction that does the work in a subtransaction, with a timeout, and notes
 *		how it ended.
 * Choosing, marking and noting is SQL: merch.next_job, start_job and finish_job.
 *
 * All of it runs with the rights of the owner of merch.job, whoever calls: who may write
 * into that table, or make a function that is named in it, gains no more.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "job.h"
#include "try_call.h"

PG_FUNCTION_INFO_V1(merch_run_due);
PG_FUNCTION_INFO_V1(merch_run_job);
PG_FUNCTION_INFO_V1(merch_job_is_running);

/* The first key of the advisory locks; the second is the job's hash. */
#define JOB_LOCK_CLASS 0x6d657263

/* One attempt at a job. */
typedef struct Attempt
{
	const char *job;
	char	   *function;		/* as it is written into the query: qualified and quoted */
	char	   *result;			/* first column of the first row; NULL if there is none */
	TryCall		call;
} Attempt;

static char *held_job = NULL;
static bool callback_registered = false;

Oid
merch_job_owner(void)
{
	Oid			schema = get_namespace_oid("merch", true);
	Oid			relation = InvalidOid;
	HeapTuple	tuple;
	Oid			owner;

	if (OidIsValid(schema) && OidIsValid(get_extension_oid("pg_merch", true)))
		relation = get_relname_relid("job", schema);
	tuple = OidIsValid(relation) ? SearchSysCache1(RELOID, ObjectIdGetDatum(relation)) : NULL;
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
set_lock_tag(LOCKTAG *tag, const char *job)
{
	uint32		hash = DatumGetUInt32(hash_any((const unsigned char *) job, strlen(job)));

	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, JOB_LOCK_CLASS, hash, 2);
}

static void
unlock_job(void)
{
	LOCKTAG		tag;
	char	   *job = held_job;

	if (job == NULL)
		return;
	set_lock_tag(&tag, job);
	held_job = NULL;
	LockRelease(&tag, ExclusiveLock, true);
	pfree(job);
}

/* An error outside of a job's function: the lock must not stay with the session. */
static void
at_transaction_end(XactEvent event, void *unused)
{
	if (event == XACT_EVENT_ABORT)
		unlock_job();
}

static bool
lock_job(const char *job)
{
	LOCKTAG		tag;

	if (!callback_registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		callback_registered = true;
	}
	set_lock_tag(&tag, job);
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	held_job = MemoryContextStrdup(TopMemoryContext, job);
	return true;
}

/*
 * Whether anybody runs a job now. Looks at who holds the lock instead of trying to take it:
 * who wants to run the job must not meet somebody who is only asking.
 */
Datum
merch_job_is_running(PG_FUNCTION_ARGS)
{
	LOCKTAG		tag;
	char	   *job = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			holders;

	if (held_job != NULL && strcmp(held_job, job) == 0)
		PG_RETURN_BOOL(true);
	set_lock_tag(&tag, job);
	(void) GetLockConflicts(&tag, ExclusiveLock, &holders);
	PG_RETURN_BOOL(holders > 0);
}

static Oid
require_owner(void)
{
	Oid			owner = merch_job_owner();

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no table merch.job"),
				 errhint("merch.create_model() makes the model's tables.")));
	return owner;
}

/* Runs a statement that returns at most one row, with the owner's rights. True if there is one. */
static bool
query(const char *text, int nargs, Oid *types, Datum *values, const char *nulls)
{
	Oid			user;
	int			context;
	int			result;

	GetUserIdAndSecContext(&user, &context);
	/* a worker has no portal, and thus no snapshot around its statements */
	PushActiveSnapshot(GetTransactionSnapshot());
	SetUserIdAndSecContext(require_owner(), context | SECURITY_LOCAL_USERID_CHANGE);
	result = SPI_execute_with_args(text, nargs, types, values, nulls, false, 1);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed: %s", text, SPI_result_code_string(result));
	SetUserIdAndSecContext(user, context);
	PopActiveSnapshot();
	return SPI_processed > 0;
}

static Datum
column(int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, isnull);
}

static Datum
text_array(List *strings)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, strings)
		elements[n++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The job to run next, in the round's memory; NULL if none is due. */
static char *
choose_job(JobRound *round)
{
	Oid			types[] = {TEXTOID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTARRAYOID};
	Datum		values[] = {
		round->only ? CStringGetTextDatum(round->only) : (Datum) 0,
		BoolGetDatum(round->forced), TimestampTzGetDatum(round->woken_at),
		TimestampTzGetDatum(round->since), text_array(round->busy)
	};
	char		nulls[] = {
		round->only ? ' ' : 'n', ' ', round->woken_at ? ' ' : 'n', round->since ? ' ' : 'n', ' '
	};
	bool		isnull;
	char	   *job = NULL;

	round->next_due = DT_NOEND;
	if (query("SELECT n.job, n.due_at FROM merch.next_job($1, $2, $3, $4, $5) n", 5, types, values, nulls))
	{
		Datum		due_at = column(2, &isnull);

		if (!isnull)
			round->next_due = DatumGetTimestampTz(due_at);
		(void) column(1, &isnull);
		if (!isnull)
			job = MemoryContextStrdup(round->context, TextDatumGetCString(column(1, &isnull)));
	}
	SPI_freetuptable(SPI_tuptable);
	return job;
}

/* Marks a job as running; false if it is not to be run after all. */
static bool
start_job(const JobRound *round, Attempt *attempt)
{
	Oid			types[] = {TEXTOID, BOOLOID, TIMESTAMPTZOID};
	Datum		values[] = {
		CStringGetTextDatum(attempt->job), BoolGetDatum(round->forced), TimestampTzGetDatum(round->woken_at)
	};
	char		nulls[] = {' ', ' ', round->woken_at ? ' ' : 'n'};
	bool		isnull;

	(void) query("SELECT s.function, s.timeout_ms FROM merch.start_job($1, $2, $3) s", 3, types, values, nulls);
	(void) column(1, &isnull);
	if (!isnull)
	{
		attempt->function = MemoryContextStrdup(round->context, TextDatumGetCString(column(1, &isnull)));
		attempt->call.timeout_ms = DatumGetInt32(column(2, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	return attempt->function != NULL;
}

static void
call_function(void *argument)
{
	Attempt    *attempt = argument;
	char	   *text = psprintf("SELECT * FROM %s()", attempt->function);
	int			result = SPI_execute(text, false, 1);

	if (result != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed: %s", text, SPI_result_code_string(result));
	if (SPI_processed > 0 && SPI_tuptable->tupdesc->natts > 0)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		if (value)
			attempt->result = MemoryContextStrdup(attempt->call.context, value);
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
finish_job(const Attempt *attempt)
{
	const TryCall *call = &attempt->call;
	bool		well = call->error == NULL;
	Oid			types[] = {TEXTOID, FLOAT8OID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[] = {
		CStringGetTextDatum(attempt->job), Float8GetDatum(call->ms),
		well && attempt->result ? CStringGetTextDatum(attempt->result) : (Datum) 0,
		well ? (Datum) 0 : CStringGetTextDatum(call->error),
		well ? (Datum) 0 : CStringGetTextDatum(call->error_code)
	};
	char		nulls[] = {' ', ' ', well && attempt->result ? ' ' : 'n', well ? 'n' : ' ', well ? 'n' : ' '};

	(void) query("SELECT merch.finish_job($1, $2, $3, $4, $5)", 5, types, values, nulls);
	SPI_freetuptable(SPI_tuptable);
}

static void
run_attempt(JobRound *round, const char *job)
{
	Attempt		attempt = {
		.job = job,
		.call = {.level = TRY_JOB, .work = call_function, .argument = &attempt, .context = round->context}
	};
	bool		started = start_job(round, &attempt);

	SPI_commit();
	if (!started)
		return;
	XactIsoLevel = XACT_READ_COMMITTED;
	if (MyBackendType == B_BG_WORKER)
		pgstat_report_activity(STATE_RUNNING, psprintf("merch job %s: %s()", job, attempt.function));
	attempt.call.user = require_owner();
	if (merch_try(&attempt.call))
		round->done++;
	else
		round->failed++;
	finish_job(&attempt);
	SPI_commit();
	round->cancelled = attempt.call.cancelled;
}

bool
merch_run_next_job(JobRound *round)
{
	char	   *job;

	XactIsoLevel = XACT_READ_COMMITTED;
	job = choose_job(round);
	if (job == NULL)
		return false;
	if (!lock_job(job))
	{
		MemoryContext old = MemoryContextSwitchTo(round->context);

		round->busy = lappend(round->busy, job);
		MemoryContextSwitchTo(old);
		return true;
	}
	run_attempt(round, job);
	unlock_job();
	return true;
}

static void
check_call(FunctionCallInfo fcinfo, const char *procedure)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block", procedure),
				 errhint("It commits before and after each job: CALL it outside BEGIN and COMMIT.")));
}

/* Runs jobs until none is due, or until the user cancels one. */
static void
run_round(JobRound *round)
{
	round->context = AllocSetContextCreate(PortalContext, "pg_merch round of jobs", ALLOCSET_DEFAULT_SIZES);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	/* what is due is decided in a transaction that sees what others did */
	SPI_commit();
	(void) require_owner();
	while (merch_run_next_job(round))
	{
		if (round->cancelled)
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("canceling the round of jobs due to user request"),
					 errdetail("The job that was running counts as failed.")));
		/* one that may always be run is run once */
		if (round->forced)
			break;
		CHECK_FOR_INTERRUPTS();
	}
	SPI_finish();
}

Datum
merch_run_due(PG_FUNCTION_ARGS)
{
	JobRound	round = {.forced = false};

	check_call(fcinfo, "merch.run_due");
	if (!PG_ARGISNULL(0))
		round.only = text_to_cstring(PG_GETARG_TEXT_PP(0));
	round.since = round.woken_at = GetCurrentTimestamp();
	run_round(&round);
	PG_RETURN_NULL();
}

Datum
merch_run_job(PG_FUNCTION_ARGS)
{
	JobRound	round = {.forced = true};

	check_call(fcinfo, "merch.run_job");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job must not be null"),
				 errhint("Jobs are the rows of merch.job; merch.run_due() runs all that are due.")));
	round.only = text_to_cstring(PG_GETARG_TEXT_PP(0));
	run_round(&round);
	if (round.busy != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job \"%s\" is being run by another session", round.only),
				 errhint("merch.progress shows by which.")));
	PG_RETURN_NULL();
}
