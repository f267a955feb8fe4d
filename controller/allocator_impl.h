/**
 * allocator_impl: what the parts of the allocator share. allocator.c keeps the facts,
 * allocator_review.c judges who needs what, allocator_holds.c keeps CIDs with their owners,
 * allocator_source.c knows migrations, allocator_work.c gets things done (queues, requests in flight,
 * answers, pauses), allocator_stripe.c chooses CIDs, allocator_figures.c counts and checks.
 */
#ifndef CONTROLLER_ALLOCATOR_IMPL_H
#define CONTROLLER_ALLOCATOR_IMPL_H

#include "base/backoff.h"
#include "base/heap.h"
#include "base/list.h"
#include "cid/pool.h"
#include "cid/quarantine.h"
#include "controller/allocator.h"
#include "controller/vmi_store.h"

/** Gauges that a record can be counted under; bits of vmi_record.counted. */
enum vmi_count { COUNT_INVALID, COUNT_OUTSIDE, COUNT_MISSED, COUNT_UNREADABLE, COUNT_KINDS };

/** What is being done for a VMI; DESIGN's Wanting, Assigning and Blocked. No assignment: Confirmed, Held or
 * Ignored. */
enum work_state {
	WORK_WANTING,   /* queued for a write */
	WORK_STARVING,  /* queued too, but the own stripe is used up: the term has to be raised first */
	WORK_ASSIGNING, /* the write is in flight */
	WORK_DOUBTING,  /* queued for a read: what we know may not be the truth */
	WORK_READING,   /* the read is in flight */
	WORK_BLOCKED,   /* nothing before a point in time */
};

/** Order of service: who is nearer to Scheduled comes first, because a CID after Scheduled is too late. */
enum urgency { URGENCY_SCHEDULING, URGENCY_PENDING, URGENCY_OTHER, URGENCY_COUNT };

struct slot;

struct assignment {
	struct vmi_record *record;
	struct list queued;     /* while WANTING, STARVING or DOUBTING */
	struct heap_node timer; /* while BLOCKED; key = until, ms */
	struct slot *slot;      /* while ASSIGNING or READING */
	struct backoff backoff;
	uint64_t since_ms;           /* first seen waiting */
	vmi_version written_version; /* the look that the last write was based on */
	vmi_version refused_version; /* a test failed on a write based on this look; 0: none did */
	uint8_t state;               /* enum work_state */
	uint8_t resume;              /* state after BLOCKED */
	uint8_t urgency;             /* enum urgency, of the queue that it is in */
	uint8_t overtaken;           /* writes that were, in a row */
	bool exhausted;              /* while BLOCKED: the range had no free CID */
};

/** A request in flight. */
struct slot {
	struct assignment *work; /* NULL: nobody waits for the outcome any more */
	uint64_t ticket;         /* 0: the slot is free */
	enum wish_kind kind;
	uint32_t cid;   /* WISH_PATCH */
	uint32_t grant; /* number of the limit that it was counted against; 0: of none */
};

struct allocator {
	struct allocator_options options;
	struct vmi_store store;
	struct cid_pool *pool;
	struct cid_quarantine *quarantine;
	uint64_t counts[COUNT_KINDS];
	/* lists */
	uint32_t list_number;
	size_t listed;   /* records that it has shown */
	bool list_blind; /* it showed something that could not be told apart: nothing may be taken as gone
			    from it */
	bool list_lossy; /* something that it showed could not be remembered */
	bool informed;
	/* permission */
	bool gate_open;
	uint32_t writes_left;  /* or ALLOCATOR_UNLIMITED */
	uint32_t grant;        /* number of that limit */
	const char *held;      /* why those that wait are held and not served; NULL: they are not */
	const char *told_held; /* the reason that has been told last */
	bool has_term;
	bool stopped;
	uint64_t right_until_ms;
	uint32_t term;
	uint32_t first_term; /* with has_term: the one that this process raised first */
	uint32_t base;   /* the term that the Lease shows: ours, or a later one where a raising has failed */
	uint32_t stripe; /* that of the term, or another one while that is used up and no step of it helps */
	/* work */
	uint64_t waiting;
	struct list doubting[URGENCY_COUNT];
	struct list wanting[URGENCY_COUNT];
	struct list starving[URGENCY_COUNT];
	uint64_t starving_count;
	struct heap blocked;
	struct slot slots[ALLOCATOR_MAX_IN_FLIGHT];
	uint32_t in_flight;
	uint64_t last_ticket;
	uint64_t paused_until_ms; /* the server wants to be left alone until then */
	struct backoff server_backoff;
};

/** What is being done for @r, NULL for nothing. */
static inline struct assignment *work_of(const struct vmi_record *r)
{
	return arena_at(arena_of(r), vmi_record_work(r));
}

/** Gives a notice about @r; @n->kind and the special members are filled in, the identity is added here. */
void allocator_notify(struct allocator *a, struct vmi_record *r, struct notice n);

/** What @v says of its migration's source; and @r holds what that one's guest has (I5). */
void allocator_note_source(struct allocator *a, struct vmi_record *r, const struct vmi *v, uint64_t now_ms);
void allocator_hold_source(struct allocator *a, struct vmi_record *r, uint64_t now_ms);

/** Tells, once, that the guest of @r has another CID than its status shows. */
void allocator_tell_source(struct allocator *a, struct vmi_record *r);

/** Tells @r, once, that it is held. */
void allocator_tell_held(struct allocator *a, struct vmi_record *r);

/** Makes @r an owner of @cid: the pool knows it as taken, and it rests no longer. NULL: out of memory. */
struct vmi_hold *allocator_own(struct allocator *a, struct vmi_record *r, uint32_t cid);

/** Ends a hold; the CID rests where it was its last. */
void allocator_let_go(struct allocator *a, struct vmi_hold *h, uint64_t now_ms);

/** The VMI that keeps @cid among those that show it, NULL where none does. */
struct vmi_record *allocator_keeper_of(const struct allocator *a, uint32_t cid);

/** Keeps the number of holds of @r bounded (I9), after one was added: lets the one go that matters least, but
 * not the visible one. @keep, where it is not NULL, was asked for just now: it stays, and no guest's goes for
 * it. */
void allocator_trim(struct allocator *a, struct vmi_record *r, const struct vmi_hold *keep, uint64_t now_ms);

/** Lets go what was asked for @r in vain: the server has surely not applied it. Else a VMI whose writes are
 * put back would take another CID in each new term (I9). */
void allocator_forget_refused(struct allocator *a, struct vmi_record *r, uint64_t now_ms);

/** Memory for what must be remembered of @r is missing (of @cid, where it is about one): tells it, and writes
 * nothing until a new list has shown everything again. */
void allocator_lost_track(struct allocator *a, struct vmi_record *r, uint32_t cid);

/** The gauges that @r is to be counted under, bits of enum vmi_count; and counts it so. */
uint8_t allocator_counts_of(const struct allocator *a, const struct vmi_record *r);
void allocator_recount(struct allocator *a, struct vmi_record *r, uint8_t bits);

/** Judges anew what @r needs, and who else shows its CID; or all that show @cid, telling those that share it.
 */
void allocator_review(struct allocator *a, struct vmi_record *r, uint64_t now_ms);
void allocator_review_cid(struct allocator *a, uint32_t cid, uint64_t now_ms);

/** Tells that @r shows a CID that works in no VM, or has started with one that we would not give, if it is
 * so. */
void allocator_tell_reserved(struct allocator *a, struct vmi_record *r);
void allocator_tell_outside(struct allocator *a, struct vmi_record *r);

/** The CID to ask for @r: one that we asked for before, or a free one, to be owned at once. Returns 0,
 * -EAGAIN (only a raised term has one), -ENOSPC (none in the whole range). */
int allocator_choose_cid(struct allocator *a, const struct vmi_record *r, uint32_t *cid);

/** Whether a free CID may be drawn, as far as the stripes go: the own one has one, or no step of the term
 * leads to a better one. */
bool allocator_may_draw(const struct allocator *a);

/** I2 and I9: nothing is written for a VMI that has started, ends, or cannot be read. */
bool allocator_may_serve(const struct vmi_record *r);

/** @cid may have been written by the leader before us. */
bool allocator_is_of_leader_before(const struct allocator *a, uint32_t cid);

/** A resourceVersion as a number, 0 where it is none. */
vmi_version allocator_parse_version(const char *text);

/** Starts to work for @r, if nothing is being done yet; moves it to the queue of its urgency if it waits in
 * one. */
void work_want(struct allocator *a, struct vmi_record *r, uint64_t now_ms);

/** Goes on at once with what is blocked for want of a CID: the range is another one. */
void work_retry(struct allocator *a, struct vmi_record *r);

/** Ends what is being done for @r; a request in flight goes on without it. */
void work_drop(struct allocator *a, struct vmi_record *r);

#endif
