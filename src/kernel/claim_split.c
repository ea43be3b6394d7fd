/*
 * claim_split.c
 *	  Splits the supplies of an item: run by run, source by source.
 */
#include "claim_job.h"

#include "expected.h"

void
claim_add_row(ClaimJob *job, size_t i, int64_t served)
{
	const Claim *claim = &job->claims[i];
	ClaimColumns *columns = &job->columns;
	size_t		row = columns->n;
	int64_t		pin = *claim_pin(job, i);
	int64_t		maximum = claim->maximum;

	if (job->pushing && (!claim->push || pin != CLAIM_NEW))
		return;
	if (maximum != CLAIM_NO_MAXIMUM)
		maximum = greater(maximum - served, 0);
	columns->n++;
	columns->claim[row] = i;
	columns->need[row] = job->pushing ? INT64_MAX : greater(claim->need - served, 0);
	columns->minimum[row] = job->pushing ? 0 :
		lesser(greater(claim->minimum - served, 0), maximum);
	columns->maximum[row] = maximum;
	if (pin != CLAIM_NEW)
		columns->need[row] = columns->minimum[row] = columns->maximum[row] =
			greater(pin - served, 0);
	columns->pack[row] = claim->pack;
	columns->position[row] = claim_add(claim->position, served);
	columns->key[row] = claim->location;
	columns->tier[row] = claim->tier;
	columns->mean[row] = claim->mean;
	columns->dispersion[row] = claim->dispersion;
	columns->value[row] = claim->value;
}

/* A fault in a row of the columns is one in the claim that the row stands for. */
MerchStatus
claim_report(ClaimJob *job, MerchStatus status)
{
	if (status != MERCH_OK && status != MERCH_CANCELLED && job->fault->row < job->columns.n)
		job->fault->row = job->columns.claim[job->fault->row];
	return status;
}

/* Surplus: the same quantity for all times mean demand, up to the room that each has. */
ApportionMethod
claim_apportion_method(const ClaimJob *job)
{
	return job->pushing ? APPORTION_EVEN : (ApportionMethod) job->claims[job->run->from].method;
}

ApportionInput
claim_apportion_input(const ClaimJob *job, int64_t supply)
{
	const ClaimColumns *columns = &job->columns;

	return (ApportionInput) {
		.supply = supply,
		.n = columns->n,
		.need = columns->need,
		.minimum = columns->minimum,
		.maximum = columns->maximum,
		.pack = columns->pack,
		.tier = columns->tier,
		.weight = job->pushing ? columns->mean : NULL,
		.position = columns->position,
		.key = columns->key
	};
}

static MerchStatus
solve_expected(ClaimJob *job, int64_t supply)
{
	const ClaimColumns *columns = &job->columns;
	ExpectedInput input = {
		.distribution = (DistributionKind) job->claims[columns->claim[0]].distribution,
		.supply = supply,
		.n = columns->n,
		.mean = columns->mean,
		.dispersion = columns->dispersion,
		.value = columns->value,
		.minimum = columns->minimum,
		.maximum = columns->maximum,
		.pack = columns->pack,
		.tier = columns->tier,
		.position = columns->position,
		.key = columns->key
	};

	return expected(&input, columns->quantity, job->solver, job->interrupt, NULL, job->fault);
}

MerchStatus
claim_solve(ClaimJob *job, int64_t supply)
{
	ApportionInput input;

	if (claim_is_expected(job) && !job->pushing)
		return claim_report(job, solve_expected(job, supply));
	input = claim_apportion_input(job, supply);
	return claim_report(job, apportion(claim_apportion_method(job), &input, job->columns.quantity,
									   job->solver, job->interrupt, NULL, job->fault));
}

/* The ceiling is a rule, and what a location has is not. */
bool
claim_pin_small_change(ClaimJob *job, size_t i, int64_t current, int64_t quantity)
{
	const Claim *claim = &job->claims[i];

	if (current == CLAIM_NEW || current == quantity || *claim_pin(job, i) != CLAIM_NEW ||
		current > claim->maximum ||
		greater(current - quantity, quantity - current) >= claim->threshold)
		return false;
	*claim_pin(job, i) = current;
	return true;
}

/* Splits what a source has among its claims, on top of their shares so far. */
static MerchStatus
share_out(ClaimJob *job, size_t source, int64_t *supply)
{
	ClaimColumns *columns = &job->columns;
	MerchStatus status;

	columns->n = 0;
	for (size_t i = job->run->from; i < job->run->to; i++)
		if (job->index->source_of[i] == source)
			claim_add_row(job, i, job->shares[i].quantity);
	if (columns->n == 0)
		return MERCH_OK;
	status = claim_solve(job, *supply);
	for (size_t row = 0; row < columns->n && status == MERCH_OK; row++)
	{
		job->shares[columns->claim[row]].quantity += columns->quantity[row];
		*supply -= columns->quantity[row];
	}
	return status;
}

/* Pins the small changes at a source, and takes all shares back if there are any. */
static bool
pin_small_changes(ClaimJob *job, size_t source)
{
	bool		pinned = false;

	for (size_t i = job->run->from; i < job->run->to; i++)
		if (job->index->source_of[i] == source &&
			claim_pin_small_change(job, i, job->claims[i].current, job->shares[i].quantity))
			pinned = true;
	for (size_t i = job->run->from; i < job->run->to && pinned; i++)
		if (job->index->source_of[i] == source)
			job->shares[i].quantity = job->claims[i].fixed;
	return pinned;
}

/* All claims of the source have the same supply. */
static MerchStatus
split_source(ClaimJob *job, size_t source, int64_t supply)
{
	int64_t		left;
	MerchStatus status;

	do
	{
		left = supply;
		status = share_out(job, source, &left);
		if (status == MERCH_OK && left > 0 && job->run->pushes)
		{
			job->pushing = true;
			status = share_out(job, source, &left);
			job->pushing = false;
		}
	}
	while (status == MERCH_OK && job->run->renews && pin_small_changes(job, source));
	job->index->source[source].taken += supply - left;
	return status;
}

static MerchStatus
split_by_source(ClaimJob *job)
{
	MerchStatus status = MERCH_OK;

	for (size_t i = job->run->from; i < job->run->to && status == MERCH_OK; i++)
	{
		size_t		number = job->index->source_of[i];
		ClaimSource *source;

		if (number == CLAIM_NO_SOURCE)
			continue;
		source = &job->index->source[number];
		if (source->first != CLAIM_NO_SOURCE && source->first >= job->run->from)
			continue;
		source->first = i;
		status = split_source(job, number, claim_available(job, i));
	}
	return status;
}

int64_t
claim_fence_left(const ClaimJob *job, size_t i)
{
	const ClaimFence *fence = job->index->fence;
	const Claim *claim = &job->claims[i];

	if (claim->fence <= 0)
		return 0;
	while (fence->source != job->index->source_of[i] || fence->channel != claim->channel)
		fence++;
	return greater(claim->fence - fence->taken, 0);
}

/* Whether a claim's source has a pack left for it. */
static bool
has_pack_left(const ClaimJob *job, size_t i)
{
	return claim_available(job, i) >= job->claims[i].pack - claim_fence_left(job, i);
}

static ShareReason
find_reason(const ClaimJob *job, size_t from, size_t to, int64_t total)
{
	const Claim *claim = &job->claims[from];
	bool		source = false;
	bool		left = false;

	for (size_t i = from; i < to; i++)
	{
		source = source || job->claims[i].supply != CLAIM_NO_SUPPLY || job->claims[i].fence > 0;
		left = left || has_pack_left(job, i);
	}
	if (claim->maximum != CLAIM_NO_MAXIMUM && total > claim->maximum - claim->pack)
		return SHARE_CAPACITY;
	if (!source)
		return SHARE_NO_SOURCE;
	return left && claim->method == CLAIM_EXPECTED_SALES ? SHARE_WORTH : SHARE_SUPPLY;
}

/*
 * Books a location's need: what other lanes bring is their part of it, the rest stands on
 * the preferred lane, met or not.
 */
static void
book_need(ClaimJob *job, size_t from, size_t to)
{
	int64_t		total = 0;
	int64_t		others = 0;

	for (size_t i = from; i < to; i++)
	{
		total += job->shares[i].quantity;
		if (job->claims[i].preference != 1)
			others += job->shares[i].quantity;
	}
	for (size_t i = from; i < to; i++)
	{
		Share	   *share = &job->shares[i];

		share->total = total;
		share->need = job->claims[i].preference == 1 ?
			greater(job->claims[i].need - others, 0) : share->quantity;
		share->reason = share->quantity < share->need ? find_reason(job, from, to, total) : SHARE_MET;
	}
}

static void
end_run(ClaimJob *job)
{
	size_t		from = job->run->from;

	for (size_t to = from + 1; to <= job->run->to; to++)
		if (to == job->run->to || !claim_same_location(&job->claims[to], &job->claims[from]))
		{
			book_need(job, from, to);
			from = to;
		}
}

/* Splits one run on what those before it left. */
static MerchStatus
split_run(ClaimJob *job, const ClaimRun *run)
{
	MerchStatus status;

	job->run = run;
	for (size_t i = run->from; i < run->to; i++)
	{
		job->shares[i] = (Share) {.quantity = job->claims[i].fixed};
		*claim_pin(job, i) = CLAIM_NEW;
	}
	status = run->pooled ? claim_split_pooled(job) : split_by_source(job);
	if (status == MERCH_OK)
		end_run(job);
	return status;
}

void
claim_begin(ClaimIndex *index)
{
	for (size_t source = 0; source < index->sources; source++)
	{
		index->source[source].taken = 0;
		index->source[source].first = CLAIM_NO_SOURCE;
	}
	for (size_t fence = 0; fence < index->fences; fence++)
		index->fence[fence].taken = 0;
}

MerchStatus
claim_split_run(ClaimIndex *index, size_t run, const Claim *claims, Share *shares,
				void *scratch, MerchInterrupt interrupt, MerchFault *fault)
{
	ClaimJob	job = {.index = index, .claims = claims, .shares = shares, .interrupt = interrupt,
		.fault = fault};

	claim_divide_scratch(&job, index, scratch);
	return split_run(&job, &index->run[run]);
}

void
claim_book_run(ClaimIndex *index, size_t run, const Claim *claims, Share *shares)
{
	ClaimJob	job = {.index = index, .run = &index->run[run], .claims = claims, .shares = shares};

	end_run(&job);
}

MerchStatus
claim_split(ClaimIndex *index, const Claim *claims, Share *shares, void *scratch,
			MerchInterrupt interrupt, MerchFault *fault)
{
	ClaimJob	job = {.index = index, .claims = claims, .shares = shares, .interrupt = interrupt,
		.fault = fault};
	MerchStatus status = MERCH_OK;

	claim_divide_scratch(&job, index, scratch);
	claim_begin(index);
	for (size_t r = 0; r < index->runs && status == MERCH_OK; r++)
		status = split_run(&job, &index->run[r]);
	return status;
}
