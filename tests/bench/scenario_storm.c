/* storm: VMIs created as fast as the server takes them, while they are being served. */
#include "bench/cluster.h"
#include "bench/scenarios.h"
#include "bench/turn.h"

#define NAME "storm"
#define VMIS 2000

/* The storm lasts from the first creation to the moment at which everybody has seen the last CID. */
static int measure(struct turn *t, struct cluster_batch *batch, struct error *err)
{
	struct turn_mark mark;
	double seconds;
	int rc;

	turn_mark(t, &mark);
	rc = cluster_batch_run(t->bench->api, batch, CLUSTER_IN_FLIGHT, 0, err);
	if (rc != 0)
		return rc;
	turn_add(t, NAME, "creation_s", (double)(meter_now_us() - mark.at_us) / 1e6);
	rc = turn_await_served(t, 0, batch->len, err);
	if (rc != 0)
		return rc;
	seconds = (double)(observer_last_served_us(t->observer, 0, batch->len) - mark.at_us) / 1e6;
	turn_add_cpu(t, NAME, &mark, batch->len);
	turn_add_memory(t, NAME);
	turn_add(t, NAME, "total_s", seconds);
	turn_add(t, NAME, "rate", (double)batch->len / seconds);
	turn_add_latencies(t, NAME, 0, batch->len);
	return 0;
}

static int run_turn(struct bench *b, unsigned int round, const struct subject *subject, struct error *err)
{
	size_t vmis = bench_size(b, VMIS, VMIS / 10);
	struct cluster_batch batch;
	struct turn turn;
	int rc = cluster_batch_create(&batch, 0, vmis, CLUSTER_WAITING);

	if (rc == 0)
		rc = turn_begin(&turn, b, round, subject, vmis, err);
	if (rc == 0)
		rc = turn_end(&turn, measure(&turn, &batch, err), err);
	cluster_batch_free(&batch);
	return rc;
}

static int reset(struct bench *b, struct error *err)
{
	return cluster_clear(b->api, err);
}

static int run(struct bench *b, struct error *err)
{
	static const struct bench_rounds rounds = {.name = NAME, .reset = reset, .turn = run_turn};

	return bench_run_rounds(b, &rounds, err);
}

const struct bench_scenario scenario_storm = {
	.name = NAME,
	.server = "kube",
	.what = "2,000 VMIs created as fast as the server takes them",
	.run = run,
};
