/**
 * schema: what a resource's objects may look like, as constant tables, and the two ways in which the API
 * server looks at them: custom resources are pruned and validated (422 with causes), built-in types are
 * decoded (400 with Go's words).
 */
#ifndef APISIM_SCHEMA_H
#define APISIM_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apisim/field_errors.h"
#include "apisim/tree.h"

enum schema_type {
	SCHEMA_ANY,
	SCHEMA_OBJECT,
	SCHEMA_MAP, /* of strings */
	SCHEMA_ARRAY,
	SCHEMA_STRING,
	SCHEMA_BOOLEAN,
	SCHEMA_INTEGER,
	SCHEMA_TIME,       /* RFC 3339 */
	SCHEMA_MICRO_TIME, /* exactly six digits of fraction (LE-1) */
};

struct schema_field;

struct schema {
	enum schema_type type;
	bool keep_unknown;   /* members that are not named stay */
	bool nullable;       /* null is a value; else it means absent */
	int64_t min, max;    /* of integers; equal: no bounds */
	const char *go_name; /* of the struct, for messages: "LeaseSpec" */
	const char *go_type; /* as a field's type: "v1.LeaseSpec", "int32" */
	const struct schema_field *fields;
	size_t field_count;
	const struct schema *items;
};

struct schema_field {
	const char *name;
	const struct schema *schema;
	bool required;
};

/** metadata of every object, as ObjectMeta. */
extern const struct schema schema_object_meta;
extern const struct schema schema_vmi, schema_kubevirt, schema_lease, schema_event, schema_namespace,
	schema_config_map, schema_service_account;

/** Drops members that are not in the schema and nulls that mean absent. Parts of the wrong type stay. The
 * paths of unknown members go to @unknown, one a line; NULL: nobody wants to know. @path is "" for the root.
 */
void schema_prune(const struct schema *s, struct node *n, const char *path, struct buf *unknown);

/** Custom resources: types, required members, bounds. @path is "" for the root. */
void schema_validate(const struct schema *s, const struct node *n, const char *path,
		     struct field_errors *errors);

/** Built-in types: writes what a decode would complain about first. @path is "" for the root. Returns true
 * where all is well. */
bool schema_decode(struct tree *t, const struct schema *s, const struct node *n, struct buf *complaint);

#endif
