/**
 * said: the mode that the controller itself says it is in, and who says so. Pure.
 *
 * From outside only the mode can be worked out that it would take; that its writes do not last, or that the
 * server does not run the policies it stores, only the controller knows.
 */
#ifndef CONTROLLER_PLUGIN_SAID_H
#define CONTROLLER_PLUGIN_SAID_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/mode.h"

enum said_by {
	SAID_BY_NOBODY,
	SAID_BY_ARGUMENTS, /* --mode=observe: then there are no events */
	SAID_BY_EVENT, /* VSOCKCIDMode, on the KubeVirt CR: it is there for an hour after the mode changed */
	SAID_BY_POD,   /* at /readyz: as it is now */
};

struct said {
	enum said_by by;
	enum mode mode;
	char reason[MODE_TEXT_SIZE];
	char text[MODE_TEXT_SIZE + 32]; /* both: "mode observe: ..." */
	char source[256];               /* the pod's name; the time of the event, as the API has it; "" */
};

/** "none", "arguments", "event", "pod". */
const char *said_by_name(enum said_by by);

#define SAID_SOURCE_SIZE 320

/** How that is known, to come behind a reason: " (pod NAME says so)". Returns @out. */
const char *said_source(const struct said *said, char out[static SAID_SOURCE_SIZE]);

/** Reads a text that begins with "mode NAME: REASON", up to the end of the line. Returns false, and leaves
 * @out alone, where it does not. */
bool said_read(struct said *out, enum said_by by, const char *source, const char *text);

/** The line of @body that begins with @word, NULL: there is none. Borrowed from @body. */
const char *said_line(const char *body, const char *word);

/** The mode of the body of /readyz of the pod @pod, and whether that one @leads. What one that does not lead
 * says counts only where it was told to observe: of writes it knows nothing. Returns whether @out was set. */
bool said_read_pod(struct said *out, const char *pod, const char *body, bool ready, bool *leads);

#endif
