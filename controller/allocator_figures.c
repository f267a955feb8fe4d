/* The allocator's figures, and the check of its books for tests. See allocator_impl.h. */
#include <string.h>

#include "controller/allocator_impl.h"

void allocator_stats(const struct allocator *a, struct allocator_stats *out)
{
	*out = (struct allocator_stats){
		.tracked = a->store.by_uid.len,
		.in_use = a->store.held_cids,
		.quarantined = cid_quarantine_count(a->quarantine),
		.available = cid_pool_available(a->pool),
		.duplicates = a->store.duplicate_cids,
		.invalid = a->counts[COUNT_INVALID],
		.outside = a->counts[COUNT_OUTSIDE],
		.waiting = a->waiting,
		.starving = a->starving_count,
		.missed = a->counts[COUNT_MISSED],
		.unreadable = a->counts[COUNT_UNREADABLE],
		.in_flight = a->in_flight,
		.informed = a->informed,
	};
	if (!a->has_term)
		return;
	out->stripe_size = cid_pool_stripe_size(a->pool, cid_stripe_of(a->term));
	out->stripe_used = out->stripe_size - cid_pool_stripe_free(a->pool, cid_stripe_of(a->term));
	out->stripe_pressed = allocator_is_pressed(a);
}

bool allocator_cid_of(const struct allocator *a, const char *uid, uint32_t *cid)
{
	const struct vmi_record *r = vmi_store_find(&a->store, uid);
	const struct vmi_hold *visible = r != NULL ? vmi_store_visible(r) : NULL;

	if (visible == NULL)
		return false;
	*cid = visible->cid;
	return true;
}

bool allocator_is_held(const struct allocator *a, uint32_t cid)
{
	return vmi_store_owner(&a->store, cid, NULL) != NULL;
}

struct audit {
	const struct allocator *a;
	uint64_t counts[COUNT_KINDS];
	uint64_t waiting;
	uint64_t starving;
	const char *reason;
};

static void audit_record(void *data, struct vmi_record *r)
{
	struct audit *audit = data;
	const struct assignment *work = work_of(r);

	audit->waiting += work != NULL;
	audit->starving += work != NULL && work->state == WORK_STARVING;
	for (int i = 0; i < COUNT_KINDS; i++)
		audit->counts[i] += (unsigned int)allocator_counts_of(audit->a, r) >> i & 1u;
	for (struct vmi_hold *h = vmi_hold_first(r); h != NULL; h = vmi_hold_next(h)) {
		if (!cid_pool_is_taken(audit->a->pool, h->cid))
			audit->reason = "a CID with an owner is free in the pool";
		if (vmi_hold_owner(h) != r)
			audit->reason = "a hold is in the wrong hands";
	}
	if (work != NULL && !allocator_may_serve(r))
		audit->reason = "work for a VMI that may not be served";
}

bool allocator_validate(const struct allocator *a, const char **reason)
{
	struct audit audit = {.a = a};

	if (!cid_pool_validate(a->pool, reason))
		return false;
	vmi_store_visit(&a->store, audit_record, &audit);
	if (audit.reason == NULL && (audit.waiting != a->waiting || audit.starving != a->starving_count))
		audit.reason =
			"waiting is not the number of VMIs with work, or starving not of those that starve";
	if (audit.reason == NULL && memcmp(audit.counts, a->counts, sizeof(audit.counts)) != 0)
		audit.reason = "a gauge has drifted";
	*reason = audit.reason;
	return audit.reason == NULL;
}
