/*
 * readiness_part.h
 *	  What the files of the readiness kernel share: one connected part of a network, and
 *	  the room to compute it in.
 */
#ifndef MERCH_READINESS_PART_H
#define MERCH_READINESS_PART_H

#include "readiness.h"

#define READINESS_MEMO 16

/* A distribution function: cdf[k] is P(at most k steps), the same from the last one on. */
typedef struct ReadinessCurve
{
	double	   *cdf;
	size_t		n;
	int32_t		uses;			/* 0: free */
	int32_t		duration;		/* what it was made of, for tasks of the same kind */
	int32_t		age;
} ReadinessCurve;

/* A task, or what a group of tasks has been reduced to, between two events. */
typedef struct ReadinessArc
{
	int32_t		from;
	int32_t		to;
	int32_t		curve;
	int32_t		next;			/* the next one that leaves the same event */
	bool		touched;
} ReadinessArc;

typedef struct ReadinessMemo
{
	int32_t		first;
	int32_t		second;
	int32_t		both;
} ReadinessMemo;

typedef struct ReadinessJob
{
	const ReadinessNetwork *network;
	MerchInterrupt interrupt;
	size_t		work;			/* since the last poll */
	size_t		convolutions;

	/* the part: its tasks in an order in which what a task needs comes before it */
	size_t		n;
	const int32_t *task;
	const int32_t *local;		/* the place of each task of the network in its part */

	/* its graph: of every task that is not left out, what it needs and what it waits for */
	bool	   *present;
	uint64_t   *before;			/* n rows of bits: all that comes before a task */
	size_t	   *kept_start;
	int32_t    *kept;

	/* the events between the tasks: 0 is the start, 1 the end */
	int32_t		events;
	int32_t    *task_from;
	int32_t    *task_to;
	int32_t    *event_needs;	/* the number of tasks that lead to an event */
	int32_t    *arrivals;
	int32_t    *departures;
	int32_t    *arriving;		/* the last arc found that leads to the event */
	int32_t    *first_arc;
	int32_t    *merged;			/* the arc to an event from the one being looked at */

	size_t		n_arcs;
	ReadinessArc *arcs;
	ReadinessMemo memo[READINESS_MEMO];

	size_t		n_curves;		/* used so far */
	ReadinessCurve *curves;
	double	   *room;			/* of the curves */
	size_t		n_free;
	int32_t    *free;
	int32_t    *kinds;			/* hash table of curves of single tasks */
	size_t		kinds_mask;
	int32_t    *finish;			/* for the simulation: when each task is done */
	int32_t    *curve_of;
} ReadinessJob;

/* Enough for an arc each, what the memo holds, and the one being made. */
#define READINESS_CURVES(n) ((n) + 3 * READINESS_MEMO + 4)

extern bool readiness_stopped(ReadinessJob *job, size_t work);

/* The network in its parts. */
typedef struct ReadinessParts
{
	size_t		n;
	size_t	   *start;			/* of each part in task; one more at the end */
	int32_t    *task;
	int32_t    *local;
	int32_t    *order;			/* all tasks, each behind what it needs */
	int32_t    *root;
	size_t	   *next_start;		/* of each task in next */
	int32_t    *next;			/* the tasks that need it */
	int32_t    *waits;			/* for how many */
	uint64_t   *hash;
	uint64_t   *check;			/* a second one, for the memory */
	const uint64_t *duration_hash;
	double	   *probability;
	int32_t    *table;			/* hash table of parts that are computed */
	size_t		mask;
} ReadinessParts;

/* readiness_network.c */
extern MerchStatus network_check(const ReadinessNetwork *network, MerchFault *fault);
extern void network_turn(const ReadinessNetwork *network, ReadinessParts *parts);
extern MerchStatus network_sort(const ReadinessNetwork *network, ReadinessParts *parts, MerchFault *fault);
extern void network_split(const ReadinessNetwork *network, ReadinessParts *parts);
extern uint64_t network_hash_duration(const ReadinessDuration *duration);
extern void network_hash_part(const ReadinessNetwork *network, ReadinessParts *parts, size_t p);
extern size_t network_find_part(const ReadinessNetwork *network, const ReadinessParts *parts, size_t p);

/* readiness_curve.c */
extern void curves_reset(ReadinessJob *job);
extern int32_t curve_of_task(ReadinessJob *job, int32_t task);
extern void curve_use(ReadinessJob *job, int32_t curve);
extern void curve_release(ReadinessJob *job, int32_t curve);
extern MerchStatus curve_after(ReadinessJob *job, int32_t first, int32_t second, int32_t *both);
extern int32_t curve_beside(ReadinessJob *job, int32_t first, int32_t second);
extern double curve_at(const ReadinessCurve *curve, size_t steps);

/* readiness_reduce.c */
extern void part_graph(ReadinessJob *job, bool as_it_is);
extern MerchStatus part_reduce(ReadinessJob *job, bool compute, bool *reduced, double *probability);

/* readiness_simulate.c */
extern MerchStatus part_simulate(ReadinessJob *job, double *probability);

#endif
