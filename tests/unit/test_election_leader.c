#include "test_election_fixture.h"

/* ---- renewal ---- */

START_TEST(the_lease_is_renewed_each_retry_period_after_the_sending)
{
	uint64_t sent;

	given_leader(42);
	sent = now;
	for (unsigned int i = 101; i < 120; i++) {
		char rv[8];

		(void)snprintf(rv, sizeof(rv), "%u", i);
		expect_quiet_until(sent + RETRY);
		expect_renewal(42);
		ck_assert_uint_eq(wish.timeout_ms, DEADLINE / 2);
		sent = now;
		now += 150;
		answer_shows(rv, ME, 42);
		expect_leading(42, sent + DEADLINE);
	}
	finish();
}
END_TEST

START_TEST(renewals_need_no_fresh_caches)
{
	given_leader(42);
	election_set_fresh(e, 0);
	now += RETRY;
	expect_renewal(42);
	ck_assert(!election_wants_fresh(e, now));
	finish();
}
END_TEST

START_TEST(a_renewal_that_fails_is_tried_again_each_retry_period)
{
	uint64_t until;

	given_leader(42);
	until = now + DEADLINE;
	for (int i = 1; i < 5; i++) {
		expect_quiet_until(until - DEADLINE + (uint64_t)i * RETRY);
		expect_renewal(42);
		now += 10;
		answer_is(ELECTION_FAILED);
		expect_leading(42, until);
	}
	finish();
}
END_TEST

START_TEST(a_renewal_that_took_long_is_tried_again_at_once_with_the_time_that_is_left)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	ck_assert_uint_eq(wish.timeout_ms, 5000);
	now += 5000;
	answer_is(ELECTION_FAILED);
	expect_renewal(42);
	ck_assert_uint_eq(wish.timeout_ms, 3000);
	finish();
}
END_TEST

START_TEST(before_the_right_ends_it_is_tried_sooner)
{
	uint64_t until;
	unsigned int tries = 0;

	given_leader(42);
	until = now + DEADLINE;
	now = until - 1000;
	while (election_role(e) == ELECTION_LEADING) {
		expect_renewal(42);
		tries++;
		ck_assert_uint_eq(wish.timeout_ms, until - now);
		answer_is(ELECTION_FAILED);
		ck_assert_uint_gt(election_deadline(e), now);
		now = election_deadline(e);
		election_tick(e, now);
	}
	ck_assert_uint_ge(tries, 4);
	ck_assert_uint_le(tries, 10);
	ck_assert_uint_eq(now, until);
	finish();
}
END_TEST

START_TEST(the_right_ends_by_the_clock_alone)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	ck_assert_uint_eq(election_deadline(e), now - RETRY + DEADLINE);
	now += DEADLINE - RETRY - 1;
	election_tick(e, now);
	expect_role(ELECTION_LEADING);
	now += 1;
	election_tick(e, now);
	expect_lost("it was not renewed within the renew deadline");
	finish();
}
END_TEST

/* Each way into the core after a pause of any length. */
static void enter(int way)
{
	switch (way) {
	case 0:
		election_tick(e, now);
		break;
	case 1:
		watch_shows("101", ME, 42);
		break;
	case 2:
		election_absent(e, "5", now);
		break;
	case 3:
		expect_nothing();
		break;
	case 4:
		answer_shows("101", ME, 42);
		break;
	default:
		answer_is(ELECTION_FAILED);
		break;
	}
}

START_TEST(after_a_pause_nothing_brings_the_right_back)
{
	static const uint64_t pauses[] = {DEADLINE - RETRY, DEADLINE, 86400000};

	for (size_t i = 0; i < ARRAY_LEN(pauses); i++)
		for (int way = 0; way < 6; way++) {
			given_leader(42);
			now += RETRY;
			expect_renewal(42);
			now += pauses[i];
			enter(way);
			expect_role(ELECTION_LOST);
			if (way < 4)
				answer_shows("101", ME, 42); /* too late */
			expect_lost("it was not renewed within the renew deadline");
			finish();
		}
}
END_TEST

/* ---- what a leader sees ---- */

START_TEST(another_holder_that_the_watch_shows_is_the_end)
{
	given_leader(42);
	watch_shows("101", "other", 43);
	expect_lost("it is held by other");
	finish();
}
END_TEST

START_TEST(a_holder_that_was_removed_is_the_end)
{
	given_leader(42);
	watch_shows("101", "", 42);
	expect_lost("somebody has removed the holder");
	finish();
}
END_TEST

START_TEST(a_deletion_is_the_end)
{
	given_leader(42);
	election_absent(e, "101", now);
	expect_lost("the Lease was deleted");
	finish();
}
END_TEST

START_TEST(a_new_object_is_the_end_even_with_its_own_name_in_it)
{
	struct election_lease l = lease_of("new", "101", ME, 42);

	given_leader(42);
	election_seen(e, &l, now);
	expect_lost("the Lease was deleted and created anew");
	finish();
}
END_TEST

START_TEST(what_the_watch_shows_of_the_past_is_no_matter)
{
	struct election_lease before = lease_of("old", "80", "other", 12);

	given_leader(42);
	watch_shows("99", "other", 41);
	watch_shows("98", "", 40);
	watch_shows("100", ME, 42);
	election_seen(e, &before, now);
	election_absent(e, "90", now);
	election_absent(e, "100", now);
	expect_leading(42, now + DEADLINE);
	expect_quiet_until(now + RETRY);
	expect_renewal(42);
	finish();
}
END_TEST

START_TEST(what_cannot_be_compared_is_looked_into_at_once)
{
	given_leader(42);
	watch_shows("abc", "other", 43);
	expect_role(ELECTION_LEADING);
	expect_read();
	answer_shows("100", ME, 42);
	expect_renewal(42);
	answer_shows("101", ME, 42);
	election_absent(e, "abd", now);
	expect_role(ELECTION_LEADING);
	expect_read();
	answer_shows("102", "other", 43);
	expect_lost("it is held by other");
	finish();
}
END_TEST

START_TEST(an_edit_is_read_before_the_next_renewal)
{
	given_leader(42);
	watch_shows("101", ME, 42);
	expect_quiet_until(now + RETRY);
	expect_read();
	answer_shows("101", ME, 42);
	expect_renewal(42);
	answer_shows("102", ME, 42);
	expect_leading(42, now + DEADLINE);
	finish();
}
END_TEST

START_TEST(another_holder_is_the_end_while_a_renewal_is_in_flight_too)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	watch_shows("101", "other", 43);
	expect_role(ELECTION_LOST);
	answer_shows("102", ME, 42);
	expect_lost("it is held by other");
	finish();
}
END_TEST

/* ---- answers ---- */

START_TEST(a_conflict_is_looked_into_at_once)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	ck_assert_uint_eq(wish.timeout_ms, DEADLINE / 2);
	answer_shows("105", ME, 42);
	expect_renewal(42);
	answer_shows("106", ME, 42);
	expect_leading(42, now + DEADLINE);
	finish();
}
END_TEST

START_TEST(conflicts_without_end_are_no_storm)
{
	unsigned int requests = 0;

	given_leader(42);
	while (election_role(e) == ELECTION_LEADING) {
		now = election_deadline(e) > now ? election_deadline(e) : now;
		if (!election_next(e, &wish, now))
			continue;
		requests++;
		if (wish.action == ELECTION_READ)
			answer_shows("100", ME, 42);
		else
			answer_is(ELECTION_CONFLICT);
	}
	ck_assert_uint_le(requests, 2 * DEADLINE / 100);
	finish();
}
END_TEST

START_TEST(a_conflict_with_another_holder_is_the_end)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_shows("105", "other", 43);
	expect_lost("it is held by other");
	finish();
}
END_TEST

START_TEST(a_conflict_with_a_new_object_is_the_end)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_lease(lease_of("new", "105", ME, 42));
	expect_lost("the Lease was deleted and created anew");
	finish();
}
END_TEST

START_TEST(a_conflict_without_a_lease_is_the_end)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_is(ELECTION_MISSING);
	expect_lost("the Lease was deleted");
	finish();
}
END_TEST

START_TEST(a_lease_that_is_missing_at_the_renewal_is_the_end)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	answer_is(ELECTION_MISSING);
	expect_lost("the Lease was deleted");
	finish();
}
END_TEST

START_TEST(a_read_that_fails_is_tried_again)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_is(ELECTION_FAILED);
	expect_quiet_until(now + RETRY);
	expect_read();
	answer_is(ELECTION_CONFLICT); /* no answer to a read */
	expect_quiet_until(now + RETRY);
	expect_read();
	finish();
}
END_TEST

START_TEST(a_renewal_that_was_applied_without_an_answer_is_found_by_the_next)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	answer_is(ELECTION_FAILED);
	now += RETRY;
	expect_renewal(42);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_shows("101", ME, 42);
	expect_renewal(42);
	answer_shows("102", ME, 42);
	expect_leading(42, now + DEADLINE);
	finish();
}
END_TEST

START_TEST(an_answer_that_shows_something_else_renews_nothing)
{
	const struct election_lease rows[] = {
		lease_of("u", "101", "other", 42), lease_of("u", "101", "", 42), lease_of("u", "101", ME, 41),
		lease_of("u", "101", ME, 43),      lease_of("v", "101", ME, 42),
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t until;

		given_leader(42);
		until = now + DEADLINE;
		now += RETRY;
		expect_renewal(42);
		answer_lease(rows[i]);
		expect_leading(42, until);
		expect_quiet_until(now + RETRY);
		expect_read();
		answer_shows("101", "other", 43);
		expect_lost("it is held by other");
		finish();
	}
}
END_TEST

START_TEST(its_own_renewal_may_be_seen_before_it_is_answered)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	watch_shows("101", ME, 42);
	answer_shows("101", ME, 42);
	expect_leading(42, now + DEADLINE);
	expect_quiet_until(now + RETRY);
	expect_renewal(42);
	finish();
}
END_TEST

/* ---- terms that others change ---- */

START_TEST(a_higher_term_in_the_lease_is_raised_and_never_renewed_with)
{
	given_leader(42);
	watch_shows("101", ME, 50);
	now += RETRY;
	expect_read();
	answer_shows("101", ME, 50);
	expect_renewal(51);
	answer_shows("102", ME, 51);
	expect_leading(51, now + DEADLINE);
	now += RETRY;
	expect_renewal(51);
	finish();
}
END_TEST

START_TEST(the_own_term_again_after_a_higher_one_is_replaced_by_a_random_one)
{
	given_leader(42);
	watch_shows("101", ME, 50);
	watch_shows("102", ME, 42); /* 43 to 50 may be in use */
	now += RETRY;
	expect_read();
	answer_shows("102", ME, 42);
	expect_wish(ELECTION_UPDATE);
	ck_assert_uint_gt(wish.term, 1000);
	answer_shows("103", ME, wish.term);
	expect_leading(wish.term, now + DEADLINE);
	finish();
}
END_TEST

START_TEST(over_the_term_of_somebody_else_nothing_is_written_without_fresh_caches)
{
	given_leader(42);
	election_set_fresh(e, now);
	watch_shows("101", ME, 50);
	now += RETRY;
	expect_read();
	answer_shows("101", ME, 50);
	expect_quiet_until(now + 100);
	election_set_fresh(e, now + 1000);
	expect_renewal(51);
	finish();
}
END_TEST

START_TEST(a_lower_term_in_the_lease_is_raised_to_a_random_one_that_is_then_the_own)
{
	uint32_t term;

	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_shows("105", ME, 41);
	expect_wish(ELECTION_UPDATE);
	ck_assert(!wish.acquires);
	term = wish.term;
	ck_assert_uint_gt(term, 1000);
	ck_assert_uint_lt(term, ELECTION_RANDOM_TERM_BELOW);
	ck_assert_uint_eq(election_term(e), 42); /* until it is answered */
	answer_shows("106", ME, term);
	expect_leading(term, now + DEADLINE);
	now += RETRY;
	expect_renewal(term);
	finish();
}
END_TEST

START_TEST(a_random_raising_without_an_answer_is_done_again)
{
	uint32_t term;

	given_leader(1u << 30); /* random ones are before it */
	now += RETRY;
	expect_renewal(1u << 30);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_shows("105", ME, 41);
	expect_wish(ELECTION_UPDATE);
	term = wish.term;
	answer_is(ELECTION_FAILED);
	expect_leading(1u << 30, election_right_until(e));
	now += RETRY;
	expect_wish(ELECTION_UPDATE);
	answer_is(ELECTION_CONFLICT);
	now += 100;
	expect_read();
	answer_shows("106", ME, term); /* it was applied, and is nobody's */
	expect_wish(ELECTION_UPDATE);
	ck_assert_uint_ne(wish.term, term);
	answer_shows("107", ME, wish.term);
	expect_leading(wish.term, now + DEADLINE);
	now += RETRY;
	expect_renewal(election_term(e)); /* what it was before counts no more */
	finish();
}
END_TEST

START_TEST(a_server_that_went_back_in_time_is_the_end_though_the_lease_is_ours)
{
	given_leader(42);
	now += RETRY;
	expect_renewal(42);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_shows("50", ME, 42);
	expect_lost("the API server has gone back in time");
	finish();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_lease_is_renewed_each_retry_period_after_the_sending,
		renewals_need_no_fresh_caches,
		a_renewal_that_fails_is_tried_again_each_retry_period,
		a_renewal_that_took_long_is_tried_again_at_once_with_the_time_that_is_left,
		before_the_right_ends_it_is_tried_sooner,
		the_right_ends_by_the_clock_alone,
		after_a_pause_nothing_brings_the_right_back,
		another_holder_that_the_watch_shows_is_the_end,
		a_holder_that_was_removed_is_the_end,
		a_deletion_is_the_end,
		a_new_object_is_the_end_even_with_its_own_name_in_it,
		what_the_watch_shows_of_the_past_is_no_matter,
		what_cannot_be_compared_is_looked_into_at_once,
		an_edit_is_read_before_the_next_renewal,
		another_holder_is_the_end_while_a_renewal_is_in_flight_too,
		a_conflict_is_looked_into_at_once,
		conflicts_without_end_are_no_storm,
		a_conflict_with_another_holder_is_the_end,
		a_conflict_with_a_new_object_is_the_end,
		a_conflict_without_a_lease_is_the_end,
		a_lease_that_is_missing_at_the_renewal_is_the_end,
		a_read_that_fails_is_tried_again,
		a_renewal_that_was_applied_without_an_answer_is_found_by_the_next,
		an_answer_that_shows_something_else_renews_nothing,
		its_own_renewal_may_be_seen_before_it_is_answered,
		a_higher_term_in_the_lease_is_raised_and_never_renewed_with,
		the_own_term_again_after_a_higher_one_is_replaced_by_a_random_one,
		over_the_term_of_somebody_else_nothing_is_written_without_fresh_caches,
		a_lower_term_in_the_lease_is_raised_to_a_random_one_that_is_then_the_own,
		a_random_raising_without_an_answer_is_done_again,
		a_server_that_went_back_in_time_is_the_end_though_the_lease_is_ours,
	};

	return suite_run("election_leader", tests, ARRAY_LEN(tests));
}
