/**
 * test_json_oracle: what a json_reader should report of a document, found by walking jansson's tree with a
 * plain list of paths: slow, and sharing nothing with the reader.
 */
#ifndef TEST_JSON_ORACLE_H
#define TEST_JSON_ORACLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "unit/test_json_transcript.h"

struct oracle_wish {
	const char *path[JSON_FILTER_MAX_DEPTH + 1];
	int field;
};

struct oracle {
	const struct oracle_wish *wishes;
	size_t count;
	size_t max_text;
	struct buf *out;
	const char *path[JSON_FILTER_MAX_DEPTH + 1]; /* of the value being looked at */
	size_t depth;
};

static inline bool oracle_path_is(const struct oracle *o, const char *const *path)
{
	for (size_t i = 0; i < o->depth; i++) {
		if (path[i] == NULL || (path[i] == JSON_EACH) != (o->path[i] == JSON_EACH) ||
		    strcmp(path[i], o->path[i]) != 0)
			return false;
	}
	return path[o->depth] == NULL;
}

/* The field that wants the value being looked at, or -1. */
static inline int oracle_field(const struct oracle *o)
{
	for (size_t i = 0; i < o->count; i++)
		if (oracle_path_is(o, o->wishes[i].path))
			return o->wishes[i].field;
	return -1;
}

static inline void oracle_text(struct oracle *o, int field, enum json_value_kind kind, const char *text,
			       size_t len)
{
	size_t kept = len <= o->max_text ? len : utf8_cut(text, len, o->max_text);

	transcript_add_value(o->out, field, kind, kept < len, text, kept);
}

static inline void oracle_value(struct oracle *o, int field, const json_t *value)
{
	AUTO_FREE char *number = NULL;

	switch (json_typeof(value)) {
	case JSON_STRING:
		oracle_text(o, field, JSON_VALUE_STRING, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		number = json_dumps(value, JSON_ENCODE_ANY);
		oracle_text(o, field, JSON_VALUE_NUMBER, number, strlen(number));
		break;
	case JSON_OBJECT:
		oracle_text(o, field, JSON_VALUE_OBJECT, "", 0);
		break;
	case JSON_ARRAY:
		oracle_text(o, field, JSON_VALUE_ARRAY, "", 0);
		break;
	case JSON_TRUE:
		oracle_text(o, field, JSON_VALUE_TRUE, "", 0);
		break;
	case JSON_FALSE:
		oracle_text(o, field, JSON_VALUE_FALSE, "", 0);
		break;
	case JSON_NULL:
		oracle_text(o, field, JSON_VALUE_NULL, "", 0);
		break;
	}
}

static inline void oracle_walk(struct oracle *o, json_t *value)
{
	int field = oracle_field(o);
	const char *key;
	json_t *child;
	size_t i;

	if (field >= 0)
		oracle_value(o, field, value);
	if (o->depth < JSON_FILTER_MAX_DEPTH) {
		o->depth++;
		json_object_foreach(value, key, child)
		{
			o->path[o->depth - 1] = key;
			oracle_walk(o, child);
		}
		json_array_foreach(value, i, child)
		{
			o->path[o->depth - 1] = JSON_EACH;
			oracle_walk(o, child);
		}
		o->depth--;
	}
	if (field >= 0 && (json_is_object(value) || json_is_array(value)))
		transcript_add_end(o->out, field);
}

/* Appends to @out what a reader with these wishes should report of the document @value. */
static inline void oracle_document(struct buf *out, const struct oracle_wish *wishes, size_t count,
				   size_t max_text, json_t *value)
{
	struct oracle o = {.wishes = wishes, .count = count, .max_text = max_text, .out = out};

	oracle_walk(&o, value);
	transcript_add(out, "document\n");
}

/* A filter with these wishes. A path that is there twice counts once. */
static inline struct json_filter *oracle_filter(const struct oracle_wish *wishes, size_t count)
{
	struct json_filter *f;

	if (json_filter_create(&f) != 0)
		abort();
	for (size_t i = 0; i < count; i++)
		(void)json_filter_add(f, NULL, wishes[i].path, wishes[i].field);
	return f;
}

#endif
