/*
 * compat.h
 *	  All that differs between the supported major versions of PostgreSQL.
 */
#ifndef MERCH_COMPAT_H
#define MERCH_COMPAT_H

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "pg_merch supports PostgreSQL 15 to 18"
#endif

/* what postgres.h declared until 15 */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

#if PG_VERSION_NUM >= 180000
#define MERCH_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "pg_merch", .version = MERCH_VERSION)
#else
#define MERCH_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif
