/* Runs seeds, one after the other, and says what it found. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/sim.h"

/* Failing seeds that are printed with their last lines; the others are only named. */
#define MAX_DETAILS 3
/* Every so many seeds, one is run twice and has to leave the same trace. */
#define SEEDS_A_REPLAY 50

struct order {
	uint64_t first;
	uint64_t seeds;
	bool trace;
	bool one; /* the first failure is enough */
};

/* For on_abort() alone: an assertion of the allocator's, or worse, ends the program, and the seed must not be
 * lost. */
static volatile sig_atomic_t seed_high;
static volatile sig_atomic_t seed_low;

static void on_abort(int number)
{
	char line[] = "sim: seed 0x0000000000000000 aborted\n";

	(void)number;
	for (int i = 0; i < 8; i++) {
		line[13 + i] = "0123456789abcdef"[(unsigned int)seed_high >> (28 - 4 * i) & 15];
		line[21 + i] = "0123456789abcdef"[(unsigned int)seed_low >> (28 - 4 * i) & 15];
	}
	(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	_exit(EXIT_FAILURE);
}

static void remember_seed(uint64_t seed)
{
	seed_high = (sig_atomic_t)(seed >> 32);
	seed_low = (sig_atomic_t)seed;
}

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- one seed ---- */

static void tell_failure(struct sim *s, uint64_t seed, bool details)
{
	struct sim_tally tally = s->tally;

	printf("seed %llu failed at step %llu: %s\n", (unsigned long long)seed, (unsigned long long)s->steps,
	       s->failure);
	printf("  replay: build/tests/sim/sim --seed %llu --trace\n", (unsigned long long)seed);
	if (!details)
		return;
	(void)sim_run(s, seed, TRACE_TAIL);
	trace_print_tail(&s->trace);
	s->tally = tally;
}

/* The same seed leaves the same trace. */
static bool replays(struct sim *s, uint64_t seed)
{
	struct sim_tally tally = s->tally;
	uint64_t sum;
	uint64_t lines;

	(void)sim_run(s, seed, TRACE_SUM);
	sum = s->trace.sum;
	lines = s->trace.lines;
	(void)sim_run(s, seed, TRACE_SUM);
	s->tally = tally;
	if (s->trace.sum == sum && s->trace.lines == lines)
		return true;
	printf("seed %llu failed: two runs differ\n", (unsigned long long)seed);
	return false;
}

static bool run_seed(struct sim *s, uint64_t seed, bool details)
{
	remember_seed(seed);
	if (!sim_run(s, seed, TRACE_OFF)) {
		tell_failure(s, seed, details);
		return false;
	}
	return seed % SEEDS_A_REPLAY != 0 || replays(s, seed);
}

/* ---- all of them ---- */

static void print_tally(const struct sim_tally *t, uint64_t first, double seconds)
{
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
}

static int run_all(struct sim *s, const struct order *order)
{
	double start_s = now_s();
	uint64_t failed = 0;
	uint64_t i;

	for (i = 0; i < order->seeds && !(order->one && failed > 0); i++)
		failed += !run_seed(s, order->first + i, failed < MAX_DETAILS);
	print_tally(&s->tally, order->first, now_s() - start_s);
	printf("sim: %llu passed, %llu failed\n", (unsigned long long)(i - failed),
	       (unsigned long long)failed);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int trace_one(struct sim *s, uint64_t seed)
{
	bool passed;

	remember_seed(seed);
	passed = sim_run(s, seed, TRACE_ALL);
	if (!passed)
		printf("seed %llu failed at step %llu: %s\n", (unsigned long long)seed,
		       (unsigned long long)s->steps, s->failure);
	printf("sim: %d passed, %d failed\n", passed, !passed);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool parse_number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0';
}

static int usage(void)
{
	(void)fputs("usage: sim [--first N] [--seeds N] [--one] | --seed N [--trace]\n  --one    end at the "
		    "first seed that fails\n",
		    stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"first", required_argument, NULL, 'f'}, {"seeds", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},  {"trace", no_argument, NULL, 't'},
		{"one", no_argument, NULL, 'o'},         {NULL, 0, NULL, 0},
	};
	struct order order = {.first = 1, .seeds = 100};
	struct sim *s;
	int c;
	int rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 't')
			order.trace = true;
		else if (c == 'o')
			order.one = true;
		else if (c == '?' || !parse_number(optarg, c == 'n' ? &order.seeds : &order.first))
			return usage();
		if (c == 's')
			order.seeds = 1;
	}
	if (optind != argc)
		return usage();
	(void)signal(SIGABRT, on_abort);
	(void)signal(SIGSEGV, on_abort);
	s = sim_alloc(1, sizeof(*s));
	rc = order.trace ? trace_one(s, order.first) : run_all(s, &order);
	sim_free(s);
	free(s);
	return rc;
}
