/* The allocator: what is asked for, and how answers are understood. */
#include "test_allocator_fixture.h"

START_TEST(i3_nothing_is_written_before_the_first_list_is_complete)
{
	struct vmi v;

	given_allocator(4);
	allocator_set_gate(a, true);
	allocator_set_term(a, 5);
	allocator_set_right(a, UINT64_MAX);
	allocator_list_started(a);
	v = vmi_with("a", VMI_PHASE_PENDING);
	allocator_vmi_seen(a, &v, true, 0);
	expect_nothing(0);
	allocator_list_done(a, "200", 0);
	expect_patch("a", 0);
	ck_assert_uint_eq(wish.cid % 32768, 5);
	answer_with_cid("a", VMI_PHASE_PENDING, 10);
	ck_assert_uint_eq(told[NOTICE_ASSIGNED], 1);
	ck_assert_uint_eq(last.waited_ms, 10);
	expect_nothing(10);
	done();
}
END_TEST

START_TEST(i7_a_closed_gate_gives_no_cid_and_takes_none)
{
	uint32_t cid;

	given_leader();
	allocator_set_gate(a, false);
	see(vmi_holding("a", VMI_PHASE_RUNNING, 77), 0);
	see(vmi_with("b", VMI_PHASE_SCHEDULING), 0);
	expect_nothing(0);
	ck_assert(allocator_cid_of(a, "a", &cid));
	allocator_set_gate(a, true);
	expect_patch("b", 0);
	answer_with_cid("b", VMI_PHASE_SCHEDULING, 0);
	done();
}
END_TEST

START_TEST(nothing_is_written_without_a_term)
{
	given_leader();
	allocator_clear_term(a);
	see(vmi_with("a", VMI_PHASE_SCHEDULING), 0);
	expect_nothing(0);
	done();
}
END_TEST

START_TEST(who_is_nearer_to_scheduled_is_served_first)
{
	given_leader();
	see(vmi_with("none", VMI_PHASE_UNSET), 0);
	see(vmi_with("pending", VMI_PHASE_PENDING), 0);
	see(vmi_with("scheduling", VMI_PHASE_SCHEDULING), 0);
	see(vmi_with("late", VMI_PHASE_PENDING), 0);
	see(vmi_with("late", VMI_PHASE_SCHEDULING), 0);
	expect_patch("scheduling", 0);
	expect_patch("late", 0);
	expect_patch("pending", 0);
	expect_patch("none", 0);
	done();
}
END_TEST

START_TEST(no_more_requests_are_in_flight_than_the_window_allows)
{
	char uid[8];

	given_leader();
	for (int i = 0; i < 6; i++) {
		(void)snprintf(uid, sizeof(uid), "u%d", i);
		see(vmi_with(uid, VMI_PHASE_PENDING), 0);
	}
	for (int i = 0; i < 4; i++)
		ck_assert(allocator_next(a, &wish, 0));
	expect_nothing(0);
	answer_with_cid("u3", VMI_PHASE_PENDING, 0);
	expect_patch("u4", 0);
	done();
}
END_TEST

START_TEST(i2_nothing_is_written_to_a_vmi_that_has_started)
{
	struct vmi back = vmi_with("back", VMI_PHASE_WAITING_FOR_SYNC);

	given_leader();
	back.was_scheduled = true;
	see(back, 0);
	see(vmi_with("scheduled", VMI_PHASE_SCHEDULED), 0);
	see(vmi_with("other", VMI_PHASE_OTHER), 0);
	see(vmi_holding("bad", VMI_PHASE_RUNNING, 2), 0);
	expect_nothing(0);
	ck_assert_uint_eq(told[NOTICE_MISSED], 3);
	ck_assert_uint_eq(told[NOTICE_INVALID], 1);
	done();
}
END_TEST

START_TEST(a_phase_that_can_come_back_is_guarded_by_the_version)
{
	struct vmi v;

	given_leader();
	see(vmi_with("a", VMI_PHASE_WAITING_FOR_SYNC), 0);
	expect_patch("a", 0);
	ck_assert_str_eq(wish.resource_version, "101");
	v = vmi_with("b", VMI_PHASE_SCHEDULING);
	v.may_fall_back = true;
	see(v, 0);
	expect_patch("b", 0);
	ck_assert_str_eq(wish.resource_version, "102");
	see(vmi_with("c", VMI_PHASE_SCHEDULING), 0);
	expect_patch("c", 0);
	ck_assert_str_eq(wish.resource_version, "");
	done();
}
END_TEST

START_TEST(i4_an_answer_without_our_cid_is_a_failure_told_once_and_tried_later_with_the_same_cid)
{
	struct vmi v;
	uint32_t cid;
	uint64_t now_ms = 0;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	cid = wish.cid;
	for (int i = 1; i < 12; i++) {
		v = vmi_with("a", VMI_PHASE_PENDING);
		answer(ANSWER_OBJECT, &v, now_ms);
		ck_assert_int_eq((int)told[NOTICE_REVERTED], i);
		ck_assert_int_eq(last.first, i == 1);
		expect_nothing(now_ms);
		now_ms = wait_for_wish(now_ms);
		ck_assert_uint_eq(wish.cid, cid);
	}
	ck_assert_uint_ge(now_ms, 60000); /* by then it waits a minute between tries */
	done();
}
END_TEST

START_TEST(i4_an_answer_that_shows_our_cid_is_no_revert_though_the_vmi_has_to_leave_it)
{
	struct vmi v;
	uint32_t cid;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	cid = wish.cid;
	see(vmi_holding("b", VMI_PHASE_RUNNING, cid), 1);
	answer_with_cid("a", VMI_PHASE_PENDING, 2);
	ck_assert_uint_eq(told[NOTICE_ASSIGNED], 1);
	expect_patch("a", 2);
	ck_assert_uint_eq(wish.old_cid, cid);
	v = vmi_holding("a", VMI_PHASE_PENDING, wish.cid);
	see(vmi_with("a", VMI_PHASE_SCHEDULING), 3); /* somebody has removed it again */
	answer(ANSWER_OBJECT, &v, 4);
	expect_patch("a", 4);
	ck_assert(!wish.replaces);
	ck_assert_uint_eq(told[NOTICE_REVERTED], 0);
	done();
}
END_TEST

START_TEST(an_unknown_outcome_is_read_back_and_the_same_cid_used_again)
{
	struct vmi v;
	uint32_t cid;
	uint64_t now_ms;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	cid = wish.cid;
	answer(ANSWER_UNKNOWN, NULL, 0);
	ck_assert(allocator_is_held(a, cid));
	now_ms = wait_for_wish(0);
	ck_assert_int_eq(wish.kind, WISH_READ);
	v = vmi_with("a", VMI_PHASE_SCHEDULING);
	answer(ANSWER_OBJECT, &v, now_ms);
	expect_patch("a", now_ms);
	ck_assert_uint_eq(wish.cid, cid);
	done();
}
END_TEST

START_TEST(an_unknown_outcome_that_was_applied_is_found_and_counted_as_ours)
{
	uint32_t cid;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	cid = wish.cid;
	answer(ANSWER_UNKNOWN, NULL, 0);
	see(vmi_holding("a", VMI_PHASE_PENDING, cid), 5);
	ck_assert_uint_eq(told[NOTICE_ASSIGNED], 1);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 0);
	expect_nothing(100000);
	done();
}
END_TEST

/* Seed 111110 of whole controllers. @kind: how the first write ends, while it is wanted or no longer. */
static void check_second_need(enum answer_kind kind, bool wanted, enum wish_kind next)
{
	struct vmi young = vmi_holding("a", VMI_PHASE_PENDING, 77);
	struct vmi old = vmi_holding("b", VMI_PHASE_PENDING, 77);

	given_leader();
	young.created_s = 2000;
	see(young, 0);
	see(old, 0);
	expect_patch("a", 0);
	if (wanted)
		answer(kind, NULL, 0);
	allocator_vmi_gone(a, &old, 1);
	if (!wanted)
		answer(kind, NULL, 1);
	expect_nothing(100000);
	see(vmi_holding("c", VMI_PHASE_RUNNING, 77), 100000);
	if (next == WISH_READ)
		expect_read("a", 100000);
	else
		expect_patch("a", 100000);
	done();
}

START_TEST(i4_what_became_of_a_write_is_read_back_also_when_the_vmi_needed_none_in_between)
{
	check_second_need(ANSWER_UNKNOWN, true, WISH_READ);
	check_second_need(ANSWER_UNKNOWN, false, WISH_READ);
	check_second_need(ANSWER_TEST_FAILED, true, WISH_READ);
	check_second_need(ANSWER_REFUSED, true, WISH_PATCH);
}
END_TEST

START_TEST(i4_our_own_value_put_back_by_somebody_else_counts_as_foreign)
{
	uint32_t cid;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	cid = wish.cid;
	answer_with_cid("a", VMI_PHASE_PENDING, 1);
	see(vmi_holding("a", VMI_PHASE_PENDING, 77), 2);
	see(vmi_holding("a", VMI_PHASE_PENDING, cid), 3);
	ck_assert_uint_eq(told[NOTICE_ASSIGNED], 1);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 2);
	expect_nothing(3);
	done();
}
END_TEST

START_TEST(a_failed_test_is_read_and_tried_again_at_once)
{
	struct vmi v;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	answer(ANSWER_TEST_FAILED, NULL, 1);
	expect_read("a", 1);
	v = vmi_with("a", VMI_PHASE_SCHEDULING);
	answer(ANSWER_OBJECT, &v, 1);
	expect_patch("a", 1);
	ck_assert_int_eq(wish.phase, VMI_PHASE_SCHEDULING);
	ck_assert_uint_eq(told[NOTICE_REFUSED], 0);
	done();
}
END_TEST

START_TEST(a_test_that_fails_on_an_unchanged_object_is_no_reason_to_spin)
{
	struct vmi v = vmi_with("a", VMI_PHASE_PENDING);

	given_leader();
	see(v, 0);
	expect_patch("a", 0);
	answer(ANSWER_TEST_FAILED, NULL, 1);
	expect_read("a", 1);
	answer(ANSWER_OBJECT, &v, 1);
	ck_assert_uint_eq(told[NOTICE_REFUSED], 1);
	expect_nothing(1);
	done();
}
END_TEST

START_TEST(a_read_that_is_answered_as_a_write_is_no_reason_to_spin)
{
	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	answer(ANSWER_TEST_FAILED, NULL, 1);
	expect_read("a", 1);
	answer(ANSWER_TEST_FAILED, NULL, 1);
	ck_assert_uint_eq(told[NOTICE_REFUSED], 1);
	expect_nothing(1);
	(void)wait_for_wish(1);
	ck_assert_int_eq(wish.kind, WISH_READ);
	done();
}
END_TEST

START_TEST(a_look_that_comes_before_the_answer_does_not_make_a_failed_test_a_refusal)
{
	struct vmi v;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	v = vmi_with("a", VMI_PHASE_SCHEDULING);
	see(v, 1);
	answer(ANSWER_TEST_FAILED, NULL, 2);
	expect_read("a", 2);
	answer(ANSWER_OBJECT, &v, 3);
	ck_assert_uint_eq(told[NOTICE_REFUSED], 0);
	expect_patch("a", 3);
	done();
}
END_TEST

START_TEST(a_vmi_that_started_meanwhile_is_left_alone)
{
	struct vmi v;

	given_leader();
	see(vmi_with("a", VMI_PHASE_SCHEDULING), 0);
	expect_patch("a", 0);
	answer(ANSWER_TEST_FAILED, NULL, 1);
	expect_read("a", 1);
	v = vmi_with("a", VMI_PHASE_SCHEDULED);
	answer(ANSWER_OBJECT, &v, 1);
	ck_assert_uint_eq(told[NOTICE_MISSED], 1);
	expect_nothing(100000);
	done();
}
END_TEST

START_TEST(a_refusal_is_worth_an_event_from_the_second_on)
{
	uint64_t now_ms = 0;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	for (unsigned int i = 1; i <= 4; i++) {
		answer(ANSWER_REFUSED, NULL, now_ms);
		ck_assert_uint_eq(told[NOTICE_REFUSED], i);
		ck_assert_int_eq(last.first, i == 2);
		now_ms = wait_for_wish(now_ms);
	}
	done();
}
END_TEST

START_TEST(a_window_of_throttled_answers_is_one_pause)
{
	const struct answer later = {.kind = ANSWER_LATER, .retry_ms = 1000, .text = ""};
	uint64_t tickets[4];
	char uid[8];

	given_leader();
	for (int i = 0; i < 4; i++) {
		(void)snprintf(uid, sizeof(uid), "u%d", i);
		see(vmi_with(uid, VMI_PHASE_PENDING), 0);
		expect_patch(uid, 0);
		tickets[i] = wish.ticket;
	}
	for (int i = 0; i < 4; i++)
		allocator_answer(a, tickets[i], &later, 0);
	ck_assert_uint_eq(allocator_deadline(a), 1000);
	done();
}
END_TEST

START_TEST(a_server_that_is_away_is_asked_at_least_every_five_seconds)
{
	const struct answer later = {.kind = ANSWER_LATER, .text = ""};
	uint64_t now_ms = 0;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	for (int i = 0; i < 20; i++) {
		allocator_answer(a, wish.ticket, &later, now_ms);
		ck_assert_uint_le(allocator_deadline(a) - now_ms, 5000);
		now_ms = wait_for_wish(now_ms);
	}
	done();
}
END_TEST

START_TEST(reading_back_does_not_hold_up_what_is_more_urgent)
{
	const struct answer failed = {.kind = ANSWER_TEST_FAILED, .text = ""};
	uint64_t tickets[3];
	char uid[8];

	given_leader();
	for (int i = 0; i < 3; i++) {
		(void)snprintf(uid, sizeof(uid), "u%d", i);
		see(vmi_with(uid, VMI_PHASE_PENDING), 0);
		expect_patch(uid, 0);
		tickets[i] = wish.ticket;
	}
	for (int i = 0; i < 3; i++)
		allocator_answer(a, tickets[i], &failed, 0);
	see(vmi_with("urgent", VMI_PHASE_SCHEDULING), 0);
	expect_patch("urgent", 0);
	expect_read("u0", 0);
	done();
}
END_TEST

START_TEST(a_throttling_server_is_left_alone_as_long_as_it_asked)
{
	const struct answer later = {.kind = ANSWER_LATER, .retry_ms = 7000, .text = ""};

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	allocator_answer(a, wish.ticket, &later, 0);
	expect_nothing(6999);
	ck_assert_uint_eq(allocator_deadline(a), 7000);
	allocator_tick(a, 7000);
	expect_patch("b", 7000);
	done();
}
END_TEST

START_TEST(an_exhausted_range_is_told_and_tried_again_later)
{
	struct vmi v;

	given_allocator_of(10, 11, NULL, 1);
	lead(900);
	see(vmi_holding("a", VMI_PHASE_RUNNING, 10), 0);
	see(vmi_holding("b", VMI_PHASE_RUNNING, 11), 0);
	see(vmi_with("c", VMI_PHASE_PENDING), 0);
	expect_nothing(0);
	ck_assert_uint_eq(told[NOTICE_EXHAUSTED], 1);
	v = vmi_holding("a", VMI_PHASE_RUNNING, 10);
	allocator_vmi_gone(a, &v, 1);
	ck_assert_uint_gt(wait_for_wish(1), QUARANTINE_MS);
	ck_assert_uint_eq(wish.cid, 10);
	done();
}
END_TEST

START_TEST(nothing_is_started_after_stop)
{
	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	allocator_stop(a);
	expect_nothing(0);
	answer_with_cid("a", VMI_PHASE_PENDING, 1);
	ck_assert_uint_eq(told[NOTICE_ASSIGNED], 1);
	expect_nothing(1);
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		i3_nothing_is_written_before_the_first_list_is_complete,
		i7_a_closed_gate_gives_no_cid_and_takes_none,
		nothing_is_written_without_a_term,
		who_is_nearer_to_scheduled_is_served_first,
		no_more_requests_are_in_flight_than_the_window_allows,
		i2_nothing_is_written_to_a_vmi_that_has_started,
		a_phase_that_can_come_back_is_guarded_by_the_version,
		i4_an_answer_without_our_cid_is_a_failure_told_once_and_tried_later_with_the_same_cid,
		i4_an_answer_that_shows_our_cid_is_no_revert_though_the_vmi_has_to_leave_it,
		an_unknown_outcome_is_read_back_and_the_same_cid_used_again,
		an_unknown_outcome_that_was_applied_is_found_and_counted_as_ours,
		i4_what_became_of_a_write_is_read_back_also_when_the_vmi_needed_none_in_between,
		i4_our_own_value_put_back_by_somebody_else_counts_as_foreign,
		a_failed_test_is_read_and_tried_again_at_once,
		a_test_that_fails_on_an_unchanged_object_is_no_reason_to_spin,
		a_read_that_is_answered_as_a_write_is_no_reason_to_spin,
		a_look_that_comes_before_the_answer_does_not_make_a_failed_test_a_refusal,
		a_vmi_that_started_meanwhile_is_left_alone,
		a_refusal_is_worth_an_event_from_the_second_on,
		a_window_of_throttled_answers_is_one_pause,
		a_server_that_is_away_is_asked_at_least_every_five_seconds,
		reading_back_does_not_hold_up_what_is_more_urgent,
		a_throttling_server_is_left_alone_as_long_as_it_asked,
		an_exhausted_range_is_told_and_tried_again_later,
		nothing_is_started_after_stop,
	};

	return suite_run("allocator", tests, ARRAY_LEN(tests));
}
