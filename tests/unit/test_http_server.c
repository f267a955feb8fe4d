#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/fetch.h"
#include "support/loop.h"
#include "support/raw_client.h"
#include "support/suite.h"
#include "support/test_server.h"

static struct test_server t;

/* The first bytes of a TLS record that never ends. */
static void begin_handshake(struct raw_client *r)
{
	raw_client_send(r, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
}

/* --- answers --- */

START_TEST(get_answers_what_the_handler_says)
{
	struct fetch hello = {0};
	struct fetch ill = {0};
	struct fetch nothing = {0};

	test_server_init(&t);
	test_server_open(&t);
	hello.url = test_server_url(&t, "/hello?verbose=1&x=/ill");
	fetch_run(&t.loop, &hello);
	ck_assert_int_eq(hello.result, CURLE_OK);
	ck_assert_int_eq(hello.status, 200);
	ck_assert_str_eq(buf_str(&hello.answer), "hello from /hello\n");
	ck_assert_ptr_nonnull(strstr(buf_str(&hello.headers), "Content-Type: text/plain; charset=utf-8\r\n"));
	ill.url = test_server_url(&t, "/ill");
	fetch_run(&t.loop, &ill);
	ck_assert_int_eq(ill.status, 500);
	ck_assert_str_eq(buf_str(&ill.answer), "{}");
	ck_assert_ptr_nonnull(strstr(buf_str(&ill.headers), "Content-Type: application/json\r\n"));
	nothing.url = test_server_url(&t, "/nothing");
	fetch_run(&t.loop, &nothing);
	ck_assert_int_eq(nothing.status, 200);
	ck_assert_ptr_nonnull(strstr(buf_str(&nothing.headers), "Content-Length: 0\r\n"));
	fetch_free(&hello);
	fetch_free(&ill);
	fetch_free(&nothing);
	test_server_done(&t);
}
END_TEST

START_TEST(head_has_the_headers_and_no_body)
{
	struct fetch f = {.method = "HEAD"};

	test_server_init(&t);
	test_server_open(&t);
	f.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.result, CURLE_OK);
	ck_assert_int_eq(f.status, 200);
	ck_assert_uint_eq(f.answer.len, 0);
	ck_assert_ptr_nonnull(strstr(buf_str(&f.headers), "Content-Length: 18\r\n"));
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

START_TEST(other_paths_are_404_and_other_methods_405)
{
	static const char *const unknown[] = {"/",      "/hell",     "/hello/", "//hello",
					      "/HELLO", "/hello%00", "/%68ello"};
	static const char *const methods[] = {"OPTIONS", "DELETE", "PUT", "TRACE", "BREW", "get"};
	struct fetch f = {0};

	test_server_init(&t);
	test_server_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		f.url = test_server_url(&t, unknown[i]);
		fetch_run(&t.loop, &f);
		ck_assert_msg(f.status == 404, "%s: %ld", unknown[i], f.status);
	}
	f.url = test_server_url(&t, "/hello");
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		f.method = methods[i];
		fetch_run(&t.loop, &f);
		ck_assert_msg(f.status == 405, "%s: %ld", methods[i], f.status);
		ck_assert_ptr_nonnull(strstr(buf_str(&f.headers), "Allow: GET, HEAD\r\n"));
	}
	f.url = test_server_url(&t, "/unknown");
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.status, 404);
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

START_TEST(a_request_with_a_body_is_refused_unread)
{
	struct fetch f = {.body = "a=b"};
	struct fetch chunked = {.method = "GET", .body = "a=b", .header = "Transfer-Encoding: chunked"};
	struct raw_client r;

	test_server_init(&t);
	test_server_open(&t);
	f.url = chunked.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.status, 413);
	ck_assert_ptr_nonnull(strstr(buf_str(&f.headers), "Connection: close\r\n"));
	fetch_run(&t.loop, &chunked);
	ck_assert_int_eq(chunked.status, 413);
	raw_client_connect(&t.loop, &r, test_server_port(&t));
	raw_client_say(&r, "GET /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
	LOOP_UNTIL(&t.loop, r.ended);
	ck_assert_ptr_nonnull(strstr(r.text, " 413 "));
	raw_client_close(&r);
	fetch_free(&f);
	fetch_free(&chunked);
	test_server_done(&t);
}
END_TEST

START_TEST(a_connection_serves_many_requests)
{
	struct fetch f = {0};
	struct raw_client r;

	test_server_init(&t);
	test_server_open(&t);
	f.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.connects, 1);
	f.url = test_server_url(&t, "/unknown");
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.connects, 0);
	f.method = "POST"; /* without a body it need not end the connection */
	f.body = "";
	f.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.status, 405);
	ck_assert_int_eq(f.connects, 0);
	raw_client_connect(&t.loop, &r, test_server_port(&t));
	raw_client_say(&r, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
			   "GET /ill HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	LOOP_UNTIL(&t.loop, r.ended);
	ck_assert_ptr_nonnull(strstr(r.text, "hello from"));
	ck_assert_ptr_nonnull(strstr(r.text, " 500 "));
	raw_client_close(&r);
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

static void fetch_large(bool plain)
{
	struct fetch f = {0};

	test_server_init(&t);
	t.options.plain = plain;
	test_server_open(&t);
	f.url = test_server_url(&t, "/large");
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.result, CURLE_OK);
	ck_assert_uint_eq(f.answer.len, TEST_SERVER_LARGE);
	fetch_free(&f);
	test_server_done(&t);
}

START_TEST(a_large_answer_arrives_whole)
{
	fetch_large(true);
}
END_TEST

START_TEST(a_large_answer_arrives_whole_over_tls)
{
	fetch_large(false);
}
END_TEST

START_TEST(headers_that_are_too_long_end_the_connection)
{
	char line[1025];
	struct raw_client r;

	test_server_init(&t);
	test_server_open(&t);
	raw_client_connect(&t.loop, &r, test_server_port(&t));
	raw_client_say(&r, "GET /hello HTTP/1.1\r\nHost: h\r\n");
	(void)snprintf(line, sizeof(line), "X-Long: %01014d\r\n", 0);
	for (int i = 0; i < 64 && !r.ended; i++) {
		raw_client_say(&r, line);
		loop_run_turns(&t.loop, 3);
	}
	LOOP_UNTIL(&t.loop, r.ended);
	ck_assert_ptr_null(strstr(r.text, " 200 "));
	raw_client_close(&r);
	test_server_done(&t);
}
END_TEST

/* --- bounds --- */

START_TEST(who_does_not_finish_a_request_is_thrown_out)
{
	struct raw_client silent_one;
	struct raw_client slow;
	struct raw_client half;

	test_server_init(&t);
	t.options.plain = false;
	t.options.request_ms = 100;
	test_server_open(&t);
	raw_client_connect(&t.loop, &silent_one, test_server_port(&t));
	raw_client_connect(&t.loop, &half, test_server_port(&t));
	begin_handshake(&half);
	LOOP_UNTIL(&t.loop, silent_one.ended && half.ended);
	raw_client_close(&silent_one);
	raw_client_close(&half);
	test_server_close(&t);
	t.options.plain = true;
	test_server_open(&t);
	raw_client_connect(&t.loop, &slow, test_server_port(&t));
	raw_client_say(&slow, "GET /hello HTTP/1.1\r\nHost: h\r\nX-Slow: ");
	LOOP_UNTIL(&t.loop, (raw_client_say(&slow, "x"), slow.ended));
	ck_assert_ptr_null(strstr(slow.text, " 200 "));
	raw_client_close(&slow);
	test_server_done(&t);
}
END_TEST

START_TEST(who_does_not_read_the_answer_is_thrown_out)
{
	struct raw_client r;

	test_server_init(&t);
	t.options.connection_ms = 200;
	test_server_open(&t);
	raw_client_connect(&t.loop, &r, test_server_port(&t));
	r.slow = true; /* one byte each turn of the loop: it would take a day */
	raw_client_say(&r, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
	LOOP_UNTIL(&t.loop, r.received > 0);
	/* The server's side of it is gone when its port refuses our bytes. */
	LOOP_UNTIL(&t.loop, send(r.fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN);
	ck_assert_uint_lt(r.received, TEST_SERVER_LARGE);
	raw_client_close(&r);
	test_server_done(&t);
}
END_TEST

START_TEST(a_kept_connection_is_asked_to_end_before_it_is_ended)
{
	struct fetch f = {0};

	test_server_init(&t);
	t.options.connection_ms = 2000;
	test_server_open(&t);
	f.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &f);
	ck_assert_ptr_null(strstr(buf_str(&f.headers), "Connection: close"));
	while (strstr(buf_str(&f.headers), "Connection: close") == NULL) {
		fetch_run(&t.loop, &f);
		ck_assert_int_eq(f.result, CURLE_OK);
		ck_assert_int_eq(f.connects, 0);
	}
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.connects, 1);
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

static unsigned int count_ended(const struct raw_client *raws, size_t n)
{
	unsigned int ended = 0;

	for (size_t i = 0; i < n; i++)
		ended += raws[i].ended;
	return ended;
}

START_TEST(half_open_handshakes_over_the_limit_make_room_for_a_good_client)
{
	struct raw_client raws[60];
	struct fetch f = {0};

	test_server_init(&t);
	t.options.plain = false;
	t.options.max_handshakes = 4;
	test_server_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
		raw_client_connect(&t.loop, &raws[i], test_server_port(&t));
		begin_handshake(&raws[i]);
	}
	LOOP_UNTIL(&t.loop, count_ended(raws, ARRAY_LEN(raws)) == ARRAY_LEN(raws) - 4);
	f.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.result, CURLE_OK);
	ck_assert_int_eq(f.status, 200);
	/* It took the place of the oldest, and of no other. */
	LOOP_UNTIL(&t.loop, count_ended(raws, ARRAY_LEN(raws)) == ARRAY_LEN(raws) - 3);
	ck_assert(!raws[ARRAY_LEN(raws) - 1].ended);
	for (size_t i = 0; i < ARRAY_LEN(raws); i++)
		raw_client_close(&raws[i]);
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

START_TEST(idle_connections_over_the_limit_make_room_for_a_good_client)
{
	struct raw_client raws[40];
	struct fetch f = {0};

	test_server_init(&t);
	t.options.max_connections = 5;
	test_server_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
		raw_client_connect(&t.loop, &raws[i], test_server_port(&t));
		raw_client_say(&raws[i], "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
		LOOP_UNTIL(&t.loop, raws[i].received > 0);
	}
	LOOP_UNTIL(&t.loop, count_ended(raws, ARRAY_LEN(raws)) == ARRAY_LEN(raws) - 5);
	f.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.status, 200);
	for (size_t i = 0; i < ARRAY_LEN(raws); i++)
		raw_client_close(&raws[i]);
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

START_TEST(half_open_handshakes_do_not_starve_the_loop)
{
	struct raw_client raws[8];
	int turns = 0;

	test_server_init(&t);
	t.options.plain = false;
	test_server_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
		raw_client_connect(&t.loop, &raws[i], test_server_port(&t));
		begin_handshake(&raws[i]);
	}
	/* A loop that is starved never ends a turn. */
	while (turns++ < 20)
		(void)uv_run(&t.loop, UV_RUN_ONCE);
	for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
		ck_assert(!raws[i].ended);
		raw_client_close(&raws[i]);
	}
	test_server_done(&t);
}
END_TEST

/* --- open and close --- */

START_TEST(a_port_in_use_and_a_wrong_address_are_refused)
{
	struct http_server *second = NULL;
	struct error err = {0};

	test_server_init(&t);
	test_server_open(&t);
	t.options.port = test_server_port(&t);
	ck_assert_int_eq(http_server_open(&second, &t.options, &err), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err.message, "listen on 127.0.0.1 port "));
	t.options.listen = "localhost:80";
	ck_assert_int_eq(http_server_open(&second, &t.options, &err), -EINVAL);
	ck_assert_ptr_null(second);
	test_server_done(&t);
}
END_TEST

START_TEST(it_listens_on_ipv6_and_with_it_on_ipv4)
{
	struct fetch f = {0};
	char text[64];
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool available = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0;

	if (fd >= 0)
		close(fd);
	if (!available)
		return;
	test_server_init(&t);
	t.options.listen = "::1";
	test_server_open(&t);
	(void)snprintf(text, sizeof(text), "http://[::1]:%u/hello", test_server_port(&t));
	f.url = text;
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.status, 200);
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

static void close_while_open(bool plain)
{
	struct raw_client raws[4];

	test_server_init(&t);
	t.options.plain = plain;
	test_server_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(raws); i++)
		raw_client_connect(&t.loop, &raws[i], test_server_port(&t));
	if (plain) {
		raw_client_say(&raws[1], "GET /hel");
		raw_client_say(&raws[2], "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
		raws[3].slow = true;
		raw_client_say(&raws[3], "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
		LOOP_UNTIL(&t.loop, raws[2].received > 0 && raws[3].received > 0);
	} else {
		begin_handshake(&raws[1]);
		loop_run_turns(&t.loop, 10);
	}
	test_server_close(&t);
	LOOP_UNTIL(&t.loop, raws[0].ended && raws[1].ended);
	for (size_t i = 0; i < ARRAY_LEN(raws); i++)
		raw_client_close(&raws[i]);
	test_server_done(&t);
}

START_TEST(closing_ends_connections_in_every_state)
{
	close_while_open(true);
}
END_TEST

START_TEST(closing_ends_handshakes)
{
	close_while_open(false);
}
END_TEST

START_TEST(a_handler_may_close_the_server)
{
	struct fetch f = {0};

	test_server_init(&t);
	test_server_open(&t);
	f.url = test_server_url(&t, "/close");
	fetch_run(&t.loop, &f);
	LOOP_UNTIL(&t.loop, t.closed);
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

static void on_second_closed(void *data)
{
	*(bool *)data = true;
}

START_TEST(two_servers_live_in_one_loop)
{
	struct http_server *second;
	struct fetch a = {0};
	struct fetch b = {0};
	char url[64];
	bool second_closed = false;

	test_server_init(&t);
	t.options.plain = false;
	ck_assert_int_eq(http_server_open(&second, &t.options, NULL), 0);
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/hello", http_server_port(second));
	t.options.plain = true;
	test_server_open(&t);
	a.url = url;
	b.url = test_server_url(&t, "/ill");
	fetch_start(&t.loop, &a);
	fetch_start(&t.loop, &b);
	LOOP_UNTIL(&t.loop, a.done && b.done);
	ck_assert_int_eq(a.status, 200);
	ck_assert_int_eq(b.status, 500);
	fetch_free(&a);
	fetch_free(&b);
	http_server_close(second, on_second_closed, &second_closed);
	LOOP_UNTIL(&t.loop, second_closed);
	test_server_done(&t);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		get_answers_what_the_handler_says,
		head_has_the_headers_and_no_body,
		other_paths_are_404_and_other_methods_405,
		a_request_with_a_body_is_refused_unread,
		a_connection_serves_many_requests,
		a_large_answer_arrives_whole,
		a_large_answer_arrives_whole_over_tls,
		headers_that_are_too_long_end_the_connection,
		who_does_not_finish_a_request_is_thrown_out,
		who_does_not_read_the_answer_is_thrown_out,
		a_kept_connection_is_asked_to_end_before_it_is_ended,
		half_open_handshakes_over_the_limit_make_room_for_a_good_client,
		idle_connections_over_the_limit_make_room_for_a_good_client,
		half_open_handshakes_do_not_starve_the_loop,
		a_port_in_use_and_a_wrong_address_are_refused,
		it_listens_on_ipv6_and_with_it_on_ipv4,
		closing_ends_connections_in_every_state,
		closing_ends_handshakes,
		a_handler_may_close_the_server,
		two_servers_live_in_one_loop,
	};

	return suite_run("http_server", tests, ARRAY_LEN(tests));
}
