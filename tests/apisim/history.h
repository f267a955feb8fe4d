/**
 * history: the last changes of one resource, oldest first. Watches read it at their own pace by sequence
 * number, so an event is stored once for all of them; what they want may be gone by then (410).
 */
#ifndef APISIM_HISTORY_H
#define APISIM_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "apisim/object.h"

enum event_type { EVENT_ADDED, EVENT_MODIFIED, EVENT_DELETED };

struct event {
	uint64_t rv;
	enum event_type type;
	struct object *object; /* the state after; of a deletion the last one with the deletion's rv */
	struct object *old;    /* the state before, NULL for ADDED */
};

struct history {
	struct event *ring;
	size_t room; /* a power of two */
	size_t max_count;
	size_t max_bytes;
	size_t bytes;         /* text that the events hold */
	uint64_t first, next; /* sequence numbers of the oldest event and of the one to come */
	uint64_t compacted;   /* changes up to this revision are gone */
};

/** @compacted: the revision at which the server starts. */
void history_init(struct history *h, size_t max_count, size_t max_bytes, uint64_t compacted);
void history_free(struct history *h);

/** Takes over the references in @e; drops the oldest events where there are too many. */
void history_add(struct history *h, struct event e);

/** @seq between first and next. Borrowed until the next history_add(). */
const struct event *history_at(const struct history *h, uint64_t seq);

/** Sequence number of the first event after revision @rv. */
uint64_t history_after(const struct history *h, uint64_t rv);

/** Forgets everything up to @rv, as etcd's compaction does. */
void history_compact(struct history *h, uint64_t rv);

#endif
