/* The allocator: the right to write, and which stripe it draws from (DESIGN "Term stripes"). */
#include "test_allocator_fixture.h"

#include "cid/pool.h"
#include "controller/vmi_store.h"

#define STRIPE_SIZE 8

/* A range with STRIPE_SIZE CIDs of each stripe. */
static void given_small_stripes(const struct cid_span *excluded)
{
	given_allocator_of(CID_STRIPES, (STRIPE_SIZE + 1) * CID_STRIPES - 1, excluded, 16);
}

static uint32_t cid_of(uint32_t stripe, uint32_t i)
{
	return (i + 1) * CID_STRIPES + stripe % CID_STRIPES;
}

/* Running VMIs have the first @count CIDs of @stripe. */
static void fill(uint32_t stripe, uint32_t count)
{
	char uid[32];

	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(uid, sizeof(uid), "s%u-%u", stripe % CID_STRIPES, i);
		see(vmi_holding(uid, VMI_PHASE_RUNNING, cid_of(stripe, i)), 0);
	}
}

/* Running VMIs have all CIDs of @stripe but @cid. */
static void fill_but(uint32_t stripe, uint32_t cid)
{
	char uid[32];

	for (uint32_t i = 0; i < STRIPE_SIZE; i++) {
		(void)snprintf(uid, sizeof(uid), "s%u-%u", stripe, i);
		if (cid_of(stripe, i) != cid)
			see(vmi_holding(uid, VMI_PHASE_RUNNING, cid_of(stripe, i)), 0);
	}
}

/* And of the @count stripes from @first on. */
static void fill_many(uint32_t first, uint32_t count, uint32_t each)
{
	for (uint32_t i = 0; i < count; i++)
		fill(first + i, each);
}

static void end(uint32_t stripe, uint32_t i, uint64_t now_ms)
{
	struct vmi v;
	char uid[32];

	(void)snprintf(uid, sizeof(uid), "s%u-%u", stripe, i);
	v = vmi_holding(uid, VMI_PHASE_RUNNING, cid_of(stripe, i));
	allocator_vmi_gone(a, &v, now_ms);
}

/* ---- the right to write ---- */

START_TEST(i1_what_was_asked_for_in_an_earlier_term_is_not_asked_for_again)
{
	struct vmi v = vmi_with("a", VMI_PHASE_PENDING);
	uint64_t now_ms;

	given_leader();
	see(v, 0);
	expect_patch("a", 0);
	ck_assert_uint_eq(cid_stripe_of(wish.cid), 5);
	answer(ANSWER_UNKNOWN, NULL, 0);
	allocator_set_term(a, 6);
	now_ms = wait_for_wish(0);
	ck_assert_int_eq(wish.kind, WISH_READ);
	v = vmi_with("a", VMI_PHASE_PENDING);
	answer(ANSWER_OBJECT, &v, now_ms);
	expect_patch("a", now_ms);
	ck_assert_uint_eq(cid_stripe_of(wish.cid), 6);
	done();
}
END_TEST

START_TEST(i1_nothing_is_wished_once_the_right_to_write_has_ended)
{
	struct vmi v;

	given_leader();
	allocator_set_right(a, 1000);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_PENDING), 0);
	expect_patch("a", 999);
	expect_nothing(1000);
	/* Neither is it read back what became of the write. */
	answer(ANSWER_TEST_FAILED, NULL, 1000);
	expect_nothing(1000);
	allocator_set_right(a, 2000);
	expect_read("a", 1500);
	v = vmi_holding("a", VMI_PHASE_PENDING, 77);
	answer(ANSWER_OBJECT, &v, 1500);
	expect_patch("b", 1999);
	allocator_set_right(a, 0);
	see(vmi_with("c", VMI_PHASE_PENDING), 0);
	expect_nothing(0);
	done();
}
END_TEST

START_TEST(there_is_no_right_at_the_start_and_a_right_without_a_term_is_none)
{
	given_allocator(4);
	allocator_list_started(a);
	allocator_list_done(a, "100", 0);
	allocator_set_gate(a, true);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	allocator_set_term(a, 5);
	expect_nothing(0);
	allocator_clear_term(a);
	allocator_set_right(a, UINT64_MAX);
	expect_nothing(0);
	allocator_set_term(a, 6);
	expect_patch("a", 0);
	answer(ANSWER_TEST_FAILED, NULL, 0);
	allocator_clear_term(a);
	expect_nothing(0);
	done();
}
END_TEST

START_TEST(the_deadline_moves_on_though_the_right_has_ended)
{
	const struct answer later = {.kind = ANSWER_LATER, .retry_ms = 7000, .text = ""};

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	answer(ANSWER_REFUSED, NULL, 0);
	expect_patch("b", 0);
	allocator_answer(a, wish.ticket, &later, 0);
	allocator_set_right(a, 100);
	for (int i = 0; allocator_deadline(a) != UINT64_MAX; i++) {
		uint64_t now_ms = allocator_deadline(a);

		ck_assert_int_lt(i, 3);
		allocator_tick(a, now_ms);
		expect_nothing(now_ms);
		ck_assert_uint_gt(allocator_deadline(a), now_ms);
	}
	done();
}
END_TEST

/* ---- pressed ---- */

START_TEST(a_stripe_is_pressed_when_more_than_half_of_it_is_used)
{
	struct allocator_stats stats;

	given_small_stripes(NULL);
	ck_assert(!allocator_is_pressed(a)); /* no term, no stripe */
	lead(CID_STRIPES + 5);
	fill(6, STRIPE_SIZE);
	fill(5, STRIPE_SIZE / 2);
	ck_assert(!allocator_is_pressed(a));
	see(vmi_holding("one more", VMI_PHASE_RUNNING, cid_of(5, STRIPE_SIZE - 1)), 0);
	ck_assert(allocator_is_pressed(a));
	allocator_stats(a, &stats);
	ck_assert(stats.stripe_pressed);
	ck_assert_uint_eq(stats.stripe_size, STRIPE_SIZE);
	ck_assert_uint_eq(stats.stripe_used, STRIPE_SIZE / 2 + 1);
	allocator_set_term(a, 7);
	ck_assert(!allocator_is_pressed(a));
	allocator_set_term(a, 5);
	allocator_clear_term(a);
	ck_assert(!allocator_is_pressed(a));
	allocator_stats(a, &stats);
	ck_assert_uint_eq(stats.stripe_size + stats.stripe_used + stats.stripe_pressed, 0);
	done();
}
END_TEST

START_TEST(what_rests_and_what_is_excluded_counts_as_used)
{
	const struct cid_span excluded = {cid_of(5, 0), cid_of(5, 0)};

	given_small_stripes(&excluded);
	lead(5);
	fill(5, STRIPE_SIZE / 2); /* one of them is excluded */
	ck_assert(!allocator_is_pressed(a));
	see(vmi_holding("next", VMI_PHASE_RUNNING, cid_of(5, 6)), 0);
	ck_assert(allocator_is_pressed(a));
	end(5, 1, 0);
	ck_assert(allocator_is_pressed(a));
	allocator_tick(a, QUARANTINE_MS);
	ck_assert(!allocator_is_pressed(a));
	done();
}
END_TEST

START_TEST(the_step_is_the_smallest_to_a_stripe_that_is_under_half_used)
{
	given_small_stripes(NULL);
	lead(5);
	ck_assert_uint_eq(allocator_raise_step(a, 5), 1);
	fill(6, STRIPE_SIZE);
	fill_many(7, 2, STRIPE_SIZE / 2);
	fill(9, STRIPE_SIZE / 2 - 1);
	ck_assert_uint_eq(allocator_raise_step(a, 5), 4);
	ck_assert_uint_eq(allocator_raise_step(a, 9), 1);
	fill_many(9, 5 + 64 - 9, STRIPE_SIZE / 2);
	ck_assert_uint_eq(allocator_raise_step(a, 5), 64);
	fill(5 + 64, STRIPE_SIZE / 2);
	ck_assert_uint_eq(allocator_raise_step(a, 5), 0);
	ck_assert_uint_eq(allocator_raise_step(a, 6), 64);
	done();
}
END_TEST

START_TEST(the_step_goes_round_the_end_of_the_terms)
{
	given_small_stripes(NULL);
	lead(5);
	fill_many(CID_STRIPES - 2, 3, STRIPE_SIZE);
	ck_assert_uint_eq(allocator_raise_step(a, 2147483645), 4); /* to term 1 */
	ck_assert_uint_eq(allocator_raise_step(a, 2147483647), 2);
	ck_assert_uint_eq(allocator_raise_step(a, 0), 1);
	done();
}
END_TEST

/* ---- a stripe that is used up ---- */

START_TEST(i1_nothing_is_drawn_from_a_stripe_that_is_used_up_until_the_term_is_raised)
{
	given_small_stripes(NULL);
	lead(5);
	fill(5, STRIPE_SIZE);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_PENDING), 0);
	expect_nothing(0);
	see(vmi_with("urgent", VMI_PHASE_SCHEDULING), 0);
	expect_nothing(0);
	ck_assert_uint_eq(told[NOTICE_EXHAUSTED], 0);
	ck_assert_uint_eq(allocator_deadline(a), UINT64_MAX); /* no spinning: the raising is a fact */
	see(vmi_with("c", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_SCHEDULING), 0);
	allocator_set_term(a, 6);
	expect_patch("urgent", 0);
	ck_assert_uint_eq(cid_stripe_of(wish.cid), 6);
	expect_patch("b", 0);
	expect_patch("a", 0);
	expect_patch("c", 0);
	ck_assert_uint_eq(cid_stripe_of(wish.cid), 6);
	expect_nothing(0);
	done();
}
END_TEST

START_TEST(who_asks_again_for_the_same_cid_need_not_wait_for_the_term)
{
	struct vmi v;
	uint32_t cid;

	given_small_stripes(NULL);
	lead(5);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	cid = wish.cid;
	answer(ANSWER_TEST_FAILED, NULL, 0);
	fill_but(5, cid);
	see(vmi_with("b", VMI_PHASE_SCHEDULING), 0);
	expect_read("a", 0);
	v = vmi_with("a", VMI_PHASE_PENDING);
	answer(ANSWER_OBJECT, &v, 0);
	expect_patch("a", 0);
	ck_assert_uint_eq(wish.cid, cid);
	expect_nothing(0);
	done();
}
END_TEST

START_TEST(a_cid_of_the_own_stripe_that_has_rested_ends_the_wait)
{
	given_small_stripes(NULL);
	lead(5);
	fill(5, STRIPE_SIZE);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_PENDING), 0);
	expect_nothing(0);
	end(5, 3, 100);
	expect_nothing(100);
	ck_assert_uint_eq(allocator_deadline(a), 100 + QUARANTINE_MS);
	ck_assert_uint_eq(wait_for_wish(100), 100 + QUARANTINE_MS);
	ck_assert_str_eq(wish.uid, "a");
	ck_assert_uint_eq(wish.cid, cid_of(5, 3));
	expect_nothing(100 + QUARANTINE_MS);
	done();
}
END_TEST

START_TEST(who_waits_for_the_term_is_not_forgotten_over_a_pause_of_the_server)
{
	const struct answer later = {.kind = ANSWER_LATER, .retry_ms = 7000, .text = ""};

	given_small_stripes(NULL);
	lead(5);
	see(vmi_with("first", VMI_PHASE_PENDING), 0);
	expect_patch("first", 0);
	fill_but(5, wish.cid);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_nothing(0);
	allocator_answer(a, wish.ticket, &later, 0);
	see(vmi_holding("first", VMI_PHASE_PENDING, wish.cid), 1);
	allocator_set_term(a, 6);
	expect_nothing(1);
	ck_assert_uint_eq(wait_for_wish(1), 7000);
	ck_assert_str_eq(wish.uid, "a");
	done();
}
END_TEST

START_TEST(a_range_that_is_nearly_full_is_drawn_from_elsewhere)
{
	uint32_t cid;

	given_small_stripes(NULL);
	lead(5);
	fill(5, STRIPE_SIZE);
	fill_many(6, 63, STRIPE_SIZE / 2);
	fill(69, STRIPE_SIZE / 2 - 1);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_PENDING), 0);
	expect_nothing(0);
	see(vmi_holding("last", VMI_PHASE_RUNNING, cid_of(69, STRIPE_SIZE - 1)), 0);
	expect_patch("a", 0); /* no step helps any more */
	cid = wish.cid;
	ck_assert_uint_ne(cid_stripe_of(cid), 5);
	end(5, 3, 0);
	allocator_tick(a, QUARANTINE_MS);
	expect_patch("b", QUARANTINE_MS); /* back in its own, as soon as that has one */
	ck_assert_uint_eq(wish.cid, cid_of(5, 3));
	see(vmi_with("c", VMI_PHASE_PENDING), 0);
	end(69, 0, QUARANTINE_MS);
	expect_patch("c", QUARANTINE_MS); /* still resting */
	ck_assert_uint_ne(cid_stripe_of(wish.cid), 5);
	allocator_tick(a, 2 * QUARANTINE_MS);
	see(vmi_with("d", VMI_PHASE_PENDING), 2 * QUARANTINE_MS);
	expect_nothing(2 * QUARANTINE_MS); /* now one helps */
	ck_assert_uint_eq(allocator_raise_step(a, 5), 64);
	done();
}
END_TEST

START_TEST(who_waits_goes_by_the_term_that_the_lease_shows)
{
	given_small_stripes(NULL);
	lead(5);
	fill(5, STRIPE_SIZE);
	fill_many(10, 64, STRIPE_SIZE / 2);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_PENDING), 0);
	expect_nothing(0);
	/* A raising was done, but its answer lost: no next one helps. */
	ck_assert_uint_eq(allocator_raise_step(a, 9), 0);
	expect_patch("a", 0);
	ck_assert_uint_eq(allocator_raise_step(a, 8), 1);
	expect_nothing(0);
	allocator_set_term(a, 9);
	expect_patch("b", 0);
	ck_assert_uint_eq(cid_stripe_of(wish.cid), 9);
	done();
}
END_TEST

/* Forty VMIs in the smallest range, whose stripes have 32 CIDs: each round of tries presses the stripe. */
static void check_growth(enum answer_kind kind)
{
	uint32_t term = 5;
	uint64_t most = 0;

	given_allocator_of(3, 3 + (1u << 20) - 1, NULL, 16);
	lead(term);
	for (int i = 0; i < 40; i++) {
		char uid[8];

		(void)snprintf(uid, sizeof(uid), "v%d", i);
		see(vmi_with(uid, VMI_PHASE_SCHEDULING), 0);
	}
	for (uint64_t now_ms = 0; now_ms < 4 * 3600000; now_ms += 1000) {
		struct allocator_stats stats;

		allocator_tick(a, now_ms);
		while (allocator_next(a, &wish, now_ms)) {
			struct vmi v = vmi_with(wish.uid, VMI_PHASE_SCHEDULING);

			answer(wish.kind == WISH_READ ? ANSWER_OBJECT : kind,
			       wish.kind == WISH_READ || kind == ANSWER_OBJECT ? &v : NULL, now_ms);
		}
		if (allocator_is_pressed(a)) {
			term += allocator_raise_step(a, term);
			allocator_set_term(a, term);
		}
		allocator_stats(a, &stats);
		most = stats.in_use > most ? stats.in_use : most;
	}
	ck_assert_uint_gt(most, 39);
	ck_assert_uint_le(most, (uint64_t)(kind == ANSWER_UNKNOWN ? 40 * (VMI_MAX_HOLDS + 1) : 40));
	done();
}

START_TEST(i9_writes_that_do_not_last_take_no_more_and_more_cids)
{
	check_growth(ANSWER_OBJECT); /* put back */
	check_growth(ANSWER_REFUSED);
	check_growth(ANSWER_TEST_FAILED);
	check_growth(ANSWER_UNKNOWN);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		i1_what_was_asked_for_in_an_earlier_term_is_not_asked_for_again,
		i1_nothing_is_wished_once_the_right_to_write_has_ended,
		there_is_no_right_at_the_start_and_a_right_without_a_term_is_none,
		the_deadline_moves_on_though_the_right_has_ended,
		a_stripe_is_pressed_when_more_than_half_of_it_is_used,
		what_rests_and_what_is_excluded_counts_as_used,
		the_step_is_the_smallest_to_a_stripe_that_is_under_half_used,
		the_step_goes_round_the_end_of_the_terms,
		i1_nothing_is_drawn_from_a_stripe_that_is_used_up_until_the_term_is_raised,
		who_asks_again_for_the_same_cid_need_not_wait_for_the_term,
		a_cid_of_the_own_stripe_that_has_rested_ends_the_wait,
		who_waits_for_the_term_is_not_forgotten_over_a_pause_of_the_server,
		a_range_that_is_nearly_full_is_drawn_from_elsewhere,
		who_waits_goes_by_the_term_that_the_lease_shows,
		i9_writes_that_do_not_last_take_no_more_and_more_cids,
	};

	return suite_run("allocator_stripes", tests, ARRAY_LEN(tests));
}
