/*
 * workflow.c
 *	  Workflow definitions, cached in the session, and the tables attached to them.
 *
 * A definition is read once, as the owner of the tables that hold it: who may change an
 * attached row need not be allowed to read them. Triggers of these tables invalidate the
 * relation cache's entry of merch.workflow, which reaches every session with the commit,
 * and undoes itself with a rollback.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "owner.h"
#include "row_trigger.h"
#include "workflow.h"

PG_FUNCTION_INFO_V1(merch_forget_workflows);

static const char states_query[] =
"SELECT version, state, initial FROM merch.workflow_state WHERE workflow = $1 ORDER BY version, state";
static const char transitions_query[] =
"SELECT version, from_state, to_state, event, role::text, role_column::text, guard, action, automatic, needs_approval, "
"num_nonnulls(after, due_column) > 0 AS timed FROM merch.workflow_transition WHERE workflow = $1 ORDER BY version, from_state, event";

static MemoryContext definitions = NULL;
static Workflow *loaded = NULL;
static Oid	registry = InvalidOid;	/* merch.workflow when they were read */
static bool stale = false;
static uint64 generation = 0;

/* The memory may be in use: it is left until the next definition is read. */
static void
registry_changed(Datum arg, Oid relation)
{
	if (relation == InvalidOid || relation == registry)
		stale = true;
}

static void
reset_definitions(void)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(registry_changed, (Datum) 0);
		registered = true;
	}
	/* a trigger further up may be in the midst of one */
	if (definitions != NULL)
		MemoryContextSetParent(definitions, TopTransactionContext);
	definitions = AllocSetContextCreate(TopMemoryContext, "merch workflows", ALLOCSET_SMALL_SIZES);
	loaded = NULL;
	registry = merch_model_table("workflow");
	stale = false;
	generation++;
}

/* ----------------------------------------------------------------
 * Reading a definition
 * ----------------------------------------------------------------
 */
static const char *
text_column(HeapTuple row, TupleDesc desc, int column)
{
	char	   *value = SPI_getvalue(row, desc, column);

	return value == NULL ? NULL : MemoryContextStrdup(definitions, value);
}

static bool
bool_column(HeapTuple row, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

static int
version_column(HeapTuple row, TupleDesc desc)
{
	bool		isnull;

	return DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
}

static void
run_query(const char *query, const char *workflow)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(workflow)};
	int			result = SPI_execute_with_args(query, 1, types, values, NULL, true, 0);

	if (result != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed: %s", query, SPI_result_code_string(result));
}

static void
read_states(Workflow *workflow)
{
	TupleDesc	desc;
	WorkflowVersion *version = NULL;

	run_query(states_query, workflow->name);
	desc = SPI_tuptable->tupdesc;
	workflow->versions = MemoryContextAllocZero(definitions, (SPI_processed + 1) * sizeof(WorkflowVersion));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		int			number = version_column(row, desc);
		WorkflowState *state;

		if (version == NULL || version->version != number)
		{
			version = &workflow->versions[workflow->version_count++];
			version->version = number;
			version->states = MemoryContextAllocZero(definitions, SPI_processed * sizeof(WorkflowState));
		}
		state = &version->states[version->state_count++];
		state->name = text_column(row, desc, 2);
		state->length = strlen(state->name);
		state->initial = bool_column(row, desc, 3);
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
read_transition(WorkflowVersion *version, HeapTuple row, TupleDesc desc)
{
	WorkflowTransition *transition = &version->transitions[version->transition_count++];
	const char *from = text_column(row, desc, 2);
	const char *to = text_column(row, desc, 3);

	transition->from = merch_state_index(version, from, strlen(from));
	transition->to = merch_state_index(version, to, strlen(to));
	transition->event = text_column(row, desc, 4);
	transition->role = text_column(row, desc, 5);
	transition->role_column = text_column(row, desc, 6);
	transition->guard = text_column(row, desc, 7);
	transition->action = text_column(row, desc, 8);
	transition->automatic = bool_column(row, desc, 9);
	transition->needs_approval = bool_column(row, desc, 10);
	version->step[transition->from * version->state_count + transition->to] = transition;
	if (transition->needs_approval)
		version->states[transition->from].asks = true;
}

static void
read_transitions(Workflow *workflow)
{
	TupleDesc	desc;

	run_query(transitions_query, workflow->name);
	desc = SPI_tuptable->tupdesc;
	for (int i = 0; i < workflow->version_count; i++)
	{
		WorkflowVersion *version = &workflow->versions[i];

		version->transitions = MemoryContextAllocZero(definitions, (SPI_processed + 1) * sizeof(WorkflowTransition));
		version->step = MemoryContextAllocZero(definitions, version->state_count * version->state_count *
											   sizeof(WorkflowTransition *));
	}
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];

		read_transition(unconstify(WorkflowVersion *,
								   merch_workflow_version(workflow, version_column(row, desc))),
						row, desc);
		workflow->timed |= bool_column(row, desc, 11);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * By the newest snapshot, also where the transaction keeps an old one: what is read here
 * is kept for the next transactions.
 */
static Workflow *
read_workflow(const char *name)
{
	Workflow   *workflow = MemoryContextAllocZero(definitions, sizeof(Workflow));
	OwnerSwitch before;

	workflow->name = MemoryContextStrdup(definitions, name);
	merch_become(merch_table_owner(registry), &before);
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	read_states(workflow);
	read_transitions(workflow);
	SPI_finish();
	PopActiveSnapshot();
	merch_become_again(&before);
	return workflow;
}

const Workflow *
merch_workflow(const char *name)
{
	Workflow   *workflow;

	if (definitions == NULL || stale)
		reset_definitions();
	for (workflow = loaded; workflow != NULL; workflow = workflow->next)
		if (strcmp(workflow->name, name) == 0)
			return workflow;
	workflow = read_workflow(name);
	if (workflow->version_count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("workflow \"%s\" does not exist", name),
				 errhint("The workflows are the rows of merch.workflow; merch.define_workflow() makes one.")));
	/* reading it may have found that something else changed: then the next call reads again */
	workflow->next = loaded;
	loaded = workflow;
	return workflow;
}

uint64
merch_workflow_generation(void)
{
	return stale ? generation + 1 : generation;
}

/* ----------------------------------------------------------------
 * Using it
 * ----------------------------------------------------------------
 */
const WorkflowVersion *
merch_newest_version(const Workflow *workflow)
{
	return &workflow->versions[workflow->version_count - 1];
}

const WorkflowVersion *
merch_workflow_version(const Workflow *workflow, int version)
{
	for (int i = workflow->version_count - 1; i >= 0; i--)
		if (workflow->versions[i].version == version)
			return &workflow->versions[i];
	return NULL;
}

int
merch_state_index(const WorkflowVersion *version, const char *name, size_t length)
{
	for (int i = 0; i < version->state_count; i++)
		if (version->states[i].length == length && memcmp(version->states[i].name, name, length) == 0)
			return i;
	return NO_STATE;
}

/* The column's number; raises an error if the table has none of that name and type. */
static int
attached_column(Relation table, const char *name, Oid type)
{
	TupleDesc	desc = RelationGetDescr(table);
	int			number = SPI_fnumber(desc, name);

	if (number <= 0 || TupleDescAttr(desc, number - 1)->atttypid != type)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\" of type %s", RelationGetRelationName(table), name,
						format_type_be(type)),
				 errhint("Its workflow is kept there: merch.attach_workflow() puts back what is missing.")));
	return number;
}

static Oid
subject_of(Relation table)
{
	List	   *ancestors;
	Oid			root;

	if (!table->rd_rel->relispartition)
		return RelationGetRelid(table);
	ancestors = get_partition_ancestors(RelationGetRelid(table));
	root = llast_oid(ancestors);
	list_free(ancestors);
	return root;
}

static void
find_key(Attached *attached)
{
	Relation	table = attached->table;
	Bitmapset  *columns = RelationGetIndexAttrBitmap(table, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	int			member;

	if (!bms_get_singleton_member(columns, &member))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("table \"%s\" has no primary key of one column", RelationGetRelationName(table)),
				 errhint("A workflow names rows by it: add an identity column as primary key, and make the present key UNIQUE.")));
	bms_free(columns);
	attached->key = member + FirstLowInvalidHeapAttributeNumber;
	attached->key_type = TupleDescAttr(RelationGetDescr(table), attached->key - 1)->atttypid;
}

void
merch_describe_attached(Attached *attached, const TriggerData *trigger, const char *function)
{
	const Trigger *definition = trigger->tg_trigger;

	if (definition->tgnargs != 2)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s has the arguments workflow and state column, not %d", function, definition->tgnargs),
				 errhint("merch.attach_workflow() makes its triggers.")));
	attached->table = trigger->tg_relation;
	attached->subject = subject_of(trigger->tg_relation);
	attached->owner = trigger->tg_relation->rd_rel->relowner;
	attached->name = definition->tgargs[0];
	attached->workflow = merch_workflow(attached->name);
	attached->state = attached_column(attached->table, definition->tgargs[1], TEXTOID);
	attached->version = attached_column(attached->table, "workflow_version", INT4OID);
	attached->since = attached_column(attached->table, "state_since", TIMESTAMPTZOID);
	find_key(attached);
}

int
merch_role_column(const Attached *attached, const WorkflowTransition *step)
{
	int			number = SPI_fnumber(RelationGetDescr(attached->table), step->role_column);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\", which names the role of event \"%s\"",
						RelationGetRelationName(attached->table), step->role_column, step->event)));
	return number;
}

/* Statement trigger of the tables that hold definitions. */
Datum
merch_forget_workflows(PG_FUNCTION_ARGS)
{
	merch_check_trigger(fcinfo, "merch.forget_workflows", false);
	CacheInvalidateRelcacheByRelid(merch_model_table("workflow"));
	return PointerGetDatum(NULL);
}
