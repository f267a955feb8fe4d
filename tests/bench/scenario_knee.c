/* knee: how many writes in flight the server needs to be busy, and whether one connection or many serve it
 * better. */
#include <errno.h>
#include <stdio.h>

#include "base/macros.h"
#include "bench/cluster.h"
#include "bench/figure.h"
#include "bench/scenarios.h"
#include "bench/turn.h"

/* Enough to choose by: what raw does in `gate` hangs on it. */
#define VMIS   1000
#define ROUNDS 3

static const char *const windows[] = {"1", "2", "4", "8", "16", "32", "64"};
static const char *const protocols[] = {"http1", "http2"};

#define POINTS (ARRAY_LEN(windows) * ARRAY_LEN(protocols))

/* Rates are those that raw saw, by answers. */
static int add_said(struct turn *t, const char *scenario, struct error *err)
{
	const char *said = subject_said(&t->run, "done", 0);
	double seconds;
	double p50;
	double p99;
	size_t n;

	if (sscanf(said, "%zu %lf %lf %lf", &n, &seconds, &p50, &p99) != 4 || n == 0 || seconds <= 0)
		return error_set(err, -EPROTO, "raw said '%s'", said);
	if (subject_said(&t->run, "failed", 0)[0] != '\0')
		return error_set(err, -EPROTO, "writes failed: %s", subject_said(&t->run, "failed", 0));
	turn_add(t, scenario, "rate", (double)n / seconds);
	turn_add(t, scenario, "p50_ms", p50);
	turn_add(t, scenario, "p99_ms", p99);
	return 0;
}

/* Writes every VMI anew once: raw says when it is done, and what it saw. */
static int run_turn(struct bench *b, unsigned int round, const struct subject *subject, const char *scenario,
		    size_t vmis, struct error *err)
{
	struct turn_mark mark = {0};
	struct turn turn;
	int rc = turn_start(&turn, b, round, subject, 0, err);

	if (rc != 0)
		return rc;
	rc = turn_await_ready(&turn, err);
	turn_mark(&turn, &mark);
	if (rc == 0)
		rc = turn_await_working(&turn, err);
	if (rc == 0)
		turn_add_cpu(&turn, scenario, &mark, vmis);
	rc = turn_halt(&turn, rc, err);
	if (rc == 0)
		rc = add_said(&turn, scenario, err);
	return turn_release(&turn, rc, err);
}

static int run_point(struct bench *b, unsigned int round, size_t point, size_t vmis, struct error *err)
{
	const char *window = windows[point / ARRAY_LEN(protocols)];
	bool http2 = point % ARRAY_LEN(protocols) == 1;
	struct subject subject = b->subjects[BENCH_SUBJECT_RAW];
	char scenario[SAMPLES_NAME_MAX];

	(void)snprintf(scenario, sizeof(scenario), "knee-%s", window);
	subject.name = protocols[point % ARRAY_LEN(protocols)];
	subject.working = "done ";
	subject.args[0] = "--rewrite";
	subject.args[1] = "--in-flight";
	subject.args[2] = window;
	subject.args[3] = http2 ? "--http2" : NULL;
	bench_say_turn(b, scenario, round, &subject);
	if (run_turn(b, round, &subject, scenario, vmis, err) != 0)
		bench_turn_failed(b, scenario, subject.name, round, err);
	return 0;
}

static int run(struct bench *b, struct error *err)
{
	size_t vmis = bench_size(b, VMIS, VMIS / 4);
	int rc = cluster_create(b->api, 0, vmis, CLUSTER_SERVED, err);

	if (b->subjects[BENCH_SUBJECT_RAW].path == NULL)
		return error_set(err, -ENOENT, "this needs --raw");
	b->warming = true;
	if (rc == 0)
		rc = run_point(b, 0, POINTS - 1, vmis, err);
	b->warming = false;
	for (unsigned int round = 0; rc == 0 && round < b->rounds && round < ROUNDS; round++)
		for (size_t i = 0; rc == 0 && i < POINTS; i++)
			rc = run_point(b, round, bench_place(round, i, POINTS), vmis, err);
	return rc;
}

void knee_apply(struct bench *b)
{
	struct subject *raw = &b->subjects[BENCH_SUBJECT_RAW];
	double best = 0;
	size_t at = 0;

	for (size_t i = 0; i < POINTS; i++) {
		char scenario[SAMPLES_NAME_MAX];
		struct stats_interval rate;

		(void)snprintf(scenario, sizeof(scenario), "knee-%s", windows[i / ARRAY_LEN(protocols)]);
		figure_interval(&(struct figure){.scenario = scenario,
						 .metric = "rate",
						 .subjects = protocols[i % ARRAY_LEN(protocols)]},
				b->samples, 1, &rate);
		if (rate.n > 0 && rate.median > best) {
			best = rate.median;
			at = i;
		}
	}
	if (best <= 0)
		return;
	raw->args[0] = "--in-flight";
	raw->args[1] = windows[at / ARRAY_LEN(protocols)];
	raw->args[2] = at % ARRAY_LEN(protocols) == 1 ? "--http2" : NULL;
	bench_say("raw writes with %s in flight over %s, as knee found best", raw->args[1],
		  protocols[at % ARRAY_LEN(protocols)]);
}

const struct bench_scenario scenario_knee = {
	.name = "knee",
	.server = "kube",
	.what = "raw writes with 1 to 64 in flight, over HTTP/1.1 and HTTP/2",
	.run = run,
};
