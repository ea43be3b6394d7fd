/*
 * readiness.h
 *	  The probability that all tasks of a network are done by a time.
 *
 * A task takes a random time, in whole steps, and starts when all tasks that it needs are
 * done. A task that is running does not wait for anything any more: what is left of it is
 * its duration on condition of its age. A task that is done holds nothing up. Durations
 * are independent of each other.
 *
 * Connected parts of the network are independent: their probabilities are multiplied, and
 * parts that are alike are computed once. A part that is series-parallel (Valdes, Tarjan
 * and Lawler, 1982: after transitive reduction what two tasks need is the same or
 * disjoint) is reduced exactly: tasks one after the other by convolution, side by side by
 * the product of distribution functions. Any other part is simulated, READINESS_RUNS
 * times, with numbers that depend on nothing but the task's place in its part and the
 * number of the run: the same input gives the same result, and more time or a task done
 * never gives less. Between these is what an all-important task leads to, such as one that
 * is done once before those of all stores: given its time the others are reduced, and its
 * times are taken at points that grow by a twelfth.
 *
 * Which of both it is goes by the network as it was given, whatever is done of it, so that
 * a task that gets done does not change the method. Only a task that runs before what it
 * needs is done can make a series-parallel part one that is simulated.
 *
 * Critical-path PERT takes the longest path alone and is optimistic: it forgets that any
 * other may be late.
 *
 * Cost: parts of n tasks take n^2/64 steps for the transitive reduction, n log n for the
 * rest, and a convolution of the product of both lengths for each pair of different
 * durations; a simulated part READINESS_RUNS * (tasks + needs).
 */
#ifndef MERCH_READINESS_H
#define MERCH_READINESS_H

#include "status.h"

#define READINESS_WAITING (-1)	/* as a task's age: it has not started */
#define READINESS_DONE (-2)

#define READINESS_RUNS 16384
#define READINESS_TASKS_MAX 20000
#define READINESS_HORIZON_MAX 10000

/*
 * mass[k] is the probability of k steps, k < n. What the masses lack of 1 comes later:
 * n steps or more, each further one with the probability decay, from 0 to 1, where 1
 * stands for never.
 */
typedef struct ReadinessDuration
{
	const double *mass;
	size_t		n;
	double		decay;
} ReadinessDuration;

/*
 * Parts that were computed before, of this or other networks, by a hash of 128 bits of all
 * that their probability depends on. n is a power of 2; all zero in the beginning.
 */
typedef struct ReadinessKnown
{
	uint64_t	hash;
	uint64_t	check;			/* 0: none */
	double		probability;
} ReadinessKnown;

typedef struct ReadinessMemory
{
	ReadinessKnown *known;
	size_t		n;
} ReadinessMemory;

typedef struct ReadinessNetwork
{
	size_t		n_tasks;
	const int32_t *duration;	/* of each task, a number of durations */
	const int32_t *age;			/* steps for which it has been running, or one of the above */
	const size_t *need_start;	/* n_tasks + 1 */
	const int32_t *need;		/* numbers of tasks */
	size_t		n_durations;
	const ReadinessDuration *durations;
	size_t		horizon;		/* in steps */
	ReadinessMemory *memory;	/* or NULL */
} ReadinessNetwork;

typedef struct ReadinessResult
{
	double		probability;	/* that all tasks are done within the horizon */
	size_t		simulated;		/* tasks of parts that were simulated */
	size_t		convolutions;	/* that were computed */
} ReadinessResult;

/* Bytes of scratch that readiness_probability needs; 0 if the network is too large for it. */
extern size_t readiness_scratch(const ReadinessNetwork *network);

extern MerchStatus readiness_probability(const ReadinessNetwork *network, void *scratch,
										 MerchInterrupt interrupt, ReadinessResult *result, MerchFault *fault);

/*
 * Durations from parameters, in steps, which need not be whole: each of READINESS_POINTS
 * points of the distribution goes to the two whole numbers beside it, so that the mean
 * stays what it is. The share "beyond" takes longer than anything the parameters
 * say, by a geometric time with the mean of the rest: the age of a task can exceed
 * what was thought to be the longest.
 *
 * mass must have room for readiness_duration_length(longest) numbers.
 */
#define READINESS_POINTS 1024

extern size_t readiness_duration_length(double longest);

/* The beta distribution of PERT: most likely at "likely", between the others. */
extern MerchStatus readiness_pert(double optimistic, double likely, double pessimistic, double beyond,
								  double *mass, ReadinessDuration *duration, MerchFault *fault);

/* By quantiles: values[i] is the i / (n - 1) quantile, and in between it is even. n > 0. */
extern MerchStatus readiness_quantiles(const double *values, size_t n, double beyond,
									   double *mass, ReadinessDuration *duration, MerchFault *fault);

#endif
