#include "json/filter.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "json/filter_impl.h"

const char json_each[] = "[]";
const char json_whole[] = "{}";

static struct json_node *node_create(const char *key)
{
	size_t len = strlen(key);
	struct json_node *node = calloc(1, sizeof(*node) + len + 1);

	if (node == NULL)
		return NULL;
	node->field = JSON_NODE_UNWANTED;
	node->key_len = len;
	memcpy(node->key, key, len + 1);
	return node;
}

/* Recursion ends: a tree is at most JSON_FILTER_MAX_DEPTH deep. */
static void node_free(struct json_node *node)
{
	if (node == NULL)
		return;
	for (struct json_node *child = node->members; child != NULL;) {
		struct json_node *next = child->next;

		node_free(child);
		child = next;
	}
	node_free(node->each);
	free(node);
}

/* The child of @node for @step, created where it is missing; NULL without memory. */
static struct json_node *node_step(struct json_filter *f, struct json_node *node, const char *step)
{
	struct json_node **link = &node->members;

	if (step == JSON_EACH) {
		if (node->each == NULL)
			node->each = node_create("");
		return node->each;
	}
	while (*link != NULL && strcmp((*link)->key, step) != 0)
		link = &(*link)->next;
	if (*link == NULL)
		*link = node_create(step);
	if (*link == NULL)
		return NULL;
	node->member_lengths |= (uint64_t)1 << (*link)->key_len % 64;
	if ((*link)->key_len > f->longest_key)
		f->longest_key = (*link)->key_len;
	return *link;
}

static size_t path_length(const char *const *path)
{
	size_t n = 0;

	while (path != NULL && path[n] != NULL)
		n++;
	return n;
}

int json_filter_create(struct json_filter **out)
{
	struct json_filter *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -ENOMEM;
	f->root = node_create("");
	if (f->root == NULL) {
		free(f);
		return -ENOMEM;
	}
	*out = f;
	return 0;
}

int json_filter_add(struct json_filter *f, const char *const *prefix, const char *const *path, int field)
{
	size_t prefix_len = path_length(prefix);
	size_t path_len = path_length(path);
	struct json_node *node = f->root;
	bool whole;

	assert(field >= 0);
	if (prefix_len + path_len > JSON_FILTER_MAX_DEPTH)
		return -E2BIG;
	whole = path_len > 0 && path[path_len - 1] == JSON_WHOLE;
	path_len -= whole ? 1 : 0;
	for (size_t i = 0; i < prefix_len + path_len; i++) {
		if (node->whole)
			return -EEXIST;
		node = node_step(f, node, i < prefix_len ? prefix[i] : path[i - prefix_len]);
		if (node == NULL)
			return -ENOMEM;
	}
	if (node->field != JSON_NODE_UNWANTED || (whole && (node->members != NULL || node->each != NULL)))
		return -EEXIST;
	node->field = field;
	node->whole = whole;
	return 0;
}

void json_filter_free(struct json_filter *f)
{
	if (f == NULL)
		return;
	node_free(f->root);
	free(f);
}
