#include "sim/whole/agenda.h"

#include <stdlib.h>

#include "base/macros.h"

/* The key of a moment is its time and, in the lower bits, its turn among those of the same time. */
#define ORDER_BITS 22
#define ORDER_MASK ((1u << ORDER_BITS) - 1)

void agenda_at(struct agenda *a, struct moment *m, uint64_t at_us)
{
	if (at_us < a->now_us)
		at_us = a->now_us;
	if (heap_set(&a->heap, &m->node, at_us << ORDER_BITS | (++a->order & ORDER_MASK)) != 0)
		abort();
}

void agenda_cancel(struct agenda *a, struct moment *m)
{
	heap_remove(&a->heap, &m->node);
}

struct moment *agenda_pop(struct agenda *a, uint64_t end_us)
{
	struct heap_node *node = heap_first(&a->heap);

	if (node == NULL || node->key >> ORDER_BITS > end_us)
		return NULL;
	heap_remove(&a->heap, node);
	a->now_us = node->key >> ORDER_BITS;
	return container_of(node, struct moment, node);
}

void agenda_reset(struct agenda *a, uint64_t now_us)
{
	a->heap.len = 0;
	a->now_us = now_us;
	a->order = 0;
}

void agenda_free(struct agenda *a)
{
	heap_free(&a->heap);
}
