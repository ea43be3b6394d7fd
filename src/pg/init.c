/*
 * init.c
 *	  What happens when the library is loaded.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "compat.h"

MERCH_MODULE_MAGIC;

void		_PG_init(void);

/*
 * No setting exists yet; the prefix is reserved so that a misspelt one of a later
 * version is reported instead of ignored.
 */
void
_PG_init(void)
{
	MarkGUCPrefixReserved("merch");
}
