/*
 * bulk_frame.c
 *	  What is the same for all items of a bulk call: see bulk_frame.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "bulk_frame.h"
#include "choice.h"
#include "compat.h"

/* ----------------------------------------------------------------
 * Queries
 * ----------------------------------------------------------------
 */
typedef struct Reader
{
	DestReceiver receiver;
	RowFunction row;
	void	   *subject;
	MemoryContext memory;		/* of the caller, for what rows leave behind */
} Reader;

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	Reader	   *reader = (Reader *) self;
	MemoryContext old;

	slot_getallattrs(slot);
	old = MemoryContextSwitchTo(reader->memory);
	reader->row(reader->subject, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(old);
	return true;
}

static void
start_rows(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
end_rows(DestReceiver *self)
{
}

void
merch_read_query(const char *query, int count, const QueryParameter *parameters,
				 RowFunction row, void *subject)
{
	Reader		reader = {
		.receiver = {
			.receiveSlot = receive_row,
			.rStartup = start_rows,
			.rShutdown = end_rows,
			.rDestroy = end_rows,
			/* any that is not of SPI itself: of DestNone it says that it was no query */
			.mydest = DestTuplestore
		},
		.row = row,
		.subject = subject,
		.memory = CurrentMemoryContext
	};
	SPIExecuteOptions options = {.read_only = true,.dest = &reader.receiver};
	int			result;

	options.params = makeParamList(count);
	for (int i = 0; i < count; i++)
	{
		options.params->params[i].value = parameters[i].value;
		options.params->params[i].isnull = false;
		options.params->params[i].pflags = PARAM_FLAG_CONST;
		options.params->params[i].ptype = parameters[i].type;
	}
	result = SPI_execute_extended(query, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed: %s", query, SPI_result_code_string(result));
}

void
merch_make_rows(Rows *rows, Size size)
{
	*rows = (Rows) {.memory = CurrentMemoryContext,.size = size};
}

void
merch_grow_rows(Rows *rows)
{
	rows->capacity = Max(rows->capacity * 2, 64);
	if (rows->data == NULL)
		rows->data = MemoryContextAllocHuge(rows->memory, rows->capacity * rows->size);
	else
		rows->data = repalloc_huge(rows->data, rows->capacity * rows->size);
}

/* ----------------------------------------------------------------
 * Reading the frame
 * ----------------------------------------------------------------
 */
static const char *const read_lanes =
"SELECT run, promotion_id, allocation_id, location_id, preference, source_id, ships_on, due_on,"
" unit_cost, location_group_id, channel_id, tier"
" FROM merch.run_lanes($1) ORDER BY run, location_id, preference";

static const char *const read_settings =
"SELECT promotion_id, item_group_id, location_group_id, method, distribution, surplus = 'push',"
" from_day, to_day, maximum_days, minimum_need, threshold, change_threshold,"
" holdback, holdback_units,"
" dense_rank() OVER (ORDER BY holdback, holdback_units)::int - 1,"
" demand_source, maximum_need, pack_level"
" FROM merch.run_settings($1) ORDER BY promotion_id, item_group_id, location_group_id";

/* those of its columns that may be null come last */
#define SETTING_COLUMNS_NOT_NULL 16

static void
add_lane(void *subject, const Datum *values, const bool *isnull)
{
	Frame	   *frame = subject;
	int64		run_number = DatumGetInt64(values[0]);
	Run		   *run = frame->runs.count == 0 ? NULL : ROW(Run, &frame->runs, frame->runs.count - 1);
	Lane	   *lane;

	if (run == NULL || run->run != run_number)
	{
		run = merch_add_row(&frame->runs);
		*run = (Run) {.run = run_number,.promotion = DatumGetInt64(values[1])};
		run->no_allocation = isnull[2];
		run->allocation = isnull[2] ? 0 : DatumGetInt64(values[2]);
		run->lanes.from = frame->lanes.count;
	}
	lane = merch_add_row(&frame->lanes);
	run->lanes.to = frame->lanes.count;
	frame->most_lanes = Max(frame->most_lanes, run->lanes.to - run->lanes.from);
	*lane = (Lane) {
		.location = DatumGetInt32(values[3]),
		.preference = DatumGetInt32(values[4]),
		.no_source = isnull[5],
		.source = isnull[5] ? 0 : DatumGetInt32(values[5]),
		.ships_on = isnull[6] ? 0 : DatumGetInt32(values[6]),
		.due_on = DatumGetInt32(values[7]),
		.unit_cost = isnull[8] ? 0 : DatumGetFloat8(values[8]),
		.location_group = DatumGetInt32(values[9]),
		.channel = DatumGetInt32(values[10]),
		.tier = DatumGetInt32(values[11])
	};
}

/* The place of a span among those that settings name. */
static int32
find_span(Rows *spans, int32 from_day, int32 to_day)
{
	Span	   *span;

	for (int64 i = 0; i < spans->count; i++)
		if (ROW(Span, spans, i)->from_day == from_day && ROW(Span, spans, i)->to_day == to_day)
			return (int32) i;
	span = merch_add_row(spans);
	*span = (Span) {from_day, to_day};
	return (int32) (spans->count - 1);
}

typedef struct SettingReader
{
	Frame	   *frame;
	Datum	   *shares;
	Datum	   *units;
	int			capacity;
} SettingReader;

/* Settings come by group, so that of equal holdbacks the first may come late. */
static void
keep_holdback(SettingReader *reader, int place, Datum share, Datum units)
{
	Size		size;

	if (place >= reader->capacity)
	{
		int			capacity = Max(place + 1, reader->capacity * 2);

		size = capacity * sizeof(Datum);
		reader->shares = reader->capacity == 0 ? palloc(size) : repalloc(reader->shares, size);
		reader->units = reader->capacity == 0 ? palloc(size) : repalloc(reader->units, size);
		reader->capacity = capacity;
	}
	reader->shares[place] = datumCopy(share, false, -1);
	reader->units[place] = units;
	reader->frame->holdbacks = Max(reader->frame->holdbacks, place + 1);
}

static void
add_setting(void *subject, const Datum *values, const bool *isnull)
{
	SettingReader *reader = subject;
	Frame	   *frame = reader->frame;
	Setting    *setting;

	for (int i = 0; i < SETTING_COLUMNS_NOT_NULL; i++)
		frame->only_forecasts = frame->only_forecasts && !isnull[i];
	if (!frame->only_forecasts || strcmp(TextDatumGetCString(values[15]), "forecast") != 0)
	{
		frame->only_forecasts = false;
		return;
	}
	setting = merch_add_row(&frame->settings);
	*setting = (Setting) {
		.promotion = DatumGetInt64(values[0]),
		.item_group = DatumGetInt32(values[1]),
		.location_group = DatumGetInt32(values[2]),
		.method = merch_parse_method(values[3]),
		.distribution = parse_distribution(values[4]),
		.push = DatumGetBool(values[5]),
		.span = find_span(&frame->spans, DatumGetInt32(values[6]), DatumGetInt32(values[7])),
		.days = DatumGetInt32(values[7]) - DatumGetInt32(values[6]),
		.maximum_days = DatumGetFloat8(values[8]),
		.minimum_need = DatumGetInt64(values[9]),
		.threshold = DatumGetInt64(values[10]),
		.change_threshold = DatumGetInt64(values[11]),
		.holdback = DatumGetInt32(values[14]),
		.maximum_need = isnull[16] ? NEED_NO_LIMIT : DatumGetInt64(values[16]),
		.pack_level = isnull[17] ? 0 : DatumGetInt32(values[17])
	};
	keep_holdback(reader, setting->holdback, values[12], values[13]);
}

/* ----------------------------------------------------------------
 * Finding one's way in it
 * ----------------------------------------------------------------
 */
static int
compare_promotions(const void *a, const void *b)
{
	int64		x = (*(Run *const *) a)->promotion;
	int64		y = (*(Run *const *) b)->promotion;

	return (x > y) - (x < y);
}

static int
compare_departures(const void *a, const void *b)
{
	const Departure *x = a;
	const Departure *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return (x->ships_on > y->ships_on) - (x->ships_on < y->ships_on);
}

static Datum
make_array(Datum *values, int64 count, Oid type)
{
	int16		length;
	bool		by_value;
	char		alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_array(values, (int) count, type, length, by_value, alignment));
}

static void
find_departures(Frame *frame)
{
	Rows	   *departures = &frame->departures;
	int64		distinct = 0;
	Datum	   *sources;
	Datum	   *days;

	for (int64 i = 0; i < frame->lanes.count; i++)
	{
		const Lane *lane = ROW(Lane, &frame->lanes, i);

		if (!lane->no_source)
			*(Departure *) merch_add_row(departures) = (Departure) {lane->source, lane->ships_on};
	}
	if (departures->count > 0)
		qsort(departures->data, departures->count, sizeof(Departure), compare_departures);
	for (int64 i = 0; i < departures->count; i++)
	{
		const Departure *departure = ROW(Departure, departures, i);

		if (i == 0 || compare_departures(departure, ROW(Departure, departures, distinct - 1)) != 0)
			*ROW(Departure, departures, distinct++) = *departure;
	}
	departures->count = distinct;

	sources = palloc((distinct + 1) * sizeof(Datum));
	days = palloc((distinct + 1) * sizeof(Datum));
	for (int64 i = 0; i < distinct; i++)
	{
		sources[i] = Int32GetDatum(ROW(Departure, departures, i)->source);
		days[i] = Int32GetDatum(ROW(Departure, departures, i)->ships_on);
	}
	frame->sources = make_array(sources, distinct, INT4OID);
	frame->days = make_array(days, distinct, DATEOID);
}

/* A policy map is of all pairs of a promotion's groups: each item group has all location groups. */
static void
rank_groups(Frame *frame, const Run *run)
{
	const Setting *settings = ROW(Setting, &frame->settings, run->settings.from);

	for (int64 i = run->lanes.from; i < run->lanes.to; i++)
	{
		Lane	   *lane = ROW(Lane, &frame->lanes, i);
		int32		rank = 0;

		while (run->settings.from + rank < run->settings.to &&
			   settings[rank].location_group != lane->location_group)
			rank++;
		lane->group_rank = run->settings.from + rank < run->settings.to ? rank : -1;
		if (!lane->no_source)
		{
			Departure	key = {lane->source, lane->ships_on};
			Departure  *found = bsearch(&key, frame->departures.data, frame->departures.count,
										sizeof(Departure), compare_departures);

			lane->departure = (int32) (found - ROW(Departure, &frame->departures, 0));
		}
		else
			lane->departure = -1;
	}
}

static void
index_runs(Frame *frame)
{
	int64		setting = 0;

	for (int64 i = 0; i < frame->runs.count; i++)
		*(Run **) merch_add_row(&frame->by_promotion) = ROW(Run, &frame->runs, i);
	if (frame->by_promotion.count > 0)
		qsort(frame->by_promotion.data, frame->by_promotion.count, sizeof(Run *),
			  compare_promotions);
	for (int64 i = 0; i < frame->by_promotion.count; i++)
	{
		Run		   *run = *ROW(Run *, &frame->by_promotion, i);

		while (setting < frame->settings.count &&
			   ROW(Setting, &frame->settings, setting)->promotion < run->promotion)
			setting++;
		run->settings.from = setting;
		while (setting < frame->settings.count &&
			   ROW(Setting, &frame->settings, setting)->promotion == run->promotion)
			setting++;
		run->settings.to = setting;
		rank_groups(frame, run);
	}
}

void
merch_read_frame(Frame *frame, Datum promotions)
{
	QueryParameter parameter = {INT8ARRAYOID, promotions};
	SettingReader reader = {.frame = frame};

	memset(frame, 0, sizeof(*frame));
	frame->promotions = promotions;
	frame->only_forecasts = true;
	merch_make_rows(&frame->runs, sizeof(Run));
	merch_make_rows(&frame->by_promotion, sizeof(Run *));
	merch_make_rows(&frame->lanes, sizeof(Lane));
	merch_make_rows(&frame->settings, sizeof(Setting));
	merch_make_rows(&frame->spans, sizeof(Span));
	merch_make_rows(&frame->departures, sizeof(Departure));
	merch_read_query(read_settings, 1, &parameter, add_setting, &reader);
	if (!frame->only_forecasts)
		return;
	merch_read_query(read_lanes, 1, &parameter, add_lane, frame);
	find_departures(frame);
	index_runs(frame);
	frame->holdback_shares = make_array(reader.shares, frame->holdbacks, NUMERICOID);
	frame->holdback_units = make_array(reader.units, frame->holdbacks, INT8OID);
}

const Run *
merch_find_run(const Frame *frame, int64 promotion)
{
	Run			key = {.promotion = promotion};
	Run		   *key_pointer = &key;
	Run		  **found = frame->by_promotion.count == 0 ? NULL :
		bsearch(&key_pointer, frame->by_promotion.data, frame->by_promotion.count, sizeof(Run *),
				compare_promotions);

	return found == NULL ? NULL : *found;
}

const Setting *
merch_find_settings(const Frame *frame, const Run *run, int32 item_group)
{
	int64		from = run->settings.from;
	int64		to = run->settings.to;

	/* the first that is not below */
	while (from < to)
	{
		int64		middle = from + (to - from) / 2;

		if (ROW(Setting, &frame->settings, middle)->item_group < item_group)
			from = middle + 1;
		else
			to = middle;
	}
	return ROW(Setting, &frame->settings, from);
}
