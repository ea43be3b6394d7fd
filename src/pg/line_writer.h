/*
 * line_writer.h
 *	  Writes many rows of merch.allocation_line as COPY does: many to a page's change,
 *	  with its checks, indexes, defaults and triggers.
 */
#ifndef MERCH_LINE_WRITER_H
#define MERCH_LINE_WRITER_H

#include "postgres.h"

typedef struct Line
{
	int64		item;
	int64		allocation;
	int64		gross_need;
	int64		safety_stock;
	int64		presentation_minimum;
	int64		on_hand;
	int64		incoming;
	int64		promised;
	int64		capacity;
	int64		pack;
	int64		need;
	int64		quantity;
	int64		from_fence;
	double		mean;
	double		dispersion;
	double		value;
	double		score;
	double		cover;
	int32		location;
	int32		source;
	int32		ships_on;
	int			reason;			/* a ShareReason, or MERCH_SHARE_THRESHOLD */
	bool		no_allocation;	/* these are null */
	bool		no_ships_on;
	bool		no_gross_need;
	bool		no_capacity;
	bool		no_cover;
} Line;

typedef struct LineWriter LineWriter;

/*
 * Opens the table for one statement, in the current memory context; NULL if it is one
 * that only the executor can write to.
 */
extern LineWriter *merch_open_lines(void);

extern void merch_put_line(LineWriter *writer, const Line *line);

/* Writes what is left, and fires the triggers of the statement. */
extern void merch_close_lines(LineWriter *writer);

#endif
