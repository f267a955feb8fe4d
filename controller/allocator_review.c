/* What a VMI needs and what is to be told of it, judged by all that is known now. See allocator_impl.h. */
#include "cid/cid_set.h"
#include "controller/allocator_impl.h"

/* ---- what a VMI needs ---- */

/* It started with a CID, whatever the status says now. */
static bool has_guest_cid(const struct vmi_record *r)
{
	for (const struct vmi_hold *h = vmi_hold_first(r); h != NULL; h = vmi_hold_next(h))
		if (h->guest)
			return true;
	return false;
}

uint8_t allocator_counts_of(const struct allocator *a, const struct vmi_record *r)
{
	const struct vmi_hold *visible = vmi_store_visible(r);
	bool final = r->phase == VMI_PHASE_SUCCEEDED || r->phase == VMI_PHASE_FAILED;
	unsigned int bits = 0;

	if (visible != NULL && !cid_range_contains(a->options.range, visible->cid))
		bits |= 1u << (cid_is_reserved(visible->cid) ? COUNT_INVALID : COUNT_OUTSIDE);
	if (r->wants && r->started && visible == NULL && !has_guest_cid(r) && !final && !r->unreadable)
		bits |= 1u << COUNT_MISSED;
	if (r->unreadable)
		bits |= 1u << COUNT_UNREADABLE;
	return (uint8_t)bits;
}

void allocator_recount(struct allocator *a, struct vmi_record *r, uint8_t bits)
{
	for (int i = 0; i < COUNT_KINDS; i++) {
		a->counts[i] -= (unsigned int)r->counted >> i & 1u;
		a->counts[i] += (unsigned int)bits >> i & 1u;
	}
	r->counted = bits & 15u;
}

/* Starts or ends the work for @r by what is known of it now. @keeper: who keeps the CID that it shows. */
static void judge(struct allocator *a, struct vmi_record *r, const struct vmi_hold *visible,
		  const struct vmi_record *keeper, uint64_t now_ms)
{
	bool good = visible != NULL && keeper == r && cid_range_contains(a->options.range, visible->cid);

	if (allocator_may_serve(r) && !good)
		work_want(a, r, now_ms);
	else
		work_drop(a, r);
	allocator_recount(a, r, allocator_counts_of(a, r));
}

/* Tells those that show @cid and have not been told yet that they share it. @keeper: who keeps it. */
static void tell_sharing(struct allocator *a, uint32_t cid, struct vmi_record *keeper)
{
	const struct vmi_record *second = NULL;

	for (struct vmi_hold *h = vmi_store_owner(&a->store, cid, NULL); h != NULL;
	     h = vmi_store_owner(&a->store, cid, h)) {
		if (h->visible && vmi_hold_owner(h) != keeper)
			second = vmi_hold_owner(h);
	}
	if (keeper == NULL)
		return;
	if (second == NULL) {
		keeper->told &= ~(1u << NOTICE_DUPLICATE); /* the next one is another story */
		return;
	}
	for (struct vmi_hold *h = vmi_store_owner(&a->store, cid, NULL); h != NULL;
	     h = vmi_store_owner(&a->store, cid, h)) {
		struct vmi_record *owner = vmi_hold_owner(h);
		const struct vmi_record *other = owner == keeper ? second : keeper;

		if (h->visible && (owner->told & 1u << NOTICE_DUPLICATE) == 0)
			allocator_notify(a, owner,
					 (struct notice){.kind = NOTICE_DUPLICATE,
							 .cid = cid,
							 .other_namespace = vmi_record_namespace(other),
							 .other_name = vmi_record_name(other)});
	}
}

/* Judges all VMIs that show @cid, telling those that share it. */
void allocator_review_cid(struct allocator *a, uint32_t cid, uint64_t now_ms)
{
	struct vmi_hold *first = vmi_store_owner(&a->store, cid, NULL);
	struct vmi_record *keeper;

	/* Nearly always: it has one owner, who shows it. */
	if (first != NULL && first->visible && vmi_store_owner(&a->store, cid, first) == NULL) {
		keeper = vmi_hold_owner(first);
		keeper->told &= ~(1u << NOTICE_DUPLICATE);
		judge(a, keeper, first, keeper, now_ms);
		return;
	}
	keeper = allocator_keeper_of(a, cid);
	if (keeper == NULL)
		return;
	tell_sharing(a, cid, keeper);
	for (struct vmi_hold *h = vmi_store_owner(&a->store, cid, NULL); h != NULL;
	     h = vmi_store_owner(&a->store, cid, h))
		if (h->visible)
			judge(a, vmi_hold_owner(h), h, keeper, now_ms);
}

void allocator_review(struct allocator *a, struct vmi_record *r, uint64_t now_ms)
{
	const struct vmi_hold *visible = vmi_store_visible(r);

	if (visible != NULL)
		allocator_review_cid(a, visible->cid, now_ms);
	else
		judge(a, r, NULL, NULL, now_ms);
}

/* ---- what is to be told of it ---- */

void allocator_tell_reserved(struct allocator *a, struct vmi_record *r)
{
	const struct vmi_hold *visible = vmi_store_visible(r);

	if (visible != NULL && cid_is_reserved(visible->cid))
		allocator_notify(a, r, (struct notice){.kind = NOTICE_INVALID, .cid = visible->cid});
}

/* Before the start we write another one. */
void allocator_tell_outside(struct allocator *a, struct vmi_record *r)
{
	const struct vmi_hold *visible = vmi_store_visible(r);

	if (r->started && (allocator_counts_of(a, r) & 1u << COUNT_OUTSIDE) != 0)
		allocator_notify(a, r, (struct notice){.kind = NOTICE_OUTSIDE, .cid = visible->cid});
}

static void tell_own_findings(void *data, struct vmi_record *r)
{
	struct allocator *a = data;

	r->told &= ~(1u << NOTICE_INVALID | 1u << NOTICE_OUTSIDE | 1u << NOTICE_MISSED |
		     1u << NOTICE_DUPLICATE | 1u << NOTICE_SOURCE | 1u << NOTICE_HELD);
	allocator_tell_held(a, r);
	allocator_tell_source(a, r);
	allocator_tell_reserved(a, r);
	allocator_tell_outside(a, r);
	if ((r->counted & 1u << COUNT_MISSED) != 0)
		allocator_notify(a, r, (struct notice){.kind = NOTICE_MISSED});
}

static void tell_shared_cid(void *data, struct vmi_record *r)
{
	struct allocator *a = data;
	const struct vmi_hold *visible = vmi_store_visible(r);

	/* The first of those that share one tells all of them: this takes no longer where they are many (I9).
	 */
	if (visible != NULL && (r->told & 1u << NOTICE_DUPLICATE) == 0)
		tell_sharing(a, visible->cid, allocator_keeper_of(a, visible->cid));
}

void allocator_tell_again(struct allocator *a)
{
	vmi_store_visit(&a->store, tell_own_findings, a);
	vmi_store_visit(&a->store, tell_shared_cid, a);
}

/* ---- other settings ---- */

struct review {
	struct allocator *a;
	uint64_t now_ms;
	struct cid_set *reviewed; /* CIDs whose VMIs have been judged; NULL: no memory for that */
};

/* One that shows a CID stands for all that do, so that this takes no longer where they are many (I9). */
static bool is_reviewed(struct review *review, const struct vmi_record *r)
{
	return review->reviewed != NULL && cid_set_add(review->reviewed, vmi_store_visible(r)->cid) == 0;
}

static void review_record(void *data, struct vmi_record *r)
{
	struct review *review = data;
	struct allocator *a = review->a;

	r->relapses = 0; /* nobody has undone anything */
	if (vmi_store_visible(r) != NULL && !is_reviewed(review, r))
		allocator_review(a, r, review->now_ms);
	if ((allocator_counts_of(a, r) & 1u << COUNT_OUTSIDE) == 0)
		r->told &= ~(1u << NOTICE_OUTSIDE);
	else if ((r->told & 1u << NOTICE_OUTSIDE) == 0)
		allocator_tell_outside(a, r);
	work_retry(a, r);
}

void allocator_set_range(struct allocator *a, const struct cid_range *range, uint64_t now_ms)
{
	struct review review = {.a = a, .now_ms = now_ms};
	struct cid_set reviewed;

	a->options.range = range;
	cid_pool_set_range(a->pool, range);
	if (cid_set_init(&reviewed, rng_u64(a->options.rng)) == 0)
		review.reviewed = &reviewed;
	vmi_store_visit(&a->store, review_record, &review);
	if (review.reviewed != NULL)
		cid_set_close(review.reviewed);
}

void allocator_set_quarantine(struct allocator *a, uint64_t quarantine_ms)
{
	a->options.quarantine_ms = quarantine_ms;
	cid_quarantine_set_rest(a->quarantine, quarantine_ms);
}

void allocator_set_in_flight(struct allocator *a, uint32_t max_in_flight)
{
	a->options.max_in_flight = max_in_flight;
}
