/* DELETE of one object and of all of a namespace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/draft.h"
#include "apisim/handlers.h"
#include "apisim/json_patch.h"
#include "apisim/list_options.h"
#include "apisim/metadata.h"
#include "apisim/must.h"

struct delete_options {
	bool dry_run;
	const char *uid, *rv;    /* preconditions, "" where absent */
	const char *propagation; /* "Foreground", "Background", "Orphan" or "" */
};

/* The types of the options as Go would decode them. */
static bool check_types(struct exchange *x, const struct node *root)
{
	const struct node *preconditions = node_get(root, "preconditions");
	const struct node *grace = node_get(root, "gracePeriodSeconds");
	int64_t ignored;

	if (preconditions != NULL && preconditions->kind != NODE_OBJECT && preconditions->kind != NODE_NULL)
		status_bad_request(
			&x->response,
			"json: cannot unmarshal %s into Go struct field DeleteOptions.preconditions of type "
			"v1.Preconditions",
			json_patch_kind_name(preconditions));
	else if (grace != NULL && grace->kind != NODE_NULL && !node_to_int(grace, &ignored))
		status_bad_request(
			&x->response,
			"json: cannot unmarshal %s into Go struct field DeleteOptions.gracePeriodSeconds of "
			"type int64",
			json_patch_kind_name(grace));
	else
		return true;
	return false;
}

static bool check_kind(struct exchange *x, struct tree *t, const struct node *root)
{
	const char *kind = metadata_text(t, root, "kind");

	if (root->kind != NODE_OBJECT && root->kind != NODE_NULL) {
		status_bad_request(&x->response,
				   "couldn't get version/kind; json parse error: json: cannot unmarshal %s "
				   "into Go value "
				   "of type struct { APIVersion string "
				   "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
				   "\"json:\\\"kind,omitempty\\\"\" }",
				   json_patch_kind_name(root));
		return false;
	}
	if (kind[0] == '\0' || strcmp(kind, "DeleteOptions") == 0)
		return true;
	status_bad_request(
		&x->response,
		"no kind \"%s\" is registered for version \"%s\" in scheme \"pkg/runtime/scheme.go:111\"",
		kind, metadata_text(t, root, "apiVersion"));
	return false;
}

static bool validate_options(struct exchange *x, struct delete_options *o, const char *dry_run)
{
	struct field_errors e = {.count = 0};
	const char *p = o->propagation;

	if (p[0] != '\0' && strcmp(p, "Foreground") != 0 && strcmp(p, "Background") != 0 &&
	    strcmp(p, "Orphan") != 0)
		field_errors_add(
			&e, FIELD_UNSUPPORTED, "propagationPolicy",
			"\"%s\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"", p);
	o->dry_run = dry_run[0] != '\0';
	if (o->dry_run && strcmp(dry_run, "All") != 0)
		field_errors_add(&e, FIELD_UNSUPPORTED, "dryRun", "[\"%s\"]: supported values: \"All\"",
				 dry_run);
	if (e.count == 0)
		return true;
	status_invalid(&x->response, "meta.k8s.io", "DeleteOptions", "", &e);
	field_errors_free(&e);
	return false;
}

/* From the body, or the query where there is none. Text is in @t. */
static bool read_options(struct exchange *x, struct tree *t, struct delete_options *o)
{
	const struct buf *body = &x->request->body;
	const struct query *q = &x->request->query;
	const char *type = x->request->content_type;
	const char *dry_run = query_text(q, "dryRun");
	const struct node *list;
	struct node *root;
	bool orphan;

	*o = (struct delete_options){.uid = "", .rv = "", .propagation = query_text(q, "propagationPolicy")};
	if (body->len > 0) {
		if (type[0] != '\0' && strncmp(type, "application/json", 16) != 0) {
			status_answer(
				&x->response, 415, "UnsupportedMediaType",
				"the body of the request was in an unknown format - accepted media types "
				"include: application/json, application/yaml, "
				"application/vnd.kubernetes.protobuf",
				NULL);
			return false;
		}
		root = tree_parse(t, body->data, body->len);
		if (root == NULL) {
			status_bad_request(&x->response, "couldn't get version/kind; json parse error: %s",
					   t->error);
			return false;
		}
		if (!check_kind(x, t, root) || !check_types(x, root))
			return false;
		o->uid = metadata_text(t, node_get(root, "preconditions"), "uid");
		o->rv = metadata_text(t, node_get(root, "preconditions"), "resourceVersion");
		o->propagation = metadata_text(t, root, "propagationPolicy");
		orphan = node_get(root, "orphanDependents") != NULL &&
			 node_get(root, "orphanDependents")->kind == NODE_BOOL &&
			 node_get(root, "orphanDependents")->raw.text[0] == 't';
		if (orphan)
			o->propagation = "Orphan";
		list = node_get(root, "dryRun");
		if (list != NULL && list->kind == NODE_ARRAY && list->count > 0 &&
		    node_str(t, list->items[0], NULL))
			dry_run = node_str(t, list->items[0], NULL);
	}
	return validate_options(x, o, dry_run);
}

static void conflict(struct exchange *x, const struct object *o, const char *what, const char *wanted,
		     const char *have, const char *hint)
{
	const struct resource *r = o->resource;
	struct status_details d = {.name = o->name, .group = r->group, .kind = r->kind};
	struct buf message;

	must_buf(&message);
	must_printf(&message,
		    "Operation cannot be fulfilled on %s%s%s \"%s\": the %s in the precondition (%s) does "
		    "not match the "
		    "%s in record (%s). The object might have been %s",
		    r->kind, r->group[0] != '\0' ? "." : "", r->group, o->name, what, wanted, what, have,
		    hint);
	status_answer(&x->response, 409, "Conflict", message.data, &d);
	buf_free(&message);
}

static bool preconditions_hold(struct exchange *x, const struct object *o,
			       const struct delete_options *options)
{
	char rv[24];

	(void)snprintf(rv, sizeof(rv), "%llu", (unsigned long long)o->rv);
	if (options->uid[0] != '\0' && strcmp(options->uid, o->uid) != 0) {
		conflict(x, o, "UID", options->uid, o->uid, "deleted and then recreated");
		return false;
	}
	if (options->rv[0] != '\0' && strcmp(options->rv, rv) != 0) {
		conflict(x, o, "ResourceVersion", options->rv, rv, "modified");
		return false;
	}
	return true;
}

/* Somebody has to finish first: marks the object and keeps it. */
static void mark_deleted(struct draft *d)
{
	char now[METADATA_TIME_SIZE];
	int64_t generation;
	struct node *status = node_get(d->root, "status");

	metadata_now(now);
	metadata_set(&d->tree, d->meta, "deletionTimestamp", now);
	if (d->resource->id == RESOURCE_NAMESPACE) {
		if (status != NULL)
			metadata_set(&d->tree, status, "phase", "Terminating");
		return;
	}
	node_set(&d->tree, d->meta, "deletionGracePeriodSeconds", node_int(&d->tree, 0));
	if (node_to_int(node_get(d->meta, "generation"), &generation))
		node_set(&d->tree, d->meta, "generation", node_int(&d->tree, generation + 1));
}

static void add_finalizer(struct draft *d, const char *name)
{
	struct node *list = node_get(d->meta, "finalizers");

	if (list == NULL || list->kind != NODE_ARRAY) {
		list = node_array(&d->tree);
		node_set(&d->tree, d->meta, "finalizers", list);
	}
	node_insert(&d->tree, list, list->count, node_text(&d->tree, name, strlen(name)));
}

static void answer_gone(struct exchange *x, const struct object *o)
{
	struct status_details d = {
		.name = o->name, .group = o->resource->group, .kind = o->resource->plural, .uid = o->uid};

	status_answer(&x->response, 200, NULL, NULL, &d);
}

static void keep_for_finalizers(struct draft *d, const struct delete_options *o)
{
	struct store *s = &d->x->sim->store;
	struct object *changed;

	if (node_get(d->meta, "deletionTimestamp") != NULL) {
		draft_answer(d, 200, d->old);
		return;
	}
	mark_deleted(d);
	changed = draft_object(d, o->dry_run ? d->old->rv : store_next_revision(s), d->old->name);
	draft_answer(d, 200, changed);
	if (o->dry_run) {
		object_unref(changed);
		return;
	}
	stats_wrote(&d->x->sim->stats, changed);
	store_put(s, changed);
}

/* Deletes what is loaded in @d. */
static void delete_loaded(struct draft *d, const struct delete_options *o)
{
	struct store *s = &d->x->sim->store;
	const struct node *finalizers;

	d->root = d->old_root;
	d->meta = d->old_meta;
	if (strcmp(o->propagation, "Foreground") == 0 && node_get(d->meta, "deletionTimestamp") == NULL)
		add_finalizer(d, "foregroundDeletion");
	if (strcmp(o->propagation, "Orphan") == 0 && node_get(d->meta, "deletionTimestamp") == NULL)
		add_finalizer(d, "orphan");
	finalizers = node_get(d->meta, "finalizers");
	if (d->resource->id == RESOURCE_NAMESPACE ||
	    (finalizers != NULL && finalizers->kind == NODE_ARRAY && finalizers->count > 0)) {
		keep_for_finalizers(d, o);
		return;
	}
	if (d->resource->returns_deleted)
		draft_answer(d, 200, d->old);
	else
		answer_gone(d->x, d->old);
	if (o->dry_run)
		return;
	stats_wrote(&d->x->sim->stats, d->old);
	store_remove(s, object_at_rv(d->old, store_next_revision(s)));
}

void handle_delete(struct exchange *x)
{
	struct delete_options o;
	struct draft d;

	draft_init(&d, x);
	if (read_options(x, &d.tree, &o)) {
		if (!draft_load(&d, x->route.name))
			status_not_found(&x->response, x->route.resource, x->route.name);
		else if (preconditions_hold(x, d.old, &o))
			delete_loaded(&d, &o);
	}
	draft_free(&d);
}

/* Deletes one of many. False where it is refused; then the answer is there. */
static bool delete_one(struct exchange *x, const struct object *victim, const struct delete_options *o)
{
	struct draft d;
	bool ok;

	draft_init(&d, x);
	ok = draft_load(&d, victim->name);
	if (ok) {
		ok = preconditions_hold(x, d.old, o);
		if (ok) {
			delete_loaded(&d, o);
			response_reset(&x->response);
		}
	}
	draft_free(&d);
	return ok;
}

static void delete_selected(struct exchange *x, const struct list_options *l, const struct delete_options *o)
{
	struct object_list all = {.count = 0};
	struct object_list chosen = {.count = 0};
	bool ok = true;

	(void)store_snapshot(&x->sim->store, x->route.resource, x->sim->store.revision, &all);
	chosen.items = must_alloc((all.count + 1) * sizeof(struct object *));
	for (size_t i = 0; i < all.count; i++)
		if (strcmp(all.items[i]->namespace, x->route.namespace) == 0 &&
		    selector_matches(&l->selector, all.items[i]))
			chosen.items[chosen.count++] = object_ref(all.items[i]);
	for (size_t i = 0; i < chosen.count && ok; i++)
		ok = delete_one(x, chosen.items[i], o);
	if (ok)
		handle_write_list(x, chosen.items, chosen.count, x->sim->store.revision, NULL, 0);
	object_list_free(&all);
	object_list_free(&chosen);
}

void handle_delete_collection(struct exchange *x)
{
	struct delete_options o;
	struct list_options l;
	struct tree t;

	tree_init(&t);
	if (list_options_read(&l, &x->request->query, x->route.resource, false, &x->response) == 0 &&
	    read_options(x, &t, &o))
		delete_selected(x, &l, &o);
	list_options_free(&l);
	tree_free(&t);
}
