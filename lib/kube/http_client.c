#include "kube/http_client.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/heap.h"
#include "base/list.h"
#include "kube/http_engine.h"
#include "kube/http_settings.h"
#include "kube/http_transfer.h"

/* Easy handles kept for the next requests. */
#define MAX_SPARE 32

struct http_client {
	uv_loop_t *loop;
	struct http_settings settings;
	struct http_engine *engine; /* takes new requests; NULL: opened by the next one */
	unsigned engines;           /* not yet closed, with those that only finish what they have */
	struct list active;         /* transfers in an engine */
	struct list done;           /* transfers whose on_done is to be called */
	struct list spare;
	size_t spare_count;
	size_t pending;        /* active and done */
	struct heap deadlines; /* of active transfers with an idle timeout */
	uv_timer_t watchdog;   /* for the first of them */
	uv_idle_t deliver;     /* active while there is something in done, or a close to complete */
	unsigned handles;      /* of these two, not yet closed */
	bool (*may_go_on)(void *data);
	void *may_go_on_data;
	bool fenced; /* may_go_on() has said no */
	bool closing;
	bool torn_down;
	void (*close_cb)(void *data);
	void *close_data;
};

static void on_deliver(uv_idle_t *idle);

/* The one place that knows what must have ended before the client is gone. */
static void client_maybe_closed(struct http_client *c)
{
	void (*cb)(void *data) = c->close_cb;
	void *data = c->close_data;

	if (!c->torn_down || c->handles > 0 || c->engines > 0)
		return;
	http_settings_free(&c->settings);
	heap_free(&c->deadlines);
	free(c);
	curl_global_cleanup();
	cb(data);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct http_client *c = handle->data;

	c->handles--;
	client_maybe_closed(c);
}

static void on_engine_closed(void *data)
{
	struct http_client *c = data;

	c->engines--;
	client_maybe_closed(c);
}

/* Takes the current engine out of service: it finishes what it has and goes. */
static void client_retire_engine(struct http_client *c)
{
	struct http_engine *e = c->engine;

	c->engine = NULL;
	if (e != NULL)
		http_engine_close(e, on_engine_closed, c);
}

/* T14: easy handles before the engine. */
static void client_teardown(struct http_client *c)
{
	list_for_each_safe (it, &c->spare) {
		list_remove(it);
		http_transfer_free(container_of(it, struct http_transfer, link));
	}
	c->torn_down = true;
	client_retire_engine(c);
	uv_close((uv_handle_t *)&c->watchdog, on_handle_closed);
	uv_close((uv_handle_t *)&c->deliver, on_handle_closed);
}

static void transfer_recycle(struct http_transfer *t)
{
	struct http_client *c = t->client;

	http_transfer_unload(t);
	if (c->spare_count >= MAX_SPARE) {
		http_transfer_free(t);
		return;
	}
	list_push_back(&c->spare, &t->link);
	c->spare_count++;
}

/* A concluded transfer that has left its engine: on_done comes in the loop's next turn. */
static void transfer_enqueue(struct http_transfer *t)
{
	struct http_client *c = t->client;

	heap_remove(&c->deadlines, &t->idle);
	t->engine = NULL;
	list_remove(&t->link);
	list_push_back(&c->done, &t->link);
	(void)uv_idle_start(&c->deliver, on_deliver);
}

static void transfer_end(struct http_transfer *t, int error, const char *words)
{
	http_transfer_abort(t, error, words);
	http_engine_remove(t->engine, t->easy);
	transfer_enqueue(t);
}

static void deliver_first(struct http_client *c)
{
	struct http_transfer *t = container_of(list_first(&c->done), struct http_transfer, link);
	struct http_request *req = t->req;

	list_remove(&t->link);
	c->pending--;
	req->impl = NULL;
	req->on_done(req, &t->result);
	transfer_recycle(t);
}

/* T6: the only place that calls on_done, outside of libcurl and of everything that walks a list. */
static void on_deliver(uv_idle_t *idle)
{
	struct http_client *c = idle->data;
	size_t n = 0;

	/* What on_done adds waits for the next turn. */
	list_for_each (it, &c->done)
		n++;
	for (; n > 0; n--)
		deliver_first(c);
	if (!list_empty(&c->done))
		return;
	(void)uv_idle_stop(idle);
	if (c->closing && c->pending == 0)
		client_teardown(c);
}

static void on_engine_done(void *data, CURL *easy, CURLcode result)
{
	char *private = NULL;
	struct http_transfer *t;

	(void)data;
	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private); /* T15 */
	t = (struct http_transfer *)(void *)private;
	http_transfer_conclude(t, result);
	transfer_enqueue(t);
}

static bool client_may_go_on(void *data)
{
	struct http_client *c = data;

	if (!c->fenced && c->may_go_on != NULL && !c->may_go_on(c->may_go_on_data))
		c->fenced = true;
	return !c->fenced;
}

/* Ends all that is under way, in engines that only finish what they have, too. */
static void client_cut(struct http_client *c)
{
	list_for_each (it, &c->active)
		http_engine_cut(container_of(it, struct http_transfer, link)->engine);
	list_for_each_safe (it, &c->active)
		transfer_end(container_of(it, struct http_transfer, link), -ECANCELED,
			     "the right to send has ended");
	client_retire_engine(c);
}

/* T8, T9: this engine's requests fail, the next one gets a new engine. */
static void on_engine_broken(void *data, struct http_engine *e)
{
	struct http_client *c = data;

	if (c->fenced) {
		client_cut(c);
		return;
	}
	list_for_each_safe (it, &c->active) {
		struct http_transfer *t = container_of(it, struct http_transfer, link);

		if (t->engine == e)
			transfer_end(t, -EIO, "the event loop could not watch a socket");
	}
	if (c->engine == e)
		client_retire_engine(c);
}

static void on_watchdog(uv_timer_t *timer);

/* Sets the timer to the first deadline. */
static void watchdog_arm(struct http_client *c)
{
	struct heap_node *first = heap_first(&c->deadlines);
	uint64_t now_ms = http_transfer_now_ms();

	if (first == NULL) {
		(void)uv_timer_stop(&c->watchdog);
		return;
	}
	uv_update_time(c->loop); /* T3 */
	(void)uv_timer_start(&c->watchdog, on_watchdog, first->key > now_ms ? first->key - now_ms : 1, 0);
}

/* What a transfer's deadline has become when it is reached: a later time, or @now_ms where it is over. Bytes
 * only leave their time in the transfer and move nothing in the heap. If this process was stopped for long,
 * they may be waiting unread: the first time that it is over, the loop gets one more turn to read them. */
static uint64_t transfer_deadline(struct http_transfer *t, uint64_t now_ms)
{
	uint64_t due_ms = t->heard_ms + t->req->idle_timeout_ms;

	if (due_ms > now_ms)
		return due_ms;
	if (t->doubted)
		return now_ms;
	t->doubted = true;
	return now_ms + 1;
}

static void on_watchdog(uv_timer_t *timer)
{
	struct http_client *c = timer->data;
	uint64_t now_ms = http_transfer_now_ms();
	struct heap_node *first;

	while ((first = heap_first(&c->deadlines)) != NULL && first->key <= now_ms) {
		struct http_transfer *t = container_of(first, struct http_transfer, idle);
		uint64_t due_ms = transfer_deadline(t, now_ms);

		if (due_ms <= now_ms)
			transfer_end(t, -ETIMEDOUT, "the server was silent for too long");
		else
			(void)heap_set(&c->deadlines, first, due_ms);
	}
	watchdog_arm(c);
}

/* T18: OpenSSL writes without MSG_NOSIGNAL, and CURLOPT_NOSIGNAL keeps libcurl from guarding it. */
static void ignore_sigpipe(void)
{
	struct sigaction now;

	if (sigaction(SIGPIPE, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 &&
	    now.sa_handler == SIG_DFL)
		(void)signal(SIGPIPE, SIG_IGN);
}

int http_client_open(struct http_client **out, uv_loop_t *loop, const struct http_client_options *options,
		     struct error *err)
{
	struct http_client *c;
	int rc;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, -EIO, "libcurl could not be initialised");
	ignore_sigpipe();
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		rc = error_errno(err, -ENOMEM, "HTTP client");
		goto err_after_global;
	}
	rc = http_settings_init(&c->settings, options, err);
	if (rc != 0)
		goto err_after_alloc;
	c->loop = loop;
	c->may_go_on = options->may_go_on;
	c->may_go_on_data = options->may_go_on_data;
	list_init(&c->active);
	list_init(&c->done);
	list_init(&c->spare);
	/* These two cannot fail. */
	(void)uv_timer_init(loop, &c->watchdog);
	(void)uv_idle_init(loop, &c->deliver);
	c->watchdog.data = c;
	c->deliver.data = c;
	c->handles = 2;
	*out = c;
	return 0;
err_after_alloc:
	free(c);
err_after_global:
	curl_global_cleanup();
	return rc;
}

static int client_engine(struct http_client *c)
{
	const struct http_engine_owner owner = {
		.done = on_engine_done,
		.may_go_on = client_may_go_on,
		.broken = on_engine_broken,
		.data = c,
	};
	int rc;

	if (c->engine != NULL)
		return 0;
	rc = http_engine_open(&c->engine, c->loop, &owner, c->settings.max_connections);
	if (rc == 0)
		c->engines++;
	return rc;
}

static struct http_transfer *client_take_spare(struct http_client *c)
{
	struct list *first = list_first(&c->spare);

	if (first == NULL)
		return http_transfer_new(c, &c->settings);
	list_remove(first);
	c->spare_count--;
	return container_of(first, struct http_transfer, link);
}

/* Puts a loaded transfer to work. */
static int client_run(struct http_client *c, struct http_transfer *t)
{
	uint32_t idle_ms = t->req->idle_timeout_ms;
	int rc = client_engine(c);

	if (rc != 0)
		return rc;
	if (idle_ms != 0) {
		rc = heap_set(&c->deadlines, &t->idle, t->heard_ms + idle_ms);
		if (rc != 0)
			return rc;
		watchdog_arm(c);
	}
	/* T5: everything is linked before libcurl hears of it. */
	t->engine = c->engine;
	list_push_back(&c->active, &t->link);
	rc = http_engine_add(c->engine, t->easy);
	if (rc != 0) {
		list_remove(&t->link);
		heap_remove(&c->deadlines, &t->idle);
	}
	return rc;
}

int http_client_start(struct http_client *c, struct http_request *req, struct error *err)
{
	struct http_transfer *t;
	int rc;

	assert(c->engine == NULL || !http_engine_in_curl(c->engine));
	if (c->closing)
		return error_set(err, -ESHUTDOWN, "the HTTP client is closing");
	if (!client_may_go_on(c)) {
		client_cut(c);
		return error_set(err, -ESHUTDOWN, "the right to send has ended");
	}
	t = client_take_spare(c);
	if (t == NULL)
		return error_errno(err, -ENOMEM, "%s %s", req->method, req->url);
	rc = http_transfer_load(t, &c->settings, req, err);
	if (rc == 0) {
		rc = client_run(c, t);
		if (rc != 0)
			(void)error_errno(err, rc, "%s %s", req->method, req->url);
	}
	if (rc != 0) {
		transfer_recycle(t);
		return rc;
	}
	req->impl = t;
	c->pending++;
	return 0;
}

void http_request_cancel(struct http_request *req)
{
	struct http_transfer *t = req->impl;

	if (t == NULL || t->engine == NULL)
		return; /* not started, or the result is there already */
	assert(!http_engine_in_curl(t->engine));
	transfer_end(t, -ECANCELED, "canceled");
}

size_t http_client_pending(const struct http_client *c)
{
	return c->pending;
}

void http_client_drop_idle(struct http_client *c)
{
	client_retire_engine(c);
}

void http_client_close(struct http_client *c, void (*cb)(void *data), void *data)
{
	assert(!c->closing);
	c->closing = true;
	c->close_cb = cb;
	c->close_data = data;
	list_for_each_safe (it, &c->active) {
		struct http_transfer *t = container_of(it, struct http_transfer, link);

		http_request_cancel(t->req);
	}
	(void)uv_idle_start(&c->deliver, on_deliver);
}
