#include "apisim/metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apisim/must.h"

#define ANNOTATIONS_MAX (256u << 10)

static const char subdomain_rule[] =
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
	"must "
	"start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
static const char label_rule[] =
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
	"start and "
	"end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
static const char name_part_rule[] =
	"name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
	"alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
	"'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
static const char value_rule[] = "a valid label must be an empty string or consist of alphanumeric "
				 "characters, '-', '_' or '.', and must "
				 "start and end with an alphanumeric character (e.g. 'MyValue',  or "
				 "'my_value',  or '12345', regex used for "
				 "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

void metadata_now(char out[static METADATA_TIME_SIZE])
{
	time_t now = time(NULL);
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)strftime(out, METADATA_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

struct node *metadata_of(struct tree *t, struct node *root)
{
	struct node *meta = node_get(root, "metadata");

	if (meta == NULL || meta->kind != NODE_OBJECT) {
		meta = node_object(t);
		node_set(t, root, "metadata", meta);
	}
	return meta;
}

static bool is_empty(const struct node *n)
{
	if (n->kind == NODE_STRING)
		return n->raw.len == 2;
	return (n->kind == NODE_OBJECT || n->kind == NODE_ARRAY) && n->count == 0;
}

void metadata_prune(const struct resource *r, struct node *root, struct buf *unknown)
{
	struct node *meta;
	uint32_t kept = 0;

	schema_prune(r->schema, root, "", unknown);
	meta = node_get(root, "metadata");
	if (meta == NULL || meta->kind != NODE_OBJECT)
		return;
	if (r->custom)
		schema_prune(&schema_object_meta, meta, "metadata", unknown);
	(void)node_drop(meta, "managedFields", strlen("managedFields"));
	for (uint32_t i = 0; i < meta->count; i++)
		if (!is_empty(meta->members[i].value))
			meta->members[kept++] = meta->members[i];
	if (kept < meta->count)
		node_edited(meta);
	meta->count = kept;
}

bool metadata_decode(struct tree *t, const struct resource *r, const struct node *root, struct buf *complaint)
{
	const struct node *meta = node_get(root, "metadata");

	if (!r->custom)
		return schema_decode(t, r->schema, root, complaint);
	return meta == NULL || schema_decode(t, &schema_object_meta, meta, complaint);
}

const char *metadata_text(struct tree *t, const struct node *meta, const char *key)
{
	const char *text = node_str(t, node_get(meta, key), NULL);

	return text != NULL ? text : "";
}

void metadata_set(struct tree *t, struct node *meta, const char *key, const char *value)
{
	node_set(t, meta, key, node_text(t, value, strlen(value)));
}

static bool lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool letter_or_digit(char c)
{
	return lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool is_label(const char *s, size_t len)
{
	if (len == 0 || !lower_or_digit(s[0]) || !lower_or_digit(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!lower_or_digit(s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool is_subdomain(const char *s)
{
	for (;;) {
		size_t len = strcspn(s, ".");

		if (!is_label(s, len))
			return false;
		if (s[len] == '\0')
			return true;
		s += len + 1;
	}
}

static void validate_name(const struct resource *r, const char *field, const char *name,
			  struct field_errors *errors)
{
	bool label = r->id == RESOURCE_NAMESPACE;
	size_t max = label ? 63 : 253;
	char why[64];

	if (strlen(name) > max) {
		(void)snprintf(why, sizeof(why), "must be no more than %zu characters", max);
		field_errors_bad_text(errors, field, name, why);
	}
	if (label ? !is_label(name, strlen(name)) : !is_subdomain(name))
		field_errors_bad_text(errors, field, name, label ? label_rule : subdomain_rule);
}

/* Letters, digits, '-', '_' and '.', ends are letters or digits. */
static bool is_name_part(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || !letter_or_digit(s[0]) || !letter_or_digit(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!letter_or_digit(s[i]) && strchr("-_.", s[i]) == NULL)
			return false;
	return true;
}

static void validate_qualified(const char *field, const char *key, struct field_errors *errors)
{
	const char *slash = strchr(key, '/');
	const char *name = slash != NULL ? slash + 1 : key;

	if (slash != NULL) {
		char *prefix = must_copy(key, (size_t)(slash - key));

		if (!is_subdomain(prefix))
			field_errors_bad_text(errors, field, key, subdomain_rule);
		free(prefix);
	}
	if (strlen(name) > 63)
		field_errors_bad_text(errors, field, key, "name part must be no more than 63 characters");
	if (!is_name_part(name))
		field_errors_bad_text(errors, field, key, name_part_rule);
}

static void validate_maps(struct tree *t, const struct node *meta, struct field_errors *errors)
{
	static const char *const names[] = {"labels", "annotations"};
	size_t total = 0;

	for (size_t m = 0; m < ARRAY_LEN(names); m++) {
		const struct node *map = node_get(meta, names[m]);
		char field[32];

		(void)snprintf(field, sizeof(field), "metadata.%s", names[m]);
		for (uint32_t i = 0; map != NULL && map->kind == NODE_OBJECT && i < map->count; i++) {
			char *key = must_copy(map->members[i].key, map->members[i].len);
			size_t len = 0;
			const char *value = node_str(t, map->members[i].value, &len);

			validate_qualified(field, key, errors);
			free(key);
			total += m == 1 ? len + map->members[i].len : 0;
			if (m == 0 && value != NULL && value[0] != '\0' && !is_name_part(value))
				field_errors_bad_text(errors, field, value, value_rule);
			else if (m == 0 && len > 63)
				field_errors_bad_text(errors, field, value, "must be no more than 63 bytes");
		}
	}
	if (total > ANNOTATIONS_MAX)
		field_errors_add(errors, FIELD_LONG, "metadata.annotations", "may not be more than %u bytes",
				 ANNOTATIONS_MAX);
}

static void validate_finalizers(struct tree *t, const struct node *meta, struct field_errors *errors)
{
	const struct node *list = node_get(meta, "finalizers");

	for (uint32_t i = 0; list != NULL && list->kind == NODE_ARRAY && i < list->count; i++) {
		const char *text = node_str(t, list->items[i], NULL);

		if (text != NULL)
			validate_qualified("metadata.finalizers", text, errors);
	}
}

void metadata_validate_create(struct tree *t, const struct resource *r, const struct node *meta,
			      struct field_errors *errors)
{
	const char *name = metadata_text(t, meta, "name");

	if (name[0] == '\0')
		field_errors_add(errors, FIELD_REQUIRED, "metadata.name", "name or generateName is required");
	else
		validate_name(r, "metadata.name", name, errors);
	validate_maps(t, meta, errors);
	validate_finalizers(t, meta, errors);
}

static bool has_text(const struct node *list, const struct node *text)
{
	for (uint32_t i = 0; list != NULL && list->kind == NODE_ARRAY && i < list->count; i++)
		if (node_equal(list->items[i], text))
			return true;
	return false;
}

/* An object that is being deleted may lose finalizers, not gain them. */
static void validate_new_finalizers(struct tree *t, const struct node *meta, const struct node *old,
				    struct field_errors *errors)
{
	const struct node *list = node_get(meta, "finalizers");
	struct buf added;

	must_buf(&added);
	for (uint32_t i = 0; list != NULL && list->kind == NODE_ARRAY && i < list->count; i++) {
		if (has_text(node_get(old, "finalizers"), list->items[i]))
			continue;
		must_printf(&added, "%s\"%s\"", added.len > 0 ? ", " : "", node_str(t, list->items[i], NULL));
	}
	if (added.len > 0)
		field_errors_add(errors, FIELD_FORBIDDEN, "metadata.finalizers",
				 "no new finalizers can be added if the object is being deleted, found new "
				 "finalizers []string{%s}",
				 added.data);
	buf_free(&added);
}

void metadata_validate_update(struct tree *t, const struct node *meta, const struct node *old,
			      struct field_errors *errors)
{
	static const char *const immutable[] = {"uid", "deletionTimestamp"};

	if (node_get(old, "deletionTimestamp") != NULL)
		validate_new_finalizers(t, meta, old, errors);
	for (size_t i = 0; i < ARRAY_LEN(immutable); i++) {
		const char *now = metadata_text(t, meta, immutable[i]);
		char field[64];

		(void)snprintf(field, sizeof(field), "metadata.%s", immutable[i]);
		if (strcmp(now, metadata_text(t, old, immutable[i])) != 0) {
			field_errors_bad_text(errors, field, now, "field is immutable");
			field_errors_bad_text(errors, field, now, "field is immutable");
		}
	}
	validate_maps(t, meta, errors);
	validate_finalizers(t, meta, errors);
}
