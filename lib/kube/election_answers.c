#include <assert.h>
#include <string.h>

#include "kube/election_impl.h"

/* A leader tries again after a retry period since the last try, or sooner where its right would end before.
 */
static void leader_failed(struct election *e, uint64_t now_ms)
{
	uint64_t at_ms = e->flight.sent_ms + e->options.retry_period_ms;
	uint64_t left_ms = e->right_until_ms - now_ms;

	if (at_ms >= e->right_until_ms)
		at_ms = election_earlier(at_ms, now_ms + election_later(ELECTION_MIN_PACE_MS, left_ms / 2));
	e->failing = true;
	e->next_ms = at_ms;
}

/* Somebody else wrote: the next read says who. */
static void leader_met_conflict(struct election *e, uint64_t now_ms)
{
	e->failing = true;
	e->current = false;
	e->next_ms = e->conflicts++ == 0 ? now_ms : now_ms + ELECTION_MIN_PACE_MS;
}

/* A read, which the server answers consistently, or a write of ours shows less than was known when it was
 * sent: the server's data was restored from a backup (WCH-11). Its revisions may be far ahead by now, so that
 * no list shows it any more, but the Lease is written every few seconds and tells. */
static bool went_back(const struct election *e, const struct election_lease *l)
{
	return e->record.looks == e->flight.looks && election_record_age(&e->record, l->rv) == ELECTION_OLDER;
}

/* A look by our own request. Stale: the watch has brought something newer while it was under way. True: the
 * record is as @l shows it. */
static bool adopt(struct election *e, const struct election_lease *l, uint64_t now_ms)
{
	enum election_age age = election_record_age(&e->record, l->rv);
	bool moved = e->record.looks != e->flight.looks;

	e->current = !(moved && (age == ELECTION_OLDER || age == ELECTION_UNCLEAR));
	e->confirmed_ms = e->flight.sent_ms;
	if (e->current && age != ELECTION_SAME)
		election_show(e, l, now_ms);
	return e->current;
}

static void read_answered(struct election *e, enum election_outcome outcome, const struct election_lease *l,
			  uint64_t now_ms)
{
	bool leading = e->role == ELECTION_LEADING;

	if (outcome == ELECTION_MISSING) {
		election_absent(e, "", now_ms);
	} else if (outcome != ELECTION_DONE) {
		if (leading)
			leader_failed(e, now_ms);
		else
			e->next_ms = now_ms + election_jittered_retry(e);
	} else if (went_back(e, l)) {
		election_lose(e, "the API server has gone back in time", "");
	} else if (!leading) {
		(void)adopt(e, l, now_ms);
	} else if (election_still_ours(e, l)) {
		/* Its term is no matter: see renewal_term(). */
		e->checked = adopt(e, l, now_ms) && e->giving_up;
		e->next_ms = now_ms;
	}
}

/* The answer must show what was written, else it is none (I4): a server or something before it that
 * answers 200 and keeps another content gives no term. */
static bool shows_write(const struct election *e, const struct election_lease *l)
{
	const struct election_flight *f = &e->flight;

	return strcmp(l->holder, f->wish.release ? "" : e->options.identity) == 0 &&
	       l->term == f->wish.term && (f->wish.action == ELECTION_CREATE || strcmp(l->uid, f->uid) == 0);
}

/* Not done, or nobody knows: for a standby the write may have been applied, which gives it nothing; it reads
 * and raises the term again. */
static void write_failed(struct election *e, uint64_t now_ms)
{
	if (e->role == ELECTION_LEADING) {
		leader_failed(e, now_ms);
		return;
	}
	if (e->record.state == ELECTION_ABSENT) /* perhaps not any more */
		election_record_forget(&e->record);
	e->current = false;
	e->next_ms = now_ms + election_jittered_retry(e);
}

static void acquired(struct election *e, uint64_t now_ms)
{
	election_move(e, ELECTION_LEADING);
	e->tokens = 0;
	e->refilled_ms = now_ms;
	e->no_step = false;
}

/* Our write is the Lease now, or was: a newer look may have come before the answer. */
static void write_done(struct election *e, const struct election_lease *l, uint64_t now_ms)
{
	const struct election_flight *f = &e->flight;
	uint64_t until_ms = f->sent_ms + e->options.renew_deadline_ms;
	bool adopted = adopt(e, l, now_ms);
	bool ours = adopted || (e->record.state == ELECTION_OURS && election_record_is(&e->record, l->uid));

	if (f->wish.release) {
		election_move(e, ELECTION_OVER);
		return;
	}
	/* Two ways to have been the holder without being it: it is somebody else's by now, or the answer
	 * took so long that the right is over. No right, no term; it is done again. */
	if (!ours || until_ms <= now_ms) {
		write_failed(e, now_ms);
		return;
	}
	if (f->raises) {
		e->term = f->wish.term;
		election_record_raised(&e->record, e->term);
		e->pressed = false; /* of the new stripe nothing is known yet */
		e->no_step = false;
	}
	if (e->role == ELECTION_STANDBY)
		acquired(e, now_ms);
	e->right_until_ms = until_ms;
	e->failing = false;
	e->conflicts = 0;
	e->next_ms = e->giving_up ? now_ms : f->sent_ms + e->options.retry_period_ms;
}

static void write_answered(struct election *e, enum election_outcome outcome, const struct election_lease *l,
			   uint64_t now_ms)
{
	bool create = e->flight.wish.action == ELECTION_CREATE;

	if (outcome == ELECTION_MISSING && !create) {
		election_absent(e, "", now_ms);
	} else if (outcome == ELECTION_CONFLICT && e->role == ELECTION_LEADING) {
		leader_met_conflict(e, now_ms);
	} else if (outcome != ELECTION_DONE) {
		write_failed(e, now_ms);
	} else if (went_back(e, l)) {
		election_lose(e, "the API server has gone back in time", "");
	} else if (!shows_write(e, l)) {
		e->current = false;
		write_failed(e, now_ms);
	} else {
		write_done(e, l, now_ms);
	}
}

void election_answered(struct election *e, enum election_outcome outcome, const struct election_lease *l,
		       uint64_t now_ms)
{
	assert(e->in_flight && (outcome == ELECTION_DONE) == (l != NULL));
	e->in_flight = false;
	election_check_right(e, now_ms);
	if (election_is_over(e))
		return;
	if (e->flight.wish.action == ELECTION_READ)
		read_answered(e, outcome, l, now_ms);
	else
		write_answered(e, outcome, l, now_ms);
	if (e->giving_up && e->role == ELECTION_STANDBY)
		election_move(e, ELECTION_OVER);
}
