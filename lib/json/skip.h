/**
 * json_skip: the short way through containers that nobody wants, which is most of a document.
 */
#ifndef JSON_SKIP_H
#define JSON_SKIP_H

#include "json/position.h"

/** Reads whole tokens from @p on and moves @at with them, as long as they are easy (strings without escapes
 * and in ASCII, plain integers, all of it before @end) and the container stays inside of another one that
 * is deeper than @floor. Returns where it stopped: perhaps at once, and perhaps at something that is no JSON.
 * Whoever knows the whole grammar goes on from there. */
const char *json_skip(struct json_position *at, size_t floor, const char *p, const char *end);

#endif
