/**
 * One candidate under a clock that the test turns by hand. For the tests of the election; include it once in
 * a program.
 */
#ifndef UNIT_TEST_ELECTION_FIXTURE_H
#define UNIT_TEST_ELECTION_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "kube/election.h"
#include "support/suite.h"

#define DURATION 15000
#define DEADLINE 10000
#define RETRY    2000
/* A jittered retry is less than this. */
#define RETRY_MOST 4400

#define ME "me"

static struct election *e;
static struct rng rng;
static uint64_t now;
static struct election_wish wish;
static uint32_t steps; /* the answer to step() */
static unsigned int steps_asked;
static uint32_t step_base;

static inline uint32_t on_step(void *data, uint32_t base)
{
	(void)data;
	steps_asked++;
	step_base = base;
	return steps;
}

static inline struct election_options options_of(const char *identity)
{
	return (struct election_options){
		.identity = identity,
		.lease_duration_ms = DURATION,
		.renew_deadline_ms = DEADLINE,
		.retry_period_ms = RETRY,
		.rng = &rng,
		.step = on_step,
	};
}

/* At a time that is not 0, so that 0 is the past. */
static inline void given_candidate_with(const struct election_options *options)
{
	rng_init_seeded(&rng, 1);
	now = 1000000;
	steps = steps_asked = 0;
	ck_assert_int_eq(election_create(&e, options), 0);
}

static inline void given_candidate(void)
{
	struct election_options options = options_of(ME);

	given_candidate_with(&options);
}

static inline void given_fresh_candidate(void)
{
	given_candidate();
	election_set_fresh(e, UINT64_MAX);
}

static inline void finish(void)
{
	election_free(e);
}

/* ---- facts ---- */

static inline struct election_lease lease_of(const char *uid, const char *rv, const char *holder,
					     uint32_t term)
{
	return (struct election_lease){
		.uid = uid, .rv = rv, .holder = holder, .term = term, .duration_s = DURATION / 1000};
}

static inline void watch_shows(const char *rv, const char *holder, uint32_t term)
{
	struct election_lease l = lease_of("u", rv, holder, term);

	election_seen(e, &l, now);
}

static inline void answer_lease(struct election_lease l)
{
	election_answered(e, ELECTION_DONE, &l, now);
}

/* A read, or a write, was answered with this Lease. */
static inline void answer_shows(const char *rv, const char *holder, uint32_t term)
{
	answer_lease(lease_of("u", rv, holder, term));
}

static inline void answer_is(enum election_outcome outcome)
{
	election_answered(e, outcome, NULL, now);
}

/* ---- expectations ---- */

#define expect_nothing()    ck_assert(!election_next(e, &wish, now))
#define expect_role(wanted) ck_assert_int_eq(election_role(e), (wanted))

#define expect_wish(wanted)                                                                                  \
	do {                                                                                                 \
		ck_assert(election_next(e, &wish, now));                                                     \
		ck_assert_int_eq(wish.action, (wanted));                                                     \
	} while (0)
#define expect_read() expect_wish(ELECTION_READ)

/* An acquisition. */
#define expect_claim(wanted_term)                                                                            \
	do {                                                                                                 \
		expect_wish(ELECTION_UPDATE);                                                                \
		ck_assert(wish.acquires && !wish.release);                                                   \
		ck_assert_uint_eq(wish.term, (wanted_term));                                                 \
		ck_assert_uint_eq(wish.duration_s, DURATION / 1000);                                         \
	} while (0)
#define expect_renewal(wanted_term)                                                                          \
	do {                                                                                                 \
		expect_wish(ELECTION_UPDATE);                                                                \
		ck_assert(!wish.acquires && !wish.release);                                                  \
		ck_assert_uint_eq(wish.term, (wanted_term));                                                 \
		ck_assert_uint_eq(wish.duration_s, DURATION / 1000);                                         \
	} while (0)
#define expect_release(wanted_term)                                                                          \
	do {                                                                                                 \
		expect_wish(ELECTION_UPDATE);                                                                \
		ck_assert(!wish.acquires && wish.release);                                                   \
		ck_assert_uint_eq(wish.term, (wanted_term));                                                 \
		ck_assert_uint_eq(wish.duration_s, 1);                                                       \
	} while (0)
#define expect_create()                                                                                      \
	do {                                                                                                 \
		expect_wish(ELECTION_CREATE);                                                                \
		ck_assert(wish.acquires && !wish.release);                                                   \
		ck_assert_uint_lt(wish.term, ELECTION_RANDOM_TERM_BELOW);                                    \
	} while (0)

/* Nothing to do until then, exactly. */
#define expect_quiet_until(at)                                                                               \
	do {                                                                                                 \
		uint64_t until_ = (at);                                                                      \
		expect_nothing();                                                                            \
		ck_assert_uint_eq(election_deadline(e), until_);                                             \
		now = until_ - 1;                                                                            \
		expect_nothing();                                                                            \
		now = until_;                                                                                \
	} while (0)

/* Goes on to the deadline, which is a jittered retry period away. */
#define expect_pause()                                                                                       \
	do {                                                                                                 \
		uint64_t at_ = election_deadline(e);                                                         \
		ck_assert_uint_ge(at_, now + RETRY);                                                         \
		ck_assert_uint_le(at_, now + RETRY_MOST);                                                    \
		expect_quiet_until(at_);                                                                     \
	} while (0)

#define expect_leading(wanted_term, wanted_until)                                                            \
	do {                                                                                                 \
		expect_role(ELECTION_LEADING);                                                               \
		ck_assert_uint_eq(election_term(e), (wanted_term));                                          \
		ck_assert_uint_eq(election_right_until(e), (wanted_until));                                  \
	} while (0)

/* The end: no wishes, no deadline, no right, whatever comes. */
static inline void expect_end(enum election_role role)
{
	expect_role(role);
	ck_assert_uint_eq(election_right_until(e), 0);
	ck_assert_uint_eq(election_deadline(e), UINT64_MAX);
	expect_nothing();
	watch_shows("99999", "", 5);
	election_absent(e, "", now);
	election_set_fresh(e, UINT64_MAX);
	election_set_pressed(e, true);
	election_tick(e, now);
	now += 100000;
	expect_nothing();
	expect_role(role);
	ck_assert(!election_wants_fresh(e, now));
	ck_assert_uint_eq(election_deadline(e), UINT64_MAX);
}

#define expect_lost(why)                                                                                     \
	do {                                                                                                 \
		expect_end(ELECTION_LOST);                                                                   \
		ck_assert_str_eq(election_reason(e), (why));                                                 \
	} while (0)

/* A leader since now, with @term and the Lease at version 100. */
static inline void given_leader(uint32_t term)
{
	given_fresh_candidate();
	expect_read();
	answer_shows("99", "", term - 1);
	expect_claim(term);
	answer_shows("100", ME, term);
	expect_leading(term, now + DEADLINE);
}

#endif
