/* When reads are sent, which ones fail, and their end. */
#include "test_freshness_fixture.h"

START_TEST(reads_come_at_their_interval)
{
	setup();
	fx.options.interval_ms = 1;
	fx.path = NULL;
	start();
	LOOP_UNTIL(&fx.loop, fx.path_looked_up >= 5);
	freshness_hurry(fx.freshness);
	loop_run_turns(&fx.loop, 50);
	ck_assert_uint_eq(fx.asked, 0);
	fx.path = VMIS;
	more_reads(5);
	ck_assert_uint_gt(freshness_ms(fx.freshness), 0);
	fx.answer = NULL; /* never two at once */
	LOOP_UNTIL(&fx.loop, fx.asked > fx.ended);
	loop_run_turns(&fx.loop, 300);
	ck_assert_uint_eq(fx.asked, fx.ended + 1);
	teardown();
}
END_TEST

/* Milliseconds to the next read. Nothing else is in the loop that waits for a time. */
static int due_ms(void)
{
	return uv_backend_timeout(&fx.loop);
}

START_TEST(two_replicas_do_not_ask_in_step)
{
	int shortest = INT32_MAX;
	int longest = 0;

	for (unsigned i = 0; i < 50; i++) {
		setup();
		fx.options.interval_ms = 0;
		rng_init_seeded(&fx.rng, i);
		start();
		loop_run_turns(&fx.loop, 5);
		shortest = due_ms() < shortest ? due_ms() : shortest;
		longest = due_ms() > longest ? due_ms() : longest;
		teardown();
	}
	ck_assert_int_ge(shortest, 30000);
	ck_assert_int_le(longest, 75000);
	ck_assert_int_ge(longest - shortest, 20000);
}
END_TEST

START_TEST(who_is_in_a_hurry_is_answered_at_once)
{
	setup();
	start();
	fx.answer = NULL;
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.asked == 1);
	slept_ms += 60000;
	freshness_hurry(fx.freshness); /* the one in flight is not late enough for this */
	freshness_hurry(fx.freshness);
	loop_run_turns(&fx.loop, 50);
	ck_assert_uint_eq(fx.asked, 1);
	fx.answer = "10";
	answer(fx.conn, "10");
	LOOP_UNTIL(&fx.loop, fx.ended == 2);
	ck_assert_uint_gt(freshness_ms(fx.freshness) + 60000, clock_boot_ms());
	loop_run_turns(&fx.loop, 50);
	ck_assert_uint_eq(fx.asked, 2);
	teardown();
}
END_TEST

START_TEST(a_read_that_fails_changes_nothing)
{
	static const struct {
		int status;
		const char *body;
	} rows[] = {
		{500, "{}"},
		{404, ""},
		{403, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]}"},
		{203, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]}"},
		{200, ""},
		{200, "no JSON"},
		{200, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]"},
		{200, "{\"metadata\":{\"resourceVersion\":\"5\"},\"rows\":[]}"},
		{200, "{\"metadata\":{\"resourceVersion\":5},\"items\":[]}"},
		{200, "{\"metadata\":{\"resourceVersion\":\"0\"},\"items\":[]}"},
		{200, "{\"items\":[]}"},
	};
	uint64_t sent_ms;

	setup();
	start();
	sent_ms = read_now("10");
	fx.answer = NULL;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		slept_ms += 60000;
		freshness_hurry(fx.freshness);
		LOOP_UNTIL(&fx.loop, fx.asked == i + 2);
		fake_conn_answer(fx.conn, rows[i].status, NULL, rows[i].body);
		LOOP_UNTIL(&fx.loop, fx.ended == i + 2);
	}
	slept_ms += 60000;
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.asked == ARRAY_LEN(rows) + 2);
	fake_conn_begin(fx.conn, 200, NULL); /* complete, but for the end of the answer */
	fake_conn_chunk(fx.conn, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]}");
	fake_conn_close(fx.conn);
	fake_server_stop(fx.server);
	LOOP_UNTIL(&fx.loop, fx.ended == ARRAY_LEN(rows) + 2);
	(void)read_now("5");
	assert_fresh(sent_ms);
	ck_assert_uint_eq(fx.rewound, 0);
	fake_server_restart(fx.server);
	sent_ms = read_now("10");
	assert_fresh(sent_ms);
	teardown();
}
END_TEST

START_TEST(an_object_may_be_larger_than_an_ordinary_answer)
{
	const size_t size = KUBE_CLIENT_MAX_ANSWER + 1000;
	char *filler = malloc(size);

	setup();
	start();
	fx.answer = NULL;
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.asked == 1);
	memset(filler, 'x', size);
	fake_conn_begin(fx.conn, 200, NULL);
	fake_conn_chunk(fx.conn, "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[{\"spec\":\"");
	fake_conn_chunk_bytes(fx.conn, filler, size);
	fake_conn_chunk(fx.conn, "\"}]}");
	fake_conn_end(fx.conn);
	free(filler);
	LOOP_UNTIL(&fx.loop, fx.ended == 1);
	ck_assert_uint_gt(freshness_ms(fx.freshness), 0);
	teardown();
}
END_TEST

START_TEST(it_can_be_closed_at_once)
{
	setup();
	start();
	teardown();
	ck_assert_uint_eq(fx.asked, 0);
}
END_TEST

START_TEST(it_can_be_closed_while_a_read_is_in_flight)
{
	setup();
	start();
	fx.answer = NULL;
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.asked == 1);
	freshness_hurry(fx.freshness);
	answer(fx.conn, "5");
	stop();
	LOOP_UNTIL(&fx.loop, fx.closed);
	loop_run_turns(&fx.loop, 50);
	ck_assert_uint_eq(fx.asked, 1);
	ck_assert_uint_eq(fx.rewound, 0);
	teardown();
}
END_TEST

START_TEST(it_can_be_closed_from_its_callbacks)
{
	setup();
	start();
	fx.close_when_told = true;
	fx.answer = "5";
	freshness_hurry(fx.freshness);
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.closed);
	ck_assert_uint_eq(fx.rewound, 1);
	teardown();
	setup();
	fx.options.interval_ms = 1;
	fx.options.behind_ms = HOUR_MS;
	start();
	fx.close_when_told = true;
	(void)read_now("11");
	slept_ms += HOUR_MS;
	LOOP_UNTIL(&fx.loop, fx.closed);
	ck_assert_uint_eq(fx.behind, 1);
	teardown();
}
END_TEST

START_TEST(a_client_that_takes_no_requests_is_a_read_that_fails)
{
	setup();
	start();
	fx.path = "no path";
	freshness_hurry(fx.freshness);
	loop_run_turns(&fx.loop, 50);
	fx.path = VMIS;
	assert_fresh(read_now("10"));
	ck_assert_uint_eq(fx.asked, 1);
	teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		reads_come_at_their_interval,
		two_replicas_do_not_ask_in_step,
		who_is_in_a_hurry_is_answered_at_once,
		a_read_that_fails_changes_nothing,
		an_object_may_be_larger_than_an_ordinary_answer,
		it_can_be_closed_at_once,
		it_can_be_closed_while_a_read_is_in_flight,
		it_can_be_closed_from_its_callbacks,
		a_client_that_takes_no_requests_is_a_read_that_fails,
	};

	return suite_run("freshness_reads", tests, ARRAY_LEN(tests));
}
