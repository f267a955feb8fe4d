#include "kube/http_engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/list.h"
#include "base/macros.h"

/* So many times in a row libcurl's "at once" is taken literally; after that it waits for the 1 ms timer. */
#define MAX_PROMPT_RUNS 16

/* Idle connections kept where the number of connections has no limit. */
#define DEFAULT_KEPT_CONNECTIONS 64

/* A connection that brings small pieces at more than BUSY_POLLS in BUSY_MS is let alone for GATHER_MS each
 * time that it has been read empty. */
#define BUSY_MS    10
#define BUSY_POLLS 10
#define GATHER_MS  2

struct http_engine {
	uv_loop_t *loop;
	struct http_engine_owner owner;
	CURLM *multi;      /* NULL once torn down */
	uv_timer_t timer;  /* libcurl's; started and stopped by on_curl_timer() only (T2) */
	uv_idle_t prompt;  /* runs libcurl in the loop's next turn */
	unsigned prompted; /* such runs since the last event */
	struct list sockets;
	uv_timer_t gather; /* runs while sockets are parked */
	unsigned handles;  /* libuv handles not yet closed: the three above and one for each socket */
	unsigned easies;   /* inside */
	bool in_curl;
	bool driving; /* drive() is on the stack */
	bool broken;  /* T8, T9, or the fence fell */
	bool told;    /* owner.broken() was called */
	bool cut;     /* connections were reset */
	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

/* What libcurl waits for on one descriptor: a connection's, a resolver's, a wake-up's (T15). */
struct engine_socket {
	uv_poll_t poll;
	struct http_engine *engine;
	struct list link;
	curl_socket_t fd;
	int events;          /* UV_READABLE, UV_WRITABLE */
	bool parked;         /* not polled until the engine's gather timer fires */
	uint64_t busy_since; /* ms of the loop's clock */
	unsigned busy_polls; /* since then */
};

static void on_engine_handle_closed(struct http_engine *e)
{
	void (*cb)(void *data) = e->close_cb;
	void *data = e->close_data;

	if (--e->handles > 0)
		return;
	free(e);
	cb(data);
}

static void on_own_handle_closed(uv_handle_t *handle)
{
	on_engine_handle_closed(handle->data);
}

/* T12, T13: the one place that frees a socket's context. */
static void on_socket_closed(uv_handle_t *handle)
{
	struct engine_socket *s = handle->data;
	struct http_engine *e = s->engine;

	free(s);
	on_engine_handle_closed(e);
}

static void socket_close(struct engine_socket *s)
{
	list_remove(&s->link);
	uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

static void on_prompt(uv_idle_t *idle);

/* T8: nothing can be done about it inside libcurl; drive() will, in the loop's next turn. */
static void engine_break(struct http_engine *e)
{
	e->broken = true;
	(void)uv_idle_start(&e->prompt, on_prompt);
}

/* T14: no easy handle is left; then the multi while contexts and loop live; then libuv's handles. */
static void engine_maybe_teardown(struct http_engine *e)
{
	if (!e->closing || e->easies > 0 || e->driving || e->multi == NULL)
		return;
	e->in_curl = true;
	(void)curl_multi_cleanup(e->multi);
	e->in_curl = false;
	e->multi = NULL;
	list_for_each_safe (it, &e->sockets)
		socket_close(container_of(it, struct engine_socket, link));
	uv_close((uv_handle_t *)&e->timer, on_own_handle_closed);
	uv_close((uv_handle_t *)&e->gather, on_own_handle_closed);
	uv_close((uv_handle_t *)&e->prompt, on_own_handle_closed);
}

/* T1, T16: all finished transfers, after every call; each message is copied before its handle is removed. */
static void reap(struct http_engine *e)
{
	struct CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(e->multi, &left)) != NULL) {
		CURL *easy = msg->easy_handle;
		CURLcode result = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		http_engine_remove(e, easy);
		e->owner.done(e->owner.data, easy, result);
	}
}

bool http_engine_may_go_on(struct http_engine *e)
{
	if (!e->owner.may_go_on(e->owner.data))
		e->broken = true;
	return !e->broken;
}

/* Lets libcurl work on one socket, or on what is due, and tells the owner what came of it. */
static void drive(struct http_engine *e, curl_socket_t fd, int events)
{
	int running;

	e->driving = true;
	if (http_engine_may_go_on(e)) {
		e->in_curl = true;
		if (curl_multi_socket_action(e->multi, fd, events, &running) != CURLM_OK)
			e->broken = true; /* T9 */
		e->in_curl = false;
		reap(e);
	}
	if (e->broken && !e->told) {
		e->told = true;
		e->owner.broken(e->owner.data, e);
	}
	e->driving = false;
	engine_maybe_teardown(e);
}

static void on_prompt(uv_idle_t *idle)
{
	(void)uv_idle_stop(idle);
	drive(idle->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct http_engine *e = timer->data;

	e->prompted = 0;
	drive(e, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *data)
{
	struct http_engine *e = data;

	(void)multi;
	if (timeout_ms < 0) {
		(void)uv_timer_stop(&e->timer); /* T2 */
		return 0;
	}
	uv_update_time(e->loop); /* T3 */
	/* T4: "at once" is an idle handle, which does not starve I/O, for a while; the timer never has 0 ms.
	 * T5, T6: this runs inside add, remove and socket_action, so libcurl is not called from here. */
	(void)uv_timer_start(&e->timer, on_timer, timeout_ms > 0 ? (uint64_t)timeout_ms : 1, 0);
	if (timeout_ms == 0 && e->prompted < MAX_PROMPT_RUNS) {
		e->prompted++;
		(void)uv_idle_start(&e->prompt, on_prompt);
	}
	return 0;
}

static int socket_poll(struct engine_socket *s);

static void on_gather(uv_timer_t *timer)
{
	struct http_engine *e = timer->data;

	list_for_each (it, &e->sockets) {
		struct engine_socket *s = container_of(it, struct engine_socket, link);

		if (s->parked && socket_poll(s) != 0)
			engine_break(e);
	}
}

/* A list comes from a server in thousands of small pieces a second, each of which would wake the process up
 * for some microseconds of work: who waits a moment reads many of them at once. */
static bool is_busy(struct engine_socket *s)
{
	uint64_t now_ms = uv_now(s->engine->loop);
	int waiting;

	if (now_ms - s->busy_since >= BUSY_MS) {
		s->busy_since = now_ms;
		s->busy_polls = 0;
	}
	if (++s->busy_polls <= BUSY_POLLS || s->events != UV_READABLE)
		return false;
	return ioctl(s->fd, FIONREAD, &waiting) == 0 && waiting == 0;
}

static void socket_park(struct engine_socket *s)
{
	struct http_engine *e = s->engine;

	(void)uv_poll_stop(&s->poll);
	s->parked = true;
	if (!uv_is_active((uv_handle_t *)&e->gather))
		(void)uv_timer_start(&e->gather, on_gather, GATHER_MS, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct engine_socket *s = poll->data;
	struct http_engine *e = s->engine;
	int flags = 0;

	if (status < 0)
		flags |= CURL_CSELECT_ERR; /* T10 */
	if ((events & UV_READABLE) != 0)
		flags |= CURL_CSELECT_IN;
	if ((events & UV_WRITABLE) != 0)
		flags |= CURL_CSELECT_OUT;
	e->prompted = 0;
	drive(e, s->fd, flags);
	/* T12: @s may be closing by now, but it is memory until its close callback. T10: libuv has switched
	 * the poll off; if libcurl still wants the socket it would be deaf. */
	if (uv_is_closing((uv_handle_t *)poll))
		return;
	if (!uv_is_active((uv_handle_t *)poll) && socket_poll(s) != 0)
		engine_break(e);
	else if (status == 0 && is_busy(s))
		socket_park(s);
}

static int socket_poll(struct engine_socket *s)
{
	s->parked = false;
	return uv_poll_start(&s->poll, s->events, on_poll);
}

static struct engine_socket *socket_open(struct http_engine *e, curl_socket_t fd)
{
	struct engine_socket *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->engine = e;
	s->fd = fd;
	s->poll.data = s;
	if (uv_poll_init_socket(e->loop, &s->poll, fd) != 0) {
		free(s);
		return NULL;
	}
	e->handles++;
	list_push_back(&e->sockets, &s->link);
	/* Allowed inside this callback (T6). */
	if (curl_multi_assign(e->multi, fd, s) != CURLM_OK) {
		socket_close(s);
		return NULL;
	}
	return s;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
	struct http_engine *e = data;
	struct engine_socket *s = socket_data; /* T15: by socket, @easy may be anyone */

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			socket_close(s); /* T11: now, while the descriptor is still this socket's */
		return 0;
	}
	if (s == NULL)
		s = socket_open(e, fd);
	if (s != NULL) {
		s->events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
			    ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
	}
	if (s == NULL || socket_poll(s) != 0)
		engine_break(e);
	return 0;
}

static int multi_open(struct http_engine *e, uint32_t max_connections)
{
	long kept = max_connections != 0 ? (long)max_connections : DEFAULT_KEPT_CONNECTIONS;

	e->multi = curl_multi_init();
	if (e->multi == NULL)
		return -ENOMEM;
	if (curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
	    curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e) != CURLM_OK ||
	    curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) != CURLM_OK ||
	    curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e) != CURLM_OK ||
	    curl_multi_setopt(e->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)max_connections) != CURLM_OK ||
	    curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, kept) != CURLM_OK) {
		(void)curl_multi_cleanup(e->multi);
		return -EIO;
	}
	return 0;
}

int http_engine_open(struct http_engine **out, uv_loop_t *loop, const struct http_engine_owner *owner,
		     uint32_t max_connections)
{
	struct http_engine *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return -ENOMEM;
	e->loop = loop;
	e->owner = *owner;
	list_init(&e->sockets);
	rc = multi_open(e, max_connections);
	if (rc != 0) {
		free(e);
		return rc;
	}
	/* These three cannot fail. */
	(void)uv_timer_init(loop, &e->timer);
	(void)uv_timer_init(loop, &e->gather);
	(void)uv_idle_init(loop, &e->prompt);
	e->timer.data = e;
	e->gather.data = e;
	e->prompt.data = e;
	e->handles = 3;
	*out = e;
	return 0;
}

int http_engine_add(struct http_engine *e, CURL *easy)
{
	CURLMcode rc;

	assert(!e->closing && !e->in_curl);
	e->easies++;
	e->in_curl = true;
	rc = curl_multi_add_handle(e->multi, easy); /* T5: calls on_curl_timer() */
	e->in_curl = false;
	if (rc == CURLM_OK)
		return 0;
	e->easies--;
	return rc == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO;
}

void http_engine_remove(struct http_engine *e, CURL *easy)
{
	assert(!e->in_curl);
	e->in_curl = true;
	(void)curl_multi_remove_handle(e->multi, easy); /* T5: calls on_curl_socket() and on_curl_timer() */
	e->in_curl = false;
	e->easies--;
	engine_maybe_teardown(e);
}

bool http_engine_in_curl(const struct http_engine *e)
{
	return e->in_curl;
}

void http_engine_cut(struct http_engine *e)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	assert(!e->in_curl);
	if (e->cut)
		return;
	e->cut = true;
	/* "Connected to nobody" resets a connection and empties its queue. Refused where the socket is no
	 * connection (T15), which does no harm. */
	list_for_each (it, &e->sockets)
		(void)connect(container_of(it, struct engine_socket, link)->fd, &nobody, sizeof(nobody));
}

void http_engine_close(struct http_engine *e, void (*cb)(void *data), void *data)
{
	assert(!e->closing && !e->in_curl);
	e->closing = true;
	e->close_cb = cb;
	e->close_data = data;
	engine_maybe_teardown(e);
}
