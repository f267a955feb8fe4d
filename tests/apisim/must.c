#include "apisim/must.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int ok)
{
	if (!ok) {
		fputs("apisim: out of memory\n", stderr);
		abort();
	}
}

void *must_alloc(size_t size)
{
	void *p = calloc(1, size > 0 ? size : 1);

	must(p != NULL);
	return p;
}

void *must_realloc(void *p, size_t size)
{
	void *q = realloc(p, size > 0 ? size : 1);

	must(q != NULL);
	return q;
}

char *must_copy(const char *text, size_t len)
{
	char *copy = must_alloc(len + 1);

	if (len > 0)
		memcpy(copy, text, len);
	return copy;
}

void must_buf(struct buf *b)
{
	buf_init(b, SIZE_MAX / 4);
}

void must_add(struct buf *b, const void *bytes, size_t n)
{
	must(buf_add(b, bytes, n) == 0);
}

void must_text(struct buf *b, const char *text)
{
	must(buf_add_str(b, text) == 0);
}

void must_number(struct buf *b, unsigned long long n)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	must_add(b, digits + at, sizeof(digits) - at);
}

void must_json(struct buf *b, const char *text, size_t n)
{
	must(buf_add_json(b, text, n) == 0);
}

void must_printf(struct buf *b, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	must(n >= 0);
	must_add(b, text, (size_t)n);
	free(text);
}
