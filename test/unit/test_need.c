/*
 * test_need.c
 *	  Need against the rules said in another way, and at the limits of its types.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "need.h"

static uint64_t random_state = 20261125;

static int64_t
random_between(int64_t low, int64_t high)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return low + (int64_t) (random_state % (uint64_t) (high - low + 1));
}

static NeedTerms
plain_terms(void)
{
	return (NeedTerms) {
		.known = true, .days = 7, .mean = 10.5, .dispersion = 1, .maximum_days = INFINITY,
		.capacity = NEED_NO_LIMIT, .maximum_need = NEED_NO_LIMIT
	};
}

static Need
solved(const NeedTerms *terms)
{
	MerchFault	fault;
	Need		need;

	assert_int_equal(need_of(terms, &need, &fault), MERCH_OK);
	return need;
}

static void
published_cases(void **state)
{
	NeedTerms	terms = plain_terms();
	Need		need = solved(&terms);

	(void) state;
	assert_int_equal(need.gross, 11);
	assert_int_equal(need.net, 11);
	assert_int_equal(need.minimum, 0);
	assert_true(need.maximum == NEED_NO_LIMIT);

	/* 11 + 4 + 6 less 9 + 2 - 1; the shelf has its 6, and room for 20 */
	terms.safety_stock = 4;
	terms.presentation_minimum = 6;
	terms.on_hand = 9;
	terms.incoming = 2;
	terms.promised = 1;
	terms.capacity = 30;
	need = solved(&terms);
	assert_int_equal(need.position, 10);
	assert_int_equal(need.net, 11);
	assert_int_equal(need.minimum, 0);
	assert_int_equal(need.maximum, 20);

	/* what sells in two of seven days */
	terms.maximum_days = 2;
	need = solved(&terms);
	assert_int_equal(need.gross, 3);
	assert_int_equal(need.net, 3);

	terms.threshold = 4;
	need = solved(&terms);
	assert_false(need.served);
	assert_int_equal(need.maximum, 0);

	/* the maximum holds before the minimum */
	terms.minimum_need = 8;
	terms.maximum_need = 5;
	need = solved(&terms);
	assert_true(need.served);
	assert_int_equal(need.net, 5);
	assert_int_equal(need.minimum, 8);
	assert_int_equal(need.maximum, 5);

	terms = plain_terms();
	terms.known = false;
	need = solved(&terms);
	assert_true(need.gross == NEED_UNKNOWN);
	assert_int_equal(need.net, 0);
}

static void
no_demand_has_no_limit_in_days(void **state)
{
	NeedTerms	terms = plain_terms();

	(void) state;
	terms.mean = 0;
	assert_int_equal(solved(&terms).gross, 0);
	terms.mean = 3;
	terms.days = 0;
	assert_int_equal(solved(&terms).gross, 3);
}

static double
cut(double x, double low, double high)
{
	return fmin(fmax(x, low), high);
}

/* Small numbers, of which doubles are exact sums. */
static void
random_cases(void **state)
{
	(void) state;
	for (int i = 0; i < 200000; i++)
	{
		NeedTerms	terms = {
			.known = random_between(0, 9) > 0,
			.days = (int32_t) random_between(1, 20),
			.mean = (double) random_between(0, 4000) / 16,
			.dispersion = 1,
			.maximum_days = random_between(0, 2) > 0 ? INFINITY : (double) random_between(0, 30),
			.safety_stock = random_between(0, 9),
			.presentation_minimum = random_between(0, 9),
			.on_hand = random_between(-20, 200),
			.incoming = random_between(0, 20),
			.promised = random_between(0, 20),
			.capacity = random_between(0, 1) ? NEED_NO_LIMIT : random_between(0, 200),
			.minimum_need = random_between(0, 2) > 0 ? 0 : random_between(0, 20),
			.maximum_need = random_between(0, 1) ? NEED_NO_LIMIT : random_between(0, 100),
			.threshold = random_between(0, 2) > 0 ? 0 : random_between(0, 20)
		};
		double		most = terms.maximum_need == NEED_NO_LIMIT ? INFINITY : (double) terms.maximum_need;
		double		position = (double) (terms.on_hand + terms.incoming - terms.promised);
		double		gross = !terms.known ? 0 :
			isinf(terms.maximum_days) ? ceil(terms.mean) :
			fmin(ceil(terms.mean), ceil(terms.mean * terms.maximum_days / terms.days));
		double		wanted = gross + (double) (terms.safety_stock + terms.presentation_minimum) - position;
		double		net = fmin(cut(wanted, (double) terms.minimum_need, INFINITY), most);
		double		room = terms.capacity == NEED_NO_LIMIT ? INFINITY : cut((double) terms.capacity - position, 0, INFINITY);
		Need		need = solved(&terms);

		assert_true(terms.known ? need.gross == (int64_t) gross : need.gross == NEED_UNKNOWN);
		assert_true((double) need.position == position);
		assert_true((double) need.net == net);
		assert_int_equal(need.served, net >= (double) terms.threshold);
		if (!need.served)
		{
			assert_int_equal(need.minimum, 0);
			assert_int_equal(need.maximum, 0);
			continue;
		}
		assert_true((double) need.minimum ==
					fmax(fmax((double) terms.presentation_minimum - position, (double) terms.minimum_need), 0));
		assert_true(isinf(fmin(room, most)) ? need.maximum == NEED_NO_LIMIT :
					(double) need.maximum == fmin(room, most));
	}
}

static MerchStatus
status_of(NeedTerms terms)
{
	Need		need;
	MerchFault	fault;

	return need_of(&terms, &need, &fault);
}

static void
extreme_values(void **state)
{
	NeedTerms	terms = plain_terms();

	(void) state;
	terms.mean = 0;
	terms.safety_stock = INT64_MAX;
	assert_true(solved(&terms).net == INT64_MAX);
	terms.presentation_minimum = 1;
	assert_int_equal(status_of(terms), MERCH_OUT_OF_RANGE);
	terms.on_hand = 1;
	assert_true(solved(&terms).net == INT64_MAX);
	terms.incoming = INT64_MAX;
	assert_int_equal(status_of(terms), MERCH_OUT_OF_RANGE);
	terms.promised = INT64_MAX;
	assert_true(solved(&terms).net == INT64_MAX);

	terms = plain_terms();
	terms.on_hand = INT64_MIN;
	assert_int_equal(status_of(terms), MERCH_OUT_OF_RANGE);
	terms.on_hand = INT64_MAX;
	assert_int_equal(solved(&terms).net, 0);
	terms.capacity = 0;
	terms.on_hand = -INT64_MAX;
	terms.mean = 0;
	assert_true(solved(&terms).maximum == INT64_MAX);
	terms.capacity = 1;
	assert_int_equal(status_of(terms), MERCH_OUT_OF_RANGE);

	terms = plain_terms();
	terms.mean = 0x1p63;
	assert_int_equal(status_of(terms), MERCH_MEAN_OUT_OF_RANGE);
	terms.mean = NAN;
	assert_int_equal(status_of(terms), MERCH_MEAN_OUT_OF_RANGE);
	terms.mean = INFINITY;
	assert_int_equal(status_of(terms), MERCH_MEAN_OUT_OF_RANGE);
}

static void
dispersions(void **state)
{
	(void) state;
	assert_true(need_dispersion(DISTRIBUTION_NEGATIVE_BINOMIAL, 0.5) == 1);
	assert_true(need_dispersion(DISTRIBUTION_NEGATIVE_BINOMIAL, 1.5) == 1.5);
	assert_true(need_dispersion(DISTRIBUTION_NORMAL, 0.5) == 0.5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_cases),
		cmocka_unit_test(no_demand_has_no_limit_in_days),
		cmocka_unit_test(random_cases),
		cmocka_unit_test(extreme_values),
		cmocka_unit_test(dispersions)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
