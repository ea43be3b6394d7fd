/*
 * readiness_network.c
 *	  Task networks: what can't be one, the order of the tasks, and the parts that do not
 *	  depend on each other.
 */
#include <string.h>

#include "readiness_part.h"

static MerchStatus
fault_at(MerchStatus status, size_t row, int64_t value, double number, MerchFault *fault)
{
	*fault = (MerchFault) {.row = row, .value = value, .number = number};
	return status;
}

static MerchStatus
check_durations(const ReadinessNetwork *network, MerchFault *fault)
{
	for (size_t d = 0; d < network->n_durations; d++)
	{
		const ReadinessDuration *duration = &network->durations[d];
		double		sum = 0;

		if (!(duration->decay >= 0 && duration->decay <= 1))
			return fault_at(MERCH_DURATION_INVALID, d, 0, duration->decay, fault);
		for (size_t k = 0; k < duration->n; k++)
		{
			if (duration->mass == NULL || !(duration->mass[k] >= 0 && duration->mass[k] <= 1))
				return fault_at(MERCH_DURATION_INVALID, d, 0, duration->mass == NULL ? 0 : duration->mass[k], fault);
			sum += duration->mass[k];
		}
		if (sum > 1 + 1e-9)
			return fault_at(MERCH_DURATION_INVALID, d, 0, sum, fault);
	}
	return MERCH_OK;
}

MerchStatus
network_check(const ReadinessNetwork *network, MerchFault *fault)
{
	size_t		n = network->n_tasks;

	if (n > READINESS_TASKS_MAX)
		return fault_at(MERCH_TASKS_TOO_MANY, MERCH_NO_ROW, (int64_t) n, 0, fault);
	if (network->horizon > READINESS_HORIZON_MAX)
		return fault_at(MERCH_HORIZON_TOO_FAR, MERCH_NO_ROW, (int64_t) network->horizon, 0, fault);
	for (size_t i = 0; i < n; i++)
	{
		if (network->duration[i] < 0 || (size_t) network->duration[i] >= network->n_durations)
			return fault_at(MERCH_DURATION_UNKNOWN, i, network->duration[i], 0, fault);
		if (network->age[i] < READINESS_DONE)
			return fault_at(MERCH_AGE_INVALID, i, network->age[i], 0, fault);
		for (size_t e = network->need_start[i]; e < network->need_start[i + 1]; e++)
			if (network->need[e] < 0 || (size_t) network->need[e] >= n)
				return fault_at(MERCH_NEED_UNKNOWN, i, network->need[e], 0, fault);
	}
	return check_durations(network, fault);
}

static int32_t
root_of(int32_t *root, int32_t task)
{
	while (root[task] != task)
	{
		root[task] = root[root[task]];
		task = root[task];
	}
	return task;
}

/* For each task those that need it. */
void
network_turn(const ReadinessNetwork *network, ReadinessParts *parts)
{
	size_t		n = network->n_tasks;

	memset(parts->next_start, 0, (n + 2) * sizeof(size_t));
	for (size_t e = 0; e < network->need_start[n]; e++)
		parts->next_start[network->need[e] + 2]++;
	for (size_t i = 2; i < n + 2; i++)
		parts->next_start[i] += parts->next_start[i - 1];
	for (size_t i = 0; i < n; i++)
		for (size_t e = network->need_start[i]; e < network->need_start[i + 1]; e++)
			parts->next[parts->next_start[network->need[e] + 1]++] = (int32_t) i;
}

/* First come, first served: parts that are alike get their tasks in the same order. */
MerchStatus
network_sort(const ReadinessNetwork *network, ReadinessParts *parts, MerchFault *fault)
{
	size_t		n = network->n_tasks;
	size_t		found = 0;
	size_t		in_circle = 0;

	for (size_t i = 0; i < n; i++)
	{
		parts->waits[i] = (int32_t) (network->need_start[i + 1] - network->need_start[i]);
		if (parts->waits[i] == 0)
			parts->order[found++] = (int32_t) i;
	}
	for (size_t i = 0; i < found; i++)
	{
		int32_t		task = parts->order[i];

		for (size_t e = parts->next_start[task]; e < parts->next_start[task + 1]; e++)
			if (--parts->waits[parts->next[e]] == 0)
				parts->order[found++] = parts->next[e];
	}
	if (found == n)
		return MERCH_OK;

	/* every task that is left needs one that is left: n steps back are in a circle */
	while (parts->waits[in_circle] == 0)
		in_circle++;
	for (size_t i = 0; i < n; i++)
	{
		size_t		e = network->need_start[in_circle];

		while (parts->waits[network->need[e]] == 0)
			e++;
		in_circle = (size_t) network->need[e];
	}
	return fault_at(MERCH_TASKS_IN_A_CIRCLE, in_circle, 0, 0, fault);
}

void
network_split(const ReadinessNetwork *network, ReadinessParts *parts)
{
	size_t		n = network->n_tasks;
	int32_t    *number = parts->waits;	/* of the part of a root */
	size_t		place = 0;

	for (size_t i = 0; i < n; i++)
		parts->root[i] = (int32_t) i;
	for (size_t i = 0; i < n; i++)
		for (size_t e = network->need_start[i]; e < network->need_start[i + 1]; e++)
		{
			int32_t		a = root_of(parts->root, (int32_t) i);
			int32_t		b = root_of(parts->root, network->need[e]);

			/* the lower number wins, so that parts come in the order of their first tasks */
			parts->root[a > b ? a : b] = a > b ? b : a;
		}
	parts->n = 0;
	memset(parts->start, 0, (n + 1) * sizeof(size_t));
	for (size_t i = 0; i < n; i++)
	{
		int32_t		root = root_of(parts->root, (int32_t) i);

		if (root == (int32_t) i)
			number[i] = (int32_t) parts->n++;
		parts->local[i] = number[root];
		parts->start[number[root]]++;
	}
	for (size_t p = 0; p <= parts->n; p++)
	{
		size_t		size = p < parts->n ? parts->start[p] : 0;

		parts->start[p] = place;
		place += size;
	}
	/* local is the part for now, and start moves on to the next one's */
	for (size_t i = 0; i < n; i++)
	{
		int32_t		task = parts->order[i];

		parts->task[parts->start[parts->local[task]]++] = task;
	}
	for (size_t p = parts->n; p > 0; p--)
		parts->start[p] = parts->start[p - 1];
	parts->start[0] = 0;
	for (size_t p = 0; p < parts->n; p++)
		for (size_t i = parts->start[p]; i < parts->start[p + 1]; i++)
			parts->local[parts->task[i]] = (int32_t) (i - parts->start[p]);
}

static void
mix(uint64_t *hash, uint64_t value)
{
	*hash = (*hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
	*hash ^= *hash >> 32;
}

uint64_t
network_hash_duration(const ReadinessDuration *duration)
{
	uint64_t	hash = UINT64_C(0xCBF29CE484222325) + duration->n;
	uint64_t	bits;

	memcpy(&bits, &duration->decay, sizeof(bits));
	mix(&hash, bits);
	for (size_t k = 0; duration->mass != NULL && k < duration->n; k++)
	{
		memcpy(&bits, &duration->mass[k], sizeof(bits));
		mix(&hash, bits);
	}
	return hash;
}

static void
mix_both(ReadinessParts *parts, size_t p, uint64_t value)
{
	mix(&parts->hash[p], value);
	mix(&parts->check[p], value + UINT64_C(0xD6E8FEB86659FD93));
}

/* Of all that the part's probability depends on. */
void
network_hash_part(const ReadinessNetwork *network, ReadinessParts *parts, size_t p)
{
	parts->hash[p] = UINT64_C(0xCBF29CE484222325);
	parts->check[p] = UINT64_C(0xA0761D6478BD642F);
	mix_both(parts, p, network->horizon);
	for (size_t i = parts->start[p]; i < parts->start[p + 1]; i++)
	{
		int32_t		task = parts->task[i];

		mix_both(parts, p, parts->duration_hash[network->duration[task]]);
		mix_both(parts, p, (uint32_t) network->age[task] | (uint64_t) (network->need_start[task + 1] - network->need_start[task]) << 32);
		for (size_t e = network->need_start[task]; e < network->need_start[task + 1]; e++)
			mix_both(parts, p, (uint32_t) parts->local[network->need[e]]);
	}
	parts->check[p] |= 1;
}

static bool
parts_are_alike(const ReadinessNetwork *network, const ReadinessParts *parts, size_t p, size_t q)
{
	size_t		n = parts->start[p + 1] - parts->start[p];

	if (parts->hash[p] != parts->hash[q] || parts->start[q + 1] - parts->start[q] != n)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		int32_t		a = parts->task[parts->start[p] + i];
		int32_t		b = parts->task[parts->start[q] + i];
		size_t		needs = network->need_start[a + 1] - network->need_start[a];

		if (network->duration[a] != network->duration[b] || network->age[a] != network->age[b] ||
			network->need_start[b + 1] - network->need_start[b] != needs)
			return false;
		for (size_t e = 0; e < needs; e++)
			if (parts->local[network->need[network->need_start[a] + e]] !=
				parts->local[network->need[network->need_start[b] + e]])
				return false;
	}
	return true;
}

/* The place in the table of the part or of one that is alike, or a free one. */
size_t
network_find_part(const ReadinessNetwork *network, const ReadinessParts *parts, size_t p)
{
	size_t		place = (size_t) (parts->hash[p] & parts->mask);

	while (parts->table[place] >= 0 && !parts_are_alike(network, parts, p, (size_t) parts->table[place]))
		place = (place + 1) & parts->mask;
	return place;
}
