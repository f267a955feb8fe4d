#include "apisim/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/handlers.h"
#include "apisim/must.h"

#define BATCH_BYTES        (256u << 10) /* collected before they are handed to the connection */
#define BOOKMARK_BEFORE_MS 2000         /* and one so long before the deadline */
#define DEFAULT_TIMEOUT_S  1800

static const char *const type_names[] = {"ADDED", "MODIFIED", "DELETED"};

static void frame(const struct watch *w, const char *type, const struct object *o, struct buf *out)
{
	must_text(out, "{\"type\":\"");
	must_text(out, type);
	must_text(out, "\",\"object\":");
	object_write(o, w->x->route.version, out);
	must_text(out, "}\n");
}

static void bookmark_frame(const struct watch *w, uint64_t rv, bool end_mark, struct buf *out)
{
	const struct resource *r = w->from->resource;

	must_printf(out,
		    "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":"
		    "{\"resourceVersion\":\"%llu\"",
		    r->kind, r->api_versions[w->x->route.version], (unsigned long long)rv);
	if (end_mark)
		must_text(out, ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}");
	must_text(out, "}}}\n");
}

static bool about(const struct watch *w, const struct object *o)
{
	return strncmp(o->key, w->prefix, strlen(w->prefix)) == 0;
}

/* One event as this watch sees it: entering and leaving a selection are ADDED and DELETED (WCH-3). */
static void write_event(struct watch *w, const struct event *e, struct buf *out)
{
	const struct selector *s = &w->options.selector;
	bool now;
	bool before;

	if (!about(w, e->object))
		return;
	if (selector_empty(s)) {
		frame(w, type_names[e->type], e->object, out);
		w->sent++;
		return;
	}
	now = e->type != EVENT_DELETED && selector_matches(s, e->object);
	before = e->old != NULL && selector_matches(s, e->old);
	if (now) {
		frame(w, type_names[before ? EVENT_MODIFIED : EVENT_ADDED], e->object, out);
	} else if (before && e->type == EVENT_DELETED) {
		frame(w, "DELETED", e->object, out);
	} else if (before) {
		struct object *last = object_at_rv(e->old, e->rv);

		frame(w, "DELETED", last, out);
		object_unref(last);
	}
	w->sent += now || before;
}

static bool silent(const struct watch *w)
{
	const struct fault_effect *e = &w->x->effect;

	return e->stall_events >= 0 && w->sent >= (uint64_t)e->stall_events;
}

static bool to_end(const struct watch *w)
{
	const struct fault_effect *e = &w->x->effect;

	return e->end_watch_after >= 0 && w->sent >= (uint64_t)e->end_watch_after;
}

/* A fault says: no further. */
static bool paused(const struct watch *w)
{
	return silent(w) || to_end(w);
}

static void write_initial(struct watch *w, struct buf *out)
{
	for (; w->initial_at < w->initial.count && out->len < BATCH_BYTES && !paused(w); w->initial_at++) {
		const struct object *o = w->initial.items[w->initial_at];

		if (!about(w, o) || !selector_matches(&w->options.selector, o))
			continue;
		frame(w, "ADDED", o, out);
		w->sent++;
	}
	if (w->initial_at < w->initial.count)
		return;
	object_list_free(&w->initial);
	w->initial_at = 0;
	w->initial_done = true;
	if (w->options.wants_end_mark)
		bookmark_frame(w, w->start_rv, true, out);
}

/* A batch of frames into @out. */
static void collect(struct watch *w, struct buf *out)
{
	const struct history *h = &w->from->history;

	if (!w->initial_done) {
		write_initial(w, out);
		return;
	}
	while (w->next < h->next && out->len < BATCH_BYTES && !paused(w)) {
		const struct event *e = history_at(h, w->next++);

		if (e->rv <= w->start_rv)
			continue;
		write_event(w, e, out);
	}
}

uint64_t watch_behind(const struct watch *w)
{
	return w->from->history.next - w->next;
}

static bool too_slow(const struct watch *w)
{
	return w->next < w->from->history.first || watch_behind(w) > w->x->sim->options.watch_lag;
}

void watch_pump(struct watch *w)
{
	struct http_conn *c = w->x->conn;
	uint64_t sent = w->sent;
	struct buf out;

	if (w->pumping || w->stopped)
		return;
	w->pumping = true;
	must_buf(&out);
	while (!w->stopped && !paused(w)) {
		if (http_conn_pending(c) > 0) {
			if (w->initial_done && too_slow(w)) {
				w->x->sim->stats.watches_cut++;
				http_conn_close(c);
			}
			break;
		}
		if (w->next < w->from->history.first) {
			w->x->sim->stats.watches_cut++;
			http_conn_close(c);
			break;
		}
		buf_reset(&out);
		collect(w, &out);
		if (out.len > 0)
			http_conn_stream_buf(c, &out);
		else if (w->initial_done)
			break;
	}
	buf_free(&out);
	w->x->sim->stats.events_sent += w->sent - sent;
	w->pumping = false;
	if (!w->stopped && to_end(w))
		watch_end(w);
}

void watch_inject(struct watch *w, const char *data, size_t len)
{
	if (!w->stopped)
		http_conn_stream(w->x->conn, data, len);
}

void watch_end(struct watch *w)
{
	struct exchange *x = w->x;

	if (w->stopped)
		return;
	watch_stop(w);
	http_conn_cancel_after(x->conn);
	route_free(&x->route);
	http_conn_stream_end(x->conn);
}

void watch_stop(struct watch *w)
{
	list_remove(&w->link);
	w->stopped = true;
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	list_options_free(&w->options);
	object_list_free(&w->initial);
	free(w->prefix);
	free(w);
}

static void arm(struct watch *w);

static void on_time(struct http_conn *c)
{
	struct exchange *x = c->data;
	struct watch *w = x->watch;
	uint64_t now = uv_now(x->sim->loop);
	bool caught_up = w->initial_done && w->next == w->from->history.next && http_conn_pending(c) == 0;
	uint64_t rv = x->sim->store.revision;
	struct buf out;

	if (silent(w)) /* not even an end */
		return;
	if (now >= w->deadline_ms) {
		watch_end(w);
		return;
	}
	if (now >= w->bookmark_ms) {
		w->bookmark_ms = now + x->sim->options.bookmark_ms;
		if (w->options.bookmarks && caught_up && rv > w->start_rv) {
			must_buf(&out);
			bookmark_frame(w, rv, false, &out);
			http_conn_stream(c, out.data, out.len);
			buf_free(&out);
		}
	}
	if (!w->stopped)
		arm(w);
}

/* Wakes the watch for its next bookmark or its end. */
static void arm(struct watch *w)
{
	uint64_t now = uv_now(w->x->sim->loop);
	uint64_t due = w->deadline_ms < w->bookmark_ms ? w->deadline_ms : w->bookmark_ms;

	if (w->deadline_ms > now + BOOKMARK_BEFORE_MS &&
	    w->deadline_ms - BOOKMARK_BEFORE_MS < w->bookmark_ms) {
		due = w->deadline_ms - BOOKMARK_BEFORE_MS;
		w->bookmark_ms = due;
	}
	http_conn_after(w->x->conn, due > now ? due - now : 1, on_time);
}

/* A 200 that carries one error (WCH-6) and ends. */
static void error_stream(struct exchange *x, const char *status, size_t len)
{
	struct response head;

	response_init(&head);
	x->later = true;
	http_conn_stream_begin(x->conn, &head, &x->effect.shape);
	response_free(&head);
	if (x->conn->closing)
		return;
	http_conn_stream(x->conn, "{\"type\":\"ERROR\",\"object\":", 25);
	http_conn_stream(x->conn, status, len);
	http_conn_stream(x->conn, "}\n", 2);
	route_free(&x->route);
	http_conn_stream_end(x->conn);
}

static void error_too_old(struct exchange *x, uint64_t rv, uint64_t oldest)
{
	char message[96];
	struct buf out;

	(void)snprintf(message, sizeof(message), "too old resource version: %llu (%llu)",
		       (unsigned long long)rv, (unsigned long long)oldest);
	must_buf(&out);
	status_write(&out, 410, "Expired", message, NULL);
	error_stream(x, out.data, out.len);
	buf_free(&out);
}

/* Initial events of a state that is not there yet: waits, then says so (LST-8). True: not now. */
static bool from_future(struct exchange *x, const struct list_options *o)
{
	struct response r;
	char text[24];

	if (!o->initial_events || o->rv <= x->sim->store.revision)
		return false;
	if (!x->waited) {
		x->waited = true;
		exchange_retry(x, x->sim->options.rv_wait_ms);
		return true;
	}
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)o->rv);
	response_init(&r);
	status_too_large_rv(&r, text, x->sim->store.revision);
	error_stream(x, r.body.data, r.body.len - 1);
	response_free(&r);
	return true;
}

static struct watch *watch_new(struct exchange *x, const struct list_options *o)
{
	struct watch *w = must_alloc(sizeof(*w));
	struct apisim *s = x->sim;
	uint64_t now = uv_now(s->loop);
	int64_t timeout = o->timeout_s;
	struct buf prefix;

	must_buf(&prefix);
	must_printf(&prefix, "%s%s", x->route.namespace, x->route.has_namespace ? "/" : "");
	w->x = x;
	w->from = store_collection(&s->store, x->route.resource);
	w->options = *o; /* its memory goes with the watch */
	w->prefix = buf_steal(&prefix);
	w->initial_done = !o->initial_events;
	w->start_rv = o->has_rv && o->rv > 0 && !o->initial_events ? o->rv : s->store.revision;
	w->next = history_after(&w->from->history, w->start_rv);
	if (o->initial_events)
		(void)store_snapshot(&s->store, x->route.resource, s->store.revision, &w->initial);
	if (timeout == 0)
		timeout = DEFAULT_TIMEOUT_S + (int64_t)rng_below(&s->rng, DEFAULT_TIMEOUT_S);
	w->deadline_ms = timeout > 0 ? now + (uint64_t)timeout * 1000 : now;
	w->bookmark_ms = now + s->options.bookmark_ms;
	list_push_back(&s->watches, &w->link);
	return w;
}

static void start(struct exchange *x, const struct list_options *o)
{
	struct response head;

	x->later = true;
	x->watch = watch_new(x, o);
	response_init(&head);
	must_add(&head.warnings, buf_str(&x->response.warnings), x->response.warnings.len);
	x->sim->stats.codes[200]++;
	http_conn_stream_begin(x->conn, &head, &x->effect.shape);
	response_free(&head);
	if (x->watch->stopped)
		return;
	if (o->timeout_s < 0) { /* over before it began */
		watch_end(x->watch);
		return;
	}
	arm(x->watch);
	watch_pump(x->watch);
}

/* The server has no streaming lists: says so to who asks for one. */
static bool refused(struct exchange *x)
{
	struct field_errors e = {.count = 0};
	bool asked = query_get(&x->request->query, "sendInitialEvents") != NULL;

	if (!x->sim->options.no_watch_list || !asked)
		return false;
	field_errors_add(&e, FIELD_FORBIDDEN, "sendInitialEvents",
			 "sendInitialEvents is forbidden for watch unless the WatchList feature gate is "
			 "enabled");
	status_invalid(&x->response, "meta.k8s.io", "ListOptions", "", &e);
	field_errors_free(&e);
	return true;
}

void handle_watch(struct exchange *x)
{
	const struct collection *c = store_collection(&x->sim->store, x->route.resource);
	struct list_options o;
	bool resumes;

	watch_free(x->watch); /* of an earlier request on this connection */
	x->watch = NULL;
	if (list_options_read(&o, &x->request->query, x->route.resource, true, &x->response) != 0 ||
	    refused(x)) {
		list_options_free(&o);
		return;
	}
	resumes = o.has_rv && o.rv > 0 && !o.initial_events;
	if (from_future(x, &o)) {
		list_options_free(&o);
	} else if (resumes && o.rv < c->history.compacted) {
		error_too_old(x, o.rv, c->history.compacted);
		list_options_free(&o);
	} else {
		start(x, &o);
	}
}
