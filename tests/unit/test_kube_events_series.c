#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "kube/events_text.h"
#include "support/suite.h"

#define WALL_US 1700000000123456u

static struct events_table table;
static struct events_limit limit;
static uint64_t now_ms;

static struct kube_event an_event(void)
{
	return (struct kube_event){
		.namespace = "tenant",
		.kind = "VirtualMachineInstance",
		.api_version = "kubevirt.io/v1",
		.name = "vm-1",
		.uid = "4b1c",
		.reason = "FailedAssignCID",
		.message = "no CID is free",
		.warning = true,
	};
}

static void given_table(void)
{
	static struct rng rng;

	rng_init_seeded(&rng, 1);
	events_table_init(&table, &rng);
	now_ms = 1000;
}

static int add(const struct kube_event *e)
{
	return events_table_add(&table, e, now_ms, WALL_US);
}

static struct events_series *added(const struct kube_event *e)
{
	struct events_series *s;

	ck_assert_int_eq(add(e), 0);
	s = events_table_take(&table);
	ck_assert_ptr_nonnull(s);
	return s;
}

static json_t *parsed(int rc, const struct buf *text)
{
	json_error_t why;
	json_t *object;

	ck_assert_int_eq(rc, 0);
	object = json_loads(buf_str(text), 0, &why);
	ck_assert_msg(object != NULL, "%s: %s", why.text, buf_str(text));
	return object;
}

/* --- texts --- */

START_TEST(an_event_has_what_kubectl_shows)
{
	struct kube_event e = an_event();
	struct events_series *s;
	AUTO_BUF struct buf text;
	json_t *object;
	json_t *expected;

	given_table();
	buf_init(&text, EVENTS_TEXT_MAX);
	s = added(&e);
	ck_assert_str_eq(s->name, "vm-1.17979cfe3d85ca00");
	object = parsed(events_text_create(&text, s, "vsock-cid-controller", "host_1"), &text);
	expected =
		json_loads("{\"apiVersion\":\"v1\",\"kind\":\"Event\","
			   "\"metadata\":{\"name\":\"vm-1.17979cfe3d85ca00\",\"namespace\":\"tenant\"},"
			   "\"involvedObject\":{\"kind\":\"VirtualMachineInstance\",\"namespace\":\"tenant\","
			   "\"name\":\"vm-1\",\"uid\":\"4b1c\",\"apiVersion\":\"kubevirt.io/v1\"},"
			   "\"reason\":\"FailedAssignCID\",\"message\":\"no CID is free\","
			   "\"source\":{\"component\":\"vsock-cid-controller\"},"
			   "\"reportingComponent\":\"vsock-cid-controller\",\"reportingInstance\":\"host_1\","
			   "\"firstTimestamp\":\"2023-11-14T22:13:20Z\",\"lastTimestamp\":\"2023-11-14T22:13:"
			   "20Z\","
			   "\"count\":1,\"type\":\"Warning\"}",
			   0, NULL);
	ck_assert_ptr_nonnull(expected);
	ck_assert_msg(json_equal(object, expected) == 1, "%s", buf_str(&text));
	json_decref(object);
	json_decref(expected);
	buf_reset(&text);
	ck_assert_int_eq(events_text_path(&text, s, false), 0);
	ck_assert_str_eq(buf_str(&text), "/api/v1/namespaces/tenant/events");
	buf_reset(&text);
	ck_assert_int_eq(events_text_path(&text, s, true), 0);
	ck_assert_str_eq(buf_str(&text), "/api/v1/namespaces/tenant/events/vm-1.17979cfe3d85ca00");
	events_table_free(&table);
}
END_TEST

START_TEST(a_count_is_raised_by_a_patch)
{
	struct kube_event e = an_event();
	struct events_series *s;
	AUTO_BUF struct buf text;

	given_table();
	buf_init(&text, EVENTS_TEXT_MAX);
	s = added(&e);
	events_table_told(&table, s, 1);
	ck_assert_int_eq(events_table_add(&table, &e, now_ms, WALL_US + 60000000), 0);
	ck_assert_int_eq(events_text_patch(&text, s), 0);
	ck_assert_str_eq(buf_str(&text), "{\"count\":2,\"lastTimestamp\":\"2023-11-14T22:14:20Z\"}");
	events_table_free(&table);
}
END_TEST

START_TEST(an_object_without_a_namespace_has_its_event_in_default)
{
	struct kube_event e = an_event();
	struct events_series *s;
	AUTO_BUF struct buf text;
	json_t *object;

	given_table();
	buf_init(&text, EVENTS_TEXT_MAX);
	e.namespace = "";
	e.warning = false;
	s = added(&e);
	object = parsed(events_text_create(&text, s, "c", "i"), &text);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(object, "metadata"), "namespace")),
			 "default");
	ck_assert_ptr_null(json_object_get(json_object_get(object, "involvedObject"), "namespace"));
	ck_assert_str_eq(json_string_value(json_object_get(object, "type")), "Normal");
	json_decref(object);
	buf_reset(&text);
	ck_assert_int_eq(events_text_path(&text, s, false), 0);
	ck_assert_str_eq(buf_str(&text), "/api/v1/namespaces/default/events");
	events_table_free(&table);
}
END_TEST

START_TEST(a_long_message_is_cut_between_characters)
{
	struct kube_event e = an_event();
	char message[EVENTS_MESSAGE_MAX + 100];
	struct events_series *s;

	given_table();
	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	memcpy(message + EVENTS_MESSAGE_MAX - 1, "\xe2\x82\xac", 3);
	e.message = message;
	s = added(&e);
	ck_assert_uint_eq(strlen(s->event.message), EVENTS_MESSAGE_MAX - 1);
	e.message = "a\xff\xe2\x82\xac\xe2\x82";
	s = added(&e);
	ck_assert_str_eq(s->event.message, "a?\xe2\x82\xac??");
	events_table_free(&table);
}
END_TEST

START_TEST(every_text_becomes_valid_json)
{
	struct kube_event e = an_event();
	char message[EVENTS_MESSAGE_MAX + 1];
	struct events_series *s;
	AUTO_BUF struct buf text;

	given_table();
	buf_init(&text, EVENTS_TEXT_MAX);
	for (size_t i = 0; i < EVENTS_MESSAGE_MAX; i++)
		message[i] = (char)(i % 255 + 1);
	message[EVENTS_MESSAGE_MAX] = '\0';
	e.message = message;
	e.name = message;
	s = added(&e);
	json_decref(parsed(events_text_create(&text, s, "a\"b", "c\\d"), &text));
	memset(message, '\x01', EVENTS_MESSAGE_MAX);
	s = added(&e);
	buf_reset(&text);
	json_decref(parsed(events_text_create(&text, s, "c", "i"), &text));
	events_table_free(&table);
}
END_TEST

START_TEST(a_name_that_does_not_fit_is_a_uuid)
{
	char longest[EVENTS_NAME_MAX + 1];
	struct kube_event e = an_event();
	const char *const names[] = {longest, "", "UPPER", "a_b", "a..b", "-a", "a/../b", "a-"};
	unsigned int a;
	unsigned int b;
	struct events_series *s;
	int n = 0;

	given_table();
	memset(longest, 'a', EVENTS_NAME_MAX);
	longest[EVENTS_NAME_MAX] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		e.name = names[i];
		s = added(&e);
		ck_assert_msg(sscanf(s->name, "%8x-%4x-4%*3x-%*4x-%*12x%n", &a, &b, &n) == 2 && n == 36 &&
				      s->name[36] == '\0',
			      "%s -> %s", names[i], s->name);
	}
	e.name = "a.b-c.9";
	s = added(&e);
	ck_assert_int_eq(strncmp(s->name, "a.b-c.9.", 8), 0);
	events_table_free(&table);
}
END_TEST

START_TEST(a_namespace_that_would_change_the_path_is_refused)
{
	static const char *const wrong[] = {"a/b", "..", "a%2fb", "A", "a?b"};
	struct kube_event e = an_event();

	given_table();
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		e.namespace = wrong[i];
		ck_assert_int_eq(add(&e), -EINVAL);
	}
	ck_assert_ptr_null(events_table_take(&table));
	events_table_free(&table);
}
END_TEST

/* --- series --- */

START_TEST(the_same_event_is_counted_and_another_is_not)
{
	struct kube_event e = an_event();
	struct events_series *first;
	struct events_series *other;

	given_table();
	ck_assert_int_eq(add(&e), 0);
	ck_assert_int_eq(add(&e), 0);
	first = events_table_take(&table);
	ck_assert_uint_eq(first->count, 2);
	ck_assert_ptr_null(events_table_take(&table)); /* it waited once */
	e.message = "another";
	other = added(&e);
	ck_assert_ptr_ne(first, other);
	ck_assert_str_ne(first->name, other->name);
	e = an_event();
	e.uid = "new object of the same name";
	ck_assert_ptr_ne(added(&e), first);
	e = an_event();
	e.warning = false;
	ck_assert_ptr_ne(added(&e), first);
	/* No two lists of words run into one. */
	e = an_event();
	e.uid = "4b1cFailed";
	e.reason = "AssignCID";
	ck_assert_ptr_ne(added(&e), first);
	events_table_free(&table);
}
END_TEST

START_TEST(what_happens_while_it_is_told_is_told_next)
{
	struct kube_event e = an_event();
	struct events_series *s;

	given_table();
	s = added(&e);
	ck_assert_int_eq(add(&e), 0);
	ck_assert_int_eq(add(&e), 0);
	ck_assert_ptr_null(events_table_take(&table)); /* never twice in flight */
	events_table_told(&table, s, 1);
	ck_assert_ptr_eq(events_table_take(&table), s);
	ck_assert_uint_eq(s->count, 3);
	ck_assert_uint_eq(s->told, 1);
	events_table_told(&table, s, 3);
	ck_assert_ptr_null(events_table_take(&table));
	events_table_free(&table);
}
END_TEST

START_TEST(after_the_window_it_is_a_new_event)
{
	struct kube_event e = an_event();
	struct events_series *s;
	char name[EVENTS_NAME_MAX + 1];

	given_table();
	s = added(&e);
	(void)snprintf(name, sizeof(name), "%s", s->name);
	events_table_told(&table, s, 1);
	now_ms += EVENTS_SERIES_WINDOW_MS;
	s = added(&e);
	ck_assert_uint_eq(s->count, 2);
	events_table_told(&table, s, 2);
	now_ms += EVENTS_SERIES_WINDOW_MS + 1;
	s = added(&e);
	ck_assert_uint_eq(s->count, 1);
	ck_assert_uint_eq(s->told, 0);
	ck_assert_str_ne(s->name, name);
	events_table_free(&table);
}
END_TEST

START_TEST(the_queue_and_what_is_remembered_have_their_bounds)
{
	struct kube_event e = an_event();
	struct events_series *s;
	char uid[32];

	given_table();
	e.uid = uid;
	for (int i = 0; i < EVENTS_QUEUE_MAX; i++) {
		(void)snprintf(uid, sizeof(uid), "uid-%d", i);
		ck_assert_int_eq(add(&e), 0);
	}
	ck_assert_int_eq(add(&e), 0); /* it waits already */
	(void)snprintf(uid, sizeof(uid), "one more");
	ck_assert_int_eq(add(&e), -ENOBUFS);
	for (int i = 0; i < EVENTS_QUEUE_MAX; i++)
		events_table_told(&table, events_table_take(&table), i == EVENTS_QUEUE_MAX - 1 ? 2 : 1);
	for (int i = 0; i < 5 * EVENTS_SERIES_MAX; i++) {
		(void)snprintf(uid, sizeof(uid), "later-%d", i);
		s = added(&e);
		events_table_told(&table, s, 1);
		ck_assert_uint_le(table.count, EVENTS_SERIES_MAX);
	}
	/* The last ones are known, the first are not. */
	ck_assert_uint_eq(added(&e)->count, 2);
	(void)snprintf(uid, sizeof(uid), "uid-5");
	ck_assert_uint_eq(added(&e)->count, 1);
	events_table_free(&table);
}
END_TEST

START_TEST(a_series_in_flight_is_never_forgotten)
{
	struct kube_event e = an_event();
	struct events_series *flying;
	char uid[32];

	given_table();
	flying = added(&e);
	e.uid = uid;
	for (int i = 0; i < 2 * EVENTS_SERIES_MAX; i++) {
		(void)snprintf(uid, sizeof(uid), "uid-%d", i);
		events_table_told(&table, added(&e), 1);
	}
	ck_assert_int_eq(flying->state, EVENTS_FLYING);
	ck_assert_str_eq(flying->event.uid, "4b1c");
	events_table_forget(&table, flying);
	e = an_event();
	ck_assert_uint_eq(added(&e)->count, 1);
	events_table_free(&table);
}
END_TEST

/* --- limit --- */

static unsigned int admitted(const char *object, unsigned int tries)
{
	unsigned char key[EVENTS_KEY_SIZE] = {0};
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(key) && object[i] != '\0'; i++)
		key[i] = (unsigned char)object[i];
	while (tries-- > 0)
		n += events_limit_admit(&limit, key, now_ms);
	return n;
}

START_TEST(an_object_has_25_events_and_then_one_in_5_minutes)
{
	now_ms = 77;
	ck_assert_int_eq(events_limit_init(&limit), 0);
	ck_assert_uint_eq(admitted("a", 100), EVENTS_LIMIT_BURST);
	ck_assert_uint_eq(admitted("b", 1), 1);
	now_ms += EVENTS_LIMIT_EACH_MS - 1;
	ck_assert_uint_eq(admitted("a", 100), 0);
	now_ms += 1;
	ck_assert_uint_eq(admitted("a", 100), 1);
	now_ms += 3 * EVENTS_LIMIT_EACH_MS;
	ck_assert_uint_eq(admitted("a", 100), 3);
	now_ms += (uint64_t)1000 * EVENTS_LIMIT_EACH_MS;
	ck_assert_uint_eq(admitted("a", 100), EVENTS_LIMIT_BURST);
	events_limit_free(&limit);
}
END_TEST

START_TEST(the_objects_seen_last_are_remembered)
{
	char object[16];

	now_ms = 0;
	ck_assert_int_eq(events_limit_init(&limit), 0);
	ck_assert_uint_eq(admitted("kept", 100), EVENTS_LIMIT_BURST);
	for (int i = 0; i < 3 * EVENTS_LIMIT_OBJECTS; i++) {
		(void)snprintf(object, sizeof(object), "o%d", i);
		ck_assert_uint_eq(admitted(object, 1), 1);
		ck_assert_uint_eq(admitted("kept", 1), 0);
	}
	ck_assert_uint_eq(limit.len, EVENTS_LIMIT_OBJECTS);
	ck_assert_uint_eq(admitted(object, 100), EVENTS_LIMIT_BURST - 1);
	ck_assert_uint_eq(admitted("o0", 100), EVENTS_LIMIT_BURST);
	events_limit_free(&limit);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_event_has_what_kubectl_shows,
		a_count_is_raised_by_a_patch,
		an_object_without_a_namespace_has_its_event_in_default,
		a_long_message_is_cut_between_characters,
		every_text_becomes_valid_json,
		a_name_that_does_not_fit_is_a_uuid,
		a_namespace_that_would_change_the_path_is_refused,
		the_same_event_is_counted_and_another_is_not,
		what_happens_while_it_is_told_is_told_next,
		after_the_window_it_is_a_new_event,
		the_queue_and_what_is_remembered_have_their_bounds,
		a_series_in_flight_is_never_forgotten,
		an_object_has_25_events_and_then_one_in_5_minutes,
		the_objects_seen_last_are_remembered,
	};

	return suite_run("kube_events_series", tests, ARRAY_LEN(tests));
}
