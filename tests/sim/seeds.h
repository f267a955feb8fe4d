/**
 * seeds: the command line of a simulation: runs seeds, one after the other, and says what it found.
 *
 * Each 50th seed runs twice and has to leave the same trace. A seed that fails is named with the call that
 * replays it and the last lines of its trace; one that ends the program (an assertion) is named as well.
 */
#ifndef SIM_SEEDS_H
#define SIM_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/trace.h"

struct simulation {
	const char *name;    /* "sim": first word of the last line */
	const char *program; /* "build/tests/sim/sim" */
	/** Makes the run of @seed. False: it failed. */
	bool (*run)(void *data, uint64_t seed, enum trace_mode mode);
	/** What is known of the last run: why it failed, and at which step. */
	const char *(*failure)(const void *data, uint64_t *step);
	/** Prints what all runs added up to. False: together they break a rule that no single one does. */
	bool (*print_tally)(const void *data, uint64_t first, double seconds);
	struct trace *trace;
	void *tally; /* put back after a second run of a seed */
	size_t tally_size;
	void *data;
};

/** Does what the command line asks for. Returns the exit status. */
int seeds_main(const struct simulation *sim, int argc, char **argv);

#endif
