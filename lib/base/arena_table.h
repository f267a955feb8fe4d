/**
 * arena_table: an intrusive hash table with chains for entries that live in an arena: an entry embeds four
 * bytes, and a bucket is four.
 *
 * Several entries may have the same hash or even the same key: the caller walks the chain and compares. It
 * grows by doubling and does not shrink. Hashes should be made with the table's own seed. Not thread-safe.
 */
#ifndef BASE_ARENA_TABLE_H
#define BASE_ARENA_TABLE_H

#include "base/arena.h"

/** At an address that is a multiple of 8. */
struct arena_node {
	arena_handle next;
};

struct arena_table {
	const struct arena *arena;
	arena_handle *buckets;
	size_t room; /* a power of two */
	size_t len;
	uint64_t seed;
	/** The hash of an entry's key, called again for every entry when the table grows. */
	uint64_t (*hash_of)(const struct arena_table *t, const struct arena_node *node);
};

/** @arena is borrowed. Returns 0 or -ENOMEM. On success give it to arena_table_close(). */
int arena_table_init(struct arena_table *t, const struct arena *arena, uint64_t seed,
		     uint64_t (*hash_of)(const struct arena_table *t, const struct arena_node *node));

/** Frees the buckets, not the entries. */
void arena_table_close(struct arena_table *t);

/** First entry of the chain that keys with this hash are in, NULL when empty. */
static inline struct arena_node *arena_table_chain(const struct arena_table *t, uint64_t hash)
{
	return arena_at(t->arena, t->buckets[hash & (t->room - 1)]);
}

/** The entry after @node, NULL at the chain's end. */
static inline struct arena_node *arena_table_next(const struct arena_table *t, const struct arena_node *node)
{
	return arena_at(t->arena, node->next);
}

/** Never fails: without memory for more buckets the chains become longer. */
void arena_table_insert(struct arena_table *t, struct arena_node *node);

/** @node must be inside. */
void arena_table_remove(struct arena_table *t, struct arena_node *node);

/** Calls @visit for every entry, in no order. @visit may remove the entry that it was given, and no other. */
void arena_table_visit(const struct arena_table *t, void (*visit)(void *data, struct arena_node *node),
		       void *data);

#endif
