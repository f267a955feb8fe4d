/* Lists that are the beginning of their watch (LST-9 to LST-13), and what is done where they cannot be had.
 */
#include <errno.h>

#include "base/clock.h"
#include "test_reflector_server.h"

#define BOOKMARK(rv) "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" rv "\"}}}\n"
#define MARKED(type, name, rv)                                                                               \
	"{\"type\":\"" type "\",\"object\":{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" rv   \
	"\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"

static void setup_streaming(struct fixture *fx)
{
	setup(fx);
	fx->options.streaming = true;
}

static bool is_synced(const struct fixture *fx)
{
	return reflector_synced(fx->reflector);
}

START_TEST(a_list_comes_as_the_beginning_of_its_watch)
{
	struct fixture fx;

	setup_streaming(&fx);
	SCRIPT(&fx, STREAM, THEN(STAY, EVENT("ADDED", "a", "7") EVENT("ADDED", "b", "5") END_MARK("20")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, is_synced(&fx));
	assert_seen(&fx.seen, "list L:a@7 L:b@5 done@20");
	ck_assert(is_at(&fx, "20"));
	ck_assert_uint_eq(logged(&fx, "synced: 2 objects at resourceVersion 20"), 1);
	fake_conn_chunk(fx.conn[STREAM], EVENT("MODIFIED", "a", "21") BOOKMARK("30"));
	LOOP_UNTIL(&fx.loop, is_at(&fx, "30"));
	assert_seen(&fx.seen, "list L:a@7 L:b@5 done@20 M:a@21");
	ck_assert_uint_eq(fx.count[LIST] + fx.count[WATCH], 0);
	teardown(&fx);
}
END_TEST

START_TEST(it_is_asked_for_consistently_and_never_with_gzip)
{
	struct fixture fx;
	const char *query = RESOURCE "?watch=1&allowWatchBookmarks=true&sendInitialEvents=true"
				     "&resourceVersionMatch=NotOlderThan&timeoutSeconds=";

	setup_streaming(&fx);
	start(&fx);
	LOOP_UNTIL(&fx.loop, is_synced(&fx));
	ck_assert_msg(strncmp(fx.requests[1], query, strlen(query)) == 0, "%s", fx.requests[1]);
	/* Long enough for what takes a server minutes. */
	ck_assert_int_ge(strtol(fx.requests[1] + strlen(query), NULL, 10), 3300);
	ck_assert_int_lt(strtol(fx.requests[1] + strlen(query), NULL, 10), 3600);
	ck_assert(!fx.gzip[1]);
	teardown(&fx);
}
END_TEST

START_TEST(what_changes_during_a_list_is_told_in_order)
{
	struct fixture fx;

	setup_streaming(&fx);
	SCRIPT(&fx, STREAM,
	       THEN(STAY, EVENT("ADDED", "a", "7") EVENT("ADDED", "b", "5") EVENT("MODIFIED", "b", "8")
				  EVENT("DELETED", "a", "9") EVENT("ADDED", "c", "10") END_MARK("11")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, is_synced(&fx));
	assert_seen(&fx.seen, "list L:a@7 L:b@5 L:b@8 D:a@9 L:c@10 done@11");
	ck_assert_uint_eq(logged(&fx, "synced: 2 objects"), 1);
	teardown(&fx);
}
END_TEST

START_TEST(nothing_but_a_bookmark_with_the_mark_ends_a_list)
{
	struct fixture fx;

	setup_streaming(&fx);
	SCRIPT(&fx, STREAM,
	       THEN(STAY, MARKED("ADDED", "a", "7") BOOKMARK("8") MARKED("MODIFIED", "a", "9")
				  MARKED("DELETED", "a", "10") BOOKMARK("11")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 3);
	linger(&fx);
	assert_seen(&fx.seen, "list L:a@7 L:a@9 D:a@10");
	ck_assert(!is_synced(&fx));
	ck_assert(is_at(&fx, "")); /* LST-11 */
	fake_conn_chunk(fx.conn[STREAM], END_MARK("12"));
	LOOP_UNTIL(&fx.loop, is_synced(&fx));
	/* A second mark is a bookmark like any other. */
	fake_conn_chunk(fx.conn[STREAM], END_MARK("13") EVENT("ADDED", "b", "14"));
	LOOP_UNTIL(&fx.loop, is_at(&fx, "14"));
	assert_seen(&fx.seen, "list L:a@7 L:a@9 D:a@10 done@12 A:b@14");
	teardown(&fx);
}
END_TEST

START_TEST(after_the_end_of_its_watch_the_next_one_goes_on_and_lists_nothing)
{
	struct fixture fx;

	setup_streaming(&fx);
	SCRIPT(&fx, STREAM, THEN(END, END_MARK("20") EVENT("ADDED", "a", "21")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_watch_from(&fx, "21");
	fake_conn_chunk(fx.conn[WATCH], EVENT("ADDED", "b", "22"));
	LOOP_UNTIL(&fx.loop, is_at(&fx, "22"));
	assert_seen(&fx.seen, "list done@20 A:a@21 watch-eof A:b@22");
	teardown(&fx);
}
END_TEST

START_TEST(a_server_without_it_is_asked_for_pages_at_once)
{
	struct fixture fx;

	setup_streaming(&fx);
	fx.options.backoff_initial_ms = 100000; /* no such wait */
	fx.options.backoff_max_ms = 100000;
	SCRIPT(&fx, STREAM, NO(422, STATUS(422, "Invalid", "")));
	SCRIPT(&fx, LIST, OK(PAGE("20", "next", ITEM("a", "5"))), OK(PAGE("20", "", ITEM("b", "6"))));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen, "list list-refused list L:a@5 L:b@6 done@20");
	ck_assert_uint_eq(logged(&fx, "\"warning\""), 0);
	assert_watch_from(&fx, "20");
	/* The next list may find another server. */
	reflector_relist(fx.reflector);
	LOOP_UNTIL(&fx.loop, fx.count[STREAM] == 2);
	teardown(&fx);
}
END_TEST

static void assert_pages_after(const struct reply *reply, const char *seen)
{
	struct fixture fx;

	setup_streaming(&fx);
	fx.script[STREAM] = reply;
	fx.script_len[STREAM] = 1;
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	ck_assert_uint_eq(fx.count[STREAM], 1);
	ck_assert_uint_eq(fx.count[LIST], 1);
	assert_seen(&fx.seen, seen);
	teardown(&fx);
}

START_TEST(pages_follow_what_did_not_become_a_list)
{
	static const struct reply forbidden = NO(403, STATUS(403, "Forbidden", ""));
	static const struct reply broken = NO(500, "oops");
	static const struct reply ended = THEN(END, EVENT("ADDED", "a", "7"));
	static const struct reply within = THEN(END, "{\"type\":\"ADDED\"");
	static const struct reply garbled = THEN(STAY, "<html>");
	static const struct reply table = OK("{\"kind\":\"Table\",\"rows\":[]}");
	static const struct reply no_rv = THEN(STAY, END_MARK(""));
	static const struct reply error = THEN(STAY, ERROR_EVENT(STATUS(500, "InternalError", "")));

	assert_pages_after(&forbidden, "list list-forbidden list done@10");
	assert_pages_after(&broken, "list list-refused list done@10");
	assert_pages_after(&ended, "list L:a@7 list-eof list done@10");
	assert_pages_after(&within, "list list-eof list done@10");
	assert_pages_after(&garbled, "list list-decode list done@10");
	assert_pages_after(&table, "list list-decode list done@10");
	assert_pages_after(&no_rv, "list list-decode list done@10");
	assert_pages_after(&error, "list list-refused list done@10");
}
END_TEST

START_TEST(a_silent_stream_is_given_up_for_pages)
{
	struct fixture fx;

	setup_streaming(&fx);
	fx.options.list_idle_ms = 30;
	SCRIPT(&fx, STREAM, THEN(STAY, EVENT("ADDED", "a", "7")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen, "list L:a@7 list-stalled list done@10");
	teardown(&fx);
}
END_TEST

START_TEST(after_the_end_mark_silence_is_no_fault)
{
	struct fixture fx;

	setup_streaming(&fx);
	fx.options.list_idle_ms = 5;
	start(&fx);
	LOOP_UNTIL(&fx.loop, is_synced(&fx));
	linger(&fx);
	ck_assert(!uv_is_active((uv_handle_t *)&fx.reflector->timer));
	assert_seen(&fx.seen, "list done@10");
	teardown(&fx);
}
END_TEST

static void assert_stream_after(const struct reply *reply, const char *seen)
{
	struct fixture fx;

	setup_streaming(&fx);
	fx.script[STREAM] = reply;
	fx.script_len[STREAM] = 1;
	start(&fx);
	LOOP_UNTIL(&fx.loop, is_synced(&fx));
	ck_assert_uint_eq(fx.count[STREAM], 2);
	ck_assert_uint_eq(fx.count[LIST], 0);
	assert_seen(&fx.seen, seen);
	teardown(&fx);
}

START_TEST(who_is_only_busy_is_asked_again)
{
	static const struct reply busy = NO(429, STATUS(429, "TooManyRequests", ""));
	static const struct reply cut = THEN(CUT, EVENT("ADDED", "a", "7"));
	static const struct reply old = THEN(STAY, ERROR_EVENT(STATUS(410, "Expired", "")));
	static const struct reply throttled = THEN(STAY, ERROR_EVENT(STATUS(429, "TooManyRequests", "")));

	assert_stream_after(&busy, "list list-throttled list done@10");
	assert_stream_after(&cut, "list L:a@7 list-transport list done@10");
	assert_stream_after(&old, "list list-expired list done@10");
	assert_stream_after(&throttled, "list list-throttled list done@10");
}
END_TEST

START_TEST(a_version_without_the_resource_leads_to_the_next)
{
	struct fixture fx;

	setup_streaming(&fx);
	SCRIPT(&fx, STREAM, NO(404, "404 page not found\n"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, is_synced(&fx));
	ck_assert_str_eq(reflector_version(fx.reflector), "v1alpha3");
	assert_seen(&fx.seen, "list list-absent list done@10");
	teardown(&fx);
}
END_TEST

START_TEST(a_list_that_shows_an_older_server_is_told_before_its_end)
{
	struct fixture fx;

	setup_streaming(&fx);
	SCRIPT(&fx, STREAM, THEN(STAY, END_MARK("20")), THEN(STAY, EVENT("ADDED", "a", "3") END_MARK("8")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, is_synced(&fx));
	reflector_relist(fx.reflector);
	LOOP_UNTIL(&fx.loop, is_at(&fx, "8"));
	assert_seen(&fx.seen, "list done@20 watch-requested list L:a@3 back:20>8 done@8");
	teardown(&fx);
}
END_TEST

/* A word of the handler's at which the reflector is told something. */
struct order {
	struct fixture *fx;
	const char *at;
	bool close;
};

static void carry_out(void *data, const char *word)
{
	struct order *order = data;
	const char *at = order->at;

	if (at == NULL || strcmp(word, at) != 0)
		return;
	order->at = NULL;
	if (order->close)
		stop(order->fx);
	else
		reflector_relist(order->fx->reflector);
}

START_TEST(it_may_be_told_to_list_again_in_any_callback)
{
	static const char *const words[] = {"list", "L:a@7", "D:a@8", "done@20"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct fixture fx;
		struct order order = {&fx, words[i], false};

		setup_streaming(&fx);
		SCRIPT(&fx, STREAM,
		       THEN(STAY, EVENT("ADDED", "a", "7") EVENT("DELETED", "a", "8") END_MARK("20")),
		       THEN(STAY, END_MARK("30")));
		fx.seen.on_word = carry_out;
		fx.seen.data = &order;
		start(&fx);
		LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_REQUESTED] == 1 || i == 0);
		LOOP_UNTIL(&fx.loop, is_at(&fx, i == 0 ? "20" : "30"));
		teardown(&fx);
	}
}
END_TEST

START_TEST(it_may_be_closed_in_any_callback)
{
	static const char *const words[] = {"list", "L:a@7", "D:a@8", "done@20"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct fixture fx;
		struct order order = {&fx, words[i], true};

		setup_streaming(&fx);
		SCRIPT(&fx, STREAM,
		       THEN(STAY, EVENT("ADDED", "a", "7") EVENT("DELETED", "a", "8") END_MARK("20")
					  EVENT("ADDED", "b", "21")));
		fx.seen.on_word = carry_out;
		fx.seen.data = &order;
		start(&fx);
		LOOP_UNTIL(&fx.loop, fx.closed);
		teardown(&fx);
	}
}
END_TEST

START_TEST(it_may_be_closed_while_it_streams)
{
	struct fixture fx;

	setup_streaming(&fx);
	SCRIPT(&fx, STREAM, THEN(STAY, EVENT("ADDED", "a", "7")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 1);
	teardown(&fx);
}
END_TEST

/* LST-13: one that breaks each time at the same place (a proxy with a limit on a transfer's length or time)
 * must not be asked for without end; a list in pages asks less of the network. */
START_TEST(a_stream_that_is_cut_again_and_again_gives_way_to_pages)
{
	struct fixture fx;

	setup_streaming(&fx);
	SCRIPT(&fx, STREAM, THEN(CUT, EVENT("ADDED", "a", "7")), THEN(CUT, EVENT("ADDED", "a", "7")),
	       THEN(CUT, EVENT("ADDED", "a", "7")), THEN(CUT, EVENT("ADDED", "a", "7")),
	       THEN(CUT, EVENT("ADDED", "a", "7")), THEN(CUT, EVENT("ADDED", "a", "7")),
	       THEN(CUT, EVENT("ADDED", "a", "7")), THEN(CUT, EVENT("ADDED", "a", "7")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, is_synced(&fx));
	ck_assert_msg(fx.count[LIST] == 1, "%zu streams, no pages", fx.count[STREAM]);
	teardown(&fx);
}
END_TEST

/* LST-13: who ignores what it does not know never sends an end mark; that there is always news must not make
 * it wait as long as a watch lives. */
START_TEST(a_plain_watch_that_is_never_silent_is_given_up_for_pages)
{
	struct fixture fx;
	uint64_t began_ms;

	setup_streaming(&fx);
	fx.options.list_idle_ms = 30;
	SCRIPT(&fx, STREAM, THEN(STAY, EVENT("ADDED", "a", "7")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 1);
	began_ms = clock_boot_ms();
	while (fx.count[LIST] == 0 && clock_boot_ms() - began_ms < 1000) {
		fake_conn_chunk(fx.conn[STREAM], EVENT("MODIFIED", "a", "8"));
		loop_run_turns(&fx.loop, 2);
	}
	ck_assert_uint_eq(fx.count[LIST], 1);
	teardown(&fx);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_list_comes_as_the_beginning_of_its_watch,
		it_is_asked_for_consistently_and_never_with_gzip,
		what_changes_during_a_list_is_told_in_order,
		nothing_but_a_bookmark_with_the_mark_ends_a_list,
		after_the_end_of_its_watch_the_next_one_goes_on_and_lists_nothing,
		a_server_without_it_is_asked_for_pages_at_once,
		pages_follow_what_did_not_become_a_list,
		a_silent_stream_is_given_up_for_pages,
		after_the_end_mark_silence_is_no_fault,
		who_is_only_busy_is_asked_again,
		a_version_without_the_resource_leads_to_the_next,
		a_list_that_shows_an_older_server_is_told_before_its_end,
		it_may_be_told_to_list_again_in_any_callback,
		it_may_be_closed_in_any_callback,
		it_may_be_closed_while_it_streams,
		a_stream_that_is_cut_again_and_again_gives_way_to_pages,
		a_plain_watch_that_is_never_silent_is_given_up_for_pages,
	};

	return suite_run("reflector_stream", tests, ARRAY_LEN(tests));
}
