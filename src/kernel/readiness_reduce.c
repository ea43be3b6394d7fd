/*
 * readiness_reduce.c
 *	  A part of a task network: its graph, and its reduction where it is series-parallel.
 *
 * After transitive reduction the tasks become arcs between events: an event is a set of
 * tasks that something waits for, and where two such sets meet without being the same there
 * is no such picture, and the part is not series-parallel. An event with one arc on
 * each side puts its tasks one after the other; arcs between the same events are side by
 * side. What is left in the end is one arc from the start to the end, or the part is not
 * series-parallel.
 */
#include <string.h>

#include "readiness_part.h"

enum
{
	START, END, FIRST_EVENT
};

static inline bool
has_bit(const uint64_t *row, size_t i)
{
	return (row[i / 64] >> (i % 64) & 1) != 0;
}

/*
 * The graph as it was given, or as it is: without the tasks that are done, and what is
 * running waits for nothing. The needs that others imply are left out.
 */
void
part_graph(ReadinessJob *job, bool as_it_is)
{
	const ReadinessNetwork *network = job->network;
	size_t		words = (job->n + 63) / 64;
	size_t		kept = 0;

	memset(job->before, 0, job->n * words * sizeof(uint64_t));
	for (size_t i = 0; i < job->n; i++)
	{
		int32_t		task = job->task[i];
		uint64_t   *row = job->before + i * words;

		job->kept_start[i] = kept;
		job->present[i] = !as_it_is || network->age[task] != READINESS_DONE;
		if (!job->present[i] || (as_it_is && network->age[task] >= 0))
			continue;
		for (size_t e = network->need_start[task]; e < network->need_start[task + 1]; e++)
		{
			size_t		need = (size_t) job->local[network->need[e]];

			if (job->present[need])
				for (size_t w = 0; w <= need / 64; w++)
					row[w] |= job->before[need * words + w];
		}
		/* a need that is there twice finds its bit, too */
		for (size_t e = network->need_start[task]; e < network->need_start[task + 1]; e++)
		{
			size_t		need = (size_t) job->local[network->need[e]];

			if (!job->present[need] || has_bit(row, need))
				continue;
			row[need / 64] |= UINT64_C(1) << (need % 64);
			job->kept[kept++] = (int32_t) need;
		}
	}
	job->kept_start[job->n] = kept;
}

/* Whether what the tasks need is the same or disjoint; gives each its events if so. */
static bool
find_events(ReadinessJob *job)
{
	job->events = FIRST_EVENT;
	for (size_t i = 0; i < job->n; i++)
		job->task_to[i] = END;
	for (size_t i = 0; i < job->n; i++)
	{
		size_t		first = job->kept_start[i];
		size_t		n = job->kept_start[i + 1] - first;
		int32_t		event;

		job->task_from[i] = START;
		if (n == 0)
			continue;
		event = job->task_to[job->kept[first]];
		if (event == END)
		{
			event = job->events++;
			job->event_needs[event] = (int32_t) n;
			for (size_t k = 0; k < n; k++)
			{
				if (job->task_to[job->kept[first + k]] != END)
					return false;
				job->task_to[job->kept[first + k]] = event;
			}
		}
		else
		{
			if (job->event_needs[event] != (int32_t) n)
				return false;
			for (size_t k = 0; k < n; k++)
				if (job->task_to[job->kept[first + k]] != event)
					return false;
		}
		job->task_from[i] = event;
	}
	return true;
}

static void
make_arcs(ReadinessJob *job, bool compute)
{
	job->n_arcs = 0;
	for (size_t i = 0; i < job->n; i++)
		if (job->present[i])
			job->arcs[job->n_arcs++] = (ReadinessArc) {
				.from = job->task_from[i], .to = job->task_to[i],
				.curve = compute ? curve_of_task(job, job->task[i]) : 0
			};
}

/* Merges arcs between the same events, and counts what is left at each. */
static bool
merge_side_by_side(ReadinessJob *job, bool compute)
{
	size_t		before = job->n_arcs;

	for (int32_t e = 0; e < job->events; e++)
	{
		job->first_arc[e] = job->merged[e] = -1;
		job->arrivals[e] = job->departures[e] = 0;
	}
	for (size_t a = job->n_arcs; a-- > 0;)
	{
		job->arcs[a].next = job->first_arc[job->arcs[a].from];
		job->first_arc[job->arcs[a].from] = (int32_t) a;
	}
	for (int32_t e = 0; e < job->events; e++)
	{
		for (int32_t a = job->first_arc[e]; a >= 0; a = job->arcs[a].next)
		{
			ReadinessArc *arc = &job->arcs[a];
			int32_t		other = job->merged[arc->to];

			if (other < 0 || job->arcs[other].from != e)
			{
				job->merged[arc->to] = a;
				continue;
			}
			if (compute)
				job->arcs[other].curve = curve_beside(job, job->arcs[other].curve, arc->curve);
			arc->to = -1;
		}
	}
	job->n_arcs = 0;
	for (size_t a = 0; a < before; a++)
		if (job->arcs[a].to >= 0)
			job->arcs[job->n_arcs++] = job->arcs[a];
	for (size_t a = 0; a < job->n_arcs; a++)
	{
		job->departures[job->arcs[a].from]++;
		job->first_arc[job->arcs[a].from] = (int32_t) a;
		job->arrivals[job->arcs[a].to]++;
		job->arriving[job->arcs[a].to] = (int32_t) a;
		job->arcs[a].touched = false;
	}
	return job->n_arcs < before;
}

/*
 * Puts the second curve after the first, whose uses it takes over. Chains that are alike
 * ask for the same pairs again; the memo keeps what it knows from being used otherwise.
 */
static MerchStatus
put_after(ReadinessJob *job, size_t *asked, int32_t first, int32_t second, int32_t *both)
{
	ReadinessMemo *entry;
	MerchStatus status;

	for (size_t m = 0; m < READINESS_MEMO && m < *asked; m++)
		if (job->memo[m].first == first && job->memo[m].second == second)
		{
			*both = job->memo[m].both;
			curve_use(job, *both);
			curve_release(job, first);
			curve_release(job, second);
			return MERCH_OK;
		}
	status = curve_after(job, first, second, both);
	if (status != MERCH_OK)
		return status;
	entry = &job->memo[*asked % READINESS_MEMO];
	if (*asked >= READINESS_MEMO)
	{
		curve_release(job, entry->first);
		curve_release(job, entry->second);
		curve_release(job, entry->both);
	}
	*entry = (ReadinessMemo) {.first = first, .second = second, .both = *both};
	curve_use(job, *both);
	(*asked)++;
	return MERCH_OK;
}

static MerchStatus
merge_in_line(ReadinessJob *job, bool compute, bool *changed)
{
	size_t		asked = 0;
	size_t		kept = 0;

	for (int32_t e = FIRST_EVENT; e < job->events; e++)
	{
		ReadinessArc *first;
		ReadinessArc *second;

		if (job->arrivals[e] != 1 || job->departures[e] != 1)
			continue;
		first = &job->arcs[job->arriving[e]];
		second = &job->arcs[job->first_arc[e]];
		if (first->touched || second->touched)
			continue;
		if (compute)
		{
			MerchStatus status = put_after(job, &asked, first->curve, second->curve, &first->curve);

			if (status != MERCH_OK)
				return status;
		}
		first->to = second->to;
		first->touched = second->touched = true;
		second->to = -1;
		*changed = true;
	}
	for (size_t m = 0; m < READINESS_MEMO && m < asked; m++)
	{
		curve_release(job, job->memo[m].first);
		curve_release(job, job->memo[m].second);
		curve_release(job, job->memo[m].both);
	}
	for (size_t a = 0; a < job->n_arcs; a++)
		if (job->arcs[a].to >= 0)
			job->arcs[kept++] = job->arcs[a];
	job->n_arcs = kept;
	return MERCH_OK;
}

MerchStatus
part_reduce(ReadinessJob *job, bool compute, bool *reduced, double *probability)
{
	bool		changed = true;

	*reduced = false;
	if (!find_events(job))
		return MERCH_OK;
	if (compute)
		curves_reset(job);
	make_arcs(job, compute);
	while (changed)
	{
		MerchStatus status;

		changed = merge_side_by_side(job, compute);
		status = merge_in_line(job, compute, &changed);
		if (status != MERCH_OK)
			return status;
		if (readiness_stopped(job, job->n))
			return MERCH_CANCELLED;
	}
	*reduced = job->n_arcs == 0 || (job->n_arcs == 1 && job->arcs[0].from == START && job->arcs[0].to == END);
	if (*reduced && compute)
		*probability = job->n_arcs == 0 ? 1 : curve_at(&job->curves[job->arcs[0].curve], job->network->horizon);
	return MERCH_OK;
}
