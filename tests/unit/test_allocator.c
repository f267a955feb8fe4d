#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "controller/allocator.h"
#include "support/suite.h"

#define QUARANTINE_MS 60000

static struct cid_range range;
static struct rng rng;
static struct allocator *a;
static struct wish wish;
static unsigned int told[NOTICE_COUNT];
static struct notice last;
static uint64_t version;

static void remember(void *data, const struct notice *n)
{
	(void)data;
	told[n->kind]++;
	last = *n;
}

static void given_allocator(uint32_t window)
{
	const struct allocator_options options = {
		.range = &range,
		.quarantine_ms = QUARANTINE_MS,
		.max_in_flight = window,
		.rng = &rng,
		.notice = remember,
	};

	memset(told, 0, sizeof(told));
	version = 100;
	rng_init_seeded(&rng, 7);
	ck_assert_int_eq(cid_range_init(&range, 3, 2147483647, NULL, 0, NULL), 0);
	ck_assert_int_eq(allocator_create(&a, &options), 0);
}

static void given_leader(void)
{
	given_allocator(4);
	allocator_list_started(a);
	allocator_list_done(a, "100", 0);
	allocator_set_gate(a, true);
	allocator_set_term(a, 5);
}

static void done(void)
{
	const char *reason = NULL;

	ck_assert_msg(allocator_validate(a, &reason), "%s", reason);
	allocator_free(a);
	cid_range_free(&range);
}

static struct vmi vmi_with(const char *uid, enum vmi_phase phase)
{
	struct vmi v = {
		.namespace = "ns",
		.created_s = 1000,
		.phase = phase,
		.has_status = true,
		.has_phase = phase != VMI_PHASE_UNSET,
		.wants_vsock = true,
	};

	(void)snprintf(v.name, sizeof(v.name), "vm-%s", uid);
	(void)snprintf(v.uid, sizeof(v.uid), "%s", uid);
	(void)snprintf(v.resource_version, sizeof(v.resource_version), "%llu", (unsigned long long)++version);
	return v;
}

static struct vmi vmi_holding(const char *uid, enum vmi_phase phase, uint32_t cid)
{
	struct vmi v = vmi_with(uid, phase);

	v.cid_state = VMI_CID_PRESENT;
	v.cid = cid;
	return v;
}

static void see(struct vmi v, uint64_t now_ms)
{
	allocator_vmi_seen(a, &v, false, now_ms);
}

static void list_with(struct vmi v, const char *rv, uint64_t now_ms)
{
	allocator_list_started(a);
	allocator_vmi_seen(a, &v, true, now_ms);
	allocator_list_done(a, rv, now_ms);
}

static void answer(enum answer_kind kind, const struct vmi *object, uint64_t now_ms)
{
	const struct answer ans = {.kind = kind, .object = object, .text = ""};

	allocator_answer(a, wish.ticket, &ans, now_ms);
}

static void expect_patch(const char *uid, uint64_t now_ms)
{
	ck_assert(allocator_next(a, &wish, now_ms));
	ck_assert_int_eq(wish.kind, WISH_PATCH);
	ck_assert_str_eq(wish.uid, uid);
}

static void expect_read(const char *uid, uint64_t now_ms)
{
	ck_assert(allocator_next(a, &wish, now_ms));
	ck_assert_int_eq(wish.kind, WISH_READ);
	ck_assert_str_eq(wish.uid, uid);
}

static void expect_nothing(uint64_t now_ms)
{
	ck_assert(!allocator_next(a, &wish, now_ms));
}

static void answer_with_cid(const char *uid, enum vmi_phase phase, uint64_t now_ms)
{
	struct vmi v = vmi_holding(uid, phase, wish.cid);

	answer(ANSWER_OBJECT, &v, now_ms);
}

/* Lets time pass until a wish is there, in steps of the allocator's own deadlines. */
static uint64_t wait_for_wish(uint64_t now_ms)
{
	for (int i = 0; i < 100; i++) {
		if (allocator_next(a, &wish, now_ms))
			return now_ms;
		ck_assert_uint_ne(allocator_deadline(a), UINT64_MAX);
		now_ms = allocator_deadline(a);
		allocator_tick(a, now_ms);
	}
	ck_abort_msg("no wish ever came");
	return 0;
}

START_TEST(i3_nothing_is_written_before_the_first_list_is_complete)
	{
		struct vmi v;

		given_allocator(4);
		allocator_set_gate(a, true);
		allocator_set_term(a, 5);
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
		struct vmi old = vmi_with("a", VMI_PHASE_PENDING);
		uint32_t cid = 0;

		given_leader();
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
		see(vmi_holding("a", VMI_PHASE_RUNNING, 77), 0);
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

START_TEST(an_exhausted_range_is_told_and_tried_again_later)
	{
		const struct allocator_options options = {.range = &range,
							  .quarantine_ms = 0,
							  .max_in_flight = 1,
							  .rng = &rng,
							  .notice = remember};
		struct vmi v;

		memset(told, 0, sizeof(told));
		rng_init_seeded(&rng, 7);
		ck_assert_int_eq(cid_range_init(&range, 10, 11, NULL, 0, NULL), 0);
		ck_assert_int_eq(allocator_create(&a, &options), 0);
		allocator_list_started(a);
		allocator_list_done(a, "1", 0);
		allocator_set_gate(a, true);
		allocator_set_term(a, 900);
		see(vmi_holding("a", VMI_PHASE_RUNNING, 10), 0);
		see(vmi_holding("b", VMI_PHASE_RUNNING, 11), 0);
		see(vmi_with("c", VMI_PHASE_PENDING), 0);
		expect_nothing(0);
		ck_assert_uint_eq(told[NOTICE_EXHAUSTED], 1);
		v = vmi_holding("a", VMI_PHASE_RUNNING, 10);
		allocator_vmi_gone(a, &v, 1);
		(void)wait_for_wish(1);
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
		an_unknown_outcome_is_read_back_and_the_same_cid_used_again,
		an_unknown_outcome_that_was_applied_is_found_and_counted_as_ours,
		a_failed_test_is_read_and_tried_again_at_once,
		a_test_that_fails_on_an_unchanged_object_is_no_reason_to_spin,
		a_vmi_that_started_meanwhile_is_left_alone,
		a_throttling_server_is_left_alone_as_long_as_it_asked,
		i5_a_cid_is_free_only_after_its_object_is_gone_and_it_has_rested,
		i5_an_object_of_the_same_name_is_another_owner,
		a_list_takes_away_only_what_is_not_newer_than_itself,
		i9_an_object_without_readable_uid_is_not_taken_for_a_deletion,
		i9_a_cid_that_cannot_be_read_takes_nothing_away,
		an_older_look_changes_nothing,
		a_foreign_value_is_told_and_adopted_and_the_guests_value_stays_held,
		of_two_that_share_a_cid_the_started_one_keeps_it_and_the_other_gets_a_fresh_one,
		of_two_that_have_not_started_the_older_one_keeps_the_cid,
		running_duplicates_are_told_and_never_changed,
		an_invalid_value_is_replaced_before_the_start,
		a_write_in_flight_for_a_vmi_that_is_gone_brings_nothing_back,
		an_exhausted_range_is_told_and_tried_again_later,
		nothing_is_started_after_stop,
		a_vmi_that_does_not_want_vsock_costs_nothing,
	};

	return suite_run("allocator", tests, ARRAY_LEN(tests));
}
