/**
 * reflector_policy: what a reflector does after a list or a watch has ended, and why.
 *
 * The reaction table WCH-7 with our WCH-8, WCH-9, WCH-14 and the rules LST-3 to LST-5, LST-12 and LST-13, as
 * functions of facts: no clock, no randomness, no I/O.
 */
#ifndef KUBE_REFLECTOR_POLICY_H
#define KUBE_REFLECTOR_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "kube/client.h"
#include "kube/reflector.h"

/** What to do next. */
enum reflector_step {
	REFLECTOR_DISCOVER,
	REFLECTOR_LIST,  /* from its first page */
	REFLECTOR_WATCH, /* from the last known resourceVersion */
};

/** How soon. */
enum reflector_pace {
	REFLECTOR_NOW,
	REFLECTOR_SPREAD,  /* up to min_watch_ms: many clients lost the same server just now (WCH-14) */
	REFLECTOR_BACKOFF, /* growing, at least retry_after_s */
};

struct reflector_verdict {
	enum reflector_restart reason;
	enum reflector_step step;
	enum reflector_pace pace;
	uint32_t retry_after_s; /* what the server asked for, 0 where it did not */
	bool absent;            /* 404: the resource is not served in this version */
	bool paged;             /* the next list comes in pages; only after a streaming list */
};

struct reflector_watch_end {
	const struct kube_answer *answer;
	bool broken;                     /* a frame was refused: not JSON, too long, unknown type */
	bool error_event;                /* the server sent ERROR ... */
	const struct kube_status *event; /* ... with this Status, or NULL: with something else */
	bool healthy;           /* an event or bookmark came, or it lived for min_watch_ms after a 2xx */
	bool unproven;          /* no watch has been healthy since the last list */
	bool full_life;         /* lived (nearly) as long as it was asked to */
	uint32_t short_watches; /* not healthy ones in a row that just ended, this one included */
};

/** Watches that are opened and closed at once, in a row, before the reflector tries a list instead. */
#define REFLECTOR_SHORT_WATCHES 5

struct reflector_verdict reflector_after_watch(const struct reflector_watch_end *end);

/** A list, or the discovery before it, has failed. @broken: its body was not what it should be. @first_page:
 * false where pages had been read already. */
struct reflector_verdict reflector_after_list(const struct kube_answer *answer, bool broken, bool first_page);

struct reflector_stream_end {
	const struct kube_answer *answer;
	bool broken; /* as in reflector_watch_end, these three */
	bool error_event;
	const struct kube_status *event;
	bool stalled;          /* given up because it does not come to its end */
	unsigned int in_a_row; /* streams that ended so since the last whole list, this one included */
};

/** So many are tried before pages, where it may have been the network. */
#define REFLECTOR_STREAM_TRIES 3

/** A streaming list has ended before its end mark. */
struct reflector_verdict reflector_after_stream(const struct reflector_stream_end *end);

/** Puts into words why @answer is a failure. Returns its code. */
int reflector_explain(const struct kube_answer *answer, struct error *err);

#endif
