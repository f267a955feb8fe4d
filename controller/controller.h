/**
 * controller: the program without its command line: all parts, wired in the order in which data flows.
 *
 *   watch VMIs ------> vmi -------+
 *   watch KubeVirts -> gate ------+-> allocator -> assigner -> PATCH
 *   Lease -----------> elector ---+       |
 *   policies --------> mode ------+       |
 *                                         +-> announcer (logs, events), exporter (metrics)
 *
 * One loop, one thread. Two controllers can live in one process.
 */
#ifndef CONTROLLER_CONTROLLER_H
#define CONTROLLER_CONTROLLER_H

#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "controller/options.h"
#include "kube/config.h"

struct controller;

struct controller_options {
	uv_loop_t *loop;
	const struct options *options;
	const struct kube_config *config;
	struct logger *log;
	/** The controller must not go on (the Lease is lost, the server has gone back in time): close it and
	 * exit non-zero. Nothing leaves it any more. From the loop, at most once; also while it is being
	 * closed in order. @misconfigured: it will not go better next time. */
	void (*failed)(void *data, bool misconfigured);
	void *data;
};

/** Starts everything. What @o points to is borrowed until the close callback. Returns 0 or a negative errno;
 * on success give *out to controller_close(). After a failure there is nothing to close, but parts that were
 * open already are on their way out: run the loop until it is empty before giving up what @o points to. */
int controller_open(struct controller **out, const struct controller_options *o, struct error *err);

/** Where /metrics is served. */
uint16_t controller_port(const struct controller *c);

/** Ends in order: no new writes, those in flight get their answers, the Lease is given up where it is ours,
 * then everything is closed and freed and @cb comes from the loop. Called once. After failed() nothing is
 * waited for.
 */
void controller_close(struct controller *c, void (*cb)(void *data), void *data);

#endif
