#include "sim/queue.h"

#include <stdlib.h>

#include "base/macros.h"

/* The key of an event is its time and, in the lower bits, its turn among those of the same time. */
#define ORDER_BITS 24
#define ORDER_MASK ((1u << ORDER_BITS) - 1)

void queue_reset(struct queue *q, uint64_t now_ms)
{
	q->heap.len = 0;
	q->now_ms = now_ms;
	q->order = 0;
}

void queue_free(struct queue *q)
{
	heap_free(&q->heap);
}

void queue_at(struct queue *q, struct event *e, uint64_t at_ms)
{
	if (at_ms < q->now_ms)
		at_ms = q->now_ms;
	if (heap_set(&q->heap, &e->node, at_ms << ORDER_BITS | (++q->order & ORDER_MASK)) != 0)
		abort();
}

void queue_sooner(struct queue *q, struct event *e, uint64_t at_ms)
{
	if (!heap_contains(&e->node) || at_ms < e->node.key >> ORDER_BITS)
		queue_at(q, e, at_ms);
}

void queue_cancel(struct queue *q, struct event *e)
{
	heap_remove(&q->heap, &e->node);
}

struct event *queue_pop(struct queue *q, uint64_t end_ms)
{
	struct heap_node *node = heap_first(&q->heap);

	if (node == NULL || node->key >> ORDER_BITS > end_ms)
		return NULL;
	heap_remove(&q->heap, node);
	q->now_ms = node->key >> ORDER_BITS;
	return container_of(node, struct event, node);
}
