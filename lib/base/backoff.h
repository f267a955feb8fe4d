/**
 * backoff: growing delays between tries, with jitter, so that many clients do not come back at the same
 * moment.
 *
 * The n-th delay is uniform in [d, 2d) with d = initial * 2^n, the whole never above max. It starts anew only
 * when the caller saw a success (WCH-13: a reset by elapsed time lets an outage reset it).
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

#include "base/rng.h"

struct backoff {
	uint32_t initial_ms;
	uint32_t max_ms;
	uint32_t tries; /* delays handed out since the last reset */
};

/** @initial_ms and @max_ms at least 1. */
void backoff_init(struct backoff *b, uint32_t initial_ms, uint32_t max_ms);

/** The next delay in milliseconds, 1 .. max_ms. */
uint32_t backoff_next(struct backoff *b, struct rng *rng);

void backoff_reset(struct backoff *b);

#endif
