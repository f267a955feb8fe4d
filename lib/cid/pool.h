/**
 * cid_pool: which CIDs are taken, and a random free one of the current stripe.
 *
 * A CID is taken while somebody holds it or while it rests after use (cid/quarantine.h); who holds it is not
 * known here. Any 32-bit value can be taken, also one outside the range: foreign writers know no range.
 *
 * Glossary: a *stripe* is the set of CIDs with the same remainder modulo CID_STRIPES; each leader draws from
 * the stripe of its own term, so that leaders fewer than CID_STRIPES terms apart cannot pick the same CID,
 * whatever they have not seen of each other (DESIGN "Term stripes"). *slot* is a CID's place in its stripe:
 * cid / CID_STRIPES.
 *
 * The bitmap is stored transposed, key = stripe << 17 | slot, a bijection on 32 bits: a stripe is one or two
 * containers of CRoaring's, so that counting within it and rebuilding its free set touch nothing else. The
 * free set of the current stripe is kept beside it (cid/slot_set.h), because CRoaring has no "select the r-th
 * value that is absent".
 *
 * How many CIDs of each stripe are used is counted all along, so that questions about other stripes cost
 * next to nothing.
 *
 * Pure: no I/O, no clock; random numbers are handed in. Memory: 128 KiB of counts, 17 KiB of the free set and
 * about 2 bytes a taken CID. CRoaring does not report being out of memory; it ends the process. Not
 * thread-safe.
 */
#ifndef CID_POOL_H
#define CID_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "cid/range.h"

/** K of DESIGN "Term stripes": a power of two, never smaller in a later version, never a setting. */
#define CID_STRIPES 32768u

struct cid_pool;

/** @range is borrowed until cid_pool_free(). The current stripe is 0. Returns 0 or -ENOMEM. */
int cid_pool_create(struct cid_pool **out, const struct cid_range *range);

/** Marks @cid as taken. Returns false where it was taken already. */
bool cid_pool_take(struct cid_pool *p, uint32_t cid);

/** Makes @cid free again. Returns false where it was free already. */
bool cid_pool_release(struct cid_pool *p, uint32_t cid);

bool cid_pool_is_taken(const struct cid_pool *p, uint32_t cid);

/** The stripe that @cid or a term belongs to. */
static inline uint32_t cid_stripe_of(uint32_t value)
{
	return value % CID_STRIPES;
}

/** Later draws come from @stripe (< CID_STRIPES). Costs a walk over the stripe: some 100 us when it is full.
 */
void cid_pool_set_stripe(struct cid_pool *p, uint32_t stripe);

/** A uniformly random free CID of the current stripe, which is then taken. Returns 0 or -ENOSPC (*out
 * untouched). */
int cid_pool_draw(struct cid_pool *p, struct rng *rng, uint32_t *out);

/** CIDs of @stripe that lie in the range, excluded ones too; and how many of them can be given. A few
 * instructions. */
uint32_t cid_pool_stripe_size(const struct cid_pool *p, uint32_t stripe);
uint32_t cid_pool_stripe_free(const struct cid_pool *p, uint32_t stripe);

/** The first stripe after @stripe, wrapping round, with a free CID; @stripe itself comes last. -ENOSPC: none
 * anywhere. Some 50 us where nearly all are full. */
int cid_pool_next_stripe(const struct cid_pool *p, uint32_t stripe, uint32_t *out);

/** Free CIDs of the whole range. */
uint64_t cid_pool_available(const struct cid_pool *p);

/** Compares the counters and the free set with the bitmap, for tests. On false *reason says what is wrong. */
bool cid_pool_validate(const struct cid_pool *p, const char **reason);

void cid_pool_free(struct cid_pool *p); /* NULL is fine */

#endif
