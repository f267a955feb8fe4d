#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/macros.h"
#include "base/rng.h"
#include "cid/range.h"
#include "support/suite.h"

static void given_range(struct cid_range *r, uint32_t min, uint32_t max, const char *excluded)
{
	struct cid_span spans[CID_RANGE_MAX_EXCLUDED];
	size_t count = 0;

	if (excluded != NULL)
		ck_assert_int_eq(cid_range_parse_exclusions(excluded, spans, &count, NULL), 0);
	ck_assert_int_eq(cid_range_init(r, min, max, spans, count, NULL), 0);
}

START_TEST(a_range_contains_both_ends_and_nothing_beyond)
{
	struct cid_range r;

	given_range(&r, 3, 4294967294u, NULL);
	ck_assert(!cid_range_contains(&r, 0));
	ck_assert(!cid_range_contains(&r, 2));
	ck_assert(cid_range_contains(&r, 3));
	ck_assert(cid_range_contains(&r, 4294967294u));
	ck_assert(!cid_range_contains(&r, 4294967295u));
	ck_assert_uint_eq(cid_range_size(&r), 4294967292u);
	cid_range_free(&r);
	cid_range_free(&r);
}
END_TEST

START_TEST(a_range_of_one_cid_is_possible)
{
	struct cid_range r;

	given_range(&r, 7, 7, "6,8");
	ck_assert_uint_eq(cid_range_size(&r), 1);
	ck_assert_uint_eq(r.excluded_count, 0);
	ck_assert(cid_range_contains(&r, 7));
	cid_range_free(&r);
}
END_TEST

START_TEST(reserved_cids_and_inverted_ranges_are_refused)
{
	static const struct {
		uint32_t min;
		uint32_t max;
		const char *message;
	} bad[] = {
		{0, 100, "the range 0-100 is not within 3-4294967294"},
		{2, 100, "the range 2-100 is not within 3-4294967294"},
		{3, 4294967295u, "the range 3-4294967295 is not within 3-4294967294"},
		{100, 99, "the range 100-99 is inverted"},
	};
	struct cid_range r = {.min = 42};
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_int_eq(cid_range_init(&r, bad[i].min, bad[i].max, NULL, 0, &err), -EINVAL);
		ck_assert_str_eq(err.message, bad[i].message);
	}
	ck_assert_uint_eq(r.min, 42);
}
END_TEST

START_TEST(exclusions_are_sorted_merged_and_clipped)
{
	struct cid_range r;

	given_range(&r, 10, 100, "50-60,20,61,5-12,55-58,98-4294967295,21-22,0,30");
	ck_assert_uint_eq(r.excluded_count, 5);
	ck_assert_uint_eq(r.excluded[0].first, 10);
	ck_assert_uint_eq(r.excluded[0].last, 12);
	ck_assert_uint_eq(r.excluded[1].first, 20);
	ck_assert_uint_eq(r.excluded[1].last, 22);
	ck_assert_uint_eq(r.excluded[2].first, 30);
	ck_assert_uint_eq(r.excluded[2].last, 30);
	ck_assert_uint_eq(r.excluded[3].first, 50);
	ck_assert_uint_eq(r.excluded[3].last, 61);
	ck_assert_uint_eq(r.excluded[4].first, 98);
	ck_assert_uint_eq(r.excluded[4].last, 100);
	ck_assert_uint_eq(cid_range_size(&r), 91 - 3 - 3 - 1 - 12 - 3);
	cid_range_free(&r);
}
END_TEST

START_TEST(a_range_of_which_nothing_is_left_is_refused)
{
	static const struct cid_span all[] = {{50, 4294967295u}, {0, 49}};
	struct cid_range r;
	struct error err;

	ck_assert_int_eq(cid_range_init(&r, 3, 100, all, 2, &err), -EINVAL);
	ck_assert_str_eq(err.message, "every CID of the range 3-100 is excluded");
}
END_TEST

START_TEST(excluded_cids_are_counted_within_bounds)
{
	struct cid_range r;

	given_range(&r, 3, 4294967294u, "10-19,30,4294967290-4294967295");
	ck_assert_uint_eq(cid_range_excluded_within(&r, 0, 4294967295u), 16);
	ck_assert_uint_eq(cid_range_excluded_within(&r, 0, 9), 0);
	ck_assert_uint_eq(cid_range_excluded_within(&r, 10, 10), 1);
	ck_assert_uint_eq(cid_range_excluded_within(&r, 15, 30), 6);
	ck_assert_uint_eq(cid_range_excluded_within(&r, 20, 29), 0);
	ck_assert_uint_eq(cid_range_excluded_within(&r, 4294967294u, 4294967295u), 1);
	ck_assert_uint_eq(cid_range_excluded_from(&r, 0), 0);
	ck_assert_uint_eq(cid_range_excluded_from(&r, 19), 0);
	ck_assert_uint_eq(cid_range_excluded_from(&r, 20), 1);
	ck_assert_uint_eq(cid_range_excluded_from(&r, 4294967295u), 3);
	cid_range_free(&r);
}
END_TEST

/* A random list of spans over 0..255, and the same as a table of booleans. */
static size_t random_spans(struct rng *rng, struct cid_span *spans, bool excluded[256])
{
	size_t count = (size_t)rng_below(rng, 12);

	memset(excluded, 0, 256 * sizeof(bool));
	for (size_t i = 0; i < count; i++) {
		spans[i].first = (uint32_t)rng_below(rng, 256);
		spans[i].last = spans[i].first + (uint32_t)rng_below(rng, 20);
		for (uint32_t cid = spans[i].first; cid <= spans[i].last && cid < 256; cid++)
			excluded[cid] = true;
	}
	return count;
}

START_TEST(random_ranges_agree_with_a_table_of_booleans)
{
	struct rng rng;

	rng_init_seeded(&rng, 11);
	for (int round = 0; round < 2000; round++) {
		struct cid_span spans[16];
		bool excluded[256];
		uint32_t min = 3 + (uint32_t)rng_below(&rng, 250);
		uint32_t max = min + (uint32_t)rng_below(&rng, 256 - min);
		uint32_t low = (uint32_t)rng_below(&rng, 256);
		uint32_t high = low + (uint32_t)rng_below(&rng, 256 - low);
		size_t count = random_spans(&rng, spans, excluded);
		uint64_t size = 0;
		uint64_t within = 0;
		struct cid_range r;

		for (uint32_t cid = min; cid <= max; cid++) {
			size += !excluded[cid];
			within += excluded[cid] && cid >= low && cid <= high;
		}
		ck_assert_int_eq(cid_range_init(&r, min, max, spans, count, NULL), size > 0 ? 0 : -EINVAL);
		if (size == 0)
			continue;
		for (uint32_t cid = 0; cid < 256; cid++)
			ck_assert_int_eq(cid_range_contains(&r, cid),
					 cid >= min && cid <= max && !excluded[cid]);
		ck_assert_uint_eq(cid_range_size(&r), size);
		ck_assert_uint_eq(cid_range_excluded_within(&r, low, high), within);
		cid_range_free(&r);
	}
}
END_TEST

START_TEST(a_list_is_parsed_in_the_order_written)
{
	struct cid_span spans[CID_RANGE_MAX_EXCLUDED];
	size_t count;

	ck_assert_int_eq(cid_range_parse_exclusions("2000-2999,100,0-4294967295", spans, &count, NULL), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(spans[0].first, 2000);
	ck_assert_uint_eq(spans[0].last, 2999);
	ck_assert_uint_eq(spans[1].first, 100);
	ck_assert_uint_eq(spans[1].last, 100);
	ck_assert_uint_eq(spans[2].first, 0);
	ck_assert_uint_eq(spans[2].last, 4294967295u);
}
END_TEST

START_TEST(a_malformed_list_is_refused_with_the_entry_named)
{
	static const char *const bad[] = {
		"",
		"1,",
		",1",
		"1,,2",
		"1-",
		"-1",
		"1-2-3",
		"3-2",
		"4294967296",
		"0x10",
		"1 ,2",
		" 1",
		"1.5",
		"99999999999999999999",
		"1-4294967296",
		"a",
	};
	struct cid_span spans[CID_RANGE_MAX_EXCLUDED];
	size_t count = 77;
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_int_eq(cid_range_parse_exclusions(bad[i], spans, &count, &err), -EINVAL);
		ck_assert_uint_eq(count, 77);
	}
	ck_assert_int_eq(cid_range_parse_exclusions("1,2x,3", spans, &count, &err), -EINVAL);
	ck_assert_str_eq(err.message, "'2x' is neither a CID nor a range of CIDs");
}
END_TEST

START_TEST(a_list_has_at_most_1024_entries)
{
	struct cid_span spans[CID_RANGE_MAX_EXCLUDED];
	AUTO_BUF struct buf text;
	size_t count;

	buf_init(&text, 65536);
	ck_assert_int_eq(buf_add_str(&text, "5"), 0);
	for (int i = 1; i < 1024; i++)
		ck_assert_int_eq(buf_printf(&text, ",%d", i), 0);
	ck_assert_int_eq(cid_range_parse_exclusions(buf_str(&text), spans, &count, NULL), 0);
	ck_assert_uint_eq(count, 1024);
	ck_assert_int_eq(buf_add_str(&text, ",7"), 0);
	ck_assert_int_eq(cid_range_parse_exclusions(buf_str(&text), spans, &count, NULL), -EINVAL);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_range_contains_both_ends_and_nothing_beyond,    a_range_of_one_cid_is_possible,
		reserved_cids_and_inverted_ranges_are_refused,    exclusions_are_sorted_merged_and_clipped,
		a_range_of_which_nothing_is_left_is_refused,      excluded_cids_are_counted_within_bounds,
		random_ranges_agree_with_a_table_of_booleans,     a_list_is_parsed_in_the_order_written,
		a_malformed_list_is_refused_with_the_entry_named, a_list_has_at_most_1024_entries,
	};

	return suite_run("cid_range", tests, ARRAY_LEN(tests));
}
