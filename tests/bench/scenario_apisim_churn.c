/* apisim-churn: status updates of VMIs that hold a CID, as fast as whoever watches takes them. Beside the
 * controller: the bare libcurl loop, and the scan of the same bytes in memory. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/scenarios.h"
#include "bench/sim.h"

#define NAME    "apisim-churn"
#define VMIS    100000
#define CHANGES 300000

static int measure(struct turn *t, size_t changes, struct error *err)
{
	struct turn_mark mark;
	long long took_us = 0;
	int rc;

	turn_mark(t, &mark);
	rc = sim_churn(t->bench, changes, &took_us, err);
	if (rc != 0)
		return rc;
	turn_add_cpu(t, NAME, &mark, changes);
	turn_add_memory(t, NAME);
	turn_add(t, NAME, "rate", (double)changes * 1e6 / (double)took_us);
	return 0;
}

static int run_turn(struct bench *b, unsigned int round, const struct subject *subject, struct error *err)
{
	struct turn turn;
	int rc = sim_populate(b, bench_size(b, VMIS, VMIS / 10), CLUSTER_SERVED, err);

	bench_say(NAME ": round %u, %s", round + 1, subject->name);
	if (rc == 0)
		rc = turn_begin(&turn, b, round, subject, 0, err);
	return rc == 0 ? turn_end(&turn, measure(&turn, bench_size(b, CHANGES, CHANGES / 30), err), err) : rc;
}

static int scan(struct bench *b, unsigned int round, struct error *err)
{
	struct sim_scan s;
	int rc = sim_scan(b, round, &s, err);

	return rc == 0 ? samples_add(b->samples, NAME, "scan", round, "cpu_us", s.event_us) : rc;
}

/* kube-rs keeps what it sees and looks at each update: how it fares is told, and no target. client-go would
 * take minutes of CPU for each turn. */
static size_t list_subjects(const struct bench *b, const struct subject *bare,
			    const struct subject *list[static BENCH_SUBJECTS])
{
	size_t n = 0;

	for (size_t k = 0; k < BENCH_SUBJECT_RAW; k++)
		if (k != BENCH_SUBJECT_PEER_GO && b->subjects[k].path != NULL)
			list[n++] = &b->subjects[k];
	list[n++] = bare;
	return n;
}

static int run(struct bench *b, struct error *err)
{
	const struct subject *list[BENCH_SUBJECTS];
	struct sim_helper bare;
	size_t n;
	int rc = 0;

	sim_helper(&bare, "bare", "bare", "ready ", "read", NULL);
	n = list_subjects(b, &bare.subject, list);
	for (unsigned int round = 0; rc == 0 && round < b->rounds; round++) {
		for (size_t i = 0; i < n; i++) {
			const struct subject *subject = list[bench_place(round, i, n)];

			if (run_turn(b, round, subject, err) != 0)
				bench_turn_failed(b, NAME, subject->name, round, err);
		}
		rc = scan(b, round, err);
	}
	return rc;
}

const struct bench_scenario scenario_apisim_churn = {
	.name = NAME,
	.server = "apisim",
	.what = "status updates of 100,000 VMIs as fast as they are taken",
	.run = run,
};
