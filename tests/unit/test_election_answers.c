#include "test_election_fixture.h"

/* ---- a standby: what an answer must show ---- */

START_TEST(an_answer_that_does_not_show_what_was_written_gives_nothing)
{
	const struct election_lease rows[] = {
		lease_of("u", "6", "other", 42), lease_of("u", "6", "", 42), lease_of("u", "6", ME, 41),
		lease_of("u", "6", ME, 43),      lease_of("v", "6", ME, 42), lease_of("u", "6", ME "x", 42),
		lease_of("u", "6", "other", 41), lease_of("", "6", ME, 42),
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		given_fresh_candidate();
		expect_read();
		answer_shows("5", "", 41);
		expect_claim(42);
		answer_lease(rows[i]);
		expect_role(ELECTION_STANDBY);
		expect_pause();
		expect_read();
		finish();
	}
}
END_TEST

START_TEST(an_answer_after_the_right_would_have_ended_gives_no_right)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	now += DEADLINE;
	answer_shows("6", ME, 42);
	expect_role(ELECTION_STANDBY);
	expect_pause();
	expect_read();
	answer_shows("6", ME, 42);
	expect_claim(43);
	now += DEADLINE - 1;
	answer_shows("7", ME, 43);
	expect_leading(43, now + 1);
	finish();
}
END_TEST

START_TEST(the_right_counts_from_the_sending)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	now += 4000;
	answer_shows("6", ME, 42);
	expect_leading(42, now - 4000 + DEADLINE);
	finish();
}
END_TEST

START_TEST(its_own_write_may_be_seen_before_it_is_answered)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	watch_shows("6", ME, 42);
	expect_role(ELECTION_STANDBY);
	answer_shows("6", ME, 42);
	expect_leading(42, now + DEADLINE);
	expect_quiet_until(now + RETRY);
	expect_renewal(42);
	finish();
}
END_TEST

START_TEST(an_answer_that_was_overtaken_by_another_holder_gives_nothing)
{
	static const char *const holders[] = {"other", ""};

	for (size_t i = 0; i < ARRAY_LEN(holders); i++) {
		given_fresh_candidate();
		expect_read();
		answer_shows("5", "", 41);
		expect_claim(42);
		watch_shows("7", holders[i], 42);
		answer_shows("6", ME, 42);
		expect_role(ELECTION_STANDBY);
		expect_nothing();
		finish();
	}
}
END_TEST

START_TEST(an_answer_that_was_overtaken_by_a_deletion_gives_nothing)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	election_absent(e, "7", now);
	answer_shows("6", ME, 42);
	expect_role(ELECTION_STANDBY);
	expect_pause();
	finish();
}
END_TEST

START_TEST(an_answer_that_was_overtaken_by_a_harmless_edit_counts)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	watch_shows("7", ME, 42); /* somebody has set a label */
	answer_shows("6", ME, 42);
	expect_leading(42, now + DEADLINE);
	expect_quiet_until(now + RETRY);
	expect_read(); /* what would be written over is not the newest */
	answer_shows("7", ME, 42);
	expect_renewal(42);
	finish();
}
END_TEST

START_TEST(an_answer_that_was_overtaken_by_a_lowered_term_counts_and_the_term_is_set_right)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	watch_shows("7", ME, 3);
	answer_shows("6", ME, 42);
	expect_leading(42, now + DEADLINE);
	now += RETRY;
	expect_read();
	answer_shows("7", ME, 3);
	expect_wish(ELECTION_UPDATE);
	ck_assert_uint_gt(wish.term, 100);
	finish();
}
END_TEST

START_TEST(an_answer_that_was_overtaken_by_a_higher_term_counts_and_that_one_is_raised)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	watch_shows("7", ME, 50);
	answer_shows("6", ME, 42);
	expect_leading(42, now + DEADLINE);
	now += RETRY;
	expect_read();
	answer_shows("7", ME, 50);
	expect_renewal(51);
	finish();
}
END_TEST

START_TEST(a_read_that_was_overtaken_by_the_watch_is_the_past)
{
	given_fresh_candidate();
	expect_read();
	watch_shows("6", "", 41);
	answer_shows("5", "other", 41); /* read before, arrived after */
	expect_read();
	answer_shows("6", "", 41);
	expect_claim(42);
	finish();
}
END_TEST

START_TEST(a_read_that_shows_less_than_was_known_when_it_was_sent_is_the_end)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("50", "other", 41);
	expect_quiet_until(now + DURATION);
	expect_read();
	answer_shows("20", "other", 30);
	expect_lost("the API server has gone back in time");
	finish();
}
END_TEST

START_TEST(positions_that_cannot_be_compared_are_news)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("abc", "other", 41);
	now += 1000;
	watch_shows("abb", "other", 41);
	watch_shows("abb", "other", 41);
	expect_quiet_until(now + DURATION);
	expect_read();
	answer_shows("abb", "other", 41);
	expect_claim(42);
	finish();
}
END_TEST

/* ---- terms ---- */

START_TEST(after_the_largest_term_comes_0)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "", INT32_MAX);
	expect_claim(0);
	answer_shows("6", ME, 0);
	expect_leading(0, now + DEADLINE);
	now += RETRY;
	expect_renewal(0);
	finish();
}
END_TEST

START_TEST(a_wrap_seen_from_afar_is_no_step_back)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "other", INT32_MAX - 1);
	watch_shows("6", "third", 2);
	watch_shows("7", "", 2);
	expect_read();
	answer_shows("7", "", 2);
	expect_claim(3);
	finish();
}
END_TEST

START_TEST(a_term_lower_than_was_ever_seen_is_replaced_by_a_random_one)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "other", 5000);
	watch_shows("6", "other", 4999);
	watch_shows("7", "", 4999);
	expect_read();
	answer_shows("7", "", 4999);
	expect_wish(ELECTION_UPDATE);
	ck_assert_uint_gt(wish.term, 10000);
	ck_assert_uint_lt(wish.term, ELECTION_RANDOM_TERM_BELOW);
	answer_shows("8", ME, wish.term);
	expect_leading(wish.term, now + DEADLINE);
	/* and that is what counts from now on */
	now += RETRY;
	expect_renewal(election_term(e));
	finish();
}
END_TEST

START_TEST(a_term_lowered_below_0_is_noticed_too)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "other", 2);
	watch_shows("6", "", INT32_MAX - 5);
	expect_read();
	answer_shows("6", "", INT32_MAX - 5);
	expect_wish(ELECTION_UPDATE);
	ck_assert_uint_ne(wish.term, INT32_MAX - 4);
	ck_assert_uint_lt(wish.term, ELECTION_RANDOM_TERM_BELOW);
	finish();
}
END_TEST

/* The Lease, last seen with @term, was deleted; what is there by now is about to be read. */
static void given_another_was_first_to_make_it_anew(uint32_t term)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5", "other", term);
	election_absent(e, "6", now);
	expect_create();
	answer_is(ELECTION_CONFLICT);
	expect_pause();
	expect_read();
}

START_TEST(a_new_object_begins_with_its_own_terms)
{
	given_another_was_first_to_make_it_anew(70000);
	answer_lease(lease_of("new", "7", "", 20));
	expect_claim(21);
	finish();
}
END_TEST

/* kubectl replace --force, or a restore: to count on would meet terms of a few minutes ago. */
START_TEST(a_new_object_that_is_an_old_copy_is_followed_by_a_random_term)
{
	given_another_was_first_to_make_it_anew(5000);
	answer_lease(lease_of("new", "7", "", 4990));
	expect_wish(ELECTION_UPDATE);
	ck_assert(wish.term < 4990 || wish.term > 5000);
	ck_assert_uint_lt(wish.term, ELECTION_RANDOM_TERM_BELOW);
	finish();
}
END_TEST

START_TEST(a_write_that_shows_less_than_was_known_is_the_end)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("5000", "other", 7);
	now += DURATION;
	expect_read();
	answer_is(ELECTION_MISSING);
	expect_create();
	answer_lease((struct election_lease){
		.uid = "new", .rv = "200", .holder = ME, .term = wish.term, .duration_s = DURATION / 1000});
	expect_lost("the API server has gone back in time");
	finish();
}
END_TEST

/* ---- what counts as a sign of life ---- */

static void watch_shows_renewed(const char *rv, const char *renewed)
{
	struct election_lease l = lease_of("u", rv, "other", 7);

	l.renewed = renewed;
	election_seen(e, &l, now);
}

START_TEST(labels_and_annotations_do_not_prolong_a_lease)
{
	uint64_t renewed;

	given_fresh_candidate();
	expect_read();
	answer_shows("5", "other", 7);
	now += 1000;
	watch_shows_renewed("6", "2026-01-01T00:00:00.000001Z");
	now += 1000;
	watch_shows_renewed("7", "2026-01-01T00:00:00.000002Z");
	renewed = now;
	now += 5000;
	watch_shows_renewed("8", "2026-01-01T00:00:00.000002Z");
	now += 5000;
	watch_shows_renewed("9", "2026-01-01T00:00:00.000002Z");
	expect_quiet_until(renewed + DURATION);
	expect_read();
	finish();
}
END_TEST

START_TEST(a_silent_watch_is_not_waited_for)
{
	struct election_options options = options_of(ME);

	options.silence_ms = 2 * RETRY;
	given_candidate_with(&options);
	election_set_fresh(e, UINT64_MAX);
	expect_read();
	answer_shows("5", "other", 7);
	expect_quiet_until(now + 2 * RETRY);
	expect_read();
	answer_shows("6", "other", 7); /* it was renewed, and nobody has told */
	expect_quiet_until(now + 2 * RETRY);
	for (int i = 0; i < 6; i++) { /* the leader is dead */
		expect_read();
		answer_shows("6", "other", 7);
		expect_quiet_until(now + (i < 5 ? RETRY : DURATION - 7 * RETRY));
	}
	expect_read();
	answer_shows("6", "other", 7);
	expect_claim(8);
	finish();
}
END_TEST

START_TEST(an_older_object_that_comes_back_is_the_end)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("50", "other", 5000);
	now += DURATION;
	expect_read();
	answer_is(ELECTION_MISSING);
	expect_create();
	answer_is(ELECTION_CONFLICT);
	expect_pause();
	expect_read();
	answer_shows("20", "", 4000); /* restored from a backup */
	expect_lost("the API server has gone back in time");
	finish();
}
END_TEST

/* ---- I3 ---- */

START_TEST(without_fresh_caches_nothing_is_written)
{
	given_candidate();
	expect_read();
	ck_assert(!election_wants_fresh(e, now));
	answer_shows("5", "", 41);
	ck_assert(election_wants_fresh(e, now));
	for (int i = 0; i < 5; i++) {
		expect_nothing();
		expect_pause();
		expect_read();
		ck_assert(election_wants_fresh(e, now));
		if (i % 2 == 1)
			answer_is(ELECTION_FAILED);
		else
			answer_shows("5", "", 41);
	}
	election_set_fresh(e, now); /* already over */
	expect_nothing();
	election_set_fresh(e, now + 1);
	ck_assert(!election_wants_fresh(e, now));
	expect_claim(42);
	finish();
}
END_TEST

START_TEST(freshness_that_ends_before_the_time_comes_counts_no_more)
{
	given_candidate();
	expect_read();
	answer_shows("5", "other", 41);
	election_set_fresh(e, now + DURATION);
	now += DURATION;
	ck_assert(!election_wants_fresh(e, now)); /* not known to be free */
	expect_read();
	answer_shows("5", "other", 41);
	expect_nothing();
	ck_assert(election_wants_fresh(e, now));
	expect_pause();
	election_set_fresh(e, now + 1000);
	expect_claim(42);
	finish();
}
END_TEST

START_TEST(without_fresh_caches_no_lease_is_created)
{
	given_candidate();
	expect_read();
	answer_is(ELECTION_MISSING);
	ck_assert(election_wants_fresh(e, now));
	expect_nothing();
	expect_pause();
	expect_read();
	answer_is(ELECTION_MISSING);
	election_set_fresh(e, now + 1);
	expect_create();
	finish();
}
END_TEST

START_TEST(saying_again_that_caches_are_not_fresh_delays_no_read)
{
	uint64_t at;

	given_candidate();
	expect_read();
	answer_shows("5", "", 41);
	expect_nothing();
	at = election_deadline(e);
	now += 100;
	election_set_fresh(e, 0);
	expect_nothing();
	ck_assert_uint_eq(election_deadline(e), at);
	finish();
}
END_TEST

/* ---- names ---- */

START_TEST(a_holder_that_is_too_long_is_cut_for_show_and_is_never_us)
{
	char name[ELECTION_HOLDER_MAX + 1];
	char longer[1000];
	struct election_options options = options_of(name);

	memset(name, 'm', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(longer, 'm', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	rng_init_seeded(&rng, 1);
	now = 1000;
	ck_assert_int_eq(election_create(&e, &options), 0);
	election_set_fresh(e, UINT64_MAX);
	expect_read();
	answer_shows("5", longer, 41);
	ck_assert_str_eq(election_holder(e), name);
	expect_quiet_until(now + DURATION);
	finish();
}
END_TEST

START_TEST(over_an_object_with_a_uid_that_is_too_long_nobody_leads)
{
	char uid[ELECTION_UID_MAX + 2];
	struct election_lease l = lease_of(uid, "5", "", 41);

	memset(uid, 'u', sizeof(uid) - 1);
	uid[sizeof(uid) - 1] = '\0';
	given_fresh_candidate();
	expect_read();
	answer_lease(l);
	expect_claim(42);
	l = lease_of(uid, "6", ME, 42);
	answer_lease(l);
	expect_role(ELECTION_STANDBY);
	finish();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_answer_that_does_not_show_what_was_written_gives_nothing,
		an_answer_after_the_right_would_have_ended_gives_no_right,
		the_right_counts_from_the_sending,
		its_own_write_may_be_seen_before_it_is_answered,
		an_answer_that_was_overtaken_by_another_holder_gives_nothing,
		an_answer_that_was_overtaken_by_a_deletion_gives_nothing,
		an_answer_that_was_overtaken_by_a_harmless_edit_counts,
		an_answer_that_was_overtaken_by_a_lowered_term_counts_and_the_term_is_set_right,
		an_answer_that_was_overtaken_by_a_higher_term_counts_and_that_one_is_raised,
		a_read_that_was_overtaken_by_the_watch_is_the_past,
		a_read_that_shows_less_than_was_known_when_it_was_sent_is_the_end,
		positions_that_cannot_be_compared_are_news,
		after_the_largest_term_comes_0,
		a_wrap_seen_from_afar_is_no_step_back,
		a_term_lower_than_was_ever_seen_is_replaced_by_a_random_one,
		a_term_lowered_below_0_is_noticed_too,
		a_new_object_begins_with_its_own_terms,
		a_new_object_that_is_an_old_copy_is_followed_by_a_random_term,
		a_write_that_shows_less_than_was_known_is_the_end,
		labels_and_annotations_do_not_prolong_a_lease,
		a_silent_watch_is_not_waited_for,
		an_older_object_that_comes_back_is_the_end,
		without_fresh_caches_nothing_is_written,
		freshness_that_ends_before_the_time_comes_counts_no_more,
		without_fresh_caches_no_lease_is_created,
		saying_again_that_caches_are_not_fresh_delays_no_read,
		a_holder_that_is_too_long_is_cut_for_show_and_is_never_us,
		over_an_object_with_a_uid_that_is_too_long_nobody_leads,
	};

	return suite_run("election_answers", tests, ARRAY_LEN(tests));
}
