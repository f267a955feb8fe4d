/**
 * Answers that break, and a libuv that cannot watch a socket. For the tests of http_client; include it once
 * in a program.
 */
#ifndef UNIT_TEST_HTTP_CLIENT_FAULT_H
#define UNIT_TEST_HTTP_CLIENT_FAULT_H

#include <errno.h>

#include "test_http_client_probe.h"

static int failing_polls; /* so many of the next calls of uv_poll_init_socket() fail */

/* libuv's; the linker prefers this one. */
int uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *handle, uv_os_sock_t socket)
{
	if (failing_polls > 0) {
		failing_polls--;
		return UV_ENOMEM;
	}
	return uv_poll_init(loop, handle, socket);
}

/* How an answer goes wrong. */
struct fault {
	const char *bytes;
	bool reset; /* else closed */
	int error;
	int status;
	const char *body; /* seen before it */
};

static void answer_fault(void *data, struct fake_conn *c, const struct fake_request *r)
{
	const struct fault *f = data;

	(void)r;
	fake_conn_send(c, f->bytes, strlen(f->bytes));
	if (f->reset)
		fake_conn_reset(c);
	else
		fake_conn_close(c);
}

#define HEAD_10      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
#define HEAD_CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct fault faults[] = {
	{"", false, -EPIPE, 0, ""},
	{"", true, -ECONNRESET, 0, ""},
	{"HTTP/1.1 200 OK\r\nContent-", true, -ECONNRESET, 0, ""},
	{HEAD_10, false, -EPIPE, 200, ""},
	{HEAD_10, true, -ECONNRESET, 200, ""},
	{HEAD_10 "half", false, -EPIPE, 200, "half"},
	{HEAD_10 "half", true, -ECONNRESET, 200, "half"},
	{HEAD_CHUNKED "4\r\nhalf\r\n", false, -EPIPE, 200, "half"},
	{HEAD_CHUNKED "4\r\nha", false, -EPIPE, 200, "ha"},
	{HEAD_CHUNKED "4\r\nhalf\r\n", true, -ECONNRESET, 200, "half"},
	{"SSH-2.0-OpenSSH\r\n", false, -EPROTO, 0, ""},
	{"HTTP/9.9 200 OK\r\n\r\n", false, -EPROTO, 0, ""},
};

#endif
