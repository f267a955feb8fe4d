/* The simulation of whole controllers: see sim/seeds.h for its command line. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/seeds.h"
#include "sim/whole/world.h"

static bool run(void *data, uint64_t seed, enum trace_mode mode)
{
	return world_run(data, seed, mode);
}

static const char *failure(const void *data, uint64_t *step)
{
	const struct world *w = data;

	*step = w->events;
	return w->failure;
}

static unsigned long long big(uint64_t n)
{
	return n;
}

/* Where @expected are, more than so many come once in a million times (Poisson). */
static uint64_t most_by_chance(double expected)
{
	double chance = exp(-expected);
	double left = 1 - chance;
	uint64_t n = 0;

	while (left > 1e-6) {
		chance *= expected / (double)++n;
		left -= chance;
	}
	return n;
}

/* The duplicates of tagged runs are no more than DESIGN states. */
static bool chance_holds(const struct tally *t)
{
	if (t->tagged_duplicates <= most_by_chance(t->tagged_chance))
		return true;
	printf("too many duplicates in tagged runs\n");
	return false;
}

static bool print_tally(const void *data, uint64_t first, double seconds)
{
	const struct world *w = data;
	const struct tally *t = &w->tally;

	printf("seeds %llu to %llu, %llu events (%.0f a second), %llu hours of virtual time\n", big(first),
	       big(first + t->runs - 1), big(t->events), (double)t->events / seconds,
	       big(t->virtual_s / 3600));
	printf("%llu processes, of which %llu led; %llu requests of theirs, %llu CIDs written; %llu "
	       "commits\n",
	       big(t->processes), big(t->leaders), big(t->requests), big(t->vmi_writes), big(t->commits));
	printf("%llu processes had given up writing against others\n", big(t->observers));
	printf("%llu terms raised for room; %llu fail-overs in calm runs, in time\n", big(t->steps),
	       big(t->fail_overs));
	printf("%llu writes landed after the right of their writer had ended; %llu CIDs drawn outside the "
	       "own "
	       "stripes, %llu duplicates outside the promise\n",
	       big(t->late_writes), big(t->overflows), big(t->unpromised));
	printf("%llu duplicates in tagged runs of a writer who could not know of a higher term\n",
	       big(t->unknowable));
	printf("%llu tagged runs: %llu Leases deleted or set back, %llu duplicates where %.4f are stated and "
	       "%llu pass\n",
	       big(t->tagged_runs), big(t->tagged_acts), big(t->tagged_duplicates), t->tagged_chance,
	       big(most_by_chance(t->tagged_chance)));
	printf("faults:");
	for (int i = 0; i < FAULT_COUNT; i++)
		printf("%s %s %llu", i == 0 ? "" : ",", fault_names[i], big(t->faults[i]));
	printf("\n");
	return chance_holds(t);
}

int main(int argc, char **argv)
{
	struct world *w = world_alloc(1, sizeof(*w));
	const struct simulation simulation = {
		.name = "sim-whole",
		.program = "build/tests/sim/whole",
		.run = run,
		.failure = failure,
		.print_tally = print_tally,
		.trace = &w->trace,
		.tally = &w->tally,
		.tally_size = sizeof(w->tally),
		.data = w,
	};
	int rc = seeds_main(&simulation, argc, argv);

	world_free(w);
	free(w);
	return rc;
}
