/* What reads say of a view: how fresh it is, that it is behind, that the server has gone back. */
#include "test_freshness_fixture.h"

START_TEST(a_list_makes_fresh)
{
	setup();
	start();
	freshness_listed(fx.freshness, 1000);
	ck_assert_uint_eq(freshness_ms(fx.freshness), 1000);
	freshness_listed(fx.freshness, 900);
	ck_assert_uint_eq(freshness_ms(fx.freshness), 1000);
	ck_assert_uint_eq(fx.asked, 0);
	teardown();
}
END_TEST

START_TEST(a_read_that_the_view_has_passed_makes_fresh)
{
	uint64_t sent_ms;

	setup();
	start();
	sent_ms = read_now("10"); /* an idle cluster */
	assert_fresh(sent_ms);
	sent_ms = read_now("10");
	assert_fresh(sent_ms);
	fx.answer = NULL; /* an event overtakes the answer */
	slept_ms += 60000;
	sent_ms = clock_boot_ms();
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.asked == 3);
	move_to("20");
	ck_assert_uint_lt(freshness_ms(fx.freshness), sent_ms);
	slept_ms += 60000;
	answer(fx.conn, "15");
	LOOP_UNTIL(&fx.loop, fx.ended == 3);
	assert_fresh(sent_ms);
	ck_assert_uint_eq(fx.rewound, 0); /* 20 had not been seen when the question was sent */
	teardown();
}
END_TEST

START_TEST(reads_wait_for_the_view)
{
	uint64_t first_ms;
	uint64_t second_ms;
	uint64_t third_ms;

	setup();
	start();
	first_ms = read_now("11");
	second_ms = read_now("13");
	third_ms = read_now("13");
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
	freshness_moved(fx.freshness);
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
	move_to("12");
	assert_fresh(first_ms);
	move_to("13");
	assert_fresh(third_ms);
	ck_assert_uint_gt(third_ms, second_ms);
	first_ms = read_now("20");
	fx.position = "20";
	freshness_listed(fx.freshness, 1); /* it counts as a move, too */
	assert_fresh(first_ms);
	teardown();
}
END_TEST

START_TEST(a_view_that_never_moves_keeps_the_first_reads_and_the_last)
{
	uint64_t first_ms;
	uint64_t last_ms = 0;
	char rv[16];

	setup();
	start();
	first_ms = read_now("11");
	for (int i = 12; i <= 60; i++) {
		(void)snprintf(rv, sizeof(rv), "%d", i);
		last_ms = read_now(rv);
	}
	move_to("11");
	assert_fresh(first_ms);
	move_to("59");
	ck_assert_uint_lt(freshness_ms(fx.freshness), last_ms);
	move_to("60");
	assert_fresh(last_ms);
	teardown();
}
END_TEST

START_TEST(versions_that_cannot_be_compared_say_nothing)
{
	uint64_t sent_ms;

	setup();
	start();
	read_now("x7");
	move_to("x8");
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
	sent_ms = read_now("x8"); /* the same is the same */
	assert_fresh(sent_ms);
	ck_assert_uint_eq(fx.rewound, 0);
	teardown();
}
END_TEST

START_TEST(a_view_that_stays_behind_is_told_of_once)
{
	setup();
	fx.options.behind_ms = 10 * HOUR_MS;
	fx.options.interval_ms = 1;
	start();
	(void)read_now("11");
	slept_ms += 9 * HOUR_MS;
	more_reads(5);
	ck_assert_uint_eq(fx.behind, 0);
	slept_ms += HOUR_MS;
	LOOP_UNTIL(&fx.loop, fx.behind == 1);
	slept_ms += 100 * HOUR_MS; /* the list takes its time */
	more_reads(5);
	ck_assert_uint_eq(fx.behind, 1);
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
	freshness_listed(fx.freshness, 1); /* of a time before the read: the watch may still bring it */
	slept_ms += 9 * HOUR_MS;
	more_reads(5);
	ck_assert_uint_eq(fx.behind, 1);
	slept_ms += HOUR_MS;
	LOOP_UNTIL(&fx.loop, fx.behind == 2);
	teardown();
}
END_TEST

START_TEST(a_view_that_follows_is_not_behind)
{
	setup();
	fx.options.behind_ms = 10 * HOUR_MS;
	fx.options.interval_ms = 1;
	start();
	(void)read_now("11");
	slept_ms += 9 * HOUR_MS;
	move_to("11");
	more_reads(1);
	fx.answer = "12";
	more_reads(5);
	slept_ms += 9 * HOUR_MS;
	more_reads(5);
	ck_assert_uint_eq(fx.behind, 0);
	fx.path = NULL; /* not served any more: there is nothing to list */
	slept_ms += 9 * HOUR_MS;
	fx.path_looked_up = 0;
	LOOP_UNTIL(&fx.loop, fx.path_looked_up >= 5);
	ck_assert_uint_eq(fx.behind, 0);
	teardown();
}
END_TEST

START_TEST(a_server_behind_the_view_has_gone_back)
{
	uint64_t sent_ms;

	setup();
	start();
	sent_ms = read_now("10");
	(void)read_now("9");
	ck_assert_str_eq(fx.rewound_text, "10>9 ");
	assert_fresh(sent_ms); /* what is seen now is no younger */
	move_to("30");
	(void)read_now("12");
	ck_assert_str_eq(fx.rewound_text, "10>9 30>12 ");
	move_to("12"); /* as a new list would make it */
	(void)read_now("13");
	ck_assert_str_eq(fx.rewound_text, "10>9 30>12 30>13 ");
	sent_ms = read_now("31");
	ck_assert_uint_eq(fx.rewound, 3);
	move_to("31");
	assert_fresh(sent_ms);
	teardown();
}
END_TEST

START_TEST(a_server_behind_an_earlier_read_has_gone_back)
{
	setup();
	start();
	(void)read_now("30"); /* where the view has not come yet */
	(void)read_now("25");
	ck_assert_str_eq(fx.rewound_text, "30>25 ");
	move_to("25");
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
	teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_list_makes_fresh,
		a_read_that_the_view_has_passed_makes_fresh,
		reads_wait_for_the_view,
		a_view_that_never_moves_keeps_the_first_reads_and_the_last,
		versions_that_cannot_be_compared_say_nothing,
		a_view_that_stays_behind_is_told_of_once,
		a_view_that_follows_is_not_behind,
		a_server_behind_the_view_has_gone_back,
		a_server_behind_an_earlier_read_has_gone_back,
	};

	return suite_run("freshness", tests, ARRAY_LEN(tests));
}
