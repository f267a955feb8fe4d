#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/list_reader.h"
#include "kube/watch_reader.h"
#include "support/suite.h"
#include "test_reflector_seen.h"

/* A list reader and a watch reader that share one handler, as in a reflector. */
struct fixture {
	struct seen seen;
	struct reflector_object object;
	struct list_reader *list;
	struct watch_reader *watch;
	struct error err;
	char moved[1024]; /* the resourceVersions that the watch reported, separated by commas */
	int stop_after;   /* words, 0 = never */
};

static void on_moved(void *data, const char *rv)
{
	struct fixture *fx = data;
	size_t used = strlen(fx->moved);

	(void)snprintf(fx->moved + used, sizeof(fx->moved) - used, "%s,", rv);
}

static void on_word(void *data, const char *word)
{
	struct fixture *fx = data;

	(void)word;
	if (fx->stop_after > 0 && --fx->stop_after == 0) {
		fx->object.stopped = true;
		fx->seen.closed = true;
	}
}

static void setup(struct fixture *fx, uint64_t max_frame)
{
	*fx = (struct fixture){0};
	seen_init(&fx->seen);
	fx->seen.on_word = on_word;
	fx->seen.data = fx;
	fx->object = (struct reflector_object){.fields = seen_fields,
					       .field_count = SEEN_FIELDS,
					       .handler = &seen_handler,
					       .data = &fx->seen};
	ck_assert_int_eq(list_reader_create(&fx->list, &fx->object, 1024, &fx->err), 0);
	ck_assert_int_eq(watch_reader_create(&fx->watch,
					     &(struct watch_reader_options){.object = &fx->object,
									    .max_text = 1024,
									    .max_frame = max_frame,
									    .moved = on_moved,
									    .data = fx},
					     &fx->err),
			 0);
}

static void teardown(struct fixture *fx)
{
	list_reader_free(fx->list);
	watch_reader_free(fx->watch);
	seen_free(&fx->seen);
}

/* Reads @text as a list, @step bytes at a time (0: all at once), end included. */
static int read_list_in_steps(struct fixture *fx, const char *text, size_t step)
{
	size_t len = strlen(text);
	int rc = 0;

	buf_reset(&fx->seen.text);
	list_reader_reset(fx->list);
	if (step == 0)
		step = len;
	for (size_t at = 0; at < len && rc == 0; at += step)
		rc = list_reader_feed(fx->list, text + at, len - at < step ? len - at : step, &fx->err);
	return rc != 0 ? rc : list_reader_end(fx->list, &fx->err);
}

static int read_list(struct fixture *fx, const char *text)
{
	return read_list_in_steps(fx, text, 0);
}

static int read_watch_in_steps(struct fixture *fx, const char *text, size_t step)
{
	size_t len = strlen(text);
	int rc = 0;

	buf_reset(&fx->seen.text);
	fx->moved[0] = '\0';
	watch_reader_reset(fx->watch, false);
	if (step == 0)
		step = len;
	for (size_t at = 0; at < len && rc == 0; at += step)
		rc = watch_reader_feed(fx->watch, text + at, len - at < step ? len - at : step, &fx->err);
	return rc;
}

static int read_watch(struct fixture *fx, const char *text)
{
	return read_watch_in_steps(fx, text, 0);
}

#define ITEM(name, rv)      "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" rv "\"}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"

START_TEST(a_lists_metadata_may_stand_before_or_after_its_items)
{
	struct fixture fx;

	setup(&fx, 0);
	ck_assert_int_eq(read_list(&fx, "{\"metadata\":{\"continue\":\"t+/"
					"=\",\"resourceVersion\":\"9\"},\"items\":[" ITEM("a", "5") "," ITEM(
						"b", "6") "]}"),
			 0);
	assert_seen(&fx.seen, "L:a@5 L:b@6");
	ck_assert_str_eq(list_reader_rv(fx.list), "9");
	ck_assert_str_eq(list_reader_continue(fx.list), "t+/=");
	ck_assert_uint_eq(list_reader_count(fx.list), 2);
	ck_assert_int_eq(read_list(&fx, "{\"kind\":\"XList\",\"items\":[" ITEM(
						"c", "7") "],\"metadata\":{\"resourceVersion\":\"10\"}}"),
			 0);
	assert_seen(&fx.seen, "L:c@7");
	ck_assert_str_eq(list_reader_rv(fx.list), "10");
	ck_assert_str_eq(list_reader_continue(fx.list), "");
	ck_assert_uint_eq(list_reader_count(fx.list), 1);
	teardown(&fx);
}
END_TEST

START_TEST(an_empty_list_is_an_array_or_null)
{
	struct fixture fx;

	setup(&fx, 0);
	ck_assert_int_eq(read_list(&fx, "{\"items\":[],\"metadata\":{\"resourceVersion\":\"1\"}}"), 0);
	ck_assert_int_eq(read_list(&fx, "{\"items\":null,\"metadata\":{\"resourceVersion\":\"1\"}}"), 0);
	assert_seen(&fx.seen, "");
	ck_assert_uint_eq(list_reader_count(fx.list), 0);
	teardown(&fx);
}
END_TEST

START_TEST(what_is_no_list_is_refused)
{
	static const char *const bodies[] = {
		"{}",
		"[]",
		"null",
		"{\"metadata\":{\"resourceVersion\":\"1\"}}",
		"{\"kind\":\"Table\",\"rows\":[],\"metadata\":{\"resourceVersion\":\"1\"}}",
		"{\"items\":{},\"metadata\":{\"resourceVersion\":\"1\"}}",
		"{\"items\":\"\",\"metadata\":{\"resourceVersion\":\"1\"}}",
		"{\"items\":[]}",
		"{\"items\":[],\"metadata\":{\"resourceVersion\":\"\"}}",
		"{\"items\":[],\"metadata\":{\"resourceVersion\":\"0\"}}",
		"{\"items\":[],\"metadata\":{\"resourceVersion\":7}}",
		"{\"items\":[],\"metadata\":{\"resourceVersion\":\"1\"}}{\"items\":[]}",
		"{\"items\":[],\"metadata\":{\"resourceVersion\":\"1\"}}x",
		"<html>",
		"",
	};
	struct fixture fx;

	setup(&fx, 0);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		/* What a whole list before it has left must not help. */
		ck_assert_int_eq(read_list(&fx, "{\"items\":[],\"metadata\":{\"resourceVersion\":\"1\"}}"),
				 0);
		fx.err = (struct error){0};
		ck_assert_msg(read_list(&fx, bodies[i]) == -EBADMSG, "%s", bodies[i]);
		ck_assert_msg(fx.err.message[0] != '\0', "%s", bodies[i]);
	}
	teardown(&fx);
}
END_TEST

START_TEST(a_list_that_is_cut_anywhere_is_no_list)
{
	static const char whole[] = "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" ITEM(
		"a", "5") "," ITEM("b", "6") "]}";
	char body[sizeof(whole)];
	struct fixture fx;

	setup(&fx, 0);
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		memcpy(body, whole, len);
		body[len] = '\0';
		ck_assert_msg(read_list(&fx, body) == -EBADMSG, "%s", body);
	}
	ck_assert_int_eq(read_list(&fx, whole), 0);
	teardown(&fx);
}
END_TEST

START_TEST(a_list_reads_the_same_in_chunks_of_any_size)
{
	static const char body[] =
		"{\"metadata\":{\"resourceVersion\":\"9\",\"continue\":\"xyz\"},\"items\":[" ITEM(
			"a", "5") ",{\"metadata\":{\"labels\":{\"l\":\"q\"},\"name\":\"b\"}}]}";
	struct fixture fx;

	setup(&fx, 0);
	for (size_t step = 1; step < sizeof(body); step++) {
		ck_assert_int_eq(read_list_in_steps(&fx, body, step), 0);
		assert_seen(&fx.seen, "L:a@5 L:b/q@");
		ck_assert_str_eq(list_reader_rv(fx.list), "9");
		ck_assert_str_eq(list_reader_continue(fx.list), "xyz");
	}
	teardown(&fx);
}
END_TEST

START_TEST(an_item_that_is_no_object_is_one_that_cannot_be_read)
{
	struct fixture fx;

	setup(&fx, 0);
	ck_assert_int_eq(read_list(&fx, "{\"items\":[null,7,\"x\",[[1]]," ITEM(
						"a", "5") "],\"metadata\":{\"resourceVersion\":\"9\"}}"),
			 0);
	assert_seen(&fx.seen, "L:?@ L:?@ L:?@ L:?@ L:a@5");
	ck_assert_uint_eq(list_reader_count(fx.list), 5);
	teardown(&fx);
}
END_TEST

START_TEST(a_continue_token_is_kept_whole_or_refused)
{
	char body[8192];
	char token[REFLECTOR_OBJECT_MIN_TEXT + 2];
	struct fixture fx;

	setup(&fx, 0);
	memset(token, 't', sizeof(token));
	token[REFLECTOR_OBJECT_MIN_TEXT] = '\0';
	(void)snprintf(body, sizeof(body),
		       "{\"items\":[],\"metadata\":{\"resourceVersion\":\"1\",\"continue\":\"%s\"}}", token);
	ck_assert_int_eq(read_list(&fx, body), 0);
	ck_assert_str_eq(list_reader_continue(fx.list), token);
	token[REFLECTOR_OBJECT_MIN_TEXT] = 't';
	token[REFLECTOR_OBJECT_MIN_TEXT + 1] = '\0';
	(void)snprintf(body, sizeof(body),
		       "{\"items\":[],\"metadata\":{\"resourceVersion\":\"1\",\"continue\":\"%s\"}}", token);
	ck_assert_int_eq(read_list(&fx, body), -EBADMSG);
	ck_assert_int_eq(read_list(&fx, "{\"items\":[],\"metadata\":{\"resourceVersion\":\"1\","
					"\"continue\":\"a\\u0000b\"}}"),
			 -EBADMSG);
	teardown(&fx);
}
END_TEST

START_TEST(an_objects_resourceVersion_is_its_own_or_none)
{
	struct fixture fx;

	setup(&fx, 0);
	ck_assert_int_eq(
		read_list(&fx, "{\"items\":[" ITEM(
				       "a", "5") ",{\"metadata\":{\"name\":\"b\"}},"
						 "{\"metadata\":{\"name\":\"c\",\"resourceVersion\":6}},"
						 "{\"metadata\":{\"name\":\"d\",\"resourceVersion\":"
						 "\"6\\u00007\"}},"
						 "{\"metadata\":{\"name\":\"e\",\"resourceVersion\":\""
						 "12345678901234567890123456789012345678901234567890123456"
						 "78901234\"}}],"
						 "\"metadata\":{\"resourceVersion\":\"9\"}}"),
		0);
	assert_seen(&fx.seen, "L:a@5 L:b@ L:c@ L:d@ L:e@");
	teardown(&fx);
}
END_TEST

START_TEST(a_muted_object_passes_unseen)
{
	struct fixture fx;

	setup(&fx, 0);
	fx.object.muted = true;
	ck_assert_int_eq(
		read_list(&fx, "{\"items\":[" ITEM("a", "5") "],\"metadata\":{\"resourceVersion\":\"9\"}}"),
		0);
	assert_seen(&fx.seen, "");
	ck_assert_str_eq(list_reader_rv(fx.list), "9");
	teardown(&fx);
}
END_TEST

START_TEST(nothing_is_told_after_a_stop_within_a_chunk)
{
	struct fixture fx;

	setup(&fx, 0);
	fx.stop_after = 2;
	ck_assert_int_eq(read_list(&fx, "{\"items\":[" ITEM("a", "5") "," ITEM("b", "6") "," ITEM(
						"c", "7") "],\"metadata\":{\"resourceVersion\":\"9\"}}"),
			 -ECANCELED);
	assert_seen(&fx.seen, "L:a@5 L:b@6");
	teardown(&fx);
	setup(&fx, 0);
	fx.stop_after = 1;
	ck_assert_int_eq(read_watch(&fx, EVENT("ADDED", ITEM("a", "5")) EVENT("ADDED", ITEM("b", "6"))),
			 -ECANCELED);
	assert_seen(&fx.seen, "A:a@5");
	ck_assert_str_eq(fx.moved, "");
	teardown(&fx);
}
END_TEST

START_TEST(frames_are_values_not_lines)
{
	struct fixture fx;

	setup(&fx, 0);
	ck_assert_int_eq(read_watch(&fx,
				    EVENT("ADDED", ITEM("a", "5")) EVENT(
					    "MODIFIED",
					    ITEM("a", "6")) "\n\n"
							    "{ \"type\" :\r\n\"DELETED\",\n\"object\": " ITEM(
								    "a", "7") "\n}"),
			 0);
	assert_seen(&fx.seen, "A:a@5 M:a@6 D:a@7");
	ck_assert_str_eq(fx.moved, "5,6,7,");
	ck_assert(watch_reader_at_boundary(fx.watch));
	teardown(&fx);
}
END_TEST

START_TEST(a_frames_type_may_come_after_its_object)
{
	struct fixture fx;

	setup(&fx, 0);
	ck_assert_int_eq(
		read_watch(&fx, "{\"object\":" ITEM("a", "5") ",\"type\":\"DELETED\"}"
							      "{\"object\":" ITEM(
								      "b", "6") ",\"type\":\"BOOKMARK\"}"),
		0);
	assert_seen(&fx.seen, "D:a@5");
	ck_assert_str_eq(fx.moved, "5,6,");
	teardown(&fx);
}
END_TEST

START_TEST(an_event_counts_with_its_last_byte_and_not_before)
{
	static const char frame[] = EVENT("ADDED", ITEM("a", "5"));
	struct fixture fx;

	setup(&fx, 0);
	for (size_t i = 0; i < sizeof(frame) - 1; i++) {
		assert_seen(&fx.seen, "");
		ck_assert_str_eq(fx.moved, "");
		ck_assert_int_eq(watch_reader_at_boundary(fx.watch), i == 0);
		ck_assert_int_eq(watch_reader_feed(fx.watch, &frame[i], 1, &fx.err), 0);
	}
	assert_seen(&fx.seen, "A:a@5");
	ck_assert_str_eq(fx.moved, "5,");
	teardown(&fx);
}
END_TEST

START_TEST(a_watch_reads_the_same_in_chunks_of_any_size)
{
	static const char body[] = EVENT("ADDED", ITEM("a", "5")) "\n" EVENT(
		"BOOKMARK", ITEM("", "6")) "\n" EVENT("DELETED", ITEM("a", "7")) "\n";
	struct fixture fx;

	setup(&fx, 0);
	for (size_t step = 1; step < sizeof(body); step++) {
		ck_assert_int_eq(read_watch_in_steps(&fx, body, step), 0);
		assert_seen(&fx.seen, "A:a@5 D:a@7");
		ck_assert_str_eq(fx.moved, "5,6,7,");
	}
	teardown(&fx);
}
END_TEST

START_TEST(a_frame_that_is_no_event_is_refused)
{
	static const char *const frames[] = {
		"{}",
		"[1]",
		"7 ",
		"{\"type\":\"ADDED\"}",
		"{\"object\":{}}",
		"{\"type\":\"added\",\"object\":{}}",
		"{\"type\":\"SYNC\",\"object\":{}}",
		"{\"type\":\"ADDEDADDEDADDEDADDED\",\"object\":{}}",
		"{\"type\":\"ADDED\\u0000\",\"object\":{}}x",
		"{\"type\":7,\"object\":{}}",
		"{\"type\":\"BOOKMARK\"}",
		"<html>",
		"}",
	};
	struct fixture fx;

	setup(&fx, 0);
	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		fx.err = (struct error){0};
		ck_assert_msg(read_watch(&fx, frames[i]) == -EBADMSG, "%s", frames[i]);
		ck_assert_msg(fx.err.message[0] != '\0', "%s", frames[i]);
	}
	teardown(&fx);
}
END_TEST

START_TEST(the_words_of_one_frame_do_not_reach_into_the_next)
{
	struct fixture fx;

	setup(&fx, 0);
	ck_assert_int_eq(read_watch(&fx, EVENT("ADDED", ITEM("a", "5")) "{\"object\":" ITEM("b", "6") "}"),
			 -EBADMSG);
	assert_seen(&fx.seen, "A:a@5");
	ck_assert_int_eq(read_watch(&fx, EVENT("ADDED", ITEM("a", "5")) "{\"type\":\"ADDED\",\"object\":{}}"),
			 0);
	assert_seen(&fx.seen, "A:a@5 A:?@");
	ck_assert_str_eq(fx.moved, "5,,");
	teardown(&fx);
}
END_TEST

START_TEST(an_error_event_ends_the_watch_with_its_status)
{
	struct fixture fx;
	const struct kube_status *status;

	setup(&fx, 0);
	ck_assert_int_eq(
		read_watch(&fx, EVENT("ADDED", ITEM("a", "5")) EVENT(
					"ERROR",
					"{\"kind\":\"Status\",\"code\":429,\"reason\":\"TooManyRequests\","
					"\"message\":\"later\",\"details\":{\"retryAfterSeconds\":7}}")),
		WATCH_READER_ERROR_EVENT);
	assert_seen(&fx.seen, "A:a@5");
	ck_assert_str_eq(fx.moved, "5,");
	status = watch_reader_status(fx.watch);
	ck_assert_ptr_nonnull(status);
	ck_assert_int_eq(status->code, 429);
	ck_assert_str_eq(status->reason, "TooManyRequests");
	ck_assert_str_eq(status->message, "later");
	ck_assert_uint_eq(status->retry_after_s, 7);
	ck_assert_ptr_nonnull(strstr(fx.err.message, "later"));
	teardown(&fx);
}
END_TEST

START_TEST(an_error_event_may_hold_something_else_than_a_status)
{
	static const char *const frames[] = {
		EVENT("ERROR", "{\"kind\":\"Pod\",\"code\":410}"),
		EVENT("ERROR", "null"),
		EVENT("ERROR", "\"gone\""),
		"{\"type\":\"ERROR\"}",
		EVENT("ERROR", "{\"kind\":\"Status2\"}"),
	};
	struct fixture fx;

	setup(&fx, 0);
	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		ck_assert_msg(read_watch(&fx, frames[i]) == WATCH_READER_ERROR_EVENT, "%s", frames[i]);
		ck_assert_msg(watch_reader_status(fx.watch) == NULL, "%s", frames[i]);
	}
	teardown(&fx);
}
END_TEST

START_TEST(strange_numbers_in_a_status_are_harmless)
{
	struct fixture fx;

	setup(&fx, 0);
	ck_assert_int_eq(read_watch(&fx, EVENT("ERROR", "{\"kind\":\"Status\",\"code\":99999999999999999999,"
							"\"details\":{\"retryAfterSeconds\":-5}}")),
			 WATCH_READER_ERROR_EVENT);
	ck_assert_int_eq(watch_reader_status(fx.watch)->code, 999);
	ck_assert_uint_eq(watch_reader_status(fx.watch)->retry_after_s, 0);
	ck_assert_int_eq(
		read_watch(&fx, EVENT("ERROR", "{\"kind\":\"Status\",\"code\":4.1e2,"
					       "\"details\":{\"retryAfterSeconds\":99999999999999999999}}")),
		WATCH_READER_ERROR_EVENT);
	ck_assert_int_eq(watch_reader_status(fx.watch)->code, 0);
	ck_assert_uint_eq(watch_reader_status(fx.watch)->retry_after_s, UINT32_MAX);
	teardown(&fx);
}
END_TEST

START_TEST(a_frame_may_be_as_long_as_allowed_and_no_longer)
{
	static const char frame[] = EVENT("ADDED", ITEM("a", "5"));
	struct fixture fx;

	setup(&fx, sizeof(frame) - 1);
	ck_assert_int_eq(read_watch(&fx, EVENT("ADDED", ITEM("a", "5")) EVENT("ADDED", ITEM("b", "6"))), 0);
	ck_assert_int_eq(read_watch(&fx, EVENT("ADDED", ITEM("ab", "5"))), -EMSGSIZE);
	assert_seen(&fx.seen, "");
	teardown(&fx);
}
END_TEST

START_TEST(a_path_that_is_wanted_twice_is_refused)
{
	static const char *const rv_path[] = {"metadata", "resourceVersion", NULL};
	static const char *const kind_path[] = {"kind", NULL};
	static const char *const object_path[] = {NULL};
	const char *const *const taken[] = {rv_path, object_path, kind_path};
	struct fixture fx;

	setup(&fx, 0);
	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		const struct json_field field = {0, taken[i]};
		struct reflector_object object = {
			.fields = &field, .field_count = 1, .handler = &seen_handler};
		struct watch_reader_options options = {.object = &object, .max_text = 1024};
		struct watch_reader *wr = NULL;

		ck_assert_int_eq(watch_reader_create(&wr, &options, &fx.err), -EINVAL);
		ck_assert_ptr_null(wr);
	}
	teardown(&fx);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_lists_metadata_may_stand_before_or_after_its_items,
		an_empty_list_is_an_array_or_null,
		what_is_no_list_is_refused,
		a_list_that_is_cut_anywhere_is_no_list,
		a_list_reads_the_same_in_chunks_of_any_size,
		an_item_that_is_no_object_is_one_that_cannot_be_read,
		a_continue_token_is_kept_whole_or_refused,
		an_objects_resourceVersion_is_its_own_or_none,
		a_muted_object_passes_unseen,
		nothing_is_told_after_a_stop_within_a_chunk,
		frames_are_values_not_lines,
		a_frames_type_may_come_after_its_object,
		an_event_counts_with_its_last_byte_and_not_before,
		a_watch_reads_the_same_in_chunks_of_any_size,
		a_frame_that_is_no_event_is_refused,
		the_words_of_one_frame_do_not_reach_into_the_next,
		an_error_event_ends_the_watch_with_its_status,
		an_error_event_may_hold_something_else_than_a_status,
		strange_numbers_in_a_status_are_harmless,
		a_frame_may_be_as_long_as_allowed_and_no_longer,
		a_path_that_is_wanted_twice_is_refused,
	};

	return suite_run("reflector_readers", tests, ARRAY_LEN(tests));
}
