#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/rng.h"
#include "kube/rv.h"
#include "support/suite.h"

static int order(const char *a, const char *b)
{
	int forth = 0;
	int back = 0;

	ck_assert(rv_compare(a, b, &forth));
	ck_assert(rv_compare(b, a, &back));
	ck_assert_msg((forth < 0) == (back > 0) && (forth == 0) == (back == 0), "%s, %s: not symmetric", a,
		      b);
	return forth;
}

static bool comparable(const char *a, const char *b)
{
	int forth = 7;
	int back = 7;
	bool there = rv_compare(a, b, &forth);

	ck_assert_int_eq(rv_compare(b, a, &back), there);
	if (!there) {
		ck_assert_int_eq(forth, 0);
		ck_assert_int_eq(back, 0);
	}
	return there;
}

START_TEST(a_longer_number_is_newer)
{
	ck_assert_int_lt(order("9", "10"), 0);
	ck_assert_int_gt(order("100000", "99999"), 0);
}
END_TEST

START_TEST(numbers_of_the_same_length_compare_by_digits)
{
	ck_assert_int_lt(order("10", "11"), 0);
	ck_assert_int_gt(order("200", "199"), 0);
	ck_assert_int_eq(order("4711", "4711"), 0);
}
END_TEST

START_TEST(numbers_of_128_bit_compare)
{
	ck_assert_int_lt(
		order("340282366920938463463374607431768211454", "340282366920938463463374607431768211455"),
		0);
	ck_assert_int_lt(order("18446744073709551615", "18446744073709551616"), 0);
	ck_assert_int_gt(order("340282366920938463463374607431768211455", "9223372036854775807"), 0);
}
END_TEST

START_TEST(malformed_ones_are_only_equal_or_not)
{
	static const char *const malformed[] = {"", "0", "01", "-1", "+1", " 1", "1 ", "1.5", "abc", "12a"};

	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		ck_assert_msg(!comparable(malformed[i], "2"), "%s", malformed[i]);
		ck_assert_int_eq(order(malformed[i], malformed[i]), 0);
	}
	ck_assert(!comparable("abc", "abd"));
}
END_TEST

START_TEST(comparing_agrees_with_integers)
{
	struct rng rng;

	rng_init_seeded(&rng, 12);
	for (int i = 0; i < 20000; i++) {
		uint64_t a = (rng_u64(&rng) >> rng_below(&rng, 63)) | 1;
		uint64_t b = rng_below(&rng, 4) == 0 ? a + rng_below(&rng, 3) : (rng_u64(&rng) >> 30) | 1;
		char ta[32];
		char tb[32];
		int got;

		(void)snprintf(ta, sizeof(ta), "%llu", (unsigned long long)a);
		(void)snprintf(tb, sizeof(tb), "%llu", (unsigned long long)b);
		got = order(ta, tb);
		ck_assert_msg((got > 0) - (got < 0) == (a > b) - (a < b), "%s, %s: %d", ta, tb, got);
	}
}
END_TEST

START_TEST(what_is_read_is_what_stood_there)
{
	char rv[RV_SIZE];
	char longest[RV_SIZE + 1];

	rv_read(rv, "12345xyz", 5);
	ck_assert_str_eq(rv, "12345");
	rv_read(rv, "opaque-1", 8);
	ck_assert_str_eq(rv, "opaque-1");
	memset(longest, '7', sizeof(longest));
	rv_read(rv, longest, RV_SIZE - 1);
	ck_assert_uint_eq(strlen(rv), RV_SIZE - 1);
}
END_TEST

START_TEST(what_is_no_position_is_read_as_none)
{
	char rv[RV_SIZE];
	char longest[RV_SIZE + 1];

	memset(longest, '7', sizeof(longest));
	rv_read(rv, longest, RV_SIZE);
	ck_assert_str_eq(rv, "");
	rv_read(rv, "1\0002", 3);
	ck_assert_str_eq(rv, "");
	rv_read(rv, "0", 1); /* a server reads it as "any" */
	ck_assert_str_eq(rv, "");
	rv_read(rv, "", 0);
	ck_assert_str_eq(rv, "");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_longer_number_is_newer,
		numbers_of_the_same_length_compare_by_digits,
		numbers_of_128_bit_compare,
		malformed_ones_are_only_equal_or_not,
		comparing_agrees_with_integers,
		what_is_read_is_what_stood_there,
		what_is_no_position_is_read_as_none,
	};

	return suite_run("kube_rv", tests, ARRAY_LEN(tests));
}
