/*
 * claim.c
 *	  merch.claim and merch.split_claims: the claim kernel as a window function over
 *	  rows whose many arguments are packed into one value.
 *
 * Where the rows also say what capacity they use (merch.claim_use), a partition is of many
 * items: see coupled_claims.c.
 *
 * The executor fetches a row of the partition anew for each argument of a window
 * function. Packed, a row is fetched once. What a location needs is found on the way:
 * from the terms that go in, by the need kernel.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "choice.h"
#include "claim_split.h"
#include "compat.h"
#include "coupled_claims.h"
#include "error.h"
#include "need.h"

PG_FUNCTION_INFO_V1(merch_claim);
PG_FUNCTION_INFO_V1(merch_claim_dispersion);
PG_FUNCTION_INFO_V1(merch_split_claims);

/* What merch.split_claims returns, in this order. */
typedef enum ShareNumber
{
	SHARE_QUANTITY,
	SHARE_FROM_FENCE,
	SHARE_NEED,
	SHARE_REASON,
	SHARE_POSITION,				/* the location's, with all it gets */
	SHARE_GROSS_NEED,
	SHARE_PLAN_VALUE,			/* these two of coupled claims alone */
	SHARE_BOUND_VALUE
} ShareNumber;

#define SHARE_NUMBERS 6
#define COUPLED_NUMBERS 8

/* Money is told in ten-thousandths, as exact as numeric(14, 4). */
#define MONEY_QUANTA 10000.0

/* The arguments of merch.claim, in their order. */
typedef enum Argument
{
	ARG_RUN,
	ARG_LOCATION,
	ARG_SOURCE,
	ARG_CHANNEL,
	ARG_PREFERENCE,
	ARG_METHOD,
	ARG_DISTRIBUTION,
	ARG_PUSH,
	ARG_SUPPLY,
	ARG_FENCE,
	ARG_MEAN,
	ARG_DISPERSION,
	ARG_DAYS,
	ARG_MAXIMUM_DAYS,
	ARG_SAFETY_STOCK,
	ARG_PRESENTATION_MINIMUM,
	ARG_ON_HAND,
	ARG_INCOMING,
	ARG_PROMISED,
	ARG_CAPACITY,
	ARG_MINIMUM_NEED,
	ARG_MAXIMUM_NEED,
	ARG_THRESHOLD,
	ARG_PACK,
	ARG_TIER,
	ARG_VALUE,
	ARG_COST,
	ARG_CURRENT,
	ARG_FIXED,
	ARG_CHANGE_THRESHOLD
} Argument;

static const char *const argument_name[] = {
	"run", "location_id", "source_id", "channel_id", "preference", "method", "distribution", "push",
	"supply", "fence", "mean", "dispersion", "days", "maximum_days", "safety_stock",
	"presentation_minimum", "on_hand", "incoming", "promised", "capacity", "minimum_need",
	"maximum_need", "threshold", "pack", "tier", "value", "cost", "current", "fixed",
	"change_threshold"
};

/* What merch.claim returns. */
typedef struct PackedClaim
{
	Claim		claim;
	int64		gross;			/* or NEED_UNKNOWN */
	int64		served;			/* no padding: equal claims are equal bytes */
} PackedClaim;

static const char *
name_of_method(int method)
{
	return method == CLAIM_EXPECTED_SALES ? "expected_sales" :
		apportion_method_name((ApportionMethod) method);
}

/* What may be null: there is no such lane, limit or line. */
static bool
may_be_null(Argument arg)
{
	return arg == ARG_SOURCE || arg == ARG_SUPPLY || arg == ARG_MEAN || arg == ARG_CAPACITY ||
		arg == ARG_MAXIMUM_NEED || arg == ARG_COST || arg == ARG_CURRENT;
}

static void
check_nulls(FunctionCallInfo fcinfo)
{
	for (int arg = 0; arg < lengthof(argument_name); arg++)
		if (PG_ARGISNULL(arg) && !may_be_null(arg))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s of a claim must not be null", argument_name[arg])));
}

static int64
number_or(FunctionCallInfo fcinfo, Argument arg, int64 absent)
{
	return PG_ARGISNULL(arg) ? absent : PG_GETARG_INT64(arg);
}

static NeedTerms
read_terms(FunctionCallInfo fcinfo)
{
	NeedTerms	terms = {
		.known = !PG_ARGISNULL(ARG_MEAN),
		.days = PG_GETARG_INT32(ARG_DAYS),
		.mean = PG_ARGISNULL(ARG_MEAN) ? 0 : PG_GETARG_FLOAT8(ARG_MEAN),
		.dispersion = PG_GETARG_FLOAT8(ARG_DISPERSION),
		.maximum_days = PG_GETARG_FLOAT8(ARG_MAXIMUM_DAYS),
		.safety_stock = PG_GETARG_INT64(ARG_SAFETY_STOCK),
		.presentation_minimum = PG_GETARG_INT64(ARG_PRESENTATION_MINIMUM),
		.on_hand = PG_GETARG_INT64(ARG_ON_HAND),
		.incoming = PG_GETARG_INT64(ARG_INCOMING),
		.promised = PG_GETARG_INT64(ARG_PROMISED),
		.capacity = number_or(fcinfo, ARG_CAPACITY, NEED_NO_LIMIT),
		.minimum_need = PG_GETARG_INT64(ARG_MINIMUM_NEED),
		.maximum_need = number_or(fcinfo, ARG_MAXIMUM_NEED, NEED_NO_LIMIT),
		.threshold = PG_GETARG_INT64(ARG_THRESHOLD)
	};

	return terms;
}

uint8
merch_parse_method(Datum name)
{
	return parse_choice(name, name_of_method, CLAIM_EXPECTED_SALES + 1, "allocation method",
						"Methods");
}

void
merch_claim_need(Claim *claim, const NeedTerms *terms, Need *need)
{
	MerchFault	fault = {.row = MERCH_NO_ROW};
	MerchStatus status = need_of(terms, need, &fault);

	if (status == MERCH_OUT_OF_RANGE)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("what location %d has and needs is out of range", claim->location),
				 errhint("Need, position and the sums that they are made of must stay below 2^63.")));
	if (status != MERCH_OK)
		merch_report(status, &fault);
	claim->need = Max(need->net, 0);
	claim->minimum = need->minimum;
	claim->maximum = need->maximum;
	claim->position = need->position;
	claim->mean = terms->mean;
	claim->dispersion = need_dispersion(claim->distribution, terms->dispersion);
}

Datum
merch_claim(PG_FUNCTION_ARGS)
{
	bytea	   *result = palloc(VARHDRSZ + sizeof(PackedClaim));
	PackedClaim packed;
	Claim	   *claim = &packed.claim;
	NeedTerms	terms;
	Need		need;

	check_nulls(fcinfo);
	memset(&packed, 0, sizeof(packed));
	claim->run = PG_GETARG_INT64(ARG_RUN);
	claim->location = PG_GETARG_INT32(ARG_LOCATION);
	claim->source = PG_ARGISNULL(ARG_SOURCE) ? 0 : PG_GETARG_INT32(ARG_SOURCE);
	claim->channel = PG_GETARG_INT32(ARG_CHANNEL);
	claim->preference = PG_GETARG_INT32(ARG_PREFERENCE);
	claim->method = merch_parse_method(PG_GETARG_DATUM(ARG_METHOD));
	claim->distribution = parse_distribution(PG_GETARG_DATUM(ARG_DISTRIBUTION));
	claim->push = PG_GETARG_BOOL(ARG_PUSH);
	claim->supply = PG_ARGISNULL(ARG_SOURCE) || PG_ARGISNULL(ARG_SUPPLY) ? CLAIM_NO_SUPPLY :
		Max(PG_GETARG_INT64(ARG_SUPPLY), 0);
	claim->fence = Max(PG_GETARG_INT64(ARG_FENCE), 0);
	claim->pack = PG_GETARG_INT64(ARG_PACK);
	claim->tier = PG_GETARG_INT32(ARG_TIER);
	claim->value = PG_GETARG_FLOAT8(ARG_VALUE);
	claim->cost = PG_ARGISNULL(ARG_COST) ? 0 : PG_GETARG_FLOAT8(ARG_COST);
	claim->current = PG_ARGISNULL(ARG_CURRENT) ? CLAIM_NEW : Max(PG_GETARG_INT64(ARG_CURRENT), 0);
	claim->fixed = Max(PG_GETARG_INT64(ARG_FIXED), 0);
	claim->threshold = Max(PG_GETARG_INT64(ARG_CHANGE_THRESHOLD), 0);
	terms = read_terms(fcinfo);
	merch_claim_need(claim, &terms, &need);
	packed.gross = need.gross;
	packed.served = need.served;
	SET_VARSIZE(result, VARHDRSZ + sizeof(packed));
	memcpy(VARDATA(result), &packed, sizeof(packed));
	PG_RETURN_BYTEA_P(result);
}

/* The dispersion that a claim with this distribution counts with. */
Datum
merch_claim_dispersion(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(need_dispersion(parse_distribution(PG_GETARG_DATUM(1)),
									 PG_GETARG_FLOAT8(0)));
}

ShareReason
merch_share_reason(const Share *share, bool served)
{
	if (share->quantity >= share->need)
		return SHARE_MET;
	return served ? share->reason : MERCH_SHARE_THRESHOLD;
}

/* Memory is kept from partition to partition and is that of the largest one. */
typedef struct SplitState
{
	MemoryContext memory;		/* of the arrays below */
	int64		capacity;
	PackedClaim *packed;
	ClaimSplitter splitter;
	RunValues	values;			/* of coupled claims; else none */
} SplitState;

static SplitState *
get_state(FunctionCallInfo fcinfo)
{
	SplitState *state = fcinfo->flinfo->fn_extra;

	if (state == NULL)
	{
		MemoryContext context = fcinfo->flinfo->fn_mcxt;

		state = MemoryContextAllocZero(context, sizeof(SplitState));
		state->memory = AllocSetContextCreate(context, "merch.split_claims", ALLOCSET_DEFAULT_SIZES);
		merch_make_splitter(&state->splitter, context);
		fcinfo->flinfo->fn_extra = state;
	}
	return state;
}

static void
read_claims(WindowObject winobj, SplitState *state, int64 rows)
{
	for (int64 row = 0; row < rows; row++)
	{
		bool		isnull;
		bool		isout;
		Datum		value = WinGetFuncArgInPartition(winobj, 0, (int) row, WINDOW_SEEK_HEAD, false,
													 &isnull, &isout);
		bytea	   *packed = isnull ? NULL : DatumGetByteaPP(value);

		CHECK_FOR_INTERRUPTS();
		if (isnull || VARSIZE_ANY_EXHDR(packed) != sizeof(PackedClaim))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("merch.split_claims needs what merch.claim returns")));
		memcpy(&state->packed[row], VARDATA_ANY(packed), sizeof(PackedClaim));
		state->splitter.claims[row] = state->packed[row].claim;
	}
}

/* Whether the rows say what capacity they use: then they are of many items. */
static bool
is_coupled(WindowObject winobj)
{
	bool		isnull;

	(void) WinGetFuncArgCurrent(winobj, 1, &isnull);
	return !isnull;
}

static void
solve_partition(WindowObject winobj, SplitState *state)
{
	int64		rows = WinGetPartitionRowCount(winobj);
	ClaimSplitter *splitter = &state->splitter;

	state->values = (RunValues) {0};
	merch_reserve_claims(splitter, rows);
	if (state->capacity < splitter->capacity)
	{
		state->capacity = 0;	/* an error below leaves no array */
		MemoryContextReset(state->memory);
		state->packed = MemoryContextAllocHuge(state->memory,
											   splitter->capacity * sizeof(PackedClaim));
		state->capacity = splitter->capacity;
	}
	read_claims(winobj, state, rows);
	if (is_coupled(winobj))
		solve_coupled_claims(winobj, rows, splitter->claims, splitter->shares,
							 merch_clear_scratch(splitter), &state->values);
	else
		merch_split(splitter, rows);
}

static int64
money_of(double value)
{
	double		quanta = rint(value * MONEY_QUANTA);

	return quanta >= 0x1p63 ? PG_INT64_MAX : quanta < -0x1p63 ? PG_INT64_MIN : (int64) quanta;
}

/* What the plan of the row's run is worth, and its bound; runs come in ascending order. */
static const ClaimValue *
value_of_run(const SplitState *state, int64 run)
{
	int			low = 0;
	int			high = state->values.runs - 1;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (state->values.value[middle].run < run)
			low = middle + 1;
		else
			high = middle;
	}
	return &state->values.value[low];
}

static Datum
numbers_of(const SplitState *state, int64 row)
{
	const PackedClaim *packed = &state->packed[row];
	const Share *share = &state->splitter.shares[row];
	Datum		numbers[COUPLED_NUMBERS];
	bool		nulls[COUPLED_NUMBERS] = {false};
	int			dims[1] = {SHARE_NUMBERS};
	int			bounds[1] = {1};

	numbers[SHARE_QUANTITY] = Int64GetDatum(share->quantity);
	numbers[SHARE_FROM_FENCE] = Int64GetDatum(share->from_fence);
	numbers[SHARE_NEED] = Int64GetDatum(share->need);
	numbers[SHARE_REASON] = Int64GetDatum((int64) merch_share_reason(share, packed->served));
	numbers[SHARE_POSITION] = Int64GetDatum(packed->claim.position + share->total);
	numbers[SHARE_GROSS_NEED] = Int64GetDatum(packed->gross);
	nulls[SHARE_GROSS_NEED] = packed->gross == NEED_UNKNOWN;
	if (state->values.runs > 0)
	{
		const ClaimValue *value = value_of_run(state, packed->claim.run);

		numbers[SHARE_PLAN_VALUE] = Int64GetDatum(money_of(value->plan));
		numbers[SHARE_BOUND_VALUE] = Int64GetDatum(money_of(value->bound));
		dims[0] = COUPLED_NUMBERS;
	}
	return PointerGetDatum(construct_md_array(numbers, nulls, 1, dims, bounds, INT8OID,
											  sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* As in merch.allocate, the flag is set last: an error leaves nothing half solved. */
Datum
merch_split_claims(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	bool	   *solved = WinGetPartitionLocalMemory(winobj, sizeof(bool));
	SplitState *state = get_state(fcinfo);

	if (!*solved)
	{
		solve_partition(winobj, state);
		*solved = true;
	}
	return numbers_of(state, WinGetCurrentPosition(winobj));
}
