#include "controller/refusals.h"

#define ENOUGH 2

bool refusals_add(struct refusals *r, bool watch, enum reflector_restart reason, uint64_t patience_ms,
		  uint64_t now_ms)
{
	if (watch || (reason != REFLECTOR_RESTART_FORBIDDEN && reason != REFLECTOR_RESTART_ABSENT))
		return false;
	if (r->count++ == 0)
		r->since_ms = now_ms;
	if (r->count < ENOUGH)
		return false;
	/* What a server had does not go away; another one may not have it yet. */
	return (reason == REFLECTOR_RESTART_ABSENT && !r->listed) || now_ms - r->since_ms >= patience_ms;
}

void refusals_listed(struct refusals *r)
{
	*r = (struct refusals){.listed = true};
}
