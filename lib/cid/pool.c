#include "cid/pool.h"

#include <errno.h>
#include <roaring/roaring.h>
#include <stdlib.h>

#define SLOT_BITS 17 /* 2^32 / CID_STRIPES slots a stripe */

struct cid_pool {
	const struct cid_range *range;
	roaring_bitmap_t *taken; /* keys, see key_of() */
	roaring_bitmap_t *free;  /* slots of the current stripe that can be drawn */
	uint32_t stripe;
	uint32_t free_count;  /* of the current stripe */
	uint64_t taken_count; /* of those that can be given */
};

static uint32_t slot_of(uint32_t cid)
{
	return cid / CID_STRIPES;
}

static uint32_t key_of(uint32_t cid)
{
	return cid_stripe_of(cid) << SLOT_BITS | slot_of(cid);
}

/* The slots of @stripe whose CIDs lie in first..last, as [*from, *to); empty where *from == *to. */
static void slots_between(uint32_t stripe, uint32_t first, uint32_t last, uint32_t *from, uint32_t *to)
{
	*from = first > stripe ? slot_of(first - stripe + CID_STRIPES - 1) : 0;
	*to = last >= stripe ? slot_of(last - stripe) + 1 : 0;
	if (*to < *from)
		*to = *from;
}

/* Taken CIDs among the slots [from, to) of @stripe. */
static uint32_t taken_between(const struct cid_pool *p, uint32_t stripe, uint32_t from, uint32_t to)
{
	uint64_t base = (uint64_t)stripe << SLOT_BITS;

	return (uint32_t)roaring_bitmap_range_cardinality(p->taken, base + from, base + to);
}

/* Fills the free set: the range's slots without the excluded and the taken ones. */
static void fill_free(struct cid_pool *p)
{
	const struct cid_range *range = p->range;
	uint32_t base = p->stripe << SLOT_BITS;
	roaring_uint32_iterator_t it;
	uint32_t from;
	uint32_t to;

	slots_between(p->stripe, range->min, range->max, &from, &to);
	if (from < to)
		roaring_bitmap_add_range_closed(p->free, from, to - 1);
	for (size_t i = 0; i < range->excluded_count; i++) {
		slots_between(p->stripe, range->excluded[i].first, range->excluded[i].last, &from, &to);
		if (from < to)
			roaring_bitmap_remove_range_closed(p->free, from, to - 1);
	}
	roaring_init_iterator(p->taken, &it);
	if (!roaring_move_uint32_iterator_equalorlarger(&it, base))
		return;
	for (; it.has_value && it.current_value >> SLOT_BITS == p->stripe;
	     roaring_advance_uint32_iterator(&it))
		roaring_bitmap_remove(p->free, it.current_value - base);
}

void cid_pool_set_stripe(struct cid_pool *p, uint32_t stripe)
{
	roaring_bitmap_clear(p->free);
	p->stripe = stripe;
	fill_free(p);
	p->free_count = (uint32_t)roaring_bitmap_get_cardinality(p->free);
}

int cid_pool_create(struct cid_pool **out, const struct cid_range *range)
{
	struct cid_pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->range = range;
	p->taken = roaring_bitmap_create();
	p->free = roaring_bitmap_create();
	if (p->taken == NULL || p->free == NULL) {
		cid_pool_free(p);
		return -ENOMEM;
	}
	cid_pool_set_stripe(p, 0);
	*out = p;
	return 0;
}

void cid_pool_free(struct cid_pool *p)
{
	if (p == NULL)
		return;
	if (p->taken != NULL)
		roaring_bitmap_free(p->taken);
	if (p->free != NULL)
		roaring_bitmap_free(p->free);
	free(p);
}

bool cid_pool_take(struct cid_pool *p, uint32_t cid)
{
	if (!roaring_bitmap_add_checked(p->taken, key_of(cid)))
		return false;
	if (!cid_range_contains(p->range, cid))
		return true;
	p->taken_count++;
	if (cid_stripe_of(cid) == p->stripe) {
		roaring_bitmap_remove(p->free, slot_of(cid));
		p->free_count--;
	}
	return true;
}

bool cid_pool_release(struct cid_pool *p, uint32_t cid)
{
	if (!roaring_bitmap_remove_checked(p->taken, key_of(cid)))
		return false;
	if (!cid_range_contains(p->range, cid))
		return true;
	p->taken_count--;
	if (cid_stripe_of(cid) == p->stripe) {
		roaring_bitmap_add(p->free, slot_of(cid));
		p->free_count++;
	}
	return true;
}

bool cid_pool_is_taken(const struct cid_pool *p, uint32_t cid)
{
	return roaring_bitmap_contains(p->taken, key_of(cid));
}

int cid_pool_draw(struct cid_pool *p, struct rng *rng, uint32_t *out)
{
	uint32_t slot = 0;

	if (p->free_count == 0)
		return -ENOSPC;
	/* The r-th free value for a uniform r is a uniform draw in one step, however full the stripe is; a
	 * walk to the next free value would favour those behind long runs (peers.md B8). */
	if (!roaring_bitmap_select(p->free, (uint32_t)rng_below(rng, p->free_count), &slot))
		return -ENOSPC;
	*out = slot * CID_STRIPES + p->stripe;
	cid_pool_take(p, *out);
	return 0;
}

/* Adds up @count over the parts of @stripe that can be given. */
static uint32_t stripe_sum(const struct cid_pool *p, uint32_t stripe, bool only_taken)
{
	const struct cid_range *range = p->range;
	uint32_t from;
	uint32_t to;
	uint32_t sum;

	slots_between(stripe, range->min, range->max, &from, &to);
	sum = only_taken ? taken_between(p, stripe, from, to) : to - from;
	for (size_t i = 0; i < range->excluded_count; i++) {
		slots_between(stripe, range->excluded[i].first, range->excluded[i].last, &from, &to);
		sum -= only_taken ? taken_between(p, stripe, from, to) : to - from;
	}
	return sum;
}

uint32_t cid_pool_stripe_size(const struct cid_pool *p, uint32_t stripe)
{
	return stripe_sum(p, stripe, false);
}

uint32_t cid_pool_stripe_free(const struct cid_pool *p, uint32_t stripe)
{
	uint32_t size;

	if (stripe == p->stripe)
		return p->free_count;
	size = stripe_sum(p, stripe, false);
	/* In a range shorter than CID_STRIPES most are empty, and next_stripe() passes them all. */
	return size > 0 ? size - stripe_sum(p, stripe, true) : 0;
}

int cid_pool_next_stripe(const struct cid_pool *p, uint32_t stripe, uint32_t *out)
{
	if (cid_pool_available(p) == 0)
		return -ENOSPC;
	for (uint32_t i = 1; i <= CID_STRIPES; i++) {
		uint32_t candidate = cid_stripe_of(stripe + i);

		if (cid_pool_stripe_free(p, candidate) > 0) {
			*out = candidate;
			return 0;
		}
	}
	return -ENOSPC;
}

uint64_t cid_pool_available(const struct cid_pool *p)
{
	return cid_range_size(p->range) - p->taken_count;
}

bool cid_pool_validate(const struct cid_pool *p, const char **reason)
{
	roaring_uint32_iterator_t it;
	uint64_t taken = 0;

	*reason = "taken_count is not the number of taken CIDs of the range";
	for (roaring_init_iterator(p->taken, &it); it.has_value; roaring_advance_uint32_iterator(&it)) {
		uint32_t cid = (it.current_value & ((1u << SLOT_BITS) - 1)) * CID_STRIPES +
			       (it.current_value >> SLOT_BITS);

		if (cid_range_contains(p->range, cid))
			taken++;
	}
	if (taken != p->taken_count)
		return false;
	*reason = "free_count is not the size of the free set";
	if (roaring_bitmap_get_cardinality(p->free) != p->free_count)
		return false;
	*reason = "a free slot is taken or cannot be given";
	for (roaring_init_iterator(p->free, &it); it.has_value; roaring_advance_uint32_iterator(&it)) {
		uint32_t cid = it.current_value * CID_STRIPES + p->stripe;

		if (cid_pool_is_taken(p, cid) || !cid_range_contains(p->range, cid))
			return false;
	}
	*reason = "a CID of the stripe is neither free nor taken";
	return p->free_count == stripe_sum(p, p->stripe, false) - stripe_sum(p, p->stripe, true);
}
