/**
 * view: what a process sees of the API server. Lists in pages, a watch that brings every change in order but
 * not at once, and what goes wrong with them: stalls, cuts, 410 Gone, lists that break off, lists that are
 * old.
 *
 * It stands for lib/kube/reflector.c: what it shows comes in the orders in which that one would show it.
 */
#ifndef SIM_VIEW_H
#define SIM_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/object.h"
#include "sim/queue.h"

struct process;

enum view_state { VIEW_LISTING, VIEW_WATCHING, VIEW_BROKEN };

struct view {
	enum view_state state;
	struct event event; /* the next page, the next change, the next try */
	uint32_t watched;   /* changes up to here were seen */
	uint32_t lists;     /* completed ones */
	/* the list that is under way */
	bool listing; /* the snapshot was taken */
	struct object *page;
	uint32_t page_room;
	uint32_t page_len;
	uint32_t page_at;
	uint64_t list_version;
	uint32_t list_upto;
};

void view_init(struct view *v);
void view_free(struct view *v);

/** The view of a process that begins: a first list, soon. */
void view_start(struct process *p);
void view_stop(struct process *p);

/** Everything is listed again at @at_ms. */
void view_relist(struct process *p, uint64_t at_ms);

/** The history has grown. */
void view_wake(struct process *p);

#endif
