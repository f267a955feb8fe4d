/**
 * cid_quarantine: CIDs that rest for a while after their last owner has gone.
 *
 * Something on a node may still talk to the old owner's CID for a moment (peers.md: reuse delay). All rest
 * equally long, so a queue in order of arrival is in order of expiry. It lives in memory only and starts
 * empty (I5). A CID that comes in again while it rests starts anew. Pure: the clock is handed in. Not
 * thread-safe.
 */
#ifndef CID_QUARANTINE_H
#define CID_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Most CIDs that rest at the same time (I9); 16 bytes each. */
#define CID_QUARANTINE_MAX (4u << 20)

struct cid_quarantine;

/** @seed: as in cid/cid_set.h. Returns 0 or -ENOMEM. */
int cid_quarantine_create(struct cid_quarantine **out, uint64_t rest_ms, uint64_t seed);

/** From now on all rest for @rest_ms, counted from when they came in, also those that are there already. */
void cid_quarantine_set_rest(struct cid_quarantine *q, uint64_t rest_ms);

/** @cid rests from @now_ms on. Returns 0, -ENOSPC (too many rest), -ENOMEM: then it is not in it, and the
 * caller is to keep it taken for good rather than to free it early. */
int cid_quarantine_add(struct cid_quarantine *q, uint32_t cid, uint64_t now_ms);

/** Somebody owns @cid again: it rests no longer. */
void cid_quarantine_withdraw(struct cid_quarantine *q, uint32_t cid);

/** Takes out one CID that has rested long enough. False: none has. */
bool cid_quarantine_pop(struct cid_quarantine *q, uint64_t now_ms, uint32_t *cid);

/** When the next one will have rested, UINT64_MAX where none rests. */
uint64_t cid_quarantine_next_ms(const struct cid_quarantine *q);

size_t cid_quarantine_count(const struct cid_quarantine *q);

void cid_quarantine_free(struct cid_quarantine *q); /* NULL is fine */

#endif
