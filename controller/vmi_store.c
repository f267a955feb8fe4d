#include "controller/vmi_store.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/macros.h"

/* 4 GiB: some forty million VMIs. */
#define MAX_CHUNKS 4096

#define UUID_TEXT_LEN 36

_Static_assert(offsetof(struct vmi_record, hold) % 8 == 0, "it has a handle of its own");

/* A hold of a record that has more than one, or whose own one ended before a younger. */
struct other_hold {
	struct vmi_hold hold;
	arena_handle owner;
	arena_handle more; /* the owner's next older one of this kind */
};

/* What few records need. */
struct vmi_extra {
	uint64_t version_high; /* bits above 64 */
	arena_handle work;
	arena_handle holds;  /* the youngest other_hold */
	arena_handle source; /* text: UID of the migration's source */
	uint32_t guest_cid;
};

struct namespace_entry {
	struct arena_node by_text;
	uint32_t records;
	char text[];
};

/* ---- keys ---- */

/* A key as it is stored: 16 bytes where it is a UUID as Go writes it, else its text. */
struct key {
	bool is_uuid;
	uint8_t uuid[16];
	const char *text;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool has_dash(size_t place)
{
	return place == 8 || place == 13 || place == 18 || place == 23;
}

static bool read_uuid(const char *text, uint8_t out[static 16])
{
	size_t n = 0;

	if (strnlen(text, UUID_TEXT_LEN + 1) != UUID_TEXT_LEN)
		return false;
	for (size_t i = 0; i < UUID_TEXT_LEN;) {
		int high;
		int low;

		if (has_dash(i)) {
			if (text[i++] != '-')
				return false;
			continue;
		}
		high = hex_digit(text[i++]);
		low = hex_digit(text[i++]);
		if (high < 0 || low < 0)
			return false;
		out[n++] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void write_uuid(const uint8_t uuid[static 16], char out[static VMI_KEY_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < 16; i++) {
		if (has_dash(n))
			out[n++] = '-';
		out[n++] = digits[uuid[i] >> 4];
		out[n++] = digits[uuid[i] & 15];
	}
	out[n] = '\0';
}

static struct key read_key(const char *text)
{
	struct key k = {.text = text};

	k.is_uuid = read_uuid(text, k.uuid);
	return k;
}

static uint64_t hash_uuid(uint64_t seed, const uint8_t uuid[static 16])
{
	uint64_t halves[2];

	memcpy(halves, uuid, sizeof(halves));
	return hash_u64(seed, hash_u64(seed, halves[0]) ^ halves[1]);
}

static uint64_t hash_key(uint64_t seed, const struct key *k)
{
	return k->is_uuid ? hash_uuid(seed, k->uuid) : hash_str(seed, k->text);
}

/* ---- tables ---- */

static struct vmi_record *record_of(const struct arena_node *node)
{
	return container_of(node, struct vmi_record, by_uid);
}

static struct vmi_hold *hold_of(const struct arena_node *node)
{
	return container_of(node, struct vmi_hold, by_cid);
}

static struct namespace_entry *namespace_of(const struct arena_node *node)
{
	return container_of(node, struct namespace_entry, by_text);
}

/* The key of a record without UUID; it stands behind the name. */
static const char *key_text(const struct vmi_record *r)
{
	return r->text + strlen(r->text) + 1;
}

static uint64_t hash_record(const struct arena_table *t, const struct arena_node *node)
{
	const struct vmi_record *r = record_of(node);

	return r->has_uuid ? hash_uuid(t->seed, r->uuid) : hash_str(t->seed, key_text(r));
}

static uint64_t hash_hold(const struct arena_table *t, const struct arena_node *node)
{
	return hash_u64(t->seed, hold_of(node)->cid);
}

static uint64_t hash_namespace(const struct arena_table *t, const struct arena_node *node)
{
	return hash_str(t->seed, namespace_of(node)->text);
}

int vmi_store_init(struct vmi_store *s, uint64_t seed)
{
	int rc;

	*s = (struct vmi_store){0};
	arena_init(&s->arena, MAX_CHUNKS);
	rc = arena_table_init(&s->by_uid, &s->arena, seed, hash_record);
	if (rc == 0)
		rc = arena_table_init(&s->by_cid, &s->arena, seed, hash_hold);
	if (rc == 0)
		rc = arena_table_init(&s->namespaces, &s->arena, seed, hash_namespace);
	if (rc != 0)
		vmi_store_close(s);
	return rc;
}

void vmi_store_close(struct vmi_store *s)
{
	arena_table_close(&s->by_uid);
	arena_table_close(&s->by_cid);
	arena_table_close(&s->namespaces);
	arena_close(&s->arena);
}

/* ---- namespaces ---- */

static struct namespace_entry *find_namespace(const struct vmi_store *s, const char *text)
{
	struct arena_node *node = arena_table_chain(&s->namespaces, hash_str(s->namespaces.seed, text));

	for (; node != NULL; node = arena_table_next(&s->namespaces, node))
		if (strcmp(namespace_of(node)->text, text) == 0)
			return namespace_of(node);
	return NULL;
}

static arena_handle take_namespace(struct vmi_store *s, const char *text)
{
	struct namespace_entry *n = find_namespace(s, text);
	size_t size = strlen(text) + 1;

	if (n == NULL) {
		n = arena_alloc(&s->arena, sizeof(*n) + size);
		if (n == NULL)
			return ARENA_NONE;
		memcpy(n->text, text, size);
		arena_table_insert(&s->namespaces, &n->by_text);
	}
	n->records++;
	return arena_handle_of(n);
}

static void leave_namespace(struct vmi_store *s, arena_handle handle)
{
	struct namespace_entry *n = arena_at(&s->arena, handle);

	if (--n->records > 0)
		return;
	arena_table_remove(&s->namespaces, &n->by_text);
	arena_free(&s->arena, n, sizeof(*n) + strlen(n->text) + 1);
}

/* ---- records ---- */

static bool has_key(const struct vmi_record *r, const struct key *k)
{
	if (r->has_uuid != k->is_uuid)
		return false;
	return k->is_uuid ? memcmp(r->uuid, k->uuid, sizeof(k->uuid)) == 0
			  : strcmp(key_text(r), k->text) == 0;
}

struct vmi_record *vmi_store_find(const struct vmi_store *s, const char *key)
{
	struct key k = read_key(key);
	struct arena_node *node = arena_table_chain(&s->by_uid, hash_key(s->by_uid.seed, &k));

	for (; node != NULL; node = arena_table_next(&s->by_uid, node))
		if (has_key(record_of(node), &k))
			return record_of(node);
	return NULL;
}

struct vmi_record *vmi_store_add(struct vmi_store *s, const char *key, const struct vmi *v)
{
	struct key k = read_key(key);
	size_t name_size = strlen(v->name) + 1;
	size_t key_size = k.is_uuid ? 0 : strlen(key) + 1;
	size_t size = offsetof(struct vmi_record, text) + name_size + key_size;
	struct vmi_record *r = arena_alloc(&s->arena, size);

	if (r == NULL)
		return NULL;
	r->namespace = take_namespace(s, v->namespace);
	if (r->namespace == ARENA_NONE) {
		arena_free(&s->arena, r, size);
		return NULL;
	}
	r->hold.own = true;
	r->has_uuid = k.is_uuid;
	memcpy(r->uuid, k.uuid, sizeof(k.uuid));
	memcpy(r->text, v->name, name_size);
	memcpy(r->text + name_size, key, key_size);
	arena_table_insert(&s->by_uid, &r->by_uid);
	return r;
}

static struct vmi_extra *extra_of(const struct vmi_record *r)
{
	return arena_at(arena_of(r), r->extra);
}

/* That of @r, made anew where it has none. NULL: out of memory. */
static struct vmi_extra *need_extra(struct vmi_store *s, struct vmi_record *r)
{
	struct vmi_extra *x = extra_of(r);

	if (x == NULL) {
		x = arena_alloc(&s->arena, sizeof(*x));
		r->extra = arena_handle_of(x);
	}
	return x;
}

/* Frees what @r needs no longer. */
static void leave_extra(struct vmi_store *s, struct vmi_record *r)
{
	struct vmi_extra *x = extra_of(r);

	if (x->version_high != 0 || x->work != ARENA_NONE || x->holds != ARENA_NONE ||
	    x->source != ARENA_NONE)
		return;
	r->extra = ARENA_NONE;
	arena_free(&s->arena, x, sizeof(*x));
}

static void free_source(struct vmi_store *s, struct vmi_extra *x)
{
	char *uid = arena_at(&s->arena, x->source);

	if (uid != NULL) {
		arena_free(&s->arena, uid, strlen(uid) + 1);
		s->sources--;
	}
	x->source = ARENA_NONE;
	x->guest_cid = 0;
}

void vmi_store_remove(struct vmi_store *s, struct vmi_record *r)
{
	struct vmi_extra *x = extra_of(r);
	size_t key_size = r->has_uuid ? 0 : strlen(key_text(r)) + 1;

	arena_table_remove(&s->by_uid, &r->by_uid);
	leave_namespace(s, r->namespace);
	if (x != NULL)
		free_source(s, x);
	arena_free(&s->arena, x, sizeof(*x));
	arena_free(&s->arena, r, offsetof(struct vmi_record, text) + strlen(r->text) + 1 + key_size);
}

struct visit {
	void (*visit)(void *data, struct vmi_record *r);
	void *data;
};

static void visit_node(void *data, struct arena_node *node)
{
	const struct visit *v = data;

	v->visit(v->data, record_of(node));
}

void vmi_store_visit(const struct vmi_store *s, void (*visit)(void *data, struct vmi_record *r), void *data)
{
	struct visit v = {visit, data};

	arena_table_visit(&s->by_uid, visit_node, &v);
}

const char *vmi_record_namespace(const struct vmi_record *r)
{
	const struct namespace_entry *n = arena_at(arena_of(r), r->namespace);

	return n->text;
}

const char *vmi_record_uid(const struct vmi_record *r, char out[static VMI_KEY_SIZE])
{
	if (r->has_uuid)
		write_uuid(r->uuid, out);
	else
		memcpy(out, key_text(r), strlen(key_text(r)) + 1);
	return out;
}

vmi_version vmi_record_version(const struct vmi_record *r)
{
	const struct vmi_extra *x = extra_of(r);
	vmi_version high = x != NULL ? x->version_high : 0;

	return high << 64 | r->version;
}

void vmi_store_set_version(struct vmi_store *s, struct vmi_record *r, vmi_version version)
{
	uint64_t high = (uint64_t)(version >> 64);
	struct vmi_extra *x = high != 0 ? need_extra(s, r) : extra_of(r);

	r->version = (uint64_t)version;
	if (x != NULL) {
		x->version_high = high;
		leave_extra(s, r);
	} else if (high != 0) {
		r->version = 0;
	}
}

arena_handle vmi_record_work(const struct vmi_record *r)
{
	const struct vmi_extra *x = extra_of(r);

	return x != NULL ? x->work : ARENA_NONE;
}

bool vmi_store_set_work(struct vmi_store *s, struct vmi_record *r, arena_handle work)
{
	struct vmi_extra *x = work != ARENA_NONE ? need_extra(s, r) : extra_of(r);

	if (x == NULL)
		return work == ARENA_NONE;
	x->work = work;
	leave_extra(s, r);
	return true;
}

const char *vmi_record_source(const struct vmi_record *r)
{
	const struct vmi_extra *x = extra_of(r);

	return x != NULL ? arena_at(arena_of(r), x->source) : NULL;
}

bool vmi_store_set_source(struct vmi_store *s, struct vmi_record *r, const char *uid)
{
	struct vmi_extra *x = need_extra(s, r);
	size_t size = strlen(uid) + 1;
	char *copy;

	if (x == NULL)
		return false;
	free_source(s, x);
	copy = arena_alloc(&s->arena, size);
	if (copy == NULL) {
		leave_extra(s, r);
		return false;
	}
	memcpy(copy, uid, size);
	x->source = arena_handle_of(copy);
	s->sources++;
	return true;
}

uint32_t vmi_record_guest_cid(const struct vmi_record *r)
{
	const struct vmi_extra *x = extra_of(r);

	return x != NULL ? x->guest_cid : 0;
}

void vmi_record_set_guest_cid(struct vmi_record *r, uint32_t cid)
{
	extra_of(r)->guest_cid = cid;
}

/* ---- holds ---- */

static struct other_hold *other_of(const struct vmi_hold *h)
{
	return container_of(h, struct other_hold, hold);
}

struct vmi_record *vmi_hold_owner(const struct vmi_hold *h)
{
	return h->own ? container_of(h, struct vmi_record, hold) : arena_at(arena_of(h), other_of(h)->owner);
}

static struct vmi_hold *own_hold(const struct vmi_record *r)
{
	return r->hold.used ? (struct vmi_hold *)&r->hold : NULL;
}

struct vmi_hold *vmi_hold_first(const struct vmi_record *r)
{
	const struct vmi_extra *x = extra_of(r);
	struct other_hold *o = x != NULL ? arena_at(arena_of(r), x->holds) : NULL;

	return o != NULL ? &o->hold : own_hold(r);
}

struct vmi_hold *vmi_hold_next(const struct vmi_hold *h)
{
	struct other_hold *o = h->own ? NULL : arena_at(arena_of(h), other_of(h)->more);

	if (h->own)
		return NULL;
	return o != NULL ? &o->hold : own_hold(vmi_hold_owner(h));
}

struct vmi_hold *vmi_store_hold_of(const struct vmi_record *r, uint32_t cid)
{
	for (struct vmi_hold *h = vmi_hold_first(r); h != NULL; h = vmi_hold_next(h))
		if (h->cid == cid)
			return h;
	return NULL;
}

struct vmi_hold *vmi_store_visible(const struct vmi_record *r)
{
	for (struct vmi_hold *h = vmi_hold_first(r); h != NULL; h = vmi_hold_next(h))
		if (h->visible)
			return h;
	return NULL;
}

struct vmi_hold *vmi_store_owner(const struct vmi_store *s, uint32_t cid, const struct vmi_hold *after)
{
	const struct arena_table *t = &s->by_cid;
	struct arena_node *node = after != NULL ? arena_table_next(t, &after->by_cid)
						: arena_table_chain(t, hash_u64(t->seed, cid));

	for (; node != NULL; node = arena_table_next(t, node))
		if (hold_of(node)->cid == cid)
			return hold_of(node);
	return NULL;
}

/* Up to 3: more of them make no difference. */
static size_t count_visible(const struct vmi_store *s, uint32_t cid)
{
	size_t n = 0;

	for (struct vmi_hold *h = vmi_store_owner(s, cid, NULL); h != NULL && n < 3;
	     h = vmi_store_owner(s, cid, h))
		n += h->visible;
	return n;
}

static void set_visible(struct vmi_store *s, struct vmi_hold *h, bool visible)
{
	if (h->visible == visible)
		return;
	h->visible = visible;
	if (visible && count_visible(s, h->cid) == 2)
		s->duplicate_cids++;
	else if (!visible && count_visible(s, h->cid) == 1)
		s->duplicate_cids--;
}

void vmi_store_show(struct vmi_store *s, struct vmi_record *r, struct vmi_hold *h)
{
	struct vmi_hold *before = vmi_store_visible(r);

	if (before == h)
		return;
	if (before != NULL)
		set_visible(s, before, false);
	if (h != NULL)
		set_visible(s, h, true);
}

static struct vmi_hold *add_other_hold(struct vmi_store *s, struct vmi_record *r)
{
	struct vmi_extra *x = need_extra(s, r);
	struct other_hold *o = x != NULL ? arena_alloc(&s->arena, sizeof(*o)) : NULL;

	if (x != NULL && o == NULL)
		leave_extra(s, r);
	if (o == NULL)
		return NULL;
	o->owner = arena_handle_of(r);
	o->more = x->holds;
	x->holds = arena_handle_of(o);
	return &o->hold;
}

struct vmi_hold *vmi_store_hold(struct vmi_store *s, struct vmi_record *r, uint32_t cid, bool *first)
{
	struct vmi_hold *h = vmi_store_hold_of(r, cid);

	*first = false;
	if (h != NULL)
		return h;
	/* The own one is the oldest, so it is taken only while there is no other. */
	h = vmi_hold_first(r) == NULL ? &r->hold : add_other_hold(s, r);
	if (h == NULL)
		return NULL;
	*first = vmi_store_owner(s, cid, NULL) == NULL;
	h->used = true;
	h->cid = cid;
	arena_table_insert(&s->by_cid, &h->by_cid);
	s->held_cids += *first;
	return h;
}

static void unlink_other(struct vmi_store *s, struct vmi_hold *h)
{
	struct vmi_record *r = vmi_hold_owner(h);
	arena_handle *link = &extra_of(r)->holds;

	while (arena_at(&s->arena, *link) != other_of(h))
		link = &((struct other_hold *)arena_at(&s->arena, *link))->more;
	*link = other_of(h)->more;
	arena_free(&s->arena, other_of(h), sizeof(struct other_hold));
	leave_extra(s, r);
}

bool vmi_store_let_go(struct vmi_store *s, struct vmi_hold *h)
{
	uint32_t cid = h->cid;
	bool last;

	set_visible(s, h, false);
	arena_table_remove(&s->by_cid, &h->by_cid);
	if (h->own)
		*h = (struct vmi_hold){.own = true};
	else
		unlink_other(s, h);
	last = vmi_store_owner(s, cid, NULL) == NULL;
	s->held_cids -= last;
	return last;
}
