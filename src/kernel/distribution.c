/*
 * distribution.c
 *	  Tails, quantiles and expected sales of a demand.
 */
#include "distribution.h"

#include <float.h>
#include <math.h>

#define SQRT_HALF 0.70710678118654752440
#define LOG_TWO_PI 1.8378770664093454836

/* What is left out of a tail that is taken to be 1 is below exp(-40). */
#define NEGLIGIBLE_LOG 40.0

static const char *const distribution_names[DISTRIBUTIONS] = {
	"auto", "negative_binomial", "poisson", "normal"
};

const char *
distribution_name(DistributionKind kind)
{
	return distribution_names[kind];
}

static DistributionKind
choose_kind(double dispersion)
{
	if (dispersion > 1)
		return DISTRIBUTION_NEGATIVE_BINOMIAL;
	return dispersion < 1 ? DISTRIBUTION_NORMAL : DISTRIBUTION_POISSON;
}

MerchStatus
distribution_set(DistributionKind kind, double mean, double dispersion,
				 Distribution *demand, MerchFault *fault)
{
	fault->number = mean;
	if (!(mean >= 0 && mean <= DISTRIBUTION_MEAN_LIMIT))
		return MERCH_MEAN_OUT_OF_RANGE;
	fault->number = dispersion;
	if (!(dispersion > 0 && dispersion <= DISTRIBUTION_DISPERSION_LIMIT))
		return MERCH_DISPERSION_OUT_OF_RANGE;
	if (kind == DISTRIBUTION_NEGATIVE_BINOMIAL && dispersion < 1)
		return MERCH_DISPERSION_BELOW_ONE;
	if (kind == DISTRIBUTION_AUTO)
		kind = choose_kind(dispersion);
	if (kind == DISTRIBUTION_POISSON)
		dispersion = 1;

	*demand = (Distribution) {.kind = kind,.mean = mean,.dispersion = dispersion};
	demand->excess = kind == DISTRIBUTION_NORMAL ? 0 : dispersion - 1;
	demand->size = demand->excess > 0 ? mean / demand->excess : HUGE_VAL;
	demand->slope = demand->excess / dispersion;
	demand->start = mean / dispersion;
	demand->deviation = sqrt(mean) * sqrt(dispersion);
	/* all of it at 0 but for less than a double can say */
	if (mean < DBL_MIN || demand->size < DBL_MIN)
		demand->mean = 0;
	return MERCH_OK;
}

/*
 * log(x!) less Stirling's formula for it: the series from 10 on, below by
 * x! = (x + n)! / ((x + 1) ... (x + n)).
 */
static double
stirling_error(double x)
{
	double		y = x;
	double		product = 1;
	double		steps = 0;
	double		square;
	double		series;

	while (y < 10)
	{
		y += 1;
		steps += 1;
		product *= y;
	}
	square = y * y;
	series = (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - (1.0 / 1188 - 691.0 / 360360 / square)
			  / square) / square) / square) / square) / y;
	if (steps == 0)
		return series;
	return series + (y + 0.5) * log(y) - (x + 0.5) * log(x) - steps - log(product);
}

/* x log(x / at) + at - x, where the distance x - at is known without cancellation. */
static double
deviance(double x, double at, double distance)
{
	double		ratio = distance / (x + at);
	double		sum = distance * ratio;
	double		term = 2 * x * ratio;

	if (fabs(ratio) > 0.1)
		return x * log(x / at) - distance;
	for (int i = 3; i < 1000; i += 2)
	{
		double		next;

		term *= ratio * ratio;
		next = sum + term / i;
		if (next == sum)
			break;
		sum = next;
	}
	return sum;
}

/* P(D = 0) of a negative binomial or Poisson demand, as a logarithm. */
static double
log_mass_at_zero(const Distribution *demand)
{
	if (demand->excess > 0)
		return -demand->size * log1p(demand->excess);
	return -demand->mean;
}

/* By how much exp(-deviance) at k is below its peak: a bound on P(D <= k), k <= mean. */
static double
total_deviance(const Distribution *demand, double k)
{
	double		distance = (k - demand->mean) / demand->dispersion;
	double		expected = demand->start + k * demand->slope;
	double		sum = deviance(k, expected, distance);

	if (demand->excess > 0)
		sum += deviance(demand->size, (demand->size + k) / demand->dispersion, -distance);
	return sum;
}

/* P(D = k) for k >= 0 of a negative binomial or Poisson demand. */
static double
mass(const Distribution *demand, double k)
{
	double		size = demand->size;
	double		exponent;

	if (k == 0)
		return exp(log_mass_at_zero(demand));
	exponent = -stirling_error(k) - total_deviance(demand, k) - 0.5 * (LOG_TWO_PI + log(k));
	if (demand->excess > 0)
		exponent += stirling_error(size + k) - stirling_error(size) - 0.5 * log1p(k / size);
	return exp(exponent);
}

typedef struct Fraction
{
	double		value;
	double		c;
	double		d;
} Fraction;

/* One more term of a continued fraction (Lentz); whether the value has settled. */
static bool
add_term(Fraction *fraction, double a, double b)
{
	double		change;

	fraction->d = b + a * fraction->d;
	fraction->c = b + a / fraction->c;
	if (fraction->d == 0)
		fraction->d = DBL_MIN;
	if (fraction->c == 0)
		fraction->c = DBL_MIN;
	fraction->d = 1 / fraction->d;
	change = fraction->c * fraction->d;
	fraction->value *= change;
	return fabs(change - 1) <= DBL_EPSILON;
}

#define MOST_TERMS 100000000

/*
 * P(D >= k) / (k P(D = k)): the incomplete beta function's fraction with a = k,
 * b = size and x = slope, where b x = start.
 */
static double
upper_fraction(const Distribution *demand, double k)
{
	double		x = demand->slope;
	double		bx = demand->start;
	double		lambda = (k - demand->mean) / demand->dispersion;
	double		start = k * (lambda + 1) / (k + 1);
	Fraction	fraction;

	if (start == 0)
		start = DBL_MIN;
	fraction = (Fraction) {.value = start,.c = start};
	for (double m = 1; m < MOST_TERMS; m++)
	{
		double		below = k + 2 * m - 1;
		double		rest = m * (bx - m * x) / below;
		double		a = (k + m - 1) / below * (bx + (k + m - 1) * x) * rest;
		double		b = m + rest + (k + m) * (lambda + 1 + m * (2 - x)) / (below + 2);

		if (add_term(&fraction, a, b))
			break;
	}
	return 1 / fraction.value;
}

/*
 * P(D < k) / (k P(D = k)): the same fraction with a = size, b = k, x = 1 /
 * dispersion, divided by the size where that may be infinite.
 */
static double
lower_fraction(const Distribution *demand, double k)
{
	double		x = 1 / demand->dispersion;
	double		inverse = demand->excess / demand->mean;
	double		lambda = (demand->mean - k) / demand->dispersion;
	double		start = (lambda + 1) / (1 + inverse);
	Fraction	fraction;

	if (start == 0)
		start = DBL_MIN;
	fraction = (Fraction) {.value = start,.c = start};
	for (double m = 1; m < MOST_TERMS; m++)
	{
		double		below = 1 + (2 * m - 1) * inverse;
		double		rest = m * (k - m) * x / below;
		double		a = (1 + (m - 1) * inverse) / below * (1 + (k + m - 1) * inverse) * rest * x;
		double		b = m + rest * inverse +
			(1 + m * inverse) * (lambda + 1 + m * (2 - x)) / (below + 2 * inverse);

		if (add_term(&fraction, a, b))
			break;
	}
	return 1 / fraction.value;
}

/*
 * The two tails at k >= 1, given P(D = k) unless the demand is normal: the smaller is
 * computed, the other is what it leaves. The bound is where the fractions converge
 * equally fast; with a size below 1 almost all may be at 0, and the upper tail is small
 * for any k.
 */
static void
find_tails(const Distribution *demand, double k, double mass_at_k, double *below, double *at_least)
{
	if (demand->kind == DISTRIBUTION_NORMAL)
	{
		double		distance = k - 0.5 - demand->mean;
		double		z = distance == 0 ? 0 : distance / demand->deviation * SQRT_HALF;

		*below = 0.5 * erfc(-z);
		*at_least = 0.5 * erfc(z);
	}
	else if (k == 1)
	{
		*below = exp(log_mass_at_zero(demand));
		*at_least = -expm1(log_mass_at_zero(demand));
	}
	else if (k > demand->mean + demand->excess - 1 || demand->size < 1)
	{
		*at_least = mass_at_k * k * upper_fraction(demand, k);
		*below = 1 - *at_least;
	}
	else
	{
		*below = mass_at_k * k * lower_fraction(demand, k);
		*at_least = 1 - *below;
	}
}

/* Both tails for any k. */
static void
tails(const Distribution *demand, int64_t k, double *below, double *at_least)
{
	if (k <= 0 || demand->mean == 0)
	{
		*below = k > 0;
		*at_least = k <= 0;
	}
	else
		find_tails(demand, (double) k,
				   demand->kind == DISTRIBUTION_NORMAL ? 0 : mass(demand, (double) k),
				   below, at_least);
}

double
distribution_at_least(const Distribution *demand, int64_t k)
{
	double		below;
	double		at_least;

	tails(demand, k, &below, &at_least);
	return at_least;
}

double
distribution_below(const Distribution *demand, int64_t k)
{
	double		below;
	double		at_least;

	tails(demand, k, &below, &at_least);
	return below;
}

double
distribution_mass(const Distribution *demand, int64_t k)
{
	if (k < 0)
		return 0;
	if (demand->mean == 0)
		return k == 0;
	if (demand->kind != DISTRIBUTION_NORMAL)
		return mass(demand, (double) k);
	if (k == INT64_MAX)
		return 0;
	if ((double) k > demand->mean)
		return distribution_at_least(demand, k) - distribution_at_least(demand, k + 1);
	return distribution_below(demand, k + 1) - distribution_below(demand, k);
}

/* Integral of P(normal >= x) from 0 to z, in standard deviations. */
static double
normal_integral(double from, double to)
{
	double		density_from = exp(-0.5 * from * from - 0.5 * LOG_TWO_PI);
	double		density_to = exp(-0.5 * to * to - 0.5 * LOG_TWO_PI);

	return to * 0.5 * erfc(to * SQRT_HALF) - density_to
		- (from * 0.5 * erfc(from * SQRT_HALF) - density_from);
}

/* First, third and fifth derivative of P(normal >= x) in units of deviation, weighted
 * as Euler and Maclaurin's formula for the midpoint rule wants them. */
static double
normal_correction(double z, double deviation)
{
	double		density = exp(-0.5 * z * z - 0.5 * LOG_TWO_PI);
	double		square = z * z;
	double		first = -density / deviation;
	double		third = -density * (square - 1) / (deviation * deviation * deviation);
	double		fifth = -density * (square * square - 6 * square + 3) / pow(deviation, 5);

	return -first / 24 + 7 * third / 5760 - 31 * fifth / 967680;
}

/*
 * The sum of P(D >= k) for k = 1 to units. Far below the mean these are 1 and far above
 * it 0; between, they are added up one by one, or, where there are many, by the integral.
 */
static double
normal_expected_sales(const Distribution *demand, double units)
{
	double		sd = demand->deviation;
	double		first = fmin(units, fmax(0, floor(demand->mean - 9 * sd)));
	double		last = fmin(units, ceil(demand->mean + 9 * sd) + 1);
	double		sum = 0;

	if (sd > 16)
	{
		double		from = (first - demand->mean) / sd;
		double		to = (last - demand->mean) / sd;

		return first + sd * normal_integral(from, to)
			+ normal_correction(to, sd) - normal_correction(from, sd);
	}
	for (double k = last; k > first; k--)
	{
		double		below;
		double		at_least;

		find_tails(demand, k, 0, &below, &at_least);
		sum += at_least;
	}
	return first + sum;
}

double
distribution_expected_sales(const Distribution *demand, int64_t units)
{
	Distribution next = *demand;
	double		sales;

	if (units <= 0 || demand->mean == 0)
		return 0;
	if (demand->kind == DISTRIBUTION_NORMAL)
		return normal_expected_sales(demand, (double) units);
	next.mean += next.excess;
	next.size += 1;
	next.start += next.slope;
	sales = demand->mean * distribution_below(&next, units - 1);
	sales += (double) units * distribution_at_least(demand, units);
	return fmin(sales, fmin(demand->mean, (double) units));
}

/* Whether P(D <= q) >= probability, decided by the tail that is precise. */
static bool
reaches(const Distribution *demand, double probability, int64_t q)
{
	double		below;
	double		at_least;

	if (q == INT64_MAX)
		return true;
	tails(demand, q + 1, &below, &at_least);
	return probability < 0.5 ? below >= probability : at_least <= 1 - probability;
}

/*
 * About where the quantile is: that of the normal distribution (Abramowitz and Stegun,
 * 26.2.23), corrected for skewness (Cornish and Fisher's first term).
 */
static int64_t
guess_quantile(const Distribution *demand, double probability)
{
	double		t = sqrt(-2 * log(fmax(fmin(probability, 1 - probability), DBL_MIN)));
	double		z = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
		(1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
	double		skewed = 0;

	if (probability < 0.5)
		z = -z;
	if (demand->kind != DISTRIBUTION_NORMAL)
		skewed = (demand->dispersion + demand->excess) * (z * z - 1) / 6;
	return (int64_t) fmin(fmax(demand->mean + demand->deviation * z + skewed, 0), 0x1p62);
}

/* From a guess in steps that double, then by halves. */
MerchStatus
distribution_quantile(const Distribution *demand, double probability,
					  int64_t *quantile, MerchFault *fault)
{
	int64_t		low = -1;		/* does not reach it */
	int64_t		high;			/* does */
	int64_t		step = 1 + (int64_t) (demand->deviation / 64);

	fault->number = probability;
	if (!(probability >= 0 && probability < 1))
		return MERCH_PROBABILITY_OUT_OF_RANGE;
	high = guess_quantile(demand, probability);
	if (reaches(demand, probability, high))
	{
		while (high > step && reaches(demand, probability, high - step))
		{
			high -= step;
			step = step > INT64_MAX / 2 ? step : 2 * step;
		}
		if (high > step)
			low = high - step;
	}
	else
		do
		{
			low = high;
			high = high > INT64_MAX - step ? INT64_MAX : high + step;
			step = step > INT64_MAX / 2 ? step : 2 * step;
		} while (!reaches(demand, probability, high));
	while (high - low > 1)
	{
		int64_t		middle = low + (high - low) / 2;

		if (reaches(demand, probability, middle))
			high = middle;
		else
			low = middle;
	}
	*quantile = high;
	return MERCH_OK;
}

void
demand_walk_anchor(DemandWalk *walk, const Distribution *demand)
{
	double		below;

	if (walk->flat)
		walk->mass = 0;
	else if (walk->k == 1)
		walk->mass = exp(log_mass_at_zero(demand)) * demand->start;
	else
		walk->mass = mass(demand, walk->k);
	if (demand->mean == 0)
		walk->at_least = 0;
	else
		find_tails(demand, walk->k, walk->mass, &below, &walk->at_least);
	if (walk->at_least < DEMAND_WALK_END)
		walk->at_least = walk->mass = 0;
	walk->anchor = walk->at_least;
	walk->steps = 0;
}

/*
 * The last k from `from` on with P(D < k) below exp(-NEGLIGIBLE_LOG), by Chernoff's bound,
 * which is the exponential of the deviance below the mean. `from` if there is none.
 */
static double
end_of_certainty(const Distribution *demand, double from)
{
	double		low = fmax(from, 2);
	double		high = floor(demand->mean);

	if (log_mass_at_zero(demand) > -1.5 * NEGLIGIBLE_LOG || low >= high ||
		total_deviance(demand, low - 1) < NEGLIGIBLE_LOG)
		return from;
	while (high - low > 1)
	{
		double		middle = floor(low + (high - low) / 2);

		if (total_deviance(demand, middle - 1) < NEGLIGIBLE_LOG)
			high = middle;
		else
			low = middle;
	}
	return low;
}

/* As far as stepping there is faster than computing a tail. */
#define NEAR_ZERO 32

void
demand_walk_start(DemandWalk *walk, const Distribution *demand, double from)
{
	*walk = (DemandWalk) {.k = from};
	walk->flat = demand->kind == DISTRIBUTION_NORMAL || demand->mean == 0;
	if (!walk->flat)
	{
		walk->k = end_of_certainty(demand, from);
		if (walk->k <= NEAR_ZERO && log_mass_at_zero(demand) > -10 * NEGLIGIBLE_LOG)
			walk->k = 1;
	}
	else if (demand->mean > 0)
		walk->k = fmax(from, floor(demand->mean - 9 * demand->deviation));
	demand_walk_anchor(walk, demand);
	while (walk->k < from)
		demand_walk_step(walk, demand);
}
