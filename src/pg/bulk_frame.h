/*
 * bulk_frame.h
 *	  What is the same for all items of a bulk call: the runs, their lanes and settings.
 */
#ifndef MERCH_BULK_FRAME_H
#define MERCH_BULK_FRAME_H

#include "postgres.h"

#include "claim_split.h"

/* Takes a row of a query. */
typedef void (*RowFunction) (void *subject, const Datum *values, const bool *isnull);

typedef struct QueryParameter
{
	Oid			type;
	Datum		value;
} QueryParameter;

/* Runs a query under the active snapshot and hands over its rows, without copying them. */
extern void merch_read_query(const char *query, int count, const QueryParameter *parameters,
							 RowFunction row, void *subject);

/* An array that grows, in the memory context where it was made. */
typedef struct Rows
{
	MemoryContext memory;
	char	   *data;
	int64		count;
	int64		capacity;
	Size		size;			/* of a row */
} Rows;

extern void merch_make_rows(Rows *rows, Size size);
extern void merch_grow_rows(Rows *rows);

/* Room for another row, at the end. */
static inline void *
merch_add_row(Rows *rows)
{
	if (rows->count == rows->capacity)
		merch_grow_rows(rows);
	return rows->data + rows->count++ * rows->size;
}

#define ROW(type, rows, i) ((type *) (rows)->data + (i))

/* From one up to, without, another. */
typedef struct Slice
{
	int64		from;
	int64		to;
} Slice;

typedef struct Lane
{
	int32		location;
	int32		preference;
	int32		source;
	bool		no_source;
	int32		ships_on;
	int32		due_on;
	int32		channel;
	int32		tier;
	int32		location_group;
	int32		group_rank;		/* among the location groups of the run's settings; -1: none */
	int32		departure;		/* its place among the frame's departures; -1 without source */
	double		unit_cost;
} Lane;

typedef struct Run
{
	int64		run;
	int64		promotion;
	int64		allocation;
	bool		no_allocation;
	Slice		lanes;			/* in the order of locations, preferences */
	Slice		settings;		/* in the order of item groups, location groups */
} Run;

/* For a pair of groups. */
typedef struct Setting
{
	int64		promotion;
	int32		item_group;
	int32		location_group;
	uint8		method;
	uint8		distribution;
	bool		push;
	int32		pack_level;		/* 0: by the ranging */
	int32		span;			/* its place among the frame's spans */
	int32		holdback;		/* and holdbacks */
	int32		days;
	double		maximum_days;
	int64		minimum_need;
	int64		maximum_need;
	int64		threshold;
	int64		change_threshold;
} Setting;

/* From a day up to, without, another. */
typedef struct Span
{
	int32		from_day;
	int32		to_day;
} Span;

typedef struct Departure
{
	int32		source;
	int32		ships_on;
} Departure;

typedef struct Frame
{
	Datum		promotions;
	bool		only_forecasts; /* else the rest is void */
	Rows		runs;			/* in their order */
	Rows		by_promotion;	/* pointers to them */
	Rows		lanes;
	Rows		settings;
	Rows		spans;
	Rows		departures;		/* in the order of sources, days */
	int64		most_lanes;		/* of a run */
	int			holdbacks;
	/* the same as arrays, for queries */
	Datum		sources;
	Datum		days;
	Datum		holdback_shares;
	Datum		holdback_units;
} Frame;

extern void merch_read_frame(Frame *frame, Datum promotions);

/* NULL for a promotion without locations. */
extern const Run *merch_find_run(const Frame *frame, int64 promotion);

/* The settings of a run for a group of items, one for each of its location groups. */
extern const Setting *merch_find_settings(const Frame *frame, const Run *run, int32 item_group);

#endif
