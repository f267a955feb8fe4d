/**
 * continue_token: where the next page of a list begins and of which revision the list is, as the text that
 * clients hand back: unpadded base64url of {"v":"meta.k8s.io/v1","rv":N,"start":"key\u0000"} (LST-3 ..
 * LST-5).
 */
#ifndef APISIM_CONTINUE_TOKEN_H
#define APISIM_CONTINUE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/** @start: relative to the listed range, e.g. "/ns/name". @after: the page begins behind it, not at it. */
void continue_token_write(struct buf *out, int64_t rv, const char *start, bool after);

/** What a token says. */
struct continue_token {
	int64_t rv;       /* positive, or -1 for "now" */
	struct buf start; /* without its leading slash */
	bool after;       /* the page begins behind that key, not at it */
};

/** Reads @text; @start must be initialised. Returns 0, or -EINVAL with the API server's words in @why. */
int continue_token_read(const char *text, struct continue_token *out, struct buf *why);

#endif
