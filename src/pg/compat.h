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

/* until 16 a worker's user must be allowed to log in */
#if PG_VERSION_NUM >= 170000
#define MERCH_WORKER_FLAGS BGWORKER_BYPASS_ROLELOGINCHECK
#else
#define MERCH_WORKER_FLAGS 0
#endif

/* until 16 extensions share one wait event */
#if PG_VERSION_NUM >= 170000
#define merch_new_wait_event(name) WaitEventExtensionNew(name)
#else
#define merch_new_wait_event(name) PG_WAIT_EXTENSION
#endif

/* a range table of one entry: since 16 permissions stand apart, since 18 so does what is pruned */
#if PG_VERSION_NUM >= 180000
#define merch_init_range_table(estate, rte) \
	do { \
		List	   *infos_ = NIL; \
		addRTEPermissionInfo(&infos_, rte); \
		ExecInitRangeTable(estate, list_make1(rte), infos_, bms_make_singleton(1)); \
	} while (0)
#elif PG_VERSION_NUM >= 160000
#define merch_init_range_table(estate, rte) \
	do { \
		List	   *infos_ = NIL; \
		addRTEPermissionInfo(&infos_, rte); \
		ExecInitRangeTable(estate, list_make1(rte), infos_); \
	} while (0)
#else
#define merch_init_range_table(estate, rte) ExecInitRangeTable(estate, list_make1(rte))
#endif

#if PG_VERSION_NUM >= 160000
#define merch_insert_index_tuples(info, slot, estate) \
	ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL, false)
#else
#define merch_insert_index_tuples(info, slot, estate) \
	ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL)
#endif

/* since 18 with a place for its instrumentation */
#if PG_VERSION_NUM >= 180000
#define merch_index_beginscan(table, index, snapshot, keys) index_beginscan(table, index, snapshot, NULL, keys, 0)
#else
#define merch_index_beginscan(table, index, snapshot, keys) index_beginscan(table, index, snapshot, keys, 0)
#endif

/* a name such as schema.function, in parts */
#if PG_VERSION_NUM >= 160000
#define merch_name_list(name) stringToQualifiedNameList(name, NULL)
#else
#define merch_name_list(name) stringToQualifiedNameList(name)
#endif

#if PG_VERSION_NUM >= 180000
#define MERCH_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "pg_merch", .version = MERCH_VERSION)
#else
#define MERCH_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif
