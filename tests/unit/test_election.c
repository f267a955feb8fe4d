#include "test_election_fixture.h"

/* ---- options ---- */

START_TEST(times_and_identity_are_checked)
{
	char long_name[ELECTION_HOLDER_MAX + 2];
	const struct {
		uint32_t duration, deadline, retry;
		const char *identity;
		int rc;
	} rows[] = {
		{15000, 10000, 2000, "a", 0},        {15000, 10000, 0, "a", -EINVAL},
		{10000, 10000, 2000, "a", -EINVAL},  {15000, 2400, 2000, "a", -EINVAL},
		{15000, 2401, 2000, "a", 0},         {15000, 10000, 2000, "", -EINVAL},
		{15000, 10000, 2000, NULL, -EINVAL}, {UINT32_MAX, UINT32_MAX - 1, 1u << 31, "a", 0},
	};

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct election_options options =
			options_of(rows[i].identity != NULL ? rows[i].identity : long_name);

		options.lease_duration_ms = rows[i].duration;
		options.renew_deadline_ms = rows[i].deadline;
		options.retry_period_ms = rows[i].retry;
		e = NULL;
		ck_assert_int_eq(election_create(&e, &options), rows[i].rc);
		election_free(e);
	}
}
END_TEST

START_TEST(a_duration_is_written_in_whole_seconds_never_less)
{
	struct election_options options = options_of(ME);

	options.lease_duration_ms = 15001;
	rng_init_seeded(&rng, 1);
	now = 1;
	ck_assert_int_eq(election_create(&e, &options), 0);
	election_set_fresh(e, UINT64_MAX);
	expect_read();
	answer_is(ELECTION_MISSING);
	expect_create();
	ck_assert_uint_eq(wish.duration_s, 16);
	finish();
}
END_TEST

/* ---- a standby: what it does about each state of the Lease ---- */

START_TEST(an_unknown_lease_is_read_at_once_and_again_after_a_jittered_pause)
{
	uint64_t shortest = UINT64_MAX;
	uint64_t longest = 0;

	given_fresh_candidate();
	ck_assert_uint_le(election_deadline(e), now);
	for (int i = 0; i < 200; i++) {
		uint64_t since = now;

		expect_read();
		ck_assert_uint_eq(wish.timeout_ms, DEADLINE / 2);
		expect_nothing(); /* one at a time */
		ck_assert_uint_eq(election_deadline(e), UINT64_MAX);
		answer_is(ELECTION_FAILED);
		expect_pause();
		shortest = now - since < shortest ? now - since : shortest;
		longest = now - since > longest ? now - since : longest;
	}
	ck_assert_uint_lt(shortest, RETRY + RETRY / 5);
	ck_assert_uint_gt(longest, RETRY_MOST - RETRY / 5);
	expect_role(ELECTION_STANDBY);
	finish();
}
END_TEST

START_TEST(a_held_lease_is_read_when_its_duration_has_passed_since_it_was_first_seen)
{
	given_fresh_candidate();
	expect_read();
	now += 700;
	answer_shows("5", "other", 41);
	ck_assert_str_eq(election_holder(e), "other");
	expect_quiet_until(now + DURATION);
	expect_read();
	now += 10;
	answer_shows("5", "other", 41);
	expect_claim(42);
	now += 20;
	answer_shows("6", ME, 42);
	expect_leading(42, now - 20 + DEADLINE);
	ck_assert_str_eq(election_holder(e), ME);
	finish();
}
END_TEST

START_TEST(a_lease_that_was_renewed_meanwhile_is_waited_for_anew)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "other", 41);
	for (unsigned int i = 6; i < 20; i++) {
		char rv[8];

		(void)snprintf(rv, sizeof(rv), "%u", i);
		expect_quiet_until(now + DURATION);
		expect_read();
		answer_shows(rv, "other", 41);
	}
	finish();
}
END_TEST

START_TEST(each_renewal_that_the_watch_shows_starts_the_wait_anew)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "other", 41);
	now += DURATION - 1;
	watch_shows("6", "other", 41);
	now += DURATION - 1;
	watch_shows("7", "other", 41);
	watch_shows("7", "other", 41); /* again is no news, nor is the past */
	now += 1000;
	watch_shows("6", "other", 41);
	expect_quiet_until(now - 1000 + DURATION);
	expect_read();
	finish();
}
END_TEST

START_TEST(the_duration_is_that_of_the_record)
{
	static const struct {
		uint32_t seconds;
		uint64_t wait;
	} rows[] = {{3, 3000}, {0, DURATION}, {600, 600000}, {601, 600000}, {INT32_MAX, 600000}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct election_lease l = lease_of("u", "5", "other", 1);

		given_fresh_candidate();
		expect_read();
		l.duration_s = rows[i].seconds;
		answer_lease(l);
		expect_quiet_until(now + rows[i].wait);
		expect_read();
		finish();
	}
}
END_TEST

/* Else the standby would take the Lease of every leader that renews it less often. */
START_TEST(a_duration_is_believed_as_far_as_the_own_one_goes)
{
	static const struct {
		uint32_t seconds;
		uint64_t wait;
	} rows[] = {{3600, 3600000}, {3601, 3600000}, {INT32_MAX, 3600000}, {0, 3600000}, {15, 15000}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct election_lease l = lease_of("u", "5", "other", 1);
		struct election_options options = options_of(ME);

		options.lease_duration_ms = 3600000;
		given_candidate_with(&options);
		election_set_fresh(e, UINT64_MAX);
		expect_read();
		l.duration_s = rows[i].seconds;
		answer_lease(l);
		expect_quiet_until(now + rows[i].wait);
		finish();
	}
}
END_TEST

START_TEST(a_lease_without_a_holder_is_taken_at_once)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	answer_shows("6", ME, 42);
	expect_leading(42, now + DEADLINE);
	finish();
}
END_TEST

START_TEST(a_release_that_the_watch_shows_is_read_then_taken)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "other", 41);
	expect_nothing();
	now += 3000;
	watch_shows("6", "", 41);
	expect_read();
	answer_shows("6", "", 41);
	expect_claim(42);
	finish();
}
END_TEST

START_TEST(a_release_is_noticed_within_a_pause_after_a_failure)
{
	given_fresh_candidate();
	expect_read();
	answer_is(ELECTION_FAILED);
	expect_nothing();
	watch_shows("6", "", 41);
	expect_read();
	finish();
}
END_TEST

START_TEST(an_absent_lease_is_created_at_a_random_term)
{
	uint32_t terms[2];

	for (size_t i = 0; i < 2; i++) {
		given_fresh_candidate();
		rng_init_seeded(&rng, i);
		expect_read();
		answer_is(ELECTION_MISSING);
		ck_assert_str_eq(election_holder(e), "");
		expect_create();
		terms[i] = wish.term;
		answer_lease(lease_of("new", "7", ME, wish.term));
		expect_leading(terms[i], now + DEADLINE);
		finish();
	}
	ck_assert_uint_ne(terms[0], terms[1]);
}
END_TEST

START_TEST(a_deletion_that_the_watch_shows_is_followed_by_a_creation)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "other", 41);
	election_absent(e, "4", now); /* an earlier one of the same name */
	expect_nothing();
	election_absent(e, "6", now);
	expect_create();
	finish();
}
END_TEST

START_TEST(its_own_name_in_the_lease_is_no_right_and_the_term_is_raised)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", ME, 41);
	expect_role(ELECTION_STANDBY);
	ck_assert_uint_eq(election_right_until(e), 0);
	expect_claim(42);
	answer_shows("6", ME, 42);
	expect_leading(42, now + DEADLINE);
	finish();
}
END_TEST

START_TEST(a_write_with_an_unknown_outcome_is_done_again_not_looked_up)
{
	uint64_t sent;

	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	sent = now;
	now += 1;
	answer_is(ELECTION_FAILED);
	watch_shows("6", ME, 42); /* it was applied */
	expect_role(ELECTION_STANDBY);
	expect_quiet_until(sent + RETRY); /* not more often than that */
	expect_read();
	answer_shows("6", ME, 42);
	expect_claim(43);
	answer_shows("7", ME, 43);
	expect_leading(43, now + DEADLINE);
	finish();
}
END_TEST

START_TEST(a_write_that_was_not_applied_is_done_again_after_a_pause)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	answer_is(ELECTION_FAILED);
	expect_pause();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	finish();
}
END_TEST

START_TEST(a_creation_with_an_unknown_outcome_is_no_lead)
{
	given_fresh_candidate();
	expect_read();
	answer_is(ELECTION_MISSING);
	expect_create();
	answer_is(ELECTION_FAILED);
	expect_pause();
	expect_read();
	answer_lease(lease_of("new", "9", ME, 77));
	expect_role(ELECTION_STANDBY);
	expect_claim(78);
	finish();
}
END_TEST

START_TEST(a_creation_that_is_seen_before_it_fails_is_no_lead)
{
	uint64_t sent;

	given_fresh_candidate();
	expect_read();
	answer_is(ELECTION_MISSING);
	expect_create();
	sent = now;
	watch_shows("9", ME, 77);
	answer_is(ELECTION_FAILED);
	expect_role(ELECTION_STANDBY);
	now = election_deadline(e);
	ck_assert_uint_ge(now, sent + RETRY);
	expect_read();
	answer_shows("9", ME, 77);
	expect_claim(78);
	finish();
}
END_TEST

START_TEST(what_was_seen_before_is_known_again_after_a_read)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("9", "other", 77);
	election_absent(e, "10", now);
	expect_create();
	answer_is(ELECTION_FAILED);
	expect_pause();
	expect_read();
	answer_shows("10", "other", 78); /* created at the position of the list that lacked it */
	expect_quiet_until(now + DURATION);
	finish();
}
END_TEST

START_TEST(who_loses_the_race_reads_after_a_pause_and_waits_for_the_winner)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	answer_is(ELECTION_CONFLICT);
	expect_pause();
	expect_read();
	answer_shows("6", "winner", 42);
	expect_quiet_until(now + DURATION);
	expect_read();
	finish();
}
END_TEST

START_TEST(who_creates_too_late_reads_after_a_pause)
{
	given_fresh_candidate();
	expect_read();
	answer_is(ELECTION_MISSING);
	expect_create();
	answer_is(ELECTION_CONFLICT);
	expect_pause();
	expect_read();
	answer_shows("6", "winner", 42);
	expect_quiet_until(now + DURATION);
	finish();
}
END_TEST

START_TEST(a_lease_that_vanishes_before_the_write_is_created)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	answer_is(ELECTION_MISSING);
	expect_create();
	answer_is(ELECTION_MISSING); /* no such namespace */
	expect_pause();
	expect_read();
	finish();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		times_and_identity_are_checked,
		a_duration_is_written_in_whole_seconds_never_less,
		an_unknown_lease_is_read_at_once_and_again_after_a_jittered_pause,
		a_held_lease_is_read_when_its_duration_has_passed_since_it_was_first_seen,
		a_lease_that_was_renewed_meanwhile_is_waited_for_anew,
		each_renewal_that_the_watch_shows_starts_the_wait_anew,
		the_duration_is_that_of_the_record,
		a_duration_is_believed_as_far_as_the_own_one_goes,
		a_lease_without_a_holder_is_taken_at_once,
		a_release_that_the_watch_shows_is_read_then_taken,
		a_release_is_noticed_within_a_pause_after_a_failure,
		an_absent_lease_is_created_at_a_random_term,
		a_deletion_that_the_watch_shows_is_followed_by_a_creation,
		its_own_name_in_the_lease_is_no_right_and_the_term_is_raised,
		a_write_with_an_unknown_outcome_is_done_again_not_looked_up,
		a_write_that_was_not_applied_is_done_again_after_a_pause,
		a_creation_with_an_unknown_outcome_is_no_lead,
		a_creation_that_is_seen_before_it_fails_is_no_lead,
		what_was_seen_before_is_known_again_after_a_read,
		who_loses_the_race_reads_after_a_pause_and_waits_for_the_winner,
		who_creates_too_late_reads_after_a_pause,
		a_lease_that_vanishes_before_the_write_is_created,
	};

	return suite_run("election", tests, ARRAY_LEN(tests));
}
