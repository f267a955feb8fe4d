/* apisim-rate: what build/apisim can do when it is asked by bare sockets: the scenarios on it measure a
 * client only as far as that is more than the client can. */
#include <errno.h>
#include <stdio.h>

#include "base/macros.h"
#include "bench/scenarios.h"
#include "bench/sim.h"

#define NAME        "apisim-rate"
#define VMIS        50000
#define CHANGES     300000
#define CONNECTIONS "16"

/* One way to ask it. Where it is a list, what counts are bytes. */
struct way {
	const char *metric;
	const char *what, *n;
	bool list;
};

/* The writes come last: the VMIs that they have gone to wait for nothing any more. */
static const struct way ways[] = {
	{"get_rate", "get", CONNECTIONS, false},
	{"pages_mb_s", "pages", "500", true},
	{"stream_mb_s", "stream", NULL, true},
	{"patch_rate", "patch", CONNECTIONS, false},
};

static int ask(struct bench *b, unsigned int round, const struct way *way, struct error *err)
{
	struct sim_helper h;
	char said[128];
	double count;
	double bytes;
	double seconds;
	int rc;

	sim_helper(&h, "apisim", "sockets", "done ", way->what, way->n);
	rc = sim_ask(b, round, &h, "done", said, sizeof(said), err);
	if (rc != 0)
		return rc;
	if (sscanf(said, "%lf %lf %lf", &count, &bytes, &seconds) != 3 || seconds <= 0)
		return error_set(err, -EPROTO, "sockets says: %s", said);
	return samples_add(b->samples, NAME, "apisim", round, way->metric,
			   (way->list ? bytes / 1e6 : count) / seconds);
}

/* Events of a watch, whose reader looks at none of them. */
static int watch(struct bench *b, unsigned int round, struct error *err)
{
	size_t changes = bench_size(b, CHANGES, CHANGES / 30);
	struct sim_helper h;
	struct turn t;
	long long took_us = 0;
	int rc;

	sim_helper(&h, "apisim", "sockets", "done ", "stream", NULL);
	rc = turn_begin(&t, b, round, &h.subject, 0, err);
	if (rc != 0)
		return rc;
	rc = sim_churn(b, changes, &took_us, err);
	if (rc == 0)
		turn_add(&t, NAME, "event_rate", (double)changes * 1e6 / (double)took_us);
	return turn_end(&t, rc, err);
}

static int run(struct bench *b, struct error *err)
{
	for (unsigned int round = 0; round < b->rounds; round++) {
		int rc = sim_populate(b, bench_size(b, VMIS, VMIS / 10), CLUSTER_WAITING, err);

		bench_say(NAME ": round %u", round + 1);
		for (size_t i = 0; rc == 0 && i < ARRAY_LEN(ways); i++)
			rc = ask(b, round, &ways[i], err);
		if (rc == 0)
			rc = sim_populate(b, bench_size(b, VMIS, VMIS / 10), CLUSTER_SERVED, err);
		if (rc == 0)
			rc = watch(b, round, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

const struct bench_scenario scenario_apisim_rate = {
	.name = NAME,
	.server = "apisim",
	.what = "the simulated API server itself, asked by bare sockets",
	.run = run,
};
