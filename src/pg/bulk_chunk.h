/*
 * bulk_chunk.h
 *	  What the tables say of some items, side by side and in the order of their keys.
 */
#ifndef MERCH_BULK_CHUNK_H
#define MERCH_BULK_CHUNK_H

#include "bulk_frame.h"

/* All kinds of rows begin with their key. */
typedef struct RowKey
{
	int64		item;
	int32		place;
} RowKey;

/* An item in a promotion; its place is the place of the run among the frame's. */
typedef struct Promoted
{
	RowKey		key;
	int32		item_group;
	int64		packs[4];		/* each, inner, case, pallet; 0: the item has none */
	double		value;
} Promoted;

typedef struct Stock
{
	RowKey		key;
	int64		on_hand;
	int64		incoming;
	int64		promised;
} Stock;

/* Sums over a span, in thousandths; the place is the location. */
typedef struct Forecast
{
	RowKey		key;
	int32		span;
	double		units;
	double		weighted;		/* by dispersion */
} Forecast;

typedef struct Inbound
{
	RowKey		key;
	int32		expected_on;
	bool		accepted;		/* of a rebalance: not yet on its way, as good as that */
	int64		units;
} Inbound;

typedef struct Shelf
{
	RowKey		key;
	int64		presentation_minimum;
	int64		capacity;		/* or NEED_NO_LIMIT */
	int64		pack;
	int64		safety_stock;
	const Stock *stock;			/* NULL: none */
	Slice		forecasts;
	Slice		inbounds;
} Shelf;

/* The place is a source's. */
typedef struct Supply
{
	RowKey		key;
	int32		ships_on;
	int32		holdback;		/* its place among the frame's */
	int64		units;
} Supply;

typedef struct Fence
{
	RowKey		key;
	int32		channel;
	int64		units;
} Fence;

typedef struct Chunk
{
	Frame	   *frame;
	Rows		promoted;
	Rows		shelves;
	Rows		stocks;
	Rows		forecasts;
	Rows		inbounds;
	Rows		supplies;
	Rows		fences;
} Chunk;

/* In the current memory context, where its arrays stay from one use to the next. */
extern void merch_make_chunk(Chunk *chunk, Frame *frame);

/* Reads what there is of items, an array of bigint, in place of what it held. */
extern void merch_read_chunk(Chunk *chunk, Datum items, int64 item_from, int64 item_to);

/* Moves a slice on to the rows of an item; it begins where the last one ended. */
extern void merch_seek_item(const Rows *rows, int64 item, Slice *slice);

#endif
