/*
 * price_row.c
 *	  The columns of a price, from PostgreSQL's types to what is hashed of them.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "money.h"
#include "price_row.h"

/* Microseconds since 1970. The last 30 years that PostgreSQL knows, around 294260, are one moment. */
static int64
unix_time(TimestampTz time)
{
	const int64 epochs = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

	if (TIMESTAMP_IS_NOBEGIN(time))
		return DIGEST_SINCE_EVER;
	if (TIMESTAMP_IS_NOEND(time))
		return DIGEST_FOR_EVER;
	return Min(time, DIGEST_FOR_EVER - 1 - epochs) + epochs;
}

static void
read_currency(char *currency, Datum value)
{
	text	   *code = DatumGetTextPP(value);
	const char *letters = VARDATA_ANY(code);
	bool		valid = VARSIZE_ANY_EXHDR(code) == 3;

	for (int i = 0; valid && i < 3; i++)
		valid = letters[i] >= 'A' && letters[i] <= 'Z';
	if (!valid)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("currency must be three capital letters: \"%s\"", text_to_cstring(code)),
				 errhint("Use the code of ISO 4217, such as EUR.")));
	memcpy(currency, letters, 3);
}

void
merch_read_price(DigestPrice *price, const Datum *values)
{
	price->item_id = DatumGetInt64(values[PRICE_ITEM]);
	price->location_id = DatumGetInt32(values[PRICE_LOCATION]);
	price->channel_id = DatumGetInt32(values[PRICE_CHANNEL]);
	price->valid_from = unix_time(DatumGetTimestampTz(values[PRICE_FROM]));
	price->valid_to = unix_time(DatumGetTimestampTz(values[PRICE_TO]));
	price->amount = merch_ten_thousandths(values[PRICE_AMOUNT]);
	read_currency(price->currency, values[PRICE_CURRENCY]);
}
