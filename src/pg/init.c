/*
 * init.c
 *	  What happens when the library is loaded.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "compat.h"
#include "guc.h"
#include "launcher.h"
#include "worker_slot.h"

MERCH_MODULE_MAGIC;

void		_PG_init(void);

/* Loaded by a session alone, the library has no workers; all else is there. */
void
_PG_init(void)
{
	merch_define_settings();
	if (process_shared_preload_libraries_in_progress)
	{
		merch_init_worker_slots();
		merch_init_launcher();
	}
}
