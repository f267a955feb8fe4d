/**
 * merge_patch: RFC 7386 as the API server's library (json-patch v4) does it: a null removes, objects merge,
 * anything else replaces; nulls inside a new object vanish, nulls inside an array that replaces an object
 * stay.
 */
#ifndef APISIM_MERGE_PATCH_H
#define APISIM_MERGE_PATCH_H

#include "apisim/tree.h"

/** Merges the object @patch into the object @doc. Parts of @patch become parts of @doc: its text must live as
 * long, and it must not be used again. */
void merge_patch_apply(struct tree *t, struct node *doc, struct node *patch);

#endif
