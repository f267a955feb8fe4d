/**
 * refusals: how often in a row a resource could not be listed, and whether that means that it cannot be read.
 *
 * One list that is forbidden or not there says little: a server that starts forbids everything until it knows
 * its RBAC rules, and the first list may be that of a version that is not served, while another one is. Other
 * failures say nothing at all: what was known stays. Pure.
 */
#ifndef CONTROLLER_REFUSALS_H
#define CONTROLLER_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "kube/reflector.h"

/** A zeroed one has seen nothing. */
struct refusals {
	unsigned int count;
	uint64_t since_ms;
	bool listed; /* once it could be read */
};

/** A list, or a watch, has ended for @reason. True: the resource cannot be read. @patience_ms: so long
 * forbidden, or gone after it was there, does not count yet. */
bool refusals_add(struct refusals *r, bool watch, enum reflector_restart reason, uint64_t patience_ms,
		  uint64_t now_ms);

/** It could be read. */
void refusals_listed(struct refusals *r);

#endif
