/**
 * test_apisim_client: an apisim and one client of it, in one loop, for tests of what goes over the socket.
 */
#ifndef TEST_APISIM_CLIENT_H
#define TEST_APISIM_CLIENT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "apisim/apisim.h"
#include "apisim/must.h"

/* A server and one client of it, in one loop. */
struct client {
	uv_loop_t loop;
	struct apisim sim;
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	const char *request;
	struct buf got;
	bool closed;
	char room[65536];
};

static inline void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->room, sizeof(c->room));
}

static inline void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = stream->data;

	if (n > 0)
		must_add(&c->got, buf->base, (size_t)n);
	if (n < 0)
		c->closed = true;
}

static inline void on_connected(uv_connect_t *connect, int status)
{
	struct client *c = connect->data;
	uv_buf_t text = uv_buf_init((char *)(uintptr_t)c->request, (unsigned)strlen(c->request));

	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read), 0);
	ck_assert_int_eq(uv_write(&c->write, (uv_stream_t *)&c->tcp, &text, 1, NULL), 0);
}

static inline void client_open(struct client *c)
{
	struct apisim_options o;
	struct error err;

	memset(c, 0, sizeof(*c));
	apisim_options_init(&o);
	must_buf(&c->got);
	ck_assert_int_eq(uv_loop_init(&c->loop), 0);
	ck_assert_msg(apisim_init(&c->sim, &c->loop, &o, &err) == 0, "%s", err.message);
}

/* Sends @request, borrowed, on a connection of its own. */
static inline void connect_client(struct client *c, const char *request)
{
	struct sockaddr_in address;

	buf_reset(&c->got);
	c->closed = false;
	c->request = request;
	c->tcp.data = c->connect.data = c;
	ck_assert_int_eq(uv_tcp_init(&c->loop, &c->tcp), 0);
	ck_assert_int_eq(uv_ip4_addr("127.0.0.1", apisim_port(&c->sim), &address), 0);
	ck_assert_int_eq(
		uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&address, on_connected), 0);
}

/* Sends @request and runs the loop until the server has closed the connection. What came is borrowed until
 * then. */
static inline const char *talk(struct client *c, const char *request)
{
	connect_client(c, request);
	while (!c->closed)
		uv_run(&c->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&c->tcp, NULL);
	uv_run(&c->loop, UV_RUN_NOWAIT);
	return buf_str(&c->got);
}

static inline void on_sim_closed(struct apisim *s)
{
	(void)s;
}

static inline void client_close(struct client *c)
{
	apisim_close(&c->sim, on_sim_closed);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&c->loop), 0);
	buf_free(&c->got);
}

#define VMIS "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances"
#define VMI                                                                                                  \
	"{\"apiVersion\":\"kubevirt.io/"                                                                     \
	"v1\",\"kind\":\"VirtualMachineInstance\",\"metadata\":{\"name\":\"a\"},"                            \
	"\"spec\":{\"domain\":{\"devices\":{}}}}"

/* Appends a request; the last one of a connection asks the server to close it. */
static inline void add_request(struct buf *out, const char *method, const char *path, const char *body,
			       bool last)
{
	must_printf(out, "%s %s HTTP/1.1\r\n%sContent-Length: %zu\r\n\r\n%s", method, path,
		    last ? "Connection: close\r\n" : "", strlen(body), body);
}

/* One request and its answer. */
static inline const char *call(struct client *c, const char *method, const char *path, const char *body)
{
	AUTO_BUF struct buf request;

	must_buf(&request);
	add_request(&request, method, path, body, true);
	return talk(c, request.data);
}

#endif
