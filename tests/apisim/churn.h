/**
 * churn: changes that nobody asked for, as a busy cluster has them: new revisions of objects at random, made
 * inside the server, so that what a watch can take is not limited by what a client can write.
 *
 * An object's new revision differs in its resourceVersion (and where else its pattern has @RV@).
 */
#ifndef APISIM_CHURN_H
#define APISIM_CHURN_H

#include <stdint.h>
#include <uv.h>

#include "apisim/resource.h"
#include "base/buf.h"

struct apisim;

struct churn {
	struct apisim *sim;
	uv_timer_t timer;
	const struct resource *resource;
	uint64_t rate; /* changes a second; 0: as fast as the slowest watch of the resource takes them */
	uint64_t left, made;
	uint64_t started_ms;
	uint64_t took_ms; /* until the last one was handed to all watches; 0: not yet */
};

void churn_init(struct churn *c, struct apisim *sim);

/** Makes @count changes of @r's objects from now on, in place of what is still to be made. */
void churn_start(struct churn *c, const struct resource *r, uint64_t rate, uint64_t count);

/** As a JSON object: made, left, tookMs (0 until it is done). */
void churn_write(const struct churn *c, struct buf *out);

#endif
