/**
 * queue: virtual time. What is to happen, in order of time; what is due at the same millisecond happens in
 * the order in which it was put in, so that a run is the same each time.
 *
 * Events belong to the caller, who embeds them.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdint.h>

#include "base/heap.h"

struct sim;

struct event {
	struct heap_node node;
	void (*run)(struct sim *s, struct event *e);
};

struct queue {
	struct heap heap;
	uint64_t now_ms;
	uint64_t order; /* of the event that was put in last */
};

/** Empties it; keeps the memory. Events that are still inside must not be used again before they are cleared.
 */
void queue_reset(struct queue *q, uint64_t now_ms);
void queue_free(struct queue *q);

/** @e happens at @at_ms (not before now); one that is already inside is moved. */
void queue_at(struct queue *q, struct event *e, uint64_t at_ms);

/** The same, but it is not moved to a later time. */
void queue_sooner(struct queue *q, struct event *e, uint64_t at_ms);
void queue_cancel(struct queue *q, struct event *e);

/** Takes out what is next and sets now_ms to its time. NULL: nothing is left before @end_ms. */
struct event *queue_pop(struct queue *q, uint64_t end_ms);

#endif
