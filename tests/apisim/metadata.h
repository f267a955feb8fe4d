/**
 * metadata: what the API server checks and sets in an object's metadata.
 */
#ifndef APISIM_METADATA_H
#define APISIM_METADATA_H

#include "apisim/field_errors.h"
#include "apisim/resource.h"
#include "apisim/tree.h"

/** Removes what the server does not keep: unknown members (listed in @unknown as in schema_prune()), nulls,
 * empty maps. @root is the whole object. */
void metadata_prune(const struct resource *r, struct node *root, struct buf *unknown);

/** Would it decode? Else writes what Go says. @root is the whole object. */
bool metadata_decode(struct tree *t, const struct resource *r, const struct node *root,
		     struct buf *complaint);

/** The metadata of @root, made if it is absent or no object. */
struct node *metadata_of(struct tree *t, struct node *root);

/** Checks on creation and on update. */
void metadata_validate_create(struct tree *t, const struct resource *r, const struct node *meta,
			      struct field_errors *errors);
void metadata_validate_update(struct tree *t, const struct node *meta, const struct node *old,
			      struct field_errors *errors);

/** Text of a member; "" where it is absent. In @t. */
const char *metadata_text(struct tree *t, const struct node *meta, const char *key);

/** Sets a text member. */
void metadata_set(struct tree *t, struct node *meta, const char *key, const char *value);

/** "2006-01-02T15:04:05Z" of now. */
#define METADATA_TIME_SIZE 24
void metadata_now(char out[static METADATA_TIME_SIZE]);

#endif
