#include "cid/cid_set.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "base/rng.h"
#include "support/suite.h"

START_TEST(every_value_can_be_a_member)
{
	static const uint32_t cids[] = {0, 1, 2, 3, 32768, 2147483647, 4294967294, 4294967295};
	struct cid_set s;

	ck_assert_int_eq(cid_set_init(&s, 5), 0);
	for (size_t i = 0; i < ARRAY_LEN(cids); i++) {
		ck_assert(!cid_set_has(&s, cids[i]));
		ck_assert(!cid_set_remove(&s, cids[i]));
		ck_assert_int_eq(cid_set_add(&s, cids[i]), 1);
		ck_assert_int_eq(cid_set_add(&s, cids[i]), 0);
		ck_assert(cid_set_has(&s, cids[i]));
		ck_assert_uint_eq(cid_set_count(&s), i + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(cids); i++) {
		ck_assert(cid_set_remove(&s, cids[i]));
		ck_assert(!cid_set_has(&s, cids[i]));
	}
	ck_assert_uint_eq(cid_set_count(&s), 0);
	cid_set_close(&s);
}
END_TEST

struct seen {
	uint8_t times[2048];
	size_t count;
};

static void see(void *data, uint32_t cid)
{
	struct seen *seen = data;

	ck_assert_uint_lt(cid, sizeof(seen->times));
	seen->times[cid]++;
	seen->count++;
}

/* Few values and many changes, so that rows of used places grow together, wrap round the end and break apart.
 */
START_TEST(random_changes_agree_with_a_plain_array)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		static bool member[2048];
		struct rng rng;
		struct cid_set s;
		struct seen seen = {.count = 0};
		size_t len = 0;

		memset(member, 0, sizeof(member));
		rng_init_seeded(&rng, seed);
		ck_assert_int_eq(cid_set_init(&s, seed), 0);
		for (int i = 0; i < 20000; i++) {
			uint32_t cid = (uint32_t)rng_below(&rng, seed % 2 == 0 ? 90 : 2048);

			ck_assert_int_eq(cid_set_has(&s, cid), member[cid]);
			if (rng_below(&rng, 2) == 0) {
				ck_assert_int_eq(cid_set_add(&s, cid), !member[cid]);
				len += !member[cid];
				member[cid] = true;
			} else {
				ck_assert_int_eq(cid_set_remove(&s, cid), member[cid]);
				len -= member[cid];
				member[cid] = false;
			}
			ck_assert_uint_eq(cid_set_count(&s), len);
		}
		cid_set_visit(&s, see, &seen);
		ck_assert_uint_eq(seen.count, len);
		for (size_t i = 0; i < ARRAY_LEN(member); i++)
			ck_assert_uint_eq(seen.times[i], member[i]);
		cid_set_close(&s);
	}
}
END_TEST

START_TEST(a_member_takes_less_than_seven_bytes)
{
	struct cid_set s;
	struct rng rng;

	rng_init_seeded(&rng, 1);
	ck_assert_int_eq(cid_set_init(&s, 1), 0);
	while (cid_set_count(&s) < 200000)
		ck_assert_int_ge(cid_set_add(&s, (uint32_t)rng_u64(&rng)), 0);
	ck_assert_uint_lt(s.room * sizeof(*s.places), 7 * cid_set_count(&s));
	cid_set_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		every_value_can_be_a_member,
		random_changes_agree_with_a_plain_array,
		a_member_takes_less_than_seven_bytes,
	};

	return suite_run("cid_set", tests, ARRAY_LEN(tests));
}
