#include "bench/turn.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <string.h>
#include <unistd.h>

#include "base/macros.h"

/* Answers and events that come after everybody has seen the last CID are paid for, too. */
#define SETTLE_US 300000

int turn_start(struct turn *t, struct bench *b, unsigned int round, const struct subject *subject,
	       size_t observe, struct error *err)
{
	AUTO_FREE char *log = NULL;
	int rc = 0;

	*t = (struct turn){.bench = b, .round = round, .subject = subject};
	if (asprintf(&log, "%s/%s.log", b->logs, subject->name) < 0) {
		log = NULL;
		return error_set(err, -ENOMEM, "out of memory");
	}
	if (observe > 0)
		rc = observer_open(&t->observer, b->kubeconfig, observe, err);
	if (rc == 0)
		rc = subject_start(&t->run, subject, b->kubeconfig, log, err);
	if (rc != 0) {
		observer_close(t->observer);
		t->observer = NULL;
	}
	return rc;
}

int turn_await_ready(struct turn *t, struct error *err)
{
	return subject_await_ready(&t->run, BENCH_READY_MS, &t->ready_us, err);
}

int turn_await_working(struct turn *t, struct error *err)
{
	return subject_await_working(&t->run, BENCH_READY_MS, err);
}

int turn_begin(struct turn *t, struct bench *b, unsigned int round, const struct subject *subject,
	       size_t observe, struct error *err)
{
	int rc = turn_start(t, b, round, subject, observe, err);

	if (rc != 0)
		return rc;
	rc = turn_await_ready(t, err);
	if (rc == 0)
		rc = turn_await_working(t, err);
	return rc == 0 ? 0 : turn_end(t, rc, err);
}

int turn_halt(struct turn *t, int rc, struct error *err)
{
	int ended = subject_stop(&t->run, rc == 0 ? err : NULL);

	return rc != 0 ? rc : ended;
}

static int keep_samples(const struct turn *t)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < t->sample_count && !t->bench->warming; i++)
		rc = samples_add(t->bench->samples, t->samples[i].scenario, t->subject->name, t->round,
				 t->samples[i].metric, t->samples[i].value);
	return rc;
}

int turn_release(struct turn *t, int rc, struct error *err)
{
	/* What it saw after that came late. */
	if (rc == 0 && t->observer != NULL && observer_restarts(t->observer) > 0)
		rc = error_set(err, BENCH_UNSEEN, "the server has ended the observer's watch %u times",
			       observer_restarts(t->observer));
	if (rc == 0) {
		rc = keep_samples(t);
		if (rc != 0)
			(void)error_errno(err, rc, "samples");
	}
	subject_release(&t->run);
	observer_close(t->observer);
	t->observer = NULL;
	return rc;
}

int turn_end(struct turn *t, int rc, struct error *err)
{
	return turn_release(t, turn_halt(t, rc, err), err);
}

void turn_mark(const struct turn *t, struct turn_mark *mark)
{
	mark->cpu_us = meter_cpu_us(t->run.process.pid);
	mark->server_cpu_us = meter_cpu_us(t->bench->server);
	mark->at_us = meter_now_us();
}

void turn_add(struct turn *t, const char *scenario, const char *metric, double value)
{
	struct turn_sample *s = &t->samples[t->sample_count];

	assert(t->sample_count < TURN_MAX_SAMPLES);
	t->sample_count++;
	s->value = value;
	(void)snprintf(s->scenario, sizeof(s->scenario), "%s", scenario);
	(void)snprintf(s->metric, sizeof(s->metric), "%s", metric);
}

void turn_add_cpu(struct turn *t, const char *scenario, const struct turn_mark *mark, size_t units)
{
	struct turn_mark now;

	usleep(SETTLE_US);
	turn_mark(t, &now);
	turn_add(t, scenario, "cpu_us", (double)(now.cpu_us - mark->cpu_us) / (double)units);
	turn_add(t, scenario, "cpu_s", (double)(now.cpu_us - mark->cpu_us) / 1e6);
	if (t->bench->server > 0)
		turn_add(t, scenario, "server_cpu_us",
			 (double)(now.server_cpu_us - mark->server_cpu_us) / (double)units);
}

void turn_add_memory(struct turn *t, const char *scenario)
{
	struct meter_memory memory;

	if (meter_memory_read(t->run.process.pid, &memory) != 0)
		return;
	turn_add(t, scenario, "rss_kb", (double)memory.rss);
	turn_add(t, scenario, "anon_kb", (double)memory.anon);
	turn_add(t, scenario, "peak_kb", (double)memory.peak);
}

void turn_add_files(struct turn *t, const char *scenario)
{
	struct meter_files files;

	if (meter_files_read(t->run.process.pid, &files) != 0)
		return;
	turn_add(t, scenario, "program_kb", (double)files.program);
	turn_add(t, scenario, "files_kb", (double)files.all);
}

int turn_await_served(const struct turn *t, size_t from, size_t to, struct error *err)
{
	int rc = observer_await_served(t->observer, from, to, BENCH_WAIT_MS);

	if (rc == 0 && observer_duplicates(t->observer, from, to) > 0)
		return error_set(err, -EEXIST, "%s gave a CID twice", t->subject->name);
	if (rc == 0)
		return 0;
	return error_set(err, rc, "%zu of %zu VMIs have a CID", observer_served(t->observer, from, to),
			 to - from);
}

void turn_add_latencies(struct turn *t, const char *scenario, size_t from, size_t to)
{
	size_t n;
	AUTO_FREE double *ms = observer_latencies_ms(t->observer, from, to, &n);

	if (ms == NULL || n == 0)
		return;
	turn_add(t, scenario, "p50_ms", ms[n / 2]);
	turn_add(t, scenario, "p90_ms", ms[n * 9 / 10]);
	turn_add(t, scenario, "p99_ms", ms[n * 99 / 100]);
	turn_add(t, scenario, "max_ms", ms[n - 1]);
}

static int measure_cold_start(struct turn *t, const char *scenario, size_t vmis, long long server_cpu_us,
			      struct error *err)
{
	int rc = turn_await_ready(t, err);
	struct turn_mark now;

	if (rc != 0)
		return rc;
	turn_mark(t, &now);
	turn_add(t, scenario, "cpu_us", (double)now.cpu_us);
	turn_add_memory(t, scenario);
	if (vmis == 0)
		turn_add_files(t, scenario);
	if (t->subject->counted != NULL && subject_counted(&t->run) != vmis)
		return error_set(err, -EPROTO, "%s has read %zu VMIs of %zu", t->subject->name,
				 subject_counted(&t->run), vmis);
	turn_add(t, scenario, "ready_ms", (double)(t->ready_us - t->run.started_us) / 1000);
	turn_add(t, scenario, "server_cpu_ms", (double)(now.server_cpu_us - server_cpu_us) / 1000);
	return turn_await_working(t, err); /* the next one finds a Lease that was given up in order */
}

int turn_cold_start(struct bench *b, unsigned int round, const struct subject *subject, const char *scenario,
		    size_t vmis, struct error *err)
{
	long long server_cpu_us = meter_cpu_us(b->server);
	struct turn turn;
	int rc;

	bench_say_turn(b, scenario, round, subject);
	rc = turn_start(&turn, b, round, subject, 0, err);
	return rc == 0 ? turn_end(&turn, measure_cold_start(&turn, scenario, vmis, server_cpu_us, err), err)
		       : rc;
}
