/**
 * lease_watch: sees one Lease by a reflector, and tells what of it counts for an election.
 *
 * What cannot be read is left out: the election rests on its own requests, the watch only makes it faster.
 * Loop's thread only.
 */
#ifndef KUBE_LEASE_WATCH_H
#define KUBE_LEASE_WATCH_H

#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "kube/client.h"
#include "kube/election.h"

struct lease_watch;

/** All borrowed until the close callback. seen() and absent() come from inside libcurl: they must not start
 * or cancel requests of the same client. */
struct lease_watch_options {
	uv_loop_t *loop;
	struct kube_client *client;
	struct logger *log;
	struct rng *rng;
	const char *namespace;
	const char *name;
	/** As election_seen(); @l borrowed during the call. */
	void (*seen)(void *data, const struct election_lease *l);
	/** As election_absent(). */
	void (*absent)(void *data, const char *rv);
	void *data;
};

/** Starts at once. Returns 0, -ENOMEM, -EINVAL. On success give *out to lease_watch_close(). */
int lease_watch_open(struct lease_watch **out, const struct lease_watch_options *options, struct error *err);

/** Nothing is told after this call; @cb from the loop. */
void lease_watch_close(struct lease_watch *w, void (*cb)(void *data), void *data);

#endif
