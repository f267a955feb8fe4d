/**
 * lack: why a VMI has no CID that works, in a word for a table and in a sentence for people. Pure.
 */
#ifndef CONTROLLER_PLUGIN_LACK_H
#define CONTROLLER_PLUGIN_LACK_H

#include "controller/plugin/cluster.h"
#include "controller/vmi.h"

enum lack {
	LACK_NOTHING,    /* it has one */
	LACK_UNWANTED,   /* it does not ask for one, and has none */
	LACK_UNREADABLE, /* the object is not as the API promises */
	LACK_ENDED,      /* its guest has ended */
	LACK_TOO_LATE,   /* it has started without one */
	LACK_GATE_OFF,
	LACK_REVERTED, /* what was written was put back */
	LACK_REFUSED,  /* what was written was refused, or none is free */
	LACK_OBSERVED, /* the controller only observes */
	LACK_HELD,     /* the admission policy keeps it from starting until it has one */
	LACK_WAITING,
	LACK_COUNT,
};

/** Only with @c: what the gate, the hold and the controller say. */
enum lack lack_of(const struct vmi *v, const struct cluster *c);

/** "gate-off", "too-late", ...; "" for LACK_NOTHING. */
const char *lack_name(enum lack lack);

/** A sentence. @c and @v as before. Borrowed from @c, or static. */
const char *lack_text(enum lack lack, const struct vmi *v, const struct cluster *c);

#endif
