/*
 * guard.c
 *	  guard_workflow: the row trigger that lets a row begin only where its workflow begins,
 *	  and change only as the version that it began with allows to who changes it.
 *
 * Guards, approvals, the record and actions are the statement trigger's (record.c), which
 * checks again: a later row trigger may have changed the row.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/timestamp.h"

#include "owner.h"
#include "row_trigger.h"
#include "step.h"

PG_FUNCTION_INFO_V1(merch_guard_workflow);

/* What is the same for all rows of a statement. */
typedef struct GuardState
{
	Attached	attached;
	uint64		generation;
	const WorkflowTransition *allowed;	/* of which the role was checked last */
} GuardState;

/*
 * An UPDATE moves a row to another partition by DELETE and INSERT. This is the row that
 * its UPDATE trigger has let pass last, which the INSERT trigger may meet again.
 */
static struct
{
	TimestampTz transaction;	/* when it began */
	Oid			root;
	char		key[NAMEDATALEN * 2];
	char		state[NAMEDATALEN * 2];
	int			version;
}			moving = {.transaction = 0};

static struct
{
	Oid			subject;
	int			version;
}			started = {InvalidOid, 0};

int
merch_started_on(Oid subject)
{
	return started.subject == subject ? started.version : 0;
}

static void
note_moving(const Attached *attached, Datum key, StateText state, int version)
{
	char	   *text;

	if (!attached->table->rd_rel->relispartition || state.isnull || state.length >= sizeof(moving.state))
		return;
	text = merch_key_text(attached, key);
	moving.transaction = 0;
	if (strlen(text) >= sizeof(moving.key))
		return;
	strcpy(moving.key, text);
	memcpy(moving.state, state.data, state.length);
	moving.state[state.length] = '\0';
	moving.root = attached->subject;
	moving.version = version;
	moving.transaction = GetCurrentTransactionStartTimestamp();
}

/*
 * Should it be another row, after all, of that key and in that state: the statement trigger
 * lets no new row begin where it can't.
 */
static bool
is_moving(const Attached *attached, Datum key, StateText state, int version)
{
	bool		same = attached->table->rd_rel->relispartition && !state.isnull &&
		moving.transaction == GetCurrentTransactionStartTimestamp() &&
		moving.version == version &&
		strlen(moving.state) == state.length &&
		memcmp(moving.state, state.data, state.length) == 0 &&
		moving.root == attached->subject &&
		strcmp(moving.key, merch_key_text(attached, key)) == 0;

	if (same)
		moving.transaction = 0;
	return same;
}

/*
 * A statement that names a partition fires the statement triggers of the partition: one
 * that was added after its table was attached has none yet.
 */
static void
check_partition(const TriggerData *trigger)
{
	TriggerDesc *triggers = trigger->tg_relation->trigdesc;
	const char *needed = TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ?
		"record_changes_insert" : "record_changes_update";

	for (int i = 0; i < triggers->numtriggers; i++)
		if (strcmp(triggers->triggers[i].tgname, needed) == 0)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("partition \"%s\" lacks the trigger %s of its table's workflow",
					RelationGetRelationName(trigger->tg_relation), needed),
			 errhint("It is newer than the attachment: call merch.attach_workflow() for its table again.")));
}

static GuardState *
guard_state(FunctionCallInfo fcinfo, const TriggerData *trigger)
{
	GuardState *state = fcinfo->flinfo->fn_extra;

	if (state == NULL)
	{
		state = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(GuardState));
		if (trigger->tg_relation->rd_rel->relispartition)
			check_partition(trigger);
	}
	else if (state->generation == merch_workflow_generation())
		return state;
	merch_describe_attached(&state->attached, trigger, "merch.guard_workflow");
	state->generation = merch_workflow_generation();
	state->allowed = NULL;
	fcinfo->flinfo->fn_extra = state;
	return state;
}

/* ----------------------------------------------------------------
 * Rows
 * ----------------------------------------------------------------
 */
typedef struct RowValues
{
	Datum		key;
	StateText	state;
	int			version;
	TimestampTz since;
	bool		version_null;
	bool		since_null;
} RowValues;

static RowValues
read_row(const Attached *attached, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(attached->table);
	RowValues	row;
	bool		isnull;
	Datum		value;

	row.key = heap_getattr(tuple, attached->key, desc, &isnull);
	value = heap_getattr(tuple, attached->state, desc, &isnull);
	row.state = merch_state_text(value, isnull);
	value = heap_getattr(tuple, attached->version, desc, &row.version_null);
	row.version = row.version_null ? 0 : DatumGetInt32(value);
	value = heap_getattr(tuple, attached->since, desc, &row.since_null);
	row.since = row.since_null ? 0 : DatumGetTimestampTz(value);
	return row;
}

static HeapTuple
set_columns(const Attached *attached, HeapTuple tuple, const int *version)
{
	int			columns[2] = {attached->since, attached->version};
	Datum		values[2] = {TimestampTzGetDatum(GetCurrentTransactionStartTimestamp())};
	bool		nulls[2] = {false, false};

	if (version != NULL)
		values[1] = Int32GetDatum(*version);
	return heap_modify_tuple_by_cols(tuple, RelationGetDescr(attached->table), version != NULL ? 2 : 1,
									 columns, values, nulls);
}

static HeapTuple
begin_row(const Attached *attached, HeapTuple tuple)
{
	const WorkflowVersion *newest = merch_newest_version(attached->workflow);
	RowValues	row = read_row(attached, tuple);
	int			state = merch_state_of(newest, row.state);

	if (is_moving(attached, row.key, row.state, row.version))
		return tuple;
	if (state == NO_STATE || !newest->states[state].initial)
		merch_refuse_start(attached, row.key, newest, row.state);
	started.subject = attached->subject;
	started.version = newest->version;
	return set_columns(attached, tuple, &newest->version);
}

static char *
role_in_row(const Attached *attached, const WorkflowTransition *step, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(attached->table);

	return step->role_column == NULL ? NULL :
		SPI_getvalue(tuple, desc, merch_role_column(attached, step));
}

static void
check_step(GuardState *guard, const RowValues *old_row, const RowValues *new_row, HeapTuple old_tuple)
{
	const Attached *attached = &guard->attached;
	const WorkflowVersion *version = merch_row_version(attached, old_row->key, old_row->version,
													   old_row->version_null);
	const WorkflowTransition *step = merch_step(version, merch_state_of(version, old_row->state),
												merch_state_of(version, new_row->state));
	char	   *role;

	if (step == NULL)
		merch_refuse_step(attached, old_row->key, version, old_row->state, new_row->state);
	if (step == guard->allowed)
		return;
	role = role_in_row(attached, step, old_tuple);
	if (!merch_may_step(attached, step, role))
		merch_refuse_role(attached, old_row->key, version, step, role);
	guard->allowed = step->role_column == NULL ? step : NULL;
}

/* Who owns the table may correct it: timed transitions count from there. */
static void
check_since(const Attached *attached, const RowValues *row)
{
	if (!has_privs_of_role(GetUserId(), attached->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot change state_since of %s", merch_row_name(attached, row->key)),
				 errhint("It is set when the state changes.")));
}

static HeapTuple
change_row(GuardState *guard, HeapTuple old_tuple, HeapTuple new_tuple)
{
	const Attached *attached = &guard->attached;
	RowValues	old_row = read_row(attached, old_tuple);
	RowValues	new_row = read_row(attached, new_tuple);
	bool		steps = !merch_same_state(old_row.state, new_row.state);

	if (old_row.version != new_row.version || old_row.version_null != new_row.version_null)
		merch_check_version_change(attached, old_row.key, old_row.state, new_row.version, new_row.version_null);
	if (steps)
	{
		check_step(guard, &old_row, &new_row, old_tuple);
		new_tuple = set_columns(attached, new_tuple, NULL);
	}
	else if (old_row.since != new_row.since || old_row.since_null != new_row.since_null)
		check_since(attached, &old_row);
	note_moving(attached, new_row.key, new_row.state, new_row.version);
	return new_tuple;
}

Datum
merch_guard_workflow(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = merch_check_trigger(fcinfo, "merch.guard_workflow", true);
	GuardState *guard = guard_state(fcinfo, trigger);

	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		return PointerGetDatum(begin_row(&guard->attached, trigger->tg_trigtuple));
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		return PointerGetDatum(change_row(guard, trigger->tg_trigtuple, trigger->tg_newtuple));
	return PointerGetDatum(trigger->tg_trigtuple);
}
