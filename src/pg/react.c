/*
 * react.c
 *	  react: the statement trigger that calls a function with the keys of what changed, as
 *	  the owner of the table and in system context. And the system's own transitions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "changed_keys.h"
#include "key_call.h"
#include "owner.h"
#include "row_trigger.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(merch_react);
PG_FUNCTION_INFO_V1(merch_fire_as_system);

Datum
merch_react(PG_FUNCTION_ARGS)
{
	TriggerData *data = merch_check_trigger(fcinfo, "merch.react", false);
	const Trigger *trigger = data->tg_trigger;
	KeyCall		call = {.kind = CALL_REACTION, .table = data->tg_relation, .array_type = INT8ARRAYOID};
	KeySet		set;

	if (trigger->tgnargs < 2)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("merch.react has the arguments function and key column, not %d", trigger->tgnargs),
				 errhint("Columns that an UPDATE must change may follow.")));
	set = merch_changed_keys(fcinfo, "merch.react", trigger->tgargs[1], trigger->tgargs + 2, trigger->tgnargs - 2);
	if (set.count == 0)
		return PointerGetDatum(NULL);
	call.function = trigger->tgargs[0];
	call.purpose = psprintf("changes of table \"%s\" (trigger %s)", RelationGetRelationName(data->tg_relation),
							trigger->tgname);
	call.keys = PointerGetDatum(merch_key_set_array(&set));
	merch_call_with_keys(&call);
	/* it may have left work in a queue */
	merch_wake_worker();
	return PointerGetDatum(NULL);
}

/* ----------------------------------------------------------------
 * The system's own transitions
 * ----------------------------------------------------------------
 */
typedef struct FireCall
{
	Datum		values[4];
	char		nulls[4];
	int64		rows;
} FireCall;

static void
run_fire(void *argument)
{
	FireCall   *call = argument;
	Oid			types[] = {REGCLASSOID, TEXTARRAYOID, TEXTOID, TEXTOID};
	bool		isnull;
	int			result;

	SPI_connect();
	result = SPI_execute_with_args("SELECT merch.fire_rows($1, $2, $3, $4)", 4, types, call->values, call->nulls,
								   false, 0);
	if (result != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
	call->rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
}

Datum
merch_fire_as_system(PG_FUNCTION_ARGS)
{
	Oid			table = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	FireCall	call;
	Oid			owner;

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subject must not be null"),
				 errhint("It is the table whose rows are to change their state.")));
	owner = merch_table_owner(table);
	if (!has_privs_of_role(GetUserId(), owner) && !merch_actor_has_role("merch_admin"))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s may not make the system's transitions of table \"%s\"",
						GetUserNameFromId(GetUserId(), false), get_rel_name(table)),
				 errhint("Its owner and members of merch_admin may; merch.fire() makes transitions as yourself.")));
	for (int i = 0; i < 4; i++)
	{
		call.values[i] = PG_GETARG_DATUM(i);
		call.nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	merch_run_as_system(owner, run_fire, &call);
	PG_RETURN_INT64(call.rows);
}
