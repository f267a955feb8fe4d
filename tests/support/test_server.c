#include "support/test_server.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "support/loop.h"

static int say_hello(void *data, const char *path, struct buf *body, const char **content_type)
{
	(void)data;
	(void)content_type;
	return buf_printf(body, "hello from %s\n", path) == 0 ? 200 : 500;
}

static int say_ill(void *data, const char *path, struct buf *body, const char **content_type)
{
	(void)data;
	(void)path;
	*content_type = "application/json";
	return buf_add_str(body, "{}") == 0 ? 500 : 501;
}

static int say_nothing(void *data, const char *path, struct buf *body, const char **content_type)
{
	(void)data;
	(void)path;
	(void)body;
	(void)content_type;
	return 200;
}

static int say_a_lot(void *data, const char *path, struct buf *body, const char **content_type)
{
	AUTO_FREE char *block = malloc(TEST_SERVER_LARGE);

	(void)data;
	(void)path;
	(void)content_type;
	ck_assert_ptr_nonnull(block);
	memset(block, 'x', TEST_SERVER_LARGE);
	return buf_add(body, block, TEST_SERVER_LARGE) == 0 ? 200 : 500;
}

static void on_closed(void *data)
{
	struct test_server *t = data;

	ck_assert(!t->closed);
	t->closed = true;
	t->server = NULL;
}

static int close_server(void *data, const char *path, struct buf *body, const char **content_type)
{
	struct test_server *t = data;

	(void)path;
	(void)content_type;
	http_server_close(t->server, on_closed, t);
	t->server = NULL;
	return buf_add_str(body, "bye") == 0 ? 200 : 500;
}

void test_server_init(struct test_server *t)
{
	const struct http_server_route routes[TEST_SERVER_ROUTES] = {
		{"/hello", say_hello, NULL}, {"/ill", say_ill, NULL},     {"/nothing", say_nothing, NULL},
		{"/large", say_a_lot, NULL}, {"/close", close_server, t},
	};

	(void)signal(SIGPIPE, SIG_IGN);
	memset(t, 0, sizeof(*t));
	log_init(&t->log, -1, LOG_LEVEL_DEBUG, "test");
	ck_assert_int_eq(uv_loop_init(&t->loop), 0);
	memcpy(t->routes, routes, sizeof(routes));
	t->options = (struct http_server_options){
		.loop = &t->loop,
		.log = &t->log,
		.listen = "127.0.0.1",
		.plain = true,
		.routes = t->routes,
		.route_count = TEST_SERVER_ROUTES,
	};
}

void test_server_open(struct test_server *t)
{
	struct error err = {0};

	t->closed = false;
	ck_assert_msg(http_server_open(&t->server, &t->options, &err) == 0, "%s", err.message);
}

uint16_t test_server_port(const struct test_server *t)
{
	return http_server_port(t->server);
}

const char *test_server_url(struct test_server *t, const char *path)
{
	(void)snprintf(t->url, sizeof(t->url), "%s://127.0.0.1:%u%s", t->options.plain ? "http" : "https",
		       test_server_port(t), path);
	return t->url;
}

void test_server_close(struct test_server *t)
{
	http_server_close(t->server, on_closed, t);
	ck_assert(!t->closed);
	LOOP_UNTIL(&t->loop, t->closed);
}

void test_server_done(struct test_server *t)
{
	if (t->server != NULL)
		test_server_close(t);
	loop_assert_drained(&t->loop);
}
