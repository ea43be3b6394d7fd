/*
 * choice.h
 *	  Arguments that name one of a few choices.
 */
#ifndef MERCH_CHOICE_H
#define MERCH_CHOICE_H

#include "distribution.h"

/* The number of a name among count of them; what says what it names in an error. */
extern int	parse_choice(Datum name, const char *(*name_of) (int), int count,
						 const char *what, const char *all);

extern DistributionKind parse_distribution(Datum name);

#endif
