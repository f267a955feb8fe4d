/**
 * yamldoc: a YAML text (so JSON too) as a jansson value, for small files that people write.
 *
 * Mappings become objects, sequences arrays, scalars strings (their text, whatever YAML would make of it:
 * `1`, `true` and `"1"` are strings) and plain null, ~ or nothing becomes null. Refused with line and reason:
 * aliases (an alias can blow a small file up), merge keys, tags, duplicate keys, keys that are not scalars, a
 * second document, nesting over YAMLDOC_MAX_DEPTH, more than YAMLDOC_MAX_NODES values. No I/O.
 */
#ifndef KUBE_YAMLDOC_H
#define KUBE_YAMLDOC_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

#define YAMLDOC_MAX_DEPTH 32
#define YAMLDOC_MAX_NODES 200000

/** Parses @n bytes of UTF-8 (a byte order mark is fine). On success *out must be given to json_decref() (an
 * empty text is null); on failure it is untouched. Returns 0, -EINVAL (err says where and why, in one line),
 * -ENOMEM. */
int yamldoc_parse(json_t **out, const char *text, size_t n, struct error *err);

#endif
