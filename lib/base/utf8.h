/**
 * utf8: well-formed sequences of UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF).
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** Length in bytes of the sequence at @s, of which @n >= 1 bytes are there; 0 where it is not well-formed. */
size_t utf8_length(const char *s, size_t n);

bool utf8_valid(const char *s, size_t n);

/** The longest prefix of @s, at most @max bytes, that does not end inside a sequence. Bytes that are not
 * UTF-8 count as sequences of one byte. */
size_t utf8_cut(const char *s, size_t n, size_t max);

#endif
