/**
 * election: leader election on a Lease with terms, as a state machine without I/O.
 *
 * Facts go in: the Lease as a watch, a read or the answer to a write shows it, answers, time, fresh caches.
 * Wishes come out, one at a time: read the Lease, write it. Times are milliseconds of one clock that never
 * goes back and counts suspend (kubernetes-client.md LE-6); times of other machines are never looked at, only
 * change is.
 *
 * The *term* is the Lease's leaseTransitions. A process has a term only by its own successful write that
 * raised it: each raising is a compare-and-swap on the version that was read (resourceVersion and uid), so no
 * two processes share one; finding one's own name in the Lease proves nothing (LE-2, LE-5). A write whose
 * outcome is unknown is therefore not looked up but done again. Terms are compared as serial numbers (RFC
 * 1982): after 2147483647 comes 0.
 *
 * The *right* to write ends at (send time of the last successful renewal + renew deadline), earlier than
 * others may take over (lease duration after they saw it): LE-10. Who loses the Lease has lost it for ever.
 *
 * Not thread-safe; nothing is called back.
 */
#ifndef KUBE_ELECTION_H
#define KUBE_ELECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "kube/rv.h"

/** Longer holders are cut for show only; they are never equal to an identity. */
#define ELECTION_HOLDER_MAX 253
#define ELECTION_UID_MAX    127

/** Room for a renewTime, which is some 30 bytes; of longer ones only the beginning counts. */
#define ELECTION_RENEWED_SIZE 48

/** A term that nobody counted up to starts below this: a Lease that had to be created, or one that was set
 * back (DESIGN "Term stripes"). */
#define ELECTION_RANDOM_TERM_BELOW (UINT32_C(1) << 30)

/** Largest step of one raising for room, see election_options.step. */
#define ELECTION_MAX_STEP 64

enum election_role {
	ELECTION_STANDBY,
	ELECTION_LEADING,
	ELECTION_LOST, /* was leading, or the server has gone back in time; for ever */
	ELECTION_OVER, /* gave up in order; for ever */
};

/** A Lease as it was seen. Strings borrowed during the call. */
struct election_lease {
	const char *uid;
	const char *rv;
	const char *holder;  /* "": nobody */
	const char *renewed; /* renewTime as it stands there; NULL or "": not known */
	uint32_t duration_s; /* 0 where it is absent */
	uint32_t term;
};

struct election_options {
	const char *identity; /* borrowed; unique to this process (LE-2), 1 .. ELECTION_HOLDER_MAX bytes */
	uint32_t lease_duration_ms; /* > renew_deadline_ms > 1.2 * retry_period_ms > 0 (LE-3) */
	uint32_t renew_deadline_ms;
	uint32_t retry_period_ms;
	/** A standby that has seen nothing new for so long, though a living leader shows itself more often,
	 * reads the Lease each retry period: what it is watched by may be silent. 0: not before it may be
	 * taken. */
	uint32_t silence_ms;
	struct rng *rng; /* borrowed */
	/** How far the term @base has to be raised to get room, 1 .. ELECTION_MAX_STEP; 0: no step helps.
	 * Asked only while election_set_pressed() holds. */
	uint32_t (*step)(void *data, uint32_t base);
	void *data;
};

struct election;

/** Returns 0, -EINVAL (times, identity), -ENOMEM. On success give *out to election_free(). */
int election_create(struct election **out, const struct election_options *options);
void election_free(struct election *e); /* NULL is fine */

/* ---- facts ---- */

/** The Lease as a watch event, a list or a read shows it. A look that is not newer than what is known is
 * ignored. Loses the Lease where it shows another holder or another object (uid). */
void election_seen(struct election *e, const struct election_lease *l, uint64_t now_ms);

/** There was no Lease at @rv (a deletion, or a list without it), "" for "just now". Answers of 404 go to
 * election_answered() instead. */
void election_absent(struct election *e, const char *rv, uint64_t now_ms);

/** The caches are complete and known to be fresh until then; 0: not. A process campaigns only before (I3). */
void election_set_fresh(struct election *e, uint64_t until_ms);

/** More than half of the own stripe is used: the leader raises its term, if a step helps, with its next
 * renewal, which then comes early. By at most 1,024 in 5 minutes: staleness is counted in minutes, safety in
 * terms. With each term that it raises this begins as false. */
void election_set_pressed(struct election *e, bool pressed);

/** Gives up: who leads frees the Lease, if a fresh look shows that it is still its own (LE-11, LE-12); the
 * role becomes OVER (or LOST). Stop writing before. */
void election_give_up(struct election *e, uint64_t now_ms);

/* ---- wishes ---- */

enum election_action {
	ELECTION_READ,   /* GET */
	ELECTION_UPDATE, /* PUT over the version that was read or written last (object, uid, resourceVersion)
			  */
	ELECTION_CREATE, /* POST */
};

struct election_wish {
	enum election_action action;
	/* UPDATE and CREATE: what to write. */
	uint32_t term;
	uint32_t duration_s; /* release: 1 (LE-13) */
	bool release;        /* holder "" instead of the identity */
	bool acquires;       /* acquireTime is now; else it stays */
	/* All. */
	uint32_t timeout_ms;
};

/** The next wish, which the caller carries out at once (its send time is @now_ms) and answers exactly once.
 * False: none now, or one is in flight. */
bool election_next(struct election *e, struct election_wish *w, uint64_t now_ms);

enum election_outcome {
	ELECTION_DONE,     /* 2xx with the Lease as it is now */
	ELECTION_MISSING,  /* 404 */
	ELECTION_CONFLICT, /* 409: somebody else was faster; or the Lease is there already */
	ELECTION_FAILED,   /* anything else; a write may have been applied */
};

/** @l: with ELECTION_DONE only. */
void election_answered(struct election *e, enum election_outcome outcome, const struct election_lease *l,
		       uint64_t now_ms);

/** When election_next() may have a wish or a role may change without a new fact; UINT64_MAX: never. */
uint64_t election_deadline(const struct election *e);

/** Time has passed: the right may have ended. */
void election_tick(struct election *e, uint64_t now_ms);

/* ---- what follows from it ---- */

enum election_role election_role(const struct election *e);

/** Why the Lease was lost, in words; "" before. */
const char *election_reason(const struct election *e);

/** The term that this process raised itself last. Only once it has led. */
uint32_t election_term(const struct election *e);

/** End of the right to write; 0 where there is none. Whoever writes checks now < this before each request. */
uint64_t election_right_until(const struct election *e);

/** It would campaign now, or raise a term that it has found in its Lease, if its caches were fresh. */
bool election_wants_fresh(const struct election *e, uint64_t now_ms);

/** Who holds the Lease as far as is known, "" for nobody. Borrowed until the next call. */
const char *election_holder(const struct election *e);

#endif
