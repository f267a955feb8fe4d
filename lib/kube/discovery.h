/**
 * discovery: which versions of an API group a server serves, from the answer to GET /apis/GROUP.
 */
#ifndef KUBE_DISCOVERY_H
#define KUBE_DISCOVERY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** Most versions of one group that a caller can prefer. */
#define DISCOVERY_MAX_VERSIONS 8

/** Reads an APIGroup document. Bit i of *served is set where the server serves @versions[i]
 * (NULL-terminated). Returns 0 or -EBADMSG with err where @body is no APIGroup; then *served is untouched. */
int discovery_parse(uint32_t *served, const char *body, size_t len, const char *const *versions,
		    struct error *err);

#endif
