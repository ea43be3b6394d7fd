/*
 * error.h
 *	  From a kernel's status to an error that a user understands.
 */
#ifndef MERCH_ERROR_H
#define MERCH_ERROR_H

#include "compat.h"
#include "status.h"

/* A kernel's interrupt callback: whether this query or session is to end. */
extern bool merch_interrupted(void);

/* Raises the error for a status other than MERCH_OK and MERCH_CANCELLED. */
pg_noreturn extern void merch_report(MerchStatus status, const MerchFault *fault);

#endif
