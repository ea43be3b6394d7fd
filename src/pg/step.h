/*
 * step.h
 *	  What the triggers of a workflow check of one row's change, and what they say.
 */
#ifndef MERCH_STEP_H
#define MERCH_STEP_H

#include "compat.h"
#include "workflow.h"

/* A value of the state column, without its header. */
typedef struct StateText
{
	const char *data;
	size_t		length;
	bool		isnull;
} StateText;

extern StateText merch_state_text(Datum value, bool isnull);

static inline bool
merch_same_state(StateText a, StateText b)
{
	return a.isnull == b.isnull && (a.isnull || (a.length == b.length && memcmp(a.data, b.data, a.length) == 0));
}

static inline int
merch_state_of(const WorkflowVersion *version, StateText state)
{
	return state.isnull ? NO_STATE : merch_state_index(version, state.data, state.length);
}

/* The key's value as text. */
extern char *merch_key_text(const Attached *attached, Datum key);

/* What users call a row: the table's name and the key. */
extern char *merch_row_name(const Attached *attached, Datum key);

/* Whether who acts may take the step; role is the value of the row's column, if it names the role. */
extern bool merch_may_step(const Attached *attached, const WorkflowTransition *step, const char *role);

pg_noreturn extern void merch_refuse_step(const Attached *attached, Datum key, const WorkflowVersion *version,
										  StateText from, StateText to);
pg_noreturn extern void merch_refuse_role(const Attached *attached, Datum key, const WorkflowVersion *version,
										  const WorkflowTransition *step, const char *role);
pg_noreturn extern void merch_refuse_start(const Attached *attached, Datum key, const WorkflowVersion *version,
										   StateText state);

/* Of a new row that a later trigger put on another version. */
pg_noreturn extern void merch_refuse_version(const Attached *attached, Datum key, const WorkflowVersion *newest);

/* Raises an error unless a row in that state may be moved to the other version. */
extern void merch_check_version_change(const Attached *attached, Datum key, StateText state, int version,
									   bool missing);

/* The version of a row whose state changes; raises an error if there is none. */
extern const WorkflowVersion *merch_row_version(const Attached *attached, Datum key, int version, bool missing);

/*
 * The version that the row trigger has put new rows of the table on last; 0 if it has not.
 * Another may have become the newest since, by another session.
 */
extern int	merch_started_on(Oid subject);

#endif
