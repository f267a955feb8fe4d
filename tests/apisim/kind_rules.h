/**
 * kind_rules: what the API server does for one kind only: defaults on creation and checks beyond the schema.
 */
#ifndef APISIM_KIND_RULES_H
#define APISIM_KIND_RULES_H

#include "apisim/field_errors.h"
#include "apisim/resource.h"
#include "apisim/tree.h"

/** Completes a new object. */
void kind_rules_prepare(struct tree *t, const struct resource *r, struct node *root, struct node *meta);

/** Checks a new or changed one. */
void kind_rules_validate(struct tree *t, const struct resource *r, const struct node *root,
			 const struct node *meta, struct field_errors *errors);

#endif
