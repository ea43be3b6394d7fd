/*
 * guc.c
 *	  The settings, with their bounds.
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "guc.h"

PG_FUNCTION_INFO_V1(merch_setting);

#define MINUTES_PER_DAY (24 * 60)

char	   *merch_reason = NULL;
int			merch_release_days = 7;
char	   *merch_currency = NULL;
int			merch_history = 400 * MINUTES_PER_DAY;
char	   *merch_databases = NULL;
int			merch_naptime = 10000;

static int	job_history = 7 * MINUTES_PER_DAY;
static char *price_feed = NULL;

static bool
check_currency(char **newval, void **extra, GucSource source)
{
	if (strlen(*newval) == 3 && strspn(*newval, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3)
		return true;
	GUC_check_errdetail("A currency is three capital letters, such as EUR.");
	return false;
}

static bool
check_price_feed(char **newval, void **extra, GucSource source)
{
	/* 18 digits fit into a bigint */
	if (strspn(*newval, "0123456789") == strlen(*newval) && strlen(*newval) <= 18)
		return true;
	GUC_check_errdetail("A price feed is named by its number.");
	return false;
}

static void
define_workflow_settings(void)
{
	DefineCustomStringVariable("merch.reason",
							   "Why states change.",
							   "Recorded with every change of state; empty for none. Set it with SET LOCAL.",
							   &merch_reason, "", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("merch.history",
							"How long changes of state are kept.",
							"merch.forget_history() deletes what is older; nobody can delete what is younger.",
							&merch_history, 400 * MINUTES_PER_DAY, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MIN,
							NULL, NULL, NULL);

	DefineCustomIntVariable("merch.release_days",
							"Days before its first goods leave that the allocation of an approved promotion is released.",
							"By preparation, or later by merch.release_due().",
							&merch_release_days, 7, 0, 36500, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("merch.currency",
							   "The currency of the regular prices, as a code of ISO 4217.",
							   "New price events are in it.",
							   &merch_currency, "EUR", PGC_SUSET, 0, check_currency, NULL, NULL);
	DefineCustomStringVariable("merch.price_feed",
							   "The price feed that lines are loaded into.",
							   "Set by merch.open_price_feed(); empty for none.",
							   &price_feed, "", PGC_USERSET, 0, check_price_feed, NULL, NULL);
}

static bool
check_databases(char **value, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*value);
	List	   *names;
	bool		well_formed = SplitGUCList(copy, ',', &names);

	if (!well_formed)
		GUC_check_errdetail("It must be a list of database names, separated by commas; names with special characters in double quotes.");
	list_free(names);
	pfree(copy);
	return well_formed;
}

static void
define_worker_settings(void)
{
	DefineCustomStringVariable("merch.databases",
							   "Databases that get a background worker, separated by commas.",
							   "Workers need pg_merch in shared_preload_libraries. One that does not exist, or has no model, gets its worker when it does.",
							   &merch_databases, "", PGC_SIGHUP, GUC_LIST_INPUT, check_databases, NULL, NULL);
	DefineCustomIntVariable("merch.naptime",
							"The longest that a worker sleeps.",
							"It is woken by commits and knows when something is due; this bounds how late it notices a clock that was set, or a change that wakes nobody.",
							&merch_naptime, 10000, 100, 24 * 60 * 60 * 1000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("merch.job_history",
							"How long the history of jobs is kept.",
							"The job purge deletes what is older.",
							&job_history, 7 * MINUTES_PER_DAY, 1, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, NULL, NULL, NULL);
}

/* Afterwards a misspelt setting is reported instead of ignored. */
void
merch_define_settings(void)
{
	define_workflow_settings();
	define_worker_settings();
	MarkGUCPrefixReserved("merch");
}

/* A call of it loads the library, which current_setting() does not. */
Datum
merch_setting(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (pg_strncasecmp(name, "merch.", strlen("merch.")) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is no setting of pg_merch", name),
				 errhint("Their names begin with \"merch.\"; others are known to current_setting().")));
	PG_RETURN_TEXT_P(cstring_to_text(GetConfigOptionByName(name, NULL, false)));
}
