/* Who holds which CID, and which of several keeps it. See allocator_impl.h. */
#include <string.h>

#include "controller/allocator_impl.h"

struct vmi_hold *allocator_own(struct allocator *a, struct vmi_record *r, uint32_t cid)
{
	bool first;
	struct vmi_hold *h = vmi_store_hold(&a->store, r, cid, &first);

	if (h == NULL || !first)
		return h;
	switch (cid_pool_take(a->pool, cid)) {
	case 1:
		return h;
	case 0:
		cid_quarantine_withdraw(a->quarantine, cid);
		return h;
	default:
		(void)vmi_store_let_go(&a->store, h);
		return NULL;
	}
}

/* I5: free only when the last owner has let go, and then only after a rest. Where the quarantine cannot take
 * it, the CID stays taken for good, which wastes it but never gives it away too early. */
void allocator_let_go(struct allocator *a, struct vmi_hold *h, uint64_t now_ms)
{
	uint32_t cid = h->cid;

	if (!vmi_store_let_go(&a->store, h))
		return;
	if (a->options.quarantine_ms == 0)
		(void)cid_pool_release(a->pool,
				       cid); /* wishes are made after the tick, which would end its rest */
	else
		(void)cid_quarantine_add(a->quarantine, cid, now_ms);
}

/* I1, of one that was asked for and may be applied late: it is of the stripe of an earlier term of ours, or
 * else it would have been asked for again; nobody draws from that again while such writes are under way. */
void allocator_trim(struct allocator *a, struct vmi_record *r, const struct vmi_hold *keep, uint64_t now_ms)
{
	struct vmi_hold *oldest = NULL;
	struct vmi_hold *oldest_asked = NULL;
	struct vmi_hold *youngest_guest = NULL;
	size_t n = 0;

	for (struct vmi_hold *h = vmi_hold_first(r); h != NULL; h = vmi_hold_next(h), n++) {
		if (h->visible || h == keep)
			continue;
		if (h->guest)
			youngest_guest = youngest_guest != NULL ? youngest_guest : h;
		else if (h->asked)
			oldest_asked = h;
		else
			oldest = h;
	}
	if (n <= VMI_MAX_HOLDS)
		return;
	if (oldest == NULL)
		oldest = oldest_asked;
	/* A wish takes nothing away from a guest. */
	if (oldest == NULL && keep == NULL)
		oldest = youngest_guest;
	if (oldest != NULL)
		allocator_let_go(a, oldest, now_ms);
}

void allocator_forget_refused(struct allocator *a, struct vmi_record *r, uint64_t now_ms)
{
	for (struct vmi_hold *h = vmi_hold_first(r), *next; h != NULL; h = next) {
		next = vmi_hold_next(h);
		if (h->asked && !h->kept && !h->visible && !h->guest)
			allocator_let_go(a, h, now_ms);
	}
}

/* Nothing is written to it any more, whatever it shows. */
static bool is_fixed(const struct vmi_record *r)
{
	return r->started || r->deleting || !r->wants || r->unreadable;
}

/* Of two VMIs that show the same CID, which one keeps it: who cannot be given another one (that is who has
 * started, who ends, who cannot be read, and who never asked for vsock and was created with a CID, which its
 * launcher would use all the same), who got it from us, who is older, and at last the smaller UID, so that
 * any two replicas decide alike. */
static bool beats(const struct vmi_record *x, const struct vmi_record *y)
{
	char x_uid[VMI_KEY_SIZE];
	char y_uid[VMI_KEY_SIZE];

	if (is_fixed(x) != is_fixed(y))
		return is_fixed(x);
	if (x->ours != y->ours)
		return x->ours;
	if (x->created_s != y->created_s)
		return x->created_s < y->created_s;
	return strcmp(vmi_record_uid(x, x_uid), vmi_record_uid(y, y_uid)) < 0;
}

struct vmi_record *allocator_keeper_of(const struct allocator *a, uint32_t cid)
{
	struct vmi_record *best = NULL;

	for (struct vmi_hold *h = vmi_store_owner(&a->store, cid, NULL); h != NULL;
	     h = vmi_store_owner(&a->store, cid, h)) {
		if (h->visible && (best == NULL || beats(vmi_hold_owner(h), best)))
			best = vmi_hold_owner(h);
	}
	return best;
}
