/*
 * error.c
 *	  The one place that turns a kernel's status into an SQLSTATE, a message and a
 *	  hint.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "error.h"

/*
 * Only what ends the query counts: after any other interrupt the kernel would
 * have to begin again.
 */
bool
merch_interrupted(void)
{
	return QueryCancelPending || ProcDiePending;
}

static int
errdetail_row(const MerchFault *fault)
{
	return errdetail("Found in row %zu of its partition.", fault->row + 1);
}

void
merch_report(MerchStatus status, const MerchFault *fault)
{
	switch (status)
	{
		case MERCH_NEGATIVE_SUPPLY:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("supply must not be negative: " INT64_FORMAT, fault->value),
					 errhint("Use greatest(supply, 0) where a source may be oversold.")));
			break;
		case MERCH_NEGATIVE_MINIMUM:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("minimum must not be negative: " INT64_FORMAT, fault->value),
					 errdetail_row(fault),
					 errhint("Use 0 for a row that has no minimum.")));
			break;
		case MERCH_NEGATIVE_MAXIMUM:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("maximum must not be negative: " INT64_FORMAT, fault->value),
					 errdetail_row(fault),
					 errhint("Use NULL for a row that has no maximum, and 0 for one that is to get nothing.")));
			break;
		case MERCH_MINIMUM_ABOVE_MAXIMUM:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("minimum " INT64_FORMAT " is above maximum " INT64_FORMAT,
							fault->value, fault->limit),
					 errdetail_row(fault),
					 errhint("Use least(minimum, maximum) where the maximum is to win.")));
			break;
		case MERCH_PACK_NOT_POSITIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("pack must be at least 1: " INT64_FORMAT, fault->value),
					 errdetail_row(fault),
					 errhint("Use 1 for an item that is shipped in single units.")));
			break;
		case MERCH_WEIGHT_NOT_FINITE:
		case MERCH_WEIGHT_NEGATIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight must be a finite number of at least 0: %g", fault->number),
					 errdetail_row(fault),
					 errhint("Use 0 for a row that is to get its minimum only.")));
			break;
		case MERCH_OUT_OF_RANGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("quantities are out of range: " INT64_FORMAT " and " INT64_FORMAT,
							fault->value, fault->limit),
					 errdetail_row(fault),
					 errhint("Need and position together, and all positions of a partition, must stay below 2^63.")));
			break;
		case MERCH_OK:
		case MERCH_CANCELLED:
			break;
	}
	elog(ERROR, "unexpected kernel status %d", (int) status);
}
