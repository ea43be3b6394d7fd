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

/* A fault of a function of single values is in no partition. */
static int
errdetail_row_if_any(const MerchFault *fault)
{
	return fault->row == MERCH_NO_ROW ? 0 : errdetail_row(fault);
}

static void
report_demand(MerchStatus status, const MerchFault *fault)
{
	switch (status)
	{
		case MERCH_MEAN_OUT_OF_RANGE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("mean must be a number from 0 to 1e12: %g", fault->number),
					 errdetail_row_if_any(fault),
					 errhint("Use greatest(mean, 0) where a forecast may fall below 0.")));
			break;
		case MERCH_DISPERSION_OUT_OF_RANGE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("dispersion must be a number above 0, at most 1e9: %g", fault->number),
					 errdetail_row_if_any(fault),
					 errhint("It is variance / mean; use 1 where the variance is not known.")));
			break;
		case MERCH_DISPERSION_BELOW_ONE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("dispersion of a negative_binomial demand must be at least 1: %g", fault->number),
					 errdetail_row_if_any(fault),
					 errhint("Use distribution auto, which takes the normal distribution below 1.")));
			break;
		case MERCH_PROBABILITY_OUT_OF_RANGE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("probability must be a number from 0 to below 1: %g", fault->number),
					 errdetail_row_if_any(fault),
					 errhint("No finite stock covers every demand: use 0.999, say.")));
			break;
		case MERCH_LANE_COST_OUT_OF_RANGE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cost must be a finite number of at least 0: %g", fault->number),
					 errdetail_row(fault),
					 errhint("Use 0 for a lane that costs nothing.")));
			break;
		case MERCH_VALUE_OUT_OF_RANGE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value must be a finite number of at least 0: %g", fault->number),
					 errdetail_row_if_any(fault),
					 errhint("Use 0 for a row that is to get its minimum only.")));
			break;
		default:
			break;
	}
}

static void
report_prepack(MerchStatus status, const MerchFault *fault)
{
	switch (status)
	{
		case MERCH_PREPACK_SUPPLY_NEGATIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("supply must not be negative: " INT64_FORMAT, fault->value),
					 errdetail("Found at pre-pack %zu.", fault->row + 1),
					 errhint("Use greatest(supply, 0) where a source may be oversold.")));
			break;
		case MERCH_PREPACK_CONTENT_NEGATIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("content must not be negative: " INT64_FORMAT, fault->value),
					 errdetail("Found at pre-pack %zu, size %zu.", fault->row + 1, fault->column + 1),
					 errhint("Use 0 for a size that the pre-pack does not hold.")));
			break;
		case MERCH_PREPACK_EMPTY:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("pre-pack %zu holds no units", fault->row + 1),
					 errhint("Leave it out, or give the units of its sizes in content.")));
			break;
		case MERCH_PREPACK_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("pre-pack %zu holds more than " INT64_FORMAT " units", fault->row + 1, fault->limit),
					 errdetail("Size %zu holds " INT64_FORMAT ".", fault->column + 1, fault->value),
					 errhint("content is in units of one pack, not of the supply.")));
			break;
		case MERCH_PREPACK_MAXIMUM_NEGATIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("maximum must not be negative: " INT64_FORMAT, fault->value),
					 errdetail("Found at location %zu.", fault->row + 1),
					 errhint("Use NULL for a location without maximum, and 0 for one that is to get nothing.")));
			break;
		default:
			break;
	}
}

static void
report_transport(MerchStatus status, const MerchFault *fault)
{
	switch (status)
	{
		case MERCH_SOURCE_NEGATIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("supply of source %zu must not be negative: " INT64_FORMAT,
							fault->row + 1, fault->value),
					 errhint("Use greatest(supply, 0) where a source may be oversold.")));
			break;
		case MERCH_SINK_NEGATIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("need of sink %zu must not be negative: " INT64_FORMAT,
							fault->row + 1, fault->value),
					 errhint("Use greatest(need, 0) where a sink may have too much.")));
			break;
		case MERCH_PIECE_NEGATIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("units of piece %zu of sink %zu must not be negative: " INT64_FORMAT,
							fault->column + 1, fault->row + 1, fault->value),
					 errhint("Leave out pieces without units.")));
			break;
		case MERCH_VALUE_RISES:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value of piece %zu of sink %zu must not be above that of the piece before: "
							INT64_FORMAT " and " INT64_FORMAT,
							fault->column + 1, fault->row + 1, fault->value, fault->limit),
					 errhint("Put the units that are worth most first.")));
			break;
		case MERCH_COST_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("cost from source %zu to sink %zu is out of range: " INT64_FORMAT,
							fault->row + 1, fault->column + 1, fault->value),
					 errdetail("With so many sources a cost may be at most " INT64_FORMAT " above or below 0.",
							   fault->limit),
					 errhint("Use NULL where there is no lane, and a larger unit of money.")));
			break;
		case MERCH_COSTS_TOO_FAR_APART:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("costs are too far apart: from " INT64_FORMAT " to " INT64_FORMAT,
							fault->value, fault->limit),
					 errhint("Use NULL where there is no lane, a larger unit of money, or give values.")));
			break;
		case MERCH_VALUE_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value of sink %zu is out of range: " INT64_FORMAT,
							fault->row + 1, fault->value),
					 errdetail("With so many sources a value may be at most " INT64_FORMAT " above or below 0.",
							   fault->limit),
					 errhint("Use a larger unit of money.")));
			break;
		case MERCH_TOO_MANY:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many sources or sinks"),
					 errhint("Solve items apart, or regions between which there is no lane.")));
			break;
		default:
			break;
	}
}

static void
report_money(MerchStatus status, const MerchFault *fault)
{
	switch (status)
	{
		case MERCH_NEGATIVE_COST:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cost of a lane must not be negative: " INT64_FORMAT, fault->value),
					 errdetail_row(fault),
					 errhint("Add what a lane saves to the costs of the others.")));
			break;
		case MERCH_NEGATIVE_WORTH:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("worth of a pack must not be negative: " INT64_FORMAT, fault->value),
					 errdetail_row(fault),
					 errhint("Leave out packs that are worth nothing.")));
			break;
		case MERCH_WORTH_INCREASING:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("pack is worth more than the one before it: " INT64_FORMAT
							" after " INT64_FORMAT, fault->value, fault->limit),
					 errdetail_row(fault),
					 errhint("Take the running minimum of the worths of successive packs.")));
			break;
		case MERCH_MONEY_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("worth or cost is out of range: " INT64_FORMAT ", the most is " INT64_FORMAT,
							fault->value, fault->limit),
					 errdetail_row(fault),
					 errhint("Count money in larger quanta.")));
			break;
		default:
			break;
	}
}

static void
report_coupled(MerchStatus status, const MerchFault *fault)
{
	switch (status)
	{
		case MERCH_STARTS_INVALID:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("group starts at " INT64_FORMAT ", which does not fit to " INT64_FORMAT,
							fault->value, fault->limit),
					 errdetail_row(fault),
					 errhint("Groups must begin with 0, follow each other and end with the last row.")));
			break;
		case MERCH_SOURCE_UNKNOWN:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("source " INT64_FORMAT " of a lane does not exist: its item has " INT64_FORMAT,
							fault->value, fault->limit),
					 errdetail_row(fault),
					 errhint("Leave out lanes from sources that do not stock the item.")));
			break;
		case MERCH_RESOURCE_UNKNOWN:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("resource " INT64_FORMAT " of a lane does not exist: there are " INT64_FORMAT,
							fault->value, fault->limit),
					 errdetail_row(fault),
					 errhint("Give every resource that a lane uses a limit.")));
			break;
		case MERCH_NEGATIVE_LIMIT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("limit must not be negative: " INT64_FORMAT, fault->value),
					 errdetail_row(fault),
					 errhint("Use 0 for a resource that is closed.")));
			break;
		case MERCH_NEGATIVE_USAGE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("usage of a resource must not be negative: " INT64_FORMAT, fault->value),
					 errdetail_row(fault),
					 errhint("Use 0 for a resource that a pack does not need.")));
			break;
		default:
			break;
	}
}

static void
report_rebalance(MerchStatus status, const MerchFault *fault)
{
	switch (status)
	{
		case MERCH_REBALANCE_SUPPLY_NEGATIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("supply must not be negative: " INT64_FORMAT, fault->value),
					 errdetail("Found at place %zu.", fault->row + 1),
					 errhint("Use 0 for a place that gives nothing.")));
			break;
		case MERCH_REBALANCE_ROOM_NEGATIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("room must not be negative: " INT64_FORMAT, fault->value),
					 errdetail("Found at place %zu.", fault->row + 1),
					 errhint("Use 0 for a place that receives nothing.")));
			break;
		case MERCH_REBALANCE_COST_INVALID:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cost must be a finite number of at least 0: %g", fault->number),
					 errdetail("Found at lane %zu.", fault->row + 1),
					 errhint("Leave out a lane that cannot be used.")));
			break;
		default:
			break;
	}
}

static void
report_split(MerchStatus status, const MerchFault *fault)
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
					 errhint("Need and position together, all positions, and all supplies of a partition must stay below 2^63.")));
			break;
		default:
			break;
	}
}

static void
report_readiness(MerchStatus status, const MerchFault *fault)
{
	switch (status)
	{
		case MERCH_TASKS_TOO_MANY:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("network has " INT64_FORMAT " tasks, more than a network may have", fault->value),
					 errhint("Compute parts that do not depend on each other apart, and multiply their probabilities.")));
			break;
		case MERCH_HORIZON_TOO_FAR:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("horizon of " INT64_FORMAT " steps is too far", fault->value),
					 errhint("Use longer steps, or least(horizon, 10000): the probability to be done by then is no higher.")));
			break;
		case MERCH_DURATION_INVALID:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("duration has an invalid probability or decay: %g", fault->number),
					 errhint("Durations are made by merch.pert_duration() and merch.quantile_duration().")));
			break;
		case MERCH_BEYOND_OUT_OF_RANGE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("beyond must be a number from 0 to below 1: %g", fault->number),
					 errhint("It is the share that takes longer than the longest time given.")));
			break;
		case MERCH_ESTIMATE_OUT_OF_RANGE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("estimates must rise from 0 to 10000 steps: %g does not", fault->number),
					 errhint("0 <= optimistic <= likely <= pessimistic.")));
			break;
		case MERCH_QUANTILE_OUT_OF_RANGE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("quantiles must rise from 0 to 10000 steps: %g does not", fault->number),
					 errhint("percentile_cont(array[0, 0.5, 1]) WITHIN GROUP (ORDER BY ...) gives such an array.")));
			break;
		default:
			break;
	}
}

/* Each of these knows some statuses, and returns from the others. */
void
merch_report(MerchStatus status, const MerchFault *fault)
{
	report_split(status, fault);
	report_demand(status, fault);
	report_transport(status, fault);
	report_prepack(status, fault);
	report_coupled(status, fault);
	report_rebalance(status, fault);
	report_readiness(status, fault);
	report_money(status, fault);
	elog(ERROR, "unexpected kernel status %d", (int) status);
}
