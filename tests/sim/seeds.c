#include "sim/seeds.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

/* For on_abort() alone: an assertion of the product's, or worse, ends the program, and the seed must not be
 * lost. */
static volatile sig_atomic_t seed_high;
static volatile sig_atomic_t seed_low;

static void on_abort(int number)
{
	char line[] = "sim: seed 0x0000000000000000 aborted\n";

	(void)number;
	for (int i = 0; i < 8; i++) {
		line[12 + i] = "0123456789abcdef"[(unsigned int)seed_high >> (28 - 4 * i) & 15];
		line[20 + i] = "0123456789abcdef"[(unsigned int)seed_low >> (28 - 4 * i) & 15];
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

static void print_failure(const struct simulation *sim, uint64_t seed)
{
	uint64_t step;
	const char *failure = sim->failure(sim->data, &step);

	printf("seed %llu failed at step %llu: %s\n", (unsigned long long)seed, (unsigned long long)step,
	       failure);
}

/* Runs @seed once more without counting it. */
static void run_again(const struct simulation *sim, uint64_t seed, enum trace_mode mode)
{
	void *tally = malloc(sim->tally_size);

	if (tally == NULL)
		abort();
	memcpy(tally, sim->tally, sim->tally_size);
	(void)sim->run(sim->data, seed, mode);
	memcpy(sim->tally, tally, sim->tally_size);
	free(tally);
}

static void tell_failure(const struct simulation *sim, uint64_t seed, bool details)
{
	print_failure(sim, seed);
	printf("  replay: %s --seed %llu --trace\n", sim->program, (unsigned long long)seed);
	if (!details)
		return;
	run_again(sim, seed, TRACE_TAIL);
	trace_print_tail(sim->trace);
}

/* The same seed leaves the same trace. */
static bool replays(const struct simulation *sim, uint64_t seed)
{
	uint64_t sum;
	uint64_t lines;

	run_again(sim, seed, TRACE_SUM);
	sum = sim->trace->sum;
	lines = sim->trace->lines;
	run_again(sim, seed, TRACE_SUM);
	if (sim->trace->sum == sum && sim->trace->lines == lines)
		return true;
	printf("seed %llu failed: two runs differ\n", (unsigned long long)seed);
	return false;
}

static bool run_seed(const struct simulation *sim, uint64_t seed, bool details)
{
	remember_seed(seed);
	if (!sim->run(sim->data, seed, TRACE_OFF)) {
		tell_failure(sim, seed, details);
		return false;
	}
	return seed % SEEDS_A_REPLAY != 0 || replays(sim, seed);
}

/* ---- all of them ---- */

static int run_all(const struct simulation *sim, const struct order *order)
{
	double start_s = now_s();
	uint64_t failed = 0;
	uint64_t i;

	for (i = 0; i < order->seeds && !(order->one && failed > 0); i++)
		failed += !run_seed(sim, order->first + i, failed < MAX_DETAILS);
	failed += !sim->print_tally(sim->data, order->first, now_s() - start_s) && failed < i;
	printf("%s: %llu passed, %llu failed\n", sim->name, (unsigned long long)(i - failed),
	       (unsigned long long)failed);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int trace_one(const struct simulation *sim, uint64_t seed)
{
	bool passed;

	remember_seed(seed);
	passed = sim->run(sim->data, seed, TRACE_ALL);
	if (!passed)
		print_failure(sim, seed);
	printf("%s: %d passed, %d failed\n", sim->name, passed, !passed);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool parse_number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0';
}

static int usage(const struct simulation *sim)
{
	(void)fprintf(stderr,
		      "usage: %s [--first N] [--seeds N] [--one] | --seed N [--trace]\n  --one    end at the "
		      "first seed that fails\n",
		      sim->program);
	return 2;
}

int seeds_main(const struct simulation *sim, int argc, char **argv)
{
	static const struct option options[] = {
		{"first", required_argument, NULL, 'f'}, {"seeds", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},  {"trace", no_argument, NULL, 't'},
		{"one", no_argument, NULL, 'o'},         {NULL, 0, NULL, 0},
	};
	struct order order = {.first = 1, .seeds = 100};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 't')
			order.trace = true;
		else if (c == 'o')
			order.one = true;
		else if (c == '?' || !parse_number(optarg, c == 'n' ? &order.seeds : &order.first))
			return usage(sim);
		if (c == 's')
			order.seeds = 1;
	}
	if (optind != argc)
		return usage(sim);
	(void)signal(SIGABRT, on_abort);
	(void)signal(SIGSEGV, on_abort);
	return order.trace ? trace_one(sim, order.first) : run_all(sim, &order);
}
