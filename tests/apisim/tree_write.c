#include "apisim/tree_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/bytes.h"
#include "apisim/must.h"

/* must_add() with its frequent case in place: a tree is written in many small pieces. */
static inline void put(struct buf *out, const char *text, size_t len)
{
	if (len >= out->room - out->len) {
		must_add(out, text, len);
		return;
	}
	memcpy(out->data + out->len, text, len);
	out->len += len;
	out->data[out->len] = '\0';
}

/* Printable ASCII that Go writes as it is. */
static bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static bool all_plain(const char *text, size_t len)
{
	for (; len >= sizeof(uint64_t); text += sizeof(uint64_t), len -= sizeof(uint64_t)) {
		uint64_t v = bytes_load(text);

		if ((bytes_have_control(v) | bytes_have_high(v) | bytes_have(v, '"') | bytes_have(v, '\\') |
		     bytes_have(v, '<') | bytes_have(v, '>') | bytes_have(v, '&')) != 0)
			break;
	}
	while (len > 0 && plain((unsigned char)*text)) {
		text++;
		len--;
	}
	return len == 0;
}

static void write_decoded(struct buf *out, const char *text, size_t len)
{
	put(out, "\"", 1);
	if (all_plain(text, len))
		put(out, text, len);
	else
		must_json(out, text, len);
	put(out, "\"", 1);
}

/* The escapes of a literal are those that Go would write, and everything else is plain. */
static bool as_go_writes(const char *raw, size_t len)
{
	const char *end = raw + len;
	const char *escape;

	while ((escape = memchr(raw, '\\', (size_t)(end - raw))) != NULL) {
		if (!all_plain(raw, (size_t)(escape - raw)) || memchr("\"\\nrt", escape[1], 5) == NULL)
			return false;
		raw = escape + 2;
	}
	return all_plain(raw, (size_t)(end - raw));
}

static void write_string(struct buf *out, const char *raw, size_t len)
{
	char *text;
	size_t decoded;

	if (as_go_writes(raw + 1, len - 2)) {
		put(out, raw, len);
		return;
	}
	text = must_alloc(len * 3);
	decoded = tree_decode_string(raw + 1, len - 2, text);
	write_decoded(out, text, decoded);
	free(text);
}

/* Digits without a point, the point being @point places behind the first of them. */
static void write_plain(struct buf *out, const char *digits, int count, int point)
{
	for (int i = 0; i < count || i <= point; i++) {
		if (i == 0 && point < 0)
			must_text(out, "0.");
		for (int zeros = point + 1; i == 0 && zeros < 0; zeros++)
			must_add(out, "0", 1);
		must_add(out, i < count ? digits + i : "0", 1);
		if (i == point && i + 1 < count)
			must_add(out, ".", 1);
	}
}

/* Shortest digits that read back as the same value, in the form that Go chooses by size. */
void tree_write_double(struct buf *out, double value)
{
	char text[40];
	char digits[24];
	int count = 0;
	int exponent;
	double size = fabs(value);

	for (int precision = 1; precision <= 17; precision++) {
		(void)snprintf(text, sizeof(text), "%.*e", precision - 1, size);
		if (strtod(text, NULL) == size)
			break;
	}
	exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	*strchr(text, 'e') = '\0';
	for (const char *c = text; *c != '\0'; c++)
		if (*c != '.')
			digits[count++] = *c;
	while (count > 1 && digits[count - 1] == '0')
		count--;
	if (value < 0)
		must_add(out, "-", 1);
	if (size != 0 && (size < 1e-6 || size >= 1e21))
		must_printf(out, "%c%s%.*se%+d", digits[0], count > 1 ? "." : "", count - 1, digits + 1,
			    exponent);
	else
		write_plain(out, digits, count, exponent);
}

static void write_number(struct buf *out, const char *raw, size_t len)
{
	bool integer = true;
	char *text;
	int64_t ignored;
	struct node n = {.kind = NODE_NUMBER, .raw = {.text = raw, .len = len}};

	for (size_t i = 0; i < len && integer; i++)
		integer = raw[i] == '-' || (raw[i] >= '0' && raw[i] <= '9');
	if (integer && (len < 18 || node_to_int(&n, &ignored))) {
		bool minus_zero = len == 2 && raw[0] == '-' && raw[1] == '0';

		must_add(out, minus_zero ? "0" : raw, minus_zero ? 1 : len);
		return;
	}
	text = must_copy(raw, len);
	tree_write_double(out, strtod(text, NULL));
	free(text);
}

static void write_member(struct buf *out, const struct member *m)
{
	write_decoded(out, m->key, m->len);
	put(out, ":", 1);
	tree_write(out, m->value);
}

void tree_write(struct buf *out, const struct node *n)
{
	if (n->source != NULL && node_intact(n)) {
		put(out, n->source, n->source_len);
		return;
	}
	switch (n->kind) {
	case NODE_NULL:
	case NODE_BOOL:
		put(out, n->raw.text, n->raw.len);
		return;
	case NODE_NUMBER:
		write_number(out, n->raw.text, n->raw.len);
		return;
	case NODE_STRING:
		write_string(out, n->raw.text, n->raw.len);
		return;
	case NODE_ARRAY:
		put(out, "[", 1);
		for (uint32_t i = 0; i < n->count; i++) {
			if (i > 0)
				put(out, ",", 1);
			tree_write(out, n->items[i]);
		}
		put(out, "]", 1);
		return;
	case NODE_OBJECT:
		put(out, "{", 1);
		for (uint32_t i = 0; i < n->count; i++) {
			if (i > 0)
				put(out, ",", 1);
			write_member(out, &n->members[i]);
		}
		put(out, "}", 1);
		return;
	}
}

/* Scalars that differ in their source may still be written alike. */
static bool same_scalar(const struct node *a, const struct node *b)
{
	AUTO_BUF struct buf text_a;
	AUTO_BUF struct buf text_b;

	must_buf(&text_a);
	must_buf(&text_b);
	if (a->raw.len == b->raw.len && memcmp(a->raw.text, b->raw.text, a->raw.len) == 0)
		return true;
	tree_write(&text_a, a);
	tree_write(&text_b, b);
	return text_a.len == text_b.len && memcmp(text_a.data, text_b.data, text_a.len) == 0;
}

static bool same_key(const struct member *a, const struct member *b)
{
	return a->len == b->len && memcmp(a->key, b->key, a->len) == 0;
}

bool tree_write_same(const struct node *a, const struct node *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind < NODE_ARRAY)
		return same_scalar(a, b);
	if (a->count != b->count)
		return false;
	if (a->source != NULL && a->source == b->source && node_intact(a) && node_intact(b))
		return true;
	for (uint32_t i = 0; i < a->count; i++) {
		bool same = a->kind == NODE_ARRAY
				    ? tree_write_same(a->items[i], b->items[i])
				    : same_key(&a->members[i], &b->members[i]) &&
					      tree_write_same(a->members[i].value, b->members[i].value);

		if (!same)
			return false;
	}
	return true;
}

static bool is_key(const struct member *m, const char *key)
{
	return m->len == strlen(key) && memcmp(m->key, key, m->len) == 0;
}

void tree_write_tail(struct buf *out, const struct node *object)
{
	const struct node *kind = node_get(object, "kind");

	if (kind != NULL) {
		put(out, ",\"kind\":", 8);
		tree_write(out, kind);
	}
	for (uint32_t i = 0; i < object->count; i++) {
		const struct member *m = &object->members[i];

		if (is_key(m, "kind") || is_key(m, "apiVersion"))
			continue;
		put(out, ",", 1);
		write_member(out, m);
	}
}
