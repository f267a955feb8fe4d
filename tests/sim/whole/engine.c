/* kube/http_engine.h on the wire. */
#include "kube/http_engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"
#include "base/macros.h"
#include "sim/whole/easy.h"
#include "sim/whole/world.h"

/* As in http_settings.c. */
#define CONNECT_TIMEOUT_MS 10000
#define IDLE_CONNECTION_MS 80000

/* As libcurl does it. */
#define MAX_RETRIES 5

struct http_engine {
	uv_loop_t *loop;
	struct http_engine_owner owner;
	uint32_t max_connections; /* 0: no limit */
	struct list easies;       /* inside */
	uint32_t easy_count;
	struct list plugs;
	uint32_t plug_count;
	uv_timer_t timer; /* the first time-out */
	uv_idle_t prompt; /* there is something to do in the next turn */
	uint32_t handles;
	bool in_curl;
	bool driving;
	bool broken;
	bool told;
	bool torn_down;
	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

/* The client's end of a line. */
struct plug {
	struct list link;
	struct http_engine *engine;
	struct line *line;
	struct easy *user; /* NULL: kept for the next one */
	bool open;
	bool kept; /* has served somebody before */
	uint64_t idle_ms;
};

static void receive(void *data, struct parcel *p);
static void on_prompt(uv_idle_t *idle);

static struct process *process_of(const struct http_engine *e)
{
	return vloop_of(e->loop)->owner;
}

/* ---- connections ---- */

static void plug_close(struct plug *plug, bool reset)
{
	struct http_engine *e = plug->engine;

	list_remove(&plug->link);
	e->plug_count--;
	line_leave(plug->line, reset);
	free(plug);
}

static struct plug *kept_plug(struct http_engine *e)
{
	uint64_t now_ms = uv_now(e->loop);

	list_for_each_safe (it, &e->plugs) {
		struct plug *plug = container_of(it, struct plug, link);

		if (!plug->open || plug->user != NULL)
			continue;
		if (plug->idle_ms + IDLE_CONNECTION_MS > now_ms)
			return plug;
		plug_close(plug, false);
	}
	return NULL;
}

static struct plug *new_plug(struct http_engine *e)
{
	struct plug *plug;

	if (e->max_connections != 0 && e->plug_count >= e->max_connections)
		return NULL;
	plug = must_alloc(sizeof(*plug));
	plug->engine = e;
	list_push_back(&e->plugs, &plug->link);
	e->plug_count++;
	plug->line = line_open(process_of(e), receive, plug);
	return plug;
}

/* ---- transfers ---- */

static void finish(struct easy *x, int error)
{
	x->finished = true;
	x->error = error;
}

static void leave_plug(struct easy *x)
{
	struct plug *plug = x->plug;

	x->plug = NULL;
	if (plug == NULL)
		return;
	plug->user = NULL;
	plug->kept = true;
	plug->idle_ms = uv_now(x->engine->loop);
	if (!x->finished || x->error != 0 || x->transfer->verdict != 0)
		plug_close(plug, false);
}

/* It has been begun, and waits to leave. */
static bool is_decided(const struct easy *x)
{
	return !x->posted && strcmp(x->transfer->req->method, "GET") != 0;
}

static void ask(struct easy *x)
{
	struct process *p = process_of(x->engine);
	const struct http_request *req = x->transfer->req;
	const struct posted posted = {
		.method = req->method,
		.path = easy_path(x),
		.body = req->body,
		.body_len = req->body_len,
		.known = x->known,
	};
	struct buf text;

	if (!easy_may_send(x)) {
		finish(x, -ECANCELED);
		return;
	}
	x->asked = true;
	p->decided -= is_decided(x);
	x->posted = true;
	if (p->dead)
		return;
	must_buf(&text);
	easy_write(x, &text);
	auditor_sent(p, &posted, &x->letter);
	p->renewing += x->letter.kind == LETTER_LEASE;
	line_send(x->plug->line, &text, &x->letter);
}

/* Whatever can be done for it now. */
static void advance(struct easy *x)
{
	struct http_engine *e = x->engine;

	if (x->finished)
		return;
	if (x->plug == NULL) {
		x->plug = kept_plug(e);
		if (x->plug == NULL)
			x->plug = new_plug(e);
		if (x->plug == NULL)
			return;
		x->plug->user = x;
		x->connect_ms = uv_now(e->loop) + CONNECT_TIMEOUT_MS;
	}
	if (x->plug->open && !x->asked)
		ask(x);
}

static uint64_t deadline_of(const struct easy *x)
{
	uint64_t at_ms = x->total_ms != 0 ? x->total_ms : UINT64_MAX;

	if (x->plug != NULL && !x->plug->open && x->connect_ms < at_ms)
		at_ms = x->connect_ms;
	return at_ms;
}

static void expire_all(struct http_engine *e)
{
	uint64_t now_ms = uv_now(e->loop);

	list_for_each (it, &e->easies) {
		struct easy *x = container_of(it, struct easy, link);

		if (!x->finished && deadline_of(x) <= now_ms)
			finish(x, -ETIMEDOUT);
	}
}

static void on_timer(uv_timer_t *timer);

static void arm(struct http_engine *e)
{
	uint64_t first_ms = UINT64_MAX;
	uint64_t now_ms;

	if (e->torn_down)
		return;
	list_for_each (it, &e->easies) {
		uint64_t at_ms = deadline_of(container_of(it, struct easy, link));

		first_ms = at_ms < first_ms ? at_ms : first_ms;
	}
	if (first_ms == UINT64_MAX) {
		(void)uv_timer_stop(&e->timer);
		return;
	}
	uv_update_time(e->loop);
	now_ms = uv_now(e->loop);
	(void)uv_timer_start(&e->timer, on_timer, first_ms > now_ms ? first_ms - now_ms : 1, 0);
}

static void on_own_handle_closed(uv_handle_t *handle)
{
	struct http_engine *e = handle->data;
	void (*cb)(void *data) = e->close_cb;
	void *data = e->close_data;

	if (--e->handles > 0)
		return;
	free(e);
	cb(data);
}

static void maybe_teardown(struct http_engine *e)
{
	if (!e->closing || e->easy_count > 0 || e->driving || e->torn_down)
		return;
	e->torn_down = true;
	list_for_each_safe (it, &e->plugs)
		plug_close(container_of(it, struct plug, link), false);
	uv_close((uv_handle_t *)&e->timer, on_own_handle_closed);
	uv_close((uv_handle_t *)&e->prompt, on_own_handle_closed);
}

static void reap(struct http_engine *e)
{
	list_for_each_safe (it, &e->easies) {
		struct easy *x = container_of(it, struct easy, link);

		if (!x->finished)
			continue;
		http_engine_remove(e, x);
		e->owner.done(e->owner.data, x, x->error == 0 ? CURLE_OK : CURLE_RECV_ERROR);
	}
}

bool http_engine_may_go_on(struct http_engine *e)
{
	if (!e->owner.may_go_on(e->owner.data))
		e->broken = true;
	return !e->broken;
}

/* ---- what comes in ---- */

/* A kept connection was dead when it was used again: whatever only reads may be sent once more. */
static bool may_retry(const struct easy *x)
{
	return x->plug->kept && x->asked && !x->heard && x->retries < MAX_RETRIES;
}

static void on_closed(struct plug *plug, const struct parcel *p)
{
	struct easy *x = plug->user;
	bool again = x != NULL && !x->finished && may_retry(x);
	int error = p->error;

	if (error == 0)
		error = -EPIPE;
	if (p->kind == PARCEL_REFUSED)
		error = -ECONNREFUSED;
	plug->user = NULL;
	plug_close(plug, false);
	if (x != NULL)
		x->plug = NULL;
	if (x == NULL || x->finished)
		return;
	if (again) {
		x->retries++;
		x->asked = false;
	} else {
		finish(x, error);
	}
}

static void on_answer(struct plug *plug, const struct parcel *p)
{
	struct easy *x = plug->user;

	if (x == NULL || x->finished)
		return;
	easy_overhear(x, process_of(plug->engine), p);
	if (!easy_take(x, p)) {
		finish(x, -ECANCELED);
	} else if (p->last) {
		x->letter = plug->line->letter;
		x->status = plug->line->mishap.garbled ? 0 : x->transfer->status;
		finish(x, 0);
	}
}

static void look_at(struct plug *plug, const struct parcel *p)
{
	if (p->kind == PARCEL_ACCEPTED)
		plug->open = true;
	else if (p->kind == PARCEL_ANSWER)
		on_answer(plug, p);
	else
		on_closed(plug, p);
}

/* One round: what was promised to be over by now is, then @p counts, then whatever can be sent is. */
static void work(struct http_engine *e, struct plug *plug, const struct parcel *p)
{
	e->in_curl = true;
	expire_all(e);
	if (plug != NULL)
		look_at(plug, p);
	list_for_each (it, &e->easies)
		advance(container_of(it, struct easy, link));
	e->in_curl = false;
	reap(e);
}

static void drive(struct http_engine *e, struct plug *plug, const struct parcel *p)
{
	e->driving = true;
	uv_update_time(e->loop);
	if (http_engine_may_go_on(e))
		work(e, plug, p);
	if (e->broken && !e->told) {
		e->told = true;
		e->owner.broken(e->owner.data, e);
	}
	e->driving = false;
	arm(e);
	maybe_teardown(e);
}

static void receive(void *data, struct parcel *p)
{
	struct plug *plug = data;

	drive(plug->engine, plug, p);
}

static void on_prompt(uv_idle_t *idle)
{
	(void)uv_idle_stop(idle);
	drive(idle->data, NULL, NULL);
}

static void on_timer(uv_timer_t *timer)
{
	drive(timer->data, NULL, NULL);
}

/* ---- kube/http_engine.h ---- */

int http_engine_open(struct http_engine **out, uv_loop_t *loop, const struct http_engine_owner *owner,
		     uint32_t max_connections)
{
	struct http_engine *e = must_alloc(sizeof(*e));

	e->loop = loop;
	e->owner = *owner;
	e->max_connections = max_connections;
	list_init(&e->easies);
	list_init(&e->plugs);
	(void)uv_timer_init(loop, &e->timer);
	(void)uv_idle_init(loop, &e->prompt);
	e->timer.data = e->prompt.data = e;
	e->handles = 2;
	*out = e;
	return 0;
}

int http_engine_add(struct http_engine *e, CURL *easy)
{
	struct easy *x = easy;

	assert(!e->closing && !e->in_curl);
	uv_update_time(e->loop);
	x->engine = e;
	process_of(e)->decided += is_decided(x);
	auditor_decided(process_of(e), &x->known);
	if (x->total_ms != 0)
		x->total_ms += uv_now(e->loop);
	list_push_back(&e->easies, &x->link);
	e->easy_count++;
	(void)uv_idle_start(&e->prompt, on_prompt);
	arm(e);
	return 0;
}

void http_engine_remove(struct http_engine *e, CURL *easy)
{
	struct easy *x = easy;

	assert(!e->in_curl);
	if (x->posted && !process_of(e)->dead)
		auditor_answered(process_of(e), &x->letter, x->status);
	process_of(e)->decided -= is_decided(x);
	process_of(e)->renewing -= x->posted && x->letter.kind == LETTER_LEASE;
	leave_plug(x);
	list_remove(&x->link);
	e->easy_count--;
	if (e->easy_count > 0 && !e->torn_down)
		(void)uv_idle_start(&e->prompt, on_prompt); /* a connection may be free for another one */
	maybe_teardown(e);
}

bool http_engine_in_curl(const struct http_engine *e)
{
	return e->in_curl;
}

void http_engine_cut(struct http_engine *e)
{
	assert(!e->in_curl);
	list_for_each_safe (it, &e->plugs) {
		struct plug *plug = container_of(it, struct plug, link);

		if (plug->user == NULL)
			continue;
		plug->user->plug = NULL;
		plug_close(plug, true);
	}
}

void http_engine_close(struct http_engine *e, void (*cb)(void *data), void *data)
{
	assert(!e->closing && !e->in_curl);
	e->closing = true;
	e->close_cb = cb;
	e->close_data = data;
	maybe_teardown(e);
}
