#include "support/fake_server.h"

#include <check.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>

#include "base/buf.h"
#include "base/list.h"

#define REQUEST_MAX (64u << 20)
#define UNSENT_MAX  (256u << 20)
#define BACKLOG     128

#define RESET_GRACE_TURNS 4

enum ending { STAY, CLOSE, RESET };

struct fake_conn {
	struct fake_server *server;
	struct list link; /* in fake_server.conns, until the server is freed */
	uv_tcp_t tcp;
	uv_idle_t writer; /* active while there is something to send or to end */
	struct buf in;
	struct buf out;
	size_t sent; /* of out */
	size_t number;
	enum ending ending;
	unsigned grace; /* turns that a reset has waited since the peer's kernel had everything */
	bool closing;
};

/* Apart from the server because stopping needs a handle that outlives the call. */
struct listener {
	uv_tcp_t tcp;
	struct fake_server *server;
};

struct fake_server {
	uv_loop_t *loop;
	struct listener *listener; /* NULL while stopped */
	uv_idle_t anchor;          /* never active: something to close where nothing else is open */
	struct list conns;
	size_t handles; /* not yet closed: anchor, listeners, two of each connection */
	fake_server_handler handler;
	void *data;
	enum fake_accept accept;
	size_t write_size;
	size_t requests;
	size_t connections;
	char url[64];
	uint16_t port;
	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

/* The one place that knows what must have ended before the server is gone. */
static void maybe_closed(struct fake_server *s)
{
	void (*cb)(void *data) = s->close_cb;
	void *data = s->close_data;

	if (!s->closing || s->handles > 0)
		return;
	list_for_each_safe (it, &s->conns) {
		struct fake_conn *c = container_of(it, struct fake_conn, link);

		list_remove(it);
		buf_free(&c->in);
		buf_free(&c->out);
		free(c);
	}
	free(s);
	if (cb != NULL)
		cb(data);
}

static void on_conn_handle_closed(uv_handle_t *handle)
{
	struct fake_conn *c = handle->data;

	c->server->handles--;
	maybe_closed(c->server);
}

static void conn_end(struct fake_conn *c, enum ending how)
{
	if (c->closing)
		return;
	c->closing = true;
	buf_free(&c->in);
	buf_free(&c->out);
	c->sent = 0;
	uv_close((uv_handle_t *)&c->writer, on_conn_handle_closed);
	if (how != RESET || uv_tcp_close_reset(&c->tcp, on_conn_handle_closed) != 0)
		uv_close((uv_handle_t *)&c->tcp, on_conn_handle_closed);
}

/* A reset makes the peer's kernel throw away what the peer has not read. So before it everything must have
 * been acknowledged, and then a client in the same loop gets some turns. */
static bool peer_has_read(struct fake_conn *c)
{
	uv_os_fd_t fd;
	int unacknowledged = 0;

	if (uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0 || ioctl(fd, SIOCOUTQ, &unacknowledged) != 0)
		return true;
	if (unacknowledged > 0)
		return false;
	return c->grace++ >= RESET_GRACE_TURNS;
}

/* One turn of the loop: sends what the server's write size allows, ends the connection when all has left. */
static void on_write_turn(uv_idle_t *idle)
{
	struct fake_conn *c = idle->data;
	size_t left = c->out.len - c->sent;
	size_t most = c->server->write_size;
	uv_buf_t bytes;
	int n;

	if (left > 0) {
		bytes = uv_buf_init(c->out.data + c->sent,
				    (unsigned)(most != 0 && most < left ? most : left));
		n = uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1);
		if (n == UV_EAGAIN)
			return;
		if (n < 0) {
			conn_end(c, CLOSE);
			return;
		}
		c->sent += (size_t)n;
		if (c->sent < c->out.len)
			return;
	}
	if (c->ending == RESET && !peer_has_read(c))
		return;
	buf_reset(&c->out);
	c->sent = 0;
	(void)uv_idle_stop(idle);
	if (c->ending != STAY)
		conn_end(c, c->ending);
}

static void wake_writer(struct fake_conn *c)
{
	ck_assert_int_eq(uv_idle_start(&c->writer, on_write_turn), 0);
}

static void split_headers(struct fake_request *r, char *line)
{
	char *next;

	for (; line != NULL && *line != '\0'; line = next) {
		char *value;

		next = strstr(line, "\r\n");
		if (next != NULL) {
			*next = '\0';
			next += 2;
		}
		value = strchr(line, ':');
		ck_assert_msg(value != NULL, "header without a colon: %s", line);
		*value++ = '\0';
		value += strspn(value, " \t");
		ck_assert_uint_lt(r->header_count, FAKE_REQUEST_MAX_HEADERS);
		r->headers[r->header_count++] = (struct fake_header){.name = line, .value = value};
	}
}

/* Reads a head that ends before an empty line; @head is cut into pieces. */
static void parse_head(struct fake_request *r, char *head)
{
	char *lines = strstr(head, "\r\n");
	char *space;

	if (lines != NULL) {
		*lines = '\0';
		lines += 2;
	}
	r->method = head;
	space = strchr(head, ' ');
	ck_assert_msg(space != NULL, "no request line: %s", head);
	*space = '\0';
	r->target = space + 1;
	space = strchr(space + 1, ' ');
	ck_assert_msg(space != NULL && strcmp(space, " HTTP/1.1") == 0, "no HTTP/1.1 request");
	*space = '\0';
	split_headers(r, lines);
}

/* Hands the first complete request of c->in to the handler and takes it off. False: there is none. */
static bool take_request(struct fake_conn *c)
{
	struct fake_server *s = c->server;
	struct fake_request r = {.connection = c->number};
	AUTO_FREE char *head = NULL;
	AUTO_FREE char *body = NULL;
	char *end = c->in.data != NULL ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL;
	size_t head_len;
	const char *length;
	size_t rest;

	if (end == NULL)
		return false;
	head_len = (size_t)(end - c->in.data);
	head = strndup(c->in.data, head_len);
	ck_assert_ptr_nonnull(head);
	parse_head(&r, head);
	length = fake_request_header(&r, "Content-Length");
	r.body_len = length != NULL ? (size_t)strtoull(length, NULL, 10) : 0;
	if (c->in.len - head_len - 4 < r.body_len)
		return false;
	body = calloc(1, r.body_len + 1);
	ck_assert_ptr_nonnull(body);
	memcpy(body, end + 4, r.body_len);
	r.body = body;
	rest = c->in.len - head_len - 4 - r.body_len;
	memmove(c->in.data, end + 4 + r.body_len, rest);
	c->in.len = rest;
	c->in.data[rest] = '\0';
	r.number = ++s->requests;
	if (s->handler != NULL)
		s->handler(s->data, c, &r);
	return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	(void)handle;
	out->base = malloc(suggested);
	out->len = out->base != NULL ? suggested : 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct fake_conn *c = stream->data;

	if (n > 0)
		ck_assert_int_eq(buf_add(&c->in, bytes->base, (size_t)n), 0);
	free(bytes->base);
	if (n < 0) {
		conn_end(c, CLOSE);
		return;
	}
	while (!c->closing && take_request(c))
		;
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct listener *l = stream->data;
	struct fake_server *s = l->server;
	struct fake_conn *c = calloc(1, sizeof(*c));

	ck_assert_int_eq(status, 0);
	ck_assert_ptr_nonnull(c);
	c->server = s;
	c->number = ++s->connections;
	buf_init(&c->in, REQUEST_MAX);
	buf_init(&c->out, UNSENT_MAX);
	list_push_back(&s->conns, &c->link);
	c->tcp.data = c;
	c->writer.data = c;
	ck_assert_int_eq(uv_tcp_init(s->loop, &c->tcp), 0);
	ck_assert_int_eq(uv_idle_init(s->loop, &c->writer), 0);
	s->handles += 2;
	ck_assert_int_eq(uv_accept(stream, (uv_stream_t *)&c->tcp), 0);
	(void)uv_tcp_nodelay(&c->tcp, 1);
	if (s->accept == FAKE_ACCEPT_CLOSE || s->accept == FAKE_ACCEPT_RESET)
		conn_end(c, s->accept == FAKE_ACCEPT_RESET ? RESET : CLOSE);
	else if (s->accept == FAKE_ACCEPT)
		ck_assert_int_eq(uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read), 0);
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct listener *l = handle->data;
	struct fake_server *s = l->server;

	free(l);
	s->handles--;
	maybe_closed(s);
}

static void on_anchor_closed(uv_handle_t *handle)
{
	struct fake_server *s = handle->data;

	s->handles--;
	maybe_closed(s);
}

static void listen_on(struct fake_server *s, uint16_t port)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct sockaddr_in addr;
	int len = sizeof(addr);

	ck_assert_ptr_nonnull(l);
	l->server = s;
	l->tcp.data = l;
	ck_assert_int_eq(uv_tcp_init(s->loop, &l->tcp), 0);
	ck_assert_int_eq(uv_ip4_addr("127.0.0.1", port, &addr), 0);
	ck_assert_int_eq(uv_tcp_bind(&l->tcp, (const struct sockaddr *)&addr, 0), 0);
	ck_assert_int_eq(uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection), 0);
	ck_assert_int_eq(uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&addr, &len), 0);
	s->port = ntohs(addr.sin_port);
	s->listener = l;
	s->handles++;
}

struct fake_server *fake_server_open(uv_loop_t *loop, fake_server_handler handler, void *data)
{
	struct fake_server *s = calloc(1, sizeof(*s));

	ck_assert_ptr_nonnull(s);
	s->loop = loop;
	s->handler = handler;
	s->data = data;
	list_init(&s->conns);
	s->anchor.data = s;
	ck_assert_int_eq(uv_idle_init(loop, &s->anchor), 0);
	s->handles = 1;
	listen_on(s, 0);
	(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", s->port);
	return s;
}

const char *fake_server_url(const struct fake_server *s)
{
	return s->url;
}

uint16_t fake_server_port(const struct fake_server *s)
{
	return s->port;
}

void fake_server_set_handler(struct fake_server *s, fake_server_handler handler, void *data)
{
	s->handler = handler;
	s->data = data;
}

void fake_server_set_accept(struct fake_server *s, enum fake_accept accept)
{
	s->accept = accept;
}

void fake_server_set_write_size(struct fake_server *s, size_t bytes)
{
	s->write_size = bytes;
}

void fake_server_stop(struct fake_server *s)
{
	if (s->listener == NULL)
		return;
	uv_close((uv_handle_t *)&s->listener->tcp, on_listener_closed);
	s->listener = NULL;
}

void fake_server_restart(struct fake_server *s)
{
	ck_assert_ptr_null(s->listener);
	listen_on(s, s->port);
}

void fake_server_reset_all(struct fake_server *s)
{
	list_for_each (it, &s->conns)
		conn_end(container_of(it, struct fake_conn, link), RESET);
}

size_t fake_server_requests(const struct fake_server *s)
{
	return s->requests;
}

size_t fake_server_connections(const struct fake_server *s)
{
	return s->connections;
}

size_t fake_server_open_connections(const struct fake_server *s)
{
	size_t n = 0;

	list_for_each (it, &s->conns)
		n += container_of(it, struct fake_conn, link)->closing ? 0 : 1;
	return n;
}

void fake_server_close(struct fake_server *s, void (*cb)(void *data), void *data)
{
	ck_assert(!s->closing);
	s->closing = true;
	s->close_cb = cb;
	s->close_data = data;
	fake_server_stop(s);
	list_for_each (it, &s->conns)
		conn_end(container_of(it, struct fake_conn, link), CLOSE);
	uv_close((uv_handle_t *)&s->anchor, on_anchor_closed);
}

const char *fake_request_header(const struct fake_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

size_t fake_request_header_count(const struct fake_request *request, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < request->header_count; i++)
		n += strcasecmp(request->headers[i].name, name) == 0 ? 1 : 0;
	return n;
}

void fake_conn_send(struct fake_conn *c, const void *bytes, size_t n)
{
	if (c->closing || c->ending != STAY)
		return;
	ck_assert_int_eq(buf_add(&c->out, bytes, n), 0);
	wake_writer(c);
}

void fake_conn_printf(struct fake_conn *c, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	ck_assert_int_ge(n, 0);
	fake_conn_send(c, text, (size_t)n);
}

void fake_conn_answer(struct fake_conn *c, int status, const char *headers, const char *body)
{
	fake_conn_printf(c, "HTTP/1.1 %d Status\r\n%sContent-Length: %zu\r\n\r\n%s", status,
			 headers != NULL ? headers : "", strlen(body), body);
}

void fake_conn_begin(struct fake_conn *c, int status, const char *headers)
{
	fake_conn_printf(c, "HTTP/1.1 %d Status\r\n%sTransfer-Encoding: chunked\r\n\r\n", status,
			 headers != NULL ? headers : "");
}

void fake_conn_chunk_bytes(struct fake_conn *c, const void *bytes, size_t n)
{
	fake_conn_printf(c, "%zx\r\n", n);
	fake_conn_send(c, bytes, n);
	fake_conn_send(c, "\r\n", 2);
}

void fake_conn_chunk(struct fake_conn *c, const char *text)
{
	fake_conn_chunk_bytes(c, text, strlen(text));
}

void fake_conn_end(struct fake_conn *c)
{
	fake_conn_send(c, "0\r\n\r\n", 5);
}

static void conn_ask_end(struct fake_conn *c, enum ending how)
{
	if (c->closing)
		return;
	c->ending = how;
	wake_writer(c);
}

void fake_conn_close(struct fake_conn *c)
{
	conn_ask_end(c, CLOSE);
}

void fake_conn_reset(struct fake_conn *c)
{
	conn_ask_end(c, RESET);
}

bool fake_conn_is_open(const struct fake_conn *c)
{
	return !c->closing;
}

size_t fake_conn_unsent(const struct fake_conn *c)
{
	return c->out.len - c->sent;
}
