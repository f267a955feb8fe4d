#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

void heap_free(struct heap *h)
{
	free(h->nodes);
	*h = (struct heap){0};
}

static void heap_put(struct heap *h, struct heap_node *node, size_t place)
{
	h->nodes[place - 1] = node;
	node->place = place;
}

static void heap_sift(struct heap *h, struct heap_node *node)
{
	size_t place = node->place;

	while (place > 1 && h->nodes[place / 2 - 1]->key > node->key) {
		heap_put(h, h->nodes[place / 2 - 1], place);
		place /= 2;
	}
	for (;;) {
		size_t child = place * 2;

		if (child < h->len && h->nodes[child]->key < h->nodes[child - 1]->key)
			child++;
		if (child > h->len || h->nodes[child - 1]->key >= node->key)
			break;
		heap_put(h, h->nodes[child - 1], place);
		place = child;
	}
	heap_put(h, node, place);
}

static int heap_grow(struct heap *h)
{
	size_t room = h->room != 0 ? h->room * 2 : 16;
	struct heap_node **nodes = reallocarray(h->nodes, room, sizeof(*nodes));

	if (nodes == NULL)
		return -ENOMEM;
	h->nodes = nodes;
	h->room = room;
	return 0;
}

int heap_set(struct heap *h, struct heap_node *node, uint64_t key)
{
	if (!heap_contains(node)) {
		if (h->len == h->room && heap_grow(h) != 0)
			return -ENOMEM;
		heap_put(h, node, ++h->len);
	}
	node->key = key;
	heap_sift(h, node);
	return 0;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	struct heap_node *last;

	if (!heap_contains(node))
		return;
	last = h->nodes[--h->len];
	if (last != node) {
		heap_put(h, last, node->place);
		heap_sift(h, last);
	}
	node->place = 0;
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->len > 0 ? h->nodes[0] : NULL;
}
