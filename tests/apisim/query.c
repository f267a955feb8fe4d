#include "apisim/query.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apisim/must.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long query_decode(char *text, size_t len, bool plus)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%') {
			int high = len - i > 2 ? hex(text[i + 1]) : -1;
			int low = len - i > 2 ? hex(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -1;
			text[n++] = (char)(high << 4 | low);
			i += 2;
		} else {
			text[n++] = plus && text[i] == '+' ? ' ' : text[i];
		}
	}
	return (long)n;
}

static char *decode_part(char *from, char *to)
{
	long len = query_decode(from, (size_t)(to - from), true);

	if (len >= 0)
		from[len] = '\0';
	else
		*to = '\0';
	return from;
}

void query_parse(struct query *q, const char *text, size_t len)
{
	char *at;
	char *end;

	*q = (struct query){.text = must_copy(text, len)};
	at = q->text;
	end = q->text + len;
	while (at < end && q->count < QUERY_MAX) {
		char *amp = memchr(at, '&', (size_t)(end - at));
		char *stop = amp != NULL ? amp : end;
		char *equals = memchr(at, '=', (size_t)(stop - at));

		if (stop > at) {
			*stop = '\0';
			q->params[q->count].value = equals != NULL ? decode_part(equals + 1, stop) : stop;
			q->params[q->count].key = decode_part(at, equals != NULL ? equals : stop);
			q->count++;
		}
		at = stop + 1;
	}
}

void query_free(struct query *q)
{
	free(q->text);
	*q = (struct query){.text = NULL};
}

const char *query_get(const struct query *q, const char *key)
{
	for (size_t i = 0; i < q->count; i++)
		if (strcmp(q->params[i].key, key) == 0)
			return q->params[i].value;
	return NULL;
}

const char *query_text(const struct query *q, const char *key)
{
	const char *value = query_get(q, key);

	return value != NULL ? value : "";
}

bool query_true(const struct query *q, const char *key)
{
	const char *value = query_get(q, key);

	return value != NULL && strcasecmp(value, "false") != 0 && strcmp(value, "0") != 0;
}
