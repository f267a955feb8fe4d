#include "apisim/continue_token.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"
#include "apisim/tree.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct buf *out, const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i += 3) {
		unsigned bits = (unsigned)data[i] << 16;
		size_t chars = 2;
		char quad[4];

		if (i + 1 < len) {
			bits |= (unsigned)data[i + 1] << 8;
			chars++;
		}
		if (i + 2 < len) {
			bits |= data[i + 2];
			chars++;
		}
		for (size_t c = 0; c < 4; c++)
			quad[c] = alphabet[bits >> (18 - 6 * c) & 63];
		must_add(out, quad, chars);
	}
}

/* Returns 0, or 1 + the place of the first bad byte. */
static size_t decode(struct buf *out, const char *text)
{
	unsigned bits = 0;
	int have = 0;
	size_t i;

	for (i = 0; text[i] != '\0'; i++) {
		const char *hit = strchr(alphabet, text[i]);
		char byte;

		if (hit == NULL)
			return i + 1;
		bits = bits << 6 | (unsigned)(hit - alphabet);
		have += 6;
		if (have >= 8) {
			have -= 8;
			byte = (char)(bits >> have);
			must_add(out, &byte, 1);
		}
	}
	return i % 4 == 1 ? i : 0;
}

void continue_token_write(struct buf *out, int64_t rv, const char *start, bool after)
{
	struct buf json;

	must_buf(&json);
	must_printf(&json, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%lld,\"start\":\"", (long long)rv);
	must_json(&json, start, strlen(start));
	must_text(&json, after ? "\\u0000\"}" : "\"}");
	encode(out, (const unsigned char *)json.data, json.len);
	buf_free(&json);
}

/* No empty, "." or ".." parts: what path.Clean would change. */
static bool clean(const char *key)
{
	for (const char *part = key + 1;; part++) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len == 1 && part[0] == '.') ||
		    (len == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		part += len;
		if (*part == '\0')
			return true;
	}
}

static int refuse(struct buf *why, const char *what, const char *detail)
{
	must_printf(why, "invalid continue token: continue key is not valid: %s%s", what, detail);
	return -EINVAL;
}

static int read_json(struct tree *t, const struct buf *json, struct continue_token *out, struct buf *why)
{
	struct node *root = tree_parse(t, buf_str(json), json->len);
	const char *version;
	const char *key;
	struct buf full;
	size_t len = 0;
	bool ok;

	if (root == NULL)
		return refuse(why, t->error, "");
	version = node_str(t, node_get(root, "v"), NULL);
	if (version == NULL || strcmp(version, "meta.k8s.io/v1") != 0)
		return refuse(why, "server does not recognize this encoded version ",
			      version != NULL ? version : "");
	if (!node_to_int(node_get(root, "rv"), &out->rv) || out->rv == 0)
		return refuse(why, "incorrect encoded start resourceVersion (version meta.k8s.io/v1)", "");
	key = node_str(t, node_get(root, "start"), &len);
	if (key == NULL || key[0] == '\0')
		return refuse(why, "encoded start key empty (version meta.k8s.io/v1)", "");
	must_buf(&full);
	must_printf(&full, "%s%s", key[0] == '/' ? "" : "/", key);
	ok = clean(full.data);
	must_text(&out->start, full.data + 1);
	out->after = len > strlen(key);
	buf_free(&full);
	return ok ? 0 : refuse(why, key, "");
}

int continue_token_read(const char *text, struct continue_token *out, struct buf *why)
{
	struct buf json;
	struct tree t;
	size_t bad;
	int rc;

	must_buf(&json);
	bad = decode(&json, text);
	if (bad > 0) {
		must_printf(why,
			    "invalid continue token: continue key is not valid: illegal base64 data at input "
			    "byte %zu",
			    bad - 1);
		buf_free(&json);
		return -EINVAL;
	}
	tree_init(&t);
	rc = read_json(&t, &json, out, why);
	tree_free(&t);
	buf_free(&json);
	return rc;
}
