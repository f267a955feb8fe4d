#include "apisim/tree_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

/* Printable ASCII that Go writes as it is. */
static bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void write_decoded(struct buf *out, const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && plain((unsigned char)text[i]))
		i++;
	must_add(out, "\"", 1);
	if (i == len)
		must_add(out, text, len);
	else
		must_json(out, text, len);
	must_add(out, "\"", 1);
}

static void write_string(struct buf *out, const char *raw, size_t len)
{
	size_t i = 1;
	char *text;
	size_t decoded;

	while (i + 1 < len && plain((unsigned char)raw[i]))
		i++;
	if (i + 1 == len) {
		must_add(out, raw, len);
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
	must_add(out, ":", 1);
	tree_write(out, m->value);
}

void tree_write(struct buf *out, const struct node *n)
{
	switch (n->kind) {
	case NODE_NULL:
	case NODE_BOOL:
		must_add(out, n->raw.text, n->raw.len);
		return;
	case NODE_NUMBER:
		write_number(out, n->raw.text, n->raw.len);
		return;
	case NODE_STRING:
		write_string(out, n->raw.text, n->raw.len);
		return;
	case NODE_ARRAY:
		must_add(out, "[", 1);
		for (uint32_t i = 0; i < n->count; i++) {
			if (i > 0)
				must_add(out, ",", 1);
			tree_write(out, n->items[i]);
		}
		must_add(out, "]", 1);
		return;
	case NODE_OBJECT:
		must_add(out, "{", 1);
		for (uint32_t i = 0; i < n->count; i++) {
			if (i > 0)
				must_add(out, ",", 1);
			write_member(out, &n->members[i]);
		}
		must_add(out, "}", 1);
		return;
	}
}

static bool is_key(const struct member *m, const char *key)
{
	return m->len == strlen(key) && memcmp(m->key, key, m->len) == 0;
}

void tree_write_tail(struct buf *out, const struct node *object)
{
	const struct node *kind = node_get(object, "kind");

	if (kind != NULL) {
		must_text(out, ",\"kind\":");
		tree_write(out, kind);
	}
	for (uint32_t i = 0; i < object->count; i++) {
		const struct member *m = &object->members[i];

		if (is_key(m, "kind") || is_key(m, "apiVersion"))
			continue;
		must_add(out, ",", 1);
		write_member(out, m);
	}
}
