/**
 * table: an intrusive hash table with chains, for lookups by a key that the entries already hold.
 *
 * An entry embeds a struct table_node (one pointer); the table keeps only its buckets. Several entries may
 * have the same hash or even the same key: the caller walks the chain and compares. It grows by doubling and
 * does not shrink. Hashes should be made with the table's own seed, so that nobody outside can aim at one
 * bucket. Not thread-safe.
 */
#ifndef APISIM_TABLE_H
#define APISIM_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_node {
	struct table_node *next;
};

struct table {
	struct table_node **buckets;
	size_t room; /* a power of two */
	size_t len;
	uint64_t seed;
	/** The hash of an entry's key, called again for every entry when the table grows. */
	uint64_t (*hash_of)(const struct table *t, const struct table_node *node);
};

/** Returns 0 or -ENOMEM. On success give it to table_close(). */
int table_init(struct table *t, uint64_t seed,
	       uint64_t (*hash_of)(const struct table *t, const struct table_node *node));

/** Frees the buckets, not the entries. */
void table_close(struct table *t);

uint64_t table_hash_str(const struct table *t, const char *key);

/** First entry of the chain that keys with this hash are in, NULL when empty; the next is node->next. */
static inline struct table_node *table_chain(const struct table *t, uint64_t hash)
{
	return t->buckets[hash & (t->room - 1)];
}

/** Never fails: without memory for more buckets the chains become longer. */
void table_insert(struct table *t, struct table_node *node);

/** @node must be inside. */
void table_remove(struct table *t, struct table_node *node);

/** Calls @visit for every entry, in no order. @visit may remove the entry that it was given, and no other. */
void table_visit(const struct table *t, void (*visit)(void *data, struct table_node *node), void *data);

#endif
