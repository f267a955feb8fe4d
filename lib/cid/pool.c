#include "cid/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cid/cid_set.h"
#include "cid/slot_set.h"

struct cid_pool {
	const struct cid_range *range;
	struct cid_set taken;
	uint32_t stripe;
	uint64_t available;
	uint32_t used[CID_STRIPES]; /* CIDs of the range, by stripe, that are excluded or taken */
	struct slot_set free;       /* of the current stripe: those that can be drawn */
};

static uint32_t slot_of(uint32_t cid)
{
	return cid / CID_STRIPES;
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

static void mark_taken(void *data, uint32_t cid)
{
	struct cid_pool *p = data;

	if (cid_stripe_of(cid) == p->stripe)
		slot_set_remove(&p->free, slot_of(cid));
}

/* Fills the free set: the range's slots without the excluded and the taken ones. */
static void fill_free(struct cid_pool *p)
{
	const struct cid_range *range = p->range;
	uint32_t first;
	uint32_t end;

	slots_between(p->stripe, range->min, range->max, &first, &end);
	slot_set_add_range(&p->free, first, end);
	for (size_t i = 0; i < range->excluded_count; i++) {
		uint32_t from;
		uint32_t to;

		slots_between(p->stripe, range->excluded[i].first, range->excluded[i].last, &from, &to);
		slot_set_remove_range(&p->free, from, to);
	}
	/* Whichever is less: all that is taken, or all that could be. */
	if (cid_set_count(&p->taken) < end - first) {
		cid_set_visit(&p->taken, mark_taken, p);
		return;
	}
	for (uint32_t slot = first; slot < end; slot++)
		if (cid_set_has(&p->taken, slot * CID_STRIPES + p->stripe))
			slot_set_remove(&p->free, slot);
}

void cid_pool_set_stripe(struct cid_pool *p, uint32_t stripe)
{
	slot_set_clear(&p->free);
	p->stripe = stripe;
	fill_free(p);
}

/* One of the used CIDs of each stripe is counted for every round of a span, the rest by where it begins and
 * ends: a span may cover all stripes many times over. */
static void count_excluded(const struct cid_range *range, uint32_t used[static CID_STRIPES])
{
	uint32_t sum = 0;

	for (size_t i = 0; i < range->excluded_count; i++) {
		uint32_t len = range->excluded[i].last - range->excluded[i].first + 1;
		uint32_t from = cid_stripe_of(range->excluded[i].first);
		uint32_t to = from + len % CID_STRIPES;

		sum += len / CID_STRIPES;
		used[from]++;
		if (to > CID_STRIPES)
			used[0]++;
		used[to % CID_STRIPES] -= to != CID_STRIPES;
	}
	for (uint32_t stripe = 0; stripe < CID_STRIPES; stripe++) {
		sum += used[stripe];
		used[stripe] = sum;
	}
}

static void count_taken(void *data, uint32_t cid)
{
	struct cid_pool *p = data;

	if (!cid_range_contains(p->range, cid))
		return;
	p->available--;
	p->used[cid_stripe_of(cid)]++;
}

void cid_pool_set_range(struct cid_pool *p, const struct cid_range *range)
{
	p->range = range;
	p->available = cid_range_size(range);
	memset(p->used, 0, sizeof(p->used));
	count_excluded(range, p->used);
	cid_set_visit(&p->taken, count_taken, p);
	cid_pool_set_stripe(p, p->stripe);
}

int cid_pool_create(struct cid_pool **out, const struct cid_range *range, uint64_t seed)
{
	struct cid_pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	if (cid_set_init(&p->taken, seed) != 0) {
		free(p);
		return -ENOMEM;
	}
	cid_pool_set_range(p, range);
	*out = p;
	return 0;
}

void cid_pool_free(struct cid_pool *p)
{
	if (p == NULL)
		return;
	cid_set_close(&p->taken);
	free(p);
}

int cid_pool_take(struct cid_pool *p, uint32_t cid)
{
	int rc = cid_set_add(&p->taken, cid);

	if (rc != 1 || !cid_range_contains(p->range, cid))
		return rc;
	p->available--;
	p->used[cid_stripe_of(cid)]++;
	if (cid_stripe_of(cid) == p->stripe)
		slot_set_remove(&p->free, slot_of(cid));
	return 1;
}

bool cid_pool_release(struct cid_pool *p, uint32_t cid)
{
	if (!cid_set_remove(&p->taken, cid))
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
	return cid_set_has(&p->taken, cid);
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

int cid_pool_draw(const struct cid_pool *p, struct rng *rng, uint32_t *out)
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

struct recount {
	const struct cid_range *range;
	uint64_t taken; /* of the range */
	uint32_t used[CID_STRIPES];
};

static void recount_cid(void *data, uint32_t cid)
{
	struct recount *c = data;

	if (!cid_range_contains(c->range, cid))
		return;
	c->taken++;
	c->used[cid_stripe_of(cid)]++;
}

static bool counts_are_right(const struct cid_pool *p)
{
	struct recount *c = calloc(1, sizeof(*c));
	bool right;

	if (c == NULL)
		return false;
	c->range = p->range;
	count_excluded(p->range, c->used);
	cid_set_visit(&p->taken, recount_cid, c);
	right = p->available == cid_range_size(p->range) - c->taken &&
		memcmp(p->used, c->used, sizeof(c->used)) == 0;
	free(c);
	return right;
}

bool cid_pool_validate(const struct cid_pool *p, const char **reason)
{
	*reason = "the count of free CIDs, or of a stripe's used ones, is wrong";
	if (!counts_are_right(p))
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
