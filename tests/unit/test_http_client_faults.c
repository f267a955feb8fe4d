/* What an HTTP client makes of answers that break, of servers that are not there and of sockets that cannot
 * be watched. The names T8, T9, ... are the traps listed in kube/http_engine.h. */
#include "support/suite.h"
#include "test_http_client_fault.h"

static struct rig rig;

static void answer_hello(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_answer(c, 200, NULL, "hello");
}

START_TEST(an_answer_that_breaks_is_an_error_with_what_came_of_it)
{
	rig_open(&rig, NULL, NULL);
	for (size_t i = 0; i < 2 * ARRAY_LEN(faults); i++) {
		struct fault f = faults[i / 2];
		struct probe p;

		fake_server_set_handler(rig.server, answer_fault, &f);
		fake_server_set_write_size(rig.server, i % 2); /* in one piece, then byte by byte */
		probe_init(&p, &rig, "/");
		p.req.method = "PATCH";
		p.req.body = "{}";
		p.req.body_len = 2;
		probe_run(&p);
		ck_assert_msg(p.result.error == f.error, "%s: %d %s", f.bytes, p.result.error, p.message);
		ck_assert_int_eq(p.result.status, f.status);
		ck_assert_str_eq(buf_str(&p.body), f.body);
		ck_assert(p.result.sent);
		ck_assert_str_ne(p.message, "");
		probe_free(&p);
	}
	ck_assert_uint_eq(fake_server_requests(rig.server), 2 * ARRAY_LEN(faults)); /* nothing was repeated */
	rig_close(&rig);
}
END_TEST

START_TEST(a_body_without_a_length_ends_with_the_connection)
{
	static const struct fault f = {.bytes = "HTTP/1.1 200 OK\r\n\r\nall"};
	struct fault copy = f;
	struct probe p;

	rig_open(&rig, answer_fault, &copy);
	probe_init(&p, &rig, "/");
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0);
	ck_assert_str_eq(buf_str(&p.body), "all");
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(a_refused_connect_is_told_at_once_and_nothing_was_sent)
{
	struct probe p;

	/* T10: the refusal comes as POLLERR, which switches the poll off. */
	rig_open(&rig, answer_hello, NULL);
	fake_server_stop(rig.server);
	loop_run_turns(&rig.loop, 3);
	probe_init(&p, &rig, "/");
	for (int i = 0; i < 3; i++) {
		probe_run(&p);
		ck_assert_int_eq(p.result.error, -ECONNREFUSED);
		ck_assert_int_eq(p.result.status, 0);
		ck_assert(!p.result.sent);
	}
	fake_server_restart(rig.server);
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(a_connection_closed_on_accept_is_an_error)
{
	static const enum fake_accept accepts[] = {FAKE_ACCEPT_CLOSE, FAKE_ACCEPT_RESET};

	rig_open(&rig, answer_hello, NULL);
	for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
		struct probe p;

		fake_server_set_accept(rig.server, accepts[i]);
		probe_init(&p, &rig, "/");
		probe_run(&p);
		/* By who is faster. */
		ck_assert_msg(p.result.error == -EPIPE || p.result.error == -ECONNRESET, "%d",
			      p.result.error);
		probe_free(&p);
	}
	rig_close(&rig);
}
END_TEST

/* Every second request on a connection finds it closed without an answer. */
static void answer_then_hang_up(void *data, struct fake_conn *c, const struct fake_request *r)
{
	size_t *last = data;

	if (*last == r->connection)
		fake_conn_close(c);
	else
		fake_conn_answer(c, 200, NULL, "hello");
	*last = r->connection;
}

START_TEST(a_write_is_never_sent_twice_and_a_read_may_be)
{
	static const char *const methods[] = {"PATCH", "POST", "PUT", "DELETE", "GET"};

	rig_open(&rig, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		bool reads = strcmp(methods[i], "GET") == 0;
		size_t last = 0;
		size_t before = fake_server_requests(rig.server);
		struct probe p;

		fake_server_set_handler(rig.server, answer_then_hang_up, &last);
		probe_init(&p, &rig, "/");
		p.req.method = methods[i];
		p.req.body = reads ? NULL : "{}";
		p.req.body_len = reads ? 0 : 2;
		probe_run(&p);
		ck_assert_int_eq(p.result.error, 0);
		buf_reset(&p.body);
		probe_run(&p);
		loop_run_turns(&rig.loop, 10);
		ck_assert_uint_eq(fake_server_requests(rig.server) - before, reads ? 3 : 2);
		ck_assert_int_eq(p.result.error, reads ? 0 : -ECONNRESET);
		ck_assert(p.result.sent);
		ck_assert_str_eq(buf_str(&p.body), reads ? "hello" : "");
		probe_free(&p);
		http_client_drop_idle(rig.client);
	}
	rig_close(&rig);
}
END_TEST

static void answer_and_hang_up(void *data, struct fake_conn *c, const struct fake_request *r)
{
	answer_hello(data, c, r);
	fake_conn_close(c);
}

START_TEST(a_kept_connection_that_the_server_closed_is_not_used)
{
	struct probe p;

	rig_open(&rig, answer_and_hang_up, NULL);
	probe_init(&p, &rig, "/");
	p.req.method = "POST";
	for (int i = 0; i < 5; i++) {
		probe_run(&p);
		ck_assert_int_eq(p.result.error, 0);
		LOOP_UNTIL(&rig.loop, fake_server_open_connections(rig.server) == 0);
	}
	ck_assert_uint_eq(fake_server_requests(rig.server), 5);
	ck_assert_uint_eq(fake_server_connections(rig.server), 5);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

static void answer_endless_head(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_printf(c, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 20000; i++)
		fake_conn_printf(c, "X-%d: abcdefghijklmnopqrstuvwxyz\r\n", i);
}

START_TEST(a_head_that_does_not_end_is_refused)
{
	struct probe p;

	rig_open(&rig, answer_endless_head, NULL);
	probe_init(&p, &rig, "/");
	p.req.on_header = NULL;
	probe_run(&p);
	ck_assert_int_eq(p.result.error, -EMSGSIZE);
	ck_assert_int_eq(p.result.status, 0);
	ck_assert_int_eq(p.heads, 0);
	ck_assert_str_ne(p.message, "");
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(a_socket_that_cannot_be_watched_fails_its_requests_and_no_later_ones)
{
	struct probe p[3];

	/* T8, T9: in libcurl 7.88 an error from the socket callback ends in a crash with two handles.
	 */
	rig_open(&rig, answer_hello, NULL);
	probe_init(&p[2], &rig, "/");
	probe_run(&p[2]);
	failing_polls = 2;
	for (int i = 0; i < 2; i++) {
		probe_init(&p[i], &rig, "/");
		probe_start(&p[i]);
	}
	LOOP_UNTIL(&rig.loop, p[0].done == 1 && p[1].done == 1);
	ck_assert_int_eq(p[0].result.error, -EIO);
	ck_assert_int_eq(p[1].result.error, -EIO);
	failing_polls = 0;
	probe_run(&p[2]);
	ck_assert_int_eq(p[2].result.error, 0);
	for (int i = 0; i < 3; i++)
		probe_free(&p[i]);
	rig_close(&rig);
}
END_TEST

START_TEST(a_name_that_cannot_be_resolved_spoils_no_later_request)
{
	struct error err = {0};
	struct probe lost;
	struct probe p;

	rig_open(&rig, answer_hello, NULL);
	probe_init(&lost, &rig, "/");
	lost.req.url = "http://no.such.host.invalid/";
	probe_run(&lost);
	ck_assert_int_ne(lost.result.error, 0);
	/* libcurl 7.88 keeps the buffer of a handle that never had a connection, and refuses another size. */
	probe_init(&p, &rig, "/");
	ck_assert_msg(http_client_start(rig.client, &p.req, &err) == 0, "%s", err.message);
	LOOP_UNTIL(&rig.loop, p.done == 1);
	ck_assert_int_eq(p.result.error, 0);
	probe_free(&lost);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_answer_that_breaks_is_an_error_with_what_came_of_it,
		a_body_without_a_length_ends_with_the_connection,
		a_refused_connect_is_told_at_once_and_nothing_was_sent,
		a_connection_closed_on_accept_is_an_error,
		a_write_is_never_sent_twice_and_a_read_may_be,
		a_kept_connection_that_the_server_closed_is_not_used,
		a_head_that_does_not_end_is_refused,
		a_socket_that_cannot_be_watched_fails_its_requests_and_no_later_ones,
		a_name_that_cannot_be_resolved_spoils_no_later_request,
	};

	return suite_run("http_client_faults", tests, ARRAY_LEN(tests));
}
