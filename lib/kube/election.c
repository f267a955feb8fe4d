#include "kube/election_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO(role) (1u << (role))

static const uint8_t role_moves[] = {
	[ELECTION_STANDBY] = TO(ELECTION_LEADING) | TO(ELECTION_LOST) | TO(ELECTION_OVER),
	[ELECTION_LEADING] = TO(ELECTION_LOST) | TO(ELECTION_OVER),
	[ELECTION_LOST] = 0,
	[ELECTION_OVER] = 0,
};

void election_move(struct election *e, enum election_role to)
{
	assert((role_moves[e->role] & TO(to)) != 0);
	e->role = to;
}

bool election_is_over(const struct election *e)
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
void election_lose(struct election *e, const char *why, const char *who)
{
	if (e->giving_up) {
		election_move(e, ELECTION_OVER);
		return;
	}
	(void)snprintf(e->reason, sizeof(e->reason), "%s%s", why, who);
	election_move(e, ELECTION_LOST);
}

/* Called first wherever the time is told: nothing that arrives later than the end of the right brings it
 * back, however the process was paused in between (I1 across pauses; LE-10). */
void election_check_right(struct election *e, uint64_t now_ms)
{
	if (e->role == ELECTION_LEADING && now_ms >= e->right_until_ms)
		election_lose(e, "it was not renewed within the renew deadline", "");
}

/* Why a leader does not hold the Lease that @l shows; true where it does. */
bool election_still_ours(struct election *e, const struct election_lease *l)
{
	if (!election_record_is(&e->record, l->uid))
		election_lose(e, "the Lease was deleted and created anew", "");
	else if (l->holder[0] == '\0')
		election_lose(e, "somebody has removed the holder", "");
	else if (strcmp(l->holder, e->options.identity) != 0)
		election_lose(e, "it is held by ", l->holder);
	else
		return true;
	return false;
}

/* ---- facts ---- */

void election_show(struct election *e, const struct election_lease *l, uint64_t now_ms)
{
	election_record_show(&e->record, l, e->options.identity, e->options.lease_duration_ms, now_ms);
}

uint64_t election_jittered_retry(struct election *e)
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
	} else if (election_still_ours(e, l)) {
		election_show(e, l, now_ms);
		e->current = false;
	}
}

/* What is news starts the wait for a whole lease duration, by our clock, whatever times stand in the Lease
 * (LE-6). A change of holder ends a pause after a failure. */
static void standby_saw(struct election *e, const struct election_lease *l, uint64_t now_ms)
{
	enum election_state before = e->record.state;

	election_show(e, l, now_ms);
	e->current = false;
	if (e->record.state != before)
		e->next_ms = now_ms;
}

void election_seen(struct election *e, const struct election_lease *l, uint64_t now_ms)
{
	enum election_age age = election_record_age(&e->record, l->rv);

	election_check_right(e, now_ms);
	if (election_is_over(e) || age == ELECTION_OLDER || age == ELECTION_SAME)
		return;
	if (e->role == ELECTION_LEADING)
		leader_saw(e, l, age, now_ms);
	else
		standby_saw(e, l, now_ms);
}

void election_absent(struct election *e, const char *rv, uint64_t now_ms)
{
	enum election_age age = rv[0] != '\0' ? election_record_age(&e->record, rv) : ELECTION_NEWER;

	election_check_right(e, now_ms);
	if (election_is_over(e) || age == ELECTION_OLDER || age == ELECTION_SAME)
		return;
	e->current = false;
	if (e->role == ELECTION_STANDBY || age == ELECTION_UNCLEAR)
		e->next_ms = now_ms;
	if (e->role == ELECTION_STANDBY)
		election_record_absent(&e->record, rv);
	else if (age == ELECTION_NEWER)
		election_lose(e, "the Lease was deleted", "");
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
	if (election_is_over(e) || e->giving_up)
		return;
	e->giving_up = true;
	election_check_right(e, now_ms);
	/* A write in flight may make this process the holder: its answer is waited for. */
	if (e->role == ELECTION_STANDBY && !(e->in_flight && e->flight.wish.action != ELECTION_READ))
		election_move(e, ELECTION_OVER);
	else
		e->next_ms = now_ms;
}

void election_tick(struct election *e, uint64_t now_ms)
{
	election_check_right(e, now_ms);
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

const char *election_holder(const struct election *e)
{
	return e->record.holder;
}
