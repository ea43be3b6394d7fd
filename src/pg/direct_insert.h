/*
 * direct_insert.h
 *	  What the writers share that put rows into a table as COPY does.
 */
#ifndef MERCH_DIRECT_INSERT_H
#define MERCH_DIRECT_INSERT_H

#include "nodes/execnodes.h"
#include "utils/rel.h"

/*
 * Whether rows may go straight into the table. Not: tables that are spread over others, or
 * over servers; whose rows go through rules or triggers before they are stored; and those of
 * other methods, which need not be good at this. Who may write, and which other triggers
 * fire, is the writer's to know.
 */
extern bool merch_takes_rows_directly(Relation table);

/* Makes the table, open and locked, the one result relation of an executor's state. */
extern ResultRelInfo *merch_open_result(Relation table, EState *estate);

#endif
