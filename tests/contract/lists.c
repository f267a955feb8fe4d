/* Lists: what resourceVersion, limit and continue mean. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "contract/talk.h"

#define VMIS    5
#define POLL_MS 200

/* More revisions than any test makes. */
#define FUTURE 1000000

static size_t items(struct talk *t)
{
	return json_array_size(json_object_get(t->answer.body, "items"));
}

/* The names of the last list, "a b c". */
static const char *names(struct talk *t)
{
	const char *all = "";
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(t->answer.body, "items"), i, item) all =
		talk_format(t, "%s%s%s", all, i > 0 ? " " : "", api_text(item, "metadata.name"));
	return all;
}

/* Lists the case's VMIs with a query; "" for none. */
static long list(struct talk *t, const char *query)
{
	return talk_get(t, talk_format(t, "%s?%s", talk_vmis(t), query));
}

/* vmi-0 .. vmi-4, created in the opposite order. Returns the version of the last. */
static const char *given_vmis(struct talk *t)
{
	for (int i = VMIS - 1; i >= 0; i--)
		talk_given_vmi(t, talk_format(t, "vmi-%d", i), NULL);
	return talk_text(t, "metadata.resourceVersion");
}

#define ALL "vmi-0 vmi-1 vmi-2 vmi-3 vmi-4"

static const char *next_page(struct talk *t, const char *more)
{
	return talk_format(t, "limit=2&continue=%s%s", talk_text(t, "metadata.continue"), more);
}

START_TEST(a_list_has_all_objects_in_order_of_their_names)
{
	AUTO_TALK struct talk t;
	unsigned long long newest;

	talk_open(&t);
	newest = talk_number(given_vmis(&t));
	list(&t, "");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "kind", "VirtualMachineInstanceList");
	EXPECT_TEXT(&t, "apiVersion", "kubevirt.io/v1");
	EXPECT_TEXT(&t, "metadata.continue", "");
	ck_assert_str_eq(names(&t), ALL);
	EXPECT_TEXT(&t, "items.0.kind", "VirtualMachineInstance");
	EXPECT_TEXT(&t, "items.0.apiVersion", "kubevirt.io/v1");
	ck_assert_uint_ge(talk_number(talk_text(&t, "metadata.resourceVersion")), newest);
}
END_TEST

START_TEST(an_empty_list_is_an_empty_array_with_a_version)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	list(&t, "");
	EXPECT(&t, 200);
	ck_assert(json_is_array(json_object_get(t.answer.body, "items")));
	ck_assert_uint_eq(items(&t), 0);
	ck_assert_uint_gt(talk_number(talk_text(&t, "metadata.resourceVersion")), 0);
}
END_TEST

START_TEST(a_consistent_list_shows_every_write_that_was_answered)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (int i = 0; i < 20; i++) {
		const char *phase = talk_format(&t, "phase-%d", i);
		unsigned long long version;

		if (i == 0)
			talk_given_vmi(&t, "a", NULL);
		talk_merge_patch(&t, talk_vmi(&t, "a"), talk_format(&t, "{'status':{'phase':'%s'}}", phase));
		EXPECT(&t, 200);
		version = talk_number(talk_text(&t, "metadata.resourceVersion"));
		list(&t, "limit=500");
		EXPECT_TEXT(&t, "items.0.status.phase", phase);
		ck_assert_uint_eq(talk_number(talk_text(&t, "items.0.metadata.resourceVersion")), version);
		ck_assert_uint_ge(talk_number(talk_text(&t, "metadata.resourceVersion")), version);
	}
	talk_delete(&t, talk_vmi(&t, "a"));
	list(&t, "limit=500");
	ck_assert_uint_eq(items(&t), 0);
}
END_TEST

START_TEST(a_list_over_all_namespaces_is_ordered_by_namespace_and_name)
{
	AUTO_TALK struct talk t;
	const char *other;
	char *first;
	const json_t *in_order;
	json_t *item;
	const char *before = "";
	size_t seen = 0;
	size_t i;

	talk_open(&t);
	talk_given_vmi(&t, "b", NULL);
	talk_given_vmi(&t, "a", NULL);
	other = talk_namespace(&t);
	first = t.ns;
	t.ns = strdup(other);
	talk_given_vmi(&t, "a", NULL);
	talk_get(&t, TALK_KUBEVIRT "/virtualmachineinstances");
	EXPECT(&t, 200);
	in_order = talk_keep(&t);
	json_array_foreach(json_object_get(in_order, "items"), i, item)
	{
		const char *ns = api_text(item, "metadata.namespace");
		const char *key = talk_format(&t, "%s/%s", ns, api_text(item, "metadata.name"));

		ck_assert_msg(strcmp(before, key) < 0, "%s before %s", before, key);
		before = key;
		seen += strcmp(ns, first) == 0 || strcmp(ns, other) == 0;
	}
	ck_assert_uint_eq(seen, 3);
	free(first);
}
END_TEST

START_TEST(pages_are_one_snapshot_with_the_version_of_the_first)
{
	AUTO_TALK struct talk t;
	const char *version;

	talk_open(&t);
	given_vmis(&t);
	list(&t, "limit=2");
	EXPECT(&t, 200);
	ck_assert_str_eq(names(&t), "vmi-0 vmi-1");
	ck_assert_int_eq(json_integer_value(api_member(t.answer.body, "metadata.remainingItemCount")), 3);
	version = talk_text(&t, "metadata.resourceVersion");
	list(&t, next_page(&t, ""));
	EXPECT(&t, 200);
	ck_assert_str_eq(names(&t), "vmi-2 vmi-3");
	EXPECT_TEXT(&t, "metadata.resourceVersion", version);
	ck_assert_int_eq(json_integer_value(api_member(t.answer.body, "metadata.remainingItemCount")), 1);
	list(&t, next_page(&t, ""));
	EXPECT(&t, 200);
	ck_assert_str_eq(names(&t), "vmi-4");
	EXPECT_TEXT(&t, "metadata.resourceVersion", version);
	EXPECT_TEXT(&t, "metadata.continue", "");
	ck_assert_ptr_null(api_member(t.answer.body, "metadata.remainingItemCount"));
}
END_TEST

START_TEST(later_pages_do_not_see_later_changes)
{
	AUTO_TALK struct talk t;
	const char *next;

	talk_open(&t);
	given_vmis(&t);
	list(&t, "limit=2");
	next = next_page(&t, "");
	talk_delete(&t, talk_vmi(&t, "vmi-2"));
	talk_given_vmi(&t, "vmi-22", NULL);
	talk_merge_patch(&t, talk_vmi(&t, "vmi-3"), "{'status':{'phase':'x'}}");
	list(&t, next);
	EXPECT(&t, 200);
	ck_assert_str_eq(names(&t), "vmi-2 vmi-3");
	ck_assert_ptr_null(api_member(t.answer.body, "items.1.status"));
	list(&t, "");
	ck_assert_str_eq(names(&t), "vmi-0 vmi-1 vmi-22 vmi-3 vmi-4");
}
END_TEST

START_TEST(a_limit_that_is_not_reached_or_just_reached_leaves_no_rest)
{
	static const char *const queries[] = {"limit=5", "limit=6", "limit=500", "limit=0"};
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_vmis(&t);
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		list(&t, queries[i]);
		EXPECT(&t, 200);
		ck_assert_str_eq(names(&t), ALL);
		EXPECT_TEXT(&t, "metadata.continue", "");
		ck_assert_ptr_null(api_member(t.answer.body, "metadata.remainingItemCount"));
	}
}
END_TEST

START_TEST(a_later_page_takes_neither_version_nor_match)
{
	AUTO_TALK struct talk t;
	const char *version;
	const char *plain;
	const char *match;

	talk_open(&t);
	given_vmis(&t);
	list(&t, "limit=2");
	version = talk_text(&t, "metadata.resourceVersion");
	plain = next_page(&t, talk_format(&t, "&resourceVersion=%s", version));
	match = next_page(&t, talk_format(&t, "&resourceVersion=%s&resourceVersionMatch=Exact", version));
	list(&t, plain);
	EXPECT_REFUSAL(&t, 400, "BadRequest");
	list(&t, match);
	EXPECT_REFUSAL(&t, 422, "Invalid");
}
END_TEST

START_TEST(a_malformed_continue_token_is_400)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	list(&t, "limit=2&continue=abc");
	EXPECT_REFUSAL(&t, 400, "BadRequest");
	list(&t, "limit=2&continue=%7B%7D");
	EXPECT_REFUSAL(&t, 400, "BadRequest");
}
END_TEST

START_TEST(version_0_means_any_and_knows_no_pages)
{
	AUTO_TALK struct talk t;
	uint64_t end = clock_boot_ms() + TALK_DEADLINE_MS;

	talk_open(&t);
	given_vmis(&t);
	do {
		list(&t, "resourceVersion=0&limit=2");
		EXPECT(&t, 200);
	} while (items(&t) < VMIS && clock_boot_ms() < end && poll(NULL, 0, POLL_MS) == 0);
	ck_assert_str_eq(names(&t), ALL);
	EXPECT_TEXT(&t, "metadata.continue", "");
}
END_TEST

START_TEST(a_version_alone_means_not_older_than_it)
{
	AUTO_TALK struct talk t;
	const char *newest;

	talk_open(&t);
	newest = given_vmis(&t);
	list(&t, talk_format(&t, "resourceVersion=%s", newest));
	EXPECT(&t, 200);
	ck_assert_str_eq(names(&t), ALL);
	ck_assert_uint_ge(talk_number(talk_text(&t, "metadata.resourceVersion")), talk_number(newest));
	list(&t, talk_format(&t, "resourceVersion=%s&resourceVersionMatch=NotOlderThan", newest));
	EXPECT(&t, 200);
	ck_assert_str_eq(names(&t), ALL);
}
END_TEST

START_TEST(exact_and_a_version_with_a_limit_mean_that_version)
{
	AUTO_TALK struct talk t;
	const char *version;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	version = talk_text(&t, "metadata.resourceVersion");
	talk_given_vmi(&t, "b", NULL);
	talk_delete(&t, talk_vmi(&t, "a"));
	list(&t, talk_format(&t, "resourceVersion=%s&resourceVersionMatch=Exact", version));
	EXPECT(&t, 200);
	ck_assert_str_eq(names(&t), "a");
	EXPECT_TEXT(&t, "metadata.resourceVersion", version);
	list(&t, talk_format(&t, "resourceVersion=%s&limit=500", version));
	EXPECT(&t, 200);
	ck_assert_str_eq(names(&t), "a");
	EXPECT_TEXT(&t, "metadata.resourceVersion", version);
}
END_TEST

START_TEST(senseless_options_are_refused)
{
	static const struct {
		const char *query;
		int code;
		const char *reason;
	} rows[] = {
		{"resourceVersionMatch=Exact", 422, "Invalid"},
		{"resourceVersionMatch=NotOlderThan", 422, "Invalid"},
		{"resourceVersionMatch=Exact&resourceVersion=0", 422, "Invalid"},
		{"resourceVersionMatch=Sometimes&resourceVersion=1", 422, "Invalid"},
		{"sendInitialEvents=true", 422, "Invalid"},
		{"resourceVersion=abc", 400, "BadRequest"},
		{"limit=abc", 400, "BadRequest"},
		{"fieldSelector=status.phase=Running", 400, "BadRequest"},
	};
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		list(&t, rows[i].query);
		MISS_UNLESS(&t, talk_is_refusal(&t, rows[i].code, rows[i].reason), "%s", talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

/* The server waits a while for its own future before it answers (LST-8). */
START_TEST(a_version_from_the_future_is_504_with_a_cause)
{
	AUTO_TALK struct talk t;
	unsigned long long future;

	talk_open(&t);
	future = talk_number(talk_list_version(&t)) + FUTURE;
	list(&t, talk_format(&t, "resourceVersion=%llu", future));
	EXPECT_REFUSAL(&t, 504, "Timeout");
	EXPECT_TEXT(&t, "details.causes.0.reason", "ResourceVersionTooLarge");
	ck_assert_int_eq(json_integer_value(api_member(t.answer.body, "details.retryAfterSeconds")), 1);
	ck_assert_int_eq(t.answer.retry_after, 1);
}
END_TEST

START_TEST(a_field_selector_on_the_name_selects_one)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_vmis(&t);
	list(&t, "fieldSelector=metadata.name%3Dvmi-3");
	EXPECT(&t, 200);
	ck_assert_str_eq(names(&t), "vmi-3");
	list(&t, "fieldSelector=metadata.name%3Dnone");
	EXPECT(&t, 200);
	ck_assert_uint_eq(items(&t), 0);
}
END_TEST

/*
 * Lists until the server has forgotten the version. How that is brought about differs: apisim forgets when it
 * is asked to ($CONTRACT_FORGET is the path to POST to), etcd after a while, if there are later revisions.
 */
static void list_until_expired(struct talk *t, const char *query)
{
	const char *forget = getenv("CONTRACT_FORGET");
	uint64_t end = clock_boot_ms() + TALK_DEADLINE_MS;
	unsigned i = 0;

	while (list(t, query) == 200 && clock_boot_ms() < end) {
		talk_merge_patch(t, talk_vmi(t, "vmi-0"), talk_format(t, "{'status':{'reason':'%u'}}", i++));
		EXPECT(t, 200);
		if (forget != NULL)
			talk_send(t, "POST", forget, NULL, NULL);
		else
			poll(NULL, 0, POLL_MS);
	}
}

START_TEST(a_page_and_an_exact_list_of_a_forgotten_version_are_410)
{
	AUTO_TALK struct talk t;
	const char *next;
	const char *version;

	talk_open(&t);
	given_vmis(&t);
	list(&t, "limit=2");
	next = next_page(&t, "");
	version = talk_text(&t, "metadata.resourceVersion");
	list_until_expired(&t, next);
	EXPECT_REFUSAL(&t, 410, "Expired");
	ck_assert_msg(*talk_text(&t, "metadata.continue") != '\0', "no way to go on: %s", talk_last(&t));
	list(&t, talk_format(&t, "resourceVersion=%s&resourceVersionMatch=Exact", version));
	EXPECT_REFUSAL(&t, 410, "Expired");
	list(&t, talk_format(&t, "resourceVersion=%s&limit=2", version));
	EXPECT_REFUSAL(&t, 410, "Expired");
	list(&t, talk_format(&t, "resourceVersion=%s", version));
	EXPECT(&t, 200);
	ck_assert_str_eq(names(&t), ALL);
}
END_TEST

void lists_cases(struct cases *c)
{
	const TTest *const tests[] = {
		a_list_has_all_objects_in_order_of_their_names,
		an_empty_list_is_an_empty_array_with_a_version,
		a_consistent_list_shows_every_write_that_was_answered,
		a_list_over_all_namespaces_is_ordered_by_namespace_and_name,
		pages_are_one_snapshot_with_the_version_of_the_first,
		later_pages_do_not_see_later_changes,
		a_limit_that_is_not_reached_or_just_reached_leaves_no_rest,
		a_later_page_takes_neither_version_nor_match,
		a_malformed_continue_token_is_400,
		version_0_means_any_and_knows_no_pages,
		a_version_alone_means_not_older_than_it,
		exact_and_a_version_with_a_limit_mean_that_version,
		senseless_options_are_refused,
		a_version_from_the_future_is_504_with_a_cause,
		a_field_selector_on_the_name_selects_one,
		a_page_and_an_exact_list_of_a_forgotten_version_are_410,
	};

	cases_add(c, tests, ARRAY_LEN(tests));
}
