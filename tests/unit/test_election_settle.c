#include "test_election_fixture.h"

/* After any past, however mad, a candidate whose server answers in order has a quiet life: no storm of
 * requests, and sooner or later it leads, unless it has lost or somebody else lives. */

#define SEEDS 3000
#define AFTER 120000 /* two minutes are enough for everything to happen */

static struct rng dice;
static struct election_lease stored;
static bool exists;
static unsigned int version;
static char stored_rv[16];
static unsigned int requests;

static uint32_t below(uint32_t n)
{
	return (uint32_t)rng_below(&dice, n);
}

static struct election_lease any_lease(void)
{
	static const char *const uids[] = {"u", "v"};
	static const char *const rvs[] = {"1", "2", "3", "10", "11", "12", "abc", "abd", ""};
	static const char *const holders[] = {ME, "other", "third", ""};

	return (struct election_lease){
		.uid = uids[below(ARRAY_LEN(uids))],
		.rv = rvs[below(ARRAY_LEN(rvs))],
		.holder = holders[below(ARRAY_LEN(holders))],
		.duration_s = below(20),
		.term = below(2) == 0 ? below(10) : INT32_MAX - below(10),
	};
}

/* A write that is answered as it should be, now and then. */
static struct election_lease any_answer(bool in_flight)
{
	struct election_lease l = any_lease();

	if (in_flight && wish.action != ELECTION_READ && below(2) == 0) {
		l.uid = "u";
		l.holder = wish.release ? "" : ME;
		l.term = wish.term;
	}
	return l;
}

static void mad_past(void)
{
	bool in_flight = false;

	for (unsigned int n = below(60); n > 0; n--) {
		struct election_lease l = any_answer(in_flight);
		enum election_outcome outcome = (enum election_outcome)below(4);

		now += below(3) == 0 ? below(4000) : 0;
		switch (below(7)) {
		case 0:
			election_seen(e, &l, now);
			break;
		case 1:
			election_absent(e, l.rv, now);
			break;
		case 2:
			election_set_fresh(e, now + below(30000));
			break;
		case 3:
			steps = below(70);
			election_set_pressed(e, below(2) == 0);
			break;
		case 4:
			election_tick(e, now);
			break;
		default:
			if (in_flight)
				election_answered(e, outcome, outcome == ELECTION_DONE ? &l : NULL, now);
			in_flight = !in_flight && election_next(e, &wish, now);
			break;
		}
	}
	if (in_flight)
		answer_is(ELECTION_FAILED);
}

static void store(const char *uid, const char *holder, uint32_t term, uint32_t duration_s)
{
	exists = true;
	(void)snprintf(stored_rv, sizeof(stored_rv), "%u", ++version);
	stored = (struct election_lease){
		.uid = uid, .rv = stored_rv, .holder = holder, .duration_s = duration_s, .term = term};
}

static void given_server(void)
{
	version = below(2) == 0 ? 100 : 8 + below(5); /* new, or as seen before */
	exists = false;
	if (below(4) != 0) {
		struct election_lease l = any_lease();

		store(l.uid, l.holder, l.term, l.duration_s);
	}
}

/* The server keeps an own record of what was read or written last, as the shell does. */
static void serve(void)
{
	static unsigned int base;

	requests++;
	if (wish.action == ELECTION_READ && !exists) {
		answer_is(ELECTION_MISSING);
		return;
	}
	if (wish.action == ELECTION_CREATE && exists) {
		answer_is(ELECTION_CONFLICT);
		return;
	}
	if (wish.action == ELECTION_UPDATE && (!exists || base != version)) {
		answer_is(exists ? ELECTION_CONFLICT : ELECTION_MISSING);
		return;
	}
	if (wish.action != ELECTION_READ)
		store(exists ? stored.uid : "w", wish.release ? "" : ME, wish.term, wish.duration_s);
	base = version;
	answer_lease(stored);
}

static void live(uint64_t until)
{
	while (now < until) {
		uint64_t at;

		while (election_next(e, &wish, now)) {
			serve();
			ck_assert_uint_lt(requests, 10000);
		}
		at = election_deadline(e);
		if (at == UINT64_MAX)
			return;
		now = at > now ? at : now + 1;
		election_tick(e, now);
	}
}

START_TEST(after_any_past_it_settles)
{
	unsigned int led = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		given_candidate();
		rng_init_seeded(&dice, seed);
		mad_past();
		election_set_pressed(e, false);
		given_server();
		election_set_fresh(e, UINT64_MAX);
		requests = 0;
		live(now + AFTER);
		ck_assert_msg(requests <= AFTER / RETRY + 40, "seed %llu: %u requests",
			      (unsigned long long)seed, requests);
		if (election_role(e) == ELECTION_STANDBY)
			ck_abort_msg("seed %llu: it still does not lead", (unsigned long long)seed);
		led += election_role(e) == ELECTION_LEADING;
		finish();
	}
	ck_assert_uint_gt(led, SEEDS / 2);
}
END_TEST

START_TEST(after_any_past_it_gives_up)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		given_candidate();
		rng_init_seeded(&dice, seed);
		mad_past();
		given_server();
		requests = 0;
		election_give_up(e, now);
		live(now + AFTER);
		ck_assert_msg(requests <= 20, "seed %llu: %u requests", (unsigned long long)seed, requests);
		ck_assert_msg(election_role(e) == ELECTION_OVER || election_role(e) == ELECTION_LOST,
			      "seed %llu: it still has not given up", (unsigned long long)seed);
		finish();
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		after_any_past_it_settles,
		after_any_past_it_gives_up,
	};

	return suite_run("election_settle", tests, ARRAY_LEN(tests));
}
