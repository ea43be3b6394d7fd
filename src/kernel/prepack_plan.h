/*
 * prepack_plan.h
 *	  What the parts of prepack.c share: a plan under construction, and what a
 *	  change of it is worth.
 */
#ifndef MERCH_PREPACK_PLAN_H
#define MERCH_PREPACK_PLAN_H

#include "prepack.h"

/*
 * No pack, where a change takes one out or puts one in. Packs are numbered from 1
 * there.
 */
#define NO_PACK 0

typedef struct Instance
{
	const PrepackInput *in;
	MerchInterrupt interrupt;
	size_t		steps;			/* since the callback was asked */
	int64_t    *sum;			/* [worths]: of a cell's worths up to and with this one */
	int64_t    *pack_units;		/* [prepacks] */
	int64_t    *supply;			/* [prepacks]: no more than locations have use for */
	int64_t    *maximum;		/* [locations]: likewise */
	bool	   *bounded;		/* [locations]: whether the maximum can bind */
} Instance;

typedef struct Plan
{
	Instance   *instance;
	int64_t    *quantity;		/* [locations * prepacks] */
	int64_t    *units;			/* [locations * sizes] */
	int64_t    *left;			/* [prepacks] */
	int64_t    *room;			/* [locations], units */
} Plan;

/* Counts n steps, and asks now and then; the kernels return MERCH_CANCELLED if true. */
extern bool instance_cancelled(Instance *instance, size_t n);

/* The worth of units from + 1 ... to at a cell. */
extern int128_t instance_worth(const Instance *instance, size_t cell, int64_t from, int64_t to);

/* How many units of a cell are worth more than a price. */
extern int64_t instance_units_above(const Instance *instance, size_t cell, int64_t price);

extern void plan_clear(Plan *plan);
extern void plan_copy(Plan *to, const Plan *from);

/* Whether a location has what it would give, and room for what it would take. */
extern bool plan_can_change(const Plan *plan, size_t location, size_t give, size_t take);

/* What the location gains by giving up one pack and taking another. */
extern int64_t plan_gain(const Plan *plan, size_t location, size_t give, size_t take);

extern void plan_change(Plan *plan, size_t location, size_t give, size_t take);

extern int128_t plan_value(const Plan *plan);

/* Scratch of plan_fill: an offer for each location and pre-pack, and a pointer to it. */
typedef struct Offer
{
	int64_t		gain;
	size_t		place;			/* location * prepacks + prepack */
	int64_t		taken;			/* packs that the location had when this was computed */
} Offer;

typedef struct Offers
{
	Offer	   *offers;			/* [locations * prepacks] */
	void	  **heap;			/* the same */
	int64_t    *taken;			/* [locations] */
} Offers;

/* Adds the pack of the greatest gain until none has any. */
extern MerchStatus plan_fill(Plan *plan, Offers *offers);

/*
 * Scratch of plan_exchange: the best locations for a change. No location that is not
 * among them has a gain above rest. A ring needs as many as it has changes; the others
 * are in reserve, so that not every ring makes all locations be asked again.
 */
#define RING_SIZE 3
#define MOST_CHOICES 24

typedef struct Choices
{
	int			n;
	int64_t		rest;
	int64_t		gain[MOST_CHOICES];	/* falling */
	size_t		location[MOST_CHOICES];
} Choices;

/* Applies rings until none improves or there were *rings; choices has (prepacks + 1)^2 entries. */
extern MerchStatus plan_exchange(Plan *plan, Choices *choices, size_t *rings);

/* Takes packs out of a few locations and fills up anew, so many times. */
extern MerchStatus plan_refit(Plan *plan, size_t attempts);

/* A point of the bound's search; worths are scaled so that the greatest is 1. */
typedef struct Point
{
	double	   *packs;			/* [locations * prepacks] */
	double	   *unit;			/* [locations * sizes]: prices */
	double	   *room;			/* [locations]: prices */
	double	   *pack;			/* [prepacks]: prices */
} Point;

/* How many numbers a point has, one after the other from packs on. */
extern size_t point_size(const PrepackInput *input);

typedef struct Relaxation
{
	Point		now;
	Point		sum;			/* of the points since the last restart */
	Point		mean;
	Point		start;			/* the point of the last restart */
	double	   *best;			/* [locations * prepacks]: the best packs of the relaxation */
	double	   *feasible;		/* [locations * prepacks] */
	double	   *load;			/* [prepacks] */
	double	   *ahead;			/* [prepacks] */
	PrepackPrices trial;
} Relaxation;

/*
 * Finds prices and the bound that they prove, and in relaxation->best the packs of
 * the linear relaxation. Starts from a plan.
 */
extern MerchStatus plan_bound(const Plan *plan, Relaxation *relaxation, PrepackPrices *prices,
							  int128_t *bound);

#endif
