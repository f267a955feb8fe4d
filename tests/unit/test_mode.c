#include <check.h>
#include <string.h>

#include "base/macros.h"
#include "controller/mode.h"
#include "support/suite.h"

static struct mode_core m;
static char text[MODE_TEXT_SIZE];

static void given(enum mode_choice choice, enum mode_policies policies)
{
	bool lacking = policies == MODE_POLICIES_LACKING || policies == MODE_POLICIES_IN_VAIN;

	mode_init(&m, choice);
	mode_set_policies(&m, policies, lacking ? "guard is not installed" : "", 0);
}

static void three_are_reverted(void)
{
	mode_reverted(&m, "a", 1000);
	mode_reverted(&m, "b", 1001);
	ck_assert_int_ne(mode_of(&m), MODE_OBSERVE);
	mode_reverted(&m, "c", 1002);
}

static void three_are_overwritten(void)
{
	mode_overwritten(&m, "a", 1000);
	mode_assigned(&m);
	mode_overwritten(&m, "b", 1001);
	mode_assigned(&m);
	ck_assert_int_ne(mode_of(&m), MODE_OBSERVE);
	mode_overwritten(&m, "c", 1002);
}

START_TEST(the_mode_follows_from_choice_and_policies)
{
	static const struct {
		enum mode_choice choice;
		enum mode unknown, lacking, in_vain, in_force;
	} cases[] = {
		{MODE_AUTO, MODE_COEXIST, MODE_COEXIST, MODE_OBSERVE, MODE_TAKEOVER},
		{MODE_CHOOSE_TAKEOVER, MODE_OBSERVE, MODE_OBSERVE, MODE_OBSERVE, MODE_TAKEOVER},
		{MODE_CHOOSE_COEXIST, MODE_COEXIST, MODE_COEXIST, MODE_COEXIST, MODE_COEXIST},
		{MODE_CHOOSE_OBSERVE, MODE_OBSERVE, MODE_OBSERVE, MODE_OBSERVE, MODE_OBSERVE},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		given(cases[i].choice, MODE_POLICIES_UNKNOWN);
		ck_assert_int_eq(mode_of(&m), cases[i].unknown);
		given(cases[i].choice, MODE_POLICIES_LACKING);
		ck_assert_int_eq(mode_of(&m), cases[i].lacking);
		given(cases[i].choice, MODE_POLICIES_IN_VAIN);
		ck_assert_int_eq(mode_of(&m), cases[i].in_vain);
		given(cases[i].choice, MODE_POLICIES_IN_FORCE);
		ck_assert_int_eq(mode_of(&m), cases[i].in_force);
		ck_assert_int_eq(mode_campaigns(&m), cases[i].choice != MODE_CHOOSE_OBSERVE);
		ck_assert_int_eq(mode_wants_takeover(&m, false), cases[i].choice == MODE_CHOOSE_TAKEOVER);
		ck_assert_int_eq(mode_wants_takeover(&m, true),
				 cases[i].choice == MODE_CHOOSE_TAKEOVER || cases[i].choice == MODE_AUTO);
	}
}
END_TEST

START_TEST(the_reason_names_what_decides)
{
	given(MODE_AUTO, MODE_POLICIES_UNKNOWN);
	ck_assert_str_eq(mode_reason(&m, text), "the admission policies have not been read yet");
	given(MODE_AUTO, MODE_POLICIES_LACKING);
	ck_assert_str_eq(mode_reason(&m, text), "guard is not installed");
	given(MODE_AUTO, MODE_POLICIES_IN_VAIN);
	ck_assert_str_eq(mode_reason(&m, text), "guard is not installed");
	given(MODE_AUTO, MODE_POLICIES_IN_FORCE);
	ck_assert_str_eq(mode_reason(&m, text), "the three admission policies are in force");
	given(MODE_CHOOSE_TAKEOVER, MODE_POLICIES_LACKING);
	ck_assert_str_eq(mode_reason(&m, text), "--mode=takeover, but guard is not installed");
	given(MODE_CHOOSE_OBSERVE, MODE_POLICIES_IN_FORCE);
	ck_assert_str_eq(mode_reason(&m, text), "--mode=observe");
	given(MODE_CHOOSE_COEXIST, MODE_POLICIES_IN_FORCE);
	ck_assert_str_eq(mode_reason(&m, text), "--mode=coexist");
	three_are_reverted();
	ck_assert_str_eq(mode_reason(&m, text),
			 "the CIDs of 3 VMIs in a row were put back by another component; "
			 "one is tried every 10 minutes");
}
END_TEST

START_TEST(three_vmis_in_a_row_end_the_writing)
{
	given(MODE_AUTO, MODE_POLICIES_LACKING);
	three_are_reverted();
	ck_assert_int_eq(mode_of(&m), MODE_OBSERVE);
	ck_assert(mode_campaigns(&m));
	given(MODE_CHOOSE_COEXIST, MODE_POLICIES_LACKING);
	three_are_overwritten();
	ck_assert_int_eq(mode_of(&m), MODE_OBSERVE);
	given(MODE_AUTO, MODE_POLICIES_IN_FORCE);
	mode_reverted(&m, "a", MODE_GRACE_MS);
	mode_overwritten(&m, "b", MODE_GRACE_MS);
	mode_reverted(&m, "c", MODE_GRACE_MS);
	ck_assert_int_eq(mode_of(&m), MODE_OBSERVE);
}
END_TEST

START_TEST(one_vmi_alone_ends_nothing)
{
	given(MODE_AUTO, MODE_POLICIES_LACKING);
	for (int i = 0; i < 10; i++) {
		mode_reverted(&m, "a", 1);
		mode_overwritten(&m, "a", 1);
		mode_reverted(&m, "b", 1);
	}
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
}
END_TEST

START_TEST(a_write_that_lasts_ends_the_row)
{
	given(MODE_AUTO, MODE_POLICIES_LACKING);
	mode_reverted(&m, "a", 1);
	mode_reverted(&m, "b", 1);
	mode_assigned(&m);
	mode_reverted(&m, "c", 1);
	mode_reverted(&m, "d", 1);
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
	mode_lasted(&m);
	/* One that was overwritten had been there before: that others are there says nothing. */
	mode_overwritten(&m, "a", 1);
	mode_reverted(&m, "b", 1);
	mode_assigned(&m);
	mode_overwritten(&m, "c", 1);
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
	mode_lasted(&m);
	mode_overwritten(&m, "d", 1);
	mode_overwritten(&m, "e", 1);
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
	mode_overwritten(&m, "f", 1);
	ck_assert_int_eq(mode_of(&m), MODE_OBSERVE);
}
END_TEST

START_TEST(after_a_fall_one_vmi_is_tried_every_ten_minutes)
{
	given(MODE_AUTO, MODE_POLICIES_LACKING);
	ck_assert_uint_eq(mode_deadline(&m), UINT64_MAX);
	ck_assert(!mode_try(&m, 1000));
	three_are_reverted();
	ck_assert_uint_eq(mode_deadline(&m), 1002 + MODE_RETRY_MS);
	ck_assert(!mode_try(&m, 1001 + MODE_RETRY_MS));
	ck_assert(mode_try(&m, 1002 + MODE_RETRY_MS));
	ck_assert(!mode_try(&m, 1003 + MODE_RETRY_MS));
	mode_reverted(&m, "d", 1003 + MODE_RETRY_MS);
	ck_assert_int_eq(mode_of(&m), MODE_OBSERVE);
	ck_assert(mode_try(&m, 1002 + 2 * MODE_RETRY_MS));
	mode_assigned(&m);
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
	ck_assert_uint_eq(mode_deadline(&m), UINT64_MAX);
}
END_TEST

START_TEST(where_cids_are_overwritten_only_a_start_with_one_counts)
{
	given(MODE_AUTO, MODE_POLICIES_LACKING);
	three_are_overwritten();
	mode_assigned(&m);
	ck_assert_int_eq(mode_of(&m), MODE_OBSERVE);
	mode_lasted(&m);
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
	three_are_reverted();
	mode_overwritten(&m, "d", 5000);
	mode_assigned(&m);
	ck_assert_int_eq(mode_of(&m), MODE_OBSERVE);
}
END_TEST

START_TEST(a_change_of_the_policies_ends_a_fall)
{
	given(MODE_AUTO, MODE_POLICIES_LACKING);
	three_are_overwritten();
	mode_set_policies(&m, MODE_POLICIES_LACKING, "guard is not installed", 2000);
	ck_assert_int_eq(mode_of(&m), MODE_OBSERVE);
	mode_set_policies(&m, MODE_POLICIES_LACKING, "hold is not installed", 2000);
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
	three_are_overwritten();
	mode_set_policies(&m, MODE_POLICIES_IN_FORCE, "", 2000);
	ck_assert_int_eq(mode_of(&m), MODE_TAKEOVER);
}
END_TEST

START_TEST(what_was_under_way_when_the_policies_came_does_not_count)
{
	given(MODE_AUTO, MODE_POLICIES_IN_FORCE);
	for (int i = 0; i < 3; i++)
		mode_overwritten(&m, (const char *const[]){"a", "b", "c"}[i], MODE_GRACE_MS - 1);
	mode_breach(&m, MODE_GRACE_MS - 2);
	mode_breach(&m, MODE_GRACE_MS - 1);
	ck_assert_int_eq(mode_of(&m), MODE_TAKEOVER);
}
END_TEST

START_TEST(policies_that_do_not_work_are_not_in_force)
{
	given(MODE_AUTO, MODE_POLICIES_IN_FORCE);
	mode_breach(&m, MODE_GRACE_MS);
	ck_assert_int_eq(mode_of(&m), MODE_TAKEOVER);
	mode_breach(&m, MODE_GRACE_MS + MODE_RETRY_MS);
	ck_assert_int_eq(mode_of(&m), MODE_TAKEOVER); /* long after the first */
	mode_breach(&m, MODE_GRACE_MS + MODE_RETRY_MS + 1);
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
	ck_assert(!mode_policies_work(&m));
	ck_assert_ptr_nonnull(strstr(mode_reason(&m, text), "restart kube-apiserver"));
	mode_set_policies(&m, MODE_POLICIES_LACKING, "hold is not installed", 50000);
	mode_set_policies(&m, MODE_POLICIES_IN_FORCE, "", 60000);
	ck_assert_int_eq(mode_of(&m), MODE_TAKEOVER);
	given(MODE_CHOOSE_TAKEOVER, MODE_POLICIES_IN_FORCE);
	mode_breach(&m, MODE_GRACE_MS);
	mode_breach(&m, MODE_GRACE_MS);
	ck_assert_int_eq(mode_of(&m), MODE_OBSERVE);
	given(MODE_AUTO, MODE_POLICIES_LACKING);
	mode_breach(&m, MODE_GRACE_MS);
	mode_breach(&m, MODE_GRACE_MS);
	ck_assert_ptr_null(strstr(mode_reason(&m, text), "restart"));
}
END_TEST

START_TEST(a_breach_is_forgotten_after_ten_minutes)
{
	const uint64_t again_ms = MODE_GRACE_MS + MODE_RETRY_MS;

	given(MODE_AUTO, MODE_POLICIES_IN_FORCE);
	ck_assert_uint_eq(mode_deadline(&m), UINT64_MAX);
	mode_breach(&m, MODE_GRACE_MS);
	ck_assert_uint_eq(mode_deadline(&m), UINT64_MAX);
	mode_breach(&m, MODE_GRACE_MS);
	mode_breach(&m, MODE_GRACE_MS + 1000);
	ck_assert_uint_eq(mode_deadline(&m), again_ms);
	mode_set_policies(&m, MODE_POLICIES_IN_FORCE, "", again_ms - 1);
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
	mode_set_policies(&m, MODE_POLICIES_IN_FORCE, "", again_ms);
	ck_assert_int_eq(mode_of(&m), MODE_TAKEOVER);
	mode_breach(&m, again_ms + MODE_GRACE_MS - 1);
	mode_breach(&m, again_ms + MODE_GRACE_MS);
	ck_assert_int_eq(mode_of(&m), MODE_TAKEOVER);
	mode_breach(&m, again_ms + MODE_GRACE_MS);
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
}
END_TEST

START_TEST(only_new_writes_show_that_none_is_put_back_any_more)
{
	given(MODE_AUTO, MODE_POLICIES_LACKING);
	three_are_reverted();
	ck_assert(mode_has_fallen(&m));
	mode_lasted(&m); /* it had its CID before */
	ck_assert_int_eq(mode_of(&m), MODE_OBSERVE);
	mode_assigned(&m);
	ck_assert_int_eq(mode_of(&m), MODE_COEXIST);
	ck_assert(!mode_has_fallen(&m));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_mode_follows_from_choice_and_policies,
		the_reason_names_what_decides,
		three_vmis_in_a_row_end_the_writing,
		one_vmi_alone_ends_nothing,
		a_write_that_lasts_ends_the_row,
		after_a_fall_one_vmi_is_tried_every_ten_minutes,
		where_cids_are_overwritten_only_a_start_with_one_counts,
		a_change_of_the_policies_ends_a_fall,
		what_was_under_way_when_the_policies_came_does_not_count,
		policies_that_do_not_work_are_not_in_force,
		a_breach_is_forgotten_after_ten_minutes,
		only_new_writes_show_that_none_is_put_back_any_more,
	};

	return suite_run("mode", tests, ARRAY_LEN(tests));
}
