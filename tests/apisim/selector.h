/**
 * selector: the labelSelector and fieldSelector of a list or watch.
 */
#ifndef APISIM_SELECTOR_H
#define APISIM_SELECTOR_H

#include <stdbool.h>

#include "apisim/object.h"
#include "apisim/resource.h"
#include "base/buf.h"

#define SELECTOR_MAX_TERMS  16
#define SELECTOR_MAX_VALUES 16

enum selector_op {
	SELECTOR_IN,
	SELECTOR_NOT_IN,
	SELECTOR_EXISTS,
	SELECTOR_ABSENT,
	SELECTOR_ABOVE,
	SELECTOR_BELOW
};

struct selector_term {
	enum selector_op op;
	char *key;
	char *values[SELECTOR_MAX_VALUES];
	int value_count;
};

struct selector {
	struct selector_term labels[SELECTOR_MAX_TERMS];
	int label_count;
	struct selector_term fields[SELECTOR_MAX_TERMS];
	int field_count;
};

/** Parses both texts ("" selects all). Returns 0, or -EINVAL with the API server's words in @why. In both
 * cases selector_free() is due. */
int selector_parse(struct selector *s, const struct resource *r, const char *labels, const char *fields,
		   struct buf *why);
void selector_free(struct selector *s);

bool selector_empty(const struct selector *s);
bool selector_matches(const struct selector *s, const struct object *o);

/** The name where the selector asks for exactly one by metadata.name, else NULL. */
const char *selector_name(const struct selector *s);

#endif
