/* The second half of draft.h: a draft becomes a revision. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/draft.h"
#include "apisim/kind_rules.h"
#include "apisim/list_options.h"
#include "apisim/metadata.h"
#include "apisim/must.h"
#include "apisim/tree_write.h"

#define GENERATED_LENGTH 5
#define GENERATED_BASE   58 /* what a label leaves for it */
#define GENERATED_TRIES  8

static void drop(struct node *n, const char *key)
{
	(void)node_drop(n, key, strlen(key));
}

/* Sets @key of @to to what @from has, or to nothing. */
static void take_over(struct draft *d, struct node *to, const struct node *from, const char *key)
{
	struct node *value = node_get(from, key);

	if (value != NULL)
		node_set(&d->tree, to, key, value);
	else
		drop(to, key);
}

static void generate_one(struct draft *d, const char *prefix)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	char name[GENERATED_BASE + GENERATED_LENGTH + 1];
	int len;

	len = snprintf(name, GENERATED_BASE + 1, "%s", prefix);
	if (len > GENERATED_BASE)
		len = GENERATED_BASE;
	for (int i = 0; i < GENERATED_LENGTH; i++)
		name[len++] = letters[rng_below(&d->x->sim->rng, sizeof(letters) - 1)];
	name[len] = '\0';
	metadata_set(&d->tree, d->meta, "name", name);
}

/* A name that nobody has, but for bad luck several times over. */
static void generate_name(struct draft *d)
{
	const char *prefix = metadata_text(&d->tree, d->meta, "generateName");
	struct store *s = &d->x->sim->store;
	bool taken = true;

	if (prefix[0] == '\0' || metadata_text(&d->tree, d->meta, "name")[0] != '\0')
		return;
	for (int tries = 0; tries < GENERATED_TRIES && taken; tries++) {
		generate_one(d, prefix);
		taken = store_get(s, d->resource, d->x->route.namespace,
				  metadata_text(&d->tree, d->meta, "name")) != NULL;
	}
}

/* What the server sets in a new object, whatever the client said. */
static void stamp(struct draft *d)
{
	static const char *const not_yours[] = {"selfLink", "generation", "deletionTimestamp",
						"deletionGracePeriodSeconds"};
	char uid[DRAFT_UID_SIZE];
	char now[METADATA_TIME_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(not_yours); i++)
		drop(d->meta, not_yours[i]);
	draft_uid(&d->x->sim->rng, uid);
	metadata_now(now);
	metadata_set(&d->tree, d->meta, "uid", uid);
	metadata_set(&d->tree, d->meta, "creationTimestamp", now);
	if (d->resource->custom)
		node_set(&d->tree, d->meta, "generation", node_int(&d->tree, 1));
}

/* kind and apiVersion must not be changed by a patch, and kind must fit in a new custom resource. */
static void validate_type(struct draft *d, struct field_errors *errors)
{
	const char *kind = metadata_text(&d->tree, d->root, "kind");
	const char *api_version = metadata_text(&d->tree, d->root, "apiVersion");
	const char *expected = d->resource->api_versions[d->x->route.version];
	char why[96];

	if (strcmp(kind, d->resource->kind) != 0) {
		(void)snprintf(why, sizeof(why), "must be %s", d->resource->kind);
		field_errors_bad_text(errors, "kind", kind, why);
	}
	if (strcmp(api_version, expected) != 0) {
		(void)snprintf(why, sizeof(why), "must be %s", expected);
		field_errors_bad_text(errors, "apiVersion", api_version, why);
	}
}

/* True where all is well; else the answer is 422. */
static bool validate(struct draft *d)
{
	struct field_errors e = {.count = 0};
	const char *api_version = metadata_text(&d->tree, d->root, "apiVersion");
	const char *slash = strchr(api_version, '/');
	AUTO_FREE char *group = must_copy(api_version, slash != NULL ? (size_t)(slash - api_version) : 0);

	validate_type(d, &e);
	if (e.count == 0) {
		if (d->old != NULL)
			metadata_validate_update(&d->tree, d->meta, d->old_meta, &e);
		else
			metadata_validate_create(&d->tree, d->resource, d->meta, &e);
		if (d->resource->custom)
			schema_validate(d->resource->schema, d->root, "", &e);
		kind_rules_validate(&d->tree, d->resource, d->root, d->meta, &e);
	}
	if (e.count == 0)
		return true;
	status_invalid(&d->x->response, group, metadata_text(&d->tree, d->root, "kind"),
		       metadata_text(&d->tree, d->meta, "name"), &e);
	field_errors_free(&e);
	return false;
}

static void already_exists(struct draft *d, const char *name)
{
	const struct resource *r = d->resource;
	struct object *o = store_get(&d->x->sim->store, r, d->x->route.namespace, name);
	struct status_details details = {.name = name, .group = r->group, .kind = r->plural};
	struct buf message;

	must_buf(&message);
	if (object_mentions(o, "\"deletionTimestamp\":"))
		must_text(&message, "object is being deleted: ");
	must_printf(&message, "%s%s%s \"%s\" already exists", r->plural, r->group[0] != '\0' ? "." : "",
		    r->group, name);
	status_answer(&d->x->response, 409, "AlreadyExists", message.data, &details);
	buf_free(&message);
}

static void commit(struct draft *d, int code, struct object *o)
{
	draft_answer(d, code, o);
	if (d->dry_run) {
		object_unref(o);
		return;
	}
	stats_wrote(&d->x->sim->stats, o);
	store_put(&d->x->sim->store, o);
}

void draft_create(struct draft *d)
{
	struct store *s = &d->x->sim->store;
	const char *name;

	if (metadata_text(&d->tree, d->meta, "resourceVersion")[0] != '\0' && !d->x->route.has_name) {
		status_internal(&d->x->response,
				"resourceVersion should not be set on objects to be created");
		return;
	}
	drop(d->meta, "resourceVersion");
	generate_name(d);
	stamp(d);
	kind_rules_prepare(&d->tree, d->resource, d->root, d->meta);
	if (!validate(d))
		return;
	name = metadata_text(&d->tree, d->meta, "name");
	if (store_get(s, d->resource, d->x->route.namespace, name) != NULL)
		already_exists(d, name);
	else
		commit(d, 201, draft_object(d, d->dry_run ? 0 : store_next_revision(s), name));
}

/* --- updates --- */

/* PUT with the uid of another object. */
static bool check_uid(struct draft *d)
{
	const char *uid = metadata_text(&d->tree, d->meta, "uid");
	struct buf why;

	if (d->patched || uid[0] == '\0' || strcmp(uid, d->old->uid) == 0)
		return true;
	must_buf(&why);
	must_printf(
		&why,
		"StorageError: invalid object, Code: 4, Key: /registry/%s/%s, ResourceVersion: 0, "
		"AdditionalErrorMsg: Precondition failed: UID in precondition: %s, UID in object meta: %s",
		d->resource->registry, d->old->key, uid, d->old->uid);
	status_conflict(&d->x->response, d->resource, d->old->name, why.data);
	buf_free(&why);
	return false;
}

static bool check_rv(struct draft *d)
{
	const char *text = metadata_text(&d->tree, d->meta, "resourceVersion");
	struct field_errors e = {.count = 0};
	uint64_t rv = 0;

	if (text[0] != '\0' && !list_options_parse_rv(text, &rv)) {
		status_internal(&d->x->response, "strconv.ParseUint: parsing \"%s\": invalid syntax", text);
		return false;
	}
	if (rv == 0 && d->resource->blind_update)
		return true;
	if (rv == 0) {
		field_errors_add(&e, FIELD_INVALID, "metadata.resourceVersion",
				 "0: must be specified for an update");
		status_invalid(&d->x->response, d->resource->group, d->resource->plural, d->old->name, &e);
		field_errors_free(&e);
		return false;
	}
	if (rv == d->old->rv)
		return true;
	status_conflict(&d->x->response, d->resource, d->old->name,
			"the object has been modified; please apply your changes to the latest version and "
			"try again");
	return false;
}

/* What an update cannot change, and the split between an object and its status. */
static void keep_system_fields(struct draft *d)
{
	bool status_only = d->x->route.has_subresource;

	if (status_only) {
		struct node *status = node_get(d->root, "status");

		d->root = node_copy(&d->tree, d->old_root);
		d->meta = metadata_of(&d->tree, d->root);
		if (status != NULL)
			node_set(&d->tree, d->root, "status", status);
		else
			drop(d->root, "status");
		return;
	}
	if (metadata_text(&d->tree, d->meta, "uid")[0] == '\0')
		take_over(d, d->meta, d->old_meta, "uid");
	drop(d->meta, "selfLink");
	take_over(d, d->meta, d->old_meta, "generation");
	take_over(d, d->meta, d->old_meta, "creationTimestamp");
	if (node_get(d->old_meta, "deletionTimestamp") != NULL) {
		take_over(d, d->meta, d->old_meta, "deletionTimestamp");
		take_over(d, d->meta, d->old_meta, "deletionGracePeriodSeconds");
	}
	if (d->resource->status || d->resource->id == RESOURCE_NAMESPACE)
		take_over(d, d->root, d->old_root, "status");
	if (d->resource->id == RESOURCE_NAMESPACE)
		take_over(d, d->root, d->old_root, "spec");
	if (d->resource->id == RESOURCE_EVENT || d->resource->id == RESOURCE_LEASE)
		kind_rules_prepare(&d->tree, d->resource, d->root, d->meta);
}

/* The next member that is content: not metadata (and not status, where that has a life of its own). NULL:
 * none.
 */
static const struct member *next_content(const struct draft *d, const struct node *root, uint32_t *at)
{
	while (*at < root->count) {
		const struct member *m = &root->members[(*at)++];

		if (m->len == 8 && memcmp(m->key, "metadata", 8) == 0)
			continue;
		if (d->resource->status && m->len == 6 && memcmp(m->key, "status", 6) == 0)
			continue;
		return m;
	}
	return NULL;
}

static bool same_content(const struct draft *d)
{
	const struct member *now;
	const struct member *before;
	uint32_t at = 0;
	uint32_t old_at = 0;

	do {
		now = next_content(d, d->root, &at);
		before = next_content(d, d->old_root, &old_at);
		if ((now == NULL) != (before == NULL))
			return false;
		if (now != NULL && (now->len != before->len || memcmp(now->key, before->key, now->len) != 0 ||
				    !tree_write_same(now->value, before->value)))
			return false;
	} while (now != NULL);
	return true;
}

/* Custom resources count the changes of their content. */
static void bump_generation(struct draft *d)
{
	int64_t generation = 0;

	if (!d->resource->custom || same_content(d))
		return;
	(void)node_to_int(node_get(d->old_meta, "generation"), &generation);
	node_set(&d->tree, d->meta, "generation", node_int(&d->tree, generation + 1));
}

static bool unchanged(struct draft *d)
{
	if (d->old->raw)
		return false;
	take_over(d, d->meta, d->old_meta, "resourceVersion");
	return tree_write_same(d->root, d->old_root);
}

/* The last finalizer of an object that is being deleted has gone: so does the object. */
static void finish_deletion(struct draft *d)
{
	struct store *s = &d->x->sim->store;
	uint64_t rv = store_next_revision(s);
	struct object *o = draft_object(d, d->old->rv, d->old->name); /* the answer shows the old revision */

	draft_answer(d, 200, o);
	if (!d->dry_run) {
		stats_wrote(&d->x->sim->stats, o);
		store_remove(s, object_at_rv(d->old, rv));
	}
	object_unref(o);
}

void draft_update(struct draft *d)
{
	struct store *s = &d->x->sim->store;
	bool revert = d->x->effect.revert_status;

	if (!check_uid(d) || !check_rv(d))
		return;
	keep_system_fields(d);
	if (revert)
		take_over(d, d->root, d->old_root, "status");
	bump_generation(d);
	if (!validate(d))
		return;
	if (unchanged(d) && !revert) {
		d->x->sim->stats.unchanged++;
		draft_answer(d, 200, d->old);
		return;
	}
	if (node_get(d->meta, "deletionTimestamp") != NULL && node_get(d->meta, "finalizers") == NULL &&
	    d->resource->id != RESOURCE_NAMESPACE) {
		take_over(d, d->meta, d->old_meta, "generation");
		finish_deletion(d);
		return;
	}
	commit(d, 200, draft_object(d, d->dry_run ? d->old->rv : store_next_revision(s), d->old->name));
}
