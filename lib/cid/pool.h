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
 * How many CIDs of each stripe are used is counted all along, so that questions about other stripes cost next
 * to nothing; the free ones of the current stripe are kept as a bitmap from which the r-th can be taken.
 *
 * Pure: no I/O, no clock; random numbers are handed in. Memory: 144 KiB, and some 6 bytes a taken CID. Not
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

/** @range is borrowed until cid_pool_free(); @seed: as in cid/cid_set.h. The current stripe is 0. Returns 0
 * or -ENOMEM. */
int cid_pool_create(struct cid_pool **out, const struct cid_range *range, uint64_t seed);

/** From now on @range counts, borrowed like the one before; what is taken stays taken, also where it lies
 * outside. Costs a look at each taken CID: 10 ms with 1,000,000. */
void cid_pool_set_range(struct cid_pool *p, const struct cid_range *range);

/** Marks @cid as taken: 1; 0: it was taken already; -ENOMEM: it is not. */
int cid_pool_take(struct cid_pool *p, uint32_t cid);

/** Makes @cid free again. Returns false where it was free already. */
bool cid_pool_release(struct cid_pool *p, uint32_t cid);

bool cid_pool_is_taken(const struct cid_pool *p, uint32_t cid);

/** The stripe that @cid or a term belongs to. */
static inline uint32_t cid_stripe_of(uint32_t value)
{
	return value % CID_STRIPES;
}

/** Later draws come from @stripe (< CID_STRIPES). Costs a look at each CID of the stripe, or at all that are
 * taken where those are fewer: 3.4 ms in the default range with 1,000,000 taken (tests/bench/micro). */
void cid_pool_set_stripe(struct cid_pool *p, uint32_t stripe);

/** A uniformly random free CID of the current stripe; it stays free until it is taken. Returns 0 or -ENOSPC
 * (*out untouched). */
int cid_pool_draw(const struct cid_pool *p, struct rng *rng, uint32_t *out);

/** CIDs of @stripe that lie in the range, excluded ones too; and how many of them can be given. A few
 * instructions. */
uint32_t cid_pool_stripe_size(const struct cid_pool *p, uint32_t stripe);
uint32_t cid_pool_stripe_free(const struct cid_pool *p, uint32_t stripe);

/** The first stripe after @stripe, wrapping round, with a free CID; @stripe itself comes last. -ENOSPC: none
 * anywhere. Some 50 us where nearly all are full. */
int cid_pool_next_stripe(const struct cid_pool *p, uint32_t stripe, uint32_t *out);

/** Free CIDs of the whole range. */
uint64_t cid_pool_available(const struct cid_pool *p);

/** Compares the counters and the free set with what is taken, for tests. On false *reason says what is wrong.
 */
bool cid_pool_validate(const struct cid_pool *p, const char **reason);

void cid_pool_free(struct cid_pool *p); /* NULL is fine */

#endif
