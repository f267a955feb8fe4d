/**
 * json_position: where in the grammar a reader is: what must come next, and which containers are open.
 */
#ifndef JSON_POSITION_H
#define JSON_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/reader.h"

/** What the next byte belongs to. White space may stand before all but the last four. */
enum json_expected {
	JSON_FAILED,
	JSON_BETWEEN,          /* top-level values: nothing read of the next one */
	JSON_AT_VALUE,         /* a value must come */
	JSON_AT_FIRST_ELEMENT, /* behind a '[': a value or ']' */
	JSON_AT_FIRST_KEY,     /* behind a '{': a key or '}' */
	JSON_AT_KEY,           /* behind a ',' in an object: a key */
	JSON_AT_COLON,         /* behind a key */
	JSON_AT_NEXT,          /* behind a value: ',' or the closing bracket */
	JSON_IN_KEY,           /* within ... */
	JSON_IN_STRING,
	JSON_IN_NUMBER,
	JSON_IN_LITERAL,
};

#define JSON_POSITION_WORDS ((JSON_READER_MAX_DEPTH + 63) / 64)

struct json_position {
	enum json_expected expected;
	bool in_object; /* the innermost container; it is an array otherwise */
	size_t depth;
	uint64_t containers[JSON_POSITION_WORDS]; /* one bit each, the outermost first; 1 = object */
};

/** Enters a container. Check the depth before. */
static inline void json_position_push(struct json_position *at, bool object)
{
	uint64_t *word = &at->containers[at->depth / 64];
	unsigned int bit = at->depth % 64;

	*word = (*word & ~((uint64_t)1 << bit)) | (uint64_t)object << bit;
	at->depth++;
	at->in_object = object;
}

/** Leaves the innermost container. */
static inline void json_position_pop(struct json_position *at)
{
	size_t outer = --at->depth - 1;

	if (at->depth > 0)
		at->in_object = at->containers[outer / 64] >> outer % 64 & 1;
}

#endif
