/* Requests to the API server: credentials, answers, failures. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kube/client.h"
#include "support/fake_server.h"
#include "support/loop.h"
#include "support/suite.h"

struct rig {
	uv_loop_t loop;
	struct fake_server *server;
	struct kube_config config;
	struct kube_client *client;
	struct logger log;
	int log_fd;
	char token_dir[32];
	char token_path[64];
	bool client_closed;
	bool server_closed;
	char observed[1024]; /* "METHOD CODE;" of each request */
	double observed_seconds;
};

/* One call and its history. */
struct probe {
	struct kube_call call;
	struct rig *rig;
	struct kube_answer answer;
	char message[256];
	struct buf body;   /* of the answer */
	struct buf stream; /* through on_data */
	int done;
	int data_verdict;
	void (*then)(struct probe *p);
};

static struct rig rig;

static void probe_on_done(struct kube_call *call, const struct kube_answer *answer)
{
	struct probe *p = call->data;

	p->done++;
	p->answer = *answer;
	(void)snprintf(p->message, sizeof(p->message), "%s", answer->message);
	p->answer.message = p->message;
	ck_assert_ptr_nonnull(answer->body);
	ck_assert_int_eq(answer->body[answer->body_len], '\0');
	buf_reset(&p->body);
	ck_assert_int_eq(buf_add(&p->body, answer->body, answer->body_len), 0);
	p->answer.body = NULL;
	if (p->then != NULL)
		p->then(p);
}

static int probe_on_data(struct kube_call *call, const char *bytes, size_t n)
{
	struct probe *p = call->data;

	ck_assert_int_eq(buf_add(&p->stream, bytes, n), 0);
	return p->data_verdict;
}

static void probe_init(struct probe *p, const char *method, const char *path)
{
	*p = (struct probe){.rig = &rig};
	buf_init(&p->body, 64u << 20);
	buf_init(&p->stream, 64u << 20);
	p->call.method = method;
	p->call.path = path;
	p->call.on_done = probe_on_done;
	p->call.data = p;
}

static void probe_free(struct probe *p)
{
	buf_free(&p->body);
	buf_free(&p->stream);
}

static void probe_start(struct probe *p)
{
	int before = p->done;
	struct error err = {0};

	ck_assert_msg(kube_client_start(rig.client, &p->call, &err) == 0, "%s", err.message);
	ck_assert_int_eq(p->done, before);
}

static void probe_run(struct probe *p)
{
	int before = p->done;

	probe_start(p);
	LOOP_UNTIL(&rig.loop, p->done == before + 1);
}

/* GET @path, everything else by default. */
static void get(struct probe *p, const char *path)
{
	probe_init(p, "GET", path);
	probe_run(p);
}

static void write_token(const char *token)
{
	FILE *f = fopen(rig.token_path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(token, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void on_observed(void *data, const char *method, int code, double seconds)
{
	size_t n = strlen(rig.observed);

	ck_assert_ptr_eq(data, &rig);
	ck_assert(seconds >= 0);
	(void)snprintf(rig.observed + n, sizeof(rig.observed) - n, "%s %d;", method, code);
	rig.observed_seconds = seconds;
}

/* The server only; set config, then open_client(). */
static void open_server(fake_server_handler handler, void *data)
{
	rig = (struct rig){.log_fd = -1};
	ck_assert_int_eq(uv_loop_init(&rig.loop), 0);
	rig.server = fake_server_open(&rig.loop, handler, data);
	rig.config.server = strdup(fake_server_url(rig.server));
	(void)snprintf(rig.token_dir, sizeof(rig.token_dir), "/tmp/kube_client.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(rig.token_dir));
	(void)snprintf(rig.token_path, sizeof(rig.token_path), "%s/token", rig.token_dir);
}

static void open_client(void)
{
	struct kube_client_options options = {
		.loop = &rig.loop,
		.config = &rig.config,
		.user_agent = "test/1",
		.log = &rig.log,
		.observer = on_observed,
		.observer_data = &rig,
	};
	struct error err = {0};
	FILE *log = tmpfile();

	ck_assert_ptr_nonnull(log);
	rig.log_fd = dup(fileno(log));
	ck_assert_int_eq(fclose(log), 0);
	log_init(&rig.log, rig.log_fd, LOG_LEVEL_INFO, "test");
	ck_assert_msg(kube_client_open(&rig.client, &options, &err) == 0, "%s", err.message);
}

static void open_both(fake_server_handler handler, void *data)
{
	open_server(handler, data);
	open_client();
}

/* A client with a token file that holds @token. */
static void open_with_token_file(fake_server_handler handler, void *data, const char *token)
{
	open_server(handler, data);
	write_token(token);
	rig.config.token_file = strdup(rig.token_path);
	open_client();
}

/* What was logged, in memory that lives until the next call. */
static const char *logged(void)
{
	static char text[65536];
	ssize_t n = pread(rig.log_fd, text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

static void on_client_closed(void *data)
{
	ck_assert_ptr_eq(data, &rig);
	ck_assert(!rig.client_closed);
	rig.client_closed = true;
}

static void on_server_closed(void *data)
{
	(void)data;
	rig.server_closed = true;
}

static void close_both(void)
{
	if (rig.client != NULL && !rig.client_closed) {
		kube_client_close(rig.client, on_client_closed, &rig);
		ck_assert(!rig.client_closed);
		LOOP_UNTIL(&rig.loop, rig.client_closed);
	}
	fake_server_close(rig.server, on_server_closed, NULL);
	LOOP_UNTIL(&rig.loop, rig.server_closed);
	loop_assert_drained(&rig.loop);
	if (rig.log_fd >= 0)
		(void)close(rig.log_fd);
	(void)unlink(rig.token_path);
	(void)rmdir(rig.token_dir);
	kube_config_free(&rig.config);
}

/* Answers with the request: "METHOD target|Name=value;...|body". */
static void answer_echo(void *data, struct fake_conn *c, const struct fake_request *r)
{
	AUTO_BUF struct buf text;

	(void)data;
	buf_init(&text, 1u << 20);
	(void)buf_printf(&text, "%s %s|", r->method, r->target);
	for (size_t i = 1; i < r->header_count; i++)
		(void)buf_printf(&text, "%s=%s;", r->headers[i].name, r->headers[i].value);
	(void)buf_printf(&text, "|%s", r->body);
	fake_conn_answer(c, 200, NULL, buf_str(&text));
}

START_TEST(a_get_carries_accept_and_user_agent_and_no_more)
	{
		struct probe p;

		open_both(answer_echo, NULL);
		get(&p, "/api/v1/pods?limit=5&labelSelector=a%3Db");
		ck_assert_int_eq(p.answer.error, 0);
		ck_assert_int_eq(p.answer.status, 200);
		ck_assert_str_eq(buf_str(&p.body),
				 "GET /api/v1/pods?limit=5&labelSelector=a%3Db|User-Agent=test/1;"
				 "Accept=application/json;|");
		ck_assert_str_eq(rig.observed, "GET 200;");
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_body_has_its_content_type_and_json_where_none_is_named)
	{
		static const char patch[] = "[{\"op\":\"test\"}]";
		struct probe p;

		open_both(answer_echo, NULL);
		probe_init(&p, "PATCH", "/x");
		p.call.body = patch;
		p.call.body_len = sizeof(patch) - 1;
		p.call.content_type = "application/json-patch+json";
		probe_run(&p);
		ck_assert_str_eq(buf_str(&p.body),
				 "PATCH /x|User-Agent=test/1;Accept=application/json;Content-Type="
				 "application/json-patch+json;Content-Length=15;|[{\"op\":\"test\"}]");
		p.call.content_type = NULL;
		p.call.method = "POST";
		probe_run(&p);
		ck_assert_ptr_nonnull(strstr(buf_str(&p.body), ";Content-Type=application/json;"));
		ck_assert_str_eq(rig.observed, "PATCH 200;POST 200;");
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_path_prefix_of_the_server_comes_first)
	{
		struct probe p;

		open_server(answer_echo, NULL);
		free(rig.config.server);
		ck_assert_int_gt(
			asprintf(&rig.config.server, "%s/k8s/clusters/c1", fake_server_url(rig.server)), 0);
		open_client();
		get(&p, "/api/v1/pods");
		ck_assert_int_eq(strncmp(buf_str(&p.body), "GET /k8s/clusters/c1/api/v1/pods|", 33), 0);
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(gzip_is_accepted_only_where_it_was_asked_for)
	{
		struct probe p;

		open_both(answer_echo, NULL);
		probe_init(&p, "GET", "/x");
		p.call.accept_gzip = true;
		probe_run(&p);
		ck_assert_ptr_nonnull(strstr(buf_str(&p.body), "Accept-Encoding=gzip;"));
		p.call.accept_gzip = false;
		probe_run(&p);
		ck_assert_ptr_null(strstr(buf_str(&p.body), "Accept-Encoding"));
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_fixed_token_is_sent_and_a_token_file_wins_over_it)
	{
		struct probe p;

		open_server(answer_echo, NULL);
		rig.config.token = strdup("fixed");
		open_client();
		get(&p, "/x");
		ck_assert_ptr_nonnull(strstr(buf_str(&p.body), ";Authorization=Bearer fixed;"));
		probe_free(&p);
		close_both();

		open_server(answer_echo, NULL);
		rig.config.token = strdup("fixed");
		rig.config.token_file = strdup(rig.token_path);
		write_token(" of-file\n");
		open_client();
		get(&p, "/x");
		ck_assert_ptr_nonnull(strstr(buf_str(&p.body), ";Authorization=Bearer of-file;"));
		ck_assert_ptr_null(strstr(buf_str(&p.body), "fixed"));
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_token_file_that_is_missing_at_start_is_an_error)
	{
		struct kube_client_options options = {
			.loop = &rig.loop, .config = &rig.config, .user_agent = "test/1"};
		struct kube_client *c = NULL;
		struct error err = {0};

		open_server(NULL, NULL);
		rig.config.token_file = strdup(rig.token_path);
		ck_assert_int_eq(kube_client_open(&c, &options, &err), -ENOENT);
		ck_assert_ptr_null(c);
		ck_assert_ptr_nonnull(strstr(err.message, rig.token_path));
		close_both();
	}
END_TEST

START_TEST(a_client_without_user_agent_is_refused)
	{
		struct kube_client_options options = {.loop = &rig.loop, .config = &rig.config};
		struct kube_client *c = NULL;
		struct error err = {0};

		open_server(NULL, NULL);
		ck_assert_int_eq(kube_client_open(&c, &options, &err), -EINVAL);
		options.user_agent = "";
		ck_assert_int_eq(kube_client_open(&c, &options, &err), -EINVAL);
		close_both();
	}
END_TEST

struct gate {
	const char *token; /* that is let in */
	size_t refused;
	const char *rotate_to; /* written into the token file with each refusal; NULL: nothing */
};

/* 401 unless the right token comes. */
static void answer_gated(void *data, struct fake_conn *c, const struct fake_request *r)
{
	struct gate *g = data;
	const char *header = fake_request_header(r, "Authorization");

	if (header != NULL && strncmp(header, "Bearer ", 7) == 0 && strcmp(header + 7, g->token) == 0) {
		fake_conn_answer(c, 200, NULL, r->body_len > 0 ? r->body : "welcome");
		return;
	}
	g->refused++;
	if (g->rotate_to != NULL)
		write_token(g->rotate_to);
	fake_conn_answer(c, 401, NULL,
			 "{\"kind\":\"Status\",\"reason\":\"Unauthorized\",\"message\":\"go away\"}");
}

START_TEST(after_a_401_the_token_is_read_anew_and_the_call_made_once_more)
	{
		struct gate g = {.token = "new", .rotate_to = "new"};
		struct probe p;

		open_with_token_file(answer_gated, &g, "old");
		probe_init(&p, "PUT", "/x");
		p.call.body = "{}";
		p.call.body_len = 2;
		probe_run(&p);
		ck_assert_int_eq(p.answer.error, 0);
		ck_assert_int_eq(p.answer.status, 200);
		ck_assert_str_eq(buf_str(&p.body), "{}");
		ck_assert_uint_eq(g.refused, 1);
		ck_assert_str_eq(rig.observed, "PUT 401;PUT 200;");
		probe_run(&p); /* and the new one is kept */
		ck_assert_uint_eq(g.refused, 1);
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_streaming_call_sees_nothing_of_the_401_before_its_second_try)
	{
		struct gate g = {.token = "new", .rotate_to = "new"};
		struct probe p;

		open_with_token_file(answer_gated, &g, "old");
		probe_init(&p, "GET", "/x");
		p.call.on_data = probe_on_data;
		probe_run(&p);
		ck_assert_int_eq(p.answer.status, 200);
		ck_assert_str_eq(buf_str(&p.stream), "welcome");
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_401_is_final_when_the_file_holds_the_same_token)
	{
		struct gate g = {.token = "new"};
		struct probe p;

		open_with_token_file(answer_gated, &g, "old");
		get(&p, "/x");
		ck_assert_int_eq(p.answer.error, 0);
		ck_assert_int_eq(p.answer.status, 401);
		ck_assert_str_eq(p.answer.failure.reason, "Unauthorized");
		ck_assert_str_eq(p.answer.failure.message, "go away");
		ck_assert_uint_eq(g.refused, 1);
		ck_assert_str_eq(rig.observed, "GET 401;");
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_second_401_is_final)
	{
		struct gate g = {.token = "newest", .rotate_to = "new"};
		struct probe p;

		open_with_token_file(answer_gated, &g, "old");
		get(&p, "/x");
		ck_assert_int_eq(p.answer.status, 401);
		ck_assert_str_eq(p.answer.failure.message, "go away");
		ck_assert_uint_eq(g.refused, 2);
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_fixed_token_is_not_tried_twice)
	{
		struct gate g = {.token = "new"};
		struct probe p;

		open_server(answer_gated, &g);
		rig.config.token = strdup("old");
		open_client();
		get(&p, "/x");
		ck_assert_int_eq(p.answer.status, 401);
		ck_assert_uint_eq(g.refused, 1);
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_token_file_that_breaks_keeps_the_old_token_and_is_logged)
	{
		struct gate g = {.token = "new", .rotate_to = ""};
		struct probe p;

		open_with_token_file(answer_gated, &g, "old");
		get(&p, "/x");
		ck_assert_int_eq(p.answer.status, 401);
		ck_assert_uint_eq(g.refused, 1);
		ck_assert_ptr_nonnull(strstr(logged(), "the last good token stays in use"));
		ck_assert_ptr_nonnull(strstr(logged(), rig.token_path));
		g.token = "old";
		probe_run(&p);
		ck_assert_int_eq(p.answer.status, 200);
		probe_free(&p);
		close_both();
	}
END_TEST

static void answer_422(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_answer(c, 422, "Retry-After: 4\r\n",
			 "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"no\",\"details\":{"
			 "\"causes\":[{}]}}");
}

START_TEST(a_failure_is_classified_for_ordinary_and_streaming_calls)
	{
		struct probe p;

		open_both(answer_422, NULL);
		for (int streaming = 0; streaming < 2; streaming++) {
			probe_init(&p, "GET", "/x");
			p.call.on_data = streaming ? probe_on_data : NULL;
			probe_run(&p);
			ck_assert_int_eq(p.answer.error, 0);
			ck_assert_int_eq(p.answer.status, 422);
			ck_assert_int_eq(p.answer.failure.code, 422);
			ck_assert_str_eq(p.answer.failure.message, "no");
			ck_assert(p.answer.failure.has_causes);
			ck_assert(p.answer.retry_after);
			ck_assert_uint_eq(p.answer.retry_after_s, 4);
			ck_assert_uint_eq(p.stream.len, 0);
			probe_free(&p);
		}
		close_both();
	}
END_TEST

static void answer_large(void *data, struct fake_conn *c, const struct fake_request *r)
{
	static char block[65536];
	int status = *(int *)data;

	(void)r;
	memset(block, 'x', sizeof(block));
	fake_conn_begin(c, status, NULL);
	for (size_t n = 0; n <= KUBE_CLIENT_MAX_ANSWER; n += sizeof(block))
		fake_conn_chunk_bytes(c, block, sizeof(block));
	fake_conn_end(c);
}

START_TEST(an_answer_over_the_cap_ends_an_ordinary_call)
	{
		int status = 200;
		struct probe p;

		open_both(answer_large, &status);
		get(&p, "/x");
		ck_assert_int_eq(p.answer.error, -EMSGSIZE);
		ck_assert_int_eq(p.answer.status, 200);
		ck_assert(p.answer.sent);
		probe_free(&p);
		probe_init(&p, "GET", "/x");
		p.call.on_data = probe_on_data;
		probe_run(&p); /* a streaming call has no cap */
		ck_assert_int_eq(p.answer.error, 0);
		ck_assert_uint_gt(p.stream.len, KUBE_CLIENT_MAX_ANSWER);
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_failure_with_an_endless_body_is_still_that_failure)
	{
		int status = 503;
		struct probe p;

		open_both(answer_large, &status);
		for (int streaming = 0; streaming < 2; streaming++) {
			probe_init(&p, "GET", "/x");
			p.call.on_data = streaming ? probe_on_data : NULL;
			probe_run(&p);
			ck_assert_int_eq(p.answer.error, 0);
			ck_assert_int_eq(p.answer.status, 503);
			ck_assert_str_eq(p.answer.failure.reason, "ServiceUnavailable");
			ck_assert_uint_le(p.answer.body_len, 256u << 10);
			ck_assert_uint_eq(p.stream.len, 0);
			probe_free(&p);
		}
		close_both();
	}
END_TEST

START_TEST(an_error_from_on_data_ends_a_streaming_call_with_it)
	{
		struct probe p;

		open_both(answer_echo, NULL);
		probe_init(&p, "GET", "/x");
		p.call.on_data = probe_on_data;
		p.data_verdict = -EBADMSG;
		probe_run(&p);
		ck_assert_int_eq(p.answer.error, -EBADMSG);
		ck_assert_int_eq(p.answer.status, 200);
		probe_free(&p);
		close_both();
	}
END_TEST

static void answer_cut(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	fake_conn_close(c);
}

START_TEST(a_cut_answer_and_a_refused_connect_are_transport_errors)
	{
		struct probe p;

		open_both(answer_cut, NULL);
		get(&p, "/x");
		ck_assert_int_eq(p.answer.error, -EPIPE);
		ck_assert(p.answer.sent);
		ck_assert_int_eq(p.answer.status, 200);
		ck_assert_str_ne(p.message, "");
		fake_server_stop(rig.server);
		loop_run_turns(&rig.loop, 3);
		probe_run(&p);
		ck_assert_int_eq(p.answer.error, -ECONNREFUSED);
		ck_assert(!p.answer.sent);
		ck_assert_int_eq(p.answer.status, 0);
		ck_assert_str_ne(p.message, "");
		ck_assert_str_eq(rig.observed, "GET 200;GET 0;");
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_call_times_out_as_asked)
	{
		struct probe p;

		open_both(NULL, NULL);
		probe_init(&p, "GET", "/x");
		p.call.timeout_ms = 50;
		probe_run(&p);
		ck_assert_int_eq(p.answer.error, -ETIMEDOUT);
		ck_assert(p.answer.sent);
		p.call.timeout_ms = 0;
		p.call.on_data = probe_on_data;
		p.call.idle_timeout_ms = 50;
		probe_run(&p);
		ck_assert_int_eq(p.answer.error, -ETIMEDOUT);
		probe_free(&p);
		close_both();
	}
END_TEST

static void answer_with_warnings(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_answer(c, 200,
			 "Warning: 299 - \"v1alpha3 is deprecated, use \\\"v1\\\"\"\r\n"
			 "Warning: 214 - \"transformed\"\r\n"
			 "Warning: 299 - \"\"\r\n"
			 "Warning: 299\r\n",
			 "{}");
}

START_TEST(a_warning_of_the_server_is_logged_once)
	{
		const char *first;
		struct probe p;

		open_both(answer_with_warnings, NULL);
		probe_init(&p, "GET", "/x");
		probe_run(&p);
		probe_run(&p);
		first = strstr(logged(), "v1alpha3 is deprecated, use \\\"v1\\\"");
		ck_assert_ptr_nonnull(first);
		ck_assert_ptr_null(strstr(first + 1, "v1alpha3"));
		ck_assert_ptr_null(strstr(logged(), "transformed"));
		ck_assert_ptr_eq(strchr(logged(), '\n') + 1, logged() + strlen(logged())); /* one line */
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(what_cannot_be_started_has_no_callback)
	{
		struct error err = {0};
		struct probe p;

		open_both(answer_echo, NULL);
		probe_init(&p, "GET", "x");
		ck_assert_int_eq(kube_client_start(rig.client, &p.call, &err), -EINVAL);
		p.call.path = "/a b";
		ck_assert_int_eq(kube_client_start(rig.client, &p.call, &err), -EINVAL);
		p.call.path = "/a";
		p.call.method = "get";
		ck_assert_int_eq(kube_client_start(rig.client, &p.call, &err), -EINVAL);
		p.call.method = "POST";
		p.call.body = "x";
		p.call.body_len = 1;
		p.call.content_type = "a\r\nEvil: b";
		ck_assert_int_eq(kube_client_start(rig.client, &p.call, &err), -EINVAL);
		loop_run_turns(&rig.loop, 10);
		ck_assert_int_eq(p.done, 0);
		ck_assert_ptr_null(p.call.impl);
		probe_free(&p);
		close_both();
	}
END_TEST

START_TEST(a_canceled_call_ends_from_the_loop_and_only_once)
	{
		struct probe p;

		open_both(NULL, NULL);
		probe_init(&p, "GET", "/x");
		kube_call_cancel(&p.call); /* nothing to cancel */
		probe_start(&p);
		LOOP_UNTIL(&rig.loop, fake_server_requests(rig.server) == 1);
		kube_call_cancel(&p.call);
		kube_call_cancel(&p.call);
		ck_assert_int_eq(p.done, 0);
		LOOP_UNTIL(&rig.loop, p.done == 1);
		ck_assert_int_eq(p.answer.error, -ECANCELED);
		ck_assert(p.answer.sent);
		kube_call_cancel(&p.call);
		loop_run_turns(&rig.loop, 10);
		ck_assert_int_eq(p.done, 1);
		probe_free(&p);
		close_both();
	}
END_TEST

/* Two calls whose answers come together: /first gets 200, /second gets 401 while the token file changes. */
struct race {
	struct probe first;
	struct probe second;
	struct fake_conn *first_conn;
	struct fake_conn *second_conn;
	size_t second_requests;
	bool canceled_in_time; /* second was canceled before it was done or tried again */
};

static struct race race;

static void answer_race(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	if (strcmp(r->target, "/first") == 0) {
		race.first_conn = c;
	} else {
		race.second_conn = c;
		race.second_requests++;
	}
	if (race.second_requests > 1) {
		fake_conn_answer(c, 200, NULL, "");
	} else if (race.first_conn != NULL && race.second_conn != NULL) {
		fake_conn_answer(race.second_conn, 401, NULL, "");
		fake_conn_answer(race.first_conn, 200, NULL, "");
	}
}

static void cancel_second(struct probe *p)
{
	(void)p;
	race.canceled_in_time = strstr(rig.observed, "401") == NULL;
	kube_call_cancel(&race.second.call);
}

START_TEST(a_call_canceled_with_its_401_at_hand_is_not_made_again)
	{
		bool seen = false;

		open_with_token_file(answer_race, NULL, "old");
		/* Which of the answers is read first is the kernel's choice; try until it was the right one.
		 */
		for (int round = 0; round < 1000 && !seen; round++) {
			char token[16];

			race = (struct race){0};
			rig.observed[0] = '\0';
			probe_init(&race.first, "GET", "/first");
			probe_init(&race.second, "GET", "/second");
			race.first.then = cancel_second;
			probe_start(&race.first);
			probe_start(&race.second);
			(void)snprintf(token, sizeof(token), "t%d", round);
			write_token(token); /* would be worth another try */
			LOOP_UNTIL(&rig.loop, race.first.done == 1 && race.second.done == 1);
			seen = race.canceled_in_time && race.second.answer.status == 401;
			loop_run_turns(&rig.loop, 10);
			if (race.canceled_in_time)
				ck_assert_uint_eq(race.second_requests, 1);
			probe_free(&race.first);
			probe_free(&race.second);
		}
		ck_assert(seen);
		close_both();
	}
END_TEST

START_TEST(closing_cancels_every_call_first)
	{
		enum { N = 20 };
		static struct probe p[N];
		struct error err = {0};
		struct probe late;

		open_both(NULL, NULL);
		for (int i = 0; i < N; i++) {
			probe_init(&p[i], "GET", "/x");
			probe_start(&p[i]);
		}
		LOOP_UNTIL(&rig.loop, fake_server_requests(rig.server) > 3);
		kube_client_close(rig.client, on_client_closed, &rig);
		probe_init(&late, "GET", "/x");
		ck_assert_int_eq(kube_client_start(rig.client, &late.call, &err), -ESHUTDOWN);
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(p[i].done, 0);
		LOOP_UNTIL(&rig.loop, rig.client_closed);
		for (int i = 0; i < N; i++) {
			ck_assert_int_eq(p[i].done, 1);
			ck_assert_int_eq(p[i].answer.error, -ECANCELED);
			probe_free(&p[i]);
		}
		probe_free(&late);
		close_both();
	}
END_TEST

static void free_and_close(struct kube_call *call, const struct kube_answer *answer)
{
	ck_assert_int_eq(answer->status, 200);
	free(call);
	kube_client_close(rig.client, on_client_closed, &rig);
}

START_TEST(on_done_may_free_its_call_and_close_the_client)
	{
		struct kube_call *call = calloc(1, sizeof(*call));

		open_both(answer_echo, NULL);
		ck_assert_ptr_nonnull(call);
		call->method = "GET";
		call->path = "/x";
		call->on_done = free_and_close;
		ck_assert_int_eq(kube_client_start(rig.client, call, NULL), 0);
		LOOP_UNTIL(&rig.loop, rig.client_closed);
		close_both();
	}
END_TEST

static void start_again(struct probe *p)
{
	if (p->done < 5)
		ck_assert_int_eq(kube_client_start(rig.client, &p->call, NULL), 0);
}

START_TEST(a_call_may_be_reused_from_its_own_on_done)
	{
		struct probe p;

		open_both(answer_echo, NULL);
		probe_init(&p, "GET", "/x");
		p.then = start_again;
		probe_start(&p);
		LOOP_UNTIL(&rig.loop, p.done == 5);
		ck_assert_uint_eq(fake_server_requests(rig.server), 5);
		ck_assert_uint_eq(fake_server_connections(rig.server), 1);
		probe_free(&p);
		close_both();
	}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_get_carries_accept_and_user_agent_and_no_more,
		a_body_has_its_content_type_and_json_where_none_is_named,
		a_path_prefix_of_the_server_comes_first,
		gzip_is_accepted_only_where_it_was_asked_for,
		a_fixed_token_is_sent_and_a_token_file_wins_over_it,
		a_token_file_that_is_missing_at_start_is_an_error,
		a_client_without_user_agent_is_refused,
		after_a_401_the_token_is_read_anew_and_the_call_made_once_more,
		a_streaming_call_sees_nothing_of_the_401_before_its_second_try,
		a_401_is_final_when_the_file_holds_the_same_token,
		a_second_401_is_final,
		a_fixed_token_is_not_tried_twice,
		a_token_file_that_breaks_keeps_the_old_token_and_is_logged,
		a_failure_is_classified_for_ordinary_and_streaming_calls,
		an_answer_over_the_cap_ends_an_ordinary_call,
		a_failure_with_an_endless_body_is_still_that_failure,
		an_error_from_on_data_ends_a_streaming_call_with_it,
		a_cut_answer_and_a_refused_connect_are_transport_errors,
		a_call_times_out_as_asked,
		a_warning_of_the_server_is_logged_once,
		what_cannot_be_started_has_no_callback,
		a_canceled_call_ends_from_the_loop_and_only_once,
		a_call_canceled_with_its_401_at_hand_is_not_made_again,
		closing_cancels_every_call_first,
		on_done_may_free_its_call_and_close_the_client,
		a_call_may_be_reused_from_its_own_on_done,
	};

	return suite_run("kube_client", tests, ARRAY_LEN(tests));
}
