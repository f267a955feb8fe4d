#include "apisim/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/json_patch.h"
#include "apisim/metadata.h"
#include "apisim/must.h"
#include "apisim/tree_write.h"

#define SUMMARY_MAX 30

void draft_init(struct draft *d, struct exchange *x)
{
	*d = (struct draft){.x = x, .resource = x->route.resource};
	tree_init(&d->tree);
	must_buf(&d->old_text);
}

void draft_free(struct draft *d)
{
	object_unref(d->old);
	buf_free(&d->old_text);
	tree_free(&d->tree);
}

void draft_uid(struct rng *rng, char out[static DRAFT_UID_SIZE])
{
	uint64_t a = rng_u64(rng);
	uint64_t b = rng_u64(rng);

	(void)snprintf(out, DRAFT_UID_SIZE, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
		       (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
		       (unsigned)(0x8000 | (b >> 48 & 0x3fff)), (unsigned long long)(b & 0xffffffffffff));
}

/* --- options --- */

static bool check_media_type(struct draft *d)
{
	const char *type = d->x->request->content_type;
	size_t len = strcspn(type, "; ");

	if (d->patched || type[0] == '\0')
		return true;
	if (len == strlen("application/json") && strncmp(type, "application/json", len) == 0)
		return true;
	status_answer(&d->x->response, 415, "UnsupportedMediaType",
		      "the body of the request was in an unknown format - accepted media types include: "
		      "application/json, application/yaml, application/vnd.kubernetes.protobuf",
		      NULL);
	return false;
}

bool draft_read_options(struct draft *d, const char *kind)
{
	const struct query *q = &d->x->request->query;
	const char *dry_run = query_text(q, "dryRun");
	struct field_errors e = {.count = 0};

	if (!check_media_type(d))
		return false;
	d->dry_run = dry_run[0] != '\0';
	if (d->dry_run && strcmp(dry_run, "All") != 0)
		field_errors_add(&e, FIELD_UNSUPPORTED, "dryRun", "[\"%s\"]: supported values: \"All\"",
				 dry_run);
	if (strlen(query_text(q, "fieldManager")) > 128)
		field_errors_add(&e, FIELD_LONG, "fieldManager", "may not be more than 128 bytes");
	if (d->patched && query_get(q, "force") != NULL)
		field_errors_add(&e, FIELD_FORBIDDEN, "force", "may not be specified for non-apply patch");
	if (e.count > 0)
		status_invalid(&d->x->response, "meta.k8s.io", kind, "", &e);
	d->dry_run = d->dry_run && e.count == 0;
	if (e.count == 0)
		return true;
	field_errors_free(&e);
	return false;
}

/* --- parsing --- */

/* The beginning of a body, as the API server quotes it. */
static void summarize(const struct buf *body, struct buf *out)
{
	size_t len = body->len < SUMMARY_MAX ? body->len : SUMMARY_MAX;

	if (len == 0) {
		must_text(out, "<empty>");
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (body->data[0] == '{')
			must_add(out, body->data + i, 1);
		else
			must_printf(out, "%02x", (unsigned char)body->data[i]);
	}
	if (len < body->len)
		must_text(out, " ...");
}

static bool unrecognized(struct draft *d, const char *why, const char *tail)
{
	struct buf summary;

	must_buf(&summary);
	summarize(&d->x->request->body, &summary);
	status_bad_request(&d->x->response,
			   "the object provided is unrecognized (must be of type %s): %s%s (%s)",
			   d->resource->kind, why, tail, buf_str(&summary));
	buf_free(&summary);
	return false;
}

/* "{...}" of a body that lacks kind, whole as the API server has it. */
static bool lacks(struct draft *d, const char *what)
{
	struct buf why;

	must_buf(&why);
	must_printf(&why, "Object '%s' is missing in '%s'", what, buf_str(&d->x->request->body));
	(void)unrecognized(d, why.data, "");
	buf_free(&why);
	return false;
}

static bool parse_custom(struct draft *d)
{
	const char *kind = metadata_text(&d->tree, d->root, "kind");
	const char *api_version = metadata_text(&d->tree, d->root, "apiVersion");
	const char *expected = d->resource->api_versions[d->x->route.version];

	if (kind[0] == '\0')
		return lacks(d, "Kind");
	if (api_version[0] == '\0')
		return lacks(d, "apiVersion");
	if (strcmp(api_version, expected) == 0)
		return true;
	status_bad_request(&d->x->response,
			   "the API version in the data (%s) does not match the expected API version (%s)",
			   api_version, expected);
	return false;
}

/* Built-in types know what they are when the body does not say. */
static bool parse_built_in(struct draft *d)
{
	const char *kind = metadata_text(&d->tree, d->root, "kind");
	const char *api_version = metadata_text(&d->tree, d->root, "apiVersion");
	const char *expected = d->resource->api_versions[0];

	if (kind[0] == '\0')
		kind = d->resource->kind;
	if (api_version[0] == '\0')
		api_version = expected;
	if (strcmp(kind, d->resource->kind) == 0 && strcmp(api_version, expected) == 0) {
		metadata_set(&d->tree, d->root, "kind", kind);
		metadata_set(&d->tree, d->root, "apiVersion", api_version);
		return true;
	}
	status_bad_request(
		&d->x->response,
		"%s in version \"v1\" cannot be handled as a %s: no kind \"%s\" is registered for version "
		"\"%s\" in scheme \"pkg/runtime/scheme.go:111\"",
		kind, d->resource->kind, kind, api_version);
	return false;
}

bool draft_parse(struct draft *d)
{
	static const char type_meta[] = "into Go value of type struct { APIVersion string "
					"\"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
					"\"json:\\\"kind,omitempty\\\"\" }";
	const struct buf *body = &d->x->request->body;
	struct buf why;

	d->root = tree_parse(&d->tree, buf_str(body), body->len);
	if (d->root == NULL)
		return unrecognized(d, "couldn't get version/kind; json parse error: ", d->tree.error);
	if (d->root->kind == NODE_NULL && d->resource->custom)
		return lacks(d, "Kind");
	if (d->root->kind == NODE_NULL)
		d->root = node_object(&d->tree);
	if (d->root->kind != NODE_OBJECT) {
		must_buf(&why);
		must_printf(&why, "couldn't get version/kind; json parse error: json: cannot unmarshal %s ",
			    json_patch_kind_name(d->root));
		(void)unrecognized(d, why.data, type_meta);
		buf_free(&why);
		return false;
	}
	return d->resource->custom ? parse_custom(d) : parse_built_in(d);
}

/* A patch has made something that does not decode. */
static void refuse_patched(struct draft *d, const char *complaint)
{
	struct field_errors e = {.count = 0};
	struct buf text;
	struct buf quoted;

	must_buf(&text);
	must_buf(&quoted);
	tree_write(&text, d->root);
	must_json(&quoted, text.data, text.len);
	field_errors_add(&e, FIELD_INVALID, "patch", "\"%s\": %s", quoted.data, complaint);
	status_invalid(&d->x->response, "", "", "", &e);
	field_errors_free(&e);
	buf_free(&text);
	buf_free(&quoted);
}

static bool patched_kind(struct draft *d)
{
	struct buf why;

	if (d->root->kind == NODE_OBJECT && metadata_text(&d->tree, d->root, "kind")[0] != '\0')
		return true;
	must_buf(&why);
	must_text(&why, "Object 'Kind' is missing in '");
	tree_write(&why, d->root);
	must_text(&why, "'");
	refuse_patched(d, why.data);
	buf_free(&why);
	return false;
}

/* Does not decode: 400 for a body, 422 for what a patch has made. */
static void refuse_decode(struct draft *d, const char *complaint)
{
	if (d->patched)
		refuse_patched(d, complaint);
	else
		status_bad_request(&d->x->response, "%s in version \"%s\" cannot be handled as a %s: %s",
				   d->resource->kind, d->resource->versions[d->x->route.version],
				   d->resource->kind, complaint);
}

/* fieldValidation: Strict refuses unknown members, Warn (the default) tells of them. */
static bool report_unknown(struct draft *d, const struct buf *unknown)
{
	const char *mode = query_text(&d->x->request->query, "fieldValidation");
	bool strict = strcmp(mode, "Strict") == 0;
	struct buf complaint;
	bool ok = true;

	if (unknown->len == 0 || strcmp(mode, "Ignore") == 0)
		return true;
	must_buf(&complaint);
	for (const char *path = unknown->data; *path != '\0';) {
		size_t len = strcspn(path, "\n");

		if (strict)
			must_printf(&complaint, "%sunknown field \"%.*s\"",
				    complaint.len > 0 ? ", " : "strict decoding error: ", (int)len, path);
		else
			response_warn(&d->x->response, "unknown field \"%.*s\"", (int)len, path);
		path += len + 1;
	}
	if (strict) {
		refuse_decode(d, complaint.data);
		ok = false;
	}
	buf_free(&complaint);
	return ok;
}

bool draft_decode(struct draft *d)
{
	struct buf text;
	bool ok;

	if (d->patched && !patched_kind(d))
		return false;
	must_buf(&text);
	ok = metadata_decode(&d->tree, d->resource, d->root, &text);
	if (ok) {
		metadata_prune(d->resource, d->root, &text);
		ok = report_unknown(d, &text);
	} else {
		refuse_decode(d, buf_str(&text));
	}
	buf_free(&text);
	d->meta = ok ? metadata_of(&d->tree, d->root) : NULL;
	return ok;
}

bool draft_check_namespace(struct draft *d)
{
	const char *namespace = metadata_text(&d->tree, d->meta, "namespace");

	if (!d->resource->namespaced) {
		(void)node_drop(d->meta, "namespace", strlen("namespace"));
		return true;
	}
	if (namespace[0] == '\0') {
		metadata_set(&d->tree, d->meta, "namespace", d->x->route.namespace);
		return true;
	}
	if (strcmp(namespace, d->x->route.namespace) == 0)
		return true;
	status_bad_request(&d->x->response,
			   "the namespace of the provided object does not match the namespace sent "
			   "on the request");
	return false;
}

bool draft_check_name(struct draft *d)
{
	const char *name = metadata_text(&d->tree, d->meta, "name");

	if (!d->x->route.has_name)
		status_bad_request(&d->x->response, "name must be provided");
	else if (name[0] == '\0')
		status_bad_request(
			&d->x->response,
			"the name of the object (%s based on URL) was undeterminable: name must be provided",
			d->x->route.name);
	else if (strcmp(name, d->x->route.name) != 0)
		status_bad_request(&d->x->response,
				   "the name of the object (%s) does not match the name on the URL (%s)",
				   name, d->x->route.name);
	else
		return true;
	return false;
}

static void refuse_terminating(struct draft *d, const char *namespace)
{
	const struct resource *r = d->resource;
	const char *name = metadata_text(&d->tree, d->meta, "name");
	struct status_details details = {.name = name[0] != '\0' ? name : NULL,
					 .group = r->group,
					 .kind = r->plural,
					 .cause_reason = "NamespaceTerminating",
					 .cause_field = "metadata.namespace"};
	struct buf message;
	struct buf cause;

	must_buf(&message);
	must_buf(&cause);
	must_printf(&cause, "namespace %s is being terminated", namespace);
	details.cause_message = cause.data;
	must_printf(&message,
		    "%s%s%s \"%s\" is forbidden: unable to create new content in namespace %s because it is "
		    "being "
		    "terminated",
		    r->plural, r->group[0] != '\0' ? "." : "", r->group, name, namespace);
	status_answer(&d->x->response, 403, "Forbidden", message.data, &details);
	buf_free(&message);
	buf_free(&cause);
}

bool draft_admit(struct draft *d)
{
	const char *namespace = d->x->route.namespace;
	struct store *s = &d->x->sim->store;
	struct object *ns;

	if (!d->resource->namespaced)
		return true;
	ns = store_get(s, &resource_table[RESOURCE_NAMESPACE], "", namespace);
	if (ns == NULL) {
		status_not_found(&d->x->response, &resource_table[RESOURCE_NAMESPACE], namespace);
		return false;
	}
	if (!object_mentions(ns, "\"deletionTimestamp\":"))
		return true;
	refuse_terminating(d, namespace);
	return false;
}

bool draft_load(struct draft *d, const char *name)
{
	struct object *o = store_get(&d->x->sim->store, d->resource, d->x->route.namespace, name);

	if (o == NULL)
		return false;
	d->old = object_ref(o);
	d->old_root = object_parse(o, d->x->route.version, &d->tree, &d->old_text);
	if (d->old_root == NULL)
		d->old_root = node_object(&d->tree); /* raw rubbish of an admin */
	d->old_meta = metadata_of(&d->tree, d->old_root);
	return true;
}

void draft_answer(struct draft *d, int code, const struct object *o)
{
	struct response *r = &d->x->response;

	r->status = code;
	object_write(o, d->x->route.version, &r->body);
	must_text(&r->body, "\n");
}

struct object *draft_object(struct draft *d, uint64_t rv, const char *name)
{
	char digits[24];
	struct object *o;
	struct buf text;

	if (rv > 0) {
		(void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)rv);
		metadata_set(&d->tree, d->meta, "resourceVersion", digits);
	}
	must_buf(&text);
	tree_write_tail(&text, d->root);
	must_text(&text, "}");
	o = object_new(d->resource, d->resource->namespaced ? d->x->route.namespace : "", name,
		       metadata_text(&d->tree, d->meta, "uid"), rv, text.data, text.len);
	buf_free(&text);
	return o;
}
