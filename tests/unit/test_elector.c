#include "test_elector_rig.h"

/* How electors on one server share the Lease. */

#define WATCHES "{\"match\":{\"verb\":\"watch\"},\"effect\":{\"status\":403}}"
#define READS   "{\"match\":{\"verb\":\"get\",\"userAgent\":\"candidate/\"},\"effect\":{\"delayBeforeMs\":1}}"
#define LISTS   "{\"match\":{\"verb\":\"list\"},\"effect\":{\"status\":403}}"

/* A leader and a standby that knows it. */
static void start_two(struct candidate *a, struct candidate *b)
{
	start(a, "a", true);
	LOOP_UNTIL(&rig.loop, a->led == 1);
	start(b, "b", true);
	LOOP_UNTIL(&rig.loop, strcmp(elector_holder(b->elector), "a") == 0);
}

static void given_two(struct candidate *a, struct candidate *b)
{
	open_rig();
	start_two(a, b);
}

START_TEST(the_first_candidate_creates_the_lease_and_leads)
{
	struct candidate a;

	open_rig();
	start(&a, "a", true);
	ck_assert_str_eq(elector_lease_uid(a.elector), "");
	ck_assert(!elector_is_leading(a.elector));
	ck_assert_uint_eq(elector_right_until(a.elector), 0);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	ck_assert(elector_is_leading(a.elector));
	ck_assert_uint_eq(elector_right_until(a.elector), a.until_ms);
	ck_assert_str_eq(elector_holder(a.elector), "a");
	ck_assert_ptr_nonnull(strstr(logged(&a), "raised the term of the Lease kubevirt/l to "));
	ck_assert_uint_eq(lease_term(), a.term);
	ck_assert_str_eq(lease_holder(), "a");
	ck_assert_str_eq(elector_lease_uid(a.elector),
			 json_string_value(json_object_get(json_object_get(rig.object, "metadata"), "uid")));
	LOOP_UNTIL(&rig.loop, a.extended >= 5);
	ck_assert_uint_eq(a.led, 1);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(of_two_that_start_together_one_leads)
{
	struct candidate a;
	struct candidate b;

	open_rig();
	start(&a, "a", true);
	start(&b, "b", true);
	LOOP_UNTIL(&rig.loop, a.extended + b.extended >= 5);
	ck_assert_uint_eq(a.led + b.led, 1);
	ck_assert_str_eq(lease_holder(), a.led > 0 ? "a" : "b");
	stop(&a);
	stop(&b);
	close_rig();
}
END_TEST

START_TEST(a_released_lease_is_taken_over_with_the_next_term)
{
	struct candidate a;
	struct candidate b;

	given_two(&a, &b);
	ck_assert_ptr_nonnull(strstr(logged(&b), "the Lease kubevirt/l is held by a\""));
	give_up(&a);
	ck_assert(!elector_is_leading(a.elector));
	ck_assert_uint_eq(a.lost, 0);
	ck_assert_ptr_nonnull(strstr(logged(&a), "gave up the Lease kubevirt/l\""));
	LOOP_UNTIL(&rig.loop, b.led == 1);
	ck_assert_uint_eq(b.term, a.term + 1);
	stop(&a);
	stop(&b);
	close_rig();
}
END_TEST

START_TEST(the_lease_of_a_silent_leader_is_taken_over_after_its_right_has_ended)
{
	struct candidate a;
	struct candidate b;

	open_rig();
	short_times();
	start_two(&a, &b);
	stop(&a);
	LOOP_UNTIL(&rig.loop, b.led == 1);
	ck_assert_uint_ge(clock_boot_ms(), a.until_ms);
	ck_assert_uint_eq(b.term, a.term + 1);
	stop(&b);
	close_rig();
}
END_TEST

START_TEST(without_a_watch_the_lease_changes_hands_all_the_same)
{
	struct candidate a;
	struct candidate b;

	open_rig();
	rig.duration_ms = 3000;
	rig.deadline_ms = 2500;
	fault("[" WATCHES "," LISTS "]");
	start_two(&a, &b);
	fault(READS); /* counts them */
	LOOP_UNTIL(&rig.loop, faults_applied() >= 2);
	ck_assert_uint_eq(a.lost + b.led, 0);
	give_up(&a);
	LOOP_UNTIL(&rig.loop, b.led == 1);
	ck_assert_uint_eq(b.term, a.term + 1);
	stop(&a);
	stop(&b);
	close_rig();
}
END_TEST

START_TEST(a_candidate_without_fresh_caches_asks_for_them_and_writes_nothing)
{
	struct candidate a;
	uint64_t since_ms = clock_boot_ms();

	open_rig();
	start(&a, "a", false);
	while (a.stale < 4)
		expect_request("GET", "/version", NULL, 200); /* many turns */
	ck_assert_uint_ge(clock_boot_ms() - since_ms, 3 * RETRY_MS);
	ck_assert_uint_eq(a.led, 0);
	ck_assert_ptr_null(lease());
	elector_set_fresh(a.elector, clock_boot_ms() + 60000);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(caches_are_not_asked_for_while_somebody_leads)
{
	struct candidate a;
	struct candidate b;

	open_rig();
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	start(&b, "b", false);
	LOOP_UNTIL(&rig.loop, strcmp(elector_holder(b.elector), "a") == 0);
	LOOP_UNTIL(&rig.loop, a.extended >= 5);
	ck_assert_uint_eq(b.stale, 0);
	stop(&a);
	stop(&b);
	close_rig();
}
END_TEST

START_TEST(a_leader_that_is_pressed_raises_its_term)
{
	struct candidate a;
	uint32_t first;

	open_rig();
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	first = a.term;
	a.step = 1;
	elector_set_pressed(a.elector, true);
	LOOP_UNTIL(&rig.loop, a.led == 2);
	elector_set_pressed(a.elector, true);
	LOOP_UNTIL(&rig.loop, a.led == 3);
	ck_assert_uint_eq(a.term, first + 2);
	ck_assert_uint_eq(lease_term(), a.term);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_deletion_that_only_a_list_shows_is_noticed)
{
	struct candidate a;
	struct candidate b;

	given_two(&a, &b);
	stop(&a);
	fault(WATCHES);
	expect_request("POST", "/apisim/watches/close", NULL, 200);
	expect_request("DELETE", LEASE, NULL, 200);
	expect_request("POST", "/apisim/compact", NULL, 200);
	no_faults();
	LOOP_UNTIL(&rig.loop, b.led == 1); /* the Lease would have ended in a minute */
	stop(&b);
	close_rig();
}
END_TEST

START_TEST(a_leader_without_a_watch_finds_edits_by_conflicts)
{
	struct candidate a;
	unsigned int extended;

	open_rig();
	fault("[" WATCHES "," LISTS "]");
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	expect_request("PATCH", LEASE, "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}", 200);
	extended = a.extended;
	LOOP_UNTIL(&rig.loop, a.extended >= extended + 3);
	expect_request("PATCH", LEASE, "{\"spec\":{\"holderIdentity\":\"b\"}}", 200);
	LOOP_UNTIL(&rig.loop, a.lost == 1);
	ck_assert_str_eq(a.reason, "it is held by b");
	stop(&a);
	close_rig();
}
END_TEST

/* ---- what others do to the Lease ---- */

START_TEST(whose_lease_is_deleted_has_lost)
{
	struct candidate a;
	struct candidate b;

	given_two(&a, &b);
	expect_request("DELETE", LEASE, NULL, 200);
	LOOP_UNTIL(&rig.loop, a.lost == 1 && b.led == 1);
	ck_assert_uint_ne(b.term, a.term);
	ck_assert(!elector_is_leading(a.elector));
	ck_assert_uint_eq(elector_right_until(a.elector), 0);
	ck_assert_ptr_nonnull(strstr(logged(&a), "lost the Lease kubevirt/l: the Lease was deleted"));
	ck_assert_int_eq(strncmp(a.reason, "the Lease was deleted", 21), 0);
	stop(&a);
	stop(&b);
	close_rig();
}
END_TEST

START_TEST(whose_name_is_taken_out_has_lost_and_never_leads_again)
{
	struct candidate a;

	open_rig();
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	expect_request("PATCH", LEASE, "{\"spec\":{\"holderIdentity\":\"somebody\"}}", 200);
	LOOP_UNTIL(&rig.loop, a.lost == 1);
	ck_assert_str_eq(a.reason, "it is held by somebody");
	expect_request("PATCH", LEASE, "{\"spec\":{\"holderIdentity\":\"a\"}}", 200);
	for (int i = 0; i < 20; i++)
		ck_assert_str_eq(lease_holder(), "a"); /* by hand; nothing is written */
	ck_assert_uint_eq(a.led, 1);
	ck_assert_uint_eq(a.lost, 1);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_name_written_by_hand_gives_no_lead)
{
	struct candidate a;

	open_rig();
	given_lease("{\"holderIdentity\":\"a\",\"leaseDurationSeconds\":1,\"leaseTransitions\":7}");
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	ck_assert_uint_eq(a.term, 8);
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_raised_term_is_raised_further_and_a_lowered_one_is_replaced)
{
	struct candidate a;
	unsigned int extended;

	open_rig();
	given_lease("{\"leaseTransitions\":1000}");
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	ck_assert_uint_eq(a.term, 1001);
	expect_request("PATCH", LEASE, "{\"spec\":{\"leaseTransitions\":2000}}", 200);
	extended = a.extended;
	LOOP_UNTIL(&rig.loop, a.extended >= extended + 3);
	ck_assert_uint_eq(a.led, 2);
	ck_assert_uint_eq(a.term, 2001);
	ck_assert_uint_eq(lease_term(), 2001);
	expect_request("PATCH", LEASE, "{\"spec\":{\"leaseTransitions\":1001}}", 200);
	LOOP_UNTIL(&rig.loop, a.led == 3);
	ck_assert_uint_ne(a.term, 1002);
	ck_assert_uint_eq(lease_term(), a.term);
	ck_assert_uint_eq(a.lost, 0);
	stop(&a);
	close_rig();
}
END_TEST

/* The value of @member of the Lease's spec, as text that lives until the next request. */
static const char *spec_text(const char *member)
{
	const char *text = json_string_value(json_object_get(lease_spec(), member));

	return text != NULL ? text : "";
}

START_TEST(what_is_not_ours_in_the_lease_stays)
{
	struct candidate a;
	AUTO_FREE char *acquired = NULL;
	AUTO_FREE char *renewed = NULL;
	unsigned int extended;

	open_rig();
	given_lease("{\"leaseTransitions\":6}");
	expect_request("PATCH", LEASE, "{\"metadata\":{\"annotations\":{\"who\":\"<me>\"}}}", 200);
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	acquired = strdup(spec_text("acquireTime"));
	renewed = strdup(spec_text("renewTime"));
	ck_assert_uint_eq(strlen(acquired), strlen("2006-01-02T15:04:05.000000Z"));
	extended = a.extended;
	LOOP_UNTIL(&rig.loop, a.extended >= extended + 2);
	ck_assert_str_eq(spec_text("acquireTime"), acquired);
	ck_assert_int_gt(strcmp(spec_text("renewTime"), renewed), 0);
	expect_request("PATCH", LEASE, "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}", 200);
	give_up(&a);
	ck_assert_str_eq(spec_text("holderIdentity"), "");
	ck_assert_int_eq(json_integer_value(json_object_get(lease_spec(), "leaseDurationSeconds")), 1);
	ck_assert_uint_eq(lease_term(), a.term);
	ck_assert_int_gt(strcmp(spec_text("acquireTime"), acquired), 0);
	ck_assert_str_eq(
		json_string_value(json_object_get(
			json_object_get(json_object_get(rig.object, "metadata"), "annotations"), "who")),
		"<me>");
	ck_assert_str_eq(json_string_value(json_object_get(
				 json_object_get(json_object_get(rig.object, "metadata"), "labels"), "x")),
			 "y");
	stop(&a);
	close_rig();
}
END_TEST

START_TEST(a_lease_that_cannot_be_read_is_left_alone_until_it_can)
{
	struct candidate a;

	open_rig();
	expect_request("PUT", "/apisim/objects/leases/kubevirt/l?uid=u",
		       "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":"
		       "\"l\",\"namespace\":\"kubevirt\",\"uid\":\"u\",\"resourceVersion\":\"@RV@\"},"
		       "\"spec\":{\"leaseTransitions\":\"many\"}}",
		       200);
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, strstr(logged(&a), "cannot read the Lease kubevirt/l yet") != NULL);
	ck_assert_uint_eq(a.led, 0);
	expect_request("PUT", "/apisim/objects/leases/kubevirt/l?uid=u",
		       "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":"
		       "\"l\",\"namespace\":\"kubevirt\",\"uid\":\"u\",\"resourceVersion\":\"@RV@\"},"
		       "\"spec\":{\"leaseTransitions\":4}}",
		       200);
	LOOP_UNTIL(&rig.loop, a.led == 1);
	ck_assert_uint_eq(a.term, 5);
	stop(&a);
	close_rig();
}
END_TEST

/* Sent to the watch as it is. */
static void inject(const char *event)
{
	expect_request("POST", "/apisim/watches/inject?resource=leases", event, 200);
	ck_assert_int_eq(json_integer_value(json_object_get(rig.object, "watches")), 1);
}

START_TEST(of_what_the_watch_shows_only_the_lease_itself_counts)
{
	struct candidate a;
	unsigned int extended;

	open_rig();
	start(&a, "a", true);
	LOOP_UNTIL(&rig.loop, a.led == 1 && strstr(logged(&a), "synced") != NULL);
	extended = a.extended;
	LOOP_UNTIL(&rig.loop, a.extended >= extended + 2); /* the watch has begun */
	inject("{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"other\",\"uid\":\"v\","
	       "\"resourceVersion\":\"999999\"},\"spec\":{\"holderIdentity\":\"b\"}}}\n");
	inject("{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"other\",\"uid\":\"v\","
	       "\"resourceVersion\":\"999999\"},\"spec\":{\"holderIdentity\":\"b\"}}}\n");
	inject("{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"l\",\"uid\":\"u\","
	       "\"resourceVersion\":\"999999\"},\"spec\":{\"leaseTransitions\":-18446744073709551615}}}\n");
	inject("{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"l\",\"uid\":\"u\","
	       "\"resourceVersion\":\"999999\"},\"spec\":{\"leaseTransitions\":99999999999}}}\n");
	inject("{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"l\",\"uid\":\"u\","
	       "\"resourceVersion\":\"999999\"},\"spec\":{\"holderIdentity\":7}}}\n");
	inject("{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"l\","
	       "\"resourceVersion\":\"999999\"},\"spec\":{\"holderIdentity\":\"b\"}}}\n");
	inject("{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"l\",\"uid\":\"v\","
	       "\"resourceVersion\":\"1\"},\"spec\":{\"holderIdentity\":\"b\"}}}\n"); /* the past */
	extended = a.extended;
	LOOP_UNTIL(&rig.loop, a.extended >= extended + 2);
	ck_assert_uint_eq(a.lost, 0);
	inject("{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"l\",\"uid\":\"v\","
	       "\"resourceVersion\":\"999999\"},\"spec\":{\"holderIdentity\":\"b\"}}}\n");
	LOOP_UNTIL(&rig.loop, a.lost == 1);
	ck_assert_str_eq(a.reason, "the Lease was deleted and created anew");
	stop(&a);
	close_rig();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_first_candidate_creates_the_lease_and_leads,
		of_two_that_start_together_one_leads,
		a_released_lease_is_taken_over_with_the_next_term,
		the_lease_of_a_silent_leader_is_taken_over_after_its_right_has_ended,
		without_a_watch_the_lease_changes_hands_all_the_same,
		a_candidate_without_fresh_caches_asks_for_them_and_writes_nothing,
		caches_are_not_asked_for_while_somebody_leads,
		a_leader_that_is_pressed_raises_its_term,
		a_deletion_that_only_a_list_shows_is_noticed,
		a_leader_without_a_watch_finds_edits_by_conflicts,
		whose_lease_is_deleted_has_lost,
		whose_name_is_taken_out_has_lost_and_never_leads_again,
		a_name_written_by_hand_gives_no_lead,
		a_raised_term_is_raised_further_and_a_lowered_one_is_replaced,
		what_is_not_ours_in_the_lease_stays,
		a_lease_that_cannot_be_read_is_left_alone_until_it_can,
		of_what_the_watch_shows_only_the_lease_itself_counts,
	};

	return suite_run("elector", tests, ARRAY_LEN(tests));
}
