/* The allocator: CIDs that somebody else wrote, and those that two VMIs share. */
#include "test_allocator_fixture.h"

static struct allocator_stats stats_now(void)
{
	struct allocator_stats stats;

	allocator_stats(a, &stats);
	return stats;
}

/* ---- unique ones are kept ---- */

START_TEST(a_vmi_that_was_created_with_a_cid_keeps_it_and_is_counted_as_foreign)
{
	given_leader();
	see(vmi_holding("a", VMI_PHASE_UNSET, 77), 0);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 1);
	ck_assert_uint_eq(last.cid, 77);
	ck_assert_uint_eq(last.old_cid, 0);
	see(vmi_holding("a", VMI_PHASE_SCHEDULING, 77), 1);
	see(vmi_holding("a", VMI_PHASE_SCHEDULED, 77), 2);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 1);
	expect_nothing(2);
	ck_assert(allocator_is_held(a, 77));
	done();
}
END_TEST

/* It did not want vsock, so it was not known: nobody has seen it start. */
START_TEST(who_is_seen_for_the_first_time_has_not_started_just_now)
{
	given_leader();
	see(vmi_holding("a", VMI_PHASE_RUNNING, 77), 0);
	ck_assert(last.kind == NOTICE_FOREIGN && !last.at_start);
	see(vmi_with("b", VMI_PHASE_SCHEDULING), 0);
	see(vmi_holding("b", VMI_PHASE_SCHEDULED, 78), 1);
	ck_assert(last.kind == NOTICE_FOREIGN && last.at_start);
	done();
}
END_TEST

START_TEST(nobody_can_tell_who_wrote_what_a_list_shows_for_the_first_time)
{
	given_leader();
	list_with(vmi_holding("a", VMI_PHASE_PENDING, 77), "500", 0);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 0); /* the leader before us, most likely */
	expect_nothing(0);
	done();
}
END_TEST

START_TEST(a_foreign_value_that_comes_before_ours_is_kept_and_counted)
{
	struct vmi v;
	uint32_t cid = 0;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	answer(ANSWER_TEST_FAILED, NULL, 1);
	expect_read("a", 1);
	v = vmi_holding("a", VMI_PHASE_PENDING, 77);
	answer(ANSWER_OBJECT, &v, 2);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 1);
	ck_assert_uint_eq(told[NOTICE_ASSIGNED], 0);
	ck_assert(allocator_cid_of(a, "a", &cid));
	ck_assert_uint_eq(cid, 77);
	expect_nothing(2);
	done();
}
END_TEST

START_TEST(a_value_that_somebody_else_sets_at_the_start_is_adopted)
{
	uint32_t cid = 0;

	given_leader();
	see(vmi_with("a", VMI_PHASE_SCHEDULING), 0);
	expect_patch("a", 0);
	answer_with_cid("a", VMI_PHASE_SCHEDULING, 1);
	see(vmi_holding("a", VMI_PHASE_SCHEDULED, 77), 2);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 1);
	ck_assert_uint_eq(last.old_cid, wish.cid);
	ck_assert(allocator_cid_of(a, "a", &cid));
	ck_assert_uint_eq(cid, 77);
	see(vmi_with("b", VMI_PHASE_PENDING), 2);
	expect_patch("b", 2);
	expect_nothing(2);
	ck_assert(allocator_is_held(a, 77));
	done();
}
END_TEST

/* ---- invalid ones are replaced ---- */

static void check_bad(uint32_t cid, bool reserved)
{
	const struct cid_span excluded = {5000, 6000};

	given_allocator_of(1000, 2000000, &excluded, 4);
	lead(5);
	memset(told, 0, sizeof(told));
	see(vmi_holding("running", VMI_PHASE_RUNNING, cid), 0);
	ck_assert_uint_eq(told[NOTICE_INVALID], reserved);
	ck_assert_uint_eq(told[NOTICE_OUTSIDE], !reserved);
	expect_nothing(0);
	ck_assert_uint_eq(stats_now().invalid, reserved);
	ck_assert_uint_eq(stats_now().outside, !reserved);
	see(vmi_holding("a", VMI_PHASE_PENDING, cid), 0);
	ck_assert_uint_eq(told[NOTICE_OUTSIDE], !reserved);
	expect_patch("a", 0);
	ck_assert(wish.replaces);
	ck_assert_uint_eq(wish.old_cid, cid);
	ck_assert(cid_range_contains(&range, wish.cid));
	answer_with_cid("a", VMI_PHASE_PENDING, 1);
	ck_assert_uint_eq(stats_now().invalid, reserved);
	ck_assert_uint_eq(stats_now().outside, !reserved);
	expect_nothing(1);
	memset(told, 0, sizeof(told));
	allocator_tell_again(a);
	ck_assert_uint_eq(told[NOTICE_INVALID], reserved);
	ck_assert_uint_eq(told[NOTICE_OUTSIDE], !reserved);
	done();
}

START_TEST(values_that_we_would_not_give_are_replaced_before_the_start_and_left_after_it)
{
	check_bad(0, true);
	check_bad(2, true);
	check_bad(4294967295, true);
	check_bad(3, false);
	check_bad(999, false);
	check_bad(5000, false);
	check_bad(2000001, false);
	check_bad(4294967294, false);
}
END_TEST

/* ---- who keeps a shared one ---- */

START_TEST(of_two_that_have_not_started_the_one_that_this_process_wrote_keeps_it)
{
	struct vmi ours = vmi_with("z", VMI_PHASE_PENDING);
	struct vmi older;

	given_leader();
	ours.created_s = 2000;
	see(ours, 0);
	expect_patch("z", 0);
	ours = vmi_holding("z", VMI_PHASE_PENDING, wish.cid);
	ours.created_s = 2000;
	answer(ANSWER_OBJECT, &ours, 0);
	older = vmi_holding("a", VMI_PHASE_PENDING, ours.cid);
	see(older, 1);
	expect_patch("a", 1);
	ck_assert(wish.replaces);
	ck_assert_uint_eq(wish.old_cid, ours.cid);
	ck_assert_uint_ne(wish.cid, ours.cid);
	expect_nothing(1);
	done();
}
END_TEST

START_TEST(of_two_that_are_equally_old_the_smaller_uid_keeps_it)
{
	given_leader();
	see(vmi_holding("b", VMI_PHASE_PENDING, 77), 0);
	see(vmi_holding("a", VMI_PHASE_PENDING, 77), 0);
	expect_patch("b", 0);
	ck_assert_uint_eq(wish.old_cid, 77);
	expect_nothing(0);
	see(vmi_holding("c", VMI_PHASE_PENDING, 78), 0);
	see(vmi_holding("d", VMI_PHASE_PENDING, 78), 0);
	expect_patch("d", 0);
	expect_nothing(0);
	done();
}
END_TEST

START_TEST(who_has_started_keeps_it_even_from_one_that_we_wrote)
{
	uint32_t cid;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	cid = wish.cid;
	answer_with_cid("a", VMI_PHASE_PENDING, 0);
	see(vmi_holding("b", VMI_PHASE_PENDING, cid), 1);
	see(vmi_holding("b", VMI_PHASE_SCHEDULED, cid), 2);
	expect_patch("a", 2);
	ck_assert_uint_eq(wish.old_cid, cid);
	expect_nothing(2);
	done();
}
END_TEST

START_TEST(who_is_left_alone_with_a_shared_one_keeps_it)
{
	struct vmi v;

	given_leader();
	see(vmi_holding("a", VMI_PHASE_RUNNING, 77), 0);
	see(vmi_holding("b", VMI_PHASE_PENDING, 77), 0);
	ck_assert_uint_eq(stats_now().waiting, 1);
	v = vmi_holding("a", VMI_PHASE_RUNNING, 77);
	allocator_vmi_gone(a, &v, 1);
	ck_assert_uint_eq(stats_now().waiting, 0);
	ck_assert_uint_eq(stats_now().duplicates, 0);
	expect_nothing(1);
	done();
}
END_TEST

/* ---- those that run ---- */

START_TEST(running_duplicates_are_told_once_counted_and_never_changed)
{
	given_leader();
	see(vmi_holding("a", VMI_PHASE_RUNNING, 77), 0);
	see(vmi_holding("b", VMI_PHASE_SCHEDULED, 77), 0);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 2);
	ck_assert(last.first); /* an event on both */
	ck_assert_uint_eq(stats_now().duplicates, 1);
	see(vmi_holding("b", VMI_PHASE_RUNNING, 77), 1);
	see(vmi_holding("a", VMI_PHASE_SUCCEEDED, 77), 1);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 2);
	see(vmi_holding("c", VMI_PHASE_RUNNING, 77), 2);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 3);
	ck_assert_uint_eq(stats_now().duplicates, 1); /* CIDs, not VMIs */
	ck_assert_uint_eq(stats_now().in_use, 1);
	expect_nothing(1000000);
	done();
}
END_TEST

START_TEST(i5_a_shared_cid_is_free_only_when_the_last_owner_is_gone_and_it_has_rested)
{
	static const char *const uids[] = {"a", "b", "c"};
	uint64_t size;

	given_leader();
	size = stats_now().available;
	for (size_t i = 0; i < ARRAY_LEN(uids); i++)
		see(vmi_holding(uids[i], VMI_PHASE_RUNNING, 77), 0);
	for (size_t i = 0; i < ARRAY_LEN(uids); i++) {
		struct vmi v = vmi_holding(uids[i], VMI_PHASE_RUNNING, 77);

		ck_assert(allocator_is_held(a, 77));
		ck_assert_uint_eq(stats_now().quarantined, 0);
		allocator_vmi_gone(a, &v, 1000 * i);
		allocator_tick(a, 1000 * i);
		ck_assert_uint_eq(stats_now().available, size - 1);
	}
	ck_assert_uint_eq(stats_now().quarantined, 1);
	allocator_tick(a, 2000 + QUARANTINE_MS - 1);
	ck_assert_uint_eq(stats_now().available, size - 1);
	allocator_tick(a, 2000 + QUARANTINE_MS);
	ck_assert_uint_eq(stats_now().available, size);
	done();
}
END_TEST

/* ---- deletions that nobody saw ---- */

START_TEST(a_deletion_that_was_missed_is_found_by_a_list_and_the_cid_rests_from_then_on)
{
	given_leader();
	see(vmi_holding("a", VMI_PHASE_RUNNING, 77), 0);
	see(vmi_holding("b", VMI_PHASE_RUNNING, 77), 0);
	see(vmi_holding("c", VMI_PHASE_RUNNING, 78), 0);
	list_with(vmi_holding("b", VMI_PHASE_RUNNING, 77), "500", 1000);
	ck_assert(allocator_is_held(a, 77)); /* by the one that is left */
	ck_assert(!allocator_is_held(a, 78));
	ck_assert_uint_eq(stats_now().quarantined, 1);
	ck_assert_uint_eq(stats_now().tracked, 1);
	ck_assert_uint_eq(stats_now().duplicates, 0);
	ck_assert_uint_eq(allocator_deadline(a), 1000 + QUARANTINE_MS);
	allocator_tick(a, 1000 + QUARANTINE_MS);
	ck_assert_uint_eq(stats_now().quarantined, 0);
	done();
}
END_TEST

START_TEST(a_second_duplicate_of_the_same_victim_is_told_again)
{
	given_leader();
	see(vmi_holding("victim", VMI_PHASE_RUNNING, 77), 0);
	see(vmi_holding("x", VMI_PHASE_PENDING, 77), 1);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 2);
	expect_patch("x", 1);
	answer_with_cid("x", VMI_PHASE_PENDING, 2);
	see(vmi_holding("y", VMI_PHASE_RUNNING, 77), 100000);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 4);
	see(vmi_holding("z", VMI_PHASE_RUNNING, 77), 100001);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 5);
	/* One who leaves one duplicate for another. */
	see(vmi_holding("w", VMI_PHASE_RUNNING, 88), 100002);
	see(vmi_holding("z", VMI_PHASE_RUNNING, 88), 100003);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 7);
	done();
}
END_TEST

START_TEST(who_started_with_a_cid_that_was_removed_later_is_not_missed)
{
	given_leader();
	see(vmi_holding("a", VMI_PHASE_RUNNING, 77), 0);
	see(vmi_with("a", VMI_PHASE_RUNNING), 1);
	ck_assert_uint_eq(told[NOTICE_MISSED], 0);
	ck_assert_uint_eq(stats_now().missed, 0);
	see(vmi_with("b", VMI_PHASE_RUNNING), 2);
	ck_assert_uint_eq(told[NOTICE_MISSED], 1);
	done();
}
END_TEST

START_TEST(what_the_leader_before_wrote_last_is_not_foreign)
{
	given_allocator(4);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_PENDING), 0);
	lead(200);
	allocator_set_term(a, 201);
	see(vmi_holding("a", VMI_PHASE_PENDING, 32768 * 3 + 199), 1);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 0);
	see(vmi_holding("b", VMI_PHASE_PENDING, 32768 * 3 + 200), 1); /* our own stripe, and yet not ours */
	see(vmi_holding("c", VMI_PHASE_PENDING, 32768 * 3 + 200 - 129), 1);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 2);
	see(vmi_holding("a", VMI_PHASE_PENDING, 32768 * 4 + 199), 2); /* nobody of ours changes one */
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 3);
	done();
}
END_TEST

START_TEST(who_cannot_be_read_keeps_a_shared_one_and_the_other_is_served)
{
	struct vmi b = vmi_holding("b", VMI_PHASE_PENDING, 77);

	given_leader();
	b.unreadable = "metadata.creationTimestamp";
	b.created_s = 2000;
	see(b, 0);
	see(vmi_holding("a", VMI_PHASE_PENDING, 77), 0);
	expect_patch("a", 0);
	expect_nothing(0);
	done();
}
END_TEST

/* ---- what the mode goes by ---- */

START_TEST(who_starts_with_our_cid_has_kept_it)
{
	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	answer_with_cid("a", VMI_PHASE_PENDING, 1);
	see(vmi_holding("a", VMI_PHASE_SCHEDULING, wish.cid), 2);
	ck_assert_uint_eq(told[NOTICE_LASTED], 0);
	see(vmi_holding("a", VMI_PHASE_SCHEDULED, wish.cid), 3);
	ck_assert_uint_eq(told[NOTICE_LASTED], 1);
	ck_assert_uint_eq(last.cid, wish.cid);
	see(vmi_holding("a", VMI_PHASE_RUNNING, wish.cid), 4);
	see(vmi_holding("b", VMI_PHASE_SCHEDULED, 77), 5);
	ck_assert_uint_eq(told[NOTICE_LASTED], 1);
	done();
}
END_TEST

START_TEST(a_foreign_change_says_whether_it_was_ours)
{
	given_leader();
	see(vmi_with("a", VMI_PHASE_SCHEDULING), 0);
	expect_patch("a", 0);
	answer_with_cid("a", VMI_PHASE_SCHEDULING, 1);
	see(vmi_holding("a", VMI_PHASE_SCHEDULED, 77), 2);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 1);
	ck_assert(last.kind == NOTICE_FOREIGN && last.was_ours && last.old_cid == wish.cid);
	ck_assert_uint_eq(told[NOTICE_LASTED], 0);
	see(vmi_holding("a", VMI_PHASE_RUNNING, 78), 3);
	ck_assert(last.kind == NOTICE_FOREIGN && !last.was_ours && last.old_cid == 77);
	see(vmi_with("b", VMI_PHASE_SCHEDULING), 4);
	expect_patch("b", 4);
	answer_with_cid("b", VMI_PHASE_SCHEDULING, 5);
	see(vmi_with("b", VMI_PHASE_SCHEDULING), 6);
	ck_assert(last.kind == NOTICE_FOREIGN && last.was_ours && last.cid == 0);
	done();
}
END_TEST

START_TEST(writes_can_be_limited)
{
	given_leader();
	allocator_limit_writes(a, 0);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	see(vmi_with("b", VMI_PHASE_PENDING), 0);
	expect_nothing(0);
	allocator_limit_writes(a, 1);
	expect_patch("a", 0);
	expect_nothing(0);
	allocator_limit_writes(a, ALLOCATOR_UNLIMITED);
	expect_patch("b", 0);
	done();
}
END_TEST

/* The object has moved on: a read, and the write is made again. */
static void overtaken_once(void)
{
	struct vmi now;

	answer(ANSWER_TEST_FAILED, NULL, 0);
	expect_read("a", 0);
	now = vmi_with("a", VMI_PHASE_SCHEDULING);
	answer(ANSWER_OBJECT, &now, 0);
}

START_TEST(what_was_not_written_does_not_count_against_the_limit)
{
	uint64_t now_ms;

	given_leader();
	allocator_limit_writes(a, 1);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	overtaken_once();
	expect_patch("a", 0);
	answer(ANSWER_LATER, NULL, 0);
	now_ms = wait_for_wish(0);
	ck_assert_int_eq(wish.kind, WISH_PATCH);
	answer(ANSWER_REFUSED, NULL, now_ms);
	now_ms = allocator_deadline(a);
	allocator_tick(a, now_ms);
	expect_nothing(now_ms);
	done();
}
END_TEST

START_TEST(a_new_limit_owes_nothing_to_the_one_before)
{
	given_leader();
	allocator_limit_writes(a, 1);
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	allocator_limit_writes(a, 0);
	overtaken_once();
	expect_nothing(0);
	allocator_limit_writes(a, ALLOCATOR_UNLIMITED);
	expect_patch("a", 0);
	overtaken_once();
	expect_patch("a", 0);
	done();
}
END_TEST

START_TEST(who_is_held_and_not_served_is_told_each_reason_once)
{
	static const char reason[] = "for a reason";

	given_leader();
	allocator_set_gate(a, false);
	see(vmi_with("a", VMI_PHASE_SCHEDULING), 0);
	see(vmi_holding("b", VMI_PHASE_RUNNING, 77), 0);
	ck_assert_uint_eq(told[NOTICE_HELD], 0);
	allocator_set_held(a, reason);
	ck_assert_uint_eq(told[NOTICE_HELD], 1);
	ck_assert(last.kind == NOTICE_HELD && last.first);
	ck_assert_str_eq(last.text, "for a reason");
	see(vmi_with("c", VMI_PHASE_PENDING), 1);
	ck_assert_uint_eq(told[NOTICE_HELD], 2);
	allocator_set_held(a, NULL);
	allocator_set_held(a, reason);
	see(vmi_with("c", VMI_PHASE_SCHEDULING), 2);
	ck_assert_uint_eq(told[NOTICE_HELD], 2);
	allocator_set_held(a, "for another");
	ck_assert_uint_eq(told[NOTICE_HELD], 4);
	ck_assert_str_eq(last.text, "for another");
	done();
}
END_TEST

START_TEST(an_outcome_that_is_not_known_is_worth_an_event_the_second_time)
{
	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	answer(ANSWER_UNKNOWN, NULL, 0);
	ck_assert(last.kind == NOTICE_UNKNOWN && !last.first);
	(void)wait_for_wish(1);
	ck_assert_int_eq(wish.kind, WISH_READ);
	answer(ANSWER_OBJECT,
	       &(struct vmi){.namespace = "ns",
			     .name = "vm-a",
			     .uid = "a",
			     .resource_version = "500",
			     .phase = VMI_PHASE_PENDING,
			     .has_phase = true,
			     .has_status = true,
			     .wants_vsock = true},
	       60000);
	expect_patch("a", 60000);
	answer(ANSWER_UNKNOWN, NULL, 60000);
	ck_assert(last.kind == NOTICE_UNKNOWN && last.first);
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_vmi_that_was_created_with_a_cid_keeps_it_and_is_counted_as_foreign,
		who_is_seen_for_the_first_time_has_not_started_just_now,
		nobody_can_tell_who_wrote_what_a_list_shows_for_the_first_time,
		a_foreign_value_that_comes_before_ours_is_kept_and_counted,
		a_value_that_somebody_else_sets_at_the_start_is_adopted,
		values_that_we_would_not_give_are_replaced_before_the_start_and_left_after_it,
		of_two_that_have_not_started_the_one_that_this_process_wrote_keeps_it,
		of_two_that_are_equally_old_the_smaller_uid_keeps_it,
		who_has_started_keeps_it_even_from_one_that_we_wrote,
		who_is_left_alone_with_a_shared_one_keeps_it,
		running_duplicates_are_told_once_counted_and_never_changed,
		i5_a_shared_cid_is_free_only_when_the_last_owner_is_gone_and_it_has_rested,
		a_deletion_that_was_missed_is_found_by_a_list_and_the_cid_rests_from_then_on,
		a_second_duplicate_of_the_same_victim_is_told_again,
		who_started_with_a_cid_that_was_removed_later_is_not_missed,
		what_the_leader_before_wrote_last_is_not_foreign,
		who_cannot_be_read_keeps_a_shared_one_and_the_other_is_served,
		who_starts_with_our_cid_has_kept_it,
		a_foreign_change_says_whether_it_was_ours,
		writes_can_be_limited,
		what_was_not_written_does_not_count_against_the_limit,
		a_new_limit_owes_nothing_to_the_one_before,
		who_is_held_and_not_served_is_told_each_reason_once,
		an_outcome_that_is_not_known_is_worth_an_event_the_second_time,
	};

	return suite_run("allocator_foreign", tests, ARRAY_LEN(tests));
}
