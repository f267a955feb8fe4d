#include "kube/election.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/election_record.h"

/* Least time between two requests where the pace is not the retry period: raising for room, conflicts in a
 * row, a right that is about to end. */
#define MIN_PACE_MS 100

/* Raising for room: tokens are thousandths of a term. In 5 minutes 480 + 300 * 1.6 = 960 terms and, to make
 * 1,024, 64 acquisitions. */
#define BUDGET_MAX       480000
#define BUDGET_PER_10_MS 16
#define TERM_COST        1000

#define TO(role) (1u << (role))

static const uint8_t role_moves[] = {
	[ELECTION_STANDBY] = TO(ELECTION_LEADING) | TO(ELECTION_OVER),
	[ELECTION_LEADING] = TO(ELECTION_LOST) | TO(ELECTION_OVER),
	[ELECTION_LOST] = 0,
	[ELECTION_OVER] = 0,
};

struct flight {
	struct election_wish wish;
	uint64_t sent_ms;
	uint32_t looks; /* of the record, when it was sent */
	char uid[ELECTION_UID_MAX + 1];
	bool raises; /* success gives the term */
};

struct election {
	struct election_options options;
	enum election_role role;
	struct election_record record;

	bool in_flight;
	struct flight flight;

	/* The object that the caller keeps is the version of the record: it can be written over. */
	bool current;
	uint64_t confirmed_ms; /* send time of the request that showed so */
	uint64_t next_ms;      /* no wish before, but for an early raising */
	bool wrote;
	uint64_t wrote_ms; /* send time of the last write */

	/* Standby. */
	uint64_t fresh_until_ms;
	bool starved;     /* would write, but the caches are not fresh */
	uint64_t poll_ms; /* next read meanwhile */

	/* Leading. */
	uint32_t term;
	uint64_t right_until_ms;
	bool failing;       /* the last renewal was no success */
	uint32_t conflicts; /* since the last success */
	bool pressed;
	bool no_step;         /* not before the regular renewal: no step, or no tokens */
	uint64_t tokens;      /* thousandths of a term */
	uint64_t refilled_ms; /* they were counted */
	char reason[ELECTION_HOLDER_MAX + 64];

	bool giving_up;
	bool checked; /* a read since then has shown that the Lease is ours */
};

static void move(struct election *e, enum election_role to)
{
	assert((role_moves[e->role] & TO(to)) != 0);
	e->role = to;
}

static bool is_over(const struct election *e)
{
	return e->role == ELECTION_LOST || e->role == ELECTION_OVER;
}

int election_create(struct election **out, const struct election_options *options)
{
	size_t identity_len = strlen(options->identity);
	struct election *e;

	/* LE-3. What is left of the lease duration after the renew deadline is the margin in which clocks of
	 * different speed may differ. */
	if (options->retry_period_ms == 0 ||
	    (uint64_t)options->renew_deadline_ms * 10 <= (uint64_t)options->retry_period_ms * 12 ||
	    options->lease_duration_ms <= options->renew_deadline_ms)
		return -EINVAL;
	if (identity_len == 0 || identity_len > ELECTION_HOLDER_MAX)
		return -EINVAL;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	e->options = *options;
	*out = e;
	return 0;
}

void election_free(struct election *e)
{
	free(e);
}

/* ---- ends ---- */

/* The Lease is not ours any more. Never to be undone: what was lost may be another's by now (LE-14). */
static void lose(struct election *e, const char *why, const char *who)
{
	if (e->giving_up) {
		move(e, ELECTION_OVER);
		return;
	}
	(void)snprintf(e->reason, sizeof(e->reason), "%s%s", why, who);
	move(e, ELECTION_LOST);
}

/* Called first wherever the time is told: nothing that arrives later than the end of the right brings it
 * back, however the process was paused in between (I1 across pauses; LE-10). */
static void check_right(struct election *e, uint64_t now_ms)
{
	if (e->role == ELECTION_LEADING && now_ms >= e->right_until_ms)
		lose(e, "it was not renewed within the renew deadline", "");
}

/* Why a leader does not hold the Lease that @l shows; true where it does. */
static bool still_ours(struct election *e, const struct election_lease *l)
{
	if (!election_record_is(&e->record, l->uid))
		lose(e, "the Lease was deleted and created anew", "");
	else if (l->holder[0] == '\0')
		lose(e, "somebody has removed the holder", "");
	else if (strcmp(l->holder, e->options.identity) != 0)
		lose(e, "it is held by ", l->holder);
	else
		return true;
	return false;
}

/* ---- facts ---- */

static void show(struct election *e, const struct election_lease *l, uint64_t now_ms)
{
	election_record_show(&e->record, l, e->options.identity, e->options.lease_duration_ms, now_ms);
}

/* LE-4: uniform [1, 2.2) retry periods. */
static uint64_t jittered_retry(struct election *e)
{
	return e->options.retry_period_ms +
	       rng_below(e->options.rng, (uint64_t)e->options.retry_period_ms * 12 / 10 + 1);
}

/* A watch may show the past; only what is newer than our last known version says that we have lost. What
 * cannot be compared is no proof either way: a read decides. Safe, because the right ends by itself. */
static void leader_saw(struct election *e, const struct election_lease *l, enum election_age age,
		       uint64_t now_ms)
{
	if (age == ELECTION_UNCLEAR) {
		e->current = false;
		e->next_ms = now_ms;
	} else if (still_ours(e, l)) {
		show(e, l, now_ms);
		e->current = false;
	}
}

/* What is news starts the wait for a whole lease duration, by our clock, whatever times stand in the Lease
 * (LE-6). A change of holder ends a pause after a failure. */
static void standby_saw(struct election *e, const struct election_lease *l, uint64_t now_ms)
{
	enum election_state before = e->record.state;

	show(e, l, now_ms);
	e->current = false;
	if (e->record.state != before)
		e->next_ms = now_ms;
}

void election_seen(struct election *e, const struct election_lease *l, uint64_t now_ms)
{
	enum election_age age = election_record_age(&e->record, l->rv);

	check_right(e, now_ms);
	if (is_over(e) || age == ELECTION_OLDER || age == ELECTION_SAME)
		return;
	if (e->role == ELECTION_LEADING)
		leader_saw(e, l, age, now_ms);
	else
		standby_saw(e, l, now_ms);
}

void election_absent(struct election *e, const char *rv, uint64_t now_ms)
{
	enum election_age age = rv[0] != '\0' ? election_record_age(&e->record, rv) : ELECTION_NEWER;

	check_right(e, now_ms);
	if (is_over(e) || age == ELECTION_OLDER || age == ELECTION_SAME)
		return;
	e->current = false;
	if (e->role == ELECTION_STANDBY || age == ELECTION_UNCLEAR)
		e->next_ms = now_ms;
	if (e->role == ELECTION_STANDBY)
		election_record_absent(&e->record, rv);
	else if (age == ELECTION_NEWER)
		lose(e, "the Lease was deleted", "");
}

void election_set_fresh(struct election *e, uint64_t until_ms)
{
	if (until_ms > e->fresh_until_ms)
		e->starved = false;
	e->fresh_until_ms = until_ms;
}

void election_set_pressed(struct election *e, bool pressed)
{
	if (pressed != e->pressed)
		e->no_step = false;
	e->pressed = pressed;
}

void election_give_up(struct election *e, uint64_t now_ms)
{
	if (is_over(e) || e->giving_up)
		return;
	e->giving_up = true;
	check_right(e, now_ms);
	/* A write in flight may make this process the holder: its answer is waited for. */
	if (e->role == ELECTION_STANDBY && !(e->in_flight && e->flight.wish.action != ELECTION_READ))
		move(e, ELECTION_OVER);
	else
		e->next_ms = now_ms;
}

void election_tick(struct election *e, uint64_t now_ms)
{
	check_right(e, now_ms);
}

/* ---- wishes of a standby ---- */

struct plan {
	enum election_action action;
	uint64_t at_ms;
};

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

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

/* A write over what is there comes right after a read that was sent when the Lease was free already: so it
 * replaces exactly the version that was looked at, or fails. */
static struct plan standby_plan(const struct election *e)
{
	uint64_t free_ms = free_at(e);

	if (e->record.state == ELECTION_UNKNOWN)
		return (struct plan){ELECTION_READ, e->next_ms};
	if (e->record.state == ELECTION_ABSENT)
		return (struct plan){ELECTION_CREATE, e->next_ms};
	if (!e->current || e->confirmed_ms < free_ms)
		return (struct plan){ELECTION_READ, later(free_ms, e->next_ms)};
	return (struct plan){ELECTION_UPDATE, later(free_ms, e->next_ms)};
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
static bool standby_next(struct election *e, struct flight *f, uint64_t now_ms)
{
	struct plan plan = standby_plan(e);

	if (now_ms < plan.at_ms)
		return false;
	if (plan.action != ELECTION_READ && now_ms >= e->fresh_until_ms) {
		if (!e->starved)
			e->poll_ms = now_ms + jittered_retry(e);
		e->starved = true;
		if (now_ms < e->poll_ms)
			return false;
		e->poll_ms = now_ms + jittered_retry(e);
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

	return early ? earlier(e->next_ms, e->wrote_ms + MIN_PACE_MS) : e->next_ms;
}

static void refill(struct election *e, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - e->refilled_ms;

	e->refilled_ms = now_ms;
	/* a pause of any length fits */
	e->tokens = passed_ms >= BUDGET_MAX
			    ? BUDGET_MAX
			    : earlier(BUDGET_MAX, e->tokens + passed_ms * BUDGET_PER_10_MS / 10);
}

/* The step for more room that can be made now, 0 for none. Tokens are spent with the wish: a write that
 * fails may have been applied. */
static uint32_t affordable_step(struct election *e, uint64_t now_ms)
{
	uint32_t d = e->options.step(e->options.data, e->record.term);

	refill(e, now_ms);
	e->no_step = d == 0 || d > ELECTION_MAX_STEP || e->tokens < (uint64_t)d * TERM_COST;
	if (e->no_step)
		return 0;
	e->tokens -= (uint64_t)d * TERM_COST;
	return d;
}

/* The term that a renewal writes. False: no renewal now.
 *
 * The Lease's term is kept even where it is higher than ours: nobody's but ours is lost by that, and whoever
 * comes next raises it further, so our own, lower one stays ours alone. Where it is lower than one that was
 * seen, the next candidate would count up to terms that are in use, ours perhaps: it is replaced by a random
 * one, which is ours once that is answered. */
static bool renewal_term(struct election *e, struct flight *f, uint64_t now_ms)
{
	uint32_t d = 0;

	f->wish.term = e->record.term;
	if (election_record_behind(&e->record)) {
		f->wish.term = new_term(e, ELECTION_UPDATE);
		f->raises = true;
		return true;
	}
	if (e->pressed)
		d = affordable_step(e, now_ms);
	if (d == 0)
		return now_ms >= e->next_ms;
	f->wish.term = election_term_plus(e->record.term, d);
	f->raises = true;
	return true;
}

static bool leader_next(struct election *e, struct flight *f, uint64_t now_ms)
{
	uint64_t left_ms = e->right_until_ms - now_ms;

	if (now_ms < leader_at(e))
		return false;
	f->wish.timeout_ms = (uint32_t)earlier(e->options.renew_deadline_ms / 2, left_ms);
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
	struct flight f = {.sent_ms = now_ms};

	check_right(e, now_ms);
	if (is_over(e) || e->in_flight)
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

	if (is_over(e))
		return UINT64_MAX;
	if (e->role == ELECTION_LEADING)
		return e->in_flight ? e->right_until_ms : earlier(e->right_until_ms, leader_at(e));
	if (!e->in_flight) {
		struct plan plan = standby_plan(e);

		at_ms = plan.action != ELECTION_READ && e->starved ? later(plan.at_ms, e->poll_ms)
								   : plan.at_ms;
	}
	return at_ms;
}

/* ---- answers ---- */

/* A leader tries again after a retry period since the last try, or sooner where its right would end before.
 */
static void leader_failed(struct election *e, uint64_t now_ms)
{
	uint64_t at_ms = e->flight.sent_ms + e->options.retry_period_ms;
	uint64_t left_ms = e->right_until_ms - now_ms;

	if (at_ms >= e->right_until_ms)
		at_ms = earlier(at_ms, now_ms + later(MIN_PACE_MS, left_ms / 2));
	e->failing = true;
	e->next_ms = at_ms;
}

/* Somebody else wrote: the next read says who. */
static void leader_met_conflict(struct election *e, uint64_t now_ms)
{
	e->failing = true;
	e->current = false;
	e->next_ms = e->conflicts++ == 0 ? now_ms : now_ms + MIN_PACE_MS;
}

/* A look by our own request. Stale: the watch has brought something newer while it was under way. True: the
 * record is as @l shows it. */
static bool adopt(struct election *e, const struct election_lease *l, uint64_t now_ms)
{
	enum election_age age = election_record_age(&e->record, l->rv);
	bool moved = e->record.looks != e->flight.looks;

	e->current = !(moved && (age == ELECTION_OLDER || age == ELECTION_UNCLEAR));
	e->confirmed_ms = e->flight.sent_ms;
	/* Older without that: the server has gone back in time, and so do we. */
	if (e->current && age != ELECTION_SAME)
		show(e, l, now_ms);
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
			e->next_ms = now_ms + jittered_retry(e);
	} else if (!leading) {
		(void)adopt(e, l, now_ms);
	} else if (still_ours(e, l)) {
		/* Its term is no matter: see renewal_term(). */
		e->checked = adopt(e, l, now_ms) && e->giving_up;
		e->next_ms = now_ms;
	}
}

/* The answer must show what was written, else it is none (I4): a server or something before it that
 * answers 200 and keeps another content gives no term. */
static bool shows_write(const struct election *e, const struct election_lease *l)
{
	const struct flight *f = &e->flight;

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
	if (e->flight.wish.action == ELECTION_CREATE)
		election_record_forget(&e->record);
	e->current = false;
	e->next_ms = now_ms + jittered_retry(e);
}

static void acquired(struct election *e, uint64_t now_ms)
{
	move(e, ELECTION_LEADING);
	e->tokens = 0;
	e->refilled_ms = now_ms;
	e->no_step = false;
}

/* Our write is the Lease now, or was: a newer look may have come before the answer. */
static void write_done(struct election *e, const struct election_lease *l, uint64_t now_ms)
{
	const struct flight *f = &e->flight;
	uint64_t until_ms = f->sent_ms + e->options.renew_deadline_ms;
	bool adopted = adopt(e, l, now_ms);
	bool ours = adopted || (e->record.state == ELECTION_OURS && election_record_is(&e->record, l->uid));

	if (f->wish.release) {
		move(e, ELECTION_OVER);
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
	check_right(e, now_ms);
	if (is_over(e))
		return;
	if (e->flight.wish.action == ELECTION_READ)
		read_answered(e, outcome, l, now_ms);
	else
		write_answered(e, outcome, l, now_ms);
	if (e->giving_up && e->role == ELECTION_STANDBY)
		move(e, ELECTION_OVER);
}

/* ---- what follows from it ---- */

enum election_role election_role(const struct election *e)
{
	return e->role;
}

const char *election_reason(const struct election *e)
{
	return e->reason;
}

uint32_t election_term(const struct election *e)
{
	return e->term;
}

uint64_t election_right_until(const struct election *e)
{
	return e->role == ELECTION_LEADING ? e->right_until_ms : 0;
}

bool election_wants_fresh(const struct election *e, uint64_t now_ms)
{
	struct plan plan = standby_plan(e);

	return e->role == ELECTION_STANDBY && plan.action != ELECTION_READ && now_ms >= plan.at_ms &&
	       now_ms >= e->fresh_until_ms;
}

const char *election_holder(const struct election *e)
{
	return e->record.holder;
}
