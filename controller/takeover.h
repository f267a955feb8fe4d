/**
 * takeover: what mode takeover needs of the cluster: watches the admission policies and the parameter of
 * *hold*, and opens and closes the hold.
 *
 * The policies are compared with the built-in ones (controller/policy.h). The parameter is a ConfigMap in
 * KubeVirt's namespace whose `hold` is "on" or anything else; only the leader writes it, and never creates
 * it: whoever removes our manifests opens the hold for good. Loop's thread only.
 */
#ifndef CONTROLLER_TAKEOVER_H
#define CONTROLLER_TAKEOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "controller/mode.h"
#include "kube/client.h"
#include "kube/reflector.h"

struct takeover;

/** All borrowed until the close callback. */
struct takeover_options {
	uv_loop_t *loop;
	struct kube_client *client;
	struct logger *log;
	struct rng *rng;
	/** A list or a watch of @resource was started again, for metrics. */
	void (*restarted)(void *data, const char *resource, bool watch, enum reflector_restart reason);
	void *data;
	/** Lists that are forbidden for so long count as such: a server that starts forbids everything until
	 * it knows its RBAC rules. So do lists that are not there any more, where they were before. */
	uint64_t patience_ms;
};

/** Starts to watch. Returns 0, -ENOMEM, -EINVAL. On success give *out to takeover_close(). */
int takeover_open(struct takeover **out, const struct takeover_options *options, struct error *err);

/** Where KubeVirt lives, and so the parameter; from the first time on it stays as it is. Outside of libcurl.
 */
void takeover_set_namespace(struct takeover *t, const char *namespace, struct error *err);

/** What is known of policies and parameter. @lacking: see mode_set_policies(). */
enum mode_policies takeover_policies(const struct takeover *t, char *lacking, size_t room);

/** What the hold should be; what follows is done here, once in each turn of the loop, outside of libcurl. */
enum takeover_hold {
	TAKEOVER_LEAVE, /* as it is: this process may not write, or the parameter is nobody's business */
	TAKEOVER_OPEN,
	TAKEOVER_CLOSED,
};
void takeover_follow(struct takeover *t, enum takeover_hold wanted, uint64_t now_ms);

/** VMIs without a CID are kept from becoming Scheduled, as far as is known. */
bool takeover_is_holding(const struct takeover *t);

/** One of the policies is there, as far as is known. */
bool takeover_is_installed(const struct takeover *t);

/** Cancels what is under way, then @cb from the loop. */
void takeover_close(struct takeover *t, void (*cb)(void *data), void *data);

#endif
