/* apisim's http_conn.h and http_server.h with lines of the wire instead of sockets. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/http_server.h"
#include "apisim/must.h"
#include "base/macros.h"
#include "sim/whole/side.h"
#include "sim/whole/world.h"

static struct side *side_of(struct http_conn *c)
{
	return container_of(c, struct side, conn);
}

static struct server *server_of(struct http_server *s)
{
	return vloop_of(s->loop)->owner;
}

/* ---- a connection's life ---- */

struct side *side_new(struct server *s, struct line *line)
{
	struct side *side = must_alloc(sizeof(*side));
	struct http_conn *c = &side->conn;

	side->line = line;
	c->server = &s->sim->http;
	list_init(&c->link);
	http_request_init(&c->request);
	(void)uv_timer_init(&s->loop.uv, &c->delay);
	c->delay.data = c;
	c->server->open_conns++;
	if (line != NULL)
		list_push_back(&c->server->conns, &c->link);
	return side;
}

static void maybe_closed(struct http_server *s)
{
	if (s->closing && s->open_handles == 0 && s->open_conns == 0)
		s->on_closed(s);
}

void http_server_conn_closed(struct http_server *s)
{
	s->open_conns--;
	maybe_closed(s);
}

static void on_delay_closed(uv_handle_t *handle)
{
	struct http_conn *c = handle->data;

	c->server->ops->on_free(c);
	http_request_free(&c->request);
	http_server_conn_closed(c->server);
	free(side_of(c));
}

void http_conn_close(struct http_conn *c)
{
	struct side *side = side_of(c);
	struct line *line = side->line;

	if (c->closing)
		return;
	c->closing = true;
	list_remove(&c->link);
	c->server->ops->on_close(c);
	uv_close((uv_handle_t *)&c->delay, on_delay_closed);
	side->line = NULL;
	if (line != NULL)
		line_hang_up(line);
}

void side_close(struct side *side)
{
	http_conn_close(&side->conn);
}

/* ---- requests ---- */

void side_request(struct side *side, const struct buf *text, struct letter *letter)
{
	struct http_conn *c = &side->conn;
	struct server *s = server_of(c->server);
	size_t used;

	if (http_request_feed(&c->request, text->data, text->len, &used) != 0 ||
	    c->request.state != HTTP_DONE || used != text->len)
		abort(); /* what our own client writes is HTTP */
	side->letter = letter;
	s->cause = letter;
	c->busy = true;
	c->server->ops->on_request(c);
	s->cause = &s->nobody;
}

static void on_delay(uv_timer_t *timer)
{
	struct http_conn *c = timer->data;
	struct server *s = server_of(c->server);

	s->cause = side_of(c)->letter;
	c->on_delay(c);
	s->cause = &s->nobody;
}

void http_conn_after(struct http_conn *c, uint64_t ms, void (*cb)(struct http_conn *c))
{
	if (c->closing)
		return;
	c->on_delay = cb;
	uv_update_time(c->server->loop);
	(void)uv_timer_start(&c->delay, on_delay, ms, 0);
}

void http_conn_cancel_after(struct http_conn *c)
{
	(void)uv_timer_stop(&c->delay);
}

/* ---- answers ---- */

/* What a gateway says that has waited too long, or what comes from something that is no API server at all. */
static void replace(struct response *r, const struct mishap *m)
{
	if (m->after_gateway)
		status_answer(r, 504, "Timeout",
			      "Timeout: request did not complete within the allotted timeout", NULL);
	else if (m->garbled)
		response_text(r, 200, "<html><title>Sign in</title></html>");
	else if (m->refused == 429)
		status_answer(r, 429, "TooManyRequests", "Too many requests, please try again later.",
			      &(struct status_details){.retry_after = 1});
	else if (m->refused == 403)
		status_answer(r, 403, "Forbidden", "forbidden", NULL);
	else if (m->refused == 503)
		status_answer(r, 503, "ServiceUnavailable",
			      "the server is currently unable to handle the request", NULL);
	else if (m->refused == 404)
		response_text(r, 404, "404 page not found\n");
	else
		status_answer(r, 500, "InternalError", "Internal error occurred", NULL);
}

static void send_all(struct line *l, const struct response *r)
{
	const struct piece piece = {
		.first = true,
		.last = true,
		.status = r->status,
		.retry_after_s = r->retry_after,
		.warnings = &r->warnings,
		.bytes = r->no_body ? NULL : buf_str(&r->body),
		.len = r->no_body ? 0 : r->body.len,
	};

	line_answer(l, &piece);
}

static void send_answer(struct line *l, const struct response *r)
{
	const struct mishap *m = &l->mishap;
	struct response other;

	if (!m->after_gateway && !m->garbled && m->refused == 0) {
		send_all(l, r);
		return;
	}
	response_init(&other);
	replace(&other, m);
	send_all(l, &other);
	response_free(&other);
}

void side_refuse(struct side *side)
{
	struct response none;

	response_init(&none);
	send_answer(side->line, &none);
	response_free(&none);
}

void http_conn_respond(struct http_conn *c, struct response *r, const struct http_shape *shape)
{
	struct side *side = side_of(c);

	(void)shape;
	if (c->closing)
		return;
	http_request_reset(&c->request);
	c->busy = false;
	if (side->line != NULL)
		send_answer(side->line, r);
	else
		side->status = r->status;
}

void http_conn_stream_begin(struct http_conn *c, const struct response *r, const struct http_shape *shape)
{
	struct line *l = side_of(c)->line;

	(void)shape;
	c->streaming = true;
	if (l == NULL)
		return;
	l->streaming = true;
	line_answer(l, &(struct piece){.first = true, .status = r->status, .warnings = &r->warnings});
}

void http_conn_stream(struct http_conn *c, const void *data, size_t len)
{
	struct line *l = side_of(c)->line;

	if (!c->closing && l != NULL)
		line_answer(l, &(struct piece){.bytes = data, .len = len});
}

void http_conn_stream_buf(struct http_conn *c, struct buf *data)
{
	http_conn_stream(c, buf_str(data), data->len);
	buf_reset(data);
}

void http_conn_stream_end(struct http_conn *c)
{
	struct line *l = side_of(c)->line;

	if (c->closing)
		return;
	c->streaming = false;
	http_request_reset(&c->request);
	c->busy = false;
	if (l != NULL)
		line_answer(l, &(struct piece){.last = true});
}

size_t http_conn_pending(const struct http_conn *c)
{
	(void)c;
	return 0;
}

/* ---- the server's life ---- */

static void on_resume_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;

	s->open_handles--;
	maybe_closed(s);
}

int http_server_init(struct http_server *s, uv_loop_t *loop, int port, const struct http_conn_ops *ops,
		     struct error *err)
{
	(void)err;
	memset(s, 0, offsetof(struct http_server, read_buffer));
	s->loop = loop;
	s->ops = ops;
	s->port = port;
	s->listening = true;
	list_init(&s->conns);
	(void)uv_timer_init(loop, &s->resume);
	s->resume.data = s;
	s->open_handles = 1;
	return 0;
}

void http_server_drop_all(struct http_server *s)
{
	list_for_each_safe (it, &s->conns)
		http_conn_close(container_of(it, struct http_conn, link));
}

static void on_resume(uv_timer_t *timer)
{
	struct http_server *s = timer->data;

	s->listening = true;
}

void http_server_pause(struct http_server *s, uint64_t ms)
{
	s->listening = false;
	server_of(s)->epoch++;
	http_server_drop_all(s);
	uv_update_time(s->loop);
	(void)uv_timer_start(&s->resume, on_resume, ms > 0 ? ms : 1, 0);
}

void http_server_end(struct http_server *s, void (*cb)(struct http_server *s))
{
	assert(!s->closing);
	s->closing = true;
	s->on_closed = cb;
	http_server_drop_all(s);
	uv_close((uv_handle_t *)&s->resume, on_resume_closed);
}
