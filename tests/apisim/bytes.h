/**
 * bytes: eight bytes of text at a time. A parser and a writer that look at each byte of an object of 6 KB by
 * itself are most of what a write costs.
 */
#ifndef APISIM_BYTES_H
#define APISIM_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the first byte is not the lowest one here"
#endif

#define BYTES_EACH(c) (UINT64_C(0x0101010101010101) * (c))

static inline uint64_t bytes_load(const char *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* Of what these return, the lowest bit that is set belongs to the first such byte (on a machine with little
 * endian). */

/** Not 0 where one of the bytes is @c. */
static inline uint64_t bytes_have(uint64_t v, unsigned char c)
{
	uint64_t x = v ^ BYTES_EACH(c);

	return (x - BYTES_EACH(0x01)) & ~x & BYTES_EACH(0x80);
}

/** Not 0 where one of them is below 0x20. */
static inline uint64_t bytes_have_control(uint64_t v)
{
	return (v - BYTES_EACH(0x20)) & ~v & BYTES_EACH(0x80);
}

/** Not 0 where one of them is 0x7f or above. */
static inline uint64_t bytes_have_high(uint64_t v)
{
	return ((v + BYTES_EACH(0x01)) | v) & BYTES_EACH(0x80);
}

/** How many bytes come before the first one that @found shows: 8 where that is 0. */
static inline size_t bytes_before(uint64_t found)
{
	return found != 0 ? (size_t)__builtin_ctzll(found) / 8 : sizeof(found);
}

#endif
