/**
 * stats: what the server has counted, for tests to look at.
 */
#ifndef APISIM_STATS_H
#define APISIM_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "apisim/object.h"
#include "base/arena_table.h"

enum stats_verb {
	STATS_GET,
	STATS_LIST,
	STATS_WATCH,
	STATS_CREATE,
	STATS_UPDATE,
	STATS_PATCH,
	STATS_DELETE,
	STATS_DELETE_COLLECTION,
	STATS_OTHER,
	STATS_VERB_COUNT,
};

struct stats {
	uint64_t requests[STATS_VERB_COUNT];
	uint64_t codes[600];  /* answers by status */
	uint64_t conflicts;   /* 409 and failed JSON patches */
	uint64_t unchanged;   /* writes that changed nothing */
	uint64_t events_sent; /* to all watches */
	uint64_t watches_cut; /* too slow */
	struct arena counts;
	struct arena_table by_object; /* successful writes, keyed by resource and namespace/name */
};

/** @s may not move. */
void stats_init(struct stats *s);
void stats_free(struct stats *s);
void stats_reset(struct stats *s);

/** One successful write of @o. */
void stats_wrote(struct stats *s, const struct object *o);

/** Appends members to a JSON object that is open in @out: "requests":{...},... @by_object: also the writes of
 * each. */
void stats_write(const struct stats *s, bool by_object, struct buf *out);

#endif
