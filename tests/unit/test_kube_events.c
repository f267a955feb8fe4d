#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kube/events.h"
#include "kube/events_limit.h"
#include "kube/events_series.h"
#include "support/fake_server.h"
#include "support/loop.h"
#include "support/suite.h"

#define REQUESTS_MAX 2048

struct seen {
	char method[8];
	char target[300];
	char content_type[64];
	char body[2048];
	struct fake_conn *conn;
};

static uv_loop_t loop;
static struct logger log_;
static char log_text[65536];
static struct fake_server *server;
static struct kube_client *client;
static struct kube_events *sink;
static struct seen seen[REQUESTS_MAX];
static size_t seen_count;
static int answer; /* HTTP status; 0: none */
static int closed; /* how many of sink, client and server */

static void on_request(void *data, struct fake_conn *conn, const struct fake_request *request)
{
	const char *type = fake_request_header(request, "Content-Type");
	struct seen *s = &seen[seen_count++];

	(void)data;
	ck_assert_uint_lt(seen_count, REQUESTS_MAX);
	(void)snprintf(s->method, sizeof(s->method), "%s", request->method);
	(void)snprintf(s->target, sizeof(s->target), "%s", request->target);
	(void)snprintf(s->content_type, sizeof(s->content_type), "%s", type != NULL ? type : "");
	(void)snprintf(s->body, sizeof(s->body), "%s", request->body);
	s->conn = conn;
	if (answer != 0)
		fake_conn_answer(conn, answer, NULL, "{}");
}

static void given_sink(void)
{
	struct kube_config config = {0};
	struct error err = {0};
	char url[64];

	(void)signal(SIGPIPE, SIG_IGN);
	log_init(&log_, memfd_create("log", MFD_CLOEXEC), LOG_LEVEL_INFO, "test");
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	seen_count = 0;
	closed = 0;
	answer = 201;
	server = fake_server_open(&loop, on_request, NULL);
	(void)snprintf(url, sizeof(url), "%s", fake_server_url(server));
	config.server = url;
	ck_assert_msg(kube_client_open(&client,
				       &(struct kube_client_options){
					       .loop = &loop,
					       .config = &config,
					       .user_agent = "test/1",
					       .log = &log_,
				       },
				       &err) == 0,
		      "%s", err.message);
	ck_assert_int_eq(kube_events_open(&sink,
					  &(struct kube_events_options){
						  .loop = &loop,
						  .client = client,
						  .log = &log_,
						  .component = "vsock-cid-controller",
						  .instance = "host_1",
						  .retry_ms = 1,
					  },
					  &err),
			 0);
}

static void on_closed(void *data)
{
	(void)data;
	closed++;
}

static void done(void)
{
	if (sink != NULL)
		kube_events_close(sink, on_closed, NULL);
	sink = NULL;
	LOOP_UNTIL(&loop, closed == 1);
	kube_client_close(client, on_closed, NULL);
	fake_server_close(server, on_closed, NULL);
	LOOP_UNTIL(&loop, closed == 3);
	loop_assert_drained(&loop);
	close(log_.fd);
}

static void post(const char *uid, const char *message)
{
	kube_events_post(sink, &(struct kube_event){
				       .namespace = "tenant",
				       .kind = "VirtualMachineInstance",
				       .api_version = "kubevirt.io/v1",
				       .name = "vm-1",
				       .uid = uid,
				       .reason = "FailedAssignCID",
				       .message = message,
				       .warning = true,
			       });
}

static void post_numbered(int from, int to)
{
	char uid[32];

	for (int i = from; i < to; i++) {
		(void)snprintf(uid, sizeof(uid), "uid-%d", i);
		post(uid, "m");
	}
}

static size_t count_logged(const char *words)
{
	ssize_t n = pread(log_.fd, log_text, sizeof(log_text) - 1, 0);
	size_t found = 0;

	ck_assert_int_ge(n, 0);
	log_text[n] = '\0';
	for (const char *at = strstr(log_text, words); at != NULL; at = strstr(at + 1, words))
		found++;
	return found;
}

/* The server's answer has been read when the next event goes out on the same connection. */
static void wait_for_requests(size_t n)
{
	LOOP_UNTIL(&loop, seen_count >= n);
	ck_assert_uint_eq(seen_count, n);
}

START_TEST(an_event_is_created_once_and_then_counted)
{
	char itself[300];

	given_sink();
	post("u", "no CID is free");
	ck_assert_uint_eq(seen_count, 0);
	wait_for_requests(1);
	ck_assert_str_eq(seen[0].method, "POST");
	ck_assert_str_eq(seen[0].target, "/api/v1/namespaces/tenant/events");
	ck_assert_str_eq(seen[0].content_type, "application/json");
	ck_assert_ptr_nonnull(strstr(seen[0].body, "\"message\":\"no CID is free\""));
	ck_assert_ptr_nonnull(strstr(seen[0].body, "\"reportingInstance\":\"host_1\""));
	ck_assert_ptr_nonnull(strstr(seen[0].body, "\"count\":1,"));
	answer = 200;
	post("u", "no CID is free");
	wait_for_requests(2);
	ck_assert_str_eq(seen[1].method, "PATCH");
	ck_assert_str_eq(seen[1].content_type, "application/merge-patch+json");
	ck_assert_int_eq(strncmp(seen[1].body, "{\"count\":2,", 11), 0);
	ck_assert_int_eq(sscanf(strstr(seen[0].body, "\"name\":\"") + 8, "%299[^\"]", itself), 1);
	ck_assert_str_eq(strrchr(seen[1].target, '/') + 1, itself);
	ck_assert_uint_eq(kube_events_dropped(sink), 0);
	done();
}
END_TEST

START_TEST(what_happens_at_once_is_told_at_once)
{
	given_sink();
	for (int i = 0; i < 20; i++)
		post("u", "m");
	wait_for_requests(1);
	ck_assert_ptr_nonnull(strstr(seen[0].body, "\"count\":20,"));
	done();
}
END_TEST

START_TEST(an_event_that_is_gone_is_created_anew)
{
	given_sink();
	post("u", "m");
	wait_for_requests(1);
	answer = 404;
	post("u", "m");
	LOOP_UNTIL(&loop, (answer = seen_count >= 2 ? 201 : 404, seen_count >= 3));
	ck_assert_str_eq(seen[1].method, "PATCH");
	ck_assert_str_eq(seen[2].method, "POST");
	ck_assert_ptr_nonnull(strstr(seen[2].body, "\"count\":2,"));
	answer = 200;
	post("u", "m");
	wait_for_requests(4);
	ck_assert_str_eq(seen[3].method, "PATCH");
	ck_assert_uint_eq(kube_events_dropped(sink), 0);
	done();
}
END_TEST

START_TEST(two_requests_are_in_flight_at_most)
{
	given_sink();
	answer = 0;
	post_numbered(0, 6);
	LOOP_UNTIL(&loop, seen_count == 2);
	loop_run_turns(&loop, 50);
	ck_assert_uint_eq(seen_count, 2);
	for (size_t i = 0; i < 6; i++) {
		LOOP_UNTIL(&loop, seen_count > i);
		ck_assert_uint_le(seen_count, i + 2);
		fake_conn_answer(seen[i].conn, 201, NULL, "{}");
	}
	ck_assert_uint_eq(seen_count, 6);
	ck_assert_uint_eq(kube_events_dropped(sink), 0);
	done();
}
END_TEST

START_TEST(what_the_transport_lost_is_tried_again)
{
	given_sink();
	fake_server_set_accept(server, FAKE_ACCEPT_RESET);
	post("u", "m");
	LOOP_UNTIL(&loop, fake_server_connections(server) >= 3);
	fake_server_set_accept(server, FAKE_ACCEPT);
	wait_for_requests(1);
	ck_assert_uint_eq(kube_events_dropped(sink), 0);
	done();
}
END_TEST

START_TEST(after_twelve_tries_it_is_given_up)
{
	given_sink();
	fake_server_set_accept(server, FAKE_ACCEPT_RESET);
	post("u", "m");
	LOOP_UNTIL(&loop, kube_events_dropped(sink) == 1);
	ck_assert_uint_eq(fake_server_connections(server), 12);
	ck_assert_uint_eq(count_logged("dropped the event FailedAssignCID"), 1);
	fake_server_set_accept(server, FAKE_ACCEPT);
	post("u", "m"); /* and the next of its kind is a new one */
	wait_for_requests(1);
	ck_assert_str_eq(seen[0].method, "POST");
	ck_assert_ptr_nonnull(strstr(seen[0].body, "\"count\":1,"));
	done();
}
END_TEST

START_TEST(an_answer_that_was_lost_makes_no_second_event)
{
	given_sink();
	answer = 0;
	post("u", "m");
	LOOP_UNTIL(&loop, seen_count == 1);
	answer = 409; /* the server has it */
	fake_conn_reset(seen[0].conn);
	wait_for_requests(2);
	ck_assert_str_eq(seen[1].method, "POST");
	ck_assert_str_eq(seen[1].body, seen[0].body);
	answer = 200;
	post("u", "m");
	wait_for_requests(3);
	ck_assert_str_eq(seen[2].method, "PATCH");
	ck_assert_uint_eq(kube_events_dropped(sink), 0);
	done();
}
END_TEST

START_TEST(what_the_server_refused_is_not_tried_again)
{
	static const int refusals[] = {400, 403, 422, 429, 500, 503};

	given_sink();
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		answer = refusals[i];
		post_numbered((int)i, (int)i + 1);
		LOOP_UNTIL(&loop, kube_events_dropped(sink) == i + 1);
		ck_assert_uint_eq(seen_count, i + 1);
	}
	done();
}
END_TEST

START_TEST(a_full_queue_drops_the_new_and_says_so_once)
{
	given_sink();
	answer = 0;
	post_numbered(0, EVENTS_QUEUE_MAX + 500);
	ck_assert_uint_eq(kube_events_dropped(sink), 500);
	ck_assert_uint_eq(count_logged("dropping events"), 1);
	LOOP_UNTIL(&loop, seen_count == 2);
	answer = 201;
	fake_conn_answer(seen[0].conn, 201, NULL, "{}");
	fake_conn_answer(seen[1].conn, 201, NULL, "{}");
	wait_for_requests(EVENTS_QUEUE_MAX);
	ck_assert_uint_eq(kube_events_dropped(sink), 500);
	done();
}
END_TEST

START_TEST(one_object_cannot_use_up_the_server)
{
	char message[32];

	given_sink();
	for (int i = 0; i < 100; i++) {
		(void)snprintf(message, sizeof(message), "message %d", i);
		post("u", message);
	}
	post("another", "m");
	wait_for_requests(EVENTS_LIMIT_BURST + 1);
	ck_assert_uint_eq(kube_events_dropped(sink), 100 - EVENTS_LIMIT_BURST);
	done();
}
END_TEST

START_TEST(closing_cancels_what_is_in_flight_and_drops_the_rest)
{
	given_sink();
	answer = 0;
	post_numbered(0, 10);
	LOOP_UNTIL(&loop, seen_count == 2);
	kube_events_close(sink, on_closed, NULL);
	post("late", "m");
	ck_assert_int_eq(closed, 0);
	sink = NULL;
	LOOP_UNTIL(&loop, closed == 1);
	ck_assert_uint_eq(seen_count, 2);
	done();
}
END_TEST

START_TEST(closing_does_not_wait_for_the_next_try)
{
	given_sink();
	fake_server_set_accept(server, FAKE_ACCEPT_RESET);
	post_numbered(0, 2);
	LOOP_UNTIL(&loop, fake_server_connections(server) >= 4);
	done();
}
END_TEST

static void on_flushed(void *data)
{
	(*(int *)data)++;
}

START_TEST(a_flush_is_over_when_all_events_have_their_answers)
{
	int flushed = 0;

	given_sink();
	post_numbered(0, 5);
	answer = 0;
	kube_events_flush(sink, UINT32_MAX, on_flushed, &flushed);
	ck_assert_int_eq(flushed, 0);
	for (size_t i = 0; i < 5; i++) {
		LOOP_UNTIL(&loop, seen_count > i);
		ck_assert_int_eq(flushed, 0);
		fake_conn_answer(seen[i].conn, 201, NULL, "{}");
	}
	LOOP_UNTIL(&loop, flushed == 1);
	kube_events_flush(sink, UINT32_MAX, on_flushed, &flushed); /* nothing to wait for */
	ck_assert_int_eq(flushed, 1);
	LOOP_UNTIL(&loop, flushed == 2);
	done();
}
END_TEST

START_TEST(a_flush_waits_no_longer_than_it_is_told_to)
{
	int flushed = 0;

	given_sink();
	answer = 0;
	post_numbered(0, 5);
	kube_events_flush(sink, 1, on_flushed, &flushed);
	LOOP_UNTIL(&loop, flushed == 1);
	ck_assert_uint_lt(seen_count, 5);
	kube_events_flush(sink, UINT32_MAX, on_flushed, &flushed);
	done();
	ck_assert_int_eq(flushed, 1);
}
END_TEST

START_TEST(a_sink_without_events_closes)
{
	given_sink();
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_event_is_created_once_and_then_counted,
		what_happens_at_once_is_told_at_once,
		an_event_that_is_gone_is_created_anew,
		two_requests_are_in_flight_at_most,
		what_the_transport_lost_is_tried_again,
		after_twelve_tries_it_is_given_up,
		an_answer_that_was_lost_makes_no_second_event,
		what_the_server_refused_is_not_tried_again,
		a_full_queue_drops_the_new_and_says_so_once,
		one_object_cannot_use_up_the_server,
		closing_cancels_what_is_in_flight_and_drops_the_rest,
		closing_does_not_wait_for_the_next_try,
		a_flush_is_over_when_all_events_have_their_answers,
		a_flush_waits_no_longer_than_it_is_told_to,
		a_sink_without_events_closes,
	};

	return suite_run("kube_events", tests, ARRAY_LEN(tests));
}
