/* churn: status updates of VMIs that hold a CID, which nobody has to do anything about. */
#include "bench/cluster.h"
#include "bench/scenarios.h"
#include "bench/turn.h"

#define NAME      "churn"
#define VMIS      2000
#define RATE      200
#define SECONDS   10
#define IN_FLIGHT 64
#define SETTLE_MS 30000

static int measure(struct turn *t, struct cluster_batch *batch, struct error *err)
{
	struct turn_mark mark;
	double seconds;
	int rc;

	turn_mark(t, &mark);
	rc = cluster_batch_run(t->bench->api, batch, IN_FLIGHT, RATE, err);
	if (rc != 0)
		return rc;
	rc = observer_await_updates(t->observer, batch->len, SETTLE_MS);
	if (rc != 0)
		return error_errno(err, rc, "not all %zu updates were seen", batch->len);
	seconds = (double)(meter_now_us() - mark.at_us) / 1e6;
	turn_add_cpu(t, NAME, &mark, batch->len);
	turn_add_memory(t, NAME);
	turn_add(t, NAME, "rate", (double)batch->len / seconds);
	return 0;
}

static size_t vmis_of(const struct bench *b)
{
	return bench_size(b, VMIS, VMIS / 10);
}

static int run_turn(struct bench *b, unsigned int round, const struct subject *subject, struct error *err)
{
	size_t vmis = vmis_of(b);
	struct cluster_batch batch;
	struct turn turn;
	int rc = cluster_batch_status(&batch, RATE * bench_size(b, SECONDS, 2), vmis);

	if (rc == 0)
		rc = turn_begin(&turn, b, round, subject, vmis, err);
	if (rc == 0)
		rc = turn_end(&turn, measure(&turn, &batch, err), err);
	cluster_batch_free(&batch);
	return rc;
}

static int run(struct bench *b, struct error *err)
{
	static const struct bench_rounds rounds = {.name = NAME, .turn = run_turn};
	int rc = cluster_create(b->api, 0, vmis_of(b), CLUSTER_SERVED, err);

	return rc == 0 ? bench_run_rounds(b, &rounds, err) : rc;
}

const struct bench_scenario scenario_churn = {
	.name = NAME,
	.server = "kube",
	.what = "200 status updates a second of VMIs that hold a CID",
	.run = run,
};
