/*
 * transport_input.c
 *	  What the transport simplex can take, and what a unit counts for in it.
 */
#include "transport_tree.h"

/*
 * A price is a sum of one value and of at most 2 * sources - 1 costs of alternating
 * sign; with the cost of a further lane it must stay within PRICE_LIMIT.
 */
int64_t
transport_largest_cost(size_t sources)
{
	return PRICE_LIMIT / (2 * (int64_t) sources + 2);
}

/* The least and the greatest cost of a lane; false if there is no lane. */
static bool
cost_range(const TransportInput *input, int64_t *least, int64_t *most)
{
	*least = INT64_MAX;
	*most = INT64_MIN;
	for (size_t k = 0; k < input->sources * input->sinks; k++)
	{
		int64_t		cost = input->cost[k];

		if (cost == TRANSPORT_NO_LANE)
			continue;
		*least = cost < *least ? cost : *least;
		*most = cost > *most ? cost : *most;
	}
	return *least <= *most;
}

/*
 * One unit more can displace others along a way that uses every source once: it
 * enters as many lanes at most, and leaves one less.
 */
int128_t
transport_unit_value(const TransportInput *input)
{
	int64_t		least;
	int64_t		most;

	if (!cost_range(input, &least, &most))
		return 0;
	return most + ((int128_t) most - least) * (int128_t) (input->sources - 1) + 1;
}

static bool
too_large(int64_t number, int64_t limit)
{
	return number > limit || number < -limit;
}

static MerchStatus
check_costs(const TransportInput *input, MerchInterrupt interrupt, MerchFault *fault)
{
	int64_t		limit = transport_largest_cost(input->sources);
	size_t		lanes = input->sources * input->sinks;

	for (size_t k = 0; k < lanes; k++)
	{
		int64_t		cost = input->cost[k];

		if (k % MERCH_POLL_STEPS == MERCH_POLL_STEPS - 1 && interrupt != NULL && interrupt())
			return MERCH_CANCELLED;
		if (cost == TRANSPORT_NO_LANE || !too_large(cost, limit))
			continue;
		*fault = (MerchFault) {
			.row = k / input->sinks, .column = k % input->sinks, .value = cost, .limit = limit
		};
		return MERCH_COST_TOO_LARGE;
	}
	return MERCH_OK;
}

static MerchStatus
check_quantities(const TransportInput *input, MerchFault *fault)
{
	for (size_t i = 0; i < input->sources; i++)
		if (input->supply[i] < 0)
		{
			*fault = (MerchFault) {.row = i, .value = input->supply[i]};
			return MERCH_SOURCE_NEGATIVE;
		}
	for (size_t j = 0; j < input->sinks; j++)
		if (input->need[j] < 0)
		{
			*fault = (MerchFault) {.row = j, .value = input->need[j]};
			return MERCH_SINK_NEGATIVE;
		}
	return MERCH_OK;
}

static MerchStatus
check_values(const TransportInput *input, MerchFault *fault)
{
	int64_t		limit = transport_largest_cost(input->sources);

	for (size_t j = 0; j < input->sinks; j++)
	{
		size_t		first = input->piece_start != NULL ? input->piece_start[j] : j;
		size_t		end = input->piece_start != NULL ? input->piece_start[j + 1] : j + 1;

		for (size_t p = first; p < end; p++)
		{
			*fault = (MerchFault) {
				.row = j, .column = p - first, .value = input->value[p], .limit = limit
			};
			if (too_large(input->value[p], limit))
				return MERCH_VALUE_TOO_LARGE;
			if (p > first && input->value[p] > input->value[p - 1])
			{
				fault->limit = input->value[p - 1];
				return MERCH_VALUE_RISES;
			}
			if (input->piece_start == NULL || input->piece_units[p] >= 0)
				continue;
			fault->value = input->piece_units[p];
			return MERCH_PIECE_NEGATIVE;
		}
	}
	return MERCH_OK;
}

MerchStatus
transport_validate(const TransportInput *input, MerchInterrupt interrupt, MerchFault *fault)
{
	MerchStatus status;

	*fault = (MerchFault) {0};
	if (input->sources > INT32_MAX || input->sinks > INT32_MAX)
		return MERCH_TOO_MANY;
	status = check_quantities(input, fault);
	if (status == MERCH_OK)
		status = check_costs(input, interrupt, fault);
	if (status != MERCH_OK)
		return status;
	if (input->value != NULL)
		return check_values(input, fault);
	if (transport_unit_value(input) <= transport_largest_cost(input->sources))
		return MERCH_OK;
	cost_range(input, &fault->value, &fault->limit);
	return MERCH_COSTS_TOO_FAR_APART;
}
