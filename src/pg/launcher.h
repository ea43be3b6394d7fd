/*
 * launcher.h
 *	  The process that keeps a worker running for each database.
 */
#ifndef MERCH_LAUNCHER_H
#define MERCH_LAUNCHER_H

extern void merch_init_launcher(void);

#endif
