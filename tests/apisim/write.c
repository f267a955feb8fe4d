/* POST, PUT and PATCH (PAT-1 .. PAT-13). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apisim/draft.h"
#include "apisim/handlers.h"
#include "apisim/json_patch.h"
#include "apisim/merge_patch.h"
#include "apisim/metadata.h"
#include "apisim/must.h"

void handle_create(struct exchange *x)
{
	struct draft d;

	draft_init(&d, x);
	if (draft_read_options(&d, "CreateOptions") && draft_parse(&d) && draft_decode(&d) &&
	    draft_check_namespace(&d) && draft_admit(&d))
		draft_create(&d);
	draft_free(&d);
}

/* PUT of what is not there. */
static void put_missing(struct draft *d)
{
	const char *uid = metadata_text(&d->tree, d->meta, "uid");
	struct buf why;

	if (!d->resource->put_creates) {
		status_not_found(&d->x->response, d->resource, d->x->route.name);
		return;
	}
	if (uid[0] == '\0') {
		if (draft_admit(d))
			draft_create(d);
		return;
	}
	must_buf(&why);
	must_printf(&why,
		    "StorageError: invalid object, Code: 4, Key: /registry/%s/%s/%s, ResourceVersion: 0, "
		    "AdditionalErrorMsg: Precondition failed: UID in precondition: %s, UID in object meta: ",
		    d->resource->registry, d->x->route.namespace, d->x->route.name, uid);
	status_conflict(&d->x->response, d->resource, d->x->route.name, why.data);
	buf_free(&why);
}

void handle_update(struct exchange *x)
{
	struct draft d;

	draft_init(&d, x);
	if (!x->route.has_name) {
		status_bad_request(&x->response, "name must be provided");
	} else if (draft_read_options(&d, "UpdateOptions") && draft_parse(&d) && draft_decode(&d) &&
		   draft_check_namespace(&d) && draft_check_name(&d)) {
		if (draft_load(&d, x->route.name))
			draft_update(&d);
		else
			put_missing(&d);
	}
	draft_free(&d);
}

/* --- patches --- */

enum patch_type { PATCH_JSON, PATCH_MERGE, PATCH_UNKNOWN };

static enum patch_type patch_type(const struct exchange *x)
{
	const char *type = x->request->content_type;
	size_t len = strcspn(type, ";");

	if (len == 27 && strncmp(type, "application/json-patch+json", len) == 0)
		return PATCH_JSON;
	if (len == 28 && strncmp(type, "application/merge-patch+json", len) == 0)
		return PATCH_MERGE;
	/* The built-in objects here have no lists that strategic merge would treat in its own way. */
	if (!x->route.resource->custom && len == 38 &&
	    strncmp(type, "application/strategic-merge-patch+json", len) == 0)
		return PATCH_MERGE;
	return PATCH_UNKNOWN;
}

static void refuse_type(struct exchange *x)
{
	struct status_details d = {.name = NULL};
	struct field_errors e = {.count = 0};

	if (strcmp(x->request->content_type, "application/apply-patch+yaml") == 0 &&
	    query_text(&x->request->query, "fieldManager")[0] == '\0') {
		field_errors_add(&e, FIELD_REQUIRED, "fieldManager", "is required for apply patch");
		status_invalid(&x->response, "meta.k8s.io", "PatchOptions", "", &e);
		field_errors_free(&e);
	} else if (x->route.resource->custom)
		status_answer(
			&x->response, 415, "UnsupportedMediaType",
			"the body of the request was in an unknown format - accepted media types include: "
			"application/json-patch+json, application/merge-patch+json, "
			"application/apply-patch+yaml",
			NULL);
	else
		status_answer(&x->response, 415, "UnsupportedMediaType", "415: Unsupported Media Type", &d);
}

/* A failed operation: the library's reason does not reach the client (PAT-2). */
static void refuse_operation(struct exchange *x, int rc)
{
	struct status_details d = {.name = NULL};

	if (rc == -EFAULT) { /* the real one panics and the connection breaks (PAT-6) */
		x->response.drop = true;
		return;
	}
	x->sim->stats.conflicts++;
	status_answer(&x->response, 422, "Invalid",
		      "the server rejected our request due to an error in our request", &d);
}

static bool apply_json_patch(struct draft *d, const struct node *ops)
{
	struct response *r = &d->x->response;
	const char *complaint = json_patch_check(&d->tree, ops);
	char message[128];
	int rc;

	if (complaint != NULL) {
		status_bad_request(r, "error decoding patch: %s", complaint);
		return false;
	}
	if (ops->kind == NODE_ARRAY && ops->count > JSON_PATCH_MAX_OPS) {
		(void)snprintf(message, sizeof(message),
			       "Request entity too large: The allowed maximum operations in a JSON patch is "
			       "%d, got %u",
			       JSON_PATCH_MAX_OPS, ops->count);
		status_answer(r, 413, "RequestEntityTooLarge", message, NULL);
		return false;
	}
	rc = json_patch_apply(&d->tree, &d->root, ops);
	if (rc != 0)
		refuse_operation(d->x, rc);
	return rc == 0;
}

static bool apply_merge_patch(struct draft *d, struct node *patch)
{
	struct response *r = &d->x->response;

	if (patch->kind == NODE_OBJECT) {
		merge_patch_apply(&d->tree, d->root, patch);
		return true;
	}
	if (patch->kind == NODE_NULL)
		status_bad_request(r, "Invalid JSON Patch");
	else
		status_bad_request(r,
				   "error decoding patch: json: cannot unmarshal %s into Go value of type "
				   "map[string]interface {}",
				   json_patch_kind_name(patch));
	return false;
}

/* Makes d->root from a copy of the loaded object and the body. */
static bool apply(struct draft *d, enum patch_type type)
{
	const struct buf *body = &d->x->request->body;
	struct node *patch = tree_parse(&d->tree, buf_str(body), body->len);

	if (patch == NULL) {
		status_bad_request(&d->x->response, "error decoding patch: %s", d->tree.error);
		return false;
	}
	d->root = node_copy(&d->tree, d->old_root);
	return type == PATCH_JSON ? apply_json_patch(d, patch) : apply_merge_patch(d, patch);
}

void handle_patch(struct exchange *x)
{
	enum patch_type type = patch_type(x);
	struct draft d;

	if (type == PATCH_UNKNOWN) {
		refuse_type(x);
		return;
	}
	if (!x->route.has_name) {
		status_bad_request(&x->response, "name must be provided");
		return;
	}
	draft_init(&d, x);
	d.patched = true;
	if (draft_read_options(&d, "PatchOptions")) {
		if (!draft_load(&d, x->route.name))
			status_not_found(&x->response, x->route.resource, x->route.name);
		else if (apply(&d, type) && draft_decode(&d) && draft_check_name(&d) &&
			 draft_check_namespace(&d))
			draft_update(&d);
	}
	draft_free(&d);
}
