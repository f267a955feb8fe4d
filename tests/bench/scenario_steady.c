/* steady: VMIs that come at a steady rate, and how long each waits for its CID. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "bench/cluster.h"
#include "bench/scenarios.h"
#include "bench/turn.h"

/* Enough that a rate is kept when the server is slow for a moment. */
#define IN_FLIGHT 32

struct phase {
	const char *name;
	unsigned int rate;
	unsigned int seconds;
};

static const struct phase phases[] = {{"steady-5", 5, 12}, {"steady-20", 20, 25}, {"steady-50", 50, 6}};

static size_t vmis_of(const struct bench *b, const struct phase *phase)
{
	return (size_t)phase->rate * bench_size(b, phase->seconds, 3);
}

static bool is_raw(const struct turn *t)
{
	return strcmp(t->subject->name, BENCH_RAW) == 0;
}

/* What raw said after each phase: its PATCHes by themselves, from sent to answered. */
static void add_patches(struct turn *t)
{
	for (unsigned int i = 0; i < ARRAY_LEN(phases); i++) {
		double p50;
		double p99;

		if (sscanf(subject_said(&t->run, "patches", i), "%*u %*f %lf %lf", &p50, &p99) != 2)
			continue;
		turn_add(t, phases[i].name, "patch_p50_ms", p50);
		turn_add(t, phases[i].name, "patch_p99_ms", p99);
	}
}

static int run_phase(struct turn *t, const struct phase *phase, size_t from, size_t to, struct error *err)
{
	struct cluster_batch batch;
	struct turn_mark mark;
	int rc = cluster_batch_create(&batch, from, to, CLUSTER_WAITING);

	turn_mark(t, &mark);
	if (rc == 0)
		rc = cluster_batch_run(t->bench->api, &batch, IN_FLIGHT, phase->rate, err);
	if (rc == 0)
		turn_add(t, phase->name, "created_per_s",
			 (double)(to - from) * 1e6 / (double)(meter_now_us() - mark.at_us));
	if (rc == 0)
		rc = turn_await_served(t, from, to, err);
	if (rc == 0) {
		turn_add_cpu(t, phase->name, &mark, to - from);
		turn_add_latencies(t, phase->name, from, to);
		if (is_raw(t))
			process_signal(&t->run.process, SIGUSR1); /* says how long its PATCHes took */
	}
	cluster_batch_free(&batch);
	return rc;
}

static int run_phases(struct turn *t, struct error *err)
{
	size_t from = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(phases); i++) {
		size_t to = from + vmis_of(t->bench, &phases[i]);

		rc = run_phase(t, &phases[i], from, to, err);
		from = to;
	}
	if (rc == 0)
		turn_add_memory(t, "steady-50");
	return rc;
}

static int run_turn(struct bench *b, unsigned int round, const struct subject *subject, struct error *err)
{
	struct turn turn;
	size_t all = 0;
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(phases); i++)
		all += vmis_of(b, &phases[i]);
	rc = turn_begin(&turn, b, round, subject, all, err);
	if (rc != 0)
		return rc;
	rc = turn_halt(&turn, run_phases(&turn, err), err);
	if (rc == 0 && is_raw(&turn))
		add_patches(&turn);
	return turn_release(&turn, rc, err);
}

static int reset(struct bench *b, struct error *err)
{
	return cluster_clear(b->api, err);
}

static int run(struct bench *b, struct error *err)
{
	static const struct bench_rounds rounds = {.name = "steady", .reset = reset, .turn = run_turn};

	return bench_run_rounds(b, &rounds, err);
}

const struct bench_scenario scenario_steady = {
	.name = "steady",
	.server = "kube",
	.what = "VMIs created at 5, 20 and 50 a second",
	.run = run,
};
