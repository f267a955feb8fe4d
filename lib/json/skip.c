#include "json/skip.h"

#include <string.h>

#include "json/scan.h"

/* What may be looked at without asking for the end each time: the first bytes of a string, which are scanned
 * at once, and some bytes around it. */
#define MARGIN 32

/* The first special byte of the string whose inside begins at @p, or @end. */
static inline const char *string_end(const char *p, const char *end)
{
	const char *near = scan_near(p);

	return near != NULL ? near : scan_far(p + SCAN_NEAR, end);
}

static inline const char *skip_integer(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p == end || *p == '.' || *p == 'e' || *p == 'E' || (*start == '0' && p - start > 1))
		return NULL;
	return p;
}

/* Behind the number or literal that begins at @p; NULL where it is not easy. */
static inline const char *skip_word(const char *p, const char *end)
{
	if (*p >= '0' && *p <= '9')
		return skip_integer(p, end);
	if (memcmp(p, "true", 4) == 0 || memcmp(p, "null", 4) == 0)
		return p + 4;
	return memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
}

/* The open containers, as far as they are in one word of the position: pushing and popping is a shift. */
struct nest {
	size_t index;   /* of the word */
	uint64_t word;  /* bit set: an object */
	uint64_t inner; /* the bit of the innermost container; 0: that is in the word before */
	uint64_t floor; /* of the one at which skipping ends, or 0 */
};

#define NEST_LAST ((uint64_t)1 << 63)

static inline struct nest nest_load(const struct json_position *at, size_t floor)
{
	size_t index = (at->depth - 1) / 64;

	return (struct nest){
		.index = index,
		.word = at->containers[index],
		.inner = (uint64_t)1 << (at->depth - 1) % 64,
		.floor = index == (floor - 1) / 64 ? (uint64_t)1 << (floor - 1) % 64 : 0,
	};
}

static inline void nest_store(const struct nest *n, struct json_position *at)
{
	at->containers[n->index] = n->word;
	at->depth = n->index * 64 + (n->inner != 0 ? (size_t)__builtin_ctzll(n->inner) + 1 : 0);
	at->in_object = at->containers[(at->depth - 1) / 64] >> (at->depth - 1) % 64 & 1;
}

/* Reads what is easy of a value that is more than a string. Each label is a state, and what must come next is
 * where we are: it is written down only where we leave. That is why this is one function, and why it jumps.
 */
static const char *skip_nested(struct json_position *at, size_t floor, const char *p, const char *end)
{
	const char *limit = end - MARGIN;
	struct nest n = nest_load(at, floor);
	const char *next;

	if (at->expected == JSON_AT_VALUE)
		goto value;
	if (at->expected == JSON_AT_NEXT)
		goto behind_value;
key:
	at->expected = JSON_AT_KEY;
	if (p >= limit || *p != '"')
		goto leave;
	next = string_end(p + 1, end);
	if (next >= limit || next[0] != '"' || next[1] != ':')
		goto leave;
	p = next + 2;
value:
	at->expected = JSON_AT_VALUE;
	if (p >= limit)
		goto leave;
	if (*p == '"') {
		next = string_end(p + 1, end);
		if (next >= limit || *next != '"')
			goto leave;
		p = next + 1;
	} else if (*p == '{') {
		if (p[1] == '"' && n.inner != NEST_LAST) {
			n.inner <<= 1;
			n.word |= n.inner;
			p++;
			goto key;
		}
		if (p[1] != '}')
			goto leave;
		p += 2;
	} else if (*p == '[') {
		if (p[1] > ' ' && p[1] != ']' && n.inner != NEST_LAST) {
			n.inner <<= 1;
			n.word &= ~n.inner;
			p++;
			goto value;
		}
		if (p[1] != ']')
			goto leave;
		p += 2;
	} else {
		next = skip_word(p, end);
		if (next == NULL)
			goto leave;
		p = next;
	}
behind_value:
	at->expected = JSON_AT_NEXT;
	if (p >= limit || n.inner == n.floor)
		goto leave;
	if (*p == ',') {
		p++;
		if ((n.word & n.inner) != 0)
			goto key;
		goto value;
	}
	if (*p == ((n.word & n.inner) != 0 ? '}' : ']')) {
		p++;
		n.inner >>= 1;
		goto behind_value;
	}
leave:
	nest_store(&n, at);
	return p;
}

const char *json_skip(struct json_position *at, size_t floor, const char *p, const char *end)
{
	if (end - p <= MARGIN)
		return p;
	if (at->depth > floor) {
		/* What is first in a container can be its end. */
		bool first = at->expected == JSON_AT_FIRST_KEY || at->expected == JSON_AT_FIRST_ELEMENT;

		return first || at->expected == JSON_AT_COLON ? p : skip_nested(at, floor, p, end);
	}
	if (at->expected != JSON_AT_VALUE)
		return p;
	if (*p == '"') {
		const char *quote = string_end(p + 1, end);

		if (quote == end || *quote != '"')
			return p;
		at->expected = JSON_AT_NEXT;
		return quote + 1;
	}
	return skip_nested(at, floor, p, end);
}
