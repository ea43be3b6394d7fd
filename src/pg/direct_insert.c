/*
 * direct_insert.c
 *	  What the writers share that put rows into a table as COPY does.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"

#include "compat.h"
#include "direct_insert.h"

bool
merch_takes_rows_directly(Relation table)
{
	TriggerDesc *triggers = table->trigdesc;

	return table->rd_rel->relkind == RELKIND_RELATION &&
		table->rd_rel->relam == HEAP_TABLE_AM_OID &&
		table->rd_rules == NULL &&
		!table->rd_rel->relispartition &&
		(triggers == NULL ||
		 (!triggers->trig_insert_before_row && !triggers->trig_insert_instead_row)) &&
		!XactReadOnly;
}

ResultRelInfo *
merch_open_result(Relation table, EState *estate)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	ResultRelInfo *info = makeNode(ResultRelInfo);

	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(table);
	rte->relkind = table->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
	merch_init_range_table(estate, rte);
	ExecInitResultRelation(estate, info, 1);
	ExecOpenIndices(info, false);
	estate->es_output_cid = GetCurrentCommandId(true);
	return info;
}
