/**
 * json_skip: the short way through values that nobody wants, which is most of a document.
 */
#ifndef JSON_SKIP_H
#define JSON_SKIP_H

#include "json/position.h"

/** Reads on from @p, from where @at says, and moves @at with it: one value, where a value must come in the
 * container at depth @floor (>= 1), or, within a container deeper than that, the rest of it up to depth
 * @floor. It stops behind that value, or earlier, perhaps at once, at whatever is not easy: easy is compact
 * JSON, strings without escapes and in ASCII, plain integers, all of it well before @end. Returns where it
 * stopped, which is perhaps no JSON: whoever knows the whole grammar goes on from there. */
const char *json_skip(struct json_position *at, size_t floor, const char *p, const char *end);

#endif
