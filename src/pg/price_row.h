/*
 * price_row.h
 *	  The columns of a price, from PostgreSQL's types to what is hashed of them.
 */
#ifndef MERCH_PRICE_ROW_H
#define MERCH_PRICE_ROW_H

#include "postgres.h"

#include "digest.h"

/* In the order of the arguments of merch.price_hash(). */
typedef enum PriceColumn
{
	PRICE_ITEM,					/* bigint */
	PRICE_LOCATION,				/* integer */
	PRICE_CHANNEL,				/* integer */
	PRICE_FROM,					/* timestamp with time zone */
	PRICE_TO,					/* timestamp with time zone */
	PRICE_AMOUNT,				/* numeric */
	PRICE_CURRENCY,				/* text */
	PRICE_COLUMNS
} PriceColumn;

/*
 * Fills the price from values of the types above, none of them null. Raises an error if an
 * amount has more than four decimals or is too large, or a currency isn't three capital letters.
 */
extern void merch_read_price(DigestPrice *price, const Datum *values);

#endif
