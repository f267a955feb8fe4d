/**
 * json_filter: which members of a JSON document are wanted, compiled once, used by many readers.
 *
 * A path is an array of keys from the top of a value down, ended by NULL; JSON_EACH stands for "every element
 * of this array". The path {"items", JSON_EACH, "metadata", "name", NULL} names the name of every item;
 * {NULL} names the value itself. Keys are compared byte by byte after unescaping (no case folding: an API
 * server writes its own spelling). Immutable while a reader uses it; any number of readers may share one.
 */
#ifndef JSON_FILTER_H
#define JSON_FILTER_H

#include <stddef.h>

#include "base/error.h"

/** Matches every element of an array. (No object key: a key is compared as text, this one by its address.) */
extern const char json_each[];
#define JSON_EACH json_each

/** As the last step of a path: the object or array before it is wanted as a whole, and reported once, where
 * it ends, with its text. For values that are small and not known member by member. No path can go on below
 * it.
 */
extern const char json_whole[];
#define JSON_WHOLE json_whole

/** Paths deeper than this are refused. */
#define JSON_FILTER_MAX_DEPTH 16

/** A wanted value by its path from some top, for tables of what a decoder wants. */
struct json_field {
	int id; /* >= 0 */
	const char *const *path;
};

struct json_filter;

/** An empty filter. Returns 0 or -ENOMEM. On success give *out to json_filter_free(). */
int json_filter_create(struct json_filter **out);

/** Wants the value at @prefix followed by @path; both NULL-terminated, @prefix may be NULL. @field (>= 0) is
 * handed to the reader's callbacks. Keys are copied, but JSON_EACH. Returns 0, -ENOMEM, -EEXIST (that path is
 * wanted already, or as a part of a whole one), -E2BIG (too deep). */
int json_filter_add(struct json_filter *f, const char *const *prefix, const char *const *path, int field);

void json_filter_free(struct json_filter *f); /* NULL is fine */

#endif
