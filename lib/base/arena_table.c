#include "base/arena_table.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 64
#define AHEAD      8 /* buckets; their entries lie anywhere in memory */

int arena_table_init(struct arena_table *t, const struct arena *arena, uint64_t seed,
		     uint64_t (*hash_of)(const struct arena_table *t, const struct arena_node *node))
{
	*t = (struct arena_table){.arena = arena, .room = FIRST_ROOM, .seed = seed, .hash_of = hash_of};
	t->buckets = calloc(t->room, sizeof(*t->buckets));
	return t->buckets != NULL ? 0 : -ENOMEM;
}

void arena_table_close(struct arena_table *t)
{
	free(t->buckets);
	*t = (struct arena_table){0};
}

static arena_handle *bucket_of(const struct arena_table *t, const struct arena_node *node)
{
	return &t->buckets[t->hash_of(t, node) & (t->room - 1)];
}

static void push(struct arena_table *t, struct arena_node *node)
{
	arena_handle *bucket = bucket_of(t, node);

	node->next = *bucket;
	*bucket = arena_handle_of(node);
}

static void grow(struct arena_table *t)
{
	arena_handle *old = t->buckets;
	size_t old_room = t->room;
	arena_handle *buckets = calloc(old_room * 2, sizeof(*buckets));

	if (buckets == NULL)
		return;
	t->buckets = buckets;
	t->room = old_room * 2;
	for (size_t i = 0; i < old_room; i++) {
		if (i + AHEAD < old_room)
			__builtin_prefetch(arena_at(t->arena, old[i + AHEAD]));
		for (struct arena_node *node = arena_at(t->arena, old[i]), *next; node != NULL; node = next) {
			next = arena_table_next(t, node);
			push(t, node);
		}
	}
	free(old);
}

void arena_table_insert(struct arena_table *t, struct arena_node *node)
{
	if (t->len >= t->room)
		grow(t);
	push(t, node);
	t->len++;
}

void arena_table_remove(struct arena_table *t, struct arena_node *node)
{
	arena_handle *link = bucket_of(t, node);
	arena_handle handle = arena_handle_of(node);

	while (*link != handle)
		link = &((struct arena_node *)arena_at(t->arena, *link))->next;
	*link = node->next;
	t->len--;
}

void arena_table_visit(const struct arena_table *t, void (*visit)(void *data, struct arena_node *node),
		       void *data)
{
	for (size_t i = 0; i < t->room; i++) {
		for (struct arena_node *node = arena_at(t->arena, t->buckets[i]), *next; node != NULL;
		     node = next) {
			next = arena_table_next(t, node);
			visit(data, node);
		}
	}
}
