/* The allocator: who holds which CID, for how long, and who keeps a shared one. */
#include "test_allocator_fixture.h"

START_TEST(i5_a_cid_is_free_only_after_its_object_is_gone_and_it_has_rested)
{
	struct vmi v = vmi_holding("a", VMI_PHASE_FAILED, 77);
	struct allocator_stats stats;

	given_leader();
	v.deleting = true;
	see(v, 0);
	ck_assert(allocator_is_held(a, 77));
	v = vmi_holding("a", VMI_PHASE_FAILED, 77);
	allocator_vmi_gone(a, &v, 1000);
	allocator_stats(a, &stats);
	ck_assert_uint_eq(stats.quarantined, 1);
	ck_assert_uint_eq(stats.available, 2147483645 - 1);
	allocator_tick(a, 1000 + QUARANTINE_MS - 1);
	allocator_stats(a, &stats);
	ck_assert_uint_eq(stats.available, 2147483645 - 1);
	allocator_tick(a, 1000 + QUARANTINE_MS);
	allocator_stats(a, &stats);
	ck_assert_uint_eq(stats.available, 2147483645);
	done();
}
END_TEST

START_TEST(i5_an_object_of_the_same_name_is_another_owner)
{
	struct vmi v;

	given_leader();
	see(vmi_holding("old", VMI_PHASE_RUNNING, 77), 0);
	v = vmi_with("new", VMI_PHASE_PENDING);
	memcpy(v.name, "vm-old", sizeof("vm-old"));
	list_with(v, "500", 10);
	expect_patch("new", 10);
	ck_assert_uint_ne(wish.cid, 77);
	ck_assert(!allocator_is_held(a, 77));
	done();
}
END_TEST

START_TEST(a_list_takes_away_only_what_is_not_newer_than_itself)
{
	given_leader();
	see(vmi_holding("old", VMI_PHASE_RUNNING, 77), 0);
	see(vmi_holding("new", VMI_PHASE_RUNNING, 78), 0);
	list_with(vmi_holding("listed", VMI_PHASE_RUNNING, 79), "101", 10);
	ck_assert(!allocator_is_held(a, 77));
	ck_assert(allocator_is_held(a, 78));
	ck_assert(allocator_is_held(a, 79));
	done();
}
END_TEST

START_TEST(i9_an_object_without_readable_uid_is_not_taken_for_a_deletion)
{
	struct vmi v;

	given_leader();
	see(vmi_holding("a", VMI_PHASE_RUNNING, 77), 0);
	v = vmi_holding("a", VMI_PHASE_RUNNING, 78);
	v.uid[0] = '\0';
	v.unreadable = "metadata.uid";
	list_with(v, "500", 10);
	ck_assert(allocator_is_held(a, 77));
	ck_assert(allocator_is_held(a, 78));
	allocator_vmi_gone(a, &v, 20);
	ck_assert(allocator_is_held(a, 77));
	ck_assert(!allocator_is_held(a, 78));
	done();
}
END_TEST

START_TEST(i9_a_cid_that_cannot_be_read_takes_nothing_away)
{
	struct vmi v;
	uint32_t cid = 0;

	given_leader();
	see(vmi_holding("a", VMI_PHASE_PENDING, 77), 0);
	v = vmi_with("a", VMI_PHASE_PENDING);
	v.cid_state = VMI_CID_UNREADABLE;
	v.unreadable = "status.VSOCKCID";
	see(v, 1);
	ck_assert(allocator_cid_of(a, "a", &cid));
	ck_assert_uint_eq(cid, 77);
	ck_assert_uint_eq(told[NOTICE_UNREADABLE], 1);
	expect_nothing(1);
	done();
}
END_TEST

START_TEST(an_older_look_changes_nothing)
{
	struct vmi old;
	uint32_t cid = 0;

	given_leader();
	old = vmi_with("a", VMI_PHASE_PENDING);
	see(vmi_holding("a", VMI_PHASE_SCHEDULED, 77), 0);
	see(old, 1);
	ck_assert(allocator_cid_of(a, "a", &cid));
	expect_nothing(1);
	done();
}
END_TEST

START_TEST(a_foreign_value_is_told_and_adopted_and_the_guests_value_stays_held)
{
	uint32_t cid = 0;

	given_leader();
	list_with(vmi_holding("a", VMI_PHASE_RUNNING, 77), "101", 0);
	see(vmi_holding("a", VMI_PHASE_RUNNING, 78), 1);
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 1);
	ck_assert_uint_eq(last.old_cid, 77);
	ck_assert(allocator_cid_of(a, "a", &cid));
	ck_assert_uint_eq(cid, 78);
	ck_assert(allocator_is_held(a, 77));
	for (uint32_t i = 0; i < 100; i++)
		see(vmi_holding("a", VMI_PHASE_RUNNING, 1000 + i), 2);
	ck_assert(allocator_is_held(a, 77));
	ck_assert(!allocator_is_held(a, 78));
	expect_nothing(2);
	done();
}
END_TEST

START_TEST(of_two_that_share_a_cid_the_started_one_keeps_it_and_the_other_gets_a_fresh_one)
{
	struct allocator_stats stats;

	given_leader();
	see(vmi_holding("a", VMI_PHASE_PENDING, 77), 0);
	expect_nothing(0);
	see(vmi_holding("b", VMI_PHASE_RUNNING, 77), 0);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 2);
	allocator_stats(a, &stats);
	ck_assert_uint_eq(stats.duplicates, 1);
	expect_patch("a", 0);
	ck_assert(wish.replaces);
	ck_assert_uint_eq(wish.old_cid, 77);
	ck_assert_uint_ne(wish.cid, 77);
	answer_with_cid("a", VMI_PHASE_PENDING, 1);
	allocator_stats(a, &stats);
	ck_assert_uint_eq(stats.duplicates, 0);
	expect_nothing(1);
	done();
}
END_TEST

START_TEST(of_two_that_have_not_started_the_older_one_keeps_the_cid)
{
	struct vmi young = vmi_holding("a", VMI_PHASE_PENDING, 77);
	struct vmi old = vmi_holding("b", VMI_PHASE_PENDING, 77);

	given_leader();
	young.created_s = 2000;
	see(young, 0);
	see(old, 0);
	expect_patch("a", 0);
	expect_nothing(0);
	done();
}
END_TEST

START_TEST(i8_a_writer_who_undoes_our_writes_is_answered_ever_more_slowly)
{
	uint64_t now_ms = 0;
	uint32_t cid = 0;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), now_ms);
	for (int i = 0; i < 12; i++) {
		uint64_t before_ms = now_ms;

		now_ms = wait_for_wish(now_ms);
		if (i < 3)
			ck_assert_uint_eq(now_ms, before_ms);
		else
			ck_assert_uint_ge(now_ms - before_ms, i < 10 ? 500u << (i - 3) : 60000);
		ck_assert(i == 0 || wish.cid == cid);
		cid = wish.cid;
		answer_with_cid("a", VMI_PHASE_PENDING, now_ms);
		see(vmi_with("a", VMI_PHASE_PENDING), now_ms);
	}
	done();
}
END_TEST

START_TEST(of_two_that_share_a_cid_the_one_that_cannot_be_changed_keeps_it)
{
	struct vmi unwilling = vmi_holding("b", VMI_PHASE_PENDING, 77);
	struct vmi ending = vmi_holding("d", VMI_PHASE_PENDING, 78);

	given_leader();
	unwilling.wants_vsock = false;
	unwilling.created_s = ending.created_s = 2000;
	ending.deleting = true;
	see(vmi_holding("a", VMI_PHASE_PENDING, 77), 0);
	see(unwilling, 0);
	expect_patch("a", 0);
	ck_assert_uint_eq(wish.old_cid, 77);
	see(vmi_holding("c", VMI_PHASE_PENDING, 78), 0);
	see(ending, 0);
	expect_patch("c", 0);
	ck_assert_uint_eq(wish.old_cid, 78);
	expect_nothing(0);
	done();
}
END_TEST

START_TEST(i1_a_value_that_we_never_asked_for_is_not_given_again)
{
	struct vmi target = vmi_with("target", VMI_PHASE_PENDING);
	struct vmi source = vmi_holding("source", VMI_PHASE_RUNNING, 78);

	given_leader();
	see(vmi_holding("a", VMI_PHASE_PENDING, 77), 0);
	see(vmi_with("a", VMI_PHASE_PENDING), 1);
	expect_patch("a", 1);
	ck_assert_uint_eq(wish.cid % 32768, 5);
	target.may_fall_back = true;
	memcpy(target.source_uid, "source", sizeof("source"));
	see(source, 2);
	allocator_set_gate(a, false);
	see(target, 2);
	allocator_vmi_gone(a, &source, 3);
	allocator_set_gate(a, true);
	expect_patch("target", 3);
	ck_assert_uint_eq(wish.cid % 32768, 5);
	ck_assert(allocator_is_held(a, 77));
	ck_assert(allocator_is_held(a, 78));
	done();
}
END_TEST

START_TEST(i5_a_migration_target_holds_the_cid_of_its_source_as_long_as_it_lives)
{
	struct vmi target;
	struct vmi source;

	given_leader();
	target = vmi_holding("target", VMI_PHASE_RUNNING, 88);
	source = vmi_holding("source", VMI_PHASE_RUNNING, 77);
	target.may_fall_back = true;
	(void)snprintf(target.source_uid, sizeof(target.source_uid), "source");
	allocator_list_started(a);
	allocator_vmi_seen(a, &target, true, 0); /* before its source */
	allocator_vmi_seen(a, &source, true, 0);
	allocator_list_done(a, "500", 0);
	version = 600;
	source = vmi_holding("source", VMI_PHASE_SUCCEEDED, 77);
	allocator_vmi_gone(a, &source, 1);
	ck_assert(allocator_is_held(a, 77));
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 0);
	target = vmi_holding("target", VMI_PHASE_RUNNING, 88);
	allocator_vmi_gone(a, &target, 2);
	ck_assert(!allocator_is_held(a, 77));
	ck_assert(!allocator_is_held(a, 88));
	done();
}
END_TEST

static struct vmi target_of(const char *uid, uint32_t cid, const char *source)
{
	struct vmi v = vmi_holding(uid, VMI_PHASE_RUNNING, cid);

	v.may_fall_back = true;
	(void)snprintf(v.source_uid, sizeof(v.source_uid), "%s", source);
	return v;
}

START_TEST(a_target_is_told_which_cid_its_guest_has)
{
	struct vmi target;

	given_leader();
	see(vmi_holding("source", VMI_PHASE_RUNNING, 77), 0);
	target = target_of("target", 88, "source");
	target.cid_state = VMI_CID_ABSENT;
	target.phase = VMI_PHASE_WAITING_FOR_SYNC;
	see(target, 1);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 0); /* it shows none yet */
	see(target_of("target", 88, "source"), 2);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 1);
	ck_assert(last.kind == NOTICE_SOURCE && last.first && last.cid == 88 && last.old_cid == 77);
	ck_assert_str_eq(last.other_name, "vm-source");
	see(target_of("target", 88, "source"), 3);
	see(target_of("same", 77, "source"), 4);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 1);
	see(target_of("lost", 99, "nobody"), 5);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 2);
	ck_assert(last.cid == 99 && last.old_cid == 0);
	ck_assert_str_eq(last.other_name, "");
	allocator_tell_again(a);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 4);
	done();
}
END_TEST

START_TEST(a_source_is_not_missed_before_the_first_list_is_complete)
{
	struct vmi target;
	struct vmi source;

	given_allocator(4);
	target = target_of("target", 88, "source");
	source = vmi_holding("source", VMI_PHASE_RUNNING, 77);
	allocator_list_started(a);
	allocator_vmi_seen(a, &target, true, 0);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 0);
	allocator_vmi_seen(a, &source, true, 0);
	allocator_list_done(a, "500", 0);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 1);
	ck_assert(last.cid == 88 && last.old_cid == 77);
	done();
}
END_TEST

START_TEST(i5_a_target_whose_source_was_a_target_holds_the_first_ones_cid)
{
	struct vmi first;
	struct vmi second;

	given_leader();
	first = vmi_holding("first", VMI_PHASE_RUNNING, 77);
	see(first, 0);
	second = target_of("second", 88, "first");
	see(second, 1);
	allocator_vmi_gone(a, &first, 2);
	see(target_of("third", 99, "second"), 3);
	second = vmi_holding("second", VMI_PHASE_SUCCEEDED, 88);
	allocator_vmi_gone(a, &second, 4);
	ck_assert(allocator_is_held(a, 77));
	ck_assert(allocator_is_held(a, 88));
	ck_assert(allocator_is_held(a, 99));
	done();
}
END_TEST

START_TEST(i5_a_list_may_show_a_chain_of_migrations_in_any_order)
{
	struct vmi v[3];

	given_leader();
	v[0] = target_of("third", 99, "second");
	v[1] = target_of("second", 88, "first");
	v[2] = vmi_holding("first", VMI_PHASE_RUNNING, 77);
	allocator_list_started(a);
	for (int i = 0; i < 3; i++)
		allocator_vmi_seen(a, &v[i], true, 0);
	allocator_list_done(a, "500", 0);
	version = 600;
	for (int i = 1; i < 3; i++) {
		v[i] = vmi_holding(v[i].uid, VMI_PHASE_SUCCEEDED, v[i].cid);
		allocator_vmi_gone(a, &v[i], 1);
	}
	ck_assert(allocator_is_held(a, 77));
	ck_assert(allocator_is_held(a, 88));
	done();
}
END_TEST

/* Each has its own CID before its source is named. */
START_TEST(the_last_of_a_chain_of_migrations_is_told_the_first_ones_cid)
{
	given_leader();
	see(vmi_holding("first", VMI_PHASE_RUNNING, 77), 0);
	see(target_of("second", 88, ""), 1);
	see(target_of("second", 88, "first"), 2);
	ck_assert_uint_eq(last.old_cid, 77);
	see(target_of("third", 99, ""), 3);
	see(target_of("third", 99, "second"), 4);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 2);
	ck_assert_uint_eq(last.old_cid, 77);
	ck_assert_str_eq(last.other_name, "vm-second");
	/* Of a target whose own source is not known here nobody knows what its guest has. */
	see(target_of("stranger", 66, "nobody"), 5);
	see(target_of("fourth", 55, "stranger"), 6);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 4);
	ck_assert_uint_eq(last.cid, 55);
	ck_assert_uint_eq(last.old_cid, 0);
	done();
}
END_TEST

/* KubeVirt removes the annotation from a target whose migration has succeeded. */
START_TEST(i5_a_target_is_known_by_its_source_alone)
{
	struct vmi target;
	struct vmi source;

	given_leader();
	source = vmi_holding("source", VMI_PHASE_SUCCEEDED, 77);
	target = target_of("target", 88, "source");
	target.may_fall_back = false;
	allocator_list_started(a);
	allocator_vmi_seen(a, &source, true, 0);
	allocator_vmi_seen(a, &target, true, 0);
	allocator_list_done(a, "500", 0);
	version = 600;
	ck_assert_uint_eq(told[NOTICE_SOURCE], 1);
	source = vmi_holding("source", VMI_PHASE_SUCCEEDED, 77);
	allocator_vmi_gone(a, &source, 1);
	ck_assert(allocator_is_held(a, 77));
	done();
}
END_TEST

/* A source, and whoever migrates within the cluster, is named as its own source. */
START_TEST(nobody_is_its_own_source)
{
	given_leader();
	see(target_of("source", 77, "source"), 0);
	see(target_of("target", 88, "source"), 1);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 1);
	ck_assert_uint_eq(last.old_cid, 77);
	see(target_of("target", 88, "target"), 2);
	allocator_tell_again(a);
	ck_assert_uint_eq(told[NOTICE_SOURCE], 2);
	ck_assert_uint_eq(last.old_cid, 77);
	done();
}
END_TEST

START_TEST(running_duplicates_are_told_and_never_changed)
{
	struct vmi v = vmi_holding("a", VMI_PHASE_RUNNING, 77);

	given_leader();
	see(v, 0);
	see(vmi_holding("b", VMI_PHASE_RUNNING, 77), 0);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 2);
	expect_nothing(0);
	v = vmi_holding("a", VMI_PHASE_RUNNING, 77);
	allocator_vmi_gone(a, &v, 1);
	ck_assert(allocator_is_held(a, 77)); /* deleting one of two owners frees nothing */
	done();
}
END_TEST

START_TEST(who_begins_to_lead_tells_once_more_what_is_wrong)
{
	given_allocator(4);
	see(vmi_holding("a", VMI_PHASE_RUNNING, 77), 0);
	see(vmi_holding("b", VMI_PHASE_RUNNING, 77), 0);
	see(vmi_holding("c", VMI_PHASE_RUNNING, 2), 0);
	see(vmi_with("d", VMI_PHASE_RUNNING), 0);
	see(vmi_holding("e", VMI_PHASE_RUNNING, 78), 0);
	see(vmi_holding("e", VMI_PHASE_RUNNING, 79), 0); /* by the leader, as far as a standby can tell */
	ck_assert_uint_eq(told[NOTICE_FOREIGN], 0);
	lead(5);
	memset(told, 0, sizeof(told));
	allocator_tell_again(a);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 2);
	ck_assert_uint_eq(told[NOTICE_INVALID], 1);
	ck_assert_uint_eq(told[NOTICE_MISSED], 1);
	ck_assert(last.first);
	see(vmi_holding("b", VMI_PHASE_RUNNING, 77), 1);
	ck_assert_uint_eq(told[NOTICE_DUPLICATE], 2); /* and not again with each look */
	done();
}
END_TEST

START_TEST(an_invalid_value_is_replaced_before_the_start)
{
	given_leader();
	see(vmi_holding("a", VMI_PHASE_PENDING, 2), 0);
	ck_assert_uint_eq(told[NOTICE_INVALID], 1);
	expect_patch("a", 0);
	ck_assert(wish.replaces);
	ck_assert_uint_eq(wish.old_cid, 2);
	done();
}
END_TEST

START_TEST(a_write_in_flight_for_a_vmi_that_is_gone_brings_nothing_back)
{
	struct vmi v;
	struct allocator_stats stats;

	given_leader();
	see(vmi_with("a", VMI_PHASE_PENDING), 0);
	expect_patch("a", 0);
	v = vmi_with("a", VMI_PHASE_PENDING);
	allocator_vmi_gone(a, &v, 1);
	answer_with_cid("a", VMI_PHASE_PENDING, 2);
	allocator_stats(a, &stats);
	ck_assert_uint_eq(stats.tracked, 0);
	ck_assert_uint_eq(stats.in_flight, 0);
	done();
}
END_TEST

START_TEST(a_vmi_that_does_not_want_vsock_costs_nothing)
{
	struct vmi v = vmi_with("a", VMI_PHASE_PENDING);
	struct allocator_stats stats;

	given_leader();
	v.wants_vsock = false;
	see(v, 0);
	allocator_stats(a, &stats);
	ck_assert_uint_eq(stats.tracked, 0);
	done();
}
END_TEST

/* A streaming list (LST-9): as many are deleted within it as it lacks. */
START_TEST(i5_who_is_deleted_within_a_list_stands_for_nobody_whom_it_lacks)
{
	struct vmi listed;
	struct allocator_stats stats;

	given_leader();
	listed = vmi_holding("missing", VMI_PHASE_RUNNING, 1000);
	allocator_vmi_seen(a, &listed, false, 0);
	allocator_list_started(a);
	listed = vmi_holding("deleted", VMI_PHASE_RUNNING, 1001);
	allocator_vmi_seen(a, &listed, true, 0);
	allocator_vmi_gone(a, &listed, 0);
	listed = vmi_holding("there", VMI_PHASE_RUNNING, 1002);
	allocator_vmi_seen(a, &listed, true, 0);
	allocator_list_done(a, "500", 0);
	allocator_stats(a, &stats);
	ck_assert_uint_eq(stats.tracked, 1);
	ck_assert(!allocator_is_held(a, 1000));
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		i5_a_cid_is_free_only_after_its_object_is_gone_and_it_has_rested,
		i5_an_object_of_the_same_name_is_another_owner,
		a_list_takes_away_only_what_is_not_newer_than_itself,
		i9_an_object_without_readable_uid_is_not_taken_for_a_deletion,
		i9_a_cid_that_cannot_be_read_takes_nothing_away,
		an_older_look_changes_nothing,
		a_foreign_value_is_told_and_adopted_and_the_guests_value_stays_held,
		of_two_that_share_a_cid_the_started_one_keeps_it_and_the_other_gets_a_fresh_one,
		of_two_that_have_not_started_the_older_one_keeps_the_cid,
		i8_a_writer_who_undoes_our_writes_is_answered_ever_more_slowly,
		of_two_that_share_a_cid_the_one_that_cannot_be_changed_keeps_it,
		i1_a_value_that_we_never_asked_for_is_not_given_again,
		i5_a_migration_target_holds_the_cid_of_its_source_as_long_as_it_lives,
		a_target_is_told_which_cid_its_guest_has,
		a_source_is_not_missed_before_the_first_list_is_complete,
		i5_a_target_whose_source_was_a_target_holds_the_first_ones_cid,
		i5_a_list_may_show_a_chain_of_migrations_in_any_order,
		the_last_of_a_chain_of_migrations_is_told_the_first_ones_cid,
		i5_a_target_is_known_by_its_source_alone,
		nobody_is_its_own_source,
		running_duplicates_are_told_and_never_changed,
		who_begins_to_lead_tells_once_more_what_is_wrong,
		an_invalid_value_is_replaced_before_the_start,
		a_write_in_flight_for_a_vmi_that_is_gone_brings_nothing_back,
		a_vmi_that_does_not_want_vsock_costs_nothing,
		i5_who_is_deleted_within_a_list_stands_for_nobody_whom_it_lacks,
	};

	return suite_run("allocator_owners", tests, ARRAY_LEN(tests));
}
