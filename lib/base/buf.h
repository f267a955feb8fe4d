/**
 * buf: a growable byte buffer with a hard cap (I9: nothing grows without a bound).
 *
 * A zeroed struct buf with a cap is valid. Content is always followed by a NUL that len does not count, so it
 * can be read as a C string. A failed add leaves the content as it was. Not thread-safe.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "base/macros.h"

struct buf {
	char *data; /* NULL until the first add */
	size_t len;
	size_t room; /* allocated bytes */
	size_t max;  /* cap on len */
};

/** @max: most bytes that it will ever hold. */
void buf_init(struct buf *b, size_t max);

/** Frees the content; the buffer can be used again with the same cap. */
void buf_free(struct buf *b);

/** Forgets the content, keeps the memory. */
void buf_reset(struct buf *b);

/** Appends @n bytes. Returns 0, -EMSGSIZE (over the cap), -ENOMEM. */
int buf_add(struct buf *b, const void *bytes, size_t n);

/** Appends a C string. Errors as buf_add(). */
int buf_add_str(struct buf *b, const char *s);

/** Appends formatted text. Errors as buf_add(). */
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF_FORMAT(2, 3);

/** Appends @n bytes of UTF-8 text as the inside of a JSON string (no quotes around it), escaped so that it
 * equals what Go's encoder writes (PAT-5: < > & U+2028 U+2029 as lower-case \u escapes). Bytes that are not
 * UTF-8 become U+FFFD. */
int buf_add_json(struct buf *b, const char *text, size_t n);

/** The content as a C string; "" while empty. Borrowed until the next change. */
const char *buf_str(const struct buf *b);

/** Hands the content over: free() it. NULL when empty. The buffer is empty afterwards. */
char *buf_steal(struct buf *b);

static inline void buf_cleanup(struct buf *b)
{
	buf_free(b);
}

/** A local struct buf that is freed when it leaves its scope. */
#define AUTO_BUF __attribute__((cleanup(buf_cleanup)))

#endif
