/*
 * price_tables.c
 *	  Which tables may hold prices of a system.
 *
 * merch.published_price may have been partitioned. Which partitions a system's prices can
 * be in is what the planner finds out for WHERE system_id = …, whatever the scheme.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "compat.h"
#include "owner.h"

PG_FUNCTION_INFO_V1(merch_price_tables);

static int
compare_oids(const void *a, const void *b)
{
	Oid			x = *(const Oid *) a;
	Oid			y = *(const Oid *) b;

	return (x > y) - (x < y);
}

/* The tables with rows of their own among the relations of a plan, sorted. */
static int
tables_of_plan(const PlannedStmt *statement, Oid *tables)
{
	int			count = 0;
	int			kept = 0;
	ListCell   *cell;

	foreach(cell, statement->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		if (entry->rtekind == RTE_RELATION &&
			(entry->relkind == RELKIND_RELATION || entry->relkind == RELKIND_FOREIGN_TABLE))
			tables[count++] = entry->relid;
	}
	qsort(tables, count, sizeof(Oid), compare_oids);
	for (int i = 0; i < count; i++)
		if (kept == 0 || tables[kept - 1] != tables[i])
			tables[kept++] = tables[i];
	return kept;
}

/* As the planner sees it; the array is allocated in the caller's context. */
static int
planned_tables(int32 system_id, Oid **tables)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *text = psprintf("SELECT FROM merch.published_price p WHERE p.system_id OPERATOR(pg_catalog.=) (%d)",
								system_id);
	SPIPlanPtr	plan;
	CachedPlan *cached;
	PlannedStmt *statement;
	int			count;

	SPI_connect();
	plan = SPI_prepare(text, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	cached = SPI_plan_get_cached_plan(plan);
	if (cached == NULL)
		elog(ERROR, "\"%s\" has no single plan", text);
	statement = linitial_node(PlannedStmt, cached->stmt_list);
	*tables = MemoryContextAlloc(caller, sizeof(Oid) * (list_length(statement->rtable) + 1));
	count = tables_of_plan(statement, *tables);
	/* of a plan that isn't saved, SPI has no resource owner either */
	ReleaseCachedPlan(cached, NULL);
	SPI_finish();
	return count;
}

Datum
merch_price_tables(PG_FUNCTION_ARGS)
{
	Oid			root = merch_model_table("published_price");
	Relation	relation = table_open(root, AccessShareLock);
	bool		is_one = relation->rd_rel->relkind == RELKIND_RELATION && !relation->rd_rel->relhassubclass;
	Oid		   *tables = &root;
	int			count = 1;
	Datum	   *values;

	table_close(relation, NoLock);
	if (!is_one)
		count = planned_tables(PG_GETARG_INT32(0), &tables);
	values = palloc(sizeof(Datum) * (count + 1));
	for (int i = 0; i < count; i++)
		values[i] = ObjectIdGetDatum(tables[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(values, count, REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT));
}
