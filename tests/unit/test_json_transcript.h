/**
 * test_json_transcript: what a json_reader reported, as lines of text that two readings can be compared by.
 *
 *	value <field> <kind>[ cut] [text as inside a JSON string]
 *	end <field>
 *	document
 */
#ifndef TEST_JSON_TRANSCRIPT_H
#define TEST_JSON_TRANSCRIPT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/rng.h"
#include "json/reader.h"

#define TRANSCRIPT_MAX (16 << 20)

struct transcript {
	struct buf text;
	unsigned int calls;
	unsigned int fail_at; /* this call (from 1) fails, 0 = none */
	int failure;          /* with this */
};

static inline void transcript_init(struct transcript *t)
{
	*t = (struct transcript){0};
	buf_init(&t->text, TRANSCRIPT_MAX);
}

static inline void transcript_reset(struct transcript *t)
{
	buf_reset(&t->text);
	t->calls = 0;
}

static inline void transcript_free(struct transcript *t)
{
	buf_free(&t->text);
}

/* Also written by the oracles, hence not on struct json_value alone. */
static inline void transcript_add_value(struct buf *out, int field, enum json_value_kind kind, bool cut,
					const char *text, size_t len)
{
	static const char *const names[] = {
		[JSON_VALUE_NULL] = "null",     [JSON_VALUE_FALSE] = "false",
		[JSON_VALUE_TRUE] = "true",     [JSON_VALUE_NUMBER] = "number",
		[JSON_VALUE_STRING] = "string", [JSON_VALUE_OBJECT] = "object",
		[JSON_VALUE_ARRAY] = "array",
	};

	if (buf_printf(out, "value %d %s%s ", field, names[kind], cut ? " cut" : "") != 0 ||
	    buf_add_json(out, text, len) != 0 || buf_add_str(out, "\n") != 0)
		abort();
}

static inline void transcript_add(struct buf *out, const char *line)
{
	if (buf_add_str(out, line) != 0)
		abort();
}

static inline void transcript_add_end(struct buf *out, int field)
{
	if (buf_printf(out, "end %d\n", field) != 0)
		abort();
}

static inline int transcript_called(struct transcript *t)
{
	return ++t->calls == t->fail_at ? t->failure : 0;
}

static inline int transcript_value(void *data, int field, const struct json_value *value)
{
	struct transcript *t = data;

	if (value->text[value->len] != '\0')
		abort();
	transcript_add_value(&t->text, field, value->kind, value->cut, value->text, value->len);
	return transcript_called(t);
}

static inline int transcript_end(void *data, int field)
{
	struct transcript *t = data;

	transcript_add_end(&t->text, field);
	return transcript_called(t);
}

static inline int transcript_document(void *data)
{
	struct transcript *t = data;

	transcript_add(&t->text, "document\n");
	return transcript_called(t);
}

static const struct json_reader_events transcript_events = {
	.value = transcript_value,
	.end = transcript_end,
	.document = transcript_document,
};

/* Each chunk is a copy of exactly its size on the heap, so that ASan sees a reader that looks further. */
static inline int transcript_feed_copy(struct json_reader *r, const char *bytes, size_t n, struct error *err)
{
	char *copy = malloc(n > 0 ? n : 1);
	int rc;

	if (copy == NULL)
		abort();
	memcpy(copy, bytes, n);
	rc = json_reader_feed(r, copy, n, err);
	free(copy);
	return rc;
}

/* Feeds all of it, @chunk bytes at a time (0: in one piece), until a feed fails. */
static inline int transcript_feed(struct json_reader *r, const char *bytes, size_t n, size_t chunk,
				  struct error *err)
{
	int rc = 0;

	if (chunk == 0)
		return transcript_feed_copy(r, bytes, n, err);
	for (size_t i = 0; i < n && rc == 0; i += chunk)
		rc = transcript_feed_copy(r, bytes + i, n - i < chunk ? n - i : chunk, err);
	return rc;
}

/* Likewise in chunks of 1 .. @max bytes. */
static inline int transcript_feed_random(struct json_reader *r, const char *bytes, size_t n, size_t max,
					 struct rng *rng, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0;) {
		size_t chunk = 1 + rng_below(rng, max);

		chunk = n - i < chunk ? n - i : chunk;
		rc = transcript_feed_copy(r, bytes + i, chunk, err);
		i += chunk;
	}
	return rc;
}

#endif
