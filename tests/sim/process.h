/**
 * process: one controller: an allocator, its view of the API server (list, watch, and again), its term, its
 * gate.
 *
 * It does what controller/assigner.c and lib/kube/reflector.c do around the allocator: each fact is followed
 * by a turn, in which the allocator's wishes are sent and its deadline becomes a timer. A process can crash
 * and start again at any moment, or stand still (*paused*) while the world goes on.
 */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H

#include "base/rng.h"
#include "controller/allocator.h"
#include "sim/ledger.h"
#include "sim/profile.h"
#include "sim/queue.h"
#include "sim/server.h"
#include "sim/view.h"

struct request;
struct sim;

struct process {
	struct sim *sim;
	uint32_t id; /* unique in a run, 0: not running */
	char name[16];
	struct allocator *core;
	struct rng rng;
	uint64_t paused_until_ms;
	struct view view;
	/* its settings, as told */
	uint32_t setting;
	uint32_t window;
	const struct cid_range *range; /* one of these; the other is gone, so that its use is found out */
	struct cid_range ranges[2];
	struct event told; /* it hears of others */
	/* its permissions, as told */
	bool gate_open;
	bool has_term;
	bool stopped;
	uint32_t term;
	uint32_t base; /* the Lease's, when it last looked for a step */
	uint64_t right_until_ms;
	struct event renewal; /* of the Lease */
	bool hurries;         /* and it comes early, because room is short */
	/* its memory */
	bool was_short;        /* an allocation has failed, ever */
	bool relist;           /* something could not be remembered, a list is to show it again */
	bool lossy;            /* no list without such a loss has been complete since */
	bool lossy_list;       /* the list under way had one */
	struct event campaign; /* its term is raised */
	/* its work */
	struct event timer;
	struct event boot; /* it starts again */
	uint32_t in_flight;
	uint64_t last_wish_ms;
	uint64_t throttled_until_ms; /* at the latest: the server has asked it to wait */
	struct ledger ledger;
	struct vmi look;               /* what the allocator is being shown */
	const struct request *settled; /* whose answer it is being given, or NULL */
};

void process_init(struct process *p, struct sim *s);
void process_free(struct process *p);

/** A new process begins, with nothing but the answers that the API server will give. */
void process_start(struct process *p);

/** It is gone; what it has sent is not. Nothing happens where it does not run. */
void process_kill(struct process *p);

bool process_is_paused(const struct process *p);

/** It has a term and the right to write. */
bool process_may_write(const struct process *p);

/** An object as a list (@listed) or the watch shows it; its deletion. */
void process_see(struct process *p, const struct object *o, bool listed);
void process_see_gone(struct process *p, const struct object *o);

/** After any facts: sends what the allocator wishes, and sets its timer. */
void process_turn(struct process *p);

/** The answer to a request of this process has arrived. */
void process_answered(struct process *p, const struct request *r);

/** What the ledger of @p has of the VMI that @n is about, or NULL. */
struct entry *process_entry_of(const struct process *p, const struct notice *n);

/** One of the faults of a process, by chance. */
void process_trouble(struct sim *s);

/** Somebody sets the Lease's term to a higher one. */
void process_edit_term(struct sim *s);

/** No more trouble: the gate is open, the term is there, pauses end. At least one process runs afterwards. */
void process_repair(struct process *p);

#endif
