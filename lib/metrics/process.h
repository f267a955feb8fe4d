/**
 * process_metrics: what every Prometheus client says about its process, under the standard names
 * (process_cpu_seconds_total and so on: https://prometheus.io/docs/instrumenting/writing_clientlibs/).
 *
 * Reads /proc; a value that cannot be read keeps its last one. Not thread-safe.
 */
#ifndef METRICS_PROCESS_H
#define METRICS_PROCESS_H

#include "metrics/registry.h"

struct process_metrics {
	struct metrics_series *cpu_seconds;
	struct metrics_series *open_fds;
	struct metrics_series *max_fds;
	struct metrics_series *virtual_bytes;
	struct metrics_series *resident_bytes;
	struct metrics_series *start_seconds;
};

/** Declares the families in @m, which outlives @p. Returns 0 or -EINVAL (a name is taken, or no memory). */
int process_metrics_init(struct process_metrics *p, struct metrics_registry *m);

/** Brings the values up to date; call it before metrics_write(). A handful of system calls. */
void process_metrics_refresh(struct process_metrics *p);

#endif
