#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "controller/settings.h"
#include "support/suite.h"

static struct settings_values v;
static struct settings s;

static void given_defaults(void)
{
	v = (struct settings_values){
		.cid_min = 3,
		.cid_max = 2147483647,
		.cluster_count = 1,
		.quarantine_ms = 60000,
		.writes_in_flight = 16,
	};
}

static void set(const char *key, const char *text)
{
	struct error err = {0};

	ck_assert_msg(settings_set(&v, key, text, &err) == 0, "%s", err.message);
}

static void expect_refused(const char *key, const char *text, const char *why)
{
	struct error err = {0};

	ck_assert_int_eq(settings_set(&v, key, text, &err), -EINVAL);
	ck_assert_str_eq(err.message, why);
}

static void expect_unfit(const char *why)
{
	struct error err = {0};

	ck_assert_int_eq(settings_resolve(&s, &v, &err), -EINVAL);
	ck_assert_str_eq(err.message, why);
}

static void resolve(void)
{
	settings_free(&s);
	ck_assert_int_eq(settings_resolve(&s, &v, NULL), 0);
}

static void done(void)
{
	settings_free(&s);
}

START_TEST(each_key_sets_what_the_option_of_its_name_sets)
{
	given_defaults();
	set("cid-min", "1000");
	set("cid-max", "3000000\n");
	set("quarantine", " 5m ");
	set("writes-in-flight", "32");
	set("exclude-cids", "2000-2999");
	resolve();
	ck_assert_uint_eq(s.cids.min, 1000);
	ck_assert_uint_eq(s.cids.max, 3000000);
	ck_assert_uint_eq(s.cids.excluded_count, 1);
	ck_assert_uint_eq(s.quarantine_ms, 300000);
	ck_assert_uint_eq(s.writes_in_flight, 32);
	done();
}
END_TEST

START_TEST(a_list_may_be_spread_over_lines_and_takes_the_place_of_the_one_before)
{
	given_defaults();
	set("exclude-cids", "7");
	set("exclude-cids", "\n 100,200-299\n300 \t, 400\r\n500\n");
	ck_assert_uint_eq(v.excluded.count, 5);
	ck_assert_uint_eq(v.excluded.spans[1].last, 299);
	ck_assert_uint_eq(v.excluded.spans[4].first, 500);
	set("exclude-cids", " \n");
	ck_assert_uint_eq(v.excluded.count, 0);
}
END_TEST

START_TEST(what_is_wrong_is_named_with_its_key)
{
	given_defaults();
	expect_refused("cid-min", "abc", "cid-min: 'abc' is not a number from 3 to 4294967294");
	expect_refused("cid-min", "1 2", "cid-min: '1,2' is not a number from 3 to 4294967294");
	expect_refused("cid-max", "", "cid-max: '' is not a number from 3 to 4294967294");
	expect_refused("exclude-cids", "1,,2", "exclude-cids: '' is neither a CID nor a range of CIDs");
	expect_refused("exclude-cids", "5-4", "exclude-cids: '5-4' is neither a CID nor a range of CIDs");
	expect_refused("cluster-count", "0", "cluster-count: '0' is not a number from 1 to 4095");
	expect_refused("cid_min", "3", "cid_min: there is no such setting");
	expect_refused("mode", "observe", "mode: there is no such setting");
	expect_refused("", "3", ": there is no such setting");
	expect_refused("a\nb", "3", "a?b: there is no such setting");
}
END_TEST

START_TEST(a_text_of_any_length_is_refused_or_read)
{
	size_t n = 1 << 20;
	char *text = malloc(n + 1);

	given_defaults();
	memset(text, '1', n);
	text[n] = '\0';
	expect_refused("exclude-cids", text, "exclude-cids: longer than 32768 bytes");
	memset(text, ' ', n);
	set("exclude-cids", text);
	free(text);
}
END_TEST

START_TEST(settings_that_do_not_go_together_are_refused)
{
	given_defaults();
	set("cid-min", "10");
	set("cid-max", "9");
	expect_unfit("cid-min 10 is above cid-max 9");
	set("cid-max", "1000");
	expect_unfit("cid-min 10 and cid-max 1000: fewer than 1048576 CIDs, too few to be given safely");
	given_defaults();
	set("exclude-cids", "0-4294967295");
	expect_unfit("exclude-cids: every CID of the range 3-2147483647 is excluded");
	given_defaults();
	set("cluster-count", "2");
	expect_unfit("cluster-count 2 needs cluster-index: which of the parts is this cluster's");
	set("cluster-index", "2");
	expect_unfit("cluster-index 2 is not below cluster-count 2");
	set("cluster-count", "1");
	expect_unfit("cluster-index 2 is not below cluster-count 1");
	set("cluster-index", "0");
	set("cluster-count", "2048");
	expect_unfit("cluster-count 2048: fewer than 1048576 of the CIDs 3-2147483647 for each cluster, too "
		     "few to be "
		     "given safely");
	set("cluster-count", "2047");
	resolve();
	done();
}
END_TEST

static void check_parts(const char *min, const char *max, uint32_t count)
{
	uint64_t next;
	uint64_t least = UINT64_MAX;
	uint64_t most = 0;

	given_defaults();
	set("cid-min", min);
	set("cid-max", max);
	v.cluster_count = count;
	next = v.cid_min;
	for (v.cluster_number = 1; v.cluster_number <= count; v.cluster_number++) {
		uint64_t size;

		resolve();
		ck_assert_uint_eq(s.cids.min, next);
		size = cid_range_size(&s.cids);
		least = size < least ? size : least;
		most = size > most ? size : most;
		next = (uint64_t)s.cids.max + 1;
	}
	ck_assert_uint_eq(next, (uint64_t)v.cid_max + 1);
	ck_assert_uint_le(most - least, 1);
	ck_assert_uint_ge(least, SETTINGS_MIN_CIDS);
	done();
}

START_TEST(the_parts_of_all_clusters_are_the_whole_range_and_nearly_equal)
{
	check_parts("3", "2147483647", 1);
	check_parts("3", "2147483647", 7);
	check_parts("3", "2147483647", 2047);
	check_parts("3", "4294967294", 4095);
	check_parts("1000", "4294967294", 3);
	check_parts("3", "2097154", 2);
}
END_TEST

START_TEST(equal_settings_are_those_that_mean_the_same)
{
	struct settings other = {0};

	given_defaults();
	set("exclude-cids", "5,6,9-12");
	resolve();
	set("exclude-cids", "5-6 9-11 10-12 4294967290");
	ck_assert_int_eq(settings_resolve(&other, &v, NULL), 0);
	ck_assert(settings_equal(&s, &other));
	settings_free(&other);
	set("exclude-cids", "5-6 9-13");
	ck_assert_int_eq(settings_resolve(&other, &v, NULL), 0);
	ck_assert(!settings_equal(&s, &other));
	settings_free(&other);
	done();
}
END_TEST

START_TEST(people_are_told_what_counts)
{
	AUTO_BUF struct buf out = {.max = 256};

	given_defaults();
	set("exclude-cids", "5-9");
	resolve();
	ck_assert_int_eq(settings_describe(&s, &out), 0);
	ck_assert_str_eq(
		buf_str(&out),
		"CIDs 3-2147483647 without 5 excluded ones, quarantine 60000 ms, 16 writes in flight");
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		each_key_sets_what_the_option_of_its_name_sets,
		a_list_may_be_spread_over_lines_and_takes_the_place_of_the_one_before,
		what_is_wrong_is_named_with_its_key,
		a_text_of_any_length_is_refused_or_read,
		settings_that_do_not_go_together_are_refused,
		the_parts_of_all_clusters_are_the_whole_range_and_nearly_equal,
		equal_settings_are_those_that_mean_the_same,
		people_are_told_what_counts,
	};

	return suite_run("settings", tests, ARRAY_LEN(tests));
}
