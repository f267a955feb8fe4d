#include "test_elector_rig.h"

/* Electors on a server and a network that fail, and their own end at any moment. */

#define UPDATES(effect) "{\"match\":{\"verb\":\"update\"},\"effect\":" effect "}"
#define CREATES(effect) "{\"match\":{\"verb\":\"create\"},\"effect\":" effect "}"
#define GETS(effect)    "{\"match\":{\"verb\":\"get\"},\"effect\":" effect "}"

/* A leader alone. */
static void start_leader(struct candidate *a)
{
	start(a, "a", true);
	LOOP_UNTIL(&rig.loop, a->led == 1);
}

static void given_leader(struct candidate *a)
{
	open_rig();
	start_leader(a);
}

/* A leader whose right ends soon. */
static void given_short_leader(struct candidate *a)
{
	open_rig();
	short_times();
	start_leader(a);
}

START_TEST(a_creation_whose_answer_is_lost_gives_no_term)
{
	struct candidate a;

	open_rig();
	fault("{\"match\":{\"verb\":\"create\",\"count\":1},\"effect\":{\"dropAfter\":true}}");
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, lease() != NULL);
	ck_assert_uint_eq(a.led, 0);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	ck_assert_uint_eq(lease_term(), a.term);
	ck_assert_ptr_nonnull(strstr(logged(&a), "cannot take the Lease kubevirt/l yet"));
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(an_acquisition_whose_answer_is_lost_gives_no_term)
{
	struct candidate a;

	open_rig();
	given_lease("{\"leaseTransitions\":10}");
	fault("{\"match\":{\"verb\":\"update\",\"count\":1},\"effect\":{\"dropAfter\":true}}");
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	ck_assert_uint_eq(a.term, 12); /* 11 was written, and is nobody's */
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_renewal_whose_answer_is_lost_is_made_up_for)
{
	struct candidate a;
	unsigned int extended;

	given_leader(&a);
	fault("{\"match\":{\"verb\":\"update\",\"nth\":2},\"effect\":{\"dropAfter\":true}}");
	extended = a.extended;
	LOOP_UNTIL(&rig.loop, a.extended >= extended + 10);
	ck_assert_uint_eq(a.lost, 0);
	ck_assert_uint_eq(a.led, 1);
	ck_assert_ptr_nonnull(strstr(logged(&a), "cannot renew the Lease kubevirt/l yet"));
	no_faults();
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_renewal_that_is_never_answered_is_tried_again_in_time)
{
	struct candidate a;
	unsigned int extended;

	open_rig();
	rig.duration_ms = 3000;
	rig.deadline_ms = 2500;
	start_leader(&a);
	fault("{\"match\":{\"verb\":\"update\",\"count\":1},\"effect\":{\"stall\":true}}");
	LOOP_UNTIL(&rig.loop, faults_applied() == 1);
	extended = a.extended;
	LOOP_UNTIL(&rig.loop, a.extended >= extended + 2);
	ck_assert_uint_eq(a.lost, 0);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(who_cannot_renew_in_time_has_lost)
{
	static const char *const faults[] = {
		UPDATES("{\"stall\":true}"),
		UPDATES("{\"status\":500}"),
		UPDATES("{\"status\":429,\"retryAfter\":1}"),
		UPDATES("{\"status\":403}"),
		UPDATES("{\"dropBefore\":true}"),
		UPDATES("{\"status\":409}"),
		UPDATES("{\"delayBeforeMs\":5000}"),
	};

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct candidate a;

		given_short_leader(&a);
		fault(faults[i]);
		LOOP_UNTIL(&rig.loop, a.lost == 1);
		ck_assert_uint_ge(clock_boot_ms(), a.until_ms);
		ck_assert_str_eq(a.reason, "it was not renewed within the renew deadline");
		stop(&a);
		close_rig();
	}
}
END_TEST

START_TEST(a_throttled_renewal_is_tried_again_without_waiting_so_long)
{
	struct candidate a;
	unsigned int extended;

	given_leader(&a);
	fault("{\"match\":{\"verb\":\"update\",\"count\":2},\"effect\":{\"status\":429,\"retryAfter\":30}}");
	extended = a.extended;
	LOOP_UNTIL(&rig.loop, a.extended >= extended + 3);
	ck_assert_uint_eq(a.lost, 0);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_short_restart_of_the_server_costs_nobody_the_lease)
{
	struct candidate a;
	struct candidate b;
	unsigned int extended;

	given_leader(&a);
	start(&b, "b", true);
	LOOP_UNTIL(&rig.loop, strcmp(elector_holder(b.elector), "a") == 0);
	restart_server(200);
	extended = a.extended;
	LOOP_UNTIL(&rig.loop, a.extended >= extended + 3);
	ck_assert_uint_eq(a.lost + b.led, 0);
	stop(&a);
	stop(&b);
	close_rig();
}
END_TEST

START_TEST(after_a_long_restart_another_one_leads)
{
	struct candidate a;
	struct candidate b;

	given_short_leader(&a);
	start(&b, "b", true);
	LOOP_UNTIL(&rig.loop, strcmp(elector_holder(b.elector), "a") == 0);
	restart_server(1500);
	LOOP_UNTIL(&rig.loop, a.lost == 1);
	LOOP_UNTIL(&rig.loop, b.led == 1);
	ck_assert_uint_eq(b.term, a.term + 1);
	stop(&a);
	stop(&b);
	close_rig();
}
END_TEST

START_TEST(a_server_that_is_not_there_yet_is_waited_for)
{
	struct candidate a;

	open_rig();
	restart_server(500);
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(failures_of_a_standby_are_told_once)
{
	struct candidate a;
	const char *told;

	open_rig();
	given_lease("{}");
	fault(GETS("{\"status\":403}"));
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, faults_applied() >= 5);
	told = strstr(logged(&a), "\"level\":\"warning\",\"msg\":\"cannot read the Lease kubevirt/l yet");
	ck_assert_ptr_nonnull(told);
	ck_assert_ptr_null(
		strstr(told + 1, "\"level\":\"warning\",\"msg\":\"cannot read the Lease kubevirt/l yet"));
	no_faults();
	LOOP_UNTIL(&rig.loop, a.led == 1);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_namespace_that_is_not_there_is_told)
{
	struct candidate a;

	open_rig();
	fault(CREATES("{\"status\":404}"));
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, faults_applied() >= 2);
	ck_assert_ptr_nonnull(strstr(logged(&a), "\"level\":\"warning\",\"msg\":\"cannot take the Lease"));
	no_faults();
	LOOP_UNTIL(&rig.loop, a.led == 1);
	stop(&a);
	close_rig();
}
END_TEST

/* ---- giving up ---- */

START_TEST(a_standby_gives_up_at_once)
{
	struct candidate a;
	struct candidate b;

	given_leader(&a);
	start(&b, "b", true);
	give_up(&b);
	ck_assert_str_eq(lease_holder(), "a");
	stop(&b);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(an_acquisition_in_flight_is_given_back)
{
	struct candidate a;

	open_rig();
	fault(CREATES("{\"delayAfterMs\":200}"));
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, strcmp(lease_holder(), "a") == 0);
	ck_assert_uint_eq(a.led, 0);
	give_up(&a);
	ck_assert_uint_eq(a.led, 0); /* it was not told */
	ck_assert_uint_eq(a.extended, 0);
	ck_assert_ptr_nonnull(lease());
	ck_assert_str_eq(lease_holder(), "");
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_lease_that_is_somebody_elses_is_not_released)
{
	struct candidate a;

	given_leader(&a);
	fault("{\"match\":{\"verb\":\"watch\"},\"effect\":{\"stall\":true}}");
	expect_request("POST", "/apisim/watches/close", NULL, 200);
	expect_request("PATCH", LEASE, "{\"spec\":{\"holderIdentity\":\"other\"}}", 200);
	give_up(&a);
	ck_assert_str_eq(lease_holder(), "other");
	ck_assert_ptr_null(strstr(logged(&a), "gave up the Lease"));
	no_faults();
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_release_without_a_server_ends_with_the_right)
{
	struct candidate a;

	given_short_leader(&a);
	restart_server(1500);
	give_up(&a);
	ck_assert_uint_ge(clock_boot_ms(), a.until_ms);
	ck_assert_uint_eq(a.lost, 0);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(who_has_lost_gives_up_at_once)
{
	struct candidate a;

	given_leader(&a);
	expect_request("DELETE", LEASE, NULL, 200);
	LOOP_UNTIL(&rig.loop, a.lost == 1);
	give_up(&a);
	ck_assert_uint_eq(a.lost, 1);
	stop(&a);
	close_rig();
}
END_TEST

/* ---- the end at any moment ---- */

START_TEST(it_closes_before_its_first_turn)
{
	struct candidate a;

	open_rig();
	start(&a, "a", true);
	stop(&a);
	ck_assert_uint_eq(a.led + a.stale, 0);
	close_rig();
}
END_TEST

START_TEST(it_closes_with_a_request_of_each_kind_in_flight)
{
	static const char *const faults[] = {
		GETS("{\"stall\":true}"),
		CREATES("{\"stall\":true}"),
		UPDATES("{\"stall\":true}"),
	};

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct candidate a;

		open_rig();
		fault(faults[i]);
		start(&a, "a", true);
		LOOP_UNTIL(&rig.loop, faults_applied() >= 1);
		stop(&a);
		ck_assert_uint_eq(a.lost + a.given_up, 0);
		close_rig();
	}
}
END_TEST

START_TEST(it_closes_while_it_waits)
{
	struct candidate a;
	struct candidate b;

	given_leader(&a);
	start(&b, "b", true);
	LOOP_UNTIL(&rig.loop, strcmp(elector_holder(b.elector), "a") == 0);
	stop(&b);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(it_closes_within_a_handler)
{
	struct candidate a;

	open_rig();
	start(&a, "a", true);
	a.close_when_led = true;
	LOOP_UNTIL(&rig.loop, a.led == 1);
	expect_closed(&a);
	close_rig();
}
END_TEST

START_TEST(it_closes_while_it_gives_up)
{
	struct candidate a;

	given_leader(&a);
	fault("{\"match\":{\"verb\":\"get\",\"path\":\"" LEASE "\"},\"effect\":{\"stall\":true}}");
	elector_give_up(a.elector, on_given_up, &a);
	LOOP_UNTIL(&rig.loop, faults_applied() >= 1);
	stop(&a);
	ck_assert_uint_eq(a.given_up, 0);
	close_rig();
}
END_TEST

START_TEST(it_closes_after_it_has_lost)
{
	struct candidate a;

	given_leader(&a);
	expect_request("DELETE", LEASE, NULL, 200);
	LOOP_UNTIL(&rig.loop, a.lost == 1);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(it_ends_its_own_request_and_leaves_the_client_open)
{
	struct candidate a;

	open_rig();
	rig.duration_ms = 600000;
	rig.deadline_ms = 500000; /* calls take half of it at most */
	start_leader(&a);
	fault(UPDATES("{\"stall\":true}"));
	LOOP_UNTIL(&rig.loop, faults_applied() >= 1);
	elector_close(a.elector, on_candidate_closed, &a);
	LOOP_UNTIL(&rig.loop, a.closed == 1);
	kube_client_close(a.client, on_candidate_closed, &a);
	expect_closed(&a);
	close_rig();
}
END_TEST

/* Closed after each number of turns there is, until it leads. */
START_TEST(it_closes_at_any_moment)
{
	bool led = false;

	for (int turns = 0; !led; turns++) {
		struct candidate a;

		open_rig();
		start(&a, "a", true);
		for (int i = 0; i < turns; i++)
			(void)uv_run(&rig.loop, UV_RUN_ONCE);
		led = a.led > 0;
		stop(&a);
		close_rig();
	}
}
END_TEST

START_TEST(wrong_times_are_refused)
{
	struct elector *elector = NULL;
	struct error err = {0};
	struct candidate a = {.identity = "a"};

	open_rig();
	a.client = open_client(&rig.log, "test/1");
	ck_assert_int_eq(elector_open(&elector,
				      &(struct elector_options){.loop = &rig.loop,
								.client = a.client,
								.log = &rig.log,
								.rng = &a.rng,
								.namespace = "kubevirt",
								.name = "l",
								.identity = "a",
								.lease_duration_ms = 1000,
								.renew_deadline_ms = 1000,
								.retry_period_ms = 100,
								.handler = &candidate_handler},
				      &err),
			 -EINVAL);
	ck_assert_ptr_null(elector);
	kube_client_close(a.client, on_candidate_closed, &a);
	LOOP_UNTIL(&rig.loop, a.closed == 1);
	close_rig();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_creation_whose_answer_is_lost_gives_no_term,
		an_acquisition_whose_answer_is_lost_gives_no_term,
		a_renewal_whose_answer_is_lost_is_made_up_for,
		a_renewal_that_is_never_answered_is_tried_again_in_time,
		who_cannot_renew_in_time_has_lost,
		a_throttled_renewal_is_tried_again_without_waiting_so_long,
		a_short_restart_of_the_server_costs_nobody_the_lease,
		after_a_long_restart_another_one_leads,
		a_server_that_is_not_there_yet_is_waited_for,
		failures_of_a_standby_are_told_once,
		a_namespace_that_is_not_there_is_told,
		a_standby_gives_up_at_once,
		an_acquisition_in_flight_is_given_back,
		a_lease_that_is_somebody_elses_is_not_released,
		a_release_without_a_server_ends_with_the_right,
		who_has_lost_gives_up_at_once,
		it_closes_before_its_first_turn,
		it_closes_with_a_request_of_each_kind_in_flight,
		it_closes_while_it_waits,
		it_closes_within_a_handler,
		it_closes_while_it_gives_up,
		it_closes_after_it_has_lost,
		it_ends_its_own_request_and_leaves_the_client_open,
		it_closes_at_any_moment,
		wrong_times_are_refused,
	};

	return suite_run("elector_faults", tests, ARRAY_LEN(tests));
}
