/*
 * actor_role.c
 *	  Whether who acts has the rights of a role, for functions in SQL that check votes.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "owner.h"

PG_FUNCTION_INFO_V1(merch_actor_has_role_sql);

Datum
merch_actor_has_role_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(merch_actor_has_role(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}
