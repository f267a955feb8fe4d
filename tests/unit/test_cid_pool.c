#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "cid/pool.h"
#include "cid/quarantine.h"
#include "support/suite.h"

static struct cid_range range;
static struct cid_pool *pool;
static struct rng rng;

static void given_range(uint32_t min, uint32_t max, const struct cid_span *excluded, size_t count)
{
	ck_assert_int_eq(cid_range_init(&range, min, max, excluded, count, NULL), 0);
	ck_assert_int_eq(cid_pool_create(&pool, &range, 99), 0);
	rng_init_seeded(&rng, 1);
}

/* Draws a CID and takes it. */
static int draw(uint32_t *cid)
{
	int rc = cid_pool_draw(pool, &rng, cid);

	if (rc == 0) {
		ck_assert(!cid_pool_is_taken(pool, *cid));
		ck_assert_int_eq(cid_pool_take(pool, *cid), 1);
	}
	return rc;
}

static void assert_valid(void)
{
	const char *reason = NULL;

	ck_assert_msg(cid_pool_validate(pool, &reason), "%s", reason);
}

static void done(void)
{
	assert_valid();
	cid_pool_free(pool);
	cid_range_free(&range);
}

START_TEST(every_cid_of_the_stripe_is_drawn_once_and_no_other)
{
	const struct cid_span excluded[] = {{100 + 3 * CID_STRIPES, 100 + 3 * CID_STRIPES}};
	bool seen[64] = {false};
	uint32_t cid;

	given_range(3, 64 * CID_STRIPES - 1, excluded, 1);
	cid_pool_set_stripe(pool, 100);
	for (int i = 0; i < 63; i++) {
		ck_assert_int_eq(draw(&cid), 0);
		ck_assert_uint_eq(cid_stripe_of(cid), 100);
		ck_assert_uint_ne(cid, excluded[0].first);
		ck_assert(!seen[cid / CID_STRIPES]);
		seen[cid / CID_STRIPES] = true;
	}
	ck_assert_int_eq(draw(&cid), -ENOSPC);
	done();
}
END_TEST

START_TEST(reserved_cids_of_the_lowest_stripes_are_never_drawn)
{
	uint32_t cid;

	given_range(3, 4294967294u, NULL, 0);
	for (uint32_t stripe = 0; stripe < 4; stripe++)
		ck_assert_uint_eq(cid_pool_stripe_size(pool, stripe), stripe < 3 ? 131071 : 131072);
	ck_assert_uint_eq(cid_pool_stripe_size(pool, 32767), 131071);
	cid_pool_set_stripe(pool, 32767);
	for (int i = 0; i < 131071; i++) {
		ck_assert_int_eq(draw(&cid), 0);
		ck_assert_uint_ne(cid, 4294967295u);
	}
	ck_assert_int_eq(draw(&cid), -ENOSPC);
	done();
}
END_TEST

START_TEST(a_draw_favours_no_value_behind_a_long_run_of_taken_ones)
{
	unsigned int first = 0;

	given_range(3, 1024 * CID_STRIPES - 1, NULL, 0);
	cid_pool_set_stripe(pool, 7);
	for (uint32_t slot = 0; slot < 1024; slot++)
		if (slot != 500 && slot != 999)
			cid_pool_take(pool, slot * CID_STRIPES + 7);
	for (int i = 0; i < 2000; i++) {
		uint32_t cid;

		ck_assert_int_eq(draw(&cid), 0);
		first += cid / CID_STRIPES == 500;
		cid_pool_release(pool, cid);
	}
	ck_assert_uint_gt(first, 850);
	ck_assert_uint_lt(first, 1150);
	done();
}
END_TEST

START_TEST(values_outside_the_range_are_held_but_not_counted)
{
	given_range(1000, 1000000 + CID_STRIPES * 64, NULL, 0);
	ck_assert(cid_pool_take(pool, 2));
	ck_assert(!cid_pool_take(pool, 2));
	ck_assert(cid_pool_take(pool, 4294967295u));
	ck_assert_uint_eq(cid_pool_available(pool), cid_range_size(&range));
	ck_assert(cid_pool_release(pool, 2));
	ck_assert(!cid_pool_release(pool, 2));
	done();
}
END_TEST

START_TEST(the_next_stripe_with_a_free_cid_is_found_round_the_end)
{
	uint32_t stripe = 0;

	given_range(3, 40 * CID_STRIPES - 1, NULL, 0);
	for (uint32_t cid = 3; cid < 40 * CID_STRIPES; cid++)
		if (cid_stripe_of(cid) != 5)
			cid_pool_take(pool, cid);
	ck_assert_int_eq(cid_pool_next_stripe(pool, 9, &stripe), 0);
	ck_assert_uint_eq(stripe, 5);
	for (uint32_t slot = 0; slot < 40; slot++)
		cid_pool_take(pool, slot * CID_STRIPES + 5);
	ck_assert_int_eq(cid_pool_next_stripe(pool, 9, &stripe), -ENOSPC);
	ck_assert_uint_eq(cid_pool_available(pool), 0);
	done();
}
END_TEST

/* Every stripe's figures against a count of single CIDs. */
static void assert_stripes(const bool *taken, uint32_t len)
{
	static uint32_t size[CID_STRIPES];
	static uint32_t free_ones[CID_STRIPES];
	uint64_t available = 0;

	memset(size, 0, sizeof(size));
	memset(free_ones, 0, sizeof(free_ones));
	for (uint32_t cid = range.min; cid <= range.max && cid < len; cid++) {
		size[cid_stripe_of(cid)]++;
		if (cid_range_contains(&range, cid) && !taken[cid]) {
			free_ones[cid_stripe_of(cid)]++;
			available++;
		}
	}
	for (uint32_t stripe = 0; stripe < CID_STRIPES; stripe++) {
		ck_assert_uint_eq(cid_pool_stripe_size(pool, stripe), size[stripe]);
		ck_assert_uint_eq(cid_pool_stripe_free(pool, stripe), free_ones[stripe]);
	}
	ck_assert_uint_eq(cid_pool_available(pool), available);
}

START_TEST(excluded_cids_count_as_used_wherever_their_spans_begin_and_end)
{
	static const struct cid_span spans[][2] = {
		{{5, 5}, {CID_STRIPES - 1, CID_STRIPES - 1}},
		{{CID_STRIPES, 2 * CID_STRIPES - 1}, {3 * CID_STRIPES, 3 * CID_STRIPES}},
		{{100, CID_STRIPES - 1}, {2 * CID_STRIPES - 7, 5 * CID_STRIPES + 7}},
		{{32760, 32780 + 3 * CID_STRIPES}, {5 * CID_STRIPES - 1, 5 * CID_STRIPES}},
	};
	static const bool none[6 * CID_STRIPES];

	for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
		given_range(3, 6 * CID_STRIPES - 1, spans[i], 2);
		assert_stripes(none, ARRAY_LEN(none));
		done();
	}
}
END_TEST

START_TEST(an_exclusion_at_the_top_of_all_cids_takes_nothing_else)
{
	const struct cid_span excluded[] = {{4294967000u, 4294967000u}, {4294967290u, 4294967294u}};
	uint32_t cid;

	given_range(3, 4294967294u, excluded, 2);
	for (uint32_t stripe = 0; stripe < CID_STRIPES; stripe += stripe < 32000 ? 997 : 1) {
		cid_pool_set_stripe(pool, stripe);
		ck_assert_int_eq(draw(&cid), 0);
	}
	done();
}
END_TEST

/* Another range, with other exclusions, is in force from now on. */
static void change_range(void)
{
	uint32_t min = 3 + (uint32_t)rng_below(&rng, 20 * CID_STRIPES);
	uint32_t max = min + (uint32_t)rng_below(&rng, 20 * CID_STRIPES - 3);
	struct cid_span excluded = {.first = (uint32_t)rng_below(&rng, 40 * CID_STRIPES)};
	struct cid_range before = range;

	excluded.last = excluded.first + (uint32_t)rng_below(&rng, 3 * CID_STRIPES);
	if (cid_range_init(&range, min, max, &excluded, 1, NULL) != 0)
		return;
	cid_pool_set_range(pool, &range);
	cid_range_free(&before);
}

START_TEST(random_changes_agree_with_a_plain_array)
{
	const struct cid_span excluded[] = {{70000, 190000}, {200000, 200000}};
	static bool taken[40 * CID_STRIPES];

	given_range(3, 40 * CID_STRIPES - 1, excluded, 2);
	for (int step = 0; step < 60000; step++) {
		if (step % 3000 == 2999)
			change_range();
		uint32_t cid = (uint32_t)rng_below(&rng, 40 * CID_STRIPES);

		switch (rng_below(&rng, 4)) {
		case 0:
			ck_assert_int_eq(cid_pool_take(pool, cid), !taken[cid]);
			taken[cid] = true;
			break;
		case 1:
			ck_assert_int_eq(cid_pool_release(pool, cid), taken[cid]);
			taken[cid] = false;
			break;
		case 2:
			if (draw(&cid) != 0)
				break;
			ck_assert(!taken[cid]);
			ck_assert(cid_range_contains(&range, cid));
			taken[cid] = true;
			break;
		default:
			if (step % 50 == 0)
				cid_pool_set_stripe(pool, (uint32_t)rng_below(&rng, CID_STRIPES));
			ck_assert_int_eq(cid_pool_is_taken(pool, cid), taken[cid]);
		}
		if (step % 5000 == 0)
			assert_valid();
	}
	assert_stripes(taken, ARRAY_LEN(taken));
	done();
}
END_TEST

START_TEST(a_cid_rests_exactly_as_long_as_it_must)
{
	struct cid_quarantine *q;
	uint32_t cid = 0;

	ck_assert_int_eq(cid_quarantine_create(&q, 60000, 99), 0);
	ck_assert_int_eq(cid_quarantine_add(q, 4, 1000), 0);
	ck_assert_uint_eq(cid_quarantine_next_ms(q), 61000);
	ck_assert(!cid_quarantine_pop(q, 60999, &cid));
	ck_assert(cid_quarantine_pop(q, 61000, &cid));
	ck_assert_uint_eq(cid, 4);
	ck_assert(!cid_quarantine_pop(q, 99999, &cid));
	ck_assert_uint_eq(cid_quarantine_next_ms(q), UINT64_MAX);
	cid_quarantine_free(q);
}
END_TEST

START_TEST(a_cid_that_comes_in_again_rests_anew)
{
	struct cid_quarantine *q;
	uint32_t cid = 0;

	ck_assert_int_eq(cid_quarantine_create(&q, 60000, 99), 0);
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_int_eq(cid_quarantine_add(q, 10 + i, i), 0);
	ck_assert_int_eq(cid_quarantine_add(q, 10, 30000), 0);
	cid_quarantine_withdraw(q, 11);
	ck_assert_uint_eq(cid_quarantine_count(q), 999);
	for (uint32_t i = 2; i < 1000; i++) {
		ck_assert(cid_quarantine_pop(q, 61000, &cid));
		ck_assert_uint_eq(cid, 10 + i);
	}
	ck_assert(!cid_quarantine_pop(q, 89999, &cid));
	ck_assert(cid_quarantine_pop(q, 90000, &cid));
	ck_assert_uint_eq(cid, 10);
	cid_quarantine_free(q);
}
END_TEST

START_TEST(another_rest_counts_for_those_that_rest_already)
{
	struct cid_quarantine *q;
	uint32_t cid = 0;

	ck_assert_int_eq(cid_quarantine_create(&q, 60000, 99), 0);
	ck_assert_int_eq(cid_quarantine_add(q, 4, 1000), 0);
	cid_quarantine_set_rest(q, 5000);
	ck_assert_uint_eq(cid_quarantine_next_ms(q), 6000);
	ck_assert_int_eq(cid_quarantine_add(q, 5, 2000), 0);
	cid_quarantine_set_rest(q, 90000);
	ck_assert(!cid_quarantine_pop(q, 90999, &cid));
	ck_assert(cid_quarantine_pop(q, 91000, &cid));
	ck_assert_uint_eq(cid, 4);
	ck_assert_uint_eq(cid_quarantine_next_ms(q), 92000);
	cid_quarantine_free(q);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		every_cid_of_the_stripe_is_drawn_once_and_no_other,
		reserved_cids_of_the_lowest_stripes_are_never_drawn,
		a_draw_favours_no_value_behind_a_long_run_of_taken_ones,
		values_outside_the_range_are_held_but_not_counted,
		the_next_stripe_with_a_free_cid_is_found_round_the_end,
		excluded_cids_count_as_used_wherever_their_spans_begin_and_end,
		an_exclusion_at_the_top_of_all_cids_takes_nothing_else,
		random_changes_agree_with_a_plain_array,
		a_cid_rests_exactly_as_long_as_it_must,
		a_cid_that_comes_in_again_rests_anew,
		another_rest_counts_for_those_that_rest_already,
	};

	return suite_run("cid_pool", tests, ARRAY_LEN(tests));
}
