/*
 * clock.c
 *	  What the clock's SQL can't do: asking a guard as the owner of its table, and trying
 *	  transitions with a time limit.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "key_call.h"
#include "owner.h"
#include "try_call.h"

PG_FUNCTION_INFO_V1(merch_ask_guard);
PG_FUNCTION_INFO_V1(merch_try_fire);

Datum
merch_ask_guard(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	KeyCall		call = {.kind = CALL_GUARD, .purpose = "transitions that are due", .keep_all = true};
	Oid			owner = merch_table_owner(PG_GETARG_OID(0));

	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not act as the owner of table \"%s\"", GetUserNameFromId(GetUserId(), false),
						get_rel_name(PG_GETARG_OID(0))),
				 errhint("The owner of merch.job makes timed transitions: GRANT it the role \"%s\".",
						 GetUserNameFromId(owner, false))));
	InitMaterializedSRF(fcinfo, 0);
	call.function = text_to_cstring(PG_GETARG_TEXT_PP(1));
	call.array_type = get_fn_expr_argtype(fcinfo->flinfo, 2);
	call.keys = PG_GETARG_DATUM(2);
	call.table = table_open(PG_GETARG_OID(0), AccessShareLock);
	merch_call_with_keys(&call);
	table_close(call.table, NoLock);
	for (int i = 0; i < call.refused; i++)
	{
		Datum		values[2] = {CStringGetTextDatum(call.refused_keys[i])};
		bool		nulls[2] = {false, call.reasons[i] == NULL};

		if (call.reasons[i])
			values[1] = CStringGetTextDatum(call.reasons[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

typedef struct FireAllowed
{
	Oid			types[3];
	Datum		values[3];
	int64		fired;
} FireAllowed;

static void
fire_allowed(void *argument)
{
	FireAllowed *fire = argument;
	bool		isnull;

	if (SPI_execute_with_args("SELECT merch.fire_allowed($1, $2, $3)", 3, fire->types, fire->values, NULL, false, 1)
		!= SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "merch.fire_allowed failed");
	fire->fired = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
}

Datum
merch_try_fire(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	FireAllowed fire = {
		.types = {get_fn_expr_argtype(fcinfo->flinfo, 0), TEXTARRAYOID, TIMESTAMPTZARRAYOID},
		.values = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2)}
	};
	TryCall		call = {
		.level = TRY_TRANSITION, .work = fire_allowed, .argument = &fire,
		.timeout_ms = PG_GETARG_INT32(3), .context = context
	};
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "merch.try_fire must return a row");
	SPI_connect();
	(void) merch_try(&call);
	SPI_finish();
	values[0] = Int64GetDatum(call.error ? 0 : fire.fired);
	nulls[0] = false;
	nulls[1] = nulls[2] = call.error == NULL;
	if (call.error)
	{
		values[1] = CStringGetTextDatum(call.error);
		values[2] = CStringGetTextDatum(call.error_code);
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
