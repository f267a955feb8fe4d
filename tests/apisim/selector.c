#include "apisim/selector.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

struct lexer {
	const char *at;
	char token[256]; /* "" at the end */
	struct buf *why;
};

static bool is_symbol(char c)
{
	return strchr("=!<>(),", c) != NULL && c != '\0';
}

/* The next token: a symbol (==, !=, =, !, <, >, comma, bracket) or a word. */
static void next(struct lexer *l)
{
	size_t n = 0;

	while (isspace((unsigned char)*l->at))
		l->at++;
	if (is_symbol(*l->at)) {
		l->token[n++] = *l->at++;
		if ((l->token[0] == '=' || l->token[0] == '!') && *l->at == '=')
			l->token[n++] = *l->at++;
	} else {
		while (*l->at != '\0' && !is_symbol(*l->at) && !isspace((unsigned char)*l->at)) {
			if (n + 1 < sizeof(l->token))
				l->token[n++] = *l->at;
			l->at++;
		}
	}
	l->token[n] = '\0';
}

static bool at(const struct lexer *l, const char *token)
{
	return strcmp(l->token, token) == 0;
}

static bool at_word(const struct lexer *l)
{
	return l->token[0] != '\0' && !is_symbol(l->token[0]);
}

static int complain(struct lexer *l, const char *fmt)
{
	must_printf(l->why, "%s", ""); /* so that it is a string even when empty */
	for (const char *c = fmt; *c != '\0'; c++) {
		if (*c == '@')
			must_text(l->why, l->token);
		else
			must_add(l->why, c, 1);
	}
	return -EINVAL;
}

static char *copy(const char *text)
{
	return must_copy(text, strlen(text));
}

/* "(a, b)" */
static int parse_values(struct lexer *l, struct selector_term *t)
{
	if (!at(l, "("))
		return complain(l, "unable to parse requirement: found '@' expected: '('");
	do {
		next(l);
		if (t->value_count == SELECTOR_MAX_VALUES)
			return complain(l, "unable to parse requirement: too many values");
		t->values[t->value_count++] = copy(at_word(l) ? l->token : "");
		if (at_word(l))
			next(l);
	} while (at(l, ","));
	if (!at(l, ")"))
		return complain(l, "unable to parse requirement: found '@', expected: ',' or ')'");
	next(l);
	return 0;
}

/* Behind the key. */
static int parse_operator(struct lexer *l, struct selector_term *t)
{
	if (at(l, "in") || at(l, "notin")) {
		t->op = at(l, "in") ? SELECTOR_IN : SELECTOR_NOT_IN;
		next(l);
		return parse_values(l, t);
	}
	if (at(l, "") || at(l, ",")) {
		t->op = SELECTOR_EXISTS;
		return 0;
	}
	if (at(l, "=") || at(l, "=="))
		t->op = SELECTOR_IN;
	else if (at(l, "!="))
		t->op = SELECTOR_NOT_IN;
	else if (at(l, ">") || at(l, "<"))
		t->op = at(l, ">") ? SELECTOR_ABOVE : SELECTOR_BELOW;
	else
		return complain(
			l, "unable to parse requirement: found '@', expected: in, notin, =, ==, !=, gt, lt");
	next(l);
	if (is_symbol(l->token[0]) && !at(l, ","))
		return complain(l, "unable to parse requirement: found '@', expected: identifier");
	t->values[t->value_count++] = copy(at_word(l) ? l->token : "");
	if (at_word(l))
		next(l);
	return 0;
}

static int parse_labels(struct selector *s, const char *text, struct buf *why)
{
	struct lexer l = {.at = text, .why = why};

	next(&l);
	while (!at(&l, "")) {
		struct selector_term *t = &s->labels[s->label_count];
		bool absent = at(&l, "!");
		int rc = 0;

		if (s->label_count == SELECTOR_MAX_TERMS)
			return complain(&l, "too many requirements");
		if (absent)
			next(&l);
		if (!at_word(&l))
			return complain(
				&l, absent ? "unable to parse requirement: found '@', expected: identifier"
					   : "found '@', expected: !, identifier, or 'end of string'");
		s->label_count++;
		t->key = copy(l.token);
		next(&l);
		t->op = SELECTOR_ABSENT;
		if (!absent)
			rc = parse_operator(&l, t);
		if (rc != 0)
			return rc;
		if (at(&l, ""))
			break;
		if (!at(&l, ","))
			return complain(&l, "found '@', expected: ',' or 'end of string'");
		next(&l);
		if (!at_word(&l) && !at(&l, "!"))
			return complain(&l, "found '@', expected: identifier after ','");
	}
	return 0;
}

static bool known_field(const struct resource *r, const char *key)
{
	size_t len = strlen(key);

	if (strcmp(key, "metadata.name") == 0 || strcmp(key, "metadata.namespace") == 0)
		return true;
	for (const char *f = r->field_labels; f != NULL; f = strchr(f, ',')) {
		f += *f == ',';
		if (strncmp(f, key, len) == 0 && (f[len] == ',' || f[len] == '\0'))
			return true;
	}
	return false;
}

/* One "key=value" of a field selector; backslash escapes are not needed for what can be selected here. */
static int parse_field(struct selector *s, const struct resource *r, const char *text, size_t len,
		       struct buf *why)
{
	struct selector_term *t = &s->fields[s->field_count];
	const char *equals = memchr(text, '=', len);
	size_t key_len;

	if (equals == NULL || s->field_count == SELECTOR_MAX_TERMS) {
		must_printf(why, "invalid selector: '%.*s'; can't understand '%.*s'", (int)len, text,
			    (int)len, text);
		return -EINVAL;
	}
	key_len = (size_t)(equals - text);
	t->op = SELECTOR_IN;
	if (key_len > 0 && text[key_len - 1] == '!') {
		key_len--;
		t->op = SELECTOR_NOT_IN;
	}
	equals++;
	if (t->op == SELECTOR_IN && equals < text + len && *equals == '=')
		equals++;
	t->key = must_copy(text, key_len);
	t->values[0] = must_copy(equals, (size_t)(text + len - equals));
	t->value_count = 1;
	s->field_count++;
	if (known_field(r, t->key))
		return 0;
	if (r->custom || r->field_labels != NULL)
		must_printf(why, "field label not supported: %s", t->key);
	else
		must_printf(why,
			    "\"%s\" is not a known field selector: only \"metadata.name\", "
			    "\"metadata.namespace\"",
			    t->key);
	return -EINVAL;
}

int selector_parse(struct selector *s, const struct resource *r, const char *labels, const char *fields,
		   struct buf *why)
{
	int rc;

	*s = (struct selector){.label_count = 0};
	rc = parse_labels(s, labels, why);
	while (rc == 0 && *fields != '\0') {
		size_t len = strcspn(fields, ",");

		if (len > 0)
			rc = parse_field(s, r, fields, len, why);
		fields += len + (fields[len] == ',');
	}
	return rc;
}

static void free_terms(struct selector_term *terms, int count)
{
	for (int i = 0; i < count; i++) {
		free(terms[i].key);
		for (int v = 0; v < terms[i].value_count; v++)
			free(terms[i].values[v]);
	}
}

void selector_free(struct selector *s)
{
	free_terms(s->labels, s->label_count);
	free_terms(s->fields, s->field_count);
	s->label_count = s->field_count = 0;
}

bool selector_empty(const struct selector *s)
{
	return s->label_count == 0 && s->field_count == 0;
}

const char *selector_name(const struct selector *s)
{
	for (int i = 0; i < s->field_count; i++)
		if (s->fields[i].op == SELECTOR_IN && strcmp(s->fields[i].key, "metadata.name") == 0)
			return s->fields[i].values[0];
	return NULL;
}

static bool among(const struct selector_term *t, const char *value)
{
	for (int i = 0; i < t->value_count; i++)
		if (strcmp(t->values[i], value) == 0)
			return true;
	return false;
}

/* @value NULL: absent. */
static bool term_matches(const struct selector_term *t, const char *value)
{
	switch (t->op) {
	case SELECTOR_IN:
		return value != NULL && among(t, value);
	case SELECTOR_NOT_IN:
		return value == NULL || !among(t, value);
	case SELECTOR_EXISTS:
		return value != NULL;
	case SELECTOR_ABSENT:
		return value == NULL;
	case SELECTOR_ABOVE:
		return value != NULL && strtoll(value, NULL, 10) > strtoll(t->values[0], NULL, 10);
	case SELECTOR_BELOW:
		return value != NULL && strtoll(value, NULL, 10) < strtoll(t->values[0], NULL, 10);
	}
	return false;
}

/* A field by its dotted name; "" where it is absent, as the API server has it. */
static const char *field_value(struct tree *t, const struct node *n, const char *path)
{
	const char *text;

	if (strcmp(path, "source") == 0)
		path = "source.component";
	while (n != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");

		n = node_find(n, path, len);
		path += len + (path[len] == '.');
	}
	text = node_str(t, n, NULL);
	return text != NULL ? text : "";
}

static bool content_matches(const struct selector *s, const struct object *o)
{
	struct tree t;
	struct buf text;
	struct node *root;
	bool ok = true;

	tree_init(&t);
	must_buf(&text);
	root = object_parse(o, 0, &t, &text);
	for (int i = 0; i < s->label_count && ok; i++) {
		const struct node *labels = node_get(node_get(root, "metadata"), "labels");

		ok = term_matches(&s->labels[i], node_str(&t, node_get(labels, s->labels[i].key), NULL));
	}
	for (int i = 0; i < s->field_count && ok; i++)
		if (strncmp(s->fields[i].key, "metadata.", 9) != 0)
			ok = term_matches(&s->fields[i], field_value(&t, root, s->fields[i].key));
	buf_free(&text);
	tree_free(&t);
	return ok;
}

bool selector_matches(const struct selector *s, const struct object *o)
{
	bool content = s->label_count > 0;

	for (int i = 0; i < s->field_count; i++) {
		const struct selector_term *t = &s->fields[i];

		if (strcmp(t->key, "metadata.name") == 0) {
			if (!term_matches(t, o->name))
				return false;
		} else if (strcmp(t->key, "metadata.namespace") == 0) {
			if (!term_matches(t, o->namespace))
				return false;
		} else {
			content = true;
		}
	}
	return !content || content_matches(s, o);
}
