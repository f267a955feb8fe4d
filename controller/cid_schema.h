/**
 * cid_schema: whether the cluster's CRD of VMIs takes the highest CID that may be given.
 *
 * KubeVirt before 1.8.4 said `format: int32` of status.VSOCKCID, and Kubernetes enforces that from 1.36 on
 * (kubevirt.md 0.3): a VMI with a higher CID could not be written any more by anybody. The default range is
 * below; for a wider one the CRD is read, and nothing is written before it has shown that it
 * takes it. Loop's thread only.
 */
#ifndef CONTROLLER_CID_SCHEMA_H
#define CONTROLLER_CID_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "kube/client.h"

struct cid_schema;

struct cid_schema_options {
	uv_loop_t *loop;
	struct kube_client *client;
	struct logger *log;
	struct rng *rng;
	uint32_t max; /* highest CID */
	/** It does not take it; @why: one line. From the loop, outside of libcurl, at most once. */
	void (*refused)(void *data, const char *why);
	void *data;
};

/** Returns 0, -ENOMEM. On success give *out to cid_schema_close(). */
int cid_schema_open(struct cid_schema **out, const struct cid_schema_options *options, struct error *err);

/** Another highest CID, while a look is under way or is to come. */
void cid_schema_set_max(struct cid_schema *s, uint32_t max);

/** It is known that CIDs up to the highest can be written. */
bool cid_schema_allows(const struct cid_schema *s);

/** It is not known, and looks have failed since then, by clock_boot_ms(); 0: that is not so. */
uint64_t cid_schema_failing_since(const struct cid_schema *s);

/** Cancels what is under way, then @cb from the loop. */
void cid_schema_close(struct cid_schema *s, void (*cb)(void *data), void *data);

#endif
