#include "apisim/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

/* Where the revision starts: something below it must exist for clients to be too old. */
#define FIRST_REVISION 100

void store_init(struct store *s, const struct store_options *options)
{
	*s = (struct store){
		.revision = FIRST_REVISION, .compacted = FIRST_REVISION, .to_compact = FIRST_REVISION};
	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		struct collection *c = &s->collections[i];

		c->resource = &resource_table[i];
		c->present = true;
		history_init(&c->history, options->history_count, options->history_bytes, s->revision);
	}
}

/* Forgets snapshots of revisions below @rv. */
static void drop_snapshots(struct collection *c, uint64_t rv)
{
	for (size_t i = 0; i < STORE_SNAPSHOTS; i++)
		if (c->snapshots[i].rv < rv)
			object_list_free(&c->snapshots[i].objects);
}

void store_free(struct store *s)
{
	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		drop_snapshots(&s->collections[i], UINT64_MAX);
		history_free(&s->collections[i].history);
		object_list_free(&s->collections[i].objects);
	}
}

struct collection *store_collection(struct store *s, const struct resource *r)
{
	return &s->collections[r->id];
}

size_t object_list_place(const struct object_list *l, const char *key)
{
	size_t low = 0;
	size_t high = l->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(l->items[mid]->key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void object_list_free(struct object_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		object_unref(l->items[i]);
	free(l->items);
	*l = (struct object_list){.items = NULL};
}

/* Puts @o, taken over, in its place. Returns what was there (a reference), or NULL. */
static struct object *list_put(struct object_list *l, struct object *o)
{
	size_t at = object_list_place(l, o->key);
	struct object *old;

	if (at < l->count && strcmp(l->items[at]->key, o->key) == 0) {
		old = l->items[at];
		l->items[at] = o;
		return old;
	}
	if (l->count == l->room) {
		l->room = l->room > 0 ? l->room * 2 : 64;
		l->items = must_realloc(l->items, l->room * sizeof(struct object *));
	}
	memmove(&l->items[at + 1], &l->items[at], (l->count - at) * sizeof(struct object *));
	l->items[at] = o;
	l->count++;
	return NULL;
}

/* The reference that was in the list, or NULL. */
static struct object *list_take(struct object_list *l, const char *key)
{
	size_t at = object_list_place(l, key);
	struct object *old;

	if (at == l->count || strcmp(l->items[at]->key, key) != 0)
		return NULL;
	old = l->items[at];
	l->count--;
	memmove(&l->items[at], &l->items[at + 1], (l->count - at) * sizeof(struct object *));
	return old;
}

struct object *store_get(struct store *s, const struct resource *r, const char *namespace, const char *name)
{
	struct object_list *l = &s->collections[r->id].objects;
	char key[768];
	size_t ns_len = r->namespaced ? strlen(namespace) : 0;
	size_t name_len = strlen(name);
	size_t at;

	if (ns_len + name_len + 2 > sizeof(key))
		return NULL;
	memcpy(key, namespace, ns_len);
	if (r->namespaced)
		key[ns_len++] = '/';
	memcpy(key + ns_len, name, name_len + 1);
	at = object_list_place(l, key);
	return at < l->count && strcmp(l->items[at]->key, key) == 0 ? l->items[at] : NULL;
}

uint64_t store_next_revision(const struct store *s)
{
	return s->revision + 1;
}

void store_put(struct store *s, struct object *o)
{
	struct collection *c = &s->collections[o->resource->id];
	struct object *old = list_put(&c->objects, o);

	s->revision = o->rv;
	history_add(&c->history, (struct event){.rv = o->rv,
						.type = old != NULL ? EVENT_MODIFIED : EVENT_ADDED,
						.object = object_ref(o),
						.old = old});
	c->dirty = true;
}

void store_remove(struct store *s, struct object *last)
{
	struct collection *c = &s->collections[last->resource->id];
	struct object *old = list_take(&c->objects, last->key);

	s->revision = last->rv;
	history_add(&c->history,
		    (struct event){.rv = last->rv, .type = EVENT_DELETED, .object = last, .old = old});
	c->dirty = true;
}

/* @a and @b, sorted and without a common key, as one. False where they have one. */
static bool merge(const struct object_list *a, struct object *const *b, size_t count, struct object_list *out)
{
	size_t i = 0;
	size_t j = 0;

	*out = (struct object_list){.room = a->count + count + 1};
	out->items = must_alloc(out->room * sizeof(struct object *));
	while (i < a->count || j < count) {
		int order = j == count ? -1 : i == a->count ? 1 : strcmp(a->items[i]->key, b[j]->key);

		if (order == 0)
			break;
		out->items[out->count++] = order < 0 ? a->items[i++] : b[j++];
	}
	if (i == a->count && j == count)
		return true;
	free(out->items);
	return false;
}

int store_add_all(struct store *s, const struct resource *r, struct object *const *objects, size_t count)
{
	struct collection *c = &s->collections[r->id];
	struct object_list all;

	if (!merge(&c->objects, objects, count, &all))
		return -EEXIST;
	free(c->objects.items);
	c->objects = all;
	s->revision += count;
	history_compact(&c->history, s->revision);
	drop_snapshots(c, UINT64_MAX);
	return 0;
}

void store_skip_revision(struct store *s, uint64_t by)
{
	s->revision += by;
}

int store_snapshot(struct store *s, const struct resource *r, uint64_t rv, struct object_list *out)
{
	struct collection *c = &s->collections[r->id];
	const struct object_list *l = &c->objects;

	if (rv < c->history.compacted || rv < s->compacted)
		return -ESTALE;
	*out = (struct object_list){.count = l->count, .room = l->count + 1};
	out->items = must_alloc(out->room * sizeof(struct object *));
	for (size_t i = 0; i < l->count; i++)
		out->items[i] = object_ref(l->items[i]);
	for (uint64_t seq = c->history.next; seq > c->history.first; seq--) {
		const struct event *e = history_at(&c->history, seq - 1);

		if (e->rv <= rv)
			break;
		object_unref(e->old != NULL ? list_put(out, object_ref(e->old))
					    : list_take(out, e->object->key));
	}
	return 0;
}

int store_view(struct store *s, const struct resource *r, uint64_t rv, const struct object_list **out)
{
	struct collection *c = &s->collections[r->id];
	const struct history *h = &c->history;
	struct snapshot *place = &c->snapshots[c->next_snapshot];
	int rc;

	if (rv < h->compacted || rv < s->compacted)
		return -ESTALE;
	*out = &c->objects;
	if (h->first == h->next || history_at(h, h->next - 1)->rv <= rv)
		return 0;
	for (size_t i = 0; i < STORE_SNAPSHOTS; i++) {
		*out = &c->snapshots[i].objects;
		if (c->snapshots[i].rv == rv && (*out)->items != NULL)
			return 0;
	}
	object_list_free(&place->objects);
	rc = store_snapshot(s, r, rv, &place->objects);
	place->rv = rv;
	c->next_snapshot = (c->next_snapshot + 1) % STORE_SNAPSHOTS;
	*out = &place->objects;
	return rc;
}

void store_tick(struct store *s)
{
	s->compacted = s->to_compact;
	s->to_compact = s->revision;
	for (size_t i = 0; i < RESOURCE_COUNT; i++)
		drop_snapshots(&s->collections[i], s->compacted);
}

void store_compact(struct store *s)
{
	s->compacted = s->to_compact = s->revision;
	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		history_compact(&s->collections[i].history, s->revision);
		drop_snapshots(&s->collections[i], s->revision);
	}
}

int store_roll_back(struct store *s, uint64_t rv)
{
	struct object_list then[RESOURCE_COUNT] = {{.count = 0}};
	int rc = rv > s->revision ? -EINVAL : 0;

	for (size_t i = 0; i < RESOURCE_COUNT && rc == 0; i++)
		rc = store_snapshot(s, &resource_table[i], rv, &then[i]);
	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		struct collection *c = &s->collections[i];

		if (rc != 0) {
			object_list_free(&then[i]);
			continue;
		}
		object_list_free(&c->objects);
		c->objects = then[i];
		history_compact(&c->history, s->revision);
		c->history.compacted = rv;
		drop_snapshots(c, UINT64_MAX);
	}
	if (rc == 0)
		s->revision = s->compacted = s->to_compact = rv;
	return rc;
}

void store_set_present(struct store *s, const struct resource *r, bool present)
{
	struct collection *c = &s->collections[r->id];

	if (c->present == present)
		return;
	c->present = present;
	store_skip_revision(s, 1);
	object_list_free(&c->objects);
	history_compact(&c->history, s->revision);
	drop_snapshots(c, UINT64_MAX);
	c->dirty = true;
}
