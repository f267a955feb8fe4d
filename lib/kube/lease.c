#include "kube/lease.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct kube_lease {
	json_t *object;
	uint32_t term;
	const char *holder; /* within object */
};

/* The member must be absent, null or an integer of 0 .. KUBE_LEASE_MAX_TERM. */
static int read_term(struct kube_lease *l, const json_t *spec, struct error *err)
{
	const json_t *term = json_object_get(spec, "leaseTransitions");
	json_int_t value = json_integer_value(term);

	if (term == NULL || json_is_null(term))
		return 0;
	if (!json_is_integer(term) || value < 0 || value > KUBE_LEASE_MAX_TERM)
		return error_set(err, -EBADMSG, "spec.leaseTransitions is no number of 0 to %d",
				 KUBE_LEASE_MAX_TERM);
	l->term = (uint32_t)value;
	return 0;
}

static int read_spec(struct kube_lease *l, struct error *err)
{
	json_t *spec = json_object_get(l->object, "spec");
	const json_t *holder = json_object_get(spec, "holderIdentity");

	if (!json_is_object(json_object_get(l->object, "metadata")))
		return error_set(err, -EBADMSG, "the Lease has no metadata");
	if (spec != NULL && !json_is_object(spec) && !json_is_null(spec))
		return error_set(err, -EBADMSG, "spec is no object");
	if (holder != NULL && !json_is_string(holder) && !json_is_null(holder))
		return error_set(err, -EBADMSG, "spec.holderIdentity is no string");
	l->holder = json_is_string(holder) ? json_string_value(holder) : "";
	return read_term(l, spec, err);
}

int kube_lease_parse(struct kube_lease **out, const char *text, size_t len, struct error *err)
{
	struct kube_lease *l = calloc(1, sizeof(*l));
	json_error_t why;
	int rc;

	if (l == NULL)
		return error_errno(err, -ENOMEM, "Lease");
	l->object = json_loadb(text, len, JSON_ALLOW_NUL, &why);
	if (!json_is_object(l->object))
		rc = error_set(err, -EBADMSG, "no JSON object: %s",
			       l->object == NULL ? why.text : "another value");
	else
		rc = read_spec(l, err);
	if (rc != 0) {
		kube_lease_free(l);
		return rc;
	}
	*out = l;
	return 0;
}

void kube_lease_free(struct kube_lease *l)
{
	if (l == NULL)
		return;
	json_decref(l->object);
	free(l);
}

uint32_t kube_lease_term(const struct kube_lease *l)
{
	return l->term;
}

const char *kube_lease_holder(const struct kube_lease *l)
{
	return l->holder;
}

/* The members of the spec that a claim sets. NULL: out of memory. */
static json_t *claim_members(const struct kube_lease_claim *claim)
{
	char now[CLOCK_TEXT_SIZE];

	clock_format_us(claim->now_us, now);
	return json_pack("{s:s, s:i, s:s, s:s, s:i}", "holderIdentity", claim->holder, "leaseDurationSeconds",
			 (int)claim->duration_s, "acquireTime", now, "renewTime", now, "leaseTransitions",
			 (int)claim->term);
}

static int add_dump(const char *bytes, size_t n, void *data)
{
	return buf_add(data, bytes, n) == 0 ? 0 : -1;
}

/* Appends @object, whose reference it takes; NULL is -ENOMEM. */
static int write_object(struct buf *out, json_t *object)
{
	size_t start = out->len;
	int rc = 0;

	if (object == NULL)
		return -ENOMEM;
	if (json_dump_callback(object, add_dump, out, JSON_COMPACT) != 0) {
		out->len = start;
		rc = -EMSGSIZE;
	}
	json_decref(object);
	return rc;
}

int kube_lease_write(struct buf *out, const struct kube_lease *l, const struct kube_lease_claim *claim)
{
	json_t *members = claim_members(claim);
	json_t *object = json_deep_copy(l->object);
	json_t *spec = json_object_get(object, "spec");

	if (members == NULL || object == NULL) {
		json_decref(members);
		json_decref(object);
		return -ENOMEM;
	}
	if (!json_is_object(spec))
		(void)json_object_set(object, "spec", members);
	else
		(void)json_object_update(spec, members);
	json_decref(members);
	return write_object(out, object);
}

int kube_lease_write_new(struct buf *out, const char *namespace, const char *name,
			 const struct kube_lease_claim *claim)
{
	json_t *members = claim_members(claim);

	if (members == NULL)
		return -ENOMEM;
	/* "o" takes the reference, also on failure */
	return write_object(out, json_pack("{s:s, s:s, s:{s:s, s:s}, s:o}", "apiVersion",
					   "coordination.k8s.io/v1", "kind", "Lease", "metadata", "namespace",
					   namespace, "name", name, "spec", members));
}
