/*
 * coupled_claims.h
 *	  Solves claims of many items that share capacity.
 */
#ifndef MERCH_COUPLED_CLAIMS_H
#define MERCH_COUPLED_CLAIMS_H

#include "windowapi.h"

#include "claim_coupled.h"

/* What a run's plan is worth, over the runs in their order; in the caller's memory. */
typedef struct RunValues
{
	int			runs;
	ClaimValue *value;
} RunValues;

/*
 * Fills the shares of a partition whose rows have, as their second argument, what
 * merch.claim_use returns. All it keeps beyond the values is in a context of its own.
 */
extern void solve_coupled_claims(WindowObject winobj, int64 rows, Claim *claims, Share *shares,
								 MemoryContext memory, RunValues *values);

#endif
