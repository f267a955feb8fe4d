#include "apisim/stats.h"

#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

#define MAX_OBJECTS 1000000 /* beyond this many, writes are no longer counted by object */

struct write_count {
	struct table_node node;
	uint64_t count;
	char key[]; /* "plural/namespace/name" */
};

static uint64_t hash_of(const struct table *t, const struct table_node *node)
{
	return table_hash_str(t, ((const struct write_count *)(const void *)node)->key);
}

void stats_init(struct stats *s)
{
	*s = (struct stats){.conflicts = 0};
	if (table_init(&s->by_object, 1, hash_of) != 0)
		abort();
}

static void free_count(void *data, struct table_node *node)
{
	(void)data;
	free(node);
}

void stats_free(struct stats *s)
{
	/* table_visit() allows removal of the visited entry only, and freeing is one. */
	table_visit(&s->by_object, free_count, NULL);
	table_close(&s->by_object);
}

void stats_reset(struct stats *s)
{
	stats_free(s);
	stats_init(s);
}

void stats_wrote(struct stats *s, const struct object *o)
{
	size_t plural = strlen(o->resource->plural);
	size_t key_len = strlen(o->key);
	struct write_count *w = must_alloc(sizeof(*w) + plural + key_len + 2);

	memcpy(w->key, o->resource->plural, plural);
	w->key[plural] = '/';
	memcpy(w->key + plural + 1, o->key, key_len + 1);
	for (struct table_node *n = table_chain(&s->by_object, hash_of(&s->by_object, &w->node)); n != NULL;
	     n = n->next) {
		struct write_count *other = container_of(n, struct write_count, node);

		if (strcmp(other->key, w->key) == 0) {
			other->count++;
			free(w);
			return;
		}
	}
	if (s->object_count == MAX_OBJECTS) {
		free(w);
		return;
	}
	w->count = 1;
	s->object_count++;
	table_insert(&s->by_object, &w->node);
}

static void write_one(void *data, struct table_node *node)
{
	const struct write_count *w = container_of(node, struct write_count, node);
	struct buf *out = data;

	if (out->data[out->len - 1] != '{')
		must_text(out, ",");
	must_text(out, "\"");
	must_json(out, w->key, strlen(w->key));
	must_printf(out, "\":%llu", (unsigned long long)w->count);
}

void stats_write(const struct stats *s, bool by_object, struct buf *out)
{
	static const char *const verbs[] = {
		"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "other"};
	bool first = true;

	must_text(out, "\"requests\":{");
	for (size_t i = 0; i < STATS_VERB_COUNT; i++)
		must_printf(out, "%s\"%s\":%llu", i > 0 ? "," : "", verbs[i],
			    (unsigned long long)s->requests[i]);
	must_text(out, "},\"codes\":{");
	for (size_t i = 0; i < ARRAY_LEN(s->codes); i++) {
		if (s->codes[i] == 0)
			continue;
		must_printf(out, "%s\"%zu\":%llu", first ? "" : ",", i, (unsigned long long)s->codes[i]);
		first = false;
	}
	must_printf(out, "},\"conflicts\":%llu,\"unchanged\":%llu,\"eventsSent\":%llu,\"watchesCut\":%llu",
		    (unsigned long long)s->conflicts, (unsigned long long)s->unchanged,
		    (unsigned long long)s->events_sent, (unsigned long long)s->watches_cut);
	if (!by_object)
		return;
	must_text(out, ",\"writes\":{");
	table_visit(&s->by_object, write_one, out);
	must_text(out, "}");
}
