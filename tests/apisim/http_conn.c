#include "apisim/http_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/http_server.h"
#include "apisim/must.h"

#define PENDING_INPUT_MAX (1u << 20)  /* of pipelined requests, then we stop reading */
#define LARGE             (64u << 10) /* not copied behind what waits to be sent */
#define BURST_MAX         (4u << 20)  /* then others have their turn, however fast this client reads */

#define WRITE_MAX (1u << 30) /* at a time: libuv counts in int */

static void process(struct http_conn *c);
static void flush(struct http_conn *c);
static void start_write(struct http_conn *c);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct http_conn *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->server->read_buffer, sizeof(c->server->read_buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct http_conn *c = stream->data;

	if (n < 0) {
		http_conn_close(c);
		return;
	}
	must_add(&c->in, buf->base, (size_t)n);
	c->burst = 0;
	process(c);
	if (!c->closing && c->in.len - c->in_at > PENDING_INPUT_MAX && (c->busy || c->writing)) {
		uv_read_stop(stream);
		c->reading = false;
	}
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct http_conn *c = handle->data;

	if (--c->open_handles > 0)
		return;
	c->server->ops->on_free(c);
	http_request_free(&c->request);
	buf_free(&c->in);
	buf_free(&c->out);
	buf_free(&c->sending);
	http_server_conn_closed(c->server);
	free(c);
}

void http_conn_close(struct http_conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	list_remove(&c->link);
	c->server->ops->on_close(c);
	uv_close((uv_handle_t *)&c->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&c->pace, on_handle_closed);
	uv_close((uv_handle_t *)&c->delay, on_handle_closed);
}

void http_conn_accept(struct http_server *server)
{
	struct http_conn *c = must_alloc(sizeof(*c));

	c->server = server;
	c->tcp.data = c->pace.data = c->delay.data = c;
	c->open_handles = 3;
	list_init(&c->link);
	http_request_init(&c->request);
	must_buf(&c->in);
	must_buf(&c->out);
	must_buf(&c->sending);
	(void)uv_tcp_init(server->loop, &c->tcp);
	(void)uv_timer_init(server->loop, &c->pace);
	(void)uv_timer_init(server->loop, &c->delay);
	list_push_back(&server->conns, &c->link);
	server->open_conns++;
	if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&c->tcp) != 0 ||
	    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0) {
		http_conn_close(c);
		return;
	}
	c->reading = true;
	(void)uv_tcp_nodelay(&c->tcp, 1);
}

/* A request that is no HTTP: an answer of its own, then the end. */
static void reject(struct http_conn *c, int status)
{
	struct response r;

	response_init(&r);
	response_text(&r, status, status == 431 ? "431 Request Header Fields Too Large" : "400 Bad Request");
	response_write_head(&r, false, true, &c->out);
	must_add(&c->out, r.body.data, r.body.len);
	response_free(&r);
	c->close_after = true;
	c->busy = true; /* what follows is not read */
	flush(c);
}

/* Feeds the parser with what has been read. False where it needs more or is broken. */
static bool parse(struct http_conn *c)
{
	size_t used;
	int status = http_request_feed(&c->request, c->in.data + c->in_at, c->in.len - c->in_at, &used);

	c->in_at += used;
	if (status != 0) {
		reject(c, status);
		return false;
	}
	if (c->request.expects_continue && c->request.state != HTTP_HEAD) {
		c->request.expects_continue = false;
		if (c->request.state != HTTP_DONE) {
			must_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
			flush(c);
			return true;
		}
	}
	return c->request.state == HTTP_DONE;
}

static void process(struct http_conn *c)
{
	if (c->processing)
		return;
	c->processing = true;
	while (!c->closing && !c->busy && !c->writing && c->in_at < c->in.len) {
		if (!parse(c))
			break;
		if (c->request.state == HTTP_DONE) {
			c->busy = true;
			c->server->ops->on_request(c);
		}
	}
	if (c->in_at == c->in.len) {
		buf_reset(&c->in);
		c->in_at = 0;
	} else if (c->in_at > c->in.len / 2) {
		memmove(c->in.data, c->in.data + c->in_at, c->in.len - c->in_at);
		c->in.len -= c->in_at;
		c->in_at = 0;
	}
	c->processing = false;
	if (!c->closing && !c->reading && !c->busy) {
		c->reading = true;
		(void)uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
	}
}

/* Nothing is left to send. */
static void drained(struct http_conn *c)
{
	if (c->close_after) {
		http_conn_close(c);
		return;
	}
	if (!c->streaming) {
		c->shape = (struct http_shape){.cut_after = SIZE_MAX};
		process(c);
		return;
	}
	c->server->ops->on_drained(c);
}

static void on_pace(uv_timer_t *timer)
{
	struct http_conn *c = timer->data;

	c->pausing = false;
	flush(c);
}

static void on_written(uv_write_t *write, int status)
{
	struct http_conn *c = write->data;

	c->writing = false;
	if (c->closing)
		return;
	if (status != 0) {
		http_conn_close(c);
		return;
	}
	if (c->sending_at < c->sending.len) {
		start_write(c);
		return;
	}
	buf_reset(&c->sending);
	c->sending_at = 0;
	if (c->shape.pause_ms > 0 && c->out.len > 0) {
		c->pausing = true;
		(void)uv_timer_start(&c->pace, on_pace, c->shape.pause_ms, 0);
		return;
	}
	if (c->out.len > 0)
		flush(c);
	else
		drained(c);
}

static uv_buf_t part_of(const struct buf *b, size_t at)
{
	size_t rest = b->len - at;

	return uv_buf_init(b->data + at, rest < WRITE_MAX ? (unsigned)rest : WRITE_MAX);
}

/* Writes what is in sending from sending_at on. */
static void start_write(struct http_conn *c)
{
	uv_buf_t part = part_of(&c->sending, c->sending_at);

	c->sending_at += part.len;
	c->burst = 0;
	c->write.data = c;
	c->writing = true;
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &part, 1, on_written) != 0) {
		c->writing = false;
		http_conn_close(c);
	}
}

/* Moves the first @n bytes of out to sending and writes them. */
static void send_some(struct http_conn *c, size_t n)
{
	must_add(&c->sending, c->out.data, n);
	memmove(c->out.data, c->out.data + n, c->out.len - n);
	c->out.len -= n;
	start_write(c);
}

static void swap(struct buf *a, struct buf *b)
{
	struct buf c = *a;

	*a = *b;
	*b = c;
}

/* Writes out from @at on: the rest has gone. */
static void send_rest(struct http_conn *c, size_t at)
{
	c->burst += at;
	if (at == c->out.len) {
		buf_reset(&c->out);
		drained(c);
		return;
	}
	swap(&c->out, &c->sending);
	c->sending_at = at;
	start_write(c);
}

/* Writes what goes out at once. Returns how much that was; -1 where the connection is gone. */
static ssize_t try_write(struct http_conn *c, const uv_buf_t *parts, unsigned count)
{
	int n;

	if (c->burst > BURST_MAX)
		return 0;
	n = uv_try_write((uv_stream_t *)&c->tcp, parts, count);
	if (n >= 0 || n == UV_EAGAIN)
		return n >= 0 ? n : 0;
	http_conn_close(c);
	return -1;
}

static void flush(struct http_conn *c)
{
	uv_buf_t part;
	ssize_t n;

	if (c->writing || c->pausing || c->closing)
		return;
	if (c->out.len == 0) {
		drained(c);
		return;
	}
	if (c->shape.chunk > 0) {
		send_some(c, c->out.len < c->shape.chunk ? c->out.len : c->shape.chunk);
		return;
	}
	part = part_of(&c->out, 0);
	n = try_write(c, &part, 1);
	if (n >= 0)
		send_rest(c, (size_t)n);
}

/* Sends what is in out and then @body, which comes back empty. */
static void flush_with(struct http_conn *c, struct buf *body)
{
	size_t head = c->out.len;
	uv_buf_t parts[2];
	ssize_t n = 0;

	if (!c->writing && !c->pausing && body->len >= LARGE) {
		parts[0] = part_of(&c->out, 0);
		parts[1] = part_of(body, 0);
		n = try_write(c, parts, 2);
	}
	if (n < 0)
		return;
	if (n > 0 && (size_t)n >= head) {
		swap(&c->out, body);
		buf_reset(body);
		send_rest(c, (size_t)n - head);
		return;
	}
	must_add(&c->out, buf_str(body), body->len);
	buf_reset(body);
	if (n > 0)
		send_rest(c, (size_t)n);
	else
		flush(c);
}

/* Body bytes, in chunks where the answer is chunked. */
static void add_body(struct http_conn *c, const char *data, size_t len, bool chunked)
{
	char size[24];

	if (len > c->shape.cut_after) {
		len = c->shape.cut_after;
		c->close_after = true;
	}
	if (c->shape.cut_after != SIZE_MAX)
		c->shape.cut_after -= len;
	while (len > 0) {
		size_t n = chunked && c->shape.chunk > 0 && c->shape.chunk < len ? c->shape.chunk : len;

		if (chunked) {
			int digits = snprintf(size, sizeof(size), "%zx\r\n", n);

			must_add(&c->out, size, (size_t)digits);
		}
		must_add(&c->out, data, n);
		if (chunked)
			must_add(&c->out, "\r\n", 2);
		data += n;
		len -= n;
	}
}

/* As it is: neither in chunks nor cut. */
static bool straight(const struct http_conn *c)
{
	return c->shape.chunk == 0 && c->shape.cut_after == SIZE_MAX;
}

void http_conn_respond(struct http_conn *c, struct response *r, const struct http_shape *shape)
{
	bool chunked;

	if (c->closing)
		return;
	if (shape != NULL)
		c->shape = *shape;
	else
		c->shape = (struct http_shape){.cut_after = SIZE_MAX};
	chunked = c->shape.chunk > 0 && !r->no_body;
	c->close_after = !c->request.keep_alive;
	response_write_head(r, chunked, c->close_after, &c->out);
	http_request_reset(&c->request);
	c->busy = false;
	if (straight(c) && !r->no_body) {
		flush_with(c, &r->body);
		return;
	}
	if (!r->no_body)
		add_body(c, r->body.data, r->body.len, chunked);
	if (chunked && !c->close_after)
		must_text(&c->out, "0\r\n\r\n");
	flush(c);
}

void http_conn_stream_begin(struct http_conn *c, const struct response *r, const struct http_shape *shape)
{
	if (shape != NULL)
		c->shape = *shape;
	else
		c->shape = (struct http_shape){.cut_after = SIZE_MAX};
	c->streaming = true;
	response_write_head(r, true, false, &c->out);
	flush(c);
}

void http_conn_stream(struct http_conn *c, const void *data, size_t len)
{
	if (c->closing || c->close_after)
		return;
	add_body(c, data, len, true);
	flush(c);
}

void http_conn_stream_buf(struct http_conn *c, struct buf *data)
{
	char size[24];
	int digits = snprintf(size, sizeof(size), "%zx\r\n", data->len);

	if (!straight(c)) {
		http_conn_stream(c, data->data, data->len);
		buf_reset(data);
		return;
	}
	if (c->closing || c->close_after)
		return;
	must_add(&c->out, size, (size_t)digits);
	must_add(data, "\r\n", 2);
	flush_with(c, data);
}

void http_conn_stream_end(struct http_conn *c)
{
	if (c->closing)
		return;
	must_text(&c->out, "0\r\n\r\n");
	c->streaming = false;
	c->close_after = c->close_after || !c->request.keep_alive;
	http_request_reset(&c->request);
	c->busy = false;
	flush(c);
}

size_t http_conn_pending(const struct http_conn *c)
{
	return c->out.len + c->sending.len;
}

static void on_delay(uv_timer_t *timer)
{
	struct http_conn *c = timer->data;

	c->on_delay(c);
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
