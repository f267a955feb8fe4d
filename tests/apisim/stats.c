#include "apisim/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"
#include "base/hash.h"
#include "base/macros.h"

#define MAX_OBJECTS 1000000 /* beyond this many, writes are no longer counted by object */
#define MAX_CHUNKS  1024    /* which fit */

struct write_count {
	struct arena_node node;
	uint32_t count;
	char key[]; /* "plural/namespace/name" */
};

static struct write_count *count_of(const struct arena_node *node)
{
	return container_of(node, struct write_count, node);
}

static uint64_t hash_of(const struct arena_table *t, const struct arena_node *node)
{
	return hash_str(t->seed, count_of(node)->key);
}

void stats_init(struct stats *s)
{
	*s = (struct stats){.conflicts = 0};
	arena_init(&s->counts, MAX_CHUNKS);
	if (arena_table_init(&s->by_object, &s->counts, 1, hash_of) != 0)
		abort();
}

void stats_free(struct stats *s)
{
	arena_table_close(&s->by_object);
	arena_close(&s->counts);
}

void stats_reset(struct stats *s)
{
	stats_free(s);
	stats_init(s);
}

static struct write_count *find(const struct stats *s, const char *key)
{
	const struct arena_table *t = &s->by_object;
	struct arena_node *node = arena_table_chain(t, hash_str(t->seed, key));

	for (; node != NULL; node = arena_table_next(t, node))
		if (strcmp(count_of(node)->key, key) == 0)
			return count_of(node);
	return NULL;
}

static struct write_count *add(struct stats *s, const char *key)
{
	size_t size = strlen(key) + 1;
	struct write_count *w = arena_alloc(&s->counts, sizeof(*w) + size);

	if (w == NULL)
		abort();
	memcpy(w->key, key, size);
	arena_table_insert(&s->by_object, &w->node);
	return w;
}

void stats_wrote(struct stats *s, const struct object *o)
{
	char key[ARENA_MAX_BLOCK / 2]; /* names are much shorter */
	struct write_count *w;

	(void)snprintf(key, sizeof(key), "%s/%s", o->resource->plural, o->key);
	w = find(s, key);
	if (w == NULL && s->by_object.len < MAX_OBJECTS)
		w = add(s, key);
	if (w != NULL)
		w->count++;
}

static void write_one(void *data, struct arena_node *node)
{
	const struct write_count *w = count_of(node);
	struct buf *out = data;

	if (out->data[out->len - 1] != '{')
		must_text(out, ",");
	must_text(out, "\"");
	must_json(out, w->key, strlen(w->key));
	must_printf(out, "\":%u", w->count);
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
	arena_table_visit(&s->by_object, write_one, out);
	must_text(out, "}");
}
