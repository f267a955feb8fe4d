/**
 * kube_lease: the coordination.k8s.io/v1 Lease as text, read and written. Pure.
 *
 * What is written back is the object as it was read, with only our members changed: unknown spec fields
 * (strategy, preferredHolder) and all metadata stay (kubernetes-client.md LE-17), and its resourceVersion
 * makes the PUT a compare-and-swap.
 */
#ifndef KUBE_LEASE_H
#define KUBE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/** leaseTransitions is an int32 of the API; after its largest value comes 0 (DESIGN "Term stripes"). */
#define KUBE_LEASE_MAX_TERM 2147483647

/** Largest Lease that is read, bytes; the server's own limit on objects is lower. */
#define KUBE_LEASE_MAX_TEXT ((size_t)4 << 20)

struct kube_lease;

/** Reads a Lease as the server sent it. Returns 0, -EBADMSG (not a Lease, a member of a wrong type or value,
 * or no resourceVersion or uid, without which a write would be no compare-and-swap), -ENOMEM. On
 * success *out must be given to kube_lease_free(). */
int kube_lease_parse(struct kube_lease **out, const char *text, size_t len, struct error *err);

/** spec.leaseTransitions, 0 where absent. */
uint32_t kube_lease_term(const struct kube_lease *l);

/** spec.holderIdentity, "" where absent. Borrowed. */
const char *kube_lease_holder(const struct kube_lease *l);

/** spec.leaseDurationSeconds, 0 where absent. */
uint32_t kube_lease_duration_s(const struct kube_lease *l);

/** spec.renewTime as it stands there, "" where absent or no string. Borrowed. */
const char *kube_lease_renewed(const struct kube_lease *l);

/** metadata.uid and metadata.resourceVersion, never "". Borrowed. */
const char *kube_lease_uid(const struct kube_lease *l);
const char *kube_lease_resource_version(const struct kube_lease *l);

/** What a process writes into the Lease. Strings are borrowed during the call. */
struct kube_lease_claim {
	const char *holder;  /* "": gives the Lease up (LE-13) */
	uint32_t term;       /* leaseTransitions */
	uint32_t duration_s; /* > 0, also where the Lease is given up: 0 is invalid (LE-13) */
	uint64_t now_us;     /* wall clock; renewTime (LE-1) and acquireTime */
	bool renews;         /* acquireTime stays as it is */
};

/** Appends the body of a PUT: @l with the claim in it. Returns 0, -EMSGSIZE, -ENOMEM. */
int kube_lease_write(struct buf *out, const struct kube_lease *l, const struct kube_lease_claim *claim);

/** Appends the body of a POST that creates the Lease. Errors as above. */
int kube_lease_write_new(struct buf *out, const char *namespace, const char *name,
			 const struct kube_lease_claim *claim);

void kube_lease_free(struct kube_lease *l); /* NULL is fine */

#endif
