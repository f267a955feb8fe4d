#include "kube/lease.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct kube_lease {
	json_t *object;
	uint32_t term;
	uint32_t duration_s;
	/* Within object. */
	const char *holder;
	const char *renewed;
	const char *uid;
	const char *rv;
};

/* The member must be absent, null or an integer of 0 .. INT32_MAX, as KUBE_LEASE_MAX_TERM is. */
static int read_int32(uint32_t *out, const json_t *spec, const char *key, struct error *err)
{
	const json_t *member = json_object_get(spec, key);
	json_int_t value = json_integer_value(member);

	if (member == NULL || json_is_null(member))
		return 0;
	if (!json_is_integer(member) || value < 0 || value > INT32_MAX)
		return error_set(err, -EBADMSG, "spec.%s is no number of 0 to %d", key, INT32_MAX);
	*out = (uint32_t)value;
	return 0;
}

/* The member @key, "" unless it is a string. */
static const char *text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_string(value) ? json_string_value(value) : "";
}

/* Without a resourceVersion a PUT would overwrite whatever is there: two processes could raise the same term
 * (I1). Without the uid it would create a Lease that was deleted meanwhile, whatever resourceVersion it names
 * (seen on kube-apiserver 1.36), and so carry on a term that somebody else begins anew at random. */
static int read_metadata(struct kube_lease *l, struct error *err)
{
	const json_t *metadata = json_object_get(l->object, "metadata");

	if (!json_is_object(metadata))
		return error_set(err, -EBADMSG, "the Lease has no metadata");
	l->rv = text_of(metadata, "resourceVersion");
	l->uid = text_of(metadata, "uid");
	if (l->rv[0] == '\0' || l->uid[0] == '\0')
		return error_set(err, -EBADMSG, "the Lease has no resourceVersion or no uid");
	return 0;
}

static int read_spec(struct kube_lease *l, struct error *err)
{
	const json_t *spec = json_object_get(l->object, "spec");
	const json_t *holder = json_object_get(spec, "holderIdentity");

	if (spec != NULL && !json_is_object(spec) && !json_is_null(spec))
		return error_set(err, -EBADMSG, "spec is no object");
	if (holder != NULL && !json_is_string(holder) && !json_is_null(holder))
		return error_set(err, -EBADMSG, "spec.holderIdentity is no string");
	l->holder = text_of(spec, "holderIdentity");
	l->renewed = text_of(spec, "renewTime");
	if (read_int32(&l->duration_s, spec, "leaseDurationSeconds", err) != 0)
		return -EBADMSG;
	return read_int32(&l->term, spec, "leaseTransitions", err);
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
		rc = read_metadata(l, err);
	if (rc == 0)
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

const char *kube_lease_renewed(const struct kube_lease *l)
{
	return l->renewed;
}

const char *kube_lease_holder(const struct kube_lease *l)
{
	return l->holder;
}

uint32_t kube_lease_duration_s(const struct kube_lease *l)
{
	return l->duration_s;
}

const char *kube_lease_uid(const struct kube_lease *l)
{
	return l->uid;
}

const char *kube_lease_resource_version(const struct kube_lease *l)
{
	return l->rv;
}

/* The members of the spec that a claim sets. NULL: out of memory. */
static json_t *claim_members(const struct kube_lease_claim *claim)
{
	char now[CLOCK_TEXT_SIZE];

	clock_format_us(claim->now_us, now);
	/* "s*" leaves a member out whose value is NULL. */
	return json_pack("{s:s, s:i, s:s*, s:s, s:i}", "holderIdentity", claim->holder,
			 "leaseDurationSeconds", (int)claim->duration_s, "acquireTime",
			 claim->renews ? NULL : now, "renewTime", now, "leaseTransitions", (int)claim->term);
}

/* Appends @object, whose reference it takes; NULL is -ENOMEM. */
static int write_object(struct buf *out, json_t *object)
{
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
	int rc = text != NULL ? buf_add_str(out, text) : -ENOMEM;

	free(text);
	json_decref(object);
	return rc;
}

/* Puts @members into the spec of @object, which may have none. Returns 0 or -ENOMEM. */
static int set_members(json_t *object, json_t *members)
{
	json_t *spec = json_object_get(object, "spec");
	int rc;

	if (object == NULL || members == NULL)
		return -ENOMEM;
	if (json_is_object(spec))
		rc = json_object_update(spec, members);
	else
		rc = json_object_set(object, "spec", members);
	return rc == 0 ? 0 : -ENOMEM;
}

int kube_lease_write(struct buf *out, const struct kube_lease *l, const struct kube_lease_claim *claim)
{
	json_t *members = claim_members(claim);
	json_t *object = json_deep_copy(l->object);
	int rc = set_members(object, members);

	json_decref(members);
	if (rc != 0) {
		json_decref(object);
		return rc;
	}
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
