/*
 * owner.c
 *	  Acting as the owner of a table, and in system context.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "owner.h"

PG_FUNCTION_INFO_V1(merch_actor);
PG_FUNCTION_INFO_V1(merch_in_system);

static int	system_depth = 0;

void
merch_become(Oid owner, OwnerSwitch *before)
{
	GetUserIdAndSecContext(&before->user, &before->context);
	SetUserIdAndSecContext(owner, before->context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
}

void
merch_become_again(const OwnerSwitch *before)
{
	SetUserIdAndSecContext(before->user, before->context);
}

Oid
merch_model_table(const char *name)
{
	Oid			schema = get_namespace_oid("merch", false);
	Oid			relation = get_relname_relid(name, schema);

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no table merch.%s", name),
				 errhint("merch.create_model() makes the model's tables.")));
	return relation;
}

Oid
merch_table_owner(Oid table)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", table)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

bool
merch_in_system_context(Oid owner)
{
	return system_depth > 0 && has_privs_of_role(GetUserId(), owner);
}

void
merch_run_as_system(Oid owner, void (*work) (void *argument), void *argument)
{
	OwnerSwitch before;

	merch_become(owner, &before);
	system_depth++;
	PG_TRY();
	{
		work(argument);
	}
	PG_FINALLY();
	{
		system_depth--;
		merch_become_again(&before);
	}
	PG_END_TRY();
}

static bool
can_log_in(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		can = HeapTupleIsValid(tuple) && ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return can;
}

const char *
merch_actor_name(void)
{
	Oid			role = GetOuterUserId();

	return GetUserNameFromId(can_log_in(role) ? role : GetSessionUserId(), false);
}

bool
merch_actor_has_role(const char *role)
{
	Oid			oid = get_role_oid(role, true);

	return OidIsValid(oid) ? has_privs_of_role(GetOuterUserId(), oid) : superuser_arg(GetOuterUserId());
}

Datum
merch_actor(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(merch_actor_name()));
}

/* For trigger functions in SQL: whether this is what the table's owner has the system do. */
Datum
merch_in_system(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(merch_in_system_context(merch_table_owner(PG_GETARG_OID(0))));
}
