/**
 * scan: how far a string goes on without anything to look at.
 *
 * Nearly all bytes of a list lie inside strings, so this loop decides the reader's speed. 16 bytes at a time
 * with SSE2 (every x86-64 has it), else 8 in a plain word.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/** True for the bytes of a string that need a look: quote, backslash, controls, and all that is not ASCII. */
static inline bool scan_is_special(char c)
{
	return (signed char)c < 0x20 || c == '"' || c == '\\';
}

/** The first special byte in [@p, @end), or @end. Any machine. */
static inline const char *scan_plain_words(const char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101;
	const uint64_t tops = ones * 0x80;

	/* A byte of (x - ones) & ~x has its top bit set where x is 0, and above such a byte perhaps by its
	 * borrow: enough to know that a word holds one, whatever the byte order. */
	for (; end - p >= 8; p += 8) {
		uint64_t word;
		uint64_t quote;
		uint64_t backslash;

		memcpy(&word, p, sizeof(word));
		quote = word ^ ones * '"';
		backslash = word ^ ones * '\\';
		if ((((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | (word - ones * 0x20) |
		     word) &
		    tops)
			break;
	}
	while (p < end && !scan_is_special(*p))
		p++;
	return p;
}

#ifdef __SSE2__

static inline unsigned int scan_specials_16(const char *p)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	__m128i other = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)); /* signed: also 0x80 and over */

	return (unsigned int)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), other));
}

/** The same, as fast as this machine can. */
static inline const char *scan_plain(const char *p, const char *end)
{
	for (; end - p >= 16; p += 16) {
		unsigned int specials = scan_specials_16(p);

		if (specials != 0)
			return p + __builtin_ctz(specials);
	}
	return scan_plain_words(p, end);
}

#else

static inline const char *scan_plain(const char *p, const char *end)
{
	return scan_plain_words(p, end);
}

#endif

/** How many bytes scan_near() looks at. */
#define SCAN_NEAR 16

/** The first special byte of the SCAN_NEAR bytes at @p, or NULL: most strings are short. */
static inline const char *scan_near(const char *p)
{
#ifdef __SSE2__
	unsigned int specials = scan_specials_16(p);

	return specials != 0 ? p + __builtin_ctz(specials) : NULL;
#else
	const char *special = scan_plain_words(p, p + SCAN_NEAR);

	return special != p + SCAN_NEAR ? special : NULL;
#endif
}

/** scan_plain() out of line, for where it is seldom needed. */
__attribute__((noinline, unused)) static const char *scan_far(const char *p, const char *end)
{
	return scan_plain(p, end);
}

/** scan_plain() that is quick where the special byte is near. */
static inline const char *scan_short(const char *p, const char *end)
{
	const char *near = end - p >= SCAN_NEAR ? scan_near(p) : NULL;

	return near != NULL ? near : scan_far(p, end);
}

static inline bool scan_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/** The first byte in [@p, @end) that is no white space, or @end. */
static inline const char *scan_space(const char *p, const char *end)
{
	while (p < end && scan_is_space(*p))
		p++;
	return p;
}

#endif
