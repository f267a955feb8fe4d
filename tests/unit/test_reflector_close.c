/* The end of a reflector, at any moment. */
#include "test_reflector_server.h"

START_TEST(it_can_be_closed_at_once)
{
	struct fixture fx;

	setup(&fx);
	start(&fx);
	stop(&fx);
	teardown(&fx);
	ck_assert_uint_le(fx.request_count, 1);
}
END_TEST

START_TEST(it_can_be_closed_during_the_discovery)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, DISCOVERY, THEN(HANG, ""));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[DISCOVERY] == 1);
	teardown(&fx);
}
END_TEST

START_TEST(it_can_be_closed_while_it_waits)
{
	struct fixture fx;

	setup(&fx);
	fx.options.backoff_initial_ms = 3600000;
	fx.options.backoff_max_ms = 3600000;
	SCRIPT(&fx, DISCOVERY, NO(404, ""));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_ABSENT] == 1);
	ck_assert_uint_gt(wait_ms(&fx), 0);
	teardown(&fx);
}
END_TEST

START_TEST(it_can_be_closed_in_the_middle_of_a_list)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, THEN(STAY, "{\"items\":[" ITEM("a", "5")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 1);
	fake_conn_chunk(fx.conn[LIST], "," ITEM("b", "6"));
	teardown(&fx);
}
END_TEST

START_TEST(it_can_be_closed_in_the_middle_of_a_watch)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH, THEN(STAY, EVENT("ADDED", "a", "11") "{\"type\":\"ADDED\",\"obj"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 1);
	fake_conn_chunk(fx.conn[WATCH], "ect\":" ITEM("b", "12") "}");
	teardown(&fx);
}
END_TEST

static void close_at_word(void *data, const char *word)
{
	struct fixture *fx = data;

	(void)word;
	if (--fx->words_left == 0)
		stop(fx);
}

START_TEST(it_can_be_closed_from_any_callback)
{
	for (size_t at = 1; at <= 9; at++) {
		struct fixture fx;

		setup(&fx);
		fx.seen.on_word = close_at_word;
		fx.seen.data = &fx;
		SCRIPT(&fx, DISCOVERY, NO(404, ""));
		SCRIPT(&fx, LIST, OK(PAGE("20", "t", ITEM("a", "5") "," ITEM("b", "6"))), NO(410, ""),
		       OK(PAGE("20", "", ITEM("a", "5") "," ITEM("b", "6"))));
		SCRIPT(&fx, WATCH, THEN(END, EVENT("ADDED", "c", "21") EVENT("ADDED", "d", "22")));
		fx.words_left = at;
		start(&fx);
		LOOP_UNTIL(&fx.loop, fx.closed);
		fx.words_left = 0;
		teardown(&fx);
	}
}
END_TEST

START_TEST(the_client_may_be_closed_in_the_same_breath)
{
	struct fixture fx;

	setup(&fx);
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	stop(&fx);
	kube_client_close(fx.client, on_client_closed, &fx);
	LOOP_UNTIL(&fx.loop, fx.client_closed);
	teardown(&fx);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		it_can_be_closed_at_once,
		it_can_be_closed_during_the_discovery,
		it_can_be_closed_while_it_waits,
		it_can_be_closed_in_the_middle_of_a_list,
		it_can_be_closed_in_the_middle_of_a_watch,
		it_can_be_closed_from_any_callback,
		the_client_may_be_closed_in_the_same_breath,
	};

	return suite_run("reflector_close", tests, ARRAY_LEN(tests));
}
