/**
 * life: what happens in the cluster apart from us. VMIs are created, move through their phases, are deleted
 * and created again under the same names; others write to them, more or less well-behaved (kubevirt.md
 * sections 1 and 9).
 */
#ifndef SIM_LIFE_H
#define SIM_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/queue.h"

struct object;
struct sim;

struct life {
	struct event next;    /* the next action */
	struct event contest; /* somebody undoes what we wrote */
	uint32_t contested_slot;
	uint32_t left; /* actions */
	bool over;
};

void life_start(struct sim *s);

/** One of our writes has given @o its CID. */
void life_assigned(struct sim *s, const struct object *o);

/** Nobody is in our way any more, and what was unreadable can be read. */
void life_repair(struct sim *s);

#endif
