/*
 * bulk_lines.c
 *	  merch.write_lines: what merch.plan_lines says of many items, written as lines at a
 *	  fraction of its cost.
 *
 * A statement that joins all that a line depends on takes longer to bring rows of some
 * tables together, a field at a time, than all else takes. Here each table is read
 * once, in the order of its key, for some items at a time; need, split and score are
 * the same kernels' as in SQL, supplies and settings come from the same SQL functions.
 * Memory is that of a chunk of some 100,000 lines.
 *
 * What SQL alone knows to do (other sources of demand, lines that are there already,
 * tables that only INSERT can write to) is left to it: the result is null then. That is
 * known before anything is written.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "common/int.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "bulk_chunk.h"
#include "bulk_frame.h"
#include "claim_split.h"
#include "error.h"
#include "line_writer.h"

PG_FUNCTION_INFO_V1(merch_write_lines);

#define CHUNK_LINES 100000

static const char *const read_items =
"SELECT DISTINCT item_id FROM merch.promotion_item"
" WHERE promotion_id = ANY ($1) AND item_id BETWEEN $2 AND $3 ORDER BY item_id";

static const char *const find_line =
"SELECT FROM merch.open_lines($1, NULL, $2, $3) LIMIT 1";

/* What a line takes of a claim beside the claim itself. */
typedef struct Terms
{
	NeedTerms	terms;
	const Run  *run;
	const Lane *lane;
	int64		gross;
	bool		served;
} Terms;

typedef struct Bulk
{
	Frame		frame;
	Chunk		chunk;
	ClaimSplitter splitter;
	Rows		terms;			/* one for each claim */
	int64	   *supply;			/* of an item, by holdback and departure */
	MemoryContext chunk_memory;
	int64		lines;
} Bulk;

/* The parts of a chunk that are of one item. */
typedef struct ItemRows
{
	int64		item;
	Slice		promoted;
	Slice		shelves;
	Slice		supplies;
	Slice		fences;
} ItemRows;

/* ----------------------------------------------------------------
 * Claims of an item
 * ----------------------------------------------------------------
 */
static void
read_supply(Bulk *bulk, const Chunk *chunk, const ItemRows *item)
{
	const Rows *departures = &bulk->frame.departures;

	for (int64 i = 0; i < departures->count * bulk->frame.holdbacks; i++)
		bulk->supply[i] = CLAIM_NO_SUPPLY;
	for (int64 i = item->supplies.from; i < item->supplies.to; i++)
	{
		const Supply *supply = ROW(Supply, &chunk->supplies, i);
		int64		from = 0;
		int64		to = departures->count;

		while (from < to)
		{
			int64		middle = from + (to - from) / 2;
			const Departure *departure = ROW(Departure, departures, middle);

			if (departure->source < supply->key.place ||
				(departure->source == supply->key.place && departure->ships_on < supply->ships_on))
				from = middle + 1;
			else
				to = middle;
		}
		bulk->supply[supply->holdback * departures->count + from] = Max(supply->units, 0);
	}
}

/* What is expected of an item to be sold at a shelf's location. */
static void
read_demand(const Chunk *chunk, const Shelf *shelf, int32 span, NeedTerms *terms)
{
	double		units = 0;
	double		weighted = 0;
	bool		known = false;

	/* rows of a key that did not come together are parts of one sum */
	for (int64 i = shelf->forecasts.from; i < shelf->forecasts.to; i++)
	{
		const Forecast *forecast = ROW(Forecast, &chunk->forecasts, i);

		if (forecast->span != span)
			continue;
		known = true;
		units += forecast->units;
		weighted += forecast->weighted;
	}
	terms->known = known;
	terms->mean = units / 1000;
	terms->dispersion = units == 0 ? 1 : weighted / units;
}

static int64
read_incoming(const Chunk *chunk, const Shelf *shelf, int32 due_on)
{
	int64		units = 0;
	bool		on_its_way = shelf->stock != NULL && shelf->stock->incoming > 0;

	for (int64 i = shelf->inbounds.from; i < shelf->inbounds.to; i++)
	{
		const Inbound *inbound = ROW(Inbound, &chunk->inbounds, i);

		if (inbound->expected_on > due_on || (!inbound->accepted && !on_its_way))
			continue;
		if (pg_add_s64_overflow(units, inbound->units, &units))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("bigint out of range")));
	}
	return units;
}

static int64
read_fence(const Chunk *chunk, const ItemRows *item, const Lane *lane)
{
	if (!lane->no_source)
		for (int64 i = item->fences.from; i < item->fences.to; i++)
		{
			const Fence *fence = ROW(Fence, &chunk->fences, i);

			if (fence->key.place == lane->source && fence->channel == lane->channel)
				return fence->units;
		}
	return 0;
}

static NeedTerms
read_terms(const Chunk *chunk, const Shelf *shelf, const Setting *setting, int32 due_on)
{
	NeedTerms	terms = {
		.distribution = setting->distribution,
		.days = setting->days,
		.maximum_days = setting->maximum_days,
		.safety_stock = shelf->safety_stock,
		.presentation_minimum = shelf->presentation_minimum,
		.on_hand = shelf->stock == NULL ? 0 : shelf->stock->on_hand,
		.incoming = read_incoming(chunk, shelf, due_on),
		.promised = shelf->stock == NULL ? 0 : shelf->stock->promised,
		.capacity = shelf->capacity,
		.minimum_need = setting->minimum_need,
		.maximum_need = setting->maximum_need,
		.threshold = setting->threshold
	};

	read_demand(chunk, shelf, setting->span, &terms);
	return terms;
}

/* The claims of a shelf for one run: one for each lane, all with the same need. */
static void
add_claims(Bulk *bulk, const Chunk *chunk, const ItemRows *item, const Promoted *promoted,
		   const Shelf *shelf, const Setting *settings, Slice lanes)
{
	const Frame *frame = &bulk->frame;
	const Run  *run = ROW(Run, &frame->runs, promoted->key.place);
	const Lane *first = ROW(Lane, &frame->lanes, lanes.from);
	const Setting *setting = settings + first->group_rank;
	int64		pack = setting->pack_level == 0 ? 0 : promoted->packs[setting->pack_level - 1];
	Claim		claim = {
		.run = run->run,
		.pack = pack == 0 ? shelf->pack : pack,
		.current = CLAIM_NEW,
		.threshold = setting->change_threshold,
		.value = promoted->value,
		.location = first->location,
		.channel = first->channel,
		.tier = first->tier,
		.method = setting->method,
		.distribution = setting->distribution,
		.push = setting->push
	};
	Terms		terms = {.run = run};
	Need		need;

	terms.terms = read_terms(chunk, shelf, setting, first->due_on);
	merch_claim_need(&claim, &terms.terms, &need);
	terms.gross = need.gross;
	terms.served = need.served;
	for (int64 i = lanes.from; i < lanes.to; i++)
	{
		const Lane *lane = ROW(Lane, &frame->lanes, i);
		int64		count = bulk->terms.count;

		claim.source = lane->source;
		claim.preference = lane->preference;
		claim.cost = lane->unit_cost;
		claim.supply = lane->no_source ? CLAIM_NO_SUPPLY :
			bulk->supply[setting->holdback * frame->departures.count + lane->departure];
		claim.fence = Max(read_fence(chunk, item, lane), 0);
		terms.lane = lane;
		*(Terms *) merch_add_row(&bulk->terms) = terms;
		bulk->splitter.claims[count] = claim;
	}
}

/* Shelves and lanes are both in the order of locations. */
static void
add_run(Bulk *bulk, const Chunk *chunk, const ItemRows *item, const Promoted *promoted)
{
	const Frame *frame = &bulk->frame;
	const Run  *run = ROW(Run, &frame->runs, promoted->key.place);
	const Setting *settings = merch_find_settings(frame, run, promoted->item_group);
	const Lane *lane = ROW(Lane, &frame->lanes, 0);
	Slice		lanes = {run->lanes.from, run->lanes.from};

	for (int64 i = item->shelves.from; i < item->shelves.to; i++)
	{
		const Shelf *shelf = ROW(Shelf, &chunk->shelves, i);

		lanes.from = lanes.to;
		while (lanes.from < run->lanes.to && lane[lanes.from].location < shelf->key.place)
			lanes.from++;
		lanes.to = lanes.from;
		while (lanes.to < run->lanes.to && lane[lanes.to].location == shelf->key.place)
			lanes.to++;
		if (lanes.from < lanes.to && lane[lanes.from].group_rank >= 0)
			add_claims(bulk, chunk, item, promoted, shelf, settings, lanes);
	}
}

/* ----------------------------------------------------------------
 * Lines of an item
 * ----------------------------------------------------------------
 */
static double
stockout_probability(const Claim *claim, int64 position)
{
	Distribution demand;
	MerchFault	fault = {.row = MERCH_NO_ROW};
	MerchStatus status = distribution_set(claim->distribution, claim->mean, claim->dispersion,
										  &demand, &fault);

	if (status != MERCH_OK)
		merch_report(status, &fault);
	return position == PG_INT64_MAX ? 0 : distribution_at_least(&demand, position + 1);
}

static void
put_line(Bulk *bulk, LineWriter *writer, int64 item, int64 row)
{
	const Claim *claim = &bulk->splitter.claims[row];
	const Share *share = &bulk->splitter.shares[row];
	const Terms *terms = ROW(Terms, &bulk->terms, row);
	const NeedTerms *need = &terms->terms;
	const Lane *lane = terms->lane;
	int64		position = claim->position + share->total;
	Line		line = {
		.item = item,
		.allocation = terms->run->allocation,
		.no_allocation = terms->run->no_allocation,
		.location = claim->location,
		.source = lane->no_source ? claim->location : lane->source,
		.ships_on = lane->ships_on,
		.no_ships_on = lane->no_source,
		.gross_need = terms->gross,
		.no_gross_need = terms->gross == NEED_UNKNOWN,
		.safety_stock = need->safety_stock,
		.presentation_minimum = need->presentation_minimum,
		.on_hand = need->on_hand,
		.incoming = need->incoming,
		.promised = need->promised,
		.capacity = need->capacity,
		.no_capacity = need->capacity == NEED_NO_LIMIT,
		.pack = claim->pack,
		.need = share->need,
		.quantity = share->quantity,
		.from_fence = share->from_fence,
		.reason = merch_share_reason(share, terms->served),
		.mean = claim->mean,
		.dispersion = claim->dispersion,
		.value = claim->value,
		.score = claim->value * stockout_probability(claim, position),
		.no_cover = claim->mean == 0
	};

	if (claim->preference != 1 && share->quantity == 0)
		return;
	line.cover = line.no_cover ? 0 : (double) (position * need->days) / claim->mean;
	merch_put_line(writer, &line);
	bulk->lines++;
}

static void
write_item(Bulk *bulk, const Chunk *chunk, LineWriter *writer, const ItemRows *item)
{
	int64		most = 0;

	CHECK_FOR_INTERRUPTS();
	bulk->terms.count = 0;
	for (int64 i = item->promoted.from; i < item->promoted.to; i++)
	{
		const Promoted *promoted = ROW(Promoted, &chunk->promoted, i);
		const Run  *run = ROW(Run, &bulk->frame.runs, promoted->key.place);

		most += run->lanes.to - run->lanes.from;
	}
	merch_reserve_claims(&bulk->splitter, most);
	read_supply(bulk, chunk, item);
	for (int64 i = item->promoted.from; i < item->promoted.to; i++)
		add_run(bulk, chunk, item, ROW(Promoted, &chunk->promoted, i));
	if (bulk->terms.count == 0)
		return;
	merch_split(&bulk->splitter, bulk->terms.count);
	for (int64 row = 0; row < bulk->terms.count; row++)
		put_line(bulk, writer, item->item, row);
}

/* ----------------------------------------------------------------
 * Chunk by chunk
 * ----------------------------------------------------------------
 */
static void
write_chunk(Bulk *bulk, LineWriter *writer, const int64 *items, int count, int64 *shelves)
{
	Datum	   *datums = palloc(count * sizeof(Datum));
	Chunk	   *chunk = &bulk->chunk;
	ItemRows	item = {0};

	for (int i = 0; i < count; i++)
		datums[i] = Int64GetDatum(items[i]);
	merch_read_chunk(chunk,
					 PointerGetDatum(construct_array(datums, count, INT8OID, sizeof(int64),
													 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
					 items[0], items[count - 1]);
	for (int i = 0; i < count; i++)
	{
		item.item = items[i];
		merch_seek_item(&chunk->promoted, item.item, &item.promoted);
		merch_seek_item(&chunk->shelves, item.item, &item.shelves);
		merch_seek_item(&chunk->supplies, item.item, &item.supplies);
		merch_seek_item(&chunk->fences, item.item, &item.fences);
		write_item(bulk, chunk, writer, &item);
	}
	*shelves = chunk->shelves.count;
	merch_close_lines(writer);
}

/* How many items make a chunk, the chunks before say; at first, as if all were everywhere. */
static bool
write_chunks(Bulk *bulk, const Rows *items)
{
	int64		size = Max(CHUNK_LINES / Max(bulk->frame.most_lanes, 1), 1);
	int64		next = 0;

	while (next < items->count)
	{
		int64		count = Min(size, items->count - next);
		int64		shelves;
		MemoryContext old = MemoryContextSwitchTo(bulk->chunk_memory);
		LineWriter *writer = merch_open_lines();

		if (writer == NULL && next > 0)
			elog(ERROR, "merch.allocation_line has changed while lines were written to it");
		if (writer == NULL)
		{
			MemoryContextSwitchTo(old);
			return false;
		}
		write_chunk(bulk, writer, ROW(int64, items, next), (int) count, &shelves);
		MemoryContextSwitchTo(old);
		MemoryContextReset(bulk->chunk_memory);
		next += count;
		if (shelves + bulk->frame.most_lanes < CHUNK_LINES / 2)
			size *= 2;
		else if (shelves > 2 * CHUNK_LINES)
			size = Max(size / 2, 1);
	}
	return true;
}

static void
add_item(void *subject, const Datum *values, const bool *isnull)
{
	*(int64 *) merch_add_row(subject) = DatumGetInt64(values[0]);
}

static void
note_row(void *subject, const Datum *values, const bool *isnull)
{
	*(bool *) subject = true;
}

/* Whether all could be written. */
static bool
write_lines(Bulk *bulk, const QueryParameter parameters[3])
{
	bool		have_lines = false;
	Rows		items;

	merch_read_frame(&bulk->frame, parameters[0].value);
	if (!bulk->frame.only_forecasts)
		return false;
	merch_read_query(find_line, 3, parameters, note_row, &have_lines);
	if (have_lines)
		return false;
	merch_make_rows(&items, sizeof(int64));
	merch_read_query(read_items, 3, parameters, add_item, &items);
	merch_make_chunk(&bulk->chunk, &bulk->frame);
	merch_make_splitter(&bulk->splitter, CurrentMemoryContext);
	merch_make_rows(&bulk->terms, sizeof(Terms));
	bulk->supply = palloc((bulk->frame.departures.count * bulk->frame.holdbacks + 1) *
						  sizeof(int64));
	bulk->chunk_memory = AllocSetContextCreate(CurrentMemoryContext, "merch bulk chunk",
											   ALLOCSET_DEFAULT_SIZES);
	return write_chunks(bulk, &items);
}

Datum
merch_write_lines(PG_FUNCTION_ARGS)
{
	QueryParameter parameters[3] = {
		{INT8ARRAYOID, PG_GETARG_DATUM(0)},
		{INT8OID, PG_GETARG_DATUM(1)},
		{INT8OID, PG_GETARG_DATUM(2)}
	};
	Bulk	   *bulk;
	bool		done;

	SPI_connect();
	bulk = palloc0(sizeof(Bulk));
	/* one for all that is read, taken after the sources are locked */
	PushActiveSnapshot(GetTransactionSnapshot());
	done = write_lines(bulk, parameters);
	PopActiveSnapshot();
	SPI_finish();
	if (!done)
		PG_RETURN_NULL();
	PG_RETURN_INT64(bulk->lines);
}
