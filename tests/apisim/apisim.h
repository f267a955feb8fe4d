/**
 * apisim: a Kubernetes API server in one process and one thread, for tests: the few resources that a VSOCK
 * controller meets, answered as kube-apiserver 1.36 does, and faults on demand. See README.md.
 *
 * It runs in the caller's libuv loop; several can live in one process.
 */
#ifndef APISIM_APISIM_H
#define APISIM_APISIM_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "apisim/churn.h"
#include "apisim/faults.h"
#include "apisim/http_server.h"
#include "apisim/stats.h"
#include "apisim/store.h"
#include "base/error.h"
#include "base/list.h"
#include "base/rng.h"

struct apisim_options {
	int port;             /* 0: any free one */
	const char *token;    /* bearer token that every request needs; NULL: none */
	size_t history_count; /* events that each resource keeps for watches */
	size_t history_bytes; /* and their text, at most */
	size_t watch_lag;     /* events that a watch may be behind before it is cut off */
	uint32_t bookmark_ms; /* between bookmarks */
	uint32_t rv_wait_ms;  /* how long a list waits for a revision from the future */
	uint32_t compact_ms;  /* interval of the compaction that lets old lists expire */
	uint64_t seed;        /* of everything random: names, uids, faults */
	bool no_watch_list;   /* refuses streaming lists, as servers before 1.34 may (LST-9) */
};

struct apisim {
	uv_loop_t *loop;
	struct apisim_options options;
	char *token;
	struct http_server http;
	struct store store;
	struct faults faults;
	struct stats stats;
	struct rng rng;
	uint64_t populated; /* objects that came by populate, in all */
	struct list watches;
	uv_prepare_t pump; /* tells watches what the last round of requests changed */
	uv_timer_t compactor;
	struct churn churn;
	void (*on_closed)(struct apisim *s);
	unsigned open;
};

/** The defaults. */
void apisim_options_init(struct apisim_options *o);

/** Starts to serve on 127.0.0.1, with the namespaces default, kube-system, kube-public, kube-node-lease and
 * kubevirt. Strings are copied. On failure nothing needs to be closed, but the loop must run once before the
 * memory goes. */
int apisim_init(struct apisim *s, uv_loop_t *loop, const struct apisim_options *o, struct error *err);

int apisim_port(const struct apisim *s);

/** Ends all connections. Called once; the memory goes in @cb. */
void apisim_close(struct apisim *s, void (*cb)(struct apisim *s));

/** For what changes the store outside of a request. */
void apisim_touch(struct apisim *s);

#endif
