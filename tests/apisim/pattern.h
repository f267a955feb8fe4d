/**
 * pattern: the text that many objects share, with marks where they differ, so that a million VMIs of 6 KB
 * need 6 KB and what is their own. Immutable, shared by reference count.
 *
 * Marks: @NAME@, @NAMESPACE@, @UID@, @RV@, and "@CID@" with its quotes, which becomes a number.
 */
#ifndef APISIM_PATTERN_H
#define APISIM_PATTERN_H

#include <stddef.h>

#include "base/buf.h"

struct object;
struct pattern;

/** Cuts @text, copied, at its marks. One reference. */
struct pattern *pattern_new(const char *text, size_t len);
struct pattern *pattern_ref(struct pattern *p);
void pattern_unref(struct pattern *p); /* NULL is fine */

/** The text as @o has it. */
void pattern_write(const struct pattern *p, const struct object *o, struct buf *out);

/** How long that is. */
size_t pattern_len(const struct pattern *p, const struct object *o);

#endif
