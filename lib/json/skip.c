#include "json/skip.h"

#include <string.h>

#include "json/scan.h"

/* Behind the string that begins at @p; NULL where it is not easy. */
static inline const char *skip_string(const char *p, const char *end)
{
	if (*p != '"')
		return NULL;
	p = scan_plain(p + 1, end);
	return p < end && *p == '"' ? p + 1 : NULL;
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

static inline const char *skip_literal(const char *p, const char *end)
{
	if (end - p < 5)
		return NULL;
	if (memcmp(p, "true", 4) == 0 || memcmp(p, "null", 4) == 0)
		return p + 4;
	return memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
}

static inline const char *skip_scalar(const char *p, const char *end)
{
	if (*p == '"')
		return skip_string(p, end);
	if (*p >= '0' && *p <= '9')
		return skip_integer(p, end);
	return skip_literal(p, end);
}

static inline const char *skip_space(const char *p, const char *end)
{
	return p < end && (unsigned char)*p <= ' ' ? scan_space(p, end) : p;
}

static inline const char *skip_colon(struct json_position *at, const char *p)
{
	if (*p != ':')
		return NULL;
	at->expected = JSON_AT_VALUE;
	return p + 1;
}

static inline const char *skip_comma(struct json_position *at, const char *p)
{
	if (*p != ',')
		return NULL;
	at->expected = at->in_object ? JSON_AT_KEY : JSON_AT_VALUE;
	return p + 1;
}

static inline const char *skip_close(struct json_position *at, size_t floor, const char *p)
{
	if (at->depth - 1 == floor)
		return NULL;
	json_position_pop(at);
	at->expected = JSON_AT_NEXT;
	return p + 1;
}

static inline const char *skip_open(struct json_position *at, const char *p)
{
	if (at->depth == JSON_READER_MAX_DEPTH)
		return NULL;
	json_position_push(at, *p == '{');
	at->expected = at->in_object ? JSON_AT_FIRST_KEY : JSON_AT_FIRST_ELEMENT;
	return p + 1;
}

static inline const char *skip_value(struct json_position *at, const char *p, const char *end)
{
	if (*p == '{' || *p == '[')
		return skip_open(at, p);
	p = skip_scalar(p, end);
	if (p == NULL)
		return NULL;
	at->expected = JSON_AT_NEXT;
	return p < end && *p == ',' ? skip_comma(at, p) : p;
}

static inline const char *skip_key(struct json_position *at, const char *p, const char *end)
{
	p = skip_string(p, end);
	if (p == NULL)
		return NULL;
	at->expected = JSON_AT_COLON;
	return p < end && *p == ':' ? skip_colon(at, p) : p;
}

/* One token, or two where the second is nearly always there. NULL where it is not easy. */
static inline const char *skip_token(struct json_position *at, size_t floor, const char *p, const char *end)
{
	char close = at->in_object ? '}' : ']';

	switch (at->expected) {
	case JSON_AT_FIRST_KEY:
	case JSON_AT_FIRST_ELEMENT:
		if (*p == close)
			return skip_close(at, floor, p);
		if (at->in_object)
			return skip_key(at, p, end);
		return skip_value(at, p, end);
	case JSON_AT_KEY:
		return skip_key(at, p, end);
	case JSON_AT_COLON:
		return skip_colon(at, p);
	case JSON_AT_VALUE:
		return skip_value(at, p, end);
	case JSON_AT_NEXT:
		if (*p == close)
			return skip_close(at, floor, p);
		return skip_comma(at, p);
	default:
		return NULL;
	}
}

const char *json_skip(struct json_position *at, size_t floor, const char *p, const char *end)
{
	for (;;) {
		const char *next;

		p = skip_space(p, end);
		if (p == end)
			return p;
		next = skip_token(at, floor, p, end);
		if (next == NULL)
			return p;
		p = next;
	}
}
