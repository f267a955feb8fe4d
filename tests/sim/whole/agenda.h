/**
 * agenda: virtual time. Moments at which something is to happen, in order of time; those of the same
 * microsecond come in the order in which they were put in, so that a run is the same each time.
 *
 * Moments belong to the caller, who embeds them; a zeroed one is outside.
 */
#ifndef SIM_WHOLE_AGENDA_H
#define SIM_WHOLE_AGENDA_H

#include <stdint.h>

#include "base/heap.h"

struct moment {
	struct heap_node node;
	void (*run)(struct moment *m);
};

struct agenda {
	struct heap heap;
	uint64_t now_us;
	uint32_t order; /* of the moment that was put in last */
};

/** @m comes at @at_us (not before now); one that is already inside is moved. */
void agenda_at(struct agenda *a, struct moment *m, uint64_t at_us);
void agenda_cancel(struct agenda *a, struct moment *m);

/** Takes out what is next and sets now_us to its time. NULL: nothing is left before @end_us. */
struct moment *agenda_pop(struct agenda *a, uint64_t end_us);

/** Empties it, keeping the memory; time begins at @now_us. */
void agenda_reset(struct agenda *a, uint64_t now_us);
void agenda_free(struct agenda *a);

#endif
