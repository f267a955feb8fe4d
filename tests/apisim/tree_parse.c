/* The parser of tree.h: iterative, so that nesting costs heap and not stack, with the error texts of Go's
 * encoding/json, which the API server passes on to clients. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/bytes.h"
#include "apisim/must.h"
#include "apisim/tree.h"

/* An open array or object: where its children begin in the scratch stack. */
struct open_node {
	struct node *node;
	size_t first;
	const char *start; /* in the text */
};

struct parser {
	struct tree *tree;
	const char *at;
	const char *end;
	struct open_node *open;
	size_t open_count, open_room;
	struct member *scratch; /* children of all open nodes; arrays use only value */
	size_t scratch_count, scratch_room;
	const char *key; /* of the value that comes next, inside an object */
	size_t key_len;
	bool unusual; /* the last string has escapes, or bytes above ASCII */
	bool written; /* the text was made by tree_write() */
};

static bool fail(struct parser *p, const char *what)
{
	unsigned char c;

	if (p->at >= p->end) {
		(void)snprintf(p->tree->error, sizeof(p->tree->error), "unexpected end of JSON input");
		return false;
	}
	c = (unsigned char)*p->at;
	if (c == '\'' || c == '"')
		(void)snprintf(p->tree->error, sizeof(p->tree->error), "invalid character %s %s",
			       c == '"' ? "'\"'" : "'\\''", what);
	else if (c >= 0x20 && c < 0x7f)
		(void)snprintf(p->tree->error, sizeof(p->tree->error), "invalid character '%c' %s", c, what);
	else if (c >= 0xa0) /* Go quotes the byte as the code point of the same number */
		(void)snprintf(p->tree->error, sizeof(p->tree->error), "invalid character '%c%c' %s",
			       0xc0 | (c >> 6), 0x80 | (c & 0x3f), what);
	else
		(void)snprintf(p->tree->error, sizeof(p->tree->error), "invalid character '\\x%02x' %s", c,
			       what);
	return false;
}

static void skip_space(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
		p->at++;
}

static bool scan_escape(struct parser *p)
{
	p->at++;
	if (p->at >= p->end)
		return fail(p, "");
	if (*p->at == 'u') {
		for (int i = 0; i < 4; i++) {
			p->at++;
			if (p->at >= p->end || strchr("0123456789abcdefABCDEF", *p->at) == NULL ||
			    *p->at == '\0')
				return fail(p, "in \\u hexadecimal character escape");
		}
	} else if (*p->at == '\0' || strchr("\"\\/bfnrt", *p->at) == NULL) {
		return fail(p, "in string escape code");
	}
	p->at++;
	return true;
}

/* Over what needs no look, by eights. Notes in p->unusual whether a byte above ASCII was among it. */
static void skip_ordinary(struct parser *p)
{
	while (p->end - p->at >= (ptrdiff_t)sizeof(uint64_t)) {
		uint64_t v = bytes_load(p->at);
		uint64_t stop = bytes_have_control(v) | bytes_have(v, '"') | bytes_have(v, '\\');
		size_t n = bytes_before(stop);

		if (n > 0)
			p->unusual |= (v << (8 * (sizeof(v) - n)) & BYTES_EACH(0x80)) != 0;
		p->at += n;
		if (stop != 0)
			return;
	}
}

/* At the opening quote; leaves p->at behind the closing one. */
static bool scan_string(struct parser *p)
{
	p->unusual = false;
	p->at++;
	for (;;) {
		skip_ordinary(p);
		if (p->at >= p->end)
			return fail(p, "");
		if (*p->at == '"') {
			p->at++;
			return true;
		}
		if ((unsigned char)*p->at < 0x20)
			return fail(p, "in string literal");
		if (*p->at == '\\') {
			p->unusual = true;
			if (!scan_escape(p))
				return false;
		} else {
			p->unusual |= (unsigned char)*p->at >= 0x80;
			p->at++;
		}
	}
}

static bool scan_digits(struct parser *p, const char *what)
{
	if (p->at >= p->end || *p->at < '0' || *p->at > '9')
		return fail(p, what);
	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return true;
}

static bool scan_number(struct parser *p)
{
	if (*p->at == '-')
		p->at++;
	if (p->at < p->end && *p->at == '0')
		p->at++;
	else if (!scan_digits(p, "in numeric literal"))
		return false;
	if (p->at < p->end && *p->at == '.') {
		p->at++;
		if (!scan_digits(p, "after decimal point in numeric literal"))
			return false;
	}
	if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
		p->at++;
		if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
			p->at++;
		if (!scan_digits(p, "in exponent of numeric literal"))
			return false;
	}
	return true;
}

static bool scan_word(struct parser *p, const char *word)
{
	char what[48];

	for (const char *w = word; *w != '\0'; w++, p->at++) {
		if (p->at < p->end && *p->at == *w)
			continue;
		(void)snprintf(what, sizeof(what), "in literal %s (expecting '%c')", word, *w);
		return fail(p, what);
	}
	return true;
}

static void push_child(struct parser *p, struct node *value)
{
	if (p->scratch_count == p->scratch_room) {
		p->scratch_room = p->scratch_room > 0 ? p->scratch_room * 2 : 64;
		p->scratch = must_realloc(p->scratch, p->scratch_room * sizeof(*p->scratch));
	}
	p->scratch[p->scratch_count] = (struct member){.key = p->key,
						       .len = (uint32_t)p->key_len,
						       .order = (uint32_t)p->scratch_count,
						       .value = value};
	p->scratch_count++;
}

static int by_key(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;
	int rc = memcmp(x->key, y->key, x->len < y->len ? x->len : y->len);

	if (rc != 0)
		return rc;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static bool same_key(const struct member *a, const struct member *b)
{
	return a->len == b->len && memcmp(a->key, b->key, a->len) == 0;
}

/* Sorts the members; of equal keys the last in the source stays. */
static void close_object(struct node *n)
{
	bool sorted = true;
	uint32_t kept = 0;

	for (uint32_t i = 1; i < n->count && sorted; i++)
		sorted = by_key(&n->members[i - 1], &n->members[i]) < 0 &&
			 !same_key(&n->members[i - 1], &n->members[i]);
	if (sorted)
		return;
	qsort(n->members, n->count, sizeof(*n->members), by_key);
	for (uint32_t i = 0; i < n->count; i++) {
		if (i + 1 < n->count && same_key(&n->members[i], &n->members[i + 1]))
			continue;
		n->members[kept++] = n->members[i];
	}
	n->count = kept;
}

/* The innermost open node is complete: its children leave the scratch stack. */
static void close_node(struct parser *p)
{
	struct open_node o = p->open[--p->open_count];
	size_t count = p->scratch_count - o.first;
	struct member *from = p->scratch + o.first;

	o.node->count = o.node->room = (uint32_t)count;
	if (p->written) {
		o.node->source = o.start;
		o.node->source_len = (size_t)(p->at - o.start);
	}
	if (o.node->kind == NODE_ARRAY) {
		o.node->items = tree_alloc(p->tree, count * sizeof(struct node *));
		for (size_t i = 0; i < count; i++)
			o.node->items[i] = from[i].value;
	} else {
		o.node->members = tree_alloc(p->tree, count * sizeof(*from));
		if (count > 0)
			memcpy(o.node->members, from, count * sizeof(*from));
		close_object(o.node);
	}
	p->scratch_count = o.first;
}

static bool open_node(struct parser *p, enum node_kind kind)
{
	struct node *n;

	if (p->open_count == TREE_MAX_DEPTH)
		return fail(p, "exceeded max depth");
	if (p->open_count == p->open_room) {
		p->open_room = p->open_room > 0 ? p->open_room * 2 : 32;
		p->open = must_realloc(p->open, p->open_room * sizeof(*p->open));
	}
	n = kind == NODE_OBJECT ? node_object(p->tree) : node_array(p->tree);
	push_child(p, n);
	p->open[p->open_count++] = (struct open_node){.node = n, .first = p->scratch_count, .start = p->at};
	p->at++;
	return true;
}

/* Key and colon of the next member. */
static bool scan_key(struct parser *p)
{
	const char *start = p->at;
	size_t len;

	if (p->at >= p->end || *p->at != '"')
		return fail(p, "looking for beginning of object key string");
	if (!scan_string(p))
		return false;
	len = (size_t)(p->at - start) - 2;
	p->key = start + 1;
	p->key_len = len;
	if (p->unusual) {
		char *text = tree_alloc(p->tree, len * 3 + 1);

		p->key_len = tree_decode_string(start + 1, len, text);
		p->key = text;
	}
	skip_space(p);
	if (p->at >= p->end || *p->at != ':')
		return fail(p, "after object key");
	p->at++;
	skip_space(p);
	return true;
}

static bool scan_scalar(struct parser *p)
{
	const char *start = p->at;
	struct node *n = tree_alloc(p->tree, sizeof(*n));
	enum node_kind kind = NODE_NUMBER;
	bool ok;

	if (*p->at == '"') {
		kind = NODE_STRING;
		ok = scan_string(p);
	} else if (*p->at == 't' || *p->at == 'f') {
		kind = NODE_BOOL;
		ok = scan_word(p, *p->at == 't' ? "true" : "false");
	} else if (*p->at == 'n') {
		kind = NODE_NULL;
		ok = scan_word(p, "null");
	} else if (*p->at == '-' || (*p->at >= '0' && *p->at <= '9')) {
		ok = scan_number(p);
	} else {
		return fail(p, "looking for beginning of value");
	}
	if (!ok)
		return false;
	*n = (struct node){.kind = kind, .raw = {.text = start, .len = (size_t)(p->at - start)}};
	push_child(p, n);
	return true;
}

/* Behind a value: closes what ends here. False where the document is complete or broken. */
static bool after_value(struct parser *p, bool *ok)
{
	while (p->open_count > 0) {
		struct node *n = p->open[p->open_count - 1].node;
		bool object = n->kind == NODE_OBJECT;

		skip_space(p);
		if (p->at < p->end && *p->at == ',') {
			p->at++;
			skip_space(p);
			*ok = !object || scan_key(p);
			return *ok;
		}
		if (p->at >= p->end || *p->at != (object ? '}' : ']')) {
			*ok = fail(p, object ? "after object key:value pair" : "after array element");
			return false;
		}
		p->at++;
		close_node(p);
	}
	return false;
}

/* One scalar, or the opening of an array or object. *complete says whether a whole value has been read. */
static bool scan_value(struct parser *p, bool *complete)
{
	bool object;

	*complete = true;
	if (p->at >= p->end)
		return fail(p, "");
	if (*p->at != '{' && *p->at != '[')
		return scan_scalar(p);
	object = *p->at == '{';
	if (!open_node(p, object ? NODE_OBJECT : NODE_ARRAY))
		return false;
	skip_space(p);
	if (p->at < p->end && *p->at == (object ? '}' : ']')) {
		p->at++;
		close_node(p);
		return true;
	}
	*complete = false;
	return !object || scan_key(p);
}

static bool parse_document(struct parser *p)
{
	bool ok = true;
	bool complete;

	skip_space(p);
	for (;;) {
		if (!scan_value(p, &complete))
			return false;
		if (complete && !after_value(p, &ok))
			break;
	}
	if (!ok)
		return false;
	skip_space(p);
	return p->at == p->end || fail(p, "after top-level value");
}

static struct node *parse(struct tree *t, const char *text, size_t len, bool written)
{
	struct parser p = {.tree = t, .at = text, .end = text + len, .written = written};
	struct node *root = NULL;

	t->error[0] = '\0';
	if (parse_document(&p))
		root = p.scratch[0].value;
	free(p.open);
	free(p.scratch);
	return root;
}

struct node *tree_parse(struct tree *t, const char *text, size_t len)
{
	return parse(t, text, len, false);
}

struct node *tree_parse_written(struct tree *t, const char *text, size_t len)
{
	return parse(t, text, len, true);
}

static unsigned hex4(const char *s)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		char c = s[i];

		value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static size_t put_utf8(char *out, unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* @s is behind "\u". Pairs of surrogates become one character, a lone one U+FFFD. Returns the bytes read. */
static size_t decode_unicode(const char *s, size_t left, char *out, size_t *written)
{
	unsigned c = hex4(s);

	if (c >= 0xd800 && c <= 0xdfff) {
		unsigned low = left >= 10 && s[4] == '\\' && s[5] == 'u' ? hex4(s + 6) : 0;

		if (c < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
			*written = put_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
			return 10;
		}
		c = 0xfffd;
	}
	*written = put_utf8(out, c);
	return 4;
}

size_t tree_decode_string(const char *raw, size_t len, char *out)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		size_t written;

		if (raw[i] != '\\' || i + 1 >= len) {
			out[n++] = raw[i];
			continue;
		}
		i++;
		if (raw[i] == 'u' && len - i > 4) {
			i += decode_unicode(raw + i + 1, len - i - 1, out + n, &written);
			n += written;
			continue;
		}
		const char *hit = strchr(from, raw[i]);

		out[n++] = hit != NULL && *hit != '\0' ? to[hit - from] : raw[i];
	}
	return n;
}
