/*
 * guc.h
 *	  The settings, with their bounds.
 */
#ifndef MERCH_GUC_H
#define MERCH_GUC_H

extern char *merch_reason;		/* why states change; empty for none */
extern int	merch_release_days; /* days before shipping that allocations are released */
extern char *merch_currency;	/* of regular prices */
extern int	merch_history;		/* minutes that history is kept */
extern char *merch_databases;	/* that get a worker */
extern int	merch_naptime;		/* longest sleep of a worker, ms */

/* Defines all of them, and reserves their prefix. Once, when the library is loaded. */
extern void merch_define_settings(void);

#endif
