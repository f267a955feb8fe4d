/* Calls to the API server: what is sent, what becomes of the answers. */
#include "test_kube_client_rig.h"

START_TEST(a_get_carries_accept_and_user_agent_and_no_more)
{
	struct probe p;

	open_both(answer_echo, NULL);
	get(&p, "/api/v1/pods?limit=5&labelSelector=a%3Db");
	ck_assert_int_eq(p.answer.error, 0);
	ck_assert_int_eq(p.answer.status, 200);
	ck_assert_str_eq(buf_str(&p.body), "GET /api/v1/pods?limit=5&labelSelector=a%3Db|User-Agent=test/1;"
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
	ck_assert_int_gt(asprintf(&rig.config.server, "%s/k8s/clusters/c1", fake_server_url(rig.server)), 0);
	open_client();
	get(&p, "/api/v1/pods");
	ck_assert_int_eq(strncmp(buf_str(&p.body), "GET /k8s/clusters/c1/api/v1/pods|", 33), 0);
	probe_free(&p);
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
		ck_assert_int_eq(isnan(rig.observed_seconds) != 0, streaming);
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
	ck_assert(p.answer.sent || fake_server_requests(rig.server) == 0);
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

int main(void)
{
	const TTest *const tests[] = {
		a_get_carries_accept_and_user_agent_and_no_more,
		a_body_has_its_content_type_and_json_where_none_is_named,
		a_path_prefix_of_the_server_comes_first,
		a_client_without_user_agent_is_refused,
		a_failure_is_classified_for_ordinary_and_streaming_calls,
		an_answer_over_the_cap_ends_an_ordinary_call,
		a_failure_with_an_endless_body_is_still_that_failure,
		an_error_from_on_data_ends_a_streaming_call_with_it,
		a_cut_answer_and_a_refused_connect_are_transport_errors,
		a_call_times_out_as_asked,
		a_warning_of_the_server_is_logged_once,
		what_cannot_be_started_has_no_callback,
	};

	return suite_run("kube_client", tests, ARRAY_LEN(tests));
}
