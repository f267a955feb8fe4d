/* Leases: the compare-and-swap that gives a process its term. */
#include <stdlib.h>
#include <string.h>

#include "contract/talk.h"

#define WRITERS 8

#define LEASE_TIMES "'acquireTime':'2026-01-01T00:00:00.000000Z','renewTime':'2026-01-01T00:00:01.234567Z'"

static const char *leases(struct talk *t)
{
	return talk_path(t, TALK_LEASES, "leases", NULL);
}

static const char *lease(struct talk *t, const char *name)
{
	return talk_path(t, TALK_LEASES, "leases", name);
}

/* A Lease with these members of metadata besides the name (with a comma before them), and this spec. */
static const char *lease_text(struct talk *t, const char *name, const char *metadata, const char *spec)
{
	return talk_format(t,
			   "{'apiVersion':'coordination.k8s.io/v1','kind':'Lease',"
			   "'metadata':{'name':'%s'%s},'spec':%s}",
			   name, metadata, spec);
}

static const char *term(struct talk *t, const char *holder, unsigned transitions)
{
	return talk_format(
		t, "{'holderIdentity':'%s','leaseDurationSeconds':15,'leaseTransitions':%u," LEASE_TIMES "}",
		holder, transitions);
}

static void given_lease(struct talk *t, const char *name)
{
	talk_post(t, leases(t), lease_text(t, name, "", term(t, "first", 7)));
	EXPECT(t, 201);
}

static const char *at_version(struct talk *t, const char *version)
{
	return talk_format(t, ",'resourceVersion':'%s'", version);
}

static json_int_t transitions(struct talk *t)
{
	return json_integer_value(api_member(t->answer.body, "spec.leaseTransitions"));
}

START_TEST(a_lease_comes_back_as_it_was_written)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_lease(&t, "a");
	EXPECT_TEXT(&t, "kind", "Lease");
	EXPECT_TEXT(&t, "apiVersion", "coordination.k8s.io/v1");
	talk_get(&t, lease(&t, "a"));
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "metadata.namespace", t.ns);
	EXPECT_TEXT(&t, "spec.holderIdentity", "first");
	EXPECT_TEXT(&t, "spec.acquireTime", "2026-01-01T00:00:00.000000Z");
	EXPECT_TEXT(&t, "spec.renewTime", "2026-01-01T00:00:01.234567Z");
	ck_assert_int_eq(transitions(&t), 7);
	ck_assert_int_eq(json_integer_value(api_member(t.answer.body, "spec.leaseDurationSeconds")), 15);
	ck_assert_ptr_null(api_member(t.answer.body, "metadata.generation"));
	talk_get(&t, lease(&t, "none"));
	EXPECT_REFUSAL(&t, 404, "NotFound");
	talk_post(&t, leases(&t), lease_text(&t, "a", "", "{}"));
	EXPECT_REFUSAL(&t, 409, "AlreadyExists");
}
END_TEST

START_TEST(a_put_with_the_version_read_is_a_compare_and_swap)
{
	AUTO_TALK struct talk t;
	const char *version;

	talk_open(&t);
	given_lease(&t, "a");
	version = at_version(&t, talk_text(&t, "metadata.resourceVersion"));
	talk_put(&t, lease(&t, "a"), lease_text(&t, "a", version, term(&t, "second", 8)));
	EXPECT(&t, 200);
	ck_assert_int_eq(transitions(&t), 8);
	talk_put(&t, lease(&t, "a"), lease_text(&t, "a", version, term(&t, "third", 8)));
	EXPECT_REFUSAL(&t, 409, "Conflict");
	talk_get(&t, lease(&t, "a"));
	EXPECT_TEXT(&t, "spec.holderIdentity", "second");
	talk_put(&t, lease(&t, "a"), lease_text(&t, "a", "", term(&t, "third", 9)));
	EXPECT_REFUSAL(&t, 422, "Invalid");
}
END_TEST

START_TEST(of_many_puts_of_one_version_exactly_one_wins)
{
	AUTO_TALK struct talk t;
	struct api_call calls[WRITERS] = {0};
	struct error err = {0};
	char *bodies[WRITERS];
	const char *version;
	unsigned won = 0;
	unsigned refused = 0;

	talk_open(&t);
	given_lease(&t, "a");
	version = at_version(&t, talk_text(&t, "metadata.resourceVersion"));
	for (unsigned i = 0; i < WRITERS; i++) {
		bodies[i] =
			strdup(lease_text(&t, "a", version, term(&t, talk_format(&t, "holder-%u", i), 8)));
		talk_quote(bodies[i]);
		calls[i] = (struct api_call){.method = "PUT", .path = lease(&t, "a"), .body = bodies[i]};
	}
	ck_assert_int_eq(api_parallel(t.api, calls, WRITERS, WRITERS, &err), 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		won += calls[i].answer.status == 200;
		refused += calls[i].answer.status == 409;
		api_answer_free(&calls[i].answer);
		free(bodies[i]);
	}
	ck_assert_uint_eq(won, 1);
	ck_assert_uint_eq(refused, WRITERS - 1);
}
END_TEST

/* So a PUT alone does not fence: whoever renews a Lease that somebody deleted makes a new one. */
START_TEST(a_put_of_a_missing_lease_creates_it_whatever_version_it_names)
{
	AUTO_TALK struct talk t;
	const char *uid;
	const char *version;

	talk_open(&t);
	given_lease(&t, "a");
	uid = talk_text(&t, "metadata.uid");
	version = at_version(&t, talk_text(&t, "metadata.resourceVersion"));
	talk_delete(&t, lease(&t, "a"));
	EXPECT(&t, 200);
	talk_put(&t, lease(&t, "a"), lease_text(&t, "a", version, term(&t, "first", 7)));
	EXPECT(&t, 201);
	ck_assert_str_ne(talk_text(&t, "metadata.uid"), uid);
}
END_TEST

START_TEST(a_put_with_the_uid_neither_creates_nor_takes_another_lease)
{
	AUTO_TALK struct talk t;
	const char *metadata;

	talk_open(&t);
	given_lease(&t, "a");
	metadata = talk_format(&t, ",'uid':'%s','resourceVersion':'%s'", talk_text(&t, "metadata.uid"),
			       talk_text(&t, "metadata.resourceVersion"));
	talk_delete(&t, lease(&t, "a"));
	EXPECT(&t, 200);
	talk_put(&t, lease(&t, "a"), lease_text(&t, "a", metadata, term(&t, "first", 7)));
	EXPECT_REFUSAL(&t, 409, "Conflict");
	talk_get(&t, lease(&t, "a"));
	EXPECT(&t, 404);
	given_lease(&t, "a");
	talk_put(&t, lease(&t, "a"), lease_text(&t, "a", metadata, term(&t, "first", 7)));
	EXPECT_REFUSAL(&t, 409, "Conflict");
}
END_TEST

START_TEST(an_unchanged_put_keeps_the_version)
{
	AUTO_TALK struct talk t;
	const char *version;

	talk_open(&t);
	given_lease(&t, "a");
	version = talk_text(&t, "metadata.resourceVersion");
	talk_put(&t, lease(&t, "a"), lease_text(&t, "a", at_version(&t, version), term(&t, "first", 7)));
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "metadata.resourceVersion", version);
}
END_TEST

START_TEST(times_need_exactly_six_digits_and_numbers_their_range)
{
	static const struct {
		const char *spec;
		int code;
		const char *reason;
	} rows[] = {
		{"{'renewTime':'2026-01-01T00:00:00Z'}", 400, "BadRequest"},
		{"{'renewTime':'2026-01-01T00:00:00.123Z'}", 400, "BadRequest"},
		{"{'renewTime':'2026-01-01T00:00:00.1234567Z'}", 400, "BadRequest"},
		{"{'renewTime':'yesterday'}", 400, "BadRequest"},
		{"{'renewTime':7}", 400, "BadRequest"},
		{"{'acquireTime':'2026-01-01T00:00:00Z'}", 400, "BadRequest"},
		{"{'leaseTransitions':2147483648}", 400, "BadRequest"},
		{"{'leaseTransitions':'7'}", 400, "BadRequest"},
		{"{'leaseTransitions':-1}", 422, "Invalid"},
		{"{'leaseDurationSeconds':0}", 422, "Invalid"},
		{"{'leaseDurationSeconds':-5}", 422, "Invalid"},
		{"{'holderIdentity':7}", 400, "BadRequest"},
	};
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		talk_post(&t, leases(&t), lease_text(&t, "a", "", rows[i].spec));
		MISS_UNLESS(&t, talk_is_refusal(&t, rows[i].code, rows[i].reason), "%s", talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(what_a_lease_may_leave_out_or_stretch)
{
	static const char *const specs[] = {
		"{}",
		"{'holderIdentity':''}",
		"{'holderIdentity':'','leaseDurationSeconds':1}",
		"{'renewTime':null,'acquireTime':null}",
		"{'leaseTransitions':0}",
		"{'leaseTransitions':2147483647}",
	};
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		talk_post(&t, leases(&t), lease_text(&t, talk_format(&t, "lease-%zu", i), "", specs[i]));
		MISS_UNLESS(&t, t.answer.status == 201, "%s", talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
	ck_assert_int_eq(transitions(&t), 2147483647);
	talk_get(&t, lease(&t, "lease-3"));
	ck_assert_ptr_null(api_member(t.answer.body, "spec.renewTime"));
}
END_TEST

START_TEST(nobodys_lease_can_be_made_in_a_missing_namespace)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_post(&t, TALK_LEASES "/namespaces/there-is-none/leases", lease_text(&t, "a", "", "{}"));
	EXPECT_REFUSAL(&t, 404, "NotFound");
	talk_put(&t, TALK_LEASES "/namespaces/there-is-none/leases/a", lease_text(&t, "a", "", "{}"));
	EXPECT_REFUSAL(&t, 404, "NotFound");
}
END_TEST

START_TEST(labels_of_a_lease_survive_a_put_that_has_them)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_post(&t, leases(&t),
		  lease_text(&t, "a", ",'labels':{'x':'y'},'annotations':{'note':'n'}", "{}"));
	EXPECT(&t, 201);
	talk_put(&t, lease(&t, "a"),
		 lease_text(&t, "a",
			    talk_format(&t, ",'labels':{'x':'y'},'resourceVersion':'%s'",
					talk_text(&t, "metadata.resourceVersion")),
			    term(&t, "first", 1)));
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "metadata.labels.x", "y");
	ck_assert_ptr_null(api_member(t.answer.body, "metadata.annotations"));
}
END_TEST

/* The collection, of which only the Lease "a". */
static const char *only_a(struct talk *t, const char *more)
{
	return talk_format(t, "%s?fieldSelector=metadata.name%%3Da&%s", leases(t), more);
}

START_TEST(one_lease_can_be_listed_by_name)
{
	AUTO_TALK struct talk t;
	unsigned long long last;

	talk_open(&t);
	given_lease(&t, "b");
	last = talk_number(talk_text(&t, "metadata.resourceVersion"));
	talk_get(&t, only_a(&t, "limit=500")); /* a list of nothing has its place in time too */
	EXPECT(&t, 200);
	ck_assert_uint_eq(json_array_size(api_member(t.answer.body, "items")), 0);
	ck_assert_uint_ge(talk_number(talk_text(&t, "metadata.resourceVersion")), last);
	given_lease(&t, "a");
	given_lease(&t, "c");
	last = talk_number(talk_text(&t, "metadata.resourceVersion"));
	talk_get(&t, only_a(&t, "limit=500"));
	EXPECT(&t, 200);
	ck_assert_uint_eq(json_array_size(api_member(t.answer.body, "items")), 1);
	ck_assert_str_eq(api_text(json_array_get(api_member(t.answer.body, "items"), 0), "metadata.name"),
			 "a");
	ck_assert_uint_ge(talk_number(talk_text(&t, "metadata.resourceVersion")), last);
	EXPECT_TEXT(&t, "metadata.continue", "");
}
END_TEST

START_TEST(one_lease_can_be_watched_by_name)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;
	const json_t *event;

	talk_open(&t);
	talk_get(&t, only_a(&t, "limit=500"));
	EXPECT(&t, 200);
	watch = talk_watch(&t, only_a(&t, talk_format(&t, "watch=1&resourceVersion=%s&timeoutSeconds=60",
						      talk_text(&t, "metadata.resourceVersion"))));
	given_lease(&t, "b");
	given_lease(&t, "a");
	talk_expect_event(&t, watch, "ADDED", "a");
	talk_merge_patch(&t, lease(&t, "b"), "{'spec':{'holderIdentity':'second'}}");
	EXPECT(&t, 200);
	talk_merge_patch(&t, lease(&t, "a"), "{'spec':{'holderIdentity':'second'}}");
	EXPECT(&t, 200);
	event = talk_expect_event(&t, watch, "MODIFIED", "a");
	ck_assert_str_eq(api_text(event, "spec.holderIdentity"), "second");
	talk_delete(&t, lease(&t, "b"));
	talk_delete(&t, lease(&t, "a"));
	event = talk_expect_event(&t, watch, "DELETED", "a");
	ck_assert_str_eq(api_text(event, "spec.holderIdentity"), "second");
}
END_TEST

void leases_cases(struct cases *c)
{
	const TTest *const tests[] = {
		a_lease_comes_back_as_it_was_written,
		a_put_with_the_version_read_is_a_compare_and_swap,
		of_many_puts_of_one_version_exactly_one_wins,
		a_put_of_a_missing_lease_creates_it_whatever_version_it_names,
		a_put_with_the_uid_neither_creates_nor_takes_another_lease,
		an_unchanged_put_keeps_the_version,
		times_need_exactly_six_digits_and_numbers_their_range,
		what_a_lease_may_leave_out_or_stretch,
		nobodys_lease_can_be_made_in_a_missing_namespace,
		labels_of_a_lease_survive_a_put_that_has_them,
		one_lease_can_be_listed_by_name,
		one_lease_can_be_watched_by_name,
	};

	cases_add(c, tests, ARRAY_LEN(tests));
}
