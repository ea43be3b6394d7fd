/*
 * diff_query.c
 *	  The two queries of merch.diff.
 *
 * Each is one SELECT, which is prepared to learn its columns and then read through
 * a cursor in the order of its keys. Where the two have a column in different types,
 * the one that turns into the other by itself is cast to it, as in a UNION. Texts are
 * ordered and compared by their bytes: that is fast, and both sides do it alike
 * whatever their collations.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "diff_query.h"

#define ROWS_A_FETCH 1000

/* ----------------------------------------------------------------
 * What a query is
 * ----------------------------------------------------------------
 */
static void
check_names(const DiffSide *side)
{
	for (int i = 0; i < side->columns->natts; i++)
		for (int k = 0; k < i; k++)
			if (strcmp(NameStr(TupleDescAttr(side->columns, i)->attname),
					   NameStr(TupleDescAttr(side->columns, k)->attname)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("%s has two columns \"%s\"", side->argument,
								NameStr(TupleDescAttr(side->columns, i)->attname)),
						 errhint("Give each another name: SELECT … AS ….")));
}

/* Only what can be put into parentheses and read from. */
static void
check_statement(const char *argument, List *statements)
{
	RawStmt    *statement = list_length(statements) == 1
		? ((CachedPlanSource *) linitial(statements))->raw_parse_tree : NULL;

	if (statement == NULL || !IsA(statement->stmt, SelectStmt) ||
		((SelectStmt *) statement->stmt)->intoClause != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not one query", argument),
				 errhint("Give one SELECT, VALUES, TABLE or WITH … SELECT.")));
}

void
diff_read_query(DiffSide *side, const char *argument, text *query)
{
	char	   *given = text_to_cstring(query);
	SPIPlanPtr	plan = SPI_prepare(given, 0, NULL);
	CachedPlanSource *source;
	RawStmt    *statement;

	if (plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s cannot be prepared: %s", argument, SPI_result_code_string(SPI_result)),
				 errhint("Give one SELECT, VALUES, TABLE or WITH … SELECT.")));
	check_statement(argument, SPI_plan_get_plan_sources(plan));
	source = linitial(SPI_plan_get_plan_sources(plan));
	statement = source->raw_parse_tree;
	side->argument = argument;
	/* without the semicolon and what comes after it; 0 is all of the string */
	side->text = statement->stmt_len > 0
		? pnstrdup(given + Max(statement->stmt_location, 0), statement->stmt_len)
		: given + Max(statement->stmt_location, 0);
	side->columns = CreateTupleDescCopy(source->resultDesc);
	SPI_freeplan(plan);
	check_names(side);
}

static int
find_column(const DiffSide *side, const char *name)
{
	for (int i = 0; i < side->columns->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(side->columns, i)->attname), name) == 0)
			return i;
	return -1;
}

/* ----------------------------------------------------------------
 * What is compared, and as what
 * ----------------------------------------------------------------
 */
static Oid
column_type(const DiffSide *side, const char *name)
{
	Oid			type = getBaseType(TupleDescAttr(side->columns, find_column(side, name))->atttypid);

	/* json has no equality of its own */
	return type == JSONOID ? JSONBOID : type;
}

static Oid
common_type(const DiffSide *left, const DiffSide *right, const char *name)
{
	Oid			a = column_type(left, name);
	Oid			b = column_type(right, name);

	if (a == b || can_coerce_type(1, &b, &a, COERCION_IMPLICIT))
		return a;
	if (can_coerce_type(1, &a, &b, COERCION_IMPLICIT))
		return b;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" is %s in left_query and %s in right_query", name, format_type_be(a),
					format_type_be(b)),
			 errhint("Cast one to the type of the other, or leave it out of one query.")));
}

static void
set_key_comparison(DiffColumn *column)
{
	TypeCacheEntry *type = lookup_type_cache(column->type, TYPECACHE_CMP_PROC);

	if (!OidIsValid(type->cmp_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("key column \"%s\" has no order: it is %s", column->name,
						format_type_be(column->type)),
				 errhint("Cast it to text in both queries.")));
	fmgr_info(type->cmp_proc, &column->compare);
}

/* What has no equality is compared as it is written. */
static void
set_equality(DiffColumn *column)
{
	TypeCacheEntry *type = lookup_type_cache(column->type, TYPECACHE_EQ_OPR);

	if (!OidIsValid(type->eq_opr))
	{
		column->type = TEXTOID;
		type = lookup_type_cache(column->type, TYPECACHE_EQ_OPR);
	}
	fmgr_info(get_opcode(type->eq_opr), &column->compare);
}

static void
add_column(DiffPlan *plan, const DiffSide *left, const DiffSide *right, const char *name, bool is_key)
{
	DiffColumn *column = &plan->columns[plan->n++];

	column->name = pstrdup(name);
	column->type = common_type(left, right, name);
	if (is_key)
		set_key_comparison(column);
	else
		set_equality(column);
	column->collation = type_is_collatable(column->type) ? C_COLLATION_OID : InvalidOid;
}

static bool
is_planned(const DiffPlan *plan, const char *name)
{
	for (int i = 0; i < plan->n; i++)
		if (strcmp(plan->columns[i].name, name) == 0)
			return true;
	return false;
}

static void
check_key(const DiffPlan *plan, const DiffSide *side, const char *name)
{
	StringInfoData names;

	if (is_planned(plan, name))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("key_columns names \"%s\" twice", name),
				 errhint("Name each once.")));
	if (find_column(side, name) >= 0)
		return;
	initStringInfo(&names);
	for (int i = 0; i < side->columns->natts; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", NameStr(TupleDescAttr(side->columns, i)->attname));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("%s has no column \"%s\", which key_columns names", side->argument, name),
			 names.len > 0 ? errhint("Its columns are: %s.", names.data) : errhint("It has no columns.")));
}

static void
add_keys(DiffPlan *plan, const DiffSide *left, const DiffSide *right, ArrayType *key_columns)
{
	Datum	   *names;
	bool	   *nulls;
	int			n;

	deconstruct_array(key_columns, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key_columns names no column"),
				 errhint("Name the columns that tell which row is which: '{item_id,location_id}'.")));
	for (int i = 0; i < n; i++)
	{
		char	   *name;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("key_columns must have no nulls"),
					 errhint("Name the columns that tell which row is which: '{item_id,location_id}'.")));
		name = TextDatumGetCString(names[i]);
		check_key(plan, left, name);
		check_key(plan, right, name);
		/* a name cannot be there more often than a query has columns */
		add_column(plan, left, right, name, true);
	}
	plan->keys = n;
}

static List *
columns_missing_in(const DiffSide *other, const DiffSide *side)
{
	List	   *names = NIL;

	for (int i = 0; i < side->columns->natts; i++)
	{
		char	   *name = NameStr(TupleDescAttr(side->columns, i)->attname);

		if (find_column(other, name) < 0)
			names = lappend(names, name);
	}
	return names;
}

void
diff_plan(DiffPlan *plan, const DiffSide *left, const DiffSide *right, ArrayType *key_columns)
{
	plan->columns = palloc0(Max(left->columns->natts, 1) * sizeof(DiffColumn));
	plan->n = 0;
	add_keys(plan, left, right, key_columns);
	for (int i = 0; i < left->columns->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(left->columns, i)->attname);

		if (find_column(right, name) >= 0 && !is_planned(plan, name))
			add_column(plan, left, right, name, false);
	}
	plan->only_left = columns_missing_in(right, left);
	plan->only_right = columns_missing_in(left, right);
}

/* ----------------------------------------------------------------
 * Its rows, in the order of the keys
 * ----------------------------------------------------------------
 */
static void
append_column(StringInfo sql, const DiffSide *side, const DiffColumn *column)
{
	const char *name = quote_identifier(column->name);
	Oid			given = TupleDescAttr(side->columns, find_column(side, column->name))->atttypid;

	appendStringInfo(sql, "q.%s", name);
	if (getBaseType(given) != column->type)
		appendStringInfo(sql, "::%s", format_type_be_qualified(column->type));
	if (OidIsValid(column->collation))
		appendStringInfoString(sql, " COLLATE pg_catalog.\"C\"");
	appendStringInfo(sql, " AS %s, ", name);
}

/* The columns of the plan first, in its order; then what this query alone has. */
static char *
ordered_query(const DiffSide *side, const DiffPlan *plan, const DiffSide *other)
{
	StringInfoData sql;
	ListCell   *cell;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (int i = 0; i < plan->n; i++)
		append_column(&sql, side, &plan->columns[i]);
	foreach(cell, columns_missing_in(other, side))
		appendStringInfo(&sql, "q.%s, ", quote_identifier(lfirst(cell)));
	sql.len -= strlen(", ");
	/* the query may end in a comment */
	sql.data[sql.len] = '\0';
	appendStringInfo(&sql, " FROM (\n%s\n) q ORDER BY 1", side->text);
	for (int i = 2; i <= plan->keys; i++)
		appendStringInfo(&sql, ", %d", i);
	return sql.data;
}

static HeapTuple
fetch_row(DiffSide *side)
{
	if (side->table == NULL || side->used == side->table->numvals)
	{
		SPI_freetuptable(side->older);
		side->older = side->table;
		SPI_cursor_fetch(side->portal, true, ROWS_A_FETCH);
		side->table = SPI_tuptable;
		side->used = 0;
		if (SPI_processed == 0)
			return NULL;
	}
	return side->table->vals[side->used++];
}

static int
compare_key(const DiffColumn *column, Datum left, bool left_null, Datum right, bool right_null)
{
	if (left_null || right_null)
		return left_null - right_null;
	return DatumGetInt32(FunctionCall2Coll((FmgrInfo *) &column->compare, column->collation, left, right));
}

/* Nulls are equal, and behind all else: as ORDER BY has them. */
int
diff_compare_keys(const DiffPlan *plan, const Datum *left, const bool *left_nulls,
				  const Datum *right, const bool *right_nulls)
{
	for (int i = 0; i < plan->keys; i++)
	{
		int			order = compare_key(&plan->columns[i], left[i], left_nulls[i], right[i], right_nulls[i]);

		if (order != 0)
			return order;
	}
	return 0;
}

void
diff_advance(DiffSide *side, const DiffPlan *plan)
{
	Datum	   *values = side->values;
	bool	   *nulls = side->nulls;

	side->row = side->next_row;
	side->values = side->next_values;
	side->nulls = side->next_nulls;
	side->next_values = values;
	side->next_nulls = nulls;
	side->repeats = false;
	if (side->row == NULL)
		return;
	side->next_row = fetch_row(side);
	if (side->next_row == NULL)
		return;
	heap_deform_tuple(side->next_row, side->desc, side->next_values, side->next_nulls);
	side->repeats = diff_compare_keys(plan, side->values, side->nulls, side->next_values, side->next_nulls) == 0;
}

/* Opens the cursor and stands on the first row. */
void
diff_open(DiffSide *side, const DiffPlan *plan, const DiffSide *other)
{
	int			n;

	side->portal = SPI_cursor_open_with_args(NULL, ordered_query(side, plan, other), 0, NULL, NULL, NULL, true,
											 CURSOR_OPT_NO_SCROLL);
	side->desc = BlessTupleDesc(CreateTupleDescCopy(side->portal->tupDesc));
	n = side->desc->natts;
	side->values = palloc(n * sizeof(Datum));
	side->nulls = palloc(n * sizeof(bool));
	side->next_values = palloc(n * sizeof(Datum));
	side->next_nulls = palloc(n * sizeof(bool));
	side->table = NULL;
	side->older = NULL;
	side->next_row = fetch_row(side);
	if (side->next_row != NULL)
		heap_deform_tuple(side->next_row, side->desc, side->next_values, side->next_nulls);
	diff_advance(side, plan);
}
