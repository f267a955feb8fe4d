#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "kube/election.h"
#include "support/suite.h"

/* Several candidates against a modelled Lease, under random interleavings: requests and answers that are
 * late, lost, or land long after their sender gave up on them; watches that lag, skip and repeat the past;
 * processes that stand still for minutes. What must hold: no two candidates ever raise to the same term, and
 * no two have the right to write at the same time.
 *
 * Edits of the Lease (and its deletion) are runs of their own: they let rights overlap for as long as the old
 * leader does not know, and a lowered term rests on chance. */

#define CANDIDATES 3
#define VERSIONS   8192
#define CLAIMS     8192
#define LATE       16
#define DURATION   15000
#define DEADLINE   10000
#define RETRY      2000
#define SEEDS      300
#define TURNS      20000

enum edits {
	EDIT_NOTHING,
	EDIT_LABELS, /* versions that change nothing that counts */
	EDIT_HOLDER, /* by hand: another name, a candidate's name, none; and deletions */
	EDIT_TERM,   /* by hand, up and down */
};

/* One version of the Lease, as the history keeps it. */
struct version {
	bool there;
	uint32_t uid;
	uint32_t rv;
	char holder[16];
	uint32_t duration_s;
	uint32_t term;
};

struct request {
	bool pending; /* not at the server yet */
	enum election_action action;
	uint32_t uid, rv; /* that it writes over */
	struct version content;
};

struct candidate {
	struct election *e;
	char identity[16];
	int64_t skew; /* its clock to the true one */
	uint64_t paused_until;
	struct rng rng;
	size_t watch_at; /* versions shown by the watch */
	uint32_t base_uid, base_rv;
	/* The request in flight. */
	bool in_flight;
	struct election_wish wish;
	struct request request;
	bool answered; /* by the server; the answer is on its way */
	enum election_outcome outcome;
	struct version answer;
	uint64_t timeout_at; /* true time */
	uint32_t term;       /* last claimed */
	bool leads;
	bool gives_up; /* does not write any more */
};

struct world {
	uint64_t seed;
	struct rng dice;
	enum edits edits;
	uint64_t now;
	struct version versions[VERSIONS]; /* in order; the last one is the present */
	size_t count;
	uint32_t next_uid;
	struct candidate c[CANDIDATES];
	struct request late[LATE]; /* given up on by their senders, still on their way */
	uint32_t claims[CLAIMS];
	size_t claim_count;
	unsigned int handovers;
};

static uint32_t dice(struct world *w, uint32_t n)
{
	return (uint32_t)rng_below(&w->dice, n);
}

static bool one_in(struct world *w, uint32_t n)
{
	return dice(w, n) == 0;
}

static uint32_t on_step(void *data, uint32_t base)
{
	(void)base;
	return dice(data, 6);
}

/* Cheaper than Check's own, which tells its parent of each success. */
static void must(const struct world *w, bool held, const char *what)
{
	if (!held)
		ck_abort_msg("seed %" PRIu64 ": %s", w->seed, what);
}

/* ---- the server ---- */

static const struct version *present(const struct world *w)
{
	return &w->versions[w->count - 1];
}

static void commit(struct world *w, struct version v)
{
	must(w, w->count < VERSIONS, "too many versions");
	v.rv = present(w)->rv + 1 + dice(w, 3);
	w->versions[w->count++] = v;
}

static enum election_outcome apply(struct world *w, const struct request *r)
{
	const struct version *v = present(w);
	struct version content = r->content;

	if (r->action == ELECTION_READ)
		return v->there ? ELECTION_DONE : ELECTION_MISSING;
	if (r->action == ELECTION_CREATE) {
		if (v->there)
			return ELECTION_CONFLICT;
		content.uid = w->next_uid++;
	} else if (!v->there) {
		return one_in(w, 2) ? ELECTION_MISSING : ELECTION_CONFLICT;
	} else if (v->rv != r->rv || v->uid != r->uid) {
		return ELECTION_CONFLICT;
	}
	commit(w, content);
	return ELECTION_DONE;
}

static void edit(struct world *w)
{
	static const char *const names[] = {"", "stranger", "a", "b", "c"};
	struct version v = *present(w);

	if (w->edits == EDIT_HOLDER && one_in(w, 4))
		v.there = false;
	else if (w->edits == EDIT_HOLDER)
		(void)snprintf(v.holder, sizeof(v.holder), "%s", names[dice(w, ARRAY_LEN(names))]);
	else if (w->edits == EDIT_TERM)
		v.term = (v.term + dice(w, 60) - 30) & INT32_MAX;
	if (present(w)->there)
		commit(w, v);
}

/* ---- candidates ---- */

static uint64_t clock_of(const struct world *w, const struct candidate *c)
{
	return w->now + (uint64_t)c->skew;
}

static struct election_lease lease_of(const struct version *v, char uid[static 16], char rv[static 16])
{
	(void)snprintf(uid, 16, "u%" PRIu32, v->uid);
	(void)snprintf(rv, 16, "%" PRIu32, v->rv);
	return (struct election_lease){
		.uid = uid, .rv = rv, .holder = v->holder, .duration_s = v->duration_s, .term = v->term};
}

/* I1: a term belongs to one candidate, once. */
static void claim(struct world *w, uint32_t term)
{
	for (size_t i = 0; i < w->claim_count; i++)
		must(w, w->claims[i] != term || w->edits == EDIT_TERM, "a term twice");
	must(w, w->claim_count < CLAIMS, "too many claims");
	w->claims[w->claim_count++] = term;
}

static bool has_right(const struct world *w, const struct candidate *c)
{
	return !c->gives_up && clock_of(w, c) < election_right_until(c->e);
}

static void check(struct world *w, struct candidate *c)
{
	unsigned int rights = 0;

	if (election_role(c->e) == ELECTION_LEADING && (!c->leads || election_term(c->e) != c->term)) {
		w->handovers += !c->leads;
		c->leads = true;
		c->term = election_term(c->e);
		claim(w, c->term);
	}
	for (size_t i = 0; i < CANDIDATES; i++)
		rights += has_right(w, &w->c[i]);
	must(w, rights <= 1 || w->edits == EDIT_HOLDER, "two have the right to write");
}

static void restart(struct world *w, struct candidate *c)
{
	struct election_options options = {
		.identity = c->identity,
		.lease_duration_ms = DURATION,
		.renew_deadline_ms = DEADLINE,
		.retry_period_ms = RETRY,
		.rng = &c->rng,
		.step = on_step,
		.data = w,
	};

	election_free(c->e);
	c->in_flight = c->leads = c->gives_up = false;
	c->skew = dice(w, 1000000);
	/* as a hostname and a UUID: no two processes share it */
	(void)snprintf(c->identity, sizeof(c->identity), "%c%" PRIu32, c->identity[0], dice(w, 1000000000));
	rng_init_seeded(&c->rng, rng_u64(&w->dice));
	ck_assert_int_eq(election_create(&c->e, &options), 0);
	election_set_fresh(c->e, UINT64_MAX);
	election_set_pressed(c->e, one_in(w, 2));
}

static void send_wish(struct world *w, struct candidate *c)
{
	c->in_flight = true;
	c->answered = false;
	c->timeout_at = w->now + c->wish.timeout_ms;
	c->request = (struct request){
		.pending = true,
		.action = c->wish.action,
		.uid = c->base_uid,
		.rv = c->base_rv,
		.content =
			{
				.there = true,
				.uid = c->base_uid,
				.duration_s = c->wish.duration_s,
				.term = c->wish.term,
			},
	};
	if (!c->wish.release)
		memcpy(c->request.content.holder, c->identity, sizeof(c->identity));
}

static void arrive(struct world *w, struct candidate *c)
{
	c->outcome = apply(w, &c->request);
	c->answer = *present(w);
	c->request.pending = false;
	c->answered = true;
}

static void answer(struct world *w, struct candidate *c, enum election_outcome outcome)
{
	char uid[16];
	char rv[16];
	struct election_lease l = lease_of(&c->answer, uid, rv);

	c->in_flight = false;
	if (outcome == ELECTION_DONE) {
		c->base_uid = c->answer.uid;
		c->base_rv = c->answer.rv;
	}
	election_answered(c->e, outcome, outcome == ELECTION_DONE ? &l : NULL, clock_of(w, c));
}

/* The sender stops waiting; the request may still arrive. */
static void abandon(struct world *w, struct candidate *c)
{
	if (c->request.pending && one_in(w, 2))
		w->late[dice(w, LATE)] = c->request;
	answer(w, c, ELECTION_FAILED);
}

/* The watch goes on, or begins anew somewhere in the past. */
static void show(struct world *w, struct candidate *c)
{
	const struct version *v;
	char uid[16];
	char rv[16];
	struct election_lease l;

	if (one_in(w, 20))
		c->watch_at = w->count - (w->count > 10 ? 10 : w->count);
	else if (one_in(w, 4))
		c->watch_at = w->count - 1;
	if (c->watch_at >= w->count)
		return;
	v = &w->versions[c->watch_at++];
	l = lease_of(v, uid, rv);
	if (v->there)
		election_seen(c->e, &l, clock_of(w, c));
	else
		election_absent(c->e, rv, clock_of(w, c));
}

/* One thing happens to @c. */
static void turn(struct world *w, struct candidate *c)
{
	switch (dice(w, 6)) {
	case 0:
		if (c->in_flight && !c->answered)
			arrive(w, c);
		break;
	case 1:
		if (c->in_flight && c->answered)
			answer(w, c, one_in(w, 30) ? ELECTION_FAILED : c->outcome);
		break;
	case 2:
		show(w, c);
		break;
	case 3:
		if (c->in_flight && w->now >= c->timeout_at)
			abandon(w, c);
		break;
	case 4:
		election_tick(c->e, clock_of(w, c));
		break;
	default:
		if (!c->in_flight && election_next(c->e, &c->wish, clock_of(w, c)))
			send_wish(w, c);
		break;
	}
	check(w, c);
}

static void give_up(struct world *w, struct candidate *c)
{
	c->gives_up = true;
	election_give_up(c->e, clock_of(w, c));
}

static void live(struct world *w, struct candidate *c)
{
	enum election_role role = election_role(c->e);

	if (w->now < c->paused_until) {
		/* what was sent arrives all the same */
		if (c->in_flight && !c->answered && one_in(w, 5))
			arrive(w, c);
		return;
	}
	if (one_in(w, 3000))
		c->paused_until = w->now + dice(w, 60000);
	else if (one_in(w, 2000))
		give_up(w, c);
	else if (one_in(w, 4000) || ((role == ELECTION_LOST || role == ELECTION_OVER) && one_in(w, 50)))
		restart(w, c);
	else
		turn(w, c);
}

static void run(struct world *w, uint64_t seed, enum edits edits)
{
	memset(w, 0, sizeof(*w));
	rng_init_seeded(&w->dice, seed);
	w->seed = seed;
	w->edits = edits;
	w->now = 5000000;
	w->next_uid = 1;
	w->versions[w->count++] = (struct version){
		.there = one_in(w, 2), .rv = 10, .duration_s = 15, .term = INT32_MAX - 20, .holder = "gone"};
	for (size_t i = 0; i < CANDIDATES; i++) {
		w->c[i].identity[0] = (char)('a' + i);
		restart(w, &w->c[i]);
	}
	for (unsigned int i = 0; i < TURNS; i++) {
		w->now += one_in(w, 3) ? dice(w, 100) : 0;
		live(w, &w->c[dice(w, CANDIDATES)]);
		if (one_in(w, 200)) {
			struct request *r = &w->late[dice(w, LATE)];

			if (r->pending)
				(void)apply(w, r);
			r->pending = false;
		}
		if (w->edits != EDIT_NOTHING && one_in(w, 1500))
			edit(w);
	}
	for (size_t i = 0; i < CANDIDATES; i++)
		election_free(w->c[i].e);
}

static void run_many(enum edits edits)
{
	static struct world w;
	unsigned int handovers = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		run(&w, seed, edits);
		handovers += w.handovers;
	}
	ck_assert_uint_gt(handovers, 3 * SEEDS); /* it does change hands */
}

START_TEST(no_two_candidates_share_a_term_or_have_the_right_at_the_same_time)
{
	run_many(EDIT_NOTHING);
}
END_TEST

START_TEST(edits_of_what_does_not_count_change_nothing)
{
	run_many(EDIT_LABELS);
}
END_TEST

START_TEST(edits_of_the_holder_and_deletions_make_no_two_share_a_term)
{
	run_many(EDIT_HOLDER);
}
END_TEST

START_TEST(edits_of_the_term_give_no_two_the_right_at_the_same_time)
{
	run_many(EDIT_TERM);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		no_two_candidates_share_a_term_or_have_the_right_at_the_same_time,
		edits_of_what_does_not_count_change_nothing,
		edits_of_the_holder_and_deletions_make_no_two_share_a_term,
		edits_of_the_term_give_no_two_the_right_at_the_same_time,
	};

	return suite_run("election_random", tests, ARRAY_LEN(tests));
}
