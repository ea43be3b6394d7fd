/*
 * diff.c
 *	  merch.diff: what differs between the rows of two queries.
 *
 * Both are read in the order of their keys, side by side, so that memory does not
 * grow with them, equal rows cost no more than their comparison, and keys that are
 * null or there twice are found where they stand. The sorts are PostgreSQL's, which
 * takes an index instead where there is one.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "diff_query.h"

PG_FUNCTION_INFO_V1(merch_diff);

typedef struct Diff
{
	DiffPlan	plan;
	DiffSide	left;
	DiffSide	right;
	TupleDesc	key_desc;
	FmgrInfo	to_jsonb;
	ReturnSetInfo *result;
	MemoryContext row_context;	/* reset with each row that is told */
} Diff;

/* ----------------------------------------------------------------
 * What is told of a row
 * ----------------------------------------------------------------
 */

/* to_jsonb asks what type it is called with. */
static void
prepare_to_jsonb(FmgrInfo *function)
{
	List	   *arguments = list_make1(makeNullConst(RECORDOID, -1, InvalidOid));

	fmgr_info(F_TO_JSONB, function);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, arguments, InvalidOid, InvalidOid,
											 COERCE_EXPLICIT_CALL), function);
}

static Datum
row_jsonb(Diff *diff, HeapTuple row, TupleDesc desc)
{
	return FunctionCall1(&diff->to_jsonb, heap_copy_tuple_as_datum(row, desc));
}

static TupleDesc
make_key_desc(const DiffPlan *plan, TupleDesc rows)
{
	TupleDesc	desc = CreateTemplateTupleDesc(plan->keys);

	for (int i = 0; i < plan->keys; i++)
		TupleDescCopyEntry(desc, i + 1, rows, i + 1);
	return BlessTupleDesc(desc);
}

static ArrayType *
name_array(List *names)
{
	Datum	   *elements = palloc(list_length(names) * sizeof(Datum));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, names)
		elements[n++] = CStringGetTextDatum(lfirst(cell));
	return construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Tells one row of the answer; a side that is NULL has no part in it. */
static void
tell(Diff *diff, const char *difference, List *columns, const DiffSide *left, const DiffSide *right)
{
	MemoryContext before = MemoryContextSwitchTo(diff->row_context);
	const DiffSide *side = left != NULL ? left : right;
	Datum		values[5];
	bool		nulls[5] = {side == NULL, false, columns == NIL, left == NULL, right == NULL};

	if (side != NULL)
		values[0] = row_jsonb(diff, heap_form_tuple(diff->key_desc, side->values, side->nulls), diff->key_desc);
	values[1] = CStringGetTextDatum(difference);
	if (columns != NIL)
		values[2] = PointerGetDatum(name_array(columns));
	if (left != NULL)
		values[3] = row_jsonb(diff, left->row, left->desc);
	if (right != NULL)
		values[4] = row_jsonb(diff, right->row, right->desc);
	tuplestore_putvalues(diff->result->setResult, diff->result->setDesc, values, nulls);
	MemoryContextSwitchTo(before);
	MemoryContextReset(diff->row_context);
}

/* ----------------------------------------------------------------
 * The merge
 * ----------------------------------------------------------------
 */
static bool
values_equal(DiffColumn *column, Datum left, bool left_null, Datum right, bool right_null)
{
	if (left_null || right_null)
		return left_null == right_null;
	return DatumGetBool(FunctionCall2Coll(&column->compare, column->collation, left, right));
}

static void
compare_rows(Diff *diff)
{
	const DiffSide *left = &diff->left;
	const DiffSide *right = &diff->right;
	List	   *differing = NIL;

	for (int i = diff->plan.keys; i < diff->plan.n; i++)
		if (!values_equal(&diff->plan.columns[i], left->values[i], left->nulls[i], right->values[i], right->nulls[i]))
			differing = lappend(differing, diff->plan.columns[i].name);
	if (differing == NIL)
		return;
	tell(diff, "different", differing, left, right);
	list_free(differing);
}

/* Which of several rows is whose counterpart nobody can tell: each is told, none is compared. */
static void
tell_duplicates(Diff *diff, DiffSide *side)
{
	bool		more;

	do
	{
		CHECK_FOR_INTERRUPTS();
		more = side->repeats;
		tell(diff, "duplicate", NIL, side == &diff->left ? side : NULL, side == &diff->right ? side : NULL);
		diff_advance(side, &diff->plan);
	} while (more);
}

static void
step(Diff *diff)
{
	DiffSide   *left = &diff->left;
	DiffSide   *right = &diff->right;
	int			order = left->row == NULL ? 1 : right->row == NULL ? -1
		: diff_compare_keys(&diff->plan, left->values, left->nulls, right->values, right->nulls);
	bool		repeated = (order <= 0 && left->repeats) || (order >= 0 && right->repeats);

	if (repeated)
	{
		if (order <= 0)
			tell_duplicates(diff, left);
		if (order >= 0)
			tell_duplicates(diff, right);
		return;
	}
	if (order == 0)
		compare_rows(diff);
	else
		tell(diff, order < 0 ? "missing" : "unexpected", NIL, order < 0 ? left : NULL, order > 0 ? right : NULL);
	if (order <= 0)
		diff_advance(left, &diff->plan);
	if (order >= 0)
		diff_advance(right, &diff->plan);
}

static void
merge_sides(Diff *diff)
{
	diff_open(&diff->left, &diff->plan, &diff->right);
	diff_open(&diff->right, &diff->plan, &diff->left);
	diff->key_desc = make_key_desc(&diff->plan, diff->left.desc);
	prepare_to_jsonb(&diff->to_jsonb);
	if (diff->plan.only_left != NIL)
		tell(diff, "missing columns", diff->plan.only_left, NULL, NULL);
	if (diff->plan.only_right != NIL)
		tell(diff, "unexpected columns", diff->plan.only_right, NULL, NULL);
	while (diff->left.row != NULL || diff->right.row != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		step(diff);
	}
	SPI_cursor_close(diff->left.portal);
	SPI_cursor_close(diff->right.portal);
}

static void
check_not_null(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"left_query", "right_query", "key_columns"};

	for (int i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", names[i]),
					 errhint("Call it as merch.diff('SELECT …', 'SELECT …', '{key,…}').")));
}

Datum
merch_diff(PG_FUNCTION_ARGS)
{
	Diff		diff = {0};

	check_not_null(fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	diff.result = (ReturnSetInfo *) fcinfo->resultinfo;
	SPI_connect();
	diff.row_context = AllocSetContextCreate(CurrentMemoryContext, "merch.diff row", ALLOCSET_DEFAULT_SIZES);
	diff_read_query(&diff.left, "left_query", PG_GETARG_TEXT_PP(0));
	diff_read_query(&diff.right, "right_query", PG_GETARG_TEXT_PP(1));
	diff_plan(&diff.plan, &diff.left, &diff.right, PG_GETARG_ARRAYTYPE_P(2));
	merge_sides(&diff);
	SPI_finish();
	return (Datum) 0;
}
