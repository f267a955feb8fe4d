/* The reflector's discovery and its lists; test_reflector_watch.c and test_reflector_close.c have the rest.
 */
#include <errno.h>

#include "test_reflector_server.h"

START_TEST(it_discovers_lists_and_watches)
{
	struct fixture fx;
	const char *life;

	setup(&fx);
	SCRIPT(&fx, LIST, OK(PAGE("20", "", ITEM("a", "5") "," ITEM("b", "6"))));
	start(&fx);
	ck_assert(!reflector_synced(fx.reflector));
	ck_assert_ptr_null(reflector_version(fx.reflector));
	ck_assert_str_eq(reflector_resource_version(fx.reflector), "");
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen, "list L:a@5 L:b@6 done@20");
	ck_assert(reflector_synced(fx.reflector));
	ck_assert_str_eq(reflector_version(fx.reflector), "v1");
	ck_assert_str_eq(reflector_resource_version(fx.reflector), "20");
	ck_assert_str_eq(fx.requests[0], "/apis/kubevirt.io");
	ck_assert_str_eq(fx.requests[1], RESOURCE "?limit=500");
	assert_watch_from(&fx, "20");
	life = strstr(fx.requests[2], "&timeoutSeconds=");
	ck_assert_ptr_nonnull(life);
	ck_assert_int_ge(strtol(life + 16, NULL, 10), 300);
	ck_assert_int_lt(strtol(life + 16, NULL, 10), 600);
	teardown(&fx);
}
END_TEST

START_TEST(neither_list_nor_watch_offers_gzip)
{
	struct fixture fx;

	setup(&fx);
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	ck_assert(!fx.gzip[1] && !fx.gzip[2]);
	teardown(&fx);
}
END_TEST

START_TEST(the_first_wanted_version_that_is_served_is_taken)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, DISCOVERY, OK(APIGROUP(VERSION("v2") "," VERSION("v1alpha3"))));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	ck_assert_str_eq(reflector_version(fx.reflector), "v1alpha3");
	ck_assert_str_eq(fx.requests[1], "/apis/kubevirt.io/v1alpha3/virtualmachineinstances?limit=500");
	teardown(&fx);
	setup(&fx);
	SCRIPT(&fx, DISCOVERY, OK(APIGROUP(VERSION("v1alpha3") "," VERSION("v1"))));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	ck_assert_str_eq(reflector_version(fx.reflector), "v1");
	teardown(&fx);
}
END_TEST

START_TEST(a_resource_that_is_not_there_yet_is_waited_for_quietly)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, DISCOVERY, NO(404, STATUS(404, "NotFound", "")), NO(404, "404 page not found\n"),
	       OK(APIGROUP("")), OK(APIGROUP(VERSION("v9"))), OK(APIGROUP("{\"version\":7},{},null,7")),
	       NO(404, STATUS(404, "NotFound", "")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen, "list-absent list-absent list-absent list-absent list-absent list-absent "
			      "list done@10");
	ck_assert_uint_eq(logged(&fx, "not served"), 1);
	ck_assert_uint_eq(logged(&fx, "synced"), 1);
	ck_assert_uint_eq(logged(&fx, "\n"), 2);
	teardown(&fx);
}
END_TEST

START_TEST(a_discovery_that_fails_is_tried_again)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, DISCOVERY, NO(503, "draining"), NO(403, STATUS(403, "Forbidden", "")), OK("{}"), OK("<"),
	       THEN(RST, "{"), LATER(429, "", "0"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen,
		    "list-refused list-forbidden list-decode list-decode list-transport list-throttled "
		    "list done@10");
	ck_assert_uint_eq(logged(&fx, "\n"), 2);
	teardown(&fx);
}
END_TEST

START_TEST(a_list_of_many_pages_is_one_list)
{
	struct fixture fx;

	setup(&fx);
	fx.options.page_size = 2;
	SCRIPT(&fx, LIST, OK(PAGE("20", "t+1/=&", ITEM("a", "5") "," ITEM("b", "6"))),
	       OK(PAGE("21", "t2", "")), OK(PAGE("22", "", ITEM("c", "7"))));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen, "list L:a@5 L:b@6 L:c@7 done@20"); /* LST-4: the first page's */
	ck_assert_str_eq(fx.requests[1], RESOURCE "?limit=2");
	ck_assert_str_eq(fx.requests[2], RESOURCE "?limit=2&continue=t%2B1%2F%3D%26");
	ck_assert_str_eq(fx.requests[3], RESOURCE "?limit=2&continue=t2");
	assert_watch_from(&fx, "20");
	ck_assert_uint_eq(logged(&fx, "3 objects at resourceVersion 20"), 1);
	teardown(&fx);
}
END_TEST

START_TEST(pages_that_go_round_in_a_circle_are_no_list)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, OK(PAGE("20", "t", "")), OK(PAGE("20", "t", "")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen, "list list-decode list done@10");
	teardown(&fx);
}
END_TEST

START_TEST(a_past_that_expires_between_pages_is_listed_at_once_in_one_piece)
{
	struct fixture fx;

	setup(&fx);
	fx.options.backoff_initial_ms = 3600000; /* it does not wait for this */
	fx.options.backoff_max_ms = 3600000;
	SCRIPT(&fx, LIST, OK(PAGE("20", "t", ITEM("a", "5"))),
	       NO(410, STATUS(410, "Expired", ",\"metadata\":{\"continue\":\"inconsistent\"}")),
	       OK(PAGE("30", "", ITEM("a", "5") "," ITEM("b", "25"))));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen, "list L:a@5 list-expired list L:a@5 L:b@25 done@30");
	ck_assert_str_eq(fx.requests[3], RESOURCE "?limit=0"); /* LST-5: no pages, no resourceVersion */
	assert_watch_from(&fx, "30");
	reflector_relist(fx.reflector); /* later ones are paged again */
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 2);
	ck_assert_str_eq(last_request(&fx, LIST), RESOURCE "?limit=500");
	teardown(&fx);
}
END_TEST

START_TEST(an_expired_first_page_backs_off)
{
	struct fixture fx;

	setup(&fx);
	fx.options.backoff_initial_ms = 3600000;
	fx.options.backoff_max_ms = 7200000;
	SCRIPT(&fx, LIST, NO(410, STATUS(410, "Expired", "")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_EXPIRED] == 1);
	ck_assert_uint_gt(wait_ms(&fx), 3000000);
	teardown(&fx);
}
END_TEST

START_TEST(a_list_that_breaks_off_is_never_complete)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, THEN(CUT, "{\"metadata\":{\"resourceVersion\":\"20\"},\"items\":[" ITEM("a", "5")),
	       THEN(RST, "{\"metadata\":{\"resourceVersion\":\"20\"},\"items\":["),
	       THEN(END, "{\"metadata\":{\"resourceVersion\":\"20\"},\"items\":[" ITEM("a", "5")),
	       OK("{\"metadata\":{\"resourceVersion\":\"20\"},\"items\":[" ITEM("a", "5") ",}"),
	       OK("{\"kind\":\"Table\",\"rows\":[]}"), OK(PAGE("20", "t", ITEM("a", "5"))),
	       THEN(CUT, "{\"metadata\":{\"resourceVersion\":\"20\"},\"items\":[" ITEM("b", "6") "]"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	ck_assert_uint_eq(fx.count[LIST], 8);
	ck_assert_uint_eq(fx.seen.restarted[REFLECTOR_RESTART_TRANSPORT], 3);
	ck_assert_uint_eq(fx.seen.restarted[REFLECTOR_RESTART_DECODE], 3);
	assert_seen(&fx.seen, "list L:a@5 list-transport list list-transport list L:a@5 list-decode "
			      "list L:a@5 list-decode list list-decode list L:a@5 L:b@6 list-transport list "
			      "done@10");
	ck_assert_uint_eq(logged(&fx, "cannot be listed yet"), 1);
	ck_assert_uint_eq(logged(&fx, "\n"), 2);
	teardown(&fx);
}
END_TEST

START_TEST(a_list_with_its_metadata_behind_the_items_is_one_too)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST,
	       OK("{\"items\":[" ITEM("a",
				      "5") "],\"metadata\":{\"continue\":\"t\",\"resourceVersion\":\"20\"}}"),
	       OK("{\"items\":null,\"metadata\":{\"resourceVersion\":\"20\"}}"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen, "list L:a@5 done@20");
	teardown(&fx);
}
END_TEST

START_TEST(a_throttled_list_waits_as_long_as_it_is_told)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, LATER(429, STATUS(429, "TooManyRequests", ""), "60"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_THROTTLED] == 1);
	ck_assert_uint_gt(wait_ms(&fx), 50000);
	linger(&fx);
	ck_assert_uint_eq(fx.count[LIST], 1);
	teardown(&fx);
}
END_TEST

START_TEST(a_server_cannot_ask_for_more_than_five_minutes)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, LATER(503, "", "4000000000"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_REFUSED] == 1);
	ck_assert_uint_le(wait_ms(&fx), 300001);
	teardown(&fx);
}
END_TEST

START_TEST(a_backoff_longer_than_retry_after_counts)
{
	struct fixture fx;

	setup(&fx);
	fx.options.backoff_initial_ms = 3600000;
	fx.options.backoff_max_ms = 3600000;
	SCRIPT(&fx, LIST, LATER(429, "", "1"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_THROTTLED] == 1);
	ck_assert_uint_gt(wait_ms(&fx), 3000000);
	teardown(&fx);
}
END_TEST

START_TEST(a_version_without_the_resource_gives_way_to_the_next)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, NO(404, "404 page not found\n"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	ck_assert_str_eq(reflector_version(fx.reflector), "v1alpha3");
	ck_assert_uint_eq(fx.count[DISCOVERY], 1);
	teardown(&fx);
}
END_TEST

START_TEST(a_group_without_the_resource_is_discovered_again)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, NO(404, ""), NO(404, ""), NO(404, ""), NO(404, ""));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	ck_assert_str_eq(reflector_version(fx.reflector), "v1");
	ck_assert_uint_eq(fx.count[DISCOVERY], 3);
	ck_assert_uint_eq(fx.count[LIST], 5);
	ck_assert_uint_eq(logged(&fx, "not served"), 1);
	teardown(&fx);
}
END_TEST

START_TEST(everything_arrives_one_byte_at_a_time_too)
{
	struct fixture fx;

	setup(&fx);
	fake_server_set_write_size(fx.server, 1);
	SCRIPT(&fx, LIST, OK(PAGE("20", "t", ITEM("a", "5") "," ITEM("b", "6"))),
	       THEN(END, PAGE("20", "", ITEM("c", "7"))));
	SCRIPT(&fx, WATCH,
	       THEN(STAY, EVENT("ADDED", "d", "21") EVENT("BOOKMARK", "", "22") EVENT("DELETED", "a", "23")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 5);
	assert_seen(&fx.seen, "list L:a@5 L:b@6 L:c@7 done@20 A:d@21 D:a@23");
	ck_assert(is_at(&fx, "23"));
	teardown(&fx);
}
END_TEST

START_TEST(an_object_without_resourceVersion_is_seen)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, OK(PAGE("20", "", "{\"metadata\":{\"name\":\"a\"}},null")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen, "list L:a@ L:?@ done@20");
	teardown(&fx);
}
END_TEST

START_TEST(a_relist_throws_the_watch_away)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, OK(PAGE("20", "", "")), OK(PAGE("30", "", ITEM("a", "25"))));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	reflector_relist(fx.reflector);
	reflector_relist(fx.reflector);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 2);
	assert_seen(&fx.seen, "list done@20 watch-requested list L:a@25 done@30");
	ck_assert_str_eq(last_request(&fx, LIST), RESOURCE "?limit=500");
	assert_watch_from(&fx, "30");
	ck_assert_uint_eq(logged(&fx, "\n"), 1);
	teardown(&fx);
}
END_TEST

START_TEST(a_relist_begins_a_list_that_runs_anew)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, OK(PAGE("20", "t", ITEM("a", "5"))), THEN(HANG, ""));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[LIST] == 2);
	reflector_relist(fx.reflector);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	assert_seen(&fx.seen, "list L:a@5 list-requested list done@10");
	ck_assert_str_eq(fx.requests[3], RESOURCE "?limit=500");
	teardown(&fx);
}
END_TEST

START_TEST(a_relist_during_a_wait_comes_with_its_end)
{
	struct fixture fx;

	setup(&fx);
	fx.options.backoff_initial_ms = 500;
	fx.options.backoff_max_ms = 500;
	SCRIPT(&fx, WATCH, LATER(429, "", "0"));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.restarted[REFLECTOR_RESTART_THROTTLED] == 1);
	ck_assert_int_eq(fx.reflector->state, REFLECTOR_WAITING);
	reflector_relist(fx.reflector);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 2);
	ck_assert_uint_eq(fx.count[LIST], 2);
	teardown(&fx);
}
END_TEST

static void relist_at_word(void *data, const char *word)
{
	struct fixture *fx = data;

	if (fx->count[LIST] == 1 && strncmp(word, "L:", 2) == 0)
		reflector_relist(fx->reflector);
	if (fx->count[LIST] == 2 && strncmp(word, "done", 4) == 0)
		reflector_relist(fx->reflector);
	if (fx->count[LIST] == 3 && strncmp(word, "A:", 2) == 0)
		reflector_relist(fx->reflector);
}

START_TEST(a_relist_may_come_from_a_callback)
{
	struct fixture fx;

	setup(&fx);
	fx.seen.on_word = relist_at_word;
	fx.seen.data = &fx;
	SCRIPT(&fx, LIST, OK(PAGE("20", "", ITEM("a", "5") "," ITEM("b", "6"))));
	SCRIPT(&fx, WATCH, THEN(STAY, EVENT("ADDED", "a", "11") EVENT("ADDED", "b", "12")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 2);
	assert_seen(&fx.seen, "list L:a@5 list-requested list done@10 list done@10 A:a@11 watch-requested "
			      "list done@10");
	teardown(&fx);
}
END_TEST

START_TEST(a_server_that_went_back_in_time_is_reported_before_the_list)
{
	struct fixture fx;

	setup(&fx);
	SCRIPT(&fx, LIST, OK(PAGE("20", "", "")), OK(PAGE("15", "", ITEM("a", "12"))));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	reflector_relist(fx.reflector);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 2);
	assert_seen(&fx.seen, "list done@20 watch-requested list L:a@12 back:20>15 done@15");
	ck_assert_uint_eq(logged(&fx, "went back from resourceVersion 20 to 15"), 1);
	assert_watch_from(&fx, "15");
	teardown(&fx);
}
END_TEST

#define ONE_LEASE                                                                                            \
	"/apis/coordination.k8s.io/v1/namespaces/kube%2Fs/leases?fieldSelector=metadata.name%3Da%26b"

START_TEST(one_object_is_watched_by_its_name)
{
	static const char watch[] = ONE_LEASE "&watch=1&allowWatchBookmarks=true&resourceVersion=20&";
	static const char *const versions[] = {"v1", NULL};
	struct fixture fx;

	setup(&fx);
	fx.options.group = "coordination.k8s.io";
	fx.options.versions = versions;
	fx.options.resource = "leases";
	fx.options.namespace = "kube/s"; /* as neither can be, to see them encoded */
	fx.options.name = "a&b";
	SCRIPT(&fx, DISCOVERY, OK("{\"kind\":\"APIGroup\",\"versions\":[{\"version\":\"v1\"}]}"));
	SCRIPT(&fx, LIST, OK(PAGE("20", "t", ITEM("a", "5"))), OK(PAGE("20", "", "")));
	SCRIPT(&fx, WATCH, THEN(STAY, EVENT("MODIFIED", "a", "21") EVENT("DELETED", "a", "22")));
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.seen.objects == 3);
	assert_seen(&fx.seen, "list L:a@5 done@20 M:a@21 D:a@22");
	ck_assert_str_eq(fx.requests[0], "/apis/coordination.k8s.io");
	ck_assert_str_eq(fx.requests[1], ONE_LEASE "&limit=500");
	ck_assert_str_eq(fx.requests[2], ONE_LEASE "&limit=500&continue=t");
	ck_assert_ptr_eq(strstr(fx.requests[3], watch), fx.requests[3]);
	teardown(&fx);
}
END_TEST

START_TEST(a_namespace_alone_is_all_that_is_in_it)
{
	struct fixture fx;

	setup(&fx);
	fx.options.namespace = "n";
	start(&fx);
	LOOP_UNTIL(&fx.loop, fx.count[WATCH] == 1);
	ck_assert_ptr_nonnull(strstr(fx.requests[1], "/namespaces/n/virtualmachineinstances?limit=500"));
	ck_assert_ptr_nonnull(strstr(fx.requests[2], "/namespaces/n/virtualmachineinstances?watch=1"));
	teardown(&fx);
}
END_TEST

START_TEST(options_that_make_no_sense_are_refused)
{
	static const char *const none[] = {NULL};
	static const char *const nine[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", NULL};
	static const char *const rv_path[] = {"metadata", "resourceVersion", NULL};
	static const struct json_field taken = {0, rv_path};
	struct error err;
	struct fixture fx;

	setup(&fx);
	fx.options.versions = none;
	ck_assert_int_eq(reflector_open(&fx.reflector, &fx.options, &err), -EINVAL);
	fx.options.versions = nine;
	ck_assert_int_eq(reflector_open(&fx.reflector, &fx.options, &err), -EINVAL);
	fx.options.versions = nine + 1;
	fx.options.name = "a";
	ck_assert_int_eq(reflector_open(&fx.reflector, &fx.options, &err), -EINVAL);
	fx.options.name = NULL;
	fx.options.fields = &taken;
	fx.options.field_count = 1;
	ck_assert_int_eq(reflector_open(&fx.reflector, &fx.options, &err), -EINVAL);
	ck_assert_ptr_null(fx.reflector);
	ck_assert_ptr_nonnull(strstr(err.message, "virtualmachineinstances"));
	teardown(&fx);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		it_discovers_lists_and_watches,
		neither_list_nor_watch_offers_gzip,
		the_first_wanted_version_that_is_served_is_taken,
		a_resource_that_is_not_there_yet_is_waited_for_quietly,
		a_discovery_that_fails_is_tried_again,
		a_list_of_many_pages_is_one_list,
		pages_that_go_round_in_a_circle_are_no_list,
		a_past_that_expires_between_pages_is_listed_at_once_in_one_piece,
		an_expired_first_page_backs_off,
		a_list_that_breaks_off_is_never_complete,
		a_list_with_its_metadata_behind_the_items_is_one_too,
		a_throttled_list_waits_as_long_as_it_is_told,
		a_server_cannot_ask_for_more_than_five_minutes,
		a_backoff_longer_than_retry_after_counts,
		a_version_without_the_resource_gives_way_to_the_next,
		a_group_without_the_resource_is_discovered_again,
		everything_arrives_one_byte_at_a_time_too,
		an_object_without_resourceVersion_is_seen,
		a_relist_throws_the_watch_away,
		a_relist_begins_a_list_that_runs_anew,
		a_relist_during_a_wait_comes_with_its_end,
		a_relist_may_come_from_a_callback,
		a_server_that_went_back_in_time_is_reported_before_the_list,
		one_object_is_watched_by_its_name,
		a_namespace_alone_is_all_that_is_in_it,
		options_that_make_no_sense_are_refused,
	};

	return suite_run("reflector", tests, ARRAY_LEN(tests));
}
