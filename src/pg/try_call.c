/*
 * try_call.c
 *	  Calling something so that no error of it, and no hanging, stops the caller.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "try_call.h"

/* a function that catches the cancel and goes on is cancelled again */
#define CANCEL_AGAIN_MS 1000

static TimeoutId timeouts[TRY_LEVELS] = {MAX_TIMEOUTS, MAX_TIMEOUTS};
static volatile sig_atomic_t timed_out[TRY_LEVELS];

static void
cancel(TryLevel level)
{
	timed_out[level] = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

static void
on_job_timeout(void)
{
	cancel(TRY_JOB);
}

static void
on_transition_timeout(void)
{
	cancel(TRY_TRANSITION);
}

static void
start_timeout(TryLevel level, int ms)
{
	if (timeouts[level] == MAX_TIMEOUTS)
		timeouts[level] = RegisterTimeout(USER_TIMEOUT, level == TRY_JOB ? on_job_timeout : on_transition_timeout);
	timed_out[level] = false;
	if (ms > 0)
		enable_timeout_every(timeouts[level], TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms), CANCEL_AGAIN_MS);
}

static void
end_timeout(TryLevel level)
{
	disable_timeout(timeouts[level], false);
	/* one that came too late must not hit what follows */
	if (timed_out[level])
		QueryCancelPending = false;
}

static void
note_error(TryCall *call)
{
	ErrorData  *error;
	StringInfoData text;

	MemoryContextSwitchTo(call->context);
	error = CopyErrorData();
	initStringInfo(&text);
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && timed_out[call->level])
		appendStringInfo(&text, "canceled after its timeout of %d ms", call->timeout_ms);
	else
	{
		call->cancelled = error->sqlerrcode == ERRCODE_QUERY_CANCELED;
		appendStringInfoString(&text, error->message ? error->message : "unknown error");
		if (error->detail)
			appendStringInfo(&text, "\nDETAIL: %s", error->detail);
		if (error->hint)
			appendStringInfo(&text, "\nHINT: %s", error->hint);
	}
	call->error = text.data;
	strlcpy(call->error_code, unpack_sql_state(error->sqlerrcode), sizeof(call->error_code));
	FreeErrorData(error);
}

static void
check_constraints(void)
{
	if (SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "SET CONSTRAINTS failed");
}

/* Deferred constraints are checked at its end: an error of any kind is its own. */
static void
work(TryCall *call, Oid user, int security)
{
	if (OidIsValid(call->user))
		SetUserIdAndSecContext(call->user, security | SECURITY_LOCAL_USERID_CHANGE);
	start_timeout(call->level, call->timeout_ms);
	call->work(call->argument);
	check_constraints();
	end_timeout(call->level);
	SetUserIdAndSecContext(user, security);
}

bool
merch_try(TryCall *call)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner resources = CurrentResourceOwner;
	Oid			user;
	int			security;
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	GetUserIdAndSecContext(&user, &security);
	call->error = NULL;
	call->cancelled = false;
	/* a worker has no portal, and thus no snapshot around its statements */
	PushActiveSnapshot(GetTransactionSnapshot());
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(call, user, security);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		end_timeout(call->level);
		note_error(call);
		if (call->cancelled && call->level != TRY_JOB)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = resources;
	PopActiveSnapshot();
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	call->ms = INSTR_TIME_GET_MILLISEC(end);
	return call->error == NULL;
}
