#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define BUF_FIRST_ROOM 256

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_free(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

/* Makes room for @n more bytes and the NUL. */
static int buf_reserve(struct buf *b, size_t n)
{
	size_t room = b->room != 0 ? b->room : BUF_FIRST_ROOM;
	char *data;

	if (n > b->max || b->len > b->max - n)
		return -EMSGSIZE;
	if (b->len + n < b->room)
		return 0;
	while (room <= b->len + n)
		room *= 2;
	data = realloc(b->data, room);
	if (data == NULL)
		return -ENOMEM;
	b->data = data;
	b->room = room;
	return 0;
}

int buf_add(struct buf *b, const void *bytes, size_t n)
{
	int rc = buf_reserve(b, n);

	if (rc != 0)
		return rc;
	if (n > 0)
		memcpy(b->data + b->len, bytes, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

int buf_add_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;
	int rc;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	rc = buf_reserve(b, (size_t)n);
	if (rc != 0)
		return rc;
	va_start(ap, fmt);
	(void)vsnprintf(b->data + b->len, b->room - b->len, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

static int add_json_control(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		return buf_add_str(b, "\\\"");
	case '\\':
		return buf_add_str(b, "\\\\");
	case '\n':
		return buf_add_str(b, "\\n");
	case '\r':
		return buf_add_str(b, "\\r");
	case '\t':
		return buf_add_str(b, "\\t");
	default:
		return buf_printf(b, "\\u%04x", c);
	}
}

static int add_json_sequence(struct buf *b, const unsigned char *s, size_t length)
{
	if (length == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9))
		return buf_add_str(b, s[2] == 0xa8 ? "\\u2028" : "\\u2029");
	return buf_add(b, s, length);
}

int buf_add_json(struct buf *b, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t start = b->len;
	int rc = buf_add(b, "", 0);

	for (size_t i = 0; i < n && rc == 0;) {
		size_t length = utf8_length(text + i, n - i);

		if (length == 0) {
			rc = buf_add_str(b, "\xef\xbf\xbd");
			length = 1;
		} else if (length == 1 && (s[i] < 0x20 || strchr("\"\\<>&", s[i]) != NULL)) {
			rc = add_json_control(b, s[i]);
		} else {
			rc = add_json_sequence(b, s + i, length);
		}
		i += length;
	}
	if (rc != 0 && b->data != NULL) {
		b->len = start;
		b->data[start] = '\0';
	}
	return rc;
}

const char *buf_str(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}

char *buf_steal(struct buf *b)
{
	char *data = b->data;

	buf_init(b, b->max);
	return data;
}
