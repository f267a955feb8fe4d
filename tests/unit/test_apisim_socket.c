#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "apisim/apisim.h"
#include "apisim/must.h"
#include "support/suite.h"

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

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->room, sizeof(c->room));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = stream->data;

	if (n > 0)
		must_add(&c->got, buf->base, (size_t)n);
	if (n < 0)
		c->closed = true;
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct client *c = connect->data;
	uv_buf_t text = uv_buf_init((char *)(uintptr_t)c->request, (unsigned)strlen(c->request));

	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read), 0);
	ck_assert_int_eq(uv_write(&c->write, (uv_stream_t *)&c->tcp, &text, 1, NULL), 0);
}

static void client_open(struct client *c)
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
static void connect_client(struct client *c, const char *request)
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
static const char *talk(struct client *c, const char *request)
{
	connect_client(c, request);
	while (!c->closed)
		uv_run(&c->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&c->tcp, NULL);
	uv_run(&c->loop, UV_RUN_NOWAIT);
	return buf_str(&c->got);
}

static void on_sim_closed(struct apisim *s)
{
	(void)s;
}

static void client_close(struct client *c)
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
static void add_request(struct buf *out, const char *method, const char *path, const char *body, bool last)
{
	must_printf(out, "%s %s HTTP/1.1\r\n%sContent-Length: %zu\r\n\r\n%s", method, path,
		    last ? "Connection: close\r\n" : "", strlen(body), body);
}

/* One request and its answer. */
static const char *call(struct client *c, const char *method, const char *path, const char *body)
{
	AUTO_BUF struct buf request;

	must_buf(&request);
	add_request(&request, method, path, body, true);
	return talk(c, request.data);
}

START_TEST(pipelined_requests_are_answered_in_order)
{
	struct client *c = must_alloc(sizeof(*c));
	AUTO_BUF struct buf requests;
	const char *created;
	const char *refused;
	const char *listed;

	must_buf(&requests);
	add_request(&requests, "POST", VMIS, VMI, false);
	add_request(&requests, "POST", VMIS, VMI, false);
	add_request(&requests, "GET", VMIS, "", true);
	client_open(c);
	created = talk(c, requests.data);
	ck_assert_msg(strncmp(created, "HTTP/1.1 201 ", 13) == 0, "%s", created);
	refused = strstr(created, "HTTP/1.1 409 ");
	ck_assert_msg(refused != NULL, "%s", created);
	listed = strstr(refused, "HTTP/1.1 200 ");
	ck_assert_msg(listed != NULL, "%s", refused);
	ck_assert_ptr_nonnull(strstr(listed, "\"items\":[{\"apiVersion\":\"kubevirt.io/v1\""));
	client_close(c);
	free(c);
}
END_TEST

START_TEST(a_watch_tells_of_a_write_and_ends_when_told_to)
{
	struct client *c = must_alloc(sizeof(*c));
	const char *got;

	client_open(c);
	(void)call(c, "POST", "/apisim/faults",
		   "{\"match\":{\"verb\":\"watch\"},\"effect\":{\"endWatchAfterEvents\":1}}");
	(void)call(c, "POST", VMIS, VMI);
	got = call(c, "GET", VMIS "?watch=1", "");
	ck_assert_msg(strstr(got, "{\"type\":\"ADDED\",\"object\":{\"apiVersion\":\"kubevirt.io/v1\"") !=
			      NULL,
		      "%s", got);
	ck_assert_str_eq(got + strlen(got) - 7, "\r\n0\r\n\r\n");
	client_close(c);
	free(c);
}
END_TEST

START_TEST(an_answer_can_be_lost_after_the_write)
{
	struct client *c = must_alloc(sizeof(*c));

	client_open(c);
	(void)call(c, "POST", "/apisim/faults", "{\"match\":{\"count\":1},\"effect\":{\"dropAfter\":true}}");
	ck_assert_str_eq(call(c, "POST", VMIS, VMI), "");
	ck_assert_ptr_nonnull(strstr(call(c, "GET", VMIS "/a", ""), "HTTP/1.1 200 "));
	client_close(c);
	free(c);
}
END_TEST

START_TEST(an_answer_can_come_in_pieces_or_be_cut)
{
	struct client *c = must_alloc(sizeof(*c));
	const char *got;

	client_open(c);
	(void)call(c, "POST", "/apisim/faults",
		   "[{\"match\":{\"count\":1},\"effect\":{\"chunk\":1}},"
		   "{\"effect\":{\"cutAfter\":3}}]");
	got = call(c, "GET", "/healthz", "");
	ck_assert_msg(strstr(got, "\r\n\r\n1\r\no\r\n1\r\nk\r\n") != NULL, "%s", got);
	got = call(c, "GET", "/version", "");
	ck_assert_msg(strlen(strstr(got, "\r\n\r\n")) == 4 + 3, "%s", got);
	client_close(c);
	free(c);
}
END_TEST

START_TEST(it_closes_with_stalled_requests_and_watches_open)
{
	struct client *c = must_alloc(sizeof(*c));
	AUTO_BUF struct buf request;

	must_buf(&request);
	client_open(c);
	(void)call(c, "POST", "/apisim/faults", "{\"match\":{\"verb\":\"get\"},\"effect\":{\"stall\":true}}");
	add_request(&request, "GET", VMIS "/a", "", false);
	connect_client(c, request.data);
	while (c->sim.faults.applied == 0)
		uv_run(&c->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&c->tcp, NULL);
	client_close(c);

	client_open(c);
	buf_reset(&request);
	add_request(&request, "GET", VMIS "?watch=1", "", false);
	connect_client(c, request.data);
	while (list_empty(&c->sim.watches))
		uv_run(&c->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&c->tcp, NULL);
	client_close(c);
	free(c);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		pipelined_requests_are_answered_in_order,
		a_watch_tells_of_a_write_and_ends_when_told_to,
		an_answer_can_be_lost_after_the_write,
		an_answer_can_come_in_pieces_or_be_cut,
		it_closes_with_stalled_requests_and_watches_open,
	};

	return suite_run("apisim_socket", tests, ARRAY_LEN(tests));
}
