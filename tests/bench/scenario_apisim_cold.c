/* apisim-cold: cold starts with 1,000 to 1,000,000 VMIs that hold a CID, on a server that sends as fast as a
 * client can read. Beside the controller and the peers: a reader to nowhere with the same request, and the
 * scan of as many VMIs in memory. */
#include <errno.h>
#include <stdio.h>

#include "base/macros.h"
#include "bench/scenarios.h"
#include "bench/sim.h"

struct stage {
	const char *name;
	size_t vmis;
	unsigned int rs_rounds, go_rounds; /* at most: minutes at the end, and 20 GB of client-go's */
};

static const struct stage stages[] = {
	{"apisim-cold-1000", 1000, 100, 100},
	{"apisim-cold-10000", 10000, 100, 100},
	{"apisim-cold-100000", 100000, 100, 1},
	{"apisim-cold-1000000", 1000000, 2, 0},
};

static int scan(struct bench *b, unsigned int round, const struct stage *stage, size_t vmis,
		struct error *err)
{
	struct sim_scan s;
	int rc = sim_scan(b, round, &s, err);

	return rc == 0 ? samples_add(b->samples, stage->name, "scan", round, "ready_ms",
				     s.listed_wall_us * (double)vmis / 1000)
		       : rc;
}

static bool has_turn(size_t subject, const struct stage *stage, unsigned int round)
{
	if (subject == BENCH_SUBJECT_PEER_RS)
		return round < stage->rs_rounds;
	return subject != BENCH_SUBJECT_PEER_GO || round < stage->go_rounds;
}

static int run_round(struct bench *b, unsigned int round, const struct stage *stage, size_t vmis,
		     const struct subject *reader, struct error *err)
{
	const struct subject *list[BENCH_SUBJECTS] = {reader};
	size_t n = 1;

	for (size_t k = 0; k < BENCH_SUBJECT_RAW; k++)
		if (b->subjects[k].path != NULL && has_turn(k, stage, round))
			list[n++] = &b->subjects[k];
	for (size_t i = 0; i < n; i++) {
		const struct subject *subject = list[bench_place(round, i, n)];

		if (turn_cold_start(b, round, subject, stage->name, vmis, err) != 0)
			bench_turn_failed(b, stage->name, subject->name, round, err);
	}
	return 0;
}

static int run(struct bench *b, struct error *err)
{
	struct sim_helper reader;
	int rc = 0;

	sim_helper(&reader, BENCH_RAW, "bare", "ready ", "read", NULL);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(stages); i++) {
		size_t vmis = bench_size(b, stages[i].vmis, stages[i].vmis / 10);

		rc = sim_populate(b, vmis, CLUSTER_SERVED, err);
		for (unsigned int round = 0; rc == 0 && round < b->rounds; round++) {
			rc = run_round(b, round, &stages[i], vmis, &reader.subject, err);
			if (rc == 0)
				rc = scan(b, round, &stages[i], vmis, err);
		}
	}
	return rc;
}

const struct bench_scenario scenario_apisim_cold = {
	.name = "apisim-cold",
	.server = "apisim",
	.what = "cold starts with 1,000 to 1,000,000 VMIs",
	.run = run,
};
