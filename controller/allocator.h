/**
 * allocator: decides which VMI gets which CID, and when. The core of the program, without I/O.
 *
 * Facts go in: a VMI seen or gone, a list complete, the gate, the term, the answer to a request, time passed.
 * Wishes come out, one at a time, when the caller can serve one: send this patch, read this object. Notices
 * tell what happened, for logs, events and metrics. It knows no libuv, no libcurl, no clock and no randomness
 * but those handed in, so that the simulation can drive it through every order of events. Times are
 * milliseconds of one clock that never goes back.
 *
 * The invariants I1-I9 of DESIGN are kept here; the code names them where it keeps them.
 *
 * Glossary: a VMI is *waiting* while it wants vsock, has not started and has no valid CID of its own. To
 * *hold* a CID means that nobody else is given it. *Started*: the launcher may have built the domain (I2).
 *
 * Not thread-safe. Notices are given from inside the calls and must not call back.
 */
#ifndef CONTROLLER_ALLOCATOR_H
#define CONTROLLER_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "cid/range.h"
#include "controller/vmi.h"

struct allocator;

enum notice_kind {
	NOTICE_ASSIGNED,  /* our write is verified (I4): cid, waited_ms */
	NOTICE_REVERTED,  /* 2xx, but the answer does not show our CID (kubevirt.md 0.1) */
	NOTICE_REFUSED,   /* the server said no, for another reason than a failed test: text */
	NOTICE_OVERTAKEN, /* a precondition failed: the object moved on; read again at once */
	NOTICE_UNKNOWN, /* the outcome of a write is not known: the CID stays with the VMI, the truth is read
			   back */
	NOTICE_THROTTLED, /* the server asked us to wait, or cannot be reached */
	NOTICE_VANISHED,  /* 404: the object is gone, its deletion has not been seen yet */
	NOTICE_EXHAUSTED, /* no free CID in the whole range */
	NOTICE_FOREIGN,   /* while we lead, somebody else set, changed (old_cid) or removed (cid 0) the CID;
			     was_ours: the one before was written by this process */
	NOTICE_LASTED,    /* it has started with the CID that this process wrote */
	NOTICE_DUPLICATE, /* cid is shown by this VMI and by another one (other_*) */
	NOTICE_INVALID,   /* cid is reserved: it works in no VM */
	NOTICE_OUTSIDE, /* it has started with a cid that we would not give: excluded or outside the range */
	NOTICE_MISSED,  /* started without a CID: it has no vsock device until it is restarted */
	NOTICE_SOURCE, /* a target of a decentralised migration shows cid; its guest has its source's, old_cid
			  (0: not known here). other_*: the source, "" where it is not known */
	NOTICE_HELD,   /* it waits, may not start before it has a CID, and is not given one: text says why */
	NOTICE_UNREADABLE, /* the object is not as the API promises: text names the field */
	NOTICE_OUT_OF_MEMORY,
	NOTICE_COUNT,
};

/** All pointers borrowed during the call; "" where unknown. */
struct notice {
	enum notice_kind kind;
	bool first; /* first of its kind for this VMI (REFUSED, UNKNOWN: second): worth an event */
	bool was_ours;
	bool at_start; /* FOREIGN, MISSED: the VMI has started just now, while we looked */
	const char *namespace, *name, *uid;
	const char *other_namespace, *other_name;
	uint32_t cid;
	uint32_t old_cid;
	uint64_t waited_ms; /* NOTICE_ASSIGNED: since the VMI was first seen waiting */
	const char *text;
};

struct allocator_options {
	const struct cid_range *range; /* borrowed until the end, or allocator_set_range() */
	uint64_t quarantine_ms;        /* rest of a CID after its last owner has gone (I5) */
	uint32_t max_in_flight;        /* requests at the same time, 1 .. ALLOCATOR_MAX_IN_FLIGHT */
	struct rng *rng;               /* borrowed; draws and jitter */
	void (*notice)(void *data, const struct notice *n);
	void *data;
};

#define ALLOCATOR_MAX_IN_FLIGHT 256

/** Returns 0, -EINVAL, -ENOMEM. On success give *out to allocator_free(). */
int allocator_create(struct allocator **out, const struct allocator_options *options);
void allocator_free(struct allocator *a); /* NULL is fine */

/* ---- facts ---- */

/** A VMI as a watch event or a page of a list (@listed) shows it. A look that is not newer than what is known
 * is ignored. */
void allocator_vmi_seen(struct allocator *a, const struct vmi *v, bool listed, uint64_t now_ms);

/** A DELETED event: the object with this UID is gone. */
void allocator_vmi_gone(struct allocator *a, const struct vmi *v, uint64_t now_ms);

/** A list begins (again); what follows with listed = true is its content. */
void allocator_list_started(struct allocator *a);

/** All of the list was shown: what it did not name and what is not newer than @resource_version is gone. From
 * the first one on the allocator is informed (I3). */
void allocator_list_done(struct allocator *a, const char *resource_version, uint64_t now_ms);

/** May new CIDs be given (I7)? Closed at the start. */
void allocator_set_gate(struct allocator *a, bool open);

/** This process raised the Lease to @term itself (DESIGN "Term stripes"); again with each one that it raises
 * it to later. None at the start. */
void allocator_set_term(struct allocator *a, uint32_t term);
void allocator_clear_term(struct allocator *a);

/** The right to write ends at @until_ms, UINT64_MAX: never; 0, as at the start: there is none. Nothing is
 * wished without it, nor without a term: who may not write need not read back either. */
void allocator_set_right(struct allocator *a, uint64_t until_ms);

/** At most @n more writes reach the server, ALLOCATOR_UNLIMITED at the start and for any number. One that was
 * surely not carried out, because the VMI had moved on or gone, or the server was busy, does not count. */
#define ALLOCATOR_UNLIMITED UINT32_MAX
void allocator_limit_writes(struct allocator *a, uint32_t n);

/** VMIs that wait are kept from starting, and not served, for the reason @why (a static string): each is
 * told, once for each reason. NULL, as at the start: that is not so. */
void allocator_set_held(struct allocator *a, const char *why);

/** Gives the notices INVALID, OUTSIDE, MISSED, SOURCE and DUPLICATE about all that is so now once more, as
 * first of their kind: for who begins to lead, after a standby's notices led to no events. Walks over all
 * VMIs. */
void allocator_tell_again(struct allocator *a);

/** Stops new requests for good; those in flight can still be answered. */
void allocator_stop(struct allocator *a);

/* ---- settings ---- */

/** From now on @range counts, borrowed like the one before: as if the process had been started with it. What
 * has started keeps its CID (NOTICE_OUTSIDE); what has not is given another one. Walks over all VMIs. */
void allocator_set_range(struct allocator *a, const struct cid_range *range, uint64_t now_ms);

/** Also for CIDs that rest already. */
void allocator_set_quarantine(struct allocator *a, uint64_t quarantine_ms);

/** 1 .. ALLOCATOR_MAX_IN_FLIGHT. Where more are in flight, nothing is wished until enough have been answered.
 */
void allocator_set_in_flight(struct allocator *a, uint32_t max_in_flight);

/* ---- wishes ---- */

enum wish_kind {
	WISH_PATCH, /* give @cid under all conditions below; one JSON patch */
	WISH_READ,  /* read the object from the API server (not from a cache) */
};

/** Strings are borrowed until the next call on the allocator. */
struct wish {
	enum wish_kind kind;
	uint64_t ticket; /* for allocator_answer() */
	const char *namespace, *name;
	char uid[VMI_UID_MAX + 1];
	/* WISH_PATCH. Conditions: metadata.uid is @uid; status exists or not as has_status says; status.phase
	 * is as phase and has_phase say; status.VSOCKCID is old_cid (replaces) or absent;
	 * metadata.resourceVersion equals resource_version where it is not "". */
	uint32_t cid;
	bool has_status;
	bool has_phase;
	enum vmi_phase phase;
	bool replaces;
	uint32_t old_cid;
	char resource_version[48];
};

/** The most urgent wish that can be served now (gate, term, right, window, pauses considered); the caller
 * carries it out at once and gives the answer. False: none now. @now_ms is to be fresh for each wish: the
 * right to write may end while many are served. */
bool allocator_next(struct allocator *a, struct wish *w, uint64_t now_ms);

enum answer_kind {
	ANSWER_OBJECT,      /* 2xx with the object as it is now */
	ANSWER_TEST_FAILED, /* a condition did not hold: 422 without causes, 409 */
	ANSWER_NOT_FOUND,   /* 404 */
	ANSWER_REFUSED,     /* any other answer that surely changed nothing */
	ANSWER_LATER,       /* surely not applied, ask again later: 429; could not connect */
	ANSWER_UNKNOWN,     /* may have been applied: connection lost, time-out, 5xx */
};

struct answer {
	enum answer_kind kind;
	const struct vmi *object; /* ANSWER_OBJECT */
	uint64_t retry_ms;        /* ANSWER_LATER: as the server asked, 0 where it did not */
	const char *text;         /* for people, "" where there is none */
};

/** The outcome of the wish with @ticket; every wish is answered exactly once. */
void allocator_answer(struct allocator *a, uint64_t ticket, const struct answer *answer, uint64_t now_ms);

/** When allocator_tick() is due, UINT64_MAX: nothing is waiting for time to pass. */
uint64_t allocator_deadline(const struct allocator *a);

/** Time has passed: ends pauses and quarantines. allocator_next() may have more afterwards. */
void allocator_tick(struct allocator *a, uint64_t now_ms);

/* ---- room ----
 *
 * A fresh CID is of the stripe of our own term. Where that is used up, VMIs wait until the term has been
 * raised, if a step of up to 64 leads to a stripe that is under half used. If none does, the range is nearly
 * full, and CIDs come from other stripes with a free one. */

/** More than half of the stripe of our term is used (taken, resting or excluded): the term is to be raised.
 * False without a term. A few instructions. */
bool allocator_is_pressed(const struct allocator *a);

/** The smallest step from @base to a term whose stripe is under half used, 1 .. 64; 0: there is none. @base
 * is the term that the Lease shows: ours, or a later one, after a raising of which nobody knows that it was
 * done. It is remembered, for whether VMIs wait goes by the same answer. Less than a microsecond. */
uint32_t allocator_raise_step(struct allocator *a, uint32_t base);

/* ---- figures ---- */

struct allocator_stats {
	uint64_t tracked;     /* VMIs that want vsock or hold a CID */
	uint64_t in_use;      /* CIDs with an owner */
	uint64_t quarantined; /* CIDs that rest */
	uint64_t available;   /* CIDs that can be given, in the whole range */
	uint64_t duplicates;  /* CIDs that two or more VMIs show */
	uint64_t invalid;     /* VMIs that show a reserved CID */
	uint64_t outside;     /* VMIs that show another one which is excluded or out of range */
	uint64_t waiting;     /* VMIs that are to be given a CID */
	uint64_t starving;    /* of them, those that wait until the term has been raised */
	uint64_t missed;      /* live VMIs that started without a CID */
	uint64_t unreadable;  /* VMIs that are not as the API promises */
	uint64_t in_flight;   /* requests */
	uint64_t stripe_size; /* CIDs of the range that are of the stripe of our term; 0 without a term */
	uint64_t stripe_used; /* and cannot be given: taken, resting or excluded */
	bool stripe_pressed;  /* allocator_is_pressed() */
	bool informed;        /* the first list is complete */
};

void allocator_stats(const struct allocator *a, struct allocator_stats *out);

/** Checks counters, holds and pool against each other, for tests. On false *reason says what is wrong. */
bool allocator_validate(const struct allocator *a, const char **reason);

/** The CID that the VMI's status showed last, false where none; and whether anybody holds @cid. For tests. */
bool allocator_cid_of(const struct allocator *a, const char *uid, uint32_t *cid);
bool allocator_is_held(const struct allocator *a, uint32_t cid);

#endif
