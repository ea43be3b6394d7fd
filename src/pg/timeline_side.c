/*
 * timeline_side.c
 *	  The periods that an aggregate collects of one price, and what holds of them.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "error.h"
#include "money.h"
#include "timeline_side.h"

/* A code of ISO 4217 fits into an int32. */
#define CURRENCY_LENGTH 3

StaticAssertDecl(DT_NOBEGIN == INT64_MIN && DT_NOEND == INT64_MAX,
				 "infinite times are the kernel's");

void
side_init(TimelineSide *side)
{
	side->n = 0;
	side->room = SIDE_OWN_ROOM;
	side->periods = side->own;
}

static TimelinePeriod *
next_period(TimelineSide *side, MemoryContext context)
{
	if (side->n == side->room)
	{
		size_t		room = side->room * 2;

		if (side->periods == side->own)
		{
			side->periods = MemoryContextAlloc(context, room * sizeof(TimelinePeriod));
			memcpy(side->periods, side->own, sizeof(side->own));
		}
		else
			side->periods = repalloc_huge(side->periods, room * sizeof(TimelinePeriod));
		side->room = room;
	}
	return &side->periods[side->n];
}

static int32
currency_of(const text *code)
{
	int32		currency = 0;

	if (VARSIZE_ANY_EXHDR(code) != CURRENCY_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("currency must be a code of three letters: \"%s\"", text_to_cstring(code)),
				 errhint("Currencies are told by their codes of ISO 4217, such as EUR.")));
	memcpy(&currency, VARDATA_ANY(code), CURRENCY_LENGTH);
	return currency;
}

Datum
currency_to_text(int32 currency)
{
	return PointerGetDatum(cstring_to_text_with_len((const char *) &currency, CURRENCY_LENGTH));
}

bool
side_add(TimelineSide *side, FunctionCallInfo fcinfo, int first, MemoryContext context)
{
	int64		from = PG_ARGISNULL(first + SIDE_FROM) ? DT_NOBEGIN : PG_GETARG_INT64(first + SIDE_FROM);
	int64		to = PG_ARGISNULL(first + SIDE_TO) ? DT_NOEND : PG_GETARG_INT64(first + SIDE_TO);
	TimelinePeriod *period;

	if (PG_ARGISNULL(first + SIDE_AMOUNT) || from >= to)
		return false;
	if (PG_ARGISNULL(first + SIDE_CURRENCY))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("currency of an amount must not be null"),
				 errhint("Only the amount can be: where there is no price.")));
	period = next_period(side, context);
	period->from = from;
	period->to = to;
	period->amount = merch_ten_thousandths(PG_GETARG_DATUM(first + SIDE_AMOUNT));
	period->currency = currency_of(PG_GETARG_TEXT_PP(first + SIDE_CURRENCY));
	period->priority = PG_ARGISNULL(first + SIDE_PRIORITY) ? 0 : PG_GETARG_INT32(first + SIDE_PRIORITY);
	period->version = PG_ARGISNULL(first + SIDE_VERSION) ? 0 : PG_GETARG_INT64(first + SIDE_VERSION);
	period->seen = PG_ARGISNULL(first + SIDE_SEEN) ? DT_NOBEGIN : PG_GETARG_INT64(first + SIDE_SEEN);
	period->reference = NO_REFERENCE;
	side->n++;
	return true;
}

/* In full, so that the order of the rows does not count: of those that tie the last holds. */
static int
compare_periods(const void *a, const void *b)
{
	const TimelinePeriod *x = a;
	const TimelinePeriod *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->reference != y->reference)
		return x->reference < y->reference ? -1 : 1;
	if (x->amount != y->amount)
		return x->amount > y->amount ? -1 : 1;
	return x->currency != y->currency ? (x->currency < y->currency ? -1 : 1) : 0;
}

TimelineSpan *
side_resolve(TimelineSide *side, size_t *n_spans)
{
	TimelineSpan *spans = palloc_extended(TIMELINE_MAX_SPANS(side->n) * sizeof(TimelineSpan) + 1,
										  MCXT_ALLOC_HUGE);
	void	  **scratch = palloc_extended(side->n * sizeof(void *) + 1, MCXT_ALLOC_HUGE);
	MerchFault	fault = {.row = MERCH_NO_ROW};
	MerchStatus status;

	qsort(side->periods, side->n, sizeof(TimelinePeriod), compare_periods);
	status = timeline_resolve(side->periods, side->n, spans, n_spans, scratch, merch_interrupted, &fault);
	if (status == MERCH_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != MERCH_OK)
		merch_report(status, &fault);
	pfree(scratch);
	return spans;
}
