#include "apisim/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"
#include "apisim/tree_write.h"

static char *append(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	at[len] = '\0';
	return at + len + 1;
}

struct object *object_new(const struct resource *r, const char *namespace, const char *name, const char *uid,
			  uint64_t rv, const char *text, size_t len)
{
	size_t ns_len = strlen(namespace);
	size_t name_len = strlen(name);
	size_t uid_len = strlen(uid);
	struct object *o = must_realloc(NULL, sizeof(*o) + 2 * (ns_len + name_len) + uid_len + len + 6);
	char *at = (char *)(o + 1);

	*o = (struct object){.refs = 1, .resource = r, .rv = rv, .len = len};
	o->key = at;
	if (ns_len > 0) {
		(void)append(at, namespace, ns_len);
		at[ns_len] = '/';
		at += ns_len + 1;
	}
	o->name = at;
	at = append(at, name, name_len);
	o->namespace = at;
	at = append(at, namespace, ns_len);
	o->uid = at;
	at = append(at, uid, uid_len);
	if (text != NULL) {
		o->text = at;
		(void)append(at, text, len);
	}
	return o;
}

struct object *object_new_raw(const struct resource *r, const char *namespace, const char *name,
			      const char *uid, uint64_t rv, const char *text, size_t len)
{
	struct object *o = object_new(r, namespace, name, uid, rv, text, len);

	o->raw = true;
	return o;
}

struct object *object_new_patterned(const struct resource *r, const char *namespace, const char *name,
				    const char *uid, uint64_t rv, struct pattern *p, uint32_t cid)
{
	struct object *o = object_new(r, namespace, name, uid, rv, NULL, 0);

	o->cid = cid;
	o->pattern = pattern_ref(p);
	o->len = pattern_len(p, o);
	return o;
}

struct object *object_ref(struct object *o)
{
	o->refs++;
	return o;
}

void object_unref(struct object *o)
{
	if (o == NULL || --o->refs > 0)
		return;
	pattern_unref(o->pattern);
	free(o);
}

/* What comes behind the apiVersion member. */
static void write_tail(const struct object *o, struct buf *out)
{
	if (o->pattern != NULL)
		pattern_write(o->pattern, o, out);
	else
		must_add(out, o->text, o->len);
}

void object_write(const struct object *o, int version, struct buf *out)
{
	if (!o->raw) {
		must_text(out, "{\"apiVersion\":\"");
		must_text(out, o->resource->api_versions[version]);
		must_add(out, "\"", 1);
	}
	write_tail(o, out);
}

void object_write_item(const struct object *o, int version, struct buf *out)
{
	size_t skip = strlen(",\"kind\":\"\",") + strlen(o->resource->kind);

	if (o->resource->custom || o->raw || o->len < skip) {
		object_write(o, version, out);
		return;
	}
	must_add(out, "{", 1);
	must_add(out, o->text + skip, o->len - skip);
}

size_t object_size(const struct object *o)
{
	return o->pattern != NULL ? sizeof(*o) : o->len;
}

bool object_mentions(const struct object *o, const char *what)
{
	AUTO_BUF struct buf text;

	must_buf(&text);
	if (o->pattern == NULL)
		return memmem(o->text, o->len, what, strlen(what)) != NULL;
	write_tail(o, &text);
	return memmem(text.data, text.len, what, strlen(what)) != NULL;
}

bool object_same(const struct object *a, const struct object *b)
{
	AUTO_BUF struct buf text_a;
	AUTO_BUF struct buf text_b;

	must_buf(&text_a);
	must_buf(&text_b);
	if (a->len != b->len)
		return false;
	if (a->pattern == NULL && b->pattern == NULL)
		return memcmp(a->text, b->text, a->len) == 0;
	write_tail(a, &text_a);
	write_tail(b, &text_b);
	return memcmp(text_a.data, text_b.data, text_a.len) == 0;
}

struct node *object_parse(const struct object *o, int version, struct tree *t, struct buf *text)
{
	struct node *root;

	object_write(o, version, text);
	root = o->raw ? tree_parse(t, text->data, text->len) : tree_parse_written(t, text->data, text->len);
	if (root != NULL)
		node_edited(root); /* kind stands first in it, wherever it belongs */
	return root != NULL && root->kind == NODE_OBJECT ? root : NULL;
}

struct object *object_at_rv(const struct object *o, uint64_t rv)
{
	struct object *copy;
	struct node *root;
	struct node *meta;
	struct tree t;
	struct buf text;
	struct buf out;
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)rv);

	if (o->pattern != NULL)
		return object_new_patterned(o->resource, o->namespace, o->name, o->uid, rv, o->pattern,
					    o->cid);
	tree_init(&t);
	must_buf(&text);
	must_buf(&out);
	root = object_parse(o, 0, &t, &text);
	meta = node_get(root, "metadata");
	if (meta == NULL || meta->kind != NODE_OBJECT) {
		must_add(&out, o->text, o->len);
	} else {
		node_set(&t, meta, "resourceVersion", node_text(&t, digits, (size_t)len));
		if (o->raw)
			tree_write(&out, root);
		else
			tree_write_tail(&out, root);
		if (!o->raw)
			must_add(&out, "}", 1);
	}
	copy = object_new(o->resource, o->namespace, o->name, o->uid, rv, out.data, out.len);
	copy->raw = o->raw;
	buf_free(&out);
	buf_free(&text);
	tree_free(&t);
	return copy;
}
