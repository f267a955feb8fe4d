#include "apisim/json_patch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

struct patch {
	struct tree *tree;
	struct node **root;
	size_t copied;
};

/* Where a path leads: a container and the last token. */
struct target {
	struct node *in;
	const char *key;
	size_t len;
};

static bool is_null(const struct node *n)
{
	return n == NULL || n->kind == NODE_NULL;
}

/* ~1 is a slash, ~0 a tilde (PAT-7). */
static const char *decode_token(struct tree *t, const char *token, size_t len, size_t *out_len)
{
	char *text = tree_alloc(t, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (token[i] == '~' && i + 1 < len && (token[i + 1] == '0' || token[i + 1] == '1'))
			text[n++] = token[++i] == '0' ? '~' : '/';
		else
			text[n++] = token[i];
	}
	text[n] = '\0';
	*out_len = n;
	return text;
}

/* A decimal number with an optional sign, as strconv.Atoi reads it. */
static bool parse_index(const char *text, size_t len, long *out)
{
	size_t i = len > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;

	if (i == len || len - i > 9)
		return false;
	*out = 0;
	for (; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*out = *out * 10 + (text[i] - '0');
	}
	if (text[0] == '-')
		*out = -*out;
	return true;
}

/* The place in an array of @count items; negative counts from its end. */
static bool array_place(const char *key, size_t len, uint32_t count, size_t *out)
{
	long index;

	if (!parse_index(key, len, &index) || index >= (long)count || index < -(long)count)
		return false;
	*out = (size_t)(index < 0 ? index + (long)count : index);
	return true;
}

/* *out is NULL for a member that is absent. False where the token makes no sense. */
static bool get_child(const struct node *in, const char *key, size_t len, struct node **out)
{
	size_t at;

	if (in->kind == NODE_OBJECT) {
		*out = node_find(in, key, len);
		return true;
	}
	if (in->kind != NODE_ARRAY || !array_place(key, len, in->count, &at))
		return false;
	*out = in->items[at];
	return true;
}

static bool find_target(struct patch *p, const char *path, size_t len, struct target *out)
{
	const char *slash = memchr(path, '/', len);
	const char *end = path + len;
	struct node *in = *p->root;

	if (slash == NULL)
		return false;
	for (;;) {
		const char *token = slash + 1;
		struct node *next;

		slash = memchr(token, '/', (size_t)(end - token));
		out->key = decode_token(p->tree, token, (size_t)((slash != NULL ? slash : end) - token),
					&out->len);
		if (slash == NULL)
			break;
		if (!get_child(in, out->key, out->len, &next) || next == NULL || next->kind < NODE_ARRAY)
			return false;
		in = next;
	}
	out->in = in;
	return true;
}

static int add_child(struct patch *p, const struct target *to, struct node *value)
{
	size_t at;

	if (to->in->kind == NODE_OBJECT) {
		node_put(p->tree, to->in, to->key, to->len, value);
		return 0;
	}
	if (to->len == 1 && to->key[0] == '-')
		at = to->in->count;
	else if (!array_place(to->key, to->len, to->in->count + 1, &at))
		return -EINVAL;
	node_insert(p->tree, to->in, at, value);
	return 0;
}

static int remove_child(const struct target *from)
{
	size_t at;

	if (from->in->kind == NODE_OBJECT)
		return node_drop(from->in, from->key, from->len) ? 0 : -EINVAL;
	if (!array_place(from->key, from->len, from->in->count, &at))
		return -EINVAL;
	node_erase(from->in, at);
	return 0;
}

/* 1 equal, 0 not, -EFAULT: a null inside an array, which the library dereferences (PAT-6). */
static int equal(const struct node *have, const struct node *want)
{
	if (have->kind != want->kind)
		return 0;
	if (have->kind < NODE_ARRAY)
		return have->raw.len == want->raw.len &&
		       memcmp(have->raw.text, want->raw.text, have->raw.len) == 0;
	if (have->count != want->count)
		return 0;
	for (uint32_t i = 0; i < have->count; i++) {
		const struct node *a;
		const struct node *b;
		int rc;

		if (have->kind == NODE_ARRAY) {
			a = have->items[i];
			b = want->items[i];
			if (is_null(a) || is_null(b))
				return -EFAULT;
		} else {
			a = have->members[i].value;
			b = node_find(want, have->members[i].key, have->members[i].len);
			if (b == NULL)
				return 0;
		}
		rc = equal(a, b);
		if (rc != 1)
			return rc;
	}
	return 1;
}

static int run_test(struct patch *p, const char *path, size_t len, const struct node *value)
{
	struct target at;
	struct node *have;
	int rc;

	if (len == 0) {
		if (value == NULL)
			return -EFAULT;
		have = *p->root;
	} else if (!find_target(p, path, len, &at) || !get_child(at.in, at.key, at.len, &have)) {
		return -EINVAL;
	} else if (is_null(have)) {
		return is_null(value) ? 0 : -EINVAL;
	}
	if (is_null(value))
		return -EINVAL;
	rc = equal(have, value);
	return rc == 1 ? 0 : rc == 0 ? -EINVAL : rc;
}

static int run_replace(struct patch *p, const char *path, size_t len, struct node *value)
{
	struct target at;
	struct node *old;
	size_t place;

	if (len == 0) {
		if (value == NULL)
			return -EFAULT;
		if (value->kind < NODE_ARRAY)
			return -EINVAL;
		*p->root = node_copy(p->tree, value);
		return 0;
	}
	if (!find_target(p, path, len, &at) || !get_child(at.in, at.key, at.len, &old))
		return -EINVAL;
	value = value != NULL ? node_copy(p->tree, value) : node_null(p->tree);
	if (at.in->kind == NODE_OBJECT)
		node_put(p->tree, at.in, at.key, at.len, value);
	else if (array_place(at.key, at.len, at.in->count, &place))
		at.in->items[place] = value;
	return 0;
}

/* Text bytes in @n, about what it adds to the document. */
static size_t weight(const struct node *n)
{
	size_t sum = 2;

	if (n->kind < NODE_ARRAY)
		return n->raw.len + 1;
	for (uint32_t i = 0; i < n->count; i++) {
		sum += 1;
		if (n->kind == NODE_ARRAY)
			sum += weight(n->items[i]);
		else
			sum += n->members[i].len + 3 + weight(n->members[i].value);
	}
	return sum;
}

static int run_move_or_copy(struct patch *p, const struct node *op, const char *path, size_t len, bool move)
{
	struct target at;
	struct node *value;
	size_t from_len;
	const char *from = node_str(p->tree, node_get(op, "from"), &from_len);
	int rc;

	if (from == NULL || !find_target(p, from, from_len, &at) || !get_child(at.in, at.key, at.len, &value))
		return -EINVAL;
	if (move) {
		rc = remove_child(&at);
		if (rc != 0)
			return rc;
	} else if (value == NULL) {
		value = node_null(p->tree);
	} else {
		p->copied += weight(value);
		if (p->copied > JSON_PATCH_MAX_COPY)
			return -EINVAL;
		value = node_copy(p->tree, value);
	}
	if (!find_target(p, path, len, &at))
		return -EINVAL;
	return add_child(p, &at, value);
}

static int run_op(struct patch *p, const struct node *op)
{
	struct node *value = node_get(op, "value");
	const struct node *kind = node_get(op, "op");
	struct target at;
	size_t len;
	const char *path = node_str(p->tree, node_get(op, "path"), &len);

	if (path == NULL)
		return -EINVAL;
	if (node_is(p->tree, kind, "test"))
		return run_test(p, path, len, value);
	if (node_is(p->tree, kind, "replace"))
		return run_replace(p, path, len, value);
	if (node_is(p->tree, kind, "move") || node_is(p->tree, kind, "copy"))
		return run_move_or_copy(p, op, path, len, node_is(p->tree, kind, "move"));
	if (node_is(p->tree, kind, "add"))
		return find_target(p, path, len, &at)
			       ? add_child(p, &at,
					   value != NULL ? node_copy(p->tree, value) : node_null(p->tree))
			       : -EINVAL;
	if (node_is(p->tree, kind, "remove"))
		return find_target(p, path, len, &at) ? remove_child(&at) : -EINVAL;
	return -EINVAL;
}

int json_patch_apply(struct tree *t, struct node **root, const struct node *ops)
{
	struct patch p = {.tree = t, .root = root};

	for (uint32_t i = 0; ops->kind == NODE_ARRAY && i < ops->count; i++) {
		int rc = run_op(&p, ops->items[i]);

		if (rc != 0)
			return rc;
	}
	return 0;
}

const char *json_patch_kind_name(const struct node *n)
{
	static const char *const names[] = {
		[NODE_NULL] = "null",     [NODE_BOOL] = "bool",   [NODE_NUMBER] = "number",
		[NODE_STRING] = "string", [NODE_ARRAY] = "array", [NODE_OBJECT] = "object",
	};

	return names[n->kind];
}

static const char *complain(struct tree *t, const struct node *n, const char *where)
{
	struct buf b;
	char *text;

	must_buf(&b);
	must_printf(&b, "json: cannot unmarshal %s into Go %s", json_patch_kind_name(n), where);
	text = tree_alloc(t, b.len + 1);
	memcpy(text, b.data, b.len + 1);
	buf_free(&b);
	return text;
}

const char *json_patch_check(struct tree *t, const struct node *ops)
{
	static const char *const fields[] = {"from", "op", "path"};
	static const char *const types[] = {
		"struct field jsonPatchOp.from of type string",
		"struct field jsonPatchOp.op of type string",
		"struct field jsonPatchOp.path of type string",
	};

	if (ops->kind == NODE_NULL)
		return NULL;
	if (ops->kind != NODE_ARRAY)
		return complain(t, ops, "value of type []handlers.jsonPatchOp");
	for (uint32_t i = 0; i < ops->count; i++) {
		const struct node *op = ops->items[i];

		if (op->kind != NODE_OBJECT && op->kind != NODE_NULL)
			return complain(t, op, "value of type handlers.jsonPatchOp");
		for (size_t f = 0; f < ARRAY_LEN(fields); f++) {
			const struct node *value = node_get(op, fields[f]);

			if (value != NULL && value->kind != NODE_STRING && value->kind != NODE_NULL)
				return complain(t, value, types[f]);
		}
	}
	return NULL;
}
