/*
 * choice.c
 *	  Arguments that name one of a few choices.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "choice.h"
#include "compat.h"

static char *
list_choices(const char *(*name_of) (int), int count)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int choice = 0; choice < count; choice++)
		appendStringInfo(&list, "%s%s", choice == 0 ? "" : ", ", name_of(choice));
	return list.data;
}

int
parse_choice(Datum value, const char *(*name_of) (int), int count, const char *what, const char *all)
{
	text	   *name = DatumGetTextPP(value);

	for (int choice = 0; choice < count; choice++)
	{
		const char *candidate = name_of(choice);

		if (strlen(candidate) == VARSIZE_ANY_EXHDR(name) &&
			memcmp(candidate, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0)
			return choice;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown %s: \"%s\"", what, text_to_cstring(name)),
			 errhint("%s are: %s.", all, list_choices(name_of, count))));
}

static const char *
name_of_distribution(int kind)
{
	return distribution_name((DistributionKind) kind);
}

DistributionKind
parse_distribution(Datum name)
{
	return (DistributionKind) parse_choice(name, name_of_distribution, DISTRIBUTIONS,
										   "distribution", "Distributions");
}
