/*
 * change_writer.h
 *	  Writes rows of merch.state_change: what a statement did to the states of a table.
 */
#ifndef MERCH_CHANGE_WRITER_H
#define MERCH_CHANGE_WRITER_H

#include "step.h"

/* The rows of a statement that took the same step. */
typedef struct ChangeGroup
{
	const WorkflowVersion *version;
	int			from;			/* NO_STATE: the rows are new */
	int			to;
	const WorkflowTransition *step; /* NULL for new rows */
	Datum	   *keys;
	int			count;
	int			capacity;
} ChangeGroup;

/* As the owner of merch.state_change: nobody needs a right to write there. */
extern void merch_write_changes(const Attached *attached, const ChangeGroup *groups, int count);

#endif
