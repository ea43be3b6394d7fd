/*
 * ledger.h
 *	  What the guard of merch.stock has to know of the ledger.
 */
#ifndef MERCH_LEDGER_H
#define MERCH_LEDGER_H

/* Whether it is keep_ledger itself that changes counters now. */
extern bool merch_ledger_works(void);

#endif
