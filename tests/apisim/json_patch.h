/**
 * json_patch: RFC 6902 as the API server's library (json-patch v4) understands it, deviations included
 * (kubernetes-client.md PAT-2 .. PAT-7): `test` compares scalars by their text, `replace` may create a
 * member, a missing `value` is null, `-1` is the last item, the text before the first slash of a path is
 * ignored.
 */
#ifndef APISIM_JSON_PATCH_H
#define APISIM_JSON_PATCH_H

#include "apisim/tree.h"

#define JSON_PATCH_MAX_OPS  10000
#define JSON_PATCH_MAX_COPY (3u << 20) /* bytes that all copy operations together may add */

/** Applies the array @ops to *root, in order; on failure *root is half changed and must be thrown away. The
 * text of @ops must live as long as @t. Elements must have passed json_patch_check(). Returns 0, -EINVAL (an
 * operation failed: 422), -EFAULT (the library would panic: PAT-6). */
int json_patch_apply(struct tree *t, struct node **root, const struct node *ops);

/** Are the types those of a patch? Returns NULL, or what Go says about the first wrong one, e.g. "json:
 * cannot unmarshal object into Go value of type []handlers.jsonPatchOp". @ops null counts as an empty patch.
 */
const char *json_patch_check(struct tree *t, const struct node *ops);

/** "string", "number", ... as Go's errors call a JSON value. */
const char *json_patch_kind_name(const struct node *n);

#endif
