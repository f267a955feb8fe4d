/**
 * election_record: what one candidate knows of the Lease, and the arithmetic of terms. Part of
 * kube/election.h.
 *
 * Pure; times are those of election.h.
 */
#ifndef KUBE_ELECTION_RECORD_H
#define KUBE_ELECTION_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "kube/election.h"

enum election_state {
	ELECTION_UNKNOWN, /* not read yet, or not any more */
	ELECTION_ABSENT,
	ELECTION_FREE, /* no holder */
	ELECTION_OURS, /* the holder has our name; that alone is no right to anything */
	ELECTION_HELD, /* somebody else's */
};

struct election_record {
	enum election_state state;
	char rv[RV_SIZE]; /* newest position known, "" before; it stays when the Lease becomes unknown */
	char uid[ELECTION_UID_MAX + 1]; /* of the last object seen, "" before; it stays when that is gone */
	char holder[ELECTION_HOLDER_MAX + 1];
	uint32_t term;
	uint32_t highest; /* term ever seen; on another uid only where it is near */
	uint32_t duration_s;
	char renewed[ELECTION_RENEWED_SIZE];
	uint64_t seen_ms;    /* the last look that brought news */
	uint64_t expires_ms; /* HELD: when it may be taken, if it is not renewed */
	uint32_t looks;      /* that brought news, counted */
};

/** How a look at @rv relates to what is known. */
enum election_age {
	ELECTION_OLDER,
	ELECTION_SAME,
	ELECTION_NEWER,
	ELECTION_UNCLEAR, /* cannot be compared */
};
enum election_age election_record_age(const struct election_record *r, const char *rv);

/** The Lease is as @l shows it; @own_ms: the duration where it names none. */
void election_record_show(struct election_record *r, const struct election_lease *l, const char *identity,
			  uint32_t own_ms, uint64_t now_ms);

/** There is none at @rv; "": at some position after all that are known. */
void election_record_absent(struct election_record *r, const char *rv);

/** Has to be read anew. */
void election_record_forget(struct election_record *r);

/** Is it the object with that uid? */
bool election_record_is(const struct election_record *r, const char *uid);

/** The term is lower than one that was seen before: somebody set it back, or made the Lease anew from an old
 * copy. */
bool election_record_behind(const struct election_record *r);

/** This process raised the term to @term, whatever it was before. */
void election_record_raised(struct election_record *r, uint32_t term);

/** @term and @d more; after 2147483647 comes 0. */
uint32_t election_term_plus(uint32_t term, uint32_t d);

/** @a comes after @b (RFC 1982: within half of all numbers). */
bool election_term_after(uint32_t a, uint32_t b);

#endif
