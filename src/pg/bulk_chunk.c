/*
 * bulk_chunk.c
 *	  What the tables say of some items: see bulk_chunk.h.
 *
 * Each table is read by itself, mostly in the order of its key, which costs no more than
 * to look: joining what lies in the same order is then a walk over arrays.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "bulk_chunk.h"

#define OF_ITEMS "item_id = ANY ($1) AND item_id BETWEEN $2 AND $3"

static const char *const read_promoted =
"SELECT p.item_id, p.promotion_id, p.item_group_id, p.value, p.packs[2], p.packs[3], p.packs[4]"
" FROM merch.promoted_items($4, $1, $2, $3) p";

static const char *const read_shelves =
"SELECT item_id, location_id, presentation_minimum, capacity, pack, safety_stock"
" FROM merch.ranging WHERE " OF_ITEMS;

static const char *const read_stocks =
"SELECT item_id, location_id, on_hand, incoming, reserved + fenced"
" FROM merch.stock WHERE " OF_ITEMS;

static const char *const read_forecasts =
"SELECT item_id, location_id, day, mean, dispersion FROM merch.forecast WHERE " OF_ITEMS
" AND day >= $4 AND day < $5";

static const char *const read_inbounds =
"SELECT item_id, location_id, expected_on, open_units, false FROM merch.inbound"
" WHERE " OF_ITEMS " AND open_units > 0"
" UNION ALL"
" SELECT l.item_id, t.location_id, t.arrives_on, l.held, true"
" FROM merch.transfer_line l JOIN merch.transfer t USING (transfer_id)"
" WHERE " OF_ITEMS " AND l.held > 0";

static const char *const read_supplies =
"SELECT s.item_id, s.source_id, s.ships_on, h.number::int - 1,"
" merch.free_supply(s.units, s.on_hand, h.share, h.units)"
" FROM merch.source_supply($4, $1, $2, $3, $5, $6) s"
" CROSS JOIN unnest($7, $8) WITH ORDINALITY AS h(share, units, number)";

static const char *const read_fences =
"SELECT item_id, location_id, channel_id, open_units FROM merch.ring_fence WHERE " OF_ITEMS;

/* ----------------------------------------------------------------
 * Rows into arrays
 * ----------------------------------------------------------------
 */
static RowKey
key_of(const Datum *values)
{
	return (RowKey) {DatumGetInt64(values[0]), DatumGetInt32(values[1])};
}

static void
add_promoted(void *subject, const Datum *values, const bool *isnull)
{
	Chunk	   *chunk = subject;
	const Run  *run = merch_find_run(chunk->frame, DatumGetInt64(values[1]));
	Promoted   *promoted;

	if (run == NULL)
		return;
	promoted = merch_add_row(&chunk->promoted);
	*promoted = (Promoted) {
		.key = {DatumGetInt64(values[0]), (int32) (run - ROW(Run, &chunk->frame->runs, 0))},
		.item_group = DatumGetInt32(values[2]),
		.packs = {1},
		.value = DatumGetFloat8(values[3])
	};
	for (int i = 1; i < 4; i++)
		promoted->packs[i] = isnull[3 + i] ? 0 : DatumGetInt64(values[3 + i]);
}

static void
add_shelf(void *subject, const Datum *values, const bool *isnull)
{
	Shelf	   *shelf = merch_add_row(subject);

	*shelf = (Shelf) {
		.key = key_of(values),
		.presentation_minimum = DatumGetInt64(values[2]),
		.capacity = isnull[3] ? NEED_NO_LIMIT : DatumGetInt64(values[3]),
		.pack = DatumGetInt64(values[4]),
		.safety_stock = DatumGetInt64(values[5])
	};
}

static void
add_stock(void *subject, const Datum *values, const bool *isnull)
{
	*(Stock *) merch_add_row(subject) = (Stock) {
		key_of(values), DatumGetInt64(values[2]), DatumGetInt64(values[3]), DatumGetInt64(values[4])
	};
}

/* As merch.forecast_demand(): sums of whole thousandths, which no order of the days changes. */
static void
add_forecast(void *subject, const Datum *values, const bool *isnull)
{
	Chunk	   *chunk = subject;
	const Rows *spans = &chunk->frame->spans;
	RowKey		key = key_of(values);
	int32		day = DatumGetInt32(values[2]);
	double		mean = DatumGetFloat8(values[3]);
	double		units = rint(mean * 1000);
	double		weighted = rint(mean * DatumGetFloat8(values[4]) * 1000);

	for (int32 span = 0; span < spans->count; span++)
	{
		Rows	   *forecasts = &chunk->forecasts;
		Forecast   *last = NULL;

		if (day < ROW(Span, spans, span)->from_day || day >= ROW(Span, spans, span)->to_day)
			continue;
		/* the days of a key come together more often than not */
		for (int64 i = forecasts->count - 1; i >= 0 && i >= forecasts->count - spans->count; i--)
		{
			last = ROW(Forecast, forecasts, i);
			if (last->span == span && last->key.item == key.item && last->key.place == key.place)
				break;
			last = NULL;
		}
		if (last == NULL)
		{
			last = merch_add_row(forecasts);
			*last = (Forecast) {.key = key,.span = span};
		}
		last->units += units;
		last->weighted += weighted;
	}
}

static void
add_inbound(void *subject, const Datum *values, const bool *isnull)
{
	*(Inbound *) merch_add_row(subject) = (Inbound) {
		key_of(values), DatumGetInt32(values[2]), DatumGetBool(values[4]), DatumGetInt64(values[3])
	};
}

static void
add_supply(void *subject, const Datum *values, const bool *isnull)
{
	*(Supply *) merch_add_row(subject) = (Supply) {
		key_of(values), DatumGetInt32(values[2]), DatumGetInt32(values[3]), DatumGetInt64(values[4])
	};
}

static void
add_fence(void *subject, const Datum *values, const bool *isnull)
{
	*(Fence *) merch_add_row(subject) = (Fence) {
		key_of(values), DatumGetInt32(values[2]), DatumGetInt64(values[3])
	};
}

/* ----------------------------------------------------------------
 * Order
 * ----------------------------------------------------------------
 */
static inline int
compare_keys(const void *a, const void *b)
{
	const RowKey *x = a;
	const RowKey *y = b;

	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static void
sort_rows(Rows *rows)
{
	for (int64 i = 1; i < rows->count; i++)
		if (compare_keys(rows->data + (i - 1) * rows->size, rows->data + i * rows->size) > 0)
		{
			qsort(rows->data, rows->count, rows->size, compare_keys);
			return;
		}
}

/* The rows of a key, from where a walk in their order has come to. */
static inline Slice
seek_key(const Rows *rows, const RowKey *key, int64 *position)
{
	Slice		found;

	while (*position < rows->count && compare_keys(rows->data + *position * rows->size, key) < 0)
		++*position;
	found.from = *position;
	while (*position < rows->count && compare_keys(rows->data + *position * rows->size, key) == 0)
		++*position;
	found.to = *position;
	return found;
}

static void
join_shelves(Chunk *chunk)
{
	int64		stock = 0;
	int64		forecast = 0;
	int64		inbound = 0;

	for (int64 i = 0; i < chunk->shelves.count; i++)
	{
		Shelf	   *shelf = ROW(Shelf, &chunk->shelves, i);
		Slice		found = seek_key(&chunk->stocks, &shelf->key, &stock);

		if (found.from < found.to)
			shelf->stock = ROW(Stock, &chunk->stocks, found.from);
		shelf->forecasts = seek_key(&chunk->forecasts, &shelf->key, &forecast);
		shelf->inbounds = seek_key(&chunk->inbounds, &shelf->key, &inbound);
	}
}

static inline int64
item_of(const Rows *rows, int64 i)
{
	return ((const RowKey *) (rows->data + i * rows->size))->item;
}

void
merch_seek_item(const Rows *rows, int64 item, Slice *slice)
{
	slice->from = slice->to;
	while (slice->from < rows->count && item_of(rows, slice->from) < item)
		slice->from++;
	slice->to = slice->from;
	while (slice->to < rows->count && item_of(rows, slice->to) == item)
		slice->to++;
}

void
merch_make_chunk(Chunk *chunk, Frame *frame)
{
	chunk->frame = frame;
	merch_make_rows(&chunk->promoted, sizeof(Promoted));
	merch_make_rows(&chunk->shelves, sizeof(Shelf));
	merch_make_rows(&chunk->stocks, sizeof(Stock));
	merch_make_rows(&chunk->forecasts, sizeof(Forecast));
	merch_make_rows(&chunk->inbounds, sizeof(Inbound));
	merch_make_rows(&chunk->supplies, sizeof(Supply));
	merch_make_rows(&chunk->fences, sizeof(Fence));
}

static void
read_rows(Rows *rows, const char *query, int count, const QueryParameter *parameters,
		  RowFunction row, void *subject)
{
	rows->count = 0;
	merch_read_query(query, count, parameters, row, subject);
	sort_rows(rows);
}

void
merch_read_chunk(Chunk *chunk, Datum items, int64 item_from, int64 item_to)
{
	const Frame *frame = chunk->frame;
	/* the first three for all, the rest for the query that needs them */
	QueryParameter parameters[8] = {
		{INT8ARRAYOID, items}, {INT8OID, Int64GetDatum(item_from)},
		{INT8OID, Int64GetDatum(item_to)}, {INT8ARRAYOID, frame->promotions},
		{INT4ARRAYOID, frame->sources}, {DATEARRAYOID, frame->days},
		{NUMERICARRAYOID, frame->holdback_shares}, {INT8ARRAYOID, frame->holdback_units}
	};
	QueryParameter days[5] = {parameters[0], parameters[1], parameters[2]};
	int32		from_day = PG_INT32_MAX;
	int32		to_day = PG_INT32_MIN;

	for (int64 i = 0; i < frame->spans.count; i++)
	{
		from_day = Min(from_day, ROW(Span, &frame->spans, i)->from_day);
		to_day = Max(to_day, ROW(Span, &frame->spans, i)->to_day);
	}
	days[3] = (QueryParameter) {DATEOID, Int32GetDatum(from_day)};
	days[4] = (QueryParameter) {DATEOID, Int32GetDatum(to_day)};

	read_rows(&chunk->promoted, read_promoted, 4, parameters, add_promoted, chunk);
	read_rows(&chunk->shelves, read_shelves, 3, parameters, add_shelf, &chunk->shelves);
	read_rows(&chunk->stocks, read_stocks, 3, parameters, add_stock, &chunk->stocks);
	read_rows(&chunk->forecasts, read_forecasts, 5, days, add_forecast, chunk);
	read_rows(&chunk->inbounds, read_inbounds, 3, parameters, add_inbound, &chunk->inbounds);
	read_rows(&chunk->supplies, read_supplies, 8, parameters, add_supply, &chunk->supplies);
	read_rows(&chunk->fences, read_fences, 3, parameters, add_fence, &chunk->fences);
	join_shelves(chunk);
}
