/* GET of one object, and lists (LST-1 .. LST-8). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/handlers.h"
#include "apisim/list_options.h"
#include "apisim/must.h"

/* Waits once for a revision from the future; then the answer is 504. True: come back later or done. */
static bool from_future(struct exchange *x, uint64_t rv, const char *text)
{
	if (rv <= x->sim->store.revision)
		return false;
	if (!x->waited) {
		x->waited = true;
		exchange_retry(x, x->sim->options.rv_wait_ms);
		return true;
	}
	status_too_large_rv(&x->response, text, x->sim->store.revision);
	return true;
}

/* The revision that a stale answer shows: some way back, as far as the history reaches. */
static uint64_t stale_revision(const struct exchange *x)
{
	const struct store *s = &x->sim->store;
	uint64_t floor = s->collections[x->route.resource->id].history.compacted;
	uint64_t back = x->effect.stale_revisions;

	return s->revision - floor > back ? s->revision - back : floor;
}

static struct object *stale_get(struct exchange *x)
{
	struct object_list list = {.count = 0};
	struct object *found = NULL;

	if (store_snapshot(&x->sim->store, x->route.resource, stale_revision(x), &list) != 0)
		return NULL;
	for (size_t i = 0; i < list.count && found == NULL; i++)
		if (strcmp(list.items[i]->namespace, x->route.namespace) == 0 &&
		    strcmp(list.items[i]->name, x->route.name) == 0)
			found = object_ref(list.items[i]);
	object_list_free(&list);
	return found;
}

void handle_get(struct exchange *x)
{
	const char *rv_text = query_text(&x->request->query, "resourceVersion");
	struct object *o;
	uint64_t rv;

	if (rv_text[0] != '\0') {
		if (!list_options_parse_rv(rv_text, &rv)) {
			status_internal(&x->response,
					"resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing "
					"\"%s\": invalid syntax",
					rv_text, rv_text);
			return;
		}
		if (from_future(x, rv, rv_text))
			return;
	}
	if (x->effect.stale_revisions > 0) {
		o = stale_get(x);
	} else {
		o = store_get(&x->sim->store, x->route.resource, x->route.namespace, x->route.name);
		if (o != NULL)
			(void)object_ref(o);
	}
	if (o == NULL) {
		status_not_found(&x->response, x->route.resource, x->route.name);
		return;
	}
	object_write(o, x->route.version, &x->response.body);
	must_text(&x->response.body, "\n");
	object_unref(o);
}

/* --- lists --- */

/* A run of a sorted array. */
struct range {
	struct object *const *items;
	size_t count;
};

/* First place behind all keys that begin with @prefix. */
static size_t prefix_end(const struct object_list *l, const char *prefix)
{
	size_t len = strlen(prefix);
	char *after;
	size_t at;

	if (len == 0)
		return l->count;
	after = must_copy(prefix, len);
	after[len - 1]++; /* a slash: the next byte is a digit, no overflow */
	at = object_list_place(l, after);
	free(after);
	return at;
}

/* The part of @l that the request is about, from its continue key on. */
static struct range select_range(const struct object_list *l, const char *prefix,
				 const struct list_options *o)
{
	size_t first = object_list_place(l, prefix);
	size_t end = prefix_end(l, prefix);

	if (o->has_continue) {
		struct buf key;
		size_t at;

		must_buf(&key);
		must_printf(&key, "%s%s", prefix, buf_str(&o->from.start));
		at = object_list_place(l, key.data);
		if (o->from.after && at < l->count && strcmp(l->items[at]->key, key.data) == 0)
			at++;
		first = at > first ? at : first;
		buf_free(&key);
	}
	return (struct range){.items = l->items + first, .count = end > first ? end - first : 0};
}

void handle_write_list(struct exchange *x, struct object *const *objects, size_t count, uint64_t rv,
		       const char *more, int64_t remaining)
{
	const struct resource *r = x->route.resource;
	const char *api_version = r->api_versions[x->route.version];
	struct buf *out = &x->response.body;

	if (r->custom)
		must_printf(out, "{\"apiVersion\":\"%s\",\"items\":[", api_version);
	else
		must_printf(out,
			    "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%"
			    "llu\"",
			    r->kind, api_version, (unsigned long long)rv);
	if (!r->custom) {
		if (more != NULL)
			must_printf(out, ",\"continue\":\"%s\"", more);
		if (remaining > 0)
			must_printf(out, ",\"remainingItemCount\":%lld", (long long)remaining);
		must_text(out, "},\"items\":[");
	}
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			must_add(out, ",", 1);
		object_write_item(objects[i], x->route.version, out);
	}
	must_text(out, "]");
	if (r->custom) {
		must_printf(out, ",\"kind\":\"%sList\",\"metadata\":{\"continue\":\"%s\"", r->kind,
			    more != NULL ? more : "");
		if (remaining > 0)
			must_printf(out, ",\"remainingItemCount\":%lld", (long long)remaining);
		must_printf(out, ",\"resourceVersion\":\"%llu\"}", (unsigned long long)rv);
	}
	must_text(out, "}\n");
}

static void write_page(struct exchange *x, const struct list_options *o, struct range range,
		       size_t prefix_len, uint64_t rv)
{
	bool all = selector_empty(&o->selector);
	/* One name is one key: the server does not page there. */
	int64_t limit = selector_name(&o->selector) != NULL ? 0 : o->limit;
	size_t room = limit > 0 && (size_t)limit < range.count ? (size_t)limit : range.count;
	struct object **page = must_alloc(room * sizeof(struct object *));
	size_t count = 0;
	size_t i;
	struct buf more;

	must_buf(&more);
	for (i = 0; i < range.count && (limit == 0 || count < (size_t)limit); i++)
		if (all || selector_matches(&o->selector, range.items[i]))
			page[count++] = range.items[i];
	if (i < range.count) {
		struct buf start;

		must_buf(&start);
		must_printf(&start, "/%s", range.items[i - 1]->key + prefix_len);
		continue_token_write(&more, (int64_t)rv, start.data, true);
		buf_free(&start);
	}
	handle_write_list(x, page, count, rv, more.len > 0 ? more.data : NULL,
			  all && i < range.count ? (int64_t)(range.count - i) : 0);
	buf_free(&more);
	free(page);
}

static int by_rv(const void *a, const void *b)
{
	const struct object *x = *(struct object *const *)a;
	const struct object *y = *(struct object *const *)b;

	return (x->rv < y->rv) - (x->rv > y->rv);
}

/* The fault: the newest objects are not in the list, whose revision is from before them. */
static uint64_t hide_newest(struct object_list *l, uint64_t hide, uint64_t rv)
{
	struct object **sorted;
	uint64_t limit;
	size_t kept = 0;

	if (l->count == 0 || hide == 0)
		return rv;
	sorted = must_alloc(l->count * sizeof(struct object *));
	memcpy(sorted, l->items, l->count * sizeof(struct object *));
	qsort(sorted, l->count, sizeof(struct object *), by_rv);
	limit = sorted[(hide < l->count ? hide : l->count) - 1]->rv;
	free(sorted);
	for (size_t i = 0; i < l->count; i++) {
		if (l->items[i]->rv >= limit)
			object_unref(l->items[i]);
		else
			l->items[kept++] = l->items[i];
	}
	l->count = kept;
	return limit - 1;
}

static void answer_compacted(struct exchange *x, const struct list_options *o)
{
	static const char gone[] = "The resourceVersion for the provided list is too old.";
	static const char page_gone[] = "The provided continue parameter is too old to display a consistent "
					"list result. You can start a "
					"new list without the continue parameter, or use the continue token "
					"in this response to retrieve "
					"the remainder of the results. Continuing with the provided token "
					"results in an inconsistent list "
					"- objects that were created, modified, or deleted between the time "
					"the first chunk was returned "
					"and now may show up in the list.";
	struct buf *body = &x->response.body;
	struct buf token;

	status_answer(&x->response, 410, "Expired", o->has_continue ? page_gone : gone, NULL);
	if (!o->has_continue)
		return;
	must_buf(&token);
	continue_token_write(&token, -1, buf_str(&o->from.start), o->from.after);
	buf_reset(body);
	must_printf(body,
		    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{\"continue\":\"%s\"},"
		    "\"status\":\"Failure\",\"message\":\"%s\",\"reason\":\"Expired\",\"code\":410}\n",
		    token.data, page_gone);
	buf_free(&token);
}

/* The list as it was at revision @rv. */
static void list_view(struct exchange *x, const struct list_options *o, const char *prefix, uint64_t rv)
{
	const struct object_list *l;

	if (store_view(&x->sim->store, x->route.resource, rv, &l) != 0)
		answer_compacted(x, o);
	else
		write_page(x, o, select_range(l, prefix, o), strlen(prefix), rv);
}

/* The same without the newest objects. */
static void list_hiding(struct exchange *x, const struct list_options *o, const char *prefix, uint64_t rv)
{
	struct object_list l = {.count = 0};

	if (store_snapshot(&x->sim->store, x->route.resource, rv, &l) != 0) {
		answer_compacted(x, o);
		return;
	}
	rv = hide_newest(&l, x->effect.hide_newest, rv);
	write_page(x, o, select_range(&l, prefix, o), strlen(prefix), rv);
	object_list_free(&l);
}

static void list(struct exchange *x, struct list_options *o)
{
	struct store *s = &x->sim->store;
	bool exact = o->match == RV_MATCH_EXACT || (o->match == RV_MATCH_UNSET && o->limit > 0 && o->rv > 0);
	uint64_t rv = s->revision;
	char text[24];
	struct buf prefix;

	if (o->has_continue)
		rv = o->from.rv > 0 ? (uint64_t)o->from.rv : s->revision;
	else if (exact)
		rv = o->rv;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)(o->has_continue ? rv : o->rv));
	if (from_future(x, rv > o->rv ? rv : o->rv, text))
		return;
	if (x->effect.stale_revisions > 0 && !o->has_continue)
		rv = stale_revision(x);
	if (o->has_rv && o->rv == 0) /* LST-1: from the cache, which knows no pages */
		o->limit = 0;
	must_buf(&prefix);
	must_printf(&prefix, "%s%s", x->route.namespace, x->route.has_namespace ? "/" : "");
	if (x->effect.hide_newest > 0)
		list_hiding(x, o, prefix.data, rv);
	else
		list_view(x, o, prefix.data, rv);
	buf_free(&prefix);
}

void handle_list(struct exchange *x)
{
	struct list_options o;

	if (list_options_read(&o, &x->request->query, x->route.resource, false, &x->response) == 0)
		list(x, &o);
	list_options_free(&o);
}
