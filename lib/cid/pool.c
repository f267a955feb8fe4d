#include "cid/pool.h"

#include <errno.h>
#include <roaring/roaring.h>
#include <stdlib.h>

#include "cid/slot_set.h"

#define SLOT_BITS 17 /* 2^32 / CID_STRIPES slots a stripe */

struct cid_pool {
	const struct cid_range *range;
	roaring_bitmap_t *taken; /* keys, see key_of() */
	uint32_t stripe;
	uint64_t available;
	uint32_t used[CID_STRIPES]; /* CIDs of the range, by stripe, that are excluded or taken */
	struct slot_set free;       /* of the current stripe: those that can be drawn */
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
	/* Rounded up, without leaving 32 bits. */
	*from = first > stripe ? slot_of(first - stripe - 1) + 1 : 0;
	*to = last >= stripe ? slot_of(last - stripe) + 1 : 0;
	if (*to < *from)
		*to = *from;
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
	slot_set_add_range(&p->free, from, to);
	for (size_t i = 0; i < range->excluded_count; i++) {
		slots_between(p->stripe, range->excluded[i].first, range->excluded[i].last, &from, &to);
		slot_set_remove_range(&p->free, from, to);
	}
	roaring_init_iterator(p->taken, &it);
	if (!roaring_move_uint32_iterator_equalorlarger(&it, base))
		return;
	for (; it.has_value && it.current_value >> SLOT_BITS == p->stripe;
	     roaring_advance_uint32_iterator(&it))
		slot_set_remove(&p->free, it.current_value - base);
}

void cid_pool_set_stripe(struct cid_pool *p, uint32_t stripe)
{
	slot_set_clear(&p->free);
	p->stripe = stripe;
	fill_free(p);
}

/* One of the used CIDs of each stripe is counted for every round of a span, the rest by where it begins and
 * ends: a span may cover all stripes many times over. */
static void count_excluded(struct cid_pool *p)
{
	const struct cid_range *range = p->range;
	uint32_t sum = 0;

	for (size_t i = 0; i < range->excluded_count; i++) {
		uint32_t len = range->excluded[i].last - range->excluded[i].first + 1;
		uint32_t from = cid_stripe_of(range->excluded[i].first);
		uint32_t to = from + len % CID_STRIPES;

		sum += len / CID_STRIPES;
		p->used[from]++;
		if (to > CID_STRIPES)
			p->used[0]++;
		p->used[to % CID_STRIPES] -= to != CID_STRIPES;
	}
	for (uint32_t stripe = 0; stripe < CID_STRIPES; stripe++) {
		sum += p->used[stripe];
		p->used[stripe] = sum;
	}
}

int cid_pool_create(struct cid_pool **out, const struct cid_range *range)
{
	struct cid_pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->range = range;
	p->available = cid_range_size(range);
	count_excluded(p);
	p->taken = roaring_bitmap_create();
	if (p->taken == NULL) {
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
	free(p);
}

bool cid_pool_take(struct cid_pool *p, uint32_t cid)
{
	if (!roaring_bitmap_add_checked(p->taken, key_of(cid)))
		return false;
	if (!cid_range_contains(p->range, cid))
		return true;
	p->available--;
	p->used[cid_stripe_of(cid)]++;
	if (cid_stripe_of(cid) == p->stripe)
		slot_set_remove(&p->free, slot_of(cid));
	return true;
}

bool cid_pool_release(struct cid_pool *p, uint32_t cid)
{
	if (!roaring_bitmap_remove_checked(p->taken, key_of(cid)))
		return false;
	if (!cid_range_contains(p->range, cid))
		return true;
	p->available++;
	p->used[cid_stripe_of(cid)]--;
	if (cid_stripe_of(cid) == p->stripe)
		slot_set_add(&p->free, slot_of(cid));
	return true;
}

bool cid_pool_is_taken(const struct cid_pool *p, uint32_t cid)
{
	return roaring_bitmap_contains(p->taken, key_of(cid));
}

uint32_t cid_pool_stripe_size(const struct cid_pool *p, uint32_t stripe)
{
	uint32_t from;
	uint32_t to;

	slots_between(stripe, p->range->min, p->range->max, &from, &to);
	return to - from;
}

uint32_t cid_pool_stripe_free(const struct cid_pool *p, uint32_t stripe)
{
	return cid_pool_stripe_size(p, stripe) - p->used[stripe];
}

int cid_pool_draw(struct cid_pool *p, struct rng *rng, uint32_t *out)
{
	uint32_t count = cid_pool_stripe_free(p, p->stripe);
	uint32_t slot = 0;

	if (count == 0)
		return -ENOSPC;
	/* The r-th free value for a uniform r is a uniform draw in one step, however full the stripe is; a
	 * walk to the next free value would favour those behind long runs (peers.md B8). */
	if (!slot_set_select(&p->free, (uint32_t)rng_below(rng, count), &slot))
		return -ENOSPC;
	*out = slot * CID_STRIPES + p->stripe;
	cid_pool_take(p, *out);
	return 0;
}

int cid_pool_next_stripe(const struct cid_pool *p, uint32_t stripe, uint32_t *out)
{
	if (p->available == 0)
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
	return p->available;
}

/* CIDs of @stripe that are excluded or taken, counted anew. */
static uint64_t count_used(const struct cid_pool *p, uint32_t stripe)
{
	const struct cid_range *range = p->range;
	uint64_t base = (uint64_t)stripe << SLOT_BITS;
	uint64_t used;
	uint32_t from;
	uint32_t to;

	slots_between(stripe, range->min, range->max, &from, &to);
	used = roaring_bitmap_range_cardinality(p->taken, base + from, base + to);
	for (size_t i = 0; i < range->excluded_count; i++) {
		slots_between(stripe, range->excluded[i].first, range->excluded[i].last, &from, &to);
		used += to - from - roaring_bitmap_range_cardinality(p->taken, base + from, base + to);
	}
	return used;
}

/* Only stripes that something is taken of are looked at, and the current one: there are many. */
bool cid_pool_validate(const struct cid_pool *p, const char **reason)
{
	roaring_uint32_iterator_t it;
	uint32_t last = p->stripe;
	uint64_t taken = 0;

	*reason = "a stripe's count of used CIDs is wrong";
	if (count_used(p, p->stripe) != p->used[p->stripe])
		return false;
	for (roaring_init_iterator(p->taken, &it); it.has_value; roaring_advance_uint32_iterator(&it)) {
		uint32_t stripe = it.current_value >> SLOT_BITS;
		uint32_t slot = it.current_value & ((1u << SLOT_BITS) - 1);

		taken += cid_range_contains(p->range, slot * CID_STRIPES + stripe);
		if (stripe != last && count_used(p, stripe) != p->used[stripe])
			return false;
		last = stripe;
	}
	*reason = "the count of free CIDs is wrong";
	if (p->available != cid_range_size(p->range) - taken)
		return false;
	*reason = "the free set has not as many CIDs as the stripe";
	if (slot_set_count(&p->free) != cid_pool_stripe_free(p, p->stripe))
		return false;
	*reason = "a free slot is taken or cannot be given";
	for (uint32_t i = 0; i < SLOT_SET_WORDS; i++) {
		for (uint64_t word = p->free.words[i]; word != 0; word &= word - 1) {
			uint32_t slot = i * 64 + (uint32_t)__builtin_ctzll(word);
			uint32_t cid = slot * CID_STRIPES + p->stripe;

			if (cid_pool_is_taken(p, cid) || !cid_range_contains(p->range, cid))
				return false;
		}
	}
	return true;
}
