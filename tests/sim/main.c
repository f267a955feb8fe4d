/* The simulation of the allocator: see seeds.h for its command line. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/seeds.h"
#include "sim/sim.h"

static bool run(void *data, uint64_t seed, enum trace_mode mode)
{
	return sim_run(data, seed, mode);
}

static const char *failure(const void *data, uint64_t *step)
{
	const struct sim *s = data;

	*step = s->steps;
	return s->failure;
}

static bool print_tally(const void *data, uint64_t first, double seconds)
{
	const struct sim *s = data;
	const struct sim_tally *t = &s->tally;

	printf("seeds %llu to %llu, %llu events (%.2f million/s), %llu writes to objects\n",
	       (unsigned long long)first, (unsigned long long)(first + t->runs - 1),
	       (unsigned long long)t->events, (double)t->events / seconds / 1e6,
	       (unsigned long long)t->changes);
	printf("%llu requests of ours, %llu assignments, term raised for room %llu times, %llu drawn outside "
	       "the own stripe, %llu duplicates outside the promise\n",
	       (unsigned long long)t->requests, (unsigned long long)t->assignments,
	       (unsigned long long)t->steps, (unsigned long long)t->overflows,
	       (unsigned long long)t->unpromised);
	printf("faults:");
	for (int i = 0; i < FAULT_COUNT; i++)
		printf("%s %s %llu", i == 0 ? "" : ",", fault_names[i], (unsigned long long)t->faults[i]);
	printf("\n");
	return true;
}

int main(int argc, char **argv)
{
	struct sim *s = sim_alloc(1, sizeof(*s));
	const struct simulation simulation = {
		.name = "sim",
		.program = "build/tests/sim/sim",
		.run = run,
		.failure = failure,
		.print_tally = print_tally,
		.trace = &s->trace,
		.tally = &s->tally,
		.tally_size = sizeof(s->tally),
		.data = s,
	};
	int rc = seeds_main(&simulation, argc, argv);

	sim_free(s);
	free(s);
	return rc;
}
