/**
 * watch: one client's view of a resource's history: a place in it, a filter, a deadline.
 *
 * A watch holds no events. It reads the shared history when its connection has room; one that falls too far
 * behind, or whose events are gone, is cut off (WCH-10).
 */
#ifndef APISIM_WATCH_H
#define APISIM_WATCH_H

#include "apisim/exchange.h"
#include "apisim/list_options.h"

struct watch {
	struct list link; /* in the server's list */
	struct exchange *x;
	struct collection *from;
	struct list_options options;
	char *prefix;      /* keys that it is about: "" or "namespace/" */
	uint64_t next;     /* sequence number in the history */
	uint64_t start_rv; /* events up to this revision are not for it */
	uint64_t deadline_ms;
	uint64_t bookmark_ms;
	struct object_list initial; /* what is to be sent first */
	size_t initial_at;
	bool initial_done;
	uint64_t sent; /* events */
	bool pumping;
	bool stopped;
};

/** Sends what there is, as far as the connection takes it. */
void watch_pump(struct watch *w);

/** Events that it has not been sent. */
uint64_t watch_behind(const struct watch *w);

/** Sends these bytes as they are. */
void watch_inject(struct watch *w, const char *data, size_t len);

/** Ends the answer in good order. */
void watch_end(struct watch *w);

/** Forgets the watch: its connection ends. Then watch_free(), NULL is fine. */
void watch_stop(struct watch *w);
void watch_free(struct watch *w);

#endif
