/**
 * cluster: the API server as the scenarios prepare it: VMIs made, moved and removed, many at once, and the
 * feature gate.
 *
 * What is sent is built before the clock starts: fill a batch, then run it.
 */
#ifndef BENCH_CLUSTER_H
#define BENCH_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "support/api.h"

#define CLUSTER_NAMESPACE "bench"
#define CLUSTER_IN_FLIGHT 16

/** Makes the namespace, and the KubeVirt CR with the gate open. Returns 0, -EIO, -EPROTO. */
int cluster_prepare(struct api *api, struct error *err);

/** Opens or closes the feature gate. Errors as above. */
int cluster_set_gate(struct api *api, bool open, struct error *err);

/** How VMIs are created. All are of 6 KB. */
enum cluster_kind {
	CLUSTER_WAITING, /* wants vsock, Pending, without a CID */
	CLUSTER_SERVED,  /* wants vsock, Running, with a CID of its own */
	CLUSTER_OTHER,   /* does not want vsock, Running */
	CLUSTER_MIXED,   /* nine of ten served, the tenth other */
};

/** Requests that are ready to be sent. A zeroed one is empty. */
struct cluster_batch {
	struct api_call *calls;
	size_t len;
};

void cluster_batch_free(struct cluster_batch *b);

/* These fill an empty batch for the VMIs @from .. @to - 1. Return 0 or -ENOMEM; cluster_batch_free() is due.
 */
int cluster_batch_create(struct cluster_batch *b, size_t from, size_t to, enum cluster_kind kind);
int cluster_batch_delete(struct cluster_batch *b, size_t from, size_t to);
int cluster_batch_take_cids(struct cluster_batch *b, size_t from, size_t to);
/** So many status updates as virt-handler writes them, over VMIs 0 .. @vmis - 1 in turn. Each changes
 * something. */
int cluster_batch_status(struct cluster_batch *b, size_t updates, size_t vmis);

/** Sends all of it, @in_flight at a time, and waits for the answers. @rate: so many a second, evenly, from
 * now on; 0: as fast as the server takes them. Returns 0, -ENOMEM, or -EPROTO where one was refused or got no
 * answer. */
int cluster_batch_run(struct api *api, struct cluster_batch *b, size_t in_flight, unsigned int rate,
		      struct error *err);

/** Creates, in batches of a bounded size. Errors as cluster_batch_run(). */
int cluster_create(struct api *api, size_t from, size_t to, enum cluster_kind kind, struct error *err);

/** Removes all VMIs and waits until none is there. */
int cluster_clear(struct api *api, struct error *err);

#endif
