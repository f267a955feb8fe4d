#include "test_election_fixture.h"

START_TEST(a_standby_gives_up_at_once)
{
	given_fresh_candidate();
	election_give_up(e, now);
	expect_end(ELECTION_OVER);
	finish();
}
END_TEST

START_TEST(a_standby_with_a_read_in_flight_gives_up_at_once)
{
	given_fresh_candidate();
	expect_read();
	election_give_up(e, now);
	expect_role(ELECTION_OVER);
	answer_shows("5", "", 41);
	expect_end(ELECTION_OVER);
	finish();
}
END_TEST

/* A standby whose claim is in flight. */
static void given_claim_in_flight(void)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
}

START_TEST(a_claim_in_flight_is_waited_for_and_given_back)
{
	given_claim_in_flight();
	election_give_up(e, now);
	expect_role(ELECTION_STANDBY);
	expect_nothing();
	answer_shows("6", ME, 42);
	expect_role(ELECTION_LEADING);
	expect_read();
	answer_shows("6", ME, 42);
	expect_release(42);
	answer_shows("7", "", 42);
	expect_end(ELECTION_OVER);
	finish();
}
END_TEST

START_TEST(a_claim_in_flight_that_fails_is_the_end)
{
	static const enum election_outcome outcomes[] = {ELECTION_FAILED, ELECTION_CONFLICT,
							 ELECTION_MISSING};

	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		given_claim_in_flight();
		election_give_up(e, now);
		answer_is(outcomes[i]);
		expect_end(ELECTION_OVER);
		finish();
	}
	given_claim_in_flight();
	election_give_up(e, now);
	now += DEADLINE;
	answer_shows("6", ME, 42);
	expect_end(ELECTION_OVER);
	finish();
}
END_TEST

START_TEST(a_leader_reads_then_releases)
{
	given_leader(42);
	now += 300;
	election_give_up(e, now);
	election_give_up(e, now); /* again is nothing */
	expect_read();
	now += 10;
	answer_shows("100", ME, 42);
	expect_release(42);
	answer_shows("101", "", 42);
	expect_end(ELECTION_OVER);
	ck_assert_str_eq(election_reason(e), "");
	finish();
}
END_TEST

START_TEST(a_renewal_in_flight_is_waited_for_before_the_release)
{
	static const enum election_outcome outcomes[] = {ELECTION_DONE, ELECTION_FAILED, ELECTION_CONFLICT};

	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		given_leader(42);
		now += RETRY;
		expect_renewal(42);
		election_give_up(e, now);
		expect_nothing();
		if (outcomes[i] == ELECTION_DONE)
			answer_shows("101", ME, 42);
		else
			answer_is(outcomes[i]);
		if (outcomes[i] == ELECTION_FAILED)
			now += RETRY;
		expect_read();
		answer_shows("101", ME, 42);
		expect_release(42);
		finish();
	}
}
END_TEST

START_TEST(what_is_not_ours_any_more_is_not_released)
{
	const struct election_lease rows[] = {
		lease_of("u", "101", "other", 43),
		lease_of("u", "101", "", 42),
		lease_of("new", "101", ME, 42),
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		given_leader(42);
		election_give_up(e, now);
		expect_read();
		answer_lease(rows[i]);
		expect_end(ELECTION_OVER);
		finish();

		given_leader(42); /* the watch says so */
		election_give_up(e, now);
		expect_read();
		election_seen(e, &rows[i], now);
		expect_role(ELECTION_OVER);
		answer_lease(rows[i]);
		expect_end(ELECTION_OVER);
		finish();
	}
	given_leader(42);
	election_give_up(e, now);
	expect_read();
	answer_is(ELECTION_MISSING);
	expect_end(ELECTION_OVER);
	finish();
}
END_TEST

START_TEST(a_conflict_at_the_release_is_read_again)
{
	given_leader(42);
	election_give_up(e, now);
	expect_read();
	answer_shows("100", ME, 42);
	expect_release(42);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_shows("105", ME, 42); /* a late renewal has landed (client-go#1289) */
	expect_release(42);
	answer_is(ELECTION_CONFLICT);
	now += 100;
	expect_read();
	answer_shows("106", "other", 43);
	expect_end(ELECTION_OVER);
	finish();
}
END_TEST

START_TEST(a_release_that_fails_is_tried_until_the_right_ends)
{
	unsigned int tries = 0;
	uint64_t until;

	given_leader(42);
	until = now + DEADLINE;
	election_give_up(e, now);
	while (election_role(e) == ELECTION_LEADING) {
		if (election_next(e, &wish, now)) {
			ck_assert(wish.action == ELECTION_READ || wish.release);
			tries++;
			if (wish.action == ELECTION_READ)
				answer_shows("100", ME, 42);
			else
				answer_is(ELECTION_FAILED);
			continue;
		}
		ck_assert_uint_gt(election_deadline(e), now);
		now = election_deadline(e);
		election_tick(e, now);
	}
	ck_assert_uint_eq(now, until);
	ck_assert_uint_ge(tries, 5);
	expect_end(ELECTION_OVER);
	finish();
}
END_TEST

START_TEST(a_release_without_an_answer_is_found_done)
{
	given_leader(42);
	election_give_up(e, now);
	expect_read();
	answer_shows("100", ME, 42);
	expect_release(42);
	answer_is(ELECTION_FAILED);
	now += RETRY;
	expect_release(42);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_shows("101", "", 42);
	expect_end(ELECTION_OVER);
	finish();
}
END_TEST

START_TEST(who_gives_up_after_the_right_has_ended_releases_nothing)
{
	given_leader(42);
	now += DEADLINE;
	election_give_up(e, now);
	expect_end(ELECTION_OVER);
	finish();
}
END_TEST

START_TEST(who_has_lost_has_lost)
{
	given_leader(42);
	watch_shows("101", "other", 43);
	election_give_up(e, now);
	expect_lost("it is held by other");
	finish();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_standby_gives_up_at_once,
		a_standby_with_a_read_in_flight_gives_up_at_once,
		a_claim_in_flight_is_waited_for_and_given_back,
		a_claim_in_flight_that_fails_is_the_end,
		a_leader_reads_then_releases,
		a_renewal_in_flight_is_waited_for_before_the_release,
		what_is_not_ours_any_more_is_not_released,
		a_conflict_at_the_release_is_read_again,
		a_release_that_fails_is_tried_until_the_right_ends,
		a_release_without_an_answer_is_found_done,
		who_gives_up_after_the_right_has_ended_releases_nothing,
		who_has_lost_has_lost,
	};

	return suite_run("election_give_up", tests, ARRAY_LEN(tests));
}
