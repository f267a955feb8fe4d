#include <string.h>

#include "kube/election_impl.h"

/* Raising: tokens are thousandths of a term. In 5 minutes 480 + 300 * 1.6 = 960 terms and, to make 1,024, 64
 * acquisitions. */
#define BUDGET_MAX       480000
#define BUDGET_PER_10_MS 16
#define TERM_COST        1000

/* ---- wishes of a standby ---- */

struct plan {
	enum election_action action;
	uint64_t at_ms;
};

/* When the Lease that is there may be taken. */
static uint64_t free_at(const struct election *e)
{
	switch (e->record.state) {
	case ELECTION_HELD:
		return e->record.expires_ms;
	case ELECTION_OURS:
		/* A write of ours whose answer was lost, or an edit: no term of ours, so it is raised anew.
		 */
		return e->wrote ? e->wrote_ms + e->options.retry_period_ms : 0;
	default:
		return 0;
	}
}

/* When a Lease that is held is looked at, because nothing was seen for long: it may have been renewed. */
static uint64_t look_at(const struct election *e)
{
	if (e->record.state != ELECTION_HELD || e->options.silence_ms == 0)
		return UINT64_MAX;
	return election_later(e->record.seen_ms + e->options.silence_ms,
			      e->confirmed_ms + e->options.retry_period_ms);
}

/* A write over what is there comes right after a read that was sent when the Lease was free already: so it
 * replaces exactly the version that was looked at, or fails. */
static struct plan standby_plan(const struct election *e)
{
	uint64_t free_ms = free_at(e);
	uint64_t look_ms = look_at(e);

	if (e->record.state == ELECTION_UNKNOWN)
		return (struct plan){ELECTION_READ, e->next_ms};
	if (e->record.state == ELECTION_ABSENT)
		return (struct plan){ELECTION_CREATE, e->next_ms};
	if (look_ms < free_ms)
		return (struct plan){ELECTION_READ, election_later(look_ms, e->next_ms)};
	if (!e->current || e->confirmed_ms < free_ms)
		return (struct plan){ELECTION_READ, election_later(free_ms, e->next_ms)};
	return (struct plan){ELECTION_UPDATE, election_later(free_ms, e->next_ms)};
}

/* A term of our own. The next one, by compare-and-swap on the version that has the one before: nobody else
 * can make the same step (I1). Where there is none before, or it was set back below one that was in use, a
 * random one: counting up would meet terms again of which writes may be under way. */
static uint32_t new_term(struct election *e, enum election_action action)
{
	if (action == ELECTION_CREATE || election_record_behind(&e->record))
		return (uint32_t)rng_below(e->options.rng, ELECTION_RANDOM_TERM_BELOW);
	return election_term_plus(e->record.term, 1);
}

/* I3: nobody takes the Lease whose caches may miss what was written more than K terms ago. Until they are
 * fresh the Lease is only read, now and then. */
static bool standby_next(struct election *e, struct election_flight *f, uint64_t now_ms)
{
	struct plan plan = standby_plan(e);

	if (now_ms < plan.at_ms)
		return false;
	if (plan.action != ELECTION_READ && now_ms >= e->fresh_until_ms) {
		if (!e->starved)
			e->poll_ms = now_ms + election_jittered_retry(e);
		e->starved = true;
		if (now_ms < e->poll_ms)
			return false;
		e->poll_ms = now_ms + election_jittered_retry(e);
		plan.action = ELECTION_READ;
	}
	f->wish.action = plan.action;
	f->wish.timeout_ms = e->options.renew_deadline_ms / 2;
	if (plan.action == ELECTION_READ)
		return true;
	f->wish.term = new_term(e, plan.action);
	f->wish.acquires = true;
	f->raises = true;
	return true;
}

/* ---- wishes of a leader ---- */

/* Raising for room does not wait for the regular renewal, unless there is something wrong. */
static uint64_t leader_at(const struct election *e)
{
	bool early = e->pressed && !e->no_step && !e->failing && e->current && !e->giving_up;

	return early ? election_earlier(e->next_ms, e->wrote_ms + ELECTION_MIN_PACE_MS) : e->next_ms;
}

static void refill(struct election *e, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - e->refilled_ms;

	int64_t tokens = BUDGET_MAX; /* after a long pause */

	if (passed_ms < BUDGET_MAX)
		tokens = e->tokens + (int64_t)passed_ms * BUDGET_PER_10_MS / 10;
	e->tokens = tokens < BUDGET_MAX ? tokens : BUDGET_MAX;
	e->refilled_ms = now_ms;
}

/* The step for more room that can be made now, 0 for none. Tokens are spent with the wish: a write that
 * fails may have been applied. */
static uint32_t affordable_step(struct election *e, uint64_t now_ms)
{
	uint32_t d = e->options.step(e->options.data, e->record.term);

	refill(e, now_ms);
	e->no_step = d == 0 || d > ELECTION_MAX_STEP || e->tokens < (int64_t)d * TERM_COST;
	if (e->no_step)
		return 0;
	e->tokens -= (int64_t)d * TERM_COST;
	return d;
}

/* The Lease is ours, but not its term. */
static bool is_not_ours(const struct election *e)
{
	return e->record.term != e->term || election_record_behind(&e->record);
}

/* The term that a renewal writes. False: no renewal now.
 *
 * A term that the Lease shows and that is not our own, although the Lease is ours, is a raising of ours that
 * was not answered, or an edit by hand. To renew with it would be to stay in a stripe that the next leader
 * may count up to while our writes are under way (tests/model, bug-renew-other): it is raised by one. Where
 * it is lower than one that was seen, those that it would be counted up to are in use: it is replaced by a
 * random one. Either is ours once that is answered.
 *
 * I3: a new term of ours needs fresh caches like the first one (bug-stale-raise). Without them the Lease is
 * not renewed over a term of somebody else's, so that the right ends before long. */
static bool renewal_term(struct election *e, struct election_flight *f, uint64_t now_ms)
{
	bool fresh = now_ms < e->fresh_until_ms;
	uint32_t d = 0;

	f->wish.term = e->record.term;
	if (is_not_ours(e)) {
		if (!fresh) {
			e->next_ms = now_ms + ELECTION_MIN_PACE_MS;
			return false;
		}
		refill(e, now_ms);
		e->tokens -= TERM_COST; /* cannot wait: steps for room have to, until the debt is paid */
		f->wish.term = new_term(e, ELECTION_UPDATE);
		f->raises = true;
		return true;
	}
	if (e->pressed && fresh)
		d = affordable_step(e, now_ms);
	else if (e->pressed)
		e->no_step = true;
	if (d == 0)
		return now_ms >= e->next_ms;
	f->wish.term = election_term_plus(e->record.term, d);
	f->raises = true;
	return true;
}

static bool leader_next(struct election *e, struct election_flight *f, uint64_t now_ms)
{
	uint64_t left_ms = e->right_until_ms - now_ms;

	if (now_ms < leader_at(e))
		return false;
	f->wish.timeout_ms = (uint32_t)election_earlier(e->options.renew_deadline_ms / 2, left_ms);
	f->wish.action = ELECTION_UPDATE;
	if (!e->current || (e->giving_up && !e->checked)) {
		f->wish.action = ELECTION_READ;
		return true;
	}
	if (!e->giving_up)
		return renewal_term(e, f, now_ms);
	/* LE-12: over the version that a fresh read has shown to be ours; the term is kept. */
	f->wish.release = true;
	f->wish.term = e->record.term;
	return true;
}

bool election_next(struct election *e, struct election_wish *w, uint64_t now_ms)
{
	struct election_flight f = {.sent_ms = now_ms};

	election_check_right(e, now_ms);
	if (election_is_over(e) || e->in_flight)
		return false;
	if (!(e->role == ELECTION_LEADING ? leader_next(e, &f, now_ms) : standby_next(e, &f, now_ms)))
		return false;
	if (f.wish.action != ELECTION_READ) {
		f.wish.duration_s =
			f.wish.release ? 1
				       : (uint32_t)(((uint64_t)e->options.lease_duration_ms + 999) / 1000);
		e->wrote = true;
		e->wrote_ms = now_ms;
	}
	f.looks = e->record.looks;
	memcpy(f.uid, e->record.uid, sizeof(f.uid));
	e->flight = f;
	e->in_flight = true;
	*w = f.wish;
	return true;
}

uint64_t election_deadline(const struct election *e)
{
	uint64_t at_ms = UINT64_MAX;

	if (election_is_over(e))
		return UINT64_MAX;
	if (e->role == ELECTION_LEADING)
		return e->in_flight ? e->right_until_ms : election_earlier(e->right_until_ms, leader_at(e));
	if (!e->in_flight) {
		struct plan plan = standby_plan(e);

		at_ms = plan.action != ELECTION_READ && e->starved ? election_later(plan.at_ms, e->poll_ms)
								   : plan.at_ms;
	}
	return at_ms;
}

bool election_wants_fresh(const struct election *e, uint64_t now_ms)
{
	struct plan plan = standby_plan(e);

	if (e->role == ELECTION_LEADING)
		return e->current && !e->giving_up && is_not_ours(e) && now_ms >= e->fresh_until_ms;
	return e->role == ELECTION_STANDBY && plan.action != ELECTION_READ && now_ms >= plan.at_ms &&
	       now_ms >= e->fresh_until_ms;
}
