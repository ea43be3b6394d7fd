/*
 * record.c
 *	  record_changes: the statement trigger that checks all changes of state of a statement
 *	  once more, asks guards and approvals, records them and runs the actions, each for all
 *	  rows that took the same step.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "change_writer.h"
#include "key_call.h"
#include "owner.h"
#include "row_trigger.h"
#include "transition.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(merch_record_changes);

#define MAX_REASONS 10

typedef struct Changes
{
	Attached	attached;
	int			count;
	int			capacity;
	ChangeGroup *groups;
	ChangeGroup *last;			/* that a row was added to */
} Changes;

typedef struct SlotValues
{
	Datum		key;
	StateText	state;
	int			version;
	bool		version_null;
} SlotValues;

/* ----------------------------------------------------------------
 * What changed
 * ----------------------------------------------------------------
 */
static SlotValues
read_slot(const Attached *attached, TupleTableSlot *slot)
{
	SlotValues	row;
	bool		isnull;
	Datum		value;

	row.key = slot_getattr(slot, attached->key, &isnull);
	value = slot_getattr(slot, attached->state, &isnull);
	row.state = merch_state_text(value, isnull);
	value = slot_getattr(slot, attached->version, &row.version_null);
	row.version = row.version_null ? 0 : DatumGetInt32(value);
	return row;
}

static ChangeGroup *
group_of(Changes *changes, const WorkflowVersion *version, int from, int to)
{
	ChangeGroup *group = changes->last;

	if (group != NULL && group->version == version && group->from == from && group->to == to)
		return group;
	for (group = changes->groups; group < changes->groups + changes->count; group++)
		if (group->version == version && group->from == from && group->to == to)
			return changes->last = group;
	if (changes->count == changes->capacity)
	{
		changes->capacity = Max(8, changes->capacity * 2);
		changes->groups = changes->groups == NULL
			? palloc(changes->capacity * sizeof(ChangeGroup))
			: repalloc(changes->groups, changes->capacity * sizeof(ChangeGroup));
	}
	group = &changes->groups[changes->count++];
	*group = (ChangeGroup) {.version = version, .from = from, .to = to, .step = merch_step(version, from, to)};
	return changes->last = group;
}

static void
add_key(Changes *changes, ChangeGroup *group, Datum key)
{
	const Attached *attached = &changes->attached;
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(attached->table), attached->key - 1);

	if (group->count == group->capacity)
	{
		group->capacity = Max(4, group->capacity * 2);
		group->keys = group->keys == NULL
			? palloc(group->capacity * sizeof(Datum))
			: repalloc_huge(group->keys, (Size) group->capacity * sizeof(Datum));
	}
	group->keys[group->count++] = datumCopy(key, column->attbyval, column->attlen);
}

static char *
role_in_slot(const Attached *attached, const WorkflowTransition *step, TupleTableSlot *slot)
{
	int			number = merch_role_column(attached, step);
	bool		isnull;
	Datum		value = slot_getattr(slot, number, &isnull);
	Oid			output;
	bool		is_varlena;

	if (isnull)
		return NULL;
	getTypeOutputInfo(TupleDescAttr(slot->tts_tupleDescriptor, number - 1)->atttypid, &output, &is_varlena);
	return OidOutputFunctionCall(output, value);
}

static void
add_new_row(Changes *changes, TupleTableSlot *slot)
{
	const Attached *attached = &changes->attached;
	const WorkflowVersion *newest = merch_newest_version(attached->workflow);
	SlotValues	row = read_slot(attached, slot);
	int			state;

	if (!row.version_null && row.version == merch_started_on(attached->subject))
		newest = merch_row_version(attached, row.key, row.version, false);
	if (row.version_null || row.version != newest->version)
		merch_refuse_version(attached, row.key, newest);
	state = merch_state_of(newest, row.state);
	if (state == NO_STATE || !newest->states[state].initial)
		merch_refuse_start(attached, row.key, newest, row.state);
	add_key(changes, group_of(changes, newest, NO_STATE, state), row.key);
}

static void
add_changed_row(Changes *changes, TupleTableSlot *old_slot, TupleTableSlot *new_slot)
{
	const Attached *attached = &changes->attached;
	SlotValues	old_row = read_slot(attached, old_slot);
	SlotValues	new_row = read_slot(attached, new_slot);
	const WorkflowVersion *version;
	ChangeGroup *group;
	char	   *role = NULL;
	int			from;
	int			to;

	if (old_row.version != new_row.version || old_row.version_null != new_row.version_null)
		merch_check_version_change(attached, old_row.key, old_row.state, new_row.version, new_row.version_null);
	if (merch_same_state(old_row.state, new_row.state))
		return;
	version = merch_row_version(attached, old_row.key, old_row.version, old_row.version_null);
	from = merch_state_of(version, old_row.state);
	to = merch_state_of(version, new_row.state);
	if (merch_step(version, from, to) == NULL)
		merch_refuse_step(attached, old_row.key, version, old_row.state, new_row.state);
	group = group_of(changes, version, from, to);
	/* of a group that has no column for it, one check does for all */
	if (group->count == 0 || group->step->role_column != NULL)
	{
		if (group->step->role_column != NULL)
			role = role_in_slot(attached, group->step, old_slot);
		if (!merch_may_step(attached, group->step, role))
			merch_refuse_role(attached, old_row.key, version, group->step, role);
	}
	add_key(changes, group, new_row.key);
}

/* An UPDATE appends to both tables row by row: their rows are pairs. */
static void
read_updates(Changes *changes, TriggerData *trigger)
{
	TransitionReader old_rows;
	TransitionReader new_rows;
	bool		has_old;
	bool		has_new;

	merch_open_transition(&old_rows, trigger->tg_relation, trigger->tg_oldtable);
	merch_open_transition(&new_rows, trigger->tg_relation, trigger->tg_newtable);
	for (;;)
	{
		has_old = merch_next_row(&old_rows);
		has_new = merch_next_row(&new_rows);
		if (!has_old || !has_new)
			break;
		add_changed_row(changes, old_rows.slot, new_rows.slot);
	}
	if (has_old != has_new)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a row of \"%s\" was lost on its way to another partition",
						RelationGetRelationName(trigger->tg_relation)),
				 errhint("A trigger of the partition suppressed it. Changes of state can't be told from each other then.")));
	merch_close_transition(&old_rows);
	merch_close_transition(&new_rows);
}

static void
read_inserts(Changes *changes, TriggerData *trigger)
{
	TransitionReader rows;

	merch_open_transition(&rows, trigger->tg_relation, trigger->tg_newtable);
	while (merch_next_row(&rows))
		add_new_row(changes, rows.slot);
	merch_close_transition(&rows);
}

/* ----------------------------------------------------------------
 * What may stop it
 * ----------------------------------------------------------------
 */
static Datum
key_array(const Attached *attached, const ChangeGroup *group)
{
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(attached->table), attached->key - 1);

	return PointerGetDatum(construct_array(group->keys, group->count, attached->key_type, column->attlen,
										   column->attbyval, column->attalign));
}

static Datum
key_text_array(const Attached *attached, const ChangeGroup *group)
{
	Datum	   *texts = palloc_extended(sizeof(Datum) * group->count, MCXT_ALLOC_HUGE);
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(attached->key_type, &output, &is_varlena);
	for (int i = 0; i < group->count; i++)
		texts[i] = CStringGetTextDatum(OidOutputFunctionCall(output, group->keys[i]));
	return PointerGetDatum(construct_array(texts, group->count, TEXTOID, -1, false, TYPALIGN_INT));
}

static char *
describe_step(const Attached *attached, const ChangeGroup *group)
{
	const WorkflowState *states = group->version->states;

	return psprintf("event \"%s\" (\"%s\" to \"%s\") of workflow \"%s\", %d row%s of table \"%s\"",
					group->step->event, states[group->from].name, states[group->to].name, attached->name,
					group->count, group->count == 1 ? "" : "s", RelationGetRelationName(attached->table));
}

static bool
was_asked(const Attached *attached, const ChangeGroup *group, const char *key)
{
	for (int i = 0; i < group->count; i++)
		if (strcmp(merch_key_text(attached, group->keys[i]), key) == 0)
			return true;
	return false;
}

static void
refuse_guarded(const Attached *attached, const ChangeGroup *group, const char *what, int refused,
			   char **keys, char **reasons)
{
	const WorkflowState *states = group->version->states;
	const char *table = get_rel_name(attached->subject);
	StringInfoData detail;
	int			listed = Min(refused, MAX_REASONS);

	for (int i = 0; i < listed; i++)
		if (!was_asked(attached, group, keys[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("%s named key \"%s\" of table \"%s\", which it was not asked about", what, keys[i], table),
					 errhint("It may return keys that it was given only.")));
	initStringInfo(&detail);
	for (int i = 0; i < listed; i++)
		appendStringInfo(&detail, "%s%s %s: %s", i > 0 ? "\n" : "", table, keys[i],
						 reasons[i] != NULL ? reasons[i] : "no reason given");
	if (refused > listed)
		appendStringInfo(&detail, "\nand %d more", refused - listed);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s %s cannot go from \"%s\" to \"%s\" yet (event \"%s\")", table, keys[0],
					states[group->from].name, states[group->to].name, group->step->event),
			 errdetail("%s", detail.data),
			 errhint("It can when this is settled; nothing of the statement was done.")));
}

static void
ask_guard(const Attached *attached, const ChangeGroup *group)
{
	KeyCall		call = {
		.kind = CALL_GUARD,
		.function = group->step->guard,
		.table = attached->table,
		.purpose = describe_step(attached, group)
	};

	call.array_type = get_array_type(attached->key_type);
	call.keys = key_array(attached, group);
	merch_call_with_keys(&call);
	if (call.refused > 0)
		refuse_guarded(attached, group, psprintf("guard %s", group->step->guard), call.refused,
					   call.refused_keys, call.reasons);
}

/* ----------------------------------------------------------------
 * Approvals, which another room keeps
 * ----------------------------------------------------------------
 */
typedef struct ApprovalCall
{
	const Attached *attached;
	const ChangeGroup *group;
	const char *query;
	int			arguments;
	Oid			types[5];
	Datum		values[5];
	int			refused;
	char	   *keys[MAX_REASONS];
	char	   *reasons[MAX_REASONS];
} ApprovalCall;

static void
run_approval_call(void *argument)
{
	ApprovalCall *call = argument;
	MemoryContext memory = CurrentMemoryContext;
	int			result;

	SPI_connect();
	result = SPI_execute_with_args(call->query, call->arguments, call->types, call->values, NULL, false, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed: %s", call->query, SPI_result_code_string(result));
	if (SPI_tuptable->tupdesc->natts == 2)
	{
		MemoryContext before = MemoryContextSwitchTo(memory);

		call->refused = (int) SPI_processed;
		for (int i = 0; i < Min(call->refused, MAX_REASONS); i++)
		{
			call->keys[i] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
			call->reasons[i] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);
		}
		MemoryContextSwitchTo(before);
	}
	SPI_finish();
}

/* As the owner of the attached table: who acts need not see what is asked of others. */
static void
call_approvals(ApprovalCall *call)
{
	merch_run_as_system(call->attached->owner, run_approval_call, call);
}

static void
check_approvals(const Attached *attached, const ChangeGroup *group)
{
	ApprovalCall call = {
		.attached = attached,
		.group = group,
		.query = "SELECT row_key, reason FROM merch.missing_approvals($1, $2, $3, $4, $5)",
		.arguments = 5,
		.types = {REGCLASSOID, TEXTOID, INT4OID, TEXTOID, TEXTARRAYOID}
	};

	call.values[0] = ObjectIdGetDatum(attached->subject);
	call.values[1] = CStringGetTextDatum(attached->name);
	call.values[2] = Int32GetDatum(group->version->version);
	call.values[3] = CStringGetTextDatum(group->step->event);
	call.values[4] = key_text_array(attached, group);
	call_approvals(&call);
	if (call.refused > 0)
		refuse_guarded(attached, group, "merch.missing_approvals", call.refused, call.keys, call.reasons);
}

static void
withdraw_approvals(const Attached *attached, const ChangeGroup *group)
{
	ApprovalCall call = {
		.attached = attached,
		.group = group,
		.query = "SELECT merch.withdraw_approvals($1, $2, $3)",
		.arguments = 3,
		.types = {REGCLASSOID, TEXTARRAYOID, TEXTOID}
	};

	call.values[0] = ObjectIdGetDatum(attached->subject);
	call.values[1] = key_text_array(attached, group);
	call.values[2] = CStringGetTextDatum(group->version->states[group->from].name);
	call_approvals(&call);
}

static void
request_approvals(const Attached *attached, const ChangeGroup *group)
{
	ApprovalCall call = {
		.attached = attached,
		.group = group,
		.query = "SELECT merch.request_approvals($1, $2, $3, $4, $5)",
		.arguments = 5,
		.types = {REGCLASSOID, TEXTOID, INT4OID, TEXTOID, TEXTARRAYOID}
	};

	call.values[0] = ObjectIdGetDatum(attached->subject);
	call.values[1] = CStringGetTextDatum(attached->name);
	call.values[2] = Int32GetDatum(group->version->version);
	call.values[3] = CStringGetTextDatum(group->version->states[group->to].name);
	call.values[4] = key_text_array(attached, group);
	call_approvals(&call);
}

/* ----------------------------------------------------------------
 * What follows
 * ----------------------------------------------------------------
 */
static void
run_action(const Attached *attached, const ChangeGroup *group)
{
	KeyCall		call = {
		.kind = CALL_ACTION,
		.function = group->step->action,
		.table = attached->table,
		.purpose = describe_step(attached, group)
	};

	call.array_type = get_array_type(attached->key_type);
	call.keys = key_array(attached, group);
	merch_call_with_keys(&call);
}

static void
apply(const Changes *changes)
{
	const Attached *attached = &changes->attached;

	for (int i = 0; i < changes->count; i++)
	{
		const ChangeGroup *group = &changes->groups[i];

		if (group->step != NULL && group->step->guard != NULL)
			ask_guard(attached, group);
		if (group->step != NULL && group->step->needs_approval)
			check_approvals(attached, group);
	}
	merch_write_changes(attached, changes->groups, changes->count);
	for (int i = 0; i < changes->count; i++)
	{
		const ChangeGroup *group = &changes->groups[i];

		if (group->step != NULL && group->version->states[group->from].asks)
			withdraw_approvals(attached, group);
		if (group->version->states[group->to].asks)
			request_approvals(attached, group);
	}
	for (int i = 0; i < changes->count; i++)
		if (changes->groups[i].step != NULL && changes->groups[i].step->action != NULL)
			run_action(attached, &changes->groups[i]);
}

Datum
merch_record_changes(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = merch_check_trigger(fcinfo, "merch.record_changes", false);
	bool		update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	Changes		changes = {.count = 0};

	if (trigger->tg_newtable == NULL || (update && trigger->tg_oldtable == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("merch.record_changes needs the transition tables of its INSERT or UPDATE"),
				 errhint("merch.attach_workflow() makes its triggers.")));
	merch_describe_attached(&changes.attached, trigger, "merch.record_changes");
	/* also where no state changed: a row may be due at another time now */
	if (changes.attached.workflow->timed)
		merch_wake_worker();
	if (update)
		read_updates(&changes, trigger);
	else
		read_inserts(&changes, trigger);
	if (changes.count > 0)
		apply(&changes);
	return PointerGetDatum(NULL);
}
