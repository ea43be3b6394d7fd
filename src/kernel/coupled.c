/*
 * coupled.c
 *	  Moves the prices of what is scarce until the bound they prove and the plan
 *	  they lead to are close.
 */
#include "coupled_job.h"

/* Repairs are dearer than bounds, and near each other lead to the same plan. */
#define ROUNDS_PER_PLAN 4

/* A stage of strides is over when so many rounds in a row gained less than so much. */
#define STALLED_ROUNDS 8
#define STALLED_PPM 10

/* From stage to stage wants harden; see softness(). Prices are polished in the end. */
#define FIRST_SOFT_BITS 5
#define STAGE_SOFT_BITS 2
#define MOST_SOFT_BITS 12

/* Polishing: rounds without gain before the pace is taken down, and how it changes. */
#define PATIENCE 6
#define FIRST_PACE 0.2
#define SLOWER 0.66
#define FASTER 1.05

typedef struct Search
{
	int128_t	stage_bound;	/* the best of the stage; while polishing, of all */
	size_t		stalled;		/* rounds without a notable gain */
	bool		polishing;
	double		pace;			/* of polishing: share of the gap that a step aims at */
} Search;

typedef struct Layout
{
	size_t		rows;
	size_t		lanes;
	size_t		places;
	size_t		sums;
	size_t		candidates;
	size_t		heap;
	size_t		exact;
	size_t		bytes;
} Layout;

/* Rows and places come first: they hold 128 bits, what follows no more than 64. */
static Layout
lay_out(const CoupledInput *input, const ExactLayout *exact)
{
	Layout		at = {0};

	at.places = at.rows + (input->resources + input->sources) * sizeof(Row);
	at.lanes = at.places + input->places * sizeof(Place);
	at.sums = at.lanes + input->lanes * sizeof(Lane);
	at.candidates = at.sums + (input->packs + input->places) * sizeof(int64_t);
	at.heap = at.candidates + input->lanes * sizeof(Candidate);
	at.exact = at.heap + input->lanes * sizeof(Candidate *);
	at.bytes = at.exact + exact->bytes;
	return at;
}

size_t
coupled_scratch_size(const CoupledInput *input)
{
	ExactLayout exact = coupled_exact_layout(input);

	if (exact.scratch_bytes == SIZE_MAX)
		return SIZE_MAX;
	return _Alignof(Row) + lay_out(input, &exact).bytes;
}

static void
divide_scratch(Job *job, void *scratch)
{
	ExactLayout exact = coupled_exact_layout(job->input);
	Layout		at = lay_out(job->input, &exact);
	uintptr_t	address = (uintptr_t) scratch + _Alignof(Row) - 1;
	char	   *base = (char *) scratch + (address - address % _Alignof(Row) - (uintptr_t) scratch);

	job->rows = (Row *) (base + at.rows);
	job->lanes = (Lane *) (base + at.lanes);
	job->places = (Place *) (base + at.places);
	job->sums = (int64_t *) (base + at.sums);
	job->candidates = (Candidate *) (base + at.candidates);
	job->heap = (Candidate **) (base + at.heap);
	coupled_exact_divide(&job->exact, &exact, base + at.exact);
	job->n_rows = job->input->resources + job->input->sources;
}

static int128_t
bound_in_quanta(const Job *job)
{
	return job->best_bound >> COUPLED_PRICE_BITS;
}

static bool
close_enough(const Job *job)
{
	int128_t	gap = bound_in_quanta(job) - job->value;
	int128_t	plain = job->value - job->premium;

	return gap == 0 || (plain > 0 && gap <= MOST_WIDE / 1000000 &&
						gap * 1000000 / plain < job->input->gap_ppm);
}

static void
keep_bound(Job *job)
{
	if (job->bound >= job->best_bound)
		return;
	job->best_bound = job->bound;
	for (size_t r = 0; r < job->n_rows; r++)
		job->rows[r].best_price = job->rows[r].price;
}

static void
set_price(Row *row, int64_t price)
{
	row->price = price < 0 ? 0 : price > row->most_price ? row->most_price : price;
}

/* Each price by itself: the faster, the longer its excess has had the same sign. */
static void
stride(Row *row)
{
	int128_t	excess = row->load - ((int128_t) row->limit << SHARE_BITS);
	int			sign = excess > 0 ? 1 : excess < 0 ? -1 : 0;

	if (sign == 0 || (sign < 0 && row->price == 0))
	{
		row->sign = 0;
		return;
	}
	if (row->sign == sign)
		row->step += row->step / 2 + 1;
	else if (row->sign == -sign)
		row->step = row->step / 2 + 1;
	if (row->step > row->most_price / 4 + 1)
		row->step = row->most_price / 4 + 1;
	row->sign = sign;
	set_price(row, row->price + sign * row->step);
}

/* The price that a row's relative moves are measured by; never 0. */
static double
price_scale(const Row *row)
{
	int64_t		least = row->most_price / 1024 + 1;

	return (double) (row->best_price > least ? row->best_price : least);
}

static double
mean_excess(const Row *row)
{
	return (double) (row->mean - ((int128_t) row->limit << SHARE_BITS)) / (1 << SHARE_BITS);
}

/*
 * The squared length of the mean excess, each row in the measure of its price and
 * limit. Added up as integers: a sum of doubles would depend on the rows' order.
 */
static double
excess_length(const Job *job)
{
	double		unit = (double) job->best_bound / (1 << 30) / (1 << 30) + 1;
	int128_t	length = 0;

	for (size_t r = 0; r < job->n_rows; r++)
	{
		const Row  *row = &job->rows[r];
		double		excess = mean_excess(row);
		double		term;

		if (row->limit == 0 || (excess < 0 && row->best_price == 0))
			continue;
		term = price_scale(row) * excess * excess / (double) row->limit / unit;
		length = add_wide(length, term < 1e30 ? (int128_t) term : (int128_t) 1 << 100);
	}
	return (double) length * unit;
}

/*
 * A subgradient step from the best prices along the mean excess of the last rounds:
 * as long as would close part of the gap if the bound fell along it as it starts.
 */
static void
polish(Job *job, double pace)
{
	double		gap = (double) (job->best_bound - job->value * (1 << COUPLED_PRICE_BITS));
	double		length;

	for (size_t r = 0; r < job->n_rows; r++)
		job->rows[r].mean += (job->rows[r].load - job->rows[r].mean) / 8;
	length = excess_length(job);
	if (length <= 0)
		return;
	for (size_t r = 0; r < job->n_rows; r++)
	{
		Row		   *row = &job->rows[r];
		double		most = (double) row->most_price;
		double		move;

		if (row->limit == 0)
			continue;
		move = pace * gap / length * price_scale(row) * mean_excess(row) / (double) row->limit;
		move = move > most ? most : move < -most ? -most : move;
		set_price(row, row->best_price + (int64_t) move);
	}
}

/* Bound and, if asked for, plan at the prices; exact: see coupled_exact.c. */
static MerchStatus
look(Job *job, bool exact, bool plan)
{
	MerchStatus status = MERCH_OK;

	job->flows_hold = false;
	if (exact && job->any_exact)
		status = coupled_exact(job);
	if (status == MERCH_OK)
		status = coupled_price(job);
	if (status != MERCH_OK)
		return status;
	keep_bound(job);
	return plan ? coupled_plan(job) : MERCH_OK;
}

/* What counts while striding is the stage: items apart may set a bound hard to beat. */
static void
note_bound(const Job *job, Search *search)
{
	int128_t	bound = search->polishing ? job->best_bound : job->bound;
	int128_t	gain = search->stage_bound - bound;

	if (gain > bound / 1000000 * STALLED_PPM)
		search->stalled = 0;
	else
		search->stalled++;
	if (gain <= 0)
		return;
	search->stage_bound = bound;
	if (search->polishing)
		search->pace *= FASTER;
}

/* Looks once more at the best prices, and starts to polish from there. */
static MerchStatus
begin_polishing(Job *job, Search *search)
{
	MerchStatus status;

	job->soft_bits = 0;
	for (size_t r = 0; r < job->n_rows; r++)
		job->rows[r].price = job->rows[r].best_price;
	status = look(job, true, true);
	for (size_t r = 0; r < job->n_rows; r++)
		job->rows[r].mean = job->rows[r].load;
	search->polishing = true;
	search->stage_bound = job->best_bound;
	return status;
}

/* Takes stock of a round: a stage may be over, or the pace too fast. */
static MerchStatus
end_round(Job *job, Search *search)
{
	note_bound(job, search);
	if (search->stalled < (search->polishing ? PATIENCE : STALLED_ROUNDS))
		return MERCH_OK;
	search->stalled = 0;
	if (search->polishing)
	{
		search->pace *= SLOWER;
		return MERCH_OK;
	}
	search->stage_bound = MOST_WIDE;
	job->soft_bits += STAGE_SOFT_BITS;
	return job->soft_bits > MOST_SOFT_BITS ? begin_polishing(job, search) : MERCH_OK;
}

static void
move_prices(Job *job, const Search *search)
{
	if (search->polishing)
		polish(job, search->pace);
	else
		for (size_t r = 0; r < job->n_rows; r++)
			stride(&job->rows[r]);
}

/*
 * Looks at the items apart, resources at no price: the answer if no limit binds. If
 * one does, the prices of sources are too high now, and would take longer to come
 * down than to rise from nothing.
 */
static MerchStatus
look_at_items_apart(Job *job)
{
	MerchStatus status = look(job, true, true);

	for (size_t r = job->input->resources; r < job->n_rows && job->any_exact; r++)
		job->rows[r].price = 0;
	job->soft_bits = FIRST_SOFT_BITS;
	return status;
}

static MerchStatus
search_prices(Job *job, size_t *rounds)
{
	Search		search = {.stage_bound = MOST_WIDE, .pace = FIRST_PACE};

	job->best_bound = MOST_WIDE;
	for (*rounds = 1;; ++*rounds)
	{
		bool		first = *rounds == 1;
		bool		last = *rounds >= job->input->rounds;
		bool		plan = last || *rounds % ROUNDS_PER_PLAN == 1;
		MerchStatus status = first ? look_at_items_apart(job) : look(job, false, plan);

		if (status != MERCH_OK || last || close_enough(job))
			return status;
		if (!first)
			status = end_round(job, &search);
		if (status != MERCH_OK || close_enough(job))
			return status;
		/* the first loads are those of sources at prices that were taken back */
		if (!first || !job->any_exact)
			move_prices(job, &search);
	}
}

static void
write_answer(const Job *job, CoupledAnswer *answer)
{
	size_t		resources = job->input->resources;

	for (size_t l = 0; l < job->input->lanes; l++)
		answer->packs[l] = job->lanes[l].best_packs;
	for (size_t r = 0; r < job->n_rows; r++)
	{
		if (r < resources)
			answer->resource_price[r] = job->rows[r].best_price;
		else
			answer->source_price[r - resources] = job->rows[r].best_price;
	}
	answer->value = job->value;
	answer->premium = job->premium;
	answer->bound = bound_in_quanta(job);
}

MerchStatus
coupled(const CoupledInput *input, CoupledAnswer *answer, void *scratch,
		MerchInterrupt interrupt, MerchFault *fault)
{
	Job			job = {.input = input, .interrupt = interrupt};
	MerchStatus status;

	*fault = (MerchFault) {0};
	divide_scratch(&job, scratch);
	status = coupled_load(&job, fault);
	/* what items are off by is to be a small part of the gap */
	job.slack_ppm = (input->gap_ppm < 1000000 ? input->gap_ppm : 1000000) / 64;
	if (status == MERCH_OK)
		status = search_prices(&job, &answer->rounds);
	if (status == MERCH_OK)
		write_answer(&job, answer);
	return status;
}

double
coupled_gap(const CoupledAnswer *answer)
{
	int128_t	gap = answer->bound - answer->value;
	int128_t	plain = answer->value - answer->premium;

	return (double) gap / (double) (plain > 1 ? plain : 1);
}
