#include "test_election_fixture.h"

/* Raising for room: the leader's stripe is half used. */

/* What fits into a budget that fills by 1.6 terms a second since the acquisition. */
#define TENTH 100

START_TEST(a_leader_that_is_pressed_raises_its_term_with_an_early_renewal)
{
	uint64_t sent;

	given_leader(42);
	steps = 1;
	now += 1000;
	election_set_pressed(e, true);
	ck_assert_uint_le(election_deadline(e), now);
	expect_renewal(43);
	ck_assert_uint_eq(steps_asked, 1);
	ck_assert_uint_eq(step_base, 42);
	sent = now;
	ck_assert_uint_eq(election_term(e), 42);
	now += 30;
	answer_shows("101", ME, 43);
	expect_leading(43, sent + DEADLINE);
	election_set_pressed(e, false);
	expect_quiet_until(sent + RETRY);
	expect_renewal(43);
	finish();
}
END_TEST

START_TEST(nobody_asks_for_a_step_who_is_not_pressed)
{
	given_leader(42);
	steps = 1;
	now += RETRY;
	expect_renewal(42);
	ck_assert_uint_eq(steps_asked, 0);
	finish();
}
END_TEST

START_TEST(raising_again_waits_a_tenth_of_a_second)
{
	given_leader(42);
	steps = 1;
	election_set_pressed(e, true);
	expect_quiet_until(now + TENTH);
	expect_nothing(); /* no tokens yet: not before the regular renewal */
	expect_quiet_until(now - TENTH + RETRY);
	expect_renewal(43); /* 3.2 tokens */
	answer_shows("101", ME, 43);
	election_set_pressed(e, true); /* the new one too */
	expect_quiet_until(now + TENTH);
	expect_renewal(44);
	answer_shows("102", ME, 44);
	election_set_pressed(e, true); /* the new one too */
	expect_quiet_until(now + TENTH);
	expect_renewal(45);
	answer_shows("103", ME, 45);
	election_set_pressed(e, true); /* the new one too */
	now += TENTH;
	expect_nothing();
	expect_quiet_until(now - TENTH + RETRY);
	expect_renewal(46);
	finish();
}
END_TEST

START_TEST(without_a_step_it_renews_at_the_regular_time)
{
	static const uint32_t useless[] = {0, ELECTION_MAX_STEP + 1, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_LEN(useless); i++) {
		given_leader(42);
		steps = useless[i];
		now += 1000;
		election_set_pressed(e, true);
		expect_nothing();
		expect_nothing();
		ck_assert_uint_eq(steps_asked, 1);
		expect_quiet_until(now + 1000);
		expect_renewal(42);
		ck_assert_uint_eq(steps_asked, 2);
		finish();
	}
}
END_TEST

START_TEST(the_largest_step_needs_its_tokens)
{
	char rv[8];

	given_leader(42);
	steps = ELECTION_MAX_STEP;
	election_set_pressed(e, true);
	for (unsigned int i = 101; i < 120; i++) { /* 38 s */
		now += RETRY;
		expect_renewal(42);
		(void)snprintf(rv, sizeof(rv), "%u", i);
		answer_shows(rv, ME, 42);
	}
	now += RETRY;
	expect_renewal(42 + ELECTION_MAX_STEP); /* 40 s are 64 tokens */
	finish();
}
END_TEST

START_TEST(a_step_wraps)
{
	given_leader(INT32_MAX);
	steps = 3;
	now += RETRY;
	election_set_pressed(e, true);
	expect_renewal(2);
	answer_shows("101", ME, 2);
	expect_leading(2, now + DEADLINE);
	now += RETRY;
	steps = 0;
	expect_renewal(2);
	finish();
}
END_TEST

START_TEST(a_raising_that_fails_leaves_the_old_term)
{
	given_leader(42);
	now += RETRY;
	steps = 2;
	election_set_pressed(e, true);
	expect_renewal(44);
	answer_is(ELECTION_FAILED);
	ck_assert_uint_eq(election_term(e), 42);
	steps = 1;
	expect_quiet_until(now + RETRY); /* no early ones now */
	expect_renewal(43);
	answer_is(ELECTION_CONFLICT);
	expect_read();
	answer_shows("101", ME, 44); /* the first one was applied */
	ck_assert_uint_eq(election_term(e), 42);
	expect_renewal(45); /* not ours, so it is raised, for room or not */
	answer_shows("102", ME, 45);
	expect_leading(45, now + DEADLINE);
	election_set_pressed(e, true);
	now += RETRY;
	expect_renewal(46);
	ck_assert_uint_eq(step_base, 45);
	finish();
}
END_TEST

START_TEST(without_fresh_caches_there_is_no_step)
{
	given_leader(42);
	now += RETRY;
	steps = 2;
	election_set_fresh(e, now);
	election_set_pressed(e, true);
	expect_renewal(42);
	answer_shows("101", ME, 42);
	expect_quiet_until(now + RETRY);
	election_set_fresh(e, now + 10 * RETRY);
	expect_renewal(44);
	finish();
}
END_TEST

START_TEST(tokens_are_spent_by_failures_too)
{
	given_leader(42);
	now += RETRY; /* 3.2 tokens */
	steps = 3;
	election_set_pressed(e, true);
	expect_renewal(45);
	answer_is(ELECTION_FAILED);
	steps = 4;
	now += RETRY; /* 3.4 */
	expect_renewal(42);
	finish();
}
END_TEST

START_TEST(a_standby_that_is_pressed_takes_the_next_term)
{
	given_fresh_candidate();
	election_set_pressed(e, true);
	steps = 5;
	expect_read();
	answer_shows("5", "", 41);
	expect_claim(42);
	ck_assert_uint_eq(steps_asked, 0);
	finish();
}
END_TEST

START_TEST(a_release_is_no_raising)
{
	given_leader(42);
	now += RETRY;
	steps = 1;
	election_set_pressed(e, true);
	election_give_up(e, now);
	expect_read();
	answer_shows("100", ME, 42);
	expect_release(42);
	finish();
}
END_TEST

START_TEST(a_term_that_is_found_is_raised_on_credit)
{
	given_leader(42);
	steps = 1;
	election_set_pressed(e, true);
	watch_shows("101", ME, 50);
	now += 100; /* no token yet */
	expect_nothing();
	now += RETRY - 100;
	expect_read();
	answer_shows("101", ME, 50);
	expect_renewal(51); /* 3.2 tokens less 1 */
	answer_shows("102", ME, 51);
	election_set_pressed(e, true);
	now += 100;
	expect_renewal(52);
	answer_shows("103", ME, 52);
	election_set_pressed(e, true);
	now += 100;
	expect_renewal(53);
	answer_shows("104", ME, 53);
	election_set_pressed(e, true);
	now += 100;
	expect_nothing(); /* 0.7 */
	finish();
}
END_TEST

/* ---- never more than 1,024 in 5 minutes ---- */

#define WINDOW  300000
#define MOST    1024
#define HISTORY 65536

static struct {
	uint64_t at;
	uint64_t total; /* terms since the start, this one included */
} raised[HISTORY];
static size_t raised_count;
static size_t window_start;

static void note_raising(uint32_t by)
{
	uint64_t before = raised_count > 0 ? raised[raised_count - 1].total : 0;

	ck_assert_uint_lt(raised_count, HISTORY);
	raised[raised_count].at = now;
	raised[raised_count].total = before + by;
	raised_count++;
	while (raised[window_start].at + WINDOW < now)
		window_start++;
	before = window_start > 0 ? raised[window_start - 1].total : 0;
	ck_assert_uint_le(raised[raised_count - 1].total - before, MOST);
}

/* A leader with a server that answers anything after any time, for some hours. */
static uint64_t walk(uint64_t seed, uint32_t lost_of_100)
{
	struct rng dice;
	uint32_t stored = 42;
	unsigned int rv = 100;
	unsigned int base = 100;
	unsigned int failures = 0;
	bool pressed = true;
	uint64_t end;

	rng_init_seeded(&dice, seed);
	raised_count = window_start = 0;
	given_leader(42);
	end = now + 4ull * 3600 * 1000;
	election_set_pressed(e, true);
	while (now < end && election_role(e) == ELECTION_LEADING) {
		char text[16];
		bool apply = failures >= 2 || rng_below(&dice, 50) != 0;

		steps = (uint32_t)rng_below(&dice, 8) == 0 ? (uint32_t)rng_below(&dice, 66)
							   : 1 + (uint32_t)rng_below(&dice, 3);
		if (rng_below(&dice, 5000) == 0) /* long idle: the budget is full after it */
			pressed = false;
		else if (rng_below(&dice, 100) == 0)
			pressed = true;
		election_set_pressed(e, pressed);
		if (!election_next(e, &wish, now)) {
			now = election_deadline(e) > now ? election_deadline(e) : now;
			continue;
		}
		now += rng_below(&dice, 30);
		if (wish.action != ELECTION_READ && base != rv) {
			answer_is(ELECTION_CONFLICT);
			continue;
		}
		if (wish.action != ELECTION_READ && apply) {
			if (wish.term != stored)
				note_raising((wish.term - stored) & INT32_MAX);
			stored = wish.term;
			rv++;
		}
		if (failures < 2 && (!apply || rng_below(&dice, 100) < lost_of_100)) {
			failures++; /* not so many that the right ends */
			answer_is(ELECTION_FAILED);
			continue;
		}
		if (wish.action != ELECTION_READ)
			failures = 0;
		base = rv;
		(void)snprintf(text, sizeof(text), "%u", rv);
		answer_shows(text, ME, stored);
	}
	expect_role(ELECTION_LEADING);
	finish();
	return raised[raised_count - 1].total;
}

START_TEST(the_term_advances_by_at_most_1024_in_5_minutes)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint64_t total = walk(seed, seed % 2 == 0 ? 40 : 1);

		/* and it does use what it may: 1.6 a second at the most, some of it idle */
		ck_assert_msg(total > 4 * 3600 / 4, "seed %llu: %llu", (unsigned long long)seed,
			      (unsigned long long)total);
	}
}
END_TEST

START_TEST(a_slow_answer_does_not_raise_twice)
{
	given_leader(42);
	steps = 1;
	now += RETRY;
	election_set_pressed(e, true);
	expect_renewal(43);
	now += 150;
	answer_shows("101", ME, 43);
	expect_nothing(); /* nobody has said that the new stripe is pressed */
	finish();
}
END_TEST

START_TEST(a_leader_that_found_another_term_wants_fresh_caches)
{
	given_leader(42);
	election_set_fresh(e, 0);
	now += RETRY;
	ck_assert(!election_wants_fresh(e, now));
	watch_shows("101", ME, 50);
	expect_read();
	answer_shows("101", ME, 50);
	expect_nothing();
	ck_assert(election_wants_fresh(e, now));
	election_set_fresh(e, UINT64_MAX);
	now += 100;
	expect_renewal(51);
	finish();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_leader_that_is_pressed_raises_its_term_with_an_early_renewal,
		nobody_asks_for_a_step_who_is_not_pressed,
		raising_again_waits_a_tenth_of_a_second,
		without_a_step_it_renews_at_the_regular_time,
		the_largest_step_needs_its_tokens,
		a_step_wraps,
		a_raising_that_fails_leaves_the_old_term,
		without_fresh_caches_there_is_no_step,
		tokens_are_spent_by_failures_too,
		a_standby_that_is_pressed_takes_the_next_term,
		a_release_is_no_raising,
		a_term_that_is_found_is_raised_on_credit,
		the_term_advances_by_at_most_1024_in_5_minutes,
		a_slow_answer_does_not_raise_twice,
		a_leader_that_found_another_term_wants_fresh_caches,
	};

	return suite_run("election_room", tests, ARRAY_LEN(tests));
}
