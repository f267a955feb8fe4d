/* Watches: which events come, in which order, and how a watch ends. */
#include <errno.h>
#include <string.h>

#include "contract/talk.h"

/* More revisions than any test makes. */
#define FUTURE 1000000

/* A watch of the case's VMIs. */
static struct api_watch *watch_vmis(struct talk *t, const char *version, const char *more)
{
	return talk_watch(t, talk_format(t, "%s?watch=1&resourceVersion=%s&%s", talk_vmis(t), version, more));
}

static unsigned long long version_of(const json_t *object)
{
	return talk_number(api_text(object, "metadata.resourceVersion"));
}

START_TEST(a_watch_from_a_list_sees_every_later_change_in_order)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;
	const json_t *added, *modified, *deleted;
	const char *uid;

	talk_open(&t);
	talk_given_vmi(&t, "before", NULL);
	watch = watch_vmis(&t, talk_list_version(&t), "timeoutSeconds=60");
	talk_given_vmi(&t, "a", NULL);
	uid = talk_text(&t, "metadata.uid");
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'status':{'phase':'Pending'}}");
	talk_given_vmi(&t, "b", NULL);
	talk_delete(&t, talk_vmi(&t, "a"));
	added = talk_expect_event(&t, watch, "ADDED", "a");
	modified = talk_expect_event(&t, watch, "MODIFIED", "a");
	ck_assert_uint_lt(version_of(added), version_of(modified));
	ck_assert_str_eq(api_text(modified, "status.phase"), "Pending");
	talk_expect_event(&t, watch, "ADDED", "b");
	deleted = talk_expect_event(&t, watch, "DELETED", "a");
	ck_assert_str_eq(api_text(deleted, "metadata.uid"), uid);
	ck_assert_str_eq(api_text(deleted, "kind"), "VirtualMachineInstance");
	ck_assert_str_eq(api_text(deleted, "apiVersion"), "kubevirt.io/v1");
}
END_TEST

START_TEST(deleted_carries_the_last_state_and_the_version_of_the_deletion)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;
	const json_t *last;
	const json_t *deleted;

	talk_open(&t);
	talk_given_vmi(&t, "a", "{'phase':'Running','VSOCKCID':77}");
	last = talk_keep(&t);
	watch = watch_vmis(&t, talk_text(&t, "metadata.resourceVersion"), "timeoutSeconds=60");
	talk_delete(&t, talk_vmi(&t, "a"));
	deleted = talk_expect_event(&t, watch, "DELETED", "a");
	ck_assert(json_equal(json_object_get(deleted, "status"), json_object_get(last, "status")));
	ck_assert_uint_gt(version_of(deleted), version_of(last));
	ck_assert_uint_le(version_of(deleted), talk_number(talk_list_version(&t)));
}
END_TEST

START_TEST(a_watch_from_an_old_version_replays_what_came_after)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;
	const char *version;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	version = talk_text(&t, "metadata.resourceVersion");
	talk_given_vmi(&t, "b", NULL);
	talk_delete(&t, talk_vmi(&t, "a"));
	talk_given_vmi(&t, "a", NULL);
	watch = watch_vmis(&t, version, "timeoutSeconds=60");
	talk_expect_event(&t, watch, "ADDED", "b");
	talk_expect_event(&t, watch, "DELETED", "a");
	talk_expect_event(&t, watch, "ADDED", "a");
}
END_TEST

START_TEST(a_change_that_changes_nothing_makes_no_event)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;

	talk_open(&t);
	talk_given_vmi(&t, "a", "{'VSOCKCID':5}");
	watch = watch_vmis(&t, talk_text(&t, "metadata.resourceVersion"), "timeoutSeconds=60");
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'status':{'VSOCKCID':5}}");
	EXPECT(&t, 200);
	talk_json_patch(&t, talk_vmi(&t, "a"),
			"[{'op':'test','path':'/status/VSOCKCID','value':6},"
			"{'op':'add','path':'/status/phase','value':'x'}]");
	EXPECT(&t, 422);
	talk_given_vmi(&t, "b", NULL);
	talk_expect_event(&t, watch, "ADDED", "b");
}
END_TEST

START_TEST(an_object_made_again_between_two_looks_is_two_events)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;
	const char *old_uid;
	const char *new_uid;
	const json_t *event;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	old_uid = talk_text(&t, "metadata.uid");
	watch = watch_vmis(&t, talk_text(&t, "metadata.resourceVersion"), "timeoutSeconds=60");
	talk_delete(&t, talk_vmi(&t, "a"));
	talk_given_vmi(&t, "a", NULL);
	new_uid = talk_text(&t, "metadata.uid");
	event = talk_expect_event(&t, watch, "DELETED", "a");
	ck_assert_str_eq(api_text(event, "metadata.uid"), old_uid);
	event = talk_expect_event(&t, watch, "ADDED", "a");
	ck_assert_str_eq(api_text(event, "metadata.uid"), new_uid);
}
END_TEST

START_TEST(with_a_finalizer_the_deletion_is_first_a_change)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;
	const json_t *event;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'metadata':{'finalizers':['example.com/hold']}}");
	watch = watch_vmis(&t, talk_text(&t, "metadata.resourceVersion"), "timeoutSeconds=60");
	talk_delete(&t, talk_vmi(&t, "a"));
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'metadata':{'finalizers':null}}");
	event = talk_expect_event(&t, watch, "MODIFIED", "a");
	ck_assert_str_ne(api_text(event, "metadata.deletionTimestamp"), "");
	event = talk_expect_event(&t, watch, "DELETED", "a");
	ck_assert_str_ne(api_text(event, "metadata.deletionTimestamp"), "");
}
END_TEST

START_TEST(a_watch_sees_its_namespace_or_all)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *one = NULL;
	AUTO_WATCH struct api_watch *all = NULL;
	const char *version;
	const char *body;
	const json_t *event;
	const char *other;

	talk_open(&t);
	other = talk_namespace(&t);
	version = talk_list_version(&t);
	one = watch_vmis(&t, version, "timeoutSeconds=60");
	all = talk_watch(&t, talk_format(&t,
					 TALK_KUBEVIRT "/virtualmachineinstances?watch=1"
						       "&resourceVersion=%s&timeoutSeconds=60",
					 version));
	body = talk_vmi_text(&t, "elsewhere", NULL);
	talk_post(&t, talk_format(&t, TALK_KUBEVIRT "/namespaces/%s/virtualmachineinstances", other), body);
	EXPECT(&t, 201);
	talk_given_vmi(&t, "here", NULL);
	talk_expect_event(&t, one, "ADDED", "here");
	event = talk_expect_event(&t, all, "ADDED", "elsewhere");
	ck_assert_str_eq(api_text(event, "metadata.namespace"), other);
	event = talk_expect_event(&t, all, "ADDED", "here");
	ck_assert_str_eq(api_text(event, "metadata.namespace"), t.ns);
}
END_TEST

START_TEST(a_field_selector_on_the_name_watches_one)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;

	talk_open(&t);
	watch = watch_vmis(&t, talk_list_version(&t), "timeoutSeconds=60&fieldSelector=metadata.name%3Db");
	talk_given_vmi(&t, "a", NULL);
	talk_given_vmi(&t, "b", NULL);
	talk_delete(&t, talk_vmi(&t, "a"));
	talk_delete(&t, talk_vmi(&t, "b"));
	talk_expect_event(&t, watch, "ADDED", "b");
	talk_expect_event(&t, watch, "DELETED", "b");
}
END_TEST

START_TEST(bookmarks_come_before_the_deadline_to_those_who_ask)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *asked = NULL;
	AUTO_WATCH struct api_watch *silent = NULL;
	const json_t *event;
	const json_t *object;
	const char *version;
	unsigned long long made;

	talk_open(&t);
	version = talk_list_version(&t);
	asked = watch_vmis(&t, version, "timeoutSeconds=4&allowWatchBookmarks=true");
	silent = watch_vmis(&t, version, "timeoutSeconds=4");
	talk_given_vmi(&t, "a", NULL);
	made = talk_number(talk_text(&t, "metadata.resourceVersion"));
	talk_expect_event(&t, asked, "ADDED", "a");
	event = talk_event(&t, asked);
	ck_assert_str_eq(api_text(event, "type"), "BOOKMARK");
	object = json_object_get(event, "object");
	ck_assert_str_eq(api_text(object, "kind"), "VirtualMachineInstance");
	ck_assert_str_eq(api_text(object, "apiVersion"), "kubevirt.io/v1");
	ck_assert_uint_ge(version_of(object), made);
	ck_assert_str_eq(api_text(object, "metadata.name"), "");
	talk_expect_end(&t, asked);
	talk_expect_event(&t, silent, "ADDED", "a");
	ck_assert_int_eq(api_watch_next(silent, TALK_DEADLINE_MS, &(json_t *){NULL}, NULL), -ENODATA);
}
END_TEST

START_TEST(a_watch_goes_on_from_a_bookmark)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *first = NULL;
	AUTO_WATCH struct api_watch *second = NULL;
	const json_t *event;

	talk_open(&t);
	first = watch_vmis(&t, talk_list_version(&t), "timeoutSeconds=4&allowWatchBookmarks=true");
	talk_given_vmi(&t, "a", NULL);
	talk_expect_event(&t, first, "ADDED", "a");
	event = talk_event(&t, first);
	ck_assert_str_eq(api_text(event, "type"), "BOOKMARK");
	second = watch_vmis(&t, api_text(event, "object.metadata.resourceVersion"), "timeoutSeconds=60");
	talk_given_vmi(&t, "b", NULL);
	talk_expect_event(&t, second, "ADDED", "b");
}
END_TEST

START_TEST(a_watch_ends_in_order_after_timeout_seconds)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;

	talk_open(&t);
	watch = watch_vmis(&t, talk_list_version(&t), "timeoutSeconds=1");
	talk_expect_end(&t, watch);
}
END_TEST

START_TEST(a_version_the_server_has_forgotten_is_a_410_inside_the_stream)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;
	const json_t *event;
	const json_t *status;

	talk_open(&t);
	watch = watch_vmis(&t, "1", "timeoutSeconds=60");
	event = talk_event(&t, watch);
	ck_assert_str_eq(api_text(event, "type"), "ERROR");
	status = json_object_get(event, "object");
	ck_assert_str_eq(api_text(status, "kind"), "Status");
	ck_assert_str_eq(api_text(status, "apiVersion"), "v1");
	ck_assert_str_eq(api_text(status, "status"), "Failure");
	ck_assert_str_eq(api_text(status, "reason"), "Expired");
	ck_assert_int_eq(json_integer_value(json_object_get(status, "code")), 410);
	talk_expect_end(&t, watch);
}
END_TEST

START_TEST(a_watch_from_the_future_is_silent)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;
	unsigned long long now;

	talk_open(&t);
	now = talk_number(talk_list_version(&t));
	watch = watch_vmis(&t, talk_format(&t, "%llu", now + FUTURE), "timeoutSeconds=2");
	talk_given_vmi(&t, "a", NULL);
	talk_expect_end(&t, watch);
}
END_TEST

START_TEST(a_watch_without_a_version_begins_with_what_is_there)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	watch = talk_watch(&t, talk_format(&t, "%s?watch=1&timeoutSeconds=60", talk_vmis(&t)));
	talk_expect_event(&t, watch, "ADDED", "a");
	talk_given_vmi(&t, "b", NULL);
	talk_expect_event(&t, watch, "ADDED", "b");
}
END_TEST

/* A streaming list of the case's VMIs (LST-9). */
static struct api_watch *stream_vmis(struct talk *t, const char *more)
{
	return talk_watch(t, talk_format(t,
					 "%s?watch=1&allowWatchBookmarks=true&sendInitialEvents=true"
					 "&resourceVersionMatch=NotOlderThan&timeoutSeconds=60%s",
					 talk_vmis(t), more));
}

/* The next frame, the end mark of a streaming list. */
static const json_t *expect_end_mark(struct talk *t, struct api_watch *watch)
{
	const json_t *frame = talk_event(t, watch);
	const json_t *object = json_object_get(frame, "object");
	const json_t *notes = json_object_get(json_object_get(object, "metadata"), "annotations");

	ck_assert_str_eq(api_text(frame, "type"), "BOOKMARK");
	ck_assert_str_eq(api_text(object, "kind"), "VirtualMachineInstance");
	ck_assert_ptr_nonnull(notes);
	ck_assert_str_eq(json_string_value(json_object_get(notes, "k8s.io/initial-events-end")), "true");
	return object;
}

START_TEST(a_streaming_list_shows_all_then_its_end_mark_then_what_changes)
{
	static const char *const from[] = {"", "&resourceVersion="};

	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		AUTO_TALK struct talk t;
		AUTO_WATCH struct api_watch *watch = NULL;
		const json_t *mark;
		unsigned long long last;

		talk_open(&t);
		talk_given_vmi(&t, "a", NULL);
		talk_given_vmi(&t, "b", "{'phase':'Pending','VSOCKCID':77}");
		talk_given_vmi(&t, "gone", NULL);
		talk_delete(&t, talk_vmi(&t, "gone"));
		last = talk_number(talk_list_version(&t));
		talk_merge_patch(&t, talk_vmi(&t, "a"), "{'status':{'phase':'Pending'}}");
		watch = stream_vmis(&t, from[i]);
		talk_expect_event(&t, watch, "ADDED", "a");
		talk_expect_event(&t, watch, "ADDED", "b");
		mark = expect_end_mark(&t, watch);
		ck_assert_uint_gt(version_of(mark), last);
		talk_given_vmi(&t, "c", NULL);
		ck_assert_uint_gt(talk_number(talk_version(&t, "c")), version_of(mark));
		talk_expect_event(&t, watch, "ADDED", "c");
	}
}
END_TEST

START_TEST(a_streaming_list_of_nothing_is_an_end_mark)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;

	talk_open(&t);
	watch = stream_vmis(&t, "");
	ck_assert_uint_gt(version_of(expect_end_mark(&t, watch)), 0);
	talk_given_vmi(&t, "a", NULL);
	talk_expect_event(&t, watch, "ADDED", "a");
}
END_TEST

START_TEST(without_bookmarks_a_streaming_list_has_no_end_mark)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	watch = talk_watch(&t,
			   talk_format(&t,
				       "%s?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
				       "&timeoutSeconds=60",
				       talk_vmis(&t)));
	talk_expect_event(&t, watch, "ADDED", "a");
	talk_given_vmi(&t, "b", NULL);
	talk_expect_event(&t, watch, "ADDED", "b");
}
END_TEST

START_TEST(senseless_watches_are_refused_by_http_code)
{
	static const struct {
		const char *query;
		int code;
	} rows[] = {
		{"resourceVersion=abc", 500},
		{"resourceVersion=1&resourceVersionMatch=Exact", 422},
		{"resourceVersion=1&fieldSelector=status.phase%3DRunning", 400},
		{"sendInitialEvents=true", 422},
		{"sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=1", 422},
	};
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		talk_get(&t, talk_format(&t, "%s?watch=1&timeoutSeconds=2&%s", talk_vmis(&t), rows[i].query));
		MISS_UNLESS(&t, t.answer.status == rows[i].code, "%s", talk_last(&t));
		MISS_UNLESS(&t, strcmp(talk_text(&t, "kind"), "Status") == 0, "%s", talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(two_watches_see_the_same_events)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *first = NULL;
	AUTO_WATCH struct api_watch *second = NULL;
	const char *version;

	talk_open(&t);
	version = talk_list_version(&t);
	first = watch_vmis(&t, version, "timeoutSeconds=60");
	second = watch_vmis(&t, version, "timeoutSeconds=60");
	for (int i = 0; i < 30; i++)
		talk_given_vmi(&t, talk_format(&t, "vmi-%d", i), NULL);
	for (int i = 0; i < 30; i++) {
		const char *name = talk_format(&t, "vmi-%d", i);
		const json_t *event = talk_expect_event(&t, first, "ADDED", name);

		ck_assert(json_equal(event, talk_expect_event(&t, second, "ADDED", name)));
	}
}
END_TEST

void watches_cases(struct cases *c)
{
	const TTest *const tests[] = {
		a_watch_from_a_list_sees_every_later_change_in_order,
		deleted_carries_the_last_state_and_the_version_of_the_deletion,
		a_watch_from_an_old_version_replays_what_came_after,
		a_change_that_changes_nothing_makes_no_event,
		an_object_made_again_between_two_looks_is_two_events,
		with_a_finalizer_the_deletion_is_first_a_change,
		a_watch_sees_its_namespace_or_all,
		a_field_selector_on_the_name_watches_one,
		bookmarks_come_before_the_deadline_to_those_who_ask,
		a_watch_goes_on_from_a_bookmark,
		a_watch_ends_in_order_after_timeout_seconds,
		a_version_the_server_has_forgotten_is_a_410_inside_the_stream,
		a_watch_from_the_future_is_silent,
		a_watch_without_a_version_begins_with_what_is_there,
		a_streaming_list_shows_all_then_its_end_mark_then_what_changes,
		a_streaming_list_of_nothing_is_an_end_mark,
		without_bookmarks_a_streaming_list_has_no_end_mark,
		senseless_watches_are_refused_by_http_code,
		two_watches_see_the_same_events,
	};

	cases_add(c, tests, ARRAY_LEN(tests));
}
