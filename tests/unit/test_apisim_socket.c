#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "support/suite.h"
#include "test_apisim_client.h"

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
