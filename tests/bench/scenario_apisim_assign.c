/* apisim-assign: the feature gate is opened over 50,000 VMIs that wait, on a server that takes ten times as
 * many writes as a real one. Beside the controller: the bare libcurl loop, and the scan of the same bytes in
 * memory. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "bench/scenarios.h"
#include "bench/sim.h"

#define NAME      "apisim-assign"
#define VMIS      50000
#define IN_FLIGHT "16" /* as the controller's default */

/* The controller is told by the gate, the bare loop by a signal. */
static int start(struct turn *t, bool by_gate, struct error *err)
{
	if (by_gate)
		return cluster_set_gate(t->bench->api, true, err);
	process_signal(&t->run.process, SIGUSR1);
	return 0;
}

static int measure(struct turn *t, size_t vmis, bool by_gate, struct error *err)
{
	struct turn_mark mark;
	long long took_us = 0;
	int rc;

	turn_mark(t, &mark);
	rc = start(t, by_gate, err);
	if (rc == 0)
		rc = sim_await_patches(t->bench, vmis, mark.at_us, &took_us, err);
	if (rc != 0)
		return rc;
	turn_add_cpu(t, NAME, &mark, vmis);
	turn_add_memory(t, NAME);
	turn_add(t, NAME, "rate", (double)vmis * 1e6 / (double)took_us);
	rc = sim_check_patches(t->bench, vmis + 1, err); /* the gate's own */
	return rc == 0 ? sim_check_cids(t->bench, vmis, err) : rc;
}

static int run_turn(struct bench *b, unsigned int round, const struct subject *subject, bool by_gate,
		    struct error *err)
{
	size_t vmis = bench_size(b, VMIS, VMIS / 10);
	struct turn turn;
	int rc = cluster_set_gate(b->api, false, err);

	bench_say(NAME ": round %u, %s", round + 1, subject->name);
	if (rc == 0)
		rc = sim_populate(b, vmis, CLUSTER_WAITING, err);
	if (rc == 0)
		rc = turn_begin(&turn, b, round, subject, 0, err);
	return rc == 0 ? turn_end(&turn, measure(&turn, vmis, by_gate, err), err) : rc;
}

/* The frame of the watch and the answer of each write, as they are now. */
static int scan(struct bench *b, unsigned int round, struct error *err)
{
	struct sim_scan s;
	int rc = sim_scan(b, round, &s, err);

	return rc == 0 ? samples_add(b->samples, NAME, "scan", round, "cpu_us", s.event_us + s.answer_us)
		       : rc;
}

static int run(struct bench *b, struct error *err)
{
	const struct subject *controller = &b->subjects[BENCH_SUBJECT_CONTROLLER];
	struct sim_helper bare;
	int rc = 0;

	if (controller->path == NULL)
		return 0;
	sim_helper(&bare, "bare", "bare", "ready ", "assign", IN_FLIGHT);
	for (unsigned int round = 0; rc == 0 && round < b->rounds; round++) {
		for (size_t i = 0; i < 2; i++) {
			bool by_gate = bench_place(round, i, 2) == 0;
			const struct subject *subject = by_gate ? controller : &bare.subject;

			if (run_turn(b, round, subject, by_gate, err) != 0)
				bench_turn_failed(b, NAME, subject->name, round, err);
		}
		rc = scan(b, round, err);
	}
	return rc;
}

const struct bench_scenario scenario_apisim_assign = {
	.name = NAME,
	.server = "apisim",
	.what = "the feature gate is opened over 50,000 VMIs that wait",
	.run = run,
};
