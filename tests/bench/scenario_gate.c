/* gate: VMIs that wait with the feature gate closed, and how fast they are served once it opens. */
#include "bench/cluster.h"
#include "bench/scenarios.h"
#include "bench/turn.h"

#define NAME "gate"
#define VMIS 2000

/* From the moment at which the gate is opened to that at which everybody has seen the last CID. */
static int measure(struct turn *t, size_t vmis, struct error *err)
{
	struct turn_mark mark;
	double seconds;
	int rc;

	turn_mark(t, &mark);
	rc = cluster_set_gate(t->bench->api, true, err);
	if (rc == 0)
		rc = turn_await_served(t, 0, vmis, err);
	if (rc != 0)
		return rc;
	seconds = (double)(observer_last_served_us(t->observer, 0, vmis) - mark.at_us) / 1e6;
	turn_add_cpu(t, NAME, &mark, vmis);
	turn_add_memory(t, NAME);
	turn_add(t, NAME, "total_s", seconds);
	turn_add(t, NAME, "rate", (double)vmis / seconds);
	return 0;
}

static int run_turn(struct bench *b, unsigned int round, const struct subject *subject, size_t vmis,
		    struct error *err)
{
	struct turn turn;
	int rc = turn_begin(&turn, b, round, subject, vmis, err);

	return rc == 0 ? turn_end(&turn, measure(&turn, vmis, err), err) : rc;
}

/* All of them wait again. */
static int reset(struct bench *b, size_t vmis, struct error *err)
{
	struct cluster_batch batch;
	int rc = cluster_set_gate(b->api, false, err);

	if (rc != 0)
		return rc;
	rc = cluster_batch_take_cids(&batch, 0, vmis);
	if (rc == 0)
		rc = cluster_batch_run(b->api, &batch, CLUSTER_IN_FLIGHT, 0, err);
	cluster_batch_free(&batch);
	return rc;
}

static int run(struct bench *b, struct error *err)
{
	size_t vmis = bench_size(b, VMIS, VMIS / 10);
	int rc = cluster_create(b->api, 0, vmis, CLUSTER_WAITING, err);

	knee_apply(b);
	for (unsigned int round = 0; rc == 0 && round < b->rounds; round++) {
		const struct subject *subject;

		for (size_t i = 0; rc == 0 && (subject = bench_subject(b, round, i)) != NULL; i++) {
			bench_say(NAME ": round %u, %s", round + 1, subject->name);
			rc = reset(b, vmis, err);
			if (rc == 0 && run_turn(b, round, subject, vmis, err) != 0)
				bench_turn_failed(b, NAME, subject->name, round, err);
		}
	}
	return rc;
}

const struct bench_scenario scenario_gate = {
	.name = NAME,
	.server = "kube",
	.what = "the feature gate is opened over 2,000 VMIs that wait",
	.run = run,
};
