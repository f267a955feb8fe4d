#include "cid/slot_set.h"

#include <string.h>

void slot_set_clear(struct slot_set *s)
{
	memset(s, 0, sizeof(*s));
}

static void put_word(struct slot_set *s, uint32_t index, uint64_t word)
{
	uint32_t *count = &s->counts[index / SLOT_SET_BLOCK_WORDS];

	*count -= (uint32_t)__builtin_popcountll(s->words[index]);
	*count += (uint32_t)__builtin_popcountll(word);
	s->words[index] = word;
}

/* The bits of @from .. @to - 1, which are not none, that are in the word at @index. */
static uint64_t mask_of(uint32_t index, uint32_t from, uint32_t to)
{
	uint64_t mask = UINT64_MAX;

	if (from / 64 == index)
		mask &= UINT64_MAX << from % 64;
	if ((to - 1) / 64 == index)
		mask &= UINT64_MAX >> (63 - (to - 1) % 64);
	return mask;
}

void slot_set_add_range(struct slot_set *s, uint32_t from, uint32_t to)
{
	for (uint32_t i = from / 64; from < to && i <= (to - 1) / 64; i++)
		put_word(s, i, s->words[i] | mask_of(i, from, to));
}

void slot_set_remove_range(struct slot_set *s, uint32_t from, uint32_t to)
{
	for (uint32_t i = from / 64; from < to && i <= (to - 1) / 64; i++)
		put_word(s, i, s->words[i] & ~mask_of(i, from, to));
}

uint32_t slot_set_count(const struct slot_set *s)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < SLOT_SET_BLOCKS; i++)
		sum += s->counts[i];
	return sum;
}

bool slot_set_select(const struct slot_set *s, uint32_t rank, uint32_t *slot)
{
	uint32_t block = 0;
	uint32_t at;
	uint64_t word;

	while (block < SLOT_SET_BLOCKS && rank >= s->counts[block])
		rank -= s->counts[block++];
	if (block == SLOT_SET_BLOCKS)
		return false;
	at = block * SLOT_SET_BLOCK_WORDS;
	for (uint32_t n; rank >= (n = (uint32_t)__builtin_popcountll(s->words[at])); at++)
		rank -= n;
	for (word = s->words[at]; rank > 0; rank--)
		word &= word - 1;
	*slot = at * 64 + (uint32_t)__builtin_ctzll(word);
	return true;
}
