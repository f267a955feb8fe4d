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

struct request;
struct sim;

enum view { VIEW_LISTING, VIEW_WATCHING, VIEW_BROKEN };

struct process {
	struct sim *sim;
	uint32_t id; /* unique in a run, 0: not running */
	char name[16];
	struct allocator *core;
	struct rng rng;
	uint64_t paused_until_ms;
	/* its view */
	enum view view;
	struct event view_event; /* next page, next watch event, next try */
	uint32_t watched;        /* changes up to here were seen */
	bool listing;            /* a snapshot was taken */
	struct object *page;     /* the snapshot */
	uint32_t page_room;
	uint32_t page_len;
	uint32_t page_at;
	uint64_t list_version;
	uint32_t list_upto;
	uint32_t lists; /* completed ones */
	/* its permissions, as told */
	bool gate_open;
	bool has_term;
	bool stopped;
	uint32_t term;
	bool overflowed;       /* it was right to leave the stripe of its term */
	struct event campaign; /* its term is raised */
	/* its work */
	struct event timer;
	struct event boot; /* it starts again */
	uint32_t in_flight;
	uint64_t last_wish_ms;
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

/** The history has grown. */
void process_wake(struct process *p);

/** The answer to a request of this process has arrived. */
void process_answered(struct process *p, const struct request *r);

/** One of the faults of a process, by chance. */
void process_trouble(struct sim *s);

/** No more trouble: the gate is open, the term is there, pauses end. At least one process runs afterwards. */
void process_repair(struct process *p);

#endif
