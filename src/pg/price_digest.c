/*
 * price_digest.c
 *	  Digests of prices in SQL: of one price, of any rows as an aggregate, and sums of
 *	  digests. The format is the kernel's: see digest.h.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "compat.h"
#include "digest.h"
#include "price_row.h"

PG_FUNCTION_INFO_V1(merch_price_hash);
PG_FUNCTION_INFO_V1(merch_add_digest);
PG_FUNCTION_INFO_V1(merch_subtract_digest);
PG_FUNCTION_INFO_V1(merch_price_digest_step);
PG_FUNCTION_INFO_V1(merch_sum_digest_step);
PG_FUNCTION_INFO_V1(merch_digest_combine);
PG_FUNCTION_INFO_V1(merch_digest_serialize);
PG_FUNCTION_INFO_V1(merch_digest_deserialize);
PG_FUNCTION_INFO_V1(merch_digest_final);

static const char *const column_names[PRICE_COLUMNS] = {
	"item_id", "location_id", "channel_id", "valid_from", "valid_to", "amount", "currency"
};

static Datum
digest_datum(Digest digest)
{
	bytea	   *bytes = palloc(VARHDRSZ + DIGEST_BYTES);

	SET_VARSIZE(bytes, VARHDRSZ + DIGEST_BYTES);
	digest_write(digest, (unsigned char *) VARDATA(bytes));
	return PointerGetDatum(bytes);
}

static Digest
digest_argument(FunctionCallInfo fcinfo, int argument)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(argument);

	if (VARSIZE_ANY_EXHDR(bytes) != DIGEST_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a digest has %d bytes, not %d", DIGEST_BYTES, (int) VARSIZE_ANY_EXHDR(bytes)),
				 errhint("Digests are made by merch.price_hash() and merch.price_digest().")));
	return digest_read((const unsigned char *) VARDATA_ANY(bytes));
}

/* The hash of the price in the arguments from the first on; false if it has no amount. */
static bool
price_arguments(FunctionCallInfo fcinfo, int first, Digest *hash)
{
	Datum		values[PRICE_COLUMNS];
	DigestPrice price;

	for (int i = 0; i < PRICE_COLUMNS; i++)
	{
		if (PG_ARGISNULL(first + i) && i != PRICE_AMOUNT)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s of a price must not be null", column_names[i]),
					 errhint("Only amount may be null: there is no price, and it does not count.")));
		values[i] = PG_GETARG_DATUM(first + i);
	}
	if (PG_ARGISNULL(first + PRICE_AMOUNT))
		return false;
	merch_read_price(&price, values);
	*hash = digest_of_price(&price);
	return true;
}

Datum
merch_price_hash(PG_FUNCTION_ARGS)
{
	Digest		hash;

	if (!price_arguments(fcinfo, 0, &hash))
		PG_RETURN_NULL();
	return digest_datum(hash);
}

Datum
merch_add_digest(PG_FUNCTION_ARGS)
{
	Digest		sum = digest_argument(fcinfo, 0);

	digest_add(&sum, digest_argument(fcinfo, 1));
	return digest_datum(sum);
}

Datum
merch_subtract_digest(PG_FUNCTION_ARGS)
{
	Digest		sum = digest_argument(fcinfo, 0);

	digest_subtract(&sum, digest_argument(fcinfo, 1));
	return digest_datum(sum);
}

/* ----------------------------------------------------------------
 * The aggregates price_digest and sum_digest. No state is the sum of nothing.
 * ----------------------------------------------------------------
 */
static Digest *
digest_state(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called outside an aggregate");
	return PG_ARGISNULL(0) ? MemoryContextAllocZero(context, sizeof(Digest)) : (Digest *) PG_GETARG_POINTER(0);
}

Datum
merch_price_digest_step(PG_FUNCTION_ARGS)
{
	Digest	   *sum = digest_state(fcinfo);
	Digest		hash;

	if (price_arguments(fcinfo, 1, &hash))
		digest_add(sum, hash);
	PG_RETURN_POINTER(sum);
}

Datum
merch_sum_digest_step(PG_FUNCTION_ARGS)
{
	Digest	   *sum = digest_state(fcinfo);

	if (!PG_ARGISNULL(1))
		digest_add(sum, digest_argument(fcinfo, 1));
	PG_RETURN_POINTER(sum);
}

Datum
merch_digest_combine(PG_FUNCTION_ARGS)
{
	Digest	   *sum = digest_state(fcinfo);

	if (!PG_ARGISNULL(1))
		digest_add(sum, *(Digest *) PG_GETARG_POINTER(1));
	PG_RETURN_POINTER(sum);
}

Datum
merch_digest_serialize(PG_FUNCTION_ARGS)
{
	return digest_datum(*(Digest *) PG_GETARG_POINTER(0));
}

Datum
merch_digest_deserialize(PG_FUNCTION_ARGS)
{
	Digest	   *sum = palloc(sizeof(Digest));

	*sum = digest_argument(fcinfo, 0);
	PG_RETURN_POINTER(sum);
}

Datum
merch_digest_final(PG_FUNCTION_ARGS)
{
	Digest		sum = {0, 0};

	if (!PG_ARGISNULL(0))
		sum = *(Digest *) PG_GETARG_POINTER(0);
	return digest_datum(sum);
}
