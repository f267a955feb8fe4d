/* What an HTTP client does when all goes well: requests as they were asked for, answers as they were sent. */
#include <errno.h>

#include "support/suite.h"
#include "test_http_client_probe.h"

static struct rig rig;

static void answer_hello(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_answer(c, 200, "X-One: 1\r\nx-two:\ttwo words \r\n", "hello");
}

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

START_TEST(an_answer_brings_status_headers_and_body)
{
	struct probe p;

	rig_open(&rig, answer_hello, NULL);
	probe_init(&p, &rig, "/x");
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0);
	ck_assert_int_eq(p.result.status, 200);
	ck_assert(p.result.sent);
	ck_assert_str_eq(p.message, "");
	ck_assert_int_eq(p.status_at_head, 200);
	ck_assert_str_eq(buf_str(&p.headers), "X-One=1;x-two=two words;Content-Length=5;");
	ck_assert_str_eq(buf_str(&p.body), "hello");
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(a_request_carries_what_was_asked_for_and_nothing_else)
{
	const char *const headers[] = {"Accept: application/json", "X-Mine: a b", NULL};
	char host[64];
	char expected[256];
	struct probe p;

	rig_open(&rig, answer_echo, NULL);
	(void)snprintf(host, sizeof(host), "127.0.0.1:%u", fake_server_port(rig.server));
	probe_init(&p, &rig, "/a/../b%2Fc?x=1&y=%20");
	p.req.headers = headers;
	probe_run(&p);
	/* No Accept-Encoding (TRN-8), no Expect, no Content-Type without a body. */
	(void)snprintf(expected, sizeof(expected),
		       "GET /a/../b%%2Fc?x=1&y=%%20|Host=%s;User-Agent=probe/1;Accept=application/json;"
		       "X-Mine=a b;|",
		       host);
	ck_assert_str_eq(buf_str(&p.body), expected);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(each_method_is_sent_as_it_is_whatever_was_sent_before)
{
	static const char *const methods[] = {"GET", "PATCH", "HEAD", "POST", "DELETE", "PUT", "GET", "HEAD"};
	static const char body[] = "{\"a\":1}";

	rig_open(&rig, answer_echo, NULL);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		const char *const typed[] = {"Content-Type: application/json", NULL};
		bool with_body = strlen(methods[i]) == 5 || strcmp(methods[i], "PUT") == 0;
		bool head = strcmp(methods[i], "HEAD") == 0;
		char start[32];
		struct probe p;

		probe_init(&p, &rig, "/");
		p.req.method = methods[i];
		if (with_body) {
			p.req.headers = typed;
			p.req.body = body;
			p.req.body_len = sizeof(body) - 1;
		}
		probe_run(&p);
		ck_assert_int_eq(p.result.error, 0);
		(void)snprintf(start, sizeof(start), "%s /|", methods[i]);
		if (head)
			ck_assert_str_eq(buf_str(&p.body), "");
		else
			ck_assert_int_eq(strncmp(buf_str(&p.body), start, strlen(start)), 0);
		ck_assert_int_eq(strstr(buf_str(&p.body), "|{\"a\":1}") != NULL, with_body);
		ck_assert_int_eq(strstr(buf_str(&p.body), "Content-Type=application/json;") != NULL,
				 with_body);
		ck_assert_ptr_null(strstr(buf_str(&p.body), "form-urlencoded"));
		ck_assert_ptr_null(strstr(buf_str(&p.body), "Expect"));
		probe_free(&p);
	}
	ck_assert_uint_eq(fake_server_connections(rig.server), 1);
	rig_close(&rig);
}
END_TEST

START_TEST(a_body_may_be_large_and_hold_any_byte)
{
	size_t n = 3u << 20;
	char *body = malloc(n);
	const char *tail;
	struct probe p;

	ck_assert_ptr_nonnull(body);
	memset(body, 'z', n);
	body[n - 2] = '\0';
	body[n - 1] = '!';
	rig_open(&rig, answer_echo, NULL);
	probe_init(&p, &rig, "/");
	p.req.method = "POST";
	p.req.body = body;
	p.req.body_len = n;
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0);
	tail = strstr(buf_str(&p.body), "Content-Length=3145728;");
	ck_assert_ptr_nonnull(tail);
	ck_assert_ptr_null(strstr(buf_str(&p.body), "Expect"));
	free(body);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

static void answer_with_interim_and_trailer(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_printf(c, "HTTP/1.1 100 Continue\r\nRetry-After: 1\r\n\r\n"
			    "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
			    "HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
			    "3\r\nabc\r\n0\r\nRetry-After: 2\r\nB: 2\r\n\r\n");
}

START_TEST(interim_answers_and_trailers_are_not_the_head)
{
	struct probe p;

	rig_open(&rig, answer_with_interim_and_trailer, NULL);
	probe_init(&p, &rig, "/");
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0);
	ck_assert_int_eq(p.result.status, 200);
	ck_assert_int_eq(p.heads, 1);
	ck_assert_str_eq(buf_str(&p.headers), "A=1;Transfer-Encoding=chunked;");
	ck_assert_str_eq(buf_str(&p.body), "abc");
	ck_assert(!p.result.has_retry_after);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(an_answer_of_one_byte_at_a_time_is_the_same_answer)
{
	struct probe p;

	rig_open(&rig, answer_with_interim_and_trailer, NULL);
	fake_server_set_write_size(rig.server, 1);
	for (int i = 0; i < 2; i++) {
		probe_init(&p, &rig, "/");
		probe_run(&p);
		ck_assert_int_eq(p.result.error, 0);
		ck_assert_str_eq(buf_str(&p.headers), "A=1;Transfer-Encoding=chunked;");
		ck_assert_str_eq(buf_str(&p.body), "abc");
		probe_free(&p);
	}
	rig_close(&rig);
}
END_TEST

static void answer_redirect(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_answer(c, 302, "Location: /elsewhere\r\n", "");
}

START_TEST(a_redirect_is_an_answer_and_is_not_followed)
{
	struct probe p;

	rig_open(&rig, answer_redirect, NULL);
	probe_init(&p, &rig, "/");
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0);
	ck_assert_int_eq(p.result.status, 302);
	ck_assert_uint_eq(fake_server_requests(rig.server), 1);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

struct retry_after {
	const char *line;
	bool has;
	uint32_t seconds;
};

static void answer_retry_after(void *data, struct fake_conn *c, const struct fake_request *r)
{
	const struct retry_after *t = data;

	(void)r;
	fake_conn_answer(c, 429, t->line, "");
}

START_TEST(retry_after_counts_in_its_integer_form_only)
{
	static const struct retry_after table[] = {
		{"Retry-After: 7\r\n", true, 7},
		{"retry-after:0\r\n", true, 0},
		{"Retry-After:  4294967295 \r\n", true, 4294967295U},
		{"Retry-After: 4294967296\r\n", false, 0},
		{"Retry-After: 99999999999999999999999\r\n", false, 0},
		{"Retry-After: -1\r\n", false, 0},
		{"Retry-After: 1.5\r\n", false, 0},
		{"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", false, 0},
		{"Retry-After:\r\n", false, 0},
		{"X-Retry-After: 7\r\n", false, 0},
		{NULL, false, 0},
	};

	rig_open(&rig, answer_retry_after, NULL);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct retry_after t = table[i];
		struct probe p;

		fake_server_set_handler(rig.server, answer_retry_after, &t);
		probe_init(&p, &rig, "/");
		p.req.on_header = NULL; /* must not be needed for it */
		probe_run(&p);
		ck_assert_int_eq(p.result.status, 429);
		ck_assert_msg(p.result.has_retry_after == t.has && p.result.retry_after_s == t.seconds, "%s",
			      t.line);
		probe_free(&p);
	}
	rig_close(&rig);
}
END_TEST

START_TEST(callbacks_other_than_on_done_may_be_missing)
{
	struct probe p;

	rig_open(&rig, answer_hello, NULL);
	probe_init(&p, &rig, "/");
	p.req.on_header = NULL;
	p.req.on_head = NULL;
	p.req.on_data = NULL;
	probe_run(&p);
	ck_assert_int_eq(p.result.error, 0);
	ck_assert_int_eq(p.result.status, 200);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

static void start_again(struct probe *p)
{
	p->heads = 0;
	if (p->done < 10)
		ck_assert_int_eq(http_client_start(p->rig->client, &p->req, NULL), 0);
}

START_TEST(a_request_may_be_started_again_from_its_own_on_done)
{
	struct probe p;

	rig_open(&rig, answer_hello, NULL);
	probe_init(&p, &rig, "/");
	p.then = start_again;
	probe_start(&p);
	LOOP_UNTIL(&rig.loop, p.done == 10);
	ck_assert_uint_eq(fake_server_requests(rig.server), 10);
	ck_assert_uint_eq(p.body.len, 50);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(what_cannot_be_sent_is_refused_and_has_no_callback)
{
	static const char *const urls[] = {
		"",
		"/x",
		"127.0.0.1",
		"ftp://127.0.0.1/",
		"file:///etc/passwd",
		"http://",
		"http://u:p@127.0.0.1/",
		"http://127.0.0.1/a b",
		"http://127.0.0.1:99999/",
	};
	static const char *const methods[] = {"", "get", "GET /", "GET\r\nX: y"};
	static const char *const lines[] = {"X: y\r\nZ: w", "no colon", "X: y\n"};
	struct error err = {0};
	struct probe p;

	rig_open(&rig, answer_hello, NULL);
	probe_init(&p, &rig, "/");
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		p.req.url = urls[i];
		ck_assert_msg(http_client_start(rig.client, &p.req, &err) == -EINVAL, "%s", urls[i]);
		ck_assert_int_eq(err.code, -EINVAL);
	}
	p.req.url = p.url;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		p.req.method = methods[i];
		ck_assert_msg(http_client_start(rig.client, &p.req, &err) == -EINVAL, "%s", methods[i]);
	}
	p.req.method = "GET";
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		const char *const headers[] = {lines[i], NULL};

		p.req.headers = headers;
		ck_assert_msg(http_client_start(rig.client, &p.req, &err) == -EINVAL, "%s", lines[i]);
	}
	p.req.headers = NULL;
	ck_assert_uint_eq(http_client_pending(rig.client), 0);
	loop_run_turns(&rig.loop, 10);
	ck_assert_int_eq(p.done, 0);
	probe_run(&p); /* and the client is none the worse */
	ck_assert_int_eq(p.result.status, 200);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(contradictory_options_are_refused)
{
	static const struct http_client_options table[] = {
		{.ca_file = "a", .ca_pem = "b"},
		{.cert_file = "a", .cert_pem = "b", .key_file = "c"},
		{.cert_file = "a", .key_file = "c", .key_pem = "d"},
		{.cert_file = "a"},
		{.key_pem = "a"},
	};
	uv_loop_t loop;

	ck_assert_int_eq(uv_loop_init(&loop), 0);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_client *c = NULL;
		struct error err = {0};

		ck_assert_int_eq(http_client_open(&c, &loop, &table[i], &err), -EINVAL);
		ck_assert_ptr_null(c);
		ck_assert_str_ne(err.message, "");
	}
	loop_assert_drained(&loop);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_answer_brings_status_headers_and_body,
		a_request_carries_what_was_asked_for_and_nothing_else,
		each_method_is_sent_as_it_is_whatever_was_sent_before,
		a_body_may_be_large_and_hold_any_byte,
		interim_answers_and_trailers_are_not_the_head,
		an_answer_of_one_byte_at_a_time_is_the_same_answer,
		a_redirect_is_an_answer_and_is_not_followed,
		retry_after_counts_in_its_integer_form_only,
		callbacks_other_than_on_done_may_be_missing,
		a_request_may_be_started_again_from_its_own_on_done,
		what_cannot_be_sent_is_refused_and_has_no_callback,
		contradictory_options_are_refused,
	};

	return suite_run("http_client", tests, ARRAY_LEN(tests));
}
