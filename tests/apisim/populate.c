/* POST /apisim/populate: many objects at once, for measurements with clusters of any size. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/draft.h"
#include "apisim/handlers.h"
#include "apisim/metadata.h"
#include "apisim/must.h"
#include "apisim/pattern.h"
#include "apisim/tree_write.h"

#define COUNT_MAX    1000000 /* names have six digits, so that they sort by number */
#define NAME_MAX_LEN 200
#define CID_BITS     31 /* KubeVirt's CIDs are below 2^31 */
#define CID_FIRST    3

struct crowd {
	struct exchange *x;
	const struct resource *resource;
	const char *namespace, *name;
	uint64_t first, count;
	bool cids;
	struct pattern *pattern;
};

/* The @n-th of numbers that look random and are all different: a bijection on CID_BITS bits, walked on where
 * it leads to a reserved one. */
static uint32_t cid_of(uint64_t n)
{
	uint32_t mask = (UINT32_C(1) << CID_BITS) - 1;
	uint32_t v = (uint32_t)(n + CID_FIRST) & mask;

	do {
		v = v * UINT32_C(0x2c1b3c6d) & mask;
		v ^= v >> 15;
		v = v * UINT32_C(0x297a2d39) & mask;
		v ^= v >> 16;
	} while (v < CID_FIRST);
	return v;
}

/* What the body says and what is the server's own to set, with marks where objects differ. */
static bool read_pattern(struct crowd *c)
{
	const struct buf *body = &c->x->request->body;
	char now[METADATA_TIME_SIZE];
	struct node *root;
	struct node *meta;
	struct buf text;
	struct tree t;

	tree_init(&t);
	root = tree_parse(&t, buf_str(body), body->len);
	if (root == NULL || root->kind != NODE_OBJECT) {
		status_bad_request(&c->x->response, "the body is no object: %s", t.error);
		tree_free(&t);
		return false;
	}
	metadata_now(now);
	metadata_set(&t, root, "kind", c->resource->kind);
	meta = metadata_of(&t, root);
	metadata_set(&t, meta, "creationTimestamp", now);
	metadata_set(&t, meta, "name", "@NAME@");
	metadata_set(&t, meta, "namespace", "@NAMESPACE@");
	metadata_set(&t, meta, "resourceVersion", "@RV@");
	metadata_set(&t, meta, "uid", "@UID@");
	node_set(&t, meta, "generation", node_int(&t, 1));
	if (c->cids) {
		if (node_get(root, "status") == NULL || node_get(root, "status")->kind != NODE_OBJECT)
			node_set(&t, root, "status", node_object(&t));
		metadata_set(&t, node_get(root, "status"), "VSOCKCID", "@CID@");
	}
	must_buf(&text);
	tree_write_tail(&text, root);
	must_text(&text, "}");
	c->pattern = pattern_new(text.data, text.len);
	buf_free(&text);
	tree_free(&t);
	return true;
}

static bool read_query(struct crowd *c)
{
	const struct query *q = &c->x->request->query;
	struct response *r = &c->x->response;
	const char *namespace = query_text(q, "namespace");
	const char *name = query_text(q, "name");

	c->resource = handle_admin_resource(c->x);
	if (c->resource == NULL)
		return false;
	c->namespace = namespace[0] != '\0' ? namespace : "default";
	c->name = name[0] != '\0' ? name : "populated-";
	c->first = handle_admin_number(c->x, "first", 0);
	c->count = handle_admin_number(c->x, "count", 0);
	c->cids = query_true(q, "cids");
	if (!c->resource->custom)
		status_bad_request(r, "only objects of CRDs can be populated");
	else if (c->count == 0 || c->count > COUNT_MAX || c->first > COUNT_MAX - c->count)
		status_bad_request(r, "wanted count, from 1 on, and first, together up to %d", COUNT_MAX);
	else if (strlen(c->name) > NAME_MAX_LEN)
		status_bad_request(r, "name has more than %d characters", NAME_MAX_LEN);
	else if (store_get(&c->x->sim->store, &resource_table[RESOURCE_NAMESPACE], "", c->namespace) == NULL)
		status_not_found(r, &resource_table[RESOURCE_NAMESPACE], c->namespace);
	else
		return true;
	return false;
}

static struct object *nth(const struct crowd *c, uint64_t n)
{
	struct apisim *s = c->x->sim;
	char name[NAME_MAX_LEN + 24];
	char uid[DRAFT_UID_SIZE];

	(void)snprintf(name, sizeof(name), "%s%06llu", c->name, (unsigned long long)(c->first + n));
	draft_uid(&s->rng, uid);
	return object_new_patterned(c->resource, c->namespace, name, uid, s->store.revision + 1 + n,
				    c->pattern, c->cids ? cid_of(s->populated + n) : 0);
}

static void add(struct crowd *c)
{
	struct apisim *s = c->x->sim;
	struct object **objects = must_alloc(c->count * sizeof(struct object *));

	for (uint64_t n = 0; n < c->count; n++)
		objects[n] = nth(c, n);
	if (store_add_all(&s->store, c->resource, objects, c->count) == 0) {
		s->populated += c->count;
		handle_admin_end_watches(c->x, c->resource);
		must_printf(&c->x->response.body, "{\"populated\":%llu,\"resourceVersion\":\"%llu\"}\n",
			    (unsigned long long)c->count, (unsigned long long)s->store.revision);
	} else {
		for (uint64_t n = 0; n < c->count; n++)
			object_unref(objects[n]);
		status_conflict(&c->x->response, c->resource, c->name, "one of these names is taken");
	}
	free(objects);
}

void handle_populate(struct exchange *x)
{
	struct crowd c = {.x = x};

	if (!read_query(&c) || !read_pattern(&c))
		return;
	add(&c);
	pattern_unref(c.pattern);
}
