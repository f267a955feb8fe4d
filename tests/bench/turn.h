/**
 * turn: one subject at work, seen by an observer: started, measured and ended.
 */
#ifndef BENCH_TURN_H
#define BENCH_TURN_H

#include "bench/bench.h"
#include "bench/meter.h"
#include "bench/observer.h"

/** So many different measurements of one turn. */
#define TURN_MAX_SAMPLES 48

struct turn_sample {
	char scenario[SAMPLES_NAME_MAX];
	char metric[SAMPLES_NAME_MAX];
	double value;
};

struct turn {
	struct bench *bench;
	unsigned int round;
	const struct subject *subject;
	struct subject_run run;
	struct observer *observer; /* NULL: nobody observes */
	long long ready_us;
	struct turn_sample samples[TURN_MAX_SAMPLES]; /* added to the bench's once the turn has ended well */
	size_t sample_count;
};

/** What was used from a mark on. */
struct turn_mark {
	long long at_us;
	long long cpu_us;
	long long server_cpu_us;
};

/** Starts an observer of VMIs 0 .. @observe - 1 (0: none), then @subject. On success turn_end() is due.
 * Returns 0 or a negative errno. */
int turn_start(struct turn *t, struct bench *b, unsigned int round, const struct subject *subject,
	       size_t observe, struct error *err);

/** Wait until the subject is ready (then ready_us is set), and until it is at work. Return 0, -ETIMEDOUT,
 * -ECHILD. */
int turn_await_ready(struct turn *t, struct error *err);
int turn_await_working(struct turn *t, struct error *err);

/** All three. Where it fails nothing is left to be ended. */
int turn_begin(struct turn *t, struct bench *b, unsigned int round, const struct subject *subject,
	       size_t observe, struct error *err);

/** Ends both. @rc is what came of the turn: returned where it is a failure; else 0, or -EIO where the subject
 * did not end well. */
int turn_end(struct turn *t, int rc, struct error *err);

/** The same in two steps, between which subject_said() may be asked. @rc: what has become of the turn; only
 * with 0 its samples count. Returns @rc, or a negative errno where they could not be kept. */
int turn_halt(struct turn *t, int rc, struct error *err);
int turn_release(struct turn *t, int rc, struct error *err);

void turn_mark(const struct turn *t, struct turn_mark *mark);

/** Adds a sample of this turn, which counts if the turn ends well and is not for warming up. */
void turn_add(struct turn *t, const char *scenario, const char *metric, double value);

/** Waits a moment for what is still under way (answers, events), then adds cpu_us and server_cpu_us, used
 * since @mark divided by @units (VMIs or events); and cpu_s, the whole.
 */
void turn_add_cpu(struct turn *t, const char *scenario, const struct turn_mark *mark, size_t units);

/** Adds rss_kb, anon_kb and peak_kb. */
void turn_add_memory(struct turn *t, const char *scenario);

/** A whole turn that is a cold start: adds cpu_us, ready_ms and server_cpu_ms from its start to ready, its
 * memory and, where there are no @vmis, its files. Fails with -EPROTO where it says that it has read another
 * number than @vmis. Returns as turn_end(). */
int turn_cold_start(struct bench *b, unsigned int round, const struct subject *subject, const char *scenario,
		    size_t vmis, struct error *err);

/** Adds program_kb and files_kb (with shared libraries). */
void turn_add_files(struct turn *t, const char *scenario);

/** Waits until the VMIs @from .. @to - 1 are served, each with a CID of its own, and adds p50_ms, p90_ms,
 * p99_ms and max_ms from ADDED to the CID. Returns 0, -ETIMEDOUT, -EEXIST (a CID was given twice), -EIO. */
int turn_await_served(const struct turn *t, size_t from, size_t to, struct error *err);
void turn_add_latencies(struct turn *t, const char *scenario, size_t from, size_t to);

#endif
