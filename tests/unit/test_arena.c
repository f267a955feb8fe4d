#include "base/arena.h"

#include <check.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena_table.h"
#include "base/hash.h"
#include "base/macros.h"
#include "base/rng.h"
#include "support/suite.h"

struct item {
	struct arena_node node;
	uint32_t key;
};

static uint64_t hash_item(const struct arena_table *t, const struct arena_node *node)
{
	return hash_u64(t->seed, container_of(node, struct item, node)->key);
}

/* Everything in one chain. */
static uint64_t hash_alike(const struct arena_table *t, const struct arena_node *node)
{
	(void)t;
	(void)node;
	return 7;
}

START_TEST(blocks_are_zeroed_aligned_and_found_by_their_handles)
{
	struct arena a;
	void *blocks[200];

	arena_init(&a, ARENA_MAX_CHUNKS);
	ck_assert_ptr_null(arena_at(&a, ARENA_NONE));
	ck_assert_uint_eq(arena_handle_of(NULL), ARENA_NONE);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		static const char zeros[ARENA_MAX_BLOCK];
		size_t size = 1 + i * 5;

		blocks[i] = arena_alloc(&a, size);
		ck_assert_ptr_nonnull(blocks[i]);
		ck_assert_uint_eq((uintptr_t)blocks[i] % 8, 0);
		ck_assert_mem_eq(blocks[i], zeros, size);
		memset(blocks[i], 0xff, size);
	}
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		arena_handle h = arena_handle_of(blocks[i]);

		ck_assert_uint_ne(h, ARENA_NONE);
		ck_assert_ptr_eq(arena_at(&a, h), blocks[i]);
		ck_assert_ptr_eq(arena_of(blocks[i]), &a);
		if (1 + i * 5 > 16)
			ck_assert_ptr_eq(arena_at(&a, arena_handle_of((char *)blocks[i] + 8)),
					 (char *)blocks[i] + 8);
	}
	arena_close(&a);
}
END_TEST

START_TEST(what_is_freed_serves_blocks_of_its_size_again)
{
	struct arena a;
	void *first;
	void *second;
	char *again;

	arena_init(&a, 1);
	first = arena_alloc(&a, 65);
	second = arena_alloc(&a, 72);
	memset(first, 1, 65);
	arena_free(&a, first, 65);
	arena_free(&a, second, 72);
	arena_free(&a, NULL, 72);
	ck_assert_ptr_ne(arena_alloc(&a, 64), second);
	again = arena_alloc(&a, 70);
	ck_assert_ptr_eq(again, second);
	ck_assert_int_eq(again[0] + again[69], 0);
	again = arena_alloc(&a, 66);
	ck_assert_ptr_eq(again, first);
	ck_assert_int_eq(again[0] + again[65], 0);
	arena_close(&a);
}
END_TEST

START_TEST(it_never_grows_above_its_cap)
{
	struct arena a;
	size_t n = 0;
	void *last = NULL;
	void *block;

	arena_init(&a, 2);
	while ((block = arena_alloc(&a, 1024)) != NULL) {
		last = block;
		n++;
	}
	ck_assert_uint_eq(n, 2 * 1023); /* each chunk has a header */
	ck_assert_ptr_nonnull(arena_alloc(&a, 8));
	ck_assert_ptr_null(arena_alloc(&a, 1024));
	arena_free(&a, last, 1024);
	ck_assert_ptr_eq(arena_alloc(&a, 1024), last);
	arena_close(&a);
}
END_TEST

static void count(void *data, struct arena_node *node)
{
	(void)node;
	++*(size_t *)data;
}

static struct item *find(const struct arena_table *t, uint32_t key)
{
	struct arena_node *node = arena_table_chain(t, hash_u64(t->seed, key));

	for (; node != NULL; node = arena_table_next(t, node))
		if (container_of(node, struct item, node)->key == key)
			return container_of(node, struct item, node);
	return NULL;
}

/* Against an array of what should be inside. */
START_TEST(a_table_finds_what_is_in_it_through_all_changes)
{
	enum { KEYS = 3000 };
	static bool inside[KEYS];
	struct arena a;
	struct arena_table t;
	struct rng rng;
	size_t len = 0;
	size_t visited = 0;

	rng_init_seeded(&rng, 1);
	arena_init(&a, 1);
	ck_assert_int_eq(arena_table_init(&t, &a, 99, hash_item), 0);
	for (int i = 0; i < 100000; i++) {
		uint32_t key = (uint32_t)rng_below(&rng, KEYS);
		struct item *item = find(&t, key);

		ck_assert_int_eq(item != NULL, inside[key]);
		if (item != NULL) {
			arena_table_remove(&t, &item->node);
			arena_free(&a, item, sizeof(*item));
			len--;
		} else {
			item = arena_alloc(&a, sizeof(*item));
			ck_assert_ptr_nonnull(item);
			item->key = key;
			arena_table_insert(&t, &item->node);
			len++;
		}
		inside[key] = !inside[key];
		ck_assert_uint_eq(t.len, len);
	}
	arena_table_visit(&t, count, &visited);
	ck_assert_uint_eq(visited, len);
	arena_table_close(&t);
	arena_close(&a);
}
END_TEST

struct emptying {
	struct arena *arena;
	struct arena_table *table;
};

static void take_out(void *data, struct arena_node *node)
{
	struct emptying *e = data;

	arena_table_remove(e->table, node);
	arena_free(e->arena, node, sizeof(struct item));
}

START_TEST(a_visit_may_remove_what_it_is_shown)
{
	uint64_t (*const hashes[])(const struct arena_table *t, const struct arena_node *node) = {hash_item,
												  hash_alike};

	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		struct arena a;
		struct arena_table t;
		struct emptying e = {&a, &t};

		arena_init(&a, 1);
		ck_assert_int_eq(arena_table_init(&t, &a, 1, hashes[i]), 0);
		for (uint32_t key = 0; key < 300; key++) {
			struct item *item = arena_alloc(&a, sizeof(*item));

			item->key = key % 50; /* the same key several times */
			arena_table_insert(&t, &item->node);
		}
		arena_table_visit(&t, take_out, &e);
		ck_assert_uint_eq(t.len, 0);
		arena_table_close(&t);
		arena_close(&a);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		blocks_are_zeroed_aligned_and_found_by_their_handles,
		what_is_freed_serves_blocks_of_its_size_again,
		it_never_grows_above_its_cap,
		a_table_finds_what_is_in_it_through_all_changes,
		a_visit_may_remove_what_it_is_shown,
	};

	return suite_run("arena", tests, ARRAY_LEN(tests));
}
