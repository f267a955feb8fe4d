/**
 * test_server: an http_server with a few routes in a loop of its own, for tests of the server itself.
 *
 *   /hello    200, "hello from /hello\n"
 *   /ill      500, "{}" as application/json
 *   /nothing  200, empty
 *   /large    200, TEST_SERVER_LARGE bytes
 *   /close    closes the server from its handler
 */
#ifndef SUPPORT_TEST_SERVER_H
#define SUPPORT_TEST_SERVER_H

#include <stdbool.h>
#include <uv.h>

#include "http/server.h"

#define TEST_SERVER_LARGE  ((size_t)6 << 20)
#define TEST_SERVER_ROUTES 5

struct test_server {
	uv_loop_t loop;
	struct logger log;                  /* silent; a test may set another fd */
	struct http_server_options options; /* plain HTTP on 127.0.0.1, until a test changes them */
	struct http_server_route routes[TEST_SERVER_ROUTES];
	struct http_server *server; /* NULL while there is none */
	bool closed;
	char url[128]; /* the last that test_server_url() made */
};

/** Makes the loop and the options. */
void test_server_init(struct test_server *t);

/** Opens the server, which must succeed. */
void test_server_open(struct test_server *t);

/** "http://127.0.0.1:PORT" (or https) with @path behind it; borrowed until the next call. */
const char *test_server_url(struct test_server *t, const char *path);

uint16_t test_server_port(const struct test_server *t);

/** Closes the server and turns the loop until that is done. */
void test_server_close(struct test_server *t);

/** Closes what is open; the loop must end empty. */
void test_server_done(struct test_server *t);

#endif
