/**
 * auditor: judges. It sees every write to the API server, every wish, every notice, and holds them against
 * the invariants of DESIGN with books of its own: the biography of each object, kept from the server's
 * history, and a ledger for each process (ledger.h), kept from what that process was told.
 *
 * What it checks where:
 * - each write: I1 unique, I2 fixed, I6 valid, I8 no write that changes nothing
 * - each wish: I1 term and right to write, I2, I3 informed, I5 held and rested, I6, I7 gated, I8 only for who
 *   is in need, I9 window and rate; and that a CID is of the own stripe, while that has a free one or a
 *   step of the term leads to a better one
 * - each raising for room: that it was called for, and by the right step
 * - each notice: I4 verified: ASSIGNED where the look shows it, once for each write; no false alarms; OUTSIDE
 *   once for each stay outside the range
 * - each change of settings that a process is told of: its gauges at once, and that who waits for want of a
 *   CID tries again
 * - every so many steps, for one process after the other: the allocator's own validation, its gauges and
 * holds against the ledger
 * - the end: all that need a CID have one, nothing is in flight, nothing stirs
 *
 * A process is judged by the settings that it has been told of (settings.h), the end by the last ones.
 */
#ifndef SIM_AUDITOR_H
#define SIM_AUDITOR_H

#include "controller/allocator.h"
#include "sim/object.h"
#include "sim/server.h"

struct process;
struct sim;

/** Of one object, by serial. */
struct biography {
	struct author writer; /* of its present CID */
	bool has_started;     /* or was seen by somebody as if it had */
	uint32_t sent;        /* our writes to it */
	uint32_t applied;
	uint32_t assigned;    /* times that NOTICE_ASSIGNED was given */
	uint32_t turned_down; /* by the server, for a good reason */
};

struct auditor {
	struct biography *biographies;
	uint32_t room;
	uint32_t next;   /* process to be checked next */
	uint32_t *bound; /* scratch, see auditor_checks.c */
	uint32_t *touched;
	uint32_t scratch_room;
};

void auditor_reset(struct sim *s);
void auditor_free(struct auditor *a);

/** A write to the server: @before is NULL for a new object, @after NULL for a deletion. */
void auditor_committed(struct sim *s, const struct object *before, const struct object *after,
		       struct author author);

/** The server has turned down one of our writes to the object with @serial, as it had to. */
void auditor_turned_down(struct sim *s, uint32_t serial);

/** A wish of @p's, before it is sent. Fills in what @author does not know yet. Returns the number of the
 * period of need that the wish is for. */
uint32_t auditor_wish(struct process *p, const struct wish *w, struct author *author);

void auditor_notice(struct process *p, const struct notice *n);

/** A CID that @p asks for. True: it is outside the own stripe, and may be. See auditor_stripes.c. */
bool auditor_overflows(struct process *p, uint32_t cid);

/** @p is about to raise the term from p->base by @step for room, 0: no step would help. */
void auditor_raises(struct process *p, uint32_t step);

/** Compares what @p says of its own stripe with its ledger. @turned: a turn has followed all that it was
 * told. */
void auditor_check_stripe(struct process *p, bool turned);

/** CIDs of @stripe, or with CID_STRIPES of all, that can be given by the range but not by @p: at most, or
 * @sure: at least. */
uint32_t auditor_unavailable(struct process *p, uint32_t stripe, bool sure);

/** The allocator of @p has been told something: who is to be told that its CID is outside the range has been
 * told. */
void auditor_told(struct process *p);

/** @p has taken over another range; all other settings, and a turn has followed. */
void auditor_range_moved(struct process *p);
void auditor_settings_taken(struct process *p);

/** After each event. */
void auditor_step(struct sim *s);

/** Compares the allocator of @p with its ledger; see auditor_checks.c. */
void auditor_check_process(struct process *p);

/** After the cluster has come to rest. */
void auditor_finish(struct sim *s);

#endif
