/**
 * profile: what kind of run a seed makes: how large the cluster is, how fast things are, and how often what
 * goes wrong. Drawn once, at the start of a run. Pure.
 *
 * Glossary: a *calm* run has no faults but processes that end. A *tagged* run is one outside I1: somebody
 * deletes the Lease or sets its term back (DESIGN "Term stripes").
 */
#ifndef SIM_WHOLE_PROFILE_H
#define SIM_WHOLE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "cid/range.h"

enum fault {
	/* of a connection that is made */
	FAULT_REFUSED,
	FAULT_NO_CONNECTION, /* nobody answers */
	/* of a request; at most one strikes each */
	FAULT_SILENT, /* the connection goes silent */
	FAULT_LOST_REQUEST,
	FAULT_LATE_REQUEST, /* up to 3 minutes */
	FAULT_LOST_ANSWER,
	FAULT_LATE_ANSWER,
	FAULT_CUT_ANSWER,
	FAULT_GATEWAY, /* carried out, answered with 504 */
	FAULT_GARBLED, /* carried out, answered with something that is not JSON */
	FAULT_TWICE,   /* a proxy sends it twice, if it is no POST */
	FAULT_429,
	FAULT_500,
	FAULT_403,
	FAULT_404, /* of custom resources, as while a server starts */
	/* of a list */
	FAULT_LIST_CUT, /* ends anywhere */
	/* of a piece of a watch; at most one strikes each */
	FAULT_WATCH_SILENT,
	FAULT_WATCH_CUT,
	FAULT_WATCH_LATE, /* up to 5 minutes: the cache is stale */
	/* of any message */
	FAULT_SLOW, /* up to 4 s */
	/* of a turn of a process */
	FAULT_HALTED, /* stopped between a decision and the sending */
	/* of processes, per action */
	FAULT_KILLED,
	FAULT_TERMINATED, /* SIGTERM */
	FAULT_PAUSED,
	FAULT_SUSPENDED, /* its machine */
	FAULT_CUT_OFF,
	FAULT_STRUCK, /* the leader ends, is paused or loses the Lease amid a burst of VMIs; per burst */
	/* of the server, per action */
	FAULT_RESTARTED,
	FAULT_STALLED, /* does nothing for a while */
	FAULT_COMPACTED,
	FAULT_WATCHES_ENDED,
	FAULT_FORGOTTEN,  /* compacts and ends all watches: everybody has to list again */
	FAULT_NOT_SERVED, /* requests about custom resources get 503 for a while */
	/* of the Lease, per action */
	FAULT_HOLDER_EDITED,
	FAULT_HOLDER_REMOVED,
	FAULT_TERM_RAISED, /* by hand, by a few */
	FAULT_LEASE_DECORATED,
	FAULT_LEASE_DELETED, /* tagged */
	FAULT_TERM_LOWERED,  /* tagged */
	FAULT_SET_BACK,      /* tagged; amid a burst the holder is removed and the term lowered; per strike */
	/* of the cluster */
	FAULT_BURST,       /* many VMIs at once */
	FAULT_PRESEEDED,   /* a VMI is created with a CID */
	FAULT_FOREIGN,     /* somebody sets, changes or removes a CID */
	FAULT_OVERWRITTEN, /* a CID is replaced in the write that sets Scheduled */
	FAULT_REVERTED,    /* our write gets 200 and the old status */
	FAULT_GATE_MOVED,
	FAULT_SETTINGS_MOVED, /* somebody edits the ConfigMap of settings, not always rightly */
	FAULT_COUNT,
};

#define FAULT_LAST_OF_REQUEST FAULT_404

extern const char *const fault_names[FAULT_COUNT];

/* Chances are of so many. */
#define CHANCES 10000

struct profile {
	bool calm;
	bool tagged;
	bool same_seed;     /* all processes draw the same random numbers */
	bool first_install; /* there is no Lease yet */
	bool old_server;    /* it has no streaming lists */
	bool blind;         /* watches are minutes late, and the Lease changes hands all the same */
	uint32_t processes; /* replicas */
	uint32_t min;       /* of the range of CIDs */
	uint32_t max;
	struct cid_span excluded;
	uint32_t excluded_count;
	struct cid_span forbidden; /* what the ConfigMap excludes beside that, when it does */
	uint32_t slots;            /* names of VMIs */
	uint32_t actions;          /* things that happen in the cluster before it comes to rest */
	uint32_t pace_ms;          /* between two of them, on average */
	uint32_t window;           /* --writes-in-flight */
	uint32_t quarantine_ms;
	uint32_t lease_ms, deadline_ms, retry_ms;
	uint32_t first_term;
	uint32_t delay_us;            /* of a message, about, in good times */
	uint32_t lag_us;              /* pieces of a watch may be late by so much */
	uint32_t lags;                /* of 8 pieces, so many are */
	uint32_t cpu_us;              /* least time between two turns of a process */
	uint32_t splits;              /* of 8: answers that come in pieces */
	uint32_t skew;                /* clocks run so many 1/1024 faster or slower at most */
	uint16_t chance[FAULT_COUNT]; /* of CHANCES, per occasion */
};

void profile_draw(struct profile *p, struct rng *rng);

#endif
