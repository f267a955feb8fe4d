/* Which CID is asked for: DESIGN "Term stripes". See allocator_impl.h. */
#include <errno.h>

#include "controller/allocator_impl.h"

/* Terms that one raising may skip at most. K is far larger, so that the terms of the last few minutes stay
 * fewer than K apart, however often a leader looks for room. */
#define MAX_STEP 64

/* So many terms before our first one can a leader have had whose writes are still under way: it may have made
 * two of the largest steps. */
#define TERMS_OF_LEADER_BEFORE 128

static void use_stripe(struct allocator *a, uint32_t stripe)
{
	if (a->stripe == stripe)
		return;
	a->stripe = stripe;
	cid_pool_set_stripe(a->pool, stripe);
}

void allocator_set_term(struct allocator *a, uint32_t term)
{
	if (!a->has_term)
		a->first_term = term;
	a->has_term = true;
	a->term = term;
	a->base = term;
	use_stripe(a, cid_stripe_of(term));
}

/* What the leader before us wrote last may show, or land, after we have taken over. By its stripe it cannot
 * be told from one in 256 of what others write. */
bool allocator_is_of_leader_before(const struct allocator *a, uint32_t cid)
{
	uint32_t distance = cid_stripe_of(a->first_term - cid);

	return distance >= 1 && distance <= TERMS_OF_LEADER_BEFORE;
}

void allocator_clear_term(struct allocator *a)
{
	a->has_term = false;
}

void allocator_set_right(struct allocator *a, uint64_t until_ms)
{
	a->right_until_ms = until_ms;
}

/* Excluded CIDs and those that rest count as used: they cannot be given now. Also used up is a stripe without
 * a CID in the range; only ranges that the program refuses have one. */
bool allocator_is_pressed(const struct allocator *a)
{
	uint32_t stripe = cid_stripe_of(a->term);
	uint32_t left = cid_pool_stripe_free(a->pool, stripe);

	return a->has_term && (left == 0 || left < cid_pool_stripe_size(a->pool, stripe) - left);
}

/* The term's wrap from 2147483647 to 0 makes no difference here: K divides 2^31. */
static uint32_t find_step(const struct allocator *a)
{
	for (uint32_t step = 1; step <= MAX_STEP; step++) {
		uint32_t stripe = cid_stripe_of(a->base + step);
		uint32_t left = cid_pool_stripe_free(a->pool, stripe);

		if (left > cid_pool_stripe_size(a->pool, stripe) - left)
			return step;
	}
	return 0;
}

uint32_t allocator_raise_step(struct allocator *a, uint32_t base)
{
	a->base = base;
	return find_step(a);
}

bool allocator_may_draw(const struct allocator *a)
{
	return cid_pool_stripe_free(a->pool, cid_stripe_of(a->term)) > 0 || find_step(a) == 0;
}

/* Finds the stripe to draw from. I1: that of our term, as long as it has a free CID. Then the term has to be
 * raised: another stripe may be the very one that another leader draws from, who does not know of us. Only
 * where no step of the term helps, in a range that is nearly full, that chance is taken: of the others with a
 * free CID one at random, not the next, which is the stripe of the next process. Its values are as unique in
 * our own view, only no longer by the term alone. */
static int find_stripe(struct allocator *a)
{
	uint32_t stripe = cid_stripe_of(a->term);

	if (cid_pool_stripe_free(a->pool, stripe) > 0) {
		use_stripe(a, stripe);
		return 0;
	}
	if (!allocator_may_draw(a))
		return -EAGAIN;
	if (cid_pool_stripe_free(a->pool, a->stripe) > 0)
		return 0;
	if (cid_pool_next_stripe(a->pool, (uint32_t)rng_below(a->options.rng, CID_STRIPES), &stripe) != 0)
		return -ENOSPC;
	use_stripe(a, stripe);
	return 0;
}

/* A CID that we asked for before, for this VMI, and that nobody else holds: its outcome is not known, or
 * somebody removed it from the status. Giving the same one again makes a late first write harmless. I1: only
 * what we asked for. A value that somebody else showed here once may be of another leader's stripe, who draws
 * it for another VMI while it does not know of this one. */
static bool held_before(const struct allocator *a, const struct vmi_record *r, bool own_stripe, uint32_t *cid)
{
	for (const struct vmi_hold *h = vmi_hold_first(r); h != NULL; h = vmi_hold_next(h)) {
		const struct vmi_hold *first = vmi_store_owner(&a->store, h->cid, NULL);

		if (h->visible || !h->asked || !cid_range_contains(a->options.range, h->cid) ||
		    (own_stripe && cid_stripe_of(h->cid) != cid_stripe_of(a->term)))
			continue;
		if (first == h && vmi_store_owner(&a->store, h->cid, h) == NULL) {
			*cid = h->cid;
			return true;
		}
	}
	return false;
}

/* I6: a fresh one is what the pool counts as free within the range. I1: what was asked for in an earlier term
 * of ours is asked for again only where chance decides anyway: by now its stripe may be that of another
 * leader (tests/model, bug-ask-again). */
int allocator_choose_cid(struct allocator *a, const struct vmi_record *r, uint32_t *cid)
{
	int rc;

	if (held_before(a, r, true, cid))
		return 0;
	rc = find_stripe(a);
	if (rc == -EAGAIN)
		return rc;
	if ((rc != 0 || a->stripe != cid_stripe_of(a->term)) && held_before(a, r, false, cid))
		return 0;
	return rc == 0 ? cid_pool_draw(a->pool, a->options.rng, cid) : rc;
}
