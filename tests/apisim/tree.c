#include "apisim/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

#define CHUNK_SIZE 8192

struct tree_chunk {
	struct tree_chunk *next;
	max_align_t data[];
};

void tree_init(struct tree *t)
{
	*t = (struct tree){.chunks = NULL};
}

void tree_free(struct tree *t)
{
	while (t->chunks != NULL) {
		struct tree_chunk *c = t->chunks;

		t->chunks = c->next;
		free(c);
	}
	tree_init(t);
}

void *tree_alloc(struct tree *t, size_t size)
{
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (size > (size_t)(t->end - t->at)) {
		size_t room = size > CHUNK_SIZE / 2 ? size : CHUNK_SIZE;
		struct tree_chunk *c = must_realloc(NULL, sizeof(*c) + room);

		c->next = t->chunks;
		t->chunks = c;
		if (room != CHUNK_SIZE)
			return c->data; /* a large piece of its own; the open chunk stays open */
		t->at = (char *)c->data;
		t->end = t->at + room;
	}
	p = t->at;
	t->at += size;
	return p;
}

static struct node *node_new(struct tree *t, enum node_kind kind)
{
	struct node *n = tree_alloc(t, sizeof(*n));

	*n = (struct node){.kind = kind};
	return n;
}

struct node *node_object(struct tree *t)
{
	return node_new(t, NODE_OBJECT);
}

struct node *node_array(struct tree *t)
{
	return node_new(t, NODE_ARRAY);
}

static struct node *node_literal(struct tree *t, enum node_kind kind, const char *text, size_t len)
{
	struct node *n = node_new(t, kind);
	char *copy = tree_alloc(t, len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	n->raw.text = copy;
	n->raw.len = len;
	return n;
}

struct node *node_null(struct tree *t)
{
	return node_literal(t, NODE_NULL, "null", 4);
}

struct node *node_int(struct tree *t, int64_t value)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%lld", (long long)value);

	return node_literal(t, NODE_NUMBER, text, (size_t)len);
}

struct node *node_text(struct tree *t, const char *text, size_t len)
{
	struct buf b;
	struct node *n;

	must_buf(&b);
	must_add(&b, "\"", 1);
	must_json(&b, text, len);
	must_add(&b, "\"", 1);
	n = node_literal(t, NODE_STRING, b.data, b.len);
	buf_free(&b);
	return n;
}

struct node *node_copy(struct tree *t, const struct node *n)
{
	struct node *copy = node_new(t, n->kind);

	if (n->kind < NODE_ARRAY) {
		copy->raw = n->raw;
		return copy;
	}
	copy->source = n->source;
	copy->source_len = n->source_len;
	copy->count = copy->room = n->count;
	if (n->kind == NODE_ARRAY) {
		copy->items = tree_alloc(t, n->count * sizeof(struct node *));
		for (uint32_t i = 0; i < n->count; i++)
			copy->items[i] = node_copy(t, n->items[i]);
		return copy;
	}
	copy->members = tree_alloc(t, n->count * sizeof(struct member));
	for (uint32_t i = 0; i < n->count; i++) {
		copy->members[i] = n->members[i];
		copy->members[i].value = node_copy(t, n->members[i].value);
	}
	return copy;
}

void node_edited(struct node *n)
{
	n->source = NULL;
}

bool node_intact(const struct node *n)
{
	if (n->kind < NODE_ARRAY)
		return true;
	if (n->source == NULL)
		return false;
	for (uint32_t i = 0; i < n->count; i++)
		if (!node_intact(n->kind == NODE_ARRAY ? n->items[i] : n->members[i].value))
			return false;
	return true;
}

static int key_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int rc = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (rc != 0)
		return rc;
	return (a_len > b_len) - (a_len < b_len);
}

/* Where @key is, or should be; *found says which. */
static uint32_t member_place(const struct node *n, const char *key, size_t len, bool *found)
{
	uint32_t low = 0;
	uint32_t high = n->count;

	*found = false;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int rc = key_compare(n->members[mid].key, n->members[mid].len, key, len);

		if (rc == 0) {
			*found = true;
			return mid;
		}
		if (rc < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct node *node_find(const struct node *n, const char *key, size_t len)
{
	bool found;
	uint32_t at;

	if (n == NULL || n->kind != NODE_OBJECT)
		return NULL;
	at = member_place(n, key, len, &found);
	return found ? n->members[at].value : NULL;
}

struct node *node_get(const struct node *n, const char *key)
{
	return node_find(n, key, strlen(key));
}

static uint32_t grown(uint32_t room)
{
	return room < 4 ? 4 : room * 2;
}

void node_put(struct tree *t, struct node *n, const char *key, size_t len, struct node *value)
{
	bool found;
	uint32_t at = member_place(n, key, len, &found);

	node_edited(n);
	if (found) {
		n->members[at].value = value;
		return;
	}
	if (n->count == n->room) {
		uint32_t room = grown(n->room);
		struct member *members = tree_alloc(t, room * sizeof(*members));

		if (n->count > 0)
			memcpy(members, n->members, n->count * sizeof(*members));
		n->members = members;
		n->room = room;
	}
	memmove(&n->members[at + 1], &n->members[at], (n->count - at) * sizeof(*n->members));
	n->members[at] = (struct member){.key = key, .len = (uint32_t)len, .value = value};
	n->count++;
}

void node_set(struct tree *t, struct node *n, const char *key, struct node *value)
{
	node_put(t, n, key, strlen(key), value);
}

bool node_drop(struct node *n, const char *key, size_t len)
{
	bool found;
	uint32_t at;

	if (n == NULL || n->kind != NODE_OBJECT)
		return false;
	at = member_place(n, key, len, &found);
	if (!found)
		return false;
	node_edited(n);
	n->count--;
	memmove(&n->members[at], &n->members[at + 1], (n->count - at) * sizeof(*n->members));
	return true;
}

void node_insert(struct tree *t, struct node *n, size_t at, struct node *value)
{
	node_edited(n);
	if (n->count == n->room) {
		uint32_t room = grown(n->room);
		struct node **items = tree_alloc(t, room * sizeof(*items));

		if (n->count > 0)
			memcpy(items, n->items, n->count * sizeof(*items));
		n->items = items;
		n->room = room;
	}
	memmove(&n->items[at + 1], &n->items[at], (n->count - at) * sizeof(*n->items));
	n->items[at] = value;
	n->count++;
}

void node_erase(struct node *n, size_t at)
{
	node_edited(n);
	n->count--;
	memmove(&n->items[at], &n->items[at + 1], (n->count - at) * sizeof(*n->items));
}

const char *node_str(struct tree *t, const struct node *n, size_t *len)
{
	char *text;
	size_t got;

	if (n == NULL || n->kind != NODE_STRING)
		return NULL;
	text = tree_alloc(t, n->raw.len * 3 + 1); /* a bad byte becomes three */
	got = tree_decode_string(n->raw.text + 1, n->raw.len - 2, text);
	text[got] = '\0';
	if (len != NULL)
		*len = got;
	return text;
}

bool node_is(struct tree *t, const struct node *n, const char *text)
{
	size_t want = strlen(text);
	size_t len;
	const char *s;

	if (n == NULL || n->kind != NODE_STRING)
		return false;
	if (n->raw.len == want + 2 && memcmp(n->raw.text + 1, text, want) == 0)
		return true;
	if (memchr(n->raw.text, '\\', n->raw.len) == NULL)
		return false;
	s = node_str(t, n, &len);
	return len == want && memcmp(s, text, want) == 0;
}

bool node_to_int(const struct node *n, int64_t *out)
{
	char text[24];
	char *end;

	if (n == NULL || n->kind != NODE_NUMBER || n->raw.len >= sizeof(text))
		return false;
	memcpy(text, n->raw.text, n->raw.len);
	text[n->raw.len] = '\0';
	errno = 0;
	*out = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0;
}

bool node_equal(const struct node *a, const struct node *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind < NODE_ARRAY)
		return a->raw.len == b->raw.len && memcmp(a->raw.text, b->raw.text, a->raw.len) == 0;
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->kind == NODE_ARRAY) {
			if (!node_equal(a->items[i], b->items[i]))
				return false;
			continue;
		}
		if (key_compare(a->members[i].key, a->members[i].len, b->members[i].key, b->members[i].len) !=
		    0)
			return false;
		if (!node_equal(a->members[i].value, b->members[i].value))
			return false;
	}
	return true;
}
