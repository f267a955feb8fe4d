#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/macros.h"
#include "controller/settings_watch.h"
#include "support/fake_client.h"
#include "support/loop.h"
#include "support/suite.h"

static unsigned int failing_copies; /* of settings, so many */

/* In the place of libc's. */
char *strndup(const char *text, size_t n)
{
	size_t len = strnlen(text, n);
	bool fails = failing_copies > 0 && strncmp(text, "{\"cid-min", 9) == 0;
	char *copy = fails ? NULL : malloc(len + 1);

	failing_copies -= fails;
	if (copy == NULL)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

static struct fake_client rig;
static struct settings_watch *watch;
static uv_check_t turn;
static struct settings_values base;
static unsigned int changes;
static unsigned int misfits;

/* The cluster. */
static const char *data;     /* of the ConfigMap, JSON; NULL: there is none */
static bool may_read;        /* else 403 */
static const char *crd_says; /* schema of the CID; NULL: the CRD cannot be read */
static unsigned int crd_looks;
static bool crd_is_slow; /* it is answered only when a test does it */
static struct fake_conn *slow_crd;
static unsigned int lists;
static struct fake_conn *stream;
static unsigned int version;

static void write_object(struct buf *out, const char *members)
{
	ck_assert_int_eq(buf_printf(out,
				    "{\"metadata\":{\"name\":\"vsock-cid-controller\",\"uid\":\"u1\","
				    "\"resourceVersion\":\"%u\"}%s%s}",
				    ++version, members[0] != '\0' ? "," : "", members),
			 0);
}

static void answer_list(struct fake_conn *conn)
{
	AUTO_BUF struct buf text = {.max = 1 << 20};

	lists++;
	ck_assert_int_eq(buf_add_str(&text, "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":["), 0);
	if (data != NULL)
		write_object(&text, data);
	ck_assert_int_eq(buf_add_str(&text, "]}"), 0);
	fake_conn_answer(conn, 200, NULL, buf_str(&text));
}

static void answer_crd(struct fake_conn *conn)
{
	char text[512];

	crd_looks++;
	if (crd_says == NULL) {
		fake_conn_answer(conn, 503, NULL, "{}");
		return;
	}
	(void)snprintf(text, sizeof(text),
		       "{\"kind\":\"CustomResourceDefinition\",\"spec\":{\"versions\":[{\"name\":\"v1\","
		       "\"served\":true,"
		       "\"schema\":{\"openAPIV3Schema\":{\"properties\":{\"status\":{\"properties\":{"
		       "\"VSOCKCID\":%s}}}}}"
		       "}]}}",
		       crd_says);
	fake_conn_answer(conn, 200, NULL, text);
}

static void on_request(void *unused, struct fake_conn *conn, const struct fake_request *request)
{
	const char *t = request->target;

	(void)unused;
	if (strstr(t, "customresourcedefinitions") != NULL) {
		slow_crd = conn;
		if (!crd_is_slow)
			answer_crd(conn);
	} else if (!may_read) {
		lists++;
		fake_conn_answer(conn, 403, NULL, "{}");
	} else if (strstr(t, "watch=") != NULL) {
		stream = conn;
		fake_conn_begin(conn, 200, NULL);
	} else {
		ck_assert_ptr_nonnull(strstr(t, "/api/v1/namespaces/kubevirt/configmaps?"));
		ck_assert_ptr_nonnull(strstr(t, "fieldSelector=metadata.name%3Dvsock-cid-controller"));
		answer_list(conn);
	}
}

static void event(const char *type, const char *members)
{
	AUTO_BUF struct buf text = {.max = 1 << 20};

	ck_assert_int_eq(buf_printf(&text, "{\"type\":\"%s\",\"object\":", type), 0);
	write_object(&text, members);
	ck_assert_int_eq(buf_add_str(&text, "}\n"), 0);
	LOOP_UNTIL(&rig.loop, stream != NULL);
	fake_conn_chunk(stream, buf_str(&text));
}

static void on_restarted(void *unused, bool of_watch, enum reflector_restart reason)
{
	(void)unused;
	(void)of_watch;
	(void)reason;
}

static void on_misfit(void *unused, const char *why)
{
	(void)unused;
	ck_assert_ptr_nonnull(strstr(why, "KubeVirt before 1.8.4"));
	misfits++;
}

/* The controller does it before the loop waits; after it, a test sees what follows without waiting. */
static void on_turn(uv_check_t *check)
{
	(void)check;
	changes += settings_watch_follow(watch);
}

static void given_cluster(const char *data_now)
{
	data = data_now;
	may_read = true;
	crd_says = "{\"type\":\"integer\",\"format\":\"int64\"}";
	crd_looks = lists = changes = misfits = 0;
	crd_is_slow = false;
	stream = slow_crd = NULL;
	version = 10;
	base = (struct settings_values){
		.cid_min = 3,
		.cid_max = 2147483647,
		.cluster_count = 1,
		.quarantine_ms = 60000,
		.writes_in_flight = 16,
	};
}

static void given_watch(void)
{
	struct error err = {0};

	fake_client_open(&rig, on_request, NULL);
	ck_assert_int_eq(settings_watch_open(&watch,
					     &(struct settings_watch_options){.loop = &rig.loop,
									      .client = rig.client,
									      .log = &rig.silent,
									      .rng = &rig.rng,
									      .base = &base,
									      .restarted = on_restarted,
									      .misfit = on_misfit},
					     &err),
			 0);
	ck_assert_int_eq(settings_watch_start(watch, "", &err), 0);
	ck_assert_int_eq(settings_watch_start(watch, "kubevirt", &err), 0);
	ck_assert_int_eq(settings_watch_start(watch, "kubevirt", &err), 0);
	(void)uv_check_init(&rig.loop, &turn);
	(void)uv_check_start(&turn, on_turn);
}

static void given_known(const char *data_now)
{
	given_cluster(data_now);
	given_watch();
	LOOP_UNTIL(&rig.loop, settings_watch_known(watch));
}

static const struct settings *now(void)
{
	return settings_watch_current(watch);
}

static void wait_for_verdict(uint64_t verdict)
{
	LOOP_UNTIL(&rig.loop, settings_watch_verdict(watch) == verdict);
}

static void done(void)
{
	uv_close((uv_handle_t *)&turn, NULL);
	settings_watch_close(watch, fake_client_on_closed, &rig);
	fake_client_close(&rig, 1);
}

START_TEST(without_a_configmap_the_command_line_counts)
{
	given_cluster(NULL);
	given_watch();
	ck_assert(!settings_watch_known(watch));
	LOOP_UNTIL(&rig.loop, settings_watch_known(watch));
	ck_assert_uint_eq(now()->cids.max, 2147483647);
	ck_assert_uint_eq(settings_watch_verdict(watch), 0);
	ck_assert_uint_eq(changes, 0);
	ck_assert_uint_eq(crd_looks, 0);
	done();
}
END_TEST

START_TEST(an_empty_one_changes_nothing)
{
	given_known("");
	ck_assert_uint_eq(settings_watch_verdict(watch), 0);
	ck_assert_str_eq(settings_watch_uid(watch), "u1");
	done();
	given_known("\"data\":{}");
	ck_assert_uint_eq(settings_watch_verdict(watch), 0);
	done();
	given_known("\"data\":null");
	ck_assert_uint_eq(settings_watch_verdict(watch), 0);
	done();
}
END_TEST

START_TEST(what_it_says_counts_from_the_start_and_when_it_changes)
{
	given_known("\"data\":{\"cid-min\":\"5000\",\"quarantine\":\"5s\"}");
	ck_assert_uint_eq(changes, 1);
	ck_assert_uint_eq(now()->cids.min, 5000);
	ck_assert_uint_eq(now()->quarantine_ms, 5000);
	ck_assert_uint_eq(now()->writes_in_flight, 16);
	event("MODIFIED", "\"data\":{\"writes-in-flight\":\"4\"}");
	wait_for_verdict(2);
	ck_assert_uint_eq(now()->cids.min, 3);
	ck_assert_uint_eq(now()->quarantine_ms, 60000);
	ck_assert_uint_eq(now()->writes_in_flight, 4);
	event("DELETED", "\"data\":{\"writes-in-flight\":\"4\"}");
	wait_for_verdict(3);
	ck_assert_uint_eq(now()->writes_in_flight, 16);
	ck_assert_uint_eq(changes, 3);
	done();
}
END_TEST

START_TEST(what_means_the_same_is_no_change)
{
	given_known("\"data\":{\"exclude-cids\":\"5,6\"}");
	ck_assert_uint_eq(changes, 1);
	event("MODIFIED", "\"data\":{\"exclude-cids\":\"5-6\"}");
	event("MODIFIED", "\"data\":{\"exclude-cids\":\"5-7\"}");
	wait_for_verdict(2);
	ck_assert_uint_eq(changes, 2);
	done();
}
END_TEST

START_TEST(one_wrong_key_and_nothing_of_it_counts)
{
	given_known("\"data\":{\"cid-min\":\"5000\"}");
	event("MODIFIED", "\"data\":{\"cid-min\":\"6000\",\"cid-max\":\"many\"}");
	wait_for_verdict(2);
	ck_assert_str_eq(settings_watch_refusal(watch),
			 "cid-max: 'many' is not a number from 3 to 4294967294");
	ck_assert_uint_eq(now()->cids.min, 5000);
	ck_assert_uint_eq(changes, 1);
	event("MODIFIED", "\"data\":{\"cid-min\":\"5000\"}");
	LOOP_UNTIL(&rig.loop, settings_watch_refusal(watch)[0] == '\0');
	ck_assert_uint_eq(changes, 1);
	done();
}
END_TEST

START_TEST(a_wrong_one_at_the_start_is_no_licence_to_go_by_the_command_line)
{
	given_known("\"data\":{\"cid-min\":\"0\"}");
	ck_assert(!settings_watch_good(watch));
	ck_assert_str_eq(settings_watch_refusal(watch), "cid-min: '0' is not a number from 3 to 4294967294");
	ck_assert_uint_eq(now()->cids.min, 3);
	ck_assert_uint_eq(settings_watch_verdict(watch), 1);
	event("DELETED", "\"data\":{\"cid-min\":\"0\"}");
	wait_for_verdict(2);
	ck_assert(settings_watch_good(watch));
	ck_assert_str_eq(settings_watch_uid(watch), "");
	done();
}
END_TEST

START_TEST(the_end_of_a_refusal_is_told_although_nothing_changes)
{
	given_known("\"data\":{\"cid-min\":\"5000\"}");
	event("MODIFIED", "\"data\":{\"cid-min\":\"many\"}");
	wait_for_verdict(2);
	event("MODIFIED", "\"data\":{\"cid-min\":\"5000\"}");
	wait_for_verdict(3);
	ck_assert_uint_eq(changes, 1);
	done();
}
END_TEST

START_TEST(who_touches_only_its_metadata_is_told_nothing)
{
	given_known("\"data\":{\"cid-min\":\"many\"}");
	event("MODIFIED", "\"data\":{\"cid-min\":\"many\"}");
	event("MODIFIED", "\"data\":{\"cid-min\":\"many\"}");
	event("MODIFIED", "\"data\":{\"cid-min\":\"more\"}");
	LOOP_UNTIL(&rig.loop, strstr(settings_watch_refusal(watch), "more") != NULL);
	ck_assert_uint_eq(settings_watch_verdict(watch), 2);
	done();
}
END_TEST

START_TEST(what_is_no_settings_is_refused)
{
	AUTO_BUF struct buf big = {.max = 1 << 20};

	given_known("\"binaryData\":{\"cid-min\":\"MTA=\"}");
	ck_assert_str_eq(settings_watch_refusal(watch),
			 "binaryData: settings are text, and belong under data");
	event("MODIFIED", "\"data\":{\"cid-min\":\"10\",\"other\":\"x\"}");
	wait_for_verdict(2);
	ck_assert_str_eq(settings_watch_refusal(watch), "other: there is no such setting");
	event("MODIFIED", "\"data\":{\"cid-min\":10}");
	wait_for_verdict(3);
	ck_assert_str_eq(settings_watch_refusal(watch), "cid-min: it is no text");
	ck_assert_int_eq(buf_add_str(&big, "\"data\":{\"exclude-cids\":\""), 0);
	for (int i = 0; i < 60000; i++)
		ck_assert_int_eq(buf_add_str(&big, "10000,"), 0);
	ck_assert_int_eq(buf_add_str(&big, "5\"}"), 0);
	event("MODIFIED", buf_str(&big));
	wait_for_verdict(4);
	ck_assert_str_eq(settings_watch_refusal(watch), "data: longer than 256 KiB");
	done();
}
END_TEST

START_TEST(what_there_is_no_memory_for_is_not_taken_for_empty_and_is_read_again)
{
	given_known("\"data\":{\"cid-min\":\"5000\"}");
	data = "\"data\":{\"cid-min\":\"6000\"}";
	failing_copies = 1;
	event("MODIFIED", data);
	LOOP_UNTIL(&rig.loop, settings_watch_verdict(watch) == 2);
	ck_assert_str_eq(settings_watch_refusal(watch), "data: out of memory");
	ck_assert_uint_eq(now()->cids.min, 5000);
	LOOP_UNTIL(&rig.loop, now()->cids.min == 6000);
	ck_assert_uint_eq(lists, 2);
	done();
}
END_TEST

START_TEST(a_high_cid_counts_only_once_the_crd_takes_it)
{
	given_known("");
	crd_says = NULL;
	event("MODIFIED", "\"data\":{\"cid-max\":\"4294967294\",\"quarantine\":\"1s\"}");
	LOOP_UNTIL(&rig.loop, crd_looks == 1);
	ck_assert_uint_eq(now()->quarantine_ms, 60000);
	crd_says = "{\"type\":\"integer\",\"format\":\"int64\"}";
	LOOP_UNTIL(&rig.loop, now()->cids.max == 4294967294);
	ck_assert(cid_schema_allows(settings_watch_schema(watch)));
	done();
}
END_TEST

START_TEST(a_high_cid_that_the_crd_does_not_take_is_refused)
{
	given_known("");
	crd_says = "{\"type\":\"integer\",\"format\":\"int32\"}";
	event("MODIFIED", "\"data\":{\"cid-max\":\"4294967294\"}");
	wait_for_verdict(1);
	ck_assert_ptr_nonnull(
		strstr(settings_watch_refusal(watch), "cid-max: CIDs up to 4294967294 are more"));
	ck_assert_uint_eq(now()->cids.max, 2147483647);
	ck_assert_uint_eq(misfits, 0);
	/* KubeVirt has been updated, and somebody tries again. */
	crd_says = "{\"type\":\"integer\",\"format\":\"int64\"}";
	event("MODIFIED", "\"data\":{\"cid-max\":\"4294967293\"}");
	wait_for_verdict(2);
	ck_assert_uint_eq(now()->cids.max, 4294967293);
	done();
}
END_TEST

START_TEST(a_newer_one_takes_the_place_of_one_that_waits_for_the_crd)
{
	given_known("");
	crd_says = NULL;
	event("MODIFIED", "\"data\":{\"cid-max\":\"4294967294\"}");
	LOOP_UNTIL(&rig.loop, crd_looks == 1);
	event("MODIFIED", "\"data\":{\"cid-max\":\"3000000\"}");
	wait_for_verdict(1);
	ck_assert_uint_eq(now()->cids.max, 3000000);
	done();
}
END_TEST

START_TEST(nobody_waits_for_ever_for_a_crd_that_cannot_be_read)
{
	given_cluster("\"data\":{\"cid-max\":\"4294967294\"}");
	crd_says = NULL;
	given_watch();
	LOOP_UNTIL(&rig.loop, settings_watch_known(watch));
	ck_assert(!settings_watch_good(watch));
	ck_assert_str_eq(settings_watch_refusal(watch),
			 "cid-max: the CRD of VMIs, which may not take that, cannot be read");
	crd_says = "{\"type\":\"integer\",\"format\":\"int64\"}";
	wait_for_verdict(2);
	ck_assert(settings_watch_good(watch));
	ck_assert_uint_eq(now()->cids.max, 4294967294);
	done();
}
END_TEST

START_TEST(the_command_lines_own_range_is_known_before_the_crd_is)
{
	given_cluster(NULL);
	base.cid_max = 4294967294;
	crd_says = NULL;
	given_watch();
	LOOP_UNTIL(&rig.loop, settings_watch_known(watch));
	ck_assert(settings_watch_good(watch));
	ck_assert(!cid_schema_allows(settings_watch_schema(watch)));
	done();
}
END_TEST

START_TEST(a_look_at_the_crd_serves_all_edits_that_come_meanwhile)
{
	given_known("");
	crd_is_slow = true;
	event("MODIFIED", "\"data\":{\"cid-max\":\"4294967290\"}");
	LOOP_UNTIL(&rig.loop, slow_crd != NULL);
	event("MODIFIED", "\"data\":{\"cid-max\":\"4294967291\"}");
	event("MODIFIED", "\"data\":{\"cid-max\":\"4294967292\"}");
	loop_run_turns(&rig.loop, 50);
	answer_crd(slow_crd);
	wait_for_verdict(1);
	ck_assert_uint_eq(now()->cids.max, 4294967292);
	ck_assert_uint_eq(crd_looks, 1);
	done();
}
END_TEST

START_TEST(the_command_lines_own_highest_cid_must_fit_too)
{
	given_cluster("");
	base.cid_max = 4294967294;
	crd_says = "{\"type\":\"integer\",\"format\":\"int32\"}";
	given_watch();
	LOOP_UNTIL(&rig.loop, misfits == 1);
	ck_assert(!cid_schema_allows(settings_watch_schema(watch)));
	done();
}
END_TEST

START_TEST(who_may_not_read_it_goes_on_with_the_command_line)
{
	given_cluster("\"data\":{\"cid-min\":\"5000\"}");
	may_read = false;
	given_watch();
	LOOP_UNTIL(&rig.loop, settings_watch_known(watch));
	ck_assert_uint_ge(lists, 2);
	ck_assert(settings_watch_good(watch));
	ck_assert_uint_eq(now()->cids.min, 3);
	ck_assert_str_eq(settings_watch_refusal(watch), "it may not be read: a rule of RBAC is missing");
	may_read = true;
	wait_for_verdict(2);
	ck_assert_uint_eq(now()->cids.min, 5000);
	ck_assert_str_eq(settings_watch_refusal(watch), "");
	done();
}
END_TEST

START_TEST(who_has_seen_a_wrong_one_does_not_go_by_the_command_line_when_it_may_not_read_it_any_more)
{
	given_known("\"data\":{\"cid-min\":\"0\"}");
	LOOP_UNTIL(&rig.loop, stream != NULL);
	may_read = false;
	event("ERROR", "\"code\":410");
	LOOP_UNTIL(&rig.loop, strstr(settings_watch_refusal(watch), "RBAC") != NULL);
	ck_assert(!settings_watch_good(watch));
	done();
}
END_TEST

START_TEST(what_was_wrong_with_the_one_before_is_not_said_of_one_that_waits)
{
	given_known("\"data\":{\"cid-min\":\"many\"}");
	crd_is_slow = true;
	event("MODIFIED", "\"data\":{\"cid-max\":\"4294967294\"}");
	LOOP_UNTIL(&rig.loop, slow_crd != NULL);
	ck_assert_str_eq(settings_watch_refusal(watch), "");
	answer_crd(slow_crd);
	wait_for_verdict(2);
	ck_assert_uint_eq(now()->cids.max, 4294967294);
	done();
}
END_TEST

START_TEST(it_closes_amid_anything)
{
	given_cluster("\"data\":{\"cid-max\":\"4294967294\"}");
	given_watch();
	done();
	given_cluster("\"data\":{\"cid-max\":\"4294967294\"}");
	crd_says = NULL;
	given_watch();
	LOOP_UNTIL(&rig.loop, crd_looks == 1);
	done();
	given_known("\"data\":{\"cid-min\":\"5000\"}");
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		without_a_configmap_the_command_line_counts,
		an_empty_one_changes_nothing,
		what_it_says_counts_from_the_start_and_when_it_changes,
		what_means_the_same_is_no_change,
		one_wrong_key_and_nothing_of_it_counts,
		a_wrong_one_at_the_start_is_no_licence_to_go_by_the_command_line,
		the_end_of_a_refusal_is_told_although_nothing_changes,
		who_touches_only_its_metadata_is_told_nothing,
		nobody_waits_for_ever_for_a_crd_that_cannot_be_read,
		the_command_lines_own_range_is_known_before_the_crd_is,
		a_look_at_the_crd_serves_all_edits_that_come_meanwhile,
		what_is_no_settings_is_refused,
		what_there_is_no_memory_for_is_not_taken_for_empty_and_is_read_again,
		a_high_cid_counts_only_once_the_crd_takes_it,
		a_high_cid_that_the_crd_does_not_take_is_refused,
		a_newer_one_takes_the_place_of_one_that_waits_for_the_crd,
		the_command_lines_own_highest_cid_must_fit_too,
		who_may_not_read_it_goes_on_with_the_command_line,
		who_has_seen_a_wrong_one_does_not_go_by_the_command_line_when_it_may_not_read_it_any_more,
		what_was_wrong_with_the_one_before_is_not_said_of_one_that_waits,
		it_closes_amid_anything,
	};

	return suite_run("settings_watch", tests, ARRAY_LEN(tests));
}
