/* Requests and clients of HTTP that we end ourselves, canceled, refused by a callback, closed; also while
 * their answer comes in so many pieces that the engine lets them gather. */
#include <errno.h>

#include "support/suite.h"
#include "test_http_client_probe.h"

static struct rig rig;

static void answer_hello(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_answer(c, 200, NULL, "hello");
}

START_TEST(a_request_canceled_before_the_loop_turns_was_never_sent)
{
	struct probe p;

	rig_open(&rig, answer_hello, NULL);
	probe_init(&p, &rig, "/");
	http_request_cancel(&p.req); /* not started: nothing happens */
	probe_start(&p);
	http_request_cancel(&p.req);
	http_request_cancel(&p.req);
	ck_assert_int_eq(p.done, 0);
	ck_assert_uint_eq(http_client_pending(rig.client), 1);
	LOOP_UNTIL(&rig.loop, p.done == 1);
	ck_assert_int_eq(p.result.error, -ECANCELED);
	ck_assert(!p.result.sent);
	ck_assert_uint_eq(http_client_pending(rig.client), 0);
	http_request_cancel(&p.req);
	loop_run_turns(&rig.loop, 10);
	ck_assert_int_eq(p.done, 1);
	ck_assert_uint_eq(fake_server_requests(rig.server), 0);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

static void answer_endlessly(void *data, struct fake_conn *c, const struct fake_request *r)
{
	struct fake_conn **kept = data;

	(void)r;
	*kept = c;
	fake_conn_begin(c, 200, NULL);
	fake_conn_chunk(c, "some");
}

START_TEST(a_request_canceled_within_its_answer_ends_there)
{
	struct fake_conn *kept = NULL;
	struct probe p;

	rig_open(&rig, answer_endlessly, (void *)&kept);
	probe_init(&p, &rig, "/");
	probe_start(&p);
	LOOP_UNTIL(&rig.loop, p.body.len == 4);
	fake_conn_chunk(kept, "more");
	http_request_cancel(&p.req);
	LOOP_UNTIL(&rig.loop, p.done == 1);
	ck_assert_int_eq(p.result.error, -ECANCELED);
	ck_assert_int_eq(p.result.status, 200);
	ck_assert(p.result.sent);
	LOOP_UNTIL(&rig.loop, fake_server_open_connections(rig.server) == 0);
	ck_assert_str_eq(buf_str(&p.body), "some");
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

static struct probe *other;
static int other_was;

static void cancel_other(struct probe *p)
{
	(void)p;
	other_was = other->done;
	http_request_cancel(&other->req);
	ck_assert_int_eq(other->done, other_was); /* never inside cancel */
}

START_TEST(on_done_may_cancel_another_request)
{
	struct probe p[2];

	rig_open(&rig, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		probe_init(&p[i], &rig, "/");
		probe_start(&p[i]);
	}
	p[0].then = cancel_other;
	other = &p[1];
	LOOP_UNTIL(&rig.loop, fake_server_requests(rig.server) == 2);
	http_request_cancel(&p[0].req);
	LOOP_UNTIL(&rig.loop, p[1].done == 1);
	ck_assert_int_eq(p[1].result.error, -ECANCELED);
	for (int i = 0; i < 2; i++)
		probe_free(&p[i]);
	rig_close(&rig);
}
END_TEST

START_TEST(an_error_from_a_callback_ends_the_request_with_it)
{
	struct probe p;

	/* T7 */
	rig_open(&rig, answer_hello, NULL);
	for (int i = 0; i < 4; i++) {
		probe_init(&p, &rig, "/");
		if (i % 2 == 0)
			p.head_verdict = -EBADMSG;
		else
			p.data_verdict = -ENOSPC;
		probe_run(&p);
		ck_assert_int_eq(p.result.error, i % 2 == 0 ? -EBADMSG : -ENOSPC);
		ck_assert_int_eq(p.result.status, 200);
		ck_assert_str_eq(buf_str(&p.body), i % 2 == 0 ? "" : "hello");
		ck_assert_str_eq(p.message, strerror(-p.result.error));
		probe_free(&p);
	}
	probe_init(&p, &rig, "/");
	probe_run(&p); /* the verdict of another request does not stick */
	ck_assert_int_eq(p.result.error, 0);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(closing_ends_every_request_before_its_callback)
{
	enum { N = 40 };
	static struct probe p[N];
	const struct http_client_options options = {.max_connections = 8};
	struct probe late;

	rig_open_with(&rig, NULL, NULL, &options);
	for (int i = 0; i < N; i++) {
		probe_init(&p[i], &rig, "/");
		probe_start(&p[i]);
	}
	LOOP_UNTIL(&rig.loop, fake_server_requests(rig.server) == 8);
	http_client_close(rig.client, rig_on_client_closed, &rig);
	probe_init(&late, &rig, "/");
	ck_assert_int_eq(http_client_start(rig.client, &late.req, NULL), -ESHUTDOWN);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(p[i].done, 0);
	while (!rig.client_closed)
		(void)uv_run(&rig.loop, UV_RUN_ONCE);
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(p[i].done, 1);
		ck_assert_int_eq(p[i].result.error, -ECANCELED);
		probe_free(&p[i]);
	}
	probe_free(&late);
	rig.client = NULL;
	rig_close(&rig);
}
END_TEST

static void close_client(struct probe *p)
{
	http_client_close(p->rig->client, rig_on_client_closed, p->rig);
	ck_assert(!p->rig->client_closed);
}

START_TEST(on_done_may_close_the_client)
{
	struct probe p[2];

	rig_open(&rig, answer_hello, NULL);
	for (int i = 0; i < 2; i++) {
		probe_init(&p[i], &rig, "/");
		probe_start(&p[i]);
	}
	http_request_cancel(&p[0].req);
	p[0].then = close_client;
	LOOP_UNTIL(&rig.loop, rig.client_closed);
	ck_assert_int_eq(p[0].done, 1);
	ck_assert_int_eq(p[1].done, 1);
	for (int i = 0; i < 2; i++)
		probe_free(&p[i]);
	rig.client = NULL;
	rig_close(&rig);
}
END_TEST

START_TEST(two_clients_on_one_loop_do_not_touch_each_other)
{
	const struct http_client_options options = {0};
	struct http_client *second;
	struct http_client *first;
	struct probe p[2];

	rig_open(&rig, NULL, NULL);
	ck_assert_int_eq(http_client_open(&second, &rig.loop, &options, NULL), 0);
	first = rig.client;
	for (int i = 0; i < 2; i++) {
		probe_init(&p[i], &rig, "/");
		rig.client = i == 0 ? first : second;
		probe_start(&p[i]);
	}
	LOOP_UNTIL(&rig.loop, fake_server_requests(rig.server) == 2);
	http_client_close(second, rig_on_client_closed, &rig);
	LOOP_UNTIL(&rig.loop, rig.client_closed);
	rig.client_closed = false;
	rig.client = first;
	ck_assert_int_eq(p[1].done, 1);
	ck_assert_int_eq(p[0].done, 0);
	rig_close(&rig);
	ck_assert_int_eq(p[0].done, 1);
	for (int i = 0; i < 2; i++)
		probe_free(&p[i]);
}
END_TEST

/* Sends a piece in each turn of the loop. */
static void send_pieces(struct fake_conn *c, int n)
{
	for (int i = 0; i < n; i++) {
		fake_conn_chunk(c, "0123456789");
		(void)uv_run(&rig.loop, UV_RUN_NOWAIT);
	}
}

static void begin_answer(void *data, struct fake_conn *c, const struct fake_request *r)
{
	struct fake_conn **kept = data;

	(void)r;
	*kept = c;
	fake_conn_begin(c, 200, NULL);
}

START_TEST(pieces_in_quick_succession_arrive_to_the_last_byte)
{
	struct fake_conn *kept = NULL;
	struct probe p;

	rig_open(&rig, begin_answer, &kept);
	probe_init(&p, &rig, "/");
	probe_start(&p);
	LOOP_UNTIL(&rig.loop, p.heads == 1);
	for (size_t round = 1; round <= 20; round++) {
		send_pieces(kept, 100);
		/* Nothing more comes, and nothing of what came stays behind. */
		LOOP_UNTIL(&rig.loop, p.body.len == round * 1000);
	}
	fake_conn_end(kept);
	LOOP_UNTIL(&rig.loop, p.done == 1);
	ck_assert_int_eq(p.result.error, 0);
	for (size_t i = 0; i < p.body.len; i++)
		ck_assert_int_eq(p.body.data[i], (int)('0' + i % 10));
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(it_can_end_while_pieces_gather)
{
	for (int way = 0; way < 3; way++) {
		struct fake_conn *kept = NULL;
		struct probe p;

		rig_open(&rig, begin_answer, &kept);
		probe_init(&p, &rig, "/");
		probe_start(&p);
		LOOP_UNTIL(&rig.loop, p.heads == 1);
		send_pieces(kept, 300);
		if (way == 0)
			http_request_cancel(&p.req);
		else if (way == 1)
			fake_conn_reset(kept);
		if (way < 2)
			LOOP_UNTIL(&rig.loop, p.done == 1);
		rig_close(&rig); /* ends what is left */
		ck_assert_int_eq(p.done, 1);
		ck_assert_int_ne(p.result.error, 0);
		probe_free(&p);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_request_canceled_before_the_loop_turns_was_never_sent,
		a_request_canceled_within_its_answer_ends_there,
		on_done_may_cancel_another_request,
		an_error_from_a_callback_ends_the_request_with_it,
		closing_ends_every_request_before_its_callback,
		on_done_may_close_the_client,
		two_clients_on_one_loop_do_not_touch_each_other,
		pieces_in_quick_succession_arrive_to_the_last_byte,
		it_can_end_while_pieces_gather,
	};

	return suite_run("http_client_cancel", tests, ARRAY_LEN(tests));
}
