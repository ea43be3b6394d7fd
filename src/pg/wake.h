/*
 * wake.h
 *	  Waking the worker of a database when work for it is committed.
 */
#ifndef MERCH_WAKE_H
#define MERCH_WAKE_H

/*
 * Wakes this database's worker when the current transaction commits; does nothing
 * when it rolls back, or where no worker can be. Cheap: may be called for every row.
 */
extern void merch_wake_worker(void);

#endif
