/*
 * preparation.c
 *	  Settings of preparation, for SQL: asking for them loads the library that defines them.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "guc.h"

PG_FUNCTION_INFO_V1(merch_get_release_days);
PG_FUNCTION_INFO_V1(merch_get_recall_released);
PG_FUNCTION_INFO_V1(merch_get_currency);

Datum
merch_get_release_days(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(merch_release_days);
}

Datum
merch_get_recall_released(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(merch_recall_released);
}

Datum
merch_get_currency(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(merch_currency));
}
