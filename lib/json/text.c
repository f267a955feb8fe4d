#include "json/text.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "json/scan.h"

#define REPLACEMENT 0xfffd

/* What a backslash and this byte stand for; 0 where the escape is none of the short ones. */
static const char short_escape[256] = {
	['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
	['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

void json_text_begin(struct json_text *t, struct buf *out, size_t max)
{
	*t = (struct json_text){.out = out, .max = max};
	if (out != NULL)
		buf_reset(out);
}

static int fault(struct json_text *t, const char *what)
{
	t->fault = what;
	return -EBADMSG;
}

/* @n ASCII bytes: they may be cut anywhere. */
static int put_ascii(struct json_text *t, const char *bytes, size_t n)
{
	if (t->out == NULL || t->cut || n == 0)
		return 0;
	if (n > t->max - t->out->len) {
		n = t->max - t->out->len;
		t->cut = true;
	}
	return buf_add(t->out, bytes, n);
}

/* One whole UTF-8 sequence: all of it or nothing. */
static int put_sequence(struct json_text *t, const char *bytes, size_t n)
{
	if (t->out == NULL || t->cut)
		return 0;
	if (n > t->max - t->out->len) {
		t->cut = true;
		return 0;
	}
	return buf_add(t->out, bytes, n);
}

static int put_code(struct json_text *t, uint32_t code)
{
	char s[4];
	size_t n = 0;

	if (code < 0x80) {
		s[n++] = (char)code;
	} else if (code < 0x800) {
		s[n++] = (char)(0xc0 | code >> 6);
		s[n++] = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		s[n++] = (char)(0xe0 | code >> 12);
		s[n++] = (char)(0x80 | (code >> 6 & 0x3f));
		s[n++] = (char)(0x80 | (code & 0x3f));
	} else {
		s[n++] = (char)(0xf0 | code >> 18);
		s[n++] = (char)(0x80 | (code >> 12 & 0x3f));
		s[n++] = (char)(0x80 | (code >> 6 & 0x3f));
		s[n++] = (char)(0x80 | (code & 0x3f));
	}
	return put_sequence(t, s, n);
}

/* What follows is no low surrogate: a high one that waited for it stands alone. */
static int settle_high(struct json_text *t)
{
	if (t->high == 0)
		return 0;
	t->high = 0;
	return put_code(t, REPLACEMENT);
}

/* A complete \uXXXX. */
static int put_escaped(struct json_text *t, uint32_t code)
{
	uint32_t high = t->high;
	int rc;

	if (high != 0 && code >= 0xdc00 && code <= 0xdfff) {
		t->high = 0;
		return put_code(t, 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00));
	}
	rc = settle_high(t);
	if (rc != 0)
		return rc;
	if (code >= 0xd800 && code <= 0xdbff) {
		t->high = code;
		return 0;
	}
	return put_code(t, code >= 0xdc00 && code <= 0xdfff ? REPLACEMENT : code);
}

static int read_escape(struct json_text *t, char c)
{
	char meant = short_escape[(unsigned char)c];
	int rc;

	if (c == 'u') {
		t->state = JSON_TEXT_HEX;
		t->have = 0;
		t->code = 0;
		return 0;
	}
	if (meant == 0)
		return fault(t, "unknown escape in a string");
	t->state = JSON_TEXT_PLAIN;
	rc = settle_high(t);
	return rc != 0 ? rc : put_ascii(t, &meant, 1);
}

static int read_hex(struct json_text *t, char c)
{
	uint32_t digit;

	if (c >= '0' && c <= '9')
		digit = (uint32_t)(c - '0');
	else if (c >= 'a' && c <= 'f')
		digit = (uint32_t)(c - 'a' + 10);
	else if (c >= 'A' && c <= 'F')
		digit = (uint32_t)(c - 'A' + 10);
	else
		return fault(t, "hex digit expected after \\u");
	t->code = t->code << 4 | digit;
	if (++t->have < 4)
		return 0;
	t->state = JSON_TEXT_PLAIN;
	return put_escaped(t, t->code);
}

static int begin_sequence(struct json_text *t, char c)
{
	unsigned char lead = (unsigned char)c;

	if (lead < 0xc2 || lead > 0xf4)
		return fault(t, "no UTF-8 in a string");
	t->need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	t->sequence[0] = c;
	t->have = 1;
	t->state = JSON_TEXT_SEQUENCE;
	return settle_high(t);
}

static int read_sequence(struct json_text *t, char c)
{
	if ((c & 0xc0) != 0x80)
		return fault(t, "UTF-8 sequence cut short in a string");
	t->sequence[t->have++] = c;
	if (t->have < t->need)
		return 0;
	if (utf8_length(t->sequence, t->need) != t->need)
		return fault(t, "no UTF-8 in a string");
	t->state = JSON_TEXT_PLAIN;
	return put_sequence(t, t->sequence, t->need);
}

/* The plain bytes at *@at, and whole escapes and sequences as well where nobody wants the text. */
static int read_plain(struct json_text *t, const char **at, const char *end)
{
	const char *p = *at;

	for (;;) {
		const char *start = p;
		size_t length;
		int rc;

		p = scan_plain(start, end);
		*at = p;
		if (p > start) {
			rc = settle_high(t);
			if (rc == 0)
				rc = put_ascii(t, start, (size_t)(p - start));
			if (rc != 0)
				return rc;
		}
		if (t->out != NULL || end - p < 4)
			return 0;
		if (*p == '\\' && short_escape[(unsigned char)p[1]] != 0)
			p += 2;
		else if ((signed char)*p < 0 && (length = utf8_length(p, 4)) > 0)
			p += length;
		else
			return 0;
	}
}

/* The special byte that ended the plain ones. Returns JSON_TEXT_CLOSED for the quote. */
static int read_special(struct json_text *t, char c)
{
	if (c == '"') {
		int rc = settle_high(t);

		return rc != 0 ? rc : JSON_TEXT_CLOSED;
	}
	if (c == '\\') {
		t->state = JSON_TEXT_ESCAPE;
		return 0;
	}
	if ((signed char)c < 0)
		return begin_sequence(t, c);
	return fault(t, "control character in a string");
}

int json_text_read(struct json_text *t, const char **at, const char *end)
{
	int rc = 0;

	while (*at < end) {
		switch (t->state) {
		case JSON_TEXT_PLAIN:
			rc = read_plain(t, at, end);
			if (rc != 0 || *at == end)
				return rc;
			rc = read_special(t, **at);
			break;
		case JSON_TEXT_ESCAPE:
			rc = read_escape(t, **at);
			break;
		case JSON_TEXT_HEX:
			rc = read_hex(t, **at);
			break;
		case JSON_TEXT_SEQUENCE:
			rc = read_sequence(t, **at);
			break;
		}
		if (rc < 0)
			return rc;
		(*at)++;
		if (rc == JSON_TEXT_CLOSED)
			return rc;
	}
	return JSON_TEXT_MORE;
}
