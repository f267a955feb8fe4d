/* Targets of decentralised migrations, whose guests have their sources' CIDs. See allocator_impl.h. */
#include <string.h>

#include "controller/allocator_impl.h"

/* Migrations in a row whose CIDs are followed up; the one before is always. */
#define MAX_SOURCES VMI_MAX_HOLDS

/* What the guest of a source has: shown at its start, or that of its own source. 0: not known. */
static uint32_t guest_cid_of(const struct vmi_record *r)
{
	const struct vmi_hold *visible = vmi_store_visible(r);

	if (vmi_record_source(r) != NULL)
		return vmi_record_guest_cid(r);
	for (const struct vmi_hold *h = vmi_hold_first(r); h != NULL; h = vmi_hold_next(h))
		if (h->guest)
			return h->cid;
	return visible != NULL ? visible->cid : 0;
}

static struct vmi_record *source_of(const struct allocator *a, const struct vmi_record *r)
{
	const char *uid = vmi_record_source(r);

	return uid != NULL ? vmi_store_find(&a->store, uid) : NULL;
}

/* I5: the guest of a decentralised migration's target was started from the source's domain and has the
 * source's CID, whatever its own status says; and that one's guest, where it was a target itself, that of its
 * source. What the source is known to have here, the target holds too, as long as it lives. */
static void hold_cids_of_source(struct allocator *a, struct vmi_record *r, unsigned int depth,
				uint64_t now_ms)
{
	struct vmi_record *source = source_of(a, r);
	uint32_t guest_cid;

	if (source == NULL || source == r || depth > MAX_SOURCES)
		return;
	/* In a list it may have come before its own source. */
	hold_cids_of_source(a, source, depth + 1, now_ms);
	guest_cid = guest_cid_of(source);
	if (guest_cid != 0)
		vmi_record_set_guest_cid(r, guest_cid);
	for (const struct vmi_hold *theirs = vmi_hold_first(source); theirs != NULL;
	     theirs = vmi_hold_next(theirs)) {
		struct vmi_hold *h;

		if (!theirs->visible && !theirs->guest)
			continue;
		h = allocator_own(a, r, theirs->cid);
		if (h == NULL) {
			allocator_lost_track(a, r, theirs->cid);
			return;
		}
		h->guest = true;
		allocator_trim(a, r, NULL, now_ms);
	}
}

void allocator_hold_source(struct allocator *a, struct vmi_record *r, uint64_t now_ms)
{
	hold_cids_of_source(a, r, 1, now_ms);
}

/* What the guest has is not what the status says, and nobody else tells. Only once the first list is
 * complete: before it, a source may just not have been seen. */
void allocator_tell_source(struct allocator *a, struct vmi_record *r)
{
	const struct vmi_hold *visible = vmi_store_visible(r);
	const struct vmi_record *source = source_of(a, r);
	uint32_t guest_cid = vmi_record_guest_cid(r);

	if (vmi_record_source(r) == NULL || visible == NULL || !a->informed ||
	    (r->told & 1u << NOTICE_SOURCE) != 0 || guest_cid == visible->cid)
		return;
	if (guest_cid == 0 && source != NULL && vmi_record_source(source) == NULL)
		return; /* it has none yet */
	allocator_notify(
		a, r,
		(struct notice){.kind = NOTICE_SOURCE,
				.cid = visible->cid,
				.old_cid = guest_cid,
				.other_namespace = source != NULL ? vmi_record_namespace(source) : "",
				.other_name = source != NULL ? vmi_record_name(source) : ""});
}

void allocator_note_source(struct allocator *a, struct vmi_record *r, const struct vmi *v, uint64_t now_ms)
{
	const char *known = vmi_record_source(r);

	if (v->source_uid[0] != '\0' && strcmp(v->source_uid, v->uid) != 0 &&
	    (known == NULL || strcmp(known, v->source_uid) != 0) &&
	    !vmi_store_set_source(&a->store, r, v->source_uid))
		allocator_lost_track(a, r, 0);
	allocator_hold_source(a, r, now_ms);
}
