/**
 * json_text: the inside of one JSON string, read as it arrives: checked, and unescaped where it is wanted.
 *
 * Escapes and UTF-8 sequences may be cut anywhere between two chunks. A surrogate without its other half
 * becomes U+FFFD, as in Go (RFC 8259 section 8.2 leaves it open). Bytes that are not UTF-8 are a fault.
 */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum json_text_state {
	JSON_TEXT_PLAIN,
	JSON_TEXT_ESCAPE,   /* after a backslash */
	JSON_TEXT_HEX,      /* within \uXXXX */
	JSON_TEXT_SEQUENCE, /* within a UTF-8 sequence of several bytes */
};

struct json_text {
	enum json_text_state state;
	bool cut;          /* out holds only the beginning */
	unsigned int have; /* hex digits, or bytes in sequence[] */
	unsigned int need; /* bytes of the whole sequence */
	char sequence[4];  /* a sequence that is not complete */
	uint32_t code;     /* value of the hex digits so far */
	uint32_t high;     /* a high surrogate that waits for its low one, 0 where there is none */
	struct buf *out;   /* NULL: only check */
	size_t max;        /* most bytes for out */
	const char *fault; /* what is wrong, after -EBADMSG */
};

enum json_text_result {
	JSON_TEXT_MORE,   /* all bytes read, the string goes on */
	JSON_TEXT_CLOSED, /* the closing quote was read */
};

/** Behind the opening quote. @out (borrowed, NULL: only check) is emptied first; at most @max bytes go in. */
void json_text_begin(struct json_text *t, struct buf *out, size_t max);

/** Reads from *@at up to the closing quote or @end, and leaves *@at behind it, or on the byte at fault.
 * Returns a json_text_result, or -EBADMSG or -ENOMEM. */
int json_text_read(struct json_text *t, const char **at, const char *end);

#endif
