/**
 * heap: a binary min-heap of intrusive nodes by a 64-bit key, for "what is due next".
 *
 * The array grows with the number of nodes inserted at the same time; nodes belong to the caller. A zeroed
 * struct heap is an empty one; a zeroed node is outside.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	uint64_t key;
	size_t place; /* 1-based index in the array, 0 = in no heap */
};

struct heap {
	struct heap_node **nodes;
	size_t len;
	size_t room;
};

/** Frees the array, not the nodes. */
void heap_free(struct heap *h);

/** Inserts @node with @key, or moves it to @key if it is inside. Returns 0 or -ENOMEM (only where it was
 * outside). */
int heap_set(struct heap *h, struct heap_node *node, uint64_t key);

/** Takes @node out; nothing happens where it is outside. */
void heap_remove(struct heap *h, struct heap_node *node);

/** The node with the smallest key, NULL when empty. */
struct heap_node *heap_first(const struct heap *h);

static inline bool heap_contains(const struct heap_node *node)
{
	return node->place != 0;
}

#endif
