/**
 * slot_set: a set of the slots of one stripe, from which the r-th member can be taken.
 *
 * A bitmap of fixed size and the number of members of each block of it. Pure; not thread-safe.
 */
#ifndef CID_SLOT_SET_H
#define CID_SLOT_SET_H

#include <stdbool.h>
#include <stdint.h>

/** Slots are 0 .. SLOT_SET_ROOM - 1: 2^32 CIDs in 32768 stripes. */
#define SLOT_SET_ROOM (1u << 17)

#define SLOT_SET_BLOCK_WORDS 16
#define SLOT_SET_WORDS       (SLOT_SET_ROOM / 64)
#define SLOT_SET_BLOCKS      (SLOT_SET_WORDS / SLOT_SET_BLOCK_WORDS)

/** A zeroed one is empty. */
struct slot_set {
	uint64_t words[SLOT_SET_WORDS];
	uint32_t counts[SLOT_SET_BLOCKS]; /* members in each block */
};

void slot_set_clear(struct slot_set *s);

/** Each slot of @from .. @to - 1 becomes a member, or none. */
void slot_set_add_range(struct slot_set *s, uint32_t from, uint32_t to);
void slot_set_remove_range(struct slot_set *s, uint32_t from, uint32_t to);

static inline bool slot_set_has(const struct slot_set *s, uint32_t slot)
{
	return (s->words[slot / 64] >> slot % 64 & 1) != 0;
}

/** Adding a member, or removing what is none, changes nothing. */
static inline void slot_set_add(struct slot_set *s, uint32_t slot)
{
	s->counts[slot / 64 / SLOT_SET_BLOCK_WORDS] += !slot_set_has(s, slot);
	s->words[slot / 64] |= (uint64_t)1 << slot % 64;
}

static inline void slot_set_remove(struct slot_set *s, uint32_t slot)
{
	s->counts[slot / 64 / SLOT_SET_BLOCK_WORDS] -= slot_set_has(s, slot);
	s->words[slot / 64] &= ~((uint64_t)1 << slot % 64);
}

uint32_t slot_set_count(const struct slot_set *s);

/** The member that has @rank smaller ones. False where there are not so many. Some 100 ns. */
bool slot_set_select(const struct slot_set *s, uint32_t rank, uint32_t *slot);

#endif
