#include "apisim/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/json_patch.h"
#include "apisim/must.h"
#include "apisim/tree_write.h"

#define PATH_SIZE 256

/* "@path.@name", or @name at the top; what does not fit is cut. By hand: a path is made for each field of
 * each object and almost never read. */
static void join(char out[static PATH_SIZE], const char *path, const char *name)
{
	size_t path_len = strnlen(path, PATH_SIZE - 2);
	size_t name_len;

	memcpy(out, path, path_len);
	if (path_len > 0)
		out[path_len++] = '.';
	name_len = strnlen(name, PATH_SIZE - 1 - path_len);
	memcpy(out + path_len, name, name_len);
	out[path_len + name_len] = '\0';
}

static const struct schema_field *find_field(const struct schema *s, const struct member *m)
{
	for (size_t i = 0; i < s->field_count; i++)
		if (strlen(s->fields[i].name) == m->len && memcmp(s->fields[i].name, m->key, m->len) == 0)
			return &s->fields[i];
	return NULL;
}

/* The path of a member; "" and nothing to free where nobody wants to know. */
static char *member_path(const char *path, const struct member *m, const struct buf *unknown)
{
	char *text = NULL;

	if (unknown == NULL)
		return NULL;
	if (asprintf(&text, "%s%s%.*s", path, path[0] != '\0' ? "." : "", (int)m->len, m->key) < 0)
		abort();
	return text;
}

/* True where it stays. */
static bool prune_member(const struct schema *s, struct member *m, const char *path, struct buf *unknown)
{
	const struct schema_field *f = find_field(s, m);
	AUTO_FREE char *inner = NULL;

	if (f == NULL && s->keep_unknown)
		return true;
	if (f != NULL && m->value->kind == NODE_NULL)
		return f->schema->nullable;
	if (f != NULL && f->schema->type != SCHEMA_OBJECT && f->schema->type != SCHEMA_ARRAY)
		return true;
	inner = member_path(path, m, unknown);
	if (f != NULL)
		schema_prune(f->schema, m->value, inner != NULL ? inner : "", unknown);
	else if (unknown != NULL)
		must_printf(unknown, "%s\n", inner);
	return f != NULL;
}

void schema_prune(const struct schema *s, struct node *n, const char *path, struct buf *unknown)
{
	uint32_t kept = 0;
	char inner[PATH_SIZE];

	if (s->type == SCHEMA_ARRAY && n->kind == NODE_ARRAY) {
		for (uint32_t i = 0; i < n->count; i++) {
			(void)snprintf(inner, sizeof(inner), "%s[%u]", path, i);
			schema_prune(s->items, n->items[i], inner, unknown);
		}
		return;
	}
	if (s->type != SCHEMA_OBJECT || n->kind != NODE_OBJECT)
		return;
	for (uint32_t i = 0; i < n->count; i++)
		if (prune_member(s, &n->members[i], path, unknown))
			n->members[kept++] = n->members[i];
	if (kept < n->count)
		node_edited(n);
	n->count = kept;
}

/* --- validation of custom resources --- */

static const char *json_type(const struct node *n)
{
	static const char *const names[] = {
		[NODE_NULL] = "null",     [NODE_BOOL] = "boolean", [NODE_NUMBER] = "number",
		[NODE_STRING] = "string", [NODE_ARRAY] = "array",  [NODE_OBJECT] = "object",
	};
	int64_t ignored;

	return node_to_int(n, &ignored) ? "integer" : names[n->kind];
}

static void wrong_type(struct field_errors *errors, const char *path, const char *want, const char *got)
{
	field_errors_add(errors, FIELD_TYPE, path, "\"%s\": %s in body must be of type %s: \"%s\"", got, path,
			 want, got);
}

static void validate_integer(const struct schema *s, const struct node *n, const char *path,
			     struct field_errors *errors)
{
	int64_t value;
	char *text;
	double number;

	if (n->kind == NODE_STRING || n->kind == NODE_ARRAY) {
		wrong_type(errors, path, "integer", json_type(n));
		return;
	}
	if (n->kind != NODE_NUMBER) {
		wrong_type(errors, path, "int64", "");
		return;
	}
	if (!node_to_int(n, &value)) {
		text = must_copy(n->raw.text, n->raw.len);
		number = strtod(text, NULL);
		free(text);
		if (!(number > -9.2e18 && number < 9.2e18) || (double)(int64_t)number != number) {
			wrong_type(errors, path, "int64", "float64");
			field_errors_add(
				errors, FIELD_INVALID, "<nil>",
				"\"\": Checked value must be of type integer with format int64 in %s", path);
			return;
		}
		value = (int64_t)number;
	}
	if (s->min == s->max)
		return;
	if (value < s->min)
		field_errors_add(errors, FIELD_INVALID, path,
				 "%lld: %s in body should be greater than or equal to %lld", (long long)value,
				 path, (long long)s->min);
	if (value > s->max)
		field_errors_add(errors, FIELD_INVALID, path,
				 "%lld: %s in body should be less than or equal to %lld", (long long)value,
				 path, (long long)s->max);
}

static void validate_members(const struct schema *s, const struct node *n, const char *path,
			     struct field_errors *errors)
{
	char inner[PATH_SIZE];

	for (size_t i = 0; i < s->field_count; i++) {
		const struct node *value = node_get(n, s->fields[i].name);

		join(inner, path, s->fields[i].name);
		if (value != NULL)
			schema_validate(s->fields[i].schema, value, inner, errors);
		else if (s->fields[i].required)
			field_errors_add(errors, FIELD_REQUIRED, inner, NULL);
	}
}

static void validate_items(const struct schema *s, const struct node *n, const char *path,
			   struct field_errors *errors)
{
	char inner[PATH_SIZE];

	for (uint32_t i = 0; i < n->count && errors->count < 64; i++) {
		(void)snprintf(inner, sizeof(inner), "%s[%u]", path, i);
		schema_validate(s->items, n->items[i], inner, errors);
	}
}

void schema_validate(const struct schema *s, const struct node *n, const char *path,
		     struct field_errors *errors)
{
	static const struct {
		enum node_kind kind;
		const char *name;
	} wanted[] = {
		[SCHEMA_OBJECT] = {NODE_OBJECT, "object"}, [SCHEMA_MAP] = {NODE_OBJECT, "object"},
		[SCHEMA_ARRAY] = {NODE_ARRAY, "array"},    [SCHEMA_STRING] = {NODE_STRING, "string"},
		[SCHEMA_BOOLEAN] = {NODE_BOOL, "boolean"}, [SCHEMA_TIME] = {NODE_STRING, "string"},
	};

	if (s->type == SCHEMA_ANY || (s->nullable && n->kind == NODE_NULL))
		return;
	if (s->type == SCHEMA_INTEGER) {
		validate_integer(s, n, path, errors);
		return;
	}
	if (s->type < ARRAY_LEN(wanted) && n->kind != wanted[s->type].kind) {
		wrong_type(errors, path, wanted[s->type].name, json_type(n));
		return;
	}
	if (s->type == SCHEMA_OBJECT)
		validate_members(s, n, path, errors);
	else if (s->type == SCHEMA_ARRAY)
		validate_items(s, n, path, errors);
}

/* --- decoding of built-in types --- */

struct decoder {
	struct tree *tree;
	struct buf *complaint;
	const char *go_struct; /* innermost struct */
};

static bool cannot(struct decoder *d, const struct schema *s, const struct node *n, const char *path)
{
	bool number = n->kind == NODE_NUMBER && s->type == SCHEMA_INTEGER;

	must_printf(d->complaint, "json: cannot unmarshal %s%s%.*s into Go ", json_patch_kind_name(n),
		    number ? " " : "", number ? (int)n->raw.len : 0, number ? n->raw.text : "");
	if (path[0] == '\0')
		must_printf(d->complaint, "value of type %s", s->go_type);
	else
		must_printf(d->complaint, "struct field %s.%s of type %s", d->go_struct, path, s->go_type);
	return false;
}

static bool two_digits(const char *s)
{
	return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9';
}

/* Fraction: exactly @digits of them, or any number where it is negative. */
static bool good_time(const char *s, int digits)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";
	int fraction = 0;

	for (size_t i = 0; form[i] != '\0'; i++)
		if (form[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
	s += sizeof(form) - 1;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			fraction++;
	if (digits >= 0 && fraction != digits)
		return false;
	if (strcmp(s, "Z") == 0)
		return true;
	return (*s == '+' || *s == '-') && strlen(s) == 6 && two_digits(s + 1) && s[3] == ':' &&
	       two_digits(s + 4);
}

static bool decode_time(struct decoder *d, const struct schema *s, const struct node *n)
{
	const char *layout = s->type == SCHEMA_MICRO_TIME ? "2006-01-02T15:04:05.000000Z07:00"
							  : "2006-01-02T15:04:05Z07:00";
	const char *text = node_str(d->tree, n, NULL);

	if (text != NULL && good_time(text, s->type == SCHEMA_MICRO_TIME ? 6 : -1))
		return true;
	if (text == NULL)
		must_printf(d->complaint, "json: cannot unmarshal %s into Go value of type string",
			    json_patch_kind_name(n));
	else
		must_printf(d->complaint, "parsing time \"%s\" as \"%s\": cannot parse", text, layout);
	return false;
}

static bool decode_integer(struct decoder *d, const struct schema *s, const struct node *n, const char *path)
{
	bool narrow = s->go_type != NULL && strcmp(s->go_type, "int32") == 0;
	int64_t value;

	if (!node_to_int(n, &value) || (narrow && (value < INT32_MIN || value > INT32_MAX)))
		return cannot(d, s, n, path);
	return true;
}

static bool decode(struct decoder *d, const struct schema *s, const struct node *n, const char *path);

static bool decode_members(struct decoder *d, const struct schema *s, const struct node *n, const char *path)
{
	static const struct schema text = {.type = SCHEMA_STRING, .go_type = "string"};
	const char *outer = d->go_struct;
	char inner[PATH_SIZE];
	bool ok = true;

	if (s->go_name != NULL)
		d->go_struct = s->go_name;
	for (uint32_t i = 0; i < n->count && ok; i++) {
		const struct schema_field *f = find_field(s, &n->members[i]);

		if (s->type == SCHEMA_MAP) {
			ok = decode(d, &text, n->members[i].value, path);
			continue;
		}
		if (f == NULL)
			continue;
		join(inner, path, f->name);
		ok = decode(d, f->schema, n->members[i].value, inner);
	}
	d->go_struct = outer;
	return ok;
}

static bool decode(struct decoder *d, const struct schema *s, const struct node *n, const char *path)
{
	if (s->type == SCHEMA_ANY || n->kind == NODE_NULL)
		return true;
	switch (s->type) {
	case SCHEMA_OBJECT:
	case SCHEMA_MAP:
		return n->kind == NODE_OBJECT ? decode_members(d, s, n, path) : cannot(d, s, n, path);
	case SCHEMA_ARRAY:
		if (n->kind != NODE_ARRAY)
			return cannot(d, s, n, path);
		for (uint32_t i = 0; i < n->count; i++)
			if (!decode(d, s->items, n->items[i], path))
				return false;
		return true;
	case SCHEMA_STRING:
		return n->kind == NODE_STRING || cannot(d, s, n, path);
	case SCHEMA_BOOLEAN:
		return n->kind == NODE_BOOL || cannot(d, s, n, path);
	case SCHEMA_INTEGER:
		return decode_integer(d, s, n, path);
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
		return decode_time(d, s, n);
	case SCHEMA_ANY:
		break;
	}
	return true;
}

bool schema_decode(struct tree *t, const struct schema *s, const struct node *n, struct buf *complaint)
{
	struct decoder d = {.tree = t, .complaint = complaint, .go_struct = s->go_name};

	return decode(&d, s, n, "");
}
