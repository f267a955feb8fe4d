/* Connections of the HTTP client: kept, limited, through proxies, dropped. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/suite.h"
#include "test_http_client_probe.h"

static struct rig rig;

static void answer_hello(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_answer(c, 200, "X-One: 1\r\nx-two:\ttwo words \r\n", "hello");
}

START_TEST(a_connection_is_kept_for_the_next_request)
{
	struct probe p;

	rig_open(&rig, answer_hello, NULL);
	probe_init(&p, &rig, "/");
	for (int i = 0; i < 20; i++) {
		p.heads = 0;
		probe_run(&p);
	}
	ck_assert_uint_eq(fake_server_requests(rig.server), 20);
	ck_assert_uint_eq(fake_server_connections(rig.server), 1);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(requests_over_the_connection_limit_wait_for_their_turn)
{
	enum { N = 200 };
	const struct http_client_options options = {.max_connections = 4};
	static struct probe p[N];
	size_t done = 0;

	rig_open_with(&rig, answer_hello, NULL, &options);
	for (size_t i = 0; i < N; i++) {
		probe_init(&p[i], &rig, "/");
		probe_start(&p[i]);
	}
	ck_assert_uint_eq(http_client_pending(rig.client), N);
	LOOP_UNTIL(&rig.loop, http_client_pending(rig.client) == 0);
	for (size_t i = 0; i < N; i++) {
		done += p[i].done == 1 && p[i].result.error == 0 && p[i].body.len == 5 ? 1 : 0;
		probe_free(&p[i]);
	}
	ck_assert_uint_eq(done, N);
	ck_assert_uint_eq(fake_server_requests(rig.server), N);
	ck_assert_uint_le(fake_server_connections(rig.server), 4);
	rig_close(&rig);
}
END_TEST

/* Answers with the request itself: "METHOD target|Name=value;...|body". */
static void answer_echo(void *data, struct fake_conn *c, const struct fake_request *r)
{
	AUTO_BUF struct buf text;

	(void)data;
	buf_init(&text, 1u << 20);
	(void)buf_printf(&text, "%s %s|", r->method, r->target);
	for (size_t i = 0; i < r->header_count; i++)
		(void)buf_printf(&text, "%s=%s;", r->headers[i].name, r->headers[i].value);
	(void)buf_printf(&text, "|%s", r->body);
	fake_conn_answer(c, 200, NULL, buf_str(&text));
}

START_TEST(a_named_proxy_is_used_even_for_this_machine)
{
	struct http_client_options options = {0};
	char expected[128];
	struct probe p;
	struct error err = {0};

	rig_open(&rig, answer_echo, NULL);
	http_client_close(rig.client, rig_on_client_closed, &rig);
	LOOP_UNTIL(&rig.loop, rig.client_closed);
	rig.client_closed = false;
	options.proxy_url = fake_server_url(rig.server);
	ck_assert_int_eq(http_client_open(&rig.client, &rig.loop, &options, &err), 0);
	probe_init(&p, &rig, "");
	(void)snprintf(p.url, sizeof(p.url), "http://127.0.0.1:1/x");
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0);
	(void)snprintf(expected, sizeof(expected), "GET http://127.0.0.1:1/x|Host=127.0.0.1:1;");
	ck_assert_int_eq(strncmp(buf_str(&p.body), expected, strlen(expected)), 0);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(the_environments_proxy_has_exceptions)
{
	char url[64];
	struct probe p;

	rig_open(&rig, answer_echo, NULL);
	http_client_close(rig.client, rig_on_client_closed, &rig);
	LOOP_UNTIL(&rig.loop, rig.client_closed);
	(void)snprintf(url, sizeof(url), "%s", fake_server_url(rig.server));
	fake_server_close(rig.server, rig_on_server_closed, &rig);
	LOOP_UNTIL(&rig.loop, rig.server_closed);
	loop_assert_drained(&rig.loop);

	(void)setenv("HTTP_PROXY", "http://127.0.0.1:1", 1); /* nobody is there */
	(void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	(void)setenv("NO_PROXY", "example.org,10.0.0.0/8", 1);
	rig_open(&rig, answer_echo, NULL);
	probe_init(&p, &rig, "/");
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0); /* 127.0.0.1 is never behind it */
	(void)snprintf(p.url, sizeof(p.url), "http://192.0.2.1/");
	p.heads = 0;
	probe_run(&p);
	ck_assert_int_eq(p.result.error, -ECONNREFUSED); /* went to the proxy */
	ck_assert(!p.result.sent);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

/* The client's end of the connection to @port, -1 where there is none. */
static int find_client_socket(uint16_t port)
{
	for (int fd = 3; fd < 256; fd++) {
		struct sockaddr_in peer = {0};
		socklen_t len = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
		    ntohs(peer.sin_port) == port)
			return fd;
	}
	return -1;
}

static int socket_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

START_TEST(a_dead_peer_is_found_within_45_seconds)
{
	struct probe p;
	int fd;

	rig_open(&rig, answer_hello, NULL);
	probe_init(&p, &rig, "/");
	probe_run(&p);
	fd = find_client_socket(fake_server_port(rig.server));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(socket_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(socket_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
	ck_assert_int_eq(socket_option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
	ck_assert_int_eq(socket_option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
	ck_assert_int_eq(socket_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 45000);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(a_broken_pipe_does_not_end_the_process)
{
	struct sigaction now;

	rig_open(&rig, NULL, NULL);
	ck_assert_int_eq(sigaction(SIGPIPE, NULL, &now), 0);
	ck_assert(now.sa_handler == SIG_IGN);
	rig_close(&rig);
}
END_TEST

START_TEST(dropping_idle_connections_makes_the_next_request_connect_anew)
{
	struct probe p;

	rig_open(&rig, answer_hello, NULL);
	probe_init(&p, &rig, "/");
	probe_run(&p);
	http_client_drop_idle(rig.client);
	LOOP_UNTIL(&rig.loop, fake_server_open_connections(rig.server) == 0);
	p.heads = 0;
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0);
	ck_assert_uint_eq(fake_server_connections(rig.server), 2);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

static void keep_conn(void *data, struct fake_conn *c, const struct fake_request *r)
{
	struct fake_conn **kept = data;

	if (strcmp(r->target, "/slow") == 0)
		*kept = c;
	else
		fake_conn_answer(c, 200, NULL, "hello");
}

START_TEST(dropping_idle_connections_leaves_running_requests_alone)
{
	struct fake_conn *kept = NULL;
	struct probe slow;
	struct probe p;

	rig_open(&rig, keep_conn, (void *)&kept);
	probe_init(&slow, &rig, "/slow");
	probe_init(&p, &rig, "/");
	probe_start(&slow);
	LOOP_UNTIL(&rig.loop, kept != NULL);
	http_client_drop_idle(rig.client);
	http_client_drop_idle(rig.client);
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0);
	fake_conn_answer(kept, 200, NULL, "late");
	LOOP_UNTIL(&rig.loop, slow.done == 1);
	ck_assert_int_eq(slow.result.error, 0);
	ck_assert_str_eq(buf_str(&slow.body), "late");
	LOOP_UNTIL(&rig.loop, fake_server_open_connections(rig.server) == 1);
	probe_free(&slow);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_connection_is_kept_for_the_next_request,
		requests_over_the_connection_limit_wait_for_their_turn,
		a_named_proxy_is_used_even_for_this_machine,
		the_environments_proxy_has_exceptions,
		a_dead_peer_is_found_within_45_seconds,
		a_broken_pipe_does_not_end_the_process,
		dropping_idle_connections_makes_the_next_request_connect_anew,
		dropping_idle_connections_leaves_running_requests_alone,
	};

	return suite_run("http_client_connections", tests, ARRAY_LEN(tests));
}
