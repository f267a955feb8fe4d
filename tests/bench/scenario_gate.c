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

static size_t vmis_of(const struct bench *b)
{
	return bench_size(b, VMIS, VMIS / 10);
}

static int run_turn(struct bench *b, unsigned int round, const struct subject *subject, struct error *err)
{
	size_t vmis = vmis_of(b);
	struct turn turn;
	int rc = turn_begin(&turn, b, round, subject, vmis, err);

	return rc == 0 ? turn_end(&turn, measure(&turn, vmis, err), err) : rc;
}

/* All of them wait again. */
static int reset(struct bench *b, struct error *err)
{
	struct cluster_batch batch;
	int rc = cluster_set_gate(b->api, false, err);

	if (rc != 0)
		return rc;
	rc = cluster_batch_take_cids(&batch, 0, vmis_of(b));
	if (rc == 0)
		rc = cluster_batch_run(b->api, &batch, CLUSTER_IN_FLIGHT, 0, err);
	cluster_batch_free(&batch);
	return rc;
}

static int run(struct bench *b, struct error *err)
{
	static const struct bench_rounds rounds = {.name = NAME, .reset = reset, .turn = run_turn};
	int rc = cluster_create(b->api, 0, vmis_of(b), CLUSTER_WAITING, err);

	knee_apply(b);
	return rc == 0 ? bench_run_rounds(b, &rounds, err) : rc;
}

const struct bench_scenario scenario_gate = {
	.name = NAME,
	.server = "kube",
	.what = "the feature gate is opened over 2,000 VMIs that wait",
	.run = run,
};
