/**
 * store: all objects, sorted as etcd sorts them, one revision counter over all resources, and the recent
 * history of each resource. Pure: no I/O, no clock.
 */
#ifndef APISIM_STORE_H
#define APISIM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apisim/history.h"
#include "apisim/object.h"

/** Objects sorted by key. */
struct object_list {
	struct object **items;
	size_t count;
	size_t room;
};

/** The state at a revision; empty where items is NULL. */
struct snapshot {
	uint64_t rv;
	struct object_list objects;
};

#define STORE_SNAPSHOTS 4 /* so many lists are paged through at a time without a copy for each page */

struct collection {
	const struct resource *resource;
	bool present; /* false: its CRD is not installed */
	bool dirty;   /* has events that watches have not been told of */
	struct object_list objects;
	struct history history;
	struct snapshot snapshots[STORE_SNAPSHOTS];
	size_t next_snapshot; /* the one to be replaced */
};

struct store {
	uint64_t revision;
	uint64_t compacted;  /* lists of older revisions are gone; watches go by their history alone */
	uint64_t to_compact; /* what store_tick() forgets next */
	struct collection collections[RESOURCE_COUNT];
};

struct store_options {
	size_t history_count; /* events a resource keeps */
	size_t history_bytes;
};

void store_init(struct store *s, const struct store_options *options);
void store_free(struct store *s);

struct collection *store_collection(struct store *s, const struct resource *r);

/** The object, borrowed until the next write; NULL where there is none. @namespace "" for resources without.
 */
struct object *store_get(struct store *s, const struct resource *r, const char *namespace, const char *name);

/** The revision that the next write will have. */
uint64_t store_next_revision(const struct store *s);

/** Commits @o, made with store_next_revision() and taken over, as new or in place of the one of its key. */
void store_put(struct store *s, struct object *o);

/** Commits the deletion of what is stored under @last's key; @last is taken over: the last state with the rv
 * of the deletion. */
void store_remove(struct store *s, struct object *last);

/** Commits @count new objects, sorted by key and made with the revisions to come, at once and without
 * history: older lists and watches are gone as after a compaction, and whoever watches @r must be ended.
 * Returns 0 and takes the objects over (not the array), or -EEXIST with nothing done. */
int store_add_all(struct store *s, const struct resource *r, struct object *const *objects, size_t count);

/** The revision goes on without a write (as another resource's write would). */
void store_skip_revision(struct store *s, uint64_t by);

/** The objects as they were at @rv: references in *out, freed with object_list_free(). Returns 0 or -ESTALE
 * (compacted). @rv not above the current revision. */
int store_snapshot(struct store *s, const struct resource *r, uint64_t rv, struct object_list *out);

/** The same to look at, borrowed until the next write. Costs nothing while nothing is newer than @rv, and one
 * snapshot for all pages of a list else. */
int store_view(struct store *s, const struct resource *r, uint64_t rv, const struct object_list **out);

/** Forgets the history of all resources, for lists and watches. */
void store_compact(struct store *s);

/** To be called at the interval of etcd's compaction: lists of what was old at the last call expire, as the
 * API server does it every five minutes. Watches are served from a cache and do not notice. */
void store_tick(struct store *s);

/** The state of revision @rv comes back and revisions count on from there, as after a restore of etcd. The
 * history is gone: watches must be ended. Returns 0, -EINVAL (from the future) or -ESTALE (compacted). */
int store_roll_back(struct store *s, uint64_t rv);

/** Removes the CRD and all its objects (no events: watches end), or brings it back empty. */
void store_set_present(struct store *s, const struct resource *r, bool present);

/** First index whose key is not below @key. */
size_t object_list_place(const struct object_list *l, const char *key);
void object_list_free(struct object_list *l);

#endif
