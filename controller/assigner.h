/**
 * assigner: carries out the allocator's wishes, requests to the API server, and brings the answers back.
 *
 * It works once in each turn of the loop, just before the loop waits for I/O: then all facts of the turn are
 * in, and the most urgent of all wishes is served first. Loop's thread only.
 */
#ifndef CONTROLLER_ASSIGNER_H
#define CONTROLLER_ASSIGNER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "controller/allocator.h"
#include "kube/client.h"

struct assigner;

struct assigner_options {
	uv_loop_t *loop;
	struct kube_client *client;
	struct allocator
		*allocator; /* borrowed until the close callback; nobody else may ask it for wishes */
	/** The API version to use, NULL while it is not known (then nothing is sent). */
	const char *(*version)(void *data);
	/** The user to act as in writes, and in nothing else; NULL: nobody else. Borrowed until the next
	 * turn. */
	const char *(*write_as)(void *data);
	void *data;
};

/** Returns 0, -ENOMEM. On success give *out to assigner_close(). */
int assigner_open(struct assigner **out, const struct assigner_options *options, struct error *err);

/** Requests that have no answer yet. */
uint32_t assigner_in_flight(const struct assigner *s);

/** Sends nothing more and cancels what is in flight, then calls @cb from the loop. To let writes finish
 * first, stop the allocator and wait until none is in flight. */
void assigner_close(struct assigner *s, void (*cb)(void *data), void *data);

#endif
