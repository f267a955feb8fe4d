#include "apisim/table.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

#define TABLE_FIRST_ROOM 64

int table_init(struct table *t, uint64_t seed,
	       uint64_t (*hash_of)(const struct table *t, const struct table_node *node))
{
	*t = (struct table){.room = TABLE_FIRST_ROOM, .seed = seed, .hash_of = hash_of};
	t->buckets = calloc(t->room, sizeof(*t->buckets));
	return t->buckets != NULL ? 0 : -ENOMEM;
}

void table_close(struct table *t)
{
	free(t->buckets);
	*t = (struct table){0};
}

uint64_t table_hash_str(const struct table *t, const char *key)
{
	return hash_str(t->seed, key);
}

static void push(struct table *t, struct table_node *node)
{
	struct table_node **bucket = &t->buckets[t->hash_of(t, node) & (t->room - 1)];

	node->next = *bucket;
	*bucket = node;
}

static void grow(struct table *t)
{
	struct table_node **old = t->buckets;
	size_t old_room = t->room;
	struct table_node **buckets = calloc(old_room * 2, sizeof(*buckets));

	if (buckets == NULL)
		return;
	t->buckets = buckets;
	t->room = old_room * 2;
	for (size_t i = 0; i < old_room; i++) {
		for (struct table_node *node = old[i], *next; node != NULL; node = next) {
			next = node->next;
			push(t, node);
		}
	}
	free(old);
}

void table_insert(struct table *t, struct table_node *node)
{
	if (t->len >= t->room)
		grow(t);
	push(t, node);
	t->len++;
}

void table_remove(struct table *t, struct table_node *node)
{
	struct table_node **link = &t->buckets[t->hash_of(t, node) & (t->room - 1)];

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
	t->len--;
}

void table_visit(const struct table *t, void (*visit)(void *data, struct table_node *node), void *data)
{
	for (size_t i = 0; i < t->room; i++) {
		for (struct table_node *node = t->buckets[i], *next; node != NULL; node = next) {
			next = node->next;
			visit(data, node);
		}
	}
}
