/**
 * cid_set: a set of CIDs, any 32 bits each, in 4.6 to 7 bytes a member wherever they lie; of the most members
 * that it ever had, for it does not shrink.
 *
 * Random CIDs lie far apart: a compressed bitmap (CRoaring 0.2.66, ordered by stripe) took 71 bytes each for
 * 5,000, 24 for 100,000 and 5 for 1,000,000. This is a hash table with open addressing that grows by halves.
 * Pure; not thread-safe.
 */
#ifndef CID_CID_SET_H
#define CID_CID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cid_set {
	uint32_t *places; /* 0: empty */
	size_t room;
	size_t len;
	uint64_t seed;
	bool has_zero; /* the CID 0 is a member, which has no place */
};

/** @seed: nobody outside should be able to guess it. Returns 0 or -ENOMEM. On success give it to
 * cid_set_close(). */
int cid_set_init(struct cid_set *s, uint64_t seed);
void cid_set_close(struct cid_set *s);

/** 1: added; 0: it was a member already; -ENOMEM. */
int cid_set_add(struct cid_set *s, uint32_t cid);

/** False: it was no member. */
bool cid_set_remove(struct cid_set *s, uint32_t cid);

bool cid_set_has(const struct cid_set *s, uint32_t cid);

static inline size_t cid_set_count(const struct cid_set *s)
{
	return s->len;
}

/** Calls @visit for each member, in no order. @visit may not change the set. */
void cid_set_visit(const struct cid_set *s, void (*visit)(void *data, uint32_t cid), void *data);

#endif
