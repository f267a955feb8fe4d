#include "kube/election_record.h"

#include <string.h>

#include "base/utf8.h"

#define TERM_MASK UINT32_C(0x7fffffff)
#define TERM_HALF (UINT32_C(1) << 30)

/* A duration in the record that is longer than this, and than our own, was not meant: it would lock everybody
 * out. Taking such a Lease early is safe: its holder's right ends by its own clock, and terms keep the writes
 * apart (I1). */
#define LONGEST_DURATION_MS UINT64_C(600000)

/* A Lease that is made anew starts at a random term, and then there is nothing to be behind of. One that is a
 * little lower than what was in use is an old copy. */
#define NEAR_TERMS UINT32_C(65536)

uint32_t election_term_plus(uint32_t term, uint32_t d)
{
	return (term + d) & TERM_MASK;
}

bool election_term_after(uint32_t a, uint32_t b)
{
	uint32_t ahead = (a - b) & TERM_MASK;

	return ahead != 0 && ahead < TERM_HALF;
}

enum election_age election_record_age(const struct election_record *r, const char *rv)
{
	int order;

	if (r->rv[0] == '\0')
		return r->state == ELECTION_UNKNOWN ? ELECTION_NEWER : ELECTION_UNCLEAR;
	if (rv[0] == '\0' || !rv_compare(rv, r->rv, &order))
		return ELECTION_UNCLEAR;
	if (order == 0) /* seen before, but not known any more */
		return r->state == ELECTION_UNKNOWN ? ELECTION_NEWER : ELECTION_SAME;
	return order < 0 ? ELECTION_OLDER : ELECTION_NEWER;
}

bool election_record_is(const struct election_record *r, const char *uid)
{
	return r->uid[0] != '\0' && strcmp(r->uid, uid) == 0;
}

static enum election_state state_of(const char *holder, const char *identity)
{
	if (holder[0] == '\0')
		return ELECTION_FREE;
	return strcmp(holder, identity) == 0 ? ELECTION_OURS : ELECTION_HELD;
}

static void copy_cut(char *out, size_t room, const char *text)
{
	size_t n = utf8_cut(text, strlen(text), room - 1);

	memcpy(out, text, n);
	out[n] = '\0';
}

static bool is_old_copy(const struct election_record *r, uint32_t term)
{
	return r->uid[0] != '\0' && ((r->highest - term) & TERM_MASK) < NEAR_TERMS;
}

static void note_highest(struct election_record *r, const struct election_lease *l)
{
	bool after = election_term_after(l->term, r->highest);

	if (election_record_is(r, l->uid) ? after : after || !is_old_copy(r, l->term))
		r->highest = l->term;
}

/* Somebody has written the Lease as a leader does. Labels and annotations are no sign of life. */
static bool is_renewal(const struct election_record *r, const struct election_lease *l, const char *renewed)
{
	return renewed[0] == '\0' || strcmp(renewed, r->renewed) != 0 || !election_record_is(r, l->uid) ||
	       strcmp(l->holder, r->holder) != 0 || l->term != r->term || l->duration_s != r->duration_s;
}

void election_record_show(struct election_record *r, const struct election_lease *l, const char *identity,
			  uint32_t own_ms, uint64_t now_ms)
{
	uint64_t duration_ms = l->duration_s != 0 ? (uint64_t)l->duration_s * 1000 : own_ms;
	uint64_t longest_ms = own_ms < LONGEST_DURATION_MS ? LONGEST_DURATION_MS : own_ms;
	char renewed[ELECTION_RENEWED_SIZE];

	copy_cut(renewed, sizeof(renewed), l->renewed != NULL ? l->renewed : "");
	if (r->state != ELECTION_HELD || is_renewal(r, l, renewed))
		r->expires_ms = now_ms + (duration_ms < longest_ms ? duration_ms : longest_ms);
	memcpy(r->renewed, renewed, sizeof(renewed));
	note_highest(r, l);
	r->term = l->term;
	r->duration_s = l->duration_s;
	/* A uid that is too long is equal to none: nothing can be written over it, so nobody leads by it. */
	copy_cut(r->uid, sizeof(r->uid), strlen(l->uid) < sizeof(r->uid) ? l->uid : "");
	copy_cut(r->holder, sizeof(r->holder), l->holder);
	rv_read(r->rv, l->rv, strlen(l->rv));
	r->state = state_of(l->holder, identity);
	r->seen_ms = now_ms;
	r->looks++;
}

void election_record_absent(struct election_record *r, const char *rv)
{
	r->state = ELECTION_ABSENT;
	r->holder[0] = '\0';
	if (rv[0] != '\0')
		rv_read(r->rv, rv, strlen(rv));
	r->looks++;
}

void election_record_forget(struct election_record *r)
{
	r->state = ELECTION_UNKNOWN;
	r->holder[0] = '\0';
}

bool election_record_behind(const struct election_record *r)
{
	return r->term != r->highest;
}

void election_record_raised(struct election_record *r, uint32_t term)
{
	r->highest = election_term_after(r->term, term) ? r->term : term;
}
