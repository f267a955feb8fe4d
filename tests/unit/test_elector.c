#include "test_elector_rig.h"

START_TEST(the_first_candidate_creates_the_lease_and_leads)
{
	struct candidate a;

	open_rig();
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	ck_assert_uint_eq(lease_term(), a.term);
	ck_assert_str_eq(lease_holder(), "a");
	ck_assert(elector_is_leading(a.elector));
	ck_assert_uint_eq(elector_right_until(a.elector), a.until_ms);
	ck_assert_str_eq(elector_holder(a.elector), "a");
	ck_assert_ptr_nonnull(strstr(logged(&a), "raised the term of the Lease kubevirt/l to "));
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_released_lease_is_taken_over_with_the_next_term)
{
	struct candidate a;
	struct candidate b;

	open_rig();
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	start(&b, "b", true);
	LOOP_UNTIL(&rig.loop, strcmp(elector_holder(b.elector), "a") == 0);
	give_up(&a);
	ck_assert_uint_eq(a.lost, 0);
	ck_assert_ptr_nonnull(strstr(logged(&a), "gave up the Lease kubevirt/l"));
	LOOP_UNTIL(&rig.loop, b.led == 1);
	ck_assert_uint_eq(b.term, a.term + 1);
	stop(&a);
	stop(&b);
	close_rig();
}
END_TEST

START_TEST(the_lease_of_a_silent_leader_is_taken_over)
{
	struct candidate a;
	struct candidate b;
	uint64_t until_ms;

	open_rig();
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	start(&b, "b", true);
	LOOP_UNTIL(&rig.loop, strcmp(elector_holder(b.elector), "a") == 0);
	stop(&a);
	until_ms = a.until_ms;
	LOOP_UNTIL(&rig.loop, b.led == 1);
	ck_assert_uint_ge(clock_boot_ms(), until_ms);
	ck_assert_uint_eq(b.term, a.term + 1);
	stop(&b);
	close_rig();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_first_candidate_creates_the_lease_and_leads,
		a_released_lease_is_taken_over_with_the_next_term,
		the_lease_of_a_silent_leader_is_taken_over,
	};

	return suite_run("elector", tests, ARRAY_LEN(tests));
}
