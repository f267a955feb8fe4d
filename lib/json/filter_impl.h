/**
 * The inside of a json_filter, shared with the reader: a tree with one node for each step of a wanted path.
 */
#ifndef JSON_FILTER_IMPL_H
#define JSON_FILTER_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "json/filter.h"

#define JSON_NODE_UNWANTED (-1)

struct json_node {
	struct json_node *next;    /* the next member of the same parent */
	struct json_node *members; /* children by key */
	struct json_node *each;    /* the child for elements, NULL where none is wanted */
	uint64_t member_lengths;   /* bit n: of n % 64 bytes is the key of a member */
	int field;                 /* JSON_NODE_UNWANTED: only a step on the way */
	bool whole;                /* what is there is wanted as text; it has no children */
	size_t key_len;
	char key[]; /* NUL-terminated */
};

struct json_filter {
	struct json_node *root;
	size_t longest_key;
};

/** The child of @node for that key, or NULL. A few keys a node: a list is quicker than anything clever. */
static inline const struct json_node *json_node_member(const struct json_node *node, const char *key,
						       size_t len)
{
	const struct json_node *child = node->members;

	/* Most keys are nobody's. */
	if ((node->member_lengths >> len % 64 & 1) == 0)
		return NULL;
	while (child != NULL && (child->key_len != len || memcmp(child->key, key, len) != 0))
		child = child->next;
	return child;
}

#endif
