/*
 * owner.h
 *	  Acting as the owner of a table, and in system context.
 *
 * What follows from a change needs no rights of who made the change: actions, reactions
 * and automatic transitions run as the owner of the table. In system context role checks
 * are skipped, but only for tables of which the running code has the owner's rights:
 * nobody gets more by a trigger on a table of their own.
 */
#ifndef MERCH_OWNER_H
#define MERCH_OWNER_H

#include "postgres.h"

typedef struct OwnerSwitch
{
	Oid			user;
	int			context;
} OwnerSwitch;

/* An error leaves the user as it is: the end of the (sub)transaction sets it back. */
extern void merch_become(Oid owner, OwnerSwitch *before);
extern void merch_become_again(const OwnerSwitch *before);

/* A table of schema merch; raises an error if it is missing. */
extern Oid	merch_model_table(const char *name);

extern Oid	merch_table_owner(Oid table);

/* Whether role checks of a table with that owner are skipped now. */
extern bool merch_in_system_context(Oid owner);

/* Calls work(argument) as the owner, in system context. */
extern void merch_run_as_system(Oid owner, void (*work) (void *argument), void *argument);

/* Who is acting: the role set, if it can log in, else who logged in. */
extern const char *merch_actor_name(void);

/* Whether who is acting has the rights of the role; of one that does not exist, nobody but superusers. */
extern bool merch_actor_has_role(const char *role);

#endif
