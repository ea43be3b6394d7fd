/*
 * money.h
 *	  Amounts of money as int64 in ten-thousandths, as exact as numeric(14, 4).
 */
#ifndef MERCH_MONEY_H
#define MERCH_MONEY_H

#include "postgres.h"

/* Raises an error if it is NaN or infinite, has more than four decimals or does not fit. */
extern int64 merch_ten_thousandths(Datum numeric);

#endif
