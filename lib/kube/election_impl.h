/**
 * election_impl: the inside of an election, shared by election.c (life, facts, ends), election_wishes.c (what
 * to do next) and election_answers.c (what follows from an answer). Private.
 */
#ifndef KUBE_ELECTION_IMPL_H
#define KUBE_ELECTION_IMPL_H

#include "kube/election_record.h"

/* Least time between two requests where the pace is not the retry period: raising for room, conflicts in a
 * row, a right that is about to end. */
#define ELECTION_MIN_PACE_MS 100

/* The wish that is being carried out. */
struct election_flight {
	struct election_wish wish;
	uint64_t sent_ms;
	uint32_t looks; /* of the record, when it was sent */
	char uid[ELECTION_UID_MAX + 1];
	bool raises; /* success gives the term */
};

struct election {
	struct election_options options;
	struct election_record record;
	struct election_flight flight;

	uint64_t confirmed_ms; /* send time of the request that made the copy current */
	uint64_t next_ms;      /* no wish before, but for an early raising */
	uint64_t wrote_ms;     /* send time of the last write */
	enum election_role role;
	bool in_flight;
	bool current; /* the caller's copy is the version of the record: it can be written over */
	bool wrote;
	bool giving_up;
	bool checked; /* a read since then has shown that the Lease is ours */

	/* Standby. */
	bool starved; /* would write, but the caches are not fresh */
	uint64_t fresh_until_ms;
	uint64_t poll_ms; /* while starved: next read */

	/* Leading. */
	uint64_t right_until_ms;
	int64_t tokens;       /* thousandths of a term; < 0: a debt */
	uint64_t refilled_ms; /* they were counted */
	uint32_t term;
	uint32_t conflicts; /* since the last success */
	bool failing;       /* the last renewal was no success */
	bool pressed;
	bool no_step; /* not before the regular renewal: no step, or no tokens */
	char reason[ELECTION_HOLDER_MAX + 64];
};

/* election.c */

/** Checks the table of allowed moves. */
void election_move(struct election *e, enum election_role to);

bool election_is_over(const struct election *e);

/** The Lease is not ours any more; the reason is @why and @who. */
void election_lose(struct election *e, const char *why, const char *who);

/** Loses the Lease where the right has ended. Called first wherever the time is told. */
void election_check_right(struct election *e, uint64_t now_ms);

/** For a leader: true where @l is the Lease that it holds; else loses it. */
bool election_still_ours(struct election *e, const struct election_lease *l);

/** The record is as @l shows it. */
void election_show(struct election *e, const struct election_lease *l, uint64_t now_ms);

/** LE-4: uniform [1, 2.2) retry periods. */
uint64_t election_jittered_retry(struct election *e);

static inline uint64_t election_later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t election_earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#endif
