#include "base/rng.h"

#include <openssl/rand.h>
#include <stdlib.h>

static uint64_t rng_next_secure(struct rng *rng)
{
	uint64_t value;

	if (rng->left == 0) {
		if (RAND_bytes((unsigned char *)rng->pool, sizeof(rng->pool)) != 1)
			abort();
		rng->left = RNG_POOL;
	}
	value = rng->pool[--rng->left];
	rng->pool[rng->left] = 0; /* what was given is nowhere to be read again */
	return value;
}

void rng_init_secure(struct rng *rng)
{
	*rng = (struct rng){.next = rng_next_secure};
}

static uint64_t rotate_left(uint64_t x, unsigned int k)
{
	return x << k | x >> (64 - k);
}

/* xoshiro256** 1.0 (Blackman, Vigna; public domain algorithm). */
static uint64_t rng_next_seeded(struct rng *rng)
{
	uint64_t *s = rng->state;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

/* splitmix64: spreads a small seed over the state, never all zero. */
static uint64_t splitmix64(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void rng_init_seeded(struct rng *rng, uint64_t seed)
{
	rng->next = rng_next_seeded;
	for (int i = 0; i < 4; i++)
		rng->state[i] = splitmix64(&seed);
}

uint64_t rng_u64(struct rng *rng)
{
	return rng->next(rng);
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
	uint64_t unfair = -n % n; /* 2^64 mod n: values below it would favour the small results */
	uint64_t value;

	do
		value = rng->next(rng);
	while (value < unfair);
	return value % n;
}
