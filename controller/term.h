/**
 * term: raises the Lease's term once, which gives this process its stripe of CIDs (DESIGN "Term stripes").
 *
 * The term is the Lease's leaseTransitions. A process has one only by its own successful write that raised
 * it: each raising is one compare-and-swap on the Lease, so no two processes share a term, and finding one's
 * own name in the Lease proves nothing. A write whose outcome is unknown is therefore not looked up but done
 * again. A Lease that does not exist is created with a random term below 2^30: after somebody deleted it,
 * counting from 0 would meet the recent stripes again.
 *
 * Loop's thread only.
 */
#ifndef CONTROLLER_TERM_H
#define CONTROLLER_TERM_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "kube/client.h"

#define TERM_LEASE_DURATION_S 15

struct term;

struct term_options {
	uv_loop_t *loop;
	struct kube_client *client;
	struct logger *log;
	struct rng *rng;
	const char *lease_name; /* borrowed, as are the others, until the close callback */
	const char *identity;
	/** The term has been raised to @value in the namespace that was asked for last. From the loop. */
	void (*raised)(void *data, uint32_t value);
	void *data;
};

/** Asks for nothing yet. Returns 0, -ENOMEM. On success give *out to term_close(). */
int term_open(struct term **out, const struct term_options *options, struct error *err);

/** Raises the term of the Lease in @namespace (copied), trying until it succeeds. The same namespace again
 * changes nothing; another one starts anew, "" ends the tries. A term that was raised elsewhere counts no
 * more: the caller forgets it. */
void term_want(struct term *t, const char *namespace);

void term_close(struct term *t, void (*cb)(void *data), void *data);

#endif
