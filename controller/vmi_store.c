#include "controller/vmi_store.h"

#include <errno.h>
#include <string.h>

static struct vmi_record *record_of(const struct table_node *node)
{
	return container_of(node, struct vmi_record, by_uid);
}

static struct vmi_hold *hold_of(const struct table_node *node)
{
	return container_of(node, struct vmi_hold, by_cid);
}

static uint64_t hash_record(const struct table *t, const struct table_node *node)
{
	return table_hash_str(t, vmi_record_uid(record_of(node)));
}

static uint64_t hash_hold(const struct table *t, const struct table_node *node)
{
	return table_hash_u64(t, hold_of(node)->cid);
}

int vmi_store_init(struct vmi_store *s, uint64_t seed)
{
	int rc;

	*s = (struct vmi_store){0};
	rc = table_init(&s->by_uid, seed, hash_record);
	if (rc != 0)
		return rc;
	rc = table_init(&s->by_cid, seed, hash_hold);
	if (rc != 0)
		table_close(&s->by_uid);
	return rc;
}

static void free_record(void *data, struct table_node *node)
{
	struct vmi_record *r = record_of(node);

	(void)data;
	for (struct vmi_hold *h = r->holds, *more; h != NULL; h = more) {
		more = h->more;
		free(h);
	}
	free(r->source_uid);
	free(r);
}

void vmi_store_close(struct vmi_store *s)
{
	table_visit(&s->by_uid, free_record, NULL);
	table_close(&s->by_uid);
	table_close(&s->by_cid);
}

struct vmi_record *vmi_store_find(const struct vmi_store *s, const char *uid)
{
	struct table_node *node = table_chain(&s->by_uid, table_hash_str(&s->by_uid, uid));

	for (; node != NULL; node = node->next)
		if (strcmp(vmi_record_uid(record_of(node)), uid) == 0)
			return record_of(node);
	return NULL;
}

struct vmi_record *vmi_store_add(struct vmi_store *s, const char *uid, const struct vmi *v)
{
	size_t uid_size = strlen(uid) + 1;
	size_t namespace_size = strlen(v->namespace) + 1;
	size_t name_size = strlen(v->name) + 1;
	struct vmi_record *r = calloc(1, sizeof(*r) + uid_size + namespace_size + name_size);

	if (r == NULL)
		return NULL;
	r->namespace_at = (uint16_t)uid_size;
	r->name_at = (uint16_t)(uid_size + namespace_size);
	memcpy(r->text, uid, uid_size);
	memcpy(r->text + r->namespace_at, v->namespace, namespace_size);
	memcpy(r->text + r->name_at, v->name, name_size);
	table_insert(&s->by_uid, &r->by_uid);
	return r;
}

void vmi_store_remove(struct vmi_store *s, struct vmi_record *r)
{
	table_remove(&s->by_uid, &r->by_uid);
	free(r->source_uid);
	free(r);
}

struct vmi_hold *vmi_store_hold_of(const struct vmi_record *r, uint32_t cid)
{
	for (struct vmi_hold *h = r->holds; h != NULL; h = h->more)
		if (h->cid == cid)
			return h;
	return NULL;
}

struct vmi_hold *vmi_store_visible(const struct vmi_record *r)
{
	for (struct vmi_hold *h = r->holds; h != NULL; h = h->more)
		if (h->visible)
			return h;
	return NULL;
}

struct vmi_hold *vmi_store_owner(const struct vmi_store *s, uint32_t cid, const struct vmi_hold *after)
{
	struct table_node *node =
		after != NULL ? after->by_cid.next : table_chain(&s->by_cid, table_hash_u64(&s->by_cid, cid));

	for (; node != NULL; node = node->next)
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

struct vmi_hold *vmi_store_hold(struct vmi_store *s, struct vmi_record *r, uint32_t cid, bool *first)
{
	struct vmi_hold *h = vmi_store_hold_of(r, cid);

	*first = false;
	if (h != NULL)
		return h;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	*first = vmi_store_owner(s, cid, NULL) == NULL;
	h->cid = cid;
	h->owner = r;
	h->more = r->holds;
	r->holds = h;
	table_insert(&s->by_cid, &h->by_cid);
	s->held_cids += *first;
	return h;
}

bool vmi_store_let_go(struct vmi_store *s, struct vmi_hold *h)
{
	struct vmi_hold **link = &h->owner->holds;
	uint32_t cid = h->cid;
	bool last;

	set_visible(s, h, false);
	while (*link != h)
		link = &(*link)->more;
	*link = h->more;
	table_remove(&s->by_cid, &h->by_cid);
	free(h);
	last = vmi_store_owner(s, cid, NULL) == NULL;
	s->held_cids -= last;
	return last;
}
