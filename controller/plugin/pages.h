/**
 * pages: that a list in pages comes to its end, whatever the server says. Pure.
 */
#ifndef CONTROLLER_PLUGIN_PAGES_H
#define CONTROLLER_PLUGIN_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** More pages than any cluster has: 50 million objects. */
#define PAGES_MAX 100000

/** Zero it before the first page. */
struct pages {
	size_t count;
	uint64_t token; /* a hash of the last one */
};

/** A page has come, and the next one is to be asked for with the continue token @token. Returns 0, or -EPROTO
 * where that is the token of the page that has just come, or there were PAGES_MAX. */
int pages_go_on(struct pages *p, const char *token, struct error *err);

#endif
