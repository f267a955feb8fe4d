/**
 * hash: seeded hashes for tables, so that nobody outside can aim at one bucket.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

/** The finalizer of MurmurHash3: every bit of the key reaches every bit of the hash. */
static inline uint64_t hash_u64(uint64_t seed, uint64_t key)
{
	uint64_t h = key ^ seed;

	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

/** FNV-1a, seeded and finalized. */
static inline uint64_t hash_str(uint64_t seed, const char *key)
{
	uint64_t h = 0xcbf29ce484222325u ^ seed;

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3u;
	return hash_u64(seed, h);
}

#endif
