/**
 * arena: many small blocks, named by handles of 32 bits.
 *
 * A million records that point at each other are half as big with handles as with pointers, and malloc's
 * header and rounding fall away. A block does not move: a pointer to it, or into it, is good until it is
 * freed. Sizes are rounded up to one of 40 (by 8 bytes up to 128, by an eighth above). What is freed is kept
 * for blocks of the same rounded size, and goes back to the system when the arena is closed: so it takes, for
 * each size, what the most blocks of that size took that ever lived at once. Memory that was never used is
 * not resident.
 *
 * Several arenas can live side by side; a block knows its own. Not thread-safe. AddressSanitizer sees each
 * block's life.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

/** Names a block, or an address within it that is a multiple of 8. */
typedef uint32_t arena_handle;

#define ARENA_NONE ((arena_handle)0)

/** Longest block, bytes. */
#define ARENA_MAX_BLOCK 1024

#define ARENA_CHUNK_BITS 20 /* memory comes from the system in pieces of 1 MiB, aligned to their size */
#define ARENA_UNIT_BITS  3
#define ARENA_MAX_CHUNKS (1u << (32 - ARENA_CHUNK_BITS + ARENA_UNIT_BITS))

struct arena {
	char **chunks;
	uint32_t count;
	uint32_t room; /* for chunks in the table */
	uint32_t max_chunks;
	uint32_t fill;                               /* bytes used of the last chunk */
	arena_handle freed[ARENA_MAX_BLOCK / 8 + 1]; /* by size in units of 8 bytes: a chain */
};

/** @max_chunks: at most so many MiB, up to ARENA_MAX_CHUNKS. Costs no memory yet. @a may not move. */
void arena_init(struct arena *a, uint32_t max_chunks);

/** Gives all memory back, whatever is still in use. */
void arena_close(struct arena *a);

/** A block of @size bytes (1 .. ARENA_MAX_BLOCK), zeroed and aligned to 8. NULL: out of memory. */
void *arena_alloc(struct arena *a, size_t size);

/** Frees a block of that @size; NULL is fine. */
void arena_free(struct arena *a, void *block, size_t size);

/** Each chunk begins with this. */
struct arena_chunk {
	const struct arena *arena;
	uint32_t number;
};

static inline const struct arena_chunk *arena_chunk_of(const void *p)
{
	return (const struct arena_chunk *)((uintptr_t)p & ~(((uintptr_t)1 << ARENA_CHUNK_BITS) - 1));
}

/** The address that @handle names; NULL for ARENA_NONE. */
static inline void *arena_at(const struct arena *arena, arena_handle handle)
{
	const uint32_t bits = ARENA_CHUNK_BITS - ARENA_UNIT_BITS;

	if (handle == ARENA_NONE)
		return NULL;
	return arena->chunks[handle >> bits] + ((size_t)(handle & ((1u << bits) - 1)) << ARENA_UNIT_BITS);
}

/** The arena in which @p lies. */
static inline const struct arena *arena_of(const void *p)
{
	return arena_chunk_of(p)->arena;
}

/** The handle of an address within a block, a multiple of 8; ARENA_NONE for NULL. */
static inline arena_handle arena_handle_of(const void *p)
{
	const struct arena_chunk *chunk = arena_chunk_of(p);
	const uint32_t bits = ARENA_CHUNK_BITS - ARENA_UNIT_BITS;

	if (p == NULL)
		return ARENA_NONE;
	return chunk->number << bits | (uint32_t)(((uintptr_t)p - (uintptr_t)chunk) >> ARENA_UNIT_BITS);
}

#endif
