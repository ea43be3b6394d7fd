/*
 * step.c
 *	  What the triggers of a workflow check of one row's change, and what they say.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "owner.h"
#include "step.h"

StateText
merch_state_text(Datum value, bool isnull)
{
	StateText	state = {.isnull = isnull};

	if (!isnull)
	{
		struct varlena *text = PG_DETOAST_DATUM_PACKED(value);

		state.data = VARDATA_ANY(text);
		state.length = VARSIZE_ANY_EXHDR(text);
	}
	return state;
}

static char *
quote_state(StateText state)
{
	return state.isnull ? "null" : psprintf("\"%.*s\"", (int) state.length, state.data);
}

char *
merch_key_text(const Attached *attached, Datum key)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(attached->key_type, &output, &is_varlena);
	return OidOutputFunctionCall(output, key);
}

char *
merch_row_name(const Attached *attached, Datum key)
{
	return psprintf("%s %s", get_rel_name(attached->subject), merch_key_text(attached, key));
}

bool
merch_may_step(const Attached *attached, const WorkflowTransition *step, const char *role)
{
	if (merch_in_system_context(attached->owner))
		return true;
	if (step->automatic)
		return false;
	if (step->role_column != NULL)
		return role != NULL && merch_actor_has_role(role);
	return step->role == NULL || merch_actor_has_role(step->role);
}

/* ----------------------------------------------------------------
 * Refusals
 * ----------------------------------------------------------------
 */
static void
append_who(StringInfo text, const WorkflowTransition *step, const char *role)
{
	if (step->automatic)
		appendStringInfoString(text, ", by itself only");
	else if (step->role_column != NULL && role != NULL)
		appendStringInfo(text, ", by members of %s", role);
	else if (step->role_column != NULL)
		appendStringInfo(text, ", by members of the role in its column \"%s\"", step->role_column);
	else if (step->role != NULL)
		appendStringInfo(text, ", by members of %s", step->role);
	if (step->needs_approval)
		appendStringInfoString(text, ", when it is approved");
}

/* What a row in that state can do. */
static char *
list_steps(const WorkflowVersion *version, int from)
{
	StringInfoData text;
	int			found = 0;

	initStringInfo(&text);
	for (int i = 0; i < version->transition_count; i++)
	{
		const WorkflowTransition *step = &version->transitions[i];

		if (step->from != from)
			continue;
		appendStringInfo(&text, "%sto \"%s\" (event \"%s\"", found++ > 0 ? "; " : "",
						 version->states[step->to].name, step->event);
		append_who(&text, step, NULL);
		appendStringInfoChar(&text, ')');
	}
	return found > 0 ? text.data : NULL;
}

static char *
list_initial(const WorkflowVersion *version)
{
	StringInfoData text;
	int			found = 0;

	initStringInfo(&text);
	for (int i = 0; i < version->state_count; i++)
		if (version->states[i].initial)
			appendStringInfo(&text, "%s\"%s\"", found++ > 0 ? " or " : "", version->states[i].name);
	return text.data;
}

void
merch_refuse_step(const Attached *attached, Datum key, const WorkflowVersion *version, StateText from, StateText to)
{
	int			index = merch_state_of(version, from);
	char	   *steps = list_steps(version, index);

	ereport(ERROR,
			(errcode(ERRCODE_RESTRICT_VIOLATION),
			 errmsg("%s cannot go from %s to %s", merch_row_name(attached, key), quote_state(from), quote_state(to)),
			 index == NO_STATE
			 ? errhint("Version %d of workflow \"%s\" has no state %s.", version->version, attached->name,
					   quote_state(from))
			 : steps != NULL
			 ? errhint("From %s it can go %s.", quote_state(from), steps)
			 : errhint("From %s it goes nowhere.", quote_state(from))));
}

void
merch_refuse_role(const Attached *attached, Datum key, const WorkflowVersion *version,
				  const WorkflowTransition *step, const char *role)
{
	const char *event = step->event;
	char	   *row = merch_row_name(attached, key);
	const char *from = version->states[step->from].name;
	const char *to = version->states[step->to].name;
	const char *wanted = step->role_column != NULL ? role : step->role;

	if (step->automatic)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s goes from \"%s\" to \"%s\" by itself, nobody can make it (event \"%s\")", row, from, to, event),
				 errhint("It does when its time or its cause has come. Members of merch_admin: merch.fire_as_system().")));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s may not take %s from \"%s\" to \"%s\" (event \"%s\")", merch_actor_name(), row, from, to, event),
			 wanted != NULL
			 ? errhint("Members of %s may.", wanted)
			 : errhint("Its column \"%s\" names no role.", step->role_column)));
}

void
merch_refuse_start(const Attached *attached, Datum key, const WorkflowVersion *version, StateText state)
{
	ereport(ERROR,
			(errcode(ERRCODE_RESTRICT_VIOLATION),
			 errmsg("%s cannot begin in state %s", merch_row_name(attached, key), quote_state(state)),
			 errhint("By version %d of workflow \"%s\" it begins in %s.", version->version, attached->name,
					 list_initial(version))));
}

void
merch_refuse_version(const Attached *attached, Datum key, const WorkflowVersion *newest)
{
	ereport(ERROR,
			(errcode(ERRCODE_RESTRICT_VIOLATION),
			 errmsg("%s cannot begin on another version of workflow \"%s\" than its newest, %d",
					merch_row_name(attached, key), attached->name, newest->version),
			 errhint("A trigger that follows guard_workflow set workflow_version.")));
}

const WorkflowVersion *
merch_row_version(const Attached *attached, Datum key, int version, bool missing)
{
	const WorkflowVersion *found = missing ? NULL : merch_workflow_version(attached->workflow, version);

	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_RESTRICT_VIOLATION),
				 missing
				 ? errmsg("%s has no workflow_version", merch_row_name(attached, key))
				 : errmsg("%s is on version %d of workflow \"%s\", which does not exist",
						  merch_row_name(attached, key), version, attached->name),
				 errhint("A member of merch_admin can set workflow_version to one that has the row's state.")));
	return found;
}

void
merch_check_version_change(const Attached *attached, Datum key, StateText state, int version, bool missing)
{
	const WorkflowVersion *found = missing ? NULL : merch_workflow_version(attached->workflow, version);

	if (found == NULL || merch_state_of(found, state) == NO_STATE)
		ereport(ERROR,
				(errcode(ERRCODE_RESTRICT_VIOLATION),
				 missing
				 ? errmsg("cannot take the workflow_version from %s", merch_row_name(attached, key))
				 : errmsg("cannot put %s on version %d of workflow \"%s\"", merch_row_name(attached, key), version,
						  attached->name),
				 errhint("A row in state %s can only be on a version that has that state; change its state before or after.",
						 quote_state(state))));
	if (!merch_in_system_context(attached->owner) && !merch_actor_has_role("merch_admin"))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s may not put %s on version %d of workflow \"%s\"", merch_actor_name(),
						merch_row_name(attached, key), version, attached->name),
				 errhint("Rows stay on the version they began with; members of merch_admin may change it.")));
}
