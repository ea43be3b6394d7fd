/*
 * workflow.h
 *	  Workflow definitions, cached in the session, and the tables attached to them.
 */
#ifndef MERCH_WORKFLOW_H
#define MERCH_WORKFLOW_H

#include "commands/trigger.h"
#include "utils/rel.h"

#define NO_STATE (-1)			/* before a row is there, or a state that the version lacks */

typedef struct WorkflowState
{
	const char *name;
	size_t		length;
	bool		initial;
	bool		asks;			/* a transition from it needs approval */
} WorkflowState;

typedef struct WorkflowTransition
{
	int			from;
	int			to;
	const char *event;
	const char *role;			/* NULL: anybody */
	const char *role_column;	/* the row's column that names the role, or NULL */
	const char *guard;			/* functions, or NULL */
	const char *action;
	bool		automatic;
	bool		needs_approval;
} WorkflowTransition;

typedef struct WorkflowVersion
{
	int			version;
	int			state_count;
	WorkflowState *states;
	int			transition_count;
	WorkflowTransition *transitions;
	const WorkflowTransition **step;	/* by from * state_count + to; NULL: illegal */
} WorkflowVersion;

typedef struct Workflow
{
	const char *name;
	int			version_count;
	WorkflowVersion *versions;	/* the newest is the last */
	bool		timed;			/* the clock makes some of its transitions */
	struct Workflow *next;
} Workflow;

/* A table whose rows follow a workflow, as its triggers see it. */
typedef struct Attached
{
	Relation	table;
	Oid			subject;		/* the table, or the root that it is a partition of */
	Oid			owner;
	const Workflow *workflow;
	const char *name;			/* of the workflow, also when the definition is read anew */
	int			state;			/* numbers of columns, from 1 */
	int			version;
	int			since;
	int			key;
	Oid			key_type;
} Attached;

/*
 * The definition of that name; raises an error if there is none. It stays readable until
 * the end of the transaction, even if it is changed meanwhile.
 */
extern const Workflow *merch_workflow(const char *name);

/* Counts how often definitions were read anew: a pointer to one is current while it is the same. */
extern uint64 merch_workflow_generation(void);

extern const WorkflowVersion *merch_newest_version(const Workflow *workflow);

/* NULL if the workflow has no such version. */
extern const WorkflowVersion *merch_workflow_version(const Workflow *workflow, int version);

/* NO_STATE if the version has no such state. */
extern int	merch_state_index(const WorkflowVersion *version, const char *name, size_t length);

static inline const WorkflowTransition *
merch_step(const WorkflowVersion *version, int from, int to)
{
	return from == NO_STATE || to == NO_STATE ? NULL : version->step[from * version->state_count + to];
}

/* From the trigger's arguments (workflow, state column) and its table. */
extern void merch_describe_attached(Attached *attached, const TriggerData *trigger, const char *function);

/* The column of the table that names the role of the step, which must have one. */
extern int	merch_role_column(const Attached *attached, const WorkflowTransition *step);

#endif
