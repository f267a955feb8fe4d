/* The allocator when its settings change while it runs: as if it had been started with the new ones. */
#include "test_allocator_fixture.h"

#include "cid/pool.h"

#define MIB (1u << 20)

static struct cid_range other;

/* The range becomes @min..@max without @excluded at @now_ms. */
static void when_range_becomes(uint32_t min, uint32_t max, const struct cid_span *excluded, uint64_t now_ms)
{
	ck_assert_int_eq(cid_range_init(&other, min, max, excluded, excluded != NULL, NULL), 0);
	allocator_set_range(a, &other, now_ms);
}

static void done_with_both(void)
{
	done();
	cid_range_free(&other);
}

static struct allocator_stats stats(void)
{
	struct allocator_stats s;

	allocator_stats(a, &s);
	return s;
}

START_TEST(i2_what_has_started_keeps_its_cid_and_is_told_once)
{
	given_leader();
	see(vmi_holding("a", VMI_PHASE_RUNNING, 5 * MIB), 0);
	see(vmi_holding("b", VMI_PHASE_RUNNING, 100), 0);
	when_range_becomes(3, 2 * MIB, NULL, 10);
	ck_assert_uint_eq(told[NOTICE_OUTSIDE], 1);
	ck_assert(last.first);
	ck_assert_uint_eq(last.cid, 5 * MIB);
	ck_assert_uint_eq(stats().outside, 1);
	expect_nothing(10);
	cid_range_free(&other);
	when_range_becomes(3, 3 * MIB, NULL, 20);
	ck_assert_uint_eq(told[NOTICE_OUTSIDE], 1);
	ck_assert(allocator_is_held(a, 5 * MIB));
	done_with_both();
}
END_TEST

START_TEST(what_comes_back_into_the_range_is_told_again_when_it_leaves_it)
{
	given_leader();
	see(vmi_holding("a", VMI_PHASE_RUNNING, 5 * MIB), 0);
	when_range_becomes(3, 2 * MIB, NULL, 10);
	cid_range_free(&other);
	when_range_becomes(3, 8 * MIB, NULL, 20);
	ck_assert_uint_eq(stats().outside, 0);
	cid_range_free(&other);
	when_range_becomes(3, 2 * MIB, NULL, 30);
	ck_assert_uint_eq(told[NOTICE_OUTSIDE], 2);
	ck_assert(last.first);
	done_with_both();
}
END_TEST

START_TEST(i6_what_has_not_started_is_given_a_cid_of_the_new_range)
{
	given_leader();
	see(vmi_holding("a", VMI_PHASE_SCHEDULING, 5 * MIB), 0);
	expect_nothing(0);
	when_range_becomes(3, 2 * MIB, NULL, 10);
	expect_patch("a", 10);
	ck_assert(wish.replaces);
	ck_assert_uint_eq(wish.old_cid, 5 * MIB);
	ck_assert_uint_le(wish.cid, 2 * MIB);
	answer_with_cid("a", VMI_PHASE_SCHEDULING, 20);
	ck_assert_uint_eq(stats().waiting, 0);
	done_with_both();
}
END_TEST

START_TEST(work_ends_where_the_cid_may_be_given_now)
{
	const struct cid_span excluded = {100, 200};

	given_allocator_of(3, 2147483647, &excluded, 4);
	lead(5);
	see(vmi_holding("a", VMI_PHASE_SCHEDULING, 150), 0);
	ck_assert_uint_eq(stats().waiting, 1);
	when_range_becomes(3, 2147483647, NULL, 10);
	ck_assert_uint_eq(stats().waiting, 0);
	expect_nothing(10);
	done_with_both();
}
END_TEST

/* I4: what was sent before the change lands after it. */
START_TEST(a_write_of_the_old_range_that_lands_late_is_replaced_before_the_start)
{
	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	when_range_becomes(wish.cid > MIB * 2 ? 3 : wish.cid + 1, wish.cid > MIB * 2 ? MIB * 2 : 8 * MIB,
			   NULL, 10);
	answer_with_cid("a", VMI_PHASE_PENDING, 20);
	ck_assert_uint_eq(told[NOTICE_ASSIGNED], 1);
	ck_assert_uint_eq(stats().waiting, 1);
	ck_assert_uint_eq(wait_for_wish(20), 20);
	ck_assert(wish.replaces);
	ck_assert(cid_range_contains(&other, wish.cid));
	done_with_both();
}
END_TEST

/* Its outcome is not known; asking for the same again would be harmless, but not in this range. */
START_TEST(what_was_asked_for_before_is_not_asked_for_outside_of_the_range)
{
	struct vmi v;
	uint32_t before;
	uint64_t now_ms;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	before = wish.cid;
	answer(ANSWER_UNKNOWN, NULL, 0);
	when_range_becomes(3, 2147483647, &(struct cid_span){before, before}, 10);
	now_ms = wait_for_wish(10);
	ck_assert_int_eq(wish.kind, WISH_READ);
	v = vmi_with("a", VMI_PHASE_PENDING);
	answer(ANSWER_OBJECT, &v, now_ms);
	expect_patch("a", now_ms);
	ck_assert_uint_ne(wish.cid, before);
	done_with_both();
}
END_TEST

START_TEST(of_those_that_share_a_cid_the_keeper_stays_and_the_others_leave)
{
	given_leader();
	see(vmi_holding("a", VMI_PHASE_RUNNING, 5 * MIB), 0);
	see(vmi_holding("b", VMI_PHASE_PENDING, 5 * MIB), 0);
	see(vmi_holding("c", VMI_PHASE_PENDING, 5 * MIB), 0);
	ck_assert_uint_eq(stats().waiting, 2);
	when_range_becomes(3, 2 * MIB, NULL, 10);
	ck_assert_uint_eq(stats().waiting, 2);
	ck_assert_uint_eq(stats().outside, 3);
	ck_assert_uint_eq(told[NOTICE_OUTSIDE], 1);
	done_with_both();
}
END_TEST

START_TEST(who_waits_for_room_is_served_as_soon_as_there_is_some)
{
	given_allocator_of(3, 10, NULL, 4);
	lead(5);
	for (uint32_t cid = 3; cid <= 10; cid++) {
		char uid[8];

		(void)snprintf(uid, sizeof(uid), "r%u", cid);
		see(vmi_holding(uid, VMI_PHASE_RUNNING, cid), 0);
	}
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_nothing(0);
	ck_assert_uint_eq(told[NOTICE_EXHAUSTED], 1);
	when_range_becomes(3, 2 * MIB, NULL, 1);
	expect_patch("a", 1);
	done_with_both();
}
END_TEST

START_TEST(who_is_held_back_for_another_reason_stays_so)
{
	struct vmi v;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	v = vmi_with("a", VMI_PHASE_PENDING);
	answer(ANSWER_OBJECT, &v, 0);
	ck_assert_uint_eq(told[NOTICE_REVERTED], 1);
	when_range_becomes(3, 2 * MIB, NULL, 1);
	expect_nothing(1);
	done_with_both();
}
END_TEST

/* I8: it is not somebody who undoes what we write. */
START_TEST(changes_of_the_range_are_no_fight)
{
	struct cid_range ranges[12];
	const struct cid_range *before = NULL;

	given_leader();
	see(vmi_with("a", VMI_PHASE_SCHEDULING), 0);
	expect_patch("a", 0);
	for (uint32_t i = 0; i < ARRAY_LEN(ranges); i++) {
		uint64_t now_ms = 3600000 * (uint64_t)(i + 1);

		answer_with_cid("a", VMI_PHASE_SCHEDULING, now_ms);
		ck_assert_uint_eq(stats().waiting, 0);
		ck_assert_int_eq(cid_range_init(&ranges[i], 3, 2147483647,
						&(struct cid_span){wish.cid, wish.cid}, 1, NULL),
				 0);
		allocator_set_range(a, &ranges[i], now_ms);
		if (before != NULL)
			cid_range_free((struct cid_range *)before);
		before = &ranges[i];
		expect_patch("a", now_ms);
	}
	done();
	cid_range_free((struct cid_range *)before);
}
END_TEST

START_TEST(i5_another_quarantine_counts_for_those_that_rest_already)
{
	struct vmi v = vmi_holding("a", VMI_PHASE_RUNNING, 100);

	given_leader();
	see(v, 0);
	allocator_vmi_gone(a, &v, 1000);
	ck_assert_uint_eq(allocator_deadline(a), 1000 + QUARANTINE_MS);
	allocator_set_quarantine(a, 5000);
	ck_assert_uint_eq(allocator_deadline(a), 6000);
	allocator_set_quarantine(a, 0);
	allocator_tick(a, 1000);
	ck_assert_uint_eq(stats().quarantined, 0);
	v = vmi_holding("b", VMI_PHASE_RUNNING, 101);
	see(v, 2000);
	allocator_vmi_gone(a, &v, 2000);
	ck_assert_uint_eq(stats().quarantined, 0);
	done();
}
END_TEST

START_TEST(i9_fewer_in_flight_are_waited_for_and_more_are_sent_at_once)
{
	uint64_t tickets[3];

	given_leader();
	for (uint32_t i = 0; i < 8; i++) {
		char uid[8];

		(void)snprintf(uid, sizeof(uid), "p%u", i);
		see(vmi_with(uid, VMI_PHASE_PENDING), 0);
	}
	for (int i = 0; i < 3; i++) {
		ck_assert(allocator_next(a, &wish, 0));
		tickets[i] = wish.ticket;
	}
	allocator_set_in_flight(a, 2);
	expect_nothing(0);
	/* The one whose place is not among the first two any more. */
	wish.ticket = tickets[0];
	answer(ANSWER_NOT_FOUND, NULL, 0);
	expect_nothing(0);
	wish.ticket = tickets[1];
	answer(ANSWER_NOT_FOUND, NULL, 0);
	ck_assert(allocator_next(a, &wish, 0));
	expect_nothing(0);
	allocator_set_in_flight(a, ALLOCATOR_MAX_IN_FLIGHT);
	for (int i = 0; i < 4; i++)
		ck_assert(allocator_next(a, &wish, 0));
	wish.ticket = tickets[2];
	answer(ANSWER_NOT_FOUND, NULL, 0);
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		i2_what_has_started_keeps_its_cid_and_is_told_once,
		what_comes_back_into_the_range_is_told_again_when_it_leaves_it,
		i6_what_has_not_started_is_given_a_cid_of_the_new_range,
		work_ends_where_the_cid_may_be_given_now,
		a_write_of_the_old_range_that_lands_late_is_replaced_before_the_start,
		what_was_asked_for_before_is_not_asked_for_outside_of_the_range,
		of_those_that_share_a_cid_the_keeper_stays_and_the_others_leave,
		who_waits_for_room_is_served_as_soon_as_there_is_some,
		who_is_held_back_for_another_reason_stays_so,
		changes_of_the_range_are_no_fight,
		i5_another_quarantine_counts_for_those_that_rest_already,
		i9_fewer_in_flight_are_waited_for_and_more_are_sent_at_once,
	};

	return suite_run("allocator_settings", tests, ARRAY_LEN(tests));
}
