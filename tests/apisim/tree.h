/**
 * tree: a JSON document as a tree that keeps the literal text of every scalar.
 *
 * jansson cannot serve here: JSON patch `test` compares scalars by the bytes of their text (PAT-5: 79 is not
 * 79.0, "a<b" is not "a\u003cb"), Go accepts what jansson refuses (integers over 64 bits, lone surrogates,
 * bytes that are not UTF-8), and an object is parsed on every write. So a scalar is a slice of the source and
 * costs nothing until somebody asks. Unit tests use jansson as the oracle.
 *
 * Everything lives in an arena and goes with tree_free(); the source text is borrowed for the tree's life.
 * Members of objects are sorted by key (bytes), as Go writes maps; of equal keys the last one stays.
 */
#ifndef APISIM_TREE_H
#define APISIM_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_MAX_DEPTH 10000 /* as encoding/json */

enum node_kind { NODE_NULL, NODE_BOOL, NODE_NUMBER, NODE_STRING, NODE_ARRAY, NODE_OBJECT };

struct member;

struct node {
	enum node_kind kind;
	uint32_t count; /* items or members */
	uint32_t room;
	union {
		struct {
			const char *text; /* literal as in JSON, a string with its quotes */
			size_t len;
		} raw;
		struct node **items;
		struct member *members;
	};
	const char *source; /* of arrays and objects: how they are written, NULL where that is not known; see
			       node_intact() */
	size_t source_len;
};

struct member {
	const char *key; /* decoded, not NUL-terminated */
	uint32_t len;
	uint32_t order; /* place in the source, used while parsing */
	struct node *value;
};

struct tree {
	struct tree_chunk *chunks;
	char *at, *end;
	char error[96]; /* what tree_parse() did not like, in Go's words */
};

void tree_init(struct tree *t);
void tree_free(struct tree *t);
void *tree_alloc(struct tree *t, size_t size);

/** Parses exactly one value with nothing but white space around it. Returns NULL and sets t->error. */
struct node *tree_parse(struct tree *t, const char *text, size_t len);

/** The same for text that tree_write() made: what is not edited afterwards is not written anew but copied. */
struct node *tree_parse_written(struct tree *t, const char *text, size_t len);

/** Neither this array or object nor anything inside was edited since tree_parse_written(). */
bool node_intact(const struct node *n);

/** To be told by who edits members or items other than by the calls below. */
void node_edited(struct node *n);

/** New nodes of @t. Text is copied. */
struct node *node_object(struct tree *t);
struct node *node_array(struct tree *t);
struct node *node_null(struct tree *t);
struct node *node_text(struct tree *t, const char *text, size_t len);
struct node *node_int(struct tree *t, int64_t value);
struct node *node_copy(struct tree *t, const struct node *n);

/** The member @key, NULL where @n is no object or has none. */
struct node *node_get(const struct node *n, const char *key);
struct node *node_find(const struct node *n, const char *key, size_t len);

/** Adds or replaces a member of an object. @key is borrowed for the tree's life (a literal or text in @t). */
void node_set(struct tree *t, struct node *n, const char *key, struct node *value);
void node_put(struct tree *t, struct node *n, const char *key, size_t len, struct node *value);
/** False where there was none. */
bool node_drop(struct node *n, const char *key, size_t len);

/** Array edits; @at within bounds. */
void node_insert(struct tree *t, struct node *n, size_t at, struct node *value);
void node_erase(struct node *n, size_t at);

/** The decoded text of a string (NUL-terminated, in @t); NULL where @n is NULL or no string. */
const char *node_str(struct tree *t, const struct node *n, size_t *len);

/** @n is a string that says @text. */
bool node_is(struct tree *t, const struct node *n, const char *text);

/** An integer literal that fits; false else (also for 1.0). */
bool node_to_int(const struct node *n, int64_t *out);

/** Same values, scalars by their text. */
bool node_equal(const struct node *a, const struct node *b);

/** Bytes that a decoded string may have at most; helper for callers that decode into their own memory.
 * Returns the number of bytes written. @raw without quotes. */
size_t tree_decode_string(const char *raw, size_t len, char *out);

#endif
