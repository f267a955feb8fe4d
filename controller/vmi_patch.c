#include "controller/vmi_patch.h"

#include <inttypes.h>

/* Without printf() but for numbers: it was two thirds of what a wish costs. */
#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static int add_parts(struct buf *out, const char *const *parts)
{
	int rc = 0;

	for (; *parts != NULL && rc == 0; parts++)
		rc = buf_add_str(out, *parts);
	return rc;
}

int vmi_path_write(struct buf *out, const char *version, const struct wish *w)
{
	return add_parts(out, PARTS("/apis/kubevirt.io/", version, "/namespaces/", w->namespace,
				    "/virtualmachineinstances/", w->name));
}

/* What must still be so: the same object, and where it matters the same version of it. */
static int write_identity(struct buf *out, const struct wish *w)
{
	int rc = add_parts(
		out, PARTS("[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"", w->uid, "\"},"));

	if (rc == 0 && w->resource_version[0] != '\0')
		rc = add_parts(out,
			       PARTS("{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"",
				     w->resource_version, "\"},"));
	return rc;
}

/* The phase as read. A test for null passes where the member is absent and its parent is there (PAT-3). */
static int write_phase(struct buf *out, const struct wish *w)
{
	if (!w->has_phase)
		return buf_add_str(out, "{\"op\":\"test\",\"path\":\"/status/phase\",\"value\":null},");
	return add_parts(out, PARTS("{\"op\":\"test\",\"path\":\"/status/phase\",\"value\":\"",
				    vmi_phase_name(w->phase), "\"},"));
}

static int write_old_cid(struct buf *out, const struct wish *w)
{
	if (!w->replaces)
		return buf_add_str(out, "{\"op\":\"test\",\"path\":\"/status/VSOCKCID\",\"value\":null},");
	return buf_printf(out, "{\"op\":\"test\",\"path\":\"/status/VSOCKCID\",\"value\":%" PRIu32 "},",
			  w->old_cid);
}

int vmi_patch_write(struct buf *out, const struct wish *w)
{
	int rc = write_identity(out, w);

	if (rc != 0)
		return rc;
	/* PAT-3: in an object without status a test below it fails for the missing parent, hence the second
	 * form. */
	if (!w->has_status)
		return buf_printf(out,
				  "{\"op\":\"test\",\"path\":\"/status\",\"value\":null},"
				  "{\"op\":\"add\",\"path\":\"/status\",\"value\":{\"VSOCKCID\":%" PRIu32
				  "}}]",
				  w->cid);
	rc = write_phase(out, w);
	if (rc == 0)
		rc = write_old_cid(out, w);
	if (rc == 0)
		rc = buf_printf(out, "{\"op\":\"add\",\"path\":\"/status/VSOCKCID\",\"value\":%" PRIu32 "}]",
				w->cid);
	return rc;
}
