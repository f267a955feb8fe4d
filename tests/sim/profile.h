/**
 * profile: what kind of run a seed makes: the size of the cluster, the range, the pace, and how often what
 * goes wrong. Drawn once, at the start of a run. Pure.
 *
 * Glossary: a *wide* run has term stripes that hold many CIDs, several controllers may be alive at once, and
 * what a dead one has sent may land at any time later. A *tiny* run has a range of a few CIDs, so that every
 * value is used again and again and the range runs out; there, one controller is alive at a time and what it
 * sent dies with it, because across processes DESIGN promises nothing for ranges that small. A *calm* run has
 * no faults.
 */
#ifndef SIM_PROFILE_H
#define SIM_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "cid/range.h"

enum fault {
	/* of a request; at most one strikes each */
	FAULT_NO_CONNECTION, /* it never leaves */
	FAULT_LOST_REQUEST,  /* it never arrives */
	FAULT_LOST_ANSWER,   /* it is carried out, nobody hears of it */
	FAULT_LATE,          /* it is carried out long after the client gave up */
	FAULT_REFUSED,       /* 403 */
	FAULT_THROTTLED,     /* 429 */
	FAULT_BROKE_BEFORE,  /* 500, nothing done */
	FAULT_BROKE_AFTER,   /* 500, all done */
	FAULT_REVERTED,      /* 200 with the old status */
	FAULT_FALSE_404,     /* something in between does not know the resource */
	FAULT_FALSE_422,     /* refused though the conditions hold */
	FAULT_GARBLED,       /* done, the answer cannot be read */
	/* of a process's view */
	FAULT_WATCH_STALLED,
	FAULT_WATCH_CUT,
	FAULT_WATCH_EXPIRED, /* 410 when it is resumed */
	FAULT_LIST_CUT,
	FAULT_LIST_STALE, /* not of the first list (I3) */
	/* of a process */
	FAULT_CRASHED,
	FAULT_PAUSED,
	FAULT_OVERLAPPED, /* another process starts beside it */
	FAULT_STOPPED,
	FAULT_NOT_RENEWED, /* its renewal of the Lease fails */
	FAULT_TERM_LOST,
	FAULT_TERM_RAISED,
	FAULT_TERM_EDITED, /* the Lease's, by hand, to a higher one */
	FAULT_GATE_MOVED,
	FAULT_NO_MEMORY, /* per allocation */
	/* of the cluster */
	FAULT_PRESEEDED,   /* a VMI is created with a CID */
	FAULT_FOREIGN,     /* somebody sets, changes or removes a CID */
	FAULT_OVERWRITTEN, /* a CID is replaced in the write that sets Scheduled, as stock KubeVirt does */
	FAULT_CONTESTED,   /* somebody undoes each of our writes to this VMI at once */
	FAULT_WIPED,       /* a status is removed */
	FAULT_FLAWED,      /* an object becomes unreadable */
	FAULT_COMPACTED,   /* the server forgets the past */
	FAULT_SETTINGS,    /* the settings change (settings.h) */
	FAULT_COUNT,
};

#define FAULT_LAST_OF_REQUEST FAULT_GARBLED

extern const char *const fault_names[FAULT_COUNT];

#define PROFILE_MAX_EXCLUDED 4 /* entries; they may overlap */

struct profile {
	bool wide;
	bool calm;
	bool same_seed;     /* all controllers draw the same random numbers */
	bool eager;         /* term and gate are told before the first list is complete */
	uint32_t processes; /* most controllers alive at the same time */
	uint32_t min;       /* of the range of CIDs */
	uint32_t max;
	struct cid_span excluded[PROFILE_MAX_EXCLUDED];
	uint32_t excluded_count;
	uint32_t slots;   /* names of VMIs */
	uint32_t actions; /* things that happen in the cluster before it comes to rest */
	uint32_t pace_ms; /* between two of them, on average */
	uint32_t window;  /* at first, as are quarantine and range: settings.h */
	uint32_t quarantine_ms;
	uint32_t delay_ms;   /* of a message, at most, in good times */
	uint32_t timeout_ms; /* after which a client gives up */
	uint32_t right_ms;   /* how long a renewal of the Lease gives the right to write */
	uint32_t first_term;
	uint64_t first_version;
	uint16_t chance[FAULT_COUNT]; /* of 1,000, per occasion: request, delivery, action */
};

void profile_draw(struct profile *p, struct rng *rng);

#endif
