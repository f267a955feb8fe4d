/* cold: how long a process takes from its start until it has read all VMIs, and what it needs for them. */
#include "base/macros.h"
#include "bench/cluster.h"
#include "bench/scenarios.h"
#include "bench/turn.h"

/* The raw readers besides the programs that are compared. */
static const struct {
	const char *name;
	const char *how;
} readers[] = {{"raw-stream", "stream"}, {"raw-paged", "paged"}, {"raw-gzip", "gzip"}};

#define MOST (BENCH_SUBJECTS + ARRAY_LEN(readers))

static const struct {
	const char *name;
	size_t vmis;
} stages[] = {{"cold-0", 0}, {"cold-5000", 5000}, {"cold-20000", 20000}};

/* All who start cold: those that are compared, but not the raw generator, and the raw readers. */
static size_t list_subjects(const struct bench *b, struct subject list[static MOST])
{
	const struct subject *raw = &b->subjects[BENCH_SUBJECT_RAW];
	const struct subject *subject;
	size_t n = 0;

	for (size_t i = 0; (subject = bench_subject(b, 0, i)) != NULL; i++)
		if (subject != raw)
			list[n++] = *subject;
	for (size_t i = 0; raw->path != NULL && i < ARRAY_LEN(readers); i++) {
		list[n] = *raw;
		list[n].name = readers[i].name;
		list[n].args[0] = "--read";
		list[n].args[1] = readers[i].how;
		n++;
	}
	return n;
}

static void take_turn(struct bench *b, unsigned int round, const struct subject *subject, const char *stage,
		      size_t vmis, struct error *err)
{
	if (turn_cold_start(b, round, subject, stage, vmis, err) != 0)
		bench_turn_failed(b, stage, subject->name, round, err);
}

/* Before the first round the last of the raw readers has a turn that does not count: the server has just
 * started, or written thousands of VMIs. */
static int run_stage(struct bench *b, const char *stage, size_t vmis, struct error *err)
{
	struct subject list[MOST];
	size_t n = list_subjects(b, list);

	b->warming = true;
	if (n > 0)
		take_turn(b, 0, &list[n - 1], stage, vmis, err);
	b->warming = false;
	for (unsigned int round = 0; round < b->rounds; round++) {
		for (size_t i = 0; i < n; i++)
			take_turn(b, round, &list[bench_place(round, i, n)], stage, vmis, err);
	}
	return 0;
}

static int run(struct bench *b, struct error *err)
{
	size_t there = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(stages); i++) {
		size_t want = bench_size(b, stages[i].vmis, stages[i].vmis / 10);

		rc = cluster_create(b->api, there, want, CLUSTER_MIXED, err);
		there = want;
		if (rc == 0)
			rc = run_stage(b, stages[i].name, want, err);
	}
	return rc;
}

const struct bench_scenario scenario_cold = {
	.name = "cold",
	.server = "kube",
	.what = "cold starts with 5,000 and 20,000 VMIs",
	.run = run,
};
