/*
 * key_call.c
 *	  Calls of the functions that workflows and reactions name: they take an array of keys.
 *
 * They run as the owner of the table, so that the function must be the owner's, a
 * superuser's or the extension's: who may define a workflow, or make a trigger on a table,
 * is not lent the rights of the owner for code of their own. For the same reason they don't
 * see the search_path of who caused the call.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "compat.h"
#include "key_call.h"
#include "owner.h"

#define MAX_REFUSED 10			/* that an error lists; the count says how many there are */

static const char *const kinds[] = {"guard", "action", "reaction"};

typedef struct CallPlan
{
	Oid			function;		/* hash key */
	SPIPlanPtr	plan;
} CallPlan;

static void
describe_call(void *argument)
{
	const KeyCall *call = argument;

	errcontext("%s %s, called for %s", kinds[call->kind], call->function, call->purpose);
}

/* ----------------------------------------------------------------
 * Which function
 * ----------------------------------------------------------------
 */
static Oid
find_function(const KeyCall *call)
{
	Oid			types[] = {call->array_type};
	Oid			function = LookupFuncName(merch_name_list(call->function), 1, types, true);

	if (!OidIsValid(function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("%s %s(%s) does not exist", kinds[call->kind], call->function,
						format_type_be(call->array_type)),
				 call->kind == CALL_GUARD
				 ? errhint("It takes the keys of rows and returns a table of row_key and reason: of those that may not pass, and why.")
				 : errhint("It takes the keys of rows. CREATE FUNCTION makes it again.")));
	return function;
}

static Oid
function_owner(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
check_trusted(const KeyCall *call, Oid function)
{
	Oid			owner = function_owner(function);
	Oid			table_owner = call->table->rd_rel->relowner;

	if (owner == table_owner || superuser_arg(owner) ||
		getExtensionOfObject(ProcedureRelationId, function) == get_extension_oid("pg_merch", true))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s %s is not a function of %s, who owns table \"%s\"", kinds[call->kind], call->function,
					GetUserNameFromId(table_owner, false), RelationGetRelationName(call->table)),
			 errhint("It would run with all rights of the table's owner. If it is to: ALTER FUNCTION %s OWNER TO %s.",
					 call->function, quote_identifier(GetUserNameFromId(table_owner, false)))));
}

/* ----------------------------------------------------------------
 * The call
 * ----------------------------------------------------------------
 */
static SPIPlanPtr
prepare_call(const KeyCall *call, Oid function)
{
	char	   *name = quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
												  get_func_name(function));
	char	   *query = psprintf(call->kind == CALL_GUARD
								 ? "SELECT refused.row_key::pg_catalog.text, refused.reason::pg_catalog.text FROM %s($1) AS refused (row_key, reason) WHERE refused.row_key IS NOT NULL"
								 : "SELECT %s($1)", name);
	Oid			types[] = {call->array_type};
	SPIPlanPtr	plan = SPI_prepare(query, 1, types);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	return plan;
}

static SPIPlanPtr
plan_of(const KeyCall *call, Oid function)
{
	static HTAB *plans[2] = {NULL, NULL};	/* of guards, and of the others */
	HTAB	  **table = &plans[call->kind == CALL_GUARD ? 0 : 1];
	CallPlan   *entry;
	bool		found;

	if (*table == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(CallPlan)};

		*table = hash_create("merch calls", 32, &control, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(*table, &function, HASH_FIND, &found);
	if (!found)
	{
		SPIPlanPtr	plan = prepare_call(call, function);

		entry = hash_search(*table, &function, HASH_ENTER, &found);
		entry->plan = plan;
	}
	return entry->plan;
}

static void
keep_refused(KeyCall *call, MemoryContext memory)
{
	MemoryContext before = MemoryContextSwitchTo(memory);
	int			kept = (int) Min(SPI_processed, (uint64) (call->keep_all ? INT_MAX : MAX_REFUSED));

	call->refused = (int) Min(SPI_processed, (uint64) INT_MAX);
	call->refused_keys = palloc(sizeof(char *) * ((Size) kept + 1));
	call->reasons = palloc(sizeof(char *) * ((Size) kept + 1));
	for (int i = 0; i < kept; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];

		call->refused_keys[i] = SPI_getvalue(row, SPI_tuptable->tupdesc, 1);
		call->reasons[i] = SPI_getvalue(row, SPI_tuptable->tupdesc, 2);
	}
	MemoryContextSwitchTo(before);
}

static void
run_call(void *argument)
{
	KeyCall    *call = argument;
	MemoryContext memory = CurrentMemoryContext;
	Oid			function = find_function(call);
	int			result;

	check_trusted(call, function);
	SPI_connect();
	result = SPI_execute_plan(plan_of(call, function), &call->keys, NULL, false, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	if (call->kind == CALL_GUARD)
		keep_refused(call, memory);
	SPI_finish();
}

void
merch_call_with_keys(KeyCall *call)
{
	Oid			owner = call->table->rd_rel->relowner;
	ErrorContextCallback context = {
		.previous = error_context_stack, .callback = describe_call, .arg = call
	};
	int			settings = NewGUCNestLevel();

	error_context_stack = &context;
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (call->kind == CALL_GUARD)
	{
		OwnerSwitch before;

		merch_become(owner, &before);
		run_call(call);
		merch_become_again(&before);
	}
	else
		merch_run_as_system(owner, run_call, call);
	AtEOXact_GUC(true, settings);
	error_context_stack = context.previous;
}
