/**
 * rng: where random numbers come from, as a value, so that a simulation can replay them from a seed.
 *
 * CIDs are addresses of tenants' machines and are drawn from OpenSSL's CSPRNG; the seeded generator is for
 * tests and for the simulator only. Not thread-safe.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

#define RNG_POOL 32

/** Not to be copied once it is initialised: the copy would give the same numbers. */
struct rng {
	uint64_t (*next)(struct rng *rng);
	unsigned int left; /* secure: of pool, not yet given */
	union {
		uint64_t state[4];       /* seeded */
		uint64_t pool[RNG_POOL]; /* secure: a call of OpenSSL costs as much for one as for all */
	};
};

/** The CSPRNG of OpenSSL. A failure of the CSPRNG aborts: there is no safe answer without it. */
void rng_init_secure(struct rng *rng);

/** xoshiro256** from a seed: the same seed gives the same numbers on every machine. */
void rng_init_seeded(struct rng *rng, uint64_t seed);

/** Uniform over all 64-bit values. */
uint64_t rng_u64(struct rng *rng);

/** Uniform over 0 .. @n - 1, by rejection (no modulo bias). @n must not be 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);

#endif
