/**
 * kube_events: a sink for core/v1 Events about objects, as `kubectl describe` shows them.
 *
 * Events must never delay work (EVT-1): posting copies into a bounded queue and returns; what does not fit is
 * dropped and counted. The same event again within 10 minutes raises the count of the one that is there. Each
 * object has a bucket of 25 events, then one in 5 minutes (EVT-2). Two requests at most are in flight. What
 * the transport lost is tried again, 12 times in all; what the server refused is not (EVT-4). Loop's thread
 * only.
 */
#ifndef KUBE_EVENTS_H
#define KUBE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "kube/client.h"

struct kube_events;

struct kube_events_options {
	uv_loop_t *loop;
	struct kube_client *client;
	struct logger *log;
	const char *component; /* source.component and reportingComponent; copied */
	const char *instance;  /* reportingInstance; copied */
	uint32_t retry_ms;     /* between tries (EVT-4); 0: 10,000 */
};

/** All strings are copied by kube_events_post(); NULL is "". */
struct kube_event {
	const char *namespace; /* of the object; "" for one that has none */
	const char *kind;
	const char *api_version;
	const char *name;
	const char *uid;
	const char *reason;  /* PascalCase, at most 128 bytes */
	const char *message; /* cut to 1,024 bytes (EVT-5) */
	bool warning;        /* type Warning, else Normal */
};

/** Returns 0, -ENOMEM. On success give *out to kube_events_close(). */
int kube_events_open(struct kube_events **out, const struct kube_events_options *options, struct error *err);

/** Never fails and never waits. May be called from anywhere on the loop's thread, also from the callbacks of
 * a streaming call (inside libcurl): requests start later, from the loop. */
void kube_events_post(struct kube_events *sink, const struct kube_event *event);

/** Events that were dropped or given up since the start. */
uint64_t kube_events_dropped(const struct kube_events *sink);

/** Calls @cb from the loop when all events are out, or after @timeout_ms. Once at a time; not after
 * kube_events_close(). */
void kube_events_flush(struct kube_events *sink, uint32_t timeout_ms, void (*cb)(void *data), void *data);

/** Drops what is queued, cancels what is in flight, then calls @cb from the loop. */
void kube_events_close(struct kube_events *sink, void (*cb)(void *data), void *data);

#endif
