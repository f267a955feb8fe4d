#include "controller/plugin/findings.h"

#include <errno.h>

#include "base/rng.h"

const char *finding_name(enum finding_kind kind)
{
	static const char *const names[FINDING_KINDS] = {
		[FINDING_DUPLICATE] = "duplicate",   [FINDING_RESERVED] = "reserved",
		[FINDING_OUTSIDE] = "outside",       [FINDING_MISSING] = "missing",
		[FINDING_UNREADABLE] = "unreadable",
	};

	return names[kind];
}

int findings_init(struct findings *f, const struct cid_range *range,
		  int (*found)(void *data, enum finding_kind kind, const struct vmi_row *row,
			       const char *where),
		  void *data)
{
	struct rng rng;
	int rc;

	rng_init_secure(&rng);
	*f = (struct findings){.range = range, .found = found, .data = data};
	rc = cid_set_init(&f->seen, rng_u64(&rng));
	if (rc != 0)
		return rc;
	rc = cid_set_init(&f->shared, rng_u64(&rng));
	if (rc != 0)
		cid_set_close(&f->seen);
	return rc;
}

void findings_close(struct findings *f)
{
	cid_set_close(&f->seen);
	cid_set_close(&f->shared);
}

static int tell(struct findings *f, enum finding_kind kind, const struct vmi_row *row, const char *where)
{
	f->count[kind]++;
	return f->found(f->data, kind, row, where);
}

/* It lacks nothing any more. (A CID that it shows stays its own until the object is gone.) */
static bool has_ended(const struct vmi *v)
{
	return v->phase == VMI_PHASE_SUCCEEDED || v->phase == VMI_PHASE_FAILED;
}

static int look_at_cid(struct findings *f, const struct vmi_row *row, const char *where)
{
	uint32_t cid = row->vmi.cid;
	int added = cid_set_add(&f->seen, cid);

	f->with_cid++;
	if (added == 0)
		added = cid_set_add(&f->shared, cid);
	if (added < 0)
		return added;
	if (cid_is_reserved(cid))
		return tell(f, FINDING_RESERVED, row, where);
	if (f->range != NULL && !cid_range_contains(f->range, cid))
		return tell(f, FINDING_OUTSIDE, row, where);
	return 0;
}

int findings_look(struct findings *f, const struct vmi_row *row, const char *where)
{
	const struct vmi *v = &row->vmi;

	f->vmis++;
	if (v->unreadable != NULL) {
		int rc = tell(f, FINDING_UNREADABLE, row, where);

		if (rc != 0 || v->cid_state != VMI_CID_PRESENT)
			return rc;
	}
	if (v->cid_state == VMI_CID_PRESENT)
		return look_at_cid(f, row, where);
	if (!v->wants_vsock || has_ended(v))
		return 0;
	if (vmi_has_started(v))
		return tell(f, FINDING_MISSING, row, where);
	f->waiting++;
	return 0;
}

bool findings_are_shared(const struct findings *f)
{
	return cid_set_count(&f->shared) > 0;
}

int findings_look_again(struct findings *f, const struct vmi_row *row, const char *where)
{
	if (row->vmi.cid_state != VMI_CID_PRESENT || !cid_set_has(&f->shared, row->vmi.cid))
		return 0;
	return tell(f, FINDING_DUPLICATE, row, where);
}
