#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* gcc defines the name, clang has a feature. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define CHUNK_SIZE  ((size_t)1 << ARENA_CHUNK_BITS)
#define HEADER_SIZE ((uint32_t)sizeof(struct arena_chunk))

_Static_assert(sizeof(struct arena_chunk) % 8 == 0, "blocks behind the header are aligned");

void arena_init(struct arena *a, uint32_t max_chunks)
{
	assert(max_chunks <= ARENA_MAX_CHUNKS);
	*a = (struct arena){.max_chunks = max_chunks, .fill = (uint32_t)CHUNK_SIZE};
}

void arena_close(struct arena *a)
{
	for (uint32_t i = 0; i < a->count; i++) {
		ASAN_UNPOISON_MEMORY_REGION(a->chunks[i], CHUNK_SIZE);
		(void)munmap(a->chunks[i], CHUNK_SIZE);
	}
	free(a->chunks);
	*a = (struct arena){0};
}

/* Zeroed pages aligned to their size: twice as much, without what is too much at both ends. */
static char *map_chunk(void)
{
	/* cppcheck-suppress invalidFunctionArg ; anonymous memory has no file */
	char *all = mmap(NULL, 2 * CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before = -(uintptr_t)all & (CHUNK_SIZE - 1);
	char *chunk;

	if (all == MAP_FAILED)
		return NULL;
	chunk = all + before;
	if (before > 0)
		(void)munmap(all, before);
	if (before < CHUNK_SIZE)
		(void)munmap(chunk + CHUNK_SIZE, CHUNK_SIZE - before);
	return chunk;
}

static int add_chunk(struct arena *a)
{
	struct arena_chunk header = {.arena = a, .number = a->count};
	char *chunk;

	if (a->count == a->max_chunks)
		return -1;
	if (a->count == a->room) {
		uint32_t room = a->room * 2 + 8;
		char **chunks = reallocarray(a->chunks, room, sizeof(*chunks));

		if (chunks == NULL)
			return -1;
		a->chunks = chunks;
		a->room = room;
	}
	chunk = map_chunk();
	if (chunk == NULL)
		return -1;
	memcpy(chunk, &header, sizeof(header));
	ASAN_POISON_MEMORY_REGION(chunk + HEADER_SIZE, CHUNK_SIZE - HEADER_SIZE);
	a->chunks[a->count++] = chunk;
	a->fill = HEADER_SIZE;
	return 0;
}

/* Few sizes, so that one block serves many: steps of an eighth of the size at most, of 8 bytes at least. */
static size_t round_up(size_t size)
{
	size_t step = 8;

	while (size > step * 16)
		step *= 2;
	return (size + step - 1) & ~(step - 1);
}

static void *take_freed(arena_handle *chain, const struct arena *a, size_t size)
{
	void *block = arena_at(a, *chain);

	ASAN_UNPOISON_MEMORY_REGION(block, size);
	memcpy(chain, block, sizeof(*chain));
	memset(block, 0, size);
	return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t rounded = round_up(size);
	void *block;

	assert(size > 0 && size <= ARENA_MAX_BLOCK);
	if (a->freed[rounded / 8] != ARENA_NONE)
		return take_freed(&a->freed[rounded / 8], a, rounded);
	if (CHUNK_SIZE - a->fill < rounded && add_chunk(a) != 0)
		return NULL;
	block = a->chunks[a->count - 1] + a->fill;
	a->fill += (uint32_t)rounded;
	ASAN_UNPOISON_MEMORY_REGION(block, size);
	return block;
}

void arena_free(struct arena *a, void *block, size_t size)
{
	size_t rounded = round_up(size);
	arena_handle *chain = &a->freed[rounded / 8];

	if (block == NULL)
		return;
	ASAN_UNPOISON_MEMORY_REGION(block, rounded);
	memcpy(block, chain, sizeof(*chain));
	*chain = arena_handle_of(block);
	ASAN_POISON_MEMORY_REGION(block, rounded);
}
