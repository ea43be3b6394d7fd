/*
 * transport_load.c
 *	  Loads a transport problem into the tree's arrays.
 *
 * The tree's cost a pivot grows with its sources. Where there are far more sources
 * than sinks the problem is turned around: the pieces of value become the sources,
 * with their units as supply, and the sources become sinks, whose units are worth
 * nothing where they stay. A lane then costs cost - value, and the sum of all that
 * is gained is the same.
 */
#include "transport_tree.h"
#include "units.h"

/*
 * How many sources there must be for each piece of value: the pieces of one sink
 * differ by a constant, and make a tree of many ties.
 */
#define TURNED_SOURCES_A_SINK 2
#define TURNED_SOURCES_A_PIECE 8

/* Takes the next array from the scratch memory; what follows it is aligned for anything. */
static void *
carve(char **next, size_t n, size_t width)
{
	size_t		unit = _Alignof(max_align_t);
	void	   *array = *next;

	*next += (n * width + unit - 1) / unit * unit;
	return array;
}

static bool
has_pieces(const TransportInput *input)
{
	return input->value != NULL && input->piece_start != NULL;
}

static size_t
count_pieces(const TransportInput *input)
{
	return has_pieces(input) ? input->piece_start[input->sinks] - input->piece_start[0] :
		input->sinks;
}

/* From twice the pieces on, lanes that cost cost - value keep prices within PRICE_LIMIT. */
static bool
is_turned(const TransportInput *input)
{
	size_t		times = has_pieces(input) ? TURNED_SOURCES_A_PIECE : TURNED_SOURCES_A_SINK;

	return input->sources / times >= count_pieces(input);
}

size_t
transport_scratch_size(const TransportInput *input)
{
	uint128_t	m = is_turned(input) ? count_pieces(input) : input->sources;
	uint128_t	n = is_turned(input) ? input->sources : input->sinks;
	uint128_t	bytes = m * n * sizeof(int64_t) + n * (sizeof(Sink) + sizeof(int32_t))
		+ m * (sizeof(Source) + 5 * sizeof(int64_t) + 2 * sizeof(int32_t))
		+ 12 * _Alignof(max_align_t);

	if (input->sources > INT32_MAX || input->sinks > INT32_MAX || bytes > SIZE_MAX)
		return SIZE_MAX;
	return (size_t) bytes;
}

static void
divide_scratch(Tree *tree, void *scratch, size_t m, size_t n)
{
	size_t		unit = _Alignof(max_align_t);
	char	   *next = (char *) scratch + (unit - (uintptr_t) scratch % unit) % unit;

	tree->cost = carve(&next, m * n, sizeof(int64_t));
	tree->sink = carve(&next, n, sizeof(Sink));
	tree->source = carve(&next, m, sizeof(Source));
	tree->price = carve(&next, m, sizeof(int64_t));
	tree->hint = carve(&next, m, sizeof(int64_t));
	tree->left = carve(&next, m, sizeof(int64_t));
	tree->supply = carve(&next, m, sizeof(int64_t));
	tree->worth = carve(&next, m, sizeof(int64_t));
	tree->exhausted = carve(&next, m, sizeof(int32_t));
	tree->owner = carve(&next, m, sizeof(int32_t));
	tree->order = carve(&next, n, sizeof(int32_t));
}

/* Where the pieces of a sink of the input start, and how many there are. */
static size_t
find_pieces(const TransportInput *input, size_t number, size_t *first)
{
	*first = number;
	if (!has_pieces(input))
		return 1;
	*first = input->piece_start[number];
	return input->piece_start[number + 1] - *first;
}

/* Points a sink to its pieces, cut to its need. False if it can't take anything. */
static bool
load_pieces(const Tree *tree, const TransportInput *input, size_t number, Sink *sink)
{
	size_t		first;
	size_t		pieces = find_pieces(input, number, &first);
	int64_t		need = tree->need[number];

	/* turned, or without pieces, what it can take is one piece */
	if (tree->turned || !has_pieces(input))
	{
		sink->units = &tree->need[number];
		pieces = 1;
	}
	else
		sink->units = input->piece_units + first;
	sink->value = tree->turned || input->value == NULL ? &tree->unit_value : input->value + first;
	sink->pieces = 0;
	for (size_t p = 0; p < pieces && need > 0; p++)
	{
		int64_t		units = sink->units[p] < need ? sink->units[p] : need;

		need -= units;
		if (units == 0)
			continue;
		sink->pieces = (int32_t) p + 1;
		sink->tail = units;
	}
	return sink->pieces > 0;
}

/*
 * A step through n sinks that reaches all of them, and that spreads every beginning
 * evenly: near the golden section of n.
 */
static int32_t
sample_step(int32_t n)
{
	int32_t		step = (int32_t) ((double) n * 0.6180339887498949);

	while (common_divisor(step, n) != 1)
		step++;
	return step;
}

static void
load_costs(const Tree *tree, const TransportInput *input, size_t number, int64_t *cost)
{
	for (size_t i = 0; i < (size_t) tree->m; i++)
	{
		int64_t		c = tree->turned ?
			input->cost[number * input->sinks + (size_t) tree->owner[i]] :
			input->cost[i * input->sinks + number];

		cost[i] = c == TRANSPORT_NO_LANE ? NO_LANE_COST : c - tree->worth[i];
	}
}

/* Loads the n sinks in the order of sampling, those that can't take anything left out. */
static bool
load_sinks(Tree *tree, const TransportInput *input, size_t n)
{
	int64_t		at = 0;
	int32_t		step;

	for (size_t j = 0; j < n; j++)
	{
		if (tree_cancelled(tree, 1))
			return false;
		if (load_pieces(tree, input, j, &tree->sink[tree->n]))
			tree->order[tree->n++] = (int32_t) j;
	}
	step = sample_step(tree->n);
	for (int32_t k = 0; k < tree->n; k++)
	{
		size_t		number = (size_t) tree->order[at];

		if (tree_cancelled(tree, (size_t) tree->m))
			return false;
		tree->sink[k] = (Sink) {.number = number, .parent = ROOT};
		load_pieces(tree, input, number, &tree->sink[k]);
		load_costs(tree, input, number, tree->cost + (size_t) k * (size_t) tree->m);
		at = (at + step) % tree->n;
	}
	return true;
}

/* Makes a source of every piece of value. */
static void
load_turned_sources(Tree *tree, const TransportInput *input)
{
	int64_t		unit_value = input->value == NULL ? (int64_t) transport_unit_value(input) : 0;
	int32_t		m = 0;

	for (size_t j = 0; j < input->sinks; j++)
	{
		size_t		first;
		size_t		pieces = find_pieces(input, j, &first);
		int64_t		need = input->need[j];

		for (size_t p = first; p < first + pieces; p++, m++)
		{
			int64_t		units = has_pieces(input) && input->piece_units[p] < need ?
				input->piece_units[p] : need;

			need -= units;
			tree->supply[m] = units;
			tree->worth[m] = input->value == NULL ? unit_value : input->value[p];
			tree->owner[m] = (int32_t) j;
		}
	}
}

static void
load_sources(Tree *tree, const TransportInput *input)
{
	for (size_t i = 0; i < input->sources; i++)
	{
		tree->supply[i] = input->supply[i];
		tree->worth[i] = 0;
	}
	if (input->value == NULL)
		tree->unit_value = (int64_t) transport_unit_value(input);
}

bool
transport_load(Tree *tree, const TransportInput *input, void *scratch)
{
	size_t		n = input->sinks;

	tree->turned = is_turned(input);
	tree->m = (int32_t) input->sources;
	tree->need = input->need;
	if (tree->turned)
	{
		tree->m = (int32_t) count_pieces(input);
		tree->need = input->supply;
		n = input->sources;
	}
	divide_scratch(tree, scratch, (size_t) tree->m, n);
	if (tree->turned)
		load_turned_sources(tree, input);
	else
		load_sources(tree, input);
	return load_sinks(tree, input, n);
}
