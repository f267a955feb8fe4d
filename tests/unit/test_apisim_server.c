#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/faults.h"
#include "apisim/http_request.h"
#include "apisim/must.h"
#include "apisim/selector.h"
#include "apisim/store.h"
#include "support/suite.h"

/* --- requests --- */

/* Feeds @text in pieces of @piece bytes. Returns the bytes used once a request was complete, -1 before that,
 * or minus the HTTP status of a refusal. */
static long fed(struct http_request *r, const char *text, size_t piece)
{
	size_t len = strlen(text);
	size_t at = 0;

	while (at < len && r->state != HTTP_DONE) {
		size_t used;
		int rc = http_request_feed(r, text + at, len - at < piece ? len - at : piece, &used);

		if (rc != 0)
			return -rc;
		at += used;
	}
	return r->state == HTTP_DONE ? (long)at : -1;
}

START_TEST(a_request_is_read_in_pieces_of_any_size)
{
	static const char text[] =
		"\r\nPATCH /a%2Fb/c?x=1%202&y=&z HTTP/1.1\r\nHost: h\r\nUser-Agent:  me \r\n"
		"Content-Type: application/json\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1";

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct http_request r;

		http_request_init(&r);
		ck_assert_int_eq(fed(&r, text, piece), (long)(strstr(text, "helloGET") + 5 - text));
		ck_assert_str_eq(r.method, "PATCH");
		ck_assert_str_eq(r.path, "/a/b/c");
		ck_assert_str_eq(query_text(&r.query, "x"), "1 2");
		ck_assert_ptr_nonnull(query_get(&r.query, "z"));
		ck_assert_ptr_null(query_get(&r.query, "q"));
		ck_assert_str_eq(r.user_agent, "me");
		ck_assert_str_eq(buf_str(&r.body), "hello");
		ck_assert(r.keep_alive);
		http_request_free(&r);
	}
}
END_TEST

START_TEST(a_chunked_body_is_put_together)
{
	static const char text[] =
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
		"3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct http_request r;

		http_request_init(&r);
		ck_assert_int_eq(fed(&r, text, piece), (long)strlen(text));
		ck_assert_str_eq(buf_str(&r.body), "abc0123456789");
		ck_assert(!r.keep_alive);
		http_request_free(&r);
	}
}
END_TEST

START_TEST(what_is_no_http_is_refused)
{
	static const struct {
		const char *text;
		long rc;
	} rows[] = {
		{"hello\r\n\r\n", -400},
		{"GET / HTTP/2.0\r\n\r\n", -400},
		{"GET nothing HTTP/1.1\r\n\r\n", -400},
		{"GET /%zz HTTP/1.1\r\n\r\n", -400},
		{"GET /%00 HTTP/1.1\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nno colon\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", -501},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", -400},
		{"GET / HTTP/1.1\r\nHost: h\r\n", -1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_request r;

		http_request_init(&r);
		ck_assert_msg(fed(&r, rows[i].text, 1000) == rows[i].rc, "%s", rows[i].text);
		http_request_free(&r);
	}
}
END_TEST

/* --- store --- */

static void put(struct store *s, const char *name, const char *text)
{
	store_put(s, object_new(&resource_table[RESOURCE_VMI], "ns", name, "u", store_next_revision(s), text,
				strlen(text)));
}

/* The names and texts as of @rv: "a=1 b=2". Caller frees. */
static char *state_at(struct store *s, uint64_t rv)
{
	struct object_list l = {.count = 0};
	struct buf out;

	must_buf(&out);
	must_text(&out, "");
	if (store_snapshot(s, &resource_table[RESOURCE_VMI], rv, &l) != 0)
		must_text(&out, "gone");
	for (size_t i = 0; i < l.count; i++)
		must_printf(&out, "%s%s=%s", i > 0 ? " " : "", l.items[i]->name, l.items[i]->text);
	object_list_free(&l);
	return buf_steal(&out);
}

static void expect_state(struct store *s, uint64_t rv, const char *wanted)
{
	AUTO_FREE char *got = state_at(s, rv);

	ck_assert_str_eq(got, wanted);
}

/* Three revisions after the start: a=1; a=1 b=2; a=3 b=2; b=2. */
static uint64_t given_history(struct store *s, size_t keep)
{
	struct store_options options = {.history_count = keep, .history_bytes = 1 << 20};

	store_init(s, &options);
	put(s, "b", "2");
	put(s, "a", "1");
	put(s, "a", "3");
	store_remove(s, object_at_rv(store_get(s, &resource_table[RESOURCE_VMI], "ns", "a"),
				     store_next_revision(s)));
	return s->revision - 4;
}

START_TEST(a_list_can_be_had_as_it_was_at_any_revision)
{
	struct store s;
	uint64_t start = given_history(&s, 100);

	expect_state(&s, start, "");
	expect_state(&s, start + 1, "b=2");
	expect_state(&s, start + 2, "a=1 b=2");
	expect_state(&s, start + 3, "a=3 b=2");
	expect_state(&s, start + 4, "b=2");
	expect_state(&s, start - 1, "gone");
	store_free(&s);
}
END_TEST

START_TEST(the_history_keeps_so_many_events_and_knows_what_it_lost)
{
	struct store s;
	uint64_t start = given_history(&s, 2);
	const struct history *h = &store_collection(&s, &resource_table[RESOURCE_VMI])->history;

	ck_assert_uint_eq(h->next - h->first, 2);
	ck_assert_uint_eq(h->compacted, start + 2);
	ck_assert_uint_eq(history_at(h, history_after(h, start + 2))->rv, start + 3);
	ck_assert_int_eq(history_at(h, history_after(h, start + 3))->type, EVENT_DELETED);
	expect_state(&s, start + 1, "gone");
	expect_state(&s, start + 2, "a=1 b=2");
	store_free(&s);
}
END_TEST

START_TEST(a_compaction_makes_old_lists_expire_and_a_tick_spares_the_recent_ones)
{
	struct store s;
	uint64_t start = given_history(&s, 100);

	store_tick(&s);
	expect_state(&s, start + 1, "b=2");
	store_tick(&s);
	expect_state(&s, start + 3, "gone");
	expect_state(&s, start + 4, "b=2");
	put(&s, "c", "4");
	store_compact(&s);
	expect_state(&s, start + 4, "gone");
	expect_state(&s, start + 5, "b=2 c=4");
	store_free(&s);
}
END_TEST

START_TEST(a_rollback_brings_an_old_state_and_its_revision_back)
{
	struct store s;
	uint64_t start = given_history(&s, 100);

	ck_assert_int_eq(store_roll_back(&s, start + 9), -EINVAL);
	ck_assert_int_eq(store_roll_back(&s, start + 2), 0);
	ck_assert_uint_eq(store_next_revision(&s), start + 3);
	expect_state(&s, start + 2, "a=1 b=2");
	put(&s, "c", "5");
	expect_state(&s, start + 3, "a=1 b=2 c=5");
	store_free(&s);
}
END_TEST

/* --- selectors --- */

static bool selects(const char *labels, const char *fields)
{
	static const char text[] =
		",\"kind\":\"VirtualMachineInstance\",\"metadata\":{\"labels\":{\"a\":\"b\",\"n\":\"5\"}}}";
	struct object *o =
		object_new(&resource_table[RESOURCE_VMI], "ns", "name", "u", 1, text, strlen(text));
	struct selector s;
	AUTO_BUF struct buf why;
	bool ok;

	must_buf(&why);
	ck_assert_msg(selector_parse(&s, o->resource, labels, fields, &why) == 0, "%s", buf_str(&why));
	ok = selector_matches(&s, o);
	selector_free(&s);
	object_unref(o);
	return ok;
}

START_TEST(selectors_select)
{
	ck_assert(selects("", ""));
	ck_assert(selects("a", "metadata.name=name"));
	ck_assert(selects("a=b,n!=6,!x", "metadata.name!=x,metadata.namespace==ns"));
	ck_assert(selects("a in (c, b),x notin (y)", ""));
	ck_assert(selects("n>4,n<6", ""));
	ck_assert(!selects("a=c", ""));
	ck_assert(!selects("!a", ""));
	ck_assert(!selects("a notin (b)", ""));
	ck_assert(!selects("x>1", ""));
	ck_assert(!selects("", "metadata.name=other"));
	ck_assert(!selects("a", "metadata.namespace=other"));
}
END_TEST

START_TEST(selectors_that_make_no_sense_are_refused)
{
	static const struct {
		const char *labels, *fields, *why;
	} rows[] = {
		{",", "", "found ',', expected: !, identifier, or 'end of string'"},
		{"x===y", "", "unable to parse requirement: found '=', expected: identifier"},
		{"x in y", "", "unable to parse requirement: found 'y' expected: '('"},
		{"x=y z", "", "found 'z', expected: ',' or 'end of string'"},
		{"", "x", "invalid selector: 'x'; can't understand 'x'"},
		{"", "status.phase=x", "field label not supported: status.phase"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct selector s;
		AUTO_BUF struct buf why;

		must_buf(&why);
		ck_assert_int_eq(selector_parse(&s, &resource_table[RESOURCE_VMI], rows[i].labels,
						rows[i].fields, &why),
				 -EINVAL);
		ck_assert_str_eq(buf_str(&why), rows[i].why);
		selector_free(&s);
	}
}
END_TEST

/* --- faults --- */

/* Adds a rule; "" on success, else why not. Borrowed until the next call. */
static void given_rule(struct faults *f, const char *json, const char *wanted_why)
{
	struct tree t;
	AUTO_BUF struct buf why;
	const struct node *n;

	tree_init(&t);
	must_buf(&why);
	n = tree_parse(&t, json, strlen(json));
	ck_assert_ptr_nonnull(n);
	ck_assert_int_eq(faults_add(f, &t, n, &why) != 0, wanted_why[0] == '\0');
	ck_assert_str_eq(buf_str(&why), wanted_why);
	tree_free(&t);
}

/* The status that the rules want for this request, 0: none. */
static int fault_for(struct faults *f, const char *method, const char *verb, const char *path)
{
	struct fault_facts facts = {.method = method, .verb = verb, .path = path, .user_agent = "me/1.0"};
	const struct fault_effect *e = faults_match(f, &facts);

	return e != NULL ? e->status : 0;
}

START_TEST(a_rule_wants_only_what_it_names)
{
	struct faults f;

	faults_init(&f, 1);
	given_rule(&f,
		   "{\"match\":{\"verb\":\"list\",\"path\":\"/apis/k\",\"userAgent\":\"me/\"},"
		   "\"effect\":{\"status\":500}}",
		   "");
	given_rule(&f, "{\"match\":{\"method\":\"PUT\"},\"effect\":{\"status\":409}}", "");
	ck_assert_int_eq(fault_for(&f, "GET", "list", "/apis/kubevirt.io"), 500);
	ck_assert_int_eq(fault_for(&f, "GET", "list", "/api/v1"), 0);
	ck_assert_int_eq(fault_for(&f, "GET", "watch", "/apis/kubevirt.io"), 0);
	ck_assert_int_eq(fault_for(&f, "PUT", "update", "/apis/kubevirt.io"), 409);
	faults_clear(&f);
	ck_assert_int_eq(fault_for(&f, "PUT", "update", "/apis/kubevirt.io"), 0);
	ck_assert_uint_eq(f.applied, 2);
}
END_TEST

START_TEST(a_rule_skips_counts_and_comes_every_nth_time)
{
	static const int wanted[] = {0, 0, 0, 503, 0, 503, 0, 503, 0, 0, 0, 0};
	struct faults f;

	faults_init(&f, 1);
	given_rule(&f, "{\"match\":{\"skip\":2,\"nth\":2,\"count\":3},\"effect\":{\"status\":503}}", "");
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		ck_assert_int_eq(fault_for(&f, "GET", "get", "/"), wanted[i]);
	faults_clear(&f);
}
END_TEST

START_TEST(chance_can_be_replayed_from_its_seed)
{
	struct faults f;
	uint64_t runs[2] = {0, 0};
	int hits = 0;

	faults_init(&f, 1);
	given_rule(&f, "{\"match\":{\"probability\":0.25},\"effect\":{\"status\":500}}", "");
	for (int run = 0; run < 2; run++) {
		faults_seed(&f, 42);
		for (int i = 0; i < 64; i++)
			runs[run] = runs[run] << 1 | (fault_for(&f, "GET", "get", "/") != 0);
	}
	ck_assert_uint_eq(runs[0], runs[1]);
	for (int i = 0; i < 4000; i++)
		hits += fault_for(&f, "GET", "get", "/") != 0;
	ck_assert_int_gt(hits, 800);
	ck_assert_int_lt(hits, 1200);
	faults_clear(&f);
}
END_TEST

START_TEST(a_rule_with_a_slip_is_refused)
{
	static const char form[] = "fault rule: wanted {\"match\":{...},\"effect\":{...}}";
	struct faults f;

	faults_init(&f, 1);
	given_rule(&f, "5", form);
	given_rule(&f, "{\"match\":{}}", form);
	given_rule(&f, "{\"effect\":{},\"foo\":1}", form);
	given_rule(&f, "{\"effect\":{\"staus\":500}}", "fault rule: unknown member or bad value: staus");
	given_rule(&f, "{\"effect\":{\"status\":99}}", "fault rule: unknown member or bad value: status");
	given_rule(&f, "{\"effect\":{\"chunk\":-1}}", "fault rule: unknown member or bad value: chunk");
	given_rule(&f, "{\"match\":{\"probability\":2},\"effect\":{}}",
		   "fault rule: unknown member or bad value: probability");
	ck_assert(list_empty(&f.rules));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_request_is_read_in_pieces_of_any_size,
		a_chunked_body_is_put_together,
		what_is_no_http_is_refused,
		a_list_can_be_had_as_it_was_at_any_revision,
		the_history_keeps_so_many_events_and_knows_what_it_lost,
		a_compaction_makes_old_lists_expire_and_a_tick_spares_the_recent_ones,
		a_rollback_brings_an_old_state_and_its_revision_back,
		selectors_select,
		selectors_that_make_no_sense_are_refused,
		a_rule_wants_only_what_it_names,
		a_rule_skips_counts_and_comes_every_nth_time,
		chance_can_be_replayed_from_its_seed,
		a_rule_with_a_slip_is_refused,
	};

	return suite_run("apisim_server", tests, ARRAY_LEN(tests));
}
