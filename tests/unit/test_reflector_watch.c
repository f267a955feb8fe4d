/* The reflector's watches: what they tell, how they end, and what comes then. */
#include "test_reflector_server.h"

START_TEST(events_are_told_in_their_order)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH,
	       THEN(STAY, EVENT("ADDED", "a", "11") EVENT("MODIFIED", "a", "12") EVENT("ADDED", "b", "13")
				  EVENT("DELETED", "a", "14")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 4);
	assert_seen(&fx.seen, "list done@10 A:a@11 M:a@12 A:b@13 D:a@14");
	ck_assert_str_eq(reflector_resource_version(fx.reflector), "14");
	fake_conn_chunk(fx.conn[WATCH], EVENT("ADDED", "c", "15"));
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 5);
	ck_assert_uint_eq(fx.count[WATCH], 1);
	teardown(&fx);
}
END_TEST

START_TEST(an_ended_watch_goes_on_at_the_last_event_or_bookmark)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH, THEN(END, EVENT("ADDED", "a", "11")), THEN(END, EVENT("BOOKMARK", "", "15")),
	       THEN(CUT, EVENT("DELETED", "a", "17")), THEN(STAY, EVENT("BOOKMARK", "", "19")));
	start(&fx);
	for (unsigned i = 0; i < 5; i++) {
		static const char *const from[] = {"10", "11", "15", "17", "19"};

		LOOP_UNTIL(&fx.loop, fx.count[WATCH] == i + 1);
		assert_watch_from(&fx, from[i]);
		if (i == 3) {
			LOOP_UNTIL(&fx.loop, is_at(&fx, "19"));
			fake_conn_reset(fx.conn[WATCH]);
		}
	}
	assert_seen(&fx.seen,
		    "list done@10 A:a@11 watch-eof watch-eof D:a@17 watch-transport watch-transport");
	ck_assert_uint_eq(fx.count[LIST], 1);
	ck_assert_uint_eq(logged(&fx, "\n"), 1); /* nobody needs to hear of it */
	teardown(&fx);
}
END_TEST

START_TEST(an_event_that_was_cut_did_not_happen)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH,
	       THEN(END, EVENT("ADDED", "a", "11") "{\"type\":\"ADDED\",\"object\":" ITEM("b", "12")),
	       THEN(CUT, EVENT("ADDED", "b", "12") "{\"type\":\"DELETED\",\"object\":" ITEM("b", "13")),
	       THEN(RST, "{\"object\":" ITEM("b", "14") ",\"type\":\"BOOKMARK\""));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 4);
	assert_seen(&fx.seen, "list done@10 A:a@11 watch-eof A:b@12 watch-transport watch-transport");
	assert_watch_from(&fx, "12");
	ck_assert_uint_eq(fx.count[LIST], 1);
	teardown(&fx);
}
END_TEST

START_TEST(an_event_without_resourceVersion_is_told_and_moves_nothing)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH,
	       THEN(END, EVENT("ADDED", "a",
			       "11") "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}"
				     "{\"type\":\"DELETED\",\"object\":null}"
				     "{\"type\":\"BOOKMARK\",\"object\":{}}"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 2);
	assert_seen(&fx.seen, "list done@10 A:a@11 M:a@ D:?@ watch-eof");
	assert_watch_from(&fx, "11");
	teardown(&fx);
}
END_TEST

START_TEST(an_opaque_resourceVersion_is_handed_back_as_it_was)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, OK(PAGE("v/2 &x=%41+", "", "")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_watch_from(&fx, "v%2F2%20%26x%3D%2541%2B");
	teardown(&fx);
}
END_TEST

START_TEST(an_expired_past_is_listed_again)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH, NO(410, STATUS(410, "Expired", "")), NO(410, STATUS(410, "Gone", "")), NO(410, ""),
	       THEN(STAY, ERROR_EVENT(STATUS(410, "Expired", ""))),
	       THEN(END, EVENT("ADDED", "a", "11") ERROR_EVENT(STATUS(410, "Gone", ""))
				 EVENT("ADDED", "b", "12")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 6);
	assert_seen(&fx.seen,
		    "list done@10 watch-expired list done@10 watch-expired list done@10 watch-expired "
		    "list done@10 watch-expired list done@10 A:a@11 watch-expired list back:11>10 "
		    "done@10");
	ck_assert_str_eq(last_request(&fx, LIST), RESOURCE "?limit=500");
	teardown(&fx);
}
END_TEST

START_TEST(a_past_that_expires_is_listed_without_backoff_but_not_in_a_loop)
{
	struct fixture fx;

	setup(&fx);
	fx.options.backoff_initial_ms = 3600000;
	fx.options.backoff_max_ms = 3600000;
	SCRIPT(&fx, WATCH, THEN(END, EVENT("ADDED", "a", "11")),
	       THEN(STAY, ERROR_EVENT(STATUS(410, "Expired", ""))), NO(410, STATUS(410, "Expired", "")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_EXPIRED] == 2);
	assert_seen(&fx.seen,
		    "list done@10 A:a@11 watch-eof watch-expired list back:11>10 done@10 watch-expired");
	ck_assert_uint_gt(wait_ms(&fx), 3000000);
	ck_assert_int_eq(fx.reflector->next, REFLECTOR_LIST);
	teardown(&fx);
}
END_TEST

START_TEST(a_throttled_watch_waits_and_goes_on_without_a_list)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH, LATER(429, STATUS(429, "TooManyRequests", ""), "0"),
	       THEN(STAY, EVENT("ADDED", "a", "11") ERROR_EVENT(STATUS(429, "TooManyRequests", ""))),
	       LATER(503, STATUS(503, "ServiceUnavailable", ",\"details\":{\"retryAfterSeconds\":1}"), "0"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 4);
	assert_seen(&fx.seen, "list done@10 watch-throttled A:a@11 watch-throttled watch-refused");
	assert_watch_from(&fx, "11");
	ck_assert_uint_eq(fx.count[LIST], 1);
	teardown(&fx);
}
END_TEST

START_TEST(retry_after_is_obeyed_when_a_watch_is_opened)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH, LATER(429, "", "60"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_THROTTLED] == 1);
	ck_assert_uint_gt(wait_ms(&fx), 50000);
	ck_assert_int_eq(fx.reflector->next, REFLECTOR_WATCH);
	teardown(&fx);
}
END_TEST

START_TEST(retry_after_is_obeyed_in_an_error_event)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH,
	       THEN(STAY,
		    ERROR_EVENT(STATUS(429, "TooManyRequests", ",\"details\":{\"retryAfterSeconds\":60}"))));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_THROTTLED] == 1);
	ck_assert_uint_gt(wait_ms(&fx), 50000);
	ck_assert_int_eq(fx.reflector->next, REFLECTOR_WATCH);
	teardown(&fx);
}
END_TEST

START_TEST(what_a_watch_cannot_explain_away_is_listed_again)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH, NO(401, ""), NO(403, STATUS(403, "Forbidden", "")), NO(500, "boom"),
	       THEN(STAY, ERROR_EVENT(STATUS(500, "InternalError", ""))),
	       THEN(STAY, "{\"type\":\"ERROR\",\"object\":{}}"), THEN(STAY, EVENT("SYNC", "a", "11")),
	       THEN(STAY, "{\"type\":\"ADDED\",,"), OK("<html>no</html>"),
	       {200, "\x1f\x8b\x08\x01", STAY, "Content-Encoding: gzip\r\n"});
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 10);
	ck_assert_uint_eq(fx.count[LIST], 10);
	/* A 401 is tried once more by the client with the credentials read anew; here there are none.
	 */
	ck_assert_uint_eq(fx.seen.restarted[REFLECTOR_RESTART_REFUSED], 3);
	ck_assert_uint_eq(fx.seen.restarted[REFLECTOR_RESTART_FORBIDDEN], 1);
	ck_assert_uint_eq(fx.seen.restarted[REFLECTOR_RESTART_DECODE], 5);
	ck_assert_uint_eq(logged(&fx, "view interrupted"), 1);
	teardown(&fx);
}
END_TEST

START_TEST(a_watch_of_something_gone_asks_what_is_served)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, DISCOVERY, OK(APIGROUP(VERSION("v1"))), NO(404, ""), OK(APIGROUP(VERSION("v1alpha3"))));
	SCRIPT(&fx, WATCH, NO(404, STATUS(404, "NotFound", "")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 2);
	assert_seen(&fx.seen, "list done@10 watch-absent list-absent list done@10");
	ck_assert_str_eq(reflector_version(fx.reflector), "v1alpha3");
	ck_assert_uint_eq(logged(&fx, "not served"), 1);
	ck_assert_uint_eq(logged(&fx, "restored"), 1);
	teardown(&fx);
}
END_TEST

/* A frame of @bytes bytes around an object named "big". */
static char *big_frame(size_t bytes)
{
	static const char head[] = "{\"type\":\"ADDED\",\"object\":{\"spec\":\"";
	static const char tail[] = "\",\"metadata\":{\"name\":\"big\",\"resourceVersion\":\"11\"}}}";
	char *frame = malloc(bytes + 1);

	ck_assert_ptr_nonnull(frame);
	memset(frame, 'x', bytes);
	memcpy(frame, head, sizeof(head) - 1);
	memcpy(frame + bytes - (sizeof(tail) - 1), tail, sizeof(tail));
	return frame;
}

START_TEST(a_frame_of_fifteen_mebibytes_is_taken_and_one_of_seventeen_is_not)
{
	struct fixture fx;
	char *frame = big_frame(15u << 20);

	setup(&fx);
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	fake_conn_chunk(fx.conn[WATCH], frame);
	free(frame);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 1);
	frame = big_frame(17u << 20);
	fake_conn_chunk(fx.conn[WATCH], frame);
	free(frame);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 2);
	assert_seen(&fx.seen, "list done@10 A:big@11 watch-decode list back:11>10 done@10");
	teardown(&fx);
}
END_TEST

START_TEST(a_server_that_is_away_is_waited_for_without_a_list)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, WATCH, THEN(STAY, EVENT("ADDED", "a", "11")), THEN(STAY, EVENT("ADDED", "b", "12")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 1);
	fake_server_stop(fx.server);
	fake_server_reset_all(fx.server);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_TRANSPORT] == 20);
	ck_assert(reflector_synced(fx.reflector)); /* CAC-6 */
	ck_assert_str_eq(reflector_resource_version(fx.reflector), "11");
	fake_server_restart(fx.server);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 2);
	assert_watch_from(&fx, "11");
	ck_assert_uint_eq(fx.count[LIST], 1);
	ck_assert_uint_eq(logged(&fx, "view interrupted"), 1);
	ck_assert_uint_eq(logged(&fx, "view restored"), 1);
	ck_assert_uint_eq(logged(&fx, "\n"), 3);
	teardown(&fx);
}
END_TEST

START_TEST(two_watches_never_start_within_the_least_time)
{
	/* The wait has a random part that may be long enough by itself, hence several seeds. */
	for (uint64_t seed = 0; seed < 8; seed++) {
		struct fixture fx;

		setup(&fx);
		rng_init_seeded(&fx.rng, seed);
		fx.options.min_watch_ms = 3600000;
		SCRIPT(&fx, WATCH, THEN(END, EVENT("ADDED", "a", "11")));
		start(&fx);
		LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_EOF] == 1);
		linger(&fx);
		ck_assert_uint_eq(fx.count[WATCH], 1);
		ck_assert_uint_gt(wait_ms(&fx), 3500000);
		teardown(&fx);
	}
}
END_TEST

START_TEST(a_watch_that_comes_back_each_time_is_never_listed)
{
	static struct reply replies[100];
	struct fixture fx;

	setup(&fx);
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		replies[i] = (struct reply)THEN(END, EVENT("ADDED", "a", "11"));
	fx.script[WATCH] = replies;
	fx.script_len[WATCH] = ARRAY_LEN(replies);
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 101);
	ck_assert_uint_eq(fx.count[LIST], 1);
	ck_assert_uint_eq(fx.seen.restarted[REFLECTOR_RESTART_EOF], 100);
	ck_assert_uint_eq(logged(&fx, "\n"), 1);
	teardown(&fx);
}
END_TEST

START_TEST(a_server_that_accepts_and_closes_is_not_run_against)
{
	struct fixture fx;
	size_t before;

	setup(&fx);
	fx.options.backoff_max_ms = 3600000;
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	fake_server_set_accept(fx.server, FAKE_ACCEPT_CLOSE);
	fake_server_reset_all(fx.server);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_TRANSPORT] >= 5);
	ck_assert_uint_ge(fx.reflector->backoff.tries, 4);
	/* The delays have grown with each try; this saves the time in which they would get long. */
	fx.reflector->backoff.initial_ms = 3600000;
	before = fx.seen.restarted[REFLECTOR_RESTART_TRANSPORT];
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_TRANSPORT] == before + 1);
	ck_assert_uint_gt(wait_ms(&fx), 3000000);
	before = fake_server_connections(fx.server);
	linger(&fx);
	ck_assert_uint_eq(fake_server_connections(fx.server), before);
	ck_assert_uint_eq(fx.count[LIST], 1);
	teardown(&fx);
}
END_TEST

START_TEST(a_server_that_cannot_watch_at_all_is_listed_from_time_to_time)
{
	static struct reply replies[1000];
	struct fixture fx;

	setup(&fx);
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		replies[i] = (struct reply)OK("");
	fx.script[WATCH] = replies;
	fx.script_len[WATCH] = ARRAY_LEN(replies);
	fx.options.min_watch_ms = 20; /* a shorter watch is not healthy; on a slow machine some are */
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[LIST] == 2);
	ck_assert_uint_ge(fx.count[WATCH], 5);
	teardown(&fx);
}
END_TEST

START_TEST(only_a_watch_that_works_ends_the_backoff)
{
	struct fixture fx;

	setup(&fx);
	fx.options.backoff_max_ms = 3600000;
	SCRIPT(&fx, LIST, OK(PAGE("10", "", "")), NO(500, ""));
	SCRIPT(&fx, WATCH, NO(410, ""), NO(410, ""), THEN(STAY, ""));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 3);
	ck_assert_uint_eq(fx.count[LIST], 4);
	ck_assert_uint_eq(fx.reflector->backoff.tries, 3);
	ck_assert_uint_eq(fx.reflector->short_watches, 2);
	fake_conn_chunk(fx.conn[WATCH], EVENT("BOOKMARK", "", "11"));
	LOOP_UNTIL(&fx.loop, is_at(&fx, "11"));
	ck_assert_uint_eq(fx.reflector->backoff.tries, 0);
	ck_assert_uint_eq(fx.reflector->short_watches, 0);
	teardown(&fx);
}
END_TEST

START_TEST(a_silent_watch_ends_at_our_own_deadline)
{
	struct fixture fx;

	setup(&fx);
	fx.options.watch_timeout_s = 1;
	fx.options.watch_grace_ms = 1;
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 2);
	assert_seen(&fx.seen, "list done@10 watch-stalled");
	ck_assert_uint_eq(fx.count[LIST], 1);
	assert_watch_from(&fx, "10");
	teardown(&fx);
}
END_TEST

START_TEST(a_silent_watch_that_lived_ends_the_backoff)
{
	struct fixture fx;

	setup(&fx);
	fx.options.watch_timeout_s = 1;
	fx.options.watch_grace_ms = 1;
	SCRIPT(&fx, WATCH, LATER(429, "", "0"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 2);
	ck_assert_uint_eq(fx.reflector->backoff.tries, 1);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 3);
	ck_assert_uint_eq(fx.reflector->backoff.tries, 0);
	ck_assert_uint_eq(logged(&fx, "view restored"), 1);
	teardown(&fx);
}
END_TEST

START_TEST(a_view_that_flaps_does_not_fill_the_log)
{
	static struct reply replies[60];
	struct fixture fx;

	setup(&fx);
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		replies[i] = (struct reply)THEN(
			STAY, EVENT("ADDED", "a", "11") ERROR_EVENT(STATUS(429, "TooManyRequests", "")));
	fx.script[WATCH] = replies;
	fx.script_len[WATCH] = ARRAY_LEN(replies);
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 61);
	ck_assert_uint_eq(logged(&fx, "view interrupted"), 1);
	ck_assert_uint_eq(logged(&fx, "view restored"), 1);
	ck_assert_uint_eq(logged(&fx, "\n"), 3);
	teardown(&fx);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		events_are_told_in_their_order,
		an_ended_watch_goes_on_at_the_last_event_or_bookmark,
		an_event_that_was_cut_did_not_happen,
		an_event_without_resourceVersion_is_told_and_moves_nothing,
		an_opaque_resourceVersion_is_handed_back_as_it_was,
		an_expired_past_is_listed_again,
		a_past_that_expires_is_listed_without_backoff_but_not_in_a_loop,
		a_throttled_watch_waits_and_goes_on_without_a_list,
		retry_after_is_obeyed_when_a_watch_is_opened,
		retry_after_is_obeyed_in_an_error_event,
		what_a_watch_cannot_explain_away_is_listed_again,
		a_watch_of_something_gone_asks_what_is_served,
		a_frame_of_fifteen_mebibytes_is_taken_and_one_of_seventeen_is_not,
		a_server_that_is_away_is_waited_for_without_a_list,
		two_watches_never_start_within_the_least_time,
		a_watch_that_comes_back_each_time_is_never_listed,
		a_server_that_accepts_and_closes_is_not_run_against,
		a_server_that_cannot_watch_at_all_is_listed_from_time_to_time,
		only_a_watch_that_works_ends_the_backoff,
		a_silent_watch_ends_at_our_own_deadline,
		a_silent_watch_that_lived_ends_the_backoff,
		a_view_that_flaps_does_not_fill_the_log,
	};

	return suite_run("reflector_watch", tests, ARRAY_LEN(tests));
}
