/**
 * must: memory that does not fail. apisim is a test tool with bounded inputs: where the machine has no memory
 * left, ending with a clear line beats an error path in every function that builds an answer.
 */
#ifndef APISIM_MUST_H
#define APISIM_MUST_H

#include <stddef.h>

#include "base/buf.h"

void *must_alloc(size_t size); /* zeroed */
void *must_realloc(void *p, size_t size);
char *must_copy(const char *text, size_t len); /* NUL-terminated copy */

/** A buffer of any size. Add with must_add() and must_text(). */
void must_buf(struct buf *b);
void must_add(struct buf *b, const void *bytes, size_t n);
void must_text(struct buf *b, const char *text);
void must_number(struct buf *b, unsigned long long n);
/** As the inside of a JSON string, escaped as Go does (PAT-5). */
void must_json(struct buf *b, const char *text, size_t n);
void must_printf(struct buf *b, const char *fmt, ...) PRINTF_FORMAT(2, 3);

#endif
