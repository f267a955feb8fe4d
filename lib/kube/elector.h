/**
 * elector: takes part in the election on one Lease: kube/election.h with a client, a watch and a timer.
 *
 * It has a client of its own, so that nothing that others wait for stands in the way of a renewal (TRN-9).
 * The Lease is watched by a reflector on that same client's second connection; the watch only makes things
 * faster: without it the Lease is read when it should have ended. Unknown members of the Lease stay as they
 * are (LE-17). Loop's thread only.
 */
#ifndef KUBE_ELECTOR_H
#define KUBE_ELECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "kube/client.h"
#include "kube/election.h"

struct elector;

/** What the owner is told. All from the loop and outside of libcurl, never from inside a call on the elector;
 * they may call it. */
struct elector_handler {
	/** This process leads, or has raised its term: CIDs are drawn from @term's stripe from now on. */
	void (*led)(void *data, uint32_t term);
	/** The right to write lasts until then (boot clock). Comes before led() and after each renewal. */
	void (*extended)(void *data, uint64_t until_ms);
	/** Was leading and is not any more, or the server has gone back in time; for ever. At most once;
	 * nothing else comes after it. */
	void (*lost)(void *data, const char *reason);
	/** It would campaign, or raise a term that somebody set by hand, if the caches were fresh: refresh
	 * them, then elector_set_fresh(). At most once in each retry period. */
	void (*stale)(void *data);
	/** See election_options.step. */
	uint32_t (*step)(void *data, uint32_t base);
};

struct elector_options {
	uv_loop_t *loop;
	struct kube_client
		*client; /* borrowed; used by nobody else; may begin to close after elector_close() */
	struct logger *log;
	struct rng *rng;       /* borrowed */
	const char *namespace; /* strings are copied */
	const char *name;
	const char *identity;
	uint32_t lease_duration_ms; /* whole seconds */
	uint32_t renew_deadline_ms;
	uint32_t retry_period_ms;
	const struct elector_handler *handler; /* borrowed */
	void *data;
};

/** Starts at once as a standby without fresh caches. Returns 0, -ENOMEM, -EINVAL. On success give *out to
 * elector_close(). */
int elector_open(struct elector **out, const struct elector_options *options, struct error *err);

/** As election_set_fresh() and election_set_pressed(). What follows is done in the loop's next turn. */
void elector_set_fresh(struct elector *e, uint64_t until_ms);
void elector_set_pressed(struct elector *e, bool pressed);

bool elector_is_leading(const struct elector *e);

/** End of the right to write, 0 where there is none. */
uint64_t elector_right_until(const struct elector *e);

/** Who leads as far as is known; "" for nobody. Borrowed until the loop goes on. */
const char *elector_holder(const struct elector *e);

/** The Lease's uid as it was read or written last, "" before: for events about it. Borrowed as above. */
const char *elector_lease_uid(const struct elector *e);

/** Gives the Lease up, if it is ours; @cb from the loop, once it is free, somebody else's, or our right has
 * ended. lost() does not come any more. Called at most once, before elector_close(). */
void elector_give_up(struct elector *e, void (*cb)(void *data), void *data);

/** Cancels everything (a Lease that is held stays held until it expires), then @cb from the loop. No other
 * callback comes after this call, that of elector_give_up() neither. */
void elector_close(struct elector *e, void (*cb)(void *data), void *data);

#endif
